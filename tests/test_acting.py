"""Actions computed directly, or by NumPy, against what stable-baselines3's own `predict` says."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy
from torch.distributions import Categorical

from bench.algorithms import acting, sb3
from bench.catalog import algorithms, environments, mismatch
from bench.environments.making import make
from bench.records import LearnerRequest
from bench.runner.evaluation import Episodes, Evaluator
from tests.making import small_trial

PLACES = {
    ("discrete", "vector"): ("CartPole-v1", "bench/Sentence-v0"),
    ("continuous", "vector"): ("Pendulum-v1", "BipedalWalker-v3"),
    ("discrete", "discrete"): ("FrozenLake-v1", "Taxi-v4"),
    ("discrete", "image"): ("bench/MinAtarBreakout-v0", "PongNoFrameskip-v4"),
    ("continuous", "image"): ("CarRacing-v3",),
}
"""Kinds of actions and observations -> environments that have them, as unlike each other as there are."""
ONCE = {
    "CartPole-v1": ("qrdqn", "trpo", "ars", "ppo_lstm", "a2c", "reinforce"),
    "Pendulum-v1": ("td3", "tqc", "crossq", "ars"),
}
SHORT = 40
"""Steps after which an episode of these tests is cut."""
PAIRS = [
    (name, place)
    for (actions, observations), places in PLACES.items()
    for place in places
    # Policies of the others are the same on images, which take long.
    for name in ("ppo", *(("dqn" if actions == "discrete" else "sac",) if observations != "image" else ()))
] + [(name, place) for place, names in ONCE.items() for name in names]
SAMPLED = [("ppo", "CartPole-v1"), ("ppo", "Pendulum-v1"), ("sac", "Pendulum-v1"), ("ppo_lstm", "CartPole-v1")]


class Predicting:
    """An actor that asks the library's own `predict`, as a user would."""

    def __init__(self, model: BaseAlgorithm) -> None:
        self.model = model

    def act(
        self, observations: Sequence[Any], memory: Any, starts: Sequence[bool], *, deterministic: bool, **_: Any
    ) -> tuple[Sequence[Any], Any]:
        batch: Any = np.stack(list(observations))
        if (normalisation := self.model.get_vec_normalize_env()) is not None:
            batch = normalisation.normalize_obs(batch)
        actions, memory = self.model.predict(batch, memory, np.array(starts), deterministic)
        return list(actions), memory


def learner(name: str, environment: str, **hyperparameters: Any) -> sb3.SB3Learner:
    """Return a learner whose weights are drawn so large that it does something else in every state."""
    trial = small_trial(name, environment, hyperparameters=hyperparameters)
    made = sb3.make(LearnerRequest(trial, lambda index: make(environment, {}, seed=index)[0], seed=3))
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for weights in made.model.policy.parameters():
            weights.copy_(torch.randn(weights.shape, generator=generator) * 2 / max(weights.shape[-1], 1) ** 0.5)
    return made


def played(actor: Any, environment: str, *, episodes: int, deterministic: bool) -> Episodes:
    evaluator = Evaluator(lambda: make(environment, {}), lambda _: 3, longest=lambda _: SHORT)
    found = evaluator.evaluate(actor, range(episodes), deterministic=deterministic)
    evaluator.close()
    return found


@pytest.mark.parametrize(
    ("name", "environment", "deterministic"),
    [*((*pair, True) for pair in PAIRS), *((*pair, False) for pair in SAMPLED)],
)
def test_returns_are_to_the_last_bit_those_of_the_librarys_own_predict(
    name: str, environment: str, deterministic: bool
) -> None:
    made = learner(
        name, environment, **({"buffer_size": 10} if "buffer_size" in (algorithms()[name].settings or ()) else {})
    )
    episodes = 1 if environments()[environment].observations == "image" else 5
    ours = played(made, environment, episodes=episodes, deterministic=deterministic)
    theirs = played(Predicting(made.model), environment, episodes=episodes, deterministic=deterministic)
    np.testing.assert_array_equal(ours.returns, theirs.returns)
    np.testing.assert_array_equal(ours.lengths, theirs.lengths)


