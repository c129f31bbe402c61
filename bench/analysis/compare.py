"""Two algorithms' scores in, effect, interval, p-value and verdict out.

A claim needs two tests at once: the exact stratified rank permutation test (exact when the distributions are equal on
every environment) and the Wilson interval of P(X > Y) with an effective run count (which also holds when only the
spread differs). The p-value is the larger of the two, corrected by Holm over every pair of the report.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from bench.analysis.interval import FEWEST_RUNS, Counts, Tasks, difference_interval, wilson_limits
from bench.records import AnalysisPlan, Interval, Pair

Floats = NDArray[np.float64]
_POWER = 0.8
_MOST_RUNS = 200
"""More than this many further runs is no plan but a way to say that nothing was seen."""


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


def contest(
    names: tuple[str, str], ours: Tasks, theirs: Tasks, counts: tuple[Counts, Counts], plan: AnalysisPlan
) -> Contest:
    """Compare two algorithms on the same environments, in the same order; runs are independent samples."""
    share, effective = superiority(ours, theirs)
    p_wilson = wilson_p(share, effective)
    return Contest(
        a=names[0],
        b=names[1],
        environments=len(ours),
        sizes=(min(map(len, ours)), min(map(len, theirs))),
        share=share,
        effective=effective,
        p_value=max(permutation_p(ours, theirs), p_wilson),
        smallest_p=smallest_p([(len(x), len(y)) for x, y in zip(ours, theirs, strict=True)]),
        difference=difference_interval(ours, theirs, *counts, plan.confidence),
    )


def verdicts(contests: Sequence[Contest], plan: AnalysisPlan) -> tuple[Pair, ...]:
    """Return the pairs with Holm-corrected p-values and verdicts."""
    corrected = holm([one.p_value for one in contests])
    return tuple(_pair(one, p, len(contests), plan) for one, p in zip(contests, corrected, strict=True))


def superiority(ours: Tasks, theirs: Tasks) -> tuple[float, float]:
    """Return P(X > Y) averaged over environments, ties half, and its effective run count.

    The count is theta (1 - theta) / V with the placement variance V of DeLong et al. (1988) and Brunner and Munzel
    (2000); at least T min(n, m), because the variance is at most theta (1 - theta) / min(n, m) (Birnbaum and Klose
    1957), and at most the count that Wilcoxon's null variance gives, so that complete separation stays the strongest
    result.
    """
    parts = [_placements(x, y) for x, y in zip(ours, theirs, strict=True)]
    tasks = len(parts)
    share = float(np.mean([part[0] for part in parts]))
    variance = sum(part[1] for part in parts) / tasks**2
    null = sum(part[2] for part in parts) / tasks**2
    floor = float(tasks * min(min(len(x), len(y)) for x, y in zip(ours, theirs, strict=True)))
    cap = max(floor, 0.25 / null) if null > 0 else floor
    if variance <= 0:
        return share, cap if share in {0.0, 1.0} else floor
    return share, min(max(share * (1 - share) / variance, floor), cap)


def wilson_p(share: float, effective: float) -> float:
    """Return the two-sided p-value at which the Wilson interval just reaches one half."""
    return float(2 * ndtr(-2 * abs(share - 0.5) * math.sqrt(effective)))


def permutation_p(ours: Tasks, theirs: Tasks) -> float:
    """Return the exact two-sided p-value of the stratified rank permutation test (van Elteren 1960, equal weights).

    Per environment, the distribution of the rank sum of X over all ways to call n of the n + m runs X; the
    environments' distributions are convolved. Ranks are doubled mid-ranks, so ties stay exact in whole numbers.
    """
    distribution, observed, expected = np.ones(1), 0, 0
    for x, y in zip(ours, theirs, strict=True):
        ranks = _doubled_ranks(np.concatenate([x, y]))
        distribution = np.convolve(distribution, _rank_sums(ranks, len(x)))
        observed += int(ranks[: len(x)].sum())
        expected += len(x) * (len(ranks) + 1)
    distances = np.abs(np.arange(len(distribution)) - expected)
    return min(1.0, float(distribution[distances >= abs(observed - expected)].sum()))


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


def _placements(x: Floats, y: Floats) -> tuple[float, float, float]:
    """Return P(X > Y) on one environment, its placement variance, and Wilcoxon's null variance with ties."""
    n, m = len(x), len(y)
    above = (x[:, np.newaxis] > y) + 0.5 * (x[:, np.newaxis] == y)
    variance = _sample_variance(above.mean(axis=1)) / n + _sample_variance(above.mean(axis=0)) / m
    ties = np.unique(np.concatenate([x, y]), return_counts=True)[1].astype(np.float64)
    size = n + m
    tied = float(np.sum(ties**3 - ties)) / (size**3 - size)
    return float(above.mean()), variance, (size + 1) / (12 * n * m) * (1 - tied)


