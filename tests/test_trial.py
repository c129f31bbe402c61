"""The trial itself: budgets, evaluations that change nothing, and what a record holds."""

import contextlib
import io
import random
import zipfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

from bench.algorithms.random_policy import RandomPolicy
from bench.analysis.scores import is_idle, updates_of
from bench.catalog import algorithms, fewest_by_episodes, find_algorithm, load, updates
from bench.environments.making import EpisodeTotals, make
from bench.errors import DivergedError, OverrunError
from bench.records import EvaluationPlan, LearnerRequest, Record
from bench.runner.evaluation import Evaluator, isolated_randomness
from bench.runner.jobs import Job
from bench.runner.seeds import evaluation_seeds
from bench.runner.trial import _Clock, _Seconds, evaluation_environment, learner_request, run_trial
from bench.runner.worker import kind_of
from bench.store import keep, read
from tests import troubled_environments
from tests.making import carry_out, ignore, nothing, small_trial


def weights(root: Path, trial: Any) -> dict[str, Any]:
    with zipfile.ZipFile(root / trial.name / "policy.zip") as archive:
        found: dict[str, Any] = torch.load(io.BytesIO(archive.read("policy.pth")), weights_only=True)
    return found


@pytest.mark.parametrize(
    ("algorithm", "environment", "steps", "settings"),
    [
        ("ppo", "CartPole-v1", 600, {"n_envs": 2, "n_steps": 64, "normalize": True}),
        ("dqn", "CartPole-v1", 600, {"learning_starts": 50, "policy_kwargs": "dict(net_arch=[16])"}),
        ("sac", "Pendulum-v1", 150, {"learning_starts": 50, "use_sde": True, "policy_kwargs": {"net_arch": [16]}}),
        ("reinforce", "CartPole-v1", 600, {"n_envs": 2}),
    ],
)
def test_evaluating_more_or_less_or_stochastically_changes_no_weight(
    tmp_path: Path, algorithm: str, environment: str, steps: int, settings: dict[str, Any]
) -> None:
    plans = (EvaluationPlan(1, 1, 1), EvaluationPlan(7, 2, 2), EvaluationPlan(5, 2, 2, deterministic=False))
    found = []
    for plan in plans:
        trial = small_trial(algorithm, environment, steps=steps, evaluation=plan, hyperparameters=settings)
        carry_out(trial, tmp_path)
        found.append(weights(tmp_path, trial))
    for other in found[1:]:
        assert all(torch.equal(found[0][name], other[name]) for name in found[0])


def test_measuring_the_gradient_changes_no_weight_and_happens_before_halfway_and_at_the_end(tmp_path: Path) -> None:
    settings = {"episodes_per_update": 3, "baseline": "value", "normalize": True, "n_envs": 2}
    found = []
    for episodes in (None, 7):
        plan = EvaluationPlan(5, 1, 1, gradient_episodes=episodes)
        trial = small_trial("reinforce", "CartPole-v1", steps=600, evaluation=plan, hyperparameters=settings)
        found.append((carry_out(trial, tmp_path).gradients, weights(tmp_path, trial)))
    (none, untouched), (looks, touched) = found
    assert none == ()
    # Points are planned every 120 steps; the third of five is the first beyond the half. Seven episodes: three batches.
    assert [look.batches for look in looks] == [3, 3, 3]
    assert looks[0].steps == 0
    assert 360 <= looks[1].steps <= 362
    assert 600 <= looks[2].steps <= 602
    assert all(look.plain_variance != look.variance > 0 for look in looks)
    assert all(torch.equal(untouched[name], touched[name]) for name in untouched)


def test_variants_of_one_seed_are_measured_at_the_same_parameters_on_the_same_episodes_before_training(
    tmp_path: Path,
) -> None:
    plan = EvaluationPlan(1, 1, 1, gradient_episodes=8)
    first, other = (
        carry_out(
            small_trial(
                "reinforce",
                "bench/Bandit-v0",
                steps=50,
                evaluation=plan,
                hyperparameters={"episodes_per_update": 4, "baseline": baseline},
            ),
            tmp_path,
        ).gradients[0]
        for baseline in ("none", "mean")
    )
    assert first.plain_variance == other.plain_variance == first.variance != other.variance


