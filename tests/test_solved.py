"""Environments that every algorithm solves: what counts there, by hand, and how rarely the rule errs, by simulation."""

from dataclasses import replace

import numpy as np
import pytest

from bench.analysis.resampling import resample_counts
from bench.analysis.scores import cells_of
from bench.analysis.solved import solved, to_the_target
from bench.analysis.verdict import difference
from bench.records import Claim, Floats, Suite
from bench.report import tables
from bench.report.cautions import warnings
from tests.test_analysis_estimates import Results, pair_of, results_of

BEYOND = {
    ("ppo", "easy"): [1.2, 1.21, 1.22, 1.23, 1.24],
    ("dqn", "easy"): [0.96, 1.01, 1.02, 1.03, 1.04],
    ("random", "easy"): [0.0] * 5,
    ("ppo", "hard"): [0.5, 0.6, 0.7, 0.55, 0.65],
    ("dqn", "hard"): [0.5, 0.6, 0.7, 0.55, 0.65],
    ("random", "hard"): [0.0] * 5,
}


def settings_of(case: Results, **settings: str) -> Suite:
    algorithms = tuple(replace(one, setting=settings.get(one.label, "")) for one in case.suite.algorithms)
    return replace(case.suite, algorithms=algorithms)


def test_nothing_beyond_the_target_counts_where_all_solve_the_task() -> None:
    found = results_of(BEYOND, decide="mean").analysed()
    # On easy all of ppo's runs count 1, and dqn's 0.96 and four times 1; on hard they are level.
    assert pair_of(found, "ppo", "dqn").difference.estimate == pytest.approx(0.008 / 2)
    means = {line.label: (line.value("mean").estimate, line.mean.estimate) for line in found.aggregates}
    assert means["ppo"] == pytest.approx((0.8, 0.91))
    assert means["dqn"] == pytest.approx((0.796, 0.806))
    assert any(told.startswith("Every run of every learning algorithm solves easy: ") for told in warnings(found))
    overall = tables.overall(found)
    assert overall.columns[1].name == "Decides"
    # Who solves it as surely and better is level with the other one, and they are told apart by who gets there first.
    (full, *_, easy, _) = found.situations
    assert (full.choose, easy.measure) == (None, "steps")


def test_one_run_short_of_the_threshold_brings_all_of_every_score_back() -> None:
    short = {**BEYOND, ("dqn", "easy"): [0.89, 1.01, 1.02, 1.03, 1.04]}
    found = results_of(short, decide="mean").analysed()
    assert pair_of(found, "ppo", "dqn").difference.estimate == pytest.approx((1.22 - 0.998) / 2)
    assert all(line.deciding is None for line in found.aggregates)
    assert tables.overall(found).columns[1].name == "IQM"


def test_claims_of_who_scores_higher_are_cut_and_those_of_equality_and_levels_are_not() -> None:
    case = results_of(BEYOND, decide="mean")
    told = (
        Claim("higher", "ppo", "dqn", "score"),
        Claim("alike", "ppo", "dqn", "score", "equivalent", 0.05),
        Claim("above", "ppo", 0.85, "score"),
        Claim("regret", "dqn", None, "regret", margin=0.05),
    )
    judged = replace(case, suite=replace(case.suite, claims=told)).analysed().claims
    assert [one.estimate.estimate for one in judged] == pytest.approx([0.004, 0.104, 0.91, 0.004])


def test_a_setting_in_which_all_solve_the_task_is_cut_alone() -> None:
    case = results_of({(label, "easy"): [level] * 4 for label, level in zip("abcd", (1.2, 1.1, 1.3, 0.5), strict=True)})
    suite = settings_of(case, a="default", b="default", c="tuned", d="tuned")
    cells = list(cells_of(case.planned, case.outcomes, case.references, suite.analysis).values())
    where = solved(cells, suite)
    assert where == {"default": {"easy"}, "tuned": set()}
    assert [cell.scores[0] for cell in to_the_target(cells, where, suite)] == [1.0, 1.0, 1.3, 0.5]
    # Whoever stands in both settings is cut in both or in neither.
    shared = settings_of(case, b="default", c="tuned", d="tuned")
    assert solved(cells, shared) == {"default": set(), "tuned": set()}
    found = replace(case, suite=suite).analysed()
    assert any("solves easy (out of the box): " in told for told in warnings(found))


def test_two_settings_are_cut_against_each_other_only_where_all_of_both_solve_the_task() -> None:
    # With defaults dqn does not solve the harder one.
    levels = {"ppo": (1.1, 1.1), "dqn": (1.2, 0.5), "ppo (tuned)": (1.4, 1.3), "dqn (tuned)": (1.3, 1.2)}
    levels = {"random": (0.0, 0.0), **levels}
    scores = {(one, place): [of[at]] * 5 for one, of in levels.items() for at, place in enumerate(("easy", "hard"))}
    case = results_of(scores, decide="mean")
    algorithms = tuple(
        replace(
            one,
            algorithm=one.label.partition(" ")[0],
            setting="" if one.label == "random" else "tuned" if "(" in one.label else "default",
            hyperparameter_set="tuned" if "(" in one.label else "default",
        )
        for one in case.suite.algorithms
    )
    sides = (("ppo (tuned)", "ppo"), ("dqn (tuned)", "ppo"), ("ppo (tuned)", "random"))
    claims = tuple(Claim(f"{left} and {right}", left, right, "score") for left, right in sides)
    found = replace(case, suite=replace(case.suite, algorithms=algorithms, claims=claims)).analysed()
    # On easy 1 and 1, on hard 1.3 and 1.1, 1.2 and 1.1; what stands in both settings is cut with the other: 1 and 0.
    assert [one.estimate.estimate for one in found.claims] == pytest.approx([0.1, 0.05, 1.0])
    assert [one.a for one in found.worth] == ["ppo (tuned)", "dqn (tuned)"]
    assert [one.difference.estimate for one in found.worth] == pytest.approx([0.1, (0.0 + 0.7) / 2])
    assert pair_of(found, "random", "ppo (tuned)").difference.estimate == pytest.approx(-1.0)


@pytest.mark.parametrize("decide", ["score", "mean", "iqm-by-environment"])
def test_the_cut_leaves_copies_alike_and_takes_what_lies_beyond_the_target_out(decide: str) -> None:
    # Ten runs of two on four environments, one of which all solve in two suites of three: skewed towards failure.
    rng, suites = np.random.default_rng(11), 1000
    counts = [[resample_counts(10, 500, rng) for _ in range(4)] for _ in range(2)]

    def rejected(beyond: float) -> float:
        first = [1.1 + more - rng.exponential(0.05, (10, suites)) for more in (0.0, beyond)]
        all_solve = np.minimum(*(one.min(axis=0) for one in first)) >= 0.9
        sides: list[list[Floats]] = [
            [
                np.where(all_solve, np.minimum(one, 1.0), one),
                *(rng.normal(level, spread, (10, suites)) for level, spread in ((0.5, 0.2), (0.7, 0.1), (0.9, 0.15))),
            ]
            for one in first
        ]
        found = difference(sides[0], sides[1], (counts[0], counts[1]), decide)
        return float(np.mean(found.p_values <= 0.05))

    # 5 %, plus three standard errors of a thousand suites; where one is 0.08 higher beyond the target, of which nothing
    # counts where all solve it, up to 10 % were rejected without the cut.
    assert rejected(0.0) <= 0.05 + 0.021
    assert rejected(0.08) <= 0.075
