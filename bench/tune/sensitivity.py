"""Scores of configurations in; how much an algorithm's result depends on its settings, out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np

from bench.analysis.interval import wilson_limits
from bench.records import Floats, Interval, Sensitivity
from bench.tune.effort import Landscape, order

NEAR = 0.1
"""Scores this close to the best count as about as good; runs below it have learned nothing to speak of."""
_PERCENTILES = (5, 95)
_LOWEST, _HIGHEST = 0.025, 0.975
_DRAWS = 2000


def dependence(landscape: Landscape, best: float, noise: float = 0.0) -> Sensitivity:
    """Return how one algorithm depends on its settings.

    Args:
        landscape: of its configurations, the defaults among them.
        best: what the configuration that was kept is worth; the best of the means at hand is too high.
        noise: standard deviation of runs of one configuration. What lies a standard error of its mean further off may
            be as near: without that, the noisier the runs the harder an algorithm would seem to tune.
    """
    means, drawn = landscape.scores.mean(axis=1), landscape.scores[1:]
    error = noise / np.sqrt(landscape.scores.shape[1]) if np.isfinite(noise) else 0.0
    share = float(np.mean(means >= best - NEAR - error))
    low, high = wilson_limits(share, len(means))
    quartiles = np.quantile(drawn, (0.25, 0.75))
    return Sensitivity(
        configurations=len(means),
        near=share,
        low=float(low),
        high=float(high),
        never=float(np.mean(drawn.max(axis=1) < NEAR)),
        spread=float(quartiles[1] - quartiles[0]),
        rank=1 + int(np.sum(means > means[0])),
    )


def hypersensitivity(every: Mapping[str, Floats], rng: np.random.Generator) -> dict[str, Interval]:
    """Return Phi of each algorithm: what settings of its own for every environment gain over the best common setting.

    Adkins, Bowling and White 2024: scores are rescaled in each environment by the 5th and the 95th percentile over all
    algorithms and settings there; Phi is the mean over environments of the best, less the best mean over environments.
    One run chooses and another is reported, both ways: the highest of single runs would be too high, and is, where
    there is one run alone. Of equals each is chosen as often. The interval resamples settings.

    Args:
        every: algorithm -> (environments, settings, runs), the same settings in every environment; all of them.
        rng: for the resamples.
    """
    pooled = [np.concatenate([scores[place].ravel() for scores in every.values()]) for place in _places(every)]
    low, high = np.array([np.percentile(one, _PERCENTILES) for one in pooled]).T
    scale = np.where(high > low, high - low, 1.0)
    found = {}
    for label, scores in every.items():
        scaled = (scores - low[:, None, None]) / scale[:, None, None]
        draws = [phi(scaled[:, rng.integers(scaled.shape[1], size=scaled.shape[1])]) for _ in range(_DRAWS)]
        limits = np.quantile(draws, (_LOWEST, _HIGHEST))
        found[label] = Interval(phi(scaled), float(limits[0]), float(limits[1]), scaled.shape[1])
    return found


def phi(scaled: Floats) -> float:
    """Return the gain of settings per environment over the best common one, from (environments, settings, runs)."""
    gains = []
    for one, other in [*permutations(range(scaled.shape[2]), 2)] or [(0, 0)]:
        chosen, told = scaled[:, :, one], scaled[:, :, other]
        own = np.mean([_told(mine, its) for mine, its in zip(chosen, told, strict=True)])
        gains.append(own - _told(chosen.mean(axis=0), told.mean(axis=0)))
    return float(np.mean(gains))


def _told(chosen: Floats, told: Floats) -> float:
    """Return what is told of the best by what chooses, the mean of those that are equally good."""
    return float(told[chosen == chosen.max()].mean())


def halved(landscape: Landscape, rates: Sequence[float | None]) -> Landscape:
    """Return the configurations whose learning rate lies in the middle half of its range, and the defaults.

    Args:
        landscape: of all.
        rates: where each learning rate lies in its range, from 0 to 1; None for the defaults.
    """
    kept = [rate is None or in_half(rate) for rate in rates]
    return replace(landscape, scores=landscape.scores[kept], areas=landscape.areas[kept])


def in_half(rate: float) -> bool:
    """Return whether a learning rate, as its place in the range from 0 to 1, lies in the middle half."""
    return 1 / 4 <= rate < 3 / 4


def best_first(landscape: Landscape) -> list[int]:
    """Return the configurations by their first run, the best first; of equals the one with the lower number."""
    ranks = order(landscape.scores[:, 0], landscape.areas[:, 0])
    return sorted(range(len(ranks)), key=lambda number: (-ranks[number], number))


def _places(every: Mapping[str, Any]) -> range:
    return range(len(next(iter(every.values()))))
