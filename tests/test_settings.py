"""Suites with several settings, and the sets of hyperparameters that lie beside them."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from bench import suite
from bench.analysis import analyse
from bench.analysis.declared import suite_hash
from bench.analysis.sequential import design
from bench.cli import inventory
from bench.cli.app import app
from bench.cli.planned import say_warnings
from bench.errors import SuiteError
from bench.hyperparameters.budgets import for_larger_budgets, set_apart
from bench.options import suites_at_hand
from bench.pipeline import open_experiment
from bench.plan import plan
from bench.records import Claim, Part, Sensitivity, Suite, SuiteAlgorithm, Trial
from bench.report import sentences
from bench.report.cautions import warnings
from bench.report.notes import note
from bench.report.recommendation import recommendation
from tests.making import run_suite
from tests.test_analysis_estimates import BUDGET, Results, random_results

TWO = """name: two
seeds: 2
evaluation: {points: 2, episodes: 2, final_episodes: 4}
hyperparameters: [default, tuned]
algorithms: [q_learning, softmax_reinforce, random]
environments: {bench/Corridor-v0: 400, bench/Bandit-v0: 100}
"""
TUNED = """parts:
  - source: a search
    version: "1"
    tuning_budget: 24 configurations
    seeds: 1000 and 1001
    entries:
      q_learning:
        bench/Corridor-v0: {tuned_for_steps: 400, learning_rate: 0.5}
        bench/Bandit-v0: {learning_rate: 1e-1}
      softmax_reinforce:
        bench/Corridor-v0: {learning_rate: 0.25}
    everywhere:
      softmax_reinforce: {learning_rate: 0.125}
