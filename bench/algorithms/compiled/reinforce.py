"""REINFORCE with its update in one compiled call, for batches padded to a power of two so that few are compiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import cache
from typing import Any, NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from bench.algorithms import reinforce
from bench.algorithms.compiled.model import CompiledModel
from bench.algorithms.compiled.network import (
    ACTIVATIONS,
    Floats,
    Layout,
    Network,
    Optimiser,
    Player,
    clipped,
    forward,
    log_prob_and_entropy,
    network,
    vector,
)

SMALLEST = 256
"""Steps that the smallest compiled batch has."""


class Numbers(NamedTuple):
    """The numbers of an update that may change from one to the next."""

    learning_rate: Any
    value_learning_rate: Any
    ent_coef: Any
    vf_coef: Any
    max_grad_norm: Any
    """Infinite where gradients are not clipped."""
    episodes: Any


class Steps(NamedTuple):
    """The steps of a batch, padded: what is beyond the last has weight and discount 0."""

    observations: Any
    """(steps, dimensions)."""
    actions: Any
    weights: Any
    discounts: Any
    returns: Any


class Part(NamedTuple):
    """Some of a network's parameters, with the optimiser's memory of them: torch keeps one for each parameter."""

    parameters: Any
    optimiser: Any


def moved(part: Part, gradient: Any, optimiser: Optimiser, rate: Any, limit: Any) -> Part:
    """Return the part after a step against the gradient."""
    return Part(*optimiser.descended(part.parameters, part.optimiser, clipped(gradient, limit), rate))


def policy_loss(parameters: Any, layout: Layout, steps: Steps, numbers: Numbers) -> tuple[jax.Array, jax.Array]:
    """Return the loss in `bench.algorithms.reinforce.REINFORCE`, and what is told: its two terms."""
    layers, log_std = parameters
    outputs = forward(layers, ACTIVATIONS[layout.activation][1], steps.observations)
    log_prob, entropy = log_prob_and_entropy(layout, log_std, outputs, steps.actions)
    surprise = -(steps.weights * log_prob).sum() / numbers.episodes
    spread = (steps.discounts * entropy).sum()
    return surprise - numbers.ent_coef * spread / numbers.episodes, jnp.stack(
        [surprise, spread / steps.discounts.sum()]
    )


def value_loss(layers: Any, layout: Layout, steps: Steps, chosen: jax.Array, numbers: Numbers) -> jax.Array:
    """Return the weighted squared error over those of the chosen steps that there are (-1: none)."""
    there = chosen >= 0
    values = forward(layers, ACTIVATIONS[layout.activation][1], steps.observations[chosen])[:, 0]
    errors = jnp.where(there, (values - steps.returns[chosen]) ** 2, 0.0)
    loss: jax.Array = numbers.vf_coef * errors.sum() / jnp.maximum(there.sum(), 1)
    return loss


@cache
def _compiled(layout: Layout, optimiser: Optimiser) -> Callable[..., Any]:
    def run(weights: Any, memories: Any, steps: Steps, orders: Any, numbers: Any) -> Any:
        numbers = Numbers(*numbers)
        arrays = network(layout, weights)
        policy = Part((arrays.policy, arrays.log_std), memories[0])
        gradient, told = jax.grad(policy_loss, has_aux=True)(policy.parameters, layout, steps, numbers)
        policy = moved(policy, gradient, optimiser, numbers.learning_rate, numbers.max_grad_norm)

        def fitted(part: Part, chosen: jax.Array) -> tuple[Part, None]:
            gradient = jax.grad(value_loss)(part.parameters, layout, steps, chosen, numbers)
            after = moved(part, gradient, optimiser, numbers.value_learning_rate, numbers.max_grad_norm)
            return jax.tree.map(lambda new, old: jnp.where(chosen[0] >= 0, new, old), after, part), None

        value, _ = jax.lax.scan(fitted, Part(arrays.value, memories[1]), orders)
        layers, log_std = policy.parameters
        after = vector(layout, Network(layers, value.parameters, log_std))
        return after, (policy.optimiser, value.optimiser), told

    compiled: Callable[..., Any] = jax.jit(run)
    return compiled


class REINFORCE(CompiledModel, reinforce.REINFORCE):
    """The harness's REINFORCE (Williams 1992) with a compiled update; arguments, defaults and batches are the same."""

    _made_anew = ("_player", "_memories")
    _player: Player
    _memories: Any

    def _setup_model(self) -> None:
        super()._setup_model()
        self._tie()
        arrays, begun = self._player.network, self._player.optimiser.begun
        parts = (arrays.policy, arrays.log_std), arrays.value
        self._memories = tuple(map(begun, parts))

    def _tie(self) -> None:
        self._player = Player(self.policy, self.seed)

    def _learned_beside(self) -> Mapping[str, Any]:
        return {"memories": self._memories, "random": self._player.random}

    def _learn_on_from(self, beside: Mapping[str, Any]) -> None:
        self._memories, self._player.random = beside["memories"], beside["random"]

    def _sampled(self, observations: Any) -> NDArray[Any]:
        actions = self._player.act(np.asarray(observations, dtype=np.float32).reshape(self.n_envs, -1))
        return actions[:, 0] if self._player.layout.choices and len(self._player.layout.choices) == 1 else actions

    def beside(self, env: VecEnv) -> Self:
        """Return one that plays `env` with this very policy and baseline, and draws its actions for itself."""
        other, player = super().beside(env), copy(self._player)
        # From the global stream, which is the measurement's at this moment: training's own must go on untouched.
        player.random = np.random.default_rng(int(np.random.randint(2**31)))  # noqa: NPY002
        vars(other).update(_player=player)
        return other

    def train(self, episodes: Sequence[reinforce.Episode]) -> None:
        """Take one step of the policy, and then fit the value net where it is the baseline."""
        batch = self.batch(episodes)
        steps = padded(batch)
        count = self.value_epochs if self.baseline == "value" else 0
        orders = drawn(self._player.random, len(batch), len(steps.weights), count, self.value_batch_size)
        numbers = self.numbers(batch.episodes)
        run = _compiled(self._player.layout, self._player.optimiser)
        told_numbers = np.array(numbers, dtype=np.float32)
        weights, self._memories, told = run(self._player.weights, self._memories, steps, orders, told_numbers)
        self._player.weights[:] = weights
        self.average(batch)
        self._n_updates += 1
        for name, value in zip(("policy_loss", "entropy"), np.asarray(told).tolist(), strict=True):
            self.logger.record(f"train/{name}", value)
        self.logger.record("train/learning_rate", numbers.learning_rate)
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")

    def numbers(self, episodes: int) -> Numbers:
        """Return the numbers of the next update, which learns from so many episodes."""
        now, limit = self._current_progress_remaining, self.max_grad_norm
        return Numbers(
            learning_rate=float(self.lr_schedule(now)),
            value_learning_rate=float(self.value_lr_schedule(now)),
            ent_coef=self.ent_coef,
            vf_coef=self.vf_coef,
            max_grad_norm=float("inf") if limit is None else limit,
            episodes=episodes,
        )


def padded(batch: reinforce.Batch) -> Steps:
    """Return the batch's steps with as many empty ones after them as make a power of two."""
    size = max(SMALLEST, 1 << (len(batch) - 1).bit_length())

    def filled(values: torch.Tensor, kind: type | None = np.float32) -> Floats:
        found = values.numpy().reshape(len(batch), -1)
        room = np.zeros((size, found.shape[1]), dtype=kind or found.dtype)
        room[: len(batch)] = found
        return room

    assert isinstance(batch.observations, torch.Tensor), "dictionaries are refused"  # noqa: S101
    rest = (filled(one)[:, 0] for one in (batch.weights, batch.discounts, batch.returns))
    return Steps(filled(batch.observations), filled(batch.actions, None), *rest)


def drawn(random: np.random.Generator, steps: int, size: int, epochs: int, batch: int) -> NDArray[np.int32]:
    """Return (epochs x minibatches, batch) steps in the orders in which epochs take them; -1 where there is none."""
    batches = -(-size // batch)
    orders = np.full((epochs, batches * batch), -1, dtype=np.int32)
    for order in orders:
        order[:steps] = random.permutation(steps)
    return orders.reshape(epochs * batches, batch)
