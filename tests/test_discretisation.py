"""Which rows of a table an observation stands for: counted, in bins of equal width, or in displaced tilings."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st

from bench.algorithms.discretisation import Row, rows
from bench.catalog import environments, find_algorithm, unstated
from bench.errors import BenchError, DivergedError
from bench.hyperparameters.values import checked

UNBOUNDED = spaces.Box(-np.inf, np.inf, (2,), np.float64)
SQUARE = spaces.Box(0.0, 1.0, (2,), np.float64)
numbers = st.floats(-5.0, 5.0)


def as_list(found: Row) -> list[int]:
    return [int(one) for one in np.ravel(found)]


# --- counted


def test_a_tuple_of_discrete_spaces_has_a_row_for_every_combination() -> None:
    space = spaces.Tuple((spaces.Discrete(3), spaces.Discrete(2, start=5)))
    found = rows("q_learning", space)
    # The last is counted fastest: (0, 5), (0, 6), (1, 5), ...
    assert [found.of(one) for one in itertools.product(range(3), (5, 6))] == [0, 1, 2, 3, 4, 5]
    assert found.count == 6


def test_arrays_of_whole_numbers_have_a_row_for_every_combination() -> None:
    found = rows("q_learning", spaces.MultiDiscrete([2, 3]))
    assert [found.of(np.array(one)) for one in itertools.product(range(2), range(3))] == list(range(6))
    bits = rows("q_learning", spaces.MultiBinary(3))
    assert (bits.count, bits.of(np.array([1, 0, 1], dtype=np.int8))) == (8, 5)


def test_blackjack_has_a_table() -> None:
    space = spaces.Tuple((spaces.Discrete(32), spaces.Discrete(11), spaces.Discrete(2)))
    assert rows("q_learning", space).count == 704
    assert rows("q_learning", space).of((20, 10, 1)) == 20 * 22 + 10 * 2 + 1


# --- bins


def test_bins_by_hand() -> None:
    # Four bins of half a unit over -1 to 1, and two over 0 to 10: row = 2 x first + second.
    found = rows("q_learning", UNBOUNDED, {"bins": [4, 2], "low": [-1, 0], "high": [1, 10]})
    assert found.count == 8
    assert [found.of(one) for one in ((-1, 0), (-0.51, 0), (-0.5, 0), (0.0, 4.9), (0.0, 5.0), (1.0, 10.0))] == [
        0, 0, 2, 4, 5, 7,
    ]  # fmt: skip
    # What lies beyond the bounds is in the outermost bin.
    assert [found.of(one) for one in ((-70, -70), (math.inf, math.inf))] == [0, 7]


@given(st.lists(numbers, min_size=1, max_size=3), st.integers(1, 9))
def test_every_point_is_in_exactly_one_bin(point: list[float], bins: int) -> None:
    space = spaces.Box(-np.inf, np.inf, (len(point),), np.float64)
    found = rows("q_learning", space, {"bins": bins, "low": -2.0, "high": 3.0})
    assert found.count == bins ** len(point)
    assert isinstance(found.of(point), int)
    assert 0 <= as_list(found.of(point))[0] < found.count


@given(numbers, numbers, st.integers(1, 50), st.integers(1, 16))
def test_a_larger_number_is_never_in_a_lower_bin(one: float, other: float, bins: int, tilings: int) -> None:
    line = spaces.Box(-2.0, 3.0, (1,), np.float64)
    found = rows("q_learning", line, {"bins": bins, "tilings": tilings})
    lower, higher = (as_list(found.of([number])) for number in sorted((one, other)))
    assert all(low <= high for low, high in zip(lower, higher, strict=True))


@given(st.floats(0.0, 1.0), st.integers(1, 40))
def test_bins_have_equal_widths(number: float, bins: int) -> None:
    found = rows("q_learning", spaces.Box(0.0, 1.0, (1,), np.float64), {"bins": bins})
    place = as_list(found.of([number]))[0]
    assert place / bins - 1e-9 <= number <= (place + 1) / bins + 1e-9


# --- tiles


def test_two_tilings_by_hand() -> None:
    # Two tiles of width 1/2 in each direction, a third for the displacement: nine tiles in each of two tilings. The
    # second is displaced by (1, 3)/2 tiles, which is (1/2, 1/2) but for whole tiles.
    found = rows("q_learning", SQUARE, {"bins": 2, "tilings": 2})
    assert (found.count, found.tilings) == (18, 2)
    assert as_list(found.of([0.0, 0.0])) == [0, 9]
    # 0.3 is 0.6 of a tile: 0 in the first tiling, 1.1 in the second.
    assert as_list(found.of([0.3, 0.0])) == [0, 9 + 3]
    assert as_list(found.of([0.0, 0.3])) == [0, 9 + 1]
    assert as_list(found.of([0.8, 0.6])) == [3 + 1, 9 + 3 * 2 + 1]


def test_four_tilings_of_a_line_by_hand() -> None:
    # One tile over 0 to 1, displaced by 0, 1/4, 1/2, 3/4 of its width: 0.6 is in the second tile of the last two.
    found = rows("q_learning", spaces.Box(0.0, 1.0, (1,), np.float64), {"bins": 1, "tilings": 4})
    assert as_list(found.of([0.6])) == [0, 2, 4 + 1, 6 + 1]


def sutton(point: list[float], bins: int, tilings: int) -> list[tuple[int, ...]]:
    """Return the tile in each tiling as Sutton's tiles3.py has them, which the book names: uncovered, unbounded."""
    fine = [math.floor(number * bins * tilings) for number in point]
    return [
        tuple((place + tiling * (1 + 2 * axis)) // tilings for axis, place in enumerate(fine))
        for tiling in range(tilings)
    ]


@given(st.lists(st.lists(st.floats(0.001, 0.999), min_size=2, max_size=2), min_size=2, max_size=6))
def test_points_share_tiles_where_suttons_own_tile_coder_says_so(points: list[list[float]]) -> None:
    found = rows("q_learning", SQUARE, {"bins": 4, "tilings": 8})
    # On the edges of Sutton's grid rounding decides; a hair's breadth inside it nothing does.
    inside = [[(math.floor(number * 32) + 0.5) / 32 for number in point] for point in points]
    for one, other in itertools.combinations(inside, 2):
        ours = [a == b for a, b in zip(as_list(found.of(one)), as_list(found.of(other)), strict=True)]
        theirs = [a == b for a, b in zip(sutton(one, 4, 8), sutton(other, 4, 8), strict=True)]
        assert ours == theirs


@given(st.lists(numbers, min_size=2, max_size=2), st.integers(1, 6), st.integers(2, 16))
def test_every_point_is_in_one_tile_of_every_tiling(point: list[float], bins: int, tilings: int) -> None:
    found = rows("q_learning", SQUARE, {"bins": bins, "tilings": tilings})
    in_one = found.count // tilings
    assert [row // in_one for row in as_list(found.of(point))] == list(range(tilings))


# --- refusals


@pytest.mark.parametrize(
    ("space", "stated", "complaint"),
    [
        (UNBOUNDED, None, r"needs to be told how observations Box.*are cut; state for instance `discretisation: "),
        (UNBOUNDED, {"bins": 3, "low": [0, None], "high": 1}, "number 2 of the observations .* has no bounds; state"),
        (UNBOUNDED, {"bins": [1, 2, 3], "low": 0, "high": 1}, "bins has 3 entries, and an observation has 2 numbers"),
        (SQUARE, {"bins": 3, "low": 2}, r"high must be above low, not 1 above 2 \(number 1\)"),
        (SQUARE, {"bins": 100_000}, "would have 10,000,000,000 rows, and may have 10,000,000; state fewer bins"),
        (spaces.Discrete(3), {"bins": 3}, "a discretisation is for Box observations"),
        (spaces.Dict({"one": spaces.Discrete(2)}), None, "needs Discrete or Box observations"),
        (spaces.Tuple((spaces.Discrete(2), SQUARE)), None, "needs Discrete or Box observations"),
    ],
)
def test_what_makes_no_table_is_refused(space: spaces.Space[Any], stated: Any, complaint: str) -> None:
    with pytest.raises(BenchError, match=f"sarsa: .*{complaint}"):
        rows("sarsa", space, stated)


def test_an_observation_that_is_not_a_number_is_divergence() -> None:
    with pytest.raises(DivergedError, match="sarsa: an observation is not a number"):
        rows("sarsa", SQUARE, {"bins": 2}).of([0.5, math.nan])


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (10, "wants a mapping with `bins`"),
        ({"low": 0}, "wants a mapping with `bins`"),
        ({"bins": 0}, "bins must be at least 1, not 0"),
        ({"bins": [3, 2.5]}, "bins wants a whole number, not 2.5"),
        ({"bins": 3, "tiling": 2}, r"has no 'tiling'; did you mean 'tilings'\?"),
        ({"bins": 3, "tilings": 0}, "tilings must be at least 1, not 0"),
        ({"bins": 3, "low": ["a"]}, "low wants a number, not 'a'"),
    ],
)
def test_a_discretisation_that_cannot_be_meant_is_refused_in_a_suite(value: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        checked("q_learning", "discretisation", value)


def test_a_discretisation_is_read_as_it_is_meant() -> None:
    given_ = {"bins": [1e1, 4], "tilings": 8, "low": [None, -1], "high": 2.5}
    assert checked("sarsa", "discretisation", given_) == {**given_, "bins": [10, 4]}
    assert checked("sarsa", "discretisation", None) is None


def test_a_table_for_numbers_wants_a_discretisation_and_for_states_none() -> None:
    known, learner = environments(), find_algorithm("expected_sarsa")
    assert "wants a `discretisation`" in unstated(learner, known["Acrobot-v1"], {})
    assert unstated(learner, known["Acrobot-v1"], {"discretisation": {"bins": 4}}) == ""
    assert unstated(learner, known["Taxi-v4"], {}) == ""
    assert unstated(find_algorithm("ppo"), known["Acrobot-v1"], {}) == ""
