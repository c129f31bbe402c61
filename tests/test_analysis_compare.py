"""Pairs, their verdicts, prices and sentences, against numbers worked out by hand and simulation."""

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from bench.analysis.compare import contest, verdicts
from bench.analysis.resampling import resample_counts
from bench.records import AnalysisPlan, Floats, Interval, Pair, PairPlace
from bench.report import sentences

PLAN = AnalysisPlan(resamples=400)


def arrays(*rows: list[float]) -> list[Floats]:
    return [np.array(row, dtype=np.float64) for row in rows]


def compared(
    ours: list[Floats], theirs: list[Floats], plan: AnalysisPlan = PLAN, seed: int = 0, looks: int = 1
) -> Pair:
    rng = np.random.default_rng(seed)
    counts = tuple([resample_counts(len(x), plan.resamples, rng) for x in side] for side in (ours, theirs))
    one = contest(("A", "B"), ours, theirs, (counts[0], counts[1]), plan, seconds=360.0)
    return verdicts([one], plan, looks)[0]


def test_all_ties_are_no_evidence() -> None:
    ours = arrays([1, 1, 1, 1])
    found = compared(ours, ours)
    assert found.p_value == 1.0
    assert found.probability.estimate == 0.5
    assert found.verdict == "undecided"


def test_clear_difference_is_better_one_way_and_worse_the_other() -> None:
    rng = np.random.default_rng(0)
    ours, theirs = [rng.normal(0.9, 0.05, 10)], [rng.normal(0.3, 0.05, 10)]
    one, other = compared(ours, theirs), compared(theirs, ours)
    assert (one.verdict, other.verdict) == ("better", "worse")
    assert one.p_value == pytest.approx(other.p_value)
    assert one.more_runs is None


def test_equivalence_needs_the_whole_interval_inside_the_margin() -> None:
    rng = np.random.default_rng(2)
    ours, theirs = [rng.normal(0.9, 0.02, 20)], [rng.normal(0.9, 0.02, 20)]
    assert compared(ours, theirs, AnalysisPlan(margin=0.05, resamples=400)).verdict == "equivalent"
    found = compared(ours, theirs, AnalysisPlan(margin=0.01, resamples=400))
    assert found.verdict == "undecided"
    assert found.difference.low is not None
    assert found.difference.low < -0.01 or (found.difference.high or 0) > 0.01


def test_looks_widen_what_judges_and_not_what_is_shown() -> None:
    rng = np.random.default_rng(2)
    ours, theirs = [rng.normal(0.9, 0.02, 20)], [rng.normal(0.9, 0.02, 20)]
    once, often = compared(ours, theirs), compared(ours, theirs, looks=4)
    assert (often.p_value, often.p_holm) == (min(1.0, 4 * (once.p_value or 0)), min(1.0, 4 * (once.p_holm or 0)))
    assert often.difference == once.difference
    # One pair at four looks: 1 - 0.05 / 4.
    assert often.matched == compared(ours, theirs, replace(PLAN, confidence=0.9875)).difference
    # A margin just beyond the interval shown, and within that of 98.75 %.
    assert once.difference.low is not None
    assert once.difference.high is not None
    near = replace(PLAN, margin=1.01 * max(-once.difference.low, once.difference.high))
    assert compared(ours, theirs, near).verdict == "equivalent"
    assert compared(ours, theirs, near, looks=4).verdict == "undecided"


def test_no_difference_found_is_not_equality() -> None:
    rng = np.random.default_rng(3)
    found = compared([rng.normal(0.5, 0.3, 5)], [rng.normal(0.5, 0.3, 5)])
    assert found.verdict == "undecided"


def test_three_runs_on_one_environment_say_that_no_claim_is_possible() -> None:
    found = compared(arrays([7, 8, 9]), arrays([1, 2, 3]))
    assert found.verdict == "undecided"
    assert found.probability.low is None
    assert (found.p_value, found.p_holm, found.more_runs) == (None, None, None)
    assert "not yet told apart (no p-value)" in sentences.pair(found, AnalysisPlan())


def test_sentence_gives_effect_interval_and_runs_before_the_verdict() -> None:
    rng = np.random.default_rng(0)
    found = compared([rng.normal(0.9, 0.05, 10)] * 2, [rng.normal(0.3, 0.05, 12)] * 2)
    order = ["interquartile means", "95 % interval", "10 against 12 runs", "probability 1.00", "A is better", "p = "]
    places = [sentences.pair(found, AnalysisPlan()).index(part) for part in order]
    assert places == sorted(places)


