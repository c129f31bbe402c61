"""One table in; CSV, Markdown and LaTeX out, all from the same cells."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd

from bench.plain import plain, spreadsheet
from bench.records import Interval
from bench.report import words
from bench.report.notes import note

Value = str | int | float | Interval | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading; numbers stand right, words left."""

    name: str
    numeric: bool = True
    interval: bool = False
    """Whether its cells are intervals: CSV then has three columns."""
    hint: str = ""
    """What the heading means, in a sentence."""
    wraps: bool = False
    """Whether its cells are prose that may break over lines."""
    places: int | None = None
    """Decimals of its numbers; None: as each number needs."""
    page_only: bool = False
    """Whether it makes sense on the page alone, such as links to files."""
    file_only: bool = False
    """Whether it stands in files alone: the page says the same in another place."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One value with what a reader needs to trust it."""

    value: Value
    text: str = ""
    """How it is shown, where that is not the usual way of its type."""
    note: str = ""
    """Why there is no number, or what to know about it."""
    link: str = ""
    """Where on the page its trials stand, `#...`."""
    parts: tuple[tuple[str, str], ...] = ()
    """(text, link) of the pieces that the value is made of, for the page: each leads somewhere of its own."""
    bounds: tuple[float, ...] = ()
    """What an interval is held against."""

    def shown(self, places: int | None = None) -> str:
        """Return the value as a reader sees it, with the column's decimals."""
        if self.text:
            return plain(self.text)
        if isinstance(self.value, Interval):
            return words.interval(self.value, places, self.bounds)
        if isinstance(self.value, str):
            return plain(self.value) or words.DASH
        return words.integer(self.value) if isinstance(self.value, int) else words.number(self.value, places)

    @property
    def footnote(self) -> str:
        """The cell's own note, else its interval's."""
        told = self.note or (note(self.value) if isinstance(self.value, Interval) else "")
        return words.sentence(told) if told else ""

    @property
    def key(self) -> str:
        """What the column is sorted by: the number in full, or the text; empty where there is neither."""
        value = self.value.estimate if isinstance(self.value, Interval) else self.value
        return _exact(value)


@dataclass(frozen=True, slots=True)
class Table:
    """Headings and rows: what every format is rendered from. The first column names the row."""

    name: str
    """File name without ending; also the table's anchor."""
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    groups: tuple[str, ...] = ()
    """Per row: the cell of the experiment it belongs to, for links and the filter; empty for most tables."""

    anchors: tuple[str, ...] = ()
    """Per row: its id on the page; empty for most tables."""

    @property
    def footnotes(self) -> tuple[str, ...]:
        """Every different note, in reading order."""
        return tuple(dict.fromkeys(note for row in self.rows for cell in row if (note := cell.footnote)))

    def shown(self) -> tuple[tuple[str, ...], ...]:
        """Return every cell as a reader sees it."""
        return tuple(
            tuple(cell.shown(column.places) for cell, column in zip(row, self.columns, strict=True))
            for row in self.rows
        )

    def marks(self) -> tuple[tuple[str, ...], ...]:
        """Return the letter of every cell's footnote; empty where it has none."""
        letter = {note: letters(place) for place, note in enumerate(self.footnotes)}
        return tuple(tuple(letter.get(cell.footnote, "") for cell in row) for row in self.rows)

    def as_file(self) -> Table:
        """Return the table without the columns that make sense on the page alone."""
        return self._without([place for place, column in enumerate(self.columns) if column.page_only])

    def on_page(self) -> Table:
        """Return the table without the columns that stand in files alone."""
        return self._without([place for place, column in enumerate(self.columns) if column.file_only])

    def _without(self, dropped: list[int]) -> Table:
        if not dropped:
            return self
        kept = [place for place in range(len(self.columns)) if place not in dropped]
        rows = tuple(tuple(row[place] for place in kept) for row in self.rows)
        return replace(self, columns=tuple(self.columns[place] for place in kept), rows=rows)


def letters(place: int) -> str:
    """Return a, b, ..., z, aa, ab, ... for 0, 1, ..., 25, 26, 27, ..."""
    head, tail = divmod(place, 26)
    return (letters(head - 1) if head else "") + chr(ord("a") + tail)


