"""YAML text in, `Suite` out, or every complaint at once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from bench.errors import Complaint, SuiteError
from bench.records import Part, Suite
from bench.suite import document, judgement, schema, sets
from bench.suite.document import text_of
from bench.suite.settings import own_set
from bench.suite.shipped import TUNED
from bench.suite.sweep import expanded

__all__ = [
    "choices_of",
    "is_imported",
    "lacking",
    "parse",
    "parse_imported",
    "read",
    "read_imported",
    "read_untuned",
    "self_contained",
    "text_of",
]

_SETS = "# The sets of hyperparameters beside the suite, as they were when these results were made."
_CHOSEN = "# What `implementation: auto` came to when these results were begun: they stay of one kind."


def read(path: Path) -> Suite:
    """Return the suite that a file describes.

    Raises:
        SuiteError: the file cannot be read, or anything in it is wrong; all complaints together.
    """
    return parse(text_of(path), str(path), folder=path.parent)


def read_untuned(path: Path) -> Suite:
    """Return the suite as it is before anything is tuned for it: without its setting `tuned`, and without claims.

    Raises:
        SuiteError: the file cannot be read, or anything else in it is wrong; all complaints together.
    """
    loaded = _loaded(text_of(path), str(path))
    given, entries = loaded.value.get("hyperparameters"), loaded.value.get("algorithms")
    if given == TUNED:
        del loaded.value["hyperparameters"]
    elif isinstance(given, list) and TUNED in given:
        loaded.value["hyperparameters"] = [name for name in given if name != TUNED] or ["default"]
    if isinstance(entries, list):
        loaded.value["algorithms"] = list(map(_untuned, entries))
    loaded.value.pop("claims", None)
    return _described(loaded, path.parent)


def _untuned(entry: Any) -> Any:
    """Return an entry of `algorithms` without the set `tuned`, where it names that itself."""
    given = entry.get("hyperparameters") if isinstance(entry, dict) else None
    if own_set(given) != TUNED:
        return entry
    own = given if isinstance(given, dict) else {}
    return {**entry, "hyperparameters": {name: value for name, value in own.items() if name != "set"}}


def is_imported(text: str) -> bool:
    """Return whether `text` describes imported results, which may have any algorithm and environment."""
    return re.search(r"^imported: *true\s*?(?:\s#.*)?$", text, re.MULTILINE) is not None


def read_imported(path: Path) -> Suite:
    """Return the suite that describes imported results: names that no catalogue knows are no mistakes there.

    Raises:
        SuiteError: the file cannot be read, or its shape is wrong; all complaints together.
    """
    return parse_imported(text_of(path), str(path))


def parse_imported(text: str, place: str) -> Suite:
    """Return the suite that `text` describes imported results by; `place` names the text in complaints.

    Raises:
        SuiteError: its shape is wrong; all complaints together.
    """
    loaded = document.load(text, place)
    if isinstance(loaded.value, dict):
        loaded.value.pop("imported", None)
    described = schema.check(loaded) if isinstance(loaded.value, dict) else None
    if described is None or loaded.complaints:
        raise SuiteError(loaded.complaints or [Complaint(place, "describes no imported results")])
    return schema.suite(described, loaded)


def parse(text: str, place: str, *, to_run: bool = False, folder: Path | None = None) -> Suite:
    """Return the suite that `text` describes.

    Args:
        text: of the suite.
        place: names the text in complaints, and gives the default name.
        to_run: whether packages that only running takes are among the complaints; where there is nothing else to
            complain about, `lacking` tells of them.
        folder: in which the suite lies, and sets of hyperparameters with it; None: it lies in none.

    Raises:
        SuiteError: anything is wrong; all complaints together, in the order of their lines.
    """
    return _described(_loaded(text, place), folder, to_run=to_run)


def _loaded(text: str, place: str) -> document.Document:
    loaded = document.load(text, place)
    if not isinstance(loaded.value, dict):
        kind = "is empty" if loaded.value is None else "is no mapping"
        loaded.complain((), f"the suite {kind}", "it wants at least `algorithms:` and `environments:`")
        raise SuiteError(loaded.complaints)
    return expanded(loaded)


def _described(loaded: document.Document, folder: Path | None, *, to_run: bool = False) -> Suite:
    described = schema.check(loaded)
    brought, broken = sets.brought_along(loaded, folder)
    judgement.judge(loaded, brought)
    if to_run and loaded.complaints and loaded.value.get("tensorboard") is True:
        for message, hint in _lacking_packages():
            loaded.complain(("tensorboard",), message, hint)
    if described is None or loaded.complaints or broken:
        raise SuiteError([*sorted(loaded.complaints, key=loaded.line_of), *broken])
    return replace(schema.suite(described, loaded), sets=brought)


def lacking(suite: Suite) -> list[Complaint]:
    """Return complaints about packages that running this suite takes and that are not installed; reading takes none."""
    place = f"{suite.path}:{suite.lines.get('tensorboard', 1)}: tensorboard"
    return [Complaint(place, *told) for told in _lacking_packages()] if suite.tensorboard else []


def choices_of(text: str) -> dict[str, dict[str, str]]:
    """Return which implementations a kept suite says that `auto` came to: label -> environment -> implementation."""
    found = document.load(text, "").value
    chosen = found.get("chosen") if isinstance(found, dict) else None
    if not isinstance(chosen, dict):
        return {}
    return {label: dict(places) for label, places in chosen.items() if isinstance(places, dict)}


def self_contained(
    text: str, chosen: Mapping[str, Mapping[str, str]], brought: Mapping[str, tuple[Part, ...]] | None = None
) -> str:
    """Return a suite's text to be kept beside its results: at its end stands what it leaves open or to other files.

    Args:
        text: of the suite, or of a copy that was kept before.
        chosen: label -> environment -> what `auto` came to.
        brought: the sets of hyperparameters that lie beside the suite, which may be gone when the results are read.
    """
    begun = re.split(f"^(?:{re.escape(_SETS)}|{re.escape(_CHOSEN)})$", text, maxsplit=1, flags=re.MULTILINE)[0]
    in_it = bool(brought) and "sets" in (document.load(begun, "").value or ())
    told = [f"{_SETS}\n{sets.written(brought)}"] if brought and not in_it else []
    told += [f"{_CHOSEN}\nchosen: {json.dumps(chosen, ensure_ascii=False)}\n"] if chosen else []
    return "\n".join([_open_ended(begun).rstrip("\n") + "\n", *told]) if told else text


def _open_ended(text: str) -> str:
    """Return the text as it is where keys may be written below it; JSON, say, anew, with its keys on lines."""
    with suppress(SuiteError):
        if "below" in document.load(f"{text}\nbelow: it\n", "").value:
            return text
    yaml, written = YAML(), StringIO()
    top = yaml.load(text)
    top.fa.set_block_style()
    yaml.dump(top, written)
    return written.getvalue().removesuffix("...\n")


def _lacking_packages() -> Iterator[tuple[str, str]]:
    if find_spec("tensorboard") is None:
        hint = "install it with: pip install 'bench[tensorboard]'; or leave the key out, which changes no number"
        yield "the package tensorboard is not installed", hint
