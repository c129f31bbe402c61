"""A suite's claims and the cells of its results in, a verdict on each claim out.

One rule for all of them. A claim of more is supported where the whole interval lies above the margin, and contradicted
where it lies wholly below; a claim of less is its mirror image; a claim of equivalence is supported where the interval
lies inside the margins, unless of four runs on one environment, and contradicted where it lies wholly outside.
Everything else is undecided. The intervals are so wide that all of the suite's claims together err as rarely as the
plan's confidence says (Bonferroni). A suite that concludes something only if all of its claims hold needs no wider ones
for that conclusion (an intersection-union test: Berger 1982); for the opposite one, that some claim does not hold, it
does, and whether a claim is contradicted by the wider interval, too, is told beside its verdict.

A claim is judged on the environments it names, or on all that both sides can run on; if runs lack there it waits for
them, for a claim about four environments is not settled by two.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from scipy.special import ndtri

from bench import catalog
from bench.analysis.clocks import beside_other_load, packings
from bench.analysis.interval import FEWEST_RUNS
from bench.analysis.moments import last_evaluations
from bench.analysis.quantities import TOOTHLESS, Measured, measured, regret
from bench.analysis.resampling import Draws
from bench.analysis.scores import Cell, learns
from bench.analysis.solved import Solved, to_the_target
from bench.analysis.verdict import MOST_RUNS, POWER, enough_for_equivalence
from bench.hyperparameters import lacks
from bench.hyperparameters.budgets import for_larger_budgets, on_equal_terms
from bench.records import QUANTITIES, Claim, ClaimVerdict, Fact, Interval, Record, Suite


@dataclass(frozen=True, slots=True)
class _Field:
    """What there is to judge claims by."""

    suite: Suite
    cells: Mapping[tuple[str, str], Cell]
    draws: Draws
    confidence: float
    """Of each claim's interval."""
    together: float
    """Of each interval where those of all claims are to hold together; `confidence` but for a conjunction."""
    family: int
    """How many claims it is corrected for."""
    unfit: Mapping[tuple[str, str], int]
    """Cells whose settings were made for larger budgets than the suite's."""
    solved: Solved


def judge(
    suite: Suite,
    cells: Sequence[Cell],
    draws: Draws,
    claims: Sequence[Claim] | None = None,
    solved: Solved = MappingProxyType({"": frozenset()}),
) -> tuple[ClaimVerdict, ...]:
    """Return the verdict on each of the suite's claims, in the suite's order.

    Neither the order of the cells nor algorithms that a claim does not speak of (regret speaks of all) change anything.

    Args:
        suite: its claims, its plan, and which algorithms and environments it has.
        cells: every cell of the ledger, those without runs included.
        draws: the resamples of every cell that has runs.
        claims: those to judge, if not all; they are corrected for all of the suite's.
        solved: where nothing beyond the target counts when scores of two are compared for which is higher.
    """
    alone = suite.analysis.confidence
    together = 1 - (1 - alone) / max(1, len(suite.claims))
    confidence, family = (alone, 1) if suite.analysis.conjunction else (together, max(1, len(suite.claims)))
    unfit = for_larger_budgets(suite)
    there = {cell.key: cell for cell in cells}
    field = _Field(suite, there, draws, confidence, together, family, unfit, solved)
    return tuple(_judged(claim, field) for claim in (suite.claims if claims is None else claims))


def _judged(claim: Claim, field: _Field) -> ClaimVerdict:
    others = _others(claim, field)
    labels = [claim.left, *others] if claim.quantity == "regret" else _labels(claim)
    environments = _environments(claim, labels[:1] if claim.quantity == "regret" else labels, field)
    cells = [cell for label in labels for name in environments if (cell := field.cells.get((label, name)))]
    missing = _missing(labels, environments, field) or _unfair(labels, environments, field)
    found = Measured(Interval(None, notes=(missing,))) if missing else _measured(claim, environments, others, field)
    aim = replace(claim, direction="less") if claim.quantity == "regret" else claim
    verdict = _verdict(aim, found, len(environments))
    refuted = verdict == "contradicted"
    if refuted and field.together > field.confidence:
        wider = _measured(claim, environments, others, replace(field, confidence=field.together))
        refuted = _verdict(aim, wider, len(environments)) == "contradicted"
    more = _more_runs(aim, found, field.confidence) if verdict == "undecided" else None
    timed = _timed(claim, cells)
    return ClaimVerdict(
        claim=claim,
        verdict=verdict,
        estimate=found.value,
        confidence=field.confidence,
        family=field.family,
        environments=environments,
        refuted=refuted,
        more_runs=more,
        labels=tuple(labels),
        missing=sum(cell.missing for cell in cells),
        failed=sum(cell.failed for cell in cells),
        clocks_differ=packings(timed) > 1,
        mistimed=(beside_other_load(timed), len(timed)),
        spent=tuple(cell.key for cell in cells if _spent(claim, cell)),
    )


