"""Finished tuning trials in; per algorithm and environment all configurations' scores and the one that is kept, out.

A run that failed, or made no update, scores as the random policy, whatever the suite says of failures: a search that
drops them would take settings that crash for good ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.analysis.scores import Cell, Run, cells_of, is_idle
from bench.pipeline import Experiment, references
from bench.pipeline.gathering import gather
from bench.records import AnalysisPlan, Failure, Floats, Outcome, Record, Sensitivity, Trial
from bench.store import Store
from bench.tune.effort import Landscape, order, winners_curse
from bench.tune.search import Pair, Search, label, place_label
from bench.tune.sensitivity import best_first, dependence

_PLAN = AnalysisPlan(metric="final", failures="random")


@dataclass(frozen=True, slots=True)
class Confirmed:
    """One of the best by their first run, on fresh seeds."""

    number: int
    scores: tuple[float, ...]
    areas: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean of the scores."""
        return float(np.mean(self.scores))


@dataclass(frozen=True, eq=False)
class Tuned:
    """One algorithm on one environment, tuned."""

    algorithm: str
    environment: str
    landscape: Landscape
    seconds: Floats
    """(configurations, runs): of one core; NaN where not known."""
    confirmed: tuple[Confirmed, ...] = ()
    """The best first by the choosing run; empty until all their runs are there."""
    settings: Mapping[str, Any] | None = None
    """Of the configuration that is kept; None until it is known."""
    confirming_seconds: float = 0.0
    failed: int = 0
    """Of all its runs; those that made no update among them."""
    ceiling: float | None = None
    """Highest score there is; None: not known."""

    @property
    def kept(self) -> Confirmed | None:
        """The best by its mean on fresh seeds; of equals the one with the larger areas, then the earlier."""
        if not self.confirmed:
            return None
        return max(self.confirmed, key=lambda one: (one.mean, float(np.mean(one.areas))))

    @property
    def worth(self) -> float | None:
        """Return what the kept settings score, by runs that had no part in choosing them; None until it is known.

        The mean of the best is too high: it is the highest of several means. Here all fresh runs but one choose, that
        one is read, and so for each of them.
        """
        if not self.confirmed:
            return None
        scores = np.array([one.scores for one in self.confirmed])
        if len(scores) == 1:
            return float(scores.mean())
        if scores.shape[1] == 1:
            return None
        areas = np.array([one.areas for one in self.confirmed])
        others = ~np.eye(scores.shape[1], dtype=bool)
        ranks = [order(scores[:, rest].mean(axis=1), areas[:, rest].mean(axis=1)) for rest in others]
        return float(np.mean([scores[rank == rank.max(), run].mean() for run, rank in enumerate(ranks)]))

    @property
    def curse(self) -> float | None:
        """By how much the best of all by its first run looked better than it was; None where that cannot be told.

        Its fresh runs had no part in choosing it. Of what is kept they had: it would seem to have looked worse.
        """
        if not self.confirmed:
            return winners_curse(self.landscape)
        best = self.confirmed[0]
        return float(self.landscape.scores[best.number, 0]) - best.mean

    @property
    def noise(self) -> float:
        """Standard deviation of runs of one configuration, of those that were confirmed; NaN where it is not known."""
        scores = np.array([one.scores for one in self.confirmed])
        return float(np.sqrt(scores.var(axis=1, ddof=1).mean())) if scores.ndim > 1 and scores.shape[1] > 1 else np.nan

    @property
    def sensitivity(self) -> Sensitivity | None:
        """How it depends on its settings; None until it is known which are kept."""
        if self.kept is None:
            return None
        return dependence(self.landscape, self.kept.mean if self.worth is None else self.worth, self.noise)

    @property
    def core_seconds(self) -> float:
        """What all its runs took."""
        return float(np.nansum(self.seconds)) + self.confirming_seconds


def landscapes(search: Search, experiment: Experiment) -> dict[Pair, Tuned]:
    """Return, for every pair whose first runs are all there, what they came to.

    The suite's own runs of the defaults, on seeds of their own, tell with them what no tuning is worth.
    """
    cells = _cells(experiment)
    own = _suite_s_own(search, experiment.store.root.with_name(search.suite.name))
    seeds = search.protocol.first_seeds(search.suite.seeds)
    found = {}
    for pair in search.pairs:
        mine = [cells.get((label(pair[0], number), pair[1])) for number in range(search.protocol.configurations)]
        runs = [[_by_seed(cell).get(seed) for seed in seeds] for cell in mine]
        if any(run is None for row in runs for run in row):
            continue
        known = [[run for run in row if run is not None] for row in runs]
        suite = _of_the_same(known[0][0], own.get(pair, ()))
        landscape = Landscape(_array(known, search.suite.analysis.metric), _array(known, "auc"), suite=suite)
        seconds = np.array([[_seconds(run) for run in row] for row in known])
        failed = sum(run.record is None for row in known for run in row)
        ceiling = next(cell.score_ceiling for cell in mine if cell is not None)
        found[pair] = Tuned(*pair, landscape, seconds, failed=failed, ceiling=ceiling)
    return found


