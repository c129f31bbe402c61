"""What a trial costs the process that schedules it, beside what its own process takes: queues of 100 to 100,000.

Real trials of next to no steps, through `bench run`'s own executor, store and display, ended after the first hundred so
that only the length of the queue differs. Quoted are CPU seconds of the scheduling process per trial, and the wall's
beside them, which hold the trial's process too: its start, its imports' fork and its record.

    python benchmarks/scheduling.py
    python benchmarks/scheduling.py --queues 100 1000 --trials 50
"""

from __future__ import annotations

import argparse
import resource
import time
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from scale import CELLS, SUITE

from bench.pipeline import RunOptions, cells_in_order, open_experiment, prepare
from bench.progress.display import LiveDisplay
from bench.progress.tally import Tally
from bench.runner.jobs import Ended
from bench.runner.local import LocalExecutor

QUEUES = (100, 1_000, 10_000, 100_000)
WORKERS, WARM_UP = 2, 10


def main() -> None:
    """Print a line for each length of the queue."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queues", type=int, nargs="+", default=QUEUES)
    parser.add_argument("--trials", type=int, default=100, help="run of each queue")
    chosen = parser.parse_args()
    print("  queue   trials   CPU ms a trial, scheduling   wall ms a trial")
    for queue in chosen.queues:
        with TemporaryDirectory() as place:
            own, wall, count = scheduled(Path(place), queue, chosen.trials)
        print(f"{queue:7,}   {count:6}   {1e3 * own / count:26.1f}   {1e3 * wall / count:15.0f}")


def scheduled(place: Path, queue: int, most: int) -> tuple[float, float, int]:
    """Return CPU seconds of this process, wall seconds and trials, once the first few have warmed the server up."""
    suite = place / "scheduling.yaml"
    suite.write_text(SUITE.format(seeds=max(1, queue // CELLS)))
    experiment = open_experiment(suite, results=place / "results")
    jobs = prepare(experiment, RunOptions(workers=WORKERS, devices="cpu"))
    experiment.store.prepare()
    planned = [trial for trials in cells_in_order(experiment).values() for trial in trials]
    display = LiveDisplay(
        Tally(planned, [], [], WORKERS), jobs, Console(file=StringIO(), force_terminal=True, width=100, height=30)
    )
    executor, ended, begun = LocalExecutor(WORKERS), 0, (0.0, 0.0)
    with display:
        for event in executor.events(jobs):
            display.hear(event)
            if isinstance(event, Ended):
                if not event.done:
                    raise SystemExit(f"{event.job.trial.name}: {event.failure or event.hindrance}")
                ended += 1
                if ended == WARM_UP:
                    begun = _spent()
                if ended == most:
                    executor.drain()
    now = _spent()
    return now[0] - begun[0], now[1] - begun[1], ended - WARM_UP


def _spent() -> tuple[float, float]:
    mine = resource.getrusage(resource.RUSAGE_SELF)
    return mine.ru_utime + mine.ru_stime, time.monotonic()


if __name__ == "__main__":
    main()
