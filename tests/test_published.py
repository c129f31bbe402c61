"""Published tables: the facts, the verdicts, running a table again, and what a suite's report says of it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from bench import catalog, published
from bench.analysis import analyse
from bench.analysis.published import (
    FEWEST_AGAINST_ONE,
    Judgement,
    Summary,
    against,
    against_one,
    against_several,
    compare,
    peak,
    sample_sd,
    statistic,
)
from bench.analysis.published import _judged as judged_against
from bench.analysis.scores import Cell, cells_of
from bench.cli.app import app
from bench.errors import BenchError
from bench.pipeline import RunOptions, open_experiment, references
from bench.pipeline import Summary as Run
from bench.published.protocol import budget
from bench.records import (
    CHECKPOINT,
    STATISTICS,
    AnalysisPlan,
    Curve,
    EvaluationPlan,
    Fact,
    Failure,
    Final,
    Floats,
    Interval,
    Outcome,
    PublishedCell,
    PublishedTable,
    PublishedVerdict,
    Record,
    Reference,
    Trial,
)
from bench.report import drawing, figures, palette
from bench.report.formats import render
from bench.report.published import judged as judged_table
from bench.report.published import reason, weak
from bench.report.words import DASH, MINUS
from bench.reproduce import command
from bench.reproduce.judging import judge, write_page
from bench.reproduce.leaning import leaning
from bench.reproduce.reproduction import CellPlan, Reproduction, open_table, reproduction, rerun
from bench.reproduce.telling import say_verdicts
from bench.runner.jobs import Event, Job, Started
from bench.store import keep

Draw = Callable[[tuple[int, ...], np.random.Generator], Floats]


def _failing(share: float) -> Draw:
    return lambda size, rng: np.where(rng.random(size) < share, -8.0, 0.0) + rng.normal(size=size)


def _capped(at: float) -> Draw:
    return lambda size, rng: np.minimum(rng.normal(size=size) + at, 0.0)


SHAPES: dict[str, Draw] = {
    "normal": lambda size, rng: rng.normal(size=size),
    "skewed": lambda size, rng: -rng.exponential(size=size),
    "log-normal": lambda size, rng: -rng.lognormal(0, 1, size=size),
    "heavy": lambda size, rng: rng.standard_t(2, size=size),
    "1 in 20 fails": _failing(0.05),
    "1 in 10 fails": _failing(0.1),
    "3 in 10 fail": _failing(0.3),
    "1 in 11 fails, all others equal": lambda size, rng: (rng.random(size) > 1 / 11).astype(np.float64),
    "7 in 10 at the cap": _capped(0.5),
    "5 in 10 at the cap": _capped(0.0),
    "8 in 10 at the cap": _capped(0.84),
    "9 in 10 at the cap": _capped(1.28),
}
EXPERIMENTS = 800
SINGLE_EXPERIMENTS = 4000
"""More: without the reach beyond our outermost runs, capped shapes err in 7 % of the cases, which must be seen."""


def _highest(experiments: int) -> float:
    """Return 5 % and three standard errors of it."""
    return 0.05 + 3 * math.sqrt(0.05 * 0.95 / experiments)


@pytest.mark.parametrize("shape", SHAPES)
def test_an_honest_single_run_is_called_different_in_at_most_five_per_cent(shape: str) -> None:
    rng = np.random.default_rng(7)
    ours, theirs = SHAPES[shape]((SINGLE_EXPERIMENTS, 10), rng), SHAPES[shape]((SINGLE_EXPERIMENTS,), rng)
    called = [against_one(float(value), runs).verdict for value, runs in zip(theirs, ours, strict=True)]
    assert sum(verdict in {"above", "below"} for verdict in called) <= _highest(SINGLE_EXPERIMENTS) * len(called)


@pytest.mark.parametrize("shape", SHAPES)
def test_buying_39_runs_where_ten_are_undecided_calls_at_most_six_per_cent_of_honest_runs_different(shape: str) -> None:
    rng = np.random.default_rng(9)
    ours, theirs = SHAPES[shape]((SINGLE_EXPERIMENTS, 39), rng), SHAPES[shape]((SINGLE_EXPERIMENTS,), rng)

    def called(value: float, runs: Floats) -> bool:
        first = against_one(value, runs[:10])
        return (first if first.more_runs is None else against_one(value, runs)).verdict in {"above", "below"}

    different = sum(called(float(value), runs) for value, runs in zip(theirs, ours, strict=True))
    # 6 % and three standard errors of it.
    assert different / SINGLE_EXPERIMENTS <= 0.06 + 3 * math.sqrt(0.06 * 0.94 / SINGLE_EXPERIMENTS)


@pytest.mark.parametrize("runs", [3, 5, 10])
@pytest.mark.parametrize("shape", SHAPES)
def test_an_honest_table_of_several_runs_is_called_different_in_at_most_five_per_cent(shape: str, runs: int) -> None:
    rng = np.random.default_rng(8)
    ours, theirs = SHAPES[shape]((EXPERIMENTS, 10), rng), SHAPES[shape]((EXPERIMENTS, runs), rng)
    called = [
        against_several(_summary(other), _summary(mine), None).verdict for other, mine in zip(theirs, ours, strict=True)
    ]
    assert sum(verdict in {"above", "below"} for verdict in called) <= _highest(EXPERIMENTS) * len(called)


@pytest.mark.parametrize(("sign", "verdict"), [(1, "below"), (-1, "above")])
def test_a_run_four_standard_deviations_off_is_found_with_ten_seeds(sign: int, verdict: str) -> None:
    ours = np.random.default_rng(9).normal(size=(EXPERIMENTS, 10))
    called = [against_one(4.0 * sign, runs).verdict for runs in ours]
    assert called.count(verdict) / EXPERIMENTS > 0.8
    assert called.count("plausible") / EXPERIMENTS < 0.1


def test_five_runs_four_standard_deviations_off_are_found_with_ten_seeds() -> None:
    rng = np.random.default_rng(9)
    called = [
        against_several(_summary(rng.normal(4, 1, 5)), _summary(rng.normal(0, 1, 10)), 0.5).verdict for _ in range(500)
    ]
    assert called.count("below") > 495


def test_the_limits_of_one_more_run_by_hand() -> None:
    # Mean 4.5, standard deviation 3.02765; t at 97.5 % with 9 degrees of freedom is 2.26216; root of 1.1 is 1.04881.
    judged = against_one(11.0, np.arange(10.0))
    assert judged.limits is not None
    assert (judged.limits.low, judged.limits.high) == pytest.approx((4.5 - 7.18338, 4.5 + 7.18338), abs=1e-4)
    assert (judged.limits.estimate, judged.limits.n, judged.limits.notes) == (4.5, 10, ())
    assert (judged.verdict, judged.reason, judged.rank) == ("plausible", Fact("plausible"), 11)
    # Equal to the sixth: five are below it.
    assert against_one(5.0, np.arange(10.0)).rank == 6


def test_between_the_usual_and_the_wide_limits_ranks_would_have_to_decide() -> None:
    # The usual limits end at 11.68; the wide ones at 4.5 + 2.8214 * 3.02765 * 1.04881 = 13.46, or 9 + 9 / 2 = 13.5.
    assert against_one(13.4, np.arange(10.0)).verdict == "undecided"
    assert against_one(13.4, np.arange(10.0)).more_runs == 29
    assert against_one(13.4, np.arange(10.0)).reason == Fact("unusual", (39,))
    assert against_one(13.6, np.arange(10.0)).verdict == "below"
    assert against_one(13.6, np.arange(10.0)).reason == Fact("runs below")
    assert against_one(-4.6, np.arange(10.0)).reason == Fact("runs above")


def test_from_39_runs_on_the_lowest_and_highest_are_the_limits() -> None:
    ours = np.arange(39.0)
    assert against_one(-0.1, ours).verdict == "above"
    assert against_one(0.0, ours).verdict == "plausible"
    assert against_one(38.1, ours).verdict == "below"


def test_runs_that_all_end_at_the_cap_agree_with_a_published_cap_and_with_nothing_else() -> None:
    ours = np.full(10, 500.0)
    assert against_one(500.0, ours).verdict == "plausible"
    assert against_one(499.0, ours).verdict == "above"
    assert against_one(499.6, ours, rounding=0.5).verdict == "plausible"


def test_fewer_than_ten_runs_do_not_judge_a_single_one_and_say_what_that_costs() -> None:
    judged = against_one(100.0, np.arange(4.0))
    assert judged.verdict == "undecided"
    assert judged.more_runs == FEWEST_AGAINST_ONE - 4


def test_fewer_than_four_runs_do_not_judge_a_mean_and_say_what_that_costs() -> None:
    judged = against_several(Summary(0, 1, 5), Summary(9, 1, 3), None)
    assert (judged.verdict, judged.more_runs) == ("undecided", 1)
    assert judged.reason == Fact("few against several", (3, 4))


def test_a_standard_error_becomes_a_sample_standard_deviation() -> None:
    # 64 = population SD / sqrt(5): SD 143.108, as a sample's 160.
    assert sample_sd(64, "stderr", 5) == pytest.approx(160)
    assert sample_sd(3, "std", 10) == pytest.approx(math.sqrt(10))
    assert sample_sd(3, "std", 2) == pytest.approx(3 * math.sqrt(2))
    assert sample_sd(3, "std", 1) is None
    with pytest.raises(ValueError, match="spread kind 'iqr' is not known; std or stderr"):
        sample_sd(3, "iqr", 5)


def test_earlier_measurements_of_the_same_scripts_are_not_called_different() -> None:
    table = published.table("cleanrl")
    for entry in table.cells:
        now = Summary(entry.mean, sample_sd(entry.spread or 0.0, "std", 3) or 0.0, 3)
        for old in entry.before:
            then = Summary(old["mean"], sample_sd(old["spread"], "std", 3) or 0.0, 3)
            # Three of ours would not be judged at all; as ten they are judged more harshly than they deserve.
            assert against_several(then, replace(now, n=4), None).verdict in {"undecided", "reproduced"}


def test_means_within_the_margin_are_reproduced_and_a_wide_interval_has_its_price() -> None:
    same = against_several(Summary(100, 1, 10), Summary(100.5, 1, 10), margin=2)
    assert (same.verdict, same.reason) == ("reproduced", Fact("within", (2,)))
    open_ = against_several(Summary(100, 1, 10), Summary(100.5, 1, 4), margin=1.5)
    assert (open_.verdict, open_.reason) == ("undecided", Fact("open"))
    assert open_.more_runs is not None
    assert (
        against_several(Summary(100, 1, 10), Summary(100.5, 1, 4 + open_.more_runs), margin=1.5).verdict == "reproduced"
    )


@pytest.mark.parametrize("rounding", [0.0, 0.2])
def test_the_price_of_a_mean_is_the_smallest_number_that_decides(rounding: float) -> None:
    def judged(n: int) -> Judgement:
        return against_several(Summary(100, 1, 10), Summary(100.5, 1, n), 1.5, rounding)

    more = judged(4).more_runs
    assert more is not None
    assert [judged(4 + n).verdict for n in (more - 1, more)] == ["undecided", "reproduced"]


def test_few_runs_that_differ_little_do_not_narrow_the_interval_of_means_beyond_the_pooled_one() -> None:
    # Pooled over 2 + 9 degrees of freedom: (2 x 1 + 9 x 9) / 11 = 7.5455, t 2.20099; Welch's would end at 2.46.
    limits = against_several(Summary(0, 1, 3), Summary(0, 3, 10), None).limits
    assert limits is not None
    half = 2.20099 * math.sqrt(83 / 11 * (1 / 3 + 1 / 10))
    assert (limits.low, limits.high) == pytest.approx((-half, half), abs=1e-4)


def test_no_number_of_our_runs_makes_up_for_too_few_published_ones() -> None:
    judged = against_several(Summary(0, 10, 3), Summary(1, 1, 10), margin=2)
    assert (judged.verdict, judged.reason, judged.more_runs) == ("undecided", Fact("open for good", (3,)), None)
    assert against_several(Summary(0, 10, 3), Summary(1, 1, 10), None).reason == Fact("open without margin")


def test_groups_without_any_spread_are_told_apart_only_where_chance_cannot_do_it() -> None:
    assert against_several(Summary(-200, 0, 3), Summary(-150, 0, 10), margin=4).verdict == "above"
    assert against_several(Summary(-200, 0, 2), Summary(-150, 0, 4), margin=4).verdict == "undecided"
    assert against_several(Summary(-200, 0, 3), Summary(-200, 0, 10), margin=4).verdict == "reproduced"


def test_the_maximum_is_that_of_the_mean_and_not_the_mean_of_the_maxima() -> None:
    # Means over the two runs: 2, 5, 4; at the second evaluation the runs have 1 and 9.
    best, there = peak(np.array([[4.0, 1, 8], [0, 9, 0]]))
    assert best == 1
    assert there.tolist() == [1, 9]


def _judged(published: float, values: Floats, runs: int = 1, place: str = "E-v0") -> PublishedVerdict:
    return PublishedVerdict(
        table="t",
        label="ppo",
        environment=place,
        published_as=place,
        steps=1,
        statistic="final",
        published=published,
        published_runs=runs,
        published_sd=None,
        verdict="plausible" if runs == 1 else "reproduced",
        reason=Fact(),
        n=len(values),
        values=tuple(values),
        seeds=tuple(range(len(values))),
    )


def test_published_runs_that_all_beat_ours_lean_upwards() -> None:
    rng = np.random.default_rng(0)
    found = leaning([_judged(11.0, np.arange(10.0), place=f"E-v{place}") for place in range(5)], rng)
    assert found is not None
    assert (found.numbers, found.share) == (5, 1.0)
    # All five the outermost of eleven, on the same side: 2 / 11^5 is far below what the draws can show.
    assert found.p < 0.001
    # Above three of ten in one number and above seven in the other; four times on a cap with all others.
    mixed = [_judged(2.5, np.arange(10.0)), _judged(6.5, np.arange(10.0))]
    even = leaning(mixed + [_judged(500.0, np.full(10, 500.0))] * 4, rng)
    assert even is not None
    assert even.share == pytest.approx(0.5)
    assert even.p == 1.0


def test_numbers_that_share_their_luck_count_as_one_when_all_are_taken_together() -> None:
    rng = np.random.default_rng(0)
    # Five algorithms on one environment, whose runs of one seed come out alike: one of eleven, either way.
    found = leaning([_judged(11.0, np.arange(10.0)) for _ in range(5)], rng)
    assert found is not None
    assert found.p == pytest.approx(2 / 11, abs=0.01)
    assert found.places == {"E-v0": 1.0}
    # Runs of other seeds are other luck; one that only one of them has is drawn for it alone.
    lines = [_judged(11.0, np.arange(10.0)) for _ in range(4)]
    apart = replace(lines[0], seeds=tuple(range(50, 60)))
    mixed = leaning([*lines, apart], rng)
    assert mixed is not None
    # Highest in all five: the published run comes first of all 21 seeds. Lowest in all five: the lowest of either ten
    # comes first among its own ten and the published one, and one of the two first of all: 2 x 1/21 x 1/11.
    assert mixed.p == pytest.approx(1 / 21 + 2 / 21 / 11, abs=0.006)


def test_a_figure_shows_an_environments_numbers_and_names_the_source_where_two_tell_of_one_algorithm() -> None:
    known = _judged(11.0, np.arange(10.0))
    lines = [
        known,
        replace(known, table="other", published=3.0, theirs=Interval(3.0, -40.0, 4.0)),
        replace(known, label="dqn"),
        replace(known, environment="F-v0", verdict="not yet run"),
    ]
    [picture] = figures.published(lines)
    assert picture.caption.startswith("E-v0: 3 plausible.")
    drawn = drawing.to_bytes(drawing.draw(picture, palette.styles(["ppo", "dqn"])), "svg").decode()
    assert [name in drawn for name in (">dqn<", ">ppo, t<", ">ppo, other<", ">ppo<", "F-v0")] == [True] * 3 + [
        False
    ] * 2
    # The published interval widens the axis to its lower end.
    assert f">{MINUS}40<" in drawn


def test_a_number_that_the_random_policy_would_have_passed_too_is_named_as_proving_little() -> None:
    # Five runs at 100 and five at 500: mean 300, sd 210.8, t(9, 97.5 %) 2.262, so 300 -+ 2.262 x 210.8 x sqrt(1.1).
    ours = np.repeat([100.0, 500.0], 5)
    found = replace(_judged(500.0, ours), limits=against_one(500.0, ours).limits)
    assert found.limits is not None
    assert [found.limits.low, found.limits.high] == pytest.approx([-200.2, 800.2], abs=0.1)
    passes, fails = replace(found, random=-200.0), replace(found, random=-201.0, label="a2c")
    told = weak([passes, fails, replace(passes, verdict="undecided")])
    assert told.startswith("1 of the 2 that are plausible proves little")
    assert told.endswith("(ppo on E-v0).")
    # From -200.2 to 800.2 is more than half of -300 to 1,500, and less than half of -300 to 2,000.
    assert replace(passes, random=-300.0, target=1500.0).weak
    assert not replace(passes, random=-300.0, target=2000.0).weak
    # Nothing is known of the random policy; limits of a difference of means are about something else.
    assert weak([found, fails, replace(passes, verdict="reproduced")]) == ""


def test_a_single_run_has_what_is_allowed_and_a_mean_of_several_its_difference_from_ours() -> None:
    single = replace(_judged(11.0, np.arange(10.0)), limits=Interval(4.5, -2.68, 11.68, 10))
    several = replace(_judged(6.0, np.arange(10.0), runs=3), limits=Interval(-1.5, -4.0, 1.0, 10), margin=5.0)
    alike = replace(several, limits=Interval(0.0, n=10, notes=(Fact("one value each", (10, 3)),)))
    allowed, difference = f"{MINUS}2.7 to 11.7", f"{MINUS}1.50 [{MINUS}4.00, 1.00], margin ±5.00"

    def limits(*lines: PublishedVerdict) -> list[tuple[str, ...]]:
        told = judged_table(lines)
        names = [column.name for column in told.columns]
        return [tuple(names[6:-5]), *(row[6:-5] for row in told.shown())]

    assert limits(single) == [("Allowed",), (allowed,)]
    assert limits(several, alike) == [("Difference",), (difference,), ("0.00, margin ±5.00",)]
    assert limits(single, several) == [("Allowed", "Difference"), (allowed, DASH), (DASH, difference)]


def test_the_last_rollout_is_finished_where_it_is_more_than_one_in_a_hundred() -> None:
    table = replace(_table(), whole_rollouts=True)

    def steps(algorithm: str, steps: int, settings: dict[str, int]) -> int:
        return budget(table, replace(_entry(), algorithm=algorithm, steps=steps, settings=settings))

    # 50,000 steps in rollouts of 4,096 are twelve and a bit: the thirteenth is finished.
    assert steps("trpo", 50_000, {"n_steps": 2048, "n_envs": 2}) == 13 * 4096
    assert steps("ppo", 5000, {}) == 3 * 2048
    assert steps("ppo", 4096, {}) == 4096
    assert steps("a2c", 12, {"n_envs": 1}) == 15
    # The hundredth update and later ones make no difference; a replay buffer has no rollouts.
    assert steps("ppo", 98 * 2048 + 1, {}) == 99 * 2048
    assert steps("ppo", 99 * 2048 + 1, {}) == 99 * 2048 + 1
    assert steps("dqn", 50_001, {"train_freq": 256}) == 50_001
    assert budget(replace(table, whole_rollouts=False), replace(_entry(), algorithm="ppo", steps=5000)) == 5000


def test_the_random_policys_return_comes_from_the_reference() -> None:
    entry, found = replace(_entry(), mean=0.7), _cell()
    assert compare(_table(), entry, found).random == 0.5


def test_a_verdict_holds_what_it_rests_on_and_what_a_clearer_one_costs() -> None:
    told = compare(_table(), _entry(), _cell())
    assert (told.target, told.values, told.n, told.seeds) == (0.9, (10.0, 10.0), 2, (0, 1))
    # 9 is the lowest of three; ten runs are asked for; two span their next with (2 - 1) / (2 + 1).
    assert (told.verdict, told.reason) == ("undecided", Fact("few against one", (2, 10)))
    assert (told.rank, told.more_runs) == (1, 8)
    assert told.level == pytest.approx(1 / 3)
    assert told.limits is not None
    assert (told.limits.low, told.limits.high, told.limits.n) == (10.0, 10.0, 2)


def test_few_numbers_few_runs_and_means_of_several_runs_say_nothing_about_a_leaning() -> None:
    rng, many = np.random.default_rng(0), np.arange(10.0)
    assert leaning([_judged(11.0, many)] * 4, rng) is None
    assert leaning([_judged(11.0, many[:9])] * 9, rng) is None
    assert leaning([_judged(11.0, many, runs=5)] * 9, rng) is None


FEW_DRAWS = 999
"""They leave a p-value's level that of many, and its power nearly so."""