def test_price_of_a_decision_falls_as_the_effect_grows() -> None:
    base = np.linspace(0, 1, 10)
    prices = [compared([base + shift], [base]).more_runs for shift in (0.15, 0.2, 0.25)]
    assert all(price is not None for price in prices)
    assert prices == sorted(prices, key=lambda price: -(price or 0))
    assert compared([base], [base]).more_runs is None


def test_the_price_has_hours_where_the_time_of_a_run_is_known() -> None:
    # One more run of both takes 360 seconds, a tenth of an hour.
    base = np.linspace(0, 1, 10)
    found = compared([base + 0.25], [base])
    assert found.more_runs is not None
    assert found.more_hours == pytest.approx(found.more_runs / 10)
    assert f"about {found.more_runs} more seeds per environment, " in sentences.pair(found, AnalysisPlan())
    assert "not yet told apart" in sentences.pair(found, AnalysisPlan())


@pytest.mark.parametrize("tasks", [1, 3])
def test_equal_algorithms_are_declared_different_at_most_as_often_as_promised(tasks: int) -> None:
    rng = np.random.default_rng(11)
    plan, suites, claims = AnalysisPlan(margin=1e-9, resamples=200), 150, 0
    for _ in range(suites):
        scores = [
            [rng.choice([0.0, 0.9, 1.0], size=5) + 0.05 * rng.normal(size=5) for _ in range(tasks)] for _ in "abcd"
        ]
        counts = [[resample_counts(5, plan.resamples, rng) for _ in range(tasks)] for _ in scores]
        contests = [
            contest((str(i), str(j)), scores[i], scores[j], (counts[i], counts[j]), plan)
            for i, j in combinations(range(4), 2)
        ]
        claims += any(pair.verdict in {"better", "worse"} for pair in verdicts(contests, plan))
    # Family-wise 5 %, plus three standard errors of 150 suites.
    assert claims / suites <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / suites)


def test_what_is_told_of_unequal_runs_is_a_range() -> None:
    rng = np.random.default_rng(5)
    found = compared([rng.normal(size=30), rng.normal(size=5)], [rng.normal(size=5), rng.normal(size=5)])
    assert (found.runs, found.most_runs, sentences.counts(found)) == ((5, 5), (30, 5), "5 to 30 against 5")


def test_more_runs_where_two_are_level_take_nothing_from_a_difference_elsewhere() -> None:
    # Above in 15 of 15 runs of three environments, level on the fourth, where there are 5 runs of both or 30.
    above, below = np.arange(1.0, 1.05, 0.01), np.arange(0.5, 0.55, 0.01)
    verdict = []
    for runs in (5, 30):
        level = np.linspace(0.1, 0.39, runs)
        verdict.append(compared([level, above, above, above], [level + 0.013, below, below, below]).verdict)
    assert verdict == ["better", "better"]


def test_many_runs_are_compared_with_few_on_the_resamples_that_both_have() -> None:
    # 240 runs have 1000 resamples, 40 keep all of theirs.
    rng = np.random.default_rng(0)
    ours, theirs = [rng.normal(1, 1, 60) for _ in range(4)], [rng.normal(0, 1, 10) for _ in range(4)]
    plan = AnalysisPlan(resamples=1200)
    assert compared(ours, theirs, plan).verdict == "better"
    assert compared(theirs, ours, plan).verdict == "worse"


def test_a_pair_that_fails_only_by_the_correction_is_called_alone_significant() -> None:
    rng = np.random.default_rng(0)
    counts, others = ([resample_counts(10, 2000, rng)] for _ in "ab")
    base = np.linspace(0, 1, 10)
    contests = [
        contest(("A", "B"), [base + 0.42], [base], (counts, others), PLAN),
        *(contest((name, "B"), [base], [base], (counts, others), PLAN) for name in "CDEFG"),
    ]
    found = verdicts(contests, PLAN)[0]
    assert found.p_value is not None
    assert found.p_holm is not None
    assert found.p_value < 0.05 < found.p_holm
    assert found.matched is not None
    assert (found.difference.low or 0) > 0 > (found.matched.low or 0)
    told = sentences.pair(found, PLAN)
    assert "alone significant (p = 0.0" in told
    assert "not after correction over 6 pairs" in told


