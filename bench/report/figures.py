"""Estimates in, figures as tidy frames with their captions out: what is shown, and how it is encoded."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from textwrap import wrap
from types import MappingProxyType
from typing import TypeVar

import numpy as np
import pandas as pd

from bench.plain import counted, plain
from bench.records import (
    DIAGNOSTICS,
    Aggregate,
    CellEstimate,
    CurveEstimate,
    Estimates,
    Interval,
    Lead,
    Pair,
    Profile,
    PublishedVerdict,
    ReferenceLine,
    Reliability,
)
from bench.report import order, sentences, words
from bench.report.published import JUDGED, counts

T = TypeVar("T", CurveEstimate, CellEstimate)

MOST_PAIRS = 36
"""Pairs that one figure can show readably; the table has all."""
MOST_RUN_POINTS = 60_000
"""Points of single runs that a page can hold; beyond, the thin lines stand over steps alone, and beyond five times as
many nowhere."""
_LONGEST_LABEL = 26
_LOG_FROM = 8.0
"""From this ratio of the longest to the shortest time, time stands on a log axis."""
_DEEP = 0.3
"""How far below the random policy an axis of returns reaches at most, in what lies between it and the target."""
_APART, _LEAST = 1e-6, 1e-12
_ENDS = {"random": 0.0, "target": 1.0}
"""Of a score."""
_AXES = {
    "share": "Share of the step budget",
    "steps": "Environment steps",
    "seconds": "CPU seconds of training per run",
}
_WHILE = {"share": "over the budget", "steps": "over steps", "seconds": "over CPU seconds"}
_OVER = {"share": "the share of the budget", "steps": "environment steps", "seconds": "CPU seconds of training"}


@dataclass(frozen=True, slots=True)
class Axis:
    """What stands along an axis, and from where to where."""

    name: str
    low: float
    high: float
    log: bool = False
    percent: bool = False
    """Whether its numbers are written as percentages."""


DAGGER = " †"
"""Stands behind the name of whoever lacks environments that others have."""
_FAR_BELOW = -0.1
"""The score at which a profile begins: how far below the random policy a run lies decides nothing."""
ROWS = Axis("", 0.0, 0.0)
"""The axis of rows that bear names instead of numbers; how many there are is the frame's to say."""


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One plot: a tidy frame, and how it is encoded."""

    kind: str
    """`curves`, `staircases`, `layers` (x against a number, one series per label), `frontier` (a point per label),
    `intervals`, `dots` or `strips` (one row per name)."""
    frame: pd.DataFrame
    """A row per drawn point, with the columns `label` (algorithm: decides colour, line and marker), `x`, `estimate`,
    `low`, `high`, `n`; for the kinds with rows `row` (0 is the uppermost), `name`, `other` (what stands at the right
    end), both in lines, `open` (drawn hollow) and `tip` (what a pointer is told) instead of `x`; for a frontier also
    `x_low`, `x_high`, `line` (whose points are joined), `name` and `price`."""
    x: Axis
    y: Axis
    title: str = ""
    note: str = ""
    """What stands at the right end of the title's line."""
    levels: Mapping[str, float] = field(default_factory=dict)
    """Name -> a value that a line across the plot marks."""
    runs: pd.DataFrame | None = None
    """Every run's own curve, thin: `label`, `run`, `x`, `y`."""
    marked: frozenset[str] = frozenset()
    """Labels whose names bear a dagger, which the caption explains; where rows have names, it stands in these."""


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """Plots with the words that belong to them."""

    name: str
    """File name without ending."""
    section: str
    """Where it stands: `overall`, `learning`, `pairwise`, `efficiency`, `reliability`, ..., or `environment-1`, ..."""
    caption: str
    description: str
    """What a reader who cannot see it should know."""
    panels: tuple[Panel, ...]
    labels: tuple[str, ...] = ()
    """The algorithms that need a legend; empty where names stand in the figure."""
    wide: bool = False
    """Whether its plots stand side by side over the page's whole width, instead of one above the other."""
    foot: str = ""
    """A line under plots that share it."""
    choice: tuple[str, str, str] = ("", "", "")
    """Of the learning curves, which a reader sees one at a time: where, what and over what; else empty."""
    marked: frozenset[str] = frozenset()
    """As its panels have it: for the legend."""


