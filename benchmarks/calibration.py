"""Simulated families of algorithms in, tables of wrong verdicts and of the seeds that stopping early saves out.

aa: copies of one algorithm and the report's own rule; a family is wrong when any two of its copies are called better
and worse. null: copies under the design of `bench run --until-decided` with 20 seeds at most. power: the same design
against 20 seeds everywhere, for one pair, one algorithm better than three equal ones, and four in a row, each better
than the next; equivalence, which can only end things earlier, is off in both. equivalence: two algorithms that differ
by exactly the margin, and two that do not differ. Scores come from the shapes of `coverage.py`, a new setting for every
family.

    nice -n 10 python benchmarks/calibration.py                    # everything
    nice -n 10 python benchmarks/calibration.py --families 100     # the same, coarser
    nice -n 10 python benchmarks/calibration.py --table aa null    # some of it
    nice -n 10 python benchmarks/calibration.py --decide iqm-by-environment     # the rule of most suites that compare
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np
from coverage import NAMES, Settings, settings

from bench.analysis.aggregate import BY_ENVIRONMENT, MEAN, POOLED
from bench.analysis.resampling import resample_counts
from bench.analysis.sequential import Design, Place, Rivals, look, over, schedule, still_open, wanted
from bench.analysis.verdict import holm, judged
from bench.records import AnalysisPlan, Floats, Look

Family = list[list[Floats]]
"""Per algorithm and environment (runs,) scores."""

SEED = 20_262
ALPHA = 0.05
PLAN = AnalysisPlan(resamples=1000)
COPIES = 2, 4, 6
ENVIRONMENTS = 1, 3, 5
RUNS = 5, 10
MOST = 20
EFFECTS = 0.5, 1.0, 1.5
MOVED = "normal", "skewed", "bimodal"
"""Shapes with a finite standard deviation that a shift leaves as they are."""
LADDERS = {"one pair": (1, 0), "one of four better": (1, 0, 0, 0), "four in a row": (3, 2, 1, 0)}
"""Name -> how many effects each algorithm lies above the last."""
TIGHT = 0.2
"""Spreads of the equivalence table against those of the others: with wide ones nothing is ever called equivalent."""


def family(world: Settings, shifts: Sequence[float], runs: int, rng: np.random.Generator) -> Family:
    """Draw one family from the first setting of `world`; the shifts are in standard deviations of each environment."""
    deviations = world.populations()[0].std(axis=1) if any(shifts) else np.zeros(world.shape[1])
    return [
        [world.drawn(0, t, rng.random(runs)) + shift * deviations[t] for t in range(world.shape[1])] for shift in shifts
    ]


def errors(hits: Sequence[bool]) -> tuple[float, float]:
    """Return a share in per cent, and its Monte Carlo standard error."""
    share = float(np.mean(hits))
    return 100 * share, 100 * math.sqrt(max(share * (1 - share), 0.5 / len(hits)) / len(hits))


def claims(scores: Family, plan: AnalysisPlan, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Return the pairs that the fixed design tells apart: Holm over all pairs of the family."""
    pairs = list(combinations(range(len(scores)), 2))
    counts = [[resample_counts(len(task), plan.resamples, rng) for task in tasks] for tasks in scores]
    found = [judged(scores[a], scores[b], (counts[a], counts[b]), plan.decide) for a, b in pairs]
    corrected = holm([float(one.p_values[0]) for one in found])
    return [pair for pair, p in zip(pairs, corrected, strict=True) if p <= ALPHA]


def same_against_same(families: int, plan: AnalysisPlan) -> Iterator[str]:
    """Yield the A/A table; every row has at least so many families, spread over the shapes."""
    each = math.ceil(families / len(NAMES))
    yield f"| copies | environments | runs | {' | '.join(NAMES)} | all shapes |"
    yield "|" + " ---: |" * (4 + len(NAMES))
    for copies in COPIES:
        for environments in ENVIRONMENTS:
            for runs in RUNS:
                rng = np.random.default_rng([SEED, copies, environments, runs])
                wrong = [
                    [
                        bool(
                            claims(family(settings(name, environments, 1, rng), (0.0,) * copies, runs, rng), plan, rng)
                        )
                        for _ in range(each)
                    ]
                    for name in NAMES
                ]
                shares = " | ".join(f"{errors(one)[0]:.1f}" for one in wrong)
                share, error = errors([hit for one in wrong for hit in one])
                yield f"| {copies} | {environments} | {runs} | {shares} | {share:.1f} ± {error:.1f} |"


