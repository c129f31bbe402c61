"""A suite in; whose settings were made for larger budgets, and who is on equal terms with whom all the same, out.

An entry whose named settings were found for a million steps may make a dozen updates in two hundred thousand: beside
others whose settings fit, it is no evidence about the algorithm. Two entries that rest on the same named settings, two
implementations or a setting changed, are on equal terms whatever these were made for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench import hyperparameters
from bench.catalog import has_settings
from bench.records import Suite, SuiteAlgorithm

Cell = tuple[str, str]
"""Label and environment."""


def made_for_more(suite: Suite) -> dict[Cell, int]:
    """Return, per cell whose named settings were made for more steps than the suite gives, for how many.

    `validate` and the page tell all of them, whatever place they have in the verdict.
    """
    return {
        (entry.label, place.environment): steps
        for entry in suite.algorithms
        for place in suite.environments
        if (steps := _terms(suite, entry, place.environment)[0]) > place.steps
    }


def for_larger_budgets(suite: Suite) -> dict[Cell, int]:
    """Return those of `made_for_more` that are judged beside their equals alone.

    None where the suite accepts such settings. Cells whose every rival within the setting has the same named settings
    are left out: nobody is favoured there.
    """
    if suite.accept_settings_for_other_budgets:
        return {}
    entries = {entry.label: entry for entry in suite.algorithms}

    def favours(label: str, place: str) -> bool:
        return not _alike(suite, [entries[label], *_rivals(suite, entries[label])], place)

    return {cell: steps for cell, steps in made_for_more(suite).items() if favours(*cell)}


def set_apart(suite: Suite) -> dict[Cell, int]:
    """Return those of `for_larger_budgets` that have no place in the verdict.

    Nobody is where nobody's settings fit and everybody has an equal to be compared with, as two implementations each of
    several algorithms have.
    """
    unfit = for_larger_budgets(suite)
    entries = {entry.label: entry for entry in suite.algorithms}

    def stands_apart(label: str, place: str) -> bool:
        rivals = _rivals(suite, entries[label])
        equals = any(_alike(suite, [entries[label], other], place) for other in rivals)
        return not equals or any((other.label, place) not in unfit for other in rivals)

    return {cell: steps for cell, steps in unfit.items() if stands_apart(*cell)}


def on_equal_terms(suite: Suite, a: str, b: str, environments: Sequence[str], cells: Mapping[Cell, int]) -> bool:
    """Return whether two labels may be compared: on none of the environments is one of the cells, or both are alike."""
    both = [entry for entry in suite.algorithms if entry.label in {a, b} and has_settings(entry.algorithm)]
    if len(both) <= 1:
        # Nobody is favoured over what has no settings, and of labels that the suite does not know nothing is known.
        return True
    return all(
        ((a, place) not in cells and (b, place) not in cells) or _alike(suite, both, place) for place in environments
    )


def _rivals(suite: Suite, one: SuiteAlgorithm) -> list[SuiteAlgorithm]:
    """Return whom an entry is compared with as a learner of the same setting."""
    return [
        other
        for other in suite.algorithms
        if one is not other
        and has_settings(other.algorithm)
        and ("" in {one.setting, other.setting} or one.setting == other.setting)
    ]


def _alike(suite: Suite, entries: Sequence[SuiteAlgorithm], environment: str) -> bool:
    first, *others = (_terms(suite, entry, environment) for entry in entries)
    return all(other == first for other in others)


def _terms(suite: Suite, entry: SuiteAlgorithm, environment: str) -> tuple[int, dict[str, Any]]:
    """Return the budget that an entry's named settings were made for, 0 where nobody states one, and the settings."""
    name = entry.hyperparameter_set
    if name not in hyperparameters.sets() and name not in suite.sets:
        # Imported results name no set.
        return 0, {}
    named = name, entry.algorithm, environment, suite.sets
    return hyperparameters.made_for_steps(*named) or 0, hyperparameters.resolve(*named)[0]
