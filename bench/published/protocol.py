"""A published number in; the settings and the budget that run it again out."""

from __future__ import annotations

import math
from typing import Any

from bench import hyperparameters
from bench.catalog import algorithms
from bench.records import PublishedCell, PublishedTable

_NEGLIGIBLE = 100
"""Updates of which one more or less is not worth a budget of its own."""


def wanted(table: PublishedTable, cell: PublishedCell) -> dict[str, Any]:
    """Return the hyperparameters of a published number."""
    return {**hyperparameters.resolve(table.hyperparameters, cell.algorithm, cell.place)[0], **cell.settings}


def budget(table: PublishedTable, cell: PublishedCell) -> int:
    """Return the environment steps that run a number again.

    stable-baselines3's `learn` goes on past its budget until the last rollout is whole, and learns from it. Here
    training stops at the budget, and nothing is learned from part of a rollout. Where that is more than one update in
    a hundred, the budget is rounded up to whole rollouts.
    """
    each = known.rollout if (known := algorithms().get(cell.algorithm)) else None
    if not table.whole_rollouts or each is None:
        return cell.steps
    settings = wanted(table, cell)
    rollout = int(settings.get("n_steps", each)) * int(settings.get("n_envs", 1))
    updates = math.ceil(cell.steps / rollout)
    return updates * rollout if cell.steps % rollout and updates < _NEGLIGIBLE else cell.steps
