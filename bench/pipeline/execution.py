"""The jobs of an experiment in; trials run and results kept."""

from __future__ import annotations

import io
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from types import FrameType
from typing import Protocol

from bench import store as stored
from bench.catalog import algorithm_of, is_own
from bench.console import say_stopping
from bench.errors import BenchError, BusyError, HindranceError, SuiteError
from bench.pipeline.bursts import Hardware, going_on, places
from bench.pipeline.experiment import (
    MIB_PER_GB,
    Experiment,
    Seconds,
    cramped,
    measured_seconds,
    oversized,
    require_runnable,
    resumes,
    slow_after_seconds,
    trial_memory,
    trial_seconds,
)
from bench.pipeline.inspection import preload, reach_working_directory
from bench.plain import counted, listed
from bench.plan import Cell
from bench.records import Failure, Record, Task, Trial
from bench.runner import devices, provenance
from bench.runner.batches import batches, tidy
from bench.runner.checkpoint import DEVICE, VERSIONS, difference, fit, stored_on
from bench.runner.devices import Gpu, default_workers
from bench.runner.jobs import LOSSES, LOST_DEVICE, Closing, Ended, Event, Executor, Hindrance, Job, Report, Started
from bench.runner.local import LocalExecutor
from bench.runner.profile import Profile
from bench.runner.slurm import SlurmExecutor
from bench.store import Store, Stored

ENOUGH_HINDRANCES = 3
"""So many one after the other, with no trial between that ended by itself, and nothing further is started."""


LOCAL, RAY, SLURM = "local", "ray", "slurm"
EXECUTORS = (LOCAL, RAY, SLURM)


def _unheard(_: str) -> None:
    """Say nothing."""


class Listener(Protocol):
    """What shows the events of one batch of trials."""

    def hear(self, event: Event) -> None:
        """Take in one event."""

    def stopping(self) -> None:
        """Say that the trials at work are ending; called from a signal handler."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run; nothing here may change a number but its last digits (other threads and devices add up otherwise)."""

    workers: int | None = None
    """Trials side by side; None: as many as the cores carry."""
    threads: int = 1
    """Threads of each trial."""
    devices: str = "auto"
    trials_per_gpu: int | None = None
    """None: as its memory carries."""
    retry_failed: bool = False
    share_processes: bool = True
    """Whether a process that has trained one compiled seed of a cell well is given the next (decision 23)."""
    executor: str = LOCAL
    """Where trials run: on this machine, or wherever a cluster places them (EXECUTORS)."""
    address: str | None = None
    """Of a Ray cluster; None: one of this machine alone."""
    profile: Profile | None = None
    """Of a cluster with Slurm."""
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
    hindered: int = 0
    """Trials that the harness could not run or keep, for no fault of theirs; they are missing."""
    hindrances: tuple[str, ...] = ()
    """Why, each reason once."""
    unreadable: int = 0
    """Files in the results folder that cannot be read: their trials are missing."""
    stored: int = 0
    """Missing trials that go on from a checkpoint."""
    anew: int = 0
    """Trials that were at work when the run ended, and begin anew."""

    @property
    def exit_code(self) -> int:
        """0 all done, 1 some failed or are still missing, 130 interrupted."""
        if self.interrupted:
            return 130
        return 0 if self.done == self.planned else 1


def prepare(experiment: Experiment, options: RunOptions, tell: Callable[[str], None] = _unheard) -> list[Job]:
    """Return a job for every trial that is missing (failed ones too, when they are to be tried again), in their order.

    Where there is a GPU, cells that take long are measured on it and on the CPU first. `tell` is given a sentence then,
    and where this machine's memory holds fewer trials than workers.

    Raises:
        DeviceError: a device was asked for that is not there.
        SuiteError: a trial takes more memory than this machine has, or than the profile of a cluster asks for.
        BenchError: the results are imported ones.
    """
    if experiment.imported:
        raise BenchError(f"{experiment.store.root} holds results of others: there is nothing to run; `bench report` it")
    require_runnable(experiment)
    return _jobs(experiment, replace(options, workers=options.workers or default_workers(options.threads)), tell)


