"""A job in, what becomes of it told: what runs on the machine that a cluster has chosen for a trial.

A cluster places trials and no more. There, as on one machine, a keeper starts the trial, holds it to its limits and
leaves nothing of it behind (see `bench.runner.local`); what it tells goes back to who asked for the run.
"""

from __future__ import annotations

import os
import pickle
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any

import pynvml

from bench import files
from bench.errors import HindranceError
from bench.records import CHECKPOINT, POINTS, Failure
from bench.runner.devices import ANY_GPU, CPU, available, default_workers, none_answers
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
from bench.runner.local import LocalExecutor

_LAST = "trial.json"
"""Of the files that are sent back, what says that the others are there."""
SPARED_SECONDS = 15.0
"""Between two messages of a trial that tell of nothing but further steps."""
HELD_SECONDS = 720.0
"""A machine that is lost holds its trials for ten minutes where the storage has no locks of its own."""


@dataclass(frozen=True, slots=True)
class Said:
    """An event without its job, which who hears it has."""

    pid: int | None = None
    progress: Progress | None = None
    slow_after: float | None = None
    failure: Failure | None = None
    hindrance: Hindrance | None = None
    seconds: float = 0.0
    ended: bool = False
    files: Mapping[str, bytes] | None = None
    """Path within the trial's folder -> content of what lies there, where that machine cannot write into ours."""
    host: str = ""
    """Name of the machine that says it."""

    @property
    def held(self) -> bool:
        """Whether somebody else holds the trial."""
        return self.hindrance is not None and self.hindrance.kind == "elsewhere"

    def event(self, job: Job) -> Event:
        """Return it as an event of the job."""
        if self.ended:
            return Ended(job, self.failure, self.seconds, hindrance=self.hindrance and self._met(self.hindrance))
        if self.progress is not None:
            return Progressed(job, self.progress)
        return Started(job, self.pid or 0, self.host) if self.slow_after is None else Slowed(job, self.slow_after)

    def _met(self, hindrance: Hindrance) -> Hindrance:
        """Return a hindrance with the machine that met it, in its words too."""
        where = f" (on {self.host})" if self.host else ""
        return replace(hindrance, message=f"{hindrance.message}{where}", host=self.host)


def said(event: Event, host: str = "") -> Said:
    """Return an event without its job, as the machine `host` says it."""
    if isinstance(event, Started):
        return Said(pid=event.pid, host=host)
    if isinstance(event, Progressed):
        return Said(progress=event.progress, host=host)
    if isinstance(event, Slowed):
        return Said(slow_after=event.seconds, host=host)
    return Said(failure=event.failure, hindrance=event.hindrance, seconds=event.seconds, ended=True, host=host)


@dataclass(frozen=True, slots=True)
class Order:
    """A job as it travels."""

    payload: bytes
    """The pickled job: what it names may be importable only in the directory below."""
    directory: str
    """Working directory of who asked for the run: their own environments may lie there."""
    token: tuple[str, str]
    """Path and content of a file beside the results: whoever finds the same shares the storage."""

    @classmethod
    def of(cls, job: Job, token: tuple[str, str]) -> Order:
        """Return a job as it goes to another machine, where it sees one GPU alone if it asks for any."""
        there = job if job.device == CPU else replace(job, device=f"{ANY_GPU}:0")
        return cls(pickle.dumps(there), os.getcwd(), token)  # noqa: PTH109 - it travels as text

    @property
    def shared(self) -> bool:
        """Whether this machine writes into the very folder that the results lie in."""
        path, content = self.token
        try:
            return Path(path).read_text() == content
        except OSError:
            return False


@contextmanager
def marked(root: Path) -> Iterator[tuple[str, str]]:
    """Put a file beside the results, by which machines tell whether they share them; yield its path and content."""
    # No temporary file's name: a run on another machine would take it for abandoned after an hour.
    path, content = root / f"shared-{os.urandom(6).hex()}", os.urandom(16).hex()
    root.mkdir(parents=True, exist_ok=True)
    files.replace(path, content)
    try:
        yield str(path), content
    finally:
        path.unlink(missing_ok=True)


