"""A run's rows of steps and values in, one clean series out, with a note on everything that was left out or repaired.

Rules. A value that is empty, NaN or infinite is a gap: the row is left out and counted. Rows are sorted by step; of
several values at one step the last in the file counts. Without steps there are only final returns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.imports.found import Integers
from bench.records import Floats

MOST_STEPS = 2**53
POINTS = 20
WINDOW = 100
LAST = f"means of the last {WINDOW}; final: the last {WINDOW}"


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One run as a table tells it."""

    algorithm: str
    environment: str
    run: str
    seed: int | None
    steps: Integers
    """(points,) increasing; empty: `values` are final returns."""
    values: Floats
    notes: tuple[str, ...] = ()
    evaluation: str = ""
    """What the source says of it; empty: nothing."""
    final: Floats | None = None
    """(episodes,) final returns; None: the last value, or all where there are no steps."""
    budget: int | None = None
    """As the source states it."""
    failed: str = ""
    """The words in which the source says that the run failed."""


def number(text: object) -> float:
    """Return a cell as a number; NaN where it is none."""
    try:
        told = str(text).strip()
        # Python reads 1_000 as a number, and nobody else does.
        return float(told) if not isinstance(text, bool) and "_" not in told else math.nan
    except (ValueError, OverflowError):
        return math.nan


def is_number(text: object) -> bool:
    """Return whether a cell is a number that is finite."""
    return math.isfinite(number(text))


def whole(text: object) -> int | None:
    """Return a cell as a seed, a whole number from 0 to 2^32 - 1; None where it is none."""
    value = number(text)
    return int(value) if math.isfinite(value) and value == value // 1 and 0 <= value < 2**32 else None


def is_episodic(metric: str) -> bool:
    """Return whether a tag or metric holds every single training episode, as CleanRL and its kin log them."""
    start, _, name = metric.rpartition("/")
    return name == "episodic_return" and not start.startswith(("eval", "test"))


def of_metric(
    metric: str, rows: Sequence[tuple[float, float]]
) -> tuple[Integers, Floats, tuple[str, ...], Floats | None]:
    """Return steps and values of a metric's (step, value) rows; notes; final returns, where the rows are episodes."""
    return of_episodes(rows) if is_episodic(metric) else (*cleaned(rows), None)


def of_episodes(rows: Sequence[tuple[float, float]]) -> tuple[Integers, Floats, tuple[str, ...], Floats]:
    """Return steps and means of a run told episode by episode, as (step, return); notes; the last episodes' returns.

    As with Monitor files. Several episodes may end at one step.
    """
    good, notes = _finite(rows)
    if not good:
        return np.empty(0, dtype=np.int64), np.empty(0), notes, np.empty(0)
    ends, returns = np.array(good).T
    ended = curve_points(ends)
    return ends[ended - 1].astype(np.int64), last_means(returns, ended), notes, returns[-WINDOW:]


def curve_points(ends: Floats | Integers, points: int = POINTS) -> Integers:
    """(at most `points`,) how many episodes had ended by each point of a training curve, at equal distances.

    Args:
        ends: (episodes,) steps at which they ended, not decreasing.
        points: of the curve.
    """
    planned = np.ceil(ends[-1] * np.arange(1, points + 1) / points)
    ended = np.unique(np.searchsorted(ends, planned, side="right"))
    return np.asarray(ended[ended > 0])


def last_means(returns: Floats, ended: Integers) -> Floats:
    """(points,) mean return of the last episodes, where so many had ended; NaN before the first."""
    return np.array([returns[max(0, count - WINDOW) : count].mean() if count else np.nan for count in ended])


def _finite(rows: Sequence[tuple[float, float]]) -> tuple[list[tuple[float, float]], tuple[str, ...]]:
    """Return the rows with a step and a value, by step and in their order; and a note on the others."""
    good = sorted(
        ((step, value) for step, value in rows if math.isfinite(value) and 0 <= step <= MOST_STEPS),
        key=lambda row: row[0],
    )
    gaps = len(rows) - len(good)
    note = f"{gaps} of {len(rows)} values are empty, not finite or without a step: left out"
    return good, (note,) if gaps else ()


def cleaned(rows: Sequence[tuple[float, float]]) -> tuple[Integers, Floats, tuple[str, ...]]:
    """Return (points,) steps and values of (step, value) rows, and notes."""
    good, notes = _finite(rows)
    latest = {int(step): value for step, value in good}
    if len(latest) < len(good):
        notes = (*notes, f"{len(good) - len(latest)} steps occur more than once: the last value in the file counts")
    return np.array(list(latest), dtype=np.int64), np.array(list(latest.values()), dtype=np.float64), notes
