"""Jobs in, events out: trials on the machines of a Ray cluster, each under a keeper there.

Ray finds a machine with the cores, and moves messages. What it cannot tell apart (a crash, a kill, memory that ran out)
the keeper tells; what no keeper can tell, that its machine is gone, Ray does, and the trial goes to another.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from bench.errors import BenchError, HindranceError, MissingExtraError
from bench.plain import counted, joined
from bench.records import Failure
from bench.runner.devices import CPU
from bench.runner.jobs import LOSSES, LOST_DEVICE, LOST_NODE, Ended, Event, Hindrance, Job, RetryPolicy
from bench.runner.local import LocalExecutor
from bench.runner.placed import HELD_SECONDS, Order, Said, bring, carried_out, executor_here, marked

WAIT_SECONDS = 1.0
"""Between two looks at whether the run is to stop."""
PATIENCE_SECONDS = 15.0
"""How long trials may take to end when they are told to: their grace period, and the way of the message."""
KNOCK_SECONDS = 10.0
AHEAD = 2
"""So many times as many jobs are given to the cluster as it can run at once: it is never idle, and may grow."""
TURN_SECONDS = 10.0
"""Between two looks at whether a trial is still held by the machine that was lost with it."""
ASK_SECONDS = 5.0
"""Between two questions to the cluster about its machines."""
SILENT_SECONDS = 60.0
"""Of silence, until what waits for room is looked at: no machine that is left may have it."""
REST_SECONDS = 300.0
"""How long a machine that hinders trials again and again holds what it gave to one, before the next can have it."""
FORGIVEN = 3
"""So many trials of a run a machine may hinder before it rests."""


Keep = Callable[[Path, Callable[[], None]], None]
Explain = Callable[[Job, float], str]
"""Says of a job that takes more memory than so many times 2**20 bytes why it cannot be run."""
Machine = Mapping[str, float]
"""What a machine has, by Ray's names: `CPU`, `GPU`, `memory` (bytes that it gives to trials)."""


@dataclass(slots=True)
class _Placed:
    """A job that the cluster has."""

    job: Job
    messages: Any
    """Ray's generator of references to what is said."""
    begun: bool = False
    ended: bool = False


@dataclass(frozen=True, slots=True)
class _Rests:
    """Said after a trial's last word by a machine that holds what it gave to it: the next would fare no better."""

    host: str
    lost: bool
    """Whether its GPU is gone, so that it rests for as long as the run lasts."""


class _Bell:
    """Rung once, it tells every trial of the run to end. Ray's own way to cancel a task does not wait for its end.

    It also counts, over the whole run, how many trials each machine has hindered.
    """

    def __init__(self) -> None:
        self._rung = False
        self._hindered = Counter[str]()

    def ring(self) -> None:
        self._rung = True

    def rung(self) -> bool:
        return self._rung

    def hindered(self, host: str) -> int:
        self._hindered[host] += 1
        return self._hindered[host]


