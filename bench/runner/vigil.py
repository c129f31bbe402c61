"""Signs of life in, the moment from which silence means that a trial hangs out."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.records import STALL_GAPS, STALL_MINUTES, Limits
from bench.runner.jobs import Progress

ADVICE = "`limits: {stall_minutes: ...}` in the suite allows longer"


@dataclass(slots=True)
class Vigil:
    """One trial's silence. Every clock reading is in seconds of any steady clock."""

    limits: Limits
    heard: float
    """When it last gave a sign of life."""
    longest: float = 0.0
    """The longest silence that it has come back from: a slow simulator shows how slow it is."""
    latest: Progress = field(default_factory=Progress)

    def hear(self, now: float, progress: Progress | None = None) -> None:
        """Take in a sign of life."""
        self.longest = max(self.longest, now - self.heard)
        self.heard = now
        self.latest = progress or self.latest

    @property
    def patience(self) -> float:
        """Seconds of silence that are allowed."""
        if self.limits.stall_minutes is not None:
            return 60 * self.limits.stall_minutes
        return max(60 * STALL_MINUTES, STALL_GAPS * self.longest)

    @property
    def until(self) -> float:
        """When the trial counts as hanging if nothing more is heard of it."""
        return self.heard + self.patience

    def silence(self) -> str:
        """Return what is wrong, in words."""
        minutes = f"{self.patience / 60:.3g} minutes"
        return f"no sign of life for {minutes}, {self.place()}: what was called there did not return"

    def place(self) -> str:
        """Return where the trial was last seen, in words."""
        return f"while {self.latest.doing} (after {self.latest.steps:,} steps)"
