"""Work for executors to carry, good and bad. Imports little, since every trial imports it anew."""

# ruff: noqa: ARG001, T201 - all work has one signature, and what it prints goes to the log that is tested.

from __future__ import annotations

import ctypes
import json
import mmap
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import warnings
from functools import partial
from pathlib import Path

from bench.errors import DivergedError
from bench.runner import provenance
from bench.runner.jobs import Closing, Job, Progress, Report
from bench.runner.worker import peak_mb

LONG = 300.0
SLEEPER = [sys.executable, "-S", "-c", f"import time; time.sleep({LONG})"]


def note_pid(job: Job, *pids: int) -> None:
    with (job.folder / "pids").open("a") as file:
        file.writelines(f"{pid}\n" for pid in (os.getpid(), *pids))


def pids(folder: Path) -> list[int]:
    return [int(line) for line in (folder / "pids").read_text().split()] if (folder / "pids").exists() else []


def innocent(job: Job, report: Report) -> None:
    note_pid(job)
    report(Progress(steps=100, train_seconds=0.1, mean_return=1.5))
    time.sleep(0.05)
    (job.folder / "result").write_text("well")


def raises(job: Job, report: Report) -> None:
    note_pid(job)
    report(Progress(steps=42, train_seconds=0.1))
    raise ValueError("the wheel came off")


def diverges(job: Job, report: Report) -> None:
    raise DivergedError("the loss is nan at step 7")


def starves(job: Job, report: Report) -> None:
    raise MemoryError


class OutOfMemoryError(RuntimeError):
    """Stands for torch's class of that name."""


def starves_on_gpu(job: Job, report: Report) -> None:
    raise OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def holds_its_gpu(job: Job, report: Report) -> None:
    """Say where and from when to when it was at work."""
    begun = time.monotonic()
    time.sleep(0.4)
    place = [os.environ.get("CUDA_VISIBLE_DEVICES"), begun, time.monotonic()]
    (job.folder / "held.json").write_text(json.dumps(place))


def wants_half_a_gpu(job: Job, report: Report) -> None:
    if job.packed > 2:
        raise OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
    holds_its_gpu(job, report)


def fills_its_gpu(job: Job, report: Report) -> None:
    import torch  # noqa: PLC0415 - where there is a GPU alone

    _, there = torch.cuda.mem_get_info()
    held = torch.empty(int(0.6 * there), dtype=torch.uint8, device="cuda")
    held.fill_(1)
    torch.cuda.synchronize()
    time.sleep(8.0)


def asserts_on_its_gpu(job: Job, report: Report) -> None:
    import torch  # noqa: PLC0415 - as above

    beyond = torch.tensor([7], device="cuda")
    print(torch.zeros(3, device="cuda")[beyond].cpu())


def well(job: Job) -> None:
    (job.folder / "result").write_text("well")


def raises_while_closing(job: Job, report: Report) -> Closing:
    well(job)
    return partial(raises, job, report)


def hangs_while_closing(job: Job, report: Report) -> Closing:
    well(job)
    return partial(hangs_deaf, job, report)


def hangs_in_the_second_step(job: Job, report: Report) -> None:
    note_pid(job)
    report(Progress(steps=1, train_seconds=0.0, doing="training"))
    waits_for_the_simulator()


def waits_for_the_simulator() -> None:
    time.sleep(LONG)


def lives_slowly(job: Job, report: Report) -> None:
    for step in range(8):
        time.sleep(0.5)
        report(Progress(steps=step, train_seconds=0.0))


def floods(job: Job, report: Report) -> None:
    os.write(1, b"the first line\n")
    for _ in range(2_000):
        os.write(1, b"x" * 99_999 + b"\n")
    os.write(2, b"the last line\n")
    os.abort()


def raises_at_length(job: Job, report: Report) -> None:
    raise ValueError("begin " + 10_000_000 * "x" + " end")


def kills_itself(job: Job, report: Report) -> None:
    note_pid(job)
    os.kill(os.getpid(), signal.SIGKILL)


def kills_itself_once(job: Job, report: Report) -> None:
    print("try", job.attempt)
    if job.attempt == 1:
        kills_itself(job, report)
    innocent(job, report)


def kills_its_keeper(job: Job, report: Report) -> None:
    note_pid(job, subprocess.Popen(SLEEPER).pid)
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(LONG)


def crashes(job: Job, report: Report) -> None:
    ctypes.string_at(0)


def aborts(job: Job, report: Report) -> None:
    os.abort()


def leaves(job: Job, report: Report) -> None:
    os.write(2, b"no licence found\n")
    os._exit(7)


def leaves_politely(job: Job, report: Report) -> None:
    sys.exit("cannot go on")


def hangs(job: Job, report: Report) -> None:
    note_pid(job)
    report(Progress(steps=1, train_seconds=0.0))
    time.sleep(LONG)


def hangs_deaf(job: Job, report: Report) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    hangs(job, report)


def hangs_with_family(job: Job, report: Report) -> None:
    note_pid(job, subprocess.Popen(SLEEPER).pid, subprocess.Popen(SLEEPER, start_new_session=True).pid)
    hangs(job, report)


def hangs_with_families(job: Job, report: Report) -> None:
    """Hang with children in sessions of their own: started anew without any variable, forked, and forked by a fork."""
    started = subprocess.Popen(SLEEPER, start_new_session=True, env={})
    note_pid(job, started.pid)
    if (forked := os.fork()) == 0:
        os.setsid()
        note_pid(job, subprocess.Popen(SLEEPER, start_new_session=True).pid)
        time.sleep(LONG)
    while len(pids(job.folder)) < 4:
        time.sleep(0.01)
    assert forked in pids(job.folder)
    hangs(job, report)