@dataclass(frozen=True, slots=True)
class Course:
    """What became of one family under the sequential design."""

    decided: Mapping[tuple[int, int], str]
    runs: int
    """Over all cells."""
    cells: int


@dataclass(slots=True)
class Tally:
    """What became of many."""

    false: list[bool] = field(default_factory=list)
    """Per family: some equal pair called better or worse, or some unequal one the wrong way round."""
    told: list[float] = field(default_factory=list)
    """Per family: share of the unequal pairs that the sequential design tells apart, the right way round."""
    told_fixed: list[float] = field(default_factory=list)
    seeds: list[float] = field(default_factory=list)
    """Per family: seeds per cell."""


def designed(algorithms: int, environments: int, plan: AnalysisPlan) -> Design:
    """Return the design of so many algorithms on so many environments; with a margin of 0 nothing is equivalent."""
    places = tuple(map(str, range(environments)))
    pairs = tuple(Rivals(str(a), str(b), places) for a, b in combinations(range(algorithms), 2))
    looks, levels = schedule(MOST, [environments] * len(pairs), ALPHA, plan.decide)
    cells: tuple[Place, ...] = tuple((str(a), place) for a in range(algorithms) for place in places)
    return Design(looks, levels, pairs, cells, (), plan)


def followed(design: Design, scores: Family, rng: np.random.Generator) -> Course:
    """Take the looks until everything is decided."""
    taken: list[Look] = []
    while not over(design, taken):
        n = design.looks[len(taken)]
        needed = {place for pair in still_open(design, taken) for place in pair.cells}
        seen = {(label, place): scores[int(label)][int(place)][:n] for label, place in needed}
        taken.append(look(design, taken, seen, rng))
    decided = {(int(a), int(b)): verdict for one in taken for a, b, verdict in one.decided}
    return Course(decided, sum(wanted(design, taken).values()), len(design.cells))


def sequential_row(
    shapes: Sequence[str],
    shifts: Sequence[float],
    environments: int,
    families: int,
    plan: AnalysisPlan,
    rng: np.random.Generator,
) -> Tally:
    """Simulate families with these shifts, in standard deviations and never rising, over the shapes in turn."""
    design, tally = designed(len(shifts), environments, replace(plan, margin=0.0)), Tally()
    pairs = list(combinations(range(len(shifts)), 2))
    equal = {(a, b) for a, b in pairs if shifts[a] == shifts[b]}
    for number in range(families):
        scores = family(settings(shapes[number % len(shapes)], environments, 1, rng), shifts, MOST, rng)
        course, fixed = followed(design, scores, rng), claims(scores, plan, rng)
        tally.seeds.append(course.runs / course.cells)
        # Shifts never rise: the first of an unequal pair is the better one.
        wrong = {pair: {"better", "worse"} if pair in equal else {"worse"} for pair in pairs}
        tally.false.append(any(course.decided.get(pair) in wrong[pair] for pair in pairs))
        if len(equal) < len(pairs):
            right = [course.decided.get(pair) == "better" for pair in pairs if pair not in equal]
            tally.told.append(float(np.mean(right)))
            tally.told_fixed.append(float(np.mean([pair in fixed for pair in pairs if pair not in equal])))
    return tally


_HEADER = "| family | environments | effect, SD | wrong, % | power, % | power of 20 seeds, % | mean seeds | saved, % |"
_RULE = "| :--- |" + " ---: |" * 7


def null(families: int, plan: AnalysisPlan) -> Iterator[str]:
    """Yield the error of the sequential design on copies."""
    yield _HEADER
    yield _RULE
    for algorithms in (2, 4):
        for environments in ENVIRONMENTS:
            rng = np.random.default_rng([SEED, algorithms, environments])
            tally = sequential_row(NAMES, (0.0,) * algorithms, environments, families, plan, rng)
            yield _line(f"{algorithms} copies", environments, "0", tally)


