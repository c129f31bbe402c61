"""A trial's folder in, what became of the trial out: its record or failure, or why what lies there is neither."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench.records import Outcome, Unreadable
from bench.store import schema
from bench.store.loading import load

DONE, FAILED = "trial.json", "failure.json"
_BUILD: Mapping[str, Callable[[Any], Outcome]] = {DONE: schema.record, FAILED: schema.failure}


def read(folder: Path) -> Outcome | Unreadable | None:
    """Return the outcome in `folder`, None where there is none yet; a record stands before a failure."""
    return read_one(folder, DONE) or read_one(folder, FAILED)


def read_one(folder: Path, name: str) -> Outcome | Unreadable | None:
    """Return what the file `name` of `folder` holds, which must be of the trial that the folder is named after."""
    path = folder / name
    try:
        data = load(path)
        outcome = _BUILD[name](data)
    except FileNotFoundError:
        return Unreadable(str(path), "is a link to nothing") if path.is_symlink() else None
    except OSError as error:
        return Unreadable(str(path), f"cannot be read ({error.strerror})")
    except ValueError as error:
        return Unreadable(str(path), str(error))
    if outcome.trial.name != folder.name:
        told = f"is of the trial {outcome.trial.name[:200]!r}, not of its folder's: copied, renamed or edited"
        return Unreadable(str(path), told)
    if name == DONE and not folder.name.endswith(f"--{data['fingerprint']}"):
        return Unreadable(str(path), f"says fingerprint {data['fingerprint'][:60]!r}, which is not its trial's")
    return outcome
