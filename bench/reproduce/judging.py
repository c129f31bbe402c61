"""A published table with our runs in; a verdict for every number, and the page, out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np

from bench.analysis.published import compare
from bench.analysis.scores import cells_of
from bench.pipeline import REPORTS, references
from bench.records import AnalysisPlan, Fact, PublishedVerdict, Record
from bench.report import index
from bench.reproduce.leaning import leaning
from bench.reproduce.page import write
from bench.reproduce.records import Leaning
from bench.reproduce.reproduction import SECONDS_PER_HOUR, CellPlan, Reproduction


def judge(opened: Reproduction) -> tuple[PublishedVerdict, ...]:
    """Return a verdict for every number asked for, in the order of the table's cost."""
    known, lines = references(opened.experiment.suite), []
    for one in opened.cells:
        there = list(cells_of(one.trials, one.outcomes, known, AnalysisPlan()).values()) if one.outcomes else []
        line = compare(opened.table, one.cell, there[0] if there else None)
        lines.append(_priced(line, one))
    return tuple(lines)


def together(lines: Sequence[PublishedVerdict]) -> Leaning | None:
    """Return whether single published runs lean to one side when taken together."""
    return leaning(lines, np.random.default_rng(0))


def write_page(opened: Reproduction, lines: Sequence[PublishedVerdict], folder: Path | None = None) -> Path:
    """Write the page of a judged table; return its path."""
    target = folder or REPORTS / "published" / opened.table.name
    written = write(opened.table, lines, together(lines), target, opened.borrowed, _made_with(opened))
    if folder is None:
        index.write(REPORTS)
    return written


def _made_with(opened: Reproduction) -> dict[str, tuple[str, ...]]:
    """Return library -> versions with which the runs that count were made."""
    found: dict[str, set[str]] = {}
    for outcome in chain.from_iterable(one.outcomes for one in opened.cells):
        if isinstance(outcome, Record):
            for library, version in outcome.provenance.get("versions", {}).items():
                found.setdefault(library, set()).add(version)
    return {library: tuple(sorted(versions)) for library, versions in sorted(found.items())}


def _priced(line: PublishedVerdict, one: CellPlan) -> PublishedVerdict:
    """Return the verdict with its hours of one core."""
    if line.verdict == "not yet run":
        runs = len(one.missing)
        return replace(line, reason=Fact("cost", (runs,)), more_runs=runs, hours=one.cost / SECONDS_PER_HOUR)
    if line.verdict == "undecided" and line.more_runs:
        return replace(line, hours=line.more_runs * one.seconds / SECONDS_PER_HOUR)
    return line