def test_what_measures_no_gradient_is_not_asked(tmp_path: Path) -> None:
    plan = EvaluationPlan(1, 1, 1, gradient_episodes=8)
    assert (
        carry_out(small_trial("softmax_reinforce", "bench/Bandit-v0", steps=50, evaluation=plan), tmp_path).gradients
        == ()
    )


def test_the_same_trial_twice_gives_the_same_numbers_and_another_seed_others(tmp_path: Path) -> None:
    settings = {"n_envs": 2, "n_steps": 32}
    first, again, other = (
        carry_out(small_trial("ppo", "CartPole-v1", seed=seed, hyperparameters=settings), tmp_path / folder)
        for seed, folder in ((0, "a"), (0, "b"), (1, "a"))
    )
    assert np.array_equal(first.curve.returns, again.curve.returns)
    assert np.array_equal(first.final.returns, again.final.returns)
    assert not np.array_equal(first.final.returns, other.final.returns)


def test_training_stops_at_the_budget_and_the_last_point_lies_there(tmp_path: Path) -> None:
    # Three rollouts of 64 fit into 200 steps; bare PPO would train for 256.
    record = carry_out(small_trial("ppo", "CartPole-v1", steps=200, hyperparameters={"n_steps": 64}), tmp_path)
    assert record.final.steps == 200
    assert record.curve.steps.tolist() == [100, 200]


@pytest.mark.parametrize(
    ("algorithm", "settings", "fewest"),
    [
        ("td3", {"train_freq": [2, "episode"], "learning_starts": 40}, 81),
        ("reinforce", {"episodes_per_update": 3, "n_envs": 2}, 81),
    ],
)
def test_the_fewest_steps_after_whole_episodes_are_those_of_the_first_update(
    tmp_path: Path, algorithm: str, settings: dict[str, Any], fewest: int
) -> None:
    # Point's episodes last 20 steps.
    assert fewest_by_episodes(find_algorithm(algorithm), settings, 20) == fewest
    made = [
        carry_out(small_trial(algorithm, "bench/Point-v0", steps=steps, hyperparameters=settings), tmp_path).updates
        for steps in (fewest - 1, fewest)
    ]
    assert made[0] == 0
    assert made[1]


def test_a_rollout_that_ends_exactly_at_the_budget_is_still_learned_from(tmp_path: Path) -> None:
    settings = {"n_steps": 64, "batch_size": 64, "n_epochs": 1}
    whole = small_trial("ppo", "CartPole-v1", steps=128, hyperparameters=settings)
    cut = small_trial("ppo", "CartPole-v1", steps=127, hyperparameters=settings)
    one = small_trial("ppo", "CartPole-v1", steps=64, hyperparameters=settings)
    for trial in (whole, cut, one):
        carry_out(trial, tmp_path)
    bias = "action_net.bias"
    assert torch.equal(weights(tmp_path, cut)[bias], weights(tmp_path, one)[bias])
    assert not torch.equal(weights(tmp_path, whole)[bias], weights(tmp_path, cut)[bias])


