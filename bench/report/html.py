"""A table in, HTML for the page out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.environment import TemplateModule
from markupsafe import Markup

from bench.plain import plain
from bench.report import words
from bench.report.order import Places
from bench.report.palette import Style
from bench.report.table import Cell, Column, Table, letters

NAMES = frozenset({"Algorithm", "A", "B", "Choose"})
"""Headings under which algorithms stand: they get their colour's dot."""

STACKED = "stacked"
"""Class of a table whose rows stand as cards on a narrow screen, where its columns would be cut off."""

FILES = {"r": ("trial.json", "record"), "f": ("failure.json", "failure"), "l": ("log.txt", "log")}
"""Letter -> file in a trial's folder and what the page calls it: definition and record, failure, log."""


def quoted(name: str) -> str:
    """Return a folder's name as part of a link."""
    return quote(name, safe="")


def templates(package: str = "bench.report") -> Environment:
    """Return a package's templates with the words they share."""
    jinja = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    jinja.filters["plain"] = plain
    jinja.filters["prose"] = words.prose
    jinja.filters["signed"] = words.signed
    jinja.filters["setting"] = words.setting
    jinja.filters["number"] = words.number
    jinja.globals |= {"dash": words.DASH, "letters": letters}
    return jinja


def table(content: Table, places: Places, paths: Sequence[str] = (), *, css: str = "") -> Markup:
    """Return the table with its caption, links to its files, and footnotes."""
    shown = content.on_page()
    whole = _macro("table", shown, _rows(shown, places), paths, f"sortable {css}".strip())
    return whole + _macro("footnotes", shown)


def frame(content: Table, paths: Sequence[str]) -> Markup:
    """Return the audit table without rows, for a script to fill."""
    return _macro("table", content, (), paths, "sortable audit")


def files(paths: Sequence[str]) -> Markup:
    """Return links to files beside the page, by their endings."""
    return _macro("files", paths)


def swatch(look: Style) -> Markup:
    """Return the dot of an algorithm's colour."""
    return _macro("swatch", look.slot)


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


@dataclass(frozen=True, slots=True)
class _Shown:
    """One cell as the template writes it."""

    text: str
    link: str
    parts: tuple[tuple[str, str], ...]
    css: str
    slot: int | None
    """Of the colour of the algorithm that it names."""
    mark: str
    note: str


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    """Where links to it arrive."""
    group: str
    first: str
    """Where links to all trials of its algorithm arrive."""
    cells: tuple[_Shown, ...]


def _rows(content: Table, places: Places) -> Iterator[_Row]:
    before = ""
    for number, parts in enumerate(zip(content.rows, content.shown(), content.marks(), strict=True)):
        group = content.groups[number] if content.groups else ""
        named = content.anchors[number] if content.anchors else ""
        cells = (_shown(*cell, places) for cell in zip(content.columns, *parts, strict=True))
        # The first row of each cell, and of each algorithm, is where links to their trials arrive.
        first = f"trials-{_algorithm(group)}" if _algorithm(group) != _algorithm(before) else ""
        yield _Row(f"trials-{group}" if group != before else named, group, first, tuple(cells))
        before = group


def _algorithm(group: str) -> str:
    return group.partition("-")[0]


def _shown(column: Column, cell: Cell, text: str, mark: str, places: Places) -> _Shown:
    look = places.styles.get(str(cell.value)) if column.name in NAMES else None
    kinds = (("w", not column.numeric), ("wraps", column.wraps), ("none", text == words.DASH and not mark))
    css = " ".join(name for name, holds in kinds if holds)
    return _Shown(text, cell.link, cell.parts, css, None if look is None else look.slot, mark, cell.footnote)


def _macro(name: str, *given: object) -> Markup:
    written: Markup = getattr(_tables(), name)(*given)
    return written


@cache
def _tables() -> TemplateModule:
    return templates().get_template("table.html").module
