"""The loss of DQN with squared errors, against sums done by hand."""

from __future__ import annotations

from typing import Any, TypeVar

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import DQN
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from stable_baselines3.dqn.policies import QNetwork

from bench.algorithms.squared_dqn import SquaredDQN

Model = TypeVar("Model", bound=DQN)


class Switch(gym.Env[Any, Any]):
    """One number to see, two actions."""

    observation_space = gym.spaces.Box(-10, 10, (1,), dtype=np.float32)
    action_space = gym.spaces.Discrete(2)


def _layer(network: QNetwork) -> torch.nn.Linear:
    [layer] = [part for part in network.modules() if isinstance(part, torch.nn.Linear)]
    return layer


def _linear(kind: type[Model], slopes: tuple[float, float], **settings: Any) -> Model:
    """Return a model with Q(s, a) = slope_a s, and with 2 slope_a s in its target network."""
    model = kind("MlpPolicy", Switch(), gamma=0.5, policy_kwargs={"net_arch": []}, device="cpu", **settings)
    for network, factor in ((model.q_net, 1.0), (model.q_net_target, 2.0)):
        layer = _layer(network)
        layer.weight.data = factor * torch.tensor(slopes)[:, None]
        layer.bias.data.zero_()
    model.set_logger(Logger(None, []))
    return model


def _batch(discounts: torch.Tensor | None = None) -> ReplayBufferSamples:
    """Return two transitions: 1 -> 2 by action 0 with reward 1, and 3 -> 4 by action 1 with reward 5, where it ends."""
    column = torch.tensor([[1.0], [3.0]])
    return ReplayBufferSamples(
        observations=column,
        actions=torch.tensor([[0], [1]]),
        next_observations=column + 1,
        dones=torch.tensor([[0.0], [1.0]]),
        rewards=torch.tensor([[1.0], [5.0]]),
        discounts=discounts,
    )


def test_the_loss_is_the_mean_squared_error_of_one_step_targets_by_hand() -> None:
    model = _linear(SquaredDQN, (1.0, 3.0))
    # Targets: 1 + 0.5 max(2 * 1 * 2, 2 * 3 * 2) = 7 and 5. Values: 1 * 1 = 1 and 3 * 3 = 9. (36 + 16) / 2.
    assert model._loss(_batch()).item() == pytest.approx(26.0)


def test_discounts_of_several_steps_take_the_place_of_gamma() -> None:
    model = _linear(SquaredDQN, (1.0, 3.0))
    # The targets are then 1 + 0.25 * 12 = 4 and 5, the loss (9 + 16) / 2.
    assert model._loss(_batch(torch.tensor([[0.25], [0.25]]))).item() == pytest.approx(12.5)


def _after_one_update(kind: type[DQN], scale: float) -> torch.Tensor:
    """Return the weights after an update by plain gradient descent from a buffer of one final transition."""
    model = _linear(kind, (0.0, 0.0), learning_rate=0.1, max_grad_norm=1e9, buffer_size=1)
    model.policy.optimizer = torch.optim.SGD(model.q_net.parameters(), lr=0.1)
    assert model.replay_buffer is not None
    one = np.ones((1, 1), np.float32)
    model.replay_buffer.add(one, one, np.array([[0]]), np.array([scale]), np.array([True]), [{}])
    model.train(1, batch_size=4)
    return _layer(model.q_net).weight.data[0, 0]


@pytest.mark.parametrize(("error", "squared", "huber"), [(0.5, 0.1, 0.05), (200.0, 40.0, 0.1)])
def test_a_large_error_moves_the_weights_by_its_size_and_not_by_one(error: float, squared: float, huber: float) -> None:
    # The gradient of (0 - e)^2 is -2 e; that of Huber's loss is -e up to an error of 1, and -1 beyond. Steps of 0.1.
    assert _after_one_update(SquaredDQN, error).item() == pytest.approx(squared)
    assert _after_one_update(DQN, error).item() == pytest.approx(huber)
