"""Work in pieces in, every piece's result in their order out, by several processes at once."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")
Helper = subprocess.Popen[bytes]

MOST_PROCESSES = 4
"""Each helper takes 150 MB."""
FEWEST_PIECES = 10
"""For each process: with fewer, a helper has hardly imported what it needs when all is done."""
PATIENCE_SECONDS = 10.0
"""How long the last piece of a helper is waited for, before it is done here."""


def spread(
    work: Callable[[T], R],
    pieces: Sequence[T],
    processes: int,
    settle: Callable[[], object] | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> list[R]:
    """Return `work` of every piece.

    This process works, too, so that a helper that cannot start, fails or dies costs time alone. Helpers are programs
    of their own rather than forks, which threads forbid, and import nothing of the main program. They read from a pipe
    that closes with this process, and cannot outlive it by more than the piece in hand.

    Args:
        work: a pure function that can be pickled, as pieces and results can.
        pieces: what to do.
        processes: at most so many, this one included.
        settle: what a helper does first.
        meanwhile: what this process does first, while helpers begin.
    """
    left, found = deque(range(len(pieces))), dict[int, R]()
    with ExitStack() as stack:
        feeds = [
            Thread(target=_feed, args=(helper, (settle, work), pieces, left, found), daemon=True)
            for _ in range(min(processes, MOST_PROCESSES, len(pieces) // FEWEST_PIECES) - 1)
            for helper in stack.enter_context(_helper())
        ]
        for feed in feeds:
            feed.start()
        if meanwhile is not None:
            meanwhile()
        for place in _taken(left):
            found[place] = work(pieces[place])
        patient = time.monotonic() + PATIENCE_SECONDS
        while len(found) < len(pieces) and any(feed.is_alive() for feed in feeds) and time.monotonic() < patient:
            time.sleep(0.005)
        known = dict(found)
    return [known[place] if place in known else work(piece) for place, piece in enumerate(pieces)]


@contextmanager
def _helper() -> Iterator[list[Helper]]:
    """Give a helper, or nothing where none can start; afterwards it is gone."""
    program = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import serve; serve()"
    try:
        helper = subprocess.Popen(  # noqa: S603 - this very interpreter
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # What goes wrong there goes wrong here, too, and is told here.
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        yield []
        return
    try:
        yield [helper]
    finally:
        helper.kill()
        helper.wait()


def _feed(helper: Helper, start: object, pieces: Sequence[T], left: deque[int], found: dict[int, R]) -> None:
    """Hand a helper one piece after the other; what it does not give back is left for this process."""
    with suppress(Exception), helper:
        _put(helper.stdin, start)
        pickle.load(helper.stdout)  # type: ignore[arg-type] # a pipe # noqa: S301 - our own program's
        for place in _taken(left):
            _put(helper.stdin, pieces[place])
            found[place] = pickle.load(helper.stdout)  # type: ignore[arg-type] # noqa: S301 - as above


def _taken(left: deque[int]) -> Iterator[int]:
    """Take one place after the other, while others do the same."""
    with suppress(IndexError):
        while True:
            yield left.popleft()


def _put(pipe: Any, value: object) -> None:
    pickle.dump(value, pipe)
    pipe.flush()


def serve() -> None:
    """Be a helper: work on every piece that comes in, until the pipe closes."""
    # An interrupt from the terminal reaches this process, too: it goes without a word.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with os.fdopen(os.dup(0), "rb") as pieces, os.fdopen(os.dup(1), "wb") as results:
        os.dup2(2, 1)
        settle, work = pickle.load(pieces)  # noqa: S301 - from the process that started this one
        if settle is not None:
            settle()
        _put(results, None)
        with suppress(EOFError, BrokenPipeError):
            for piece in iter(partial(pickle.load, pieces), None):
                _put(results, work(piece))
