"""Two algorithms' scores in, the difference that decides, its verdict and what stands beside it out.

The rule is that of `bench.analysis.verdict`, over the aggregate that the suite's plan names, corrected by Holm over
every pair of one family. Beside it stand, described and not judged: the other aggregates, the probability that a run of
one scores above a run of the other, and both environment by environment. Where no environment has references there is
no common unit, and the ranks of the runs decide (`bench.analysis.ranks`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import ndtri

from bench.analysis.aggregate import BY_ENVIRONMENT, MEAN, POOLED, environment_shares, estimate
from bench.analysis.interval import FEWEST_RUNS, too_few, wilson_limits
from bench.analysis.ranks import rank_p_value, smallest_rank_p, superiority
from bench.analysis.resampling import Counts, Tasks, thinned
from bench.analysis.verdict import (
    MOST_RUNS,
    POWER,
    Difference,
    difference_interval,
    holm,
    holm_level,
    judged,
    smallest_p,
    verdict,
)
from bench.records import AnalysisPlan, Fact, Interval, Pair, PairPlace

_HALF = 0.5
_NO_UNIT = Interval(None, notes=(Fact("no common unit"),))


@dataclass(frozen=True, slots=True)
class Contest:
    """Two algorithms on the environments both have, before the correction over all pairs."""

    a: str
    b: str
    ours: Tasks
    theirs: Tasks
    found: Difference | None
    """What decides; None: the ranks of raw returns do."""
    others: tuple[tuple[str, Interval], ...]
    """The aggregates that do not decide, with the differences in them."""
    share: float
    """P(a run of `a` scores above a run of `b`), averaged over environments, ties half."""
    effective: float
    """Runs a binomial share would need for the same variance."""
    p_value: float
    environments: tuple[str, ...] = ()
    """Their names, where they are told one by one."""
    seconds: float | None = None
    """Of one core, that one more run of both algorithms on every environment takes."""

    @property
    def sizes(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Fewest and most runs per environment of `a`, and of `b`."""
        runs = [list(map(len, side)) for side in (self.ours, self.theirs)]
        return (min(runs[0]), max(runs[0])), (min(runs[1]), max(runs[1]))


def contest(
    names: tuple[str, str],
    ours: Tasks,
    theirs: Tasks,
    counts: tuple[Counts, Counts] | None,
    plan: AnalysisPlan,
    seconds: float | None = None,
    environments: Sequence[str] = (),
) -> Contest:
    """Compare two algorithms on the same environments, in the same order; runs are independent samples.

    Args:
        names: of the two.
        ours: per environment (runs,) scores of the first; raw returns where nothing is scored, for only ranks count.
        theirs: the same of the second.
        counts: per algorithm and environment (runs, resamples); None: raw returns, which have no unit in common.
        plan: gives confidence, margin and what decides.
        seconds: what one more run of both on every environment takes on one core, for the price; None where unknown.
        environments: their names, to tell them one by one.
    """
    share, effective = superiority(ours, theirs)
    drawn = None if counts is None else (thinned(counts[0]), thinned(counts[1]))
    found = None if drawn is None else judged(ours, theirs, drawn, plan.decide)
    p = rank_p_value(ours, theirs, (share, effective)) if found is None else float(found.p_values[0])
    others = () if drawn is None else _others(ours, theirs, drawn, plan)
    return Contest(*names, ours, theirs, found, others, share, effective, p, tuple(environments), seconds)


def _others(
    ours: Tasks, theirs: Tasks, counts: tuple[Counts, Counts], plan: AnalysisPlan
) -> tuple[tuple[str, Interval], ...]:
    """Return the differences in the aggregates that do not decide; on one environment the two IQMs are one."""
    names = [name for name in (POOLED, BY_ENVIRONMENT, MEAN) if name != plan.decide]
    if len(ours) == 1:
        names = [POOLED if plan.decide == MEAN else MEAN]
    return tuple(
        (name, difference_interval(judged(ours, theirs, counts, name), ours, theirs, plan.confidence)) for name in names
    )


