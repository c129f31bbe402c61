"""PPO and A2C of stable-baselines3 with a compiled update: collecting and learning are ours, the rest is theirs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import jax
import numpy as np
import stable_baselines3
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from bench.algorithms.compiled.model import CompiledModel
from bench.algorithms.compiled.network import Floats, Player
from bench.algorithms.compiled.update import OF_RATIOS, TOLD, Rollout, Settings, Shape, compiled_update


class _Course(Player):
    """What a learner keeps beside what stable-baselines3 knows of: none of it is saved."""

    def __init__(self, model: PPO | A2C) -> None:
        super().__init__(model.policy, model.seed)
        self.shape = Shape(self.layout, self.optimiser, **model.compiled_settings())
        self.memory = self.optimiser.begun(self.network)
        self._compiled = compiled_update(self.shape)
        self.rollout: Rollout | None = None

    def learn(self, epochs: int, settings: Settings) -> dict[str, float]:
        """Learn from the rollout and return what is to be logged."""
        assert self.rollout is not None, "there is a rollout before it is learned from"  # noqa: S101
        steps = self.rollout.rewards.size
        orders = np.tile(np.arange(steps, dtype=np.int32), (epochs, 1))
        if self.shape.batch_size < steps:
            orders = self.random.permuted(orders, axis=1)
        weights, self.memory, told = self._update(self.rollout, orders, settings)
        self.weights[:] = weights
        found = dict(zip(TOLD, np.asarray(told).tolist(), strict=True))
        # A2C has no ratio of probabilities.
        return found if self.shape.clipped else {name: found[name] for name in TOLD if name not in OF_RATIOS}

    def compile(self, environments: int, steps: int, width: int, epochs: int) -> None:
        """Compile the update for rollouts of so many steps, before training begins."""
        kind = np.float32 if self.layout.log_std is not None else np.int64
        rollout = blank(steps, environments, width, len(self.layout.choices) or self._actions(), kind)
        orders = np.zeros((epochs, steps * environments), dtype=np.int32)
        jax.block_until_ready(  # type: ignore[no-untyped-call]
            self._update(rollout, orders, Settings(*(1.0,) * len(Settings._fields)))
        )

    def _actions(self) -> int:
        assert self.layout.log_std is not None, "what is not discrete is Gaussian"  # noqa: S101
        return self.layout.log_std[2][0]

    def _update(self, rollout: Rollout, orders: NDArray[np.int32], settings: Settings) -> Any:
        numbers = np.array(settings, dtype=np.float32)
        return self._compiled(self.weights, self.memory, rollout, orders, numbers)


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


class _Compiled(CompiledModel, OnPolicyAlgorithm):
    """What PPO and A2C have in common; to be named before the library's class."""

    _made_anew = ("_course",)
    _course: _Course

    def _setup_model(self) -> None:
        super()._setup_model()
        self._tie()
        if self.env is not None:
            width = int(np.prod(self.observation_space.shape or ()))
            self._course.compile(self.n_envs, self.n_steps, width, self.epochs)

    def _tie(self) -> None:
        self._course = _Course(self)  # type: ignore[arg-type]  # it is mixed into one of the two

    def _learned_beside(self) -> Mapping[str, Any]:
        return {"memory": self._course.memory, "random": self._course.random}

    def _learn_on_from(self, beside: Mapping[str, Any]) -> None:
        self._course.memory, self._course.random = beside["memory"], beside["random"]

    @property
    def _clips_gradient(self) -> bool:
        limit: float | None = self.max_grad_norm
        return limit is not None

    @property
    @abstractmethod
    def epochs(self) -> int:
        """How often each sample is learned from."""

    @abstractmethod
    def compiled_settings(self) -> dict[str, Any]:
        """Return the fields of `Shape` that are the algorithm's."""

    @abstractmethod
    def present_settings(self) -> Settings:
        """Return the numbers of the next update."""

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


class PPO(_Compiled, stable_baselines3.PPO):
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


class A2C(_Compiled, stable_baselines3.A2C):
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
