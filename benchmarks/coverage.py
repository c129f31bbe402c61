"""Simulated experiments in, the measured coverage of every kind of interval out, as Markdown tables.

Seven shapes of scores: normal; skewed (long tail to the left); bimodal (30 % of the seeds fail); capped (cut off at 1,
where 1 to 91 % of the runs end); heavy (t with 2 degrees of freedom); scales (log-normal, medians 0.1 to 10); mixed
(another shape in each environment). Every cell averages over settings, 40 by default: levels from 0.3 to 0.9 and
spreads from 0.03 to 0.25, drawn anew for every environment. The truth is that of the distributions themselves.

    nice -n 19 python benchmarks/coverage.py                    # everything
    nice -n 19 python benchmarks/coverage.py --quick            # the same, five times as coarse
    nice -n 19 python benchmarks/coverage.py --kind iqm share   # some of it
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import binom

from bench.analysis.interval import (
    clopper_pearson,
    iqm_band,
    iqm_interval,
    mean_band,
    mean_interval,
    median_band,
    median_interval,
    wilson_limits,
)
from bench.analysis.ranks import superiority
from bench.analysis.resampling import deviations, ranked, resample_counts
from bench.analysis.verdict import difference as compared
from bench.analysis.verdict import difference_interval, judged
from bench.records import Floats, Interval

Shape = Callable[[Floats, Floats, Floats], Floats]
"""(uniform numbers, levels, spreads) -> scores."""
Limits = tuple[Floats, Floats]

SEED = 20_261
STATED = 0.95
WANTED = 93.0, 97.0
"""Per cent between which a nominal 95 % interval must cover."""
FAILING = 0.3
POPULATION = 2**13
"""Evenly spaced quantiles that stand for a distribution."""
TOGETHER = 100
"""Data sets that share their resamples, like the points of a curve: for speed."""
REQUIRED = "normal", "skewed", "bimodal", "capped", "heavy"


def normal(uniform: Floats, level: Floats, spread: Floats) -> Floats:
    """Return normal scores."""
    return np.asarray(level + spread * ndtri(uniform))


def skewed(uniform: Floats, level: Floats, spread: Floats) -> Floats:
    """Return scores with an exponential tail to the left."""
    return np.asarray(level + spread * (1 + np.log(uniform)))


def bimodal(uniform: Floats, level: Floats, spread: Floats) -> Floats:
    """Return scores of which three in ten lie near 0."""
    failed = uniform < FAILING
    low = 0.05 + spread / 4 * ndtri(np.where(failed, uniform / FAILING, 0.5))
    return np.where(failed, low, level + spread / 2 * ndtri(np.where(failed, 0.5, (uniform - FAILING) / (1 - FAILING))))


def capped(uniform: Floats, level: Floats, spread: Floats) -> Floats:
    """Return scores cut off at 1; the level decides how many."""
    return np.asarray(np.minimum(1 + (level - 0.68) * spread / 0.16 + spread * ndtri(uniform), 1.0))


def heavy(uniform: Floats, level: Floats, spread: Floats) -> Floats:
    """Return scores from Student's t with two degrees of freedom."""
    return np.asarray(level + 0.5 * spread * (2 * uniform - 1) / np.sqrt(2 * uniform * (1 - uniform)))


def scales(uniform: Floats, level: Floats, spread: Floats) -> Floats:
    """Return log-normal scores whose median depends strongly on the environment."""
    return np.asarray(10 ** ((level - 0.6) / 0.3) * np.exp(4 * spread * ndtri(uniform)))


