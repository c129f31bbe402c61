"""SIGKILL to a worker or to the runner at random moments, again and again; then the run is finished and compared.

Prints what was killed when, and whether the final results equal those of an undisturbed run, number by number (all but
clocks, memory and attempts). Exit code 1 when they do not.

    python benchmarks/kills.py --kills 20 --seed 0
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

SUITE = """
name: kills
seeds: 6
evaluation: {points: 4, episodes: 3, final_episodes: 10}
hyperparameters: rl-zoo
algorithms: [a2c, ppo, dqn, reinforce]
environments:
  CartPole-v1: {steps: 4_000}
"""
TRIALS = 24


def start(suite: Path, results: Path, *more: str) -> subprocess.Popen[bytes]:
    """Start `bench run`."""
    words = ["run", str(suite), "--results", str(results), "--no-report", "--quiet", "--workers", "2", *more]
    return subprocess.Popen(
        [sys.executable, "-m", "bench.cli", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def victims(runner: psutil.Process) -> list[psutil.Process]:
    """Return the processes below the runner that train: those holding a lock on a trial's folder."""
    found = []
    try:
        below = runner.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    for process in below:
        try:
            if any(file.path.endswith("/lock") for file in process.open_files()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def numbers(results: Path) -> dict[str, Any]:
    """Return what a trial's definition determines, by trial."""
    found = {}
    for path in results.glob("kills/trials/*/trial.json"):
        record = json.loads(path.read_text())
        curve = {name: row for name, row in record["curve"].items() if name not in ("seconds", "cpu_seconds")}
        found[path.parent.name] = (record["final"], curve)
    return found


def main() -> int:
    """Kill, finish, compare."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kills", type=int, default=20)
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    rng = np.random.default_rng(given.seed)
    with tempfile.TemporaryDirectory() as folder:
        suite = Path(folder, "kills.yaml")
        suite.write_text(SUITE)
        disturbed, quiet = Path(folder, "disturbed"), Path(folder, "quiet")
        start(suite, quiet).wait()
        killed = {"worker": 0, "runner": 0}
        run = start(suite, disturbed)
        while sum(killed.values()) < given.kills:
            # From the first trial at work on: killing what is still importing would prove little.
            while run.poll() is None and not victims(psutil.Process(run.pid)):
                time.sleep(0.05)
            time.sleep(rng.exponential(2.0))
            if run.poll() is not None:
                # Done before all kills were dealt: half of the trials are taken away, so that there is work again.
                for path in list(disturbed.glob("kills/trials/*/trial.json"))[: TRIALS // 2]:
                    path.unlink()
                run = start(suite, disturbed, "--retry-failed")
                continue
            workers = victims(psutil.Process(run.pid))
            if workers and rng.random() < 0.5:  # noqa: PLR2004 - a fair coin
                workers[int(rng.integers(len(workers)))].kill()
                killed["worker"] += 1
            else:
                run.kill()
                run.wait()
                killed["runner"] += 1
                run = start(suite, disturbed, "--retry-failed")
            print(f"{sum(killed.values())}: {killed}, {len(numbers(disturbed))} of {TRIALS} done", flush=True)
        run.wait()
        code = start(suite, disturbed, "--retry-failed").wait()
        same = numbers(disturbed) == numbers(quiet)
        print(f"{killed} killed; finished with exit code {code}; {len(numbers(quiet))} trials, identical: {same}")
        return 0 if same and code == 0 and len(numbers(quiet)) == TRIALS else 1


if __name__ == "__main__":
    sys.exit(main())
