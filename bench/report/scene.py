"""Shapes and words on a sheet: what a figure is before it becomes SVG or PNG."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""(points, 2): x rightwards and y downwards, in points of 1/72 inch from the upper left corner."""

SIZE = 9.5
"""Points of the type in figures."""
_NARROW = frozenset("ijlI.,:;'|!()[]/ ")
_BROAD = frozenset("mwMW%@")


@dataclass(frozen=True, slots=True)
class Ink:
    """A colour: that of text, axes or grid by name, or that of an algorithm by its place."""

    name: str = "ink"
    """`ink`, `muted`, `rule` or `paper`; with a series, empty."""
    series: int | None = None
    """Place in the palette."""


MUTED, RULE, BLACK, PAPER = Ink("muted"), Ink("rule"), Ink("ink"), Ink("paper")


@dataclass(frozen=True, slots=True, eq=False)
class Stroke:
    """Lines through points; several in one, so that a page stays small."""

    lines: Sequence[Points]
    ink: Ink
    width: float = 1.5
    dash: tuple[float, ...] = ()
    """On, off, ... in points; empty: solid."""
    alpha: float = 1.0
    cap: str = "butt"
    css: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Fill:
    """A filled polygon."""

    outlines: Sequence[Points]
    ink: Ink
    alpha: float = 1.0
    edge: Ink | None = None
    css: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Dots:
    """One marker at each point; hollow ones have an outline alone."""

    at: Points
    marker: str
    ink: Ink
    size: float = 4.0
    hollow: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """One line of text; `x`, `y` is where its baseline starts, or its middle or end."""

    x: float
    y: float
    text: str
    ink: Ink = BLACK
    anchor: str = "start"
    """`start`, `middle` or `end`."""
    size: float = SIZE
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Marks that belong together, with facts about them for the page's script."""

    marks: tuple[Mark, ...]
    css: str
    series: int | None = None
    """Place of the algorithm that these marks show; the page can hide them by it."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Name -> value, for `data-` attributes."""
    clip: tuple[float, float, float, float] | None = None
    """Left, top, width and height of the rectangle outside of which nothing shows; None: no limit."""


Mark = Stroke | Fill | Dots | Words | Group


@dataclass(frozen=True, slots=True)
class Scene:
    """A whole figure."""

    width: float
    height: float
    """In points."""
    marks: tuple[Mark, ...]


def shape(marker: str, size: float) -> list[tuple[float, float]]:
    """Return a marker's outline around the origin, y downwards; a circle has many corners."""
    half = size / 2
    turns = {"o": 16, "p": 5, "h": 6}
    if marker in turns:
        angles = [2 * np.pi * place / turns[marker] - np.pi / 2 for place in range(turns[marker])]
        return [(float(half * np.cos(angle)), float(half * np.sin(angle))) for angle in angles]
    return [(half * x, half * y) for x, y in _SHAPES[marker]]


_SHAPES: dict[str, tuple[tuple[float, float], ...]] = {
    "s": ((-0.88, -0.88), (0.88, -0.88), (0.88, 0.88), (-0.88, 0.88)),
    "^": ((0, -1.1), (1.05, 0.8), (-1.05, 0.8)),
    "v": ((0, 1.1), (1.05, -0.8), (-1.05, -0.8)),
    "D": ((0, -1.2), (1.2, 0), (0, 1.2), (-1.2, 0)),
    "P": ((-0.4, -1.1), (0.4, -1.1), (0.4, -0.4), (1.1, -0.4), (1.1, 0.4), (0.4, 0.4),
          (0.4, 1.1), (-0.4, 1.1), (-0.4, 0.4), (-1.1, 0.4), (-1.1, -0.4), (-0.4, -0.4)),
    "X": ((0, -0.5), (0.6, -1.1), (1.1, -0.6), (0.5, 0), (1.1, 0.6), (0.6, 1.1),
          (0, 0.5), (-0.6, 1.1), (-1.1, 0.6), (-0.5, 0), (-1.1, -0.6), (-0.6, -1.1)),
}  # fmt: skip
"""Outlines for a half size of 1."""


def text_width(text: str, size: float = SIZE) -> float:
    """Return about how wide `text` is in a sans-serif type, on the wide side, in points."""
    return size * sum(_advance(character) for character in text)


def _advance(character: str) -> float:
    if character in _NARROW:
        return 0.36
    if character in _BROAD:
        return 0.92
    if unicodedata.east_asian_width(character) in "WF":
        return 1.05
    return 0.7 if character.isupper() else 0.6
