"""Two algorithms' runs per environment in; how likely a run of one is above one of the other, and its proof, out.

P(A > B) describes a pair of scores and decides nothing (`bench.analysis.verdict` does). It decides where there is no
common unit: raw returns of environments without references, shares of runs, times. Then a claim needs two tests at
once: the exact stratified rank permutation test (exact when the distributions are equal on every environment) and the
Wilson interval of P(A > B) with an effective run count (which also holds when only the spread differs). Environments
weigh the same in the effect and in both tests, however many runs they have.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from bench.analysis.resampling import Tasks, alike
from bench.records import Floats

Places = NDArray[np.intp]
_EXACT_RUNS, _EXACT_EACH, _EXACT_SUMS = 400, 200, 50_000
"""Of both algorithms together, on all environments and on one, and values that the weighted sum of ranks can take. With
more, the permutation distribution is as good as normal, and its p-value, where it is small enough to matter, is not
above Wilson's, whose effective number of runs is capped by the same null variance: only the latter is computed."""


def rank_p_value(ours: Tasks, theirs: Tasks, effect: tuple[float, float]) -> float:
    """Return the p-value of a claim: the larger of the exact rank permutation test's and the Wilson interval's.

    Args:
        ours: per environment (runs,) scores.
        theirs: the same of the other algorithm.
        effect: what `superiority` gives for them.
    """
    wilson = wilson_p(*effect)
    sizes = [(len(x), len(y)) for x, y in zip(ours, theirs, strict=True)]
    sums = len(sizes) * 2 * math.lcm(*(n * m for n, m in sizes)) // math.gcd(*_weights(sizes))
    if sum(n + m for n, m in sizes) > _EXACT_RUNS or max(n + m for n, m in sizes) > _EXACT_EACH or sums > _EXACT_SUMS:
        return wilson
    return max(permutation_p(ours, theirs), wilson)


def superiority(ours: Tasks, theirs: Tasks) -> tuple[float, float]:
    """Return P(X > Y) averaged over environments, ties half, and its effective run count.

    The count is theta (1 - theta) / V with the placement variance V of DeLong et al. (1988) and Brunner and Munzel
    (2000); at least T min(n, m), because the variance is at most theta (1 - theta) / min(n, m) (Birnbaum and Klose
    1957), and at most the count that Wilcoxon's null variance gives, so that complete separation stays the strongest
    result.
    """
    tasks = len(ours)
    parts = [_placements(x, y) for x, y in _stacked(ours, theirs)]
    share, variance, null = (float(sum(np.sum(part[place]) for part in parts)) for place in range(3))
    floor = float(tasks * min(min(len(x), len(y)) for x, y in zip(ours, theirs, strict=True)))
    return share / tasks, _effective(share / tasks, variance / tasks**2, null / tasks**2, floor)


def _effective(share: float, variance: float, null: float, floor: float) -> float:
    cap = max(floor, 0.25 / null) if null > 0 else floor
    if variance <= 0:
        return cap if share in {0.0, 1.0} else floor
    return min(max(share * (1 - share) / variance, floor), cap)


def wilson_p(share: float, effective: float) -> float:
    """Return the two-sided p-value at which the Wilson interval just reaches one half."""
    return float(2 * ndtr(-2 * abs(share - 0.5) * math.sqrt(effective)))


def permutation_p(ours: Tasks, theirs: Tasks) -> float:
    """Return the exact two-sided p-value of the stratified rank permutation test (van Elteren 1960).

    Per environment, the distribution of the rank sum of X over all ways to call n of the n + m runs X, divided by n m
    so that every environment counts the same; the environments' distributions are convolved. Ranks are doubled
    mid-ranks and the divisors made whole, so everything stays exact. All is sums of positive numbers, so the smallest
    p-value is as exact as the largest.
    """
    observed, expected, ties = 0, 0, []
    weights = _weights([(len(x), len(y)) for x, y in zip(ours, theirs, strict=True)])
    for x, y, weight in zip(ours, theirs, weights, strict=True):
        ranks = (2 * mid_ranks(np.concatenate([x, y]))).astype(np.int64)
        observed += weight * int(ranks[: len(x)].sum())
        expected += weight * len(x) * (len(ranks) + 1)
        ties.append((tuple(np.sort(ranks).tolist()), len(x), weight))
    distance = abs(observed - expected)
    if distance == 0:
        return 1.0
    first, second = _halves(tuple(sorted(ties)))
    return min(
        1.0, _tail(first, second, expected + distance) + _tail(first.turned(), second.turned(), distance - expected)
    )


