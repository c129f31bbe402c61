"""Scores and resampled runs in, the interquartile mean of every column and of every resample out.

`columns` are one (runs, columns) array per environment: the points of a curve, or a single column of final scores.
All columns share the resampled runs: runs are the units. Everything is counted in whole numbers until the last
product, so that outliers, however large, leave no rounding error where they are trimmed.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.records import Floats

Tasks = Sequence[Floats]
"""One (runs,) array per environment."""
Columns = Sequence[Floats]
"""One (runs, columns) array per environment."""
Drawn = NDArray[Any]
"""(runs, resamples) how often each run was drawn in each resample, in the smallest unsigned type that holds n."""
Counts = Sequence[Drawn]
"""One of them per environment."""
Draws = Mapping[tuple[str, str], Drawn]
"""(label, environment) -> counts: the same resampled runs for everything that is said of a cell."""
Streams = Callable[..., np.random.Generator]
"""Name, in any number of words -> a generator of its own."""

_BLOCK = 2**18
"""Elements worked on at once: they fit a processor's cache."""
_NARROWEST = 1024
"""Resamples worked on at once, at least: fewer would spend the time on calls."""

ENOUGH = 1000
"""Resamples of a limit, or of a share, among many: its Monte Carlo error is then 4 % of its distance from the estimate,
about a line's width."""
_FEW = 400
"""Where there are so many cells that nobody measures a band: 6 %."""
_MANY_RUNS, _MANY_CELLS = 200, 100


def columns_of(tasks: Tasks) -> Columns:
    """Return one (runs, 1) array per environment."""
    return [task[:, np.newaxis] for task in tasks]