class RayExecutor:
    """Runs trials wherever the cluster has room for them.

    An executor serves one run. `stop` and `drain` may be called from other threads and from signal handlers.
    """

    def __init__(
        self,
        address: str | None,
        keep: Keep,
        explain: Explain,
        *,
        most: int | None = None,
        grace_seconds: float = 5.0,
    ) -> None:
        """Connect to a cluster, or begin one on this machine.

        Args:
            address: `HOST:PORT`, or `auto`; None: of this machine alone.
            keep: has what a trial has left on a machine that does not share the storage written into its folder.
            explain: tells of memory that no machine has.
            most: trials side by side; None: as many as there is room for.
            grace_seconds: for a trial that is told to go.

        Raises:
            BenchError: Ray is not installed, or the cluster not to be reached.
        """
        self._ray = connected(address)
        self._keep, self._explain = keep, explain
        self._most, self._grace_seconds = most, grace_seconds
        self._retries = RetryPolicy()
        self._draining, self._stops = False, 0
        self._give_up_at = float("inf")
        self._held_until: dict[str, float] = {}
        """Of trials whose lost machine seems to hold them, by name: when to wait no longer."""
        self._not_before: dict[str, float] = {}
        """When to look at such a one again."""
        self._bell: Any = None
        self._nodes: list[Mapping[str, Any]] = []
        """The machines that are alive, as Ray tells of them."""
        self._ask_at = 0.0
        self._resting: list[_Placed] = []
        """What is over and has not given back what it had: Ray may end a task to which nobody listens."""
        self._held: list[tuple[str, Job]] = []
        """Of these, with their machines, what is held for as long as the run lasts."""
        self._heard_at = 0.0

    def drain(self) -> None:
        """Start no further job; those at work finish."""
        self._draining = True

    def stop(self) -> None:
        """End the trials at work, politely; a second call kills."""
        self._draining = True
        self._stops += 1

    def events(self, jobs: Sequence[Job]) -> Generator[Event, None, None]:
        """Run all jobs and tell what happens; see `bench.runner.jobs.Executor`.

        Raises:
            BenchError: no machine of the cluster has room for one of them.
        """
        if not jobs:
            return
        queue, placed, stranded = deque(jobs), list[_Placed](), list[Job]()
        with marked(jobs[0].folder.parent.parent) as token:
            try:
                self._require_room(jobs)
                self._bell, self._heard_at = self._hung(), time.monotonic()
                while (queue and not self._draining) or placed:
                    self._place(queue, placed, token)
                    yield from self._listen(queue, placed)
                    if self._heed(placed):
                        return
                    stranded += self._strand(queue, placed)
                # Last: so many hindrances in a row would have nothing further started.
                yield from map(_told_of_stranded, stranded)
            finally:
                # With it ends whatever is still at work: a keeper whose line is closed ends its trial.
                self._ray.shutdown()

    def _hung(self) -> Any:
        """Return a bell on this machine: on another it would be lost with that."""
        here = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            self._ray.get_runtime_context().get_node_id(), soft=False
        )
        return self._ray.remote(_Bell).options(num_cpus=0, scheduling_strategy=here).remote()

    def _require_room(self, jobs: Sequence[Job]) -> None:
        """Refuse what Ray would wait for, for ever and without a word."""
        machines, kinds = self._machines(), {(job.trial.cell, _gpus(job)): job for job in jobs}.values()
        for job in kinds:
            if not _roomy(machines, job):
                has = ", ".join(f"{one.get('CPU', 0):g} cores and {one.get('GPU', 0):g} GPUs" for one in machines)
                raise BenchError(
                    f"no machine of the cluster has {job.threads} cores and {_gpus(job):g} GPUs for a trial; they have "
                    f"{has}"
                )
        short = [job for job in kinds if not _fitting(machines, job)]
        if short:
            raise BenchError(*(self._explain(job, _memory(_roomy(machines, job)) / 2**20) for job in short))

    def _machines(self) -> list[Machine]:
        """Return what each machine has beside what it holds for good; the cluster is asked every few seconds."""
        if (now := time.monotonic()) >= self._ask_at:
            self._ask_at = now + ASK_SECONDS
            self._nodes = [node for node in self._ray.nodes() if node["Alive"]]
        hosts = [str(node.get("NodeManagerHostname", "")) for node in self._nodes]
        return [
            _beside(node["Resources"], [job for where, job in self._held if where == host])
            for node, host in zip(self._nodes, hosts, strict=True)
        ]

    def _place(self, queue: deque[Job], placed: list[_Placed], token: tuple[str, str]) -> None:
        if not queue:
            return
        machines = self._machines()
        room = self._most or AHEAD * max(1, int(sum(one.get("CPU", 0) for one in machines)))
        while len(placed) < room and not self._draining and (job := self._next(queue)) is not None:
            remote = self._ray.remote(_run).options(
                num_cpus=job.threads,
                num_gpus=_gpus(job),
                memory=_bytes(machines, job) or None,
                max_retries=0,
                name=job.trial.name,
                num_returns="streaming",
            )
            placed.append(_Placed(job, remote.remote(Order.of(job, token), self._grace_seconds, self._bell)))

    def _next(self, queue: deque[Job]) -> Job | None:
        """Take the first job from the queue that need not wait for who holds it."""
        now = time.monotonic()
        for job in queue:
            if self._not_before.get(job.trial.name, now) <= now:
                queue.remove(job)
                return job
        return None

    def _listen(self, queue: deque[Job], placed: list[_Placed]) -> Iterator[Event]:
        """Take what has been said by now, from each."""
        if not placed:
            time.sleep(WAIT_SECONDS)
            return
        for one in self._ready(placed):
            self._heard_at = time.monotonic()
            try:
                message: Said | _Rests = self._ray.get(next(one.messages))
            except StopIteration:
                placed.remove(one)
                if not one.ended and not self._stops:
                    yield self._failed(one.job, LOST_NODE, "the machine that ran it was lost (it said no more)", queue)
            except Exception as error:  # noqa: BLE001  # whatever Ray makes of a machine that is gone
                placed.remove(one)
                if not one.ended and not self._stops:
                    yield self._broken(one.job, error, queue)
            else:
                if isinstance(message, _Rests):
                    self._rest(message, one)
                    placed.remove(one)
                    continue
                one.begun, one.ended = True, one.ended or message.ended
                yield from self._heard(message, one.job, queue)

    def _ready(self, placed: Sequence[_Placed]) -> list[_Placed]:
        """Return those that have something to say, as soon as one has; nothing where none does for a while."""
        sources = [one.messages for one in placed]
        ready, _ = self._ray.wait(sources, num_returns=1, timeout=WAIT_SECONDS, fetch_local=False)
        if ready:
            ready, _ = self._ray.wait(sources, num_returns=len(sources), timeout=0, fetch_local=False)
        spoken = {id(source) for source in ready}
        return [one for one in placed if id(one.messages) in spoken]

    def _rest(self, told: _Rests, one: _Placed) -> None:
        """Note that a machine holds what it gave to a trial that is over."""
        self._resting.append(one)
        if told.lost:
            self._held.append((told.host, one.job))

    def _strand(self, queue: deque[Job], placed: list[_Placed]) -> list[Job]:
        """Take out what no machine that is left has room for, and return it: when all is silent and nothing at work."""
        if time.monotonic() < self._heard_at + SILENT_SECONDS or any(one.begun for one in placed):
            return []
        self._heard_at, machines = time.monotonic(), self._machines()
        if any(_fitting(machines, one.job) for one in placed):
            return []
        for one in placed:
            self._ray.cancel(one.messages)
        waiting = [*(one.job for one in placed), *queue]
        placed.clear()
        queue.clear()
        queue.extend(job for job in waiting if _fitting(machines, job))
        return [job for job in waiting if not _fitting(machines, job)]

    def _broken(self, job: Job, error: Exception, queue: deque[Job]) -> Event:
        """Tell of a trial that was cut short there, of which Ray says why."""
        # What was raised there has a cause, and a machine that is gone has none.
        if (cause := getattr(error, "cause", None)) is not None:
            told = f"{job.trial.name}: cannot be run on its machine ({type(cause).__name__}: {cause})"
            return Ended(job, None, 0.0, hindrance=Hindrance("hindered", told))
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        if isinstance(error, self._ray.exceptions.OutOfMemoryError):
            return self._failed(job, "out_of_memory", f"Ray ended it as its machine's memory ran out ({said})", queue)
        return self._failed(job, LOST_NODE, f"the machine that ran it was lost ({said})", queue)

    def _heard(self, message: Said, job: Job, queue: deque[Job]) -> Iterator[Event]:
        try:
            if message.files:
                self._keep(job.folder, partial(bring, message.files, job.folder))
        except HindranceError as error:
            yield Ended(job, None, message.seconds, hindrance=Hindrance(error.kind, str(error)))
            return
        event = message.event(job)
        if isinstance(event, Ended) and event.failure is not None:
            yield self._again(event, event.failure, queue)
        elif message.held and self._still_held(job):
            queue.append(job)
        else:
            yield event

    def _still_held(self, job: Job) -> bool:
        """Return whether to wait for what the trial's lost machine had begun: it dies soon, its claim perhaps later."""
        now = time.monotonic()
        self._not_before[job.trial.name] = now + TURN_SECONDS
        return job.attempt > 1 and now < self._held_until.setdefault(job.trial.name, now + HELD_SECONDS)

    def _failed(self, job: Job, kind: str, message: str, queue: deque[Job]) -> Ended:
        failure = Failure(job.trial, kind, message, attempt=job.attempt)
        return self._again(Ended(job, failure, 0.0), failure, queue)

    def _again(self, event: Ended, failure: Failure, queue: deque[Job]) -> Ended:
        """Queue the attempt that follows a failure, if one does; what was lost goes on first."""
        again = None if self._draining else self._retries.next_attempt(event.job, failure.kind)
        # What its machine held may be held anew, and is waited for anew.
        self._held_until.pop(event.job.trial.name, None)
        if again is not None:
            queue.insert(0 if failure.kind in LOSSES else len(queue), again)
        return replace(event, will_retry=again is not None)

    def _heed(self, placed: list[_Placed]) -> bool:
        """Do what `stop` wants; return whether to wait no longer."""
        now = time.monotonic()
        if self._stops and self._give_up_at == float("inf"):
            self._give_up_at = now + self._grace_seconds + PATIENCE_SECONDS
            self._bell.ring.remote()
            # What waits for room in the cluster need not begin.
            for one in placed:
                if not one.begun:
                    self._ray.cancel(one.messages)
        return bool(self._stops) and (self._stops > 1 or now > self._give_up_at)


