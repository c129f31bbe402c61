"""Q-learning, SARSA and expected SARSA: their updates by hand, and what they learn against dynamic programming."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from numpy.typing import NDArray

import bench.environments.textbook  # noqa: F401 - registers the lake without ice
from bench.algorithms.tabular import SARSA, ExpectedSARSA, QLearning, TemporalDifferenceSettings

Learner = QLearning | SARSA | ExpectedSARSA
Kind = type[QLearning] | type[SARSA] | type[ExpectedSARSA]
KINDS: tuple[Kind, ...] = (QLearning, SARSA, ExpectedSARSA)
UP, RIGHT, DOWN, LEFT = range(4)
"""Actions of CliffWalking: 4 rows of 12 cells, from the lower left corner to the lower right, the cliff between."""
START, GOAL = 36, 47


class TwoStates(gym.Env[Any, Any]):
    """Two states and two actions: the spaces are all that the updates by hand need; state 0 leads to 1, which pays."""

    def __init__(self, *, truncates: bool = True) -> None:
        self.observation_space, self.action_space = spaces.Discrete(2), spaces.Discrete(2)
        self.truncates = truncates

    def reset(self, **_: Any) -> tuple[Any, dict[str, Any]]:
        return 0, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:  # noqa: ARG002 - all are alike
        return 1, 1.0, not self.truncates, self.truncates, {}


def trained(kind: Kind, environment: str, steps: int, *, seed: int = 0, limit: int | None = None, **own: Any) -> Any:
    env: gym.Env[Any, Any] = gym.make(environment, disable_env_checker=True, max_episode_steps=limit)
    env.reset(seed=seed)
    agent = kind(env, seed, TemporalDifferenceSettings(**own))
    agent.learn(steps, lambda _: True)
    return agent


def dynamics(environment: str) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return chances (states, actions, states) to go on to a state, rewards (states, actions), chances of starts."""
    env: Any = gym.make(environment, disable_env_checker=True).unwrapped
    moves, rewards = np.zeros((len(env.P), len(env.P[0]), len(env.P))), np.zeros((len(env.P), len(env.P[0])))
    for state, actions in env.P.items():
        for action, outcomes in actions.items():
            for chance, following, reward, over in outcomes:
                rewards[state, action] += chance * reward
                moves[state, action, following] += 0.0 if over else chance
    return moves, rewards, env.initial_state_distrib


def worth_of_greedy(agent: Learner, environment: str, gamma: float = 0.99) -> tuple[float, float]:
    """Return the exact value of the learned greedy policy from the start, and of the best there is."""
    moves, rewards, starts = dynamics(environment)
    everywhere, policy = np.arange(len(rewards)), agent.table.argmax(axis=1)
    # The policy's own by its linear equations, the best by value iteration.
    found = np.linalg.solve(np.eye(len(rewards)) - gamma * moves[everywhere, policy], rewards[everywhere, policy])
    best, before = np.zeros(len(rewards)), np.ones(len(rewards))
    while np.abs(best - before).max() > 1e-9:
        best, before = (rewards + gamma * moves @ best).max(axis=1), best
    return float(starts @ found), float(starts @ best)


# --- one update by hand: Q(0, 0) = 1, reward 2, Q(1, .) = (4, 3), learning rate 1/2, gamma 0.9


@pytest.mark.parametrize(
    ("kind", "ahead", "expected"),
    [
        (QLearning, 1, 3.3),  # the best follows, whatever was chosen: 1 + 0.5 (2 + 0.9 x 4 - 1)
        (SARSA, 1, 2.85),  # the second action follows: 1 + 0.5 (2 + 0.9 x 3 - 1)
        (SARSA, 0, 3.3),  # the first does
        (ExpectedSARSA, 1, 3.21),  # 0.8 of 4 and 0.2 of 3 follow, that is 3.8: 1 + 0.5 (2 + 0.9 x 3.8 - 1)
    ],
)
def test_one_update_by_hand(kind: Kind, ahead: int, expected: float) -> None:
    agent = kind(TwoStates(), 0, TemporalDifferenceSettings(learning_rate=0.5, gamma=0.9, epsilon=0.4))
    agent.table[:] = [[1.0, 0.0], [4.0, 3.0]]
    agent.update(0, 0, 2.0, 1, ahead, terminated=False)
    assert agent.table == pytest.approx(np.array([[expected, 0.0], [4.0, 3.0]]))
    assert agent.updates == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("truncates", "expected"), [(False, 1.0), (True, 6.0)])
