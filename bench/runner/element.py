"""An array element's number in, one trial run, and what happens told into a file, out: what a batch system starts.

python -m bench.runner.element BATCH NUMBER
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from bench.records import CHECKPOINT, Failure
from bench.runner.batches import ORDERS, SAID, read_frames, write_frame
from bench.runner.local import LocalExecutor
from bench.runner.placed import NO_RETRIES, Order, Said, carried_out

GRACE_SECONDS = 10.0
"""For a trial that is told to go, to store itself."""
_MOST_TURNS, _TURN_SECONDS = 25, 30.0
"""A machine that has failed holds its trials for ten minutes where the storage has no locks of its own."""


def main() -> None:
    """Run the trial; told that its time is nearly up, store it and queue it again."""
    batch, number = Path(sys.argv[1]), sys.argv[2]
    order: Order = pickle.loads((batch / ORDERS / number).read_bytes())  # noqa: S301 - written by who asked for the run
    executor = LocalExecutor(1, NO_RETRIES, GRACE_SECONDS)
    came: list[int] = []

    def stop(sent: int, frame: FrameType | None) -> None:
        del frame
        came.append(sent)
        # Slurm tells of the same end more than once, and a second call would kill.
        if len(came) == 1:
            executor.stop()

    for sent in (signal.SIGUSR1, signal.SIGTERM):
        signal.signal(sent, stop)
    job = pickle.loads(order.payload)  # noqa: S301 - as above
    before = _stored_at(job.folder)
    last = _told(order, executor, batch / SAID / number)
    # Its time was nearly up. A preempted one is queued again by Slurm itself, a cancelled one not at all.
    if last is None and came[:1] == [signal.SIGUSR1] and signal.SIGTERM not in came:
        if _stored_at(job.folder) > before:
            subprocess.run(["scontrol", "requeue", os.environ["SLURM_JOB_ID"]], check=False)  # noqa: S603, S607
        else:
            # Begun anew it would come no further.
            why = "the profile's minutes were over, and it has stored nothing since it began: give it more"
            with (batch / SAID / number).open("ab", buffering=0) as line:
                write_frame(line, Said(failure=Failure(job.trial, "timeout", why, attempt=job.attempt), ended=True))


def _stored_at(folder: Path) -> float:
    """Return when a trial was last stored, in seconds since the epoch; 0: never."""
    try:
        return (folder / CHECKPOINT).stat().st_mtime
    except OSError:
        return 0.0


def _told(order: Order, executor: LocalExecutor, path: Path) -> Said | None:
    """Run the trial, tell what happens, and return its last word; None where it was told to go before."""
    # What a killed predecessor has left of its last message would hide those that follow.
    if path.exists():
        os.truncate(path, read_frames(path, 0)[1])
    last = None
    with path.open("ab", buffering=0) as line:
        for turn in range(_MOST_TURNS):
            for said in carried_out(order, executor):
                last = said if said.ended else None
                if not (last and _held(last) and turn < _MOST_TURNS - 1):
                    write_frame(line, said)
            if last is None or not _held(last):
                break
            time.sleep(_TURN_SECONDS)
    return last


def _held(last: Said) -> bool:
    """Return whether whoever was at work here before, on a machine that has failed, still seems to hold the trial."""
    again = int(os.environ.get("SLURM_RESTART_COUNT", "0")) > 0
    return again and last.hindrance is not None and last.hindrance.kind == "elsewhere"


if __name__ == "__main__":
    main()
