"""A replay memory that cannot fit is told of before training, with the arithmetic."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from bench.algorithms import sb3
from bench.algorithms.replay import require_room
from bench.records import LearnerRequest
from bench.runner.worker import kind_of
from tests.making import small_trial

PICTURE = spaces.Box(0, 255, (84, 84, 4), np.uint8)
GB = 10**9


def test_what_does_not_fit_is_told_with_the_arithmetic_and_what_would_fit() -> None:
    # Two pictures of 28,224 bytes, an action of 8 and 12 beside them: 56,468 bytes a step, 56.5 GB in all.
    with pytest.raises(MemoryError) as told:
        require_room(PICTURE, spaces.Discrete(6), {}, steps=10_000_000, free=24 * GB)
    assert str(told.value) == (
        "a replay memory of 1,000,000 steps takes 56.5 GB, 56,468 bytes a step (2 x 28,224 of them the observation); "
        "24.0 GB are free: set buffer_size to at most 425,000"
    )
    assert kind_of(told.value) == "out_of_memory"


@pytest.mark.parametrize(
    ("settings", "steps", "free"),
    [
        ({"buffer_size": 425_000}, 10_000_000, 24 * GB),
        ({}, 400_000, 24 * GB),  # no more is kept than is trained
        ({"optimize_memory_usage": True}, 10_000_000, 29 * GB),
    ],
)
def test_what_fits_is_let_through(settings: dict[str, object], steps: int, free: int) -> None:
    require_room(PICTURE, spaces.Discrete(6), settings, steps, free)
    with pytest.raises(MemoryError):
        require_room(PICTURE, spaces.Discrete(6), settings, steps, free * 9 // 10)


def test_the_parts_of_a_dict_count_together() -> None:
    both = spaces.Dict({"one": spaces.Box(-1, 1, (10,), np.float32), "two": spaces.Box(-1, 1, (5,), np.float64)})
    # 2 x (40 + 40) + 3 x 4 + 12 = 184 bytes a step.
    require_room(both, spaces.Box(-1, 1, (3,), np.float32), {}, steps=100, free=18_400)
    with pytest.raises(MemoryError, match="184 bytes a step"):
        require_room(both, spaces.Box(-1, 1, (3,), np.float32), {}, steps=100, free=18_399)


class Wide(gym.Env[np.ndarray, np.int64]):
    """Sees a million numbers."""

    observation_space = spaces.Box(-1, 1, (1_000_000,), np.float32)
    action_space = spaces.Discrete(2)


def test_a_learner_says_so_before_it_is_built() -> None:
    trial = small_trial("dqn", "CartPole-v1", steps=1_000_000)
    with pytest.raises(MemoryError, match=r"takes 8,000\.0 GB"):
        sb3.make(LearnerRequest(trial, lambda _: Wide(), seed=3))
