"""What is known of imported results in, the sentences that say it out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bench.plain import listed
from bench.records import Answers, EvaluationPlan, Origins

_MOST, _MOST_REPAIRS = 8, 2


def remarks(found: Origins | None) -> tuple[str, ...]:
    """Return what a reader must know of imported results; nothing where there are none."""
    return () if found is None else tuple(_sentences(found))


def _sentences(found: Origins) -> Iterator[str]:
    yield (
        f"{found.imported} of {found.trials} trials are results of others, imported ({', '.join(found.kinds)}): the "
        "versions of their libraries, environments and machines are not known."
    )
    yield from _differing("How policies were evaluated", found.evaluation)
    yield from _differing("How steps are counted", found.counting)
    if found.renamed:
        taken = sorted(f"{old} as {new}" for old, new in found.renamed)
        yield f"Environments taken for another version: {listed(taken, _MOST)}."
    if found.unnumbered:
        yield f"{found.unnumbered} imported runs state no seed of their own: their numbers tell runs apart, no more."
    if found.repaired:
        told = listed(found.repairs, _MOST_REPAIRS)
        yield f"Of {found.repaired} imported runs something was left out or repaired, such as: {told}."


def _differing(what: str, answers: Answers) -> Iterator[str]:
    """Yield one sentence: the one answer, or every answer with the labels it holds for."""
    labels: dict[str, set[str]] = defaultdict(set)
    for answer, names in answers:
        labels[_answer(answer)] |= set(names)
    if len(labels) == 1:
        yield f"{what}: {next(iter(labels))}."
    elif labels:
        told = "; ".join(f"{listed(sorted(names), _MOST)}: {words}" for words, names in sorted(labels.items()))
        yield f"{what} differs, which a difference between them may come from. {told}."


def _answer(answer: str | EvaluationPlan | None) -> str:
    if isinstance(answer, EvaluationPlan):
        mode = "deterministic" if answer.deterministic else "with samples of the policy"
        return f"{answer.final_episodes} fresh episodes of the final policy, {mode} (own trials)"
    return "environment steps over all parallel environments" if answer is None else answer
