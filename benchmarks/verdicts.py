"""Simulated pairs of algorithms in, how often the rule of `bench.analysis.verdict` errs and what it finds out.

Five shapes of scores: normal; heavy (Student's t with 2 degrees of freedom); capped (30 to 80 % of the runs end at the
cap); bimodal (15 to 40 % fail, 5 SD below); log-normal, capped at its 85th percentile. Every environment of every
setting has a level (0.2 to 0.9), a spread (0.05 to 0.2) and a share of its own. Where the null is not "the same
distribution", one side is moved by the same distance everywhere, so that the aggregate that decides is truly equal.

    nice -n 19 python benchmarks/verdicts.py                     # everything, for all three aggregates
    nice -n 19 python benchmarks/verdicts.py --data-sets 10      # coarser
    nice -n 19 python benchmarks/verdicts.py --decide score --table aa spread
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from bench.analysis.aggregate import BY_ENVIRONMENT, MEAN, POOLED, estimates
from bench.analysis.resampling import resample_counts
from bench.analysis.verdict import Difference, difference
from bench.records import Floats

SEED = 20_266
SETTINGS = 20
RESAMPLES = 800
TOGETHER = 50
"""Data sets that share their resamples, for speed."""
POPULATION = 4000
LEVEL = 0.05
SHAPES = "normal", "heavy", "capped", "bimodal", "lognormal"
MIXED = (("bimodal", "normal"), ("capped", "normal"), ("bimodal", "capped"))
AGGREGATES = POOLED, BY_ENVIRONMENT, MEAN


@dataclass(frozen=True, slots=True)
class Algorithm:
    """The distribution of one algorithm's scores on each environment."""

    shape: str
    levels: Floats
    spreads: Floats
    shares: Floats
    """Where each environment's uniform share between the least and the most of its shape lies, in [0, 1]."""

    def scores(self, environment: int, uniform: Floats) -> Floats:
        """Return the scores at these uniform numbers."""
        share = self.shares[environment]
        return np.asarray(
            self.levels[environment] + self.spreads[environment] * standard(self.shape, uniform, float(share))
        )

    def moved(self, by: float | Floats) -> Algorithm:
        """Return the same with its scores that much higher."""
        return Algorithm(self.shape, self.levels + by, self.spreads, self.shares)

    def population(self) -> list[Floats]:
        """Return per environment (POPULATION, 1) evenly spaced quantiles."""
        grid = (np.arange(POPULATION) + 0.5) / POPULATION
        return [self.scores(t, grid)[:, np.newaxis] for t in range(len(self.levels))]

    def truth(self, decide: str) -> float:
        """Return the aggregate of the distribution itself."""
        return float(estimates(self.population(), decide)[0])


def standard(shape: str, uniform: Floats, share: float) -> Floats:
    """Return standard scores at uniform numbers."""
    if shape == "heavy":
        return np.asarray((2 * uniform - 1) / np.sqrt(2 * uniform * (1 - uniform)))
    if shape == "capped":
        return np.asarray(np.minimum(ndtri(uniform), ndtri(0.7 - 0.5 * share)))
    if shape == "bimodal":
        return failing(uniform, 0.15 + 0.25 * share)
    if shape == "lognormal":
        return np.asarray(np.exp(ndtri(np.minimum(uniform, 0.85))))
    return np.asarray(ndtri(uniform))


def failing(uniform: Floats, share: float) -> Floats:
    """Return normal scores of which that share lies 5 SD below the others."""
    failed = uniform < share
    low = -5 + ndtri(np.where(failed, uniform / share, 0.5))
    return np.where(failed, low, ndtri(np.where(failed, 0.5, (uniform - share) / (1 - share))))


def drawn(shape: str, environments: int, rng: np.random.Generator) -> Algorithm:
    """Draw an algorithm on so many environments."""
    return Algorithm(
        shape,
        rng.uniform(0.2, 0.9, environments),
        rng.uniform(0.05, 0.2, environments),
        rng.uniform(0, 1, environments),
    )


