"""A game of MinAtar in, an environment out whose observations are images (Young and Tian 2019, arXiv:1903.03176).

Five Atari games on a board of 10 x 10 cells; a channel for every kind of thing says where such things are. The class
that MinAtar has for Gymnasium shows Booleans, which no learning library takes for an image, does not seed what it
inherits, and has to be registered by hand. Importing this module registers the games under `bench/`, with the settings
of the paper: all six actions in every game, sticky actions, growing difficulty. The games themselves are MinAtar's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from minatar import Environment
from numpy.typing import NDArray

FREEWAY_STEPS = 2_501
"""With this step Freeway ends by its own clock; a limit of the same length tells others how long an episode can be."""
SET = np.uint8(255)
"""What a set cell is in an image: scaled to [0, 1], as images are, it is 1."""
PIXELS_PER_CELL = 24

GAMES: Mapping[str, tuple[str, int | None]] = {
    "bench/MinAtarAsterix-v0": ("asterix", None),
    "bench/MinAtarBreakout-v0": ("breakout", None),
    "bench/MinAtarFreeway-v0": ("freeway", FREEWAY_STEPS),
    "bench/MinAtarSeaquest-v0": ("seaquest", None),
    "bench/MinAtarSpaceInvaders-v0": ("space_invaders", None),
}
"""Id -> MinAtar's name of the game, and the steps after which an episode is over at the latest."""

Image = NDArray[np.uint8]


class MinAtar(gym.Env[Image, np.int64]):
    """One of MinAtar's games, its observations as images of (channels, 10, 10) bytes: 255 where something is, else 0.

    Channels come first because Seaquest has ten of them: of 10 x 10 x 10 numbers nobody can tell which are the
    channels, and stable-baselines3 takes the first of equals.

    An episode is decided by its seed: the action that may be repeated at its first step is none, where MinAtar's is the
    last one of the episode before.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012 - as Gymnasium declares it

    def __init__(
        self,
        game: str,
        *,
        use_minimal_action_set: bool = False,
        sticky_action_prob: float = 0.1,
        difficulty_ramping: bool = True,
        render_mode: str | None = None,
    ) -> None:
        """Set the game up.

        Args:
            game: MinAtar's name of it.
            use_minimal_action_set: offer only the actions that do something in this game (MinAtar's own ids -v1).
            sticky_action_prob: chance that the action before is taken again instead.
            difficulty_ramping: let the game become harder while it lasts.
            render_mode: `rgb_array` or none.
        """
        self.render_mode = render_mode
        self._game = Environment(game, sticky_action_prob=sticky_action_prob, difficulty_ramping=difficulty_ramping)
        everything = list(range(self._game.num_actions()))
        self._actions = self._game.minimal_action_set() if use_minimal_action_set else everything
        height, width, channels = self._game.state_shape()
        self.observation_space = spaces.Box(0, 255, (channels, height, width), dtype=np.uint8)
        self.action_space = spaces.Discrete(len(self._actions))

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Image, dict[str, Any]]:
        """Begin a new game."""
        super().reset(seed=seed, options=options)
        if seed is not None:
            # Its generator takes 32 bits, and a seed may have more.
            self._game.seed(int(self.np_random.integers(2**32)))
        self._game.last_action = 0
        self._game.reset()
        return self._image(), {}

    def step(self, action: np.int64) -> tuple[Image, float, bool, bool, dict[str, Any]]:
        """Play one frame."""
        reward, over = self._game.act(self._actions[int(action)])
        return self._image(), float(reward), bool(over), False, {}

    def render(self) -> Any:
        """Return (240, 240, 3) bytes: every channel in a colour of its own, the last one on top, as MinAtar draws."""
        import seaborn as sns  # noqa: PLC0415 - for films alone

        state = self._game.state()
        colours = np.array([(0.0, 0.0, 0.0), *sns.color_palette("cubehelix", state.shape[-1])])
        top = (state * (1 + np.arange(state.shape[-1]))).max(axis=-1)
        cells = np.rint(255 * colours[top]).astype(np.uint8)
        return cells.repeat(PIXELS_PER_CELL, axis=0).repeat(PIXELS_PER_CELL, axis=1)

    def _image(self) -> Image:
        return np.ascontiguousarray(np.moveaxis(self._game.state(), -1, 0)) * SET


for _id, (_name, _longest) in GAMES.items():
    if _id not in gym.registry:
        gym.register(_id, f"{__name__}:MinAtar", kwargs={"game": _name}, max_episode_steps=_longest)
