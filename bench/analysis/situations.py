"""A field of scored cells in, what to choose in each situation and how sure that is out.

A situation is the whole suite at its full budget; one kind of actions and observations; a smaller budget of steps or of
seconds; failed runs being expensive; one environment alone. In each, the algorithms that have runs on all of its
environments are compared again. The first is the report's main comparison and takes its verdicts; those of all others
are corrected together, by Holm over every pair of every situation. Scores are compared by the rule of
`bench.analysis.verdict`. An environment that every run of every algorithm solves cannot tell them apart by score:
alone, it is answered by who gets there first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations

import numpy as np

from bench.analysis.aggregate import MEAN, aggregate_interval, estimate, highest
from bench.analysis.interval import FEWEST_RUNS, cut, wilson_limits
from bench.analysis.moments import first_evaluations, last_evaluations, scores_at_seconds, scores_at_steps
from bench.analysis.ranking import Race, order, race_draws, regrets, shares_best
from bench.analysis.ranks import rank_p_value, superiority
from bench.analysis.reliability import failed_its_user
from bench.analysis.resampling import Counts, Draws, Streams, Tasks, fewer, thinned
from bench.analysis.scores import Cell, Field, complete, enough
from bench.analysis.solved import all_solve
from bench.analysis.threshold import first_steps, median_of_reached
from bench.analysis.verdict import Difference, holm, judged, verdict
from bench.catalog import environments as known_environments
from bench.records import (
    AnalysisPlan,
    Candidate,
    Fact,
    Floats,
    Interval,
    Pair,
    Situation,
    Suite,
    Verdicts,
    verdict_on,
    verdicts_of,
)

_STEPS = tuple(mantissa * 10**power for power in range(2, 10) for mantissa in (1, 2, 5))
_SECONDS = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 18_000, 36_000, 86_400)
_MOST_ALONE = 20
"""With more environments than this, none has a row of its own; each has its own section of the report."""
_MOST_BUDGETS = 3
"""Rows per clock: a table of two minutes' reading."""


@dataclass(frozen=True, slots=True)
class _Circumstance:
    """A situation before anything is compared."""

    key: str
    kind: str
    about: tuple[str | int, ...]
    race: Race
    """What is compared, larger is better: scores, 1 for every run that does not fail, or less steps to the
    threshold."""
    environments: tuple[str, ...]
    measure: str = "score"
    not_judged: tuple[tuple[str, int, int], ...] = ()
    top: float | None = None
    """The largest value there can be; None where an environment's is not known."""


def situations(
    suite: Suite,
    field: Field,
    baselines: Collection[str],
    pairs: Sequence[Pair],
    draws: Draws,
    streams: Streams,
    cells: Sequence[Cell] = (),
) -> tuple[Situation, ...]:
    """Return every situation that the data at hand can speak of, the whole suite first.

    Args:
        suite: says which environments it changes, and holds the analysis plan.
        field: label -> scored cells, in the suite's order.
        baselines: labels that do not learn; they are never recommended.
        pairs: the main comparison, with verdicts.
        draws: (label, environment) -> (runs, resamples) counts.
        streams: name -> generator.
        cells: everything that takes part, cells without runs included: who is left out for too few runs is told.
    """
    learners = {label: list(found) for label, found in field.items() if label not in baselines}
    there = [cell for cell in cells if cell.label not in baselines]
    tops = {cell.environment: cell.score_ceiling for found in learners.values() for cell in found}
    circumstances = [
        replace(
            one,
            not_judged=_not_judged(one, there),
            top=1.0
            if one.measure == "share"
            else highest([tops[name] for name in one.environments], suite.analysis.decide),
        )
        for one in _circumstances(suite, learners)
    ]
    if not circumstances:
        return ()
    plan = suite.analysis
    verdicts = [verdicts_of(pairs), *_verdicts(circumstances[1:], draws, plan)]
    return tuple(
        _situation(one, found, draws, streams, plan) for one, found in zip(circumstances, verdicts, strict=True)
    )


def _circumstances(suite: Suite, learners: Field) -> Iterator[_Circumstance]:
    whole = enough(complete(learners))
    if len(whole) <= 1:
        return
    names = _names(whole)
    yield _Circumstance("full", "full", _budgets(whole), _scores(whole), names)
    yield from _groups(suite, learners, names)
    yield from _steps(whole)
    yield from _seconds(whole)
    yield _Circumstance("failures", "failures", (), _success(whole), names, "share")
    for name in names if len(names) <= _MOST_ALONE else ():
        one = _alone(name, enough(_within(learners, [name])), suite.analysis)
        # Of the only environment the first situation has told all but this.
        if len(names) > 1 or one.measure == "steps":
            yield one


