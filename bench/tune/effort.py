"""Scores of configurations in; what one gets after so many tuning runs, and how sure that is, out.

Every configuration has one or several runs, each on a seed of its own. Whoever tunes with one run each and keeps the
best sees a maximum over noise: A(k) below. What the kept configuration is worth shows in runs that did not choose it:
B(k), and B0(k) where the library's defaults are among the candidates, which is the curve to show. All are exact means
over all subsets of the configurations at hand; functions of k return one number for k = 1, 2, ..., as many as there
are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from bench.records import Floats, Interval

_SHARE_WITH_INTERVAL = 6
"""An interval of B(k) holds what it states for k up to a sixth of the configurations (docs/tuning.md)."""
_DRAWS = 2000


@dataclass(frozen=True, eq=False)
class Landscape:
    """One algorithm's configurations on one environment, as tuning has run them."""

    scores: Floats
    """(configurations, runs): normalised, a failed run 0; configuration 0 is the library's defaults."""
    areas: Floats
    """(configurations, runs): areas under the learning curves, which decide between equal scores."""
    confirmed: tuple[float, ...] = ()
    """Scores of the defaults on fresh seeds, where their first run was among the best; else empty."""
    suite: tuple[float, ...] = ()
    """Scores of the defaults in the suite's own runs; empty where there are none of this configuration."""

    @property
    def others(self) -> int:
        """How many were drawn: all but the defaults."""
        return len(self.scores) - 1

    @property
    def default(self) -> float:
        """What the defaults are worth without any tuning: B0(1)."""
        return float(np.mean([np.mean(self.default_beside(run)) for run in range(self.scores.shape[1])]))

    @property
    def defaults(self) -> Floats:
        """Scores of every run of the defaults that this rests on."""
        fresh = self.confirmed if self.scores.shape[1] > 1 else ()
        return np.array([*self.scores[0], *fresh, *self.suite])

    def default_beside(self, run: int) -> Floats:
        """Return the scores that tell the defaults' worth beside this run of the others: all that did not choose.

        Whether they were confirmed hangs on their first run: read together, their mean would be too low.
        """
        fresh = self.confirmed if run else ()
        return np.array([self.scores[0, run], *fresh, *self.suite])

    def directions(self) -> Iterator[tuple[NDArray[np.int64], Floats]]:
        """Yield every way to choose by one run and to look at another: (configurations,) ranks, and scores.

        Of the defaults every run is looked at that did not choose. With one run each there is no other to look at.
        """
        for one, other in permutations(range(self.scores.shape[1]), 2):
            fresh = self.scores[:, other].copy()
            fresh[0] = self.default_beside(other).mean()
            yield order(self.scores[:, one], self.areas[:, one]), fresh


def order(scores: Floats, areas: Floats) -> NDArray[np.int64]:
    """Return (n,) ranks from 0, the best highest: by score, equal ones by area, equal in both share a rank."""
    keys = np.stack([areas, scores])
    places = np.lexsort(keys)
    above = np.any(np.diff(keys[:, places], axis=1) != 0, axis=0)
    ranks = np.empty(len(scores), dtype=np.int64)
    ranks[places] = np.concatenate([[0], np.cumsum(above)])
    return ranks


def expected_best(scores: Floats) -> Floats:
    """Return A(k), the mean over all k-subsets of their highest score (Tang et al. 2020), from (n,) scores.

    A(1) is the mean, A(n) the maximum. It is what tuning seems to reach, not what it does.
    """
    found: Floats = _weights(len(scores)) @ np.sort(scores)
    return found


def expected_fresh(ranks: NDArray[np.int64], fresh: Floats) -> Floats:
    """Return B(k), the mean over all k-subsets of the fresh score of whoever ranks highest in them.

    Args:
        ranks: (n,) by which a configuration is chosen; of equals each is chosen as often.
        fresh: (n,) scores of runs that had no part in the choice.
    """
    found: Floats = _weights(len(fresh)) @ _ordered(ranks, fresh)
    return found


def expected_from_default(ranks: NDArray[np.int64], fresh: Floats) -> Floats:
    """Return B0(k): as B(k), but the defaults (entry 0) are always among the k candidates; B0(1) is the defaults.

    Whoever is level with the defaults does not displace them.
    """
    others = len(fresh) - 1
    beaten = int(np.sum(ranks[1:] <= ranks[0]))
    ordered = _ordered(ranks[1:], fresh[1:])
    # The best of k - 1 others: with what chance it is the j-th of all, and that it does not beat the defaults.
    chances = np.vstack([np.zeros(others), _weights(others)]) if others else np.zeros((1, 0))
    chances[:, :beaten] = 0.0
    left: Floats = 1.0 - chances.sum(axis=1)
    found: Floats = chances @ ordered + left * fresh[0]
    return found


def seeming(landscape: Landscape) -> Floats:
    """Return A(k) over the configurations that were drawn, the mean over their runs."""
    found: Floats = np.mean([expected_best(column) for column in landscape.scores[1:].T], axis=0)
    return found


