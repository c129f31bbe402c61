"""Tuned algorithms in; who leads after how many tuning runs, what that costs and whether it hangs on the space, out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from bench.records import Fact, Floats, Interval, Sensitivity
from bench.tune.draws import unit
from bench.tune.effort import fresh_intervals, from_default
from bench.tune.outcome import Tuned
from bench.tune.protocol import FEWEST_EFFORTS
from bench.tune.search import Pair
from bench.tune.sensitivity import halved, hypersensitivity, in_half

_RATE = "learning_rate"
_DEEP = -1.0
"""Below this a run has ended further under the random policy than the target is above it."""
_SEED = 20_260_101
"""Intervals are simulated from this: the same trials give the same page."""


@dataclass(frozen=True, slots=True)
class Effort:
    """What one algorithm's tuning is worth, in one environment or on average."""

    algorithm: str
    environment: str
    """Empty: the mean over the environments that `Worth.places` names."""
    curve: tuple[float, ...]
    """B0(k) for k = 1, 2, ...: fresh score of the best of k candidates, the defaults among them."""
    default_runs: tuple[int, ...]
    """How many runs tell the first of these, the defaults', per environment."""
    seconds: tuple[float, ...]
    """Of one core, that many runs take on average."""
    drawn: tuple[Interval, ...]
    """B(k): the same without the defaults; with intervals up to a sixth of the configurations."""
    curse: float | None
    """By how much the best of all configurations looked better than it was; None where that cannot be told."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """From how many tuning runs to how many the same algorithm leads."""

    first: int
    last: int
    leaders: tuple[str, ...]
    """Who leads, then those that are within the margin of it, or ahead by no more, all along."""
    scores: tuple[float, float]
    """The lowest and the highest that the leader has on the stretch."""


@dataclass(frozen=True, slots=True)
class Worth:
    """Everything that a tuning tells beside the settings it keeps."""

    places: tuple[str, ...]
    """Environments in which anything was tuned."""
    environments: int
    """So many the suite tunes in."""
    efforts: tuple[Effort, ...]
    """Per pair; empty where every configuration has one run."""
    means: tuple[Effort, ...]
    """Of the algorithms that were tuned in all of `places`, where these are several."""
    stretches: tuple[Stretch, ...]
    halved: tuple[tuple[str, ...], tuple[str, ...]] | None
    """Algorithms in their order after FEWEST_EFFORTS runs, with whole and with half ranges of the learning rate."""
    sensitivities: Mapping[Pair, Sensitivity]
    phis: Mapping[str, Interval]
    outside: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Algorithm -> in how many environments the kept learning rate lies outside of half its range, and of how many."""
    fresh: tuple[tuple[str, float, int], ...] = ()
    """(algorithm, what its kept settings are worth, mean over `places`, fresh runs in each), the best first."""

    @property
    def compared(self) -> tuple[Effort, ...]:
        """What tells who leads: the means, or the efforts in the one environment there is."""
        return self.means if len(self.places) > 1 else self.efforts


def worth(tuned: Mapping[Pair, Tuned], tuning_seed: int, margin: float, environments: int) -> Worth:
    """Return what is told of a tuning, as far as its trials are there.

    Args:
        tuned: pairs with their first runs.
        tuning_seed: with which configurations were drawn.
        margin: score difference within which two algorithms are level.
        environments: how many the suite tunes in.
    """
    places = tuple(dict.fromkeys(place for _, place in tuned))
    efforts = tuple(filter(None, (_effort(one) for one in tuned.values())))
    everywhere = {pair: one for pair, one in tuned.items() if all((pair[0], place) in tuned for place in places)}
    means = (
        _means([one for one in efforts if (one.algorithm, one.environment) in everywhere]) if len(places) > 1 else ()
    )
    found = Worth(places, environments, efforts, means, (), _halved(everywhere, tuning_seed), {}, {})
    curves = {one.algorithm: one.curve for one in found.compared}
    sensitivities = {pair: seen for pair, one in tuned.items() if (seen := one.sensitivity) is not None}
    return replace(
        found,
        stretches=stretches(curves, margin),
        sensitivities=sensitivities,
        phis=_phis(everywhere, places),
        outside=_outside(tuned, tuning_seed),
        fresh=_fresh(everywhere),
    )


def _fresh(everywhere: Mapping[Pair, Tuned]) -> tuple[tuple[str, float, int], ...]:
    """Return what the kept settings of every algorithm score on fresh seeds, where all of them are known."""
    by: dict[str, list[Tuned]] = {}
    for one in everywhere.values():
        by.setdefault(one.algorithm, []).append(one)
    found = [
        (name, float(np.mean(scores)), min(len(one.confirmed[0].scores) for one in ones))
        for name, ones in by.items()
        if len(scores := [one.worth for one in ones if one.worth is not None]) == len(ones)
    ]
    return tuple(sorted(found, key=lambda one: -one[1]))


def stretches(curves: Mapping[str, Sequence[float]], margin: float) -> tuple[Stretch, ...]:
    """Return who leads with the defaults, and who from FEWEST_EFFORTS runs on; what lies between is no verdict.

    A leader stays until another is ahead by more than the margin. Nothing is read where all configurations are among
    the candidates: there a single one of each algorithm decides.
    """
    if len(curves) < 2:  # noqa: PLR2004 - nobody leads alone
        return ()
    longest = min(map(len, curves.values()))
    found: list[Stretch] = []
    for k in (1, *range(FEWEST_EFFORTS, longest)):
        scores = {label: curve[k - 1] for label, curve in curves.items()}
        best = max(scores, key=lambda label: scores[label])
        leader = found[-1].leaders[0] if found else best
        if scores[best] - scores[leader] > margin:
            leader = best
        mine = scores[leader]
        others = sorted((label for label in scores if label != leader), key=lambda label: -scores[label])
        level = (leader, *(label for label in others if mine - scores[label] <= margin))
        last = found[-1] if found and found[-1].first > 1 else None
        if last is not None and last.leaders[0] == leader:
            low, high = last.scores
            near = tuple(label for label in last.leaders if label in level)
            found[-1] = Stretch(last.first, k, near, (min(low, mine), max(high, mine)))
        else:
            found.append(Stretch(k, k, level, (mine, mine)))
    return tuple(found)