def every(estimates: Estimates) -> Iterator[Figure]:
    """Yield each figure for which there is data, in reading order."""
    for figure in _every(estimates):
        # All learning curves share a legend.
        yield _marking(figure, estimates.aggregates) if figure.choice[0] else figure


def _every(estimates: Estimates) -> Iterator[Figure]:
    level = order.level(estimates)
    yield from _overall(estimates, level)
    decide = order.analysis(estimates).decide
    yield from (crossover(lead, decide) for lead in estimates.leads if lead.x and lead.labels)
    if estimates.reliability:
        yield reliability(estimates.reliability, level)
    if cells := [cell for cell in estimates.cells if words.finite(cell.train_seconds) and cell.train_seconds > 0]:
        yield cost(cells)
    curves, mine = _by_environment(estimates.curves), _by_environment(estimates.cells)
    thin = _thin_axes(estimates)
    for place, environment in enumerate(order.environments(estimates), start=1):
        section = f"environment-{place}"
        yield from _learning(estimates, environment, section, curves.get(environment, []), level, thin)
        if cells := [cell for cell in mine.get(environment, []) if cell.threshold.steps]:
            yield thresholds(environment, section, cells, _budget(estimates, environment, cells))
    for place, environment in enumerate(order.environments(estimates), start=1):
        if len(frame := _held(estimates, environment)) > 1:
            yield frontier(environment, place, frame, _levels(estimates, environment), level)
        yield from _diagnostics(estimates.diagnostics, environment, place, level)
    yield from published(estimates.published)


def _overall(estimates: Estimates, level: str) -> Iterator[Figure]:
    decide = order.analysis(estimates).decide
    if lines := [line for line in estimates.aggregates if words.finite(line.iqm.estimate)]:
        yield headline(lines, level, decide, estimates.deterministic, estimates.references)
        yield aggregates(lines, level)
    for axis in ("share", "steps", "seconds"):
        if curves := [curve for curve in estimates.curves if curve.environment is None and curve.axis == axis]:
            yield pooled_curves(curves, level, decide)
    if shown := shown_pairs(estimates):
        yield pairwise(shown, len(estimates.pairs), level)
    if estimates.profiles:
        yield performance_profile(estimates.profiles, level)


def _learning(
    estimates: Estimates,
    environment: str,
    section: str,
    every_axis: Sequence[CurveEstimate],
    level: str,
    thin: frozenset[str],
) -> Iterator[Figure]:
    levels = _levels(estimates, environment)
    for axis in ("steps", "share", "seconds"):
        if curves := [curve for curve in every_axis if curve.axis == axis]:
            yield environment_curves(curves, section, level, levels, thin=axis in thin)


def _levels(estimates: Estimates, environment: str) -> dict[str, float]:
    """Return what is known of the returns that score 0 and 1."""
    known = next((line for line in estimates.references if line.environment == environment), None)
    levels = {} if known is None else {"random": known.random, "target": known.target}
    return {name: float(value) for name, value in levels.items() if words.finite(value)}


def shown_pairs(estimates: Estimates) -> list[Pair]:
    """Return the pairs that the figure shows: all, or those with the smallest p-values."""
    known = [pair for pair in estimates.pairs if words.finite(pair.probability.estimate)]
    if len(known) <= MOST_PAIRS:
        return known
    kept = sorted(known, key=lambda pair: math.inf if pair.p_holm is None else pair.p_holm)[:MOST_PAIRS]
    return [pair for pair in known if pair in kept]


def aggregates(lines: Sequence[Aggregate], level: str) -> Figure:
    """Return the aggregates over all environments with their intervals (Agarwal et al. 2021, figure 9)."""
    runs, lacking = _runs(line.n for line in lines), _lacking(lines)
    beside = _rliable(lines)
    theirs = " Hollow: rliable's percentile intervals." if beside else ""
    return Figure(
        "overall",
        "overall",
        f"Aggregates over all environments with {level} intervals; {runs} per environment.{lacking}{theirs}",
        _spoken((line.label, line.iqm) for line in lines),
        _whiskers(
            {
                "IQM": [line.iqm for line in lines],
                "Mean": [line.mean for line in lines],
                "Median": [line.median for line in lines],
                _GAP: [line.optimality_gap for line in lines],
            },
            *_names(lines),
            beside,
        ),
        wide=True,
        foot=f"Normalised score: 0 lower reference, 1 target; {runs} per environment",
    )


