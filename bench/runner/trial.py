"""A job in, its record on disk out: train, evaluate on the way and at the end, sign."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from copy import copy
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
from bench.files import mine, replacing
from bench.records import (
    CHECKPOINT_MINUTES,
    DIAGNOSTICS,
    IMAGE_DIMENSIONS,
    POINTS,
    Curve,
    Final,
    Floats,
    GradientNoise,
    Learner,
    LearnerRequest,
    Limits,
    Record,
    Resumption,
    Task,
    Trial,
)
from bench.runner import provenance
from bench.runner.checkpoint import Checkpoints, Stored, restore_streams
from bench.runner.devices import CPU, kind
from bench.runner.evaluation import FEW, MANY, Evaluator, Totals, isolated_randomness, seed_everything
from bench.runner.events import EVENTS, Events
from bench.runner.gauge import Gauge, require_gpu, watched
from bench.runner.jobs import TRAINING, Closing, Job, Progress, Report
from bench.runner.pulse import Pulse
from bench.runner.seeds import evaluation_seeds, seed
from bench.runner.worker import peak_mb

FURTHEST_OVERSHOOT, FURTHEST_STEPS = 10, 200_000
"""An algorithm may take so many times its budget, and so many steps more, before it counts as never ending."""
UNLIMITED = 1_000
"""Steps into an episode without a time limit in which values are held against returns."""
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
    with watched() as gauge:
        return _trained(job, report, keep, gauge)


def _trained(job: Job, report: Report, keep: Keep, gauge: Gauge) -> Closing:
    clock = _Clock()
    # First: what is committed from here on is not what runs.
    here = provenance.describe()
    trial = job.trial
    pulse = Pulse(report)
    if job.device != CPU:
        pulse.tell(doing="looking for its GPU")
        require_gpu(algorithm_of(trial).distributions)
    evaluator = _evaluator(trial, pulse)
    checkpoints = Checkpoints(job.folder, trial, minutes_between(job.limits), kind(job.device))
    learner, environments, so_far, events = _begun(job, pulse, checkpoints)
    so_far.setup.add(clock)
    course = _Course(trial, learner, evaluator, pulse, events, so_far, checkpoints, environments, clock, job.folder)
    tell_points(job.folder, so_far.rows)
    with checkpoints.heeding() if getattr(learner, "rests", False) else nullcontext():
        course.run()
    pulse.tell(doing="evaluating the final policy", steps=course.steps)
    final = evaluator.evaluate(
        learner,
        evaluation_seeds(trial.environment, trial.seed, "final", trial.evaluation.final_episodes),
        deterministic=trial.evaluation.deterministic,
    )
    if events is not None:
        events.tell("final", course.steps, final)
    record = Record(
        trial=trial,
        curve=course.curve(),
        final=Final(course.steps, final.returns, final.lengths),
        timings=so_far.timings(clock, None if job.device == CPU else job.packed),
        resources={
            "device": provenance.device_name(job.device),
            "threads": job.threads,
            "workers": job.workers,
            "peak_memory_mb": peak_mb(),
            "load": os.getloadavg()[0],
            "evaluation_environments": len(evaluator.slots),
            **({} if job.device == CPU else {"trials_per_gpu": job.packed, **gauge.seen()}),
        },
        provenance={
            **here,
            "started": so_far.started,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        },
        attempt=job.attempt,
        settings=learner.settings(),
        cut_episodes=_cut(so_far.cut, final.cut, evaluator),
        updates=getattr(learner, "updates", None),
        frames=_frames(trial, environments.taken, course.steps),
        gradients=tuple(so_far.gradients),
        diagnostics=course.diagnostics(),
        resumed=tuple(so_far.resumed),
    )
    pulse.tell(doing="keeping the record")
    keep(record, job.folder)
    pulse.tell(train_seconds=so_far.train.wall, mean_return=float(final.returns.mean()))
    return partial(_close, learner, evaluator, job.folder, events)


def _begun(
    job: Job, pulse: Pulse, checkpoints: Checkpoints
) -> tuple[Learner, TrainingEnvironments, _SoFar, Events | None]:
    """Return the learner, made anew or as it was stored, with its environments and what the trial has come to."""
    trial = job.trial
    environments = TrainingEnvironments(trial, pulse)
    stored = checkpoints.read(environments.rebuilt)
    events = Events(job.folder / EVENTS, anew=stored is None) if job.tensorboard else None
    watched = None if events is None else events.training
    if stored is not None:
        return *_resumed(stored, trial, pulse, watched), events
    pulse.tell(doing="making the learner")
    # Whatever this process has done before.
    seed_everything(seed("learner", trial.algorithm, trial.environment, _drawn_from(trial)))
    request = replace(learner_request(trial, kind(job.device), environments), events=watched)
    learner: Learner = load(algorithm_of(trial).maker)(request)
    return learner, environments, _SoFar.begin(trial, learner), events


def _resumed(
    stored: Stored, trial: Trial, pulse: Pulse, watched: Path | None
) -> tuple[Learner, TrainingEnvironments, _SoFar]:
    """Return the learner as it goes on, with its environments and what the trial has come to."""
    so_far: _SoFar = stored.so_far
    environments: TrainingEnvironments = stored.environments
    anew = environments.astray
    exact = stored.exact and environments.repeat
    so_far.resumed.append(Resumption(so_far.steps, exact))
    stored.learner.resume(watched, anew=anew)
    restore_streams(stored.streams)
    pulse.tell(steps=so_far.steps, train_seconds=so_far.train.wall, earlier_seconds=so_far.whole.wall)
    # A worker's standard output is its log.
    how = "as if it had never stopped" if exact else "otherwise than it would have, with environments or noise anew"
    print(f"--- goes on after {so_far.steps:,} of {trial.steps:,} steps, {how}", flush=True)  # noqa: T201
    return stored.learner, environments, so_far


def tell_points(folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the evaluations so far beside where the record will be, for whoever watches; who cannot, does without."""
    told = {"steps": [row["steps"] for row in rows], "returns": [_plain(row["returns"].mean()) for row in rows]}
    with suppress(OSError), replacing(folder / POINTS) as temporary:
        temporary.write_text(json.dumps(told))


