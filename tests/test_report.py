"""The report: what the page, the figures and the tables promise, checked without a browser."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import fields, replace
from functools import cache
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.plain import plain, spreadsheet
from bench.records import AnalysisPlan, Conclusion, Estimates, Fact, FailureLine, Interval, Pair
from bench.report import answers, claims, drawing, figures, order, palette, sentences, tables, words
from bench.report.cautions import warnings
from bench.report.folder import write
from bench.report.formats import KINDS, render
from bench.report.holding import holds
from bench.report.notes import note
from bench.report.page import facts, sureness
from bench.report.recommendation import recommendation
from bench.report.table import Cell, Column, Table, latex_text, letters, markdown_text, to_csv, to_latex, to_markdown
from tests.estimates_fixture import empty, synthetic

HOSTILE = '<script>alert("x")</script> $\\frac{1}{2}$ a|b & 100 %'


class Page(HTMLParser):
    """What a browser would see of a page: texts, ids, links, tags in order."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.tags.append((tag, known))
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.links += [value for name, value in attrs if name in {"href", "src", "action", "data"} and value]
        self.texts += [value for name, value in attrs if name in {"title", "aria-label", "alt"} and value]
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self._open[-1:]) and data.strip():
            self.texts.append(data.strip())

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)

    @property
    def programs(self) -> int:
        """How many scripts a browser would run."""
        return sum(name == "script" and known.get("type") != "application/json" for name, known in self.tags)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(synthetic(), tmp_path_factory.mktemp("report")).parent


@pytest.fixture(scope="module")
def html(folder: Path) -> str:
    return (folder / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def _small(**more: object) -> Estimates:
    return replace(synthetic(("PPO", "DQN"), ("CartPole-v1",), 5, failed=1, missing=1), **more)  # type: ignore[arg-type] # fields by name


def _page(estimates: Estimates, folder: Path) -> Page:
    index = write(estimates, folder, figure_formats=(), table_formats=())
    return Page(index.read_text(encoding="utf-8"))


# Words.


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Interval(0.83, 0.714, 0.92), "0.83 [0.71, 0.92]"),
        (Interval(-1220.4, -1300.0, -1100.0), "\N{MINUS SIGN}1,220 [\N{MINUS SIGN}1,300, \N{MINUS SIGN}1,100]"),
        (Interval(475.25, 460.0, 500.0), "475.2 [460.0, 500.0]"),
        (Interval(0.0147, 0.01, 0.02), "0.0147 [0.0100, 0.0200]"),
        (Interval(0.83), "0.83"),
        (Interval(0.83, math.nan, math.inf), "0.83"),
        (Interval(None, 0.1, 0.2), "\N{EN DASH}"),
        (Interval(math.nan), "\N{EN DASH}"),
    ],
)
def test_an_interval_reads_as_papers_print_it(value: Interval, text: str) -> None:
    assert words.interval(value) == text


def test_a_rounded_zero_has_no_sign() -> None:
    assert words.number(-0.004, 2) == "0.00"
    assert words.number(-0.006, 2) == "\N{MINUS SIGN}0.01"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("from -0.1 to +0.3", "from \N{MINUS SIGN}0.1 to +0.3"),
        ("-3 (-4 to [-2])", "\N{MINUS SIGN}3 (\N{MINUS SIGN}4 to [\N{MINUS SIGN}2])"),
        ("LunarLander-v3, seed-0, 1e-5, --seeds -x, 2-3", "LunarLander-v3, seed-0, 1e-5, --seeds -x, 2-3"),
    ],
)
def test_negative_numbers_in_sentences_have_the_minus_sign_of_the_tables_and_names_keep_their_hyphens(
    text: str, shown: str
) -> None:
    assert words.prose(text) == shown
    assert markdown_text(text) == shown.replace("[", r"\[").replace("]", r"\]")
    assert latex_text("-3") == "$-$3"


@given(st.floats() | st.none())
def test_no_number_is_ever_shown_as_nan_inf_or_none(value: float | None) -> None:
    shown = words.number(value) + words.probability(value) + words.percent(value)
    assert not re.search("nan|inf|none", shown, re.IGNORECASE)


def test_settings_are_written_as_a_reader_would() -> None:
    given_settings = {
        "clip_range": math.inf,
        "target_kl": None,
        "net": {"pi": [64, 64]},
        "normalize": True,
        "lr": "lin_3e-4",
    }
    assert words.settings(given_settings) == (
        "clip_range = ∞, target_kl = null, net = {pi: [64, 64]}, normalize = true, lr = lin_3e-4"
    )


def test_text_loses_what_xml_forbids_or_what_turns_it_around() -> None:
    assert plain("PPO\n\x00\x1b[31m\u202e!") == "PPO !"


@pytest.mark.parametrize(
    ("facts_found", "told"),
    [
        ((), ""),
        ((Fact("too few", (1, 4)),), "no interval: 1 run, at least 4 are needed"),
        ((Fact("all alike", (5, 0.975, 58.4)),),
         "no interval: 5 of 5 runs have the same value; with 97.5 % confidence fewer than 58 % of all runs differ"),
        ((Fact("may not cover"), Fact("unequal", (6, 7))),
         ("few runs: may cover less than it states where some runs fail; "
          "unequal numbers of runs (6 to 7): each environment weighs the same")),
        ((Fact("against", names=("dqn",)), Fact("unmoved")),
         "against dqn: no interval: the middle half of the runs is the same in every resample"),
        ((Fact("not evaluated around", (25_000,)),), "some runs have no evaluation on both sides of 25,000 steps"),
        ((Fact("short of runs", (4,), rows=(("b",), ("a", "x", 1), ("a", "y", 0), ("a", "z", 3))),),
         "b has no runs yet, a has 1 run on x and 2 more cells like it, where at least 4 are needed"),
    ],
)  # fmt: skip
def test_why_there_is_no_interval_is_told_in_words(facts_found: tuple[Fact, ...], told: str) -> None:
    assert note(Interval(None, notes=facts_found)) == told


