"""The words of `bench init` in; a suite file to begin with out."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from bench.console import say
from bench.options import AlgoOption
from bench.pipeline import Asked
from bench.pipeline.starting import start


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
    file = start(name, Asked(algo or (), env or (), steps))
    say(f"{file} is written; bench validate {quote(str(file))} tells what it costs", whole=True)
