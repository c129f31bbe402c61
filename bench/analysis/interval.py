"""One number per trained run in, an estimate with an honest interval out.

Everything here takes `tasks`: one 1-D array per environment with one number per trained run; the functions that end in
`band` take one (runs, columns) array per environment and do the same in every column at once. Environments are fixed,
runs are the sample. The methods and their measured coverage are in docs/coverage.md; `python benchmarks/coverage.py`
measures it again. No interval is given for fewer than four runs, nor one of zero width.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy.special import betaincinv, ndtri, stdtrit

from bench.analysis.resampling import (
    Columns,
    Counts,
    Ranked,
    Tasks,
    alike,
    columns_of,
    deviations,
    ranked,
)
from bench.records import Fact, Floats, Interval

Band = tuple[Floats, Floats, Floats]
"""Per column the estimate, the lower and the upper limit; both limits are NaN where there is no interval."""

FEWEST_RUNS = 4
"""Below this many runs there is no interval: no method tried covers what it states."""
ENOUGH_RUNS = {"iqm": (10, 6, 8, 5), "mean": (10, 6, 6, 5), "median": (30, 30, 30, 20), "difference": (5, 5, 5, 5)}
"""Quantity -> with 1, 2, 3 and more environments, from how many runs on its interval covers what it states.

Measured (docs/coverage.md), on scores of which three in ten fail among others: samples without a failure cannot tell.
"""


def interquartile_mean(tasks: Tasks) -> float:
    """Return the mean of the middle half of the pooled scores, trimmed by exactly 25 % on each side.

    Order statistic i of N gets the weight 2 |[(i-1)/N, i/N] intersected with [1/4, 3/4]|, so runs that straddle a
    quartile count in part. Where environments have different numbers of runs, a run's step is 1 / (T n_t) instead of
    1 / N: each environment weighs the same.
    """
    return float(ranked(columns_of(tasks)).estimates()[0])


def iqm_interval(tasks: Tasks, counts: Counts, confidence: float = 0.95) -> Interval:
    """Return the IQM with its stretched percentile bootstrap interval.

    One environment: the distances from the estimate to the bootstrap's percentiles are stretched by t_(n-1) / z, for
    the unknown SD. Several: on each side the larger of that distance over z and the bootstrap's SD, times t with
    Satterthwaite's degrees of freedom, times sqrt(n/(n-1)), which repairs the bootstrap's variance. (With one
    environment the bootstrap of so few order statistics is wide enough without; docs/coverage.md measures it.)
    """
    return shown(iqm_band(columns_of(tasks), counts, confidence), tasks, confidence, "iqm")


def iqm_band(curves: Columns, counts: Counts, confidence: float = 0.95) -> Band:
    """Return the IQM and its pointwise limits at every point; NaN limits where there is no interval.

    The same resampled runs are used at all points: runs, not points, are the units.

    Args:
        curves: per environment (runs, points).
        counts: per environment (runs, resamples).
        confidence: of each single point.

    Returns:
        Three (points,) arrays: estimate, lower and upper limits.
    """
    scores = ranked(curves)
    estimates, n = scores.estimates(), fewest(curves)
    if n < FEWEST_RUNS:
        return bare(estimates)
    drawn, t = deviations(scores, counts), t_quantile(_satterthwaite(curves, scores), confidence)
    below, above = standardised(drawn, confidence, union=len(curves) > 1)
    stretch = t if len(curves) == 1 else t * math.sqrt(n / (n - 1))
    return banded(estimates, stretch * below, stretch * above, curves)


def mean_interval(tasks: Tasks, confidence: float = 0.95) -> Interval:
    """Return the mean over environments of the mean over runs, with a t interval lengthened on the skewed side.

    Satterthwaite's (1946) degrees of freedom. Where the runs are skewed, the plain t interval misses on the side of
    the long tail; that limit is moved out by Johnson's (1978) term, g (1 + 2 t^2) / 6 standard errors, g the
    estimated skewness of the mean. The other limit stays.
    """
    return shown(mean_band(columns_of(tasks), confidence), tasks, confidence, "mean")


def mean_band(columns: Columns, confidence: float = 0.95) -> Band:
    """Return the mean over environments of the mean over runs in every column, with its limits."""
    estimates = np.asarray(np.mean([np.mean(column, axis=0) for column in columns], axis=0))
    if fewest(columns) < FEWEST_RUNS:
        return bare(estimates)
    variances = np.stack([np.var(column, axis=0, ddof=1) / len(column) for column in columns]) / len(columns) ** 2
    df = welch_df(variances, np.array([len(column) - 1.0 for column in columns]), fewest(columns) - 1.0)
    t, error = t_quantile(df, confidence), np.sqrt(np.sum(variances, axis=0))
    tail = skewness(columns, error) * (1 + 2 * t**2) / 6
    return banded(estimates, error * (t + np.maximum(-tail, 0)), error * (t + np.maximum(tail, 0)), columns)


def skewness(columns: Columns, error: Floats) -> Floats:
    """(columns,) estimated skewness of the mean over environments of the means over runs, with that standard error."""
    third = np.zeros_like(error)
    for column in columns:
        n = len(column)
        # Scaled first: third powers of small spreads would vanish.
        scaled = (column - np.mean(column, axis=0)) / np.where(error > 0, error, 1.0)
        third += np.sum(scaled**3, axis=0) / ((n - 1) * (n - 2) * n)
    return third / len(columns) ** 3


def optimality_gap_interval(tasks: Tasks, confidence: float = 0.95) -> Interval:
    """Return by how much scores, capped at 1, miss 1 in the mean (Agarwal et al. 2021); lower is better."""
    return mean_interval([1 - np.minimum(task, 1) for task in tasks], confidence)


def median_interval(tasks: Tasks, counts: Counts, confidence: float = 0.95) -> Interval:
    """Return the median over environments of the mean over runs, with a stretched percentile interval."""
    return shown(median_band(columns_of(tasks), counts, confidence), tasks, confidence, "median")


def median_band(columns: Columns, counts: Counts, confidence: float = 0.95) -> Band:
    """Return the median over environments of the mean over runs in every column, with its limits."""
    estimates = np.asarray(np.median([np.mean(column, axis=0) for column in columns], axis=0))
    n = fewest(columns)
    if n < FEWEST_RUNS:
        return bare(estimates)
    means = [column.T @ drawn / len(column) for column, drawn in zip(columns, counts, strict=True)]
    drawn = np.median(means, axis=0) - estimates[:, np.newaxis]
    below, above = standardised(drawn, confidence, union=False)
    stretch = math.sqrt(n / (n - 1)) * t_quantile(np.array(n - 1.0), confidence)
    return banded(estimates, stretch * below, stretch * above, columns)


def clopper_pearson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Return a share with its exact binomial interval (Clopper and Pearson 1934).

    That of `scipy.stats.binomtest`, which takes a thousand times as long: it computes a p-value first.
    """
    if n == 0:
        return Interval(None, notes=(Fact("no runs"),))
    share = successes / n
    if n < FEWEST_RUNS:
        return Interval(share, n=n, notes=too_few(n))
    tail, other = (1 - confidence) / 2, (1 + confidence) / 2
    low = float(betaincinv(successes, n - successes + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, n - successes, other)) if successes < n else 1.0
    return Interval(share, low, high, n)


