"""Estimates in, scenes with their captions out: each function draws one figure from data that is already there."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from bench.plain import plain
from bench.records import CellEstimate, CurveEstimate, Estimates, Interval, Lead, Pair, Profile
from bench.report import axes, order, palette, words
from bench.report.axes import Panel, Scale
from bench.report.scene import (
    BLACK,
    MUTED,
    PAPER,
    SIZE,
    Dots,
    Fill,
    Group,
    Mark,
    Points,
    Scene,
    Stroke,
    Words,
    text_width,
)

T = TypeVar("T", CurveEstimate, CellEstimate)

MOST_PAIRS = 36
"""Pairs that one figure can show readably; the table has all."""
MOST_RUN_POINTS = 60_000
"""Points of single runs that a page can hold; beyond, the thin lines stand over steps alone, and beyond five times as
many nowhere."""
_HALF, _WIDE = 403.0, 806.0
_PLOT = 178.0
"""Height of a plot in points."""
_LEFT, _RIGHT, _TOP, _UNDER = 46.0, 15.0, 22.0, 34.0
_ROW = 18.0
_LONGEST_LABEL = 26
_LOG_FROM = 8.0
_NAMED_FROM = 0.22
"""Share of the height from which a band of a stacked figure carries its algorithm's name."""
_AXES = {
    "share": "Share of the step budget",
    "steps": "Environment steps",
    "seconds": "CPU seconds of training per run",
}
_OVER = {"share": "the share of the budget", "steps": "environment steps", "seconds": "CPU seconds of training"}


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure with the words that belong to it."""

    name: str
    """File name without ending."""
    section: str
    """Where it stands: `overall`, `learning`, `pairwise`, `efficiency`, `reliability`, ..., or `environment-1`, ..."""
    caption: str
    description: str
    """What a reader who cannot see it should know."""
    scene: Scene
    labels: tuple[str, ...]
    """The algorithms that need a legend; empty where names stand in the figure."""
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """What all figures of one report share."""

    styles: dict[str, palette.Style]
    level: str
    """Of the intervals, in words."""


def every(estimates: Estimates) -> Iterator[Picture]:
    """Yield each figure for which there is data, in reading order."""
    look = Look(palette.styles(order.labels(estimates)), words.percent(order.plan(estimates)["confidence"]))
    yield from _overall(estimates, look)
    yield from (_crossover(lead, look) for lead in estimates.leads if lead.x and lead.labels)
    yield from _reliability(estimates, look)
    yield from _cost(estimates, look)
    curves, cells = _by_environment(estimates.curves), _by_environment(estimates.cells)
    thin = _thin_axes(estimates)
    for place, environment in enumerate(order.environments(estimates), start=1):
        mine = Of(environment, f"environment-{place}", curves.get(environment, []), cells.get(environment, []))
        yield from _environment(estimates, mine, look, thin)


@dataclass(frozen=True, slots=True)
class Of:
    """One environment's part of the estimates."""

    environment: str
    name: str
    curves: Sequence[CurveEstimate]
    cells: Sequence[CellEstimate]


def shown_pairs(estimates: Estimates) -> list[Pair]:
    """Return the pairs that the figure shows: all, or those with the smallest p-values."""
    known = [pair for pair in estimates.pairs if words.finite(pair.probability.estimate)]
    if len(known) <= MOST_PAIRS:
        return known
    kept = sorted(known, key=lambda pair: math.inf if pair.p_holm is None else pair.p_holm)[:MOST_PAIRS]
    return [pair for pair in known if pair in kept]


def with_legend(picture: Picture, styles: dict[str, palette.Style]) -> Scene:
    """Return the scene as it stands alone: with a legend under it where the page has one beside it."""
    if not picture.labels:
        return picture.scene
    x, y, marks = _LEFT, picture.scene.height + 0.8 * SIZE, []
    for label in picture.labels:
        wide = 34 + text_width(short(label)) + 12
        if x > _LEFT and x + wide > picture.scene.width:
            x, y = _LEFT, y + 1.5 * SIZE
        marks += _key(x, y, label, styles[label])
        x += wide
    return Scene(picture.scene.width, y + 0.9 * SIZE, (*picture.scene.marks, *marks))