def power(families: int, plan: AnalysisPlan) -> Iterator[str]:
    """Yield what the sequential design finds and saves; a third of the families for each pair of a row."""
    yield _HEADER
    yield _RULE
    for place, (name, steps) in enumerate(LADDERS.items()):
        for environments in ENVIRONMENTS:
            for effect in EFFECTS:
                rng = np.random.default_rng([SEED, place, environments, int(10 * effect)])
                shifts = [effect * step for step in steps]
                each = families // (3 * math.comb(len(steps), 2))
                tally = sequential_row(MOVED, shifts, environments, each, plan, rng)
                yield _line(name, environments, f"{effect:g}", tally)


def _line(name: str, environments: int, effect: str, tally: Tally) -> str:
    powers = [f"{100 * float(np.mean(told)):.0f}" if told else "" for told in (tally.told, tally.told_fixed)]
    wrong, error = errors(tally.false)
    seeds = float(np.mean(tally.seeds))
    cells = (
        name,
        environments,
        effect,
        f"{wrong:.1f} ± {error:.1f}",
        *powers,
        f"{seeds:.1f}",
        f"{100 * (1 - seeds / MOST):.0f}",
    )
    return f"| {' | '.join(map(str, cells))} |"


def equivalence(families: int, plan: AnalysisPlan) -> Iterator[str]:
    """Yield how often two algorithms are called equivalent whose true difference is the margin, and is none."""
    yield "| environments | at a difference of the margin, % | at no difference, % | seeds then | saved then, % |"
    yield "|" + " ---: |" * 5
    for environments in ENVIRONMENTS:
        rng = np.random.default_rng([SEED, environments])
        design = designed(2, environments, plan)
        at_margin, at_zero = (
            [
                followed(design, _apart(NAMES[number % len(NAMES)], environments, shift, rng), rng)
                for number in range(families)
            ]
            for shift in (plan.margin, 0.0)
        )
        wrong, error = errors([_equivalent(course) for course in at_margin])
        right, _ = errors([_equivalent(course) for course in at_zero])
        seeds = float(np.mean([course.runs / course.cells for course in at_zero]))
        saved = 100 * (1 - seeds / MOST)
        yield f"| {environments} | {wrong:.1f} ± {error:.1f} | {right:.0f} | {seeds:.1f} | {saved:.0f} |"


def _apart(name: str, environments: int, shift: float, rng: np.random.Generator) -> Family:
    world = settings(name, environments, 1, rng)
    ours, theirs = family(replace(world, spreads=TIGHT * world.spreads), (0.0, 0.0), MOST, rng)
    return [[scores + shift for scores in ours], theirs]


def _equivalent(course: Course) -> bool:
    return "equivalent" in course.decided.values()


TABLES: dict[str, tuple[str, Callable[[int, AnalysisPlan], Iterator[str]]]] = {
    "aa": ("Copies of one algorithm: families with any false better or worse, %", same_against_same),
    "null": ("Until decided, at most 20 seeds: copies of one algorithm", null),
    "power": ("Until decided, at most 20 seeds: what is found and saved", power),
    "equivalence": ("Until decided: called equivalent, %", equivalence),
}


def main() -> None:
    """Simulate the tables asked for and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", nargs="+", choices=list(TABLES), default=list(TABLES), help="which (default: all)")
    parser.add_argument("--families", type=int, default=1050, help="simulated families per row (default 1050)")
    parser.add_argument(
        "--decide",
        choices=[POOLED, BY_ENVIRONMENT, MEAN],
        default=PLAN.decide,
        help=f"the aggregate that tells two apart, as in a suite's analysis (default {PLAN.decide})",
    )
    chosen = parser.parse_args()
    plan = replace(PLAN, decide=chosen.decide)
    for name in chosen.table:
        title, table = TABLES[name]
        began = time.perf_counter()
        print(f"\n### {title}\n")
        for line in table(chosen.families, plan):
            print(line, flush=True)
        print(f"\n{chosen.families} families a row, by {plan.decide}; {time.perf_counter() - began:.0f} s.")


if __name__ == "__main__":
    main()
