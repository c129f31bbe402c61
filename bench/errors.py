"""A user's mistake in, a sentence that names the thing, the place and the next step out."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


class BenchError(Exception):
    """A mistake the user can mend, in one sentence or several; told a line each, without a traceback (exit code 2)."""

    def __str__(self) -> str:
        return "\n".join(map(str, self.args))


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing wrong with an input: where, what, and what to do about it."""

    place: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" + (f"; {self.hint}" if self.hint else "")


class SuiteError(BenchError):
    """Everything wrong with a suite file, told at once."""

    def __init__(self, complaints: Sequence[Complaint]) -> None:
        self.complaints = tuple(complaints)
        super().__init__(*map(str, self.complaints))


class CatalogError(BenchError):
    """A name that no catalogue knows, or a plug-in that does not fit."""


class StoreError(BenchError):
    """Results on disk that cannot be read: another format, another protocol, a damaged file."""


class WriteError(BenchError):
    """A file that cannot be written, on a full or a read-only disk for instance (exit code 1)."""


class DeviceError(BenchError):
    """A device that was asked for and is not there."""


class MissingExtraError(BenchError):
    """An optional dependency is not installed; the message holds the install command."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs an optional dependency; install it with: pip install 'bench[{extra}]'")


class DivergedError(Exception):
    """Training produced a number that is not finite; the trial is recorded as diverged."""


class OutsideError(Exception):
    """An action that the environment's action space does not hold: what it does there nobody has defined."""


class OverrunError(Exception):
    """Training goes on far beyond its budget; the trial is recorded as a timeout."""


class HindranceError(BenchError):
    """What keeps the harness, not a trial, from its work; never recorded as an outcome (exit code 1)."""

    kind = "hindered"


class HaltError(HindranceError):
    """A hindrance that every other trial would meet too, such as a full disk: nothing further is started."""

    kind = "halted"


class BusyError(HindranceError):
    """Another process holds the trial."""

    kind = "elsewhere"


HINDRANCES = tuple(error.kind for error in (HindranceError, HaltError, BusyError))
_NO_ROOM = "make room there, then run the same command again"
_READ_ONLY = "make it writable, or name another folder with --results"
_NO_PROCESS = "the system lets no further process start: try fewer --workers, then run the same command again"
_NO_FILES = "too many files are open: raise the limit (ulimit -n), then run the same command again"
_IN_THE_WAY = "something else stands in its place: move it away, then run the same command again"
_REMEDIES = {
    errno.EEXIST: _IN_THE_WAY,
    errno.ENOTDIR: _IN_THE_WAY,
    errno.ENOSPC: _NO_ROOM,
    errno.EDQUOT: _NO_ROOM,
    errno.EROFS: _READ_ONLY,
    errno.EACCES: _READ_ONLY,
    errno.EPERM: _READ_ONLY,
    errno.EAGAIN: _NO_PROCESS,
    errno.ENOMEM: _NO_PROCESS,
    errno.EMFILE: _NO_FILES,
    errno.ENFILE: _NO_FILES,
}
_EVERYWHERE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


@contextmanager
def hindering(place: Path, what: str) -> Iterator[None]:
    """Turn a refusal of the operating system into a sentence about `place`.

    Args:
        place: the file or folder that the block works on.
        what: what cannot be done then, such as `the record cannot be written`.

    Raises:
        HindranceError: the block raised an `OSError`, or something else because of one.
    """
    try:
        yield
    except BenchError:
        raise
    except Exception as error:
        refusal = _refusal(error)
        if refusal is None:
            raise
        raise hindrance(refusal, place, what) from error


def hindrance(error: OSError, place: Path, what: str) -> HindranceError:
    """Return the sentence about an operating system's refusal."""
    kind = HaltError if error.errno in _EVERYWHERE else HindranceError
    remedy = _REMEDIES.get(error.errno or 0, "run the same command again")
    return kind(f"{place}: {what} ({error.strerror or error}); {remedy}")


def _refusal(error: BaseException | None) -> OSError | None:
    """Return the system's refusal behind an error: a library that stumbles over a full disk may raise its own."""
    if isinstance(error, OSError):
        return error
    while (error := error and (error.__cause__ or error.__context__)) is not None:
        if isinstance(error, OSError) and error.errno in _EVERYWHERE:
            return error
    return None