SHAPES: dict[str, Shape] = {one.__name__: one for one in (normal, skewed, bimodal, capped, heavy, scales)}
NAMES = (*SHAPES, "mixed")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environments of several suites are like; an environment is known by its place."""

    shapes: list[list[Shape]]
    """Per setting and environment."""
    levels: Floats
    """(settings, environments)."""
    spreads: Floats
    """(settings, environments)."""

    @property
    def shape(self) -> tuple[int, int]:
        """Settings, environments."""
        settings, environments = self.levels.shape
        return settings, environments

    def scores(self, sizes: Sequence[int], data_sets: int, rng: np.random.Generator) -> list[Floats]:
        """Return per environment (runs, settings x data sets) scores."""
        return [
            np.concatenate([self.drawn(s, t, rng.random((n, data_sets))) for s in range(self.shape[0])], axis=1)
            for t, n in enumerate(sizes)
        ]

    def populations(self) -> Floats:
        """(settings, environments, POPULATION) quantiles."""
        grid = (np.arange(POPULATION) + 0.5) / POPULATION
        settings, environments = self.shape
        return np.array([[self.drawn(s, t, grid) for t in range(environments)] for s in range(settings)])

    def drawn(self, setting: int, environment: int, uniform: Floats) -> Floats:
        """Return the scores at these uniform numbers."""
        shape = self.shapes[setting][environment]
        return shape(uniform, self.levels[setting, environment], self.spreads[setting, environment])

    def rival(self, rng: np.random.Generator) -> Settings:
        """Return another algorithm on the same environments: up to 1.5 spreads away, up to twice or half as spread."""
        levels = self.levels + self.spreads * rng.uniform(-1.5, 1.5, self.shape)
        return replace(self, levels=levels, spreads=self.spreads * 2 ** rng.uniform(-1, 1, self.shape))


def settings(name: str, environments: int, count: int, rng: np.random.Generator) -> Settings:
    """Draw so many settings of a shape."""
    cycle = [bimodal, capped, heavy, skewed, normal]
    one = [
        [cycle[(s + t) % len(cycle)] if name == "mixed" else SHAPES[name] for t in range(environments)]
        for s in range(count)
    ]
    levels = rng.uniform(0.3, 0.9, (count, environments))
    return Settings(one, levels, np.exp(rng.uniform(np.log(0.03), np.log(0.25), (count, environments))))


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is simulated."""

    data_sets: int
    """Per setting."""
    settings: int
    resamples: int


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: a case, with what was found for each shape."""

    case: tuple[str, ...]
    hits: dict[str, Floats]
    """Shape -> (settings, data sets): 1 where the interval holds the truth, 0 where not, NaN where there is none."""
    plain: dict[str, Floats]
    """The same for the percentile bootstrap, where measured."""
    flagged: bool


Simulated = tuple[Floats, Floats, bool]
"""Hits of the interval and of the percentile bootstrap (or none), and whether the harness warns."""
Simulation = Callable[[str, Sequence[int], Effort, np.random.Generator], Simulated]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of interval: how it is simulated, and where."""

    title: str
    simulate: Simulation
    cases: Sequence[Sequence[int]]
    """Runs per environment; for two algorithms first those of one, then those of the other."""
    two: bool = False
    share: float = 1.0
    """Of the data sets asked for: more where they cost little, fewer where they cost much."""


def iqm(name: str, sizes: Sequence[int], effort: Effort, rng: np.random.Generator) -> Simulated:
    """Simulate the interquartile mean over environments, and the percentile bootstrap of the same estimate."""
    world = settings(name, len(sizes), effort.settings, rng)
    truth = np.repeat(middle_half(world.populations()), effort.data_sets)
    hits, plain = np.empty_like(truth), np.empty_like(truth)
    for part, columns, counts in batches(world, sizes, effort, rng):
        estimate, low, high = iqm_band(columns, counts, STATED)
        hits[part] = held(low, high, truth[part])
        tails = np.quantile(deviations(ranked(columns), counts), [(1 - STATED) / 2, (1 + STATED) / 2], axis=1)
        plain[part] = held(estimate + tails[0], estimate + tails[1], truth[part])
    return hits, plain, warned(iqm_interval, sizes)


def mean(name: str, sizes: Sequence[int], effort: Effort, rng: np.random.Generator) -> Simulated:
    """Simulate the mean over environments of the mean over runs."""
    world = settings(name, len(sizes), effort.settings, rng)
    truth = np.repeat(means(world).mean(axis=1), effort.data_sets)
    _, low, high = mean_band(world.scores(sizes, effort.data_sets, rng), STATED)
    return held(low, high, truth), np.empty(0), warned(lambda tasks, _: mean_interval(tasks), sizes)


def gap(name: str, sizes: Sequence[int], effort: Effort, rng: np.random.Generator) -> Simulated:
    """Simulate the optimality gap: the mean shortfall of scores capped at 1."""
    world = settings(name, len(sizes), effort.settings, rng)
    truth = np.repeat((1 - np.minimum(world.populations(), 1)).mean(axis=(1, 2)), effort.data_sets)
    missing = [1 - np.minimum(column, 1) for column in world.scores(sizes, effort.data_sets, rng)]
    _, low, high = mean_band(missing, STATED)
    return held(low, high, truth), np.empty(0), warned(lambda tasks, _: mean_interval(tasks), sizes)


