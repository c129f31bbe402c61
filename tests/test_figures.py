"""Figures before they are drawn: every word and every row of small estimates, written down by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from bench.records import (
    Aggregate,
    CellEstimate,
    CurveEstimate,
    Fact,
    Interval,
    Lead,
    Pair,
    Profile,
    PublishedVerdict,
    ReferenceLine,
    Reliability,
    Threshold,
)
from bench.report import drawing, figures, page, palette
from bench.report.figures import ROWS, Axis, Panel
from tests.estimates_fixture import empty

near: Any = pytest.approx
"""Stands within records, too."""
LONG = "an algorithm with a very long name"
LINES = "an algorithm with a very\nlong name"
"""As many of its words a line as twenty-six characters hold."""


def rows(panel: Panel) -> list[dict[str, Any]]:
    """Return the frame's rows, with None for what is no number."""
    return [
        {str(name): None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}
        for row in panel.frame.to_dict("records")
    ]


def _aggregate(label: str, iqm: Interval, **more: Any) -> Aggregate:
    other = {"mean": Interval(0.5), "median": Interval(0.6), "optimality_gap": Interval(0.4)}
    return Aggregate(label=label, environments=2, iqm=iqm, **{"n": 5, **other, "rliable": {}, **more})


def test_aggregates_stand_in_four_plots_with_a_row_per_algorithm() -> None:
    whole, part = _aggregate("ppo", Interval(0.8, 0.7, 0.9)), _aggregate(LONG, Interval(0.2), n=8, complete=False)
    figure = figures.aggregates([whole, part], "90 %")
    assert (figure.name, figure.section, figure.wide, figure.labels) == ("overall", "overall", True, ())
    assert figure.caption == (
        "Aggregates over all environments with 90 % intervals; n = 5 to 8 runs per environment. † lacks environments "
        "that others have."
    )
    assert figure.foot == "Normalised score: 0 lower reference, 1 target; n = 5 to 8 runs per environment"
    assert figure.description == f"ppo: 0.80 [0.70, 0.90]; {LONG}: 0.20"
    titles = [panel.title for panel in figure.panels]
    assert titles == ["IQM", "Mean", "Median", "Optimality gap (lower is better)"]
    assert [[row["estimate"] for row in rows(panel)] for panel in figure.panels] == [
        [0.8, 0.2], [0.5, 0.5], [0.6, 0.6], [0.4, 0.4],
    ]  # fmt: skip
    first, second = rows(figure.panels[0])
    shared = {"open": False}
    tip = "ppo: 0.80 [0.70, 0.90]; 0.50; 0.60; 0.40"
    assert first == {
        "row": 0, "name": "ppo", "label": "ppo", "estimate": 0.8, "low": 0.7, "high": 0.9, "n": 5, "tip": tip, **shared,
    }  # fmt: skip
    tip = f"{LONG} †: 0.20; 0.50; 0.60; 0.40"
    assert second == {
        "row": 1, "name": f"{LINES} †", "label": LONG, "estimate": 0.2, "low": None, "high": None, "n": 8, "tip": tip,
        **shared,
    }  # fmt: skip
    # From 0.2 to 0.9, and six hundredths of that on either side.
    axis = figure.panels[0].x
    assert (axis.name, axis.low, axis.high) == ("", near(0.2 - 0.042), near(0.9 + 0.042))
    assert {panel.kind for panel in figure.panels} == {"intervals"}
    assert {panel.y for panel in figure.panels} == {ROWS} == {Axis("", 0.0, 0.0)}


def test_of_algorithms_that_are_all_complete_nothing_is_said_to_lack() -> None:
    assert figures.aggregates([_aggregate("ppo", Interval(0.8))], "95 %").caption.endswith(
        "n = 5 runs per environment."
    )


