"""The text of a table in; its columns, its rows and what was damaged out.

Commas, semicolons, tabs or blanks part the columns, whatever parts most in the first line. Lines that begin with `#`
before the first row are comments, as `numpy.savetxt` writes them; the last of them names the columns where it has as
many words as a row. Where nothing names the columns they are numbered from 0.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.imports.found import RefusedError
from bench.imports.limits import MOST_CELLS
from bench.imports.series import is_number
from bench.imports.source import whole_lines

NAMELESS = "unnamed"
"""What a column without a name is called."""
_MOST_SEEN = 2**16
_DECIMAL_COMMA = re.compile(r"^(\s*[+-]?\d*),(\d+(?:[eE][+-]?\d+)?\s*)$")


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it stands in a file."""

    header: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...]
    notes: tuple[str, ...] = ()
    """What was left out, or is not written in the file."""


def read_rows(text: str, *, whole_steps: Collection[str] = ()) -> Table:
    """Return the table of a text.

    Args:
        text: of the file.
        whole_steps: columns, in lower case, in which a comma can only part thousands.

    Raises:
        RefusedError: it is none, or a column stands twice.
    """
    if "\ufffd" in text and any("\ufffd" in line and "\0" not in line for line in text.split("\n")):
        raise RefusedError("no text in UTF-8")
    header, rows, named, mark, damaged = _parted(text)
    if not header or not rows:
        raise RefusedError("holds no row below its header")
    if repeated := [name for name, count in Counter(header).items() if count > 1]:
        raise RefusedError(f"column {repeated[0]!r} occurs twice")
    again = [row for row in rows if named and [cell.strip() for cell in row] == header]
    rows = [row for row in rows if row not in again] if again else rows
    fitting = [row for row in rows if not any(cell.strip() for cell in row[len(header) :])]
    lost = damaged + len(rows) - len(fitting)
    del rows
    table = [dict(zip(header, row, strict=False)) for row in _let_go(fitting)]
    if mark == ";":
        table = [_pointed(row, whole_steps) for row in table]
    notes = [] if named else [f"no line names its columns: they are numbered, {header[0]} to {header[-1]}"]
    if again:
        notes.append(f"{len(again)} rows are the header once more: left out")
    if lost:
        notes.append(f"{lost} damaged lines are left out: NUL bytes, endless, or of more cells than there are columns")
    return Table(tuple(header), tuple(table), tuple(notes))


def _parted(text: str) -> tuple[list[str], list[list[str]], bool, str, int]:
    """Return the columns, the rows, whether the file names its columns, what parts them, and how many are damaged."""
    lines, damaged = whole_lines(text)
    comments, body = _comments(lines)
    mark = _mark(body)
    return *_header(comments, list(_cells(body, mark)), mark), mark, damaged


def _let_go(rows: list[list[str]]) -> Iterator[list[str]]:
    """Yield the rows in their order and keep none of them: a large table has no room for two forms of itself."""
    rows.reverse()
    while rows:
        yield rows.pop()


def first_row(text: str) -> list[str]:
    """Return the names of the columns, empty where there is no row."""
    lines, _ = whole_lines(text[: 2**20])
    comments, body = _comments(lines)
    mark = _mark(body)
    return _header(comments, list(_cells(body[:3], mark)), mark)[0]


def _comments(lines: Sequence[str]) -> tuple[list[str], list[str]]:
    filled = [line for line in lines if line.strip()]
    count = next((place for place, line in enumerate(filled) if not line.lstrip().startswith("#")), len(filled))
    rest = filled[count:]
    return filled[:count], [line for line in rest if not line.startswith("#")] if count else rest


def _mark(lines: Sequence[str]) -> str:
    """Return what parts the columns; blanks do where every line has as many words as the first, and several."""
    first = lines[0] if lines else ""
    mark = max(",;\t", key=first.count)
    words = len(first.split())
    return mark if mark in first or words < 2 or any(len(line.split()) != words for line in lines) else " "  # noqa: PLR2004 - one word is one column


def _cells(lines: Sequence[str], mark: str) -> Iterator[list[str]]:
    rows = (line.split() for line in lines) if mark == " " else csv.reader(lines, delimiter=mark)
    count = 0
    seen: dict[str, str] = {}
    try:
        for row in rows:
            count += len(row)
            if count > MOST_CELLS:
                raise RefusedError(f"holds more than {MOST_CELLS:,} cells, the most that is read of a table")
            if any(cell.strip() for cell in row):
                # Names and seeds are the same in thousands of rows: one of each takes room.
                yield [seen.setdefault(cell, cell) for cell in row]
            if len(seen) > _MOST_SEEN:
                seen.clear()
    except csv.Error as error:
        raise RefusedError(f"no readable CSV ({error})") from None


def _header(comments: Sequence[str], cells: list[list[str]], mark: str) -> tuple[list[str], list[list[str]], bool]:
    """Return the names of the columns, the rows, and whether the file names its columns."""
    if not cells:
        return [], [], False
    first = [cell.strip() for cell in cells[0]]
    if not all(map(is_number, first)) or (_counted(first) and len(cells) > 1):
        rows = cells[1:]
        # R writes a name less than there are cells: rows begin with their names.
        lacking = bool(rows) and all(len(row) == len(first) + 1 for row in rows)
        return _filled(["", *first] if lacking else first), rows, True
    told = comments[-1].lstrip("# ") if comments else ""
    words = told.split() if mark == " " else [word.strip() for word in told.split(mark)]
    if len(words) == len(first) and not all(map(is_number, words)):
        return words, cells, True
    return [str(place) for place in range(len(first))], cells, False


def _counted(cells: Sequence[str]) -> bool:
    """Return whether a row of numbers may be names: 0, 1, 2, ... or 1, 2, 3, ..."""
    return len(cells) > 1 and any(
        list(cells) == [str(start + place) for place in range(len(cells))] for start in (0, 1)
    )


def _filled(header: Sequence[str]) -> list[str]:
    """Return the names, those that are lacking given."""
    lacking = [place for place, name in enumerate(header) if not name]
    given = {place: NAMELESS if not number else f"{NAMELESS} {number + 1}" for number, place in enumerate(lacking)}
    return [given.get(place, name) for place, name in enumerate(header)]


def _pointed(cells: Mapping[str, str], steps: Collection[str]) -> dict[str, str]:
    """Return a row with decimal commas as points; a comma among steps can only part thousands, and stays."""
    return {
        name: cell if name.casefold() in steps else _DECIMAL_COMMA.sub(r"\1.\2", cell) for name, cell in cells.items()
    }