def test_a_table_whose_algorithms_share_their_luck_is_seldom_said_to_lean() -> None:
    rng = np.random.default_rng(2)

    def table(apart: bool) -> float:
        lines = []
        for place in range(4):
            # Five algorithms whose runs of one seed differ by little from each other, as the same episodes make them.
            luck = rng.normal(size=11)
            for algorithm in range(5):
                runs = luck + 0.2 * rng.normal(size=11)
                lines.append(_judged(runs[0], runs[1:], place=f"E-v{place}" + f"-{algorithm}" * apart))
        found = leaning(lines, rng, FEW_DRAWS)
        return 1.0 if found is None else found.p

    def called(apart: bool) -> float:
        return float(np.mean([table(apart) < 0.05 for _ in range(150)]))

    assert called(apart=False) < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 150)
    # Taken for twenty environments, they would be said to lean far too often.
    assert called(apart=True) > 0.2


def test_a_table_of_honest_single_runs_is_seldom_said_to_lean_and_a_table_of_best_of_three_mostly() -> None:
    rng = np.random.default_rng(1)

    def called(draws: int) -> float:
        tables = [
            leaning(
                [
                    _judged(rng.exponential(size=draws).max(), rng.exponential(size=10), place=f"E-v{place}")
                    for place in range(20)
                ],
                rng,
                FEW_DRAWS,
            )
            for _ in range(150)
        ]
        return sum(found is not None and found.p < 0.05 for found in tables) / len(tables)

    # 150 tables: 5 % and three standard errors of it.
    assert called(1) < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 150)
    assert called(3) > 0.8