def _plain(value: np.floating[Any]) -> float | None:
    return float(value) if np.isfinite(value) else None


def minutes_between(limits: Limits) -> float:
    """Return how long a trial trains from one checkpoint to the next; 0: it writes none."""
    return CHECKPOINT_MINUTES if limits.checkpoint_minutes is None else limits.checkpoint_minutes


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
    """Time that went into one thing; of training, evaluations and compiling excluded."""

    wall: float = 0.0
    cpu: float = 0.0
    compile: float = 0.0
    """Wall seconds between training steps in which code was compiled."""
    compile_cpu: float = 0.0

    def add(self, clock: _Clock, compiled: float = 0.0) -> None:
        """Add a stretch, of whose wall seconds so many went into compiling."""
        wall, cpu = clock.wall(), clock.cpu()
        # How much of the processor compiling had is not told: it is taken to be as much as the rest had.
        share = min(compiled / wall, 1.0) if wall else 0.0
        self.wall += wall * (1 - share)
        self.cpu += cpu * (1 - share)
        self.compile += wall * share
        self.compile_cpu += cpu * share


@dataclass(slots=True)
class _SoFar:
    """What a trial has come to, which a checkpoint stores beside the learner."""

    started: str
    """ISO 8601."""
    looks: list[int] = field(default_factory=list)
    """After which points the gradient's noise is still to be measured; 0: before training."""
    rows: list[dict[str, Any]] = field(default_factory=list)
    told: list[Mapping[str, float]] = field(default_factory=list)
    """What was told of the updates before each point, and of the critic at it."""
    gradients: list[GradientNoise] = field(default_factory=list)
    steps: int = 0
    cut: int = 0
    """Evaluation episodes that had to be cut."""
    whole: _Seconds = field(default_factory=_Seconds)
    """Of earlier processes, up to the checkpoints from which it went on."""
    setup: _Seconds = field(default_factory=_Seconds)
    train: _Seconds = field(default_factory=_Seconds)
    resumed: list[Resumption] = field(default_factory=list)

    @classmethod
    def begin(cls, trial: Trial, learner: Learner) -> _SoFar:
        """Return what it is at the beginning."""
        looks = list(trial.evaluation.gradient_looks) if hasattr(learner, "gradient_noise") else []
        return cls(datetime.now(UTC).isoformat(timespec="seconds"), looks)

    def at(self, clock: _Clock) -> _SoFar:
        """Return it as the next process is to find it, the seconds of this one counted."""
        whole = replace(self.whole)
        whole.add(clock)
        return replace(self, whole=whole)

    def timings(self, clock: _Clock, packed: int | None) -> dict[str, float]:
        """Return the record's, see there; `packed` trials share a GPU, None: there is none."""
        whole, train = self.at(clock).whole, self.train
        return {
            "wall": whole.wall,
            "setup": self.setup.wall,
            "train": train.wall,
            "train_cpu": train.cpu,
            "evaluation": whole.wall - self.setup.wall - train.wall - train.compile,
            "evaluation_cpu": whole.cpu - self.setup.cpu - train.cpu - train.compile_cpu,
            **({"compile": train.compile} if train.compile else {}),
            **({"gpu": whole.wall / packed} if packed else {}),
        }


