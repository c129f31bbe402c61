"""Which algorithm for my environment: what is near, what that says, and the suite that would settle it."""

import gzip
import json
import runpy
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.cli.app import main
from bench.errors import BenchError
from bench.pipeline import RunOptions, open_experiment, prepare, run
from bench.records import Failure, Reference, SuiteEnvironment, Traits, Trial
from bench.suite import parse
from bench.suite.draft import Draft, DraftAlgorithm, DraftEnvironment, file_name, text
from bench.which import answer
from bench.which.advice import advise
from bench.which.answer import _fitting, which
from bench.which.command import _say, count
from bench.which.evidence import (
    Ground,
    Question,
    Source,
    best_of,
    first_grounds,
    nearness,
    race,
    scores,
    stored,
)
from bench.which.proposal import _affordable, _draft, _updates, _written, propose
from bench.which.records import Advice, Answer, Further, Option, Request, first_choices
from bench.which.stored import _unpacked, packed
from bench.which.traits import shipped
from bench.which.transfer import CLOSE, likeness, same
from bench.which.tuning import after_tuning, with_published
from tests.commanding import bench
from tests.making import TOY, run_suite, suite_file
from tests.test_analysis_estimates import Results, record_of, results_of
from tests.test_cli import HEAVY

KNOWN = Traits(
    environment="env-0",
    actions="discrete",
    observations="vector",
    action_size=2,
    observation_size=10,
    horizon=100,
    longest=100,
    rewards="dense",
    steps=1000,
    episodes=10,
    mean_length=100.0,
    mean_return=5.0,
    sd_return=2.0,
    best_return=9.0,
    uncommon_rewards=0.9,
    uncommon_returns=0.8,
    terminated=0.5,
    steps_per_second=1000.0,
)
MINE = replace(KNOWN, environment="mine:Env-v0")
DQN, A2C = Option("dqn", "dqn", "default", seconds_per_step=0.1), Option("a2c", "a2c", "default", seconds_per_step=0.2)
PPO = Option("ppo", "ppo", "default", seconds_per_step=0.3)
FITS = (DQN, A2C, PPO)


def around(level: float, n: int = 10, spread: float = 0.02) -> list[float]:
    """Return n scores around a level, all different."""
    return [level + spread * (place - (n - 1) / 2) / n for place in range(n)]


def known_of(results: Results, traits: Mapping[str, Traits] | None = None, steps: int | None = None) -> list[Ground]:
    names = [place.environment for place in results.suite.environments]
    given_traits = traits or {name: replace(KNOWN, environment=name) for name in names}
    return grounds([source_of(results)], given_traits, steps)


def grounds(sources: Sequence[Source], traits: Mapping[str, Traits], steps: int | None) -> list[Ground]:
    return best_of(stored(sources, traits, steps), steps)


def proposed(request: Request, advice: Advice, fits: Sequence[Option], sources: Sequence[Source]) -> str:
    return _written(_draft(request, advice, fits, sources)[0])


def source_of(results: Results, place: str = "results/made-up") -> Source:
    return Source(place, results.suite, results.planned, results.outcomes, results.references)


def advice_of(results: Results, target: Traits = MINE, **question: Any) -> Advice:
    return advise(
        Question(target, **question), known_of(results, steps=question.get("steps")), FITS, np.random.default_rng(0)
    )


def test_an_environment_is_close_to_its_like() -> None:
    found = likeness(MINE, KNOWN)
    assert (found.level, found.distance, found.different) == ("close", 0.0, ())
    assert found.alike[0] == "discrete actions, vector observations"


@pytest.mark.parametrize(
    ("change", "distance", "told"),
    [
        # A factor of ten counts one; a share its difference; what ends an episode, and the spread of returns, half.
        ({"observation_size": 100}, 1.0, "100 observations against 10"),
        ({"action_size": 20}, 1.0, "20 actions against 2"),
        ({"horizon": 10_000}, 2.0, "10,000 steps an episode against 100"),
        ({"uncommon_rewards": 0.1, "rewards": "dense"}, 0.8, "most steps pay differently"),
        ({"uncommon_rewards": 0.0, "rewards": "constant"}, 0.9, "every step pays the same, there most steps"),
        ({"uncommon_returns": 0.2}, 0.6, "episodes in which random play changes the return: 20 %, there 80 %"),
        ({"terminated": 1.0}, 0.25, "episodes that end before a time limit: 100 %, there 50 %"),
        ({"sd_return": 200.0}, 1.0, "random returns spread by 200 against 2"),
        # Not known counts half.
        ({"observation_size": None}, 0.5, "not known: observations"),
        ({"sd_return": None, "terminated": None}, 1.0, "not known: "),
        # No time limit: the longest episode stands for it.
        ({"horizon": None, "longest": 1000}, 1.0, "1,000 steps an episode against 100"),
    ],
)
def test_every_difference_counts_as_declared_and_is_told(change: dict[str, Any], distance: float, told: str) -> None:
    found = likeness(replace(MINE, **change), KNOWN)
    assert found.distance == pytest.approx(distance)
    assert any(told in words for words in found.different), found.different
    assert found.level == ("close" if distance <= CLOSE else "far")


def test_a_budget_beyond_the_stored_runs_is_distance() -> None:
    assert likeness(MINE, KNOWN, steps=10_000, budget=1000).distance == pytest.approx(1.0)
    assert likeness(MINE, KNOWN, steps=500, budget=1000).distance == 0.0


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (replace(MINE, actions="continuous"), "discrete actions, not continuous"),
        (replace(MINE, observations="image"), "vector observations, not image"),
    ],
)
def test_nothing_carries_over_between_kinds(other: Traits, told: str) -> None:
    found = likeness(other, KNOWN)
    assert (found.level, found.distance, found.different) == ("none", None, (told,))


def test_the_module_that_registers_an_id_makes_no_other_environment_of_it() -> None:
    assert same("mine:Env-v0", "Env-v0")
    assert same("Env-v0", "Env-v0")
    assert not same("mine:Env-v0", "yours:Env-v0")
    assert not same("Env-v0", "Env-v1")
    assert "another version: v1, not v0" in likeness(MINE, replace(KNOWN, environment="Env-v1")).different


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.floats(0, 1), st.floats(0, 1))
def test_distance_is_the_same_both_ways(size: int, other: int, share: float, ending: float) -> None:
    far = replace(MINE, observation_size=size, horizon=other, uncommon_returns=share, terminated=ending)
    assert likeness(far, KNOWN).distance == pytest.approx(likeness(KNOWN, far).distance)


def test_scores_are_read_off_the_curve_at_the_budget() -> None:
    results = results_of({("ppo", "env-0"): [0.9] * 4, ("dqn", "env-0"): [0.1] * 4})
    curve = [0, 0.2, 0.4, 0.6, 0.8]
    curved = results.changed(
        lambda old: replace(record_of(old.trial, 0.9), curve=record_of(old.trial, 0, curve=curve).curve)
    )
    (ground,) = known_of(curved)
    cell = next(cell for cell in ground.cells.values() if cell.label == "ppo")
    # Evaluated at 200, 400, ..., 1000 of 1000 steps; the final policy scored 0.9.
    assert scores(cell, 500).tolist() == pytest.approx([0.3] * 4)
    assert scores(cell, 400).tolist() == pytest.approx([0.2] * 4)
    assert scores(cell, 1).tolist() == pytest.approx([0.0] * 4)
    for steps in (1000, 5000, None):
        assert scores(cell, steps).tolist() == pytest.approx([0.9] * 4)


@pytest.mark.parametrize(
    ("environment", "algorithms", "told"),
    [
        ("bench/CartPoleNoVelocity-v0", ("ppo", "dqn"), "it hides what a memory finds out"),
        ("env-0", ("dqn", "dqn_mse"), "one algorithm is compared there, with other settings or additions"),
        ("env-0", ("ppo", "dqn"), ""),
    ],
)
def test_what_was_made_to_show_one_thing_and_variants_of_one_algorithm_speak_for_themselves_alone(
    environment: str, algorithms: tuple[str, ...], told: str
) -> None:
    known = replace(KNOWN, environment=environment)
    results = results_of({(name, environment): around(0.5) for name in algorithms})
    [ground] = grounds([source_of(results)], {environment: known}, None)
    elsewhere, there = (nearness(Question(target), ground) for target in (MINE, known))
    assert (elsewhere.level, elsewhere.different if told else ()) == (("none", (told,)) if told else ("close", ()))
    assert there.level == "same"
    assert (race(Question(MINE), [ground]) is None) == bool(told)
    assert race(Question(known), [ground]) is not None


def test_a_suite_of_several_algorithms_is_the_evidence_even_beside_more_runs_of_variants_of_one() -> None:
    traits = {"env-0": replace(KNOWN, environment="env-0")}
    variants = results_of({("dqn", "env-0"): around(0.9, 20), ("dqn_mse", "env-0"): around(0.2, 20)})
    # Two runs of dqn are too few to count; the other two algorithms have what it takes.
    several = results_of({("ppo", "env-0"): around(0.9), ("a2c", "env-0"): around(0.5), ("dqn", "env-0"): [0.1, 0.2]})
    two = results_of({("ppo", "env-0"): around(0.9, 20), ("a2c", "env-0"): around(0.5, 20)})
    three = results_of({(name, "env-0"): around(0.5) for name in ("ppo", "a2c", "trpo")})

    def chosen(*sources: Results) -> str:
        named = [source_of(one, str(place)) for place, one in enumerate(sources)]
        [found] = grounds(named, traits, None)
        return found.place

    assert chosen(variants, several) == "1"
    assert chosen(several, variants) == "0"
    # With as many algorithms, runs decide; more algorithms say more about which one to take.
    assert chosen(several, two) == "1"
    assert chosen(two, three) == "1"
    # Variants are better than nothing.
    assert chosen(variants) == "0"


