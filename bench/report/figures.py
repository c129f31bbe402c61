"""Estimates in, matplotlib figures out: each function draws one, from data that is already there."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec

from bench.records import CellEstimate, CurveEstimate, Estimates, Interval, Pair
from bench.report import order, palette, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

P = ParamSpec("P")

MOST_PAIRS = 36
"""Pairs that one figure can show readably; the table has all."""
_HALF = 5.6
_WIDE = 11.2
_LONGEST_LABEL = 26
_LEGEND_CHARACTERS = 76
_LOG_FROM = 8.0
_AXES = {
    "share": "Share of the budget",
    "steps": "Environment steps",
    "seconds": "CPU seconds of training",
}
_OVER = {"share": "the share of the budget", "steps": "environment steps", "seconds": "CPU seconds of training"}


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure with the words that belong to it."""

    name: str
    """File name without ending."""
    section: str
    """Where it stands: `overall`, `learning`, `pairwise`, `profile`, `efficiency`, or `environment-1`, ..."""
    caption: str
    description: str
    """What a reader who cannot see it should know."""
    figure: Figure
    wide: bool = False


def _styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Let `draw` work under the report's settings without changing matplotlib's global ones."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        from matplotlib import rc_context  # noqa: PLC0415 - half a second that only drawing should cost

        with rc_context(palette.MATPLOTLIB):
            return draw(*args, **kwargs)

    return drawn


@_styled
def aggregates(estimates: Estimates) -> Figure:
    """Draw the four aggregates with their intervals, one row per algorithm (Agarwal et al. 2021, figure 9)."""
    lines = [line for line in estimates.aggregates if words.finite(line.iqm.estimate)]
    figure = _canvas(_WIDE, 0.85 + 0.26 * max(len(lines), 1))
    panels = figure.subplots(1, 4, sharey=True)
    kinds = (
        ("iqm", "IQM"),
        ("mean", "Mean"),
        ("median", "Median"),
        ("optimality_gap", "Optimality gap (lower is better)"),
    )
    styles = palette.styles(order.labels(estimates))
    for axes, (kind, title) in zip(panels, kinds, strict=True):
        axes.set_title(title)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.locator_params(axis="x", nbins=5)
        for place, line in enumerate(lines):
            _whisker(axes, len(lines) - 1 - place, getattr(line, kind), styles[line.label])
    panels[0].set_ylim(-0.6, len(lines) - 0.4)
    panels[0].set_yticks(
        range(len(lines)), [_short(line.label) + ("" if line.complete else " †") for line in lines[::-1]]
    )
    panels[0].tick_params(axis="y", labelcolor=palette.INK)
    runs = words.span(line.n for line in lines)
    figure.supxlabel(
        f"Normalised score: 0 random, 1 target; bars are {_level(estimates)} intervals; {runs} runs per environment",
        fontsize=palette.MATPLOTLIB["axes.labelsize"],
        y=0.02,
    )
    _margins(figure, left=_width(line.label for line in lines), right=0.1, top=0.3, bottom=0.55)
    return figure


@_styled
def learning(estimates: Estimates, axis: str) -> Figure:
    """Draw the aggregate learning curves over `axis`: `share`, `steps` or `seconds`."""
    curves = [curve for curve in estimates.curves if curve.environment is None and curve.axis == axis]
    return _curves(estimates, curves, "All environments", "Normalised score (IQM)")


@_styled
def environment_learning(estimates: Estimates, environment: str, axis: str) -> Figure:
    """Draw one environment's learning curves over `axis`, every run as a thin line."""
    curves = [curve for curve in estimates.curves if curve.environment == environment and curve.axis == axis]
    figure = _curves(estimates, curves, environment, "Return (IQM)")
    for line in estimates.references:
        if line.environment == environment:
            _level_line(figure.axes[0], line.random, "random", above=False)
            _level_line(figure.axes[0], line.target, "target", above=True)
    return figure


