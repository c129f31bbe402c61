"""On-policy learners of stable-baselines3 with their update in one compiled call; the policy alone acts while stepping.

The classes are stable-baselines3's own, network, settings, callbacks and archive included; only how a rollout is
collected and learned from is ours. While stepping, NumPy computes the policy. Then one call that JAX has compiled
computes values, log-probabilities, advantages and every minibatch of every epoch. All weights are one vector, which
the torch network's parameters are views of, so that it is copied once an update and acts, is saved and is read back
like any other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import stable_baselines3
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.common.sb2_compat.rmsprop_tf_like import RMSpropTFLike
from stable_baselines3.common.torch_layers import FlattenExtractor
from stable_baselines3.common.vec_env import VecEnv
from torch import nn

from bench.algorithms.compilation import keep_compiled
from bench.errors import BenchError

keep_compiled()

Floats = NDArray[np.float32]
Span = tuple[int, int, tuple[int, ...]]
"""Where in the vector a parameter begins and ends, and its shape."""
Dense = tuple[Span, Span]
"""Weights (out, in) and bias (out,) of a layer."""

ACTIVATIONS: Mapping[type[nn.Module], tuple[Callable[[Floats], Floats], Callable[[jax.Array], jax.Array]]] = {
    nn.Tanh: (np.tanh, jnp.tanh),
    nn.ReLU: (lambda numbers: np.maximum(numbers, 0), jax.nn.relu),
}
TOLD = ("policy_gradient_loss", "value_loss", "entropy_loss", "approx_kl", "clip_fraction")
"""What is logged of an update, by the library's names."""
_KL_TOLERANCE = 1.5
"""Times `target_kl` beyond which stable-baselines3's PPO ends an update."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A network within a vector of weights."""

    policy: tuple[Dense, ...]
    value: tuple[Dense, ...]
    log_std: Span | None
    """Of a Gaussian policy; None: the policy's outputs are logits."""
    activation: type[nn.Module]
    choices: tuple[int, ...]
    """How many actions each discrete dimension has; empty for a Gaussian policy."""


class Network(NamedTuple):
    """The arrays of a network: of NumPy they are views of the vector."""

    policy: tuple[tuple[Any, Any], ...]
    """Weights (out, in) and bias (out,) of each layer."""
    value: tuple[tuple[Any, Any], ...]
    log_std: Any
    """(actions,), or None."""


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


@dataclass(frozen=True, slots=True)
class Optimiser:
    """Of torch's optimisers those that are known here."""

    kind: str
    """`adam`, `rmsprop`, or `rmsprop-tf`, which adds epsilon within the root and begins with ones."""
    eps: float
    decay: tuple[float, float]

    def transformation(self) -> optax.GradientTransformation:
        """Return what makes steps of length 1 of gradients, as torch does."""
        if self.kind == "adam":
            return optax.scale_by_adam(*self.decay, eps=self.eps)
        as_tf = self.kind == "rmsprop-tf"
        return optax.scale_by_rms(self.decay[0], self.eps, initial_scale=float(as_tf), eps_in_sqrt=as_tf)


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


# --- The network, for the compiler.


def _part(weights: Any, span: Span) -> Any:
    begin, end, shape = span
    return weights[begin:end].reshape(shape)


def network(layout: Layout, weights: Any) -> Network:
    """Return the arrays that a vector of weights holds."""
    policy, value = (
        tuple((_part(weights, matrix), _part(weights, bias)) for matrix, bias in layers)
        for layers in (layout.policy, layout.value)
    )
    return Network(policy, value, None if layout.log_std is None else _part(weights, layout.log_std))


def vector(layout: Layout, arrays: Network) -> jax.Array:
    """Return the vector of weights that holds these arrays."""
    spans = jax.tree.leaves((layout.policy, layout.value, layout.log_std), is_leaf=_is_span)
    parts = sorted(zip(spans, jax.tree.leaves(arrays), strict=True), key=lambda pair: pair[0][0])
    return jnp.concatenate([array.ravel() for _, array in parts])


def _is_span(part: Any) -> bool:
    return isinstance(part, tuple) and bool(part) and isinstance(part[0], int)