def headline(
    lines: Sequence[Aggregate],
    level: str,
    decide: str,
    deterministic: bool | None = None,
    references: Sequence[ReferenceLine] = (),
) -> Figure:
    """Return the aggregate that decides, alone: what stands beside the verdict."""
    known, name = [line for line in lines if words.finite(line.value(decide).estimate)], sentences.SHORT[decide]
    runs = _runs(line.n for line in known)
    (panel,) = _whiskers({"Score over all environments": [line.value(decide) for line in known]}, *_names(known))
    return Figure(
        "headline",
        "answer",
        f"The aggregate that decides, with {level} intervals, {runs} per environment; 0 is {words.zero(references)}, 1 "
        f"the target{sentences.acting(deterministic)}.{_lacking(known)}",
        _spoken((line.label, line.value(decide)) for line in known),
        (replace(panel, x=replace(panel.x, name=name), note=runs),),
    )


def _names(lines: Sequence[Aggregate]) -> tuple[list[str], list[str], list[int]]:
    """Return label, name and runs of every row."""
    names = [named(line.label) + ("" if line.complete else DAGGER) for line in lines]
    return [line.label for line in lines], names, [line.n for line in lines]


def _marking(figure: Figure, lines: Sequence[Aggregate]) -> Figure:
    """Return a figure with a dagger at the names of those that lack environments, and what it means."""
    lacking = frozenset(line.label for line in lines if not line.complete)
    panels = tuple(replace(panel, marked=lacking) for panel in figure.panels)
    return replace(figure, caption=figure.caption + _lacking(lines), panels=panels, marked=lacking)


def _lacking(lines: Sequence[Aggregate]) -> str:
    """Return what a dagger means, where one stands."""
    unfit = ", or is not judged" if any(line.not_judged is not None for line in lines) else ""
    return "" if all(line.complete for line in lines) else f"{DAGGER} lacks environments that others have{unfit}."


def _rliable(lines: Sequence[Aggregate]) -> dict[str, list[Interval]]:
    """Return rliable's estimates per plot and algorithm, where their intervals were asked for."""
    if not order.with_rliable(lines):
        return {}
    return {title: [line.rliable.get(name, Interval(None)) for line in lines] for title, name in _THEIRS.items()}


_GAP = "Optimality gap (lower is better)"
_THEIRS = {
    "IQM": "aggregate_iqm",
    "Mean": "aggregate_mean",
    "Median": "aggregate_median",
    _GAP: "aggregate_optimality_gap",
}
"""Title of a plot -> what rliable calls the same."""


def first(figure: Figure) -> Figure:
    """Return a figure of the first of the plots alone."""
    return replace(figure, panels=figure.panels[:1], wide=False, foot="")


def reliability(lines: Sequence[Reliability], level: str) -> Figure:
    """Return how often runs let one down."""
    runs = _runs(line.runs for line in lines)
    return Figure(
        "reliability",
        "reliability",
        f"How often runs let one down, with {level} intervals; {runs} per algorithm. Failing: ends below half "
        "of the target. Collapsed: was at the threshold in two evaluations running and ended below half of the target.",
        _spoken((line.label, line.failing_share) for line in lines),
        _whiskers(
            {
                "Share of runs failing": [line.failing_share for line in lines],
                "Share collapsed after success": [line.collapsed_share for line in lines],
                "Mean score of the worst tenth": [Interval(line.worst_decile) for line in lines],
            },
            [line.label for line in lines],
            [named(line.label) for line in lines],
            [line.runs for line in lines],
        ),
        wide=True,
        foot=f"Shares of runs, and normalised score; {runs} per algorithm",
    )