@_styled
def pairs(estimates: Estimates) -> Figure:
    """Draw the probability of improvement of each pair; a hollow mark is an undecided one."""
    shown = shown_pairs(estimates)
    figure = _canvas(_HALF, 0.9 + 0.23 * max(len(shown), 1))
    axes = figure.subplots()
    axes.axvline(0.5, color=palette.MUTED, linewidth=0.8)
    axes.grid(visible=False, axis="y")
    styles = palette.styles(order.labels(estimates))
    for place, pair in enumerate(reversed(shown)):
        _whisker(axes, place, pair.probability, styles[pair.a], hollow=pair.verdict == "undecided")
    axes.set(
        xlim=(-0.02, 1.02), ylim=(-0.6, len(shown) - 0.4), xlabel="Probability that a run of the left one scores higher"
    )
    axes.set_yticks(range(len(shown)), [_short(pair.a) for pair in shown[::-1]])
    right = axes.secondary_yaxis("right")
    right.set_yticks(range(len(shown)), [_short(pair.b) for pair in shown[::-1]])
    for side in (axes, right):
        side.tick_params(axis="y", length=0, labelcolor=palette.INK)
    for edge in (axes.spines["left"], right.spines["right"]):
        edge.set_visible(False)
    axes.set_title(f"{_level(estimates)} intervals, {words.span(pair.n for pair in shown)} runs per environment")
    left, right_side = _width(pair.a for pair in shown), _width(pair.b for pair in shown)
    _margins(figure, left=left, right=right_side, top=0.34, bottom=0.55)
    return figure


@_styled
def profiles(estimates: Estimates) -> Figure:
    """Draw the share of runs above each score (Agarwal et al. 2021, figure 7)."""
    figure = _canvas(_HALF, 3.6)
    axes = figure.subplots()
    styles = palette.styles(order.labels(estimates))
    for profile in estimates.profiles:
        _band_and_line(
            axes, profile.taus, profile.share, profile.low, profile.high, styles[profile.label], profile.label
        )
    axes.set(xlabel="Normalised score τ", ylabel="Share of runs above τ", ylim=(-0.02, 1.02))
    axes.set_title(f"All environments, {words.span(profile.n for profile in estimates.profiles)} runs per environment")
    _finish(figure, axes, 2.5)
    return figure


@_styled
def thresholds(estimates: Estimates, environment: str) -> Figure:
    """Draw which share of an environment's runs has reached the threshold by each step."""
    cells = [cell for cell in estimates.cells if cell.environment == environment and cell.threshold.steps]
    figure = _canvas(_HALF, 3.6)
    axes = figure.subplots()
    styles = palette.styles(order.labels(estimates))
    end = _budget(estimates, environment, cells)
    for cell in cells:
        _staircase(axes, cell, end, styles[cell.label])
    axes.set(xlabel=_AXES["steps"], ylabel="Share of runs at the threshold", ylim=(-0.02, 1.02), xlim=(0, end * 1.02))
    axes.xaxis.set_major_formatter(_compact)
    axes.set_title(f"{_short(environment)}, {words.span(cell.threshold.n for cell in cells)} runs")
    _finish(figure, axes, 2.1)
    return figure


def shown_pairs(estimates: Estimates) -> list[Pair]:
    """Return the pairs that the figure shows: all, or those with the smallest p-values."""
    known = [pair for pair in estimates.pairs if words.finite(pair.probability.estimate)]
    if len(known) <= MOST_PAIRS:
        return known
    kept = sorted(known, key=lambda pair: math.inf if pair.p_holm is None else pair.p_holm)[:MOST_PAIRS]
    return [pair for pair in known if pair in kept]


def every(estimates: Estimates) -> Iterator[Picture]:
    """Yield each figure for which there is data, in reading order."""
    yield from _overview(estimates)
    for place, environment in enumerate(order.environments(estimates), start=1):
        yield from _of_environment(estimates, environment, f"environment-{place}")


def _overview(estimates: Estimates) -> Iterator[Picture]:
    level = _level(estimates)
    runs = words.span(line.n for line in estimates.aggregates)
    if any(words.finite(line.iqm.estimate) for line in estimates.aggregates):
        daggers = (
            "" if all(line.complete for line in estimates.aggregates) else " † lacks environments that others have."
        )
        yield Picture(
            "overall",
            "overall",
            f"Aggregates over all environments with {level} intervals; {runs} runs per environment.{daggers}",
            _spoken((line.label, line.iqm) for line in estimates.aggregates),
            aggregates(estimates),
            wide=True,
        )
    for axis in ("share", "steps", "seconds"):
        curves = [curve for curve in estimates.curves if curve.environment is None and curve.axis == axis]
        if curves:
            yield Picture(
                f"learning-{axis}",
                "learning",
                f"Score over {_OVER[axis]}: interquartile mean over all runs, bands pointwise {level}; "
                f"{words.span(curve.n for curve in curves)} runs per environment."
                + (" A run that has spent its budget keeps its last score." if axis == "seconds" else ""),
                _spoken_ends(curves),
                learning(estimates, axis),
            )
    if shown_pairs(estimates):
        yield _pairs_picture(estimates)
    if estimates.profiles:
        yield Picture(
            "profile",
            "profile",
            f"Performance profile: how many runs score above each value; bands pointwise {level}; "
            f"{words.span(profile.n for profile in estimates.profiles)} runs per environment.",
            "One falling curve per algorithm; higher is better.",
            profiles(estimates),
        )


