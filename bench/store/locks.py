"""A trial's folder in, the exclusive right to work in it out: two runners on one folder share the work."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOCK = "lock"
TRIES = 5


class BusyError(Exception):
    """Another process holds the trial."""


@contextmanager
def claim(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process until the block ends or the process dies.

    Raises:
        BusyError: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        for _ in range(TRIES):
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            # A look by `status` holds the lock for a moment, too.
            time.sleep(0.05)
        else:
            raise BusyError(f"{folder.name} is being run by another process")
        yield


def held(folder: Path) -> bool:
    """Return whether another process holds `folder` at this moment."""
    try:
        with (folder / LOCK).open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