def test_a_note_becomes_a_sentence() -> None:
    assert [words.sentence(note) for note in ("no runs", "Too few.", "")] == ["No runs.", "Too few.", ""]


def test_counts_of_runs_are_given_as_a_range_where_they_differ() -> None:
    assert words.span([10, 8, 10]) == "n = 8 to 10"
    assert words.span([10, 10]) == "n = 10"
    assert words.span([]) == "n = 0"


# Tables.


def _table(*cells: Cell, interval: bool = False) -> Table:
    return Table("t", "A caption", (Column("Name", numeric=False), Column("Value", interval=interval)), (cells,))


def test_csv_keeps_full_precision_and_spreads_an_interval_over_three_columns() -> None:
    table = _table(Cell("PPO, tuned"), Cell(Interval(1 / 3, 0.25, None)), interval=True)
    assert list(csv.reader(io.StringIO(to_csv(table)))) == [
        ["Name", "Value", "Value low", "Value high"],
        ["PPO, tuned", "0.3333333333", "0.25", ""],
    ]


def test_the_reason_for_a_missing_number_is_a_footnote_in_every_format() -> None:
    table = _table(Cell("PPO"), Cell(Interval(None, notes=(Fact("few runs"),))), interval=True)
    assert table.shown() == (("PPO", "\N{EN DASH}"),)
    assert table.footnotes == ("Few runs.",)
    assert "\N{EN DASH}<sup>a</sup>" in to_markdown(table)
    assert "a: Few runs." in to_markdown(table)
    assert r"--\textsuperscript{a}" in to_latex(table)
    assert r"\textsuperscript{a} Few runs." in to_latex(table)


def test_equal_reasons_share_a_letter() -> None:
    notes = ("one", "two", "one")
    rows = tuple((Cell("x"), Cell(None, note=note)) for note in notes)
    table = replace(_table(Cell("x"), Cell(1)), rows=rows)
    assert table.marks() == (("", "a"), ("", "b"), ("", "a"))


def test_footnote_letters_go_on_after_z() -> None:
    assert [letters(place) for place in (0, 25, 26, 27, 51, 52)] == ["a", "z", "aa", "ab", "az", "ba"]


@given(st.text(max_size=30))
def test_no_label_breaks_a_markdown_row(label: str) -> None:
    lines = to_markdown(_table(Cell(label), Cell(1))).split("\n")
    assert len(lines) == 6
    assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", lines[4])) == 3


@given(st.text(max_size=30))
def test_no_label_breaks_a_latex_row(label: str) -> None:
    row = to_latex(_table(Cell(label), Cell(1))).split("\n")[9]
    assert len(re.findall(r"(?<!\\)&", row)) == 1
    assert not re.search(r"(?<!\\)[%#_]", row)
    bare = re.sub(r"\\[{}]", "", row)
    assert bare.count("{") == bare.count("}")


@given(st.text(max_size=30), st.floats(-1e300, 1e300))
def test_csv_gives_back_what_was_put_in(label: str, value: float) -> None:
    _, row = csv.reader(io.StringIO(to_csv(_table(Cell(label), Cell(value)))))
    assert row[0] == spreadsheet(label)
    assert float(row[1]) == pytest.approx(value, rel=1e-9)


def test_the_tables_say_what_the_estimates_say() -> None:
    estimates = _small()
    cell = estimates.cells[0]
    row = tables.environment(estimates, "CartPole-v1").rows[0]
    assert [cell.value for cell in row][:6] == ["PPO", cell.iqm_return, cell.iqm_score, 5, 1, 0]


def test_a_score_over_training_is_not_called_one_of_the_final_policies() -> None:
    found = {}
    for metric in ("final", "auc"):
        estimates = _small()
        estimates = replace(estimates, analysis={**estimates.analysis, "metric": metric})
        table = tables.environment(estimates, "CartPole-v1")
        found[metric] = table.columns[2].name, table.caption.partition(": ")[2].partition(",")[0]
    assert found["final"] == ("Score", "the final policies")
    assert found["auc"] == ("Score over training", "the final policies' returns and the score over training")


def test_a_test_that_cannot_decide_says_so() -> None:
    # With three runs against three, the smallest attainable p is 0.1, above the level of 0.05.
    estimates = synthetic(("PPO", "DQN"), ("CartPole-v1",), 3)
    assert any("p cannot fall below 0.100" in note for note in tables.pairwise(estimates).footnotes)


# Figures.


def _drawn(estimates: Estimates) -> dict[str, str]:
    looks = order.styles(estimates)
    every = [drawing.draw(figure, looks, legend=True) for figure in figures.every(estimates)]
    return {one.figure.name: drawing.to_bytes(one, "svg").decode() for one in every}


def test_an_svg_keeps_its_text_and_names_n() -> None:
    for name, text in _drawn(synthetic(("PPO", "DQN"), ("CartPole-v1",), 5, failed=0, missing=0)).items():
        words_inside = " ".join(ET.fromstring(text).itertext())  # noqa: S314 - drawn just now
        assert "n = 5 runs" in words_inside, name
        assert "PPO" in words_inside, name


def _luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2.2."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(("colours", "ground"), [(palette.LIGHT, "#fdfdfb"), (palette.DARK, "#16181b")])
def test_every_line_stands_out_three_to_one(colours: tuple[str, ...], ground: str) -> None:
    for colour in colours:
        low, high = sorted((_luminance(colour), _luminance(ground)))
        assert (high + 0.05) / (low + 0.05) >= 3, colour


