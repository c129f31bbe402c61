"""What DQN reached on CartPole with the library that sb3-contrib's table was made with: ten runs, one line each.

sb3-contrib prints 500 for all of its five runs. This runs stable-baselines3 0.11.1 and Gym 0.17.3 themselves, on the
PyTorch and NumPy that are installed, with RL Zoo's settings of that time:

    pip install --no-deps --target old stable-baselines3==0.11.1 gym==0.17.3
    PYTHONPATH=old python benchmarks/dqn_of_2021.py
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import numpy as np
import torch

CAP = 500.0
SEEDS = range(10)
STEPS = 50_000
EPISODES = 20
SETTINGS = {
    "learning_rate": 2.3e-3,
    "buffer_size": 100_000,
    "learning_starts": 1_000,
    "batch_size": 64,
    "gamma": 0.99,
    "train_freq": 256,
    "gradient_steps": 128,
    "target_update_interval": 10,
    "exploration_fraction": 0.16,
    "exploration_final_eps": 0.04,
    "policy_kwargs": {"net_arch": [256, 256]},
}


def library() -> tuple[Any, Any]:
    """Return stable-baselines3 and Gym of that time, whose types are not those of the installed ones."""
    try:
        sb3, gym = import_module("stable_baselines3"), import_module("gym")
    except ImportError as error:
        sys.exit(f"{error}; the first lines of this file say how to get it")
    if not sb3.__version__.startswith("0.11"):
        sys.exit(f"this is stable-baselines3 {sb3.__version__}; the first lines of this file say how to get 0.11.1")
    return sb3, gym


def final_return(sb3: Any, gym: Any, seed: int) -> float:
    """Train one agent and return its mean return over fresh deterministic episodes."""
    monitor = import_module("stable_baselines3.common.monitor").Monitor
    evaluate = import_module("stable_baselines3.common.evaluation").evaluate_policy
    model = sb3.DQN("MlpPolicy", monitor(gym.make("CartPole-v1")), seed=seed, **SETTINGS)
    fresh = monitor(gym.make("CartPole-v1"))
    fresh.seed(1000 + seed)
    model.learn(STEPS)
    return float(evaluate(model, fresh, n_eval_episodes=EPISODES, deterministic=True)[0])


def main() -> None:
    """Print the versions, every run, and the mean."""
    sb3, gym = library()
    torch.set_num_threads(1)
    print(f"stable-baselines3 {sb3.__version__}, gym {gym.__version__}, torch {torch.__version__}")
    returns = []
    for seed in SEEDS:
        returns.append(final_return(sb3, gym, seed))
        print(f"seed {seed}: {returns[-1]:.2f}", flush=True)
    print(f"mean {np.mean(returns):.1f}, {sum(one == CAP for one in returns)} of {len(returns)} at the cap")


if __name__ == "__main__":
    main()