class _Course:
    """One training with its evaluation points; the clock stops while an evaluation runs."""

    def __init__(
        self,
        trial: Trial,
        learner: Learner,
        evaluator: Evaluator,
        pulse: Pulse,
        events: Events | None,
        so_far: _SoFar,
        checkpoints: Checkpoints,
        environments: TrainingEnvironments,
        whole: _Clock,
        folder: Path,
    ) -> None:
        self._trial, self._learner, self._evaluator, self._pulse = trial, learner, evaluator, pulse
        self._events, self._so_far, self._whole, self._folder = events, so_far, whole, folder
        self._checkpoints, self._environments = checkpoints, environments
        points = trial.evaluation.points
        self._planned = [-(-trial.steps * (point + 1) // points) for point in range(points)]
        self._clock, self._compiled, self._below = _Clock(), 0.0, 0.0
        tells = trial.evaluation.diagnostics and hasattr(learner, "diagnostics")
        self._ask: Callable[[], Mapping[str, float]] = learner.diagnostics if tells else dict  # type: ignore[attr-defined]

    @property
    def steps(self) -> int:
        """Environment steps so far."""
        return self._so_far.steps

    def run(self) -> None:
        """Train to the budget; take every point that training itself did not pass, the last one always."""
        self._look_at_gradient(0)
        rests = (self._rest,) if getattr(self._learner, "rests", False) else ()
        self._go_on()
        # One that goes on in the final evaluation has nothing left to train.
        if self.steps < self._trial.steps:
            self._learner.learn(self._trial.steps, self._on_step, *rests)
        self._pause()
        if len(self._so_far.rows) < len(self._planned):
            self._evaluate(len(self._planned))
        if rests and self._checkpoints.worth():
            self._store()

    def _rest(self) -> None:
        """Store everything when it is time; that is no training."""
        if self._checkpoints.due():
            self._pause()
            self._store()
            self._go_on()

    def _store(self) -> None:
        self._pulse.tell(doing="writing a checkpoint", steps=self.steps, train_seconds=self._so_far.train.wall)
        self._checkpoints.write(self._learner, self._environments, self._so_far.at(self._whole))

    def _on_step(self, steps: int) -> bool:
        self._so_far.steps = steps
        if steps >= self._planned[min(len(self._so_far.rows), len(self._planned) - 1)] and len(self._so_far.rows) < len(
            self._planned
        ):
            self._pause()
            self._evaluate(sum(planned <= steps for planned in self._planned))
            self._go_on()
        if self._pulse.due():
            self._pulse.tell(steps=steps, train_seconds=self._so_far.train.wall + self._clock.wall())
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
        self._so_far.train.add(self._clock, _compiled(self._learner) - self._compiled)
        self._so_far.train.cpu += _below(self._learner) - self._below

    def _evaluate(self, passed: int) -> None:
        """Evaluate once and fill the rows of all planned points that are passed."""
        plan = self._trial.evaluation
        seeds = evaluation_seeds(self._trial.environment, self._trial.seed, passed, plan.episodes)
        self._pulse.tell(doing="evaluating the policy", steps=self.steps)
        played = self._evaluator.evaluate(self._learner, seeds, deterministic=plan.deterministic)
        self._so_far.cut += played.cut
        if self._events is not None:
            self._events.tell("evaluation", self.steps, played)
        training = self._learner.recent_training_return()
        row = {
            "steps": self.steps,
            "seconds": self._so_far.train.wall,
            "cpu_seconds": self._so_far.train.cpu,
            "returns": played.returns,
            "lengths": played.lengths,
            "training_returns": np.nan if training is None else training,
        }
        told = {**self._ask(), **self._value_error(passed)}
        self._so_far.told.extend([told] * (passed - len(self._so_far.rows)))
        self._so_far.rows.extend([row] * (passed - len(self._so_far.rows)))
        tell_points(self._folder, self._so_far.rows)
        self._look_at_gradient(passed)
        self._pulse.tell(train_seconds=self._so_far.train.wall, mean_return=float(played.returns.mean()))

    def _look_at_gradient(self, passed: int) -> None:
        """Measure the gradient's noise once where that is due after so many points."""
        if not self._so_far.looks or passed < self._so_far.looks[0]:
            return
        self._so_far.looks = [look for look in self._so_far.looks if look > passed]
        self._pulse.tell(doing="measuring the gradient's noise", steps=self.steps)
        trial, look = self._trial, len(self._so_far.gradients)
        with isolated_randomness(seed("gradient", trial.environment, trial.seed, look)):
            found = self._learner.gradient_noise(  # type: ignore[attr-defined]  # only some have it
                lambda index: _made(trial, {}, seed=seed("gradient", trial.environment, trial.seed, look, index))[0],
                trial.evaluation.gradient_episodes,
            )
        self._so_far.gradients.append(replace(found, steps=self.steps))

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
        return Curve(**{name: np.array([row[name] for row in self._so_far.rows]) for name in self._so_far.rows[0]})

    def diagnostics(self) -> dict[str, Floats]:
        """(points,) of each thing that was told, NaN where it was not."""
        names = [name for name in DIAGNOSTICS if any(name in told for told in self._so_far.told)]
        return {name: np.array([told.get(name, np.nan) for told in self._so_far.told]) for name in names}


def _compiled(learner: Learner) -> float:
    return float(getattr(learner, "compile_seconds", 0.0))


def _below(learner: Learner) -> float:
    """Return the processor seconds that the learner's own processes have spent on training."""
    return float(getattr(learner, "worker_seconds", 0.0))


def _frames(trial: Trial, taken: int, steps: int) -> int | None:
    """Return how many steps the training environments took themselves, where wrappers make several of one."""
    return taken if trial.hyperparameters.get("env_wrapper") and taken > steps else None


def learner_request(
    trial: Trial, device: str = "cpu", environments: TrainingEnvironments | None = None
) -> LearnerRequest:
    """Return what the trial's algorithm is made from."""
    own = seed("learner", trial.algorithm, trial.environment, _drawn_from(trial))
    make = environments or TrainingEnvironments(trial, Pulse(_unheard))
    return LearnerRequest(trial, make, own, device, environment_seed=partial(_training_seed, trial))


class TrainingEnvironments:
    """Makes the environments that a trial trains in, index -> environment, and counts their steps.

    A checkpoint stores them with what they have counted; where one of them cannot be, it is made anew.
    """

    def __init__(self, trial: Trial, pulse: Pulse) -> None:
        self._trial, self._pulse = trial, pulse
        self._made: list[tuple[int, Any, Totals]] = []
        self._before = 0
        """Steps of environments that are gone."""
        self._anew = False
        """Whether those here are to be made anew by whoever reads them back."""

    def __call__(self, index: int) -> Any:
        """Return a fresh environment, seeded from the index's own stream."""
        self._pulse.tell(doing=f"making training environment {index + 1}")
        env, totals = _made(self._trial, {}, seed=_training_seed(self._trial, index))
        self._made.append((index, env, totals))
        self._pulse.tell(doing="making the learner")
        return env

    @property
    def taken(self) -> int:
        """Steps that they have taken themselves."""
        return self._before + sum(totals.taken for _, _, totals in self._made)

    @property
    def astray(self) -> bool:
        """Whether one of them does not stand where it stood when it was stored."""
        return self._anew or any(getattr(totals, "astray", False) for _, _, totals in self._made)

    @property
    def repeat(self) -> bool:
        """Whether they go on to the last bit as they would have, had they not been stored."""
        return not self.astray and all(getattr(totals, "repeats", True) for _, _, totals in self._made)

    def __getstate__(self) -> dict[str, Any]:
        """Return all but whom this process tells of itself."""
        return {**vars(self), "_pulse": Pulse(_unheard)}

    def begun_anew(self) -> TrainingEnvironments:
        """Return the same, as it is to be stored where `places` stand for the environments."""
        other = copy(self)
        vars(other).update(_before=self.taken, _anew=True)
        return other

    def places(self) -> dict[int, tuple[str, int, int]]:
        """Return, by the identity of every environment and its totals, what `rebuilt` makes them anew from."""
        each = ((index, {"environment": env, "totals": totals}) for index, env, totals in self._made)
        return {id(whole): (what, index, self.taken) for index, both in each for what, whole in both.items()}

    def rebuilt(self, index: int, taken: int) -> dict[str, Any]:
        """Return an environment and its totals, made anew after so many steps of all, on a stream of its own."""
        trial = self._trial
        self._pulse.tell(doing=f"making training environment {index + 1}")
        own = seed("training", trial.algorithm, trial.environment, _drawn_from(trial), index, taken)
        env, totals = _made(trial, {}, seed=own)
        return {"environment": env, "totals": totals}


def _unheard(progress: Progress) -> None:
    del progress


def evaluation_environment(trial: Trial, **more: Any) -> tuple[Any, Totals]:
    """Return an environment as the trial is evaluated on it, and its totals; `more`: keywords such as render_mode."""
    return _made(trial, {**trial.evaluation_kwargs, **more})


def _training_seed(trial: Trial, index: int) -> int:
    return seed("training", trial.algorithm, trial.environment, _drawn_from(trial), index)


def _drawn_from(trial: Trial) -> int:
    """Return the seed that training draws from: all runs' the same where the settings say so."""
    return int(trial.hyperparameters.get("training_seed", trial.seed))


def _made(trial: Trial, more: Mapping[str, Any], **seeding: int) -> tuple[Any, Totals]:
    """Make the trial's environment: training and evaluation must have the same wrappers."""
    task = Task.of(trial.environment, {**trial.environment_kwargs, **more}, trial.hyperparameters)
    made: tuple[Any, Totals] = load(MAKE_ENVIRONMENT)(
        task.environment, task.kwargs, wrappers=task.wrappers, frame_stack=task.frame_stack, **seeding
    )
    return made
