"""Frames of Atari's shape that cost next to nothing: a paddle catches what falls. Registered as `gpu/Catch-v0`."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

SIDE = 84
ROWS = 12
"""Moves from top to bottom: an episode."""
WIDTH = SIDE // ROWS


class Catch(gym.Env[NDArray[np.uint8], np.int64]):
    """A square falls, a paddle at the bottom moves left, stays or moves right; 1 for catching it, -1 for missing it."""

    def __init__(self) -> None:
        """Lay out one grey frame and three actions."""
        self.observation_space = spaces.Box(0, 255, (SIDE, SIDE, 1), np.uint8)
        self.action_space = spaces.Discrete(3)
        self._row = self._column = self._paddle = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Let another square fall."""
        super().reset(seed=seed, options=options)
        self._row, self._paddle = 0, ROWS // 2
        self._column = int(self.np_random.integers(ROWS))
        return self._frame(), {}

    def step(self, action: np.int64) -> tuple[NDArray[np.uint8], float, bool, bool, dict[str, Any]]:
        """Move the paddle, and let the square fall by a row."""
        self._paddle = int(np.clip(self._paddle + int(action) - 1, 0, ROWS - 1))
        self._row += 1
        down = self._row == ROWS - 1
        reward = 0.0 if not down else 1.0 if self._column == self._paddle else -1.0
        return self._frame(), reward, down, False, {}

    def _frame(self) -> NDArray[np.uint8]:
        frame = np.zeros((SIDE, SIDE, 1), np.uint8)
        for row, column in ((self._row, self._column), (ROWS - 1, self._paddle)):
            frame[row * WIDTH : (row + 1) * WIDTH, column * WIDTH : (column + 1) * WIDTH] = 255
        return frame


gym.register("gpu/Catch-v0", "gpu_environments:Catch")