def wilson_limits(share: Floats | float, n: float, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Return Wilson's (1927) limits of a share observed in n runs; n may be an effective count."""
    k = _z_quantile(confidence) ** 2 / n
    shares = np.asarray(share, dtype=np.float64)
    centre = (shares + k / 2) / (1 + k)
    half = np.sqrt(k * shares * (1 - shares) + k * k / 4) / (1 + k)
    return np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)


def _satterthwaite(columns: Columns, scores: Ranked) -> Floats:
    """(columns,) degrees of freedom from the variances of the scores winsorised to their middle half."""
    freedom = np.array([len(column) - 1.0 for column in columns])
    return welch_df(winsorised_variances(columns, scores), freedom, fewest(columns) - 1.0)


def winsorised_variances(columns: Columns, scores: Ranked) -> Floats:
    """(environments, columns) variance of each environment's mean, of the scores winsorised to their middle half.

    The bounds are the lowest and the highest pooled score that have a part in the interquartile mean.
    """
    below, within = scores.middle
    bounds = (np.take_along_axis(scores.ordered, place[np.newaxis], axis=0)[0] for place in (below, within))
    low, high = bounds
    spread = np.empty((len(columns), len(low)))
    for places in alike(map(len, columns)):
        clipped = np.clip(np.stack([columns[place] for place in places]), low, high)
        spread[places] = np.var(clipped, axis=1, ddof=1) / clipped.shape[1]
    return spread


def welch_df(variances: Floats, df: Floats, otherwise: float) -> Floats:
    """(columns,) Satterthwaite's degrees of freedom of a sum of independent variances; `otherwise` if all are zero.

    Args:
        variances: (parts,) or (parts, columns).
        df: (parts,) or (parts, columns) degrees of freedom of each.
        otherwise: the answer where nothing varies.
    """
    largest = np.max(variances, axis=0)
    # Divided by the largest, so that the squares of tiny variances cannot vanish.
    shares = np.where(largest > 0, variances / np.where(largest > 0, largest, 1.0), 0.0)
    inverse = np.sum(shares**2 / (df if df.ndim == variances.ndim else df[:, np.newaxis]), axis=0)
    found = np.sum(shares, axis=0) ** 2 / np.where(inverse > 0, inverse, 1.0)
    return np.where(inverse > 0, np.maximum(1.0, found), otherwise)


