"""Stored results in; estimates and reports out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.analysis import analyse
from bench.catalog import did_you_mean
from bench.errors import BenchError
from bench.pipeline.experiment import Experiment, unread
from bench.pipeline.gathering import BOOTSTRAP_SEED, gather
from bench.pipeline.naming import REPORTS
from bench.pipeline.sequential import course_of
from bench.plan import references
from bench.plan import unscored as unscored_of
from bench.records import Estimates
from bench.report import index
from bench.report.folder import write
from bench.report.formats import render
from bench.runner.devices import default_workers

DOCUMENTS = {"md": "md", "latex": "tex", "json": "json"}
"""Format of a report that is one document -> ending of its file."""
INTERVALS = ("bench", "rliable")


def estimates(experiment: Experiment, intervals: str = INTERVALS[0]) -> Estimates:
    """Return the analysis of what there is so far; where looks decided how many runs there are, with their verdicts.

    Args:
        experiment: whose results.
        intervals: `bench`, or `rliable` for its percentile intervals beside ours.

    Raises:
        BenchError: intervals of another name.
        StoreError: the journal of the looks belongs to another analysis plan.
    """
    if intervals not in INTERVALS:
        hint = did_you_mean(intervals, INTERVALS) or f"one of {', '.join(INTERVALS)}"
        raise BenchError(f"--intervals: {intervals!r} is not known; {hint}")
    experiment, sequence = course_of(experiment)
    planned, outcomes = gather(experiment)
    if not experiment.imported:
        # Imported results in a suite's own folder were put there on purpose: they are no leftovers.
        planned += [outcome.trial for outcome in outcomes if outcome.trial.origin]
    known, rng = references(experiment.suite), np.random.default_rng(BOOTSTRAP_SEED)
    found = analyse(experiment.suite, planned, outcomes, known, rng, sequence, rliable=intervals == "rliable")
    # Nobody can declare a plan before data that others have published.
    plan = {**found.analysis, "imported": True} if experiment.imported else found.analysis
    # Where the catalogue has a reference that does not hold here, a reader would look for scores in vain.
    unscored = [said for said in unscored_of(experiment.suite, known) if "catalogue" in said]
    told = (*unread(experiment), *unscored)
    return replace(found, analysis=plan, notes=told, bursts=tuple(experiment.store.bursts()))


def write_report(experiment: Experiment, folder: Path | None = None, intervals: str = INTERVALS[0]) -> Path:
    """Analyse, with intervals as `estimates` takes them, and write the report; return the page."""
    trials = experiment.store.root / "trials"
    found, to = estimates(experiment, intervals), folder or REPORTS / experiment.suite.name
    written = write(found, to, trials=trials, processes=default_workers())
    if folder is None:
        index.write(REPORTS)
    return written


def report_document(experiment: Experiment, kind: str, intervals: str = INTERVALS[0]) -> str:
    """Analyse, with intervals as `estimates` takes them, and return one document, `md`, `latex` or `json`.

    Raises:
        BenchError: another kind.
    """
    if kind not in DOCUMENTS:
        known = ("html", *DOCUMENTS)
        hint = did_you_mean(kind, known) or f"one of {', '.join(known)}"
        raise BenchError(f"report format {kind!r} is not known; {hint}")
    return render(estimates(experiment, intervals), kind)
