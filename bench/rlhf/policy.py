"""A world in, a policy that writes as its corpus does out: what tuning begins with, and is held to."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.policies import ActorCriticPolicy

from bench.rlhf.environment import ACTIONS, OBSERVATIONS
from bench.rlhf.reward_model import encoded
from bench.rlhf.world import LENGTH, Sentences
from bench.rlhf.world import world as world_of

CORPUS = 4_000
"""Sentences that the policy is pretrained on."""
_EPOCHS, _BATCH, _RATE = 8, 512, 3e-3


class PretrainedPolicy(ActorCriticPolicy):
    """An autoregressive policy that has learned the corpus by maximum likelihood: the same one whatever the seed.

    `policy: bench.rlhf.policy.PretrainedPolicy`, with `policy_kwargs: {world: N}` for another world than the first. Its
    network is the library's usual one; its value function knows nothing yet.
    """

    def __init__(self, *positional: Any, world: int = 0, **keywords: Any) -> None:
        """Make the network and give it the weights that pretraining left."""
        super().__init__(*positional, **keywords)
        self._world = world
        self.load_state_dict(_pretrained(world))

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {**super()._get_constructor_parameters(), "world": self._world}


@lru_cache(maxsize=8)
def _pretrained(number: int) -> dict[str, torch.Tensor]:
    """Return the weights that foretell the next token of the corpus."""
    of = world_of(number)
    rng = of.stream("corpus")
    prefixes, tokens = _examples(of.sentences(CORPUS, rng))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(number)
        policy = ActorCriticPolicy(OBSERVATIONS, ACTIONS, lambda _: _RATE)
        for batch in _batches(len(tokens), rng):
            _, log_prob, _ = policy.evaluate_actions(prefixes[batch], tokens[batch])
            policy.optimizer.zero_grad()
            (-log_prob.mean()).backward()
            policy.optimizer.step()
    return policy.state_dict()


def _examples(sentences: Sentences) -> tuple[torch.Tensor, torch.Tensor]:
    """Return every beginning of every sentence as it is observed, and the token that comes next."""
    written = np.arange(LENGTH) < np.arange(LENGTH)[:, None]
    beginnings = np.where(written, sentences[:, None, :], -1).reshape(-1, LENGTH)
    return encoded(beginnings), torch.as_tensor(sentences.reshape(-1))


def _batches(count: int, rng: np.random.Generator) -> Iterator[torch.Tensor]:
    for _ in range(_EPOCHS):
        yield from torch.as_tensor(rng.permutation(count)).split(_BATCH)
