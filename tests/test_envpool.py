"""EnvPool's environments against Gymnasium's, one by one, and against stable-baselines3's contract.

What is compared here is what `bench/catalog/backends.py` says.
"""

from __future__ import annotations

import math
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import envpool
import gymnasium as gym
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import chi2, ks_2samp
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from bench import suite
from bench.algorithms import sb3
from bench.algorithms.pooled import Pooled
from bench.catalog import BACKENDS, find_algorithm, unsuited
from bench.environments.making import make
from bench.errors import DivergedError, OutsideError, SuiteError
from bench.plan import plan
from bench.records import LearnerRequest, Task, Trial
from bench.runner.trial import learner_request
from tests.making import carry_out, small_trial

# Of EnvPool's own spaces, which are not used.
pytestmark = pytest.mark.filterwarnings("ignore:.*precision lowered by casting:UserWarning")
NEVER = 2**31 - 1
LEAST_P = 1e-3
"""Seeds are fixed: a comparison passes always or never; of some dozens, chance alone rarely fails any."""
CLASSIC = ("CartPole-v1", "Acrobot-v1", "MountainCar-v0", "MountainCarContinuous-v0")
PENDULUM = BACKENDS["envpool"].differences["Pendulum-v1"]
TOY = ("FrozenLake-v1", "FrozenLake8x8-v1", "CliffWalking-v1", "CliffWalkingSlippery-v1")
LANDERS = ("LunarLander-v3", "LunarLanderContinuous-v3")
WALKER = "BipedalWalker-v3"
Array = NDArray[Any]


def pool(name: str, count: int, seed: int = 0) -> Any:
    return envpool.make_gymnasium(
        name, num_envs=count, seed=list(range(seed, seed + count)), num_threads=1, max_episode_steps=NEVER
    )


# --- The environments themselves.


def test_every_environment_that_is_said_to_conform_is_compared_here() -> None:
    conforming = {name for name, difference in BACKENDS["envpool"].differences.items() if not difference}
    assert conforming == {*CLASSIC, *TOY, WALKER}


@pytest.mark.parametrize("name", [*CLASSIC, *TOY, WALKER])
def test_shapes_actions_and_time_limits_are_gymnasiums(name: str) -> None:
    there, here = envpool.make_spec(name), gym.make(name)
    assert there.action_space == here.action_space
    assert (there.observation_space.shape, there.action_space.shape) == (
        here.observation_space.shape,
        here.action_space.shape,
    )
    assert here.spec is not None
    assert there.config.max_episode_steps == (here.spec.max_episode_steps or NEVER)


def put(env: Any, name: str, observation: Array) -> None:
    """Set the state of Gymnasium's environment by what is observed of it."""
    seen = observation.astype(np.float64)
    if name.startswith("Acrobot"):
        env.state = np.array([math.atan2(seen[1], seen[0]), math.atan2(seen[3], seen[2]), *seen[4:]])
    elif name.startswith("Pendulum"):
        env.state = np.array([math.atan2(seen[1], seen[0]), seen[2]])
    else:
        env.state = seen
        env.steps_beyond_terminated = None


def pumped(name: str, seen: Array, rng: np.random.Generator) -> Array:
    """Return actions that carry the system to all its ends and bounds: half at random, half along the movement."""
    count = len(seen)
    along = np.sign(seen[:, {"CartPole-v1": 2, "Acrobot-v1": 5, "Pendulum-v1": 2}.get(name, 1)] + 1e-9)
    drawn = rng.uniform(-1, 1, count)
    chosen = np.where(rng.random(count) < 0.5, along, drawn)
    if name in {"Pendulum-v1", "MountainCarContinuous-v0"}:
        found: Array = (chosen * (2 if name == "Pendulum-v1" else 1)).astype(np.float32)[:, None]
        return found
    return (chosen > 0).astype(int) if name == "CartPole-v1" else np.round(chosen + 1).astype(int)


