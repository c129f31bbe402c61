"""A world in, a policy that writes as its corpus does out: what tuning begins with, and is held to."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.policies import ActorCriticPolicy

from bench.errors import BenchError
from bench.rlhf.environment import ACTIONS, OBSERVATIONS
from bench.rlhf.world import LENGTH, Sentences, beginning, encoded
from bench.rlhf.world import world as world_of

CORPUS = 4_000
"""Sentences that the policy is pretrained on."""
_EPOCHS, _BATCH, _RATE = 4, 512, 5e-3


class PretrainedPolicy(ActorCriticPolicy):
    """An autoregressive policy that has learned the corpus by maximum likelihood: the same one whatever the seed.

    `policy: bench.rlhf.policy.PretrainedPolicy`, with `policy_kwargs: {world: N}` for another world than the first. Its
    network is the library's usual one; its value function knows nothing yet.
    """

    def __init__(self, *positional: Any, world: int = 0, **keywords: Any) -> None:
        """Make the network and give it the weights that pretraining left.

        Raises:
            BenchError: these weights do not fit the spaces or the network that are asked for.
        """
        super().__init__(*positional, **keywords)
        self._world = world
        try:
            self.load_state_dict(_pretrained(world))
        except RuntimeError as error:
            raise BenchError(
                "bench.rlhf.policy.PretrainedPolicy: was pretrained on the sentences of bench/Sentence-v0, with the "
                "library's usual network; name that environment, and nothing but `world` in policy_kwargs"
            ) from error

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {**super()._get_constructor_parameters(), "world": self._world}


@lru_cache(maxsize=8)
def _pretrained(number: int) -> dict[str, torch.Tensor]:
    """Return the weights that foretell the next token of the corpus."""
    of = world_of(number)
    rng = of.stream("corpus")
    beginnings, tokens = _examples(of.sentences(CORPUS, rng))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(number)
        policy = ActorCriticPolicy(OBSERVATIONS, ACTIONS, lambda _: _RATE)
        for batch in _batches(len(tokens), rng):
            log_prob = policy.get_distribution(beginnings[batch]).log_prob(tokens[batch])
            policy.optimizer.zero_grad()
            torch.autograd.backward(-log_prob.mean())
            policy.optimizer.step()
    return policy.state_dict()


def _examples(sentences: Sentences) -> tuple[torch.Tensor, torch.Tensor]:
    """Return every beginning of every sentence as it is observed, and the token that comes next."""
    observed = [encoded(beginning(sentences, written)) for written in range(LENGTH)]
    return torch.as_tensor(np.concatenate(observed)), torch.as_tensor(sentences.T.reshape(-1))


def _batches(count: int, rng: np.random.Generator) -> Iterator[torch.Tensor]:
    for _ in range(_EPOCHS):
        yield from torch.split(torch.as_tensor(rng.permutation(count)), _BATCH)
