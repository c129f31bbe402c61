"""Cells of one algorithm, and of another or a number, in; what a claim speaks of, with its interval, out.

Environments are fixed and weigh the same, runs are the sample, and the two algorithms are independent samples. Failed
runs that count as the random policy score 0 at every moment, fail, and never reach the threshold; they have no speed.

Score, AUC, regret: the aggregate that the suite's plan compares scores in, by the rule of `bench.analysis.verdict`; the
scores of a regret are those of the plan's metric.
Spread: the distances of the runs from the median of their cell (Brown and Forsythe 1974), corrected for the number of
runs, with Satterthwaite's t interval. Shares: the runs of all environments counted as one sample, Clopper and Pearson's
interval for one share and Newcombe's (1998) hybrid of Wilson's limits for a difference; neither is narrowed by shares
that differ between environments (Hoeffding 1956). Time to the threshold: the probability that a run takes longer, with
the interval of the report's comparisons. Speed, the gradient's variance: the ratio of geometric means, with a t
interval on logarithms. The gradient's bias: the mean, with Satterthwaite's t interval; each run's is estimated without
bias itself, around 0 where there is none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from bench.analysis.aggregate import aggregate_interval
from bench.analysis.interval import FEWEST_RUNS, clopper_pearson, welch_df, wilson_limits
from bench.analysis.moments import scores_at_seconds, scores_at_steps
from bench.analysis.ranks import permutation_p, superiority
from bench.analysis.reliability import failed_its_user
from bench.analysis.resampling import Draws, Tasks
from bench.analysis.scores import Cell, learns
from bench.analysis.threshold import first_moment
from bench.analysis.verdict import difference_interval, judged
from bench.records import QUANTITIES, AnalysisPlan, Claim, Fact, Floats, GradientNoise, Interval

HALF = 0.5
TOOTHLESS = "toothless"
"""Kind of the note on a quantity that a claim could not fail by."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a claim's quantity comes to."""

    value: Interval
    """Without limits, and with the reason, where there is no interval."""
    equal: float = 0.0
    """What `value` would be if left and right were equal."""
    ratio: bool = False
    """Whether distances are judged on logarithms."""


@dataclass(frozen=True, slots=True)
class _Mean:
    """An average over environments and what it is known to."""

    estimate: float
    parts: tuple[tuple[float, float], ...]
    """Per environment: the variance it contributes, and that variance's degrees of freedom."""


def measured(
    claim: Claim,
    ours: Sequence[Cell],
    theirs: Sequence[Cell] | float,
    draws: Draws,
    plan: AnalysisPlan,
    confidence: float,
) -> Measured:
    """Return the quantity of a claim that is no regret, with an interval at this confidence.

    Args:
        claim: names the quantity, and the moment at which a score is read.
        ours: the cells of its left side, at least four runs in each.
        theirs: those of its right side on the same environments in the same order, or a number.
        draws: the resamples of every cell.
        plan: says which score counts as solved, and in which aggregate scores are compared.
        confidence: of this one interval.
    """
    sides = [ours] if isinstance(theirs, int | float) else [ours, theirs]
    found = [[runs_of(claim, cell, plan.threshold) for cell in cells] for cells in sides]
    tasks = [[task for task in side if task is not None] for side in found]
    if any(len(kept) < len(side) for kept, side in zip(tasks, found, strict=True)):
        return Measured(Interval(None, notes=(_unreadable(claim),)))
    if min(len(task) for side in tasks for task in side) < FEWEST_RUNS:
        return Measured(Interval(None, notes=(Fact(_lacking(claim), (FEWEST_RUNS,)),)))
    if isinstance(theirs, int | float):
        return _alone(claim, ours, tasks[0], float(theirs), draws, plan, confidence)
    return _against(claim, (ours, theirs), (tasks[0], tasks[1]), draws, plan, confidence)