def test_each_statistic_reads_its_own_number_of_a_run() -> None:
    runs = _cell().runs
    assert [statistic(runs, name) for name in STATISTICS] == [
        pytest.approx([10.0, 10.0]),
        pytest.approx([3.0, 3.0]),
        pytest.approx([4.0, 4.0]),
        pytest.approx([7.0, 7.0]),
    ]
    # One run alone has a maximum of its own: 2, 4, 3, 2, ... at its evaluations.
    assert statistic(runs[:1], "maximum") == pytest.approx([4.0])
    assert statistic([], "maximum") is None


@pytest.mark.parametrize("name", published.names())
def test_every_published_number_can_be_planned_or_says_why_not(name: str) -> None:
    table = published.table(name)
    assert table.statistic in STATISTICS
    opened = open_table(name, results=Path("nowhere"))
    assert len(opened.cells) == len(table.cells)
    for one in opened.cells:
        assert bool(one.trials) is not bool(one.cell.not_comparable)
        assert len(one.trials) == (table.seeds if one.trials else 0)
        assert all(trial.steps == budget(table, one.cell) for trial in one.trials)
        assert set(one.cell.settings) <= set(catalog.find_algorithm(one.cell.algorithm).settings or ())
        assert one.cell.place in catalog.environments() or one.cell.not_comparable
        assert one.cell.place == one.cell.environment or one.cell.place in table.environments


