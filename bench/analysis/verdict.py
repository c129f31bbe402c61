"""Two algorithms' runs per environment in; by how much they differ, and how sure that is at any level, out.

The one home of the rule by which anything here is called better, worse or equivalent. What decides is D, the difference
of the aggregates that the suite's plan names. Its interval and its p-value are one statement, read two ways: D's
standard errors towards either side are taken once, and the interval at *any* confidence is D less and plus as many of
them as Student's t asks for; p is the level at which that interval just reaches no difference. So p <= alpha exactly
where the interval at 1 - alpha leaves 0 out. Two exceptions on the cautious side: p is never below what so few runs can
tell at all, and where nothing varies there is no interval.

Sources: Satterthwaite (1946) and Welch (1947) for the degrees of freedom, Johnson (1978) for skewed means, Schuirmann
(1987) for equivalence, Holm (1979) for several pairs. docs/calibration.md says how often it errs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import gammaln, ndtri, stdtr, stdtrit

from bench.analysis.aggregate import BY_ENVIRONMENT, MEAN, POOLED, estimates, resampled
from bench.analysis.interval import FEWEST_RUNS, few_runs, fewest, skewness, standardised, too_few, unequal, welch_df
from bench.analysis.resampling import Columns, Counts, Tasks, columns_of
from bench.records import AnalysisPlan, Fact, Floats, Interval

ANCHOR = 0.95
"""Confidence at whose quantiles the standard errors of interquartile means are taken, whatever level is wanted: more
extreme quantiles would need many more resamples, and reject no more rightly."""
MOST_RUNS = 200
"""More than this many further runs is no plan but a way to say that nothing was seen."""
POWER = 0.8
"""Of the experiment whose price is told."""
_ROUNDING = 1e-12
"""Of the largest score: a difference or an error below it is none."""
_EXTREMES = {POOLED: (2.0, 1.0), BY_ENVIRONMENT: (1.0, 2.0), MEAN: (1.0, 1.0)}
"""Aggregate -> how many arrangements of the runs are as extreme as the most extreme one, on the whole and for every
environment. With four to seven runs an interquartile mean gives the outermost one no weight, so that one exchange
between the algorithms changes nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """D and its standard errors in every column; these are NaN where there is no interval."""

    estimates: Floats
    """(columns,) aggregate of the first algorithm less that of the second."""
    below: Floats
    """(columns,) standard error towards the lower limit."""
    above: Floats
    """(columns,) standard error towards the upper limit."""
    df: Floats
    """(columns,) degrees of freedom."""
    least_p: Floats
    """(columns,) no p-value of so few runs can be smaller."""
    variances: Floats
    """(parts, columns) what each environment of the first, then of the second, adds to D's variance."""
    sizes: tuple[tuple[int, int], ...]
    """Runs of both per environment."""
    decide: str
    skew: Floats = field(default_factory=lambda: np.zeros(1))
    """(columns,) of D: by so many standard errors times (1 + 2 t^2) / 6 the limit on that side is moved out."""

    def limits(self, confidence: float) -> tuple[Floats, Floats]:
        """Return the (columns,) limits at this confidence; NaN where there is no interval.

        Where so few runs can reject nothing at this level, the nearer limit is extended to no difference.
        """
        t = np.asarray(stdtrit(self.df, (1 + confidence) / 2), dtype=np.float64)
        low = self.estimates - self.below * _distance(t, np.maximum(-self.skew, 0.0))
        high = self.estimates + self.above * _distance(t, np.maximum(self.skew, 0.0))
        short = self.least_p > 1 - confidence + _ROUNDING
        return np.where(short, np.minimum(low, 0.0), low), np.where(short, np.maximum(high, 0.0), high)

    @property
    def p_values(self) -> Floats:
        """(columns,) two-sided p-values of no difference."""
        error, skew = self._towards_none()
        inverted = 2 * _tail(np.abs(self.estimates) / error, skew, self.df)
        # Where nothing varied there is no error: all that is known then is what so few runs can tell.
        return np.where(self.estimates == 0, 1.0, np.fmax(inverted, self.least_p))

    def equivalence_p(self, margin: float) -> Floats:
        """(columns,) the larger of the two one-sided p-values of a difference as large as the margin.

        At most (1 - confidence) / 2 where the interval at that confidence lies inside the margins; 1 without one, and
        for four runs on one environment, which would err too often.
        """
        below = _tail((self.estimates + margin) / self.below, np.maximum(-self.skew, 0.0), self.df)
        above = _tail((margin - self.estimates) / self.above, np.maximum(self.skew, 0.0), self.df)
        told = (np.abs(self.estimates) < margin) & ~np.isnan(self.below)
        enough = enough_for_equivalence(min(map(min, self.sizes)), len(self.sizes))
        return np.where(told & enough, np.maximum(below, above), 1.0)

    def more_runs(self, level: float) -> int | None:
        """Return about how many more runs per environment of both would reach the level with a power of 0.8.

        By the first column, taking the difference and every environment's spread for what they look like: after a lucky
        start the price is too low. None without a difference or an interval, and beyond MOST_RUNS.
        """
        if not np.isfinite(self.below[0]) or self.estimates[0] == 0 or not self._reaches(MOST_RUNS, level):
            return None
        low, high = 0, MOST_RUNS
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._reaches(middle, level) else (middle, high)
        return high

    def _reaches(self, more: int, level: float) -> bool:
        """Return whether so many more runs would do."""
        error, skew = (float(side[0]) for side in self._towards_none())
        sizes = np.array([*(n for n, _ in self.sizes), *(m for _, m in self.sizes)], dtype=np.float64)
        seen = self.variances[:, 0]
        # The middle halves may not vary while the resamples' do: then every side is taken to vary alike.
        variances = seen if seen.any() else np.ones_like(sizes)
        shares = variances * sizes / (sizes + more)
        shrunk = math.sqrt(float(shares.sum() / variances.sum()))
        df = welch_df(shares, sizes + more - 1, float(self.df[0]))
        t = np.asarray(stdtrit(df, 1 - level / 2), dtype=np.float64)
        needed = _distance(t, np.array(shrunk * skew)) + float(ndtri(POWER))
        runs = [(n + more, m + more) for n, m in self.sizes]
        far = error * shrunk * float(needed) <= abs(float(self.estimates[0]))
        return far and smallest_p(runs, self.decide) <= level

    def _towards_none(self) -> tuple[Floats, Floats]:
        """Return standard error and skewness on the side of no difference."""
        positive = self.estimates > 0
        return np.where(positive, self.below, self.above), np.maximum(np.where(positive, -self.skew, self.skew), 0.0)


