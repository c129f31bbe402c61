from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium.wrappers
import pytest

from bench import catalog
from bench.catalog import Environment, Speed, installed
from bench.environments import wrappers
from bench.errors import SuiteError
from bench.plan import (
    _HARMLESS,
    Plan,
    Skip,
    cost,
    expected_memory,
    expected_seconds,
    plan,
    references,
    slow_after,
    tasks,
    unscored,
)
from bench.records import EvaluationPlan, Reference, Suite, SuiteAlgorithm, SuiteEnvironment, Trial

TRAITS: Mapping[str, Environment] = {
    **catalog.environments(),
    "Mine-v0": Environment("Mine-v0", "continuous", "vector", 100, None, distributions=("gymnasium", "nowhere")),
}


def planned(suite: Suite, **more: Any) -> Plan:
    """Plan with the traits of TRAITS."""
    places = [place.environment for place in suite.environments]
    return plan(suite, {(one.label, place): TRAITS[place] for one in suite.algorithms for place in places}, **more)


def entry(name: str, label: str = "", chosen: str = "rl-zoo", **overrides: Any) -> SuiteAlgorithm:
    return SuiteAlgorithm(label or name, name, chosen, overrides)


def a_suite(*algorithms: SuiteAlgorithm, **steps: int) -> Suite:
    environments = tuple(SuiteEnvironment(id_.replace("_", "-"), n) for id_, n in steps.items())
    return Suite("s", "s", "", tuple(range(10)), algorithms, environments, path="s.yaml", lines={"algorithms.1": 7})


def cells(trials: tuple[Trial, ...]) -> set[tuple[str, str]]:
    return {(trial.label, trial.environment) for trial in trials}


def test_a_trial_holds_the_set_with_the_suites_overrides_and_says_so() -> None:
    suite = a_suite(entry("ppo", "mine", clip_range=0.3), CartPole_v1=100_000)
    trial = planned(suite).trials[0]
    assert trial.hyperparameters == {
        "n_envs": 8,
        "policy": "MlpPolicy",
        "n_steps": 32,
        "batch_size": 256,
        "gae_lambda": 0.8,
        "gamma": 0.98,
        "n_epochs": 20,
        "ent_coef": 0.0,
        "learning_rate": "lin_0.001",
        "clip_range": 0.3,
    }
    assert (trial.label, trial.algorithm, trial.implementation) == ("mine", "ppo", "stable_baselines3:PPO")
    assert trial.versions == installed(["stable-baselines3", "torch", "gymnasium"])
    assert trial.provenance.startswith("RL Baselines3 Zoo 2.9.2")
    assert trial.provenance.endswith("set in the suite: clip_range")


def test_hyperparameters_of_one_environment_win_there_over_the_common_ones_and_the_set() -> None:
    own = {"CartPole-v1": {"clip_range": 0.4, "n_steps": 64}}
    suite = a_suite(replace(entry("ppo", clip_range=0.3), per_environment=own), CartPole_v1=1000, Acrobot_v1=1000)
    found = {trial.environment: trial for trial in planned(suite, seeds=1).trials}
    here, there = found["CartPole-v1"], found["Acrobot-v1"]
    assert [here.hyperparameters[name] for name in ("clip_range", "n_steps", "gae_lambda")] == [0.4, 64, 0.8]
    assert [there.hyperparameters[name] for name in ("clip_range", "n_steps", "gae_lambda")] == [0.3, 256, 0.94]
    assert here.provenance.endswith("set in the suite: clip_range, n_steps")
    assert there.provenance.endswith("set in the suite: clip_range")


def test_every_pair_gets_every_seed() -> None:
    trials = planned(a_suite(entry("ppo"), entry("random"), CartPole_v1=1000, Acrobot_v1=1000)).trials
    assert len(trials) == len(set(trials_key(trials))) == 2 * 2 * 10


def trials_key(trials: tuple[Trial, ...]) -> list[tuple[str, str, int]]:
    return [(trial.label, trial.environment, trial.seed) for trial in trials]


def test_the_longest_come_first_and_the_order_is_always_the_same() -> None:
    suite = a_suite(entry("random"), entry("dqn"), entry("ppo"), CartPole_v1=100_000)
    trials = planned(suite).trials
    seconds = [expected_seconds(trial) for trial in trials]
    assert seconds == sorted(seconds, reverse=True)
    assert [trial.seed for trial in trials[:10]] == list(range(10))
    assert planned(suite).trials == trials


