"""The probability that a run is above another and its tests, against enumeration, SciPy and numbers by hand."""

import math
from collections import Counter
from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, rankdata

from bench.analysis.ranks import mid_ranks, permutation_p, rank_p_value, smallest_rank_p, superiority, wilson_p
from bench.records import Floats


def arrays(*rows: list[float]) -> list[Floats]:
    return [np.array(row, dtype=np.float64) for row in rows]


def enumerated_p(ours: list[Floats], theirs: list[Floats]) -> float:
    """Two-sided p over every way to share out the runs of every environment, one by one."""
    per_task = []
    for x, y in zip(ours, theirs, strict=True):
        ranks = rankdata(np.concatenate([x, y]))
        centre, pairs = len(x) * (len(ranks) + 1) / 2, len(x) * len(y)
        observed = (ranks[: len(x)].sum() - centre) / pairs
        sums = [(ranks[list(chosen)].sum() - centre) / pairs for chosen in combinations(range(len(ranks)), len(x))]
        per_task.append((observed, sums))
    distance = abs(sum(observed for observed, _ in per_task))
    totals = [abs(sum(parts)) for parts in product(*(sums for _, sums in per_task))]
    return float(np.mean([total >= distance - 1e-9 for total in totals]))


def counted_p(ours: list[Floats], theirs: list[Floats]) -> Fraction:
    """Two-sided p in whole numbers: ways to choose by their doubled rank sum, in Python's unbounded integers."""
    ways, observed, centre = {0: 1}, 0, 0
    whole = math.lcm(*(len(x) * len(y) for x, y in zip(ours, theirs, strict=True)))
    for x, y in zip(ours, theirs, strict=True):
        weight = whole // (len(x) * len(y))
        ranks = [weight * round(2 * rank) for rank in rankdata(np.concatenate([x, y]))]
        chosen: list[Counter[int]] = [Counter({0: 1}), *(Counter() for _ in x)]
        for place, rank in enumerate(ranks):
            for count in range(min(place + 1, len(x)), 0, -1):
                for total, number in chosen[count - 1].items():
                    chosen[count][total + rank] += number
        together: Counter[int] = Counter()
        for (one, first), (other, second) in product(ways.items(), chosen[-1].items()):
            together[one + other] += first * second
        ways, observed, centre = together, observed + sum(ranks[: len(x)]), centre + weight * len(x) * (len(ranks) + 1)
    far = sum(number for total, number in ways.items() if abs(total - centre) >= abs(observed - centre))
    return Fraction(far, sum(ways.values()))


small = st.lists(st.integers(0, 4).map(float), min_size=3, max_size=4)


@settings(deadline=None)
@given(st.lists(st.tuples(small, small), min_size=1, max_size=2))
def test_permutation_p_equals_enumeration_with_ties(pairs: list[tuple[list[float], list[float]]]) -> None:
    ours, theirs = arrays(*(x for x, _ in pairs)), arrays(*(y for _, y in pairs))
    assert permutation_p(ours, theirs) == pytest.approx(enumerated_p(ours, theirs))


@pytest.mark.parametrize("shift", [0.0, 0.5, 2.0, 50.0])
@pytest.mark.parametrize("decimals", [0, 1, 8])
def test_permutation_p_is_exact_from_the_middle_to_the_farthest_tail(shift: float, decimals: int) -> None:
    # Other numbers of runs and other ties on every environment; 50 apart, only one choice in 10^26 is as extreme.
    rng = np.random.default_rng([decimals, round(10 * shift)])
    ours, theirs = ([rng.normal(size=n).round(decimals) for n in sizes] for sizes in ((20, 12, 3), (17, 15, 11)))
    ours[0] += shift
    ours[1] += shift / 2
    exact = counted_p(ours, theirs)
    assert permutation_p(ours, theirs) == pytest.approx(float(exact), rel=1e-12)


def test_complete_separation_of_fifty_runs_has_the_probability_of_two_choices_among_all() -> None:
    theirs = arrays(list(range(50))) * 4
    ours = [low + 50 for low in theirs]
    assert permutation_p(ours, theirs) == pytest.approx(2 / math.comb(100, 50) ** 4, rel=1e-10, abs=0)


def test_runs_that_are_all_alike_decide_nothing() -> None:
    assert permutation_p(arrays([5.0] * 50, [1.0]), arrays([5.0] * 50, [1.0, 1.0])) == 1.0


@pytest.mark.parametrize(("n", "m"), [(3, 3), (5, 7), (10, 10), (4, 12)])
def test_permutation_p_of_one_environment_is_the_exact_mann_whitney_test(n: int, m: int) -> None:
    rng = np.random.default_rng(n + m)
    x, y = rng.normal(size=n), rng.normal(0.5, size=m)
    assert permutation_p([x], [y]) == pytest.approx(mannwhitneyu(x, y, method="exact").pvalue)


