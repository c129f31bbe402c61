"""A3C: A2C's own arithmetic with one worker, shared weights, exact budgets, and what becomes of broken workers."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import A2C
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.utils import set_random_seed
from stable_baselines3.common.vec_env import DummyVecEnv

from bench.algorithms.asynchronous import A3C
from bench.catalog import find_algorithm
from bench.catalog.updates import fewest_steps, updates
from tests.making import carry_out, small_trial

SETTINGS: dict[str, Any] = {"n_steps": 5, "seed": 3, "device": "cpu"}


def made(kind: Callable[..., Any], workers: int, environment: str = "CartPole-v1", **settings: Any) -> Any:
    envs = DummyVecEnv([lambda: Monitor(gym.make(environment)) for _ in range(workers)])
    return kind("MlpPolicy", envs, **{**SETTINGS, **settings})


def weights(model: Any) -> list[np.ndarray[Any, Any]]:
    return [one.detach().numpy().copy() for one in model.policy.parameters()]


@pytest.mark.parametrize("rms_prop", [True, False])
def test_with_one_worker_it_is_a2c_to_the_last_bit(rms_prop: bool) -> None:
    ours, theirs = (made(kind, 1, use_rms_prop=rms_prop) for kind in (A3C, A2C))
    ours.learn(200)
    # The worker seeds itself anew and resets once more.
    theirs.env.reset()
    set_random_seed(3)
    theirs.learn(200)
    assert ours._n_updates == theirs._n_updates == 40
    for mine, its in zip(weights(ours), weights(theirs), strict=True):
        np.testing.assert_array_equal(mine, its)


def test_all_workers_move_the_same_weights_and_take_the_budget_exactly() -> None:
    model = made(A3C, 3)
    before = weights(model)
    model.learn(503)
    assert model.num_timesteps == 503
    # A hundred rollouts of five; the three steps that are left make none.
    assert model._n_updates == 100
    assert any((one != other).any() for one, other in zip(before, weights(model), strict=True))
    assert len(model.ep_info_buffer) > 5
    assert model.worker_seconds > 0


class Noting(BaseCallback):
    """Notes steps and weights at every call, and the weights a moment later."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[int] = []
        self.still: list[bool] = []

    def _on_step(self) -> bool:
        before = torch.cat([one.detach().flatten().clone() for one in self.model.policy.parameters()])
        self.steps.append(self.num_timesteps)
        signal.sigtimedwait([], 0.05)
        after = torch.cat([one.detach().flatten() for one in self.model.policy.parameters()])
        self.still.append(bool((before == after).all()))
        return True


def test_the_policy_stands_still_wherever_the_callback_is_told_of_a_pause() -> None:
    model, noting = made(A3C, 2), Noting()
    model.pause_every = 400
    model.learn(1_200, noting)
    paused = [
        (steps, still)
        for steps, still in zip(noting.steps, noting.still, strict=True)
        if steps >= 400 and steps % 400 < 10
    ]
    assert [steps for steps, _ in paused] == [400, 800, 1_200]
    assert all(still for _, still in paused)
    assert noting.steps == sorted(noting.steps)


class Broken(gym.Wrapper[Any, Any, Any, Any]):
    """Does something to whoever takes the fiftieth step."""

    def __init__(self, happening: Callable[[], None]) -> None:
        super().__init__(gym.make("CartPole-v1"))
        self._left, self._happening = 50, happening

    def step(self, action: Any) -> Any:
        self._left -= 1
        if self._left == 0:
            self._happening()
        return super().step(action)


def refuse() -> None:
    raise LookupError("no such room")


def end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    ("happening", "error", "said"),
    [(refuse, LookupError, "no such room"), (end, RuntimeError, r"worker \d of A3C has ended .*exit code -9")],
)
def test_what_breaks_a_worker_is_raised_above(happening: Callable[[], None], error: type[Exception], said: str) -> None:
    model = A3C("MlpPolicy", DummyVecEnv([lambda: Broken(happening)] * 2), **SETTINGS)
    with pytest.raises(error, match=said):
        model.learn(1_000)


def test_an_update_is_one_workers() -> None:
    entry = find_algorithm("a3c")
    assert entry.asynchronous
    assert fewest_steps(entry, {"n_envs": 8}) == 5
    assert updates(entry, {"n_envs": 8, "n_steps": 10}, 1_000) == 100
    assert fewest_steps(find_algorithm("a2c"), {"n_envs": 8}) == 40


def test_the_runner_gets_points_updates_and_the_workers_seconds(tmp_path: Path) -> None:
    trial = small_trial("a3c", "CartPole-v1", hyperparameters={"n_envs": 2}, steps=1_000)
    record = carry_out(trial, tmp_path)
    points = trial.evaluation.points
    assert all(abs(steps - 1_000 * (point + 1) / points) < 10 for point, steps in enumerate(record.curve.steps))
    assert record.updates == 200
    # The process above has slept: two hundred updates of two workers take longer than this.
    assert record.curve.cpu_seconds[-1] > 0.4


def test_runs_of_one_training_seed_differ_in_their_evaluation_alone(tmp_path: Path) -> None:
    records = []
    for number in (0, 1):
        trial = small_trial("a2c", "CartPole-v1", hyperparameters={"training_seed": 7}, steps=300, seed=number)
        records.append(carry_out(trial, tmp_path / str(number)))
    one, other = records
    np.testing.assert_array_equal(one.curve.training_returns, other.curve.training_returns)
    assert list(one.final.returns) != list(other.final.returns)