def test_no_kind_of_actions_and_observations_that_the_catalogue_lets_learn_is_left_out_here() -> None:
    learned = [one for one in environments().values() if one.observations and not mismatch(algorithms()["ppo"], one)]
    assert set(PLACES) == {(one.actions, one.observations) for one in learned}


@pytest.mark.parametrize("normalize", [True, {"norm_reward": False}])
def test_normalised_observations_give_the_same_returns_too(normalize: Any) -> None:
    made = learner("ppo", "CartPole-v1", normalize=normalize, n_steps=64)
    made.learn(128, lambda _: True)
    ours = played(made, "CartPole-v1", episodes=5, deterministic=True)
    theirs = played(Predicting(made.model), "CartPole-v1", episodes=5, deterministic=True)
    np.testing.assert_array_equal(ours.returns, theirs.returns)


@pytest.mark.parametrize(
    ("name", "environment"), [("ppo", "CartPole-v1"), ("dqn", "LunarLander-v3"), ("a2c", "Pendulum-v1")]
)
def test_a_policy_of_a_few_layers_is_asked_by_them_alone(name: str, environment: str) -> None:
    found = acting.plain(learner(name, environment, policy_kwargs={"net_arch": [32, 16]}).model)
    assert found is not None
    assert len(found._layers) == 5


@pytest.mark.parametrize(
    ("name", "environment", "more"),
    [
        ("sac", "Pendulum-v1", {}),
        ("ppo", "Pendulum-v1", {"use_sde": True}),
        ("ppo", "FrozenLake-v1", {}),
        ("qrdqn", "CartPole-v1", {}),
        ("ppo_lstm", "CartPole-v1", {}),
        ("ppo", "CartPole-v1", {"policy": "tests.test_acting.Contrary"}),
    ],
)
def test_any_other_policy_is_asked_itself(name: str, environment: str, more: dict[str, Any]) -> None:
    assert acting.plain(learner(name, environment, **more).model) is None


class Contrary(ActorCriticPolicy):
    """Somebody's own policy, which may do anything with its networks."""


def test_a_policy_with_a_predict_of_its_own_is_asked_by_it() -> None:
    made = learner("ppo", "CartPole-v1", policy="tests.test_acting.AlwaysRight")
    assert played(made, "CartPole-v1", episodes=2, deterministic=True).lengths.max() < 12
    assert made.act([np.zeros(4)], None, [True], deterministic=True)[0] == [1]


class AlwaysRight(ActorCriticPolicy):
    """Pushes to the right whatever it sees."""

    def predict(self, observation: Any, *_: Any, **__: Any) -> Any:
        return np.ones(len(observation), dtype=np.int64), None


def test_the_likeliest_action_is_told_by_the_logits() -> None:
    found = acting._likeliest(np.array([[0.0, 2.0, 1.0], [3.0, 2.0, 1.0]], dtype=np.float32))
    assert found is not None
    assert found.tolist() == [1, 0]


def test_it_is_left_to_the_library_where_two_are_as_likely_or_one_is_not_a_number() -> None:
    assert acting._likeliest(np.array([[0.0, 9.0], [2.0, 2.0]], dtype=np.float32)) is None
    assert acting._likeliest(np.array([[0.0, 9.0], [2.0, np.nan]], dtype=np.float32)) is None


@given(st.floats(-1e4, 1e4, width=32), st.integers(-8, 8), st.integers(0, 2))
def test_what_the_logits_tell_is_what_the_probabilities_tell(logit: float, units: int, place: int) -> None:
    near = np.float32(logit)
    for _ in range(abs(units)):
        near = np.nextafter(near, np.float32(np.inf if units > 0 else -np.inf))
    logits = np.full((1, 3), logit - 2, dtype=np.float32)
    logits[0, place], logits[0, (place + 1) % 3] = logit, near
    told = acting._likeliest(logits)
    assert told is None or told.tolist() == [int(Categorical(logits=torch.as_tensor(logits)).probs.argmax())]