def _pairs_picture(estimates: Estimates) -> Picture:
    shown = shown_pairs(estimates)
    cut = (
        f" The {len(shown)} pairs of {len(estimates.pairs)} with the smallest p-values."
        if len(shown) < len(estimates.pairs)
        else ""
    )
    return Picture(
        "pairwise",
        "pairwise",
        f"Probability of improvement with {_level(estimates)} intervals; hollow: undecided; "
        f"{words.span(pair.n for pair in shown)} runs per environment.{cut}",
        _spoken((f"{pair.a} over {pair.b}", pair.probability) for pair in shown),
        pairs(estimates),
    )


def _of_environment(estimates: Estimates, environment: str, name: str) -> Iterator[Picture]:
    level = _level(estimates)
    for axis in ("steps", "share", "seconds"):
        curves = [curve for curve in estimates.curves if curve.environment == environment and curve.axis == axis]
        if curves:
            yield Picture(
                f"{name}-{axis}",
                name,
                f"{environment}: return over {_OVER[axis]}. Thick: interquartile mean; band: pointwise "
                f"{level}; thin: each run; {words.span(curve.n for curve in curves)} runs.",
                _spoken_ends(curves),
                environment_learning(estimates, environment, axis),
            )
    cells = [cell for cell in estimates.cells if cell.environment == environment and cell.threshold.steps]
    if cells:
        yield Picture(
            f"{name}-threshold",
            "efficiency",
            f"{environment}: share of runs that have reached the threshold by each step; "
            f"{words.span(cell.threshold.n for cell in cells)} runs.",
            "; ".join(f"{cell.label}: {cell.threshold.reached} of {cell.threshold.n} runs" for cell in cells),
            thresholds(estimates, environment),
        )


