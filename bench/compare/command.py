"""Two names in, who is better and how sure that is in the terminal out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from bench.compare.records import Comparison, ComparisonRow
from bench.console import grid, say, say_grid, say_json
from bench.errors import BenchError
from bench.options import JsonOption, ResultsOption
from bench.plain import and_more, joined, listed, plain
from bench.records import AnalysisPlan, Interval, Pair
from bench.report import sentences
from bench.report.words import duration, level

_METRICS = {"final": "final score", "auc": "score over training"}
_SIDE = typer.Argument(help="an algorithm (ppo, ppo@CartPole-v1), or a results folder, its name, or a suite file")
_MOST_LINES = 12
"""Differences and cells left out that are told one by one; --json gives all."""
_MOST_REASONS = 3


def compare(
    a: Annotated[str, _SIDE],
    b: Annotated[str, _SIDE],
    *,
    within: Annotated[
        Path | None, typer.Option("--in", help="results folder or suite file that holds both algorithms")
    ] = None,
    results: ResultsOption = Path("results"),
    fail_on: Annotated[
        str,
        typer.Option(
            "--fail-on",
            help="`worse`: exit code 1 where B is worse than A in any row (what is left out is no row), or has failed "
            "trials in a cell where A has none",
        ),
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Compare two algorithms, or two sets of results cell by cell: effect, interval, verdict."""
    if fail_on not in {"", "worse"}:
        raise BenchError(f"--fail-on wants worse, not {fail_on!r}")
    from bench.compare.comparing import compare as compared  # noqa: PLC0415 - seconds of scipy: not for help

    found = compared(a, b, within=within, results=results)
    if as_json:
        say_json(asdict(found))
    else:
        _say(found)
    # Of a pair, the verdict is on A.
    worse = any(row.pair.verdict == "better" for row in found.rows) or found.failed[1].alone
    raise typer.Exit(1 if fail_on and worse else 0)


def _say(found: Comparison) -> None:
    for letter, failed in zip("BA", found.failed[::-1], strict=True):
        if failed.count:
            reasons = listed(failed.reasons, _MOST_REASONS, "; ")
            say(f"{failed.count} of {letter}'s {failed.of} runs failed: {reasons}", "red", whole=True)
    say(f"A: {found.left}", "bold")
    say(f"B: {found.right}", "bold")
    say(_method(found))
    if found.between == "algorithms" and not _withheld(found.rows[0]):
        say("")
        first = found.rows[0].pair
        say(sentences.pair(first, AnalysisPlan(confidence=found.confidence, margin=found.margin)))
        if beside := sentences.besides(first, weights=True):
            say(beside)
    for label, rows in groupby(found.rows, key=lambda row: row.label):
        say("")
        if label:
            say(label, "bold")
        say_grid(_scores(list(rows), found))
    say("")
    say_grid(_costs(found))
    for line in _afterwards(found):
        say(line)
    if len(found.rows) > 1:
        say("")
        say(_closing(found), "bold")


def _method(found: Comparison) -> str:
    rows = len(found.rows)
    corrected = f"; p-values corrected over the {rows} rows (Holm)" if rows > 1 else ""
    if found.metric == "return":
        what = "final returns by rank (A above B), for want of references to score by"
    else:
        decides = sentences.aggregates(found.rows[0].pair.decide, max(row.pair.environments for row in found.rows))
        what = (
            f"{_METRICS.get(found.metric, found.metric)}, 0 as the random policy, 1 as the target; decided by {decides}"
        )
    return f"{what}; {level(found.confidence)} intervals{corrected}"


def _closing(found: Comparison) -> str:
    verdicts = Counter("lost" if _withheld(row) else row.pair.verdict for row in found.rows)
    lost = f", not judged for failed runs in {verdicts['lost']}" if verdicts["lost"] else ""
    return (
        f"Of {len(found.rows)} rows B is worse in {verdicts['better']}, better in {verdicts['worse']}, equal within "
        f"{found.margin:g} in {verdicts['equivalent']}, not yet told apart from A in {verdicts['undecided']}{lost}."
    )


def _withheld(row: ComparisonRow) -> bool:
    """Return whether there is no verdict because all runs of a side failed somewhere."""
    return any(row.lost) and row.pair.verdict == "undecided"


def _scores(rows: Sequence[ComparisonRow], found: Comparison) -> Table:
    table = grid(("", "runs", "difference A - B", "p", "verdict", "A above B"))
    for row in rows:
        table.add_row(
            _place(row, rows),
            _both(row.pair),
            _measure(row.pair.difference, "{:+.2f}"),
            _p_value(row.pair.p_holm),
            _verdict(row, found),
            _measure(row.pair.probability, "{:.2f}"),
        )
    return table


