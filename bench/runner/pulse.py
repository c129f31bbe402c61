"""What a trial is doing in, reports of it out: at once when that changes, and now and then while it goes on."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Any

from bench.runner.jobs import Progress, Report

EVERY_SECONDS = 1.0


@dataclass(slots=True)
class Pulse:
    """The signs of life of one trial."""

    report: Report
    latest: Progress = field(default_factory=Progress)
    _next: float = 0.0

    def tell(self, **news: Any) -> None:
        """Tell what is new at once, by the names in `Progress`: should the next thing hang, this is the last heard."""
        self.latest = replace(self.latest, **news)
        self._next = time.perf_counter() + EVERY_SECONDS
        self.report(self.latest)

    def due(self) -> bool:
        """Return whether it is time to tell something; costs next to nothing, and is to be asked at every step."""
        return time.perf_counter() >= self._next

    def beat(self) -> None:
        """Tell that it goes on, when it is time."""
        if self.due():
            self.tell()
