"""Entries of one cell in, one number per trained run out.

A score is a return normalised with fixed references: 0 is the random policy, 1 the target (never the minimum and
maximum of the compared runs, which would move with every algorithm added). Episodes are averaged here, once, and
nothing later sees them: the unit of the statistics is the trained run.

Failure rule. `random`: a failed trial counts as a run that scores as the random policy. `drop`: it is shown and not
counted. A run that has made no update is the policy it began with, whatever its algorithm: it is shown and never
counted. A record has every number the statistics need: what lacks one is none and is not read (`bench.store.schema`).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from bench.analysis.interval import FEWEST_RUNS
from bench.analysis.ledger import Entry, Ledger, ledger
from bench.catalog import Environment, algorithm_of, algorithms, environments, updates
from bench.records import AnalysisPlan, Curve, Failure, Floats, Outcome, Record, Reference, Suite, Trial

_LIKE_BUDGETS = 0.05
"""Budgets further apart are no common ground, as an overshoot of as much is told."""


@dataclass(frozen=True)
class Run:
    """One trained run as the statistics see it."""

    entry: Entry
    record: Record | None
    """None: the trial failed and counts as the random policy."""
    final_return: float
    """Mean raw return of the final evaluation; the random reference for a failed trial."""
    final: float | None
    """`final_return` as a score; None without a reference."""
    auc: float | None
    """Area under the learning curve as a score; None without a reference or without a curve."""
    means: Floats
    """(points,) raw return per evaluation of the learning curve, averaged over its episodes; empty without one."""

    @cached_property
    def knots(self) -> tuple[Floats, Floats]:
        """(points,) environment steps of the learning curve's evaluations and (points,) raw returns there.

        Where a long rollout ran past several evaluation points, they share one step: the last of them counts. A failed
        trial has none.
        """
        if self.record is None:
            return np.empty(0), np.empty(0)
        steps = self.record.curve.steps.astype(np.float64)
        last = np.append(np.diff(steps) > 0, True) if len(steps) else np.empty(0, dtype=bool)
        return steps[last], self.means[last]

    @cached_property
    def seconds(self) -> Floats | None:
        """(points,) CPU seconds of training before each evaluation; None without a curve, or where one is not known."""
        at = None if self.record is None else self.record.curve.cpu_seconds
        return None if at is None or not len(at) or not np.isfinite(at).all() else at.astype(np.float64)

    def metric(self, name: str) -> float | None:
        """Return the score that the metric `final` or `auc` names."""
        return self.auc if name == "auc" else self.final


@dataclass(frozen=True)
class Cell:
    """One algorithm on one environment: the runs that count, and how many do not."""

    label: str
    environment: str
    budget: int
    """Environment steps."""
    reference: Reference | None
    metric: str
    entries: tuple[Entry, ...]
    """Every trial, sorted by seed."""
    runs: tuple[Run, ...]
    """Those that count, sorted by seed."""
    failed: int
    missing: int
    curveless: int
    """Records left out because the metric is `auc` and they have no learning curve."""
    idle: int = 0
    """Records left out because they made no update."""
    resumed: int = 0
    """Records of runs that were interrupted and went on otherwise than they would have, whether left out or not."""
    least: float | None = None
    """What every score below it counts as; None: all of it does."""
    most: float | None = None
    """No score counts beyond it: where all solve the task (`bench.analysis.solved`); None: all of it does."""

    @property
    def key(self) -> tuple[str, str]:
        """(label, environment)."""
        return self.label, self.environment

    @cached_property
    def returns(self) -> Floats:
        """(runs,) mean raw return of the final evaluation."""
        return np.array([run.final_return for run in self.runs], dtype=np.float64)

    @cached_property
    def scores(self) -> Floats:
        """(runs,) the plan's metric, normalised; empty without a reference."""
        return self.values(self.metric)

    def values(self, metric: str) -> Floats:
        """(runs,) the score of a metric; empty where a run lacks it."""
        found = [run.metric(metric) for run in self.runs]
        return self.counted(np.array([] if None in found else found, dtype=np.float64))

    def counted(self, scores: Floats) -> Floats:
        """Return scores as far as they count; same shape."""
        above = scores if self.least is None else np.maximum(scores, self.least)
        return above if self.most is None else np.minimum(above, self.most)

    @cached_property
    def ceiling(self) -> float | None:
        """The largest return that an episode can have here; None where the catalogue declares none."""
        return ceiling_of(self.entries[0].trial)

    @cached_property
    def floor(self) -> float | None:
        """The smallest return that an episode can have here; None where the catalogue declares none."""
        known = _declared(self.entries[0].trial)
        return None if known is None else known.floor

    @property
    def score_ceiling(self) -> float | None:
        """The largest score that counts here: `ceiling` as a score, or `most`; None where neither is known."""
        known = [] if self.most is None else [self.most]
        if self.ceiling is not None and self.reference is not None:
            known.append(float(normalise(self.ceiling, self.reference)))
        return min(known, default=None)

    @property
    def scored(self) -> bool:
        """Whether this cell can enter aggregates and comparisons."""
        return self.reference is not None and bool(self.runs)

    @cached_property
    def core_seconds(self) -> float | None:
        """Seconds of one core that a run takes, the median; None where it is not known."""
        taken = [run.record.core_seconds for run in self.runs if run.record is not None]
        known = [seconds for seconds in taken if seconds is not None]
        return float(np.median(known)) if known else None