def lives_with_family(job: Job, report: Report) -> None:
    child = subprocess.Popen(SLEEPER, start_new_session=True)
    note_pid(job, child.pid)
    lives_slowly(job, report)
    assert child.poll() is None, "killed with another trial"
    well(job)


def finishes_with_family(job: Job, report: Report) -> None:
    note_pid(job, subprocess.Popen(SLEEPER).pid, subprocess.Popen(SLEEPER, start_new_session=True).pid)


def eats(job: Job, report: Report) -> None:
    note_pid(job)
    hoard = []
    while True:
        hoard.append(b"x" * 20_000_000)
        time.sleep(0.05)


def eats_through_a_child(job: Job, report: Report) -> None:
    child = subprocess.Popen([sys.executable, "-S", "-c", f"import time; x = b'x' * 600_000_000; time.sleep({LONG})"])
    note_pid(job, child.pid)
    child.wait()


def shares_memory_with_family(job: Job, report: Report) -> None:
    """Touch the same 160 MB in four processes for some looks at the memory: 640 MB by resident sizes, 160 in truth."""
    shared = mmap.mmap(-1, 160_000_000)
    shared.write(b"x" * len(shared))
    family = []
    for _ in range(3):
        family.append(os.fork())
        if family[-1] == 0:
            sum(shared[::4096])
            time.sleep(3)
            os._exit(0)
    for child in family:
        os.waitpid(child, 0)
    well(job)


def chatters(job: Job, report: Report) -> None:
    for number in range(50_000):
        print("line", number)


def writes_everywhere(job: Job, report: Report) -> None:
    print("by print")
    print("by stderr", file=sys.stderr)
    os.write(1, b"by descriptor\n")
    subprocess.run(["echo", "by child"], check=True)


def describes_itself(job: Job, report: Report) -> None:
    names = ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    facts: dict[str, object] = {name: os.environ.get(name) for name in names}
    facts["leads its session"] = os.getsid(0) == os.getpid()
    facts["knows its code"] = provenance.code.cache_info().currsize == 1
    facts["torch threads"] = sys.modules["torch"].get_num_threads() if "torch" in sys.modules else None
    (job.folder / "facts.json").write_text(json.dumps(facts))


def reports_without_end(job: Job, report: Report) -> None:
    for step in range(5_000):
        report(Progress(steps=step, train_seconds=0.0))
    (job.folder / "result").write_text("well")


def starts_processes(job: Job, report: Report) -> None:
    for method in ("fork", "forkserver", "spawn"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            assert pool.map(abs, [-1, -2]) == [1, 2]
    (job.folder / "result").write_text("well")


class Unreadable:
    """Work that can be pickled and cannot be unpickled."""

    def __call__(self, job: Job, report: Report) -> None:
        raise NotImplementedError

    def __reduce__(self) -> tuple[object, ...]:
        return _refuse, ("made with another version",)


def _refuse(reason: str) -> object:
    raise pickle.UnpicklingError(reason)


def takes_a_turn(job: Job, report: Report) -> None:
    """Note what a trial finds that another could have changed, or has used up, and spend some processor time."""
    note_pid(job)
    print("turn of seed", job.trial.seed)
    began = time.process_time()
    while time.process_time() - began < 0.1:
        sum(range(1_000))
    report(Progress(steps=job.trial.seed, train_seconds=0.1, mean_return=1.5))
    (job.folder / "facts.json").write_text(json.dumps({"peak": peak_mb(), **_found()}))


def _found() -> dict[str, object]:
    mask = os.umask(0)
    os.umask(mask)
    return {
        "variable": os.environ.get("LEFT_BEHIND"),
        "path": os.environ.get("PATH"),
        "folder": str(Path.cwd()),
        "umask": mask,
        "import path": sys.path,
        "warnings": len(warnings.filters),
        "alarm": str(signal.getsignal(signal.SIGALRM)),
        "stop": str(signal.getsignal(signal.SIGTERM)),
        "output": sys.stdout.fileno(),
    }


def turns_all_upside_down(job: Job, report: Report) -> Closing:
    """Change all that belongs to the process, while the trial is closed, too, and use 200 MB for a while."""
    takes_a_turn(job, report)
    os.environ["LEFT_BEHIND"] = "yes"
    del os.environ["PATH"]
    os.umask(0o077)
    sys.path.append("/nowhere")
    warnings.simplefilter("error")
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    sys.stdout = sys.stderr
    print("the last word", end="")
    del [b"x" * 200_000_000][0]
    return partial(os.chdir, "/")


def hoards(job: Job, report: Report) -> None:
    """Keep 500 MB for ever."""
    takes_a_turn(job, report)
    _HOARD.append(b"x" * 500_000_000)


_HOARD: list[bytes] = []


def leaves_a_thread(job: Job, report: Report) -> None:
    takes_a_turn(job, report)
    threading.Thread(target=time.sleep, args=(LONG,), daemon=True).start()


def leaves_a_child(job: Job, report: Report) -> None:
    takes_a_turn(job, report)
    note_pid(job, subprocess.Popen(SLEEPER).pid)


def lives_for_a_while(job: Job, report: Report) -> None:
    note_pid(job)
    time.sleep(0.4)