def test_rl_zoos_table_has_its_64_rows_and_five_that_nothing_can_be_compared_with() -> None:
    table = published.table("rl-zoo")
    assert len(table.cells) == 64
    assert sum(bool(entry.not_comparable) for entry in table.cells) == 5
    known = {(entry.algorithm, entry.environment): entry.mean for entry in table.cells}
    assert known["ppo", "LunarLander-v2"] == 242.119


def test_the_cheapest_number_comes_first_and_what_cannot_be_compared_last() -> None:
    cells = open_table("rl-zoo", results=Path("nowhere")).cells
    costs = [one.seconds for one in cells if one.trials]
    assert costs == sorted(costs)
    assert not any(one.trials for one in cells[len(costs) :])


def test_names_are_chosen_by_pattern_and_a_typo_gets_a_hint() -> None:
    chosen = open_table("rl-zoo", only=["ppo@LunarLander-v2", "@Acrobot-v1"], results=Path("nowhere")).cells
    assert ("ppo", "LunarLander-v3") in {one.key for one in chosen}
    assert {one.key[1] for one in chosen} == {"LunarLander-v3", "Acrobot-v1"}
    with pytest.raises(BenchError, match=r"did you mean 'ppo@CartPole-v1'"):
        open_table("rl-zoo", only=["ppo@CartPol-v1"])
    with pytest.raises(BenchError, match=r"did you mean 'rl-zoo'"):
        open_table("rl-zo")
    for nothing in ("", " ", "@"):
        with pytest.raises(BenchError, match="has no such number"):
            open_table("rl-zoo", only=[nothing])


