"""A pickled job in, one message about how it went out: what happens inside the process that trains."""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import gc
import os
import pickle
import resource
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

import psutil

from bench.errors import DivergedError, HindranceError, OverrunError
from bench.plain import shortened
from bench.records import Limits
from bench.runner.jobs import OUT_OF_GPU_MEMORY, Job, Progress

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    # XLA's pool: with two threads on two cores a compiled update of a small network took twice the processor time.
    "NPROC",
)
_XLA_EXHAUSTED = "RESOURCE_EXHAUSTED"
# What torch (CPU) and XLA write into an otherwise plain RuntimeError when memory runs out.
_OUT_OF_MEMORY_TEXTS = ("can't allocate memory", _XLA_EXHAUSTED)
_OUT_OF_GPU_MEMORY_TEXTS = (
    "CUDA out of memory",
    "CUDA error: out of memory",
    "ALLOC_FAILED",
    "CUDA_ERROR_OUT_OF_MEMORY",
)


@dataclass(frozen=True, slots=True)
class Order:
    """Everything a trial's process and its keeper need before the job itself is unpickled."""

    payload: bytes
    """The pickled `Job`: unpickled in the trial alone, because that may import anything."""
    log: Path
    attempt: int
    threads: int = 1
    limits: Limits = field(default_factory=Limits)
    slow_after_seconds: float = float("inf")
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables to set before the job's code is imported, such as CUDA_VISIBLE_DEVICES."""
    grace_seconds: float = 5.0
    shared: bool = False
    """Whether the process may be given another order of the same cell after this one."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a trial ended."""

    kind: str
    """One of FAILURE_KINDS or HINDRANCES, `done`, or `stopped` (because we were told to end it)."""
    message: str = ""
    traceback: str = ""
    steps: int = 0
    seconds: float = 0.0
    peak_memory_mb: float | None = None
    """Largest resident memory of the trial and its descendants seen, in units of 2**20 bytes."""


DONE = Verdict("done")
"""The job's work has returned, its record is safe; whatever is still to be closed cannot take it back."""
RESTED = "rested"
"""Sent by a process whose trial is over and closed: it is as it was before, and waits for another job."""
MOST_LEFT_MB = 384
"""Resident memory (in units of 2**20 bytes) that a process may have gained and still go on with another trial. JAX
itself, with what is compiled for a small network, is 140 to 260 of it."""


def thread_environment(threads: int) -> dict[str, str]:
    """Return the variables that hold every numerical library to `threads` threads, if set before it is imported."""
    return dict.fromkeys(_THREAD_VARIABLES, str(threads))


def prctl(option: int, value: int) -> None:
    """Set a property of this process by the Linux call of that name; does nothing on other systems."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of every process below this one whose own parent dies, even of one with its own session."""
    prctl(_PR_SET_CHILD_SUBREAPER, 1)


def run(order: Order, log: int, keeper: int, pipe: Connection) -> NoReturn:
    """Be the trial's process: settle in, do the work, say how it went through `pipe`, exit.

    Args:
        order: what to do.
        log: file descriptor that takes everything written to stdout and stderr.
        keeper: process id of the parent, with which this process dies.
        pipe: takes `Progress`, then one `Verdict`: `DONE`, or what the work has raised. Where the order says that the
            process is shared, RESTED may follow; another pickled job is the answer.
    """
    code: int | None = 1
    try:
        if _settled(order, log, keeper, pipe):
            code = _work_in_turn(order.payload, pipe) if order.shared else _work(order.payload, pipe)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        # Not sys.exit: threads, children or exit handlers of a library must not keep a finished trial alive.
        os._exit(code or 0)


def _settled(order: Order, log: int, keeper: int, pipe: Connection) -> bool:
    """Settle in; where that fails no trial has begun, so that it is none that failed."""
    try:
        _settle(order, log, keeper)
    except Exception as error:  # noqa: BLE001  # as above, whatever it is
        _tell(pipe, Verdict("hindered", f"{order.log.parent}: the trial's process cannot be set up ({error!r})"))
        return False
    return True


def _settle(order: Order, log: int, keeper: int) -> None:
    os.setsid()
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != keeper:  # it died before the line above
        os._exit(1)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    _begin()
    os.environ.update(order.environment)
    os.environ.update(thread_environment(order.threads))
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(order.threads)


