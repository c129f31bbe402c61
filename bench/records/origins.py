"""What is known of results of others."""

from __future__ import annotations

from dataclasses import dataclass

from bench.records.suite import EvaluationPlan

Answers = tuple[tuple[str | EvaluationPlan | None, tuple[str, ...]], ...]
"""(an answer, the labels that it holds for): of imported results in their source's words, else what our own have."""


@dataclass(frozen=True, slots=True)
class Origins:
    """What a reader must know of the imported ones among some trials, and what differs between them and the others."""

    trials: int
    """All of them."""
    imported: int
    kinds: tuple[str, ...]
    """Of sources."""
    evaluation: Answers
    """How policies were evaluated: of our own trials, their plan."""
    counting: Answers
    """How steps are counted: of our own trials, None."""
    renamed: tuple[tuple[str, str], ...]
    """(environment at the source, the version it is taken for)."""
    unnumbered: int
    """Imported runs whose source states no seed."""
    repaired: int
    """Imported runs of which something was left out or repaired."""
    repairs: tuple[str, ...]
    """What that was, each once."""