def _overall(estimates: Estimates, look: Look) -> Iterator[Picture]:
    lines = [line for line in estimates.aggregates if words.finite(line.iqm.estimate)]
    if lines:
        lacking = all(line.complete for line in lines)
        yield Picture(
            "overall",
            "overall",
            f"Aggregates over all environments with {look.level} intervals; {_runs(line.n for line in lines)} per "
            f"environment.{'' if lacking else ' † lacks environments that others have.'}",
            _spoken((line.label, line.iqm) for line in lines),
            _whiskers(
                [
                    ("IQM", [line.iqm for line in lines]),
                    ("Mean", [line.mean for line in lines]),
                    ("Median", [line.median for line in lines]),
                    ("Optimality gap (lower is better)", [line.optimality_gap for line in lines]),
                ],
                [(line.label, short(line.label) + ("" if line.complete else " †")) for line in lines],
                f"Normalised score: 0 random policy, 1 target; {_runs(line.n for line in lines)} per environment",
                look,
            ),
            (),
            wide=True,
        )
    for axis in ("share", "steps", "seconds"):
        yield from _pooled_curves(estimates, axis, look)
    if shown_pairs(estimates):
        yield _pairs(estimates, look)
    if estimates.profiles:
        yield _profile(estimates, look)


def _pooled_curves(estimates: Estimates, axis: str, look: Look) -> Iterator[Picture]:
    curves = [curve for curve in estimates.curves if curve.environment is None and curve.axis == axis]
    if curves:
        end = " A run that has spent its budget keeps its last score." if axis == "seconds" else ""
        yield Picture(
            f"learning-{axis}",
            "learning",
            f"Score over {_OVER[axis]}: interquartile mean over all runs, bands pointwise {look.level}; "
            f"{_runs(curve.n for curve in curves)} per environment.{end}",
            _spoken_ends(curves),
            _curves(curves, "All environments: score (IQM)", "Score", look, thin=False),
            _labels(curves),
        )


def _reliability(estimates: Estimates, look: Look) -> Iterator[Picture]:
    lines = estimates.reliability
    if lines:
        runs = _runs(line.runs for line in lines)
        yield Picture(
            "reliability",
            "reliability",
            f"How often runs let one down, with {look.level} intervals; {runs} per algorithm. Failing: ends below half "
            "of the target. Collapsed: reached the threshold and ended below half of the target.",
            _spoken((line.label, line.failing_share) for line in lines),
            _whiskers(
                [
                    ("Share of runs failing", [line.failing_share for line in lines]),
                    ("Share collapsed after success", [line.collapsed_share for line in lines]),
                    ("Mean score of the worst tenth", [Interval(line.worst_decile) for line in lines]),
                ],
                [(line.label, short(line.label)) for line in lines],
                f"Shares of runs, and normalised score; {runs} per algorithm",
                look,
            ),
            (),
            wide=True,
        )


def _cost(estimates: Estimates, look: Look) -> Iterator[Picture]:
    cells = [cell for cell in estimates.cells if words.finite(cell.train_seconds) and (cell.train_seconds or 0) > 0]
    if cells:
        yield Picture(
            "cost",
            "cost",
            "CPU seconds of training per run: one mark per environment, the median over its runs; "
            f"{_runs(cell.n for cell in cells)} per mark.",
            "; ".join(f"{label}: {_range(cells, label)}" for label in _labels(cells)),
            _cost_scene(cells, look),
            (),
        )


def _environment(estimates: Estimates, mine: Of, look: Look, thin: frozenset[str]) -> Iterator[Picture]:
    for axis in ("steps", "share", "seconds"):
        curves = [curve for curve in mine.curves if curve.axis == axis]
        if curves:
            single = (
                "; thin: each run, cut off where it leaves the plot"
                if axis in thin and any(curve.runs for curve in curves)
                else ""
            )
            yield Picture(
                f"{mine.name}-{axis}",
                mine.name,
                f"{mine.environment}: return over {_OVER[axis]}. Thick: interquartile mean; band: pointwise "
                f"{look.level}{single}; {_runs(curve.n for curve in curves)}.",
                _spoken_ends(curves),
                _environment_curves(estimates, mine.environment, curves, look, thin=axis in thin),
                _labels(curves),
            )
    cells = [cell for cell in mine.cells if cell.threshold.steps]
    if cells:
        yield Picture(
            f"{mine.name}-threshold",
            mine.name,
            f"{mine.environment}: share of runs that have reached the threshold by each step; "
            f"{_runs(cell.threshold.n for cell in cells)}.",
            "; ".join(f"{cell.label}: {cell.threshold.reached} of {cell.threshold.n} runs" for cell in cells),
            _thresholds(estimates, mine.environment, cells, look),
            _labels(cells),
        )


