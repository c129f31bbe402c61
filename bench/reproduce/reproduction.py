"""A published table's name in; the trials that run its protocol again, what there is of them, and the rest run, out."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import accumulate, chain
from pathlib import Path

from bench.catalog import Environment, did_you_mean, environments
from bench.errors import BenchError
from bench.pipeline.execution import Listener, RunOptions, Summary, prepare, run
from bench.pipeline.experiment import REPRODUCED, Experiment
from bench.pipeline.gathering import gather
from bench.pipeline.naming import RESULTS
from bench.plan import Plan, expected_seconds, plan
from bench.published import table as read_table
from bench.published.protocol import budget
from bench.records import (
    EvaluationPlan,
    Outcome,
    PublishedCell,
    PublishedTable,
    Record,
    Suite,
    SuiteAlgorithm,
    SuiteEnvironment,
    Trial,
)
from bench.runner.jobs import Job
from bench.store import Store

Key = tuple[str, str]
"""Algorithm and environment, as today's Gymnasium calls it."""
_SECONDS_PER_MINUTE = 60.0
SECONDS_PER_HOUR = 3600.0
_POINTS = 20


@dataclass(frozen=True, slots=True)
class CellPlan:
    """One published number, its trials, and what there is of them."""

    cell: PublishedCell
    trials: tuple[Trial, ...]
    """Empty where nothing of today can be compared with it."""
    outcomes: tuple[Outcome, ...]
    seconds: float
    """Of one core, that one more run takes."""

    @property
    def key(self) -> Key:
        """Algorithm and environment."""
        return self.cell.algorithm, self.cell.place

    @property
    def missing(self) -> tuple[Trial, ...]:
        """The trials without a result anywhere."""
        there = {outcome.trial.fingerprint for outcome in self.outcomes}
        return tuple(trial for trial in self.trials if trial.fingerprint not in there)

    def unfinished(self, *, failed: bool) -> tuple[Trial, ...]:
        """Return the trials without a result anywhere and, where asked for, those that failed."""
        lost = {one.trial.fingerprint for one in self.outcomes if failed and not isinstance(one, Record)}
        return (*self.missing, *(trial for trial in self.trials if trial.fingerprint in lost))

    @property
    def cost(self) -> float:
        """Seconds of one core for what is missing."""
        return self.cost_of(failed=False)

    def cost_of(self, *, failed: bool) -> float:
        """Return the seconds of one core for what is missing and, where asked for, for what failed."""
        return self.seconds * len(self.unfinished(failed=failed))


@dataclass(frozen=True, slots=True)
class Reproduction:
    """A published table with what there is of it here."""

    table: PublishedTable
    cells: tuple[CellPlan, ...]
    """Those asked for, the cheapest run first."""
    experiment: Experiment
    """All of their trials, each with its cell's own budget."""
    borrowed: Mapping[str, int]
    """Results folder of another suite -> trials of it that are the very same and count here too."""


def open_table(
    name: str, *, only: Sequence[str] = (), seeds: int | None = None, results: Path = RESULTS
) -> Reproduction:
    """Return a published table of the project with the trials that run its protocol again; see `reproduction`.

    Raises:
        BenchError: no such table, or a pattern that matches nothing.
    """
    return reproduction(read_table(name), only=only, seeds=seeds, results=results)


def reproduction(
    table: PublishedTable, *, only: Sequence[str] = (), seeds: int | None = None, results: Path = RESULTS
) -> Reproduction:
    """Return a table with the trials that run its protocol again and what there is of them.

    Trials of other suites count where they are the same to the last setting, and so do those of further seeds.

    Args:
        table: numbers with their protocol.
        only: patterns such as `ppo@CartPole-v1`, `ppo`, `@CartPole-v1`; empty means all.
        seeds: runs per number, instead of what the table asks for.
        results: folder that holds the results of all suites.

    Raises:
        BenchError: a pattern that matches nothing.
    """
    count = table.seeds if seeds is None else seeds
    cells = _chosen(table, only)
    stems = {folder: {_stem_of(one.name) for one in folder.glob("*")} for folder in sorted(results.glob("*/trials"))}
    candidates = {_key(cell): _candidates(table, cell, count, set().union(*stems.values())) for cell in cells}
    store = Store(results / f"{REPRODUCED}{table.name}")
    every = _experiment(table, cells, list(chain.from_iterable(candidates.values())), store)
    kept, borrowed = _outcomes(every, stems)
    planned = {
        key: tuple(trial for trial in trials if trial.seed < count or trial.fingerprint in kept)
        for key, trials in candidates.items()
    }
    experiment = replace(every, plan=Plan(tuple(chain.from_iterable(planned.values())), (), ()))
    found = [_cell_plan(cell, planned[_key(cell)], kept) for cell in cells]
    found.sort(key=lambda one: (not one.trials, one.seconds))
    return Reproduction(table, tuple(found), experiment, borrowed)