def median(name: str, sizes: Sequence[int], effort: Effort, rng: np.random.Generator) -> Simulated:
    """Simulate the median over environments of the mean over runs."""
    world = settings(name, len(sizes), effort.settings, rng)
    truth = np.repeat(np.median(means(world), axis=1), effort.data_sets)
    hits = np.empty_like(truth)
    for part, columns, counts in batches(world, sizes, effort, rng):
        _, low, high = median_band(columns, counts, STATED)
        hits[part] = held(low, high, truth[part])
    return hits, np.empty(0), warned(median_interval, sizes)


def difference(name: str, sizes: Sequence[int], effort: Effort, rng: np.random.Generator) -> Simulated:
    """Simulate the difference of two algorithms' interquartile means on the same environments."""
    half = len(sizes) // 2
    world = settings(name, half, effort.settings, rng)
    rival = world.rival(rng)
    truth = np.repeat(middle_half(world.populations()) - middle_half(rival.populations()), effort.data_sets)
    hits = np.empty_like(truth)
    theirs = batches(rival, sizes[half:], effort, rng)
    for (part, columns, counts), (_, others, drawn) in zip(
        batches(world, sizes[:half], effort, rng), theirs, strict=True
    ):
        low, high = compared(columns, others, (counts, drawn), "score").limits(STATED)
        hits[part] = held(low, high, truth[part])
    return hits, np.empty(0), warned(_difference, sizes)


def probability(name: str, sizes: Sequence[int], effort: Effort, rng: np.random.Generator) -> Simulated:
    """Simulate P(a run of one scores above a run of the other), as it is shown."""
    half = len(sizes) // 2
    world = settings(name, half, effort.settings, rng)
    rival = world.rival(rng)
    pairs = zip(world.populations(), rival.populations(), strict=True)
    truth = np.repeat(
        [np.mean([above(x, y) for x, y in zip(xs, ys, strict=True)]) for xs, ys in pairs], effort.data_sets
    )
    ours = world.scores(sizes[:half], effort.data_sets, rng)
    theirs = rival.scores(sizes[half:], effort.data_sets, rng)
    limits = np.array([_shown([x[:, k] for x in ours], [y[:, k] for y in theirs]) for k in range(len(truth))])
    return held(limits[:, 0], limits[:, 1], truth), np.empty(0), False


def curve(name: str, sizes: Sequence[int], effort: Effort, rng: np.random.Generator) -> Simulated:
    """Simulate 20 points of a learning curve: runs take off at random times, 15 % of them never; pointwise.

    The shape governs where each run's curve ends; a data set's hits are averaged over its points.
    """
    points = np.linspace(0.05, 1, 20)
    world = settings(name, len(sizes), effort.settings, rng)
    hits = np.empty((effort.settings, effort.data_sets))
    for setting in range(effort.settings):
        crowd = [_curves(world, setting, t, (2000,), points, rng) for t in range(len(sizes))]
        truth = middle_half(np.stack([one.T for one in crowd], axis=1))
        runs = [
            _curves(world, setting, t, (n, effort.data_sets), points, rng).reshape(n, -1) for t, n in enumerate(sizes)
        ]
        counts = [resample_counts(n, effort.resamples, rng) for n in sizes]
        _, low, high = iqm_band(runs, counts, STATED)
        hits[setting] = np.nanmean(
            held(low, high, np.tile(truth, effort.data_sets)).reshape(effort.data_sets, -1), axis=1
        )
    return hits.reshape(-1), np.empty(0), warned(iqm_interval, sizes)


def batches(
    world: Settings, sizes: Sequence[int], effort: Effort, rng: np.random.Generator
) -> Iterator[tuple[slice, list[Floats], list[NDArray[np.uint8]]]]:
    """Yield which data sets, their (runs, data sets) scores per environment, and resamples of these runs."""
    scores = world.scores(sizes, effort.data_sets, rng)
    for start in range(0, scores[0].shape[1], TOGETHER):
        part = slice(start, start + TOGETHER)
        counts = [resample_counts(n, effort.resamples, rng) for n in sizes]
        yield part, [column[:, part] for column in scores], counts


