"""Environment id, keyword arguments and wrappers in, a Gymnasium environment out, or a sentence that says why not."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from bench.catalog import environments, missing, suggest
from bench.environments.replaying import MOST_ACTIONS, Journal, forgets, pickles_by_arguments, random_state
from bench.errors import BenchError, CatalogError, OutsideError
from bench.records import IMAGE_DIMENSIONS, Wrapper

_SLACK = 1e-4
"""Share of a Box's width by which rounding may carry an action beyond its bounds."""
_LONGEST_MESSAGE = 500


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
    """Adds up raw rewards and steps of the running episode, innermost, before any wrapper can change them.

    What arrives here is what the environment is really told to do, so this is also where actions are looked at, and
    where a journal is kept of those of an environment that cannot tell its own state, if `resumable`.
    """

    def __init__(self, env: gym.Env[Any, Any], *, resumable: bool = False) -> None:
        super().__init__(env)
        self.total, self.length = 0.0, 0
        self._before = 0
        self.over = False
        """Whether the environment itself has ended the episode, not a wrapper around it."""
        self._inside = _membership(env.action_space)
        self._journal: Journal | None = None
        self._writes = resumable and pickles_by_arguments(env)
        self.astray = False
        """Whether it was read back from a pickle and does not stand where it stood."""
        self.repeats = not self._writes or forgets(env)
        """Whether, read back from a pickle, it goes on to the last bit as it would have."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset the environment and the totals."""
        self._before += self.length
        self.total, self.length, self.over = 0.0, 0, False
        if self._writes:
            self._journal = Journal.begin(self.env, seed, options)
        found = self.env.reset(seed=seed, options=options)
        if self._journal is not None:
            self._journal.seen = found[0]
        return found

    @property
    def taken(self) -> int:
        """Steps since it was made, of all episodes."""
        return self._before + self.length

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step, and add the raw reward.

        Raises:
            OutsideError: the action is outside the action space.
        """
        if not self._inside(action):
            name = self.env.spec.id if self.env.spec else type(self.env.unwrapped).__name__
            raise OutsideError(f"action {action!r} is outside the action space {self.env.action_space} of {name}")
        result = self.env.step(action)
        self.total += float(result[1])
        self.length += 1
        self.over = bool(result[2] or result[3])
        if self._journal is not None:
            # Of an episode that is too long to be told again, no more than that it is.
            if self.length <= MOST_ACTIONS:
                self._journal.actions.append(action)
            self._journal.seen = result[0]
        return result

    def __getstate__(self) -> dict[str, Any]:
        """Return everything, with the state of the random numbers where an environment cannot tell its own state."""
        stream = None if self._journal is None else random_state(self.env)
        return {**vars(self), "_stream": stream}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take up the episode where it was; `astray` tells whether that went wrong."""
        stream = state.pop("_stream")
        vars(self).update(state)
        if self._journal is not None:
            try:
                self.astray = self.length > MOST_ACTIONS or not self._journal.replay(self.env, stream)
            except Exception:  # noqa: BLE001  # whatever somebody else's code raises
                self.astray = True


class StackFrames(gym.Wrapper[Any, Any, Any, Any]):
    """Stacks the last `count` observations along the last axis, zeros before the first (RL Zoo's `frame_stack`).

    Of images whose channels come first, along that axis.
    """

    def __init__(self, env: gym.Env[Any, Any], count: int) -> None:
        super().__init__(env)
        space = env.observation_space
        if not isinstance(space, spaces.Box):
            raise CatalogError(f"frame_stack needs array observations; {env.spec and env.spec.id} has {space}")
        # As stable-baselines3 tells where an image's channels are.
        self._axis = 0 if observation_kind(space) == "image" and np.argmin(space.shape) == 0 else -1
        low, high = (np.concatenate([bound] * count, axis=self._axis) for bound in (space.low, space.high))
        self.observation_space = spaces.Box(low, high, dtype=space.dtype.type)
        self._frames = np.zeros(low.shape, dtype=space.dtype)
        self._width = space.shape[self._axis]
        newest = slice(-self._width, None)
        self._newest = (newest,) if self._axis == 0 else (..., newest)

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
        self._frames = np.roll(self._frames, -self._width, axis=self._axis)
        self._frames[self._newest] = observation
        return self._frames.copy()


