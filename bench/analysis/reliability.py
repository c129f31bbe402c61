"""One algorithm's scored cells in, how often it lets its user down out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bench.analysis.interval import FEWEST_RUNS, clopper_pearson
from bench.analysis.scores import Cell, Run
from bench.analysis.threshold import first_at, median_of_reached, stood
from bench.records import Fact, Floats, Interval, Reliability

FAILING = 0.5
"""A run that ends below half of the way from the random policy to the target has failed its user."""


def reliability(label: str, cells: Sequence[Cell], threshold: float, confidence: float) -> Reliability:
    """Return the reliability over all cells; every environment weighs the same in the averages.

    Args:
        label: the algorithm's.
        cells: scored, at least one.
        threshold: score that counts as solved.
        confidence: of the intervals.
    """
    runs = [(run, cell) for cell in cells for run in cell.runs]
    failing = sum(failed_its_user(run) for run, _ in runs)
    when = [_budget_share(run, cell, threshold) for run, cell in runs]
    reached = [moment for moment in when if moment is not None]
    stayed = [run for run, cell in runs if stood(run, cell, threshold)]
    collapsed = sum(map(failed_its_user, stayed))
    return Reliability(
        label=label,
        environments=len(cells),
        n=min(len(cell.runs) for cell in cells),
        runs=len(runs),
        failing=failing,
        failing_share=clopper_pearson(failing, len(runs), confidence),
        worst_decile=float(np.mean([_worst_tenth(cell.scores) for cell in cells])),
        spread=_spread(cells),
        reached=len(reached),
        stood=len(stayed),
        collapsed=collapsed,
        collapsed_share=clopper_pearson(collapsed, len(stayed), confidence)
        if stayed
        else Interval(None, notes=(Fact("never stood"),)),
        median_budget_share=median_of_reached(reached, len(runs)),
    )


def failed_its_user(run: Run) -> bool:
    """Return whether the final policy scores below half of the target; a failed trial does."""
    return run.record is None or (run.final is not None and run.final < FAILING)


def _worst_tenth(scores: Floats) -> float:
    return float(np.mean(np.sort(scores)[: max(1, math.ceil(len(scores) / 10))]))


def _spread(cells: Sequence[Cell]) -> float | None:
    if min(len(cell.runs) for cell in cells) < FEWEST_RUNS:
        return None
    quartiles = [np.quantile(cell.scores, [0.25, 0.75]) for cell in cells]
    return float(np.mean([high - low for low, high in quartiles]))


def _budget_share(run: Run, cell: Cell, threshold: float) -> float | None:
    """Return the share of the step budget at the first evaluation at or above the threshold; None if there is none."""
    first = first_at(run, cell, threshold)
    return None if run.record is None or first is None else float(run.record.curve.steps[first]) / cell.budget