"""


def written(folder: Path, text: str = TWO, tuned: str = TUNED) -> Path:
    (folder / "tuned").mkdir(parents=True, exist_ok=True)
    (folder / "tuned" / "two.yaml").write_text(tuned)
    path = folder / "two.yaml"
    path.write_text(text)
    return path


def told(path: Path) -> list[str]:
    with pytest.raises(SuiteError) as error:
        suite.read(path)
    return [str(one).replace(f"{path.parent}/", "") for one in error.value.complaints]


def standing(found: Suite) -> list[tuple[str, str, str]]:
    return [(entry.label, entry.hyperparameter_set, entry.setting) for entry in found.algorithms]


def test_every_algorithm_stands_once_in_each_setting_and_one_without_hyperparameters_in_all(tmp_path: Path) -> None:
    assert standing(suite.read(written(tmp_path))) == [
        ("q_learning", "default", "default"),
        ("softmax_reinforce", "default", "default"),
        ("random", "default", ""),
        ("q_learning (tuned)", "tuned", "tuned"),
        ("softmax_reinforce (tuned)", "tuned", "tuned"),
    ]


def test_a_claim_is_asked_where_both_of_its_settings_are_there(tmp_path: Path) -> None:
    text = TWO + "skip_incompatible: true\n"
    text += "claims: [{claim: It pays., left: softmax_reinforce (tuned), right: softmax_reinforce, quantity: score}]\n"
    lacking = TUNED[: TUNED.index("    everywhere:")]
    for place, tuned, there in (("some", lacking, ["Corridor"]), ("all", TUNED, ["Corridor", "Bandit"])):
        described = suite.read(written(tmp_path / place, text, tuned))
        (told,) = analyse(described, plan(described).trials, [], {}, np.random.default_rng(0)).claims
        assert told.environments == tuple(f"bench/{name}-v0" for name in there)


@pytest.mark.parametrize("sets", ["tuned", "[tuned]"])
def test_one_set_is_no_setting_and_changes_no_label(tmp_path: Path, sets: str) -> None:
    found = suite.read(written(tmp_path, TWO.replace("[default, tuned]", sets)))
    assert standing(found) == [(name, "tuned", "") for name in ("q_learning", "softmax_reinforce", "random")]


def test_an_algorithm_that_names_its_set_stands_once_in_that_setting(tmp_path: Path) -> None:
    own = "{name: q_learning, label: slow, hyperparameters: {set: tuned, learning_rate: 0.01}}"
    found = suite.read(
        written(tmp_path, TWO.replace("[q_learning, softmax_reinforce, random]", f"[q_learning, {own}]"))
    )
    assert standing(found) == [
        ("q_learning", "default", "default"),
        ("slow", "tuned", "tuned"),
        ("q_learning (tuned)", "tuned", "tuned"),
    ]


@settings(deadline=None)
@given(st.lists(st.sampled_from(["ppo", "a2c", "dqn", "random"]), min_size=1, max_size=4, unique=True), st.booleans())
def test_settings_have_the_same_algorithms_whatever_they_are(names: list[str], both: bool) -> None:
    chosen = "[default, rl-zoo]" if both else "[rl-zoo, default]"
    found = suite.parse(
        f"hyperparameters: {chosen}\nenvironments: {{CartPole-v1: 1000}}\nalgorithms: {names}".replace("'", ""),
        "x.yaml",
    )
    learners = [name for name in names if name != "random"]
    for setting in ("default", "rl-zoo"):
        here = [entry for entry in found.algorithms if entry.setting == setting]
        assert [entry.algorithm for entry in here] == learners
        assert all(entry.hyperparameter_set == setting for entry in here)
    labels = [entry.label for entry in found.algorithms]
    assert labels[: len(names)] == names
    assert len({*labels}) == len(labels) == len(names) + len(learners)


def test_the_tuned_set_is_the_suites_own_file_with_its_provenance(tmp_path: Path) -> None:
    found = plan(suite.read(written(tmp_path)), seeds=1).trials
    trials = {(trial.label, trial.environment): trial for trial in found}
    assert len(trials) == 5 * 2
    there = trials["q_learning (tuned)", "bench/Corridor-v0"]
    assert there.hyperparameters == {"learning_rate": 0.5}
    budget = "tuning budget: 24 configurations; seeds: 1000 and 1001"
    assert there.provenance == f"a search 1; made for 400 steps; {budget}"
    assert (
        trials["q_learning (tuned)", "bench/Bandit-v0"].provenance == f"a search 1; made for no stated budget; {budget}"
    )
    assert trials["q_learning", "bench/Corridor-v0"].hyperparameters == {}
    assert trials["softmax_reinforce (tuned)", "bench/Corridor-v0"].hyperparameters == {"learning_rate": 0.25}
    assert trials["softmax_reinforce (tuned)", "bench/Bandit-v0"].hyperparameters == {"learning_rate": 0.125}


def test_a_set_may_be_any_file_beside_the_suite_and_is_called_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(TUNED)
    found = suite.read(written(tmp_path, TWO.replace("[default, tuned]", "[tuned, mine.yaml]")))
    assert standing(found)[3:] == [
        ("q_learning (mine)", "mine.yaml", "mine"),
        ("softmax_reinforce (mine)", "mine.yaml", "mine"),
    ]
    assert found.sets["mine.yaml"] == found.sets["tuned"]


@pytest.mark.parametrize(
    ("before", "after", "complaints"),
    [
        ("[default, tuned]", "[default, default]", [("two.yaml:4: hyperparameters.1: two settings are called "
         "'default'; name each set once")]),
        ("[default, tuned]", "[default, tunde]", [("two.yaml:4: hyperparameters.1: hyperparameter set 'tunde' is not "
         "known; did you mean 'tuned'?")]),
        ("[default, tuned]", "[]", [
            "two.yaml:4: hyperparameters: wants the name of a set, or a list of names, not []"]),
        ("[default, tuned]", "[default, gone.yaml]", [("two.yaml:4: hyperparameters.1: the set 'gone.yaml' is missing: "
         "there is no file gone.yaml; the path is taken from the suite's folder")]),
        ("random]", "{name: random, label: q_learning (tuned)}]", [("two.yaml:5: algorithms.0.name: label 'q_learning "
         "(tuned)' is taken by line 5; give this entry a `label:` of its own")]),
        ("random]", "{name: q_learning, label: zoo, hyperparameters: rl-zoo}]", [("two.yaml:5: "
         "algorithms.2.hyperparameters: the set 'rl-zoo' is none of the suite's settings; name one of default, tuned, "
         "or none, and it stands in each")]),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_told_apart_are_refused(
    tmp_path: Path, before: str, after: str, complaints: list[str]
) -> None:
    assert told(written(tmp_path, TWO.replace(before, after))) == complaints


@pytest.mark.parametrize(
    ("left", "right", "complaint"),
    [
        ("q_learning (tuned)", "softmax_reinforce (tuned)", ""),
        ("q_learning (tuned)", "q_learning", ""),
        ("q_learning (tuned)", "random", ""),
        ("q_learning", "softmax_reinforce (tuned)", ("right: compares two algorithms under different settings: "
         "q_learning stands in default and softmax_reinforce (tuned) stands in tuned; name both under one setting")),
        ("q_learning (tunde)", "random", ("left: no algorithm of this suite is called 'q_learning (tunde)'; "
         "did you mean 'q_learning (tuned)'?")),
    ],
)  # fmt: skip
def test_claims_name_labels_as_they_stand_in_one_setting(tmp_path: Path, left: str, right: str, complaint: str) -> None:
    claim = f"claims:\n  - {{claim: one, left: {left}, right: {right}, quantity: score}}\n"
    path = written(tmp_path, TWO + claim)
    if complaint:
        assert told(path) == [f"two.yaml:8: claims.0.{complaint}"]
    else:
        assert (suite.read(path).claims[0].left, suite.read(path).claims[0].right) == (left, right)


def test_a_missing_tuned_set_says_what_writes_it_and_tuning_can_read_the_suite(tmp_path: Path) -> None:
    path = written(tmp_path, TWO + "claims: [{claim: c, left: q_learning (tuned), right: random, quantity: score}]\n")
    shutil.rmtree(tmp_path / "tuned")
    (complaint, *_) = told(path)
    assert complaint == (
        "two.yaml:4: hyperparameters.1: the set 'tuned' is missing: there is no file tuned/two.yaml; "
        f"`bench tune {path}` writes it"
    ).replace(f"{tmp_path}/", "")
    untuned = suite.read_untuned(path)
    assert standing(untuned) == [(name, "default", "") for name in ("q_learning", "softmax_reinforce", "random")]
    assert untuned.claims == ()


def test_a_broken_set_is_told_with_its_own_lines_beside_the_suites_complaints(tmp_path: Path) -> None:
    tuned = """parts:
  - surce: me
    source: me
    entries:
      q_lerning: {bench/Bandit-v0: {}}
      q_learning:
        bench/Bandit-v0: {learning_rat: 1, learning_rate: -1, tuned_for_steps: 0}
