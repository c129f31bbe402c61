"""Paths in; contents out, with the name and the hash of every file that was read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from bench.imports.found import Hints, RefusedError, SourceFile


@dataclass(frozen=True, slots=True)
class Source:
    """Where files lie, and how they are named in what is told and kept."""

    root: Path
    hints: Hints
    hashes: dict[Path, SourceFile] = field(default_factory=dict)

    def name(self, path: Path) -> str:
        """Return a file's name: its path from the source's own folder on."""
        return str(PurePosixPath(self.root.name, *path.relative_to(self.root).parts))

    def content(self, path: Path) -> bytes:
        """Return a file's bytes, and remember their hash.

        Raises:
            RefusedError: it cannot be read.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            raise RefusedError(f"cannot be read: {error.strerror}") from None
        self.hashes[path] = SourceFile(self.name(path), hashlib.sha256(content).hexdigest())
        return content

    def text(self, path: Path) -> str:
        """Return a file's text.

        Raises:
            RefusedError: it cannot be read, or is no text.
        """
        try:
            return self.content(path).decode("utf-8-sig")
        except UnicodeDecodeError:
            raise RefusedError("no text in UTF-8") from None
