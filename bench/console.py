"""Words, rows and data in; what a terminal, a pipe or a program reads out.

Every command writes through here, so that no name, title or message of others is taken for a colour, a command to the
terminal or a second line, and so that no encoding of the terminal ends a command.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from bench.errors import BenchError
from bench.plain import and_more, counted, json_text, plain, printable


class Terminal(Console):
    """A console that shows text as it is: no markup, no emoji names, nothing that the terminal itself would obey."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False)

    def on_broken_pipe(self) -> None:
        """Let it be known that nobody reads any more: a run ends its trials then, where rich would end the process."""
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render as the console does, and clean what is no control of its own."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))


def forgive_encodings() -> None:
    """Let standard output and error write what their encoding lacks as an escape, rather than end the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def waiting(why: str) -> AbstractContextManager[object]:
    """Return what shows on a terminal, while it is entered, that and why nothing else is seen."""
    console = Terminal(stderr=True)
    return console.status(Text(plain(why))) if console.is_terminal else nullcontext()


def say(text: str, style: str | None = None, *, whole: bool = False) -> None:
    """Print one line; `whole`: never broken at the terminal's width, for paths and commands to copy."""
    Terminal().print(plain(text), style=style, soft_wrap=whole)


def note(text: str) -> None:
    """Print one line of advice to standard error; where that is full, no run ends for want of it."""
    with _room_or_not():
        Terminal(stderr=True).print(plain(text), style="yellow")


def say_trouble(hindered: int, reasons: Sequence[str], unreadable: int, elsewhere: int, what: str = "trial") -> None:
    """Say what keeps runs from being there, for no fault of theirs; nothing where nothing does.

    Args:
        hindered: how many were not run to their end.
        reasons: why, each once.
        unreadable: files of results.
        elsewhere: how many another command on the same folder is running.
        what: what one of them is called.
    """
    if hindered:
        _say_hindrances(hindered, reasons)
    if unreadable:
        say(f"{counted(unreadable, 'file')} of results cannot be read; `bench status` says why", "yellow")
    if elsewhere:
        say(f"another command on this folder is at work on {counted(elsewhere, what)}")


def _say_hindrances(trials: int, reasons: Sequence[str]) -> None:
    """Say that trials were not run to their end for no fault of theirs, and the first reasons."""
    were = "1 trial was" if trials == 1 else f"{trials} trials were"
    say(f"{were} not run to the end for a reason outside of the trial; the same command tries again", "yellow")
    for reason in reasons[:_REASONS_SHOWN]:
        say(f"  {reason}", "yellow", whole=True)
    if more := and_more(len(reasons), _REASONS_SHOWN):
        say(f"  {more}", "yellow")


STOPPING = "trials at work store themselves where they can and end, in some seconds; Ctrl-C again kills them"


def say_stopping() -> None:
    """Say that trials are ending, from a signal handler, which may have met a stream of Python's in mid-word."""
    with suppress(OSError):
        os.write(2, f"bench: {STOPPING}\n".encode())


def say_interrupted(stored: int, anew: int) -> None:
    """Say what an interrupted run has kept, and what not; the numbers as in `goes_on`."""
    say(f"interrupted; everything finished is kept, {goes_on(stored, anew, 'trial')}")


def goes_on(stored: int, anew: int, what: str) -> str:
    """Return what the same command does next.

    Args:
        stored: how many of what it runs go on from a checkpoint.
        anew: how many were at work and do not.
        what: one of them, in words.
    """
    behind = "at most 10 minutes of training behind, or the suite's `checkpoint_minutes`"
    more = f", {counted(stored, what)} of it from a checkpoint {behind}" if stored else ""
    lost = f"; {counted(anew, f'{what} begins', f'{what}s begin')} anew" if anew else ""
    return f"the same command goes on from here{more}{lost}"


_REASONS_SHOWN = 3


def complain(error: BenchError, before: str = "") -> None:
    """Print an error's sentences to standard error, a line each; where that is full, the exit code has to do."""
    with _room_or_not():
        for sentence in error.args:
            sys.stderr.write(f"{before}{plain(str(sentence))}\n")


@contextmanager
def _room_or_not() -> Iterator[None]:
    """Go on where there is no room for what is written; that nobody reads it any more is for the caller to know."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError:
        pass


def say_document(text: str) -> None:
    """Print a document of several lines."""
    sys.stdout.write(printable(text))


def say_json(value: object) -> None:
    """Print a value for programs."""
    sys.stdout.write(json_text(value, indent=2) + "\n")


def say_event(value: object) -> None:
    """Print a value for programs as one of many lines, at once."""
    sys.stdout.write(json_text(value) + "\n")
    sys.stdout.flush()


def say_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under their headings, numbers to the right; no word is broken, the first column never."""
    right = [
        bool(rows) and all(isinstance(row[place], int | float) or row[place] == "" for row in rows)
        for place in range(len(header))
    ]
    table = grid(header, right=[name for name, numbers in zip(header, right, strict=True) if numbers])
    for row in rows:
        table.add_row(*map(_cell, row))
    table.columns[0].no_wrap = True
    say_grid(table)


def grid(header: Sequence[str], *, right: Iterable[str] = ()) -> Table:
    """Return a table without lines and rows, to be filled with text that `plain` has passed."""
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    numbers = set(right)
    for name in header:
        table.add_column(plain(name), justify="right" if name in numbers else "left", overflow="fold")
    return table


def say_grid(table: Table) -> None:
    """Print a table; one that a narrow terminal cannot hold without breaking words is wider than it.

    In a pipe, where nobody told a width, every row is one line, for programs that look for lines.
    """
    console = Terminal()
    cells = [[str(cell) for cell in (column.header, *column.cells)] for column in table.columns]
    most = [max(map(_longest_line, column)) for column in cells]
    kept = zip(cells, most, table.columns, strict=True)
    least = [wide if column.no_wrap else max(map(_longest_word, words)) for words, wide, column in kept]
    between = _GAP * (len(most) - 1)
    piped = not console.is_terminal and "COLUMNS" not in os.environ
    room = sum(most) if piped else console.width - between
    for column, width in zip(table.columns, _shared(room, least, most), strict=True):
        column.width = width
    console.width = max(console.width, between + sum(column.width or 0 for column in table.columns))
    console.print(table)


_GAP = 2
"""Columns of the terminal between two of a table."""


def _shared(room: int, least: Sequence[int], most: Sequence[int]) -> list[int]:
    """Return a width for every column, at least and at most what it needs; what is scarce is shared evenly."""
    widths = list(least)
    for level in range(1 + max(most)):
        wider = [min(high, max(low, level)) for low, high in zip(least, most, strict=True)]
        if sum(wider) > room:
            break
        widths = wider
    return widths


def _longest_line(text: str) -> int:
    return max(map(cell_len, text.splitlines()), default=0)


def _longest_word(text: str) -> int:
    return max(map(cell_len, text.split()), default=0)


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else plain(str(value))