@pytest.mark.parametrize(
    ("wanted", "used"), [(None, {5, 1, 3}), (2, {5, 1}), (5, {5, 1, 3, 0, 2}), (3, {5, 1, 3})]
)  # fmt: skip
def test_more_seeds_keep_those_that_have_run(wanted: int | None, used: set[int]) -> None:
    suite = replace(a_suite(entry("ppo"), CartPole_v1=1000), seeds=(5, 1, 3))
    assert {trial.seed for trial in planned(suite, seeds=wanted).trials} == used


def test_less_than_one_seed_is_refused() -> None:
    with pytest.raises(SuiteError, match="--seeds: wants a number from 1 to 10,000, not 0"):
        planned(a_suite(entry("ppo"), CartPole_v1=1000), seeds=0)


def test_an_impossible_pair_is_a_complaint_with_its_line() -> None:
    suite = a_suite(entry("ppo"), entry("dqn"), Mine_v0=1000)
    with pytest.raises(SuiteError) as caught:
        planned(suite)
    assert str(caught.value) == (
        "s.yaml:7: algorithms.1: dqn wants discrete actions, Mine-v0 has continuous ones; "
        "remove one of them, or set `skip_incompatible: true`"
    )


def test_an_impossible_pair_is_skipped_with_its_reason_where_the_suite_allows_it() -> None:
    suite = replace(a_suite(entry("ppo"), entry("dqn"), Mine_v0=1000), skip_incompatible=True)
    found = planned(suite)
    assert cells(found.trials) == {("ppo", "Mine-v0")}
    assert found.skips == (Skip("dqn", "Mine-v0", "dqn wants discrete actions, Mine-v0 has continuous ones"),)


@pytest.mark.parametrize(
    ("name", "settings", "environment", "reason"),
    [
        ("ppo", {"kl_to_start": 0.1}, "Mine-v0", "`kl_to_start` wants discrete actions, Mine-v0 has continuous ones"),
        ("ppo", {"use_sde": True}, "CartPole-v1", "`use_sde` wants continuous actions, CartPole-v1 has discrete ones"),
        ("ppo", {"batch_size": 1}, "CartPole-v1", "a batch of one has no deviation"),
        ("trpo", {"n_steps": 1}, "CartPole-v1", "a rollout of one step has no deviation"),
        ("reinforce", {"bootstrap_truncated": True}, "CartPole-v1", "`bootstrap_truncated` wants `baseline: value`"),
        ("reinforce", {"baseline": "mean", "episodes_per_update": 1}, "CartPole-v1", "`baseline: mean` wants 2"),
        ("dqn", {"optimize_memory_usage": True}, "CartPole-v1", "wants `replay_buffer_kwargs: {handle_timeout"),
    ],
)
def test_settings_with_which_every_trial_would_fail_are_no_plan(
    name: str, settings: dict[str, Any], environment: str, reason: str
) -> None:
    found = catalog.refused(catalog.find_algorithm(name), TRAITS[environment], settings)
    assert found.startswith(f"{name}: ")
    assert reason in found
    suite = a_suite(entry(name, chosen="bare", **settings), **{environment.replace("-", "_"): 1000})
    with pytest.raises(SuiteError, match="change the setting, or set `skip_incompatible: true`"):
        planned(suite)


def test_nothing_left_to_run_is_told_with_the_reason() -> None:
    suite = replace(a_suite(entry("dqn"), Mine_v0=1000), skip_incompatible=True)
    with pytest.raises(SuiteError, match="no trial is left to run; dqn wants discrete actions"):
        planned(suite)


@pytest.mark.parametrize(
    ("only", "left"),
    [
        (["ppo"], {("ppo", "CartPole-v1"), ("ppo", "Acrobot-v1")}),
        (["@CartPole-v1"], {("ppo", "CartPole-v1"), ("dqn", "CartPole-v1"), ("PPO [b]", "CartPole-v1")}),
        (["dqn@Acro*"], {("dqn", "Acrobot-v1")}),
        (["PPO [*@*Pole-v1", "dqn@Acrobot-v1"], {("PPO [b]", "CartPole-v1"), ("dqn", "Acrobot-v1")}),
        (["p*@Acrobot-v1"], {("ppo", "Acrobot-v1"), ("PPO [b]", "Acrobot-v1")}),
    ],
)
def test_only_picks_cells_by_pattern(only: list[str], left: set[tuple[str, str]]) -> None:
    suite = a_suite(entry("ppo"), entry("dqn"), entry("ppo", "PPO [b]", gamma=0.9), CartPole_v1=1000, Acrobot_v1=1000)
    assert cells(planned(suite, only=only).trials) == left