def run(
    experiment: Experiment,
    jobs: Sequence[Job],
    listen: Callable[[Event], None],
    options: RunOptions | None = None,
    stopping: Callable[[], None] = say_stopping,
) -> Summary:
    """Run the jobs where the options say; tell `listen` every event; keep every failure.

    The first Ctrl-C (SIGTERM, SIGHUP) ends the trials at work and keeps what is finished; the second kills. A listener
    that nobody listens to any more, because the terminal or the pipe it writes to is closed, is an interrupt, too.
    `stopping` is called at the first SIGINT or SIGTERM, in the midst of whatever goes on: it may take no lock.

    Raises:
        HindranceError: nothing can be written to the results folder.
        BenchError: a cluster is not to be reached, or has no room for a trial.
    """
    executor = _executor(options or RunOptions(devices=devices.CPU), jobs, experiment)
    with _interrupts(executor.stop, _hang_up(executor), stopping) as came:
        if experiment.text:
            experiment.store.keep_suite(experiment.text)
            experiment.store.keep_inspected(experiment.inspected)
        course = _Course(executor, experiment.store, listen)
        course.follow(jobs)
    # To look through the records of others may take minutes: signals end the command again.
    survey = experiment.store.survey(course.stored.whole)
    states = Counter(survey.state(trial) for trial in experiment.plan.trials)
    on = {job.trial.name: job.device for job in jobs}
    lost = [trial for trial in course.cut if survey.state(trial) == "missing"]
    return Summary(
        planned=len(experiment.plan.trials),
        done=states["done"],
        failed=states["failed"],
        elsewhere=states["running"],
        interrupted=bool(came) or course.closed,
        hindered=len(course.hindrances),
        hindrances=tuple(dict.fromkeys(course.hindrances)),
        unreadable=len(survey.unreadable),
        stored=sum(resumes(survey, trial, on.get(trial.name, "")) for trial in experiment.plan.trials),
        anew=sum(not resumes(survey, trial, on[trial.name]) for trial in lost),
    )


def _executor(options: RunOptions, jobs: Sequence[Job], experiment: Experiment) -> Executor:
    if options.executor == RAY and jobs:
        from bench.runner.ray import RayExecutor  # noqa: PLC0415 - for who asks for it alone

        return RayExecutor(options.address, stored.receive, partial(_too_large, experiment), most=options.workers)
    if options.executor == SLURM and not jobs:
        tidy(experiment.store.root)
    if options.executor == SLURM and jobs:
        if options.profile is None:
            raise BenchError("--executor slurm: wants --profile FILE, which says what each trial asks for")
        if not options.profile.gpus and any(job.device != devices.CPU for job in jobs):
            raise BenchError(f"--devices {options.devices}: the profile asks for no GPU; write `gpus: 1` into it")
        return SlurmExecutor(options.profile, most=options.workers)
    return LocalExecutor(jobs[0].workers if jobs else 1, gpus=_gpus(options))


def _hang_up(executor: Executor) -> Callable[[], None]:
    """Return what is to be done when nobody listens any more: a batch system keeps what it has."""
    found: Callable[[], None] = getattr(executor, "leave", executor.stop)
    return found


def carry_out(job: Job, report: Report, *, known: Failure | None = None) -> Closing | None:
    """Run one job in its worker, unless another process has done it; the record is on disk afterwards.

    Args:
        job: what is to be run.
        report: takes signs of life.
        known: the failure that was there when the run was planned, and is tried again.

    Raises:
        BusyError: another process holds it, or it has failed in another run meanwhile.
        HindranceError: the folder cannot be claimed, or the record not be kept.
    """
    from bench.runner.trial import run_trial  # noqa: PLC0415 - imports Gymnasium: only in a worker

    reach_working_directory()
    with stored.claim(job.folder):
        there = stored.read(job.folder)
        if isinstance(there, Record):
            return None
        if isinstance(there, Failure) and there != known:
            raise BusyError(f"{job.folder.name} has failed in another run meanwhile")
        stored.set_aside(job.folder)
        return run_trial(job, report, keep=stored.keep)


