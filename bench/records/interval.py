"""An estimate with its confidence interval: what every number of a report is."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bench.records.facts import Fact


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its confidence interval; `low` and `high` are None where no honest interval exists."""

    estimate: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    """Trained runs behind it (per environment, where several are pooled: the smallest)."""
    notes: tuple[Fact, ...] = ()
    """Why there is no interval, or why to trust it less; none when all is well."""

    def taken_from(self, whole: float) -> Interval:
        """Return what is left of `whole`: 0 turns a difference round, 1 the probability that one is above another."""
        left = [None if one is None else whole - one for one in (self.estimate, self.high, self.low)]
        return replace(self, estimate=left[0], low=left[1], high=left[2])
