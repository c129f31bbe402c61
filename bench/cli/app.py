"""Words typed in; the command that they name carried out, or the sentence that says why not, out."""

from __future__ import annotations

import errno
import os
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from pkgutil import resolve_name
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from bench.cli.codes import INTERRUPTED
from bench.cli.commands import COMMANDS
from bench.console import complain, forgive_encodings
from bench.errors import BenchError, HindranceError, SuiteError, WriteError, hindrance
from bench.plain import counted

_LOOKS: dict[str, Any] = {"rich_markup_mode": None, "pretty_exceptions_enable": False}


class Commands(TyperGroup):
    """Commands of which only the names and a line each are known until one is called, or its own help asked for."""

    def __init__(self, **given: Any) -> None:
        known = {name: TyperCommand(name, help=command.line) for name, command in COMMANDS.items()}
        super().__init__(**given | {"commands": known})

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the name of the command that was typed, the command itself, and the words that are left to it."""
        name, known, rest = super().resolve_command(ctx, args)
        return name, known and _loaded(str(name)), rest


def _loaded(name: str) -> Any:
    alone = typer.Typer(add_completion=False, **_LOOKS)
    alone.command(name)(resolve_name(COMMANDS[name].place))
    return typer.main.get_command(alone)


app = typer.Typer(
    name="bench",
    cls=Commands,
    help="Which reinforcement-learning algorithm when, and how sure are we?",
    no_args_is_help=True,
    **_LOOKS,
)


def _say_version(wanted: bool) -> None:
    if not wanted:
        return
    try:
        known = version("bench")
    except PackageNotFoundError:
        known = "(not installed: run from its source)"
    typer.echo(f"bench {known}")
    raise typer.Exit


@app.callback()
def start(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="say which version this is", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    """Which reinforcement-learning algorithm when, and how sure are we?"""


def main() -> None:
    """Run the command line; a user's mistake is a sentence and exit code 2."""
    forgive_encodings()
    _keep_output_apart()
    try:
        app()
    except SuiteError as error:
        # One complaint a line, so that an editor can jump to each.
        complain(error)
        complain(BenchError(f"{counted(len(error.complaints), 'complaint')}; nothing was run"))
        sys.exit(2)
    except BenchError as error:
        complain(error, "bench: ")
        sys.exit(1 if isinstance(error, WriteError | HindranceError) else 2)
    except OSError as error:
        if error.errno in {errno.EIO, errno.EPIPE} and error.filename is None:
            # The terminal or the pipe is closed: there is nobody to tell.
            sys.exit(INTERRUPTED)
        complain(hindrance(error, Path(error.filename or "standard output"), "cannot be used"), "bench: ")
        sys.exit(1)


def _keep_output_apart() -> None:
    """Write to a descriptor of our own what is said here; what libraries and children write goes to standard error.

    A program that reads the answer, as JSON say, finds nothing else in it.
    """
    try:
        if sys.stdout is None or sys.stdout.fileno() != 1:
            return
        sys.stdout.flush()
        ours = os.dup(1)
        os.dup2(2, 1)
    except (OSError, ValueError):  # a stream that is closed, or none at all: there is nothing to keep apart
        return
    sys.stdout = os.fdopen(ours, "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors)