def difference(ours: Columns, theirs: Columns, counts: tuple[Counts, Counts] | None, decide: str) -> Difference:
    """Return by how much two algorithms differ in every column.

    The two are independent samples and resampled independently: equal seed numbers make no pairs. Every environment
    weighs the same, however many runs it has.

    Args:
        ours: per environment (runs, columns).
        theirs: the same of the other, the same environments in the same order.
        counts: per algorithm and environment (runs, resamples), the first of them where one has more resamples than
            the other; not needed for the mean.
        decide: `score`, `mean` or `iqm-by-environment`.
    """
    sizes = tuple((len(x), len(y)) for x, y in zip(ours, theirs, strict=True))
    least = _least_p(ours, theirs, sizes, decide)
    if min(map(min, sizes)) < FEWEST_RUNS:
        gap = estimates(ours, decide) - estimates(theirs, decide)
        unknown = np.full_like(gap, np.nan)
        return Difference(gap, unknown, unknown, np.ones_like(gap), least, np.zeros((1, 1)), sizes, decide, 0 * gap)
    largest = np.maximum(*(np.max(np.abs(np.concatenate(side)), axis=0) for side in (ours, theirs)))
    if decide == MEAN:
        found = _of_means(ours, theirs, sizes, least)
    else:
        if counts is None:
            raise ValueError("interquartile means need resamples")
        found = _of_interquartile_means(ours, theirs, counts, sizes, least, decide)
    gone = np.abs(found.estimates) <= _ROUNDING * largest
    known = found.below + found.above > _ROUNDING * largest
    return replace(
        found,
        estimates=np.where(gone, 0.0, found.estimates),
        below=np.where(known, found.below, np.nan),
        above=np.where(known, found.above, np.nan),
    )


