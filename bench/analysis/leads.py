"""The complete learning algorithms' cells in, who leads as a function of steps and of seconds out.

The curve of each algorithm is read as in the aggregate learning curves (no extrapolation over steps; over seconds
whoever has finished training holds its policy, and before its first evaluation a run counts as the random policy).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.analysis.aggregate import highest
from bench.analysis.moments import (
    first_evaluations,
    last_evaluations,
    score_curves_over_seconds,
    score_curves_over_steps,
)
from bench.analysis.ranking import capped, inflated_band, shares_best
from bench.analysis.resampling import Draws, Streams, fewer
from bench.analysis.scores import Cell, Field
from bench.records import Floats, Lead


def leads(field: Field, draws: Draws, streams: Streams, points: int, decide: str) -> tuple[Lead, ...]:
    """Return who leads over the share of the step budget and over CPU seconds.

    Args:
        field: label -> scored cells, the same environments for all; fewer than two give nothing.
        draws: (label, environment) -> (runs, resamples) counts.
        streams: name -> generator.
        points: of each axis.
        decide: the aggregate by which one leads.
    """
    fewest = min((len(cell.runs) for cells in field.values() for cell in cells), default=0)
    if len(field) <= 1 or fewest <= 1:
        return ()
    axes = [
        ("share", _shares(field, points), _over_shares),
        ("seconds", _seconds(field, points), score_curves_over_seconds),
    ]
    found = (_lead(axis, x, read, field, draws, streams, decide) for axis, x, read in axes if len(x) > 1)
    return tuple(lead for lead in found if lead is not None)


def _lead(
    axis: str,
    x: Floats,
    read: Callable[[Cell, Floats], Floats | None],
    field: Field,
    draws: Draws,
    streams: Streams,
    decide: str,
) -> Lead | None:
    curves = {label: [read(cell, x) for cell in cells] for label, cells in field.items()}
    known = {label: [curve for curve in found if curve is not None] for label, found in curves.items()}
    if any(len(known[label]) < len(found) for label, found in curves.items()):
        return None
    count = sum(map(len, field.values()))
    counts = {label: fewer([draws[cell.key] for cell in cells], count) for label, cells in field.items()}
    bands = {label: inflated_band(known[label], counts[label], streams(label, axis, "lead"), decide) for label in field}
    tops = {label: highest([cell.score_ceiling for cell in cells], decide) for label, cells in field.items()}
    drawn = {label: capped(found, tops[label]) for label, (_, found) in bands.items()}
    shares = [shares_best({label: found[place] for label, found in drawn.items()}) for place in range(len(x))]
    places = tuple(float(at) for at in x)
    cells = next(iter(field.values()))
    return Lead(
        axis=axis,
        x=places,
        labels=tuple(field),
        iqm=tuple(tuple(map(float, estimates)) for estimates, _ in bands.values()),
        probability_best=tuple(tuple(share[label] for share in shares) for label in field),
        environments=tuple(cell.environment for cell in cells),
        n=min(len(cell.runs) for found in field.values() for cell in found),
    )


def _over_shares(cell: Cell, shares: Floats) -> Floats | None:
    return score_curves_over_steps(cell, shares * cell.budget)


def _shares(field: Field, points: int) -> Floats:
    """(points,) shares of the budget that every run's evaluations cover."""
    cells = [cell for found in field.values() for cell in found]
    first = [max(at) / cell.budget for cell in cells if (at := first_evaluations(cell, "steps"))]
    last = [min(at) / cell.budget for cell in cells if (at := last_evaluations(cell, "steps"))]
    if not first or max(first) > min(1.0, *last):
        return np.empty(0)
    grid = np.clip(np.arange(1, points + 1) / points, max(first), min(1.0, *last))
    return np.asarray(np.unique(grid))


def _seconds(field: Field, points: int) -> Floats:
    """(points,) CPU seconds, evenly spaced in their logarithm, from the first evaluations to the last."""
    cells = [cell for found in field.values() for cell in found]
    first = [at for cell in cells for at in first_evaluations(cell, "seconds")]
    last = [at for cell in cells for at in last_evaluations(cell, "seconds")]
    if not first or min(first) <= 0 or min(first) >= max(last):
        return np.empty(0)
    return np.geomspace(min(first), max(last), points)
