"""An order for a trial in, a verdict out: the process that watches one trial and leaves nothing of it behind.

Each trial at work has a keeper of its own, so that neither another trial nor a slow reader of events can delay a
deadline, and so that a trial ends with everything it started even when the process that ordered it has been killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from multiprocessing import Pipe, forkserver
from multiprocessing.connection import Connection, wait
from typing import Any

import psutil

from bench.errors import HindranceError, hindering
from bench.files import write_into
from bench.runner.jobs import Progress
from bench.runner.lived import LOOK_SECONDS, LivedClock
from bench.runner.log import CappedLog
from bench.runner.vigil import ADVICE, Vigil
from bench.runner.worker import DONE, RESTED, Order, Verdict, adopt_orphans, run

FREE = "free"
"""Sent by a keeper after a verdict: the process that has trained can be given another order."""

_MEMORY_POLL_SECONDS = 0.5
_SWEEP_SECONDS = 5.0
_CLOSING_GRACES = 6
"""How many grace periods a trial whose record is safe has to save its policy and to close what it opened."""
_UNCLOSED = b"--- saving the policy or closing took too long and was cut short; the record is safe\n"
_PIPE_BYTES = 2**20
_LOG_PAUSE_SECONDS = 0.002
"""Between two readings of a log that comes in small pieces: many lines cost one awakening."""


@dataclass(frozen=True, slots=True)
class Hatched:
    """The trial has a process."""

    pid: int


@dataclass(slots=True)
class _Process:
    """The process that trains, as its keeper holds it."""

    pid: int
    pipe: Connection
    """Where it tells what it does, and is told what to do next."""
    printed: int
    """File descriptor from which what it prints is read."""
    notice: list[int]
    """File descriptors that become readable when it ends."""

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it and to what it has started in its session."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def lives(self) -> bool:
        """Return whether it is still there; collect it where it is not."""
        with contextlib.suppress(ChildProcessError):  # collected before
            return os.waitpid(self.pid, os.WNOHANG) == (0, 0)
        return False

    def take(self, payload: bytes) -> None:
        """Give it another job; whether it dies of that or before is for the watch to see."""
        with contextlib.suppress(OSError):
            self.pipe.send_bytes(payload)

    def end(self) -> None:
        """Kill it and wait until it is gone."""
        self.signal(signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def keep(order: Order, line: Connection, clock: Callable[[], float] = time.monotonic) -> None:
    """Be the keeper: start the trial, watch it to its end, tell `line` all of it.

    Sends one `Hatched`, any number of `Progress` (the latest only, when the reader is slow) and one `Verdict`; takes
    the seconds within which the trial has to go: it is sent SIGTERM, and SIGKILL when they are over, at once if they
    are 0. When the other end of `line` is gone the trial is killed at once. After the verdict on a trial that has left
    its process fit for another it sends FREE, and takes another order; where the process is gone by then, it closes the
    line without a word.

    Limits count what this process has lived through, in seconds of `clock`: while it is suspended nobody watches, and a
    trial that is suspended with it does nothing.
    """
    _stand_apart()
    following: Order | None = order
    process = None
    while following is not None:
        verdict, process = _watched(following, line, process, LivedClock(clock))
        with contextlib.suppress(OSError):
            line.send(verdict)
        following = _next_order(line, process) if process else None


def _watched(
    order: Order, line: Connection, process: _Process | None, clock: LivedClock
) -> tuple[Verdict, _Process | None]:
    """Watch a trial to its end, in a new process where there is none; return the process that can go on."""
    start = clock()
    try:
        with hindering(order.log, "the trial's log cannot be written"):
            log = write_into(order.log.parent, partial(CappedLog, order.log))
        log.write(_heading(order))
        with hindering(order.log.parent, "the trial's process cannot be started"):
            if process is None:
                process = _hatched(order, line)
            else:
                process.take(order.payload)
            watch = _Watch(order, line, log, process, clock, start)
    except HindranceError as error:
        if process is not None:
            process.end()
        return Verdict(error.kind, str(error)), None
    verdict = watch.verdict()
    log.close()
    return verdict, process if watch.free else None


def _next_order(line: Connection, process: _Process) -> Order | None:
    """Return what the process shall do next; None where that is nothing, or it is gone."""
    message = None
    with contextlib.suppress(EOFError, OSError):
        line.send(FREE)
        message = line.recv()
    if not process.lives():
        return None
    if isinstance(message, Order):
        return message
    process.end()
    return None


def _hatched(order: Order, line: Connection) -> _Process:
    pipe, theirs = Pipe()
    printed, prints = _log_pipe()
    keeper = os.getpid()
    pid = os.fork()
    if pid == 0:
        # The trial must not hold the line: its closing is how each end learns that the other is gone.
        line.close()
        pipe.close()
        os.close(printed)
        run(order, prints, keeper, theirs)
    theirs.close()
    os.close(prints)
    return _Process(pid, pipe, printed, _death_notice(pid))


def _stand_apart() -> None:
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # The fork server holds them back, from its first moment on.
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    adopt_orphans()
    # multiprocessing gives every child the pipe whose closing tells the fork server to go; while a trial held it, the
    # server would outlive a killed supervisor. A fork server started by the trial itself gets a pipe of its own.
    server: Any = vars(forkserver)["_forkserver"]
    if server._forkserver_alive_fd is not None:  # noqa: SLF001  # there is no public way to it
        os.close(server._forkserver_alive_fd)  # noqa: SLF001  # as above
        server._forkserver_alive_fd = None  # noqa: SLF001  # as above


def _heading(order: Order) -> bytes:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return f"--- attempt {order.attempt}, {now}, {socket.gethostname()}\n".encode()


class _Watch:
    """The state of one trial from its start to its verdict."""

    def __init__(
        self, order: Order, line: Connection, log: CappedLog, process: _Process, clock: LivedClock, start: float
    ) -> None:
        self._order = order
        self._line = line
        self._clock, self._start = clock, start
        self._log = log
        self._process = process
        self.free = False
        """Whether the trial is over and its process fit for another."""
        self._status: int | None = None
        self._ending: Verdict | None = None
        self._said: Verdict | None = None
        self._vigil = Vigil(order.limits, start)
        self._unsent: Progress | None = None
        self._kill_at = float("inf")
        self._look_at = start + _MEMORY_POLL_SECONDS
        self._peak_mb = 0.0
        minutes = order.limits.timeout_minutes
        self._deadline = float("inf") if minutes is None else start + 60 * minutes
        self._slow_at = start + order.slow_after_seconds
        self._pipe, self._printed = process.pipe, process.printed
        self._sources: list[Connection | int] = [line, process.pipe, process.printed, *process.notice]
        _send_if_room(line, Hatched(process.pid))

    def verdict(self) -> Verdict:
        """Watch until the trial is over and everything it started is gone, its process perhaps excepted."""
        while self._status is None and not self.free:
            for source in wait(self._sources, self._patience()):
                self._listen(source)
            self._pass_on()
            self._enforce()
            self._reap()
        self._hear_last_words()
        if not self.free:
            self._sweep()
        # Only now is nobody left to write.
        self._copy(most=_PIPE_BYTES)
        verdict = self._judge()
        peak = max(self._peak_mb, _largest_child_mb())
        seconds = self._clock() - self._start
        steps = self._vigil.latest.steps
        return replace(verdict, steps=steps, seconds=seconds, peak_memory_mb=round(peak, 1))

    def _patience(self) -> float:
        until = min(self._deadline, self._hangs_at(), self._slow_at, self._kill_at, self._look_at)
        return max(0.0, until - self._clock())

    def _hangs_at(self) -> float:
        return self._vigil.until if self._ending is None and self._said is None else float("inf")

    def _listen(self, source: object) -> None:
        if source is self._line:
            self._obey()
        elif source is self._pipe:
            self._hear()
        elif source == self._printed and not self._copy():
            time.sleep(_LOG_PAUSE_SECONDS)

    def _copy(self, most: int = _PIPE_BYTES) -> bool:
        """Bring what was printed into the log, at most so much of it; return whether it comes in large pieces."""
        copied = 0
        while copied < most:
            try:
                piece = os.read(self._printed, _PIPE_BYTES)
            except BlockingIOError:
                break
            if not piece:
                self._sources = [source for source in self._sources if source != self._printed]
                break
            self._log.write(piece)
            copied += len(piece)
        return copied >= _PIPE_BYTES // 16

    def _obey(self) -> None:
        try:
            grace_seconds = self._line.recv()
        except (EOFError, OSError):
            self._sources.remove(self._line)
            grace_seconds = 0.0
        self._end(Verdict("stopped"), grace_seconds)

    def _hear(self) -> None:
        try:
            message = self._pipe.recv()
        except (EOFError, OSError):
            self._sources.remove(self._pipe)
            return
        if isinstance(message, Progress):
            # What it had taken before it was interrupted counts.
            self._deadline -= message.earlier_seconds - self._vigil.latest.earlier_seconds
            self._vigil.hear(self._clock(), message)
            self._unsent = message
            return
        if message == RESTED:
            self._release()
            return
        # It is decided: no other limit can change that, and what is left may not take for ever.
        self._said = message
        self._deadline = self._slow_at = float("inf")
        self._kill_at = min(self._kill_at, self._clock() + _CLOSING_GRACES * self._order.grace_seconds)

    def _release(self) -> None:
        """Let the process wait for another order, if the trial has ended well and nothing that it started is left."""
        self._reap()
        alone = [child.pid for child in psutil.Process().children(recursive=True)] == [self._process.pid]
        self.free = alone and self._said == DONE and self._ending is None
        if not self.free:
            # It goes, when it finds that nobody will tell it more.
            self._sources.remove(self._pipe)
            self._pipe.close()

    def _hear_last_words(self) -> None:
        while self._pipe in self._sources and self._pipe.poll():
            self._hear()
        if self._unsent is not None:
            with contextlib.suppress(OSError):
                self._line.send(self._unsent)

    def _pass_on(self) -> None:
        if self._unsent is not None and _send_if_room(self._line, self._unsent):
            self._unsent = None

    def _enforce(self) -> None:
        now = self._clock()
        if now >= self._look_at:
            self._log.settle()
            self._look_at_memory(now)
        if now >= self._deadline:
            self._deadline = float("inf")
            minutes = self._order.limits.timeout_minutes
            self._end(Verdict("timeout", f"ran longer than its limit of {minutes:g} minutes, {self._vigil.place()}"))
        if now >= self._hangs_at():
            self._end(Verdict("timeout", f"{self._vigil.silence()}; {ADVICE}"))
        if now >= self._slow_at:
            self._slow_at = float("inf")
            self._log.write(f"--- still at work after {now - self._start:.0f} s, {self._vigil.place()}\n".encode())
        if self._clock() >= self._kill_at:
            self._kill_at = float("inf")
            self._process.signal(signal.SIGKILL)
            if self._said == DONE:
                self._log.write(_UNCLOSED)

    def _end(self, ending: Verdict, grace_seconds: float | None = None) -> None:
        """Note why (the first reason stays) and ask the trial to go."""
        self._ending = self._ending or ending
        grace = self._order.grace_seconds if grace_seconds is None else grace_seconds
        self._kill_at = min(self._kill_at, self._clock() + grace)
        if grace > 0:
            self._process.signal(signal.SIGTERM)

    def _look_at_memory(self, now: float) -> None:
        limit = self._order.limits.memory_gb
        self._look_at = now + (LOOK_SECONDS if limit is None else _MEMORY_POLL_SECONDS)
        family = psutil.Process().children(recursive=True)
        used = sum(_resident_mb(process) for process in family)
        self._peak_mb = max(self._peak_mb, used)
        # Resident sizes count a page once per process that shares it; the dearer proportional size decides.
        if limit is not None and used > 1024 * limit:
            fair = sum(_proportional_mb(process) for process in family)
            if fair > 1024 * limit:
                self._end(Verdict("out_of_memory", f"used {fair:.0f} MB of memory; its limit is {limit:g} GB"), 0.0)

    def _reap(self) -> None:
        """Collect the dead: the trial, and orphans that fell to this process."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == self._process.pid:
                    self._status = status
                if pid == 0:
                    return

    def _sweep(self) -> None:
        """Kill what the trial has left running."""
        self._process.signal(signal.SIGKILL)
        until = time.monotonic() + _SWEEP_SECONDS
        while (left := psutil.Process().children(recursive=True)) and time.monotonic() < until:
            for process in left:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            self._reap()
            time.sleep(0.005)

    def _judge(self) -> Verdict:
        if self._said == DONE:
            return DONE
        if self._ending is not None:
            where = self._log.recent() if self._ending.kind == "timeout" else ""
            return replace(self._ending, traceback=where)
        if self._said is not None:
            return self._said
        code = os.waitstatus_to_exitcode(self._status or 0)
        last = self._log.recent()
        if code < 0:
            return Verdict("killed", _killed_by(-code), last)
        return Verdict("exited", f"exited with code {code} before its work was done, without an exception", last)


