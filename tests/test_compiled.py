"""The compiled update against stable-baselines3's own: same weights and rollout, same weights after it."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import jax
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.vec_env import DummyVecEnv

from bench import load_policy
from bench.algorithms import sb3
from bench.algorithms.compiled import network, update
from bench.algorithms.compiled.reinforce import drawn
from bench.algorithms.diagnostics import Diagnostics
from bench.algorithms.side_by_side import SideBySide
from bench.catalog import find_algorithm
from bench.environments.making import make
from bench.errors import BenchError, DivergedError
from bench.records import LearnerRequest
from tests.making import carry_out, played_again, small_trial
from tests.scripts import script

same_noise = script("same_noise")

SMALL: dict[str, dict[str, Any]] = {
    "ppo": {"n_steps": 64},
    "a2c": {"n_steps": 64},
    "reinforce": {"n_envs": 2},
    "dqn": {"batch_size": 16, "learning_starts": 50},
    **{name: {"batch_size": 16, "learning_starts": 50, "train_freq": 8} for name in ("sac", "td3", "ddpg")},
}
ENVIRONMENTS = ("CartPole-v1", "Acrobot-v1", "LunarLander-v3", "Pendulum-v1", "LunarLanderContinuous-v3")


def learner(
    name: str, environment: str, implementation: str = "jax", kwargs: dict[str, Any] | None = None, **settings: Any
) -> Any:
    trial = replace(
        small_trial(name, environment, hyperparameters=settings),
        implementation=find_algorithm(name, implementation).identity,
    )
    return sb3.make(LearnerRequest(trial, lambda index: make(environment, kwargs or {}, seed=index)[0], seed=3))


def collected(model: Any) -> update.Rollout:
    """Let the learner collect one rollout, and return it."""
    model._setup_learn(10**6, callback=None)
    callback = model._init_callback(None)
    assert model.collect_rollouts(model.env, callback, model.rollout_buffer, model.n_steps)
    rollout: update.Rollout = model._course.rollout
    return rollout


def given(model: OnPolicyAlgorithm, rollout: update.Rollout) -> None:
    """Put a rollout into the library's buffer, with values and log-probabilities as its policy says."""
    buffer = model.rollout_buffer
    buffer.reset()
    with torch.no_grad():
        for observations, actions, rewards, starts in zip(*rollout[:4], strict=True):
            taken = torch.as_tensor(actions)
            flat = taken.flatten() if isinstance(model.action_space, spaces.Discrete) else taken
            values, log_probs, _ = model.policy.evaluate_actions(torch.as_tensor(observations), flat)
            buffer.add(observations, actions, rewards, starts, values, log_probs)
        last = model.policy.predict_values(torch.as_tensor(rollout.last_observations))
    buffer.compute_returns_and_advantage(last, rollout.last_dones)


class Shuffling:
    """Shuffles the steps of each epoch as the library does after `np.random.seed(7)`."""

    def permuted(self, orders: Any, axis: int) -> Any:
        assert axis == 1
        random = np.random.RandomState(7)
        return np.array([one[random.permutation(len(one))] for one in orders])


def weights(model: Any) -> Any:
    return torch.cat([one.detach().ravel() for one in model.policy.parameters()]).numpy().copy()


CASES: list[tuple[str, str, dict[str, Any]]] = [
    *(("ppo", environment, {}) for environment in ENVIRONMENTS),
    *(("a2c", environment, {}) for environment in ENVIRONMENTS),
    ("ppo", "CartPole-v1", {"batch_size": 24}),
    ("ppo", "CartPole-v1", {"batch_size": 500}),
    ("ppo", "CartPole-v1", {"clip_range_vf": 0.05, "ent_coef": 0.01, "vf_coef": 0.7}),
    ("ppo", "CartPole-v1", {"normalize_advantage": False, "max_grad_norm": 0.01}),
    ("ppo", "CartPole-v1", {"policy_kwargs": {"net_arch": [], "activation_fn": "torch.nn.ReLU"}}),
    ("ppo", "Pendulum-v1", {"policy_kwargs": {"net_arch": {"pi": [32], "vf": [16, 16]}, "log_std_init": -1.0}}),
    ("ppo", "tests/Grid-v0", {"ent_coef": 0.1}),
    ("ppo", "CartPole-v1", {"target_kl": 1e-4, "learning_rate": 0.003}),
    ("a2c", "CartPole-v1", {"normalize_advantage": True, "ent_coef": 0.01, "gae_lambda": 0.9}),
    ("a2c", "CartPole-v1", {"use_rms_prop": False}),
    ("a2c", "Pendulum-v1", {"learning_rate": "lin_0.001", "max_grad_norm": 0.1}),
]