def lock_note(experiment: Experiment) -> str:
    """Make the results folder; return what to know where its file system has no locks, nothing otherwise.

    Raises:
        HindranceError: nothing can be written there.
    """
    if experiment.store.prepare():
        return ""
    return (
        f"{experiment.store.root} lies on a file system without locks (flock): trials are claimed by files with a "
        "heartbeat instead. Should a machine vanish, its trials are free again after ten minutes; with --results on a "
        "local disk they would be at once"
    )


def _jobs(experiment: Experiment, options: RunOptions, tell: Callable[[str], None]) -> list[Job]:
    store, retry = experiment.store, options.retry_failed
    survey = store.survey()
    # What an earlier run has given to Slurm is listened to again.
    given = (batches(store.root) or ()) if options.executor == SLURM else ()
    at_slurm = {name for batch in given for name in batch.trials}
    states = [(trial, survey.state(trial)) for trial in experiment.plan.trials]
    trials = [
        trial
        for trial, state in states
        if _wanted(state, retry_failed=retry) or (state == "running" and trial.name in at_slurm)
    ]
    measured = measured_seconds(experiment, survey)
    expected, memory = trial_seconds(experiment, measured), trial_memory(experiment, survey)
    _require_memory(experiment, {trial.cell: memory[trial.cell] for trial in trials}, options)
    slow_after = slow_after_seconds(experiment, expected)
    hardware = Hardware(options.devices, _gpus(options), options.trials_per_gpu, options.threads, options.workers or 1)
    placed = places(hardware, trials, experiment.traits, expected, store, tell=tell)
    stood_on = {trial.name: stored_on(store.folder(trial)) for trial in trials if resumes(survey, trial)}
    jobs = []
    for trial in trials:
        place = going_on(placed[trial.cell], stood_on.get(trial.name, ""), hardware)
        jobs.append(
            Job(
                trial=trial,
                # An environment may change the working directory of the process that keeps its record.
                folder=store.folder(trial).absolute(),
                work=partial(carry_out, known=survey.failure(trial)),
                limits=experiment.suite.limits,
                device=place.device,
                packed=place.packed,
                threads=options.threads,
                workers=options.workers or 1,
                tensorboard=experiment.suite.tensorboard,
                expected_seconds=expected[trial.cell],
                expected_mb=memory[trial.cell],
                slow_after_seconds=slow_after[trial.cell],
                preload=(*options.preload, *preload(trial)),
                cell=_cell(trial, place.device) if options.share_processes else "",
            )
        )
    for begins_anew in _begins_anew([job for job in jobs if survey.stored(job.trial)]):
        tell(begins_anew)
    if options.executor == LOCAL and (short := _crowded(jobs, options.workers or 1, devices.free_memory_mb())):
        tell(short)
    return _in_order(jobs, measured)


def _require_memory(experiment: Experiment, memory: Mapping[Cell, float], options: RunOptions) -> None:
    complaints = oversized(experiment, memory, devices.memory_mb()) if options.executor == LOCAL else []
    complaints += [] if options.profile is None else cramped(experiment, memory, options.profile)
    if complaints:
        raise SuiteError(complaints)


def _begins_anew(stored: Sequence[Job]) -> Iterator[str]:
    """Yield, as sentences, how many of the trials with a checkpoint begin anew all the same, and why."""
    why = [(job, fit(job.folder, job.trial, job.device)) for job in stored]
    if moved := sum(found == DEVICE for _, found in why):
        yield (
            f"{counted(moved, 'interrupted trial')} will begin anew: stored on the other kind of device (CPU or GPU); "
            "`--devices auto` goes on where there is that kind"
        )
    if other := [job for job, found in why if found == VERSIONS]:
        apart = dict.fromkeys(difference(job.folder, job.trial) for job in other)
        yield (
            f"{counted(len(other), 'interrupted trial')} will begin anew: stored by another version "
            f"({listed(apart, 3, '; ')}); go back to it to go on"
        )


