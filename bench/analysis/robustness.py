"""A field of scored cells in, in how many re-analyses each conclusion holds out.

The re-analyses: each environment left out and each seed left out (a tenth of them at a time, with more than twenty),
the other metric, failed trials dropped, scores below the random policy's counted as it; for the first place also the
aggregates that do not decide, scores from the worst to the best run of each environment, and ranks of runs within each
environment. Those that change nothing or leave nobody to compare are left away. Pairs are judged by the rule of
`bench.analysis.verdict`, as in the main analysis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import TypeVar

import numpy as np

from bench.analysis.aggregate import BY_ENVIRONMENT, MEAN, POOLED, estimate
from bench.analysis.claims import judge
from bench.analysis.ranking import order, rounded
from bench.analysis.ranks import mid_ranks
from bench.analysis.resampling import Draws, Streams, fewer, resample_counts, thinned
from bench.analysis.scores import Cell, Field, Run, floored
from bench.analysis.solved import Solved
from bench.analysis.verdict import holm, judged, verdict
from bench.records import AnalysisPlan, ClaimVerdict, Conclusion, Fact, Floats, Pair, Suite, Verdicts, verdict_on

_MANY, _GROUPS = 20, 10
NOBODY = "nobody"
"""Comes first where all are level."""
T = TypeVar("T")
_Scores = Mapping[str, Mapping[str, Floats]]
"""Label -> environment -> (runs,) scores."""


@dataclass(frozen=True, slots=True)
class Variation:
    """One other way to do the analysis."""

    about: Fact
    scores: _Scores
    decide: str
    """The aggregate by which one comes first."""


def claim_conclusions(
    suite: Suite, field: Field, draws: Draws, verdicts: Sequence[ClaimVerdict], streams: Streams, solved: Solved
) -> tuple[Conclusion, ...]:
    """Return every decided claim with the re-analyses in which it is decided the same way.

    Args:
        suite: as analysed; its claims in the order of `verdicts`.
        field: everything that is compared.
        draws: (label, environment) -> (runs, resamples) counts of the main analysis.
        verdicts: of the main analysis.
        streams: name -> generator, for the resamples of cells that have lost a run.
        solved: where nothing beyond the target counts, as in the main analysis.
    """
    decided = [(claim, told) for claim, told in zip(suite.claims, verdicts, strict=True) if told.verdict != "undecided"]
    if not decided:
        return ()
    claims = [claim for claim, _ in decided]
    spoken = {label for _, told in decided for label in told.labels}
    field = {label: cells for label, cells in field.items() if label in spoken}
    again = [
        (about, judge(_only(suite, other), _all_cells(other), _redrawn(about, other, draws, streams), claims, solved))
        for about, other in _other_runs(field)
    ]
    return tuple(
        _claim(told, [(about, found[place]) for about, found in again]) for place, (_, told) in enumerate(decided)
    )


def _claim(told: ClaimVerdict, again: Sequence[tuple[Fact, ClaimVerdict]]) -> Conclusion:
    judged = [(about, found.verdict) for about, found in again if found.estimate.estimate is not None]
    return _conclusion(Fact("claim", names=(told.claim.text, told.verdict)), judged, told.verdict)


def _conclusion(about: Fact, again: Sequence[tuple[Fact, str]], expected: str) -> Conclusion:
    fails = tuple((other, found) for other, found in again if found != expected)
    return Conclusion(about, len(again) - len(fails), len(again), fails)


def _only(suite: Suite, field: Field) -> Suite:
    """Return the suite without the environments that are left out."""
    there = {cell.environment for cell in _all_cells(field)}
    return replace(suite, environments=tuple(line for line in suite.environments if line.environment in there))


def _all_cells(field: Field) -> list[Cell]:
    return [cell for cells in field.values() for cell in cells]


def _redrawn(about: Fact, field: Field, draws: Draws, streams: Streams) -> Draws:
    """Return the resamples of the main analysis, drawn anew for cells that have lost a run."""
    cells = _all_cells(field)
    known = thinned([draws[cell.key] for cell in cells])
    return {
        cell.key: before
        if len(before) == len(cell.runs)
        else resample_counts(len(cell.runs), before.shape[1], streams(*cell.key, _seeded(about)))
        for cell, before in zip(cells, known, strict=True)
    }


def _seeded(about: Fact) -> str:
    """Return the name of a re-analysis' own resamples: nobody reads it, but another would move limits of claims."""
    if about.kind != "seeds":
        return "failed trials dropped"
    first, *others = about.numbers
    return f"without {1 + len(others)} seeds, {first}, {others[0]} and so on" if others else f"without seed {first}"


