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
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from bench.errors import BenchError, HindranceError, MissingExtraError
from bench.records import Failure
from bench.runner.devices import CPU
from bench.runner.jobs import LOSSES, LOST_NODE, Ended, Event, Hindrance, Job, RetryPolicy
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


Keep = Callable[[Path, Callable[[], None]], None]
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


class _Bell:
    """Rung once, it tells every trial of the run to end. Ray's own way to cancel a task does not wait for its end."""

    def __init__(self) -> None:
        self._rung = False

    def ring(self) -> None:
        self._rung = True

    def rung(self) -> bool:
        return self._rung


class RayExecutor:
    """Runs trials wherever the cluster has room for them.

    An executor serves one run. `stop` and `drain` may be called from other threads and from signal handlers.
    """

    def __init__(self, address: str | None, keep: Keep, *, most: int | None = None, grace_seconds: float = 5.0) -> None:
        """Connect to a cluster, or begin one on this machine.

        Args:
            address: `HOST:PORT`, or `auto`; None: of this machine alone.
            keep: has what a trial has left on a machine that does not share the storage written into its folder.
            most: trials side by side; None: as many as there is room for.
            grace_seconds: for a trial that is told to go.

        Raises:
            BenchError: Ray is not installed, or the cluster not to be reached.
        """
        self._ray = connected(address)
        self._keep = keep
        self._most, self._grace_seconds = most, grace_seconds
        self._retries = RetryPolicy()
        self._draining, self._stops = False, 0
        self._give_up_at = float("inf")
        self._held_until: dict[str, float] = {}
        """Of trials whose lost machine seems to hold them, by name: when to wait no longer."""
        self._not_before: dict[str, float] = {}
        """When to look at such a one again."""
        self._bell: Any = None

    @property
    def cpus(self) -> int:
        """How many cores the cluster has."""
        return int(self._ray.cluster_resources().get("CPU", 0))

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
        queue, placed = deque(jobs), list[_Placed]()
        with marked(jobs[0].folder.parent.parent) as token:
            try:
                self._require_room(jobs)
                self._bell = self._hung()
                while (queue and not self._draining) or placed:
                    self._place(queue, placed, token)
                    yield from self._listen(queue, placed)
                    if self._heed(placed):
                        return
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
        machines = self._machines()
        for job in {(job.threads, _gpus(job)): job for job in jobs}.values():
            if not _roomy(machines, job):
                has = ", ".join(f"{one.get('CPU', 0):g} cores and {one.get('GPU', 0):g} GPUs" for one in machines)
                raise BenchError(
                    f"no machine of the cluster has {job.threads} cores and {_gpus(job):g} GPUs for a trial; they have "
                    f"{has}"
                )

    def _machines(self) -> list[Machine]:
        return [node["Resources"] for node in self._ray.nodes() if node["Alive"]]

    def _place(self, queue: deque[Job], placed: list[_Placed], token: tuple[str, str]) -> None:
        room, machines = self._most or AHEAD * max(1, self.cpus), self._machines()
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
        sources = [one.messages for one in placed]
        ready, _ = self._ray.wait(sources, num_returns=1, timeout=WAIT_SECONDS, fetch_local=False)
        for one in [one for one in placed if any(one.messages is source for source in ready)]:
            try:
                message: Said = self._ray.get(next(one.messages))
            except StopIteration:
                placed.remove(one)
                if not one.ended and not self._stops:
                    yield self._failed(one.job, LOST_NODE, "the machine that ran it was lost (it said no more)", queue)
            except Exception as error:  # noqa: BLE001  # whatever Ray makes of a machine that is gone
                placed.remove(one)
                if not one.ended and not self._stops:
                    yield self._broken(one.job, error, queue)
            else:
                one.begun, one.ended = True, one.ended or message.ended
                yield from self._heard(message, one.job, queue)

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


def _bytes(machines: Sequence[Machine], job: Job) -> int:
    """Return the memory to ask for: what the job may come to take, which one alone on a machine gets in any case."""
    most = max((one.get("memory", 0) for one in _roomy(machines, job)), default=0)
    return int(min(job.expected_mb * 2**20, most))


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


def _run(order: Order, grace_seconds: float, bell: Any) -> Iterator[Said]:
    """On a machine of the cluster: run one job, and yield what happens, until it ends or the bell is rung."""
    executor, over = executor_here(grace_seconds), threading.Event()
    listener = threading.Thread(target=_stop_when_rung, args=(bell, executor, over), daemon=True)
    listener.start()
    try:
        yield from carried_out(order, executor)
    finally:
        over.set()
        listener.join()


def _stop_when_rung(bell: Any, executor: LocalExecutor, over: threading.Event) -> None:
    import ray  # noqa: PLC0415 - an extra

    while not over.wait(WAIT_SECONDS):
        if ray.get(bell.rung.remote()):
            executor.stop()
            return
