"""A rollout and weights in, the weights after it out: the losses of PPO and A2C, and what is compiled into one call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from bench.algorithms.compiled.network import (
    ACTIVATIONS,
    Layout,
    Network,
    Optimiser,
    clipped,
    forward,
    length,
    log_prob_and_entropy,
    network,
    vector,
)

_OF_LOSS = ("policy_gradient_loss", "value_loss", "entropy_loss", "approx_kl", "clip_fraction")
TOLD = (*_OF_LOSS, "gradient_norm", "explained_variance")
"""What is logged of an update, by the library's names, and the length of its gradients, for which it has none."""
OF_RATIOS = frozenset({"approx_kl", "clip_fraction"})
"""What of it only PPO has."""
_KL_TOLERANCE = 1.5


class Settings(NamedTuple):
    """The numbers of an update that may change from one to the next."""

    learning_rate: float
    gamma: float
    gae_lambda: float
    ent_coef: float
    vf_coef: float
    max_grad_norm: float
    clip_range: float
    clip_range_vf: float
    target_kl: float


@dataclass(frozen=True, slots=True)
class Shape:
    """What of an update is compiled in."""

    layout: Layout
    optimiser: Optimiser
    batch_size: int
    """Steps of a minibatch; the last one of an epoch may be smaller."""
    clipped: bool
    """PPO's loss; else A2C's, in which each sample counts once."""
    clips_values: bool
    clips_gradient: bool
    normalises: bool
    stops: bool
    """Whether an update may end at `target_kl`."""


class Rollout(NamedTuple):
    """What was collected: T steps of N environments."""

    observations: Any
    """(T, N, dimensions)."""
    actions: Any
    """(T, N, dimensions): integers of discrete actions, samples before clipping of continuous ones."""
    rewards: Any
    """(T, N), with the value of what comes after it where a time limit ended the episode."""
    starts: Any
    """(T, N): 1 where an episode begins."""
    last_observations: Any
    """(N, dimensions)."""
    last_dones: Any
    """(N,)."""


class Samples(NamedTuple):
    """Steps to learn from, one beside the other."""

    observations: jax.Array
    actions: jax.Array
    values: jax.Array
    log_probs: jax.Array
    advantages: jax.Array
    returns: jax.Array


class State(NamedTuple):
    """What a minibatch hands to the next."""

    network: Network
    optimiser: Any
    going: jax.Array
    """Whether the update goes on; false once `target_kl` was passed."""


