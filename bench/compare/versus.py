"""Two sides' cells on the same environments in; per environment and over all, who is better and how sure that is, out.

The comparison is that of the report: the difference of the aggregates that the plan names decides, its p-value
corrected by Holm over everything that is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.analysis.compare import Contest, contest, verdicts
from bench.analysis.quantities import speed_ratio
from bench.analysis.reliability import failed_its_user
from bench.analysis.resampling import resample_counts
from bench.analysis.scores import Cell, compared, seconds_of_one_more_run
from bench.compare.records import ComparisonRow
from bench.records import AnalysisPlan, Pair


@dataclass(frozen=True, slots=True)
class Match:
    """Two sides to be compared."""

    label: str
    """Of the algorithm, where the sides are two sets of results; else empty."""
    names: tuple[str, str]
    cells: tuple[tuple[Cell, ...], tuple[Cell, ...]]
    """The same environments in the same order, each with a run; all with a reference, or none."""


def versus(matches: Sequence[Match], plan: AnalysisPlan, rng: np.random.Generator) -> tuple[ComparisonRow, ...]:
    """Return the rows of every match: all of its environments together where there are several, then each alone."""
    asked = [(match, places) for match in matches for places in _rows(match)]
    pairs = verdicts([_contest(match, places, plan, rng) for match, places in asked], plan)
    return tuple(_row(match, places, pair, plan) for (match, places), pair in zip(asked, pairs, strict=True))


def _rows(match: Match) -> Iterator[Sequence[int]]:
    places = range(len(match.cells[0]))
    if len(places) > 1:
        yield places
    for place in places:
        yield [place]


def _side(match: Match, side: int, places: Sequence[int]) -> list[Cell]:
    return [match.cells[side][place] for place in places]


def _contest(match: Match, places: Sequence[int], plan: AnalysisPlan, rng: np.random.Generator) -> Contest:
    sides = _side(match, 0, places), _side(match, 1, places)
    seconds = seconds_of_one_more_run([found for side in sides for found in side])
    ours, theirs = ([compared(found, plan) for found in side] for side in sides)
    if not sides[0][0].scored:
        return contest(match.names, ours, theirs, None, plan, seconds)
    counts = [[resample_counts(len(task), plan.resamples, rng) for task in tasks] for tasks in (ours, theirs)]
    names = [found.environment for found in sides[0]]
    return contest(match.names, ours, theirs, (counts[0], counts[1]), plan, seconds, names)


def _row(match: Match, places: Sequence[int], pair: Pair, plan: AnalysisPlan) -> ComparisonRow:
    sides = _side(match, 0, places), _side(match, 1, places)
    runs = [[run for found in side for run in found.runs] for side in sides]
    failing = [sum(failed_its_user(run) for run in side) for side in runs]
    lost = [any(is_lost(found) for found in side) for side in sides]
    fewest = [min(len(compared(found, plan)) for found in side) for side in sides]
    return ComparisonRow(
        label=match.label,
        environment=sides[0][0].environment if len(places) == 1 else None,
        runs=(fewest[0], fewest[1]),
        pair=_withheld(pair, lost),
        lost=(lost[0], lost[1]),
        failed=(sum(found.failed for found in sides[0]), sum(found.failed for found in sides[1])),
        failing=(failing[0], failing[1]),
        of=(len(runs[0]), len(runs[1])),
        speed=speed_ratio(*sides, plan.confidence),
    )


def is_lost(cell: Cell) -> bool:
    """Return whether every trial of a cell that has ended has failed."""
    return cell.failed > 0 and all(run.record is None for run in cell.runs)


def _withheld(pair: Pair, lost: Sequence[bool]) -> Pair:
    """Return the pair without a verdict in favour of a lost side.

    Failures count as the random policy, and against something that learned to do worse than that they would win.
    """
    against = [verdict for verdict, side in (("better", 1), ("worse", 0)) if lost[side] and not lost[1 - side]]
    if not any(lost) or pair.verdict in against:
        return pair
    return replace(pair, verdict="undecided", more_runs=None, more_hours=None)
