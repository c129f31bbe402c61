"""Many short trials on two workers, against the same trials through RL Zoo, one process each, two at a time.

Both sides train PPO with RL Zoo's own CartPole settings, without evaluations. RL Zoo starts an interpreter and imports
torch for every trial; the harness imports once. Needs the extra `zoo`, here or in an environment of its own (RL Zoo's
requirements and constraints.txt do not agree on everything).

    python benchmarks/throughput.py --trials 20 --rounds 3 --zoo path/to/python
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

WORKERS = 2
STEPS = 5_120
PINNED = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def run(python: str, words: list[str]) -> None:
    """Run a Python module with one thread."""
    subprocess.run([python, "-m", *words], check=True, capture_output=True, env={**os.environ, **PINNED})


def zoo(python: str, trials: int, steps: int) -> float:
    """Return the wall seconds of RL Zoo's training command, once per seed, two at a time."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(WORKERS) as pool:
        # A negative interval switches RL Zoo's evaluations off.
        words = f"rl_zoo3.train --algo ppo --env CartPole-v1 -n {steps} --eval-freq -1 --device cpu --verbose 0".split()
        start = time.perf_counter()
        list(pool.map(lambda seed: run(python, [*words, "--seed", str(seed), "-f", f"{folder}/{seed}"]), range(trials)))
        return time.perf_counter() - start


def harness(trials: int, steps: int) -> float:
    """Return the wall seconds of `bench run`, its single evaluation episodes included."""
    with tempfile.TemporaryDirectory() as folder:
        suite = Path(folder, "throughput.yaml")
        suite.write_text(
            json.dumps(
                {
                    "name": "throughput",
                    "seeds": trials,
                    "evaluation": {"points": 1, "episodes": 1, "final_episodes": 1},
                    "hyperparameters": "rl-zoo",
                    "algorithms": ["ppo"],
                    "environments": {"CartPole-v1": {"steps": steps}},
                }
            )
        )
        words = ["run", str(suite), "--results", folder, "--workers", str(WORKERS), "--no-report", "--quiet"]
        start = time.perf_counter()
        run(sys.executable, ["bench.cli", *words])
        return time.perf_counter() - start


def main() -> None:
    """Time both sides in turn and print a table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--trials", type=int, default=20)
    options.add_argument("--steps", type=int, default=STEPS)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--zoo", default=sys.executable, help="the Python that has rl_zoo3")
    given = options.parse_args()
    ratios = []
    print("| round | RL Zoo, trials/min | bench, trials/min | ratio |\n| --- | --- | --- | --- |")
    for round_ in range(1, given.rounds + 1):
        theirs, ours = zoo(given.zoo, given.trials, given.steps), harness(given.trials, given.steps)
        ratios.append(theirs / ours)
        print(
            f"| {round_} | {60 * given.trials / theirs:.1f} | {60 * given.trials / ours:.1f} | {ratios[-1]:.2f} |",
            flush=True,
        )
    print(f"\nmedian ratio {median(ratios):.2f}")


if __name__ == "__main__":
    main()