def test_rliables_intervals_stand_hollow_below_ours_in_all_four_plots() -> None:
    names = ("iqm", "mean", "median", "optimality_gap")
    theirs = {f"aggregate_{name}": Interval(0.1 * place, 0.0, 1.0) for place, name in enumerate(names, start=1)}
    figure = figures.aggregates([_aggregate("ppo", Interval(0.8, 0.7, 0.9), rliable=theirs)], "95 %")
    assert figure.caption.endswith("per environment. Hollow: rliable's percentile intervals.")
    below = [rows(panel)[1] for panel in figure.panels]
    assert [row["estimate"] for row in below] == near([0.1, 0.2, 0.3, 0.4])
    assert below[0] == {
        "row": 1, "name": "rliable", "label": "ppo", "estimate": near(0.1), "low": 0.0, "high": 1.0, "n": 5,
        "open": True, "tip": "rliable: 0.10 [0.00, 1.00]",
    }  # fmt: skip


def _reliable(label: str, runs: int) -> Reliability:
    return Reliability(
        label=label,
        environments=2,
        n=5,
        runs=runs,
        failing=1,
        failing_share=Interval(0.1, 0.0, 0.4),
        worst_decile=0.3,
        spread=None,
        reached=9,
        stood=8,
        collapsed=2,
        collapsed_share=Interval(0.25, 0.1, 0.6),
        median_budget_share=None,
    )


def test_reliability_stands_in_three_plots_with_the_runs_behind_it() -> None:
    figure = figures.reliability([_reliable("ppo", 10), _reliable(LONG, 12)], "95 %")
    assert (figure.name, figure.section, figure.wide) == ("reliability", "reliability", True)
    assert figure.caption == (
        "How often runs let one down, with 95 % intervals; n = 10 to 12 runs per algorithm. Failing: ends below half "
        "of the target. Collapsed: was at the threshold in two evaluations running and ended below half of the target."
    )
    assert figure.foot == "Shares of runs, and normalised score; n = 10 to 12 runs per algorithm"
    assert figure.description == f"ppo: 0.10 [0.00, 0.40]; {LONG}: 0.10 [0.00, 0.40]"
    told = [(panel.title, rows(panel)[0]["estimate"], rows(panel)[0]["high"]) for panel in figure.panels]
    assert told == [
        ("Share of runs failing", 0.1, 0.4),
        ("Share collapsed after success", 0.25, 0.6),
        ("Mean score of the worst tenth", 0.3, None),
    ]
    assert [(row["name"], row["label"], row["n"]) for row in rows(figure.panels[0])] == [
        ("ppo", "ppo", 10), (LINES, LONG, 12),
    ]  # fmt: skip


def _curve(label: str = "ppo", environment: str | None = None, axis: str = "share", **more: Any) -> CurveEstimate:
    shown: dict[str, Any] = {
        "x": (0.5, 1.0), "estimate": (0.2, 0.8), "low": (0.1, None), "high": (0.4, 0.9), "n": 5,
    }  # fmt: skip
    return CurveEstimate(label, environment, axis, **{**shown, **more})


def test_a_caption_says_where_pooled_curves_leave_the_plot() -> None:
    deep = replace(_curve(), estimate=(-3.0, 0.8), low=(-4.0, 0.7))
    assert figures.pooled_curves([deep], "95 %", "score").caption.endswith(
        "per environment. What lies further below leaves the plot."
    )
    assert "leaves the plot" not in figures.pooled_curves([_curve()], "95 %", "score").caption