# Scenes.


def _curves(
    curves: Sequence[CurveEstimate],
    title: str,
    y_name: str,
    look: Look,
    *,
    thin: bool,
    levels: Sequence[tuple[str, float | None]] = (),
) -> Scene:
    axis = curves[0].axis
    values = [value for curve in curves for part in (curve.estimate, curve.low, curve.high) for value in part]
    # A single run far off must not press all others flat: it leaves the plot instead.
    y = axes.spanning([*values, *(value for _, value in levels)], pad=0.06)
    panel = _panel(_x_scale(curves), y)
    marks = [*_frame(panel, axis), *axes.heading(panel, title, _runs(curve.n for curve in curves))]
    for name, value in levels:
        marks += _level_line(panel, value, name)
    if thin:
        marks += [mark for curve in curves for mark in _runs_of(panel, curve, look)]
    marks += [_series(panel, curve.label, curve, look, curve.n) for curve in curves]
    return Scene(_HALF, panel.bottom + _UNDER, (panel.group(marks, _AXES[axis], y_name),))


def _environment_curves(
    estimates: Estimates, environment: str, curves: Sequence[CurveEstimate], look: Look, *, thin: bool
) -> Scene:
    levels: list[tuple[str, float | None]] = []
    for line in estimates.references:
        if line.environment == environment:
            levels = [("random", line.random), ("target", line.target)]
    return _curves(curves, f"{short(environment)}: return (IQM)", "Return", look, thin=thin, levels=levels)


def _crossover(lead: Lead, look: Look) -> Picture:
    seconds = lead.axis == "seconds"
    leaders = [lead.labels[int(np.argmax([share[place] for share in lead.probability_best]))] for place in (0, -1)]
    return Picture(
        f"crossover-{lead.axis}",
        "crossover",
        f"Who leads after how much of {'the time' if seconds else 'the budget'}: interquartile mean score (above), and "
        f"the share of bootstrap resamples in which each algorithm is best (below); "
        f"{_runs([lead.n])} per environment, {words.counted(len(lead.environments), 'environment')}.",
        f"At the start {leaders[0]} leads most often, at the end {leaders[1]}.",
        _crossover_scene(lead, look),
        lead.labels,
    )


def _crossover_scene(lead: Lead, look: Look) -> Scene:
    x = _ends(lead.x, seconds=lead.axis == "seconds")
    flat = [value for line in lead.iqm for value in line]
    upper = Panel(_LEFT, _TOP, _HALF - _LEFT - _RIGHT, 128, x, axes.spanning(flat))
    lower = Panel(_LEFT, upper.bottom + 30, upper.width, 112, x, Scale(0, 1))
    above: list[Mark] = [
        *axes.x_axis(upper, "", _x_written(lead.axis), labelled=False),
        *axes.y_axis(upper, axes.compact, most=5),
        *axes.heading(upper, "Score (IQM)", _runs([lead.n])),
    ]
    below: list[Mark] = [
        *_frame(lower, lead.axis, shares=True),
        *axes.heading(lower, "Share of resamples in which it is best"),
    ]
    top = np.ones(len(lead.x))
    for label, line, share in zip(lead.labels, lead.iqm, lead.probability_best, strict=True):
        style = look.styles[label]
        above.append(_line_group(upper, label, lead.x, line, style, lead.n))
        bottom = top - np.array(share)
        below.append(_layer(lower, label, lead, (bottom, top, np.array(share)), style))
        top = bottom
    marks = (
        upper.group(above, _AXES[lead.axis], "Score"),
        lower.group(below, _AXES[lead.axis], "Share of resamples in which it is best"),
    )
    return Scene(_HALF, lower.bottom + _UNDER, marks)


