"""The values of deterministic and stochastic policies, against play and against calculations of their own."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cache
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import pytest
from gymnasium.utils.env_checker import check_env
from scipy.optimize import minimize
from scipy.stats import multinomial

from bench import catalog
from bench.environments.stochastic import GREY, GRID_HORIZON, HEADS, ROCK, ROUNDS, SCISSORS, TAILS

Floats = npt.NDArray[np.float64]

RPS, PENNIES, GRID = "bench/RockPaperScissors-v0", "bench/MatchingPennies-v0", "bench/AliasedGrid-v0"
WINS = {
    RPS: np.array([[0.0, -2, 3], [2, 0, -1], [-3, 1, 0]]),
    PENNIES: np.array([[3.0, -1], [-1, 1]]),
    "plain " + RPS: np.array([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]),
    "plain " + PENNIES: np.array([[1.0, -1], [-1, 1]]),
}
EQUILIBRIA = {RPS: (1 / 6, 1 / 2, 1 / 3), PENNIES: (1 / 3, 2 / 3)}


@cache
def splits(rounds: int, moves: int) -> npt.NDArray[np.int64]:
    """(splits, moves): how often each move can have been made."""
    first = itertools.product(range(rounds + 1), repeat=moves - 1)
    return np.array([(*one, rounds - sum(one)) for one in first if sum(one) <= rounds])


def value(wins: Floats, mix: Sequence[float] | Floats) -> float:
    """The return of a mix of moves over an episode: a sum over rounds and over all counts of what was played before."""
    total, mix = 0.0, np.asarray(mix, dtype=np.float64)
    for earlier in range(ROUNDS):
        counts = splits(earlier, len(mix))
        won = counts @ wins
        worst = np.isclose(won, won.min(axis=1, keepdims=True))
        answers = worst / worst.sum(axis=1, keepdims=True)
        total += float(mix @ wins @ (multinomial.pmf(counts, earlier, mix) @ answers))
    return total


def chances(preferences: Floats) -> Floats:
    powers: Floats = np.exp(preferences - preferences.max(axis=-1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def played(env: gym.Env[Any, Any], policy: Floats, episodes: int, seed: int) -> Floats:
    """(episodes,) returns of (observations, actions) chances."""
    draws, returns = np.random.default_rng(seed), np.zeros(episodes)
    observation, _ = env.reset(seed=seed)
    for episode in range(episodes):
        over = False
        while not over:
            action = draws.choice(policy.shape[1], p=policy[int(observation)])
            observation, reward, terminated, truncated, _ = env.step(action)
            returns[episode] += float(reward)
            over = terminated or truncated
        observation, _ = env.reset()
    return returns


@pytest.mark.parametrize("environment", [RPS, PENNIES, GRID])
def test_every_environment_passes_gymnasiums_own_check(environment: str) -> None:
    check_env(gym.make(environment, disable_env_checker=True).unwrapped, skip_render_check=True)


@pytest.mark.parametrize(
    ("environment", "returns"),
    # In the first round 3, -2 and 0, a third each, and so on; then the worst of each row 49 times.
    [(RPS, (1 / 3 - 98, 1 / 3 - 49, -2 / 3 - 147)), (PENNIES, (1 - 49, 0 - 49)),
     ("plain " + RPS, (-49, -49, -49)), ("plain " + PENNIES, (-49, -49))],
)  # fmt: skip
def test_one_move_loses_every_round_but_the_first(environment: str, returns: tuple[float, ...]) -> None:
    wins = WINS[environment]
    assert [value(wins, move) for move in np.eye(len(wins))] == pytest.approx(list(returns))


def test_the_exploiter_beats_what_was_played_most_weighed_by_the_stakes() -> None:
    env = gym.make(RPS, disable_env_checker=True)
    env.reset(seed=0)
    env.step(ROCK)
    # Rock alone: paper is the answer, and a loss to it costs 2.
    assert env.step(SCISSORS)[1] == 1
    # Rock and scissors once: rock would have won 0 + 3 of them, paper 2 - 1, scissors -3 + 0.
    assert env.step(ROCK)[1] == 0
    # Against rock twice and scissors once rock would have won 3, paper 4 - 1, so either comes: 0 or -2.
    tied = []
    for seed in range(20):
        env.reset(seed=seed)
        for move in (ROCK, SCISSORS, ROCK):
            env.step(move)
        tied.append(env.step(ROCK)[1])
    assert set(tied) == {0, -2}


def test_heads_shown_once_bring_out_tails() -> None:
    env = gym.make(PENNIES, disable_env_checker=True)
    env.reset(seed=0)
    env.step(HEADS)
    assert env.step(TAILS)[1] == 1
    # Heads and tails once: heads against them would have lost 3 - 1, tails -1 + 1; so tails again.
    assert env.step(HEADS)[1] == -1


def test_a_new_episode_meets_an_exploiter_who_knows_nothing() -> None:
    env = gym.make(PENNIES, disable_env_checker=True)
    firsts = []
    for seed in range(40):
        env.reset(seed=seed)
        firsts.append(env.step(HEADS)[1])
        env.step(HEADS)
    assert 10 < firsts.count(3.0) < 30


@pytest.mark.parametrize("environment", [RPS, PENNIES])
def test_the_equilibrium_returns_the_games_value_whatever_the_exploiter_does(environment: str) -> None:
    wins, mix = WINS[environment], np.array(EQUILIBRIA[environment])
    of_the_game = {RPS: 0.0, PENNIES: 1 / 3}[environment]
    assert mix @ wins == pytest.approx(np.full(len(wins), of_the_game))
    assert value(wins, mix) == pytest.approx(ROUNDS * of_the_game)


@pytest.mark.parametrize("environment", [RPS, PENNIES])
def test_equal_chances_are_best_in_the_plain_game_and_return_nothing(environment: str) -> None:
    wins = WINS["plain " + environment]
    equal = np.full(len(wins), 1 / len(wins))
    assert value(wins, equal) == pytest.approx(0)
    others = np.random.default_rng(0).dirichlet(np.ones(len(wins)), 5)
    assert max(value(wins, mix) for mix in others) < 0


@pytest.mark.parametrize(("environment", "mix"), [(RPS, (0.1792, 0.5217, 0.2991)), (PENNIES, (0.3570, 0.6430))])
def test_the_games_references_are_equal_chances_and_the_best_mix(environment: str, mix: tuple[float, ...]) -> None:
    wins, reference = WINS[environment], catalog.environments()[environment].reference
    assert reference is not None
    assert value(wins, np.full(len(wins), 1 / len(wins))) == pytest.approx(reference.random, abs=5e-5)
    assert value(wins, mix) == pytest.approx(reference.target, abs=2e-4)
    around = [np.clip(np.array(mix) + step, 0, 1) for step in _steps_along_the_simplex(len(mix), 0.02)]
    assert max(value(wins, one) for one in around) < reference.target
    # And far off, where only a few mixes are tried, as the returns fall ever further.
    far = np.random.default_rng(1).dirichlet(np.ones(len(wins)), 8)
    assert max(value(wins, one) for one in far) < reference.target


def _steps_along_the_simplex(moves: int, size: float) -> list[Floats]:
    unit = np.eye(moves)
    return [size * (unit[up] - unit[down]) for up, down in itertools.permutations(range(moves), 2)]


@pytest.mark.parametrize(("environment", "plain"), [(RPS, (1, 1, 1)), (PENNIES, [1, 1])])
def test_play_returns_on_average_what_was_calculated(environment: str, plain: Sequence[float]) -> None:
    games: list[tuple[str, dict[str, Any]]] = [(environment, {}), ("plain " + environment, {"stakes": plain})]
    for name, kwargs in games:
        wins = WINS[name]
        mix = np.linspace(1, 2, len(wins)) / np.linspace(1, 2, len(wins)).sum()
        returns = played(gym.make(environment, disable_env_checker=True, **kwargs), mix[None], 150, seed=7)
        error = returns.std(ddof=1) / np.sqrt(len(returns))
        assert returns.mean() == pytest.approx(value(wins, mix), abs=4 * error)


@pytest.mark.parametrize("stakes", [(1, 2), (1, 2, 0), (1, 2, float("nan")), "abc", 3])
def test_stakes_that_are_no_three_positive_numbers_are_refused(stakes: Any) -> None:
    with pytest.raises(ValueError, match="bench/RockPaperScissors-v0: stakes must be 3 positive numbers, not"):
        gym.make(RPS, stakes=stakes)


NORTH, EAST, SOUTH, WEST = np.eye(4)
EQUAL = np.full(4, 0.25)


def chain(policy: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Of chances at the left end, grey, the middle, the right end: (5, 5) moves and (5,) rewards, cell by cell."""
    left, grey, middle, right = policy
    moves, rewards = np.zeros((5, 5)), np.full(5, -0.02)
    for cell, (north, east, south, west) in enumerate((left, grey, middle, grey, right)):
        moves[cell, min(cell + 1, 4)] += east
        moves[cell, max(cell - 1, 0)] += west
        moves[cell, cell] += north + (south if cell in (1, 3) else 0)
        rewards[cell] += {0: -1, 1: 0, 2: 1, 3: 0, 4: -1}[cell] * south
    return moves, rewards


