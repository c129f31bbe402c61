"""SAC, TD3 and DDPG of stable-baselines3 with a compiled update: replay, acting and exploration are theirs.

What is drawn is drawn by the library's means and in its order, so that a training takes the library's actions and
learns from the library's minibatches, to rounding.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import stable_baselines3
import torch
from stable_baselines3.sac.policies import LOG_STD_MAX, LOG_STD_MIN
from torch import nn

from bench.algorithms.compiled.network import (
    ACTIVATIONS,
    Dense,
    Floats,
    Optimiser,
    dense_layers,
    forward,
    optimiser_of,
    part,
    refuse_what_is_not_plain,
    viewed,
)
from bench.algorithms.compiled.replayed import Batch, ReplayedModel, filled, packed, unpacked

Layers = tuple[tuple[Any, Any], ...]
"""Weights (out, in) and bias (out,) of each layer."""
_NEARLY_ONE = 1e-6
"""Added under the logarithm of a squashed action's density, as the library does."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What of an update is compiled in."""

    actor: tuple[Dense, ...]
    """Of SAC the last two are the heads of mean and logarithm of the deviation, side by side."""
    critics: tuple[tuple[Dense, ...], ...]
    activation: type[nn.Module]
    actions: int
    actor_optimiser: Optimiser
    critics_optimiser: Optimiser
    soft: bool
    """SAC's update; else TD3's."""
    tunes_entropy: bool
    acts: bool | None = None
    """Whether TD3's actor makes a step in an update of one minibatch; None: it depends on the minibatch."""


class Vectors(NamedTuple):
    """Networks as vectors of weights."""

    actor: Any
    critics: Any
    actor_target: Any
    """As long as the actor for TD3, empty for SAC, which has none."""
    critics_target: Any
    entropy: Any
    """(1,): logarithm of the entropy's coefficient where it is tuned, else the coefficient."""


class Memories(NamedTuple):
    """What the optimisers remember of networks and entropy coefficient."""

    actor: Any
    critics: Any
    entropy: Any


class Numbers(NamedTuple):
    """The numbers of an update that may change from one to the next."""

    learning_rate: Any
    tau: Any
    target_entropy: Any
    policy_delay: Any
    """Minibatches for one step of TD3's actor; ..."""
    done: Any
    """... so many went before since its last one."""
    target_update_interval: Any
    updates: Any
    """How many minibatches are learned from: those after them are empty."""


class Course(NamedTuple):
    """What a minibatch hands to the next."""

    actor: Layers
    critics: tuple[Layers, ...]
    actor_target: Layers
    critics_target: tuple[Layers, ...]
    entropy: Any
    memories: Memories
    told: Any
    """Sums of what is TOLD, and how many steps the actor made."""


TOLD = ("critic_loss", "actor_loss", "ent_coef", "ent_coef_loss")
"""What is logged of an update, by the library's names."""


def values(critics: tuple[Layers, ...], shape: Shape, observations: Any, actions: Any) -> list[jax.Array]:
    """Return what each critic makes of (steps,) actions in their states."""
    both = jnp.concatenate([observations, actions], axis=-1)
    return [forward(one, ACTIVATIONS[shape.activation][1], both)[:, 0] for one in critics]


def least(critics: tuple[Layers, ...], shape: Shape, observations: Any, actions: Any) -> jax.Array:
    """Return the (steps,) lowest of the critics' values."""
    return jnp.min(jnp.stack(values(critics, shape, observations, actions)), axis=0)


def squashed(actor: Layers, shape: Shape, observations: Any, noise: Any) -> tuple[jax.Array, jax.Array]:
    """Return SAC's (steps, dimensions) actions and their (steps,) log-probabilities (Haarnoja et al. 2018, app. C)."""
    *hidden, mean, log_std = actor
    activation = ACTIVATIONS[shape.activation][1]
    latent = activation(forward(hidden, activation, observations)) if hidden else observations
    spread = jnp.clip(forward([log_std], activation, latent), LOG_STD_MIN, LOG_STD_MAX)
    actions = jnp.tanh(forward([mean], activation, latent) + jnp.exp(spread) * noise)
    of_noise = (-0.5 * noise**2 - spread - 0.5 * jnp.log(2 * jnp.pi)).sum(axis=-1)
    return actions, of_noise - jnp.log(1 - actions**2 + _NEARLY_ONE).sum(axis=-1)


