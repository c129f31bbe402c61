"""Paths in; contents out, never more than the caps allow, with the name and the hash of every file that was read."""

from __future__ import annotations

import codecs
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from bench.imports.found import Hints, RefusedError, SourceFile
from bench.imports.limits import LONGEST_LINE, MOST_TEXT_BYTES, in_words

_ENCODINGS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
"""Mark at the start of a file -> how it is written."""
_LINE_END = re.compile(r"\r\n|\r|\n")
_PART = 2**16
"""Characters that are parted into lines at once."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where files lie, and how they are named in what is told and kept."""

    root: Path
    hints: Hints
    hashes: dict[Path, SourceFile] = field(default_factory=dict)
    columns: set[str] = field(default_factory=set)
    """Of every table that was read."""

    def name(self, path: Path) -> str:
        """Return a file's name: its path from the source's own folder on."""
        inside = path.relative_to(self.root).parts if path.is_relative_to(self.root) else (path.name,)
        return str(PurePosixPath(self.root.name or ".", *inside))

    def content(self, path: Path, most: int = MOST_TEXT_BYTES) -> bytes:
        """Return a file's bytes, and remember their hash.

        Raises:
            RefusedError: it cannot be read, or is larger than `most`.
        """
        try:
            # Without blocking: between being listed and being read, a file may have become a pipe.
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
                size = os.fstat(file.fileno()).st_size
                content = b"" if size > most else file.read(most + 1)
        except OSError as error:
            raise RefusedError(f"cannot be read: {error.strerror}") from None
        if max(size, len(content)) > most:
            raise RefusedError(f"larger than {in_words(most)}, the most that is read of such a file")
        if not content:
            raise RefusedError("empty")
        self.hashes[path] = SourceFile(self.name(path), hashlib.sha256(content).hexdigest())
        return content

    def text(self, path: Path, most: int = MOST_TEXT_BYTES) -> str:
        """Return a file's text.

        Raises:
            RefusedError: it cannot be read, or is no text.
        """
        return decoded(self.content(path, most))


def decoded(content: bytes) -> str:
    """Return bytes as text: UTF-8, or what the mark at their start says.

    What no encoding explains becomes U+FFFD, for `whole_lines` to leave out.
    """
    mark = next((mark for mark in _ENCODINGS if content.startswith(mark)), b"")
    return content[len(mark) :].decode(_ENCODINGS.get(mark, "utf-8"), "replace")


def whole_lines(text: str) -> tuple[list[str], int]:
    """Return the lines of a text that are whole, and how many are not: padded with NUL, not to be decoded, endless.

    A line cut by the padding that a power cut leaves is damaged, too: nobody knows how it went on.
    """
    lines = list(each_line(text))
    fine = [line for line in lines if is_whole(line)]
    return fine, len(lines) - len(fine)


def each_line(text: str) -> Iterator[str]:
    """Yield the lines of a text, whichever way they end, one by one: all at once they take ten times its room."""
    start, more = 0, True
    while more:
        found = _LINE_END.search(text, start + _PART)
        end, more = found.end() if found else len(text), found is not None
        lines = text[start:end].replace("\r\n", "\n").replace("\r", "\n").split("\n")
        yield from lines[:-1] if more else lines
        start = end


def is_whole(line: str) -> bool:
    """Return whether a line is neither damaged nor endless, as `whole_lines` tells."""
    return "\0" not in line and "\ufffd" not in line and len(line) <= LONGEST_LINE
