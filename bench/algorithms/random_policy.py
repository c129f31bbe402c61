"""A learner's request in, a policy that samples the action space uniformly out: the floor of every comparison."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
from gymnasium import spaces

from bench.errors import BenchError
from bench.records import LearnerRequest

_CALLS_PER_POINT = 10

_OF_THE_ENVIRONMENT = frozenset({"env_wrapper", "frame_stack"})
"""Hyperparameters that the maker of the environment has already followed."""


class RandomPolicy:
    """Uniformly random actions; where a Box has no bounds, Gymnasium's normal or exponential samples instead."""

    def __init__(
        self,
        action_space: spaces.Space[Any],
        seed: int,
        points: int = 20,
        observation_space: spaces.Space[Any] | None = None,
    ) -> None:
        """Take over `action_space` and seed it; `points` is how often training will be interrupted for evaluation."""
        self.action_space, self.observation_space = action_space, observation_space
        self.action_space.seed(seed)
        self._calls = _CALLS_PER_POINT * max(1, points)

    def learn(self, steps: int, on_step: Callable[[int], bool]) -> None:
        """Count to `steps` without touching an environment: there is nothing to learn from the steps.

        `on_step` is called at equal distances that include every multiple of `steps / points`, so the evaluations
        fall on the same steps as those of an algorithm that takes them.
        """
        # Rounded up, as the first whole step at which a threshold counts as reached; a set, for budgets under `calls`.
        for taken in sorted({-(-steps * call // self._calls) for call in range(1, self._calls + 1)}):
            if not on_step(taken):
                return

    def act(
        self,
        observations: Sequence[Any],
        memory: Any,
        starts: Sequence[bool],  # noqa: ARG002 - part of the interface; this policy has no memory to clear
        *,
        deterministic: bool,  # noqa: ARG002 - part of the interface; a uniform distribution has no mode
        masks: Sequence[Any] | None = None,
    ) -> tuple[list[Any], Any]:
        """Return one sample per observation, among the valid actions where `masks` are given; deterministic or not."""
        if masks is None:
            return [self.action_space.sample() for _ in observations], memory
        return [self.action_space.sample(mask=_native_mask(self.action_space, mask)) for mask in masks], memory

    def recent_training_return(self) -> None:
        """Return None: no training episode is ever played."""

    def settings(self) -> Mapping[str, Any]:
        """Return no hyperparameters: there are none."""
        return {}

    def save(self, folder: Path) -> None:
        """Write `policy.zip`, which holds the description of the action space and nothing else."""
        description = {"kind": "random", "action_space": str(self.action_space)}
        with ZipFile(folder / "policy.zip", "w") as archive:
            archive.writestr("policy.json", json.dumps(description))


def make(request: LearnerRequest) -> RandomPolicy:
    """Build the random policy of `request`'s environment.

    Raises:
        BenchError: hyperparameters were given.
    """
    if given := sorted(request.trial.hyperparameters.keys() - _OF_THE_ENVIRONMENT):
        raise BenchError(f"random: has no hyperparameters, but was given {', '.join(given)}; remove them")
    environment = request.make_environment(0)
    policy = RandomPolicy(
        environment.action_space, request.seed, request.trial.evaluation.points, environment.observation_space
    )
    # Of what cannot be closed nothing is needed any more.
    with suppress(Exception):
        environment.close()
    return policy


def load_policy(request: LearnerRequest, folder: Path) -> RandomPolicy:
    """Return the random policy at the start of its stream: `folder` holds nothing that it needs."""
    del folder
    return make(request)


def _native_mask(space: spaces.Space[Any], mask: Any) -> Any:
    """Turn a flat boolean mask, as `action_masks()` gives it, into the form that `space.sample` takes."""
    flat = np.asarray(mask, dtype=np.int8)
    if isinstance(space, spaces.Discrete):
        return flat
    if isinstance(space, spaces.MultiDiscrete) and space.nvec.ndim == 1:
        return tuple(np.split(flat, np.cumsum(space.nvec)[:-1]))
    raise BenchError(f"random: action masks are understood for Discrete and MultiDiscrete actions, not for {space}")