def smallest_rank_p(sizes: Sequence[tuple[int, int]]) -> float:
    """Return the smallest p-value that (n, m) runs on each environment can give, without ties.

    The exact test alone: 2 / product of C(n + m, n) over environments; the Wilson p-value at complete separation may
    be larger, and the claim needs both.
    """
    exact = min(1.0, 2 / math.prod(math.comb(n + m, n) for n, m in sizes))
    null = sum((n + m + 1) / (12 * n * m) for n, m in sizes) / len(sizes) ** 2
    return max(exact, wilson_p(1.0, 0.25 / null))


def _weights(sizes: Sequence[tuple[int, int]]) -> list[int]:
    """Return whole numbers in proportion to 1 / (n m)."""
    multiple = math.lcm(*(n * m for n, m in sizes))
    return [multiple // (n * m) for n, m in sizes]


def _stacked(ours: Tasks, theirs: Tasks) -> Iterable[tuple[Floats, Floats]]:
    """Yield environments of equal numbers of runs together, as (environments, runs) of both algorithms."""
    for places in alike(zip(map(len, ours), map(len, theirs), strict=True)):
        # A concatenation takes a quarter of the time of `np.stack`.
        x, y = ([side[place] for place in places] for side in (ours, theirs))
        yield np.concatenate(x).reshape(len(places), -1), np.concatenate(y).reshape(len(places), -1)


def _placements(x: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    """Return per environment P(X > Y), its placement variance, and Wilcoxon's null variance with ties.

    Args:
        x: (environments, n).
        y: (environments, m).
    """
    n, m = x.shape[1], y.shape[1]
    below, ties = _others_below(x, y)
    ours, theirs = below[:, :n] / m, 1 - below[:, n:] / n
    variance = _sample_variance(ours) / n + _sample_variance(theirs) / m
    size = n + m
    return ours.mean(axis=1), variance, (size + 1) / (12 * n * m) * (1 - ties / (size**3 - size))


def _others_below(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return how many of the other side's runs lie below each run, those that equal it half, and the ties.

    One sort for all environments: every re-analysis of a report compares every pair again.

    Returns:
        (environments, n + m) counts, those of `x` first; (environments,) c^3 - c summed over groups of c equal runs.
    """
    pooled, runs = np.concatenate([x, y], axis=1), x.shape[1] + y.shape[1]
    order = np.argsort(pooled, axis=1)
    first, stop = _groups_of_equals(np.take_along_axis(pooled, order, axis=1))
    of_y = order >= x.shape[1]
    # How many runs of `y` are among the lowest 0, 1, ...
    lowest = np.zeros((len(pooled), runs + 1), dtype=np.intp)
    np.cumsum(of_y, axis=1, out=lowest[:, 1:])
    twice = np.take_along_axis(lowest, first, axis=1) + np.take_along_axis(lowest, stop, axis=1)
    below = np.empty(pooled.shape)
    np.put_along_axis(below, order, np.where(of_y, first + stop - twice, twice) / 2, axis=1)
    # Each of c equal runs adds c^2 - 1.
    return below, np.sum((stop - first) ** 2.0 - 1, axis=1)


def _groups_of_equals(ordered: Floats) -> tuple[Places, Places]:
    """Return at which place each sorted value's group of equals begins and before which it stops; same shape."""
    place, same = np.arange(ordered.shape[1])[np.newaxis], ordered[:, 1:] == ordered[:, :-1]
    first, stop = np.repeat(place, len(ordered), axis=0), np.repeat(place + 1, len(ordered), axis=0)
    if same.any():
        first[:, 1:][same] = 0
        stop[:, :-1][same] = ordered.shape[1]
        first = np.maximum.accumulate(first, axis=1)
        stop = np.minimum.accumulate(stop[:, ::-1], axis=1)[:, ::-1]
    return first, stop


def _count_below(values: Floats, others: Floats) -> Floats:
    """Return how many of the others lie below each value, those that equal it half."""
    ordered = np.sort(others)
    return (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / 2


def _sample_variance(values: Floats) -> Floats:
    return np.var(values, axis=1, ddof=1) if values.shape[1] > 1 else np.zeros(len(values))


def mid_ranks(values: Floats) -> Floats:
    """Return the ranks from 1, equal values sharing theirs, as `scipy.stats.rankdata` does.

    Fifty times faster, and importing `scipy.stats` takes longer than all of the analysis does.
    """
    return _count_below(values, values) + 0.5


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """The distribution of a rank sum on its lattice."""

    lowest: int
    step: int
    shares: Floats
    """Probability of `lowest`, `lowest + step`, ..."""

    def times(self, weight: int) -> _Sums:
        """Return the distribution of so many times the sum."""
        return _Sums(weight * self.lowest, weight * self.step, self.shares)

    def turned(self) -> _Sums:
        """Return the distribution of the sum's negative."""
        return _Sums(-self.lowest - self.step * (len(self.shares) - 1), self.step, self.shares[::-1])

    def on(self, step: int) -> Floats:
        """Return the probabilities on a finer lattice."""
        spread = np.zeros((len(self.shares) - 1) * (self.step // step) + 1)
        spread[:: self.step // step] = self.shares
        return spread

    def plus(self, other: _Sums) -> _Sums:
        """Return the distribution of the sum of two independent ones."""
        step = math.gcd(self.step, other.step)
        return _Sums(self.lowest + other.lowest, step, np.convolve(self.on(step), other.on(step)))


def _tail(first: _Sums, second: _Sums, least: int) -> float:
    """Return P(first + second >= least)."""
    above = np.concatenate([np.cumsum(second.shares[::-1])[::-1], [0.0]])
    missing = least - second.lowest - (first.lowest + first.step * np.arange(len(first.shares)))
    return float(first.shares @ above[np.clip(-(-missing // second.step), 0, len(above) - 1)])


@lru_cache(maxsize=64)
def _halves(ties: tuple[tuple[tuple[int, ...], int, int], ...]) -> tuple[_Sums, _Sums]:
    """Return two distributions whose sum is that of all environments' rank sums.

    Without ties most pairs and re-analyses share one, for it depends on the numbers of runs alone.
    """
    parts = sorted((_rank_sums(*one).times(weight) for *one, weight in ties), key=lambda part: len(part.shares))
    while len(parts) > 2:  # noqa: PLR2004 - two halves
        parts = sorted([parts[0].plus(parts[1]), *parts[2:]], key=lambda part: len(part.shares))
    return parts[0], parts[1] if len(parts) > 1 else _Sums(0, 1, np.ones(1))


@lru_cache(maxsize=128)
def _rank_sums(ranks: tuple[int, ...], chosen: int) -> _Sums:
    """Return the distribution of the sum of the ranks of `chosen` of the runs, every choice equally likely.

    Ranks are counted from the middle one and taken from there outwards, so that the sums stay few for long.
    """
    middle = ranks[len(ranks) // 2]
    step = math.gcd(*(rank - middle for rank in ranks)) or 1
    away = sorted(((rank - middle) // step for rank in ranks), key=abs)
    low, high = -sum(min(one, 0) for one in away), sum(max(one, 0) for one in away)
    ways = np.zeros((chosen + 1, low + high + 1))
    ways[0, low] = 1.0
    first = last = low
    for place, one in enumerate(away):
        # Only so many chosen as can still become `chosen`; the right-hand side is taken before any is changed.
        fewest, most = max(1, chosen - len(away) + place + 1), min(place + 1, chosen)
        ways[fewest : most + 1, first + one : last + one + 1] += ways[fewest - 1 : most, first : last + 1]
        first, last = first + min(one, 0), last + max(one, 0)
    there = np.flatnonzero(ways[chosen])
    shares = ways[chosen, there[0] : there[-1] + 1]
    return _Sums(chosen * middle + step * (int(there[0]) - low), step, shares / shares.sum())
