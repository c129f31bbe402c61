"""A suite in, its plan, cost and state out."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from bench.catalog import AUTO, Environment
from bench.errors import BenchError, Complaint, SuiteError
from bench.limits import is_number
from bench.memory import at_once
from bench.pipeline.inspection import Met, as_kept, meet, not_installed
from bench.pipeline.naming import RESULTS, SUITE_COPY, guess
from bench.plain import counted, listed, shortened
from bench.plan import (
    Cell,
    Cost,
    Plan,
    cost,
    expected_memory,
    expected_seconds,
    plan,
    replay_layout,
    replay_memory,
    slow_after,
)
from bench.records import (
    CHECKPOINT,
    Failure,
    Record,
    Suite,
    SuiteAlgorithm,
    SuiteEnvironment,
    Task,
    Traits,
    Trial,
    Unreadable,
)
from bench.runner.batches import standing
from bench.runner.checkpoint import fit
from bench.runner.devices import memory_mb
from bench.runner.profile import Profile
from bench.runner.provenance import processor
from bench.store import Store, Survey
from bench.store.locks import held
from bench.suite import choices_of, is_imported, lacking, parse, read_imported, self_contained, text_of

_MOST_OF_A_REASON = 500
"""Characters of a failure's message in a list of failures; its record holds more."""
_MOST_TOLD = 8
_MEASURED = 20
"""Trials of a cell whose records say how long the others take: reading ten thousand takes longer than it tells."""
MIB_PER_GB = 1e9 / 2**20
"""Memory is measured in units of 2**20 bytes, and told in those of 10**9."""
_MIB_PER_GIB = 2**10
Seconds = Mapping[tuple[str, str], float]
"""Of one trial, by (label, environment)."""
REPRODUCED = "published-"
"""What results folders of published tables begin with: no suite file has one budget per algorithm."""


SEARCHED = "tuning-"
"""What results folders of searches begin with: most of what they hold are settings that were tried and left."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """A suite with its plan and the place of its results."""

    suite: Suite
    plan: Plan
    store: Store
    text: str
    """Of the suite file; empty where there is none to be kept beside the results."""
    traits: Mapping[Cell, Environment]
    """Of every cell's environment; of those that nobody has looked at yet, nothing but the id is known."""
    inspected: tuple[tuple[Task, Traits], ...] = ()
    """What was found where the catalogue knows nothing: to be kept beside the results."""
    imported: bool = False
    """Whether these are results of others, with nothing to run."""


@dataclass(frozen=True, slots=True)
class CellStatus:
    """How far one cell is."""

    label: str
    environment: str
    done: int
    failed: int
    running: int
    missing: int
    reasons: tuple[str, ...]
    """`seed 3: timeout (...)` for each failure."""
    unreadable: int = 0
    """How many are missing because a file of theirs cannot be read."""
    stored: int = 0
    """How many of the missing go on from a checkpoint."""
    queued: int = 0
    """How many of the missing wait at a batch system, and have not begun."""
    preempted: int = 0
    """How many had begun and wait there again."""
    waits: Mapping[str, int] = field(default_factory=dict)
    """Why all of these do, in the batch system's word, and how many."""


@dataclass(frozen=True, slots=True)
class SuiteText:
    """A suite that lies in no file yet."""

    text: str
    place: str
    """What complaints call it."""


def open_experiment(
    path: Path | SuiteText,
    *,
    only: Sequence[str] = (),
    seeds: int | None = None,
    results: Path = RESULTS,
    met: bool = False,
    deep: bool = False,
) -> Experiment:
    """Read a suite file, or the suite kept in a results folder, and plan it.

    Args:
        path: the file or the folder. The file that a results folder keeps stands for the folder.
        only: as in `plan`.
        seeds: as in `plan`.
        results: folder that holds the results of all suites.
        met: whether environments that no catalogue knows are looked at, in processes of their own; else no code that
            the suite names is run.
        deep: with `met`, whether every learner is tried, too.

    Raises:
        SuiteError: everything that is wrong with the suite, at once.
        BenchError: there is no such file.
    """

    def seen(suite: Suite) -> Met:
        return meet(suite, only=only, deep=deep) if met else Met()

    if isinstance(path, SuiteText):
        suite = parse(path.text, path.place, to_run=met)
        root = results / suite.name
        suite = _as_begun(suite, root)
        return _opened(suite, root, path.text, seen(suite), only, seeds)
    file = suite_file(path, results)
    if is_imported(text := text_of(file)):
        return _imported(file, path if path.is_dir() else file.parent, text)
    suite = parse(text, str(file), to_run=met, folder=file.parent)
    root = path if path.is_dir() else file.parent if _is_kept(file) else results / suite.name
    suite = _as_begun(suite, root)
    return _opened(suite, root, text, seen(suite), only, seeds)


