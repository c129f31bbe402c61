"""The fork server's children in, those whose keeper has been killed ended."""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from multiprocessing import forkserver
from typing import Any

import psutil

_SECONDS = 5.0
_LOOKS = 2


def end_orphans() -> None:
    """Kill what killed keepers have left behind: every child of the fork server that this process did not order.

    Other trials are not met: their keepers are this process's own, and what they started is below them.
    """
    until, nobody = time.monotonic() + _SECONDS, 0
    # What an orphan had started is adopted in its turn, when the orphan is gone. One that goes while it is looked at
    # takes what it had started out of that look: only the next one finds it.
    while nobody < _LOOKS and time.monotonic() < until:
        left = _orphans()
        nobody = 0 if left else nobody + 1
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        time.sleep(0.01)


def _orphans() -> list[psutil.Process]:
    server: Any = vars(forkserver)["_forkserver"]
    if server._forkserver_pid is None:  # noqa: SLF001  # there is no public way to it
        return []
    try:
        children = psutil.Process(server._forkserver_pid).children()  # noqa: SLF001  # as above
    except psutil.Error:
        return []
    ordered = {process.pid for process in multiprocessing.active_children()}
    orphans = [child for child in children if child.pid not in ordered and _lives(child)]
    return [*(descendant for orphan in orphans for descendant in _below(orphan)), *orphans]


def _below(process: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        found: list[psutil.Process] = process.children(recursive=True)
        return found
    return []


def _lives(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False
