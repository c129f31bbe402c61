"""The sets of hyperparameters that a suite names in; under which settings and labels an algorithm stands out.

A suite that names several sets asks its question once under each: every algorithm stands in each of these settings, in
the first under its own label and in the others with their name behind it. One that names a set of its own, or has no
hyperparameters, stands once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

FILE = ".yaml"
"""What the name of a set ends in that is a path from the suite's folder."""


def setting_of(set_name: str, chosen: Sequence[str]) -> str:
    """Return the setting that a set is in a suite of these sets; empty where it has one only, or no set is named."""
    if not set_name or len(chosen) <= 1:
        return ""
    return PurePosixPath(set_name).stem if set_name.endswith(FILE) else set_name


def labelled(label: str, setting: str, place: int) -> str:
    """Return an entry's label under the setting at this place of the suite's."""
    return f"{label} ({setting})" if place else label


def own_set(hyperparameters: Any) -> str:
    """Return the set that an entry of a suite's algorithms names itself, whatever its value is; empty where none."""
    named = hyperparameters.get("set") if isinstance(hyperparameters, dict) else hyperparameters
    return named if isinstance(named, str) else ""