@pytest.mark.parametrize(
    ("axis", "caption"),
    [
        (
            "share",
            (
                "Score over the share of the budget: the aggregate that decides, bands pointwise 95 %; n = 5 to "
                "7 runs per environment."
            ),
        ),
        (
            "seconds",
            (
                "Score over CPU seconds of training: the aggregate that decides, bands pointwise 95 %; n = 5 to "
                "7 runs per environment. A run that has spent its budget keeps its last score."
            ),
        ),
    ],
)
def test_pooled_curves_say_what_they_are_and_how_they_end(axis: str, caption: str) -> None:
    figure = figures.pooled_curves([_curve(axis=axis), _curve("dqn", axis=axis, n=7)], "95 %", "score")
    assert (figure.name, figure.section, figure.labels) == (f"learning-{axis}", "learning", ("ppo", "dqn"))
    assert figure.caption == caption
    assert figure.description == "ppo ends at 0.80; dqn ends at 0.80"
    (panel,) = figure.panels
    assert (panel.kind, panel.title, panel.note, panel.levels, panel.runs) == (
        "curves", "All environments: score (IQM, pooled)", "n = 5 to 7 runs", {"random": 0.0, "target": 1.0}, None,
    )  # fmt: skip
    assert rows(panel)[:2] == [
        {"label": "ppo", "x": 0.5, "estimate": 0.2, "low": 0.1, "high": 0.4, "n": 5},
        {"label": "ppo", "x": 1.0, "estimate": 0.8, "low": None, "high": 0.9, "n": 5},
    ]
    # From the random policy at 0 to the target at 1, and six hundredths of that on either side.
    assert (panel.y.name, panel.y.low, panel.y.high) == ("Score", near(-0.06), near(1.06))
    assert figure.choice == (
        "All environments",
        "score",
        {"share": "over the budget", "seconds": "over CPU seconds"}[axis],
    )


def test_an_axis_ends_a_little_below_the_random_policy_where_a_fall_would_press_the_rest_flat() -> None:
    levels = {"random": -200.0, "target": 200.0}

    def lowest(low: float) -> float:
        curve = _curve("ppo", "E", "steps", estimate=(low, 200.0), low=(low, 150.0), high=(low, 200.0))
        return figures.environment_curves([curve], "environment-1", "95 %", levels, thin=False).panels[0].y.low

    # A fall to -2,000 is cut three tenths of the way from random to target below random; a small one is shown whole.
    assert lowest(-2000.0) == near(-200 - 0.3 * 400)
    assert lowest(-250.0) == near(-250 - 0.06 * 450)


@pytest.mark.parametrize(
    ("decide", "value", "axis"),
    [("score", 0.9, "IQM, pooled"), ("mean", 0.5, "Mean"), ("iqm-by-environment", 0.7, "IQM by environment")],
)
def test_the_headline_is_the_aggregate_that_decides_alone_and_named(decide: str, value: float, axis: str) -> None:
    line = _aggregate("ppo", Interval(0.9, 0.8, 1.0), by_environment=Interval(0.7), complete=False)
    figure = figures.headline([line], "95 %", decide)
    assert (figure.section, len(figure.panels), figure.wide) == ("answer", 1, False)
    (panel,) = figure.panels
    assert [row["estimate"] for row in rows(panel)] == [value]
    assert (panel.x.name, panel.title) == (axis, "Score over all environments")
    assert figure.caption.endswith("† lacks environments that others have.")
    given = replace(empty(), aggregates=(line,), analysis={"decide": decide})
    first = next(figures.every(given))
    assert (first.name, [row["estimate"] for row in rows(first.panels[0])]) == ("headline", [value])


def test_all_learning_curves_mark_whoever_lacks_environments_as_the_intervals_do() -> None:
    lines = (_aggregate("ppo", Interval(0.9)), _aggregate("dqn", Interval(0.5), complete=False))
    curves = (_curve("ppo"), _curve("dqn"), _curve("ppo", "E", "steps"), _curve("dqn", "E", "steps"))
    shown = [one for one in figures.every(replace(empty(), aggregates=lines, curves=curves)) if one.choice[0]]
    assert [one.name for one in shown] == ["learning-share", "environment-1-steps"]
    for one in shown:
        assert one.caption.endswith(" † lacks environments that others have.")
        assert one.marked == one.panels[0].marked == {"dqn"}
    styles = palette.styles(["ppo", "dqn"])
    (ax,) = drawing.draw(shown[0], styles).axes
    assert {"ppo", "dqn †"} < {text.get_text() for text in ax.texts}
    legend = page.drawn("learning", [page.plate(one, styles, ()) for one in shown], styles).partition("</ul>")[0]
    assert ">ppo</li>" in legend
    assert ">dqn †</li>" in legend
    whole = figures.every(replace(empty(), aggregates=lines[:1], curves=curves[::2]))
    assert not any("†" in one.caption or one.marked for one in whole)


