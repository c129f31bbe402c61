from __future__ import annotations

import math
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from bench import suite
from bench.errors import SuiteError
from bench.records import (
    QUANTITIES,
    AnalysisPlan,
    Claim,
    EvaluationPlan,
    Limits,
    Reference,
    Suite,
    SuiteAlgorithm,
    SuiteEnvironment,
)
from bench.suite.document import number

SUITES = Path(__file__).parent.parent / "suites"
SMALL = "algorithms: [ppo]\nenvironments: {CartPole-v1: 1000}\n"


def complaints(text: str) -> list[str]:
    with pytest.raises(SuiteError) as caught:
        suite.parse(text, "x.yaml")
    return [str(complaint) for complaint in caught.value.complaints]


def test_a_suite_of_two_lines_gets_the_documented_defaults() -> None:
    parsed = suite.parse(SMALL, "folder/small.yaml")
    assert replace(parsed, lines={}, written={}) == Suite(
        name="small",
        title="small",
        question="",
        seeds=(0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
        algorithms=(SuiteAlgorithm("ppo", "ppo", "default"),),
        environments=(SuiteEnvironment("CartPole-v1", 1000),),
        path="folder/small.yaml",
    )


def test_every_key_reaches_the_suite() -> None:
    text = """
name: all
title: Everything
question: What?
seeds: [3, 1, 4]
evaluation: {points: 5, episodes: 2, final_episodes: 7, deterministic: false}
hyperparameters: rl-zoo
algorithms:
  - ppo
  - {name: ppo, label: PPO without clipping, hyperparameters: {clip_range: .inf, n_steps: 1e2}}
  - {name: ppo, label: plain, hyperparameters: default}
  - {name: ppo, label: plain but fast, hyperparameters: {set: default, learning_rate: lin_3e-3}}
  - {name: ppo, label: ppo here and there, per_environment: {CartPole-v1: {n_steps: 64.0, clip_range: lin_0.2}}}
environments:
  CartPole-v1: {steps: 1e5, kwargs: {sutton_barto_reward: true}}
  LunarLander-v3: {steps: 200_000, reference: {random: -180, target: 200, source: mine}}
analysis: {metric: auc, threshold: 0.8, margin: 0.1, failures: drop, confidence: 0.9, resamples: 1000}
claims:
  - {claim: tuned is better, left: ppo, right: plain, quantity: score, margin: 0.1, steps: 5e4, source: ours}
  - {claim: it gets there, left: plain, right: 1, quantity: reached, direction: equivalent, margin: 0.2,
     environments: [CartPole-v1]}
skip_incompatible: true
limits: {timeout_minutes: 30, memory_gb: 1.5}
"""
    parsed = suite.parse(text, "x.yaml")
    assert replace(parsed, lines={}, written={}) == Suite(
        name="all",
        title="Everything",
        question="What?",
        seeds=(3, 1, 4),
        algorithms=(
            SuiteAlgorithm("ppo", "ppo", "rl-zoo"),
            SuiteAlgorithm("PPO without clipping", "ppo", "rl-zoo", {"clip_range": math.inf, "n_steps": 100}),
            SuiteAlgorithm("plain", "ppo", "default"),
            SuiteAlgorithm("plain but fast", "ppo", "default", {"learning_rate": "lin_3e-3"}),
            SuiteAlgorithm(
                "ppo here and there",
                "ppo",
                "rl-zoo",
                per_environment={"CartPole-v1": {"n_steps": 64, "clip_range": "lin_0.2"}},
            ),
        ),
        environments=(
            SuiteEnvironment("CartPole-v1", 100_000, {"sutton_barto_reward": True}),
            SuiteEnvironment("LunarLander-v3", 200_000, {}, Reference(-180.0, 200.0, "mine")),
        ),
        evaluation=EvaluationPlan(5, 2, 7, deterministic=False),
        analysis=AnalysisPlan("auc", 0.8, 0.1, "drop", 0.9, 1000),
        limits=Limits(30.0, 1.5),
        skip_incompatible=True,
        claims=(
            Claim("tuned is better", "ppo", "plain", "score", "greater", 0.1, (), 50_000, None, "ours"),
            Claim("it gets there", "plain", 1.0, "reached", "equivalent", 0.2, ("CartPole-v1",)),
        ),
        path="x.yaml",
    )
    assert parsed.lines["algorithms.1"] == 10
    assert parsed.lines["environments.LunarLander-v3"] == 16
    assert parsed.lines["environments.LunarLander-v3.reference.target"] == 16


def test_a_whole_number_written_as_a_float_is_an_integer() -> None:
    parsed = suite.parse("algorithms: [ppo]\nenvironments: {CartPole-v1: 1e5}\nseeds: 2.0", "x.yaml")
    assert (parsed.environments[0].steps, type(parsed.environments[0].steps)) == (100_000, int)
    assert parsed.seeds == (0, 1)


@pytest.mark.parametrize("path", sorted(SUITES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_suite_is_right(path: Path) -> None:
    assert suite.read(path).name == path.stem


def test_all_complaints_come_together_in_the_order_of_lines() -> None:
    text = """seeds: 0
evaluaton: {points: 3}
evaluation: {points: 0, deterministic: yes}
hyperparameters: rlzoo
algorithms:
  - pppo
  - dqn
  - dqn
  - {name: sac, lable: x}
  - {name: a2c, hyperparameters: {gama: 0.9, n_envs: 0, learning_rate: lon_3}}
environments:
  Cartpole-v1: 1000
  LunarLander-v3: {steps: -5, reference: {random: 3, target: 3}}
  Acrobt-v1: {}
  CartPole-v1: many
analysis: {threshold: 90, metric: finl}
claims: [PPO is best]
limits: {memory_gb: 0}
"""
    assert complaints(text) == [
        "x.yaml:1: seeds: must be from 1 to 10,000, not 0",
        "x.yaml:2: evaluaton: key 'evaluaton' is not known; did you mean 'evaluation'?",
        "x.yaml:3: evaluation.points: must be at least 1, not 0",
        "x.yaml:3: evaluation.deterministic: wants true or false, not 'yes'",
        "x.yaml:4: hyperparameters: hyperparameter set 'rlzoo' is not known; did you mean 'rl-zoo'?",
        "x.yaml:6: algorithms.0.name: algorithm 'pppo' is not known; did you mean 'ppo'?",
        "x.yaml:8: algorithms.2.name: label 'dqn' is taken by line 7; give this entry a `label:` of its own",
        "x.yaml:9: algorithms.3.lable: key 'lable' is not known; did you mean 'label'?",
        (
            "x.yaml:9: algorithms.3: sac wants continuous actions, LunarLander-v3 has discrete ones (line 13); "
            "remove one of them, or set `skip_incompatible: true`"
        ),
        (
            "x.yaml:9: algorithms.3: sac wants continuous actions, CartPole-v1 has discrete ones (line 15); "
            "remove one of them, or set `skip_incompatible: true`"
        ),
        "x.yaml:10: algorithms.4.hyperparameters.gama: a2c has no hyperparameter 'gama'; did you mean 'gamma'?",
        "x.yaml:10: algorithms.4.hyperparameters.n_envs: must be at least 1, not 0",
        (
            "x.yaml:10: algorithms.4.hyperparameters.learning_rate: "
            "wants a number or a schedule like 'lin_0.001', not 'lon_3'"
        ),
        (
            "x.yaml:12: environments.Cartpole-v1: environment 'Cartpole-v1' is not known; did you mean 'CartPole-v1'? "
            "one of your own is written `module:Cartpole-v1`"
        ),
        "x.yaml:13: environments.LunarLander-v3.steps: must be at least 1, not -5",
        (
            "x.yaml:13: environments.LunarLander-v3.reference: "
            "target 3 must be above random 3: they are the returns that score 1 and 0"
        ),
        "x.yaml:14: environments.Acrobt-v1: key 'steps' is missing",
        (
            "x.yaml:14: environments.Acrobt-v1: environment 'Acrobt-v1' is not known; did you mean 'Acrobot-v1'? "
            "one of your own is written `module:Acrobt-v1`"
        ),
        "x.yaml:15: environments.CartPole-v1: wants a mapping, not 'many'",
        "x.yaml:16: analysis.metric: wants final or auc, not 'finl'; did you mean 'final'?",
        "x.yaml:16: analysis.threshold: must be above 0 and at most 1, not 90",
        "x.yaml:17: claims.0: wants a mapping, not 'PPO is best'",
        "x.yaml:18: limits.memory_gb: must be above 0 and at most 1,000,000, not 0",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "x.yaml:1: the suite is empty; it wants at least `algorithms:` and `environments:`"),
        ("- ppo", "x.yaml:1: the suite is no mapping; it wants at least `algorithms:` and `environments:`"),
        ("a:\n\tb: 1", ("x.yaml:2: not valid YAML: found character '\\t' that cannot start any token; "
         "indent with spaces, never tabs")),
        ("seeds: 3\n bad: 1", "x.yaml:2: not valid YAML: mapping values are not allowed here"),
        ("a: [1", "x.yaml:1: not valid YAML: expected ',' or ']', but got '<stream end>'"),
        ("a: *gone", "x.yaml:1: not valid YAML: found undefined alias 'gone'"),
        ("[" * 1000, "x.yaml:1: not a suite: nested too deeply to be read"),
    ],
)  # fmt: skip
def test_a_broken_text_is_one_complaint_with_its_line(text: str, told: str) -> None:
    assert complaints(text) == [told]


@pytest.mark.parametrize(("depth", "told"), [(60, False), (61, True)])
def test_sixty_levels_of_lists_are_read_and_one_more_is_not(depth: int, *, told: bool) -> None:
    found = complaints(f"name: {'[' * depth}{']' * depth}")
    assert any(one.endswith("nested too deeply") for one in found) == told


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("seeds: [1, 1]", "x.yaml:3: seeds: seed 1 is listed twice: equal seeds give equal runs, not another sample"),
        ("seeds: [-1]", "x.yaml:3: seeds: a seed is a whole number from 0 to 2^32 - 1, not -1"),
        ("seeds: []", "x.yaml:3: seeds: the list is empty; it wants at least one seed"),
        ("seeds: true", "x.yaml:3: seeds: wants how many, or a list of seeds like [0, 1, 2], not true"),
        ("seeds: 1e9", "x.yaml:3: seeds: must be from 1 to 10,000, not 1000000000.0"),
        ("seeds: 3\nseeds: 4", "x.yaml:4: seeds: key is given again; it stands in line 3 already"),
        ("name: ../up", ("x.yaml:3: name: wants letters, digits, dots, dashes and underscores (results live under it), "
         "not '../up'")),
        ("analysis: {floor: 0.1}", ("x.yaml:3: analysis.floor: wants a score of at most 0, which the random policy "
         "has, not 0.1")),
        ("analysis: {floor: low}", "x.yaml:3: analysis.floor: wants a number, not 'low'"),
        ("analysis: {confidence: .nan}", "x.yaml:3: analysis.confidence: wants a number, not nan"),
        ("evaluation: {points: 2000}", ("x.yaml:2: environments.CartPole-v1: 1000 steps cannot hold 2000 evaluation "
         "points; lower `evaluation.points`")),
        ("title: !!python/object/apply:os.system [ls]", ("x.yaml:3: title: tag '!!python/object/apply:os.system' is "
         "not allowed: a suite holds plain values only")),
        ("claims: &a [*a]", "x.yaml:3: claims.0: alias *a stands inside the value it repeats"),
        ("title: {a: b}", "x.yaml:3: title: wants text, not {'a': 'b'}"),
        ("foo: 1", ("x.yaml:3: foo: key 'foo' is not known; known here: name, title, question, answer, seeds, "
         "evaluation, hyperparameters, accept_settings_for_other_budgets, implementation, backend, algorithms, "
         "environments, analysis, claims, seen, skip_incompatible, tensorboard, limits, chosen, sets")),
        (f"seeds: 1{'0' * 400}",
         f"x.yaml:3: seeds: wants how many, or a list of seeds like [0, 1, 2], not 1{'0' * 56}..."),
    ],
)  # fmt: skip
def test_each_mistake_has_its_sentence(line: str, told: str) -> None:
    assert complaints(SMALL + line)[0] == told


