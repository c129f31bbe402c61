"""Tokens in, a sentence and what it is worth out. Importing this module registers `bench/Sentence-v0`."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from bench.rlhf.reward_model import encoded, reward_model
from bench.rlhf.world import LENGTH, VOCABULARY, true_reward

LEARNED, TRUE = "learned", "true"
OBSERVATIONS = spaces.Box(0.0, 1.0, (LENGTH * VOCABULARY,), np.float32)
ACTIONS = spaces.Discrete(VOCABULARY)


class Sentence(gym.Env[NDArray[np.float32], np.int64]):
    """A sentence of LENGTH tokens, written from left to right, and paid for when it is whole.

    Observed is what has been written: a one at each token's place. Paid is what the reward model makes of the sentence
    (`reward: learned`), or the true reward that nobody who tunes a policy knows (`reward: true`).
    """

    def __init__(self, reward: str = LEARNED, world: int = 0) -> None:
        """Take an empty sheet.

        Args:
            reward: `learned` or `true`.
            world: number of the world that corpus and preferences come from.

        Raises:
            ValueError: there is no such reward.
        """
        if reward not in {LEARNED, TRUE}:
            raise ValueError(f"reward: learned or true, not {reward!r}")
        self.observation_space = deepcopy(OBSERVATIONS)
        self.action_space = deepcopy(ACTIONS)
        self._worth = true_reward if reward == TRUE else reward_model(world).reward
        self._tokens = np.full((1, LENGTH), -1)
        self._written = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Take an empty sheet."""
        super().reset(seed=seed, options=options)
        self._tokens, self._written = np.full((1, LENGTH), -1), 0
        return self._observed(), {}

    def step(self, action: np.int64) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Write a token."""
        self._tokens[0, self._written] = action
        self._written += 1
        whole = self._written == LENGTH
        return self._observed(), float(self._worth(self._tokens)[0]) if whole else 0.0, whole, False, {}

    def _observed(self) -> NDArray[np.float32]:
        found: NDArray[np.float32] = encoded(self._tokens).numpy()[0]
        return found


# A sentence is over when it is whole; the limit tells whoever asks how long that takes.
gym.register("bench/Sentence-v0", "bench.rlhf.environment:Sentence", max_episode_steps=LENGTH)
