"""Two names in, of algorithms or of results, and how they compare out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np

from bench.analysis.origins import origins
from bench.analysis.scores import Cell, cells_of, compared, like_budgets
from bench.analysis.solved import all_solve, cut_at_the_target, solved, to_the_target
from bench.catalog import did_you_mean
from bench.compare.contrast import differences, repeated
from bench.compare.records import Comparison, Failed
from bench.compare.versus import Match, is_lost, versus
from bench.errors import BenchError
from bench.pipeline.experiment import Experiment, open_experiment, unread, what_it_holds
from bench.pipeline.gathering import BOOTSTRAP_SEED, gather
from bench.pipeline.naming import RESULTS, SUITE_COPY, located
from bench.plain import listed, shortened
from bench.plan import references
from bench.records import AnalysisPlan, Failure, Reference
from bench.report.origins import remarks

_MOST_NAMES = 12
_LONGEST_REASON = 200
Cells = Mapping[tuple[str, str], Cell]
"""(label, environment) -> cell."""


@dataclass(frozen=True, slots=True)
class _Name:
    """An algorithm as typed in: `ppo` or `ppo@CartPole-v1`."""

    label: str
    environment: str


def compare(left: str, right: str, *, within: Path | None = None, results: Path = RESULTS) -> Comparison:
    """Compare two algorithms of one set of results, or what two sets of results have in common.

    Args:
        left: a label (`ppo`, `ppo@CartPole-v1`), or a results folder or suite file.
        right: the same kind of thing.
        within: the results folder or suite file that holds both algorithms; found among `results` if not given.
        results: folder that holds the results of all suites.

    Raises:
        BenchError: a name that means nothing, or nothing to compare.
    """
    if within is None:
        left, right = _by_name((left, right), results)
    sets = [_is_set(name) for name in (left, right)]
    if all(sets):
        if within is not None:
            raise BenchError("--in goes with two algorithms; two sets of results are compared as they are")
        return _compare_sets(left, right, results)
    if any(sets):
        folder, other = (left, right) if sets[0] else (right, left)
        raise BenchError(
            f"{folder} is a set of results and {other!r} is none; "
            f"name two folders, or two algorithms with --in {folder}"
        )
    names = _name(left), _name(right)
    if within is not None:
        within, _ = located(within, results=results, reading=True)
    experiment = _found(names, results) if within is None else open_experiment(within, results=results)
    return _compare_algorithms(*names, experiment)


def _is_set(name: str) -> bool:
    path = Path(name)
    if path.is_file() or (path / SUITE_COPY).is_file():
        return True
    if path.suffix in {".yaml", ".yml"} or ("/" in name and path.parent.is_dir()):
        near = [str(found) for found in path.parent.glob("*")]
        hint = what_it_holds(path) if path.is_dir() else did_you_mean(name, near) or what_it_holds(path)
        raise BenchError(f"{name}: there are no results and no suite file; {hint}")
    return False


def _by_name(names: tuple[str, str], results: Path) -> tuple[str, str]:
    """Return the sets of results that both names stand for; the names where they do not both."""
    left, right = (name if Path(name).exists() else str(results / name) for name in names)
    known = all(Path(name).is_file() or (Path(name) / SUITE_COPY).is_file() for name in (left, right))
    return (left, right) if known else names


def _name(text: str) -> _Name:
    label, _, environment = text.partition("@")
    if not label:
        raise BenchError(f"{text!r} names no algorithm; write ppo{text} or the like")
    return _Name(label, environment)


def _found(names: tuple[_Name, _Name], results: Path) -> Experiment:
    """Return the only set of results whose suite has both algorithms."""
    experiments = {str(folder): one for folder in _folders(results) if (one := _opened(folder)) is not None}
    labels = {path: {entry.label for entry in one.suite.algorithms} for path, one in experiments.items()}
    fitting = [path for path, known in labels.items() if {name.label for name in names} <= known]
    if len(fitting) == 1:
        return experiments[fitting[0]]
    if fitting:
        raise BenchError(f"{' and '.join(fitting)} have both; say which with --in")
    known = set(chain.from_iterable(labels.values()))
    unknown = [name.label for name in names if name.label not in known]
    if not known:
        raise BenchError(f"there are no results under {results}; `bench run SUITE` makes some, --in names others")
    if not unknown:
        raise BenchError(f"no set of results under {results} has both; --in names one")
    raise _unknown("algorithm", unknown[0], known, f"the results under {results} have")


def _folders(results: Path) -> list[Path]:
    return sorted(copy.parent for copy in results.glob(f"*/{SUITE_COPY}"))


def _opened(folder: Path) -> Experiment | None:
    """Return the experiment of a results folder; None where its suite no longer reads, which is not the question."""
    try:
        return open_experiment(folder)
    except BenchError:
        return None


def _unknown(kind: str, name: str, known: Iterable[str], having: str) -> BenchError:
    hint = did_you_mean(name, known) or f"{having} {listed(sorted(known), _MOST_NAMES)}"
    return BenchError(f"{kind} {name!r} is not known; {hint}")


def _cells(experiment: Experiment, known: Mapping[str, Reference | None], plan: AnalysisPlan) -> Cells:
    planned, outcomes = gather(experiment)
    run = {outcome.trial.fingerprint for outcome in outcomes}
    begun = {outcome.trial.cell for outcome in outcomes}
    # What is still missing of a cell would be run with the versions installed now: another configuration, perhaps.
    there = [trial for trial in planned if trial.fingerprint in run or trial.cell not in begun]
    found = cells_of(there, outcomes, known, plan)
    return {key: found[key] for key in sorted(found, key=_order(experiment))}


def _order(experiment: Experiment) -> Callable[[tuple[str, str]], tuple[int, str, int, str]]:
    """Return the key that sorts cells as the suite names them, whatever else there is after them."""
    labels = [entry.label for entry in experiment.suite.algorithms]
    names = [place.environment for place in experiment.suite.environments]

    def key(cell: tuple[str, str]) -> tuple[int, str, int, str]:
        label, name = cell
        first = labels.index(label) if label in labels else len(labels)
        return first, label, names.index(name) if name in names else len(names), name

    return key


def _compare_algorithms(left: _Name, right: _Name, experiment: Experiment) -> Comparison:
    plan = experiment.suite.analysis
    raw = list(_cells(experiment, references(experiment.suite), plan).values())
    both = left.label, right.label
    counted = to_the_target(raw, solved(raw, experiment.suite), experiment.suite, both)
    cells = {cell.key: cell for cell in counted}
    for name in (left, right):
        _check(name, cells, experiment)
    if left.environment and right.environment and left.environment != right.environment:
        raise BenchError(
            f"{left.environment} and {right.environment} are two environments, whose scores say nothing of each other; "
            "name one, or none for all"
        )
    only = left.environment or right.environment
    if left.label == right.label:
        raise BenchError(f"{left.label!r} is compared with itself; name two algorithms, or two sets of results")
    shared = [place for label, place in cells if label == left.label and (right.label, place) in cells]
    asked = [place for place in shared if not only or place == only]
    pairs = [(cells[left.label, place], cells[right.label, place]) for place in asked]
    ranked = _by_rank(pairs, plan)
    reasons = [_refusal(pair, (f"of {left.label}", f"of {right.label}"), plan, ranked=ranked) for pair in pairs]
    kept = [pair for pair, reason in zip(pairs, reasons, strict=True) if not reason]
    told = zip(asked, reasons, strict=True)
    left_out = _grouped([("", place, reason) for place, reason in told if reason])
    if not kept:
        raise BenchError(
            f"nothing to compare: {'; '.join(left_out) or 'they share no environment'}", *unread(experiment)
        )
    match = Match("", (left.label, right.label), _columns(kept))
    found = _comparison((left.label, right.label), "algorithms", [match], plan, left_out, _failed(pairs))
    return replace(found, warnings=(*found.warnings, *_looked(experiment)))


def _check(name: _Name, cells: Cells, experiment: Experiment) -> None:
    labels, place = {label for label, _ in cells}, experiment.store.root
    if name.label not in labels:
        raise _unknown("algorithm", name.label, labels, f"{place} has")
    environments = {environment for _, environment in cells}
    if name.environment and name.environment not in environments:
        raise _unknown("environment", name.environment, environments, f"{place} has")


def _columns(pairs: Iterable[tuple[Cell, Cell]]) -> tuple[tuple[Cell, ...], tuple[Cell, ...]]:
    listed = list(pairs)
    return tuple(ours for ours, _ in listed), tuple(theirs for _, theirs in listed)


def _by_rank(pairs: Iterable[tuple[Cell, Cell]], plan: AnalysisPlan) -> bool:
    """Return whether raw returns are compared by rank: no environment asked for has references to score by."""
    return plan.metric == "final" and all(cell.reference is None for pair in pairs for cell in pair)


def _refusal(pair: tuple[Cell, Cell], sides: tuple[str, str], plan: AnalysisPlan, *, ranked: bool) -> str:
    """Return why two cells cannot be compared; empty where they can."""
    ours, theirs = pair
    # By rank a failed run stands below all others, and is one of the runs.
    counts = [len(compared(cell, plan) if ranked else cell.runs) for cell in pair]
    lacking = [
        f"{name} (all {cell.failed} failed)" if is_lost(cell) else name
        for count, name, cell in zip(counts, sides, pair, strict=True)
        if not count
    ]
    if lacking:
        return f"no runs {' and '.join(lacking)}"
    if ours.reference is None and not ranked:
        return "no reference returns, hence no scores"
    if not like_budgets(ours.budget, theirs.budget):
        return f"the budgets differ, {ours.budget:,} against {theirs.budget:,} steps"
    modes = [cell.entries[0].trial.evaluation.deterministic for cell in pair]
    return "one side is evaluated deterministically, the other is not" if modes[0] != modes[1] else ""


def _grouped(reasons: Iterable[tuple[str, str, str]]) -> tuple[str, ...]:
    """Return (label, environment, reason) as sentences, one for all environments that share label and reason."""
    places: dict[tuple[str, str], list[str]] = {}
    for label, environment, reason in reasons:
        places.setdefault((label, reason), []).append(environment)
    return tuple(
        f"{f'{label} on ' if label else ''}{', '.join(found)}: {reason}" for (label, reason), found in places.items()
    )


def _compare_sets(left: str, right: str, results: Path) -> Comparison:
    first, second = (open_experiment(Path(name), results=results) for name in (left, right))
    if first.store.root.resolve() == second.store.root.resolve():
        raise BenchError(f"{left} and {right} are the same results; name two sets, or two algorithms with --in {left}")
    plan, mine, others = first.suite.analysis, references(first.suite), references(second.suite)
    # A reference that only the second set has is better than none.
    known = {name: mine.get(name) or others.get(name) for name in {**others, **mine}}
    ours, theirs = _cells(first, known, plan), _cells(second, known, plan)
    shared = {key: _counted((ours[key], theirs[key]), plan) for key in ours if key in theirs}
    ranked = _by_rank(shared.values(), plan)
    sides = f"in {left}", f"in {right}"
    reasons = {key: _refusal(pair, sides, plan, ranked=ranked) for key, pair in shared.items()}
    alone = [(*key, f"only in {left}") for key in ours if key not in theirs]
    alone += [(*key, f"only in {right}") for key in theirs if key not in ours]
    left_out = _grouped([*((*key, reason) for key, reason in reasons.items() if reason), *alone])
    matches = []
    for label in dict.fromkeys(label for label, _ in ours):
        pairs = [pair for key, pair in shared.items() if key[0] == label and not reasons[key]]
        if pairs:
            matches.append(Match(label, (f"{label} of {left}", f"{label} of {right}"), _columns(pairs)))
    if not matches:
        told = f"{left} and {right} have no cell in common that both have run: {'; '.join(left_out)}"
        raise BenchError(told, *unread(first), *unread(second))
    found = _comparison((left, right), "results", matches, plan, left_out, _failed(shared.values()))
    return replace(found, warnings=(*found.warnings, *_plans_differ(first, second), *_looked(first, second)))


def _failed(pairs: Iterable[tuple[Cell, Cell]]) -> tuple[Failed, Failed]:
    """Return what failed on either side of everything that both have."""
    columns = _columns(pairs)
    return _failures(*columns), _failures(*columns[::-1])


def _failures(side: Sequence[Cell], other: Sequence[Cell]) -> Failed:
    outcomes = [entry.outcome for found in side for entry in found.entries if entry.outcome is not None]
    said = [outcome.message or outcome.kind for outcome in outcomes if isinstance(outcome, Failure)]
    reasons = Counter(shortened(text.partition("\n")[0], _LONGEST_REASON) for text in said)
    return Failed(
        count=len(said),
        of=len(outcomes),
        reasons=tuple(reason for reason, _ in reasons.most_common()),
        alone=tuple(
            f"{one.label}@{one.environment}"
            for one, beside in zip(side, other, strict=True)
            if one.failed and not beside.failed
        ),
    )


def _counted(pair: tuple[Cell, Cell], plan: AnalysisPlan) -> tuple[Cell, Cell]:
    """Return the cells of two sets as comparisons take them: up to the target where both solve the task."""
    ours, theirs = pair
    return (cut_at_the_target(ours, plan), cut_at_the_target(theirs, plan)) if all_solve(pair, plan) else pair


def _solved(matches: Iterable[Match]) -> Iterator[str]:
    """Yield, as a sentence, where scores count up to the target."""
    cut = [(match.label, found.environment) for match in matches for found in match.cells[0] if found.most is not None]
    if cut:
        places = listed([f"{label} on {name}" if label else name for label, name in cut], _MOST_NAMES)
        yield f"every run of both sides solves the task ({places}): scores count up to the target there"


def _looked(*experiments: Experiment) -> list[str]:
    """Return a caution for every set of results with unreadable files, or with seeds that followed from them."""
    return [
        *(sentence.removesuffix(".") for one in experiments for sentence in unread(one)),
        *(
            f"the number of seeds in {one.store.root} followed from the results, and the p-values here take it for "
            "fixed: the verdicts that hold over all looks are in its report"
            for one in experiments
            if one.store.journal.exists()
        ),
    ]


def _plans_differ(first: Experiment, second: Experiment) -> list[str]:
    said = []
    if first.suite.analysis != second.suite.analysis:
        said.append(f"the analysis plans differ; that of {first.store.root} is used")
    known = references(first.suite), references(second.suite)
    said += [
        f"the reference returns of {name} differ; those of {first.store.root} are used"
        for name in known[0]
        if known[0][name] and known[1].get(name) and known[0][name] != known[1][name]
    ]
    return said


def _comparison(
    names: tuple[str, str],
    between: str,
    matches: list[Match],
    plan: AnalysisPlan,
    left_out: tuple[str, ...],
    failed: tuple[Failed, Failed],
) -> Comparison:
    ours, theirs = ([found for match in matches for found in match.cells[side]] for side in (0, 1))
    records = [run.record for found in (*ours, *theirs) for run in found.runs if run.record is not None]
    foreign = remarks(origins(records))
    others = differences(ours, theirs, settings=between == "results")
    unknown = ("what is known of imported results is in the notes above; versions and machines are not",)
    return Comparison(
        left=names[0],
        right=names[1],
        between=between,
        metric=plan.metric if ours[0].scored else "return",
        confidence=plan.confidence,
        margin=plan.margin,
        rows=versus(matches, plan, np.random.default_rng(BOOTSTRAP_SEED)),
        left_out=left_out,
        failed=failed,
        differences=others or (unknown if foreign else ()),
        warnings=(
            *(text.removesuffix(".") for text in foreign),
            *_solved(matches),
            *repeated(ours, theirs),
        ),
    )