@pytest.mark.parametrize(
    ("algorithm", "environment", "steps", "settings", "made"),
    [
        # Two whole rollouts of 2 x 32 steps, three epochs each; the third is cut.
        ("ppo", "CartPole-v1", 180, {"n_envs": 2, "n_steps": 32, "n_epochs": 3}, 6),
        # The thirtieth step of three environments is the first at or past 89, and completes the rollout.
        ("ppo", "CartPole-v1", 89, {"n_envs": 3, "n_steps": 30, "n_epochs": 1, "batch_size": 90}, 1),
        ("ppo", "CartPole-v1", 150, {}, 0),
        ("a2c", "CartPole-v1", 52, {}, 10),
        ("trpo", "CartPole-v1", 130, {"n_steps": 64, "batch_size": 64}, 2),
        # After steps 104, 108, ..., 200.
        ("dqn", "CartPole-v1", 200, {}, 25),
        ("dqn", "CartPole-v1", 90, {}, 0),
        # Calls of 5 steps of 2 environments; those that end at 60, 70, ..., 100 learn, as often as there were steps.
        ("dqn", "CartPole-v1", 99, {"n_envs": 2, "train_freq": 5, "gradient_steps": -1, "learning_starts": 50}, 50),
        ("sac", "Pendulum-v1", 110, {}, 10),
        ("td3", "Pendulum-v1", 110, {"train_freq": [5, "step"], "gradient_steps": 2}, 4),
    ],
)
def test_updates_are_counted_and_come_to_what_the_settings_say(
    tmp_path: Path, algorithm: str, environment: str, steps: int, settings: dict[str, Any], made: int
) -> None:
    small = {"policy_kwargs": {"net_arch": [8]}}
    record = carry_out(small_trial(algorithm, environment, steps=steps, hyperparameters=settings | small), tmp_path)
    assert record.updates == made
    assert updates(find_algorithm(algorithm), settings, steps) == made
    # From before they were counted: from the settings that the library told.
    assert updates_of(replace(record, updates=None)) == made
    assert is_idle(record) is (made == 0)


@pytest.mark.parametrize(
    ("algorithm", "environment", "settings", "made"),
    [
        ("reinforce", "CartPole-v1", {"n_envs": 1, "episodes_per_update": 1}, True),
        ("reinforce", "CartPole-v1", {"episodes_per_update": 500}, False),
        ("ars", "CartPole-v1", {}, True),
        ("q_learning", "bench/Corridor-v0", {}, 200),
        ("softmax_reinforce", "bench/Corridor-v0", {}, True),
        ("random", "CartPole-v1", {}, None),
    ],
)
def test_where_episodes_decide_how_many_updates_there_are_they_are_counted_and_not_foreseen(
    tmp_path: Path, algorithm: str, environment: str, settings: dict[str, Any], made: bool | int | None
) -> None:
    record = carry_out(small_trial(algorithm, environment, hyperparameters=settings), tmp_path)
    assert record.updates == made or (record.updates is not None and (record.updates > 0) is made)
    assert updates(find_algorithm(algorithm), settings, 200) is None
    assert updates_of(replace(record, updates=None)) is None
    assert is_idle(record) is (made is False)


def test_points_that_training_jumps_over_repeat_the_evaluation_with_its_true_steps(tmp_path: Path) -> None:
    # ARS cannot stop within an iteration: 8 directions x 2 episodes pass several planned points at once.
    plan = EvaluationPlan(points=10, episodes=1, final_episodes=1)
    record = carry_out(small_trial("ars", "CartPole-v1", steps=300, evaluation=plan), tmp_path)
    assert len(record.curve.steps) == 10
    assert record.final.steps >= 300
    assert (record.curve.steps >= [30 * (point + 1) for point in range(10)]).all()


def test_returns_are_raw_whatever_a_wrapper_does_to_the_reward(tmp_path: Path) -> None:
    settings = {"env_wrapper": ["tests.test_trial.TenfoldReward"]}
    record = carry_out(small_trial("random", "CartPole-v1", hyperparameters=settings), tmp_path)
    assert record.final.returns.tolist() == record.final.lengths.tolist()


class TenfoldReward(gym.RewardWrapper[Any, Any]):
    def reward(self, reward: Any) -> Any:
        return 10 * reward


class Idle:
    """A learner that does nothing but act."""

    def act(self, observations: list[Any], memory: Any, starts: Any, **_: Any) -> tuple[list[int], Any]:
        del memory, starts
        return [0] * len(observations), None


def test_short_episodes_are_not_favoured() -> None:
    # Episodes last 1 and 9 steps in turn with return equal to length, so the mean is 5. Collecting the first episodes
    # that end on many slots would see mostly ones.
    evaluator = Evaluator(lambda: make("bench.environments.conformance:bench/TwoLength-v0", {}))
    played = evaluator.evaluate(Idle(), list(range(128)), deterministic=True)  # type: ignore[arg-type]
    assert played.returns.tolist() == played.lengths.tolist()
    assert played.returns.mean() == 5.0


