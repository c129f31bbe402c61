"""Cells and trials in, what tables say of each of them by itself out: no comparison is made here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from bench.analysis.cautions import overshoot
from bench.analysis.interval import cut, iqm_interval, mean_interval
from bench.analysis.ledger import Entry, Ledger
from bench.analysis.resampling import Draws
from bench.analysis.scores import Cell, Run, final_return, learns
from bench.analysis.solved import solves
from bench.analysis.threshold import time_to_threshold
from bench.records import (
    PACKING,
    AnalysisPlan,
    CellEstimate,
    Fact,
    Failure,
    FailureLine,
    Interval,
    Record,
    SettingsLine,
    TrialLine,
    digest,
)


def cell_estimate(c: Cell, draws: Draws, plan: AnalysisPlan) -> CellEstimate:
    """Return what a cell's runs came to: returns, scores, time to the threshold and speed."""
    nothing = Interval(None, notes=(Fact("no runs"),))
    counts, confidence = [draws[c.key]] if c.runs else [], plan.confidence
    areas, top = c.values("auc"), c.score_ceiling
    return CellEstimate(
        label=c.label,
        environment=c.environment,
        seeds=tuple(run.entry.trial.seed for run in c.runs),
        returns=tuple(c.returns.tolist()),
        scores=tuple(c.scores.tolist()),
        n=len(c.runs),
        planned=len(c.entries),
        failed=c.failed,
        missing=c.missing,
        mean_return=cut(mean_interval([c.returns], confidence), c.ceiling, c.floor) if c.runs else nothing,
        iqm_return=cut(iqm_interval([c.returns], counts, confidence), c.ceiling, c.floor) if c.runs else nothing,
        iqm_score=cut(iqm_interval([c.scores], counts, confidence), top, plan.floor) if c.scored else _no_score(c),
        auc_score=cut(iqm_interval([areas], counts, confidence), top, plan.floor) if len(areas) else _no_score(c),
        threshold=time_to_threshold(c, plan.threshold, confidence),
        overshoot=overshoot(c),
        steps_per_second=_median(run.record.final.steps / seconds for run, seconds in _training(c) if run.record),
        train_seconds=_median(seconds for _, seconds in _training(c)),
        saturated=solves(c, plan),
    )


def _no_score(c: Cell) -> Interval:
    if not c.runs:
        return Interval(None, notes=(Fact("no runs"),))
    return Interval(None, n=len(c.runs), notes=(Fact("no reference" if c.reference is None else "no curve"),))


def _training(c: Cell) -> list[tuple[Run, float]]:
    """Return the runs with their CPU seconds of training, where there was any and these were measured."""
    trained = [run for run in c.runs if run.record is not None and learns(run.entry.trial.algorithm)]
    timed = [(run, _train_seconds(run.record)) for run in trained if run.record is not None]
    return [(run, seconds) for run, seconds in timed if seconds is not None]


def _train_seconds(record: Record) -> float | None:
    seconds = record.timings.get("train_cpu")
    return float(seconds) if seconds is not None and np.isfinite(seconds) and seconds > 0 else None


def _median(values: Iterable[float]) -> float | None:
    found = list(values)
    return float(np.median(found)) if found else None


def failures(c: Cell) -> list[FailureLine]:
    """Return a line for every trial of a cell that failed."""
    return [
        FailureLine(
            label=c.label,
            environment=c.environment,
            seed=entry.trial.seed,
            kind=entry.outcome.kind,
            message=entry.outcome.message,
            attempt=entry.outcome.attempt,
            name=entry.trial.name,
            traceback=entry.outcome.traceback,
        )
        for entry in c.entries
        if isinstance(entry.outcome, Failure)
    ]


def settings(c: Cell) -> SettingsLine:
    """Return what a cell's trials were set to, and what a learner said that it used."""
    trial = c.entries[0].trial
    return SettingsLine(
        label=c.label,
        algorithm=trial.algorithm,
        implementation=trial.code,
        environment=c.environment,
        configuration=c.entries[0].configuration,
        provenance=trial.provenance,
        hyperparameters=trial.hyperparameters,
        settings=next((run.record.settings for run in c.runs if run.record is not None), {}),
    )


def trials(c: Cell) -> list[TrialLine]:
    """Return a line for every trial of a cell, done, failed or missing."""
    counted = {run.entry.fingerprint: run for run in c.runs}
    return [_trial(entry, counted.get(entry.fingerprint), c.metric) for entry in c.entries]


def _trial(entry: Entry, run: Run | None, metric: str) -> TrialLine:
    record = entry.outcome if isinstance(entry.outcome, Record) else None
    state = "done" if record is not None else "missing" if entry.outcome is None else "failed"
    return TrialLine(
        label=entry.label,
        environment=entry.trial.environment,
        seed=entry.trial.seed,
        state=state,
        final_return=None if record is None else run.final_return if run is not None else final_return(record),
        score=None if run is None else run.metric(metric),
        steps=None if record is None else record.final.steps,
        seconds=None if record is None else _train_seconds(record),
        fingerprint=entry.fingerprint,
        name=entry.trial.name,
    )


def machines(book: Ledger) -> tuple[Mapping[str, Any], ...]:
    """Return the distinct provenances with how many trials ran under each, the most frequent first."""
    found: dict[str, dict[str, Any]] = {}
    for entry in book.entries:
        record = entry.outcome
        if isinstance(record, Record):
            place = _place(record)
            found.setdefault(digest(place), {**place, "trials": 0})["trials"] += 1
    return tuple(found[key] for key in sorted(found, key=lambda key: (-found[key]["trials"], key)))


def _place(record: Record) -> dict[str, Any]:
    lasting = {key: value for key, value in record.provenance.items() if key not in {"started", "finished"}}
    packing = {key: record.resources[key] for key in PACKING if key in record.resources}
    return {**lasting, **packing}


def deterministic(book: Ledger) -> bool | None:
    """Return how policies act when they are judged; None where results of others are among them, or ways differ."""
    trials = [entry.trial for entry in book.entries]
    ways = {None if trial.origin else trial.evaluation.deterministic for trial in trials}
    return ways.pop() if len(ways) == 1 else None
