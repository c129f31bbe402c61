"""What a room has found and the report has the words for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing found: why a verdict stands, what speaks for an algorithm, what a reader must know first."""

    kind: str = ""
    """Whoever words it has a table of the kinds; empty: there is nothing to say."""
    numbers: tuple[float, ...] = ()
    names: tuple[str, ...] = ()
    rows: tuple[tuple[str | float, ...], ...] = ()
    """Where it holds for several cells or environments: names and numbers of each."""
