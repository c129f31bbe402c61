"""The whole room, on suites made up here: what is shown, what is warned of, what is concluded."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.analysis import analyse
from bench.analysis.frames import frames
from bench.analysis.ledger import ledger
from bench.analysis.scores import area_under_curve, cell, seconds_of_one_more_run
from bench.records import (
    AnalysisPlan,
    Curve,
    CurveEstimate,
    Estimates,
    EvaluationPlan,
    Fact,
    Failure,
    FailureLine,
    Final,
    Interval,
    Outcome,
    Pair,
    Profile,
    Record,
    Reference,
    ReferenceLine,
    SettingsLine,
    Suite,
    SuiteAlgorithm,
    SuiteEnvironment,
    Trial,
    TrialLine,
)
from bench.report import figures, tables
from bench.report.cautions import warnings
from bench.report.formats import render
from bench.report.recommendation import recommendation

POINTS, BUDGET = 5, 1000
UNIT = Reference(0.0, 1.0, "made up")


def trial_of(label: str, environment: str, seed: int, **more: Any) -> Trial:
    defaults: dict[str, Any] = {
        "label": label,
        "algorithm": label,
        "environment": environment,
        "seed": seed,
        "steps": BUDGET,
        "evaluation": EvaluationPlan(points=POINTS, episodes=2, final_episodes=4),
        "implementation": f"made_up:{label}",
        "versions": {"made-up": "1"},
        "hyperparameters": {"name": label},
    }
    return Trial(**{**defaults, **more})


def record_of(trial: Trial, score: float, *, curve: Sequence[float] | None = None, **more: Any) -> Record:
    means = np.linspace(0.0, score, POINTS) if curve is None else np.asarray(curve, dtype=np.float64)
    steps = (np.arange(1, len(means) + 1) * BUDGET // max(len(means), 1)).astype(np.int64)
    returns = np.repeat(means[:, np.newaxis], 2, axis=1)
    defaults: dict[str, Any] = {
        "trial": trial,
        "curve": Curve(steps, steps / 50, steps / 100, returns, np.ones_like(returns, dtype=np.int64), means),
        "final": Final(BUDGET, np.full(4, score, dtype=np.float64), np.ones(4, dtype=np.int64)),
        "timings": {"wall": 25.0, "train": 20.0, "train_cpu": 10.0, "evaluation": 4.0, "setup": 1.0},
        "resources": {"device": "cpu", "threads": 1, "workers": 2, "load": 1.5},
        "provenance": {"processor": "made up", "started": "2026-01-01", "finished": f"2026-01-01 {trial.seed}"},
    }
    return Record(**{**defaults, **more})


@dataclass(frozen=True)
class Results:
    suite: Suite
    planned: tuple[Trial, ...]
    outcomes: tuple[Outcome, ...]
    references: Mapping[str, Reference | None]

    def analysed(self, seed: int = 0) -> Estimates:
        return analyse(self.suite, self.planned, self.outcomes, self.references, np.random.default_rng(seed))

    def with_plan(self, **changes: Any) -> "Results":
        return replace(self, suite=replace(self.suite, analysis=replace(self.suite.analysis, **changes)))

    def changed(self, change: Callable[[Outcome], Outcome | None]) -> "Results":
        return replace(self, outcomes=tuple(new for old in self.outcomes if (new := change(old)) is not None))


def suite_of(labels: Sequence[str], environments: Sequence[str], seeds: int, **plan: Any) -> Suite:
    return Suite(
        name="made-up",
        title="Made up",
        question="Which?",
        seeds=tuple(range(seeds)),
        algorithms=tuple(SuiteAlgorithm(label, label, "default") for label in labels),
        environments=tuple(SuiteEnvironment(environment, BUDGET) for environment in environments),
        evaluation=EvaluationPlan(points=POINTS, episodes=2, final_episodes=4),
        analysis=AnalysisPlan(**{"resamples": 400, **plan}),
    )


def results_of(scores: Mapping[tuple[str, str], Sequence[float]], **plan: Any) -> Results:
    labels, environments = (tuple(dict.fromkeys(key[place] for key in scores)) for place in (0, 1))
    seeds = max(map(len, scores.values()))
    suite = suite_of(labels, environments, seeds, **plan)
    outcomes = [
        record_of(trial_of(*key, seed), value) for key, values in scores.items() for seed, value in enumerate(values)
    ]
    planned = tuple(trial_of(*cell, seed) for cell in scores for seed in range(seeds))
    return Results(suite, planned, tuple(outcomes), dict.fromkeys(environments, UNIT))


def random_results(labels: Mapping[str, float], environments: int, n: int, seed: int = 0, **plan: Any) -> Results:
    rng = np.random.default_rng(seed)
    cells = product(labels.items(), range(environments))
    return results_of(
        {(label, f"env-{place}"): (level + 0.1 * rng.normal(size=n)).tolist() for (label, level), place in cells},
        **plan,
    )


def numbers(value: Any) -> list[float]:
    if isinstance(value, float | np.floating):
        return [float(value)]
    if is_dataclass(value):
        return [number for field in fields(value) for number in numbers(getattr(value, field.name))]
    if isinstance(value, Mapping):
        return [number for item in value.values() for number in numbers(item)]
    return [number for item in value for number in numbers(item)] if isinstance(value, list | tuple) else []


def pair_of(estimates: Estimates, a: str, b: str) -> Pair:
    return next(pair for pair in estimates.pairs if (pair.a, pair.b) == (a, b))


def warned(estimates: Estimates, words: str) -> bool:
    return any(words in warning for warning in warnings(estimates))


def test_everything_is_estimated_for_a_finished_suite() -> None:
    estimates = random_results({"ppo": 0.9, "dqn": 0.5, "random": 0.0}, 2, 10).analysed()
    assert (estimates.suite, estimates.title, estimates.question) == ("made-up", "Made up", "Which?")
    assert (estimates.planned, estimates.done, estimates.failed) == (60, 60, 0)
    assert estimates.labels == ("ppo", "dqn", "random")
    assert [line.label for line in estimates.aggregates] == ["ppo", "dqn", "random"]
    assert len(estimates.cells) == 6
    assert len(estimates.pairs) == 3
    assert len(estimates.trials) == 60
    assert {(curve.environment, curve.axis) for curve in estimates.curves} == {
        (None, "share"),
        (None, "seconds"),
        ("env-0", "steps"),
        ("env-0", "seconds"),
        ("env-1", "steps"),
        ("env-1", "seconds"),
    }
    assert estimates.cautions == ()
    assert estimates.analysis["metric"] == "final"
    assert len(estimates.analysis["hash"]) == 12


def test_no_estimate_is_ever_not_a_number() -> None:
    whole = random_results({"ppo": 0.9, "random": 0.0}, 2, 6)
    cases = [
        whole,
        random_results({"ppo": 0.9}, 1, 1),
        random_results({"ppo": 0.9, "dqn": 0.2}, 3, 3),
        whole.changed(lambda _: None),
        whole.changed(lambda old: Failure(old.trial, "exception", "no")),
        whole.changed(lambda old: Failure(old.trial, "killed", "no") if old.trial.label == "ppo" else old),
        whole.with_plan(failures="drop").changed(lambda old: Failure(old.trial, "timeout", "no")),
        whole.changed(lambda old: record_of(old.trial, 1.0, curve=())),
        whole.with_plan(metric="auc").changed(lambda old: record_of(old.trial, 1.0, curve=[1.0][: old.trial.seed])),
        replace(whole, references={}),
        replace(whole, references=dict.fromkeys(("env-0", "env-1"), Reference(1.0, 1.0))),
        results_of({("ppo", "env"): [1.0] * 5, ("dqn", "env"): [1.0] * 5}),
        replace(whole, planned=(), outcomes=()),
    ]
    for case in cases:
        estimates = case.analysed()
        assert np.isfinite(numbers(estimates)).all()
        assert recommendation(estimates).claim


def test_reordering_outcomes_and_plan_changes_nothing() -> None:
    whole = random_results({"ppo": 0.9, "dqn": 0.5}, 2, 5)
    rng = np.random.default_rng(0)
    shuffled = replace(
        whole,
        planned=tuple(whole.planned[place] for place in rng.permutation(len(whole.planned))),
        outcomes=tuple(whole.outcomes[place] for place in rng.permutation(len(whole.outcomes))),
    )
    assert shuffled.analysed() == whole.analysed()


def test_equal_generators_give_equal_estimates_and_others_nearly_equal_ones() -> None:
    whole = random_results({"ppo": 0.9, "dqn": 0.5}, 1, 5)
    assert whole.analysed(seed=1) == whole.analysed(seed=1)
    assert whole.analysed(seed=1) != whole.analysed(seed=2)


def test_a_third_algorithm_changes_no_estimate_and_no_pair_but_for_holm() -> None:
    three = random_results({"a2c": 0.4, "ppo": 0.9, "dqn": 0.7}, 2, 6)
    two = replace(
        three.changed(lambda old: None if old.trial.label == "a2c" else old),
        suite=suite_of(("ppo", "dqn"), ("env-0", "env-1"), 6),
        planned=tuple(trial for trial in three.planned if trial.label != "a2c"),
    )
    whole, part = three.analysed(), two.analysed()
    assert [cell for cell in whole.cells if cell.label != "a2c"] == list(part.cells)
    assert [curve for curve in whole.curves if curve.label != "a2c"] == list(part.curves)
    pair, same = pair_of(whole, "ppo", "dqn"), pair_of(part, "ppo", "dqn")
    assert (pair.probability, pair.difference, pair.p_value) == (same.probability, same.difference, same.p_value)
    for line in part.aggregates:
        twin = next(other for other in whole.aggregates if other.label == line.label)
        assert (line.iqm, line.mean, line.median) == (twin.iqm, twin.mean, twin.median)


@settings(deadline=None, max_examples=15)
@given(
    st.lists(st.lists(st.integers(0, 16), min_size=4, max_size=4), min_size=2, max_size=2),
    st.sampled_from([0.5, 4.0, 64.0]),
    st.integers(-128, 128),
)
def test_scaling_returns_together_with_their_references_changes_no_conclusion(
    rows: list[list[int]], scale: float, shift: int
) -> None:
    plain = results_of({("ppo", "env"): [x / 16 for x in rows[0]], ("dqn", "env"): [x / 16 for x in rows[1]]})
    moved = results_of(
        {
            ("ppo", "env"): [scale * x / 16 + shift for x in rows[0]],
            ("dqn", "env"): [scale * x / 16 + shift for x in rows[1]],
        }
    )
    moved = replace(moved, references={"env": Reference(float(shift), scale + shift)})
    one, other = plain.analysed(), moved.analysed()
    assert [(pair.p_value, pair.verdict) for pair in one.pairs] == [
        (pair.p_value, pair.verdict) for pair in other.pairs
    ]
    assert [line.iqm for line in one.aggregates] == [line.iqm for line in other.aggregates]


def test_episodes_are_no_samples() -> None:
    # A hundred times as many episodes of the same mean leave n and every interval as they were.
    few = random_results({"ppo": 0.9, "dqn": 0.5}, 1, 5)
    many = few.changed(
        lambda old: (
            replace(old, final=Final(BUDGET, np.repeat(old.final.returns, 100), np.ones(400, dtype=np.int64)))
            if isinstance(old, Record)
            else old
        )
    )
    one, other = few.analysed().cells[0], many.analysed().cells[0]
    assert one.n == other.n == 5
    assert (one.iqm_score.low, one.iqm_score.high) == pytest.approx((other.iqm_score.low, other.iqm_score.high))


def test_score_is_zero_at_the_random_reference_and_one_at_the_target() -> None:
    case = results_of({("ppo", "env"): [20.0, 120.0, 220.0, 70.0]})
    cell = replace(case, references={"env": Reference(20.0, 220.0)}).analysed().cells[0]
    assert cell.scores == (0.0, 0.5, 1.0, 0.25)
    assert cell.returns == (20.0, 120.0, 220.0, 70.0)


def failing(label: str, seeds: Sequence[int]) -> Callable[[Outcome], Outcome]:
    def change(old: Outcome) -> Outcome:
        fails = old.trial.label == label and old.trial.seed in seeds
        return Failure(old.trial, "diverged", "loss is not finite", attempt=2) if fails else old

    return change


def test_no_interval_of_scores_reaches_below_the_floor_that_they_are_counted_from() -> None:
    runs = {("ppo", place): [0.9, 0.8, 1.0, 0.7, 0.95] for place in "ab"} | {
        ("dqn", "a"): [0.0, 0.0, 0.0, 0.6, -4.0],
        ("dqn", "b"): [0.0, 0.4, 0.0, 0.0, -2.0],
    }
    least = []
    for floor in (None, 0.0):
        found = results_of(runs, floor=floor).analysed()
        (line,) = [one for one in found.aggregates if one.label == "dqn"]
        cells = [one.iqm_score for one in found.cells if one.label == "dqn"]
        lows = [one.low for one in (line.iqm, line.mean, line.by_environment, *cells) if one.low is not None]
        assert len(lows) == 5
        least.append(min(lows))
    assert least[0] < 0.0
    assert least[1] == pytest.approx(0.0, abs=1e-9)


def test_a_failed_trial_counts_as_the_random_policy_by_default() -> None:
    case = results_of({("ppo", "env"): [120.0] * 5}).changed(failing("ppo", [0, 3]))
    case = replace(case, references={"env": Reference(20.0, 220.0)})
    estimates = case.analysed()
    cell = estimates.cells[0]
    assert cell.scores == (0.0, 0.5, 0.5, 0.0, 0.5)
    assert cell.returns == (20.0, 120.0, 120.0, 20.0, 120.0)
    assert (cell.n, cell.failed, cell.missing, cell.planned) == (5, 2, 0, 5)
    assert (estimates.done, estimates.failed) == (3, 2)
    assert warned(estimates, "2 of 5 trials failed (ppo on env: 2)")
    assert warned(estimates, "as the random policy")
    assert [line.seed for line in estimates.failures] == [0, 3]
    assert cell.threshold.n == 5
    steps = next(curve for curve in estimates.curves if curve.axis == "steps")
    assert steps.runs[0] == (20.0,) * POINTS


def test_dropped_failures_are_shown_and_not_counted() -> None:
    case = results_of({("ppo", "env"): [0.5] * 5}, failures="drop").changed(failing("ppo", [0, 3]))
    estimates = case.analysed()
    assert estimates.cells[0].scores == (0.5, 0.5, 0.5)
    assert estimates.cells[0].failed == 2
    assert len(estimates.failures) == 2
    assert warned(estimates, "is not counted")


def test_a_record_goes_before_a_failure_and_a_later_attempt_before_an_earlier() -> None:
    trial = trial_of("ppo", "env", 0)
    failures = [Failure(trial, "killed", "first"), Failure(trial, "timeout", "second", attempt=2)]
    base = results_of({("ppo", "env"): [0.5]})
    assert replace(base, outcomes=tuple(failures)).analysed().failures[0].message == "second"
    for outcomes in ((*failures, *base.outcomes), (*base.outcomes, *failures)):
        assert replace(base, outcomes=outcomes).analysed().failures == ()


def test_missing_trials_are_counted_and_warned_of() -> None:
    case = random_results({"ppo": 0.9, "dqn": 0.5}, 2, 10)
    case = case.changed(lambda old: None if old.trial.label == "dqn" and old.trial.seed > 6 else old)
    estimates = case.analysed()
    assert warned(estimates, "6 of 40 trials are missing")
    assert {cell.missing for cell in estimates.cells if cell.label == "dqn"} == {3}
    assert sum(line.state == "missing" for line in estimates.trials) == 6


def test_settings_searched_for_by_hand_beside_published_ones_are_told_first() -> None:
    told = {
        "reinforce": "this harness's own settings for REINFORCE 0.1; made for 9 steps",
        "ppo": "published for 9 steps",
    }
    results = random_results({"reinforce": 0.9, "ppo": 0.5, "random": 0.0}, 1, 10)

    planned = tuple(replace(trial, provenance=told.get(trial.label, "")) for trial in results.planned)
    assert not warned(results.analysed(), "Not on equal terms")
    known = replace(results, planned=planned).analysed()
    assert warned(known, "Not on equal terms: reinforce on env-0. This harness has ")


def test_fewer_than_ten_and_fewer_than_four_runs_are_warned_of() -> None:
    assert warned(random_results({"ppo": 0.9}, 1, 9).analysed(), "fewer than 10 runs")
    assert not warned(random_results({"ppo": 0.9}, 1, 10).analysed(), "fewer than 10 runs")
    few = random_results({"ppo": 0.9, "dqn": 0.1}, 1, 3).analysed()
    assert warned(few, "fewer than 4 runs")
    assert all(curve.low == (None,) * len(curve.x) for curve in few.curves)
    assert all(profile.low[0] is None for profile in few.profiles)


def other_version(old: Outcome) -> Record:
    trial = replace(old.trial, versions={"made-up": "2"})
    return record_of(trial, 0.1)


def test_two_configurations_under_one_label_are_never_merged() -> None:
    case = random_results({"ppo": 0.9}, 1, 5)
    old = [other_version(outcome) for outcome in case.outcomes]
    estimates = replace(case, outcomes=(*old, *case.outcomes)).analysed()
    suffixed = f"ppo [{old[0].trial.configuration[:4]}]"
    assert estimates.labels == ("ppo", suffixed)
    assert [cell.n for cell in estimates.cells] == [5, 5]
    assert estimates.cells[1].scores == (0.1,) * 5
    assert warned(estimates, "several configurations")
    assert warned(estimates, "5 results are not in the suite's plan")


def test_without_a_plan_no_configuration_is_the_plain_one() -> None:
    case = random_results({"ppo": 0.9}, 1, 5)
    old = [other_version(outcome) for outcome in case.outcomes]
    estimates = replace(case, planned=(), outcomes=(*old, *case.outcomes)).analysed()
    assert all("[" in cell.label for cell in estimates.cells)


def test_renaming_a_label_keeps_its_records() -> None:
    case = results_of({("ppo", "env"): [0.5, 0.6, 0.7, 0.8]})
    renamed = replace(
        case,
        suite=suite_of(("PPO, ours",), ("env",), 4),
        planned=tuple(replace(trial, label="PPO, ours") for trial in case.planned),
    )
    estimates = renamed.analysed()
    assert estimates.labels == ("PPO, ours",)
    assert estimates.cells[0].n == 4


def test_an_environment_without_reference_keeps_raw_results_and_enters_no_aggregate() -> None:
    case = random_results({"ppo": 0.9, "dqn": 0.2}, 2, 5)
    estimates = replace(case, references={"env-0": UNIT, "env-1": None}).analysed()
    bare = next(cell for cell in estimates.cells if (cell.label, cell.environment) == ("ppo", "env-1"))
    assert (bare.scores, bare.n, bare.iqm_score.estimate) == ((), 5, None)
    assert bare.iqm_return.low is not None
    assert bare.threshold.share.estimate is None
    assert {line.environments for line in estimates.aggregates} == {1}
    assert {pair.environments for pair in estimates.pairs} == {1}
    assert all(line.complete for line in estimates.aggregates)
    assert warned(estimates, "reference returns for env-1")


def test_an_algorithm_with_two_runs_somewhere_has_no_part_in_which_algorithm_when_while_others_have_more() -> None:
    rng = np.random.default_rng(4)
    runs = {
        (label, f"env-{place}"): (level + 0.1 * rng.normal(size=2 if (label, place) == ("dqn", 1) else 10)).tolist()
        for label, level in (("ppo", 0.9), ("a2c", 0.5), ("dqn", 0.7))
        for place in range(2)
    }
    found = results_of(runs).analysed()
    # Resamples of two runs reach beyond any score: with them the first place's regret came to several tenths.
    for line in (one for one in found.situations if one.key != "environment-env-0"):
        assert [one.label for one in line.candidates] == ["ppo", "a2c"]
        assert line.not_judged == (("dqn", 2, 10),)
        assert line.candidates[0].regret == pytest.approx(0.0, abs=0.01)
    assert {line.label: line.probability_best for line in found.aggregates}["dqn"] is None
    assert warned(found, "their algorithms have no part in which algorithm when")
    # Pairs are compared all the same.
    assert {(pair.a, pair.b) for pair in found.pairs} >= {("ppo", "dqn"), ("a2c", "dqn")}
    few = results_of({key: values[:2] for key, values in runs.items()}).analysed()
    assert {one.label for one in few.situations[0].candidates} == {"ppo", "a2c", "dqn"}


def test_without_any_reference_pairs_are_compared_by_rank_as_their_scores_would_be() -> None:
    case = random_results({"ppo": 0.9, "a2c": 0.85, "dqn": 0.2}, 2, 6, margin=1e-6)
    bare = replace(case, references={})

    # Ranks alone count: another unit on each environment, and even another scale, changes no comparison.
    def bend(old: Outcome) -> Outcome:
        assert isinstance(old, Record)
        return record_of(old.trial, np.exp(5 * old.final.returns[0])) if old.trial.environment == "env-0" else old

    bent = bare.changed(bend)
    scored, *ranked = case.analysed(), bare.analysed(), bent.analysed()
    for estimates in ranked:
        assert (estimates.aggregates, estimates.situations, estimates.cards) == ((), (), ())
        assert {pair.difference.estimate for pair in estimates.pairs} == {None}
        assert [(p.a, p.b, p.probability, p.decide) for p in estimates.pairs] == [
            (p.a, p.b, p.probability, "ranks") for p in scored.pairs
        ]
        assert [p.verdict for p in estimates.pairs] == ["better"] * 3
        assert warned(estimates, "ranks of their runs alone")


def test_a_failed_trial_without_a_reference_ranks_below_every_run_unless_dropped() -> None:
    case = results_of({("ppo", "env"): [1.0, 2.0, 3.0, 4.0, 5.0], ("dqn", "env"): [10.0, 11.0, 12.0, 13.0, 14.0]})
    case = replace(case, references={}).changed(
        lambda old: Failure(old.trial, "killed", "no") if old.trial.label == "dqn" and old.trial.seed == 0 else old
    )
    # Four runs of five above all others; the fifth below all.
    assert pair_of(case.analysed(), "ppo", "dqn").probability.estimate == pytest.approx(0.2)
    assert warned(case.analysed(), "counts as below every run")
    assert pair_of(case.with_plan(failures="drop").analysed(), "ppo", "dqn").probability.estimate == 0.0


def test_the_answer_without_references_names_whom_ranks_choose_or_leave_open() -> None:
    low, middle, high = ([level + 0.001 * seed for seed in range(8)] for level in (0.0, 1.0, 2.0))

    def answer(**runs: list[float]) -> tuple[str, ...]:
        case = results_of({(label, "env"): values for label, values in runs.items()})
        return recommendation(replace(case, references={}).analysed()).lines

    told = "Ranked by return on this environment, choose sac: it is better than ppo and dqn (corrected over 3 pairs)."
    unit = "By how much cannot be told: no environment has reference returns to score by."
    assert answer(ppo=low, dqn=middle, sac=high) == (told, unit)
    # A baseline is never chosen.
    chosen, _, floor = answer(ppo=low, dqn=middle, random=high)
    assert chosen.startswith("Ranked by return on this environment, choose dqn")
    assert floor == "Not shown to be better than random, which does not learn: ppo and dqn."
    open_ = "ranked by return on this environment, nothing is shown to be better than dqn or sac."
    assert answer(ppo=low, dqn=high, sac=high) == (
        f"Not enough evidence to name a best algorithm: {open_}",
        unit,
        "dqn is better than ppo (corrected over 3 pairs).",
        "sac is better than ppo (corrected over 3 pairs).",
    )
    assert "there is nothing to compare" in answer(ppo=low)[0]


def test_an_algorithm_without_all_environments_is_not_ranked() -> None:
    case = random_results({"ppo": 0.5, "dqn": 0.3, "sac": 2.0}, 2, 6)
    partial = case.changed(lambda old: None if old.trial.label == "sac" and old.trial.environment == "env-1" else old)
    estimates = partial.analysed()
    by_label = {line.label: line for line in estimates.aggregates}
    assert (by_label["sac"].complete, by_label["sac"].environments) == (False, 1)
    assert by_label["sac"].probability_best is None
    assert estimates.aggregates[-1].label == "sac"
    assert pair_of(estimates, "ppo", "sac").environments == 1
    assert warned(estimates, "not comparable with the others, for want of runs on some environments: sac (1)")
    assert recommendation(estimates).lines[0].startswith("Within 1,000 steps choose ppo")


def test_an_environment_that_only_the_random_policy_has_makes_nobody_incomplete() -> None:
    case = random_results({"ppo": 0.9, "dqn": 0.5, "random": 0.0}, 3, 10)
    found = case.changed(
        lambda old: None if old.trial.label != "random" and old.trial.environment == "env-2" else old
    ).analysed()
    assert all(line.complete for line in found.aggregates)
    assert {line.label: line.probability_best for line in found.aggregates} == {"ppo": 1.0, "dqn": 0.0, "random": None}
    assert found.leads
    assert [one.about.names for one in found.conclusions if one.about.kind == "first"] == [("ppo",)]
    assert recommendation(found).claim.startswith("Within 1,000 steps on env-0 and env-1 choose ppo: ")


def test_aggregates_come_best_first_and_what_is_not_comparable_last() -> None:
    # In the suite: middle, the best there is but on one environment alone, below zero, best.
    scores = {"middle": 0.5, "partial": 3.0, "low": -0.4, "best": 0.9}
    case = random_results(scores, 2, 6)
    partial = case.changed(
        lambda old: None if (old.trial.label, old.trial.environment) == ("partial", "env-1") else old
    )
    assert [line.label for line in partial.analysed().aggregates] == ["best", "middle", "low", "partial"]


def test_results_on_an_environment_outside_the_suite_are_shown_alone() -> None:
    case = random_results({"ppo": 0.9, "dqn": 0.2}, 2, 5)
    narrow = replace(
        case,
        suite=suite_of(("ppo", "dqn"), ("env-0",), 5),
        planned=tuple(trial for trial in case.planned if trial.environment == "env-0"),
    )
    estimates = narrow.changed(
        lambda old: None if old.trial.environment + old.trial.label == "env-1dqn" else old
    ).analysed()
    assert [(line.environments, line.complete) for line in estimates.aggregates] == [(1, True), (1, True)]
    assert ("ppo", "env-1") in {(cell.label, cell.environment) for cell in estimates.cells}


def test_runs_without_a_learning_curve_say_nothing_about_the_threshold() -> None:
    case = results_of({("ppo", "env"): [1.0] * 5}).changed(lambda old: record_of(old.trial, 1.0, curve=()))
    cell = case.analysed().cells[0]
    assert cell.threshold.share.estimate is None
    assert cell.auc_score.notes == (Fact("no curve"),)
    assert cell.iqm_score.estimate == 1.0


def test_saturated_environments_are_flagged_whatever_the_random_policy_does() -> None:
    case = results_of(
        {
            ("ppo", "easy"): [0.95] * 10,
            ("dqn", "easy"): [1.0] * 10,
            ("random", "easy"): [0.0] * 10,
            ("ppo", "hard"): [0.95] * 10,
            ("dqn", "hard"): [0.5] * 10,
        }
    )
    estimates = case.analysed()
    assert {line.environment: line.saturated for line in estimates.references} == {"easy": True, "hard": False}
    assert warned(estimates, "Every run of every learning algorithm solves easy: ")


def test_the_random_policy_is_shown_and_never_recommended() -> None:
    estimates = random_results({"ppo": 0.0, "random": 0.9}, 1, 10).analysed()
    assert {line.label for line in estimates.aggregates} == {"ppo", "random"}
    assert not any(verdict.startswith("Best: random") for verdict in recommendation(estimates).lines)
    beaten = random_results({"ppo": 0.9, "dqn": 0.0, "random": 0.0}, 1, 10).analysed()
    assert any(
        "Not shown to be better than random" in verdict and "dqn" in verdict for verdict in recommendation(beaten).lines
    )


@pytest.mark.parametrize(
    ("deterministic", "caption", "method"),
    [
        (True, "policies act by their most likely action", "it acts by its most likely action, without the chance"),
        (False, "policies draw their actions by chance", "it draws its actions by chance, as in training."),
    ],
)
def test_the_page_says_how_policies_act_where_it_says_what_a_score_is(
    deterministic: bool, caption: str, method: str
) -> None:
    case = random_results({"ppo": 0.9, "dqn": 0.3}, 1, 10)

    def acting(trial: Trial) -> Trial:
        return replace(trial, evaluation=replace(trial.evaluation, deterministic=deterministic))

    changed = case.changed(lambda old: replace(old, trial=acting(old.trial)))
    found = replace(changed, planned=tuple(map(acting, case.planned))).analysed()
    assert found.deterministic is deterministic
    headline = next(figures.every(found))
    assert headline.caption.endswith(f"0 is the random policy, 1 the target; {caption}.")
    assert f"1 the target; {caption})" in tables.overall(found).caption
    assert f"When a policy is judged, {method}" in render(found, "html")
    # Of results of others it is told by themselves.
    of_others = case.changed(lambda old: replace(old, trial=replace(old.trial, origin={"kind": "a table"})))
    unknown = replace(of_others, planned=()).analysed()
    assert unknown.deterministic is None
    assert next(figures.every(unknown)).caption.endswith("0 is the random policy, 1 the target.")
    assert "When a policy is judged" not in render(unknown, "html")


def test_a_clear_winner_is_named_with_whom_to_avoid() -> None:
    estimates = random_results({"ppo": 0.9, "dqn": 0.3}, 2, 10).analysed()
    assert recommendation(estimates).lines[0].startswith("Within 1,000 steps choose ppo")
    assert "10 runs on each of 2 environments" in recommendation(estimates).lines[1]
    avoided = "Avoid dqn: 20 of 20 runs end below half of the target; ppo is better."
    assert avoided in recommendation(estimates).lines
    # Two environments, ten seeds, the other metric, two other aggregates, extremes, ranks.
    assert (estimates.conclusions[0].holds, estimates.conclusions[0].of) == (17, 17)


def test_equal_algorithms_give_not_enough_evidence() -> None:
    estimates = random_results({"ppo": 0.5, "dqn": 0.5}, 1, 5).analysed()
    assert recommendation(estimates).lines[0].startswith("Not enough evidence")
    assert any("not yet told apart" in verdict for verdict in recommendation(estimates).lines)


def test_shares_of_being_best_add_up_to_one() -> None:
    estimates = random_results({"ppo": 0.5, "dqn": 0.5, "a2c": 0.45, "random": 0.9}, 1, 6).analysed()
    shares = {line.label: line.probability_best for line in estimates.aggregates}
    assert shares.pop("random") is None
    assert sum(share or 0.0 for share in shares.values()) == pytest.approx(1.0)


def test_area_under_the_curve_by_hand() -> None:
    # Steps 200 to 1000 in five points: 0, 1, 1, 1, 1 has the area (0.5 + 1 + 1 + 1) / 4.
    case = results_of({("ppo", "env"): [1.0] * 4}, metric="auc")
    case = case.changed(lambda old: record_of(old.trial, 5.0, curve=[0.0, 1.0, 1.0, 1.0, 1.0]))
    cell = case.analysed().cells[0]
    assert cell.scores == pytest.approx((0.875,) * 4)
    assert cell.auc_score.estimate == pytest.approx(0.875)
    assert cell.iqm_return.estimate == 5.0


def test_time_to_threshold_counts_runs_that_never_reach_it() -> None:
    rises: list[list[float]] = [[0, 0, 1, 1, 1], [0, 1, 1, 1, 1], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0.5]]
    case = results_of({("ppo", "env"): [1.0] * 4})
    case = case.changed(lambda old: record_of(old.trial, 1.0, curve=rises[old.trial.seed]))
    found = case.analysed().cells[0].threshold
    assert found.steps == (600.0, 400.0, None, None)
    assert (found.reached, found.n, found.share.estimate) == (2, 4, 0.5)
    # By 600 steps half of all four have reached it; CPU seconds are steps / 100.
    assert (found.median_steps, found.median_seconds) == (600.0, 6.0)
    fewer = case.changed(lambda old: record_of(old.trial, 1.0, curve=rises[max(old.trial.seed, 1)]))
    one = fewer.changed(lambda old: record_of(old.trial, 1.0, curve=rises[2 if old.trial.seed else 0]))
    assert one.analysed().cells[0].threshold.median_steps is None


def longer(old: Outcome) -> Record:
    record = record_of(old.trial, 1.0, curve=[0.0, 0.25, 0.5, 0.75, 1.0])
    late = old.trial.seed == 0
    steps = record.curve.steps + (50 if late else 0)
    seconds = record.curve.cpu_seconds * (0.5 if late else 1.0)
    return replace(record, curve=replace(record.curve, steps=steps, cpu_seconds=seconds))


def test_curves_cover_only_what_every_run_covers() -> None:
    # Seed 0 evaluates at 250, ..., 1050, the others at 200, ..., 1000; seed 0 takes 1 to 5 CPU seconds, they 2 to 10.
    case = results_of({("ppo", "env"): [1.0] * 5}).changed(longer)
    curves = {curve.axis: curve for curve in case.analysed().curves if curve.environment == "env"}
    assert curves["steps"].x == (250.0, 450.0, 650.0, 850.0, 1000.0)
    assert curves["steps"].runs[0] == pytest.approx((0.0, 0.25, 0.5, 0.75, 0.9375))
    # Fifths of the budget, the first of which comes before the first evaluation of seed 0.
    (share,) = [curve for curve in case.analysed().curves if curve.axis == "share"]
    assert share.x == (0.25, 0.4, 0.6, 0.8, 1.0)
    assert curves["steps"].runs[1] == pytest.approx((0.0625, 0.3125, 0.5625, 0.8125, 1.0))
    assert (curves["seconds"].x[0], curves["seconds"].x[-1]) == (2.0, 5.0)
    # At 5 seconds the others have last been evaluated at 4.
    assert curves["seconds"].runs[1][-1] == 0.25


def test_what_does_not_learn_and_what_was_not_timed_throughout_has_no_curve_over_seconds() -> None:
    def untimed(old: Outcome) -> Outcome:
        if not isinstance(old, Record) or (old.trial.label, old.trial.seed) != ("dqn", 2):
            return old
        return replace(old, curve=replace(old.curve, cpu_seconds=np.full(POINTS, np.nan)))

    found = random_results({"ppo": 0.5, "dqn": 0.4, "random": 0.0}, 1, 4).changed(untimed).analysed()
    assert {curve.label for curve in found.curves if curve.axis == "seconds"} == {"ppo"}
    assert {curve.label for curve in found.curves if curve.axis == "steps"} == {"ppo", "dqn", "random"}


def test_aggregate_curve_ends_at_the_aggregate() -> None:
    estimates = random_results({"ppo": 0.9}, 3, 6).analysed()
    share = next(curve for curve in estimates.curves if curve.axis == "share")
    assert share.x == (0.2, 0.4, 0.6, 0.8, 1.0)
    assert share.estimate[-1] == pytest.approx(estimates.aggregates[0].iqm.estimate)
    assert share.low[-1] == pytest.approx(estimates.aggregates[0].iqm.low)


def test_profile_is_the_share_of_runs_above_each_score() -> None:
    case = results_of({("ppo", "a"): [0.1, 0.3, 0.6, 0.8], ("ppo", "b"): [0.6, 0.7, 0.9, 1.0]})
    profile = case.analysed().profiles[0]
    assert (profile.taus[0], profile.taus[-1]) == (0.0, 1.0)
    assert profile.share[profile.taus.index(0.5)] == 0.75
    assert profile.share[-1] == 0.0
    assert all(low is not None and low <= share for low, share in zip(profile.low, profile.share, strict=True))


def test_timings_from_different_packing_or_under_load_are_warned_of() -> None:
    case = random_results({"ppo": 0.9}, 1, 10)
    assert not warned(case.analysed(), "imings")
    mixed = case.changed(
        lambda old: record_of(old.trial, 0.9, resources={"threads": 1, "workers": old.trial.seed % 2 + 1, "load": 9.0})
    )
    assert warned(mixed.analysed(), "2 different settings of hardware")
    assert warned(mixed.analysed(), "10 of 10 trials ran beside other load")


def test_evaluation_episodes_that_were_cut_are_warned_of() -> None:
    results = random_results({"a": 0.5}, 1, 10)
    first = results.outcomes[0]
    assert isinstance(first, Record)
    cut = {"curve": 7, "final": 3, "steps": 10_000}
    found = replace(results, outcomes=(replace(first, cut_episodes=cut), *results.outcomes[1:])).analysed()
    assert warned(found, f"a on {first.trial.environment} after 10,000 steps: 3 of the final evaluations'")
    assert not warned(results.analysed(), "were cut")


def test_machines_are_counted_without_their_clocks() -> None:
    case = random_results({"ppo": 0.9}, 1, 4)
    (machine,) = case.analysed().machines
    assert machine == {"processor": "made up", "device": "cpu", "threads": 1, "workers": 2, "trials": 4}


def test_overshoot_and_speed_come_from_the_runs() -> None:
    case = results_of({("ppo", "env"): [1.0] * 4}).changed(
        lambda old: (
            replace(old, final=replace(old.final, steps=1280 if old.trial.seed == 2 else 1000))
            if isinstance(old, Record)
            else old
        )
    )
    estimates = case.analysed()
    assert estimates.cells[0].overshoot == pytest.approx(0.28)
    assert (estimates.cells[0].steps_per_second, estimates.cells[0].train_seconds) == (100.0, 10.0)
    assert warned(estimates, "ppo on env by 28 %")


def test_every_number_leads_to_its_trial() -> None:
    case = random_results({"ppo": 0.9, "dqn": 0.5}, 1, 4).changed(failing("dqn", [1]))
    estimates = case.analysed()
    lines = {(line.label, line.seed): line for line in estimates.trials}
    for one in estimates.cells:
        assert one.scores == tuple(lines[one.label, seed].score for seed in one.seeds)
    assert (lines["dqn", 1].state, lines["dqn", 1].final_return) == ("failed", None)
    trial = trial_of("ppo", "env", 0)
    (line,) = results_of({("ppo", "env"): [0.5]}).analysed().trials
    assert line == TrialLine("ppo", "env", 0, "done", 0.5, 0.5, BUDGET, 10.0, trial.fingerprint, trial.name)


def test_what_is_told_of_a_cell_by_hand() -> None:
    case = results_of({("ppo", "env"): [0.2, 0.4, 0.6, 0.8]})
    references: dict[str, Reference | None] = {"env": Reference(0.0, 2.0, "somebody")}
    found = replace(case, references=references).analysed()
    (one,) = found.cells
    assert (one.label, one.environment, one.seeds, one.n, one.planned) == ("ppo", "env", (0, 1, 2, 3), 4, 4)
    assert one.returns == pytest.approx((0.2, 0.4, 0.6, 0.8))
    assert one.scores == pytest.approx((0.1, 0.2, 0.3, 0.4))
    # t with three degrees of freedom, 3.18245, times the root of 0.2 / 3 over two; symmetric runs have no skewness.
    half = 3.18245 * math.sqrt(0.2 / 3) / 2
    assert (one.mean_return.low, one.mean_return.high) == pytest.approx((0.5 - half, 0.5 + half), abs=1e-5)
    assert (one.iqm_return.estimate, one.iqm_score.estimate) == pytest.approx((0.5, 0.25))
    # A straight line from 0: half of the end.
    assert one.auc_score.estimate == pytest.approx(0.125)
    assert (one.threshold.reached, one.threshold.n, one.saturated, one.overshoot) == (0, 4, False, 0.0)
    assert found.references == (ReferenceLine("env", BUDGET, 0.0, 2.0, "somebody"),)
    trial = trial_of("ppo", "env", 0)
    assert found.settings == (
        SettingsLine("ppo", "ppo", "made_up:ppo", "env", trial.configuration, "", {"name": "ppo"}, {}),
    )
    assert found.analysis["resamples"] == 400
    (line,) = found.aggregates
    assert (line.environments, line.n, line.complete, line.probability_best) == (1, 4, True, None)
    # The gap to 1 of a mean of 0.25.
    assert [part.estimate for part in (line.iqm, line.mean, line.median, line.optimality_gap)] == pytest.approx(
        [0.25, 0.25, 0.25, 0.75]
    )
    (profile,) = found.profiles
    assert (profile.label, profile.n) == ("ppo", 4)


def test_less_confidence_narrows_every_interval() -> None:
    def widths(confidence: float) -> list[float]:
        found = random_results({"ppo": 0.8, "dqn": 0.7}, 2, 6, confidence=confidence).analysed()
        intervals = [
            *(one for line in found.aggregates for one in (line.iqm, line.mean, line.median, line.optimality_gap)),
            *(one for cell in found.cells for one in (cell.mean_return, cell.iqm_return, cell.iqm_score)),
            *(one for cell in found.cells for one in (cell.auc_score, cell.threshold.share)),
            *(one for pair in found.pairs for one in (pair.probability, pair.difference)),
            *(line.failing_share for line in found.reliability),
            *(one.value for situation in found.situations for one in situation.candidates),
        ]
        bands: list[CurveEstimate | Profile] = [*found.curves, *found.profiles]
        return [
            *(one.high - one.low for one in intervals if one.low is not None and one.high is not None),
            *(
                high - low
                for band in bands
                for low, high in [(band.low[-2], band.high[-2])]
                if low is not None and high is not None
            ),
        ]

    assert [narrow < wide for narrow, wide in zip(widths(0.8), widths(0.95), strict=True)].count(False) == 0


def test_settings_and_references_that_are_not_known_are_told_as_such() -> None:
    case = results_of({("ppo", "env"): [0.5] * 4})
    (empty,) = replace(case, outcomes=(), references={"env": None}).analysed().cells
    nothing = Interval(None, notes=(Fact("no runs"),))
    assert (empty.n, empty.missing, empty.mean_return, empty.iqm_return, empty.iqm_score, empty.auc_score) == (
        *(0, 4, nothing, nothing, nothing, nothing),
    )
    assert (empty.steps_per_second, empty.train_seconds) == (None, None)
    bare = replace(case, references={"env": None}).changed(
        lambda old: replace(old, settings={"n_steps": 8}) if isinstance(old, Record) else old
    )
    found = bare.analysed()
    assert found.cells[0].iqm_score == Interval(None, n=4, notes=(Fact("no reference"),))
    assert found.references == (ReferenceLine("env", BUDGET, None, None, ""),)
    assert found.settings[0].settings == {"n_steps": 8}
    curveless = case.changed(lambda old: record_of(old.trial, 0.5, curve=[])).analysed()
    assert curveless.cells[0].auc_score == Interval(None, n=4, notes=(Fact("no curve"),))
    assert curveless.cells[0].threshold.share.notes == (Fact("no curve"),)
    assert found.cells[0].threshold.share.notes == (Fact("no score"),)


def test_a_failure_is_told_with_its_trial_and_counted_in_its_cell() -> None:
    case = random_results({"ppo": 0.9, "dqn": 0.5}, 1, 4)
    gone = trial_of("dqn", "env-0", 1)
    failed = case.changed(
        lambda old: (
            Failure(gone, "timeout", "too long", "trace", attempt=3)
            if old.trial == gone
            else None
            if old.trial == replace(gone, seed=3)
            else old
        )
    )
    estimates = failed.analysed()
    assert estimates.failures == (FailureLine("dqn", "env-0", 1, "timeout", "too long", 3, gone.name, "trace"),)
    cell = next(one for one in estimates.cells if one.label == "dqn")
    assert (cell.n, cell.planned, cell.failed, cell.missing) == (3, 4, 1, 1)
    states = {line.seed: line.state for line in estimates.trials if line.label == "dqn"}
    assert states == {0: "done", 1: "failed", 2: "done", 3: "missing"}


def test_the_area_under_a_curve_ends_at_the_budget() -> None:
    trial = trial_of("ppo", "env", 0)
    curve = record_of(trial, 0.0, curve=[0.0, 1.0, 100.0]).curve
    long = replace(curve, steps=np.array([500, 1000, 1500]))
    # Half of the unit square between 500 and 1,000 steps; 100 is reached past the budget.
    assert area_under_curve(long, 1000) == pytest.approx(0.5)
    # From 1 half of the way up to 100, in the second half of what counts: 500 steps at 0.5 and 250 at 25.75.
    assert area_under_curve(long, 1250) == pytest.approx((0.5 * 500 + (1 + 50.5) / 2 * 250) / 750)


def test_frames_hold_one_row_per_trial_point_and_episode() -> None:
    case = results_of({("ppo", "env"): [0.5, 0.75]}).changed(failing("ppo", [1]))
    tables = frames(case.outcomes, {"env": Reference(0.0, 2.0)})
    assert {name: len(table) for name, table in tables.items()} == {
        "trials": 2,
        "points": POINTS,
        "episodes": 2 * POINTS + 4,
        "diagnostics": 0,
    }
    trials = tables["trials"].set_index("seed")
    assert trials.loc[0, "score"] == 0.25
    assert (trials.loc[1, "state"], trials.loc[1, "kind"]) == ("failed", "diverged")
    assert tables["points"]["mean_return"].iloc[-1] == 0.5
    assert tables["episodes"].query("final")["episode_return"].tolist() == [0.5] * 4


def test_a_row_of_each_frame_by_hand() -> None:
    trial = trial_of("ppo", "env", 7)
    done, failed = (
        record_of(trial, 0.5, updates=12, frames=4 * BUDGET),
        Failure(replace(trial, seed=8), "diverged", "gone", attempt=2, steps=300),
    )
    tables = frames([done, failed], {"env": Reference(0.0, 2.0)})
    ours = {"label": "ppo", "algorithm": "ppo", "environment": "env", "seed": 7, "fingerprint": trial.fingerprint}
    whole = {"configuration": trial.configuration, "implementation": "made_up:ppo", "budget": BUDGET}
    # 0, 0.125, ..., 0.5 at 200, 400, ..., 1,000 steps: the mean is 0.25 in each of four stretches; half of it a score.
    first, second = tables["trials"].to_dict("records")
    assert first == {
        **ours,
        **whole,
        "state": "done",
        "kind": "",
        "message": "",
        "attempt": 1,
        "final_return": 0.5,
        "score": 0.25,
        "auc": pytest.approx(0.125),
        "steps": BUDGET,
        "frames": 4 * BUDGET,
        "updates": 12,
        "seconds": 20.0,
        "cpu_seconds": 10.0,
    }
    assert {name: second[name] for name in ("seed", "state", "kind", "message", "attempt", "steps")} == {
        "seed": 8,
        "state": "failed",
        "kind": "diverged",
        "message": "gone",
        "attempt": 2,
        "steps": 300,
    }
    assert tables["points"].to_dict("records")[2] == {
        **ours,
        "point": 2,
        "steps": 600,
        "seconds": 12.0,
        "cpu_seconds": 6.0,
        "mean_return": 0.25,
        "score": 0.125,
    }
    shared = {**ours, "final": False, "point": 2, "steps": 600, "episode": 1, "episode_return": 0.25, "length": 1}
    assert tables["episodes"].to_dict("records")[5] == shared
    last = tables["episodes"].iloc[-1]
    assert (last.final, last.point is pd.NA, last.steps, last.episode) == (True, True, BUDGET, 3)


def test_frames_of_nothing_are_empty_and_keep_their_columns() -> None:
    tables = frames([], {})
    assert {name: len(table) for name, table in tables.items()} == {
        "trials": 0,
        "points": 0,
        "episodes": 0,
        "diagnostics": 0,
    }
    assert "score" in tables["trials"].columns


def test_five_algorithms_on_four_environments_take_seconds() -> None:
    case = random_results({"a": 0.9, "b": 0.8, "c": 0.5, "d": 0.3, "random": 0.0}, 4, 10, resamples=5000)
    before = time.process_time()
    case.analysed()
    assert time.process_time() - before < 10


def test_the_price_of_a_run_is_its_cpu_time_where_that_was_kept() -> None:
    def seconds(**timings: float) -> float | None:
        records = [record_of(trial_of("ppo", "env", seed), 0.5, timings=timings) for seed in range(4)]
        book = ledger([record.trial for record in records], records)
        return seconds_of_one_more_run([cell(book.entries, UNIT, AnalysisPlan())])

    # A trial that was paused for an hour took no core meanwhile.
    assert seconds(wall=7200.0, train_cpu=3000.0, evaluation_cpu=600.0) == 3600.0
    # Where evaluation's CPU time was not kept its wall time stands in; where nothing was, that of the whole trial.
    assert seconds(wall=7200.0, train_cpu=3000.0, evaluation=500.0) == 3500.0
    assert seconds(wall=7200.0, train_cpu=math.nan, evaluation=500.0) == 7200.0
    assert seconds(train=10.0) is None


def test_no_interval_reaches_beyond_what_an_environment_can_return() -> None:
    # CartPole returns at most 500: a score of 1 with these references. Half of the runs are there, half below.
    name, top = "CartPole-v1", Reference(0.0, 500.0)
    case = results_of(
        {("ppo", name): [500.0] * 5 + [100.0, 200.0, 300.0, 400.0, 450.0], ("dqn", name): [90.0] * 9 + [80.0]}
    )
    found = replace(case, references={name: top}).analysed()
    cell = next(one for one in found.cells if one.label == "ppo")
    assert (cell.iqm_return.high, cell.iqm_score.high) == (500.0, 1.0)
    # And at least 8, which is where seven of ten runs are.
    low = results_of({("ppo", name): [8.0] * 7 + [30.0, 40.0, 50.0], ("dqn", name): [90.0] * 10})
    least = next(one for one in replace(low, references={name: top}).analysed().cells if one.label == "ppo")
    assert (least.iqm_return.low, least.mean_return.low) == (8.0, 8.0)
    assert found.aggregates[0].mean.high is not None
    assert found.aggregates[0].mean.high <= 1.0
    # An environment that nobody says anything of has no ceiling.
    free = replace(
        results_of({("ppo", "env"): cell.scores, ("dqn", "env"): [0.1] * 9 + [0.2]}), references={"env": UNIT}
    )
    other = next(one for one in free.analysed().cells if one.label == "ppo")
    assert other.iqm_score.high is not None
    assert other.iqm_score.high > 1.0


def test_a_high_aggregate_that_hides_a_failure_is_told() -> None:
    rng = np.random.default_rng(0)
    runs = {("ppo", f"env-{place}"): (1.0 + 0.01 * rng.normal(size=10)).tolist() for place in range(3)}
    runs |= {("dqn", f"env-{place}"): (0.6 + 0.01 * rng.normal(size=10)).tolist() for place in range(4)}
    found = results_of({**runs, ("ppo", "env-3"): (0.1 + 0.01 * rng.normal(size=10)).tolist()}).analysed()
    assert warned(found, "over all and 0.10 on env-3")
    assert found.aggregates[0].worst is not None
    assert found.aggregates[0].worst[1] == "env-3"
    assert not warned(found, "dqn scores")
