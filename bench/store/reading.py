"""A trial's folder in, what became of the trial out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import StoreError
from bench.plain import shortened
from bench.records import PROTOCOL, Curve, EvaluationPlan, Failure, Final, Outcome, Record, Trial

DONE, FAILED = "trial.json", "failure.json"


def read(folder: Path) -> Outcome | None:
    """Return the outcome in `folder`, None where there is none yet.

    Raises:
        StoreError: the file is damaged, of another protocol, or not what its folder's name says.
    """
    for name, build in ((DONE, _record), (FAILED, _failure)):
        path = folder / name
        try:
            data = json.loads(path.read_text())
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise StoreError(f"{path}: cannot be read ({error}); remove the folder and run the suite again") from error
        if not isinstance(data, dict) or data.get("protocol") != PROTOCOL:
            found = data.get("protocol") if isinstance(data, dict) else None
            raise StoreError(
                f"{path}: has protocol {found!r}, this version reads {PROTOCOL}; use the version that wrote it"
            )
        try:
            return build(data)
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError(
                f"{path}: lacks or misstates {error}; remove the folder and run the suite again"
            ) from error
    return None


def _record(data: Mapping[str, Any]) -> Record:
    curve = data["curve"]
    floats = {
        name: np.array(curve[name], dtype=float) for name in ("seconds", "cpu_seconds", "returns", "training_returns")
    }
    return Record(
        trial=_trial(data["trial"]),
        curve=Curve(
            steps=np.array(curve["steps"], dtype=np.int64), lengths=np.array(curve["lengths"], dtype=np.int64), **floats
        ),
        final=Final(
            data["final"]["steps"],
            np.array(data["final"]["returns"], dtype=float),
            np.array(data["final"]["lengths"], dtype=np.int64),
        ),
        timings=data["timings"],
        resources=data["resources"],
        provenance=data["provenance"],
        attempt=data["attempt"],
        settings=data["settings"],
        cut_episodes=data.get("cut_episodes", {}),
    )


def _failure(data: Mapping[str, Any]) -> Failure:
    told = {name: shortened(data[name]) for name in ("message", "traceback")}
    given = {field.name: data[field.name] for field in fields(Failure)}
    return Failure(**{**given, **told, "trial": _trial(data["trial"])})


def _trial(data: Mapping[str, Any]) -> Trial:
    return Trial(**{**data, "evaluation": EvaluationPlan(**data["evaluation"])})
