"""A random policy on environments whose every fact is known, and on some that fail."""

from dataclasses import fields, replace

import numpy as np
import pytest
from ruamel.yaml import YAML

from bench.catalog import environments
from bench.environments.inspection import inspections
from bench.environments.probe import reward_kind
from bench.records import Inspection, Task, Traits
from bench.which.traits import shipped, written

HERE = "tests.which_environments:which"


def inspected(environment: str, steps: int = 1000, seconds: float = 5.0, seed: int = 0) -> Inspection:
    *_, last = inspections(Task(environment), seed, steps=steps, seconds=seconds)
    return last


def probed(name: str, steps: int = 1000, seconds: float = 5.0, seed: int = 0) -> Traits:
    traits = inspected(f"{HERE}/{name}-v0", steps, seconds, seed).traits
    assert traits is not None
    return traits


def test_a_reward_at_the_end_alone_by_hand() -> None:
    # 25 episodes of 40 steps: 39 zeros and a one.
    traits = probed("Clockwork")
    assert (traits.actions, traits.action_size) == ("discrete", 3)
    assert (traits.observations, traits.observation_size) == ("vector", 2)
    assert (traits.steps, traits.episodes, traits.horizon, traits.longest) == (1000, 25, None, 40)
    assert (traits.mean_length, traits.mean_return, traits.sd_return, traits.best_return) == (40.0, 1.0, 0.0, 1.0)
    assert (traits.uncommon_rewards, traits.last_rewards, traits.uncommon_returns) == (1 / 40, 1.0, 0.0)
    assert traits.mean_reward == pytest.approx(1 / 40)
    # A share p of ones: the sample variance is p (1 - p) n / (n - 1).
    assert traits.sd_reward == pytest.approx(np.sqrt(39 / 1600 * 1000 / 999))
    assert (traits.rewards, traits.terminated, traits.threshold, traits.troubles) == ("sparse", 1.0, None, ())


def test_a_time_limit_is_no_end_of_the_environments_own() -> None:
    traits = probed("Limited")
    assert (traits.horizon, traits.longest, traits.terminated, traits.threshold) == (25, 25, 0.0, -10.0)
    assert (traits.rewards, traits.uncommon_rewards, traits.last_rewards) == ("constant", 0.0, None)
    assert (traits.mean_return, traits.best_return) == (-25.0, -25.0)


def test_the_share_of_lucky_episodes_is_what_chance_gives() -> None:
    # One action of three pays: a third of 5,000 episodes, within four standard errors.
    traits = probed("Lucky", steps=10_000)
    assert traits.uncommon_returns == pytest.approx(1 / 3, abs=4 * np.sqrt(2 / 9 / 5000))
    assert traits.mean_return == traits.uncommon_returns


def test_an_unfinished_episode_has_no_return() -> None:
    assert probed("Clockwork", steps=39).mean_return is None
    assert probed("Clockwork", steps=41).episodes == 1
    assert probed("Clockwork", steps=41).uncommon_returns is None


def test_both_limits_hold() -> None:
    assert probed("Endless", steps=77).steps == 77
    assert probed("Endless", steps=10**9, seconds=0.05).steps < 10**6


def test_the_generator_alone_decides_what_is_played() -> None:
    def played(seed: int) -> Traits:
        return replace(probed("Lucky", seed=seed), steps_per_second=None)

    assert played(3) == played(3)
    assert played(3) != played(4)


@pytest.mark.parametrize(
    ("share", "kind"), [(None, None), (0.0, "constant"), (0.05, "sparse"), (0.051, "dense"), (1.0, "dense")]
)
def test_how_an_environment_pays(share: float | None, kind: str | None) -> None:
    assert reward_kind(share) == kind


@pytest.mark.parametrize(
    ("name", "trouble"),
    [
        ("Endless", "no episode ended within 1,000 random steps"),
        ("Huge", "observations reach 5e+03"),
        ("Huge", "an action ranges from 0 to 10"),
        ("Unbounded", "actions have no bounds"),
    ],
)
def test_what_needs_care_is_told(name: str, trouble: str) -> None:
    assert any(trouble in told for told in probed(name).troubles)


@pytest.mark.parametrize("name", ["Masked", "MaskedTwice"])
def test_only_valid_actions_are_played(name: str) -> None:
    traits = probed(name)
    assert traits.masks
    assert traits.episodes == 25


def test_few_episodes_are_told() -> None:
    assert any("only 2 whole random episodes" in told for told in probed("Clockwork", steps=90).troubles)


