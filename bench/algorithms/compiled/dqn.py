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

from bench.algorithms.compiled.model import CompiledModel
from bench.algorithms.compiled.network import (
    ACTIVATIONS,
    Floats,
    Layout,
    Optimiser,
    clipped,
    forward,
    network,
    optimiser_of,
    values_laid_out,
)


class Numbers(NamedTuple):
    """The numbers of an update that may change from one to the next."""

    learning_rate: Any
    max_grad_norm: Any
    updates: Any
    """How many minibatches are learned from: those after them are empty."""


class Batch(NamedTuple):
    """Transitions to learn from; of a stack of minibatches, each array has one dimension more in front."""

    observations: Any
    """(steps, dimensions)."""
    next_observations: Any
    actions: Any
    """(steps,)."""
    rewards: Any
    """(steps,)."""
    discounts: Any
    """(steps,): what the value after a transition counts; 0 where an episode has ended."""


def loss(weights: jax.Array, layout: Layout, batch: Batch, aims: jax.Array) -> jax.Array:
    """Return Huber's loss of the values of the actions that were taken (Mnih et al. 2015, with its clipped error)."""
    values = forward(network(layout, weights).policy, ACTIVATIONS[layout.activation][1], batch.observations)
    taken = jnp.take_along_axis(values, batch.actions.astype(jnp.int32)[:, None], axis=1)[:, 0]
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
        batches = unpacked(rows)
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


def packed(batch: Batch, minibatches: int) -> Floats:
    """Return a stack of minibatches as one array, for a call costs more by the array; filled to a power of two."""
    columns = [one.reshape(len(batch.rewards), -1) for one in batch]
    rows = np.concatenate(columns, axis=1, dtype=np.float32, casting="same_kind")
    rows = rows.reshape(minibatches, -1, rows.shape[1])
    room = (1 << (minibatches - 1).bit_length()) - minibatches
    return np.concatenate([rows, np.zeros((room, *rows.shape[1:]), dtype=np.float32)]) if room else rows


def unpacked(rows: jax.Array) -> Batch:
    """Return what was packed."""
    width = (rows.shape[-1] - 3) // 2
    rest = (rows[..., 2 * width + place] for place in range(3))
    return Batch(rows[..., :width], rows[..., width : 2 * width], *rest)


def _kept(array: NDArray[Any], copy: bool = True) -> NDArray[Any]:
    del copy
    return array


def _unheard(mode: bool) -> None:
    del mode


class DQN(CompiledModel, stable_baselines3.DQN):
    """stable-baselines3's DQN (Mnih et al. 2015) with a compiled update; arguments and defaults are the same."""

    _made_anew = ("_weights", "_target", "_layers", "_activation", "_memory", "_run")
    _memory: Any

    def _setup_model(self) -> None:
        super()._setup_model()
        self._tie()
        self._memory = optimiser_of(self.policy).begun(self._weights)
        # There is no layer that trains otherwise than it acts, and telling all of them so took a tenth of the time.
        self.policy.set_training_mode(False)
        self.policy.set_training_mode = _unheard  # type: ignore[method-assign]
        if self.replay_buffer is not None:
            self.replay_buffer.to_torch = _kept  # type: ignore[assignment]  # what is sampled goes to JAX
        self._compile()

    def _tie(self) -> None:
        layout, self._weights, self._target = values_laid_out(self.policy)
        self._layers = network(layout, self._weights).policy
        self._activation = ACTIVATIONS[layout.activation][0]
        self._run = _compiled(layout, optimiser_of(self.policy))

    def _learned_beside(self) -> Mapping[str, Any]:
        return {"memory": self._memory}

    def _learn_on_from(self, beside: Mapping[str, Any]) -> None:
        self._memory = beside["memory"]

    def _compile(self) -> None:
        """Compile the update, before training begins."""
        count = self.gradient_steps if self.gradient_steps > 0 else 1
        width = int(np.prod(self.observation_space.shape or ()))
        numbers = (np.zeros((count * self.batch_size, size), dtype=np.float32) for size in (width, width, 1, 1, 1))
        jax.block_until_ready(self._updated(Batch(*numbers), count))  # type: ignore[no-untyped-call]

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
        assert self.replay_buffer is not None, "it is set up"  # noqa: S101
        drawn = self.replay_buffer.sample(gradient_steps * batch_size, env=self._vec_normalize_env)
        discounts: Any = self.gamma if drawn.discounts is None else drawn.discounts
        goes_on: Any = 1 - drawn.dones
        batch = Batch(drawn.observations, drawn.next_observations, drawn.actions, drawn.rewards, goes_on * discounts)
        found, self._memory = self._updated(batch, gradient_steps)
        found = np.asarray(found)
        self._weights[:] = found[:-1]
        self._n_updates += gradient_steps
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/loss", float(found[-1]))

    def _updated(self, batch: Batch, gradient_steps: int) -> Any:
        rate = float(self.lr_schedule(self._current_progress_remaining))
        numbers = np.array(Numbers(rate, self.max_grad_norm, gradient_steps), dtype=np.float32)
        return self._run(self._weights, self._memory, self._target, packed(batch, gradient_steps), numbers)