def test_one_sentence_says_where_the_other_is_ahead() -> None:
    rng = np.random.default_rng(3)
    levels = {"MountainCar-v0": (0.9, 0.5), "LunarLander-v3": (0.8, 0.82), "Acrobot-v1": (1.0, 1.02)}
    ours, theirs = ([rng.normal(level[side], 0.005, 10) for level in levels.values()] for side in (0, 1))
    counts = [[resample_counts(10, 1000, rng) for _ in levels] for _ in "ab"]
    plan = AnalysisPlan(decide="iqm-by-environment")
    one = contest(("ppo", "dqn"), ours, theirs, (counts[0], counts[1]), plan, environments=list(levels))
    told = sentences.besides(verdicts([one], plan)[0], {"Acrobot-v1"})
    # dqn is above in nearly every run of two environments of three, and far behind on the third.
    assert told.startswith("ppo is ahead by 0.40 on MountainCar-v0, behind by 0.0")
    assert " on Acrobot-v1 (which all solve); run by run dqn is above ppo more often (0.6" in told


def test_the_shares_of_the_pooled_mean_and_the_difference_of_means_stand_beside_its_verdict() -> None:
    # Pooled, the lowest two and highest two of eight go. Of A two runs of each environment stay; of B 0.2, 0.3, 0.4 and
    # 0.5, three of which are X's. Means: A 0.65, B 0.35.
    ours = [np.array([1.0, 1.1, 1.2, 1.3]), np.array([0.0, 0.1, 0.2, 0.3])]
    theirs = [np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.0, 0.5, 0.6, 0.7])]
    rng = np.random.default_rng(0)
    counts = [[resample_counts(4, 500, rng) for _ in "XY"] for _ in "AB"]
    found = verdicts([contest(("A", "B"), ours, theirs, (counts[0], counts[1]), PLAN, environments="XY")], PLAN)[0]
    told = sentences.besides(found, weights=True)
    assert told.endswith("Shares of the pooled mean, A and B: X 50 and 75 %, Y 50 and 25 % (even: 50 %).")
    assert "the means differ by +0.30 (" in told
    assert "Shares" not in sentences.besides(found)
    elsewhere = replace(found, decide="mean")
    assert "Shares" not in sentences.besides(elsewhere, weights=True)
    assert "Beside it: " in sentences.in_full(found, PLAN, None, ())


def test_an_open_verdict_says_where_run_by_run_one_is_above() -> None:
    # A is above B in all runs of both environments; that is no verdict with a family of many pairs.
    pair = replace(
        compared([np.linspace(0.5, 0.6, 4)], [np.linspace(0.1, 0.2, 4)]),
        verdict="undecided", probability=Interval(1.0, 0.7, 1.0), others=(),
    )  # fmt: skip
    assert sentences.besides(pair) == "run by run A is above B (0.70 to 1.00 for A)."


def test_where_other_aggregates_tell_two_apart_the_difference_on_each_environment_is_told() -> None:
    # Ahead on one environment, level on the other, behind nowhere: the mean over both stays open.
    ours, theirs = [np.linspace(0.2, 0.8, 10), np.full(10, 1.0)], [np.linspace(-0.1, 0.5, 10), np.full(10, 1.0)]
    rng = np.random.default_rng(0)
    counts = [[resample_counts(10, 400, rng) for _ in "XY"] for _ in "AB"]
    one = contest(("A", "B"), ours, theirs, (counts[0], counts[1]), PLAN, environments="XY")
    others = (("mean", Interval(0.15, 0.04, 0.26)),)
    told = sentences.besides(replace(verdicts([one], PLAN)[0], verdict="undecided", others=others), {"Y"})
    assert told.startswith("A is ahead by 0.30 on X, level on Y (which all solve)")
    assert "the means differ by +0.15 (+0.04 to +0.26), which would tell them apart" in told


def test_a_comparison_seen_from_the_other_side_says_the_same() -> None:
    rng = np.random.default_rng(5)
    ours, theirs = ([rng.normal(mean, 0.2, 10) for mean in means] for means in ((0.8, 0.5), (0.6, 0.4)))
    found = compared(ours, theirs)
    other = found.seen_from(found.b)
    assert (other.a, other.b) == (found.b, found.a)
    assert found.seen_from(found.a) is found
    assert other.difference.estimate == pytest.approx(-(found.difference.estimate or 0))
    assert other.difference.high == -(found.difference.low or 0)
    assert other.difference.low == -(found.difference.high or 0)
    assert other.probability.low == pytest.approx(1 - (found.probability.high or 0))
    # What it would be if it had been asked so: but for the resamples, that each side draws for itself.
    asked = compared(theirs, ours)
    assert other.probability.estimate == pytest.approx(asked.probability.estimate)
    assert other.difference.estimate == pytest.approx(asked.difference.estimate)
    assert (other.verdict, asked.verdict) == ("worse", "worse")
    place = replace(found, places=(PairPlace("X", 0.2, 0.9, (0.5, 0.25)),)).seen_from(found.b).places[0]
    assert place.probability == pytest.approx(0.1)
    assert (place.difference, place.shares) == (-0.2, (0.25, 0.5))
