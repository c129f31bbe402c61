"""Cells and ledger in, what the reader must know first out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from bench.analysis.aggregate import POOLED, estimate
from bench.analysis.clocks import beside_other_load, packings
from bench.analysis.interval import FEWEST_RUNS
from bench.analysis.ledger import Ledger
from bench.analysis.scores import Cell, learns, taking_part
from bench.catalog import algorithms, implementation_named
from bench.catalog.proofs import proofs
from bench.hyperparameters.budgets import made_for_more, set_apart
from bench.hyperparameters.provenance import DEFAULTS, HAND, TUNED, effort, found_by_hand, made_for
from bench.records import Aggregate, AnalysisPlan, Conclusion, Fact, Record, ReferenceLine, Suite

RECOMMENDED_RUNS = 10
_WARNED_OVERSHOOT = 0.05
_FEWEST_FALLEN = 2
_HIGH, _LOW = 0.75, 0.5
"""Above the first an aggregate reads as a success; below the second an algorithm fails on an environment."""


def cautions(
    book: Ledger,
    cells: Sequence[Cell],
    aggregates: Sequence[Aggregate],
    references: Sequence[ReferenceLine],
    suite: Suite,
    concluded: Sequence[Conclusion],
) -> tuple[Fact, ...]:
    """Return every warning as `bench.report.cautions` words it, what weighs most first."""
    plan, apart, foreign = suite.analysis, set_apart(suite), made_for_more(suite)
    baselines = {cell.label for cell in cells if not learns(cell.entries[0].trial.algorithm)}
    return (
        *_rows("idle", ((*cell.key, cell.idle) for cell in cells if cell.idle)),
        *_rows("one choice", _falling(concluded, baselines)),
        *_rows(
            "resumed" if plan.resumed == "keep" else "resumed, left out",
            ((*cell.key, cell.resumed) for cell in cells if cell.resumed),
        ),
        *_rows("configurations", book.split),
        *_rows("other budgets", _budgets(apart, suite)),
        *_rows(
            "other budgets, judged",
            _budgets({cell: steps for cell, steps in foreign.items() if cell not in apart}, suite),
        ),
        *_rows("by hand", _found_by_hand(cells, suite)),
        *_rows("efforts", _efforts(cells, suite)),
        *_rows("as tuned", _chosen_so(TUNED, cells, suite)),
        *_rows("defaults", _untuned(cells, suite)),
        *_rows("asynchronous", _asynchronous(cells)),
        *_rows("seen", _seen(suite)),
        *_rows("implementations", _less_than_seen(cells)),
        *_number("missing", sum(cell.missing for cell in cells), len(book.entries)),
        *_failed(book, cells, plan),
        *_few_runs(cells),
        *_without_reference(cells, plan),
        *_rows("incomplete", ((line.label, line.environments) for line in aggregates if _lacks(line))),
        *_rows("unlearned", _unlearned(cells, plan)),
        *_rows("hidden", _hidden(aggregates, cells, plan)),
        *_rows("saturated", _solved(references, suite)),
        *_number("curveless", sum(cell.curveless for cell in cells)),
        *_unplanned(book),
        *_rows("unequal", _unequal_conditions(cells)),
        *_rows("apart", _apart(cells, suite)),
        *_rows("cut", _cut_short(cells)),
        *_rows("overshoot", _past_the_budget(cells)),
        *_timings(book),
    )


def _falling(concluded: Sequence[Conclusion], baselines: set[str]) -> list[tuple[str, int, int, int]]:
    """Return each re-analysis in which most decided verdicts on pairs of learners fall, the one that most do first.

    Of those that leave out one environment, or count scores below the random policy's as it: the environment, empty for
    the latter, how many verdicts fall of how many, and how many of them turn round.
    """
    decided = [line for line in concluded if line.about.kind == "better" and baselines.isdisjoint(line.about.names)]
    fallen: dict[str, list[str]] = {}
    for again, verdict in (case for line in decided for case in line.fails_when):
        if again.kind == "floor" or (again.kind == "environments" and len(again.names) == 1):
            fallen.setdefault("".join(again.names), []).append(verdict)
    rows = [(name, len(those), len(decided), those.count("worse")) for name, those in fallen.items()]
    most = [row for row in rows if row[1] >= _FEWEST_FALLEN and 2 * row[1] > row[2]]
    return sorted(most, key=lambda row: (-row[1], -row[3]))


def _rows(kind: str, rows: Iterable[tuple[str | float, ...]]) -> Iterator[Fact]:
    if found := tuple(rows):
        yield Fact(kind, rows=found)


def _less_than_seen(cells: Sequence[Cell]) -> Iterator[tuple[str, ...]]:
    """Yield algorithm, implementation, what proves it and where that was not seen, if not by whole runs everywhere.

    Where a suite has the first implementation beside another, it asks that itself.
    """
    used: dict[tuple[str, str], list[str]] = defaultdict(list)
    for cell in cells:
        trial = cell.entries[0].trial
        used[trial.algorithm, implementation_named(trial.algorithm, trial.implementation)].append(cell.environment)
    for (name, implementation), environments in used.items():
        entry = algorithms().get(name)
        if entry is None or implementation not in entry.others or (name, entry.own) in used:
            continue
        proof = next((one for one in proofs() if (one.algorithm, one.implementation) == (name, implementation)), None)
        elsewhere = [one for one in dict.fromkeys(environments) if proof and one not in proof.environments]
        if proof is None or elsewhere or proof.by != "suite":
            yield name, implementation, proof.by if proof else "", *elsewhere


def _unlearned(cells: Sequence[Cell], plan: AnalysisPlan) -> Iterator[tuple[str, ...]]:
    """Yield the environment and whoever has no run there that ends above what scores 0 by more than the margin."""
    found: dict[str, list[str]] = {}
    for cell in _learning(cells):
        if cell.scored and max(cell.scores) <= plan.margin:
            found.setdefault(cell.environment, []).append(cell.label)
    yield from ((environment, *labels) for environment, labels in found.items())


def _hidden(
    aggregates: Sequence[Aggregate], cells: Sequence[Cell], plan: AnalysisPlan
) -> Iterator[tuple[str, float, float, str]]:
    """Yield label, aggregate, score and environment where a high aggregate hides a failure."""
    for line in aggregates:
        whole = line.value(plan.decide).estimate
        for cell in cells if whole is not None and whole > _HIGH else ():
            if cell.label == line.label and cell.scored and (here := estimate([cell.scores], POOLED)) < _LOW:
                yield cell.label, float(whole or 0.0), here, cell.environment


def _solved(references: Sequence[ReferenceLine], suite: Suite) -> Iterator[tuple[str, ...]]:
    """Yield environment, and setting where it is not all, in which every learning algorithm solves it."""
    for line in references:
        everywhere = len(line.solved_in) == max(1, len(suite.settings))
        yield from [(line.environment,)] if everywhere else ((line.environment, name) for name in line.solved_in)


def _number(kind: str, count: int, *others: float) -> Iterator[Fact]:
    if count:
        yield Fact(kind, (count, *others))


def overshoot(cell: Cell) -> float:
    """Return the largest share by which a run's environment steps exceed the budget."""
    taken = [run.record.final.steps for run in cell.runs if run.record is not None]
    return max(0.0, max(taken) / cell.budget - 1) if taken and cell.budget > 0 else 0.0


