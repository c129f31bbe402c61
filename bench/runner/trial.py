"""A job in, its record on disk out: train, evaluate on the way and at the end, sign."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from bench.catalog import algorithm_of, load
from bench.errors import OverrunError
from bench.files import mine
from bench.records import DIAGNOSTICS, Curve, Final, Floats, GradientNoise, Learner, LearnerRequest, Record, Task, Trial
from bench.runner import provenance
from bench.runner.evaluation import FEW, MANY, Evaluator, Totals, isolated_randomness, seed_everything
from bench.runner.events import EVENTS, Events
from bench.runner.jobs import TRAINING, Closing, Job, Report
from bench.runner.pulse import Pulse
from bench.runner.seeds import evaluation_seeds, seed
from bench.runner.worker import peak_mb

FURTHEST_OVERSHOOT, FURTHEST_STEPS = 10, 200_000
"""An algorithm may take so many times its budget, and so many steps more, before it counts as never ending."""
UNLIMITED = 1_000
"""Steps into an episode without a time limit in which values are held against returns."""
IMAGE_DIMENSIONS = 3
MAKE_ENVIRONMENT = "bench.environments.making:make"

Keep = Callable[[Record, Path], None]


def run_trial(job: Job, report: Report, *, keep: Keep) -> Closing:
    """Train and evaluate `job.trial`; `keep` stores the record before anything is saved or closed.

    Returns:
        What is left: saving the policy, then closing the environments. Neither can take the record back.

    Raises:
        DivergedError: a weight or a return is not finite.
        OverrunError: training does not stop at its budget.
        HindranceError: the record cannot be written.
        Exception: whatever the algorithm or the environment raises.
    """
    started = datetime.now(UTC)
    clock = _Clock()
    trial = job.trial
    pulse = Pulse(report)
    pulse.tell(doing="making the learner")
    # Whatever this process has done before.
    seed_everything(seed("learner", trial.algorithm, trial.environment, _drawn_from(trial)))
    evaluator = _evaluator(trial, pulse)
    device = "cpu" if job.device == "cpu" else "cuda"
    events = Events(job.folder / EVENTS) if job.tensorboard else None
    counted: list[Totals] = []
    request = learner_request(trial, device, pulse, counted)
    request = replace(request, events=None if events is None else events.training)
    learner: Learner = load(algorithm_of(trial).maker)(request)
    setup, setup_cpu = clock.wall(), clock.cpu()
    course = _Course(trial, learner, evaluator, pulse, events)
    course.run()
    pulse.tell(doing="evaluating the final policy", steps=course.steps)
    final = evaluator.evaluate(
        learner,
        evaluation_seeds(trial.environment, trial.seed, "final", trial.evaluation.final_episodes),
        deterministic=trial.evaluation.deterministic,
    )
    if events is not None:
        events.tell("final", course.steps, final)
    wall, cpu = clock.wall(), clock.cpu()
    record = Record(
        trial=trial,
        curve=course.curve(),
        final=Final(course.steps, final.returns, final.lengths),
        timings={
            "wall": wall,
            "setup": setup,
            "train": course.train.wall,
            "train_cpu": course.train.cpu,
            "evaluation": wall - setup - course.train.wall - course.train.compile,
            "evaluation_cpu": cpu - setup_cpu - course.train.cpu - course.train.compile_cpu,
            **({"compile": course.train.compile} if course.train.compile else {}),
        },
        resources={
            "device": provenance.device_name(job.device),
            "threads": job.threads,
            "workers": job.workers,
            "peak_memory_mb": peak_mb(),
            "load": os.getloadavg()[0],
            "evaluation_environments": len(evaluator.slots),
        },
        provenance={
            **provenance.describe(),
            "started": started.isoformat(timespec="seconds"),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        },
        attempt=job.attempt,
        settings=learner.settings(),
        cut_episodes=_cut(course.cut, final.cut, evaluator),
        updates=getattr(learner, "updates", None),
        frames=_frames(trial, counted, course.steps),
        gradients=tuple(course.gradients),
        diagnostics=course.diagnostics(),
    )
    pulse.tell(doing="keeping the record")
    keep(record, job.folder)
    pulse.tell(train_seconds=course.train.wall, mean_return=float(final.returns.mean()))
    return partial(_close, learner, evaluator, job.folder, events)


def _close(learner: Learner, evaluator: Evaluator, folder: Path, events: Events | None) -> None:
    """Save the policy, whole or not at all, and close the evaluation environments whether that succeeds or not."""
    try:
        with TemporaryDirectory(prefix="policy.", suffix=mine(), dir=folder) as saved:
            learner.save(Path(saved))
            for file in Path(saved).iterdir():
                file.replace(folder / file.name)
    finally:
        if events is not None:
            events.close()
        evaluator.close()


def _evaluator(trial: Trial, pulse: Pulse) -> Evaluator:
    make = partial(evaluation_environment, trial)
    return Evaluator(make, partial(_side_by_side, trial), trial.longest_episode, pulse.beat)


def _side_by_side(trial: Trial, env: gym.Env[Any, Any]) -> int:
    """Return how many evaluation environments there shall be: as the suite says, else one where they are heavy.

    Else as many as change no number. A policy that draws takes its numbers from one stream, so that another count gives
    other numbers; the last digit of a continuous action depends on how many are computed together.
    """
    if trial.evaluation.environments is not None:
        return trial.evaluation.environments
    if env.metadata.get("heavy"):
        return 1
    draws = not (trial.evaluation.deterministic and algorithm_of(trial).learns)
    continuous = isinstance(env.action_space, spaces.Box)
    pixels = len(env.observation_space.shape or ()) >= IMAGE_DIMENSIONS
    return FEW if draws or continuous or pixels else MANY


def _cut(curve: int, final: int, evaluator: Evaluator) -> dict[str, int]:
    return {"curve": curve, "final": final, "steps": evaluator.longest_episode()} if curve or final else {}


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
    """Training time, evaluations and compiling excluded."""

    wall: float = 0.0
    cpu: float = 0.0
    compile: float = 0.0
    """Wall seconds between training steps in which code was compiled."""
    compile_cpu: float = 0.0

    def add(self, clock: _Clock, compiled: float) -> None:
        """Add a stretch of training, of whose wall seconds so many went into compiling."""
        wall, cpu = clock.wall(), clock.cpu()
        # How much of the processor compiling had is not told: it is taken to be as much as the rest had.
        share = min(compiled / wall, 1.0) if wall else 0.0
        self.wall += wall * (1 - share)
        self.cpu += cpu * (1 - share)
        self.compile += wall * share
        self.compile_cpu += cpu * share


class _Course:
    """One training with its evaluation points; the clock stops while an evaluation runs."""

    def __init__(
        self, trial: Trial, learner: Learner, evaluator: Evaluator, pulse: Pulse, events: Events | None
    ) -> None:
        self._trial, self._learner, self._evaluator, self._pulse = trial, learner, evaluator, pulse
        self._events = events
        points = trial.evaluation.points
        self._planned = [-(-trial.steps * (point + 1) // points) for point in range(points)]
        self._rows: list[dict[str, Any]] = []
        self._clock, self._compiled, self._below = _Clock(), 0.0, 0.0
        self.train = _Seconds()
        self.steps = 0
        self.cut = 0
        """Evaluation episodes that had to be cut."""
        self._looks = trial.evaluation.gradient_looks if hasattr(learner, "gradient_noise") else []
        """After which points the gradient's noise is still to be measured; 0: before training."""
        self.gradients: list[GradientNoise] = []
        tells = trial.evaluation.diagnostics and hasattr(learner, "diagnostics")
        self._ask: Callable[[], Mapping[str, float]] = learner.diagnostics if tells else dict  # type: ignore[attr-defined]
        self._told: list[Mapping[str, float]] = []
        """What was told of the updates before each point, and of the critic at it."""

    def run(self) -> None:
        """Train to the budget; take every point that training itself did not pass, the last one always."""
        self._look_at_gradient(0)
        self._go_on()
        self._learner.learn(self._trial.steps, self._on_step)
        self._pause()
        if len(self._rows) < len(self._planned):
            self._evaluate(len(self._planned))

    def _on_step(self, steps: int) -> bool:
        self.steps = steps
        if steps >= self._planned[min(len(self._rows), len(self._planned) - 1)] and len(self._rows) < len(
            self._planned
        ):
            self._pause()
            self._evaluate(sum(planned <= steps for planned in self._planned))
            self._go_on()
        if self._pulse.due():
            self._pulse.tell(steps=steps, train_seconds=self.train.wall + self._clock.wall())
        if steps > FURTHEST_OVERSHOOT * self._trial.steps + FURTHEST_STEPS:
            raise OverrunError(
                f"training does not stop: {steps:,} steps are taken, the budget is {self._trial.steps:,}; an algorithm "
                "that finishes its episodes needs an environment with a time limit"
            )
        return steps < self._trial.steps

    def _go_on(self) -> None:
        self._pulse.tell(doing=TRAINING)
        self._clock, self._compiled = _Clock(), _compiled(self._learner)
        self._below = _below(self._learner)

    def _pause(self) -> None:
        self.train.add(self._clock, _compiled(self._learner) - self._compiled)
        self.train.cpu += _below(self._learner) - self._below

    def _evaluate(self, passed: int) -> None:
        """Evaluate once and fill the rows of all planned points that are passed."""
        plan = self._trial.evaluation
        seeds = evaluation_seeds(self._trial.environment, self._trial.seed, passed, plan.episodes)
        self._pulse.tell(doing="evaluating the policy", steps=self.steps)
        played = self._evaluator.evaluate(self._learner, seeds, deterministic=plan.deterministic)
        self.cut += played.cut
        if self._events is not None:
            self._events.tell("evaluation", self.steps, played)
        training = self._learner.recent_training_return()
        row = {
            "steps": self.steps,
            "seconds": self.train.wall,
            "cpu_seconds": self.train.cpu,
            "returns": played.returns,
            "lengths": played.lengths,
            "training_returns": np.nan if training is None else training,
        }
        told = {**self._ask(), **self._value_error(passed)}
        self._told.extend([told] * (passed - len(self._rows)))
        self._rows.extend([row] * (passed - len(self._rows)))
        self._look_at_gradient(passed)
        self._pulse.tell(train_seconds=self.train.wall, mean_return=float(played.returns.mean()))

    def _look_at_gradient(self, passed: int) -> None:
        """Measure the gradient's noise once where that is due after so many points."""
        if not self._looks or passed < self._looks[0]:
            return
        self._looks = [look for look in self._looks if look > passed]
        self._pulse.tell(doing="measuring the gradient's noise", steps=self.steps)
        trial, look = self._trial, len(self.gradients)
        with isolated_randomness(seed("gradient", trial.environment, trial.seed, look)):
            found = self._learner.gradient_noise(  # type: ignore[attr-defined]  # only some have it
                lambda index: _made(trial, {}, seed=seed("gradient", trial.environment, trial.seed, look, index))[0],
                trial.evaluation.gradient_episodes,
            )
        self.gradients.append(replace(found, steps=self.steps))

    def _value_error(self, passed: int) -> Mapping[str, float]:
        """Return how the critic's predictions compare with realised returns, where the plan asks and there is one."""
        trial, learner = self._trial, self._learner
        if not trial.evaluation.value_episodes or not hasattr(learner, "value_error"):
            return {}
        self._pulse.tell(doing="holding values against returns", steps=self.steps)
        key = trial.environment, trial.seed, passed
        limit = self._evaluator.time_limit() or UNLIMITED

        def make(index: int, beyond: int) -> Any:
            return _made(trial, {"max_episode_steps": limit + beyond}, seed=seed("values", *key, index))[0]

        with isolated_randomness(seed("values", *key)):
            found: Mapping[str, float] = learner.value_error(make, trial.evaluation.value_episodes)
        return found

    def curve(self) -> Curve:
        """Return the points as arrays."""
        return Curve(**{name: np.array([row[name] for row in self._rows]) for name in self._rows[0]})

    def diagnostics(self) -> dict[str, Floats]:
        """(points,) of each thing that was told, NaN where it was not."""
        names = [name for name in DIAGNOSTICS if any(name in told for told in self._told)]
        return {name: np.array([told.get(name, np.nan) for told in self._told]) for name in names}


