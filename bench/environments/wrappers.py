"""An environment in, one that shows training something else out: for `env_wrapper`, beside Gymnasium's own."""

from __future__ import annotations

from typing import Any

import gymnasium as gym


class ScaleReward(gym.RewardWrapper[Any, Any]):
    """Multiplies every reward by `factor` (Gymnasium's TransformReward wants a function, which no suite can write).

    The harness counts rewards inside of every wrapper: returns stay the environment's own.
    """

    def __init__(self, env: gym.Env[Any, Any], factor: float) -> None:
        super().__init__(env)
        self._factor = float(factor)

    def reward(self, reward: Any) -> float:
        """Return the scaled reward."""
        return self._factor * float(reward)
