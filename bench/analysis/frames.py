"""Outcomes in, tidy data frames out, for whoever wants to look at the results their own way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import nan
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.scores import area_under_curve, final_return, normalise, updates_of, usable
from bench.records import DIAGNOSTICS, Curve, Failure, Outcome, Record, Reference

_TRIAL = {"label": "object", "algorithm": "object", "environment": "object", "seed": "int64", "fingerprint": "object"}
"""Column -> type; docs/frames.md says what each holds."""
_TRIALS = {
    **_TRIAL,
    "configuration": "object",
    "implementation": "object",
    "budget": "int64",
    "state": "object",
    "kind": "object",
    "message": "object",
    "attempt": "int64",
    "final_return": "float64",
    "score": "float64",
    "auc": "float64",
    "steps": "Int64",
    "frames": "Int64",
    "updates": "Int64",
    "seconds": "float64",
    "cpu_seconds": "float64",
}
_POINTS = {
    **_TRIAL,
    "point": "int64",
    "steps": "int64",
    "seconds": "float64",
    "cpu_seconds": "float64",
    "mean_return": "float64",
    "score": "float64",
}
_EPISODES = {
    **_TRIAL,
    "final": "bool",
    "point": "Int64",
    "steps": "int64",
    "episode": "int64",
    "episode_return": "float64",
    "length": "int64",
}
_DIAGNOSTICS = {**_TRIAL, "point": "int64", "steps": "int64", "name": "object", "value": "float64"}


def frames(outcomes: Sequence[Outcome], references: Mapping[str, Reference | None]) -> dict[str, pd.DataFrame]:
    """Return `trials`, `points`, `episodes` and `diagnostics` as tidy frames.

    A row each per trial, per evaluation, per evaluation episode, and per number that was told of the updates before an
    evaluation.

    Returns are raw and undiscounted, scores normalised with the references, seconds are wall and CPU seconds of
    training; a number that is not there is NaN (`<NA>` among whole numbers). Failed trials stand in `trials` with kind
    and message. Episodes are there to be looked at: they are no independent samples, and no interval may be computed
    from their number.
    """
    rows: dict[str, tuple[Mapping[str, str], list[dict[str, Any]]]] = {
        "trials": (_TRIALS, []),
        "points": (_POINTS, []),
        "episodes": (_EPISODES, []),
        "diagnostics": (_DIAGNOSTICS, []),
    }
    for outcome in outcomes:
        reference = usable(references.get(outcome.trial.environment))
        identity = _identity(outcome)
        rows["trials"][1].append({**identity, **_trial(outcome, reference)})
        if isinstance(outcome, Record):
            rows["points"][1].extend({**identity, **row} for row in _points(outcome.curve, reference))
            rows["episodes"][1].extend({**identity, **row} for row in _episodes(outcome))
            rows["diagnostics"][1].extend({**identity, **row} for row in _told(outcome))
    return {name: pd.DataFrame(found, columns=list(types)).astype(types) for name, (types, found) in rows.items()}


def _identity(outcome: Outcome) -> dict[str, Any]:
    trial = outcome.trial
    return {
        "label": trial.label,
        "algorithm": trial.algorithm,
        "environment": trial.environment,
        "seed": trial.seed,
        "fingerprint": trial.fingerprint,
    }


def _trial(outcome: Outcome, reference: Reference | None) -> dict[str, Any]:
    trial = outcome.trial
    shared = {
        "configuration": trial.configuration,
        "implementation": trial.implementation,
        "budget": trial.steps,
        "attempt": outcome.attempt,
    }
    if isinstance(outcome, Failure):
        failed = {"state": "failed", "kind": outcome.kind, "message": outcome.message}
        # The wall seconds of a failure hold more than training: they are not in the same column.
        return {**shared, **failed, "steps": outcome.steps}
    mean, area = final_return(outcome), area_under_curve(outcome.curve, trial.steps)
    return {
        **shared,
        "state": "done",
        "kind": "",
        "message": "",
        "final_return": mean,
        "score": nan if reference is None else float(normalise(mean, reference)),
        "auc": nan if reference is None or area is None else float(normalise(area, reference)),
        "steps": outcome.final.steps,
        "frames": outcome.frames,
        "updates": updates_of(outcome),
        "seconds": outcome.timings.get("train", nan),
        "cpu_seconds": outcome.timings.get("train_cpu", nan),
    }


def _points(curve: Curve, reference: Reference | None) -> Iterator[dict[str, Any]]:
    for point, returns in enumerate(curve.returns):
        mean = float(np.mean(returns)) if len(returns) else nan
        yield {
            "point": point,
            "steps": int(curve.steps[point]),
            "seconds": float(curve.seconds[point]),
            "cpu_seconds": float(curve.cpu_seconds[point]),
            "mean_return": mean,
            "score": nan if reference is None else float(normalise(mean, reference)),
        }


def _episodes(record: Record) -> Iterator[dict[str, Any]]:
    curve, final = record.curve, record.final
    for point in range(len(curve.returns)):
        at = {"final": False, "point": point, "steps": int(curve.steps[point])}
        yield from _each(at, curve.returns[point], curve.lengths[point])
    yield from _each({"final": True, "point": None, "steps": final.steps}, final.returns, final.lengths)


def _told(record: Record) -> Iterator[dict[str, Any]]:
    for name in DIAGNOSTICS:
        values = record.told(name)
        for point, value in enumerate(() if values is None else values):
            yield {"point": point, "steps": int(record.curve.steps[point]), "name": name, "value": float(value)}


def _each(at: Mapping[str, Any], returns: Any, lengths: Any) -> Iterator[dict[str, Any]]:
    for episode, (value, length) in enumerate(zip(returns, lengths, strict=True)):
        yield {**at, "episode": episode, "episode_return": float(value), "length": int(length)}
