"""The rule that decides, against its formulae worked out by hand, its own interval and simulation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student
from scipy.stats import ttest_ind

from bench.analysis.aggregate import BY_ENVIRONMENT, MEAN, POOLED, environment_shares, estimate
from bench.analysis.interval import iqm_interval, mean_interval
from bench.analysis.resampling import Tasks, resample_counts
from bench.analysis.verdict import Difference, difference, holm, holm_level, judged, smallest_p, verdict
from bench.records import AnalysisPlan, Floats

EVERY = pytest.mark.parametrize("decide", [POOLED, BY_ENVIRONMENT, MEAN])


def arrays(*rows: list[float]) -> list[Floats]:
    return [np.array(row, dtype=np.float64) for row in rows]


def between(ours: Tasks, theirs: Tasks, decide: str, resamples: int = 1000, seed: int = 0) -> Difference:
    rng = np.random.default_rng(seed)
    counts = [[resample_counts(len(task), resamples, rng) for task in side] for side in (ours, theirs)]
    return judged(ours, theirs, (counts[0], counts[1]), decide)


def excludes(found: Difference, confidence: float) -> bool:
    low, high = (float(limit[0]) for limit in found.limits(confidence))
    return low > 0 or high < 0


cells = st.lists(st.integers(-20, 20).map(float), min_size=4, max_size=9)


@EVERY
@settings(deadline=None, max_examples=40)
@given(pairs=st.lists(st.tuples(cells, cells), min_size=1, max_size=3), level=st.floats(1e-4, 0.3))
def test_p_is_at_most_a_level_exactly_where_the_interval_at_that_level_leaves_no_difference_out(
    decide: str, pairs: list[tuple[list[float], list[float]]], level: float
) -> None:
    found = between(arrays(*(x for x, _ in pairs)), arrays(*(y for _, y in pairs)), decide, 200)
    p = float(found.p_values[0])
    if abs(p - level) > 1e-9 and not math.isnan(found.below[0]):
        assert (p <= level) == excludes(found, 1 - level)


@EVERY
@settings(deadline=None, max_examples=25)
@given(pairs=st.lists(st.tuples(cells, cells), min_size=1, max_size=3))
def test_swapping_the_two_turns_the_difference_round(decide: str, pairs: list[tuple[list[float], list[float]]]) -> None:
    ours, theirs = arrays(*(x for x, _ in pairs)), arrays(*(y for _, y in pairs))
    rng = np.random.default_rng(0)
    counts = [[resample_counts(len(task), 100, rng) for task in side] for side in (ours, theirs)]
    one = judged(ours, theirs, (counts[0], counts[1]), decide)
    other = judged(theirs, ours, (counts[1], counts[0]), decide)
    assert one.estimates == pytest.approx(-other.estimates)
    assert one.p_values == pytest.approx(other.p_values)
    assert one.below == pytest.approx(other.above, nan_ok=True)


def test_the_mean_of_one_environment_is_welch_s_test_where_nothing_is_skewed() -> None:
    # Both symmetric: no third moment, so Johnson's term is nothing.
    ours, theirs = arrays([1, 2, 3, 4, 5, 6, 7]), arrays([3, 5, 7, 9, 11])
    found = between(ours, theirs, MEAN)
    exact = ttest_ind(ours[0], theirs[0], equal_var=False)
    assert float(found.p_values[0]) == pytest.approx(exact.pvalue)
    limits = exact.confidence_interval(0.95)
    assert [float(limit[0]) for limit in found.limits(0.95)] == pytest.approx([limits.low, limits.high])


def test_against_runs_without_variation_the_mean_s_interval_is_that_of_the_other_alone() -> None:
    ours = arrays([0.1, 0.5, 0.6, 0.7, 3.0])
    alone = mean_interval(ours)
    found = between(ours, arrays([0.0] * 5), MEAN)
    df_alone = 4.0
    assert float(found.df[0]) == pytest.approx(df_alone)
    low, high = (float(limit[0]) for limit in found.limits(0.95))
    assert (low, high) == pytest.approx((alone.low, alone.high))


def test_by_environment_one_environment_is_as_pooled() -> None:
    ours, theirs = arrays([0.1, 0.5, 0.6, 0.7, 0.9]), arrays([0.2, 0.2, 0.3, 0.35, 0.4])
    first, second = (between(ours, theirs, name) for name in (POOLED, BY_ENVIRONMENT))
    assert first.limits(0.95) == second.limits(0.95)
    assert first.p_values == second.p_values


def test_by_environment_no_environment_is_trimmed_away() -> None:
    # Far behind on one environment of four: pooled, its runs are exactly the trimmed quarter.
    ours = arrays([0.0] * 4, *[[0.98, 0.99, 1.01, 1.02]] * 3)
    theirs = arrays(*[[0.97, 0.98, 1.0, 1.01]] * 4)
    assert estimate(ours, POOLED) > estimate(theirs, POOLED)
    assert estimate(ours, BY_ENVIRONMENT) - estimate(theirs, BY_ENVIRONMENT) == pytest.approx((3 * 0.01 - 0.99) / 4)
    assert environment_shares(ours) == pytest.approx((0.0, 1 / 3, 1 / 3, 1 / 3))


def test_equal_scores_count_alike_whatever_their_environment() -> None:
    assert environment_shares(arrays([1, 1, 1, 1], [1, 1, 1, 1])) == pytest.approx((0.5, 0.5))
    # Two environments that weigh the same, one with twice as many runs.
    assert environment_shares(arrays([1, 1], [1, 1, 1, 1])) == pytest.approx((0.5, 0.5))


def test_the_smallest_p_by_hand() -> None:
    # 4 of 70 arrangements of four against four, 4 of 252; for the mean 2.
    assert smallest_p([(4, 4)], "score") == pytest.approx(4 / 70)
    assert smallest_p([(5, 5)], "score") == pytest.approx(4 / 252)
    assert smallest_p([(5, 5)], MEAN) == pytest.approx(2 / 252)
    assert smallest_p([(4, 4), (4, 4)], "score") == pytest.approx(4 / 70**2)
    # With an interquartile mean of each its own, one exchange on either changes nothing: 2 x 2 x 2.
    assert smallest_p([(4, 4), (4, 4)], BY_ENVIRONMENT) == pytest.approx(8 / 70**2)
    assert smallest_p([(3, 3)] * 5, "score") == 1.0


def test_four_against_four_runs_on_one_environment_decide_nothing_however_clear() -> None:
    found = between(arrays([7.0, 7.1, 7.2, 7.3]), arrays([1.0, 1.1, 1.2, 1.3]), POOLED)
    assert float(found.p_values[0]) == pytest.approx(4 / 70)
    low, _ = found.limits(0.95)
    assert float(low[0]) == 0.0
    equal = between(arrays([7.0, 7.1, 7.2, 7.3]), arrays([7.0, 7.1, 7.2, 7.3]), POOLED)
    assert verdict(equal, 1.0, AnalysisPlan(margin=0.9)) == "undecided"


def test_two_algorithms_without_variation_have_no_interval_and_the_p_of_their_number() -> None:
    found = between(arrays([1.0] * 5), arrays([0.0] * 5), POOLED)
    assert np.isnan(found.limits(0.95)).all()
    assert float(found.p_values[0]) == pytest.approx(4 / 252)
    assert float(between(arrays([1.0] * 5), arrays([1.0] * 5), POOLED).p_values[0]) == 1.0
    assert verdict(between(arrays([1.0] * 5), arrays([1.0] * 5), POOLED), 1.0, AnalysisPlan()) == "undecided"


def test_equivalence_is_the_interval_inside_the_margin() -> None:
    rng = np.random.default_rng(1)
    ours, theirs = ([rng.normal(0.5, 0.03, 8) for _ in range(2)] for _ in "ab")
    for decide in (POOLED, BY_ENVIRONMENT, MEAN):
        found = between(ours, theirs, decide)
        low, high = (float(limit[0]) for limit in found.limits(0.95))
        reach = max(-low, high)
        assert verdict(found, 1.0, AnalysisPlan(margin=1.001 * reach)) == "equivalent"
        assert verdict(found, 1.0, AnalysisPlan(margin=0.999 * reach)) != "equivalent"


def test_the_interval_at_another_confidence_has_the_same_standard_errors() -> None:
    found = between(arrays([0.1, 0.5, 0.6, 0.7, 0.9, 1.0]), arrays([0.2, 0.2, 0.3, 0.35, 0.4, 0.5]), POOLED)
    estimate_, below, df = (float(one[0]) for one in (found.estimates, found.below, found.df))
    for confidence in (0.8, 0.95, 0.99):
        low = float(found.limits(confidence)[0][0])
        assert low == pytest.approx(estimate_ - student.ppf((1 + confidence) / 2, df) * below)


def test_holm_by_hand() -> None:
    # Sorted 0.01, 0.02, 0.03, 0.5 times 4, 3, 2, 1: 0.04, 0.06, 0.06, 0.5, never falling.
    assert holm([0.5, 0.01, 0.03, 0.02]) == pytest.approx([0.5, 0.04, 0.06, 0.06])
    # Not cut at 1: the ratio to the p-value is what the matched interval takes.
    assert holm([0.9, 0.8]) == pytest.approx([1.6, 1.6])
    assert holm([]) == []


def test_holm_s_interval_leaves_no_difference_out_exactly_where_the_pair_is_decided() -> None:
    rng = np.random.default_rng(4)
    plan = AnalysisPlan()
    found = [between([rng.normal(shift, 1, 10)], [rng.normal(0, 1, 10)], POOLED) for shift in np.linspace(0, 3, 12)]
    p_values = [float(one.p_values[0]) for one in found]
    for one, p, corrected in zip(found, p_values, holm(p_values), strict=True):
        assert excludes(one, 1 - holm_level(p, corrected, plan)) == (corrected <= 0.05)


def test_the_price_is_that_of_normal_theory() -> None:
    # Of one environment the error falls as 1 / sqrt(n): at the price, D is t + 0.84 of them.
    rng = np.random.default_rng(2)
    found = between([rng.normal(0.5, 1, 20)], [rng.normal(0, 1, 20)], MEAN)
    more = found.more_runs(0.05)
    assert more is not None
    error = float(found.below[0]) * math.sqrt(20 / (20 + more))
    assert abs(float(found.estimates[0])) / error == pytest.approx(1.98 + 0.8416, abs=0.1)
    assert (found.more_runs(0.01) or 0) > more


def test_a_price_needs_no_variation_of_the_middle_halves() -> None:
    # Winsorised, four runs are their middle two, which are equal here; the resamples' means vary all the same.
    ours, theirs = [np.array([0.0, 0.5, 0.5, 1.0])], [np.array([0.2, 0.7, 0.7, 1.2])]
    found = between(ours, theirs, POOLED, 2000)
    assert not found.variances.any()
    more = found.more_runs(0.05)
    assert more is not None
    # Both sides shrink alike: the error is that of 4 runs times sqrt(4 / (4 + more)).
    error = float(found.above[0]) * math.sqrt(4 / (4 + more))
    assert abs(float(found.estimates[0])) / error == pytest.approx(2.1 + 0.8416, abs=0.15)


def test_a_price_is_never_one_more_run_for_ever() -> None:
    # The runs in hand, as many times over as the price says, are decided.
    rng = np.random.default_rng(6)
    ours, theirs = [rng.normal(0.3, 1, 10), rng.normal(0.5, 1, 25)], [rng.normal(0, 1, 10), rng.normal(0, 1, 10)]
    found = between(ours, theirs, POOLED, 2000)
    more = found.more_runs(0.05)
    assert more is not None
    again = [[np.resize(task, len(task) + more) for task in side] for side in (ours, theirs)]
    assert float(between(again[0], again[1], POOLED, 2000).p_values[0]) < 0.05


@pytest.mark.parametrize("decide", [POOLED, BY_ENVIRONMENT, MEAN])
def test_copies_are_told_apart_no_more_often_than_promised(decide: str) -> None:
    # Ten runs on three environments, of which three in ten fail; 400 data sets share their resamples.
    rng = np.random.default_rng(7)
    sides = [
        [np.where(rng.random((10, 400)) < 0.3, 0.0, rng.normal(1, 0.1, (10, 400))) for _ in range(3)] for _ in "ab"
    ]
    counts = [[resample_counts(10, 400, rng) for _ in range(3)] for _ in "ab"]
    wrong = difference(sides[0], sides[1], (counts[0], counts[1]), decide).p_values <= 0.05
    assert 0 < np.mean(wrong) <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 400)


def test_ten_times_the_spread_is_no_difference() -> None:
    # A rank test of copies would reject a third of these.
    rng = np.random.default_rng(8)
    wide, narrow = [rng.normal(0, 10, (10, 400)) for _ in range(2)], [rng.normal(0, 1, (10, 400)) for _ in range(2)]
    counts = [[resample_counts(10, 400, rng) for _ in range(2)] for _ in "ab"]
    wrong = difference(wide, narrow, (counts[0], counts[1]), POOLED).p_values <= 0.05
    assert np.mean(wrong) <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 400)


def test_each_column_is_judged_as_it_is_alone() -> None:
    rng = np.random.default_rng(9)
    ours, theirs = ([rng.normal(size=(n, 3)) for n in (5, 8)] for _ in "ab")
    counts = [[resample_counts(n, 300, rng) for n in (5, 8)] for _ in "ab"]
    for decide in (POOLED, BY_ENVIRONMENT, MEAN):
        together = difference(ours, theirs, (counts[0], counts[1]), decide)
        for column in range(3):
            first, second = ([task[:, column] for task in side] for side in (ours, theirs))
            alone = judged(first, second, (counts[0], counts[1]), decide)
            assert together.p_values[column] == pytest.approx(alone.p_values[0])


def test_an_algorithm_s_own_interval_and_the_difference_to_a_constant_have_one_centre() -> None:
    ours = arrays([0.1, 0.5, 0.6, 0.7, 0.9])
    rng = np.random.default_rng(0)
    found = iqm_interval(ours, [resample_counts(5, 1000, rng)])
    assert float(between(ours, arrays([0.0] * 5), POOLED).estimates[0]) == pytest.approx(found.estimate)
