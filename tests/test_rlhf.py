"""RLHF in small: rewards by hand, a reward model that foretells preferences, a policy that knows the corpus, and KL."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv

from bench import load_policy
from bench.algorithms.held import HeldToStart
from bench.catalog import environments
from bench.errors import BenchError
from bench.records import EvaluationPlan
from bench.rlhf.environment import ACTIONS, OBSERVATIONS, Sentence
from bench.rlhf.policy import PretrainedPolicy
from bench.rlhf.reward_model import preferences, reward_model
from bench.rlhf.world import LENGTH, VOCABULARY, Sentences, beginning, encoded, true_reward, world
from tests.making import carry_out, played_again, small_trial


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


@pytest.mark.parametrize("learned", [False, True])
def test_a_sentence_is_paid_for_when_it_is_whole(learned: bool) -> None:
    env = Sentence(learned=learned)
    tokens = [0, 1, 2, 0, 1, 2, 0, 1, 2, 3, 4, 5]
    observed, told = env.reset(seed=0)
    assert not observed.any()
    model = reward_model(0)
    known = {"reward_model_accuracy": model.accuracy, "true_reward_accuracy": model.attainable}
    assert told == (known if learned else {})
    for place, token in enumerate(tokens):
        observed, earned, over, cut, _ = env.step(np.int64(token))
        # The newest first.
        written = observed.reshape(LENGTH, VOCABULARY)
        assert written[: place + 1].argmax(axis=1).tolist() == tokens[place::-1]
        assert observed.sum() == place + 1
        assert (over, cut) == (place == LENGTH - 1, False)
        assert over or earned == 0
    assert earned == pytest.approx(model.reward(np.array([tokens]))[0] if learned else 9.0)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (
            "docs/environments.md",
            r"foretells (0\.\d+) of held-out preferences, where the true reward itself foretells (0\.\d+)",
        ),
        ("suites/rlhf.yaml", r"foretells (0\.\d+) of held-out preferences, the true reward itself (0\.\d+)"),
    ],
)
def test_how_good_the_reward_model_is_is_told_as_it_is(path: str, words: str) -> None:
    text = " ".join((Path(__file__).parents[1] / path).read_text().split())
    found = re.search(words, text)
    assert found is not None
    model = reward_model(0)
    assert [float(one) for one in found.groups()] == pytest.approx([model.accuracy, model.attainable], abs=0.01)


def seen(sentences: Sentences) -> torch.Tensor:
    return torch.as_tensor(encoded(sentences))


def chances(of: Any, sentences: Sentences) -> NDArray[np.float64]:
    """(sentences, VOCABULARY): of the next token, in a policy's opinion."""
    return _chances(of, seen(sentences))


def _chances(of: Any, observed: torch.Tensor) -> NDArray[np.float64]:
    with torch.no_grad():
        found: NDArray[np.float64] = of.get_distribution(observed).distribution.probs.double().numpy()
    return found


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
    unseen = of.sentences(1_000, np.random.default_rng(9))
    for written in (1, 2, 6, 11):
        # Total variation between what it foretells after each beginning and what the chain does.
        told = chances(one, beginning(unseen, written))
        apart = np.abs(told - of.following[unseen[:, written - 1]]).sum(axis=1).mean() / 2
        assert apart < 0.1, written


def test_a_policy_for_something_else_is_told_what_it_was_pretrained_on() -> None:
    with pytest.raises(BenchError, match="bench/Sentence-v0, with the library's usual network"):
        PretrainedPolicy(OBSERVATIONS, ACTIONS, lambda _: 1e-3, net_arch=[8])


def test_leaving_the_start_costs_beta_for_each_nat() -> None:
    beta, tokens = 2.0, [3, 1, 4, 1, 5, 0, 2, 6, 5, 3, 5, 0]
    env = HeldToStart(DummyVecEnv([Sentence]), beta)
    model = PPO(PretrainedPolicy, env, n_steps=24, batch_size=24, seed=0, device="cpu")
    env.hold(model)

    def written(on: HeldToStart) -> list[float]:
        on.reset()
        return [float(on.step(np.array([token]))[1][0]) for token in tokens]

    # Before anything is learned nothing is paid. Two ones, two zeros and a two are worth 5.
    score = [0.0] * 11 + [5.0]
    assert written(env) == score
    assert env.divergence == 0
    assert env.penalised_return == 5
    with torch.no_grad():
        for weights in model.policy.action_net.parameters():
            weights.add_(torch.linspace(-1, 1, weights.numel()).reshape(weights.shape))
    now, before = (
        np.array([float(_log(one, tokens, place)) for place in range(LENGTH)]) for one in (model.policy, policy())
    )
    # As TRL's PPOTrainer has it with its estimator k1: -kl_coef * (logprobs - ref_logprobs), and the score at the end.
    np.testing.assert_allclose(written(env), -beta * (now - before) + score, atol=1e-5)
    assert env.divergence == pytest.approx((0 + (now - before).sum()) / 2, abs=1e-5)
    # Of both sentences: five each, and for the second the price.
    assert env.penalised_return == pytest.approx(5 - beta * (now - before).sum() / 2, abs=1e-4)
    # What measures on environments of its own pays the same.
    np.testing.assert_allclose(written(env.around(DummyVecEnv([Sentence]))), -beta * (now - before) + score, atol=1e-5)