def suite_file(path: Path, results: Path) -> Path:
    """Return the file of a suite that is named by its file or by the folder of its results.

    Raises:
        BenchError: there is none; with what was probably meant.
    """
    file = path / SUITE_COPY if path.is_dir() else path
    if not file.is_file():
        raise BenchError(f"{path}: there is no suite; {what_it_holds(path) if path.is_dir() else guess(path, results)}")
    return file


def _is_kept(file: Path) -> bool:
    """Return whether a suite file is the one that a results folder keeps: its results are those around it."""
    return file.name == SUITE_COPY and (file.parent / "trials").is_dir()


def _opened(suite: Suite, root: Path, text: str, seen: Met, only: Sequence[str], seeds: int | None) -> Experiment:
    store = Store(root)
    traits = {**as_kept(suite, store.inspected()), **seen.traits}
    planned = plan(suite, traits, only=only, seeds=seeds)
    planned = replace(planned, warnings=(*planned.warnings, *seen.notes))
    text = self_contained(text, _chosen_now(suite, planned), suite.sets)
    return Experiment(suite, planned, store, text, traits, seen.inspected)


def _as_begun(suite: Suite, root: Path) -> Suite:
    """Return the suite with the implementations that were chosen when its results were begun."""
    copy = root / SUITE_COPY
    leaves_open = any(entry.implementation == AUTO for entry in suite.algorithms)
    if suite.chosen or not leaves_open or not copy.is_file():
        return suite
    return replace(suite, chosen=choices_of(text_of(copy)))


def _chosen_now(suite: Suite, planned: Plan) -> dict[str, dict[str, str]]:
    found = {label: dict(places) for label, places in suite.chosen.items()}
    for choice in planned.choices:
        found.setdefault(choice.label, {})[choice.environment] = choice.implementation
    return found


def require_runnable(experiment: Experiment) -> None:
    """Complain about what keeps this suite from being run and not from being read.

    Raises:
        SuiteError: a package is not installed, or a cell would learn nothing; all complaints together.
    """
    suite, planned = experiment.suite, experiment.plan
    if complaints := [*planned.idle, *lacking(suite), *not_installed(suite, planned.trials)]:
        raise SuiteError(complaints)


def what_it_holds(folder: Path) -> str:
    """Return what to do about a folder without a suite, in words."""
    table = folder.name.removeprefix(REPRODUCED)
    if table != folder.name:
        return f"these are runs of a published table's numbers: `bench reproduce {table} --no-run` judges them"
    return f"a results folder holds a {SUITE_COPY}"


def cost_of(experiment: Experiment, survey: Survey | None = None, seconds: Seconds | None = None) -> Cost:
    """Return what the trials still to be run will take: so many `seconds` each, if that is known already."""
    if experiment.imported:
        return cost(())
    there = survey or experiment.store.survey()
    # A name is a hash: of the trials of a large suite that nobody has begun none is needed.
    missing = [trial for trial in experiment.plan.trials if not there.done or trial.name not in there.done]
    seconds = trial_seconds(experiment, measured_seconds(experiment, there)) if seconds is None else seconds
    return cost(missing, seconds, experiment.traits)


def trial_seconds(experiment: Experiment, measured: Seconds) -> Seconds:
    """Return what a trial of every cell takes on one core: as measured, else as estimated and then corrected.

    What finished cells took, against what was expected of them, tells how far the estimates are off: those of the same
    label, else those of the same algorithm, else all of them, which tell at least how fast this machine is.
    """
    cells = cells_in_order(experiment)
    expected = {cell: expected_seconds(trials[0], experiment.traits.get(cell)) for cell, trials in cells.items()}
    alike = {cell: (f"label {cell[0]}", f"algorithm {trials[0].algorithm}", "all") for cell, trials in cells.items()}
    ratios: dict[str, list[float]] = {}
    for cell, seconds in measured.items():
        for name in alike[cell]:
            ratios.setdefault(name, []).append(seconds / expected[cell])
    nearest = {cell: next((ratios[name] for name in names if name in ratios), [1.0]) for cell, names in alike.items()}
    return {cell: measured.get(cell) or statistics.median(nearest[cell]) * expected[cell] for cell in cells}