def test_of_many_pairs_the_figure_shows_the_clearest_and_says_so() -> None:
    names = [f"algorithm {place}" for place in range(10)]
    estimates = synthetic(names, ("CartPole-v1",), 5)
    shown = figures.shown_pairs(estimates)
    left_out = [pair for pair in estimates.pairs if pair not in shown]
    assert (len(shown), len(left_out)) == (figures.MOST_PAIRS, 9)

    def p(pair: Pair) -> float:
        assert pair.p_holm is not None
        return pair.p_holm

    assert max(map(p, shown)) <= min(map(p, left_out))
    caption = next(picture.caption for picture in figures.every(estimates) if picture.name == "pairwise")
    assert "The 36 pairs of 45" in caption
    whole = next(
        one.caption for one in figures.every(synthetic(names[:3], ("CartPole-v1",), 5)) if one.name == "pairwise"
    )
    assert "smallest p-values" not in whole


# The page.


def test_the_page_has_no_number_that_is_none_and_none_that_is_not_a_number(page: Page) -> None:
    for text in page.texts:
        assert not re.search(r"\b(nan|NaN|None|inf|undefined)\b", text), text


def test_the_page_asks_for_nothing_beyond_its_folder(page: Page, html: str, folder: Path) -> None:
    for link in page.links:
        assert link.startswith(("#", "figures/", "tables/", "data:,")), link
        assert link.startswith(("#", "data:,")) or (folder / link).is_file(), link
    assert not re.search(r"url\(\s*[\"']?(?!#)|@import|https?://", html)


def test_every_link_inside_the_page_leads_somewhere_and_ids_are_unique(page: Page) -> None:
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)


def test_every_cell_number_leads_to_its_trials(page: Page) -> None:
    linked = {link for link in page.links if link.startswith("#trials-")}
    assert linked >= {f"#trials-{algorithm}-{environment}" for algorithm in range(5) for environment in range(4)}


def test_the_page_is_one_file_under_five_megabytes(html: str) -> None:
    assert len(html.encode()) < 5_000_000