def _canvas(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure  # noqa: PLC0415 - as in _styled

    return Figure(figsize=(width, height))


def _curves(estimates: Estimates, curves: Sequence[CurveEstimate], where: str, ylabel: str) -> Figure:
    figure = _canvas(_HALF, 3.6)
    axes = figure.subplots()
    styles = palette.styles(order.labels(estimates))
    for curve in curves:
        _thin_runs(axes, curve, styles[curve.label])
        _band_and_line(axes, curve.x, curve.estimate, curve.low, curve.high, styles[curve.label], curve.label)
    axes.set(xlabel=_AXES.get(curves[0].axis, curves[0].axis) if curves else "", ylabel=ylabel)
    _scale(axes, curves)
    axes.set_title(
        f"{_short(where)}, {words.span(curve.n for curve in curves)} runs, band pointwise {_level(estimates)}"
    )
    _finish(figure, axes, 2.5)
    return figure


def _scale(axes: Axes, curves: Sequence[CurveEstimate]) -> None:
    """Number the x axis by its kind; seconds on a log axis where some algorithm is many times slower than another."""
    ends = [max(curve.x) for curve in curves if curve.x and max(curve.x) > 0]
    if curves and curves[0].axis == "seconds" and ends and max(ends) > _LOG_FROM * min(ends):
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(lambda _value, _place: "")
    share = bool(curves) and curves[0].axis == "share"
    axes.xaxis.set_major_formatter((lambda value, _place: words.percent(value)) if share else _compact)
    axes.yaxis.set_major_formatter(_compact)


def _thin_runs(axes: Axes, curve: CurveEstimate, style: palette.Style) -> None:
    # All runs in one path, with gaps: a tenth of the elements of one path per run.
    x = [value for _ in curve.runs for value in (*curve.x, math.nan)]
    y = [value for run in curve.runs for value in (*run, math.nan)]
    if x:
        axes.plot(x, y, color=style.colour, linewidth=0.5, alpha=0.35, zorder=1.5)


def _band_and_line(
    axes: Axes,
    x: Sequence[float],
    y: Sequence[float],
    low: Sequence[float | None],
    high: Sequence[float | None],
    style: palette.Style,
    label: str,
) -> None:
    bottom, top = _numbers(low), _numbers(high)
    if any(map(math.isfinite, bottom)):
        axes.fill_between(x, bottom, top, color=style.colour, alpha=0.16, linewidth=0)
    axes.plot(
        x, y, color=style.colour, linestyle=style.line, marker=style.marker,
        markevery=max(1, len(x) // 6), markeredgewidth=0, label=_short(label), zorder=3,
    )  # fmt: skip


def _numbers(values: Iterable[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in values]


def _whisker(axes: Axes, y: float, value: Interval, style: palette.Style, *, hollow: bool = False) -> None:
    if value.estimate is None or not math.isfinite(value.estimate):
        return
    if value.low is not None and value.high is not None:
        axes.plot([value.low, value.high], [y, y], color=style.colour, linewidth=5, alpha=0.32, solid_capstyle="butt")
    face = "none" if hollow else style.colour
    axes.plot(
        [value.estimate], [y], color=style.colour, linestyle="none", marker=style.marker,
        markersize=5, markerfacecolor=face, markeredgewidth=1,
    )  # fmt: skip


def _staircase(axes: Axes, cell: CellEstimate, end: float, style: palette.Style) -> None:
    steps = sorted(step for step in cell.threshold.steps if step is not None)
    runs = len(cell.threshold.steps)
    x = [0.0, *steps, end]
    y = [place / runs for place in (0, *range(1, len(steps) + 1), len(steps))]
    axes.plot(
        x,
        y,
        color=style.colour,
        linestyle=style.line,
        marker=style.marker,
        drawstyle="steps-post",
        markevery=slice(1, -1),
        markersize=3,
        label=_short(cell.label),
    )


def _level_line(axes: Axes, value: float | None, name: str, *, above: bool) -> None:
    if value is None or not math.isfinite(value):
        return
    axes.axhline(value, color=palette.MUTED, linewidth=0.7, linestyle=(0, (3, 2)), zorder=1)
    axes.annotate(
        name,
        (0.995, value),
        xycoords=("axes fraction", "data"),
        xytext=(0, 2 if above else -2),
        textcoords="offset points",
        ha="right",
        va="bottom" if above else "top",
        fontsize=7,
        color=palette.MUTED,
    )


def _finish(figure: Figure, axes: Axes, height: float) -> None:
    """Put the legend under axes that are `height` inches high, and let the figure grow by it.

    Margins are fixed: a layout engine would draw every figure twice over.
    """
    handles: list[Line2D] = [line for line in axes.lines if not str(line.get_label()).startswith("_")]
    names = [str(line.get_label()) for line in handles]
    columns = max(1, min(len(names), _LEGEND_CHARACTERS // (max(map(len, names), default=0) + 8)))
    below = 0.56 + 0.19 * math.ceil(len(names) / columns)
    figure.set_size_inches(_HALF, height + below + 0.34)
    _margins(figure, left=0.64, right=0.14, top=0.34, bottom=below)
    if names:
        place = (0.64 / _HALF, 0.0)
        figure.legend(handles, names, loc="lower left", bbox_to_anchor=place, borderaxespad=0.1, ncols=columns)


def _margins(figure: Figure, *, left: float, right: float, top: float, bottom: float) -> None:
    """Set the margins around the axes, in inches."""
    width, height = figure.get_size_inches()
    figure.subplots_adjust(left / width, bottom / height, 1 - right / width, 1 - top / height, wspace=0.07)


def _width(labels: Iterable[str]) -> float:
    """Return about how many inches the longest of `labels` takes beside an axis."""
    return 0.2 + 0.078 * max((len(_short(label)) for label in labels), default=0)


def _budget(estimates: Estimates, environment: str, cells: Sequence[CellEstimate]) -> float:
    """Return where the step axis ends: the declared budget, and never before the last run that got there."""
    declared = [float(line.steps) for line in estimates.references if line.environment == environment]
    seen = [step for cell in cells for step in cell.threshold.steps if step is not None]
    return max([*declared, *seen], default=1.0)


def _short(label: str) -> str:
    """Return a label that fits a legend; a leading underscore, which matplotlib would hide, gets a space before it."""
    text = words.plain(label)
    text = text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1] + "…"
    return f" {text}" if text.startswith("_") else text


def _compact(value: float, _place: float | None = None) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{unit}".replace("-", words.MINUS)
    return f"{value:.4g}".replace("-", words.MINUS)


def _level(estimates: Estimates) -> str:
    return words.percent(order.plan(estimates)["confidence"])


def _spoken(values: Iterable[tuple[str, Interval]]) -> str:
    return "; ".join(f"{name}: {words.interval(value)}" for name, value in values)


def _spoken_ends(curves: Sequence[CurveEstimate]) -> str:
    ends = [f"{curve.label} ends at {words.number(curve.estimate[-1])}" for curve in curves if curve.estimate]
    return "; ".join(ends)
