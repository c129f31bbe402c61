"""Jobs in, events out: trials on this machine, each in a process that no other trial is in.

A fork server imports the learning libraries once and forks a keeper (see `bench.runner.keeper`) for each trial, which
forks the trial: some tens of milliseconds instead of seconds of importing. A process that has done one job of a cell
well may be given the next one, and need not compile again what it has compiled. The keepers enforce the limits; what is
left here is to keep the slots filled and to pass on what the keepers say.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pickle
import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import Pipe, forkserver, get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess

from bench.errors import HINDRANCES, HindranceError, hindrance
from bench.records import Failure
from bench.runner.devices import ANY_GPU, CPU, Gpu, answers, berth, free_memory_mb, worker_environment
from bench.runner.jobs import (
    LOST_DEVICE,
    Ended,
    Event,
    Hindrance,
    Job,
    Progress,
    Progressed,
    RetryPolicy,
    Slowed,
    Started,
)
from bench.runner.keeper import FREE, Hatched, keep
from bench.runner.lived import LOOK_SECONDS, LivedClock
from bench.runner.orphans import end_orphans
from bench.runner.vigil import Vigil
from bench.runner.worker import Order, Verdict, thread_environment

_FORKSERVER = get_context("forkserver")
_OWN_MODULES = ("bench.runner.adoption", keep.__module__)
_START_ATTEMPTS = 6
MOST_TRIALS = 10
"""How many trials one process is given, one after the other."""
_PATIENCE_SECONDS = 10.0
"""How long a keeper may take beyond the grace period before it is killed itself."""
_OVERDUE_GRACES = 3
"""How many grace periods after a limit the keeper must have told how it ended the trial."""
_GPU_LOOK_SECONDS = 5.0
"""Between two looks at whether the GPUs at work are still there."""
_TERMINAL_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
"""What a terminal, or a batch system, sends to every process of a command at once."""
_LOST_SERVER = 255
"""The exit code multiprocessing gives when the fork server, which would have known, is gone."""


@dataclass(slots=True)
class _Slot:
    """A job at work."""

    job: Job
    process: ForkServerProcess
    line: Connection
    clock: LivedClock
    since: float
    grace_seconds: float
    vigil: Vigil
    slow_at: float
    pid: int | None = None
    verdict: Verdict | None = None
    trials: int = 1
    """How many the process has been given, this one counted."""
    lost: str = ""
    """What has become of its GPU, if that is gone."""

    @property
    def overdue_at(self) -> float:
        """When its keeper, which should have ended the trial by then, must itself be hanging."""
        minutes = self.job.limits.timeout_minutes
        deadline = float("inf") if minutes is None else self.since + 60 * minutes
        return min(deadline, self.vigil.until) + _OVERDUE_GRACES * self.grace_seconds


class LocalExecutor:
    """Runs up to `workers` trials side by side; no trial can stop another.

    An executor serves one run. `stop` and `drain` may be called from other threads and from signal handlers.
    """

    def __init__(
        self,
        workers: int,
        retries: RetryPolicy | None = None,
        grace_seconds: float = 5.0,
        *,
        gpus: Sequence[Gpu] = (),
        answer: Callable[[Gpu], bool] = answers,
        memory_mb: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what the trials of a run may have.

        Args:
            workers: trials side by side.
            retries: what is tried again.
            grace_seconds: for a trial that is told to go.
            gpus: for jobs that ask for any.
            answer: whether a GPU is still there.
            memory_mb: of memory for all trials together, in units of 2**20 bytes; None: what this machine has now.
            clock: steady, in seconds; a time in which this process, or a keeper, is suspended counts for no limit.

        Raises:
            ValueError: there is not one worker.
        """
        if workers < 1:
            raise ValueError(f"workers must be at least 1, not {workers}")
        self._workers = workers
        self._retries = RetryPolicy() if retries is None else retries
        self._grace_seconds = self._stop_seconds = grace_seconds
        self._gpus, self._answer = list(gpus), answer
        self._memory_mb = free_memory_mb() if memory_mb is None else memory_mb
        self._given = frozenset(gpu.device for gpu in gpus)
        self._clock = LivedClock(clock)
        self._look_at = self._clock() + _GPU_LOOK_SECONDS
        self._draining = False
        self._stops = 0
        self._warming_up = False
        self._give_up_at: float | None = None
        self._woken, self._waker = Pipe(duplex=False)

    def drain(self) -> None:
        """Start no further job; those at work finish. A failure that was to be retried is not."""
        self._draining = True

    def stop(self, grace_seconds: float | None = None) -> None:
        """End the trials at work, without an event for them: SIGTERM, then SIGKILL after so long.

        A second call kills at once.

        Args:
            grace_seconds: None: the executor's own.
        """
        self._draining = True
        self._stop_seconds = self._grace_seconds if grace_seconds is None else grace_seconds
        self._stops += 1
        self._waker.send_bytes(b"stop")
        if self._warming_up:
            # Nothing depends on the fork server yet, and it would go on importing for some seconds.
            _kill(vars(forkserver)["_forkserver"]._forkserver_pid)  # noqa: SLF001  # there is no public way to it

    def events(self, jobs: Sequence[Job]) -> Generator[Event, None, None]:
        """Run all jobs in their order and tell what happens.

        Every job gets one last `Ended` (`will_retry` False) unless the run is drained or stopped. Closing the iterator
        kills what is still at work.
        """
        queue = deque(jobs)
        _FORKSERVER.set_forkserver_preload(_preload(queue))
        slots: dict[Connection, _Slot] = {}
        # Before multiprocessing's own exit handler, which would wait for the trials of an iterator nobody closed.
        at_exit = atexit.register(partial(_abandon, slots))
        try:
            yield from self._fill(queue, slots)
            while slots and not self._given_up():
                for line in self._ready(slots):
                    yield from self._hear(slots, line, queue)
                yield from self._look_at_clock(slots, queue)
                yield from self._fill(queue, slots)
            yield from () if self._draining else _stranded(queue)
        finally:
            _abandon(slots)
            atexit.unregister(at_exit)

    def _fill(self, queue: deque[Job], slots: dict[Connection, _Slot]) -> Iterator[Event]:
        while len(slots) < self._workers and not self._draining and (job := self._next(queue, slots)) is not None:
            self._warming_up = not slots
            try:
                slot = self._start(job)
            except Exception as error:  # noqa: BLE001  # one job that cannot be sent must not stop the others
                if not self._stops:
                    told = _not_started(error, job)
                    yield self._ended(job, Verdict(told.kind, str(told)), queue)
            else:
                slots[slot.line] = slot
            finally:
                self._warming_up = False

    def _next(self, queue: deque[Job], slots: Mapping[Connection, _Slot]) -> Job | None:
        """Take the first job that there is room for from the queue, with the GPU that it is to have.

        What is at work may not have taken yet what it will; one alone is started in any case.
        """
        at_work = [slot.job for slot in slots.values()]
        free = self._memory_mb - sum(job.expected_mb for job in at_work)
        # Thousands may wait for a part of a GPU, all alike.
        refused = set[tuple[str, int]]()
        for index, job in enumerate(queue):
            part = job.device, job.packed
            if part in refused or (at_work and job.expected_mb > free):
                continue
            if (placed := berth(job, self._gpus, at_work)) is not None:
                del queue[index]
                return placed
            refused.add(part)
        return None

    def _start(self, job: Job) -> _Slot:
        order = self._order(job)
        for attempt in range(_START_ATTEMPTS):
            if attempt == _START_ATTEMPTS // 2:
                # One of the preloaded modules must break the server. Without them, whoever imports it fails alone.
                _FORKSERVER.set_forkserver_preload(list(_OWN_MODULES))
            # A server that has just died is noticed here; multiprocessing starts another once the death is reported.
            with contextlib.suppress(OSError, EOFError):
                return _fork_keeper(job, order, self._clock)
            if self._stops:
                raise InterruptedError(f"{job.trial.name}: stopped before it was started")
            time.sleep(0.05 * attempt)
        return _fork_keeper(job, order, self._clock)

    def _order(self, job: Job) -> Order:
        return Order(
            payload=pickle.dumps(job),
            log=job.folder / "log.txt",
            attempt=job.attempt,
            threads=job.threads,
            limits=job.limits,
            slow_after_seconds=job.slow_after_seconds,
            environment=worker_environment(job.device, os.environ, job.visible),
            grace_seconds=self._grace_seconds,
            shared=bool(job.cell),
        )

    def _go_on(self, line: Connection, slots: dict[Connection, _Slot], queue: deque[Job]) -> None:
        """Give a process that is free the next job of its cell, or let it go."""
        slot = slots.pop(line)
        try:
            job = None if self._draining or slot.trials == MOST_TRIALS else _following(slot.job, queue)
            if job is not None:
                line.send(self._order(job))
        except Exception:  # noqa: BLE001  # the job stays in the queue, and tells what is wrong when its turn comes
            job = None
        if job is None:
            _close(slot)
        else:
            queue.remove(job)
            slots[line] = _slot(job, slot.process, line, self._clock, slot.grace_seconds, slot.trials + 1)

    def _given_up(self) -> bool:
        return self._give_up_at is not None and self._clock() > self._give_up_at

    def _ready(self, slots: Mapping[Connection, _Slot]) -> list[Connection]:
        due = [at for slot in slots.values() for at in (slot.overdue_at, slot.slow_at)]
        due += [self._look_at] if any(slot.job.device != CPU for slot in slots.values()) else []
        seconds = min(due if self._give_up_at is None else [self._give_up_at]) - self._clock()
        ready = wait([self._woken, *slots], min(max(0.0, seconds), LOOK_SECONDS))
        if self._woken in ready:
            self._woken.recv_bytes()
            self._give_up_at = self._clock() + self._stop_seconds + _PATIENCE_SECONDS
            _command(slots, self._stop_seconds if self._stops == 1 else 0.0)
        return [line for line in slots if line in ready]

    def _look_at_clock(self, slots: dict[Connection, _Slot], queue: deque[Job]) -> Iterator[Event]:
        """Tell what takes long; end what its keeper should have ended, for a keeper can be stopped or killed."""
        now = self._clock()
        if now >= self._look_at:
            self._look_at = now + _GPU_LOOK_SECONDS
            self._miss(slots)
        for line, slot in tuple(slots.items()):
            # What waits in the line was said in time: it was this process that did not listen.
            if now >= slot.overdue_at and not self._stops and not line.poll():
                del slots[line]
                slot.process.kill()
                verdict = replace(_close(slot), kind="timeout", message=_overdue(slot, now))
                yield self._ended(slot.job, self._blamed(slot, verdict, slots), queue)
            elif now >= slot.slow_at:
                slot.slow_at = float("inf")
                yield Slowed(slot.job, now - slot.since)

    def _miss(self, slots: Mapping[Connection, _Slot]) -> None:
        """Do without GPUs that are gone, and end what was on them."""
        at_work = {slot.job.device for slot in slots.values()}
        for gpu in [gpu for gpu in self._gpus if gpu.device in at_work and not self._answer(gpu)]:
            self._gpus.remove(gpu)
            on_it = {line: slot for line, slot in slots.items() if slot.job.device == gpu.device}
            for slot in on_it.values():
                slot.lost = f"its GPU is gone ({gpu.device}, {gpu.name}, no longer answers its driver)"
            _command(on_it, 0.0)

    def _blamed(self, slot: _Slot, verdict: Verdict, slots: Mapping[Connection, _Slot]) -> Verdict:
        """Return the verdict, of a trial that failed with its GPU the loss of that."""
        if verdict.kind in {"done", "halted", "elsewhere"} or slot.job.device == CPU:
            return verdict
        self._miss({**slots, slot.line: slot})
        return replace(verdict, kind=LOST_DEVICE, message=slot.lost) if slot.lost else verdict

    def _hear(self, slots: dict[Connection, _Slot], line: Connection, queue: deque[Job]) -> Iterator[Event]:
        slot = slots[line]
        try:
            message = line.recv()
        except (EOFError, OSError):
            del slots[line]
            verdict = self._blamed(slot, _close(slot), slots)
            if slot.trials > 1 and slot.pid is None and slot.verdict is None:
                # The process was gone before this trial had begun in it.
                queue.appendleft(slot.job)
                return
            # A terminal's Ctrl-C goes to every process: a keeper that it met before it could shut its ears is silent,
            # and its trial was stopped like the others.
            stopped = not slot.lost and (verdict.kind == "stopped" or (self._stops > 0 and slot.verdict is None))
            if not stopped:
                yield self._ended(slot.job, verdict, queue, shared=slot.trials > 1)
            return
        slot.vigil.hear(self._clock(), message if isinstance(message, Progress) else None)
        if isinstance(message, Hatched):
            slot.pid = message.pid
            yield Started(slot.job, message.pid)
        elif isinstance(message, Progress):
            yield Progressed(slot.job, message)
        elif message == FREE:
            yield Ended(slot.job, None, slot.verdict.seconds if slot.verdict else 0.0)
            self._go_on(line, slots, queue)
        else:
            slot.verdict = message

    def _ended(self, job: Job, verdict: Verdict, queue: deque[Job], *, shared: bool = False) -> Ended:
        if verdict.kind == "done":
            return Ended(job, None, verdict.seconds)
        if verdict.kind in HINDRANCES:
            return Ended(job, None, verdict.seconds, hindrance=Hindrance(verdict.kind, verdict.message))
        failure = Failure(
            trial=job.trial,
            kind=verdict.kind,
            message=verdict.message,
            traceback=verdict.traceback,
            attempt=job.attempt,
            seconds=verdict.seconds,
            steps=verdict.steps,
            peak_memory_mb=verdict.peak_memory_mb,
        )
        # Where a process has trained others before, some of the memory was theirs.
        again = self._retries.next_attempt(job, verdict.kind)
        if again is None and shared and verdict.kind == "out_of_memory":
            again = replace(job, attempt=job.attempt + 1)
        if again is not None:
            # Last: what killed it, a full memory say, may have passed by then. On whichever GPU has room.
            queue.append(replace(again, device=ANY_GPU, visible="") if job.device in self._given else again)
        return Ended(job, failure, verdict.seconds, will_retry=again is not None)