def forward(layers: Sequence[tuple[Any, Any]], activation: Callable[[Any], Any], inputs: Any) -> Any:
    """Return the outputs of dense layers with an activation between them; arrays of NumPy or JAX alike."""
    for place, (matrix, bias) in enumerate(layers):
        inputs = inputs @ matrix.T + bias
        if place < len(layers) - 1:
            inputs = activation(inputs)
    return inputs


def log_prob_and_entropy(
    layout: Layout, log_std: Any, outputs: jax.Array, actions: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Return the (steps,) log-probabilities of the actions and entropies of a policy with these outputs."""
    if log_std is not None:
        scaled = (actions - outputs) * jnp.exp(-log_std)
        log_prob = (-0.5 * scaled**2 - log_std - 0.5 * jnp.log(2 * jnp.pi)).sum(axis=-1)
        entropy = (0.5 + 0.5 * jnp.log(2 * jnp.pi) + log_std).sum()
        return log_prob, jnp.broadcast_to(entropy, log_prob.shape)
    log_prob = entropy = jnp.zeros(outputs.shape[:-1])
    begin = 0
    for dimension, count in enumerate(layout.choices):
        logs = jax.nn.log_softmax(outputs[..., begin : begin + count])
        begin += count
        taken = actions[..., dimension, None].astype(jnp.int32)
        log_prob += jnp.take_along_axis(logs, taken, axis=-1)[..., 0]
        entropy -= (jnp.exp(logs) * logs).sum(axis=-1)
    return log_prob, entropy


# --- The update.


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
    told = dict(zip(TOLD, (policy_loss, value_loss, entropy_loss, divergence, outside), strict=True))
    return policy_loss + settings.ent_coef * entropy_loss + settings.vf_coef * value_loss, told


def clipped(gradient: Any, limit: Any) -> Any:
    """Return the gradient, shortened to the limit where it is longer, as torch shortens it."""
    norm = jnp.sqrt(sum((part**2).sum() for part in jax.tree.leaves(gradient)))
    share = jnp.minimum(limit / (norm + 1e-6), 1.0)
    return jax.tree.map(lambda part: share * part, gradient)


def step(state: State, shape: Shape, batch: Samples, settings: Settings) -> tuple[State, dict[str, jax.Array]]:
    """Return the state after one minibatch."""
    (_, told), gradient = jax.value_and_grad(loss, has_aux=True)(state.network, shape, batch, settings)
    if shape.clips_gradient:
        gradient = clipped(gradient, settings.max_grad_norm)
    direction, optimiser = shape.optimiser.transformation().update(gradient, state.optimiser)
    moved = jax.tree.map(lambda part, by: part - settings.learning_rate * by, state.network, direction)
    after = State(moved, optimiser, state.going)
    if not shape.stops:
        return after, told
    going = state.going & (told["approx_kl"] <= _KL_TOLERANCE * settings.target_kl)
    kept = jax.tree.map(lambda new, old: jnp.where(going, new, old), after, state)
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
    means = jnp.stack([told[name].mean() for name in TOLD])
    return vector(shape.layout, state.network), state.optimiser, means


@cache
def _compiled(shape: Shape) -> Callable[..., Any]:
    """Return the update of this shape: learners of the same shape in one process share what is compiled."""

    def run(weights: Any, optimiser: Any, rollout: Rollout, orders: Any, numbers: Any) -> Any:
        # The settings are one array: a call with a dozen separate numbers costs more than a small network.
        return update(shape, weights, optimiser, rollout, orders, Settings(*numbers))

    compiled: Callable[..., Any] = jax.jit(run)
    return compiled


# --- The learners.


class Player:
    """The policy of a model by NumPy, and its weights as one vector that the model's parameters are views of."""

    def __init__(self, policy: ActorCriticPolicy, seed: int | None) -> None:
        self.layout, self.weights = _laid_out(policy)
        self.optimiser = _optimiser(policy)
        self.network = network(self.layout, self.weights)
        self.activation = ACTIVATIONS[self.layout.activation][0]
        self.random = np.random.default_rng(seed)

    def act(self, observations: Floats) -> NDArray[Any]:
        """Return (N, dimensions) samples of the policy for (N, dimensions) observations.

        Raises:
            ValueError: an output is not finite.
        """
        outputs = forward(self.network.policy, self.activation, observations)
        if self.network.log_std is not None:
            noise = self.random.standard_normal(outputs.shape, dtype=np.float32)
            sampled: NDArray[Any] = outputs + np.exp(self.network.log_std) * noise
            return sampled
        # The largest of logits with Gumbel noise is a sample of their softmax, and its noise -log of an exponential's.
        noisy = outputs - np.log(self.random.standard_exponential(outputs.shape, dtype=np.float32))
        if not np.isfinite(noisy).all():
            raise ValueError("found invalid values: a logit is not finite")
        if len(self.layout.choices) == 1:
            return np.asarray(noisy.argmax(axis=1)[:, None])
        ends = np.cumsum(self.layout.choices)
        return np.stack([part.argmax(axis=1) for part in np.split(noisy, ends[:-1], axis=1)], axis=1)

    def values(self, observations: NDArray[Any]) -> Floats:
        """Return the (N,) values of N observations."""
        flat = np.asarray(observations, dtype=np.float32).reshape(len(observations), -1)
        found: Floats = forward(self.network.value, self.activation, flat)[:, 0]
        return found


class _Course(Player):
    """What a learner keeps beside what stable-baselines3 knows of: none of it is saved."""

    def __init__(self, model: PPO | A2C) -> None:
        super().__init__(model.policy, model.seed)
        self.shape = Shape(self.layout, self.optimiser, **model.compiled_settings())
        self._optimiser = self.optimiser.transformation().init(jax.tree.map(jnp.zeros_like, self.network))
        self._compiled = _compiled(self.shape)
        self.rollout: Rollout | None = None

    def learn(self, epochs: int, settings: Settings) -> dict[str, float]:
        """Learn from the rollout and return what is to be logged."""
        assert self.rollout is not None, "there is a rollout before it is learned from"  # noqa: S101
        steps = self.rollout.rewards.size
        orders = np.tile(np.arange(steps, dtype=np.int32), (epochs, 1))
        if self.shape.batch_size < steps:
            orders = self.random.permuted(orders, axis=1)
        weights, self._optimiser, told = self._update(self.rollout, orders, settings)
        self.weights[:] = weights
        return dict(zip(TOLD, np.asarray(told).tolist(), strict=True))

    def compile(self, environments: int, steps: int, width: int, epochs: int) -> float:
        """Compile the update for rollouts of so many steps; return the seconds it took."""
        began = time.perf_counter()
        kind = np.float32 if self.layout.log_std is not None else np.int64
        rollout = blank(steps, environments, width, len(self.layout.choices) or self._actions(), kind)
        orders = np.zeros((epochs, steps * environments), dtype=np.int32)
        jax.block_until_ready(  # type: ignore[no-untyped-call]
            self._update(rollout, orders, Settings(*(1.0,) * len(Settings._fields)))
        )
        return time.perf_counter() - began

    def _actions(self) -> int:
        assert self.layout.log_std is not None, "what is not discrete is Gaussian"  # noqa: S101
        return self.layout.log_std[2][0]

    def _update(self, rollout: Rollout, orders: NDArray[np.int32], settings: Settings) -> Any:
        numbers = np.array(settings, dtype=np.float32)
        return self._compiled(self.weights, self._optimiser, rollout, orders, numbers)


def blank(steps: int, environments: int, width: int, actions: int, kind: type) -> Rollout:
    """Return arrays for a rollout."""
    numbers = partial(np.zeros, dtype=np.float32)
    return Rollout(
        numbers((steps, environments, width)),
        np.zeros((steps, environments, actions), dtype=kind),
        numbers((steps, environments)),
        numbers((steps, environments)),
        numbers((environments, width)),
        numbers((environments,)),
    )


class _Jitted(OnPolicyAlgorithm):
    """What PPO and A2C have in common; to be named before the library's class."""

    compile_seconds: float = 0.0
    """What compiling took, which happens before training."""
    _course: _Course

    def _setup_model(self) -> None:
        # There is nothing here that a GPU computes faster.
        self.device = torch.device("cpu")
        super()._setup_model()
        self._course = _Course(self)  # type: ignore[arg-type]  # it is mixed into one of the two
        if self.env is not None:
            width = int(np.prod(self.observation_space.shape or ()))
            self.compile_seconds = self._course.compile(self.n_envs, self.n_steps, width, self.epochs)

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "_course"]

    @property
    def _clips_gradient(self) -> bool:
        limit: float | None = self.max_grad_norm
        return limit is not None

    @property
    def epochs(self) -> int:
        """How often each sample is learned from."""
        raise NotImplementedError

    def compiled_settings(self) -> dict[str, Any]:
        """Return the fields of `Shape` that are the algorithm's."""
        raise NotImplementedError

    def present_settings(self) -> Settings:
        """Return the numbers of the next update."""
        raise NotImplementedError

    def collect_rollouts(
        self, env: VecEnv, callback: BaseCallback, rollout_buffer: RolloutBuffer, n_rollout_steps: int
    ) -> bool:
        """Collect a rollout; the names of what is local are the library's, for its callbacks look at them."""
        del rollout_buffer
        course = self._course
        box = self.action_space if isinstance(self.action_space, spaces.Box) else None
        kept: list[tuple[Any, ...]] = []
        assert self._last_obs is not None, "the library has reset the environments"  # noqa: S101
        n_steps = 0
        callback.on_rollout_start()
        while n_steps < n_rollout_steps:
            observations = self._flat(self._last_obs)
            actions = course.act(observations)
            shaped = actions.reshape((-1, *(self.action_space.shape or ())))
            new_obs, rewards, dones, infos = env.step(shaped if box is None else np.clip(shaped, box.low, box.high))
            self.num_timesteps += env.num_envs
            callback.update_locals(locals())
            if not callback.on_step():
                return False
            n_steps += 1
            if dones.any():
                self._update_info_buffer(infos, dones)
                rewards = self._with_what_was_cut_off(rewards, dones, infos)
            kept.append((observations, actions, rewards, self._last_episode_starts))
            self._last_obs, self._last_episode_starts = new_obs, dones  # type: ignore[assignment]
        met, taken, paid, begun = (np.stack(column) for column in zip(*kept, strict=True))
        last, over = self._flat(self._last_obs), np.asarray(self._last_episode_starts, dtype=np.float32)
        course.rollout = Rollout(met, taken, paid.astype(np.float32), begun.astype(np.float32), last, over)
        callback.update_locals(locals())
        callback.on_rollout_end()
        return True

    def _flat(self, observations: Any) -> Floats:
        return np.asarray(observations, dtype=np.float32).reshape(self.n_envs, -1)

    def _with_what_was_cut_off(self, rewards: Any, dones: Any, infos: Sequence[Mapping[str, Any]]) -> Any:
        """Add the discounted value of what would have come where a time limit ended the episode."""
        rewards = rewards.copy()
        for place in dones.nonzero()[0]:
            if infos[place].get("TimeLimit.truncated"):
                rewards[place] += self.gamma * float(self._course.values(infos[place]["terminal_observation"][None])[0])
        return rewards

    def train(self) -> None:
        """Update the weights by the rollout."""
        settings = self.present_settings()
        told = self._course.learn(self.epochs, settings)
        self._n_updates += self.epochs
        for name, value in {**told, "learning_rate": settings.learning_rate}.items():
            self.logger.record(f"train/{name}", value)
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")

    def _common_settings(self, **more: float) -> Settings:
        # What an algorithm has not is compiled out; a number stands there all the same.
        unused = dict.fromkeys(("clip_range", "clip_range_vf", "target_kl"), 1.0)
        return Settings(
            learning_rate=float(self.lr_schedule(self._current_progress_remaining)),
            gamma=self.gamma,
            gae_lambda=self.gae_lambda,
            ent_coef=self.ent_coef,
            vf_coef=self.vf_coef,
            max_grad_norm=self.max_grad_norm if self._clips_gradient else 1.0,
            **{**unused, **more},
        )


