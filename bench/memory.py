"""What the kernel says of this machine and of this process's groups in, how much memory there is for trials out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

_ROOT = Path("/")
_SECOND = "memory.max", "memory.current", "inactive_file"
_FIRST = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
"""Files and the line of `memory.stat`, by the version of cgroups."""


def total(root: Path = _ROOT) -> int:
    """Return how many bytes of memory there are: the machine's, or fewer where a container or a job has a limit."""
    return min([psutil.virtual_memory().total, *(most for most, _ in _groups(root))])


def free(root: Path = _ROOT) -> int:
    """Return how many bytes of these can be had now."""
    return max(0, min([psutil.virtual_memory().available, *(most - taken for most, taken in _groups(root))]))


def at_once() -> int:
    """Return how many bytes a process may ask for at once, whatever it comes to use.

    The kernel refuses more than the machine has, swap included, and asks no group.
    """
    return psutil.virtual_memory().total + psutil.swap_memory().total


def _groups(root: Path) -> Iterator[tuple[int, int]]:
    """Yield the limit of each of this process's groups that has one, and what it has taken, in bytes."""
    with suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, kinds, place = line.split(":", 2)
            if not kinds or kinds == "memory":
                top = root / "sys/fs/cgroup" / kinds
                here = top / place.lstrip("/")
                # A container sees its own group as the top, and may be told its place outside all the same.
                for folder in (here, *here.parents[: len(here.parts) - len(top.parts)]):
                    with suppress(OSError, ValueError, LookupError):
                        yield _account(folder, *(_FIRST if kinds else _SECOND))


def _account(folder: Path, limit: str, usage: str, cache: str) -> tuple[int, int]:
    """Return a group's limit and what it has taken; files that were read and can be forgotten are not."""
    most = int((folder / limit).read_text())
    told = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    return most, int((folder / usage).read_text()) - int(told[cache])