def test_every_algorithm_meets_the_same_start_states() -> None:
    met: list[list[list[float]]] = []

    class Recorder(Idle):
        def act(self, observations: list[Any], memory: Any, starts: Any, **more: Any) -> tuple[list[int], Any]:
            if all(starts):
                met.append([observation.tolist() for observation in observations])
            return super().act(observations, memory, starts, **more)

    for _ in range(2):
        Evaluator(lambda: make("CartPole-v1", {})).evaluate(Recorder(), [3, 4, 5], deterministic=True)  # type: ignore[arg-type]
    assert met[0] == met[1]


def test_a_return_that_is_not_a_number_is_divergence(tmp_path: Path) -> None:
    trial = small_trial("random", "bench.environments.toy:bench/NaN-v0", environment_kwargs={"after": 1})
    with pytest.raises(DivergedError):
        carry_out(trial, tmp_path)


def test_weights_that_are_not_numbers_are_divergence(tmp_path: Path) -> None:
    trial = small_trial("ppo", "CartPole-v1", hyperparameters={"n_steps": 64, "learning_rate": 1e25})
    with pytest.raises(DivergedError):
        carry_out(trial, tmp_path)


# --- What is done is kept.


def test_the_record_is_kept_before_anything_is_closed(tmp_path: Path) -> None:
    trial = small_trial("random", "tests.troubled_environments:troubled/Unclosable-v0")
    (folder := tmp_path / trial.name).mkdir()
    close = run_trial(Job(trial, folder, nothing), ignore, keep=keep)
    assert isinstance(read(folder), Record)
    with pytest.raises(ExceptionGroup, match="evaluation environments could not be closed"):
        close()
    assert (folder / "policy.zip").exists()


class Unsavable(RandomPolicy):
    """Random, and half written when saving fails."""

    def save(self, folder: Path) -> None:
        super().save(folder)
        raise OSError(28, "No space left on device")


def make_unsavable(request: LearnerRequest) -> Unsavable:
    return Unsavable(request.make_environment(0).action_space, request.seed)


def test_a_policy_that_cannot_be_saved_costs_no_numbers_and_leaves_no_half_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = replace(find_algorithm("random"), name="unsavable", maker="tests.test_trial:make_unsavable")
    monkeypatch.setitem(algorithms(), "unsavable", entry)  # as a plug-in would
    trial = small_trial("unsavable", "bench/Corridor-v0")
    (folder := tmp_path / trial.name).mkdir()
    close = run_trial(Job(trial, folder, nothing), ignore, keep=keep)
    with pytest.raises(OSError, match="No space left"):
        close()
    assert isinstance(read(folder), Record)
    assert [path.name for path in folder.iterdir()] == ["trial.json"]


# --- Episodes that do not end, and environments of which there cannot be many.

ENDLESS = "tests.troubled_environments:troubled/Endless-v0"


@pytest.mark.parametrize(
    ("steps", "given", "time_limit", "longest"),
    [
        (500, None, None, 10_000),
        (50_000, None, None, 50_000),
        (10**7, None, None, 100_000),
        (500, None, 200, 10_000),
        (500, None, 27_000, 27_000),
        (500, 30, 27_000, 30),
    ],
)
def test_an_evaluation_episode_may_last_as_long_as_the_budget_within_bounds(
    steps: int, given: int | None, time_limit: int | None, longest: int
) -> None:
    plan = EvaluationPlan(max_episode_steps=given)
    assert small_trial(steps=steps, evaluation=plan).longest_episode(time_limit) == longest


def test_episodes_that_do_not_end_are_cut_and_counted(tmp_path: Path) -> None:
    plan = EvaluationPlan(points=2, episodes=2, final_episodes=3, max_episode_steps=30)
    endless = carry_out(small_trial("q_learning", ENDLESS, evaluation=plan), tmp_path)
    assert endless.final.lengths.tolist() == endless.final.returns.tolist() == [30, 30, 30]
    assert endless.cut_episodes == {"curve": 4, "final": 3, "steps": 30}
    ending = carry_out(small_trial("q_learning", evaluation=plan), tmp_path)
    assert "cut" not in str(ending.cut_episodes)


