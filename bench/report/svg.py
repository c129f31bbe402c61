"""A scene in; an SVG file, an SVG element for a page out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import cast
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from bench.report import palette
from bench.report.scene import Dots, Fill, Group, Ink, Mark, Points, Scene, Stroke, Words, shape

UNITS = 10
"""SVG units per point: coordinates are whole numbers, half as long as decimals."""
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


def to_svg(scene: Scene) -> str:
    """Return the scene as the text of an SVG file that stands alone: fixed colours, letters as letters."""
    view = f"0 0 {_units(scene.width)} {_units(scene.height)}"
    size = f'width="{scene.width:.0f}pt" height="{scene.height:.0f}pt"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="{view}" font-family="{palette.SANS}">'
    return _DECLARATION + head + "".join(_marks(scene.marks, _fixed, facts=False)) + "</svg>\n"


def inline(scene: Scene) -> str:
    """Return the scene as an `<svg>` element for a page: the page's colours, and facts for its script.

    Colours are classes (`s0`, ... for the algorithms; `ink`, `muted`, `rule`, `paper`) that set `color`.
    """
    view = f"0 0 {_units(scene.width)} {_units(scene.height)}"
    return f'<svg viewBox="{view}">' + "".join(_marks(scene.marks, _themed, facts=True)) + "</svg>"


def sample(style: palette.Style) -> str:
    """Return a short line with its marker, as a legend shows an algorithm, for a page."""
    line = np.array([[0.0, 5.0], [26.0, 5.0]])
    ink = Ink("", style.place)
    marks = (Stroke([line], ink, 1.8, style.dash), Dots(np.array([[13.0, 5.0]]), style.marker, ink, 5.0))
    return f'<svg viewBox="0 0 260 100" aria-hidden="true">{"".join(_marks(marks, _themed, facts=False))}</svg>'


Colour = Callable[[Ink, str], str]
"""(ink, `stroke` or `fill`) -> attributes that paint so."""


def _fixed(ink: Ink, what: str) -> str:
    return f' {what}="{palette.hexadecimal(ink)}"'


def _themed(ink: Ink, what: str) -> str:
    name = f"s{ink.series % len(palette.LIGHT)}" if ink.series is not None else ink.name
    return f' class="{name}" {what}="currentColor"'


def _marks(marks: Sequence[Mark], colour: Colour, *, facts: bool) -> Iterator[str]:
    for mark in marks:
        if isinstance(mark, Group):
            yield (_opening(mark) if facts else "<g>") + _window(mark)
            yield from _marks(mark.marks, colour, facts=facts)
            yield "</svg></g>" if mark.clip else "</g>"
        else:
            yield cast("Callable[[Mark, Colour], str]", _WRITERS[type(mark)])(mark, colour)


def _opening(group: Group) -> str:
    known: Mapping[str, str] = {"series": str(group.series)} if group.series is not None else {}
    told = "".join(f" data-{name}={quoteattr(value)}" for name, value in {**known, **group.facts}.items())
    return f'<g class="{group.css}"{told}>'


def _window(group: Group) -> str:
    """Return an element that clips: an inner `<svg>` does so without an id, of which a page may hold each once."""
    if group.clip is None:
        return ""
    left, top, width, height = map(_units, group.clip)
    place = f'x="{left}" y="{top}" width="{width}" height="{height}"'
    return f'<svg {place} viewBox="{left} {top} {width} {height}" overflow="hidden">'


def _stroke(mark: Stroke, colour: Colour) -> str:
    more = f' stroke-dasharray="{" ".join(str(_units(part)) for part in mark.dash)}"' if mark.dash else ""
    more += f' stroke-opacity="{mark.alpha:g}"' if mark.alpha < 1 else ""
    more += ' stroke-linecap="round"' if mark.cap == "round" else ""
    width = f'stroke-width="{_units(mark.width)}"'
    return f'<path d="{_path(mark.lines)}" fill="none" {width}{more}{colour(mark.ink, "stroke")}/>'


def _fill(mark: Fill, colour: Colour) -> str:
    more = f' fill-opacity="{mark.alpha:g}"' if mark.alpha < 1 else ""
    return f'<path d="{_path(mark.outlines, close=True)}"{more}{colour(mark.ink, "fill")}/>'


def _dots(mark: Dots, colour: Colour) -> str:
    outlines = [np.array(shape(mark.marker, mark.size)) + place for place in mark.at]
    path = _path(outlines, close=True)
    if mark.hollow:
        return f'<path d="{path}" fill="none" stroke-width="10"{colour(mark.ink, "stroke")}/>'
    return f'<path d="{path}"{colour(mark.ink, "fill")}/>'


def _words(mark: Words, colour: Colour) -> str:
    anchor = "" if mark.anchor == "start" else f' text-anchor="{mark.anchor}"'
    bold = ' font-weight="600"' if mark.bold else ""
    place = f'x="{_units(mark.x)}" y="{_units(mark.y)}" font-size="{_units(mark.size)}"'
    return f"<text {place}{anchor}{bold}{colour(mark.ink, 'fill')}>{escape(mark.text)}</text>"


_WRITERS = {Stroke: _stroke, Fill: _fill, Dots: _dots, Words: _words}


def _units(length: float) -> int:
    return round(length * UNITS)


def _path(lines: Sequence[Points], *, close: bool = False) -> str:
    """Return path data: one absolute start per line, then steps relative to the point before."""
    return "".join(_line(line) + ("z" if close else "") for line in lines if len(line))


def _line(points: Points) -> str:
    # Steps between rounded points, so that errors do not add up.
    whole = np.rint(np.asarray(points) * UNITS).astype(int)
    x, y = whole[0].tolist()
    moves = np.diff(whole, axis=0)
    steps = " ".join(map(str, moves[moves.any(axis=1)].ravel().tolist())).replace(" -", "-")
    return f"M{x} {y}" + (f"l{steps}" if steps else "")