def one_step_differences(name: str, steps: int, count: int = 8) -> tuple[Array, int]:
    """Step both from every state on EnvPool's way; return how far observation and reward part, and the ends.

    Returns:
        (steps x count, 3): greatest difference of an observation, of the reward, and the speed reached (Pendulum's);
        and how many episodes ended, in the same steps in both.
    """
    there, here, rng = pool(name, count), gym.make(name).unwrapped, np.random.default_rng(0)
    here.reset(seed=0)
    seen, rows, ends = np.array(there.reset()[0]), [], 0
    for _ in range(steps):
        actions = pumped(name, seen, rng)
        found, rewards, terminated, truncated, _ = there.step(actions)
        assert not truncated.any()
        for place in range(count):
            put(here, name, seen[place])
            expected, reward, end, _, _ = here.step(actions[place])
            rows.append((np.abs(expected - found[place]).max(), abs(float(reward) - rewards[place]), expected[-1]))
            assert bool(end) == terminated[place]
        seen = np.array(found)
        if over := np.flatnonzero(terminated).astype(np.int32).tolist():
            seen[over] = there.reset(np.array(over, dtype=np.int32))[0]
        ends += len(over)
    return np.array(rows), ends


@pytest.mark.parametrize("name", CLASSIC)
def test_a_step_of_classic_control_from_the_same_state_gives_the_same_observation_reward_and_end(name: str) -> None:
    rows, ends = one_step_differences(name, 800)
    assert ends > 5
    assert rows[:, 0].max() < 2e-6
    assert rows[:, 1].max() < 1e-6


def test_pendulum_differs_where_its_speed_is_limited_and_nowhere_else() -> None:
    rows, _ = one_step_differences("Pendulum-v1", 800)
    limited = np.abs(rows[:, 2]) >= 8.0
    assert limited.sum() > 50
    assert 0.01 < rows[limited, 0].max() < 0.055
    assert rows[~limited, 0].max() < 2e-6


@pytest.mark.parametrize("name", [*CLASSIC, WALKER])
def test_first_observations_are_equally_distributed(name: str) -> None:
    count = 400
    there, here = np.array(pool(name, count).reset()[0]), gym.make(name)
    own = np.array([here.reset(seed=10_000 + seed)[0] for seed in range(count)])
    assert [ks_2samp(a, b).pvalue for a, b in zip(there.T, own.T, strict=True) if ks_2samp(a, b).pvalue < LEAST_P] == []


@pytest.mark.parametrize("name", TOY)
def test_transitions_of_toy_text_are_those_of_gymnasiums_table(name: str) -> None:
    count, rng = 64, np.random.default_rng(0)
    there, here = pool(name, count), gym.make(name)
    table: dict[int, dict[int, list[tuple[float, int, float, bool]]]] = here.unwrapped.P  # type: ignore[attr-defined]
    seen = np.array(there.reset()[0])
    assert set(seen) == {here.reset(seed=0)[0]}
    found: dict[tuple[int, int], Counter[tuple[int, float, bool]]] = {}
    for _ in range(1500):
        actions = rng.integers(len(table[0]), size=count)
        after, rewards, terminated, _, _ = there.step(actions)
        for place in range(count):
            outcome = int(after[place]), float(rewards[place]), bool(terminated[place])
            found.setdefault((int(seen[place]), int(actions[place])), Counter())[outcome] += 1
        seen = np.array(after)
        if len(over := np.flatnonzero(terminated | (rng.random(count) < 0.01)).astype(np.int32)):
            seen[over] = there.reset(over)[0]
    statistic, freedom = 0.0, 0
    for (state, action), outcomes in found.items():
        expected: Counter[tuple[int, float, bool]] = Counter()
        for share, following, reward, end in table[state][action]:
            expected[int(following), float(reward), bool(end)] += share  # type: ignore[assignment]  # shares, not counts
        assert outcomes.keys() <= expected.keys()
        if (times := outcomes.total()) >= 30 and len(expected) > 1:
            statistic += sum((outcomes[one] - times * share) ** 2 / (times * share) for one, share in expected.items())
            freedom += len(expected) - 1
    assert len(found) > 30
    assert (freedom == 0) == (name == "CliffWalking-v1")
    assert freedom == 0 or chi2.sf(statistic, freedom) > LEAST_P