def middle_half(populations: Floats) -> Floats:
    """(settings,) interquartile means of the environments' pooled distributions."""
    pooled = np.sort(populations.reshape(len(populations), -1), axis=1)
    cut = pooled.shape[1] // 4
    return np.asarray(pooled[:, cut:-cut].mean(axis=1))


def means(world: Settings) -> Floats:
    """(settings, environments) means of the distributions."""
    return np.asarray(world.populations().mean(axis=2))


def above(x: Floats, y: Floats) -> float:
    """Return the probability that one of x is above one of y, ties half."""
    ordered = np.sort(y)
    below = np.searchsorted(ordered, x, "left") + np.searchsorted(ordered, x, "right")
    return float(below.mean() / (2 * len(y)))


def held(low: Floats, high: Floats, truth: Floats) -> Floats:
    """Return 1 where the limits hold the truth, 0 where not, NaN where there are none."""
    return np.where(np.isnan(low), np.nan, (low <= truth) & (truth <= high))


def warned(interval: Callable[[list[Floats], list[NDArray[np.uint8]]], Interval], sizes: Sequence[int]) -> bool:
    """Return whether the harness says a word of caution beside such an interval."""
    tasks = [np.arange(n, dtype=np.float64) for n in sizes]
    rng = np.random.default_rng(0)
    drawn = [resample_counts(n, 100, rng) for n in sizes]
    return bool(interval(tasks, drawn).notes)


def _difference(tasks: list[Floats], drawn: list[NDArray[np.uint8]]) -> Interval:
    half = len(tasks) // 2
    ours, theirs = tasks[:half], tasks[half:]
    return difference_interval(judged(ours, theirs, (drawn[:half], drawn[half:]), "score"), ours, theirs, STATED)


def _shown(ours: list[Floats], theirs: list[Floats]) -> tuple[float, float]:
    share, effective = superiority(ours, theirs)
    low, high = wilson_limits(share, effective, STATED)
    return float(low), float(high)


def _curves(
    world: Settings, setting: int, environment: int, size: tuple[int, ...], points: Floats, rng: np.random.Generator
) -> Floats:
    """(*size, points) scores of runs that climb from 0 to an end drawn from the setting."""
    ends = world.drawn(setting, environment, rng.random(size))
    climbing, start = rng.random(size) >= 0.15, rng.uniform(0.1, 0.6, size)  # noqa: PLR2004 - the model's own number
    climbed = 1 / (1 + np.exp(-(points - start[..., np.newaxis]) / 0.06))
    return climbed * (ends * climbing)[..., np.newaxis] + rng.normal(0, 0.03, (*size, len(points)))


def even(environments: Sequence[int], runs: Sequence[int], *, two: bool = False) -> list[list[int]]:
    """Return cases with the same number of runs everywhere."""
    return [[n] * (t * (2 if two else 1)) for t in environments for n in runs]


UNEQUAL = [[10, 5], [20, 5], [10, 5, 10], [10, 7, 10, 7, 10], [5, 10, 10, 10, 10], [5, 5, 5, 20, 20]]
KINDS = {
    "iqm": Kind("Interquartile mean: one cell, and over environments", iqm, even((1, 2, 3, 5, 8), (4, 5, 7, 10, 20))),
    "mean": Kind("Mean: one cell, and over environments", mean, even((1, 2, 3, 5, 8), (4, 5, 7, 10, 20)), share=4),
    "gap": Kind("Optimality gap", gap, even((1, 2, 3, 5, 8), (5, 10, 20)), share=4),
    "median": Kind("Median over environments of the means over runs", median, even((3, 4, 5, 8), (5, 10, 20))),
    "difference": Kind(
        "Difference of two interquartile means",
        difference,
        [*even((1, 2, 3, 5, 8), (4, 5, 10), two=True), [5, 10], [5] * 3 + [10] * 3],
        two=True,
    ),
    "probability": Kind(
        "Probability that a run of one algorithm scores above a run of the other",
        probability,
        [*even((1, 2, 3, 5), (4, 5, 10), two=True), [5, 10], [5] * 3 + [10] * 3],
        two=True,
        share=0.25,
    ),
    "curve": Kind("Points of a learning curve, each for itself", curve, even((1, 3, 5), (5, 10)), share=0.25),
    "unequal": Kind("Interquartile mean with unequal numbers of runs", iqm, UNEQUAL),
    "unequal-mean": Kind("Mean with unequal numbers of runs", mean, UNEQUAL, share=4),
}


