"""Scores so far and the looks taken in; what one more look decides, and how many runs come next, out.

A group-sequential design in the manner of AdaStop (Mathieu et al. 2023): pairs of algorithms are tested at looks fixed
beforehand, decided pairs drop out, and only cells that an open pair needs get more runs. The family-wise error of
"better" and "worse" is at most alpha = 1 - confidence:

- The looks, in runs per environment, and the levels spent at them, which add up to alpha, depend on no score.
- At a look, Holm's step-down procedure tests at that look's level. Its family are all pairs not yet called better or
  worse; a pair called equivalent stays in it. So the family never has fewer members than there are equal pairs: at the
  first false claim some equal pair has p <= level / number of equal pairs, which at one look happens with a probability
  of at most the level, and the levels add up (union bound).
- The p-value of a pair at a look is that of its first n runs, whatever became of other pairs.

All of it by the rule of `bench.analysis.verdict`.

"Equivalent" has a budget of its own: the interval of the difference lies inside the margin at a confidence of
1 - level / (pairs not yet called equivalent). By the same argument the chance that any pair whose difference is at or
beyond the margin is called equivalent is at most alpha / 2, as far as the interval covers what it states.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations, pairwise
from typing import Any

import numpy as np

from bench.analysis.compare import Contest, verdicts
from bench.analysis.resampling import resample_counts, streams_from
from bench.analysis.scores import cells_of, learns, usable
from bench.analysis.solved import solved, to_the_target
from bench.analysis.verdict import Difference, equivalent, holm, judged, smallest_p
from bench.errors import BenchError
from bench.hyperparameters.budgets import for_larger_budgets, on_equal_terms
from bench.plain import counted
from bench.records import AnalysisPlan, Floats, Look, Outcome, Pair, Reference, SequentialRun, Suite, Tested, Trial

Place = tuple[str, str]
"""(label, environment)."""
Scores = Mapping[Place, Floats]
"""Cell -> (runs,) scores of its first runs."""

STEP = 5
"""Runs per environment of the first look, and between looks."""
_SPENDING_POWER = 2
"""The share t of the runs has spent the share t^2 of the error: between even spending (1), which costs power at the
end, and late spending (3), which saves fewer runs (Kim and DeMets 1987)."""
_OPPOSITE = {"better": "worse", "worse": "better", "equivalent": "equivalent"}


@dataclass(frozen=True, slots=True)
class Rivals:
    """Two algorithms to be told apart, and where."""

    a: str
    b: str
    environments: tuple[str, ...]
    """Those that both have and that have a score."""

    @property
    def cells(self) -> frozenset[Place]:
        """The cells whose runs decide it."""
        return frozenset((label, environment) for label in (self.a, self.b) for environment in self.environments)


@dataclass(frozen=True, slots=True)
class Design:
    """Everything that is fixed before the first run."""

    looks: tuple[int, ...]
    """Runs per environment."""
    levels: tuple[float, ...]
    """Spent at each look; they add up to 1 - confidence."""
    pairs: tuple[Rivals, ...]
    cells: tuple[Place, ...]
    """Of the learning algorithms."""
    baselines: tuple[Place, ...]
    """Cells of what does not learn: run as often as the first look asks, they decide nothing."""
    analysis: AnalysisPlan
    rule: int = 2
    """By which pairs are decided: 1, that of the run-wise probability; 2, that of `bench.analysis.verdict`."""


def design(
    suite: Suite,
    cells: Sequence[Place],
    references: Mapping[str, Reference | None],
    most: int,
    only: Sequence[str] = (),
) -> Design:
    """Return the sequential design of a suite that ends at `most` runs per environment.

    Args:
        suite: names the algorithms in order, and the analysis plan.
        cells: everything that is to be run.
        references: environment -> the returns that score 0 and 1; without one an environment decides nothing.
        most: runs per environment of the last look.
        only: the patterns that these cells were picked by, if any.

    Raises:
        BenchError: there is nothing to decide, or too few runs to decide anything.
    """
    learners = [line.label for line in suite.algorithms if learns(line.algorithm)]
    scored = {environment for _, environment in cells if usable(references.get(environment)) is not None}
    places = {label: [env for one, env in cells if one == label and env in scored] for label in learners}
    pairs = tuple(_rivals(suite, places, learners))
    if not pairs:
        among, more = (
            (f"among the cells of --only {', '.join(only)} ", "name more of them") if only else ("", "add one")
        )
        raise BenchError(
            f"{suite.name}: there is nothing to decide: {among}no two learning algorithms share an environment that "
            f"has reference returns; {more}, or run without --until-decided"
        )
    looks, levels = schedule(
        most, [len(pair.environments) for pair in pairs], 1 - suite.analysis.confidence, suite.analysis.decide
    )
    return Design(
        looks=looks,
        levels=levels,
        pairs=pairs,
        cells=tuple(sorted(place for place in cells if place[0] in learners)),
        baselines=tuple(sorted(place for place in cells if place[0] not in learners)),
        analysis=suite.analysis,
    )


def _rivals(suite: Suite, places: Mapping[str, Sequence[str]], learners: Sequence[str]) -> Iterable[Rivals]:
    order, unfit = [line.environment for line in suite.environments], for_larger_budgets(suite)
    for a, b in combinations(learners, 2):
        shared = [name for name in order if name in places[a] and name in places[b]]
        if shared and suite.setting(a, b) is not None and on_equal_terms(suite, a, b, shared, unfit):
            yield Rivals(a, b, tuple(shared))


def schedule(
    most: int, environments: Sequence[int], alpha: float, decide: str
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Return the looks and the level spent at each.

    Looks are every five runs and at the end. Those so early that no result, however clear, could decide a pair are
    left out, and what they would have spent goes to the next one: this depends on the numbers of runs alone.

    Args:
        most: runs per environment of the last look.
        environments: of each pair.
        alpha: to be spent over all looks.
        decide: the aggregate by which pairs are told apart.

    Raises:
        BenchError: not even the last look could decide anything.
    """
    ends = (*range(STEP, most, STEP), most)
    hopeful = [n for n in ends if _hopeful(n, _spent(n / most, alpha), environments, decide)]
    if not hopeful:
        least = next(n for n in range(most + 1, 1000) if _hopeful(n, alpha, environments, decide))
        raise BenchError(
            f"{most} seeds can decide nothing, however clear the result: {counted(len(environments), 'pair')} on "
            f"{counted(max(environments), 'environment')} {'need' if len(environments) > 1 else 'needs'} at least "
            f"{least}; give --seeds {least} or more"
        )
    spent = [0.0, *(_spent(n / most, alpha) for n in hopeful)]
    return tuple(hopeful), tuple(after - before for before, after in pairwise(spent))