class Grid(gym.Env[Any, Any]):
    """Two decisions at once; pays for both being right."""

    observation_space = spaces.Box(-1, 1, (3,), dtype=np.float64)
    action_space = spaces.MultiDiscrete([2, 3])

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        del options
        return self.np_random.uniform(-1, 1, 3), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        right = float(action[0] == 1 and action[1] == 2)
        return self.np_random.uniform(-1, 1, 3), right, bool(self.np_random.random() < 0.2), False, {}


gym.register("tests/Grid-v0", entry_point="tests.test_compiled:Grid")


@pytest.mark.filterwarnings("ignore:You have specified a mini-batch size")
@pytest.mark.parametrize(("name", "environment", "settings"), CASES)
def test_an_update_its_gradients_length_and_its_explained_variance_are_the_librarys_to_rounding(
    name: str, environment: str, settings: dict[str, Any]
) -> None:
    size = {"n_envs": 4, "n_steps": 16, **({"batch_size": 32, "n_epochs": 3} if name == "ppo" else {}), **settings}
    ours, theirs = learner(name, environment, **size).model, learner(name, environment, "sb3", **size).model
    np.testing.assert_array_equal(weights(ours), weights(theirs))
    before = weights(ours)
    listening = Diagnostics()
    listening.init_callback(theirs)
    listening.on_training_start({}, {})
    for _ in range(3):
        rollout = collected(ours)
        given(theirs, rollout)
        theirs._logger = Logger(folder=None, output_formats=[])
        theirs._current_progress_remaining = ours._current_progress_remaining
        acting, ours._course.random = ours._course.random, Shuffling()
        means = ours._course.learn(ours.epochs, ours.present_settings())
        ours._course.random = acting
        np.random.seed(7)  # noqa: NPY002 - what the library draws from
        theirs.train()
        np.testing.assert_allclose(weights(ours), weights(theirs), rtol=2e-4, atol=2e-5)
        listening.on_rollout_start()
        heard = listening.means()
        for measured in ("gradient_norm", "explained_variance"):
            assert means[measured] == pytest.approx(heard[measured], rel=1e-4, abs=1e-5)
        # So that what rounding has made of one update is not what the next one begins with.
        ours._course.weights[:] = weights(theirs)
    assert np.abs(weights(ours) - before).max() > 1e-3


def test_loss_and_gradient_are_the_librarys_to_rounding() -> None:
    ours = learner("ppo", "LunarLander-v3", n_envs=2, n_steps=32, batch_size=64, ent_coef=0.01).model
    rollout, course = collected(ours), ours._course
    arrays = network.network(course.layout, course.weights)
    samples = update.prepared(course.shape, arrays, rollout, ours.present_settings())
    gains = torch.as_tensor(np.array(samples.advantages))
    gains = (gains - gains.mean()) / (gains.std() + 1e-8)
    actions = torch.as_tensor(np.array(samples.actions)).flatten()
    values, log_prob, entropy = ours.policy.evaluate_actions(torch.as_tensor(np.array(samples.observations)), actions)
    ratio = torch.exp(log_prob - torch.as_tensor(np.array(samples.log_probs)))
    policy = -torch.min(gains * ratio, gains * ratio.clamp(0.8, 1.2)).mean()
    value = torch.nn.functional.mse_loss(torch.as_tensor(np.array(samples.returns)), values.flatten())
    expected = policy - 0.01 * entropy.mean() + 0.5 * value
    ours.policy.zero_grad()
    expected.backward()
    gradient = torch.cat([one.grad.ravel() for one in ours.policy.parameters()]).numpy()
    settings = ours.present_settings()
    found, by = jax.jit(jax.value_and_grad(lambda one: update.loss(one, course.shape, samples, settings)[0]))(arrays)
    assert float(found) == pytest.approx(expected.item(), rel=1e-5)
    np.testing.assert_allclose(network.vector(course.layout, by), gradient, rtol=1e-4, atol=1e-5)