"""
    assert told(written(tmp_path, TWO.replace("seeds: 2", "seeds: 0"), tuned)) == [
        "two.yaml:2: seeds: must be from 1 to 10,000, not 0",
        ("tuned/two.yaml:2: parts.0.surce: key 'surce' is not known; did you mean 'source'?"),
    ]
    assert told(written(tmp_path, TWO, tuned.replace("  - surce: me\n    source", "  - source"))) == [
        "tuned/two.yaml:4: parts.0.entries.q_lerning: algorithm 'q_lerning' is not known; did you mean 'q_learning'?",
        (
            "tuned/two.yaml:6: parts.0.entries.q_learning.bench/Bandit-v0.learning_rat: q_learning has no "
            "hyperparameter 'learning_rat'; did you mean 'learning_rate'?"
        ),
        (
            "tuned/two.yaml:6: parts.0.entries.q_learning.bench/Bandit-v0.learning_rate: wants a number above 0 or a "
            "schedule like 'lin_0.001', not -1"
        ),
        "tuned/two.yaml:6: parts.0.entries.q_learning.bench/Bandit-v0.tuned_for_steps: must be at least 1, not 0",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("seeds: 3\nparts: [{source: me, entries: {}}]", "1: seeds: key 'seeds' is not known; known here: parts"),
        ("q_learning: {learning_rate: 1}", "1: key 'parts' is missing"),
        (
            "parts: [{source: me, entries: {}, sensitivity: {ppo: {CartPole-v1: {nere: 1}}}}]",
            "1: parts.0.sensitivity.ppo.CartPole-v1.nere: key 'nere' is not known; did you mean 'near'?",
        ),
    ],
)
def test_a_key_that_a_set_has_not_is_told_by_the_keys_of_sets_not_of_suites(
    tmp_path: Path, text: str, complaint: str
) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    found = told(written(tmp_path, TWO.replace("tuned]", "mine.yaml]")))
    assert f"mine.yaml:{complaint}" in found
    kept = TWO.replace("tuned]", "mine]") + f"sets: {{mine: {{{text.replace(chr(10), ', ')}}}}}\n"
    assert any(one.endswith(complaint.partition("key ")[2]) for one in told(written(tmp_path, kept)))


def test_the_file_of_settings_that_the_documentation_shows_is_one(tmp_path: Path) -> None:
    said = (
        (Path(__file__).parents[1] / "docs" / "tuning.md").read_text().partition("## Settings of your own in a file")[2]
    )
    (tmp_path / "mine.yaml").write_text(said.partition("```yaml\n")[2].partition("```")[0])
    text = TWO.replace("tuned]", "mine.yaml]").replace("q_learning, softmax_reinforce, random", "ppo, dqn")
    places = "{CartPole-v1: 100_000, LunarLander-v3: 100_000}"
    found = suite.read(written(tmp_path, text.replace("{bench/Corridor-v0: 400, bench/Bandit-v0: 100}", places)))
    (part,) = found.sets["mine.yaml"]
    assert part.entries["ppo"]["CartPole-v1"] == {"tuned_for_steps": 100_000, "learning_rate": 0.001, "n_steps": 512}
    assert plan(found).trials


def test_a_pair_that_a_set_beside_the_suite_leaves_out_is_refused_or_skipped_never_defaulted(tmp_path: Path) -> None:
    without = TUNED.replace("        bench/Bandit-v0: {learning_rate: 1e-1}\n", "")
    path = written(tmp_path, tuned=without)
    with pytest.raises(SuiteError) as error:
        plan(suite.read(path))
    reason = "the set 'tuned' has no entry for q_learning on bench/Bandit-v0"
    assert [(one.message, one.hint) for one in error.value.complaints] == [
        (reason, f"`bench tune {path}` tunes it, or set `skip_incompatible: true`")
    ]
    skipping = plan(replace(suite.read(path), skip_incompatible=True))
    assert [(skip.label, skip.reason) for skip in skipping.skips] == [("q_learning (tuned)", reason)]


def partly_tuned(folder: Path) -> Path:
    return written(folder, tuned=TUNED.replace("        bench/Bandit-v0: {learning_rate: 1e-1}\n", ""))


def test_a_partly_tuned_suite_is_run_where_it_is_tuned(tmp_path: Path) -> None:
    found = plan(suite.read(partly_tuned(tmp_path)), only=["@bench/Corridor-v0"])
    assert {trial.environment for trial in found.trials} == {"bench/Corridor-v0"}
    assert "q_learning (tuned)" in {trial.label for trial in found.trials}


def test_complaints_name_the_entry_as_it_is_written_whatever_stands_for_several(tmp_path: Path) -> None:
    path = partly_tuned(tmp_path)
    with pytest.raises(SuiteError) as error:
        plan(suite.read(path))
    (line,) = (n for n, one in enumerate(path.read_text().splitlines(), 1) if one.startswith("algorithms:"))
    assert [one.place for one in error.value.complaints] == [f"{path}:{line}: algorithms.0"]
    swept = (
        "algorithms:\n  - {name: ppo, sweep: {gamma: [0.9, 0.99]}}\n  - dqn\n"
        "hyperparameters: default\nenvironments: {Pendulum-v1: 10_000}\nseeds: 1\n"
    )
    with pytest.raises(SuiteError, match=r"x\.yaml:3: algorithms\.1: dqn wants discrete actions"):
        plan(suite.parse(swept, "x.yaml"))


def test_an_untuned_environment_without_reference_is_not_sent_to_bench_tune(tmp_path: Path) -> None:
    path = partly_tuned(tmp_path)
    changed = path.read_text().replace("Bandit-v0: 100", "Bandit-v0: {steps: 100, kwargs: {max_episode_steps: 5}}")
    path.write_text(changed)
    with pytest.raises(SuiteError) as error:
        plan(suite.read(path))
    assert error.value.complaints[0].hint == (
        "give bench/Bandit-v0 `reference: {random: ..., target: ...}`, without which nothing is tuned there, or set "
        "`skip_incompatible: true`"
    )


def test_what_a_run_skips_is_among_its_warnings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = partly_tuned(tmp_path)
    path.write_text(path.read_text() + "skip_incompatible: true\n")
    say_warnings(open_experiment(path, results=tmp_path))
    told = " ".join(capsys.readouterr().err.split())
    assert "skipped: q_learning (tuned) on bench/Bandit-v0: the set 'tuned' has no entry for q_learning on" in told


def test_results_find_their_settings_when_the_files_beside_the_suite_are_gone(tmp_path: Path) -> None:
    experiment, summary = run_suite(written(tmp_path), tmp_path / "results", workers=1)
    assert summary.failed == 0
    shutil.rmtree(tmp_path / "tuned")
    again = open_experiment(tmp_path / "results" / "two")
    assert {trial.fingerprint for trial in again.plan.trials} == {trial.fingerprint for trial in experiment.plan.trials}
    assert again.text == experiment.text
    assert again.suite.sets == experiment.suite.sets


SEEN = Sensitivity(configurations=25, near=0.4, low=0.1, high=0.7, never=0.25, spread=0.5, rank=3)


def test_what_a_search_saw_comes_with_its_set_and_words_about_a_set_move_no_hash(tmp_path: Path) -> None:
    plain = suite.read(written(tmp_path))
    told_of = TUNED + (
        "    sensitivity: {q_learning: {bench/Bandit-v0: "
        "{configurations: 25, near: 0.4, low: 0.1, high: 0.7, never: 0.25, spread: 0.5, rank: 3}}}\n"
    )
    found = suite.read(written(tmp_path, tuned=told_of))
    assert found.sets["tuned"][0].sensitivity == {"q_learning": {"bench/Bandit-v0": SEEN}}
    assert suite_hash(found) == suite_hash(plain)
    said = TUNED.replace("a search", "a longer search").replace("1000 and", "2000 and").replace("24 conf", "99 conf")
    assert suite_hash(suite.read(written(tmp_path, tuned=said))) == suite_hash(plain)
    for other in (TUNED.replace("0.5", "0.6"), TUNED.replace("0.125", "0.3"), TUNED.replace("steps: 400", "steps: 9")):
        assert suite_hash(suite.read(written(tmp_path, tuned=other))) != suite_hash(plain)
    broken = told_of.replace("near: 0.4", "near: 1.4").replace("rank: 3", "rank: 0")
    near, rank = told(written(tmp_path, tuned=broken))
    assert ".near: must be at most 1, not 1.4" in near
    assert ".rank: must be at least 1, not 0" in rank


values = st.one_of(
    st.integers(1, 10**6),
    st.floats(1e-9, 1e9),
    st.just(math.inf),
    st.sampled_from(["lin_0.001", "auto", "1e-5", "a: b"]),
)
entries = st.dictionaries(
    st.sampled_from(["ppo", "dqn"]),
    st.dictionaries(st.sampled_from(["CartPole-v1", "My-v0"]), st.dictionaries(st.just("gamma"), values)),
)


@settings(deadline=None)
@given(entries, st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=200))
def test_sets_that_are_written_down_are_read_back_as_they_were(found: Mapping[str, Any], words: str) -> None:
    part = Part("mine", "1", "", words, (words,), found, everywhere={"ppo": {"n_steps": 8}}, seeds=words)
    part = replace(part, sensitivity={"ppo": {"My-v0": SEEN}})
    text = suite.self_contained("algorithms: [random]\n", {}, {"tuned": (part,)})
    assert suite.self_contained(text, {}, {"tuned": (part,)}) == text
    given_back = suite.document.load(text, "x").value["sets"]["tuned"]["parts"][0]
    assert given_back["entries"] == found
    assert given_back["everywhere"] == {"ppo": {"n_steps": 8}}
    assert given_back["sensitivity"] == {"ppo": {"My-v0": asdict(SEEN)}}
    assert (given_back["tuning_budget"], given_back["notes"], given_back.get("seeds", "")) == (words, [words], words)


LEVELS = {"ppo": 0.9, "dqn": 0.5, "random": 0.0, "ppo (tuned)": 0.6, "dqn (tuned)": 0.95}


def in_two_settings() -> Results:
    return as_labelled(random_results(LEVELS, 2, 10))


def as_labelled(case: Results) -> Results:
    """Return the case with each algorithm in the setting that its label names."""
    algorithms = tuple(
        SuiteAlgorithm(entry.label, name, setting, setting="" if name == "random" else setting)
        for entry in case.suite.algorithms
        for name, setting in [(entry.label.partition(" ")[0], "tuned" if "(" in entry.label else "default")]
    )
    return replace(case, suite=replace(case.suite, algorithms=algorithms))


def test_algorithms_are_compared_within_a_setting_and_the_first_two_answers_are_out_of_the_box_and_tuned() -> None:
    found = in_two_settings().analysed()
    assert [(one.key, one.setting, one.choose) for one in found.situations[:2]] == [
        ("default-full", "default", "ppo"),
        ("tuned-full", "tuned", "dqn (tuned)"),
    ]
    assert {(pair.a, pair.b) for pair in found.pairs} == {
        ("ppo", "dqn"),
        ("ppo", "random"),
        ("dqn", "random"),
        ("ppo (tuned)", "dqn (tuned)"),
        ("random", "ppo (tuned)"),
        ("random", "dqn (tuned)"),
    }
    assert {pair.family for pair in found.pairs} == {3}
    for one in found.situations:
        assert {"(tuned)" in candidate.label for candidate in one.candidates} == {one.setting == "tuned"}
    assert [line.label for line in found.aggregates] == ["ppo", "dqn", "dqn (tuned)", "ppo (tuned)", "random"]
    assert {lead.setting for lead in found.leads} == {"default", "tuned"}
    told = recommendation(found)
    assert told.claim.startswith("Out of the box, within")
    assert any(line.startswith("As tuned here, with equal effort, within") for line in told.more)


def test_another_setting_beside_it_changes_no_number_of_a_setting() -> None:
    both = in_two_settings()
    plain = tuple(entry for entry in both.suite.algorithms if entry.setting != "tuned")
    labels = {entry.label for entry in plain}
    alone = replace(
        both,
        suite=replace(both.suite, algorithms=tuple(replace(entry, setting="") for entry in plain)),
        planned=tuple(trial for trial in both.planned if trial.label in labels),
        outcomes=tuple(one for one in both.outcomes if one.trial.label in labels),
    ).analysed()
    found = both.analysed()
    assert tuple(pair for pair in found.pairs if {pair.a, pair.b} <= labels) == alone.pairs
    theirs = {one.key.removeprefix("default-"): one for one in found.situations if one.setting == "default"}
    assert {one.key: (one.choose, one.as_good) for one in alone.situations} == {
        key: (one.choose, one.as_good) for key, one in theirs.items()
    }


def test_what_tuning_is_worth_is_told_of_each_algorithm() -> None:
    found = in_two_settings().analysed()
    assert [(pair.a, pair.b, pair.verdict, pair.family) for pair in found.worth] == [
        ("ppo (tuned)", "ppo", "worse", 2),
        ("dqn (tuned)", "dqn", "better", 2),
    ]
    gaps = [pair.difference for pair in found.worth]
    assert [round(gap.estimate or 0.0, 1) for gap in gaps] == [-0.3, 0.4]
    assert all(gap.low is not None and gap.high is not None and gap.low < gap.high for gap in gaps)
    assert sentences.worth(found.worth[1]).startswith("dqn (tuned) against dqn: scores differ by +0.4")
    assert random_results({"ppo": 0.9, "dqn": 0.5}, 2, 10).analysed().worth == ()


def test_the_correction_told_is_that_of_the_leaders_own_setting() -> None:
    case = random_results({"ppo": 0.9, "dqn": 0.5, "ppo (tuned)": 0.6, "dqn (tuned)": 0.95, "a2c (tuned)": 0.2}, 2, 10)
    found = as_labelled(case).analysed()
    assert {pair.family for pair in found.pairs} == {1, 3}
    assert recommendation(found).lines[0] == "Out of the box, within 1,000 steps choose ppo: it is better than dqn."


def test_neither_the_list_of_suites_nor_what_completes_to_one_offers_tuned_sets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path / "suites")
    monkeypatch.chdir(tmp_path)
    assert [row["suite"] for row in inventory.suites() if "two" in row["suite"]] == ["suites/two.yaml"]
    assert suites_at_hand("suites/") == ["suites/two.yaml"]


@pytest.mark.parametrize("command", ["run", "tune", "watch"])
def test_suites_in_folders_of_suites_complete_for_every_command_that_wants_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    written(tmp_path / "suites" / "mine")
    monkeypatch.chdir(tmp_path)
    words = f"bench {command} suites/"
    asked = {"_BENCH_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": "2"}
    assert CliRunner().invoke(app, [], env=asked, prog_name="bench").output.split() == ["suites/mine/two.yaml"]


def without(case: Results, gone: Callable[[Trial], bool]) -> Results:
    return replace(
        case,
        planned=tuple(trial for trial in case.planned if not gone(trial)),
        outcomes=tuple(one for one in case.outcomes if not gone(one.trial)),
    )


@pytest.mark.parametrize("baseline", [True, False])
def test_a_setting_of_some_environments_is_not_comparable_and_its_answers_name_them(baseline: bool) -> None:
    case = without(in_two_settings(), lambda one: "tuned" in one.label and one.environment == "env-1")
    found = case.analysed() if baseline else without(case, lambda one: one.label == "random").analysed()
    lacking = {line.label for line in found.aggregates if not line.complete}
    assert lacking == {"ppo (tuned)", "dqn (tuned)"}
    assert any(
        "for want of runs on some environments: dqn (tuned) (1), ppo (tuned) (1)" in one for one in warnings(found)
    )
    assert {lead.setting for lead in found.leads} == {"default", "tuned"}
    assert [one.about.names for one in found.conclusions if one.about.kind == "first"] == [("ppo",), ("dqn (tuned)",)]
    assert {line.label: line.probability_best for line in found.aggregates}["dqn (tuned)"] == 1.0
    told = recommendation(found).lines
    assert told[0].startswith("Out of the box, within 1,000 steps choose ppo: it is better than dqn")
    assert told[1].startswith("As tuned here, with equal effort, within 1,000 steps on env-0: choose dqn (tuned)")
    assert told[2].startswith("Scores on env-0: ppo (tuned) against ppo -0.30 (")
    assert "; dqn (tuned) against dqn +0.4" in told[2]


def test_whom_to_avoid_and_who_is_behind_is_said_of_a_setting_where_there_are_several() -> None:
    case = random_results(
        {"ppo": 0.9, "a2c": 0.88, "dqn": 0.6, "trpo": 0.2, "ppo (tuned)": 0.9, "dqn (tuned)": 0.8}, 2, 10
    )
    told = recommendation(as_labelled(case).analysed()).lines
    assert any(one.startswith("Out of the box, avoid trpo: 20 of 20 runs end below half of the target") for one in told)
    assert any(one.startswith("Out of the box, ppo is better than dqn by 0.") for one in told)


def test_the_first_answer_is_that_of_the_setting_with_most_environments() -> None:
    case = without(in_two_settings(), lambda one: "tuned" not in one.label and one.environment == "env-1")
    found = case.analysed()
    assert [one.key for one in found.situations[:2]] == ["tuned-full", "default-full"]
    assert recommendation(found).claim.startswith("As tuned here, with equal effort, within 1,000 steps choose dqn")


def test_one_algorithm_under_two_settings_is_answered_by_what_these_are_worth() -> None:
    alone = without(in_two_settings(), lambda one: "dqn" in one.label)
    told = recommendation(alone.analysed())
    assert told.claim.startswith("ppo (tuned) against ppo: scores differ by -0.")
    assert told.claim.endswith(", worse.")
    assert told.more[0].startswith("ppo less random")
    ranked = recommendation(replace(alone, references={}).analysed())
    assert ranked.claim.startswith("ppo (tuned) against ppo: a run of the first is above one of the second with")
    assert ranked.claim.endswith(", worse.")
    partly = without(alone, lambda one: "tuned" in one.label and one.environment == "env-1")
    only, worth, *_ = recommendation(partly.analysed()).lines
    assert only.startswith("Only ppo has scores on every environment that any learner has scores on: ")
    assert worth.startswith("ppo (tuned) against ppo on env-0: scores differ by -0.")


def test_until_decided_asks_nothing_across_settings() -> None:
    case = in_two_settings()
    cells = [(label, f"env-{place}") for label in LEVELS for place in range(2)]
    planned = design(case.suite, cells, case.references, 10)
    assert [(pair.a, pair.b) for pair in planned.pairs] == [("ppo", "dqn"), ("ppo (tuned)", "dqn (tuned)")]


def under_a_set(levels: Mapping[str, float], made_for: Mapping[str, int], **suite_: Any) -> Results:
    """Return results of algorithms with one set of settings, made for these many times the budget."""
    case = random_results(levels, 2, 10)
    entries_ = {
        name: {f"env-{place}": {"tuned_for_steps": times * BUDGET} for place in range(2)}
        for name, times in made_for.items()
    }
    algorithms = tuple(SuiteAlgorithm(label, label.partition(" ")[0], "mine") for label in levels)
    sets = {"mine": (Part("me", "1", "", "some", (), entries_),)}
    return replace(case, suite=replace(case.suite, algorithms=algorithms, sets=sets, **suite_))


def test_settings_made_for_larger_budgets_are_shown_and_not_judged() -> None:
    levels, made_for = {"ppo": 0.9, "dqn": 0.5, "a2c": 0.7, "random": 0.0}, {"ppo": 5, "dqn": 1, "a2c": 1}
    claim = Claim("PPO is best", "ppo", None, "regret", margin=0.05)
    other = Claim("PPO above DQN", "ppo", "dqn", "score")
    case = under_a_set(
        levels, made_for, claims=(claim, other, Claim("A2C has none", "a2c", None, "regret", margin=0.1))
    )
    found = case.analysed()
    assert found.situations[0].choose == "a2c"
    assert not any(candidate.label == "ppo" for one in found.situations for candidate in one.candidates)
    assert {(pair.a, pair.b) for pair in found.pairs if "random" not in {pair.a, pair.b}} == {("dqn", "a2c")}
    line = next(line for line in found.aggregates if line.label == "ppo")
    assert (line.not_judged, line.complete, line.probability_best) == (5.0, False, None)
    assert [one.verdict for one in found.claims] == ["undecided", "undecided", "supported"]
    assert note(found.claims[0].estimate) == ("the settings of ppo were made for larger budgets than this suite's")
    assert warnings(found)[0] == (
        "Not judged beside others, for their settings were made for larger budgets than this suite's: "
        f"ppo on env-0 ({5 * BUDGET:,} steps, the suite has {BUDGET:,}), "
        f"ppo on env-1 ({5 * BUDGET:,} steps, the suite has {BUDGET:,}). "
        "Their curves and scores are shown, and they are compared with whoever has the same settings."
    )
    accepted = under_a_set(levels, made_for, accept_settings_for_other_budgets=True).analysed()
    assert accepted.situations[0].choose == "ppo"
    assert warnings(accepted)[0] == (
        "Judged with settings that were made for larger budgets than this suite's, and may do worse here than settings "
        f"that fit: ppo on env-0 ({5 * BUDGET:,} steps, the suite has {BUDGET:,}), "
        f"ppo on env-1 ({5 * BUDGET:,} steps, the suite has {BUDGET:,})."
    )


def test_two_entries_of_the_same_settings_are_compared_whatever_these_were_made_for() -> None:
    case = under_a_set({"ppo": 0.9, "ppo compiled": 0.5, "dqn": 0.7}, {"ppo": 5, "dqn": 1})
    found = case.analysed()
    assert [(pair.a, pair.b, pair.verdict) for pair in found.pairs] == [("ppo", "ppo compiled", "better")]
    cells = {("ppo", "env-0"): 5 * BUDGET, ("ppo", "env-1"): 5 * BUDGET}
    assert for_larger_budgets(case.suite) == {
        **cells,
        **{("ppo compiled", place): n for (_, place), n in cells.items()},
    }
    # Whose settings fit is there, and they are not compared with it.
    assert set_apart(case.suite) == for_larger_budgets(case.suite)
    assert warnings(found)[0].startswith("Not judged beside others")
    alone = under_a_set({"ppo": 0.9, "ppo compiled": 0.5}, {"ppo": 5})
    assert for_larger_budgets(alone.suite) == {}
    equals = alone.analysed()
    assert equals.situations[0].choose == "ppo"
    assert warnings(equals)[0].startswith("Judged with settings that were made for larger budgets")


def test_pairs_of_equals_alone_are_judged_with_a_caution_and_have_no_order() -> None:
    levels = {"ppo": 0.9, "ppo compiled": 0.5, "a2c": 0.7, "a2c compiled": 0.6}
    case = under_a_set(levels, {"ppo": 5, "a2c": 3})
    found = case.analysed()
    assert [(pair.a, pair.b) for pair in found.pairs] == [("ppo", "ppo compiled"), ("a2c", "a2c compiled")]
    assert set_apart(case.suite) == {}
    assert ["larger budgets" in one for one in warnings(found)].count(True) == 1
    assert warnings(found)[0].startswith("Judged with settings that were made for larger budgets")
    assert [(line.complete, line.not_judged) for line in found.aggregates] == [(True, None)] * 4
    assert recommendation(found).claim == (
        "Not enough evidence for an overall order: settings made for larger budgets are compared with the same "
        "settings alone."
    )
    one_without = under_a_set({**levels, "dqn": 0.3}, {"ppo": 5, "a2c": 3, "dqn": 2})
    assert {label for label, _ in set_apart(one_without.suite)} == {"dqn"}


def test_validate_names_both_budgets_and_the_three_ways_out() -> None:
    text = "algorithms: [a2c, ppo, random]\nhyperparameters: rl-zoo\nenvironments: {CartPole-v1: 100_000}\nseeds: 10"
    warning = (
        "settings made for larger budgets than this suite's: a2c on CartPole-v1 (500,000 steps, the suite has "
        "100,000): they have no place in the verdict; take `hyperparameters: default`, or have all tuned at these "
        "budgets (`bench tune x.yaml`), or say `accept_settings_for_other_budgets: true`"
    )
    assert warning in plan(suite.parse(text, "x.yaml")).warnings
    accepting = suite.parse(f"{text}\naccept_settings_for_other_budgets: true", "x.yaml")
    assert [one for one in plan(accepting).warnings if "larger budgets" in one] == [
        warning.partition("they have")[0] + "they are judged all the same, and may do worse here than settings that "
        "fit; take `hyperparameters: default`, or have all tuned at these budgets (`bench tune x.yaml`)"
    ]
    enough = suite.parse(text.replace("100_000", "500_000"), "x.yaml")
    assert not any("larger budgets" in one for one in plan(enough).warnings)


def test_validate_tells_settings_for_larger_budgets_among_equals_too() -> None:
    text = (
        "algorithms: [ppo, {name: ppo, label: ppo-5, hyperparameters: {n_epochs: 5}}]\n"
        "hyperparameters: rl-zoo\nenvironments: {LunarLander-v3: 20_000}\nseeds: 10"
    )
    (told,) = [one for one in plan(suite.parse(text, "x.yaml")).warnings if "larger budgets" in one]
    assert "ppo on LunarLander-v3 (1,000,000 steps, the suite has 20,000), ppo-5 on" in told
    assert "they are judged all the same" in told