def verdicts(contests: Sequence[Contest], plan: AnalysisPlan, looks: int = 1) -> tuple[Pair, ...]:
    """Return the pairs with Holm-corrected p-values, verdicts and prices.

    Args:
        contests: to be corrected together.
        plan: gives confidence and margin.
        looks: any of so many looks might have fixed the number of runs: p-values are multiplied by it, and intervals
            that judge are at the level divided by it (union bound).
    """
    corrected = holm([looks * one.p_value for one in contests])
    return tuple(_pair(one, p, len(contests), plan, looks) for one, p in zip(contests, corrected, strict=True))


def _pair(one: Contest, p_holm: float, family: int, plan: AnalysisPlan, looks: int) -> Pair:
    level = holm_level(one.p_value, p_holm, plan) if p_holm > 0 else (1 - plan.confidence) / family / looks
    found, told = one.found, _verdict(one, p_holm, plan, looks)
    more = _more_runs(one, level) if told == "undecided" else None
    (least, most), (fewest, largest) = one.sizes
    pairs = [(len(x), len(y)) for x, y in zip(one.ours, one.theirs, strict=True)]
    known = found is None or min(least, fewest) >= FEWEST_RUNS
    return Pair(
        a=one.a,
        b=one.b,
        environments=len(one.ours),
        n=min(least, fewest),
        probability=_probability(one, plan),
        difference=_NO_UNIT if found is None else difference_interval(found, one.ours, one.theirs, plan.confidence),
        p_value=min(1.0, looks * one.p_value) if known else None,
        p_holm=min(1.0, p_holm) if known else None,
        verdict=told,
        smallest_p=min(1.0, looks * (smallest_rank_p(pairs) if found is None else smallest_p(pairs, plan.decide))),
        more_runs=more,
        more_hours=more * one.seconds / 3600 if more is not None and one.seconds is not None else None,
        runs=(least, fewest),
        most_runs=(most, largest),
        family=family,
        looks=looks,
        decide="ranks" if found is None else plan.decide,
        matched=None if found is None else difference_interval(found, one.ours, one.theirs, 1 - level),
        others=one.others,
        places=_places(one),
    )


def _verdict(one: Contest, p_holm: float, plan: AnalysisPlan, looks: int) -> str:
    if one.found is not None:
        return verdict(one.found, p_holm, plan, looks)
    if p_holm > 1 - plan.confidence:
        return "undecided"
    return "better" if one.share > _HALF else "worse"


def _probability(one: Contest, plan: AnalysisPlan) -> Interval:
    """Return the run-wise probability; where ranks decide and do not reject, its interval reaches one half."""
    n = min(one.sizes[0][0], one.sizes[1][0])
    if n < FEWEST_RUNS:
        return Interval(one.share, n=n, notes=too_few(n))
    low, high = (float(limit) for limit in wilson_limits(one.share, one.effective, plan.confidence))
    if one.found is None and one.p_value > 1 - plan.confidence:
        low, high = min(low, _HALF), max(high, _HALF)
    return Interval(one.share, low, high, n)


def _places(one: Contest) -> tuple[PairPlace, ...]:
    """Return what the pair looks like on every environment that has a name."""
    if one.found is None or not one.environments:
        return ()
    shares = [environment_shares(side) for side in (one.ours, one.theirs)]
    return tuple(
        PairPlace(
            environment=name,
            difference=estimate([x], POOLED) - estimate([y], POOLED),
            probability=superiority([x], [y])[0],
            shares=(ours, theirs),
        )
        for name, x, y, ours, theirs in zip(one.environments, one.ours, one.theirs, *shares, strict=True)
    )


def _more_runs(one: Contest, level: float) -> int | None:
    """Return about how many more runs per environment would decide, by the test that decides."""
    if one.found is not None:
        return one.found.more_runs(level)
    # Wilson's p is that of twice the distance from one half, in units of its standard error under no difference.
    gap, n = abs(one.share - _HALF), min(one.sizes[0][0], one.sizes[1][0])
    if gap == 0:
        return None
    spread = math.sqrt(max(one.share * (1 - one.share), 0.0))
    needed = ((_HALF * float(ndtri(1 - level / 2)) + spread * float(ndtri(POWER))) / gap) ** 2
    more = max(1, math.ceil(n * (needed / one.effective - 1)))
    return more if more <= MOST_RUNS else None
