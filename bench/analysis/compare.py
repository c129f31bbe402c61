"""Two algorithms' scores in, effect, interval, p-value and verdict out.

A claim needs two tests at once: the exact stratified rank permutation test (exact when the distributions are equal on
every environment) and the Wilson interval of P(X > Y) with an effective run count (which also holds when only the
spread differs). The p-value is the larger of the two, corrected by Holm over every pair of the report.

Where a pair cannot be told apart, the price of telling is simulated: more runs are drawn with replacement from the runs
in hand, environment by environment, until four simulated experiments in five reach the corrected level.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from bench.analysis.interval import (
    FEWEST_RUNS,
    Counts,
    Tasks,
    difference_interval,
    too_few,
    wilson_limits,
)
from bench.analysis.resampling import alike, thinned
from bench.records import AnalysisPlan, Fact, Floats, Interval, Pair

Places = NDArray[np.intp]
Stream = Callable[[str, str], np.random.Generator]
"""The two names of a pair -> its own generator."""
_POWER = 0.8
_MOST_RUNS = 200
"""More than this many further runs is no plan but a way to say that nothing was seen."""
_SIMULATIONS = 400
"""Experiments simulated for one number of runs: a power of 0.8 is known to 0.02."""
_EXACT_RUNS, _EXACT_EACH = 400, 200
"""Of both algorithms together, on all environments and on one. With more, the permutation distribution is as good as
normal, and its p-value, where it is small enough to matter, is not above Wilson's, whose effective number of runs is
capped by the same null variance: only the latter is computed."""


@dataclass(frozen=True, slots=True)
class Contest:
    """Two algorithms on the environments both have, before the correction over all pairs."""

    a: str
    b: str
    environments: int
    sizes: tuple[int, int]
    """Fewest runs per environment of `a` and of `b`."""
    share: float
    """P(a run of `a` scores above a run of `b`), averaged over environments, ties half."""
    effective: float
    """Runs a binomial share would need for the same variance."""
    p_value: float
    smallest_p: float
    difference: Interval
    ours: Tasks
    theirs: Tasks
    seconds: float | None = None
    """Of one core, that one more run of both algorithms on every environment takes."""


def contest(
    names: tuple[str, str],
    ours: Tasks,
    theirs: Tasks,
    counts: tuple[Counts, Counts] | None,
    plan: AnalysisPlan,
    seconds: float | None = None,
) -> Contest:
    """Compare two algorithms on the same environments, in the same order; runs are independent samples.

    Args:
        names: of the two.
        ours: per environment (runs,) scores of the first; raw returns where nothing is scored, for only ranks count.
        theirs: the same of the second.
        counts: per algorithm and environment (runs, resamples), for the interval of the difference; None: raw returns,
            which have no unit in common to tell a difference in.
        plan: gives confidence and margin.
        seconds: what one more run of both on every environment takes on one core, for the price; None where unknown.
    """
    share, effective = superiority(ours, theirs)
    return Contest(
        a=names[0],
        b=names[1],
        environments=len(ours),
        sizes=(min(map(len, ours)), min(map(len, theirs))),
        share=share,
        effective=effective,
        p_value=claim_p_value(ours, theirs, (share, effective)),
        smallest_p=smallest_p([(len(x), len(y)) for x, y in zip(ours, theirs, strict=True)]),
        difference=difference_interval(ours, theirs, thinned(counts[0]), thinned(counts[1]), plan.confidence)
        if counts
        else Interval(None, notes=(Fact("no common unit"),)),
        ours=ours,
        theirs=theirs,
        seconds=seconds,
    )


def verdicts(contests: Sequence[Contest], plan: AnalysisPlan, stream: Stream | None = None) -> tuple[Pair, ...]:
    """Return the pairs with Holm-corrected p-values and verdicts; without a `stream` nothing is priced."""
    corrected = holm([one.p_value for one in contests])
    return tuple(_pair(one, p, len(contests), plan, stream) for one, p in zip(contests, corrected, strict=True))


def claim_p_value(ours: Tasks, theirs: Tasks, effect: tuple[float, float]) -> float:
    """Return the p-value of a claim: the larger of the exact rank permutation test's and the Wilson interval's.

    Args:
        ours: per environment (runs,) scores.
        theirs: the same of the other algorithm.
        effect: what `superiority` gives for them.
    """
    wilson = wilson_p(*effect)
    runs = [len(x) + len(y) for x, y in zip(ours, theirs, strict=True)]
    if sum(runs) > _EXACT_RUNS or max(runs) > _EXACT_EACH:
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
    """Return the exact two-sided p-value of the stratified rank permutation test (van Elteren 1960, equal weights).

    Per environment, the distribution of the rank sum of X over all ways to call n of the n + m runs X; the
    environments' distributions are convolved. Ranks are doubled mid-ranks, so ties stay exact in whole numbers. All is
    sums of positive numbers, so the smallest p-value is as exact as the largest.
    """
    observed, expected, ties = 0, 0, []
    for x, y in zip(ours, theirs, strict=True):
        ranks = (2 * mid_ranks(np.concatenate([x, y]))).astype(np.int64)
        observed += int(ranks[: len(x)].sum())
        expected += len(x) * (len(ranks) + 1)
        ties.append((tuple(np.sort(ranks).tolist()), len(x)))
    distance = abs(observed - expected)
    if distance == 0:
        return 1.0
    first, second = _halves(tuple(sorted(ties)))
    return min(
        1.0, _tail(first, second, expected + distance) + _tail(first.turned(), second.turned(), distance - expected)
    )


def smallest_p(sizes: Sequence[tuple[int, int]]) -> float:
    """Return the smallest p-value that (n, m) runs on each environment can give, without ties.

    The exact test alone: 2 / product of C(n + m, n) over environments; the Wilson p-value at complete separation may
    be larger, and the claim needs both.
    """
    exact = min(1.0, 2 / math.prod(math.comb(n + m, n) for n, m in sizes))
    null = sum((n + m + 1) / (12 * n * m) for n, m in sizes) / len(sizes) ** 2
    return max(exact, wilson_p(1.0, 0.25 / null))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's (1979) step-down corrected p-values, in the order given."""
    corrected, running = [0.0] * len(p_values), 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        running = max(running, (len(p_values) - place) * p_values[index])
        corrected[index] = min(1.0, running)
    return corrected


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
def _halves(ties: tuple[tuple[tuple[int, ...], int], ...]) -> tuple[_Sums, _Sums]:
    """Return two distributions whose sum is that of all environments' rank sums.

    Without ties most pairs and re-analyses share one, for it depends on the numbers of runs alone.
    """
    parts = sorted((_rank_sums(*one) for one in ties), key=lambda part: len(part.shares))
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


