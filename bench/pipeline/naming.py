"""A suite as typed in, a name or a path, and the file or folder that is meant out."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from bench.catalog import suggest
from bench.suite.shipped import shipped

RESULTS, REPORTS = Path("results"), Path("reports")
SUITE_COPY = "suite.yaml"
"""The suite kept in a results folder."""


def located(typed: Path, *, results: Path, reading: bool = False) -> tuple[Path, str]:
    """Return what a word means, and a sentence where it could mean something else.

    What lies in the working directory comes first. A bare name is otherwise a shipped suite, or results of that name;
    for a command that reads results, these come before the suite.
    """
    name = str(typed)
    suite, kept = shipped().get(name), results / name
    if typed.exists():
        other = f"note: {name} is {_what(typed)} here, not the suite that comes with bench ({suite})" if suite else ""
        return typed, other
    found = [suite, kept if (kept / SUITE_COPY).is_file() else None]
    meant = next((path for path in (reversed(found) if reading else found) if path is not None), typed)
    return meant, ""


def known_names(results: Path) -> list[str]:
    """Return every bare name that `located` understands."""
    return [*shipped(), *sorted(copy.parent.name for copy in results.glob(f"*/{SUITE_COPY}"))]


def guess(typed: Path, results: Path) -> str:
    """Return what `typed` was probably meant to be, in words: a suite's file here, or one of the known names."""
    files = sorted(typed.parent.glob("*.yaml"))
    words = {PurePosixPath(name).name: name for name in shipped()}
    words |= {name: name for name in known_names(results)}
    # `bench init NAME` writes NAME.yaml.
    words |= {written: str(path) for path in files for written in (str(path), str(path.with_suffix("")))}
    meant = words.get(str(typed)) or words.get(suggest(str(typed), words) or "")
    return f"did you mean {meant!r}?" if meant else "`bench list suites` shows some"


def _what(typed: Path) -> str:
    return "a folder" if typed.is_dir() else "a file"
