"""Two environments' traits in, how far results carry over from one to the other out.

Kinds of actions and observations must be the same, or nothing carries over. Beyond that a distance adds up what
differs: sizes and horizons by the logarithm of their ratio (a factor of ten counts 1), shares by their difference, the
spread of returns by half of its logarithm. What is not known counts as half a difference. Where the budget exceeds what
the stored runs were trained for, its logarithm counts as well. The limit between close and far is a convention; how
advice from this distance has fared is measured elsewhere (`bench/which/advice.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from bench.records import Traits
from bench.which.records import Likeness

CLOSE = 2.0
UNKNOWN = 0.5
ALIKE = 0.15
"""A part of the distance up to this is told as alike: a factor of 1.4 in size."""
_ENDING = 0.5
_SPREAD = 0.5
_AT_THE_END = 0.9
_TELLING = {"dense": 1.0, "sparse": 0.0, "constant": 0.0}
"""Share of uncommon rewards, for an environment of which only the kind of reward is known."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One trait of both, and what it adds to the distance."""

    name: str
    words: str
    distance: float | None
    """None: not known of one of them."""


def likeness(target: Traits, known: Traits, steps: int = 0, budget: int = 0) -> Likeness:
    """Return how far results on `known` carry over to `target`.

    Args:
        target: the environment asked about.
        known: one with stored results.
        steps: the budget asked about; 0: none.
        budget: of the stored runs; 0: not known.
    """
    if same(target.environment, known.environment):
        return Likeness(known.environment, "same", 0.0, ("it is the same environment",), tuple(_beyond(steps, budget)))
    if clashes := tuple(_clashes(target, known)):
        return Likeness(known.environment, "none", None, (), clashes)
    parts = sorted(_parts(target, known), key=lambda part: -_worth(part))
    reach = math.log10(steps / budget) if 0 < budget < steps else 0.0
    distance = sum(_worth(part) for part in parts) + reach
    unknown = [part.name for part in parts if part.distance is None]
    different = [part.words for part in parts if part.distance is not None and part.distance > ALIKE]
    return Likeness(
        environment=known.environment,
        level="close" if distance <= CLOSE else "far",
        distance=distance,
        alike=(
            f"{target.actions} actions, {target.observations} observations",
            *(part.words for part in parts if part.words and _worth(part) <= ALIKE),
        ),
        different=(
            *different,
            *_beyond(steps, budget),
            *([f"not known: {', '.join(unknown)}"] if unknown else []),
            *_versions(target, known),
        ),
    )


def same(one: str, other: str) -> bool:
    """Return whether two ids mean one environment; the module that registers it may be left out."""
    modules = {environment.rpartition(":")[0] for environment in (one, other)} - {""}
    return bare(one) == bare(other) and len(modules) <= 1


def bare(environment: str) -> str:
    """Return an id without the module that registers it."""
    return environment.rpartition(":")[2]


def reward_words(traits: Traits) -> str:
    """Return how an environment pays, as far as random play shows it."""
    if traits.rewards == "dense":
        return "most steps pay differently"
    if traits.rewards == "sparse":
        last = traits.last_rewards is not None and traits.last_rewards >= _AT_THE_END
        return "a reward only at the end" if last else "few steps pay"
    return "every step pays the same" if traits.rewards == "constant" else "rewards not known"


def _clashes(target: Traits, known: Traits) -> Iterator[str]:
    for what, ours, theirs in (
        ("actions", target.actions, known.actions),
        ("observations", target.observations, known.observations),
    ):
        if ours != theirs:
            yield f"{theirs} {what}, not {ours}"


def _parts(target: Traits, known: Traits) -> Iterator[_Part]:
    ours, theirs = _length(target), _length(known)
    yield _ratio("actions", target.action_size, known.action_size)
    yield _ratio("observations", target.observation_size, known.observation_size)
    yield _ratio("steps an episode", ours, theirs)
    yield _payment(target, known)
    yield _share("in which random play changes the return", target.uncommon_returns, known.uncommon_returns)
    yield _share("that end before a time limit", target.terminated, known.terminated, _ENDING)
    yield _spread(target.sd_return, known.sd_return)


def _length(traits: Traits) -> int | None:
    return traits.horizon or traits.longest


def _ratio(name: str, ours: float | None, theirs: float | None) -> _Part:
    if not ours or not theirs:
        return _Part(name, "", None)
    # Equal numbers are told once.
    words = f"{ours:,} {name}" if ours == theirs else f"{ours:,} {name} against {theirs:,}"
    return _Part(name, words, abs(math.log10(ours / theirs)))


def _payment(target: Traits, known: Traits) -> _Part:
    ours, theirs = _telling(target), _telling(known)
    if ours is None or theirs is None:
        return _Part("rewards", "", None)
    words = reward_words(target), reward_words(known)
    told = words[0] if words[0] == words[1] else f"{words[0]}, there {words[1]}"
    return _Part("rewards", told, abs(ours - theirs))


def _telling(traits: Traits) -> float | None:
    return traits.uncommon_rewards if traits.uncommon_rewards is not None else _TELLING.get(traits.rewards or "")


def _share(name: str, ours: float | None, theirs: float | None, weight: float = 1.0) -> _Part:
    if ours is None or theirs is None:
        return _Part(f"episodes {name}", "", None)
    shares = [f"{100 * share:.0f} %" for share in (ours, theirs)]
    told = shares[0] if shares[0] == shares[1] else f"{shares[0]}, there {shares[1]}"
    return _Part(name, f"episodes {name}: {told}", weight * abs(ours - theirs))


def _spread(ours: float | None, theirs: float | None) -> _Part:
    name = "spread of random returns"
    if ours is None or theirs is None:
        return _Part(name, "", None)
    if not ours or not theirs:
        # No spread at all is what the share of uncommon returns has counted already.
        return _Part(name, "", 0.0)
    return _Part(
        name, f"random returns spread by {ours:.3g} against {theirs:.3g}", _SPREAD * abs(math.log10(ours / theirs))
    )


def _worth(part: _Part) -> float:
    return UNKNOWN if part.distance is None else part.distance


def _beyond(steps: int, budget: int) -> Iterator[str]:
    if 0 < budget < steps:
        yield f"trained for {budget:,} steps, asked for {steps:,}"


def _versions(target: Traits, known: Traits) -> Iterator[str]:
    ours, theirs = (bare(traits.environment).rpartition("-v") for traits in (target, known))
    if ours[0] and ours[0] == theirs[0]:
        yield f"another version: v{theirs[2]}, not v{ours[2]}"
