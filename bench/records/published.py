"""What others published, as facts, and how our runs compare with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.records.facts import Fact
from bench.records.interval import Interval


@dataclass(frozen=True, slots=True)
class PublishedCell:
    """One number of a published table, with what is needed to run its protocol again."""

    algorithm: str
    """As the catalogue calls it."""
    environment: str
    """As published."""
    mean: float
    steps: int
    """Environment steps of training."""
    here: str = ""
    """The id under which today's Gymnasium has the environment; empty where that has not changed."""
    spread: float | None = None
    """As printed; the table says over what it was taken."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Hyperparameters that win over the table's named set."""
    episodes: int | None = None
    """Evaluation episodes behind the number, per run."""
    measured: str = ""
    """When, where the source says it for this number."""
    minutes: float | None = None
    """CPU minutes of one training run on one core, measured; None where nobody measured it."""
    not_comparable: str = ""
    """Why no run of today can be compared with it; empty where one can."""
    note: str = ""
    settings_of_theirs: str = ""
    """Why its settings are no evidence for the library that runs here; empty where they are."""
    before: tuple[Mapping[str, float], ...] = ()
    """Earlier published measurements of the same, `mean` and `spread`."""
    again: Mapping[str, float] = field(default_factory=dict)
    """The published agent itself, evaluated again on today's environment: `mean`, `episodes`, `z`."""

    @property
    def place(self) -> str:
        """The environment as today's Gymnasium calls it."""
        return self.here or self.environment


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """A published table as data: numbers with their source and protocol."""

    name: str
    title: str
    source: str
    commit: str
    date: str
    licence: str
    versions: Mapping[str, str]
    """Library -> version with which it was measured."""
    protocol: str
    statistic: str
    """Which number of a run it is about, one of `STATISTICS`."""
    deterministic: bool
    runs: int
    """Training runs behind every number."""
    spread_over: str
    """`runs`, or `episodes` of one trained agent, which says nothing about another run."""
    rounding: float
    """Half a unit of the last printed digit."""
    seeds: int
    """Runs of ours that a comparison asks for."""
    margin: float
    """Difference within which means count as the same, as a share of the way from the random policy to the target."""
    hyperparameters: str
    """A named set."""
    cells: tuple[PublishedCell, ...]
    spread_kind: str = "std"
    """`std` (population standard deviation) or `stderr` (that over the root of the number of runs)."""
    whole_rollouts: bool = False
    """Whether training went on past the budget until the last rollout was whole, and learned from it."""
    notes: tuple[str, ...] = ()
    environments: Mapping[str, str] = field(default_factory=dict)
    """Today's id -> why numbers published under another id may stand beside it."""


_WIDE = 0.5

STATISTICS = {
    "final": "the final policy's mean return over fresh episodes",
    "last": "the mean return of the last evaluation during training",
    "maximum": "the mean return at the evaluation where the mean over runs is highest",
    "training": "the mean return of the last 100 training episodes, exploration on",
}
"""Statistic -> what number of a run it is."""

PLAUSIBLE, WEAKLY, REPRODUCED = AGREEING = ("plausible", "plausible, weakly", "reproduced")
"""Of one published run, that it may be a further run of ours; the same, and so would be most of what could have been
published (`PublishedVerdict.weak`); of the mean of several, that it is ours within the margin."""
VERDICTS = (*AGREEING, "above", "below", "undecided", "not comparable", "not yet run")
"""`above` and `below` say where OUR runs lie: above or below what was published."""


@dataclass(frozen=True, slots=True)
class PublishedVerdict:
    """One published number against our runs."""

    table: str
    label: str
    environment: str
    """As today's Gymnasium calls it."""
    published_as: str
    """The environment as published."""
    steps: int
    statistic: str
    published: float
    published_runs: int
    published_sd: float | None
    """Sample standard deviation over runs, converted from what was printed; None where the source has none."""
    verdict: str
    """One of `VERDICTS`."""
    reason: Fact
    """For what has not been run, its cost."""
    note: str = ""
    """What the table says of the number."""
    theirs: Interval | None = None
    """Mean of several published runs with its 95 % t interval; None for a single one."""
    n: int = 0
    values: tuple[float, ...] = ()
    """The statistic of each of our runs."""
    seeds: tuple[int, ...] = ()
    """Of these runs, in the same order."""
    ours: Interval | None = None
    """Mean of our runs."""
    sd: float | None = None
    """Sample standard deviation of our runs."""
    limits: Interval | None = None
    """For one published run: within which a further run of ours would lie (estimate: our mean). For several: our mean
    minus the published one."""
    rank: int | None = None
    """For one published run: its place among our runs and itself, 1 the lowest."""
    level: float | None = None
    """Of the interval from our lowest to our highest run, as a prediction: (n - 1) / (n + 1)."""
    margin: float | None = None
    """In returns: within which means count as the same."""
    random: float | None = None
    """Mean return of the random policy; None where it is not known."""
    target: float | None = None
    """Return that counts as solved; None where it is not known."""
    more_runs: int | None = None
    """What an undecided number costs: so many more runs of ours; None where no number of them would do."""
    hours: float | None = None
    """Of one core: for `more_runs`, or for everything not yet run."""

    @property
    def weak(self) -> bool:
        """Whether it is plausible, but so would be most of what could have been published.

        The limits hold the random policy's return, or more than half of the way from there to the target.
        """
        found = self.limits if self.verdict in (PLAUSIBLE, WEAKLY) else None
        if found is None or found.low is None or found.high is None or self.random is None:
            return False
        if found.low <= self.random <= found.high:
            return True
        return self.target is not None and _covered(found.low, found.high, self.random, self.target) > _WIDE


def _covered(low: float, high: float, random: float, target: float) -> float:
    """Return the share of the way from `random` to `target` that lies between `low` and `high`."""
    return max(0.0, min(high, target) - max(low, random)) / (target - random)
