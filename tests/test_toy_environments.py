import importlib
import os
import signal
import subprocess
import sys
from types import ModuleType
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from numpy.typing import NDArray

import bench.environments.conformance
import bench.environments.masked
import bench.environments.stochastic
import bench.environments.textbook
import bench.environments.toy
from bench import catalog
from bench.environments.toy import (
    ARMS,
    CELLS,
    CORRIDOR_HORIZON,
    LEFT,
    POINT_HORIZON,
    RIGHT,
    SLIP,
    STEP_COST,
    STRIDE,
    Point,
)


def make(environment: str, **kwargs: Any) -> gym.Env[Any, Any]:
    return gym.make(f"bench/{environment}-v0", disable_env_checker=True, **kwargs)


def episode_return(env: gym.Env[Any, Any], policy: str, seed: int | None = None) -> float:
    env.reset(seed=seed)
    total = 0.0
    while True:
        action = RIGHT if policy == "right" else env.action_space.sample()
        _, reward, terminated, truncated, _ = env.step(action)
        total += float(reward)
        if terminated or truncated:
            return total


def corridor_return(right_probability: float | None) -> float:
    # Backward induction, written anew from the description: values[cell] with k steps to go, undiscounted.
    # None: the best action in every cell and at every time.
    values = np.zeros(CELLS)
    for _ in range(CORRIDOR_HORIZON):
        earlier = np.zeros(CELLS)
        for cell in range(CELLS - 1):
            up = 1.0 if cell + 1 == CELLS - 1 else values[cell + 1]
            down = values[max(cell - 1, 0)]
            right = (1 - SLIP) * up + SLIP * down
            left = SLIP * up + (1 - SLIP) * down
            mixed = None if right_probability is None else right_probability * right + (1 - right_probability) * left
            earlier[cell] = (max(right, left) if mixed is None else mixed) - STEP_COST
        values = earlier
    return float(values[0])


@pytest.mark.parametrize(
    ("environment", "kwargs"),
    [
        ("Bandit", {}),
        ("Corridor", {}),
        ("Point", {}),
        ("Crash", {"after": 10_000}),
        ("Hang", {"after": 10_000}),
        ("Segfault", {"after": 10_000}),
        ("Memory", {"after": 10_000}),
        ("NaN", {"after": 10_000}),
        ("NaN", {"after": 10_000, "where": "observation"}),
        ("Conformance", {}),
        ("Conformance", {"terminates": True, "continuous": True}),
        ("TwoLength", {}),
        ("FrozenLakeNotSlippery", {}),
        ("CliffWalking200", {}),
    ],
)
def test_every_environment_passes_gymnasiums_own_check(environment: str, kwargs: dict[str, object]) -> None:
    check_env(make(environment, **kwargs).unwrapped, skip_render_check=True)


@pytest.mark.parametrize(
    "module",
    [
        bench.environments.conformance,
        bench.environments.masked,
        bench.environments.stochastic,
        bench.environments.textbook,
        bench.environments.toy,
    ],
)
def test_importing_again_registers_nothing_twice(module: ModuleType) -> None:
    # Gymnasium warns when an id is overwritten, and a warning is an error here.
    before = set(gym.registry)
    importlib.reload(module)
    assert set(gym.registry) == before


def test_the_bandits_reference_is_the_mean_and_the_best_of_its_arms() -> None:
    # (0.3 + 0.7 + 0.1 + 0.9 + 0.5) / 5 = 2.5 / 5
    reference = catalog.environments()["bench/Bandit-v0"].reference
    assert reference is not None
    assert (reference.random, reference.target) == (0.5, 0.9)
    assert (sum(ARMS) / len(ARMS), max(ARMS)) == pytest.approx((0.5, 0.9))
    assert ARMS[0] != max(ARMS), "an untrained argmax would win"


def test_an_arm_pays_as_often_as_it_says() -> None:
    env = make("Bandit")
    env.reset(seed=1)
    pulls = []
    for _ in range(4000):
        pulls.append(float(env.step(1)[1]))
        env.reset()
    # Standard error sqrt(0.7 x 0.3 / 4000) = 0.0072; four of them.
    assert np.mean(pulls) == pytest.approx(0.7, abs=0.03)


def test_without_slips_the_corridor_takes_nine_steps_and_pays_91_cents() -> None:
    # 1 - 9 x 0.01 = 0.91; two of five episodes have no slip (0.9^9 = 0.39), so twenty surely hold one.
    env = make("Corridor")
    assert max(episode_return(env, "right", seed) for seed in range(20)) == pytest.approx(0.91)


