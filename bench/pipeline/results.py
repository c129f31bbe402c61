"""Stored results in; estimates, reports and tidy frames out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from bench.catalog import did_you_mean
from bench.errors import BenchError
from bench.files import publishing
from bench.imports import imported, origins
from bench.pipeline.experiment import Experiment, open_experiment, unread
from bench.plain import plain, spreadsheet
from bench.plan import references
from bench.plan import unscored as unscored_of
from bench.records import Estimates, Outcome, Trial

if TYPE_CHECKING:
    import pandas as pd

REPORTS = Path("reports")
DOCUMENTS = {"md": "md", "latex": "tex", "json": "json"}
"""Format of a report that is one document -> ending of its file."""
INTERVALS = ("bench", "rliable")
BOOTSTRAP_SEED = 20_260_101
"""The analysis draws its resamples from this: the same results give the same report."""


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
    import numpy as np  # noqa: PLC0415 - see bench/pipeline/__init__.py

    from bench.analysis import analyse  # noqa: PLC0415 - see bench/pipeline/__init__.py
    from bench.pipeline.sequential import course_of  # noqa: PLC0415 - it uses `gather`

    experiment, sequence = course_of(experiment)
    planned, outcomes = gather(experiment)
    if not experiment.imported:
        # Imported results in a suite's own folder were put there on purpose: they are no leftovers.
        planned += [outcome.trial for outcome in outcomes if imported(outcome)]
    known, rng = references(experiment.suite), np.random.default_rng(BOOTSTRAP_SEED)
    found = analyse(experiment.suite, planned, outcomes, known, rng, sequence, rliable=intervals == "rliable")
    # Nobody can declare a plan before data that others have published.
    plan = {**found.analysis, "imported": True} if experiment.imported else found.analysis
    # Where the catalogue has a reference that does not hold here, a reader would look for scores in vain.
    unscored = [said for said in unscored_of(experiment.suite, known) if "catalogue" in said]
    notes = (*unread(experiment), *origins(outcomes), *unscored, *found.warnings)
    return replace(found, analysis=plan, warnings=notes)


def write_report(experiment: Experiment, folder: Path | None = None, intervals: str = INTERVALS[0]) -> Path:
    """Analyse, with intervals as `estimates` takes them, and write the report; return the page."""
    from bench.report.folder import write  # noqa: PLC0415 - see bench/pipeline/__init__.py

    trials = experiment.store.root / "trials"
    return write(estimates(experiment, intervals), folder or REPORTS / experiment.suite.name, trials=trials)


def report_document(experiment: Experiment, kind: str, intervals: str = INTERVALS[0]) -> str:
    """Analyse, with intervals as `estimates` takes them, and return one document, `md`, `latex` or `json`.

    Raises:
        BenchError: another kind.
    """
    if kind not in DOCUMENTS:
        known = ("html", *DOCUMENTS)
        hint = did_you_mean(kind, known) or f"one of {', '.join(known)}"
        raise BenchError(f"report format {kind!r} is not known; {hint}")
    from bench.report.formats import render  # noqa: PLC0415 - see bench/pipeline/__init__.py

    return render(estimates(experiment, intervals), kind)


def gather(experiment: Experiment) -> tuple[list[Trial], list[Outcome]]:
    """Return the planned trials and all outcomes, each outcome under the label that the suite gives it now.

    Results made with other versions of the libraries stand in for planned trials that nothing else covers: a report of
    published results must not depend on what is installed where it is read.
    """
    found = {outcome.trial.fingerprint: outcome for outcome in experiment.store.outcomes()}
    unversioned = {replace(outcome.trial, versions={}).fingerprint: outcome for outcome in found.values()}
    covering = [
        (trial, found.get(trial.fingerprint) or unversioned.get(replace(trial, versions={}).fingerprint))
        for trial in experiment.plan.trials
    ]
    # A missing trial stands with the finished ones of its cell: other versions here must not split the cell in two.
    versions = {(trial.label, trial.environment): one.trial.versions for trial, one in covering if one}
    planned, outcomes, used = [], [], set()
    for trial, outcome in covering:
        known = outcome.trial.versions if outcome else versions.get((trial.label, trial.environment), trial.versions)
        covered = replace(trial, versions=known)
        planned.append(covered)
        if outcome is not None:
            used.add(outcome.trial.fingerprint)
            outcomes.append(replace(outcome, trial=covered))
    return planned, [*outcomes, *(outcome for key, outcome in found.items() if key not in used)]


def load(path: str | Path) -> Mapping[str, pd.DataFrame]:
    """Return results as tidy pandas frames: `trials`, `points` (of the learning curves) and `episodes`.

    Args:
        path: a results folder such as `results/discrete`, or a suite file.

    Raises:
        BenchError: nothing is there, or it cannot be read.
    """
    from bench.analysis.frames import frames  # noqa: PLC0415 - see bench/pipeline/__init__.py

    experiment = open_experiment(Path(path))
    for sentence in unread(experiment):
        warnings.warn(sentence, stacklevel=2)
    _, outcomes = gather(experiment)
    return frames(outcomes, references(experiment.suite))


def export(experiment: Experiment, folder: Path, kind: str) -> list[Path]:
    """Write the tidy frames into `folder` as `csv` or `parquet`; return the files.

    Raises:
        BenchError: another kind.
        WriteError: a file cannot be written.
    """
    from bench.analysis.frames import frames  # noqa: PLC0415 - see bench/pipeline/__init__.py

    if kind not in ("csv", "parquet"):
        raise BenchError(f"format {kind!r} is not known; csv or parquet")
    _, outcomes = gather(experiment)
    clean = spreadsheet if kind == "csv" else plain
    written = []
    for name, frame in frames(outcomes, references(experiment.suite)).items():
        written.append(folder / f"{name}.{kind}")
        readable = _with_text(frame, clean)
        with publishing(written[-1]) as path:
            readable.to_csv(path, index=False) if kind == "csv" else readable.to_parquet(path, index=False)
    return written


def _with_text(frame: pd.DataFrame, clean: Callable[[str], str]) -> pd.DataFrame:
    """Return the frame with every text cleaned; each different one once, for there are few among many rows."""
    known = lru_cache(maxsize=None, typed=True)(lambda value: clean(value) if isinstance(value, str) else value)
    return frame.assign(**{str(name): frame[name].map(known) for name in frame.select_dtypes(["object", "string"])})