def test_a_dry_run_tells_what_the_hours_pay_for(tmp_path: Path) -> None:
    def cells(*words: str) -> list[dict[str, Any]]:
        place = ["--dry-run", "--json", "--results", str(tmp_path)]
        found: list[dict[str, Any]] = json.loads(
            CliRunner().invoke(app, ["reproduce", "rl-zoo", *place, *words]).stdout
        )["cells"]
        return found

    everything = cells()
    cheapest = [one["core_seconds"] for one in everything[:3]]
    assert cells("--core-hours", str((sum(cheapest) + 1) / 3600)) == everything[:3]
    assert cells("--core-hours", "0") == []


def test_another_budget_settings_or_evaluation_is_not_compared() -> None:
    table, entry = _table(), _entry()
    found = _cell()
    assert compare(table, entry, found).verdict != "not comparable"
    assert reason(compare(table, replace(entry, steps=300), found)) == "budget 200 against 300 steps"
    assert reason(compare(table, replace(entry, settings={"gamma": 0.5}), found)) == "other settings: gamma"
    same = replace(found.entries[0].trial, hyperparameters={"gamma": 0.5})
    equal = replace(found, entries=(replace(found.entries[0], trial=same),))
    assert compare(table, replace(entry, settings={"gamma": 0.5}), equal).verdict != "not comparable"
    assert reason(compare(table, replace(entry, settings={"lr": 0.5, "gamma": 0.5}), equal)) == "other settings: lr"
    told = reason(compare(replace(table, deterministic=False), entry, found))
    assert told == "evaluated deterministically against with exploration"
    here = replace(found.entries[0].trial, evaluation=EvaluationPlan(20, 4, 49, deterministic=False))
    other = replace(found, entries=(replace(found.entries[0], trial=here),))
    assert compare(table, entry, other).reason == Fact("exploring here")
    assert compare(replace(table, deterministic=False), entry, other).reason == Fact("final episodes", (49, 100))
    last = replace(table, deterministic=False, statistic="last")
    assert compare(last, entry, other).reason == Fact("episodes", (4, 10))
    # Half of what is asked for is enough.
    half = replace(here, evaluation=EvaluationPlan(20, 5, 50, deterministic=False))
    enough = replace(found, entries=(replace(found.entries[0], trial=half),))
    for one in (replace(table, deterministic=False), last):
        assert compare(one, entry, enough).verdict != "not comparable"
    assert reason(compare(table, replace(entry, not_comparable="gone"), found)) == "gone"