Pairing = Callable[[str, int, str, np.random.Generator], tuple[Algorithm, Algorithm]]
"""(shape, environments, aggregate that decides, generator) -> two algorithms."""


def same(shape: str, environments: int, _: str, rng: np.random.Generator) -> tuple[Algorithm, Algorithm]:
    """Return two copies."""
    one = drawn(shape, environments, rng)
    return one, one


def spread(shape: str, environments: int, decide: str, rng: np.random.Generator) -> tuple[Algorithm, Algorithm]:
    """Return two of equal aggregate, the first ten times as variable."""
    one = drawn(shape, environments, rng)
    wide = Algorithm(shape, one.levels, 10 * one.spreads, one.shares)
    return wide.moved(one.truth(decide) - wide.truth(decide)), one


def mixed(shape: str, environments: int, decide: str, rng: np.random.Generator) -> tuple[Algorithm, Algorithm]:
    """Return two of equal aggregate and different shapes, named `one/other`."""
    first, second = shape.split("/")
    one = drawn(first, environments, rng)
    other = Algorithm(second, one.levels, one.spreads, one.shares)
    return one.moved(other.truth(decide) - one.truth(decide)), other


def shifted(shape: str, environments: int, _: str, rng: np.random.Generator) -> tuple[Algorithm, Algorithm]:
    """Return two a standard deviation of the standard scores apart on every environment."""
    one = drawn(shape, environments, rng)
    return one.moved(one.spreads), one


def shifted_once(shape: str, environments: int, _: str, rng: np.random.Generator) -> tuple[Algorithm, Algorithm]:
    """Return two that lie two standard deviations apart on one environment and are equal on the others."""
    one = drawn(shape, environments, rng)
    where = np.arange(environments) == rng.integers(environments)
    return one.moved(2 * one.spreads * where), one


def with_failures(_: str, environments: int, __: str, rng: np.random.Generator) -> tuple[Algorithm, Algorithm]:
    """Return two of which 10 and 40 % of the runs fail."""
    one = drawn("bimodal", environments, rng)
    rare, often = (np.full(environments, (share - 0.15) / 0.25) for share in (0.10, 0.40))
    return (
        Algorithm("bimodal", one.levels, one.spreads, rare),
        Algorithm("bimodal", one.levels, one.spreads, often),
    )


Case = tuple[str, Sequence[int], Sequence[int]]
"""Name, runs per environment of the first, of the second."""


@dataclass(frozen=True, slots=True)
class Table:
    """One row of numbers per aggregate."""

    title: str
    pairing: Pairing
    cases: Sequence[Case]
    shapes: Sequence[str] = SHAPES


def even(*cases: tuple[int, int]) -> list[Case]:
    """Return cases of as many runs everywhere, named `environments.runs`."""
    return [(f"{t}.{n}", [n] * t, [n] * t) for t, n in cases]


