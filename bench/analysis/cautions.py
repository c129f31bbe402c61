"""Cells and ledger in, the sentences the reader must see first out."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from bench.analysis.interval import FEWEST_RUNS
from bench.analysis.ledger import Ledger
from bench.analysis.scores import Cell, taking_part
from bench.plain import listed
from bench.records import Aggregate, AnalysisPlan, Record, ReferenceLine, Suite

RECOMMENDED_RUNS = 10
_VISIBLE_OVERSHOOT = 0.05
_MOST = 8
_BUSY = 1.5
"""Load per thread of our own from which something else was running."""


def cautions(
    book: Ledger,
    cells: Sequence[Cell],
    aggregates: Sequence[Aggregate],
    references: Sequence[ReferenceLine],
    suite: Suite,
) -> tuple[str, ...]:
    """Return every warning as a sentence, what weighs most first."""
    plan = suite.analysis
    return (
        *_configurations(book),
        *_missing(book, cells),
        *_failed(book, cells, plan),
        *_few_runs(cells),
        *_without_reference(cells, plan),
        *_incomplete(aggregates),
        *_saturated(references),
        *_curveless(cells),
        *_unplanned(book),
        *_unequal_conditions(cells),
        *_apart(cells, suite),
        *_cut_short(cells),
        *_overshoot(cells),
        *_timings(book),
    )


def overshoot(cell: Cell) -> float:
    """Return the largest share by which a run's environment steps exceed the budget."""
    taken = [run.record.final.steps for run in cell.runs if run.record is not None]
    return max(0.0, max(taken) / cell.budget - 1) if taken and cell.budget > 0 else 0.0


def _configurations(book: Ledger) -> Iterator[str]:
    if not book.split:
        return
    named = ", ".join(f"{label} on {environment}" for label, environment in book.split)
    yield (
        f"Results of several configurations (settings, implementation, versions or budget) carry one label: {named}. "
        "They are not merged: all but the planned one carry the first digits of their configuration."
    )


def _missing(book: Ledger, cells: Sequence[Cell]) -> Iterator[str]:
    missing = sum(cell.missing for cell in cells)
    if missing:
        yield f"{missing} of {len(book.entries)} trials are missing: the suite is not finished."


def _failed(book: Ledger, cells: Sequence[Cell], plan: AnalysisPlan) -> Iterator[str]:
    failed = [cell for cell in cells if cell.failed]
    if not failed:
        return
    where = ", ".join(f"{cell.label} on {cell.environment}: {cell.failed}" for cell in failed)
    bare = all(cell.reference is None for cell in cells)
    rule = "is not counted"
    if plan.failures == "random":
        rule = "counts as a run that scores as the random policy"
        if bare:
            rule = "counts as below every run" if plan.metric == "final" else "is not counted without references"
    total = sum(cell.failed for cell in failed)
    yield f"{total} of {len(book.entries)} trials failed ({where}). By the plan, a failed trial {rule}."
    if plan.failures == "random" and not bare and any(cell.reference is None for cell in failed):
        yield "On environments without a reference a failed trial cannot be scored and is not counted."


def _few_runs(cells: Sequence[Cell]) -> Iterator[str]:
    sizes = [len(cell.runs) for cell in cells if cell.runs]
    fewest = min(sizes, default=RECOMMENDED_RUNS)
    few = sum(size < RECOMMENDED_RUNS for size in sizes)
    if few:
        yield (
            f"{few} of {len(sizes)} cells have fewer than {RECOMMENDED_RUNS} runs (the smallest has {fewest}): "
            "intervals are wide, and small differences cannot be seen."
        )
    if fewest < FEWEST_RUNS:
        yield (
            f"Cells with fewer than {FEWEST_RUNS} runs have no intervals: no method covers what it states there. Where "
            "others have more, their algorithms have no part in which algorithm when."
        )


def _without_reference(cells: Sequence[Cell], plan: AnalysisPlan) -> Iterator[str]:
    bare = ", ".join(dict.fromkeys(cell.environment for cell in cells if cell.reference is None))
    if bare and plan.metric == "final" and all(cell.reference is None for cell in cells):
        yield (
            "No environment has usable reference returns, so there is no score: raw returns are shown, and algorithms "
            "are compared by the ranks of their runs alone. `reference` in the suite file makes scores."
        )
    elif bare:
        yield (
            f"No usable reference returns for {bare}: no scores there; the raw returns are shown, and enter neither "
            "aggregates nor comparisons."
        )