def test_with_the_librarys_defaults_a_suite_has_every_algorithm_once_by_its_plain_name() -> None:
    # The other algorithms have published settings here, made for more steps: all are proposed with defaults.
    labels = {"ppo bold": 0.5, "ppo": 0.49, "a2c": 0.1}
    results = results_of({(label, "CartPole-v1"): around(level, spread=1.0) for label, level in labels.items()})
    entries = tuple(
        replace(one, algorithm=one.label.partition(" ")[0], hyperparameters={"n_epochs": 3} if " " in one.label else {})
        for one in results.suite.algorithms
    )
    source = source_of(replace(results, suite=replace(results.suite, algorithms=entries)))
    known = grounds([source], shipped(), 5000)
    fits = (PPO, A2C, replace(DQN, hyperparameter_set="rl-zoo"))
    advice = advise(Question(shipped()["CartPole-v1"], steps=5000), known, fits, np.random.default_rng(0))
    assert {"ppo bold", "ppo"} <= {one.label for one in advice.candidates}
    drafted = parse(proposed(Request("CartPole-v1", steps=5000), advice, fits, [source]), "which.yaml")
    names = [(one.label, one.algorithm, dict(one.hyperparameters)) for one in drafted.algorithms]
    assert names == [(name, name, {}) for name in ("ppo", "a2c", "dqn", "random")]


def test_a_variant_of_another_algorithm_is_not_proposed_by_itself(tmp_path: Path) -> None:
    asked = Request("CartPole-v1", results=tmp_path, to=tmp_path / "proposed.yaml")
    offered = {option.algorithm for option in _fitting(shipped()["CartPole-v1"])}
    assert {"dqn", "qrdqn", "ppo"} <= offered
    offered |= {entry.algorithm for entry in parse(which(asked).proposal.text, "x").algorithms} - {"random"}
    assert not offered & {"dqn_mse", "random"}


def test_results_on_the_very_environment_are_used_alone() -> None:
    results = results_of(
        {
            ("ppo", "env-0"): around(0.9),
            ("dqn", "env-0"): around(0.2),
            ("ppo", "env-1"): around(0.1),
            ("dqn", "env-1"): around(0.9),
        }
    )
    advice = advice_of(results, replace(KNOWN, environment="env-0"), steps=1000)
    assert (advice.level, advice.choose, advice.as_good, advice.n) == ("same", "ppo", (), 10)
    assert [one.environment for one in advice.likenesses if one.used] == ["env-0"]
    assert advice.verdict == "For env-0, within 1,000 steps: choose ppo."
    assert advice.candidates[0].probability_best == pytest.approx(1.0, abs=0.001)
    assert advice.trust is None


def test_chance_of_being_best_and_regret_are_averaged_over_environments() -> None:
    results = results_of(
        {
            ("ppo", "env-0"): around(0.9),
            ("dqn", "env-0"): around(0.1),
            ("ppo", "env-1"): around(0.5),
            ("dqn", "env-1"): around(0.7),
        }
    )
    advice = advice_of(results)
    assert [one.label for one in advice.candidates] == ["ppo", "dqn"]
    # ppo is best on one of two and 0.2 short on the other; dqn is 0.8 short there.
    assert [one.probability_best for one in advice.candidates] == pytest.approx([0.5, 0.5], abs=0.01)
    assert [one.regret for one in advice.candidates] == pytest.approx([0.1, 0.4], abs=0.01)


def test_only_the_nearest_count_and_far_ones_never_beside_close_ones() -> None:
    names = [f"env-{place}" for place in range(5)]
    results = results_of({(label, name): around(0.5) for name in names for label in ("ppo", "dqn")})
    # Distances 0, 0.3, 0.6, 0.9 and 3.
    sizes = [10, 20, 40, 80, 10_000]
    traits = {
        name: replace(KNOWN, environment=name, observation_size=size) for name, size in zip(names, sizes, strict=True)
    }
    for nearest, expected in ((3, names[:3]), (2, names[:2]), (9, names[:4])):
        found = race(Question(MINE, nearest=nearest), known_of(results, traits))
        assert found is not None
        assert [ground.environment for ground in found.grounds] == expected


def test_far_evidence_gives_a_first_guess_and_no_recommendation() -> None:
    results = results_of({("ppo", "env-0"): around(0.9), ("dqn", "env-0"): around(0.1)})
    advice = advice_of(results, replace(MINE, observation_size=100_000))
    assert (advice.level, advice.choose, advice.candidates[0].label) == ("far", None, "ppo")
    assert advice.verdict.startswith("Not enough evidence for mine:Env-v0")
    assert advice.verdict.endswith("First guess: ppo or dqn, what the field tries first.")


def test_without_any_evidence_what_fits_is_listed_the_cheapest_first() -> None:
    results = results_of({("ppo", "env-0"): around(0.9), ("dqn", "env-0"): around(0.1)})
    advice = advice_of(results, replace(MINE, actions="continuous"))
    assert (advice.level, advice.choose, advice.candidates) == ("none", None, ())
    assert [option.label for option in advice.options] == ["dqn", "a2c", "ppo"]
    assert "no stored results of two algorithms carry over to continuous actions and vector" in advice.verdict


@pytest.mark.parametrize(
    ("ppo", "dqn", "floor", "steps", "why"),
    [
        (around(0.9), around(0.2), around(0.0), 2001, "the stored runs end at 1,000 of 2,001 steps"),
        (around(0.9, 3), around(0.2, 3), around(0.0, 3), 1000, "3 runs each, at least 4 are needed"),
        (around(0.1), around(-0.5), around(0.1), 1000, "not shown to be better than random, which does not learn"),
        (
            around(0.5, spread=1.0),
            around(0.45, spread=1.0),
            around(0.0),
            1000,
            "ppo comes first; dqn is not yet told apart from it",
        ),
    ],
)
def test_what_the_evidence_does_not_carry_is_not_recommended(
    ppo: Sequence[float], dqn: Sequence[float], floor: Sequence[float], steps: int, why: str
) -> None:
    results = results_of({("ppo", "env-0"): ppo, ("dqn", "env-0"): dqn, ("random", "env-0"): floor})
    advice = advice_of(results, replace(KNOWN, environment="env-0"), steps=steps)
    assert advice.choose is None
    assert why in advice.verdict
    assert advice.candidates[0].label == "ppo"
    assert "random" not in [one.label for one in advice.candidates]


def test_twice_the_stored_length_is_still_answered() -> None:
    results = results_of({("ppo", "env-0"): around(0.9), ("dqn", "env-0"): around(0.2)})
    advice = advice_of(results, replace(KNOWN, environment="env-0"), steps=2000)
    assert advice.choose == "ppo"
    assert any("Runs end before 2,000 steps on env-0 (1,000)" in caveat for caveat in advice.caveats)


def test_minutes_become_steps_by_the_algorithms_own_speed_and_the_environments() -> None:
    results = results_of({("ppo", "env-0"): around(0.9), ("dqn", "env-0"): around(0.2)})
    # 10 s for 1,000 steps of which the environment took 1 ms each; the user's takes 2 ms: 11 ms a step.
    slow = replace(MINE, steps_per_second=500.0)
    found = race(Question(slow, seconds=60.0), known_of(results))
    assert found is not None
    assert set(found.steps.values()) == {5500}
    # Where stepping seems to have taken all of the time, a fifth is left to the algorithm: 2 ms and 2 ms.
    crawling = {"env-0": replace(KNOWN, steps_per_second=100.0)}
    found = race(Question(slow, seconds=60.0), known_of(results, crawling))
    assert found is not None
    assert set(found.steps.values()) == {15_000}


def test_of_two_suites_the_one_that_reaches_the_budget_speaks_and_then_the_one_with_more_runs() -> None:
    few = results_of({("ppo", "env-0"): around(0.9, 4), ("dqn", "env-0"): around(0.2, 4)})
    many = results_of({("ppo", "env-0"): around(0.9, 6), ("dqn", "env-0"): around(0.2, 6)})
    short = replace(
        many,
        suite=replace(many.suite, environments=(SuiteEnvironment("env-0", 100),)),
        planned=tuple(replace(trial, steps=100) for trial in many.planned),
        outcomes=tuple(replace(old, trial=replace(old.trial, steps=100)) for old in many.outcomes),
    )
    traits = {"env-0": KNOWN}
    for sources, steps, runs in (((few, many), 500, 6), ((few, short), 500, 4), ((few, short), 100, 6)):
        (ground,) = grounds([source_of(one) for one in sources], traits, steps)
        assert ground.runs == runs


def test_of_two_suites_that_reach_near_enough_the_one_with_the_obvious_choices_speaks() -> None:
    long = results_of({("ppo", "env-0"): around(0.9), ("a2c", "env-0"): around(0.2)})
    obvious = results_of({("ppo", "env-0"): around(0.9), ("dqn", "env-0"): around(0.2)})
    for budget, rival in ((500, "dqn"), (400, "a2c")):
        short = replace(
            obvious,
            suite=replace(obvious.suite, environments=(SuiteEnvironment("env-0", budget),)),
            planned=tuple(replace(trial, steps=budget) for trial in obvious.planned),
            outcomes=tuple(replace(old, trial=replace(old.trial, steps=budget)) for old in obvious.outcomes),
        )
        (ground,) = grounds([source_of(long), source_of(short)], {"env-0": KNOWN}, 1000)
        assert {one.algorithm for one in ground.entries.values()} == {"ppo", rival}


