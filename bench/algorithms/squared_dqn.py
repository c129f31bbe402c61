"""DQN with the loss it was derived from: the squared temporal-difference error instead of Huber's."""

from __future__ import annotations

import numpy as np
import torch
from stable_baselines3 import DQN
from stable_baselines3.common.type_aliases import ReplayBufferSamples


class SquaredDQN(DQN):
    """stable-baselines3's DQN in all but the loss, which is the mean squared error (Mnih et al. 2013, eq. 2).

    stable-baselines3 takes Huber's loss, whose gradient is the same for an error of 2 and one of 200. With few updates
    between two target networks its values were seen to grow without bound, where the squared error learned: presumably
    because the end of an episode, the only target without a guess in it, cannot outweigh all others
    (docs/published.md).
    """

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        """Do `gradient_steps` updates, each on `batch_size` transitions of the replay buffer."""
        assert self.replay_buffer is not None  # noqa: S101 - set up with the model
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        losses = []
        for _ in range(gradient_steps):
            loss = self._loss(self.replay_buffer.sample(batch_size, env=self._vec_normalize_env))
            self.policy.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call] # torch states no types for it
            torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
            self.policy.optimizer.step()
            losses.append(loss.item())
        self._n_updates += gradient_steps
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/loss", np.mean(losses))

    def _loss(self, batch: ReplayBufferSamples) -> torch.Tensor:
        """Return the mean over the batch of (r + gamma max Q'(s', .) - Q(s, a))^2, Q' being the target network."""
        discounts = self.gamma if batch.discounts is None else batch.discounts
        with torch.no_grad():
            following = self.q_net_target(batch.next_observations).max(dim=1, keepdim=True).values
            targets = batch.rewards + (1 - batch.dones) * discounts * following
        values = self.q_net(batch.observations).gather(1, batch.actions.long())
        return torch.nn.functional.mse_loss(values, targets)
