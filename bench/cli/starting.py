"""A name in, a suite file to begin with out; and the version of the harness."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.asking import AlgoOption
from bench.cli.terminal import say


def say_version(wanted: bool) -> None:
    """Say which version this is, and end."""
    if not wanted:
        return
    try:
        known = version("bench")
    except PackageNotFoundError:
        known = "(not installed: run from its source)"
    typer.echo(f"bench {known}")
    raise typer.Exit


def init(
    name: Annotated[Path, typer.Argument(metavar="NAME", help="of the suite; the file is NAME.yaml")],
    *,
    algo: AlgoOption = None,
    env: Annotated[
        list[str] | None, typer.Option("--env", help="an environment; may be repeated; CartPole-v1 if not given")
    ] = None,
    steps: Annotated[
        str | None, typer.Option("--steps", help="environment steps of every run, such as 50k, 1M or 1e5")
    ] = None,
) -> None:
    """Write a suite of your own to begin with: it works as it is, and comments say what else there is."""
    from bench import pipeline  # noqa: PLC0415 - `bench --help` must be instant
    from bench.pipeline.starting import start  # noqa: PLC0415 - as above

    file = start(name, pipeline.Asked(algo or (), env or (), steps))
    say(f"{file} is written; bench validate {file} tells what it costs", whole=True)
