"""The gradient that REINFORCE estimates, against hand, enumeration and simulation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement, product
from typing import Any, Literal

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import pytest
import torch
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st
from stable_baselines3.common.callbacks import CallbackList
from stable_baselines3.common.vec_env import DummyVecEnv

from bench.algorithms.reinforce import REINFORCE, Batch, Episode, mean_of_others

LINEAR = {"net_arch": [], "optimizer_class": torch.optim.SGD}
HORIZON, GAMMA = 3, 0.9
START = np.array([0.7, 0.3])
# next_state[s, a] are the probabilities of states 0, 1 and the terminal state 2; the reward depends on all three.
NEXT_STATE = np.array([[[0.6, 0.1, 0.3], [0.1, 0.4, 0.5]], [[0.2, 0.7, 0.1], [0.3, 0.5, 0.2]]])
REWARD = np.array([[[1.0, -2.0, 3.0], [0.5, 1.5, -1.0]], [[2.0, 0.0, 4.0], [-1.0, 1.0, 2.5]]])


class TwoStates(gym.Env[Any, Any]):
    """Two states, a terminal third, at most HORIZON steps; `bonus` is added to every reward."""

    observation_space = spaces.Discrete(2)
    action_space = spaces.Discrete(2)

    def __init__(self, bonus: float = 0.0) -> None:
        self.bonus = bonus

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        self.time = 0
        self.state = int(self.np_random.choice(2, p=START))
        return self.state, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        after = int(self.np_random.choice(3, p=NEXT_STATE[self.state, action]))
        reward = REWARD[self.state, action, after] + self.bonus
        self.time += 1
        self.state = min(after, 1)
        return self.state, float(reward), after == 2 or self.time == HORIZON, False, {}


class Bandit(gym.Env[Any, Any]):
    """Two arms, one step, nothing to see: the preferences are the biases alone."""

    observation_space = spaces.Box(0, 1, (1,))
    action_space = spaces.Discrete(2)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[npt.NDArray[np.float32], dict[str, Any]]:
        super().reset(seed=seed, options=options)
        return np.zeros(1, np.float32), {}

    def step(self, action: int) -> tuple[npt.NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        return np.zeros(1, np.float32), float(action), True, False, {}


def learner(slots: int = 1, bonus: float = 0.0, **settings: Any) -> REINFORCE:
    """A linear softmax policy with fixed, lopsided weights."""
    environment = DummyVecEnv([lambda: TwoStates(bonus)] * slots)
    settings = {"gamma": GAMMA, "episodes_per_update": 1, **settings}
    model = REINFORCE("MlpPolicy", environment, policy_kwargs=dict(LINEAR), device="cpu", seed=5, **settings)
    with torch.no_grad():
        weight, bias = preferences(model)
        weight.copy_(torch.tensor([[0.3, -0.4], [-0.2, 0.5]]))
        bias.copy_(torch.tensor([0.1, -0.3]))
        linear(model.policy.value_net).weight.fill_(1.7)
    return model


def linear(module: object) -> torch.nn.Linear:
    assert isinstance(module, torch.nn.Linear)
    return module


def preferences(model: REINFORCE) -> list[torch.Tensor]:
    net = linear(model.policy.action_net)
    return [net.weight, net.bias]


def gradient(loss: torch.Tensor, model: REINFORCE) -> npt.NDArray[np.float64]:
    parts = torch.autograd.grad(loss, preferences(model))
    return torch.cat([part.flatten() for part in parts]).double().numpy()


def probabilities(model: REINFORCE) -> torch.Tensor:
    """pi(a|s), shape (states, actions), as a function of the policy's parameters."""
    weight, bias = preferences(model)
    return torch.softmax(weight.T + bias, dim=1)


