"""A space, an environment and a number in; the configuration of that number out.

Configuration i is a vector of unit numbers, hashed from the tuning seed, the algorithm, i and the setting's name: no
state, so a search that is resumed or widened goes on with what it would have drawn. The same vector in every
environment, mapped onto what its budget allows, is what lets one ask for the setting that is best in all of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.plan import UNKNOWN_EPISODE
from bench.tune.spaces import Facts, Space

_BITS = 53
"""Of a float's mantissa."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a configuration depends on of an environment."""

    environment: str
    steps: int
    """The budget."""
    horizon: int | None
    """Longest episode; None: not known, and reckoned as the plan reckons it."""
    actions: str
    """Kind of its actions; empty: not known."""
    best: float | None = None
    """Highest return there is, else the one that scores 1; None: not known."""

    def facts(self) -> dict[str, Any]:
        """Return what limits may name."""
        return {"steps": self.steps, "horizon": self.horizon or UNKNOWN_EPISODE, "best": self.best}


def unit(tuning_seed: int, algorithm: str, number: int, name: str) -> float:
    """Return the number in [0, 1) that decides one setting of one configuration, by SHA-256."""
    text = json.dumps(["tuning", tuning_seed, algorithm, number, name])
    return (int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> (64 - _BITS)) / float(1 << _BITS)


def configuration(
    space: Space, place: Place, number: int, tuning_seed: int, fixed: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the settings of a configuration; number 0 is what the library does by itself, and has none.

    Args:
        space: of the algorithm.
        place: where it will train.
        number: of the configuration.
        tuning_seed: another one draws other configurations.
        fixed: settings that are given and not drawn; limits take them as they are.
    """
    if number == 0:
        return {}
    fixed = fixed or {}
    facts, settings = {**place.facts(), **fixed}, dict[str, Any]()
    for dimension in space.dimensions:
        if dimension.setting in fixed or not dimension.applies(facts, place.actions):
            continue
        value = dimension.drawn(unit(tuning_seed, space.algorithm, number, dimension.name), facts)
        facts[dimension.name] = value
        if value is not None:
            _put(settings, dimension.name, list(value) if isinstance(value, tuple) else value)
    return settings


def defaults(space: Space) -> dict[str, Any]:
    """Return what the library takes for each setting of the space where nothing is said."""
    # A setting that has several ranges, for different cases, has its default at the first.
    return {one.name: one.default for one in reversed(space.dimensions)}


def broken_by_default(space: Space, place: Place, given: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """Return which limits the library's defaults break at this budget, in words.

    Args:
        space: of the algorithm.
        place: with the budget.
        given: settings that the suite fixes over the defaults.
    """
    facts: Facts = {**place.facts(), **defaults(space), **(given or {})}
    found = (one.broken(facts[one.name], facts) for one in space.dimensions if one.applies(facts, place.actions))
    return tuple(filter(None, found))


def _put(settings: dict[str, Any], name: str, value: Any) -> None:
    outer, _, key = name.partition(".")
    if key:
        settings.setdefault(outer, {})[key] = value
    else:
        settings[outer] = value