def pooled_curves(curves: Sequence[CurveEstimate], level: str, decide: str) -> Figure:
    """Return the score over all environments along one axis."""
    axis = curves[0].axis
    panel = _curves(curves, f"All environments: score ({sentences.SHORT[decide]})", "Score", _ENDS, thin=False)
    end = (
        " What lies further below leaves the plot."
        if panel.frame[["estimate", "low"]].min().min() < panel.y.low
        else ""
    )
    end += " A run that has spent its budget keeps its last score." if axis == "seconds" else ""
    return Figure(
        f"learning-{axis}",
        "learning",
        f"Score over {_OVER[axis]}: the aggregate that decides, bands pointwise {level}; "
        f"{_runs(curve.n for curve in curves)} per environment.{end}",
        _spoken_ends(curves),
        (panel,),
        _labels(curves),
        choice=("All environments", "score", _WHILE[axis]),
    )


def environment_curves(
    curves: Sequence[CurveEstimate], section: str, level: str, levels: Mapping[str, float], *, thin: bool
) -> Figure:
    """Return one environment's learning curves along one axis, with its reference returns as levels."""
    axis, environment = curves[0].axis, curves[0].environment or ""
    single = "; thin: each run, cut off where it leaves the plot" if thin and any(c.runs for c in curves) else ""
    return Figure(
        f"{section}-{axis}",
        section,
        f"{environment}: return over {_OVER[axis]}. Thick: interquartile mean; band: pointwise "
        f"{level}{single}; {_runs(curve.n for curve in curves)}.",
        _spoken_ends(curves),
        (_curves(curves, f"{short(environment)}: return (IQM)", "Return", levels, thin=thin),),
        _labels(curves),
        choice=(environment, "return", _WHILE[axis]),
    )


def _diagnostics(
    told: Mapping[str, Sequence[CurveEstimate]], environment: str, place: int, level: str
) -> Iterator[Figure]:
    """Yield what was told of updates on one environment, a plot per number, where anything was."""
    mine = {name: [curve for curve in curves if curve.environment == environment] for name, curves in told.items()}
    if not (shown := {name: curves for name, curves in mine.items() if curves}):
        return
    every_one = [curve for curves in shown.values() for curve in curves]
    yield Figure(
        f"diagnostics-{place}",
        "diagnostics",
        f"{environment}: what was told of the updates between evaluations, over environment steps. Interquartile mean "
        f"over runs, bands pointwise {level}; {_runs(curve.n for curve in every_one)}.",
        "; ".join(f"{DIAGNOSTICS[name].title}: {_spoken_ends(curves)}" for name, curves in shown.items()),
        tuple(
            _curves(curves, DIAGNOSTICS[name].title, words.capital(DIAGNOSTICS[name].unit), {}, thin=False)
            for name, curves in shown.items()
        ),
        _labels(every_one),
    )


def frontier(environment: str, place: int, frame: pd.DataFrame, levels: Mapping[str, float], level: str) -> Figure:
    """Return what was gained against how far a policy went from its start (Gao et al. 2023, figure 1)."""
    runs = _runs(frame.n)
    return Figure(
        f"frontier-{place}",
        "frontier",
        f"{environment}: return of the final policy against its KL divergence from the policy that training began "
        f"with, over the last updates. Interquartile means with {level} intervals in both directions; {runs}. The "
        "number beside a point is what a nat cost it; points of one algorithm are joined. Better is higher and further "
        "left.",
        "; ".join(
            f"{label}: {words.number(gained)} at {words.number(gone)} nats"
            for label, gained, gone in zip(frame.label, frame.estimate.tolist(), frame.x.tolist(), strict=True)
        ),
        (
            Panel(
                "frontier",
                frame,
                spanning(f"{DIAGNOSTICS[_HELD].title} (nats)", [*frame.x, *frame.x_low, *frame.x_high], pad=0.12),
                spanning("Return", [*frame.estimate, *frame.low, *frame.high, *levels.values()], pad=0.08),
                f"{short(environment)}: return and divergence",
                runs,
                levels,
            ),
        ),
        tuple(frame.label),
        wide=True,
    )


_HELD = "kl_to_start"
"""The setting by which a nat has its price, and what is told of it."""


