import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import bench.environments.toy  # noqa: F401 - registers the environments
from bench.algorithms.random_policy import RandomPolicy
from bench.algorithms.tabular import (
    SARSA,
    ExpectedSARSA,
    QLearning,
    SoftmaxReinforce,
    SoftmaxReinforceSettings,
    TemporalDifferenceSettings,
    load_policy,
    softmax,
)
from bench.catalog import find_algorithm, load
from bench.environments.toy import ARMS, CELLS, RIGHT
from bench.errors import BenchError, DivergedError
from bench.records import EvaluationPlan, LearnerRequest, Trial


def request(algorithm: str, environment: str, steps: int = 1000, seed: int = 0, **hyperparameters: Any) -> Any:
    trial = Trial(
        algorithm, algorithm, environment, seed, steps, EvaluationPlan(), "test", {}, hyperparameters=hyperparameters
    )
    return LearnerRequest(trial, lambda index: seeded(environment, 1000 * seed + index), seed)


def seeded(environment: str, seed: int) -> gym.Env[Any, Any]:
    env: gym.Env[Any, Any] = gym.make(environment, disable_env_checker=True)
    env.reset(seed=seed)
    return env


def learner(algorithm: str, environment: str, **arguments: Any) -> Any:
    return load(find_algorithm(algorithm).maker)(request(algorithm, environment, **arguments))


class Told:
    """Keeps what a learner tells and lets it go on while `going_on` holds."""

    def __init__(self, going_on: Callable[[int], bool] = lambda _: True) -> None:
        self.steps: list[int] = []
        self._going_on = going_on

    def __call__(self, steps: int) -> bool:
        self.steps.append(steps)
        return self._going_on(steps)


def trained(algorithm: str, environment: str, steps: int, **arguments: Any) -> Any:
    agent = learner(algorithm, environment, steps=steps, **arguments)
    agent.learn(steps, lambda _: True)
    return agent


class TwoStates(gym.Env[Any, Any]):
    """Two states, two actions: the spaces are all that the hand-worked updates need; it pays `reward` for ever."""

    def __init__(self, reward: float = 1.0, start: int = 0) -> None:
        self.observation_space = spaces.Discrete(2, start=start)
        self.action_space = spaces.Discrete(2, start=start)
        self.reward, self.start = reward, start
        self.seen: list[int] = []

    def reset(self, **_: Any) -> tuple[Any, dict[str, Any]]:
        return self.start, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.seen.append(action)
        return self.start + 1, self.reward, False, len(self.seen) % 5 == 0, {}


# --- Q-learning


def test_nothing_follows_a_termination() -> None:
    # Q(s,a) = 1, reward 2, learning rate 0.5: 1 + 0.5 (2 - 1), whatever the next state is worth.
    agent = QLearning(TwoStates(), 0, TemporalDifferenceSettings(learning_rate=0.5, gamma=0.9))
    agent.table[:] = [[1.0, 0.0], [4.0, 3.0]]
    agent.update(0, 0, 2.0, 1, terminated=True)
    assert agent.table == pytest.approx(np.array([[1.5, 0.0], [4.0, 3.0]]))


def test_q_learning_walks_the_corridor_to_its_end() -> None:
    for seed in range(3):
        agent = trained("q_learning", "bench/Corridor-v0", 20_000, seed=seed)
        actions, _ = agent.act(range(CELLS - 1), None, [False] * (CELLS - 1), deterministic=True)
        assert actions == [RIGHT] * (CELLS - 1)


def test_epsilon_falls_linearly_and_then_stays() -> None:
    settings = TemporalDifferenceSettings(epsilon=0.9, epsilon_final=0.1, exploration_fraction=0.5)
    agent = QLearning(TwoStates(), 0, settings)
    rates: list[float] = []

    def note(_: int) -> bool:
        rates.append(agent.epsilon)
        return True

    agent.learn(8, note)
    # Four steps to go from 0.9 to 0.1, 0.2 at a time.
    assert rates == pytest.approx([0.9, 0.7, 0.5, 0.3, 0.1, 0.1, 0.1, 0.1])


