"""An algorithm's name in; the settings that tuning searches, with their ranges, limits and source, out.

The spaces are data (`spaces.yaml`, which says what its words mean).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import ConfigDict, TypeAdapter
from ruamel.yaml import YAML

from bench.catalog import AUTO, Algorithm, find_algorithm
from bench.errors import BenchError
from bench.hyperparameters.values import checked

Facts = Mapping[str, Any]
"""What is known where a configuration is drawn: `steps`, `horizon`, `best`, and the settings drawn so far."""
_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number that depends on the budget: `share` times the product of `of`, divided by that of `per`."""

    __pydantic_config__ = _STRICT

    share: float = 1.0
    of: tuple[str, ...] = ()
    per: tuple[str, ...] = ()

    def value(self, facts: Facts) -> float | None:
        """Return the number; None where one of the names is not known or was not drawn."""
        if any(facts.get(name) is None for name in (*self.of, *self.per)):
            return None
        above, below = ([float(facts[name]) for name in names] for names in (self.of, self.per))
        return self.share * math.prod(above) / math.prod(below)

    def words(self) -> str:
        """Return it in words: `0.1 steps / n_envs`."""
        told = " x ".join([*([f"{self.share:g}"] if self.share != 1 or not self.of else []), *self.of])
        return " / ".join([told, *self.per])


@dataclass(frozen=True, slots=True)
class Dimension:
    """One setting, and the values it may take; `spaces.yaml` says what each word means."""

    __pydantic_config__ = _STRICT

    name: str
    """Of the setting; `policy_kwargs.net_arch` is a key of a setting that is a mapping."""
    values: tuple[Any, ...] = ()
    uniform: tuple[float, float] | None = None
    log: tuple[float, float] | None = None
    whole: bool = False
    complement: bool = False
    atom: Any = None
    chance: float = 0.0
    at_most: Quantity | None = None
    equals: Quantity | None = None
    when: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    actions: str = ""
    default: Any = None
    instead: str = ""

    @property
    def setting(self) -> str:
        """The setting's own name, without a key within it."""
        return self.name.partition(".")[0]

    def applies(self, facts: Facts, actions: str) -> bool:
        """Return whether the setting is drawn at all, given those drawn before it."""
        here = not self.actions or self.actions == actions
        return here and all(facts.get(name) in wanted for name, wanted in self.when.items())

    def drawn(self, unit: float, facts: Facts) -> Any:
        """Return the value that a number from [0, 1) stands for within what the limits leave; None: not to be set."""
        if self.equals is not None:
            found = self.equals.value(facts)
            return None if found is None else max(1, math.floor(min(found, self._limit(facts))))
        if self.values:
            allowed = self._allowed(facts)
            return allowed[min(int(unit * len(allowed)), len(allowed) - 1)]
        if unit < self.chance:
            return self.atom
        return self._within((unit - self.chance) / (1 - self.chance), facts)

    def broken(self, value: Any, facts: Facts) -> str:
        """Return, in words, that a value lies beyond the limit at this budget; empty where it does not."""
        if self.at_most is None or value is None or value <= (limit := self._limit(facts)):
            return ""
        return f"{self.name} {value:,} is more than {self.at_most.words()} = {limit:,.4g}"

    def range_in_words(self) -> str:
        """Return the values in words: `log 1e-4 .. 0.1`."""
        if self.equals is not None:
            return f"= {self.equals.words()}"
        if self.values:
            return ", ".join(map(_shown, self.values))
        kind, ends = ("log", self.log) if self.log else ("uniform", self.uniform)
        assert ends is not None  # noqa: S101 - a dimension has one of them
        told = f"{kind} {ends[0]:g} .. {ends[1]:g}"
        atom = f", or {_shown(self.atom)} ({self.chance:.0%})" if self.chance else ""
        return (f"1 - ({told})" if self.complement else told) + atom

    def condition_in_words(self) -> str:
        """Return under which limit and condition, in words; empty where there is none."""
        told = [f"at most {self.at_most.words()}"] if self.at_most else []
        told += [f"with {name} {' or '.join(map(str, wanted))}" for name, wanted in self.when.items()]
        return "; ".join([*told, *([f"on {self.actions} actions"] if self.actions else [])])

    def _limit(self, facts: Facts) -> float:
        found = self.at_most.value(facts) if self.at_most else None
        return math.inf if found is None else found

    def _allowed(self, facts: Facts) -> Sequence[Any]:
        """Return the values within the limit, the smallest where none is."""
        meant: list[Any] = [one.value(facts) if isinstance(one, Quantity) else one for one in self.values]
        known = [one for one, told in zip(meant, self.values, strict=True) if one is not None or told is None]
        if self.at_most is None:
            return known
        return [one for one in known if one <= self._limit(facts)] or [min(known)]

    def _within(self, share: float, facts: Facts) -> Any:
        ends = self.log or self.uniform
        assert ends is not None  # noqa: S101 - a dimension has one of them
        high = min(ends[1], max(self._limit(facts), 1.0 if self.whole else 0.0))
        low = min(ends[0], high)
        if self.whole:
            low, high = math.floor(low), math.floor(high)
            # The end belongs to the range, as wide as any other number.
            return min(math.floor(_between(low, high + 1, share, log=bool(self.log))), high)
        value = _between(low, high, share, log=bool(self.log))
        # Three digits: nobody reads or writes more, and no learner feels them.
        return round(1 - _rounded(value), 12) if self.complement else _rounded(value)


