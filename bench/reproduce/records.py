"""What all numbers of a published table say together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Leaning:
    """Whether single published runs, taken together, score higher or lower than ours."""

    numbers: int
    """Published numbers that it is about."""
    share: float
    """Mean over them of the share of our runs that score lower, ties half: 0.5 if nothing sets theirs apart."""
    p: float
    """Two-sided p-value of that, were the published run of every number a random one of it and ours."""
    places: Mapping[str, float] = field(default_factory=dict)
    """Environment -> the share for its numbers alone."""