def _failed(book: Ledger, cells: Sequence[Cell], plan: AnalysisPlan) -> Iterator[Fact]:
    failed = [cell for cell in cells if cell.failed]
    if not failed:
        return
    bare = all(cell.reference is None for cell in cells)
    rule = "left out"
    if plan.failures == "random":
        rule = "as random" if not bare else "as last" if plan.metric == "final" else "no reference"
    rows = tuple((*cell.key, cell.failed) for cell in failed)
    yield Fact(f"failed, {rule}", (sum(cell.failed for cell in failed), len(book.entries)), rows=rows)
    if rule == "as random" and any(cell.reference is None for cell in failed):
        yield Fact("failed somewhere unscored")


def _few_runs(cells: Sequence[Cell]) -> Iterator[Fact]:
    sizes = [len(cell.runs) for cell in cells if cell.runs]
    fewest = min(sizes, default=RECOMMENDED_RUNS)
    few = sum(size < RECOMMENDED_RUNS for size in sizes)
    yield from _number("few runs", few, len(sizes), RECOMMENDED_RUNS, fewest)
    if fewest < FEWEST_RUNS:
        yield Fact("too few runs", (FEWEST_RUNS,))


def _without_reference(cells: Sequence[Cell], plan: AnalysisPlan) -> Iterator[Fact]:
    bare = dict.fromkeys((cell.environment,) for cell in cells if cell.reference is None)
    if bare and plan.metric == "final" and all(cell.reference is None for cell in cells):
        yield Fact("no reference")
    else:
        yield from _rows("some without reference", bare)


def _unplanned(book: Ledger) -> Iterator[Fact]:
    if any(entry.planned for entry in book.entries):
        yield from _number("unplanned", sum(not entry.planned for entry in book.entries))


def _unequal_conditions(cells: Sequence[Cell]) -> Iterator[tuple[str]]:
    conditions = defaultdict(set)
    for cell in cells:
        conditions[cell.environment].add((cell.budget, cell.entries[0].trial.evaluation))
    return ((environment,) for environment, found in conditions.items() if len(found) > 1)


def _apart(cells: Sequence[Cell], suite: Suite) -> Iterator[tuple[str, str, int, int]]:
    """Yield label, environment, budget and the suite's budget of the cells that take no part."""
    known = suite.budgets
    there = {cell.key for cell in taking_part(cells, suite)}
    for cell in cells:
        if cell.environment in known and cell.key not in there:
            yield *cell.key, cell.budget, known[cell.environment]


