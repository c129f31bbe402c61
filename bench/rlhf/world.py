"""The number of a world in; its corpus and its hidden reward out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

VOCABULARY = 8
LENGTH = 12
"""Tokens of every sentence."""
GOOD = (0, 1, 2)
"""Tokens that the true reward likes, ..."""
ENOUGH = 3
"""... each of them so often in a sentence; what comes after is monotony."""
_CONCENTRATION = 0.5
_CODES = np.eye(VOCABULARY + 1, dtype=np.float32)[:, :VOCABULARY]
"""A row of nothing comes last, where -1 finds it."""

Sentences = NDArray[np.int64]
"""(sentences, LENGTH): token numbers, and -1 where there is none yet."""


@dataclass(frozen=True, eq=False)
class World:
    """Where sentences come from: a Markov chain over tokens."""

    number: int
    first: NDArray[np.float64]
    """(VOCABULARY,): probabilities of a sentence's first token."""
    following: NDArray[np.float64]
    """(VOCABULARY, VOCABULARY): of the next token, a row for each token before it."""

    def sentences(self, count: int, rng: np.random.Generator) -> Sentences:
        """Return so many sentences of the corpus."""
        found = np.empty((count, LENGTH), dtype=np.int64)
        cumulative = np.cumsum(self.following, axis=1)
        found[:, 0] = rng.choice(VOCABULARY, size=count, p=self.first)
        for place in range(1, LENGTH):
            below = cumulative[found[:, place - 1]] < rng.random((count, 1))
            found[:, place] = np.minimum(below.sum(axis=1), VOCABULARY - 1)
        return found

    def stream(self, use: str) -> np.random.Generator:
        """Return the generator of one use of this world: no two uses share numbers."""
        return np.random.default_rng([self.number, *use.encode()])


@lru_cache(maxsize=8)
def world(number: int) -> World:
    """Return a world: each token is followed by few others often."""
    rng = np.random.default_rng([number])
    following = rng.dirichlet(np.full(VOCABULARY, _CONCENTRATION), size=VOCABULARY)
    return World(number, np.full(VOCABULARY, 1 / VOCABULARY), following)


def beginning(sentences: Sentences, written: int) -> Sentences:
    """Return (sentences, LENGTH): so many tokens of the beginning of each, the newest first."""
    found = np.full(sentences.shape, -1)
    found[:, :written] = sentences[:, :written][:, ::-1]
    return found


def encoded(sentences: Sentences) -> NDArray[np.float32]:
    """Return (sentences, LENGTH * VOCABULARY): a one at each token's place, nothing where there is none yet (-1)."""
    found: NDArray[np.float32] = _CODES[sentences].reshape(len(sentences), -1)
    return found


def true_reward(sentences: Sentences) -> NDArray[np.float64]:
    """Return (sentences,): a point for each good token until it has come ENOUGH times, a point off for each one after.

    At most 9, for three of each good token. Sentences of the corpus seldom repeat a token so often: what a reward model
    learns from them is that good tokens are good.
    """
    counts = np.stack([(sentences == token).sum(axis=1) for token in GOOD], axis=1)
    found: NDArray[np.float64] = (np.minimum(counts, ENOUGH) - np.maximum(counts - ENOUGH, 0)).sum(axis=1, dtype=float)
    return found