def _sample_variance(values: Floats) -> float:
    return float(np.var(values, ddof=1)) if len(values) > 1 else 0.0


def _doubled_ranks(values: Floats) -> NDArray[np.int64]:
    """Return twice the mid-ranks from 1: whole numbers also for ties."""
    _, place, repeats = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((2 * np.cumsum(repeats) - repeats + 1)[place], dtype=np.int64)


def _rank_sums(ranks: NDArray[np.int64], chosen: int) -> Floats:
    """Return P(sum of the ranks of `chosen` of the runs = s) for s = 0, 1, ..., every choice equally likely."""
    largest = int(np.sort(ranks)[-chosen:].sum())
    ways = np.zeros((chosen + 1, largest + 1))
    ways[0, 0] = 1.0
    for rank in ranks:
        # Right-hand side first: each run is taken at most once.
        ways[1:, rank:] = ways[1:, rank:] + ways[:-1, : largest + 1 - rank]
    return np.asarray(ways[chosen] / ways[chosen].sum())


def _pair(one: Contest, p_holm: float, family: int, plan: AnalysisPlan) -> Pair:
    level = 1 - plan.confidence
    probability = _probability(one, plan)
    verdict = _verdict(one, p_holm, plan)
    more = _more_runs(one, level / family) if verdict == "undecided" else None
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
        sentence=f"{_effect(one, probability, plan)}; {_conclusion(one, verdict, p_holm, family, more, plan)}.",
        smallest_p=one.smallest_p,
        more_runs=more,
    )


def _probability(one: Contest, plan: AnalysisPlan) -> Interval:
    n = min(one.sizes)
    if n < FEWEST_RUNS:
        return Interval(one.share, n=n, note=one.difference.note)
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


def _more_runs(one: Contest, level: float) -> int | None:
    """Return how many more runs per environment reach the corrected level with 80 % power at the observed share."""
    seen = 2 * abs(one.share - 0.5) * math.sqrt(one.effective)
    if seen == 0:
        return None
    factor = float((ndtri(1 - level / 2) + ndtri(_POWER)) / seen) ** 2
    n = min(one.sizes)
    more = max(1, math.ceil(n * factor) - n)
    return more if more <= _MOST_RUNS else None


def _effect(one: Contest, probability: Interval, plan: AnalysisPlan) -> str:
    n, m = one.sizes
    where = f"{n} against {m} runs" + (f" on each of {one.environments} environments" if one.environments > 1 else "")
    limits = _limits(probability, plan)
    gap = one.difference.estimate or 0.0
    return (
        f"A run of {one.a} scores above a run of {one.b} with probability {one.share:.2f} ({limits}{where}); "
        f"interquartile means differ by {gap:+.2f}{_signed_limits(one.difference)}"
    )


def _limits(interval: Interval, plan: AnalysisPlan) -> str:
    if interval.low is None or interval.high is None:
        return ""
    return f"{100 * plan.confidence:.0f} % interval {interval.low:.2f} to {interval.high:.2f}; "


def _signed_limits(interval: Interval) -> str:
    if interval.low is None or interval.high is None:
        return f" ({interval.note})"
    return f" ({interval.low:+.2f} to {interval.high:+.2f})"


def _conclusion(one: Contest, verdict: str, p_holm: float, family: int, more: int | None, plan: AnalysisPlan) -> str:
    if verdict == "equivalent":
        return f"equivalent: the difference lies within the margin of {plan.margin:g}"
    tested = f"p = {one.p_value:.2g}" + (f", {p_holm:.2g} after Holm over {family} pairs" if family > 1 else "")
    if verdict != "undecided":
        return f"{one.a} is {verdict} ({tested})"
    needed = (1 - plan.confidence) / family
    if one.smallest_p > needed:
        short = f"so few runs cannot give a p-value below {one.smallest_p:.2g}"
        return f"undecided ({tested}): {short}; the smallest of {family} must be at most {needed:.2g}"
    price = (
        f"; about {more} more runs per environment would decide, if the effect is what it looks like" if more else ""
    )
    return f"undecided ({tested}){price}"
