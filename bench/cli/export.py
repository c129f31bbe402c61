"""The words of `bench export` in; tidy tables as files out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.asking import say_unread, with_results
from bench.console import say
from bench.options import PathArgument, ResultsOption
from bench.pipeline import RESULTS


def export(
    path: PathArgument,
    *,
    kind: Annotated[str, typer.Option("--format", help="csv or parquet")] = "csv",
    to: Annotated[Path | None, typer.Option("--to", help="folder; <results folder>/export if not given")] = None,
    results: ResultsOption = RESULTS,
) -> None:
    """Write results as tidy tables: trials, points of the learning curves, episodes."""
    from bench.pipeline.tidy import export as write  # noqa: PLC0415 - seconds of pandas: not for help

    experiment = with_results(path, results)
    say_unread(experiment)
    for written in write(experiment, to or experiment.store.root / "export", kind):
        say(str(written), whole=True)
