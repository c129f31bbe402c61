"""`bench claims`: what is taught is asked by suites that are there, and judged by one rule."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.claims import judging, page
from bench.claims.records import Answer, Asked, Measured, Row, SetAside, Taught
from bench.cli.app import app
from bench.errors import BenchError
from bench.records import AnalysisPlan, Card, Claim, ClaimVerdict, Conclusion, Fact, Interval
from bench.report.words import DASH
from bench.suite import read
from bench.suite.shipped import shipped
from tests.estimates_fixture import synthetic

CLAIM = Taught(1, "A beats B", {"mine": ()}, "something")


def line(verdict: str, *, low: float | None = 0.1, more: int | None = None) -> ClaimVerdict:
    value = Interval(0.2, low, None if low is None else 0.3, 10)
    claim = Claim("A is above B", left="a", right="b", quantity="score")
    return ClaimVerdict(claim, verdict, value, 0.95, 1, ("CartPole-v1",), more)


def answer(*verdicts: ClaimVerdict, seconds: float = 0.0) -> Answer:
    return Answer(CLAIM, (Asked("mine", verdicts, AnalysisPlan(), seconds),))


def test_every_claim_is_asked_by_claims_that_suites_declare() -> None:
    claims = judging.taught()
    assert [one.number for one in claims] == list(range(1, 25))
    for one in claims:
        assert one.asked or one.waits, one.claim
        for suite, begins in one.asked.items():
            declared = [claim.text for claim in read(shipped()[suite]).claims]
            assert declared, suite
            for begin in begins:
                assert any(text.startswith(begin) for text in declared), (suite, begin)
        for each in one.set_aside:
            declared = [claim.text for claim in read(shipped()[each.suite]).claims]
            assert each.claim in declared, "what is set aside is not declared: nobody could see that it was"
            assert judging._begins(each.claim, one.asked[each.suite]), "what never counted cannot be set aside"


@pytest.mark.parametrize(
    ("verdicts", "whole"),
    [
        ([], "not yet run"),
        ([line("undecided", low=None)], "not yet run"),
        ([line("supported"), line("supported")], "supported"),
        ([line("supported"), line("undecided", low=None)], "supported"),
        ([line("supported"), line("undecided")], "undecided"),
        ([line("supported"), line("undecided"), line("contradicted")], "contradicted"),
    ],
)
def test_a_claim_is_contradicted_by_one_part_and_supported_by_all_that_could_be_judged(
    verdicts: list[ClaimVerdict], whole: str
) -> None:
    assert answer(*verdicts).verdict == whole


def test_a_row_says_what_a_claim_rests_on_and_what_is_left() -> None:
    table = page.overview([answer(line("supported"), line("undecided", more=14), seconds=7200.0)])
    left = "undecided: about 14 more runs per environment; not yet run: mine, at least 2.0 h of one core; "
    left += "waits for something"
    (row,) = [[cell.shown() for cell in cells] for cells in table.rows]
    assert row == [
        "1. A beats B",
        "undecided",
        "0.20 [0.10, 0.30]",
        DASH,
        "1 supported, 1 undecided of 2 declared claims",
        "n = 10",
        "bench run mine",
        left,
    ]
    assert table.footnotes == ("Compared: a minus b in interquartile mean score, above 0; CartPole-v1.",)
    assert page.in_short([answer(), answer(line("supported"))]) == "Of 2 claims: 1 supported so far, 1 not yet run."
    asked = tuple(replace(one, waiting=1) for one in answer(line("supported")).asked)
    waiting = Answer(replace(CLAIM, waits=""), asked)
    assert page.in_short([waiting]) == "Of 1 claim: 1 supported so far."


def test_parts_that_no_number_worth_naming_would_decide_are_told_beside_the_price_of_the_others() -> None:
    def left(*verdicts: ClaimVerdict) -> str:
        return page.overview([answer(*verdicts)]).rows[0][-1].shown()

    priced, beyond = line("undecided", more=120), line("undecided")
    waits = "; waits for something"
    assert left(priced, beyond, beyond) == (
        f"undecided: about 120 more runs per environment, and 2 parts that 200 more would not decide{waits}"
    )
    assert left(beyond) == f"undecided: 1 part that 200 more would not decide{waits}"


def test_a_verdict_stands_beside_the_estimate_and_the_settings_that_it_rests_on() -> None:
    lost = replace(line("contradicted"), estimate=Interval(-0.4, -0.5, -0.3, 10), labels=("a", "b"))
    given = {"a": "out of the box", "b": "out of the box"}
    mine = Asked("mine", (replace(line("undecided"), labels=("a",)), lost), AnalysisPlan(), terms=given)
    row = [cell.shown() for cell in page.overview([Answer(CLAIM, (mine,))]).rows[0]]
    assert row[1:3] == ["contradicted, with defaults", "\u22120.40 [\u22120.50, \u22120.30]"]
    assert row[3] == "out of the box"
    changed = replace(mine, terms={**given, "b": "out of the box, changed by the suite"})
    row = [cell.shown() for cell in page.overview([Answer(CLAIM, (changed,))]).rows[0]]
    assert (row[1], row[3]) == ("contradicted", "out of the box; out of the box, changed by the suite")
    row = [cell.shown() for cell in page.overview([Answer(replace(CLAIM, terms="as taught"), (mine,))]).rows[0]]
    assert (row[1], row[3]) == ("contradicted", "as taught")


def test_what_is_set_aside_is_shown_with_its_verdict_and_reason_and_counted_for_nothing() -> None:
    lost = replace(line("contradicted"), claim=replace(line("contradicted").claim, text="B is below A"))
    taught = replace(CLAIM, set_aside=(SetAside("mine", "B is below A", "It was taken out after its run."),))
    assert not judging._asks(lost.claim, (), {"B is below A"})
    one = Answer(taught, (Asked("mine", (line("supported"),), AnalysisPlan(), aside=(lost,)),))
    assert one.verdict == "supported"
    row = [cell.shown() for cell in page.overview([one]).rows[0]]
    assert row[4] == "1 supported of 1 declared claim; 1 set aside"
    told = "Set aside, and counted for nothing: “B is below A” (mine), contradicted. It was taken out after its run."
    assert told in next(each for each in page.sections([one], [], []) if each.anchor == "claim-1").paragraphs
    document = page.document([one], [], [])
    assert "set aside: contradicted" in document
    assert "It was taken out after its run." in document


def test_where_some_parts_contradict_a_claim_they_are_named() -> None:
    mixed, alone = answer(line("supported"), line("contradicted")), answer(line("contradicted"))
    sections = [
        next(one for one in page.sections([each], [], []) if one.anchor == "claim-1") for each in (mixed, alone)
    ]
    assert sections[0].paragraphs == (
        "Contradicted: 1 supported, 1 contradicted of 2 declared claims.",
        "Contradicted is “A is above B” (mine).",
    )
    assert sections[1].paragraphs == ("Contradicted: 1 contradicted of 1 declared claim.",)


def test_every_part_says_with_which_settings_it_was_asked() -> None:
    verdict = replace(line("supported"), labels=("a", "b"))
    asked = Asked("mine", (verdict,), AnalysisPlan(), 0.0, {"a": "default", "b": "tuned"}, {"A is above B": "9 of 12"})
    (row,) = [[cell.shown() for cell in cells] for cells in page.lines(Answer(CLAIM, (asked,))).rows]
    assert row[-3:] == ["default; tuned", "9 of 12", "mine"]


def test_the_first_beginning_that_is_listed_gives_the_estimate_beside_the_verdict() -> None:
    plain, hard = (line("supported") for _ in range(2))
    plain, hard = (replace(one, claim=replace(one.claim, text=text)) for one, text in ((plain, "A"), (hard, "A at B")))
    begins = ("A at B", "A")
    assert [judging._place(begins, one) for one in (plain, hard)] == [1, 0]
    assert [judging._place((), one) for one in (plain, hard)] == [0, 0]


def test_settings_say_by_which_implementation_runs_were_computed() -> None:
    told = synthetic()
    lines = [replace(told.settings[0], label="a", algorithm="ppo", implementation=code) for code in _PPOS]
    assert judging._computed("a", replace(told, settings=tuple(lines))) == " (sb3, jax, sb3 (envpool), mine:PPO)"
    assert judging._computed("b", told) == judging._computed("a", None) == ""


_PPOS = (
    "stable_baselines3:PPO",
    "bench.algorithms.compiled.actor_critic:PPO",
    "stable_baselines3:PPO (envpool)",
    "mine:PPO",
)


def test_what_a_suite_gives_beside_a_set_is_told_with_it() -> None:
    entries = {one.label: one for one in read(shipped()["lessons/clip"]).algorithms}
    assert judging._settings(entries["not clipped"]) == "default, but learning_rate = 0.0015, clip_range = ∞"
    assert judging._settings(replace(entries["not clipped"], hyperparameters={})) == "default"


def test_a_verdict_that_a_re_analysis_turns_round_is_told_with_that_analysis() -> None:
    fails = (
        (Fact("environments", names=("LunarLander-v3",)), "contradicted"),
        (Fact("environments", names=("CartPole-v1",)), "undecided"),
    )
    line = Conclusion(Fact("claim", names=("A is above B", "supported")), 7, 9, fails)
    found = judging._holding(replace(synthetic(seeds=4), conclusions=(line,)))
    assert found == {"A is above B": "7 of 9; without LunarLander-v3: contradicted"}


def test_support_is_so_far_while_a_suite_that_asks_the_same_has_not_run_or_more_must_be_there_first() -> None:
    part = answer(line("supported"))
    more = replace(part, asked=(*part.asked, Asked("other", (), AnalysisPlan(), 60.0, waiting=3)))
    (row,) = [[cell.shown() for cell in cells] for cells in page.overview([more]).rows]
    assert (row[1], row[4]) == ("supported so far", "1 supported, 3 not yet run of 4 declared claims")
    assert page.overview([replace(part, taught=replace(CLAIM, waits=""))]).rows[0][1].shown() == "supported"
    (row,) = [[cell.shown() for cell in cells] for cells in page.overview([part]).rows]
    assert (row[1], row[-1]) == ("supported so far", "waits for something")


def test_a_claims_number_leads_to_the_suites_that_ask_it_each_once() -> None:
    known = {one.number: tuple(one.asked) for one in judging.taught()}
    assert judging.suites([6, 7, 6]) == tuple(dict.fromkeys((*known[6], *known[7])))
    with pytest.raises(BenchError, match=r"--run 25: there is no such claim; write a number from 1 to 24"):
        judging.suites([6, 25])
    with pytest.raises(BenchError, match=r"--run 12: no suite asks this claim yet; it waits for the tuning of"):
        judging.suites([6, 12])


def test_a_suite_that_cannot_be_read_leaves_its_claims_open_and_the_others_judged(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("algorithms: [pppo]\nenvironments: {CartPole-v1: 100}\nseeds: 1\n")
    (tmp_path / "sound.yaml").write_text("algorithms: [random]\nenvironments: {CartPole-v1: 100}\nseeds: 1\n")
    names = dict.fromkeys(shipped(), tmp_path / "sound.yaml") | {"reinforce": broken}
    answers = judging.Judge(tmp_path / "results", names).answers()
    assert len(answers) == 24
    left = {one.taught.number: page.overview([one]).rows[0][-1].shown() for one in answers}
    why = f"reinforce cannot be read: {broken}:1: algorithms.0.name: algorithm 'pppo' is not known"
    affected = {one.taught.number for one in answers if "reinforce" in one.taught.asked}
    assert affected
    assert {number for number, told in left.items() if why in told} == affected


def test_the_lessons_row_stands_beside_what_was_measured() -> None:
    card = Card("ppo", ("discrete",), (Fact("above", names=("dqn",)),), (), ("full",))
    table = page.lessons([Measured("discrete", card)], [Row("ppo", "both", "stable", "many samples", "always")])
    assert [[cell.shown() for cell in cells] for cells in table.rows] == [
        ["ppo", "lessons", "both", "stable", "many samples", "always"],
        ["ppo", "discrete", "discrete", "scores above dqn", "nothing beyond the limits", "1 situation"],
    ]


def test_the_command_writes_page_document_and_list(tmp_path: Path) -> None:
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        done = CliRunner().invoke(app, ["claims", "--markdown", "taught.md", "--json"])
    finally:
        os.chdir(before)
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    # Nothing is stored here: everything that a suite asks has a price, the rest says what it waits for.
    assert {one["verdict"] for one in told} == {"not yet run"}
    assert all(one["missing_seconds"] > 0 for one in told if one["asked"])
    assert not any(one["unreadable"] for one in told)
    assert "Of 24 claims: 24 not yet run." in (tmp_path / "taught.md").read_text()
    html = (tmp_path / "reports" / "claims" / "index.html").read_text()
    assert "Reward scale breaks plain policy gradients" in html
