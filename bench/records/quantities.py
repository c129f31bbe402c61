"""What a claim can speak of: one table for those who check claims and those who judge them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.records.diagnostics import DIAGNOSTICS

_ALWAYS = frozenset({"right", "direction"})
_MOMENTS = frozenset({"steps", "seconds"})


@dataclass(frozen=True, slots=True)
class Quantity:
    """One quantity of claims."""

    words: str
    """As a statement says it, with the plan's `{threshold}` and `{aggregate}`."""
    kind: str
    """What its interval is made for: `scores`, `spread`, `shares`, `times`, `speeds`, `ratios`, `means` or `regret`."""
    unit: str = "score"
    numbers: str = ""
    """With which numbers it is compared: `share`, from 0 to 1; `positive`; empty: any."""
    clock: bool = False
    """Whether it is read off a clock, and so takes the same machine and packing for both sides."""
    gradient: bool = False
    """Whether it takes the policy gradient's noise, which some algorithms measure where they are asked."""
    diagnostic: bool = False
    """Whether it is one of DIAGNOSTICS, which some algorithms tell along the curve where they are asked."""
    keys: frozenset[str] = _ALWAYS
    """Of a claim's optional keys those that it takes."""

    @property
    def equal(self) -> float:
        """What it comes to where both sides are alike."""
        return {"times": 0.5, "speeds": 1.0, "ratios": 1.0}.get(self.kind, 0.0)

    @property
    def logarithmic(self) -> bool:
        """Whether it is judged on logarithms: twice as much is as far from equal as half as much."""
        return self.kind in {"speeds", "ratios"}


_SOLVED = "a score of {threshold:g}"
QUANTITIES: Mapping[str, Quantity] = {
    "score": Quantity("{aggregate} score", "scores", keys=_ALWAYS | _MOMENTS),
    "auc": Quantity("{aggregate} score over training", "scores"),
    "spread": Quantity("mean distance of a run's score from its cell's median", "spread", numbers="positive"),
    "failing": Quantity("share of runs that end below half of the target", "shares", "share of runs", "share"),
    "reached": Quantity(f"share of runs that reach {_SOLVED} during training", "shares", "share of runs", "share"),
    "solved": Quantity(f"share of runs that end at {_SOLVED} or above", "shares", "share of runs", "share"),
    "collapse": Quantity(
        f"share of runs that reach {_SOLVED} and end below half of the target", "shares", "share of runs", "share"
    ),
    "steps_to_threshold": Quantity(f"steps to {_SOLVED}", "times", "probability", "positive"),
    "seconds_to_threshold": Quantity(f"CPU seconds to {_SOLVED}", "times", "probability", "positive", clock=True),
    "steps_per_second": Quantity(
        "environment steps per CPU second of training", "speeds", "times", "positive", clock=True
    ),
    "gradient_variance": Quantity(
        "variance of the policy gradient's estimate, as a multiple of its variance without baseline and normalisation "
        "at the same parameters",
        "ratios",
        "times",
        "positive",
        gradient=True,
    ),
    "gradient_bias": Quantity(
        "squared bias of the policy gradient's estimate, as a share of the largest variance along the training without "
        "baseline and normalisation",
        "means",
        "share of variance",
        gradient=True,
    ),
    **{
        name: Quantity(f"{one.words} at the end of training", "means", one.unit, diagnostic=True)
        for name, one in DIAGNOSTICS.items()
    },
    "regret": Quantity("{aggregate} score", "regret", keys=frozenset()),
}
"""Name, as a suite writes it -> what it is."""
