"""Nothing in, the shipped traits of the catalogue's environments out, so that nobody has to probe those again.

`traits.yaml` is written by `python benchmarks/environment_traits.py`. Importing this module imports no Gymnasium.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from functools import cache
from importlib.resources import files
from io import StringIO
from types import MappingProxyType
from typing import Any

from ruamel.yaml import YAML

from bench.records import Traits

FILE = "traits.yaml"
DIGITS = 4


@cache
def shipped() -> Mapping[str, Traits]:
    """Return the measured traits by environment."""
    given = YAML(typ="safe", pure=True).load(files("bench.which").joinpath(FILE).read_text(encoding="utf-8"))
    return MappingProxyType({name: _traits(name, entry) for name, entry in given["environments"].items()})


def written(traits: Iterable[Traits], header: str, source: Mapping[str, str]) -> str:
    """Return the text of the file: the header as comments, the source, then what is known of each environment."""
    yaml, text = YAML(), StringIO()
    yaml.width = 200
    entries = {entry.environment: _entry(entry) for entry in traits}
    yaml.dump({"source": dict(source), "environments": entries}, text)
    return "".join(f"# {line}\n" for line in header.splitlines()) + text.getvalue()


def _traits(name: str, entry: Mapping[str, Any]) -> Traits:
    return Traits(**{**entry, "environment": name, "troubles": tuple(entry.get("troubles", ()))})


def _entry(traits: Traits) -> dict[str, Any]:
    """Return the fields that differ from their defaults, numbers rounded to four digits."""
    known = asdict(traits)
    defaults = {entry.name: entry.default for entry in fields(Traits)}
    return {name: _rounded(value) for name, value in known.items() if name != "environment" and value != defaults[name]}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    return list(value) if isinstance(value, tuple) else value