def alike(sizes: Iterable[object]) -> list[list[int]]:
    """Return the places of equal sizes together: environments of as many runs are worked on at once."""
    groups: dict[object, list[int]] = {}
    for place, size in enumerate(sizes):
        groups.setdefault(size, []).append(place)
    return list(groups.values())


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

    @property
    def middle(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """(columns,) places of the lowest and of the highest score that have a part in the interquartile mean."""
        summed = np.cumsum(self.weights[self.order], axis=0)
        return np.sum(summed <= self.quarter, axis=0), np.sum(summed < 3 * self.quarter, axis=0)

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


def streams_from(entropy: int) -> Streams:
    """Return a maker of independent generators by name, so that no stream depends on what else is drawn."""

    def stream(*name: str) -> np.random.Generator:
        key = hashlib.sha256("\0".join(name).encode()).digest()
        return np.random.default_rng([entropy, int.from_bytes(key[:16], "big")])

    return stream


def fewer(counts: Counts, cells: int = 1) -> Counts:
    """Return as many of the resamples as are enough where a report has so many cells."""
    return [drawn[:, : _FEW if cells > _MANY_CELLS else ENOUGH] for drawn in counts]


def thinned(counts: Counts) -> Counts:
    """Return all resamples, or fewer where there are more than 200 runs, whose limits lie close."""
    return counts if sum(map(len, counts)) <= _MANY_RUNS else fewer(counts)


def deviations(scores: Ranked, counts: Counts) -> Floats:
    """(columns, resamples) by how much the IQM of every resample differs from the estimate; exactly 0 where equal."""
    weighted = _weighted(scores, counts)
    found = np.zeros((scores.order.shape[1], weighted.shape[1]))
    if len(weighted) == 1:
        return found
    near, everywhere = _near_quarters(scores), [Stretch(0, len(weighted) - 1)]
    width = max(_NARROWEST, _BLOCK // len(weighted))
    for left in range(0, weighted.shape[1], width):
        part = np.ascontiguousarray(weighted[:, left : left + width])
        sums = _sums(scores, part, near) if near else None
        found[:, left : left + width] = _sums(scores, part, everywhere) if sums is None else sums
    found *= -0.5 / scores.quarter
    return found


@dataclass(frozen=True, slots=True)
class Stretch:
    """Places from `first` to before `stop`, in which some resample's cumulated weight may pass `bound`."""

    first: int
    stop: int
    bound: float | None = None
    """None: anything may happen here."""


def _near_quarters(scores: Ranked) -> list[Stretch]:
    """Return the places around the quarters outside which the clipping is the same in every resample.

    Empty where that would save little. The cumulated weight of a resample has at most the SD of a binomial, half the
    root of the summed squares; five of these are allowed for on each side, and `_sums` checks.
    """
    cumulated = np.cumsum(scores.weights[scores.order], axis=0)
    margin = 2.5 * float(np.linalg.norm(scores.weights))
    around = [
        Stretch(
            int((cumulated < bound - margin).sum(axis=0).min()),
            int((cumulated < bound + margin).sum(axis=0).max()) + 1,
            bound,
        )
        for bound in (scores.quarter, 3 * scores.quarter)
    ]
    few = sum(one.stop - one.first for one in around) < 0.6 * len(cumulated)
    return around if few and around[0].first > 0 and around[1].stop < len(cumulated) else []


def _sums(scores: Ranked, part: NDArray[Any], stretches: Sequence[Stretch]) -> Floats | None:
    """(columns, resamples) gaps times by how much the clipped cumulated weight differs from the sample's, summed.

    None where a bound is passed outside its stretch.
    """
    total, starts = _linear(scores, part, stretches)
    gaps = np.diff(scores.ordered, axis=0).T[:, np.newaxis]
    base = scores.cumulated.T[:, :, np.newaxis].astype(part.dtype)
    low, high = part.dtype.type(scores.quarter), part.dtype.type(3 * scores.quarter)
    for stretch, start in zip(stretches, starts, strict=True):
        places = slice(stretch.first, stretch.stop)
        height = min(len(gaps), max(1, _BLOCK // ((stretch.stop - stretch.first) * part.shape[1])))
        # Fresh memory for every block would cost as much as the arithmetic.
        moves, exact = (
            np.empty((height, stretch.stop - stretch.first, part.shape[1]), kind) for kind in (part.dtype, np.float64)
        )
        for top in range(0, len(gaps), height):
            columns = slice(top, top + height)
            order = scores.order[places, columns].T
            moved = np.take(part, order, axis=0, out=moves[: len(order)], mode="clip")
            moved[:, 0] += start[columns].astype(part.dtype)
            for place in range(1, moved.shape[1]):
                moved[:, place] += moved[:, place - 1]
            if stretch.bound is not None and not start.max() <= stretch.bound <= moved[:, -1].min():
                return None
            np.clip(moved, low, high, out=moved)
            moved -= base[columns, places]
            np.copyto(exact[: len(order)], moved)
            total[columns] += (gaps[columns, :, places] @ exact[: len(order)])[:, 0]
    return total


def _linear(scores: Ranked, part: NDArray[Any], stretches: Sequence[Stretch]) -> tuple[Floats, list[Floats]]:
    """Return what the places between two stretches add, and the (columns, resamples) weight before each stretch.

    Between them nothing is clipped, so the sum is a fixed combination of the runs' weights: run j counts in all gaps
    from its own place, or from the first stretch's end, to the second stretch.
    """
    places, columns = scores.order.shape
    if len(stretches) == 1:
        nothing = np.zeros((columns, part.shape[1]))
        return nothing, [nothing]
    first, second = stretches
    lengths = np.zeros((places, columns))
    lengths[: second.first] = (
        scores.ordered[second.first] - scores.ordered[np.maximum(np.arange(second.first), first.stop)]
    )
    combined = np.stack(
        [
            lengths,
            *(np.broadcast_to((np.arange(places) < one.first)[:, np.newaxis], (places, columns)) for one in stretches),
        ]
    )
    by_run = np.empty_like(combined)
    np.put_along_axis(by_run, np.broadcast_to(scores.order, combined.shape), combined, axis=1)
    weighed = by_run.transpose(0, 2, 1).reshape(-1, places) @ part.astype(np.float64)
    inner, *starts = weighed.reshape(len(combined), columns, -1)
    return inner - (by_run[0].T @ scores.weights)[:, np.newaxis], starts


def _weighted(scores: Ranked, counts: Counts) -> NDArray[Any]:
    """(N, resamples) counts times weights, in the smallest type that holds their sum exactly."""
    fitting = [kind for kind in (np.int16, np.int32) if 4 * scores.quarter <= np.iinfo(kind).max]
    # Counts that are no whole numbers stay what they are.
    whole = all(np.issubdtype(drawn.dtype, np.integer) for drawn in counts)
    weighted: NDArray[Any] = np.concatenate(counts, dtype=fitting[0] if fitting and whole else np.float64)
    weighted *= scores.weights[:, np.newaxis].astype(weighted.dtype)
    return weighted