def test_a_time_limit_adds_the_value_of_what_comes_after_it() -> None:
    model = learner("ppo", "Pendulum-v1", n_envs=2, n_steps=250, batch_size=50, gamma=0.9).model
    rollout = collected(model)
    ended = [step for step in range(250) if step and rollout.starts[step].any()]
    assert ended == [200]
    env = SideBySide(makers("Pendulum-v1", 2))
    env.reset()
    for step in range(200):
        _, rewards, _, infos = env.step(np.clip(rollout.actions[step], -2, 2))
    last = torch.as_tensor(np.stack([info["terminal_observation"] for info in infos]))
    with torch.no_grad():
        value = model.policy.predict_values(last).numpy().ravel()
    np.testing.assert_allclose(rollout.rewards[199], rewards + 0.9 * value, rtol=1e-4, atol=1e-4)


def test_actions_are_drawn_from_the_policy() -> None:
    model = learner("ppo", "tests/Grid-v0", n_steps=8, batch_size=8).model
    with torch.no_grad():
        model.policy.action_net.bias.copy_(torch.tensor([0.0, 1.0, 2.0, 0.0, 1.0]))
        model.policy.action_net.weight.zero_()
    drawn = model._course.act(np.zeros((400_000, 3), dtype=np.float32))
    e = np.exp
    assert np.mean(drawn[:, 0] == 1) == pytest.approx(e(1) / (1 + e(1)), abs=0.003)
    assert np.mean(drawn[:, 1] == 0) == pytest.approx(e(2) / (e(2) + 1 + e(1)), abs=0.003)
    assert np.mean(drawn[:, 1] == 2) == pytest.approx(e(1) / (e(2) + 1 + e(1)), abs=0.003)


class Nothing:
    """Draws the exponential that float32 cannot tell from 0, as one draw in ten million does."""

    def standard_exponential(self, shape: tuple[int, ...], dtype: Any) -> Any:
        return np.zeros(shape, dtype)


def test_a_draw_of_nothing_is_no_divergence_and_makes_no_impossible_action() -> None:
    model = learner("ppo", "CartPole-v1").model
    course = model._course
    course.random = Nothing()
    bias = course.network.policy[-1][1]
    bias[:] = [30.0, -30.0]
    assert course.act(np.zeros((2, 4), dtype=np.float32)).ravel().tolist() == [0, 0]


def test_gaussian_actions_have_the_policys_mean_and_deviation() -> None:
    model = learner("ppo", "Pendulum-v1", n_steps=8, batch_size=8, policy_kwargs={"log_std_init": -0.5}).model
    observation = np.array([[0.3, -0.2, 0.7]], dtype=np.float32)
    drawn = model._course.act(np.repeat(observation, 400_000, axis=0))[:, 0]
    with torch.no_grad():
        mean = float(model.policy.get_distribution(torch.as_tensor(observation)).distribution.mean)
    assert drawn.mean() == pytest.approx(mean, abs=0.004)
    assert drawn.std() == pytest.approx(np.exp(-0.5), rel=0.005)


def makers(environment: str, count: int) -> Sequence[Any]:
    def one(index: int) -> Any:
        return make(environment, {}, seed=index)[0]

    return [partial(one, index) for index in range(count)]


def monitored(maker: Any) -> Any:
    return Monitor(maker())


@pytest.mark.parametrize("environment", ["CartPole-v1", "Pendulum-v1"])
def test_environments_side_by_side_give_what_the_librarys_give(environment: str) -> None:
    ours = SideBySide(makers(environment, 3))
    theirs = DummyVecEnv([partial(monitored, one) for one in makers(environment, 3)])
    np.testing.assert_array_equal(ours.reset(), theirs.reset())
    ours.action_space.seed(1)
    for _ in range(450):
        actions = np.array([ours.action_space.sample() for _ in range(3)])
        found, expected = ours.step(actions), theirs.step(actions)
        for one, other in zip(found[:3], expected[:3], strict=True):
            np.testing.assert_array_equal(one, other)
        for one, other in zip(found[3], expected[3], strict=True):
            assert (
                {key: one["episode"][key] for key in "rl"} == {key: other["episode"][key] for key in "rl"}
                if ("episode" in other)
                else "episode" not in one
            )
            assert one.get("TimeLimit.truncated", False) == other["TimeLimit.truncated"]
            np.testing.assert_array_equal(one.get("terminal_observation"), other.get("terminal_observation"))


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_a_trial_is_trained_saved_and_read_back_as_it_was(tmp_path: Path, name: str) -> None:
    trial = replace(
        small_trial(name, _place(name), steps=512, hyperparameters={"normalize": True, **SMALL[name]}),
        implementation=find_algorithm(name, "jax").identity,
    )
    record = carry_out(trial, tmp_path)
    policy = load_policy(tmp_path / trial.name)
    assert played_again(policy) == record.final.returns.tolist()
    assert record.settings.items() >= SMALL[name].items()


