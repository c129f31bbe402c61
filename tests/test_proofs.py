"""`implementation: auto`: which implementation is taken, why, and that results stay of one kind."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pandas as pd
import pytest
from ruamel.yaml import YAML

from bench.catalog import AUTO, Proof, algorithms, environments, fastest, find_algorithm, proofs
from bench.errors import SuiteError
from bench.pipeline import SuiteText, open_experiment
from bench.suite import choices_of, parse, self_contained
from tests.scripts import script

ROOT = Path(__file__).parents[1]
same_noise = script("same_noise")
PROOF = Proof(
    algorithm="ppo",
    implementation="jax",
    by="suite",
    suite="made-up",
    environments=("CartPole-v1",),
    speed=7.0,
    actions=frozenset({"discrete"}),
    settings=frozenset({"gamma", "learning_rate", "clip_range", "policy_kwargs"}),
    schedules=frozenset({"learning_rate"}),
    said=frozenset({"gamma"}),
)


def taken(settings: Mapping[str, Any], *known: Proof, environment: str = "CartPole-v1", **more: Any) -> tuple[str, str]:
    choice = fastest(
        find_algorithm("ppo"), environments()[environment], settings, lambda _: "", known=known or (PROOF,), **more
    )
    return choice.entry.own, choice.why


def test_the_fastest_proven_implementation_is_taken_and_the_reason_told() -> None:
    slower = replace(PROOF, implementation="sbx", speed=1.5)
    assert taken({"gamma": 0.9}, PROOF, slower) == (
        "jax",
        "proven equivalent by runs (suite made-up); 7 times as fast as sb3",
    )


def test_a_proof_by_pairs_with_the_same_noise_is_not_told_as_one_by_the_suites_runs() -> None:
    told = taken({"gamma": 0.9}, replace(PROOF, by="same noise"))[1]
    assert told == (
        "proven equivalent by pairs of trainings with the same noise (independent runs, suite made-up, do not prove "
        "it); 7 times as fast as sb3"
    )


def test_where_no_trainings_were_compared_the_reason_says_so() -> None:
    assert taken({"gamma": 0.9}, environment="LunarLander-v3") == (
        "jax",
        "proven equivalent by runs (suite made-up), none of them on this environment; 7 times as fast as sb3",
    )


@pytest.mark.parametrize(
    ("settings", "environment", "gap"),
    [
        ({"gamma": 0.9, "target_kl": 0.1}, "CartPole-v1", "target_kl"),
        ({"gamma": 0.9, "clip_range": "lin_0.2"}, "CartPole-v1", "a schedule of clip_range"),
        ({"learning_rate": 0.1}, "CartPole-v1", "the default of gamma"),
        ({"gamma": 0.9}, "Pendulum-v1", "continuous actions on vector observations"),
        (
            {"gamma": 0.9, "policy_kwargs": {"optimizer_class": "torch.optim.SGD"}},
            "CartPole-v1",
            "the optimiser SGD",
        ),
    ],
)
def test_beyond_a_proofs_scope_the_first_implementation_is_taken(
    settings: Mapping[str, Any], environment: str, gap: str
) -> None:
    assert taken(settings, environment=environment) == ("sb3", f"jax is not proven for {gap}")


def test_a_schedule_that_the_proof_covers_is_no_gap() -> None:
    assert taken({"gamma": 0.9, "learning_rate": "lin_0.1"})[0] == "jax"


def test_an_implementation_that_refuses_is_not_taken() -> None:
    first, place = find_algorithm("ppo"), environments()["CartPole-v1"]
    choice = fastest(first, place, {"gamma": 0.9}, lambda entry: "no" if entry.extra else "", known=(PROOF,))
    assert (choice.entry.own, choice.why) == ("sb3", "no")


def test_what_was_chosen_before_stays_though_a_faster_one_is_proven_since() -> None:
    assert taken({"gamma": 0.9}, kept="sb3") == ("sb3", "chosen when these results were begun")


def test_an_unproven_algorithm_keeps_its_first_implementation() -> None:
    choice = fastest(find_algorithm("dqn"), environments()["CartPole-v1"], {}, lambda _: "", known=(PROOF,))
    assert (choice.entry.own, choice.why) == ("sb3", "no other is proven equivalent")


def test_every_proof_is_of_something_in_the_catalogue() -> None:
    for proof in proofs():
        entry = algorithms()[proof.algorithm].others[proof.implementation]
        assert proof.settings <= set(entry.settings or ())
        assert proof.said <= proof.settings
        assert set(proof.environments) <= environments().keys()
        assert proof.speed > 1


def test_the_proofs_are_what_the_committed_results_say_and_by_what(tmp_path: Path) -> None:
    written = tmp_path / "proofs.yaml"
    command = [sys.executable, str(ROOT / "benchmarks" / "proofs.py"), "--write", str(written)]
    subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert written.read_text() == (ROOT / "bench" / "catalog" / "proofs.yaml").read_text()


def test_what_a_proof_rests_on_is_committed() -> None:
    pairs = pd.read_csv(same_noise.TABLE)
    assert {proof.by for proof in proofs()} == {"suite", "same noise"}
    for proof in proofs():
        if proof.by == "suite":
            assert (ROOT / "reports" / proof.suite / "index.html").is_file()
            continue
        label = f"{proof.algorithm} ({proof.implementation})"
        mine = pairs[(pairs["suite"] == proof.suite) & (pairs["label"] == label)]
        assert set(mine["environment"]) == set(proof.environments)
        assert mine.groupby("environment").size().min() >= same_noise.SEEDS


SUITE = """name: small
implementation: auto
seeds: 1
evaluation: {points: 1, episodes: 1, final_episodes: 1}
algorithms: [ppo, random]
environments: {CartPole-v1: 3_000}
"""


def test_the_choice_is_kept_in_the_results_own_copy_of_the_suite(tmp_path: Path) -> None:
    chosen = {"ppo": {"CartPole-v1": "jax"}}
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "suite.yaml").write_text(self_contained(SUITE, chosen))
    for opened in (SuiteText(SUITE, "small.yaml"), folder):
        experiment = open_experiment(opened, results=tmp_path)
        (choice,) = experiment.plan.choices
        assert (choice.implementation, choice.why) == ("jax", "chosen when these results were begun")
        assert choices_of(experiment.text) == chosen


def test_a_choice_written_twice_stands_there_once() -> None:
    once = self_contained(SUITE, {"ppo": {"CartPole-v1": "sb3"}})
    assert self_contained(once, {"ppo": {"CartPole-v1": "sb3"}}) == once
    assert parse(once, "small.yaml").chosen == {"ppo": {"CartPole-v1": "sb3"}}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(YAML(typ="safe").load(SUITE)),
        json.dumps(YAML(typ="safe").load(SUITE), indent=2) + "\n",
        f"---\n# a suite\n{SUITE}...\n",
        "\n".join(f"  {line}" for line in SUITE.splitlines()),
    ],
    ids=["JSON on a line", "JSON on many", "an end that is written", "all of it further in"],
)
def test_a_choice_can_be_kept_below_a_suite_written_in_any_way(text: str) -> None:
    chosen = {"ppo": {"CartPole-v1": "sb3"}}
    once = self_contained(text, chosen)
    assert self_contained(once, chosen) == once
    assert parse(once, "small.yaml") == replace(parse(text, "small.yaml"), chosen=chosen, lines=ANY)


def test_an_entrys_auto_stands_above_the_suites_implementation() -> None:
    text = SUITE.replace("implementation: auto", "implementation: jax").replace(
        "[ppo, random]", "[{name: ppo, implementation: auto}, a2c]"
    )
    assert [one.implementation for one in parse(text, "x.yaml").algorithms] == [AUTO, "jax"]


def test_a_wrong_implementation_is_told_with_auto_among_those_there_are() -> None:
    with pytest.raises(SuiteError, match=r"implementation .torch. is not known here; one of sb3, jax, sbx.*, auto"):
        parse(SUITE.replace("auto", "torch"), "x.yaml")


def test_validate_says_what_is_taken_and_why(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SUITE)
    command = [sys.executable, "-c", "from bench.cli import main; main()", "validate", "small.yaml", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    (choice,) = json.loads(done.stdout)["choices"]
    assert (choice["label"], choice["environment"]) == ("ppo", "CartPole-v1")
    assert choice["implementation"] == "jax"
    assert choice["why"] == "proven equivalent by runs (suite implementations); 6 times as fast as sb3"


# --- Trainings that draw the same noise.


def paired(**differences: list[float]) -> pd.DataFrame:
    rows = [
        {"suite": "s", "label": "l", "environment": name, "seed": seed, "same_until": float(not gap)}
        | {"score": 0.5 + gap, "score_of_first": 0.5, "cpu": 2.0, "cpu_of_first": 8.0 if name == "A" else 2.0}
        for name, gaps in differences.items()
        for seed, gap in enumerate(gaps)
    ]
    return pd.DataFrame(rows)


def test_paired_differences_have_students_interval_and_their_mean_satterthwaites() -> None:
    # Ten of 0.02 and ten of 0.04: the deviation is 0.010260, its error 0.0022942, and t of 19 degrees 2.09302.
    one, two, mean = same_noise.gaps(paired(A=[0.02, 0.04] * 10, B=[0.0] * 20), "s", "l")
    assert (one.mean, one.low, one.high) == pytest.approx((0.03, 0.0251981, 0.0348019), abs=1e-6)
    assert (two.mean, two.low, two.high, two.whole) == (0, 0, 0, 20)
    # Half of it, with the error of A alone and its degrees of freedom.
    assert (mean.mean, mean.low, mean.high) == pytest.approx((0.015, 0.0125991, 0.0174009), abs=1e-6)
    assert all(gap.holds for gap in (one, two, mean))


@pytest.mark.parametrize(
    ("gaps", "holds"),
    [
        ([0.0] * 20, [True, True]),
        ([0.0] * 19, [False, False]),
        ([-0.02, -0.04] * 10, [False, False]),  # certainly below, however little
        ([-0.02, 0.02] * 10, [True, True]),
        ([0.08, 0.06] * 10, [True, False]),  # within 0.2 on one environment, beyond 0.05 on average
        ([0.9, -0.9] * 10, [False, False]),
    ],
)
def test_paired_trainings_prove_within_their_margins_and_never_below_nothing(
    gaps: list[float], holds: list[bool]
) -> None:
    assert [gap.holds for gap in same_noise.gaps(paired(A=gaps), "s", "l")] == holds


def test_the_speed_of_pairs_is_the_geometric_mean_over_environments() -> None:
    assert same_noise.speed(paired(A=[0.0] * 3, B=[0.0] * 3), "s", "l") == pytest.approx(2.0)


def test_a_second_look_needs_the_seeds_that_were_declared_for_it_and_is_told_with_more_confidence() -> None:
    suite, label, cell = "implementations-reinforce", "reinforce (jax)", "LunarLander-v3"

    def looked(seeds: int) -> list[Any]:
        table = paired(**{cell: [0.02, 0.04] * (seeds // 2), "CartPole-v1": [0.0] * 20})
        return list(same_noise.gaps(table.assign(suite=suite, label=label), suite, label))

    assert [gap.holds for gap in looked(40)] == [True, False, False]
    assert [gap.holds for gap in looked(60)] == [True, True, True]
    # Sixty with a deviation of 0.010084: an error of 0.0013019, and t of 59 degrees at 97.5 % 2.29987.
    low, high = looked(60)[1].low, looked(60)[1].high
    assert (low, high) == pytest.approx((0.0270058, 0.0329942), abs=1e-6)