def test_headings_descend_one_level_at_a_time(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_every_table_has_a_caption_and_scoped_headings(page: Page) -> None:
    assert page.count("caption") == page.count("table") > 10
    assert all(attributes.get("scope") in {"col", "row"} for tag, attributes in page.tags if tag == "th")


def test_situations_without_a_choice_share_one_row_of_the_page_and_have_their_own_in_the_files() -> None:
    first, *rest = synthetic().situations
    others = tuple(one.label for one in first.candidates[1:])
    undecided = [replace(line, choose=None, undecided=others) for line in rest[:2]]
    unsettled = replace(first, choose=None, undecided=others)
    given = replace(synthetic(), situations=(unsettled, *undecided, replace(rest[2], choose="PPO")))
    glance = answers.situations_at_a_glance(given)
    assert [row[1].value for row in glance.rows] == [answers.UNSETTLED, "PPO", answers.UNSETTLED]
    assert glance.anchors == ("situation-1", "situation-4", "situations-open")
    last = glance.rows[-1][0].shown()
    assert all(sentences.circumstance(line).lower() in last.lower() for line in undecided)
    assert len(answers.situations(given).rows) == 4


@pytest.mark.parametrize(
    ("verdicts", "answer"),
    [
        (("supported", "supported"), "Yes: both claims hold."),
        (("supported",) * 3, "Yes: all 3 claims hold."),
        (("supported",), "Yes: the claim holds."),
        (("undecided",), "Not enough evidence to conclude: the claim is undecided."),
        (("supported", "undecided"), "Not enough evidence to conclude: 1 of 2 claims holds, the others are undecided."),
        (("supported", "refuted"), "No: 1 of 2 claims holds, and contradicted is second."),
        (("contradicted", "refuted"), "No: 0 of 2 claims hold, and contradicted is second."),
        (
            ("supported", "contradicted"),
            (
                "Not enough evidence to conclude: 1 of 2 claims holds, and contradicted is second, by itself and not "
                "corrected for 2 claims."
            ),
        ),
    ],
)
def test_a_suite_whose_claims_must_all_hold_is_answered_by_them_first(verdicts: tuple[str, ...], answer: str) -> None:
    one = _small().claims[0]
    # Refuted: contradicted at the confidence of all claims together.
    lines = tuple(
        replace(
            one,
            claim=replace(one.claim, text=text),
            verdict="contradicted" if verdict == "refuted" else verdict,
            refuted=verdict == "refuted",
        )
        for text, verdict in zip(("first", "second", "third"), verdicts, strict=False)
    )
    given = _small(claims=lines, analysis={**_small().analysis, "conjunction": True}, curves=())
    assert recommendation(given).claim == answer
    unasked = recommendation(replace(given, question="")).claim
    assert unasked == answer.replace("Yes", "Concluded").replace("No:", "Not concluded:")
    html = render(given, "html")
    assert html.index('id="claims"') < html.index('id="situations"')
    assert html.count('id="claims"') == 1


def test_a_suite_whose_question_is_about_its_claims_is_answered_by_how_many_hold_and_which() -> None:
    one = _small().claims[0]
    lines = tuple(
        replace(one, claim=replace(one.claim, text=text), verdict=verdict)
        for text, verdict in zip(
            ("A.", "B", "C", "D"), ("supported", "undecided", "supported", "contradicted"), strict=True
        )
    )
    given = _small(claims=lines, answer="claims", curves=())
    assert recommendation(given).lines == (
        "Of 4 claims, 2 supported, 1 contradicted and 1 undecided.",
        "Supported: A; C.",
        "Contradicted: D.",
        "Undecided: B.",
    )
    assert recommendation(replace(given, claims=lines[1:2])).lines == ("Undecided: B.",)
    assert recommendation(replace(given, claims=())) == recommendation(_small(claims=(), curves=()))
    html = render(given, "html")
    assert html.index('id="claims"') < html.index('id="situations"')
    assert html.index('href="#claims"') < html.index('href="#situations"')


def test_the_level_is_told_for_the_family_that_was_corrected_together() -> None:
    given = replace(synthetic(), pairs=tuple(replace(pair, family=3) for pair in synthetic().pairs))
    assert sureness(given).endswith("(level 5 %, corrected for 3 pairs in each setting by Holm's method).")
    assert sureness(synthetic()).endswith("(level 5 %, corrected for 10 pairs by Holm's method).")
    first, *others = given.pairs
    uneven = replace(given, pairs=(replace(first, family=1), *others))
    assert sureness(uneven).endswith("(level 5 %, corrected for 1 and 3 pairs, setting by setting, by Holm's method).")


def test_every_figure_has_words_for_those_who_cannot_see_it(page: Page) -> None:
    images = [attributes for _, attributes in page.tags if attributes.get("role") == "img"]
    assert len(images) == page.count("figure") == 22
    assert all("n = " in (attributes["aria-label"] or "") for attributes in images)


def test_the_page_answers_first_and_proves_later(page: Page, html: str) -> None:
    sections = [attributes["id"] for tag, attributes in page.tags if tag == "section"]
    asked = ["answer", "situations", "cards", "claims", "overall", "pairwise", "efficiency", "reliability", "cost",
             "environments", "robustness", "sequence", "method", "provenance", "trials"]  # fmt: skip
    assert [name for name in sections if name in asked] == asked
    answer = html[html.index('id="answer"') : html.index('id="situations"')]
    answer = unescape(re.sub("<[^>]+>", "", answer))
    for text in (
        *recommendation(synthetic()).lines,
        *warnings(synthetic()),
        "Of 10 pairs of algorithms",
        "PPO comes first in 46 of 48 re-analyses, better than REINFORCE in 48 of 48",
    ):
        assert words.prose(text) in answer


def test_the_facts_count_trials_seeds_and_failures() -> None:
    assert facts(synthetic()) == ("197 of 200 trials", "10 seeds", "2 failed", "1 missing", "suite 4f2a91")
    assert facts(synthetic(missing=0))[2:] == ("2 failed", "suite 4f2a91")


def test_the_numbers_that_carry_the_answer_stand_apart() -> None:
    found = recommendation(synthetic())
    assert found.claim.endswith("PPO without clipping is not yet told apart from it")
    assert found.proof.startswith("(PPO is 0.08 above PPO without clipping, 95 % interval of the difference ")
    assert found.lines[0] == f"{found.claim} {found.proof}"
    # A name that ends in brackets carries nothing.
    assert recommendation(replace(synthetic(("DQN", "PPO (tuned)", "A2C")), pairs=())).proof == ""


def test_no_share_of_resamples_is_shown_as_certainty() -> None:
    assert [words.chance(share) for share in (0.0, 0.005, 0.5, 0.995, 1.0, None)] == [
        "<1 %", "<1 %", "50 %", ">99 %", ">99 %", "\N{EN DASH}",
    ]  # fmt: skip


def test_what_the_answer_says_is_told_with_the_reanalyses_that_it_holds_in() -> None:
    assert holds(empty()) == ""
    given = synthetic()
    assert holds(given) == "PPO comes first in 46 of 48 re-analyses, better than REINFORCE in 48 of 48"


def test_of_several_differences_the_weakest_is_named() -> None:
    given = synthetic()
    first, *_ = given.conclusions
    said = [("PPO", "REINFORCE", 15), ("PPO", "DQN", 11), ("PPO", "A2C", 15), ("A2C", "DQN", 2), ("PPO", "random", 1)]
    better = [Conclusion(Fact("better", names=(a, b)), count, 15) for a, b, count in said]
    # Of others the answer says nothing.
    weak = "better than DQN in 11 of 15, the weakest of 3 verdicts"
    assert holds(replace(given, conclusions=(first, *better))).endswith(f"46 of 48 re-analyses, {weak}")
    alike = tuple(replace(line, holds=15) for line in better[:3])
    assert holds(replace(given, conclusions=(first, *alike))).endswith(", better than each of 3 others in 15 of 15")
    assert holds(replace(given, conclusions=(first, *alike[:2]))).endswith(
        ", better than REINFORCE and DQN in 15 of 15"
    )
    # Of equals none is said to come first.
    full, *others = given.situations
    equal = replace(given, situations=(replace(full, as_good=("DQN",)), *others), conclusions=(first, *alike[:1]))
    assert holds(equal) == "PPO is better than REINFORCE in 15 of 15 re-analyses"


def test_what_holds_of_a_conjunction_is_the_weakest_of_its_claims() -> None:
    given = synthetic()
    claims = [
        Conclusion(Fact("claim", names=(text, "supported")), count, 12) for text, count in (("A.", 12), ("B.", 8))
    ]
    both = replace(given, analysis={**given.analysis, "conjunction": True}, conclusions=(*given.conclusions, *claims))
    assert holds(both) == "B: supported in 8 of 12 re-analyses, the weakest of 2 verdicts"
    alone = replace(both, conclusions=(*given.conclusions, claims[1]))
    assert holds(alone) == "B: supported in 8 of 12 re-analyses"
    alike = replace(both, conclusions=(*given.conclusions, claims[0], replace(claims[1], holds=12)))
    assert holds(alike) == "Each claim's verdict holds in 12 of 12 re-analyses"
    # Who comes first is nothing that it asked.
    assert holds(replace(both, conclusions=given.conclusions)) == ""


def test_of_equally_weak_verdicts_the_one_that_a_reanalysis_turns_round_is_named() -> None:
    given = synthetic()

    def weak(about: Fact, found: str) -> Conclusion:
        return Conclusion(about, 11, 12, ((Fact("seeds", (0,)), found),))

    firm = Conclusion(Fact("claim", names=("C.", "supported")), 12, 12)
    claims = [weak(Fact("claim", names=("A.", "supported")), "undecided")]
    claims += [weak(Fact("claim", names=("B.", "supported")), "contradicted"), firm]
    asked = replace(given, analysis={**given.analysis, "conjunction": True}, conclusions=tuple(claims))
    assert holds(asked) == "B: supported in 11 of 12 re-analyses, the weakest of 3 verdicts"
    pairs = [weak(Fact("better", names=("PPO", "A2C")), "equivalent")]
    pairs += [weak(Fact("better", names=("PPO", "DQN")), "worse")]
    pairs += [Conclusion(Fact("better", names=("PPO", "REINFORCE")), 12, 12)]
    assert holds(replace(given, conclusions=tuple(pairs))).startswith("PPO is better than DQN in 11 of 12 re-analyses")


def test_sureness_counts_the_verdicts() -> None:
    pair = synthetic(("PPO", "DQN")).pairs[0]
    verdicts = ("better", "worse", "equivalent", "undecided", "undecided")
    estimates = replace(synthetic(), pairs=tuple(replace(pair, verdict=verdict, family=5) for verdict in verdicts))
    assert sureness(estimates) == (
        "Of 5 pairs of algorithms, 2 are decided, 1 is equivalent within 0.05, 2 not yet told apart "
        "(level 5 %, corrected for 5 pairs by Holm's method)."
    )


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        # Of ppo against dqn, of ppo against random, of random against dqn.
        (("worse", "better", "worse"), "Of 1 pair of learners, 1 is decided; both learners are better than random"),
        (("worse", "undecided", "worse"), "Of 1 pair of learners, 1 is decided; 1 of 2 learners is shown to be better"),
        (("worse", "worse", "equivalent"), "Of 1 pair of learners, 1 is decided; 0 of 2 learners are shown to be bett"),
        (("", "better", ""), "The only learner is better than random (level 5 %"),
        (("", "undecided", ""), "The only learner is not shown to be better than random (level 5 %"),
        (("better", "", ""), "Of 1 pair of algorithms, 1 is decided (level 5 %"),
    ],
)
def test_who_is_better_than_what_does_not_learn_is_counted_by_itself(verdicts: tuple[str, ...], said: str) -> None:
    first = synthetic(("PPO", "DQN")).pairs[0]
    names = (("ppo", "dqn"), ("ppo", "random"), ("random", "dqn"))
    pairs = [replace(first, a=a, b=b, verdict=one) for (a, b), one in zip(names, verdicts, strict=True) if one]
    assert sureness(replace(synthetic(), pairs=tuple(pairs), baselines=("random",))).startswith(said)


