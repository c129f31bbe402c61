"""Results folders in, evidence out: what lies there, or what of it the package carries along.

`evidence.json.gz` is written by `python benchmarks/which_evidence.py`: of every run the mean returns of its evaluations
and what training took, so that an installed package answers in an empty folder. Where the results of a suite lie in the
results folder, those are read instead.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from bench.analysis.scores import final_return, is_idle, learns, mean_curve
from bench.pipeline.experiment import REPRODUCED, completed
from bench.published import table
from bench.records import (
    AnalysisPlan,
    Curve,
    EvaluationPlan,
    Failure,
    Final,
    Outcome,
    Record,
    Reference,
    Suite,
    SuiteAlgorithm,
    SuiteEnvironment,
    Trial,
)
from bench.store import Store
from bench.which.evidence import Source

FILE = "evidence.json.gz"
_DIGITS = 5


def published(folder: Path, references: Mapping[str, Reference]) -> Source | None:
    """Return the runs of a published table's protocol as the results of one suite; None where there are none."""
    known = table(folder.name.removeprefix(REPRODUCED))
    outcomes = [outcome for outcome in Store(folder).outcomes() if not outcome.trial.origin]
    if not outcomes:
        return None
    trials = [outcome.trial for outcome in outcomes]
    names = dict.fromkeys((trial.label, trial.algorithm) for trial in trials)
    algorithms = tuple(SuiteAlgorithm(label, name, known.hyperparameters) for label, name in sorted(names))
    suite = completed(Suite(folder.name, known.title, "", (), algorithms, ()), trials)
    return Source(str(folder), suite, trials, outcomes, dict(references))


def packed(sources: Sequence[Source]) -> dict[str, Any]:
    """Return the sources as plain data: of those environments on which two algorithms that learn have runs."""
    found = [data for source in sources if (data := _packed(source))["cells"]]
    return {"format": 1, "digits": _DIGITS, "sources": found}


@cache
def carried() -> tuple[Source, ...]:
    """Return the sources that the package carries along."""
    with files("bench.which").joinpath(FILE).open("rb") as file:
        return tuple(map(_unpacked, json.loads(gzip.decompress(file.read()))["sources"]))


def _packed(source: Source) -> dict[str, Any]:
    entries = {entry.label: entry for entry in source.suite.algorithms}
    cells: dict[tuple[str, str], list[Outcome]] = {}
    planned = {trial.fingerprint for trial in source.planned}
    for outcome in source.outcomes:
        trial = outcome.trial
        if trial.fingerprint in planned and trial.label in entries and not trial.changed:
            cells.setdefault(trial.cell, []).append(outcome)
    kinds: dict[str, set[str]] = {}
    for label, environment in cells:
        if learns(entries[label].algorithm) and source.references.get(environment) is not None:
            kinds.setdefault(environment, set()).add(entries[label].algorithm)
    kept = {cell: found for cell, found in sorted(cells.items()) if len(kinds.get(cell[1], ())) > 1}
    labels, places = {label for label, _ in kept}, {environment for _, environment in kept}
    return {
        "name": source.suite.name,
        "analysis": source.suite.analysis.declared(),
        "algorithms": [
            [entry.label, entry.algorithm, entry.hyperparameter_set, dict(entry.hyperparameters), entry.setting]
            for entry in source.suite.algorithms
            if entry.label in labels
        ],
        "environments": [
            [one.environment, one.steps] for one in source.suite.environments if one.environment in places
        ],
        "references": {
            place: [one.random, one.target, one.source]
            for place in sorted(places)
            if (one := source.references[place]) is not None
        },
        "cells": [_packed_cell(found) for found in kept.values()],
    }


def _packed_cell(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    ordered = sorted(outcomes, key=lambda one: one.trial.seed)
    trial = ordered[0].trial
    return {
        "label": trial.label,
        "environment": trial.environment,
        "steps": trial.steps,
        "implementation": trial.implementation,
        "versions": dict(trial.versions),
        "hyperparameters": dict(trial.hyperparameters),
        "provenance": trial.provenance,
        "runs": [_packed_run(one) for one in ordered if not is_idle(one)],
    }


def _packed_run(outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, Failure):
        return {"seed": outcome.trial.seed, "failed": outcome.kind}
    return {
        "seed": outcome.trial.seed,
        "final": _short(final_return(outcome)),
        "taken": outcome.final.steps,
        "train_cpu": _short(outcome.timings.get("train_cpu", 0.0)),
        "steps": outcome.curve.steps.tolist(),
        "means": [_short(value) for value in mean_curve(outcome.curve)],
    }


def _short(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _unpacked(data: Mapping[str, Any]) -> Source:
    entries = [replace(SuiteAlgorithm(*entry), setting=setting) for *entry, setting in data["algorithms"]]
    outcomes = tuple(outcome for one in data["cells"] for outcome in _outcomes(one, entries))
    suite = Suite(
        name=data["name"],
        title="",
        question="",
        seeds=(),
        algorithms=tuple(entries),
        environments=tuple(SuiteEnvironment(name, steps) for name, steps in data["environments"]),
        analysis=AnalysisPlan(**data["analysis"]),
    )
    references = {name: Reference(*given) for name, given in data["references"].items()}
    return Source(f"{data['name']} (shipped)", suite, [one.trial for one in outcomes], outcomes, references)


def _outcomes(data: Mapping[str, Any], entries: Sequence[SuiteAlgorithm]) -> Iterator[Outcome]:
    name = next(entry.algorithm for entry in entries if entry.label == data["label"])
    for run in data["runs"]:
        trial = Trial(
            label=data["label"],
            algorithm=name,
            environment=data["environment"],
            seed=run["seed"],
            steps=data["steps"],
            evaluation=EvaluationPlan(len(run.get("steps", ())), 1, 1),
            implementation=data["implementation"],
            versions=data["versions"],
            hyperparameters=data["hyperparameters"],
            provenance=data["provenance"],
        )
        yield Failure(trial, run["failed"], "") if "failed" in run else _record(trial, run)


def _record(trial: Trial, run: Mapping[str, Any]) -> Record:
    """Return a run as a record whose evaluations have one episode each: the mean of those that there were."""
    means = np.array(run["means"], dtype=np.float64)
    nothing = np.full(len(means), np.nan)
    one = np.ones((len(means), 1), dtype=np.int64)
    return Record(
        trial=trial,
        curve=Curve(np.array(run["steps"], dtype=np.int64), nothing, nothing, means[:, None], one, nothing),
        final=Final(run["taken"], np.array([run["final"]]), np.array([1])),
        timings={"train_cpu": run["train_cpu"]},
        resources={},
        provenance={},
    )
