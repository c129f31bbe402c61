"""A job in, its record on disk out: train, evaluate on the way and at the end, sign."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.catalog import find_algorithm, load
from bench.records import Curve, Final, Learner, LearnerRequest, Record, Trial
from bench.runner import provenance
from bench.runner.evaluation import Evaluator, Totals
from bench.runner.jobs import Job, Progress, Report
from bench.runner.seeds import evaluation_seeds, seed

REPORT_EVERY_SECONDS = 1.0
MAKE_ENVIRONMENT = "bench.environments.making:make"

Keep = Callable[[Record, Path], None]


def run_trial(job: Job, report: Report, *, keep: Keep) -> None:
    """Train and evaluate `job.trial`; `keep` stores the record, last of all.

    Raises:
        DivergedError: a weight or a return is not finite.
        Exception: whatever the algorithm or the environment raises.
    """
    started = datetime.now(UTC)
    clock = _Clock()
    trial = job.trial
    evaluator = Evaluator(partial(evaluation_environment, trial))
    device = "cpu" if job.device == "cpu" else "cuda"
    learner: Learner = load(find_algorithm(trial.algorithm).maker)(learner_request(trial, device))
    setup, setup_cpu = clock.wall(), clock.cpu()
    course = _Course(trial, learner, evaluator, report)
    course.run()
    returns, lengths = evaluator.evaluate(
        learner,
        evaluation_seeds(trial.environment, trial.seed, "final", trial.evaluation.final_episodes),
        deterministic=trial.evaluation.deterministic,
    )
    evaluator.close()
    learner.save(job.folder)
    wall, cpu = clock.wall(), clock.cpu()
    record = Record(
        trial=trial,
        curve=course.curve(),
        final=Final(course.steps, returns, lengths),
        timings={
            "wall": wall,
            "setup": setup,
            "train": course.train.wall,
            "train_cpu": course.train.cpu,
            "evaluation": wall - setup - course.train.wall,
            "evaluation_cpu": cpu - setup_cpu - course.train.cpu,
        },
        resources={
            "device": provenance.device_name(job.device),
            "threads": job.threads,
            "workers": job.workers,
            "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "load": os.getloadavg()[0],
        },
        provenance={
            **provenance.describe(),
            "started": started.isoformat(timespec="seconds"),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        },
        attempt=job.attempt,
        settings=learner.settings(),
    )
    keep(record, job.folder)
    report(Progress(course.steps, course.train.wall, float(returns.mean())))


@dataclass(slots=True)
class _Clock:
    """Wall and CPU seconds since it was made."""

    wall_start: float = field(default_factory=time.perf_counter)
    cpu_start: float = field(default_factory=time.process_time)

    def wall(self) -> float:
        return time.perf_counter() - self.wall_start

    def cpu(self) -> float:
        return time.process_time() - self.cpu_start


@dataclass(slots=True)
class _Seconds:
    """Training time, evaluations excluded."""

    wall: float = 0.0
    cpu: float = 0.0

    def add(self, clock: _Clock) -> None:
        self.wall += clock.wall()
        self.cpu += clock.cpu()


class _Course:
    """One training with its evaluation points; the clock stops while an evaluation runs."""

    def __init__(self, trial: Trial, learner: Learner, evaluator: Evaluator, report: Report) -> None:
        self._trial, self._learner, self._evaluator, self._report = trial, learner, evaluator, report
        points = trial.evaluation.points
        self._planned = [-(-trial.steps * (point + 1) // points) for point in range(points)]
        self._rows: list[dict[str, Any]] = []
        self._clock = _Clock()
        self._next_report = 0.0
        self._latest: float | None = None
        self.train = _Seconds()
        self.steps = 0

    def run(self) -> None:
        """Train to the budget; take every point that training itself did not pass, the last one always."""
        self._clock = _Clock()
        self._learner.learn(self._trial.steps, self._on_step)
        self.train.add(self._clock)
        if len(self._rows) < len(self._planned):
            self._evaluate(len(self._planned))

    def _on_step(self, steps: int) -> bool:
        self.steps = steps
        if steps >= self._planned[min(len(self._rows), len(self._planned) - 1)] and len(self._rows) < len(
            self._planned
        ):
            self.train.add(self._clock)
            self._evaluate(sum(planned <= steps for planned in self._planned))
            self._clock = _Clock()
        now = time.perf_counter()
        if now >= self._next_report:
            self._next_report = now + REPORT_EVERY_SECONDS
            self._report(Progress(steps, self.train.wall + self._clock.wall(), self._latest))
        return steps < self._trial.steps

    def _evaluate(self, passed: int) -> None:
        """Evaluate once and fill the rows of all planned points that are passed."""
        plan = self._trial.evaluation
        seeds = evaluation_seeds(self._trial.environment, self._trial.seed, passed, plan.episodes)
        returns, lengths = self._evaluator.evaluate(self._learner, seeds, deterministic=plan.deterministic)
        training = self._learner.recent_training_return()
        row = {
            "steps": self.steps,
            "seconds": self.train.wall,
            "cpu_seconds": self.train.cpu,
            "returns": returns,
            "lengths": lengths,
            "training_returns": np.nan if training is None else training,
        }
        self._rows.extend([row] * (passed - len(self._rows)))
        self._latest = float(returns.mean())

    def curve(self) -> Curve:
        """Return the points as arrays."""
        return Curve(**{name: np.array([row[name] for row in self._rows]) for name in self._rows[0]})


def learner_request(trial: Trial, device: str = "cpu") -> LearnerRequest:
    """Return what the trial's algorithm is made from."""
    own = seed("learner", trial.algorithm, trial.environment, trial.seed)
    return LearnerRequest(trial, _training_environments(trial), own, device)


def evaluation_environment(trial: Trial, **more: Any) -> tuple[Any, Totals]:
    """Return an environment as the trial is evaluated on it, and its totals; `more`: keywords such as render_mode."""
    made: tuple[Any, Totals] = load(MAKE_ENVIRONMENT)(
        trial.environment, {**trial.environment_kwargs, **more}, **_wrapping(trial)
    )
    return made


def _training_environments(trial: Trial) -> Callable[[int], Any]:
    def make(index: int) -> Any:
        own = seed("training", trial.algorithm, trial.environment, trial.seed, index)
        env, _ = load(MAKE_ENVIRONMENT)(trial.environment, trial.environment_kwargs, seed=own, **_wrapping(trial))
        return env

    return make


def _wrapping(trial: Trial) -> dict[str, Any]:
    """Return the wrappers that change what a policy sees: training and evaluation must have the same."""
    wrappers = trial.hyperparameters.get("env_wrapper") or ()
    return {
        "wrappers": [wrappers] if isinstance(wrappers, str | dict) else wrappers,
        "frame_stack": int(trial.hyperparameters.get("frame_stack") or 1),
    }
