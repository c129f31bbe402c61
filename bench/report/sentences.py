"""What the analysis found in, the sentences that tell it out: the same on the page and in the terminal.

Verdicts, prices, limits, plurals and durations have their words here; numbers alone have theirs in `words`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from bench.plain import joined
from bench.records import SURE, Lead, Situation

_MOST_STRETCHES = 6


def situation(line: Situation) -> str:
    """Return the answer to one situation, with what it rests on."""
    several = len(line.environments) > 1
    where = f"each of {len(line.environments)} environments" if several else line.environments[0]
    place, rests = capital(line.text), f"{line.n} runs on {where}"
    if line.choose is None:
        return f"{place}: not enough evidence; {line.candidates[0].label} leads ({rests})."
    equal = f" or {joined(line.as_good, 'or')}, which cannot be told apart from it" if line.as_good else ""
    return f"{place}: choose {line.choose}{equal} ({rests})."


def lead(line: Lead) -> tuple[str, ...]:
    """Return who surely leads where along the axis, and between whom the lead is open."""
    return tuple(_stretches(line))


def _stretches(line: Lead) -> Iterator[str]:
    shares = [dict(zip(line.labels, column, strict=True)) for column in zip(*line.probability_best, strict=True)]
    sure = [next((label for label, share in found.items() if share >= SURE), None) for found in shares]
    starts = [0, *(place + 1 for place, (a, b) in enumerate(pairwise(sure)) if a != b)]
    if len(starts) > _MOST_STRETCHES:
        yield f"The lead changes {len(starts) - 1} times: nobody leads for long."
        return
    for start, end in zip(starts, [*starts[1:], len(line.x)], strict=True):
        first, last = _place(line.axis, line.x[start]), _place(line.axis, line.x[end - 1])
        where = f"at {first}" if line.x[start] == line.x[end - 1] else f"from {first} to {last}"
        leader = sure[start]
        if leader is not None:
            yield f"{leader} leads {where}: best in at least {100 * SURE:.0f} % of draws."
        else:
            yield f"The lead is open {where}, between {joined(_rivals(shares[start:end]))}."


def _rivals(shares: Sequence[Mapping[str, float]]) -> list[str]:
    """Return those who are best in more than 1 - SURE of the draws somewhere."""
    return [label for label in shares[0] if max(found[label] for found in shares) > 1 - SURE]


def _place(axis: str, value: float) -> str:
    return f"{100 * value:.0f} % of the step budget" if axis == "share" else f"{value:,.3g} CPU seconds"


def capital(text: str) -> str:
    """Return the text with a capital first."""
    return text[:1].upper() + text[1:]
