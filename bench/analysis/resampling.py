"""Scores and resampled runs in, the interquartile mean of every column and of every resample out.

`columns` are one (runs, columns) array per environment: the points of a curve, or a single column of final scores.
All columns share the resampled runs: runs are the units. Everything is counted in whole numbers until the last
product, so that outliers, however large, leave no rounding error where they are trimmed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Tasks = Sequence[Floats]
"""One (runs,) array per environment."""
Columns = Sequence[Floats]
"""One (runs, columns) array per environment."""
Drawn = NDArray[Any]
"""(runs, resamples) how often each run was drawn in each resample, in the smallest unsigned type that holds n."""
Counts = Sequence[Drawn]
"""One of them per environment."""

_BLOCK = 2**18
"""Elements worked on at once: they fit a processor's cache."""
_NARROWEST = 1024
"""Resamples worked on at once, at least: fewer would spend the time on calls."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """The pooled scores of every column, sorted; the scale of weights is such that a quarter is a whole number."""

    order: NDArray[np.intp]
    """(N, columns) which run takes which place."""
    ordered: Floats
    """(N, columns) the sorted scores."""
    weights: Floats
    """(N,) what each run weighs, in the order of the runs: 4 lcm / n_t, a whole number."""
    quarter: float
    """A quarter of what all runs weigh."""

    @property
    def cumulated(self) -> Floats:
        """(N - 1, columns) what the runs up to each place weigh, clipped to the middle half."""
        summed = np.cumsum(self.weights[self.order[:-1]], axis=0)
        return np.clip(summed, self.quarter, 3 * self.quarter)

    def estimates(self) -> Floats:
        """(columns,) interquartile means.

        Summed by parts: with C the cumulated weight clipped to the middle half, sum((C_i - C_(i-1)) x_i) needs C
        only once, against the gaps between neighbouring values.
        """
        edges = 0.75 * self.ordered[-1] - 0.25 * self.ordered[0]
        inner = np.einsum("nc,nc->c", np.diff(self.ordered, axis=0), self.cumulated)
        return np.asarray(2 * (edges - inner / (4 * self.quarter)))


def ranked(columns: Columns) -> Ranked:
    """Sort every column's pooled scores; each environment weighs the same, however many runs it has."""
    sizes = [len(column) for column in columns]
    multiple = math.lcm(*sizes)
    pooled = np.concatenate(columns).astype(np.float64)
    order = np.argsort(pooled, axis=0, kind="stable")
    weights = np.concatenate([np.full(size, 4.0 * multiple / size) for size in sizes])
    return Ranked(order, np.take_along_axis(pooled, order, axis=0), weights, float(multiple * len(sizes)))


def resample_counts(n: int, resamples: int, rng: np.random.Generator) -> Drawn:
    """(n, resamples) how often each of n runs is drawn when n are drawn with replacement."""
    drawn = rng.integers(n, size=(n, resamples), dtype=np.uint16).astype(np.intp)
    drawn *= resamples
    drawn += np.arange(resamples)
    counts = np.bincount(drawn.ravel(), minlength=n * resamples)
    return counts.reshape(n, resamples).astype(np.min_scalar_type(n))


def iqm_draws(tasks: Tasks, counts: Counts) -> Floats:
    """(resamples,) the IQM of every resample."""
    scores = ranked([task[:, np.newaxis] for task in tasks])
    return np.asarray(scores.estimates()[0] + deviations(scores, counts)[0])


def deviations(scores: Ranked, counts: Counts) -> Floats:
    """(columns, resamples) by how much the IQM of every resample differs from the estimate; exactly 0 where equal."""
    weighted = _weighted(scores, counts)
    base = scores.cumulated.T[:, :, np.newaxis].astype(weighted.dtype)
    gaps = np.diff(scores.ordered, axis=0).T[:, np.newaxis]
    found = np.zeros((scores.order.shape[1], weighted.shape[1]))
    bounds = weighted.dtype.type(scores.quarter), weighted.dtype.type(3 * scores.quarter)
    for columns, resamples in _blocks(len(gaps), *weighted.shape):
        part = np.ascontiguousarray(weighted[:, resamples])
        moved = np.take(part, scores.order[:-1, columns].T, axis=0)
        for place in range(1, moved.shape[1]):
            moved[:, place] += moved[:, place - 1]
        np.clip(moved, *bounds, out=moved)
        moved -= base[columns]
        found[columns, resamples] = (gaps[columns] @ moved.astype(np.float64))[:, 0]
    found *= -0.5 / scores.quarter
    return found


def _weighted(scores: Ranked, counts: Counts) -> NDArray[Any]:
    """(N, resamples) counts times weights, in the smallest type that holds their sum exactly."""
    whole = 4 * scores.quarter
    fitting = [kind for kind in (np.int16, np.int32) if whole <= np.iinfo(kind).max]
    kind = fitting[0] if fitting else np.float64
    return np.asarray(np.multiply(np.concatenate(counts), scores.weights[:, np.newaxis].astype(kind), dtype=kind))


def _blocks(columns: int, runs: int, resamples: int) -> Iterator[tuple[slice, slice]]:
    """Yield which columns and which resamples to work on at once."""
    width = min(resamples, max(_NARROWEST, _BLOCK // runs))
    height = max(1, _BLOCK // (runs * width))
    for left in range(0, resamples, width):
        for top in range(0, columns, height):
            yield slice(top, top + height), slice(left, left + width)
