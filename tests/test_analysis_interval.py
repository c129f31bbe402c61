"""Estimates and intervals, against numbers worked out by hand, rliable and simulation."""

import math
from collections.abc import Callable
from importlib import import_module
from itertools import product
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest, t, trim_mean

from bench.analysis import interval
from bench.analysis.interval import (
    clopper_pearson,
    difference_interval,
    interquartile_mean,
    interquartile_mean_rliable,
    iqm_band,
    iqm_draws,
    iqm_interval,
    mean_interval,
    median_interval,
    optimality_gap_interval,
    resample_counts,
    satterthwaite_df,
    wilson_limits,
)

Floats = NDArray[np.float64]


def rliable(part: str) -> ModuleType:
    try:
        return import_module(f"rliable.{part}")
    except (ImportError, TypeError) as error:  # With pandas 3 its dependency arch raises a TypeError.
        pytest.skip(f"rliable cannot be imported: {error}")


def counts_for(tasks: list[Floats], resamples: int = 1000, seed: int = 0) -> list[Floats]:
    rng = np.random.default_rng(seed)
    return [resample_counts(len(task), resamples, rng) for task in tasks]


def arrays(*rows: list[float]) -> list[Floats]:
    return [np.array(row, dtype=np.float64) for row in rows]


def test_interquartile_mean_by_hand() -> None:
    # The lowest two and the highest two of eight go; the mean of 3, 4, 5, 6 stays.
    assert interquartile_mean(arrays([1, 2, 3, 4], [5, 6, 7, 800])) == 4.5


def test_runs_that_straddle_a_quartile_count_in_part() -> None:
    # Five runs: 1.25 of them go on each side, so the second and the fourth weigh 0.75 of the 2.5 that stay.
    assert interquartile_mean(arrays([0, 1, 2, 6, 100])) == pytest.approx((0.75 * 1 + 2 + 0.75 * 6) / 2.5)
    # Three runs: 0.75 go on each side.
    assert interquartile_mean(arrays([0, 1, 10])) == pytest.approx((0.25 * 0 + 1 + 0.25 * 10) / 1.5)


def test_environments_weigh_the_same_however_many_runs_they_have() -> None:
    # Two runs of 0 weigh as much as four of 1; the middle half is half zeros, half ones.
    assert interquartile_mean(arrays([0, 0], [1, 1, 1, 1])) == pytest.approx(0.5)
    # Sorted, 0 1 2 3 4 weigh 3 2 2 2 3 twelfths; the stretch from 3 to 9 holds exactly 1, 2 and 3.
    assert interquartile_mean(arrays([0, 4], [1, 2, 3])) == pytest.approx(2.0)


def test_interquartile_mean_of_one_run_is_that_run() -> None:
    assert interquartile_mean(arrays([7])) == 7.0


def test_point_estimates_equal_rliable_where_four_divides_the_runs() -> None:
    metrics = rliable("metrics")
    rng = np.random.default_rng(1)
    for runs, tasks in product((4, 8, 12), (1, 2, 5)):
        scores = rng.normal(0.7, 0.3, size=(runs, tasks))
        ours = [scores[:, task] for task in range(tasks)]
        counts = counts_for(ours, 10)
        assert interquartile_mean(ours) == pytest.approx(metrics.aggregate_iqm(scores))
        assert interquartile_mean_rliable(ours) == pytest.approx(metrics.aggregate_iqm(scores))
        assert mean_interval(ours).estimate == pytest.approx(metrics.aggregate_mean(scores))
        assert median_interval(ours, counts).estimate == pytest.approx(metrics.aggregate_median(scores))
        assert optimality_gap_interval(ours).estimate == pytest.approx(metrics.aggregate_optimality_gap(scores))