def test_published_settings_that_belong_to_another_implementation_are_no_evidence() -> None:
    cells = {(label, "CartPole-v1"): around(0.5) for label in ("ppo", "dqn", "a2c")}
    results = results_of(cells)
    place = SuiteEnvironment("CartPole-v1", 1000)
    for name, left in (("published-cleanrl", {"ppo", "a2c"}), ("made-up", {"ppo", "dqn", "a2c"})):
        named = replace(results, suite=replace(results.suite, name=name, environments=(place,)))
        (ground,) = grounds([source_of(named)], {"CartPole-v1": replace(KNOWN, environment="CartPole-v1")}, 1000)
        assert {found.entries[0].trial.algorithm for found in ground.cells.values()} == left


def test_trials_with_other_settings_of_the_environment_are_no_evidence() -> None:
    results = results_of({("ppo", "env-0"): around(0.9), ("dqn", "env-0"): around(0.2)})
    windy = tuple(replace(trial, environment_kwargs={"wind": True}) for trial in results.planned)
    outcomes = tuple(replace(old, trial=trial) for old, trial in zip(results.outcomes, windy, strict=True))
    assert known_of(replace(results, planned=windy, outcomes=outcomes)) == []


def test_who_lacks_an_environment_is_left_out_and_told() -> None:
    cells = {(label, name): around(0.5) for name in ("env-0", "env-1") for label in ("ppo", "dqn")}
    advice = advice_of(results_of({**cells, ("a2c", "env-0"): around(0.9)}))
    assert {one.label for one in advice.candidates} == {"ppo", "dqn"}
    assert any("Left out" in caveat and "a2c" in caveat for caveat in advice.caveats)


def test_an_algorithm_that_has_hardly_begun_does_not_silence_the_others() -> None:
    cells = {("ppo", "env-0"): around(0.9), ("dqn", "env-0"): around(0.2), ("a2c", "env-0"): around(0.99, 3)}
    advice = advice_of(results_of(cells), replace(KNOWN, environment="env-0"))
    assert (advice.choose, advice.n) == ("ppo", 10)
    assert any("Left out" in caveat and "a2c" in caveat for caveat in advice.caveats)


def test_of_many_rivals_the_nearest_are_told_in_full() -> None:
    levels = {"ppo": 0.5, "dqn": 0.49, "a2c": 0.48, "trpo": 0.47, "qrdqn": 0.46, "ars": 0.45}
    cells = {(label, "env-0"): around(level, spread=2.0) for label, level in levels.items()}
    told = advice_of(results_of(cells), replace(KNOWN, environment="env-0")).confidence
    assert sum(", not yet told apart; " in sentence for sentence in told) == 3
    assert sum(sentence.endswith(" are not yet told apart from ppo either.") for sentence in told) == 1


def test_ten_seeds_or_as_many_as_an_open_pair_needs(tmp_path: Path) -> None:
    def seeds(n: int, gap: float) -> tuple[int, int | None]:
        cells = {
            ("ppo", "CartPole-v1"): around(0.5 + gap, n, spread=1.0),
            ("dqn", "CartPole-v1"): around(0.5, n, spread=1.0),
            ("a2c", "CartPole-v1"): around(-3.0, n),
        }
        results = results_of(cells)
        known = grounds([source_of(results)], shipped(), 1000)
        target = shipped()["CartPole-v1"]
        advice = advise(Question(target, steps=1000), known, FITS, np.random.default_rng(0))
        drafted = proposed(Request("CartPole-v1", steps=1000, results=tmp_path), advice, FITS, [source_of(results)])
        (pair,) = [pair for pair in advice.pairs if {pair.a, pair.b} == {"ppo", "dqn"}]
        return len(parse(drafted, "which.yaml").seeds), pair.more_runs

    assert seeds(5, 0.3)[0] == 10
    enough, more = seeds(10, 0.25)
    assert more is not None
    assert 10 < enough == 10 + more <= 50
    many, more = seeds(10, 0.1)
    # More than fifty settle nothing tonight.
    assert many == 10
    assert more is None or more > 40


def test_no_more_than_a_day_of_one_core_is_proposed_beyond_ten_seeds() -> None:
    # A hundred thousand steps at 0.01 and 0.02 s: 3,000 s a seed, of which a day has 28.
    options = [replace(FITS[0], seconds_per_step=pace) for pace in (0.01, 0.02)]
    assert _affordable(options, 100_000) == 28
    assert _affordable([replace(FITS[0], seconds_per_step=None)], 100_000) == 50


