"""Labels in; colours, lines and markers that stay apart without colour out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.report.scene import Ink

NEUTRALS = {"ink": "#1d2126", "muted": "#5c626b", "rule": "#d9d7d0", "paper": "#ffffff"}
"""Text, axes and grid of a figure that stands alone; on the page they are variables that turn over in dark mode."""

LIGHT = ("#0072b2", "#d55e00", "#008763", "#b3508b", "#a87400", "#2f8fc9", "#565656", "#7d4a2d")
"""Okabe and Ito's hues in their order for lines, darkened where needed to stand 3:1 against white."""
DARK = ("#52a9e6", "#f2823a", "#35c49a", "#e195c2", "#e8b73a", "#a5d8f8", "#b9b9b9", "#cf9f7e")
"""The same hues, lightened to stand 3:1 against the dark page."""
_DASHES: tuple[tuple[float, ...], ...] = ((), (7.5, 2.4), (3, 1.8), (9, 2.4, 1.8, 2.4))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")


@dataclass(frozen=True, slots=True)
class Style:
    """How one algorithm looks in every figure."""

    place: int
    """Of the algorithm in the suite's order."""
    dash: tuple[float, ...]
    """On, off, ... in points; empty: solid."""
    marker: str

    @property
    def ink(self) -> Ink:
        """Its colour."""
        return Ink("", self.place)


def styles(labels: Sequence[str]) -> dict[str, Style]:
    """Return a style for each label; colours repeat after eight, but then with another line."""
    return {label: _style(place) for place, label in enumerate(labels)}


def hexadecimal(ink: Ink) -> str:
    """Return an ink as `#rrggbb`, as on white paper."""
    return NEUTRALS[ink.name] if ink.series is None else LIGHT[ink.series % len(LIGHT)]


def _style(place: int) -> Style:
    turn = place + place // len(LIGHT)
    return Style(place, _DASHES[turn % len(_DASHES)], _MARKERS[turn % len(_MARKERS)])


SANS = "Helvetica, Arial, sans-serif"
"""The generic stack that SVG files name."""