def test_an_algorithms_name_finds_its_variants_where_no_label_fits() -> None:
    suite = a_suite(entry("ppo", "long"), entry("ppo", "short", n_steps=8), entry("dqn"), CartPole_v1=1000)
    assert cells(planned(suite, only=["ppo"]).trials) == {("long", "CartPole-v1"), ("short", "CartPole-v1")}


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("pop", "did you mean 'ppo'?"),
        ("@CartPole-v2", "did you mean '@CartPole-v1'?"),
        ("ppo@Cartpol-v1", "did you mean 'ppo@CartPole-v1'?"),
        ("zzz", "it has ppo on CartPole-v1"),
        ("", "it has ppo on CartPole-v1"),
        ("@", "it has ppo on CartPole-v1"),
    ],
)
def test_a_pattern_that_matches_nothing_is_refused_with_a_suggestion(pattern: str, hint: str) -> None:
    with pytest.raises(SuiteError) as caught:
        planned(a_suite(entry("ppo"), CartPole_v1=1000), only=["ppo", pattern])
    assert str(caught.value) == f"--only {pattern!r}: matches nothing in this suite; {hint}"


@pytest.mark.parametrize(
    ("kwargs", "evaluation", "told"),
    [
        ({}, EvaluationPlan(), True),
        ({"max_episode_steps": 200}, EvaluationPlan(), False),
        ({}, EvaluationPlan(max_episode_steps=200), False),
    ],
)
def test_an_environment_without_a_time_limit_is_told_with_where_its_episodes_are_cut(
    kwargs: Mapping[str, Any], evaluation: EvaluationPlan, told: bool
) -> None:
    cliff = SuiteEnvironment("CliffWalking-v1", 50_000, kwargs, Reference(-1000.0, -13.0))
    suite = replace(a_suite(entry("q_learning", chosen="default")), environments=(cliff,), evaluation=evaluation)
    warnings = planned(suite).warnings
    assert any("declares no time limit" in text and "after 50,000 steps is cut" in text for text in warnings) == told


def test_a_trial_is_slow_after_twenty_times_what_was_expected_and_never_within_the_hour() -> None:
    assert [slow_after(expected) for expected in (1.0, 180.0, 360.0)] == [3600.0, 3600.0, 7200.0]


def test_a_sound_suite_has_no_warnings() -> None:
    suite = a_suite(entry("ppo"), entry("random"), entry("dqn"), CartPole_v1=100_000)
    assert planned(suite).warnings == ()


@pytest.mark.parametrize(
    ("algorithm", "steps", "seeds", "warning"),
    [
        (entry("ppo"), {"CartPole_v1": 100_000}, 3, "3 seeds per cell: too few for any interval; 10 are advised"),
        (entry("ppo"), {"CartPole_v1": 100_000}, 9, "9 seeds per cell: intervals will be wide; 10 are advised"),
        (entry("sac", n_envs=4), {"Pendulum_v1": 20_000}, 10,
         ("sac on Pendulum-v1: with 4 environments one call of train_freq covers 4 steps, so it updates that much less "
         "often; `gradient_steps: -1` keeps the ratio")),
        (entry("random"), {"Mine_v0": 1000}, 10,
         ("Mine-v0 has no reference returns: it is shown in raw returns and counts in no score; "
         "give it `reference: {random: ..., target: ...}`")),
        (entry("ppo"), {"Taxi_v4": 100_000}, 10,
         ("ppo on Taxi-v4: the set 'rl-zoo' has no entry, so the library's defaults are used; "
         "it is not compared on equal terms with tuned algorithms")),
        (entry("reinforce"), {"MountainCar_v0": 100_000}, 10,
         ("reinforce on MountainCar-v0: the settings in 'rl-zoo' are first guesses that nobody tuned; "
         "it is not compared on equal terms with tuned algorithms")),
    ],
)  # fmt: skip
def test_what_weakens_the_answer_is_warned_of(
    algorithm: SuiteAlgorithm, steps: dict[str, int], seeds: int, warning: str
) -> None:
    assert planned(a_suite(algorithm, **steps), seeds=seeds).warnings == (warning,)