def exact_gradient(
    model: REINFORCE, gamma: float, bonus: float = 0.0, horizon: int = HORIZON
) -> npt.NDArray[np.float64]:
    """The gradient of the expected discounted return, by dynamic programming backwards from the horizon."""
    values = torch.zeros(3)
    dynamics = torch.tensor(NEXT_STATE, dtype=torch.float32)
    for _ in range(horizon):
        targets = torch.tensor(REWARD + bonus, dtype=torch.float32) + gamma * values
        state_values = (probabilities(model) * (dynamics * targets).sum(dim=2)).sum(dim=1)
        values = torch.cat([state_values, torch.zeros(1)])
    return gradient((torch.tensor(START, dtype=torch.float32) * values[:2]).sum(), model)


@dataclass
class Path:
    probability: float
    states: list[int]
    actions: list[int]
    rewards: list[float]

    def episode(self) -> Episode:
        return Episode(np.array(self.states), np.array(self.actions), np.array(self.rewards))


def paths(policy: npt.NDArray[np.float64], horizon: int = HORIZON) -> Iterator[Path]:
    """Every possible episode with its probability."""
    todo = [Path(START[state], [state], [], []) for state in (0, 1)]
    while todo:
        path = todo.pop()
        state = path.states[-1]
        for action, after in product((0, 1), (0, 1, 2)):
            longer = Path(
                path.probability * policy[state, action] * NEXT_STATE[state, action, after],
                path.states,
                [*path.actions, action],
                [*path.rewards, REWARD[state, action, after]],
            )
            if after == 2 or len(longer.actions) == horizon:
                yield longer
            else:
                todo.append(Path(longer.probability, [*path.states, after], longer.actions, longer.rewards))


def expected_loss(model: REINFORCE, horizon: int = HORIZON, episodes: Literal[1, 2] = 1) -> torch.Tensor:
    """The mean of the loss over every batch of so many episodes; with the policy's probabilities held fixed."""
    every = list(paths(probabilities(model).detach().double().numpy(), horizon))
    assert sum(path.probability for path in every) == pytest.approx(1)
    total = torch.zeros(())
    for group in combinations_with_replacement(every, episodes):
        # The order of a batch does not matter: two different episodes come in two orders.
        weight = float(np.prod([path.probability for path in group])) * (1 if group[0] is group[-1] else 2)
        total = total + weight * model.loss(model.batch([path.episode() for path in group]))
    return total


def test_one_update_of_a_two_armed_bandit_by_hand() -> None:
    # theta = (0, 0), the first arm is drawn, G = 2: theta + 0.1 * 2 * (1 - 0.5, 0 - 0.5) = (0.1, -0.1).
    model = REINFORCE(
        "MlpPolicy", Bandit(), learning_rate=0.1, episodes_per_update=1, policy_kwargs=dict(LINEAR), device="cpu"
    )
    with torch.no_grad():
        preferences(model)[1].zero_()
    model._setup_learn(1)
    model.train([Episode(np.zeros((1, 1), np.float32), np.array([0]), np.array([2.0]))])
    assert preferences(model)[1].tolist() == pytest.approx([0.1, -0.1])
    first = model.policy.get_distribution(torch.zeros(1, 1)).log_prob(torch.tensor([0])).exp()
    # exp(0.1) / (exp(0.1) + exp(-0.1)) = 1.10517 / 2.01001
    assert first.item() == pytest.approx(0.54983, abs=1e-5)


def test_with_gamma_power_the_expected_estimate_is_the_exact_gradient() -> None:
    model = learner(gamma_power=True)
    np.testing.assert_allclose(-gradient(expected_loss(model), model), exact_gradient(model, GAMMA), atol=2e-6)


def test_without_discount_gamma_power_is_not_needed() -> None:
    model = learner(gamma=1.0)
    np.testing.assert_allclose(-gradient(expected_loss(model), model), exact_gradient(model, 1.0), atol=2e-6)


def test_without_gamma_power_a_discount_changes_the_gradient() -> None:
    model = learner(gamma_power=False)
    assert np.abs(-gradient(expected_loss(model), model) - exact_gradient(model, GAMMA)).max() > 0.01