def _labels(claim: Claim) -> list[str]:
    return [claim.left, claim.right] if isinstance(claim.right, str) else [claim.left]


def _others(claim: Claim, field: _Field) -> list[str]:
    """Return what a regret is measured against: all others of its setting that learn and share an environment.

    Those whose settings were made for larger budgets are left out, unless its own were.
    """
    found = []
    for entry in field.suite.algorithms:
        both = [claim.left, entry.label]
        if entry.label == claim.left or not learns(entry.algorithm) or field.suite.setting(*both) is None:
            continue
        shared = _environments(claim, both, field)
        unfit = any((claim.left, name) in field.unfit for name in shared)
        if shared and (unfit or _fair(both, shared, field)):
            found.append(entry.label)
    return found


def _environments(claim: Claim, labels: Sequence[str], field: _Field) -> tuple[str, ...]:
    names = [line.environment for line in field.suite.environments]
    return tuple(
        name
        for name in names
        if (name in claim.environments or not claim.environments) and all(_runs(label, name, field) for label in labels)
    )


def _runs(label: str, environment: str, field: _Field) -> bool:
    """Return whether the algorithm can run there, whether or not it has: not where a set beside says nothing of it."""
    algorithms, place = catalog.algorithms(), catalog.environments().get(environment)
    entry = next((line for line in field.suite.algorithms if line.label == label), None)
    algorithm = algorithms.get(entry.algorithm) if entry else None
    if algorithm is None or place is None or (label, environment) in field.cells:
        return (label, environment) in field.cells
    unsaid = entry is not None and lacks(entry.hyperparameter_set, algorithm.name, environment, field.suite.sets)
    return not unsaid and not catalog.mismatch(algorithm, place)


def _is_contest(claim: Claim) -> bool:
    """Return whether a claim asks who scores higher: equality, spread and levels are those of all that was scored."""
    return (
        claim.quantity in {"score", "regret"}
        and claim.direction != "equivalent"
        and not isinstance(claim.right, int | float)
    )


def _missing(labels: Iterable[str], environments: Sequence[str], field: _Field) -> Fact | None:
    """Return which cells have too few runs to judge by; None where none has."""
    if not environments:
        return Fact("nowhere")
    for name in environments:
        if any(cell.reference is None for label in labels if (cell := field.cells.get((label, name))) is not None):
            return Fact("unscored", names=(name,))
    short = tuple(row for label in labels for row in _short(label, environments, field))
    return Fact("short of runs", (FEWEST_RUNS,), rows=short) if short else None


def _unfair(labels: Sequence[str], environments: Sequence[str], field: _Field) -> Fact | None:
    """Return whose settings were made for larger budgets than the suite's, where the others' were not; else None."""
    fair = len(labels) < 2 or all(_fair([labels[0], other], environments, field) for other in labels[1:])  # noqa: PLR2004
    unfit = {label for label, name in field.unfit if label in labels and name in environments}
    return None if fair else Fact("other budgets", names=tuple(label for label in labels if label in unfit))


def _fair(labels: Sequence[str], environments: Sequence[str], field: _Field) -> bool:
    a, b = labels
    return on_equal_terms(field.suite, a, b, environments, field.unfit)


def _short(label: str, environments: Sequence[str], field: _Field) -> list[tuple[str | int, ...]]:
    """Return (label, environment, runs) where these are too few; the label alone where it has no run at all."""
    counts = {}
    for name in environments:
        cell = field.cells.get((label, name))
        if cell is not None or _runs(label, name, field):
            counts[name] = len(cell.runs) if cell else 0
    if not any(counts.values()):
        return [(label,)]
    return [(label, name, n) for name, n in counts.items() if n < FEWEST_RUNS]


