"""An array element's number in, one trial run, and what happens told into a file, out: what a batch system starts.

python -m bench.runner.element BATCH NUMBER
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from bench.runner.batches import ORDERS, SAID, write_frame
from bench.runner.local import LocalExecutor
from bench.runner.placed import NO_RETRIES, Order, carried_out

GRACE_SECONDS = 10.0
"""For a trial that is told to go, to store itself."""


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
    with (batch / SAID / number).open("ab", buffering=0) as line:
        for said in carried_out(order, executor):
            write_frame(line, said)
    if signal.SIGUSR1 in came:
        # Its time was nearly up. A preempted one is queued again by Slurm itself, a cancelled one not at all.
        subprocess.run(["scontrol", "requeue", os.environ["SLURM_JOB_ID"]], check=False)  # noqa: S603, S607


if __name__ == "__main__":
    main()
