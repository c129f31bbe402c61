"""Spaces, settings and a budget in, whether the replay memory will fit out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

from bench import memory
from bench.catalog import BUFFER_SIZE

_BESIDE = 3 * 4
"""Bytes of reward, end and time limit, each a float32."""


def require_room(
    observations: spaces.Space[Any],
    actions: spaces.Space[Any],
    settings: Mapping[str, Any],
    steps: int,
    free: int | None = None,
) -> None:
    """Complain before training about a replay memory that will not fit.

    The library lays out all of it, but the machine gives the memory as it fills, so what does not fit would end a trial
    after hours. A step keeps two observations (one with `optimize_memory_usage`), and no more steps are filled than are
    trained. What cannot even be laid out the plan has refused.

    Args:
        observations: as the replay memory keeps them.
        actions: likewise.
        settings: of the learner.
        steps: that it is trained for.
        free: bytes of memory that can be had; None: what this machine has now.

    Raises:
        MemoryError: it will not fit; with the arithmetic, and what would.
    """
    kept = min(int(settings.get("buffer_size", BUFFER_SIZE)), steps)
    times = 1 if settings.get("optimize_memory_usage") else 2
    each = times * _bytes(observations) + _bytes(actions) + _BESIDE
    free = memory.free() if free is None else free
    if kept * each > free:
        raise MemoryError(
            f"a replay memory of {kept:,} steps takes {kept * each / 1e9:,.1f} GB, {each:,} bytes a step ({times} x "
            f"{_bytes(observations):,} of them the observation); {free / 1e9:,.1f} GB are free: set buffer_size to at "
            f"most {max(1, free // each // 1000 * 1000):,}"
        )


def _bytes(space: spaces.Space[Any]) -> int:
    if isinstance(space, spaces.Dict):
        return sum(_bytes(part) for part in space.spaces.values())
    # A choice is kept as one whole number.
    return int(np.prod(space.shape or (1,))) * np.dtype(space.dtype).itemsize
