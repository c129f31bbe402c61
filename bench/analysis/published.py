"""A published number and our runs in, whether they agree out.

ONE published run. Is it a plausible further draw from our runs? What counts is a prediction interval, not the interval
of our mean. Within it: plausible. Returns are skewed, capped or fail in some runs, so the usual t prediction interval
errs too often; the limits beyond which a number is called different reach further than t at 98 % and further than our
outermost runs by 5/n of their range (by twice the range where half of the runs are equal: then the range says little
about the others). From 39 runs on, ranks alone decide: 1 in 40 lies below all of them, whatever the distribution.
Measured over twelve shapes of distribution, at most 5 % of honest single runs are called different, and four in five of
those four standard deviations off are found with ten runs (tests/test_published.py). The limits were chosen on these
same shapes, so this is no guarantee for another one; the ranks are.

SEVERAL published runs. The interval of the difference of means, the wider of Welch's and the pooled one: with three
published runs Welch's alone calls up to 13 % of honest tables different. Within the margin: reproduced.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from scipy.special import stdtrit

from bench import published
from bench.analysis.interval import FEWEST_RUNS, cut, mean_interval, welch_df
from bench.analysis.scores import Cell, Run
from bench.analysis.verdict import MOST_RUNS
from bench.published.protocol import budget, wanted
from bench.records import (
    PLAUSIBLE,
    REPRODUCED,
    WEAKLY,
    EvaluationPlan,
    Fact,
    Floats,
    Interval,
    PublishedCell,
    PublishedTable,
    PublishedVerdict,
    Reference,
    Trial,
)

FEWEST_AGAINST_ONE = 10
"""Runs of ours below which a single published run is not judged: too often none of them has failed yet."""
ENOUGH_FOR_RANKS = 39
"""2 / (n + 1) is 5 % from here on."""
_CONFIDENCE, _WIDE = 0.95, 0.98
_REACH, _REACH_IF_TIED = 5.0, 2.0


@dataclass(frozen=True, slots=True)
class Summary:
    """What a table tells of several runs."""

    mean: float
    sd: float
    """Sample standard deviation over runs."""
    n: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with what carries it."""

    verdict: str
    reason: Fact
    limits: Interval | None = None
    rank: int | None = None
    more_runs: int | None = None


def sample_sd(spread: float, kind: str, runs: int) -> float | None:
    """Return the sample standard deviation over runs behind a printed spread; None for a single run.

    Args:
        spread: as printed.
        kind: `std`, a population standard deviation; `stderr`, that over the root of the number of runs.
        runs: behind it.

    Raises:
        ValueError: another kind.
    """
    if kind not in ("std", "stderr"):
        raise ValueError(f"spread kind {kind!r} is not known; std or stderr")
    if runs < 2:  # noqa: PLR2004 - one run has no spread
        return None
    population = spread * math.sqrt(runs) if kind == "stderr" else spread
    return population * math.sqrt(runs / (runs - 1))


def peak(curves: Floats) -> tuple[int, Floats]:
    """Return the evaluation at which the mean over runs is highest, and the runs' returns there.

    This is the maximum of the mean, not the mean of the maxima, which is larger.

    Args:
        curves: (runs, evaluations) returns.
    """
    best = int(np.argmax(np.mean(curves, axis=0)))
    return best, np.asarray(curves[:, best])


def statistic(runs: Sequence[Run], name: str) -> Floats | None:
    """(runs,) the statistic that a table is about; None where a run lacks it. A failed run has the random return."""
    if name == "maximum":
        curves = [run.means for run in runs if run.record is not None]
        whole = len(curves) == len(runs) > 0 and len({len(curve) for curve in curves}) == 1 and len(curves[0]) > 0
        return peak(np.stack(curves))[1] if whole else None
    found = np.array([_of_run(run, name) for run in runs], dtype=np.float64)
    return found if np.isfinite(found).all() else None


