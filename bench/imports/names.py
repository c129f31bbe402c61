"""File and folder names in, the algorithm, environment and run that they speak of out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath

from bench.catalog import algorithms

_ENVIRONMENT = re.compile(r"((?:[A-Za-z][A-Za-z0-9]*/)?[A-Za-z][A-Za-z0-9]*(?:[A-Z_-][A-Za-z0-9]*)*-v\d+)")
_OTHERS = ("npg", "acktr", "acer", "her", "c51", "rainbow", "iqn", "fqf", "ppg", "rpo", "redq", "vpg", "droq")
"""Algorithms that folders of other projects are named after and that this project does not run."""
_MOST_NAME = 100
"""Bytes: a trial's folder is named after its environment, and file systems bound such names."""


def natural(text: str) -> list[tuple[int, int, str]]:
    """Return a sorting key that puts `10` after `9`."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", text) if part]


def clean(text: str) -> str:
    """Return a name that can stand in a suite and in a folder's name: printable, one line, without `@`."""
    printable = "".join(letter for letter in text if letter.isprintable() and letter != "@")
    return " ".join(printable.split()).encode()[:_MOST_NAME].decode(errors="ignore")


def slug(text: str) -> str:
    """Return an algorithm's name as a folder may be named after."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "_", text).strip("._") or "unknown"


def algorithm_in(path: PurePath) -> str:
    """Return the algorithm that a path is named after, from the end of the path upwards; empty where none is."""
    known = {*algorithms(), *_OTHERS}
    for part in _parts(path):
        words = [part, *re.split(r"[-. ]", part), *part.split("__"), *re.split(r"[-_. ]", part)]
        for word in words:
            if (name := word.casefold()) in known:
                return name
    return ""


def environment_in(path: PurePath) -> str:
    """Return the environment id, `CartPole-v1` or the like, that a path is named after; empty where none is."""
    for part in _parts(path):
        # CleanRL's `env__script__seed__time`, and whatever else parts names so.
        for piece in part.split("__"):
            if match := _ENVIRONMENT.search(_without_algorithm(piece)):
                return match[1]
    return ""


def _without_algorithm(piece: str) -> str:
    # `ppo-CartPole-v1` and `ppo_CartPole-v1` name two things.
    found = re.match(r"([^-_]+)[-_](.+)", piece)
    return found[2] if found and found[1].casefold() in {*algorithms(), *_OTHERS} else piece


def seed_in(text: str) -> int | None:
    """Return the seed that a name states as `seed_3`, `seed-3` or `env__algorithm__3__time`; None where none is."""
    if match := re.search(r"seed[_=-]?(\d{1,9})(?!\d)", text, re.IGNORECASE):
        return int(match[1])
    parts = text.split("__")
    return int(parts[2]) if len(parts) == 4 and parts[2].isdecimal() and len(parts[2]) < 10 else None  # noqa: PLR2004 - CleanRL's four parts


def seed_of(folder: str) -> int | None:
    """Return the seed that a folder is named after, or else one above it; None where none is."""
    return next((seed for part in reversed(PurePath(folder).parts) if (seed := seed_in(part)) is not None), None)


def _parts(path: PurePath) -> Iterable[str]:
    name = path.name
    for ending in (".monitor.csv", ".csv", ".json", ".npz"):
        name = name.removesuffix(ending)
    return (name, *reversed(path.parts[:-1]))