def _layer(
    panel: Panel, label: str, lead: Lead, band: tuple[np.ndarray, np.ndarray, np.ndarray], style: palette.Style
) -> Group:
    """Return one algorithm's layer of the stacked shares, with its name where there is room."""
    bottom, top, share = (np.clip(part, 0, 1) for part in band)
    outline = np.vstack([panel.points(lead.x, top), panel.points(lead.x, bottom)[::-1]])
    marks: list[Mark] = [Fill([outline], style.ink, 0.45), Stroke([panel.points(lead.x, top)], PAPER, 0.8)]
    widest = int(np.argmax(share))
    place = float(panel.across([lead.x[widest]])[0])
    half = text_width(short(label)) / 2
    if share[widest] > _NAMED_FROM and 2 * half < panel.width:
        middle = float(panel.down([(top[widest] + bottom[widest]) / 2])[0])
        place = min(max(place, panel.left + half + 4), panel.right - half - 4)
        marks.append(Words(place, middle + 0.35 * SIZE, short(label), BLACK, "middle"))
    facts = {**_facts(label, lead.x, share.tolist(), lead.n), "at": _joined(((bottom + top) / 2).tolist())}
    return Group(tuple(marks), "series area", style.place, facts)


def _profile(estimates: Estimates, look: Look) -> Picture:
    profiles = estimates.profiles
    ends = [tau for profile in profiles for tau in profile.taus]
    panel = _panel(Scale(min(ends), max(ends)), Scale(0, 1.02))
    marks = [
        *axes.x_axis(panel, "Normalised score τ", axes.compact),
        *axes.y_axis(panel, words.percent, most=5),
        *axes.heading(panel, "Share of runs above τ", _runs(profile.n for profile in profiles)),
        *(_series(panel, profile.label, profile, look, profile.n) for profile in profiles),
    ]
    return Picture(
        "profile",
        "pairwise",
        f"Performance profile: how many runs score above each value; bands pointwise {look.level}; "
        f"{_runs(profile.n for profile in profiles)} per environment.",
        "One falling curve per algorithm; higher is better.",
        Scene(_HALF, panel.bottom + _UNDER, (panel.group(marks, "Normalised score τ", "Share of runs above"),)),
        _labels(profiles),
    )


def _pairs(estimates: Estimates, look: Look) -> Picture:
    shown = shown_pairs(estimates)
    cut = (
        f" The {len(shown)} pairs of {len(estimates.pairs)} with the smallest p-values."
        if len(shown) < len(estimates.pairs)
        else ""
    )
    return Picture(
        "pairwise",
        "pairwise",
        f"Probability of improvement with {look.level} intervals; hollow: undecided; "
        f"{_runs(pair.n for pair in shown)} per environment.{cut}",
        _spoken((f"{pair.a} over {pair.b}", pair.probability) for pair in shown),
        _pairs_scene(shown, look),
        (),
    )


def _pairs_scene(shown: Sequence[Pair], look: Look) -> Scene:
    left = max(text_width(short(pair.a)) for pair in shown) + 10
    right = max(text_width(short(pair.b)) for pair in shown) + 10
    width = max(_HALF, left + right + 150)
    panel = Panel(left, _TOP + 4, width - left - right, _ROW * len(shown), Scale(-0.02, 1.02), _rows(len(shown)))
    half = panel.across([0.5, 0.5])
    marks: list[Mark] = [
        *axes.x_axis(panel, "Probability that a run of the left one scores higher", axes.compact, most=5),
        *axes.heading(panel, "", _runs(pair.n for pair in shown)),
        Stroke([np.column_stack([half, [panel.top, panel.bottom]])], MUTED, 0.9),
    ]
    for place, pair in enumerate(shown):
        y = float(panel.down([place])[0])
        tip = f"{short(pair.a)} over {short(pair.b)}: {words.interval(pair.probability, 2)}, {_runs([pair.n])}"
        hollow = pair.verdict == "undecided"
        row = [
            Words(left - 8, y + 0.34 * SIZE, short(pair.a), BLACK, "end"),
            *_whisker(panel, y, pair.probability, look.styles[pair.a], hollow=hollow),
            Words(panel.right + 8, y + 0.34 * SIZE, short(pair.b)),
        ]
        both = f"{look.styles[pair.a].place} {look.styles[pair.b].place}"
        marks.append(Group(tuple(row), "row", facts={"tip": tip, "either": both}))
    return Scene(width, panel.bottom + _UNDER, tuple(marks))