def _gpus(job: Job) -> float:
    return 0.0 if job.device == CPU else 1.0 / job.packed


def _roomy(machines: Sequence[Machine], job: Job) -> list[Machine]:
    """Return the machines that have the cores and GPUs for a job."""
    return [one for one in machines if one.get("CPU", 0) >= job.threads and one.get("GPU", 0) >= _gpus(job)]


def _beside(machine: Machine, held: Sequence[Job]) -> Machine:
    """Return what a machine has beside what these jobs had."""
    taken = {
        "CPU": sum(job.threads for job in held),
        "GPU": sum(_gpus(job) for job in held),
        "memory": sum(job.expected_mb * 2**20 for job in held),
    }
    return {name: machine.get(name, 0) - amount for name, amount in taken.items()}


def _memory(machines: Sequence[Machine]) -> float:
    """Return how many bytes of memory the machine gives to trials that has most for them."""
    return max((one.get("memory", 0) for one in machines), default=0)


def _bytes(machines: Sequence[Machine], job: Job) -> int:
    """Return the memory to ask for: what the job may come to take, none where no machine says what it has."""
    return int(job.expected_mb * 2**20) if _memory(_roomy(machines, job)) > 0 else 0


def _fitting(machines: Sequence[Machine], job: Job) -> bool:
    """Return whether a machine has all that a job asks for."""
    roomy = _roomy(machines, job)
    return bool(roomy) and _memory(roomy) >= _bytes(machines, job)


