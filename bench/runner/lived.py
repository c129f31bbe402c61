"""A steady clock in, the same without the time in which its reader was suspended out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

LOOK_SECONDS = 5.0
"""Whoever reads the clock does so at least this often, as long as it is let run."""
_LATE_SECONDS = 2 * LOOK_SECONDS
"""Of a longer pause between two readings only so much was lived through."""


@dataclass(slots=True)
class LivedClock:
    """Seconds that the process which reads it has lived through.

    A process that is stopped (SIGSTOP, a frozen control group, a job that Slurm suspends) does nothing, while the
    system's clocks go on. Of a machine that sleeps Linux and macOS count nothing themselves.
    """

    clock: Callable[[], float] = time.monotonic
    _latest: float = field(init=False)
    _lost: float = 0.0

    def __post_init__(self) -> None:
        self._latest = self.clock()

    def __call__(self) -> float:
        """Return the reading, in seconds."""
        now = self.clock()
        self._lost += max(0.0, now - self._latest - _LATE_SECONDS)
        self._latest = now
        return now - self._lost
