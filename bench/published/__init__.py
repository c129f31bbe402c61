"""A published table's name in, its numbers with source and protocol out.

A table is a YAML file of this folder: facts, each as printed, with where they stand and how they were measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from ruamel.yaml import YAML

from bench.catalog import did_you_mean
from bench.errors import CatalogError
from bench.files import yaml_names
from bench.records import PublishedCell, PublishedTable

_ANCHORS = "settings"
"""Key of a file under which it keeps what its cells repeat."""


def names() -> tuple[str, ...]:
    """Return the names of all tables, sorted."""
    return yaml_names(__name__)


def tables() -> tuple[PublishedTable, ...]:
    """Return all tables, sorted by name."""
    return tuple(map(table, names()))


@cache
def table(name: str) -> PublishedTable:
    """Return a table.

    Raises:
        CatalogError: there is none of that name.
    """
    if name not in names():
        hint = did_you_mean(name, names()) or f"one of {', '.join(names())}"
        raise CatalogError(f"published table {name!r} is not known; {hint}")
    data = YAML(typ="safe", pure=True).load(files(__name__).joinpath(f"{name}.yaml").read_text(encoding="utf-8"))
    cells = tuple(map(_cell, data["cells"]))
    kept = {key: value for key, value in data.items() if key != _ANCHORS}
    return PublishedTable(**{**kept, "cells": cells, "notes": tuple(data["notes"])})


def _cell(data: Mapping[str, Any]) -> PublishedCell:
    before = tuple(data.get("before", ()))
    return PublishedCell(
        **{**data, "mean": float(data["mean"]), "before": before, "measured": str(data.get("measured", ""))}
    )
