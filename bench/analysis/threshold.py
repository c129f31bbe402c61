"""Runs of one cell in, how fast they reach the threshold score out; runs that never do are censored, not dropped."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bench.analysis.interval import clopper_pearson
from bench.analysis.scores import Cell, Run, normalise
from bench.records import Fact, Floats, Interval, Threshold


def time_to_threshold(cell: Cell, threshold: float, confidence: float = 0.95) -> Threshold:
    """Return when each run's mean normalised return first reached the threshold.

    A failed run that counts as the random policy never reaches it.
    """
    if cell.reference is None:
        return _unknown(cell, "no score")
    if any(run.record is not None and not run.record.curve.returns.size for run in cell.runs):
        return _unknown(cell, "no curve")
    when = [_first(run, cell, threshold) for run in cell.runs]
    reached = [moment for moment in when if moment is not None]
    return Threshold(
        reached=len(reached),
        n=len(when),
        share=clopper_pearson(len(reached), len(when), confidence),
        median_steps=median_of_reached([moment[0] for moment in reached], len(when)),
        median_seconds=median_of_reached([moment[1] for moment in reached], len(when)),
        steps=tuple(None if moment is None else moment[0] for moment in when),
    )


def _unknown(cell: Cell, why: str) -> Threshold:
    return Threshold(0, len(cell.runs), Interval(None, n=len(cell.runs), notes=(Fact(why),)), None, None)


def first_at(run: Run, cell: Cell, threshold: float) -> int | None:
    """Return the place of the first evaluation that scores at or above the threshold; None if there is none."""
    if cell.reference is None or not run.means.size:
        return None
    above = normalise(run.means, cell.reference) >= threshold
    first = int(np.argmax(above))
    return first if above[first] else None


def stood(run: Run, cell: Cell, threshold: float) -> bool:
    """Return whether two evaluations running score at or above the threshold: one alone, of few episodes, may be luck.

    What was evaluated twice at one step was looked at once.
    """
    if cell.reference is None or not run.means.size:
        return False
    above = normalise(run.knots[1], cell.reference) >= threshold
    return bool(np.any(above[1:] & above[:-1]))


def first_steps(cell: Cell, threshold: float) -> Floats | None:
    """(runs,) environment steps after which each run first scored at or above the threshold, infinite where never.

    Steps are those at which that evaluation was planned: an algorithm that can only stop after a whole rollout is not
    later for it. None where a run has no learning curve, or nothing is scored.
    """
    found = [first_moment(run, cell, threshold, "steps") for run in cell.runs]
    known = [moment for moment in found if moment is not None]
    return np.array(known, dtype=np.float64) if cell.reference is not None and len(known) == len(found) else None


def first_moment(run: Run, cell: Cell, threshold: float, clock: str) -> float | None:
    """Return when the run first scored at or above the threshold; infinite: never; None: it has no learning curve.

    Args:
        run: of the cell.
        cell: gives reference and budget.
        threshold: a score.
        clock: `steps`, as planned; or `seconds`, CPU seconds of training.
    """
    if run.record is None or cell.reference is None:
        return math.inf
    curve = run.record.curve
    if not curve.returns.size:
        return None
    first = first_at(run, cell, threshold)
    if first is None:
        return math.inf
    if clock == "seconds":
        return float(curve.cpu_seconds[first])
    points = run.entry.trial.evaluation.points
    passed = min(points, max(1, (int(curve.steps[first]) + 1) * points // cell.budget))
    return cell.budget * passed / points


def _first(run: Run, cell: Cell, threshold: float) -> tuple[float, float] | None:
    """Return (environment steps, CPU seconds of training) of the first evaluation at or above the threshold."""
    first = first_at(run, cell, threshold)
    if run.record is None or first is None:
        return None
    return float(run.record.curve.steps[first]), float(run.record.curve.cpu_seconds[first])


def median_of_reached(reached: Sequence[float], n: int) -> float | None:
    """Return the smallest value by which half of all n runs have reached the threshold; None if fewer ever do."""
    half = math.ceil(n / 2)
    if half == 0 or len(reached) < half:
        return None
    value = sorted(reached)[half - 1]
    return value if math.isfinite(value) else None
