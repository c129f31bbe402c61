"""Parsed JSON of `looks.json` in, the same data checked out, or the reason why it is no journal of looks."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import FailFast, Field, model_validator

from bench.store.schema import Strict, checked
from bench.store.values import Count, Name, Words

MOST_SEEDS = 20_000
"""Of the last look: a trial is planned for each of them."""

_LISTED = Field(strict=False)
"""JSON has no tuples: a list is one."""
Share = Annotated[float, Field(ge=0, le=1)]
Runs = Annotated[int, Field(ge=1, le=MOST_SEEDS)]
Place = Annotated[tuple[Name, Name], _LISTED]
Places = Annotated[list[Place], FailFast()]


class Rivals(Strict):
    """Two algorithms and where both are scored."""

    a: Name
    b: Name
    environments: Annotated[list[Name], FailFast()]


class Analysis(Strict):
    """The analysis plan as it was declared."""

    metric: str
    threshold: Share
    margin: Share
    failures: str
    confidence: Share
    resamples: Count


class Design(Strict):
    """Everything that was fixed before the first run."""

    looks: Annotated[list[Runs], FailFast(), Field(min_length=1)]
    levels: Annotated[list[Share], FailFast()]
    pairs: Annotated[list[Rivals], FailFast()]
    cells: Places
    baselines: Places
    analysis: Analysis


class Look(Strict):
    """One look at the data."""

    n: Runs
    level: Share
    decided: Annotated[list[Annotated[tuple[Name, Name, str], _LISTED]], FailFast()]
    open: Count
    tested: Annotated[list[Annotated[tuple[Name, Name, Share, Share], _LISTED]], FailFast()]


class Journal(Strict):
    """The content of `looks.json`."""

    design: Design
    configurations: Words
    looks: Annotated[list[Look], FailFast()]

    @model_validator(mode="after")
    def _agree(self) -> Self:
        planned = len(self.design.looks)
        if len(self.design.levels) != planned or len(self.looks) > planned:
            raise ValueError(
                f"design: plans {planned} looks with {len(self.design.levels)} levels, and {len(self.looks)} are taken"
            )
        return self


def journal(data: Any) -> dict[str, Any]:
    """Return the content of a `looks.json` as it was given.

    Raises:
        ValueError: it describes no journal; the message is the reason.
    """
    checked(Journal, data)
    found: dict[str, Any] = data
    return found