class FromZero(gym.Wrapper[Any, Any, Any, Any]):
    """Counts discrete actions and observations from 0, whatever their `start`: stable-baselines3 does so regardless."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self.action_space, self.observation_space = _from_zero(env.action_space), _from_zero(env.observation_space)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset."""
        observation, info = self.env.reset(seed=seed, options=options)
        return _shifted(self.env.observation_space, observation, -1), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step."""
        observation, *told = self.env.step(_shifted(self.env.action_space, action, 1))
        return (_shifted(self.env.observation_space, observation, -1), *told)


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
        seed: of the first reset, for training; None leaves seeding to whoever resets.

    Raises:
        CatalogError: no such environment, it cannot be made, or a wrapper cannot be applied.
    """
    made = _with_spaces(_made(environment, kwargs), environment)
    totals = EpisodeTotals(made, resumable=seed is not None)
    env: gym.Env[Any, Any] = totals
    for wrapper in wrappers:
        env = _wrapped(env, wrapper)
    if frame_stack > 1:
        env = StackFrames(env, frame_stack)
    if _starts(env.action_space) or _starts(env.observation_space):
        env = FromZero(env)
    return (env if seed is None else SeededReset(env, seed)), totals


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
    """Return `vector`, `image`, `discrete`, `dict` (of these), or `composite`: anything else, such as tuples."""
    if isinstance(space, spaces.Box):
        # As stable-baselines3 tells images from other arrays.
        pixels = len(space.shape) == IMAGE_DIMENSIONS and space.dtype == np.uint8
        return "image" if pixels and (space.low == 0).all() and (space.high == 255).all() else "vector"  # noqa: PLR2004
    if isinstance(space, spaces.Discrete):
        return "discrete"
    if isinstance(space, spaces.MultiDiscrete | spaces.MultiBinary):
        return "vector"
    flat = isinstance(space, spaces.Dict) and {observation_kind(part) for part in space.spaces.values()}
    return "dict" if flat and not flat & {"dict", "composite"} else "composite"


def in_words(error: BaseException) -> str:
    """Return an exception in words, with the line it came from."""
    try:
        said = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - a message that cannot be printed must not hide the exception
        said = "(its message cannot be printed)"
    said = said if len(said) <= _LONGEST_MESSAGE else f"{said[:_LONGEST_MESSAGE]}..."
    if isinstance(error, SyntaxError):
        # It says itself where, and the frames are the importer's.
        return f"SyntaxError: {said}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<frozen")]
    place = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}{f': {said}' if said else ''}{place}"


def _made(environment: str, kwargs: Mapping[str, Any]) -> gym.Env[Any, Any]:
    known = environments().get(environment)
    if known and (command := missing(known)):
        raise CatalogError(f"environment {environment!r} is not installed; {command}")
    try:
        if known and known.module:
            import_module(known.module)
        with warnings.catch_warnings():
            # Of a version that is gone Gymnasium warns in the terminal before it refuses it: the refusal is enough. For
            # a name without version it takes the newest: results must say which.
            if environment not in gym.registry:
                warnings.filterwarnings("ignore", message=".*is out of date", category=DeprecationWarning)
            warnings.filterwarnings("error", message=".*Using the latest versioned environment")
            # The passive checker looks at every step and costs more than CartPole itself.
            made: gym.Env[Any, Any] = gym.make(environment, **{**kwargs, "disable_env_checker": True})
    except (gym.error.Error, ImportError, TypeError) as error:
        said = str(error).partition(" Did you mean")[0].partition(" Environment registration via")[0].rstrip(".")
        raise CatalogError(f"environment {environment!r} cannot be made: {said}{_hint(environment, error)}") from error
    except Exception as error:
        if isinstance(error, UserWarning) and "latest versioned environment" in str(error):
            raise CatalogError(f"environment {environment!r} names no version{_guess(environment)}") from error
        raise CatalogError(f"environment {environment!r} cannot be made: {in_words(error)}") from error
    return made


def _with_spaces(env: gym.Env[Any, Any], environment: str) -> gym.Env[Any, Any]:
    for name in ("action_space", "observation_space"):
        if not isinstance(getattr(env, name, None), spaces.Space):
            raise CatalogError(f"environment {environment!r} has no {name}: give it one of gymnasium.spaces")
    return env