class Chosen:
    """A generator that makes the ground flat, gives the push that it is told, and lets no engine flutter."""

    def __init__(self, *forces: float) -> None:
        self._forces = list(forces)

    def uniform(self, low: float, high: float, size: tuple[int, ...] | None = None) -> Any:
        if size is not None:
            return np.full(size, high / 2)
        # A push is drawn from farther than anything else that is drawn one by one: terrain, engines, clouds.
        return self._forces.pop(0) if high - low == 2 * abs(low) >= 10 and self._forces else 0.0

    def integers(self, low: int, high: int) -> int:
        return (low + high) // 2


def begun(env: Any, *forces: float) -> Array:
    env._np_random = Chosen(*forces)
    return np.array(env.reset()[0])


def ways(name: str, count: int, actions: Iterable[Any]) -> tuple[Array, list[tuple[Array, Array, Array]]]:
    """Return EnvPool's first observations, and what comes of the same actions in all."""
    there = pool(name, count)
    starts = np.array(there.reset()[0])
    return starts, [there.step(np.array([action] * count))[:3] for action in actions]


@pytest.mark.parametrize(("name", "off"), [(LANDERS[0], 0), (LANDERS[1], np.zeros(2, np.float32))])
def test_a_lander_with_engines_off_falls_as_gymnasiums_and_comes_to_rest_higher_on_the_pad(name: str, off: Any) -> None:
    # Terrain and push are drawn; the push is read off the first observation, and the terrain is flat on the pad.
    here: Any = gym.make(name).unwrapped
    still = begun(here, 0.0, 0.0)
    slopes = (begun(here, 500.0, 500.0)[2:4] - still[2:4]) / 500
    starts, way = ways(name, 64, [off] * 90)
    higher = []
    for place, start in enumerate(starts):
        seen = begun(here, *((start[2:4] - still[2:4]) / slopes).tolist())
        assert np.abs(seen - start).max() < 1e-6
        touched = False
        for found, rewards, terminated in way:
            seen, reward, end, _, _ = here.step(off)
            touched |= bool(seen[6:].any() or found[place, 6:].any())
            if end and terminated[place]:
                higher += [found[place, 1] - seen[1]] if abs(seen[0]) < 0.1 else []
            if end or terminated[place]:
                break
            assert touched or np.abs(seen - found[place]).max() < 1e-5
            assert touched or abs(reward - rewards[place]) < 1e-3
    # Gymnasium smooths by 0.33 instead of a third: the pad at 400 / 30 / 4 comes out a hundredth lower, 400 / 30 / 2 is
    # observed as 1.
    assert len(higher) >= 6
    assert np.median(higher) == pytest.approx(0.005, abs=1e-4)


def test_a_walker_moves_and_falls_on_its_flat_start_as_gymnasiums_does_from_the_same_push() -> None:
    actions = np.random.default_rng(0).uniform(-1, 1, (70, 4)).astype(np.float32)
    starts, way = ways("BipedalWalker-v3", 10, actions)
    for place, start in enumerate(starts):
        # A new one each time: Gymnasium keeps its world between episodes, and a first step may depend on earlier ones.
        here: Any = gym.make("BipedalWalker-v3").unwrapped
        push = brentq(lambda force, env=here, goal=start[1]: begun(env, force)[1] - goal, -5.0, 5.0, xtol=1e-7)
        here = gym.make("BipedalWalker-v3").unwrapped
        seen, ended = begun(here, push), False
        # What the lidar sees lies beyond the flat start, and is drawn.
        assert np.abs(seen - start)[:14].max() < 1e-6
        for (found, rewards, terminated), action in zip(way, actions, strict=True):
            seen, reward, ended, _, _ = here.step(action)
            assert np.abs(seen - found[place])[:14].max() < 1e-3
            assert abs(reward - rewards[place]) < 1e-2
            assert bool(ended) == terminated[place]
            if ended:
                break
        assert ended


# --- The vector environment.


def cliff(limit: int | None = None) -> gym.Env[Any, Any]:
    """Return Gymnasium's CliffWalking: one start and no chance, so that two ways of stepping it must agree in all."""
    return make("CliffWalking-v1", {"max_episode_steps": limit} if limit else {})[0]


