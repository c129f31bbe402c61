"""A short page's sections in; one HTML file in the report's dress, and its tables as files, out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from markupsafe import Markup

from bench.files import publish
from bench.report import html, page
from bench.report.figures import Figure
from bench.report.order import Places
from bench.report.table import FORMATS, Table

_MANY_WORDS = 4


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with what stands under it, in this order; `code` in backticks."""

    anchor: str
    heading: str
    paragraphs: Sequence[str] = ()
    items: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    """With names in the figures: they get no legend."""
    tables: Sequence[Table] = ()
    folded: str = ""
    """What the closed lid over the tables says; empty: they lie open."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page that answers one question."""

    title: str
    question: str
    answer: str
    facts: Sequence[str]
    sections: Sequence[Section]
    places: Places = Places({}, {})  # noqa: RUF009 - frozen
    """Of the algorithms that have a colour."""
    more: Sequence[str] = ()
    """Further sentences of the answer."""
    cautions: Sequence[str] = ()
    """What to know before one relies on it; `code` in backticks."""
    figures: Sequence[Figure] = ()
    """What stands beside the answer."""


def write(sheet: Sheet, folder: Path) -> Path:
    """Write the page and every table in every format into `folder`; return the page."""
    for table in (table for section in sheet.sections for table in section.tables):
        for path, form in zip(_paths(table), FORMATS.values(), strict=True):
            publish(folder / path, form(table.as_file()))
    index = folder / "index.html"
    publish(index, _page(sheet))
    return index


def _paths(table: Table) -> list[str]:
    return [f"tables/{table.name}.{ending}" for ending in FORMATS]


def _dress(table: Table) -> str:
    """Return the class of a table: with many columns of words it would be cut off on a narrow screen."""
    return html.STACKED * (sum(not column.numeric for column in table.columns) >= _MANY_WORDS)


def _page(sheet: Sheet) -> str:
    jinja = html.templates()
    jinja.filters["code"] = lambda text: Markup(_code(text))  # noqa: S704
    jinja.filters["table"] = lambda one: html.table(one, sheet.places, _paths(one), css=_dress(one))
    jinja.filters["drawn"] = lambda every, name: page.drawn(
        name, [page.plate(one, sheet.places.styles, ()) for one in every], sheet.places.styles
    )
    return jinja.get_template("sheet.html").render(sheet=sheet, css=page.style())


def _code(text: str) -> str:
    def words(found: re.Match[str]) -> str:
        # A browser breaks lines between the dashes of an option, too.
        return "<code>" + " ".join(f"<span>{word}</span>" for word in found[1].split()) + "</code>"

    return re.sub(r"`([^`]+)`", words, escape(text))
