"""An observation space in, the rows of a table that its observations stand for out: counted, in bins, or in tiles."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from bench.errors import BenchError, DivergedError

Row = int | NDArray[np.intp]
"""A row of the table; of several tilings (tilings,), one row in each."""
MOST_ROWS = 10_000_000
Discretisation = Mapping[str, Any]
"""`bins`, `tilings`, `low`, `high`, as a suite states them."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Which rows of a table an observation stands for."""

    count: int
    """Of all rows."""
    of: Callable[[Any], Row]
    """An observation -> its row, or its rows."""
    tilings: int = 1
    """Rows that one observation stands for."""


def rows(name: str, space: spaces.Space[Any], discretisation: Discretisation | None = None) -> Rows:
    """Return which rows the observations of a space stand for.

    Args:
        name: of the algorithm, for what is said against the space.
        space: Discrete, MultiDiscrete, MultiBinary, a Tuple of these, or a Box, which wants a discretisation.
        discretisation: how a Box is cut: `bins` of equal width, one number or one per number of an observation, from
            `low` to `high` (the space's own bounds where nothing else is stated; what lies beyond is in the outermost
            bin), in as many `tilings` (1 where nothing is stated).

    Raises:
        BenchError: no such space, a discretisation that does not fit it, or more rows than a table should have.
    """
    if isinstance(space, spaces.Box):
        found = _tiled(name, space, discretisation)
    elif discretisation is not None:
        raise BenchError(f"{name}: a discretisation is for Box observations, not for {space}; leave it out")
    else:
        found = _counted(name, space)
    if found.count > MOST_ROWS:
        raise BenchError(
            f"{name}: its table for {space} would have {found.count:,} rows, and may have {MOST_ROWS:,}; "
            "state fewer bins, or choose another algorithm"
        )
    return found


def _counted(name: str, space: spaces.Space[Any]) -> Rows:
    """Return a row for every combination of finitely many values, the last of them counted fastest."""
    parts = space.spaces if isinstance(space, spaces.Tuple) else (space,)
    if not parts or not all(isinstance(part, _FINITE) for part in parts):
        raise BenchError(
            f"{name}: needs Discrete or Box observations, or Tuples of Discrete ones, for its table, not {space}; "
            "choose another algorithm"
        )
    sizes = [size for part in parts for size in _sizes(part)]
    starts = [start for part in parts for start in _starts(part)]
    if isinstance(space, spaces.Discrete):
        return Rows(sizes[0], lambda observation: int(observation) - starts[0])

    def of(observation: Any) -> int:
        values = observation if isinstance(space, spaces.Tuple) else (observation,)
        flat = [int(value) for part in values for value in np.ravel(part)]
        row = 0
        for value, start, size in zip(flat, starts, sizes, strict=True):
            row = row * size + value - start
        return row

    return Rows(math.prod(sizes), of)


_FINITE = (spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)


def _sizes(space: spaces.Space[Any]) -> list[int]:
    if isinstance(space, spaces.Discrete):
        return [int(space.n)]
    return [int(n) for n in np.ravel(space.nvec)] if isinstance(space, spaces.MultiDiscrete) else [2] * _width(space)


def _starts(space: spaces.Space[Any]) -> list[int]:
    return [int(start) for start in np.ravel(getattr(space, "start", np.zeros(_width(space))))]


def _width(space: spaces.Space[Any]) -> int:
    """Return how many numbers an observation has."""
    return math.prod(space.shape or ())


def _tiled(name: str, space: spaces.Box, stated: Discretisation | None) -> Rows:
    """Return one row per tiling, of tilings that are displaced against each other (Sutton and Barto 2018, 9.5.4).

    With one tiling the tiles are bins that cover the space exactly (state aggregation, section 9.3). Each further one
    is displaced by the vector (1, 3, 5, ...) in units of a tile's width over the number of tilings, and has one tile
    more in every direction, so that it covers the space too.
    """
    if stated is None:
        raise BenchError(
            f"{name}: needs to be told how observations {space} are cut; "
            "state for instance `discretisation: {bins: 10}`, with `low` and `high` where they have no bounds"
        )
    width, tilings = _width(space), int(stated.get("tilings", 1))
    low, high = _bounds(name, space, stated)
    bins = np.array(_each(name, "bins", stated["bins"], width), dtype=np.int64)
    offsets = np.outer(np.arange(tilings), 1 + 2 * np.arange(width)) % tilings / tilings
    tiles = [int(count) + (tilings > 1) for count in bins]
    in_one = math.prod(tiles)
    strides = np.array([math.prod(tiles[place + 1 :]) for place in range(width)], dtype=np.float64)
    first, scale, last = in_one * np.arange(tilings), bins / (high - low), np.nextafter(bins, 0.0)

    def of(observation: Any) -> Row:
        inside = np.minimum(np.maximum((np.ravel(observation) - low) * scale, 0.0), last)
        places = np.floor(inside + offsets) @ strides
        if np.isnan(places[0]):
            raise DivergedError(f"{name}: an observation is not a number: {observation}")
        return int(places[0]) if tilings == 1 else places.astype(np.intp) + first

    return Rows(tilings * in_one, of, tilings)


def _bounds(name: str, space: spaces.Box, stated: Discretisation) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lowest and the highest value of each number of an observation, as stated, else the space's own."""
    sides = []
    for side, own in (("low", space.low), ("high", space.high)):
        given = _each(name, side, stated.get(side), own.size)
        sides.append(np.array([float(o) if g is None else float(g) for g, o in zip(given, own.flat, strict=True)]))
    low, high = sides
    for number, (least, most) in enumerate(zip(low, high, strict=True), start=1):
        # What stands for infinity in older environments is the largest number of its type.
        if not max(abs(least), abs(most)) < _UNBOUNDED:
            raise BenchError(
                f"{name}: number {number} of the observations {space} has no bounds; "
                "state its `low` and `high` in the discretisation"
            )
        if not least < most:
            raise BenchError(
                f"{name}: discretisation: high must be above low, not {most:g} above {least:g} (number {number})"
            )
    return low, high


_UNBOUNDED = float(np.finfo(np.float32).max)


def _each(name: str, what: str, value: Any, width: int) -> Sequence[Any]:
    """Return one value for each number of an observation, from one for all or one for each."""
    if not isinstance(value, list | tuple):
        return [value] * width
    if len(value) != width:
        raise BenchError(
            f"{name}: discretisation: {what} has {len(value)} entries, and an observation has {width} numbers"
        )
    return value