def test_of_two_open_pairs_the_suite_settles_the_one_it_can_and_names_the_other_with_its_price(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Apart by 0.3 and by 0.1.
    levels = {"a2c": 0.75, "dqn": 0.45, "qrdqn": 0.65}
    results = results_of({(label, "CartPole-v1"): around(level, spread=1.0) for label, level in levels.items()})
    source, asked = source_of(results), Request("CartPole-v1", steps=2000, to=tmp_path / "which.yaml")
    question = Question(shipped()["CartPole-v1"], steps=2000)
    advice = advise(question, grounds([source], shipped(), 2000), FITS, np.random.default_rng(0))
    more = {label: pair.more_runs for pair in advice.pairs for label in (pair.a, pair.b) if "a2c" in (pair.a, pair.b)}
    assert (more["qrdqn"] or 99) > 40 > (more["dqn"] or 99)
    proposal = propose(asked, advice, FITS, [source])
    seeds = 10 + (more["dqn"] or 0)
    assert len(parse(proposal.text, "which.yaml").seeds) == seeds
    settled, left = proposal.remarks
    assert settled == f"{seeds} seeds would tell a2c apart from dqn, if they differ by as much as it seems."
    assert left.startswith("a2c against qrdqn stays open: ")
    _say(Answer(advice, proposal, ()), 2)
    said, text_ = capsys.readouterr().out, proposal.text.replace("#", "")
    for told in (settled, left):
        assert told in " ".join(said.split())
        assert told in " ".join(text_.split())
    # Of runs that end long before the budget no price is known.
    assert propose(replace(asked, steps=100_000), advice, FITS, [source]).remarks == ()


def test_where_nobody_has_learned_those_are_proposed_who_were_not_tried_who_did_elsewhere_first() -> None:
    results = results_of({(label, "CartPole-v1"): around(0.0, spread=0.01) for label in ("ppo", "dqn")})
    known, asked = grounds([source_of(results)], shipped(), 3000), Request("CartPole-v1", steps=3000)
    fits = (*FITS, Option("qrdqn", "qrdqn", "default"), Option("trpo", "trpo", "default"))
    advice = advise(Question(shipped()["CartPole-v1"], steps=3000), known, fits, np.random.default_rng(0))
    advice = replace(advice, learned_elsewhere=("qrdqn", "ppo"))

    def labels(offered: Sequence[Option]) -> list[str]:
        return [one.label for one in parse(proposed(asked, advice, offered, []), "which.yaml").algorithms]

    assert advice.nobody
    assert labels(fits)[0] == "qrdqn"
    assert set(labels(fits)) == {"qrdqn", "a2c", "trpo", "random"}
    assert "Not tried again: ppo and dqn, which did not learn it." in " ".join(
        proposed(asked, advice, fits, []).replace("#", "").split()
    )
    # Nobody else is there to try.
    assert {"ppo", "dqn"} <= set(labels((DQN, PPO)))


OPEN = {
    ("ppo", "CartPole-v1"): around(0.9),
    ("a2c", "CartPole-v1"): around(0.89),
    ("trpo", "CartPole-v1"): around(0.8, spread=2.0),
    ("reinforce", "CartPole-v1"): around(0.3),
}
"""An equivalent rival, one not yet told apart, and one that is beaten."""


def test_as_good_is_said_of_equivalent_rivals_alone() -> None:
    advice = advice_of(results_of(OPEN), shipped()["CartPole-v1"], steps=1000)
    assert (advice.choose, advice.as_good, advice.undecided) == (None, ("a2c",), ("trpo",))
    assert advice.verdict == (
        "For CartPole-v1, within 1,000 steps, ppo leads: it is better than reinforce and equivalent to a2c within "
        "0.05; trpo is not yet told apart from it."
    )
    decided = {cell: runs for cell, runs in OPEN.items() if cell[0] != "trpo"}
    assert advice_of(results_of(decided), shipped()["CartPole-v1"], steps=1000).verdict == (
        "For CartPole-v1, within 1,000 steps: choose ppo or a2c (equivalent within 0.05)."
    )
    assert "ppo is equivalent within the margin to a2c." in advice.confidence


def test_a_suite_that_would_settle_it_has_who_is_as_good_and_who_is_not_yet_told_apart() -> None:
    source, asked = source_of(results_of(OPEN)), Request("CartPole-v1", steps=100_000)
    known = grounds([source], shipped(), 1000)
    advice = advise(Question(shipped()["CartPole-v1"], steps=1000), known, FITS, np.random.default_rng(0))
    algorithms = {entry.label for entry in parse(proposed(asked, advice, FITS, [source]), "which.yaml").algorithms}
    assert {"ppo", "a2c", "trpo"} <= algorithms
    assert "reinforce" not in algorithms


def test_a_rival_far_behind_that_is_not_yet_told_apart_is_named_with_the_scores_of_both() -> None:
    cells = {
        ("ppo", "env-0"): around(0.6, spread=1.0),
        ("a2c", "env-0"): around(0.5, spread=1.0),
        ("reinforce", "env-0"): around(0.25, spread=1.4),
        ("dqn", "env-0"): around(0.0),
    }
    advice = advice_of(results_of(cells), replace(KNOWN, environment="env-0"), steps=1000)
    ppo, reinforce = (
        f"{one.label} ({one.value.estimate:.2f} [{one.value.low:.2f}, {one.value.high:.2f}])"
        for one in advice.candidates
        if one.label in {"ppo", "reinforce"}
    )
    assert advice.undecided == ("a2c", "reinforce")
    assert advice.verdict == (
        f"For env-0, within 1,000 steps, {ppo} leads: it is better than dqn; a2c and {reinforce} are not yet told "
        "apart from it."
    )
    assert ("0.60 [" in ppo, "0.25 [" in reinforce) == (True, True)


def test_a_first_guess_is_not_what_the_field_tries_first_where_that_is_far_behind() -> None:
    def guess(level: float) -> str:
        cells = {("a2c", "env-0"): around(0.6, spread=1.6), ("dqn", "env-0"): around(level, spread=1.6)}
        return advice_of(results_of(cells), replace(KNOWN, environment="env-0")).verdict.rpartition(": ")[2]

    assert (guess(0.5), guess(0.25)) == ("dqn.", "a2c.")


def test_whoever_falls_least_short_is_not_chosen_where_another_scores_better() -> None:
    # The best by far on one of three; of all runs together the middle half is the other's.
    cells = {
        (label, f"env-{place}"): around(level)
        for label, levels in (("ppo", (0.0, 0.0, 1.0)), ("dqn", (0.3, 0.3, 0.3)))
        for place, level in enumerate(levels)
    }
    advice = advice_of(results_of(cells))
    assert (advice.choose, advice.as_good, advice.undecided) == (None, (), ())
    assert "ppo falls least short on average, yet scores worse than dqn." in advice.verdict


def test_what_the_environment_does_not_admit_is_no_candidate() -> None:
    cells = {(label, "env-0"): around(level) for label, level in (("ppo", 0.9), ("dqn", 0.5), ("a2c", 0.1))}
    advice = advice_of(results_of(cells), algorithms=frozenset({"dqn", "a2c"}))
    assert [one.label for one in advice.candidates] == ["dqn", "a2c"]


def test_failed_trials_count_as_random_and_are_told() -> None:
    results = results_of({("ppo", "env-0"): around(0.9), ("dqn", "env-0"): around(0.2)})
    broken = results.changed(
        lambda old: (
            Failure(old.trial, "timeout", "too slow") if old.trial.label == "ppo" and old.trial.seed < 7 else old
        )
    )
    advice = advice_of(broken, replace(KNOWN, environment="env-0"))
    # The middle half of seven zeros and three 0.9 is mostly zeros.
    assert any("7 trials of these algorithms failed" in caveat for caveat in advice.caveats)
    assert advice.candidates[0].label == "dqn"


def on_each_best(first: Sequence[str]) -> Results:
    """Return results on environments on each of which the named one of two is far better."""
    return results_of(
        {
            (label, f"env-{place}"): around(0.9 if label == best else 0.1)
            for place, best in enumerate(first)
            for label in ("ppo", "dqn")
        }
    )


def test_advice_that_has_fared_well_is_given_with_its_record() -> None:
    advice = advice_of(on_each_best(["ppo", "ppo", "ppo"]))
    assert advice.choose == "ppo"
    # The other two always name the best; a blind choice of two misses 0.8 half of the time.
    assert advice.trust is not None
    assert (advice.trust.environments, advice.trust.right) == (3, 3)
    assert (advice.trust.regret, advice.trust.blind_regret) == pytest.approx((0.0, 0.4))


def test_advice_that_has_fared_no_better_than_chance_is_not_given() -> None:
    unlucky = advice_of(on_each_best(["ppo", "dqn"]), nearest=1)
    # Each of two says the opposite of what is best on the other: 0.8 short, always.
    assert unlucky.trust is not None
    assert unlucky.trust.right == 0
    assert unlucky.trust.regret == pytest.approx(0.8)
    assert unlucky.choose is None
    assert "no better than a blind choice" in unlucky.verdict


def test_advice_is_tried_by_the_rule_by_which_it_is_given() -> None:
    # The middle half of `bold` ends at 0.60, above all of `steady` at 0.535. Yet with two of eight runs at 0 its
    # resamples have a mean of 0.52: whoever falls least short is `steady`, 0.0665 below 0.6015.
    scores = {"bold": [0.0, 0.01, 0.6, 0.601, 0.602, 0.603, 0.604, 0.605], "steady": around(0.535, 8, 0.001)}
    advice = advice_of(results_of({(label, f"env-{place}"): scores[label] for place in range(3) for label in scores}))
    assert advice.candidates[0].label == "steady"
    assert advice.trust is not None
    assert (advice.trust.environments, advice.trust.right) == (3, 0)
    middle = (0.6 + 0.601 + 0.602 + 0.603) / 4
    assert advice.trust.regret == pytest.approx(middle - 0.535)


def test_the_order_of_sources_and_the_labels_change_nothing() -> None:
    results = on_each_best(["ppo", "dqn", "ppo"])
    turned = replace(results, outcomes=tuple(reversed(results.outcomes)))
    assert advice_of(results) == advice_of(turned)


@pytest.mark.parametrize(
    ("words", "steps"),
    [
        ("200k", 200_000),
        ("1.5m", 1_500_000),
        ("1e6", 1_000_000),
        ("2_000_000", 2_000_000),
        ("10,000", 10_000),
        ("7", 7),
    ],
)
def test_steps_are_read_as_people_write_them(words: str, steps: int) -> None:
    assert count(words) == steps


@pytest.mark.parametrize("words", ["", "5x", "k", "-3", "0", "1e999", "1.2.3", "nan"])
def test_what_is_no_number_of_steps_is_refused(words: str) -> None:
    with pytest.raises(BenchError, match="is no number of steps"):
        count(words)


VALUES = st.recursive(
    st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False)
    | st.text("aZ0:#{}[],'\"\\ -_.|>&*!%@?=~", max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab_", min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=50)
@given(st.dictionaries(st.text("ab_", min_size=1, max_size=3), VALUES, max_size=2), st.text(max_size=20))
def test_a_draft_reads_back_as_what_was_meant(changes: dict[str, Any], source: str) -> None:
    reference = Reference(-1e-07, 12345.678, source)
    draft = Draft(
        name="which-Env-v0",
        title="Which: an #odd {title}",
        question="yes",
        seeds=12,
        algorithms=(
            DraftAlgorithm("ppo", "", "rl-zoo"),
            DraftAlgorithm("ppo", "ppo as for X: 1", "", {"policy_kwargs": changes}),
            DraftAlgorithm("random"),
        ),
        environments=(DraftEnvironment("mine:Env-v0", 17, reference, ("A comment: of # two\nlines",)),),
        comments=("First.", "  bench run it", "  bench run again", "Last."),
        on_algorithms=("Why: so.",),
    )
    suite = parse(text(draft), "which.yaml")
    assert (suite.name, suite.title, suite.question) == (draft.name, draft.title, draft.question)
    assert len(suite.seeds) == 12
    assert [entry.label for entry in suite.algorithms] == ["ppo", "ppo as for X: 1", "random"]
    assert [entry.hyperparameter_set for entry in suite.algorithms] == ["rl-zoo", "default", "default"]
    assert suite.algorithms[1].hyperparameters == {"policy_kwargs": changes}
    (place,) = suite.environments
    assert (place.environment, place.steps, place.reference) == ("mine:Env-v0", 17, reference)
    # 17 steps cannot hold the usual 20 evaluations.
    assert suite.evaluation.points == 17


def test_a_name_is_made_of_what_a_folder_may_hold() -> None:
    assert file_name("bench/Corridor-v0") == "bench-Corridor-v0"
    assert file_name("///") == "environment"


HALL = '''
import gymnasium as gym
from bench.environments.toy import Corridor


class Hall(Corridor):
    """The corridor under another name, with a limit of 60 steps."""


gym.register("Hall-v0", Hall, max_episode_steps=60)
'''


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an environment of one's own and results on toy environments."""
    folder = tmp_path_factory.mktemp("which")
    (folder / "my_hall.py").write_text(HALL)
    run_suite(suite_file(folder, TOY.replace("seeds: 3", "seeds: 5")), folder / "results")
    return folder


@dataclass
class Command:
    """`bench` within this process, in a folder: what it says and its exit code."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *words: str) -> tuple[int, str, str]:
        self.monkeypatch.chdir(self.folder)
        self.monkeypatch.setattr(sys, "path", [*sys.path])
        self.monkeypatch.setattr(sys, "argv", ["bench", *words])
        self.monkeypatch.setenv("COLUMNS", "80")
        with pytest.raises(SystemExit) as end:
            main()
        told = self.capsys.readouterr()
        return int(end.value.code or 0), told.out, told.err

    def json(self, *words: str) -> Any:
        code, told, complaint = self(*words, "--json")
        assert code == 0, complaint
        return json.loads(told)


@pytest.fixture
def command(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(place, monkeypatch, capsys)


def test_which_on_an_environment_of_ones_own_from_question_to_answer(place: Path, command: Command) -> None:
    asked = ["which", "--env", "my_hall:Hall-v0", "--steps", "400", "--workers", "2"]
    told = command.json(*asked)
    advice, proposal = told["advice"], told["proposal"]
    near = {one["environment"]: one for one in advice["likenesses"]}
    # Only the limit differs: 60 steps against 50; and so random play arrives a little more often.
    assert near["bench/Corridor-v0"]["level"] == "close"
    assert near["bench/Corridor-v0"]["distance"] == pytest.approx(np.log10(60 / 50), abs=0.25)
    assert near["bench/Bandit-v0"]["level"] == "far"
    assert {one["label"] for one in advice["candidates"]} == {"q_learning", "softmax_reinforce"}
    assert any("5 runs each" in caveat for caveat in advice["caveats"])
    path = place / "suites" / "which-Hall-v0.yaml"
    assert (proposal["path"], proposal["state"]) == ("suites/which-Hall-v0.yaml", "written")
    assert proposal["text"] == path.read_text()
    assert command.json("validate", "suites/which-Hall-v0.yaml")["trials"] == proposal["trials"]

    _, words, _ = command(*asked)
    assert "it was there already" in words
    assert words.endswith("  bench run suites/which-Hall-v0.yaml\n")
    # A table that cannot hold the names of results without breaking them is wider.
    sentences, _, _ = words.partition("evidence  ")
    assert max(map(len, sentences.splitlines())) <= 80
    path.write_text(path.read_text().replace("seeds: 10", "seeds: 4"))
    only = ["--only", "q_learning", "--only", "softmax_reinforce", "--only", "random"]
    ran = bench("run", "suites/which-Hall-v0.yaml", *only, "--no-report", "--quiet", cwd=place)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    again = command.json(*asked)
    assert (again["advice"]["level"], again["advice"]["n"]) == ("same", 4)
    assert [one["environment"] for one in again["advice"]["likenesses"] if one["used"]] == ["my_hall:Hall-v0"]
    # What the user has changed stays.
    assert again["proposal"]["state"] == "kept"
    assert "seeds: 4" in path.read_text()


def test_the_suite_says_where_its_reference_comes_from_and_what_is_made_up(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(place))
    asked = Request("my_hall:Hall-v0", steps=300, results=tmp_path / "none", to=tmp_path / "suite.yaml")
    suite = parse(which(asked).proposal.text, "suite.yaml")
    reference = suite.environments[0].reference
    assert reference is not None
    # The corridor pays 1 for arriving and takes 0.01 a step: nine steps at least, all right: 0.91.
    assert reference.random < 0.6
    assert reference.random < reference.target <= 0.91
    assert "PLACEHOLDER" in reference.source
    assert "random: mean of" in reference.source
    given_target = which(replace(asked, target=0.8, force=True)).proposal.text
    reference = parse(given_target, "suite.yaml").environments[0].reference
    assert reference is not None
    assert (reference.target, "PLACEHOLDER" in given_target) == (0.8, False)
    with pytest.raises(BenchError, match="--target -2 must be above what random actions reach"):
        which(replace(asked, target=-2.0))


def test_an_environment_of_the_catalogue_keeps_its_reference_and_is_asked_about_with_equal_effort(
    tmp_path: Path,
) -> None:
    # What is known of others like it was trained with settings that were made for more steps than these.
    answer = which(
        Request("LunarLanderContinuous-v3", steps=20_000, results=tmp_path / "none", to=tmp_path / "suite.yaml")
    )
    assert "made for other budgets, or" in answer.proposal.text
    experiment = open_experiment(tmp_path / "suite.yaml", results=tmp_path)
    assert experiment.suite.environments[0].reference is None
    assert {entry.hyperparameter_set for entry in experiment.suite.algorithms} == {"default"}
    assert len(experiment.suite.seeds) == 10
    labels = [entry.label for entry in experiment.suite.algorithms]
    assert (len(labels), labels[-1]) == (6, "random")


def test_published_settings_are_proposed_where_all_have_some_that_were_made_for_such_a_budget() -> None:
    # Made for 100,000 steps (PPO) and 50,000 (DQN).
    target, fits = (
        shipped()["CartPole-v1"],
        (replace(PPO, hyperparameter_set="rl-zoo"), replace(DQN, hyperparameter_set="rl-zoo")),
    )
    sets = []
    for steps in (20_001, 20_000):
        advice = advise(Question(target, steps=steps), [], fits, np.random.default_rng(0))
        drafted = parse(proposed(Request("CartPole-v1", steps=steps), advice, fits, []), "which.yaml")
        sets.append({entry.hyperparameter_set for entry in drafted.algorithms})
    assert sets == [{"rl-zoo"}, {"default"}]


def _provenance(results: Results, told: Mapping[str, str]) -> Results:
    """Return the results with the provenance of each label's settings."""
    planned = tuple(replace(one, provenance=told.get(one.label, "")) for one in results.planned)
    outcomes = tuple(
        replace(one, trial=replace(one.trial, provenance=told.get(one.trial.label, ""))) for one in results.outcomes
    )
    return replace(results, planned=planned, outcomes=outcomes)


HERE, DEFAULTS = "this harness's own settings for REINFORCE 0.1", "the defaults of each learning library, as installed"


@pytest.mark.parametrize(
    ("told", "choose", "unfit"),
    [
        ({}, "reinforce", ""),
        # Five times the budget of 1,000 steps, and a step less.
        ({"reinforce": "RL Zoo; published for 5,000 steps"}, "dqn", "its settings were made for 5,000 steps"),
        ({"reinforce": "RL Zoo; published for 4,999 steps"}, "reinforce", ""),
        ({"reinforce": HERE, "dqn": "published for 900 steps", "ppo": "published for 900 steps"}, "dqn",
         "its settings were chosen by hand here, on these environments, those of the others published"),
        ({"reinforce": DEFAULTS, "dqn": "published for 9 steps", "ppo": "published for 9 steps"}, "dqn",
         "its settings were the library's own, those of the others published"),
    ],
)  # fmt: skip
def test_settings_of_another_budget_or_of_another_effort_are_no_evidence(
    told: Mapping[str, str], choose: str, unfit: str
) -> None:
    levels = (("reinforce", 0.97), ("dqn", 0.7), ("ppo", 0.2))
    results = results_of({(label, "env-0"): around(level) for label, level in levels})
    advice = advice_of(_provenance(results, told), replace(KNOWN, environment="env-0"), steps=1000)
    assert advice.choose == choose
    assert (f"Runs of reinforce are stored and do not count: {unfit}." in advice.caveats) is bool(unfit)


def test_nobody_is_chosen_while_an_obvious_first_choice_has_only_runs_that_do_not_count() -> None:
    levels = (("dqn", 0.7), ("a2c", 0.2), ("ppo", 0.1))
    results = results_of({(label, "env-0"): around(level) for label, level in levels})
    unfair = _provenance(results, {"ppo": "RL Zoo; published for 10,000 steps"})
    advice = advice_of(unfair, replace(KNOWN, environment="env-0"), steps=1000)
    assert advice.choose is None
    assert advice.verdict == (
        "Not enough evidence for env-0, within 1,000 steps: no fair comparison is stored yet: the runs of ppo on env-0 "
        "do not count, its settings were made for 10,000 steps. What is stored: dqn 0.70, a2c 0.20. Begin with ppo or "
        "dqn, what the field tries first, and let the suite below decide."
    )
    # Where the target is reached there is nothing left for it to be better by.
    solved = results_of({(label, "env-0"): around(level) for label, level in (("dqn", 1.0), *levels[1:])})
    sure = _provenance(solved, {"ppo": "RL Zoo; published for 10,000 steps"})
    assert advice_of(sure, replace(KNOWN, environment="env-0"), steps=1000).choose == "dqn"


SEARCHED = "bench tune made-up 1; made for 1,000 steps; tuning budget: 60 runs: 24 configurations x 2 runs; seeds: 7"


def in_both_settings(environment: str = "env-0") -> Source:
    """Return results of two algorithms out of the box and after tuning, which turns their order round."""
    levels = (("ppo", 0.5), ("dqn", 0.2), ("ppo (tuned)", 0.6), ("dqn (tuned)", 0.9))
    results = results_of({(label, environment): around(level) for label, level in levels})
    results = _provenance(results, {label: SEARCHED if "tuned" in label else DEFAULTS for label, _ in levels})
    algorithms = tuple(
        replace(
            one,
            algorithm=one.label.partition(" ")[0],
            hyperparameter_set="beside" if "tuned" in one.label else "default",
            setting="tuned" if "tuned" in one.label else "default",
        )
        for one in results.suite.algorithms
    )
    return source_of(replace(results, suite=replace(results.suite, algorithms=algorithms)))


def stored_as(place: str, levels: Mapping[str, float], told: str, **short: int) -> Source:
    """Return ten runs each on `env-0` with one provenance; `short`: label -> steps, where not 1,000.

    A label's first word is its algorithm: `ppo bold` is a variant.
    """
    results = _provenance(
        results_of({(label, "env-0"): around(level) for label, level in levels.items()}), dict.fromkeys(levels, told)
    )

    def cut(trial: Trial) -> Trial:
        return replace(trial, steps=short.get(trial.label, trial.steps))

    algorithms = tuple(
        replace(
            one, algorithm=one.label.partition(" ")[0], hyperparameters={"name": one.label} if " " in one.label else {}
        )
        for one in results.suite.algorithms
    )
    return Source(
        place,
        replace(results.suite, name=place, algorithms=algorithms),
        [cut(trial) for trial in results.planned],
        [replace(one, trial=cut(one.trial)) for one in results.outcomes],
        results.references,
    )


ZOO = "The Zoo 2; published for 900 steps"
HERE_0 = replace(KNOWN, environment="env-0")


def asked_of(*sources: Source, steps: int = 1000) -> tuple[Advice, Further | None]:
    """Return the first answer about `env-0` and that with published settings."""
    question = Question(HERE_0, steps=steps)
    everything = stored(sources, {"env-0": HERE_0}, steps)
    known = best_of(everything, steps)
    advice = advise(question, first_grounds(known, steps), FITS, np.random.default_rng(0), everything)
    return advice, with_published(question, known, advice, np.random.default_rng(0))


def test_a_suite_that_holds_an_algorithm_twice_gives_way_to_one_that_compares_algorithms() -> None:
    ablation = stored_as("ablation", {"ppo": 0.2, "ppo bold": 0.3, "dqn": 0.1, "dqn bold": 0.1, "a2c": 0.1}, DEFAULTS)
    plain = stored_as("plain", {"ppo": 0.6, "a2c": 0.4}, DEFAULTS)
    for sources in ((ablation, plain), (plain, ablation)):
        assert [one.place for one in grounds(sources, {"env-0": HERE_0}, 1000)] == ["plain"]
    # Published settings of several algorithms, too, say more than variants of one.
    zoo = stored_as("zoo", {"ppo": 0.9, "a2c": 0.5}, ZOO)
    for sources in ((ablation, zoo), (zoo, ablation)):
        advice, further = asked_of(*sources)
        assert advice.verdict == (
            "For env-0, within 1,000 steps, with published settings (by The Zoo 2, made for 900 steps): choose ppo."
        )
        assert further is None
        assert (
            "Without published settings the best that is stored: ppo (0.30 after 1,000 steps), a2c (0.10 after 1,000 "
            "steps) and dqn (0.10 after 1,000 steps) out of the box."
        ) in advice.caveats
    # Those of one algorithm alone do not.
    assert asked_of(stored_as("zoo", {"ppo": 0.9, "ppo bold": 0.8}, ZOO), plain)[0].choose == "ppo"
    assert "out of the box" in asked_of(stored_as("zoo", {"ppo": 0.9, "ppo bold": 0.8}, ZOO), plain)[0].verdict


@pytest.mark.parametrize(("level", "told"), [(0.9, True), (0.64, False)])
def test_published_settings_are_a_second_answer_where_they_do_better_by_more_than_the_margin(
    level: float, told: bool
) -> None:
    plain, zoo = (
        stored_as("plain", {"ppo": 0.6, "dqn": 0.2}, DEFAULTS),
        stored_as("zoo", {"a2c": level, "dqn": 0.3}, ZOO),
    )
    advice, further = asked_of(plain, zoo)
    assert advice.verdict == "For env-0, within 1,000 steps, out of the box: choose ppo."
    # Who is stored elsewhere has been tried.
    kept = [one for one in advice.caveats if one.startswith("Stored, but in other suites")]
    scored = f"a2c ({level:.2f} after 1,000 steps) and dqn (0.30 after 1,000 steps)"
    with_them = f"{scored} with published settings (by The Zoo 2, made for 900 steps)"
    assert kept == [f"Stored, but in other suites, which are not compared with this one: {with_them}."]
    assert not any("Not tried" in one for one in advice.caveats)
    assert (further is not None) == told
    if further is not None:
        assert further.advice.verdict == (
            "For env-0, within 1,000 steps, with published settings (by The Zoo 2, made for 900 steps): choose a2c."
        )
        assert further.worth[0] == "Scores as above and with published settings: dqn 0.20 to 0.30."


def test_published_settings_that_were_made_for_five_times_the_budget_are_no_second_answer() -> None:
    plain = stored_as("plain", {"ppo": 0.6, "dqn": 0.2}, DEFAULTS)
    far = stored_as("zoo", {"a2c": 0.9, "dqn": 0.3}, "The Zoo 2; published for 5,000 steps")
    advice, further = asked_of(plain, far)
    assert (advice.choose, further) == ("ppo", None)
    assert any(
        "runs of a2c that do not count (its settings were made for 5,000 steps)" in one for one in advice.caveats
    )


def test_who_is_level_with_the_best_after_fewer_steps_is_compared_and_told_with_the_steps() -> None:
    levels = {"ppo": 0.9, "a2c": 0.5, "dqn": 0.9}
    advice, _ = asked_of(stored_as("zoo", levels, ZOO, dqn=200))
    assert "choose dqn or ppo (equivalent within 0.05)" in advice.verdict
    assert "dqn scored this after 200 steps already, where their runs end." in advice.confidence
    # Who is behind by then may have caught up at the end: nothing is known of that.
    advice, _ = asked_of(stored_as("zoo", levels | {"dqn": 0.6}, ZOO, dqn=200))
    assert {one.label for one in advice.candidates} == {"ppo", "a2c"}
    assert "Runs of dqn are stored and do not count: its runs end at 200 steps." in advice.caveats


def test_who_is_compared_and_does_better_alone_in_another_suite_is_told() -> None:
    plain = stored_as("plain", {"ppo": 0.6, "dqn": 0.2}, DEFAULTS)
    for level, told in ((0.9, True), (0.64, False)):
        advice, further = asked_of(plain, stored_as("zoo", {"ppo": level}, ZOO))
        assert (advice.choose, further) == ("ppo", None)
        assert any("compared with this one: ppo (0.90 after 1,000" in one for one in advice.caveats) == told


def test_runs_that_compare_nobody_are_told_rather_than_called_missing() -> None:
    lonely = stored_as("zoo", {"ppo": 0.9}, ZOO)
    near = source_of(results_of({("ppo", "env-1"): around(0.9), ("dqn", "env-1"): around(0.1)}))
    for size, level in ((10_000, "far"), (None, "none")):
        traits = {"env-0": HERE_0, "env-1": replace(KNOWN, environment="env-1", observation_size=size)}
        sources = (lonely, near) if size else (lonely,)
        everything = stored(sources, traits, 1000)
        known = best_of(everything, 1000)
        advice = advise(Question(HERE_0, steps=1000), known, FITS, np.random.default_rng(0), everything)
        assert advice.level == level
        assert (
            "no two algorithms have runs on it that can be compared; stored are ppo (0.90 after 1,000 steps) with "
            "published settings (by The Zoo 2, made for 900 steps)."
        ) in advice.verdict


def test_a_single_run_on_the_very_environment_is_not_called_elsewhere_and_is_counted() -> None:
    mine = source_of(results_of({("ppo", "env-0"): [0.9]}))
    near = source_of(results_of({("a2c", "env-1"): [0.0] * 5, ("dqn", "env-1"): [0.0] * 5}), "results/near")
    traits = {"env-0": HERE_0, "env-1": replace(KNOWN, environment="env-1")}
    everything = stored((mine, near), traits, 1000)
    known = best_of(everything, 1000)
    advice = advise(Question(HERE_0, steps=1000), known, FITS, np.random.default_rng(0), everything)
    assert advice.verdict.endswith("On env-0 itself did: ppo (0.90 after 1,000 steps, 1 run).")


def test_where_nobody_has_learned_there_is_no_guess_and_who_did_elsewhere_is_told() -> None:
    plain = stored_as("plain", {"ppo": 0.0, "dqn": 0.0}, DEFAULTS)
    nobody = "Not enough evidence for env-0, within 1,000 steps, out of the box: none of ppo and dqn learned it. "
    advice, _ = asked_of(plain)
    assert advice.verdict == f"{nobody}Nothing that is stored says who would."
    advice, further = asked_of(plain, stored_as("zoo", {"a2c": 0.9, "dqn": 0.6}, ZOO))
    assert advice.verdict == (
        f"{nobody}Elsewhere in the store did: a2c (0.90 after 1,000 steps) and dqn (0.60 after 1,000 steps) with "
        "published settings (by The Zoo 2, made for 900 steps)."
    )
    assert (advice.nobody, advice.learned_elsewhere) == (True, ("a2c", "dqn"))
    assert further is not None
    assert further.advice.choose == "a2c"


def test_each_setting_of_a_suite_is_a_comparison_of_its_own() -> None:
    given_traits, source = {"env-0": replace(KNOWN, environment="env-0")}, in_both_settings()
    known = grounds([source], given_traits, 1000)
    assert [{one.entries[key].label for key in one.cells} for one in known] == [
        {"ppo", "dqn"},
        {"ppo (tuned)", "dqn (tuned)"},
    ]
    assert [one.place for one in known] == ["results/made-up, default", "results/made-up, tuned"]
    assert first_grounds(known) == known[:1]
    # Asked about the tuned ones alone, the set that lies beside their suite is said in full.
    alone = replace(source, suite=replace(source.suite, algorithms=source.suite.algorithms[2:]))
    question, known = Question(given_traits["env-0"], steps=1000), grounds([alone], given_traits, 1000)
    advice = advise(question, first_grounds(known), FITS, np.random.default_rng(0))
    assert advice.verdict == "For env-0, within 1,000 steps, as tuned here: choose dqn (tuned)."
    # It is the only answer then.
    assert after_tuning(question, known, advice, np.random.default_rng(0)) is None
    assert (advice.options[0].hyperparameter_set, dict(advice.options[0].changes)) == (
        "default",
        {"name": "dqn (tuned)"},
    )


def test_of_runs_of_unequal_length_those_count_that_reach_half_of_the_budget() -> None:
    results = results_of(
        {(label, "env-0"): around(level) for label, level in (("dqn", 0.7), ("a2c", 0.2), ("ppo", 0.1))}
    )

    def longer(old: Trial) -> Trial:
        return replace(old, steps=4_000) if old.label != "ppo" else old

    results = replace(
        results,
        planned=tuple(map(longer, results.planned)),
        outcomes=tuple(replace(one, trial=longer(one.trial)) for one in results.outcomes),
    )
    here = replace(KNOWN, environment="env-0")
    assert {one.label for one in advice_of(results, here, steps=2_000).candidates} == {"dqn", "a2c", "ppo"}
    assert {one.label for one in advice_of(results, here, steps=2_001).candidates} == {"dqn", "a2c"}
    # Without a budget, those that most have.
    assert {one.label for one in advice_of(results, here).candidates} == {"dqn", "a2c"}


def test_the_package_carries_the_evidence_of_the_repository() -> None:
    root = Path(__file__).parents[1]
    content = runpy.run_path(str(root / "benchmarks" / "which_evidence.py"))["content"]
    there = (root / "bench" / "which" / "evidence.json.gz").read_bytes()
    assert gzip.decompress(there).decode() == content(root / "results"), "run `python benchmarks/which_evidence.py`"
    assert len(there) < 300_000


def test_what_is_carried_along_says_what_the_results_say() -> None:
    results = results_of({(label, "CartPole-v1"): around(level) for label, level in (("dqn", 0.7), ("ppo", 0.2))})
    told = _provenance(results, {"ppo": "RL Zoo; published for 900 steps", "dqn": "RL Zoo; published for 900 steps"})
    (again,) = (_unpacked(one) for one in json.loads(json.dumps(packed([source_of(told)])))["sources"])
    for steps in (300, 1000):
        ours, theirs = (grounds([one], shipped(), steps)[0] for one in (source_of(told), again))
        for key, cell in ours.cells.items():
            assert scores(theirs.cells[key], steps) == pytest.approx(scores(cell, steps), rel=1e-4)
            assert theirs.cells[key].entries[0].trial.provenance == cell.entries[0].trial.provenance


def test_carried_along_the_same_evidence_on_several_environments_gives_the_same_advice() -> None:
    # By the middle of all runs together dqn is ahead, by the mean of the environments' own middles ppo.
    cells = {
        (label, f"env-{place}"): around(level)
        for label, levels in (("ppo", (0.26, 0.26, 0.26, 1.0)), ("dqn", (0.3, 0.3, 0.3, 0.3)))
        for place, level in enumerate(levels)
    }
    results = results_of(cells)
    plan = replace(results.suite.analysis, decide="iqm-by-environment", confidence=0.9, threshold=0.5)
    results = replace(results, suite=replace(results.suite, analysis=plan))
    (again,) = (_unpacked(one) for one in json.loads(json.dumps(packed([source_of(results)])))["sources"])
    assert again.suite.analysis == plan
    traits = {f"env-{place}": replace(KNOWN, environment=f"env-{place}") for place in range(4)}
    ours, theirs = (
        advise(Question(MINE, nearest=4), grounds([one], traits, None), FITS, np.random.default_rng(0))
        for one in (source_of(results), again)
    )
    assert (ours.choose, ours.as_good, ours.undecided) == ("ppo", (), ())
    assert (theirs.verdict, theirs.as_good, theirs.undecided) == (ours.verdict, ours.as_good, ours.undecided)
    known = [{one.label: one.value.estimate for one in advice.candidates} for advice in (ours, theirs)]
    assert known[1] == pytest.approx(known[0], rel=1e-4)
    # The score that is shown is the one that decides.
    assert known[0] == pytest.approx({"ppo": 0.445, "dqn": 0.3}, abs=0.001)


def test_who_comes_first_does_so_by_the_aggregate_that_decides() -> None:
    # By the middle of the runs dqn is ahead, by their mean ppo.
    runs = {("ppo", "env-0"): [*around(0.2, 9), 3.0], ("dqn", "env-0"): around(0.4)}
    results = results_of(runs)
    plan = replace(results.suite.analysis, decide="mean")
    found = advice_of(replace(results, suite=replace(results.suite, analysis=plan)))
    assert [one.label for one in found.candidates] == ["ppo", "dqn"]
    assert [one.value.estimate for one in found.candidates] == pytest.approx([0.48, 0.4], abs=0.001)


def test_both_answers_are_given_out_of_the_box_and_after_tuning_with_its_price(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # What the package carries says the same as the results themselves, the setting included.
    (again,) = (_unpacked(one) for one in json.loads(json.dumps(packed([in_both_settings("CartPole-v1")])))["sources"])
    target = shipped()["CartPole-v1"]
    for source in (in_both_settings("CartPole-v1"), again):
        known, question = grounds([source], shipped(), 1000), Question(target, steps=1000)
        advice = advise(question, first_grounds(known), FITS, np.random.default_rng(0))
        assert advice.verdict == "For CartPole-v1, within 1,000 steps, out of the box: choose ppo."
        tuned = after_tuning(question, known, advice, np.random.default_rng(0))
        assert tuned is not None
        assert tuned.advice.verdict == "For CartPole-v1, within 1,000 steps, as tuned here: choose dqn (tuned)."
        # 10 s a run, and 60 runs of it.
        scores, price, settings, _ = tuned.worth
        assert scores == "Scores without tuning and after it: dqn 0.20 to 0.90, ppo 0.50 to 0.60."
        assert price.endswith("as the one kept: 60 runs of 1,000 steps each for dqn (10 min) and ppo (10 min).")
        assert settings == "What was found for dqn on CartPole-v1: name: dqn (tuned)."
        answer = Answer(advice, propose(Request("CartPole-v1", to=tmp_path / "a.yaml"), advice, FITS, []), (), tuned)
        _say(answer, 2)
        told = " ".join(capsys.readouterr().out.split())
        assert told.index("out of the box: choose ppo.") < told.index("as tuned here: choose dqn (tuned).")
        assert "another search of the same kind finds others" in told


@pytest.mark.parametrize(
    ("environment", "steps", "verdict"),
    [
        (
            "LunarLander-v3",
            200_000,
            "For LunarLander-v3, within 200,000 steps, out of the box, ppo (0.58 [0.35, 0.80]) leads: it is better ",
        ),
        ("Pendulum-v1", 20_000, "For Pendulum-v1, within 20,000 steps, with published settings (by RL Baselin"),
        (
            "CartPole-v1",
            100_000,
            "For CartPole-v1, within 100,000 steps, out of the box, ppo leads: it is better than dqn; a2c ",
        ),
    ],
)
def test_the_package_answers_in_an_empty_folder(tmp_path: Path, environment: str, steps: int, verdict: str) -> None:
    answer = which(Request(environment, steps=steps, results=tmp_path / "results", to=tmp_path / "suite.yaml"))
    assert answer.advice.verdict.startswith(verdict)
    assert answer.notes == ()
    algorithms = {entry.algorithm for entry in parse(answer.proposal.text, "suite.yaml").algorithms}
    assert set(first_choices(answer.advice.target)) <= algorithms


def test_nothing_lies_beyond_the_largest_score_that_there_is(tmp_path: Path) -> None:
    answer = which(Request("CartPole-v1", steps=100_000, results=tmp_path / "results", to=tmp_path / "suite.yaml"))
    found = {one.label: one for one in answer.advice.candidates}
    # 500 of at most 500 steps, the target 475 and the random policy 22.4: nobody scores more than 1.055.
    assert max(one.value.high or 0.0 for one in found.values()) <= (500 - 22.4) / (475 - 22.4) + 1e-9
    # Every run of PPO is there, and not every one of A2C: whatever is drawn, PPO is not below it.
    ppo, a2c = found["ppo"], found["a2c"]
    assert (ppo.probability_best or 0.0) > (a2c.probability_best or 1.0)
    assert ppo.regret == pytest.approx(0)


def test_a_later_answer_takes_the_place_of_an_earlier_one_and_of_nobodys_work(tmp_path: Path) -> None:
    asked = Request("bench/Bandit-v0", steps=300, results=tmp_path / "results", to=tmp_path / "which.yaml")
    states = [which(replace(asked, steps=steps)).proposal.state for steps in (300, 300, 400)]
    assert states == ["written", "unchanged", "rewritten"]
    file = tmp_path / "which.yaml"
    file.write_text(file.read_text().replace("seeds: 10", "seeds: 2"))
    proposal = which(replace(asked, steps=500)).proposal
    assert (proposal.state, "steps: 400" in file.read_text()) == ("kept", True)
    # Two seeds of what the suite compares, random actions included.
    count = len(parse(file.read_text(), "which.yaml").algorithms)
    assert proposal.kept.startswith(f"{2 * count} trials of 400 steps, ")
    assert which(replace(asked, steps=500, force=True)).proposal.state == "written"


def test_an_environment_made_with_arguments_is_another_one_and_proposed_with_them(tmp_path: Path) -> None:
    given = {"goal_velocity": 0.07}
    asked = Request("MountainCar-v0", given, steps=3_000, results=tmp_path, to=tmp_path / "which.yaml")
    answer = which(asked)
    assert answer.advice.target.environment == "MountainCar-v0 with goal_velocity=0.07"
    assert answer.advice.level != "same"
    (place,) = parse(answer.proposal.text, "which.yaml").environments
    assert (place.environment, dict(place.kwargs)) == ("MountainCar-v0", given)
    # Measured: what the catalogue knows holds without arguments.
    assert place.reference is not None


def test_an_algorithm_that_would_make_no_update_is_not_proposed_and_that_is_said(tmp_path: Path) -> None:
    asked = Request("CartPole-v1", steps=1_000, results=tmp_path, to=tmp_path / "which.yaml")
    text_ = which(asked).proposal.text
    assert "ppo" not in {entry.algorithm for entry in parse(text_, "which.yaml").algorithms}
    assert "by their defaults they make no update within the budget" in " ".join(text_.replace("#", "").split())
    assert open_experiment(tmp_path / "which.yaml", results=tmp_path).plan.idle == ()


def test_what_learns_after_episodes_that_outlast_the_budget_is_not_proposed() -> None:
    # Pendulum's episodes last 200 steps.
    after = Option("td3", "td3", "default", {"train_freq": [1, "episode"]})
    assert [_updates(after, ["Pendulum-v1"], steps) for steps in (200, 201)] == [False, True]
    # A pole may fall sooner.
    reinforce = Option("reinforce", "reinforce", "default")
    assert _updates(reinforce, ["CartPole-v1"], 100)


def test_results_whose_returns_have_no_score_are_told_of_and_count_once_the_suite_gives_a_reference(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(place))
    hall = TOY.replace("bench/Corridor-v0: {steps: 400}", "my_hall:Hall-v0: {steps: 400}").replace(
        "seeds: 3", "seeds: 4"
    )
    run_suite(suite_file(tmp_path, hall), tmp_path / "results")
    asked = Request("my_hall:Hall-v0", steps=400, results=tmp_path / "results", to=tmp_path / "which.yaml")
    answer = which(asked)
    [told] = [note for note in answer.notes if "no reference" in note]
    assert told.startswith(f"results on my_hall:Hall-v0 in {tmp_path / 'results' / 'small'} are not used")
    assert answer.advice.level != "same"
    reference = "my_hall:Hall-v0: {reference: {random: 0, target: 1}, steps: 400}"
    scored = suite_file(tmp_path, hall.replace("my_hall:Hall-v0: {steps: 400}", reference))
    experiment = open_experiment(scored, results=tmp_path / "results")
    assert prepare(experiment, RunOptions(workers=1, devices="cpu")) == []
    run(experiment, [], lambda _event: None)
    answer = which(asked)
    assert (answer.advice.level, [note for note in answer.notes if "no reference" in note]) == ("same", [])


def test_what_a_suite_changed_in_an_algorithm_is_kept_in_the_next(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(place))
    bold = "{name: q_learning, label: bold, hyperparameters: {learning_rate: 0.5}}"
    changed = TOY.replace("q_learning,", f"{bold},").replace("seeds: 3", "seeds: 4")
    run_suite(suite_file(tmp_path, changed), tmp_path / "results")
    asked = Request("my_hall:Hall-v0", steps=400, results=tmp_path / "results", to=tmp_path / "which.yaml")
    suite = parse(which(asked).proposal.text, "which.yaml")
    kept = {entry.label: dict(entry.hyperparameters) for entry in suite.algorithms}
    assert kept["bold"] == {"learning_rate": 0.5}


def test_a_question_is_asked_again_with_the_settings_scale_and_analysis_that_it_was_answered_with() -> None:
    results = results_of({("a2c", "env-0"): around(0.9), ("dqn", "env-0"): around(0.88)}, threshold=0.96, floor=0.0)
    own = {"env-0": {"learning_rate": 0.5}, "env-1": {"learning_rate": 0.1}}
    entries = tuple(replace(one, per_environment=own) for one in results.suite.algorithms)
    results = replace(results, suite=replace(results.suite, algorithms=entries))
    source = replace(source_of(results), references={"env-0": Reference(-200.0, 8.0, "waiting; the threshold")})
    known = grounds([source], {"env-0": replace(KNOWN, environment="env-0")}, None)
    advice = advise(Question(replace(KNOWN, environment="env-0")), known, FITS, np.random.default_rng(0))
    other = replace(source, place="results/other", references={"env-0": Reference(0.0, 1.0, "another one")})
    again = parse(proposed(Request("env-0", steps=1000), advice, FITS, [other, source]), "which.yaml")
    assert {one.label: dict(one.hyperparameters) for one in again.algorithms if one.label in ("a2c", "dqn")} == {
        "a2c": {"learning_rate": 0.5},
        "dqn": {"learning_rate": 0.5},
    }
    assert again.environments[0].reference == Reference(-200.0, 8.0, "waiting; the threshold")
    assert (again.analysis.threshold, again.analysis.floor, again.analysis.decide) == (0.96, 0.0, "score")


@pytest.mark.parametrize(
    ("observations", "size", "first"),
    [("discrete", 48, "q_learning"), ("discrete", 10**6, "ppo"), ("vector", 4, "ppo")],
)
def test_where_states_are_few_a_table_is_tried_first(observations: str, size: int, first: str) -> None:
    assert first_choices(replace(KNOWN, observations=observations, observation_size=size))[0] == first


def test_tuned_settings_of_a_close_environment_stand_beside_the_defaults() -> None:
    near = replace(shipped()["MountainCar-v0"], environment="mine:Car-v0")
    results = results_of({(label, "MountainCar-v0"): around(level) for label, level in (("a2c", 0.9), ("dqn", 0.2))})
    tuned = {"learning_rate": 0.003, "n_envs": 4, "env_wrapper": "some.where.Wrapper"}
    suite = replace(
        results.suite, algorithms=tuple(replace(one, hyperparameter_set="rl-zoo") for one in results.suite.algorithms)
    )
    planned = tuple(replace(trial, hyperparameters=tuned) for trial in results.planned)
    outcomes = tuple(replace(old, trial=trial) for old, trial in zip(results.outcomes, planned, strict=True))
    source = source_of(replace(results, suite=suite, planned=planned, outcomes=outcomes))
    known = grounds([source], shipped(), 1000)
    advice = advise(Question(near, steps=1000), known, FITS, np.random.default_rng(0))
    assert (advice.level, advice.choose) == ("close", "a2c")
    assert any("settings tuned for each environment (rl-zoo), and yours has none" in told for told in advice.caveats)
    drafted = parse(proposed(Request("mine:Car-v0", steps=1000), advice, FITS, [source]), "which.yaml")
    entries = {entry.label: entry for entry in drafted.algorithms}
    assert (entries["a2c"].hyperparameter_set, dict(entries["a2c"].hyperparameters)) == ("default", {})
    # A wrapper belongs to the environment it was written for.
    borrowed = entries["a2c as for MountainCar-v0"]
    assert dict(borrowed.hyperparameters) == {"learning_rate": 0.003, "n_envs": 4}
    # What the field tries first is compared, too, as far as it learns anything in a thousand steps: PPO does not.
    others = ["dqn", "dqn as for MountainCar-v0", "random"]
    assert [entry.label for entry in drafted.algorithms] == ["a2c", "a2c as for MountainCar-v0", *others]


def test_a_description_is_answered_with_the_nearest_of_the_catalogue(place: Path, command: Command) -> None:
    words = ["which", "--actions", "discrete:2", "--observations", "discrete:10", "--horizon", "50", "--sparse"]
    told = command.json(*words, "--nearest", "1", "--to", "described.yaml")
    assert told["advice"]["likenesses"][0]["environment"] == "bench/Corridor-v0"
    suite = parse((place / "described.yaml").read_text(), "described.yaml")
    assert [one.environment for one in suite.environments] == ["bench/Corridor-v0"]


def test_results_that_cannot_be_read_are_told_and_the_others_used(place: Path, command: Command) -> None:
    lost = place / "results" / "lost"
    lost.mkdir()
    (lost / "suite.yaml").write_text(TOY.replace("seeds: 3", "seeds: many"))
    told = command.json("which", "--env", "bench/Corridor-v0", "--to", "c.yaml")
    assert any("results/lost is not used" in note for note in told["notes"])
    assert told["advice"]["level"] == "same"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--env", "CartPol-v1"], "did you mean 'CartPole-v1'"),
        (["--env", "CartPole-v1", "--steps", "5x"], "'5x' is no number of steps"),
        (["--env", "CartPole-v1", "--steps", "5", "--minutes", "5"], "exclude each other"),
        (["--env", "CartPole-v1", "--actions", "discrete"], "exclude each other"),
        (["--env", "CartPole-v1", "--minutes", "0"], "must be above 0"),
        (["--env", "CartPole-v1", "--kwargs", "size"], "'size' is no mapping of names to values"),
        (["--env", "CartPole-v1", "--kwargs", "{"], "write '{size: 4}'"),
        (["--env", "CartPole-v1", "--kwargs", "{size: 2020-13-45}"], "write '{size: 4}'"),
        (["--env", "CartPole-v1", "--kwargs", 3_000 * "["], "write '{size: 4}'"),
        (["--actions", "discrete", "--observations", "3", "--kwargs", "{}"], "name it with --env"),
        (["--env", "nowhere/CartPole-v1"], "before a colon, my_package:nowhere/CartPole-v1"),
        (["--actions", "discrete"], "say which environment"),
        (["--actions", "discreet", "--observations", "3"], "did you mean 'discrete'?"),
        (["--actions", "discrete:x", "--observations", "3"], "the size must be a whole number"),
        (["--env", "bench.environments.toy:bench/Crash-v0"], "fails after 100 random steps"),
    ],
)
def test_a_mistake_is_a_sentence_and_exit_code_2(tmp_path: Path, command: Command, words: list[str], told: str) -> None:
    command.folder = tmp_path
    code, _, complaint = command("which", *words)
    assert code == 2
    assert told in complaint
    assert not (tmp_path / "suites").exists()


def test_an_environment_in_the_working_directory_is_found_by_the_installed_command_too(place: Path) -> None:
    # -P: the working directory is not on the path of itself, as for an installed `bench`.
    words = ["which", "--env", "my_hall:Hall-v0", "--to", "elsewhere.yaml"]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "bench.cli", *words], capture_output=True, text=True, check=False, cwd=place
    )
    assert done.returncode == 0, done.stderr


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['bench', 'which', '--help']\n"
        "from bench.cli import main\n"
        "try: main()\nexcept SystemExit as end: assert not end.code, end.code\n"
        f"print('heavy:', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["heavy: []"], done.stdout + done.stderr


def test_settings_that_a_search_has_tried_are_no_evidence(tmp_path: Path) -> None:
    for name in ("small", "tuning-small"):
        run_suite(suite_file(tmp_path, TOY.replace("name: small", f"name: {name}"), name), tmp_path / "results")
    found, _, _ = answer.sources(tmp_path / "results", shipped=False)
    assert [one.suite.name for one in found] == ["small"]