def test_numbers_that_nothing_can_be_compared_with_come_last() -> None:
    cells = [one for one in open_table("rl-zoo", results=Path("nowhere")).cells if one.trials]
    order = [(entry.algorithm, entry.place) for entry in published.table("rl-zoo").cells]
    first, second = sorted(cells, key=lambda one: order.index(one.key))[:2]
    trials = [replace(first.trials[0], steps=7), second.trials[0]]
    ours = cells_of(trials, [_record(trial) for trial in trials], {}, AnalysisPlan())
    told = against(tuple(ours.values()))
    assert [(line.label, line.environment) for line in told] == [second.key, first.key]
    assert [line.verdict for line in told] == ["undecided", "not comparable"]


def test_a_mean_of_several_runs_is_set_against_the_mean_of_ours_with_both_intervals() -> None:
    # Theirs: sqrt(3) over the population of four runs, 2 as a sample, so 10 -+ 3.18245 x 2 / sqrt(4) with 3 degrees of
    # freedom. Ours: 8, 10, 10 and 12. Variances of the means 1 and 2/3: 5.769 degrees of freedom, t 2.47084.
    table = replace(_table(), runs=4, spread_over="runs", margin=0.2)
    entry = replace(_entry(), environment="Old-v0", mean=10.0, spread=math.sqrt(3))
    found = replace(_cell(), runs=tuple(replace(_cell().runs[0], final_return=one) for one in (8.0, 10.0, 10.0, 12.0)))
    told = compare(table, entry, replace(found, reference=Reference(0.0, 20.0)))
    assert (told.published_as, told.published, told.published_runs) == ("Old-v0", 10.0, 4)
    assert told.published_sd == pytest.approx(2)
    assert told.theirs is not None
    assert (told.theirs.low, told.theirs.high) == pytest.approx((10 - 3.18245, 10 + 3.18245), abs=1e-5)
    assert (told.theirs.estimate, told.theirs.n) == (10.0, 4)
    assert told.limits is not None
    assert (told.limits.low, told.limits.high) == pytest.approx((-3.18983, 3.18983), abs=1e-4)
    # A fifth of the way from 0 to 20.
    assert (told.margin, told.verdict, told.reason) == (4.0, "reproduced", Fact("within", (4.0,)))
    assert told.sd == pytest.approx(math.sqrt(8 / 3))


def test_numbers_run_in_one_go_the_cheapest_first_and_failed_trials_only_when_asked(tmp_path: Path) -> None:
    cheap, dear = _entry(), replace(_entry(), environment="bench/Corridor-v0", steps=300, minutes=9)
    table = replace(_table(), cells=(dear, cheap))
    shown: list[PublishedCell] = []
    heard = _Heard()

    def show(cells: Sequence[CellPlan], jobs: Sequence[Job]) -> AbstractContextManager[_Heard]:
        shown.extend(one.cell for one in cells)
        assert [job.expected_seconds for job in jobs[-2:]] == [9 * 60.0] * 2
        return nullcontext(heard)

    opened = reproduction(table, seeds=2, results=tmp_path)
    borrowed, broken = opened.cells[0].trials
    _keep(_record(borrowed), tmp_path / "elsewhere" / "trials" / borrowed.name)
    opened.experiment.store.keep_failure(Failure(broken, "exception", "broken"))
    options = RunOptions(workers=1, devices="cpu")
    checkpoint = opened.experiment.store.folder(opened.cells[1].trials[0]) / CHECKPOINT
    checkpoint.parent.mkdir(parents=True)
    checkpoint.touch()
    told: list[str] = []
    rerun(reproduction(table, seeds=3, results=tmp_path), options, show, tell=told.append)
    assert [sentence.partition(":")[0] for sentence in told] == ["1 interrupted trial will begin anew"]
    assert shown == [cheap, dear]
    assert heard.started == [(cheap.place, 2), (dear.place, 0), (dear.place, 1), (dear.place, 2)]
    heard.started.clear()
    failed = reproduction(replace(table, cells=(cheap,)), seeds=3, results=tmp_path)
    rerun(failed, replace(options, retry_failed=True), lambda *_: nullcontext(heard))
    assert heard.started == [(cheap.place, 1)]


def test_failures_that_are_left_and_what_trying_them_again_costs_are_counted(tmp_path: Path) -> None:
    table = replace(_table(), cells=(_entry(),))
    for trial in reproduction(table, seeds=2, results=tmp_path).cells[0].trials:
        reproduction(table, seeds=2, results=tmp_path).experiment.store.keep_failure(Failure(trial, "exception", "no"))
    opened = reproduction(table, seeds=2, results=tmp_path)
    assert (opened.cells[0].cost, opened.cells[0].cost_of(failed=True)) == (0.0, 2 * opened.cells[0].seconds)
    for again in (False, True):
        # Nothing is affordable.
        summary = rerun(opened, RunOptions(workers=1, retry_failed=again), _silently, core_hours=0)
        assert (summary.failed, summary.exit_code) == (2, 1)


