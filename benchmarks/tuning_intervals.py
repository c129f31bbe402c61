"""How often the intervals of tuning curves hold the truth, on made-up landscapes of configurations.

python benchmarks/tuning_intervals.py        a minute of one core; docs/tuning.md quotes it
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.records import Floats, Interval
from bench.tune.effort import Landscape, expected_best, fresh_intervals, from_default, limits

CONFIGURATIONS, EXPERIMENTS, TRUTH, DRAWS = 24, 300, 40_000, 2_000
BEST, FRESH, FROM_DEFAULT = (1, 4, 12, 24), (1, 2, 3), (2, 4, 8, 24)
DEFAULT = 0.6
"""What the defaults are worth."""
HALF, FAILING = 0.5, 0.15
RNG = np.random.default_rng(1)
QUALITIES: dict[str, Callable[[tuple[int, ...]], Floats]] = {
    "half learn": lambda size: np.where(RNG.random(size) < HALF, RNG.beta(1, 8, size), RNG.beta(8, 2, size)),
    "few learn": lambda size: RNG.beta(0.4, 2, size),
    "most learn": lambda size: RNG.beta(5, 1.5, size),
    "even": RNG.random,
}
"""What configurations are worth."""


def run(quality: Floats) -> Floats:
    """Return a run of each configuration: noisy, one in seven nearly fails, never beyond 0 and 1."""
    noisy = quality + RNG.normal(0, 0.12, quality.shape)
    return np.clip(np.where(RNG.random(quality.shape) < FAILING, 0.2 * quality, noisy), 0, 1)


def kept(first: Floats, second: Floats) -> Floats:
    """Return the second run of whoever has the best first one, row by row."""
    found: Floats = second[np.arange(len(first)), first.argmax(axis=1)]
    return found


def main() -> None:
    """Print, for every landscape, coverage of 95 % intervals and the error of the curve that starts at the defaults."""
    for name, quality in QUALITIES.items():
        best = {k: float(run(quality((TRUTH, k))).max(axis=1).mean()) for k in BEST}
        pools = {k: quality((TRUTH, k)) for k in FRESH}
        fresh = {k: float(kept(run(pool), run(pool)).mean()) for k, pool in pools.items()}
        beside = {k: np.column_stack([np.full(TRUTH, DEFAULT), quality((TRUTH, k - 1))]) for k in FROM_DEFAULT}
        started = {k: float(kept(run(pool), run(pool)).mean()) for k, pool in beside.items()}
        held = {("A", k): 0 for k in BEST} | {("B", k): 0 for k in FRESH}
        curves = []
        for _ in range(EXPERIMENTS):
            own = np.concatenate([[DEFAULT], quality((CONFIGURATIONS - 1,))])
            landscape = Landscape(np.column_stack([run(own), run(own)]), RNG.random((CONFIGURATIONS, 2)))
            for k, one in zip(FRESH, fresh_intervals(landscape, 0, 1, RNG), strict=False):
                held["B", k] += holds(one, fresh[k])
            scores = run(quality((CONFIGURATIONS,)))
            for k in BEST:
                held["A", k] += holds(best_interval(scores, k), best[k])
            curves.append(from_default(landscape))
        told = ", ".join(f"{curve}({k}) {100 * count / EXPERIMENTS:.0f} %" for (curve, k), count in held.items())
        mean = np.mean([curve for curve in curves if curve is not None], axis=0)
        off = ", ".join(f"B0({k}) {mean[k - 1] - started[k]:+.3f}" for k in FROM_DEFAULT)
        print(f"{name}: {told}; error of the mean {off}")


def best_interval(scores: Floats, k: int) -> Interval:
    """Return the 95 % interval of A(k), which the harness does not show: what the same method does without a choice."""
    ordered, n = np.sort(scores), len(scores)
    places = np.sort(RNG.random((DRAWS, n)), axis=1)
    return Interval(float(expected_best(scores)[k - 1]), *limits(places, k, ordered, (0, 1), 0.95), n)


def holds(interval: Interval, truth: float) -> bool:
    """Return whether the truth lies within."""
    return interval.low is not None and interval.high is not None and interval.low <= truth <= interval.high


if __name__ == "__main__":
    main()
