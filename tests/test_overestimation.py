"""Predicted against realised returns: critics set by hand on a wage whose value is known, and who may ask for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import pytest
import torch
from gymnasium import spaces
from scipy import stats

from bench import suite
from bench.algorithms.overestimation import Episode, compared, realised
from bench.catalog import find_algorithm, load
from bench.plan import expected_seconds, plan
from bench.records import EvaluationPlan, Trial, steps_beyond
from bench.runner.trial import learner_request
from tests.making import small_trial
from tests.test_claims import claim, limits, one_verdict, record_of, statement_of, trial_of

LIMIT, GAMMA = 10, 0.9
BEYOND = 44
"""0.9^43 is 0.0108, 0.9^44 is 0.0097."""
OF_THREE = (2.71 + 1.9 + 1) / 3
"""Mean return over the states of an episode that pays 1 three times: 1 + 0.9 + 0.81, 1 + 0.9, 1."""
Vector = npt.NDArray[np.float32]


class Wage(gym.Env[Any, Any]):
    """Pays 1 a step, of discrete actions the second alone; ends after `lasting` steps, where that is given."""

    def __init__(self, *, discrete: bool = False, lasting: int | None = None) -> None:
        self.observation_space = spaces.Box(-1.0, 1.0, (1,))
        self.action_space: spaces.Space[Any] = spaces.Discrete(2) if discrete else spaces.Box(-2.0, 2.0, (1,))
        self._discrete, self._lasting, self._taken = discrete, lasting, 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Vector, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        self._taken = 0
        return np.zeros(1, dtype=np.float32), {}

    def step(self, action: Any) -> tuple[Vector, float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(action)
        self._taken += 1
        pay = float(action) if self._discrete else 1.0
        return np.zeros(1, dtype=np.float32), pay, self._taken == self._lasting, False, {}


def wage(**keywords: Any) -> Wage:
    return Wage(**keywords)


gym.register("tests/Wage-v0", entry_point=wage, max_episode_steps=LIMIT)


class Paid:
    """A learner on the wage, whose critics say what they are told to."""

    def __init__(
        self, name: str, says: Sequence[Sequence[float]], settings: dict[str, Any] | None = None, **env: Any
    ) -> None:
        network = {"net_arch": [4], **({"n_quantiles": 2} if name in {"tqc", "qrdqn"} else {})}
        given = {"gamma": GAMMA, "buffer_size": 10, "policy_kwargs": network, **(settings or {})}
        self.env = {"discrete": "dqn" in name, **env}
        trial = small_trial(name, "tests/Wage-v0", hyperparameters=given, environment_kwargs=self.env)
        self.learner: Any = load(find_algorithm(name).maker)(learner_request(trial))
        policy = self.learner.model.policy
        critic = policy.q_net if name == "dqn" else policy.quantile_net if name == "qrdqn" else policy.critic
        networks = {"dqn": "q_net", "qrdqn": "quantile_net"}.get(name)
        with torch.no_grad():
            for weights in critic.parameters():
                weights.zero_()
            for one, biases in zip([getattr(critic, networks)] if networks else critic.q_networks, says, strict=True):
                one[-1].bias.copy_(torch.tensor(biases))

    def found(self, episodes: int = 2, limit: int = LIMIT) -> dict[str, float]:
        def make(_: int, beyond: int) -> gym.Env[Any, Any]:
            return gym.make("tests/Wage-v0", max_episode_steps=limit + beyond, disable_env_checker=True, **self.env)

        told: dict[str, float] = self.learner.value_error(make, episodes)
        return told


def test_a_wage_without_end_is_worth_its_geometric_sum_and_the_first_critic_of_td3_is_held_against_it() -> None:
    found = Paid("td3", [[12.0], [50.0]]).found()
    assert found["predicted_value"] == pytest.approx(12)
    # States 0 to 10 of the 54 steps lack at most a hundredth; from state t on 54 - t wages are seen.
    seen = np.mean([10 * (1 - GAMMA ** (LIMIT + BEYOND - t)) for t in range(11)])
    assert found["overestimation"] == pytest.approx(12 - seen)
    assert 2 < found["overestimation"] < 2.1


@pytest.mark.parametrize(
    ("name", "says", "predicted"),
    [
        ("ddpg", [[12.0]], 12.0),
        ("td3", [[12.0], [50.0]], 12.0),
        # Without entropy: the lower critic, the mean of all quantiles.
        ("sac", [[50.0], [12.0]], 12.0),
        ("crossq", [[50.0], [12.0]], 12.0),
        ("tqc", [[10.0, 12.0], [14.0, 16.0]], 13.0),
        # The greedy action is the second, which is paid; quantiles 2 and 4 of the first, 9 and 5 of the second.
        ("dqn", [[3.0, 7.0]], 7.0),
        ("qrdqn", [[2.0, 9.0, 4.0, 5.0]], 7.0),
    ],
)
def test_where_an_episode_ends_every_state_counts_and_each_algorithm_predicts_by_the_critic_that_it_climbs(
    name: str, says: list[list[float]], predicted: float
) -> None:
    settings = {"ent_coef": 0.0} if name in {"sac", "crossq", "tqc"} else {}
    found = Paid(name, says, settings, lasting=3).found()
    assert found["predicted_value"] == pytest.approx(predicted)
    assert found["overestimation"] == pytest.approx(predicted - OF_THREE)


def test_returns_of_a_stochastic_policy_hold_the_entropy_that_its_critic_counts_from_the_second_step_on() -> None:
    paid = Paid("sac", [[12.0], [12.0]], {"ent_coef": 0.5})
    with torch.no_grad():
        drawn = paid.learner.model.policy.actor.action_log_prob(torch.zeros((20_000, 1)))[1]
    bonus = -0.5 * float(drawn.mean())
    assert abs(GAMMA / (1 - GAMMA) * bonus) > 1
    torch.manual_seed(0)
    # An episode's bonuses scatter by about one.
    assert paid.found(200)["overestimation"] == pytest.approx(12 - 10 - GAMMA / (1 - GAMMA) * bonus, abs=0.4)


def test_a_return_by_hand() -> None:
    # 1 + 0.5 (8 + 2 + 0.5 (4 + 3)), 2 + 0.5 (4 + 3), 3: the first bonus is nobody's.
    episode = Episode([0.0] * 3, [1.0, 2.0, 3.0], [100.0, 8.0, 4.0], ended=True)
    assert realised(episode, 0.5).tolist() == [7.75, 5.5, 3.0]
    assert compared([episode], 0.5) == {"predicted_value": 0.0, "overestimation": pytest.approx(-16.25 / 3)}


def test_a_critic_to_whom_time_limits_are_ends_is_held_against_returns_until_there() -> None:
    settings = {"replay_buffer_kwargs": {"handle_timeout_termination": False}}
    found = Paid("td3", [[12.0], [12.0]], settings).found()
    seen = np.mean([10 * (1 - GAMMA**left) for left in range(1, LIMIT + 1)])
    assert found["overestimation"] == pytest.approx(12 - seen)


def test_nothing_is_told_where_the_environment_breaks_off_before_a_return_is_known() -> None:
    assert Paid("td3", [[12.0], [12.0]]).found(limit=5 - BEYOND) == {}


def test_normalised_rewards_are_paid_as_training_learns_from_them() -> None:
    paid = Paid("td3", [[12.0], [12.0]], {"normalize": True}, lasting=3)
    paid.learner.model.get_vec_normalize_env().ret_rms.var = np.float64(4.0)
    assert paid.found()["overestimation"] == pytest.approx(12 - OF_THREE / 2)


def test_so_many_steps_after_the_limit_leave_a_hundredth() -> None:
    # ln 0.01 / ln 0.99 = 458.2; without a discount nothing suffices.
    assert [steps_beyond(gamma) for gamma in (0.0, 0.9, 0.99, 0.9999, 1.0)] == [0, BEYOND, 459, 5_000, 5_000]


def planned(evaluation: str) -> Trial:
    text = f"seeds: 1\nalgorithms: [td3]\nenvironments: {{Pendulum-v1: 3000}}\nevaluation: {{{evaluation}}}\n"
    return plan(suite.parse(text, "x.yaml")).trials[0]


def test_identities_from_before_hold_where_nobody_asks() -> None:
    plain, asked = planned("points: 2"), planned("points: 2, value_episodes: 3")
    assert "value_episodes" not in plain.definition()["evaluation"]
    assert asked.fingerprint != plain.fingerprint


def test_the_price_counts_the_episodes_and_what_is_played_after_their_limits() -> None:
    trial, plain = planned("points: 2"), EvaluationPlan(2, 1, 1)
    other = replace(trial, algorithm="ppo", implementation="stable_baselines3:PPO")

    def seconds(one: Trial, evaluation: EvaluationPlan) -> float:
        return expected_seconds(replace(one, evaluation=evaluation))

    # One more episode at the end is 200 steps.
    a_step = (seconds(trial, replace(plain, final_episodes=2)) - seconds(trial, plain)) / 200
    valued = replace(plain, value_episodes=3)
    # Three episodes at each of two evaluations, with 459 steps on top.
    assert (seconds(trial, valued) - seconds(trial, plain)) / a_step == pytest.approx(6 * (200 + 459))
    # PPO has no critic of actions.
    assert seconds(other, valued) == seconds(other, plain)


def test_a_claim_that_nothing_is_overestimated_compares_the_last_look_with_a_number() -> None:
    last = [0.5, 1.5, 1.0, 2.0]
    looks = [
        replace(record_of(trial_of("a", "x", seed), 1.0), diagnostics={"overestimation": np.array([9.0, 9, 9, one])})
        for seed, one in enumerate(last)
    ]
    found = one_verdict(looks, claim(right=5, quantity="overestimation", direction="less"))
    expected = stats.ttest_1samp(last, 0.0).confidence_interval(0.95)
    assert limits(found) == pytest.approx((expected.low, expected.high))
    assert found.verdict == "supported"
    assert "predicted minus realised discounted return of the policy at the end of training" in statement_of(found)
