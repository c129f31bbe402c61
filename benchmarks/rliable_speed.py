"""The same scores to rliable and to the harness, the seconds of each and their ratio out, as a Markdown table.

The interval of the interquartile mean of 5 algorithms on 5 environments with 10 runs each, of the final scores and at
20 points of a curve: by `rliable.library.get_interval_estimates` (percentile bootstrap) and by the harness (the same
resampling, and the stretched limits), with the same number of resamples, side by side in every round. rliable's own
default is 50,000; both times grow in proportion, so that fewer show the same ratio sooner. Processor seconds of one
thread.

    nice -n 10 python benchmarks/rliable_speed.py                        # 2,000 resamples, about a minute
    nice -n 10 python benchmarks/rliable_speed.py --resamples 50000 --rounds 1
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # Before numpy is imported: the one moment at which it is read.

import argparse
import time
from collections.abc import Callable, Iterator
from statistics import median

import numpy as np
from rliable import library, metrics

from bench.analysis.interval import iqm_band, iqm_interval
from bench.analysis.resampling import resample_counts
from bench.records import Floats

Scores = dict[str, Floats]
"""Algorithm -> (runs, environments) or (runs, environments, points)."""
ALGORITHMS, RUNS, ENVIRONMENTS, POINTS = 5, 10, 5, 20


def by_rliable(scores: Scores, resamples: int) -> None:
    """Estimate as rliable's documentation shows, curves included."""

    def final(values: Floats) -> Floats:
        return np.array([metrics.aggregate_iqm(values)])

    def curve(values: Floats) -> Floats:
        return np.array([metrics.aggregate_iqm(values[..., point]) for point in range(values.shape[-1])])

    aggregate = curve if next(iter(scores.values())).ndim > 2 else final  # noqa: PLR2004 - a third axis: points
    library.get_interval_estimates(scores, aggregate, reps=resamples)


def by_harness(scores: Scores, resamples: int) -> None:
    """Estimate as the harness does; drawing the resamples counts."""
    rng = np.random.default_rng(0)
    for values in scores.values():
        counts = [resample_counts(RUNS, resamples, rng) for _ in range(ENVIRONMENTS)]
        columns = [values[:, environment] for environment in range(ENVIRONMENTS)]
        if values.ndim == 2:  # noqa: PLR2004 - runs and environments
            iqm_interval(columns, counts)
        else:
            iqm_band(columns, counts)


def seconds(work: Callable[[Scores, int], None], scores: Scores, resamples: int) -> float:
    """Return the processor seconds it takes."""
    start = time.process_time()
    work(scores, resamples)
    return time.process_time() - start


def table(resamples: int, rounds: int) -> Iterator[str]:
    """Yield a line per round and kind of work, then the medians."""
    rng = np.random.default_rng(1)
    shapes = {"final scores": (RUNS, ENVIRONMENTS), f"{POINTS} points": (RUNS, ENVIRONMENTS, POINTS)}
    yield "| work | round | rliable, s | harness, s | ratio |"
    yield "| --- | --- | ---: | ---: | ---: |"
    for name, shape in shapes.items():
        scores = {f"algorithm {k}": rng.normal(0.7, 0.2, shape) for k in range(ALGORITHMS)}
        seconds(by_harness, scores, 10)
        seconds(by_rliable, scores, 10)
        found = [
            (seconds(by_rliable, scores, resamples), seconds(by_harness, scores, resamples)) for _ in range(rounds)
        ]
        for number, (theirs, ours) in enumerate(found, 1):
            yield f"| {name} | {number} | {theirs:.2f} | {ours:.4f} | {theirs / ours:.0f} |"
        theirs, ours = (median(one[side] for one in found) for side in (0, 1))
        ratio = median(one[0] / one[1] for one in found)
        yield f"| **{name}** | median | **{theirs:.2f}** | **{ours:.4f}** | **{ratio:.0f}** |"


def main() -> None:
    """Time both and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resamples", type=int, default=2000, help="bootstrap resamples of each (default 2000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default 3)")
    chosen = parser.parse_args()
    for line in table(chosen.resamples, chosen.rounds):
        print(line, flush=True)


if __name__ == "__main__":
    main()
