"""What the harness adds to training: the same trials bare and through `bench run` on one worker, in turn.

The bare side is one process that loops over stable-baselines3's `learn`. Both sides train the same steps with the same
settings, start-up included; the harness evaluates as little as it can, and the evaluation time that it recorded is
taken off. Quoted is the ratio within pairs: single times drift with whatever else the machine does.

    python benchmarks/overhead.py --rounds 5
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ENVIRONMENT = "CartPole-v1"
# A whole number of rollouts for every algorithm here, so that both sides learn from every step.
STEPS = 40_960
ALGORITHMS = {
    "PPO": {"n_envs": 8, "n_steps": 256, "batch_size": 256},
    "A2C": {"n_envs": 8},
    "DQN": {"learning_starts": 1000},
}
BARE = """
import json, sys, torch, stable_baselines3
from stable_baselines3.common.env_util import make_vec_env
torch.set_num_threads(1)
algorithms, environment, steps, seeds = json.loads(sys.argv[1])
for name, settings in algorithms.items():
    for seed in range(seeds):
        rest = {key: value for key, value in settings.items() if key != "n_envs"}
        # Without the checker, which would look at every step: the harness makes its environments so, too.
        env = make_vec_env(environment, settings.get("n_envs", 1), seed, env_kwargs={"disable_env_checker": True})
        getattr(stable_baselines3, name)("MlpPolicy", env, seed=seed, device="cpu", **rest).learn(steps)
"""
PINNED = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def wall_seconds(words: list[str]) -> float:
    """Run a command and return how long it took."""
    start = time.perf_counter()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, env={**os.environ, **PINNED})
    return time.perf_counter() - start


def bare(seeds: int) -> float:
    """Return the wall seconds of the loop over `learn`."""
    return wall_seconds([sys.executable, "-c", BARE, json.dumps([ALGORITHMS, ENVIRONMENT, STEPS, seeds])])


def harness(seeds: int) -> float:
    """Return the wall seconds of `bench run` less the seconds it spent on evaluations."""
    with tempfile.TemporaryDirectory() as folder:
        suite = Path(folder, "overhead.yaml")
        suite.write_text(
            json.dumps(
                {
                    "name": "overhead",
                    "seeds": seeds,
                    "evaluation": {"points": 1, "episodes": 1, "final_episodes": 1},
                    "hyperparameters": "default",
                    "algorithms": [{"name": name.lower(), "hyperparameters": s} for name, s in ALGORITHMS.items()],
                    "environments": {ENVIRONMENT: {"steps": STEPS}},
                }
            )
        )
        words = ["run", str(suite), "--results", folder, "--workers", "1", "--no-report", "--quiet"]
        wall = wall_seconds([sys.executable, "-m", "bench.cli", *words])
        records = [json.loads(path.read_text()) for path in Path(folder).glob("*/trials/*/trial.json")]
        if len(records) != seeds * len(ALGORITHMS):
            sys.exit(f"only {len(records)} trials finished")
        return wall - sum(record["timings"]["evaluation"] for record in records)


def main() -> None:
    """Time both sides in turn and print a table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seeds", type=int, default=2)
    given = options.parse_args()
    ratios = []
    print("| round | bare, s | harness without evaluation, s | ratio |\n| --- | --- | --- | --- |")
    for round_ in range(1, given.rounds + 1):
        # Who goes first alternates: what drifts in one direction favours neither.
        first, second = (bare, harness) if round_ % 2 else (harness, bare)
        seconds = {first: first(given.seeds), second: second(given.seeds)}
        ratios.append(seconds[harness] / seconds[bare])
        print(f"| {round_} | {seconds[bare]:.1f} | {seconds[harness]:.1f} | {ratios[-1]:.3f} |", flush=True)
    print(f"\nmedian ratio {median(ratios):.3f}, from {min(ratios):.3f} to {max(ratios):.3f}")


if __name__ == "__main__":
    main()
