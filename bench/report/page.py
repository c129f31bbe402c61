"""Estimates and drawn figures in, one self-contained HTML page out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from bench.records import Estimates, SettingsLine
from bench.report import order, palette, tables, words
from bench.report.table import Table

VISIBLE_WARNINGS = 3
"""Warnings on the first screen; the others are folded under them."""


@dataclass(frozen=True, slots=True)
class Plate:
    """A figure as the page needs it."""

    name: str
    section: str
    caption: str
    description: str
    svg: str
    wide: bool
    files: tuple[str, ...]
    """Paths beside the page, for a reader who wants the figure alone."""


def render(estimates: Estimates, plates: Sequence[Plate], table_files: Mapping[str, Sequence[str]]) -> str:
    """Return the page; `table_files` maps a table's name to its files' paths beside the page."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - only a report should load it

    jinja = Environment(
        loader=PackageLoader("bench.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    jinja.filters["plain"] = words.plain
    jinja.filters["setting"] = words.setting
    jinja.filters["number"] = words.number
    return jinja.get_template("page.html").render(
        estimates=estimates,
        plan=order.plan(estimates),
        words=words,
        facts=facts(estimates),
        sureness=sureness(estimates),
        absences=absences(estimates),
        visible_warnings=VISIBLE_WARNINGS,
        environments=tuple(_environments(estimates)),
        series={words.plain(label): place % len(palette.LIGHT) for place, label in enumerate(order.labels(estimates))},
        overall=tables.overall(estimates),
        pairwise=tables.pairwise(estimates),
        efficiency=tables.efficiency(estimates),
        failures=tables.failures(estimates),
        references=tables.references(estimates),
        machines=tables.machines(estimates),
        trials=tables.trials(estimates),
        plates=plates,
        table_files=table_files,
        css=_asset("page.css") + _colours(),
        script=_asset("page.js"),
    )


def facts(estimates: Estimates) -> tuple[str, ...]:
    """Return what was run, in short phrases: the line under the question."""
    missing = estimates.planned - estimates.done - estimates.failed
    size = (
        words.counted(len(order.labels(estimates)), "algorithm"),
        words.counted(len(order.environments(estimates)), "environment"),
        words.counted(order.seeds(estimates), "seed"),
    )
    return (
        f"{estimates.done:,} of {words.counted(estimates.planned, 'trial')} finished",
        " \N{MULTIPLICATION SIGN} ".join(size),
        f"{estimates.failed:,} failed",
        f"{missing:,} missing",
    )


def sureness(estimates: Estimates) -> str:
    """Return in one sentence how many comparisons are decided, at which level."""
    if not estimates.pairs:
        return ""
    plan = order.plan(estimates)
    count = {verdict: sum(pair.verdict == verdict for pair in estimates.pairs) for verdict in _VERDICTS}
    told = [f"{words.counted(count['better'] + count['worse'], 'is', 'are')} decided"]
    if count["equivalent"]:
        told.append(f"{words.counted(count['equivalent'], 'is', 'are')} equivalent within {plan['margin']:g}")
    if count["undecided"]:
        told.append(f"{count['undecided']:,} cannot be told apart yet")
    pairs = words.counted(len(estimates.pairs), "pair")
    corrected = f", corrected for {pairs} by Holm's method" if len(estimates.pairs) > 1 else ""
    return f"Of {pairs} of algorithms, {', '.join(told)} (level {words.percent(1 - plan['confidence'])}{corrected})."


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
        "answer": f"No verdict. {why if not estimates.done else 'The results do not allow one.'}",
        "overall": f"No aggregate. {why}",
        "learning": f"No aggregate curve. {why}",
        "pairwise": f"No comparison. {alone if len(order.labels(estimates)) < 2 else why}",  # noqa: PLR2004 - a pair
        "profile": f"No profile. {why}",
        "environments": "No environment has any result yet.",
        "efficiency": f"Nothing to show. {why}",
        "settings": "No hyperparameters are recorded.",
        "references": "No environment has reference returns.",
        "machines": "No machine is recorded.",
        "trials": "No trial is planned.",
    }


_VERDICTS = ("better", "worse", "equivalent", "undecided")


@dataclass(frozen=True, slots=True)
class _Environment:
    """One environment's part of the page."""

    name: str
    anchor: str
    table: Table
    settings: Table
    settings_lines: tuple[SettingsLine, ...]
    facts: tuple[str, ...]
    runs: int
    """Finished runs of all algorithms."""


def _environments(estimates: Estimates) -> Iterator[_Environment]:
    for place, name in enumerate(order.environments(estimates), start=1):
        lines = tuple(line for line in estimates.settings if line.environment == name)
        caption = f"{name}: what the suite sets; everything else is the library's default"
        yield _Environment(
            name,
            f"environment-{place}",
            tables.environment(estimates, name),
            tables.settings(estimates, lines, f"settings-{place}", caption),
            lines,
            tuple(_environment_facts(estimates, name)),
            sum(cell.n for cell in estimates.cells if cell.environment == name),
        )


def _environment_facts(estimates: Estimates, name: str) -> Iterator[str]:
    for line in estimates.references:
        if line.environment == name:
            yield f"budget {words.counted(line.steps, 'step')}"
            yield f"random policy {words.number(line.random)}"
            yield f"target {words.number(line.target)}"
            if not (words.finite(line.random) and words.finite(line.target)):
                yield "no normalised score without both references"
            if line.saturated:
                yield "saturated: every algorithm solves it, so only the steps to threshold tell them apart"


def _colours() -> str:
    """Return the series' colours as CSS variables for the light and the dark page."""

    def block(colours: Sequence[str]) -> str:
        return ":root{" + "".join(f"--series-{place}:{colour};" for place, colour in enumerate(colours)) + "}"

    dark = f"@media screen and (prefers-color-scheme: dark){{{block(palette.DARK)}}}"
    return f"{block(palette.LIGHT)}\n{dark}\n"


def _asset(name: str) -> Any:
    from markupsafe import Markup  # noqa: PLC0415 - comes with jinja2

    return Markup(files("bench.report").joinpath("templates", name).read_text(encoding="utf-8"))  # noqa: S704 - own file