def test_an_arbitrary_value_net_as_baseline_leaves_the_expectation_exact() -> None:
    model = learner(gamma_power=True, baseline="value")
    assert model.batch([next(paths(np.full((2, 2), 0.5))).episode()]).weights.abs().max() > 0.5
    np.testing.assert_allclose(-gradient(expected_loss(model), model), exact_gradient(model, GAMMA), atol=2e-6)


def test_the_mean_of_the_others_as_baseline_leaves_the_expectation_exact() -> None:
    model = learner(gamma_power=True, baseline="mean", episodes_per_update=2)
    loss = expected_loss(model, horizon=2, episodes=2)
    np.testing.assert_allclose(-gradient(loss, model), exact_gradient(model, GAMMA, horizon=2), atol=2e-6)


def test_a_running_mean_of_earlier_returns_as_baseline_leaves_the_expectation_exact() -> None:
    model = learner(gamma_power=True, baseline="running")
    model.running_mean = 2.5
    np.testing.assert_allclose(-gradient(expected_loss(model), model), exact_gradient(model, GAMMA), atol=2e-6)


def estimates(model: REINFORCE, batches: int) -> npt.NDArray[np.float64]:
    """Gradient estimates from real rollouts of the unchanged policy, (batches, parameters)."""
    model._setup_learn(10**9)
    callback = CallbackList([])
    callback.init_callback(model)
    found = []
    for _ in range(batches):
        episodes = model.collect_episodes(callback)
        assert episodes is not None
        found.append(-gradient(model.loss(model.batch(episodes)), model))
    return np.array(found)


def test_rollouts_in_parallel_slots_estimate_the_exact_gradient_and_baselines_lower_the_variance() -> None:
    # Long and short episodes differ in return, so that favouring either would show.
    spread = {}
    for baseline in ("none", "mean", "value"):
        model = learner(
            3, bonus=5.0, gamma_power=True, baseline=baseline, episodes_per_update=7 if baseline == "mean" else 4
        )
        with torch.no_grad():
            linear(model.policy.value_net).weight.fill_(5.0)
        found = estimates(model, 400)
        deviation = found.std(axis=0, ddof=1)
        error = found.mean(axis=0) - exact_gradient(model, GAMMA, bonus=5.0)
        assert np.abs(error / (deviation / np.sqrt(len(found)))).max() < 4, baseline
        spread[baseline] = deviation**2 * model.batch_episodes
    assert spread["mean"].sum() < 0.8 * spread["none"].sum()
    assert spread["value"].sum() < 0.8 * spread["none"].sum()