def regret(
    ours: Mapping[str, Sequence[Cell]],
    others: Mapping[str, Sequence[Cell]],
    draws: Draws,
    plan: AnalysisPlan,
    confidence: float,
) -> Measured:
    """Return by how much the best other algorithm's aggregate exceeds ours; negative where ours is ahead of them all.

    The upper limit is the largest of the upper limits, each at this confidence. The lower one is the largest of the
    lower limits with the error shared among the others: only one of them need be wrong for it to be.

    Args:
        ours: other label -> our cells on the environments shared with it.
        others: label -> its cells there, in the same order.
        draws: the resamples of every cell.
        plan: says which aggregate decides; of which metric the scores are, the cells know.
        confidence: of the whole interval.
    """
    shared = 1 - (1 - confidence) / len(others)
    found = {label: _gap(cells, ours[label], draws, plan, confidence) for label, cells in others.items()}
    lower = {label: _gap(cells, ours[label], draws, plan, shared) for label, cells in others.items()}
    for label, one in found.items():
        if one.high is None:
            return Measured(Interval(None, n=one.n, notes=(Fact("against", names=(label,)), *one.notes)))
    lows = [one.low for one in lower.values() if one.low is not None]
    highs = [one.high for one in found.values() if one.high is not None]
    worst = max(found.values(), key=lambda one: one.estimate or 0.0)
    return Measured(Interval(worst.estimate, max(lows), max(highs), min(one.n for one in found.values())))


def speed_ratio(ours: Sequence[Cell], theirs: Sequence[Cell], confidence: float) -> Interval:
    """Return environment steps per CPU second of training, ours over theirs; geometric means over the same cells."""
    tasks = [[_speeds(cell) for cell in side] for side in (ours, theirs)]
    if not (n := _fewest(*tasks)):
        return Interval(None, notes=(Fact("no timed runs"),))
    if n < FEWEST_RUNS:
        return Interval(math.exp(_average(tasks[0]) - _average(tasks[1])), n=n, notes=(Fact("few timed runs"),))
    return _ratio(tasks[0], tasks[1], confidence)


def _ratio(ours: Tasks, theirs: Tasks, confidence: float) -> Interval:
    """Return the ratio of geometric means of runs given by their logarithms."""
    logs = _welch([_mean(ours), _mean(theirs)], _fewest(ours, theirs), confidence)
    estimate, low, high = (None if value is None else math.exp(value) for value in (logs.estimate, logs.low, logs.high))
    return Interval(estimate, low, high, logs.n, logs.notes)


def gradient_bias(looks: Sequence[GradientNoise], of: str = "squared_bias") -> float | None:
    """Return the mean squared bias as a share of the largest plain variance along the run, before training included.

    So another squared length of the looks, too, where it is asked `of`.

    Not as a share of each look's own: near a deterministic policy both vanish, and what cancels a baseline's part of
    the mean are draws too rare for the few episodes of a look. Without them a bandit's baseline b looks biased by
    n b^2 / Var(R) of the variance of a batch of n.
    """
    later = [float(getattr(one, of)) for one in looks if one.steps]
    largest = max((one.plain_variance for one in looks), default=0.0)
    return float(np.mean(later)) / largest if later and largest > 0 else None


def runs_of(claim: Claim, cell: Cell, threshold: float) -> Floats | None:
    """(runs,) the claim's quantity for each run, times infinite where never reached; None where one has none.

    Spread: the corrected distance from the median of the cell. Speed: its logarithm, of the runs that have one.
    """
    kind = QUANTITIES[claim.quantity].kind
    if kind == "speeds":
        return _speeds(cell)
    if QUANTITIES[claim.quantity].diagnostic:
        return _told_at_the_end(claim.quantity, cell)
    if QUANTITIES[claim.quantity].gradient:
        return _gradients(claim.quantity, cell)
    if kind == "times" or claim.quantity in ("reached", "collapse"):
        return _reaching(claim.quantity, cell, threshold)
    if claim.quantity in ("failing", "solved"):
        ends = failed_its_user if claim.quantity == "failing" else lambda run: (run.final or 0.0) >= threshold
        return np.array([ends(run) for run in cell.runs], dtype=np.float64)
    scores = _scores(claim, cell)
    return scores if kind != "spread" or scores is None else distances(scores)


