"""Labels in; colours, lines and markers that stay apart without colour out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

INK = "#1d2126"
MUTED = "#5c626b"
RULE = "#d9d7d0"
NEUTRALS = {INK: "--ink", MUTED: "--muted", RULE: "--rule"}
"""Colours of text and axes -> the page's variables, which turn over in dark mode."""

LIGHT = ("#0072b2", "#d55e00", "#008763", "#b3508b", "#a87400", "#2f8fc9", "#565656", "#7d4a2d")
"""Okabe and Ito's hues in their order for lines, darkened where needed to stand 3:1 against white."""
DARK = ("#52a9e6", "#f2823a", "#35c49a", "#e195c2", "#e8b73a", "#a5d8f8", "#b9b9b9", "#cf9f7e")
"""The same hues, lightened to stand 3:1 against the dark page."""
_LINES = ("-", (0, (5, 1.6)), (0, (2, 1.2)), (0, (6, 1.6, 1.2, 1.6)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")


@dataclass(frozen=True, slots=True)
class Style:
    """How one algorithm looks in every figure."""

    colour: str
    line: str | tuple[float, tuple[float, ...]]
    marker: str


def styles(labels: Sequence[str]) -> dict[str, Style]:
    """Return a style for each label; colours repeat after eight, but then with another line."""
    return {label: _style(place) for place, label in enumerate(labels)}


def _style(place: int) -> Style:
    line = _LINES[(place + place // len(LIGHT)) % len(_LINES)]
    return Style(LIGHT[place % len(LIGHT)], line, _MARKERS[(place + place // len(LIGHT)) % len(_MARKERS)])


SANS = "Helvetica, Arial, sans-serif"
"""The generic stack that SVG files name; matplotlib lays out with its own DejaVu Sans, which is no narrower."""

MATPLOTLIB: dict[Any, Any] = {
    "svg.fonttype": "none",
    # Labels are the user's words: a dollar sign in one must not start a formula.
    "text.parse_math": False,
    "axes.formatter.use_mathtext": False,
    "axes.unicode_minus": True,
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.labelsize": 8.5,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "legend.handlelength": 2.8,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.5,
    "lines.markersize": 4,
}
"""Settings of matplotlib for these figures, used in a context so that nothing global changes."""