def test_rliable_trims_fewer_than_a_quarter_where_four_does_not_divide_the_runs() -> None:
    scores = arrays([0, 1, 2, 6, 100])
    assert interquartile_mean_rliable(scores) == pytest.approx(trim_mean(scores[0], 0.25)) == 3.0
    assert interquartile_mean_rliable(arrays([1, 2], [1, 2, 3])) is None


@given(st.lists(st.lists(st.floats(-100, 100), min_size=1, max_size=7), min_size=1, max_size=4), st.integers(0, 99))
def test_draws_equal_the_plain_way_to_resample_and_sort(rows: list[list[float]], seed: int) -> None:
    tasks = arrays(*rows)
    counts = counts_for(tasks, 5, seed)
    drawn = iqm_draws(tasks, counts)
    for column, value in enumerate(drawn):
        resampled = [np.repeat(task, count[:, column].astype(int)) for task, count in zip(tasks, counts, strict=True)]
        assert value == pytest.approx(interquartile_mean(resampled), abs=1e-9)


def test_every_resample_draws_as_many_runs_as_there_are() -> None:
    counts = resample_counts(7, 50, np.random.default_rng(0))
    assert counts.shape == (7, 50)
    assert (counts.sum(axis=0) == 7).all()


def test_equal_generators_give_equal_draws() -> None:
    first, second = (resample_counts(6, 30, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first, second)


def test_interval_stretches_the_percentiles_as_the_formula_says() -> None:
    scores = arrays([0.1, 0.5, 0.6, 0.7, 0.75, 0.9, 0.95, 1.0])
    counts = counts_for(scores, 4000)
    found = iqm_interval(scores, counts)
    estimate = interquartile_mean(scores)
    low, high = np.quantile(iqm_draws(scores, counts), [0.025, 0.975])
    kappa = math.sqrt(8 / 7) * t.ppf(0.975, 7) / 1.959964
    assert found.low == pytest.approx(estimate - kappa * (estimate - low), rel=1e-5)
    assert found.high == pytest.approx(estimate + kappa * (high - estimate), rel=1e-5)
    assert found.n == 8


def test_two_environments_take_the_wider_of_two_intervals_on_each_side() -> None:
    scores = arrays([0.1, 0.5, 0.6, 0.7, 0.9], [10, 20, 40, 80, 160])
    counts = counts_for(scores, 4000)
    found = iqm_interval(scores, counts)
    estimate, draws = interquartile_mean(scores), iqm_draws(scores, counts)
    low, high = np.quantile(draws, [0.025, 0.975])
    kappa = math.sqrt(5 / 4) * t.ppf(0.975, 4) / 1.959964
    half = t.ppf(0.975, 4) * math.sqrt(5 / 4) * draws.std()
    assert found.low == pytest.approx(min(estimate - kappa * (estimate - low), estimate - half), rel=1e-5)
    assert found.high == pytest.approx(max(estimate + kappa * (high - estimate), estimate + half), rel=1e-5)


def test_degrees_of_freedom_by_hand() -> None:
    assert satterthwaite_df(arrays([1, 2, 3, 4, 9])) == 4
    # Four environments, two without variation and two alike once winsorised: 4 x (2 s)^2 / (2 s^2) = 8.
    scores = arrays([0, 0, 0, 0, 0], [9, 9, 9, 9, 9], [3, 4, 5, 6, 7], [3, 4, 5, 6, 7])
    assert satterthwaite_df(scores) == pytest.approx(8)
    assert satterthwaite_df(arrays(*[[1.0, 1, 1, 1]] * 4)) == 3


def test_percentiles_of_the_draws_match_rliable_within_its_noise() -> None:
    library = rliable("library")
    scores = np.random.default_rng(3).normal(0.5, 0.2, size=(8, 4))
    tasks = [scores[:, task] for task in range(4)]
    draws = iqm_draws(tasks, counts_for(tasks, 20_000))
    ours = np.quantile(draws, [0.025, 0.975])

    def aggregate(values: Floats) -> Floats:
        return np.array([trim_mean(values, 0.25, axis=None)])

    _, theirs = library.get_interval_estimates({"x": scores}, aggregate, reps=2000)
    assert ours == pytest.approx(theirs["x"][:, 0], abs=0.01)


def test_mean_interval_of_one_environment_is_the_t_interval() -> None:
    scores = np.array([0.2, 0.4, 0.5, 0.9, 1.0])
    found = mean_interval([scores])
    expected = t.interval(0.95, 4, loc=scores.mean(), scale=scores.std(ddof=1) / math.sqrt(5))
    assert (found.low, found.high) == pytest.approx(expected)


def test_optimality_gap_by_hand() -> None:
    # Capped at 1: 0, 0.5, 1, 1; shortfalls 1, 0.5, 0, 0.
    assert optimality_gap_interval(arrays([0, 0.5, 1, 3])).estimate == pytest.approx(0.375)


def test_median_takes_environments_not_runs() -> None:
    # Means 1, 2 and 30; the median over the nine runs would be 2.5.
    scores = arrays([0, 1, 1, 2], [1.5, 2, 2, 2.5], [3, 30, 30, 57])
    assert median_interval(scores, counts_for(scores)).estimate == pytest.approx(2.0)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_fewer_than_four_runs_have_no_interval_and_the_note_says_why(n: int) -> None:
    scores = [np.arange(n, dtype=np.float64)]
    counts = counts_for(scores)
    for found in (
        iqm_interval(scores, counts),
        mean_interval(scores),
        median_interval(scores, counts),
        optimality_gap_interval(scores),
        difference_interval(scores, scores, counts, counts),
        clopper_pearson(n, n),
    ):
        assert found.estimate is not None
        assert (found.low, found.high) == (None, None)
        assert "at least 4" in found.note


def test_equal_runs_have_no_interval_but_a_bound_on_the_unseen() -> None:
    scores = arrays([1, 1, 1, 1, 1])
    found = iqm_interval(scores, counts_for(scores))
    assert (found.estimate, found.low, found.high) == (1.0, None, None)
    # One minus the fifth root of 0.025 is 0.52.
    assert "5 of 5 runs have the same value" in found.note
    assert "52 %" in found.note


def test_no_interval_has_zero_width_when_one_run_of_twenty_differs() -> None:
    scores = arrays([0.0] + [1.0] * 19)
    found = iqm_interval(scores, counts_for(scores, 200))
    assert found.estimate == 1.0
    assert found.low is None
    assert "every resample" in found.note


def test_difference_of_two_constant_algorithms_has_no_interval() -> None:
    ours, theirs = arrays([1, 1, 1, 1]), arrays([0, 0, 0, 0])
    found = difference_interval(ours, theirs, counts_for(ours), counts_for(theirs))
    assert found.estimate == 1.0
    assert found.low is None
    assert "no variation" in found.note


def test_an_environment_without_variation_is_told() -> None:
    scores = arrays([1, 1, 1, 1, 1, 1], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0.1, 0.2, 0.4, 0.4, 0.5, 0.6])
    found = iqm_interval(scores, counts_for(scores))
    assert found.low is not None
    assert "1 of 3 environments without observed variation" in found.note