_ALL = even((1, 4), (1, 5), (1, 10), (1, 20), (2, 5), (2, 10), (4, 5), (4, 10), (4, 20), (8, 5), (8, 10))
_SOME = even((1, 5), (1, 10), (2, 5), (2, 10), (4, 5), (4, 10), (8, 5), (8, 10))
TABLES = {
    "aa": Table("The same distribution twice", same, _ALL),
    "spread": Table("Equal aggregates, one side ten times as variable", spread, _ALL),
    "shapes": Table(
        "Equal aggregates, different shapes",
        mixed,
        even((1, 5), (1, 10), (2, 5), (2, 10), (4, 5), (4, 10), (8, 5), (8, 10)),
        ["/".join(pair) for pair in MIXED],
    ),
    "unequal": Table(
        "Unequal runs, the same distribution twice",
        same,
        [("1: 5 v 20", [5], [20]), ("4: 5 v 20", [5] * 4, [20] * 4), ("5/5/5/30", [5, 5, 5, 30], [5, 5, 5, 30])],
    ),
    "unequal-spread": Table(
        "Unequal runs, equal aggregates, the first side ten times as variable",
        spread,
        [
            ("1: 5 v 20", [5], [20]),
            ("1: 20 v 5", [20], [5]),
            ("2: 5 v 20", [5] * 2, [20] * 2),
            ("4: 5 v 20", [5] * 4, [20] * 4),
            ("4: 20 v 5", [20] * 4, [5] * 4),
            ("5/5/5/30", [5, 5, 5, 30], [5, 5, 5, 30]),
            ("5/5/5/30 v 30/5/5/5", [5, 5, 5, 30], [30, 5, 5, 5]),
        ],
    ),
    "power": Table("Power: one SD on every environment", shifted, _SOME),
    "power-one": Table("Power: two SD on one of four environments", shifted_once, even((4, 5), (4, 10), (4, 20))),
    "power-failures": Table("Power: 10 against 40 % of failing runs", with_failures, _SOME, ["bimodal"]),
}


def differences(
    pair: tuple[Algorithm, Algorithm], sizes: tuple[Sequence[int], Sequence[int]], decide: str, data_sets: int,
    rng: np.random.Generator,
) -> Difference:  # fmt: skip
    """Draw so many data sets of a pair and compare each of them."""
    columns = [
        [one.scores(t, rng.random((n, data_sets))) for t, n in enumerate(runs)]
        for one, runs in zip(pair, sizes, strict=True)
    ]
    counts = [[resample_counts(n, RESAMPLES, rng) for n in runs] for runs in sizes]
    return difference(columns[0], columns[1], (counts[0], counts[1]), decide)


def rejected(table: Table, shape: str, case: Case, decide: str, data_sets: int) -> float:
    """Return the share of data sets in which the rule alone, without others to correct for, tells the two apart."""
    name, ours, theirs = case
    rng = np.random.default_rng([SEED, *f"{table.title}{shape}{name}".encode()])
    told: list[float] = []
    for _ in range(SETTINGS):
        pair = table.pairing(shape, len(ours), decide, rng)
        for start in range(0, data_sets, TOGETHER):
            found = differences(pair, (ours, theirs), decide, min(TOGETHER, data_sets - start), rng)
            told.extend((found.p_values <= LEVEL).tolist())
    return float(np.mean(told))


def lines(table: Table, aggregates: Sequence[str], data_sets: int) -> Iterator[str]:
    """Yield a Markdown table: mean over shapes, the highest shape in brackets."""
    yield f"| decides | {' | '.join(name for name, *_ in table.cases)} |"
    yield "| :--- |" + " ---: |" * len(table.cases)
    for decide in aggregates:
        cells = []
        for case in table.cases:
            rates = [100 * rejected(table, shape, case, decide, data_sets) for shape in table.shapes]
            cells.append(f"{np.mean(rates):.1f} ({max(rates):.1f})" if len(rates) > 1 else f"{rates[0]:.1f}")
        yield f"| {decide} | {' | '.join(cells)} |"


def main() -> None:
    """Simulate the tables asked for and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", nargs="+", choices=list(TABLES), default=list(TABLES), help="which (default: all)")
    parser.add_argument("--decide", nargs="+", choices=AGGREGATES, default=AGGREGATES, help="which aggregates")
    parser.add_argument("--data-sets", type=int, default=50, help="of each of 20 settings of each shape (default 50)")
    chosen = parser.parse_args()
    for name in chosen.table:
        began = time.perf_counter()
        print(f"\n### {TABLES[name].title}\n")
        for line in lines(TABLES[name], chosen.decide, chosen.data_sets):
            print(line, flush=True)
        print(f"\n{SETTINGS * chosen.data_sets} data sets a shape; {time.perf_counter() - began:.0f} s.")


if __name__ == "__main__":
    main()
