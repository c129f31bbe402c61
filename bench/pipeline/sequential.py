"""A suite file in; trials run look by look until every pair is decided, and the journal of the looks, out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from bench.analysis import sequential as engine
from bench.analysis.sequential import Design, Place
from bench.errors import StoreError
from bench.pipeline.execution import Listener, RunOptions, Summary, prepare, run
from bench.pipeline.experiment import Experiment, SuiteText, cells_in_order, open_experiment
from bench.pipeline.gathering import BOOTSTRAP_SEED, gather
from bench.pipeline.naming import RESULTS
from bench.plan import plan, references
from bench.records import Look, SequentialRun, Trial
from bench.runner.jobs import Job
from bench.store import Store

Show = Callable[[Experiment, Sequence["Job"]], AbstractContextManager[Listener]]


@dataclass(frozen=True, slots=True)
class Sequential:
    """A sequential experiment and how far it is."""

    experiment: Experiment
    """Planned with as many seeds as the last look may need."""
    design: Design
    looks: tuple[Look, ...]

    @property
    def over(self) -> bool:
        """Whether every pair is decided or the last look is taken."""
        return engine.over(self.design, self.looks)

    @property
    def due(self) -> Experiment:
        """The experiment with the trials asked for so far, those of the next look included."""
        counts = engine.wanted(self.design, self.looks)
        asked = {trial.fingerprint for trial in _asked(self.experiment, counts)}
        chosen = tuple(trial for trial in self.experiment.plan.trials if trial.fingerprint in asked)
        return replace(self.experiment, plan=replace(self.experiment.plan, trials=chosen))

    @property
    def course(self) -> SequentialRun:
        """What happened so far."""
        return engine.course(self.design, self.looks)


def open_sequential(
    path: Path | SuiteText,
    *,
    only: Sequence[str] = (),
    seeds: int | None = None,
    results: Path = RESULTS,
    met: bool = False,
) -> Sequential:
    """Read a suite, design its looks, and go on from the journal where there is one.

    Args:
        path: a suite file, or a results folder.
        only: as in `open_experiment`.
        seeds: where it ends, decided or not; twice the suite's own number if not given.
        results: folder that holds the results of all suites.
        met: as in `open_experiment`.

    Raises:
        BenchError: the suite is wrong, there is nothing to decide, or the journal belongs to another plan.
    """
    own = open_experiment(path, only=only, results=results, met=met)
    most = 2 * len(own.suite.seeds) if seeds is None else seeds
    experiment = replace(own, plan=plan(own.suite, own.traits, only=only, seeds=most))
    designed = engine.design(own.suite, list(cells_in_order(experiment)), references(own.suite), most, only)
    return Sequential(experiment, designed, _looks(experiment, designed))


def run_until_decided(
    sequential: Sequential,
    options: RunOptions,
    show: Show,
    tell: Callable[[Look], None] = lambda _: None,
    note: Callable[[str], None] = lambda _: None,
) -> tuple[Sequential, Summary]:
    """Run the trials that the next look needs, take it, and go on until every pair is decided or the last look taken.

    The design is in the journal before the first trial runs. Ends early, with everything kept, when it is interrupted
    or another process still runs some of the trials. Returns how far it is, and the summary of the trials so far.

    Args:
        sequential: how far it is.
        options: how to run.
        show: what shows the trials of one look.
        tell: is given every look.
        note: is given what there is to know before the trials of one, as in `prepare`.
    """
    _keep(sequential)
    while True:
        experiment = sequential.due
        jobs = prepare(experiment, options, note)
        with show(experiment, jobs) as listener:
            summary = run(experiment, jobs, listener.hear, options, listener.stopping)
        if sequential.over or summary.interrupted or summary.done + summary.failed < summary.planned:
            return sequential, summary
        sequential = take_look(sequential)
        tell(sequential.looks[-1])
        if sequential.over:
            return sequential, summary
        # What fails is tried again once, not at every look.
        options = replace(options, retry_failed=False)


def take_look(sequential: Sequential) -> Sequential:
    """Take the next look, and keep it in the journal before anybody hears of it.

    All trials that are due must be done or have failed.
    """
    experiment = sequential.due
    planned, outcomes = gather(experiment)
    scores = engine.scores_so_far(experiment.suite, planned, outcomes, references(experiment.suite))
    rng = np.random.default_rng([BOOTSTRAP_SEED, len(sequential.looks)])
    taken = (*sequential.looks, engine.look(sequential.design, sequential.looks, scores, rng))
    further = replace(sequential, looks=taken)
    _keep(further)
    return further


def _keep(sequential: Sequential) -> None:
    sequential.experiment.store.keep_looks(
        {
            "design": engine.as_data(sequential.design),
            "configurations": _configurations(sequential.experiment),
            "looks": [asdict(look) for look in sequential.looks],
        }
    )


def course_of(experiment: Experiment) -> tuple[Experiment, SequentialRun | None]:
    """Return the experiment with the trials that its looks asked for, and their course; None where there is no journal.

    Cells that the journal does not know, such as those of an algorithm added later, keep the suite's own trials.

    Raises:
        StoreError: the journal cannot be read, or the suite's analysis plan is no longer the journal's.
    """
    kept = _kept(experiment.store)
    if kept is None:
        return experiment, None
    designed, looks, _ = kept
    if designed.analysis != experiment.suite.analysis:
        now = replace(designed, analysis=experiment.suite.analysis)
        raise _another_plan(experiment.store, engine.differences(designed, now))
    longer = replace(experiment, plan=plan(experiment.suite, experiment.traits, seeds=designed.looks[-1]))
    counts = engine.wanted(designed, looks)
    trials = {trial.fingerprint: trial for trial in _asked(longer, counts)}
    survey = experiment.store.survey()
    for trial in experiment.plan.trials:
        known = trial.cell in counts
        if not known or survey.state(trial) in {"done", "failed"}:
            trials[trial.fingerprint] = trial
    trimmed = replace(experiment, plan=replace(experiment.plan, trials=tuple(trials.values())))
    return trimmed, engine.course(designed, looks)


def _asked(experiment: Experiment, counts: Mapping[Place, int]) -> Iterator[Trial]:
    """Yield the first trials of every cell: the suite's own seeds in its order, then the others ascending."""
    own = {seed: place for place, seed in enumerate(experiment.suite.seeds)}
    for place, trials in cells_in_order(experiment).items():
        ordered = sorted(trials, key=lambda trial: (own.get(trial.seed, len(own)), trial.seed))
        yield from ordered[: counts.get(place, 0)]