def measure(kind: Kind, key: str, sizes: Sequence[int], effort: Effort) -> Row:
    """Simulate one case for every shape; each has its own stream, so that no other choice moves it."""
    hits, plain, flagged = {}, {}, False
    for place, name in enumerate(NAMES):
        rng = np.random.default_rng([SEED, list(KINDS).index(key), place, *sizes])
        found, percentile, flagged = kind.simulate(name, sizes, effort, rng)
        hits[name] = found.reshape(effort.settings, -1)
        if percentile.size:
            plain[name] = percentile.reshape(effort.settings, -1)
    return Row(_case(sizes, two=kind.two), hits, plain, flagged)


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Yield a Markdown table: a line per case, a column per shape, then what holds over the shapes."""
    plain = ["percentile bootstrap: mean (lowest)"] if rows[0].plain else []
    head = ["environments", "runs", *NAMES, "mean", "SD over settings", *plain, "flagged"]
    yield f"| {' | '.join(head)} |"
    yield f"| {' | '.join('---:' for _ in head)} |"
    for row in rows:
        over = [coverage(found) for found in row.hits.values()]
        beside = [coverage(found) for found in row.plain.values()]
        cells = [*row.case, *(_cell(found) for found in row.hits.values()), f"{np.mean(over):.1f}"]
        cells += [f"{_between(row):.1f}"]
        cells += [f"{np.mean(beside):.1f} ({min(beside):.0f})"] if beside else []
        yield f"| {' | '.join([*cells, 'yes' if row.flagged else ''])} |"


def summary(rows: Sequence[Row]) -> str:
    """Say which cells of the five shapes that must hold lie outside the wanted range, from five runs on."""
    wanted = [row for row in rows if min(_runs(row.case[1])) >= 5]  # noqa: PLR2004 - as the sentence says
    cells = [(row, name, coverage(row.hits[name])) for row in wanted for name in REQUIRED]
    low = [cell for cell in cells if cell[2] < WANTED[0]]
    unflagged = [f"{name} {'x'.join(row.case)} {value:.1f}" for row, name, value in low if not row.flagged]
    high = [value for *_, value in cells if value > WANTED[1]]
    return (
        f"Of {len(cells)} cells (five shapes, five runs or more) {len(cells) - len(low) - len(high)} lie between "
        f"{WANTED[0]:.0f} and {WANTED[1]:.0f} %; {len(low)} below, {len(low) - len(unflagged)} of them flagged"
        f"{' (not flagged: ' + ', '.join(unflagged) + ')' if unflagged else ''}; {len(high)} above"
        f"{f' (up to {max(high):.1f})' if high else ''}."
    )


def coverage(hits: Floats) -> float:
    """Return the per cent of the data sets with an interval whose interval holds the truth."""
    return float(100 * np.nanmean(hits))


def share() -> Iterator[str]:
    """Yield the exact coverage of Clopper and Pearson's interval of the share of seeds that reach a threshold."""
    shares = 0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95
    yield f"| runs | {' | '.join(f'share {one:g}' for one in shares)} |"
    yield f"| {' | '.join('---:' for _ in range(len(shares) + 1))} |"
    for n in (5, 10, 20, 50):
        found = [clopper_pearson(k, n, STATED) for k in range(n + 1)]
        cells = [
            100 * sum(binom.pmf(k, n, p) for k, one in enumerate(found) if (one.low or 0) <= p <= (one.high or 0))
            for p in shares
        ]
        yield f"| {n} | {' | '.join(f'{cell:.1f}' for cell in cells)} |"


