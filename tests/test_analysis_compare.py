"""Comparisons, against enumeration, SciPy, numbers worked out by hand and simulation."""

import math
from collections import Counter
from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, norm, rankdata

from bench.analysis.compare import (
    _power,
    _simulated,
    claim_p_value,
    contest,
    holm,
    mid_ranks,
    permutation_p,
    smallest_p,
    superiority,
    verdicts,
    wilson_p,
)
from bench.analysis.interval import resample_counts
from bench.records import AnalysisPlan, Floats, Pair
from bench.report import sentences

PLAN = AnalysisPlan(resamples=400)


def arrays(*rows: list[float]) -> list[Floats]:
    return [np.array(row, dtype=np.float64) for row in rows]


def enumerated_p(ours: list[Floats], theirs: list[Floats]) -> float:
    """Two-sided p over every way to share out the runs of every environment, one by one."""
    per_task = []
    for x, y in zip(ours, theirs, strict=True):
        ranks = rankdata(np.concatenate([x, y]))
        centre = len(x) * (len(ranks) + 1) / 2
        observed = ranks[: len(x)].sum() - centre
        sums = [ranks[list(chosen)].sum() - centre for chosen in combinations(range(len(ranks)), len(x))]
        per_task.append((observed, sums))
    distance = abs(sum(observed for observed, _ in per_task))
    totals = [abs(sum(parts)) for parts in product(*(sums for _, sums in per_task))]
    return float(np.mean([total >= distance - 1e-9 for total in totals]))


def counted_p(ours: list[Floats], theirs: list[Floats]) -> Fraction:
    """Two-sided p in whole numbers: ways to choose by their doubled rank sum, in Python's unbounded integers."""
    ways, observed, centre = {0: 1}, 0, 0
    for x, y in zip(ours, theirs, strict=True):
        ranks = [round(2 * rank) for rank in rankdata(np.concatenate([x, y]))]
        chosen: list[Counter[int]] = [Counter({0: 1}), *(Counter() for _ in x)]
        for place, rank in enumerate(ranks):
            for count in range(min(place + 1, len(x)), 0, -1):
                for total, number in chosen[count - 1].items():
                    chosen[count][total + rank] += number
        together: Counter[int] = Counter()
        for (one, first), (other, second) in product(ways.items(), chosen[-1].items()):
            together[one + other] += first * second
        ways, observed, centre = together, observed + sum(ranks[: len(x)]), centre + len(x) * (len(ranks) + 1)
    far = sum(number for total, number in ways.items() if abs(total - centre) >= abs(observed - centre))
    return Fraction(far, sum(ways.values()))


def compared(ours: list[Floats], theirs: list[Floats], plan: AnalysisPlan = PLAN, seed: int = 0) -> Pair:
    rng = np.random.default_rng(seed)
    counts = tuple([resample_counts(len(x), plan.resamples, rng) for x in side] for side in (ours, theirs))
    one = contest(("A", "B"), ours, theirs, (counts[0], counts[1]), plan, seconds=360.0)
    return verdicts([one], plan, lambda a, b: np.random.default_rng([seed, ord(a), ord(b)]))[0]


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
    assert smallest_p([(5, 5)]) == pytest.approx(0.0090, abs=5e-5)
    assert smallest_p([(3, 3)]) == pytest.approx(0.1)
    for n, tasks in product((1, 3, 5, 8), (1, 2, 4)):
        low, high = np.arange(n, dtype=np.float64), np.arange(n, 2 * n, dtype=np.float64)
        found = compared([high] * tasks, [low] * tasks)
        assert found.smallest_p == pytest.approx(found.p_value)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20))
def test_ranks_are_scipys(values: list[int]) -> None:
    assert mid_ranks(np.array(values, dtype=np.float64)).tolist() == rankdata(values).tolist()


def test_all_ties_are_no_evidence() -> None:
    ours = arrays([1, 1, 1, 1])
    found = compared(ours, ours)
    assert found.p_value == 1.0
    assert found.probability.estimate == 0.5
    assert found.verdict == "undecided"


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


def test_a_win_by_all_pairs_looks_no_weaker_than_a_win_by_all_but_one() -> None:
    theirs = arrays([0, 1, 2, 3, 4])
    whole, almost = arrays([5, 6, 7, 8, 9]), arrays([3.5, 6, 7, 8, 9])
    limits = [compared(ours, theirs).probability.low for ours in (whole, almost)]
    assert limits[0] is not None
    assert limits[1] is not None
    assert limits[0] >= limits[1]


def test_wilson_p_is_the_level_at_which_the_interval_reaches_one_half() -> None:
    # 2 Phi(-2 x 0.3 x sqrt(10.67)) with sqrt(10.67) = 3.2666: 2 Phi(-1.96).
    assert wilson_p(0.8, (1.959964 / 0.6) ** 2) == pytest.approx(0.05, abs=1e-6)


