"""Nothing in, what can be named in a suite and what this machine offers out."""

from __future__ import annotations

from pathlib import Path
from pkgutil import resolve_name
from typing import Annotated, Any

import typer

from bench import catalog
from bench import hyperparameters as named
from bench.cli.commands import LISTS
from bench.console import say_json, say_table
from bench.errors import BenchError
from bench.options import JsonOption
from bench.suite import read
from bench.suite.shipped import shipped, suites_in

Row = dict[str, Any]


def list_(
    what: Annotated[
        str,
        typer.Argument(metavar="|".join(LISTS), autocompletion=lambda: list(LISTS)),
    ],
    *,
    as_json: JsonOption = False,
) -> None:
    """List what can be named in a suite, and the published tables that can be reproduced."""
    if what not in LISTS:
        raise BenchError(f"there is no list of {what!r}; one of {', '.join(LISTS)}")
    rows: list[Row] = resolve_name(LISTS[what])()
    if as_json:
        say_json(rows)
    else:
        say_table(tuple(rows[0]) if rows else ("nothing found",), [tuple(row.values()) for row in rows])


def algorithms() -> list[Row]:
    """Return a row per algorithm of the catalogue."""
    return [
        {
            "name": entry.name,
            "title": entry.title,
            "actions": ", ".join(sorted(entry.actions)),
            "observations": ", ".join(sorted(entry.observations)),
            "implementations": ", ".join(entry.implementations),
            "what it is": entry.summary,
        }
        for entry in catalog.algorithms().values()
    ]


def environments() -> list[Row]:
    """Return a row per environment of the catalogue; suites may name any other Gymnasium id."""
    return [
        {
            "id": entry.id,
            "actions": entry.actions,
            "observations": entry.observations,
            "horizon": entry.horizon or "",
            "random": entry.reference.random if entry.reference else "",
            "target": entry.reference.target if entry.reference else "",
            "what it is": entry.summary,
        }
        for entry in catalog.environments().values()
    ]


def suites() -> list[Row]:
    """Return a row per suite that comes with the harness, by name, and per further suite file under `suites/`."""
    known = shipped()
    resolved = {path.resolve() for path in known.values()}
    here = [path for path in suites_in(Path("suites")) if path.resolve() not in resolved]
    return [_suite_row(name, path) for name, path in known.items()] + [_suite_row(str(path), path) for path in here]


def hyperparameters() -> list[Row]:
    """Return a row per named hyperparameter set and source within it."""
    return [
        {
            "set": name,
            "source": f"{part.source} {part.version}".strip(),
            "algorithms": len(part.entries),
            "cells": sum(len(cells) for cells in part.entries.values()),
            "tuning budget": part.tuning_budget,
        }
        for name in named.sets()
        for part in named.parts(name)
    ]


def _suite_row(name: str, path: Path) -> Row:
    try:
        suite = read(path)
    except BenchError as error:
        return {
            "suite": name,
            "title": f"cannot be read: {error}".splitlines()[0],
            "algorithms": "",
            "environments": "",
            "seeds": "",
        }
    return {
        "suite": name,
        "title": suite.title,
        "algorithms": len(suite.algorithms),
        "environments": len(suite.environments),
        "seeds": len(suite.seeds),
    }
