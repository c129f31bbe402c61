"""What a trial prints in, a file of bounded size out: its beginning as it comes, and its end."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

MOST_BYTES = 500_000
"""Kept of the beginning, and as much of the end, of every attempt."""
_RECENT_BYTES = 8_000
_RECENT_LINES = 20
_ACCOUNTS = (b"Fatal Python error:", b"Current thread 0x")
"""How the interpreter begins to tell where it was when a signal ended it."""


class CappedLog:
    """A log that cannot fill the disk, nor end a trial when the disk is full.

    The beginning is written as it comes. What is beyond it waits in memory for `settle`, of which the last bytes are
    written behind the beginning, with a line that says how much is missing between.
    """

    def __init__(self, path: Path, most: int = MOST_BYTES) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._most = most
        self._room = most
        self._beyond = 0
        self._tail = bytearray()
        self._end_of_head: int | None = None
        self._settled = True

    def write(self, data: bytes) -> None:
        """Take in some bytes."""
        head = data[: self._room]
        if head:
            self._put(head)
        self._room -= len(head)
        self._beyond += len(data) - len(head)
        self._tail += data[-self._most :]
        if len(self._tail) > 2 * self._most:
            del self._tail[: -self._most]
        self._settled = self._settled and self._beyond == 0

    def settle(self) -> None:
        """Bring the file's end up to date."""
        if self._settled:
            return
        self._settled = True
        tail = bytes(self._tail[-min(self._beyond, self._most) :])
        if left_out := self._beyond - len(tail):
            tail = (
                f"\n--- {left_out:,} bytes are left out here: a log keeps its beginning and its end\n".encode() + tail
            )
        with contextlib.suppress(OSError):
            if self._end_of_head is None:
                self._end_of_head = os.fstat(self._file).st_size
            os.ftruncate(self._file, self._end_of_head)
        self._put(tail)

    def close(self) -> None:
        """Bring the file's end up to date and let go of it."""
        self.settle()
        os.close(self._file)

    def recent(self) -> str:
        """Return what was written last: the interpreter's account of where it was, or the last lines."""
        text = bytes(self._tail[-_RECENT_BYTES:])
        for account in _ACCOUNTS:
            _, found, more = text.rpartition(account)
            if found:
                return (found + more).decode(errors="replace")
        return "\n".join(text.decode(errors="replace").splitlines()[-_RECENT_LINES:])

    def _put(self, data: bytes) -> None:
        # A full disk costs lines of a log; it must not cost the trial.
        with contextlib.suppress(OSError):
            os.write(self._file, data)
