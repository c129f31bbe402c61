"""Figures in; matplotlib figures out, and from these SVG, PNG and PDF: the one place that draws."""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure as Canvas
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.textpath import text_to_path
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from bench.plain import plain
from bench.records import Floats
from bench.report import palette, words
from bench.report.figures import DAGGER, Figure, Panel, named, short
from bench.report.palette import NEUTRALS, Style

FORMATS = ("svg", "png", "pdf")
DPI = 200
"""Of PNG files."""
HALF, WIDE = 403.0, 806.0
"""Width in points of a figure in a column of the page, and of one over the whole page."""
SIZE = 9.0
_POINTS = 72.0
_PLOT, _SHORT, _ROW = 150.0, 110.0, 16.5
"""Heights in points: of a plot, of one of two plots, of a row."""
_LEFT, _RIGHT, _TOP, _UNDER, _BETWEEN = 46.0, 15.0, 22.0, 36.0, 26.0
_BESIDE = 16.0
_NAMED_FROM = 0.22
"""Share of the height from which a layer carries its algorithm's name."""
_MOST_MARKERS = 6
_MOST_NAMED = 8
"""Curves up to which each bears its algorithm's name at its end; more have a legend."""
FEW_RUNS, _FAINT = 4, 0.4
"""Below so many runs there is no interval, and an algorithm is drawn only so opaque."""
_LONGEST_KEY = 52
"""Characters of a name in a legend, which has a line to itself where it needs one."""
_LINE = 1.2 * SIZE
"""Points between the names of two curves that end close to each other."""
_RC: dict[Any, Any] = {
    "axes.edgecolor": NEUTRALS["muted"],
    "axes.grid": True,
    "axes.labelcolor": NEUTRALS["ink"],
    "axes.labelsize": SIZE,
    "axes.linewidth": 0.6,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.axisbelow": True,
    "figure.facecolor": NEUTRALS["paper"],
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": SIZE,
    "grid.color": NEUTRALS["rule"],
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.6,
    "lines.markeredgewidth": 0.0,
    "lines.markersize": 4.0,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "text.color": NEUTRALS["ink"],
    "text.parse_math": False,
    "xtick.color": NEUTRALS["muted"],
    "xtick.labelsize": SIZE,
    "xtick.major.size": 3.0,
    "xtick.major.width": 0.6,
    "ytick.color": NEUTRALS["muted"],
    "ytick.labelsize": SIZE,
    "ytick.major.size": 0.0,
}
"""The one style of every figure, on the page, as a file and in a notebook."""


@contextmanager
def style() -> Iterator[None]:
    """Draw as the report draws, and leave the caller's settings of matplotlib as they were."""
    with mpl.rc_context(_RC), warnings.catch_warnings():
        # A label may hold signs that the font lacks; the SVG keeps them as text all the same.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font", category=UserWarning)
        yield