def test_an_environments_curves_have_its_references_as_levels_and_every_run_as_a_thin_line() -> None:
    curves = [_curve("ppo", "CartPole-v1", "steps", x=(50.0, 100.0), runs=((1.0, 2.0), (3.0, 4.0)))]
    levels = {"random": -1.0, "target": 9.0}
    figure = figures.environment_curves(curves, "environment-3", "95 %", levels, thin=True)
    assert (figure.name, figure.section, figure.labels) == ("environment-3-steps", "environment-3", ("ppo",))
    assert figure.caption == (
        "CartPole-v1: return over environment steps. Thick: interquartile mean; band: pointwise 95 %; thin: each run, "
        "cut off where it leaves the plot; n = 5 runs."
    )
    (panel,) = figure.panels
    assert (panel.title, panel.y.name) == ("CartPole-v1: return (IQM)", "Return")
    assert panel.levels == {"random": -1.0, "target": 9.0}
    # From the random policy to the target, 10, with 0.6 on either side; runs do not count.
    assert (panel.y.low, panel.y.high) == (near(-1.6), near(9.6))
    assert panel.x == Axis("Environment steps", 0.0, 100.0)
    assert panel.runs is not None
    assert panel.runs.to_dict("list") == {
        "label": ["ppo"] * 4, "run": [0, 0, 1, 1], "x": [50.0, 100.0] * 2, "y": [1.0, 2.0, 3.0, 4.0],
    }  # fmt: skip
    bare = figures.environment_curves(curves, "environment-3", "95 %", levels, thin=False)
    assert bare.panels[0].runs is None
    assert "thin" not in bare.caption
    assert (
        "thin" not in figures.environment_curves([_curve("ppo", "E")], "environment-1", "95 %", {}, thin=True).caption
    )


def test_a_share_of_the_budget_is_written_in_per_cent_from_nothing() -> None:
    assert figures.pooled_curves([_curve()], "95 %", "mean").panels[0].title == "All environments: score (Mean)"
    assert figures.pooled_curves([_curve()], "95 %", "score").panels[0].x == Axis(
        "Share of the step budget", 0.0, 1.0, percent=True
    )


def test_a_profile_falls_along_the_scores_that_there_are() -> None:
    lines = [
        Profile("ppo", (0.0, 0.5), (1.0, 0.4), (0.9, None), (1.0, 0.6), 5),
        Profile("dqn", (0.0, 0.5), (1, 0), (), (), 7),
    ]
    figure = figures.performance_profile(lines, "95 %")
    assert (figure.name, figure.section, figure.labels) == ("profile", "pairwise", ("ppo", "dqn"))
    assert figure.caption == (
        "Performance profile: how many runs score above each value; bands pointwise 95 %; n = 5 to 7 runs per "
        "environment."
    )
    assert figure.description == "One falling curve per algorithm; higher is better."
    (panel,) = figure.panels
    assert (panel.kind, panel.title, panel.note) == ("curves", "Share of runs above τ", "n = 5 to 7 runs")
    assert panel.x == Axis("Normalised score τ", 0.0, 0.5)
    assert panel.y == Axis("Share of runs above", 0.0, 1.02, percent=True)
    assert rows(panel)[1] == {"label": "ppo", "x": 0.5, "estimate": 0.4, "low": None, "high": 0.6, "n": 5}
    assert rows(panel)[3] == {"label": "dqn", "x": 0.5, "estimate": 0.0, "low": None, "high": None, "n": 7}


def test_a_profile_begins_a_little_below_the_random_policy_and_says_so() -> None:
    taus = (-1.0, -0.11, -0.1, 0.0, 1.0)
    figure = figures.performance_profile([Profile("ppo", taus, (1.0, 0.9, 0.8, 0.7, 0.0), (), (), 10)], "95 %")
    assert figure.panels[0].x == Axis("Normalised score τ", -0.1, 1.0)
    assert [row["estimate"] for row in rows(figure.panels[0])] == [0.8, 0.7, 0.0]
    assert figure.caption.endswith("Runs far below the random policy lie left of what is shown.")