def test_settings_searched_for_by_hand_beside_published_ones_are_warned_of() -> None:
    (warning,) = planned(a_suite(entry("reinforce"), entry("ppo"), entry("random"), CartPole_v1=100_000)).warnings
    assert warning.startswith(
        "settings that this harness has searched for by hand on these very environments: reinforce on CartPole-v1; the "
    )
    assert planned(a_suite(entry("reinforce"), entry("random"), CartPole_v1=100_000)).warnings == ()


def test_a_reference_in_the_suite_is_enough() -> None:
    suite = a_suite(entry("random"), Mine_v0=1000)
    given = replace(suite, environments=(replace(suite.environments[0], reference=Reference(0.0, 1.0)),))
    assert planned(given).warnings == ()


def test_two_labels_for_one_configuration_are_told() -> None:
    suite = a_suite(entry("ppo"), entry("ppo", "again"), entry("ppo", "other", gamma=0.5), CartPole_v1=100_000)
    assert planned(suite).warnings == (
        "ppo and again are the same configuration on CartPole-v1: their runs are the same runs",
    )


def test_cost_counts_steps_by_hand_and_prefers_what_was_measured() -> None:
    suite = replace(
        a_suite(entry("random"), CartPole_v1=1000, Acrobot_v1=2000), evaluation=EvaluationPlan(4, 5, 30), seeds=(0, 1)
    )
    trials = planned(suite).trials
    found = cost(trials, {("random", "CartPole-v1"): 7.5})
    assert found.steps == 2 * (1000 + 2000)
    assert found.seconds["random", "CartPole-v1"] == 15.0
    assert found.seconds["random", "Acrobot-v1"] == 2 * expected_seconds(trials[0])
    assert found.disk_mb == pytest.approx(0.2)


@pytest.mark.parametrize("algorithm", [name for name, known in catalog.algorithms().items() if not known.needs_masks])
def test_every_algorithm_of_the_catalogue_has_an_estimate_that_grows_with_the_budget(algorithm: str) -> None:
    kinds = catalog.find_algorithm(algorithm)
    environment = next(one for one in catalog.environments().values() if not catalog.mismatch(kinds, one))
    suite = replace(a_suite(entry(algorithm)), environments=(SuiteEnvironment(environment.id, 10_000),))
    short = planned(suite).trials[0]
    assert 0 < expected_seconds(short) < expected_seconds(replace(short, steps=20_000))


def test_an_algorithm_and_an_environment_that_nobody_knows_cost_what_is_guessed_of_them() -> None:
    trial = Trial("mine", "mine", "Unheard-v0", 0, 1000, EvaluationPlan(4, 5, 30), "mine:Mine", {}, {"n_envs": 3})
    # 0.3 s to start. 1,000 steps of 0.1 ms, of 0.3 ms to act in three environments at a time and of an update of 1 ms.
    # (4 x 5 + 30) episodes of 200 steps, of 0.1 ms and of 0.3 ms to act in five at a time.
    assert expected_seconds(trial) == pytest.approx(0.3 + (0.1 + 0.1 + 1.0) + 10 * (0.1 + 0.06))
    # 0.05 MB of a record and 0.2 MB of a policy.
    assert cost([trial, trial]).disk_mb == pytest.approx(0.5)


def test_the_seconds_of_a_trial_by_hand() -> None:
    speed = catalog.find_algorithm("dqn").speed
    assert speed is not None
    settings = {"n_envs": 2, "learning_starts": 300, "train_freq": 4, "gradient_steps": 1}
    trial = Trial("dqn", "dqn", "Mine-v0", 0, 1000, EvaluationPlan(4, 20, 30), "", {}, settings)
    place = replace(TRAITS["Mine-v0"], steps_per_second=2000.0)
    # 1,000 steps of 0.5 ms and of half of what acting in two environments takes; 700 of them with updates; 110 episodes
    # of 100 steps, of 0.5 ms and of a tenth of what acting takes.
    training, updates = 1000 * (0.0005 + speed.act / 2), 700 * speed.updates(settings) * speed.update
    expected = 0.3 + training + updates + 110 * 100 * (0.0005 + speed.act / 10)
    assert expected_seconds(trial, place) == pytest.approx(expected)
    found = cost([trial, replace(trial, seed=1)], environments={("dqn", "Mine-v0"): place})
    assert found.seconds == {("dqn", "Mine-v0"): pytest.approx(2 * expected)}
    assert found.steps == 2000