def measured_seconds(experiment: Experiment, survey: Survey) -> Seconds:
    """Return the median seconds of one core of a trial per (label, environment), of the first records at hand.

    Of those that this machine's processor made, where there are any.
    """
    measured, here = {}, processor()
    for cell, trials in cells_in_order(experiment).items():
        read = list(islice(_records(experiment, survey, trials), _MEASURED))
        alike = [one for one in read if one.provenance.get("processor") == here] or read
        if spent := [one.core_seconds for one in alike if one.core_seconds is not None]:
            measured[cell] = statistics.median(spent)
    return measured


def trial_memory(experiment: Experiment, survey: Survey) -> Mapping[Cell, float]:
    """Return what a trial of every cell takes of the machine's memory at most, in units of 2**20 bytes.

    As the first record of the cell says, else as estimated.
    """
    return {
        cell: next(_peaks(experiment, survey, trials), expected_memory(trials[0], experiment.traits.get(cell)))
        for cell, trials in cells_in_order(experiment).items()
    }


def oversized_here(experiment: Experiment, survey: Survey) -> list[str]:
    """Return, as sentences, which cells with missing trials could not be run on this machine for want of memory."""
    return [str(complaint) for complaint in oversized(experiment, _memory_of_missing(experiment, survey), memory_mb())]


def require_asked_for(experiment: Experiment, profile: Profile) -> None:
    """Refuse to give Slurm what it would end.

    Raises:
        SuiteError: missing trials may come to take more memory than the profile asks for.
    """
    memory = _memory_of_missing(experiment, experiment.store.survey())
    if complaints := cramped(experiment, memory, profile):
        raise SuiteError(complaints)


def _memory_of_missing(experiment: Experiment, survey: Survey) -> dict[Cell, float]:
    missing = {trial.cell for trial in experiment.plan.trials if not survey.done or trial.name not in survey.done}
    return {cell: needed for cell, needed in trial_memory(experiment, survey).items() if cell in missing}


def cramped(experiment: Experiment, memory: Mapping[Cell, float], profile: Profile) -> list[Complaint]:
    """Return which cells' trials take more than a profile asks for, with the arithmetic and what would do.

    Args:
        experiment: that they are of.
        memory: what a trial of each cell in question takes, in units of 2**20 bytes.
        profile: of a cluster; what asks for no memory gets what Slurm gives.
    """
    if profile.memory_gb is None:
        return []
    there = f"the profile asks for {profile.memory_gb:g} GB: raise memory_gb there"
    return oversized(experiment, memory, profile.memory_gb * _MIB_PER_GIB, there)


def oversized(
    experiment: Experiment, memory: Mapping[Cell, float], there_mb: float, there: str = ""
) -> list[Complaint]:
    """Return which cells' trials do not even fit alone where they run, with the arithmetic and what would fit.

    Args:
        experiment: that they are of.
        memory: what a trial of each cell in question takes, in units of 2**20 bytes.
        there_mb: all that there is, in the same units.
        there: the same in words; empty: of a machine.
    """
    cells = cells_in_order(experiment)
    large = [
        _oversized(experiment, cells[cell][0], mb, there_mb, there) for cell, mb in memory.items() if mb > there_mb
    ]
    if there:
        # What another machine lays out at once is not known here.
        return large
    return [*large, *_not_laid_out(experiment, [cells[cell][0] for cell, mb in memory.items() if mb <= there_mb])]


def _oversized(experiment: Experiment, trial: Trial, needed_mb: float, there_mb: float, there: str) -> Complaint:
    kept, each = replay_memory(trial, experiment.traits.get(trial.cell))
    beside = needed_mb - kept * each / 2**20
    room = int((there_mb - beside) * 2**20) // each // 1000 * 1000 if each else 0
    replayed = f", {kept * each / 1e9:,.1f} GB of it a replay memory of {kept:,} steps of {each:,} bytes"
    # A record may say otherwise.
    arithmetic = replayed if 0 < kept * each / 2**20 < needed_mb else ""
    return Complaint(
        experiment.suite.path or experiment.suite.name,
        f"a trial of {trial.label} on {trial.environment} may come to take {needed_mb / MIB_PER_GB:,.1f} GB of memory"
        f"{arithmetic}; {there or f'there are {there_mb / MIB_PER_GB:,.1f} GB in all'}",
        f"{'or ' if there else ''}set buffer_size to at most {room:,}" if 0 < room < kept else "",
    )