def _looks(experiment: Experiment, designed: Design) -> tuple[Look, ...]:
    """Return the looks of the journal, which must belong to this design.

    Raises:
        StoreError: they do not.
    """
    kept = _kept(experiment.store)
    if kept is None:
        return ()
    then, looks, configurations = kept
    changed = engine.differences(then, designed)
    now = _configurations(experiment)
    moved = sorted(name for name, value in configurations.items() if now.get(name, value) != value)
    if moved:
        changed.append(f"settings, budget or library versions changed for {', '.join(moved)}")
    if changed:
        raise _another_plan(experiment.store, changed)
    return looks


def _another_plan(store: Store, changed: Sequence[str]) -> StoreError:
    return StoreError(
        f"{store.journal}: its looks were taken under another plan: {'; '.join(changed)}. Go back to that plan to go "
        "on, or move the file away to begin anew: what it decided is then lost, and looking at the same trials again "
        "under a plan made after seeing them holds no error rate"
    )


def _kept(store: Store) -> tuple[Design, tuple[Look, ...], dict[str, str]] | None:
    data = store.looks()
    if data is None:
        return None
    try:
        return engine.from_data(data["design"]), engine.looks_from_data(data["looks"]), dict(data["configurations"])
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{store.journal}: lacks or misstates {error}; restore it from a copy") from error


def _configurations(experiment: Experiment) -> dict[str, str]:
    """Return `label@environment` -> the hash of everything that can change its numbers."""
    cells = cells_in_order(experiment)
    return {f"{label}@{environment}": trials[0].configuration for (label, environment), trials in cells.items()}