def rerun(
    opened: Reproduction,
    options: RunOptions,
    show: Callable[[Sequence[CellPlan], Sequence[Job]], AbstractContextManager[Listener]],
    core_hours: float | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Summary:
    """Run what is missing, the cheapest number first; return what it came to, failures that are left included.

    Args:
        opened: the table.
        options: how to run.
        show: the numbers with trials to run and their jobs -> a context whose value hears every event.
        core_hours: stop before the number whose expected cost would exceed this together with those before it.
        tell: as in `prepare`.
    """
    again = options.retry_failed
    chosen = [one for one in affordable(opened, core_hours, failed=again) if one.unfinished(failed=again)]
    trials = tuple(chain.from_iterable(one.unfinished(failed=again) for one in chosen))
    outcomes = chain.from_iterable(one.outcomes for one in opened.cells)
    failed = {outcome.trial.fingerprint for outcome in outcomes if not isinstance(outcome, Record)}
    left = len(failed - {trial.fingerprint for trial in trials})
    if not trials:
        return Summary(left, 0, left, 0, interrupted=False)
    seconds = {trial.fingerprint: one.seconds for one in chosen for trial in one.trials}
    turn = {trial.fingerprint: place for place, trial in enumerate(trials)}
    part = replace(opened.experiment, plan=Plan(trials, (), ()))
    jobs = [replace(job, expected_seconds=seconds[job.trial.fingerprint]) for job in prepare(part, options, tell)]
    jobs.sort(key=lambda job: turn[job.trial.fingerprint])
    with show(chosen, jobs) as display:
        summary = run(part, jobs, display.hear, options, display.stopping)
    return replace(summary, planned=summary.planned + left, failed=summary.failed + left)


def affordable(opened: Reproduction, core_hours: float | None, *, failed: bool) -> Sequence[CellPlan]:
    """Return the numbers that so many hours of one core pay for, the cheapest first; all where None.

    `failed`: with the trials that failed.
    """
    spent = accumulate(one.cost_of(failed=failed) for one in opened.cells)
    return [
        one
        for one, cost in zip(opened.cells, spent, strict=True)
        if core_hours is None or cost <= SECONDS_PER_HOUR * core_hours
    ]


def _key(cell: PublishedCell) -> Key:
    return cell.algorithm, cell.place


def _chosen(table: PublishedTable, only: Sequence[str]) -> list[PublishedCell]:
    def fits(pattern: str, text: str) -> bool:
        return fnmatchcase(text.casefold(), pattern.casefold() or "*")

    def matching(pattern: str) -> list[PublishedCell]:
        if not pattern.strip(" @"):
            return []
        algorithm, _, environment = pattern.partition("@")
        return [
            cell
            for cell in table.cells
            if fits(algorithm, cell.algorithm) and any(fits(environment, e) for e in (cell.place, cell.environment))
        ]

    if unknown := [pattern for pattern in only if not matching(pattern)]:
        names = [f"{cell.algorithm}@{cell.place}" for cell in table.cells]
        hints = [did_you_mean(pattern, names) or f"it has {', '.join(names[:3])}, ..." for pattern in unknown]
        told = [f"--only {p!r}: {table.name} has no such number; {h}" for p, h in zip(unknown, hints, strict=True)]
        raise BenchError(*told)
    wanted = {id(cell) for pattern in only for cell in matching(pattern)}
    return [cell for cell in table.cells if not only or id(cell) in wanted]


def _candidates(table: PublishedTable, cell: PublishedCell, count: int, stems: AbstractSet[str]) -> tuple[Trial, ...]:
    """Return the trials of one number, also those of further seeds of which there is something under their name.

    None where the number is not comparable, whatever one runs.
    """
    if cell.not_comparable:
        return ()
    # One planned and the others made like it: looking up the installed versions is what takes the time.
    single = _suite(table, [replace(cell, steps=budget(table, cell))], 1)
    first = plan(single, {(cell.algorithm, cell.place): _traits(cell)}).trials[0]
    start = _stem(first).removesuffix("0")
    ends = (stem.removeprefix(start) for stem in stems if stem.startswith(start))
    seeds = {*range(count), *(int(end) for end in ends if end.isdecimal())}
    return tuple(replace(first, seed=seed) for seed in sorted(seeds))


def _suite(table: PublishedTable, cells: Sequence[PublishedCell], seeds: int) -> Suite:
    """Return cells as a suite; where there are several, its budgets are nobody's and only its names count."""
    algorithms = {
        cell.algorithm: SuiteAlgorithm(
            cell.algorithm, cell.algorithm, table.hyperparameters, cell.settings if len(cells) == 1 else {}
        )
        for cell in cells
    }
    places = {cell.place: SuiteEnvironment(cell.place, cell.steps) for cell in cells}
    return Suite(
        name=f"{REPRODUCED}{table.name}",
        title=table.title,
        question=f"Does {table.title} hold here?",
        seeds=tuple(range(seeds)),
        algorithms=tuple(algorithms.values()),
        environments=tuple(places.values()),
        evaluation=EvaluationPlan(points=_POINTS, deterministic=table.deterministic or table.statistic == "training"),
        skip_incompatible=True,
    )


def _traits(cell: PublishedCell) -> Environment:
    known = environments()
    if cell.place not in known:
        raise BenchError(f"{cell.place}: the catalogue does not know this environment")
    return known[cell.place]


def _experiment(
    table: PublishedTable, cells: Sequence[PublishedCell], trials: Sequence[Trial], store: Store
) -> Experiment:
    comparable = [cell for cell in cells if not cell.not_comparable]
    suite = _suite(table, comparable, table.seeds)
    traits = {(cell.algorithm, cell.place): _traits(cell) for cell in comparable}
    # No suite file has one budget per algorithm: there is no text to keep beside the results.
    return Experiment(suite, Plan(tuple(trials), (), ()), store, "", traits)


def _outcomes(
    experiment: Experiment, stems: Mapping[Path, AbstractSet[str]]
) -> tuple[dict[str, Outcome], dict[str, int]]:
    """Return outcomes by the planned trial's fingerprint, and how many come from which other folder.

    Args:
        experiment: all trials that may count.
        stems: folder of trials -> algorithm, environment and seed of everything in it.
    """
    kept: dict[str, Outcome] = {}
    borrowed: dict[str, int] = {}
    names = {_stem(trial) for trial in experiment.plan.trials}
    roots = [folder.parent for folder in stems if stems[folder] & names]
    for root in sorted(roots, key=lambda root: root != experiment.store.root):
        new = {key: one for key, one in _within(experiment, root).items() if key not in kept}
        kept |= new
        if root != experiment.store.root and new:
            borrowed[str(root)] = len(new)
    return kept, borrowed


def _within(experiment: Experiment, root: Path) -> dict[str, Outcome]:
    """Return what a folder holds of the planned trials, made with any versions of the libraries."""
    planned, outcomes = gather(replace(experiment, store=Store(root)))
    asked = {old.fingerprint: new.fingerprint for new, old in zip(experiment.plan.trials, planned, strict=True)}
    return {asked[one.trial.fingerprint]: one for one in outcomes if one.trial.fingerprint in asked}


def _stem(trial: Trial) -> str:
    return _stem_of(trial.name)


def _stem_of(name: str) -> str:
    """Return algorithm, environment and seed of a trial folder's name."""
    return name.rpartition("--")[0]


def _cell_plan(cell: PublishedCell, trials: tuple[Trial, ...], kept: Mapping[str, Outcome]) -> CellPlan:
    found = [(trial, kept[trial.fingerprint]) for trial in trials if trial.fingerprint in kept]
    # Under the fingerprint of today, so that trial and outcome meet: the versions stand in its provenance.
    outcomes = tuple(replace(outcome, trial=trial) for trial, outcome in found)
    return CellPlan(cell, trials, outcomes, _seconds(cell, trials, outcomes))


def _seconds(cell: PublishedCell, trials: Sequence[Trial], outcomes: Sequence[Outcome]) -> float:
    """Return what one more run takes: as measured here, else as the table says, else as the plan expects."""
    spent = [outcome.core_seconds for outcome in outcomes if isinstance(outcome, Record)]
    if known := [seconds for seconds in spent if seconds is not None]:
        return statistics.median(known)
    if cell.minutes:
        return _SECONDS_PER_MINUTE * cell.minutes
    return expected_seconds(trials[0]) if trials else 0.0
