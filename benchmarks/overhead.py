"""What the harness adds to training: the same trials bare and through `bench run` on one worker, in turn.

The bare side is one process that loops over stable-baselines3's `learn`. Both sides train the same steps with the same
settings; the harness evaluates as little as it can, and the evaluation time that it recorded is taken off. Each side
also runs the same trials with next to no steps: that is its start-up, once per run and not per step, and it is shown
apart. Quoted are the ratios within pairs, in wall seconds and in CPU seconds of all processes: single times drift with
whatever else the machine does.

    python benchmarks/overhead.py --rounds 5
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ENVIRONMENT = "CartPole-v1"
# A whole number of rollouts for every algorithm here, so that both sides learn from every step.
STEPS, FEW = 20_480, 2_048
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
PR_SET_CHILD_SUBREAPER = 36
PINNED = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Seconds:
    """What a command took, all its processes together."""

    wall: float
    cpu: float


def timed(words: list[str]) -> Seconds:
    """Run a command; return its wall seconds, and the CPU seconds of it and all its descendants."""
    before, start = _children_cpu(), time.perf_counter()
    subprocess.run(
        words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **PINNED}
    )
    wall = time.perf_counter() - start
    # The fork server outlives its parent for a moment and is handed to us; only who is waited for is counted.
    with suppress(ChildProcessError):
        while True:
            os.wait()
    return Seconds(wall, _children_cpu() - before)


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def bare(seeds: int, steps: int) -> Seconds:
    """Return what the loop over `learn` took."""
    return timed([sys.executable, "-c", BARE, json.dumps([ALGORITHMS, ENVIRONMENT, steps, seeds])])


def harness(seeds: int, steps: int) -> Seconds:
    """Return what `bench run` took, less what it spent on evaluations."""
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
                    "environments": {ENVIRONMENT: {"steps": steps}},
                }
            )
        )
        words = ["run", str(suite), "--results", folder, "--workers", "1", "--no-report", "--quiet"]
        whole = timed([sys.executable, "-m", "bench.cli", *words])
        records = [json.loads(path.read_text()) for path in Path(folder).glob("*/trials/*/trial.json")]
        if len(records) != seeds * len(ALGORITHMS):
            sys.exit(f"only {len(records)} trials finished")
        wall, cpu = (sum(record["timings"][name] for record in records) for name in ("evaluation", "evaluation_cpu"))
        return Seconds(whole.wall - wall, whole.cpu - cpu)


def main() -> None:
    """Time both sides in turn and print a table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seeds", type=int, default=2)
    given = options.parse_args()
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    walls, cpus, starts = [], [], []
    print("| round | bare: training, s | harness: training, s | ratio of wall | of CPU | start-up: bare, harness, s |")
    print("| --- | --- | --- | --- | --- | --- |")
    for round_ in range(1, given.rounds + 1):
        # Who goes first alternates: what drifts in one direction favours neither.
        sides = (bare, harness) if round_ % 2 else (harness, bare)
        took = {side: (side(given.seeds, FEW), side(given.seeds, STEPS)) for side in sides}
        (few, theirs), (our_few, ours) = took[bare], took[harness]
        walls.append((ours.wall - our_few.wall) / (theirs.wall - few.wall))
        cpus.append((ours.cpu - our_few.cpu) / (theirs.cpu - few.cpu))
        # A tenth of the steps trains for about a tenth of the time; the rest is start-up.
        share = FEW / (STEPS - FEW)
        start, our_start = (
            few.wall - share * (theirs.wall - few.wall),
            our_few.wall - share * (ours.wall - our_few.wall),
        )
        starts.append(our_start - start)
        row = f"{theirs.wall - few.wall:.1f} | {ours.wall - our_few.wall:.1f} | {walls[-1]:.3f} | {cpus[-1]:.3f}"
        print(f"| {round_} | {row} | {start:.1f}, {our_start:.1f} |", flush=True)
    for name, ratios in (("wall", walls), ("CPU", cpus)):
        print(f"{name}: median ratio {median(ratios):.3f}, from {min(ratios):.3f} to {max(ratios):.3f}")
    print(f"start-up of a whole run: {median(starts):+.1f} s")


if __name__ == "__main__":
    main()
