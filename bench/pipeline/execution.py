"""The jobs of an experiment in; trials run and results kept."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from types import FrameType
from typing import TYPE_CHECKING, Any

from bench import store as stored
from bench.catalog import Environment, find_algorithm
from bench.errors import BenchError
from bench.pipeline.experiment import Experiment, default_workers, measured_seconds
from bench.plan import expected_seconds
from bench.records import Trial
from bench.store import Store

if TYPE_CHECKING:
    from bench.runner.jobs import Closing, Ended, Event, Executor, Job, Report


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run; nothing here may change a number but its last digits (other threads and devices add up otherwise)."""

    workers: int | None = None
    """Trials side by side; None: as many as the cores carry."""
    threads: int = 1
    """Threads of each trial."""
    devices: str = "auto"
    retry_failed: bool = False
    preload: tuple[str, ...] = ()
    """Further modules worth importing once for all workers; the caller's own, say."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run came to."""

    planned: int
    done: int
    failed: int
    elsewhere: int
    """Trials that another `bench run` on the same folder is running."""
    interrupted: bool

    @property
    def exit_code(self) -> int:
        """0 all done, 1 some failed or are still missing, 130 interrupted."""
        if self.interrupted:
            return 130
        return 0 if self.done == self.planned else 1


def prepare(experiment: Experiment, options: RunOptions) -> list[Job]:
    """Return a job for every trial that is missing (failed ones too, when they are to be tried again), longest first.

    Raises:
        DeviceError: a device was asked for that is not there.
        BenchError: the results are imported ones.
    """
    if experiment.imported:
        raise BenchError(f"{experiment.store.root} holds results of others: there is nothing to run; `bench report` it")
    return _jobs(experiment, replace(options, workers=options.workers or default_workers(options.threads)))


def run(experiment: Experiment, jobs: Sequence[Job], listen: Callable[[Event], None]) -> Summary:
    """Run the jobs; tell `listen` every event; keep every failure.

    The first Ctrl-C ends the trials at work and keeps what is finished; the second kills.
    """
    from bench.runner.local import LocalExecutor  # noqa: PLC0415 - see bench/pipeline/__init__.py

    if experiment.text:
        experiment.store.keep_suite(experiment.text)
    executor = LocalExecutor(jobs[0].workers if jobs else 1)
    with _interrupts(executor.stop) as interrupted:
        _follow(executor, jobs, experiment.store, listen)
    for job in jobs:
        experiment.store.tidy(job.trial)
    states = Counter(experiment.store.state(trial) for trial in experiment.plan.trials)
    return Summary(
        planned=len(experiment.plan.trials),
        done=states["done"],
        failed=states["failed"],
        elsewhere=states["running"],
        interrupted=bool(interrupted),
    )


def carry_out(job: Job, report: Report) -> Closing | None:
    """Run one job in its worker, unless another process holds it or has done it; the record is on disk afterwards."""
    from bench.runner.trial import run_trial  # noqa: PLC0415 - see bench/pipeline/__init__.py

    try:
        with stored.claim(job.folder):
            if not stored.is_done(job.folder):
                return run_trial(job, report, keep=stored.keep)
    except stored.BusyError as busy:
        print(busy)  # noqa: T201 - a worker's standard output is its log
    return None


def _jobs(experiment: Experiment, options: RunOptions) -> list[Job]:
    from bench.runner import devices  # noqa: PLC0415 - see bench/pipeline/__init__.py
    from bench.runner.jobs import Job  # noqa: PLC0415 - see bench/pipeline/__init__.py

    store, retry = experiment.store, options.retry_failed
    trials = [trial for trial in experiment.plan.trials if _wanted(store, trial, retry_failed=retry)]
    chosen = devices.choose(options.devices, devices.available())
    wanted = [_device_traits(trial, experiment.traits[trial.environment]) for trial in trials]
    placed = devices.place(options.devices, chosen, wanted)
    measured = measured_seconds(experiment)
    jobs = []
    for trial, device in zip(trials, placed, strict=True):
        folder = store.folder(trial)
        folder.mkdir(parents=True, exist_ok=True)
        jobs.append(
            Job(
                trial=trial,
                folder=folder,
                work=carry_out,
                limits=experiment.suite.limits,
                device=device,
                threads=options.threads,
                workers=options.workers or 1,
                expected_seconds=measured.get((trial.label, trial.environment)) or expected_seconds(trial),
                preload=(*options.preload, *_preload(trial)),
            )
        )
    # The longest first, so that no worker is left alone with it at the end.
    return sorted(jobs, key=lambda job: -job.expected_seconds)


def _wanted(store: Store, trial: Trial, *, retry_failed: bool) -> bool:
    state = store.state(trial)
    if state == "failed" and retry_failed:
        store.forget_failure(trial)
        return True
    return state == "missing"


def _device_traits(trial: Trial, environment: Environment) -> Any:
    from bench.runner.devices import Traits  # noqa: PLC0415 - see bench/pipeline/__init__.py

    algorithm = find_algorithm(trial.algorithm)
    return Traits("torch" in algorithm.distributions, algorithm.on_policy, environment.observations)


def _preload(trial: Trial) -> tuple[str, ...]:
    algorithm = find_algorithm(trial.algorithm)
    code = (algorithm.maker, algorithm.implementation)
    modules = [
        "bench.pipeline",
        "bench.runner.trial",
        "bench.environments.making",
        *(name.partition(":")[0] for name in code),
    ]
    if "torch" in trial.versions:
        # torch imports its compiler when the first optimiser is made: 1.5 s of every trial, unless it is there already.
        modules.append("torch._dynamo")
    if "box2d" in trial.versions:
        modules.append("gymnasium.envs.box2d")
    return tuple(modules)


def _follow(executor: Executor, jobs: Sequence[Job], store: Store, listen: Callable[[Event], None]) -> None:
    from bench.runner.jobs import Ended  # noqa: PLC0415 - see bench/pipeline/__init__.py

    with closing(executor.events(jobs)) as events:
        for event in events:
            if isinstance(event, Ended):
                _keep_failure(event, store)
            listen(event)


def _keep_failure(event: Ended, store: Store) -> None:
    if event.failure is not None and not event.will_retry:
        from bench.runner import provenance  # noqa: PLC0415 - see bench/pipeline/__init__.py

        store.keep_failure(replace(event.failure, provenance=provenance.describe()))


@contextmanager
def _interrupts(stop: Callable[[], None]) -> Iterator[list[int]]:
    """Call `stop` at SIGINT and SIGTERM instead of raising; yield the signals that have come."""
    came: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        del frame
        came.append(number)
        stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
