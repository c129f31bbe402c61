"""A stable-baselines3 model in, its actions out: what `predict` computes, without what it does anew at every call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from sb3_contrib import QRDQN
from stable_baselines3 import DQN
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.distributions import CategoricalDistribution, DiagGaussianDistribution
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.torch_layers import FlattenExtractor
from stable_baselines3.dqn.policies import DQNPolicy

TIE = 1e-6
"""Two logits that differ by less than so much of their size may be equal as probabilities, of which the library takes
the first."""

Layer = Callable[[torch.Tensor], torch.Tensor]

_GREEDY = {BaseAlgorithm.predict, DQN.predict, QRDQN.predict}
"""What a model may have for `predict` if its deterministic actions are to be its policy's."""


def is_plain(model: BaseAlgorithm, *, deterministic: bool) -> bool:
    """Return whether `predict` of the model is the library's own: nobody's memory, masks or exploration in it."""
    own = type(model).predict in _GREEDY if deterministic else type(model).predict is BaseAlgorithm.predict
    return own and type(model.policy).predict is BasePolicy.predict


def predict(model: BaseAlgorithm, batch: Any, *, deterministic: bool) -> NDArray[Any]:
    """Return what `model.predict(batch, deterministic=deterministic)` returns for a batch, to the last bit.

    Args:
        model: one that `is_plain`.
        batch: (slots, *observation shape), or one such array per key.
        deterministic: the policy's mode, or a sample from it.

    Returns:
        (slots, *action shape).
    """
    policy = model.policy
    if policy.training:
        policy.set_training_mode(False)
    with torch.inference_mode():
        chosen = policy._predict(policy.obs_to_tensor(batch)[0], deterministic=deterministic)  # noqa: SLF001
    space = model.action_space
    actions: NDArray[Any] = chosen.cpu().numpy().reshape((-1, *(space.shape or ())))
    if not isinstance(space, spaces.Box):
        return actions
    return policy.unscale_action(actions) if policy.squash_output else np.clip(actions, space.low, space.high)


class Plain:
    """The deterministic actions of a policy that is a few layers after one another, by these layers alone.

    The same operations in the same order as the library's, so the same numbers; around them it does so much that the
    arithmetic of a small network is the lesser part.
    """

    def __init__(self, layers: Sequence[Layer], choose: Callable[[NDArray[np.float32]], NDArray[Any] | None]) -> None:
        self._layers = layers
        self._choose = choose

    def __call__(self, batch: NDArray[Any]) -> NDArray[Any] | None:
        """Return the actions for (slots, *observation shape); None where only the library can tell."""
        with torch.inference_mode():
            latent = torch.as_tensor(batch).float().flatten(1)
            for layer in self._layers:
                latent = layer(latent)
        return self._choose(latent.numpy())


def plain(model: BaseAlgorithm) -> Plain | None:
    """Return the model's deterministic policy by its layers; None where it is more than that, or not on the CPU."""
    policy = model.policy
    if not is_plain(model, deterministic=True) or not _flat(policy.observation_space) or policy.device.type != "cpu":
        return None
    if type(policy) is DQNPolicy and type(policy.q_net.features_extractor) is FlattenExtractor:
        return Plain([layer.forward for layer in policy.q_net.q_net], _best)
    if type(policy) is not ActorCriticPolicy or type(policy.pi_features_extractor) is not FlattenExtractor:
        return None
    layers = [layer.forward for layer in (*policy.mlp_extractor.policy_net, policy.action_net)]
    if isinstance(policy.action_dist, CategoricalDistribution):
        return Plain(layers, _likeliest)
    if isinstance(policy.action_dist, DiagGaussianDistribution):
        assert isinstance(policy.action_space, spaces.Box)  # noqa: S101 - Gaussians are of boxes only
        return Plain(layers, partial(_within, policy.action_space))
    return None


def _flat(space: spaces.Space[Any]) -> bool:
    # Of other spaces stable-baselines3 makes something else first: images are scaled, numbers become one-hot.
    return isinstance(space, spaces.Box) and not is_image_space(space)


def _within(space: spaces.Box, means: NDArray[np.float32]) -> NDArray[Any]:
    return np.clip(means.reshape((-1, *space.shape)), space.low, space.high)


def _best(values: NDArray[np.float32]) -> NDArray[np.intp]:
    best: NDArray[np.intp] = values.argmax(axis=1)
    return best


def _likeliest(logits: NDArray[np.float32]) -> NDArray[np.intp] | None:
    chosen = _best(logits)
    best = logits[np.arange(len(logits)), chosen]
    rivals = np.count_nonzero(logits >= (best - TIE * (1 + np.abs(logits).max()))[:, None])
    # NaN is no rival, not even its own: then the count is too small.
    return chosen if rivals == len(logits) else None
