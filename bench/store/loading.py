"""A path in, the JSON of a regular file of bounded size out, or the reason why there is none."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

from bench.limits import MOST_RECORD_BYTES, MOST_RECORD_PARTS


def load(path: Path) -> Any:
    """Return what the JSON file `path` holds.

    Raises:
        FileNotFoundError: there is nothing.
        OSError: it cannot be opened or read.
        ValueError: it is no regular file, too large, or no JSON; the message is the reason.
    """
    return parsed(_content(path))


def parsed(content: bytes) -> Any:
    """Return what JSON holds that is, or would be, the content of a file of results.

    Raises:
        ValueError: it is too large, or no JSON; the message is the reason.
    """
    _bounded(len(content))
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"is no text in UTF-8 ({error.reason} at byte {error.start:,})") from None
    if not text.strip():
        raise ValueError("is empty")
    if text.count("[") + text.count("{") > MOST_RECORD_PARTS:
        raise ValueError(f"holds more than {MOST_RECORD_PARTS:,} lists and mappings")
    try:
        return json.loads(text, object_pairs_hook=_mapping)
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"is no JSON ({error})") from None


def _content(path: Path) -> bytes:
    # Looked at before it is opened, which may already do something to a device; without waiting, as a pipe wants.
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("is no regular file")
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - of a descriptor
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("is no regular file")
        _bounded(found.st_size)
        return file.read(found.st_size)


def _bounded(size: int) -> None:
    if size > MOST_RECORD_BYTES:
        raise ValueError(f"has {size / 2**20:,.0f} MB, more than the {MOST_RECORD_BYTES / 2**20:.0f} MB that are read")


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"says {twice[:60]!r} twice")
    return found