def test_seeds_of_the_numbers_asked_for_price_no_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int | None] = []

    def opened(name: str, *, seeds: int | None = None, **rest: Any) -> Reproduction:
        asked.append(seeds)
        return open_table(name, seeds=seeds, **rest)

    monkeypatch.setattr(command, "open_table", opened)
    words = ["reproduce", "rl-zoo", "--no-run", "--only", "ppo@CartPole-v1", "--seeds", "39"]
    told = CliRunner().invoke(app, [*words, "--results", str(tmp_path / "results"), "--to", str(tmp_path)])
    assert (told.exit_code, asked) == (0, [39, None])


@pytest.mark.slow
def test_a_table_is_run_judged_and_reported_and_not_run_twice(tmp_path: Path) -> None:
    table = _table()
    opened = reproduction(table, seeds=2, results=tmp_path)
    assert [line.verdict for line in judge(opened)] == ["not yet run", "not comparable"]
    assert rerun(opened, RunOptions(workers=1), _silently, core_hours=0).planned == 0
    summary = rerun(opened, RunOptions(workers=1, devices="cpu"), _silently)
    assert (summary.done, summary.failed) == (2, 0)
    again = reproduction(table, seeds=2, results=tmp_path)
    assert not any(one.missing for one in again.cells)
    assert rerun(again, RunOptions(workers=1), _silently).planned == 0
    line = judge(again)[0]
    assert (line.verdict, line.n, line.more_runs) == ("undecided", 2, 8)
    page = write_page(again, [line, *judge(again)[1:]], tmp_path / "page").read_text()
    assert "1 of 1 comparable number run (n = 2): 1 undecided; 1 more not comparable." in page
    assert "8 more runs" in page
    assert (tmp_path / "page" / "tables" / "published.csv").is_file()


def test_trials_of_another_suite_count_where_they_are_the_same(tmp_path: Path) -> None:
    table = _table()
    first = reproduction(table, seeds=2, results=tmp_path)
    folder = tmp_path / "elsewhere" / "trials"
    for trial in first.cells[0].trials:
        _keep(_record(trial), folder / trial.name)
    opened = reproduction(table, seeds=2, results=tmp_path)
    assert opened.borrowed == {str(tmp_path / "elsewhere"): 2}
    assert not any(one.missing for one in opened.cells)
    assert json.loads((folder / first.cells[0].trials[0].name / "trial.json").read_text())


def test_runs_of_further_seeds_count_without_being_asked_for_again_and_others_like_them_do_not(tmp_path: Path) -> None:
    table = _table()
    bought = reproduction(table, seeds=4, results=tmp_path)
    third, fourth = bought.cells[0].trials[2:]
    # The fourth seed has other settings: nothing of it is here, and nobody asked for it.
    for trial in (third, replace(fourth, hyperparameters={"gamma": 0.5})):
        _keep(_record(trial), bought.experiment.store.root / "trials" / trial.name)
    opened = reproduction(table, seeds=2, results=tmp_path)
    assert [trial.seed for trial in opened.cells[0].trials] == [0, 1, 2]
    assert [trial.seed for trial in opened.cells[0].missing] == [0, 1]
    assert judge(opened)[0].n == 1
    assert [trial.fingerprint for trial in opened.experiment.plan.trials] == [
        trial.fingerprint for trial in opened.cells[0].trials
    ]


def test_a_suites_report_shows_published_counterparts_and_folds_the_others(tmp_path: Path) -> None:
    text = (
        "name: own\nseeds: 2\nhyperparameters: rl-zoo\nalgorithms: [ppo, random]\n"
        "environments: {CartPole-v1: {steps: 100_000}, Acrobot-v1: {steps: 200_000}}\n"
    )
    (tmp_path / "own.yaml").write_text(text)
    experiment = open_experiment(tmp_path / "own.yaml", results=tmp_path)
    outcomes = [_record(trial) for trial in experiment.plan.trials]
    known = references(experiment.suite)
    found = analyse(experiment.suite, experiment.plan.trials, outcomes, known, np.random.default_rng(1))
    lines = {(line.table, line.environment): line for line in found.published}
    assert lines["rl-zoo", "CartPole-v1"].verdict == "undecided"
    assert reason(lines["rl-zoo", "Acrobot-v1"]) == "budget 200,000 against 1,000,000 steps"
    page = render(found, "html")
    assert page.index("Against published results") < page.index("budget 200,000 against 1,000,000 steps")
    assert "4 published numbers about these cells: 1 undecided, 3 not comparable." in page
    assert "Against published results" in render(found, "md")
    assert "Against published results" not in render(replace(found, published=()), "html")


class _Heard:
    """What a terminal would show of a run."""

    def __init__(self) -> None:
        self.shown: list[PublishedCell] = []
        self.started: list[tuple[str, int]] = []

    def hear(self, event: Event) -> None:
        if isinstance(event, Started):
            self.started.append((event.job.trial.environment, event.job.trial.seed))

    def stopping(self) -> None: ...


def _silently(cells: Sequence[CellPlan], jobs: Sequence[Job]) -> AbstractContextManager[_Heard]:
    del cells, jobs
    return nullcontext(_Heard())


def _keep(record: Record, folder: Path) -> None:
    """Keep a record with its numbers repeated as often as its trial's evaluation plan wants them."""
    plan, curve, final = record.trial.evaluation, record.curve, record.final
    rows = {name: np.resize(getattr(curve, name), (plan.points, plan.episodes)) for name in ("returns", "lengths")}
    names = ("seconds", "cpu_seconds", "training_returns")
    points = {name: np.resize(getattr(curve, name), plan.points) for name in names}
    steps = np.linspace(1, record.trial.steps, plan.points).astype(np.int64)
    returns, lengths = np.resize(final.returns, plan.final_episodes), np.resize(final.lengths, plan.final_episodes)
    folder.mkdir(parents=True)
    keep(
        replace(record, curve=Curve(steps=steps, **rows, **points), final=Final(final.steps, returns, lengths)), folder
    )