def degenerate(effort: Effort) -> Iterator[str]:
    """Yield, for one cell whose runs end at a cap ever more often, how often there is no interval, and the coverage."""
    caps = 0.5, 0.7, 0.8, 0.9, 0.95
    yield f"| runs | {' | '.join(f'{100 * one:.0f} % at the cap' for one in caps)} |"
    yield f"| {' | '.join('---:' for _ in range(len(caps) + 1))} |"
    for n in (4, 5, 10, 20):
        rng = np.random.default_rng([SEED, n])
        cells = []
        for cap in caps:
            scores = np.minimum(ndtri(rng.random((n, effort.settings * effort.data_sets))) + ndtri(cap), 0.0)
            grid = np.minimum(ndtri((np.arange(POPULATION) + 0.5) / POPULATION) + ndtri(cap), 0.0)
            _, low, high = iqm_band([scores], [resample_counts(n, effort.resamples, rng)], STATED)
            hits = held(low, high, np.full_like(low, middle_half(grid[np.newaxis])[0]))
            covered = f"{coverage(hits):.1f}" if np.isfinite(hits).any() else "-"
            cells.append(f"{covered} ({100 * np.isnan(hits).mean():.0f} without)")
        yield f"| {n} | {' | '.join(cells)} |"


def _case(sizes: Sequence[int], *, two: bool) -> tuple[str, ...]:
    halves = [sizes[: len(sizes) // 2], sizes[len(sizes) // 2 :]] if two else [sizes]
    runs = [str(one[0]) if len(set(one)) == 1 else ", ".join(map(str, one)) for one in halves]
    return str(len(halves[0])), " v ".join(dict.fromkeys(runs))


def _runs(text: str) -> list[int]:
    return [int(part) for part in text.replace(" v ", ", ").split(", ")]


def _cell(hits: Floats) -> str:
    covered, without = coverage(hits), 100 * np.isnan(hits).mean()
    mark = "" if WANTED[0] <= covered <= WANTED[1] else "*"
    missing = f" ({without:.0f} without)" if without >= 0.5 else ""  # noqa: PLR2004 - half a per cent
    return f"{covered:.1f}{mark}{missing}"


def _between(row: Row) -> float:
    """Return the SD of the coverage over settings, in points, less what chance alone would make."""
    excess = []
    for hits in row.hits.values():
        known = np.isfinite(hits).sum(axis=1)
        enough = hits[known > 1]
        chance = np.mean(np.nanvar(enough, axis=1, ddof=1) / known[known > 1])
        excess.append(np.nanmean(enough, axis=1).var(ddof=1) - chance)
    return 100 * float(np.sqrt(max(0.0, np.mean(excess))))


def report(keys: Sequence[str], effort: Effort) -> Iterator[str]:
    """Yield the chosen tables, each with its Monte Carlo error and what it took."""
    for key, kind in KINDS.items():
        if key not in keys:
            continue
        spent = time.process_time()
        scaled = replace(effort, data_sets=max(2, int(effort.data_sets * kind.share)))
        rows = [measure(kind, key, sizes, scaled) for sizes in kind.cases]
        count = scaled.settings * scaled.data_sets
        error = 100 * np.sqrt(STATED * (1 - STATED) / count)
        yield f"### {kind.title} (`{key}`)\n"
        yield from table(rows)
        yield f"\n{summary(rows)}"
        yield (
            f"{count} data sets a cell, {scaled.resamples} resamples; standard error of a cell {error:.1f} points; "
            f"{time.process_time() - spent:.0f} s.\n"
        )
    if "share" in keys:
        yield from ["### Share of seeds that reach a threshold, exact (`share`)\n", *share(), ""]
    if "degenerate" in keys:
        yield from ["### One cell near its cap (`degenerate`)\n", *degenerate(effort), ""]


def main() -> None:
    """Measure every kind asked for and print the tables."""
    kinds = [*KINDS, "share", "degenerate"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", nargs="+", choices=kinds, default=kinds, help="which intervals (default: all)")
    parser.add_argument("--data-sets", type=int, default=2000, help="simulated data sets per cell (default 2000)")
    parser.add_argument("--resamples", type=int, default=1000, help="bootstrap resamples of each (default 1000)")
    parser.add_argument("--settings", type=int, default=40, help="settings that share the data sets (default 40)")
    parser.add_argument("--quick", action="store_true", help="400 data sets with 500 resamples")
    chosen = parser.parse_args()
    data_sets, resamples = (400, 500) if chosen.quick else (chosen.data_sets, chosen.resamples)
    effort = Effort(max(2, data_sets // chosen.settings), chosen.settings, resamples)
    for line in report(chosen.kind, effort):
        print(line, flush=True)


if __name__ == "__main__":
    main()