def against_one(value: float, ours: Floats, rounding: float = 0.0) -> Judgement:
    """Judge one published run.

    Args:
        value: as published.
        ours: (runs,) the same statistic of our runs.
        rounding: half a unit of the last printed digit.
    """
    n = len(ours)
    if n < 2:  # noqa: PLR2004 - one run predicts nothing
        return Judgement("undecided", Fact("few", (n,)), rank=_rank(value, ours), more_runs=FEWEST_AGAINST_ONE - n)
    plausible, beyond = _usual(ours), _far(ours)
    limits, rank = Interval(float(np.mean(ours)), *plausible, n, _equal(ours)), _rank(value, ours)
    if n < FEWEST_AGAINST_ONE:
        reason = Fact("few against one", (n, FEWEST_AGAINST_ONE))
        return Judgement("undecided", reason, limits, rank, FEWEST_AGAINST_ONE - n)
    if plausible[0] - rounding <= value <= plausible[1] + rounding:
        return Judgement(PLAUSIBLE, Fact("plausible"), limits, rank)
    if value + rounding < beyond[0]:
        return Judgement("above", Fact("runs above"), limits, rank)
    if value - rounding > beyond[1]:
        return Judgement("below", Fact("runs below"), limits, rank)
    return Judgement("undecided", Fact("unusual", (ENOUGH_FOR_RANKS,)), limits, rank, max(1, ENOUGH_FOR_RANKS - n))


def against_several(theirs: Summary, ours: Summary, margin: float | None, rounding: float = 0.0) -> Judgement:
    """Judge the mean of several published runs.

    Args:
        theirs: as published, the spread converted to a sample standard deviation over runs.
        ours: our runs.
        margin: in returns; means within it count as the same. None: nothing can be called the same.
        rounding: half a unit of the last printed digit of their mean.
    """
    if ours.n < FEWEST_RUNS:
        reason = Fact("few against several", (ours.n, FEWEST_RUNS))
        return Judgement("undecided", reason, more_runs=FEWEST_RUNS - ours.n)
    difference, half = ours.mean - theirs.mean, _half(theirs, ours)
    if half == 0:
        return _without_spread(theirs, ours, rounding)
    half += rounding
    limits = Interval(difference, difference - half, difference + half, ours.n)
    verdict = _verdict(difference, half, margin)
    if verdict == REPRODUCED:
        return Judgement(verdict, Fact("within", (margin or 0.0,)), limits)
    if verdict != "undecided":
        return Judgement(verdict, Fact(f"mean {verdict}"), limits)
    more = _price(theirs, ours, margin, rounding)
    reason = Fact("open")
    if margin is None:
        reason = Fact("open without margin")
    elif more is None:
        reason = Fact("open for good", (theirs.n,))
    return Judgement("undecided", reason, limits, more_runs=more)


def compare(table: PublishedTable, cell: PublishedCell, found: Cell | None) -> PublishedVerdict:
    """Return one published number against what there is of it here."""
    theirs = None
    if table.spread_over == "runs" and cell.spread is not None:
        theirs = sample_sd(cell.spread, table.spread_kind, table.runs)
    bare = PublishedVerdict(
        table=table.name,
        label=cell.algorithm if found is None else found.label,
        environment=cell.place,
        published_as=cell.environment,
        steps=cell.steps,
        statistic=table.statistic,
        published=cell.mean,
        published_runs=table.runs,
        published_sd=theirs,
        verdict="not yet run",
        reason=Fact(),
    )
    if cell.not_comparable:
        return replace(bare, verdict="not comparable", reason=Fact("said", names=(cell.not_comparable,)))
    if found is None or not found.runs:
        return bare
    if reason := _mismatch(table, cell, found.entries[0].trial):
        return replace(bare, verdict="not comparable", reason=reason, n=len(found.runs))
    ours = statistic(found.runs, table.statistic)
    if ours is None:
        return replace(bare, verdict="not comparable", reason=Fact("no statistic"), n=len(found.runs))
    told = _judged(bare, table, ours, found.reference, found.ceiling, found.floor)
    told = replace(told, seeds=tuple(run.entry.trial.seed for run in found.runs))
    return replace(told, note=cell.note)


def against(cells: Sequence[Cell]) -> tuple[PublishedVerdict, ...]:
    """Return every published number about a pair that the cells have, comparable ones first."""
    return tuple(sorted(_counterparts(cells), key=lambda line: line.verdict == "not comparable"))


