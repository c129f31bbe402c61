"""One algorithm's scores in, its performance profile out: the share of runs above every score."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bench.analysis.interval import FEWEST_RUNS, wilson_limits
from bench.analysis.resampling import Tasks
from bench.records import Floats, Profile

TAUS = 101
_LOWEST, _HIGHEST = -1.0, 10.0


def tau_grid(scores: Sequence[Floats]) -> Floats:
    """(TAUS,) evenly spaced scores that cover 0 to 1 and the scores found, within -1 to 10."""
    pooled = np.concatenate([np.array([0.0, 1.0]), *scores])
    low, high = max(float(pooled.min()), _LOWEST), min(float(pooled.max()), _HIGHEST)
    return np.linspace(math.floor(20 * low) / 20, math.ceil(20 * high) / 20, TAUS)


def profile(label: str, tasks: Tasks, taus: Floats, confidence: float = 0.95) -> Profile:
    """Return the share of runs that score above each tau, averaged over environments (Agarwal et al. 2021, eq. 3).

    Pointwise Wilson intervals with T n runs, n the smallest number of runs of an environment: the variance of an
    average of T shares is at most that of one share in T n runs, so they are never too short for differing
    environments, nor of zero width where all runs lie on one side.
    """
    share = np.mean([(task[:, np.newaxis] > taus).mean(axis=0) for task in tasks], axis=0)
    n = min(len(task) for task in tasks)
    none: tuple[float | None, ...] = (None,) * len(taus)
    low, high = none, none
    if n >= FEWEST_RUNS:
        lower, upper = wilson_limits(share, n * len(tasks), confidence)
        low, high = tuple(map(float, lower)), tuple(map(float, upper))
    return Profile(label, tuple(map(float, taus)), tuple(map(float, share)), low, high, n)