def _pair(one: Contest, p_holm: float, family: int, plan: AnalysisPlan, stream: Stream | None) -> Pair:
    level = 1 - plan.confidence
    probability = _probability(one, plan)
    verdict = _verdict(one, p_holm, plan)
    priced = verdict == "undecided" and stream is not None
    more = _more_runs(one, level / family, stream(one.a, one.b)) if priced and stream is not None else None
    hours = more * one.seconds / 3600 if more is not None and one.seconds is not None else None
    return Pair(
        a=one.a,
        b=one.b,
        environments=one.environments,
        n=min(one.sizes),
        probability=probability,
        difference=one.difference,
        p_value=one.p_value,
        p_holm=p_holm,
        verdict=verdict,
        smallest_p=one.smallest_p,
        more_runs=more,
        more_hours=hours,
        runs=one.sizes,
        family=family,
    )


def _probability(one: Contest, plan: AnalysisPlan) -> Interval:
    n = min(one.sizes)
    if n < FEWEST_RUNS:
        return Interval(one.share, n=n, notes=too_few(n))
    lower, upper = wilson_limits(one.share, one.effective, plan.confidence)
    low, high = float(lower), float(upper)
    if one.p_value > 1 - plan.confidence:
        # Where the exact test does not reject, the interval must not seem to: it is extended to one half.
        low, high = min(low, 0.5), max(high, 0.5)
    return Interval(one.share, low, high, n)