def _pair(a: str, b: str, **more: Any) -> Pair:
    told = {"difference": Interval(0.75, 0.6, 0.9), "p_value": 0.01, "p_holm": 0.02, "verdict": "better"}
    return Pair(a, b, environments=2, probability=Interval(0.9), **{"n": 5, **told, **more})


def test_pairs_stand_in_a_row_each_and_hollow_where_nothing_is_decided() -> None:
    open_pair = _pair(LONG, "dqn", n=8, verdict="undecided", difference=Interval(0.055))
    figure = figures.pairwise([_pair("ppo", "dqn"), open_pair], 2, "95 %")
    assert (figure.name, figure.section) == ("pairwise", "pairwise")
    assert figure.caption == (
        "The difference that decides with 95 % intervals; hollow: undecided; n = 5 to 8 runs per environment."
    )
    assert figure.description == f"ppo over dqn: 0.75 [0.60, 0.90]; {LONG} over dqn: 0.0550"
    (panel,) = figure.panels
    assert (panel.kind, panel.y, panel.note, panel.levels) == ("intervals", ROWS, "n = 5 to 8 runs", {"": 0.0})
    assert panel.x.name == "Score of the left one less that of the right one"
    assert panel.x.low == pytest.approx(-0.036)
    tip = "ppo over dqn: 0.75 [0.60, 0.90], n = 5 runs"
    assert rows(panel)[0] == {
        "row": 0, "name": "ppo", "other": "dqn", "label": "ppo", "against": "dqn", "estimate": 0.75, "low": 0.6,
        "high": 0.9, "n": 5, "open": False, "tip": tip,
    }  # fmt: skip
    tip = f"{LONG} over dqn: 0.06, n = 8 runs"
    assert rows(panel)[1] == {
        "row": 1, "name": LINES, "other": "dqn", "label": LONG, "against": "dqn", "estimate": 0.055, "low": None,
        "high": None, "n": 8, "open": True, "tip": tip,
    }  # fmt: skip


def test_of_too_many_pairs_those_with_the_smallest_p_values_are_shown_in_their_order() -> None:
    # Thirty-eight: the last of them is the surest, the first has no p-value, the second the largest, the third nothing.
    pairs = [_pair("a", str(place), p_holm=0.9 - place / 100) for place in range(39)]
    pairs[0] = replace(pairs[0], p_holm=None)
    pairs[2] = replace(pairs[2], probability=Interval(None))
    shown = figures.shown_pairs(replace(empty(), pairs=tuple(pairs)))
    assert [pair.b for pair in shown] == [str(place) for place in range(3, 39)]
    assert figures.pairwise(shown, 39, "95 %").caption.endswith(" The 36 pairs of 39 with the smallest p-values.")
    some = tuple(pairs[3:])
    assert figures.shown_pairs(replace(empty(), pairs=some)) == list(some)


def test_the_lead_is_told_for_the_start_and_the_end() -> None:
    lead = Lead("share", (0.2, 0.6, 1.0), ("ppo", "dqn"), ((0.1, 0.3, 0.6), (0.2, 0.3, 0.4)),
                ((0.1, 0.4, 0.9), (0.9, 0.6, 0.1)), ("E", "F"), 5)  # fmt: skip
    figure = figures.crossover(lead, "score")
    assert (figure.name, figure.section, figure.labels) == ("crossover-share", "crossover", ("ppo", "dqn"))
    assert figure.caption == (
        "Who leads after how much of the budget: score by the aggregate that decides (above), and the share of "
        "bootstrap resamples in which each algorithm is best (below); n = 5 runs per environment, 2 environments."
    )
    assert figure.description == "At the start dqn leads most often, at the end ppo."
    above, below = figure.panels
    assert (above.kind, above.title, above.note) == ("curves", "Score (IQM, pooled)", "n = 5 runs")
    assert (below.kind, below.title) == ("layers", "Share of resamples in which it is best")
    assert above.x == below.x == Axis("Share of the step budget", 0.2, 1.0, percent=True)
    # From 0.1 to 0.6, and four hundredths of that on either side.
    assert (above.y.name, above.y.low, above.y.high) == ("Score", near(0.08), near(0.62))
    assert below.y == Axis("Share of resamples in which it is best", 0.0, 1.0, percent=True)
    assert rows(above)[5] == {"label": "dqn", "x": 1.0, "estimate": 0.4, "low": None, "high": None, "n": 5}