def settled() -> Callable[[], None]:
    """Return what gives another process this one's settings of matplotlib, so that it draws the same."""
    # A reader of `backend` would have matplotlib choose one.
    mine = {name: mpl.rcParams[name] for name in mpl.rcParams if not name.startswith("backend")}
    return partial(mpl.rcParams.update, mine)


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A figure as matplotlib has it, with the plots it holds in the order of its panels."""

    figure: Figure
    canvas: Canvas
    axes: tuple[Axes, ...]


def draw(figure: Figure, styles: Mapping[str, Style], *, legend: bool = False, width: float | None = None) -> Drawn:
    """Draw every panel of a figure.

    Args:
        figure: what to draw.
        styles: label -> look.
        legend: whether the algorithms' names stand under the plots, where they do not at the curves' ends; the page
            has them beside the figures.
        width: in points; the figure's own width on the page if not given. Text keeps its size.
    """
    with style():
        wide = width or (WIDE if figure.wide else HALF)
        heights = [_height(panel) for panel in figure.panels]
        keys = _key_rows(figure, wide) if legend and figure.labels and not _named(figure.panels[0]) else []
        # An axis without a name needs less room.
        under = _UNDER if figure.panels[-1].x.name or figure.foot else _UNDER - 1.5 * SIZE
        tall = _TOP + under + (12.0 if figure.foot else 0.0) + 1.5 * SIZE * len(keys)
        tall += max(heights) if figure.wide else sum(heights) + _BETWEEN * (len(heights) - 1)
        canvas = Canvas(figsize=(wide / _POINTS, tall / _POINTS), dpi=_POINTS)
        FigureCanvasAgg(canvas)
        boxes = _beside(figure, wide, tall) if figure.wide else _stacked(figure, wide, tall, heights)
        axes = tuple(canvas.add_axes(_share(box, wide, tall)) for box in boxes)
        for place, (panel, ax) in enumerate(zip(figure.panels, axes, strict=True)):
            on_axes(panel, ax, styles, f"{figure.name}-{place}", first=place == 0)
            if _named(panel):
                _name_curves(panel, ax, styles, f"{figure.name}-{place}")
            if not figure.wide and place < len(axes) - 1:
                ax.tick_params(labelbottom=False)
                ax.set_xlabel("")
        if figure.foot:
            left = boxes[0][0]
            canvas.text(left / wide, (4 + 1.5 * SIZE * len(keys)) / tall, figure.foot, color=NEUTRALS["muted"])
        _legend(canvas, keys, styles, wide, tall)
        return Drawn(figure, canvas, axes)


def on_axes(panel: Panel, ax: Axes, styles: Mapping[str, Style], name: str, *, first: bool = True) -> Axes:
    """Draw one panel on given axes.

    Args:
        panel: what to draw.
        ax: where.
        styles: label -> look.
        name: begins the `gid` of every artist: `<name>-s<place>-<part>`, by which a page's script finds it.
        first: whether this is the first of plots that share their rows' names.
    """
    ax.grid(visible=True, axis="x" if _has_rows(panel) else "both")
    _KINDS[panel.kind](panel, ax, styles, name)
    _scale(panel, ax)
    for value in panel.levels.values():
        (ax.axvline if _has_rows(panel) else ax.axhline)(
            value, color=NEUTRALS["muted"], lw=0.7, dashes=(3, 2), zorder=1
        )
    if not _has_rows(panel):
        _name_levels(panel, ax)
    else:
        _name_rows(panel, ax, styles, name, first=first)
    _headings(panel, ax, name)
    ax.set_xlabel(panel.x.name, labelpad=3)
    ax.set_ylabel("")
    # Else matplotlib looks for the place of the name that is not there, by laying out every number of the axis.
    ax.yaxis.set_label_coords(0, 0.5)
    return ax


# The kinds of plots.


def _lines(panel: Panel, ax: Axes, styles: Mapping[str, Style], name: str, **more: Any) -> list[tuple[str, Line2D]]:
    """Draw one line per label, and return each with its label."""
    sound = panel.frame[np.isfinite(panel.frame.x) & np.isfinite(panel.frame.estimate)]
    labels = list(dict.fromkeys(sound.label))
    if not labels:
        return []
    before, faint = len(ax.lines), set(sound.label[sound.n < FEW_RUNS])
    # Where an axis has no name yet, seaborn makes every tick to see whether it should have one.
    ax.set(xlabel="x", ylabel="estimate")
    # One unit a label: of hues and styles seaborn would select and copy every label's rows, twice the time.
    units = sound.assign(unit=pd.factorize(sound.label)[0])
    sns.lineplot(
        units, x="x", y="estimate", units="unit", estimator=None, errorbar=None, sort=False, legend=False, ax=ax, **more
    )
    drawn = list(zip(labels, ax.lines[before:], strict=True))
    for label, line in drawn:
        look = styles[label]
        line.set(color=look.colour, marker=look.marker, gid=f"{name}-s{look.place}-line")
        if look.dash:
            line.set_dashes(list(look.dash))
        line.set_markevery(max(1, len(line.get_xdata()) // _MOST_MARKERS))  # type: ignore[arg-type] # a sequence here
        if label in faint:
            line.set_alpha(_FAINT)
    return drawn


def _draw_curves(panel: Panel, ax: Axes, styles: Mapping[str, Style], name: str) -> None:
    for label, runs in _by_label(panel.runs) if panel.runs is not None else ():
        # A run's points stand together; one array split is a fifth of the time of a frame per run.
        ends = np.flatnonzero(np.diff(runs.run.to_numpy())) + 1
        lines = np.split(runs[["x", "y"]].to_numpy(), ends)
        thin = LineCollection(lines, colors=styles[label].colour, linewidths=0.5, alpha=0.35, zorder=1.5)
        thin.set_gid(f"{name}-s{styles[label].place}-runs")
        ax.add_collection(thin, autolim=False)
    for label, curve in _by_label(panel.frame):
        # As an array: of a frame's columns matplotlib and numpy take twice the time.
        band = curve[["x", "low", "high"]].to_numpy(dtype=np.float64)
        band = band[np.isfinite(band[:, 1]) & np.isfinite(band[:, 2])]
        if len(band):
            area = ax.fill_between(*band.T, color=styles[label].colour, alpha=0.16, linewidth=0)
            area.set_gid(f"{name}-s{styles[label].place}-band")
    _lines(panel, ax, styles, name)


def _draw_staircases(panel: Panel, ax: Axes, styles: Mapping[str, Style], name: str) -> None:
    for _, line in _lines(panel, ax, styles, name, drawstyle="steps-post"):
        # A mark where a run arrives: neither where the line begins nor where it ends.
        line.set_markevery(list(range(1, len(line.get_xdata()) - 1)))  # type: ignore[arg-type] # a sequence here


def _draw_layers(panel: Panel, ax: Axes, styles: Mapping[str, Style], name: str) -> None:
    for label, layer in _by_label(panel.frame):
        gid = f"{name}-s{styles[label].place}"
        area = ax.fill_between(layer.x, layer.low, layer.high, color=styles[label].colour, alpha=0.45, linewidth=0)
        area.set_gid(f"{gid}-layer")
        (edge,) = ax.plot(layer.x, layer.high, color=NEUTRALS["paper"], lw=0.8)
        edge.set_gid(f"{gid}-edge")
        widest = layer.iloc[int(layer.estimate.argmax())]
        if widest.estimate > _NAMED_FROM:
            _name_layer(panel, ax, label, widest, gid)


def _name_layer(panel: Panel, ax: Axes, label: str, widest: pd.Series[Any], gid: str) -> None:
    """Write a layer's name where it is widest, moved away from the edges."""
    scale = np.log if panel.x.log else np.asarray
    low, high, at = (float(scale(value)) for value in (panel.x.low, panel.x.high, widest.x))
    half = (_width(named(label)) / 2 + 4) * ax.figure.dpi / _POINTS / ax.get_window_extent().width
    share = min(max((at - low) / (high - low), half), 1 - half)
    middle = (widest.low + widest.high) / 2
    ax.text(share, middle, named(label), transform=ax.transAxes, ha="center", va="center", gid=f"{gid}-name")


