"""One algorithm's scores in, its aggregate over environments with everything that an interval of it needs out.

Three aggregates are known: `score`, the interquartile mean of the runs of all environments pooled; `mean`, the mean
over environments of the mean over runs; `iqm-by-environment`, the mean over environments of each environment's own
interquartile mean. The suite's plan says which of them decides (`analysis: {decide: ...}`). All work on (runs, columns)
arrays, one per environment, and do the same in every column.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bench.analysis.interval import (
    FEWEST_RUNS,
    Band,
    banded,
    bare,
    fewest,
    iqm_band,
    mean_band,
    shown,
    standardised,
    t_quantile,
    welch_df,
    winsorised_variances,
)
from bench.analysis.resampling import Columns, Counts, Tasks, columns_of, deviations, ranked
from bench.records import Floats, Interval

POOLED, MEAN, BY_ENVIRONMENT = "score", "mean", "iqm-by-environment"
FEW_ENVIRONMENTS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Resampled:
    """An interquartile mean, pooled or by environment, and how it moves under resampling."""

    estimates: Floats
    """(columns,)."""
    moved: Floats
    """(columns, resamples) deviations from the estimates."""
    variances: Floats
    """(environments, columns) variance that each environment contributes, of its winsorised runs."""
    df: Floats
    """(columns,) Satterthwaite's degrees of freedom."""
    inflation: float
    """What the bootstrap's variance is multiplied by: n / (n - 1); 1 where each of at most FEW_ENVIRONMENTS has an
    interquartile mean of its own, for the bootstrap of so few order statistics is wide enough without. With more, the
    bias of such means of few skewed runs, which no number of environments averages out, would tell."""


def resampled(columns: Columns, counts: Counts, decide: str) -> Resampled:
    """Return the aggregate that `decide` names, one of the two interquartile means.

    Args:
        columns: per environment (runs, columns).
        counts: per environment (runs, resamples).
        decide: `score` or `iqm-by-environment`.
    """
    freedom, n = np.array([len(column) - 1.0 for column in columns]), fewest(columns)
    if decide == POOLED or len(columns) == 1:
        scores = ranked(columns)
        found, moved = scores.estimates(), deviations(scores, counts)
        variances = winsorised_variances(columns, scores)
    else:
        alone = [ranked([column]) for column in columns]
        found = np.asarray(np.mean([one.estimates() for one in alone], axis=0))
        moved = np.asarray(
            np.mean([deviations(one, [drawn]) for one, drawn in zip(alone, counts, strict=True)], axis=0)
        )
        variances = np.concatenate(
            [winsorised_variances([column], one) for column, one in zip(columns, alone, strict=True)]
        )
    df = welch_df(variances, freedom, n - 1.0)
    wide_enough = len(columns) <= (1 if decide == POOLED else FEW_ENVIRONMENTS)
    return Resampled(found, moved, variances, df, n / (n - 1) if n > 1 and not wide_enough else 1.0)


def estimates(columns: Columns, decide: str) -> Floats:
    """(columns,) the aggregate that `decide` names."""
    if decide == MEAN:
        return np.asarray(np.mean([np.mean(column, axis=0) for column in columns], axis=0))
    groups = [columns] if decide == POOLED else [[column] for column in columns]
    return np.asarray(np.mean([ranked(group).estimates() for group in groups], axis=0))


def estimate(tasks: Tasks, decide: str) -> float:
    """Return the aggregate that `decide` names."""
    return float(estimates(columns_of(tasks), decide)[0])


def aggregate_band(columns: Columns, counts: Counts, confidence: float, decide: str) -> Band:
    """Return the aggregate that `decide` names in every column, with its limits."""
    if decide == MEAN:
        return mean_band(columns, confidence)
    if decide == POOLED or len(columns) == 1:
        return iqm_band(columns, counts, confidence)
    if fewest(columns) < FEWEST_RUNS:
        return bare(estimates(columns, decide))
    found = resampled(columns, counts, decide)
    below, above = standardised(found.moved, confidence, union=True)
    stretch = t_quantile(found.df, confidence) * math.sqrt(found.inflation)
    return banded(found.estimates, stretch * below, stretch * above, columns)


def aggregate_interval(tasks: Tasks, counts: Counts, confidence: float, decide: str) -> Interval:
    """Return the aggregate that `decide` names with its interval."""
    band = aggregate_band(columns_of(tasks), counts, confidence, decide)
    return shown(band, tasks, confidence, "mean" if decide == MEAN else "iqm")


def highest(ceilings: Sequence[float | None], decide: str) -> float | None:
    """Return the largest aggregate there can be on environments with these ceilings; None where one has none."""
    known = [np.array([one]) for one in ceilings if one is not None]
    return estimate(known, decide) if known and len(known) == len(ceilings) else None


def environment_shares(tasks: Tasks) -> tuple[float, ...]:
    """Return each environment's share of the pooled interquartile mean: a T-th each where none is trimmed more.

    Runs of equal score count alike, whatever their environment.
    """
    scores = ranked(columns_of(tasks))
    order, ordered = scores.order[:, 0], scores.ordered[:, 0]
    weights = scores.weights[order]
    reached = np.clip(np.cumsum(weights), scores.quarter, 3 * scores.quarter)
    kept = np.diff(reached, prepend=scores.quarter)
    group = np.cumsum(np.diff(ordered, prepend=ordered[0]) > 0)
    spread = np.empty(len(order))
    spread[order] = weights * (np.bincount(group, kept) / np.bincount(group, weights))[group]
    starts = np.cumsum([0, *map(len, tasks)])
    total = float(kept.sum())
    return tuple(float(spread[a:b].sum()) / total for a, b in pairwise(starts))
