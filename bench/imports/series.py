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


def cleaned(rows: Sequence[tuple[float, float]]) -> tuple[Integers, Floats, tuple[str, ...]]:
    """Return (points,) steps and values of (step, value) rows, and notes."""
    good = [(step, value) for step, value in rows if math.isfinite(value) and 0 <= step <= MOST_STEPS]
    latest = {int(step): value for step, value in sorted(good, key=lambda row: row[0])}
    notes = []
    if len(good) < len(rows):
        notes.append(f"{len(rows) - len(good)} of {len(rows)} values are empty or not finite: left out")
    if len(latest) < len(good):
        notes.append(f"{len(good) - len(latest)} steps occur more than once: the last value in the file counts")
    return (
        np.array(list(latest), dtype=np.int64),
        np.array(list(latest.values()), dtype=np.float64),
        tuple(notes),
    )