def executor_here(grace_seconds: float) -> LocalExecutor:
    """Return what runs one trial on this machine; whoever asked for the run tries again, perhaps elsewhere."""
    return LocalExecutor(1, RetryPolicy({}), grace_seconds, gpus=available())


def spared(events: Iterable[Event], clock: Callable[[], float] = time.monotonic) -> Iterator[Event]:
    """Yield events, of progress only what is news: another return, another thing that is done, or steps now and then.

    A trial gives a sign of life each second, for its keeper; what leaves the machine costs a message, or a write to
    storage that many share.
    """
    told, again_at = None, 0.0
    for event in events:
        if isinstance(event, Progressed):
            # As text: no NaN is equal to another.
            news, now = repr((event.progress.doing, event.progress.mean_return)), clock()
            if news == told and now < again_at:
                continue
            told, again_at = news, now + SPARED_SECONDS
        yield event


def carried_out(
    order: Order, executor: LocalExecutor, nvml: Any = pynvml, *, shared_only: bool = False
) -> Iterator[Said]:
    """Run one job under a keeper of this machine's, and yield what happens; its files where storage is not shared.

    One that is to have a GPU is not begun where none answers: what it would meet is no fault of its own.

    Args:
        order: the job as it came.
        executor: has room for it alone.
        nvml: the NVIDIA management library's Python binding.
        shared_only: whether a job is hindered where storage is not shared; else a folder of this machine will do.
    """
    if os.path.isdir(order.directory):  # noqa: PTH112  # a path of another machine
        os.chdir(order.directory)
    job: Job = pickle.loads(order.payload)  # noqa: S301  # written by who asked for the run
    host = socket.gethostname()
    if job.device != CPU and none_answers(nvml):
        why = f"was not begun: no GPU that it could have on {host} answers its driver"
        yield Said(failure=Failure(job.trial, LOST_DEVICE, why, attempt=job.attempt), ended=True, host=host)
        return
    shared = order.shared
    if shared_only and not shared:
        yield Said(hindrance=Hindrance("hindered", f"{job.trial.name}: {_unshared(order)}"), ended=True, host=host)
        return
    with nullcontext() if shared else TemporaryDirectory(prefix="bench-") as private:
        folder = job.folder if private is None else Path(private) / job.folder.name
        here = replace(job, folder=folder, workers=default_workers(job.threads))
        last = None
        for event in spared(executor.events([here])):
            if isinstance(event, Ended):
                last = event
            else:
                yield said(event, host)
        left = None if private is None else _left(here.folder)
        # Stopped, it has no end: whoever stopped it knows.
        if last is not None:
            yield replace(said(last, host), files=left)


def _unshared(order: Order) -> str:
    return (
        f"{Path(order.token[0]).parent} cannot be read, or is another folder there; the "
        "results' folder must be one that all machines share, at the same path"
    )


def _left(folder: Path) -> dict[str, bytes]:
    left_out = {"lock", CHECKPOINT, POINTS}
    found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if name not in left_out}


def bring(left: Mapping[str, bytes], folder: Path) -> None:
    """Write files that were sent back into the trial's folder, the record last; folders in it are replaced as a whole.

    Args:
        left: path within the folder -> content.
        folder: the trial's.

    Raises:
        HindranceError: a path leads out of the folder; nothing is written.
    """
    top = folder.resolve()
    if outside := [name for name in left if not (top / name).resolve().is_relative_to(top)]:
        raise HindranceError(f"{folder}: {outside[0]!r} came from another machine and lies outside; nothing is kept")
    folder.mkdir(parents=True, exist_ok=True)
    # Of an earlier attempt: TensorBoard would draw both into one curve.
    for within in {Path(name).parts[0] for name in left if len(Path(name).parts) > 1}:
        rmtree(folder / within, ignore_errors=True)
    for name in sorted(left, key=lambda name: (name == _LAST, name)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(folder / name) as temporary:
            temporary.write_bytes(left[name])