def _named(panel: Panel) -> bool:
    """Return whether each curve bears its name at its end: where they are few, and none needs a second line."""
    labels = panel.frame.label.unique() if panel.kind in {"curves", "staircases"} else ()
    return 0 < len(labels) <= _MOST_NAMED and not any("\n" in named(label) for label in labels)


def _end(label: str, panel: Panel) -> str:
    """Return what stands at the end of a curve."""
    return named(label) + DAGGER * (label in panel.marked)


def _name_curves(panel: Panel, ax: Axes, styles: Mapping[str, Style], name: str) -> None:
    """Write every algorithm's name beside the end of its curve, moved up or down where two ends meet."""
    known = panel.frame[np.isfinite(panel.frame.x) & np.isfinite(panel.frame.estimate)]
    ends = known.groupby("label", sort=False).tail(1)
    if ends.empty:
        return
    # Curves that end at one place, as all of a profile do, are named in the order in which they lie before.
    heights = known.groupby("label", sort=False).estimate.mean()
    ends = ends.sort_values("label", key=lambda labels: labels.map(heights), kind="stable")
    points = ax.transData.transform(ends[["x", "estimate"]].to_numpy())[:, 1] * _POINTS / ax.figure.dpi
    box = ax.get_window_extent()
    low, high = (edge * _POINTS / ax.figure.dpi for edge in (box.y0, box.y1))
    for label, at in zip(ends.label, spread(points, low, high), strict=True):
        look = styles[label]
        text = ax.annotate(
            _end(label, panel),
            (1.0, (at - low) / (high - low)),
            (5, 0),
            xycoords="axes fraction",
            textcoords="offset points",
            va="center",
            color=look.colour,
        )
        text.set_gid(f"{name}-s{look.place}-end")