def _not_laid_out(experiment: Experiment, trials: Iterable[Trial]) -> Iterator[Complaint]:
    """Yield a complaint for every trial whose replay memory cannot be laid out here, however little of it it fills."""
    most = at_once()
    for trial in trials:
        size, each = replay_layout(trial, experiment.traits.get(trial.cell))
        if size * each > most:
            yield Complaint(
                experiment.suite.path or experiment.suite.name,
                f"{trial.label} on {trial.environment} lays out a replay memory of {size:,} steps, whose observations "
                f"of {each:,} bytes are {size * each / 1e9:,.1f} GB, before it trains {trial.steps:,}; the machine "
                f"gives {most / 1e9:,.1f} GB at once",
                f"set buffer_size to at most {most // each // 1000 * 1000:,}",
            )


def _records(experiment: Experiment, survey: Survey, trials: Sequence[Trial]) -> Iterator[Record]:
    # A name is a hash: where nothing is done none is needed.
    done = (trial for trial in trials if trial.name in survey.done) if survey.done else ()
    return (outcome for trial in done if isinstance(outcome := experiment.store.outcome(trial), Record))


def _peaks(experiment: Experiment, survey: Survey, trials: Sequence[Trial]) -> Iterator[float]:
    for record in _records(experiment, survey, trials):
        if is_number(peak := record.resources.get("peak_memory_mb")):
            yield float(peak)


def slow_after_seconds(experiment: Experiment, seconds: Seconds) -> Seconds:
    """Return when a trial of each cell, expected to take `seconds`, is told of as slow: never where it is ended."""
    ended = experiment.suite.limits.timeout_minutes is not None
    return {cell: float("inf") if ended else slow_after(expected) for cell, expected in seconds.items()}


def unread(experiment: Experiment) -> tuple[str, ...]:
    """Return, as a sentence, which files of the results cannot be read and why."""
    found = list(experiment.store.survey().unreadable.values())
    if not found:
        return ()
    what = (
        "1 file of results cannot be read, so its trial counts"
        if len(found) == 1
        else (f"{len(found)} files of results cannot be read, so their trials count")
    )
    return (f"{what} as missing: {listed(map(str, found), _MOST_TOLD, '; ')}.",)


def unplanned(experiment: Experiment, survey: Survey | None = None) -> str:
    """Return, as a sentence, from how many checkpoints no trial of the suite goes on, what to delete; empty: none."""
    there = survey or experiment.store.survey()
    stored = there.checkpoints()
    if not stored or experiment.imported:
        return ""
    foreign = _foreign(experiment, stored.keys() - {trial.name for trial in experiment.plan.trials})
    left = sorted(name for name in foreign if not held(there.trials / name))
    if not left:
        return ""
    marks = [name.rpartition("--")[2] for name in left[:_MOST_TOLD]]
    some = f"*--{{{','.join(marks)}}}" if marks[1:] else f"*--{marks[0]}"
    files = there.trials / ("*" if len(left) == len(stored) else some) / CHECKPOINT
    gigabytes = sum(stored[name] for name in left) / 1e9
    many = counted(len(left), "checkpoint is", "checkpoints are")
    first = f"the first {_MOST_TOLD}, " if len(left) < len(stored) and left[_MOST_TOLD:] else ""
    return (
        f"{many} of trials that the suite as it stands does not plan (other settings or versions, say), "
        f"{gigabytes:,.2f} GB: to have the room, delete {first}{files}"
    )


def _foreign(experiment: Experiment, names: AbstractSet[str]) -> Iterator[str]:
    """Yield which of these trials' folders are of no cell of the whole suite, whatever part of it was asked for.

    On no seed: one that the suite does not name may have been asked for otherwise.
    """
    if not names:
        return
    cells: dict[str, list[Trial]] = {}
    for trial in plan(replace(experiment.suite, skip_incompatible=True), experiment.traits, seeds=1).trials:
        cells.setdefault(_parts(trial.name)[0], []).append(trial)
    for name in names:
        cell, seed = _parts(name)
        if seed.isdecimal() and not any(replace(one, seed=int(seed)).name == name for one in cells.get(cell, ())):
            yield name


