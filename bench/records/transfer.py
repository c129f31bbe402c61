"""What is known of an environment, how far stored evidence carries over to it, and the advice that comes of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.records.answers import Candidate
from bench.records.estimates import Pair


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


@dataclass(frozen=True, slots=True)
class Likeness:
    """How far one environment with stored results is from the one asked about."""

    environment: str
    level: str
    """`same`, `close`, `far` or `none` (nothing carries over: the kinds differ)."""
    distance: float | None
    """Sum over traits; 1 is a factor of ten in a size or a change of kind. None at level `none`."""
    alike: tuple[str, ...]
    different: tuple[str, ...]
    """Why not nearer, in words, the weightiest first."""
    suite: str = ""
    """The stored results; empty where there are none of this environment."""
    budget: int = 0
    """Environment steps that the stored runs were trained for."""
    runs: int = 0
    """Trained runs per algorithm, the smallest."""
    used: bool = False
    """Whether the advice rests on it."""


@dataclass(frozen=True, slots=True)
class Trust:
    """How advice of this kind has fared where the answer is known: each stored environment asked about in turn."""

    environments: int
    right: int
    """How often the first choice was the best, or within the margin of it."""
    regret: float
    """By how much the first choice fell short of the best, mean over environments."""
    blind_regret: float
    """The same for a choice at random."""


@dataclass(frozen=True, slots=True)
class Option:
    """An algorithm that fits the environment, whether anything is known of it or not."""

    label: str
    algorithm: str
    hyperparameter_set: str
    """The set with which the evidence was made; `default` where there is none."""
    changes: Mapping[str, object] = field(default_factory=dict)
    """What the suite of the evidence changed in that set."""
    settings: Mapping[str, object] = field(default_factory=dict)
    """All of them, as used on the nearest environment; empty without evidence or with the library's defaults."""
    settings_of: str = ""
    """That environment."""
    seconds_per_step: float | None = None
    """Of training on the environment asked about, on one core."""
    steps: int = 0
    """The budget that was read for it, in environment steps of the environment asked about."""


@dataclass(frozen=True, slots=True)
class Advice:
    """The answer of `bench which`."""

    target: Traits
    level: str
    """Of the evidence that the advice rests on: `same`, `close`, `far` or `none`."""
    budget: str
    """In words: `within 200,000 steps`."""
    verdict: str
    """The answer in a sentence."""
    confidence: tuple[str, ...]
    """How sure, in sentences."""
    choose: str | None
    """None: the evidence names none; the first candidate is then no more than a first guess."""
    as_good: tuple[str, ...]
    """Those that cannot be told apart from the first candidate, or are equivalent to it."""
    candidates: tuple[Candidate, ...]
    """Best first; empty without evidence."""
    options: tuple[Option, ...]
    """The candidates in their order; without evidence every algorithm that fits, the cheapest first."""
    pairs: tuple[Pair, ...]
    likenesses: tuple[Likeness, ...]
    """Nearest first, those that carry nothing over last."""
    n: int
    """Trained runs per algorithm and environment, the smallest."""
    caveats: tuple[str, ...]
    trust: Trust | None = None
    """None where fewer than two environments could be asked about."""
