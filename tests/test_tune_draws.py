"""Search spaces hold what they say, and every configuration drawn from them can be run as it is."""

from __future__ import annotations

import inspect
import math
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import hyperparameters
from bench.algorithms.tabular import SoftmaxReinforceSettings, TemporalDifferenceSettings
from bench.catalog import algorithms, find_algorithm, load
from bench.errors import BenchError
from bench.hyperparameters.values import checked, schedule
from bench.plan import plan
from bench.records import Reference, Suite, SuiteAlgorithm, SuiteEnvironment
from bench.runner.rehearsal import rehearse
from bench.tune.draws import Place, broken_by_default, configuration, defaults, unit
from bench.tune.spaces import Dimension, Quantity, space, spaces
from tests.making import small_trial

CARTPOLE = Place("CartPole-v1", 100_000, 500, "discrete", 475.0)
PENDULUM = Place("Pendulum-v1", 20_000, 200, "continuous", -150.0)
WALKER = Place("BipedalWalker-v3", 200_000, 1600, "continuous", 300.0)
LAKE = Place("FrozenLake-v1", 5_000, 100, "discrete", 0.7)
MASKED = Place("tests.test_sb3_adapter:tests/Masked-v0", 100_000, 5, "discrete", 5.0)
TABULAR: dict[str, Any] = {
    "q_learning": TemporalDifferenceSettings,
    "sarsa": TemporalDifferenceSettings,
    "expected_sarsa": TemporalDifferenceSettings,
    "softmax_reinforce": SoftmaxReinforceSettings,
}
WHOSE = [(name, own) for name in spaces() for own in find_algorithm(name).implementations]


def place_for(algorithm: str) -> Place:
    entry = find_algorithm(algorithm)
    if algorithm in TABULAR:
        return LAKE
    if entry.needs_masks:
        return MASKED
    return CARTPOLE if "discrete" in entry.actions else PENDULUM


@pytest.mark.parametrize("name", sorted(set(spaces()) - set(TABULAR)))
def test_defaults_are_the_constructors(name: str) -> None:
    parameters = inspect.signature(load(find_algorithm(name).implementation).__init__).parameters
    told = {one: value for one, value in defaults(space(name)).items() if one in parameters and one != "policy"}
    # The set `default` has a word on what this harness implements itself.
    known = {one: parameters[one].default for one in told} | hyperparameters.resolve("default", name, "CartPole-v1")[0]
    assert told == {one: known[one] for one in told}


@pytest.mark.parametrize("name", sorted(TABULAR))
def test_defaults_of_tables_are_their_settings(name: str) -> None:
    known = {one.name: one.default for one in fields(TABULAR[name])}
    assert defaults(space(name)) == {one: known[one] for one in defaults(space(name))}


@pytest.mark.parametrize("name", spaces())
def test_learning_rates_hold_the_default_and_what_was_published_for_these_environments(name: str) -> None:
    (rate,) = (one for one in space(name).dimensions if one.name == "learning_rate")
    entries = [row for part in hyperparameters.parts("rl-zoo") for row in part.entries.get(name, {}).values()]
    given = [row["learning_rate"] for row in entries if "learning_rate" in row]
    assert rate.log is not None
    for value in (rate.default, *(schedule(one) if isinstance(one, str) else one for one in given)):
        assert rate.log[0] <= value <= rate.log[1]


def test_learning_rates_reach_a_decade_each_side_of_the_default_but_for_those_that_the_rule_names() -> None:
    exceptions, named = set(), set()
    for name in spaces():
        (rate,) = (one for one in space(name).dimensions if one.name == "learning_rate")
        assert rate.log is not None
        if rate.log[0] > 1.001 * rate.default / 10 or rate.log[1] < 0.999 * rate.default * 10:
            exceptions.add(name)
        if rate.instead:
            named.add(name)
    assert exceptions == named == {"reinforce", "qrdqn"}
    assert "REINFORCE" in space("ppo").rule
    assert "QR-DQN" in space("ppo").rule


