"""The words of `bench report` in; reports as pages or documents out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.asking import with_results
from bench.console import say, say_document
from bench.files import publish
from bench.options import ResultsOption, results_at_hand
from bench.pipeline import RESULTS


def report(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...", help="suite files, results folders, or their names", autocompletion=results_at_hand
        ),
    ],
    *,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", help="html: folder for the report, reports/<suite> if not given; else: file, instead of printing it"
        ),
    ] = None,
    kind: Annotated[
        str, typer.Option("--format", help="html (a folder with page, figures and tables), md, latex or json")
    ] = "html",
    intervals: Annotated[
        str,
        typer.Option(help="bench, or rliable: its percentile intervals beside ours, to compare with papers"),
    ] = "bench",
    results: ResultsOption = RESULTS,
) -> None:
    """Analyse what there is, finished or not, and write the report."""
    from bench.pipeline import results as made  # noqa: PLC0415 - seconds of seaborn: not for help

    for experiment in [with_results(path, results) for path in paths]:
        if kind != "html":
            text = made.report_document(experiment, kind, intervals)
            _say_document(text, _document_file(to, f"{experiment.suite.name}.{made.DOCUMENTS[kind]}", len(paths)))
            continue
        folder = to / experiment.suite.name if to and len(paths) > 1 else to
        say(str(made.write_report(experiment, folder, intervals)), whole=True)


def _document_file(to: Path | None, name: str, reports: int) -> Path | None:
    """Return where a report that is one document goes; None: to standard output."""
    if to is None or (reports == 1 and not to.is_dir()):
        return to
    return to / name


def _say_document(text: str, file: Path | None) -> None:
    if file is None:
        say_document(text)
        return
    publish(file, text)
    say(str(file), whole=True)