@pytest.mark.parametrize(
    ("own", "told"),
    [
        ("{CartPole-v1: {n_steps: 64}}", []),
        ("{Acrobot-v1: {n_steps: 64}, CartPole-v1: {n_steps: 32}}", []),
        ("{CartPol-v1: {n_steps: 64}}",
         ["per_environment.CartPol-v1: environment 'CartPol-v1' is not in this suite; did you mean 'CartPole-v1'?"]),
        ("{CartPole-v1: {nsteps: 64}}",
         ["per_environment.CartPole-v1.nsteps: ppo has no hyperparameter 'nsteps'; did you mean 'n_steps'?"]),
        ("{CartPole-v1: {n_steps: 0}, Acrobot-v1: {gamma: 2}}", [
            "per_environment.CartPole-v1.n_steps: must be at least 1, not 0",
            "per_environment.Acrobot-v1.gamma: wants a number from 0 to 1, not 2"]),
        ("{CartPole-v1: {set: default}}",
         ["per_environment.CartPole-v1.set: a set is named for all environments; name it in `hyperparameters`"]),
        ("[CartPole-v1]", ["per_environment: wants a mapping, not ['CartPole-v1']"]),
        ("{CartPole-v1: 64}", ["per_environment.CartPole-v1: wants a mapping, not 64"]),
    ],
)  # fmt: skip
def test_hyperparameters_for_one_environment_are_as_strict_as_all_others(own: str, told: list[str]) -> None:
    text = f"environments: {{CartPole-v1: 1000, Acrobot-v1: 1000}}\nalgorithms: [{{name: ppo, per_environment: {own}}}]"
    found = complaints(text) if told else []
    assert [line.removeprefix("x.yaml:2: algorithms.0.") for line in found] == told
    assert told or suite.parse(text, "x.yaml").algorithms[0].given("CartPole-v1")["n_steps"] in {32, 64}


