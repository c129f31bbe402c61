"""Estimates in, a folder with page, figures and tables out."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from urllib.parse import quote

from bench.files import publish
from bench.records import Estimates
from bench.report import answers, drawing, figures, order, page, published, tables
from bench.report.html import FILES
from bench.report.palette import Style
from bench.report.parallel import spread
from bench.report.table import FORMATS

MOST_FILES = 60
"""Figures up to which all are written as files; beyond, only those over all environments (`bench plot` draws any)."""

MOST_PRINTED = 1_000
"""Rows up to which a table is written in every format; a longer one, that nobody prints, as CSV alone."""


def write(
    estimates: Estimates,
    folder: Path,
    *,
    trials: Path | None = None,
    figure_formats: Sequence[str] = ("svg", "png"),
    table_formats: Sequence[str] = ("csv", "md", "tex"),
    processes: int = 1,
) -> Path:
    """Write the report into `folder` (made where missing) and return the path of its `index.html`.

    The page needs nothing beside it: styles, script and figures are inside. `figures/` and `tables/` hold the same
    content for papers and programs, in the formats asked for; files of the same name are replaced, each as a whole.

    Args:
        estimates: what to show.
        folder: where to.
        trials: the folder that holds the trials' own folders; the page links to what lies there.
        figure_formats: of svg, png, pdf (dear for its fonts; `bench plot` writes single ones).
        table_formats: of csv, md, tex.
        processes: at most so many draw figures side by side, where there are many; the files are the same.

    Raises:
        ValueError: a format that is not one of these.
        WriteError: a file cannot be written.
    """
    _check(figure_formats, drawing.FORMATS)
    _check(table_formats, tuple(FORMATS))
    written: dict[str, tuple[str, ...]] = {}

    def write_tables() -> None:
        written.update((name, tuple(paths)) for name, paths in _write_tables(estimates, folder, table_formats))

    plates = tuple(_write_figures(estimates, folder, figure_formats, processes, write_tables))
    index = folder / "index.html"
    publish(index, page.render(estimates, plates, written, stored(estimates, folder, trials)))
    return index


def stored(estimates: Estimates, folder: Path, trials: Path | None) -> page.Stored:
    """Return which files the trials left under `trials`, and the way there from `folder`."""
    if trials is None or not trials.is_dir():
        return page.Stored()
    there = quote(Path(os.path.relpath(trials.resolve(), folder.resolve())).as_posix())
    found = {line.name: _letters(trials / line.name) for line in estimates.trials if line.name}
    return page.Stored(there, {name: letters for name, letters in found.items() if letters})


def _letters(folder: Path) -> str:
    try:
        names = set(os.listdir(folder))  # noqa: PTH208 - one call for each of many thousand folders
    except OSError:
        return ""
    return "".join(letter for letter, (file, _) in FILES.items() if file in names)


def _check(asked: Sequence[str], known: Sequence[str]) -> None:
    for name in asked:
        if name not in known:
            raise ValueError(f"report format {name!r} is not known; one of {', '.join(known)}")


def _write_tables(estimates: Estimates, folder: Path, formats: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    for table in chain(answers.every(estimates), published.every(estimates), tables.every(estimates)):
        asked = [ending for ending in formats if ending == "csv" or len(table.rows) <= MOST_PRINTED]
        paths = [f"tables/{table.name}.{ending}" for ending in asked]
        for path, ending in zip(paths, asked, strict=True):
            publish(folder / path, FORMATS[ending](table.as_file()))
        yield table.name, paths


def _write_figures(
    estimates: Estimates, folder: Path, formats: Sequence[str], processes: int, meanwhile: Callable[[], None]
) -> Iterator[page.Plate]:
    every = list(figures.every(estimates))
    many = len(every) > MOST_FILES
    sketches = [
        (figure, () if many and figure.section.startswith("environment-") else tuple(formats)) for figure in every
    ]
    drawn = spread(partial(_drawn, order.styles(estimates)), sketches, processes, drawing.settled(), meanwhile)
    for plate, files in drawn:
        for path, content in zip(plate.files, files, strict=True):
            publish(folder / path, content)
        yield plate


def _drawn(
    styles: Mapping[str, Style], sketch: tuple[figures.Figure, tuple[str, ...]]
) -> tuple[page.Plate, tuple[bytes, ...]]:
    """Return a figure as the page needs it, and the content of its files."""
    figure, formats = sketch
    files: tuple[bytes, ...] = ()
    with _garbage_at_the_end():
        if formats:
            alone = drawing.draw(figure, styles, legend=True)
            files = tuple(drawing.to_bytes(alone, ending) for ending in formats)
            del alone
        return page.plate(figure, styles, [f"figures/{figure.name}.{ending}" for ending in formats]), files


@contextmanager
def _garbage_at_the_end() -> Iterator[None]:
    """Collect garbage once, after the block.

    A figure is ten thousands of objects that live until it is written. To look among them again and again, and ever so
    often through all estimates as well, takes a seventh of the time.
    """
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.collect(1)
        if running:
            gc.enable()
