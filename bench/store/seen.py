"""A results folder in, which of its records were found whole before and have not changed since, out.

Reading ten thousand records takes seconds, and most are the same as the last time. What was found whole is kept by
size, times of change and inode, and used for counting alone: whoever needs what a record says reads it. It is kept
twice: beside the results, for everybody on every machine, and in the user's own cache folder, for results that are not
to be written to. A list that is damaged, of another version of the checks or not to be written costs time, no more.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from bench.files import replace
from bench.records import Record, trial
from bench.store import loading, reading, schema, values

Mark = tuple[int, int, int, int]
"""Size, time of the last change of content and of anything (nanoseconds), inode."""
_SETTLED_SECONDS = 2
"""A file younger than this may change again without a sign: the clocks of file systems tick in milliseconds at best."""
_KEEP_SECONDS = 60.0
"""Between two times at which a run keeps what it has stored."""
_WORTHWHILE = 100
"""Fewer records are read in a moment."""
_INDEX = "index.json"


class Stored:
    """What one run stores, so that nobody need read it again to count it, at the run's end or after it was killed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._keep_at = time.monotonic() + _KEEP_SECONDS
        self.whole: dict[str, Mark] = {}
        """By the names of folders."""

    def note(self, folder: Path) -> None:
        """Note the record in a trial's folder, if it is whole; every minute keep what has been noted."""
        found = mark(f"{folder}/{reading.DONE}")
        if found is not None and isinstance(reading.read(folder), Record):
            self.whole[folder.name] = found
        if time.monotonic() >= self._keep_at:
            self.keep()
            self._keep_at = time.monotonic() + _KEEP_SECONDS

    def keep(self) -> None:
        """Keep what has been noted beside what is remembered.

        It need not settle: a record comes there whole, by one rename, and nobody changes it in its first moment.
        """
        for file, kept in zip(_files(self._root), recall(self._root), strict=True) if self.whole else ():
            _put(file, kept, {**kept, **self.whole})


def mark(path: str) -> Mark | None:
    """Return what tells whether a file has changed, None where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - ten thousand times, and a Path costs more than the call
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def recall(root: Path) -> list[dict[str, Mark]]:
    """Return the records of `root` that were found whole, by the names of their folders, as each place has kept them.

    A file may have other marks on another machine, so that one place may know what the other does not.
    """
    return [_kept(file) for file in _files(root)]


def remember(root: Path, whole: Mapping[str, Mark], known: Sequence[Mapping[str, Mark]]) -> None:
    """Keep which records of `root` were found whole, those that changed just now left out; few are not worth it.

    Args:
        root: the results folder.
        whole: by the names of their folders.
        known: what each place has kept, which is written where that is something else.
    """
    latest = time.time_ns() - _SETTLED_SECONDS * 10**9
    settled = {
        name: found
        for name, found in whole.items()
        if max(found[1:3]) < latest or any(kept.get(name) == found for kept in known)
    }
    for file, kept in zip(_files(root), known, strict=True):
        _put(file, kept, settled)


def _kept(file: Path) -> dict[str, Mark]:
    with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        kept = loading.load(file)
        if kept["checks"] == _checks():
            return {
                str(name): (size, changed, moved, inode)
                for name, (size, changed, moved, inode) in kept["whole"].items()
            }
    return {}


def _put(file: Path, kept: Mapping[str, Mark], whole: Mapping[str, Mark]) -> None:
    if whole == kept or len(whole) < _WORTHWHILE:
        return
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        replace(file, json.dumps({"checks": _checks(), "whole": whole}))


def _files(root: Path) -> Iterator[Path]:
    """Yield where the list is kept: beside the results, and in the cache folder of a user who has a home."""
    yield root / _INDEX
    with suppress(RuntimeError):
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        place = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:16]
        yield Path(home) / "bench" / "records" / f"{place}.json"


@cache
def _checks() -> str:
    """Return the hash of the code that decides what is whole: other checks may decide otherwise."""
    modules = (loading, reading, schema, values, trial)
    code = b"".join(Path(str(module.__file__)).read_bytes() for module in modules)
    return hashlib.sha256(code).hexdigest()[:16]
