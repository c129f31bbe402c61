"""What is known of an environment."""

from __future__ import annotations

from dataclasses import dataclass

IMAGE_DIMENSIONS = 3
"""Axes of an observation that is an image: height, width and channels."""


@dataclass(frozen=True, slots=True)
class Traits:
    """An environment as its spaces declare it and as a short random policy finds it; None: not known."""

    environment: str
    """Its id; of a mere description, that description in words."""
    actions: str
    """`discrete`, `continuous`, `multi-discrete` or `multi-binary`."""
    observations: str
    """`vector`, `discrete`, `image` or `dict`."""
    action_size: int | None = None
    """Choices of a discrete action; numbers in any other."""
    observation_size: int | None = None
    """States of a discrete observation; numbers in any other."""
    horizon: int | None = None
    """Time limit in steps, as registered; None: none, or not known."""
    longest: int | None = None
    """Steps of the longest random episode."""
    masks: bool = False
    """Whether it offers `action_masks()`."""
    rewards: str | None = None
    """`dense` (most steps tell something), `sparse` (few do) or `constant` (every step pays the same: only when the
    episode ends matters)."""
    steps: int = 0
    """Random steps played; 0: nothing was measured."""
    episodes: int = 0
    """Whole episodes among them."""
    mean_length: float | None = None
    """Steps of a random episode."""
    mean_return: float | None = None
    """Of a random episode, undiscounted, raw."""
    sd_return: float | None = None
    """Over episodes; None with fewer than two."""
    best_return: float | None = None
    """Of the luckiest random episode."""
    mean_reward: float | None = None
    sd_reward: float | None = None
    """Over steps."""
    uncommon_rewards: float | None = None
    """Share of steps whose reward differs from the most common one."""
    last_rewards: float | None = None
    """Share of those uncommon rewards that come with an episode's last step; None where there are none."""
    uncommon_returns: float | None = None
    """Share of episodes whose return differs from the most common one: how often chance shows that actions matter."""
    terminated: float | None = None
    """Share of episodes that the environment itself ended, rather than a time limit."""
    steps_per_second: float | None = None
    """Plain stepping, resets included, on one core of the machine that measured it."""
    threshold: float | None = None
    """Return at which Gymnasium's registry counts it as solved."""
    troubles: tuple[str, ...] = ()
    """What is wrong or needs care, in sentences."""