def test_walking_into_the_left_wall_stays() -> None:
    env = make("Corridor")
    env.reset(seed=0)
    cells = [env.step(LEFT)[0] for _ in range(10)]
    assert cells.count(0) > 5
    assert min(int(str(cell)) for cell in cells) == 0


def test_the_corridor_gives_up_after_fifty_steps() -> None:
    env = make("Corridor")
    env.reset(seed=0)
    endings = [env.step(LEFT)[2:4] for _ in range(50)]
    assert endings[-1] == (False, True)
    assert set(endings[:-1]) == {(False, False)}


def test_going_right_is_the_best_anywhere_and_any_time_in_the_corridor() -> None:
    assert corridor_return(None) == pytest.approx(corridor_return(1.0))


@pytest.mark.parametrize(("policy", "right"), [("right", 1.0), ("random", 0.5)])
def test_the_corridors_exact_return_equals_its_monte_carlo_mean(policy: str, right: float) -> None:
    env = make("Corridor")
    env.reset(seed=3)
    env.action_space.seed(4)
    returns = [episode_return(env, policy) for _ in range(1000)]
    error = np.std(returns) / np.sqrt(len(returns))
    assert np.mean(returns) == pytest.approx(corridor_return(right), abs=4 * error)


def test_the_corridors_reference_is_the_exact_random_and_optimal_return() -> None:
    reference = catalog.environments()["bench/Corridor-v0"].reference
    assert reference is not None
    assert reference.random == pytest.approx(corridor_return(0.5), abs=5e-5)
    assert reference.target == pytest.approx(corridor_return(None), abs=5e-5)


@pytest.mark.parametrize(
    "environment", ["FrozenLake-v1", "Taxi-v4", "bench/FrozenLakeNotSlippery-v0", "bench/CliffWalking200-v0"]
)
def test_exact_random_references_follow_from_gymnasiums_transition_tables(environment: str) -> None:
    entry = catalog.environments()[environment]
    env: Any = gym.make(environment).unwrapped
    assert entry.horizon is not None
    rewards, moves = _uniformly_random_chain(env.P)
    values = np.zeros(len(rewards))
    for _ in range(entry.horizon):
        values = rewards + moves @ values
    assert entry.reference is not None
    assert entry.reference.random == pytest.approx(env.initial_state_distrib @ values, rel=5e-3)


@pytest.mark.parametrize(
    ("environment", "share"),
    # All of it where we chose; 0.70 of 0.744 and 8 of 7.93 are Gymnasium's thresholds.
    [
        ("bench/FrozenLakeNotSlippery-v0", 1.0),
        ("bench/CliffWalking200-v0", 1.0),
        ("FrozenLake-v1", 0.9406),
        ("Taxi-v4", 1.0088),
    ],
)
def test_targets_are_a_known_share_of_the_optimum_by_backward_induction(environment: str, share: float) -> None:
    entry = catalog.environments()[environment]
    env: Any = gym.make(environment).unwrapped
    values = np.zeros(len(env.P))
    # The optimum of a certain world is reached early, and stays.
    for _ in range(100):
        values = np.array([max(_expected(outcomes, values) for outcomes in env.P[s].values()) for s in sorted(env.P)])
    assert entry.reference is not None
    assert entry.reference.target == pytest.approx(share * env.initial_state_distrib @ values, rel=1e-3)


def _expected(outcomes: list[tuple[float, int, float, bool]], values: NDArray[np.float64]) -> float:
    return sum(chance * (reward + (0.0 if over else values[following])) for chance, following, reward, over in outcomes)


