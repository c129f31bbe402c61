"""A run's rows of steps and values in, one clean series out, with a note on everything that was left out or repaired.

Rules. A value that is empty, NaN or infinite is a gap: the row is left out and counted. Rows are sorted by step; of
several values at one step the last in the file counts. Without steps there are only final returns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.imports.found import Floats, Integers

MOST_STEPS = 2**53
POINTS = 20
WINDOW = 100


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


def number(text: object) -> float:
    """Return a cell as a number; NaN where it is none."""
    try:
        return float(str(text).strip()) if not isinstance(text, bool) else math.nan
    except (ValueError, OverflowError):
        return math.nan


def whole(text: object) -> int | None:
    """Return a cell as a seed, a whole number from 0 to 2^32 - 1; None where it is none."""
    value = number(text)
    return int(value) if math.isfinite(value) and value == value // 1 and 0 <= value < 2**32 else None


def is_episodic(metric: str) -> bool:
    """Return whether a tag or metric holds every single training episode, as CleanRL and its kin log them."""
    start, _, name = metric.rpartition("/")
    return name == "episodic_return" and not start.startswith(("eval", "test"))


def of_episodes(rows: Sequence[tuple[float, float]]) -> tuple[Integers, Floats, tuple[str, ...], Floats]:
    """Return steps and means of a run told episode by episode, as (step, return); notes; the last episodes' returns.

    As with Monitor files: at most 20 points, each the mean of the last (at most) 100 episodes that had ended by then.
    Several episodes may end at one step.
    """
    good = sorted(
        ((step, value) for step, value in rows if math.isfinite(value) and 0 <= step <= MOST_STEPS), key=_step
    )
    notes = [f"{len(rows) - len(good)} of {len(rows)} values are empty, not finite or without a step: left out"]
    if not good:
        return np.empty(0, dtype=np.int64), np.empty(0), tuple(notes), np.empty(0)
    table = np.array(good)
    planned = np.ceil(table[-1, 0] * np.arange(1, POINTS + 1) / POINTS)
    ended = np.unique(np.searchsorted(table[:, 0], planned, side="right"))
    ended = ended[ended > 0]
    means = np.array([table[max(0, count - WINDOW) : count, 1].mean() for count in ended])
    return table[ended - 1, 0].astype(np.int64), means, tuple(notes * (len(good) < len(rows))), table[-WINDOW:, 1]


def _step(row: tuple[float, float]) -> float:
    return row[0]


def cleaned(rows: Sequence[tuple[float, float]]) -> tuple[Integers, Floats, tuple[str, ...]]:
    """Return (points,) steps and values of (step, value) rows, and notes."""
    good = [(step, value) for step, value in rows if math.isfinite(value) and 0 <= step <= MOST_STEPS]
    latest = {int(step): value for step, value in sorted(good, key=lambda row: row[0])}
    notes = []
    if len(good) < len(rows):
        notes.append(f"{len(rows) - len(good)} of {len(rows)} values are empty, not finite or without a step: left out")
    if len(latest) < len(good):
        notes.append(f"{len(good) - len(latest)} steps occur more than once: the last value in the file counts")
    return (
        np.array(list(latest), dtype=np.int64),
        np.array(list(latest.values()), dtype=np.float64),
        tuple(notes),
    )