def _stranded(queue: deque[Job]) -> Iterator[Event]:
    """Tell of jobs for which no GPU is left when everything else is done; they stay missing."""
    for job in queue:
        why = f"{job.trial.name}: no GPU is left for it; run again when there is one, or with --devices cpu"
        yield Ended(job, None, 0.0, hindrance=Hindrance("hindered", why))


def _preload(jobs: Sequence[Job]) -> list[str]:
    """Return the modules the fork server imports, in order and once each."""
    wanted = [*_OWN_MODULES, *(module for job in jobs for module in job.preload)]
    return list(dict.fromkeys(wanted))


def _not_started(error: Exception, job: Job) -> HindranceError:
    what = "the trial cannot be started"
    if isinstance(error, OSError):
        return hindrance(error, job.folder, what)
    if isinstance(error, EOFError):
        return HindranceError(f"{job.folder}: {what} (the fork server ended; its reason is on standard error)")
    return HindranceError(f"{job.folder}: {what} ({type(error).__name__}: {error})")


def _fork_keeper(job: Job, order: Order, clock: LivedClock) -> _Slot:
    ours, theirs = Pipe()
    process = _FORKSERVER.Process(target=keep, args=(order, theirs, clock.clock), name=f"keeper of {job.trial.name}")
    try:
        _ensure_server()
        process.start()
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return _slot(job, process, ours, clock, order.grace_seconds)


