"""Verdicts on published numbers in, figures of every published number among our runs out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from bench.records import PublishedVerdict
from bench.report import axes, palette, words
from bench.report.axes import Panel, Scale
from bench.report.figures import Picture, short
from bench.report.published import JUDGED, counts
from bench.report.scene import BLACK, MUTED, SIZE, Dots, Group, Mark, Scene, Stroke, Words, text_width

_WIDTH, _ROW, _TOP, _UNDER, _GAP = 403.0, 18.0, 22.0, 34.0, 10.0


def every(lines: Sequence[PublishedVerdict], styles: Mapping[str, palette.Style]) -> Iterator[Picture]:
    """Yield a figure per environment: the runs as dots, the published numbers as diamonds."""
    run = [line for line in lines if line.verdict in JUDGED and line.values]
    for place, environment in enumerate(sorted({line.environment for line in run}), start=1):
        mine = sorted((line for line in run if line.environment == environment), key=lambda line: line.label)
        yield Picture(
            f"published-{place}",
            "published",
            f"{environment}: {counts(mine)}. Dots are our runs, the diamond is the published number.",
            "; ".join(f"{line.label} {line.verdict}, published {words.number(line.published)}" for line in mine),
            _strips(environment, mine, styles),
            (),
        )


def _name(line: PublishedVerdict, lines: Sequence[PublishedVerdict]) -> str:
    """Return the algorithm, with the source where several tell of it."""
    alone = sum(other.label == line.label for other in lines) == 1
    return short(line.label if alone else f"{line.label}, {line.table}")


def _strips(environment: str, lines: Sequence[PublishedVerdict], styles: Mapping[str, palette.Style]) -> Scene:
    names = [_name(line, lines) for line in lines]
    left = max(map(text_width, names)) + _GAP
    right = max(text_width(line.verdict) for line in lines) + _GAP
    ends = [end for line in lines if line.theirs for end in (line.theirs.low, line.theirs.high)]
    values = [*ends, *(value for line in lines for value in (*line.values, line.published))]
    panel = Panel(
        left,
        _TOP,
        _WIDTH - left - right,
        _ROW * len(lines),
        axes.spanning(values, pad=0.05),
        Scale(len(lines) - 0.5, -0.5),
    )
    marks: list[Mark] = [
        *axes.x_axis(panel, "Mean return", axes.compact, most=5),
        *axes.heading(panel, environment, ""),
    ]
    for place, (name, line) in enumerate(zip(names, lines, strict=True)):
        marks.append(_strip(panel, place, name, line, styles[line.label]))
    return Scene(_WIDTH, panel.bottom + _UNDER, tuple(marks))


def _strip(panel: Panel, place: int, name: str, line: PublishedVerdict, style: palette.Style) -> Group:
    y = float(panel.down([place])[0])
    runs = np.column_stack([panel.across(line.values), np.full(len(line.values), y)])
    published = np.array([[float(panel.across([line.published])[0]), y]])
    ends = (line.published,) * 2 if line.theirs is None else (line.theirs.low, line.theirs.high)
    theirs = np.column_stack([panel.across(ends), [y, y]])
    across = np.array([[panel.left, y], [panel.right, y]])
    row = (
        Stroke([across], MUTED, 0.4, alpha=0.5),
        Words(panel.left - 8, y + 0.34 * SIZE, name, BLACK, "end"),
        Dots(runs, "o", style.ink, 5.0, hollow=True),
        Stroke([theirs], BLACK, 1.2),
        Dots(published, "D", BLACK, 5.5),
        Words(panel.right + 8, y + 0.34 * SIZE, line.verdict, MUTED if line.verdict == "reproduced" else BLACK),
    )
    tip = f"{name}: published {words.number(line.published)}, our {line.n} runs {words.number(min(line.values))}"
    return Group(row, "row", style.place, {"tip": f"{tip} to {words.number(max(line.values))}: {line.verdict}"})
