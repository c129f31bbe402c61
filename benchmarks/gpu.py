"""Trainings on one GPU in, several side by side, their throughput, memory and equal results out, as a table.

Each task is trained by `bench run` itself: on the CPU, one trial and as many as there are cores up to eight, then on
the GPU with 1, 2, 4 and 8 side by side. Steps per second are those of all trials together while they train, without
compiling and evaluating. Memory and utilisation are NVML's, of the whole GPU while the trials ran. Results are equal
where every episode of a seed's final policy returned the same, to the last bit, as with another packing.

    pip install 'bench[jax]'
    python benchmarks/gpu.py                          # about eight minutes
    python benchmarks/gpu.py --only sac --packings 1 4
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import mean
from typing import Any

import pandas as pd
import pynvml

import bench
from bench.runner import devices

START = "from bench.cli import main; main()"
HERE = Path(__file__).resolve().parent
CORES = 8
"""As many as are compared with the GPU, at most: what such a machine has to each GPU, or more."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is trained: the text of a suite's algorithm and environment."""

    title: str
    algorithm: str
    environment: str
    steps: int


PENDULUM, FRAMES = "Pendulum-v1", "gpu_environments:gpu/Catch-v0"
_SAC, _SBX = "hyperparameters: {learning_rate: 0.001}", "implementation: sbx"
_CNN = "policy: CnnPolicy, frame_stack: 4"
TASKS = (
    Task("sac, sbx, Pendulum", f"{{name: sac, {_SAC}, {_SBX}}}", PENDULUM, 2_000),
    Task("tqc, sbx, Pendulum", f"{{name: tqc, {_SAC}, {_SBX}}}", PENDULUM, 2_000),
    Task("sac, sb3, Pendulum", f"{{name: sac, {_SAC}}}", PENDULUM, 1_000),
    Task(
        "dqn, sb3, CnnPolicy, frames",
        f"{{name: dqn, hyperparameters: {{{_CNN}, buffer_size: 5000, learning_starts: 500}}}}",
        FRAMES,
        2_000,
    ),
    Task(
        "ppo, sb3, CnnPolicy, frames",
        f"{{name: ppo, hyperparameters: {{{_CNN}, n_envs: 8, n_steps: 128, batch_size: 256, n_epochs: 4}}}}",
        FRAMES,
        8_192,
    ),
)


@dataclass(slots=True)
class Watch:
    """What NVML saw of a GPU, ten times a second."""

    handle: Any
    over: threading.Event = field(default_factory=threading.Event)
    memory: list[float] = field(default_factory=list)
    """Used, in 2**20 bytes."""
    busy: list[int] = field(default_factory=list)
    """Share of the last moments in which a kernel ran, in percent."""

    def look(self) -> None:
        """Look until told that it is over."""
        while not self.over.wait(0.1):
            self.memory.append(pynvml.nvmlDeviceGetMemoryInfo(self.handle).used / 2**20)
            self.busy.append(pynvml.nvmlDeviceGetUtilizationRates(self.handle).gpu)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One packing of one task."""

    speed: float
    """Training steps per second of all trials together."""
    wall: float
    """Wall seconds from start to end, imports and all."""
    memory: float
    busy: float
    returns: dict[int, tuple[float, ...]]
    """Seed -> what its final policy's episodes returned."""
    failed: int


def main() -> None:
    """Measure every task and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packings", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--only", default="", help="what a task's name holds")
    parser.add_argument("--share", type=float, default=1.0, help="of the tasks' steps, where time is short")
    parser.add_argument("--cpu-only", action="store_true", help="to try this where there is no GPU")
    chosen = parser.parse_args()
    gpus = devices.available()
    if not gpus and not chosen.cpu_only:
        sys.exit("no GPU is visible (bench doctor says why); --cpu-only tries the script without one")
    where = gpus[0].name if gpus else "no GPU"
    print(f"{where}; {len(os.sched_getaffinity(0))} cores; bench.load's seconds; times of one run each\n", flush=True)
    print("| task | device | side by side | steps/s, together | of one | peak memory, MiB | busy | wall s | results |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for task in TASKS:
        if chosen.only in task.title:
            _told(replace(task, steps=int(task.steps * chosen.share)), [] if chosen.cpu_only else chosen.packings, gpus)


def _told(task: Task, packings: list[int], gpus: tuple[devices.Gpu, ...]) -> None:
    cores = min(CORES, len(os.sched_getaffinity(0)))
    first: Outcome | None = None
    known: dict[int, tuple[float, ...]] = {}
    for device, packed in [("cpu", 1), ("cpu", cores), *(("cuda", packing) for packing in packings)]:
        found = _measured(task, device, packed, gpus)
        if device == "cuda" and first is None:
            first, known = found, {}
        alone = first or found
        results = _equal(found.returns, known)
        known |= found.returns
        share = f"{found.speed / alone.speed:.2f}" if first else ""
        seen = f"{found.memory:,.0f} | {found.busy:.0f} %" if device == "cuda" else " | "
        lost = f"; {found.failed} failed" if found.failed else ""
        row = f"| {task.title} | {device} | {packed} | {found.speed:,.0f} | {share} | {seen}"
        print(f"{row} | {found.wall:.0f} | {results}{lost} |", flush=True)


def _equal(found: dict[int, tuple[float, ...]], known: dict[int, tuple[float, ...]]) -> str:
    shared = found.keys() & known.keys()
    same = sum(found[seed] == known[seed] for seed in shared)
    return f"{same} of {len(shared)} equal" if shared else "first"


def _measured(task: Task, device: str, packed: int, gpus: tuple[devices.Gpu, ...]) -> Outcome:
    """Train as many seeds as are packed, side by side."""
    with tempfile.TemporaryDirectory() as folder:
        suite = Path(folder, "gpu.yaml")
        suite.write_text(
            f"name: gpu\nseeds: {packed}\nevaluation: {{points: 1, episodes: 1, final_episodes: 5}}\n"
            f"algorithms: [{task.algorithm}]\nenvironments:\n  {task.environment}: {{steps: {task.steps}}}\n"
        )
        before = time.perf_counter()
        watch = _watched(gpus) if device == "cuda" else None
        command = [sys.executable, "-c", START, "run", str(suite), "--devices", device, "--workers", str(packed)]
        run = subprocess.run(
            [*command, "--results", folder, "--no-report", "-q"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path[1:]])},
            capture_output=True,
            text=True,
            check=False,
        )
        if watch:
            watch.over.set()
        took = time.perf_counter() - before
        frames = bench.load(Path(folder, "gpu"))
        trials, episodes = frames["trials"], frames["episodes"]
        done = trials[trials["state"] == "done"]
        if done.empty:
            sys.exit(f"{task.title}, {packed} on {device}: nothing was trained\n{run.stdout}{run.stderr}")
        return Outcome(
            float((done["steps"] / done["seconds"]).sum()),
            took,
            max(watch.memory, default=0.0) if watch else 0.0,
            mean(watch.busy or [0]) if watch else 0.0,
            _returns(episodes),
            len(trials) - len(done),
        )


def _returns(episodes: pd.DataFrame) -> dict[int, tuple[float, ...]]:
    last = episodes[episodes["final"]]
    return {int(str(seed)): tuple(group["episode_return"]) for seed, group in last.groupby("seed")}


def _watched(gpus: tuple[devices.Gpu, ...]) -> Watch:
    pynvml.nvmlInit()
    watch = Watch(pynvml.nvmlDeviceGetHandleByUUID(gpus[0].uuid))
    threading.Thread(target=watch.look, daemon=True).start()
    return watch


if __name__ == "__main__":
    main()