def test_a_lead_at_one_moment_stands_in_the_middle_of_its_axis() -> None:
    lead = Lead("share", (0.5,), ("ppo", "dqn"), ((0.1,), (0.2,)), ((0.3,), (0.7,)), ("E",), 5)
    assert figures.crossover(lead, "score").panels[0].x == Axis("Share of the step budget", 0.0, 1.0)


def _cell(label: str = "ppo", environment: str = "E", **more: Any) -> CellEstimate:
    nothing = Interval(None)
    return CellEstimate(
        label, environment, (0,), (1.0,), (1.0,), failed=0, missing=0, mean_return=nothing, iqm_return=nothing,
        iqm_score=nothing, auc_score=nothing, overshoot=0.0, steps_per_second=None,
        **{"n": 5, "planned": 5, "threshold": Threshold(0, 5, nothing, None, None), "train_seconds": 10.0, **more},
    )  # fmt: skip


def test_the_cost_has_a_mark_per_environment_in_its_algorithms_row() -> None:
    cells = [_cell(), _cell("dqn", train_seconds=20.0, n=7), _cell(environment="F", train_seconds=30.0)]
    figure = figures.cost(cells)
    assert (figure.name, figure.section) == ("cost", "cost")
    assert figure.caption == (
        "CPU seconds of training per run: one mark per environment, the median over its runs; n = 5 to 7 runs per mark."
    )
    (panel,) = figure.panels
    assert (panel.kind, panel.y, panel.note) == ("dots", ROWS, "n = 5 to 7 runs")
    # From 10 to 30, and four hundredths of that on either side.
    assert panel.x == Axis("CPU seconds of training per run", near(9.2), near(30.8))
    first, second, third = rows(panel)
    tip = "ppo: 10.0 to 30.0 CPU seconds per run"
    assert first == {"row": 0, "name": "ppo", "label": "ppo", "estimate": 10.0, "n": 5, "tip": tip}
    assert third == {**first, "estimate": 30.0}
    assert second == {
        "row": 1, "name": "dqn", "label": "dqn", "estimate": 20.0, "n": 7, "tip": "dqn: 20.0 CPU seconds per run",
    }  # fmt: skip


@pytest.mark.parametrize(("dear", "axis"), [(80.0, False), (81.0, True)])
def test_costs_stand_on_a_log_axis_beyond_eight_times_the_cheapest(dear: float, axis: bool) -> None:
    found = figures.cost([_cell(), _cell("dqn", train_seconds=dear)]).panels[0].x
    assert (found.log, found.name) == (axis, "CPU seconds of training per run" + " (log scale)" * axis)
    assert not axis or (found.low, found.high) == (10.0, 81.0)


def test_the_threshold_is_told_with_the_runs_that_reach_it() -> None:
    reached = Threshold(1, 2, Interval(0.5), None, None, (30.0, None))
    figure = figures.thresholds(
        "E", "environment-2", [_cell(threshold=reached), _cell("dqn", threshold=reached)], 100.0
    )
    assert (figure.name, figure.section, figure.labels) == ("environment-2-threshold", "environment-2", ("ppo", "dqn"))
    assert figure.caption == "E: share of runs that have reached the threshold by each step; n = 2 runs."
    assert figure.description == "ppo: 1 of 2 runs; dqn: 1 of 2 runs"
    (panel,) = figure.panels
    assert (panel.kind, panel.title, panel.note) == ("staircases", "E: runs at the threshold", "n = 2 runs")
    assert panel.x == Axis("Environment steps", 0.0, near(101.0))
    assert panel.y == Axis("Share of runs at the threshold", 0.0, 1.02, percent=True)
    assert rows(panel)[1] == {"label": "ppo", "x": 30.0, "estimate": 0.5, "low": None, "high": None, "n": 2}


