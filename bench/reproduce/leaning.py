"""Verdicts on the single runs of a published table in, whether they lean to one side out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.analysis.published import FEWEST_AGAINST_ONE
from bench.records import PublishedVerdict
from bench.reproduce.records import Leaning

_FEWEST_NUMBERS = 5
_THEIRS = -1
"""Stands for the published run among our seeds."""
_DRAWS = 20_000
_TOLERANCE = 1e-9
"""Sums of the same terms in another order count as equal."""


def leaning(lines: Sequence[PublishedVerdict], rng: np.random.Generator, draws: int = _DRAWS) -> Leaning | None:
    """Return whether the single published runs of a table lean to one side; None for fewer than five.

    Each number's verdict asks whether one run is plausible; this asks it of all together. Under the hypothesis that
    nothing sets the published run apart, each of a number's n + 1 runs could have been it with the same chance. Runs of
    one seed are drawn together for all algorithms of an environment: ours share their evaluation episodes, and so do
    the published ones, which makes their luck alike.

    Args:
        lines: the numbers with their verdicts.
        rng: for the draws behind the p-value.
        draws: how many; its level is exact with any number.
    """
    judged = [line for line in lines if line.published_runs == 1 and line.n >= FEWEST_AGAINST_ONE and line.values]
    if len(judged) < _FEWEST_NUMBERS:
        return None
    places: dict[str, list[PublishedVerdict]] = {}
    for line in judged:
        places.setdefault(line.environment, []).append(line)
    null, found = np.zeros(draws), dict[str, list[float]]()
    for place, mine in places.items():
        seeds = sorted({_THEIRS}.union(*(line.seeds for line in mine)))
        # Who comes first in a random order of all seeds of the environment is the published run.
        order = rng.random((draws, len(seeds)))
        for line in mine:
            runs = np.array([line.published, *line.values])
            below = np.mean(np.sign(runs[:, None] - runs[None, :]), axis=1) * len(runs) / (len(runs) - 1)
            null += below[np.argmin(order[:, [seeds.index(seed) for seed in (_THEIRS, *line.seeds)]], axis=1)]
            found.setdefault(place, []).append(float(below[0]))
    observed = sum(map(sum, found.values()))
    beyond = int(np.sum(np.abs(null) >= abs(observed) - _TOLERANCE))
    shares = {place: 0.5 + float(np.mean(values)) / 2 for place, values in found.items()}
    return Leaning(len(judged), 0.5 + observed / len(judged) / 2, (1 + beyond) / (1 + draws), shares)