def spread(places: Floats, low: float, high: float) -> Floats:
    """Return the places of names in points, in the order given, moved apart to a line each and kept inside."""
    apart = np.clip(places, low, high)
    order = np.argsort(apart, kind="stable")
    line = min(_LINE, (high - low) / max(1, len(places) - 1))
    ranked = apart[order]
    # From below each is lifted off the one beneath; what is then too high is pushed down again from above.
    for place in range(1, len(ranked)):
        ranked[place] = max(ranked[place], ranked[place - 1] + line)
    ranked[-1] = min(ranked[-1], high)
    for place in range(len(ranked) - 2, -1, -1):
        ranked[place] = min(ranked[place], ranked[place + 1] - line)
    apart[order] = ranked
    return apart


def _draw_frontier(panel: Panel, ax: Axes, styles: Mapping[str, Style], name: str) -> None:
    for place, (_, points) in enumerate(panel.frame.groupby("line", sort=False)):
        (joint,) = ax.plot(points.x, points.estimate, color=NEUTRALS["muted"], lw=0.8, zorder=1.5)
        joint.set_gid(f"{name}-joint{place}")
        for point in points.itertuples():
            _draw_point(point, ax, styles[str(point.label)], name)
            last = point.x == points.x.max()
            ax.annotate(
                f"{point.price:g} {short(str(point.name)) if last else ''}".rstrip(),
                (point.x, point.estimate),
                (5, 4),
                textcoords="offset points",
                gid=f"{name}-s{styles[str(point.label)].place}-price",
            )


def _draw_point(point: Any, ax: Axes, look: Style, name: str) -> None:
    """Draw one point with its intervals in both directions, where there are any."""
    gid, faint = f"{name}-s{look.place}", _FAINT if point.n < FEW_RUNS else 1.0
    if math.isfinite(point.x_low) and math.isfinite(point.x_high):
        ax.hlines(point.estimate, point.x_low, point.x_high, color=look.colour, lw=1.2).set_gid(f"{gid}-across")
    if math.isfinite(point.low) and math.isfinite(point.high):
        ax.vlines(point.x, point.low, point.high, color=look.colour, lw=1.2).set_gid(f"{gid}-up")
    (mark,) = ax.plot(point.x, point.estimate, look.marker, color=look.colour, ms=6.0, alpha=faint)
    mark.set_gid(f"{gid}-point")


def _draw_intervals(panel: Panel, ax: Axes, styles: Mapping[str, Style], name: str) -> None:
    for _, line in panel.frame.iterrows():
        gid, ink = _row_gid(line, styles, name), styles[line.label].colour
        if np.isfinite(line.estimate) and np.isfinite(line.low) and np.isfinite(line.high):
            bar = ax.hlines(line.row, line.low, line.high, color=ink, lw=5.5, alpha=0.32)
            bar.set_gid(f"{gid}-interval")
    _dots(panel.frame, ax, styles, name)