def _held(estimates: Estimates, environment: str) -> pd.DataFrame:
    """Return a row per cell of which both is known, by algorithm and price."""
    settings = {line.label: line for line in estimates.settings if line.environment == environment}
    cells = {cell.label: cell for cell in estimates.cells if cell.environment == environment}
    rows = []
    for curve in estimates.diagnostics.get(_HELD, ()):
        line, cell = settings.get(curve.label), cells.get(curve.label)
        if curve.environment != environment or line is None or cell is None:
            continue
        others = {name: value for name, value in line.hyperparameters.items() if name != _HELD}
        rows.append(
            {
                "label": curve.label,
                "line": f"{line.algorithm} {sorted(others.items(), key=str)}",
                "name": line.algorithm,
                "price": line.hyperparameters.get(_HELD, 0.0),
                "x": curve.estimate[-1],
                "x_low": _float(curve.low[-1]),
                "x_high": _float(curve.high[-1]),
                **_ends(cell.iqm_return),
                "n": cell.n,
            }
        )
    known = [row for row in rows if words.finite(row["estimate"])]
    return pd.DataFrame(known).sort_values("price", kind="stable") if known else pd.DataFrame()


def performance_profile(profiles: Sequence[Profile], level: str) -> Figure:
    """Return the share of runs above each score (Agarwal et al. 2021, figure 4)."""
    frame = series((line.label, line.taus, line.share, line.low, line.high, line.n) for line in profiles)
    lowest, frame = frame.x.min(), frame[frame.x >= _FAR_BELOW]
    cut = " Runs far below the random policy lie left of what is shown." if lowest < _FAR_BELOW else ""
    return Figure(
        "profile",
        "pairwise",
        f"Performance profile: how many runs score above each value; bands pointwise {level}; "
        f"{_runs(profile.n for profile in profiles)} per environment.{cut}",
        "One falling curve per algorithm; higher is better.",
        (
            Panel(
                "curves",
                frame,
                Axis("Normalised score τ", float(frame.x.min()), float(frame.x.max())),
                Axis("Share of runs above", 0.0, 1.02, percent=True),
                "Share of runs above τ",
                _runs(profile.n for profile in profiles),
            ),
        ),
        _labels(profiles),
    )


def pairwise(shown: Sequence[Pair], known: int, level: str) -> Figure:
    """Return the difference that decides each pair; where ranks decide, the probability of improvement."""
    cut = f" The {len(shown)} pairs of {known} with the smallest p-values." if len(shown) < known else ""
    scored = any(words.finite(pair.difference.estimate) for pair in shown)
    values = [pair.difference if scored else pair.probability for pair in shown]
    even = 0.0 if scored else 0.5
    frame = pd.DataFrame(
        {
            "row": place,
            "name": named(pair.a),
            "other": named(pair.b),
            "label": pair.a,
            "against": pair.b,
            **_ends(value),
            "n": pair.n,
            "open": pair.verdict == "undecided",
            "tip": f"{plain(pair.a)} over {plain(pair.b)}: {words.interval(value, 2, [even])}, {_runs([pair.n])}",
        }
        for place, (pair, value) in enumerate(zip(shown, values, strict=True))
    )
    ends = [end for one in values for end in (one.estimate, one.low, one.high)]
    axis = (
        spanning("Score of the left one less that of the right one", [0.0, *ends])
        if scored
        else Axis("Probability that a run of the left one scores higher", -0.02, 1.02)
    )
    return Figure(
        "pairwise",
        "pairwise",
        f"{'The difference that decides' if scored else 'Probability of improvement'} with {level} intervals; "
        f"hollow: undecided; {_runs(pair.n for pair in shown)} per environment.{cut}",
        _spoken((f"{pair.a} over {pair.b}", value) for pair, value in zip(shown, values, strict=True)),
        (
            Panel(
                "intervals",
                frame,
                axis,
                ROWS,
                note=_runs(pair.n for pair in shown),
                levels={"": 0.0 if scored else 0.5},
            ),
        ),
    )


