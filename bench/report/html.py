"""A table in, HTML for the page out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from urllib.parse import quote

from bench.plain import plain
from bench.report import words
from bench.report.order import Places
from bench.report.palette import Style
from bench.report.table import Cell, Column, Table, letters

NAMES = frozenset({"Algorithm", "A", "B", "Choose"})
"""Headings under which algorithms stand: they get their colour's dot."""

FILES = {"r": ("trial.json", "record"), "f": ("failure.json", "failure"), "l": ("log.txt", "log")}
"""Letter -> file in a trial's folder and what the page calls it: definition and record, failure, log."""


def quoted(name: str) -> str:
    """Return a folder's name as part of a link."""
    return quote(name, safe="")


def table(content: Table, places: Places, paths: Sequence[str] = (), *, css: str = "") -> str:
    """Return the table with its caption, links to its files, and footnotes."""
    content = content.on_page()
    return _framed(content, "".join(_rows(content, places)), paths, f"sortable {css}".strip()) + _footnotes(content)


def frame(content: Table, paths: Sequence[str] = (), *, css: str = "") -> str:
    """Return the table without rows, for a script to fill."""
    return _framed(content, "", paths, f"sortable {css}".strip())


def files(paths: Sequence[str]) -> str:
    """Return links to files beside the page, by their endings."""
    links = " · ".join(f'<a href="{escape(path)}">{path.rsplit(".", 1)[1].upper()}</a>' for path in paths)
    return f'<span class="files">{links}</span>' if paths else ""


def swatch(look: Style) -> str:
    """Return the dot of an algorithm's colour."""
    return f'<i class="swatch s{look.slot}"></i>'


def packed(content: Table, folders: Mapping[str, str], places: Places) -> str:
    """Return the audit table's rows as JSON for the page's script, every value as the page shows it.

    `[[group, colour, algorithm, environment, folder, [[seed, ..., fingerprint, folder, files], ...]], ...]`: rows of
    one group share algorithm, environment and the beginning of the folder's name, so that these are written once.

    Args:
        content: the table of trials.
        folders: folder -> the files in it that the page links to, as letters (see `FILES`).
        places: give each algorithm its colour.
    """
    found: dict[str, tuple[str, str, str, list[list[str]]]] = {}
    for group, shown in zip(content.groups, content.shown(), strict=True):
        label, environment, *values, folder, _ = shown
        ending = f"--seed-{values[0]}--{values[-1]}"
        start = folder.removesuffix(ending)
        *_, common, rows = found.setdefault(group, (label, environment, start, []))
        rows.append([*values, "" if folder == common + ending else folder, folders.get(folder, "")])
    told = [[group, places.styles[rest[0]].slot, *rest] for group, rest in found.items()]
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    # Nothing inside may end the script element that holds it.
    return text.replace("<", "\\u003c")


def _framed(content: Table, body: str, paths: Sequence[str], css: str) -> str:
    name = content.name
    caption = f"<span>{escape(plain(content.caption))} {files(paths)}</span>"
    head = "".join(map(_heading, content.columns))
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-labelledby="caption-{name}">\n'
        f'<table id="table-{name}" class="{css}">\n<caption id="caption-{name}">{caption}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n</div>\n"
    )


def _heading(column: Column) -> str:
    hint = f' title="{escape(column.hint)}"' if column.hint else ""
    return f'<th scope="col" class="{"number" if column.numeric else "word"}"{hint}>{escape(column.name)}</th>'


def _rows(content: Table, places: Places) -> Iterator[str]:
    before = ""
    for number, (row, shown, marks) in enumerate(zip(content.rows, content.shown(), content.marks(), strict=True)):
        group = content.groups[number] if content.groups else ""
        named = content.anchors[number] if content.anchors else ""
        cells = "".join(
            _cell(*parts, places, head=place == 0)
            for place, parts in enumerate(zip(row, content.columns, shown, marks, strict=True))
        )
        # The first row of each cell, and of each algorithm, is where links to their trials arrive.
        first = f'<i id="trials-{group.partition("-")[0]}"></i>' if _algorithm(group) != _algorithm(before) else ""
        cells = cells.replace('<th scope="row">', f'<th scope="row">{first}', 1)
        named = f"trials-{group}" if group != before else named
        yield f"<tr{_attribute('id', named)}{_attribute('data-group', group)}>{cells}</tr>\n"
        before = group


def _algorithm(group: str) -> str:
    return group.partition("-")[0]


def _attribute(name: str, value: str) -> str:
    return f' {name}="{escape(value)}"' if value else ""


def _cell(cell: Cell, column: Column, shown: str, mark: str, places: Places, *, head: bool) -> str:
    look = places.styles.get(str(cell.value)) if column.name in NAMES else None
    dot = "" if look is None else swatch(look)
    note = f'<sup title="{escape(cell.footnote)}">{mark}</sup>' if mark else ""
    inner = dot + _content(cell, shown) + note
    if head:
        return f'<th scope="row">{inner}</th>'
    css = " ".join(name for name, holds in (("w", not column.numeric), ("wraps", column.wraps)) if holds)
    return f"<td{_attribute('class', css)}>{inner}</td>"


def _content(cell: Cell, shown: str) -> str:
    if cell.parts:
        return "".join(f'<span class="part">{_linked(text, link)}</span>' for text, link in cell.parts)
    return _linked(shown, cell.link)


def _linked(text: str, link: str) -> str:
    if not link or text == words.DASH:
        return escape(text)
    return f'<a href="{escape(link)}">{escape(text)}</a>'


def _footnotes(content: Table) -> str:
    notes = "".join(
        f"<li><sup>{letters(place)}</sup> {escape(note)}</li>\n" for place, note in enumerate(content.footnotes)
    )
    return f'<ul class="footnotes">\n{notes}</ul>\n' if notes else ""
