"""Runs with their stored evaluations in, interquartile-mean learning curves with pointwise intervals out.

Rules. No extrapolation: a curve covers only what every one of its runs covers, from the latest first evaluation to the
earliest last one. Over steps and shares of the budget a run is interpolated linearly between its evaluations; over
CPU seconds of training it keeps the value of its last evaluation (nobody knew better at that moment). The aggregate
over seconds alone goes on to the end of the longest run: environments differ in speed, and whoever has spent the budget
on one holds that policy while the others still train. Algorithms that do not learn have no curve over seconds. A
failed run that counts as the random policy is a flat line at the random reference, on every axis. Intervals are
pointwise: each holds for one point, not for the whole curve. The points of an environment's curve are those of the run
with the smallest seed; over seconds and for aggregates they are evenly spaced.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from bench.analysis.aggregate import aggregate_band, highest
from bench.analysis.interval import Band, bare, iqm_band
from bench.analysis.resampling import Counts, ranked
from bench.analysis.scores import Cell, Run, learns, normalise
from bench.records import CurveEstimate, Floats

Axis = Callable[[Run], Floats]
"""Where on the x axis a run's evaluations lie; increasing."""
Reading = Callable[[Run, Floats], Floats]
"""(run with a curve, x) -> its raw returns on x."""


def environment_curves(cell: Cell, counts: Counts, points: int, confidence: float) -> list[CurveEstimate]:
    """Return the cell's curves in raw returns over steps and over CPU seconds, with every run's own curve."""
    axes = ("steps", _own_grid(cell), _at_steps), ("seconds", _seconds_grid([cell], points), _at_seconds)
    found = [(axis, x, [_on(x, cell, read, scored=False)]) for axis, x, read in axes if len(x)]
    return [
        _estimate(
            *(cell.label, cell.environment, axis, x, curves, iqm_band(curves, counts, confidence)),
            *(cell.ceiling, cell.floor),
        )
        for axis, x, curves in found
    ]


def aggregate_curves(
    cells: Sequence[Cell], counts: Counts, points: int, confidence: float, decide: str
) -> list[CurveEstimate]:
    """Return one algorithm's score over all its environments, over the share of the budget and over CPU seconds.

    The score is the aggregate that `decide` names.
    """
    top = highest([cell.score_ceiling for cell in cells], decide)
    axes = ("share", _share_grid(cells, points), _at_shares), ("seconds", _seconds_grid(cells, points), _at_seconds)
    found = [(axis, x, [_on(x, cell, read, scored=True) for cell in cells]) for axis, x, read in axes if len(x)]
    return [
        _estimate(cells[0].label, None, axis, x, curves, aggregate_band(curves, counts, confidence, decide), top)
        for axis, x, curves in found
    ]


def diagnostic_curve(cell: Cell, name: str, counts: Counts, confidence: float) -> CurveEstimate | None:
    """Return what the cell's runs told of their updates, over steps, from where all had made one; None where none did.

    Runs that told nothing, as failed ones do not, are left out, and then there is no interval.
    """
    records = [run.record for run in cell.runs if run.record is not None]
    told = [values for record in records if (values := record.told(name)) is not None and values.size]
    if not told:
        return None
    steps, values = records[0].curve.steps, np.stack(told)
    kept = np.isfinite(values).all(axis=0) & np.append(np.diff(steps) > 0, True)
    if not kept.any():
        return None
    values = values[:, kept]
    band = iqm_band([values], counts, confidence) if len(told) == len(cell.runs) else bare(ranked([values]).estimates())
    return _estimate(cell.label, cell.environment, "steps", steps[kept].astype(np.float64), [values], band, None)


def _steps(run: Run) -> Floats:
    return run.knots[0]


def _shares(run: Run) -> Floats:
    return run.knots[0] / run.entry.trial.steps


def _at_steps(run: Run, x: Floats) -> Floats:
    return np.asarray(np.interp(x, *run.knots), dtype=np.float64)


def _at_shares(run: Run, x: Floats) -> Floats:
    return np.asarray(np.interp(x, _shares(run), run.knots[1]), dtype=np.float64)


def _at_seconds(run: Run, x: Floats) -> Floats:
    assert run.seconds is not None  # noqa: S101 - where a run's are not known there is no x
    return run.means[run.seconds.searchsorted(x, side="right") - 1]


def _trained(cells: Sequence[Cell]) -> list[Run]:
    """Return the runs with a learning curve of their own; none when a record lacks one."""
    runs = [run for cell in cells for run in cell.runs if run.record is not None]
    return runs if all(run.record is not None and run.record.curve.returns.size for run in runs) else []


def _covered(cells: Sequence[Cell], axis: Axis) -> tuple[float, float] | None:
    """Return the stretch of the axis that every run covers; None where there is none."""
    spans = [(at[0], at[-1]) for at in map(axis, _trained(cells))]
    if not spans:
        return None
    low, high = max(span[0] for span in spans), min(span[1] for span in spans)
    return (float(low), float(high)) if low <= high else None


def _own_grid(cell: Cell) -> Floats:
    covered = _covered([cell], _steps)
    return np.empty(0) if covered is None else np.unique(np.clip(_steps(_trained([cell])[0]), *covered))


def _share_grid(cells: Sequence[Cell], points: int) -> Floats:
    covered = _covered(cells, _shares)
    return np.empty(0) if covered is None else np.unique(np.clip(np.arange(1, points + 1) / points, *covered))


def _seconds_grid(cells: Sequence[Cell], points: int) -> Floats:
    runs = _trained(cells)
    spans = [(run.seconds[0], run.seconds[-1]) for run in runs if run.seconds is not None]
    if not spans or len(spans) < len(runs) or not learns(cells[0].runs[0].entry.trial.algorithm):
        return np.empty(0)
    ends = [end for _, end in spans]
    first, last = max(start for start, _ in spans), max(ends) if len(cells) > 1 else min(ends)
    return np.unique(np.linspace(first, last, points)) if first <= last else np.empty(0)


def _on(x: Floats, cell: Cell, read: Reading, *, scored: bool) -> Floats:
    """(runs, points) values on x."""
    runs = [np.full(len(x), run.final_return) if run.record is None else read(run, x) for run in cell.runs]
    if not scored or cell.reference is None:
        return np.stack(runs)
    return cell.counted(normalise(np.stack(runs), cell.reference))


def _estimate(
    label: str,
    environment: str | None,
    axis: str,
    x: Floats,
    curves: Sequence[Floats],
    band: Band,
    ceiling: float | None,
    floor: float | None = None,
) -> CurveEstimate:
    estimate, low, high = band
    if ceiling is not None:
        high = np.where(high > ceiling, np.maximum(ceiling, estimate), high)
    if floor is not None:
        low = np.where(low < floor, np.minimum(floor, estimate), low)
    return CurveEstimate(
        label=label,
        environment=environment,
        axis=axis,
        x=tuple(x.tolist()),
        estimate=tuple(estimate.tolist()),
        low=_or_none(low),
        high=_or_none(high),
        n=min(len(curve) for curve in curves),
        runs=tuple(map(tuple, curves[0].tolist())) if environment is not None else (),
    )


def _or_none(values: Floats) -> tuple[float | None, ...]:
    return tuple(value if math.isfinite(value) else None for value in values.tolist())