def _thresholds(estimates: Estimates, environment: str, cells: Sequence[CellEstimate], look: Look) -> Scene:
    end = _budget(estimates, environment, cells)
    panel = _panel(Scale(0, end * 1.01), Scale(0, 1.02))
    marks = [
        *_frame(panel, "steps", shares=True),
        *axes.heading(panel, f"{short(environment)}: runs at the threshold", _runs(cell.threshold.n for cell in cells)),
        *(_staircase(panel, cell, end, look.styles[cell.label]) for cell in cells),
    ]
    group = panel.group(marks, _AXES["steps"], "Share of runs at the threshold")
    return Scene(_HALF, panel.bottom + _UNDER, (group,))


def _cost_scene(cells: Sequence[CellEstimate], look: Look) -> Scene:
    labels = _labels(cells)
    seconds = [cell.train_seconds for cell in cells if cell.train_seconds]
    left = max(text_width(short(label)) for label in labels) + 12
    log = max(seconds) > _LOG_FROM * min(seconds)
    width = max(_HALF, left + 220)
    panel = Panel(
        left, _TOP, width - left - _RIGHT - 6, _ROW * len(labels), axes.spanning(seconds, log=log), _rows(len(labels))
    )
    marks: list[Mark] = [
        *axes.x_axis(panel, "CPU seconds of training per run" + (" (log scale)" if log else ""), axes.compact),
        *axes.heading(panel, "", _runs(cell.n for cell in cells)),
    ]
    for place, label in enumerate(labels):
        style, y = look.styles[label], float(panel.down([place])[0])
        mine = [cell.train_seconds for cell in cells if cell.label == label]
        at = np.column_stack([panel.across(mine), np.full(len(mine), y)])
        row = (
            Words(left - 8, y + 0.34 * SIZE, short(label), BLACK, "end"),
            Stroke([np.array([[at[:, 0].min(), y], [at[:, 0].max(), y]])], style.ink, 1.2, alpha=0.4),
            Dots(at, style.marker, style.ink, 5.0),
        )
        marks.append(Group(row, "row", style.place, {"tip": f"{short(label)}: {_range(cells, label)}"}))
    return Scene(width, panel.bottom + _UNDER, tuple(marks))


def _whiskers(
    columns: Sequence[tuple[str, Sequence[Interval]]], rows: Sequence[tuple[str, str]], label: str, look: Look
) -> Scene:
    """Draw estimates with intervals side by side (Agarwal et al. 2021, figure 9): a row per algorithm."""
    left = max(text_width(name) for _, name in rows) + 12
    gap = 16.0
    width = (_WIDE - left - _RIGHT - gap * (len(columns) - 1)) / len(columns)
    panels = []
    for place, (_, values) in enumerate(columns):
        ends = [end for value in values for end in (value.estimate, value.low, value.high)]
        start = left + place * (width + gap)
        panels.append(Panel(start, _TOP, width, _ROW * len(rows), axes.spanning(ends, pad=0.06), _rows(len(rows))))
    marks: list[Mark] = []
    for panel, (title, _) in zip(panels, columns, strict=True):
        marks += axes.x_axis(panel, "", axes.compact, most=4)
        marks.append(Words(panel.left, panel.top - 0.75 * SIZE, title, BLACK, bold=True))
    for place, (key, name) in enumerate(rows):
        marks.append(
            _whisker_row(panels, [values[place] for _, values in columns], (left, place), name, look.styles[key])
        )
    bottom = panels[0].bottom + _UNDER
    return Scene(_WIDE, bottom + 2, (*marks, Words(left, bottom - 5, label, MUTED)))


