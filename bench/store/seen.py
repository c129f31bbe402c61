"""A results folder in, which of its records were found whole before and have not changed since, out.

Reading ten thousand records takes seconds, and most are the same as the last time. What was found whole is kept in the
user's own cache folder by size, times of change and inode, and used for counting alone: whoever needs what a record
says reads it. A kept list that is damaged, of another version of the checks or not to be written costs time, no more.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

from bench.files import replace
from bench.records import trial
from bench.store import loading, reading, schema, values

Mark = tuple[int, int, int, int]
"""Size, time of the last change of content and of anything (nanoseconds), inode."""
_SETTLED_SECONDS = 2
"""A file younger than this may change again without a sign: the clocks of file systems tick in milliseconds at best."""

_WORTHWHILE = 100
"""Fewer records are read in a moment."""


def mark(path: str) -> Mark | None:
    """Return what tells whether a file has changed, None where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - ten thousand times, and a Path costs more than the call
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def recall(root: Path) -> dict[str, Mark]:
    """Return the records of `root` that were found whole, by the names of their folders."""
    with suppress(OSError, RuntimeError, ValueError, TypeError, KeyError, AttributeError):
        kept = loading.load(_file(root))
        if kept["checks"] == _checks():
            return {
                str(name): (size, changed, moved, inode)
                for name, (size, changed, moved, inode) in kept["whole"].items()
            }
    return {}


def remember(root: Path, whole: Mapping[str, Mark]) -> None:
    """Keep which records of `root` were found whole, those that changed just now left out; few are not worth it."""
    if len(whole) < _WORTHWHILE:
        return
    latest = time.time_ns() - _SETTLED_SECONDS * 10**9
    settled = {name: found for name, found in whole.items() if max(found[1:3]) < latest}
    with suppress(OSError, RuntimeError):
        file = _file(root)
        file.parent.mkdir(parents=True, exist_ok=True)
        replace(file, json.dumps({"checks": _checks(), "whole": settled}))


def _file(root: Path) -> Path:
    """Return where the list is kept.

    Raises:
        RuntimeError: the user has no home.
    """
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    place = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:16]
    return Path(home) / "bench" / "records" / f"{place}.json"


@cache
def _checks() -> str:
    """Return the hash of the code that decides what is whole: other checks may decide otherwise."""
    modules = (loading, reading, schema, values, trial)
    code = b"".join(Path(str(module.__file__)).read_bytes() for module in modules)
    return hashlib.sha256(code).hexdigest()[:16]
