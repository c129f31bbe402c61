"""The sessions of one training in, in order of time; the one history that they tell of out.

A training that was restored goes on from a checkpoint: where a later session starts at or below where an earlier one
ended, what the earlier one told past that start belongs to an abandoned branch, and goes. A session that starts at or
before the beginning is another training, and nothing is joined.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.imports.found import RefusedError

Row = tuple[float, float]
"""Step and value."""


@dataclass(frozen=True, slots=True)
class Session:
    """What one uninterrupted training told."""

    rows: Sequence[Row]
    """In the order in which they were told."""
    place: str = ""
    """Where it stands, for messages."""

    @property
    def first(self) -> float:
        """Where it starts; infinity where it tells of no step."""
        return min((step for step, _ in self.rows if math.isfinite(step)), default=math.inf)


class AnewError(RefusedError):
    """A session begins anew: these are two trainings."""


def joined(sessions: Sequence[Session], anew: str = "") -> tuple[list[Row], tuple[str, ...]]:
    """Return the rows of one training and a note on what was dropped.

    Args:
        sessions: in order of time; those without a row count for nothing.
        anew: `last`: a session that begins anew takes the place of all before it; else it is refused.

    Raises:
        AnewError: a session begins anew, and nothing says what then.
    """
    rows: list[Row] = []
    begun, dropped, replaced = math.inf, 0, 0
    before = ""
    for session in (one for one in sessions if one.rows):
        if rows and session.first <= begun:
            if anew != "last":
                told = f" ({session.place}, after {before})" if session.place else ""
                raise AnewError(
                    f"a second training begins at step {session.first:,.0f}, where the first began at {begun:,.0f}"
                    f"{told}: two runs in one place; part them, or say --sessions last to take the last alone"
                )
            replaced += len(rows)
            rows, begun = [], math.inf
        kept = [row for row in rows if not row[0] >= session.first]
        dropped += len(rows) - len(kept)
        rows = [*kept, *session.rows]
        begun, before = min(begun, session.first), session.place
    return rows, _notes(dropped, replaced)


def _notes(dropped: int, replaced: int) -> tuple[str, ...]:
    told = []
    if dropped:
        told.append(f"restored from a checkpoint: {dropped} values of the abandoned branch are left out")
    if replaced:
        told.append(f"begun anew: {replaced} values of trainings before the last are left out, as --sessions last says")
    return tuple(told)


def parted(rows: Sequence[Row]) -> list[Session]:
    """Return the sessions of rows in the order of a file: one begins wherever the steps fall.

    A table that is sorted otherwise is no row of sessions: newest first, or shuffled. It is given back as one.
    """
    finite = [row for row in rows if math.isfinite(row[0])]
    falls = [place for place, (one, two) in enumerate(pairwise(finite), 1) if two[0] < one[0]]
    repeated = len({step for step, _ in finite}) < len(finite)
    ends = [0, *falls, len(finite)]
    lengths = [end - start for start, end in pairwise(ends)]
    restored = repeated or (min(lengths, default=0) > 1 and len(falls) <= 1 + len(finite) // 10)
    if not falls or not restored:
        return [Session(rows)]
    return [Session(finite[start:end], f"row {start + 1}") for start, end in pairwise(ends)]