def _compiled(learner: Learner) -> float:
    return float(getattr(learner, "compile_seconds", 0.0))


def _below(learner: Learner) -> float:
    """Return the processor seconds that the learner's own processes have spent on training."""
    return float(getattr(learner, "worker_seconds", 0.0))


def _frames(trial: Trial, counted: Sequence[Totals], steps: int) -> int | None:
    """Return how many steps the training environments took themselves, where wrappers make several of one."""
    taken = sum(one.taken for one in counted) if trial.hyperparameters.get("env_wrapper") else 0
    return taken if taken > steps else None


def learner_request(
    trial: Trial, device: str = "cpu", pulse: Pulse | None = None, counted: list[Totals] | None = None
) -> LearnerRequest:
    """Return what the trial's algorithm is made from; `counted` takes the totals of the training environments."""
    own = seed("learner", trial.algorithm, trial.environment, _drawn_from(trial))
    environments = _training_environments(trial, pulse or Pulse(lambda _: None), [] if counted is None else counted)
    return LearnerRequest(trial, environments, own, device, environment_seed=partial(_training_seed, trial))


def evaluation_environment(trial: Trial, **more: Any) -> tuple[Any, Totals]:
    """Return an environment as the trial is evaluated on it, and its totals; `more`: keywords such as render_mode."""
    return _made(trial, {**trial.evaluation_kwargs, **more})


def _training_seed(trial: Trial, index: int) -> int:
    return seed("training", trial.algorithm, trial.environment, _drawn_from(trial), index)


def _drawn_from(trial: Trial) -> int:
    """Return the seed that training draws from: all runs' the same where the settings say so."""
    return int(trial.hyperparameters.get("training_seed", trial.seed))


def _training_environments(trial: Trial, pulse: Pulse, counted: list[Totals]) -> Callable[[int], Any]:
    def make(index: int) -> Any:
        pulse.tell(doing=f"making training environment {index + 1}")
        env, totals = _made(trial, {}, seed=_training_seed(trial, index))
        counted.append(totals)
        pulse.tell(doing="making the learner")
        return env

    return make


def _made(trial: Trial, more: Mapping[str, Any], **seeding: int) -> tuple[Any, Totals]:
    """Make the trial's environment: training and evaluation must have the same wrappers."""
    task = Task.of(trial.environment, {**trial.environment_kwargs, **more}, trial.hyperparameters)
    made: tuple[Any, Totals] = load(MAKE_ENVIRONMENT)(
        task.environment, task.kwargs, wrappers=task.wrappers, frame_stack=task.frame_stack, **seeding
    )
    return made