def test_holm_by_hand() -> None:
    # Sorted 0.01, 0.02, 0.03, 0.5 times 4, 3, 2, 1: 0.04, 0.06, 0.06, 0.5, never falling.
    assert holm([0.5, 0.01, 0.03, 0.02]) == pytest.approx([0.5, 0.04, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_clear_difference_is_better_one_way_and_worse_the_other() -> None:
    rng = np.random.default_rng(0)
    ours, theirs = [rng.normal(0.9, 0.05, 10)], [rng.normal(0.3, 0.05, 10)]
    one, other = compared(ours, theirs), compared(theirs, ours)
    assert (one.verdict, other.verdict) == ("better", "worse")
    assert one.p_value == pytest.approx(other.p_value)
    assert one.more_runs is None


def test_swapping_the_sides_mirrors_share_and_difference() -> None:
    rng = np.random.default_rng(1)
    ours, theirs = [rng.normal(size=6), rng.normal(size=5)], [rng.normal(size=4), rng.normal(size=7)]
    assert superiority(ours, theirs)[0] == pytest.approx(1 - superiority(theirs, ours)[0])
    assert superiority(ours, theirs)[1] == pytest.approx(superiority(theirs, ours)[1])
    assert permutation_p(ours, theirs) == pytest.approx(permutation_p(theirs, ours))


def test_equivalence_needs_the_whole_interval_inside_the_margin() -> None:
    rng = np.random.default_rng(2)
    ours, theirs = [rng.normal(0.9, 0.02, 20)], [rng.normal(0.9, 0.02, 20)]
    assert compared(ours, theirs, AnalysisPlan(margin=0.05, resamples=400)).verdict == "equivalent"
    found = compared(ours, theirs, AnalysisPlan(margin=0.01, resamples=400))
    assert found.verdict == "undecided"
    assert found.difference.low is not None
    assert found.difference.low < -0.01 or (found.difference.high or 0) > 0.01


def test_no_difference_found_is_not_equality() -> None:
    rng = np.random.default_rng(3)
    found = compared([rng.normal(0.5, 0.3, 5)], [rng.normal(0.5, 0.3, 5)])
    assert found.verdict == "undecided"


def test_interval_reaches_one_half_whenever_the_claim_fails() -> None:
    rng = np.random.default_rng(4)
    for _ in range(200):
        found = compared([rng.normal(0.0, 1.0, 4)], [rng.normal(0.8, 1.0, 5)], AnalysisPlan(resamples=20))
        low, high = found.probability.low, found.probability.high
        assert low is not None
        assert high is not None
        assert found.p_value is not None
        assert (low <= 0.5 <= high) == (found.p_value > 0.05)


def test_a_claim_needs_the_exact_test_as_well() -> None:
    # Four runs each, all but one pair won: Wilson's p is 0.043, the exact one 4/70, and the interval reaches one half.
    found = compared(arrays([3, 5, 6, 7]), arrays([0, 1, 2, 4]))
    assert wilson_p(*superiority(arrays([3, 5, 6, 7]), arrays([0, 1, 2, 4]))) == pytest.approx(0.0433, abs=1e-4)
    assert found.p_value == pytest.approx(4 / 70)
    assert found.probability.low == 0.5


def test_three_runs_on_one_environment_say_that_no_claim_is_possible() -> None:
    found = compared(arrays([7, 8, 9]), arrays([1, 2, 3]))
    assert found.verdict == "undecided"
    assert found.probability.low is None
    assert "cannot give a p-value below 0.1" in sentences.pair(found, AnalysisPlan())


def test_sentence_gives_effect_interval_and_runs_before_the_verdict() -> None:
    rng = np.random.default_rng(0)
    found = compared([rng.normal(0.9, 0.05, 10)] * 2, [rng.normal(0.3, 0.05, 12)] * 2)
    order = ["probability 1.00", "95 % interval", "10 against 12 runs", "interquartile means", "A is better", "p = "]
    places = [sentences.pair(found, AnalysisPlan()).index(part) for part in order]
    assert places == sorted(places)


def test_price_of_a_decision_falls_as_the_effect_grows() -> None:
    base = np.linspace(0, 1, 10)
    prices = [compared([base + shift], [base]).more_runs for shift in (0.15, 0.25, 0.3)]
    assert all(price is not None for price in prices)
    assert prices == sorted(prices, key=lambda price: -(price or 0))
    assert compared([base], [base]).more_runs is None


def test_the_price_buys_the_power_it_promises() -> None:
    # Noether (1987): N = (z_0.975 + z_0.8)^2 / (12 c (1 - c) (theta - 1/2)^2) runs of both together, c = 1/2.
    normal = norm.ppf((np.arange(30) + 0.5) / 30)
    found = compared([normal + 0.45], [normal])
    assert (found.verdict, found.more_runs is None) == ("undecided", False)
    share = found.probability.estimate
    assert share is not None
    needed = (1.96 + 0.8416) ** 2 / (12 * 0.25 * (share - 0.5) ** 2) / 2
    assert 30 + (found.more_runs or 0) == pytest.approx(needed, rel=0.25)


def test_the_price_does_not_depend_on_the_order_of_names_environments_or_runs() -> None:
    ours, theirs = [[np.linspace(0, 1, n) + shift for n in (9, 7, 8)] for shift in (0.13, 0.0)]
    counts = [[np.ones((len(x), 2)) for x in side] for side in (ours, theirs)]
    plan = AnalysisPlan(resamples=2)

    def priced(names: tuple[str, str], first: list[Floats], second: list[Floats], *, turned: bool) -> int | None:
        drawn = (counts[1], counts[0]) if turned else (counts[0], counts[1])
        one = contest(names, first, second, drawn, plan)
        return verdicts([one], plan, lambda *_: np.random.default_rng(3))[0].more_runs

    price = priced(("A", "B"), ours, theirs, turned=False)
    assert price is not None
    assert priced(("B", "A"), theirs, ours, turned=True) == price
    reordered = [[x[::-1] for x in side[::-1]] for side in (ours, theirs)]
    counts = [side[::-1] for side in counts]
    assert priced(("A", "B"), *reordered, turned=False) == price


def test_a_simulated_experiment_has_the_share_and_the_variances_of_its_runs() -> None:
    # Whatever is drawn, three runs at 1 are above two at 0. Ties of 3 and of 2 runs take (24 + 6) / 120 from the null
    # variance of ranks, 6 / (12 x 3 x 2) = 1/12.
    share, variance, null = _simulated(np.ones(1), np.zeros(1), 3, 2, np.random.default_rng(0))
    assert set(share) == {1.0}
    assert set(variance) == {0.0}
    assert null == pytest.approx(np.full(len(null), 1 / 12 * 3 / 4))
    # All five alike: no ranks, no variance.
    share, _, null = _simulated(np.ones(1), np.ones(1), 3, 2, np.random.default_rng(0))
    assert set(share) == {0.5}
    assert null == pytest.approx(np.zeros(len(null)))


@pytest.mark.parametrize(("more", "p"), [(0, 0.0026998), (1, 0.0009111)])
def test_what_is_certain_in_every_experiment_is_found_from_its_own_p_value_on(more: int, p: float) -> None:
    # Five runs at 1 against five at 0: Wilcoxon's null variance is 11 / 300 (1 - 240 / 990) = 1/36, so Wilson's
    # interval is that of 9 runs and its p-value that of three standard deviations. With six of each it is that of 11.
    one = contest(("a", "b"), [np.ones(5)], [np.zeros(5)], None, PLAN)
    found = [_power(one, more, level, np.random.default_rng(0)) for level in (0.99 * p, 1.01 * p)]
    assert found == [0.0, 1.0]


def test_the_price_has_hours_where_the_time_of_a_run_is_known() -> None:
    # One more run of both takes 360 seconds, a tenth of an hour.
    base = np.linspace(0, 1, 10)
    found = compared([base + 0.25], [base])
    assert found.more_runs is not None
    assert found.more_hours == pytest.approx(found.more_runs / 10)
    assert f"about {found.more_runs} more seeds per environment, " in sentences.pair(found, AnalysisPlan())
    assert "cannot tell yet" in sentences.pair(found, AnalysisPlan())


def test_many_runs_are_judged_by_the_wilson_p_alone_which_is_the_larger() -> None:
    rng = np.random.default_rng(12)
    ours, theirs = [[rng.normal(shift, 1.0, 20) for _ in range(8)] for shift in (0.15, 0.0)]
    effect = superiority(ours, theirs)
    exact = permutation_p(ours, theirs)
    assert exact <= wilson_p(*effect) * 1.02
    doubled = [[*ours, *ours], [*theirs, *theirs]]
    assert claim_p_value(doubled[0], doubled[1], superiority(*doubled)) == wilson_p(*superiority(*doubled))


@pytest.mark.parametrize("tasks", [1, 3])
def test_equal_algorithms_are_declared_different_at_most_as_often_as_promised(tasks: int) -> None:
    rng = np.random.default_rng(11)
    plan, suites, claims = AnalysisPlan(margin=1e-9, resamples=2), 150, 0
    for _ in range(suites):
        scores = [
            [rng.choice([0.0, 0.9, 1.0], size=5) + 0.05 * rng.normal(size=5) for _ in range(tasks)] for _ in "abcd"
        ]
        counts = [[np.ones((5, 2)) for _ in range(tasks)] for _ in scores]
        contests = [
            contest((str(i), str(j)), scores[i], scores[j], (counts[i], counts[j]), plan)
            for i, j in combinations(range(4), 2)
        ]
        claims += any(pair.verdict in {"better", "worse"} for pair in verdicts(contests, plan))
    # Family-wise 5 %, plus three standard errors of 150 suites.
    assert claims / suites <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / suites)


def test_uncorrected_pairs_would_break_that_promise() -> None:
    rng = np.random.default_rng(11)
    false = 0
    for _ in range(200):
        scores = [rng.normal(size=(3, 5)) for _ in "abcd"]
        false += any(permutation_p([*x], [*y]) <= 0.05 for x, y in combinations(scores, 2))
    assert false / 200 > 0.1
