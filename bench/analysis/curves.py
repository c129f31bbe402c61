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

from collections.abc import Callable, Sequence

import numpy as np

from bench.analysis.interval import Counts, iqm_band
from bench.analysis.scores import Cell, Run, learns, normalise
from bench.records import CurveEstimate, Floats

Axis = Callable[[Run], Floats]
"""Where on the x axis a run's evaluations lie; increasing."""
Reading = Callable[[Floats, Floats, Floats], Floats]
"""(x, at, values) -> values on x."""


def environment_curves(cell: Cell, counts: Counts, points: int, confidence: float) -> list[CurveEstimate]:
    """Return the cell's curves in raw returns over steps and over CPU seconds, with every run's own curve."""
    steps, seconds = _steps, _seconds
    by_steps = _curve([cell], steps, _interpolated, _own_grid(cell), scored=False)
    by_seconds = _curve([cell], seconds, _carried, _seconds_grid([cell], points), scored=False)
    found = [("steps", by_steps), ("seconds", by_seconds)]
    return [
        _estimate(cell.label, cell.environment, axis, x, curves, counts, confidence)
        for axis, (x, curves) in found
        if len(x)
    ]


def aggregate_curves(cells: Sequence[Cell], counts: Counts, points: int, confidence: float) -> list[CurveEstimate]:
    """Return one algorithm's score over all its environments, over the share of the budget and over CPU seconds."""
    by_share = _curve(cells, _share, _interpolated, _share_grid(cells, points), scored=True)
    by_seconds = _curve(cells, _seconds, _carried, _seconds_grid(cells, points), scored=True)
    found = [("share", by_share), ("seconds", by_seconds)]
    return [
        _estimate(cells[0].label, None, axis, x, curves, counts, confidence) for axis, (x, curves) in found if len(x)
    ]


def _steps(run: Run) -> Floats:
    assert run.record is not None  # noqa: S101 - failed runs have no axis and are never asked for one
    return run.record.curve.steps.astype(np.float64)


def _share(run: Run) -> Floats:
    return _steps(run) / run.entry.trial.steps


def _seconds(run: Run) -> Floats:
    assert run.record is not None  # noqa: S101 - as above
    return run.record.curve.cpu_seconds.astype(np.float64)


def _interpolated(x: Floats, at: Floats, values: Floats) -> Floats:
    # Where a long rollout ran past several evaluation points, they share one step: the last of them counts.
    last = np.append(np.diff(at) > 0, True)
    return np.asarray(np.interp(x, at[last], values[last]), dtype=np.float64)


def _carried(x: Floats, at: Floats, values: Floats) -> Floats:
    return values[np.searchsorted(at, x, side="right") - 1]


def _trained(cells: Sequence[Cell]) -> list[Run]:
    """Return the runs with a learning curve of their own; none when a record lacks one."""
    runs = [run for cell in cells for run in cell.runs if run.record is not None]
    return runs if all(run.record is not None and run.record.curve.returns.size for run in runs) else []


def _covered(cells: Sequence[Cell], axis: Axis) -> tuple[float, float] | None:
    """Return the stretch of the axis that every run covers; None where there is none."""
    spans = [(at[0], at[-1]) for run in _trained(cells) if np.isfinite(at := axis(run)).all()]
    if not spans or len(spans) < len(_trained(cells)):
        return None
    low, high = max(span[0] for span in spans), min(span[1] for span in spans)
    return (float(low), float(high)) if low <= high else None


def _own_grid(cell: Cell) -> Floats:
    covered = _covered([cell], _steps)
    return np.empty(0) if covered is None else np.unique(np.clip(_steps(_trained([cell])[0]), *covered))


def _share_grid(cells: Sequence[Cell], points: int) -> Floats:
    covered = _covered(cells, _share)
    return np.empty(0) if covered is None else np.unique(np.clip(np.arange(1, points + 1) / points, *covered))


def _seconds_grid(cells: Sequence[Cell], points: int) -> Floats:
    spans = [(at[0], at[-1]) for run in _trained(cells) if np.isfinite(at := _seconds(run)).all()]
    if not spans or len(spans) < len(_trained(cells)) or not learns(cells[0].runs[0].entry.trial.algorithm):
        return np.empty(0)
    ends = [end for _, end in spans]
    first, last = max(start for start, _ in spans), max(ends) if len(cells) > 1 else min(ends)
    return np.unique(np.linspace(first, last, points)) if first <= last else np.empty(0)


def _curve(cells: Sequence[Cell], axis: Axis, read: Reading, x: Floats, *, scored: bool) -> tuple[Floats, list[Floats]]:
    """Return x and, per environment, the (runs, points) values on it."""
    if not len(x):
        return x, []
    return x, [np.stack([_on(x, run, cell, axis, read, scored=scored) for run in cell.runs]) for cell in cells]


def _on(x: Floats, run: Run, cell: Cell, axis: Axis, read: Reading, *, scored: bool) -> Floats:
    record = run.record
    values = np.full(len(x), run.final_return) if record is None else read(x, axis(run), run.means)
    return normalise(values, cell.reference) if scored and cell.reference is not None else values


def _estimate(
    label: str,
    environment: str | None,
    axis: str,
    x: Floats,
    curves: Sequence[Floats],
    counts: Counts,
    confidence: float,
) -> CurveEstimate:
    estimate, low, high = iqm_band(curves, counts, confidence)
    return CurveEstimate(
        label=label,
        environment=environment,
        axis=axis,
        x=_plain(x),
        estimate=_plain(estimate),
        low=_or_none(low),
        high=_or_none(high),
        n=min(len(curve) for curve in curves),
        runs=tuple(_plain(run) for run in curves[0]) if environment is not None else (),
    )


def _plain(values: Floats) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _or_none(values: Floats) -> tuple[float | None, ...]:
    return tuple(float(value) if np.isfinite(value) else None for value in values)