def test_more_than_a_machine_can_hold_is_refused_where_it_was_asked_for() -> None:
    suite = replace(a_suite(entry("random"), CartPole_v1=100), seeds=tuple(range(1000)))
    large = replace(suite, analysis=replace(suite.analysis, resamples=100_000))
    with pytest.raises(SuiteError) as caught:
        plan(large)
    assert [one.place for one in caught.value.complaints] == ["s.yaml"]
    with pytest.raises(SuiteError) as caught:
        plan(replace(large, path="", seeds=(0,)), seeds=1000)
    assert [one.place for one in caught.value.complaints] == ["--seeds"]
    with pytest.raises(SuiteError) as caught:
        plan(replace(large, path=""))
    assert [one.place for one in caught.value.complaints] == ["s"]


def test_steps_that_only_fill_the_replay_buffer_cost_no_updates() -> None:
    suite = a_suite(entry("sac", chosen="default", learning_starts=9_000), Pendulum_v1=10_000)
    whole = planned(suite).trials[0]
    half = replace(whole, hyperparameters={**whole.hyperparameters, "learning_starts": 5_000})
    # 4,000 steps fewer with an update of 13 ms each.
    assert expected_seconds(half) - expected_seconds(whole) == pytest.approx(4_000 * 1.3e-2)


@pytest.mark.parametrize(
    ("settings", "rows", "weights"),
    [
        # A layer of 8 inputs and outputs at each end: 8 x 256 + 256 x 256 + 256 x 8.
        ({"batch_size": 512, "policy_kwargs": {"net_arch": [256, 256]}}, 512, 69_632),
        ({"policy_kwargs": {"net_arch": {"pi": [64], "qf": [256, 256]}}}, 32, 69_632),
        ({"batch_size": 512, "policy_kwargs": {"net_arch": "what"}}, 512, 5_120),
        ({}, 32, 5_120),
    ],
)
def test_an_update_of_more_rows_through_wider_layers_costs_the_arithmetic_beyond_the_usual_one(
    settings: Mapping[str, Any], rows: int, weights: int
) -> None:
    usual = Speed(1e-4, 1.6e-3, rows=32, widths=(64, 64), networks=2.0)
    beyond = 2 * (weights * (6e-9 + rows * 0.09e-9) - 5_120 * (6e-9 + 32 * 0.09e-9))
    assert usual.update_under(settings) == pytest.approx(1.6e-3 + beyond)


def test_what_is_not_arithmetic_is_left_of_an_update_however_small() -> None:
    small = {"batch_size": 1, "policy_kwargs": {"net_arch": [4]}}
    assert Speed(3e-4, 1e-3, rows=256, widths=(256, 256)).update_under(small) == pytest.approx(2e-4)
    assert Speed(3e-4, 0.0).update_under({"policy_kwargs": {"net_arch": [256, 256]}}) == 0.0


def test_pictures_cost_their_convolutions_by_their_side() -> None:
    place = TRAITS["Mine-v0"]
    trial = Trial("ppo", "ppo", "Mine-v0", 0, 100_000, EvaluationPlan(1, 1, 1), "", {}, {"n_envs": 1})
    plain = expected_seconds(trial, place)
    small, large = (
        expected_seconds(trial, replace(place, observations="image", observation_bytes=size)) for size in (1_000, 4_000)
    )
    speed = catalog.find_algorithm("ppo").speed
    assert speed is not None
    per_step = speed.act + speed.updates({"n_epochs": 10, "batch_size": 64}) * speed.update
    evaluating = (1 + 1) * 100 * speed.act
    assert small - plain == pytest.approx(3 * (100_000 * per_step + evaluating))
    assert large - plain == pytest.approx(7 * (100_000 * per_step + evaluating))