def crossover(lead: Lead, decide: str) -> Figure:
    """Return who leads along the budget: the scores above, the shares of resamples below."""
    seconds = lead.axis == "seconds"
    leaders = [lead.labels[int(np.argmax([share[place] for share in lead.probability_best]))] for place in (0, -1)]
    x = _x_axis(lead.axis, [lead.x], from_zero=False)
    above = f"Score ({sentences.SHORT[decide]})"
    scores = series((label, lead.x, line, (), (), lead.n) for label, line in zip(lead.labels, lead.iqm, strict=True))
    return Figure(
        f"crossover-{lead.axis}" + (f"-{lead.setting}" if lead.setting else ""),
        "crossover",
        f"Who leads{f' {sentences.setting(lead.setting)},' if lead.setting else ''} after how much of "
        f"{'the time' if seconds else 'the budget'}: score by the aggregate that decides (above), and "
        f"the share of bootstrap resamples in which each algorithm is best (below); "
        f"{_runs([lead.n])} per environment, {counted(len(lead.environments), 'environment')}.",
        f"At the start {leaders[0]} leads most often, at the end {leaders[1]}.",
        (
            Panel("curves", scores, x, spanning("Score", scores.estimate), above, _runs([lead.n])),
            Panel(
                "layers",
                _layers(lead),
                x,
                Axis("Share of resamples in which it is best", 0.0, 1.0, percent=True),
                "Share of resamples in which it is best",
            ),
        ),
        lead.labels,
    )


def cost(cells: Sequence[CellEstimate]) -> Figure:
    """Return the CPU seconds of training, a dot per environment."""
    labels = _labels(cells)
    frame = pd.DataFrame(
        {
            "row": labels.index(cell.label),
            "name": named(cell.label),
            "label": cell.label,
            "estimate": cell.train_seconds,
            "n": cell.n,
            "tip": f"{plain(cell.label)}: {_range(cells, cell.label)}",
        }
        for cell in cells
    )
    log = bool(frame.estimate.max() > _LOG_FROM * frame.estimate.min())
    return Figure(
        "cost",
        "cost",
        "CPU seconds of training per run: one mark per environment, the median over its runs; "
        f"{_runs(cell.n for cell in cells)} per mark.",
        "; ".join(f"{label}: {_range(cells, label)}" for label in labels),
        (
            Panel(
                "dots",
                frame,
                spanning("CPU seconds of training per run" + " (log scale)" * log, frame.estimate, log=log),
                ROWS,
                note=_runs(cell.n for cell in cells),
            ),
        ),
    )


def thresholds(environment: str, section: str, cells: Sequence[CellEstimate], end: float) -> Figure:
    """Return the share of runs that have reached the threshold by each step."""
    frame = pd.concat([_staircase(cell, end) for cell in cells], ignore_index=True)
    runs = _runs(cell.threshold.n for cell in cells)
    return Figure(
        f"{section}-threshold",
        section,
        f"{environment}: share of runs that have reached the threshold by each step; {runs}.",
        "; ".join(f"{cell.label}: {cell.threshold.reached} of {cell.threshold.n} runs" for cell in cells),
        (
            Panel(
                "staircases",
                frame,
                Axis(_AXES["steps"], 0.0, 1.01 * end),
                Axis("Share of runs at the threshold", 0.0, 1.02, percent=True),
                f"{short(environment)}: runs at the threshold",
                runs,
            ),
        ),
        _labels(cells),
        choice=(environment, "runs at the threshold", _WHILE["steps"]),
    )


def published(lines: Sequence[PublishedVerdict]) -> Iterator[Figure]:
    """Yield a figure per environment: the runs as dots, the published numbers as diamonds."""
    run = [line for line in lines if line.verdict in JUDGED and line.values]
    for place, environment in enumerate(sorted({line.environment for line in run}), start=1):
        mine = sorted((line for line in run if line.environment == environment), key=lambda line: line.label)
        frame = pd.concat([_strip(row, line, mine) for row, line in enumerate(mine)], ignore_index=True)
        yield Figure(
            f"published-{place}",
            "published",
            f"{environment}: {counts(mine)}. Dots are our runs, the diamond is the published number.",
            "; ".join(f"{line.label} {line.verdict}, published {words.number(line.published)}" for line in mine),
            (
                Panel(
                    "strips",
                    frame,
                    spanning("Mean return", [*frame.estimate, *frame.low, *frame.high], pad=0.05),
                    ROWS,
                    environment,
                ),
            ),
        )


