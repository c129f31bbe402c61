"""`sweep:` in a suite: one entry for every combination of values, and complaints about what is written."""

from __future__ import annotations

import math
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import suite
from bench.errors import SuiteError
from bench.records import Suite

PLACE = "environments: {CartPole-v1: 3000}\n"


def parsed(algorithms: str, more: str = "") -> Suite:
    return suite.parse(f"{more}algorithms:\n{algorithms}\n{PLACE}", "x.yaml")


def complaints(algorithms: str) -> list[str]:
    with pytest.raises(SuiteError) as caught:
        parsed(algorithms)
    return [str(complaint) for complaint in caught.value.complaints]


def test_a_sweep_stands_for_every_combination_with_the_last_name_changing_fastest() -> None:
    found = parsed("  - {name: ppo, sweep: {clip_range: [0.1, .inf], n_epochs: [1, 10]}}\n  - random").algorithms
    assert [one.label for one in found] == [
        "ppo clip_range=0.1 n_epochs=1",
        "ppo clip_range=0.1 n_epochs=10",
        "ppo clip_range=.inf n_epochs=1",
        "ppo clip_range=.inf n_epochs=10",
        "random",
    ]
    assert [dict(one.hyperparameters) for one in found] == [
        {"clip_range": 0.1, "n_epochs": 1},
        {"clip_range": 0.1, "n_epochs": 10},
        {"clip_range": math.inf, "n_epochs": 1},
        {"clip_range": math.inf, "n_epochs": 10},
        {},
    ]


def test_what_else_an_entry_says_holds_for_all_that_it_stands_for() -> None:
    line = "name: ppo, label: P, implementation: jax, hyperparameters: {n_steps: 64, set: default}"
    found = parsed(f"  - {{{line}, sweep: {{gamma: [0.9, 1]}}}}").algorithms
    assert [one.label for one in found] == ["P gamma=0.9", "P gamma=1"]
    assert [(one.implementation, one.hyperparameter_set, one.hyperparameters["n_steps"]) for one in found] == [
        ("jax", "default", 64)
    ] * 2


def test_a_set_by_name_is_kept_beneath_what_is_swept() -> None:
    found = parsed("  - {name: ppo, sweep: {gamma: [0.9, 0.99]}, hyperparameters: rl-zoo}").algorithms
    assert [(one.hyperparameter_set, dict(one.hyperparameters)) for one in found] == [
        ("rl-zoo", {"gamma": 0.9}),
        ("rl-zoo", {"gamma": 0.99}),
    ]


def test_claims_name_what_a_sweep_stands_for() -> None:
    text = f"""
algorithms: [{{name: ppo, sweep: {{n_epochs: [1, 10]}}}}]
{PLACE}
claims:
  - {{claim: More is better, left: ppo n_epochs=10, right: ppo n_epochs=1, quantity: score}}
"""
    (claim,) = suite.parse(text, "x.yaml").claims
    assert (claim.left, claim.right) == ("ppo n_epochs=10", "ppo n_epochs=1")


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("{name: ppo, sweep: 3}", "algorithms.1.sweep: wants a mapping of hyperparameters to lists of values, not 3"),
        ("{name: ppo, sweep: {}}", "algorithms.1.sweep: wants a mapping of hyperparameters to lists of values, not {}"),
        (
            "{name: ppo, sweep: {gamma: 1}}",
            "algorithms.1.sweep.gamma: wants a list of values, not 1; write gamma: [...]",
        ),
        ("{name: ppo, sweep: {gamma: []}}", "algorithms.1.sweep.gamma: wants a list of values, not []"),
        ("{name: ppo, sweep: {gamma: [1, 1.0]}}", "algorithms.1.sweep.gamma: a value is listed twice"),
        (
            "{name: ppo, sweep: {gamma: [1]}, hyperparameters: {gamma: 0.5}}",
            "algorithms.1.sweep.gamma: 'gamma' is fixed in the entry's hyperparameters; leave one out",
        ),
        ("{name: ppo, sweep: {set: [default, rl-zoo]}}", "algorithms.1.sweep.set: sets are no hyperparameter"),
        ("{name: ppo, sweep: {gama: [1, 0.9]}}", "algorithms.1.hyperparameters.gama: ppo has no hyperparameter 'gama'"),
        ("{name: ppo, swep: {gamma: [1]}}", "algorithms.1.swep: key 'swep' is not known; did you mean 'sweep'?"),
        (
            f"{{name: ppo, sweep: {{gamma: {list(range(30))}, n_epochs: {list(range(1, 31))}}}}}",
            "algorithms.1.sweep: stands for 900 entries; a suite has at most 500",
        ),
    ],
)
def test_what_is_wrong_with_a_sweep_is_told_once_where_it_is_written(entry: str, told: str) -> None:
    found = [
        line for line in complaints(f"  - {{name: a2c, sweep: {{gamma: [0.9, 0.8]}}}}\n  - {entry}") if told in line
    ]
    assert len(found) == 1
    # The first line is `algorithms:`, the second entry's the third.
    assert found[0].startswith("x.yaml:3: ")


def test_a_mistake_after_a_sweep_is_told_where_it_is_written() -> None:
    (line,) = complaints("  - {name: ppo, sweep: {gamma: [0.9, 0.8]}}\n  - {name: a2c, hyperparameters: {gama: 1}}")
    assert line.startswith("x.yaml:3: algorithms.1.hyperparameters.gama: ")


def test_two_variants_of_one_label_are_told() -> None:
    two = "  - {name: ppo, sweep: {gamma: [0.9]}}\n  - {name: ppo, label: ppo gamma=0.9}"
    assert any("label 'ppo gamma=0.9' is taken by line 2" in line for line in complaints(two))


VALUES: dict[str, list[float]] = {
    "gamma": [0.5, 0.9, 0.99, 1],
    "n_epochs": [1, 2, 5],
    "n_steps": [16, 32, 64],
    "ent_coef": [0, 0.01],
}
SWEPT = st.dictionaries(st.sampled_from(sorted(VALUES)), st.integers(1, 4), min_size=1)


@given(SWEPT)
@settings(max_examples=30, deadline=None)
def test_every_combination_stands_exactly_once(sizes: dict[str, int]) -> None:
    lists = {name: VALUES[name][:size] for name, size in sizes.items()}
    found = parsed(
        f"  - {{name: ppo, sweep: {{{', '.join(f'{name}: {own}' for name, own in lists.items())}}}}}"
    ).algorithms
    assert [tuple(one.hyperparameters.values()) for one in found] == list(product(*lists.values()))
    assert len({one.label for one in found}) == len(found)


def test_the_copy_beside_the_results_is_read_as_the_suite_was() -> None:
    text = f"name: s\nimplementation: auto\nalgorithms:\n  - {{name: ppo, sweep: {{n_epochs: [1, 10]}}}}\n{PLACE}"
    chosen = {f"ppo n_epochs={count}": {"CartPole-v1": "jax"} for count in (1, 10)}
    kept = suite.self_contained(text, chosen)
    assert suite.choices_of(kept) == chosen
    assert suite.parse(kept, "x.yaml").algorithms == suite.parse(text, "x.yaml").algorithms