def candidates(search: Search, tuned: Mapping[Pair, Tuned]) -> dict[Pair, list[int]]:
    """Return the configurations that are to be confirmed: the best by their first run."""
    return {pair: best_first(one.landscape)[: search.protocol.kept] for pair, one in tuned.items()}


def with_confirmation(
    search: Search, tuned: Mapping[Pair, Tuned], best: Mapping[Pair, Sequence[int]], experiment: Experiment
) -> dict[Pair, Tuned]:
    """Return the pairs with what the fresh runs came to, where all of them are there."""
    cells = _cells(experiment)
    seeds = search.protocol.fresh_seeds(search.suite.seeds)
    found = dict(tuned)
    for pair, numbers in best.items():
        rows = []
        for place in range(len(numbers)):
            runs = _by_seed(cells.get((place_label(pair[0], place), pair[1])))
            rows.append([runs.get(seed) for seed in seeds])
        if any(run is None for row in rows for run in row):
            continue
        known = [[run for run in row if run is not None] for row in rows]
        scores, areas = _array(known, search.suite.analysis.metric), _array(known, "auc")
        confirmed = tuple(
            Confirmed(number, tuple(mine.tolist()), tuple(its.tolist()))
            for number, mine, its in zip(numbers, scores, areas, strict=True)
        )
        default = next((one.scores for one in confirmed if one.number == 0), ())
        one = replace(
            tuned[pair],
            landscape=replace(tuned[pair].landscape, confirmed=default),
            confirmed=confirmed,
            confirming_seconds=float(np.nansum([[_seconds(run) for run in row] for row in known])),
            failed=tuned[pair].failed + sum(run.record is None for row in known for run in row),
        )
        if one.kept is not None:
            found[pair] = replace(one, settings=search.drawn(*pair, one.kept.number))
    return found


def versions(*experiments: Experiment) -> dict[str, str]:
    """Return library -> version of everything that can have changed the numbers."""
    found: dict[str, str] = {}
    for experiment in experiments:
        for outcome in gather(experiment)[1]:
            found |= outcome.trial.versions
    return dict(sorted(found.items()))


def _cells(experiment: Experiment) -> dict[Pair, Cell]:
    planned, outcomes = gather(experiment)
    return cells_of(planned, list(map(_counted, outcomes)), references(experiment.suite), _PLAN)


def _suite_s_own(search: Search, folder: Path) -> dict[Pair, list[Run]]:
    """Return the runs of a suite's results by algorithm and environment, whatever the settings.

    None where areas under curves are compared: the search looks at other points of them.
    """
    if search.suite.analysis.metric != "final":
        return {}
    outcomes = [_counted(one) for one in Store(folder).outcomes()]
    found: dict[Pair, list[Run]] = {}
    for cell in cells_of([], outcomes, references(search.suite), _PLAN).values():
        for run in cell.runs:
            trial = run.entry.trial
            found.setdefault((trial.algorithm, trial.environment), []).append(run)
    return found


def _of_the_same(default: Run, runs: Iterable[Run]) -> tuple[float, ...]:
    """Return the scores of the runs that differ from this one only in the seed and in how often they are evaluated."""
    asked = _definition(default.entry.trial)
    return tuple(run.metric("final") or 0.0 for run in runs if _definition(run.entry.trial) == asked)


def _definition(trial: Trial) -> dict[str, Any]:
    numbers = replace(trial.evaluation, points=0, episodes=0, final_episodes=0)
    return replace(trial, evaluation=numbers).definition()


def _counted(outcome: Outcome) -> Outcome:
    """Return a run that made no update as a failure: settings that never learn must not leave the search open."""
    if not (isinstance(outcome, Record) and is_idle(outcome)):
        return outcome
    return Failure(outcome.trial, "exception", "made no update", seconds=outcome.core_seconds or 0.0)


def _by_seed(cell: Cell | None) -> dict[int, Run]:
    return {} if cell is None else {run.entry.trial.seed: run for run in cell.runs}


def _array(runs: Sequence[Sequence[Run]], metric: str) -> Floats:
    return np.array([[run.metric(metric) or 0.0 for run in row] for row in runs], dtype=np.float64)


def _seconds(run: Run) -> float:
    """Return what a run took, in seconds of one core; of a failed one until it failed."""
    outcome = run.entry.outcome
    if isinstance(outcome, Record):
        return outcome.core_seconds if outcome.core_seconds is not None else np.nan
    return outcome.seconds if isinstance(outcome, Failure) else np.nan