def spanning(name: str, values: Iterable[float | None], *, pad: float = 0.04, log: bool = False) -> Axis:
    """Return an axis that holds all finite values with some air around; 0 to 1 where there is none."""
    known = [value for value in filter(words.finite, values) if value > _LEAST or not log]
    low, high = min(known, default=0.0), max(known, default=1.0)
    if log:
        low, high = (low, high) if high > low > 0 else ((low or 1.0) / 2, (high or 1.0) * 2)
        return Axis(name, low, high, log=True)
    # Values that differ in their last digits alone are one value: no tick would fit between them.
    apart = high - low > max(_LEAST, _APART * max(abs(low), abs(high)))
    air = pad * (high - low) if apart else max(abs(high), 1.0) / 2
    return Axis(name, low - air, high + air)


def named(label: str) -> str:
    """Return a label as it stands beside a plot: over several lines where it is too long for one."""
    lines = wrap(plain(label), _LONGEST_LABEL, break_long_words=False, break_on_hyphens=False)
    return "\n".join(map(short, lines))


def short(label: str, most: int = _LONGEST_LABEL) -> str:
    """Return a text, cut where it is too long for one line of a figure: in the middle: the end tells many apart."""
    text = plain(label)
    if len(text) <= most:
        return text
    word = text.partition(" ")[0] + " "
    head = min(len(word), most // 3)
    return f"{text[:head]}…{text[head + 1 - most :]}"


# Frames.


def _curves(
    curves: Sequence[CurveEstimate], title: str, y_name: str, levels: Mapping[str, float], *, thin: bool
) -> Panel:
    frame = series((curve.label, curve.x, curve.estimate, curve.low, curve.high, curve.n) for curve in curves)
    return Panel(
        "curves",
        frame,
        _x_axis(curves[0].axis, [curve.x for curve in curves], from_zero=True),
        # A single run far off must not press all others flat: it leaves the plot instead.
        _from_random(spanning(y_name, [*frame.estimate, *frame.low, *frame.high, *levels.values()], pad=0.06), levels),
        title,
        _runs(curve.n for curve in curves),
        levels,
        _single_runs(curves) if thin else None,
    )


def _from_random(axis: Axis, levels: Mapping[str, float]) -> Axis:
    """Return the axis cut a little below the random policy, where what lies further down would press the rest flat."""
    if not {"random", "target"} <= levels.keys():
        return axis
    reach = levels["target"] - levels["random"]
    deep = levels["random"] - axis.low > _DEEP * reach > 0
    return replace(axis, low=levels["random"] - _DEEP * reach) if deep else axis


Series = tuple[str, Sequence[float], Sequence[float | None], Sequence[float | None], Sequence[float | None], int]
"""Label, x, estimate, low, high, n; low and high may be empty."""


def series(lines: Iterable[Series]) -> pd.DataFrame:
    """Return the frame of a panel of curves: the lines one below the other, a row per point."""
    parts = [
        pd.DataFrame(
            {
                "label": label,
                "x": np.array(x, dtype=float),
                "estimate": np.array(estimate, dtype=float),
                "low": np.array(low or [None] * len(x), dtype=float),
                "high": np.array(high or [None] * len(x), dtype=float),
                "n": n,
            }
        )
        for label, x, estimate, low, high, n in lines
    ]
    return pd.concat(parts, ignore_index=True)


def _single_runs(curves: Sequence[CurveEstimate]) -> pd.DataFrame:
    parts = []
    for curve in curves:
        values, x = np.array(curve.runs, float), np.array(curve.x, float)
        if values.size:
            run = np.repeat(np.arange(len(values)), len(x))
            parts.append(
                pd.DataFrame({"label": curve.label, "run": run, "x": np.tile(x, len(values)), "y": values.ravel()})
            )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["label", "run", "x", "y"])