def _place(name: str) -> str:
    return "CartPole-v1" if "discrete" in find_algorithm(name).actions else "Pendulum-v1"


def test_equal_seeds_give_equal_weights() -> None:
    one, other = (learner("ppo", "CartPole-v1", n_steps=32, batch_size=32) for _ in range(2))
    for made in (one, other):
        made.learn(96, lambda steps: steps < 96)
    np.testing.assert_array_equal(weights(one.model), weights(other.model))


@pytest.mark.parametrize(
    ("name", "environment", "settings"),
    [
        ("ppo", "CartPole-v1", {"n_steps": 32, "batch_size": 32}),
        ("ppo", "Pendulum-v1", {"n_steps": 32, "batch_size": 32}),
        ("dqn", "CartPole-v1", {}),
        ("sac", "Pendulum-v1", {"batch_size": 16}),
        ("td3", "Pendulum-v1", {"batch_size": 16}),
    ],
)
def test_weights_that_are_no_numbers_are_divergence(name: str, environment: str, settings: dict[str, Any]) -> None:
    made = learner(name, environment, learning_rate=1e30, **settings)
    with pytest.raises(DivergedError):
        made.learn(2_000, lambda steps: steps < 2_000)


@pytest.mark.parametrize(
    ("environment", "settings", "said"),
    [
        (
            "CartPole-v1",
            {"policy_kwargs": {"activation_fn": "torch.nn.GELU"}},
            "activations torch.nn.Tanh and torch.nn.ReLU",
        ),
        ("CartPole-v1", {"policy_kwargs": {"optimizer_class": "torch.optim.SGD"}}, "not SGD"),
        ("FrozenLake-v1", {}, "wants MlpPolicy on observations that are arrays"),
    ],
)
def test_what_it_does_not_know_is_refused_by_name(environment: str, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(BenchError, match=said):
        learner("ppo", environment, **settings)


REINFORCED: list[tuple[str, dict[str, Any]]] = [
    ("CartPole-v1", {}),
    ("CartPole-v1", {"baseline": "value", "max_grad_norm": 0.5, "value_learning_rate": 0.01}),
    ("CartPole-v1", {"baseline": "mean", "normalize_returns": True, "gamma_power": True, "ent_coef": 0.05}),
    ("Pendulum-v1", {"baseline": "value", "bootstrap_truncated": True, "normalize_returns": True}),
    ("tests/Grid-v0", {"policy_kwargs": {"activation_fn": "torch.nn.ReLU", "net_arch": [16]}}),
]


@pytest.mark.parametrize(("environment", "settings"), REINFORCED)
def test_an_update_of_reinforce_is_the_harness_own_to_rounding(environment: str, settings: dict[str, Any]) -> None:
    # In one minibatch, so that the order in which steps are drawn changes nothing but rounding.
    size = {"n_envs": 2, "episodes_per_update": 4, "value_batch_size": 4096, "value_epochs": 3, **settings}
    ours = learner("reinforce", environment, **size).model
    theirs = learner("reinforce", environment, "sb3", **size).model
    ours._setup_learn(10**6, callback=None)
    theirs._logger = Logger(folder=None, output_formats=[])
    before = weights(ours)
    np.testing.assert_array_equal(before, weights(theirs))
    for _ in range(3):
        episodes = ours.collect_episodes(ours._init_callback(None))
        assert episodes is not None
        theirs._current_progress_remaining = ours._current_progress_remaining
        ours.train(episodes)
        theirs.train(episodes)
        np.testing.assert_allclose(weights(ours), weights(theirs), rtol=2e-4, atol=5e-5)
        ours._player.weights[:] = weights(theirs)
    assert np.abs(weights(ours) - before).max() > 1e-3


def test_measuring_the_gradient_of_the_compiled_reinforce_changes_no_weight() -> None:
    def trained(looks: int) -> Any:
        made = learner("reinforce", "CartPole-v1", episodes_per_update=2, baseline="value", value_epochs=1)
        for _ in range(2):
            made.model.learn(200, reset_num_timesteps=False)
            for _ in range(looks):
                assert made.gradient_noise(lambda _: gym.make("CartPole-v1"), 4).variance > 0
        return weights(made.model)

    np.testing.assert_array_equal(trained(1), trained(0))


def test_minibatches_of_a_fit_are_each_step_once_an_epoch() -> None:
    orders = drawn(np.random.default_rng(0), steps=5, size=8, epochs=2, batch=2)
    assert orders.shape == (2 * 4, 2)
    for epoch in (orders[:4], orders[4:]):
        assert sorted(epoch.ravel().tolist()) == [-1, -1, -1, 0, 1, 2, 3, 4]
        assert (epoch[3] == -1).all()


def test_a_fit_in_minibatches_is_torchs_with_the_same_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    size: dict[str, Any] = {
        "n_envs": 1,
        "episodes_per_update": 3,
        "value_batch_size": 16,
        "value_epochs": 2,
        "baseline": "value",
    }
    ours = learner("reinforce", "CartPole-v1", **size).model
    theirs = learner("reinforce", "CartPole-v1", "sb3", **size).model
    ours._setup_learn(10**6, callback=None)
    theirs._logger = Logger(folder=None, output_formats=[])
    episodes = ours.collect_episodes(ours._init_callback(None))
    steps = sum(len(episode.rewards) for episode in episodes)
    ours._player.random = np.random.default_rng(9)
    same = np.random.default_rng(9)
    monkeypatch.setattr(torch, "randperm", lambda count, **_: torch.as_tensor(same.permutation(count)))
    assert steps % 16
    ours.train(episodes)
    theirs.train(episodes)
    np.testing.assert_allclose(weights(ours), weights(theirs), rtol=2e-4, atol=2e-5)


REPLAYED: list[tuple[str, dict[str, Any]]] = [
    *((environment, {}) for environment in ENVIRONMENTS[:3]),
    ("CartPole-v1", {"gradient_steps": 3, "max_grad_norm": 0.1, "learning_rate": "lin_0.0003"}),
    (
        "CartPole-v1",
        {"n_steps": 3, "gamma": 0.9, "policy_kwargs": {"net_arch": [16], "activation_fn": "torch.nn.Tanh"}},
    ),
    ("CartPole-v1", {"normalize": True, "tau": 0.3, "target_update_interval": 10}),
    ("CartPole-v1", {"train_freq": [1, "episode"], "gradient_steps": -1}),
    ("Acrobot-v1", {"optimize_memory_usage": True, "replay_buffer_kwargs": {"handle_timeout_termination": False}}),
]


@pytest.mark.parametrize(("environment", "settings"), REPLAYED)
def test_a_training_of_dqn_is_the_librarys_to_rounding(environment: str, settings: dict[str, Any]) -> None:
    size = {"learning_starts": 50, "buffer_size": 300, "target_update_interval": 100, **settings}
    assert_trained_alike("dqn", environment, 600, size)


CRITICS: list[tuple[str, str, dict[str, Any]]] = [
    ("sac", "LunarLanderContinuous-v3", {}),
    ("td3", "LunarLanderContinuous-v3", {}),
    ("ddpg", "Pendulum-v1", {}),
    ("sac", "Pendulum-v1", {"ent_coef": 0.1, "gradient_steps": 3, "train_freq": 2, "target_update_interval": 2}),
    ("sac", "Pendulum-v1", {"policy_kwargs": {"net_arch": {"pi": [16], "qf": [32, 24]}, "n_critics": 3}, "n_steps": 3}),
    ("sac", "Pendulum-v1", {"n_envs": 2, "gradient_steps": 2, "normalize": True, "learning_rate": "lin_0.001"}),
    ("sac", "Pendulum-v1", {"policy_kwargs": {"net_arch": [], "log_std_init": -1.0}, "target_entropy": -2.0}),
    ("sac", "Pendulum-v1", {"ent_coef": 0.0}),
    ("td3", "Pendulum-v1", {"policy_delay": 3, "target_policy_noise": 0.4, "noise_type": "normal", "noise_std": 0.1}),
    ("td3", "Pendulum-v1", {"policy_kwargs": {"activation_fn": "torch.nn.Tanh"}, "gradient_steps": 5, "train_freq": 5}),
]


@pytest.mark.parametrize(("name", "environment", "settings"), CRITICS)
def test_a_training_with_critics_is_the_librarys_to_rounding(
    name: str, environment: str, settings: dict[str, Any]
) -> None:
    size = {"learning_starts": 40, "buffer_size": 300, "batch_size": 16, "policy_kwargs": {"net_arch": [32, 16]}}
    assert_trained_alike(name, environment, 120, {**size, **settings})


def test_the_actor_of_td3_waits_across_updates() -> None:
    # Updates of one and of several minibatches are compiled apart, and count on from each other.
    made = learner("td3", "Pendulum-v1", batch_size=16, learning_starts=20, policy_delay=3)
    made.learn(25, lambda steps: steps < 25)
    moved = []
    for minibatches in (1, 1, 1, 2, 4):
        before = torch.cat([one.detach().ravel() for one in made.model.actor.parameters()]).clone()
        made.model.train(minibatches, 16)
        after = torch.cat([one.detach().ravel() for one in made.model.actor.parameters()])
        moved.append(bool((before != after).any()))
    steps = made.updates - 9
    assert moved == [
        any((steps + number) % 3 == 0 for number in some) for some in ([1], [2], [3], [4, 5], [6, 7, 8, 9])
    ]


def assert_trained_alike(name: str, environment: str, steps: int, settings: dict[str, Any]) -> None:
    """Assert that both implementations take the same actions and end with the same weights, to rounding."""
    found = []
    for implementation in ("sb3", "jax"):
        # Made and trained in turn: what both draw from is the global stream, which making seeds.
        made = learner(name, environment, implementation, **settings)
        before = weights(made.model)
        made.learn(steps, lambda taken: taken < steps)
        found.append((made.model.replay_buffer.actions.copy(), made.updates, weights(made.model), before))
    theirs, ours = found
    np.testing.assert_array_equal(theirs[3], ours[3])
    if theirs[0].dtype.kind == "f":
        np.testing.assert_allclose(theirs[0], ours[0], atol=0.01)  # what is a number passes rounding on
    else:
        np.testing.assert_array_equal(theirs[0], ours[0])
    assert theirs[1] == ours[1] > 0
    # Of single weights no more can be asked: Adam makes whole steps of gradients that are nothing but rounding.
    assert np.abs(theirs[2] - ours[2]).mean() < 0.01 * np.abs(theirs[2] - theirs[3]).mean()


def test_dqn_steps_several_environments_as_the_library_does() -> None:
    # One minibatch an update: with more, the library draws steps and environments in turn, which is another stream.
    assert_trained_alike("dqn", "CartPole-v1", 300, {"n_envs": 3, "learning_starts": 50})


# --- Whole trainings: the library's, with the noise that ours draws.


TRAINED: list[tuple[str, str, int, dict[str, Any]]] = [
    ("a2c", "CartPole-v1", 4_000, {"n_envs": 8}),
    ("a2c", "LunarLander-v3", 2_000, {"n_envs": 4, "n_steps": 10, "learning_rate": "lin_0.0005", "ent_coef": 0.01}),
    (
        "a2c",
        "Pendulum-v1",
        4_000,
        {"n_envs": 8, "n_steps": 8, "normalize": True, "use_rms_prop": False, "gae_lambda": 0.9},
    ),
    (
        "ppo",
        "Acrobot-v1",
        4_000,
        {"n_envs": 4, "n_steps": 128, "batch_size": 512, "normalize": True, "clip_range": "lin_0.2"},
    ),
    ("ppo", "LunarLanderContinuous-v3", 1_000, {"n_envs": 2, "n_steps": 64, "batch_size": 128, "clip_range_vf": 0.2}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "environment", "steps", "settings"), TRAINED)
def test_a_training_is_the_librarys_to_rounding_with_the_same_noise(
    name: str, environment: str, steps: int, settings: dict[str, Any]
) -> None:
    # In one minibatch, so that the order of the steps changes nothing but rounding.
    ours, theirs = (learner(name, environment, implementation, **settings) for implementation in ("jax", "sb3"))
    before = weights(theirs.model)
    same_noise.share_actions(theirs.model, np.random.default_rng(3))
    ours.model._course.random = np.random.default_rng(3)
    taken: list[list[Any]] = [[], []]
    for made, actions in zip((ours, theirs), taken, strict=True):
        step = made.model.env.step
        made.model.env.step = lambda chosen, step=step, actions=actions: (
            actions.append(np.array(chosen)),
            step(chosen),
        )[1]
        made.learn(steps, lambda now: now < steps)
    assert len(taken[0]) == len(taken[1]) >= steps // settings["n_envs"]
    assert ours.recent_training_return() == pytest.approx(theirs.recent_training_return(), abs=0.01)
    np.testing.assert_allclose(np.array(taken[0]), np.array(taken[1]), atol=0.01)
    drift = np.abs(weights(ours.model) - weights(theirs.model)).mean()
    assert drift < 0.001 * np.abs(weights(theirs.model) - before).mean()
