"""Set name, algorithm and environment in, hyperparameters with their provenance out.

A named set is a YAML file of this folder, or lies beside a suite. Each of its parts says where its entries come from;
the tuning budget is part of that, because "tuned" without it means nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from ruamel.yaml import YAML

from bench.catalog import algorithms
from bench.errors import CatalogError
from bench.files import yaml_names
from bench.hyperparameters import provenance
from bench.records import Part

__all__ = ["FOR_STEPS", "UNTUNED", "Part", "covers", "guessed", "lacks", "made_for_steps", "parts", "resolve", "sets"]

UNTUNED = frozenset({"default", "bare"})
"""Sets for which nobody has searched in any environment."""
FOR_STEPS = "tuned_for_steps"
"""Key of an entry that is no setting: the training budget that the settings are made for."""
Beside = Mapping[str, tuple[Part, ...]]
"""Sets that a suite brings along, by name."""
_NONE: Beside = MappingProxyType({})


def sets() -> tuple[str, ...]:
    """Return the names of all sets of the package, sorted."""
    return yaml_names(__name__)


def parts(set_name: str, beside: Beside = _NONE) -> tuple[Part, ...]:
    """Return the parts of a set with their provenance.

    Args:
        set_name: of the package, or among those `beside`.
        beside: sets that the suite brings along.

    Raises:
        CatalogError: no such set.
    """
    return beside[set_name] if set_name in beside else _of_the_package(set_name)


@cache
def _of_the_package(set_name: str) -> tuple[Part, ...]:
    if set_name not in sets():
        raise CatalogError(f"hyperparameter set {set_name!r} is not known; one of {', '.join(sets())}")
    given = _yaml(f"{set_name}.yaml")
    found = [Part(**{**part, "notes": tuple(part["notes"])}) for part in given["parts"]]
    # What a set lacks, those may have that it names under `then`.
    return (*found, *(part for other in given.get("then", ()) for part in _of_the_package(other)))


def covers(set_name: str, algorithm: str, environment: str, beside: Beside = _NONE) -> bool:
    """Return whether the set says anything for this pair; if not, `resolve` falls back to the set `default`."""
    return any(
        part.complete or algorithm in part.everywhere or environment in part.entries.get(algorithm, {})
        for part in parts(set_name, beside)
    )


def lacks(set_name: str, algorithm: str, environment: str, beside: Beside) -> bool:
    """Return whether it is a set beside the suite that says nothing for this pair: nobody meant the defaults there."""
    return set_name in beside and not covers(set_name, algorithm, environment, beside)


def guessed(set_name: str, algorithm: str, environment: str, beside: Beside = _NONE) -> bool:
    """Return whether the set's entry for this pair is a guess rather than the outcome of any tuning."""
    found = parts(set_name, beside)
    return any(not part.tuned and environment in part.entries.get(algorithm, {}) for part in found)


def made_for_steps(set_name: str, algorithm: str, environment: str, beside: Beside = _NONE) -> int | None:
    """Return the training budget that the set's entry for this pair is made for; None where nobody states one."""
    for part in parts(set_name, beside):
        entry = _entry(part, algorithm, environment)
        if entry is not None:
            return entry.get(FOR_STEPS)
    return None


def resolve(set_name: str, algorithm: str, environment: str, beside: Beside = _NONE) -> tuple[dict[str, Any], str]:
    """Return the settings for a pair and one line on where they come from.

    A pair that the set does not cover gets what the set `default` has for it, as a rule no settings and hence the
    library's defaults, and the line says so.

    Raises:
        CatalogError: no such set.
    """
    known = algorithms().get(algorithm)
    if known and known.settings == {}:
        return {}, provenance.NOTHING
    for part in parts(set_name, beside):
        entry = _entry(part, algorithm, environment)
        if entry is not None:
            settings = {name: deepcopy(value) for name, value in entry.items() if name != FOR_STEPS}
            return settings, provenance.line(part, entry.get(FOR_STEPS), beside=set_name in beside)
        if part.complete:
            return {}, f"{part.source}, {part.version}"
    settings, _ = resolve("default", algorithm, environment)
    return settings, f"library defaults: set {set_name!r} has no entry for {algorithm} on {environment}"


def _entry(part: Part, algorithm: str, environment: str) -> Mapping[str, Any] | None:
    return part.entries.get(algorithm, {}).get(environment, part.everywhere.get(algorithm))


@cache
def _yaml(name: str) -> Any:
    return YAML(typ="safe", pure=True).load(files(__name__).joinpath(name).read_text(encoding="utf-8"))
