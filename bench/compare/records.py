"""Two algorithms, or two sets of results, side by side: what `bench compare` says."""

from __future__ import annotations

from dataclasses import dataclass

from bench.records.estimates import Pair
from bench.records.interval import Interval


@dataclass(frozen=True, slots=True)
class Failed:
    """The trials of one side that failed, in everything that both sides have."""

    count: int
    of: int
    """Those that have ended."""
    reasons: tuple[str, ...]
    """What was raised or happened, the most frequent first."""
    alone: tuple[str, ...]
    """Cells with failures of this side and none of the other."""


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """One comparison: on one environment, or on all of them."""

    label: str
    """The algorithm, where one is compared between two sets of results; empty where two algorithms are compared."""
    environment: str | None
    """None: all environments of this label together."""
    runs: tuple[int, int]
    """Trained runs of either side; per environment, the smallest where they differ."""
    pair: Pair
    """Corrected over all rows; undecided where it would speak for a side that is lost."""
    lost: tuple[bool, bool]
    """Whether every trial of either side has failed on one of these environments."""
    failed: tuple[int, int]
    """Trials of either side that failed, whether they count or not."""
    failing: tuple[int, int]
    """Runs of either side that end below half of the target; failed ones that count do."""
    of: tuple[int, int]
    """All runs of either side."""
    speed: Interval
    """Environment steps per CPU second of training, left over right, as a ratio."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything `bench compare` says."""

    left: str
    right: str
    between: str
    """`algorithms` or `results`."""
    metric: str
    """`final` or `auc`, both scores; `return`: raw final returns, which only their ranks compare."""
    confidence: float
    margin: float
    rows: tuple[ComparisonRow, ...]
    left_out: tuple[str, ...]
    """What could not be compared, and why."""
    failed: tuple[Failed, Failed]
    """Of either side, what is left out included."""
    differences: tuple[str, ...]
    """What else differs between the two sides: versions, settings, machines."""
    warnings: tuple[str, ...] = ()