@pytest.mark.parametrize(("name", "implementation"), WHOSE)
def test_every_draw_is_taken_by_its_implementation_at_every_budget(name: str, implementation: str) -> None:
    searched = space(name, implementation)
    entry = find_algorithm(name, implementation)
    for base in (CARTPOLE, PENDULUM, WALKER, LAKE, Place("unknown", 60_000, None, "")):
        for steps in (500, 3_000, 20_000, 1_000_000):
            place = Place(base.environment, steps, base.horizon, base.actions, base.best)
            for number in range(1, 40):
                drawn = configuration(searched, place, number, 3)
                assert drawn.keys() <= set(entry.settings or {})
                for setting, value in drawn.items():
                    assert checked(name, setting, value, implementation) == value


@pytest.mark.parametrize("name", spaces())
def test_no_draw_breaks_a_limit_that_its_smallest_value_keeps(name: str) -> None:
    searched = space(name)
    for place in (CARTPOLE, PENDULUM, WALKER, Place("CartPole-v1", 20_000, 500, "discrete")):
        for number in range(1, 200):
            drawn = configuration(searched, place, number, 0)
            facts = {
                **place.facts(),
                **drawn,
                **{f"policy_kwargs.{k}": v for k, v in drawn.get("policy_kwargs", {}).items()},
            }
            for one in searched.dimensions:
                if one.name not in facts or not one.applies(facts, place.actions):
                    continue
                # A learner of whole episodes needs one: two where their mean is the baseline.
                least = min((value for value in one.values if isinstance(value, int)), default=1)
                assert not one.broken(facts[one.name], facts) or facts[one.name] == least, (name, place, drawn)


@pytest.mark.parametrize("name", spaces())
def test_the_plan_has_nothing_to_say_against_a_draw(name: str) -> None:
    place = place_for(name)
    drawn = [configuration(space(name), place, number, 1) for number in range(1, 25)]
    entries = [SuiteAlgorithm(f"{name} {n:02}", name, "default", settings) for n, settings in enumerate(drawn, start=1)]
    where = (SuiteEnvironment(place.environment, place.steps, reference=Reference(0, 1)),)
    made = plan(Suite("tuning", "", "", tuple(range(10)), tuple(entries), where))
    assert len({trial.configuration for trial in made.trials}) == 24
    assert list(made.warnings) == []


@pytest.mark.parametrize("name", sorted(set(spaces()) - {"dqn_mse"}))
def test_a_draw_learns_without_complaint(name: str, tmp_path: Path) -> None:
    place = replace(place_for(name), steps=2_000)
    drawn = configuration(space(name), place, 2, 0)
    assert rehearse(small_trial(name, place.environment, steps=place.steps, hyperparameters=drawn), tmp_path) is None


def test_a_configuration_keeps_its_numbers_in_every_environment() -> None:
    searched = space("ppo")
    here, there = (configuration(searched, place, 7, 0) for place in (CARTPOLE, PENDULUM))
    same = ("learning_rate", "gamma", "gae_lambda", "n_epochs", "clip_range", "ent_coef", "policy_kwargs")
    assert {name: here[name] for name in same} == {name: there[name] for name in same}
    assert "use_sde" in there
    assert "use_sde" not in here


def test_a_configuration_depends_on_seed_algorithm_and_number_alone() -> None:
    first = [configuration(space("dqn"), CARTPOLE, number, 0) for number in range(1, 13)]
    again = [configuration(space("dqn"), CARTPOLE, number, 0) for number in reversed(range(1, 13))]
    assert first == again[::-1]
    assert configuration(space("dqn"), CARTPOLE, 3, 1) != first[2]
    assert unit(0, "dqn", 3, "gamma") != unit(0, "qrdqn", 3, "gamma")


def test_unit_numbers_are_even_and_independent_of_one_another() -> None:
    found = np.array([[unit(0, "ppo", number, name) for name in ("a", "b")] for number in range(4000)])
    # Standard errors: 0.289 / sqrt(4000) = 0.0046 of the mean, 1 / sqrt(4000) = 0.016 of a correlation.
    assert np.abs(found.mean(axis=0) - 0.5).max() < 0.02
    assert abs(np.corrcoef(found.T)[0, 1]) < 0.06
    assert found.min() >= 0
    assert found.max() < 1


