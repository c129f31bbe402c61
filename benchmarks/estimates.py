"""How far off is the time that a run says is left? Stored results, replayed in the order in which they would be run.

    python benchmarks/estimates.py results/discrete results/implementations

The first part of a suite's trials is told to the tally of `bench run` as if it had just ended; what it then expects of
every other trial is compared with what that trial took. Seconds of one core, for the wall's hold what else the machine
did. The order is that of `bench run`, and beside it the one that it had before: the longest first, and no trial of each
cell ahead.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.pipeline import RunOptions, open_experiment, prepare
from bench.progress.tally import Tally
from bench.records import Record
from bench.runner.jobs import Ended, Job, Started

SHARES = (0.1, 0.25, 0.5)


def main() -> None:
    """Print a table for each results folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="+", type=Path)
    for path in parser.parse_args().results:
        jobs, spent = replayed(path)
        print(f"{path}: {len(jobs)} trials, {sum(spent.values()) / 3600:.1f} h of one core")
        print("  order          told   error of a trial   error of the rest together")
        longest = sorted(jobs, key=lambda job: -job.expected_seconds)
        for name, ordered in (("as run", jobs), ("longest first", longest)):
            for share in SHARES:
                single, together = errors(ordered, spent, share)
                print(f"  {name:13}  {share:4.0%}   {single:16.0%}   {together:+26.0%}")


def replayed(path: Path) -> tuple[list[Job], dict[str, float]]:
    """Return the jobs of results that `bench run` would begin now, and what each took: trial's name -> seconds."""
    store = open_experiment(path).store
    spent = {
        one.trial.name: one.core_seconds
        for one in store.outcomes()
        if isinstance(one, Record) and one.core_seconds is not None
    }
    with TemporaryDirectory() as nothing:
        fresh = open_experiment(path / "suite.yaml", results=Path(nothing))
        jobs = prepare(fresh, RunOptions(workers=2, devices="cpu"))
    return [replace(job, workers=1) for job in jobs if job.trial.name in spent], spent


def errors(jobs: Sequence[Job], spent: dict[str, float], share: float) -> tuple[float, float]:
    """Return the median error of one trial's time and the error of all together, once `share` of the jobs has ended."""
    count = round(share * len(jobs))
    tally, clock = Tally([job.trial for job in jobs], [], [], workers=1), 0.0
    for job in jobs:
        tally.cells[job.trial.cell].expected = job.expected_seconds
    for job in jobs[:count]:
        tally.hear(Started(job, os.getpid()), clock)
        seconds = spent[job.trial.name]
        clock += seconds
        tally.hear(Ended(job, None, seconds), clock)
    rest = jobs[count:]
    expected = [tally.seconds_left(clock, {job.trial.cell: 1}) for job in rest]
    took = [spent[job.trial.name] for job in rest]
    single = median(abs(one / other - 1) for one, other in zip(expected, took, strict=True))
    return single, sum(expected) / sum(took) - 1


if __name__ == "__main__":
    main()