def test_unequal_numbers_of_runs_are_told_and_n_is_the_smallest() -> None:
    scores = arrays([0.1, 0.5, 0.3, 0.2, 0.7, 0.9], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])
    found = iqm_interval(scores, counts_for(scores))
    assert found.n == 6
    assert "6 to 7" in found.note


def test_band_equals_the_interval_of_each_point() -> None:
    rng = np.random.default_rng(2)
    curves = [rng.normal(size=(6, 3)), rng.normal(size=(6, 3))]
    counts = counts_for([curve[:, 0] for curve in curves])
    estimate, low, high = iqm_band(curves, counts)
    for point in range(3):
        alone = iqm_interval([curve[:, point] for curve in curves], counts)
        assert (estimate[point], low[point], high[point]) == pytest.approx((alone.estimate, alone.low, alone.high))


def test_band_has_no_limits_where_all_runs_agree() -> None:
    curve = np.array([[0.0, 1.0], [0.0, 2.0], [0.0, 3.0], [0.0, 5.0]])
    _, low, high = iqm_band([curve], counts_for([curve[:, 0]]))
    assert np.isnan([low[0], high[0]]).all()
    assert np.isfinite([low[1], high[1]]).all()


@given(st.integers(4, 60), st.data())
def test_clopper_pearson_is_scipys_exact_interval(n: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, n))
    found = clopper_pearson(successes, n)
    exact = binomtest(successes, n).proportion_ci(0.95, method="exact")
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=1e-9)