CLAIMS = """algorithms: [a2c, ppo, random, {name: dqn, label: DQN}]
environments: {CartPole-v1: 1000, Acrobot-v1: 20_000}
evaluation: {points: 10}
claims:
"""


@pytest.mark.parametrize(
    ("claim", "told"),
    [
        ("left: ppo, right: 0.5, quantity: score", []),
        ("left: ppo, right: a2c, quantity: seconds_to_threshold, direction: less, margin: 0.1", []),
        ("left: ppo, right: a2c, quantity: score, steps: 2000, environments: [Acrobot-v1]", []),
        ("left: DQN, quantity: regret, margin: 0.05", []),
        ("left: ppo, right: a2c, quantity: score, seconds: 60", []),
        ("left: ppoo, right: dqn, quantity: scor", [
            ("quantity: wants one of score, auc, spread, failing, reached, solved, collapse, steps_to_threshold, "
             "seconds_to_threshold, steps_per_second, gradient_variance, gradient_bias, entropy, approx_kl, "
             "kl_to_start, penalised_return, training_return, "
             "clip_fraction, value_loss, explained_variance, gradient_norm, critic_loss, entropy_coefficient, "
             "predicted_value, overestimation, regret, not 'scor'; did you mean 'score'?"),
            "left: no algorithm of this suite is called 'ppoo'; did you mean 'ppo'?",
            "right: no algorithm of this suite is called 'dqn'; did you mean 'DQN'?",
        ]),
        ("left: ppo, quantity: score", ["key 'right' is missing; it wants another label, or a number"]),
        ("left: ppo, right: ppo, quantity: score", [("right: 'ppo' is compared with itself; name another label, "
         "or a number")]),
        ("left: ppo, right: a2c, quantity: regret, direction: less", [
            "right: regret compares with every other algorithm that learns; leave `right` out",
            "direction: regret is always claimed to be below `margin`; leave `direction` out",
        ]),
        ("left: random, quantity: regret", [("left: random does not learn: it is never recommended, so nothing is "
         "regretted; name an algorithm that does")]),
        ("left: ppo, right: random, quantity: steps_per_second", [("right: random does not learn: it spends no time on "
         "training; name an algorithm that does")]),
        ("left: ppo, right: a2c, quantity: score, direction: equivalent", [("an equivalence needs a `margin` above 0; "
         "no two algorithms are exactly equal: say which difference does not matter")]),
        ("left: ppo, right: a2c, quantity: score, margin: -0.1", []),
        ("left: ppo, right: a2c, quantity: steps_per_second, margin: -1", [
            "margin: a factor of 1 + `margin` must be above 0"]),
        ("left: DQN, quantity: regret, margin: -1", [
            "margin: a regret is claimed to be below a `margin` of at least 0"]),
        ("left: ppo, right: a2c, quantity: score, direction: more", [
            "direction: wants greater or less or equivalent, not 'more'"]),
        ("left: ppo, right: a2c, quantity: [score], seconds: 5", [
            ("quantity: wants one of score, auc, spread, failing, reached, solved, collapse, steps_to_threshold, "
             "seconds_to_threshold, steps_per_second, gradient_variance, gradient_bias, entropy, approx_kl, "
             "kl_to_start, penalised_return, training_return, "
             "clip_fraction, value_loss, explained_variance, gradient_norm, critic_loss, entropy_coefficient, "
             "predicted_value, overestimation, regret, not ['score']")]),
        ("left: ppo, right: a2c, quantity: score, steps: 1500", [("steps: 1,500 steps are beyond the budget of "
         "CartPole-v1 (1,000)"), "steps: 1,500 steps are before the first evaluation on Acrobot-v1 (2,000 steps)"]),
        ("left: ppo, right: a2c, quantity: score, steps: 500, seconds: 5, environments: [CartPole-v1]", [
            ("seconds: either `steps` or `seconds` says when the score is read, not both; make it two claims")]),
        ("left: ppo, right: a2c, quantity: auc, seconds: 5", [
            "seconds: auc is not read at one moment; `seconds` goes with `quantity: score`"]),
        ("left: ppo, right: a2c, quantity: score, environments: [CartPol-v1, Acrobot-v1, Acrobot-v1]", [
            "environments.0: environment 'CartPol-v1' is not in this suite; did you mean 'CartPole-v1'?",
            "environments.2: environment 'Acrobot-v1' is named twice",
        ]),
        ("left: ppo, right: a2c, quantity: score, environments: []", ["environments: wants at least one environment"]),
        ("left: ppo, right: 5, quantity: failing", ["right: failing is a share of the runs, from 0 to 1, never 5"]),
        ("left: ppo, right: 2000, quantity: steps_to_threshold", [
            "right: 2,000 steps are beyond the budget of CartPole-v1 (1,000)"]),
        ("left: ppo, right: 0, quantity: steps_per_second", [
            "right: steps_per_second is compared with a number above 0, not 0"]),
        ("left: ppo, right: true, quantity: score", ["right: wants a label of the suite, or a number, not true"]),
        ("left: ppo, right: 1, quantity: gradient_variance, direction: less", [
            "left: ppo is none whose policy gradient is measured; name one that is, such as reinforce",
            ("quantity: gradient_variance is measured only where the suite asks for it; add "
             "`evaluation: {gradient_episodes: 200}`")]),
        ("left: DQN, right: ppo, quantity: entropy", [
            ("left: DQN does not tell entropy of its updates; as it is implemented it tells critic_loss, "
             "gradient_norm, overestimation, predicted_value, training_return"),
            ("quantity: entropy is recorded only where the suite asks for it; add "
             "`evaluation: {diagnostics: true}`")]),
        ("left: ppo, right: 0, quantity: overestimation", [
            ("left: ppo does not tell overestimation; as it is implemented it tells approx_kl, clip_fraction, entropy, "
             "explained_variance, gradient_norm, training_return, value_loss"),
            ("quantity: overestimation is recorded only where the suite asks for it; add "
             "`evaluation: {value_episodes: 10}`")]),
        ("left: ppo, right: a2c, quantity: score, marginn: 1", [("marginn: key 'marginn' is not known; did you mean "
         "'margin'?")]),
    ],
)  # fmt: skip
def test_each_mistake_of_a_claim_has_its_sentence(claim: str, told: list[str]) -> None:
    text = f"{CLAIMS}  - {{claim: one, {claim}}}\n"
    found = [line.removeprefix("x.yaml:5: claims.0") for line in complaints(text)] if told else []
    assert [line.removeprefix(".").removeprefix(": ") for line in found] == told
    assert told or suite.parse(text, "x.yaml").claims[0].text == "one"