def _begin() -> None:
    """Set up what every trial finds: its signals and its streams."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    # New streams, since the old ones may believe in a file that can be sought in; line by line, so that nothing is lost
    # when the process is killed.
    sys.stdout = open(1, "w", 1, getattr(sys.stdout, "encoding", None), "backslashreplace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, getattr(sys.stderr, "encoding", None), "backslashreplace", closefd=False)  # noqa: SIM115
    faulthandler.enable(2)
    # A trial that is told to go says where it is: what hangs is then in its log.
    faulthandler.unregister(signal.SIGTERM)
    faulthandler.register(signal.SIGTERM, 2, chain=True)


def _work_in_turn(payload: bytes | None, pipe: Connection) -> int | None:
    """Do one job after the other, for as long as all goes well and each leaves the process as it was."""
    # What has been imported need not be looked through after every trial.
    gc.freeze()
    most_mb = _resident_mb() + MOST_LEFT_MB
    code = None
    while payload is not None and code is None:
        with _as_found():
            code = _work(payload, pipe)
        payload = _next(pipe, most_mb) if code is None else None
    return code


@contextlib.contextmanager
def _as_found() -> Iterator[None]:
    """Set back what a trial may set for its whole process."""
    with contextlib.ExitStack() as back:
        mask = os.umask(0)
        os.umask(mask)
        back.callback(os.umask, mask)
        back.callback(_set_variables, dict(os.environ))
        back.callback(sys.path.__setitem__, slice(None), sys.path[:])
        back.callback(_set_signals, {number: signal.getsignal(number) for number in signal.valid_signals()})
        # By descriptor, because the folder may have lost its name.
        with contextlib.suppress(OSError):
            folder = os.open(".", os.O_RDONLY)
            back.callback(os.close, folder)
            back.callback(os.fchdir, folder)
        back.enter_context(warnings.catch_warnings())
        yield
        sys.stdout.flush()
        sys.stderr.flush()
    _begin()


def _set_variables(variables: Mapping[str, str]) -> None:
    for name in os.environ.keys() - variables.keys():
        del os.environ[name]
    os.environ.update(variables)


def _set_signals(handlers: Mapping[int, Any]) -> None:
    for number, handler in handlers.items():
        # Only what was changed: of crashes the interpreter tells by handlers that it does not show.
        if signal.getsignal(number) is not handler:
            signal.signal(number, handler)


def _next(pipe: Connection, most_mb: float) -> bytes | None:
    """Return the next job; None where there is none, or something of the last trial is left in this process."""
    gc.collect()
    with contextlib.suppress(
        AttributeError
    ):  # glibc alone has it; compiling leaves 100 MB that are free and not returned
        ctypes.CDLL(None).malloc_trim(0)
    if threading.active_count() > 1 or _resident_mb() > most_mb or not _peak_forgotten():
        return None
    with contextlib.suppress(EOFError, OSError):
        pipe.send(RESTED)
        return pipe.recv_bytes()
    return None


def _resident_mb() -> float:
    return float(psutil.Process().memory_info().rss / 2**20)


def peak_mb() -> float:
    """Return the most memory that this process has had resident during its trial, in units of 2**20 bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def _peak_forgotten() -> bool:
    """Let the kernel begin anew to note this process's peak memory; return whether it does (Linux alone can)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return peak_mb() < 1.1 * _resident_mb()


def _work(payload: bytes, pipe: Connection) -> int | None:
    """Do one job; return the exit code that this process owes, None where all went well."""
    try:
        job: Job = pickle.loads(payload)  # noqa: S301  # written by our own parent a moment ago
        closing = job.work(job, partial(_report, pipe))
    except SystemExit as error:
        return _exit_code(error)
    except BaseException as error:  # noqa: BLE001  # whatever it is, it is told and ends this trial alone
        _tell(pipe, _mishap(error))
        return 1
    # What is left shall be let finish for as long as the keeper waits, a polite stop notwithstanding.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _tell(pipe, DONE)
    try:
        if closing is not None:
            closing()
    except BaseException:  # noqa: BLE001  # the record is safe: this costs some lines in the log
        sys.stderr.write(f"--- trouble after the record was kept, which is safe:\n{traceback.format_exc()}")
        return 0
    return None


def _report(pipe: Connection, progress: Progress) -> None:
    # Plain numbers, so that the keeper need not import what they come from. It reads at once: this does not wait.
    mean = None if progress.mean_return is None else float(progress.mean_return)
    seconds = float(progress.train_seconds), float(progress.earlier_seconds)
    _tell(pipe, Progress(int(progress.steps), seconds[0], mean, str(progress.doing), seconds[1]))


def _tell(pipe: Connection, message: Progress | Verdict) -> None:
    with contextlib.suppress(OSError):
        pipe.send(message)


def _exit_code(error: SystemExit) -> int:
    if error.code is None or isinstance(error.code, int):
        return error.code or 0
    print(error.code, file=sys.stderr)  # noqa: T201  # what the interpreter does with sys.exit("sentence")
    return 1


def _mishap(error: BaseException) -> Verdict:
    if isinstance(error, HindranceError):
        sys.stderr.write(f"{error}\n")
        return Verdict(error.kind, str(error))
    text = "".join(traceback.format_exception(error))
    sys.stderr.write(shortened(text))
    message = f"{type(error).__name__}: {error}".removesuffix(": ")
    return Verdict(kind_of(error), shortened(message), shortened(text))


def kind_of(error: BaseException) -> str:
    """Return the failure kind of an exception: one that tells of memory, `diverged`, `timeout`, or `exception`."""
    if isinstance(error, DivergedError):
        return "diverged"
    if isinstance(error, OverrunError):
        return "timeout"
    # By name, because torch and JAX need not be installed, let alone imported, for this to be asked.
    names, said = {cls.__name__ for cls in type(error).__mro__}, str(error)
    # XLA says the same of both memories; this process was shown a GPU or none.
    theirs = _XLA_EXHAUSTED in said and bool(os.environ.get("CUDA_VISIBLE_DEVICES"))
    if theirs or "OutOfMemoryError" in names or any(text in said for text in _OUT_OF_GPU_MEMORY_TEXTS):
        return OUT_OF_GPU_MEMORY
    if isinstance(error, MemoryError) or any(text in said for text in _OUT_OF_MEMORY_TEXTS):
        return "out_of_memory"
    return "exception"