def _draw_dots(panel: Panel, ax: Axes, styles: Mapping[str, Style], name: str) -> None:
    for _, line in panel.frame.groupby("row", sort=False):
        ink = styles[line.label.iloc[0]].colour
        bar = ax.hlines(line.row.iloc[0], line.estimate.min(), line.estimate.max(), color=ink, lw=1.2, alpha=0.4)
        bar.set_gid(f"{_row_gid(line.iloc[0], styles, name)}-range")
    _dots(panel.frame.assign(open=False), ax, styles, name)


def _draw_strips(panel: Panel, ax: Axes, styles: Mapping[str, Style], name: str) -> None:
    ax.grid(visible=True, axis="y")
    _dots(panel.frame[panel.frame.open], ax, styles, name, marker="o")
    for _, line in panel.frame[~panel.frame.open].iterrows():
        gid = _row_gid(line, styles, name)
        if np.isfinite(line.low) and np.isfinite(line.high):
            bar = ax.hlines(line.row, line.low, line.high, color=NEUTRALS["ink"], lw=1.2)
            bar.set_gid(f"{gid}-published-interval")
        (dot,) = ax.plot([line.estimate], [line.row], "D", color=NEUTRALS["ink"], ms=5.0)
        dot.set_gid(f"{gid}-published")


def _dots(frame: pd.DataFrame, ax: Axes, styles: Mapping[str, Style], name: str, *, marker: str = "") -> None:
    """Draw each row's estimates as marks: filled, or in outline where `open`."""
    for (_, hollow), dots in frame[np.isfinite(frame.estimate)].groupby(["row", "open"], sort=False):
        look = styles[dots.label.iloc[0]]
        (line,) = ax.plot(
            dots.estimate,
            dots.row,
            marker or look.marker,
            color=look.colour,
            ms=5.5,
            mfc="none" if hollow else look.colour,
            mew=1.0 if hollow else 0.0,
        )
        line.set_gid(f"{_row_gid(dots.iloc[0], styles, name)}-dots")


_KINDS: Mapping[str, Callable[[Panel, Axes, Mapping[str, Style], str], None]] = {
    "curves": _draw_curves,
    "staircases": _draw_staircases,
    "layers": _draw_layers,
    "frontier": _draw_frontier,
    "intervals": _draw_intervals,
    "dots": _draw_dots,
    "strips": _draw_strips,
}


def _row_gid(line: pd.Series[Any], styles: Mapping[str, Style], name: str) -> str:
    return f"{name}-{'-'.join(f's{place}' for place in _places(line, styles))}-r{line.row}"


def _places(line: pd.Series[Any], styles: Mapping[str, Style]) -> list[int]:
    """Return whom a row is about: one algorithm, or the two that it compares."""
    return [styles[str(line[name])].place for name in ("label", "against") if name in line.index]


def _by_label(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    for label, part in frame.groupby("label", sort=False):
        yield str(label), part


# Axes and words.


def _has_rows(panel: Panel) -> bool:
    return "row" in panel.frame.columns


def _rows(panel: Panel) -> pd.DataFrame:
    return panel.frame.drop_duplicates("row").sort_values("row")


def _scale(panel: Panel, ax: Axes) -> None:
    _limit(
        ax.xaxis, panel.x.low, panel.x.high, log=panel.x.log, percent=panel.x.percent, most=4 if _has_rows(panel) else 6
    )
    ax.set_xlim(panel.x.low, panel.x.high)
    if _has_rows(panel):
        rows = _rows(panel)
        ax.yaxis.set_major_locator(FixedLocator(rows.row.tolist()))
        ax.tick_params(labelleft=False)
        ax.set_ylim(len(rows) - 0.5, -0.5)
        return
    _limit(ax.yaxis, panel.y.low, panel.y.high, log=panel.y.log, percent=panel.y.percent, most=5)
    ax.set_ylim(panel.y.low, panel.y.high)


def _limit(axis: Any, low: float, high: float, *, log: bool, percent: bool, most: int) -> None:
    if log:
        getattr(axis.axes, f"set_{axis.axis_name}scale")("log")
        few = high / low < 100  # noqa: PLR2004 - two decades: round numbers between the powers of ten are needed
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,), numticks=most + 2))
        axis.set_minor_locator(NullLocator())
    else:
        axis.set_major_locator(MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: words.percent(value) if percent else compact(value)))