def fresh(landscape: Landscape) -> Floats | None:
    """Return B(k) over the configurations that were drawn, the mean over all directions; None with one run each."""
    found = [expected_fresh(ranks[1:], scores[1:]) for ranks, scores in landscape.directions()]
    return np.asarray(np.mean(found, axis=0)) if found else None


def from_default(landscape: Landscape) -> Floats | None:
    """Return B0(k), the mean over all directions; None with one run each."""
    found = [expected_from_default(ranks, scores) for ranks, scores in landscape.directions()]
    return np.mean(found, axis=0) if found else None


def winners_curse(landscape: Landscape) -> float | None:
    """Return A - B at full effort: by how much the best of all looks better than it is.

    None with one run each, and where every run chooses the same configuration: what one choice gains by luck the other
    one loses, and the difference is 0 whatever the luck.
    """
    known = fresh(landscape)
    best = [set(np.flatnonzero(ranks == ranks.max())) for ranks in (ranks[1:] for ranks, _ in landscape.directions())]
    if known is None or all(one == best[0] for one in best):
        return None
    return float(seeming(landscape)[-1] - known[-1])


def fresh_intervals(
    landscape: Landscape, floor: float, ceiling: float, rng: np.random.Generator, confidence: float = 0.95
) -> list[Interval]:
    """Return B(k) for every k, with its interval over the draw of configurations for k up to a sixth of them.

    Uniform order statistics (Learned-Miller and Thomas 2019, applied to a power): where the configurations at hand lie
    in the distribution they were drawn from is simulated, and what lies between two of them counts as the one or the
    other. Bootstrap intervals of such curves cover 47 to 88 % where 95 is claimed. From a sixth on this one, too, would
    be too short, and there is none. There is none for B0 at all: it leans on the defaults' few runs, and no method
    tells from two what three in twenty bad runs would do (docs/tuning.md).

    Args:
        landscape: with at least two runs each; else nothing is returned.
        floor: lowest score there is.
        ceiling: highest score there is.
        rng: for the simulation.
        confidence: of each single k.
    """
    curve = fresh(landscape)
    if curve is None:
        return []
    n = landscape.others
    places = np.sort(rng.random((_DRAWS, n)), axis=1)
    mean = np.mean([_ordered(ranks[1:], scores[1:]) for ranks, scores in landscape.directions()], axis=0)
    return [
        Interval(float(estimate), *limits(places, k, mean, (floor, ceiling), confidence), n)
        if k <= last_with_interval(n)
        else Interval(float(estimate), n=n)
        for k, estimate in enumerate(curve, start=1)
    ]


def limits(
    places: Floats, k: int, ordered: Floats, ends: tuple[float, float], confidence: float
) -> tuple[float, float]:
    """Return the limits of the mean of the best of k, by uniform order statistics.

    Args:
        places: (draws, n) uniform order statistics, each row from the lowest to the highest.
        k: of how many the best is kept.
        ordered: (n,) scores, by what ranks them, the lowest first.
        ends: the lowest and the highest score there is.
        confidence: of this single k.
    """
    powers = np.pad(places**k, ((0, 0), (1, 1)), constant_values=((0, 0), (0, 1)))
    masses, tail = np.diff(powers, axis=1), (1 - confidence) / 2
    low = np.quantile(masses @ np.concatenate([[ends[0]], ordered]), tail)
    high = np.quantile(masses @ np.concatenate([ordered, [ends[1]]]), 1 - tail)
    return float(low), float(high)


def last_with_interval(configurations: int) -> int:
    """Return the largest k for which an interval of B holds what it states."""
    return configurations // _SHARE_WITH_INTERVAL


def _weights(n: int) -> Floats:
    """(n, n): for k = 1 .. n, with what chance the highest of k out of n is the j-th from below."""
    j, k = np.arange(1, n + 1)[None, :], np.arange(1, n + 1)[:, None]
    with np.errstate(invalid="ignore"):
        logs = _log_binomial(j - 1, k - 1) - _log_binomial(n, k)
    return np.where(j >= k, np.exp(np.where(j >= k, logs, 0.0)), 0.0)


def _log_binomial(n: NDArray[np.int64] | int, k: NDArray[np.int64]) -> Floats:
    # Beyond the triangle the logarithm is of nothing; those entries are not used.
    below = np.maximum(np.asarray(n) - k, 0)
    found: Floats = gammaln(np.asarray(n) + 1.0) - gammaln(k + 1.0) - gammaln(below + 1.0)
    return found


def _ordered(ranks: NDArray[np.int64], scores: Floats) -> Floats:
    """(n,): the scores from the lowest rank to the highest, each as the mean of those of its rank."""
    _, group = np.unique(ranks, return_inverse=True)
    shared: Floats = (np.bincount(group, scores) / np.bincount(group))[group]
    return shared[np.argsort(ranks, kind="stable")]
