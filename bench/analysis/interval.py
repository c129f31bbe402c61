"""One number per trained run in, an estimate with an honest interval out.

Everything here takes `tasks`: one 1-D array per environment with one number per trained run. Environments are fixed,
runs are the sample. The methods and their measured coverage are in docs/coverage.md; `python benchmarks/coverage.py`
measures it again. No interval is given for fewer than four runs, nor one of zero width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtri, stdtrit

from bench.records import Interval

Floats = NDArray[np.float64]
Tasks = Sequence[Floats]
"""One (runs,) array per environment."""
Counts = Sequence[Floats]
"""One (runs, resamples) array per environment: how often each run was drawn in each resample."""

FEWEST_RUNS = 4
"""Below this many runs there is no interval: no method tried covers what it states."""
UNION_TASKS = 3
"""Up to this many environments the degrees of freedom are n - 1, and two or three take the union rule."""
_UNMOVED = "no interval: the middle half of the runs is the same in every resample"


def interquartile_mean(tasks: Tasks) -> float:
    """Return the mean of the middle half of the pooled scores, trimmed by exactly 25 % on each side.

    Order statistic i of N gets the weight 2 |[(i-1)/N, i/N] intersected with [1/4, 3/4]|, so runs that straddle a
    quartile count in part. Where environments have different numbers of runs, a run's step is 1 / (T n_t) instead of
    1 / N: each environment weighs the same.
    """
    values, weights = _pooled(tasks)
    order = np.argsort(values, kind="stable")
    return float(_middle_half(values[order], weights[order, np.newaxis], weights.sum())[0])


def interquartile_mean_rliable(tasks: Tasks) -> float | None:
    """Return the IQM as rliable 1.2 trims it, floor(N/4) runs per side; None for unequal numbers of runs."""
    if len({len(task) for task in tasks}) != 1:
        return None
    pooled = np.sort(np.concatenate(tasks))
    cut = len(pooled) // 4
    return float(np.mean(pooled[cut : len(pooled) - cut]))


def resample_counts(n: int, resamples: int, rng: np.random.Generator) -> Floats:
    """(n, resamples) how often each of n runs is drawn when n are drawn with replacement."""
    return np.ascontiguousarray(rng.multinomial(n, np.full(n, 1 / n), size=resamples).T, dtype=np.float64)


def iqm_draws(tasks: Tasks, counts: Counts) -> Floats:
    """(resamples,) the IQM of every resample."""
    values, weights = _pooled(tasks)
    return _draws(values, np.concatenate(counts) * weights[:, np.newaxis], float(weights.sum()))


def iqm_interval(tasks: Tasks, counts: Counts, confidence: float = 0.95) -> Interval:
    """Return the IQM with its stretched percentile bootstrap interval.

    The distances from the estimate to the bootstrap's percentiles are stretched by sqrt(n/(n-1)) t_nu / z: the root
    repairs the bootstrap's variance, the t quantile the unknown SD. Degrees of freedom: n - 1 up to three
    environments, Satterthwaite's on the winsorised variances from four on. With two or three environments the wider
    of this and the bootstrap-SE t interval is taken on each side.
    """
    estimate = interquartile_mean(tasks)
    refused = _no_interval(tasks, estimate)
    if refused is not None:
        return refused
    low, high = _iqm_limits(np.array([estimate]), iqm_draws(tasks, counts)[np.newaxis], [tasks], confidence)
    return _interval(estimate, float(low[0]), float(high[0]), tasks)


def iqm_band(curves: Sequence[Floats], counts: Counts, confidence: float = 0.95) -> tuple[Floats, Floats, Floats]:
    """Return the IQM and its pointwise limits at every point; NaN limits where there is no interval.

    The same resampled runs are used at all points: runs, not points, are the units.

    Args:
        curves: per environment (runs, points).
        counts: per environment (runs, resamples).
        confidence: of each single point.

    Returns:
        Three (points,) arrays: estimate, lower and upper limits.
    """
    points = curves[0].shape[1]
    columns: list[Tasks] = [[curve[:, point] for curve in curves] for point in range(points)]
    estimates = np.array([interquartile_mean(tasks) for tasks in columns])
    low, high = np.full(points, np.nan), np.full(points, np.nan)
    if min(len(curve) for curve in curves) < FEWEST_RUNS:
        return estimates, low, high
    _, weights = _pooled(columns[0])
    weighted, total = np.concatenate(counts) * weights[:, np.newaxis], float(weights.sum())
    draws = np.stack([_draws(np.concatenate(tasks), weighted, total) for tasks in columns])
    low, high = _iqm_limits(estimates, draws, columns, confidence)
    flat = [_flat(below, above, tasks) for below, above, tasks in zip(low, high, columns, strict=True)]
    return estimates, np.where(flat, np.nan, low), np.where(flat, np.nan, high)


def mean_interval(tasks: Tasks, confidence: float = 0.95) -> Interval:
    """Return the mean over environments of the mean over runs, with a t interval (Satterthwaite 1946)."""
    estimate = float(np.mean([np.mean(task) for task in tasks]))
    refused = _no_interval(tasks, estimate)
    if refused is not None:
        return refused
    half = _mean_half_width(tasks, confidence)
    return _interval(estimate, estimate - half, estimate + half, tasks)


def optimality_gap_interval(tasks: Tasks, confidence: float = 0.95, gamma: float = 1.0) -> Interval:
    """Return by how much scores, capped at gamma, miss gamma in the mean (Agarwal et al. 2021); lower is better."""
    return mean_interval([gamma - np.minimum(task, gamma) for task in tasks], confidence)


def median_interval(tasks: Tasks, counts: Counts, confidence: float = 0.95) -> Interval:
    """Return the median over environments of the mean over runs, with a stretched percentile interval."""
    estimate = float(np.median([np.mean(task) for task in tasks]))
    refused = _no_interval(tasks, estimate)
    if refused is not None:
        return refused
    means = np.stack([task @ drawn / len(task) for task, drawn in zip(tasks, counts, strict=True)])
    draws = np.median(means, axis=0)[np.newaxis]
    n = _fewest(tasks)
    low, high = _stretched(np.array([estimate]), draws, np.array([n - 1.0]), n, confidence)
    return _interval(estimate, float(low[0]), float(high[0]), tasks)


def difference_interval(
    ours: Tasks, theirs: Tasks, our_counts: Counts, their_counts: Counts, confidence: float = 0.95
) -> Interval:
    """Return the IQM of `ours` minus that of `theirs` with a stretched percentile interval.

    The two are independent samples and are resampled independently (equal seed numbers make no pairs); Welch and
    Satterthwaite degrees of freedom.
    """
    estimate = interquartile_mean(ours) - interquartile_mean(theirs)
    n = min(_fewest(ours), _fewest(theirs))
    if n < FEWEST_RUNS:
        return Interval(estimate, n=n, note=_too_few(n))
    first, second = iqm_draws(ours, our_counts), iqm_draws(theirs, their_counts)
    draws, variance = first - second, float(np.var(first - second))
    parts = [(_unbiased(first, ours), _satterthwaite(ours)), (_unbiased(second, theirs), _satterthwaite(theirs))]
    total = sum(part for part, _ in parts)
    if total <= 0 or variance <= 0:
        return Interval(estimate, n=n, note="no interval: no variation between the runs of either algorithm")
    df = total**2 / sum(part**2 / nu for part, nu in parts)
    kappa = _t_quantile(df, confidence) / _z_quantile(confidence) * math.sqrt(total / variance)
    below, above = np.quantile(draws, _tails(confidence))
    low, high = estimate - kappa * max(estimate - below, 0.0), estimate + kappa * max(above - estimate, 0.0)
    if _flat(low, high, [*ours, *theirs]):
        return Interval(estimate, n=n, note=_UNMOVED)
    note = _few_runs(n, len(ours))
    return Interval(estimate, float(low), float(high), n, note)


def clopper_pearson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Return a share with its exact binomial interval (Clopper and Pearson 1934)."""
    if n == 0:
        return Interval(None, note="no runs")
    share = successes / n
    if n < FEWEST_RUNS:
        return Interval(share, n=n, note=_too_few(n))
    tail, other = _tails(confidence)
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