def distances(scores: Floats) -> Floats:
    """(runs,) how far each of (runs,) scores is from their median, times n / (n - 1).

    The median of a sample lies nearer to its runs than that of all runs does, the more so the fewer there are: without
    the factor the mean of normal scores falls 17 % short with 5 runs and 4 % with 20, and whoever has fewer runs looks
    less spread. With it 1 to 4 % are left too much from 5 runs on, 11 % with 4; of long tails up to 7 % and 15 %.
    """
    return np.abs(scores - np.median(scores)) * _for_the_median(len(scores))


def _for_the_median(n: int) -> float:
    return n / max(n - 1, 1)


def _scores(claim: Claim, cell: Cell) -> Floats | None:
    if claim.steps is not None:
        return scores_at_steps(cell, claim.steps)
    if claim.seconds is not None:
        return scores_at_seconds(cell, claim.seconds)
    values = cell.values("auc" if claim.quantity == "auc" else "final")
    return values if len(values) == len(cell.runs) else None


def _speeds(cell: Cell) -> Floats:
    """Return the logarithm of each trained run's environment steps per CPU second of training."""
    records = [run.record for run in cell.runs if run.record is not None and learns(run.entry.trial.algorithm)]
    timed = [(record.final.steps, record.timings.get("train_cpu", 0.0)) for record in records]
    return np.log([steps / seconds for steps, seconds in timed if seconds > 0 and math.isfinite(seconds)])


def _toothless(claim: Claim, cells: Sequence[Cell]) -> Iterator[Fact]:
    """Yield that a margin would let even an estimate pass that is always 0, or one that is wrong by half as much.

    What such an estimate would be biased by is the gradient itself.
    """
    if claim.quantity != "gradient_bias" or claim.direction != "equivalent":
        return
    lengths = [_of_looks(partial(gradient_bias, of="squared_norm"), cell) for cell in cells]
    whole = float(np.mean([np.mean(one) for one in lengths if len(one)]))
    if claim.margin > whole / 4:
        yield Fact(TOOTHLESS, (whole,))


def _gradients(quantity: str, cell: Cell) -> Floats:
    """Return what each run that has it says of its gradient after training began; of a variance, the logarithm."""
    return _of_looks(gradient_bias if quantity == "gradient_bias" else _log_variance, cell)


def _of_looks(told: Callable[[Sequence[GradientNoise]], float | None], cell: Cell) -> Floats:
    """(runs,) what is told of the looks at each run's gradient; nothing of a run of which it cannot be."""
    found = [told(run.record.gradients) for run in cell.runs if run.record is not None]
    return np.array([one for one in found if one is not None], dtype=np.float64)


def _log_variance(looks: Sequence[GradientNoise]) -> float | None:
    """Return the mean multiple of the plain variance; looks at which the plain estimate does not vary are left out."""
    later = [one.variance / one.plain_variance for one in looks if one.steps and one.plain_variance > 0]
    return math.log(max(float(np.mean(later)), _LEAST_SHARE)) if later else None


def _told_at_the_end(name: str, cell: Cell) -> Floats:
    """Return, of each run that told it, the mean over its last updates: those before the last evaluation with any."""
    told = [run.record.told(name) for run in cell.runs if run.record is not None]
    known = [values[np.isfinite(values)] for values in told if values is not None]
    return np.array([values[-1] for values in known if len(values)], dtype=np.float64)


def _reaching(quantity: str, cell: Cell, threshold: float) -> Floats | None:
    clock = "seconds" if QUANTITIES[quantity].clock else "steps"
    found = [first_moment(run, cell, threshold, clock) for run in cell.runs]
    known = [moment for moment in found if moment is not None and not math.isnan(moment)]
    if len(known) < len(found):
        return None
    times = np.array(known, dtype=np.float64)
    if QUANTITIES[quantity].kind == "times":
        return times
    failing = np.array([failed_its_user(run) for run in cell.runs])
    reached = np.isfinite(times)
    return np.asarray(reached if quantity == "reached" else reached & failing, dtype=np.float64)


def _lacking(claim: Claim) -> str:
    if QUANTITIES[claim.quantity].diagnostic:
        return "not told"
    return "no gradient" if QUANTITIES[claim.quantity].gradient else "untimed"


