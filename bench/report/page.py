"""Estimates and drawn figures in, one self-contained HTML page out."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from bench.plain import counted, joined, plain
from bench.records import Estimates, SettingsLine, verdict_on, verdicts_of
from bench.report import (
    answers,
    cautions,
    drawing,
    figures,
    holding,
    html,
    order,
    palette,
    published,
    sentences,
    tables,
    words,
)
from bench.report.recommendation import recommendation
from bench.report.table import Table
from bench.report.words import capital

VISIBLE_VERDICTS = 2
"""Sentences of the answer, below its first, that are on the first screen; the others are folded under them."""
VISIBLE_WARNINGS = 2
"""Warnings on the first screen; the others are folded under them."""
MOST_ROWS = 500
"""Trials up to which all are rows of the page; beyond, its script shows a hundred at a time."""
MOST_OPEN = 8
"""Environments up to which all stand open; beyond, they are folded."""


@dataclass(frozen=True, slots=True)
class Plate:
    """A figure as the page needs it."""

    figure: figures.Figure
    """Without its panels: they are drawn."""
    svg: str
    numbers: str
    """What the page's script tells of it, as JSON."""
    files: tuple[str, ...]
    """Paths beside the page, for a reader who wants the figure alone."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What the trials left on disk."""

    root: str = ""
    """The way from the page to the folder that holds the trials' folders, as a link; empty where there is none."""
    letters: Mapping[str, str] = field(default_factory=dict)
    """Trial's folder name -> its files, as letters of `html.FILES`."""

    def links(self, name: str) -> tables.Links:
        """Return links to one trial's files."""
        return tuple(
            (word, f"{self.root}/{html.quoted(name)}/{file}")
            for letter in self.letters.get(name, "")
            for file, word in [html.FILES[letter]]
        )


def render(
    estimates: Estimates, plates: Sequence[Plate], table_files: Mapping[str, Sequence[str]], stored: Stored
) -> str:
    """Return the page; `table_files` maps a table's name to its files' paths beside the page."""
    return (
        html.templates()
        .get_template("page.html")
        .render(
            estimates=estimates,
            plan=order.plan(estimates),
            words=words,
            counted=counted,
            sentences=sentences,
            analysis=order.analysis(estimates),
            solved=order.solved(estimates),
            leads=[sentences.lead(line) for line in estimates.leads],
            facts=facts(estimates),
            sureness=sureness(estimates),
            answer=recommendation(estimates),
            by_claims=order.by_claims(estimates),
            holds=holding.holds(estimates),
            reliance=reliance(estimates),
            kept=kept(estimates),
            absences=absences(estimates),
            published=published.summary(estimates.published),
            warnings=cautions.warnings(estimates),
            visible_verdicts=VISIBLE_VERDICTS,
            visible_warnings=VISIBLE_WARNINGS,
            folded=len(order.environments(estimates)) > MOST_OPEN,
            environments=tuple(_environments(estimates)),
            settings=tuple(_settings(estimates)),
            tables=_tables(estimates, table_files, stored),
            files=defaultdict(str, {name: html.files(paths) for name, paths in table_files.items()}),
            plates=defaultdict(str, _by_section(estimates, plates)),
            trials=_trials(estimates, table_files, stored),
            css=style(),
            script=_asset("page.js"),
        )
    )


def style() -> Markup:
    """Return the dress of a page, with the series' colours."""
    return _asset("page.css") + _colours()


def plates(estimates: Estimates) -> Iterator[Plate]:
    """Yield each figure as a page without files beside it needs it."""
    styles = order.styles(estimates)
    for figure in figures.every(estimates):
        yield plate(figure, styles, ())


def plate(figure: figures.Figure, styles: Mapping[str, palette.Style], paths: Sequence[str]) -> Plate:
    """Return one figure as the page needs it."""
    drawn = drawing.draw(figure, styles)
    numbers = json.dumps(drawing.numbers(drawn, styles), ensure_ascii=False, separators=(",", ":"))
    # Nothing inside may end the script element that holds it.
    numbers = numbers.replace("<", "\\u003c")
    return Plate(replace(figure, panels=()), drawing.inline(drawn), numbers, tuple(paths))