def chosen(actor: Layers, shape: Shape, observations: Any) -> jax.Array:
    """Return the (steps, dimensions) actions of a deterministic policy."""
    return jnp.tanh(forward(actor, ACTIVATIONS[shape.activation][1], observations))


def critics_loss(critics: tuple[Layers, ...], shape: Shape, batch: Batch, aims: jax.Array) -> jax.Array:
    """Return the sum of the critics' mean squared errors, of which SAC takes half."""
    errors = (((one - aims) ** 2).mean() for one in values(critics, shape, batch.observations, batch.actions))
    return jnp.asarray(sum(errors) * (0.5 if shape.soft else 1.0))


def towards(target: Any, network: Any, tau: Any) -> Any:
    """Return the target network, moved by a share of the way."""
    return jax.tree.map(lambda old, new: (1 - tau) * old + tau * new, target, network)


def critics_step(course: Course, shape: Shape, batch: Batch, aims: jax.Array, now: Numbers) -> Course:
    """Return the course with critics a step nearer to what their values should be."""
    lost, gradient = jax.value_and_grad(critics_loss)(course.critics, shape, batch, aims)
    critics, memory = shape.critics_optimiser.descended(
        course.critics, course.memories.critics, gradient, now.learning_rate
    )
    memories = course.memories._replace(critics=memory)
    return course._replace(critics=critics, memories=memories, told=course.told.at[0].add(lost))


def soft_step(course: Course, shape: Shape, batch: Batch, noise: jax.Array, place: Any, now: Numbers) -> Course:
    """Return the course after a minibatch of SAC; `noise` is (2, steps, dimensions): for the states and the next."""
    coefficient = jnp.exp(course.entropy[0]) if shape.tunes_entropy else course.entropy[0]

    def actor_loss(actor: Layers) -> tuple[jax.Array, jax.Array]:
        actions, log_probs = squashed(actor, shape, batch.observations, noise[0])
        worth = least(course.critics, shape, batch.observations, actions)
        return (coefficient * log_probs - worth).mean(), log_probs

    after, after_log_probs = squashed(course.actor, shape, batch.next_observations, noise[1])
    next_values = least(course.critics_target, shape, batch.next_observations, after) - coefficient * after_log_probs
    course = critics_step(course, shape, batch, batch.rewards + batch.discounts * next_values, now)
    (loss, log_probs), gradient = jax.value_and_grad(actor_loss, has_aux=True)(course.actor)
    actor, of_actor = shape.actor_optimiser.descended(course.actor, course.memories.actor, gradient, now.learning_rate)
    missing = -(log_probs + now.target_entropy).mean()
    entropy, of_entropy = course.entropy, course.memories.entropy
    if shape.tunes_entropy:
        entropy, of_entropy = _ENTROPY.descended(entropy, of_entropy, missing[None], now.learning_rate)
    tau = jnp.where(place % now.target_update_interval == 0, now.tau, 0.0)
    told = jnp.stack([jnp.float32(0), loss, coefficient, missing * course.entropy[0], jnp.float32(1)])
    return course._replace(
        actor=actor,
        critics_target=towards(course.critics_target, course.critics, tau),
        entropy=entropy,
        memories=course.memories._replace(actor=of_actor, entropy=of_entropy),
        told=course.told + told,
    )


def delayed_step(course: Course, shape: Shape, batch: Batch, noise: jax.Array, place: Any, now: Numbers) -> Course:
    """Return the course after a minibatch of TD3; `noise` is (1, steps, dimensions), cut as it is added."""
    after = jnp.clip(chosen(course.actor_target, shape, batch.next_observations) + noise[0], -1, 1)
    aims = batch.rewards + batch.discounts * least(course.critics_target, shape, batch.next_observations, after)
    course = critics_step(course, shape, batch, aims, now)

    def actor_loss(actor: Layers) -> jax.Array:
        actions = chosen(actor, shape, batch.observations)
        return -values(course.critics[:1], shape, batch.observations, actions)[0].mean()

    def acted(course: Course) -> Course:
        loss, gradient = jax.value_and_grad(actor_loss)(course.actor)
        actor, memory = shape.actor_optimiser.descended(
            course.actor, course.memories.actor, gradient, now.learning_rate
        )
        return course._replace(
            actor=actor,
            actor_target=towards(course.actor_target, actor, now.tau),
            critics_target=towards(course.critics_target, course.critics, now.tau),
            memories=course.memories._replace(actor=memory),
            told=course.told.at[1].add(loss).at[-1].add(1),
        )

    # To decide while it runs costs half as much again: everything is copied.
    if shape.acts is not None:
        return acted(course) if shape.acts else course
    found: Course = jax.lax.cond((now.done + place + 1) % now.policy_delay == 0, acted, lambda same: same, course)
    return found