def satterthwaite_df(tasks: Tasks) -> float:
    """Return the degrees of freedom of the pooled IQM: n - 1 up to three environments, then Satterthwaite's."""
    return _fewest(tasks) - 1.0 if len(tasks) <= UNION_TASKS else _satterthwaite(tasks)


def _pooled(tasks: Tasks) -> tuple[Floats, Floats]:
    """Return the (N,) values and whole-number weights proportional to 1 / n_t, so that cumulating them is exact."""
    multiple = math.lcm(*(len(task) for task in tasks))
    weights = [np.full(len(task), multiple / len(task)) for task in tasks]
    return np.concatenate(tasks).astype(np.float64), np.concatenate(weights)


def _draws(values: Floats, weighted: Floats, total: float) -> Floats:
    order = np.argsort(values, kind="stable")
    return _middle_half(values[order], weighted[order], total)


def _middle_half(ordered: Floats, weights: Floats, total: float) -> Floats:
    """(resamples,) mean of the middle half of (N,) sorted values under (N, resamples) weights.

    Summed by parts: with C the cumulated weight clipped to the middle half, sum((C_i - C_(i-1)) x_i) needs C only
    once, against the gaps between neighbouring values.
    """
    cumulated = np.cumsum(weights[:-1], axis=0)
    np.clip(cumulated, total / 4, 3 * total / 4, out=cumulated)
    edges = 0.75 * ordered[-1] - 0.25 * ordered[0]
    return np.asarray(2 * (edges - np.diff(ordered) @ cumulated / total))


def _iqm_limits(estimates: Floats, draws: Floats, columns: Sequence[Tasks], confidence: float) -> tuple[Floats, Floats]:
    """Return the (points,) limits for (points,) estimates and (points, resamples) draws."""
    n, environments = _fewest(columns[0]), len(columns[0])
    df = np.array([satterthwaite_df(tasks) for tasks in columns])
    low, high = _stretched(estimates, draws, df, n, confidence)
    if 1 < environments <= UNION_TASKS:
        half = _t_quantile(df, confidence) * math.sqrt(n / (n - 1)) * np.std(draws, axis=1)
        low, high = np.minimum(low, estimates - half), np.maximum(high, estimates + half)
    return low, high


