"""A command line in, the process's exit code out, however the command ends.

Imports next to nothing, so that an interrupt is as clean while everything else is imported as it is later. While trials
run, `bench.pipeline.run` listens to the same signals and ends the trials first.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress

from bench.cli.codes import INTERRUPTED

TYPE_CHECKING = False  # `typing` takes longer to import than everything here
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
AGAIN_SECONDS = 1.0
"""Until an interrupt is raised again: a library in the midst of its import, or C code, may swallow it."""


class Interruption(BaseException):
    """Ctrl-C, SIGTERM, or a terminal that was closed; nothing that a library catches."""


def main() -> NoReturn:
    """Be the command: run it, and leave with its exit code, 130 when it was interrupted or nobody reads its output."""
    _open_standard_streams()
    came: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        del frame
        came.append(number)
        signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS)
        raise Interruption

    sys.unraisablehook = _told_in_vain
    try:
        for number in (signal.SIGALRM, *SIGNALS):
            # `nohup` asks not to hear of closed terminals; a shell's background jobs may be sent a SIGINT all the same.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, interrupt)
        code = _run()
    except BaseException:
        # Not only an `Interruption`: a library may have made something else of it.
        if not came:
            raise
        _be_deaf()
        code = INTERRUPTED
        _say_interrupted()
    _leave(code)


def _run() -> int:
    from bench.cli.app import main as run  # noqa: PLC0415 - under the protection of `main`

    try:
        run()
    except SystemExit as end:
        # What typer and rich make of a closed pipe.
        if isinstance(end.__context__, BrokenPipeError):
            return INTERRUPTED
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    except BrokenPipeError:
        return INTERRUPTED
    return 0


def _leave(code: int) -> NoReturn:
    """Leave; signals that come while the interpreter takes itself apart change nothing any more."""
    _be_deaf()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError) as error:
            code = code or (INTERRUPTED if isinstance(error, BrokenPipeError) else 1)
            # The interpreter flushes once more.
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(code)


def _be_deaf() -> None:
    for number in (signal.SIGALRM, *SIGNALS):
        signal.signal(number, signal.SIG_IGN)


def _told_in_vain(unraisable: Any) -> None:
    if isinstance(unraisable.exc_value, Interruption):
        # Raised in a destructor, say, where nothing can be raised.
        _say_interrupted()
        os._exit(INTERRUPTED)
    sys.__unraisablehook__(unraisable)


def _say_interrupted() -> None:
    with suppress(OSError):
        os.write(2, b"bench: interrupted\n")


def _open_standard_streams() -> None:
    """Open those that the caller has closed, so that no file of ours takes their place."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free is taken; the processes started from here need it, too.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