def _layers(lead: Lead) -> pd.DataFrame:
    """Return the shares of all algorithms, stacked from above: the first one's layer lies on top."""
    shares = np.array(lead.probability_best)
    tops = np.clip(1 - np.vstack([np.zeros_like(shares[:1]), np.cumsum(shares, axis=0)[:-1]]), 0, 1)
    return series(
        (label, lead.x, share, np.clip(top - share, 0, 1).tolist(), top.tolist(), lead.n)
        for label, share, top in zip(lead.labels, shares, tops, strict=True)
    )


def _staircase(cell: CellEstimate, end: float) -> pd.DataFrame:
    """Return where each run arrives: a level is held until the next run gets there."""
    steps = sorted(step for step in cell.threshold.steps if step is not None)
    runs = len(cell.threshold.steps)
    share = [place / runs for place in range(len(steps) + 1)]
    return series([(cell.label, [0.0, *steps, end], [*share, share[-1]], (), (), cell.threshold.n)])


def _whiskers(
    columns: Mapping[str, Sequence[Interval]],
    labels: Sequence[str],
    names: Sequence[str],
    runs: Sequence[int],
    beside: Mapping[str, Sequence[Interval]] = MappingProxyType({}),
) -> tuple[Panel, ...]:
    """Return a plot per column, with a row per algorithm in each; `beside`: what stands hollow in a row below it."""
    tips = [
        f"{plain(name)}: {'; '.join(words.interval(values[place], 2) for values in columns.values())}"
        for place, name in enumerate(names)
    ]
    panels = []
    for title, values in columns.items():
        rows = []
        for place, (label, name, value, n, tip) in enumerate(zip(labels, names, values, runs, tips, strict=True)):
            rows.append({"name": name, "label": label, **_ends(value), "n": n, "open": False, "tip": tip})
            if title in beside:
                other = beside[title][place]
                tip_below = f"rliable: {words.interval(other, 2)}"
                rows.append({**rows[-1], "name": "rliable", **_ends(other), "open": True, "tip": tip_below})
        frame = pd.DataFrame({"row": row, **line} for row, line in enumerate(rows))
        axis = spanning("", [*frame.estimate, *frame.low, *frame.high], pad=0.06)
        panels.append(Panel("intervals", frame, axis, ROWS, title))
    return tuple(panels)


def _strip(row: int, line: PublishedVerdict, lines: Sequence[PublishedVerdict]) -> pd.DataFrame:
    """Return one number's runs, and it itself as the row that is not `open`."""
    alone = sum(other.label == line.label for other in lines) == 1
    name = line.label if alone else f"{line.label}, {line.table}"
    tip = f"{plain(name)}: published {words.number(line.published)}, our {line.n} runs {words.number(min(line.values))}"
    low, high = (None, None) if line.theirs is None else (line.theirs.low, line.theirs.high)
    shared = {"row": row, "name": named(name), "label": line.label, "other": line.verdict, "n": line.n}
    tip = f"{tip} to {words.number(max(line.values))}: {line.verdict}"
    points = [(value, None, None, True) for value in line.values] + [(line.published, low, high, False)]
    return pd.DataFrame(
        {**shared, "estimate": float(value), "low": _float(low), "high": _float(high), "open": hollow, "tip": tip}
        for value, low, high, hollow in points
    )


def _ends(value: Interval) -> dict[str, float]:
    return {"estimate": _float(value.estimate), "low": _float(value.low), "high": _float(value.high)}


def _float(value: float | None) -> float:
    return math.nan if value is None else float(value)


# Axes and words.


def _x_axis(kind: str, xs: Sequence[Sequence[float]], *, from_zero: bool) -> Axis:
    """Return the x axis; seconds on a log axis where some algorithm is many times slower than another."""
    positive = [value for x in xs for value in x if value > 0]
    # Curves of one figure are compared by their ends; where all share their points, these points themselves.
    compared = [max(x) for x in xs if x and max(x) > 0] if from_zero else positive
    if kind == "seconds" and compared and max(compared) > _LOG_FROM * min(compared):
        return spanning(f"{_AXES[kind]} (log scale)", positive, log=True)
    low = 0.0 if from_zero else min(xs[0])
    high = max(positive, default=1.0)
    if high <= low:
        return spanning(_AXES[kind], xs[0])
    return Axis(_AXES[kind], low, high, percent=kind == "share")


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
