"""An environment's id in, its traits out, from its spaces and a short random policy.

The policy plays for a bounded number of steps and of seconds. `probe_apart` does it in a process of its own, so that
an environment that hangs or takes its process down ends in a sentence.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from bench.environments.making import action_kind, make, observation_kind
from bench.errors import BenchError, CatalogError
from bench.records import Traits

STEPS = 20_000
SECONDS = 10.0
PATIENCE = 60.0
"""Seconds beyond those of playing: for imports, for making the environment, for a slow step."""
SPARSE = 0.05
"""Up to this share of steps with an uncommon reward, rewards are sparse."""
LARGE = 100.0
"""Networks start from weights made for numbers around 1: beyond this, inputs and rewards want scaling."""
FEW_EPISODES = 5

Floats = NDArray[np.float64]


@dataclass(slots=True)
class _Diary:
    """What happened, step by step."""

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


def probe(environment: str, rng: np.random.Generator, *, steps: int = STEPS, seconds: float = SECONDS) -> Traits:
    """Return the traits of an environment.

    Args:
        environment: Gymnasium id, or `module:EnvId` to import `module` first.
        rng: gives the seeds of the actions and of the first reset.
        steps: at most so many.
        seconds: at most so long, making not counted; a step in progress is finished.

    Raises:
        CatalogError: it cannot be made, fails in use, or has a space that no algorithm accepts.
    """
    env = _made(environment)
    try:
        kinds = action_kind(env.action_space), observation_kind(env.observation_space)
        diary = _played(env, environment, rng, steps, seconds)
        return _traits(env, environment, kinds, diary)
    finally:
        env.close()


def probe_apart(
    environment: str, seed: int, *, steps: int = STEPS, seconds: float = SECONDS, patience: float = PATIENCE
) -> Traits:
    """Return what `probe` does, from a process of its own; what the environment prints goes to standard error.

    Raises:
        CatalogError: as `probe`; or the process died, or did not come back `patience` seconds after its time.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_report, args=(theirs, environment, seed, steps, seconds), daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(seconds + patience):
            raise CatalogError(
                f"environment {environment!r}: no answer after {seconds + patience:.0f} s: making it, a reset or a "
                "step hangs"
            )
        answer = ours.recv()
    except EOFError:
        process.join()
        raise CatalogError(
            f"environment {environment!r}: its process died ({_ending(process.exitcode)}) while a random policy played"
        ) from None
    finally:
        process.kill()
        process.join()
        ours.close()
    if isinstance(answer, str):
        raise CatalogError(answer)
    return answer  # type: ignore[no-any-return]  # what a pipe carries has no type


def _report(pipe: Connection, environment: str, seed: int, steps: int, seconds: float) -> None:
    # The answer may be printed as JSON: what an environment prints must not get into it.
    os.dup2(2, 1)
    try:
        pipe.send(probe(environment, np.random.default_rng(seed), steps=steps, seconds=seconds))
    except BenchError as error:
        pipe.send(str(error))


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        return signal.Signals(-code).name
    return f"exit code {code}"


def _made(environment: str) -> gym.Env[Any, Any]:
    try:
        return make(environment, {})[0]
    except BenchError:
        raise
    except Exception as error:
        raise CatalogError(f"environment {environment!r} cannot be made: {_what(error)}") from error


def _what(error: Exception) -> str:
    """Return an exception in words, with the line it came from."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({place.filename}:{place.lineno})"


def _played(env: gym.Env[Any, Any], environment: str, rng: np.random.Generator, steps: int, seconds: float) -> _Diary:
    diary = _Diary()
    starts, actions = (int(word) for word in rng.integers(2**31, size=2))
    env.action_space.seed(actions)
    try:
        _play(env, diary, starts, steps, seconds)
    except Exception as error:
        raise CatalogError(
            f"environment {environment!r} fails after {len(diary.rewards):,} random steps: {_what(error)}"
        ) from error
    return diary


def _play(env: gym.Env[Any, Any], diary: _Diary, seed: int, steps: int, seconds: float) -> None:
    clock = time.perf_counter
    masked = env.has_wrapper_attr("action_masks")
    until = clock() + seconds
    began = clock()
    _look(env.reset(seed=seed)[0], diary)
    diary.seconds += clock() - began
    while len(diary.rewards) < steps and clock() < until:
        action = _action(env, masked=masked)
        began = clock()
        observation, reward, terminated, truncated, _ = env.step(action)
        diary.seconds += clock() - began
        diary.rewards.append(float(reward))
        _look(observation, diary)
        if terminated or truncated:
            diary.ends.append(len(diary.rewards))
            diary.terminated.append(bool(terminated))
            began = clock()
            _look(env.reset()[0], diary)
            diary.seconds += clock() - began


def _action(env: gym.Env[Any, Any], *, masked: bool) -> Any:
    """Return a uniformly random action, among the valid ones where the environment says which these are."""
    space = env.action_space
    if not masked or not isinstance(space, spaces.Discrete | spaces.MultiDiscrete):
        return space.sample()
    mask = np.asarray(env.get_wrapper_attr("action_masks")(), dtype=np.int8)
    if isinstance(space, spaces.Discrete):
        return space.sample(mask=mask)
    return space.sample(mask=tuple(np.split(mask, np.cumsum(space.nvec.ravel())[:-1])))


def _look(observation: Any, diary: _Diary) -> None:
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


def _traits(env: gym.Env[Any, Any], environment: str, kinds: tuple[str, str], diary: _Diary) -> Traits:
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
        actions=kinds[0],
        observations=kinds[1],
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
        troubles=tuple(_troubles(env, diary, rewards)),
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


def _troubles(env: gym.Env[Any, Any], diary: _Diary, rewards: Floats) -> Iterator[str]:
    """Yield what is wrong first, then what needs care."""
    steps = len(rewards)
    if diary.faulty:
        yield f"{diary.faulty:,} of {steps:,} observations hold NaN or infinity: training on them diverges"
    if faulty := int(np.sum(~np.isfinite(rewards))):
        yield f"{faulty:,} of {steps:,} rewards are not finite: training on them diverges"
    if not diary.ends:
        yield f"no episode ended within {steps:,} random steps: no return is known; give it a time limit"
    elif len(diary.ends) < FEW_EPISODES:
        yield f"only {len(diary.ends)} whole random episodes: its returns are known roughly"
    yield from _scales(diary, rewards)
    yield from _action_bounds(env.action_space)


def _scales(diary: _Diary, rewards: Floats) -> Iterator[str]:
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