def _unreadable(claim: Claim) -> Fact:
    if claim.steps is not None:
        return Fact("not evaluated around", (claim.steps,))
    of_curve = claim.seconds is not None or claim.quantity not in ("score", "spread")
    return Fact("curve lacking" if of_curve else "score lacking")


def _against(
    claim: Claim,
    cells: tuple[Sequence[Cell], Sequence[Cell]],
    tasks: tuple[Tasks, Tasks],
    draws: Draws,
    plan: AnalysisPlan,
    confidence: float,
) -> Measured:
    kind, equal = QUANTITIES[claim.quantity].kind, QUANTITIES[claim.quantity].equal
    if kind == "times":
        return Measured(_later(*tasks, confidence), equal)
    if kind == "shares":
        return Measured(share_difference(*tasks, confidence))
    if QUANTITIES[claim.quantity].logarithmic:
        return Measured(_ratio(*tasks, confidence), equal, ratio=True)
    if kind == "means":
        return Measured(_welch([_mean(side) for side in tasks], _fewest(*tasks), confidence))
    if kind == "spread":
        sides = [_spread(side, found, draws) for side, found in zip(cells, tasks, strict=True)]
        return Measured(_welch(sides, _fewest(*tasks), confidence))
    return Measured(_differing(tasks, cells, draws, plan, confidence))


def _alone(
    claim: Claim,
    cells: Sequence[Cell],
    tasks: Tasks,
    number: float,
    draws: Draws,
    plan: AnalysisPlan,
    confidence: float,
) -> Measured:
    kind = QUANTITIES[claim.quantity].kind
    if kind == "times":
        later = [np.asarray(task > number, dtype=np.float64) for task in tasks]
        return Measured(_share(later, confidence), QUANTITIES[claim.quantity].equal)
    if kind == "shares":
        return Measured(_share(tasks, confidence), number)
    if kind == "means":
        found = _welch([_mean(tasks)], _fewest(tasks), confidence)
        return Measured(replace(found, notes=(*found.notes, *_toothless(claim, cells))), number)
    if QUANTITIES[claim.quantity].logarithmic:
        still = [np.zeros(len(task)) for task in tasks]
        return Measured(_ratio(tasks, still, confidence), number, ratio=True)
    if kind == "spread":
        return Measured(_welch([_spread(cells, tasks, draws)], _fewest(tasks), confidence), number)
    counts = [_drawn(cell, draws) for cell in cells]
    return Measured(aggregate_interval(tasks, counts, confidence, plan.decide), number)


def _gap(ours: Sequence[Cell], theirs: Sequence[Cell], draws: Draws, plan: AnalysisPlan, confidence: float) -> Interval:
    tasks = [cell.scores for cell in ours], [cell.scores for cell in theirs]
    return _differing(tasks, (ours, theirs), draws, plan, confidence)


def _differing(
    tasks: tuple[Tasks, Tasks],
    cells: tuple[Sequence[Cell], Sequence[Cell]],
    draws: Draws,
    plan: AnalysisPlan,
    confidence: float,
) -> Interval:
    """Return the difference that decides, by the same rule as between the pairs of a report."""
    counts = [_drawn(cell, draws) for cell in cells[0]], [_drawn(cell, draws) for cell in cells[1]]
    return difference_interval(judged(*tasks, counts, plan.decide), *tasks, confidence)


def _later(ours: Tasks, theirs: Tasks, confidence: float) -> Interval:
    """Return P(ours takes longer), ties half; reaches one half wherever the exact test does not reject."""
    share, effective = superiority(ours, theirs)
    low, high = (float(limit) for limit in wilson_limits(share, effective, confidence))
    if permutation_p(ours, theirs) > 1 - confidence:
        low, high = min(low, HALF), max(high, HALF)
    return Interval(share, low, high, _fewest(ours, theirs))


