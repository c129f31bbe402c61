"""What tuning came to in; its page and its tables as files out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from bench.plain import counted
from bench.records import Interval
from bench.report import palette, sheet, words
from bench.report.figures import ROWS, Axis, Figure, Panel, Series, named, series, spanning
from bench.report.order import Places
from bench.report.sentences import span
from bench.report.sheet import Section, Sheet
from bench.report.table import Cell, Column, Table
from bench.tune import sentences
from bench.tune.effort import last_with_interval
from bench.tune.outcome import Tuned
from bench.tune.protocol import FEWEST_EFFORTS
from bench.tune.search import Pair, Search
from bench.tune.worth import Effort, Worth

_ROOM = 0.04
"""Of the scores' range, above and below the curves."""
_FAR_BELOW = -1.0
"""As far below the random policy as the target lies above it: from there on down a plot of single runs leaves off."""
_RUN = (
    "A tuning run is one run of one configuration; the best by its run is kept, and its score on another run is shown. "
    "The library's defaults are the first candidate; their score is read in all their runs that did not choose: of the "
    "search, fresh ones where they were among the best, and the suite's own runs where it has any of the same settings."
)
_FEW = (
    "From so few configurations most differences between algorithms cannot be told: look at the intervals. Phi has a "
    "standard error of 0.07 to 0.10 with 24 configurations."
)


def write(search: Search, tuned: Mapping[Pair, Tuned], found: Worth, folder: Path) -> Path:
    """Write the page and its tables into `folder`; return the page."""
    names = list(search.entries)
    hours = sum(one.core_seconds for one in tuned.values()) / 3600
    figures = list(_figures(found))
    page = Sheet(
        f"Tuning for {search.suite.title}",
        "Which algorithm, with how much tuning?",
        sentences.headline(found),
        (
            f"{len(tuned)} of {counted(len(search.pairs), 'pair')}",
            f"{counted(search.protocol.configurations, 'configuration')} each",
            f"{words.number(hours, 2)} core hours",
            f"tuning seed {search.protocol.tuning_seed}",
        ),
        tuple(_sections(search, tuned, found, figures[1:])),
        Places({}, {}, styles=palette.styles(names)),
        more=[text for text in (sentences.confirmed(found), sentences.price(found)) if text],
        cautions=(*_caveats(search, tuned), *sentences.as_tuned(search.spaces.values(), found)),
        figures=figures[:1],
    )
    return sheet.write(page, folder)


def kept(tuned: Mapping[Pair, Tuned]) -> Table:
    """Return a row per pair: what is kept, and what it is worth on fresh seeds."""
    return Table(
        "kept",
        "What is kept; score 0 is the random policy, 1 the target",
        (
            Column("Algorithm", numeric=False),
            Column("Environment", numeric=False),
            Column("Configuration"),
            Column(
                "Fresh score",
                places=2,
                hint="by fresh runs that had no part in choosing it: all but one choose, and that one is read",
            ),
            Column("n", hint="fresh runs"),
            Column("Defaults", places=2, hint="score of the library's defaults, by all their runs that did not choose"),
            Column("Core hours", places=2),
            Column("Failed", hint="runs that failed or made no update, and scored as the random policy"),
        ),
        tuple(_kept_row(one) for one in tuned.values()),
    )


def settings(tuned: Mapping[Pair, Tuned]) -> Table:
    """Return a row per pair: the settings that are kept."""
    return Table(
        "settings",
        "The settings that are kept: the suite's set tuned",
        (
            Column("Algorithm", numeric=False),
            Column("Environment", numeric=False),
            Column("Settings", numeric=False, wraps=True),
        ),
        tuple(
            (
                Cell(one.algorithm),
                Cell(one.environment),
                Cell(words.settings(one.settings) if one.settings else sentences.DEFAULTS),
            )
            for one in tuned.values()
            if one.settings is not None
        ),
    )