def _effort(one: Tuned) -> Effort | None:
    curve = from_default(one.landscape)
    if curve is None:
        return None
    floor, ceiling = _ends(one)
    drawn = fresh_intervals(one.landscape, floor, ceiling, np.random.default_rng(_SEED))
    if floor < _DEEP:
        # How far down others would fall is not known: an interval would hold less often than it states.
        drawn = [replace(line, low=None, high=None, notes=(Fact("no floor"),)) for line in drawn]
    # A tuning run is one run of one configuration: the defaults' first, then the others'.
    default, other = float(np.nanmean(one.seconds[0])), float(np.nanmean(one.seconds[1:]))
    seconds = tuple(default + others * other for others in range(len(curve)))
    runs = (len(one.landscape.defaults),)
    return Effort(one.algorithm, one.environment, tuple(curve.tolist()), runs, seconds, tuple(drawn), one.curse)


def _ends(one: Tuned) -> tuple[float, float]:
    """Return the lowest and the highest score that are taken for possible.

    The highest is the environment's ceiling where it declares one; else random and target, or what was seen beyond.
    """
    scores = one.landscape.scores
    return min(0.0, float(scores.min())), one.ceiling or max(1.0, float(scores.max()))


def _means(efforts: Sequence[Effort]) -> tuple[Effort, ...]:
    """Return the mean over environments of every algorithm.

    Limits are averaged, as if luck came together everywhere: the configurations are the same ones in all environments.
    """
    by: dict[str, list[Effort]] = {}
    for one in efforts:
        by.setdefault(one.algorithm, []).append(one)
    return tuple(
        Effort(
            algorithm,
            "",
            _mean([one.curve for one in mine]),
            tuple(runs for one in mine for runs in one.default_runs),
            _mean([one.seconds for one in mine]),
            tuple(map(_pooled, zip(*(one.drawn for one in mine), strict=True))),
            _known_mean([one.curse for one in mine]),
        )
        for algorithm, mine in by.items()
    )


def _mean(rows: Sequence[Sequence[float]]) -> tuple[float, ...]:
    return tuple(np.mean(rows, axis=0).tolist())


def _known_mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def _pooled(intervals: Sequence[Interval]) -> Interval:
    def mean(name: str) -> float | None:
        return _known_mean([getattr(one, name) for one in intervals])

    notes = next((one.notes for one in intervals if one.notes), ())
    return Interval(mean("estimate"), mean("low"), mean("high"), intervals[0].n, notes)


def _halved(tuned: Mapping[Pair, Tuned], tuning_seed: int) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Return the order of the algorithms with whole and with half ranges; None where too few are left to tell."""
    whole: dict[str, list[float]] = {}
    half: dict[str, list[float]] = {}
    for (algorithm, _), one in tuned.items():
        rates = [_rate(tuning_seed, algorithm, number) for number in range(len(one.landscape.scores))]
        curve, less = from_default(one.landscape), from_default(halved(one.landscape, rates))
        if curve is None or less is None or len(less) < FEWEST_EFFORTS:
            return None
        whole.setdefault(algorithm, []).append(float(curve[FEWEST_EFFORTS - 1]))
        half.setdefault(algorithm, []).append(float(less[FEWEST_EFFORTS - 1]))
    if len(whole) < 2:  # noqa: PLR2004 - no order of one
        return None
    first, second = (tuple(sorted(whole, key=lambda name: -float(np.mean(scores[name])))) for scores in (whole, half))
    return first, second


def _outside(tuned: Mapping[Pair, Tuned], tuning_seed: int) -> dict[str, tuple[int, int]]:
    """Return in how many environments what is kept lies outside of the half that the order is told again with."""
    found: dict[str, tuple[int, int]] = {}
    for (algorithm, _), one in tuned.items():
        if one.kept is not None:
            rate = _rate(tuning_seed, algorithm, one.kept.number)
            lost, known = found.get(algorithm, (0, 0))
            found[algorithm] = lost + (rate is not None and not in_half(rate)), known + 1
    return found


def _rate(tuning_seed: int, algorithm: str, number: int) -> float | None:
    """Return where the learning rate of a configuration lies in its range, from 0 to 1; None: it is the defaults'."""
    return unit(tuning_seed, algorithm, number, _RATE) if number else None


def _phis(tuned: Mapping[Pair, Tuned], places: Sequence[str]) -> dict[str, Interval]:
    """Return Phi of every algorithm; nothing for a single environment."""
    every: dict[str, Floats] = {
        name: np.stack([tuned[name, place].landscape.scores for place in places])
        for name in dict.fromkeys(algorithm for algorithm, _ in tuned)
    }
    # In one environment its own setting is the common one; of one run the highest would be told.
    if len(places) < 2 or min((scores.shape[2] for scores in every.values()), default=0) < 2:  # noqa: PLR2004
        return {}
    return hypersensitivity(every, np.random.default_rng(_SEED))
