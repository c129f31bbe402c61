"""Runs with their stored evaluations in, their scores at one moment of training out.

After so many environment steps a run is interpolated linearly between its evaluations; there is no value before the
first and none past the end. After so many CPU seconds it has the value of its last evaluation, for nobody knew better
at that moment; before the first evaluation it counts as the random policy, and once trained it keeps its policy.
A failed run that counts as the random policy scores 0 at every moment.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.analysis.scores import Cell, Run, normalise
from bench.records import Floats, Reference


def scores_at_steps(cell: Cell, steps: float) -> Floats | None:
    """(runs,) scores after so many environment steps; None where some run has no evaluation on both sides."""
    return _column(score_curves_over_steps(cell, np.array([steps])))


def scores_at_seconds(cell: Cell, seconds: float) -> Floats | None:
    """(runs,) scores after so many CPU seconds of training; None where some run has no learning curve or clock."""
    return _column(score_curves_over_seconds(cell, np.array([seconds])))


def score_curves_over_steps(cell: Cell, steps: Floats) -> Floats | None:
    """(runs, points) scores after so many environment steps each; None where some run does not cover them all."""
    return _read(cell, steps, _over_steps)


def score_curves_over_seconds(cell: Cell, seconds: Floats) -> Floats | None:
    """(runs, points) scores after so many CPU seconds of training each; None where some run has no curve or clock."""
    return _read(cell, seconds, _over_seconds)


def first_evaluations(cell: Cell, clock: str) -> list[float]:
    """Return each trained run's `steps` or `seconds` at its first evaluation; empty where one has none."""
    return _ends(cell, clock, 0)


def last_evaluations(cell: Cell, clock: str) -> list[float]:
    """Return each trained run's `steps` or `seconds` at its last evaluation; empty where one has none."""
    return _ends(cell, clock, -1)


def _column(curves: Floats | None) -> Floats | None:
    return None if curves is None else curves[:, 0]


def _read(cell: Cell, x: Floats, over: Callable[[Run, Reference, Floats], Floats | None]) -> Floats | None:
    reference = cell.reference
    if reference is None or not cell.runs:
        return None
    known = []
    for run in cell.runs:
        found = np.full(len(x), reference.random) if run.record is None else over(run, reference, x)
        if found is None:
            return None
        known.append(found)
    return cell.counted(normalise(np.stack(known), reference))


def _over_steps(run: Run, _: Reference, steps: Floats) -> Floats | None:
    at, returns = run.knots
    if not len(at) or not (at[0] <= steps.min() and steps.max() <= at[-1]):
        return None
    return np.asarray(np.interp(steps, at, returns), dtype=np.float64)


def _over_seconds(run: Run, reference: Reference, seconds: Floats) -> Floats | None:
    """(points,) raw returns of one run; the random reference is what it has before its first evaluation."""
    if run.seconds is None:
        return None
    done = run.seconds.searchsorted(seconds, side="right")
    return np.where(done > 0, run.means[done - 1], reference.random)


def _ends(cell: Cell, clock: str, place: int) -> list[float]:
    runs = [run for run in cell.runs if run.record is not None]
    clocks = [run.knots[0] if clock == "steps" else run.seconds for run in runs]
    known = [float(at[place]) for at in clocks if at is not None and len(at)]
    return known if len(known) == len(runs) else []