def test_configuration_zero_is_the_library_s_own() -> None:
    assert configuration(space("ppo"), CARTPOLE, 0, 5) == {}


def test_limits_by_hand() -> None:
    rollout = next(one for one in space("ppo").dimensions if one.name == "n_steps")
    # A tenth of 5,000 steps over 4 copies is 125: 16, 32 and 64 are left, a third of the unit interval each.
    facts = {"steps": 5_000, "n_envs": 4}
    assert [rollout.drawn(u, facts) for u in (0.0, 0.34, 0.67, 0.999)] == [16, 32, 64, 64]
    # Over 16 copies of 1,000 steps not even 16 fit: the smallest stays.
    assert rollout.drawn(0.9, {"steps": 1_000, "n_envs": 16}) == 16
    # Halfway between 1e-4 and 0.01 on a log scale is 1e-3, and of a complement 0.999.
    assert Dimension("x", log=(1e-4, 1e-2)).drawn(0.5, {}) == 1e-3
    assert Dimension("x", log=(1e-4, 1e-2), complement=True).drawn(0.5, {}) == 0.999
    # The atom takes the first sixth, what is left covers the range anew.
    atom = Dimension("x", uniform=(0.0, 5.0), atom=math.inf, chance=1 / 6)
    assert [atom.drawn(u, {}) for u in (0.1, 1 / 6, 7 / 12)] == [math.inf, 0.0, 2.5]
    # Whole numbers from 1 to 10 have a tenth each; a limit of 4.9 leaves four.
    whole = Dimension("x", uniform=(1, 10), whole=True, at_most=Quantity(0.49, ("train_freq",)))
    assert [whole.drawn(u, {}) for u in (0.0, 0.1, 0.999)] == [1, 2, 10]
    assert [whole.drawn(u, {"train_freq": 10}) for u in (0.0, 0.25, 0.5, 0.999)] == [1, 2, 3, 4]


def test_what_depends_on_another_setting_is_drawn_only_with_it() -> None:
    drawn = [configuration(space("reinforce"), CARTPOLE, number, 0) for number in range(1, 60)]
    assert {one["baseline"] for one in drawn} == {"none", "mean", "value"}
    for one in drawn:
        assert ("value_epochs" in one) == (one["baseline"] == "value")
        assert one["episodes_per_update"] >= (2 if one["baseline"] == "mean" else 1)
        assert one["n_envs"] <= one["episodes_per_update"]


def test_an_implementation_is_offered_only_what_it_takes() -> None:
    names = {one.name: one.values for one in space("dqn", "sbx").dimensions}
    assert names["policy_kwargs.net_arch"] == ([64, 64], [256, 256])
    assert {one.name: one.values for one in space("ppo", "jax").dimensions}["use_sde"] == (False,)


def test_defaults_that_break_a_rule_are_told() -> None:
    # PPO's 2,048 steps are nine updates of Pendulum's 20,000: a rollout may take a tenth.
    assert broken_by_default(space("ppo"), PENDULUM) == ("n_steps 2,048 is more than 0.1 x steps / n_envs = 2,000",)
    assert broken_by_default(space("ppo"), CARTPOLE) == ()
    assert broken_by_default(space("ppo"), CARTPOLE, {"n_envs": 8}) == (
        "n_steps 2,048 is more than 0.1 x steps / n_envs = 1,250",
    )


def test_every_algorithm_that_learns_has_a_space_and_no_other() -> None:
    assert set(spaces()) == {name for name, entry in algorithms().items() if entry.learns}
    with pytest.raises(BenchError, match=r"random has no search space; there is one for a2c, a3c, ars, crossq"):
        space("random")


def test_spaces_taken_from_a_related_algorithm_differ_where_the_algorithms_do() -> None:
    names = {
        one: [row.name for row in space(one).dimensions] for one in ("ppo", "maskable_ppo", "ppo_lstm", "sac", "crossq")
    }
    assert names["maskable_ppo"] == [one for one in names["ppo"] if one != "use_sde"]
    assert set(names["ppo_lstm"]) - set(names["ppo"]) == {"policy_kwargs.lstm_hidden_size"}
    assert set(names["sac"]) ^ set(names["crossq"]) == {"tau", "policy_delay"}