Field = Mapping[str, Sequence[Cell]]
"""Label -> its cells, in the suite's order of environments."""


def ceiling_of(trial: Trial) -> float | None:
    """Return the largest return that an episode of a trial can have; None where the catalogue declares none."""
    known = _declared(trial)
    return None if known is None else known.ceiling


def _declared(trial: Trial) -> Environment | None:
    """Return what the catalogue says of a trial's environment; None where it is another one there, or not in it."""
    return None if trial.changed else environments().get(trial.environment)


def like_budgets(one: int, other: int) -> bool:
    """Return whether two budgets are as good as the same number of steps."""
    return abs(one - other) <= _LIKE_BUDGETS * max(one, other)


def taking_part(cells: Sequence[Cell], suite: Suite) -> list[Cell]:
    """Return the cells that are aggregated and compared: those on environments of the suite.

    What the suite does not name (imported beside own runs, or left over) needs as good as the suite's budget, too.
    """
    budgets = suite.budgets
    named = {line.label for line in suite.algorithms}
    there = [one for one in cells if one.environment in budgets]
    return [one for one in there if one.label in named or like_budgets(one.budget, budgets[one.environment])]


def learns(algorithm: str) -> bool:
    """Return whether an algorithm learns at all; one that the catalogue does not know is taken to."""
    entry = algorithms().get(algorithm)
    return entry is None or entry.learns


def updates_of(record: Record) -> int | None:
    """Return how many updates a run made, of older records as its settings have it; None where it is not known."""
    trial = record.trial
    # How others trained, and whether they learned from the last rollout, is not known.
    if record.updates is not None or trial.origin or not record.settings or trial.algorithm not in algorithms():
        return record.updates
    return updates(algorithm_of(trial), record.settings, trial.steps)


def is_idle(outcome: Outcome | None) -> bool:
    """Return whether a run of what learns has made no update."""
    return isinstance(outcome, Record) and learns(outcome.trial.algorithm) and updates_of(outcome) == 0


def went_on_otherwise(outcome: Outcome | None) -> bool:
    """Return whether a run was interrupted and went on otherwise than it would have."""
    return isinstance(outcome, Record) and not all(one.exact for one in outcome.resumed)


def normalise(returns: Floats | float, reference: Reference) -> Floats:
    """Return raw returns as scores: 0 is the random policy, 1 the target; same shape."""
    return np.asarray((returns - reference.random) / (reference.target - reference.random), dtype=np.float64)


def usable(reference: Reference | None) -> Reference | None:
    """Return the reference if its target lies above its random return and both are finite, else None."""
    if reference is None or not (math.isfinite(reference.random) and math.isfinite(reference.target)):
        return None
    return reference if reference.target > reference.random else None


def final_return(record: Record) -> float:
    """Return the mean raw return of the final evaluation: one number for the trained run."""
    return float(np.mean(record.final.returns))


def mean_curve(curve: Curve) -> Floats:
    """(points,) raw return per evaluation, averaged over its episodes."""
    return np.asarray(np.mean(curve.returns, axis=1), dtype=np.float64) if curve.returns.size else np.empty(0)


def area_under_curve(curve: Curve, budget: int, means: Floats | None = None) -> float | None:
    """Return the mean raw return over training, weighted by steps; None without a point.

    Trapezoid rule over environment steps between the first evaluation and the budget (the last evaluation if that
    comes earlier), divided by that span, so that the area has the unit of a return. What is trained past the budget
    does not count; nothing is assumed about the time before the first evaluation.

    Args:
        curve: raw.
        budget: environment steps.
        means: what `mean_curve` gives for it, where that is known.
    """
    if curve.returns.size == 0:
        return None
    means = mean_curve(curve) if means is None else means
    steps = np.minimum(curve.steps, budget).astype(np.float64)
    heights = np.interp(steps, curve.steps, means)
    span = steps[-1] - steps[0]
    if span <= 0:
        return float(means[-1])
    return float(np.sum(np.diff(steps) * (heights[1:] + heights[:-1]) / 2) / span)


