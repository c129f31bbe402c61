"""Values in, places on a sheet out: scales, ticks and the frame of a plot."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.report import words
from bench.report.scene import BLACK, MUTED, RULE, SIZE, Group, Mark, Points, Stroke, Words

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_APART, _LEAST = 1e-6, 1e-12
_TICK = 3.0
"""Points."""
Written = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Scale:
    """A range of values along one axis."""

    low: float
    high: float
    log: bool = False

    def share(self, values: Iterable[float | None] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far along the axis each value lies, 0 to 1; NaN where there is none."""
        numbers = np.array([math.nan if value is None else value for value in values], dtype=float)
        if not self.log:
            return np.asarray((numbers - self.low) / (self.high - self.low))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray((np.log(numbers) - math.log(self.low)) / (math.log(self.high) - math.log(self.low)))

    def ticks(self, most: int = 6) -> list[float]:
        """Return round values within the range, at most about `most` of them."""
        return _decades(self.low, self.high, most) if self.log else _round(self.low, self.high, most)


def spanning(values: Iterable[float | None], *, pad: float = 0.04, log: bool = False) -> Scale:
    """Return a scale that holds all finite values with some air around; 0 to 1 where there is none."""
    known = [value for value in values if value is not None and math.isfinite(value) and (value > _LEAST or not log)]
    low, high = min(known, default=0.0), max(known, default=1.0)
    if log:
        low, high = (low, high) if high > low > 0 else ((low or 1.0) / 2, (high or 1.0) * 2)
        return Scale(low, high, log=True)
    # Values that differ in their last digits alone are one value: no tick would fit between them.
    apart = high - low > max(_LEAST, _APART * max(abs(low), abs(high)))
    air = pad * (high - low) if apart else max(abs(high), 1.0) / 2
    return Scale(low - air, high + air)


@dataclass(frozen=True, slots=True)
class Panel:
    """A plot's rectangle on the sheet with its two scales."""

    left: float
    top: float
    width: float
    height: float
    """All in points."""
    x: Scale
    y: Scale

    @property
    def bottom(self) -> float:
        """Where the x axis lies."""
        return self.top + self.height

    @property
    def right(self) -> float:
        """Where the plot ends."""
        return self.left + self.width

    @property
    def frame(self) -> tuple[float, float, float, float]:
        """Left, top, width, height."""
        return self.left, self.top, self.width, self.height

    def across(self, values: Iterable[float | None]) -> NDArray[np.float64]:
        """Return the horizontal places of values."""
        return self.left + self.width * self.x.share(values)

    def down(self, values: Iterable[float | None]) -> NDArray[np.float64]:
        """Return the vertical places of values."""
        return self.bottom - self.height * self.y.share(values)

    def points(self, x: Iterable[float | None], y: Iterable[float | None]) -> Points:
        """Return (points, 2) places; pairs without a number or off a log scale are left out."""
        found = np.column_stack([self.across(x), self.down(y)])
        return found[np.isfinite(found).all(axis=1)]

    def group(self, marks: Sequence[Mark], x_name: str, y_name: str) -> Group:
        """Return marks as one plot, with what the page's script needs to turn places into values and back."""
        frame = " ".join(f"{10 * value:.0f}" for value in self.frame)
        facts = {
            "frame": frame,
            "x": f"{self.x.low:.6g} {self.x.high:.6g}{' log' if self.x.log else ''}",
            "y": f"{self.y.low:.6g} {self.y.high:.6g}",
            "x-name": x_name,
            "y-name": y_name,
        }
        shared = {mark.facts["xs"] for mark in marks if isinstance(mark, Group) and "xs" in mark.facts}
        if len(shared) == 1:
            # Most often all series stand on the same points: written once, these are a tenth of the page less.
            facts["xs"] = shared.pop()
            marks = [_without_points(mark) if isinstance(mark, Group) else mark for mark in marks]
        return Group(tuple(marks), "panel", facts=facts)


def x_axis(panel: Panel, label: str, written: Written, *, most: int = 6, labelled: bool = True) -> list[Mark]:
    """Return grid lines, ticks, numbers and the label of the horizontal axis."""
    ticks = panel.x.ticks(most)
    places = panel.across(ticks).tolist()
    grid = [np.array([[x, panel.top], [x, panel.bottom]]) for x in places]
    marks: list[Mark] = [Stroke(grid, RULE, 0.5), Stroke([_base(panel)], MUTED, 0.6)]
    marks.append(Stroke([np.array([[x, panel.bottom], [x, panel.bottom + _TICK]]) for x in places], MUTED, 0.6))
    if labelled:
        lowest = panel.bottom + _TICK + SIZE
        marks += [Words(x, lowest, written(tick), MUTED, "middle") for x, tick in zip(places, ticks, strict=True)]
        marks.append(Words(panel.left + panel.width / 2, lowest + 1.45 * SIZE, label, BLACK, "middle"))
    return marks


def y_axis(panel: Panel, written: Written, *, most: int = 6) -> list[Mark]:
    """Return grid lines and numbers of the vertical axis; its label is the plot's heading."""
    ticks = panel.y.ticks(most)
    places = panel.down(ticks).tolist()
    grid = [np.array([[panel.left, y], [panel.right, y]]) for y in places]
    numbers = [
        Words(panel.left - 5, y + 0.34 * SIZE, written(tick), MUTED, "end")
        for y, tick in zip(places, ticks, strict=True)
    ]
    return [Stroke(grid, RULE, 0.5), *numbers]


def heading(panel: Panel, left: str, right: str = "") -> list[Mark]:
    """Return the line above a plot: what is drawn, and over how many runs."""
    y = panel.top - 0.75 * SIZE
    first = Words(0 if panel.left < 2 * _MARGIN else panel.left, y, left, BLACK, bold=True)
    return [first, Words(panel.right, y, right, MUTED, "end")] if right else [first]


_MARGIN = 46.0
"""Points left of a plot, for its numbers."""


def compact(value: float) -> str:
    """Return 20000 as `20k`, -0.5 with a true minus sign."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{unit}".replace("-", words.MINUS)
    return f"{round(value, 10):.4g}".replace("-", words.MINUS)


def _without_points(group: Group) -> Group:
    return replace(group, facts={name: value for name, value in group.facts.items() if name != "xs"})


def _base(panel: Panel) -> Points:
    return np.array([[panel.left, panel.bottom], [panel.right, panel.bottom]])


def _round(low: float, high: float, most: int) -> list[float]:
    rough = (high - low) / most
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * part for part in _STEPS if size * part >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [place * step for place in range(first, last + 1)]


def _decades(low: float, high: float, most: int) -> list[float]:
    """Return powers of ten, with round numbers between them where there are few."""
    start, end = math.floor(math.log10(low)), math.ceil(math.log10(high))
    kept: list[float] = []
    for parts in ((1, 2, 5), (1, 3), (1,)):
        every = [part * 10.0**power for power in range(start, end + 1) for part in parts]
        kept = [tick for tick in every if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]
        if len(kept) <= most + 1:
            return kept
    return kept[:: math.ceil(len(kept) / most)]