def _spent(share: float, alpha: float) -> float:
    return float(alpha * share**_SPENDING_POWER)


def _hopeful(n: int, level: float, environments: Sequence[int], decide: str) -> bool:
    return min(smallest_p([(n, n)] * count, decide) for count in set(environments)) <= level / len(environments)


def still_open(design: Design, taken: Sequence[Look]) -> tuple[Rivals, ...]:
    """Return the pairs that no look has decided."""
    gone = {(a, b) for look in taken for a, b, _ in look.decided}
    return tuple(pair for pair in design.pairs if (pair.a, pair.b) not in gone)


def over(design: Design, taken: Sequence[Look]) -> bool:
    """Return whether every pair is decided or the last look is taken."""
    return len(taken) >= len(design.looks) or not still_open(design, taken)


def wanted(design: Design, taken: Sequence[Look]) -> dict[Place, int]:
    """Return how many runs of every cell the next look needs, or the looks so far have needed where it is over."""
    counts = dict.fromkeys((*design.cells, *design.baselines), design.looks[0])
    for place in range(1, min(len(taken), len(design.looks) - 1) + 1):
        for pair in still_open(design, taken[:place]):
            counts.update(dict.fromkeys(pair.cells, design.looks[place]))
    return counts


def scores_so_far(
    suite: Suite, planned: Sequence[Trial], outcomes: Sequence[Outcome], references: Mapping[str, Reference | None]
) -> dict[Place, Floats]:
    """Return the scores of the planned trials by cell, as far as they count.

    Failed trials count as the plan says, others not at all, and nothing beyond the target where all solve the task.
    """
    asked = {trial.fingerprint for trial in planned}
    there = [outcome for outcome in outcomes if outcome.trial.fingerprint in asked]
    cells = list(cells_of(planned, there, references, suite.analysis).values())
    return {one.key: one.scores for one in to_the_target(cells, solved(cells, suite), suite)}