def _measured(claim: Claim, environments: Sequence[str], others: Sequence[str], field: _Field) -> Measured:
    def cells(label: str, both: Sequence[str], shared: Sequence[str] = environments) -> list[Cell]:
        found = [field.cells[label, name] for name in shared]
        return to_the_target(found, field.solved, field.suite, both) if _is_contest(claim) else found

    if claim.quantity != "regret":
        both = _labels(claim)
        theirs = cells(claim.right, both) if isinstance(claim.right, str) else float(claim.right or 0.0)
        return measured(claim, cells(claim.left, both), theirs, field.draws, field.suite.analysis, field.confidence)
    if not others:
        return Measured(Interval(None, notes=(Fact("no rival"),)))
    shared = {label: _environments(claim, [claim.left, label], field) for label in others}
    ours = {label: cells(claim.left, [claim.left, label], names) for label, names in shared.items()}
    rivals = {label: cells(label, [claim.left, label], names) for label, names in shared.items()}
    return regret(ours, rivals, field.draws, field.suite.analysis, field.confidence)


def _limits(claim: Claim, found: Measured) -> tuple[float, float, float, float] | None:
    """Return estimate and limits relative to equality, and the margin, on the scale on which they are judged."""
    value, equal, margin = found.value, found.equal, claim.margin
    if value.estimate is None or value.low is None or value.high is None:
        return None
    if found.ratio:
        low, centre, high = (math.log(one / equal) for one in (value.low, value.estimate, value.high))
        return low, centre, high, math.log1p(margin)
    return value.low - equal, value.estimate - equal, value.high - equal, margin


def _verdict(claim: Claim, found: Measured, environments: int) -> str:
    placed = _limits(claim, found)
    if placed is None or _is_toothless(found):
        return "undecided"
    low, _, high, margin = placed
    if claim.direction == "equivalent":
        inside, outside = -margin < low and high < margin, low > margin or high < -margin
        enough = enough_for_equivalence(found.value.n, environments)
        return "supported" if inside and enough else "contradicted" if outside else "undecided"
    if claim.quantity == "regret":
        return "supported" if high < margin else "contradicted" if low > margin else "undecided"
    if claim.direction == "less":
        low, high = -high, -low
    return "supported" if low > margin else "contradicted" if high < margin else "undecided"


def _is_toothless(found: Measured) -> bool:
    return any(note.kind == TOOTHLESS for note in found.value.notes)


def _more_runs(claim: Claim, found: Measured, confidence: float) -> int | None:
    """Return how many more runs per environment would decide with a power of 0.8; None where that says nothing.

    If the estimate is right: half widths shrink as 1 / sqrt(n), and (half width / distance to the bound)^2 n runs bring
    the interval clear of it in one experiment of two. For four of five it must be shorter still, as the quantiles of
    the normal distribution for confidence and power are to that for confidence alone.
    """
    placed = _limits(claim, found)
    if placed is None or _is_toothless(found):
        return None
    low, centre, high, margin = placed
    below, above = centre - low, high - centre
    if claim.direction == "equivalent":
        bounds = [-margin, margin] if abs(centre) < margin else [math.copysign(margin, centre)]
    else:
        bounds = [-margin if claim.direction == "less" and claim.quantity != "regret" else margin]
    gaps = [(above if bound > centre else below, abs(centre - bound)) for bound in bounds]
    if any(distance <= 0 for _, distance in gaps):
        return None
    n, sure = found.value.n, float(ndtri((1 + confidence) / 2))
    needed = 1 + float(ndtri(POWER)) / sure
    more = max(1, math.ceil(n * max((needed * half / distance) ** 2 for half, distance in gaps)) - n)
    return more if more <= MOST_RUNS else None


def _spent(claim: Claim, cell: Cell) -> bool:
    """Return whether all runs had used up their steps by the second at which a claim reads their scores."""
    if claim.seconds is None:
        return False
    ends = last_evaluations(cell, "seconds")
    return bool(ends) and max(ends) < claim.seconds


def _timed(claim: Claim, cells: Sequence[Cell]) -> list[Record]:
    """Return the runs whose timings a claim reads: all of its, or none."""
    if not QUANTITIES[claim.quantity].clock and claim.seconds is None:
        return []
    return [run.record for cell in cells for run in cell.runs if run.record is not None]