def _summary(runs: Floats) -> Summary:
    return Summary(float(np.mean(runs)), float(np.std(runs, ddof=1)), len(runs))


def _entry() -> PublishedCell:
    return PublishedCell("random", "bench/Bandit-v0", 9.0, 200)


def _table() -> PublishedTable:
    return PublishedTable(
        name="small",
        title="A small table",
        source="nowhere",
        commit="0",
        date="2020",
        licence="none",
        versions={},
        protocol="As here.",
        statistic="final",
        deterministic=True,
        runs=1,
        spread_over="episodes",
        rounding=0.0,
        seeds=10,
        margin=0.05,
        hyperparameters="default",
        cells=(_entry(), replace(_entry(), environment="Gone-v0", not_comparable="it is gone")),
    )


def _record(trial: Trial) -> Record:
    plan = trial.evaluation
    # However many points there are, the last three are the same.
    turn = np.arange(-plan.points, 0) % 3
    points = np.array([np.resize(row, plan.episodes) for row in np.array([[1.0, 3.0], [3.0, 5.0], [2.0, 4.0]])[turn]])
    steps, flat = np.arange(1, plan.points + 1) * 200 // plan.points, np.zeros(plan.points)
    training, final = np.array([np.nan, 6.0, 7.0])[turn], np.resize([9.0, 11.0], plan.final_episodes)
    return Record(
        trial=trial,
        curve=Curve(steps, flat, flat, points, np.ones(points.shape, np.int64), training),
        final=Final(200, final, np.ones(final.shape, np.int64)),
        timings={"wall": 1.0},
        resources={},
        provenance={},
    )


def _cell() -> Cell:
    trials = [
        Trial("random", "random", "bench/Bandit-v0", seed, 200, EvaluationPlan(), "module:name", {}) for seed in (0, 1)
    ]
    outcomes: list[Outcome] = [_record(trial) for trial in trials]
    known = {"bench/Bandit-v0": Reference(0.5, 0.9)}
    return cells_of(trials, outcomes, known, AnalysisPlan())["random", "bench/Bandit-v0"]


def test_the_page_is_about_the_whole_table_whatever_part_was_asked_for(tmp_path: Path) -> None:
    results = Path(__file__).parents[1] / "results"
    command = ["reproduce", "rl-zoo", "--no-run", "--only", "ppo@CartPole-v1"]
    told = CliRunner().invoke(app, [*command, "--results", str(results), "--to", str(tmp_path)])
    assert told.exit_code == 0, told.output
    assert "1 of 1 comparable number run (n = 10): 1 plausible." in told.output
    assert "a2c" not in told.output
    page = (tmp_path / "index.html").read_text()
    assert "of 59 comparable numbers run" in page
    assert "a2c on LunarLander-v3" in page


def test_limits_that_most_numbers_would_pass_are_weak_and_end_at_what_can_be_returned() -> None:
    # CartPole returns at most 500; ten runs from 100 to 500 hold more than half of the way from 22 to 475.
    table = next(one for one in published.tables() if one.name == "rl-zoo")
    entry = next(one for one in table.cells if one.place == "CartPole-v1")
    ours = np.array([100.0, 500, 150, 480, 200, 450, 300, 500, 250, 400])
    bare = PublishedVerdict(
        *("rl-zoo", "ppo", "CartPole-v1", "CartPole-v1", entry.steps, "final", 500.0, 1, None, "not yet run", Fact())
    )
    found = judged_against(bare, replace(table, runs=1), ours, Reference(22.4, 475.0), 500.0)
    assert (found.verdict, found.weak) == ("plausible, weakly", True)
    assert found.limits is not None
    assert found.limits.high == 500.0


def test_no_limit_lies_below_the_least_that_an_environment_can_return() -> None:
    # MountainCar costs 1 in each of at most 200 steps.
    table = next(one for one in published.tables() if one.name == "rl-zoo")
    ours = np.array([-200.0, -200, -190, -110, -120, -115, -200, -105, -130, -112])
    bare = PublishedVerdict(
        *("rl-zoo", "ppo", "MountainCar-v0", "MountainCar-v0", 1, "final", -110.4, 1, None, "not yet run", Fact())
    )
    least = catalog.environments()["MountainCar-v0"].floor
    free = judged_against(bare, replace(table, runs=1), ours, Reference(-200.0, -110.0), None)
    found = judged_against(bare, replace(table, runs=1), ours, Reference(-200.0, -110.0), None, least)
    assert free.limits is not None
    assert free.limits.low is not None
    assert free.limits.low < -200.0
    assert found.limits == replace(free.limits, low=-200.0)
    several = replace(bare, published_runs=3, published_sd=40.0, published=-180.0)
    theirs = judged_against(several, replace(table, runs=3), ours, Reference(-200.0, -110.0), None, least).theirs
    assert theirs is not None
    assert theirs.low == -200.0


def test_what_hinders_a_reproduction_is_told_in_full(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    opened = open_table("rl-zoo", only=("ppo@CartPole-v1",), results=tmp_path)
    trouble = Run(5, 2, 0, 1, False, hindered=1, hindrances=("no space left",), unreadable=2)
    say_verdicts(opened, (), None, tmp_path / "index.html", trouble, as_json=False)
    said = " ".join(capsys.readouterr().out.split())
    assert "1 trial was not run to the end" in said
    assert "no space left" in said
    assert "2 files of results cannot be read" in said
    assert "another command on this folder is at work on 1 trial" in said