_ENTROPY = Optimiser("adam", 1e-8, (0.9, 0.999))
"""The library makes the coefficient's with torch's own values."""


def _layers(spans: tuple[Dense, ...], vector: Any) -> Layers:
    return tuple((part(vector, matrix), part(vector, bias)) for matrix, bias in spans)


def _vector(layers: Any) -> Any:
    return jnp.concatenate([one.ravel() for one in jax.tree.leaves(layers)])


@cache
def _compiled(shape: Shape) -> Callable[..., Any]:
    step = soft_step if shape.soft else delayed_step

    def run(vectors: Vectors, memories: Memories, rows: Any, noise: Any, numbers: Any) -> Any:
        now = Numbers(*numbers)
        batches = unpacked(rows, shape.actions)

        def learned(place: Any, course: Course) -> Course:
            return step(course, shape, Batch(*(one[place] for one in batches)), noise[place], place, now)

        course = Course(*_networks(shape, vectors), entropy=vectors.entropy, memories=memories, told=jnp.zeros(5))
        # A loop of one, which is the usual case, costs more than none.
        alone = len(rows) == 1
        course = learned(0, course) if alone else jax.lax.fori_loop(0, now.updates.astype(jnp.int32), learned, course)
        actor_target = vectors.actor_target if shape.soft else _vector(course.actor_target)
        found = Vectors(
            _vector(course.actor),
            _vector(course.critics),
            actor_target,
            _vector(course.critics_target),
            course.entropy,
        )
        return found, course.memories, course.told

    compiled: Callable[..., Any] = jax.jit(run)
    return compiled


def _networks(shape: Shape, vectors: Vectors) -> tuple[Layers, tuple[Layers, ...], Layers, tuple[Layers, ...]]:
    actor_target = () if shape.soft else _layers(shape.actor, vectors.actor_target)
    critics, targets = (
        tuple(_layers(one, vector) for one in shape.critics) for vector in (vectors.critics, vectors.critics_target)
    )
    return _layers(shape.actor, vectors.actor), critics, actor_target, targets


