"""`bench claims`: every claim that is taught, judged from what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from bench.claims.records import Answer
from bench.console import grid, note, say, say_grid, say_interrupted, say_json, say_trouble
from bench.options import JsonOption, ResultsOption, WorkersOption
from bench.pipeline import REPORTS, RESULTS, RunOptions, cells_in_order, open_experiment, prepare
from bench.pipeline import run as carry_out_jobs
from bench.progress import display as displays
from bench.suite.shipped import shipped

_FOLDER = "claims"


def claims(
    *,
    run: Annotated[
        list[int] | None, typer.Option(help="number of a claim whose suites are run first; may be repeated")
    ] = None,
    workers: WorkersOption = None,
    results: ResultsOption = RESULTS,
    markdown: Annotated[Path | None, typer.Option(help="write the page as Markdown to this file, too")] = None,
    as_json: JsonOption = False,
) -> None:
    """Judge what lessons and textbooks teach by the suites that ask it, and say what the rest costs.

    `--run 19` runs what is missing of the suites that ask claim 19, as `bench run SUITE` would; then all are judged,
    and reports/claims is written.
    """
    # Seconds of scipy: not for help.
    from bench.claims import judging, page  # noqa: PLC0415
    from bench.files import publish  # noqa: PLC0415
    from bench.report import index  # noqa: PLC0415

    for suite in judging.suites(run or ()):
        _carried_out(suite, results, workers, quiet=as_json)
    judge = judging.Judge(results)
    answers = judge.answers()
    measured, rows = judge.measured(), judging.table()
    written = page.write(answers, measured, rows, REPORTS / _FOLDER)
    index.write(REPORTS)
    if markdown is not None:
        publish(markdown, page.document(answers, measured, rows))
    if as_json:
        say_json(
            [
                {
                    **asdict(one.taught),
                    "verdict": one.verdict,
                    "missing_seconds": one.seconds,
                    "unreadable": {asked.suite: asked.unreadable for asked in one.asked if asked.unreadable},
                }
                for one in answers
            ]
        )
        return
    _say(answers)
    say("")
    say(page.in_short(answers))
    say(f"page: {written}")


def _carried_out(suite: str, results: Path, workers: int | None, *, quiet: bool) -> None:
    """Run what is missing of a suite, or end the command where that is interrupted."""
    options = RunOptions(workers, preload=("bench.cli",))
    experiment = open_experiment(shipped()[suite], results=results, met=True)
    jobs = prepare(experiment, options, note)
    with displays.shown(cells_in_order(experiment), jobs, experiment.store.survey(), quiet=quiet) as display:
        summary = carry_out_jobs(experiment, jobs, display.hear, options, display.stopping)
    told = f"{suite}: {summary.done} of {summary.planned} trials done, {summary.failed} failed"
    if quiet:
        note(told)
    else:
        say(told, "bold")
        say_trouble(summary.hindered, summary.hindrances, summary.unreadable, summary.elsewhere)
    if summary.interrupted:
        say_interrupted(summary.stored, summary.anew)
        raise typer.Exit(summary.exit_code)


def _say(answers: Sequence[Answer]) -> None:
    from bench.claims.page import overview  # noqa: PLC0415 - as above

    shown = overview(answers)
    found = grid(("claim", "verdict", "left to do"))
    for claim, verdict, *_, left in shown.rows:
        found.add_row(claim.shown(), verdict.shown(), left.shown())
    say_grid(found)
