"""Scored cells of the complete learning algorithms in, who comes first and how firmly out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bench.analysis.interval import Counts, Tasks, interquartile_mean, iqm_draws, satterthwaite_df
from bench.analysis.scores import Cell, Run

Floats = NDArray[np.float64]
Field = Mapping[str, Sequence[Cell]]
"""Label -> its scored cells, the same environments in the same order for every label."""
_Estimator = Callable[[Tasks], float]


@dataclass(frozen=True, slots=True)
class Robustness:
    """In how many re-analyses the same algorithm comes first."""

    first: str
    holds: int
    of: int


def probability_best(
    field: Field, counts: Mapping[str, Counts], streams: Mapping[str, np.random.Generator]
) -> dict[str, float]:
    """Return each algorithm's share of bootstrap draws in which its IQM is the largest; ties are split.

    The draws' distances from the estimate are stretched by sqrt(n/(n-1)) and by the square root of nu / chi2_nu, so
    that few runs do not look surer than they are. A share under a flat prior, not evidence. Empty with fewer than two
    algorithms, or where one has a single run.
    """
    if len(field) <= 1 or min(len(cell.runs) for cells in field.values() for cell in cells) <= 1:
        return {}
    draws = np.stack([_inflated(cells, counts[label], streams[label]) for label, cells in field.items()])
    winners = draws == draws.max(axis=0)
    shares = (winners / winners.sum(axis=0)).mean(axis=1)
    return {label: float(share) for label, share in zip(field, shares, strict=True)}


def robustness(field: Field) -> Robustness | None:
    """Return whether the first place survives other choices; None with fewer than two algorithms.

    The choices: each environment left out, each seed left out, the other metric, failed trials dropped, mean for IQM.
    """
    if len(field) <= 1:
        return None
    first = _first(field, interquartile_mean)
    again = [_first(other, estimator) for other, estimator in _variations(field)]
    return Robustness(first, sum(label == first for label in again), len(again))


def _inflated(cells: Sequence[Cell], counts: Counts, rng: np.random.Generator) -> Floats:
    tasks = [cell.scores for cell in cells]
    estimate, df = interquartile_mean(tasks), satterthwaite_df(tasks)
    draws = iqm_draws(tasks, counts)
    n = min(len(task) for task in tasks)
    scale = math.sqrt(n / (n - 1)) * np.sqrt(df / rng.chisquare(df, size=len(draws)))
    return np.asarray(estimate + (draws - estimate) * scale)


def _first(field: Field, estimator: _Estimator) -> str:
    values = {label: estimator([cell.scores for cell in cells]) for label, cells in field.items()}
    return max(values, key=values.__getitem__)


def _mean(tasks: Tasks) -> float:
    return float(np.mean([np.mean(task) for task in tasks]))


def _variations(field: Field) -> Iterator[tuple[Field, _Estimator]]:
    """Yield every re-analysis that leaves no cell empty and changes something."""
    environments = len(next(iter(field.values())))
    for left_out in range(environments if environments > 1 else 0):
        yield {label: [*cells[:left_out], *cells[left_out + 1 :]] for label, cells in field.items()}, interquartile_mean
    seeds = sorted({run.entry.trial.seed for cells in field.values() for cell in cells for run in cell.runs})
    for seed in seeds:
        yield from _filtered(field, partial(_is_not, seed))
    if any(run.record is None for cells in field.values() for cell in cells for run in cell.runs):
        yield from _filtered(field, lambda run: run.record is not None)
    metric = "auc" if next(iter(field.values()))[0].metric == "final" else "final"
    if all(len(cell.values(metric)) for cells in field.values() for cell in cells):
        yield (
            {label: [replace(cell, metric=metric) for cell in cells] for label, cells in field.items()},
            (interquartile_mean),
        )
    yield field, _mean


def _is_not(seed: int, run: Run) -> bool:
    return run.entry.trial.seed != seed


def _filtered(field: Field, keep: Callable[[Run], bool]) -> Iterator[tuple[Field, _Estimator]]:
    kept = {
        label: [replace(cell, runs=tuple(filter(keep, cell.runs))) for cell in cells] for label, cells in field.items()
    }
    if all(cell.runs for cells in kept.values() for cell in cells):
        yield kept, interquartile_mean