def _incomplete(aggregates: Sequence[Aggregate]) -> Iterator[str]:
    partial = ", ".join(f"{line.label} ({line.environments})" for line in aggregates if not line.complete)
    if partial:
        yield (
            f"Aggregates not comparable with the others, for want of runs on some environments: {partial}. "
            "Pairs are compared on the environments both have."
        )


def _saturated(references: Sequence[ReferenceLine]) -> Iterator[str]:
    full = ", ".join(line.environment for line in references if line.saturated)
    if full:
        yield f"Every learning algorithm solves {full} in every run: only the time to the threshold tells them apart."


def _curveless(cells: Sequence[Cell]) -> Iterator[str]:
    left_out = sum(cell.curveless for cell in cells)
    if left_out:
        yield f"{left_out} finished trials have no learning curve, hence no area under it, and are left out."


def _unplanned(book: Ledger) -> Iterator[str]:
    planned = any(entry.planned for entry in book.entries)
    extra = sum(not entry.planned for entry in book.entries)
    if planned and extra:
        yield (
            f"{extra} results are not in the suite's plan (other seeds, settings or versions); they are shown too. "
            "Environments outside the suite enter neither aggregates nor comparisons."
        )


def _unequal_conditions(cells: Sequence[Cell]) -> Iterator[str]:
    conditions = defaultdict(set)
    for cell in cells:
        conditions[cell.environment].add((cell.budget, cell.entries[0].trial.evaluation))
    unequal = _some(environment for environment, found in conditions.items() if len(found) > 1)
    if unequal:
        yield f"Budgets or evaluation plans differ between the algorithms on {unequal}: no fair comparison."


def _apart(cells: Sequence[Cell], suite: Suite) -> Iterator[str]:
    known = {line.environment: line.steps for line in suite.environments}
    there = {(cell.label, cell.environment) for cell in taking_part(cells, suite)}
    apart = _some(
        f"{cell.label} on {cell.environment} ({cell.budget:,} steps, the suite has {known[cell.environment]:,})"
        for cell in cells
        if cell.environment in known and (cell.label, cell.environment) not in there
    )
    if apart:
        yield f"Shown, but neither aggregated nor compared, for their budgets: {apart}."


def _cut_short(cells: Sequence[Cell]) -> Iterator[str]:
    found = []
    for cell in cells:
        cut = [run.record.cut_episodes for run in cell.runs if run.record is not None and run.record.cut_episodes]
        if cut:
            steps = ", ".join(f"{steps:,}" for steps in sorted({int(one.get("steps", 0)) for one in cut}))
            final = sum(int(one.get("final", 0)) for one in cut)
            found.append(f"{cell.label} on {cell.environment} after {steps} steps: {final} of the final evaluations'")
    if found:
        yield (
            f"Evaluation episodes that had not ended were cut by the harness, and count with their return until then: "
            f"{_some(found)}."
        )


def _overshoot(cells: Sequence[Cell]) -> Iterator[str]:
    over = [(cell, share) for cell in cells if (share := overshoot(cell)) > _VISIBLE_OVERSHOOT]
    named = _some(f"{cell.label} on {cell.environment} by {100 * share:.0f} %" for cell, share in over)
    if named:
        yield f"Training went past the budget: {named}."


def _timings(book: Ledger) -> Iterator[str]:
    records = [entry.outcome for entry in book.entries if isinstance(entry.outcome, Record)]
    packings = {_packing(record) for record in records}
    if len(packings) > 1:
        yield (
            f"Timings come from {len(packings)} different settings of hardware, threads or trials side by side: "
            "speeds and seconds are not comparable throughout."
        )
    busy = sum(_was_busy(record.resources) for record in records)
    if busy:
        yield f"{busy} of {len(records)} trials ran beside other load on their machine: their timings are too long."


def _packing(record: Record) -> tuple[str, ...]:
    resources = (str(record.resources.get(key, "")) for key in ("device", "threads", "workers"))
    return (*resources, str(record.provenance.get("processor", "")))


def _was_busy(resources: Mapping[str, object]) -> bool:
    load, threads, workers = (resources.get(key) for key in ("load", "threads", "workers"))
    if not isinstance(load, int | float) or not isinstance(threads, int) or not isinstance(workers, int):
        return False
    return math.isfinite(load) and load > _BUSY * threads * workers + 1


def _some(names: Iterable[str]) -> str:
    return listed(names, _MOST)
