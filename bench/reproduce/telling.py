"""Verdicts on the numbers of a published table in; what came of it, in the terminal or as JSON, out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bench.console import grid, say, say_grid, say_interrupted, say_json, say_trouble
from bench.pipeline import Summary
from bench.records import Interval, PublishedVerdict
from bench.report.published import judged, weak
from bench.report.table import Cell
from bench.reproduce.records import Leaning
from bench.reproduce.reproduction import Reproduction
from bench.reproduce.sentences import headline, leaning


def say_verdicts(
    opened: Reproduction,
    lines: Sequence[PublishedVerdict],
    together: Leaning | None,
    page: Path,
    summary: Summary | None,
    *,
    as_json: bool,
) -> None:
    """Say what came of a table, all of it or the numbers asked for."""
    if as_json:
        say_json(
            {
                "table": opened.table.name,
                "headline": headline(lines),
                "together": together and asdict(together),
                "numbers": [asdict(line) for line in lines],
                "summary": summary and asdict(summary),
                "report": str(page),
            }
        )
        return
    say(opened.table.title, "bold")
    content = judged(lines)
    last = "Rank" if any(line.rank is not None for line in lines) else "n"
    wanted = ("Algorithm", "Environment", "Verdict", "Published", "Our mean", last)
    places = [place for place, column in enumerate(content.columns) if column.name in wanted]
    columns = [content.columns[place] for place in places]
    table = grid([column.name for column in columns], right=[column.name for column in columns if column.numeric])
    for row in content.rows:
        # The interval stands on the page: here it would not fit beside the rest.
        cells = (row[place] for place in places)
        table.add_row(
            *(Cell(cell.value.estimate).shown() if isinstance(cell.value, Interval) else cell.shown() for cell in cells)
        )
    if content.rows:
        say_grid(table)
    for told in filter(None, (headline(lines), weak(lines), leaning(together))):
        say(told)
    for root, count in opened.borrowed.items():
        say(f"{count} trials of {root} are the very same and count here")
    if summary is not None and summary.failed:
        say(f"{summary.failed} trials failed; the same command with --retry-failed tries them again", "red")
    if summary is not None:
        say_trouble(summary.hindered, summary.hindrances, summary.unreadable, summary.elsewhere)
    if summary is not None and summary.interrupted:
        say_interrupted(summary.stored, summary.anew)
    say(f"report: {page}", whole=True)