def standardised(drawn: Floats, confidence: float, *, union: bool) -> tuple[Floats, Floats]:
    """Return how far the bootstrap's percentiles lie below and above the estimates, at least 0, divided by z.

    A normal distribution's would be its SD. With `union` no distance is shorter than the SD.

    Args:
        drawn: (columns, resamples) deviations from the estimates.
        confidence: 0.95 takes the percentiles 2.5 and 97.5.
        union: whether to take the SD where that is more.

    Returns:
        Two (columns,) arrays.
    """
    # Sorting all is faster than looking for two of them: numpy sorts numbers in vector registers.
    ordered = np.sort(drawn, axis=1)
    least = np.std(drawn, axis=1) if union else np.zeros(len(drawn))
    below, above = (_quantile(ordered, tail) for tail in ((1 - confidence) / 2, (1 + confidence) / 2))
    return np.maximum(-below / _z_quantile(confidence), least), np.maximum(above / _z_quantile(confidence), least)


def _quantile(ordered: Floats, share: float) -> Floats:
    """(columns,) quantile of (columns, resamples) sorted values, interpolated as numpy does by default."""
    place = share * (ordered.shape[1] - 1)
    floor = min(math.floor(place), ordered.shape[1] - 2) if ordered.shape[1] > 1 else 0
    upper = ordered[:, min(floor + 1, ordered.shape[1] - 1)]
    return np.asarray(ordered[:, floor] + (place - floor) * (upper - ordered[:, floor]))


def bare(estimates: Floats) -> Band:
    """Return estimates without limits."""
    return estimates, np.full_like(estimates, np.nan), np.full_like(estimates, np.nan)


def banded(estimates: Floats, below: Floats, above: Floats, columns: Columns) -> Band:
    """Return estimates with limits so far below and above, but none where these have no width."""
    # Rounding leaves a width of some 1e-16 of the largest number where there is none.
    largest = np.max(np.abs(np.concatenate(columns)), axis=0)
    known = below + above > 1e-12 * largest
    return estimates, np.where(known, estimates - below, np.nan), np.where(known, estimates + above, np.nan)


def fewest(tasks: Tasks | Columns) -> int:
    """Return how many runs the environment with the fewest has."""
    return min(map(len, tasks))


def t_quantile(df: Floats, confidence: float) -> Floats:
    """(columns,) the two-sided quantile of Student's t, one for every number of degrees of freedom."""
    return np.asarray(stdtrit(df, (1 + confidence) / 2), dtype=np.float64)


def _z_quantile(confidence: float) -> float:
    return float(ndtri((1 + confidence) / 2))


def shown(band: Band, tasks: Tasks, confidence: float, quantity: str) -> Interval:
    """Return a band's only column with what is to be said about it."""
    estimate, low, high = (float(values[0]) for values in band)
    n = fewest(tasks)
    if n < FEWEST_RUNS:
        return Interval(estimate, n=n, notes=too_few(n))
    if all(np.ptp(task) == 0 for task in tasks):
        return Interval(estimate, n=n, notes=(_all_equal(n, len(tasks), confidence),))
    if math.isnan(low):
        return Interval(estimate, n=n, notes=(Fact("unmoved"),))
    notes = *few_runs(quantity, n, len(tasks)), *unequal(tasks), *_constant(tasks)
    return Interval(estimate, low, high, n, notes)


def cut(interval: Interval, ceiling: float | None, floor: float | None = None) -> Interval:
    """Return an interval that does not reach beyond what there can be; the estimate stays."""
    low, high, estimate = interval.low, interval.high, interval.estimate
    if ceiling is not None and high is not None and estimate is not None and high > ceiling:
        interval = replace(interval, high=max(ceiling, estimate))
    if floor is not None and low is not None and estimate is not None and low < floor:
        interval = replace(interval, low=min(floor, estimate))
    return interval


def too_few(n: int) -> tuple[Fact]:
    """Return why so few runs have no interval."""
    return (Fact("too few", (n, FEWEST_RUNS)),)


def _all_equal(n: int, environments: int, confidence: float) -> Fact:
    """Return the number of runs, the confidence, and fewer than how many per cent of all runs then differ."""
    unseen = 1 - ((1 - confidence) / 2) ** (1 / n)
    return Fact("all alike" if environments == 1 else "all alike everywhere", (n, confidence, 100 * unseen))


def few_runs(quantity: str, n: int, environments: int) -> Iterator[Fact]:
    """Yield that an interval of so few runs may not cover what it states, where that was measured."""
    enough = ENOUGH_RUNS[quantity]
    if n < enough[min(environments, len(enough)) - 1]:
        yield Fact("may not cover")


def unequal(tasks: Tasks) -> Iterator[Fact]:
    """Yield the fewest and the most runs, where environments have unequal numbers."""
    sizes = {len(task) for task in tasks}
    if len(sizes) > 1:
        yield Fact("unequal", (min(sizes), max(sizes)))


def _constant(tasks: Tasks) -> Iterator[Fact]:
    if still := sum(bool(np.ptp(task) == 0) for task in tasks):
        yield Fact("constant", (still, len(tasks)))
