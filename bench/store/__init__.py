"""Records in, files out, and back: a trial lies on disk whole or not at all.

`<root>/trials/<trial name>/` holds `trial.json` (a finished trial; written last and atomically, so that its presence
is the done marker), or `failure.json`, beside `log.txt`, `policy.zip` and, where observations are normalised,
`vecnormalize.pkl`; `checkpoint.pkl` and `points.json` are those of a trial that is not over. A worker writes only its
own folder, and holds a lock on it while it works: the operating system releases the lock with the process, however it
dies, so that nothing stale is left and two runners on one folder share the work (see `bench.store.leases` for file
systems without locks).
`<root>/looks.json` is the journal of a sequential experiment, `<root>/inspected.json` what was found in environments
that no catalogue knows, `<root>/devices.json` on which device each cell was measured to be quicker,
`<root>/index.json`, which is made anew wherever it is missing, which records were whole: for counting them unread.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from functools import partial
from itertools import count
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from bench.errors import HindranceError, StoreError, hindering
from bench.files import replace, sweep, write_into
from bench.records import (
    CHECKPOINT,
    POINTS,
    PROTOCOL,
    Burst,
    Curve,
    Failure,
    Outcome,
    Record,
    Task,
    Traits,
    Trial,
    Unreadable,
)
from bench.store import schema
from bench.store.journal import journal
from bench.store.loading import load, parsed
from bench.store.locks import LOCK, claim, has_locks
from bench.store.reading import DONE, FAILED, read, read_one
from bench.store.seen import Mark, Stored
from bench.store.survey import Survey, folders, survey

__all__ = ["Store", "Stored", "Survey", "claim", "doubts", "is_done", "keep", "read", "receive", "set_aside"]
LOG, POLICY, EVENTS = "log.txt", ("policy.zip", "vecnormalize.pkl"), "tensorboard"
INSPECTED, DEVICES = "inspected.json", "devices.json"
_UNREADABLE = (OSError, ValueError, TypeError, LookupError, ValidationError, RecursionError)
"""What reading a file of notes can end in; they can be made again, so that nothing is lost with them."""


@dataclass(frozen=True, slots=True)
class Store:
    """The results of one suite, under `root`."""

    root: Path

    def folder(self, trial: Trial) -> Path:
        """Return where `trial` lies, whether it exists or not."""
        return self.root / "trials" / trial.name

    def points(self, trial: Trial) -> dict[str, list[float]]:
        """Return `steps` and mean `returns` of a trial's evaluations while it is not over; empty where none is told."""
        with suppress(OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
            told = load(self.folder(trial) / POINTS)
            steps, returns = ([float(value) for value in told[name]] for name in ("steps", "returns"))
            return {"steps": steps, "returns": returns} if len(steps) == len(returns) else {}
        return {}

    def survey(self, stored: Mapping[str, Mark] | None = None) -> Survey:
        """Return what lies in every trial's folder; many records are told by their size and times of change alone.

        Args:
            stored: what a run has just stored, as `Stored` notes it.
        """
        return survey(self.root, stored)

    def outcomes(self) -> Iterator[Outcome]:
        """Yield every finished or failed trial, read in full, in the order of folder names."""
        for folder in folders(self.root):
            if isinstance(found := read(Path(folder)), Record | Failure):
                yield found

    def outcome(self, trial: Trial) -> Outcome | None:
        """Return what became of `trial`, None while nothing that can be read has."""
        found = read(self.folder(trial))
        return None if isinstance(found, Unreadable) else found

    def keep_failure(self, failure: Failure) -> None:
        """Write `failure.json`, unless the trial is done after all.

        Raises:
            HindranceError: it cannot be written.
        """
        folder = self.folder(failure.trial)
        with hindering(folder / FAILED, "a failure cannot be recorded"):
            if not is_done(folder):
                data = _failure_data(failure)
                write_into(folder, partial(_write, folder / FAILED, data))
                # Another try begins anew: where it stood led to the failure.
                _forget(folder, CHECKPOINT)

    def tidy(self, trial: Trial) -> None:
        """Remove what an interrupted trial left when it left nothing worth reading and nobody works in its folder.

        A checkpoint is worth reading.
        """
        folder = self.folder(trial)
        with suppress(HindranceError, OSError):
            if not folder.exists():
                return
            with claim(folder):
                if any((folder / name).exists() for name in (DONE, FAILED, CHECKPOINT)):
                    return
                rmtree(folder / EVENTS, ignore_errors=True)
                # The lock last: whoever waits for it finds that it is gone, and makes the folder anew.
                for name in (LOG, POINTS, *POLICY, LOCK):
                    (folder / name).unlink(missing_ok=True)
            folder.rmdir()

    def prepare(self) -> bool:
        """Make the root, tidy what killed writers left below it, and return whether its file system has locks.

        Raises:
            HindranceError: nothing can be written there.
        """
        locks = has_locks(self.root)
        for folder in (self.root, *(self.root / "trials").glob("*")):
            sweep(folder)
        return locks

    def keep_suite(self, text: str) -> None:
        """Keep the suite file beside its results, so that these can be reported without it.

        Raises:
            HindranceError: it cannot be written.
        """
        with hindering(self.root / "suite.yaml", "the suite cannot be kept beside its results"):
            self.root.mkdir(parents=True, exist_ok=True)
            replace(self.root / "suite.yaml", text)

    def keep_inspected(self, found: Iterable[tuple[Task, Traits]]) -> None:
        """Keep what was found when tasks were looked at, so that nobody needs to run their code to read the results.

        Raises:
            HindranceError: it cannot be written.
        """
        known = {task.key: (task, traits) for task, traits in (*self.inspected(), *found)}
        if known:
            listed = [{"task": asdict(task), "traits": asdict(traits)} for task, traits in known.values()]
            with hindering(self.root / INSPECTED, "what was found in environments cannot be kept"):
                self.root.mkdir(parents=True, exist_ok=True)
                replace(self.root / INSPECTED, json.dumps({"protocol": PROTOCOL, "inspected": listed}, indent=1))

    def inspected(self) -> list[tuple[Task, Traits]]:
        """Return what was found when tasks were looked at; nothing where that was not kept, or cannot be read."""
        try:
            data = load(self.root / INSPECTED)
            return [
                (TypeAdapter(Task).validate_python(one["task"]), TypeAdapter(Traits).validate_python(one["traits"]))
                for one in data["inspected"]
            ]
        except _UNREADABLE:
            return []

    def keep_bursts(self, found: Iterable[Burst]) -> None:
        """Keep what was measured of cells on this machine's devices, beside what others have kept meanwhile.

        What went wrong with the same gives way.

        Raises:
            HindranceError: it cannot be written.
        """
        with hindering(self.root / DEVICES, "what was measured of devices cannot be kept"):
            self.root.mkdir(parents=True, exist_ok=True)
            new = list(found)
            again = {burst.of for burst in new}
            kept = [burst for burst in self.bursts() if not burst.trouble or burst.of not in again]
            listed = [asdict(burst) for burst in dict.fromkeys((*kept, *new))]
            replace(self.root / DEVICES, json.dumps({"protocol": PROTOCOL, "bursts": listed}, indent=1))

    def bursts(self) -> list[Burst]:
        """Return what was measured of devices; nothing where that was not, or cannot be read."""
        try:
            return TypeAdapter(list[Burst]).validate_python(load(self.root / DEVICES)["bursts"])
        except _UNREADABLE:
            return []

    @property
    def journal(self) -> Path:
        """Where the looks of a sequential experiment are kept."""
        return self.root / "looks.json"

    def keep_looks(self, data: Mapping[str, Any]) -> None:
        """Write the journal of a sequential experiment: its design and every look so far.

        Raises:
            HindranceError: it cannot be written.
        """
        with hindering(self.journal, "the looks cannot be kept"):
            self.root.mkdir(parents=True, exist_ok=True)
            _write(self.journal, {"protocol": PROTOCOL, **data})

    def looks(self) -> dict[str, Any] | None:
        """Return the journal, None where no look has been taken.

        Raises:
            StoreError: it cannot be read, or is of another protocol.
        """
        try:
            return journal(load(self.journal))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise StoreError(f"{self.journal}: {error}; restore it from a copy") from error


def is_done(folder: Path) -> bool:
    """Return whether a finished trial lies in `folder`."""
    return isinstance(read(folder), Record)


def set_aside(folder: Path) -> None:
    """Give another name to files in `folder`, claimed by the caller, that cannot be read: none is written over.

    Raises:
        HindranceError: they cannot be renamed.
    """
    for name in (DONE, FAILED):
        if isinstance(read_one(folder, name), Unreadable):
            with hindering(folder / name, "it cannot be read, and not be set aside either"):
                _rename(folder / name)


def _rename(path: Path) -> None:
    names = (path.with_name(f"{path.name}.unreadable{f'-{number}' if number else ''}") for number in count())
    path.rename(next(name for name in names if not os.path.lexists(name)))


def doubts(outcome: Outcome) -> str:
    """Return why nobody could read an outcome of someone else's making, were it kept; empty where all is well."""
    try:
        if isinstance(outcome, Record):
            schema.record(parsed(_text(_as_data(outcome)).encode()))
        else:
            schema.failure(parsed(_text(_failure_data(outcome)).encode()))
    except ValueError as error:
        return str(error)
    return ""


def keep(record: Record, folder: Path) -> None:
    """Write `trial.json` atomically, last of all; remove the failure of an earlier attempt.

    Raises:
        HindranceError: it cannot be written.
    """
    with hindering(folder / DONE, "the record cannot be written"):
        # Somebody may have removed the folder while the trial was at work: what it found is kept all the same.
        write_into(folder, partial(_write, folder / DONE, _as_data(record)))
    _conclude(folder)


def receive(folder: Path, bring: Callable[[], None]) -> None:
    """Have `bring` write into `folder` what a trial has left on another machine, unless the trial is done here.

    Raises:
        BusyError: another process holds the folder.
        HindranceError: it cannot be written to.
    """
    with claim(folder):
        if is_done(folder):
            return
        set_aside(folder)
        with hindering(folder, "what the trial has left cannot be kept"):
            bring()
        if is_done(folder):
            _conclude(folder)


def _conclude(folder: Path) -> None:
    """Remove what a finished trial's earlier attempts have left."""
    _forget(folder, FAILED, CHECKPOINT, POINTS)


def _forget(folder: Path, *names: str) -> None:
    for name in names:
        with suppress(OSError):  # the outcome is safe
            (folder / name).unlink(missing_ok=True)


def _as_data(record: Record) -> dict[str, Any]:
    curve = {field.name: _listed(getattr(record.curve, field.name)) for field in fields(Curve)}
    final = {"steps": record.final.steps} | {
        name: _listed(getattr(record.final, name)) for name in ("returns", "lengths")
    }
    return {
        "protocol": PROTOCOL,
        "fingerprint": record.trial.fingerprint,
        "trial": _trial_data(record.trial),
        "attempt": record.attempt,
        "timings": dict(record.timings),
        "resources": dict(record.resources),
        "provenance": dict(record.provenance),
        "settings": dict(record.settings),
        "cut_episodes": dict(record.cut_episodes),
        "updates": record.updates,
        # Most trials have none.
        **({} if record.frames is None else {"frames": record.frames}),
        **({"gradients": [asdict(one) for one in record.gradients]} if record.gradients else {}),
        **({"diagnostics": told} if (told := _told(record)) else {}),
        **({"resumed": [asdict(one) for one in record.resumed]} if record.resumed else {}),
        "final": final,
        "curve": curve,
    }


def _told(record: Record) -> dict[str, Any]:
    return {name: _listed(values) for name, values in record.diagnostics.items()}


def _failure_data(failure: Failure) -> dict[str, Any]:
    return {"protocol": PROTOCOL, **asdict(failure), "trial": _trial_data(failure.trial)}


def _trial_data(trial: Trial) -> dict[str, Any]:
    # What most trials have not is left out: versions from before there was such a thing read them all the same.
    rare = {"origin", "backend", "evaluation_kwargs"}
    return {name: value for name, value in asdict(trial).items() if name not in rare or value}


def _listed(array: Any) -> Any:
    """Return nested lists with None for NaN and infinity, which JSON does not have."""
    values = array.astype(object)
    if array.dtype.kind == "f":
        values[~np.isfinite(array)] = None
    return values.tolist()


def _write(path: Path, data: Mapping[str, Any]) -> None:
    replace(path, _text(data))


def _text(data: Mapping[str, Any]) -> str:
    lines = (f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in data.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"
