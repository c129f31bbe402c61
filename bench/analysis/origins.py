"""Outcomes in, the sentences that say which are results of others, and what differs between them, out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bench.plain import listed
from bench.records import Outcome

_MOST = 8


def origins(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """Return what a reader must know of imported results; nothing where there are none."""
    foreign = [one for one in outcomes if one.trial.origin]
    if not foreign:
        return ()
    return tuple(_sentences(outcomes, foreign))


def _sentences(outcomes: Sequence[Outcome], foreign: Sequence[Outcome]) -> Iterator[str]:
    kinds = ", ".join(sorted({str(one.trial.origin.get("kind")) for one in foreign}))
    yield (
        f"{len(foreign)} of {len(outcomes)} trials are results of others, imported ({kinds}): the versions of their "
        "libraries, environments and machines are not known."
    )
    yield from _differing("How policies were evaluated", outcomes, _evaluation)
    yield from _differing("How steps are counted", outcomes, _counting)
    renamed = {(str(one.trial.origin.get("environment")), one.trial.environment) for one in foreign}
    taken = sorted(f"{old} as {new}" for old, new in renamed if old != new)
    if taken:
        yield f"Environments taken for another version: {listed(taken, _MOST)}."
    numbered = sum(not str(one.trial.origin.get("seed", "")).startswith("as its source states") for one in foreign)
    if numbered:
        yield f"{numbered} imported runs state no seed of their own: their numbers tell runs apart, no more."
    noted = [note for one in foreign for note in one.trial.origin.get("notes", ())]
    if noted:
        runs = sum(bool(one.trial.origin.get("notes")) for one in foreign)
        told = listed(dict.fromkeys(noted), 2)
        yield f"Of {runs} imported runs something was left out or repaired, such as: {told}."


def _differing(what: str, outcomes: Sequence[Outcome], of: Callable[[Outcome], str]) -> Iterator[str]:
    """Yield one sentence: the one answer, or every answer with the labels it holds for."""
    labels: dict[str, dict[str, Any]] = defaultdict(dict)
    for one in outcomes:
        if told := of(one):
            labels[told][one.trial.label] = None
    if len(labels) == 1:
        yield f"{what}: {next(iter(labels))}."
    elif labels:
        told = "; ".join(f"{listed(sorted(names), _MOST)}: {words}" for words, names in sorted(labels.items()))
        yield f"{what} differs, which a difference between them may come from. {told}."


def _evaluation(outcome: Outcome) -> str:
    if found := outcome.trial.origin:
        return str(found.get("evaluation", ""))
    plan = outcome.trial.evaluation
    mode = "deterministic" if plan.deterministic else "with samples of the policy"
    return f"{plan.final_episodes} fresh episodes of the final policy, {mode} (own trials)"


def _counting(outcome: Outcome) -> str:
    if found := outcome.trial.origin:
        return str(found.get("step_counting", ""))
    return "environment steps over all parallel environments"
