"""An id in, an environment that catches a mistake out: truncation taken for termination, evaluation that favours short.

Importing this module registers them with Gymnasium under `bench/`.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

LENGTHS = (1, 9)
"""Episode lengths of `bench/TwoLength-v0`, in turn."""

Vector = NDArray[np.float32]


class _OneState(gym.Env[Vector, Any]):
    """Always the same observation, always reward 1, whatever the action."""

    def __init__(self) -> None:
        self.observation_space = spaces.Box(-1.0, 1.0, (1,), np.float32)
        self.action_space: spaces.Space[Any] = spaces.Discrete(2)
        self._taken = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Vector, dict[str, Any]]:
        """Start an episode."""
        super().reset(seed=seed, options=options)
        self._taken = 0
        return np.zeros(1, dtype=np.float32), {}


class Conformance(_OneState):
    """Reward 1 a step, cut off after `horizon` steps: what is the only state worth?

    An implementation that bootstraps at the cut learns 1 / (1 - gamma), since the future is merely not watched; one
    that takes the cut for an end learns less (Pardo et al. 2018, "Time limits in reinforcement learning").
    `terminates=True` makes the cut a real end, for contrast, and `continuous=True` gives one action in [-1, 1].
    """

    def __init__(self, horizon: int = 10, *, terminates: bool = False, continuous: bool = False) -> None:
        """Set the episode's length in steps.

        Raises:
            ValueError: `horizon` is below 1.
        """
        super().__init__()
        if horizon < 1:
            raise ValueError(f"bench/Conformance-v0: horizon must be at least 1, not {horizon}")
        self._horizon = horizon
        self._terminates = terminates
        if continuous:
            self.action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)

    def step(self, action: Any) -> tuple[Vector, float, bool, bool, dict[str, Any]]:  # noqa: ARG002 - all are alike
        """Pay 1; the last step ends the episode in the way that was asked for."""
        self._taken += 1
        last = self._taken >= self._horizon
        return np.zeros(1, dtype=np.float32), 1.0, last and self._terminates, last and not self._terminates, {}


class TwoLength(_OneState):
    """Episodes of 1 and 9 steps in turn, return = length: a fair evaluation finds 5, a hasty one less.

    A seeded reset sets the turn: an even seed starts with the short episode, an odd one with the long.
    """

    def __init__(self) -> None:
        """Begin with a short episode."""
        super().__init__()
        self._episodes = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Vector, dict[str, Any]]:
        """Start an episode of the length whose turn it is."""
        if seed is not None:
            self._episodes = seed
        self._length = LENGTHS[self._episodes % len(LENGTHS)]
        self._episodes += 1
        return super().reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Vector, float, bool, bool, dict[str, Any]]:  # noqa: ARG002 - all are alike
        """Pay 1; the last step terminates the episode."""
        self._taken += 1
        return np.zeros(1, dtype=np.float32), 1.0, self._taken >= self._length, False, {}


for _name in ("Conformance", "TwoLength"):
    if f"bench/{_name}-v0" not in gym.registry:
        gym.register(f"bench/{_name}-v0", f"{__name__}:{_name}")
