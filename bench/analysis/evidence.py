"""A suite with its trials in; who is compared, and how their runs are drawn again, out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from bench.analysis.ledger import Ledger
from bench.analysis.resampling import Draws, Streams, resample_counts
from bench.analysis.scores import (
    Cell,
    Field,
    cells_in,
    compared,
    complete,
    enough,
    environments_of,
    learns,
    taking_part,
)
from bench.analysis.solved import Solved, solved, to_the_target
from bench.hyperparameters.budgets import for_larger_budgets
from bench.records import AnalysisPlan, Reference, Suite


@dataclass(frozen=True, slots=True)
class Evidence:
    """What every estimate starts from: whose runs there are, which of them count, and how they are drawn again."""

    suite: Suite
    labels: tuple[str, ...]
    """The suite's order, then whoever else has trials."""
    cells: tuple[Cell, ...]
    baselines: set[str]
    """What does not learn: shown and measured against, never recommended."""
    there: tuple[Cell, ...]
    """Those of the cells that take part."""
    solved: Solved
    field: Field
    """Whoever has scores."""
    counted: Field
    """The same, without what lies beyond the target where all solve the task."""
    races: Mapping[str, Field]
    """By setting, who can come first."""
    unfit: Mapping[tuple[str, str], int]
    """Cells whose settings were made for so many steps, far more than the budget."""
    draws: Draws
    streams: Streams

    @property
    def plan(self) -> AnalysisPlan:
        """The suite's analysis."""
        return self.suite.analysis

    @property
    def fit(self) -> Field:
        """Whoever counts, without cells whose settings were made for far larger budgets."""
        return _fit(self.counted, self.unfit)

    @property
    def rivals(self) -> Field:
        """Whoever is compared: by scores, else by rank alone."""
        return self.counted or _by_label(self.labels, _unscored(self.there, self.plan))

    @property
    def ranked(self) -> tuple[str, ...] | None:
        """Whoever is compared by rank alone on every environment; None where there are scores."""
        if self.field or not self.rivals:
            return None
        return tuple(label for label in whole(self.rivals, self.baselines) if label not in self.baselines)


def evidence(suite: Suite, book: Ledger, references: Mapping[str, Reference | None], streams: Streams) -> Evidence:
    """Return who is compared in a suite, finished or not.

    Args:
        suite: fixes the order of algorithms and environments, and what counts.
        book: its trials with what came of them.
        references: environment -> the returns that score 0 and 1; without one there are no scores.
        streams: name -> generator, for the draws of each cell.
    """
    labels = _ordered((line.label for line in suite.algorithms), (entry.label for entry in book.entries))
    cells, baselines = _cells(book, labels, suite, references), _baselines(book)
    there, unfit = taking_part(cells, suite), for_larger_budgets(suite)
    field, where = _by_label(labels, [c for c in there if c.scored]), solved(there, suite)
    counted = {label: to_the_target(some, where, suite) for label, some in field.items()}
    races = {name: _race(one, baselines) for name, one in by_setting(suite, _fit(counted, unfit)).items()}
    draws = {c.key: resample_counts(len(c.runs), suite.analysis.resamples, streams(*c.key)) for c in cells if c.runs}
    return Evidence(suite, labels, cells, baselines, tuple(there), where, field, counted, races, unfit, draws, streams)


def _fit(field: Field, unfit: Collection[tuple[str, str]]) -> Field:
    return {label: kept for label, cells in field.items() if (kept := [c for c in cells if c.key not in unfit])}


def _ordered(first: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    """Return the suite's names in its order, then every other name sorted."""
    return tuple(dict.fromkeys([*first, *sorted(others)]))


def _cells(
    book: Ledger, labels: Sequence[str], suite: Suite, references: Mapping[str, Reference | None]
) -> tuple[Cell, ...]:
    found = cells_in(book, references, suite.analysis)
    places = environments(suite, (environment for _, environment in found))
    return tuple(found[key] for key in product(labels, places) if key in found)


def environments(suite: Suite, others: Iterable[str]) -> tuple[str, ...]:
    """Return the suite's environments in its order, then every other one sorted."""
    return _ordered((line.environment for line in suite.environments), others)


def _by_label(labels: Sequence[str], cells: Sequence[Cell]) -> Field:
    return {label: found for label in labels if (found := [c for c in cells if c.label == label])}


def _unscored(there: Sequence[Cell], plan: AnalysisPlan) -> list[Cell]:
    """Return what can be compared by rank alone: cells with runs where none of the environments has references."""
    if plan.metric != "final" or any(c.reference is not None for c in there):
        return []
    return [c for c in there if len(compared(c, plan))]


def _baselines(book: Ledger) -> set[str]:
    """Return the labels of what does not learn: shown and measured against, never recommended."""
    return {entry.label for entry in book.entries if not learns(entry.trial.algorithm)}


def by_setting(suite: Suite, field: Field) -> dict[str, Field]:
    """Return by setting who stands in it; everybody under an empty name where the suite has one set only."""
    return {
        name: {label: cells for label, cells in field.items() if in_setting(suite, label, name)}
        for name in suite.settings or ("",)
    }


def in_setting(suite: Suite, label: str, setting: str) -> bool:
    """Return whether a label stands in a setting; what is none of the suite's stands in all."""
    return suite.setting(label) in {setting, ""}


def learners(field: Field, baselines: set[str]) -> Field:
    """Return those that learn."""
    return {label: cells for label, cells in field.items() if label not in baselines}


def whole(field: Field, baselines: set[str]) -> Field:
    """Return who has every environment that any learner has, under whichever settings."""
    return complete(field, environments_of(learners(field, baselines) or field))


def _race(field: Field, baselines: set[str]) -> Field:
    """Return who can come first."""
    return enough(complete(learners(field, baselines)))
