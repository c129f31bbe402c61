"""A policy and its critic in, what the critic predicts beside what the policy then gets, out.

As in figure 1 of Fujimoto et al. (2018): the mean of the predictions over states, and the mean of the discounted
returns that follow. The states are those that the policy comes to in episodes of its own, and not the replay memory's.

The policy is the one that the critic is of: deterministic of DDPG and TD3 (whose smoothing is in the targets alone),
greedy of DQN and QR-DQN, stochastic of SAC, TQC and CrossQ, to whose returns from the second step on belongs the
entropy that their critics count. The prediction is the one that the policy climbs: TD3's first critic, the lower one of
SAC's and CrossQ's, the mean of all critics' quantiles of TQC's and of QR-DQN's.

A critic that has learned that time limits end nothing predicts what would follow them. Episodes are then played on
after the limit, by as many steps as leave a share of `bench.records.UNSEEN` of the value there: with a discount of
0.99, 459. States from which more than that is missing do not count, as where an environment ends the episode by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray
from sb3_contrib import QRDQN, TQC
from stable_baselines3 import DQN, TD3
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from bench.records import UNSEEN, Floats, steps_beyond


@dataclass(slots=True)
class Episode:
    """What was predicted and what was paid, step by step."""

    predicted: list[float] = field(default_factory=list)
    """Value of the action that is taken."""
    rewards: list[float] = field(default_factory=list)
    bonuses: list[float] = field(default_factory=list)
    """What the critic counts for the policy's randomness where the action is chosen: no part of that action's value."""
    ended: bool = False
    """Whether nothing follows, as far as the critic knows."""


def steps_beyond_limit(model: OffPolicyAlgorithm) -> int:
    """Return how many steps after a time limit are to be played: none where to the critic it ends the episode."""
    return steps_beyond(model.gamma) if _looks_beyond(model) else 0


def _looks_beyond(model: OffPolicyAlgorithm) -> bool:
    return bool(getattr(model.replay_buffer, "handle_timeout_termination", False))


def play(
    model: OffPolicyAlgorithm,
    envs: Sequence[gym.Env[Any, Any]],
    batch: Callable[[Sequence[Any]], Any],
    learned_reward: Callable[[float], float],
) -> Iterator[Episode]:
    """Yield one episode of each environment, all played side by side.

    Args:
        model: none of its weights is changed; random numbers are torch's global ones.
        envs: with a time limit each.
        batch: makes raw observations what the model takes.
        learned_reward: makes a reward what the model learns from.
    """
    limit_ends = not _looks_beyond(model)
    observations = [env.reset()[0] for env in envs]
    episodes = [Episode() for _ in envs]
    active = list(range(len(envs)))
    while active:
        actions, predicted, bonuses = chosen(model, batch([observations[place] for place in active]))
        still = []
        for row, place in enumerate(active):
            observations[place], reward, terminated, truncated, _ = envs[place].step(actions[row])
            episode = episodes[place]
            episode.predicted.append(float(predicted[row]))
            episode.bonuses.append(float(bonuses[row]))
            episode.rewards.append(learned_reward(float(reward)))
            if terminated or truncated:
                episode.ended = bool(terminated or limit_ends)
                yield episode
            else:
                still.append(place)
        active = still


def chosen(model: OffPolicyAlgorithm, batch: Any) -> tuple[NDArray[Any], Floats, Floats]:
    """Return actions of the policy for (slots, ...) observations, their predicted values, and the entropy's bonuses."""
    policy: Any = model.policy
    policy.set_training_mode(False)
    with torch.inference_mode():
        observations = policy.obs_to_tensor(batch)[0]
        actions, values, bonuses = _of(model, policy, observations)
    taken = actions.cpu().numpy()
    if not isinstance(model, DQN | QRDQN):
        taken = policy.unscale_action(taken.reshape((-1, *(model.action_space.shape or ()))))
    return taken, _numbers(values), _numbers(bonuses)


def _of(model: Any, policy: Any, observations: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    if isinstance(model, DQN | QRDQN):
        every = policy.q_net(observations) if isinstance(model, DQN) else policy.quantile_net(observations).mean(dim=1)
        values, actions = every.max(dim=1)
        return actions, values, torch.zeros_like(values)
    if isinstance(model, TD3):
        actions = policy.actor(observations)
        values = policy.critic.q1_forward(observations, actions)
        return actions, values, torch.zeros_like(values)
    actions, log_chances = policy.actor.action_log_prob(observations)
    if isinstance(model, TQC):
        values = policy.critic(observations, actions).mean(dim=(1, 2))
    else:
        values = torch.cat(policy.critic(observations, actions), dim=1).min(dim=1).values
    weight = model.ent_coef_tensor if model.log_ent_coef is None else model.log_ent_coef.exp()
    return actions, values, -weight * log_chances


def _numbers(values: torch.Tensor) -> Floats:
    found: Floats = values.flatten().double().cpu().numpy()
    return found


def realised(episode: Episode, gamma: float) -> Floats:
    """(steps,) discounted return from each step to the last: G_t = r_t + gamma (b_{t+1} + G_{t+1})."""
    found, after = np.zeros(len(episode.rewards)), 0.0
    for step in reversed(range(len(found))):
        found[step] = episode.rewards[step] + gamma * after
        after = episode.bonuses[step] + found[step]
    return found


def compared(episodes: Iterable[Episode], gamma: float) -> Mapping[str, float]:
    """Return the mean prediction and its mean excess over the realised return, over all states where that is known."""
    predicted, excess = [], []
    for episode in episodes:
        values, steps = np.array(episode.predicted), len(episode.predicted)
        # What is missing from step t on is the value where the episode was left, discounted so often.
        known = np.full(steps, fill_value=True) if episode.ended else gamma ** (steps - np.arange(steps)) <= UNSEEN
        predicted.append(values[known])
        excess.append((values - realised(episode, gamma))[known])
    if not sum(map(len, predicted)):
        return {}
    return {
        "predicted_value": float(np.concatenate(predicted).mean()),
        "overestimation": float(np.concatenate(excess).mean()),
    }