def _told_of_stranded(job: Job) -> Ended:
    """Tell of a job that no machine is left for; it stays missing."""
    memory = [f"{job.expected_mb * 2**20 / 1e9:,.1f} GB of memory"] if job.expected_mb else []
    gpus = [f"{_gpus(job):g} GPU"] if _gpus(job) else []
    wanted = joined([counted(job.threads, "core"), *gpus, *memory])
    why = f"{job.trial.name}: no machine that is left has {wanted} for it; run again when there is one"
    return Ended(job, None, 0.0, hindrance=Hindrance("hindered", why))


@cache
def _private() -> TemporaryDirectory[str]:
    """Return a folder that lasts as long as this process, which Ray asks for one token only."""
    return TemporaryDirectory(prefix="bench-ray-")


def connected(address: str | None) -> ModuleType:
    """Return Ray's module, connected to a cluster; one of this machine alone wants a token, which is put into a file.

    Raises:
        BenchError: it is not installed, or the cluster not to be reached.
    """
    if find_spec("ray") is None:
        raise MissingExtraError("--executor ray", "ray")
    if address is not None and "RAY_AUTH_MODE" not in os.environ:
        raise BenchError(
            "RAY_AUTH_MODE is not set: set it alike on every machine and here, to token (with RAY_AUTH_TOKEN_PATH, a "
            "file that only you can read) or to disabled; left open, machines disagree and wait for each other in vain"
        )
    if address is None and "RAY_AUTH_MODE" not in os.environ:
        token = Path(_private().name) / "token"
        token.touch(mode=0o600)
        token.write_text(os.urandom(32).hex())
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN_PATH=str(token))
    # No telemetry; and a trial that asks for no GPU gets none from its keeper, whatever Ray leaves visible.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    # All of these it reads once, when it is imported.
    import ray  # noqa: PLC0415 - an extra

    own: dict[str, Any] = {"include_dashboard": False} if address is None else {}
    where = "this machine" if address is None else f"--address {address}"
    try:
        _knock(address)
        ray.init(address=address or "local", log_to_driver=False, logging_level=logging.ERROR, **own)
    except Exception as error:  # noqa: BLE001  # a cluster that is not there raises this and that
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise BenchError(f"{where}: no Ray cluster can be reached ({reason})") from None
    found: ModuleType = ray
    return found


