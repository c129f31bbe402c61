"""A trial's folder in, a claim on it by a file with a heartbeat out: for file systems that have no locks.

The file names its owner: machine, process, and when that process was started. On the owner's machine a claim ends with
the process; elsewhere it ends when the file has not been touched for `STALE_SECONDS`, which is the only moment at which
two runners may come to work on one trial (after the owner was suspended for that long, say). Then work is lost and
data is not, because records are written atomically.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import psutil

from bench.errors import BusyError
from bench.store.loading import load

LEASE = "lease"
BEAT_SECONDS = 20.0
STALE_SECONDS = 600.0
"""Thirty beats: clocks of the machines that share a folder may differ by some minutes."""
_SAME_START_SECONDS = 5.0
"""A process's start is told in time since boot, and the clock it is added to may have been set meanwhile."""


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Hold `folder` until the block ends, its file fresh by a heartbeat.

    Raises:
        BusyError: another process holds it.
        OSError: the file cannot be written, or no thread be started.
    """
    path, mine, over = folder / LEASE, _owner(), Event()
    if not (_created(path, mine) or _taken_over(folder, mine)):
        raise BusyError(f"{folder.name} is being run by another process")
    try:
        _start(Thread(target=_beat, args=(path, mine, over), name="lease", daemon=True))
        yield
    finally:
        over.set()
        with suppress(OSError):
            if path.read_text() == mine:
                path.unlink()


def live(folder: Path) -> bool:
    """Return whether a process that is still there holds `folder`."""
    path = folder / LEASE
    try:
        if time.time() - path.stat().st_mtime > STALE_SECONDS:
            return False
        owner = load(path)
        return bool(owner["machine"] != _machine() or _runs(owner["process"], owner["started"]))
    except OSError:
        return False
    except (ValueError, TypeError, KeyError, ArithmeticError):  # its owner is just writing it
        return True


def _owner() -> str:
    return json.dumps(
        {"machine": _machine(), "process": os.getpid(), "started": psutil.Process().create_time(), "at": time.time_ns()}
    )


def _machine() -> str:
    """Return the host's name and, where there is such a thing, the space its process numbers are from."""
    with suppress(OSError):
        return f"{socket.gethostname()} {Path('/proc/self/ns/pid').stat().st_ino}"
    return socket.gethostname()


def _runs(process: int, started: float) -> bool:
    try:
        found = psutil.Process(process)
        return abs(found.create_time() - started) < _SAME_START_SECONDS and found.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True


def _created(path: Path, content: str) -> bool:
    try:
        with path.open("x") as file:
            file.write(content)
    except FileExistsError:
        return False
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return True


def _taken_over(folder: Path, mine: str) -> bool:
    """Put this process in the place of an owner that is gone; of several that try at once, one succeeds."""
    path = folder / LEASE
    grave = path.with_name(f"{LEASE}.{os.getpid()}.{time.time_ns()}.tmp")
    with suppress(FileNotFoundError):
        judged = path.read_text()
        if live(folder):
            return False
        path.rename(grave)
        if grave.read_text() != judged:
            # Somebody was faster, and this is the new owner's: it goes back.
            with suppress(FileExistsError):
                os.link(grave, path)
        grave.unlink()
    return _created(path, mine)


def _beat(path: Path, mine: str, over: Event) -> None:
    while not over.wait(BEAT_SECONDS):
        with suppress(OSError):
            if path.read_text() != mine:  # this process was silent for so long that another took over
                return
            os.utime(path)


def _start(thread: Thread) -> None:
    try:
        thread.start()
    except RuntimeError as error:
        raise BlockingIOError(errno.EAGAIN, str(error)) from error
