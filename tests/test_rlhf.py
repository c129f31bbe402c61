"""RLHF in small: rewards by hand, a reward model that foretells preferences, a policy that knows the corpus, and KL."""

from __future__ import annotations

import math
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv

from bench.algorithms.held import HeldToStart
from bench.catalog import environments
from bench.rlhf.environment import ACTIONS, OBSERVATIONS, Sentence
from bench.rlhf.policy import PretrainedPolicy
from bench.rlhf.reward_model import encoded, preferences, reward_model
from bench.rlhf.world import LENGTH, VOCABULARY, true_reward, world


def test_the_true_reward_pays_a_good_token_three_times_and_fines_what_follows() -> None:
    rows = np.array(
        [
            [0, 1, 2, 0, 1, 2, 0, 1, 2, 3, 4, 5],  # three of each
            [0] * 12,  # three, less nine
            [3] * 12,
            [0, 0, 0, 0, 1, 3, 4, 5, 6, 7, 3, 4],  # three, less one, and one
        ]
    )
    assert true_reward(rows).tolist() == [9, -6, 0, 3]


def test_the_reference_is_what_even_tokens_earn() -> None:
    counts = np.random.default_rng(0).integers(VOCABULARY, size=(200_000, LENGTH))
    reference = environments()["bench/Sentence-v0"].reference
    assert reference is not None
    assert true_reward(counts).mean() == pytest.approx(reference.random, abs=0.02)


def test_a_world_writes_by_its_chain() -> None:
    of = world(3)
    found = of.sentences(40_000, np.random.default_rng(1))
    assert found.shape == (40_000, LENGTH)
    pairs = np.zeros((VOCABULARY, VOCABULARY))
    np.add.at(pairs, (found[:, :-1].ravel(), found[:, 1:].ravel()), 1)
    np.testing.assert_allclose(pairs / pairs.sum(axis=1, keepdims=True), of.following, atol=0.02)


def test_preferences_follow_bradley_and_terry() -> None:
    pairs = preferences(world(0), 60_000, np.random.default_rng(2))
    gaps = true_reward(pairs.one) - true_reward(pairs.other)
    for gap in (0.0, 1.0, -2.0):
        chance = pairs.first[gaps == gap].mean()
        assert chance == pytest.approx(1 / (1 + math.exp(-gap)), abs=0.03)


def test_the_reward_model_foretells_held_out_preferences_and_errs_where_the_corpus_never_was() -> None:
    model, of = reward_model(0), world(0)
    # A coin has 0.5; the labels' noise allows no more than the true reward has.
    assert 0.68 < model.accuracy < model.attainable < 0.85
    corpus = of.sentences(4_000, np.random.default_rng(5))
    learned = model.reward(corpus)
    assert (learned.mean(), learned.std()) == (pytest.approx(0, abs=0.06), pytest.approx(1, abs=0.06))
    assert np.corrcoef(learned, true_reward(corpus))[0, 1] > 0.8
    # One good token twelve times: better than anything to the model, and a fine to whoever asked for good tokens.
    monotonous = np.array([[token] * LENGTH for token in (0, 1, 2)])
    exploited = model.reward(monotonous).argmax()
    assert model.reward(monotonous)[exploited] > learned.max()
    assert true_reward(monotonous)[exploited] == -6


@pytest.mark.parametrize(("reward", "paid"), [("true", 9.0), ("learned", None)])
def test_a_sentence_is_paid_for_when_it_is_whole(reward: str, paid: float | None) -> None:
    env = Sentence(reward)
    tokens = [0, 1, 2, 0, 1, 2, 0, 1, 2, 3, 4, 5]
    observed, _ = env.reset(seed=0)
    assert not observed.any()
    for place, token in enumerate(tokens):
        observed, earned, over, cut, _ = env.step(np.int64(token))
        assert observed.reshape(LENGTH, VOCABULARY)[place].argmax() == token
        assert observed.sum() == place + 1
        assert (over, cut) == (place == LENGTH - 1, False)
        assert over or earned == 0
    wanted = reward_model(0).reward(np.array([tokens]))[0] if paid is None else paid
    assert earned == pytest.approx(wanted)
    with pytest.raises(ValueError, match="learned or true"):
        Sentence("praise")


def policy() -> PretrainedPolicy:
    return PretrainedPolicy(OBSERVATIONS, ACTIONS, lambda _: 1e-3)


def test_the_policy_begins_with_the_corpus_whatever_the_seed() -> None:
    of = world(0)
    torch.manual_seed(1)
    one = policy()
    torch.manual_seed(2)
    other = policy()
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name])
    written = np.full((VOCABULARY, LENGTH), -1)
    written[:, 0], written[:, 1] = 4, np.arange(VOCABULARY)
    with torch.no_grad():
        chances = one.get_distribution(encoded(written)).distribution.probs.numpy()
    # Half of the total variation between what it foretells after each token and what the chain does.
    assert np.abs(chances - of.following).sum(axis=1).mean() / 2 < 0.1


def test_leaving_the_start_costs_beta_for_each_nat() -> None:
    def priced(beta: float) -> tuple[HeldToStart, Any]:
        env = HeldToStart(DummyVecEnv([lambda: Sentence("true")]), beta)
        return env, PPO(PretrainedPolicy, env, n_steps=24, seed=0, device="cpu")

    (free, model), (dear, _) = priced(0.0), priced(2.0)
    for env in (free, dear):
        env.hold(model)
    tokens = [3, 1, 4, 1, 5, 0, 2, 6, 5, 3, 5, 0]
    # Before anything is learned nothing is paid.
    for env in (free, dear):
        env.reset()
        assert [float(env.step(np.array([token]))[1][0]) for token in tokens] == [0.0] * 11 + [4.0]
        assert env.divergence == 0
    with torch.no_grad():
        for weights in model.policy.action_net.parameters():
            weights.add_(torch.linspace(-1, 1, weights.numel()).reshape(weights.shape))
    paid = []
    for env in (free, dear):
        env.reset()
        paid.append([float(env.step(np.array([token]))[1][0]) for token in tokens])
    now, before = (
        np.array([float(_log(one, tokens, place)) for place in range(LENGTH)]) for one in (model.policy, policy())
    )
    np.testing.assert_allclose(np.subtract(*paid), 2 * (now - before), atol=1e-5)
    assert dear.divergence == pytest.approx(((now - before).sum() + 0) / 2)


def _log(of: Any, tokens: list[int], place: int) -> torch.Tensor:
    written = np.full((1, LENGTH), -1)
    written[0, :place] = tokens[:place]
    with torch.no_grad():
        found: torch.Tensor = of.get_distribution(encoded(written)).log_prob(torch.tensor([tokens[place]]))
    return found


def test_it_is_registered() -> None:
    assert isinstance(gym.make("bench.rlhf.environment:bench/Sentence-v0").unwrapped, Sentence)