def facts(estimates: Estimates) -> tuple[str, ...]:
    """Return what was run, in short phrases: the line beside the title."""
    missing = estimates.planned - estimates.done - estimates.failed
    return (
        f"{estimates.done:,} of {counted(estimates.planned, 'trial')}",
        counted(order.seeds(estimates), "seed"),
        f"{estimates.failed:,} failed",
        *([f"{missing:,} missing"] if missing else []),
        *([f"suite {estimates.suite_hash[:6]}"] if estimates.suite_hash else []),
    )


def sureness(estimates: Estimates) -> str:
    """Return in one sentence how many comparisons are decided, at which level.

    That learners are better than what does not learn is no news: it is counted by itself.
    """
    told = "; ".join(filter(None, [_decided(estimates), _beside_the_floor(estimates)]))
    if not told:
        return ""
    plan = order.plan(estimates)
    *smaller, family = sorted({pair.family for pair in estimates.pairs})
    # Several settings are families of their own.
    each = counted(family, "pair") + " in each setting" * (family < len(estimates.pairs))
    if smaller:
        each = f"{joined([f'{size:,}' for size in (*smaller, family)])} pairs, setting by setting,"
    corrected = f", corrected for {each} by Holm's method" if family > 1 else ""
    return capital(f"{told} (level {words.level(1 - plan['confidence'])}{corrected}).")


def _decided(estimates: Estimates) -> str:
    """Return how many pairs of learners are decided; empty without a pair of them."""
    met = [pair for pair in estimates.pairs if not {pair.a, pair.b} & {*estimates.baselines}]
    if not met:
        return ""
    count = {verdict: sum(pair.verdict == verdict for pair in met) for verdict in _VERDICTS}
    told = [f"{counted(count['better'] + count['worse'], 'is', 'are')} decided"]
    if count["equivalent"]:
        margin = order.plan(estimates)["margin"]
        told.append(f"{counted(count['equivalent'], 'is', 'are')} equivalent within {margin:g}")
    if count["undecided"]:
        told.append(f"{count['undecided']:,} not yet told apart")
    of = "learners" if len(met) < len(estimates.pairs) else "algorithms"
    return f"of {counted(len(met), 'pair')} of {of}, {', '.join(told)}"


def _beside_the_floor(estimates: Estimates) -> str:
    """Return how many learners are better than what does not learn; empty where the two are not compared."""
    known, floor = verdicts_of(estimates.pairs), {*estimates.baselines}
    met = [(a, b) for pair in known for a, b in (pair, pair[::-1]) if a not in floor and b in floor]
    learners = len({a for a, _ in met})
    above = learners - len({a for a, b in met if verdict_on(a, b, known) != "better"})
    if not met:
        return ""
    if learners == 1:
        who = "the only learner is" if above else "the only learner is not shown to be"
    elif above < learners:
        who = f"{above:,} of {learners:,} learners {'is' if above == 1 else 'are'} shown to be"
    else:
        who = "both learners are" if learners == 2 else f"all {learners:,} learners are"  # noqa: PLR2004 - both
    return f"{who} better than {joined(sorted({b for _, b in met}))}"


def reliance(estimates: Estimates) -> str:
    """Return the headline of reliability: the most and the least dependable algorithm."""
    lines = [line for line in estimates.reliability if line.runs]
    if not lines:
        return ""
    told = [f"{lines[0].label}: {lines[0].failing} of {counted(lines[0].runs, 'run')} end below half of the target"]
    if len(lines) > 1:
        told.append(f"{lines[-1].label}: {lines[-1].failing} of {lines[-1].runs:,}")
    return f"{'; '.join(told)}."


def kept(estimates: Estimates) -> str:
    """Return how many trials the audit table holds, and what it leads to."""
    return f"{counted(len(estimates.trials), 'row')}, each with its record and its log" if estimates.trials else ""


