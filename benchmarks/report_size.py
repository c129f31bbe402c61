"""What a report of many trials costs: synthetic records through the real analysis and the real report.

Each size runs in an interpreter of its own, so that peak memory is its own. No disk is read; every file of the report
is written to a temporary folder.

    python benchmarks/report_size.py
    python benchmarks/report_size.py --sizes 10000 --profile report
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from bench.analysis import analyse
from bench.records import (
    Claim,
    Curve,
    EvaluationPlan,
    Failure,
    Final,
    Outcome,
    Record,
    Reference,
    Suite,
    SuiteAlgorithm,
    SuiteEnvironment,
    Trial,
)
from bench.report.folder import write
from bench.runner.devices import default_workers

SIZES = {100: (5, 2, 10), 1_000: (10, 10, 10), 10_000: (10, 50, 20)}
"""Trials -> algorithms, environments, seeds."""
POINTS = 20
STEPS = 100_000
FAILING = 0.01
"""Share of trials that end in a failure."""
MEGABYTE = 1e6
T = TypeVar("T")


def suite(algorithms: int, environments: int, seeds: int) -> Suite:
    """Return a suite of made-up algorithms and environments, with two claims."""
    names = [f"algorithm {place}" for place in range(algorithms)]
    return Suite(
        name="synthetic",
        title=f"{algorithms * environments * seeds:,} synthetic trials",
        question="What does a report of this size cost?",
        seeds=tuple(range(seeds)),
        algorithms=tuple(SuiteAlgorithm(name, "ppo", "default") for name in names),
        environments=tuple(SuiteEnvironment(f"Synthetic{place}-v0", STEPS) for place in range(environments)),
        evaluation=EvaluationPlan(points=POINTS, episodes=10, final_episodes=100),
        claims=(
            Claim("The second beats the first.", names[1], names[0], "score"),
            Claim("The third seldom fails.", names[2], 0.5, "failing", "less"),
        ),
    )


def outcomes(plan: Suite, rng: np.random.Generator) -> tuple[list[Trial], list[Outcome]]:
    """Return every planned trial and what came of it: a rising curve with noise, now and then a failure."""
    trials, found = [], []
    for place, line in enumerate(plan.algorithms):
        for where in plan.environments:
            hardness = rng.uniform(0.2, 1.0)
            for seed in plan.seeds:
                trial = Trial(
                    label=line.label,
                    algorithm=line.algorithm,
                    environment=where.environment,
                    seed=seed,
                    steps=where.steps,
                    evaluation=plan.evaluation,
                    implementation="stable_baselines3:PPO",
                    versions={"synthetic": "1"},
                    hyperparameters={"variant": place},
                )
                trials.append(trial)
                failed = rng.random() < FAILING
                found.append(_failure(trial) if failed else _record(trial, 0.5 + 0.05 * place, hardness, rng))
    return trials, found


def _failure(trial: Trial) -> Failure:
    return Failure(trial, "diverged", "the loss is not finite after 41,216 steps", "Traceback ...\n" * 12)


def _record(trial: Trial, skill: float, hardness: float, rng: np.random.Generator) -> Record:
    share = np.linspace(1 / POINTS, 1, POINTS)
    level = 200 * skill * (1 - np.exp(-4 * hardness * share)) + rng.normal(0, 15)
    seconds = share * 30 * rng.uniform(0.9, 1.1)
    curve = Curve(
        steps=(share * STEPS).astype(np.int64),
        seconds=seconds,
        cpu_seconds=seconds,
        returns=level[:, None] + rng.normal(0, 20, (POINTS, trial.evaluation.episodes)),
        lengths=np.full((POINTS, trial.evaluation.episodes), 200),
        training_returns=level,
    )
    final = Final(STEPS, level[-1] + rng.normal(0, 20, trial.evaluation.final_episodes), np.full(100, 200))
    return Record(
        trial,
        curve,
        final,
        timings={
            "wall": 40.0,
            "setup": 1.0,
            "train": 30.0,
            "train_cpu": 30.0,
            "evaluation": 9.0,
            "evaluation_cpu": 9.0,
        },
        resources={"device": "cpu", "threads": 1, "workers": 2, "peak_memory_mb": 300.0, "load": 2.0},
        provenance={"python": "3.11", "started": "", "finished": ""},
        settings={f"setting_{place}": place for place in range(20)},
    )


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """Return what `work` gives and the wall seconds that it took."""
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def measure(trials: int, profiled: str) -> dict[str, float]:
    """Return seconds, megabytes and bytes of one size; a stage's profile goes to standard error where asked for."""
    plan = suite(*SIZES[trials])
    planned, found = outcomes(plan, np.random.default_rng(0))
    known: dict[str, Reference | None] = {
        line.environment: Reference(0.0, 200.0, "made up") for line in plan.environments
    }
    before = _peak()
    estimates, analysis = timed(
        _watched(lambda: analyse(plan, planned, found, known, np.random.default_rng(1)), profiled == "analysis")
    )
    middle = _peak()
    with tempfile.TemporaryDirectory() as folder:
        index, report = timed(
            _watched(lambda: write(estimates, Path(folder), processes=default_workers()), profiled == "report")
        )
        sizes = [file.stat().st_size for file in Path(folder).rglob("*.*")]
        page = index.stat().st_size
    return {
        "records_mb": before,
        "analysis_s": analysis,
        "analysis_mb": middle,
        "report_s": report,
        "report_mb": _peak(),
        "page_mb": page / MEGABYTE,
        "files": len(sizes),
        "all_mb": sum(sizes) / MEGABYTE,
    }


def _watched(work: Callable[[], T], profiled: bool) -> Callable[[], T]:
    return (lambda: _profile(work)) if profiled else work


def _profile(work: Callable[[], T]) -> T:
    profiler = cProfile.Profile()
    result = profiler.runcall(work)
    pstats.Stats(profiler, stream=sys.stderr).sort_stats("cumulative").print_stats(45)
    pstats.Stats(profiler, stream=sys.stderr).sort_stats("tottime").print_stats(25)
    return result


def _peak() -> float:
    """Return this process's largest resident memory so far, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE


def alone(trials: int, profiled: str) -> dict[str, Any]:
    """Return `measure` of a fresh interpreter."""
    words = [sys.executable, __file__, "--alone", str(trials), "--profile", profiled]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    told = subprocess.run(words, check=True, stdout=subprocess.PIPE, env=one_thread)
    return dict(json.loads(told.stdout))


def main() -> None:
    """Measure each size and print one table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sizes", type=int, nargs="*", default=list(SIZES), choices=list(SIZES))
    options.add_argument("--profile", choices=["", "analysis", "report"], default="")
    options.add_argument("--alone", type=int, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.alone:
        print(json.dumps(measure(given.alone, given.profile)))
        return
    print("| trials | analysis, s | report, s | together, ms per trial | peak, MB | page, MB | all files, MB |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for trials in given.sizes:
        found = alone(trials, given.profile)
        total = found["analysis_s"] + found["report_s"]
        print(
            f"| {trials:,} | {found['analysis_s']:.1f} | {found['report_s']:.1f} | {1000 * total / trials:.1f} "
            f"| {found['report_mb']:.0f} | {found['page_mb']:.2f} | {found['all_mb']:.1f} ({found['files']} files) |",
            flush=True,
        )


if __name__ == "__main__":
    main()