def conclusions(
    field: Field, race: Sequence[str], pairs: Sequence[Pair], plan: AnalysisPlan, draws: Draws, streams: Streams
) -> tuple[Conclusion, ...]:
    """Return who comes first and every decided difference, with the re-analyses in which each holds.

    Args:
        field: everything that is compared.
        race: labels of the complete learning algorithms: who can come first, in the order of the main analysis.
        pairs: with verdicts; those that are better or worse are conclusions.
        plan: gives confidence, margin and what decides.
        draws: (label, environment) -> (runs, resamples) counts of the main analysis.
        streams: name -> generator, for the resamples of cells that have lost a run.
    """
    other_runs = list(_other_runs(field))
    other_data = [Variation(about, _scores(other), plan.decide) for about, other in other_runs]
    other_data += [Variation(about, scores, plan.decide) for about, scores in _other_metric(field)]
    first = _first_place(field, race, [*other_data, *_other_scales(field, plan.decide)], plan.decide)
    decided = [pair for pair in pairs if pair.verdict in {"better", "worse"}]
    again = []
    if decided:
        some = {key: fewer([drawn])[0] for key, drawn in draws.items()}
        redrawn = [_redrawn(about, other, some, streams) for about, other in other_runs]
        redrawn += [some] * (len(other_data) - len(redrawn))
        again = [
            (one.about, _verdicts(one.scores, drawn, plan)) for one, drawn in zip(other_data, redrawn, strict=True)
        ]
    return (*([first] if first else []), *(_difference(pair, again) for pair in decided))


def _first_place(field: Field, race: Sequence[str], variations: Sequence[Variation], decide: str) -> Conclusion | None:
    if len(race) <= 1:
        return None
    first = _leader(_of(race, _scores(field)), decide)
    if first is None:
        return None
    found = [(one.about, _leader(_of(race, one.scores), one.decide)) for one in variations]
    told = [(about, leader) for about, leader in found if leader is not None]
    return _conclusion(Fact("first", names=(first,)), told, first) if told and first != NOBODY else None


def _of(labels: Sequence[str], scores: _Scores) -> _Scores:
    return {label: scores[label] for label in labels if label in scores}


def _leader(scores: _Scores, decide: str) -> str | None:
    """Return who comes first among those with every environment; None with fewer than two of them.

    Whoever is named first comes first among equals, and nobody where all are.
    """
    everywhere = {environment for tasks in scores.values() for environment in tasks}
    complete = {label: list(tasks.values()) for label, tasks in scores.items() if set(tasks) == everywhere and tasks}
    if len(complete) <= 1:
        return None
    values = {label: estimate(tasks, decide) for label, tasks in complete.items()}
    first, *_, last = order(values)
    return NOBODY if rounded(values[first]) == rounded(values[last]) else first


def _difference(pair: Pair, again: Sequence[tuple[Fact, Verdicts]]) -> Conclusion:
    names = (pair.a, pair.b) if pair.verdict == "better" else (pair.b, pair.a)
    found = [(about, verdict_on(*names, verdicts)) for about, verdicts in again if (pair.a, pair.b) in verdicts]
    return _conclusion(Fact("better", names=names), found, "better")


def _verdicts(scores: _Scores, draws: Draws, plan: AnalysisPlan) -> dict[tuple[str, str], str]:
    """Return every pair's verdict, corrected over all pairs as in the main analysis."""
    found = {}
    for a, b in combinations(scores, 2):
        shared = [environment for environment in scores[a] if environment in scores[b]]
        if shared:
            ours, theirs = [scores[a][name] for name in shared], [scores[b][name] for name in shared]
            counts = [draws[a, name] for name in shared], [draws[b, name] for name in shared]
            found[a, b] = judged(ours, theirs, counts, plan.decide)
    corrected = holm([float(one.p_values[0]) for one in found.values()])
    return {pair: verdict(one, p, plan) for (pair, one), p in zip(found.items(), corrected, strict=True)}


def _scores(field: Field) -> _Scores:
    return {
        label: {cell.environment: cell.scores for cell in cells if len(cell.scores)} for label, cells in field.items()
    }