def absences(estimates: Estimates) -> dict[str, str]:
    """Return, for each section that would stand empty, the reason in words."""
    if not estimates.done:
        why = "No trial has finished yet."
    elif not any(words.finite(line.random) and words.finite(line.target) for line in estimates.references):
        why = (
            "No environment has both reference returns, so there is no normalised score to pool; raw returns are below."
        )
    else:
        why = "The analysis gives none for these results."
    alone = "Fewer than two algorithms: there is nothing to compare."
    return {
        "situations": f"{'Nothing beyond the answer above' if estimates.pairs else 'No recommendation'}. {why}",
        "cards": f"Nothing measured to say of any algorithm. {why}",
        "overall": f"No aggregate. {why}",
        "learning": f"No aggregate curve. {why}",
        "pairwise": f"No comparison. {alone if len(order.labels(estimates)) < 2 else why}",  # noqa: PLR2004 - a pair
        "crossover": f"Nobody's lead over the budget is known. {why}",
        "reliability": f"Nothing to show. {why}",
        "cost": "No training time is recorded.",
        "claims": "The suite declares no claim.",
        "robustness": "No conclusion has been re-analysed.",
        "environments": "No environment has any result yet.",
        "efficiency": f"Nothing to show. {why}",
        "settings": "No hyperparameters are recorded.",
        "references": "No environment has reference returns.",
        "machines": "No machine is recorded.",
        "trials": "No trial is planned.",
    }


_STACKED = frozenset({"situations", "cards"})
"""Tables in words that a phone shows in full; all claims would make its page too long."""
_VERDICTS = ("better", "worse", "equivalent", "undecided")


@dataclass(frozen=True, slots=True)
class _Environment:
    """One environment's part of the page."""

    name: str
    anchor: str
    facts: tuple[str, ...]
    runs: int
    """Finished runs of all algorithms."""


@dataclass(frozen=True, slots=True)
class _Settings:
    """One algorithm's hyperparameters."""

    label: str
    table: Markup
    shared: Mapping[str, Any]
    """What it was set to on every environment."""
    differing: tuple[tuple[str, Mapping[str, Any]], ...]
    """(environment, what it was set to there alone)."""


@dataclass(frozen=True, slots=True)
class _Trials:
    """The audit table: whole, or as data for the script."""

    table: Markup
    count: int
    data: Markup | None = None
    root: str = ""
    csv: str = ""
    linked: bool = False
    """Whether rows link to files."""


def _tables(estimates: Estimates, paths: Mapping[str, Sequence[str]], stored: Stored) -> dict[str, Markup]:
    """Return each table that has rows, by name, as HTML."""
    at = order.places(estimates)
    links = {line.name: stored.links(line.name) for line in estimates.failures}
    found: list[Table] = [
        answers.situations_at_a_glance(estimates),
        *answers.after_situations(estimates),
        *published.every(estimates),
        tables.overall(estimates),
        tables.pairwise(estimates),
        tables.worth(estimates),
        tables.efficiency(estimates),
        tables.cost(estimates),
        tables.failures(estimates, links),
        tables.references(estimates),
        tables.machines(estimates),
        tables.devices(estimates),
        *(tables.environment(estimates, name, at) for name in at.environments),
    ]
    return {
        one.name: html.table(one, at, paths.get(one.name, ()), css=html.STACKED * (one.name in _STACKED))
        for one in found
        if one.rows
    }


def _trials(estimates: Estimates, paths: Mapping[str, Sequence[str]], stored: Stored) -> _Trials:
    at, count, mine = order.places(estimates), len(estimates.trials), paths.get("trials", ())
    linked = bool(stored.letters)
    if count <= MOST_ROWS:
        content = tables.trials(estimates, {line.name: stored.links(line.name) for line in estimates.trials})
        return _Trials(html.table(content, at, mine, css="audit"), count, linked=linked)
    content = tables.trials(estimates)
    csv = next((path for path in mine if path.endswith(".csv")), "")
    data = _markup(html.packed(content, stored.letters, at))
    return _Trials(html.frame(content, mine), count, data, stored.root, csv, linked)


def _by_section(estimates: Estimates, plates: Iterable[Plate]) -> dict[str, Markup]:
    """Return each section's figures with their legend, as HTML."""
    styles = order.styles(estimates)
    sections: dict[str, list[Plate]] = {}
    for plate in plates:
        name = "learning" if plate.figure.choice[0] else plate.figure.section
        sections.setdefault(name, []).append(plate)
    return {name: drawn(name, mine, styles) for name, mine in sections.items()}