def look(design: Design, taken: Sequence[Look], scores: Scores, rng: np.random.Generator) -> Look:
    """Take the next look.

    Args:
        design: fixed beforehand.
        taken: the looks so far; at least one pair is still open, and a look is left.
        scores: of the first runs of every cell that an open pair needs, as many as this look asks for.
        rng: for the resamples.
    """
    n, level = design.looks[len(taken)], design.levels[len(taken)]
    pairs, plan = still_open(design, taken), design.analysis
    found = _differences(pairs, scores, plan, rng)
    p_values = [1.0 if one is None else float(one.p_values[0]) for one in found]
    verdicts_so_far = [verdict for one in taken for *_, verdict in one.decided]
    alike = verdicts_so_far.count("equivalent")
    claimed = len(verdicts_so_far) - alike
    # A pair called equivalent stays in the family as one that is never claimed.
    corrected = [min(1.0, p) for p in holm([*p_values, *[1.0] * (len(design.pairs) - claimed - len(pairs))])]
    confidence = 1 - level / (len(design.pairs) - alike)
    decided = []
    for pair, one, p in zip(pairs, found, corrected, strict=False):
        if one is None:
            continue
        if equivalent(one, plan.margin, confidence):
            decided.append((pair.a, pair.b, "equivalent"))
        elif p <= level:
            decided.append((pair.a, pair.b, "better" if one.estimates[0] > 0 else "worse"))
    tested = tuple((pair.a, pair.b, p, q) for pair, p, q in zip(pairs, p_values, corrected, strict=False))
    return Look(n, level, tuple(decided), len(pairs) - len(decided), tested)


def _differences(
    pairs: Sequence[Rivals], scores: Scores, plan: AnalysisPlan, rng: np.random.Generator
) -> list[Difference | None]:
    """Return each pair's difference; None where they share no environment that has runs."""
    asked = {place for pair in pairs for place in pair.cells if len(scores.get(place, ()))}
    # Every cell has a generator of its own: which other cells are looked at moves no p-value.
    streams = streams_from(int(rng.integers(2**63)))
    drawn = {place: resample_counts(len(scores[place]), plan.resamples, streams(*place)) for place in asked}
    found: list[Difference | None] = []
    for pair in pairs:
        there = [env for env in pair.environments if (pair.a, env) in drawn and (pair.b, env) in drawn]
        ours, theirs = ([scores[label, env] for env in there] for label in (pair.a, pair.b))
        counts = [drawn[pair.a, env] for env in there], [drawn[pair.b, env] for env in there]
        found.append(judged(ours, theirs, counts, plan.decide) if there else None)
    return found


def course(design: Design, taken: Sequence[Look]) -> SequentialRun:
    """Return the course so far, for the report."""
    counts = wanted(design, taken)
    return SequentialRun(
        looks=tuple(taken),
        most=design.looks[-1],
        trials=sum(counts[place] for place in design.cells),
        trials_fixed=design.looks[-1] * len(design.cells),
        planned=design.looks,
        pairs=tuple((pair.a, pair.b) for pair in design.pairs),
    )


def sequential_verdicts(contests: Sequence[Contest], run: SequentialRun, plan: AnalysisPlan) -> tuple[Pair, ...]:
    """Return the pairs with the verdicts of the looks.

    Pairs that the design does not decide (those with a baseline) are tested on what there is and corrected for the
    number of looks, because the number of runs was chosen among so many by looking at other pairs (union bound).
    """
    known = {(one.a, one.b): _told(run, one.a, one.b) for one in contests if _within(run, one.a, one.b)}
    ours = verdicts([replace(one, p_value=known[one.a, one.b].p) for one in contests if (one.a, one.b) in known], plan)
    others = [one for one in contests if (one.a, one.b) not in known]
    looks = max(1, len(run.planned))
    rest = verdicts(others, plan, looks)
    found = {(pair.a, pair.b): _as_decided(pair, known[pair.a, pair.b], plan) for pair in ours}
    found |= {(pair.a, pair.b): replace(pair, more_runs=None, more_hours=None) for pair in rest}
    return tuple(found[one.a, one.b] for one in contests)


