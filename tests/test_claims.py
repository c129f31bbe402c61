"""Claims: every quantity against SciPy, a published example or numbers worked out by hand; verdicts; false alarms."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from bench.analysis import analyse, verdict
from bench.analysis.claims import judge
from bench.analysis.interval import iqm_interval
from bench.analysis.ledger import ledger
from bench.analysis.quantities import distances, measured, runs_of, share_difference, speed_ratio, spread_draws
from bench.analysis.resampling import resample_counts
from bench.analysis.scores import Cell, cell
from bench.records import (
    AnalysisPlan,
    Claim,
    ClaimVerdict,
    Curve,
    EvaluationPlan,
    Fact,
    Failure,
    Final,
    Floats,
    GradientNoise,
    Interval,
    Outcome,
    Record,
    Reference,
    Suite,
    SuiteAlgorithm,
    SuiteEnvironment,
    Trial,
)
from bench.report import claims as wording

BUDGET, POINTS = 1000, 4
UNIT = Reference(0.0, 1.0, "made up")
EVALUATION = EvaluationPlan(points=POINTS, episodes=1, final_episodes=2)
Scores = Mapping[tuple[str, str], Sequence[float]]
"""(label, environment) -> one final score per run."""


def trial_of(label: str, environment: str, seed: int) -> Trial:
    return Trial(label, label, environment, seed, BUDGET, EVALUATION, f"made_up:{label}", {})


def record_of(
    trial: Trial,
    score: float,
    *,
    curve: Sequence[float] | None = None,
    steps: Sequence[int] = (250, 500, 750, 1000),
    seconds: float = 10.0,
    workers: int = 1,
) -> Record:
    """A run that scores `score` in the end, and `curve` on the way (a straight line to `score` if not given)."""
    means = np.linspace(0, score, POINTS) if curve is None else np.array(curve, dtype=np.float64)
    at = np.array(steps[: len(means)])
    ones = np.ones((len(means), 1), dtype=np.int64)
    return Record(
        trial=trial,
        curve=Curve(at, at / BUDGET * seconds, at / BUDGET * seconds, means[:, np.newaxis], ones, means),
        final=Final(BUDGET, np.full(2, score, dtype=np.float64), np.ones(2, dtype=np.int64)),
        timings={"train_cpu": seconds},
        resources={"workers": workers},
        provenance={"processor": "made up"},
    )


def records_of(scores: Scores) -> list[Outcome]:
    return [
        record_of(trial_of(*key, seed), value) for key, values in scores.items() for seed, value in enumerate(values)
    ]


class Results:
    """A suite made up around outcomes; its claims judged."""

    def __init__(self, outcomes: Sequence[Outcome], planned: int | None = None, **plan: Any) -> None:
        self.outcomes = list(outcomes)
        self.labels = list(dict.fromkeys(one.trial.label for one in outcomes))
        self.environments = list(dict.fromkeys(one.trial.environment for one in outcomes))
        self.seeds = planned or 1 + max(one.trial.seed for one in outcomes)
        self.plan = AnalysisPlan(**{"resamples": 500, **plan})
        self.references: dict[str, Reference | None] = dict.fromkeys(self.environments, UNIT)

    def suite(self, claims: Sequence[Claim]) -> Suite:
        return Suite(
            name="made-up",
            title="Made up",
            question="",
            seeds=tuple(range(self.seeds)),
            algorithms=tuple(SuiteAlgorithm(label, label, "default") for label in self.labels),
            environments=tuple(SuiteEnvironment(name, BUDGET) for name in self.environments),
            evaluation=EVALUATION,
            analysis=self.plan,
            claims=tuple(claims),
        )

    def planned(self) -> list[Trial]:
        places = dict.fromkeys((one.trial.label, one.trial.environment) for one in self.outcomes)
        return [trial_of(*place, seed) for place in places for seed in range(self.seeds)]

    def judged(self, *claims: Claim) -> tuple[ClaimVerdict, ...]:
        rng = np.random.default_rng(0)
        return analyse(self.suite(claims), self.planned(), self.outcomes, self.references, rng).claims

    def cells(self) -> list[Cell]:
        entries = ledger(self.planned(), self.outcomes).entries
        return [
            cell([one for one in entries if (one.label, one.trial.environment) == (label, name)], UNIT, self.plan)
            for label in self.labels
            for name in self.environments
        ]


def claim(left: str = "a", right: str | float | None = "b", quantity: str = "score", **more: Any) -> Claim:
    return Claim("made up", left, right, quantity, **more)


def around(centre: float, n: int = 10, width: float = 0.1) -> list[float]:
    return [centre + width * step for step in np.linspace(-1, 1, n)]


def one_verdict(outcomes: Sequence[Outcome], said: Claim, **plan: Any) -> ClaimVerdict:
    return Results(outcomes, **plan).judged(said)[0]


def reason_of(verdict: ClaimVerdict, **plan: Any) -> str:
    return wording.reason(verdict, AnalysisPlan(**plan))


def statement_of(verdict: ClaimVerdict) -> str:
    return wording.statement(verdict.claim, AnalysisPlan(), len(verdict.environments))


def limits(verdict: ClaimVerdict) -> tuple[float, float]:
    low, high = verdict.estimate.low, verdict.estimate.high
    assert low is not None
    assert high is not None
    return low, high


FAR = records_of({("a", "x"): around(0.9), ("b", "x"): around(0.3)})
NEAR = records_of({("a", "x"): around(0.61), ("b", "x"): around(0.6)})


@pytest.mark.parametrize(
    ("said", "bounds"),
    [
        (claim(right=0.5, margin=0.2), "above 0.7"),
        (claim(right=0.5, margin=0.2, direction="less"), "below 0.3"),
        (claim(right=0.5, margin=0.2, direction="equivalent"), "between 0.3 and 0.7"),
        (claim(margin=0.2, direction="equivalent"), "between -0.2 and 0.2"),
        # Of a speed the margin is a share: 100 / 1.25 and 100 x 1.25.
        (claim(right=100.0, quantity="steps_per_second", margin=0.25, direction="equivalent"), "between 80 and 125"),
        (claim(quantity="steps_per_second", margin=0.25, direction="less"), "below 0.8"),
        # A number of steps is what the run is set against; the probability is judged around one half.
        (claim(right=500.0, quantity="steps_to_threshold", margin=0.1, direction="less"), "500 steps, below 0.4"),
    ],
)
def test_the_bounds_of_a_claim_are_equality_and_the_margin_on_either_side(said: Claim, bounds: str) -> None:
    assert wording.statement(said, AnalysisPlan(), 4).endswith(bounds)


@pytest.mark.parametrize(
    ("outcomes", "direction", "margin", "verdict"),
    [
        (FAR, "greater", 0.0, "supported"),
        (FAR, "greater", 0.3, "supported"),
        (FAR, "greater", 0.6, "undecided"),
        (FAR, "greater", 0.9, "contradicted"),
        (FAR, "less", 0.0, "contradicted"),
        (FAR, "less", 0.3, "contradicted"),
        (FAR, "equivalent", 0.3, "contradicted"),
        (FAR, "equivalent", 0.9, "supported"),
        (NEAR, "greater", 0.0, "undecided"),
        (NEAR, "greater", 0.3, "contradicted"),
        (NEAR, "greater", -0.3, "supported"),
        (FAR, "less", -0.3, "contradicted"),
        (NEAR, "less", -0.3, "supported"),
        (NEAR, "less", 0.0, "undecided"),
        (NEAR, "less", 0.3, "contradicted"),
        (NEAR, "equivalent", 0.3, "supported"),
        (NEAR, "equivalent", 0.05, "undecided"),
    ],
)
def test_a_verdict_follows_from_where_the_interval_lies(
    outcomes: list[Outcome], direction: str, margin: float, verdict: str
) -> None:
    found = one_verdict(outcomes, claim(direction=direction, margin=margin))
    assert found.verdict == verdict
    assert found.estimate.estimate == pytest.approx(0.6 if outcomes is FAR else 0.01)


def test_four_runs_on_one_environment_show_no_equivalence() -> None:
    # As between the pairs of a report, by one rule.
    alike = claim(direction="equivalent", margin=0.5)
    four, five = ({(label, "x"): around(0.6, n, 0.01) for label in "ab"} for n in (4, 5))
    found = one_verdict(records_of(four), alike)
    assert found.verdict == "undecided"
    assert "with 4 runs on one environment shows no equivalence, though it lies inside -0.5 to 0.5" in reason_of(found)
    assert found.more_runs == 1
    assert one_verdict(records_of(five), alike).verdict == "supported"
    more = {(label, name): around(0.6, 4, 0.01) for label in "ab" for name in "xy"}
    assert one_verdict(records_of(more), alike).verdict == "supported"


def between(ours: list[Floats], theirs: list[Floats], counts: list[list[Floats]], confidence: float) -> Interval:
    found = verdict.judged(ours, theirs, (counts[0], counts[1]), "score")
    return verdict.difference_interval(found, ours, theirs, confidence)


def test_the_interval_holds_over_all_claims_together() -> None:
    results = Results(NEAR)
    extra = [claim(quantity="failing", margin=step / 10) for step in range(4)]
    alone, among = results.judged(claim())[0], results.judged(claim(), *extra)[0]
    cells = results.cells()
    tasks = [[one.values("final")] for one in cells]
    rng = np.random.default_rng(0)
    counts = [[resample_counts(10, 100_000, rng)] for _ in cells]
    # Five claims: each at 1 - 0.05 / 5. The streams differ, so the bootstrap does, a little.
    for found, confidence in ((alone, 0.95), (among, 0.99)):
        expected = between(tasks[0], tasks[1], counts, confidence)
        assert limits(found) == pytest.approx((expected.low, expected.high), abs=0.02)
    assert "95 % over" not in reason_of(alone)
    assert "The 99 % interval" in reason_of(among)
    assert "95 % over 5 claims together" in reason_of(among)


def test_claims_that_must_all_hold_are_each_judged_at_the_plans_confidence() -> None:
    results = Results(NEAR, conjunction=True)
    extra = [claim(quantity="failing", margin=step / 10) for step in range(4)]
    alone, among = results.judged(claim())[0], results.judged(claim(), *extra)[0]
    assert among.confidence == pytest.approx(0.95)
    assert limits(among) == pytest.approx(limits(alone), abs=0.02)
    assert "together" not in reason_of(among)


def test_of_claims_that_must_all_hold_one_is_refuted_only_at_the_confidence_of_all_together() -> None:
    results = Results(NEAR, conjunction=True)
    extra = [claim(quantity="failing", margin=step / 10) for step in range(4)]
    # Of ten against ten runs: between the upper limits at 95 % and at 1 - 0.05 / 5.
    high, higher = (
        limits(one)[1] for one in (results.judged(claim())[0], Results(NEAR, confidence=0.99).judged(claim())[0])
    )
    between_them = claim(margin=(high + higher) / 2)
    alone, among = results.judged(between_them)[0], results.judged(between_them, *extra)[0]
    assert (alone.verdict, alone.refuted) == ("contradicted", True)
    assert (among.verdict, among.refuted) == ("contradicted", False)
    beyond = results.judged(claim(margin=1.2 * higher), *extra)[0]
    assert (beyond.verdict, beyond.refuted) == ("contradicted", True)


def test_a_plan_says_that_it_is_a_conjunction_only_where_it_is_one() -> None:
    # So that reports made before there was such a word keep their hash.
    assert "conjunction" not in AnalysisPlan().declared()
    assert AnalysisPlan(conjunction=True).declared()["conjunction"] is True


def test_a_score_is_compared_with_a_number() -> None:
    outcomes = records_of({("a", "x"): around(0.7), ("a", "y"): around(0.8)})
    found = one_verdict(outcomes, claim(right=0.5))
    assert (found.verdict, found.environments, found.labels) == ("supported", ("x", "y"), ("a",))
    tasks = [np.array(around(0.7)), np.array(around(0.8))]
    rng = np.random.default_rng(0)
    expected = iqm_interval(tasks, [resample_counts(10, 100_000, rng) for _ in tasks], 0.95)
    assert limits(found) == pytest.approx((expected.low, expected.high), abs=0.01)
    assert statement_of(found) == "a in interquartile mean score, above 0.5"
    assert one_verdict(outcomes, claim(right=0.9)).verdict == "contradicted"


def test_a_score_is_read_after_steps_between_two_evaluations() -> None:
    climbing = [record_of(trial_of("a", "x", seed), 1.0, curve=(0.0, 0.2, 0.6, 0.8)) for seed in range(4)]
    # Half of the way from 500 to 750 steps: half of the way from 0.2 to 0.6.
    found = runs_of(claim(steps=625), Results(climbing).cells()[0], 0.9)
    assert found is not None
    assert found.tolist() == pytest.approx([0.4] * 4)


@pytest.mark.parametrize(("seconds", "score"), [(1.0, 0.0), (2.5, 0.1), (7.0, 0.2), (7.5, 0.6), (900.0, 0.8)])
def test_a_score_after_seconds_is_that_of_the_last_evaluation(seconds: float, score: float) -> None:
    # Evaluated after 2.5, 5, 7.5 and 10 seconds; before the first a run counts as the random policy.
    climbing = [record_of(trial_of("a", "x", seed), 1.0, curve=(0.1, 0.2, 0.6, 0.8)) for seed in range(4)]
    found = runs_of(claim(seconds=seconds), Results(climbing).cells()[0], 0.9)
    assert found is not None
    assert found.tolist() == pytest.approx([score] * 4)


def test_whoever_had_used_up_the_steps_by_the_second_of_a_claim_is_named_beside_the_verdict() -> None:
    # The last evaluation is after ten seconds; b's after twenty.
    runs = [record_of(trial_of(label, "x", seed), 0.5) for label in "ab" for seed in range(4)]
    slow = [
        replace(one, curve=replace(one.curve, cpu_seconds=2 * one.curve.cpu_seconds)) if one.trial.label == "b" else one
        for one in runs
    ]
    told = "All runs had used up their steps by then, and count as they ended: a on x."
    for seconds, spent in ((9.0, ()), (11.0, (("a", "x"),)), (21.0, (("a", "x"), ("b", "x")))):
        found = one_verdict(slow, claim(seconds=seconds))
        assert found.spent == spent
        assert (told in reason_of(found)) == (spent == (("a", "x"),))
    assert one_verdict(slow, claim()).spent == ()


def test_a_run_that_ended_before_is_no_evidence_about_later_steps() -> None:
    short = [record_of(trial_of(label, "x", seed), 1.0, curve=(0.0, 1.0)) for label in "ab" for seed in range(4)]
    found = one_verdict(short, claim(steps=700))
    assert found.verdict == "undecided"
    assert reason_of(found) == "Not judged: some runs have no evaluation on both sides of 700 steps."


def test_spread_is_brown_and_forsythe_s_test_with_welch_s_interval() -> None:
    rng = np.random.default_rng(4)
    ours, theirs = rng.normal(0.5, 0.3, 12), rng.normal(0.5, 0.1, 12)
    found = one_verdict(records_of({("a", "x"): ours.tolist(), ("b", "x"): theirs.tolist()}), claim(quantity="spread"))
    apart = [np.abs(values - np.median(values)) * 12 / 11 for values in (ours, theirs)]
    expected = stats.ttest_ind(*apart, equal_var=False).confidence_interval(0.95)
    assert found.estimate.estimate == pytest.approx(apart[0].mean() - apart[1].mean())
    low, high = limits(found)
    # The bootstrap may widen it, never narrow it.
    assert low == pytest.approx(expected.low, abs=0.03)
    assert high == pytest.approx(expected.high, abs=0.03)
    assert low <= expected.low + 1e-12
    assert high >= expected.high - 1e-12
    assert found.verdict == "supported"


def test_two_equal_heaps_of_runs_do_not_make_the_spread_certain() -> None:
    # All ten distances are one half, by luck, and times 10 / 9: five runs fail and five succeed.
    heaps = [0.0] * 5 + [1.0] * 5
    found = one_verdict(records_of({("a", "x"): heaps}), claim(right=0.1, quantity="spread"))
    low, high = limits(found)
    assert found.estimate.estimate == pytest.approx(5 / 9)
    assert high - low > 0.3


def test_the_spread_over_environments_is_known_as_well_as_a_mean_of_them() -> None:
    # Every run lies one half from its median, as of four runs two thirds, so the variance is the bootstrap's
    # alone. One resample has all four runs, a spread of 2/3, the other one of them four times, a spread of 0:
    # variance 1/9, as a sample's of four runs 4/27, and a quarter of that in the mean of two environments. Twice
    # 1/27 with 3 + 3 degrees of freedom, t 2.44691.
    cells = Results(records_of({("a", "x"): [0.0, 0.0, 1.0, 1.0], ("a", "y"): [0.0, 0.0, 1.0, 1.0]})).cells()
    drawn = {(one.label, one.environment): np.array([[1, 4], [1, 0], [1, 0], [1, 0]]) for one in cells}
    found = measured(claim(right=0.1, quantity="spread"), cells, 0.1, drawn, AnalysisPlan(), 0.95).value
    assert found.estimate == pytest.approx(2 / 3)
    half = 2.44691 * math.sqrt(2 / 27)
    assert (found.low, found.high) == pytest.approx((2 / 3 - half, 2 / 3 + half), abs=1e-5)


def test_the_spread_of_few_runs_is_not_taken_for_less_than_that_of_many() -> None:
    # Of normal scores it is sqrt(2 / pi) = 0.80; uncorrected the mean is 0.66, 0.74 and 0.77.
    rng = np.random.default_rng(0)
    five, ten, twenty = (np.mean([distances(one) for one in rng.normal(size=(4000, n))]) for n in (5, 10, 20))
    assert (five, ten, twenty) == pytest.approx((0.83, 0.82, 0.81), abs=0.015)


@pytest.mark.parametrize("n", [4, 7])
def test_the_spread_of_a_resample_is_that_of_the_runs_drawn(n: int) -> None:
    rng = np.random.default_rng(n)
    scores, counts = rng.normal(size=n), resample_counts(n, 50, rng)
    drawn = [np.repeat(scores, column) for column in counts.T]
    assert spread_draws(scores, counts) == pytest.approx([distances(one).mean() for one in drawn])


def ones(successes: int, n: int) -> list[Floats]:
    return [np.array([1.0] * successes + [0.0] * (n - successes))]


@pytest.mark.parametrize(
    ("ours", "theirs", "low", "high"),
    [((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090), ((10, 10), (0, 20), 0.6791, 1.0)],
)
def test_a_difference_of_shares_has_the_limits_that_newcombe_printed(
    ours: tuple[int, int], theirs: tuple[int, int], low: float, high: float
) -> None:
    # Newcombe (1998), table II, method 10.
    found = share_difference(ones(*ours), ones(*theirs), 0.95)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_a_difference_of_shares_that_the_exact_test_does_not_see_is_none() -> None:
    # Method 10 alone would say 0.058 to 0.806; Fisher's exact test says p = 0.10.
    found = share_difference(ones(6, 7), ones(2, 7), 0.95)
    assert stats.fisher_exact(np.array([[6, 1], [2, 5]])).pvalue > 0.05
    assert (found.low, found.high) == pytest.approx((0.0, 0.8062), abs=5e-5)


def test_shares_count_the_runs_of_all_environments_as_one_sample() -> None:
    # 1 of 10 and 6 of 10 runs end below half of the target: 7 of 20.
    outcomes = records_of({("a", "x"): [0.4] + [0.6] * 9, ("a", "y"): [0.1] * 6 + [0.9] * 4})
    found = one_verdict(outcomes, claim(right=0.75, quantity="failing", direction="less"))
    exact = stats.binomtest(7, 20).proportion_ci(0.95)
    assert found.estimate.estimate == pytest.approx(0.35)
    assert limits(found) == pytest.approx((exact.low, exact.high))
    assert found.verdict == "supported"


def test_unequal_numbers_of_runs_never_narrow_a_share() -> None:
    few = {("a", "x"): [0.0] * 2 + [1.0] * 2, ("a", "y"): [0.0] * 5 + [1.0] * 5}
    found = one_verdict(records_of(few), claim(right=0.5, quantity="failing"))
    exact = stats.binomtest(4, 8).proportion_ci(0.95)
    assert limits(found) == pytest.approx((exact.low, exact.high))


def run(label: str, seed: int, curve: Sequence[float], score: float, **more: Any) -> Record:
    return record_of(trial_of(label, "x", seed), score, curve=curve, **more)


def test_reaching_and_collapsing_are_shares_of_all_runs() -> None:
    solved, lost, never = (0, 0.5, 0.95, 1.0), (0, 0.95, 0.2, 0.1), (0, 0.1, 0.1, 0.1)
    outcomes = [run("a", seed, solved, 1.0) for seed in range(5)]
    outcomes += [run("a", seed, lost, 0.1) for seed in range(5, 8)]
    outcomes += [run("a", seed, never, 0.1) for seed in range(8, 10)]
    reached, collapsed = (one_verdict(outcomes, claim(right=0.5, quantity=name)) for name in ("reached", "collapse"))
    assert (reached.estimate.estimate, collapsed.estimate.estimate) == (0.8, 0.3)


def test_who_has_solved_a_task_is_told_by_the_final_policy_and_not_by_the_best_look() -> None:
    curve = [0.2, 1.0, 1.0, 0.6]
    outcomes: list[Outcome] = [run("a", seed, curve, 1.0 if seed < 4 else 0.98) for seed in range(9)]
    outcomes.append(Failure(trial_of("a", "x", 9), "killed", "made up"))
    found = {
        name: one_verdict(outcomes, claim(right=0.5, quantity=name), threshold=1.0).estimate.estimate
        for name in ("solved", "reached")
    }
    assert found == {"solved": 0.4, "reached": 0.9}


def test_a_rollout_that_passes_an_evaluation_point_is_not_later_for_it() -> None:
    # Planned at 250 and 500: `a` can stop there, `b` only after whole rollouts of 256 steps.
    curve = (0.0, 1.0, 1.0, 1.0)
    outcomes: list[Outcome] = [run("a", seed, curve, 1.0) for seed in range(6)]
    outcomes += [run("b", seed, curve, 1.0, steps=(256, 512, 768, 1024)) for seed in range(6)]
    found = one_verdict(outcomes, claim(quantity="steps_to_threshold"))
    assert found.estimate.estimate == 0.5
    assert found.verdict == "undecided"


def test_a_run_that_never_gets_there_takes_longest_and_two_of_them_tie() -> None:
    soon, never = (0.0, 1.0, 1.0, 1.0), (0.0, 0.0, 0.0, 0.0)
    outcomes: list[Outcome] = [run("a", seed, soon if seed < 2 else never, 1.0) for seed in range(4)]
    outcomes += [run("b", seed, soon if seed < 1 else never, 1.0) for seed in range(4)]
    found = one_verdict(outcomes, claim(quantity="steps_to_threshold", direction="less"))
    # Of 16 pairs: 2 x 1 tie early, 2 x 3 tie late, and `a` is later in 2 of never x soon.
    assert found.estimate.estimate == (2 + 0.5 * (2 + 6)) / 16
    assert wording.unit(found.claim) == "probability"
    assert statement_of(found) == (
        "probability that a run of a needs more steps to a score of 0.9 than a run of b, below 0.5"
    )


def test_who_is_always_later_is_later() -> None:
    soon, late = (0.0, 1.0, 1.0, 1.0), (0.0, 0.0, 0.0, 1.0)
    outcomes = [run(label, seed, curve, 1.0) for label, curve in (("a", late), ("b", soon)) for seed in range(8)]
    for quantity in ("steps_to_threshold", "seconds_to_threshold"):
        assert one_verdict(outcomes, claim(quantity=quantity)).verdict == "supported"
        assert one_verdict(outcomes, claim(quantity=quantity, direction="less")).verdict == "contradicted"
    # All eight take longer than 500 steps, and none longer than 1000.
    assert one_verdict(outcomes, claim(right=500.0, quantity="steps_to_threshold")).verdict == "supported"
    assert one_verdict(outcomes, claim(right=1000.0, quantity="steps_to_threshold")).verdict == "contradicted"
    # At 1,000 steps ten seconds have passed.
    assert one_verdict(outcomes, claim(right=9.9, quantity="seconds_to_threshold")).verdict == "supported"
    assert one_verdict(outcomes, claim(right=10.0, quantity="seconds_to_threshold")).verdict == "contradicted"


def test_speed_is_a_ratio_with_a_t_interval_on_logarithms() -> None:
    ours, theirs = [5.0, 6.0, 5.5, 5.2, 6.1], [10.0, 12.5, 11.0, 12.0, 9.5]
    outcomes = [
        record_of(trial_of(label, "x", seed), 1.0, seconds=one)
        for label, seconds in (("a", ours), ("b", theirs))
        for seed, one in enumerate(seconds)
    ]
    found = one_verdict(outcomes, claim(quantity="steps_per_second", margin=0.5))
    logs = [np.log(BUDGET / np.array(seconds)) for seconds in (ours, theirs)]
    expected = stats.ttest_ind(*logs, equal_var=False).confidence_interval(0.95)
    assert limits(found) == pytest.approx((math.exp(expected.low), math.exp(expected.high)))
    assert (found.verdict, wording.unit(found.claim)) == ("supported", "times")
    assert statement_of(found) == "a over b in environment steps per CPU second of training, above 1.5"
    # The mirror image: the other is slower by the same factor, and the claim turned round has the same verdict.
    mirrored = one_verdict(outcomes, claim("b", "a", "steps_per_second", direction="less", margin=0.5))
    assert mirrored.verdict == "supported"
    assert limits(mirrored) == pytest.approx((math.exp(-expected.high), math.exp(-expected.low)))
    alone = one_verdict(outcomes, claim(right=100.0, quantity="steps_per_second"))
    assert alone.verdict == "supported"
    assert alone.estimate.estimate == pytest.approx(stats.gmean([BUDGET / one for one in ours]))


def test_the_ratio_of_two_speeds_is_that_of_a_claim_about_them() -> None:
    seconds = {"a": [5.0, 6.0, 5.5, 5.2, 6.1], "b": [10.0, 12.5, 11.0, 12.0, 9.5]}
    outcomes = [
        record_of(trial_of(label, "x", seed), 1.0, seconds=one)
        for label, found in seconds.items()
        for seed, one in enumerate(found)
    ]
    ours, theirs = Results(outcomes).cells()
    found = one_verdict(outcomes, claim(quantity="steps_per_second")).estimate
    assert speed_ratio([ours], [theirs], 0.95) == found
    few = Results([one for one in outcomes if one.trial.seed < 3]).cells()
    told = speed_ratio(few[:1], few[1:], 0.95)
    assert told.estimate == pytest.approx(stats.gmean(seconds["b"][:3]) / stats.gmean(seconds["a"][:3]))
    assert (told.n, told.low, told.notes) == (3, None, (Fact("few timed runs"),))


def test_a_run_whose_training_was_not_timed_has_no_speed() -> None:
    timed = Results([record_of(trial_of("a", "x", seed), 1.0, seconds=10.0) for seed in range(5)]).cells()[0]
    untimed = [
        replace(record_of(trial_of("a", "x", seed), 1.0), timings={} if seed else {"train_cpu": 10.0})
        for seed in range(5)
    ]
    speed = claim(right=100.0, quantity="steps_per_second")
    some = runs_of(speed, Results(untimed).cells()[0], 0.9)
    assert some is not None
    assert some.tolist() == [math.log(BUDGET / 10.0)]
    found = measured(speed, [Results(untimed).cells()[0]], 100.0, {}, AnalysisPlan(), 0.95).value
    assert (found.estimate, bool(found.notes)) == (None, True)
    # All alike: an estimate without an interval.
    found = measured(speed, [timed], 100.0, {}, AnalysisPlan(), 0.95).value
    assert found.estimate == pytest.approx(100.0)
    assert (found.low, bool(found.notes)) == (None, True)


def gradients_of(
    label: str, looks: Sequence[Sequence[tuple[float, float, float]]], squared_norm: float = 1.0
) -> list[Outcome]:
    """Per run and look after training began: own variance, plain variance, squared bias."""
    start = GradientNoise(batches=5, variance=9.0, plain_variance=1.0, squared_bias=9.0, squared_norm=9.0)
    return [
        replace(
            record_of(trial_of(label, "x", seed), 1.0),
            gradients=(
                start,
                *(GradientNoise(5, own, plain, bias, squared_norm, steps=500) for own, plain, bias in found),
            ),
        )
        for seed, found in enumerate(looks)
    ]


def test_a_gradients_variance_is_a_ratio_to_the_plain_ones_with_a_t_interval_on_logarithms() -> None:
    # Means over the looks: (0.2 + 0.4) / 2 = 0.3, 0.25, 0.5, 0.4; a look without any plain variance is none.
    ours = gradients_of("a", [[(2, 10, 0), (2, 5, 0)], [(1, 4, 0), (1, 0, 0)], [(3, 6, 0)], [(2, 5, 0)]])
    theirs = gradients_of("b", [[(1, 1, 0)], [(1.1, 1, 0)], [(0.9, 1, 0)], [(1.2, 1, 0)]])
    shares = np.log([0.3, 0.25, 0.5, 0.4]), np.log([1, 1.1, 0.9, 1.2])
    alone = one_verdict(ours + theirs, claim(right=1.0, quantity="gradient_variance", direction="less"))
    expected = stats.ttest_1samp(shares[0], 0).confidence_interval(0.95)
    assert limits(alone) == pytest.approx((math.exp(expected.low), math.exp(expected.high)))
    assert (alone.verdict, wording.unit(alone.claim)) == ("supported", "times")
    assert statement_of(alone).endswith("at the same parameters, below 1")
    both = one_verdict(ours + theirs, claim(quantity="gradient_variance", direction="less"))
    expected = stats.ttest_ind(*shares, equal_var=False).confidence_interval(0.95)
    assert limits(both) == pytest.approx((math.exp(expected.low), math.exp(expected.high)))
    assert statement_of(both).startswith("a over b in variance of the policy gradient's estimate")


def test_a_gradients_bias_is_a_share_of_the_runs_largest_plain_variance() -> None:
    # The look before training has a plain variance of 1, and its own bias does not count. The last run's look halfway
    # has its largest, 4, and the look at the end, whose scatter has all but vanished, is held against that.
    level = [(1, 4, 0.04), (1, 4, -0.04)]
    outcomes = gradients_of(
        "a", [[(1, 2, 0.02)], [(1, 0.01, -0.02)], level, [(1, 4, -0.04)], [(1, 4, 0.08), (0, 0, 0.08)]]
    )
    found = one_verdict(outcomes, claim(right=0.0, quantity="gradient_bias", direction="equivalent", margin=0.06))
    expected = stats.ttest_1samp([0.01, -0.02, 0, -0.01, 0.02], 0).confidence_interval(0.95)
    assert limits(found) == pytest.approx((expected.low, expected.high))
    assert found.verdict == "supported"


@pytest.mark.parametrize(("margin", "verdict"), [(0.124, "supported"), (0.126, "undecided")])
def test_a_margin_that_a_bias_of_half_the_gradients_length_would_pass_decides_nothing(
    margin: float, verdict: str
) -> None:
    # The squared gradient is 2, half of the variance of 4: an estimate that is always 0 would be biased by 0.5.
    outcomes = gradients_of("a", [[(1, 4, bias)] for bias in (0.02, -0.02, 0.01, -0.01, 0.0)], squared_norm=2.0)
    found = one_verdict(outcomes, claim(right=0.0, quantity="gradient_bias", direction="equivalent", margin=margin))
    assert found.verdict == verdict
    told = "cannot tell: an estimate that is always 0 would come to 0.5, and the margin must be at most a quarter of"
    assert (told in reason_of(found)) is (verdict == "undecided")
    assert found.more_runs is None


def test_without_measured_gradients_no_verdict_is_given() -> None:
    found = one_verdict(records_of({("a", "x"): around(0.5)}), claim(right=1.0, quantity="gradient_variance"))
    assert found.verdict == "undecided"
    assert "the gradient's noise was measured in fewer than" in wording.reason(found, AnalysisPlan())


def test_regret_is_the_lead_of_the_best_other_algorithm() -> None:
    outcomes = records_of({(label, "x"): around(level) for label, level in (("a", 0.6), ("b", 0.3), ("c", 0.9))})
    found = {label: one_verdict(outcomes, claim(label, None, "regret", margin=0.05)) for label in "abc"}
    assert {label: one.verdict for label, one in found.items()} == {
        "a": "contradicted",
        "b": "contradicted",
        "c": "supported",
    }
    assert [one.estimate.estimate for one in found.values()] == pytest.approx([0.3, 0.6, -0.3])
    assert found["a"].labels == ("a", "b", "c")
    assert statement_of(found["a"]) == "best other algorithm minus a in interquartile mean score, below 0.05"


def test_a_regret_is_one_of_the_scores_that_the_plan_compares() -> None:
    outcomes = [
        record_of(trial_of(label, "x", seed), 0.9, curve=np.linspace(0.2, at, POINTS).tolist())
        for label, level in (("a", 0.4), ("b", 0.8))
        for seed, at in enumerate(around(level))
    ]
    found = one_verdict(outcomes, claim("a", None, "regret", margin=0.05), metric="auc")
    same = one_verdict(outcomes, claim("b", "a", "auc", margin=0.05), metric="auc")
    assert (found.verdict, found.estimate) == ("contradicted", same.estimate)
    told = wording.statement(found.claim, AnalysisPlan(metric="auc"), 1)
    assert told == "best other algorithm minus a in interquartile mean score over training, below 0.05"


def test_a_regret_smaller_than_the_margin_is_supported_though_another_is_ahead() -> None:
    outcomes = records_of({("a", "x"): around(0.6, width=0.01), ("b", "x"): around(0.62, width=0.01)})
    assert one_verdict(outcomes, claim("a", None, "regret", margin=0.05)).verdict == "supported"
    assert one_verdict(outcomes, claim("a", None, "regret")).verdict == "contradicted"


def test_regret_s_lower_limit_shares_its_error_among_the_rivals() -> None:
    outcomes = records_of({(label, "x"): around(level) for label, level in (("a", 0.6), ("b", 0.3), ("c", 0.7))})
    results = Results(outcomes)
    cells = results.cells()
    drawn = drawn_for(cells)
    found = judge(results.suite([claim("a", None, "regret")]), cells, drawn)[0]
    ours, _, best = [[one.values("final")] for one in cells]
    counts = [[drawn["c", "x"]], [drawn["a", "x"]]]
    # Two rivals: each at 1 - 0.05 / 2 below, and at 0.95 above.
    low = between(best, ours, counts, 0.975).low
    high = between(best, ours, counts, 0.95).high
    assert limits(found) == (low, high)


def test_regret_is_undecided_where_one_rival_is_too_close() -> None:
    close = records_of({("a", "x"): around(0.6), ("b", "x"): around(0.1), ("c", "x"): around(0.58)})
    found = one_verdict(close, claim("a", None, "regret", margin=0.05))
    assert found.verdict == "undecided"
    assert found.more_runs is not None


def test_regret_waits_for_every_rival_and_leaves_out_those_that_do_not_learn() -> None:
    some = records_of({("ppo", "x"): around(0.9), ("random", "x"): around(0.0), ("dqn", "x"): around(0.1)})
    assert one_verdict(some, claim("ppo", None, "regret")).labels == ("ppo", "dqn")
    lacking = [one for one in some if one.trial.label != "dqn" or one.trial.seed < 3]
    found = one_verdict(lacking, claim("ppo", None, "regret"))
    assert (found.verdict, found.estimate.estimate) == ("undecided", None)
    assert reason_of(found) == "Not judged: dqn has 3 runs on x, where at least 4 are needed. 7 planned runs missing."


def test_a_claim_waits_for_all_of_its_environments() -> None:
    outcomes = records_of({(label, name): around(0.9 if label == "a" else 0.1) for label in "ab" for name in "xy"})
    gone = [one for one in outcomes if (one.trial.label, one.trial.environment) != ("b", "y") or one.trial.seed < 1]
    verdicts = Results(gone).judged(claim(), claim(environments=("x",)))
    assert [one.verdict for one in verdicts] == ["undecided", "supported"]
    assert reason_of(verdicts[0]).startswith("Not judged: b has 1 run on y, where at least 4 are needed.")
    assert verdicts[0].environments == ("x", "y")


def test_a_label_without_any_run_is_named() -> None:
    results = Results(FAR)
    results.labels.append("c")
    assert reason_of(results.judged(claim(right="c"))[0]) == (
        "Not judged: no environment has runs of all that are compared."
    )
    results.outcomes = [one for one in FAR if one.trial.label == "a"]
    planned = [trial_of(label, "x", seed) for label in "ab" for seed in range(10)]
    found = analyse(results.suite([claim()]), planned, results.outcomes, results.references, np.random.default_rng(0))
    assert reason_of(found.claims[0]) == (
        "Not judged: b has no runs yet, where at least 4 are needed. 10 planned runs missing."
    )


def test_without_references_there_is_no_verdict() -> None:
    results = Results(FAR)
    results.references["x"] = None
    assert reason_of(results.judged(claim())[0]) == "Not judged: x has no reference returns, hence no scores."


def failing_trials(count: int) -> list[Outcome]:
    return [
        Failure(one.trial, "killed", "made up") if one.trial.label == "a" and one.trial.seed < count else one
        for one in FAR
    ]


def test_failed_runs_count_by_the_plan_s_rule_and_are_told() -> None:
    found = one_verdict(failing_trials(6), claim(right=0.5, quantity="failing"))
    assert found.estimate.estimate == 0.6
    assert reason_of(found).endswith("6 failed runs: each counts as the random policy.")
    dropped = one_verdict(failing_trials(6), claim(right=0.5, quantity="failing"), failures="drop")
    assert (dropped.estimate.estimate, dropped.estimate.n) == (0.0, 4)
    assert reason_of(dropped, failures="drop").endswith("6 failed runs: each is not counted.")
    speed = one_verdict(failing_trials(6), claim(quantity="steps_per_second"))
    assert reason_of(speed).endswith("6 failed runs: each has no speed.")
    assert reason_of(one_verdict(failing_trials(7), claim(quantity="steps_per_second"))) == (
        "Not judged: fewer than 4 runs of a cell were timed. 7 failed runs: each has no speed."
    )


def test_under_a_floor_it_does_not_matter_how_far_below_an_evaluation_is() -> None:
    # Area: 1/3 of the time from -5 to 0, from 0 to 1 and from 1 to -8; of what counts from 0 on: 0, 1/2 and 1/2.
    sunk = record_of(trial_of("a", "x", 0), -8.0, curve=(-5.0, 0.0, 1.0, -8.0))
    (as_it_is,), (cut,) = (Results([sunk], floor=floor).cells() for floor in (None, 0.0))
    assert as_it_is.values("final").tolist() == [-8.0]
    assert as_it_is.values("auc") == pytest.approx([(-2.5 + 0.5 - 3.5) / 3])
    assert cut.values("final").tolist() == [0.0]
    assert cut.values("auc") == pytest.approx([(0 + 0.5 + 0.5) / 3])
    assert cut.returns.tolist() == [-8.0]
    assert Results([sunk], floor=-2.0).cells()[0].values("final").tolist() == [-2.0]


def test_under_a_floor_a_score_on_the_way_counts_as_it_too() -> None:
    outcomes: list[Outcome] = [
        record_of(trial_of(label, "x", seed), 1.0, curve=(at, at, 1.0, 1.0))
        for label, at in (("a", 0.5), ("b", -9.0))
        for seed in range(6)
    ]
    early = claim(quantity="score", steps=500)
    assert one_verdict(outcomes, early).estimate.estimate == pytest.approx(9.5)
    assert one_verdict(outcomes, early, floor=0.0).estimate.estimate == pytest.approx(0.5)


def test_a_verdict_that_rests_on_how_far_below_random_somebody_is_falls_in_a_re_analysis_that_says_so() -> None:
    # Level on y; on x both have learned nothing, one of them far below the random policy.
    scores = {
        ("a", "x"): around(-0.1), ("b", "x"): around(-5.0), ("a", "y"): around(0.5), ("b", "y"): around(0.5)
    }  # fmt: skip
    results = Results(records_of(scores))
    found = analyse(
        results.suite([claim()]), results.planned(), results.outcomes, results.references, np.random.default_rng(0)
    )
    (told,) = [one for one in found.conclusions if one.about.kind == "claim"]
    assert told.about.names[1] == "supported"
    assert (Fact("floor"), "undecided") in told.fails_when
    results.plan = replace(results.plan, floor=0.0)
    assert results.judged(claim())[0].verdict == "undecided"


def test_missing_runs_are_told() -> None:
    found = Results(FAR, planned=12).judged(claim())[0]
    assert found.verdict == "supported"
    assert reason_of(found).endswith("4 planned runs missing.")


def test_clocks_of_different_machines_are_told() -> None:
    curve = (0.0, 0.0, 1.0, 1.0)
    outcomes = [run(label, seed, curve, 1.0, workers=1 + (label == "b")) for label in "ab" for seed in range(5)]
    told = "The runs were timed on different machines, or with different numbers of them side by side."
    for quantity in ("steps_per_second", "seconds_to_threshold"):
        assert told in reason_of(one_verdict(outcomes, claim(quantity=quantity)))
    assert told not in reason_of(one_verdict(outcomes, claim(quantity="steps_to_threshold")))


def test_a_claim_about_time_says_how_many_of_its_runs_were_timed_beside_other_load() -> None:
    curve = (0.0, 0.0, 1.0, 1.0)
    resources = {"workers": 2, "threads": 1, "load": 9.0}
    outcomes = [run(label, seed, curve, 1.0, workers=2) for label in "ab" for seed in range(5)]
    busy = [replace(one, resources={**one.resources, **resources}) for one in outcomes[:3]]
    told = "3 of 10 runs ran beside other load on their machine: their timings are too long."
    for quantity in ("steps_per_second", "seconds_to_threshold"):
        assert told in reason_of(one_verdict([*busy, *outcomes[3:]], claim(quantity=quantity)))
        assert "beside other load" not in reason_of(one_verdict(outcomes, claim(quantity=quantity)))
    assert "beside other load" not in reason_of(
        one_verdict([*busy, *outcomes[3:]], claim(quantity="steps_to_threshold"))
    )


@pytest.mark.parametrize(
    ("more", "differ"),
    [
        ({}, False),
        ({"resources": {"workers": 1, "load": 9.0}}, False),
        ({"resources": {"workers": 1, "device": "cuda"}}, True),
        ({"resources": {"workers": 1, "threads": 2}}, True),
        ({"resources": {"workers": 2}}, True),
        ({"provenance": {"processor": "another"}}, True),
        ({"provenance": {"processor": "made up", "cores": 8}}, True),
        ({"provenance": {"processor": "made up", "started": "later"}}, False),
    ],
)
def test_a_run_was_timed_elsewhere_if_machine_device_or_packing_differ(more: dict[str, Any], differ: bool) -> None:
    first, *others = FAR
    assert isinstance(first, Record)
    found = one_verdict([replace(first, **more), *others], claim(quantity="steps_per_second"))
    assert found.clocks_differ is differ


@pytest.mark.parametrize(
    ("direction", "margin", "bounds"),
    [("greater", 0.0, [0.0]), ("greater", 0.05, [0.05]), ("less", 0.01, [-0.01]), ("equivalent", 0.05, [-0.05, 0.05])],
)
def test_the_price_is_what_brings_the_interval_clear_of_the_nearest_bound_four_times_of_five(
    direction: str, margin: float, bounds: list[float]
) -> None:
    outcomes = records_of({("a", "x"): around(0.63), ("b", "x"): around(0.6)})
    found = one_verdict(outcomes, claim(direction=direction, margin=margin))
    low, high = limits(found)
    centre = found.estimate.estimate
    assert centre is not None
    halves = [(high - centre if bound > centre else centre - low) / abs(bound - centre) for bound in bounds]
    # The quantiles of the normal distribution for 80 % and for both sides of 5 %.
    needed = math.ceil(10 * ((1 + 0.8416212 / 1.9599640) * max(halves)) ** 2) - 10
    assert found.verdict == "undecided"
    assert found.more_runs == (needed if needed <= 200 else None)
    if needed <= 200:
        leaning = {"greater": "supported" if margin == 0 else "contradicted", "less": "contradicted"}
        came = leaning.get(direction, "supported")
        assert f"about {needed} more runs per environment would have it {came}, if" in reason_of(found)


def test_no_price_is_named_where_no_effect_is_seen() -> None:
    same = records_of({("a", "x"): around(0.6), ("b", "x"): around(0.6)})
    found = one_verdict(same, claim())
    assert (found.verdict, found.more_runs) == ("undecided", None)
    assert "would have it" not in reason_of(found)


def test_runs_that_are_all_alike_give_no_interval_and_no_verdict() -> None:
    solved = records_of({("a", "x"): [1.0] * 6, ("b", "x"): [1.0] * 6})
    found = one_verdict(solved, claim(direction="equivalent", margin=0.05))
    assert found.verdict == "undecided"
    assert reason_of(found).startswith("Not judged: no interval: no variation")


EVERY = (
    claim(margin=0.05),
    claim(quantity="auc"),
    claim(steps=500, direction="less"),
    claim(quantity="spread"),
    claim(quantity="failing", direction="equivalent", margin=0.3),
    claim(quantity="reached"),
    claim(quantity="steps_to_threshold"),
    claim(quantity="steps_per_second"),
    claim(right=0.5),
)


def noisy(labels: str, n: int = 6, seed: int = 0) -> list[Outcome]:
    rng = np.random.default_rng(seed)
    return [
        record_of(trial_of(label, name, one), float(rng.choice([0.1, 0.7, 1.0]) + 0.1 * rng.normal()),
                  seconds=float(rng.uniform(5, 10)))
        for label in labels for name in "xy" for one in range(n)
    ]  # fmt: skip


def test_an_unrelated_algorithm_and_another_order_change_no_verdict() -> None:
    outcomes = noisy("ab")
    before = Results(outcomes).judged(*EVERY)
    with_another = Results([*outcomes, *noisy("c", seed=1)])
    assert with_another.judged(*EVERY) == before
    with_another.labels.reverse()
    with_another.outcomes.reverse()
    assert with_another.judged(*EVERY) == before
    assert Results(outcomes).judged(*EVERY[::-1])[::-1] == before


def test_claims_are_part_of_the_hashed_analysis_and_their_words_are_not() -> None:
    results = Results(NEAR)

    def hashed(*claims: Claim) -> str:
        rng = np.random.default_rng(0)
        return str(analyse(results.suite(claims), results.planned(), NEAR, results.references, rng).analysis["hash"])

    assert len({hashed(), hashed(claim()), hashed(claim(margin=0.1)), hashed(claim(), claim(quantity="auc"))}) == 4
    assert hashed(claim()) == hashed(replace(claim(), text="other words", source="a book"))


def drawn_alike(rng: np.random.Generator, kind: str, n: int) -> Floats:
    if kind == "capped":
        return np.minimum(rng.normal(0.9, 0.2, n), 1.0)
    if kind == "two heaps":
        return rng.choice([0.0, 1.0], n) + 0.02 * rng.normal(size=n)
    return rng.normal(0.5, 0.2, n)


NULL = (
    *(claim(quantity=name) for name in ("score", "auc", "spread", "failing", "reached", "steps_to_threshold")),
    claim(quantity="steps_per_second"),
    claim("a", None, "regret"),
)


def drawn_for(cells: Sequence[Cell]) -> dict[tuple[str, str], Any]:
    rng = np.random.default_rng(0)
    return {(one.label, one.environment): resample_counts(len(one.runs), 400, rng) for one in cells}


@pytest.fixture(scope="module")
def decided_by_chance() -> dict[str, float]:
    """The share of suites of three equal algorithms in which some claim is decided, with and without correction."""
    rng, suites, found = np.random.default_rng(2024), 120, {"corrected": 0, "uncorrected": 0}
    for _ in range(suites):
        outcomes = [
            record_of(trial_of(label, name, seed), float(score), seconds=float(rng.lognormal(2, 0.2)))
            for label in "abc"
            for name in ("capped", "two heaps", "normal")
            for seed, score in enumerate(drawn_alike(rng, name, 10))
        ]
        cells = Results(outcomes).cells()
        drawn = drawn_for(cells)
        # 0.05 times the number of claims leaves 0.05 to each of them: no correction.
        for name, confidence in (("corrected", 0.95), ("uncorrected", 1 - 0.05 * len(NULL))):
            verdicts = judge(Results(outcomes, confidence=confidence).suite(NULL), cells, drawn)
            found[name] += any(one.verdict != "undecided" for one in verdicts)
    return {name: count / suites for name, count in found.items()}


def test_equal_algorithms_seldom_decide_any_claim_of_a_suite(decided_by_chance: dict[str, float]) -> None:
    # 5 % and two standard errors of 120 suites.
    assert decided_by_chance["corrected"] <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 120)


def test_claims_judged_one_by_one_would_break_that_promise(decided_by_chance: dict[str, float]) -> None:
    assert decided_by_chance["uncorrected"] > 0.1