UP, RIGHT, DOWN = 0, 1, 2
SHORTEST = (UP, *([RIGHT] * 11), DOWN)
"""Thirteen steps to the goal."""


def everything(step: VecEnvStepReturn) -> list[Any]:
    """Return observations, rewards, ends and infos: arrays, which the library's types do not say."""
    return list(step)


@pytest.mark.parametrize("limit", [None, 7, 13, 14])
def test_steps_ends_and_infos_are_those_of_dummy_vec_env_around_monitor(limit: int | None) -> None:
    here = DummyVecEnv([lambda: Monitor(cliff(limit))] * 3)
    there = Pooled("CliffWalking-v1", [1, 2, 3], cliff(limit))
    assert (there.observation_space, there.action_space) == (here.observation_space, here.action_space)
    rng = np.random.default_rng(0)
    first: Any = here.reset()
    second: Any = there.reset()
    ends = []
    for step in range(60):
        assert (first.tolist(), first.dtype) == (second.tolist(), second.dtype)
        # One walks straight to the goal again and again, one stands before a wall, one walks at random.
        actions = np.array([SHORTEST[step % (7 if limit == 7 else 13)], 3, rng.integers(4)])
        expected, found = everything(here.step(actions)), everything(there.step(actions))
        first, second = expected.pop(0), found.pop(0)
        assert expected[0].tolist() == found[0].tolist()
        assert expected[1].tolist() == found[1].tolist()
        for place in np.flatnonzero(found[1]):
            told, own = expected[2][place], found[2][place]
            ends.append((int(place), step, own["TimeLimit.truncated"]))
            assert own["TimeLimit.truncated"] == told["TimeLimit.truncated"]
            assert own["terminal_observation"] == told["terminal_observation"]
            assert {**own["episode"], "t": 0} == {**told["episode"], "t": 0}
    walker = [end for end in ends if end[0] == 0]
    # At a limit of 13 the last step of the time reaches the goal: an end, and nothing is cut.
    assert walker[:2] == ([(0, 6, True), (0, 13, True)] if limit == 7 else [(0, 12, False), (0, 25, False)])


def test_envpool_itself_would_call_an_end_in_the_last_step_a_cut_and_spend_a_step_on_the_reset() -> None:
    there = envpool.make_gymnasium("CliffWalking-v1", num_envs=1, seed=0, num_threads=1, max_episode_steps=13)
    there.reset()
    for action in SHORTEST:
        seen, _, terminated, truncated, _ = there.step(np.array([action]))
    assert (terminated[0], truncated[0], seen[0]) == (False, True, 47)
    assert there.step(np.array([UP]))[0][0] == 36


def test_arrays_that_were_handed_out_stay_as_they_are() -> None:
    there = Pooled("CartPole-v1", [1, 2], make("CartPole-v1", {})[0])
    there.reset()
    kept: list[Any] = [there.step(np.array([0, 1]))[:3] for _ in range(50)]
    copies = [[array.tolist() for array in step] for step in kept]
    for _ in range(50):
        there.step(np.array([0, 1]))
    assert [[array.tolist() for array in step] for step in kept] == copies


def test_an_environment_plays_what_its_own_seed_says_whatever_is_beside_it() -> None:
    def way(seeds: list[int]) -> Array:
        there = Pooled("CartPole-v1", seeds, make("CartPole-v1", {})[0])
        return np.array([there.reset(), *(there.step(np.zeros(len(seeds), dtype=int))[0] for _ in range(40))])

    assert (way([5, 6])[:, 1] == way([7, 4, 6])[:, 2]).all()
    assert (way([5, 6])[:, 0] != way([5, 6])[:, 1]).any()


@pytest.mark.parametrize(("name", "action"), [("LunarLanderContinuous-v3", [np.nan, 0.0]), ("CartPole-v1", 2)])
def test_an_action_outside_the_space_is_refused_before_it_does_harm(name: str, action: Any) -> None:
    there = Pooled(name, [1, 2], make(name, {})[0])
    there.reset()
    with pytest.raises(OutsideError, match="nan" if "Lunar" in name else "2"):
        there.step(np.array([np.zeros_like(action), action]))