def grid_value(policy: Sequence[Floats]) -> float:
    moves, rewards = chain(policy)
    values = np.zeros(5)
    for _ in range(GRID_HORIZON):
        values = rewards + moves @ values
    return float(values[0] + values[4]) / 2


def test_equal_chances_where_it_is_grey_take_five_steps_by_linear_equations() -> None:
    moves, rewards = chain([EAST, (EAST + WEST) / 2, SOUTH, WEST])
    assert np.linalg.solve(np.eye(5) - moves, np.ones(5)) == pytest.approx([5, 4, 1, 4, 5])
    assert np.linalg.solve(np.eye(5) - moves, rewards) == pytest.approx([0.90, 0.92, 0.98, 0.92, 0.90])
    assert grid_value([EAST, (EAST + WEST) / 2, SOUTH, WEST]) == pytest.approx(0.9, abs=1e-6)


def test_the_best_of_all_deterministic_policies_gets_stuck_from_one_side() -> None:
    values = {
        policy: grid_value([np.eye(4)[action] for action in policy]) for policy in itertools.product(range(4), repeat=4)
    }
    assert len(values) == 256
    # From one end 3 steps, from the other 50 in vain.
    assert max(values.values()) == pytest.approx(((1 - 0.06) - 1) / 2)
    assert values[1, 1, 2, 3] == values[1, 3, 2, 3] == pytest.approx(-0.03)