def _budgets(cells: Mapping[tuple[str, str], int], suite: Suite) -> Iterator[tuple[str, str, int, int]]:
    """Yield label, environment, what its settings were made for and the suite's budget."""
    return ((label, place, steps, suite.budgets[place]) for (label, place), steps in cells.items())


def _found_by_hand(cells: Sequence[Cell], suite: Suite) -> Iterable[tuple[str, str]]:
    """Return label and environment of cells whose settings this harness searched for, beside others of the setting."""
    settings = {entry.label: entry.setting for entry in suite.algorithms}
    return found_by_hand(
        {
            (settings.get(cell.label, ""), cell.environment, cell.label): cell.entries[0].trial.provenance
            for cell in cells
        }
    )


def _asynchronous(cells: Sequence[Cell]) -> Iterator[tuple[str]]:
    known = algorithms()
    behind = {cell.label: known.get(cell.entries[0].trial.algorithm) for cell in cells if cell.runs}
    yield from ((label,) for label, entry in behind.items() if entry is not None and entry.asynchronous)


def _seen(suite: Suite) -> Iterator[tuple[str | int, ...]]:
    """Yield which data had been seen, and by how many of how many claims: none where it is the whole plan."""
    if suite.seen:
        yield (suite.seen,)
    told = Counter(claim.seen for claim in suite.claims if claim.seen and claim.seen != suite.seen)
    yield from ((seen, count, len(suite.claims)) for seen, count in told.items())


def _efforts(cells: Sequence[Cell], suite: Suite) -> Iterator[tuple[str | int, ...]]:
    """Yield how settings were chosen, the fewest and the most steps that they were made for (0: unknown), and whose.

    Of those that are compared on an environment where they were chosen in several ways; by hand is told by itself.
    """
    learning = _learning(cells)
    found: dict[tuple[str, str], dict[str, list[Cell]]] = {}
    for cell, kind in ((cell, effort(cell.entries[0].trial.provenance)) for cell in learning):
        setting = suite.setting(cell.label) or ""
        if kind not in {HAND, ""}:
            found.setdefault((setting, cell.environment), {}).setdefault(kind, []).append(cell)
    told: dict[str, list[Cell]] = {}
    for kind, some in ((kind, some) for ways in found.values() if len(ways) > 1 for kind, some in ways.items()):
        told.setdefault(kind, []).extend(some)
    for kind, some in told.items():
        made = [steps for cell in some if (steps := made_for(cell.entries[0].trial.provenance))]
        labels = dict.fromkeys(cell.label for cell in some)
        yield kind, min(made, default=0), max(made, default=0), *labels


def _learning(cells: Sequence[Cell]) -> list[Cell]:
    return [cell for cell in cells if cell.runs and learns(cell.entries[0].trial.algorithm)]


def _untuned(cells: Sequence[Cell], suite: Suite) -> list[tuple[str]]:
    """Return who has a library's own settings, where several algorithms are compared that have them."""
    found = list(_chosen_so(DEFAULTS, cells, suite))
    behind = {cell.label: cell.entries[0].trial.algorithm for cell in cells if cell.runs}
    return found if len({behind[label] for (label,) in found}) > 1 else []


def _chosen_so(how: str, cells: Sequence[Cell], suite: Suite) -> Iterator[tuple[str]]:
    """Yield whose settings were chosen in this way wherever they are compared with others."""
    learning = _learning(cells)
    places = Counter((suite.setting(cell.label) or "", cell.environment) for cell in learning)
    found: dict[str, set[bool]] = {}
    for cell in learning:
        if places[suite.setting(cell.label) or "", cell.environment] > 1:
            found.setdefault(cell.label, set()).add(effort(cell.entries[0].trial.provenance) == how)
    yield from ((label,) for label, same in found.items() if same == {True})


def _lacks(line: Aggregate) -> bool:
    return not line.complete and line.not_judged is None


def _cut_short(cells: Sequence[Cell]) -> Iterator[tuple[str | int, ...]]:
    """Yield label, environment, episodes of final evaluations that were cut, and after which steps."""
    for cell in cells:
        cut = [one for run in cell.runs if run.record is not None and (one := run.record.cut_episodes)]
        if cut:
            steps = sorted({int(one.get("steps", 0)) for one in cut})
            yield *cell.key, sum(int(one.get("final", 0)) for one in cut), *steps


def _past_the_budget(cells: Sequence[Cell]) -> Iterator[tuple[str, str, float]]:
    """Yield label, environment and by how many per cent."""
    for cell in cells:
        if (share := overshoot(cell)) > _WARNED_OVERSHOOT:
            yield *cell.key, 100 * share


def _timings(book: Ledger) -> Iterator[Fact]:
    records = [entry.outcome for entry in book.entries if isinstance(entry.outcome, Record)]
    if (ways := packings(records)) > 1:
        yield Fact("packings", (ways,))
    yield from _number("busy", beside_other_load(records), len(records))