def _parts(name: str) -> tuple[str, str]:
    """Return algorithm and environment, and the seed, of a trial's folder; no seed where it is none."""
    cell, _, seed = name.rpartition("--")[0].rpartition("--seed-")
    return cell, seed


def status(experiment: Experiment, survey: Survey | None = None) -> list[CellStatus]:
    """Return how far every cell is, in the order of the suite."""
    there = survey or experiment.store.survey()
    at_slurm = standing(experiment.store.root)
    return [_cell_status(there, at_slurm, *cell, trials) for cell, trials in cells_in_order(experiment).items()]


def resumes(survey: Survey, trial: Trial, device: str = "") -> bool:
    """Return whether a trial that is missing goes on from a checkpoint, on such a device (as in `fit`)."""
    return survey.stored(trial) and not fit(survey.trials / trial.name, trial, device)


def cells_in_order(experiment: Experiment) -> dict[tuple[str, str], list[Trial]]:
    """Return the planned trials by (label, environment), in the order in which the suite names them."""
    suite = experiment.suite
    order = [(entry.label, place.environment) for place in suite.environments for entry in suite.algorithms]
    cells: dict[tuple[str, str], list[Trial]] = {cell: [] for cell in order}
    for trial in experiment.plan.trials:
        cells[trial.cell].append(trial)
    return {cell: trials for cell, trials in cells.items() if trials}


def completed(suite: Suite, trials: Sequence[Trial]) -> Suite:
    """Return the suite with every label and environment of these trials that it lacks."""
    labels = {entry.label for entry in suite.algorithms}
    more = {trial.label: SuiteAlgorithm(trial.label, trial.algorithm, "") for trial in trials}
    steps = {place.environment: place.steps for place in suite.environments}
    for trial in trials:
        steps[trial.environment] = max(steps.get(trial.environment, 1), trial.steps)
    known = {place.environment: place for place in suite.environments}
    return replace(
        suite,
        algorithms=(*suite.algorithms, *(more[label] for label in sorted(more) if label not in labels)),
        environments=(
            *suite.environments,
            *(SuiteEnvironment(name, steps[name]) for name in sorted(steps) if name not in known),
        ),
    )


def _imported(file: Path, root: Path, text: str) -> Experiment:
    """Return imported results as an experiment: everything that is there was planned."""
    store = Store(root)
    trials = tuple(outcome.trial for outcome in store.outcomes())
    suite = completed(read_imported(file), trials)
    return Experiment(suite, Plan(trials, (), ()), store, text, {}, imported=True)


def _cell_status(
    survey: Survey, at_slurm: Mapping[str, tuple[str, str]], label: str, environment: str, trials: Sequence[Trial]
) -> CellStatus:
    if not survey.done and not survey.others and not at_slurm:
        return CellStatus(label, environment, done=0, failed=0, running=0, missing=len(trials), reasons=())
    states = [survey.state(trial) for trial in trials]
    counts = Counter(states)
    rest = [(trial, state) for trial, state in zip(trials, states, strict=True) if state != "done"]
    found = [(trial, state, survey.others.get(trial.name)) for trial, state in rest]
    failures = [(trial, one) for trial, state, one in found if state == "failed" and isinstance(one, Failure)]
    waiting = [at_slurm[trial.name] for trial, state in rest if state == "missing" and trial.name in at_slurm]
    return CellStatus(
        label=label,
        environment=environment,
        done=counts["done"],
        failed=counts["failed"],
        running=counts["running"],
        missing=counts["missing"],
        reasons=tuple(_reason(trial, one) for trial, one in failures),
        unreadable=sum(state == "missing" and isinstance(one, Unreadable) for _, state, one in found),
        stored=sum(state == "missing" and resumes(survey, trial) for trial, state, _ in found),
        queued=sum(how == "queued" for how, _ in waiting),
        preempted=sum(how == "preempted" for how, _ in waiting),
        waits=dict(Counter(why for _, why in waiting if why not in {"", "None"})),
    )


def _reason(trial: Trial, failure: Failure) -> str:
    return f"seed {trial.seed}: {failure.kind} ({shortened(failure.message, _MOST_OF_A_REASON)})"