class ShortOrLong(TwoStates):
    """An episode lasts 1 step or 12, evenly at random."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        found = super().reset(seed=seed, options=options)
        self.left = 1 if self.np_random.random() < 0.5 else 12
        return found

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        del action
        self.left -= 1
        return 0, 1.0, self.left == 0, False, {}


@pytest.mark.parametrize("episodes", [2, 3, 6])
def test_neither_short_nor_long_episodes_are_favoured(episodes: int) -> None:
    model = REINFORCE("MlpPolicy", DummyVecEnv([ShortOrLong] * 2), episodes_per_update=episodes, seed=1, device="cpu")
    model._setup_learn(10**9)
    callback = CallbackList([])
    callback.init_callback(model)
    lengths = [len(one.rewards) for _ in range(60) for one in model.collect_episodes(callback) or ()]
    assert len(lengths) == 60 * episodes
    assert set(lengths) == {1, 12}
    share = np.mean(np.array(lengths) == 12)
    assert abs(share - 0.5) < 4 * 0.5 / np.sqrt(len(lengths))


def test_returns_by_hand() -> None:
    episode = Episode(np.zeros(3), np.zeros(3), np.array([1.0, 2.0, 4.0]), last_value=8.0)
    # 4 + 0.5 * 8 = 8; 2 + 0.5 * 8 = 6; 1 + 0.5 * 6 = 4.
    assert episode.returns(0.5).tolist() == [4, 6, 8]


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=30), st.floats(0, 1))
def test_returns_are_discounted_sums(rewards: list[float], gamma: float) -> None:
    found = Episode(np.zeros(len(rewards)), np.zeros(len(rewards)), np.array(rewards)).returns(gamma)
    direct = [sum(gamma**k * reward for k, reward in enumerate(rewards[t:])) for t in range(len(rewards))]
    np.testing.assert_allclose(found, direct, atol=1e-9)


def test_the_mean_of_the_others_by_hand() -> None:
    found = mean_of_others([np.array([1.0, 2.0]), np.array([3.0]), np.array([5.0, 6.0, 7.0])])
    assert [row.tolist() for row in found] == [[4, 6], [3], [2, 2, 0]]


def batch_of(model: REINFORCE) -> Batch:
    first = Episode(np.array([0, 1]), np.array([1, 0]), np.array([1.0, 2.0]))
    second = Episode(np.array([1]), np.array([1]), np.array([6.0]))
    return model.batch([first, second])


def test_the_running_mean_lags_behind_its_batch_by_hand() -> None:
    # The batches' mean returns are twice (2 + 2 + 6) / 3 = 10/3, then 2, to which the mean goes half of the way.
    model = learner(gamma=0.5, baseline="running", baseline_step_size=0.5)
    model._setup_learn(1)
    assert batch_of(model).advantages.tolist() == [2, 2, 6]
    for expected in (10 / 3, 10 / 3):
        model.average(batch_of(model))
        assert model.running_mean == pytest.approx(expected)
    assert batch_of(model).advantages.tolist() == pytest.approx([-4 / 3, -4 / 3, 8 / 3])
    model.train([Episode(np.array([0]), np.array([1]), np.array([2.0]))])
    assert model.running_mean == pytest.approx(10 / 3 + (2 - 10 / 3) / 2)


def test_a_running_mean_is_the_plain_mean_of_the_first_batches_and_then_forgets() -> None:
    # Step size 0.4: shares 1, 1/2, 0.4, 0.4 of the way to 1, 3, 7, 2: 1; 2; 4; 3.2.
    model, found = learner(baseline="running", baseline_step_size=0.4), []
    for reward in (1.0, 3.0, 7.0, 2.0):
        model.average(model.batch([Episode(np.array([0]), np.array([0]), np.array([reward]))]))
        found.append(model.running_mean)
    assert found == pytest.approx([1, 2, 4, 3.2])


def test_normalised_weights_by_hand() -> None:
    # G = 1 + 0.5 * 2, 2, 6: mean 10/3, deviation sqrt(32)/3; then (-4/3, -4/3, 8/3) / (sqrt(32)/3).
    batch = batch_of(learner(gamma=0.5, normalize_returns=True))
    assert batch.weights.tolist() == pytest.approx([-4 / 32**0.5, -4 / 32**0.5, 8 / 32**0.5])
    assert batch.returns.tolist() == [2, 2, 6]


def test_gamma_power_weighs_later_steps_less() -> None:
    assert batch_of(learner(gamma=0.5, gamma_power=True)).weights.tolist() == [2, 1, 6]


def test_the_loss_by_hand() -> None:
    # Even odds: -(1/2) [2 log .5 + 2 log .5 + 6 log .5] - 0.1 (1/2) 3 log 2 = 5 log 2 - 0.15 log 2.
    model = learner(gamma=0.5, ent_coef=0.1)
    with torch.no_grad():
        for parameter in preferences(model):
            parameter.zero_()
    assert model.loss(batch_of(model)).item() == pytest.approx(4.85 * np.log(2))


def test_passes_add_up_to_the_whole() -> None:
    whole, parts = (learner(steps_per_pass=steps, ent_coef=0.1, baseline="value") for steps in (100, 2))
    batch = batch_of(whole)
    assert batch_of(parts).weights.tolist() == batch.weights.tolist()
    for model in (whole, parts):
        model._setup_learn(1)
        model._step_policy(batch)
    shares = [parts.loss(batch, rows).item() for rows in (slice(2), slice(2, 3))]
    assert sum(shares) == pytest.approx(parts.loss(batch).item())
    for one, other in zip(preferences(whole), preferences(parts), strict=True):
        torch.testing.assert_close(one, other)
