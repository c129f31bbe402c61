"""An id in, one of Gymnasium's textbook environments out, in a form that Gymnasium registers under no id of its own.

Importing this module registers them under `bench/`: FrozenLake-v1's map without ice, where every move goes as intended,
and CliffWalking-v1 with a limit of 200 steps (Taxi's), without which an evaluation of a policy that walks in a circle
never ends and a random walk loses as much as one lets it. And Pendulum-v1 under a second name, so that it can stand in
a suite twice: as it is, and evaluated in other dynamics than those of training.
"""

from __future__ import annotations

import gymnasium as gym

CLIFF_LIMIT = 200

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