def _alone(name: str, here: Field, plan: AnalysisPlan) -> _Circumstance:
    """Return one environment by itself; where all solve it, who gets there first."""
    times = {label: first_steps(cells[0], plan.threshold) for label, cells in here.items()}
    race = {label: [-steps] for label, steps in times.items() if steps is not None}
    if len(race) == len(here) and all_solve([cells[0] for cells in here.values()], plan):
        return _Circumstance(f"environment-{name}", "environment", (name,), race, (name,), "steps")
    return _Circumstance(f"environment-{name}", "environment", (name,), _scores(here), (name,))


def _not_judged(one: _Circumstance, cells: Sequence[Cell]) -> tuple[tuple[str, int, int], ...]:
    """Return the label, the runs and the planned runs of every algorithm that has too few to take part."""
    there = {cell.key: cell for cell in cells}
    found = []
    for label in dict.fromkeys(cell.label for cell in cells if cell.label not in one.race):
        own = [there[label, name] for name in one.environments if (label, name) in there]
        fewest = min((len(cell.runs) for cell in own), default=FEWEST_RUNS)
        if len(own) == len(one.environments) and fewest < FEWEST_RUNS:
            found.append((label, fewest, max(len(cell.entries) for cell in own)))
    return tuple(found)


def _groups(suite: Suite, learners: Field, everywhere: tuple[str, ...]) -> Iterator[_Circumstance]:
    """Yield one circumstance per kind of actions and observations, where the suite has several.

    An environment that has a row of its own is no group: where all solve it, two rows would be judged by two measures.
    """
    kinds: dict[tuple[str, str], list[str]] = {}
    changed = {place.environment for place in suite.environments if place.changed}
    known = {name: entry for name, entry in known_environments().items() if name not in changed}
    for name in dict.fromkeys(cell.environment for cells in learners.values() for cell in cells):
        if name in known:
            kinds.setdefault((known[name].actions, known[name].observations), []).append(name)
    for (actions, observations), names in kinds.items():
        here = enough(complete(_within(learners, names)))
        has_its_own = len(names) == 1 and len(everywhere) <= _MOST_ALONE
        if len(here) > 1 and not has_its_own and set(names) != set(everywhere):
            about = actions, observations
            yield _Circumstance(f"group-{actions}-{observations}", "group", about, _scores(here), tuple(names))


def _steps(whole: Field) -> Iterator[_Circumstance]:
    """Yield smaller step budgets, on the environments whose whole budget is at least as large."""
    cells = [cell for found in whole.values() for cell in found]
    budgets = {cell.environment: cell.budget for cell in cells}
    first = max((step for cell in cells for step in first_evaluations(cell, "steps")), default=0)
    fits = [k for k in _STEPS if first <= k < max(budgets.values()) and 2 * _wide(budgets, k) >= len(budgets)]
    for steps in fits[-_MOST_BUDGETS:]:
        names = tuple(name for name, budget in budgets.items() if budget >= steps)
        race = _at(_within(whole, names), partial(scores_at_steps, steps=steps))
        if race and not all(budget == steps for budget in budgets.values()):
            yield _Circumstance(f"steps-{steps}", "steps", (steps,), race, names)


def _wide(budgets: Mapping[str, int], steps: int) -> int:
    return sum(budget >= steps for budget in budgets.values())


def _seconds(whole: Field) -> Iterator[_Circumstance]:
    """Yield budgets of CPU seconds between the first evaluations and the end of the slowest training."""
    cells = [cell for found in whole.values() for cell in found]
    begun = [np.median(at) for cell in cells if (at := first_evaluations(cell, "seconds"))]
    ended = [np.median(at) for cell in cells if (at := last_evaluations(cell, "seconds"))]
    if len(begun) < len(cells):
        return
    fits = [seconds for seconds in _SECONDS if np.median(begun) <= seconds < max(ended)]
    for seconds in fits[-_MOST_BUDGETS:]:
        race = _at(whole, partial(scores_at_seconds, seconds=seconds))
        if race:
            yield _Circumstance(f"seconds-{seconds}", "seconds", (seconds,), race, _names(whole))


def _at(field: Field, read: Callable[[Cell], Floats | None]) -> Race:
    """Return the scores at one moment; empty where fewer than two algorithms have them everywhere."""
    found = {label: [read(cell) for cell in cells] for label, cells in field.items()}
    known = {label: [task for task in tasks if task is not None] for label, tasks in found.items()}
    race = {label: tasks for label, tasks in known.items() if len(tasks) == len(found[label])}
    return race if len(race) > 1 else {}


def _success(field: Field) -> Race:
    """Return per run 1 where it ends at or above half of the target, else 0."""
    return {
        label: [np.array([not failed_its_user(run) for run in cell.runs], dtype=np.float64) for cell in cells]
        for label, cells in field.items()
    }