def test_a_suite_that_measures_gradients_may_claim_something_of_them() -> None:
    found = suite.parse(
        """algorithms: [reinforce, {name: reinforce, label: with values, hyperparameters: {baseline: value}}]
environments: {CartPole-v1: 1000}
evaluation: {points: 10, gradient_episodes: 100}
claims:
  - {claim: less noise, left: with values, right: 1, quantity: gradient_variance, direction: less}
  - {claim: no bias, left: with values, right: 0, quantity: gradient_bias, direction: equivalent, margin: 0.05}
""",
        "x.yaml",
    )
    assert found.evaluation.gradient_episodes == 100
    assert [one.quantity for one in found.claims] == ["gradient_variance", "gradient_bias"]


def test_a_claim_about_an_algorithm_where_it_cannot_run_is_told() -> None:
    text = """algorithms: [sac, ppo, dqn]
environments: {CartPole-v1: 1000, Pendulum-v1: 1000}
skip_incompatible: true
claims:
  - {claim: here, left: sac, right: ppo, quantity: score, environments: [CartPole-v1]}
  - {claim: nowhere, left: sac, right: dqn, quantity: score}
  - {claim: where it can, left: sac, right: ppo, quantity: score}
"""
    assert complaints(text) == [
        (
            "x.yaml:5: claims.0.environments.0: sac does not run there: sac wants continuous actions, CartPole-v1 has "
            "discrete ones; leave this environment out"
        ),
        "x.yaml:6: claims.1: sac and dqn share no environment",
    ]