def _of_means(ours: Columns, theirs: Columns, sizes: tuple[tuple[int, int], ...], least: Floats) -> Difference:
    """Return the difference of means: Welch's, with Johnson's term on the side of the longer tail."""
    parts = [*ours, *theirs]
    variances = np.stack([np.var(column, axis=0, ddof=1) / len(column) for column in parts]) / len(ours) ** 2
    df = welch_df(variances, np.array([len(column) - 1.0 for column in parts]), fewest(parts) - 1.0)
    error = np.sqrt(np.sum(variances, axis=0))
    lengthened = [skewness(side, error) for side in (ours, theirs)]
    gap = estimates(ours, MEAN) - estimates(theirs, MEAN)
    return Difference(gap, error, error, df, least, variances, sizes, MEAN, lengthened[0] - lengthened[1])


def _of_interquartile_means(
    ours: Columns,
    theirs: Columns,
    counts: tuple[Counts, Counts],
    sizes: tuple[tuple[int, int], ...],
    least: Floats,
    decide: str,
) -> Difference:
    """Return the difference of interquartile means, pooled or by environment, from the stretched bootstrap."""
    common = min(drawn.shape[1] for side in counts for drawn in side)
    sides = [
        resampled(columns, [drawn[:, :common] for drawn in side], decide)
        for columns, side in zip((ours, theirs), counts, strict=True)
    ]
    variances = np.stack([side.inflation * np.var(side.moved, axis=1) for side in sides])
    df = welch_df(variances, np.stack([side.df for side in sides]), fewest([*ours, *theirs]) - 1.0)
    moved = sides[0].moved - sides[1].moved
    below, above = standardised(moved, ANCHOR, union=True)
    together = np.var(moved, axis=1)
    inflated = np.sqrt(variances.sum(axis=0) / np.where(together > 0, together, 1.0))
    return Difference(
        sides[0].estimates - sides[1].estimates,
        inflated * below,
        inflated * above,
        df,
        least,
        np.concatenate([side.variances for side in sides]),
        sizes,
        decide,
        np.zeros_like(df),
    )


def judged(ours: Tasks, theirs: Tasks, counts: tuple[Counts, Counts] | None, decide: str) -> Difference:
    """Return by how much two algorithms differ: `difference` of a single column."""
    return difference(columns_of(ours), columns_of(theirs), counts, decide)


def difference_interval(found: Difference, ours: Tasks, theirs: Tasks, confidence: float) -> Interval:
    """Return a single column's difference as an interval, with what is to be said about it."""
    estimate, n = float(found.estimates[0]), min(map(min, found.sizes))
    if n < FEWEST_RUNS:
        return Interval(estimate, n=n, notes=too_few(n))
    if all(np.ptp(task) == 0 for task in (*ours, *theirs)):
        return Interval(estimate, n=n, notes=(Fact("no variation on either side"),))
    if math.isnan(found.below[0]):
        return Interval(estimate, n=n, notes=(Fact("unmoved"),))
    low, high = (float(limit[0]) for limit in found.limits(confidence))
    least = float(found.least_p[0])
    short = (Fact("too few for a level", (least,)),) if least > 1 - confidence + _ROUNDING else ()
    notes = dict.fromkeys((*short, *few_runs("difference", n, len(ours)), *unequal(ours), *unequal(theirs)))
    return Interval(estimate, low, high, n, tuple(notes))