def test_an_episode_that_ends_with_the_last_step_it_may_take_is_not_cut() -> None:
    # Episodes of even seeds end by themselves with step 5, the others never.
    evaluator = Evaluator(lambda: make(ENDLESS, {"ends": 5}), longest=lambda _: 5)
    played = evaluator.evaluate(Idle(), [2, 3, 4, 5, 7], deterministic=True)  # type: ignore[arg-type]
    assert (played.lengths.tolist(), played.cut) == ([5] * 5, 3)


class Unstoppable(RandomPolicy):
    """Random, and never done: as ARS, which plays its episodes to their end, where there is none."""

    def learn(self, steps: int, on_step: Callable[[int], bool]) -> None:
        del steps
        for taken in count(1):
            on_step(taken)


def make_unstoppable(request: LearnerRequest) -> Unstoppable:
    return Unstoppable(request.make_environment(0).action_space, request.seed)


def test_training_that_never_ends_is_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = replace(find_algorithm("random"), name="unstoppable", maker="tests.test_trial:make_unstoppable")
    monkeypatch.setitem(algorithms(), "unstoppable", entry)  # as a plug-in would
    trial = small_trial("unstoppable", steps=1_000)
    with pytest.raises(OverrunError, match="does not stop: 210,001 steps are taken, the budget is 1,000") as raised:
        run_trial(Job(trial, Path("nowhere"), nothing), ignore, keep=keep)
    assert kind_of(raised.value) == "timeout"


@pytest.mark.parametrize(
    ("environment", "given", "number"),
    [("Counted", None, 5), ("Counted", 3, 3), ("Heavy", None, 1), ("Heavy", 2, 2), ("Scarce", None, 3)],
)
def test_environments_side_by_side_are_as_many_as_given_or_as_there_can_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], environment: str, given: int | None, number: int
) -> None:
    troubled_environments.made.clear()
    plan = EvaluationPlan(points=1, episodes=2, final_episodes=5, environments=given)
    record = carry_out(
        small_trial("random", f"tests.troubled_environments:troubled/{environment}-v0", evaluation=plan), tmp_path
    )
    assert record.resources["evaluation_environments"] == number
    assert len(troubled_environments.made) == 1 + number  # one of training
    assert sorted(record.final.lengths.tolist()) in ([1, 1, 1, 1, 9], [1, 1, 1, 9, 9], [1, 1, 9, 9, 9], [1, 9, 9, 9, 9])
    told = capsys.readouterr().out
    assert ("another failed: " in told and "OSError: no licence is left" in told) == (environment == "Scarce")


def test_an_environment_whose_first_reset_fails_is_one_too_many() -> None:
    troubled_environments.made.clear()
    evaluator = Evaluator(lambda: make("tests.troubled_environments:troubled/Occupied-v0", {}))
    played = evaluator.evaluate(Idle(), list(range(6)), deterministic=True)  # type: ignore[arg-type]
    assert len(evaluator.slots) == 2
    assert played.lengths.tolist() == [1, 9] * 3


def test_what_the_suite_leaves_to_the_harness_is_no_part_of_the_identity() -> None:
    plain, few, cut = (
        small_trial("ppo", "CartPole-v1", evaluation=plan).definition()["evaluation"]
        for plan in (EvaluationPlan(), EvaluationPlan(environments=1), EvaluationPlan(max_episode_steps=9))
    )
    assert plain == {"points": 20, "episodes": 10, "final_episodes": 100, "deterministic": True}
    assert few == {**plain, "environments": 1}
    assert cut == {**plain, "max_episode_steps": 9}