def _costs(found: Comparison) -> Table:
    table = grid(("", "A / B failed", "A / B below half of the target", "steps a CPU second, A / B"))
    for row in found.rows:
        # Without references nobody can say how far the target is.
        low = "-" if found.metric == "return" else " / ".join(map(_share, row.failing, row.of))
        place = _place(row, [other for other in found.rows if other.label == row.label])
        table.add_row(
            f"{plain(row.label)} - {place}" if row.label else place,
            f"{row.failed[0]} / {row.failed[1]}",
            low,
            _speed(row.speed),
        )
    return table


def _share(count: int, runs: int) -> str:
    return f"{count} of {runs}"


def _place(row: ComparisonRow, rows: Sequence[ComparisonRow]) -> str:
    alone = sum(other.environment is not None for other in rows)
    return plain(row.environment) if row.environment else f"all {alone}"


def _both(pair: Pair) -> str:
    """Return the runs of both, as a range where environments have unequal numbers of them."""
    ours, theirs = (sentences.span(low, high) for low, high in zip(pair.runs, pair.most_runs, strict=True))
    return ours if ours == theirs else f"{ours}, {theirs}"


def _measure(interval: Interval, form: str) -> str:
    """Return the estimate with its limits below it."""
    if interval.estimate is None:
        return "-"
    limits = "no interval"
    if interval.low is not None and interval.high is not None:
        limits = f"{_rounded(interval.low, form)} to {_rounded(interval.high, form)}"
    return f"{_rounded(interval.estimate, form)}\n{limits}"


def _rounded(value: float, form: str) -> str:
    # Adding 0 turns the -0.0 of rounding into 0.0.
    return form.format(round(value, 2) + 0.0)


def _speed(interval: Interval) -> str:
    if interval.estimate is None:
        return "-"
    return f"{interval.estimate:.2f} ({sentences.between(interval) or 'no interval'})"


def _p_value(p: float | None) -> str:
    if p is None:
        return "-"
    return "<0.001" if p < 0.001 else f"{min(p, 0.999):.3f}" if p < 1 else "1"  # noqa: PLR2004 - three digits


def _verdict(row: ComparisonRow, found: Comparison) -> str:
    if _withheld(row):
        return f"none: {joined([name for name, lost in zip('AB', row.lost, strict=True) if lost])} failed"
    pair = row.pair
    said = {"better": "A is better", "worse": "B is better", "equivalent": f"equal within {found.margin:g}"}
    if pair.verdict in said:
        return said[pair.verdict]
    told = "not yet told apart" + "\nalone significant" * pair.alone(1 - found.confidence)
    return told + (f"\n{pair.more_runs} more runs" if pair.more_runs else "")


def _afterwards(found: Comparison) -> Iterator[str]:
    """Yield what must be known to read the tables: prices, warnings, what is left out, what else differs."""
    prices = [row for row in found.rows if row.pair.verdict == "undecided" and row.pair.more_runs]
    if prices:
        yield ""
        yield (
            "More runs: about how many more of A and of B, on each environment, would decide the row with 80 % "
            f"power, if the effect is what it looks like{_hours(prices)}."
        )
    if any(row.pair.difference.low is None and found.metric != "return" for row in found.rows):
        yield ""
        yield "No interval: a side has too few runs, or scores that are all alike."
    for warning in found.warnings:
        yield from ("", f"Note: {warning}.")
    yield from _listed("Left out", found.left_out)
    yield from _listed("What else differs, A against B", found.differences)
    if not found.differences:
        yield ""
        yield "Nothing else that is recorded differs" + (
            ": versions, machine, packing."
            if found.between == "algorithms"
            else ": versions, settings, machine, packing."
        )


def _hours(rows: Sequence[ComparisonRow]) -> str:
    whole = [row for row in rows if row.environment is None and row.pair.more_hours] or [
        row for row in rows if row.pair.more_hours
    ]
    if not whole or whole[0].pair.more_hours is None:
        return ""
    first = whole[0]
    place = " - ".join(name for name in (first.label, first.environment or "all environments") if name)
    return f"; {duration(3600 * whole[0].pair.more_hours)} of one core for {place}"


def _listed(title: str, lines: Sequence[str]) -> Iterator[str]:
    if not lines:
        return
    yield from ("", f"{title}:")
    for line in lines[:_MOST_LINES]:
        yield f"  {line}"
    if more := and_more(len(lines), _MOST_LINES):
        yield f"  {more}; --json gives all"