def test_the_memory_of_a_trial_is_a_process_and_the_replay_memory_that_it_fills() -> None:
    place = replace(TRAITS["Mine-v0"], observation_bytes=1_000)
    trial = Trial("dqn", "dqn", "Mine-v0", 0, 200_000, EvaluationPlan(4, 5, 30), "", {}, {})
    # 200,000 of a million possible steps, each of two observations and 20 bytes beside them.
    assert expected_memory(trial, place) == pytest.approx(500 + 200_000 * 2_020 / 2**20)
    smaller = replace(trial, hyperparameters={"buffer_size": 50_000, "optimize_memory_usage": True})
    assert expected_memory(smaller, place) == pytest.approx(500 + 50_000 * 1_020 / 2**20)
    assert expected_memory(replace(trial, algorithm="ppo"), place) == 500


@pytest.mark.parametrize(("policy", "pairs"), [({"n_quantiles": 50}, 32 * 2_500), ({"n_quantiles": "x"}, 32 * 40_000)])
def test_an_update_of_many_quantiles_costs_as_many_pairs_as_they_form(policy: Mapping[str, Any], pairs: int) -> None:
    one, many = (
        planned(a_suite(entry("qrdqn", chosen="default", policy_kwargs=kwargs), CartPole_v1=10_100)).trials[0]
        for kwargs in ({"n_quantiles": 1}, policy)
    )
    # 10,000 steps after the warm-up, an update every fourth; 180,000 pairs cost as much as the rest of it, 1.8 ms.
    assert expected_seconds(many) - expected_seconds(one) == pytest.approx(2_500 * 1.8e-3 * (pairs - 32) / 180_000)


@pytest.mark.parametrize(
    ("algorithm", "environment", "steps", "told"),
    [
        (entry("ppo", chosen="default"), "CartPole-v1", 2047,
         ("ppo on CartPole-v1 would make no update in 2,047 steps: one rollout takes 2,048; "
          "give it 2,048 steps at least, or a smaller n_steps")),
        # The hundredth step of eight environments is the first to pass 792 steps: the rollout is whole at 793.
        (entry("ppo", n_steps=100), "CartPole-v1", 792,
         ("ppo on CartPole-v1 would make no update in 792 steps: one rollout takes 800; "
          "give it 800 steps at least, or a smaller n_steps")),
        (entry("dqn"), "CartPole-v1", 1000,
         ("dqn on CartPole-v1 would make no update in 1,000 steps: learning starts after 1,000; "
          "give it 1,024 steps at least, or a smaller learning_starts")),
        # The library's own warm-up is of 100 steps, and the call after it ends at step 104.
        (entry("dqn", chosen="default"), "CartPole-v1", 103,
         ("dqn on CartPole-v1 would make no update in 103 steps: learning starts after 100; "
          "give it 104 steps at least, or a smaller learning_starts")),
        (entry("sac", chosen="default", learning_starts=500, train_freq=[1, "episode"]), "Pendulum-v1", 500,
         ("sac on Pendulum-v1 would make no update in 500 steps: learning starts after 500; "
          "give it 601 steps at least, or a smaller learning_starts")),
        # Pendulum's episodes last 200 steps, whatever is done; the last step of a budget completes none.
        (entry("td3", chosen="default", train_freq=[1, "episode"], learning_starts=100), "Pendulum-v1", 200,
         ("td3 on Pendulum-v1 would make no update in 200 steps: it learns after whole episodes, which last 200 steps; "
          "give it 201 steps at least, or train_freq in steps")),
        (entry("reinforce", chosen="default", n_envs=2, episodes_per_update=3), "Pendulum-v1", 800,
         ("reinforce on Pendulum-v1 would make no update in 800 steps: it learns after whole episodes, which last 200 "
          "steps; give it 801 steps at least, or fewer episodes_per_update")),
    ],
)  # fmt: skip
def test_a_budget_that_ends_before_the_first_update_is_refused_with_one_that_does_not(
    algorithm: SuiteAlgorithm, environment: str, steps: int, told: str
) -> None:
    suite = replace(a_suite(algorithm), environments=(SuiteEnvironment(environment, steps),))
    assert [str(one) for one in planned(suite).idle] == [f"s.yaml: algorithms.0: {told}"]
    fewest = int(told.partition("give it ")[2].partition(" ")[0].replace(",", ""))
    enough = replace(suite, environments=(SuiteEnvironment(environment, fewest),))
    assert planned(enough).idle == ()


def test_what_does_not_learn_and_what_learns_from_episodes_that_may_be_short_is_refused_no_budget() -> None:
    assert planned(a_suite(entry("random"), entry("reinforce", chosen="default"), CartPole_v1=1)).idle == ()
    shortened = SuiteEnvironment("Pendulum-v1", 100, kwargs={"max_episode_steps": 10})
    known = replace(a_suite(entry("reinforce", chosen="default")), environments=(shortened,))
    assert plan(known).idle == ()