def test_of_equal_values_the_lowest_index_acts() -> None:
    agent = QLearning(TwoStates(), 0)
    assert agent.act([0, 1], None, [True, True], deterministic=True) == ([0, 0], None)


def test_a_stochastic_q_learner_explores_at_its_current_rate() -> None:
    agent = QLearning(TwoStates(), 0, TemporalDifferenceSettings(epsilon=0.4))
    agent.table[0] = [0.0, 1.0]
    assert agent.probabilities(0) == pytest.approx([0.2, 0.8])
    actions, _ = agent.act([0] * 4000, None, [False] * 4000, deterministic=False)
    assert np.mean(actions) == pytest.approx(0.8, abs=0.03)


# --- softmax REINFORCE


def test_one_softmax_step_by_hand() -> None:
    # theta = (0, 0), so pi = (1/2, 1/2); a1 drawn, return 2, rate 0.1: theta += 0.1 x 2 x (1 - 1/2, 0 - 1/2).
    agent = SoftmaxReinforce(TwoStates(), 0, SoftmaxReinforceSettings(learning_rate=0.1, baseline="none"))
    assert agent.probabilities(0) == pytest.approx([0.5, 0.5])
    agent.update([(0, 0, 2.0)])
    assert agent.table[0] == pytest.approx([0.1, -0.1])
    # The logistic function at 0.2, the difference of the two.
    assert agent.probabilities(0)[0] == pytest.approx(0.549834, abs=1e-6)


def test_an_episodes_returns_are_discounted_from_each_step_on() -> None:
    # Rewards 1 then 4, gamma 1/2: G0 = 1 + 0.5 x 4 = 3, G1 = 4. Each step moves half of 0.1 x G, up and down.
    settings = SoftmaxReinforceSettings(learning_rate=0.1, gamma=0.5, baseline="none")
    agent = SoftmaxReinforce(TwoStates(), 0, settings)
    agent.update([(0, 0, 1.0), (1, 1, 4.0)])
    assert agent.table == pytest.approx(np.array([[0.15, -0.15], [-0.2, 0.2]]))


def test_gamma_power_shrinks_later_steps() -> None:
    # As above, but step 1 counts gamma^1 = 1/2.
    settings = SoftmaxReinforceSettings(learning_rate=0.1, gamma=0.5, baseline="none", gamma_power=True)
    agent = SoftmaxReinforce(TwoStates(), 0, settings)
    agent.update([(0, 0, 1.0), (1, 1, 4.0)])
    assert agent.table == pytest.approx(np.array([[0.15, -0.15], [-0.1, 0.1]]))


def test_two_visits_in_one_episode_use_the_same_policy() -> None:
    # Both gradients are taken at (1/2, 1/2): 0.1 x 3 x 0.5 + 0.1 x 2 x 0.5 = 0.25 with gamma 1, rewards 1 and 2.
    agent = SoftmaxReinforce(TwoStates(), 0, SoftmaxReinforceSettings(gamma=1.0, baseline="none"))
    agent.update([(0, 0, 1.0), (0, 0, 2.0)])
    assert agent.table[0] == pytest.approx([0.25, -0.25])


def test_the_mean_baseline_knows_only_earlier_episodes() -> None:
    agent = SoftmaxReinforce(TwoStates(), 0, SoftmaxReinforceSettings(learning_rate=0.1, baseline="mean"))
    agent.update([(0, 0, 2.0)])
    assert agent.table[0] == pytest.approx([0.1, -0.1])  # no earlier episode: baseline 0
    before = agent.table.copy()
    agent.update([(0, 0, 2.0)])
    assert agent.table == pytest.approx(before)  # as good as before: (2 - 2) moves nothing
    agent.update([(0, 0, 5.0)])
    pi = 1 / (1 + math.exp(-0.2))
    assert agent.table[0, 0] == pytest.approx(0.1 + 0.1 * (5 - 2) * (1 - pi))  # mean of 2 and 2


