"""A role and a key in, a seed out: disjoint, hash-derived random streams.

No two roles share a stream, because the role is part of what is hashed; no clock, no process number, no order of
execution enters.
"""

from __future__ import annotations

import hashlib
import json
from typing import Literal

Role = Literal["learner", "training", "evaluation", "gradient", "values", "tuning"]


def seed(role: Role, *key: str | int) -> int:
    """Return a seed in [0, 2**31) for `role` and `key`, by SHA-256.

    31 bits, because Gymnasium, NumPy's legacy generator and torch all accept them.
    """
    text = json.dumps([role, *key])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def evaluation_seeds(environment: str, trial_seed: int, point: str | int, episodes: int) -> list[int]:
    """Return the reset seeds of one evaluation's episodes.

    The algorithm is no part of the key: every algorithm of a suite meets the same start states. The trial's seed is,
    so that different seeds are evaluated on different episodes and stay independent samples.
    """
    return [seed("evaluation", environment, trial_seed, point, episode) for episode in range(episodes)]
