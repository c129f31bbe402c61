"""A suite file in; trials run, results kept, a report written: the one place that knows all rooms.

The heavy rooms are imported where they are used: `bench --help` and `bench status` must not pay for pandas.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from bench import store as stored
from bench.catalog import Environment, environments, find_algorithm
from bench.errors import BenchError, CatalogError, Complaint, StoreError, SuiteError
from bench.plan import Cost, Plan, cost, expected_seconds, plan
from bench.records import Estimates, Failure, Outcome, Record, Reference, Suite, Trial
from bench.store import Store
from bench.suite import read

if TYPE_CHECKING:
    import pandas as pd

    from bench.runner.jobs import Ended, Event, Executor, Job, Report

RESULTS, REPORTS = Path("results"), Path("reports")
SUITE_COPY = "suite.yaml"
BOOTSTRAP_SEED = 20_260_101
"""The analysis draws its resamples from this: the same results give the same report."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """A suite with its plan and the place of its results."""

    suite: Suite
    plan: Plan
    store: Store
    text: str


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


@dataclass(frozen=True, slots=True)
class CellStatus:
    """How far one cell is."""

    label: str
    environment: str
    done: int
    failed: int
    running: int
    missing: int
    reasons: tuple[str, ...]
    """`seed 3: timeout (...)` for each failure."""


def open_experiment(
    path: Path, *, only: Sequence[str] = (), seeds: int | None = None, results: Path = RESULTS
) -> Experiment:
    """Read a suite file, or the suite kept in a results folder, and plan it.

    Raises:
        SuiteError: everything that is wrong with the suite, at once.
        BenchError: there is no such file.
    """
    file = path / SUITE_COPY if path.is_dir() else path
    if not file.is_file():
        kept = f"; a results folder holds a {SUITE_COPY}" if path.is_dir() else "; `bench list suites` shows some"
        raise BenchError(f"{path}: there is no suite{kept}")
    suite = read(file)
    root = path if path.is_dir() else results / suite.name
    planned = plan(suite, _traits(suite), only=only, seeds=seeds)
    return Experiment(suite, planned, Store(root), file.read_text())


def cost_of(experiment: Experiment) -> Cost:
    """Return what the trials still to be run will take, from this machine's own records where there are some."""
    import statistics  # noqa: PLC0415 - see the module docstring

    missing = [trial for trial in experiment.plan.trials if experiment.store.state(trial) != "done"]
    measured = measured_seconds(experiment)
    # What the finished cells took, against what was expected of them, tells how fast this machine is.
    ratios = [
        measured[cell] / expected_seconds(trials[0])
        for cell, trials in cells_in_order(experiment).items()
        if cell in measured
    ]
    return cost(missing, measured, correction=statistics.median(ratios) if ratios else 1.0)


def measured_seconds(experiment: Experiment) -> dict[tuple[str, str], float]:
    """Return the median wall seconds of a trial per (label, environment), from the records at hand."""
    import statistics  # noqa: PLC0415 - see the module docstring

    walls: dict[tuple[str, str], list[float]] = {}
    for trial in experiment.plan.trials:
        outcome = experiment.store.outcome(trial)
        if isinstance(outcome, Record):
            walls.setdefault((trial.label, trial.environment), []).append(outcome.timings["wall"])
    return {cell: statistics.median(seconds) for cell, seconds in walls.items()}


def prepare(experiment: Experiment, options: RunOptions) -> list[Job]:
    """Return a job for every trial that is missing (failed ones too, when they are to be tried again).

    Raises:
        DeviceError: a device was asked for that is not there.
    """
    return _jobs(experiment, replace(options, workers=options.workers or default_workers(options.threads)))


def default_workers(threads: int = 1) -> int:
    """Return how many trials of `threads` threads this process may run side by side without crowding its cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // threads)


def run(experiment: Experiment, jobs: Sequence[Job], listen: Callable[[Event], None]) -> Summary:
    """Run the jobs; tell `listen` every event; keep every failure.

    The first Ctrl-C ends the trials at work and keeps what is finished; the second kills.
    """
    from bench.runner.local import LocalExecutor  # noqa: PLC0415 - see the module docstring

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


def carry_out(job: Job, report: Report) -> None:
    """Run one job in its worker, unless another process holds it or has done it; the record is on disk afterwards."""
    from bench.runner.trial import run_trial  # noqa: PLC0415 - see the module docstring

    try:
        with stored.claim(job.folder):
            if not stored.is_done(job.folder):
                run_trial(job, report, keep=stored.keep)
    except stored.BusyError as busy:
        print(busy)  # noqa: T201 - a worker's standard output is its log


def status(experiment: Experiment) -> list[CellStatus]:
    """Return how far every cell is, in the order of the suite."""
    return [_cell_status(experiment.store, *cell, trials) for cell, trials in cells_in_order(experiment).items()]


def cells_in_order(experiment: Experiment) -> dict[tuple[str, str], list[Trial]]:
    """Return the planned trials by (label, environment), in the order in which the suite names them."""
    suite = experiment.suite
    order = [(entry.label, place.environment) for place in suite.environments for entry in suite.algorithms]
    cells: dict[tuple[str, str], list[Trial]] = {cell: [] for cell in order}
    for trial in experiment.plan.trials:
        cells[trial.label, trial.environment].append(trial)
    return {cell: trials for cell, trials in cells.items() if trials}


def estimates(experiment: Experiment) -> Estimates:
    """Return the analysis of what there is so far."""
    import numpy as np  # noqa: PLC0415 - see the module docstring

    from bench.analysis import analyse  # noqa: PLC0415 - see the module docstring

    planned, outcomes = gather(experiment)
    return analyse(
        experiment.suite, planned, outcomes, references(experiment.suite), np.random.default_rng(BOOTSTRAP_SEED)
    )


def write_report(experiment: Experiment, folder: Path | None = None) -> Path:
    """Analyse and write the report; return the page."""
    from bench.report import write  # noqa: PLC0415 - see the module docstring

    return write(estimates(experiment), folder or REPORTS / experiment.suite.name)


def gather(experiment: Experiment) -> tuple[list[Trial], list[Outcome]]:
    """Return the planned trials and all outcomes, each outcome under the label that the suite gives it now.

    Results made with other versions of the libraries stand in for planned trials that nothing else covers: a report of
    published results must not depend on what is installed where it is read.
    """
    found = {outcome.trial.fingerprint: outcome for outcome in experiment.store.outcomes()}
    unversioned = {replace(outcome.trial, versions={}).fingerprint: outcome for outcome in found.values()}
    planned, outcomes, used = [], [], set()
    for trial in experiment.plan.trials:
        outcome = found.get(trial.fingerprint) or unversioned.get(replace(trial, versions={}).fingerprint)
        if outcome is None:
            planned.append(trial)
            continue
        used.add(outcome.trial.fingerprint)
        covered = replace(trial, versions=outcome.trial.versions)
        planned.append(covered)
        outcomes.append(replace(outcome, trial=covered))
    return planned, [*outcomes, *(outcome for key, outcome in found.items() if key not in used)]


def references(suite: Suite) -> dict[str, Reference | None]:
    """Return each environment's reference: the suite's own, else the catalogue's, else None."""
    known = environments()
    return {
        place.environment: place.reference
        or (known[place.environment].reference if place.environment in known else None)
        for place in suite.environments
    }


