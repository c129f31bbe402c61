"""How far stored evidence carries over to an environment, and the advice that comes of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.pipeline.naming import RESULTS
from bench.records import Candidate, Pair, Traits

NEAREST = 3
_FIRST_CHOICES: Mapping[str, tuple[str, ...]] = {"discrete": ("ppo", "dqn"), "continuous": ("ppo", "sac")}
_FEW_STATES = 1000
"""So many states are well in reach of a table."""


def first_choices(target: Traits) -> tuple[str, ...]:
    """Return what anybody in the field would try first on such an environment: a table where states are few.

    For kinds of actions that are neither discrete nor continuous only PPO of these fits.
    """
    few = target.observations == "discrete" and 0 < (target.observation_size or 0) <= _FEW_STATES
    tables = ("q_learning",) if few and target.actions == "discrete" else ()
    return (*tables, *_FIRST_CHOICES.get(target.actions, ("ppo",)))


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
class Unfit:
    """Stored runs of an algorithm on an environment that do not count, and why."""

    algorithm: str
    environment: str
    reason: str
    """`settings made for 1,000,000 steps`, after the algorithm's name."""


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
    provenance: str = ""
    """Where they come from, in words; empty without evidence."""
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
    """Better than every rival or equivalent to it. None: the evidence names none; the first candidate then leads, where
    it is better than one or equivalent to one, or is no more than a first guess."""
    as_good: tuple[str, ...]
    """Those that are equivalent to the first candidate, best first."""
    undecided: tuple[str, ...]
    """Those that are not yet told apart from it, best first."""
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
    nobody: bool = False
    """Whether no candidate has learned anything: the first is then no better than the others."""
    learned_elsewhere: tuple[str, ...] = ()
    """Algorithms that have, where nobody here has: with other settings, or in another suite; best first."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was typed."""

    environment: str | None = None
    """Gymnasium id, or `module:EnvId`."""
    kwargs: Mapping[str, object] = field(default_factory=dict)
    """Arguments that the environment is made with."""
    described: Traits | None = None
    """Instead of an environment."""
    steps: int | None = None
    minutes: float | None = None
    """Of training per run."""
    target: float | None = None
    """Return that counts as solved, where no catalogue knows it."""
    nearest: int = NEAREST
    results: Path = RESULTS
    to: Path | None = None
    force: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """The suite that would settle the question, and what it costs."""

    path: Path
    text: str
    state: str
    """`written`, `rewritten` (an earlier answer's was there), `unchanged` (it was there already), or `kept` (one that
    somebody has written or changed was there and stays)."""
    trials: int
    core_seconds: float
    longest_seconds: float
    """Of one trial."""
    remarks: tuple[str, ...] = ()
    """What its seeds are for, and which pair stays open at what price."""
    kept: str = ""
    """Of a suite that stays: its budget, in words; empty where it cannot be read."""


@dataclass(frozen=True, slots=True)
class Further:
    """A further answer: with settings that others published, or for whoever tunes first."""

    advice: Advice
    worth: tuple[str, ...]
    """What that brings beside the first answer, and what it costs, in sentences."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Advice, the suite to run next, and what could not be used."""

    advice: Advice
    proposal: Proposal
    notes: tuple[str, ...]
    with_published: Further | None = None
    """None where no published settings do better on the very environment than what the first answer rests on."""
    after_tuning: Further | None = None
    """None where no results with settings that were searched for here carry over as far as the others."""