def _too_large(experiment: Experiment, job: Job, there_mb: float) -> str:
    """Return, as a sentence, why a job that takes more than all the memory there is cannot be run."""
    [complaint] = oversized(experiment, {job.trial.cell: job.expected_mb}, there_mb)
    return str(complaint)


def _crowded(jobs: Sequence[Job], workers: int, free_mb: float) -> str:
    """Return, as a sentence, which cells' trials have to wait for each other's memory; empty where none have."""
    counts, each = Counter(job.trial.cell for job in jobs), {job.trial.cell: job.expected_mb for job in jobs}
    held = {cell: int(free_mb // max(memory, 1.0)) for cell, memory in each.items()}
    found = [
        f"{cell[0]} on {cell[1]} ({each[cell] / MIB_PER_GB:.1f} GB a trial, {_side_by_side(held[cell])})"
        for cell, count in counts.items()
        if held[cell] < min(workers, count)
    ]
    if not found:
        return ""
    beside = f"{workers} trials side by side" if workers > 1 else "a trial"
    return (
        f"{free_mb / MIB_PER_GB:.1f} GB of memory are free, less than {beside} may come to take: "
        f"{listed(found, 3, '; ')}. The others wait; a smaller buffer_size, or more memory, lets them run"
    )


def _side_by_side(held: int) -> str:
    return f"{held} side by side" if held else "more than is free even for one, which is tried alone"


def require_devices(options: RunOptions) -> None:
    """Complain about devices before anything is planned or told of a plan.

    Raises:
        DeviceError: they are not understood, or not there.
    """
    _gpus(options)


def _gpus(options: RunOptions) -> tuple[Gpu, ...]:
    """Return the GPUs that trials may have; on a cluster, of each machine the one that a trial then sees."""
    there = devices.available() if options.executor == LOCAL else devices.elsewhere(options.devices)
    return devices.choose(options.devices, there)


def _in_order(jobs: Sequence[Job], measured: Seconds) -> list[Job]:
    """Return the longest first, so that no worker is left alone with it at the end.

    Before them all goes one of each cell of which nothing is known: what it takes tells what the others will, and what
    is wrong with a cell shows before hours are spent on another.
    """
    longest = sorted(jobs, key=lambda job: -job.expected_seconds)
    first = {job.trial.cell: job for job in reversed(longest) if job.trial.cell not in measured}
    return sorted(longest, key=lambda job: job is not first.get(job.trial.cell))


def _wanted(state: str, *, retry_failed: bool) -> bool:
    # A failure stays on disk until the new attempt has an outcome.
    return state == "missing" or (state == "failed" and retry_failed)


def _cell(trial: Trial, device: str) -> str:
    """Return what trials share that may take turns in one process; nothing where each has one to itself.

    Somebody else's environment, or what steps it, may keep something from one trial to the next, and a GPU's memory is
    given back for certain only when its process ends.
    """
    task = Task.of(trial.environment, trial.environment_kwargs, trial.hyperparameters)
    gains = algorithm_of(trial).compiles and is_own(task) and not trial.backend and device == "cpu"
    return f"{trial.label} on {trial.environment}" if gains else ""


class _Course:
    """One run: what was started, what hindered it, and whether anybody still listens."""

    def __init__(self, executor: Executor, store: Store, listen: Callable[[Event], None]) -> None:
        self._executor, self._store, self._listen = executor, store, listen
        self._provenance = provenance.describe()
        self._in_a_row: list[str] = []
        """The machines that hindered the latest trials; empty: nobody knows which."""
        self._hosts: set[str] = set()
        """Other machines that have begun a trial."""
        self.stored = Stored(store.root)
        self.hindrances: list[str] = []
        self._unheard = False
        self.closed = False
        """Whether the reader of what is told has gone."""
        self.cut: list[Trial] = []
        """What was started and has not ended."""

    def follow(self, jobs: Sequence[Job]) -> None:
        """Run the jobs; keep failures, tell everything, and tidy what was started and came to nothing."""
        started, ended, output = {}, set[str](), sys.stdout
        try:
            with closing(self._executor.events(jobs)) as events:
                for event in events:
                    if isinstance(event, Started):
                        started[event.job.trial.fingerprint] = event.job.trial
                        self._hosts.add(event.host)
                    if isinstance(event, Ended) and not event.will_retry:
                        ended.add(event.job.trial.fingerprint)
                    self._tell(self._kept(event) if isinstance(event, Ended) else event)
        finally:
            sys.stdout = output
            self.stored.keep()
        for trial in started.values():
            self._store.tidy(trial)
        self.cut = [trial for fingerprint, trial in started.items() if fingerprint not in ended]

    def _kept(self, event: Ended) -> Ended:
        """Keep a failure that is final, note a record; return the event, or the hindrance that this has met."""
        failure = event.failure
        if event.done:
            self.stored.note(event.job.folder)
        if failure is not None and not event.will_retry:
            try:
                self._keep(failure)
            except HindranceError as error:
                event = replace(event, failure=None, hindrance=Hindrance(error.kind, str(error)))
        # A GPU that is gone hinders nothing on the CPU or on another.
        self._weigh(event, alone=failure is not None and failure.kind == LOST_DEVICE)
        return event

    def _keep(self, failure: Failure) -> None:
        """Keep a failure.

        Raises:
            HindranceError: it cannot be kept, or is none of the trial's, which stays missing then with its checkpoint.
        """
        if failure.kind in LOSSES:
            raise HindranceError(f"{failure.trial.name}: {failure.message}")
        self._store.keep_failure(replace(failure, provenance=self._provenance))

    def _weigh(self, event: Ended, *, alone: bool = False) -> None:
        """Start nothing further where nothing can work any more; `alone`: what hinders this hinders no other."""
        if event.hindrance is None:
            self._in_a_row.clear()
        elif event.hindrance.kind != "elsewhere":
            self._in_a_row += [] if alone else [event.hindrance.host]
            self.hindrances.append(event.hindrance.message)
            if event.hindrance.kind == "halted" or self._all_hindered():
                self._executor.drain()

    def _all_hindered(self) -> bool:
        """Return whether nothing seems to work any more, anywhere: not where one machine of several is in trouble."""
        enough, hosts = len(self._in_a_row) >= ENOUGH_HINDRANCES, set(self._in_a_row)
        return enough and ("" in hosts or len(hosts) > 1 or self._hosts <= hosts)

    def _tell(self, event: Event) -> None:
        if self._unheard:
            return
        try:
            self._listen(event)
        except OSError as error:
            # A pipe's reader has gone, and with it who asked for the run. Other trouble with the output, a full disk
            # say, costs words and no work; of a terminal that is closed a signal tells, unless `nohup` asked for none.
            self._unheard = True
            # What could not be written waits in the stream; the next process to be started would flush it, and fail.
            sys.stdout = io.StringIO()
            if isinstance(error, BrokenPipeError):
                self.closed = True
                _hang_up(self._executor)()


@contextmanager
def _interrupts(
    stop: Callable[[], None], hang_up: Callable[[], None], stopping: Callable[[], None]
) -> Iterator[list[int]]:
    """Call `stop` at SIGINT and SIGTERM, `hang_up` at SIGHUP, instead of raising; yield the signals that have come.

    `stopping` follows the first `stop`.
    """
    came: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        del frame
        came.append(number)
        (hang_up if number == signal.SIGHUP else stop)()
        if came in ([signal.SIGINT], [signal.SIGTERM]):
            stopping()

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as nohup asks for
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
