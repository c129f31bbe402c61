"""What stands beside our estimates to compare with papers, against rliable itself and numbers worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from rliable import library, metrics

from bench.analysis import analyse, literature
from bench.analysis.literature import NAMES
from bench.records import Aggregate, Interval
from bench.report import figures, tables
from tests.test_analysis_estimates import results_of

SCORES = np.array([[0.1, 0.9], [0.2, 0.8], [0.4, 1.3], [0.6, 0.7], [3.0, 0.5]])
"""(runs, environments)"""
TASKS = list(SCORES.T)


def test_estimates_bear_rliables_names_and_have_the_values_worked_out_by_hand() -> None:
    found = literature.estimates(TASKS)
    # Ten scores of which two go on each side: (0.4 + 0.5 + 0.6 + 0.7 + 0.8 + 0.9) / 6. Means of 0.86 and 0.84. The ten
    # lack 0.9 + 0.8 + 0.6 + 0.4 and 0.1 + 0.2 + 0.3 + 0.5 of 1.
    assert {name: value.estimate for name, value in found.items()} == {
        "aggregate_iqm": pytest.approx(0.65),
        "aggregate_mean": pytest.approx(0.85),
        "aggregate_median": pytest.approx(0.85),
        "aggregate_optimality_gap": pytest.approx(0.38),
    }
    assert all(value.low is None for value in found.values())


def test_unequal_numbers_of_runs_give_nothing_for_rliable_takes_a_matrix() -> None:
    uneven = [np.array([1.0, 2.0]), np.array([1.0, 2.0, 3.0])]
    assert literature.estimates(uneven) == {}
    assert literature.intervals(uneven, np.random.default_rng(0), 0.95, 100) == {}


def test_one_run_has_no_interval() -> None:
    found = literature.intervals([np.array([0.5])], np.random.default_rng(0), 0.95, 100)
    assert found["aggregate_iqm"] == Interval(0.5)


def test_intervals_are_those_of_rliable_with_the_same_seed() -> None:
    found = literature.intervals(TASKS, np.random.default_rng(5), 0.9, 200)

    def all_four(scores: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array([getattr(metrics, name)(scores) for name in NAMES])

    np.random.seed(int(np.random.default_rng(5).integers(2**32)))  # noqa: NPY002 - what rliable draws from
    _, limits = library.get_interval_estimates({"x": SCORES}, all_four, reps=200, confidence_interval_size=0.9)
    assert [(one.low, one.high) for one in found.values()] == [tuple(ends) for ends in limits["x"].T]


def _global_state() -> tuple[int, list[int]]:
    state = np.random.get_state(legacy=False)["state"]  # noqa: NPY002
    return state["pos"], state["key"].tolist()


def test_numpys_global_generator_neither_decides_nor_is_moved() -> None:
    drawn = []
    for seed in (1, 2):
        np.random.seed(seed)  # noqa: NPY002
        before = _global_state()
        drawn.append(literature.intervals(TASKS, np.random.default_rng(5), 0.95, 50))
        assert _global_state() == before
    assert drawn[0] == drawn[1]


def test_an_error_inside_rliable_puts_the_generator_back_too() -> None:
    before = _global_state()
    with pytest.raises(ValueError, match="size"):
        literature.intervals(TASKS, np.random.default_rng(0), 7.0, 10)
    assert _global_state() == before


def _line(label: str, rliable: dict[str, Interval]) -> Aggregate:
    value = Interval(0.5, 0.4, 0.6)
    return Aggregate(label, 2, 5, value, value, value, value, rliable)


def test_the_figure_shows_rliables_limits_hollow_below_ours_where_they_were_asked_for() -> None:
    theirs = {name: Interval(0.5, 0.45, 0.5 + place / 10) for place, name in enumerate(NAMES, start=1)}
    panels = figures.aggregates([_line("a", theirs), _line("b", {})], "95 %").panels
    frame = panels[1].frame
    assert frame[["row", "name", "label", "open"]].to_numpy().tolist() == [
        [0, "a", "a", False],
        [1, "rliable", "a", True],
        [2, "b", "b", False],
        [3, "rliable", "b", True],
    ]
    assert frame.high.tolist()[:3] == pytest.approx([0.6, 0.7, 0.6])
    assert np.isnan(frame.estimate[3])
    # Each plot has the aggregate of its own name.
    assert [panel.frame.high[1] for panel in panels] == pytest.approx([0.6, 0.7, 0.8, 0.9])


def test_the_figure_shows_ours_alone_where_they_were_not() -> None:
    panels = figures.aggregates([_line("a", literature.estimates(TASKS))], "95 %").panels
    assert [panel.frame.name.tolist() for panel in panels] == [["a"]] * 4


def test_tables_show_the_trimmed_mean_by_its_name_and_every_interval_where_asked() -> None:
    results = results_of({("a", "one"): SCORES[:, 0].tolist(), ("a", "two"): SCORES[:, 1].tolist()}, resamples=100)
    given = (results.suite, results.planned, results.outcomes, results.references)
    plain, asked = (analyse(*given, np.random.default_rng(0), rliable=rliable) for rliable in (False, True))
    assert [column.name for column in tables.overall(plain).columns][-2:] == ["Share best", "aggregate_iqm"]
    assert [column.name for column in tables.overall(asked).columns][-4:] == list(NAMES)
    assert plain.aggregates[0].rliable["aggregate_iqm"].low is None
    assert plain.aggregates[0].rliable["aggregate_iqm"].estimate == pytest.approx(0.65)
    shown = asked.aggregates[0].rliable["aggregate_iqm"]
    assert shown.low is not None
    assert shown.high is not None
    assert shown.low < 0.65 < shown.high
    # Nothing that is concluded moves.
    assert replace(asked, aggregates=()) == replace(plain, aggregates=())


def test_a_row_with_unequal_numbers_of_runs_says_why_it_has_none() -> None:
    results = results_of(
        {("a", "one"): [0.1] * 4, ("a", "two"): [0.2] * 4, ("b", "one"): [0.3] * 4, ("b", "two"): [0.5]}
    )
    table = tables.overall(results.analysed())
    rows = {row[0].value: row[-1] for row in table.rows}
    assert rows["a"].value == pytest.approx(0.15)
    assert (rows["b"].value, "unequal numbers of runs" in rows["b"].note) == (None, True)