def _whisker_row(
    panels: Sequence[Panel], values: Sequence[Interval], at: tuple[float, int], name: str, style: palette.Style
) -> Group:
    left, place = at
    y = float(panels[0].down([place])[0])
    row: list[Mark] = [Words(left - 8, y + 0.34 * SIZE, name, BLACK, "end")]
    for panel, value in zip(panels, values, strict=True):
        row += _whisker(panel, y, value, style)
    told = "; ".join(words.interval(value, 2) for value in values)
    return Group(tuple(row), "row", style.place, {"tip": f"{name}: {told}"})


# Parts of scenes.


def _panel(x: Scale, y: Scale) -> Panel:
    return Panel(_LEFT, _TOP, _HALF - _LEFT - _RIGHT, _PLOT, x, y)


def _rows(count: int) -> Scale:
    """Return the scale of rows numbered from above."""
    return Scale(count - 0.5, -0.5)


def _frame(panel: Panel, axis: str, *, shares: bool = False) -> list[Mark]:
    label = _AXES[axis] + (" (log scale)" if panel.x.log else "")
    across = axes.x_axis(panel, label, _x_written(axis))
    return [*across, *axes.y_axis(panel, words.percent if shares else axes.compact, most=5)]


def _x_written(axis: str) -> Callable[[float], str]:
    return words.percent if axis == "share" else axes.compact


def _x_scale(curves: Sequence[CurveEstimate]) -> Scale:
    """Return the x axis; seconds on a log axis where some algorithm is many times slower than another."""
    ends = [max(curve.x) for curve in curves if curve.x and max(curve.x) > 0]
    seconds = curves[0].axis == "seconds"
    if seconds and ends and max(ends) > _LOG_FROM * min(ends):
        return axes.spanning((value for curve in curves for value in curve.x), log=True)
    return Scale(0.0, max(ends, default=1.0))


def _ends(x: Sequence[float], *, seconds: bool) -> Scale:
    positive = [value for value in x if value > 0]
    if seconds and positive and max(positive) > _LOG_FROM * min(positive):
        return axes.spanning(positive, log=True)
    return Scale(min(x), max(x)) if max(x) > min(x) else axes.spanning(x)


def _series(panel: Panel, label: str, curve: CurveEstimate | Profile, look: Look, n: int) -> Group:
    """Return a curve with its band and markers, and its numbers for the page's script."""
    x, y = (curve.taus, curve.share) if isinstance(curve, Profile) else (curve.x, curve.estimate)
    group = _line_group(panel, label, x, y, look.styles[label], n)
    upper, lower = panel.points(x, curve.high), panel.points(x, curve.low)
    if not len(upper):
        return group
    band = Fill([np.vstack([upper, lower[::-1]])], look.styles[label].ink, 0.16, css="band")
    facts = {**group.facts, "low": _joined(curve.low), "high": _joined(curve.high)}
    return Group((band, *group.marks), group.css, group.series, facts)


