"""Nothing in, the suites that come with the package out."""

from __future__ import annotations

from functools import cache
from pathlib import Path

TUNED = "tuned"
"""Folder beside suites that holds no suites but their tuned hyperparameters, and the name of that set in a suite."""
_PACKAGE = Path(__file__).resolve().parents[1]


@cache
def shipped() -> dict[str, Path]:
    """Return name -> file, such as `quick` or `explained/dqn-loss`, in alphabetical order."""
    built = _PACKAGE / "suites"
    # A checkout keeps them at its top, from where the build copies them into the package (setup.py).
    folder = built if built.is_dir() else _PACKAGE.parent / "suites"
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in suites_in(folder)}


def suites_in(folder: Path) -> list[Path]:
    """Return the suite files anywhere in a folder, in alphabetical order; the sets tuned for them are none."""
    return [path for path in sorted(folder.rglob("*.yaml")) if path.parent.name != TUNED]
