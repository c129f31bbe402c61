"""YAML text in, plain values with the line of each out, or every complaint about the YAML itself.

Values are built here from the parser's nodes rather than by its constructors: only plain scalars, lists and mappings
exist, no tag can make anything else, and each value's line is known.
"""

from __future__ import annotations

import math
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from bench.catalog import did_you_mean
from bench.errors import Complaint, SuiteError
from bench.limits import MOST_BYTES

Place = tuple[str | int, ...]
"""Keys and list positions from the top of the document to a value."""

_TAG = "tag:yaml.org,2002:"
_PLAIN = {_TAG + kind for kind in ("null", "bool", "int", "float", "str", "timestamp", "seq", "map", "merge", "value")}
_DEEPEST = 60
_MOST_VALUES = 40_000  # far above any suite; aliases of aliases reach it within a few lines
_MOST_COMPLAINTS = 100
_LONGEST = 500
_MOST_BITS = 10_000  # of a whole number: Python writes out no longer ones


@dataclass(frozen=True, slots=True)
class Document:
    """Plain values and where each stands."""

    value: Any
    lines: dict[Place, int]
    """Line number from 1 of each value, or of its key."""
    place: str
    """Name of the text for complaints: usually the file's path."""
    complaints: list[Complaint] = field(default_factory=list)
    written: tuple[int, ...] = ()
    """Where each entry of `algorithms` stands in the text, where some stand for several; empty: each where it is."""

    def line(self, where: Place) -> int:
        """Return the line of the value there, or of the nearest thing around it."""
        while where and where not in self.lines:
            where = where[:-1]
        return self.lines.get(where, 1)

    def complain(self, where: Place, message: str, hint: str = "", *, line: int | None = None) -> None:
        """Note a complaint about the value there; `line` if it is about another line than that value's first.

        Raises:
            SuiteError: these are so many that nobody would read more.
        """
        dotted, message = _cut(".".join(str(step) for step in self.as_written(where))), _cut(message)
        place = f"{self.place}:{line or self.line(where)}" + (f": {dotted}" if dotted else "")
        if self.written and Complaint(place, message, hint) in self.complaints:
            return  # It is about what several entries share.
        self.complaints.append(Complaint(place, message, hint))
        if len(self.complaints) >= _MOST_COMPLAINTS:
            more = Complaint(self.place, f"there may be more; these are the first {_MOST_COMPLAINTS}")
            raise SuiteError([*sorted(self.complaints, key=self.line_of), more])

    def as_written(self, where: Place) -> Place:
        """Return where in the text stands what is there now."""
        match where:
            case ("algorithms", int(now), *rest) if self.written:
                return ("algorithms", self.written[now], *rest)
        return where

    def line_of(self, complaint: Complaint) -> int:
        """Return the line a complaint of this document is about."""
        return int(complaint.place.removeprefix(f"{self.place}:").partition(":")[0])


def _cut(text: str) -> str:
    """Return what of a key or a message fits on a few lines: a suite may hold a megabyte of either."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def text_of(path: Path, what: str = "suite") -> str:
    """Return the text of a suite's file, or of another, none of it read where it is no file or too long to be one.

    Raises:
        SuiteError: it cannot be read.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise SuiteError([Complaint(str(path), f"is no file: a {what} is read from a regular file")])
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            size = f"{max(found.st_size, len(content)) / 1e6:.1f} MB"
            raise SuiteError([Complaint(str(path), f"is no {what}: it has {size}, and no {what} more than 1 MB")])
        return content.decode("utf-8").replace("\r\n", "\n")
    except OSError as error:
        raise SuiteError([Complaint(str(path), f"cannot be read: {error.strerror}", _neighbour(path))]) from None
    except (UnicodeDecodeError, ValueError) as error:
        raise SuiteError([Complaint(str(path), f"is no text in UTF-8: {error}")]) from None


def _neighbour(path: Path) -> str:
    try:
        return did_you_mean(path.name, [entry.name for entry in path.parent.glob("*.yaml")])
    except OSError:
        return ""


def load(text: str, place: str) -> Document:
    """Return the document's plain values; duplicate keys, foreign tags and the like are among its complaints.

    Raises:
        SuiteError: the text is no YAML.
    """
    document = Document(None, {}, place)
    node = _compose(text, place)
    if node is None:
        return document
    reader = _Reader(document)
    value = reader.read(node, (), ())
    return Document(value, document.lines, place, document.complaints)