class PPO(_Jitted, stable_baselines3.PPO):
    """stable-baselines3's PPO (Schulman et al. 2017) with a compiled update."""

    @property
    def epochs(self) -> int:
        """How often each sample is learned from."""
        return self.n_epochs

    def compiled_settings(self) -> dict[str, Any]:
        """Return the fields of `Shape` that are the algorithm's."""
        return {
            "batch_size": min(self.batch_size, self.n_steps * self.n_envs),
            "clipped": True,
            "clips_values": self.clip_range_vf is not None,
            "clips_gradient": self._clips_gradient,
            "normalises": self.normalize_advantage,
            "stops": self.target_kl is not None,
        }

    def present_settings(self) -> Settings:
        """Return the numbers of the next update."""
        now = self._current_progress_remaining
        more = {"clip_range": float(self.clip_range(now))}  # type: ignore[operator]  # set up, they are schedules
        if self.clip_range_vf is not None:
            more["clip_range_vf"] = float(self.clip_range_vf(now))  # type: ignore[operator]
        if self.target_kl is not None:
            more["target_kl"] = self.target_kl
        return self._common_settings(**more)


class A2C(_Jitted, stable_baselines3.A2C):
    """stable-baselines3's A2C (Mnih et al. 2016) with a compiled update."""

    epochs: ClassVar[int] = 1

    def compiled_settings(self) -> dict[str, Any]:
        """Return the fields of `Shape` that are the algorithm's."""
        return {
            "batch_size": self.n_steps * self.n_envs,
            "clipped": False,
            "clips_values": False,
            "clips_gradient": self._clips_gradient,
            "normalises": self.normalize_advantage,
            "stops": False,
        }

    def present_settings(self) -> Settings:
        """Return the numbers of the next update."""
        return self._common_settings()