def _other_metric(field: Field) -> Iterator[tuple[Fact, _Scores]]:
    """Yield the scores by the metric that is not the plan's, where every run has one."""
    metric = "auc" if next(cell for cells in field.values() for cell in cells).metric == "final" else "final"
    if all(len(cell.values(metric)) for cells in field.values() for cell in cells):
        measured = {label: [replace(cell, metric=metric) for cell in cells] for label, cells in field.items()}
        yield Fact(metric), _scores(measured)


def _other_runs(field: Field) -> Iterator[tuple[Fact, Field]]:
    """Yield the re-analyses that leave something out."""
    environments = list(dict.fromkeys(cell.environment for cells in field.values() for cell in cells))
    for left_out in _groups(environments) if len(environments) > 1 else ():
        yield Fact("environments", names=tuple(left_out)), _cells(field, partial(_is_elsewhere, left_out))
    seeds = sorted({run.entry.trial.seed for cells in field.values() for cell in cells for run in cell.runs})
    for some in _groups(seeds):
        yield Fact("seeds", tuple(some)), _runs(field, partial(_has_other_seed, frozenset(some)))
    if any(run.record is None for cells in field.values() for cell in cells for run in cell.runs):
        yield Fact("failed"), _runs(field, lambda run: run.record is not None)
    if any(_sinks(cell) for cells in field.values() for cell in cells):
        yield Fact("floor"), {label: [floored(cell, 0.0) for cell in cells] for label, cells in field.items()}


def _sinks(cell: Cell) -> bool:
    """Return whether a run scores worse than the random policy, by the cell's metric anywhere along its training."""
    if cell.reference is None:
        return False
    told = np.concatenate([run.means for run in cell.runs]) if cell.metric == "auc" else cell.returns
    return cell.least != 0 and bool(np.any(told < cell.reference.random))


def _other_scales(field: Field, decide: str) -> Iterator[Variation]:
    """Yield the re-analyses that change the scale or the aggregate."""
    scores = _scores(field)
    several = max(map(len, scores.values())) > 1
    for other in (POOLED, BY_ENVIRONMENT, MEAN):
        if other != decide and (several or MEAN in {other, decide}):
            yield Variation(Fact(other), scores, other)
    yield Variation(Fact("range"), _rescaled(scores, _between_extremes), decide)
    yield Variation(Fact("ranks"), _rescaled(scores, mid_ranks), decide)


def _rescaled(scores: _Scores, scale: Callable[[Floats], Floats]) -> _Scores:
    """Return scores rescaled within each environment, over the runs of all algorithms."""
    found: dict[str, dict[str, Floats]] = {label: {} for label in scores}
    for environment in dict.fromkeys(name for tasks in scores.values() for name in tasks):
        labels = [label for label, tasks in scores.items() if environment in tasks]
        sizes = np.cumsum([len(scores[label][environment]) for label in labels])[:-1]
        pooled = np.asarray(scale(np.concatenate([scores[label][environment] for label in labels])), dtype=np.float64)
        for label, part in zip(labels, np.split(pooled, sizes), strict=True):
            found[label][environment] = part
    return found


def _between_extremes(values: Floats) -> Floats:
    width = np.ptp(values)
    return (values - values.min()) / width if width > 0 else np.zeros_like(values)


def _groups(everything: Sequence[T]) -> list[Sequence[T]]:
    """Return what is left out together: one environment or seed, or a tenth of them where there are many."""
    if len(everything) <= _MANY:
        return [[one] for one in everything]
    return [everything[first::_GROUPS] for first in range(_GROUPS)]


def _is_elsewhere(environments: Sequence[str], cell: Cell) -> bool:
    return cell.environment not in environments


def _has_other_seed(seeds: frozenset[int], run: Run) -> bool:
    return run.entry.trial.seed not in seeds


def _cells(field: Field, keep: Callable[[Cell], bool]) -> Field:
    return {label: kept for label, cells in field.items() if (kept := [cell for cell in cells if keep(cell)])}


def _runs(field: Field, keep: Callable[[Run], bool]) -> Field:
    kept = {label: [_with_runs(cell, keep) for cell in cells] for label, cells in field.items()}
    return _cells(kept, lambda cell: bool(cell.runs))


def _with_runs(cell: Cell, keep: Callable[[Run], bool]) -> Cell:
    runs = tuple(filter(keep, cell.runs))
    # What loses nothing stays itself, and keeps what was worked out for it.
    return cell if len(runs) == len(cell.runs) else replace(cell, runs=runs)