def request(trial: Trial, limit: int = 20) -> LearnerRequest:
    return LearnerRequest(trial, lambda _: cliff(limit), seed=3)


@pytest.mark.parametrize(
    ("algorithm", "settings"),
    [
        ("ppo", {"n_steps": 32, "batch_size": 32, "n_envs": 3, "normalize": {"norm_obs": False}}),
        ("a2c", {"n_envs": 2}),
        ("dqn", {"n_envs": 2, "learning_starts": 50, "buffer_size": 500, "batch_size": 16}),
        ("reinforce", {"n_envs": 2, "episodes_per_update": 4}),
    ],
)
def test_where_nothing_is_left_to_chance_training_on_envpool_gives_the_same_weights(
    algorithm: str, settings: Any
) -> None:
    weights = []
    for backend in ("", "envpool"):
        trial = replace(small_trial(algorithm, "CliffWalking-v1", hyperparameters=settings), backend=backend)
        learner = sb3.make(request(trial))
        learner.learn(400, lambda steps: steps < 400)
        assert isinstance(learner.model.get_env().unwrapped, Pooled) == bool(backend)  # type: ignore[union-attr]
        weights.append((learner.recent_training_return(), dict(learner.weights())))
    (first, ours), (second, theirs) = weights
    assert first == second
    assert all((ours[name] == theirs[name]).all() for name in ours)


def test_a_trial_on_envpool_is_evaluated_on_gymnasium_and_read_back_whole(tmp_path: Path) -> None:
    settings = {"n_envs": 2, "n_steps": 32, "batch_size": 32}
    trial = replace(small_trial("ppo", "CartPole-v1", hyperparameters=settings), backend="envpool")
    record = carry_out(trial, tmp_path)
    assert record.trial == trial
    assert record.trial.fingerprint == trial.fingerprint
    assert record.final.steps == 200
    again = carry_out(trial, tmp_path / "again")
    assert (record.final.returns == again.final.returns).all()
    assert (record.curve.returns == again.curve.returns).all()


def test_environments_are_seeded_from_the_streams_that_gymnasiums_are() -> None:
    one, two = (learner_request(small_trial("ppo", "CartPole-v1", seed=seed)) for seed in (0, 1))
    seeds = [request.environment_seed(index) for request in (one, two) for index in range(3)]
    assert len(set(seeds)) == 6
    seen, _ = one.make_environment(2).reset()
    assert (seen == gym.make("CartPole-v1").reset(seed=seeds[2])[0]).all()


def test_weights_that_are_no_numbers_are_told_as_divergence() -> None:
    settings = {"n_steps": 16, "batch_size": 16}
    trial = replace(small_trial("ppo", "MountainCarContinuous-v0", hyperparameters=settings), backend="envpool")
    learner = sb3.make(learner_request(trial))
    with torch.no_grad():
        next(iter(learner.model.policy.parameters())).fill_(torch.nan)
    with pytest.raises(DivergedError):
        learner.learn(64, lambda _: True)


# --- The suite's key.


def parsed(text: str) -> suite.Suite:  # type: ignore[name-defined]  # the records' class, by the room's name
    return suite.parse(text, "x.yaml")


def complaints(text: str) -> list[str]:
    with pytest.raises(SuiteError) as caught:
        plan(parsed(text))
    return [str(one) for one in caught.value.complaints]


def test_an_entrys_backend_stands_above_the_suites_which_holds_where_the_algorithm_takes_it() -> None:
    found = parsed("""
backend: envpool
algorithms: [ppo, random, {name: ppo, label: usual, backend: gymnasium}, {name: ppo, label: fast, implementation: jax}]
environments: {CartPole-v1: 1000}
""").algorithms
    backends = {one.label: one.backend for one in found}
    assert backends == {"ppo": "envpool", "random": "", "usual": "", "fast": "envpool"}


