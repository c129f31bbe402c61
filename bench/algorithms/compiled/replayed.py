"""Transitions from a replay buffer in, one array of minibatches for a compiled update out."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, NamedTuple

import jax
import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from bench.algorithms.compiled.model import CompiledModel
from bench.algorithms.compiled.network import Floats


class Batch(NamedTuple):
    """Transitions to learn from; of a stack of minibatches, each array has one dimension more in front."""

    observations: Any
    """(steps, dimensions)."""
    next_observations: Any
    actions: Any
    """(steps, dimensions); one dimension where they are discrete."""
    rewards: Any
    """(steps,)."""
    discounts: Any
    """(steps,): what the value after a transition counts; 0 where an episode has ended."""


def packed(batch: Batch, minibatches: int) -> Floats:
    """Return a stack of minibatches as one array, for a call costs more by the array; filled to a power of two."""
    columns = [one.reshape(len(batch.rewards), -1) for one in batch]
    rows = np.concatenate(columns, axis=1, dtype=np.float32, casting="same_kind")
    return filled(rows.reshape(minibatches, -1, rows.shape[1]))


def filled(stack: Floats) -> Floats:
    """Return a stack of minibatches with empty ones up to a power of two: not every number of them is compiled for."""
    room = (1 << (len(stack) - 1).bit_length()) - len(stack)
    return np.concatenate([stack, np.zeros((room, *stack.shape[1:]), dtype=np.float32)]) if room else stack


def unpacked(rows: jax.Array, actions: int) -> Batch:
    """Return what was packed, with so many dimensions of actions."""
    width = (rows.shape[-1] - 2 - actions) // 2
    seen, after, taken = rows[..., :width], rows[..., width : 2 * width], rows[..., 2 * width : 2 * width + actions]
    return Batch(seen, after, taken, rows[..., -2], rows[..., -1])


def _kept(array: NDArray[Any], copy: bool = True) -> NDArray[Any]:
    del copy
    return array


def _unheard(mode: bool) -> None:
    del mode


class ReplayedModel(CompiledModel, OffPolicyAlgorithm):
    """What algorithms with a replay buffer have in common; to be named before the library's class."""

    replay_buffer: ReplayBuffer | None

    def _setup_model(self) -> None:
        super()._setup_model()
        self._tie()
        self._begin()
        # There is no layer that trains otherwise than it acts, and telling all of them so took a tenth of the time.
        self.policy.set_training_mode(False)
        self.policy.set_training_mode = _unheard  # type: ignore[method-assign]
        if self.replay_buffer is not None:
            self.replay_buffer.to_torch = _kept  # type: ignore[assignment]  # what is sampled goes to JAX
        self._compile()

    @abstractmethod
    def _begin(self) -> None:
        """Make the optimisers' memory."""

    @abstractmethod
    def _learned_from(self, batch: Batch, gradient_steps: int) -> Any:
        """Return what the compiled update makes of minibatches that lie one after another."""

    def _compile(self) -> None:
        """Compile the update, before training begins."""
        count = self.gradient_steps if self.gradient_steps > 0 else 1
        width = int(np.prod(self.observation_space.shape or ()))
        taken = int(np.prod(self.action_space.shape or ()))
        numbers = (np.zeros((count * self.batch_size, size), dtype=np.float32) for size in (width, width, taken, 1, 1))
        # What noise is drawn for this is not to be missed in training.
        with torch.random.fork_rng(devices=[]):
            jax.block_until_ready(self._learned_from(Batch(*numbers), count))  # type: ignore[no-untyped-call]

    def _sampled(self, count: int) -> Batch:
        """Return so many transitions from the replay buffer."""
        assert self.replay_buffer is not None, "it is set up"  # noqa: S101
        drawn = self.replay_buffer.sample(count, env=self._vec_normalize_env)
        discounts: Any = self.gamma if drawn.discounts is None else drawn.discounts
        goes_on: Any = 1 - drawn.dones
        return Batch(drawn.observations, drawn.next_observations, drawn.actions, drawn.rewards, goes_on * discounts)