def test_what_had_been_seen_holds_for_every_claim_that_does_not_say_it_itself() -> None:
    claims = (
        "claims:\n- {claim: A, left: ppo, right: 0.5, quantity: score}\n"
        "- {claim: B, left: ppo, right: 0.6, quantity: score, seen: one run}\n"
    )
    assert [one.seen for one in suite.parse(SMALL + claims, "x.yaml").claims] == ["", "one run"]
    found = suite.parse(f"{SMALL}{claims}seen: all of it\n", "x.yaml")
    assert (found.seen, [one.seen for one in found.claims]) == ("all of it", ["all of it", "one run"])


def test_a_claim_made_twice_is_told_whatever_its_words() -> None:
    text = (
        f"{CLAIMS}  - {{claim: one, left: ppo, right: a2c, quantity: score}}\n"
        "  - {claim: two, left: ppo, right: a2c, quantity: score, direction: greater}\n"
    )
    assert complaints(text) == [
        "x.yaml:6: claims.1: tests the same as the claim in line 5; every claim makes the others harder"
    ]


def test_a_bomb_of_aliases_is_refused_in_one_complaint() -> None:
    doubling = "\n".join(f"  - &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12))
    assert [told for told in complaints(f"{SMALL}claims:\n  - &a0 [1]\n{doubling}") if "too many" in told]


def test_merge_keys_share_settings_and_own_keys_win() -> None:
    text = """
algorithms: [ppo]
environments:
  CartPole-v1: &short {steps: 1000, kwargs: {a: 1}}
  Acrobot-v1: {<<: *short, steps: 2000}
"""
    parsed = suite.parse(text, "x.yaml")
    assert parsed.environments[1] == SuiteEnvironment("Acrobot-v1", 2000, {"a": 1})


def test_an_impossible_pair_is_no_error_where_skipping_is_allowed() -> None:
    text = "algorithms: [ppo, sac]\nenvironments: {CartPole-v1: 1000}\nskip_incompatible: true"
    assert [entry.algorithm for entry in suite.parse(text, "x.yaml").algorithms] == ["ppo", "sac"]


@pytest.mark.parametrize("known_elsewhere", ["FrozenLake8x8-v1", "Ant-v5", "CartPole-v0", "here.mine:Cartpole-v1"])
def test_an_environment_that_may_exist_elsewhere_is_not_judged(known_elsewhere: str) -> None:
    text = f"algorithms: [sac]\nenvironments: {{'{known_elsewhere}': 1000}}"
    assert suite.parse(text, "x.yaml").environments[0].environment == known_elsewhere


def test_a_name_without_a_version_is_told_which_one_there_is() -> None:
    text = "algorithms: [ppo]\nenvironments: {CartPole: 1000}"
    assert complaints(text) == [
        (
            "x.yaml:2: environments.CartPole: environment 'CartPole' is not known; did you mean 'CartPole-v1'? "
            "one of your own is written `module:CartPole`"
        )
    ]


def test_a_missing_file_is_a_complaint_with_the_nearest_neighbour(tmp_path: Path) -> None:
    (tmp_path / "discrete.yaml").write_text(SMALL)
    with pytest.raises(SuiteError, match=r"discret\.yaml: cannot be read: .*; did you mean 'discrete\.yaml'"):
        suite.read(tmp_path / "discret.yaml")


def test_a_file_that_is_no_text_is_a_complaint(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SuiteError, match="is no text in UTF-8"):
        suite.read(tmp_path / "x.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [("100_000", 100_000), ("1e5", 1e5), ("-.inf", -math.inf), (".inf", math.inf), ("0x1F", 31), ("010", 10),
     ("1_0.5", 10.5), ("3e-4", 0.0003)],
)  # fmt: skip
def test_numbers_as_people_write_them(text: str, value: float) -> None:
    assert number(text) == value