def _name_levels(panel: Panel, ax: Axes) -> None:
    for name, value in panel.levels.items():
        # Curves start below the target and end at it: there is room for its name where they start.
        right = name == "random"
        ax.annotate(
            name,
            (1.0 if right else 0.0, value),
            (-2 if right else 3, -3 if right else 3),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            ha="right" if right else "left",
            va="top" if right else "bottom",
            color=NEUTRALS["muted"],
            fontsize=8,
        )


def _headings(panel: Panel, ax: Axes, name: str) -> None:
    """Write the line above a plot: what is drawn, over how many runs."""
    if panel.title:
        shift = 0.0 if _has_rows(panel) else _LEFT
        ax.annotate(
            panel.title, (0, 1), (-shift, 7), xycoords="axes fraction", textcoords="offset points", weight="bold"
        )
    if panel.note and (beyond := _beyond(panel, ax)) is not None:
        ax.annotate(panel.note, (1, 1), (beyond, 7), xycoords="axes fraction", textcoords="offset points",
                    ha="right", color=NEUTRALS["muted"], gid=f"{name}-note")  # fmt: skip


def _beyond(panel: Panel, ax: Axes) -> float | None:
    """Return how far beyond the plot its note must end to leave the title alone, in points; None: no room.

    What it says stands in the caption, too.
    """
    wide = ax.get_window_extent().width * _POINTS / ax.figure.dpi
    title = _width(panel.title, "bold") - (0.0 if _has_rows(panel) else _LEFT) if panel.title else 0.0
    lacking = max(0.0, title + SIZE + _width(panel.note) - wide)
    return lacking if lacking <= max(0.0, _margins(panel)[1] - 4) else None


def _sides(panel: Panel) -> list[str]:
    """Return the columns of what stands at the left and the right end of rows."""
    return [side for side in ("name", "other") if side in panel.frame.columns]


def _name_rows(panel: Panel, ax: Axes, styles: Mapping[str, Style], name: str, *, first: bool) -> None:
    """Write what stands at both ends of a row, with the row's `gid`, so that it comes and goes with it.

    Of plots that share their rows' names, the first alone shows them. Every line is a text of its own: of one in
    several lines an SVG keeps no alignment, and the page's letters are not as wide as those measured here.
    """
    for _, row in _rows(panel).iterrows():
        for side in _sides(panel)[not first :]:
            left, lines = side == "name", row[side].split("\n")
            for place, text in enumerate(lines):
                ax.annotate(
                    text,
                    (0 if left else 1, row.row),
                    (-8 if left else 6, _LINE * ((len(lines) - 1) / 2 - place)),
                    xycoords=("axes fraction", "data"),
                    textcoords="offset points",
                    ha="right" if left else "left",
                    va="center",
                    gid=f"{_row_gid(row, styles, name)}-{'left' if left else 'right'}{f'-{place}' * (place > 0)}",
                )


