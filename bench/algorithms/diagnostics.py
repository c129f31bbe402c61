"""What stable-baselines3's algorithms log of their updates in, the means over a stretch of training out.

The library's logger is where they say it, whoever listens: its TensorBoard events are another listener (see
`bench.runner.events`). Only the gradient's length is measured here, where nobody says it; the compiled PPO and A2C do.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import torch
from sb3_contrib import QRDQN, MaskablePPO, RecurrentPPO
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.vec_env import unwrap_vec_wrapper

from bench.algorithms.held import HeldToStart

_LOGGED: Mapping[str, tuple[str, float]] = {
    "entropy": ("entropy", 1.0),
    "entropy_loss": ("entropy", -1.0),
    "approx_kl": ("approx_kl", 1.0),
    "kl_divergence_loss": ("approx_kl", 1.0),
    "clip_fraction": ("clip_fraction", 1.0),
    "value_loss": ("value_loss", 1.0),
    "explained_variance": ("explained_variance", 1.0),
    "gradient_norm": ("gradient_norm", 1.0),
    "critic_loss": ("critic_loss", 1.0),
    "ent_coef": ("entropy_coefficient", 1.0),
}
"""The library's word -> the harness's, and the sign by which the number is to be taken."""
_OF_VALUES = {"loss": ("critic_loss", 1.0)}
"""The same, of what learns action values alone: elsewhere it is a policy's whole loss."""
_ONE_LOSS = (A2C, PPO, MaskablePPO, RecurrentPPO, DQN, QRDQN)
"""Each step of their policy's optimiser follows one gradient, of their whole loss."""


class Diagnostics(BaseCallback):
    """Listens to every update and changes none."""

    def __init__(self) -> None:
        super().__init__()
        self._sums: defaultdict[str, float] = defaultdict(float)
        self._counts: defaultdict[str, int] = defaultdict(int)
        self._words: Mapping[str, tuple[str, float]] = _LOGGED
        self._heard = 0.0
        """How many updates had been made when the logger was last listened to."""
        self._square: Any = 0.0
        """Sum of the squares of the parts of the gradient that there are by now."""
        self._attached: list[Any] = []

    def means(self) -> dict[str, float]:
        """Return the mean of each over the updates since this was last asked."""
        found = {name: total / self._counts[name] for name, total in self._sums.items()}
        self._sums.clear()
        self._counts.clear()
        return found

    def _on_training_start(self) -> None:
        if isinstance(self.model, OffPolicyAlgorithm):
            self._words = {**_LOGGED, **_OF_VALUES}
        if isinstance(self.model, _ONE_LOSS):
            optimiser = self.model.policy.optimizer
            parameters = (one for group in optimiser.param_groups for one in group["params"])
            self._attached = [one.register_post_accumulate_grad_hook(self._part) for one in parameters]
            self._attached.append(optimiser.register_step_pre_hook(self._whole))

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        self._listen()

    def _on_rollout_end(self) -> None:
        # What is told here the library writes, and forgets, before the update.
        held = unwrap_vec_wrapper(self.training_env, HeldToStart)
        told = {} if held is None else {"kl_to_start": held.divergence, "penalised_return": held.penalised_return}
        for name, value in told.items():
            if value is not None:
                self.logger.record(f"train/{name}", value)
                self._add(name, value)

    def _on_training_end(self) -> None:
        self._listen()
        # They would hang on the policy that is saved.
        for one in self._attached:
            one.remove()
        self._attached.clear()

    def _listen(self) -> None:
        """Take what the last update has logged: it stands there until the library writes its log."""
        logged = self.logger.name_to_value
        updates = logged.get("train/n_updates")
        if updates is None or updates == self._heard:
            return
        self._heard = updates
        for word, (name, sign) in self._words.items():
            if (value := logged.get(f"train/{word}")) is not None:
                self._add(name, sign * float(value))

    def _add(self, name: str, value: float) -> None:
        if math.isfinite(value):
            self._sums[name] += value
            self._counts[name] += 1

    def _part(self, parameter: torch.Tensor) -> None:
        """Add one parameter's part of the gradient: as it is now, no norm has been cut yet."""
        assert parameter.grad is not None, "it has just been added to"  # noqa: S101
        self._square = self._square + parameter.grad.detach().square().sum()

    def _whole(self, *_: Any) -> None:
        self._add("gradient_norm", math.sqrt(float(self._square)))
        self._square = 0.0