def test_one_pair_alone_needs_no_correction() -> None:
    pair = replace(synthetic(("PPO", "DQN")).pairs[0], verdict="undecided")
    assert sureness(replace(synthetic(), pairs=(pair,))) == (
        "Of 1 pair of algorithms, 0 are decided, 1 not yet told apart (level 5 %)."
    )


@pytest.mark.parametrize(("confidence", "told", "left"), [(0.975, "97.5 %", "2.5 %"), (0.9995, "99.95 %", "0.05 %")])
def test_a_confidence_is_never_rounded_to_another(confidence: float, told: str, left: str) -> None:
    base = synthetic(environments=("CartPole-v1",))
    estimates = replace(base, analysis={**base.analysis, "confidence": confidence})
    for kind in ("md", "html"):
        text = render(estimates, kind).replace("\N{NO-BREAK SPACE}", " ")
        assert f"{told} interval" in text
        assert f"(level {left}," in text
        for wrong in ("98 %", "100 % interval", "100 % confidence", "level 2 %", "level 0 %"):
            assert wrong not in text


def test_a_long_list_in_a_warning_says_how_many_more_there_are() -> None:
    split = tuple((f"a{place}", "E-v0") for place in range(10))
    (told,) = warnings(replace(empty(), cautions=(Fact("configurations", rows=split),)))
    assert "one label: a0 on E-v0, a1 on E-v0," in told
    assert "a7 on E-v0 and 2 more. They are not merged" in told


def test_strangers_words_are_shown_and_never_run(tmp_path: Path) -> None:
    failure = FailureLine(HOSTILE, HOSTILE, 0, "exception", HOSTILE, 1, HOSTILE, f"Traceback {HOSTILE}")
    base = synthetic((HOSTILE, "DQN"), (HOSTILE, "CartPole-v1"), 5)
    estimates = replace(
        base, title=HOSTILE, question=HOSTILE, suite=HOSTILE, notes=(HOSTILE,) * 5,
        failures=(failure,), machines=({HOSTILE: HOSTILE, "trials": 3},), analysis={"hash": HOSTILE},
    )  # fmt: skip
    page = _page(estimates, tmp_path)
    assert page.programs == 1
    assert f"Traceback {HOSTILE}" in page.texts
    assert HOSTILE in page.texts


CASES: dict[str, Callable[[], Estimates]] = {
    "empty": empty,
    "one seed": lambda: synthetic(("PPO", "DQN"), ("CartPole-v1",), 1, failed=0, missing=0),
    "one environment": _small,
    "one algorithm": lambda: synthetic(("PPO",), ("CartPole-v1",), 5),
    "no reference": lambda: synthetic(("PPO", "DQN"), ("CartPole-v1",), 5, references=False),
    "all failed": lambda: synthetic(("PPO", "DQN"), ("CartPole-v1",), 2, failed=4, missing=0),
    "nothing run yet": lambda: replace(
        synthetic(("PPO", "DQN"), ("CartPole-v1",), 2, failed=0, missing=4),
        curves=(),
        profiles=(),
        pairs=(),
        aggregates=(),
    ),
    "no trials listed": lambda: _small(trials=()),
    "numbers that are none": lambda: _small(
        aggregates=tuple(
            replace(line, iqm=Interval(math.nan), mean=Interval(None), rliable={"aggregate_iqm": Interval(math.nan)})
            for line in _small().aggregates
        ),
        trials=tuple(replace(line, score=math.nan, final_return=math.inf) for line in _small().trials),
    ),
}