@dataclass(frozen=True, slots=True)
class Space:
    """What tuning searches for one algorithm."""

    algorithm: str
    dimensions: tuple[Dimension, ...]
    source: str
    rule: str
    """By which rule learning rates were given their ranges."""


def spaces() -> tuple[str, ...]:
    """Return the algorithms that have a space, sorted."""
    return tuple(sorted(_given()["algorithms"]))


@cache
def space(algorithm: str, implementation: str = "") -> Space:
    """Return what is searched for an algorithm: its own space, as far as the implementation takes it.

    Args:
        algorithm: its name.
        implementation: whose; empty, or `auto`: the catalogue's first, which takes most.

    Raises:
        BenchError: nobody has written down a space for this algorithm.
    """
    given = _given()["algorithms"]
    if algorithm not in given:
        raise BenchError(f"{algorithm} has no search space; there is one for {', '.join(spaces())}")
    entry = find_algorithm(algorithm, "" if implementation == AUTO else implementation)
    read = TypeAdapter(Dimension).validate_python
    found = [fitted for one in given[algorithm]["dimensions"] for fitted in _fitted(_meant(read(one)), entry)]
    return Space(algorithm, tuple(found), given[algorithm].get("source", _given()["source"]), _given()["rule"])


@cache
def _given() -> Any:
    return YAML(typ="safe", pure=True).load(files(__package__).joinpath("spaces.yaml").read_text(encoding="utf-8"))


def _meant(dimension: Dimension) -> Dimension:
    """Return the dimension with the quantities among its values read as such."""
    read = TypeAdapter(Quantity).validate_python
    return replace(dimension, values=tuple(read(one) if isinstance(one, Mapping) else one for one in dimension.values))


def _fitted(dimension: Dimension, entry: Algorithm) -> Iterator[Dimension]:
    """Yield the dimension with what the implementation takes of its values; nothing where it takes none."""
    if entry.settings is not None and dimension.setting not in entry.settings:
        return
    if dimension.values:
        values = tuple(one for one in dimension.values if isinstance(one, Quantity) or _taken(dimension, one, entry))
        if values:
            yield replace(dimension, values=values)
    elif dimension.chance and not _taken(dimension, dimension.atom, entry):
        yield replace(dimension, chance=0.0)
    else:
        yield dimension


def _taken(dimension: Dimension, value: Any, entry: Algorithm) -> bool:
    if value is None:
        return True
    key = dimension.name.partition(".")[2]
    try:
        checked(entry.name, dimension.setting, {key: value} if key else value, entry.own)
    except ValueError:
        return False
    return True


def _between(low: float, high: float, share: float, *, log: bool) -> float:
    """Return the point at this share of the way; on a log scale where asked for."""
    if log:
        return math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
    return low + share * (high - low)


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")


def _shown(value: Any) -> str:
    if isinstance(value, Quantity):
        return value.words()
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