def _line_group(
    panel: Panel, label: str, x: Sequence[float], y: Sequence[float], style: palette.Style, n: int
) -> Group:
    places = panel.points(x, y)
    marks = (
        Stroke([places], style.ink, 1.6, style.dash, css="line"),
        Dots(places[:: max(1, len(places) // 6)], style.marker, style.ink),
    )
    return Group(marks, "series", style.place, _facts(label, x, y, n))


def _facts(label: str, x: Sequence[float], y: Sequence[float | None], n: int) -> dict[str, str]:
    return {"label": plain(label), "n": str(n), "xs": _joined(x), "ys": _joined(y)}


def _joined(values: Iterable[float | None]) -> str:
    return " ".join("" if value is None or not math.isfinite(value) else f"{value:.4g}" for value in values)


def _runs_of(panel: Panel, curve: CurveEstimate, look: Look) -> Iterator[Mark]:
    """Yield all of a curve's runs as thin lines in one path."""
    if curve.runs:
        style = look.styles[curve.label]
        lines = [panel.points(curve.x, run) for run in curve.runs]
        yield Group((Stroke(lines, style.ink, 0.5, alpha=0.35),), "thin", style.place, clip=panel.frame)


def _whisker(
    panel: Panel, y: float, value: Interval, style: palette.Style, *, hollow: bool = False
) -> Iterator[Stroke | Dots]:
    if not words.finite(value.estimate):
        return
    if words.finite(value.low) and words.finite(value.high):
        ends = panel.across([value.low, value.high])
        yield Stroke([np.column_stack([ends, [y, y]])], style.ink, 5.5, alpha=0.32)
    at: Points = np.array([[float(panel.across([value.estimate])[0]), y]])
    yield Dots(at, style.marker, style.ink, 5.5, hollow=hollow)


def _staircase(panel: Panel, cell: CellEstimate, end: float, style: palette.Style) -> Group:
    steps = sorted(step for step in cell.threshold.steps if step is not None)
    runs = len(cell.threshold.steps)
    share = [place / runs for place in range(len(steps) + 1)]
    # Each level is held until the next run gets there.
    x = [0.0, *(step for step in steps for _ in range(2)), end]
    y = [level for level in share for _ in range(2)]
    marks: list[Mark] = [Stroke([panel.points(x, y)], style.ink, 1.5, style.dash, css="line")]
    if steps:
        marks.append(Dots(panel.points(steps, share[1:]), style.marker, style.ink, 3.2))
    facts = _facts(cell.label, [0.0, *steps, end], [*share, share[-1]], cell.threshold.n)
    return Group(tuple(marks), "series", style.place, facts)


def _level_line(panel: Panel, value: float | None, name: str) -> list[Mark]:
    if not words.finite(value):
        return []
    y = float(panel.down([value])[0])
    line = Stroke([np.array([[panel.left, y], [panel.right, y]])], MUTED, 0.7, (3, 2))
    if name == "random":
        return [line, Words(panel.right - 2, y + 0.95 * SIZE, name, MUTED, "end", 8)]
    # Curves start below the target and end at it: there is room for its name where they start.
    return [line, Words(panel.left + 3, y - 3, name, MUTED, size=8)]


def _key(x: float, y: float, label: str, style: palette.Style) -> list[Mark]:
    line = np.array([[x, y - 3], [x + 26, y - 3]])
    return [
        Stroke([line], style.ink, 1.6, style.dash),
        Dots(np.array([[x + 13, y - 3]]), style.marker, style.ink, 5),
        Words(x + 32, y, short(label)),
    ]


def _thin_axes(estimates: Estimates) -> frozenset[str]:
    """Return over which axes every run can be shown as a thin line without making the page too large."""
    points = sum(len(curve.x) * len(curve.runs) for curve in estimates.curves)
    if points <= MOST_RUN_POINTS:
        return frozenset(_AXES)
    return frozenset({"steps"}) if points <= 5 * MOST_RUN_POINTS else frozenset()


def _by_environment(lines: Iterable[T]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = {}
    for line in lines:
        if line.environment is not None:
            found.setdefault(line.environment, []).append(line)
    return found


def _budget(estimates: Estimates, environment: str, cells: Sequence[CellEstimate]) -> float:
    """Return where the step axis ends: the declared budget, and never before the last run that got there."""
    declared = [float(line.steps) for line in estimates.references if line.environment == environment]
    seen = [step for cell in cells for step in cell.threshold.steps if step is not None]
    return max([*declared, *seen], default=1.0) or 1.0


def _labels(lines: Iterable[CurveEstimate | CellEstimate | Profile]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(line.label for line in lines))


def short(label: str) -> str:
    """Return a label for a figure, cut where it is too long."""
    """Return a label, cut where it is too long for a figure."""
    text = plain(label)
    return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1] + "…"


def _runs(counts: Iterable[int]) -> str:
    return f"{words.span(counts)} runs"


def _range(cells: Sequence[CellEstimate], label: str) -> str:
    found = [cell.train_seconds for cell in cells if cell.label == label and cell.train_seconds is not None]
    low, high = words.number(min(found)), words.number(max(found))
    return f"{low} to {high} CPU seconds per run" if low != high else f"{low} CPU seconds per run"


def _spoken(values: Iterable[tuple[str, Interval]]) -> str:
    return "; ".join(f"{name}: {words.interval(value)}" for name, value in values)


def _spoken_ends(curves: Sequence[CurveEstimate]) -> str:
    ends = [f"{curve.label} ends at {words.number(curve.estimate[-1])}" for curve in curves if curve.estimate]
    return "; ".join(ends)