@pytest.mark.parametrize(("n", "tasks", "p"), [(3, 1, 0.1), (3, 2, 0.005), (5, 1, 2 / 252), (4, 3, 2 / 70**3)])
def test_complete_separation_has_the_smallest_exact_p(n: int, tasks: int, p: float) -> None:
    # Two of the C(2n, n)^T equally likely ways: X above everywhere, or below everywhere.
    low, high = np.arange(n, dtype=np.float64), np.arange(n, 2 * n, dtype=np.float64)
    assert permutation_p([high] * tasks, [low] * tasks) == pytest.approx(p)


def test_smallest_p_is_the_larger_of_both_tests_at_complete_separation() -> None:
    # One environment, five against five: exact 2/252 = 0.0079, Wilson 2 Phi(-sqrt(300/44)) = 0.0090.
    assert smallest_rank_p([(5, 5)]) == pytest.approx(0.0090, abs=5e-5)
    assert smallest_rank_p([(3, 3)]) == pytest.approx(0.1)
    for n, tasks in product((1, 3, 5, 8), (1, 2, 4)):
        low, high = np.arange(n, dtype=np.float64), np.arange(n, 2 * n, dtype=np.float64)
        ours, theirs = [high] * tasks, [low] * tasks
        found = rank_p_value(ours, theirs, superiority(ours, theirs))
        assert smallest_rank_p([(n, n)] * tasks) == pytest.approx(found)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20))
def test_ranks_are_scipys(values: list[int]) -> None:
    assert mid_ranks(np.array(values, dtype=np.float64)).tolist() == rankdata(values).tolist()


def test_superiority_by_hand() -> None:
    # Environment 1: 1 of 4 pairs above and one tie: 0.375. Environment 2: all 4 above: 1. Mean 0.6875.
    share, _ = superiority(arrays([1, 2], [5, 6]), arrays([2, 1.5], [1, 2]))
    assert share == pytest.approx((0.375 + 1) / 2)


def test_effective_runs_by_hand() -> None:
    # x above y in 3 of 4 pairs. Placements of x: 0.5, 1 (variance 1/8), of y: 1, 0.5 (1/8); V = 1/16 + 1/16 = 1/8.
    # theta (1 - theta) / V = 1.5; the floor is 2, and the cap 0.25 / (5/48) = 2.4.
    assert superiority(arrays([1, 3]), arrays([0, 2])) == pytest.approx((0.75, 2.0))
    # Complete separation takes the cap.
    assert superiority(arrays([2, 3]), arrays([0, 1])) == pytest.approx((1.0, 2.4))


def test_wilson_p_is_the_level_at_which_the_interval_reaches_one_half() -> None:
    # 2 Phi(-2 x 0.3 x sqrt(10.67)) with sqrt(10.67) = 3.2666: 2 Phi(-1.96).
    assert wilson_p(0.8, (1.959964 / 0.6) ** 2) == pytest.approx(0.05, abs=1e-6)


def test_many_runs_are_judged_by_the_wilson_p_alone_which_is_the_larger() -> None:
    rng = np.random.default_rng(12)
    ours, theirs = [[rng.normal(shift, 1.0, 20) for _ in range(8)] for shift in (0.15, 0.0)]
    effect = superiority(ours, theirs)
    exact = permutation_p(ours, theirs)
    assert exact <= wilson_p(*effect) * 1.02
    doubled = [[*ours, *ours], [*theirs, *theirs]]
    assert rank_p_value(doubled[0], doubled[1], superiority(*doubled)) == wilson_p(*superiority(*doubled))


def test_uncorrected_pairs_would_break_that_promise() -> None:
    rng = np.random.default_rng(11)
    false = 0
    for _ in range(200):
        scores = [rng.normal(size=(3, 5)) for _ in "abcd"]
        false += any(permutation_p([*x], [*y]) <= 0.05 for x, y in combinations(scores, 2))
    assert false / 200 > 0.1


def test_swapping_the_sides_mirrors_share_and_difference() -> None:
    rng = np.random.default_rng(1)
    ours, theirs = [rng.normal(size=6), rng.normal(size=5)], [rng.normal(size=4), rng.normal(size=7)]
    assert superiority(ours, theirs)[0] == pytest.approx(1 - superiority(theirs, ours)[0])
    assert superiority(ours, theirs)[1] == pytest.approx(superiority(theirs, ours)[1])
    assert permutation_p(ours, theirs) == pytest.approx(permutation_p(theirs, ours))


def test_an_environment_with_many_runs_weighs_no_more_in_the_test_than_in_the_effect() -> None:
    # Above in every run of three environments and level on the fourth, with 5 or with 30 runs there.
    above, below = np.arange(100.0, 105), np.arange(50.0, 55)
    for runs in (5, 30):
        level = np.linspace(10, 39, runs)
        ours, theirs = [level, above, above, above], [level + 1.3, below, below, below]
        assert permutation_p(ours, theirs) < 0.001
        assert rank_p_value(ours, theirs, superiority(ours, theirs)) < 0.01