def _verdict(label: str, table: str, **more: Any) -> PublishedVerdict:
    told: dict[str, Any] = {"environment": "E", "verdict": "above", "published": 3.0, "values": (1.0, 2.0), "n": 2}
    return PublishedVerdict(
        table=table, label=label, published_as="E", steps=1, statistic="final", published_runs=1, published_sd=None,
        reason=Fact(), **{**told, **more},
    )  # fmt: skip


def test_a_published_number_stands_below_its_environment_with_our_runs() -> None:
    several = _verdict("ppo", "t", theirs=Interval(3.0, 2.5, 6.0), verdict="undecided")
    first, second = figures.published(
        [_verdict("dqn", "t", environment="F"), several, _verdict("a2c", "t"), _verdict("trpo", "t", values=())]
    )
    assert (first.name, first.section, second.name) == ("published-1", "published", "published-2")
    assert first.caption == "E: 1 above, 1 undecided. Dots are our runs, the diamond is the published number."
    assert first.description == "a2c above, published 3.00; ppo undecided, published 3.00"
    (panel,) = first.panels
    assert (panel.kind, panel.y, panel.title, panel.x.name) == ("strips", ROWS, "E", "Mean return")
    # From 1 to 6, and five hundredths of that on either side.
    assert (panel.x.low, panel.x.high) == (near(0.75), near(6.25))
    tip = "ppo: published 3.00, our 2 runs 1.00 to 2.00: undecided"
    run = {
        "row": 1, "name": "ppo", "label": "ppo", "other": "undecided", "n": 2, "estimate": 2.0, "low": None,
        "high": None, "open": True, "tip": tip,
    }  # fmt: skip
    assert rows(panel)[4:] == [run, {**run, "estimate": 3.0, "low": 2.5, "high": 6.0, "open": False}]
    (both,) = figures.published([several, _verdict("ppo", "u")])
    assert {row["name"] for row in rows(both.panels[0])} == {"ppo, t", "ppo, u"}


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        ((0.0, 10.0), -0.4, 10.4),
        # No width to speak of: half of the value on either side, or a half.
        ((10.0, 10.0), 5.0, 15.0),
        ((0.2,), -0.3, 0.7),
        ((1000.0, 1000.0005), 500.0, 1500.0),
        # Nothing, and what is none: from 0 to 1.
        ((None, math.nan), -0.04, 1.04),
    ],
)
def test_an_axis_has_air_around_its_values(values: Sequence[float | None], low: float, high: float) -> None:
    axis = figures.spanning("x", values)
    assert (axis.name, axis.log) == ("x", False)
    assert (axis.low, axis.high) == (near(low, abs=1e-2), near(high, abs=1e-2))


@pytest.mark.parametrize(
    ("values", "ends"),
    [((0.0, 2.0, 50.0), (2.0, 50.0)), ((4.0, 4.0), (2.0, 8.0)), ((0.0, -1.0), (0.5, 2.0))],
)
def test_a_log_axis_ends_at_its_values_or_is_made_up_around_the_only_one(
    values: Sequence[float], ends: tuple[float, float]
) -> None:
    axis = figures.spanning("x", values, log=True)
    assert (axis.log, (axis.low, axis.high)) == (True, ends)


def test_steps_end_at_the_budget_or_with_the_last_run_that_got_there() -> None:
    line = ReferenceLine("E", 100, None, None, "")
    curve = _curve("ppo", "E", "steps", x=(50.0, 100.0))
    for step, end in ((30.0, 101.0), (200.0, 202.0)):
        cell = _cell(threshold=Threshold(1, 1, Interval(1.0), step, None, (step,)))
        found = figures.every(replace(empty(), labels=("ppo",), references=(line,), cells=(cell,), curves=(curve,)))
        (figure,) = [one for one in found if one.name == "environment-1-threshold"]
        assert figure.panels[0].x.high == near(end)