def accepts_or_complains(text: str) -> None:
    try:
        outcome: Suite | SuiteError = suite.parse(text, "x.yaml")
    except SuiteError as error:
        outcome = error
    if isinstance(outcome, SuiteError):
        assert outcome.complaints
        assert all(complaint.place.startswith("x.yaml:") for complaint in outcome.complaints)


@given(st.text())
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_suite_or_a_complaint(text: str) -> None:
    accepts_or_complains(text)


@given(st.text(alphabet="&*a{}[]:,-!?|>'\"%@`# \n\t1.e<=~\\x\x85", max_size=60))
@settings(max_examples=250, deadline=None)
def test_any_text_of_yaml_punctuation_is_a_suite_or_a_complaint(text: str) -> None:
    accepts_or_complains(text)


KEYS = st.sampled_from(
    ["name", "title", "seeds", "evaluation", "hyperparameters", "algorithms", "environments", "analysis", "claims",
     "skip_incompatible", "limits", "points", "steps", "reference", "random", "target", "kwargs", "label", "set",
     "CartPole-v1", "Pendulum-v1", "x:Y", "n_envs", "learning_rate", "policy_kwargs", "normalize", "train_freq",
     "left", "right", "quantity", "margin", "seconds",
     "noise_type", "env_wrapper", "ent_coef", "gradient_steps", "threshold", "timeout_minutes"]
)  # fmt: skip
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 10**6)
    | st.floats()
    | st.sampled_from(
        ["score", "ppo", "sac", "rl-zoo", "lin_1e-3", "lin_", "auto", "auto_x", "dict(a=[1])", "dict(**x)", "{}"]
    )
    | st.text(max_size=5)
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
ENTRIES = st.fixed_dictionaries(
    {"name": st.sampled_from(["ppo", "sac", "ars", "random"]) | VALUES},
    optional={"hyperparameters": st.dictionaries(KEYS, VALUES, max_size=4) | VALUES, "label": VALUES},
)
CLAIMED = st.fixed_dictionaries(
    {"claim": st.just("c"), "left": SCALARS, "quantity": st.sampled_from(list(QUANTITIES))},
    optional=dict.fromkeys(("right", "margin", "environments", "steps", "seconds", "direction"), VALUES),
)
NEAR_SUITES = st.fixed_dictionaries(
    {"algorithms": st.lists(ENTRIES, max_size=3) | VALUES, "environments": st.dictionaries(KEYS, VALUES) | VALUES},
    optional={
        "seeds": VALUES,
        "evaluation": VALUES,
        "analysis": VALUES,
        "limits": VALUES,
        "claims": st.lists(CLAIMED, max_size=3) | VALUES,
    },
)


