"""Outcomes in, which are results of others and what differs between them out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from bench.records import Answers, EvaluationPlan, Origins, Outcome


def origins(outcomes: Sequence[Outcome]) -> Origins | None:
    """Return what a reader must know of imported results; None where there are none."""
    foreign = [one.trial for one in outcomes if one.trial.origin]
    if not foreign:
        return None
    renamed = {(str(one.origin.get("environment")), one.environment) for one in foreign}
    return Origins(
        trials=len(outcomes),
        imported=len(foreign),
        kinds=tuple(sorted({str(one.origin.get("kind")) for one in foreign})),
        evaluation=_answers(outcomes, _evaluation),
        counting=_answers(outcomes, _counting),
        renamed=tuple(sorted((old, new) for old, new in renamed if old != new)),
        unnumbered=sum(not str(one.origin.get("seed", "")).startswith("as its source states") for one in foreign),
        repaired=sum(bool(one.origin.get("notes")) for one in foreign),
        repairs=tuple(dict.fromkeys(note for one in foreign for note in one.origin.get("notes", ()))),
    )


def _answers(outcomes: Sequence[Outcome], of: Callable[[Outcome], str | EvaluationPlan | None]) -> Answers:
    labels: dict[str | EvaluationPlan | None, set[str]] = defaultdict(set)
    for one in outcomes:
        labels[of(one)].add(one.trial.label)
    return tuple((answer, tuple(sorted(names))) for answer, names in labels.items() if answer != "")


def _evaluation(outcome: Outcome) -> str | EvaluationPlan:
    found = outcome.trial.origin
    return str(found.get("evaluation", "")) if found else outcome.trial.evaluation


def _counting(outcome: Outcome) -> str | None:
    found = outcome.trial.origin
    return str(found.get("step_counting", "")) if found else None
