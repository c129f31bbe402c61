"""Every algorithm of the catalogue through the adapter, and RL Zoo's words."""

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st
from stable_baselines3.common.noise import OrnsteinUhlenbeckActionNoise
from stable_baselines3.common.vec_env import VecNormalize

from bench import load_policy
from bench.algorithms import sb3, vocabulary
from bench.catalog import algorithms
from bench.environments.making import make
from bench.errors import BenchError
from bench.records import LearnerRequest, Trial
from tests.making import carry_out, played_again, small_trial

NARROW: dict[str, Any] = {"policy_kwargs": {"net_arch": [16]}}
SMALL: dict[str, dict[str, Any]] = {
    "reinforce": {"n_envs": 2, "episodes_per_update": 2},
    "a2c": {},
    "a3c": {},
    "ppo": {"n_steps": 64},
    "dqn": {"learning_starts": 20},
    "dqn_mse": {"learning_starts": 20},
    "sac": {"learning_starts": 20, **NARROW},
    "td3": {"learning_starts": 20, **NARROW},
    "ddpg": {"learning_starts": 20, **NARROW},
    "trpo": {"n_steps": 64, "batch_size": 64},
    "qrdqn": {"learning_starts": 20},
    "tqc": {"learning_starts": 20, **NARROW},
    "crossq": {"learning_starts": 20, **NARROW},
    "ars": {"n_delta": 2},
    "ppo_lstm": {"n_steps": 32, "batch_size": 32},
    "maskable_ppo": {"n_steps": 64},
    "random": {},
}
LEARNERS_WITH_TORCH = [name for name, entry in algorithms().items() if "torch" in entry.distributions]


def request(trial: Trial) -> LearnerRequest:
    return LearnerRequest(trial, lambda index: make(trial.environment, {}, seed=index)[0], seed=3)