def advantages(
    rewards: jax.Array, values: jax.Array, starts: jax.Array, last_values: jax.Array, last_dones: jax.Array, **by: Any
) -> jax.Array:
    """Return (T, N) generalised advantage estimates (Schulman et al. 2016, eq. 16), by `gamma` and `gae_lambda`."""
    next_values = jnp.concatenate([values[1:], last_values[None]])
    goes_on = 1.0 - jnp.concatenate([starts[1:], last_dones[None]])
    deltas = rewards + by["gamma"] * next_values * goes_on - values

    def back(later: jax.Array, now: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        found = now[0] + by["gamma"] * by["gae_lambda"] * now[1] * later
        return found, found

    return jax.lax.scan(back, jnp.zeros_like(last_values), (deltas, goes_on), reverse=True)[1]


def prepared(shape: Shape, arrays: Network, rollout: Rollout, settings: Settings) -> Samples:
    """Return the rollout's steps with values, log-probabilities, advantages and returns, in the library's order."""
    layout, activation = shape.layout, ACTIVATIONS[shape.layout.activation][1]
    everything = jnp.concatenate([rollout.observations, rollout.last_observations[None]])
    values = forward(arrays.value, activation, everything)[..., 0]
    outputs = forward(arrays.policy, activation, rollout.observations)
    log_probs, _ = log_prob_and_entropy(layout, arrays.log_std, outputs, rollout.actions)
    found = advantages(
        rollout.rewards,
        values[:-1],
        rollout.starts,
        values[-1],
        rollout.last_dones,
        gamma=settings.gamma,
        gae_lambda=settings.gae_lambda,
    )
    kept = (rollout.observations, rollout.actions, values[:-1], log_probs, found, found + values[:-1])
    # The library lays the environments' steps end to end.
    return Samples(*(jnp.swapaxes(one, 0, 1).reshape((-1, *one.shape[2:])) for one in kept))


def loss(arrays: Network, shape: Shape, batch: Samples, settings: Settings) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Return the loss of a minibatch and what it is made of: PPO's (Schulman et al. 2017, eq. 9), or A2C's."""
    layout, activation = shape.layout, ACTIVATIONS[shape.layout.activation][1]
    outputs = forward(arrays.policy, activation, batch.observations)
    values = forward(arrays.value, activation, batch.observations)[..., 0]
    log_prob, entropy = log_prob_and_entropy(layout, arrays.log_std, outputs, batch.actions)
    gains = batch.advantages
    if shape.normalises and len(gains) > 1:
        gains = (gains - gains.mean()) / (gains.std(ddof=1) + 1e-8)
    log_ratio = log_prob - batch.log_probs
    ratio = jnp.exp(log_ratio)
    if shape.clipped:
        near = jnp.clip(ratio, 1 - settings.clip_range, 1 + settings.clip_range)
        policy_loss = -jnp.minimum(gains * ratio, gains * near).mean()
    else:
        policy_loss = -(gains * log_prob).mean()
    if shape.clips_values:
        change = jnp.clip(values - batch.values, -settings.clip_range_vf, settings.clip_range_vf)
        values = batch.values + change
    value_loss = ((batch.returns - values) ** 2).mean()
    entropy_loss = -entropy.mean()
    divergence = (ratio - 1 - log_ratio).mean()
    outside = (jnp.abs(ratio - 1) > settings.clip_range).mean()
    told = dict(zip(_OF_LOSS, (policy_loss, value_loss, entropy_loss, divergence, outside), strict=True))
    return policy_loss + settings.ent_coef * entropy_loss + settings.vf_coef * value_loss, told


def explained(samples: Samples) -> jax.Array:
    """Return the share of the returns' variance that the values explain; NaN where the returns are all the same."""
    spread = samples.returns.var()
    return jnp.where(spread > 0, 1 - (samples.returns - samples.values).var() / spread, jnp.nan)


def step(state: State, shape: Shape, batch: Samples, settings: Settings) -> tuple[State, dict[str, jax.Array]]:
    """Return the state after one minibatch, and what is told of it: no gradient's length where no step is made."""
    (_, told), gradient = jax.value_and_grad(loss, has_aux=True)(state.network, shape, batch, settings)
    told["gradient_norm"] = length(gradient)
    if shape.clips_gradient:
        gradient = clipped(gradient, settings.max_grad_norm)
    moved = shape.optimiser.descended(state.network, state.optimiser, gradient, settings.learning_rate)
    after = State(*moved, state.going)
    if not shape.stops:
        return after, told
    going = state.going & (told["approx_kl"] <= _KL_TOLERANCE * settings.target_kl)
    kept = jax.tree.map(lambda new, old: jnp.where(going, new, old), after, state)
    told["gradient_norm"] = jnp.where(going, told["gradient_norm"], jnp.nan)
    return kept._replace(going=going), told


def update(
    shape: Shape, weights: jax.Array, optimiser: Any, rollout: Rollout, orders: jax.Array, settings: Settings
) -> tuple[jax.Array, Any, jax.Array]:
    """Return weights and optimiser after every epoch over the rollout, and the means of what is TOLD.

    `orders` is (epochs, T x N): in which order the steps of each epoch are taken.
    """
    arrays = network(shape.layout, weights)
    samples = prepared(shape, arrays, rollout, settings)
    size = shape.batch_size
    whole = orders.shape[1] // size

    def batch(state: State, chosen: jax.Array) -> tuple[State, dict[str, jax.Array]]:
        return step(state, shape, Samples(*(one[chosen] for one in samples)), settings)

    def epoch(state: State, order: jax.Array) -> tuple[State, dict[str, jax.Array]]:
        state, told = jax.lax.scan(batch, state, order[: whole * size].reshape(whole, size))
        if rest := order[whole * size :].shape[0]:
            state, last = batch(state, order[-rest:])
            told = {name: jnp.append(values, last[name]) for name, values in told.items()}
        return state, told

    state, told = jax.lax.scan(epoch, State(arrays, optimiser, jnp.array(True)), orders)
    means = {name: values.mean() for name, values in told.items()}
    if shape.stops:
        means["gradient_norm"] = jnp.nanmean(told["gradient_norm"])
    means["explained_variance"] = explained(samples)
    return vector(shape.layout, state.network), state.optimiser, jnp.stack([means[name] for name in TOLD])


@cache
def compiled_update(shape: Shape) -> Callable[..., Any]:
    """Return the update of this shape: learners of the same shape in one process share what is compiled."""

    def run(weights: Any, optimiser: Any, rollout: Rollout, orders: Any, numbers: Any) -> Any:
        # The settings are one array: a call with a dozen separate numbers costs more than a small network.
        return update(shape, weights, optimiser, rollout, orders, Settings(*numbers))

    compiled: Callable[..., Any] = jax.jit(run)
    return compiled