def _counterparts(cells: Sequence[Cell]) -> Iterator[PublishedVerdict]:
    for table in published.tables():
        for entry in table.cells:
            for found in cells:
                trial = found.entries[0].trial
                if (trial.algorithm, trial.environment) == (entry.algorithm, entry.place) and found.runs:
                    yield compare(table, entry, found)


def _judged(
    bare: PublishedVerdict,
    table: PublishedTable,
    ours: Floats,
    reference: Reference | None,
    ceiling: float | None,
    floor: float | None = None,
) -> PublishedVerdict:
    n, bounded = len(ours), partial(cut, ceiling=ceiling, floor=floor)
    sd = float(np.std(ours, ddof=1)) if n > 1 else None
    margin = None if reference is None else table.margin * (reference.target - reference.random)
    seen = replace(bare, n=n, values=tuple(ours.tolist()), ours=bounded(mean_interval([ours], _CONFIDENCE)), sd=sd)
    if reference is not None:
        seen = replace(seen, random=reference.random, target=reference.target)
    if table.runs == 1:
        told = against_one(bare.published, ours, table.rounding)
        seen = replace(seen, level=(n - 1) / (n + 1))
    elif bare.published_sd is None:
        told = Judgement("not comparable", Fact("no spread"))
    else:
        theirs = Summary(bare.published, bare.published_sd, table.runs)
        told = against_several(theirs, Summary(float(np.mean(ours)), sd or 0.0, n), margin, table.rounding)
        half = _t(theirs.n - 1, _CONFIDENCE) * theirs.sd / math.sqrt(theirs.n)
        printed = Interval(theirs.mean, theirs.mean - half, theirs.mean + half, theirs.n)
        seen = replace(seen, margin=margin, theirs=bounded(printed))
    found = replace(
        seen,
        verdict=told.verdict,
        reason=told.reason,
        limits=told.limits if told.limits is None or table.runs > 1 else bounded(told.limits),
        rank=told.rank,
        more_runs=told.more_runs,
    )
    return replace(found, verdict=WEAKLY) if found.weak else found


def _mismatch(table: PublishedTable, cell: PublishedCell, trial: Trial) -> Fact | None:
    """Return why the trial is no rerun of the cell; None where it is one."""
    if trial.steps != cell.steps and trial.steps != budget(table, cell):
        return Fact("budget", (trial.steps, cell.steps))
    if trial.changed:
        return Fact("changed environment")
    if table.statistic != "training" and trial.evaluation.deterministic != table.deterministic:
        return Fact("deterministic here" if trial.evaluation.deterministic else "exploring here")
    if few := _few_episodes(table, trial.evaluation):
        return few
    differing = _differing(wanted(table, cell), trial.hyperparameters)
    return Fact("settings", names=tuple(differing)) if differing else None


def _few_episodes(table: PublishedTable, evaluation: EvaluationPlan) -> Fact | None:
    """Return how an evaluation is too short to stand for the table's; None where it is not."""
    asked = EvaluationPlan()
    if table.statistic == "final" and 2 * evaluation.final_episodes < asked.final_episodes:
        return Fact("final episodes", (evaluation.final_episodes, asked.final_episodes))
    if table.statistic in {"last", "maximum"} and 2 * evaluation.episodes < asked.episodes:
        return Fact("episodes", (evaluation.episodes, asked.episodes))
    return None


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))


def _of_run(run: Run, name: str) -> float:
    if run.record is None or name == "final":
        return run.final_return
    if name == "last":
        return float(run.means[-1]) if len(run.means) else math.nan
    if name == "training":
        found = run.record.curve.training_returns
        return float(found[-1]) if len(found) else math.nan
    raise ValueError(f"statistic {name!r} is not known")


def _usual(ours: Floats) -> tuple[float, float]:
    """Return the t prediction interval, no narrower than the runs themselves; from 39 runs on, that of ranks."""
    n = len(ours)
    if n >= ENOUGH_FOR_RANKS:
        return _ranked(ours)
    mean, half = float(np.mean(ours)), _t(n - 1, _CONFIDENCE) * float(np.std(ours, ddof=1)) * math.sqrt(1 + 1 / n)
    return min(mean - half, float(np.min(ours))), max(mean + half, float(np.max(ours)))


