"""An environment and somebody who watches in, the same environment, seen after every reset and step, out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym


class Watched(gym.Wrapper[Any, Any, Any, Any]):
    """Shows itself after every reset and step, and changes nothing."""

    def __init__(self, env: gym.Env[Any, Any], see: Callable[[gym.Env[Any, Any]], None]) -> None:
        super().__init__(env)
        self._see = see

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset, and be seen."""
        result = self.env.reset(seed=seed, options=options)
        self._see(self.env)
        return result

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step, and be seen."""
        result = self.env.step(action)
        self._see(self.env)
        return result
