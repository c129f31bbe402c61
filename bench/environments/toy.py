"""An id in, a toy environment out: a bandit, a corridor and a point with known answers, and five that fail on purpose.

Importing this module registers them with Gymnasium under `bench/`.
"""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

ARMS = (0.3, 0.7, 0.1, 0.9, 0.5)
"""Success probabilities of the bandit's arms: mean 0.5, best 0.9, and the best is not the first."""

CELLS = 10
SLIP = 0.1
STEP_COST = 0.01
CORRIDOR_HORIZON = 50
LEFT, RIGHT = 0, 1
STRIDE = 0.2
POINT_HORIZON = 20

_FAILING_HORIZON = 10


class Bandit(gym.Env[np.int64, np.int64]):
    """Five Bernoulli arms; every episode is one pull, paid 1 with the arm's probability."""

    def __init__(self) -> None:
        """Lay out one state and five actions."""
        self.observation_space = spaces.Discrete(1)
        self.action_space = spaces.Discrete(len(ARMS))

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.int64, dict[str, Any]]:
        """Start an episode in the only state."""
        super().reset(seed=seed, options=options)
        return np.int64(0), {}

    def step(self, action: np.int64) -> tuple[np.int64, float, bool, bool, dict[str, Any]]:
        """Pull one arm; the episode is over."""
        return np.int64(0), float(self.np_random.random() < ARMS[action]), True, False, {}


class Corridor(gym.Env[np.int64, np.int64]):
    """Ten cells in a row, start at the left end, 1 for reaching the right end, 0.01 lost with every step.

    Action 0 goes left, 1 right; with probability 0.1 the floor is slippery and the move goes the other way. A move
    into the left wall stays. Registered with a limit of 50 steps.
    """

    def __init__(self) -> None:
        """Stand at the left end."""
        self.observation_space = spaces.Discrete(CELLS)
        self.action_space = spaces.Discrete(2)
        self._cell = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.int64, dict[str, Any]]:
        """Go back to the left end."""
        super().reset(seed=seed, options=options)
        self._cell = 0
        return np.int64(0), {}

    def step(self, action: np.int64) -> tuple[np.int64, float, bool, bool, dict[str, Any]]:
        """Move one cell, the intended way or, rarely, the other."""
        rightwards = (action == RIGHT) != (self.np_random.random() < SLIP)
        self._cell = max(0, self._cell + (1 if rightwards else -1))
        arrived = self._cell == CELLS - 1
        return np.int64(self._cell), float(arrived) - STEP_COST, arrived, False, {}


class Point(gym.Env[NDArray[np.float32], NDArray[np.float32]]):
    """A point on a line, to be brought to the middle: every step costs the square of its distance from there.

    It starts evenly between -1 and 1, and an action from -1 to 1 moves it by 0.2 times as much. Registered with a limit
    of 20 steps, before which nothing ends. Uniformly random actions return -(20/3 + 0.04/3 x 210) = -142/15 on average:
    after t steps the square is 1/3 + 0.04 t / 3. The best return is -4/15: at full speed the distance after t steps is
    max(0, |start| - 0.2 t), whose square is (1 - 0.2 t)^3 / 3 on average.
    """

    def __init__(self) -> None:
        """Stand in the middle."""
        furthest = 1 + STRIDE * POINT_HORIZON
        self.observation_space = spaces.Box(-furthest, furthest, (1,), np.float32)
        self.action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)
        self._place = 0.0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start anywhere between -1 and 1."""
        super().reset(seed=seed, options=options)
        self._place = float(self.np_random.uniform(-1.0, 1.0))
        return self._seen(), {}

    def step(self, action: NDArray[np.float32]) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Move, and pay for where that leads."""
        self._place += STRIDE * float(action[0])
        return self._seen(), -(self._place**2), False, False, {}

    def _seen(self) -> NDArray[np.float32]:
        return np.array([self._place], dtype=np.float32)


class Failing(gym.Env[Any, np.int64]):
    """One state, two actions, reward 1 a step, and a failure at every step after the first `after`.

    The steps are counted over the environment's whole life, episodes notwithstanding. Registered with a limit of
    10 steps an episode.
    """

    def __init__(self, after: int = 100) -> None:
        """Lay out one state and two actions."""
        self.observation_space: spaces.Space[Any] = spaces.Discrete(1)
        self.action_space = spaces.Discrete(2)
        self._left = after

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode in the only state; the count of steps goes on."""
        super().reset(seed=seed, options=options)
        return np.int64(0), {}

    def step(self, action: np.int64) -> tuple[Any, float, bool, bool, dict[str, Any]]:  # noqa: ARG002 - all are alike
        """Pay 1, or fail when the time has come."""
        self._left -= 1
        if self._left < 0:
            self._fail()
        return np.int64(0), 1.0, False, False, {}

    def _fail(self) -> None:
        raise NotImplementedError


class Crash(Failing):
    """Raises RuntimeError."""

    def _fail(self) -> None:
        raise RuntimeError("bench/Crash-v0 crashed, as it was made to")


class Hang(Failing):
    """Sleeps for ever."""

    def _fail(self) -> None:
        while True:
            time.sleep(3600)


class Segfault(Failing):
    """Dies by SIGSEGV, and its process with it."""

    def _fail(self) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)


class Memory(Failing):
    """Takes `megabytes` more with every step and gives none back."""

    def __init__(self, after: int = 100, megabytes: int = 64) -> None:
        """Own nothing yet."""
        super().__init__(after)
        self._megabytes = megabytes
        self._hoard: list[NDArray[np.uint8]] = []

    def _fail(self) -> None:
        # Ones, not zeros or empty: only a page that has been written to counts.
        self._hoard.append(np.ones(self._megabytes * 2**20, dtype=np.uint8))


class NaN(Failing):
    """Returns NaN as the reward, or with `where="observation"` (then a vector of one number) as the observation."""

    def __init__(self, after: int = 100, where: str = "reward") -> None:
        """Choose the place of the fault.

        Raises:
            ValueError: `where` is neither `reward` nor `observation`.
        """
        super().__init__(after)
        if where not in {"reward", "observation"}:
            raise ValueError(f"bench/NaN-v0: where must be 'reward' or 'observation', not {where!r}")
        self._vector = where == "observation"
        if self._vector:
            self.observation_space = spaces.Box(-1.0, 1.0, (1,), np.float32)
        self._faulty = False

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode; the first observation is always sound."""
        super().reset(seed=seed, options=options)
        return self._observation(np.float32(0.0)), {}

    def step(self, action: np.int64) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Pay 1, or be faulty when the time has come."""
        super().step(action)
        number = np.nan if self._faulty else 0.0
        if self._vector:
            return self._observation(np.float32(number)), 1.0, False, False, {}
        return np.int64(0), 1.0 + number, False, False, {}

    def _observation(self, number: np.float32) -> Any:
        return np.full(1, number, dtype=np.float32) if self._vector else np.int64(0)

    def _fail(self) -> None:
        self._faulty = True


for _name, _horizon in (
    ("Bandit", None),
    ("Corridor", CORRIDOR_HORIZON),
    ("Point", POINT_HORIZON),
    ("Crash", _FAILING_HORIZON),
    ("Hang", _FAILING_HORIZON),
    ("Segfault", _FAILING_HORIZON),
    ("Memory", _FAILING_HORIZON),
    ("NaN", _FAILING_HORIZON),
):
    if f"bench/{_name}-v0" not in gym.registry:
        gym.register(f"bench/{_name}-v0", f"{__name__}:{_name}", max_episode_steps=_horizon)
