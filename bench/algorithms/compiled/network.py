"""A torch policy in, the same network as one vector of weights out, for NumPy and for the compiler."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.sb2_compat.rmsprop_tf_like import RMSpropTFLike
from stable_baselines3.common.torch_layers import FlattenExtractor
from stable_baselines3.dqn.policies import DQNPolicy
from stable_baselines3.sac.policies import SACPolicy
from stable_baselines3.td3.policies import TD3Policy
from torch import nn

from bench.errors import BenchError

Floats = NDArray[np.float32]
Span = tuple[int, int, tuple[int, ...]]
"""Where in the vector a parameter begins and ends, and its shape."""
Dense = tuple[Span, Span]
"""Weights (out, in) and bias (out,) of a layer."""

ACTIVATIONS: Mapping[type[nn.Module], tuple[Callable[[Floats], Floats], Callable[[jax.Array], jax.Array]]] = {
    nn.Tanh: (np.tanh, jnp.tanh),
    nn.ReLU: (lambda numbers: np.maximum(numbers, 0), jax.nn.relu),
}


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

    def begun(self, parameters: Any) -> Any:
        """Return the memory with which the first step of these parameters is made."""
        return self.transformation().init(jax.tree.map(jnp.zeros_like, parameters))

    def descended(self, parameters: Any, memory: Any, gradient: Any, rate: Any) -> tuple[Any, Any]:
        """Return parameters and memory after a step against the gradient."""
        direction, memory = self.transformation().update(gradient, memory)
        return jax.tree.map(lambda part, by: part - rate * by, parameters, direction), memory


def part(weights: Any, span: Span) -> Any:
    """Return the parameter that lies there."""
    begin, end, shape = span
    return weights[begin:end].reshape(shape)


def network(layout: Layout, weights: Any) -> Network:
    """Return the arrays that a vector of weights holds."""
    policy, value = (
        tuple((part(weights, matrix), part(weights, bias)) for matrix, bias in layers)
        for layers in (layout.policy, layout.value)
    )
    return Network(policy, value, None if layout.log_std is None else part(weights, layout.log_std))


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


def length(gradient: Any) -> jax.Array:
    """Return the norm of all parts of a gradient together."""
    return jnp.sqrt(sum((part**2).sum() for part in jax.tree.leaves(gradient)))


def clipped(gradient: Any, limit: Any) -> Any:
    """Return the gradient, shortened to the limit where it is longer, as torch shortens it."""
    share = jnp.minimum(limit / (length(gradient) + 1e-6), 1.0)
    return jax.tree.map(lambda part: share * part, gradient)


LEAST = np.float32(2.0**-26)
"""In float32 one exponential in ten million is 0, whose logarithm is no noise; all others are larger than this."""


class Player:
    """The policy of a model by NumPy, and its weights as one vector that the model's parameters are views of."""

    def __init__(self, policy: ActorCriticPolicy, seed: int | None) -> None:
        self.layout, self.weights = _laid_out(policy)
        self.optimiser = optimiser_of(policy.optimizer)
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
        if not np.isfinite(outputs).all():
            raise ValueError("found invalid values: a logit is not finite")
        # The largest of logits with Gumbel noise is a sample of their softmax, and its noise -log of an exponential's.
        drawn = self.random.standard_exponential(outputs.shape, dtype=np.float32)
        noisy = outputs - np.log(np.maximum(drawn, LEAST))
        if len(self.layout.choices) == 1:
            return np.asarray(noisy.argmax(axis=1)[:, None])
        ends = np.cumsum(self.layout.choices)
        return np.stack([part.argmax(axis=1) for part in np.split(noisy, ends[:-1], axis=1)], axis=1)

    def values(self, observations: NDArray[Any]) -> Floats:
        """Return the (N,) values of N observations."""
        flat = np.asarray(observations, dtype=np.float32).reshape(len(observations), -1)
        found: Floats = forward(self.network.value, self.activation, flat)[:, 0]
        return found


# --- From torch.

_POLICIES = (ActorCriticPolicy, DQNPolicy, SACPolicy, TD3Policy)


def _laid_out(policy: ActorCriticPolicy) -> tuple[Layout, Floats]:
    """Return the policy's network, and its weights as one vector, of which its parameters are views from now on.

    Raises:
        BenchError: it is no network of dense layers.
    """
    activation = refuse_what_is_not_plain(policy, policy)
    vector, spans = viewed(policy)
    layout = Layout(
        policy=dense_layers(spans, *policy.mlp_extractor.policy_net, policy.action_net),
        value=dense_layers(spans, *policy.mlp_extractor.value_net, policy.value_net),
        log_std=spans.get(id(policy.log_std)) if hasattr(policy, "log_std") else None,
        activation=activation,
        choices=_choices(policy.action_space),
    )
    return layout, vector


def values_laid_out(policy: DQNPolicy) -> tuple[Layout, Floats, Floats]:
    """Return the layout of a network of action values, and its weights and the target's, each as one vector.

    The parameters of both are views of the vectors from now on; the values are the outputs of the layout's policy.

    Raises:
        BenchError: it is no network of dense layers.
    """
    activation = refuse_what_is_not_plain(policy, policy.q_net)
    vector, spans = viewed(policy.q_net)
    layout = Layout(dense_layers(spans, *policy.q_net.q_net), (), None, activation, _choices(policy.action_space))
    return layout, vector, viewed(policy.q_net_target)[0]


def viewed(module: nn.Module) -> tuple[Floats, dict[int, Span]]:
    """Return a module's weights as one vector, of which its parameters are views from now on, and where each lies."""
    vector = np.concatenate([one.detach().numpy().ravel() for one in module.parameters()]).astype(np.float32)
    spans: dict[int, Span] = {}
    begin = 0
    for parameter in module.parameters():
        end = begin + parameter.numel()
        spans[id(parameter)] = (begin, end, tuple(parameter.shape))
        parameter.data = torch.from_numpy(vector[begin:end]).view(parameter.shape)
        begin = end
    return vector, spans


def dense_layers(spans: Mapping[int, Span], *modules: Any) -> tuple[Dense, ...]:
    """Return where those of the modules that are layers of weights lie."""
    linear = (one for one in modules if isinstance(one, nn.Linear))
    return tuple((spans[id(one.weight)], spans[id(one.bias)]) for one in linear)


def refuse_what_is_not_plain(policy: Any, network: Any) -> type[nn.Module]:
    """Return the activation between the layers; refuse what the compiled update does not know.

    Args:
        policy: one of stable-baselines3's.
        network: that of its networks which acts; the policy itself, where it has but one.
    """
    plain = type(policy) in _POLICIES and type(network.features_extractor) is FlattenExtractor
    if not plain or not isinstance(policy.observation_space, spaces.Box) or getattr(network, "use_sde", False):
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


def optimiser_of(optimizer: torch.optim.Optimizer) -> Optimiser:
    """Return torch's optimiser; refuse what the compiled update does not know."""
    kind, given = type(optimizer), optimizer.defaults
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
