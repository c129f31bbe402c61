"""The study that measures the intervals, on samples small enough to watch."""

import numpy as np
import pytest

from tests.scripts import script

study = script("coverage")
TINY = study.Effort(data_sets=20, settings=2, resamples=100)


def test_the_share_of_seeds_is_covered_as_worked_out_by_hand() -> None:
    ten = next(line for line in study.share() if line.startswith("| 10 |"))
    # Ten runs, share one half: the limits of 2 and of 8 successes are 0.025 to 0.556 and 0.444 to 0.975, those of 1 and
    # of 9 miss one half; 1 - 2 (1 + 10) / 1024 = 97.9 %.
    assert ten.split(" | ")[4] == "97.9"


@pytest.mark.parametrize("key", study.KINDS)
def test_every_kind_of_interval_is_measured_for_every_shape(key: str) -> None:
    kind = study.KINDS[key]
    row = study.measure(kind, key, kind.cases[0], TINY)
    assert list(row.hits) == list(study.NAMES)
    for hits in row.hits.values():
        assert hits.shape == (2, 20)
        # Even four runs of which some fail cover more often than not.
        assert 60 <= study.coverage(hits) <= 100
    assert len(list(study.table([row]))) == 3


def test_the_study_gives_the_same_numbers_again() -> None:
    first, second = (study.measure(study.KINDS["unequal"], "unequal", [10, 5], TINY) for _ in range(2))
    assert all(np.array_equal(first.hits[name], second.hits[name], equal_nan=True) for name in study.NAMES)


def test_the_truth_is_that_of_the_distribution() -> None:
    level, spread = np.array(0.7), np.array(0.1)
    grid = (np.arange(study.POPULATION) + 0.5) / study.POPULATION
    # An exponential tail of mean 1 to the left of level + spread; the middle half of an exponential has the mean
    # 2 [0.75 (1 - log 0.75) - 0.25 (1 - log 0.25)] = 0.7384.
    assert study.middle_half(study.skewed(grid, level, spread)[np.newaxis])[0] == pytest.approx(
        0.7 + 0.1 * (1 - 0.7384), abs=1e-4
    )
    # Two normal distributions one SD apart: P(X > Y) is the normal distribution function at 1 / sqrt 2, 0.7602.
    x, y = study.normal(grid, level + 0.1, spread), study.normal(grid, level, spread)
    assert study.above(x, y) == pytest.approx(0.7602, abs=1e-4)


def test_cells_outside_the_wanted_range_are_marked_and_summed_up() -> None:
    hits = {name: np.array([[1.0] * 19 + [0.0]] * 2) for name in study.NAMES}
    hits["bimodal"] = np.array([[1.0] * 17 + [0.0] * 3] * 2)
    row = study.Row(("1", "5"), hits, {}, flagged=False)
    assert "| 95.0 | 95.0 | 85.0* | 95.0 |" in list(study.table([row]))[2]
    assert "5 cells (five shapes, five runs or more) 4 lie between 93 and 97 %" in study.summary([row])
    assert "not flagged: bimodal 1x5 85.0" in study.summary([row])
