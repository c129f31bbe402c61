"""A trial's folder in, the exclusive right to work in it out: two runners on one folder share the work."""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from bench.errors import BusyError, hindering
from bench.files import sweep
from bench.store import leases

LOCK = "lock"
TRIES = 5
_BUSY = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES})


@contextmanager
def claim(folder: Path) -> Iterator[None]:
    """Make `folder`, and hold it for this process until the block ends or the process dies.

    Raises:
        BusyError: another process holds it.
        HindranceError: it cannot be made or written to.
    """
    with ExitStack() as held:
        with hindering(folder, "the trial's folder cannot be claimed"):
            _take(folder, held)
            sweep(folder)
        yield


def _take(folder: Path, held: ExitStack) -> None:
    for _ in range(TRIES):
        # Another runner may tidy an empty folder away between any two of these lines.
        with suppress(FileNotFoundError, FileExistsError), ExitStack() as attempt:
            folder.mkdir(parents=True, exist_ok=True)
            lock = attempt.enter_context(_opened(folder / LOCK, "a"))
            granted = _granted(lock, fcntl.LOCK_EX)
            if granted is None:
                attempt.enter_context(leases.hold(folder))
            if granted is None or (granted and _in_place(lock, folder / LOCK) and not leases.live(folder)):
                held.push(attempt.pop_all())
                return
        # A look by `status` holds the lock for a moment, too.
        time.sleep(0.05)
    folder.mkdir(parents=True, exist_ok=True)
    raise BusyError(f"{folder.name} is being run by another process")


def held(folder: Path) -> bool:
    """Return whether another process holds `folder` at this moment."""
    if leases.live(folder):
        return True
    try:
        with _opened(folder / LOCK, "r") as lock:
            return _granted(lock, fcntl.LOCK_SH) is False
    except OSError:
        return False


def has_locks(root: Path) -> bool:
    """Return whether the file system of `root`, which is made if need be, grants locks.

    Raises:
        HindranceError: nothing can be written there.
    """
    with hindering(root, "results cannot be written"):
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root) as probe:
            return _granted(probe, fcntl.LOCK_EX) is not None


def _opened(path: Path, mode: str) -> IO[Any]:
    """Return the open file; without waiting for the other end, should it be a pipe."""
    return open(path, mode, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK, 0o666))


def _granted(file: IO[Any], kind: int) -> bool | None:
    """Return whether a lock was granted; None where the file system has none (ENOSYS, ENOLCK, EOPNOTSUPP, ...)."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in _BUSY else None
    return True


def _in_place(file: IO[Any], path: Path) -> bool:
    """Return whether `path` still names the open file: a lock on one that was removed meanwhile holds nobody off."""
    return os.path.samestat(os.fstat(file.fileno()), path.stat())
