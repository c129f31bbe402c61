"""An environment in, its traits out, from its spaces and a short random policy.

The policy plays for a bounded number of steps and of seconds.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from bench.environments.making import EpisodeTotals, action_kind, observation_kind
from bench.errors import CatalogError
from bench.records import Floats, Traits

SPARSE = 0.05
"""Up to this share of steps with an uncommon reward, rewards are sparse."""
LARGE = 100.0
"""Networks start from weights made for numbers around 1: beyond this, inputs and rewards want scaling."""
FEW_EPISODES = 5


@dataclass(slots=True)
class Diary:
    """What happened in random play, step by step."""

    rewards: list[float] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    """Number of steps taken when each whole episode was over."""
    terminated: list[bool] = field(default_factory=list)
    largest: float = 0.0
    """Of all observed numbers, by size."""
    faulty: int = 0
    """Observations with a number that is not finite."""
    seconds: float = 0.0
    """In reset and step."""
    cut: bool = False
    """Whether a wrapper has ended an episode that the environment would have gone on with."""
    over: bool = False
    """Whether it was played to the end: neither at its first step nor ended by an exception."""


def play(
    env: gym.Env[Any, Any], totals: EpisodeTotals, diary: Diary, rng: np.random.Generator, *, steps: int, seconds: float
) -> Iterator[None]:
    """Play at random, and note in `diary` what happens; yield after the first step and at the end.

    Args:
        env: the environment.
        totals: its innermost totals.
        diary: takes what happens, up to a step that fails.
        rng: gives the seeds of the actions and of the first reset.
        steps: at most so many.
        seconds: at most so long; a step in progress is finished.

    Raises:
        CatalogError: reset or step do not return what Gymnasium says they do.
        Exception: whatever the environment raises.
    """
    starts, actions = (int(word) for word in rng.integers(2**31, size=2))
    env.action_space.seed(actions)
    clock = time.perf_counter
    masked = env.has_wrapper_attr("action_masks")
    until = clock() + seconds
    began = clock()
    _look(_reset(env, seed=starts), diary)
    diary.seconds += clock() - began
    while len(diary.rewards) < steps and clock() < until:
        action = _action(env, masked=masked)
        began = clock()
        observation, reward, terminated, truncated = _step(env, action)
        diary.seconds += clock() - began
        diary.rewards.append(float(reward))
        _look(observation, diary)
        if terminated or truncated:
            # A lost life, of which stable-baselines3's EpisodicLifeEnv tells, ends no episode of an evaluation.
            diary.cut = diary.cut or not (totals.over or env.has_wrapper_attr("was_real_done"))
            diary.ends.append(len(diary.rewards))
            diary.terminated.append(bool(terminated))
            began = clock()
            _look(_reset(env), diary)
            diary.seconds += clock() - began
        if len(diary.rewards) == 1:
            yield
    diary.over = True
    yield


def _reset(env: gym.Env[Any, Any], seed: int | None = None) -> Any:
    answer: Any = env.reset(seed=seed)
    if not (isinstance(answer, tuple) and len(answer) == 2 and isinstance(answer[1], dict)):  # noqa: PLR2004 - the pair
        raise CatalogError(
            f"reset() must return an observation and a dictionary (info); it returns {_kind(answer)}{_OLD}"
        )
    return answer[0]


def _step(env: gym.Env[Any, Any], action: Any) -> tuple[Any, Any, Any, Any]:
    answer: Any = env.step(action)
    if not (isinstance(answer, tuple) and len(answer) == 5):  # noqa: PLR2004 - the five named in the message
        raise CatalogError(
            "step() must return observation, reward, terminated, truncated and a dictionary (info); it returns "
            f"{_kind(answer)}{_OLD}"
        )
    return answer[0], answer[1], answer[2], answer[3]


_OLD = ": that is the API of Gym before 0.26, see Gymnasium's migration guide"


def _kind(answer: Any) -> str:
    return f"{len(answer)} values" if isinstance(answer, tuple) else type(answer).__name__


def _action(env: gym.Env[Any, Any], *, masked: bool) -> Any:
    """Return a uniformly random action, among the valid ones where the environment says which these are."""
    space = env.action_space
    if not masked or not isinstance(space, spaces.Discrete | spaces.MultiDiscrete):
        return space.sample()
    mask = np.asarray(env.get_wrapper_attr("action_masks")(), dtype=np.int8)
    if isinstance(space, spaces.Discrete):
        return space.sample(mask=mask)
    return space.sample(mask=tuple(np.split(mask, np.cumsum(space.nvec.ravel())[:-1])))


def _look(observation: Any, diary: Diary) -> None:
    largest = max((float(np.abs(part).max()) for part in _numbers(observation)), default=0.0)
    if math.isfinite(largest):
        diary.largest = max(diary.largest, largest)
    else:
        diary.faulty += 1


def _numbers(observation: Any) -> Iterator[NDArray[Any]]:
    """Yield the arrays of numbers in an observation, pixels and whole numbers left out."""
    if isinstance(observation, dict | tuple):
        for part in observation.values() if isinstance(observation, dict) else observation:
            yield from _numbers(part)
    elif isinstance(observation, np.ndarray) and observation.dtype.kind == "f" and observation.size:
        yield observation


def traits_of(env: gym.Env[Any, Any], environment: str, diary: Diary) -> Traits:
    """Return what the environment called `environment` is like, as its spaces say and as it was found in play.

    Raises:
        CatalogError: an action space that no algorithm knows.
    """
    rewards = np.array(diary.rewards, dtype=np.float64)
    ends = np.array(diary.ends, dtype=np.int64)
    sums = np.concatenate([[0.0], np.cumsum(rewards)])
    starts = np.concatenate([[0], ends[:-1]]) if len(ends) else ends
    returns, lengths = sums[ends] - sums[starts], ends - starts
    uncommon = _uncommon(rewards)
    share = float(uncommon.mean()) if len(uncommon) else None
    spec = env.spec
    return Traits(
        environment=environment,
        actions=action_kind(env.action_space),
        observations=observation_kind(env.observation_space),
        action_size=_size(env.action_space),
        observation_size=_size(env.observation_space),
        horizon=spec.max_episode_steps if spec else None,
        longest=int(lengths.max()) if len(lengths) else None,
        masks=env.has_wrapper_attr("action_masks"),
        rewards=reward_kind(share),
        steps=len(rewards),
        episodes=len(ends),
        mean_length=_mean(lengths),
        mean_return=_mean(returns),
        sd_return=_sd(returns),
        best_return=_plain(returns.max()) if len(returns) else None,
        mean_reward=_mean(rewards),
        sd_reward=_sd(rewards),
        uncommon_rewards=share,
        last_rewards=_last(uncommon, ends),
        uncommon_returns=float(_uncommon(returns).mean()) if len(returns) > 1 else None,
        terminated=float(np.mean(diary.terminated)) if diary.terminated else None,
        steps_per_second=len(rewards) / diary.seconds if diary.seconds > 0 else None,
        threshold=_plain(spec.reward_threshold) if spec else None,
        troubles=tuple(_troubles(env, diary, rewards)) if diary.rewards else (),
    )


def reward_kind(uncommon_rewards: float | None) -> str | None:
    """Return `constant`, `sparse` or `dense` for a share of steps with an uncommon reward."""
    if uncommon_rewards is None:
        return None
    return "constant" if uncommon_rewards == 0 else "sparse" if uncommon_rewards <= SPARSE else "dense"


def _uncommon(values: Floats) -> NDArray[np.bool_]:
    """Return which values differ from the most common one, rounding errors aside."""
    kinds, counts = np.unique(values.astype(np.float32), return_counts=True)
    return values.astype(np.float32) != kinds[counts.argmax()] if len(kinds) else np.empty(0, dtype=np.bool_)


def _last(uncommon: NDArray[np.bool_], ends: NDArray[np.int64]) -> float | None:
    """Return the share of uncommon rewards, within whole episodes, that come with an episode's last step."""
    within = int(uncommon[: ends[-1]].sum()) if len(ends) else 0
    return float(uncommon[ends - 1].sum() / within) if within else None