def cell(entries: Sequence[Entry], reference: Reference | None, plan: AnalysisPlan) -> Cell:
    """Return the cell that these entries (one label, one environment, at least one) make up."""
    ordered = sorted(entries, key=lambda entry: (entry.trial.seed, entry.fingerprint))
    found = [entry for entry in ordered if entry.outcome is not None]
    told = [entry for entry in found if not is_idle(entry.outcome)]
    resumed = [entry for entry in told if went_on_otherwise(entry.outcome)]
    kept = [entry for entry in told if plan.resumed == "keep" or not went_on_otherwise(entry.outcome)]
    runs = [run for entry in kept if (run := _run(entry, reference, plan)) is not None]
    counted = [run for run in runs if plan.metric != "auc" or run.record is None or run.record.curve.returns.size]
    first = ordered[0].trial
    whole = Cell(
        label=ordered[0].label,
        environment=first.environment,
        budget=first.steps,
        reference=reference,
        metric=plan.metric,
        entries=tuple(ordered),
        runs=tuple(counted),
        failed=sum(isinstance(entry.outcome, Failure) for entry in found),
        missing=len(ordered) - len(found),
        curveless=len(runs) - len(counted),
        idle=len(found) - len(told),
        resumed=len(resumed),
    )
    return whole if plan.floor is None else floored(whole, plan.floor)


def floored(one: Cell, least: float) -> Cell:
    """Return the cell with every evaluation that scores below `least`, at most 0, counted as scoring it."""
    if one.reference is None:
        return one
    return replace(one, runs=tuple(_floored(run, one.reference, least) for run in one.runs), least=least)


def _floored(run: Run, reference: Reference, least: float) -> Run:
    if run.record is None or run.final is None:
        return run
    bottom = reference.random + least * (reference.target - reference.random)
    area = _area(run.entry, run.record, reference, np.maximum(run.means, bottom))
    return replace(run, final=max(run.final, least), auc=area)


def cells_of(
    planned: Sequence[Trial],
    outcomes: Sequence[Outcome],
    references: Mapping[str, Reference | None],
    plan: AnalysisPlan,
) -> dict[tuple[str, str], Cell]:
    """Return the cells of a set of results by (label, environment), in the order of the plan."""
    return cells_in(ledger(planned, outcomes), references, plan)


def cells_in(
    book: Ledger, references: Mapping[str, Reference | None], plan: AnalysisPlan
) -> dict[tuple[str, str], Cell]:
    """Return the cells of a ledger by (label, environment), in its order."""
    grouped: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in book.entries:
        grouped[entry.label, entry.trial.environment].append(entry)
    return {key: cell(entries, usable(references.get(key[1])), plan) for key, entries in grouped.items()}


def _run(entry: Entry, reference: Reference | None, plan: AnalysisPlan) -> Run | None:
    record = entry.outcome
    if not isinstance(record, Record):
        counts = plan.failures == "random" and reference is not None
        return Run(entry, None, reference.random, 0.0, 0.0, np.empty(0)) if counts and reference is not None else None
    mean, means = final_return(record), mean_curve(record.curve)
    if reference is None:
        return Run(entry, record, mean, None, None, means)
    score = float(normalise(min(mean, _most(entry)), reference))
    return Run(entry, record, mean, score, _area(entry, record, reference, means), means)


def _area(entry: Entry, record: Record, reference: Reference, means: Floats) -> float | None:
    """Return the area under a learning curve of these returns as a score; None without a point."""
    area = area_under_curve(record.curve, entry.trial.steps, means)
    return None if area is None else float(normalise(min(area, _most(entry)), reference))


def _most(entry: Entry) -> float:
    """Return what counts at most: of another time limit, perhaps, what the environment cannot return is no score."""
    return ceiling if (ceiling := ceiling_of(entry.trial)) is not None else math.inf


def compared(one: Cell, plan: AnalysisPlan) -> Floats:
    """(runs,) what a comparison takes: scores; without a reference raw final returns, of which only the ranks count.

    Of the latter a failed trial stands below every run, minus infinity, unless the plan drops it.
    """
    if one.reference is not None:
        return one.scores
    lost = one.failed if plan.failures == "random" else 0
    return np.concatenate([one.returns, np.full(lost, -np.inf)])


def environments_of(field: Field) -> set[str]:
    """Return every environment that any has a cell on."""
    return {cell.environment for cells in field.values() for cell in cells}


def complete(field: Field, everywhere: Collection[str] | None = None) -> Field:
    """Return, by label, those with cells on all of these environments; if not given, on every one that any has."""
    wanted = environments_of(field) if everywhere is None else set(everywhere)
    return {label: cells for label, cells in field.items() if cells and {cell.environment for cell in cells} >= wanted}


def enough(field: Field) -> Field:
    """Return, by label, those without a cell of too few runs for an interval; all, where that leaves fewer than two.

    Resamples of two runs, stretched as they must be, reach beyond any score there is: no chance of being best and no
    regret can be told from them.
    """
    found = {label: cells for label, cells in field.items() if min(len(one.runs) for one in cells) >= FEWEST_RUNS}
    return found if len(found) > 1 else field


def seconds_of_one_more_run(cells: Sequence[Cell]) -> float | None:
    """Return the seconds of one core that one more run of every cell takes, by medians; None where one is not known."""
    known = [seconds for one in cells if (seconds := one.core_seconds) is not None]
    return sum(known) if len(known) == len(cells) else None