def _compose(text: str, place: str) -> Node | None:
    try:
        yaml = YAML(typ="safe", pure=True)
        yaml.Composer = _Counting
        composed: Node | None = yaml.compose(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        said = error.problem or error.context or "cannot be read"
        hint = "indent with spaces, never tabs" if "\\t" in said else ""
        raise SuiteError([Complaint(f"{place}:{line}", f"not valid YAML: {said}", hint)]) from None
    except _TooManyValuesError:
        raise SuiteError([Complaint(f"{place}:1", f"not a suite: more than {_MOST_VALUES:,} values")]) from None
    except RecursionError:
        raise SuiteError([Complaint(f"{place}:1", "not a suite: nested too deeply to be read")]) from None
    except (YAMLError, ValueError, OverflowError) as error:
        said = str(error).splitlines()[0] if str(error) else "cannot be read"
        raise SuiteError([Complaint(f"{place}:1", f"not valid YAML: {said}")]) from None
    return composed


class _TooManyValuesError(Exception):
    """There is no point in reading on."""


class _Counting(Composer):
    """Puts nodes together until there are more than any suite has, which would take minutes."""

    def __init__(self, loader: Any = None) -> None:
        super().__init__(loader=loader)
        self.nodes = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.nodes += 1
        if self.nodes > _MOST_VALUES:
            raise _TooManyValuesError
        return super().compose_node(parent, index)


class _Reader:
    """Walks the nodes once, noting lines and complaints in the document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.values = 0

    def read(self, node: Node, where: Place, above: tuple[Node, ...]) -> Any:
        self.document.lines.setdefault(where, node.start_mark.line + 1)
        self.values += 1
        if problem := self._refusal(node, above):
            self.document.complain(where, problem)
            if self.values > _MOST_VALUES:
                # An explosion of aliases is cut off here.
                raise SuiteError(self.document.complaints)
            return None
        if isinstance(node, MappingNode):
            return self._mapping(node, where, (*above, node))
        if isinstance(node, SequenceNode):
            return [self.read(item, (*where, n), (*above, node)) for n, item in enumerate(node.value)]
        return scalar(node)

    def _refusal(self, node: Node, above: tuple[Node, ...]) -> str:
        if self.values > _MOST_VALUES:
            return "too many values, counting those repeated by aliases"
        if len(above) > _DEEPEST:
            return "nested too deeply"
        if any(node is outer for outer in above):
            return f"alias *{node.anchor} stands inside the value it repeats"
        if node.tag not in _PLAIN:
            return f"tag {str(node.tag).replace(_TAG, '!!')!r} is not allowed: a suite holds plain values only"
        return ""

    def _mapping(self, node: MappingNode, where: Place, above: tuple[Node, ...]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _TAG + "merge":
                for part in self._merged(value_node, where, above):
                    for name, value in part.items():
                        merged.setdefault(name, value)
                continue
            key = self._key(key_node, where)
            line = key_node.start_mark.line + 1
            if key in found:
                first = self.document.lines[*where, key]
                self.document.complain(
                    (*where, key), f"key is given again; it stands in line {first} already", line=line
                )
                continue
            self.document.lines[*where, key] = line
            found[key] = self.read(value_node, (*where, key), above)
        return {**merged, **found}

    def _merged(self, node: Node, where: Place, above: tuple[Node, ...]) -> Iterator[dict[str, Any]]:
        for part in node.value if isinstance(node, SequenceNode) else [node]:
            value = self.read(part, (*where, "<<"), above)
            if isinstance(value, dict):
                yield value
            else:
                self.document.complain((*where, "<<"), "`<<` wants a mapping, or a list of mappings")

    def _key(self, node: Node, where: Place) -> str:
        if isinstance(node, ScalarNode):
            return str(node.value)
        self.document.complain(where, f"line {node.start_mark.line + 1}: a key must be plain text")
        return f"line {node.start_mark.line + 1}"


def scalar(node: Node) -> Any:
    """Return the node's value as None, bool, int, float or str; dates stay text."""
    kind = str(node.tag).removeprefix(_TAG)
    text = str(node.value)
    if kind == "null":
        return None
    if kind == "bool" and text.casefold() in {"true", "false"}:
        return text.casefold() == "true"
    if kind in {"int", "float"}:
        return number(text)
    return text


def number(text: str) -> int | float | str:
    """Return the number that `text` spells (`100_000`, `1e5`, `.inf`, `0x1F`), or `text` itself if it spells none."""
    bare = text.replace("_", "")
    if special := re.fullmatch(r"([-+]?)\.(inf|nan)", bare, re.IGNORECASE):
        value = math.inf if special[2].lower() == "inf" else math.nan
        return -value if special[1] == "-" else value
    # Base 0 reads 0x and 0o and refuses leading zeros, which base 10 then takes.
    for read in (lambda: int(bare, 0), lambda: int(bare), lambda: float(bare)):
        try:
            found = read()
        except ValueError:
            continue
        return found if isinstance(found, float) or found.bit_length() <= _MOST_BITS else text
    return text
