"""Simulated suites in, the measured coverage of the intervals out, as a Markdown table.

Seven shapes of final scores, each environment with its own level and spread: normal; left-skewed; bimodal (30 % of the
seeds fail); ceiling (31 to 79 % of the runs at 1); heavy (t with 2 degrees of freedom); scales (log-normal, medians
0.1 to 10); mixed (another shape in each environment). The truth is the interquartile mean of the mixture of the
environments' distributions, from half a million draws.

    nice -n 19 python benchmarks/coverage.py --data-sets 400 --resamples 1000
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bench.analysis.interval import interquartile_mean, iqm_draws, iqm_interval, resample_counts

Floats = NDArray[np.float64]
Sampler = Callable[[np.random.Generator, int], Floats]
TASKS, RUNS = (1, 2, 3, 5), (4, 5, 10)
SEED = 20_261
TRUTH_DRAWS = 500_000


@dataclass(frozen=True, slots=True)
class Measured:
    """One shape, number of environments and number of runs."""

    shape: str
    tasks: int
    runs: int
    stretched: float
    """Share of the data sets with an interval whose interval holds the truth."""
    percentile: float
    """The same for the plain percentile bootstrap of the same estimate, over all data sets."""
    without: float
    """Share of the data sets without an interval: every run equal, or no resample that differs."""


def normal(level: float, spread: float, rng: np.random.Generator, n: int) -> Floats:
    """Draw normal scores."""
    return rng.normal(level, spread, n)


def skewed(level: float, spread: float, rng: np.random.Generator, n: int) -> Floats:
    """Draw scores with a long tail to the left."""
    return level + spread * (1 - rng.exponential(size=n))


def bimodal(level: float, spread: float, rng: np.random.Generator, n: int) -> Floats:
    """Draw scores of which three in ten lie near 0."""
    failed = rng.random(n) < 0.3  # noqa: PLR2004 - the shape's own number
    return np.where(failed, rng.normal(0.05, spread / 4, n), rng.normal(level, spread / 2, n))


def ceiling(level: float, spread: float, rng: np.random.Generator, n: int) -> Floats:
    """Draw scores cut off at 1: between 31 and 79 % of them are exactly 1."""
    return np.minimum(rng.normal(1 + (level - 0.68) * spread / 0.16, spread, n), 1.0)


def heavy(level: float, spread: float, rng: np.random.Generator, n: int) -> Floats:
    """Draw scores from Student's t with two degrees of freedom."""
    return level + 0.5 * spread * rng.standard_t(2, n)


def scales(level: float, spread: float, rng: np.random.Generator, n: int) -> Floats:
    """Draw log-normal scores whose median depends strongly on the environment."""
    median = 10 ** ((level - 0.7) / 0.1)
    return median * np.exp(4 * spread * rng.normal(size=n))


SHAPES = {one.__name__: one for one in (normal, skewed, bimodal, ceiling, heavy, scales)}


def samplers(shape: str, tasks: int) -> list[Sampler]:
    """Return one sampler per environment; levels from 0.60 to 0.81 and spreads from 0.05 to 0.20 differ."""
    levels = np.linspace(0.60, 0.81, tasks) if tasks > 1 else np.array([0.68])
    spreads = np.linspace(0.05, 0.20, tasks)[::-1] if tasks > 1 else np.array([0.12])
    cycle = ["bimodal", "ceiling", "heavy", "skewed", "normal"]
    names = [cycle[task % len(cycle)] if shape == "mixed" else shape for task in range(tasks)]
    return [
        partial(SHAPES[name], float(level), float(spread))
        for name, level, spread in zip(names, levels, spreads, strict=True)
    ]


def measure(shape: str, tasks: int, data_sets: int, resamples: int) -> list[Measured]:
    """Simulate one shape on so many environments, for every number of runs; the stream depends on the pair alone."""
    rng = np.random.default_rng([SEED, [*SHAPES, "mixed"].index(shape), tasks])
    draw = samplers(shape, tasks)
    truth = interquartile_mean([one(rng, TRUTH_DRAWS // tasks) for one in draw])
    return [_covered(shape, draw, truth, runs, data_sets, resamples, rng) for runs in RUNS]


def _covered(
    shape: str,
    draw: Sequence[Sampler],
    truth: float,
    runs: int,
    data_sets: int,
    resamples: int,
    rng: np.random.Generator,
) -> Measured:
    held = percentile = intervals = 0
    for _ in range(data_sets):
        scores = [one(rng, runs) for one in draw]
        counts = [resample_counts(runs, resamples, rng) for _ in draw]
        found = iqm_interval(scores, counts)
        if found.low is not None and found.high is not None:
            intervals += 1
            held += found.low <= truth <= found.high
        low, high = np.quantile(iqm_draws(scores, counts), [0.025, 0.975])
        percentile += bool(low <= truth <= high)
    missing = 1 - intervals / data_sets
    return Measured(shape, len(draw), runs, held / max(intervals, 1), percentile / data_sets, missing)


def table(found: Sequence[Measured]) -> Iterator[str]:
    """Yield a Markdown table: a row per number of environments and runs, a column per shape, then the means."""
    shapes = list(dict.fromkeys(one.shape for one in found))
    yield f"| environments | runs | {' | '.join(shapes)} | mean | percentile bootstrap, mean (lowest) |"
    yield f"| ---: | ---: | {' | '.join('---:' for _ in shapes)} | ---: | ---: |"
    for tasks, runs in dict.fromkeys((one.tasks, one.runs) for one in found):
        row = [one for one in found if (one.tasks, one.runs) == (tasks, runs)]
        cells = " | ".join(_cell(one) for one in row)
        mean = np.mean([one.stretched for one in row])
        plain = [one.percentile for one in row]
        yield f"| {tasks} | {runs} | {cells} | {100 * mean:.1f} | {100 * np.mean(plain):.1f} ({100 * min(plain):.0f}) |"


def _cell(one: Measured) -> str:
    missing = f" ({100 * one.without:.0f} without)" if one.without >= 0.005 else ""  # noqa: PLR2004 - half a per cent
    return f"{100 * one.stretched:.1f}{missing}"


def main() -> None:
    """Measure every combination and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-sets", type=int, default=1000, help="simulated suites per cell (default 1000)")
    parser.add_argument("--resamples", type=int, default=2000, help="bootstrap resamples of each (default 2000)")
    parser.add_argument("--workers", type=int, default=1, help="processes (default 1)")
    chosen = parser.parse_args()
    pairs = [(shape, tasks) for tasks in TASKS for shape in (*SHAPES, "mixed")]
    one = partial(_measure, data_sets=chosen.data_sets, resamples=chosen.resamples)
    with ProcessPoolExecutor(chosen.workers) as pool:
        found = [cell for cells in pool.map(one, pairs) for cell in cells]
    print("\n".join(table(sorted(found, key=lambda cell: (cell.tasks, cell.runs)))))


def _measure(pair: tuple[str, int], *, data_sets: int, resamples: int) -> list[Measured]:
    return measure(*pair, data_sets, resamples)


if __name__ == "__main__":
    main()
