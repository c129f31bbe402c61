"""Environment id, keyword arguments and wrappers in, a Gymnasium environment or its traits out."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from bench.catalog import Environment, did_you_mean, environments
from bench.errors import CatalogError

IMAGE_DIMENSIONS = 3

Wrapper = str | Mapping[str, Mapping[str, Any] | None]
"""`module.Class`, or `{module.Class: {keyword: value}}`, as RL Zoo writes `env_wrapper`."""


class SeededReset(gym.Wrapper[Any, Any, Any, Any]):
    """Seeds the first reset from the harness's own stream, whatever seed a vector environment hands down.

    Vector environments count seeds up from one number, so that neighbouring trials would share streams.
    """

    def __init__(self, env: gym.Env[Any, Any], seed: int) -> None:
        super().__init__(env)
        self._seed: int | None = seed

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset with the harness's seed the first time and with none afterwards; `seed` is deliberately not used."""
        del seed
        own, self._seed = self._seed, None
        return self.env.reset(seed=own, options=options)


class EpisodeTotals(gym.Wrapper[Any, Any, Any, Any]):
    """Adds up raw rewards and steps of the running episode, innermost, before any wrapper can change them."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self.total, self.length = 0.0, 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset the environment and the totals."""
        self.total, self.length = 0.0, 0
        return self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step, and add the raw reward."""
        result = self.env.step(action)
        self.total += float(result[1])
        self.length += 1
        return result


class StackFrames(gym.Wrapper[Any, Any, Any, Any]):
    """Stacks the last `count` observations along the last axis, zeros before the first (RL Zoo's `frame_stack`)."""

    def __init__(self, env: gym.Env[Any, Any], count: int) -> None:
        super().__init__(env)
        space = env.observation_space
        if not isinstance(space, spaces.Box):
            raise CatalogError(f"frame_stack needs array observations; {env.spec and env.spec.id} has {space}")
        low, high = (np.concatenate([bound] * count, axis=-1) for bound in (space.low, space.high))
        self.observation_space = spaces.Box(low, high, dtype=space.dtype.type)
        self._frames = np.zeros(low.shape, dtype=space.dtype)
        self._width = space.shape[-1]

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset to zeros and the first frame."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._frames = np.zeros_like(self._frames)
        return self._push(observation), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step, and push the new frame."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return self._push(observation), reward, terminated, truncated, info

    def _push(self, observation: Any) -> Any:
        self._frames = np.roll(self._frames, -self._width, axis=-1)
        self._frames[..., -self._width :] = observation
        return self._frames.copy()


def make(
    environment: str,
    kwargs: Mapping[str, Any],
    *,
    wrappers: Sequence[Wrapper] = (),
    frame_stack: int = 1,
    seed: int | None = None,
) -> tuple[gym.Env[Any, Any], EpisodeTotals]:
    """Return a fresh environment and its innermost totals.

    Args:
        environment: Gymnasium id, or `module:EnvId` to import `module` first.
        kwargs: keyword arguments of the environment.
        wrappers: applied in order, outside the totals.
        frame_stack: how many observations are stacked.
        seed: of the first reset; None leaves seeding to whoever resets.

    Raises:
        CatalogError: no such environment, or a wrapper that cannot be imported.
    """
    # The passive checker looks at every step and costs more than CartPole itself.
    totals = EpisodeTotals(_made(environment, kwargs))
    env: gym.Env[Any, Any] = totals
    for wrapper in wrappers:
        env = _wrapped(env, wrapper)
    if frame_stack > 1:
        env = StackFrames(env, frame_stack)
    return (env if seed is None else SeededReset(env, seed)), totals


def inspect(environment: str, kwargs: Mapping[str, Any] | None = None) -> Environment:
    """Return an environment's traits: from the catalogue, or by making it once.

    Raises:
        CatalogError: it cannot be made, or has a space that no algorithm accepts.
    """
    if environment in environments():
        return environments()[environment]
    env, _ = make(environment, kwargs or {})
    spec = env.spec
    traits = Environment(
        id=environment,
        actions=action_kind(env.action_space),
        observations=observation_kind(env.observation_space),
        horizon=spec.max_episode_steps if spec else None,
        reference=None,
        distributions=("gymnasium",),
        masks=env.has_wrapper_attr("action_masks"),
    )
    env.close()
    return traits


def action_kind(space: gym.Space[Any]) -> str:
    """Return `discrete`, `continuous`, `multi-discrete` or `multi-binary`.

    Raises:
        CatalogError: another kind of space.
    """
    kinds: tuple[tuple[type, str], ...] = (
        (spaces.Discrete, "discrete"),
        (spaces.Box, "continuous"),
        (spaces.MultiDiscrete, "multi-discrete"),
        (spaces.MultiBinary, "multi-binary"),
    )
    for kind, name in kinds:
        if isinstance(space, kind):
            return name
    raise CatalogError(f"action space {space} is none of Discrete, Box, MultiDiscrete, MultiBinary; flatten it first")


def observation_kind(space: gym.Space[Any]) -> str:
    """Return `vector`, `image`, `discrete` or `dict` (dictionaries and tuples).

    Raises:
        CatalogError: another kind of space.
    """
    if isinstance(space, spaces.Box):
        pixels = len(space.shape) == IMAGE_DIMENSIONS and space.dtype == np.uint8
        return "image" if pixels else "vector"
    if isinstance(space, spaces.Discrete):
        return "discrete"
    if isinstance(space, spaces.MultiDiscrete | spaces.MultiBinary):
        return "vector"
    if isinstance(space, spaces.Dict | spaces.Tuple):
        return "dict"
    raise CatalogError(f"observation space {space} is not one that the algorithms accept; flatten it first")


def _made(environment: str, kwargs: Mapping[str, Any]) -> gym.Env[Any, Any]:
    known = environments().get(environment)
    if known and known.module:
        import_module(known.module)
    try:
        with warnings.catch_warnings():
            # Of a version that is gone Gymnasium warns in the terminal before it refuses it: the refusal is enough. For
            # a name without version it takes the newest: results must say which.
            if environment not in gym.registry:
                warnings.filterwarnings("ignore", message=".*is out of date", category=DeprecationWarning)
            warnings.filterwarnings("error", message=".*Using the latest versioned environment")
            made: gym.Env[Any, Any] = gym.make(environment, disable_env_checker=True, **kwargs)
    except UserWarning as warning:
        raise CatalogError(f"environment {environment!r} names no version{_guess(environment)}") from warning
    except (gym.error.Error, ImportError, TypeError) as error:
        reason = str(error).partition(" Did you mean")[0].rstrip(".")
        raise CatalogError(f"environment {environment!r} cannot be made: {reason}{_guess(environment)}") from error
    return made


def _wrapped(env: gym.Env[Any, Any], wrapper: Wrapper) -> gym.Env[Any, Any]:
    (path, keywords), *more = {wrapper: {}}.items() if isinstance(wrapper, str) else wrapper.items()
    if more:
        raise CatalogError(f"a wrapper is `module.Class` or {{module.Class: {{...}}}} with one class, not {wrapper!r}")
    module, _, name = path.rpartition(".")
    try:
        wrapped: gym.Env[Any, Any] = getattr(import_module(module), name)(env, **(keywords or {}))
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise CatalogError(f"wrapper {path!r} cannot be applied: {error}") from error
    return wrapped


def _guess(environment: str) -> str:
    hint = did_you_mean(environment, {*gym.registry, *environments()} - {environment})
    return f"; {hint}" if hint and environment not in gym.registry else ""
