"""`bench claims`: every claim that is taught, judged from what is stored."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from bench.claims.records import Answer
from bench.console import grid, say, say_grid, say_json

_FOLDER = "claims"


def claims(
    *,
    results: Annotated[Path, typer.Option(help="folder that holds the results of all suites")] = Path("results"),
    markdown: Annotated[Path | None, typer.Option(help="write the page as Markdown to this file, too")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON, for programs")] = False,
) -> None:
    """Judge what lessons and textbooks teach by the suites that ask it, and say what the rest costs.

    `bench run SUITE` runs what is missing of one; this judges all and writes reports/claims.
    """
    # Seconds of scipy: not for help.
    from bench.claims import judging, page  # noqa: PLC0415
    from bench.files import publish  # noqa: PLC0415
    from bench.pipeline.naming import REPORTS  # noqa: PLC0415
    from bench.report import index  # noqa: PLC0415

    judge = judging.Judge(results)
    answers = judge.answers()
    measured, rows = judge.measured(), judging.table()
    written = page.write(answers, measured, rows, REPORTS / _FOLDER)
    index.write(REPORTS)
    if markdown is not None:
        publish(markdown, page.document(answers, measured, rows))
    if as_json:
        say_json([{**asdict(one.taught), "verdict": one.verdict, "missing_seconds": one.seconds} for one in answers])
        return
    _say(answers)
    say("")
    say(page.in_short(answers))
    say(f"page: {written}")


def _say(answers: list[Answer]) -> None:
    from bench.claims.page import overview  # noqa: PLC0415 - as above

    shown = overview(answers)
    found = grid(("claim", "verdict", "left to do"))
    for claim, verdict, *_, left in shown.rows:
        found.add_row(claim.shown(), verdict.shown(), left.shown())
    say_grid(found)
