"""Episodes evaluated by the harness and by stable-baselines3 in, microseconds a step of each out, as a Markdown table.

The same trained PPO and the same number of episodes: by `evaluate_policy` as its documentation shows, with as many
environments as there are episodes; by the harness; and the environment alone, stepped with the harness's count around
it and no policy, which is what no evaluation that steps Gymnasium's environments one by one can fall below. In turn, in
every round; processor time of one thread, medians.

    nice -n 10 python benchmarks/evaluation.py             # three environments, about three minutes
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # Before torch is imported: the one moment at which it is read.

import argparse
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv

from bench.algorithms.sb3 import SB3Policy
from bench.environments.making import make
from bench.runner.evaluation import Evaluator

TASKS = {"CartPole-v1": 40_000, "LunarLander-v3": 20_000, "Pendulum-v1": 10_000}
"""Environment -> steps of training."""
EPISODES = (10, 100)
STEPS_ALONE = 4_000


def main() -> None:
    """Measure every environment and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    print("| environment | episodes | `evaluate_policy` | harness | ratio | environment alone |")
    print("| --- | --- | --- | --- | --- | --- |")
    for environment, steps in TASKS.items():
        model = PPO("MlpPolicy", environment, seed=0, device="cpu")
        model.learn(steps)
        for episodes in EPISODES:
            theirs, ours, alone = _measured(model, environment, episodes, rounds)
            print(
                f"| {environment} | {episodes} | {theirs:.1f} | {ours:.1f} | {theirs / ours:.1f} | {alone:.1f} |",
                flush=True,
            )


def _measured(model: PPO, environment: str, episodes: int, rounds: int) -> tuple[float, float, float]:
    """Return microseconds a step: stable-baselines3's, the harness's, the environment's alone."""
    evaluator = Evaluator(partial(make, environment, {}), lambda _: episodes)
    vector = DummyVecEnv([lambda: Monitor(make(environment, {})[0]) for _ in range(episodes)])
    ways: tuple[Callable[[], int], ...] = (
        partial(_theirs, model, vector, episodes),
        lambda: int(evaluator.evaluate(SB3Policy(model, None), range(episodes), deterministic=True).lengths.sum()),
        _alone(make(environment, {})[0]),
    )
    found: list[list[float]] = [[], [], []]
    for way in ways:
        way()
    for _ in range(rounds):
        for way, times in zip(ways, found, strict=True):
            start = time.process_time()
            steps = way()
            times.append((time.process_time() - start) / steps * 1e6)
    theirs, ours, alone = map(median, found)
    return theirs, ours, alone


def _theirs(model: PPO, vector: DummyVecEnv, episodes: int) -> int:
    vector.seed(0)
    lengths: Any = evaluate_policy(model, vector, episodes, return_episode_rewards=True)[1]
    return int(sum(lengths))


def _alone(env: Any) -> Callable[[], int]:
    """Return what steps the environment with actions drawn beforehand, for drawing one can cost more than a step."""
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(STEPS_ALONE)]

    def run() -> int:
        env.reset(seed=0)
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()
        return STEPS_ALONE

    return run


if __name__ == "__main__":
    main()