def test_a_budget_that_random_play_spends_before_the_first_update_is_told_of() -> None:
    def told(steps: int) -> list[str]:
        found = planned(a_suite(entry("reinforce", chosen="default", episodes_per_update=16), MountainCar_v0=steps))
        assert found.idle == ()
        return [one for one in found.warnings if "no update" in one]

    (one,) = told(1000)
    assert one == (
        "reinforce on MountainCar-v0 learns after whole episodes, and under random actions nearly all last 200 steps: "
        "a run that ends none earlier makes no update in 1,000 steps; give it 3,201 steps at least"
    )
    assert told(3201) == []


def test_cells_that_are_not_asked_for_are_not_refused() -> None:
    suite = a_suite(entry("random"), entry("ppo", chosen="default"), CartPole_v1=100)
    assert len(planned(suite).idle) == 1
    assert planned(suite, only=["random"]).idle == ()


def test_replay_costs_a_hundred_times_what_rollouts_cost_per_step() -> None:
    # 14 ms against 0.16 ms a step on one core; evaluation and start-up leave a ratio near 50 at this budget.
    suite = a_suite(entry("ppo"), entry("sac"), LunarLanderContinuous_v3=1_000_000)
    by_label = {trial.label: expected_seconds(trial) for trial in planned(suite).trials}
    assert 30 < by_label["sac"] / by_label["ppo"] < 150


