"""What training sees and what policies are evaluated in may differ: in dynamics, and in the scale of rewards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from bench import suite
from bench.environments.making import make
from bench.plan import plan, references
from bench.runner.trial import evaluation_environment
from tests.making import carry_out, small_trial

SCALED = {"bench.environments.wrappers.ScaleReward": {"factor": 1000}}


class Paid(gym.Env[np.int64, np.int64]):
    """One step, paid as much as it is made with."""

    def __init__(self, wage: float = 1.0) -> None:
        self.observation_space, self.action_space = spaces.Discrete(1), spaces.Discrete(2)
        self._wage = wage

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.int64, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        return np.int64(0), {}

    def step(self, action: np.int64) -> tuple[np.int64, float, bool, bool, dict[str, Any]]:
        del action
        return np.int64(0), self._wage, True, False, {}


def paid(**keywords: Any) -> Paid:
    return Paid(**keywords)


gym.register("Paid-v0", paid)


def test_arguments_of_evaluation_hold_there_over_the_others_and_training_never_meets_them(tmp_path: Path) -> None:
    trial = replace(
        small_trial("q_learning", "Paid-v0", environment_kwargs={"wage": 2.0}), evaluation_kwargs={"wage": 3.0}
    )
    record = carry_out(trial, tmp_path)
    assert set(record.final.returns.tolist()) == set(record.curve.returns.ravel().tolist()) == {3.0}
    assert record.curve.training_returns.tolist() == [2.0, 2.0]
    assert record.trial == trial


def test_arguments_of_evaluation_are_part_of_the_identity_only_where_given() -> None:
    plain = small_trial("q_learning", "Paid-v0")
    assert "evaluation_kwargs" not in plain.definition()
    perturbed = replace(plain, evaluation_kwargs={"wage": 3.0})
    assert perturbed.fingerprint != plain.fingerprint
    assert (plain.changed, perturbed.changed) == (False, True)


def test_the_catalogues_reference_holds_with_scaled_rewards_and_not_with_other_dynamics() -> None:
    text = """
algorithms: [{name: ppo, hyperparameters: {env_wrapper: {bench.environments.wrappers.ScaleReward: {factor: 1000}}}}]
environments: {Pendulum-v1: {steps: 3000%s}}
"""
    scaled, perturbed = (suite.parse(text % more, "x.yaml") for more in ("", ", evaluation_kwargs: {g: 13.0}"))
    known = references(scaled)["Pendulum-v1"]
    assert known is not None
    assert known.random == -1227.0
    assert references(perturbed)["Pendulum-v1"] is None
    (trial, *_) = plan(perturbed).trials
    assert trial.evaluation_kwargs == {"g": 13.0}
    env, _totals = evaluation_environment(trial)
    assert (env.unwrapped.g, gym.make("Pendulum-v1").unwrapped.g) == (13.0, 10.0)  # type: ignore[attr-defined]


def test_scaled_rewards_are_what_training_sees_and_returns_stay_the_environments_own() -> None:
    env, totals = make("CartPole-v1", {}, wrappers=(SCALED,))
    env.reset(seed=0)
    assert env.step(0)[1] == 1000.0
    assert (totals.total, totals.length) == (1.0, 1)


def test_pendulum_under_its_second_name_is_pendulum() -> None:
    played = []
    for name in ("Pendulum-v1", "bench/PendulumAgain-v0"):
        env, totals = make(name, {})
        env.reset(seed=3)
        while not any(env.step(np.array([1.0], dtype=np.float32))[2:4]):
            pass
        played.append((totals.total, totals.length))
    assert played[0] == played[1]
    assert played[0][1] == 200
