"""A path and its content in, a file out that holds the old or the new content at every moment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.errors import WriteError
from bench.plain import printable


def replace(path: Path, text: str) -> None:
    """Write `text` so that `path` holds the old or the new content at every moment, a power cut included."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the path of a file to be written, which takes the place of `path` once all went well and else goes."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def publish(path: Path, content: str | bytes) -> None:
    """Write a page, figure or table for readers, in a folder made where missing; text of others is made printable.

    Raises:
        WriteError: it cannot be written; what was there is as it was.
    """
    with publishing(path) as file:
        file.write_bytes(printable(content).encode() if isinstance(content, str) else content)


@contextmanager
def publishing(path: Path) -> Iterator[Path]:
    """Give the path of a file for readers to be written, which takes the place of `path` once all went well.

    Raises:
        WriteError: it cannot be written; what was there is as it was.
    """
    # A link stays a link, and a device or a pipe (`--to /dev/stdout`) is written to rather than replaced.
    target = path.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and not target.is_file() and not target.is_dir():
            yield target
            return
        with replacing(target) as temporary:
            yield temporary
    except OSError as error:
        raise WriteError(f"{path}: cannot be written: {error.strerror or error}") from None
