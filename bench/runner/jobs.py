"""What an executor carries and what it tells: the one interface of every executor."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from bench.records import Failure, Limits, Trial

STARTING, TRAINING = "starting", "training"
OUT_OF_GPU_MEMORY = "out_of_gpu_memory"
LOST_NODE, LOST_DEVICE = "lost_node", "lost_device"
LOSSES = frozenset({LOST_NODE, LOST_DEVICE})
"""Failures of what a trial ran on: however often they happen, they are no outcome of it."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A sign of life from a worker."""

    steps: int = 0
    """Environment steps taken so far."""
    train_seconds: float = 0.0
    mean_return: float | None = None
    """Mean raw return of the latest evaluation, None before the first."""
    doing: str = STARTING
    """What it is at, so that one knows what hangs: `training`, `evaluating the final policy`, ..."""
    earlier_seconds: float = 0.0
    """Wall seconds that it had taken when it was stored, if it goes on from a checkpoint: they count for its limit."""


Report = Callable[[Progress], None]
Closing = Callable[[], None]
"""What is left to do when a record is safe, such as closing environments; nothing depends on its success."""
Work = Callable[["Job", Report], Closing | None]
"""Runs the trial in the worker process and stores its record in `job.folder`; raises when it cannot."""


@dataclass(frozen=True, slots=True)
class Job:
    """What an executor carries: one trial, the folder it may write to, and its limits."""

    trial: Trial
    folder: Path
    """Made when the trial is started; the worker writes only here."""
    work: Work
    """Picklable: a module-level function or a partial of one."""
    limits: Limits = field(default_factory=Limits)
    device: str = "cpu"
    """`cpu`, `cuda` (any GPU, which the executor chooses) or `cuda:N`, the Nth; the worker sees that one alone, as
    `cuda:0`."""
    visible: str = ""
    """What CUDA_VISIBLE_DEVICES must hold for that, where the executor has chosen one that has no number."""
    packed: int = 1
    """How many trials like it share a GPU."""
    threads: int = 1
    workers: int = 1
    """How many trials run side by side, for the record."""
    attempt: int = 1
    tried: tuple[str, ...] = ()
    """The kinds by which earlier attempts failed."""
    tensorboard: bool = False
    """Whether the trial also writes TensorBoard's event files, into its folder."""
    expected_seconds: float = 0.0
    """Longest first."""
    expected_mb: float = 0.0
    """Of the machine's memory, in units of 2**20 bytes; 0: not known, and nothing waits for it."""
    slow_after_seconds: float = float("inf")
    """When it is worth a word that the trial is still at work."""
    preload: tuple[str, ...] = ()
    """Modules worth importing once, before workers are started (import only; no operation is run)."""
    cell: str = ""
    """Jobs of one cell, which agree in device and threads, may be run by one process, one after the other; without a
    cell a job has a process to itself."""


@dataclass(frozen=True, slots=True)
class Started:
    """A worker has taken up a job."""

    job: Job
    pid: int
    host: str = ""
    """Name of the machine, where it is another than this."""


@dataclass(frozen=True, slots=True)
class Progressed:
    """A worker has said how far it is."""

    job: Job
    progress: Progress


@dataclass(frozen=True, slots=True)
class Slowed:
    """A trial takes far longer than was expected. Its steps still come, so it goes on; told once."""

    job: Job
    seconds: float
    """Wall seconds so far."""


@dataclass(frozen=True, slots=True)
class Hindrance:
    """Why the harness could not run or keep a trial, which is no outcome of it: the trial stays missing."""

    kind: str
    """`hindered` (this trial), `halted` (any trial would be: a full disk, say) or `elsewhere` (others run it)."""
    message: str
    host: str = ""
    """Name of the machine on which it was met; empty: this one, or nobody knows."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A job is over: its record lies in its folder, or it failed, or the harness was hindered."""

    job: Job
    failure: Failure | None
    seconds: float
    will_retry: bool = False
    """The failure's kind is one that is tried again; the job will be started once more as the next attempt."""
    hindrance: Hindrance | None = None

    @property
    def done(self) -> bool:
        """Whether the record lies in the job's folder."""
        return self.failure is None and self.hindrance is None


Event = Started | Progressed | Slowed | Ended


class Executor(Protocol):
    """The whole interface: what happens is told, and failures and hindrances are values."""

    def events(self, jobs: Sequence[Job]) -> Generator[Event, None, None]:
        """Run all jobs and tell what happens; every job has exactly one last `Ended` unless the run is interrupted.

        Closing the generator ends whatever is still at work.
        """

    def drain(self) -> None:
        """Start no further job; those at work finish. To be called from wherever one likes, as `stop`."""

    def stop(self) -> None:
        """End the trials at work, without an event for them, politely; a second call kills."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a failure of a kind is tried again, whatever else there was."""

    times: dict[str, int] = field(
        default_factory=lambda: {"killed": 1, LOST_NODE: 2, LOST_DEVICE: 1, OUT_OF_GPU_MEMORY: 10}
    )

    def next_attempt(self, job: Job, kind: str) -> Job | None:
        """Return the job of the attempt that follows one that failed by `kind`; None where none does.

        What found no room in a GPU's memory is tried again with half as many beside it, as long as there were any.
        """
        crowded = kind == OUT_OF_GPU_MEMORY
        if job.tried.count(kind) >= self.times.get(kind, 0) or (crowded and job.packed == 1):
            return None
        packed = job.packed // 2 if crowded else job.packed
        return replace(job, attempt=job.attempt + 1, packed=packed, tried=(*job.tried, kind))