def _slot(
    job: Job,
    process: ForkServerProcess,
    line: Connection,
    clock: LivedClock,
    grace_seconds: float,
    trials: int = 1,
) -> _Slot:
    now = clock()
    slow_at = now + job.slow_after_seconds
    return _Slot(job, process, line, clock, now, grace_seconds, Vigil(job.limits, now), slow_at, trials=trials)


def _following(job: Job, queue: deque[Job]) -> Job | None:
    """Return the next job of the same cell; one that is tried again has its process to itself."""
    return next((other for other in queue if other.cell == job.cell and other.attempt == 1), None)


def _ensure_server() -> None:
    """Start the fork server if there is none, deaf to the terminal from its first moment on.

    It would turn its ears off by itself, but only after it has imported what it is to preload. Keepers that it forks
    before they ignore these signals themselves are deaf, too.
    """
    with _held_back():
        resource_tracker.ensure_running()
    with _held_back(), _server_environment():
        forkserver.ensure_running()


@contextlib.contextmanager
def _held_back() -> Iterator[None]:
    """Hold the terminal's signals back; what is started meanwhile never hears them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _TERMINAL_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _server_environment() -> Iterator[None]:
    """Set what must be set before the fork server, should it be started now, imports numerical libraries.

    One thread, because forking a process that has more is not safe; a trial sets its own number afterwards.
    """
    before = {name: os.environ.get(name) for name in thread_environment(1)}
    os.environ.update(thread_environment(1))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _command(slots: Mapping[Connection, _Slot], grace_seconds: float) -> None:
    """Have trials go within so many seconds; 0: at once."""
    for line in slots:
        with contextlib.suppress(OSError):
            line.send(grace_seconds)


def _close(slot: _Slot) -> Verdict:
    """Let go of a keeper that has closed its line, and return its verdict or what its silence means."""
    slot.line.close()
    slot.process.join(_PATIENCE_SECONDS)
    code = slot.process.exitcode
    with contextlib.suppress(ValueError):  # still there, against all reason; it is not waited for
        slot.process.close()
    if slot.verdict is not None:
        return slot.verdict
    _kill_group(slot.pid)
    end_orphans()
    seconds, steps = slot.clock() - slot.since, slot.vigil.latest.steps
    if code is None or code < 0 or code == _LOST_SERVER:
        return Verdict("killed", "the process that watched over this trial was killed", "", steps, seconds)
    message = f"the trial's process could not be set up (exit code {code}); its reason is on the standard error output"
    return Verdict("hindered", message, "", steps, seconds)


def _overdue(slot: _Slot, now: float) -> str:
    minutes = slot.job.limits.timeout_minutes
    over = minutes is not None and now - slot.since >= 60 * minutes
    what = f"ran longer than its limit of {minutes:g} minutes, {slot.vigil.place()}" if over else slot.vigil.silence()
    return f"{what}; the process that watched over it did not answer either"


def _abandon(slots: dict[Connection, _Slot]) -> None:
    """Kill every trial at work and wait until it is gone."""
    _command(slots, 0.0)
    until = time.monotonic() + _PATIENCE_SECONDS
    while slots and (ready := wait(list(slots), max(0.0, until - time.monotonic()))):
        for line in [line for line in slots if line in ready]:
            if _silent(line):
                _close(slots.pop(line))
    for slot in slots.values():
        slot.process.kill()
        _kill_group(slot.pid)
        _close(slot)
    slots.clear()


def _silent(line: Connection) -> bool:
    try:
        line.recv()
    except (EOFError, OSError):
        return True
    return False


def _kill(pid: int | None) -> None:
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _kill_group(pid: int | None) -> None:
    if pid is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
