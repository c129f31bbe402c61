"""A learner and episode seeds in, raw returns and lengths out: the same evaluation for every algorithm."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.errors import DivergedError
from bench.records import Actor

SLOTS = 32
"""Environments stepped side by side; more would only cost memory."""


class Totals(Protocol):
    """The innermost count of an environment's running episode."""

    total: float
    length: int


MakeEnvironment = Callable[[], tuple[Any, Totals]]


@dataclass(slots=True)
class Evaluator:
    """Evaluation environments of one trial, made once and used at every point.

    Every episode has its own reset seed and all of them are played to their end, so that which slot plays which
    episode changes nothing and short episodes are not favoured (collect-until-N would favour them).
    """

    make: MakeEnvironment
    slots: list[tuple[Any, Totals]] = field(default_factory=list)

    def evaluate(
        self, learner: Actor, seeds: Sequence[int], *, deterministic: bool
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Play one episode per seed; return their undiscounted raw returns and lengths, both (episodes,).

        Raises:
            DivergedError: a return is not finite.
        """
        returns = np.zeros(len(seeds))
        lengths = np.zeros(len(seeds), dtype=np.int64)
        with _isolated_randomness(seeds[0]):
            for episode, totals in self._play(learner, seeds, deterministic=deterministic):
                returns[episode], lengths[episode] = totals.total, totals.length
        if not np.isfinite(returns).all():
            raise DivergedError("an evaluation return is not finite")
        return returns, lengths

    def _play(self, learner: Actor, seeds: Sequence[int], *, deterministic: bool) -> Iterator[tuple[int, Totals]]:
        count = min(len(seeds), SLOTS)
        while len(self.slots) < count:
            self.slots.append(self.make())
        waiting = iter(range(count, len(seeds)))
        playing = list(range(count))
        observations = [self.slots[slot][0].reset(seed=seeds[slot])[0] for slot in range(count)]
        starts, memory = [True] * count, None
        active = list(range(count))
        while active:
            # A recurrent policy's memory has a row per slot, so it needs all of them, the idle ones too.
            rows = active if memory is None else list(range(count))
            actions, memory = learner.act(
                [observations[slot] for slot in rows],
                memory,
                [starts[slot] for slot in rows],
                deterministic=deterministic,
                masks=_masks([self.slots[slot][0] for slot in rows]),
            )
            by_slot = dict(zip(rows, actions, strict=True))
            for slot in tuple(active):
                env, totals = self.slots[slot]
                observations[slot], _, terminated, truncated, _ = env.step(by_slot[slot])
                starts[slot] = bool(terminated or truncated)
                if not starts[slot]:
                    continue
                yield playing[slot], totals
                if (following := next(waiting, None)) is None:
                    active.remove(slot)
                else:
                    playing[slot] = following
                    observations[slot] = env.reset(seed=seeds[following])[0]

    def close(self) -> None:
        """Close the environments."""
        for env, _ in self.slots:
            env.close()
        self.slots.clear()


def _masks(environments: Sequence[Any]) -> list[Any] | None:
    if not environments[0].has_wrapper_attr("action_masks"):
        return None
    return [env.get_wrapper_attr("action_masks")() for env in environments]


@contextmanager
def _isolated_randomness(seed: int) -> Iterator[None]:
    """Give the evaluation a stream of its own, and training its stream back, so that evaluating changes nothing."""
    torch = sys.modules.get("torch")
    states = random.getstate(), np.random.get_state(), torch.get_rng_state() if torch else None  # noqa: NPY002 - SB3 draws from the legacy generator
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - see above
    if torch:
        torch.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002 - see above
        if torch:
            torch.set_rng_state(states[2])
