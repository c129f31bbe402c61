"""YAML text in, `Suite` out, or every complaint at once."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from bench.catalog import did_you_mean
from bench.errors import Complaint, SuiteError
from bench.limits import MOST_BYTES
from bench.records import Suite
from bench.suite import document, judgement, schema

__all__ = ["choices_of", "is_imported", "lacking", "parse", "read", "read_imported", "text_of", "with_choices"]

_CHOSEN = "# What `implementation: auto` came to when these results were begun: they stay of one kind."


def read(path: Path) -> Suite:
    """Return the suite that a file describes.

    Raises:
        SuiteError: the file cannot be read, or anything in it is wrong; all complaints together.
    """
    return parse(text_of(path), str(path))


def is_imported(text: str) -> bool:
    """Return whether `text` describes imported results, which may have any algorithm and environment."""
    return re.search(r"^imported: *true\s*$", text, re.MULTILINE) is not None


def read_imported(path: Path) -> Suite:
    """Return the suite that describes imported results: names that no catalogue knows are no mistakes there.

    Raises:
        SuiteError: the file cannot be read, or its shape is wrong; all complaints together.
    """
    loaded = document.load(text_of(path), str(path))
    if isinstance(loaded.value, dict):
        loaded.value.pop("imported", None)
    described = schema.check(loaded) if isinstance(loaded.value, dict) else None
    if described is None or loaded.complaints:
        raise SuiteError(loaded.complaints or [Complaint(str(path), "describes no imported results")])
    return schema.suite(described, loaded)


def text_of(path: Path) -> str:
    """Return the text of a suite file, none of it read where it is no file or too long to be a suite.

    Raises:
        SuiteError: it cannot be read.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise SuiteError([Complaint(str(path), "is no file: a suite is read from a regular file")])
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            size = f"{max(found.st_size, len(content)) / 1e6:.1f} MB"
            raise SuiteError([Complaint(str(path), f"is no suite: it has {size}, and no suite more than 1 MB")])
        return content.decode("utf-8").replace("\r\n", "\n")
    except OSError as error:
        raise SuiteError([Complaint(str(path), f"cannot be read: {error.strerror}", _neighbour(path))]) from None
    except (UnicodeDecodeError, ValueError) as error:
        raise SuiteError([Complaint(str(path), f"is no text in UTF-8: {error}")]) from None


def parse(text: str, place: str, *, to_run: bool = False) -> Suite:
    """Return the suite that `text` describes.

    Args:
        text: of the suite.
        place: names the text in complaints, and gives the default name.
        to_run: whether packages that only running takes are among the complaints; where there is nothing else to
            complain about, `lacking` tells of them.

    Raises:
        SuiteError: anything is wrong; all complaints together, in the order of their lines.
    """
    loaded = document.load(text, place)
    if not isinstance(loaded.value, dict):
        kind = "is empty" if loaded.value is None else "is no mapping"
        loaded.complain((), f"the suite {kind}", "it wants at least `algorithms:` and `environments:`")
        raise SuiteError(loaded.complaints)
    described = schema.check(loaded)
    judgement.judge(loaded)
    if to_run and loaded.complaints and loaded.value.get("tensorboard") is True:
        for message, hint in _lacking_packages():
            loaded.complain(("tensorboard",), message, hint)
    if described is None or loaded.complaints:
        raise SuiteError(sorted(loaded.complaints, key=loaded.line_of))
    return schema.suite(described, loaded)


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


def with_choices(text: str, chosen: Mapping[str, Mapping[str, str]]) -> str:
    """Return a suite's text to be kept beside its results, with what `auto` came to at its end."""
    begun = text.partition(_CHOSEN)[0].rstrip("\n")
    return f"{begun}\n\n{_CHOSEN}\nchosen: {json.dumps(chosen, ensure_ascii=False)}\n" if chosen else text


def _lacking_packages() -> Iterator[tuple[str, str]]:
    if find_spec("tensorboard") is None:
        hint = "install it with: pip install 'bench[tensorboard]'; or leave the key out, which changes no number"
        yield "the package tensorboard is not installed", hint


def _neighbour(path: Path) -> str:
    try:
        return did_you_mean(path.name, [entry.name for entry in path.parent.glob("*.yaml")])
    except OSError:
        return ""
