"""A results folder in, what lies in each of its trials' folders out: the one count that everybody tells.

Only a folder with a record or a failure counts. Files and folders of anybody else's beside it (`.DS_Store`,
`lost+found`, a copy by an editor) are nobody's trial and are passed over.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench.errors import StoreError
from bench.records import CHECKPOINT, Failure, Record, Trial, Unreadable
from bench.store.locks import held
from bench.store.reading import DONE, read
from bench.store.seen import Mark, mark, recall, remember


@dataclass(frozen=True, slots=True)
class Survey:
    """What there was at one moment, by the names of folders."""

    trials: Path
    done: frozenset[str]
    others: Mapping[str, Failure | Unreadable | None]
    """Every other folder: trials that failed, at work, interrupted, or with a file that cannot be read."""

    def state(self, trial: Trial) -> str:
        """Return `done`, `failed`, `running` or `missing`; a trial whose file cannot be read is missing."""
        name = trial.name
        if name in self.done:
            return "done"
        if name not in self.others:
            return "missing"
        if held(self.trials / name):
            return "running"
        return "failed" if isinstance(self.others[name], Failure) else "missing"

    def failure(self, trial: Trial) -> Failure | None:
        """Return the failure that lies there."""
        found = self.others.get(trial.name)
        return found if isinstance(found, Failure) else None

    def stored(self, trial: Trial) -> bool:
        """Return whether a trial that is missing has a checkpoint; whether it goes on from that, the runner knows."""
        # Most have no folder, and a name is a hash: it is asked for where there may be one alone.
        if not self.others or self.state(trial) != "missing":
            return False
        return trial.name in self.others and (self.trials / trial.name / CHECKPOINT).exists()

    def checkpoints(self) -> dict[str, int]:
        """Return the bytes of every checkpoint, of trials planned or not, by the name of its folder."""
        found = {}
        for name in self.others:
            with suppress(OSError):
                found[name] = (self.trials / name / CHECKPOINT).stat().st_size
        return found

    @property
    def unreadable(self) -> dict[str, Unreadable]:
        """What cannot be read, of trials planned or not."""
        return {name: found for name, found in self.others.items() if isinstance(found, Unreadable)}


def survey(root: Path, stored: Mapping[str, Mark] | None = None) -> Survey:
    """Return what lies in the trials' folders under `root`; records that were whole and have not changed stay so.

    Args:
        root: the results folder.
        stored: which were whole when this process stored them, by the names of their folders.
    """
    known, whole = recall(root), dict[str, Mark]()
    marks = [*known, stored or {}]
    others: dict[str, Failure | Unreadable | None] = {}
    for folder in folders(root):
        name = os.path.basename(folder)  # noqa: PTH119 - see mark
        found = mark(f"{folder}/{DONE}")
        if found is not None and any(one.get(name) == found for one in marks):
            whole[name] = found
            continue
        outcome = read(Path(folder))
        if not isinstance(outcome, Record):
            others[name] = outcome
        elif found is not None:
            whole[name] = found
    remember(root, whole, known)
    return Survey(root / "trials", frozenset(whole), others)


def folders(root: Path) -> list[str]:
    """Return the folders under `trials`, in the order of their names; none where there is no such folder.

    Raises:
        StoreError: it cannot be listed.
    """
    place = root / "trials"
    try:
        with os.scandir(place) as entries:
            return sorted(entry.path for entry in entries if _is_folder(entry))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StoreError(f"{place}: cannot be listed ({error.strerror}); it wants to be a folder of trials") from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link that leads in a circle, say.
        return False
