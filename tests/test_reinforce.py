"""REINFORCE as a learner: it behaves as its siblings in stable-baselines3 do."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.logger import configure
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from bench.algorithms.reinforce import REINFORCE

BOX = spaces.Box(-1, 1, (3,))
DICT = spaces.Dict({"eye": BOX, "place": spaces.Discrete(4)})
IMAGE = spaces.Box(0, 255, (36, 36, 1), np.uint8)


class Steady(gym.Env[Any, Any]):
    """Reward 1 a step, `length` steps, ended as `truncated` says; checks that actions lie in their space."""

    def __init__(
        self, action: spaces.Space[Any], observation: spaces.Space[Any] = BOX, length: int = 2, truncated: bool = False
    ) -> None:
        self.action_space, self.observation_space = action, observation
        self.length, self.truncated = length, truncated
        observation.seed(0)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        self.time = 0
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        kind = self.action_space.dtype
        assert self.action_space.contains(np.asarray(action).astype(kind)), action
        self.time += 1
        done = self.time == self.length
        return self.observation_space.sample(), 1.0, done and not self.truncated, done and self.truncated, {}


def slots(count: int, **settings: Any) -> DummyVecEnv:
    return DummyVecEnv([lambda: Steady(spaces.Discrete(2), **settings)] * count)


def reinforce(environment: Any, policy: str = "MlpPolicy", **settings: Any) -> REINFORCE:
    return REINFORCE(policy, environment, device="cpu", **{"seed": 0, "episodes_per_update": 4, **settings})


def weights(model: REINFORCE) -> npt.NDArray[np.float32]:
    return torch.nn.utils.parameters_to_vector(model.policy.parameters()).detach().numpy()


class Counter(BaseCallback):
    """Counts what it is told, and stops at call number `stop`."""

    def __init__(self, stop: int = 10**9) -> None:
        super().__init__()
        self.stop, self.steps, self.starts, self.ends, self.over = stop, 0, 0, 0, False

    def _on_step(self) -> bool:
        self.steps += 1
        assert {"rewards", "dones", "infos"} <= self.locals.keys()
        return self.steps < self.stop

    def _on_rollout_start(self) -> None:
        self.starts += 1

    def _on_rollout_end(self) -> None:
        self.ends += 1

    def _on_training_end(self) -> None:
        self.over = True


def test_the_defaults_learn_cartpole() -> None:
    # A random policy gets 22.
    model = REINFORCE("MlpPolicy", make_vec_env("CartPole-v1", n_envs=8, seed=3), seed=3, device="cpu").learn(40_000)
    mean, _ = evaluate_policy(model, make_vec_env("CartPole-v1", n_envs=8, seed=4), n_eval_episodes=16)
    assert isinstance(mean, float)
    assert mean > 150


@pytest.mark.parametrize(
    "action",
    [
        spaces.Discrete(3),
        spaces.MultiDiscrete([2, 3]),
        spaces.MultiBinary(3),
        spaces.Box(-0.1, 0.1, (2, 2)),
        spaces.Box(np.array([0, -3], np.float32), np.array([1, 5], np.float32)),
    ],
    ids=["discrete", "multi-discrete", "multi-binary", "box of rank two", "lopsided box"],
)
@pytest.mark.parametrize("baseline", ["none", "running", "mean", "value"])
def test_every_kind_of_action_trains(action: spaces.Space[Any], baseline: str) -> None:
    model = reinforce(DummyVecEnv([lambda: Steady(action)] * 3), baseline=baseline, ent_coef=0.01, gamma_power=True)
    before = weights(model)
    model.learn(60)
    # Four episodes of two steps in three slots take four steps of all: twelve. Sixty steps hold five such batches.
    assert model._n_updates == 5
    assert np.isfinite(weights(model)).all()
    assert (weights(model) != before).any()


@pytest.mark.parametrize(
    ("policy", "observation"),
    [("MlpPolicy", spaces.Discrete(5)), ("MultiInputPolicy", DICT), ("CnnPolicy", IMAGE)],
)
def test_every_kind_of_observation_trains(policy: str, observation: spaces.Space[Any]) -> None:
    model = reinforce(slots(2, observation=observation), policy, baseline="value", steps_per_pass=3)
    before = weights(model)
    model.learn(16)
    assert model._n_updates == 2
    assert (weights(model) != before).any()


def test_learning_goes_through_running_normalisation() -> None:
    environment = VecNormalize(make_vec_env("Pendulum-v1", n_envs=2, seed=0))
    model = reinforce(environment, episodes_per_update=2).learn(800)
    assert model._n_updates == 2
    assert environment.ret_rms.count > 800


def test_box_actions_are_clipped_for_the_environment_only() -> None:
    model = reinforce(Steady(spaces.Box(-0.01, 0.01, (1,))))
    sampled = np.array([[3.0], [-3.0]])
    model.n_envs = 2
    assert model._for_environment(sampled).tolist() == pytest.approx(np.array([[0.01], [-0.01]]))
    assert sampled.tolist() == [[3.0], [-3.0]]


@pytest.mark.parametrize("value_learning_rate", [None, 1e-3])
def test_a_saved_learner_comes_back(tmp_path: Path, value_learning_rate: float | None) -> None:
    environment = make_vec_env("CartPole-v1", n_envs=2, seed=0)
    model = reinforce(
        environment,
        baseline="value",
        learning_rate=lambda left: 1e-2 * left,
        value_learning_rate=value_learning_rate,
        policy_kwargs={"net_arch": [16]},
    ).learn(1000)
    model.save(tmp_path / "policy.zip")
    loaded = REINFORCE.load(tmp_path / "policy.zip", env=environment, device="cpu")
    seen = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    assert (loaded.predict(seen, deterministic=True)[0] == model.predict(seen, deterministic=True)[0]).all()
    assert (weights(loaded) == weights(model)).all()
    assert loaded.num_timesteps == 1000
    assert loaded.baseline == "value"
    loaded.learn(1000, reset_num_timesteps=False)
    assert loaded.num_timesteps == 2000
    assert loaded._n_updates > model._n_updates


def test_a_loaded_learner_needs_no_environment_to_act(tmp_path: Path) -> None:
    reinforce(slots(2), baseline="mean").learn(16).save(tmp_path / "policy.zip")
    assert REINFORCE.load(tmp_path / "policy.zip", device="cpu").predict(np.zeros(3, np.float32))[0] in (0, 1)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others() -> None:
    def trained(seed: int) -> npt.NDArray[np.float32]:
        environment = make_vec_env("CartPole-v1", n_envs=3)
        return weights(reinforce(environment, baseline="value", seed=seed).learn(2000))

    assert (trained(1) == trained(1)).all()
    assert (trained(1) != trained(2)).any()


def test_steps_of_all_slots_are_counted_and_the_budget_is_kept() -> None:
    counter = Counter()
    model = reinforce(slots(3, length=4)).learn(100, callback=counter)
    # 34 steps of three slots are the first 100 or more. Four episodes in three slots take 8 steps: four whole batches.
    assert model.num_timesteps == 102
    assert counter.steps == 34
    assert (counter.starts, counter.ends, model._n_updates) == (5, 4, 4)
    assert counter.over


def test_a_callback_stops_learning_at_once() -> None:
    counter = Counter(stop=5)
    model = reinforce(slots(3, length=4)).learn(10_000, callback=counter)
    assert model.num_timesteps == 15
    assert counter.steps == 5
    assert counter.over


def test_learning_that_was_stopped_within_an_episode_goes_on_with_whole_ones() -> None:
    model = reinforce(slots(3, length=4)).learn(10_000, callback=Counter(stop=6))
    _, callback = model._setup_learn(48, reset_num_timesteps=False)
    episodes = model.collect_episodes(callback)
    assert episodes is not None
    assert [len(episode.rewards) for episode in episodes] == [4, 4, 4, 4]
    assert model.num_timesteps == 18 + 24


def test_a_budget_without_a_whole_batch_changes_no_weight() -> None:
    model = reinforce(slots(2, length=50))
    before = weights(model)
    assert (weights(model.learn(90)) == before).all()


def test_an_environment_without_end_does_not_hold_learning_up() -> None:
    assert reinforce(slots(2, length=10**9)).learn(500).num_timesteps == 500


@pytest.mark.parametrize(
    ("truncated", "bootstrap", "returns"),
    [(True, True, [4, 6]), (True, False, [1.5, 1]), (False, True, [1.5, 1])],
    ids=["truncated and bootstrapped", "truncated but taken as whole", "terminated"],
)
def test_bootstrapping_of_truncated_episodes_by_hand(truncated: bool, bootstrap: bool, returns: list[float]) -> None:
    # V is 10 everywhere, gamma is 0.5: G_1 = 1 + 0.5 * 10 = 6 and G_0 = 1 + 0.5 * 6 = 4; else G_1 = 1, G_0 = 1.5.
    model = reinforce(slots(2, truncated=truncated), baseline="value", gamma=0.5, bootstrap_truncated=bootstrap)
    with torch.no_grad():
        model.policy.value_net.weight.zero_()
        model.policy.value_net.bias.fill_(10.0)
    _, callback = model._setup_learn(100)
    episodes = model.collect_episodes(callback)
    assert episodes is not None
    assert model.batch(episodes).returns.tolist() == returns * 4
    assert model.batch(episodes).weights.tolist() == [value - 10 for value in returns * 4]


def test_the_value_net_is_fitted_to_the_returns_and_leaves_the_policy_alone() -> None:
    model = reinforce(slots(2), baseline="value", gamma=0.5, learning_rate=0.0, value_learning_rate=0.01)
    before = [parameter.clone() for parameter in model.policy.action_net.parameters()]
    model.learn(800)
    values = model.policy.predict_values(torch.rand(20, 3) * 2 - 1)
    # The observation does not tell which step it is: the mean of 1.5 and 1.
    assert values.mean().item() == pytest.approx(1.25, abs=0.1)
    for old, new in zip(before, model.policy.action_net.parameters(), strict=True):
        assert torch.equal(old, new)


def test_without_a_value_baseline_the_value_net_is_left_alone() -> None:
    model = reinforce(slots(2))
    before = model.policy.value_net.weight.clone()
    assert torch.equal(model.learn(100).policy.value_net.weight, before)


def test_a_learning_rate_may_be_a_schedule() -> None:
    model = reinforce(slots(2), learning_rate=lambda left: 0.5 * left).learn(16)
    # The second and last batch ends with the budget: nothing remains.
    assert model.policy.optimizer.param_groups[0]["lr"] == 0
    assert model._n_updates == 2


def test_a_gradient_is_clipped_where_that_is_asked() -> None:
    def moved(norm: float | None) -> float:
        model = reinforce(
            slots(2), learning_rate=1.0, max_grad_norm=norm, policy_kwargs={"optimizer_class": torch.optim.SGD}
        )
        before = weights(model)
        return float(np.linalg.norm(weights(model.learn(8)) - before))

    assert moved(None) > 0.02
    assert moved(0.01) == pytest.approx(0.01, rel=1e-3)


def test_what_happened_is_logged(tmp_path: Path) -> None:
    model = reinforce(make_vec_env("CartPole-v1", n_envs=2, seed=0), baseline="value")
    model.set_logger(configure(str(tmp_path), ["csv"]))
    model.learn(1000)
    model.logger.close()
    with (tmp_path / "progress.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == model._n_updates
    assert 0 < float(rows[-1]["rollout/used_steps"]) <= 1
    assert float(rows[-1]["train/entropy"]) == pytest.approx(np.log(2), rel=0.1)
    assert {"rollout/ep_rew_mean", "rollout/ep_len_mean", "time/fps", "train/policy_loss", "train/value_loss"} <= set(
        rows[-1]
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"baseline": "median"}, "baseline is 'median'; choose one of none, running, mean, value"),
        ({"gamma": 1.5}, "gamma is 1.5"),
        ({"episodes_per_update": 0}, "episodes_per_update is 0"),
        ({"value_epochs": 0}, "value_epochs is 0"),
        ({"baseline_step_size": 0}, "baseline_step_size is 0"),
        ({"bootstrap_truncated": True}, "needs a value net"),
        ({"baseline": "mean", "episodes_per_update": 1}, "needs others"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        reinforce(slots(1), **settings)


@pytest.mark.parametrize(("episodes", "used"), [(1, 2), (2, 2), (5, 5)])
def test_an_update_takes_at_least_one_episode_of_every_slot(episodes: int, used: int) -> None:
    assert reinforce(slots(2), episodes_per_update=episodes).batch_episodes == used
