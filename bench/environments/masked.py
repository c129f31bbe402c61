"""An id in, an environment out that says which actions are valid: locked rooms, and a ring of keys of which few fit.

Importing this module registers it with Gymnasium under `bench/`.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

ROOMS = 10
FITTING = 4
KEYS = ROOMS * FITTING
PAY = 0.1
STEP_COST = 0.01
HORIZON = 100


class Keyring(gym.Env[np.int64, np.int64]):
    """Ten locked rooms in a row and a ring of forty keys, of which four fit into each lock and one opens it.

    Every step tries one key and costs 0.01; a door that opens pays 0.1, and the last one ends the episode. The
    observation is the number of the room. A key that does not fit, or fits and opens nothing, changes nothing. Which
    keys fit is what `action_masks` says: those numbered four times the room's number and the three after; of these
    the first opens in rooms 0, 4 and 8, the second in 1, 5 and 9, and so on. Registered with a limit of 100 steps.

    The best return is 0.9: ten doors in ten steps. A key drawn from all forty returns -0.75, from those that fit 0.6.
    """

    def __init__(self) -> None:
        """Stand in the first room."""
        self.observation_space = spaces.Discrete(ROOMS)
        self.action_space = spaces.Discrete(KEYS)
        self._room = 0

    def action_masks(self) -> NDArray[np.bool_]:
        """(KEYS,) whether each key fits into the lock of the room."""
        fits: NDArray[np.bool_] = np.arange(KEYS) // FITTING == self._room
        return fits

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.int64, dict[str, Any]]:
        """Go back to the first room."""
        super().reset(seed=seed, options=options)
        self._room = 0
        return np.int64(0), {}

    def step(self, action: np.int64) -> tuple[np.int64, float, bool, bool, dict[str, Any]]:
        """Try one key."""
        opened = int(action) == FITTING * self._room + self._room % FITTING
        out = opened and self._room == ROOMS - 1
        self._room += opened and not out
        return np.int64(self._room), PAY * opened - STEP_COST, out, False, {}


if "bench/Keyring-v0" not in gym.registry:
    gym.register("bench/Keyring-v0", f"{__name__}:Keyring", max_episode_steps=HORIZON)