def _uniformly_random_chain(transitions: dict[int, Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return expected rewards (states,) and the chances (states, states) to go on to a state, all actions alike."""
    rewards, moves = np.zeros(len(transitions)), np.zeros((len(transitions), len(transitions)))
    for state, actions in transitions.items():
        for chance, following, reward, done in (outcome for chances in actions.values() for outcome in chances):
            rewards[state] += chance * reward / len(actions)
            moves[state, following] += 0.0 if done else chance / len(actions)
    return rewards, moves


@pytest.mark.parametrize("entry", catalog.environments().values(), ids=lambda entry: entry.id)
def test_the_catalogues_thresholds_and_horizons_are_gymnasiums(entry: catalog.Environment) -> None:
    if entry.module:
        pytest.importorskip(entry.module, exc_type=ImportError)
    spec = gym.registry[entry.id]
    reference = entry.reference
    if reference is not None and reference.source.endswith("Gymnasium's registered reward threshold"):
        assert reference.target == spec.reward_threshold
    # The bandit's episodes end by themselves after their only step.
    assert entry.horizon == spec.max_episode_steps or entry.id == "bench/Bandit-v0"


def point_return(seed: int, best: bool) -> float:
    env = make("Point")
    place = env.reset(seed=seed)[0][0]
    env.action_space.seed(10_000 + seed)
    total = 0.0
    for _ in range(POINT_HORIZON):
        action = np.clip([-place / STRIDE], -1, 1) if best else env.action_space.sample()
        observation, reward, *_ = env.step(action)
        place, total = observation[0], total + float(reward)
    return total


@pytest.mark.parametrize("best", [True, False])
def test_the_points_reference_is_what_random_and_the_best_actions_return_on_average(best: bool) -> None:
    reference = catalog.environments()["bench/Point-v0"].reference
    assert reference is not None
    returns = [point_return(seed, best) for seed in range(600)]
    error = np.std(returns) / np.sqrt(len(returns))
    assert np.mean(returns) == pytest.approx(reference.target if best else reference.random, abs=4 * error)


def test_the_point_costs_the_square_of_where_it_came_to() -> None:
    # The best from x: 0.2 less a step until 0. From 0.5: 0.3^2 + 0.1^2 = 0.1.
    env = Point()
    env.reset(seed=0)
    env._place = 0.5
    rewards = [float(env.step(np.array([action]))[1]) for action in (-1.0, -1.0, -0.5)]
    assert rewards == pytest.approx([-0.09, -0.01, 0.0])


def test_crash_counts_its_steps_over_all_episodes() -> None:
    env = make("Crash", after=15)
    assert episode_return(env, "random") == 10.0
    env.reset()
    for _ in range(5):
        env.step(0)
    with pytest.raises(RuntimeError, match="bench/Crash-v0"):
        env.step(0)


def test_nan_comes_as_reward_or_as_observation() -> None:
    rewarding, observing = make("NaN", after=1), make("NaN", after=1, where="observation")
    for env in (rewarding, observing):
        env.reset()
        observation, reward, *_ = env.step(0)
        assert float(reward) == 1.0
        assert np.isfinite(np.asarray(observation, dtype=float)).all()
    assert np.isnan(float(rewarding.step(0)[1]))
    observation, reward, *_ = observing.step(0)
    assert float(reward) == 1.0
    assert np.isnan(np.asarray(observation, dtype=float)).all()
    with pytest.raises(ValueError, match="where must be 'reward' or 'observation'"):
        make("NaN", where="action")


def test_memory_grows_by_what_it_says_with_every_step() -> None:
    env = make("Memory", after=0, megabytes=1)
    env.reset()
    for _ in range(3):
        env.step(0)
    assert sum(block.nbytes for block in env.unwrapped._hoard) == 3 * 2**20  # type: ignore[attr-defined]


def test_segfault_dies_by_its_signal() -> None:
    assert _ends("Segfault", timeout=60.0) == -signal.SIGSEGV


def test_hang_does_not_come_back() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        _ends("Hang", timeout=3.0)


def _ends(environment: str, timeout: float) -> int:
    """Return how a process ends that takes one step of an environment that fails at the first."""
    code = (
        "import gymnasium, bench.environments.toy\n"
        f"env = gymnasium.make('bench/{environment}-v0', after=0)\n"
        "env.reset()\nprint('stepping', flush=True)\nenv.step(0)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=dict(os.environ)) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"stepping\n"
            return process.wait(timeout)
        finally:
            process.kill()


@pytest.mark.parametrize("terminates", [False, True])
def test_conformance_ends_at_its_horizon_in_the_way_asked_for(terminates: bool) -> None:
    env = make("Conformance", horizon=3, terminates=terminates)
    observation, _ = env.reset()
    steps = [env.step(action) for action in (0, 1, 0)]
    assert np.array_equal(np.asarray(observation), [0.0])
    assert [step[1] for step in steps] == [1.0, 1.0, 1.0]
    assert [step[2:4] for step in steps] == [(False, False), (False, False), (terminates, not terminates)]


def test_conformance_has_continuous_actions_on_request_and_refuses_no_horizon() -> None:
    assert isinstance(make("Conformance", continuous=True).action_space, gym.spaces.Box)
    with pytest.raises(ValueError, match="horizon must be at least 1, not 0"):
        make("Conformance", horizon=0)


def test_two_length_plays_one_and_nine_in_turn() -> None:
    env = make("TwoLength")
    assert [episode_return(env, "random") for _ in range(4)] == [1.0, 9.0, 1.0, 9.0]


def test_a_seed_sets_two_lengths_turn_by_its_parity() -> None:
    env = make("TwoLength")
    assert [episode_return(env, "random", seed) for seed in (7, 4, 4)] == [9.0, 1.0, 1.0]
    assert episode_return(env, "random") == 9.0