def test_wilson_by_hand() -> None:
    # 8 of 10, z = 1.959964: centre (0.8 + z^2/20) / (1 + z^2/10), half width by the formula: 0.4902 to 0.9433.
    low, high = wilson_limits(0.8, 10)
    assert (float(low), float(high)) == pytest.approx((0.4902, 0.9433), abs=1e-4)


@given(st.lists(st.integers(-50, 50), min_size=4, max_size=8), st.sampled_from([0.25, 2.0, 8.0]), st.integers(-64, 64))
def test_intervals_move_and_scale_with_the_scores(values: list[int], scale: float, shift: int) -> None:
    scores = arrays([float(value) for value in values])
    counts = counts_for(scores, 200)
    before = iqm_interval(scores, counts)
    after = iqm_interval([scale * scores[0] + shift], counts)
    assert after.estimate == pytest.approx(scale * (before.estimate or 0.0) + shift)
    assert (after.low is None) == (before.low is None)
    if before.low is not None and before.high is not None:
        assert after.low == pytest.approx(scale * before.low + shift)
        assert after.high == pytest.approx(scale * before.high + shift)


Shape = Callable[[np.random.Generator, int], Floats]
SHAPES: dict[str, tuple[Shape, float]] = {
    # Each with its interquartile mean: 0 by symmetry; for the exponential twice the integral of -log(1 - u) from 1/4
    # to 3/4.
    "normal": (lambda rng, n: rng.normal(size=n), 0.0),
    "heavy": (lambda rng, n: rng.standard_t(2, size=n), 0.0),
    "skewed": (
        lambda rng, n: rng.exponential(size=n),
        2 * (0.75 * (1 - math.log(0.75)) - 0.25 * (1 - math.log(0.25))),
    ),
}


def coverage(shape: str, n: int, data_sets: int = 300) -> tuple[float, float]:
    """Share of data sets whose interval holds the truth: ours and the plain percentile bootstrap's."""
    draw, truth = SHAPES[shape]
    rng = np.random.default_rng(7)
    stretched = percentile = 0
    for _ in range(data_sets):
        scores, counts = [draw(rng, n)], [resample_counts(n, 500, rng)]
        found = iqm_interval(scores, counts)
        stretched += found.low is not None and found.high is not None and found.low <= truth <= found.high
        low, high = np.quantile(iqm_draws(scores, counts), [0.025, 0.975])
        percentile += bool(low <= truth <= high)
    return stretched / data_sets, percentile / data_sets


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n", [5, 10])
def test_ninety_five_percent_intervals_cover_about_that_often(shape: str, n: int) -> None:
    # 95 % less three standard errors of 300 data sets.
    assert coverage(shape, n)[0] >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 300)


def test_the_plain_percentile_bootstrap_would_fail_that_simulation() -> None:
    assert coverage("skewed", 5)[1] < 0.95 - 3 * math.sqrt(0.95 * 0.05 / 300)


def test_the_fewest_runs_with_an_interval_are_four() -> None:
    scores = arrays([1, 2, 3, 4])
    assert interval.FEWEST_RUNS == 4
    assert iqm_interval(scores, counts_for(scores)).low is not None