def _log(of: Any, tokens: list[int], place: int) -> torch.Tensor:
    with torch.no_grad():
        distribution = of.get_distribution(seen(beginning(np.array([tokens]), place)))
        found: torch.Tensor = distribution.log_prob(torch.tensor([tokens[place]]))
    return found


def test_numbers_for_actions_are_refused() -> None:
    with pytest.raises(BenchError, match="kl_to_start: wants discrete actions"):
        HeldToStart(DummyVecEnv([lambda: gym.make("Pendulum-v1")]), 0.1)


def test_the_divergence_that_is_told_is_that_of_the_distributions_which_the_tokens_were_drawn_from() -> None:
    env, rng = HeldToStart(DummyVecEnv([Sentence] * 20), 0.1), np.random.default_rng(0)
    model: Any = PPO(PretrainedPolicy, env, n_steps=12, batch_size=240, device="cpu")
    env.hold(model)
    with torch.no_grad():
        model.policy.action_net.bias.add_(torch.linspace(0, 4, VOCABULARY))
    start, exact, observed = policy(), 0.0, env.reset()
    for _ in range(5 * LENGTH):
        now, before = (_chances(one, torch.as_tensor(observed)) for one in (model.policy, start))
        exact += float((now * np.log(now / before)).sum()) / (5 * 20)
        drawn = [rng.choice(VOCABULARY, p=row / row.sum()) for row in now]
        observed = env.step(np.array(drawn))[0]
    # Of a hundred sentences.
    assert exact > 2
    assert env.divergence == pytest.approx(exact, abs=0.6)


SETTINGS: dict[str, dict[str, Any]] = {
    "reinforce": {"episodes_per_update": 4},
    "a2c": {},
    "ppo": {"n_steps": 24, "batch_size": 48},
}


@pytest.mark.parametrize("name", list(SETTINGS))
def test_a_run_learns_from_the_learned_reward_is_judged_by_the_true_one_and_is_read_back(
    tmp_path: Path, name: str
) -> None:
    given = {"policy": "bench.rlhf.policy.PretrainedPolicy", "policy_kwargs": {"world": 1}, "n_envs": 2, "gamma": 1.0}
    plan = EvaluationPlan(2, 2, 5, deterministic=False, diagnostics=True)
    trial = replace(
        small_trial(
            name,
            "bench/Sentence-v0",
            steps=480,
            evaluation=plan,
            environment_kwargs={"learned": True, "world": 1},
            hyperparameters={**given, **SETTINGS[name], "kl_to_start": 0.1},
        ),
        evaluation_kwargs={"learned": False, "world": 1},
    )
    record = carry_out(trial, tmp_path)
    # The true reward is a whole number, what the model makes of a sentence is none.
    assert (record.final.returns == record.final.returns.round()).all()
    learned = record.told("training_return")
    assert learned is not None
    assert not (learned == learned.round()).any()
    gone = record.told("kl_to_start")
    assert gone is not None
    assert (np.isfinite(gone) & (gone != 0)).all()
    left = record.told("penalised_return")
    assert left is not None
    assert (np.isfinite(left) & (left < learned + 1)).all()
    kept = load_policy(tmp_path / trial.name)
    assert played_again(kept) == record.final.returns.tolist()


def test_three_surveys_are_registered_each_with_a_reward_model_of_its_own() -> None:
    ids = [f"bench.rlhf.environment:bench/Sentence{letter}-v0" for letter in ("", "B", "C")]
    told = [gym.make(id_, learned=True).reset()[1] for id_ in ids]
    assert told == [
        {"reward_model_accuracy": model.accuracy, "true_reward_accuracy": model.attainable}
        for model in (reward_model(0, survey) for survey in range(3))
    ]
    sentence = world(0).sentences(1, np.random.default_rng(1))
    assert len({float(reward_model(0, survey).reward(sentence)[0]) for survey in range(3)}) == 3