def _verdicts(circumstances: Sequence[_Circumstance], draws: Draws, plan: AnalysisPlan) -> list[Verdicts]:
    """Return each setting's verdicts, corrected together over all of them."""
    asked = [(one, a, b) for one in circumstances for a, b in combinations(one.race, 2)]
    found = [_told(one, a, b, draws, plan) for one, a, b in asked]
    said: dict[str, dict[tuple[str, str], str]] = {one.key: {} for one in circumstances}
    for (one, a, b), (told, share, _), p in zip(asked, found, holm([p for *_, p in found]), strict=True):
        if told is not None:
            said[one.key][a, b] = verdict(told, p, plan)
        elif p <= 1 - plan.confidence:
            said[one.key][a, b] = "better" if share > 0.5 else "worse"  # noqa: PLR2004 - the meaning of "above"
    return [said[one.key] for one in circumstances]


def _told(
    one: _Circumstance, a: str, b: str, draws: Draws, plan: AnalysisPlan
) -> tuple[Difference | None, float, float]:
    """Return the difference of scores, else none and the share of runs that are above; and the p-value of either."""
    ours, theirs = one.race[a], one.race[b]
    if one.measure == "score":
        counts = (_counts(a, one, draws), _counts(b, one, draws))
        gap = judged(ours, theirs, counts, plan.decide)
        return gap, 0.0, float(gap.p_values[0])
    effect = superiority(ours, theirs)
    return None, effect[0], rank_p_value(ours, theirs, effect)


def _situation(one: _Circumstance, verdicts: Verdicts, draws: Draws, streams: Streams, plan: AnalysisPlan) -> Situation:
    candidates = _candidates(one, draws, streams, plan)
    against = {other.label: verdict_on(candidates[0].label, other.label, verdicts) for other in candidates[1:]}
    alike = tuple(label for label, told in against.items() if told == "equivalent")
    still_open = tuple(label for label, told in against.items() if told not in ("better", "equivalent"))
    n = min(len(task) for tasks in one.race.values() for task in tasks)
    found = Situation(
        key=one.key,
        kind=one.kind,
        about=one.about,
        measure=one.measure,
        choose=None if still_open else candidates[0].label,
        as_good=alike,
        undecided=still_open,
        not_judged=one.not_judged,
        candidates=candidates,
        environments=one.environments,
        n=n,
    )
    return replace(found, choose=None, as_good=()) if found.unlearned else found


def _candidates(one: _Circumstance, draws: Draws, streams: Streams, plan: AnalysisPlan) -> tuple[Candidate, ...]:
    """Return every algorithm of the situation, the best first."""
    if one.measure == "steps":
        return _first_there({label: -tasks[0] for label, tasks in one.race.items()})
    decide = plan.decide if one.measure == "score" else MEAN
    counts = {label: _counts(label, one, draws) for label in one.race}
    some = {label: fewer(found) for label, found in counts.items()}
    drawn = race_draws(one.race, some, lambda label: streams(label, one.key, "situation"), decide, one.top)
    best, regret = (shares_best(drawn), regrets(drawn)) if drawn else ({}, {})
    values = {label: _value(one, tasks, counts[label], plan) for label, tasks in one.race.items()}
    ranked = order({label: value.estimate or 0.0 for label, value in values.items()}, regret, best)
    return tuple(Candidate(label, values[label], best.get(label), regret.get(label)) for label in ranked)


def _first_there(steps: Mapping[str, Floats]) -> tuple[Candidate, ...]:
    """Return the algorithms by the steps that half of their runs take; equal ones by the mean of all runs."""
    middles = {label: median_of_reached(found.tolist(), len(found)) for label, found in steps.items()}
    ends = {label: math.inf if middle is None else middle for label, middle in middles.items()}
    ranked = sorted(steps, key=lambda label: (ends[label], float(np.mean(steps[label]))))
    return tuple(Candidate(label, Interval(middles[label], n=len(steps[label])), None, None) for label in ranked)


def _value(one: _Circumstance, tasks: Tasks, counts: Counts, plan: AnalysisPlan) -> Interval:
    if one.measure == "score":
        return cut(aggregate_interval(tasks, counts, plan.confidence, plan.decide), one.top)
    share, n = estimate(tasks, MEAN), min(len(task) for task in tasks)
    if n < FEWEST_RUNS:
        return Interval(share, n=n, notes=(Fact("few runs"),))
    # An average of T shares varies no more than one share in T n runs, n those of the environment with the fewest.
    low, high = wilson_limits(share, n * len(tasks), plan.confidence)
    return Interval(share, float(low), float(high), n)


def _counts(label: str, one: _Circumstance, draws: Draws) -> Counts:
    return thinned([draws[label, name] for name in one.environments])


def _within(field: Field, names: Collection[str]) -> Field:
    kept = {label: [cell for cell in cells if cell.environment in names] for label, cells in field.items()}
    return {label: cells for label, cells in kept.items() if cells}


def _names(field: Field) -> tuple[str, ...]:
    return tuple(cell.environment for cell in next(iter(field.values())))


def _scores(field: Field) -> Race:
    return {label: [cell.scores for cell in cells] for label, cells in field.items()}


def _budgets(whole: Field) -> tuple[int, int]:
    budgets = [cell.budget for cells in whole.values() for cell in cells]
    return min(budgets), max(budgets)
