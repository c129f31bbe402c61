"""Pairs of sentences with the one that was preferred in, a reward model out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bench.rlhf.world import LENGTH, VOCABULARY, Sentences, World, encoded, true_reward, world

PAIRS = 2_000
"""Preferences that the model is fitted to, ..."""
HELD_OUT = 2_000
"""... and others that it never sees, of which a part tells when to stop and the rest how good it is."""
_UNITS, _RATE, _DECAY, _ROUNDS = 32, 0.01, 1e-3, 120


@dataclass(frozen=True, eq=False)
class Preferences:
    """Pairs of sentences, each with its label."""

    one: Sentences
    other: Sentences
    first: NDArray[np.bool_]
    """Whether the first of a pair was preferred."""

    def part(self, begin: int, end: int) -> Preferences:
        """Return pairs `begin` to `end`."""
        return Preferences(self.one[begin:end], self.other[begin:end], self.first[begin:end])


@dataclass(frozen=True, eq=False)
class RewardModel:
    """What the preferences have taught."""

    reward: Callable[[Sentences], NDArray[np.float64]]
    """Sentences -> (sentences,), with mean 0 and deviation 1 over the corpus."""
    accuracy: float
    """Share of held-out preferences that it foretells; the labels' noise keeps anybody below 1."""
    attainable: float
    """The same of the true reward, which nothing can exceed for long."""


def preferences(of: World, count: int, rng: np.random.Generator) -> Preferences:
    """Return pairs of the corpus; the better one is preferred with the probability of Bradley and Terry 1952.

    That is 1 / (1 + exp(r_other - r_one)) for the true rewards r.
    """
    one, other = (of.sentences(count, rng) for _ in range(2))
    chance = 1 / (1 + np.exp(true_reward(other) - true_reward(one)))
    return Preferences(one, other, rng.random(count) < chance)


@lru_cache(maxsize=8)
def reward_model(number: int, survey: int = 0) -> RewardModel:
    """Return a reward model of a world: one hidden layer over the tokens at their places, fitted to preferences.

    It minimises the negative log-likelihood of the labels, -log sigmoid(r_preferred - r_other) (Christiano et al. 2017,
    equation 1), and is kept as it was when the first half of the held-out pairs was foretold best.

    Args:
        number: of the world.
        survey: number of the survey: others have other pairs, labels and first weights.
    """
    of = world(number)
    again = f" {survey}" if survey else ""
    known = preferences(of, PAIRS, of.stream(f"preferences{again}"))
    held_out = preferences(of, HELD_OUT, of.stream(f"held out{again}"))
    half = HELD_OUT // 2
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(number + 1_000 * survey)
        network = nn.Sequential(nn.Linear(LENGTH * VOCABULARY, _UNITS), nn.Tanh(), nn.Linear(_UNITS, 1))
        _fit(network, known, held_out.part(0, half))
    corpus = _scores(network, of.sentences(4 * PAIRS, of.stream("scale")))
    mean, deviation = corpus.mean(), corpus.std()

    def reward(sentences: Sentences) -> NDArray[np.float64]:
        found: NDArray[np.float64] = (_scores(network, sentences) - mean) / deviation
        return found

    rest = held_out.part(half, HELD_OUT)
    return RewardModel(reward, _accuracy(reward, rest), _accuracy(true_reward, rest))


def _fit(network: nn.Module, known: Preferences, watched: Preferences) -> None:
    optimizer = torch.optim.Adam(network.parameters(), lr=_RATE, weight_decay=_DECAY)
    best, kept = np.inf, network.state_dict()
    seen, unseen = _Gaps(network, known), _Gaps(network, watched)
    for _ in range(_ROUNDS):
        with torch.no_grad():
            if (loss := float(unseen.loss())) < best:
                best, kept = loss, {name: value.clone() for name, value in network.state_dict().items()}
        optimizer.zero_grad()
        torch.autograd.backward(seen.loss())
        optimizer.step()
    network.load_state_dict(kept)


class _Gaps:
    """How well a network foretells pairs."""

    def __init__(self, network: nn.Module, pairs: Preferences) -> None:
        self._network = network
        chosen = pairs.first[:, None]
        self._preferred = torch.as_tensor(encoded(np.where(chosen, pairs.one, pairs.other)))
        self._others = torch.as_tensor(encoded(np.where(chosen, pairs.other, pairs.one)))

    def loss(self) -> torch.Tensor:
        """Return -log sigmoid(r_preferred - r_other), the mean over the pairs."""
        return nn.functional.softplus(self._network(self._others) - self._network(self._preferred)).mean()


def _scores(network: nn.Module, sentences: Sentences) -> NDArray[np.float64]:
    with torch.no_grad():
        found: NDArray[np.float64] = network(torch.as_tensor(encoded(sentences))).flatten().double().numpy()
    return found


def _accuracy(reward: Callable[[Sentences], NDArray[np.float64]], pairs: Preferences) -> float:
    gap = reward(pairs.one) - reward(pairs.other)
    # Equals are a coin's.
    return float(np.mean(np.where(gap == 0, 0.5, (gap > 0) == pairs.first)))