# --- From torch.


def _laid_out(policy: ActorCriticPolicy) -> tuple[Layout, Floats]:
    """Return the policy's network, and its weights as one vector, of which its parameters are views from now on.

    Raises:
        BenchError: it is no network of dense layers.
    """
    activation = _refuse_what_is_not_plain(policy)
    names = {id(parameter): name for name, parameter in policy.named_parameters()}
    spans: dict[str, Span] = {}
    vector = np.concatenate([one.detach().numpy().ravel() for one in policy.parameters()]).astype(np.float32)
    begin = 0
    for name, parameter in policy.named_parameters():
        end = begin + parameter.numel()
        spans[name] = (begin, end, tuple(parameter.shape))
        parameter.data = torch.from_numpy(vector[begin:end]).view(parameter.shape)
        begin = end

    def dense(*modules: Any) -> Iterator[Dense]:
        for module in modules:
            if isinstance(module, nn.Linear):
                yield spans[names[id(module.weight)]], spans[names[id(module.bias)]]

    layout = Layout(
        policy=tuple(dense(*policy.mlp_extractor.policy_net, policy.action_net)),
        value=tuple(dense(*policy.mlp_extractor.value_net, policy.value_net)),
        log_std=spans.get("log_std"),
        activation=activation,
        choices=_choices(policy.action_space),
    )
    return layout, vector


