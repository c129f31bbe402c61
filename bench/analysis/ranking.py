"""Several algorithms' scores in, how likely each is the best and what choosing it would cost out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from bench.analysis.aggregate import MEAN, estimates, resampled
from bench.analysis.resampling import Columns, Counts, Tasks, columns_of
from bench.records import Floats

Race = Mapping[str, Tasks]
"""Label -> one (runs,) array per environment, the same environments in the same order for every label."""
_DIGITS = 9
"""Decimals that tell two scores apart: what differs by less differs by rounding."""


def inflated_band(columns: Columns, counts: Counts, rng: np.random.Generator, decide: str) -> tuple[Floats, Floats]:
    """Return an aggregate of every column, and bootstrap draws of it that do not let few runs look surer than they are.

    The distances from the estimate are stretched by sqrt(n/(n-1)) and by the square root of nu / chi2_nu.

    Args:
        columns: per environment (runs, columns).
        counts: per environment (runs, resamples).
        rng: for the chi-squared variables.
        decide: which aggregate, see `bench.analysis.aggregate`.

    Returns:
        (columns,) and (columns, resamples).
    """
    n = min(map(len, columns))
    if decide == MEAN:
        found = estimates(columns, MEAN)
        means = [column.T @ drawn / len(column) for column, drawn in zip(columns, counts, strict=True)]
        distances, df = np.mean(means, axis=0) - found[:, np.newaxis], np.full(len(found), n - 1.0)
    else:
        one = resampled(columns, counts, decide)
        found, distances, df = one.estimates, one.moved, one.df
    distances *= _stretch(df[:, np.newaxis], distances.shape[1], n, rng)
    return found, found[:, np.newaxis] + distances


def inflated_draws(tasks: Tasks, counts: Counts, rng: np.random.Generator, decide: str) -> Floats:
    """(resamples,) as `inflated_band`, for one column."""
    _, drawn = inflated_band(columns_of(tasks), counts, rng, decide)
    return np.asarray(drawn[0])


def shares_best(draws: Mapping[str, Floats]) -> dict[str, float]:
    """Return each algorithm's share of draws in which its value is the largest; ties are split.

    A share under a flat prior, not evidence.
    """
    values = np.round(np.stack(list(draws.values())), _DIGITS)
    winners = values == values.max(axis=0)
    shares = (winners / winners.sum(axis=0)).mean(axis=1)
    return {label: float(share) for label, share in zip(draws, shares, strict=True)}


def regrets(draws: Mapping[str, Floats]) -> dict[str, float]:
    """Return each algorithm's expected regret: by how much the best of each draw exceeds it, on average."""
    best = np.max(np.stack(list(draws.values())), axis=0)
    return {label: float(np.mean(best - values)) for label, values in draws.items()}


def race_draws(
    race: Race,
    counts: Mapping[str, Counts],
    stream: Callable[[str], np.random.Generator],
    decide: str,
    top: float | None = None,
) -> dict[str, Floats]:
    """Return every algorithm's draws; empty with fewer than two algorithms, or where one has a single run.

    Args:
        race: scores.
        counts: label -> per environment (runs, resamples).
        stream: label -> generator.
        decide: the aggregate that is drawn.
        top: the largest value there can be; None where it is not known.
    """
    if len(race) <= 1 or min(len(task) for tasks in race.values() for task in tasks) <= 1:
        return {}
    drawn = {label: inflated_draws(tasks, counts[label], stream(label), decide) for label, tasks in race.items()}
    return {label: capped(values, top) for label, values in drawn.items()}


def capped(draws: Floats, top: float | None) -> Floats:
    """Return draws none of which is larger than the largest value there can be."""
    return draws if top is None else np.minimum(draws, top)


def order(
    values: Mapping[str, float], regret: Mapping[str, float] | None = None, best: Mapping[str, float] | None = None
) -> Sequence[str]:
    """Return the labels, largest value first; of equal ones the smaller regret, then the likelier to be best.

    What is equal in all of them keeps its order.
    """
    regret, best = regret or {}, best or {}

    def place(label: str) -> tuple[float, ...]:
        return rounded(-values[label]), rounded(regret.get(label, 0.0)), rounded(-best.get(label, 0.0))

    return sorted(values, key=place)


def rounded(value: float) -> float:
    """Return a value such that those which rounding alone tells apart are equal."""
    return round(value, _DIGITS)


def _stretch(df: Floats | float, resamples: int, n: int, rng: np.random.Generator) -> Floats:
    size = (*np.shape(df)[:1], resamples)
    return np.asarray(math.sqrt(n / (n - 1)) * np.sqrt(df / rng.chisquare(df, size=size)))