@pytest.mark.parametrize("baseline", ["none", "mean"])
def test_softmax_reinforce_finds_the_best_arm_in_most_seeds(baseline: str) -> None:
    best = [
        trained("softmax_reinforce", "bench/Bandit-v0", 1000, seed=seed, baseline=baseline).table[0].argmax()
        for seed in range(10)
    ]
    assert best.count(int(np.argmax(ARMS))) >= 7


@given(arrays(np.float64, (3,), elements=st.floats(-1e6, 1e6)), st.floats(-1e6, 1e6))
def test_softmax_sums_to_one_and_ignores_a_shift(preferences: Any, shift: float) -> None:
    probabilities = softmax(preferences)
    assert probabilities.sum() == pytest.approx(1.0)
    assert (probabilities >= 0.0).all()
    assert softmax(preferences + shift) == pytest.approx(probabilities, abs=1e-6)


# --- all of them


TABULAR = ("q_learning", "sarsa", "expected_sarsa", "softmax_reinforce")
LEARNERS: tuple[Callable[..., Any], ...] = (QLearning, SARSA, ExpectedSARSA, SoftmaxReinforce)


@pytest.mark.parametrize("algorithm", TABULAR)
def test_the_same_seed_gives_the_same_table_and_another_seed_another(algorithm: str) -> None:
    first, again, other = (trained(algorithm, "bench/Corridor-v0", 2000, seed=seed).table for seed in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("algorithm", TABULAR)
def test_acting_changes_nothing_that_training_depends_on(algorithm: str) -> None:
    undisturbed = trained(algorithm, "bench/Corridor-v0", 2000)
    agent = learner(algorithm, "bench/Corridor-v0", steps=2000)
    agent.learn(2000, lambda _: bool(agent.act([0, 3], None, [True, False], deterministic=False)))
    assert np.array_equal(agent.table, undisturbed.table)


@pytest.mark.parametrize("kind", LEARNERS)
def test_a_learner_tells_every_step_and_stops_when_told(kind: Callable[..., Any]) -> None:
    env, told = TwoStates(), Told(lambda steps: steps < 7)
    kind(env, 0).learn(100, told)
    assert told.steps == [1, 2, 3, 4, 5, 6, 7]
    assert len(env.seen) == 7


@pytest.mark.parametrize("kind", LEARNERS)
def test_the_recent_training_return_is_the_mean_of_raw_episode_returns(kind: Callable[..., Any]) -> None:
    agent = kind(TwoStates(reward=2.0), 0)
    agent.learn(4, lambda _: True)
    assert agent.recent_training_return() is None  # the first episode of five steps is not over
    agent = kind(TwoStates(reward=2.0), 0)
    agent.learn(12, lambda _: True)
    assert agent.recent_training_return() == 10.0


@pytest.mark.parametrize("kind", LEARNERS)
def test_spaces_that_do_not_start_at_zero_are_understood(kind: Callable[..., Any]) -> None:
    env = TwoStates(start=5)
    agent = kind(env, 0)
    agent.learn(50, lambda _: True)
    assert set(env.seen) == {5, 6}
    agent.table[:] = [[0.0, 1.0], [1.0, 0.0]]
    assert agent.act([5, 6], None, [True, True], deterministic=True)[0] == [6, 5]


@pytest.mark.parametrize("kind", LEARNERS)
def test_a_number_that_is_not_finite_is_divergence(kind: Callable[..., Any]) -> None:
    with pytest.raises(DivergedError, match=r"softmax_reinforce|q_learning|sarsa"):
        kind(TwoStates(reward=math.nan), 0).learn(20, lambda _: True)


@pytest.mark.parametrize("algorithm", TABULAR)
def test_the_saved_table_is_read_back_without_pickle(algorithm: str, tmp_path: Path) -> None:
    agent = trained(algorithm, "bench/Corridor-v0", 500)
    agent.save(tmp_path)
    with np.load(tmp_path / "policy.zip", allow_pickle=False) as archive:
        assert np.array_equal(archive["table"], agent.table)
    with ZipFile(tmp_path / "policy.zip") as archive:
        assert archive.testzip() is None
        assert json.loads(archive.read("policy.json")) == {"kind": algorithm, "settings": dict(agent.settings())}


@pytest.mark.parametrize(
    ("algorithm", "hyperparameters", "complaint"),
    [
        ("q_learning", {"learning_rat": 0.1}, r"'learning_rat' is not known; did you mean 'learning_rate'\?"),
        ("q_learning", {"n_envs": 8}, r"'n_envs' is not known; one of learning_rate, gamma, epsilon"),
        ("q_learning", {"gamma": 1.5}, "gamma must be a number from 0 to 1, not 1.5"),
        ("q_learning", {"epsilon": "lin_1"}, "epsilon must be a number from 0 to 1, not 'lin_1'"),
        ("q_learning", {"learning_rate": math.inf}, "learning_rate must be a number from 0 to inf, not inf"),
        ("sarsa", {"discretisation": {"bin": 3}}, "sarsa: discretisation wants a mapping with `bins`"),
        ("sarsa", {"epsilon": 2}, "sarsa: epsilon must be a number from 0 to 1, not 2"),
        ("softmax_reinforce", {"baseline": "median"}, "baseline 'median' is not known; one of none, mean"),
        ("softmax_reinforce", {"gamma_power": 1}, "gamma_power must be true or false, not 1"),
        ("random", {"epsilon": 0.1}, "random: has no hyperparameters, but was given epsilon"),
    ],
)
def test_a_wrong_hyperparameter_is_named(algorithm: str, hyperparameters: dict[str, Any], complaint: str) -> None:
    with pytest.raises(BenchError, match=complaint):
        learner(algorithm, "bench/Corridor-v0", **hyperparameters)


def test_hyperparameters_that_wrap_the_environment_are_not_the_learners() -> None:
    assert "env_wrapper" not in learner("q_learning", "bench/Corridor-v0", env_wrapper=[]).settings()
    assert learner("random", "bench/Corridor-v0", env_wrapper=[], frame_stack=1).settings() == {}


@pytest.mark.parametrize("algorithm", TABULAR)
def test_an_environment_without_a_table_is_refused(algorithm: str) -> None:
    with pytest.raises(BenchError, match=f"{algorithm}: needs"):
        learner(algorithm, "CartPole-v1")
    with pytest.raises(BenchError, match=f"{algorithm}: needs Discrete actions"):
        learner(algorithm, "CliffWalking-v1", env_wrapper=None).__class__(Pendulum(), 0)


class Pendulum(TwoStates):
    """Two states, and an action that is a number."""

    def __init__(self) -> None:
        super().__init__()
        self.action_space = spaces.Box(-1.0, 1.0, (1,))


TILES = {"bins": 3, "tilings": 8, "low": [-2.4, -3.0, -0.21, -3.5], "high": [2.4, 3.0, 0.21, 3.5]}


@pytest.mark.parametrize("algorithm", ["q_learning", "sarsa", "expected_sarsa"])
def test_a_learner_on_tiles_moves_its_value_by_the_learning_rate_and_is_read_back(
    algorithm: str, tmp_path: Path
) -> None:
    arguments: dict[str, Any] = {"learning_rate": 0.5, "discretisation": TILES, "initial_value": 4.0}
    agent = learner(algorithm, "CartPole-v1", **arguments)
    state = agent.rows.of(np.zeros(4))
    assert agent.values(state) == pytest.approx([4.0, 4.0])
    agent.update(state, 1, 10.0, state, terminated=True)
    # Half the way from 4 to 10, an eighth of it in each tile.
    assert agent.values(state) == pytest.approx([4.0, 7.0])
    assert agent.table[state, 1] == pytest.approx([7.0 / 8] * 8)
    agent.learn(300, lambda _: True)
    agent.save(tmp_path)
    again = load_policy(request(algorithm, "CartPole-v1", **arguments), tmp_path)
    assert np.array_equal(again.table, agent.table)
    shown = [np.array([0.0, 0.1 * n, 0.02 * n, -0.1 * n]) for n in range(5)]
    assert again.act(shown, None, [True] * 5, deterministic=True) == agent.act(
        shown, None, [True] * 5, deterministic=True
    )


def test_q_learning_balances_the_pole_on_tiles() -> None:
    # At random it stands for 22 steps.
    agent = trained("q_learning", "CartPole-v1", 30_000, discretisation=TILES, epsilon_final=0.0)
    assert agent.recent_training_return() > 100


@pytest.mark.parametrize("algorithm", TABULAR)
def test_blackjacks_tuples_are_states(algorithm: str) -> None:
    agent = trained(algorithm, "Blackjack-v1", 2_000)
    assert agent.table.shape == (704, 2)
    assert np.count_nonzero(agent.table) > 50


# --- the random policy


@pytest.mark.parametrize(("steps", "calls"), [(20_000, 200), (7, 7), (1001, 200)])
def test_the_random_policy_passes_every_evaluation_point_on_its_step(steps: int, calls: int) -> None:
    told = Told()
    learner("random", "CartPole-v1", steps=steps).learn(steps, told)
    assert told.steps == sorted(set(told.steps))
    assert len(told.steps) == calls
    assert told.steps[-1] == steps
    assert {math.ceil(steps * point / 20) for point in range(1, 21)} <= set(told.steps)


def test_the_random_policy_stops_when_told() -> None:
    told = Told(lambda taken: taken < 15)
    learner("random", "CartPole-v1").learn(1000, told)
    assert told.steps == [5, 10, 15]


def test_random_actions_are_uniform_and_repeat_with_the_seed() -> None:
    first, again = (RandomPolicy(spaces.Discrete(4), 3).act(range(4000), None, [], deterministic=True) for _ in "ab")
    assert first == again
    # Each of four actions about 1,000 times; standard deviation sqrt(4000 x 1/4 x 3/4) = 27.4, four of them.
    assert np.bincount(first[0]) == pytest.approx([1000] * 4, abs=110)


def test_random_actions_without_bounds_are_standard_normal() -> None:
    actions, _ = RandomPolicy(spaces.Box(-np.inf, np.inf, (2,)), 0).act(range(4000), None, [], deterministic=False)
    assert np.mean(actions) == pytest.approx(0.0, abs=0.05)
    assert np.std(actions) == pytest.approx(1.0, abs=0.05)


def test_random_actions_respect_masks() -> None:
    masks = [np.array([False, True, True, False])] * 200
    discrete, _ = RandomPolicy(spaces.Discrete(4), 0).act(range(200), None, [], deterministic=False, masks=masks)
    assert set(discrete) == {1, 2}
    # Flat, as sb3-contrib has it: two choices for the first, then two for the second action.
    multi, _ = RandomPolicy(spaces.MultiDiscrete([2, 2]), 0).act(
        range(200), None, [], deterministic=False, masks=[np.array([True, True, False, True])] * 200
    )
    assert {tuple(action) for action in multi} == {(0, 1), (1, 1)}
    with pytest.raises(BenchError, match="masks are understood for Discrete and MultiDiscrete"):
        RandomPolicy(spaces.MultiBinary(2), 0).act([0], None, [], deterministic=False, masks=[[1, 1, 1, 1]])


def test_the_random_policy_is_saved_as_a_description(tmp_path: Path) -> None:
    agent = learner("random", "CartPole-v1")
    agent.save(tmp_path)
    with ZipFile(tmp_path / "policy.zip") as archive:
        assert json.loads(archive.read("policy.json")) == {"kind": "random", "action_space": "Discrete(2)"}
    assert agent.recent_training_return() is None


def test_neither_table_nor_chance_needs_torch() -> None:
    code = (
        "import sys, bench.algorithms.tabular, bench.algorithms.random_policy, bench.environments.toy\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'stable_baselines3')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
