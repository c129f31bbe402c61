"""An id in, an environment out that only chance plays well: two games against an exploiter, a grid with equal cells.

A policy is here what it is to a learner: a choice of action, or of chances of actions, for each observation. The best
one of these environments is stochastic; with a memory of what has happened a deterministic one could do better.
Importing this module registers them with Gymnasium under `bench/`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike

from bench.limits import is_finite

ROUNDS = 50
ROCK, PAPER, SCISSORS = 0, 1, 2
HEADS, TAILS = 0, 1

NORTH, EAST, SOUTH, WEST = 0, 1, 2, 3
LEFT_END, GREY, MIDDLE, RIGHT_END, BELOW = 0, 1, 2, 3, 4
TOLL = 0.02
GRID_HORIZON = 50

_ROUNDING = 1e-9
"""By so much may two answers to the same moves differ that are equally good."""
_LOOKS = (LEFT_END, GREY, MIDDLE, GREY, RIGHT_END)
"""What each cell of the corridor looks like."""
_TREASURE = 2
"""The cell above the treasure."""


class _Exploited(gym.Env[np.int64, np.int64]):
    """A zero-sum game of two players, one round a step, against one who best-responds to the learner's moves so far.

    That is fictitious play (Brown 1951): the exploiter makes the move against which the learner's earlier moves of this
    episode would have won least; of several such moves, as of all of them in the first round, each with equal chances.
    It knows neither the move that is coming nor earlier episodes.

    The observation is always the same one, so that a policy is a mix of moves, and a deterministic policy is one move,
    which the exploiter answers from the second round on.
    """

    def __init__(self, payoffs: ArrayLike) -> None:
        """Take (moves, answers) what the learner wins by its move against the exploiter's."""
        self._payoffs = np.asarray(payoffs, dtype=np.float64)
        self.observation_space = spaces.Discrete(1)
        self.action_space = spaces.Discrete(len(self._payoffs))
        self._counts = np.zeros(len(self._payoffs))

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.int64, dict[str, Any]]:
        """Meet an exploiter who has seen nothing yet."""
        super().reset(seed=seed, options=options)
        self._counts[:] = 0.0
        return np.int64(0), {}

    def step(self, action: np.int64) -> tuple[np.int64, float, bool, bool, dict[str, Any]]:
        """Play one round."""
        won = self._counts @ self._payoffs
        answers = np.flatnonzero(won <= won.min() + _ROUNDING)
        answer = answers[self.np_random.integers(len(answers))]
        self._counts[action] += 1.0
        return np.int64(0), float(self._payoffs[action, answer]), False, False, {}


class RockPaperScissors(_Exploited):
    """Rock-paper-scissors in which a win with rock pays 3, with paper 2, with scissors 1, and the loser pays it.

    Registered with a limit of 50 rounds. The mix 1/6, 1/2, 1/3 returns 0, whatever the exploiter does. The best one,
    0.179, 0.522, 0.299, returns 1.0321, because an exploiter who has seen little errs now and then. Equal chances
    return -14.7176. The best deterministic policy is paper: it wins 1/3 in the first round and loses 1 in every other,
    -48 2/3; rock loses 2 and returns -97 2/3, scissors loses 3 and returns -147 2/3.

    In the plain game, `stakes=(1, 1, 1)`, equal chances are best and return 0, and every move returns -49. There who
    has learned nothing plays best, which is why the stakes differ.
    """

    def __init__(self, stakes: Sequence[float] = (3.0, 2.0, 1.0)) -> None:
        """Take what a win with rock, paper and scissors pays.

        Raises:
            ValueError: they are not three positive numbers.
        """
        rock, paper, scissors = _positive("RockPaperScissors", stakes, 3)
        super().__init__([[0.0, -paper, rock], [paper, 0.0, -scissors], [-rock, scissors, 0.0]])


class MatchingPennies(_Exploited):
    """Matching pennies: the learner wins 3 if both show heads and 1 if both show tails, else it loses 1.

    Registered with a limit of 50 rounds. Heads with a chance of 1/3 returns 50/3, whatever the exploiter does. The best
    chance, 0.358, returns 17.2937, because an exploiter who has seen little errs now and then. Equal chances return
    4.8134. The best deterministic policy is heads: it wins 1 in the first round and loses 1 in every other, -48; tails
    returns -49.

    In the plain game, `stakes=(1, 1)`, equal chances are best and return 0, and either side returns -49. There who has
    learned nothing plays best, which is why the stakes differ.
    """

    def __init__(self, stakes: Sequence[float] = (3.0, 1.0)) -> None:
        """Take what matching heads and matching tails pay.

        Raises:
            ValueError: they are not two positive numbers.
        """
        heads, tails = _positive("MatchingPennies", stakes, 2)
        super().__init__([[heads, -1.0], [-1.0, tails]])


class AliasedGrid(gym.Env[np.int64, np.int64]):
    """A corridor of five cells, of which the second and the fourth look alike (Silver 2015, lecture 7).

    South of the middle cell lies a treasure, worth 1; south of either end a pit, which costs 1; both end the episode.
    It starts at either end with equal chances. Actions 0 to 3 go north, east, south and west; into a wall is nowhere.
    Every step costs 0.02. The observation is the look of the cell: 0 the left end, 1 grey (the second or fourth cell),
    2 the middle, 3 the right end, 4 below the corridor, where all is over. Registered with a limit of 50 steps.

    The best stochastic policy goes inwards from the ends, south from the middle, and east or west with equal chances
    where it is grey (Singh, Jaakkola and Jordan 1994, say why): from either end x = 2 + 1/2 + x/2 = 5 steps on average,
    a return of 0.9, from which the limit takes less than a millionth. The best deterministic policy goes one way where
    it is grey: it arrives in three steps from one end, 0.94, and never from the other, -1: a return of -0.03. Equal
    chances of all actions return -0.7277.
    """

    def __init__(self) -> None:
        """Stand at an end."""
        self.observation_space = spaces.Discrete(5)
        self.action_space = spaces.Discrete(4)
        self._cell = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.int64, dict[str, Any]]:
        """Start at either end."""
        super().reset(seed=seed, options=options)
        self._cell = 4 * int(self.np_random.integers(2))
        return np.int64(_LOOKS[self._cell]), {}

    def step(self, action: np.int64) -> tuple[np.int64, float, bool, bool, dict[str, Any]]:
        """Move, and pay for it."""
        if action == SOUTH and _LOOKS[self._cell] != GREY:
            return np.int64(BELOW), (1.0 if self._cell == _TREASURE else -1.0) - TOLL, True, False, {}
        self._cell = min(4, max(0, self._cell + (int(action == EAST) - int(action == WEST))))
        return np.int64(_LOOKS[self._cell]), -TOLL, False, False, {}


def _positive(name: str, stakes: Sequence[float], count: int) -> list[float]:
    if not isinstance(stakes, list | tuple) or len(stakes) != count or not all(is_finite(s) and s > 0 for s in stakes):
        raise ValueError(f"bench/{name}-v0: stakes must be {count} positive numbers, not {stakes!r}")
    return [float(stake) for stake in stakes]


for _name, _horizon in (("RockPaperScissors", ROUNDS), ("MatchingPennies", ROUNDS), ("AliasedGrid", GRID_HORIZON)):
    if f"bench/{_name}-v0" not in gym.registry:
        gym.register(f"bench/{_name}-v0", f"{__name__}:{_name}", max_episode_steps=_horizon)