def compact(value: float) -> str:
    """Return 20000 as `20k`, -0.5 with a true minus sign."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{unit}".replace("-", words.MINUS)
    return f"{round(value, 10):.4g}".replace("-", words.MINUS)


# Places on the sheet, in points from its lower left corner.

Box = tuple[float, float, float, float]
"""Left, bottom, width, height."""


def _height(panel: Panel) -> float:
    if _has_rows(panel):
        most: int = max(text.count("\n") for side in _sides(panel) for text in panel.frame[side])
        return (_ROW + _LINE * most) * panel.frame.row.nunique()
    return _SHORT if panel.kind == "layers" or "label" not in panel.frame else _PLOT


def _stacked(figure: Figure, wide: float, tall: float, heights: Sequence[float]) -> list[Box]:
    left, right = _margins(figure.panels[0])
    boxes, top = [], tall - _TOP
    for height in heights:
        boxes.append((left, top - height, wide - left - right, height))
        top -= height + _BETWEEN
    return boxes


def _beside(figure: Figure, wide: float, tall: float) -> list[Box]:
    left, right = _margins(figure.panels[0])
    count = len(figure.panels)
    each = (wide - left - right - _BESIDE * (count - 1)) / count
    height = _height(figure.panels[0])
    return [(left + place * (each + _BESIDE), tall - _TOP - height, each, height) for place in range(count)]


def _margins(panel: Panel) -> tuple[float, float]:
    """Return what the names beside a plot need at its left and right."""
    if not _has_rows(panel):
        ends = panel.frame.label.unique() if _named(panel) else ()
        return _LEFT, max((_width(_end(label, panel)) + 10 for label in ends), default=_RIGHT)
    right = max(map(_width, panel.frame.other)) + 10 if "other" in _sides(panel) else _RIGHT
    return max(map(_width, panel.frame.name)) + 12, right


def _share(box: Box, wide: float, tall: float) -> Box:
    left, bottom, width, height = box
    return left / wide, bottom / tall, width / wide, height / tall


def _width(text: str, weight: str = "normal") -> float:
    """Return how wide a text is, in points, by its widest line."""
    font = FontProperties(family=["DejaVu Sans"], size=SIZE, weight=weight)
    lines = (text_to_path.get_text_width_height_descent(line, font, ismath=False)[0] for line in text.split("\n"))
    return float(max(lines))


_Key = tuple[float, str, str]
"""Where the sample begins, of whom it is, and how that is named."""


def _key_rows(figure: Figure, wide: float) -> list[list[_Key]]:
    """Return the legend's lines."""
    rows: list[list[_Key]] = [[]]
    x = _LEFT
    for label in figure.labels:
        name = short(label, _LONGEST_KEY) + DAGGER * (label in figure.marked)
        needed = 34 + _width(name) + 12
        if x > _LEFT and x + needed > wide:
            rows.append([])
            x = _LEFT
        rows[-1].append((x, label, name))
        x += needed
    return rows


def _legend(
    canvas: Canvas, rows: Sequence[Sequence[_Key]], styles: Mapping[str, Style], wide: float, tall: float
) -> None:
    for place, row in enumerate(rows):
        y = (1.5 * SIZE * (len(rows) - place) - 0.5 * SIZE) / tall
        for x, label, name in row:
            line = sample_line(styles[label], [x / wide, (x + 13) / wide, (x + 26) / wide], y)
            line.set_transform(canvas.transFigure)
            canvas.add_artist(line)
            canvas.text((x + 32) / wide, y, name, va="center")


def sample_line(look: Style, xs: Sequence[float] = (0.0, 0.5, 1.0), y: float = 0.5) -> Line2D:
    """Return a short line with its marker in the middle, as a legend shows an algorithm."""
    sample = Line2D(xs, [y] * len(xs), color=look.colour, lw=1.6, marker=look.marker, ms=5, markevery=[1])
    if look.dash:
        sample.set_dashes(list(look.dash))
    return sample


# Files and the page.


def to_bytes(drawn: Drawn, kind: str) -> bytes:
    """Return the figure as a file, `svg`, `png` or `pdf`; the same figure gives the same bytes."""
    file = io.BytesIO()
    known = {"svg": {"Date": None, "Creator": None}, "pdf": {"CreationDate": None, "Producer": None, "Creator": None}}
    with style(), mpl.rc_context({"svg.hashsalt": drawn.figure.name}):
        drawn.canvas.savefig(file, format=kind, dpi=DPI if kind == "png" else _POINTS, metadata=known.get(kind, {}))
    return file.getvalue()


