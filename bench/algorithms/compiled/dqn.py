"""DQN of stable-baselines3 with a compiled update: replay, exploration and target network are theirs.

What is drawn is drawn by the library's means and in its order, so that with one environment a training takes the
library's actions and learns from the library's minibatches until rounding makes two actions change places.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import stable_baselines3
from numpy.typing import NDArray

from bench.algorithms.compiled.network import (
    ACTIVATIONS,
    Layout,
    Optimiser,
    clipped,
    forward,
    network,
    optimiser_of,
    values_laid_out,
)
from bench.algorithms.compiled.replayed import Batch, ReplayedModel, packed, unpacked


class Numbers(NamedTuple):
    """The numbers of an update that may change from one to the next."""

    learning_rate: Any
    max_grad_norm: Any
    updates: Any
    """How many minibatches are learned from: those after them are empty."""


def loss(weights: jax.Array, layout: Layout, batch: Batch, aims: jax.Array) -> jax.Array:
    """Return Huber's loss of the values of the actions that were taken (Mnih et al. 2015, with its clipped error)."""
    values = forward(network(layout, weights).policy, ACTIVATIONS[layout.activation][1], batch.observations)
    taken = jnp.take_along_axis(values, batch.actions.astype(jnp.int32), axis=1)[:, 0]
    error = jnp.abs(taken - aims)
    found: jax.Array = jnp.where(error < 1, 0.5 * error**2, error - 0.5).mean()
    return found


def aims(target: jax.Array, layout: Layout, batch: Batch) -> jax.Array:
    """Return (steps,) what the values should be: the reward and the discounted best value after it."""
    after = forward(network(layout, target).policy, ACTIVATIONS[layout.activation][1], batch.next_observations)
    wanted: jax.Array = batch.rewards + batch.discounts * after.max(axis=-1)
    return wanted


@cache
def _compiled(layout: Layout, optimiser: Optimiser) -> Callable[..., Any]:
    def run(weights: Any, memory: Any, target: Any, rows: Any, numbers: Any) -> Any:
        now = Numbers(*numbers)
        batches = unpacked(rows, 1)
        # The target network stands still during an update.
        wanted = aims(target, layout, batches)

        def learned(place: Any, state: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
            weights, memory, told = state
            batch = Batch(*(one[place] for one in batches))
            lost, gradient = jax.value_and_grad(loss)(weights, layout, batch, wanted[place])
            gradient = clipped(gradient, now.max_grad_norm)
            return *optimiser.descended(weights, memory, gradient, now.learning_rate), told + lost

        begun = (weights, memory, jnp.float32(0))
        # A loop of one, which is the usual case, costs a third more than none.
        alone = len(rows) == 1
        state = learned(0, begun) if alone else jax.lax.fori_loop(0, now.updates.astype(jnp.int32), learned, begun)
        # As one array: it is read back after every update, and each array that is costs a wait.
        return jnp.append(state[0], state[2] / now.updates), state[1]

    compiled: Callable[..., Any] = jax.jit(run)
    return compiled


class DQN(ReplayedModel, stable_baselines3.DQN):
    """stable-baselines3's DQN (Mnih et al. 2015) with a compiled update; arguments and defaults are the same."""

    _made_anew = ("_weights", "_target", "_layers", "_activation", "_memory", "_run")
    _memory: Any

    def _tie(self) -> None:
        layout, self._weights, self._target = values_laid_out(self.policy)
        self._layers = network(layout, self._weights).policy
        self._activation = ACTIVATIONS[layout.activation][0]
        self._run = _compiled(layout, optimiser_of(self.policy.optimizer))

    def _begin(self) -> None:
        self._memory = optimiser_of(self.policy.optimizer).begun(self._weights)

    def _learned_beside(self) -> Mapping[str, Any]:
        return {"memory": self._memory}

    def _learn_on_from(self, beside: Mapping[str, Any]) -> None:
        self._memory = beside["memory"]

    def _sample_action(
        self, learning_starts: int, action_noise: Any = None, n_envs: int = 1
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return actions, by NumPy where they are the best ones."""
        del action_noise
        # From the stream of the library, and only where it draws.
        if self.num_timesteps < learning_starts or np.random.rand() < self.exploration_rate:  # noqa: NPY002
            actions = np.array([self.action_space.sample() for _ in range(n_envs)])
        else:
            observations = np.asarray(self._last_obs, dtype=np.float32).reshape(n_envs, -1)
            # Weights that grow beyond all bounds are found by who looks at weights.
            with np.errstate(over="ignore", invalid="ignore"):
                actions = forward(self._layers, self._activation, observations).argmax(axis=1)
        return actions, actions

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        """Update the weights by minibatches from the replay buffer."""
        self._update_learning_rate(self.policy.optimizer)
        found, self._memory = self._learned_from(self._sampled(gradient_steps * batch_size), gradient_steps)
        found = np.asarray(found)
        self._weights[:] = found[:-1]
        self._n_updates += gradient_steps
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/loss", float(found[-1]))

    def _learned_from(self, batch: Batch, gradient_steps: int) -> Any:
        rate = float(self.lr_schedule(self._current_progress_remaining))
        numbers = np.array(Numbers(rate, self.max_grad_norm, gradient_steps), dtype=np.float32)
        return self._run(self._weights, self._memory, self._target, packed(batch, gradient_steps), numbers)