def share_difference(ours: Tasks, theirs: Tasks, confidence: float) -> Interval:
    """Return the share of ones in ours minus that in theirs, averaged over environments, by Newcombe's method 10.

    It covers a point or two less than it states for some shares near one half; so that no difference is seen more
    often than promised, the interval reaches 0 wherever the exact test does not reject.
    """
    (p, low, high), (q, lower, upper) = (_wilson(side, confidence) for side in (ours, theirs))
    gap = p - q
    below, above = math.hypot(p - low, upper - q), math.hypot(high - p, q - lower)
    lowest, highest = max(gap - below, -1.0), min(gap + above, 1.0)
    if permutation_p(ours, theirs) > 1 - confidence:
        lowest, highest = min(lowest, 0.0), max(highest, 0.0)
    return Interval(gap, lowest, highest, _fewest(ours, theirs))


def _wilson(tasks: Tasks, confidence: float) -> tuple[float, float, float]:
    share = _average(tasks)
    low, high = wilson_limits(share, len(tasks) * _fewest(tasks), confidence)
    return share, float(low), float(high)


def _share(tasks: Tasks, confidence: float) -> Interval:
    runs, share = len(tasks) * _fewest(tasks), _average(tasks)
    # Unequal numbers of runs: as if every environment had as many as the one with the fewest, rounded outwards.
    low = clopper_pearson(math.floor(share * runs + _ROUNDING), runs, confidence).low
    high = clopper_pearson(math.ceil(share * runs - _ROUNDING), runs, confidence).high
    return Interval(share, low, high, _fewest(tasks))


_ROUNDING = 1e-9
_LEAST_SHARE = 1e-9
"""Where a baseline leaves no variance at all, as where all returns are the same."""


def _spread(cells: Sequence[Cell], tasks: Tasks, draws: Draws) -> _Mean:
    """Return the mean distance; its variance is the larger of the distances' own and the bootstrap's.

    The distances of two equal heaps of runs are all the same, which is luck and not knowledge: the bootstrap, whose
    median moves, knows better.
    """
    plain = _mean(tasks)
    parts = []
    for cell, (variance, df) in zip(cells, plain.parts, strict=True):
        n = len(cell.runs)
        moved = spread_draws(cell.values("final"), _drawn(cell, draws))
        parts.append((max(variance, float(np.var(moved)) * n / (n - 1) / len(cells) ** 2), df))
    return _Mean(plain.estimate, tuple(parts))


def spread_draws(scores: Floats, drawn: NDArray[Any]) -> Floats:
    """(resamples,) mean of `distances` in every resample of (runs,) scores, by (runs, resamples) counts."""
    order = np.argsort(scores, kind="stable")
    ordered, counts = scores[order], drawn[order].astype(np.intp)
    n, cumulated = len(scores), np.cumsum(counts, axis=0)
    middle = [ordered[np.argmax(cumulated >= place, axis=0)] for place in ((n + 1) // 2, n // 2 + 1)]
    median = (middle[0] + middle[1]) / 2
    apart = np.sum(counts * np.abs(ordered[:, np.newaxis] - median), axis=0)
    return np.asarray(apart / n * _for_the_median(n), dtype=np.float64)


def _mean(tasks: Tasks) -> _Mean:
    parts = [(float(np.var(task, ddof=1)) / len(task) / len(tasks) ** 2, len(task) - 1.0) for task in tasks]
    return _Mean(_average(tasks), tuple(parts))


def _welch(sides: Sequence[_Mean], n: int, confidence: float) -> Interval:
    """Return the first mean, less the second where there is one, with Satterthwaite's (1946) t interval."""
    estimate = sides[0].estimate - sum(side.estimate for side in sides[1:])
    parts = [part for side in sides for part in side.parts]
    largest = max(variance for variance, _ in parts)
    if largest <= 0:
        return Interval(estimate, n=n, notes=(Fact("no variation"),))
    total = sum(variance / largest for variance, _ in parts)
    variances, freedom = np.transpose(parts)
    df = float(welch_df(variances, freedom, otherwise=math.nan))
    half = float(stdtrit(df, (1 + confidence) / 2)) * math.sqrt(total * largest)
    return Interval(estimate, estimate - half, estimate + half, n)


def _drawn(cell: Cell, draws: Draws) -> NDArray[Any]:
    return draws[cell.label, cell.environment]


def _average(tasks: Tasks) -> float:
    return float(np.mean([np.mean(task) for task in tasks]))


def _fewest(*sides: Tasks) -> int:
    return min(len(task) for side in sides for task in side)