def _far(ours: Floats) -> tuple[float, float]:
    """Return the limits beyond which a published run is called different."""
    n = len(ours)
    if n >= ENOUGH_FOR_RANKS:
        return _ranked(ours)
    mean, half = float(np.mean(ours)), _t(n - 1, _WIDE) * float(np.std(ours, ddof=1)) * math.sqrt(1 + 1 / n)
    tied = 2 * np.sum(ours == np.sort(ours)[n // 2]) >= n
    reach = (_REACH_IF_TIED if tied else _REACH / n) * float(np.ptp(ours))
    return min(mean - half, float(np.min(ours)) - reach), max(mean + half, float(np.max(ours)) + reach)


def _ranked(ours: Floats) -> tuple[float, float]:
    """Return order statistics between which a further run lies with at least the confidence."""
    place = math.floor((1 - _CONFIDENCE) / 2 * (len(ours) + 1) + 1e-9)
    ordered = np.sort(ours)
    return float(ordered[place - 1]), float(ordered[len(ours) - place])


def _rank(value: float, ours: Floats) -> int:
    return 1 + int(np.sum(ours < value))


def _equal(ours: Floats) -> tuple[Fact, ...]:
    return (Fact("one value", (len(ours),)),) if np.ptp(ours) == 0 else ()


def _half(theirs: Summary, ours: Summary) -> float:
    """Return half the width of the interval of the difference: Welch's or the pooled one, whichever is wider."""
    of_theirs, of_ours = theirs.sd**2 / theirs.n, ours.sd**2 / ours.n
    if of_theirs + of_ours == 0:
        return 0.0
    df = float(welch_df(np.array([of_theirs, of_ours]), np.array([theirs.n - 1.0, ours.n - 1.0]), otherwise=math.nan))
    freedom = theirs.n + ours.n - 2
    pooled = ((theirs.n - 1) * theirs.sd**2 + (ours.n - 1) * ours.sd**2) / freedom
    welch = _t(df, _CONFIDENCE) * math.sqrt(of_theirs + of_ours)
    return max(welch, _t(freedom, _CONFIDENCE) * math.sqrt(pooled * (1 / theirs.n + 1 / ours.n)))


def _t(df: float, confidence: float) -> float:
    return float(stdtrit(df, (1 + confidence) / 2))


def _verdict(difference: float, half: float, margin: float | None) -> str:
    if margin is not None and abs(difference) + half <= margin:
        return REPRODUCED
    if abs(difference) <= half:
        return "undecided"
    return "above" if difference > 0 else "below"


def _without_spread(theirs: Summary, ours: Summary, rounding: float) -> Judgement:
    """Judge where all runs on each side have one value."""
    difference = ours.mean - theirs.mean
    limits = Interval(difference, n=ours.n, notes=(Fact("one value each", (ours.n, theirs.n)),))
    if abs(difference) <= rounding:
        return Judgement(REPRODUCED, Fact("all alike"), limits)
    # Of all ways to tell the two groups apart, this is one of two that separate them wholly.
    if 2 / math.comb(theirs.n + ours.n, ours.n) <= 1 - _CONFIDENCE:
        verdict = "above" if difference > 0 else "below"
        return Judgement(verdict, Fact(f"mean {verdict}"), limits)
    return Judgement("undecided", Fact("few alike"), limits, more_runs=1)


def _price(theirs: Summary, ours: Summary, margin: float | None, rounding: float) -> int | None:
    """Return how many more runs of ours would decide, if means and spreads stay what they are; None: no number."""
    difference = ours.mean - theirs.mean

    def decided(more: int) -> bool:
        half = _half(theirs, replace(ours, n=ours.n + more)) + rounding
        return _verdict(difference, half, margin) != "undecided"

    # The interval narrows but for a little, where ours spread less than theirs: what once decides keeps deciding.
    found = 1 + bisect_left(range(1, MOST_RUNS + 1), True, key=decided)
    return found if found <= MOST_RUNS else None