@pytest.mark.parametrize(
    ("algorithm", "environment", "settings"),
    [
        ("ppo", "CartPole-v1", {"n_steps": 128}),
        ("dqn", "CartPole-v1", {"learning_starts": 100}),
        ("q_learning", "bench/Corridor-v0", {}),
        ("dqn", "MountainCar-v0", {"learning_starts": 100}),
    ],
)
def test_a_hundred_environments_side_by_side_give_the_numbers_of_thirty_two(
    algorithm: str, environment: str, settings: dict[str, Any]
) -> None:
    trial = small_trial(algorithm, environment, steps=256, hyperparameters=settings)
    learner = load(find_algorithm(algorithm).maker)(learner_request(trial))
    learner.learn(256, lambda steps: steps < 256)
    seeds = evaluation_seeds(environment, 0, "final", 100)
    few, many = (
        Evaluator(partial(evaluation_environment, trial), lambda _, number=number: number).evaluate(  # type: ignore[misc]
            learner, seeds, deterministic=True
        )
        for number in (32, 100)
    )
    assert few.returns.tolist() == many.returns.tolist()


@pytest.mark.parametrize(
    ("algorithm", "environment", "deterministic", "number"),
    [
        ("q_learning", "bench/Corridor-v0", True, 40),
        ("q_learning", "bench/Corridor-v0", False, 32),
        ("random", "bench/Corridor-v0", True, 32),
        ("ppo", "Pendulum-v1", True, 32),
    ],
)
def test_more_than_thirty_two_side_by_side_are_for_policies_that_neither_draw_nor_round(
    tmp_path: Path, algorithm: str, environment: str, deterministic: bool, number: int
) -> None:
    plan = EvaluationPlan(points=1, episodes=1, final_episodes=40, deterministic=deterministic)
    record = carry_out(small_trial(algorithm, environment, evaluation=plan), tmp_path)
    assert record.resources["evaluation_environments"] == number


def test_an_evaluation_gives_signs_of_life() -> None:
    heard: list[None] = []
    evaluator = Evaluator(lambda: make("CartPole-v1", {}), alive=lambda: heard.append(None))
    played = evaluator.evaluate(Idle(), [3], deterministic=True)  # type: ignore[arg-type]
    # One before the first reset, and one at every step.
    assert len(heard) == 1 + played.lengths[0]


def test_totals_are_those_of_the_innermost_environment() -> None:
    env, totals = make("CartPole-v1", {}, frame_stack=3)
    observation, _ = env.reset(seed=0)
    assert observation.shape == (12,)
    assert observation[:8].tolist() == [0.0] * 8
    env.step(0)
    assert (totals.total, totals.length) == (1.0, 1)
    assert isinstance(totals, EpisodeTotals)


@pytest.mark.parametrize("fails", [False, True])
def test_an_evaluation_gives_training_every_random_stream_back(*, fails: bool) -> None:
    def drawn() -> tuple[float, float, float]:
        return random.random(), np.random.random(), float(torch.rand(1))  # noqa: NPY002, S311 - as environments draw

    def seeded() -> None:
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002
        torch.manual_seed(1)

    seeded()
    expected = drawn()
    seeded()
    with contextlib.suppress(ZeroDivisionError), isolated_randomness(7):
        inside = drawn()
        if fails:
            raise ZeroDivisionError
    assert drawn() == expected
    assert all(one != other for one, other in zip(inside, expected, strict=True))


class Stopped(_Clock):
    """A clock that has run for ten seconds, eight of them on the processor."""

    def wall(self) -> float:
        return 10.0

    def cpu(self) -> float:
        return 8.0


def test_what_was_compiled_counts_as_no_training_and_had_its_share_of_the_processor() -> None:
    seconds = _Seconds()
    seconds.add(Stopped(), 2.5)
    assert seconds == _Seconds(wall=7.5, cpu=6.0, compile=2.5, compile_cpu=2.0)
    seconds.add(Stopped(), 0.0)
    assert seconds == _Seconds(wall=17.5, cpu=14.0, compile=2.5, compile_cpu=2.0)


def test_a_trial_that_compiles_nothing_says_nothing_of_it(tmp_path: Path) -> None:
    timings = carry_out(small_trial(), tmp_path).timings
    assert "compile" not in timings
    parts = ("setup", "train", "evaluation")
    assert sum(timings[part] for part in parts) == pytest.approx(timings["wall"])
