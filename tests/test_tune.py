"""`bench tune`: two ordinary suites, resumed like any, a set of hyperparameters and a page."""

from __future__ import annotations

import itertools
import json
import re
import shutil
from contextlib import chdir
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from ruamel.yaml import YAML
from typer.testing import CliRunner

from bench.cli.app import app
from bench.errors import BenchError
from bench.pipeline import Experiment, SuiteText, Summary, open_experiment, prepare
from bench.pipeline.execution import RunOptions
from bench.plan import settings_of
from bench.records import Record
from bench.report import drawing, palette
from bench.store import keep
from bench.suite.sets import parts_of
from bench.tune import outcome, page, sentences, sets, telling
from bench.tune.command import both
from bench.tune.draws import unit
from bench.tune.effort import Landscape
from bench.tune.outcome import Confirmed, Tuned
from bench.tune.protocol import CONTINUOUS, DISCRETE, confirmed
from bench.tune.search import POINTS, Search, again, first, label, part, prices, search
from bench.tune.spaces import space
from bench.tune.worth import Stretch, stretches, worth
from tests.making import carry_out

PROTOCOLS = {"discrete": DISCRETE, "continuous": CONTINUOUS}
SMALL = """
name: small
title: A small suite
seeds: 4
evaluation: {points: 4, episodes: 2, final_episodes: 3}
algorithms: [q_learning, softmax_reinforce, random]
environments: {bench/Corridor-v0: 300, FrozenLake-v1: 400}
"""
SHORT = ["--configurations", "3", "--confirm", "2x2", "--workers", "1"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(SMALL)
    return tmp_path


def asked(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["tune", *words])
    if done.exception is not None and not isinstance(done.exception, SystemExit | BenchError):
        raise done.exception
    return done.exit_code, done.output + str(done.exception or "")


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Give a folder in which the suite was tuned for the first time, and what was said."""
    folder = tmp_path_factory.mktemp("once")
    (folder / "small.yaml").write_text(SMALL)
    with chdir(folder):
        code, said = asked("small.yaml", *SHORT)
    assert code == 0, said
    return folder, said


@pytest.fixture
def tuned_here(here: Path, once: tuple[Path, str]) -> Path:
    """Give a working directory in which the suite was tuned."""
    shutil.copytree(once[0], here, dirs_exist_ok=True)
    return here


def test_a_suite_is_tuned_once_and_told_again_without_running(tuned_here: Path) -> None:
    here = tuned_here
    trials = sorted(path.parent.name for path in (here / "results").rglob("trial.json"))
    # 2 algorithms on 2 environments: 3 configurations twice, 2 of them again twice.
    assert len(trials) == 4 * (3 * 2 + 2 * 2)
    written = (here / "tuned" / "small.yaml").read_text()
    when = {path: path.stat().st_mtime_ns for path in (here / "results").rglob("trial.json")}
    code, said = asked("small.yaml", *SHORT, "--json")
    assert code == 0
    assert {path: path.stat().st_mtime_ns for path in when} == when
    assert (here / "tuned" / "small.yaml").read_text() == written
    told = json.loads(said[said.index("{") :])
    assert len(told["pairs"]) == 4
    (part,) = YAML(typ="safe", pure=True).load(written)["parts"]
    for pair in told["pairs"]:
        best = max(pair["confirmed"], key=lambda one: (np.mean(one["scores"]), np.mean(one["areas"])))
        assert pair["kept"] == best["number"]
        entry = part["entries"][pair["algorithm"]][pair["environment"]]
        assert entry.pop("tuned_for_steps") == {"bench/Corridor-v0": 300, "FrozenLake-v1": 400}[pair["environment"]]
        assert entry == pair["settings"]
    assert {(name, place) for name, places in part["sensitivity"].items() for place in places} == set(
        itertools.product(("q_learning", "softmax_reinforce"), ("bench/Corridor-v0", "FrozenLake-v1"))
    )
    assert {one["configurations"] for places in part["sensitivity"].values() for one in places.values()} == {3}
    assert part["tuning_budget"].startswith("10 runs: 3 configurations x 2 runs")
    assert (here / "reports" / "tuning-small" / "index.html").is_file()


def test_what_is_kept_is_the_suite_s_set_tuned(tuned_here: Path) -> None:
    here = tuned_here
    (here / "tuned" / "small.yaml").unlink()
    both = SMALL.replace("algorithms:", "hyperparameters: [default, tuned]\nalgorithms:")
    (here / "small.yaml").write_text(both)
    # The suite names a set that is not there yet: it can be tuned all the same, and then planned.
    with pytest.raises(BenchError, match="bench tune"):
        open_experiment(here / "small.yaml")
    code, said = asked("small.yaml", *SHORT, "--json")
    assert code == 0, said
    told = json.loads(said[said.index("{") :])
    kept = {(one["algorithm"], one["environment"]): one["settings"] for one in told["pairs"]}
    planned = open_experiment(here / "small.yaml").plan.trials
    tuned = [trial for trial in planned if "bench tune small" in trial.provenance]
    assert {(one.algorithm, one.environment): one.hyperparameters for one in tuned} == kept
    assert len(tuned) == 4 * 4


def test_another_tuning_writes_over_nothing_unless_told_to(tuned_here: Path) -> None:
    file = tuned_here / "tuned" / "small.yaml"
    for written, told in (
        (file.read_text(), "holds another tuning"),
        ("mine: true\n", "no set that `bench tune` has made"),
    ):
        file.write_text(written)
        code, said = asked("small.yaml", *SHORT, "--tuning-seed", "5")
        assert code != 0
        assert told in said
        assert file.read_text() == written


def test_settings_of_this_tuning_whose_trials_are_not_at_hand_stay_as_they_are(tuned_here: Path) -> None:
    here = tuned_here
    file = here / "tuned" / "small.yaml"
    (whole,) = YAML(typ="safe", pure=True).load(file.read_text())["parts"]
    elsewhere = ("--results", "elsewhere", "--only", "q_learning@FrozenLake-v1")
    assert asked("small.yaml", *SHORT, *elsewhere)[0] == 0
    mine, others = YAML(typ="safe", pure=True).load(file.read_text())["parts"]
    assert mine["entries"] == {"q_learning": {"FrozenLake-v1": whole["entries"]["q_learning"]["FrozenLake-v1"]}}
    del whole["entries"]["q_learning"]["FrozenLake-v1"], whole["sensitivity"]["q_learning"]["FrozenLake-v1"]
    gone = [note for note in whole["notes"] if note.startswith("q_learning on FrozenLake-v1: ")]
    assert len(gone) == 1
    whole["notes"].remove(gone[0])
    assert others == whole
    # The suite reads it, and the same command leaves it so.
    (here / "small.yaml").write_text(SMALL.replace("algorithms:", "hyperparameters: [default, tuned]\nalgorithms:"))
    # Two algorithms under two settings and the floor, on two environments.
    assert len(open_experiment(here / "small.yaml").plan.trials) == 5 * 2 * 4
    written = file.read_text()
    assert asked("small.yaml", *SHORT, *elsewhere)[0] == 0
    assert file.read_text() == written


def test_settings_that_the_suite_no_longer_asks_for_are_dropped_only_when_told_to(tmp_path: Path) -> None:
    found, tuned = pretended(tmp_path)
    file = tmp_path / "tuned" / "small.yaml"
    file.parent.mkdir()
    sets.write(file, found, tuned, {})
    (all_of_it,) = sets.standing(file, found, force=False)
    assert {(name, place) for name, places in all_of_it.entries.items() for place in places} == set(found.pairs)
    text = SMALL.replace("300", "500").replace("softmax_reinforce, ", "")
    _, other = opened(tmp_path, text)
    told = "q_learning on bench/Corridor-v0 at 300 steps, softmax_reinforce on bench/Corridor-v0 at 300 steps, softmax"
    with pytest.raises(BenchError, match=told):
        sets.standing(file, other, force=False)
    (rest,) = sets.standing(file, other, force=True)
    assert {name: list(places) for name, places in rest.entries.items()} == {"q_learning": ["FrozenLake-v1"]}


def test_no_set_is_written_before_any_pair_is_decided(tmp_path: Path) -> None:
    found, tuned = pretended(tmp_path)
    undecided = {pair: replace(one, confirmed=(), settings=None) for pair, one in tuned.items()}
    sets.write(tmp_path / "small.tuned.yaml", found, undecided, {})
    assert not (tmp_path / "small.tuned.yaml").exists()


def test_what_a_suite_gives_itself_is_no_part_of_its_tuned_set(tmp_path: Path) -> None:
    # `policy_delay` is sbx's own: a set that held it could not be read.
    text = SMALL.replace(
        "[q_learning, softmax_reinforce, random]",
        "[{name: sac, implementation: sbx, hyperparameters: {policy_delay: 2, gamma: 0.9}}]",
    )
    _, found = opened(tmp_path, text.split("environments")[0] + "environments: {Pendulum-v1: 20_000}\n")
    one = Confirmed(3, (0.5, 0.6), (0.5, 0.6))
    landscape = Landscape(np.zeros((12, 1)), np.zeros((12, 1)))
    drawn = found.drawn("sac", "Pendulum-v1", 3)
    assert drawn["policy_delay"] == 2
    tuned = Tuned("sac", "Pendulum-v1", landscape, np.ones((12, 1)), (one,), drawn)
    sets.write(tmp_path / "tuned.yaml", found, {("sac", "Pendulum-v1"): tuned}, {})
    ((part_,), settings) = parts_of(tmp_path / "tuned.yaml"), {**drawn, "tuned_for_steps": 20_000}
    del settings["policy_delay"], settings["gamma"]
    assert part_.entries == {"sac": {"Pendulum-v1": settings}}


def test_spaces_are_printed_with_their_source_before_the_first_run_and_not_where_none_is_left(
    tuned_here: Path, once: tuple[Path, str]
) -> None:
    del tuned_here
    said = " ".join(once[1].split())
    first = said.index("q_learning 00")
    for expected in ("learning_rate log 0.01 .. 1", "learning rates over a decade", "the textbook's ranges"):
        assert said.index(expected) < first
    assert "learning rates over a decade" not in " ".join(asked("small.yaml", *SHORT)[1].split())


def test_a_dry_run_prints_spaces_configurations_and_price_and_leaves_nothing(here: Path) -> None:
    code, said = asked("small.yaml", "--dry-run")
    assert code == 0
    for expected in (
        "24 configurations x 2 runs",
        "log 0.01 .. 1",
        "softmax_reinforce 23",
        "core time",
        "to run:",
        "a factor of 3",
    ):
        assert expected in said
    assert [path.name for path in here.iterdir()] == ["small.yaml"]


def opened(folder: Path, text: str = SMALL, **changed: int) -> tuple[Experiment, Search]:
    (folder / "small.yaml").write_text(text)
    found = search(folder / "small.yaml", {kind: replace(one, **changed) for kind, one in PROTOCOLS.items()})
    return first(found, folder / "results"), found


def test_configurations_are_trials_of_an_ordinary_suite(tmp_path: Path) -> None:
    experiment, found = opened(tmp_path, configurations=4)
    assert len(prepare(experiment, RunOptions(1))) == 2 * 2 * 4 * 2
    # What is written as a suite comes back as what was drawn.
    for entry in experiment.suite.algorithms:
        for place in ("bench/Corridor-v0", "FrozenLake-v1"):
            number = int(entry.label[-2:])
            assert settings_of(experiment.suite, entry, place)[0] == found.drawn(entry.algorithm, place, number)
    assert experiment.suite.evaluation.points == POINTS
    assert open_experiment(SuiteText(experiment.text, "again")).plan.trials == experiment.plan.trials


def test_seeds_of_the_search_of_its_confirmation_and_of_the_suite_are_apart(tmp_path: Path) -> None:
    experiment, found = opened(tmp_path)
    pair = ("q_learning", "FrozenLake-v1")
    confirming = again(found, {pair: [3, 1, 0]}, tmp_path)
    seeds = [set(one.suite.seeds) for one in (experiment, confirming)]
    assert [len(one) for one in seeds] == [2, 4]
    assert not seeds[0] & seeds[1]
    assert not (seeds[0] | seeds[1]) & set(range(4))
    # A search with more runs keeps the seeds of its confirmation, and one with another tuning seed has none of them.
    assert replace(DISCRETE, runs=5).fresh_seeds(range(4)) == DISCRETE.fresh_seeds(range(4))
    assert not set(replace(DISCRETE, tuning_seed=1).fresh_seeds(())) & set(DISCRETE.fresh_seeds(()))
    # A suite that has one of them itself gets others.
    taken = DISCRETE.first_seeds(())[0]
    assert taken not in DISCRETE.first_seeds([taken])
    assert len(DISCRETE.first_seeds([taken])) == 2


def test_settings_that_a_suite_fixes_are_not_searched(tmp_path: Path) -> None:
    text = SMALL.replace("[q_learning,", "[{name: q_learning, hyperparameters: {gamma: 0.5}},")
    experiment, _ = opened(tmp_path, text, configurations=3)
    mine = [trial for trial in experiment.plan.trials if trial.algorithm == "q_learning"]
    assert {trial.hyperparameters["gamma"] for trial in mine} == {0.5}
    assert len({trial.configuration for trial in mine}) == 2 * 3


def test_what_policies_are_evaluated_with_is_the_suite_s_in_the_search_too(tmp_path: Path) -> None:
    reference = "reference: {random: 0.1, target: 0.9}"
    slippery = f"{{steps: 400, evaluation_kwargs: {{is_slippery: false}}, {reference}}}"
    experiment, _ = opened(tmp_path, SMALL.replace("FrozenLake-v1: 400", f"FrozenLake-v1: {slippery}"))
    mine = [trial for trial in experiment.plan.trials if trial.environment == "FrozenLake-v1"]
    assert {tuple(trial.evaluation_kwargs.items()) for trial in mine} == {(("is_slippery", False),)}


def test_an_entry_that_names_the_tuned_set_itself_is_no_hindrance_to_tuning_it(tmp_path: Path) -> None:
    mine = "[q_learning, {name: q_learning, label: q tuned, hyperparameters: tuned},"
    own = "{name: sarsa, hyperparameters: {set: tuned, gamma: 0.5}},"
    _, found = opened(tmp_path, SMALL.replace("[q_learning,", mine + own))
    assert {name for name, _ in found.pairs} == {"q_learning", "sarsa", "softmax_reinforce"}
    assert "q tuned is not tuned by itself: q_learning is, as q_learning has it" in found.notes
    assert found.entries["sarsa"].given("FrozenLake-v1") == {"gamma": 0.5}


def test_fewer_configurations_than_are_confirmed_otherwise_are_all_confirmed(here: Path) -> None:
    code, said = asked("small.yaml", "--configurations", "2", "--dry-run", "--json")
    assert (code, json.loads(said[said.index("{") :])["protocol"]["kept"]) == (0, 2)
    # What was asked for is refused where the suite's own protocol has too few: 24 of them hold 20.
    assert asked("small.yaml", "--confirm", "20x2", "--dry-run")[0] == 0
    text = SMALL.replace("[q_learning, softmax_reinforce, random]", "[sac]").split("environments")[0]
    (here / "small.yaml").write_text(text + "environments: {Pendulum-v1: 20_000}\n")
    assert "more configurations than there are" in asked("small.yaml", "--confirm", "20x2", "--dry-run")[1]
    assert asked("small.yaml", "--configurations", "2", "--dry-run")[0] == 0


def test_a_suite_whose_settings_are_no_set_is_told_so(here: Path) -> None:
    (here / "small.yaml").write_text(SMALL + "hyperparameters: {learning_rate: 0.1}\n")
    assert "hyperparameters: wants the name of a set, or a list of names" in asked("small.yaml", "--dry-run")[1]
    (here / "small.yaml").write_text(SMALL + "hyperparameters: mine\nsets: 5\n")
    said = asked("small.yaml", "--dry-run")[1]
    assert "hyperparameter set 'mine' is not known" in said
    assert "sets: wants a mapping, not 5" in said


def test_an_environment_without_references_is_left_out_and_told_of(tmp_path: Path) -> None:
    _, found = opened(tmp_path, SMALL.replace("FrozenLake-v1: 400", "CliffWalking-v1: 400"))
    assert {place for _, place in found.pairs} == {"bench/Corridor-v0"}
    assert any("CliffWalking-v1 has no reference returns" in note for note in found.notes)


def test_continuous_actions_get_the_shorter_protocol(tmp_path: Path) -> None:
    text = SMALL.replace("[q_learning, softmax_reinforce, random]", "[sac]").split("environments")[0]
    _, found = opened(tmp_path, text + "environments: {Pendulum-v1: 20_000}\n")
    assert found.protocol == CONTINUOUS
    (price,) = prices(found, first(found, tmp_path), None).values()
    assert (price.trials, price.steps) == (12 + 8, 20 * 20_000)


def test_a_part_is_tuned_as_it_is_within_the_whole(tmp_path: Path) -> None:
    text = SMALL.replace("[q_learning, softmax_reinforce, random]", "[ppo, a2c]").split("environments")[0]
    experiment, whole = opened(tmp_path, text + "environments: {CartPole-v1: 20_000, Pendulum-v1: 20_000}\n")
    some = part(whole, ["ppo@CartPole-v1"])
    assert some.pairs == (("ppo", "CartPole-v1"),)
    # Pendulum decides for CartPole, too.
    assert some.protocol == CONTINUOUS
    mine = first(some, tmp_path / "results")
    assert {trial.cell for trial in mine.plan.trials} == {(label("ppo", one), "CartPole-v1") for one in range(12)}
    assert {trial.name for trial in mine.plan.trials} < {trial.name for trial in experiment.plan.trials}
    # What is kept beside the results forgets nobody.
    assert mine.text == experiment.text
    best = {pair: [1, 0] for pair in whole.pairs}
    fresh, every = (again(one, best, tmp_path / "results") for one in (some, whole))
    assert fresh.text == every.text
    assert {trial.cell for trial in fresh.plan.trials} == {(f"ppo, place {one}", "CartPole-v1") for one in (1, 2)}
    assert len(every.plan.trials) == 4 * len(fresh.plan.trials)


def test_a_variant_that_is_not_tuned_by_itself_cannot_be_asked_for(tmp_path: Path) -> None:
    text = SMALL.replace("[q_learning,", "[q_learning, {name: q_learning, label: wide, hyperparameters: {gamma: 0.9}},")
    _, whole = opened(tmp_path, text)
    with pytest.raises(BenchError, match="--only wide: nothing of it is tuned; wide is not tuned by itself"):
        part(whole, ["wide"])


def test_confirm_is_read_or_refused() -> None:
    assert confirmed("3x4") == (3, 4)
    for wrong in ("3", "x4", "0x4", "3x0", "three"):
        with pytest.raises(BenchError, match="--confirm"):
            confirmed(wrong)


def test_who_leads_is_told_without_tuning_and_from_eight_runs_on() -> None:
    curves = {"ppo": [0.6] * 12, "dqn": [0.1] * 8 + [0.58, 0.7, 0.8, 0.9]}
    assert stretches(curves, 0.05) == (
        Stretch(1, 1, ("ppo",), (0.6, 0.6)),
        Stretch(8, 9, ("ppo",), (0.6, 0.6)),
        Stretch(10, 11, ("dqn",), (0.7, 0.8)),
    )
    near = {"ppo": [0.6] * 12, "dqn": [0.58] * 12, "a2c": [0.58] * 8 + [0.4] * 4}
    assert stretches(near, 0.05)[1:] == (Stretch(8, 11, ("ppo", "dqn"), (0.6, 0.6)),)
    assert stretches({"ppo": [0.5]}, 0.05) == ()


def test_a_leader_stays_until_another_is_ahead_by_more_than_the_margin() -> None:
    curves = {"ppo": [0.6] * 12, "dqn": [0.5] * 7 + [0.64] * 5, "a2c": [0.1] * 9 + [0.66] * 3}
    assert stretches(curves, 0.05) == (
        Stretch(1, 1, ("ppo",), (0.6, 0.6)),
        Stretch(8, 9, ("ppo", "dqn"), (0.6, 0.6)),
        Stretch(10, 11, ("a2c", "dqn"), (0.66, 0.66)),
    )


def test_where_all_configurations_are_candidates_nobody_takes_the_lead() -> None:
    curves = {"ppo": [0.6] * 12, "dqn": [0.3] * 11 + [0.9]}
    assert stretches(curves, 0.05)[1:] == (Stretch(8, 11, ("ppo",), (0.6, 0.6)),)
    assert stretches({label: curve[4:] for label, curve in curves.items()}, 0.05) == (
        Stretch(1, 1, ("ppo",), (0.6, 0.6)),
    )


def fresh(*scores: tuple[float, ...]) -> Tuned:
    confirmed = tuple(Confirmed(number, one, (0.5,) * len(one)) for number, one in enumerate(scores))
    landscape = Landscape(np.zeros((3, 2)), np.zeros((3, 2)))
    return Tuned("ppo", "CartPole-v1", landscape, np.ones((3, 2)), confirmed)


def test_what_is_kept_is_worth_what_runs_say_that_did_not_choose_it() -> None:
    # The highest mean is 0.5. Without run 0 or 1 the other is chosen, whose runs there are 0.4; without 2 or 3 the
    # first is, whose runs there are 0.
    one = fresh((1.0, 1.0, 0.0, 0.0), (0.4, 0.4, 0.4, 0.6))
    assert one.kept is not None
    assert (one.kept.number, one.kept.mean) == (0, 0.5)
    assert one.worth == pytest.approx(0.2)
    # Variances of 1/3 and 0.01.
    assert one.noise == pytest.approx(np.sqrt((1 / 3 + 0.01) / 2))
    assert fresh((0.25, 0.75)).worth == 0.5
    assert fresh((0.25,), (0.75,)).worth is None
    assert fresh().worth is None


def test_the_best_by_its_first_run_is_held_against_its_own_fresh_runs_whatever_is_kept(tmp_path: Path) -> None:
    scores = np.array([[0.5, 0.5], [0.9, 0.9], [0.8, 0.1]])
    one = replace(fresh(), landscape=Landscape(scores, scores))
    # Both runs choose configuration 1.
    assert one.curse is None
    landed = replace(one, confirmed=(Confirmed(1, (0.2, 0.4), (0.5,) * 2), Confirmed(2, (0.9, 0.7), (0.5,) * 2)))
    assert landed.kept == landed.confirmed[1]
    assert landed.curse == pytest.approx(0.9 - 0.3)
    # A mean over environments is of all of them or of none.
    tuned = {("ppo", place): replace(mine, environment=place) for place, mine in (("a", one), ("b", landed))}
    known = worth(tuned, 0, 0.05, 2)
    assert [each.curse for each in known.means] == [None]
    _, found = opened(tmp_path)
    pair = ("q_learning", "FrozenLake-v1")
    sets.write(tmp_path / "tuned.yaml", found, {pair: replace(landed, settings=found.drawn(*pair, 2))}, {})
    told = "the best of all by its first run looked 0.60 better than its fresh runs were"
    assert told in " ".join((tmp_path / "tuned.yaml").read_text().split())


def test_of_equal_settings_the_highest_mean_is_too_high_and_the_worth_is_not() -> None:
    draws = np.random.default_rng(0).normal(size=(2000, 3, 4))
    ones = [fresh(*map(tuple, rows.tolist())) for rows in draws]
    assert np.mean([one.kept.mean for one in ones if one.kept]) > 0.35
    assert abs(np.mean([one.worth or 0.0 for one in ones])) < 0.03


def pretended(folder: Path, runs: int = 2) -> tuple[Search, dict[tuple[str, str], Tuned]]:
    """Return a search with made-up scores: one algorithm good by default, the other only when tuned."""
    _, found = opened(folder)
    rng = np.random.default_rng(3)
    tuned = {}
    for (name, place), good in zip(found.pairs, (0.6, 0.6, 0.2, 0.2), strict=True):
        quality = rng.beta(1, 6, 24) if good > 0.5 else rng.beta(2, 1, 24)
        quality[0] = good
        scores = np.clip(quality[:, None] + rng.normal(0, 0.1, (24, runs)), 0, 1)
        seconds = np.full((24, runs), 2.0 if good > 0.5 else 9.0)
        best = tuple(Confirmed(number, (0.7, 0.8, 0.9, 0.8), (0.5,) * 4) for number in (5, 2, 0))
        tuned[name, place] = Tuned(
            name, place, Landscape(scores, scores / 2), seconds, best, found.drawn(name, place, 5)
        )
    return found, tuned


def test_the_page_has_curves_tables_and_what_to_know(tmp_path: Path) -> None:
    found, tuned = pretended(tmp_path)
    known = worth(tuned, 0, 0.05, 2)
    assert known.stretches[0].leaders == ("q_learning",)
    assert known.stretches[-1].leaders == ("softmax_reinforce",)
    written = page.write(found, tuned, known, tmp_path / "page").read_text()
    assert "With no tuning q_learning" in written
    # The first screen: the answer, what to know before one relies on it, and beside both the mean's figure.
    answer = written[written.index('<section id="answer">') : written.index('<section id="effort">')]
    for words in ("The best few ran again", "Before you rely on this", 'class="beside"', 'id="figure-effort-mean"'):
        assert words in answer
    # The mean, by seconds, two environments; and the runs of each environment.
    assert re.findall(r'<figure id="figure-([^"]+)"', written) == [
        *("effort-mean", "effort-seconds", "effort-1", "effort-2"),
        *("sensitivity-1", "sensitivity-2"),
    ]
    assert "ranges of the learning rates follow one rule" in written
    for name in ("effort", "kept", "settings", "sensitivity", "phi", "spaces"):
        assert (tmp_path / "page" / "tables" / f"{name}.csv").is_file()
    assert known.halved is not None
    assert "tuning runs the order is" in sentences.order(known)


def test_a_range_that_does_not_follow_the_rule_is_named_and_what_lies_outside_its_half(tmp_path: Path) -> None:
    _, tuned = pretended(tmp_path)
    rates = {number: unit(0, "q_learning", number, "learning_rate") for number in range(24)}
    far = next(number for number, rate in rates.items() if number and rate < 1 / 4)
    assert rates[5] == pytest.approx(0.47, abs=0.01)
    scores, areas = (0.9,) * 4, (0.5,) * 4
    for (name, place), kept in {
        ("q_learning", "FrozenLake-v1"): far,
        ("softmax_reinforce", "FrozenLake-v1"): 0,
    }.items():
        tuned[name, place] = replace(tuned[name, place], confirmed=(Confirmed(kept, scores, areas),))
    known = worth(tuned, 0, 0.05, 2)
    assert known.outside == {"q_learning": (1, 2), "softmax_reinforce": (0, 2)}
    known = replace(known, outside={"reinforce": (2, 3), "qrdqn": (0, 3), "ppo": (3, 3)})
    *_, rule = sentences.as_tuned([space("ppo"), space("reinforce"), space("qrdqn")], known)
    assert rule.partition("turn the order round. ")[2] == (
        "The range of reinforce is an exception: a decade each side of the 0.003 that was found by hand on the "
        "environments of this harness's suites (log 0.0003 .. 0.03, where the default is 0.001), and what is kept lies "
        "outside the half range that is analysed again in 2 of 3 environments. The range of qrdqn is an exception: "
        "DQN's (log 1e-05 .. 0.004, where the default is 5e-05)."
    )


def test_a_search_with_one_run_each_has_no_axis_of_effort_and_says_so(tmp_path: Path) -> None:
    found, tuned = pretended(tmp_path, runs=1)
    known = worth(tuned, 0, 0.05, 2)
    assert known.efforts == ()
    assert known.sensitivities
    written = page.write(found, tuned, known, tmp_path / "page").read_text()
    assert "there is no axis of tuning effort here" in written
    assert re.findall(r'<figure id="figure-([^"]+)"', written) == ["sensitivity-1", "sensitivity-2"]


def test_the_figure_of_sensitivity_shows_every_drawn_run_and_the_defaults_apart(tmp_path: Path) -> None:
    _, tuned = pretended(tmp_path)
    mine = [one for one in tuned.values() if one.environment == "FrozenLake-v1"]
    (figure,) = page.spreads(mine)
    (ax,) = drawing.draw(figure, palette.styles([one.algorithm for one in mine])).axes
    named = [text.get_text() for text in ax.texts if (text.get_gid() or "").endswith("-left")]
    assert named == ["q_learning", "softmax_reinforce"]
    lines = {line.get_gid(): line for line in ax.lines}
    bars = {bar.get_gid(): bar for bar in ax.collections if isinstance(bar, LineCollection)}
    for row, one in enumerate(mine):
        scores = one.landscape.scores
        gid = f"sensitivity-1-0-s{row}-r{row}"
        rings, diamond = (np.array(lines[f"{gid}-{part}"].get_xydata()) for part in ("dots", "published"))
        assert sorted(rings[:, 0]) == sorted(scores[1:].ravel())
        assert set(rings[:, 1]) == {row}
        assert diamond.tolist() == [[pytest.approx(scores[0].mean()), row]]
        (line,) = bars[f"{gid}-published-interval"].get_segments()
        assert line.tolist() == [[scores[0].min(), row], [scores[0].max(), row]]


def narrow(folder: Path) -> tuple[Experiment, Search, Record]:
    """Return the search of a single pair with two configurations, nothing of it run, and a record of its first run."""
    text = SMALL.replace("softmax_reinforce, ", "").replace(", FrozenLake-v1: 400", "")
    experiment, found = opened(folder, text, configurations=2, kept=2)
    assert len(experiment.plan.trials) == 4
    return experiment, found, replace(carry_out(experiment.plan.trials[0], folder / "one"), updates=9)


def test_a_configuration_that_makes_no_update_scores_as_the_random_policy(tmp_path: Path) -> None:
    experiment, found, record = narrow(tmp_path)
    (pair,) = found.pairs
    for trial in experiment.plan.trials:
        idle = trial.label == label("q_learning", 1)
        keep(replace(record, trial=trial, updates=0 if idle else 9), experiment.store.folder(trial))
    tuned = outcome.landscapes(found, experiment)[pair]
    assert tuned.landscape.scores[1].tolist() == [0.0, 0.0]
    assert tuned.landscape.scores[0][0] != 0
    assert tuned.failed == 2
    assert tuned.seconds[1].tolist() == [record.core_seconds] * 2


def test_the_suite_s_own_runs_and_fresh_ones_tell_what_the_defaults_are_worth(tmp_path: Path) -> None:
    experiment, found, record = narrow(tmp_path)
    (pair,) = found.pairs
    for trial in experiment.plan.trials:
        keep(replace(record, trial=trial), experiment.store.folder(trial))
    own = open_experiment(tmp_path / "small.yaml", results=tmp_path / "results")
    mine = [trial for trial in own.plan.trials if trial.algorithm == "q_learning"]
    assert len(mine) == 4
    # Two as they are, one that made no update, one of another budget, one of other settings.
    kept = [*mine[:3], replace(mine[3], steps=500), replace(mine[3], hyperparameters={"gamma": 0.5})]
    for place, trial in enumerate(kept):
        made = carry_out(trial, tmp_path / str(place))
        keep(replace(made, updates=0 if place == 2 else 9), own.store.folder(trial))
    assert len([*own.store.outcomes()]) == 5
    tuned = outcome.landscapes(found, experiment)
    first, second, idle = tuned[pair].landscape.suite
    assert 0.0 not in (first, second)
    assert idle == 0.0
    confirming = again(found, {pair: [1, 0]}, tmp_path / "results")
    for trial in confirming.plan.trials:
        keep(replace(record, trial=trial), confirming.store.folder(trial))
    tuned = outcome.with_confirmation(found, tuned, {pair: [1, 0]}, confirming)
    assert tuned[pair].landscape.confirmed == (tuned[pair].landscape.scores[0][0],) * 4
    known = worth(tuned, 0, 0.05, 1)
    assert known.efforts[0].default_runs == (2 + 4 + 3,)
    table = page.efforts(known)
    assert [row[[one.name for one in table.columns].index("Defaults' runs")].shown() for row in table.rows] == ["9"]
    # Under another metric the suite's curves, with other points, are no match.
    other = replace(found, suite=replace(found.suite, analysis=replace(found.suite.analysis, metric="auc")))
    assert outcome.landscapes(other, experiment)[pair].landscape.suite == ()


def test_runs_that_confirm_are_priced_as_the_first_ones_until_they_are_there(tmp_path: Path) -> None:
    experiment, found, record = narrow(tmp_path)
    (pair,) = found.pairs
    for trial in experiment.plan.trials:
        keep(replace(record, trial=trial), experiment.store.folder(trial))
    assert record.core_seconds is not None
    assert prices(found, experiment, None)[pair].seconds == pytest.approx(2 * 4 * record.core_seconds)
    confirming = again(found, {pair: [1, 0]}, tmp_path / "results")
    for trial in confirming.plan.trials[:3]:
        keep(replace(record, trial=trial), confirming.store.folder(trial))
    assert prices(found, experiment, confirming)[pair].seconds == pytest.approx(5 * record.core_seconds)


def test_what_is_told_of_a_part_names_its_environments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found, tuned = pretended(tmp_path)
    whole, of_three = worth(tuned, 0, 0.05, 2), worth(tuned, 0, 0.05, 3)
    assert sentences.headline(whole).startswith("With no tuning q_learning")
    (default,) = {round(one.curve[0], 2) for one in whole.means if one.algorithm == "q_learning"}
    assert sentences.headline(whole).startswith(f"With no tuning q_learning ({default:.2f}, 2 runs of each); ")
    fewer = replace(whole.means[0], default_runs=(16, 12))
    assert "2 to 16 runs of each" in sentences.headline(replace(whole, means=(fewer, *whole.means[1:])))
    # Fresh runs of 0.7, 0.8, 0.9 and 0.8; a run of the other takes nine seconds for two.
    scores = "by fresh runs that did not choose it, it scores q_learning 0.80 and softmax_reinforce 0.80."
    told = sentences.confirmed(whole)
    assert told.startswith(f"The best few ran again, 4 fresh runs each, to choose what is kept; {scores}")
    assert told.endswith("The order may differ from the curve's, which chooses by a single run.")
    assert sentences.price(whole) == (
        "Of one core and for each environment, 24 tuning runs take: q_learning 48 s and softmax_reinforce 4 min."
    )
    assert sentences.mean_of(whole) == "mean of all 2 environments"
    assert sentences.mean_of(of_three) == "mean of 2 of 3 environments"
    within = "On bench/Corridor-v0 and FrozenLake-v1, 2 of 3 environments, "
    assert sentences.headline(of_three).startswith(f"{within}with no tuning q_learning")
    assert sentences.order(of_three).startswith(f"{within}after 8 tuning runs the order is")
    lake = {pair: one for pair, one in tuned.items() if pair[1] == "FrozenLake-v1"}
    one = worth(lake, 0, 0.05, 2)
    assert one.means == ()
    assert sentences.headline(one).startswith("On FrozenLake-v1, 1 of 2 environments, with no tuning q_learning")
    assert {row[1].value for row in page.efforts(one).rows} == {"FrozenLake-v1"}
    written = page.write(found, lake, one, tmp_path / "page")
    assert re.findall(r'<figure id="figure-(effort[^"]+)"', written.read_text()) == ["effort-seconds", "effort-1"]
    apart = worth({pair: tuned[pair] for pair in (found.pairs[0], found.pairs[3])}, 0, 0.05, 2)
    assert sentences.headline(apart) == "With no algorithm tuned in every environment there is nobody to lead."
    assert apart.halved is None
    # Only the command for the whole goes on with the other half.
    files = (tmp_path / "tuned.yaml", written)
    telling.say_outcome(found, lake, one, Summary(4, 4, 0, 0, False), files, partly=True, as_json=False)
    said = " ".join(capsys.readouterr().out.split())
    assert "softmax_reinforce on bench/Corridor-v0; the same command without --only goes on" in said
    assert "hyperparameters: none yet" in said


def test_what_hinders_a_tuning_is_told_whatever_came_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found, tuned = pretended(tmp_path)
    one = Summary(8, 5, 0, 0, False, hindered=1, hindrances=("no space left",), unreadable=1)
    summary = both(one, Summary(4, 3, 0, 1, False, hindered=1, hindrances=("no space left",), unreadable=2))
    known, files = worth(tuned, 0, 0.05, 2), (tmp_path / "tuned.yaml", tmp_path / "index.html")
    telling.say_outcome(found, tuned, known, summary, files, partly=False, as_json=False)
    told = capsys.readouterr().out
    telling.say_stopped(found, summary, as_json=False)
    for said in (told, capsys.readouterr().out):
        words = " ".join(said.split())
        assert "2 trials were not run to the end" in words
        assert words.count("no space left") == 1
        assert "3 files of results cannot be read" in words
        assert "another command on this folder is at work on 1 run" in words
    telling.say_stopped(found, summary, as_json=True)
    assert json.loads(capsys.readouterr().out)["runs"]["hindrances"] == ["no space left"]


def test_labels_tell_configurations_apart() -> None:
    assert label("ppo", 7) == "ppo 07"
