"""Rewards in, rewards less what it costs to leave the policy that training began with out."""

from __future__ import annotations

from collections import deque
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from bench.errors import BenchError

EPISODES = 100
"""Of so many the divergence is told."""


class HeldToStart(VecEnvWrapper):
    """Takes beta (log pi(a|s) - log pi_0(a|s)) off every reward (Ouyang et al. 2022, equation 2; Jaques et al. 2017).

    pi is the policy that acts, pi_0 a copy of it as it was before training. Summed over an episode, the expectation of
    the difference is the divergence of the two policies' trajectories, KL(pi || pi_0).
    """

    def __init__(self, venv: VecEnv, beta: float) -> None:
        """Hold nobody yet.

        Args:
            venv: outermost of the training environments, with whatever normalises.
            beta: price of a nat, in units of reward.

        Raises:
            BenchError: actions are numbers, which are cut to their bounds on the way: what was drawn is not known here.
        """
        super().__init__(venv)
        if isinstance(venv.action_space, spaces.Box):
            raise BenchError("kl_to_start: wants discrete actions; leave it out, or name an environment that has them")
        self.beta = beta
        self._model: BaseAlgorithm | None = None
        self._start: Any = None
        self._observations: VecEnvObs | None = None
        self._ratios: NDArray[np.float64] = np.zeros(venv.num_envs)
        self._open = np.zeros(venv.num_envs)
        self._left = np.zeros(venv.num_envs)
        self._divergences: deque[float] = deque(maxlen=EPISODES)
        self._returns: deque[float] = deque(maxlen=EPISODES)

    def hold(self, model: BaseAlgorithm) -> None:
        """Hold a model to the policy that it has now."""
        self._model, self._start = model, deepcopy(model.policy)
        self._start.set_training_mode(False)

    def around(self, venv: VecEnv) -> HeldToStart:
        """Return the same price on other environments."""
        other = HeldToStart(venv, self.beta)
        other._model, other._start = self._model, self._start
        return other

    @property
    def divergence(self) -> float | None:
        """Mean over the last episodes of the summed log-ratios, in nats: an estimate of KL(pi || pi_0)."""
        return float(np.mean(self._divergences)) if self._divergences else None

    @property
    def penalised_return(self) -> float | None:
        """Mean over the last episodes of what was left of their return after the price, which is what is maximised."""
        return float(np.mean(self._returns)) if self._returns else None

    def reset(self) -> VecEnvObs:
        """Begin episodes everywhere."""
        self._observations = self.venv.reset()
        self._open[:] = self._left[:] = 0
        return self._observations

    def step_async(self, actions: NDArray[Any]) -> None:
        """Take note of what the policy thinks of its actions, and send them on."""
        assert self._model is not None, "whoever makes the model says whom to hold"  # noqa: S101
        assert self._observations is not None, "reset comes before a step"  # noqa: S101
        policy: Any = self._model.policy
        with torch.no_grad():
            seen, _ = policy.obs_to_tensor(self._observations)
            taken = torch.as_tensor(actions, device=self._model.device)
            now, before = (one.get_distribution(seen).log_prob(taken) for one in (policy, self._start))
        self._ratios = (now - before).double().cpu().numpy()
        self.venv.step_async(actions)

    def step_wait(self) -> VecEnvStepReturn:
        """Return what came of the step, the price taken off."""
        self._observations, rewards, dones, infos = self.venv.step_wait()
        left = rewards - self.beta * self._ratios
        self._open += self._ratios
        self._left += left
        for slot in np.flatnonzero(dones):
            self._divergences.append(float(self._open[slot]))
            self._returns.append(float(self._left[slot]))
            self._open[slot] = self._left[slot] = 0
        return self._observations, left.astype(np.float32), dones, infos
