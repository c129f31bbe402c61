"""A learner and episode seeds in, raw returns and lengths out: the same evaluation for every algorithm."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.errors import DivergedError
from bench.records import Actor

FEW, MANY = 32, 100
"""Environments stepped side by side: more are faster, up to the number of final episodes, where they are light."""


class Totals(Protocol):
    """The innermost count of an environment's running episode."""

    total: float
    length: int

    @property
    def taken(self) -> int:
        """Steps since it was made, of all episodes."""


MakeEnvironment = Callable[[], tuple[Any, Totals]]


@dataclass(frozen=True, slots=True, eq=False)
class Episodes:
    """What was played."""

    returns: NDArray[np.float64]
    """(episodes,) undiscounted raw returns."""
    lengths: NDArray[np.int64]
    """(episodes,) in steps of the environment itself: a wrapper that repeats an action takes several at once."""
    cut: int
    """How many of them had not ended by themselves when they were cut."""


@dataclass(frozen=True, slots=True)
class Played:
    """One episode that is over."""

    episode: int
    totals: Totals
    cut: bool


def _few(_: Any) -> int:
    return FEW


def _never(_: int | None) -> int:
    return sys.maxsize


@dataclass(slots=True)
class Evaluator:
    """Evaluation environments of one trial, made once and used at every point.

    Every episode has its own reset seed and all of them are played to their end, so that which slot plays which
    episode changes nothing and short episodes are not favoured (collect-until-N would favour them).
    """

    make: MakeEnvironment
    side_by_side: Callable[[Any], int] = _few
    """The first environment -> how many there shall be at most."""
    longest: Callable[[int | None], int] = _never
    """The environment's own time limit -> the steps after which an episode is cut."""
    alive: Callable[[], None] = lambda: None
    """Called at every step: an evaluation can be long, and is not to be taken for a hang."""
    slots: list[tuple[Any, Totals]] = field(default_factory=list)

    def evaluate(self, learner: Actor, seeds: Sequence[int], *, deterministic: bool) -> Episodes:
        """Play one episode per seed.

        Raises:
            DivergedError: a return is not finite.
        """
        returns = np.zeros(len(seeds))
        lengths = np.zeros(len(seeds), dtype=np.int64)
        cut = 0
        with isolated_randomness(seeds[0]):
            for played in self._play(learner, seeds, deterministic=deterministic):
                returns[played.episode], lengths[played.episode] = played.totals.total, played.totals.length
                cut += played.cut
        if not np.isfinite(returns).all():
            raise DivergedError("an evaluation return is not finite")
        return Episodes(returns, lengths, cut)

    def _play(self, actor: Actor, seeds: Sequence[int], *, deterministic: bool) -> Iterator[Played]:
        observations = self._begin(seeds)
        count, longest = len(observations), self.longest_episode()
        waiting = iter(range(count, len(seeds)))
        playing, taken = list(range(count)), [0] * count
        starts, memory = [True] * count, None
        everyone, active = tuple(range(count)), tuple(range(count))
        step = [env.step for env, _ in self.slots[:count]]
        masked = self.slots[0][0].has_wrapper_attr("action_masks")
        while active:
            self.alive()
            # A recurrent policy's memory has a row per slot, so it needs all of them, the idle ones too.
            rows = active if memory is None else everyone
            actions, memory = actor.act(
                [observations[slot] for slot in rows],
                memory,
                [starts[slot] for slot in rows],
                deterministic=deterministic,
                masks=[self.slots[slot][0].get_wrapper_attr("action_masks")() for slot in rows] if masked else None,
            )
            chosen = actions if rows is active else [actions[slot] for slot in active]
            starts = [False] * count
            for slot, action in zip(active, chosen, strict=True):
                observations[slot], _, terminated, truncated, _ = step[slot](action)
                taken[slot] += 1
                ended = bool(terminated or truncated)
                if not (ended or taken[slot] >= longest):
                    continue
                if ended and _goes_on(self.slots[slot][0]):
                    observations[slot] = self.slots[slot][0].reset()[0]
                    starts[slot] = True
                    continue
                starts[slot] = True
                yield Played(playing[slot], self.slots[slot][1], cut=not ended)
                if (following := next(waiting, None)) is None:
                    active = tuple(other for other in active if other != slot)
                else:
                    playing[slot], taken[slot] = following, 0
                    observations[slot] = _anew(self.slots[slot][0], seeds[following])

    def time_limit(self) -> int | None:
        """Return the environment's own limit in steps, once there is one to be asked; None: it has none."""
        spec = self.slots[0][0].spec
        return spec.max_episode_steps if spec is not None else None

    def longest_episode(self) -> int:
        """Return after how many steps an episode is cut, once there is an environment to be asked."""
        return self.longest(self.time_limit())

    def _begin(self, seeds: Sequence[int]) -> list[Any]:
        """Reset every slot for its first episode, making those that are not there yet; return the observations.

        Where no further environment can be had (a simulator's port, a licence, memory), those that could must do.
        """
        observations: list[Any] = []
        for place, seed in enumerate(seeds):
            if place and place >= self.side_by_side(self.slots[0][0]):
                break
            self.alive()
            new = place == len(self.slots)
            try:
                if new:
                    self.slots.append(self.make())
                observations.append(_anew(self.slots[place][0], seed))
            except Exception as error:
                if not new or place == 0:
                    raise
                self._make_do(place, error)
                break
        return observations

    def _make_do(self, count: int, error: Exception) -> None:
        # A worker's standard output is its log.
        print(f"--- {count} evaluation environments side by side; another failed: {type(error).__name__}: {error}")  # noqa: T201
        self.side_by_side = lambda _: count
        for env, _ in self.slots[count:]:
            with suppress(Exception):
                env.close()
        del self.slots[count:]

    def close(self) -> None:
        """Close the environments; each is tried, whatever the others do.

        Raises:
            ExceptionGroup: what went wrong.
        """
        errors = []
        while self.slots:
            env, _ = self.slots.pop()
            try:
                env.close()
            except Exception as error:  # noqa: BLE001  # whatever somebody else's code raises
                errors.append(error)
        if errors:
            raise ExceptionGroup(f"{len(errors)} evaluation environments could not be closed", errors[:1])


_GAME_OVER = "was_real_done"
"""What stable-baselines3's EpisodicLifeEnv, of its AtariWrapper, calls that the game is over and not a life alone."""


def _goes_on(env: Any) -> bool:
    """Return whether what has ended is no episode but a life, after which a reset goes on with the same game."""
    return env.has_wrapper_attr(_GAME_OVER) and not env.get_wrapper_attr(_GAME_OVER)


def _anew(env: Any, seed: int) -> Any:
    """Return the first observation of a new episode, also where one that was cut left a game unfinished."""
    if env.has_wrapper_attr(_GAME_OVER):
        env.set_wrapper_attr(_GAME_OVER, True)
    return env.reset(seed=seed)[0]


def seed_everything(seed: int) -> None:
    """Set every global stream of random numbers that a learning library may draw from."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - SB3 draws from the legacy generator
    if torch := sys.modules.get("torch"):
        torch.manual_seed(seed)


@contextmanager
def isolated_randomness(seed: int) -> Iterator[None]:
    """Give the evaluation a stream of its own, and training its stream back, so that evaluating changes nothing."""
    torch = sys.modules.get("torch")
    states = random.getstate(), np.random.get_state(), torch.get_rng_state() if torch else None  # noqa: NPY002 - SB3 draws from the legacy generator
    seed_everything(seed)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002 - see above
        if torch:
            torch.set_rng_state(states[2])
