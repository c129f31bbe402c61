"""Runs with their stored evaluations in, their scores at one moment of training out.

After so many environment steps a run is interpolated linearly between its evaluations; there is no value before the
first and none past the end. After so many CPU seconds it has the value of its last evaluation, for nobody knew better
at that moment; before the first evaluation it counts as the random policy, and once trained it keeps its policy.
A failed run that counts as the random policy scores 0 at every moment.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bench.analysis.scores import Cell, Run, mean_curve, normalise
from bench.records import Reference

Floats = NDArray[np.float64]


def scores_at_steps(cell: Cell, steps: float) -> Floats | None:
    """(runs,) scores after so many environment steps; None where some run has no evaluation on both sides."""
    return _read(cell, lambda run, reference: _at_steps(run, reference, steps))


def scores_at_seconds(cell: Cell, seconds: float) -> Floats | None:
    """(runs,) scores after so many CPU seconds of training; None where some run has no learning curve or clock."""
    return _read(cell, lambda run, reference: _at_seconds(run, reference, seconds))


def first_evaluations(cell: Cell, clock: str) -> list[float]:
    """Return each trained run's `steps` or `seconds` at its first evaluation; empty where one has none."""
    return _ends(cell, clock, 0)


def last_evaluations(cell: Cell, clock: str) -> list[float]:
    """Return each trained run's `steps` or `seconds` at its last evaluation; empty where one has none."""
    return _ends(cell, clock, -1)


def _read(cell: Cell, value: Callable[[Run, Reference], float | None]) -> Floats | None:
    if cell.reference is None or not cell.runs:
        return None
    found = [0.0 if run.record is None else value(run, cell.reference) for run in cell.runs]
    known = [one for one in found if one is not None]
    return np.array(known, dtype=np.float64) if len(known) == len(found) else None


def _at_steps(run: Run, reference: Reference, steps: float) -> float | None:
    assert run.record is not None  # noqa: S101 - failed runs have been answered before
    at = run.record.curve.steps
    if not len(at) or not at[0] <= steps <= at[-1]:
        return None
    # Where a long rollout ran past several evaluation points, they share one step: the last of them counts.
    last = np.append(np.diff(at) > 0, True)
    return float(normalise(np.interp(steps, at[last], mean_curve(run.record.curve)[last]), reference))


def _at_seconds(run: Run, reference: Reference, seconds: float) -> float | None:
    assert run.record is not None  # noqa: S101 - as above
    at = run.record.curve.cpu_seconds
    if not len(at) or not np.isfinite(at).all():
        return None
    place = int(np.searchsorted(at, seconds, side="right")) - 1
    return 0.0 if place < 0 else float(normalise(mean_curve(run.record.curve)[place], reference))


def _ends(cell: Cell, clock: str, place: int) -> list[float]:
    curves = [run.record.curve for run in cell.runs if run.record is not None]
    clocks = [curve.steps if clock == "steps" else curve.cpu_seconds for curve in curves]
    known = [float(at[place]) for at in clocks if len(at) and np.isfinite(at).all()]
    return known if len(known) == len(curves) else []
