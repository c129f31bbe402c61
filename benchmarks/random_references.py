"""Environment ids and seeds in, a Markdown table of the random policy's returns out.

The catalogue's `random` references come from `python benchmarks/random_references.py`. Every environment gets its own
stream for actions and its own for start states, so that one row can be measured again alone.
"""

from __future__ import annotations

import argparse
import sys
import time
from importlib import import_module
from zlib import crc32

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from bench.catalog import environments

EPISODES = {
    "CartPole-v1": 10_000,
    "Acrobot-v1": 2_000,
    "MountainCar-v0": 2_000,
    "MountainCarContinuous-v0": 1_000,
    "Pendulum-v1": 4_000,
    "LunarLander-v3": 4_000,
    "LunarLanderContinuous-v3": 4_000,
    "BipedalWalker-v3": 500,
    "BipedalWalkerHardcore-v3": 500,
    "FrozenLake-v1": 20_000,
    "CliffWalking-v1": 2_000,
    "Taxi-v4": 4_000,
    "bench/Corridor-v0": 10_000,
    "bench/FrozenLakeNotSlippery-v0": 20_000,
    "bench/CliffWalking200-v0": 2_000,
    "bench/RockPaperScissors-v0": 4_000,
    "bench/MatchingPennies-v0": 4_000,
    "bench/AliasedGrid-v0": 10_000,
    "bench/MinAtarAsterix-v0": 4_000,
    "bench/MinAtarBreakout-v0": 10_000,
    "bench/MinAtarFreeway-v0": 200,
    "bench/MinAtarSeaquest-v0": 4_000,
    "bench/MinAtarSpaceInvaders-v0": 4_000,
    "bench/CartPoleNoVelocity-v0": 10_000,
}
"""How many episodes each environment gets unless --episodes says otherwise: fewer where a step is dear."""

STEP_CAPS = {"CliffWalking-v1": 200}
"""Environments without a time limit of their own: a random walk on the cliff would go on for thousands of steps."""


def random_returns(environment: str, episodes: int, seed: int) -> NDArray[np.float64]:
    """Return (episodes,) undiscounted returns of uniformly random actions, in the environment's own units."""
    streams = np.random.SeedSequence([seed, crc32(environment.encode())])
    starts, actions = (int(word) for word in streams.generate_state(2))
    if (known := environments().get(environment)) and known.module:
        import_module(known.module)
    env = gym.make(environment, max_episode_steps=STEP_CAPS.get(environment), disable_env_checker=True)
    env.reset(seed=starts)
    env.action_space.seed(actions)
    returns = np.array([_episode(env) for _ in range(episodes)])
    env.close()
    return returns


def _episode(env: gym.Env[object, object]) -> float:
    env.reset()
    total = 0.0
    while True:
        _, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        total += float(reward)
        if terminated or truncated:
            return total


def row(environment: str, returns: NDArray[np.float64]) -> str:
    """Return one line of the table: mean, its standard error, the episodes' standard deviation and the count."""
    n, spread = len(returns), float(returns.std(ddof=1))
    cap = f" (cap {STEP_CAPS[environment]} steps)" if environment in STEP_CAPS else ""
    return f"| {environment}{cap} | {returns.mean():.4f} | {spread / np.sqrt(n):.4f} | {spread:.3f} | {n} |"


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("environments", nargs="*", default=list(EPISODES), help="all of the table by default")
    parser.add_argument("--episodes", type=int, help="the same number for every environment")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print("| environment | mean return | standard error | SD of episodes | episodes |")
    print("| --- | --- | --- | --- | --- |")
    for environment in arguments.environments:
        started = time.process_time()
        episodes = arguments.episodes or EPISODES.get(environment, 1_000)
        print(row(environment, random_returns(environment, episodes, arguments.seed)), flush=True)
        print(f"{environment}: {time.process_time() - started:.1f} CPU seconds", file=sys.stderr)


if __name__ == "__main__":
    _main()