@given(st.dictionaries(KEYS, VALUES, max_size=5) | NEAR_SUITES | VALUES)
@settings(max_examples=250, deadline=None)
def test_any_structure_is_a_suite_or_a_complaint(structure: Any) -> None:
    out = StringIO()
    YAML(typ="safe", pure=True).dump(structure, out)
    accepts_or_complains(out.getvalue())


# --- Implementations.


def test_an_entrys_implementation_stands_above_the_suites_which_holds_where_there_is_one() -> None:
    text = """
implementation: jax
algorithms: [ppo, trpo, {name: ppo, label: usual, implementation: sb3}]
environments: {CartPole-v1: 1000}
"""
    found = suite.parse(text, "x.yaml").algorithms
    assert {one.label: one.implementation for one in found} == {"ppo": "jax", "trpo": "", "usual": "sb3"}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            "implementation: jx\nalgorithms: [ppo]",
            "x.yaml:1: implementation: implementation 'jx' is not known here; did",
        ),
        (
            "implementation: sb3\nalgorithms: [{name: tqc, implementation: jax}]",
            "x.yaml:2: algorithms.0.implementation: implementation 'jax' is not known here; one of sb3",
        ),
        (
            "algorithms: [{name: ppo, implementation: jax, hyperparameters: {use_sde: true}}]",
            "x.yaml:1: algorithms.0.hyperparameters.use_sde: wants false: this implementation has no such thing",
        ),
        *(
            (
                f"algorithms: [{{name: {name}, implementation: sbx, hyperparameters: {{{given}}}}}]",
                f"x.yaml:1: algorithms.0.hyperparameters.{said}",
            )
            for name, given, said in [
                ("dqn", "max_grad_norm: 10", "max_grad_norm: dqn (sbx) has no hyperparameter 'max_grad_norm'"),
                ("ppo", "clip_range_vf: 0.2", "clip_range_vf: ppo (sbx) has no hyperparameter 'clip_range_vf'"),
                ("td3", "learning_rate: lin_0.001", "learning_rate: wants a number: this implementation keeps its"),
                ("sac", "policy_kwargs: {log_std_init: -2}", "policy_kwargs: has no 'log_std_init' in this"),
                ("dqn", "policy_kwargs: {net_arch: [64]}", "policy_kwargs: net_arch: this implementation has two"),
                ("sac", "param_resets: 5", "param_resets: wants a list of steps"),
            ]
        ),
    ],
)
def test_an_implementation_that_is_not_there_and_what_it_does_not_take_are_told_by_name(lines: str, said: str) -> None:
    told = complaints(f"{lines}\nenvironments: {{Pendulum-v1: 1000}}")
    assert [one for one in told if one.startswith(said)], told
