"""Which algorithm when: situations, crossover, reliability, cards and re-analyses, on suites made up here."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.analysis.declared import plan_hash, suite_hash
from bench.analysis.ledger import Entry
from bench.analysis.moments import scores_at_seconds, scores_at_steps
from bench.analysis.ranking import inflated_draws, order, race_draws, regrets, shares_best
from bench.analysis.reliability import reliability
from bench.analysis.scores import Cell, cell
from bench.records import (
    AnalysisPlan,
    Card,
    Claim,
    Conclusion,
    Estimates,
    Fact,
    Failure,
    Lead,
    Outcome,
    Record,
    Reference,
    Situation,
    SuiteAlgorithm,
    Trial,
)
from bench.report import answers, sentences
from bench.report.recommendation import recommendation
from bench.suite import read
from tests.test_analysis_estimates import (
    UNIT,
    Results,
    failing,
    random_results,
    record_of,
    results_of,
    trial_of,
)


def entry_of(outcome: Outcome) -> Entry:
    trial = outcome.trial
    return Entry(trial.label, trial, trial.fingerprint, trial.configuration, outcome, planned=True)


def cell_of(scores: Sequence[float], *, curves: Sequence[Sequence[float]] | None = None) -> Cell:
    made = curves or [np.linspace(0, score, 5).tolist() for score in scores]
    records = [
        record_of(trial_of("ppo", "env", seed), score, curve=curve)
        for seed, (score, curve) in enumerate(zip(scores, made, strict=True))
    ]
    return cell([entry_of(record) for record in records], UNIT, AnalysisPlan())


def situation_of(estimates: Estimates, key: str) -> Situation:
    return next(one for one in estimates.situations if one.key == key)


def card_of(estimates: Estimates, label: str) -> Card:
    return next(card for card in estimates.cards if card.label == label)


def in_words(phrases: Sequence[Fact]) -> list[str]:
    return [sentences.strength(one) for one in phrases]


def with_curves(case: Results, curves: Mapping[str, Sequence[float]], noise: float = 0.0) -> Results:
    """Return the case with one curve per label, each run shifted by its own small amount; the final score ends it."""

    def change(old: Outcome) -> Record:
        shift = noise * (old.trial.seed - 4.5)
        curve = [value + shift for value in curves[old.trial.label]]
        return record_of(old.trial, curve[-1], curve=curve)

    return case.changed(change)


def test_a_run_is_read_between_its_evaluations_and_never_beyond_them() -> None:
    # Evaluations at 200, 400, ..., 1000 steps: 0, 0.25, 0.5, 0.75, 1; CPU seconds are steps / 100.
    one = cell_of([1.0])
    assert scores_at_steps(one, 300) == pytest.approx([0.125])
    assert scores_at_steps(one, 1000) == pytest.approx([1.0])
    assert scores_at_steps(one, 199) is None
    assert scores_at_steps(one, 1001) is None


def test_after_some_seconds_a_run_has_its_last_evaluation_and_keeps_its_policy_once_trained() -> None:
    one = cell_of([1.0])
    assert scores_at_seconds(one, 5.0) == pytest.approx([0.25])
    assert scores_at_seconds(one, 1.0) == pytest.approx([0.0])
    assert scores_at_seconds(one, 99.0) == pytest.approx([1.0])


def test_a_failed_run_scores_zero_at_every_moment() -> None:
    outcomes: list[Outcome] = [record_of(trial_of("ppo", "env", 0), 1.0)]
    outcomes.append(Failure(trial_of("ppo", "env", 1), "killed", "gone"))
    both = cell([entry_of(outcome) for outcome in outcomes], UNIT, AnalysisPlan())
    assert scores_at_steps(both, 400) == pytest.approx([0.25, 0.0])
    assert scores_at_seconds(both, 4.0) == pytest.approx([0.25, 0.0])


def test_regret_and_share_of_being_best_by_hand() -> None:
    draws = {"a": np.array([1.0, 0.0, 2.0, 1.0]), "b": np.array([0.0, 1.0, 2.0, 0.5])}
    # a is best in draws one and four and half of three; it misses the best by 1 once.
    assert shares_best(draws) == {"a": 0.625, "b": 0.375}
    assert regrets(draws) == {"a": 0.25, "b": 0.375}


def test_a_tie_but_for_rounding_is_a_tie() -> None:
    assert shares_best({"a": np.array([1.0, 1.0]), "b": np.array([1.0 + 1e-15, 0.5])}) == {"a": 0.75, "b": 0.25}


def test_equal_estimates_are_placed_by_regret_then_by_the_share_of_being_best_then_as_they_came() -> None:
    values = {"late": 1.0, "a": 1.0 + 1e-15, "b": 1.0, "c": 1.0, "best": 1.1}
    regret, best = {"late": 0.2, "a": 0.1, "b": 0.1, "c": 0.1}, {"late": 0.7, "a": 0.1, "b": 0.2, "c": 0.2}
    assert order(values, regret, best) == ["best", "b", "c", "a", "late"]
    assert order(values) == ["best", "late", "a", "b", "c"]


def capped_case() -> Results:
    """Return CartPole, which pays 500 at most (a score of 1): a2c is there in eight of ten runs, ppo in all."""
    runs = {
        ("a2c", "CartPole-v1"): [500.0] * 8 + [200.0, 300.0],
        ("ppo", "CartPole-v1"): [500.0] * 10,
        ("dqn", "CartPole-v1"): [80.0, 90.0, 100.0, 110.0, 120.0] * 2,
    }
    return replace(results_of(runs), references={"CartPole-v1": Reference(0.0, 500.0)})


def test_no_draw_passes_the_ceiling_and_who_is_always_there_comes_before_who_mostly_is() -> None:
    found = capped_case().analysed()
    full = situation_of(found, "full")
    first, second, third = full.candidates
    assert (first.label, second.label, third.label, full.beaten) == ("ppo", "a2c", "dqn", ("dqn",))
    assert first.value.estimate == pytest.approx(1.0)
    assert second.value.estimate == pytest.approx(1.0)
    # Nothing is better than the ceiling; whoever else is there in a resample shares it.
    assert first.regret == pytest.approx(0.0, abs=1e-9)
    assert (second.regret or 0.0) > 0.0
    assert (first.probability_best or 0.0) > 0.5 > (second.probability_best or 0.0) > 0.2
    lead = next(one for one in found.leads if one.axis == "share")
    assert lead.probability_best[lead.labels.index("ppo")][-1] > 0.5
    # Whoever is named first is so in every table.
    assert found.aggregates[0].label == "ppo"
    assert (found.aggregates[0].probability_best or 0.0) > 0.5
    assert found.conclusions[0].about == Fact("first", names=("ppo",))
    assert recommendation(found).claim.startswith("Within 1,000 steps, ppo leads: it is better than dqn")


def test_no_resample_has_more_than_all_of_its_runs_succeed() -> None:
    case = random_results({"ppo": 0.9, "dqn": 0.9}, 1, 10)
    found = case.changed(failing("dqn", [0])).analysed()
    always, mostly = situation_of(found, "failures").candidates
    assert (always.label, always.regret) == ("ppo", 0.0)
    assert (mostly.probability_best or 0.0) < 0.5


def test_where_all_are_level_nobody_comes_first() -> None:
    level = results_of({(label, name): [0.5] * 10 for label in ("ppo", "dqn") for name in "ab"})
    found = level.analysed()
    assert found.conclusions == ()
    assert sentences.situation(situation_of(found, "environment-a")) == (
        "On a alone: not enough evidence; all are level (10 runs on a)."
    )
    assert recommendation(found).claim == (
        "Not enough evidence to name a best algorithm: all score the same within 1,000 steps"
    )
    rng = np.random.default_rng(0)
    alone = {("ppo", "a"): (0.6 + 0.01 * rng.normal(size=10)).tolist(), ("dqn", "a"): [0.5] * 10}
    one = results_of({**alone, ("ppo", "b"): [0.5] * 10, ("dqn", "b"): [0.5] * 10}).analysed().conclusions[0]
    assert (Fact("environments", names=("a",)), "nobody") in one.fails_when
    assert "without a: nobody comes first" in sentences.failures(one)


def test_a_resample_of_the_best_runs_lies_above_the_estimate_however_far_it_is_stretched() -> None:
    counts = np.array([[0, 4], [0, 0], [0, 0], [4, 0]])
    for decide in ("score", "mean", "iqm-by-environment"):
        best, worst = inflated_draws([np.arange(4.0)], [counts], np.random.default_rng(0), decide)
        assert best > 1.5 > worst


def test_draws_are_stretched_as_far_as_four_runs_are_unsure_of_their_spread() -> None:
    # 1.5 above the mean in every resample, times the root of 4/3, times the mean of the root of 3 over a chi-squared
    # variable with three degrees of freedom: the root of 3/2 over the gamma function of 3/2, 1.38198.
    counts = np.repeat(np.array([[0], [0], [0], [4]]), 20_000, axis=1)
    drawn = inflated_draws([np.arange(4.0)], [counts], np.random.default_rng(0), "mean")
    assert np.mean(drawn) == pytest.approx(1.5 + 1.5 * (4 / 3) ** 0.5 * 1.38198, abs=0.05)


def test_expected_regret_and_share_of_best_are_those_of_the_true_sampling_distribution() -> None:
    # Twenty runs each, SD 0.1, interquartile means 0.05 apart. The IQM of normal runs has an SD of about
    # 1.1 * 0.1 / sqrt(20), the difference one of 0.035: b is best with Phi(-1.44) = 0.075, choosing a costs
    # 0.035 * L(1.44) = 0.0011 and choosing b 0.05 more. The draws are a little wider (t instead of normal).
    rng = np.random.default_rng(5)
    x = rng.normal(size=20)
    x = 0.1 * (x - x.mean()) / x.std(ddof=1)
    first, second = (rng.multinomial(20, np.full(20, 1 / 20), size=20_000).T.astype(float) for _ in "ab")
    race = {"a": [x + 0.05], "b": [x]}
    streams = {label: np.random.default_rng(seed) for seed, label in enumerate("ab")}
    drawn = race_draws(race, {"a": [first], "b": [second]}, streams.__getitem__, "score")
    assert shares_best(drawn)["b"] == pytest.approx(0.08, abs=0.04)
    assert regrets(drawn)["a"] == pytest.approx(0.0015, abs=0.0015)
    assert regrets(drawn)["b"] == pytest.approx(0.0515, abs=0.003)


def test_reliability_by_hand() -> None:
    # Ten runs end at 0.0, 0.2, 0.4 and seven times 1; the threshold 0.9 is reached by those and, early, by two more:
    # the first, which stays for a while, and the third, in one evaluation and another later on.
    finals = [0.0, 0.2, 0.4, *[1.0] * 7]
    curves: list[list[float]] = [[0, 1, 1, 0, 0], [0, 0, 0, 0, 0.2], [0, 1, 0, 1, 0.4], *[[0, 0, 0.5, 1, 1]] * 7]
    found = reliability("ppo", [cell_of(finals, curves=curves)], 0.9, 0.95)
    assert (found.failing, found.runs, found.failing_share.estimate) == (3, 10, 0.3)
    # Clopper and Pearson's interval of 3 in 10, from their tables.
    assert (found.failing_share.low, found.failing_share.high) == pytest.approx((0.0667, 0.6525), abs=1e-4)
    assert (found.reached, found.stood, found.collapsed, found.collapsed_share.estimate) == (9, 8, 1, 0.125)
    assert found.worst_decile == 0.0
    # Lower quartile: a quarter of the way from 0.4 (third) to 1 (fourth): 0.55; upper 1.
    assert found.spread == pytest.approx(0.45)
    # Half of all ten have reached it by the fourth of five evaluations.
    assert found.median_budget_share == 0.8


def test_the_worst_decile_of_several_environments_is_the_mean_of_their_worst_runs() -> None:
    cells = [cell_of([0.1, *[1.0] * 9]), cell_of([0.5, *[1.0] * 9])]
    assert reliability("ppo", cells, 0.9, 0.95).worst_decile == pytest.approx(0.3)


def test_each_environment_alone_may_have_another_answer() -> None:
    rng = np.random.default_rng(0)
    levels = {("ppo", "a"): 0.9, ("ppo", "b"): 0.3, ("dqn", "a"): 0.3, ("dqn", "b"): 0.9}
    case = results_of({key: (level + 0.05 * rng.normal(size=10)).tolist() for key, level in levels.items()})
    found = case.analysed()
    assert situation_of(found, "environment-a").choose == "ppo"
    assert situation_of(found, "environment-b").choose == "dqn"
    full = situation_of(found, "full")
    assert {full.candidates[0].label, *full.as_good, *full.undecided} == {"ppo", "dqn"}
    # Whoever is told apart is not as good, whichever of the two the suite names first.
    assert [situation_of(found, f"environment-{name}").undecided for name in "ab"] == [(), ()]


@pytest.mark.parametrize(("environments", "rows"), [(1, 0), (2, 2), (20, 20), (21, 0)])
def test_two_to_twenty_environments_have_a_row_each(environments: int, rows: int) -> None:
    found = random_results({"ppo": 0.9, "dqn": 0.3}, environments, 4, resamples=100).analysed()
    assert sum(one.kind == "environment" for one in found.situations) == rows


def test_what_is_decided_alone_is_not_where_several_situations_are_asked() -> None:
    # Five runs against five, far apart: p = 4 / 252, which is below 0.05 until Holm multiplies it by four.
    apart = {("ppo", "a"): [0.7, 0.71, 0.72, 0.73, 0.74], ("dqn", "a"): [0.6, 0.61, 0.62, 0.63, 0.64]}
    (alone,) = results_of(apart).analysed().pairs
    assert alone.p_value == pytest.approx(4 / 252)
    assert (alone.a, alone.verdict) == ("ppo", "better")
    everywhere = {(label, name): values for (label, _), values in apart.items() for name in "abcd"}
    twice = results_of(everywhere).analysed()
    assert [situation_of(twice, f"environment-{name}").choose for name in "abcd"] == [None] * 4


def test_the_answer_for_a_small_budget_is_read_from_the_curves() -> None:
    curves = {"early": [0.6, 0.6, 0.6, 0.6, 0.6], "late": [0.0, 0.2, 0.5, 0.8, 0.9]}
    found = with_curves(random_results({"early": 0.6, "late": 0.9}, 2, 10), curves, 0.01).analysed()
    assert situation_of(found, "full").choose == "late"
    assert situation_of(found, "steps-500").choose == "early"
    # At 500 steps: early 0.6, late halfway between 0.2 (400) and 0.5 (600).
    first, second = situation_of(found, "steps-500").candidates
    assert (first.value.estimate, second.value.estimate) == pytest.approx((0.6, 0.35))
    assert second.regret == pytest.approx(0.25, abs=0.01)
    # Ten CPU seconds are the whole training; after five, late was last evaluated at four.
    assert situation_of(found, "seconds-5").choose == "early"
    assert situation_of(found, "seconds-5").candidates[1].value.estimate == pytest.approx(0.2)


def test_nobody_is_chosen_where_the_best_has_hardly_learned() -> None:
    def between(first: float, second: float) -> Estimates:
        runs = np.linspace(-0.005, 0.005, 10)
        return results_of({("ppo", "a"): (first + runs).tolist(), ("dqn", "a"): (second + runs).tolist()}).analysed()

    # 0.09 and 0.02 of the way to the target, surely told apart; at 0.12 there is something to choose.
    found = between(0.09, 0.02)
    assert found.pairs[0].verdict == "better"
    assert (situation_of(found, "full").choose, situation_of(found, "full").unlearned) == (None, True)
    assert recommendation(found).claim == (
        "No algorithm to choose: within 1,000 steps nobody has learned more than a little; ppo scores highest."
    )
    assert sentences.situation(situation_of(found, "full")).startswith(
        "Within 1,000 steps: no choice; nobody has learned yet (10 runs on"
    )
    assert situation_of(between(0.12, 0.02), "full").choose == "ppo"


def test_who_is_to_be_avoided_is_held_against_the_leaders_own_failures() -> None:
    # Of two environments nobody learns one: ppo fails there, too.
    levels = {("ppo", "a"): 0.9, ("ppo", "b"): 0.01, ("dqn", "a"): 0.2, ("dqn", "b"): 0.01}
    rng = np.random.default_rng(0)
    case = results_of({key: (level + 0.005 * rng.normal(size=10)).tolist() for key, level in levels.items()})
    assert ("Avoid dqn: 20 of 20 runs end below half of the target (ppo: 10); ppo is better.") in recommendation(
        case.analysed()
    ).lines


def test_the_crossover_says_who_leads_where() -> None:
    curves = {"early": [0.6, 0.6, 0.6, 0.6, 0.6], "late": [0.0, 0.2, 0.5, 0.8, 0.9]}
    found = with_curves(random_results({"early": 0.6, "late": 0.9}, 2, 10), curves, 0.01).analysed()
    share = next(lead for lead in found.leads if lead.axis == "share")
    assert share.x == (0.2, 0.4, 0.6, 0.8, 1.0)
    assert share.iqm[1] == pytest.approx((0.0, 0.2, 0.5, 0.8, 0.9))
    early, late = np.array(share.probability_best)
    assert early + late == pytest.approx(np.ones(5))
    assert early[:3].min() > 0.95
    assert late[3:].min() > 0.95
    assert sentences.lead(share) == (
        "early leads from 20 % to 60 % of the step budget: best in at least 95 % of draws.",
        "late leads from 80 % of the step budget on: best in at least 95 % of draws.",
    )


@pytest.mark.parametrize(
    ("axis", "ppo", "told"),
    [
        # Nearly sure beside what is sure is no change of the lead, and the least share is told.
        ("seconds", [0.5, 0.91, 0.96, 0.92, 1.0, 0.93], (
            "The lead is open at 1 CPU seconds, between ppo and dqn.",
            "ppo leads from 2 CPU seconds on: best in at least 91 % of draws.",
        )),
        ("share", [0.93, 0.92, 0.5, 0.97, 0.89, 0.97], (
            "The lead is open from 10 % to 30 % of the step budget, between ppo and dqn.",
            "ppo leads at 40 % of the step budget: best in at least 95 % of draws.",
            "The lead is open at 50 % of the step budget, between ppo and dqn.",
            "ppo leads at 60 % of the step budget: best in at least 95 % of draws.",
        )),
        # Of many changes only the end is told, with its axis.
        ("seconds", [0.01, 0.99, 0.5, 0.99, 0.5, 0.01], (
            "dqn leads at 6 CPU seconds: best in at least 95 % of draws; until then the lead changes or opens 5 times.",
        )),
        ("share", [0.01, 0.99, 0.5, 0.99, 0.5, 0.6], (("The lead is open from 50 % of the step budget on, between ppo "
            "and dqn; until then the lead changes or opens 4 times."),)),
    ],
)  # fmt: skip
def test_the_lead_is_told_by_axis_and_from_when_on(axis: str, ppo: list[float], told: tuple[str, ...]) -> None:
    x = tuple(place / (10 if axis == "share" else 1) for place in range(1, 7))
    shares = tuple(ppo), tuple(1 - share for share in ppo)
    assert sentences.lead(Lead(axis, x, ("ppo", "dqn"), (), shares, ("E",), 10)) == told


def test_the_lead_is_told_at_shares_of_the_budget_that_all_evaluations_cover() -> None:
    def shifted(old: Outcome) -> Outcome:
        assert isinstance(old, Record)
        return replace(old, curve=replace(old.curve, steps=np.array([100, 300, 500, 700, 900])))

    found = random_results({"early": 0.6, "late": 0.9}, 1, 4).changed(shifted).analysed()
    (share,) = [lead for lead in found.leads if lead.axis == "share"]
    # Fifths of it, the last of which is cut to where the evaluations end.
    assert share.x == (0.2, 0.4, 0.6, 0.8, 0.9)


@pytest.mark.parametrize(
    ("clock", "axes"),
    [
        ([0.0, 1.0, 2.0, 3.0, 4.0], ["share"]),
        ([2.0, 2.0, 2.0, 2.0, 2.0], ["share"]),
        ([np.nan, 1.0, 2.0, 3.0, 4.0], ["share"]),
        ([0.1, 1.0, 2.0, 3.0, 4.0], ["share", "seconds"]),
    ],
)
def test_nobody_leads_over_seconds_where_no_time_had_passed_or_none_was_taken(
    clock: list[float], axes: list[str]
) -> None:
    def timed(old: Outcome) -> Outcome:
        assert isinstance(old, Record)
        return replace(old, curve=replace(old.curve, cpu_seconds=np.array(clock)))

    found = random_results({"early": 0.6, "late": 0.9}, 1, 4).changed(timed).analysed()
    assert [lead.axis for lead in found.leads] == axes
    assert all(lead.n == 4 and lead.environments == ("env-0",) for lead in found.leads)
    assert not axes[1:] or (found.leads[1].x[0], found.leads[1].x[-1]) == pytest.approx((0.1, 4.0))


def test_equal_curves_leave_the_lead_open() -> None:
    curves = {"a": [0.1, 0.2, 0.3, 0.4, 0.5], "b": [0.1, 0.2, 0.3, 0.4, 0.5]}
    found = with_curves(random_results({"a": 0.5, "b": 0.5}, 2, 10), curves, 0.01).analysed()
    for lead in found.leads:
        (told,) = sentences.lead(lead)
        assert "open" in told
        assert "between a and b" in told


@pytest.mark.parametrize(
    ("end", "seconds"),
    [
        (6.0, [1, 2, 5]),
        (60.1, [10, 30, 60]),
        (60.0, [5, 10, 30]),
        (601.0, [120, 300, 600]),
        (7201.0, [1800, 3600, 7200]),
        (86_401.0, [18_000, 36_000, 86_400]),
    ],
)
def test_budgets_of_seconds_are_the_three_largest_round_ones_before_the_end(end: float, seconds: list[int]) -> None:
    # The first evaluation is over after a hundredth of a second, all others at the end.
    def timed(old: Outcome) -> Outcome:
        assert isinstance(old, Record)
        return replace(old, curve=replace(old.curve, cpu_seconds=np.array([0.01, end, end, end, end])))

    found = random_results({"ppo": 0.9, "dqn": 0.5}, 1, 4).changed(timed).analysed().situations
    assert [one.about for one in found if one.kind == "seconds"] == [(one,) for one in seconds]
    assert [one.key for one in found if one.kind == "seconds"] == [f"seconds-{one}" for one in seconds]


@pytest.mark.parametrize(
    ("budget", "steps"),
    [
        (501, [100, 200, 500]),
        (500, [100, 200]),
        (10_001, [2000, 5000, 10_000]),
        (6_000_000, [1_000_000, 2_000_000, 5_000_000]),
        (9_000_000_000, [1_000_000_000, 2_000_000_000, 5_000_000_000]),
    ],
)
def test_budgets_of_steps_are_the_three_largest_round_ones_below_the_whole(budget: int, steps: list[int]) -> None:
    def longer(trial: Trial) -> Trial:
        return replace(trial, steps=budget)

    def changed(old: Outcome) -> Outcome:
        assert isinstance(old, Record)
        at = np.array([100, budget // 2, budget // 2, budget, budget])
        final = replace(old.final, steps=budget)
        return replace(old, trial=longer(old.trial), curve=replace(old.curve, steps=at), final=final)

    case = random_results({"ppo": 0.9, "dqn": 0.5}, 1, 4).changed(changed)
    suite = replace(case.suite, environments=(replace(case.suite.environments[0], steps=budget),))
    found = replace(case, suite=suite, planned=tuple(map(longer, case.planned))).analysed().situations
    assert [one.about for one in found if one.kind == "steps"] == [(one,) for one in steps]
    assert [one.key for one in found if one.kind == "steps"] == [f"steps-{one}" for one in steps]


def test_a_situation_by_hand() -> None:
    case = results_of({("ppo", "a"): [0.6, 0.7, 0.8, 0.9], ("dqn", "a"): [0.1, 0.2, 0.3, 0.6]})
    found = case.analysed()
    full = situation_of(found, "full")
    assert (full.kind, full.about, full.measure, full.environments, full.n) == (
        *("full", (1000, 1000), "score", ("a",), 4),
    )
    # The mean of the middle two; of four runs against four nothing is decided.
    assert [one.label for one in full.candidates] == ["ppo", "dqn"]
    assert [one.value.estimate for one in full.candidates] == pytest.approx([0.75, 0.25])
    assert (full.choose, full.as_good, full.undecided) == (None, (), ("dqn",))
    first, second = full.candidates
    assert first.probability_best is not None
    assert first.probability_best + (second.probability_best or 0.0) == pytest.approx(1.0)
    # Three of four of dqn's end below one half: a quarter succeeds, with Wilson's limits, k = 1.95996^2 / 4 = 0.960365.
    failures = situation_of(found, "failures")
    assert (failures.kind, failures.about, failures.measure, failures.n) == ("failures", (), "share", 4)
    good, bad = failures.candidates
    assert (good.label, good.value.estimate, good.value.high, good.value.n) == ("ppo", 1.0, 1.0, 4)
    assert good.value.low == pytest.approx(1 / 1.960365, abs=1e-5)
    centre, half = 0.25 + 0.960365 / 2, (0.960365 * 0.1875 + 0.960365**2 / 4) ** 0.5
    assert (bad.value.low, bad.value.estimate, bad.value.high) == pytest.approx(
        ((centre - half) / 1.960365, 0.25, (centre + half) / 1.960365), abs=1e-5
    )


def test_where_failures_are_expensive_the_reliable_one_is_chosen() -> None:
    # `high` ends at 1.2 in six of ten runs and at 0 in four; `steady` always at 0.8.
    risky = [1.2] * 6 + [0.0] * 4
    case = results_of(
        {
            (label, f"env-{place}"): scores
            for place in range(5)
            for label, scores in (("high", risky), ("steady", [0.8 + 0.001 * seed for seed in range(10)]))
        }
    )
    found = case.analysed()
    expensive = situation_of(found, "failures")
    assert expensive.choose == "steady"
    assert expensive.measure == "share"
    assert [candidate.value.estimate for candidate in expensive.candidates] == pytest.approx([1.0, 0.6])
    # Regret in share of runs: 0.4 more of them fail.
    assert expensive.candidates[1].regret == pytest.approx(0.4, abs=0.05)
    assert situation_of(found, "full").candidates[0].label == "high"
    texts = in_words(card_of(found, "high").weaknesses)
    assert "20 of 50 runs end below half of the target" in texts


def test_three_runs_have_a_share_of_failures_without_an_interval_and_with_the_reason() -> None:
    # Two of three runs of ppo end at or above half of the target.
    found = results_of({("ppo", "a"): [0.9, 0.8, 0.1], ("dqn", "a"): [0.2, 0.1, 0.3]}).analysed()
    first, second = situation_of(found, "failures").candidates
    assert (first.label, first.value.n, second.value.estimate) == ("ppo", 3, 0.0)
    assert first.value.estimate == pytest.approx(2 / 3)
    assert (first.value.low, first.value.high) == (None, None)
    assert first.value.notes


def test_a_share_of_failures_is_known_as_well_as_the_environment_with_the_fewest_runs_tells() -> None:
    # One of four runs fails on `a`, four of sixteen on `b`: three quarters succeed, as if in 2 x 4 runs and not in 20.
    scores = {"a": [0.9, 0.9, 0.9, 0.1], "b": [0.9] * 12 + [0.1] * 4}
    case = results_of({(label, name): runs for label in ("ppo", "dqn") for name, runs in scores.items()})
    value = situation_of(case.analysed(), "failures").candidates[0].value
    k = 1.959964**2 / 8
    centre, half = 0.75 + k / 2, (k * 0.1875 + k * k / 4) ** 0.5
    assert (value.low, value.estimate, value.high) == pytest.approx(
        ((centre - half) / (1 + k), 0.75, (centre + half) / (1 + k)), abs=1e-5
    )


def test_kinds_of_environments_are_situations_of_their_own() -> None:
    rng = np.random.default_rng(0)
    levels = {"CartPole-v1": 0.9, "Acrobot-v1": 0.9, "FrozenLake-v1": 0.3, "Taxi-v4": 0.3}
    case = results_of(
        {
            (label, name): ((level if label == "ppo" else 0.6) + 0.05 * rng.normal(size=10)).tolist()
            for name, level in levels.items()
            for label in ("ppo", "q")
        }
    )
    found = {one.key: one for one in case.analysed().situations if one.kind == "group"}
    assert found["group-discrete-vector"].choose == "ppo"
    assert found["group-discrete-discrete"].choose == "q"
    assert [(one.about, one.environments, one.measure, one.n) for one in found.values()] == [
        (("discrete", "vector"), ("CartPole-v1", "Acrobot-v1"), "score", 10),
        (("discrete", "discrete"), ("FrozenLake-v1", "Taxi-v4"), "score", 10),
    ]


@pytest.mark.parametrize(("others", "kind"), [(1, "environment"), (20, "group")])
def test_the_only_environment_of_its_kind_has_one_row(others: int, kind: str) -> None:
    rng = np.random.default_rng(0)
    names = ["bench/Point-v0", *(f"env-{place}" for place in range(others))]
    scores = {(label, name): (1.0 + 0.01 * rng.normal(size=4)).tolist() for label in ("ppo", "a2c") for name in names}
    found = results_of(scores, resamples=200).analysed().situations
    assert [one.kind for one in found if one.environments == ("bench/Point-v0",)] == [kind]


def test_a_single_algorithm_has_no_situations() -> None:
    found = random_results({"ppo": 0.9, "random": 0.0}, 2, 10).analysed()
    assert (found.situations, found.leads) == ((), ())
    assert [line.label for line in found.reliability] == ["ppo"]


def test_cards_say_only_what_was_measured_and_where() -> None:
    found = random_results({"ppo": 0.9, "dqn": 0.3, "random": 0.0}, 2, 10).analysed()
    ppo, dqn = card_of(found, "ppo"), card_of(found, "dqn")
    assert in_words(ppo.strengths) == ["scores above dqn", "0 of 20 runs end below half of the target"]
    assert ppo.weaknesses == ()
    assert ppo.use_when[0] == "full"
    assert sentences.use("ppo", situation_of(found, "full")) == "within 1,000 steps"
    assert in_words(dqn.weaknesses) == [
        "scores below ppo",
        "20 of 20 runs end below half of the target",
    ]
    assert (dqn.strengths, dqn.use_when) == ((), ())
    assert ppo.actions == ("continuous", "discrete", "multi-binary", "multi-discrete")
    assert dqn.actions == ("discrete",)
    # Of two alone, each has the other; what does not learn and is not clearly beaten is the floor.
    two = random_results({"ppo": 0.9, "dqn": 0.3}, 2, 10).analysed()
    assert in_words(card_of(two, "ppo").strengths)[0] == "scores above dqn"
    assert in_words(card_of(two, "dqn").weaknesses)[0] == "scores below ppo"
    low = random_results({"random": 0.9, "ppo": 0.9, "dqn": 0.3}, 2, 10).analysed()
    assert [phrase for phrase in card_of(low, "ppo").weaknesses if phrase.names == ("random",)]


def test_a_speed_is_compared_with_the_typical_other() -> None:
    def paced(old: Outcome) -> Record:
        seconds = {"ppo": 10.0, "dqn": 40.0, "a2c": 10.0}[old.trial.label]
        return record_of(old.trial, 0.5, timings={"wall": 1.0, "train": 1.0, "train_cpu": seconds})

    found = random_results({"ppo": 0.5, "dqn": 0.5, "a2c": 0.5}, 1, 10).changed(paced).analysed()
    # 100, 25 and 100 steps a second: dqn against a median of 100; ppo against the geometric middle of 25 and 100.
    assert in_words(card_of(found, "dqn").weaknesses) == ["4.0 times slower per step than the typical other"]
    assert in_words(card_of(found, "ppo").strengths) == ["2.0 times as many steps a second as the typical other"]


def test_a_first_place_that_one_environment_carries_falls_without_it() -> None:
    rng = np.random.default_rng(0)
    levels = {("ppo", "a"): 3.0, ("ppo", "b"): 0.5, ("dqn", "a"): 0.4, ("dqn", "b"): 0.6}
    case = results_of({key: (level + 0.02 * rng.normal(size=10)).tolist() for key, level in levels.items()})
    first = case.analysed().conclusions[0]
    assert first.about == Fact("first", names=("ppo",))
    assert (Fact("environments", names=("a",)), "dqn") in first.fails_when
    # Two environments, ten seeds, the other metric, two other aggregates, extremes, ranks.
    assert first.of == 2 + 10 + 1 + 4
    assert first.holds == first.of - len(first.fails_when)


def test_of_more_than_twenty_seeds_a_tenth_is_left_out_at_a_time() -> None:
    # Seeds 0, 10 and 20 hold 0.65, 0.7 and 0.75 of 0, 0.05, ..., 1: without them the middle half lies below 0.49.
    others = [value / 20 for value in range(21) if value not in {13, 14, 15}]
    ppo = [0.65, *others[:9], 0.7, *others[9:], 0.75]
    first = results_of({("ppo", "a"): ppo, ("dqn", "a"): [0.49] * 21}).analysed().conclusions[0]
    assert first.of == 10 + 1 + 3
    assert (Fact("seeds", (0, 10, 20)), "dqn") in first.fails_when


def test_every_decided_difference_is_a_conclusion_with_its_own_re_analyses() -> None:
    found = random_results({"ppo": 0.9, "dqn": 0.3, "a2c": 0.3}, 2, 10).changed(failing("dqn", [0])).analysed()
    told = {sentences.conclusion(one): one for one in found.conclusions[1:]}
    assert set(told) == {"ppo is better than dqn", "ppo is better than a2c"}
    # Two environments, ten seeds, failed trials dropped, the other metric.
    assert (told["ppo is better than dqn"].holds, told["ppo is better than dqn"].of) == (14, 14)


def test_a_difference_that_one_environment_carries_does_not_hold_without_it() -> None:
    rng = np.random.default_rng(3)
    levels = {("ppo", "a"): 0.9, ("ppo", "b"): 0.5, ("dqn", "a"): 0.3, ("dqn", "b"): 0.5}
    case = results_of({key: (level + 0.05 * rng.normal(size=10)).tolist() for key, level in levels.items()})
    told = {one.about.names: one for one in case.analysed().conclusions}
    assert told["ppo", "dqn"].fails_when == ((Fact("environments", names=("a",)), "undecided"),)


@pytest.mark.parametrize(
    ("about", "told", "again", "found", "failing"),
    [
        (("first", "ppo"), "ppo comes first", Fact("environments", names=("a", "b")), "dqn",
         "without a, b: dqn comes first"),
        (("first", "ppo"), "ppo comes first", Fact("seeds", (3,)), "dqn", "without seed 3: dqn comes first"),
        (("better", "ppo", "dqn"), "ppo is better than dqn", Fact("seeds", (0, 10, 20)), "undecided",
         "without 3 seeds, 0, 10 and so on: cannot be told apart"),
        (("better", "ppo", "dqn"), "ppo is better than dqn", Fact("auc"), "worse",
         "score over training as the metric: dqn is better"),
        (("claim", "It learns.", "supported"), "It learns: supported", Fact("failed"), "undecided",
         "failed trials dropped: undecided"),
    ],
)  # fmt: skip
def test_a_conclusion_and_where_it_fails_are_told_in_words(
    about: tuple[str, ...], told: str, again: Fact, found: str, failing: str
) -> None:
    line = Conclusion(Fact(about[0], names=about[1:]), 11, 12, ((again, found),))
    assert sentences.conclusion(line) == told
    assert sentences.failures(line) == [failing]


def conclusions_of(estimates: Estimates) -> dict[str, Any]:
    """Return every conclusion in words and decisions, numbers left out."""
    return {
        "choose": [(one.key, one.choose, one.as_good) for one in estimates.situations],
        "verdicts": {(pair.a, pair.b): pair.verdict for pair in estimates.pairs},
        "cards": estimates.cards,
        "robust": estimates.conclusions,
        "failing": [(line.label, line.failing, line.reached, line.collapsed) for line in estimates.reliability],
    }


@settings(max_examples=8, deadline=None)
@given(scale=st.sampled_from([1e-3, 0.25, 8.0, 1e4]), shift=st.sampled_from([-1000.0, -1.0, 0.0, 37.5]))
def test_scaling_and_shifting_returns_with_their_references_changes_no_conclusion(scale: float, shift: float) -> None:
    case = random_results({"ppo": 0.9, "dqn": 0.6, "a2c": 0.55, "random": 0.0}, 2, 6, resamples=200)

    def change(old: Outcome) -> Record:
        assert isinstance(old, Record)
        curve, final = old.curve, old.final
        return replace(
            old,
            curve=replace(curve, returns=scale * curve.returns + shift),
            final=replace(final, returns=scale * final.returns + shift),
        )

    moved = replace(case.changed(change), references=dict.fromkeys(case.references, Reference(shift, scale + shift)))
    assert conclusions_of(moved.analysed()) == conclusions_of(case.analysed())


def test_relabelling_and_reordering_change_no_conclusion() -> None:
    case = random_results({"ppo": 0.9, "dqn": 0.6, "a2c": 0.55}, 2, 8)
    backwards = replace(case, outcomes=case.outcomes[::-1], planned=case.planned[::-1])
    assert conclusions_of(backwards.analysed()) == conclusions_of(case.analysed())
    names = {"ppo": "x", "dqn": "y", "a2c": "z"}
    algorithms = [SuiteAlgorithm(names[entry.label], entry.algorithm, "default") for entry in case.suite.algorithms]
    renamed = replace(
        case,
        suite=replace(case.suite, algorithms=tuple(algorithms)),
        planned=tuple(replace(trial, label=names[trial.label]) for trial in case.planned),
    )
    ours, theirs = case.analysed(), renamed.analysed()
    assert [(names[pair.a], names[pair.b], pair.verdict) for pair in ours.pairs] == [
        (pair.a, pair.b, pair.verdict) for pair in theirs.pairs
    ]
    assert [one.choose and names[one.choose] for one in ours.situations] == [one.choose for one in theirs.situations]
    assert [(one.holds, one.of) for one in ours.conclusions] == [(one.holds, one.of) for one in theirs.conclusions]


def test_the_suite_hash_changes_with_the_plan_and_not_with_words() -> None:
    case = random_results({"ppo": 0.9}, 1, 4)
    same = replace(case, suite=replace(case.suite, title="Another title", path="elsewhere.yaml"))
    assert case.analysed().suite_hash == same.analysed().suite_hash
    assert case.with_plan(margin=0.1).analysed().suite_hash != case.analysed().suite_hash


def test_a_suite_keeps_its_hash_when_suites_learn_new_settings() -> None:
    # As its report printed it, before there were `environments`, `max_episode_steps` and `stall_minutes`.
    suite = read(Path(__file__).parent / "earlier" / "discrete.yaml")
    assert suite_hash(suite) == "e25ba2c995e2"
    first, *others = suite.algorithms
    other = replace(suite, algorithms=(replace(first, implementation="jax"), *others))
    assert suite_hash(other) != suite_hash(suite)
    assert plan_hash(suite) == "5ced1186b9ab"
    assert suite_hash(replace(suite, evaluation=replace(suite.evaluation, environments=4))) != "e25ba2c995e2"


def test_a_decided_claim_is_judged_again_without_each_environment_and_each_seed() -> None:
    rng = np.random.default_rng(3)
    levels = {("ppo", "a"): 0.9, ("ppo", "b"): 0.5, ("dqn", "a"): 0.3, ("dqn", "b"): 0.5}
    case = results_of({key: (level + 0.05 * rng.normal(size=10)).tolist() for key, level in levels.items()})
    claims = (
        Claim("PPO ends above DQN.", "ppo", "dqn", "score"),
        Claim("PPO ends far above DQN.", "ppo", "dqn", "score", margin=0.25),
    )
    found = replace(case, suite=replace(case.suite, claims=claims)).analysed()
    assert [claim.verdict for claim in found.claims] == ["supported", "undecided"]
    told = {sentences.conclusion(one): one for one in found.conclusions}
    # Two environments and ten seeds; an undecided claim is no conclusion.
    claim = told["PPO ends above DQN: supported"]
    assert (claim.holds, claim.of, claim.fails_when) == (
        11,
        12,
        ((Fact("environments", names=("a",)), "undecided"),),
    )
    assert "PPO ends far above DQN: undecided" not in told


def test_a_step_budget_rests_on_the_environments_whose_own_budget_reaches_it() -> None:
    case = random_results({"ppo": 0.9, "dqn": 0.3}, 3, 10)

    def shorter(trial: Trial) -> Trial:
        return replace(trial, steps={"env-0": 1000, "env-1": 500, "env-2": 400}[trial.environment])

    changed = case.changed(lambda old: replace(old, trial=shorter(old.trial)))
    found = replace(changed, planned=tuple(map(shorter, case.planned))).analysed()
    assert situation_of(found, "steps-500").environments == ("env-0", "env-1")
    assert situation_of(found, "steps-200").environments == ("env-0", "env-1", "env-2")
    assert sentences.circumstance(situation_of(found, "full")) == "with the whole budget of 400 to 1,000 steps"
    assert recommendation(found).claim.startswith("With the whole budget of 400 to 1,000 steps choose ppo")


def test_an_environment_that_every_run_solves_is_answered_by_who_gets_there_first() -> None:
    # On `easy` both end above 0.9; dqn ends higher, but ppo passes 0.9 at 400 of 1000 steps and dqn at 1000.
    case = random_results({"ppo": 0.95, "dqn": 1.0}, 2, 10)
    curves = {"ppo": [0.5, 0.92, 0.93, 0.94, 0.95], "dqn": [0.1, 0.2, 0.4, 0.6, 1.0]}
    found = situation_of(with_curves(case, curves).analysed(), "environment-env-0")
    assert (found.measure, found.choose) == ("steps", "ppo")
    assert [(one.label, one.value.estimate) for one in found.candidates] == [("ppo", 400.0), ("dqn", 1000.0)]
    assert sentences.situation(found).startswith(
        "On env-0 alone, which every run solves: choose ppo, the first to get there"
    )


def test_the_steps_of_a_situation_are_those_of_its_environments_table() -> None:
    # Half of the ten runs of ppo pass the threshold at 400 of 1000 steps and half at 600, those of dqn all at 400.
    case = random_results({"ppo": 0.95, "dqn": 1.0}, 2, 10)
    curves = {"ppo": [0.5, 0.9, 0.93, 0.94, 0.95], "dqn": [0.1, 0.95, 0.95, 0.96, 1.0]}
    found = with_curves(case, curves, noise=0.001).analysed()
    shown = {one.label: one.threshold.median_steps for one in found.cells if one.environment == "env-0"}
    candidates = situation_of(found, "environment-env-0").candidates
    assert [(one.label, one.value.estimate) for one in candidates] == [("dqn", 400.0), ("ppo", 400.0)]
    assert shown == {"ppo": 400.0, "dqn": 400.0}


def test_where_all_solve_the_only_environment_the_answer_says_who_gets_there_first() -> None:
    case = random_results({"ppo": 1.2, "dqn": 1.3}, 1, 10)
    curves = {"ppo": [0.5, 0.92, 0.93, 0.94, 1.2], "dqn": [0.1, 0.2, 0.4, 0.6, 1.3]}
    found = with_curves(case, curves).analysed()
    claim, first, score, *_ = recommendation(found).lines
    assert claim == (
        "Every run of every learning algorithm solves env-0 within 1,000 steps: the final score tells nobody apart."
    )
    assert first.startswith("On env-0 alone, which every run solves: choose ppo, the first to get there")
    # Of one environment nothing is averaged.
    assert score.startswith("ppo: interquartile mean final score 1.00 ")
    # Nothing beside it speaks for whoever the suite names first.
    later = with_curves(case, {"dqn": curves["ppo"], "ppo": curves["dqn"]}).analysed()
    _, first, score, *_ = recommendation(later).lines
    assert first.startswith("On env-0 alone, which every run solves: choose dqn, the first to get there")
    assert score.startswith("dqn: interquartile mean final score 1.00 ")
    assert "first" not in {one.about.kind for one in later.conclusions}


def test_whoever_has_too_few_runs_is_not_judged_and_said_so_where_it_could_have_won() -> None:
    rng = np.random.default_rng(0)
    runs = {(label, name): (0.5 + 0.3 * rng.normal(size=10)).tolist() for label in ("ppo", "a2c") for name in "ab"}
    case = results_of({**runs, ("dqn", "a"): [0.9] * 10, ("dqn", "b"): [0.9, 0.8]})
    found = case.analysed()
    assert situation_of(found, "full").not_judged == (("dqn", 2, 10),)
    assert situation_of(found, "environment-b").not_judged == (("dqn", 2, 10),)
    # With ten runs there it is judged on the other.
    assert situation_of(found, "environment-a").not_judged == ()
    assert "dqn" in {one.label for one in situation_of(found, "environment-a").candidates}
    assert "dqn is not judged (2 of 10 runs)" in sentences.situation(situation_of(found, "full"))


def test_as_good_is_said_of_equivalent_algorithms_alone() -> None:
    rng = np.random.default_rng(1)
    base = {"ppo": 0.9, "dqn": 0.9, "a2c": 0.4}
    runs = {
        (label, name): (level + 0.01 * rng.normal(size=10)).tolist() for label, level in base.items() for name in "ab"
    }
    runs |= {("trpo", name): (0.85 + 0.3 * rng.normal(size=10)).tolist() for name in "ab"}
    found = results_of(runs).analysed()
    full = situation_of(found, "full")
    leader = full.candidates[0].label
    assert {leader, *full.as_good} == {"ppo", "dqn"}
    assert full.undecided == ("trpo",)
    # Nobody has won over all while one is not told apart.
    assert [label for label in found.labels if "full" in card_of(found, label).use_when] == []


def test_nobody_is_chosen_while_a_rival_is_not_told_apart_and_whoever_beats_another_leads() -> None:
    rng = np.random.default_rng(1)
    levels = {"ppo": (0.9, 0.05), "a2c": (0.85, 0.3), "reinforce": (0.84, 0.3), "dqn": (0.3, 0.05)}
    runs = {(label, "a"): (level + spread * rng.normal(size=10)).tolist() for label, (level, spread) in levels.items()}
    found = results_of(runs).analysed()
    full = situation_of(found, "full")
    leader, *still_open = [one.label for one in full.candidates if one.label != "dqn"]
    assert (full.choose, full.beaten, full.undecided) == (None, ("dqn",), tuple(still_open))
    told = f"{leader} leads: it is better than dqn; {still_open[0]} and {still_open[1]} are not yet told apart from it"
    assert sentences.situation(full) == f"Within 1,000 steps, {told} (10 runs on a)."
    assert recommendation(found).claim == f"Within 1,000 steps, {told}"
    assert answers.situations(found).rows[0][1].shown() == f"{leader} leads, better than dqn"
    page = " ".join([*recommendation(found).lines, *map(sentences.situation, found.situations)])
    assert "choose" not in page


def test_a_card_recommends_whoever_won_over_all_or_is_equivalent_to_the_winner() -> None:
    rng = np.random.default_rng(1)
    base = {"ppo": 0.9, "dqn": 0.9, "a2c": 0.4}
    runs = {
        (label, name): (level + 0.01 * rng.normal(size=10)).tolist() for label, level in base.items() for name in "ab"
    }
    found = results_of(runs).analysed()
    full = situation_of(found, "full")
    assert ({full.choose, *full.as_good}, full.undecided) == ({"ppo", "dqn"}, ())
    assert ["full" in card_of(found, label).use_when for label in ("ppo", "dqn", "a2c")] == [True, True, False]
    assert sentences.use("ppo", full) == "within 1,000 steps (as good: dqn)"