class Masked(gym.Env[Any, Any]):
    """Two actions, of which only the second is ever allowed."""

    observation_space = spaces.Box(-1, 1, (2,), dtype=np.float32)
    action_space = spaces.Discrete(2)

    def __init__(self) -> None:
        self._left = 0

    def action_masks(self) -> Any:
        return np.array([False, True])

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        del options
        self._left = 5
        return np.zeros(2, dtype=np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert action == 1, "a masked action was taken"
        self._left -= 1
        return np.zeros(2, dtype=np.float32), 1.0, self._left == 0, False, {}


gym.register("tests/Masked-v0", entry_point="tests.test_sb3_adapter:Masked")


@pytest.mark.parametrize("name", LEARNERS_WITH_TORCH)
def test_every_algorithm_trains_is_evaluated_and_read_back_as_it_was(tmp_path: Path, name: str) -> None:
    discrete = "discrete" in algorithms()[name].actions
    environment = "tests/Masked-v0" if algorithms()[name].needs_masks else "CartPole-v1" if discrete else "Pendulum-v1"
    record = carry_out(small_trial(name, environment, steps=64, hyperparameters=SMALL[name]), tmp_path)
    assert record.final.steps >= 64
    assert np.isfinite(record.final.returns).all()
    assert record.settings["seed"] is not None
    assert played_again(load_policy(tmp_path / record.trial.name)) == record.final.returns.tolist()


def test_no_algorithm_of_the_catalogue_is_left_out_here() -> None:
    assert set(LEARNERS_WITH_TORCH) <= set(SMALL)


@pytest.mark.parametrize("name", ["ppo", "dqn"])
def test_discrete_observations_are_accepted(tmp_path: Path, name: str) -> None:
    record = carry_out(small_trial(name, "FrozenLake-v1", steps=64, hyperparameters=SMALL[name]), tmp_path)
    assert record.final.steps == 64


def test_a_linear_schedule_runs_from_its_number_to_zero() -> None:
    schedule = vocabulary.schedule("lin_0.002")
    assert callable(schedule)
    assert [schedule(remaining) for remaining in (1.0, 0.5, 0.0)] == pytest.approx([0.002, 0.001, 0.0])
    assert vocabulary.schedule(3e-4) == 3e-4


@pytest.mark.parametrize("text", ["log_0.1", "lin_", "lin_x", "", "linear", "3e-4"])
def test_a_schedule_that_is_none_is_told_with_an_example(text: str) -> None:
    with pytest.raises(BenchError, match=r"lin_0\.001"):
        vocabulary.schedule(text)


def test_policy_keywords_read_zoo_text_and_yaml_alike() -> None:
    text = "dict(log_std_init=-2, ortho_init=False, activation_fn=nn.GELU, net_arch=dict(pi=[256], vf=[64, 32]), )"
    yaml = {
        "log_std_init": -2,
        "ortho_init": False,
        "activation_fn": "nn.GELU",
        "net_arch": {"pi": [256], "vf": [64, 32]},
    }
    expected = {**yaml, "activation_fn": torch.nn.GELU}
    assert vocabulary.policy_keywords(text) == expected
    assert vocabulary.policy_keywords(yaml) == expected
    assert vocabulary.policy_keywords({"optimizer_class": "torch.optim.SGD"}) == {"optimizer_class": torch.optim.SGD}


@given(st.text(max_size=40))
def test_no_text_is_ever_evaluated(text: str) -> None:
    try:
        found = vocabulary.policy_keywords(f"dict(a={text})")
    except BenchError:
        return
    assert "a" in found
    assert not any(callable(value) for value in found.values())


@pytest.mark.parametrize(
    "text", ["__import__('os').system('false')", "dict(a=open('x'))", "dict(a=[].__class__)", "dict(1)", "{"]
)
def test_code_in_policy_keywords_is_refused(text: str) -> None:
    with pytest.raises(BenchError):
        vocabulary.policy_keywords(text)


def test_normalise_builds_vecnormalize_with_the_algorithms_own_discount() -> None:
    settings = {"normalize": True, "gamma": 0.9, "n_envs": 3, "n_steps": 32, "batch_size": 96}
    learner = sb3.make(request(small_trial("ppo", "CartPole-v1", hyperparameters=settings)))
    env = learner.model.get_env()
    assert isinstance(env, VecNormalize)
    assert (env.gamma, env.num_envs, env.norm_reward) == (0.9, 3, True)
    zoo = vocabulary.normalisation("{'norm_obs': True, 'norm_reward': False}", None)
    assert zoo == {"norm_obs": True, "norm_reward": False}


def test_ornstein_uhlenbeck_noise_has_the_given_spread() -> None:
    settings = {"noise_type": "ornstein-uhlenbeck", "noise_std": 0.5, "train_freq": [1, "episode"]}
    learner = sb3.make(request(small_trial("td3", "Pendulum-v1", hyperparameters=settings)))
    noise = learner.model.action_noise
    assert isinstance(noise, OrnsteinUhlenbeckActionNoise)
    assert noise._sigma.tolist() == [0.5]
    with pytest.raises(BenchError, match="did you mean 'normal'"):
        vocabulary.action_noise("nromal", 0.1, 1)


def test_normalisation_statistics_stand_still_while_acting() -> None:
    settings = {"normalize": True, "n_steps": 32, "batch_size": 32}
    learner = sb3.make(request(small_trial("ppo", "CartPole-v1", hyperparameters=settings)))
    env = learner.model.get_vec_normalize_env()
    assert env is not None
    learner.learn(32, lambda _steps: True)
    statistics: Any = env.obs_rms
    before = statistics.mean.copy()
    learner.act([np.full(4, 100.0, dtype=np.float32)], None, [True], deterministic=True)
    assert before.tolist() == statistics.mean.tolist()


def test_settings_hold_defaults_and_what_was_given() -> None:
    given_here = {"learning_rate": "lin_0.001", "policy_kwargs": {"net_arch": [8]}, "n_envs": 2}
    settings = sb3.make(request(small_trial("a2c", "CartPole-v1", hyperparameters=given_here))).settings()
    assert settings["learning_rate"] == "lin_0.001"
    assert settings["gamma"] == 0.99
    assert settings["n_envs"] == 2
    assert "env" not in settings