def test_another_backend_is_another_trial_with_its_version_and_gymnasium_by_name_is_no_other() -> None:
    text = """
algorithms: [ppo, {name: ppo, label: pooled, backend: envpool}, {name: ppo, label: same, backend: gymnasium}]
environments: {CartPole-v1: 1000}
seeds: 1
"""
    trials = {trial.label: trial for trial in plan(parsed(text)).trials}
    assert trials["ppo"].fingerprint == trials["same"].fingerprint
    assert "backend" not in trials["ppo"].definition()
    assert trials["pooled"].definition()["backend"] == "envpool"
    assert trials["pooled"].versions == {**trials["ppo"].versions, "envpool": BACKENDS["envpool"].version}
    assert (
        replace(trials["pooled"], backend="", versions=trials["ppo"].versions).fingerprint == trials["ppo"].fingerprint
    )


def test_what_is_not_trained_on_envpool_is_refused_by_name_all_at_once_with_the_difference() -> None:
    told = complaints("""
algorithms:
  - {name: ppo, backend: envpool}
  - {name: random, backend: envpool}
  - {name: a2c, backend: envpol}
environments:
  CartPole-v1: {steps: 1000, kwargs: {sutton_barto_reward: true}}
  Pendulum-v1: 1000
  Unheard-v0: 1000
""")
    refused = {one.partition(": ")[2].partition(";")[0] for one in told}
    assert refused == {
        "algorithms.0: EnvPool takes no `kwargs`, `env_wrapper` or `frame_stack`, and CartPole-v1 has some here (line 7)",  # noqa: E501
        f"algorithms.0: EnvPool's Pendulum-v1 is not Gymnasium's: {PENDULUM} (line 8)",
        "algorithms.0: EnvPool has no Unheard-v0, or none that has been compared with Gymnasium's (line 9)",
        "algorithms.1: random steps Gymnasium's environments only (line 7)",
        "algorithms.1: random steps Gymnasium's environments only (line 8)",
        "algorithms.1: random steps Gymnasium's environments only (line 9)",
        "algorithms.2.backend: backend 'envpol' is not known here",
    }
    assert all("`backend: gymnasium`" in one for one in told if "algorithms.2" not in one)


def test_pairs_that_do_not_conform_are_skipped_with_the_reason_where_the_suite_allows_it() -> None:
    found = plan(
        parsed("""
backend: envpool
skip_incompatible: true
algorithms: [ppo]
environments: {CartPole-v1: 1000, Pendulum-v1: 1000}
seeds: 1
""")
    )
    assert [trial.environment for trial in found.trials] == ["CartPole-v1"]
    assert [skip.reason.partition(":")[0] for skip in found.skips] == ["EnvPool's Pendulum-v1 is not Gymnasium's"]


def test_wrappers_of_a_named_set_are_refused_too() -> None:
    wrapped = Task("CartPole-v1", {}, ("gymnasium.wrappers.ClipAction",))
    assert "env_wrapper" in unsuited("envpool", find_algorithm("ppo"), wrapped)
    assert "frame_stack" in unsuited("envpool", find_algorithm("ppo"), Task("CartPole-v1", {}, (), 4))
    assert unsuited("", find_algorithm("ppo"), wrapped) == ""


WITHOUT = """
import sys
from importlib.machinery import PathFinder

class Hiding:
    find_distributions = staticmethod(
        lambda *given: (one for one in PathFinder.find_distributions(*given) if one.name.lower() != "envpool")
    )

    @staticmethod
    def find_spec(name, *given):
        return None if name.partition(".")[0] == "envpool" else PathFinder.find_spec(name, *given)

sys.meta_path[sys.meta_path.index(PathFinder)] = Hiding
from bench import suite
from bench.pipeline.inspection import not_installed
from bench.plan import plan

found = suite.parse("backend: envpool\\nalgorithms: [ppo]\\nenvironments: {CartPole-v1: 100_000}\\n", "x.yaml")
print(*not_installed(found, plan(found).trials))
import bench.algorithms.sb3
"""


def test_without_envpool_the_rest_works_and_the_command_that_installs_it_is_named() -> None:
    told = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("x.yaml:2: algorithms.0: the backend envpool is not installed")
    assert told.stdout.endswith("; pip install 'bench[envpool]'\n")