def _knock(address: str | None) -> None:
    """Find out at once whether anybody answers at `HOST:PORT`: Ray itself tries for minutes.

    Raises:
        OSError: nobody does.
    """
    host, _, port = (address or "").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=KNOCK_SECONDS).close()


def _run(order: Order, grace_seconds: float, bell: Any) -> Iterator[Said | _Rests]:
    """On a machine of the cluster: run one job, and yield what happens, until it ends or the bell is rung."""
    executor, over, rung = executor_here(grace_seconds), threading.Event(), threading.Event()
    listener = threading.Thread(target=_stop_when_rung, args=(bell, executor, over, rung), daemon=True)
    listener.start()
    last = Said()
    try:
        try:
            for last in carried_out(order, executor):
                yield last
        except Exception as error:  # noqa: BLE001  # what this machine lacks, to read the job or to make a folder
            why = f"a trial cannot be run ({type(error).__name__}: {error})"
            last = Said(hindrance=Hindrance(HindranceError.kind, why), ended=True, host=socket.gethostname())
            yield last
        if seconds := _rest_seconds(last, bell):
            yield _Rests(last.host, last.failure is not None)
            rung.wait(seconds)
    finally:
        over.set()
        listener.join()


def _rest_seconds(last: Said, bell: Any) -> float:
    """Return how long to hold what a trial had, after its last word.

    A GPU that is gone would fail the next trial in seconds, and one after the other, while all others are at work; so
    would a machine that lacks a library.
    """
    import ray  # noqa: PLC0415 - an extra

    if last.failure is not None and last.failure.kind == LOST_DEVICE:
        return threading.TIMEOUT_MAX
    if last.hindrance is None or last.hindrance.kind != HindranceError.kind:
        return 0.0
    return REST_SECONDS if ray.get(bell.hindered.remote(last.host)) > FORGIVEN else 0.0


def _stop_when_rung(bell: Any, executor: LocalExecutor, over: threading.Event, rung: threading.Event) -> None:
    import ray  # noqa: PLC0415 - an extra

    try:
        while not over.wait(WAIT_SECONDS):
            if ray.get(bell.rung.remote()):
                executor.stop()
                return
    finally:
        # If the bell is gone, so is the run.
        rung.set()
