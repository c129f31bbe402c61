"""An algorithm, its environment and its settings in, the fastest implementation proven to learn the same out.

Proven means: found equivalent within margins declared beforehand, on average and on every environment of a suite, and
worse on none, with at least twenty seeds a cell: either by the suite's own runs, whose noise is independent, or by
pairs of its trainings that draw the same noise, where those runs leave it undecided or are not made. What of settings
and environments that covers is the proof's scope. The proofs are data (`proofs.yaml`), written by
`benchmarks/proofs.py` from results that are committed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from pydantic import TypeAdapter
from ruamel.yaml import YAML

from bench.catalog.entries import Algorithm, Environment

AUTO = "auto"
"""What a suite names to have the fastest implementation that is proven."""
_OPTIMISERS = frozenset({"", "Adam", "RMSprop", "RMSpropTFLike"})
"""Those that were compared; empty: the algorithm's own."""
_MEANS = {
    "suite": "runs (suite {})",
    "same noise": "pairs of trainings with the same noise (independent runs, suite {}, do not prove it)",
}


@dataclass(frozen=True, slots=True)
class Proof:
    """That an implementation learns what the algorithm's first one learns, and within which scope."""

    algorithm: str
    implementation: str
    by: Literal["suite", "same noise"]
    """What it rests on: the suite's runs, or pairs of its trainings that draw the same noise."""
    suite: str
    """Which says what was trained: environments, budgets, settings and margins. Of pairs with the same noise it has no
    results that support the proof, and may have none at all."""
    environments: tuple[str, ...]
    """On which trainings were compared."""
    speed: float
    """Training steps per processor second, as a ratio to the first implementation's."""
    actions: frozenset[str]
    """Kinds of actions of environments that it is taken to cover, on these environments and on others."""
    settings: frozenset[str]
    """Names that may be set."""
    schedules: frozenset[str] = frozenset()
    """Those of them that may follow a schedule."""
    said: frozenset[str] = frozenset()
    """Those that must be set, for the two have different defaults."""

    def words(self, environment: str) -> str:
        """Return by what it was proven, and that none of it was seen on this environment where that is so."""
        elsewhere = "" if environment in self.environments else ", none of them on this environment"
        return f"proven equivalent by {_MEANS[self.by].format(self.suite)}{elsewhere}"

    def gap(self, environment: Environment, settings: Mapping[str, Any]) -> str:
        """Return what the proof does not cover, in words; empty where it covers all."""
        if environment.actions not in self.actions or environment.observations != "vector":
            what = f"{environment.actions} actions on {environment.observations} observations"
            return what if environment.actions else "an environment that nobody has looked at"
        if beyond := sorted(settings.keys() - self.settings):
            return " and ".join(beyond)
        moving = [name for name, value in settings.items() if isinstance(value, str) and value.startswith("lin_")]
        if beyond := sorted({*moving} - self.schedules):
            return f"a schedule of {' and '.join(beyond)}"
        if unsaid := sorted(self.said - settings.keys()):
            return f"the default of {' and '.join(unsaid)}"
        optimiser = _optimiser(settings)
        return f"the optimiser {optimiser}" if optimiser not in _OPTIMISERS else ""


def _optimiser(settings: Mapping[str, Any]) -> str:
    policy = settings.get("policy_kwargs")
    named = policy.get("optimizer_class", "") if isinstance(policy, Mapping) else ""
    return str(named).rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Choice:
    """What `auto` came to."""

    entry: Algorithm = field(hash=False)
    why: str
    """Empty where there is nothing to choose."""


@cache
def proofs() -> tuple[Proof, ...]:
    """Return every proof, the fastest implementation of an algorithm first."""
    text = files(__package__).joinpath("proofs.yaml").read_text(encoding="utf-8")
    found = [TypeAdapter(Proof).validate_python(one) for one in YAML(typ="safe", pure=True).load(text) or ()]
    return tuple(sorted(found, key=lambda one: (one.algorithm, -one.speed)))


def fastest(
    first: Algorithm,
    environment: Environment,
    settings: Mapping[str, Any],
    refusal: Callable[[Algorithm], str],
    kept: str = "",
    known: tuple[Proof, ...] | None = None,
) -> Choice:
    """Return the fastest implementation that is proven for this, whether or not it is installed; else the first.

    Args:
        first: the algorithm's entry.
        environment: what is known of it.
        settings: hyperparameters.
        refusal: why an implementation cannot be trained so; empty where it can.
        kept: what was chosen before; it stays as long as it can be trained so.
        known: the proofs, if not those of the package.
    """
    if kept in first.implementations and not refusal(entry := first.implementations[kept]):
        return Choice(entry, "chosen when these results were begun")
    gaps = []
    for proof in proofs() if known is None else known:
        if proof.algorithm != first.name or proof.implementation not in first.others:
            continue
        entry = first.others[proof.implementation]
        refused, gap = refusal(entry), proof.gap(environment, settings)
        if not refused and not gap:
            return Choice(entry, f"{proof.words(environment.id)}; {proof.speed:g} times as fast as {first.own}")
        gaps.append(refused or f"{proof.implementation} is not proven for {gap}")
    return Choice(first, "; ".join(gaps) or ("no other is proven equivalent" if first.others else ""))
