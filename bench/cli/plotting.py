"""The words of `bench plot` in, a figure as a file out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.asking import with_results
from bench.console import say, say_table
from bench.options import ResultsOption, results_at_hand
from bench.pipeline import RESULTS


def plot(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="a suite file or results folder", autocompletion=results_at_hand)
    ],
    *,
    figure: Annotated[
        str | None,
        typer.Option("--figure", help="its name, its section (learning) or an environment; not given: they are listed"),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="the file: .pdf, .svg or .png")] = Path("figure.pdf"),
    width: Annotated[
        float | None, typer.Option("--width", min=1.0, max=40.0, help="in inches: 3.25 is a paper's column")
    ] = None,
    results: ResultsOption = RESULTS,
) -> None:
    """Draw one figure of the report, for a paper."""
    from bench.pipeline import plotting  # noqa: PLC0415 - seconds of seaborn: not for help

    experiment = with_results(path, results)
    if figure is None:
        say_table(("figure", "what it shows"), list(plotting.figure_names(experiment).items()))
        return
    say(str(plotting.plot(experiment, figure, out, width)), whole=True)
