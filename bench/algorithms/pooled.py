"""A request in, EnvPool's environments as one vector environment of stable-baselines3's kind out."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from typing import Any

import envpool
import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn

from bench.errors import OutsideError
from bench.records import LearnerRequest

_NEVER = 2**31 - 1
"""The time limit given to EnvPool, which counts none itself."""
_SLACK = 1e-4
"""By which rounding may carry an action beyond its bounds."""


def make(request: LearnerRequest, count: int) -> VecEnv:
    """Return `count` of the trial's environments, each seeded from its own stream."""
    # Gymnasium's own says what there is to see and to do, and when it is cut: EnvPool's bounds are not always right.
    like = request.make_environment(0)
    seeds = [request.environment_seed(index) for index in range(count)]
    pooled = Pooled(request.trial.environment, seeds, like)
    like.close()
    return pooled


class Pooled(VecEnv):
    """Steps EnvPool's environments together, and is otherwise what `DummyVecEnv` around `Monitor` is.

    EnvPool begins a new episode with the step after the last, whose action nobody hears, and calls an episode cut that
    ends by itself in the last step of its time. Here episodes are cut from outside, and whichever is over is reset
    before the step returns: no step is lost, and every transition is one of the environment's.
    """

    def __init__(self, environment: str, seeds: Sequence[int], like: gym.Env[Any, Any]) -> None:
        """Make the environments.

        Args:
            environment: EnvPool's id, which is Gymnasium's.
            seeds: one for each.
            like: Gymnasium's environment, of which the spaces and the time limit are taken.
        """
        self._streams = list(seeds)
        self._pool = _made(environment, self._streams)
        self._limit = (like.spec and like.spec.max_episode_steps) or _NEVER
        self._low, self._high = _bounds(like.action_space)
        self._name = environment
        self._began = time.time()
        super().__init__(len(seeds), like.observation_space, like.action_space)
        self._dtype = like.observation_space.dtype
        self._returns = np.zeros(self.num_envs)
        self._lengths = np.zeros(self.num_envs, dtype=np.int64)
        self._actions: NDArray[Any] = np.zeros(self.num_envs)

    begins_anew = True
    """Read back from a pickle, its environments have streams of their own and want to be reset."""

    def __getstate__(self) -> dict[str, Any]:
        """Return all but EnvPool's own, which nothing can store."""
        return {name: value for name, value in vars(self).items() if name != "_pool"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make the environments anew, on the streams that follow from those that they had."""
        vars(self).update(state)
        self._streams = [_following(seed) for seed in self._streams]
        self._pool = _made(self._name, self._streams)

    def reset(self) -> VecEnvObs:
        """Begin a new episode everywhere; seeds were given when the environments were made."""
        self._returns[:], self._lengths[:] = 0.0, 0
        return np.array(self._pool.reset()[0], dtype=self._dtype)

    def step_async(self, actions: NDArray[Any]) -> None:
        """Take the actions.

        Raises:
            OutsideError: one of them is outside the action space.
        """
        inside = (actions >= self._low) & (actions <= self._high)
        if not inside.all():
            first = actions[np.flatnonzero(~inside.reshape(len(actions), -1).all(axis=1))[0]]
            raise OutsideError(f"action {first!r} is outside the action space {self.action_space} of {self._name}")
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Step every environment, and reset those whose episode is over."""
        found, rewards, terminated, _, _ = self._pool.step(self._actions)
        # A copy, in which those that are reset begin anew.
        observations = np.array(found, dtype=self._dtype)
        self._returns += rewards
        self._lengths += 1
        cut = self._lengths >= self._limit
        dones = terminated | cut
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if dones.any():
            self._begin_anew(np.flatnonzero(dones), observations, cut & ~terminated, infos)
        return observations, rewards, dones, infos

    def _begin_anew(
        self, over: NDArray[np.int64], observations: NDArray[Any], cut: NDArray[np.bool_], infos: list[dict[str, Any]]
    ) -> None:
        elapsed = round(time.time() - self._began, 6)
        for place in over:
            infos[place] = {
                "TimeLimit.truncated": bool(cut[place]),
                "terminal_observation": observations[place].copy(),
                "episode": {"r": round(float(self._returns[place]), 6), "l": int(self._lengths[place]), "t": elapsed},
            }
        observations[over] = self._pool.reset(over.astype(np.int32))[0]
        self._returns[over], self._lengths[over] = 0.0, 0

    def close(self) -> None:
        """Let go of the environments."""
        self._pool.close()

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """Return None for `render_mode`.

        Raises:
            AttributeError: for any other: these environments have no attributes in Python.
        """
        if attr_name == "render_mode":
            return [None for _ in self._get_indices(indices)]
        raise AttributeError(f"{self._name} of EnvPool has no attribute {attr_name}")

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Refuse.

        Raises:
            AttributeError: always.
        """
        del value, indices
        raise AttributeError(f"{self._name} of EnvPool has no attribute {attr_name}")

    def env_method(self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any) -> list[Any]:
        """Refuse.

        Raises:
            AttributeError: always.
        """
        del args, indices, kwargs
        raise AttributeError(f"{self._name} of EnvPool has no method {method_name}")

    def env_is_wrapped(
        self, wrapper_class: type[gym.Wrapper[Any, Any, Any, Any]], indices: VecEnvIndices = None
    ) -> list[bool]:
        """Return that none is."""
        del wrapper_class
        return [False for _ in self._get_indices(indices)]


def _following(seed: int) -> int:
    """Return a seed that follows from another; EnvPool takes 31 bits."""
    return int(np.random.SeedSequence(seed).generate_state(1)[0] >> 1)


def _made(environment: str, seeds: Sequence[int]) -> Any:
    with warnings.catch_warnings():
        # Gymnasium warns of EnvPool's spaces, which nobody here looks at; they are made when first asked for.
        warnings.filterwarnings("ignore", message=".*precision lowered by casting", category=UserWarning)
        pool = envpool.make_gymnasium(
            environment,
            num_envs=len(seeds),
            seed=list(seeds),
            # The worker has told torch how many threads the trial has.
            num_threads=min(torch.get_num_threads(), len(seeds)),
            max_episode_steps=_NEVER,
        )
        _ = pool.observation_space
    return pool


def _bounds(space: spaces.Space[Any]) -> tuple[Any, Any]:
    """Return the least and the largest action; EnvPool has discrete and continuous ones only."""
    if isinstance(space, spaces.Box):
        return space.low - _SLACK, space.high + _SLACK
    assert isinstance(space, spaces.Discrete), "what has been compared has no other"  # noqa: S101
    return 0, int(space.n) - 1
