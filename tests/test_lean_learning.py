"""What the adapter leaves out of stable-baselines3 while it learns changes no number and hides no divergence."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch.distributions import Distribution

from bench.algorithms import sb3
from bench.environments.making import make
from bench.errors import DivergedError
from bench.records import LearnerRequest
from tests.making import small_trial


def learner(name: str, environment: str, **hyperparameters: Any) -> sb3.SB3Learner:
    trial = small_trial(name, environment, hyperparameters=hyperparameters)
    return sb3.make(LearnerRequest(trial, lambda index: make(environment, {}, seed=index)[0], seed=3))


@pytest.mark.parametrize(
    ("name", "environment", "settings"),
    [
        ("ppo", "CartPole-v1", {"n_steps": 64, "n_envs": 2}),
        ("ppo", "Pendulum-v1", {"n_steps": 64, "normalize": True}),
        ("ppo", "Pendulum-v1", {"n_steps": 64, "use_sde": True, "sde_sample_freq": 4}),
        ("a2c", "CartPole-v1", {"n_envs": 2}),
        ("trpo", "CartPole-v1", {"n_steps": 64, "batch_size": 64}),
        ("ppo_lstm", "CartPole-v1", {"n_steps": 32, "batch_size": 32, "n_epochs": 2}),
        ("dqn", "CartPole-v1", {"learning_starts": 20}),
        ("sac", "Pendulum-v1", {"learning_starts": 20, "policy_kwargs": {"net_arch": [32]}}),
        ("reinforce", "CartPole-v1", {"episodes_per_update": 2}),
    ],
)
def test_weights_are_to_the_last_bit_those_of_the_librarys_own_learning(
    name: str, environment: str, settings: dict[str, Any]
) -> None:
    ours = learner(name, environment, **settings)
    ours.learn(200, lambda steps: steps < 200)
    theirs = learner(name, environment, **settings)
    # With a callback of ours, which is what ends a rollout at the budget; the rest is the library's.
    theirs.model.learn(200, callback=sb3._StepCallback(lambda steps: steps < 200, lambda: None, lambda: None))
    found, expected = ours.model.policy.state_dict(), theirs.model.policy.state_dict()
    assert ours.updates == theirs.updates
    assert ours.updates
    assert all(torch.equal(found[key], expected[key]) for key in expected)


def test_the_librarys_checks_are_put_back() -> None:
    made = learner("ppo", "CartPole-v1", n_steps=64)
    before = Distribution._validate_args
    made.learn(64, lambda _: True)
    assert Distribution._validate_args is before
    assert "collect_rollouts" not in vars(made.model)


class Unseen(gym.Env[Any, Any]):
    """Observes what is not a number from the third step on."""

    observation_space = spaces.Box(-1, 1, (2,), dtype=np.float32)

    def __init__(self, actions: str) -> None:
        self.action_space = {
            "discrete": spaces.Discrete(2),
            "continuous": spaces.Box(-1, 1, (2,), dtype=np.float32),
            "multi-discrete": spaces.MultiDiscrete([2, 3]),
            "multi-binary": spaces.MultiBinary(3),
        }[actions]
        self._steps = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        del options
        return np.zeros(2, dtype=np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        del action
        self._steps += 1
        return np.full(2, np.nan if self._steps > 2 else 0.0, dtype=np.float32), 1.0, False, False, {}


gym.register("tests/Unseen-v0", entry_point="tests.test_lean_learning:Unseen")
KINDS = ("discrete", "continuous", "multi-discrete", "multi-binary")


@pytest.mark.parametrize("actions", KINDS)
@pytest.mark.parametrize("name", ["ppo", "a2c", "reinforce"])
def test_observations_that_are_no_numbers_are_divergence(name: str, actions: str) -> None:
    trial = small_trial(
        name, "tests/Unseen-v0", hyperparameters={"n_steps": 32, "batch_size": 32} if name == "ppo" else {}
    )
    made = sb3.make(
        LearnerRequest(trial, lambda index: make("tests/Unseen-v0", {"actions": actions}, seed=index)[0], seed=3)
    )
    with pytest.raises(DivergedError):
        made.learn(100, lambda steps: steps < 100)


@pytest.mark.parametrize(
    ("name", "environment"),
    [
        ("ppo", "CartPole-v1"),
        ("ppo", "Pendulum-v1"),
        ("a2c", "Pendulum-v1"),
        ("sac", "Pendulum-v1"),
        ("td3", "Pendulum-v1"),
    ],
)
def test_weights_that_are_no_numbers_are_divergence_at_once(name: str, environment: str) -> None:
    settings = {"ppo": {"n_steps": 32, "batch_size": 32}, "a2c": {}}.get(name, {"learning_starts": 20})
    made = learner(name, environment, **settings)

    def poison(steps: int) -> bool:
        if steps == 40:
            with torch.no_grad():
                for weights in made.model.policy.parameters():
                    weights.fill_(float("nan"))
        return steps < 1_000

    with pytest.raises(DivergedError, match=r"not finite after 4[0-9] steps"):
        made.learn(1_000, poison)


def test_another_error_of_the_environment_stays_what_it_is() -> None:
    made = learner("ppo", "tests/Crash-v0", n_steps=32, batch_size=32)
    with pytest.raises(ValueError, match="a gear is stuck"):
        made.learn(100, lambda _: True)


class Crash(Unseen):
    """Raises at its fifth step."""

    def __init__(self) -> None:
        super().__init__("discrete")

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if self._steps == 4:
            raise ValueError("a gear is stuck")
        return (np.zeros(2, dtype=np.float32), *super().step(action)[1:])


gym.register("tests/Crash-v0", entry_point="tests.test_lean_learning:Crash")
