"""What the analysis finds to say besides numbers: cautions, cards, origins of imported results, reasons; by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench.analysis.cards import cards
from bench.analysis.cautions import _falling
from bench.analysis.ledger import Entry
from bench.analysis.origins import origins
from bench.analysis.published import Judgement, Summary, against_one, against_several, compare, statistic
from bench.analysis.sequential import Design, Rivals, differences
from bench.records import (
    AnalysisPlan,
    Card,
    CellEstimate,
    Claim,
    Conclusion,
    EvaluationPlan,
    Fact,
    Failure,
    Interval,
    Origins,
    Outcome,
    Pair,
    PublishedVerdict,
    Record,
    Reference,
    Reliability,
    Sensitivity,
    Situation,
    Threshold,
)
from bench.report import claims as wording
from bench.report import tables
from bench.report.cautions import warnings
from tests import test_claims as claims
from tests import test_published as published
from tests.test_analysis_estimates import BUDGET, UNIT, Results, record_of, results_of, trial_of

near: Any = pytest.approx
"""Stands within records, too."""
FEW = (Fact("few runs", (4, 4, 10, 4)),)


def _four(**plan: Any) -> Results:
    return results_of({(label, env): [0.1, 0.2, 0.3, 0.4] for label in ("ppo", "dqn") for env in "ab"}, **plan)


def _changed(case: Results, label: str, env: str, seed: int, **more: Any) -> Results:
    def change(old: Outcome) -> Outcome:
        trial = old.trial
        mine = (trial.label, trial.environment, trial.seed) == (label, env, seed)
        return replace(old, **more) if mine and isinstance(old, Record) else old

    return case.changed(change)


def _failed(case: Results, *which: tuple[str, str, int]) -> Results:
    return case.changed(
        lambda old: (
            Failure(old.trial, "diverged", "gone", "")
            if (old.trial.label, old.trial.environment, old.trial.seed) in which
            else old
        )
    )


def test_of_four_sound_runs_each_nothing_is_said_but_that_they_are_few() -> None:
    assert _four().analysed().cautions == FEW


def test_missing_and_failed_trials_are_told_with_where_they_failed_and_what_counts_there() -> None:
    case = _failed(_four(), ("ppo", "a", 1), ("ppo", "b", 2), ("ppo", "b", 3))
    case = replace(case, references={"a": UNIT, "b": None})
    case = case.changed(lambda old: None if (old.trial.label, old.trial.seed) == ("dqn", 0) else old)
    # On b a failed run of ppo has no score: two runs are left there, and three of dqn on either.
    assert case.analysed().cautions == (
        Fact("missing", (2, 16)),
        Fact("failed, as random", (3, 16), rows=(("ppo", "a", 1), ("ppo", "b", 2))),
        Fact("failed somewhere unscored"),
        Fact("few runs", (4, 4, 10, 2)),
        Fact("too few runs", (4,)),
        Fact("some without reference", rows=(("b",),)),
    )


@pytest.mark.parametrize(
    ("plan", "bare", "kind"),
    [
        ({"failures": "random"}, False, "failed, as random"),
        ({"failures": "random"}, True, "failed, as last"),
        ({"failures": "random", "metric": "auc"}, True, "failed, no reference"),
        ({"failures": "drop"}, False, "failed, left out"),
        ({"failures": "drop"}, True, "failed, left out"),
    ],
)
def test_what_counts_for_a_failed_trial_follows_the_plan(plan: dict[str, str], bare: bool, kind: str) -> None:
    case = _failed(_four(**plan), ("ppo", "a", 1))
    found = replace(case, references={"a": None, "b": None} if bare else case.references).analysed().cautions
    assert Fact(kind, (1, 16), rows=(("ppo", "a", 1),)) in found
    no_reference = (
        Fact("no reference") if plan.get("metric") != "auc" else Fact("some without reference", rows=(("a",), ("b",)))
    )
    assert (no_reference in found) is bare
    assert Fact("failed somewhere unscored") not in found


@pytest.mark.parametrize(("steps", "told"), [(1049, ()), (1051, (("dqn", "b", near(5.1)),))])
def test_more_than_a_twentieth_past_the_budget_is_told(steps: int, told: tuple[Any, ...]) -> None:
    record = record_of(trial_of("dqn", "b", 2), 0.3)
    case = _changed(_four(), "dqn", "b", 2, final=replace(record.final, steps=steps))
    assert case.analysed().cautions == FEW + ((Fact("overshoot", rows=told),) if told else ())


def test_runs_that_made_no_update_count_nowhere_and_are_told_first() -> None:
    case = _four()
    for seed in (1, 3):
        case = _changed(case, "ppo", "b", seed, updates=0)
    # One from before updates were counted, whose settings leave no time for a rollout of 2,048 steps; one that learns
    # from episodes of which nobody knows how long they were; and one that somebody else has made.
    case = _changed(case, "ppo", "a", 2, settings={"n_steps": 2048, "n_envs": 1, "n_epochs": 10})
    case = _changed(case, "dqn", "a", 0, settings={"train_freq": [1, "episode"], "gradient_steps": 1})
    case = _changed(case, "dqn", "b", 0, updates=12)
    found = case.analysed()
    assert found.cautions == (
        Fact("idle", rows=(("ppo", "a", 1), ("ppo", "b", 2))),
        Fact("few runs", (4, 4, 10, 2)),
        Fact("too few runs", (4,)),
    )
    counted = {(one.label, one.environment): (one.n, one.missing, one.failed) for one in found.cells}
    assert counted == {
        ("ppo", "a"): (3, 0, 0),
        ("ppo", "b"): (2, 0, 0),
        ("dqn", "a"): (4, 0, 0),
        ("dqn", "b"): (4, 0, 0),
    }
    assert next(one.returns for one in found.cells if (one.label, one.environment) == ("ppo", "b")) == (0.1, 0.3)
    told = "Runs that made no update are no evidence, and are left out of every number: "
    assert warnings(replace(found, notes=("A note.",)))[0].startswith(told + "ppo on a (1 of its runs), ppo on b (2 of")


def test_cut_episodes_are_told_with_how_many_and_after_which_steps() -> None:
    case = _changed(_four(), "ppo", "b", 0, cut_episodes={"steps": 500, "final": 2})
    case = _changed(case, "ppo", "b", 1, cut_episodes={"steps": 400, "final": 3, "curve": 9})
    assert case.analysed().cautions == (*FEW, Fact("cut", rows=(("ppo", "b", 5, 400, 500),)))


@pytest.mark.parametrize(
    ("resources", "told"),
    [
        # Two workers of one thread: from 1.5 x 2 + 1 on others were at work.
        ({"device": "cpu", "threads": 1, "workers": 2, "load": 4.0}, ()),
        ({"device": "cpu", "threads": 1, "workers": 2, "load": 4.1}, (Fact("busy", (1, 16)),)),
        ({"device": "cpu", "threads": 3, "workers": 2, "load": 9}, (Fact("packings", (2,)),)),
        ({"device": "cuda", "threads": 1, "workers": 2, "load": "9"}, (Fact("packings", (2,)),)),
        ({"device": "cpu", "threads": 1, "workers": 1, "load": 9.0}, (Fact("packings", (2,)), Fact("busy", (1, 16)))),
    ],
)
def test_clocks_of_other_packings_and_of_busy_machines_are_told(
    resources: dict[str, Any], told: tuple[Fact, ...]
) -> None:
    assert _changed(_four(), "ppo", "a", 3, resources=resources).analysed().cautions == FEW + told


def test_another_processor_is_another_packing() -> None:
    case = _changed(_four(), "ppo", "a", 3, provenance={"processor": "another"})
    assert case.analysed().cautions == (*FEW, Fact("packings", (2,)))


def test_what_no_plan_asked_for_or_was_trained_under_other_conditions_is_told() -> None:
    case = _four()
    other = [record_of(replace(trial_of("a2c", "b", seed), steps=2 * BUDGET), 0.3) for seed in range(4)]
    found = replace(case, outcomes=(*case.outcomes, *other)).analysed().cautions
    assert found == (
        Fact("few runs", (5, 5, 10, 4)),
        Fact("unplanned", (4,)),
        Fact("unequal", rows=(("b",),)),
        Fact("apart", rows=(("a2c", "b", 2 * BUDGET, BUDGET),)),
    )
    # Where nothing was planned, nothing is unplanned.
    assert not [one for one in replace(case, planned=()).analysed().cautions if one.kind == "unplanned"]


def test_an_algorithm_that_lacks_an_environment_and_an_environment_that_all_solve_are_told() -> None:
    case = results_of({("ppo", "a"): [1.0] * 4, ("ppo", "b"): [0.5] * 4, ("dqn", "a"): [0.9] * 4})
    assert case.analysed().cautions == (
        Fact("few runs", (3, 3, 10, 4)),
        Fact("incomplete", rows=(("dqn", 1),)),
        Fact("saturated", rows=(("a",),)),
    )


def test_records_without_a_curve_do_not_count_where_the_area_under_it_is_the_metric() -> None:
    bare = record_of(trial_of("ppo", "a", 1), 0.2, curve=[])
    found = _changed(_four(metric="auc"), "ppo", "a", 1, curve=bare.curve).analysed().cautions
    assert found == (Fact("few runs", (4, 4, 10, 3)), Fact("too few runs", (4,)), Fact("curveless", (1,)))


def test_an_environment_and_a_floor_that_most_decided_verdicts_rest_on_are_told_before_all_else() -> None:
    # On a dqn ends far below the random policy, on b above the others, who are level on either.
    levels = {"ppo": (0.6, 0.5), "a2c": (0.6, 0.5), "dqn": (-4.0, 1.1), "random": (0.0, 0.0)}
    noise = 0.05 * np.random.default_rng(0).normal(size=(4, 10))
    runs = {
        (label, place): (level + mine).tolist()
        for (label, both), mine in zip(levels.items(), noise, strict=True)
        for place, level in zip("ab", both, strict=True)
    }
    found = results_of(runs, decide="mean").analysed()
    # What does not learn is no part of it.
    assert sum(one.verdict in {"better", "worse"} for one in found.pairs) == 5
    assert found.cautions[0] == Fact("one choice", rows=(("a", 2, 2, 2), ("", 2, 2, 0)))
    first, second, *_ = warnings(replace(found, notes=("A note.",)))
    assert first == (
        "Most decided verdicts on pairs of learners rest on one choice of the analysis: 2 of 2 fall without a (2 turn "
        "round), 2 of 2 fall with scores below the random policy's counted as it."
    )
    assert second == "A note."


def test_half_of_the_decided_verdicts_are_not_most_nor_is_one_alone_and_seeds_are_told_elsewhere() -> None:
    def fallen(many: int, of: int, *again: Fact) -> list[tuple[str, int, int, int]]:
        fails = tuple((one, "undecided") for one in again)
        lines = [
            Conclusion(Fact("better", names=("x", str(place))), 5, 9, fails * (place < many)) for place in range(of)
        ]
        floor = Conclusion(Fact("better", names=("x", "random")), 5, 9, fails)
        return _falling([Conclusion(Fact("first", names=("x",)), 5, 9, fails), floor, *lines], {"random"})

    without, two = (Fact("environments", names=names) for names in (("a",), ("a", "b")))
    assert fallen(3, 4, Fact("seeds", (1,)), Fact("auc"), two, without) == [("a", 3, 4, 0)]
    assert fallen(2, 4, without, Fact("floor")) == []
    assert fallen(1, 1, without, Fact("floor")) == []


# Cards.


def _pair(a: str, b: str, verdict: str) -> Pair:
    nothing = Interval(None)
    return Pair(a, b, 1, 10, nothing, nothing, None, None, verdict)


def _cell(label: str, environment: str, speed: float | None) -> CellEstimate:
    no = Interval(None)
    return CellEstimate(
        label, environment, (), (), (), 0, 0, 0, 0, no, no, no, no, Threshold(0, 0, no, None, None), 0.0, speed, None
    )


def _seen(share: float, low: float, high: float) -> Sensitivity:
    return Sensitivity(configurations=25, near=share, low=low, high=high, never=0.0, spread=0.1, rank=1)


def test_a_card_says_where_most_settings_do_and_where_few_do_by_the_whole_interval() -> None:
    searched: Mapping[str, Mapping[str, Sensitivity]] = {
        "ppo": {"A": _seen(0.7, 0.51, 0.9), "B": _seen(0.7, 0.5, 0.9),
                "C": _seen(0.9, 0.6, 1.0), "D": _seen(0.2, 0.1, 0.24)},
        "dqn": {"A": _seen(0.2, 0.1, 0.25)},
    }  # fmt: skip
    ppo, dqn, a2c = cards(("ppo-mine", "dqn", "a2c"), _entries("ppo-mine", "dqn", "a2c"), (), (), (), (), [searched])
    assert (ppo.strengths, ppo.weaknesses) == (
        (Fact("forgiving", names=("A", "C")),),
        (Fact("demanding", names=("D",)),),
    )
    assert (dqn.strengths, dqn.weaknesses, a2c.strengths, a2c.weaknesses) == ((), (), (), ())


def _reliable(label: str, failing: Interval, collapsed: Interval) -> Reliability:
    return Reliability(label, 1, 10, 10, 3, failing, None, None, 9, 8, 2, collapsed, None)


def _situation(key: str, choose: str | None, *as_good: str) -> Situation:
    return Situation(key, "full", (), "score", choose, as_good, (), (), 10)


def _entries(*labels: str) -> list[Entry]:
    trials = [trial_of(label, "a", 0, algorithm=name) for label in labels for name in [label.split("-")[0]]]
    return [Entry(trial.label, trial, "", "", None, planned=True) for trial in trials]


def test_a_card_names_whom_an_algorithm_beats_loses_to_and_cannot_be_told_from_the_floor() -> None:
    pairs = [
        _pair("ppo", "dqn", "better"), _pair("a2c", "ppo", "worse"), _pair("ppo", "random", "equivalent"),
        _pair("dqn", "random", "better"), _pair("random", "a2c", "better"), _pair("a2c", "dqn", "undecided"),
    ]  # fmt: skip
    labels = ("ppo", "dqn", "a2c", "unheard")
    uses = [_situation("full", "ppo", "dqn"), _situation("open", None), _situation("steps-1", "a2c")]
    found = cards(labels, _entries("ppo-mine", "dqn", "a2c"), pairs, (), (), uses)
    assert found == (
        Card(
            "ppo",
            found[0].actions,
            (Fact("above", names=("dqn", "a2c")),),
            (Fact("floor", names=("random",)),),
            ("full",),
        ),
        Card("dqn", ("discrete",), (), (Fact("below", names=("ppo",)),), ("full",)),
        Card(
            "a2c", found[2].actions, (), (Fact("below", names=("ppo",)), Fact("floor", names=("random",))), ("steps-1",)
        ),
        Card("unheard", (), (), (), ()),
    )
    assert found[0].actions == found[2].actions == ("continuous", "discrete", "multi-binary", "multi-discrete")


def test_a_card_has_its_first_four_uses() -> None:
    uses = [_situation(f"steps-{place}", "ppo") for place in range(6)]
    (card,) = cards(("ppo",), (), (), (), (), uses)
    assert card.use_when == ("steps-0", "steps-1", "steps-2", "steps-3")


@pytest.mark.parametrize(
    ("failing", "collapsed", "strengths", "weaknesses"),
    [
        # A quarter of failing runs is the bound, a twentieth of collapsed ones; the whole interval must clear it.
        (Interval(0.1, 0.0, 0.24), Interval(None), (Fact("failing", (3, 10)),), ()),
        (Interval(0.1, 0.0, 0.25), Interval(None), (), ()),
        (Interval(0.5, 0.25, 0.9), Interval(0.5, 0.05, 0.9), (), ()),
        (Interval(0.5, 0.26, 0.9), Interval(0.5, 0.06, 0.9), (), (Fact("failing", (3, 10)), Fact("collapsed", (2, 8)))),
    ],
)  # fmt: skip
def test_a_card_calls_reliable_or_unreliable_what_the_whole_interval_does(
    failing: Interval, collapsed: Interval, strengths: tuple[Fact, ...], weaknesses: tuple[Fact, ...]
) -> None:
    (card, other) = cards(("ppo", "dqn"), (), (), (), (_reliable("ppo", failing, collapsed),), ())
    assert (card.strengths, card.weaknesses) == (strengths, weaknesses)
    assert (other.strengths, other.weaknesses) == ((), ())


def test_a_card_compares_speeds_with_the_middle_of_the_others_by_the_geometric_mean() -> None:
    # On a 800 steps a second against 100 and 400, in the middle 200; on b 50 against 100. Ratios 4 and 1/2: root of 2.
    cells = [
        _cell("ppo", "a", 800.0), _cell("dqn", "a", 100.0), _cell("a2c", "a", 400.0), _cell("random", "a", 9e9),
        _cell("ppo", "b", 50.0), _cell("dqn", "b", 100.0), _cell("dqn", "c", 7.0), _cell("a2c", "c", None),
    ]  # fmt: skip
    ppo, dqn, a2c = cards(("ppo", "dqn", "a2c"), (), (), cells, (), ())
    assert (ppo.strengths, ppo.weaknesses) == ((), ())
    # 100 against the middle of 400 and 800, 400 times the root of 2; and 100 against 50: together 2^-0.75.
    assert dqn.weaknesses == (Fact("slower", (near(2**0.75),)),)
    # 400 against the middle of 100 and 800, 100 times the root of 8: the root of 2 is no word's worth.
    assert (a2c.strengths, a2c.weaknesses) == ((), ())


@pytest.mark.parametrize(
    ("speeds", "faster", "slower"),
    [
        ((151.0, 100.0), (1.51,), (1.51,)),
        ((149.0, 100.0), (), ()),
        # Four: the middle of three others is the second of them.
        ((400.0, 100.0, 200.0, 300.0), (2.0,), (3.0,)),
    ],
)
def test_a_card_calls_fast_or_slow_what_is_half_as_much_again(
    speeds: tuple[float, ...], faster: tuple[float, ...], slower: tuple[float, ...]
) -> None:
    labels = ("ppo", "dqn", "a2c", "trpo")[: len(speeds)]
    cells = [_cell(label, "a", speed) for label, speed in zip(labels, speeds, strict=True)]
    first, second, *_ = cards(labels, (), (), cells, (), ())
    assert first.strengths == tuple(Fact("faster", (near(ratio),)) for ratio in faster)
    assert second.weaknesses == tuple(Fact("slower", (near(ratio),)) for ratio in slower)


# Origins.


def test_origins_tell_which_results_are_imported_and_how_their_conditions_differ() -> None:
    here = record_of(trial_of("ppo", "E-v5", 0), 0.5)
    first = {
        "kind": "csv", "environment": "E-v4", "evaluation": "ten episodes", "step_counting": "frames",
        "seed": "as its source states it", "notes": ["a row left out", "a name cut"],
    }  # fmt: skip
    second = {
        "kind": "tensorboard",
        "environment": "E-v5",
        "evaluation": "",
        "notes": ["a name cut"],
        "seed": "numbered",
    }
    others = [
        record_of(trial_of("theirs", "E-v5", 0, origin=first), 0.5),
        record_of(trial_of("old", "E-v5", 1, origin=second), 0.5),
        record_of(trial_of("again", "E-v5", 2, origin={**first, "notes": []}), 0.5),
    ]
    assert origins([here]) is None
    assert origins([here, *others]) == Origins(
        trials=4,
        imported=3,
        kinds=("csv", "tensorboard"),
        evaluation=(
            (EvaluationPlan(points=5, episodes=2, final_episodes=4), ("ppo",)),
            ("ten episodes", ("again", "theirs")),
        ),
        counting=((None, ("ppo",)), ("frames", ("again", "theirs"))),
        renamed=(("E-v4", "E-v5"),),
        unnumbered=1,
        repaired=2,
        repairs=("a row left out", "a name cut"),
    )


# Reasons.


@pytest.mark.parametrize(
    ("said", "lost", "reason"),
    [
        (claims.claim(quantity="regret", right=None), "b", Fact("no rival")),
        (claims.claim(steps=999), "", Fact("not evaluated around", (999,))),
        (claims.claim(seconds=9), "curve", Fact("curve lacking")),
        (claims.claim(quantity="auc"), "curve", Fact("curve lacking")),
        (claims.claim(quantity="steps_to_threshold"), "curve", Fact("curve lacking")),
        (claims.claim(quantity="spread"), "reference", Fact("unscored", names=("x",))),
        (claims.claim(environments=("nowhere",)), "", Fact("nowhere")),
        (claims.claim(), "runs", Fact("short of runs", (4,), rows=(("a", "x", 3), ("b", "x", 3)))),
    ],
)
def test_a_claim_that_cannot_be_judged_has_its_reason(said: Claim, lost: str, reason: Fact) -> None:
    kept = [one for one in claims.FAR if one.trial.label != lost and (lost != "runs" or one.trial.seed < 3)]
    short = {"curve": (), "": (0.1, 0.2)}
    if lost in short:
        kept = [claims.record_of(one.trial, 0.5, curve=short[lost]) for one in kept]
    results = claims.Results(kept)
    if lost == "reference":
        results.references["x"] = None
    (found,) = results.judged(said)
    assert (found.verdict, found.more_runs) == ("undecided", None)
    assert (found.estimate.estimate, found.estimate.notes) == (None, (reason,))


def test_a_rival_that_leaves_no_interval_is_named() -> None:
    # All alike on either side: nothing moves the difference to b, and c is not asked any more.
    same = claims.records_of({("a", "x"): [0.5] * 5, ("b", "x"): [0.6] * 5, ("c", "x"): claims.around(0.3)})
    (found,) = claims.Results(same).judged(claims.claim(quantity="regret", right=None))
    first, *others = found.estimate.notes
    assert (first, bool(others), found.estimate.n) == (Fact("against", names=("b",)), True, 5)


def test_a_published_number_that_ours_cannot_be_set_against_has_its_reason() -> None:
    table, entry, found = published._table(), published._entry(), published._cell()
    bare = replace(found, runs=tuple(replace(run, means=run.means[:0]) for run in found.runs))
    told = compare(replace(table, statistic="maximum"), entry, bare)
    assert (told.verdict, told.reason, told.n) == ("not comparable", Fact("no statistic"), 2)
    several = compare(replace(table, runs=3), entry, found)
    assert (several.verdict, several.reason, several.n) == ("not comparable", Fact("no spread"), 2)
    trial = replace(found.entries[0].trial, environment_kwargs={"arms": 3})
    changed = compare(table, entry, replace(found, entries=(replace(found.entries[0], trial=trial),)))
    assert (changed.verdict, changed.reason, changed.n) == ("not comparable", Fact("changed environment"), 2)
    with pytest.raises(ValueError, match="statistic 'median' is not known"):
        statistic(found.runs, "median")


def test_a_published_number_without_runs_of_ours_says_what_it_is() -> None:
    table = replace(published._table(), runs=4, spread_over="runs", spread_kind="stderr")
    entry = replace(published._entry(), here="Here-v1", spread=3.0, note="a note")
    # A standard error of 3 over four runs: 6 over the population, times the root of 4/3 over the sample.
    assert compare(table, entry, None) == PublishedVerdict(
        table="small",
        label="random",
        environment="Here-v1",
        published_as="bench/Bandit-v0",
        steps=200,
        statistic="final",
        published=9.0,
        published_runs=4,
        published_sd=near(6 * (4 / 3) ** 0.5),
        verdict="not yet run",
        reason=Fact(),
    )


@pytest.mark.parametrize(
    ("value", "told"),
    [
        # Ten runs from 0 to 9: their next lies within 4.5 -+ 7.18335, and is another beyond -4.5 and 13.5.
        (11.73, ("plausible", Fact("plausible"), 11, None)),
        (-2.73, ("plausible", Fact("plausible"), 1, None)),
        (11.74, ("undecided", Fact("unusual", (39,)), 11, 29)),
        (13.54, ("undecided", Fact("unusual", (39,)), 11, 29)),
        (13.56, ("below", Fact("runs below"), 11, None)),
        (-4.54, ("undecided", Fact("unusual", (39,)), 1, 29)),
        (-4.56, ("above", Fact("runs above"), 1, None)),
        (3.0, ("plausible", Fact("plausible"), 4, None)),
    ],
)
def test_one_published_run_is_judged_up_to_half_a_unit_of_its_last_digit(
    value: float, told: tuple[str, Fact, int, int | None]
) -> None:
    found = against_one(value, np.arange(10.0), rounding=0.05)
    assert (found.verdict, found.reason, found.rank, found.more_runs) == told
    limits = found.limits
    assert limits is not None
    assert (limits.low, limits.estimate, limits.high) == near((4.5 - 7.18335, 4.5, 4.5 + 7.18335), abs=1e-4)
    assert (limits.n, limits.notes) == (10, ())


def test_a_single_run_of_ours_predicts_nothing() -> None:
    assert against_one(3.0, np.array([2.0])) == Judgement("undecided", Fact("few", (1,)), None, 2, 9)


@pytest.mark.parametrize(
    ("ours", "n", "told"),
    [
        # Two of each have six ways to be told apart, two of which separate them wholly; six of each 924.
        (5.04, 6, ("reproduced", Fact("all alike"), None)),
        (4.96, 6, ("reproduced", Fact("all alike"), None)),
        (5.06, 6, ("above", Fact("mean above"), None)),
        (4.0, 6, ("below", Fact("mean below"), None)),
    ],
)
def test_means_without_any_spread_are_judged_by_their_numbers_of_runs(
    ours: float, n: int, told: tuple[str, Fact, int | None]
) -> None:
    found = against_several(Summary(5.0, 0.0, 6), Summary(ours, 0.0, n), 9.0, rounding=0.05)
    assert (found.verdict, found.reason, found.more_runs) == told
    assert found.limits == Interval(near(ours - 5.0), n=6, notes=(Fact("one value each", (6, 6)),))
    few = against_several(Summary(5.0, 0.0, 2), Summary(9.0, 0.0, 4), 9.0)
    assert (few.verdict, few.reason, few.more_runs) == ("undecided", Fact("few alike"), 1)
    # 2 of 10 choose 4 and fewer: one published run of twenty is as unlikely as 5 %.
    assert against_several(Summary(5.0, 0.0, 1), Summary(9.0, 0.0, 39), 9.0).verdict == "above"
    assert against_several(Summary(5.0, 0.0, 1), Summary(9.0, 0.0, 38), 9.0).verdict == "undecided"


@pytest.mark.parametrize(
    ("ours", "margin", "told"),
    [
        # Ten runs each with a standard deviation of 1: t with 18 degrees of freedom is 2.10092, times the root of 1/5
        # 0.939561; and 0.05 of rounding.
        (6.01, 2.0, ("reproduced", Fact("within", (2.0,)))),
        (6.02, 2.0, ("above", Fact("mean above"))),
        (4.0, None, ("below", Fact("mean below"))),
        (4.0, 2.0, ("reproduced", Fact("within", (2.0,)))),
    ],
)
def test_means_are_judged_by_the_interval_of_their_difference_widened_by_rounding(
    ours: float, margin: float | None, told: tuple[str, Fact]
) -> None:
    found = against_several(Summary(5.0, 1.0, 10), Summary(ours, 1.0, 10), margin, rounding=0.05)
    assert (found.verdict, found.reason, found.more_runs) == (*told, None)
    assert found.limits is not None
    half = 0.939561 + 0.05
    difference = ours - 5.0
    assert (found.limits.low, found.limits.high) == near((difference - half, difference + half), abs=1e-5)
    assert (found.limits.estimate, found.limits.n) == (near(difference), 10)


def test_designs_differ_in_words() -> None:
    plan = AnalysisPlan()
    then = Design((4, 8), (0.01, 0.05), (Rivals("a", "b", ("x", "y")),), (), (), plan)
    assert differences(then, then) == []
    assert differences(then, replace(then, levels=(0.02, 0.05))) == ["its looks and levels were others"]
    assert differences(then, replace(then, looks=(5, 8))) == ["its looks and levels were others"]
    now = replace(
        then, looks=(4, 9), analysis=replace(plan, margin=0.1), pairs=(Rivals("a", "c", ("x",)), then.pairs[0])
    )
    assert differences(then, now) == [
        "analysis.margin was 0.05 and is 0.1",
        "it ended at 8 seeds and now at 9 (--seeds 8)",
        "it compared a, b (1 pair, 2 environments each), and now a, c, b (2 pairs, 1.5 environments each)",
    ]


def test_an_implementation_whose_likeness_was_not_seen_in_whole_runs_here_is_told() -> None:
    codes = {"ppo": "bench.algorithms.compiled.actor_critic:PPO", "dqn": "stable_baselines3:DQN"}

    def warned(*environments: str) -> list[str]:
        case = results_of({(label, name): [0.5] * 4 for label in codes for name in environments})
        case = case.changed(lambda old: replace(old, trial=replace(old.trial, implementation=codes[old.trial.label])))
        return [one for one in warnings(case.analysed()) if one.startswith("Computed by another")]

    (sentence,) = warned("CartPole-v1", "MountainCar-v0")
    assert sentence.endswith(": ppo by jax by independent runs, none on MountainCar-v0.")
    assert warned("CartPole-v1") == []


def test_a_claim_that_falls_without_its_failed_trials_says_so() -> None:
    # Ten of fourteen runs of dqn failed and count as the random policy; without them none of its runs is a bad one.
    case = results_of({("ppo", "a"): [0.6] * 14, ("dqn", "a"): [0.9] * 14})
    case = _failed(case, *(("dqn", "a", seed) for seed in range(4, 14)))
    said = Claim("PPO fails less.", "ppo", "dqn", "failing", direction="less")
    found = replace(case, suite=replace(case.suite, claims=(said,))).analysed()
    (told,) = [one for one in found.conclusions if one.about.kind == "claim"]
    assert told.about == Fact("claim", names=("PPO fails less.", "supported"))
    assert (Fact("failed"), "undecided") in told.fails_when


def test_what_had_been_seen_is_told_first_and_beside_the_claim_and_moves_no_hash() -> None:
    case = _four()
    claims = (Claim("A", "ppo", 0.5, "score"), Claim("B", "ppo", 0.6, "score", seen="runs of ppo."))
    plain = replace(case, suite=replace(case.suite, claims=(claims[0], replace(claims[1], seen="")))).analysed()
    own = replace(case, suite=replace(case.suite, claims=claims)).analysed()
    whole = replace(case, suite=replace(case.suite, claims=claims, seen="all of it")).analysed()
    assert Fact("seen", rows=(("runs of ppo.", 1, 2),)) in own.cautions
    assert "Not declared before any data was seen: 1 of 2 claims after runs of ppo." in warnings(own)
    assert "Not declared before any data was seen: the plan and its claims after all of it and 1 of 2 claims after" in (
        " ".join(warnings(whole)).replace(", 1 of", " and 1 of")
    )
    told = [wording.reason(one, AnalysisPlan()).endswith("Written after seeing runs of ppo.") for one in own.claims]
    assert told == [False, True]
    assert not [one for one in plain.cautions if one.kind == "seen"]
    hashes = {(one.suite_hash, one.analysis["hash"]) for one in (plain, own, whole)}
    assert len(hashes) == 1
    assert (plain.analysis.get("seen"), whole.analysis["seen"]) == (None, "all of it")


def test_settings_that_were_not_chosen_with_equal_effort_are_told_where_they_are_compared() -> None:
    own = "library defaults: set 'rl-zoo' has no entry for a2c on a"
    theirs = "RL Baselines3 Zoo 2.9.2; published for {} steps; tuning budget: unknown"
    told = {
        "ppo": theirs.format("1,000,000"),
        "dqn": theirs.format("50,000"),
        "a2c": own,
        "random": "no hyperparameters",
    }
    case = results_of({(label, "a"): [level] * 4 for label, level in zip(told, (0.5, 0.6, 0.7, 0.0), strict=True)})

    def chosen(old: Outcome) -> Outcome:
        return replace(old, trial=replace(old.trial, provenance=told[old.trial.label]))

    changed = replace(case.changed(chosen), planned=())
    found = [one for one in changed.analysed().cautions if one.kind == "efforts"]
    assert found == [
        Fact(
            "efforts",
            rows=(
                ("published", 50_000, 1_000_000, "ppo", "dqn"),
                ("the library's own", 0, 0, "a2c"),
            ),
        )
    ]
    assert (
        "Settings that are compared were not chosen with equal effort, which differences may come from: ppo, dqn "
        "(published for 50,000 to 1,000,000 steps), a2c (the library's own)."
    ) in warnings(changed.analysed())
    alike = replace(case.changed(lambda old: replace(old, trial=replace(old.trial, provenance=own))), planned=())
    assert not [one for one in alike.analysed().cautions if one.kind == "efforts"]


def test_a_verdict_on_several_libraries_own_settings_is_told_to_be_about_these_settings() -> None:
    told = {"ppo": "library defaults", "dqn": "library defaults", "a2c": "library defaults; set in the suite: gamma"}
    case = results_of({(label, "a"): [level] * 4 for label, level in zip(told, (0.5, 0.6, 0.7), strict=True)})

    def chosen(old: Outcome) -> Outcome:
        return replace(old, trial=replace(old.trial, provenance=told[old.trial.label]))

    found = replace(case.changed(chosen), planned=()).analysed()
    assert Fact("defaults", rows=(("ppo",), ("dqn",))) in found.cautions
    (said,) = [one for one in warnings(found) if one.startswith("With the settings that libraries ship")]
    assert said.endswith("tuned the order can be another. So were trained ppo, dqn.")

    def variants(old: Outcome) -> Outcome:
        return replace(old, trial=replace(old.trial, algorithm="ppo", provenance="library defaults"))

    # Of variants of one algorithm what the suite changes is asked, and the rest is the same for all.
    assert not [
        one for one in replace(case.changed(variants), planned=()).analysed().cautions if one.kind == "defaults"
    ]


def test_whoever_has_a_librarys_own_settings_on_some_environments_is_not_said_to_be_as_shipped() -> None:
    case = results_of({(label, place): [0.5, 0.6, 0.7, 0.8] for label in ("ppo", "dqn", "sarsa") for place in "ab"})

    def chosen(old: Outcome) -> Outcome:
        own = "; set in the suite: learning_rate" if (old.trial.label, old.trial.environment) == ("sarsa", "b") else ""
        return replace(old, trial=replace(old.trial, provenance=f"library defaults{own}"))

    found = replace(case.changed(chosen), planned=()).analysed()
    assert Fact("defaults", rows=(("ppo",), ("dqn",))) in found.cautions


def test_where_no_run_of_an_algorithm_is_above_what_scores_0_it_is_told() -> None:
    case = results_of({("ppo", "a"): [0.9] * 4, ("dqn", "a"): [0.0, -3.0, 0.05, 0.01], ("random", "a"): [0.0] * 4})
    found = case.analysed()
    assert Fact("unlearned", rows=(("a", "dqn"),)) in found.cautions
    assert (
        "No run of these ends above what scores 0 by more than the margin: a (dqn). A difference from them there is "
        "one between something and nothing."
    ) in warnings(found)
    # One run that did is one that learned.
    better = results_of({("ppo", "a"): [0.9] * 4, ("dqn", "a"): [0.0, -3.0, 0.06, 0.01]}).analysed()
    assert not [one for one in better.cautions if one.kind == "unlearned"]


def test_what_scores_0_is_not_called_the_random_policy_where_the_suite_declares_another_return() -> None:
    case = results_of({(label, "CartPole-v1"): [0.5, 0.6, 0.7, 0.8] for label in ("ppo", "dqn")})
    for random, by_chance, called in ((22.0, True, "the random policy"), (100.0, False, "the lower reference")):
        reference = {"CartPole-v1": Reference(random, 475.0, "made up")}
        found = replace(case, references=reference).analysed()
        assert [line.by_chance for line in found.references] == [by_chance]
        assert f"(0 is {called}, 1 the target" in tables.overall(found).caption


def test_a_verdict_on_settings_that_a_search_found_is_told_to_be_about_these_settings() -> None:
    own = "bench tune x; made for 1,000 steps; tuning budget: 36 runs: 24 x 1, the best 3 x 4"
    told = {"ppo": own, "dqn": own, "a2c": "library defaults", "random": "no hyperparameters"}
    case = results_of({(label, "a"): [level] * 4 for label, level in zip(told, (0.5, 0.6, 0.7, 0.0), strict=True)})

    def chosen(old: Outcome) -> Outcome:
        return replace(old, trial=replace(old.trial, provenance=told[old.trial.label]))

    found = replace(case.changed(chosen), planned=()).analysed()
    assert Fact("as tuned", rows=(("ppo",), ("dqn",))) in found.cautions
    (said,) = [one for one in warnings(found) if one.startswith("Settings as tuned here")]
    assert said.endswith("in about a quarter of comparisons. So were found those of ppo, dqn.")
    # Alone, or of the library's defaults, no verdict is about them.
    assert not [one for one in replace(case, planned=()).analysed().cautions if one.kind == "as tuned"]
    alone = tuple(one for one in replace(case.changed(chosen)).outcomes if one.trial.label in {"ppo", "random"})
    assert not [one for one in replace(case, outcomes=alone, planned=()).analysed().cautions if one.kind == "as tuned"]
