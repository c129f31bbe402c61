"""A policy at fixed parameters and an environment in, how its gradient's estimate scatters, and around what, out.

Only REINFORCE's: its estimate is one number per parameter from a batch of whole episodes, and what its variants change
(baseline, normalisation) changes that estimate alone. All variants can therefore be held against the plain one, without
baseline and normalisation, on the very same episodes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from stable_baselines3.common.callbacks import CallbackList
from stable_baselines3.common.vec_env import VecEnv

from bench.algorithms.reinforce import REINFORCE, Batch
from bench.records import Floats, GradientNoise

FEWEST_BATCHES = 2


def measured(model: REINFORCE, env: VecEnv, batches: int) -> GradientNoise:
    """Return how the estimate from one batch scatters at the model's parameters, none of which is changed.

    Args:
        model: its policy, baseline and settings; a baseline that learns is taken as it stands.
        env: played with the stochastic policy; as many slots as in training make the batches those of training.
        batches: how many estimates, at least two; each is made from `model.batch_episodes` fresh episodes.
    """
    return noise(*estimates(model, env, batches))


def estimates(model: REINFORCE, env: VecEnv, batches: int) -> tuple[Floats, Floats]:
    """Return (batches, parameters) ascent directions: the model's own, and the plain ones of the same episodes.

    The entropy bonus is in neither. With `normalize_returns` the own ones are multiplied with the standard deviation
    of G_t - b over all the episodes played, so that they have the scale of the others: dividing every estimate by one
    number is a choice of step size and neither cuts its variance nor biases it.
    """
    player = model.beside(env)
    player.ent_coef = 0.0
    callback = CallbackList([])
    callback.init_callback(player)
    own, plain, advantages = [], [], []
    for _ in range(batches):
        batch = player.batch(player.collect_episodes(callback) or [])
        own.append(ascent(player, batch))
        plain.append(ascent(player, replace(batch, weights=batch.discounts * batch.returns)))
        advantages.append(batch.advantages)
    scale = float(torch.cat(advantages).std(correction=0)) if model.normalize_returns else 1.0
    return scale * np.stack(own), np.stack(plain)


def ascent(model: REINFORCE, batch: Batch) -> Floats:
    """(parameters,) minus the gradient of the batch's loss, zero for parameters that it does not depend on."""
    parameters = list(model.policy.parameters())
    total = torch.zeros(sum(one.numel() for one in parameters), dtype=torch.float64)
    for rows in model.passes(len(batch)):
        parts = torch.autograd.grad(model.loss(batch, rows), parameters, materialize_grads=True)
        total -= torch.cat([part.flatten() for part in parts]).double().cpu()
    found: Floats = total.numpy()
    return found


def noise(own: Floats, plain: Floats) -> GradientNoise:
    """Return what (batches, parameters) estimates say of their variance and bias, at least two of each."""
    return GradientNoise(
        batches=len(own),
        variance=_variance(own),
        plain_variance=_variance(plain),
        squared_bias=_squared_mean(own - plain),
        squared_norm=_squared_mean(plain),
    )


def _variance(estimates: Floats) -> float:
    return float(estimates.var(axis=0, ddof=1).sum())


def _squared_mean(estimates: Floats) -> float:
    """Return an unbiased estimate of the expectation's squared length: the mean product of two different estimates."""
    n, total = len(estimates), estimates.sum(axis=0)
    return float((total @ total - (estimates**2).sum()) / (n * (n - 1)))