def _mean(values: NDArray[Any]) -> float | None:
    return _plain(values.mean()) if len(values) else None


def _sd(values: NDArray[Any]) -> float | None:
    return _plain(values.std(ddof=1)) if len(values) > 1 else None


def _plain(value: Any) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _size(space: gym.Space[Any]) -> int | None:
    """Return the choices of a Discrete space, else how many numbers an element has; None where they vary."""
    if isinstance(space, spaces.Discrete):
        return int(space.n)
    if isinstance(space, spaces.Dict | spaces.Tuple):
        parts = space.spaces.values() if isinstance(space, spaces.Dict) else space.spaces
        sizes = [1 if isinstance(part, spaces.Discrete) else _size(part) for part in parts]
        return sum(size or 0 for size in sizes) if None not in sizes else None
    return int(np.prod(space.shape)) if space.shape is not None else None


def _troubles(env: gym.Env[Any, Any], diary: Diary, rewards: Floats) -> Iterator[str]:
    """Yield what is wrong first, then what needs care."""
    steps = len(rewards)
    if diary.faulty:
        yield f"{diary.faulty:,} of {steps:,} observations hold NaN or infinity: training on them diverges"
    if faulty := int(np.sum(~np.isfinite(rewards))):
        yield f"{faulty:,} of {steps:,} rewards are not finite: training on them diverges"
    if diary.over and not diary.ends:
        yield f"no episode ended within {steps:,} random steps: no return is known; give it a time limit"
    elif diary.over and len(diary.ends) < FEW_EPISODES:
        yield f"only {len(diary.ends)} whole random episodes: its returns are known roughly"
    if diary.cut:
        yield (
            "a wrapper ends episodes that the environment would go on with: returns are those of its shorter episodes, "
            "and no reference made without it holds for them"
        )
    yield from _scales(diary, rewards)
    yield from _action_bounds(env.action_space)


def _scales(diary: Diary, rewards: Floats) -> Iterator[str]:
    if diary.largest > LARGE:
        yield f"observations reach {diary.largest:.3g} and are not scaled: `normalize: true` scales them"
    sound = rewards[np.isfinite(rewards)]
    size = float(np.sqrt(np.mean(sound**2))) if len(sound) else 0.0
    if size > LARGE:
        yield f"rewards are about {size:.3g} in size: value networks learn such sizes slowly; scale them"


def _action_bounds(space: gym.Space[Any]) -> Iterator[str]:
    if not isinstance(space, spaces.Box):
        return
    if not (np.isfinite(space.low).all() and np.isfinite(space.high).all()):
        yield "actions have no bounds: SAC, TD3, DDPG, TQC and CrossQ refuse such a space; bound it"
        return
    lopsided = ~np.isclose(space.low, -space.high) | (np.abs(space.high) > LARGE)
    if lopsided.any():
        low, high = float(space.low[lopsided][0]), float(space.high[lopsided][0])
        yield (
            f"an action ranges from {low:g} to {high:g}: A2C, PPO and TRPO begin with steps of about 1 around 0; "
            "rescale it to -1 to 1"
        )