def to_csv(table: Table) -> str:
    """Return the table with numbers in full precision; an interval takes three columns."""
    names = [spreadsheet(name) for column in table.columns for name in _csv_names(column)]
    rows = [
        [value for cell, column in zip(row, table.columns, strict=True) for value in _csv_values(cell, column)]
        for row in table.rows
    ]
    return pd.DataFrame(rows, columns=names).to_csv(index=False, lineterminator="\n")


def to_markdown(table: Table) -> str:
    """Return the table as GitHub-flavoured Markdown, caption above and footnotes below."""
    frame = _printed(table, markdown_text, ("<sup>", "</sup>"))
    sides = ["right" if column.numeric else "left" for column in table.columns]
    body = frame.to_markdown(index=False, disable_numparse=True, colalign=sides)
    notes = [f"{letters(place)}: {markdown_text(note)}" for place, note in enumerate(table.footnotes)]
    return "\n".join([f"**{markdown_text(table.caption)}**", "", body, *_block(notes)]) + "\n"


def to_latex(table: Table) -> str:
    """Return the table as LaTeX for the package booktabs, to be referred to as `tab:` and its name."""
    frame = _printed(table, latex_text, (r"\textsuperscript{", "}"))
    whole = frame.style.hide(axis="index").to_latex(
        column_format="".join("r" if column.numeric else "p{4cm}" if column.wraps else "l" for column in table.columns),
        hrules=True,
        caption=latex_text(table.caption),
        label=f"tab:{table.name}",
        position_float="centering",
    )
    notes = [
        rf"\par\footnotesize \textsuperscript{{{letters(place)}}} {latex_text(note)}"
        for place, note in enumerate(table.footnotes)
    ]
    end = r"\end{tabular}"
    return "% needs \\usepackage{booktabs}\n" + whole.replace(end, "\n".join([end, *notes]))


FORMATS: dict[str, Callable[[Table], str]] = {"csv": to_csv, "md": to_markdown, "tex": to_latex}
"""File ending -> renderer."""


def _exact(value: str | float | None) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    return spreadsheet(value) if isinstance(value, str) else f"{value:.10g}"


def _csv_names(column: Column) -> list[str]:
    return [column.name, f"{column.name} low", f"{column.name} high"] if column.interval else [column.name]


def _csv_values(cell: Cell, column: Column) -> list[str]:
    if not column.interval:
        return [cell.key]
    bounds = (cell.value.low, cell.value.high) if isinstance(cell.value, Interval) else (None, None)
    return [cell.key, *map(_exact, bounds)]


def _printed(table: Table, escape: Callable[[str], str], raised: tuple[str, str]) -> pd.DataFrame:
    """Return the cells as escaped text, each with its footnote's letter between the two halves of `raised`."""
    rows = [
        [escape(text) + (mark.join(raised) if mark else "") for text, mark in zip(*pair, strict=True)]
        for pair in zip(table.shown(), table.marks(), strict=True)
    ]
    return pd.DataFrame(rows, columns=[escape(column.name) for column in table.columns])


def _block(lines: list[str]) -> list[str]:
    return ["\n" + "  \n".join(lines)] if lines else []


_MARKDOWN = str.maketrans({**{sign: "\\" + sign for sign in "\\`*_{}[]#|~$"}, "<": "&lt;", ">": "&gt;", "&": "&amp;"})


def markdown_text(text: str) -> str:
    """Return text with everything escaped that Markdown, or HTML within it, would read as a sign."""
    return words.signed(text).translate(_MARKDOWN)


_LATEX = str.maketrans(
    {
        **{sign: "\\" + sign for sign in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "[": "{[}",
        "]": "{]}",
        "|": r"\textbar{}",
        '"': "''",
        words.MINUS: "$-$",
        words.DASH: "--",
        "∞": r"$\infty$",
    }
)


def latex_text(text: str) -> str:
    """Return text with everything escaped that LaTeX would read as a command."""
    return words.signed(text).translate(_LATEX)
