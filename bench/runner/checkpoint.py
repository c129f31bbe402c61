"""A training between two updates in, a file in its folder out; the same training in another process back.

The file is one line of JSON, which says of what it is a checkpoint, and a pickle of everything training goes on from:
weights, optimiser, replay buffer, statistics, environments in mid-episode, random states, and the curve so far. It is
whole or not there at all, and of use to the same trial alone, with the same versions of everything. Reading it can run
what somebody put there, as reading a policy can.
"""

from __future__ import annotations

import faulthandler
import json
import os
import random
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from pickle import Unpickler
from typing import Any, BinaryIO

import numpy as np
import psutil
from cloudpickle import CloudPickler

from bench.files import replacing
from bench.records import CHECKPOINT, CHECKPOINT_MINUTES, Trial
from bench.runner import provenance
from bench.runner.devices import CPU

WORTH = 0.1
"""Share of the time between two checkpoints after which one is worth writing before the trial goes, told to, and before
the final evaluation, during which none can be."""
DEVICE, VERSIONS = "device", "versions"
"""What a checkpoint may not fit in."""
ROOM = 2
"""So many times what the process has in memory must be free on the disk."""
Places = Mapping[int, tuple[str, int, int]]
"""Identity of an object -> what it is, of which environment, after how many steps of all."""
Reducers = Mapping[type, Callable[[Any], tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Stored:
    """What a checkpoint holds."""

    learner: Any
    environments: Any
    """Those of training, as the learner has them."""
    so_far: Any
    """What the trial has come to."""
    streams: Mapping[str, Any]
    """States of the global random numbers, by whose they are."""
    exact: bool
    """Whether training goes on from here as if nothing had been."""


@dataclass(slots=True)
class Checkpoints:
    """When one trial is to be stored, and where."""

    folder: Path
    trial: Trial
    minutes: float | None = CHECKPOINT_MINUTES
    """Between two; 0 or None: none is ever written."""
    device: str = CPU
    """CPU or ANY_GPU: what is stored on one kind of device is of no use on another."""
    clock: Callable[[], float] = time.monotonic
    _last: float = field(init=False)
    _due: float = field(init=False)
    _asked: bool = False
    """Whether the trial has been told to go, and does so once it is stored."""
    _whole: bool = True
    """Whether environments can be stored, as far as is known."""
    _said: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._count_from_here()

    def due(self) -> bool:
        """Return whether it is time; costs next to nothing, and is to be asked before every update."""
        return self._asked or self.clock() >= self._due

    def worth(self) -> bool:
        """Return whether so much was done since the last one, or the beginning, that another is worth writing."""
        return self.clock() - self._last >= WORTH * (self._due - self._last)

    def write(self, learner: Any, environments: Any, so_far: Any) -> None:
        """Store everything; where that cannot be, say so in the log and let the training go on without.

        Does not return if the trial has been told to go.
        """
        self._try_to_write(learner, environments, so_far)
        self._count_from_here()
        if self._asked:
            _go()

    def read(self, rebuild: Callable[[int, int], Mapping[str, Any]]) -> Stored | None:
        """Return what was stored of this very trial; None where nothing was, or it cannot be read back.

        Args:
            rebuild: index of an environment, steps of all -> it and its totals, by name, made anew where they could not
                be stored.
        """
        try:
            with (self.folder / CHECKPOINT).open("rb") as file:
                if json.loads(file.readline()) != _of(self.trial, self.device):
                    _say("the checkpoint is of another trial, device or version: the trial begins anew")
                    return None
                found: Stored = _Unpickler(file, rebuild).load()
        except FileNotFoundError:
            return None
        except Exception as error:  # noqa: BLE001  # a pickle that is cut off, or of code that is gone, raises anything
            _say(f"the checkpoint cannot be read back, and the trial begins anew: {type(error).__name__}: {error}")
            return None
        return found

    @contextmanager
    def heeding(self) -> Iterator[None]:
        """Write a checkpoint when the process is told to go (SIGTERM), where that is worth it, and go then."""
        if not self.minutes or threading.current_thread() is not threading.main_thread():
            yield
            return
        before = _under_who_says_where(self._told_to_go)
        try:
            yield
        finally:
            _under_who_says_where(before)

    def _told_to_go(self, number: int, frame: Any) -> None:
        del number, frame
        self._asked = True
        if not self.worth():
            _go()

    def _count_from_here(self) -> None:
        self._last = self.clock()
        self._due = self._last + 60 * self.minutes if self.minutes else float("inf")

    def _try_to_write(self, learner: Any, environments: Any, so_far: Any) -> None:
        try:
            # At most as large as all that the process holds. A disk that is full costs others their records.
            if shutil.disk_usage(self.folder).free < ROOM * psutil.Process().memory_info().rss:
                self._say_once("no checkpoint is written: the disk has not twice the room of the process's memory")
                return
            if self._whole:
                self._whole = self._written(Stored(learner, environments, so_far, _streams(), learner.repeats))
            if not self._whole:
                anew = Stored(learner, environments.begun_anew(), so_far, _streams(), exact=False)
                self._write(anew, environments.places())
        except Exception as error:  # noqa: BLE001  # a disk that is full or gone, somebody's learner: training goes on
            self._say_once(f"no checkpoint could be written: {type(error).__name__}: {error}")

    def _written(self, stored: Stored) -> bool:
        """Write everything, unless an environment cannot be pickled; return whether it could.

        Raises:
            OSError: the file cannot be written.
        """
        try:
            self._write(stored, {})
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever somebody else's environment makes of being pickled
            self._say_once(f"environments cannot be stored, and would begin anew: {type(error).__name__}: {error}")
            return False
        return True

    def _say_once(self, what: str) -> None:
        # The name of the temporary file would make it another sentence, not another thing.
        if (kind := what.partition("'")[0]) not in self._said:
            self._said.add(kind)
            _say(what)

    def _write(self, stored: Stored, left_out: Places) -> None:
        with replacing(self.folder / CHECKPOINT) as temporary, temporary.open("wb") as file:
            file.write(json.dumps(_of(self.trial, self.device)).encode() + b"\n")
            _Pickler(file, stored.learner.reducers, left_out).dump(stored)
            file.flush()
            os.fsync(file.fileno())


class _Pickler(CloudPickler):  # type: ignore[misc]  # of an untyped library
    """Pickles by value what cannot be imported, and some classes in a way of their own."""

    def __init__(self, file: BinaryIO, reducers: Reducers, left_out: Places) -> None:
        super().__init__(file, protocol=5)
        self._reducers, self._left_out = reducers, left_out

    def persistent_id(self, whole: Any) -> Any:
        """Return what stands for an object that is not stored; None for the others."""
        return self._left_out.get(id(whole))

    def reducer_override(self, whole: Any) -> Any:
        """Return how an object is pickled."""
        for cls, reduced in self._reducers.items():
            if isinstance(whole, cls):
                return reduced(whole)
        return super().reducer_override(whole)


class _Unpickler(Unpickler):
    """Makes anew what was not stored, each once."""

    def __init__(self, file: BinaryIO, rebuild: Callable[[int, int], Mapping[str, Any]]) -> None:
        super().__init__(file)
        self._rebuild = rebuild
        self._made: dict[int, Mapping[str, Any]] = {}

    def persistent_load(self, pid: Any) -> Any:
        """Return what stands for `(what, index, steps)`."""
        what, index, steps = pid
        if index not in self._made:
            self._made[index] = self._rebuild(index, steps)
        return self._made[index][what]


def fit(folder: Path, trial: Trial, device: str = "") -> str:
    """Return what keeps a trial from going on from what was stored of it, `device` or `versions`; empty: nothing.

    Args:
        folder: the trial's, with a checkpoint.
        trial: what is to go on.
        device: where (CPU, ANY_GPU); empty: on the kind on which it was stored.
    """
    stored = _header(folder)
    there = stored.get("device", "")
    if stored != _of(trial, there):
        return VERSIONS
    return "" if device in {"", there} else DEVICE


def stored_on(folder: Path) -> str:
    """Return the kind of device (CPU, ANY_GPU) that a trial's checkpoint was stored on; empty: nobody can tell."""
    return str(_header(folder).get("device", ""))


def difference(folder: Path, trial: Trial) -> str:
    """Return, in words, one thing that was of another version when a trial was stored: `commit abc, here def`."""
    stored, here = _header(folder), _of(trial, "")
    if not isinstance(versions := stored.get("versions"), dict):
        return "which it does not tell"
    then, now = (
        {"commit": of.get("commit"), "Python": of.get("python"), **each, "uncommitted changes": of.get("changes")}
        for of, each in ((stored, versions), (here, here["versions"]))
    )
    name = next((name for name in {**now, **then} if then.get(name) != now.get(name)), "")
    return f"{name} {then.get(name) or 'none'}, here {now.get(name) or 'none'}" if name else "of another trial"


def _header(folder: Path) -> dict[str, Any]:
    """Return what a trial's checkpoint says of itself; nothing where there is none, or it says nothing."""
    try:
        with (folder / CHECKPOINT).open("rb") as file:
            found = json.loads(file.readline())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def restore_streams(states: Mapping[str, Any]) -> None:
    """Set the global random numbers to where they were."""
    random.setstate(states["python"])
    np.random.set_state(states["numpy"])  # noqa: NPY002 - SB3 draws from the legacy generator
    torch = sys.modules.get("torch")
    if torch and states["torch"] is not None:
        torch.set_rng_state(states["torch"])
    if torch and states["cuda"]:
        torch.cuda.set_rng_state_all(states["cuda"])


def _streams() -> dict[str, Any]:
    torch = sys.modules.get("torch")
    return {
        "python": random.getstate(),
        "numpy": np.random.get_state(),  # noqa: NPY002 - as above
        "torch": torch.get_rng_state() if torch else None,
        "cuda": torch.cuda.get_rng_state_all() if torch and torch.cuda.is_initialized() else [],
    }


def _of(trial: Trial, device: str) -> dict[str, Any]:
    """Return what a checkpoint must agree in with the trial that goes on from it."""
    here = provenance.describe()
    return {
        "trial": trial.fingerprint,
        "device": device,
        **{name: here[name] for name in ("versions", "python", "commit")},
        "changes": provenance.code()[1],
    }


def _under_who_says_where(handler: Any) -> Any:
    """Set what SIGTERM does, after the trial has said where it is if it does so; return what it did before."""
    # To unregister sets back what was there when it was registered: so first.
    says = bool(faulthandler.unregister(signal.SIGTERM))  # type: ignore[func-returns-value]  # it does
    before = signal.signal(signal.SIGTERM, handler)
    if says:
        faulthandler.register(signal.SIGTERM, 2, chain=True)
    return before


def _go() -> None:
    _under_who_says_where(signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)


def _say(what: str) -> None:
    # A worker's standard output is its log.
    print(f"--- {what}", flush=True)  # noqa: T201
