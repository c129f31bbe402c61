"""An estimate with its confidence interval: what every number of a report is."""

from __future__ import annotations

from dataclasses import dataclass

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