def test_what_is_not_finite_is_counted_and_no_number_is_made_of_it() -> None:
    # NaN rewards from step 101 on, episodes of ten steps.
    traits = inspected("bench.environments.toy:bench/NaN-v0", steps=300).traits
    assert traits is not None
    assert any("200 of 300 rewards are not finite" in told for told in traits.troubles)
    numbers = [getattr(traits, field.name) for field in fields(traits)]
    assert all(np.isfinite(number) for number in numbers if isinstance(number, float))
    assert traits.mean_return is None


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        (
            f"{HERE}/OldStep-v0",
            "terminated, truncated and a dictionary (info); it returns 4 values: that is the API of Gym",
        ),
        (f"{HERE}/OldReset-v0", "reset() must return an observation and a dictionary (info); it returns ndarray"),
        (f"{HERE}/Broken-v0", "cannot be made: RuntimeError: no licence found ("),
        (f"{HERE}/Spaceless-v0", "has no action_space"),
        ("tests.which_environments:which/Clokwork-v0", "did you mean 'tests.which_environments:which/Clockwork-v0'?"),
        (
            "nowhere_at_all:CartPole-v1",
            "No module named 'nowhere_at_all'; modules are looked for among what is installed and in the working",
        ),
        ("LunarLandr-v3", "cannot be made: Environment `LunarLandr` doesn't exist; did you mean 'LunarLander-v3'"),
        # Gymnasium would take the newest version with a mere warning.
        ("MountainCar", "names no version; did you mean 'MountainCar-v0'"),
    ],
)
def test_what_fails_in_every_trial_is_a_complaint_with_the_environments_name(environment: str, told: str) -> None:
    found = inspected(environment, steps=500)
    assert told in found.complaint
    assert environment in found.complaint
    assert found.failure == ""


def test_a_name_is_guessed_only_where_the_name_is_wrong() -> None:
    for environment in ("CartPole-v1", "gymnasium:CartPole-v1", f"{HERE}/Clockwork-v0"):
        *_, found = inspections(Task(environment, {"colour": "red"}), 0, steps=1, seconds=1.0)
        told = found.complaint
        assert "unexpected keyword argument 'colour'" in told
        assert "did you mean" not in told


def test_what_fails_only_later_is_told_and_does_not_say_that_all_trials_fail() -> None:
    found = inspected("bench.environments.toy:bench/Crash-v0", steps=500)
    assert found.complaint == ""
    assert "'bench.environments.toy:bench/Crash-v0' fails after 100 random steps: RuntimeError" in found.failure
    assert found.traits is not None
    assert found.traits.actions == "discrete"
    # Nobody knows whether an episode would have ended.
    assert not [said for said in found.traits.troubles if "episode" in said]


def test_trouble_with_a_second_instance_with_closing_and_with_gymnasiums_own_check_is_told() -> None:
    assert any("a second instance cannot be made while the first is open" in one for one in probed("Single").troubles)
    assert any("close() fails" in one and "already gone" in one for one in probed("Unclosed").troubles)
    assert any("check_env says: AssertionError" in one for one in probed("Unseeded").troubles)


def test_a_wrapper_that_ends_episodes_is_told() -> None:
    wrappers = ({"gymnasium.wrappers.TimeLimit": {"max_episode_steps": 7}},)
    *_, last = inspections(Task(f"{HERE}/Clockwork-v0", wrappers=wrappers), 0, steps=100, seconds=5.0)
    assert last.traits is not None
    assert last.traits.longest == 7
    assert any("a wrapper ends episodes that the environment would go on with" in one for one in last.traits.troubles)


def test_every_stage_is_told_before_the_next_may_kill_the_process() -> None:
    stages = [one.stage for one in inspections(Task(f"{HERE}/Clockwork-v0"), 0, steps=100, seconds=5.0)]
    assert list(dict.fromkeys(stages)) == ["reset", "play", "check", "close", "done"]


def test_the_shipped_traits_agree_with_the_catalogue() -> None:
    known, catalogue = shipped(), environments()
    assert {name for name, entry in catalogue.items() if entry.reference} <= set(known)
    for name, traits in known.items():
        entry = catalogue[name]
        assert (traits.actions, traits.observations) == (entry.actions, entry.observations), name
        assert (traits.horizon or entry.horizon) == entry.horizon, name
        assert traits.steps > 0, name


def test_random_returns_agree_with_the_catalogues_references() -> None:
    # Another seed and fewer episodes than the references had: within five standard errors.
    for name, traits in shipped().items():
        reference = environments()[name].reference
        if reference is not None and traits.sd_return and traits.episodes > 20:
            assert traits.mean_return == pytest.approx(
                reference.random, abs=5 * traits.sd_return / np.sqrt(traits.episodes) + 0.01 * abs(reference.random)
            ), name


def test_traits_are_read_back_as_they_were_written() -> None:
    traits = replace(probed("Huge"), steps_per_second=12_345.678)
    text = written([traits], "one line\nanother", {"python": "3"})
    assert text.startswith("# one line\n# another\nsource:")
    entry = YAML(typ="safe", pure=True).load(text)["environments"][f"{HERE}/Huge-v0"]
    again = Traits(**{**entry, "environment": f"{HERE}/Huge-v0", "troubles": tuple(entry["troubles"])})
    assert again == replace(
        traits, steps_per_second=12_350.0, sd_reward=float(f"{traits.sd_reward:.4g}"), mean_reward=again.mean_reward
    )