def _verdict(one: Contest, p_holm: float, plan: AnalysisPlan) -> str:
    """Equivalence goes first: a difference that is certainly smaller than the declared margin is no difference.

    The difference's interval inside the margins is the two one-sided tests procedure (Schuirmann 1987) at half of
    1 - confidence each, 2.5 % by default. The usual 5 % would take the 90 % interval; the stricter one is the one the
    reader sees. It is not corrected over pairs.
    """
    low, high = one.difference.low, one.difference.high
    if low is not None and high is not None and -plan.margin < low and high < plan.margin:
        return "equivalent"
    if p_holm > 1 - plan.confidence:
        return "undecided"
    return "better" if one.share > 0.5 else "worse"  # noqa: PLR2004  # one half is the meaning of "above"


def _more_runs(one: Contest, level: float, rng: np.random.Generator) -> int | None:
    """Return how many more runs per environment reach the level in four of five simulated experiments.

    None where even the most would not. The plain bootstrap takes the effect for what it looks like: after a lucky
    start the price is too low.
    """
    most = min(one.sizes) + _MOST_RUNS
    if one.share == 0.5 or _power(one, _MOST_RUNS, level, rng) < _POWER:  # noqa: PLR2004 - no effect, no price
        return None
    low, high = 0, most - min(one.sizes)
    while high - low > max(1, high // 20):
        middle = (low + high) // 2
        low, high = (low, middle) if _power(one, middle, level, rng) >= _POWER else (middle, high)
    return high


def _power(one: Contest, more: int, level: float, rng: np.random.Generator) -> float:
    """Return the share of simulated experiments with `more` runs per environment whose p-value is at most `level`."""
    total = np.zeros((3, _SIMULATIONS))
    floor = len(one.ours) * (min(one.sizes) + more)
    for x, y in _in_own_order(one):
        total += _simulated(x, y, len(x) + more, len(y) + more, rng)
    tasks = len(one.ours)
    share, variance, null = total[0] / tasks, total[1] / tasks**2, total[2] / tasks**2
    effective = np.array([_effective(*values, floor) for values in zip(share, variance, null, strict=True)])
    # Wilson's alone: with this many runs the exact test's p-value is smaller but in the rarest case.
    return float(np.mean(2 * ndtr(-2 * np.abs(share - 0.5) * np.sqrt(effective)) <= level))


def _in_own_order(one: Contest) -> list[tuple[Floats, Floats]]:
    """Return the environments' sorted scores so that neither the suite's order nor who stands first moves a draw."""
    sides = (one.ours, one.theirs) if one.a < one.b else (one.theirs, one.ours)
    pairs = [(np.sort(x), np.sort(y)) for x, y in zip(*sides, strict=True)]
    return sorted(pairs, key=lambda pair: (pair[0].tolist(), pair[1].tolist()))


def _simulated(x: Floats, y: Floats, n: int, m: int, rng: np.random.Generator) -> Floats:
    """(3, simulations) P(X > Y), its placement variance, Wilcoxon's null variance."""
    ours = rng.multinomial(n, np.full(len(x), 1 / len(x)), size=_SIMULATIONS).astype(np.float64)
    theirs = rng.multinomial(m, np.full(len(y), 1 / len(y)), size=_SIMULATIONS).astype(np.float64)
    above = (x[:, np.newaxis] > y) + 0.5 * (x[:, np.newaxis] == y)
    first, second = theirs @ above.T / m, ours @ above / n
    share = np.sum(ours * first, axis=1) / n
    variance = _weighted_variance(ours, first, share, n) / n + _weighted_variance(theirs, second, share, m) / m
    values, place = np.unique(np.concatenate([x, y]), return_inverse=True)
    member = np.eye(len(values))[place]
    tied = ours @ member[: len(x)] + theirs @ member[len(x) :]
    size = n + m
    null = (size + 1) / (12 * n * m) * (1 - np.sum(tied**3 - tied, axis=1) / (size**3 - size))
    return np.stack([share, variance, null])


def _weighted_variance(counts: Floats, values: Floats, mean: Floats, n: int) -> Floats:
    """(simulations,) sample variance of values drawn `counts` times each; `mean` is theirs."""
    return np.asarray(np.sum(counts * (values - mean[:, np.newaxis]) ** 2, axis=1) / (n - 1))
