"""Cells in, the environments that every algorithm solves and cells in which nothing beyond the target counts there out.

Where every run of every learning algorithm of a setting ends at the threshold or above, a difference beyond the target
is none that a user would choose by, and it moves no comparison: scores are cut at the target, alike for all who are
compared: across settings, only where all of both solve the task. What is short of the target still counts, and who
gets there first is told by the steps to the threshold.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from bench.analysis.scores import Cell, learns
from bench.records import AnalysisPlan, Suite

Solved = Mapping[str, frozenset[str]]
"""Setting -> the environments that every learning algorithm in it solves; one empty setting where the suite has one."""


def solved(cells: Sequence[Cell], suite: Suite) -> dict[str, frozenset[str]]:
    """Return where all of a setting solve the task.

    An algorithm that stands in every setting would be cut in one and not in the other: then only what is solved in all
    of them counts as solved.

    Args:
        cells: those that are compared; what does not learn is asked nothing.
        suite: says who stands in which setting, and which score counts as solved.
    """
    learning = [cell for cell in cells if learns(cell.entries[0].trial.algorithm)]
    standing = {cell.label: suite.setting(cell.label) or "" for cell in learning}
    found = {
        name: _by_all([cell for cell in learning if standing[cell.label] in {name, ""}], suite.analysis)
        for name in suite.settings or ("",)
    }
    if len(found) > 1 and "" in standing.values():
        return dict.fromkeys(found, frozenset.intersection(*found.values()))
    return found


def to_the_target(cells: Sequence[Cell], where: Solved, suite: Suite, beside: Collection[str] = ()) -> list[Cell]:
    """Return the cells as comparisons take them.

    Args:
        cells: of whoever is compared.
        where: nothing beyond the target counts.
        suite: says who stands in which setting.
        beside: labels that each of the cells is compared with, where they may stand in another setting than its own.
    """
    return [_cut(cell, _in_all(where, suite, {cell.label, *beside}), suite.analysis) for cell in cells]


def all_solve(cells: Sequence[Cell], plan: AnalysisPlan) -> bool:
    """Return whether two cells of one environment at least, and every run of all of them, end at the threshold."""
    return len(cells) > 1 and all(solves(cell, plan) for cell in cells)


def solves(cell: Cell, plan: AnalysisPlan) -> bool:
    """Return whether every run of a cell ends at the threshold."""
    return cell.scored and bool(np.min(cell.scores) >= plan.threshold)


def cut_at_the_target(cell: Cell, plan: AnalysisPlan) -> Cell:
    """Return a cell in which no score counts beyond the target, or beyond the threshold where that is higher."""
    return replace(cell, most=max(1.0, plan.threshold))


def _by_all(cells: Sequence[Cell], plan: AnalysisPlan) -> frozenset[str]:
    names = dict.fromkeys(cell.environment for cell in cells)
    return frozenset(name for name in names if all_solve([one for one in cells if one.environment == name], plan))


def _cut(cell: Cell, where: Collection[str], plan: AnalysisPlan) -> Cell:
    return cut_at_the_target(cell, plan) if cell.environment in where else cell


def _in_all(where: Solved, suite: Suite, labels: Collection[str]) -> frozenset[str]:
    """Return what is solved in every setting that one of the labels stands in alone; in the first if none does."""
    names = {name for label in labels if (name := suite.setting(label))} or {next(iter(where))}
    return frozenset.intersection(*(where.get(name, frozenset()) for name in names))
