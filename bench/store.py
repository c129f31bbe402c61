"""Records in, files out, and back: a trial lies on disk whole or not at all.

`<root>/trials/<trial name>/` holds `trial.json` (a finished trial; written last and atomically, so that its presence
is the done marker), or `failure.json`, beside `policy.zip` and `log.txt`. A worker writes only its own folder, and
holds a lock on it while it works: the operating system releases the lock with the process, however it dies, so that
nothing stale is left and two runners on one folder share the work. `<root>/looks.json` is the journal of a sequential
experiment.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import StoreError
from bench.records import PROTOCOL, Curve, EvaluationPlan, Failure, Final, Outcome, Record, Trial

DONE, FAILED, LOCK, LOG = "trial.json", "failure.json", "lock", "log.txt"
TRIES = 5


class BusyError(Exception):
    """Another process holds the trial."""


@dataclass(frozen=True, slots=True)
class Store:
    """The results of one suite, under `root`."""

    root: Path

    def folder(self, trial: Trial) -> Path:
        """Return where `trial` lies, whether it exists or not."""
        return self.root / "trials" / trial.name

    def state(self, trial: Trial) -> str:
        """Return `done`, `failed`, `running` or `missing`."""
        folder = self.folder(trial)
        if (folder / DONE).exists():
            return "done"
        if _held(folder):
            return "running"
        return "failed" if (folder / FAILED).exists() else "missing"

    def outcomes(self) -> Iterator[Outcome]:
        """Yield every finished or failed trial, in the order of folder names.

        Raises:
            StoreError: a file that cannot be read, or of another protocol.
        """
        for folder in sorted((self.root / "trials").glob("*")):
            if (outcome := read(folder)) is not None:
                yield outcome

    def outcome(self, trial: Trial) -> Outcome | None:
        """Return what became of `trial`, None while nothing has."""
        return read(self.folder(trial))

    def keep_failure(self, failure: Failure) -> None:
        """Write `failure.json`, unless the trial is done after all."""
        folder = self.folder(failure.trial)
        if not (folder / DONE).exists():
            folder.mkdir(parents=True, exist_ok=True)
            _write(folder / FAILED, {"protocol": PROTOCOL, **asdict(failure)})

    def forget_failure(self, trial: Trial) -> None:
        """Remove `failure.json`, so that the trial is missing again."""
        (self.folder(trial) / FAILED).unlink(missing_ok=True)

    def tidy(self, trial: Trial) -> None:
        """Remove what an interrupted trial left when it left nothing worth reading."""
        folder = self.folder(trial)
        if (folder / DONE).exists() or (folder / FAILED).exists() or _held(folder):
            return
        for name in (LOCK, LOG, "policy.zip"):
            (folder / name).unlink(missing_ok=True)
        with suppress(OSError):
            folder.rmdir()

    def keep_suite(self, text: str) -> None:
        """Keep the suite file beside its results, so that these can be reported without it."""
        self.root.mkdir(parents=True, exist_ok=True)
        _replace(self.root / "suite.yaml", text)

    @property
    def journal(self) -> Path:
        """Where the looks of a sequential experiment are kept."""
        return self.root / "looks.json"

    def keep_looks(self, data: Mapping[str, Any]) -> None:
        """Write the journal of a sequential experiment: its design and every look so far."""
        self.root.mkdir(parents=True, exist_ok=True)
        _write(self.journal, {"protocol": PROTOCOL, **data})

    def looks(self) -> dict[str, Any] | None:
        """Return the journal, None where no look has been taken.

        Raises:
            StoreError: it cannot be read, or is of another protocol.
        """
        try:
            data = json.loads(self.journal.read_text())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise StoreError(f"{self.journal}: cannot be read ({error}); restore it from a copy") from error
        if not isinstance(data, dict) or data.get("protocol") != PROTOCOL:
            found = data.get("protocol") if isinstance(data, dict) else None
            raise StoreError(
                f"{self.journal}: has protocol {found!r}, this version reads {PROTOCOL}; use the version that wrote it"
            )
        return data


@contextmanager
def claim(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process until the block ends or the process dies.

    Raises:
        BusyError: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        for _ in range(TRIES):
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            # A look by `status` holds the lock for a moment, too.
            time.sleep(0.05)
        else:
            raise BusyError(f"{folder.name} is being run by another process")
        yield


def is_done(folder: Path) -> bool:
    """Return whether a finished trial lies in `folder`."""
    return (folder / DONE).exists()


def keep(record: Record, folder: Path) -> None:
    """Write `trial.json` atomically, last of all; remove the failure of an earlier attempt."""
    curve = {field.name: _listed(getattr(record.curve, field.name)) for field in fields(Curve)}
    final = {"steps": record.final.steps} | {
        name: _listed(getattr(record.final, name)) for name in ("returns", "lengths")
    }
    _write(
        folder / DONE,
        {
            "protocol": PROTOCOL,
            "fingerprint": record.trial.fingerprint,
            "trial": asdict(record.trial),
            "attempt": record.attempt,
            "timings": dict(record.timings),
            "resources": dict(record.resources),
            "provenance": dict(record.provenance),
            "settings": dict(record.settings),
            "final": final,
            "curve": curve,
        },
    )
    (folder / FAILED).unlink(missing_ok=True)


def read(folder: Path) -> Outcome | None:
    """Return the outcome in `folder`, None where there is none yet.

    Raises:
        StoreError: the file is damaged, of another protocol, or not what its folder's name says.
    """
    for name, build in ((DONE, _record), (FAILED, _failure)):
        path = folder / name
        try:
            data = json.loads(path.read_text())
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise StoreError(f"{path}: cannot be read ({error}); remove the folder and run the suite again") from error
        if not isinstance(data, dict) or data.get("protocol") != PROTOCOL:
            found = data.get("protocol") if isinstance(data, dict) else None
            raise StoreError(
                f"{path}: has protocol {found!r}, this version reads {PROTOCOL}; use the version that wrote it"
            )
        try:
            return build(data)
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError(
                f"{path}: lacks or misstates {error}; remove the folder and run the suite again"
            ) from error
    return None


def _record(data: Mapping[str, Any]) -> Record:
    curve = data["curve"]
    floats = {
        name: np.array(curve[name], dtype=float) for name in ("seconds", "cpu_seconds", "returns", "training_returns")
    }
    return Record(
        trial=_trial(data["trial"]),
        curve=Curve(
            steps=np.array(curve["steps"], dtype=np.int64), lengths=np.array(curve["lengths"], dtype=np.int64), **floats
        ),
        final=Final(
            data["final"]["steps"],
            np.array(data["final"]["returns"], dtype=float),
            np.array(data["final"]["lengths"], dtype=np.int64),
        ),
        timings=data["timings"],
        resources=data["resources"],
        provenance=data["provenance"],
        attempt=data["attempt"],
        settings=data["settings"],
    )


def _failure(data: Mapping[str, Any]) -> Failure:
    return Failure(**{**{field.name: data[field.name] for field in fields(Failure)}, "trial": _trial(data["trial"])})


def _trial(data: Mapping[str, Any]) -> Trial:
    return Trial(**{**data, "evaluation": EvaluationPlan(**data["evaluation"])})


def _listed(array: Any) -> Any:
    """Return nested lists with None for NaN, which JSON does not have."""
    values = array.astype(object)
    if array.dtype.kind == "f":
        values[np.isnan(array)] = None
    return values.tolist()


def _held(folder: Path) -> bool:
    try:
        with (folder / LOCK).open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def _write(path: Path, data: Mapping[str, Any]) -> None:
    lines = (f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in data.items())
    _replace(path, "{\n" + ",\n".join(lines) + "\n}\n")


def _replace(path: Path, text: str) -> None:
    """Write `text` so that `path` holds the old or the new content at every moment, a power cut included."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with temporary.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