def _log_pipe() -> tuple[int, int]:
    """Return both ends of a pipe for what the trial prints: reading never waits, writing waits when it is full."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # more than this user may have
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return reading, writing


def _send_if_room(connection: Connection, message: object) -> bool:
    """Send without ever waiting for the reader; return False when its buffer is full or it is gone."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLOUT)
    if not any(event & select.POLLOUT for _, event in poll.poll(0)):
        return False
    try:
        connection.send(message)
    except OSError:
        return False
    return True


def _death_notice(pid: int) -> list[int]:
    """Return what becomes readable when process `pid` ends; nothing where the system has no such thing."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # an old kernel, or a container that forbids it
            return [os.pidfd_open(pid)]
    return []


def _largest_child_mb() -> float:
    """Return the peak of the largest single process that has been waited for, as the kernel kept it."""
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / unit


def _resident_mb(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.Error):
        return float(process.memory_info().rss / 2**20)
    return 0.0


def _proportional_mb(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.Error):
        usage = process.memory_full_info()
        return float(getattr(usage, "pss", usage.rss) / 2**20)
    return 0.0


def _killed_by(number: int) -> str:
    known = number in {entry.value for entry in signal.Signals}
    name = signal.Signals(number).name if known else f"signal {number}"
    if number == signal.SIGKILL:
        return f"killed by {name}, which this harness did not send: look for the kernel's out-of-memory killer"
    return f"killed by {name}, which this harness did not send"
