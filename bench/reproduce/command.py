"""A published table's name in; its protocol run again and a verdict for every number in the terminal out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from bench import published
from bench.console import note, say, say_json, say_table
from bench.limits import MOST_SEEDS
from bench.options import (
    DevicesOption,
    DryRunOption,
    JsonOption,
    QuietOption,
    ResultsOption,
    RetryFailedOption,
    WorkersOption,
)
from bench.pipeline import RESULTS, RunOptions, default_workers, lock_note, require_devices, unread
from bench.progress import display as displays
from bench.records import Record
from bench.report.words import duration
from bench.reproduce.reproduction import CellPlan, Reproduction, affordable, open_table, rerun
from bench.runner.jobs import Job


def _tables_at_hand(incomplete: str) -> list[str]:
    return [name for name in published.names() if name.startswith(incomplete)]


def reproduce(
    table: Annotated[
        str,
        typer.Argument(
            metavar="TABLE", help="a published table; `bench list tables` shows all", autocompletion=_tables_at_hand
        ),
    ],
    *,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="numbers such as 'ppo@CartPole-v1', 'ppo', '@CartPole-v1'; may be repeated"),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, max=MOST_SEEDS, help="runs per number, instead of the table's")
    ] = None,
    workers: WorkersOption = None,
    devices: DevicesOption = "cpu",
    results: ResultsOption = RESULTS,
    core_hours: Annotated[
        float | None,
        typer.Option(min=0, help="run only the cheapest numbers, together at most so many expected hours of one core"),
    ] = None,
    retry_failed: RetryFailedOption = False,
    run: Annotated[bool, typer.Option(help="run what is missing; --no-run judges what is there")] = True,
    dry_run: DryRunOption = False,
    to: Annotated[Path | None, typer.Option(help="folder of the page; reports/published/TABLE if not given")] = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run a published table's protocol again, the cheapest number first, and judge every number.

    One published run: is it a plausible further draw from our runs? Several: the difference of means with its interval,
    and whether it is within the margin. Run it again to go on; trials of other suites count where they are the same.
    """
    from bench.reproduce import judging, telling  # noqa: PLC0415 - seconds of scipy and seaborn: not for help

    options = RunOptions(workers, 1, devices, retry_failed=retry_failed, preload=("bench.cli",))
    require_devices(options)
    opened = open_table(table, only=only or (), seeds=seeds, results=results)
    for sentence in unread(opened.experiment):
        note(f"note: {sentence}")
    if dry_run:
        paid = affordable(opened, core_hours, failed=retry_failed)
        _say_cost(table, paid, workers or default_workers(), failed=retry_failed, as_json=as_json)
        return
    summary = None
    if run:
        if advice := lock_note(opened.experiment):
            note(f"note: {advice}")
        summary = rerun(opened, options, partial(_display, quiet=quiet or as_json), core_hours, note)
    # The page is about the whole table, whatever part of it this command was asked for.
    whole = open_table(table, results=results)
    lines = judging.judge(whole)
    together = judging.together(lines)
    page = judging.write_page(whole, lines, to)
    asked = {(one.cell.algorithm, one.cell.environment) for one in opened.cells}
    told = [
        line
        for line, one in zip(lines, whole.cells, strict=True)
        if (one.cell.algorithm, one.cell.environment) in asked
    ]
    telling.say_verdicts(whole, told, together if len(told) == len(lines) else None, page, summary, as_json=as_json)
    raise typer.Exit(summary.exit_code if summary is not None else 0)


def tables() -> list[dict[str, str]]:
    """Return a row per published table, with what running all of it takes on one core."""
    return [_table_row(open_table(name)) for name in published.names()]


def _table_row(opened: Reproduction) -> dict[str, str]:
    table, to_go = opened.table, [one.cost for one in opened.cells if one.missing]
    return {
        "table": table.name,
        "title": table.title,
        "comparable": f"{sum(not cell.not_comparable for cell in table.cells)} of {len(table.cells)}",
        "our runs": f"{sum(len(one.outcomes) for one in opened.cells)} of {len(opened.experiment.plan.trials)}",
        "core time": duration(sum(to_go)),
        "next ten": duration(sum(to_go[:10])),
    }


def _display(cells: Sequence[CellPlan], jobs: Sequence[Job], *, quiet: bool) -> displays.Display:
    to_run = {job.trial.fingerprint for job in jobs}
    there = [outcome for one in cells for outcome in one.outcomes if outcome.trial.fingerprint not in to_run]
    done = [outcome.trial for outcome in there if isinstance(outcome, Record)]
    failed = [outcome.trial for outcome in there if not isinstance(outcome, Record)]
    planned = [trial for one in cells for trial in one.trials]
    return displays.display_of(planned, done, failed, jobs, quiet=quiet)


def _say_cost(table: str, cells: Sequence[CellPlan], workers: int, *, failed: bool, as_json: bool) -> None:
    to_run = [len(one.unfinished(failed=failed)) for one in cells]
    rows = [
        (*one.key, one.cell.steps, len(one.trials) - count, count, one.cost_of(failed=failed))
        for one, count in zip(cells, to_run, strict=True)
    ]
    if as_json:
        names = ("algorithm", "environment", "steps", "done", "missing", "core_seconds")
        say_json({"table": table, "cells": [dict(zip(names, row, strict=True)) for row in rows]})
        return
    say_table(
        ("algorithm", "environment", "steps", "done", "to run", "core time"),
        [(*row[:5], duration(row[5]) if row[5] else "") for row in rows],
    )
    seconds = sum(row[5] for row in rows)
    say(
        f"to run: {sum(to_run)} trials, {duration(seconds)} of one core, about {duration(seconds / workers)} on "
        f"{workers} workers (reckon with a factor of 2)"
    )