def smallest_p(sizes: Sequence[tuple[int, int]], decide: str) -> float:
    """Return the smallest p-value that (n, m) runs on each environment can give, if the runs of all of them vary.

    As many of all arrangements of the runs as are as extreme as the most extreme one. 1 with fewer than four runs.
    """
    if min(map(min, sizes)) < FEWEST_RUNS:
        return 1.0
    whole, each = _EXTREMES[decide]
    return min(1.0, math.exp(math.log(2 * whole) + sum(math.log(each) - _arrangements(n, m) for n, m in sizes)))


def _arrangements(n: int, m: int) -> float:
    """Return the logarithm of the number of ways to call n of n + m runs the first algorithm's."""
    return float(gammaln(n + m + 1) - gammaln(n + 1) - gammaln(m + 1))


def _least_p(ours: Columns, theirs: Columns, sizes: Sequence[tuple[int, int]], decide: str) -> Floats:
    """(columns,) as `smallest_p`, over the environments on which not all runs are equal; 1 where there is none."""
    whole, each = _EXTREMES[decide]
    varies = np.stack([np.ptp(np.concatenate(both), axis=0) > 0 for both in zip(ours, theirs, strict=True)])
    ways = np.array([_arrangements(n, m) - math.log(each) for n, m in sizes])
    least = np.minimum(1.0, np.exp(math.log(2 * whole) - ways @ varies))
    return np.where(varies.any(axis=0) & (min(map(min, sizes)) >= FEWEST_RUNS), least, 1.0)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's (1979) step-down corrected p-values, in the order given; not cut at 1, see `holm_level`."""
    corrected, running = [0.0] * len(p_values), 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        running = max(running, (len(p_values) - place) * p_values[index])
        corrected[index] = running
    return corrected


def holm_level(p_value: float, corrected: float, plan: AnalysisPlan) -> float:
    """Return the level at which this pair is tested alone by Holm's procedure.

    The interval at 1 less this level leaves 0 out exactly where the corrected p-value is at most the plan's.

    Args:
        p_value: of the pair alone.
        corrected: by `holm`, not cut at 1.
        plan: gives the confidence.
    """
    return (1 - plan.confidence) * p_value / corrected


def verdict(found: Difference, corrected: float, plan: AnalysisPlan, looks: int = 1) -> str:
    """Return `equivalent`, `better`, `worse` or `undecided`, of the first algorithm, by the first column.

    Equivalence goes first: a difference that is certainly smaller than the declared margin is no difference. It needs
    the plan's interval, the one shown, inside the margins, and is not corrected over pairs.

    Args:
        found: of the pair.
        corrected: its p-value, corrected over the family and over looks.
        plan: gives confidence and margin.
        looks: by which the level is divided for equivalence.
    """
    if equivalent(found, plan.margin, 1 - (1 - plan.confidence) / looks):
        return "equivalent"
    if corrected > 1 - plan.confidence:
        return "undecided"
    return "better" if found.estimates[0] > 0 else "worse"


def enough_for_equivalence(n: int, environments: int) -> bool:
    """Return whether n runs of each on so many environments may be called equivalent: four on one err too often."""
    return environments > 1 or n > FEWEST_RUNS


def equivalent(found: Difference, margin: float, confidence: float) -> bool:
    """Return whether the interval at this confidence lies inside the margins, by the first column."""
    return float(found.equivalence_p(margin)[0]) <= (1 - confidence) / 2


def _distance(t: Floats, skew: Floats) -> Floats:
    """Return how many standard errors from D a limit lies."""
    return np.asarray(t + skew * (1 + 2 * t**2) / 6, dtype=np.float64)


def _tail(distance: Floats, skew: Floats, df: Floats) -> Floats:
    """Return the one-sided p-value of a distance in standard errors: the inverse of `_distance`, at most one half."""
    over = np.maximum(distance - skew / 6, 0.0)
    return np.asarray(stdtr(df, -2 * over / (1 + np.sqrt(1 + 4 * skew / 3 * over))))
