"""An id in, one of Gymnasium's textbook environments out, in a form that Gymnasium registers under no id of its own.

Importing this module registers them under `bench/`: FrozenLake-v1's map without ice, where every move goes as intended,
and CliffWalking-v1 with a limit of 200 steps (Taxi's), without which an evaluation of a policy that walks in a circle
never ends and a random walk loses as much as one lets it. Pendulum-v1 under a second name, so that it can stand in
a suite twice: as it is, and evaluated in other dynamics than those of training. And CartPole-v1 without its velocities.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.envs.classic_control.cartpole import CartPoleEnv
from numpy.typing import NDArray

CLIFF_LIMIT = 200


class CartPoleNoVelocity(CartPoleEnv):
    """CartPole-v1 of which only the positions are seen: (2,) of the cart, and the angle of the pole in radians.

    What the pole is about to do depends on its velocity, so that no choice by one observation balances it for long;
    two observations in a row tell it. RL Zoo has the same as CartPoleNoVel-v1, with zeros for the velocities.
    """

    def __init__(self, **keywords: Any) -> None:
        """Take CartPole's own keywords."""
        super().__init__(**keywords)
        whole: Any = self.observation_space
        self.observation_space = spaces.Box(whole.low[::2], whole.high[::2], dtype=np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start an episode."""
        observation, info = super().reset(seed=seed, options=options)
        return observation[::2], info

    def step(self, action: Any) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Push the cart."""
        observation, *told = super().step(action)  # type: ignore[no-untyped-call]
        return (observation[::2], *told)


if "bench/FrozenLakeNotSlippery-v0" not in gym.registry:
    gym.register(
        "bench/FrozenLakeNotSlippery-v0",
        "gymnasium.envs.toy_text.frozen_lake:FrozenLakeEnv",
        kwargs={"map_name": "4x4", "is_slippery": False},
        max_episode_steps=100,
    )
if "bench/CliffWalking200-v0" not in gym.registry:
    gym.register(
        "bench/CliffWalking200-v0",
        "gymnasium.envs.toy_text.cliffwalking:CliffWalkingEnv",
        max_episode_steps=CLIFF_LIMIT,
    )
if "bench/PendulumAgain-v0" not in gym.registry:
    gym.register(
        "bench/PendulumAgain-v0",
        "gymnasium.envs.classic_control.pendulum:PendulumEnv",
        max_episode_steps=200,
    )
if "bench/CartPoleNoVelocity-v0" not in gym.registry:
    gym.register("bench/CartPoleNoVelocity-v0", f"{__name__}:CartPoleNoVelocity", max_episode_steps=500)
