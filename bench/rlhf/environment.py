"""Tokens in, a sentence and what it is worth out. Importing this module registers `bench/Sentence-v0`."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from bench.rlhf.world import LENGTH, VOCABULARY, Sentences, beginning, encoded, true_reward

OBSERVATIONS = spaces.Box(0.0, 1.0, (LENGTH * VOCABULARY,), np.float32)
ACTIONS = spaces.Discrete(VOCABULARY)


class Sentence(gym.Env[NDArray[np.float32], np.int64]):
    """A sentence of LENGTH tokens, written from left to right, and paid for when it is whole.

    Observed is what has been written, the newest token first: a one for each token, nothing for what is to come. Paid
    is the true reward, or what the reward model makes of the sentence, which is all that whoever tunes a policy has.
    """

    def __init__(self, *, learned: bool = False, world: int = 0, survey: int = 0) -> None:
        """Take an empty sheet.

        Args:
            learned: whether the reward model pays. How good it is stands in what `reset` tells: the share of held-out
                preferences that it foretells, and that which the true reward foretells.
            world: number of the world that corpus and preferences come from.
            survey: number of the survey that the preferences come from: another one gives another reward model.
        """
        self.observation_space = deepcopy(OBSERVATIONS)
        self.action_space = deepcopy(ACTIONS)
        self._worth: Callable[[Sentences], NDArray[np.float64]] = true_reward
        self._told: dict[str, float] = {}
        if learned:
            from bench.rlhf.reward_model import reward_model  # noqa: PLC0415 - torch takes seconds, and is for it alone

            model = reward_model(world, survey)
            self._worth = model.reward
            self._told = {"reward_model_accuracy": model.accuracy, "true_reward_accuracy": model.attainable}
        self._tokens = np.full((1, LENGTH), -1)
        self._written = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Take an empty sheet."""
        super().reset(seed=seed, options=options)
        self._tokens, self._written = np.full((1, LENGTH), -1), 0
        return self._observed(), dict(self._told)

    def step(self, action: np.int64) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Write a token."""
        self._tokens[0, self._written] = action
        self._written += 1
        whole = self._written == LENGTH
        return self._observed(), float(self._worth(self._tokens)[0]) if whole else 0.0, whole, False, {}

    def _observed(self) -> NDArray[np.float32]:
        found: NDArray[np.float32] = encoded(beginning(self._tokens, self._written))[0]
        return found


# A sentence is over when it is whole; the limit tells whoever asks how long that takes.
for _survey, _id in enumerate(("bench/Sentence-v0", "bench/SentenceB-v0", "bench/SentenceC-v0")):
    gym.register(_id, "bench.rlhf.environment:Sentence", kwargs={"survey": _survey}, max_episode_steps=LENGTH)