def efforts(found: Worth) -> Table:
    """Return a row per mean and per pair: the score after so many tuning runs."""
    longest = max((len(one.curve) for one in found.efforts), default=1)
    shown = [k for k in (1, FEWEST_EFFORTS, longest // 2, longest) if k <= longest]
    marks = list(dict.fromkeys(k for k in shown if k in {1, longest} or k >= FEWEST_EFFORTS))
    return Table(
        "effort",
        "Fresh score of the best of so many candidates, the library's defaults among them",
        (
            Column("Algorithm", numeric=False),
            Column("Environment", numeric=False),
            *(Column("no tuning" if k == 1 else f"{k} runs", places=2) for k in marks),
            Column("Defaults' runs", hint="behind the score with no tuning"),
            Column(
                "One draw, no defaults",
                interval=True,
                places=2,
                hint="mean over the search space, with its 95 % interval",
            ),
            Column(
                "Looked better by",
                places=2,
                hint="winner's curse at full effort: the best by its first run, less the mean of its fresh runs",
            ),
            Column("Core seconds a run", places=1),
        ),
        tuple(
            (
                Cell(one.algorithm),
                Cell(one.environment or sentences.mean_of(found)),
                *(Cell(one.curve[k - 1]) for k in marks),
                Cell(min(one.default_runs), span(min(one.default_runs), max(one.default_runs))),
                Cell(one.drawn[0]),
                Cell(one.curse),
                Cell(one.seconds[-1] / len(one.seconds)),
            )
            for one in (*found.means, *found.efforts)
        ),
    )


def sensitivities(found: Worth) -> Table:
    """Return a row per pair: how much the result depends on the settings."""
    return Table(
        "sensitivity",
        "How much the score depends on the settings",
        (
            Column("Algorithm", numeric=False),
            Column("Environment", numeric=False),
            Column("Spread", places=2, hint="interquartile range of the scores of single runs of drawn configurations"),
            Column(
                "Near the best",
                interval=True,
                places=2,
                hint="share of configurations within 0.1 of the best's fresh mean",
            ),
            Column("Never learn", places=2, hint="share of drawn configurations of which no run scores 0.1"),
            Column("Defaults' rank", hint="among all configurations by their mean, 1 is best"),
            Column("Configurations"),
        ),
        tuple(
            (
                Cell(algorithm),
                Cell(environment),
                Cell(one.spread),
                Cell(Interval(one.near, one.low, one.high, one.configurations)),
                Cell(one.never),
                Cell(one.rank),
                Cell(one.configurations),
            )
            for (algorithm, environment), one in found.sensitivities.items()
        ),
    )


def phis(found: Worth) -> Table:
    """Return a row per algorithm: what settings of its own for each environment gain over common ones."""
    return Table(
        "phi",
        "What settings of their own for each environment gain over the best common ones (Phi, Adkins et al. 2024), "
        f"{sentences.mean_of(found)}",
        (Column("Algorithm", numeric=False), Column("Phi", interval=True, places=2)),
        tuple((Cell(algorithm), Cell(one)) for algorithm, one in found.phis.items()),
    )


def spaces(search: Search) -> Table:
    """Return a row per setting that is searched."""
    return Table(
        "spaces",
        f"What is searched: {next(iter(search.spaces.values())).rule}",
        (
            Column("Algorithm", numeric=False),
            Column("Setting", numeric=False),
            Column("Values", numeric=False, wraps=True),
            Column("Limit or condition", numeric=False, wraps=True),
            Column("Default", numeric=False),
        ),
        tuple(
            (
                Cell(name),
                Cell(one.name),
                Cell(one.range_in_words()),
                Cell(one.condition_in_words()),
                Cell(words.setting(one.default)),
            )
            for name, searched in search.spaces.items()
            for one in searched.dimensions
        ),
    )


def _sections(
    search: Search, tuned: Mapping[Pair, Tuned], found: Worth, figures: Sequence[Figure]
) -> Iterator[Section]:
    if found.efforts:
        n = search.protocol.configurations - 1
        yield Section(
            "effort",
            "After how much tuning",
            [_RUN, sentences.no_interval(n, last_with_interval(n)), sentences.order(found)],
            figures=figures,
            tables=(efforts(found),),
        )
    else:
        yield Section("effort", "After how much tuning", (sentences.NO_AXIS,))
    yield Section("kept", "What is kept", tables=(kept(tuned),))
    if (chosen := settings(tuned)).rows:
        yield Section("settings", "Its settings", tables=(chosen,), folded="Every setting that is kept")
    if found.sensitivities:
        yield Section(
            "sensitivity",
            "Hard to tune, or robust without",
            (_FEW,),
            figures=tuple(spreads([tuned[pair] for pair in found.sensitivities])),
            tables=(sensitivities(found), *([phis(found)] if found.phis else [])),
        )
    source = {one.source for one in search.spaces.values()}
    told = [f"Source: {text}." for text in sorted(source)]
    yield Section("spaces", "Search spaces", told, tables=(spaces(search),), folded="Every setting with its range")


def _caveats(search: Search, tuned: Mapping[Pair, Tuned]) -> Iterator[str]:
    if waiting := [f"{algorithm} on {place}" for algorithm, place in search.pairs if (algorithm, place) not in tuned]:
        yield f"Not finished, and not shown: {', '.join(waiting)}. `bench tune` goes on from here."
    yield from map(words.sentence, search.broken_defaults())
    yield from (f"{note}." for note in search.notes)


def _kept_row(one: Tuned) -> tuple[Cell, ...]:
    chosen = one.kept
    return (
        Cell(one.algorithm),
        Cell(one.environment),
        Cell(None if chosen is None else chosen.number, note="" if chosen else "the fresh runs are not all there"),
        Cell(one.worth),
        Cell(None if chosen is None else len(chosen.scores)),
        Cell(one.landscape.default),
        Cell(one.core_seconds / 3600),
        Cell(one.failed),
    )


def spreads(tuned: Sequence[Tuned]) -> Iterator[Figure]:
    """Yield a figure per environment: a row per algorithm, with every run of a drawn configuration and the defaults."""
    for place, environment in enumerate(dict.fromkeys(one.environment for one in tuned), start=1):
        mine = [one for one in tuned if one.environment == environment]
        frame = pd.concat([_spread(row, one) for row, one in enumerate(mine)], ignore_index=True)
        # Few runs far below would press all others into one.
        near = frame.estimate[frame.estimate >= _FAR_BELOW]
        axis = spanning("Score (0 random policy, 1 target)", [*near, *frame.low, *frame.high])
        left = int((frame.estimate < axis.low).sum())
        beyond = f" Left of the plot: {counted(left, 'run')}." * (left > 0)
        yield Figure(
            f"sensitivity-{place}",
            "sensitivity",
            f"Scores of single runs, {environment}. Rings are runs of drawn configurations; the diamond is what "
            f"the defaults are worth, its line goes from their lowest run to the highest.{beyond}",
            "; ".join(frame.tip.unique()),
            (Panel("strips", frame, axis, ROWS, environment),),
        )


def _spread(row: int, one: Tuned) -> pd.DataFrame:
    """Return a row's rings, and its diamond as what is not `open`."""
    drawn, default = one.landscape.scores[1:].ravel(), one.landscape.defaults
    mean, low, high = one.landscape.default, float(default.min()), float(default.max())
    ends = f"{words.number(float(drawn.min()), 2)} to {words.number(float(drawn.max()), 2)}"
    tip = f"{one.algorithm}: {counted(len(drawn), 'run')} from {ends}, defaults {words.number(mean, 2)}"
    points = [(score, np.nan, np.nan, True) for score in drawn] + [(mean, low, high, False)]
    return pd.DataFrame(points, columns=["estimate", "low", "high", "open"]).assign(
        row=row, name=named(one.algorithm), label=one.algorithm, n=len(drawn), tip=tip
    )


def _figures(found: Worth) -> Iterator[Figure]:
    where = words.capital(sentences.mean_of(found)) if found.means else sentences.mean_of(found)
    if found.means:
        yield _figure("effort-mean", where, found.means)
    if found.compared:
        yield _by_seconds(where, found.compared)
    for place, environment in enumerate(dict.fromkeys(one.environment for one in found.efforts), start=1):
        mine = [one for one in found.efforts if one.environment == environment]
        yield _figure(f"effort-{place}", environment, mine)


def _figure(name: str, where: str, found: Sequence[Effort]) -> Figure:
    n = len(found[0].drawn)
    last = last_with_interval(n)
    own = series((one.algorithm, range(1, len(one.curve) + 1), one.curve, (), (), n) for one in found)
    drawn = series(_drawn(one.algorithm, one.drawn[:last], n) for one in found)
    faint = pd.DataFrame(
        [(one.algorithm, 0, k, line.estimate) for one in found for k, line in enumerate(one.drawn, start=1)],
        columns=["label", "run", "x", "y"],
    )
    x = Axis("Tuning runs", 1, max(len(one.curve) for one in found))
    panels = [Panel("curves", own, x, _scores([*own.estimate]), f"{where}: score, the defaults included")]
    if last:
        # Bad draws lie far below: on one axis they would press the lines above into one.
        y = _scores([*drawn.low, *drawn.high, *faint.y])
        sure = ", 95 % intervals" if drawn.low.notna().any() else ""
        panels.append(Panel("curves", drawn, x, y, f"Score without the defaults{sure}", runs=faint))
    return Figure(
        name,
        "effort",
        f"{where}: score after so many tuning runs. Where a line falls, that is the luck of the few runs behind it.",
        "One line an algorithm: fresh score of the best of k candidates against k.",
        tuple(panels),
        tuple(one.algorithm for one in found),
    )


def _drawn(label: str, lines: Sequence[Interval], n: int) -> Series:
    """Return the best of k drawn candidates against k, with limits."""
    low, high = [line.low for line in lines], [line.high for line in lines]
    return label, range(1, len(lines) + 1), [line.estimate for line in lines], low, high, n


def _by_seconds(where: str, found: Sequence[Effort]) -> Figure:
    n = len(found[0].drawn)
    frame = series((one.algorithm, one.seconds, one.curve, (), (), n) for one in found)
    low, high = float(frame.x.min()), float(frame.x.max())
    axis = Axis("CPU seconds of tuning, per environment", low, max(high, low * 1.1), log=high > 8 * low > 0)
    panel = Panel("curves", frame, axis, _scores(frame.estimate.tolist()), "Score, the defaults included")
    return Figure(
        "effort-seconds",
        "effort",
        f"{where}: score after so many seconds of tuning on one core.",
        "One line an algorithm: the same scores against what the runs took.",
        (panel,),
        tuple(one.algorithm for one in found),
    )


def _scores(values: Sequence[float | None]) -> Axis:
    known = list(filter(words.finite, values))
    low, high = min(0.0, *known), max(1.0, *known)
    room = _ROOM * (high - low)
    return Axis("Score", low - room, high + room)
