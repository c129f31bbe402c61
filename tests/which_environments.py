"""An id in, a small environment with known facts out; importing this module registers them."""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

Observation = NDArray[np.float32]


class Clockwork(gym.Env[Any, np.int64]):
    """Two numbers, three actions; episodes of `length` steps that pay `last` at the end and `each` before."""

    def __init__(self, length: int = 40, each: float = 0.0, last: float = 1.0, *, ends: bool = True) -> None:
        self.observation_space: spaces.Space[Any] = spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.action_space: spaces.Space[Any] = spaces.Discrete(3)
        self._length, self._each, self._last, self._ends, self._step = length, each, last, ends, 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        self._step = 0
        return self._observation(), {}

    def step(self, action: np.int64) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        del action
        self._step += 1
        over = self._ends and self._step == self._length
        return self._observation(), self._last if over else self._each, over, False, {}

    def _observation(self) -> Any:
        return np.zeros(2, dtype=np.float32)


class Lucky(Clockwork):
    """Two steps an episode; the second pays 1 where the agent's first action was 0."""

    def __init__(self) -> None:
        super().__init__(length=2)
        self._paid = 0.0

    def step(self, action: np.int64) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        observation, _, over, cut, info = super().step(action)
        if not over:
            self._paid = float(action == 0)
        return observation, self._paid if over else 0.0, over, cut, info


class Huge(Clockwork):
    """Observations of 5,000 and actions from 0 to 10: both want scaling."""

    def __init__(self) -> None:
        super().__init__()
        self.action_space = spaces.Box(0.0, 10.0, (2,), np.float32)

    def _observation(self) -> Any:
        return np.full(2, 5_000.0, dtype=np.float32)


class Unbounded(Clockwork):
    """Actions without bounds."""

    def __init__(self) -> None:
        super().__init__()
        self.action_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)


class OldStep(Clockwork):
    """Returns four values, as Gym did."""

    def step(self, action: np.int64) -> Any:
        return super().step(action)[:4]


class Masked(Clockwork):
    """Takes action 1 only, and says so."""

    def action_masks(self) -> NDArray[np.bool_]:
        return np.array([False, True, False])

    def step(self, action: np.int64) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if action != 1:
            raise ValueError(f"action {action} is not valid")
        return super().step(action)


class MaskedTwice(Masked):
    """Takes the actions (1, 0) only, of three and two choices."""

    def __init__(self) -> None:
        super().__init__()
        self.action_space = spaces.MultiDiscrete([3, 2])

    def action_masks(self) -> NDArray[np.bool_]:
        return np.array([False, True, False, True, False])

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if list(action) != [1, 0]:
            raise ValueError(f"action {action} is not valid")
        return super().step(np.int64(1))


class Broken(Clockwork):
    """Cannot be made."""

    def __init__(self) -> None:
        raise RuntimeError("no licence found")


class Talkative(Clockwork):
    """Prints."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        print("a new episode")  # noqa: T201 - what some environments do
        return super().reset(seed=seed, options=options)


class OldReset(Clockwork):
    """Returns the observation alone, as Gym did."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        return super().reset(seed=seed, options=options)[0]


class Spaceless(Clockwork):
    """Has forgotten its action space."""

    def __init__(self) -> None:
        super().__init__()
        del self.action_space


class Single(Clockwork):
    """Holds something that there is only one of."""

    held = False

    def __init__(self) -> None:
        super().__init__()
        if Single.held:
            raise OSError("port 5005 is in use")
        Single.held = True

    def close(self) -> None:
        Single.held = False


class Unclosed(Clockwork):
    """Cannot be closed."""

    def close(self) -> None:
        raise ConnectionError("already gone")


class Unseeded(Clockwork):
    """Starts somewhere else with the same seed."""

    def _observation(self) -> Any:
        return np.random.default_rng().uniform(-1.0, 1.0, 2).astype(np.float32)


class FromMinusOne(Clockwork):
    """Pays for action -1 alone; shows the last action, as a number from -1 on, in two ways."""

    def __init__(self) -> None:
        super().__init__(length=10)
        self.action_space = spaces.Discrete(3, start=-1)
        self.observation_space = spaces.Dict(
            {"last": spaces.Discrete(3, start=-1), "twice": spaces.MultiDiscrete([3, 3], start=[-1, -1])}
        )
        self._last = -1

    def step(self, action: np.int64) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self._last = int(action)
        _, _, over, cut, info = super().step(action)
        return self._observation(), float(action == -1), over, cut, info

    def _observation(self) -> Any:
        return {"last": np.int64(self._last), "twice": np.array([self._last, self._last])}


_KINDS: tuple[tuple[str, str, int | None, dict[str, Any]], ...] = (
    ("Clockwork", "Clockwork", None, {}),
    ("Endless", "Clockwork", None, {"ends": False}),
    ("Limited", "Clockwork", 25, {"ends": False, "each": -1.0}),
    ("Lucky", "Lucky", None, {}),
    ("Huge", "Huge", None, {}),
    ("Unbounded", "Unbounded", None, {}),
    ("OldStep", "OldStep", None, {}),
    ("Masked", "Masked", None, {}),
    ("MaskedTwice", "MaskedTwice", None, {}),
    ("Broken", "Broken", None, {}),
    ("Talkative", "Talkative", None, {}),
    *((name, name, None, {}) for name in ("OldReset", "Spaceless", "Single", "Unclosed", "Unseeded", "FromMinusOne")),
)
for _name, _maker, _limit, _kwargs in _KINDS:
    if f"which/{_name}-v0" not in gym.registry:
        gym.register(
            f"which/{_name}-v0",
            f"{__name__}:{_maker}",
            max_episode_steps=_limit,
            kwargs=_kwargs,
            reward_threshold=_limit and -10.0,
        )
