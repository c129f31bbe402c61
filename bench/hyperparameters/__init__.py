"""Set name, algorithm and environment in, hyperparameters with their provenance out.

A named set is a YAML file of this folder. Each of its parts says where its entries come from; the tuning budget is part
of that, because "tuned" without it means nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from ruamel.yaml import YAML

from bench.catalog import algorithms
from bench.errors import CatalogError


@dataclass(frozen=True, slots=True)
class Part:
    """Entries of one source within a named set."""

    source: str
    version: str
    licence: str
    """Licence of the source; empty where nothing was taken from anywhere."""
    tuning_budget: str
    """In words; `unknown` where the source does not say."""
    notes: tuple[str, ...]
    """What a reader must know before comparing, such as changed environment versions."""
    entries: Mapping[str, Mapping[str, Mapping[str, Any]]]
    """Algorithm -> environment -> settings, with `tuned_for_steps` among them where the source states it."""
    complete: bool = False
    """Whether a pair without an entry is covered all the same, by an empty one."""
    everywhere: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Algorithm -> settings, for environments without an entry."""
    tuned: bool = True
    """False where the entries are guesses that nobody searched for."""


def sets() -> tuple[str, ...]:
    """Return the names of all sets, sorted."""
    found = (entry.name for entry in files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in found if name.endswith(".yaml")))


@cache
def parts(set_name: str) -> tuple[Part, ...]:
    """Return the parts of a set with their provenance.

    Raises:
        CatalogError: no such set.
    """
    if set_name not in sets():
        raise CatalogError(f"hyperparameter set {set_name!r} is not known; one of {', '.join(sets())}")
    return tuple(Part(**{**part, "notes": tuple(part["notes"])}) for part in _yaml(f"{set_name}.yaml")["parts"])


def covers(set_name: str, algorithm: str, environment: str) -> bool:
    """Return whether the set says anything for this pair; if not, `resolve` falls back to the set `default`."""
    return any(
        part.complete or algorithm in part.everywhere or environment in part.entries.get(algorithm, {})
        for part in parts(set_name)
    )


def guessed(set_name: str, algorithm: str, environment: str) -> bool:
    """Return whether the set's entry for this pair is a guess rather than the outcome of any tuning."""
    return any(not part.tuned and environment in part.entries.get(algorithm, {}) for part in parts(set_name))


def resolve(set_name: str, algorithm: str, environment: str) -> tuple[dict[str, Any], str]:
    """Return the settings for a pair and one line on where they come from.

    A pair that the set does not cover gets what the set `default` has for it, as a rule no settings and hence the
    library's defaults, and the line says so.

    Raises:
        CatalogError: no such set.
    """
    known = algorithms().get(algorithm)
    if known and known.settings == {}:
        return {}, "no hyperparameters"
    for part in parts(set_name):
        entry = part.entries.get(algorithm, {}).get(environment, part.everywhere.get(algorithm))
        if entry is not None:
            settings = {name: deepcopy(value) for name, value in entry.items() if name != "tuned_for_steps"}
            return settings, _provenance(part, entry.get("tuned_for_steps"))
        if part.complete:
            return {}, f"{part.source}, {part.version}"
    settings, _ = resolve("default", algorithm, environment)
    return settings, f"library defaults: set {set_name!r} has no entry for {algorithm} on {environment}"


def _provenance(part: Part, tuned_for_steps: int | None) -> str:
    steps = f"; published for {tuned_for_steps:,} steps" if tuned_for_steps else ""
    return f"{part.source} {part.version}{steps}; tuning budget: {part.tuning_budget}"


@cache
def _yaml(name: str) -> Any:
    return YAML(typ="safe", pure=True).load(files(__name__).joinpath(name).read_text(encoding="utf-8"))
