"""One number per trained run in, the aggregates of the literature's own library out, under its own names.

rliable (Agarwal et al. 2021) trims whole runs, floor(N/4) per side, and gives plain percentile intervals; so a reader
can hold a report against a paper. What is concluded here rests on `bench.analysis.interval` instead, whose intervals
cover what they state (docs/coverage.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from rliable import metrics

from bench.analysis.resampling import Tasks
from bench.records import Floats, Interval

NAMES = ("aggregate_iqm", "aggregate_mean", "aggregate_median", "aggregate_optimality_gap")


def estimates(tasks: Tasks) -> dict[str, Interval]:
    """Return each of rliable's aggregates without limits; none where environments have unequal numbers of runs."""
    scores = _matrix(tasks)
    return {} if scores is None else {name: Interval(float(getattr(metrics, name)(scores))) for name in NAMES}


def intervals(tasks: Tasks, rng: np.random.Generator, confidence: float, resamples: int) -> dict[str, Interval]:
    """Return each of rliable's aggregates with its percentile interval, where runs are resampled per environment.

    Args:
        tasks: per environment the scores of its runs.
        rng: one number is drawn from it: rliable itself draws from NumPy's global generator, whatever it is given.
        confidence: share of repetitions in which the interval shall cover.
        resamples: rliable's own default is 50,000.

    Returns:
        None of them where environments have unequal numbers of runs, which rliable cannot take; no limits for one run.
    """
    scores = _matrix(tasks)
    if scores is None or len(scores) == 1:
        return estimates(tasks)
    from rliable import library  # noqa: PLC0415 - arch and statsmodels take seconds, and only this asks for them

    with _global_generator(int(rng.integers(2**32))):
        points, limits = library.get_interval_estimates(
            {"": scores}, _all, reps=resamples, confidence_interval_size=confidence
        )
    found = zip(NAMES, points[""], *limits[""], strict=True)
    return {name: Interval(float(point), float(low), float(high)) for name, point, low, high in found}


def _all(scores: NDArray[np.float64]) -> Floats:
    return np.array([getattr(metrics, name)(scores) for name in NAMES])


def _matrix(tasks: Tasks) -> NDArray[np.float64] | None:
    """Return (runs, environments), as rliable wants it."""
    return np.column_stack(tasks) if len({len(task) for task in tasks}) == 1 else None


@contextmanager
def _global_generator(seed: int) -> Iterator[None]:
    """Seed NumPy's global generator, and put it back afterwards."""
    kept = np.random.get_state(legacy=False)  # noqa: NPY002 - rliable draws from it
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(kept)  # noqa: NPY002