def _wrapped(env: gym.Env[Any, Any], wrapper: Wrapper) -> gym.Env[Any, Any]:
    (path, keywords), *more = {wrapper: {}}.items() if isinstance(wrapper, str) else wrapper.items()
    if more:
        raise CatalogError(f"a wrapper is `module.Class` or {{module.Class: {{...}}}} with one class, not {wrapper!r}")
    module, _, name = path.rpartition(".")
    try:
        wrapped = getattr(import_module(module), name)(env, **(keywords or {}))
    except BenchError:
        raise
    except Exception as error:
        raise CatalogError(f"wrapper {path!r} cannot be applied: {in_words(error)}") from error
    if not isinstance(wrapped, gym.Env):
        raise CatalogError(f"wrapper {path!r} cannot be applied: it makes {type(wrapped).__name__}, no environment")
    return wrapped


def _membership(space: gym.Space[Any]) -> Callable[[Any], bool]:
    """Return what tells actions of the space from others, in a microsecond or a few: it is asked at every step."""
    if isinstance(space, spaces.Discrete):
        first, beyond = int(space.start), int(space.start + space.n)
        return lambda action: first <= action < beyond
    if isinstance(space, spaces.Box):
        # Not `space.contains`: it minds the type of the numbers, and rounding at the bounds.
        bounds = np.stack([space.low.ravel(), space.high.ravel()]).astype(np.float64)
        width = bounds[1] - bounds[0]
        slack = np.where(np.isfinite(width), _SLACK * width, 0.0)
        low, high = (bounds[0] - slack).tolist(), (bounds[1] + slack).tolist()
        return lambda action: _between(low, np.ravel(action).tolist(), high)
    if isinstance(space, spaces.MultiDiscrete | spaces.MultiBinary):
        start, choices = getattr(space, "start", 0), getattr(space, "nvec", 2)
        return lambda action: bool(((action >= start) & (action < start + choices)).all())
    return space.contains


def _between(low: Sequence[float], numbers: Sequence[float], high: Sequence[float]) -> bool:
    if len(numbers) != len(low):
        return False
    return all(least <= number <= most for least, number, most in zip(low, numbers, high, strict=True))


def _starts(space: gym.Space[Any]) -> bool:
    """Return whether something in the space is counted from another number than 0."""
    if isinstance(space, spaces.Dict):
        return any(_starts(part) for part in space.spaces.values())
    return isinstance(space, spaces.Discrete | spaces.MultiDiscrete) and bool(np.any(space.start != 0))


def _from_zero(space: gym.Space[Any]) -> gym.Space[Any]:
    if not _starts(space):
        return space
    if isinstance(space, spaces.Dict):
        return spaces.Dict({key: _from_zero(part) for key, part in space.spaces.items()})
    if isinstance(space, spaces.Discrete):
        return spaces.Discrete(int(space.n))
    return spaces.MultiDiscrete(space.nvec)  # type: ignore[attr-defined]  # the only other kind that starts somewhere


def _shifted(space: gym.Space[Any], value: Any, sign: int) -> Any:
    """Return an element of the space counted from 0 (sign -1), or back (sign 1)."""
    if not _starts(space):
        return value
    if isinstance(space, spaces.Dict):
        return {key: _shifted(part, value[key], sign) for key, part in space.spaces.items()}
    return value + sign * space.start  # type: ignore[attr-defined]  # see above


def _hint(environment: str, error: Exception) -> str:
    """Return what to do about an environment that cannot be made; empty where the error is not about its name."""
    if isinstance(error, ModuleNotFoundError):
        return "; modules are looked for among what is installed and in the working directory"
    if isinstance(error, gym.error.NamespaceNotFound) and ":" not in environment:
        return f"; write the module that registers it before a colon, my_package:{environment}"
    unknown = isinstance(error, gym.error.UnregisteredEnv | gym.error.DeprecatedEnv) or "Malformed" in str(error)
    return _guess(environment) if unknown else ""


def _guess(environment: str) -> str:
    """Return the name that was probably meant, with the module that was typed: others are not imported by it."""
    module, colon, name = environment.rpartition(":")
    guess = suggest(name, {*gym.registry, *(() if module else environments())} - {name})
    return f"; did you mean {module + colon + guess!r}?" if guess else ""