def inline(drawn: Drawn) -> str:
    """Return the figure's SVG for a page: its colours are the page's variables, and only ids that are used stay."""
    text = to_bytes(drawn, "svg").decode()
    text = text[text.index("<svg") :]
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', text))
    text = re.sub(
        r' id="([^"]+)"',
        lambda found: found[0] if found[1] in used or found[1].startswith(f"{drawn.figure.name}-") else "",
        text,
    )
    # A style for every element would reach the whole page; descriptions, sizes and idle turns only cost room.
    for idle in (
        r"<metadata>.*?</metadata>",
        r"<style.*?</style>",
        r' transform="rotate\(-?0 [^"]*\)"',
        r" xmlns[^ >]*",
    ):
        text = re.sub(idle, "", text, flags=re.DOTALL)
    text = text.replace("xlink:href", "href")
    text = re.sub(r' (?:width|height)="[\d.]+pt"', "", text, count=2)
    text = re.sub(r"\s*\n\s*", " ", re.sub(r">\s+<", "><", text))
    for colour, name in _VARIABLES.items():
        text = text.replace(colour, f"var(--{name})")
    return text.strip()


_VARIABLES = {
    **{colour: f"series-{slot}" for slot, colour in enumerate(palette.LIGHT)},
    **{colour: name for name, colour in NEUTRALS.items()},
}


def numbers(drawn: Drawn, styles: Mapping[str, Style]) -> list[dict[str, Any]]:
    """Return what the page's script tells a reader who points at the figure, straight from the frames.

    One entry per plot: its `frame` (left, top, width, height) and every place (`px`, `py`) in the units of the SVG, so
    that the script need know no scale; `series` with the numbers of each point, or `rows` with their words.
    """
    return [_plot_numbers(drawn, panel, ax, styles) for panel, ax in zip(drawn.figure.panels, drawn.axes, strict=True)]


def _plot_numbers(drawn: Drawn, panel: Panel, ax: Axes, styles: Mapping[str, Style]) -> dict[str, Any]:
    tall = drawn.canvas.bbox.height
    box = ax.get_window_extent()
    told: dict[str, Any] = {"frame": [_tenth(part) for part in (box.x0, tall - box.y1, box.width, box.height)]}
    if _has_rows(panel):
        height = box.height / panel.frame.row.nunique()
        rows = _rows(panel)
        told["rows"] = [
            {
                "row": int(line.row),
                "top": _tenth(tall - box.y1 + height * line.row),
                "height": _tenth(height),
                "tip": line.tip,
                "series": _places(line, styles),
            }
            for _, line in rows.iterrows()
        ]
        return told
    told |= {"x": panel.x.name, "y": panel.y.name, "xShare": panel.x.percent, "yShare": panel.y.percent}
    told["series"] = [_series_numbers(panel, ax, line, styles[label], tall) for label, line in _by_label(panel.frame)]
    return told


def _series_numbers(panel: Panel, ax: Axes, line: pd.DataFrame, look: Style, tall: float) -> dict[str, Any]:
    layers = panel.kind == "layers"
    heights = (line.low + line.high) / 2 if layers else line.estimate
    places = ax.transData.transform(np.column_stack([line.x, heights]))
    told: dict[str, Any] = {
        "label": plain(str(line.label.iloc[0])),
        "series": look.place,
        "n": int(line.n.iloc[0]),
        "xs": _digits(line.x),
        "ys": _digits(line.estimate),
        "px": _digits(places[:, 0]),
        "py": _digits(tall - places[:, 1]),
    }
    if not layers and np.isfinite(line.low.to_numpy()).any():
        told |= {"low": _digits(line.low), "high": _digits(line.high)}
    return told


def _digits(values: Any) -> list[float | None]:
    return [float(f"{value:.4g}") if math.isfinite(value) else None for value in values.tolist()]


def _tenth(value: float) -> float:
    return round(float(value), 1)


def sample(look: Style, name: str) -> str:
    """Return a short line with its marker, as the page's legend shows an algorithm; `name` is the legend's own."""
    return re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{name}-", _sample(look))


@cache
def _sample(look: Style) -> str:
    with style():
        canvas = Canvas(figsize=(26 / _POINTS, 10 / _POINTS), dpi=_POINTS)
        line = sample_line(look)
        line.set_transform(canvas.transFigure)
        canvas.add_artist(line)
        return inline(Drawn(Figure(f"{look.turn}", "", "", "", ()), canvas, ()))
