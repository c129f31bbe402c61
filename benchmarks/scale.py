"""What planning, status and going on cost as a suite grows: 100 to 100,000 trials, all of them on disk.

One trial of each of ten cells is trained for real; its record stands for the cell's others. Then the commands
themselves are timed, each in a process of its own, with the most memory that it had.

    python benchmarks/scale.py
    python benchmarks/scale.py --sizes 100 100000 --place /scratch
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.pipeline import Experiment, open_experiment

SIZES = (100, 1_000, 10_000, 100_000)
CELLS = 10
SUITE = """
name: scale
seeds: {seeds}
evaluation: {{points: 2, episodes: 2, final_episodes: 3}}
hyperparameters: default
algorithms:
  - q_learning
  - {{name: q_learning, label: q_learning 0.9, hyperparameters: {{gamma: 0.9}}}}
  - {{name: q_learning, label: q_learning 0.8, hyperparameters: {{gamma: 0.8}}}}
  - softmax_reinforce
  - random
environments: {{bench/Corridor-v0: 100, bench/Bandit-v0: 100}}
"""
ASKED = {
    "validate, nothing run": ("validate", "{suite}", "--results", "{empty}"),
    "status, for the first time": ("status", "{results}"),
    "status, again": ("status", "{results}"),
    "run, nothing missing": ("run", "{suite}", "--results", "{folder}", "--no-report"),
    "run --dry-run, one in ten missing": ("run", "{suite}", "--results", "{folder}", "--dry-run"),
}


def main() -> None:
    """Print one table for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--place", type=Path, default=None, help="folder to work in")
    chosen = parser.parse_args()
    for size in chosen.sizes:
        with TemporaryDirectory(dir=chosen.place) as place:
            grown(size, Path(place))


def grown(size: int, place: Path) -> None:
    """Make a suite of this size with all of its records, and time the commands on it."""
    suite = place / "scale.yaml"
    suite.write_text(SUITE.format(seeds=1))
    told(("run", str(suite), "--results", str(place), "--no-report"))
    suite.write_text(SUITE.format(seeds=size // CELLS))
    experiment = open_experiment(suite, results=place)
    begun = time.perf_counter()
    filled(experiment)
    print(f"{size:,} trials, {time.perf_counter() - begun:.0f} s to write them")
    names = {"suite": suite, "results": place / "scale", "folder": place, "empty": place / "none"}
    for what, words in ASKED.items():
        if "missing" in what and "ten" in what:
            for trial in experiment.plan.trials[::10]:
                (experiment.store.folder(trial) / "trial.json").unlink()
        seconds, megabytes = told(tuple(word.format(**names) for word in words))
        print(f"  {what:34} {seconds:7.1f} s {megabytes:7,.0f} MB")


def filled(experiment: Experiment) -> None:
    """Give every trial that has none the record of its cell; plainly, for `keep` waits for the disk each time."""
    store, trials = experiment.store, experiment.plan.trials
    there = {
        trial.cell: json.loads((store.folder(trial) / "trial.json").read_text())
        for trial in trials
        if store.folder(trial).exists()
    }
    for trial in trials:
        folder, data = store.folder(trial), there[trial.cell]
        if not folder.exists():
            folder.mkdir(parents=True)
            own = {**data, "fingerprint": trial.fingerprint, "trial": {**data["trial"], "seed": trial.seed}}
            (folder / "trial.json").write_text(json.dumps(own))


def told(words: tuple[str, ...]) -> tuple[float, float]:
    """Run a command of `bench`; return its seconds and the most memory of it, in MB."""
    begun = time.perf_counter()
    command = [sys.executable, "-c", "from bench.cli import main; main()", *words]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        complaint = process.stderr.read() if process.stderr else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(words)}: {complaint}")
    return time.perf_counter() - begun, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