def test_planning_imports_no_learning_library(tmp_path: Path) -> None:
    code = (
        "import sys, bench.suite, bench.plan, bench.hyperparameters as h; h.resolve('rl-zoo', 'ppo', 'CartPole-v1');"
        "sys.exit(','.join({'torch', 'gymnasium', 'stable_baselines3'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_not_known_of_an_environment_stands_in_nobodys_way() -> None:
    suite = a_suite(entry("dqn"), entry("sac"), Unheard_v0=1000)
    assert cells(plan(suite).trials) == {("dqn", "Unheard-v0"), ("sac", "Unheard-v0")}


def test_the_catalogue_says_nothing_of_its_environments_under_other_arguments_or_wrappers() -> None:
    suite = a_suite(entry("sac"), LunarLander_v3=1000)
    with pytest.raises(SuiteError, match="sac wants continuous actions"):
        plan(suite)
    continuous = replace(suite, environments=(replace(suite.environments[0], kwargs={"continuous": True}),))
    assert cells(plan(continuous).trials) == {("sac", "LunarLander-v3")}
    wrapped = replace(suite, algorithms=(entry("sac", env_wrapper="mine.Continuous"),))
    assert cells(plan(wrapped).trials) == {("sac", "LunarLander-v3")}
    # Yet what a trial depends on is the same as ever.
    assert "box2d" in plan(continuous).trials[0].versions


def test_a_task_has_the_wrappers_of_the_named_set_and_of_the_suite() -> None:
    suite = a_suite(entry("ppo"), entry("ppo", "bare", "default"), CarRacing_v3=1000)
    found = tasks(suite)
    assert [next(iter(wrapper)) for wrapper in found["ppo", "CarRacing-v3"].wrappers][:1] == [
        "rl_zoo3.wrappers.FrameSkip"
    ]
    assert found["ppo", "CarRacing-v3"].frame_stack == 2
    assert (found["bare", "CarRacing-v3"].wrappers, found["bare", "CarRacing-v3"].plain) == ((), True)


def test_every_wrapper_said_to_be_harmless_is_one_of_gymnasiums_or_our_own() -> None:
    known = {"gymnasium.wrappers": set(gymnasium.wrappers.__all__), "bench.environments.wrappers": {"ScaleReward"}}
    assert hasattr(wrappers, "ScaleReward")
    for name in _HARMLESS:
        module, _, attribute = name.rpartition(".")
        assert attribute in known[module]
    under = a_suite(*(entry("ppo", name, env_wrapper=name) for name in sorted(_HARMLESS)), CartPole_v1=100_000)
    assert references(under) == {"CartPole-v1": catalog.environments()["CartPole-v1"].reference}


def with_kwargs(**kwargs: Any) -> Suite:
    suite = a_suite(entry("ppo"), CartPole_v1=100_000)
    return replace(suite, environments=(replace(suite.environments[0], kwargs=kwargs),))


@pytest.mark.parametrize(
    ("suite", "told"),
    [
        (a_suite(entry("ppo"), CartPole_v1=100_000), ""),
        (with_kwargs(max_episode_steps=50), "the catalogue's hold without `kwargs`"),
        (a_suite(entry("ppo", env_wrapper="gymnasium.wrappers.FlattenObservation"), CartPole_v1=100_000), ""),
        (a_suite(entry("ppo", env_wrapper=["gymnasium.wrappers.ClipAction"], frame_stack=4), CartPole_v1=100_000), ""),
        (
            a_suite(
                entry("dqn"),
                entry("ppo", "short", env_wrapper={"gymnasium.wrappers.TimeLimit": {"max_episode_steps": 50}}),
                CartPole_v1=100_000,
            ),
            "the catalogue's may not hold under the wrapper gymnasium.wrappers.TimeLimit of short",
        ),
        (
            a_suite(entry("ppo", env_wrapper="mine.Wrapper"), CartPole_v1=100_000),
            "the catalogue's may not hold under the wrapper mine.Wrapper of ppo",
        ),
    ],
)
def test_the_catalogues_reference_holds_where_episodes_and_rewards_are_those_of_its_environment(
    suite: Suite, told: str
) -> None:
    own = catalog.environments()["CartPole-v1"].reference
    assert references(suite) == {"CartPole-v1": None if told else own}
    said = list(unscored(suite, ["CartPole-v1"]))
    assert [told in one for one in said] == [True] * bool(told)
    given = replace(suite, environments=(replace(suite.environments[0], reference=Reference(0.0, 50.0)),))
    assert references(given) == {"CartPole-v1": Reference(0.0, 50.0)}
    assert list(unscored(given, ["CartPole-v1"])) == []


def with_implementation(one: SuiteAlgorithm, implementation: str) -> SuiteAlgorithm:
    return replace(one, implementation=implementation)


def test_another_implementation_is_another_trial_with_the_versions_of_what_it_runs_on() -> None:
    usual, fast = entry("ppo"), with_implementation(entry("ppo", "fast"), "jax")
    trials = {one.label: one for one in planned(a_suite(usual, fast, CartPole_v1=1000), seeds=1).trials}
    assert trials["fast"].implementation == "bench.algorithms.compiled.actor_critic:PPO"
    assert set(trials["fast"].versions) == {"jax", "jaxlib", "optax", "stable-baselines3", "torch", "gymnasium"}
    assert trials["fast"].hyperparameters == trials["ppo"].hyperparameters
    assert trials["fast"].fingerprint != trials["ppo"].fingerprint
    assert catalog.algorithm_of(trials["fast"]).own == "jax"
    assert catalog.algorithm_of(trials["ppo"]).own == "sb3"
    assert expected_seconds(trials["fast"]) < expected_seconds(trials["ppo"])


def test_settings_of_a_named_set_that_an_implementation_does_not_take_are_complained_of() -> None:
    sde = with_implementation(entry("a2c", "sde", chosen="rl-zoo"), "jax")
    with pytest.raises(SuiteError, match=r"a2c \(jax\): use_sde wants false"):
        planned(a_suite(sde, Pendulum_v1=1000))


@pytest.mark.parametrize(
    ("name", "environment", "said"),
    [
        ("sac", "MountainCarContinuous_v0", r"sac \(sbx\): use_sde wants false"),
        ("td3", "BipedalWalkerHardcore_v3", r"td3 \(sbx\): learning_rate wants a number"),
    ],
)
def test_values_of_a_named_set_that_an_implementation_does_not_follow_are_complained_of(
    name: str, environment: str, said: str
) -> None:
    one = with_implementation(entry(name, chosen="rl-zoo"), "sbx")
    with pytest.raises(SuiteError, match=said):
        planned(a_suite(one, **{environment: 1000}))


def test_what_is_not_installed_is_named_by_its_command() -> None:
    there = catalog.find_algorithm("ppo", "jax")
    assert catalog.missing(there) == ""
    assert catalog.missing(replace(there, distributions=("nowhere",))) == "pip install 'bench[jax]'"
    assert catalog.missing(replace(there, distributions=("nowhere",), extra="")) == ""