def test_a_truncation_is_bootstrapped_and_a_termination_is_not(kind: Kind, truncates: bool, expected: float) -> None:
    # State 1 is never left, so it keeps its initial value 10: 1 against 1 + 0.5 x 10, reached in one step at rate 1.
    settings = TemporalDifferenceSettings(learning_rate=1.0, gamma=0.5, initial_value=10.0)
    agent = kind(TwoStates(truncates=truncates), 0, settings)
    agent.learn(50, lambda _: True)
    assert agent.table[0] == pytest.approx([expected, expected])


def test_sarsa_takes_the_action_that_its_update_looked_ahead_to() -> None:
    looked: list[int | None] = []
    taken: list[int] = []

    class Noting(SARSA):
        def update(self, state: Any, action: int, *more: Any, **named: Any) -> None:
            taken.append(action)
            looked.append(None if named["terminated"] else more[-1])
            super().update(state, action, *more, **named)

    agent = Noting(gym.make("CliffWalking-v1", disable_env_checker=True), 0)
    agent.learn(500, lambda _: True)
    assert [ahead for ahead in looked[:-1] if ahead is not None] == [
        action for action, ahead in zip(taken[1:], looked[:-1], strict=True) if ahead is not None
    ]


def test_without_exploration_the_mean_of_what_follows_is_the_best_of_it() -> None:
    # So expected SARSA is Q-learning there, number for number (section 6.6). Costs everywhere make 0 optimistic.
    own: dict[str, Any] = {"learning_rate": 1.0, "epsilon": 0.0, "epsilon_final": 0.0}
    first, second = (trained(kind, "CliffWalking-v1", 10_000, **own) for kind in (QLearning, ExpectedSARSA))
    assert np.array_equal(first.table, second.table)
    assert worth_of_greedy(first, "CliffWalking-v1")[0] == pytest.approx(worth_of_greedy(second, "CliffWalking-v1")[1])


# --- against dynamic programming


@pytest.mark.parametrize(
    ("environment", "steps", "exploration"),
    [
        ("bench/FrozenLakeNotSlippery-v0", 20_000, 1.0),
        ("CliffWalking-v1", 20_000, 0.3),
    ],
)
def test_q_learning_is_optimal_where_everything_is_certain(environment: str, steps: int, exploration: float) -> None:
    # With a learning rate of 1 a certain world's values are exact as soon as each has been seen often enough.
    for seed in range(2):
        own: dict[str, Any] = {"learning_rate": 1.0, "epsilon": exploration, "epsilon_final": exploration}
        found, best = worth_of_greedy(trained(QLearning, environment, steps, seed=seed, **own), environment)
        assert found == pytest.approx(best, abs=1e-9)


def test_q_learning_drives_the_taxi_as_well_as_can_be() -> None:
    # 500 states, of which some are met rarely: all but a hundredth of a point within 150,000 steps.
    agent = trained(QLearning, "Taxi-v4", 150_000, learning_rate=1.0, epsilon=0.4, epsilon_final=0.4)
    found, best = worth_of_greedy(agent, "Taxi-v4")
    assert best - 0.01 <= found <= best + 1e-9


def test_q_learning_crosses_the_ice_nearly_as_well_as_can_be() -> None:
    # Moves go by chance: a learning rate of 0.02 leaves the values within a few hundredths of what they should be.
    own: dict[str, Any] = {"learning_rate": 0.02, "exploration_fraction": 1.0, "epsilon_final": 0.0}
    found, best = worth_of_greedy(trained(QLearning, "FrozenLake-v1", 100_000, **own), "FrozenLake-v1")
    assert 0.95 * best <= found <= best + 1e-9


def walked(agent: Learner) -> list[int]:
    """Return the cells of CliffWalking that the greedy policy passes, at most 48."""
    moves = {UP: -12, RIGHT: 1, DOWN: 12, LEFT: -1}
    cells = [START]
    while cells[-1] != GOAL and len(cells) < 48:
        cells.append(cells[-1] + moves[int(agent.table[cells[-1]].argmax())])
    return cells


def test_under_exploration_q_learning_learns_the_edge_of_the_cliff_and_sarsa_the_safe_path() -> None:
    # Sutton and Barto 2018, example 6.6: epsilon 0.1, undiscounted.
    own: dict[str, Any] = {"learning_rate": 0.1, "gamma": 1.0, "epsilon": 0.1, "epsilon_final": 0.1}
    daring, *others = (trained(kind, "CliffWalking-v1", 60_000, **own) for kind in KINDS)
    assert walked(daring) == [START, *range(24, 36), GOAL]
    for safe in others:
        assert walked(safe)[-1] == GOAL
        # Of the ten cells above the cliff it keeps off nearly all.
        assert len(set(walked(safe)) & set(range(25, 35))) <= 2
        assert len(walked(safe)) > len(walked(daring))
        # It falls less often for that while it explores, and earns more.
        assert safe.recent_training_return() > daring.recent_training_return() + 10