@pytest.mark.parametrize(("points", "thin"), [(60_000, {"steps", "seconds"}), (60_001, {"steps"}), (300_001, set())])
def test_thin_lines_go_where_there_are_too_many_points(points: int, thin: set[str]) -> None:
    # All points but two belong to one long run of another environment.
    x = tuple(range(points - 2))
    long = _curve("ppo", "F", x=x, estimate=x, low=(), high=(), runs=((),))
    short = [
        _curve("ppo", "E", axis, x=(1.0,), estimate=(1.0,), low=(), high=(), runs=((1.0,),))
        for axis in ("steps", "seconds")
    ]
    lines = tuple(ReferenceLine(name, 100, 0.0, target, "") for name, target in (("F", 2.0), ("E", 1.0)))
    cells = tuple(_cell(environment=name) for name in "EF")
    given = replace(empty(), labels=("ppo",), references=lines, cells=cells, curves=(*short, long))
    found = {figure.name: figure.panels[0] for figure in figures.every(given) if figure.section == "environment-2"}
    assert {axis for axis in ("steps", "seconds") if found[f"environment-2-{axis}"].runs is not None} == thin
    assert found["environment-2-steps"].levels == {"random": 0.0, "target": 1.0}


def test_figures_come_in_reading_order_and_only_where_there_is_something() -> None:
    assert list(figures.every(empty())) == []
    line, nothing = _aggregate("ppo", Interval(0.5)), _aggregate("dqn", Interval(None))
    reached = Threshold(1, 2, Interval(0.5), None, None, (30.0, None))
    given = replace(
        empty(),
        labels=("ppo",),
        aggregates=(line, nothing),
        curves=(_curve(), _curve(axis="seconds"), _curve("ppo", "E", "steps"), _curve("ppo", "E", "seconds")),
        pairs=(_pair("ppo", "dqn"),),
        profiles=(Profile("ppo", (0.0, 1.0), (1.0, 0.0), (), (), 5),),
        leads=(Lead("share", (0.5, 1.0), ("ppo",), ((0.1, 0.2),), ((1.0, 1.0),), ("E",), 5),),
        reliability=(_reliable("ppo", 10),),
        cells=(_cell(threshold=reached), _cell("dqn", train_seconds=0.0), _cell("a2c", train_seconds=None)),
        references=(ReferenceLine("E", 100, None, math.inf, ""),),
        published=(_verdict("ppo", "t"),),
    )
    found = {figure.name: figure for figure in figures.every(given)}
    assert list(found) == [
        "headline", "overall", "learning-share", "learning-seconds", "pairwise", "profile", "crossover-share",
        "reliability", "cost", "environment-1-steps", "environment-1-seconds", "environment-1-threshold", "published-1",
    ]  # fmt: skip
    assert [row["label"] for row in rows(found["overall"].panels[0])] == ["ppo"]
    assert [row["label"] for row in rows(found["cost"].panels[0])] == ["ppo"]
    assert found["environment-1-steps"].panels[0].levels == {}


def test_the_first_plot_of_a_figure_stands_alone_without_its_foot() -> None:
    figure = figures.reliability([_reliable("ppo", 10)], "95 %")
    alone = figures.first(figure)
    assert (alone.panels, alone.wide, alone.foot) == ((figure.panels[0],), False, "")


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("x" * 26, "x" * 26),
        ("x" * 20 + "y" * 7, "x" * 8 + "…" + "x" * 10 + "y" * 7),
    ],
)
def test_a_word_longer_than_twenty_six_is_cut_in_the_middle(label: str, shown: str) -> None:
    assert figures.short(label) == figures.named(label) == shown
    assert len(shown) == 26


def test_what_a_sweep_makes_of_one_algorithm_is_whole_in_two_lines() -> None:
    assert figures.named("ppo clip_range=.inf n_epochs=10") == "ppo clip_range=.inf\nn_epochs=10"
    assert figures.named("a2c normalize_advantage=false") == "a2c\nnormalize_advantage=false"