class _ActorCritic(ReplayedModel):
    """What SAC, TD3 and DDPG have in common; to be named before the library's class."""

    _made_anew = ("_shape", "_vectors", "_memories")
    _memories: Memories

    def _tie(self) -> None:
        policy: Any = self.policy
        activation = refuse_what_is_not_plain(policy, policy.actor)
        (actor, spans), (critics, critic_spans) = viewed(policy.actor), viewed(policy.critic)
        target = viewed(policy.actor_target)[0] if hasattr(policy, "actor_target") else np.zeros(0, np.float32)
        self._shape = Shape(
            dense_layers(spans, *policy.actor.modules()),
            tuple(dense_layers(critic_spans, *one) for one in policy.critic.q_networks),
            activation,
            int(np.prod(self.action_space.shape or ())),
            optimiser_of(policy.actor.optimizer),
            optimiser_of(policy.critic.optimizer),
            **self._kind(),
        )
        self._vectors = Vectors(actor, critics, target, viewed(policy.critic_target)[0], None)

    def _begin(self) -> None:
        actor, critics, *_ = _networks(self._shape, self._vectors)
        self._memories = Memories(
            self._shape.actor_optimiser.begun(actor),
            self._shape.critics_optimiser.begun(critics),
            _ENTROPY.begun(self._entropy()),
        )

    def _learned_beside(self) -> Mapping[str, Any]:
        return {"memories": self._memories}

    def _learn_on_from(self, beside: Mapping[str, Any]) -> None:
        self._memories = beside["memories"]

    @abstractmethod
    def _kind(self) -> dict[str, bool]:
        """Return the fields of `Shape` that are the algorithm's."""

    @abstractmethod
    def _numbers(self) -> Mapping[str, float]:
        """Return the numbers of an update that are the algorithm's."""

    @abstractmethod
    def _noise(self, steps: int) -> Floats:
        """Return the noise of a minibatch, drawn as the library draws it."""

    def _entropy(self) -> Floats:
        return np.zeros(1, dtype=np.float32)

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        """Update the networks by minibatches from the replay buffer."""
        policy: Any = self.policy
        self._update_learning_rate([policy.actor.optimizer, policy.critic.optimizer])
        # One after the other, for so the library draws them.
        batches = [self._sampled(batch_size) for _ in range(gradient_steps)]
        found, self._memories, told = self._learned_from(
            Batch(*(np.concatenate(column) for column in zip(*batches, strict=True))), gradient_steps
        )
        for held, new in zip(self._vectors[:-1], found[:-1], strict=True):
            held[:] = np.asarray(new)
        self._take(np.asarray(found.entropy))
        self._n_updates += gradient_steps
        *sums, acted = np.asarray(told).tolist()
        self._tell(dict(zip(TOLD, sums, strict=True)), gradient_steps, acted)

    def _take(self, entropy: Floats) -> None:
        del entropy

    def _tell(self, sums: Mapping[str, float], gradient_steps: int, acted: float) -> None:
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/critic_loss", sums["critic_loss"] / gradient_steps)
        if acted:
            self.logger.record("train/actor_loss", sums["actor_loss"] / acted)

    def _learned_from(self, batch: Batch, gradient_steps: int) -> Any:
        steps = len(batch.rewards) // gradient_steps
        noise = np.stack([self._noise(steps) for _ in range(gradient_steps)])
        unused = {"target_entropy": 0.0, "policy_delay": 1, "done": 0, "target_update_interval": 1}
        numbers = Numbers(
            learning_rate=float(self.lr_schedule(self._current_progress_remaining)),
            updates=gradient_steps,
            **{**unused, **self._numbers()},
        )
        acts = (numbers.done + 1) % numbers.policy_delay == 0 if gradient_steps == 1 else None
        return _compiled(replace(self._shape, acts=acts))(
            self._vectors._replace(entropy=self._entropy()),
            self._memories,
            packed(batch, gradient_steps),
            filled(noise),
            np.array(numbers, dtype=np.float32),
        )


class SAC(_ActorCritic, stable_baselines3.SAC):
    """stable-baselines3's SAC (Haarnoja et al. 2018) with a compiled update; arguments and defaults are the same."""

    def _kind(self) -> dict[str, bool]:
        return {"soft": True, "tunes_entropy": self.ent_coef_optimizer is not None}

    def _numbers(self) -> Mapping[str, float]:
        return {
            "tau": self.tau,
            "target_entropy": float(self.target_entropy),
            "target_update_interval": self.target_update_interval,
        }

    def _noise(self, steps: int) -> Floats:
        shape = (steps, self._shape.actions)
        return torch.stack([torch.empty(shape).normal_() for _ in range(2)]).numpy()

    def _entropy(self) -> Floats:
        if self.log_ent_coef is None:
            fixed: Floats = self.ent_coef_tensor.numpy().reshape(1)
            return fixed
        held: Floats = self.log_ent_coef.detach().numpy()
        return held

    def _take(self, entropy: Floats) -> None:
        if self.log_ent_coef is not None:
            self.log_ent_coef.detach().numpy()[:] = entropy

    def _tell(self, sums: Mapping[str, float], gradient_steps: int, acted: float) -> None:
        super()._tell(sums, gradient_steps, acted)
        self.logger.record("train/ent_coef", sums["ent_coef"] / gradient_steps)
        if self.log_ent_coef is not None:
            self.logger.record("train/ent_coef_loss", sums["ent_coef_loss"] / gradient_steps)


class TD3(_ActorCritic, stable_baselines3.TD3):
    """stable-baselines3's TD3 (Fujimoto et al. 2018) with a compiled update; arguments and defaults are the same."""

    def _kind(self) -> dict[str, bool]:
        return {"soft": False, "tunes_entropy": False}

    def _numbers(self) -> Mapping[str, float]:
        return {"tau": self.tau, "policy_delay": self.policy_delay, "done": self._n_updates % self.policy_delay}

    def _noise(self, steps: int) -> Floats:
        drawn = torch.empty((1, steps, self._shape.actions)).normal_(0, self.target_policy_noise)
        return drawn.clamp(-self.target_noise_clip, self.target_noise_clip).numpy()


class DDPG(TD3, stable_baselines3.DDPG):
    """stable-baselines3's DDPG (Lillicrap et al. 2016) with a compiled update; arguments and defaults are the same."""
