"""A fault's name in, an environment that has it out: sound until it is trained for a while, or broken from the start.

The names are `chaos/<Where><Act>-v0`, such as `chaos/StepRaises-v0`, and `chaos/<Quirk>-v0` for what an environment
does once in the middle of training and goes on. An environment behaves for longer than a look at it takes and, outside
of `step`, as long as nobody trains it; with `after: 300` a look finds what is broken in `step`, and with `after: 0` it
misbehaves from the first call on.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

AFTER = 6_000
"""Steps of this process, over all its environments, before what is broken shows: more than a look at it takes."""
HORIZON = 20
ESCAPES = "\x1b]0;owned\x07\x1b[31m red \udc80 \u202e \x00 | =1+1"
_taken = 0


def trial_folder() -> Path | None:
    """Return the folder of the trial that this process is: it holds a lock there; None outside of a trial."""
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            path = link.readlink()
            if path.parent.parent.name == "trials":
                return path.parent
    return None


class StopThisError(BaseException):
    """No `Exception`: `except Exception` does not hold it."""


def _raises() -> None:
    raise RuntimeError("the wheel came off")


def _stops() -> None:
    raise StopThisError("not an Exception")


def _exits() -> None:
    sys.exit("cannot go on")


def _leaves() -> None:
    os._exit(0)


def _segfaults() -> None:
    ctypes.string_at(0)


def _hangs() -> None:
    while True:
        time.sleep(3600)


ACTS: dict[str, Callable[[], None]] = {
    "Raises": _raises,
    "Stops": _stops,
    "Exits": _exits,
    "Leaves": _leaves,
    "Segfaults": _segfaults,
    "Hangs": _hangs,
}
PLACES = ("Init", "Reset", "Step", "Close")


def _recurses() -> None:
    _recurses()


def _hangs_deaf() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _hangs()


def _swells() -> None:
    hoard = []
    while True:
        hoard.append(np.ones(2**24, dtype=np.uint8))  # ones: only a page that has been written to counts
        time.sleep(0.01)


def _escapes() -> None:
    raise RuntimeError(ESCAPES)


def _rants() -> None:
    raise RuntimeError("blah " * 2_000_000)


def _alarms() -> None:
    signal.alarm(1)
    _hangs()


def _prints() -> None:
    for _ in range(200):
        sys.stdout.write("blah " * 20_000 + "\n")
        sys.stderr.write("\x1b[2J" + "blub " * 2_000 + "\n")


def _spawns() -> None:
    sleeper = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]
    subprocess.Popen(sleeper)
    subprocess.Popen(sleeper, start_new_session=True)


def _deletes() -> None:
    if folder := trial_folder():
        shutil.rmtree(folder, ignore_errors=True)


def _closes() -> None:
    os.close(1)
    os.close(2)


def _wanders() -> None:
    os.chdir("/")


def _kills_keeper() -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    _hangs()


QUIRKS: dict[str, Callable[[], None]] = {
    "Recurses": _recurses,
    "HangsDeaf": _hangs_deaf,
    "Swells": _swells,
    "Escapes": _escapes,
    "Rants": _rants,
    "Alarms": _alarms,
    "Prints": _prints,
    "Spawns": _spawns,
    "Deletes": _deletes,
    "ClosesStreams": _closes,
    "Wanders": _wanders,
    "KillsKeeper": _kills_keeper,
}

NOTHING: tuple[Any, float] = (0, 1.0)
ANSWERS: dict[str, Any] = {
    "NanReward": (0, float("nan")),
    "InfiniteReward": (0, float("inf")),
    "TextReward": (0, "one"),
    "StrangeObservation": (99, 1.0),
    "NanObservation": (float("nan"), 1.0),
    "NoObservation": (None, 1.0),
}
"""Observation and reward of every step once an environment shows what it is."""


class Sound(gym.Env[Any, Any]):
    """Three states in turn, two actions, reward 1 for the second; nothing is wrong with it."""

    def __init__(self) -> None:
        self.observation_space: spaces.Space[Any] = spaces.Discrete(3)
        self.action_space: spaces.Space[Any] = spaces.Discrete(2)
        self._state = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start in the first state."""
        super().reset(seed=seed, options=options)
        self._state = 0
        return self._state, {}

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Go to the next state."""
        self._state = (self._state + 1) % 3
        return self._state, float(action == 1), False, False, {}


class Broken(Sound):
    """Does what `fault` says in a trial: at a place that its name begins with, or in the middle of training."""

    def __init__(self, fault: str, after: int = AFTER) -> None:
        super().__init__()
        self._fault, self._after, self._odd = fault, after, False
        self._at("Init")

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start in the first state, unless this is the place of the fault."""
        self._at("Reset")
        return super().reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Go to the next state, unless the time has come."""
        global _taken  # noqa: PLW0603  # over all environments of the process
        _taken += 1
        if _taken >= self._after and not self._odd:
            self._odd = self._fault in ANSWERS
            self._at("Step")
            if quirk := QUIRKS.pop(self._fault, None):  # once is enough
                quirk()
        state, reward, *rest = super().step(action)
        answer = ANSWERS[self._fault] if self._odd else (state, reward)
        return (*answer, *rest)

    def close(self) -> None:
        """Close, unless this is the place of the fault."""
        self._at("Close")

    def _at(self, place: str) -> None:
        if self._fault.startswith(place) and (place == "Step" or not self._after or trial_folder() is not None):
            ACTS[self._fault.removeprefix(place)]()


class Vector(Sound):
    """As `Sound`, with a vector of two numbers for an observation; after a while, in training, it gives `answer`."""

    def __init__(self, answer: str = "") -> None:
        super().__init__()
        self._answer = answer
        self.observation_space = spaces.Box(-1.0, 1.0, (2,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start with zeros."""
        super().reset(seed=seed, options=options)
        return np.zeros(2, np.float32), {}

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Stay where one is."""
        global _taken  # noqa: PLW0603  # as above
        _taken += 1
        _, *rest = super().step(action)
        observation = np.zeros(2, np.float32)
        if _taken >= AFTER and self._answer:
            observation = {"nan": np.full(2, np.nan, np.float32), "shape": np.zeros(3, np.float32)}[self._answer]
        return (observation, *rest)


class Shifted(Vector):
    """Three actions, of which the smallest is 5: raises at any other."""

    def __init__(self) -> None:
        super().__init__()
        self.action_space = spaces.Discrete(3, start=5)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Take an action of the space."""
        if not self.action_space.contains(action):
            raise RuntimeError(f"{action!r} is outside {self.action_space}")
        return super().step(action)


FAULTS = (*(place + act for place in PLACES for act in ACTS), *QUIRKS, *ANSWERS)
for _name in FAULTS:
    gym.register(f"chaos/{_name}-v0", f"{__name__}:Broken", max_episode_steps=HORIZON, kwargs={"fault": _name})
gym.register("chaos/Sound-v0", f"{__name__}:Sound", max_episode_steps=HORIZON)
gym.register("chaos/Shifted-v0", f"{__name__}:Shifted", max_episode_steps=HORIZON)
for _answer in ("nan", "shape"):
    gym.register(
        f"chaos/Vector{_answer.title()}-v0", f"{__name__}:Vector", max_episode_steps=HORIZON, kwargs={"answer": _answer}
    )