def _refuse_what_is_not_plain(policy: BasePolicy) -> type[nn.Module]:
    """Return the activation between the layers; refuse what the compiled update does not know."""
    plain = type(policy) is ActorCriticPolicy and type(policy.features_extractor) is FlattenExtractor
    if not plain or not isinstance(policy.observation_space, spaces.Box) or policy.use_sde:
        raise BenchError(
            "implementation jax: wants MlpPolicy on observations that are arrays, without use_sde; "
            "`implementation: sb3` takes the others"
        )
    activation: Any = policy.activation_fn
    if activation not in ACTIVATIONS:
        known = " and ".join(f"torch.nn.{one.__name__}" for one in ACTIVATIONS)
        raise BenchError(f"implementation jax: knows the activations {known}, not {activation.__name__}")
    found: type[nn.Module] = activation
    return found


def _choices(space: spaces.Space[Any]) -> tuple[int, ...]:
    if isinstance(space, spaces.Discrete):
        return (int(space.n),)
    return tuple(int(count) for count in space.nvec) if isinstance(space, spaces.MultiDiscrete) else ()


def _optimiser(policy: ActorCriticPolicy) -> Optimiser:
    """Return the policy's optimiser; refuse what the compiled update does not know."""
    kind, given = type(policy.optimizer), policy.optimizer.defaults
    if kind is torch.optim.Adam and not (given["weight_decay"] or given["amsgrad"] or given["maximize"]):
        return Optimiser("adam", given["eps"], given["betas"])
    names = {RMSpropTFLike: "rmsprop-tf", torch.optim.RMSprop: "rmsprop"}
    if kind in names and not (given["weight_decay"] or given["momentum"] or given["centered"]):
        return Optimiser(names[kind], given["eps"], (given["alpha"], 0.0))
    raise BenchError(
        "implementation jax: knows Adam, RMSprop and RMSpropTFLike with step size, eps and decay, not "
        f"{kind.__name__} with "
        f"{ {name: value for name, value in given.items() if name != 'params'} }"
    )