def drawn(section: str, plates: Sequence[Plate], styles: Mapping[str, palette.Style]) -> Markup:
    """Return a section's figures with their legend, as HTML."""
    labels = dict.fromkeys(label for plate in plates for label in plate.figure.labels)
    marked = frozenset[str]().union(*(plate.figure.marked for plate in plates))
    names = {label: escape(plain(label)) + figures.DAGGER * (label in marked) for label in labels}
    samples = {label: drawing.sample(styles[label], f"legend-{section}") for label in labels}
    keys = "".join(
        f'<li data-series="{styles[label].place}">{samples[label]}{name}</li>' for label, name in names.items()
    )
    legend = f'<ul class="legend">{keys}</ul>\n' if keys else ""
    return _markup(f'{legend}<div class="figures">\n{"".join(map(_figure, plates))}</div>\n')


def _figure(plate: Plate) -> str:
    figure = plate.figure
    caption, description = escape(plain(figure.caption)), escape(plain(figure.description))
    where = "".join(
        f' data-{name}="{escape(plain(value))}"'
        for name, value in zip(("where", "what", "over"), figure.choice, strict=True)
        if value
    )
    return (
        f'<figure id="figure-{figure.name}" class="{"wide" if figure.wide else "half"}"{where}>\n'
        f'<div class="scroll plot" role="region" tabindex="0" aria-label="Figure: {caption}">'
        f'<div role="img" aria-label="{caption} {description}">{plate.svg}</div></div>\n'
        f'<script type="application/json" class="numbers">{plate.numbers}</script>\n'
        f"<figcaption>{caption} {html.files(plate.files)}</figcaption>\n</figure>\n"
    )


def _environments(estimates: Estimates) -> Iterator[_Environment]:
    at = order.places(estimates)
    runs = dict.fromkeys(at.environments, 0)
    for cell in estimates.cells:
        runs[cell.environment] += cell.n
    for name in at.environments:
        yield _Environment(name, at.section(name), tuple(_environment_facts(estimates, name)), runs[name])


def _environment_facts(estimates: Estimates, name: str) -> Iterator[str]:
    for line in estimates.references:
        if line.environment == name:
            yield f"budget {counted(line.steps, 'step')}"
            yield f"{'random policy' if line.by_chance else 'lower reference'} {words.number(line.random)}"
            yield f"target {words.number(line.target)}"
            if not (words.finite(line.random) and words.finite(line.target)):
                yield "no normalised score without both references"
            if line.saturated:
                yield "every algorithm solves it: nothing beyond the target counts in comparisons"


def _settings(estimates: Estimates) -> Iterator[_Settings]:
    at = order.places(estimates)
    for place, label in enumerate(order.labels(estimates), start=1):
        lines = tuple(line for line in estimates.settings if line.label == label)
        if lines:
            caption = f"{label}: what the suite sets; everything else is the library's default"
            content = tables.settings(estimates, lines, f"settings-{place}", caption)
            yield _Settings(label, html.table(content, at), *_apart(lines))


def _apart(lines: Sequence[SettingsLine]) -> tuple[dict[str, Any], tuple[tuple[str, dict[str, Any]], ...]]:
    """Return the settings that all lines share, and per environment the others."""
    known = [line for line in lines if line.settings]
    first = known[0].settings if known else {}
    shared = {
        name: value
        for name, value in first.items()
        if all(name in line.settings and _same(line.settings[name], value) for line in known)
    }
    others = tuple(
        (line.environment, {name: value for name, value in line.settings.items() if name not in shared})
        for line in known
    )
    return shared, tuple((environment, rest) for environment, rest in others if rest)


def _same(one: Any, other: Any) -> bool:
    both_nan = isinstance(one, float) and isinstance(other, float) and math.isnan(one) and math.isnan(other)
    return both_nan or (type(one) is type(other) and one == other)


def _colours() -> Markup:
    """Return the series' colours as CSS: variables for the light and the dark page, and a class for each."""

    def block(colours: Sequence[str]) -> str:
        return ":root{" + "".join(f"--series-{place}:{colour};" for place, colour in enumerate(colours)) + "}"

    dark = f"@media screen and (prefers-color-scheme: dark){{{block(palette.DARK)}}}"
    classes = "".join(f".s{place}{{color:var(--series-{place})}}" for place in range(len(palette.LIGHT)))
    return _markup(f"{block(palette.LIGHT)}\n{dark}\n{classes}\n")


def _asset(name: str) -> Markup:
    return _markup(files("bench.report").joinpath("templates", name).read_text(encoding="utf-8"))


def _markup(text: str) -> Markup:
    return Markup(text)  # noqa: S704 - written by this room, everybody's words escaped