def _lost(preferences: npt.NDArray[Any]) -> float:
    """What the softmax of (16,) preferences, four for each look, returns, to be made as small as can be."""
    return -grid_value(list(chances(preferences.reshape(4, 4))))


def test_the_grids_references_are_equal_chances_and_the_best_stochastic_policy() -> None:
    reference = catalog.environments()[GRID].reference
    assert reference is not None
    assert grid_value([EQUAL] * 4) == pytest.approx(reference.random, abs=5e-5)
    draws = np.random.default_rng(2)
    found = [-float(minimize(_lost, draws.normal(size=16).tolist(), method="BFGS").fun) for _ in range(2)]
    assert max(found) == pytest.approx(reference.target, abs=1e-5)


@pytest.mark.parametrize("grey", [EQUAL, (EAST + WEST) / 2, EAST])
def test_playing_the_grid_returns_on_average_what_was_calculated(grey: Floats) -> None:
    policy = [EAST * 0.9 + SOUTH * 0.1, grey, SOUTH, WEST]
    returns = played(gym.make(GRID, disable_env_checker=True), np.array(policy), 300, seed=3)
    error = returns.std(ddof=1) / np.sqrt(len(returns))
    assert returns.mean() == pytest.approx(grid_value(policy), abs=4 * error)


def test_the_second_and_the_fourth_cell_look_alike_and_no_other_two_do() -> None:
    env = gym.make(GRID, disable_env_checker=True)
    looks = set()
    for seed in range(8):
        first, _ = env.reset(seed=seed)
        inwards = 1 if first == 0 else 3
        looks.add((int(first), *(int(env.step(inwards)[0]) for _ in range(4))))
    assert looks == {(0, GREY, 2, GREY, 3), (3, GREY, 2, GREY, 0)}


def score(environment: str, returned: float) -> float:
    reference = catalog.environments()[environment].reference
    assert reference is not None
    return (returned - reference.random) / (reference.target - reference.random)


@pytest.mark.parametrize(("epsilon", "best"), [(0.05, (-1.87, -3.90, 0.49)), (0.5, (0.52, 0.00, 0.52))])
def test_the_best_epsilon_greedy_policies_score_what_the_suite_says(epsilon: float, best: tuple[float, ...]) -> None:
    def greedy(actions: int) -> Floats:
        return (1 - epsilon) * np.eye(actions) + epsilon / actions

    games = [max(score(name, value(WINS[name], mix)) for mix in greedy(len(WINS[name]))) for name in (RPS, PENNIES)]
    grid = max(score(GRID, grid_value(policy)) for policy in itertools.product(greedy(4), repeat=4))
    assert [*games, grid] == pytest.approx(best, abs=0.006)
    assert np.mean([*games, grid]) < 0.5