def _stretched(estimates: Floats, draws: Floats, df: Floats, n: int, confidence: float) -> tuple[Floats, Floats]:
    kappa = math.sqrt(n / (n - 1)) * _t_quantile(df, confidence) / _z_quantile(confidence)
    below, above = np.quantile(draws, _tails(confidence), axis=1)
    low = estimates - kappa * np.maximum(estimates - below, 0.0)
    high = estimates + kappa * np.maximum(above - estimates, 0.0)
    return low, high


def _satterthwaite(tasks: Tasks) -> float:
    pooled = np.sort(np.concatenate(tasks))
    cut = len(pooled) // 4
    bounds = pooled[cut], pooled[len(pooled) - cut - 1]
    spread = np.array([np.var(np.clip(task, *bounds), ddof=1) for task in tasks])
    df = np.array([len(task) - 1.0 for task in tasks])
    return _welch(spread, df, _fewest(tasks) - 1.0)


def _welch(variances: Floats, df: Floats, otherwise: float) -> float:
    """Return Satterthwaite's degrees of freedom of a sum of independent variances; `otherwise` if all are zero."""
    largest = float(np.max(variances))
    if largest <= 0:
        return otherwise
    # Divided by the largest, so that the squares of tiny variances cannot vanish.
    shares = variances / largest
    return max(1.0, float(np.sum(shares) ** 2 / np.sum(shares**2 / df)))


def _mean_half_width(tasks: Tasks, confidence: float) -> float:
    variances = np.array([np.var(task, ddof=1) / len(task) for task in tasks]) / len(tasks) ** 2
    df = _welch(variances, np.array([len(task) - 1.0 for task in tasks]), _fewest(tasks) - 1.0)
    return float(_t_quantile(df, confidence) * np.sqrt(np.sum(variances)))


def _unbiased(draws: Floats, tasks: Tasks) -> float:
    n = _fewest(tasks)
    return float(np.var(draws)) * n / (n - 1)


def _flat(low: float, high: float, tasks: Tasks) -> bool:
    # Rounding leaves a width of some 1e-16 of the largest number where there is none.
    return bool(high - low <= 1e-12 * max(float(np.max(np.abs(task))) for task in tasks))


def _fewest(tasks: Tasks) -> int:
    return min(len(task) for task in tasks)


def _tails(confidence: float) -> tuple[float, float]:
    return (1 - confidence) / 2, (1 + confidence) / 2


def _t_quantile(df: Floats | float, confidence: float) -> Floats:
    return np.asarray(stdtrit(df, (1 + confidence) / 2), dtype=np.float64)


def _z_quantile(confidence: float) -> float:
    return float(ndtri((1 + confidence) / 2))


def _interval(estimate: float, low: float, high: float, tasks: Tasks) -> Interval:
    n = _fewest(tasks)
    if _flat(low, high, tasks):
        return Interval(estimate, n=n, note=_UNMOVED)
    notes = (_few_runs(n, len(tasks)), _unequal(tasks), _constant(tasks))
    return Interval(estimate, low, high, n, "; ".join(note for note in notes if note))


def _no_interval(tasks: Tasks, estimate: float) -> Interval | None:
    n = _fewest(tasks)
    if n < FEWEST_RUNS:
        return Interval(estimate, n=n, note=_too_few(n))
    if all(np.ptp(task) == 0 for task in tasks):
        return Interval(estimate, n=n, note=_all_equal(n, len(tasks)))
    return None


def _too_few(n: int) -> str:
    return f"no interval: {n} run{'s' * (n != 1)}, at least {FEWEST_RUNS} are needed"


def _all_equal(n: int, environments: int) -> str:
    unseen = 1 - 0.025 ** (1 / n)
    where = "" if environments == 1 else " on each environment"
    known = f"with 95 % confidence fewer than {100 * unseen:.0f} % of all runs differ"
    return f"no interval: {n} of {n} runs{where} have the same value; {known}"


def _few_runs(n: int, environments: int) -> str:
    # Measured: these cells cover several points less than they state when some runs fail (docs/coverage.md).
    few = n < FEWEST_RUNS + 1 or (n == FEWEST_RUNS + 1 and environments <= 2)  # noqa: PLR2004  # two: as measured
    return "few runs: may cover less than it states where some runs fail" if few else ""


def _unequal(tasks: Tasks) -> str:
    sizes = sorted({len(task) for task in tasks})
    return (
        ""
        if len(sizes) == 1
        else f"unequal numbers of runs ({sizes[0]} to {sizes[-1]}): each environment weighs the same"
    )


def _constant(tasks: Tasks) -> str:
    still = sum(bool(np.ptp(task) == 0) for task in tasks)
    return f"{still} of {len(tasks)} environments without observed variation are treated as known" if still else ""
