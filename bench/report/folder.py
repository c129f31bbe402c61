"""Estimates in, a folder with page, figures and tables out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.records import Estimates
from bench.report import figures, page, svg, tables
from bench.report.table import FORMATS


def write(
    estimates: Estimates,
    folder: Path,
    *,
    figure_formats: Sequence[str] = ("svg", "png"),
    table_formats: Sequence[str] = ("csv", "md", "tex"),
) -> Path:
    """Write the report into `folder` (made where missing) and return the path of its `index.html`.

    The page needs nothing beside it: styles, script and figures are inside. `figures/` and `tables/` hold the same
    content for papers and programs, in the formats asked for; files of the same name are replaced.

    Raises:
        ValueError: a format that is not one of svg, png (figures), csv, md, tex (tables).
    """
    _check(figure_formats, ("svg", "png"))
    _check(table_formats, tuple(FORMATS))
    folder.mkdir(parents=True, exist_ok=True)
    table_files = {table: tuple(paths) for table, paths in _write_tables(estimates, folder, table_formats)}
    plates = tuple(_write_figures(estimates, folder, figure_formats))
    index = folder / "index.html"
    index.write_text(page.render(estimates, plates, table_files), encoding="utf-8")
    return index


def _check(asked: Sequence[str], known: Sequence[str]) -> None:
    for name in asked:
        if name not in known:
            raise ValueError(f"report format {name!r} is not known; one of {', '.join(known)}")


def _write_tables(estimates: Estimates, folder: Path, formats: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    for table in tables.every(estimates):
        paths = [f"tables/{table.name}.{ending}" for ending in formats]
        for path, ending in zip(paths, formats, strict=True):
            _put(folder / path, FORMATS[ending](table).encode())
        yield table.name, paths


def _write_figures(estimates: Estimates, folder: Path, formats: Sequence[str]) -> Iterator[page.Plate]:
    for picture in figures.every(estimates):
        drawn = svg.to_svg(picture.figure, picture.name)
        paths = tuple(f"figures/{picture.name}.{ending}" for ending in formats)
        for path in paths:
            _put(folder / path, drawn.encode() if path.endswith(".svg") else svg.to_png(picture.figure))
        yield page.Plate(
            picture.name,
            picture.section,
            picture.caption,
            picture.description,
            svg.inline(drawn, picture.name),
            picture.wide,
            paths,
        )


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