@cache
def _lacking(case: str) -> Page:
    return Page(render(CASES[case](), "html"))


@pytest.mark.parametrize("case", CASES)
def test_whatever_is_lacking_the_page_stands_and_says_so(case: str) -> None:
    page = _lacking(case)
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    for text in page.texts:
        assert not re.search(r"\b(nan|NaN|None|inf|undefined)\b", text), text


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        ("empty", "Not enough evidence: no learning algorithm has a scored run yet."),
        ("one seed", "No interval: 1 run, at least 4 are needed."),
        ("one algorithm", "No comparison. Fewer than two algorithms: there is nothing to compare."),
        ("no reference", "no normalised score without both references"),
        ("all failed", "the loss is not finite after 41,216 steps"),
        ("nothing run yet", "No aggregate. No trial has finished yet."),
        ("nothing run yet", "No run has finished on this environment yet."),
    ],
)
def test_what_the_data_lack_is_said(case: str, sentence: str) -> None:
    assert any(sentence in text for text in _lacking(case).texts)


@pytest.mark.parametrize("imported", [False, True])
def test_a_plan_is_told_as_declared_beforehand_of_own_results_alone(tmp_path: Path, *, imported: bool) -> None:
    analysis = {**_small().analysis, **({"imported": True} if imported else {})}
    told = " ".join(_page(_small(analysis=analysis), tmp_path).texts)
    assert ("Declared in the suite before the data was seen" in told) == (not imported)
    assert ("The data are imported, and were there before the plan" in told) == imported


# Which algorithm when.


def test_a_situation_without_evidence_says_so_and_names_the_leader() -> None:
    choose = [row[1] for row in tables_shown(answers.situations(synthetic()))]
    assert choose[:3] == [
        "PPO leads, better than DQN, A2C and REINFORCE",
        "Not enough evidence (PPO leads)",
        "PPO",
    ]
    assert answers.situations(synthetic()).rows[1][1].link == "#trials-2"


@pytest.mark.parametrize(
    ("caution", "told"),
    [
        (Fact("busy", (3, 40)), " (3 of 40 timings too long)"),
        (Fact("packings", (2,)), " (timings not comparable)"),
        (Fact("few runs", (1, 2, 3, 4)), ""),
    ],
)
def test_a_situation_in_seconds_says_itself_that_its_timings_are_not_to_be_trusted(caution: Fact, told: str) -> None:
    base = synthetic()
    timed = replace(base.situations[0], kind="seconds", about=("30",), choose="PPO")
    untimed = replace(timed, kind="steps", about=(100,))
    given = replace(base, situations=(untimed, timed), cautions=(caution,))
    where = [row[0].value for row in answers.situations(given).rows]
    assert where == ["Within 100 steps", f"Within 30 seconds of training per run{told}"]


def test_a_situation_on_one_environment_leads_to_that_cells_trials() -> None:
    table = answers.situations(synthetic())
    row = next(row for row in table.rows if row[0].value == "On Acrobot-v1 alone")
    assert (row[1].value, row[1].link) == ("PPO", "#trials-2-1")


def tables_shown(table: Table) -> list[list[str]]:
    return [list(row) for row in table.shown()]


def test_each_phrase_leads_to_where_it_was_measured(page: Page) -> None:
    cells = {row[0].value: row for row in answers.cards(synthetic()).rows}
    weak, strong = cells["REINFORCE"][3], cells["DQN"][2]
    # REINFORCE is the first algorithm.
    assert weak.parts == (
        ("Scores below DQN and PPO", "#pairwise"),
        ("31 of 40 runs end below half of the target", "#reliability-0"),
    )
    assert [link for _, link in strong.parts] == ["#pairwise", "#efficiency"]
    assert [link for _, link in cells["PPO"][4].parts] == ["#situation-3", "#situation-3"]
    everywhere = [link for row in cells.values() for cell in row for _, link in cell.parts]
    assert {link[1:] for link in everywhere} <= set(page.ids)


def test_a_card_without_a_situation_that_is_won_says_where_it_is_ahead() -> None:
    given = synthetic()
    given = replace(given, cards=tuple(replace(card, use_when=()) for card in given.cards))
    told = {row[0].value: row[4].shown() for row in answers.cards(given).rows}
    first = [one.candidates[0].label for one in given.situations if one.leads]
    assert told["PPO"] == f"ahead in {first.count('PPO')} situations, in none shown to be above all others"
    assert told["REINFORCE"] == "nothing measured speaks for it"


def test_claims_come_with_estimate_n_and_reason(page: Page) -> None:
    shown = tables_shown(answers.claims(synthetic()))
    assert [row[1] for row in shown] == ["supported", "contradicted", "undecided"]
    assert shown[0][2:5] == ["0.21 [0.12, 0.31]", "score", "10"]
    for row in shown:
        assert row[6] in page.texts
    assert shown[2][6].startswith("It holds 0; about 12 more runs per environment")


@pytest.mark.parametrize(
    ("limit", "bound", "shown"),
    [
        (-0.000881, 0.0, "-0.270 [-0.560, -0.001]"),
        (-0.0081, 0.0, "-0.27 [-0.56, -0.01]"),
        (0.0, 0.0, "-0.27 [-0.56, 0.00]"),
        (0.0497, 0.05, "-0.2700 [-0.5600, 0.0497]"),
        (0.0003, 0.0, "-0.2700 [-0.5600, 0.0003]"),
        (0.000001, 0.0, "-0.2700 [-0.5600, 0.0000]"),
    ],
)
def test_no_limit_is_shown_as_the_bound_that_it_only_rounds_to(limit: float, bound: float, shown: str) -> None:
    value = Interval(-0.27, -0.56, limit, 10)
    assert words.interval(value, bounds=[bound]) == shown.replace("-", words.MINUS)