def load(path: str | Path) -> Mapping[str, pd.DataFrame]:
    """Return results as tidy pandas frames: `trials`, `points` (of the learning curves) and `episodes`.

    Args:
        path: a results folder such as `results/discrete`, or a suite file.

    Raises:
        BenchError: nothing is there, or it cannot be read.
    """
    from bench.analysis.frames import frames  # noqa: PLC0415 - see the module docstring

    experiment = open_experiment(Path(path))
    _, outcomes = gather(experiment)
    return frames(outcomes, references(experiment.suite))


def export(experiment: Experiment, folder: Path, kind: str) -> list[Path]:
    """Write the tidy frames into `folder` as `csv` or `parquet`; return the files.

    Raises:
        BenchError: another kind.
    """
    from bench.analysis.frames import frames  # noqa: PLC0415 - see the module docstring

    if kind not in ("csv", "parquet"):
        raise BenchError(f"format {kind!r} is not known; csv or parquet")
    _, outcomes = gather(experiment)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, frame in frames(outcomes, references(experiment.suite)).items():
        path = folder / f"{name}.{kind}"
        frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path, index=False)
        written.append(path)
    return written


def _traits(suite: Suite) -> dict[str, Environment]:
    """Return every environment's traits; unknown ids are made once and looked at."""
    known, found, complaints = environments(), {}, []
    for place in suite.environments:
        if place.environment in known:
            found[place.environment] = known[place.environment]
            continue
        from bench.environments.making import inspect  # noqa: PLC0415 - only for ids that the catalogue lacks

        try:
            found[place.environment] = inspect(place.environment, place.kwargs)
        except CatalogError as error:
            line = suite.lines.get(f"environments.{place.environment}", 0)
            complaints.append(Complaint(f"{suite.path}:{line}: environments", str(error)))
    if complaints:
        raise SuiteError(complaints)
    return found


def _jobs(experiment: Experiment, options: RunOptions) -> list[Job]:
    from bench.runner import devices  # noqa: PLC0415 - see the module docstring
    from bench.runner.jobs import Job  # noqa: PLC0415 - see the module docstring

    store, retry = experiment.store, options.retry_failed
    trials = [trial for trial in experiment.plan.trials if _wanted(store, trial, retry_failed=retry)]
    traits = _traits(experiment.suite)
    chosen = devices.choose(options.devices, devices.available())
    wanted = [_device_traits(trial, traits[trial.environment]) for trial in trials]
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
    return jobs


def _wanted(store: Store, trial: Trial, *, retry_failed: bool) -> bool:
    state = store.state(trial)
    if state == "failed" and retry_failed:
        store.forget_failure(trial)
        return True
    return state == "missing"


def _device_traits(trial: Trial, environment: Environment) -> Any:
    from bench.runner.devices import Traits  # noqa: PLC0415 - see the module docstring

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
    from bench.runner.jobs import Ended  # noqa: PLC0415 - see the module docstring

    with closing(executor.events(jobs)) as events:
        for event in events:
            if isinstance(event, Ended):
                _keep_failure(event, store)
            listen(event)


def _keep_failure(event: Ended, store: Store) -> None:
    if event.failure is not None and not event.will_retry:
        from bench.runner import provenance  # noqa: PLC0415 - see the module docstring

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


def _cell_status(store: Store, label: str, environment: str, trials: Sequence[Trial]) -> CellStatus:
    states = [store.state(trial) for trial in trials]
    counts = Counter(states)
    return CellStatus(
        label=label,
        environment=environment,
        done=counts["done"],
        failed=counts["failed"],
        running=counts["running"],
        missing=counts["missing"],
        reasons=tuple(_reason(store, trial) for trial, state in zip(trials, states, strict=True) if state == "failed"),
    )


def _reason(store: Store, trial: Trial) -> str:
    try:
        outcome = store.outcome(trial)
    except StoreError as error:
        return f"seed {trial.seed}: {error}"
    return f"seed {trial.seed}: {outcome.kind} ({outcome.message})" if isinstance(outcome, Failure) else ""