@dataclass(frozen=True, slots=True)
class _Told:
    """What the looks say of one pair."""

    n: int
    """0: there was no look yet."""
    level: float
    p: float
    p_holm: float
    verdict: str


def _within(run: SequentialRun, a: str, b: str) -> bool:
    return (a, b) in run.pairs or (b, a) in run.pairs


def _told(run: SequentialRun, a: str, b: str) -> _Told:
    """Return what the look that decided the pair says, else the last one that tested it."""
    for one in reversed(run.looks):
        for first, second, p, p_holm in one.tested:
            if {first, second} == {a, b}:
                verdict = next((said for *who, said in one.decided if who == [first, second]), "undecided")
                return _Told(one.n, one.level, p, p_holm, verdict if first == a else _OPPOSITE.get(verdict, verdict))
    return _Told(0, 0.0, 1.0, 1.0, "undecided")


def _as_decided(pair: Pair, told: _Told, plan: AnalysisPlan) -> Pair:
    # Scaled to the whole error, so that it can be read against the same level as every other p-value of the report.
    adjusted = min(1.0, told.p_holm * (1 - plan.confidence) / told.level) if told.n else None
    return replace(
        pair,
        p_value=told.p if told.n else None,
        p_holm=adjusted,
        verdict=told.verdict,
        smallest_p=None,
        more_runs=None,
        more_hours=None,
        # Of the runs there are now, which are not those that the look decided by.
        matched=None,
        look=Tested(told.n, told.level, told.p_holm),
    )


def as_data(design: Design) -> dict[str, Any]:
    """Return the design as plain data, for the journal."""
    return asdict(design)


def from_data(data: Mapping[str, Any]) -> Design:
    """Return the design that `as_data` gave, read back from JSON."""
    return Design(
        looks=tuple(data["looks"]),
        levels=tuple(data["levels"]),
        pairs=tuple(Rivals(one["a"], one["b"], tuple(one["environments"])) for one in data["pairs"]),
        cells=tuple((label, environment) for label, environment in data["cells"]),
        baselines=tuple((label, environment) for label, environment in data["baselines"]),
        analysis=AnalysisPlan(**data["analysis"]),
        rule=int(data.get("rule", 1)),
    )


def looks_from_data(data: Sequence[Mapping[str, Any]]) -> tuple[Look, ...]:
    """Return the looks of a journal, read back from JSON."""
    return tuple(
        Look(
            n=one["n"],
            level=one["level"],
            decided=tuple((a, b, verdict) for a, b, verdict in one["decided"]),
            open=one["open"],
            tested=tuple((a, b, p, q) for a, b, p, q in one["tested"]),
        )
        for one in data
    )


def differences(then: Design, now: Design) -> list[str]:
    """Return in words in what two designs differ; empty: in nothing that matters."""
    found = [
        f"analysis.{name} was {old!r} and is {new!r}"
        for name, old in asdict(then.analysis).items()
        if (new := getattr(now.analysis, name)) != old
    ]
    if then.rule != now.rule:
        found.append("pairs were decided by the probability that a run of one is above a run of the other")
    if then.looks[-1] != now.looks[-1]:
        found.append(f"it ended at {then.looks[-1]} seeds and now at {now.looks[-1]} (--seeds {then.looks[-1]})")
    if set(then.pairs) != set(now.pairs):
        found.append(f"it compared {_named(then.pairs)}, and now {_named(now.pairs)}")
    if not found and (then.looks != now.looks or not np.allclose(then.levels, now.levels)):
        found.append("its looks and levels were others")
    return found


def _named(pairs: Sequence[Rivals]) -> str:
    places = math.fsum(len(pair.environments) for pair in pairs) / len(pairs)
    names = ", ".join(dict.fromkeys(label for pair in pairs for label in (pair.a, pair.b)))
    return f"{names} ({counted(len(pairs), 'pair')}, {places:g} environments each)"