def test_a_claims_limit_is_told_from_what_it_is_held_against() -> None:
    given = synthetic()
    line = given.claims[0]
    claim = replace(line.claim, quantity="score", right="PPO", direction="less", margin=0.0)
    value = Interval(-0.27, -0.56, -0.000881, 10)
    found = replace(line, claim=claim, estimate=value, verdict="supported")
    row = tables_shown(answers.claims(replace(given, claims=(found,))))[0]
    assert row[2] == "-0.270 [-0.560, -0.001]".replace("-", words.MINUS)
    times = replace(claim, quantity="predicted_value", right=100.0, direction="greater")
    told = claims.reason(replace(found, claim=times, estimate=Interval(120.0, 100.3, 140.0, 10)), AnalysisPlan())
    assert "interval, 100.3 to 140, lies above 100" in told


def test_an_undecided_claim_about_a_decided_pair_says_what_it_is_judged_together_with() -> None:
    given, plan = synthetic(), AnalysisPlan()
    line = replace(given.claims[-1], claim=replace(given.claims[-1].claim, left="PPO", right="DQN"))
    pair = replace(given.pairs[0], a="DQN", b="PPO", verdict="worse")
    said = "Among the pairs PPO is better than DQN; here it is judged together with 2 other claims."
    assert said in claims.reason(line, plan, [pair])
    # Undecided, alone, on fewer environments, of another quantity or by a margin it is not what the pair says.
    others = (replace(line.claim, quantity="auc"), replace(line.claim, steps=500), replace(line.claim, margin=0.05))
    for other in (
        replace(line, verdict="supported"),
        replace(line, family=1),
        replace(line, environments=line.environments[:1]),
        *(replace(line, claim=claim) for claim in others),
    ):
        assert "Among the pairs" not in claims.reason(other, plan, [pair])
    assert "Among the pairs" not in claims.reason(line, plan, [replace(pair, verdict="undecided")])
    assert "Among the pairs" not in claims.reason(line, AnalysisPlan(metric="auc"), [pair])


def test_a_decided_differences_limit_is_not_shown_as_none() -> None:
    value = Interval(0.13, 0.003, 0.26, 10)
    assert sentences.difference(value) == "+0.003 to +0.260"
    assert sentences.difference(Interval(0.02, -0.01, 0.0497, 10), 0.05) == "-0.0100 to +0.0497"
    pair = replace(synthetic().pairs[0], difference=value)
    row = tables.pairwise(replace(synthetic(), pairs=(pair,))).shown()[0]
    assert "0.130 [0.003, 0.260]" in row


def test_what_all_claims_share_is_said_once_above_them() -> None:
    given = synthetic()
    seen = replace(given.claims[0].claim, seen="runs of ppo.")
    given = replace(
        given,
        claims=(replace(given.claims[0], claim=seen), *given.claims[1:]),
        analysis={**given.analysis, "seen": "runs of ppo."},
    )
    alike = answers.claims(given)
    places = ", ".join(given.claims[0].environments)
    assert alike.caption.endswith(f"for all claims together (99 % for each, 95 % for all 3). On {places}")
    assert not {"Unit", "Environments"} & {column.name for column in alike.on_page().columns}
    assert not any("after seeing" in text for row in tables_shown(alike) for text in row)
    apart = replace(given, claims=(replace(given.claims[0], environments=("Elsewhere-v0",)), *given.claims[1:]))
    assert "Environments" in {column.name for column in answers.claims(apart).on_page().columns}
    # Where another claim was written knowing more than the plan did, its own row says so.
    own = replace(given, analysis={**given.analysis, "seen": ""})
    assert "Written after seeing runs of ppo." in tables_shown(answers.claims(own))[0][6]


def test_reanalyses_in_which_a_conclusion_fails_are_named(page: Page) -> None:
    assert "holds in 46 of 48 re-analyses" in page.texts
    assert "without CartPole-v1: REINFORCE comes first" in page.texts


def test_the_course_of_a_sequential_experiment_is_told_look_by_look(page: Page) -> None:
    first, second = tables_shown(answers.sequence(synthetic()))
    who = "REINFORCE and PPO without clipping: 0.004"
    assert first == ["5", "0.0120", "REINFORCE worse than PPO without clipping", "3", who]
    assert second[2:] == ["\N{EN DASH}", "3", "\N{EN DASH}"]
    assert any("100 trials of learning algorithms instead of 200" in text for text in page.texts)
    assert any("Looks were fixed beforehand, at 5, 10, 15, 20 runs." in text for text in page.texts)


def test_where_the_seeds_were_fixed_no_looks_are_spoken_of(tmp_path: Path) -> None:
    page = _page(_small(sequence=None), tmp_path)
    assert "sequence" not in page.ids
    assert not any("Looks" in text for text in page.texts)


# One document.


@pytest.mark.parametrize("kind", ["md", "latex"])
def test_a_document_has_the_whole_answer(kind: str) -> None:
    text = render(synthetic(), kind)
    first = (
        "is not yet told apart from it",
        "comes first in 46 of 48 re",
        "Before you rely on this",
        "Not enough evidence",
    )
    later = ("Use when", "Optimality gap", "Verdict on A", "Worst tenth", "contradicted", "without CartPole")
    for part in (*first, *later):
        assert part in text, part
    assert not re.search(r"\b(nan|None|inf)\b", text)


def test_json_holds_every_field_and_no_number_that_is_none() -> None:
    estimates = _small(aggregates=(replace(_small().aggregates[0], iqm=Interval(math.nan, 0.5, math.inf, 5)),))
    told = json.loads(render(estimates, "json"), parse_constant=pytest.fail)
    assert set(told) == {field.name for field in fields(Estimates)} | {"verdicts", "warnings"}
    assert told["aggregates"][0]["iqm"] == {"estimate": None, "low": 0.5, "high": None, "n": 5, "notes": []}
    assert told["settings"][0]["settings"]["clip_range"] is None
    assert told["situations"][0]["candidates"][0]["label"] == "PPO"


