"""Records in, files out, and back: a trial lies on disk whole or not at all.

`<root>/trials/<trial name>/` holds `trial.json` (a finished trial; written last and atomically, so that its presence
is the done marker), or `failure.json`, beside `log.txt`, `policy.zip` and, where observations are normalised,
`vecnormalize.pkl`. A worker writes only its own folder, and holds a lock on it while it works: the operating system
releases the lock with the process, however it dies, so that nothing stale is left and two runners on one folder share
the work (see `bench.store.leases` for file systems without locks). `<root>/looks.json` is the journal of a sequential
experiment.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np

from bench.errors import HindranceError, StoreError, hindering
from bench.files import replace, sweep, write_into
from bench.records import PROTOCOL, Curve, Failure, Outcome, Record, Trial
from bench.store.locks import LOCK, claim, has_locks, held
from bench.store.reading import DONE, FAILED, read

__all__ = ["Store", "claim", "is_done", "keep", "read"]
LOG, POLICY, EVENTS = "log.txt", ("policy.zip", "vecnormalize.pkl"), "tensorboard"


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
        if held(folder):
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
        """Write `failure.json`, unless the trial is done after all.

        Raises:
            HindranceError: it cannot be written.
        """
        folder = self.folder(failure.trial)
        with hindering(folder / FAILED, "a failure cannot be recorded"):
            if not (folder / DONE).exists():
                data = {"protocol": PROTOCOL, **asdict(failure)}
                write_into(folder, partial(_write, folder / FAILED, data))

    def tidy(self, trial: Trial) -> None:
        """Remove what an interrupted trial left when it left nothing worth reading and nobody works in its folder."""
        folder = self.folder(trial)
        with suppress(HindranceError, OSError):
            if not folder.exists():
                return
            with claim(folder):
                if (folder / DONE).exists() or (folder / FAILED).exists():
                    return
                rmtree(folder / EVENTS, ignore_errors=True)
                # The lock last: whoever waits for it finds that it is gone, and makes the folder anew.
                for name in (LOG, *POLICY, LOCK):
                    (folder / name).unlink(missing_ok=True)
            folder.rmdir()

    def prepare(self) -> bool:
        """Make the root, tidy what killed writers left there, and return whether its file system has locks.

        Raises:
            HindranceError: nothing can be written there.
        """
        locks = has_locks(self.root)
        sweep(self.root)
        return locks

    def keep_suite(self, text: str) -> None:
        """Keep the suite file beside its results, so that these can be reported without it.

        Raises:
            HindranceError: it cannot be written.
        """
        with hindering(self.root / "suite.yaml", "the suite cannot be kept beside its results"):
            self.root.mkdir(parents=True, exist_ok=True)
            replace(self.root / "suite.yaml", text)

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


def is_done(folder: Path) -> bool:
    """Return whether a finished trial lies in `folder`."""
    return (folder / DONE).exists()


def keep(record: Record, folder: Path) -> None:
    """Write `trial.json` atomically, last of all; remove the failure of an earlier attempt.

    Raises:
        HindranceError: it cannot be written.
    """
    with hindering(folder / DONE, "the record cannot be written"):
        # Somebody may have removed the folder while the trial was at work: what it found is kept all the same.
        write_into(folder, partial(_write, folder / DONE, _as_data(record)))
        (folder / FAILED).unlink(missing_ok=True)


def _as_data(record: Record) -> dict[str, Any]:
    curve = {field.name: _listed(getattr(record.curve, field.name)) for field in fields(Curve)}
    final = {"steps": record.final.steps} | {
        name: _listed(getattr(record.final, name)) for name in ("returns", "lengths")
    }
    return {
        "protocol": PROTOCOL,
        "fingerprint": record.trial.fingerprint,
        "trial": asdict(record.trial),
        "attempt": record.attempt,
        "timings": dict(record.timings),
        "resources": dict(record.resources),
        "provenance": dict(record.provenance),
        "settings": dict(record.settings),
        "cut_episodes": dict(record.cut_episodes),
        "final": final,
        "curve": curve,
    }


def _listed(array: Any) -> Any:
    """Return nested lists with None for NaN, which JSON does not have."""
    values = array.astype(object)
    if array.dtype.kind == "f":
        values[np.isnan(array)] = None
    return values.tolist()


def _write(path: Path, data: Mapping[str, Any]) -> None:
    lines = (f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in data.items())
    replace(path, "{\n" + ",\n".join(lines) + "\n}\n")
