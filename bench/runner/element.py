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

from bench.records import Failure
from bench.runner.batches import ORDERS, SAID, Speaker, stored_at
from bench.runner.jobs import Job
from bench.runner.local import LocalExecutor
from bench.runner.placed import HELD_SECONDS, Order, Said, carried_out, executor_here

GRACE_SECONDS = 10.0
"""For a trial that is told to go, to store itself: Slurm kills half a minute after SIGTERM, if not sooner."""
NOTICED_SECONDS = 60.0
"""The same where its time is nearly up (SIGUSR1): a minute and a half before, so that a large one can be written."""
_TURN_SECONDS = 30.0
"""Between two looks at whether a trial is still held by the machine that was lost with it."""
_LAST_WORD_SECONDS = (1.0, 4.0, 10.0)
"""Before the last word is tried again, where the storage does not take it."""


def main() -> None:
    """Run the trial; told that its time is nearly up, store it and queue it again."""
    batch, number = Path(sys.argv[1]), sys.argv[2]
    order: Order = pickle.loads((batch / ORDERS / number).read_bytes())  # noqa: S301 - written by who asked for the run
    executor = executor_here(GRACE_SECONDS)
    came: list[int] = []

    def stop(sent: int, frame: FrameType | None) -> None:
        del frame
        came.append(sent)
        # Slurm tells of the same end more than once, and a second call would kill.
        if len(came) == 1:
            executor.stop(NOTICED_SECONDS if sent == signal.SIGUSR1 else None)

    for sent in (signal.SIGUSR1, signal.SIGTERM):
        signal.signal(sent, stop)
    job: Job = pickle.loads(order.payload)  # noqa: S301 - as above
    before = stored_at(job.folder)
    speaker = Speaker(batch / SAID / number)
    last = _told(order, executor, speaker, again=_again(job))
    # Its time was nearly up. A preempted one is queued again by Slurm itself, a cancelled one not at all.
    if last is None and came[:1] == [signal.SIGUSR1] and signal.SIGTERM not in came:
        if stored_at(job.folder) > before:
            subprocess.run(["scontrol", "requeue", os.environ["SLURM_JOB_ID"]], check=False)  # noqa: S603, S607
        else:
            # Begun anew it would come no further.
            why = "the profile's minutes were over, and it has stored nothing since it began: give it more"
            _say(speaker, Said(failure=Failure(job.trial, "timeout", why, attempt=job.attempt), ended=True))


def _again(job: Job) -> bool:
    """Return whether a trial has been begun before: Slurm counts how often it queues by itself what a machine lost."""
    return job.attempt > 1 or int(os.environ.get("SLURM_RESTART_COUNT", "0")) > 0


def _told(order: Order, executor: LocalExecutor, speaker: Speaker, *, again: bool) -> Said | None:
    """Run the trial, tell what happens, and return its last word; None where it was told to go before.

    One that has been begun before may still seem to be held by the machine that was lost with it.
    """
    last, waits, until = None, True, time.monotonic() + (HELD_SECONDS if again else 0.0)
    while waits:
        waits = False
        for said in carried_out(order, executor, shared_only=True):
            last = said if said.ended else None
            waits = said.held and time.monotonic() < until
            if not waits:
                _say(speaker, said)
        time.sleep(_TURN_SECONDS if waits else 0.0)
    return last


def _say(speaker: Speaker, said: Said) -> None:
    """Say something; where the storage does not take it, it is lost, and a last word only after some tries."""
    for seconds in (*(_LAST_WORD_SECONDS if said.ended else ()), 0.0):
        if speaker.say(said):
            return
        time.sleep(seconds)


if __name__ == "__main__":
    main()
