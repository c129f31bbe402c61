"""The measured scatter and bias of a gradient, against hand, exact gradients and a training that nobody measured."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import pytest
import torch
from stable_baselines3.common.vec_env import DummyVecEnv

from bench.algorithms import gradient
from bench.algorithms.reinforce import REINFORCE, Episode
from bench.analysis.quantities import gradient_bias
from bench.environments.toy import ARMS, CELLS, CORRIDOR_HORIZON, RIGHT, SLIP, STEP_COST
from bench.records import GradientNoise

BANDIT, CORRIDOR = "bench/Bandit-v0", "bench/Corridor-v0"
Vector = npt.NDArray[np.float64]


def slots(environment: str, seed: int, count: int = 1) -> DummyVecEnv:
    env = DummyVecEnv([partial(gym.make, environment)] * count)
    env.seed(seed)
    return env


def learner(environment: str, **settings: Any) -> REINFORCE:
    """A linear softmax policy, lopsided: on the bandit one state's preferences, on the corridor a table's."""
    settings = {"seed": 3, "episodes_per_update": 4, "gamma_power": True, "gamma": 0.9, **settings}
    model = REINFORCE(
        "MlpPolicy",
        slots(environment, 3),
        policy_kwargs={"net_arch": [], "ortho_init": False},
        device="cpu",
        **settings,
    )
    with torch.no_grad():
        net = model.policy.action_net
        assert isinstance(net, torch.nn.Linear)
        net.bias[-1] += 1.0
    return model


def exact(model: REINFORCE, expected_return: torch.Tensor) -> Vector:
    parts = torch.autograd.grad(expected_return, list(model.policy.parameters()), materialize_grads=True)
    return torch.cat([part.flatten() for part in parts]).double().numpy()


def probabilities(model: REINFORCE, states: int) -> torch.Tensor:
    distribution = model.policy.get_distribution(torch.arange(states)).distribution
    assert isinstance(distribution, torch.distributions.Categorical)
    return distribution.probs


def bandits_gradient(model: REINFORCE) -> Vector:
    return exact(model, (probabilities(model, 1)[0] * torch.tensor(ARMS)).sum())


def corridors_gradient(model: REINFORCE) -> Vector:
    """By dynamic programming backwards from the horizon."""
    policy, values = probabilities(model, CELLS), torch.zeros(CELLS)
    for _ in range(CORRIDOR_HORIZON):
        now = []
        for cell in range(CELLS - 1):
            right = policy[cell, RIGHT] * (1 - SLIP) + (1 - policy[cell, RIGHT]) * SLIP
            ahead = torch.ones(()) if cell + 1 == CELLS - 1 else model.gamma * values[cell + 1]
            now.append(right * ahead + (1 - right) * model.gamma * values[max(0, cell - 1)] - STEP_COST)
        values = torch.stack([*now, torch.zeros(())])
    return exact(model, values[0])


VARIANTS: dict[str, dict[str, Any]] = {
    "none": {},
    "running mean": {"baseline": "running"},
    "mean of the others": {"baseline": "mean"},
    "value": {"baseline": "value"},
}


def furthest(estimates: Vector, truth: Vector) -> float:
    """The largest distance of a mean from the truth, in standard errors, over the parameters that vary."""
    error = estimates.std(axis=0, ddof=1) / np.sqrt(len(estimates))
    assert np.allclose(truth[error == 0], 0)
    return float(np.abs((estimates.mean(axis=0) - truth)[error > 0] / error[error > 0]).max())


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_baselines_estimates_lie_around_the_bandits_exact_gradient(variant: str) -> None:
    model = learner(BANDIT, **VARIANTS[variant])
    model.running_mean = 0.5
    own, plain = gradient.estimates(model, slots(BANDIT, 11, 16), 200)
    truth = bandits_gradient(model)
    # Bonferroni over five preferences, their bias and weight: 4 standard errors are 1 in 1,500.
    assert furthest(own, truth) < 4
    assert furthest(plain, truth) < 4


def test_the_corridors_estimates_lie_around_the_exact_gradient_by_dynamic_programming() -> None:
    model = learner(CORRIDOR, baseline="mean")
    own, _ = gradient.estimates(model, slots(CORRIDOR, 11, 8), 40)
    assert furthest(own, corridors_gradient(model)) < 4


def test_the_bandits_measured_variance_is_the_exact_one_and_a_baseline_cuts_it() -> None:
    model = learner(BANDIT, baseline="running")
    chances, pays = probabilities(model, 1)[0].detach().double().numpy(), np.array(ARMS)
    value = float(chances @ pays)
    model.running_mean = value
    found = gradient.measured(model, slots(BANDIT, 12, 16), 300)
    # An episode's estimate is (R - b)(e_a - pi), once for the weights (a one-hot of one state) and once for the biases.
    squares = 2 * ((np.eye(5) - chances) ** 2).sum(axis=1)
    truth = bandits_gradient(model)
    plain = float(chances @ (pays * squares) - truth @ truth)
    own = float(chances @ ((pays * (1 - value) ** 2 + (1 - pays) * value**2) * squares) - truth @ truth)
    assert own < 0.6 * plain
    # A batch is the mean of 16.
    assert found.variance == pytest.approx(own / 16, rel=0.15)
    assert found.plain_variance == pytest.approx(plain / 16, rel=0.15)
    assert found.squared_norm == pytest.approx(truth @ truth, rel=0.3)
    assert abs(found.squared_bias) < 0.05 * found.plain_variance


def test_the_mean_of_a_batch_that_counts_the_episode_itself_shrinks_the_gradient_by_one_in_its_size() -> None:
    # Returns 1, 0, 0, 3 less their mean are 0, -1, -1, 2: three quarters of 0, -4/3, -4/3, 8/3, less the others' mean.
    model = learner(BANDIT, baseline="mean")
    batch = model.batch([Episode(np.array([0]), np.array([0]), np.array([pay])) for pay in (1.0, 0.0, 0.0, 3.0)])
    assert (0.75 * batch.advantages).tolist() == pytest.approx([0, -1, -1, 2])
    assert (batch.returns - batch.returns.mean()).tolist() == [0, -1, -1, 2]


def test_variance_bias_and_length_by_hand() -> None:
    # Own (0, 0), (2, 0), (1, 3): variances 1 and 3. Plain (0, 0), (1, 0), (2, 0): variance 1; means of products of two
    # different ones: (0 + 0 + 2) / 3. Differences (0, 0), (1, 0), (-1, 3): products 0, 0, -1.
    found = gradient.noise(np.array([[0.0, 0], [2, 0], [1, 3]]), np.array([[0.0, 0], [1, 0], [2, 0]]))
    assert (found.batches, found.variance, found.plain_variance) == (3, 4, 1)
    assert found.squared_norm == pytest.approx(2 / 3)
    assert found.squared_bias == pytest.approx(-1 / 3)


def looks(chances: Vector, baseline: Vector, draws: np.random.Generator, steps: int) -> tuple[GradientNoise, Vector]:
    """What 12 batches of 8 pulls say under a baseline that may depend on the arm; the exact mean of b grad log pi."""
    arms = draws.choice(5, (12, 8), p=chances)
    pays = (draws.random((12, 8)) < np.array(ARMS)[arms]).astype(float)
    scores = np.eye(5)[arms] - chances
    plain, own = ((weights[..., None] * scores).mean(axis=1) for weights in (pays, pays - baseline[arms]))
    return replace(gradient.noise(own, plain), steps=steps), (chances * baseline) @ (np.eye(5) - chances)


def biases(chances: Vector, baseline: Vector) -> tuple[Vector, float]:
    """(runs,) `gradient_bias` of 300 runs of the bandit that begin with equal chances; and what it should come to."""
    draws, found = np.random.default_rng(5), []
    for _ in range(300):
        start, _ = looks(np.full(5, 0.2), np.zeros(5), draws, 0)
        later, expected = looks(chances, baseline, draws, 100)
        largest = max(start.plain_variance, later.plain_variance)
        found.append((gradient_bias([start, later]), float(expected @ expected) / largest))
    measured, exact = np.array(found).T
    return measured, float(exact.mean())


@pytest.mark.parametrize("best", [0.9, 0.99, 0.999, 0.9999])
def test_a_constant_baseline_is_not_taken_for_biased_near_a_deterministic_policy(best: float) -> None:
    rest = (1 - best) / 4
    chances = np.array([rest, rest, rest, best, rest])
    found, _ = biases(chances, np.full(5, 0.9))
    # The margin that `suites/reinforce.yaml` declares; the mean of ten runs is what its claim speaks of.
    assert np.abs(found.reshape(30, 10).mean(axis=1)).max() < 0.05
    # Held against the variance of its own look it would be 8 x 0.81 / 0.09 = 72 where one arm alone was drawn.
    if best == 0.9999:
        later = [looks(chances, np.full(5, 0.9), np.random.default_rng(seed), 1)[0] for seed in range(20)]
        assert np.median([one.squared_bias / one.plain_variance for one in later]) > 50


@pytest.mark.parametrize("best", [0.2, 0.6])
def test_a_baseline_that_depends_on_the_arm_is_found_biased_by_its_exact_bias(best: float) -> None:
    # What each arm pays: it takes all of the gradient away, so that the bias is the gradient itself.
    rest = (1 - best) / 4
    chances, pays = np.array([rest, rest, rest, best, rest]), np.array(ARMS)
    found, exact = biases(chances, pays)
    preferences = torch.tensor(chances).log().requires_grad_()
    (truth,) = torch.autograd.grad((preferences.softmax(0) * torch.tensor(pays)).sum(), preferences)
    # With equal chances one pull's estimate has the variance 0.5 x 0.8 - 0.016, and a batch of eight an eighth of it;
    # the larger of two estimates lies above what it estimates.
    assert exact == pytest.approx(float(truth @ truth) / ((0.4 - 0.016) / 8), rel=0.2)
    assert found.mean() == pytest.approx(exact, abs=4 * found.std() / np.sqrt(len(found)))
    assert found.reshape(30, 10).mean(axis=1).min() > 0.05


def test_without_baseline_and_normalisation_the_own_estimate_is_the_plain_one() -> None:
    found = gradient.measured(learner(CORRIDOR), slots(CORRIDOR, 14), 5)
    assert found.variance == found.plain_variance > 0
    assert found.squared_bias == 0


def test_returns_of_another_unit_leave_normalised_estimates_as_noisy_against_the_plain_ones() -> None:
    model = learner(BANDIT, normalize_returns=True, episodes_per_update=32)
    own, plain = gradient.estimates(model, slots(BANDIT, 15, 32), 100)
    # Back on the scale of returns: the direction is that of the exact gradient, and so is about the length.
    assert own.mean(axis=0) @ bandits_gradient(model) == pytest.approx(
        plain.mean(axis=0) @ bandits_gradient(model), rel=0.2
    )
    found = gradient.noise(own, plain)
    assert 0.2 < found.variance / found.plain_variance < 1


def test_the_entropy_bonus_is_no_part_of_what_is_measured() -> None:
    with_bonus, without = (
        gradient.measured(learner(BANDIT, ent_coef=bonus), slots(BANDIT, 16), 3) for bonus in (100.0, 0.0)
    )
    assert with_bonus.squared_norm == without.squared_norm


def test_measuring_leaves_the_training_as_it_was() -> None:
    def weights(looks: int) -> Vector:
        model = learner(CORRIDOR, baseline="value")
        for _ in range(2):
            model.learn(300, reset_num_timesteps=False)
            for _ in range(looks):
                state = torch.get_rng_state()
                gradient.measured(model, slots(CORRIDOR, 17), 2)
                torch.set_rng_state(state)
        return torch.nn.utils.parameters_to_vector(model.policy.parameters()).detach().double().numpy()

    np.testing.assert_array_equal(weights(2), weights(0))


def test_equal_streams_give_equal_measurements() -> None:
    def once() -> GradientNoise:
        torch.manual_seed(0)
        return gradient.measured(learner(CORRIDOR, baseline="mean"), slots(CORRIDOR, 18, 2), 3)

    assert once() == once()