def test_the_page_alone_links_to_no_file() -> None:
    page = Page(render(_small(), "html"))
    assert all(link.startswith(("#", "data:,")) for link in page.links)
    assert page.count("figure") == len(list(figures.every(_small())))


@pytest.mark.parametrize("kind", KINDS)
def test_no_word_of_a_stranger_breaks_a_document(kind: str) -> None:
    text = render(synthetic((HOSTILE, "DQN"), ("CartPole-v1",), 5), kind)
    if kind == "latex":
        # Outside of $-$ and $\\infty$ every sign of LaTeX's own is escaped.
        assert not re.search(r"(?<!\\)[%$#]", re.sub(r"\$(-|\\infty)\$|^%.*$", "", text, flags=re.MULTILINE))
        bare = re.sub(r"\\[{}]", "", text)
        assert bare.count("{") == bare.count("}")
    elif kind != "json":
        assert "<script>alert" not in text


@pytest.mark.parametrize("kind", KINDS)
def test_a_suite_of_which_nothing_has_run_has_documents_too(kind: str) -> None:
    assert "pdf" not in KINDS
    assert "Not enough evidence" in render(empty(), kind)


def test_an_unknown_document_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="'pdf' is not known; one of md, latex, html, json"):
        render(empty(), "pdf")


# Trials.


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Estimates, Path, Path]:
    """Give estimates, the folder of their trials (one of them with a name that links must quote), a report's folder."""
    root = tmp_path_factory.mktemp("results")
    base = _small()
    odd = replace(base.trials[1], name="odd #1 100%--x")
    estimates = replace(base, trials=(base.trials[0], odd, *base.trials[2:]))
    for line in estimates.trials[:-2]:
        folder = root / "trials" / line.name
        folder.mkdir(parents=True)
        (folder / "log.txt").write_text("")
        (folder / ("failure.json" if line.state == "failed" else "trial.json")).write_text("")
    return estimates, root / "trials", root / "reports" / "small"


def test_each_trial_leads_to_its_record_log_and_failure(stored: tuple[Estimates, Path, Path]) -> None:
    estimates, trials, folder = stored
    index = write(estimates, folder, trials=trials, figure_formats=(), table_formats=("csv",))
    links = [link for link in Page(index.read_text(encoding="utf-8")).links if link.startswith("../../trials/")]
    files = [Path(folder, unquote(link)) for link in links]
    assert all(file.is_file() for file in files)
    # One failed trial (listed twice: among the failures and among the trials), seven done, two without a folder.
    assert Counter(file.name for file in files) == {"trial.json": 7, "failure.json": 2, "log.txt": 9}
    assert "Files" not in (folder / "tables" / "trials.csv").read_text().splitlines()[0]


def test_many_trials_are_data_for_the_script_with_a_way_around_it(stored: tuple[Estimates, Path, Path]) -> None:
    _, trials, folder = stored
    estimates = replace(synthetic(("PPO", "</script>"), ("CartPole-v1", "Acrobot-v1"), 150), curves=())
    name = estimates.trials[0].name
    index = write(estimates, folder, trials=trials, figure_formats=(), table_formats=("csv",))
    html = index.read_text(encoding="utf-8")
    assert Page(html).programs == 1
    assert "tables/trials.csv" in html[html.index("<noscript>") : html.index("</noscript>")]
    data = json.loads(re.findall(r'id="trial-data"[^>]*>(.*?)</script>', html)[0])
    assert [(group, label, environment, len(rows)) for group, _, label, environment, _, rows in data] == [
        ("0-0", "PPO", "CartPole-v1", 150),
        ("0-1", "PPO", "Acrobot-v1", 150),
        ("1-0", "</script>", "CartPole-v1", 150),
        ("1-1", "</script>", "Acrobot-v1", 150),
    ]
    start, first = data[0][4], data[0][5][0]
    assert f"{start}--seed-{first[0]}--{first[-3]}" == name
    assert first[-2:] == ["", "fl"]


# The folder.


def test_all_formats_are_written(folder: Path) -> None:
    names = {path.stem for path in (folder / "tables").iterdir()}
    assert names >= {"overall", "pairwise", "environment-1", "environment-4", "efficiency", "failures", "trials"}
    for kind, endings in (("tables", ("csv", "md", "tex")), ("figures", ("svg", "png"))):
        stems = {path.stem for path in (folder / kind).iterdir()}
        assert {path.name for path in (folder / kind).iterdir()} == {f"{s}.{e}" for s in stems for e in endings}


def test_only_the_formats_asked_for_are_written(tmp_path: Path) -> None:
    index = write(empty(), tmp_path / "new" / "place", figure_formats=(), table_formats=("csv",))
    assert index == tmp_path / "new" / "place" / "index.html"
    assert {path.suffix for path in index.parent.rglob("*.*")} == {".html", ".csv"}


def test_an_unknown_format_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'gif' is not known; one of svg, png, pdf"):
        write(empty(), tmp_path, figure_formats=("gif",))


def test_importing_the_report_is_cheap() -> None:
    code = (
        "import sys, bench.report.words; print({'matplotlib', 'PIL', 'jinja2', 'pandas', 'seaborn'} & set(sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(max_size=8), min_size=1, max_size=4, unique=True), st.integers(1, 3))
def test_every_trial_is_found_under_its_group(labels: list[str], seeds: int) -> None:
    estimates = synthetic(labels, ("CartPole-v1", "Acrobot-v1"), seeds, failed=0, missing=0)
    at = order.places(estimates)
    table = tables.trials(estimates)
    assert len(table.groups) == len(table.rows) == len(labels) * 2 * seeds
    assert set(table.groups) | {group[0] for group in table.groups} == at.listed
