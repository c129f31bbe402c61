"""What an environment was told since its last reset in; the environment in the same state, in another process, out.

Many environments pickle as the arguments of their constructor (Gymnasium's `EzPickle`: Box2D, MuJoCo, Atari), because
their simulators cannot be copied: read back, such a one stands before its first reset. Told the same again, from the
same random state, it comes to the same place; whether it has is looked at, not believed. To stand in the same place is
not to go on alike: a simulator that is kept from episode to episode (BipedalWalker's) remembers more than its
observation shows. So only those count as the same whose episodes were compared step by step to the last bit.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
from gymnasium.utils.env_checker import data_equivalence

MOST_ACTIONS = 200_000
"""Of an episode: beyond that, telling it all again takes longer than it is worth."""

FORGETS = frozenset({"gymnasium.envs.box2d.lunar_lander:LunarLander"})
"""Classes whose reset makes everything anew: told the same again, they go on to the last bit (a test)."""


def pickles_by_arguments(env: gym.Env[Any, Any]) -> bool:
    """Return whether an environment has its own way to be pickled, which may leave out where it stands."""
    cls = type(env.unwrapped)
    return cls.__getstate__ is not object.__getstate__ or cls.__reduce__ is not object.__reduce__


def forgets(env: gym.Env[Any, Any]) -> bool:
    """Return whether what happens in an episode of this environment depends on nothing that was before it."""
    cls = type(env.unwrapped)
    return f"{cls.__module__}:{cls.__qualname__}" in FORGETS


@dataclass(slots=True)
class Journal:
    """What an environment was told in its running episode."""

    seed: int | None
    options: dict[str, Any] | None
    stream: Any
    """State of the environment's random numbers before the reset; None where a seed was given."""
    actions: list[Any] = field(default_factory=list)
    seen: Any = None
    """The latest observation."""

    @classmethod
    def begin(cls, env: gym.Env[Any, Any], seed: int | None, options: dict[str, Any] | None) -> Journal:
        """Return the journal of an episode that is about to begin."""
        return cls(seed, options, None if seed is not None else random_state(env))

    def replay(self, env: gym.Env[Any, Any], stream: Any) -> bool:
        """Tell a fresh environment everything again; return whether it now stands where the other stood.

        Args:
            env: made as the other was.
            stream: state that the random numbers must have come to.
        """
        if self.stream is not None:
            env.unwrapped.np_random.bit_generator.state = self.stream
        observation, _ = env.reset(seed=self.seed, options=self.options)
        for action in self.actions:
            observation = env.step(action)[0]
        found, wanted = (observation, random_state(env)), (self.seen, stream)
        return bool(data_equivalence(found, wanted, exact=True))


def random_state(env: gym.Env[Any, Any]) -> Any:
    """Return the state of the environment's random numbers; None where they are not Gymnasium's."""
    bits = getattr(getattr(env.unwrapped, "np_random", None), "bit_generator", None)
    return None if bits is None else deepcopy(bits.state)
