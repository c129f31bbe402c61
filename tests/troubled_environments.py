"""An id in, an environment out that troubles whoever evaluates on it. Importing this registers them as `troubled/`."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium as gym
from gymnasium import spaces

from bench.environments.conformance import TwoLength

made: list[gym.Env[Any, Any]] = []
"""Every environment made in this process."""


class Counted(TwoLength):
    """Episodes of 1 and 9 steps; counts itself."""

    def __init__(self) -> None:
        super().__init__()
        made.append(self)


class Unclosable(Counted):
    """Raises whenever it is closed after use."""

    def close(self) -> None:
        if self._taken:
            raise ConnectionResetError(104, "Connection reset by peer")


class Heavy(Counted):
    """Asks for few of its kind."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": [], "heavy": True}  # type: ignore[misc]


class Scarce(Counted):
    """There are licences for four."""

    def __init__(self) -> None:
        if len(made) == 4:
            raise OSError("no licence is left")
        super().__init__()


class Occupied(Counted):
    """Has one port, taken with the first reset of the third."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        if made.index(self) >= 2:
            raise OSError("address already in use")
        return super().reset(seed=seed, options=options)


class Endless(TwoLength):
    """Pays 1 a step for ever; with `ends`, an episode from an even seed ends after as many steps."""

    def __init__(self, ends: int | None = None) -> None:
        super().__init__()
        self.observation_space = spaces.Discrete(2)  # type: ignore[assignment]
        self._ends = ends

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        self._even = seed is not None and seed % 2 == 0
        super().reset(seed=seed, options=options)
        return 0, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        del action
        self._taken += 1
        return 1, 1.0, self._even and self._taken == self._ends, False, {}


for _kind in (Counted, Unclosable, Heavy, Scarce, Occupied, Endless):
    gym.register(f"troubled/{_kind.__name__}-v0", f"{__name__}:{_kind.__name__}")
