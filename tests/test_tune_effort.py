"""What tuning is worth: every formula against hand-worked numbers and against all subsets written out."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest

from bench.records import Floats
from bench.tune.effort import (
    Landscape,
    expected_best,
    expected_fresh,
    expected_from_default,
    fresh,
    fresh_intervals,
    from_default,
    order,
    winners_curse,
)
from bench.tune.sensitivity import best_first, dependence, halved, hypersensitivity, phi

RNG = np.random.default_rng(7)


def untied(scores: Floats) -> Landscape:
    return Landscape(scores, RNG.random(scores.shape))


def test_expected_best_by_hand() -> None:
    # Of 0, 1 and 4: one alone 5/3; pairs reach 1, 4 and 4; all reach 4.
    assert expected_best(np.array([4.0, 0.0, 1.0])) == pytest.approx([5 / 3, 3.0, 4.0])


def test_fresh_score_by_hand() -> None:
    # The third ranks highest and is worth 0.2 on a fresh run; pairs are worth 0.9, 0.2 and 0.2.
    found = expected_fresh(np.array([0, 1, 2]), np.array([0.5, 0.9, 0.2]))
    assert found == pytest.approx([1.6 / 3, 1.3 / 3, 0.2])


def test_from_default_by_hand() -> None:
    # The defaults beat the first and lose to the second: alone 0.6; with one other 0.6 or 0.9; with both 0.9.
    assert expected_from_default(np.array([1, 0, 2]), np.array([0.6, 0.1, 0.9])) == pytest.approx([0.6, 0.75, 0.9])


@pytest.mark.parametrize("seed", range(4))
def test_curves_are_means_over_all_subsets(seed: int) -> None:
    rng = np.random.default_rng(seed)
    # Few levels, so that there are ties, also with the defaults.
    ranks, scores = rng.integers(0, 4, 8), rng.random(8)

    def kept(candidates: tuple[int, ...]) -> float:
        best = max(ranks[list(candidates)])
        return float(np.mean([scores[one] for one in candidates if ranks[one] == best]))

    def kept_from_default(others: tuple[int, ...]) -> float:
        better = [one for one in others if ranks[one] > ranks[0]]
        return kept(tuple(better)) if better else float(scores[0])

    for k in range(1, 9):
        subsets = list(combinations(range(8), k))
        assert expected_best(scores)[k - 1] == pytest.approx(np.mean([max(scores[list(one)]) for one in subsets]))
        assert expected_fresh(ranks, scores)[k - 1] == pytest.approx(np.mean([kept(one) for one in subsets]))
        beside = list(combinations(range(1, 8), k - 1))
        found = expected_from_default(ranks, scores)[k - 1]
        assert found == pytest.approx(np.mean([kept_from_default(one) for one in beside]))


def test_equal_scores_are_ordered_by_area_and_full_ties_share_a_rank() -> None:
    assert order(np.array([1.0, 0.2, 1.0, 1.0]), np.array([0.5, 0.9, 0.7, 0.5])).tolist() == [1, 0, 2, 1]


def test_both_directions_count_alike() -> None:
    # By the first run the second configuration is chosen, worth 0.1; by the second run the first, worth 0.4.
    landscape = Landscape(np.array([[0.0, 0.0], [0.4, 0.9], [0.8, 0.1]]), np.zeros((3, 2)))
    found = fresh(landscape)
    assert found is not None
    assert found[-1] == pytest.approx((0.1 + 0.4) / 2)
    # What it seems to be: 0.8 and 0.9.
    assert winners_curse(landscape) == pytest.approx(0.85 - 0.25)


def test_where_both_runs_choose_the_same_configuration_the_winners_curse_cannot_be_told() -> None:
    scores = np.array([[0.0, 0.0], [0.4, 0.9], [0.8, 1.0]])
    assert winners_curse(Landscape(scores, np.zeros((3, 2)))) is None
    # Two are level in one run: the choice is not the same.
    scores[1, 1] = 1.0
    assert winners_curse(Landscape(scores, np.zeros((3, 2)))) == pytest.approx(0.9 - (1.0 + 0.6) / 2)


def test_of_the_defaults_every_run_is_read_that_did_not_choose() -> None:
    # By the first run the other is chosen, by the second the defaults are.
    scores = np.array([[0.2, 0.6], [0.4, 0.1]])
    told = Landscape(scores, np.zeros((2, 2)), confirmed=(0.0, 0.3), suite=(1.0,))
    assert told.default_beside(0).tolist() == [0.2, 1.0]
    assert told.default_beside(1).tolist() == [0.6, 0.0, 0.3, 1.0]
    assert told.default == pytest.approx((0.6 + 0.475) / 2)
    assert len(told.defaults) == 5
    assert from_default(told) == pytest.approx([told.default, (0.1 + 0.6) / 2])
    # What is chosen, and what the others are worth, stays.
    assert fresh(told) == pytest.approx(fresh(Landscape(scores, np.zeros((2, 2)))))
    assert from_default(halved(told, [None, 0.5])) == pytest.approx(from_default(told))


def test_what_the_defaults_are_worth_is_unbiased_though_a_good_first_run_alone_brings_fresh_ones() -> None:
    # Runs of 0 or 1, equally likely: the defaults are confirmed where the first is 1.
    found = [
        Landscape(np.array([[first, second], [0.5, 0.5]]), np.zeros((2, 2)), confirmed=(again,) * bool(first)).default
        for first, second, again in product((0.0, 1.0), repeat=3)
    ]
    assert np.mean(found) == pytest.approx(0.5)


def test_one_run_each_tells_nothing_fresh() -> None:
    landscape = untied(RNG.random((6, 1)))
    assert fresh(landscape) is None
    assert from_default(landscape) is None
    assert winners_curse(landscape) is None
    assert fresh_intervals(landscape, 0, 1, RNG) == []


def test_intervals_of_fresh_scores_end_at_a_sixth_of_the_configurations() -> None:
    found = fresh_intervals(untied(RNG.random((24, 2))), 0, 1, RNG)
    assert [one.low is not None for one in found[:5]] == [True, True, True, False, False]
    assert len(found) == 23


def of_one_run(scores: Floats) -> Landscape:
    """Return configurations without luck, with the defaults first: the best by one run is the best by the other."""
    return untied(np.tile(np.concatenate([[0.0], scores])[:, None], 2))


def test_the_interval_of_the_best_of_k_holds_the_truth() -> None:
    # Of uniform scores the best of k is k / (k + 1) on average. At least 96 % in the long run: of 150, 136 at least.
    rng = np.random.default_rng(11)
    held = dict.fromkeys((1, 2, 4), 0)
    for _ in range(150):
        found = fresh_intervals(of_one_run(rng.random(24)), 0.0, 1.0, rng)
        for k in held:
            low, high = found[k - 1].low, found[k - 1].high
            assert low is not None
            assert high is not None
            held[k] += low <= k / (k + 1) <= high
    assert min(held.values()) >= 136


def test_more_configurations_make_the_interval_shorter() -> None:
    def width(n: int) -> float:
        one = fresh_intervals(of_one_run(np.linspace(0, 1, n)), 0.0, 1.0, np.random.default_rng(0))[1]
        return (one.high or 0) - (one.low or 0)

    assert width(12) > width(24) > width(96) > 0


def test_sensitivity_by_hand() -> None:
    scores = np.array([[0.5, 0.7], [0.0, 0.05], [0.9, 0.9], [0.8, 1.0], [0.2, 0.4]])
    found = dependence(untied(scores), best=0.9)
    # Means 0.6, 0.025, 0.9, 0.9, 0.3: two of five within 0.1 of 0.9; two better than the defaults.
    assert found.near == pytest.approx(0.4)
    assert found.rank == 3
    assert found.never == 0.25
    # Of 0, .05, .2, .4, .8, .9, .9, 1: a quarter of the way lies at 0.1625, three quarters at 0.9.
    assert found.spread == pytest.approx(0.9 - 0.1625)
    # Wilson's limits of 2 in 5.
    assert [found.low, found.high] == pytest.approx([0.1176, 0.7693], abs=1e-4)


def test_what_lies_a_standard_error_further_off_may_be_as_near() -> None:
    # Ten equal configurations of two noisy runs each: without the error of their means three in ten seem as good.
    runs = np.array([[0.0, 0.4], [0.6, 0.2], [0.9, 0.9], [0.7, 0.3], [0.1, 0.5]] * 2)
    assert dependence(untied(runs), 0.5).near == pytest.approx(0.6)
    assert dependence(untied(runs), 0.5, noise=0.3).near == 1.0


def test_of_settings_that_are_equally_good_everywhere_phi_tells_the_mean_whichever_comes_first() -> None:
    # All reach 1 in the run that chooses; in the other they differ, and are told as their mean.
    scores = np.array([[[1.0, 0.2], [1.0, 0.8]], [[1.0, 0.6], [1.0, 0.0]]])
    assert phi(scores) == phi(scores[:, ::-1]) == pytest.approx(((0.5 + 0.3) / 2 - (0.4 + 0.4) / 2) / 2 + (1 - 1) / 2)


def test_phi_by_hand() -> None:
    # Own settings reach 1 and 0.8; the best common one reaches 0.5 and 0.8 or 1 and 0: 0.9 - 0.65.
    scores = np.array([[[1.0], [0.5], [0.2]], [[0.0], [0.8], [0.1]]])
    assert phi(scores) == pytest.approx(0.25)
    # Chosen by the first run and told by the second.
    noisy = np.stack([scores[:, :, 0], np.array([[0.4, 0.5, 0.6], [0.0, 0.7, 0.1]])], axis=2)
    forth, back = (0.4 + 0.7) / 2 - (0.5 + 0.7) / 2, (0.2 + 0.8) / 2 - (0.5 + 0.8) / 2
    assert phi(noisy) == pytest.approx((forth + back) / 2)


def test_phi_is_that_of_its_authors_formula_on_a_grid() -> None:
    # Written out as the authors compute it (jadkins99/hyperparameter_sensitivity e571b0b, analysis/utils.py), on
    # our own numbers. Their published Phi (PPO's is 0.103) is no oracle here: percentiles, the best of each environment
    # and the best common setting are those of their whole table, a megabyte of which no part gives the same number.
    rng = np.random.default_rng(5)
    every = {label: rng.random((5, 60, 1)) ** power for label, power in (("a", 1), ("b", 3))}
    found = hypersensitivity(every, rng)
    pooled = np.concatenate([one[:, :, 0] for one in every.values()], axis=1)
    low, high = np.percentile(pooled, 5, axis=1), np.percentile(pooled, 95, axis=1)
    for label, one in every.items():
        gamma = ((one[:, :, 0].T - low) / (high - low)).T
        assert found[label].estimate == pytest.approx(np.mean(gamma.max(axis=1)) - gamma.mean(axis=0).max())
        assert (found[label].low or 0) < (found[label].high or 0)


def test_half_of_the_learning_rates_keeps_the_defaults() -> None:
    landscape = untied(RNG.random((5, 2)))
    kept = halved(landscape, [None, 0.1, 0.25, 0.7, 0.75])
    assert kept.scores.tolist() == landscape.scores[[0, 2, 3]].tolist()


def test_the_first_run_alone_chooses_who_is_confirmed() -> None:
    landscape = Landscape(
        np.array([[0.2, 1.0], [1.0, 0.0], [1.0, 0.0], [0.5, 1.0]]), np.array([[0.0], [0.3], [0.6], [0.9]])
    )
    assert best_first(landscape) == [2, 1, 3, 0]
