"""Suite, trials and outcomes in, everything the report shows out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from bench import catalog
from bench.analysis import literature
from bench.analysis.aggregate import BY_ENVIRONMENT, MEAN, POOLED, aggregate_interval, estimate, highest
from bench.analysis.cards import cards
from bench.analysis.cautions import cautions
from bench.analysis.claims import judge
from bench.analysis.compare import Contest, contest, verdicts
from bench.analysis.curves import aggregate_curves, diagnostic_curve, environment_curves
from bench.analysis.declared import plan_hash, suite_hash
from bench.analysis.evidence import Evidence, by_setting, environments, evidence, in_setting, learners, whole
from bench.analysis.interval import cut, iqm_interval, mean_interval, median_interval, optimality_gap_interval
from bench.analysis.leads import leads
from bench.analysis.ledger import ledger
from bench.analysis.lines import cell_estimate, deterministic, failures, machines, settings, trials
from bench.analysis.origins import origins
from bench.analysis.profiles import profile, tau_grid
from bench.analysis.published import against
from bench.analysis.ranking import race_draws, rounded, shares_best
from bench.analysis.reliability import reliability
from bench.analysis.resampling import Counts, Draws, fewer, streams_from
from bench.analysis.robustness import claim_conclusions, conclusions
from bench.analysis.scores import (
    Cell,
    Field,
    compared,
    environments_of,
    seconds_of_one_more_run,
    usable,
)
from bench.analysis.sequential import sequential_verdicts
from bench.analysis.situations import situations
from bench.analysis.solved import all_solve, to_the_target
from bench.hyperparameters.budgets import on_equal_terms, set_apart
from bench.records import (
    DIAGNOSTICS,
    Aggregate,
    AnalysisPlan,
    ClaimVerdict,
    Conclusion,
    CurveEstimate,
    Estimates,
    Interval,
    Lead,
    Outcome,
    Pair,
    Profile,
    Record,
    Reference,
    ReferenceLine,
    Reliability,
    SequentialRun,
    Situation,
    Suite,
    SuiteAlgorithm,
    Trial,
)


def analyse(
    suite: Suite,
    planned: Sequence[Trial],
    outcomes: Sequence[Outcome],
    references: Mapping[str, Reference | None],
    rng: np.random.Generator,
    sequence: SequentialRun | None = None,
    *,
    rliable: bool = False,
) -> Estimates:
    """Return every estimate, comparison, caution and verdict of a suite, finished or not.

    Neither the order of trials and outcomes nor other algorithms in the suite move an estimate or a pair's statistics,
    but that nothing beyond the target counts where all solve the task; Holm's correction and the probability of being
    best, too, depend on who else takes part.

    Args:
        suite: fixes the order of algorithms and environments, and the analysis plan.
        planned: every trial the suite asks for, finished or not.
        outcomes: what there is, in any order; trials outside the plan are shown too.
        references: environment -> the returns that score 0 and 1; without one there are no scores.
        rng: one number is drawn from it; every cell derives its own stream from that and its name.
        sequence: the looks that decided how many runs there are; their verdicts on pairs then stand.
        rliable: whether rliable's percentile intervals stand beside ours; they take seconds per algorithm.
    """
    plan, book = suite.analysis, ledger(planned, outcomes)
    found = evidence(suite, book, references, streams_from(int(rng.integers(2**63))))
    cells, draws = found.cells, found.draws
    pairs = _pairs(found, sequence)
    told = _situations(found, pairs)
    placed = [one.label for line in told if line.kind == "full" for one in line.candidates]
    aggregates = _aggregates(found, placed)
    if rliable:
        aggregates = tuple(_beside(line, found) for line in aggregates)
    known, reliable = _references(found, references), _reliability(found)
    judged, shown = judge(suite, cells, draws, solved=found.solved), tuple(cell_estimate(c, draws, plan) for c in cells)
    concluded = _conclusions(found, placed, pairs, judged)
    return Estimates(
        suite=suite.name,
        title=suite.title,
        question=suite.question,
        answer=suite.answer,
        analysis={**plan.declared(), "hash": plan_hash(suite), **({"seen": suite.seen} if suite.seen else {})},
        planned=len(book.entries),
        done=sum(isinstance(entry.outcome, Record) for entry in book.entries),
        failed=sum(c.failed for c in cells),
        cautions=cautions(book, cells, aggregates, known, suite, concluded),
        labels=found.labels,
        references=known,
        aggregates=aggregates,
        cells=shown,
        curves=_curves(found),
        diagnostics=_diagnostics(found),
        profiles=_profiles(found.field, plan),
        pairs=pairs,
        failures=tuple(line for c in cells for line in failures(c)),
        settings=tuple(settings(c) for c in cells),
        trials=tuple(line for c in cells for line in trials(c)),
        machines=machines(book),
        suite_hash=suite_hash(suite),
        situations=told,
        leads=_leads(found),
        worth=_worth(found),
        reliability=reliable,
        cards=cards(
            [*learners(found.field, found.baselines)],
            book.entries,
            pairs,
            shown,
            reliable,
            told,
            [part.sensitivity for parts in suite.sets.values() for part in parts],
        ),
        conclusions=concluded,
        claims=judged,
        sequence=sequence,
        baselines=tuple(label for label in found.labels if label in found.baselines),
        ranked=found.ranked,
        published=against(cells),
        origins=origins(outcomes),
        deterministic=deterministic(book),
    )


def _situations(found: Evidence, pairs: Sequence[Pair]) -> tuple[Situation, ...]:
    """Return the situations of every setting, the whole suite under each of them first, and first what is most of it.

    Where a setting has but some of the environments, its situations say so.
    """
    suite, everywhere = found.suite, set(environments_of(found.field))
    named = []
    for name, field in by_setting(suite, found.fit).items():
        there = [c for c in found.there if in_setting(suite, c.label, name)]
        told = situations(suite, field, found.baselines, pairs, found.draws, found.streams, there)
        named += [
            replace(
                line,
                key=f"{name}-{line.key}" if name else line.key,
                setting=name,
                partial=line.kind not in {"group", "environment"} and not set(told[0].environments) >= everywhere,
            )
            for line in told
        ]
    return tuple(sorted(named, key=lambda line: -len(line.environments) if line.kind == "full" else 1))


def _leads(found: Evidence) -> tuple[Lead, ...]:
    points, decide = found.suite.evaluation.points, found.plan.decide
    return tuple(
        replace(lead, setting=name)
        for name, race in found.races.items()
        for lead in leads(race, found.draws, found.streams, points, decide)
    )


def _best_shares(race: Field, found: Evidence) -> dict[str, float]:
    counts = {label: _counts(cells, found.draws) for label, cells in race.items()}
    scores = {label: [c.scores for c in cells] for label, cells in race.items()}
    decide = found.plan.decide
    top = highest([c.score_ceiling for c in next(iter(race.values()), ())], decide)
    drawn = race_draws(scores, counts, lambda label: found.streams(label, "", "best"), decide, top)
    return shares_best(drawn) if drawn else {}


def _reliability(found: Evidence) -> tuple[Reliability, ...]:
    """Return the learning algorithms' reliability, the most dependable first."""
    lines = [
        reliability(label, cells, found.plan.threshold, found.plan.confidence)
        for label, cells in learners(found.field, found.baselines).items()
    ]
    return tuple(sorted(lines, key=lambda line: (line.failing / line.runs, -(line.worst_decile or 0.0))))


def _conclusions(
    found: Evidence, placed: Sequence[str], pairs: Sequence[Pair], judged: Sequence[ClaimVerdict]
) -> tuple[Conclusion, ...]:
    """Return what was concluded of each setting and of the claims, with the re-analyses in which it holds."""
    suite = found.suite
    held: list[Conclusion] = []
    for name, race in found.races.items():
        here = [pair for pair in pairs if _family(suite, pair.a, pair.b) == name]
        met = {label for pair in here for label in (pair.a, pair.b)} | {*race}
        there = {label: cells for label, cells in found.counted.items() if label in met}
        # Whoever the first situation puts first comes first among equals.
        ranked = [*filter(race.__contains__, placed), *(label for label in race if label not in placed)]
        held += conclusions(there, ranked, here, found.plan, found.draws, found.streams) if there else ()
    if found.field:
        held += claim_conclusions(suite, found.field, found.draws, judged, found.streams, found.solved)
    return tuple(held)


def _counts(cells: Iterable[Cell], draws: Draws) -> Counts:
    return [draws[c.key] for c in cells]


def _aggregates(found: Evidence, placed: Sequence[str]) -> tuple[Aggregate, ...]:
    """Return the aggregates, setting by setting, the comparable ones first, best first; equal ones as placed."""
    suite, apart = found.suite, set_apart(found.suite)
    order = {name: place for place, name in enumerate(suite.settings)}
    shares = {label: share for race in found.races.values() for label, share in _best_shares(race, found).items()}
    everywhere = whole(found.field, found.baselines)
    lines = [
        replace(
            _aggregate(label, cells, found.draws, found.plan),
            deciding=_deciding(found.counted[label], found.draws, found.plan),
            complete=label in everywhere and not any(c.key in apart for c in cells),
            probability_best=shares.get(label),
            not_judged=_most_over(label, apart, suite),
        )
        for label, cells in found.field.items()
    ]

    def place(line: Aggregate) -> tuple[int, bool, float, int]:
        setting = order.get(suite.setting(line.label) or "", len(order))
        among_equals = placed.index(line.label) if line.label in placed else len(placed)
        return setting, not line.complete, -rounded(line.value(found.plan.decide).estimate or 0.0), among_equals

    return tuple(sorted(lines, key=place))


def _most_over(label: str, apart: Mapping[tuple[str, str], int], suite: Suite) -> float | None:
    """Return how many times the suite's budget an algorithm's settings were made for, at most; None where they fit."""
    return max((steps / suite.budgets[place] for (one, place), steps in apart.items() if one == label), default=None)


def _aggregate(label: str, cells: Sequence[Cell], draws: Draws, plan: AnalysisPlan) -> Aggregate:
    tasks, counts, confidence = [c.scores for c in cells], _counts(cells, draws), plan.confidence
    tops = [c.score_ceiling for c in cells]
    return Aggregate(
        label=label,
        environments=len(cells),
        n=min(len(task) for task in tasks),
        iqm=cut(iqm_interval(tasks, counts, confidence), highest(tops, POOLED), plan.floor),
        mean=cut(mean_interval(tasks, confidence), highest(tops, MEAN), plan.floor),
        median=median_interval(tasks, counts, confidence),
        optimality_gap=optimality_gap_interval(tasks, confidence),
        rliable=literature.estimates(tasks),
        by_environment=cut(
            aggregate_interval(tasks, counts, confidence, BY_ENVIRONMENT), highest(tops, BY_ENVIRONMENT), plan.floor
        ),
        worst=min(((estimate([c.scores], BY_ENVIRONMENT), c.environment) for c in cells), default=None),
    )


def _deciding(cells: Sequence[Cell], draws: Draws, plan: AnalysisPlan) -> Interval | None:
    """Return the aggregate that decides, where not all of the scores count."""
    if all(c.most is None for c in cells):
        return None
    found = aggregate_interval([c.scores for c in cells], _counts(cells, draws), plan.confidence, plan.decide)
    return cut(found, highest([c.score_ceiling for c in cells], plan.decide), plan.floor)


def _beside(line: Aggregate, found: Evidence) -> Aggregate:
    rng, scores = found.streams(line.label, "rliable"), [c.scores for c in found.field[line.label]]
    return replace(line, rliable=literature.intervals(scores, rng, found.plan.confidence, found.plan.resamples))


def _pairs(found: Evidence, sequence: SequentialRun | None) -> tuple[Pair, ...]:
    """Compare every two algorithms on the environments that both have, where their settings are on equal terms."""
    suite, field, plan = found.suite, found.rivals, found.plan
    families: dict[str, list[Contest]] = {}
    for a, b in combinations(field, 2):
        places, family = [c.environment for c in _shared(field[a], field[b])], _family(suite, a, b)
        if places and family is not None and on_equal_terms(suite, a, b, places, found.unfit):
            families.setdefault(family, []).append(_contest(field, a, b, found.draws, plan))
    if sequence is not None:
        return sequential_verdicts([one for contests in families.values() for one in contests], sequence, plan)
    return tuple(pair for contests in families.values() for pair in verdicts(contests, plan))


def _contest(field: Field, a: str, b: str, draws: Draws, plan: AnalysisPlan) -> Contest:
    ours, theirs = _shared(field[a], field[b]), _shared(field[b], field[a])
    values = [compared(c, plan) for c in ours], [compared(c, plan) for c in theirs]
    counts = (_counts(ours, draws), _counts(theirs, draws)) if ours[0].scored else None
    seconds, names = seconds_of_one_more_run([*ours, *theirs]), [c.environment for c in ours]
    return contest((a, b), *values, counts, plan, seconds, names)


def _worth(found: Evidence) -> tuple[Pair, ...]:
    """Return each algorithm under every later setting against itself under the first: a family of comparisons."""
    suite, field = found.suite, found.field or found.rivals
    first, *others = suite.settings or ("",)
    entries = [entry for entry in suite.algorithms if entry.label in field]
    plain = [entry for entry in entries if entry.setting == first]
    asked = [
        (entry.label, one.label)
        for one in plain
        for entry in entries
        if entry.setting in others and _bare(entry) == _bare(one)
    ]
    counted = [{label: to_the_target(field[label], found.solved, suite, both) for label in both} for both in asked]
    contests = [
        _contest(one, a, b, found.draws, found.plan)
        for one, (a, b) in zip(counted, asked, strict=True)
        if _shared(one[a], one[b])
    ]
    return verdicts(contests, found.plan)


def _bare(entry: SuiteAlgorithm) -> SuiteAlgorithm:
    """Return an entry without what the setting makes of it."""
    return replace(entry, label="", setting="", hyperparameter_set="")


def _family(suite: Suite, a: str, b: str) -> str | None:
    """Return the setting whose comparisons a pair belongs to; None where the two stand in different ones."""
    found = suite.setting(a, b)
    return found or next(iter(suite.settings), "") if found is not None else None


def _shared(cells: Sequence[Cell], others: Sequence[Cell]) -> list[Cell]:
    there = {c.environment for c in others}
    return [c for c in cells if c.environment in there]


def _references(found: Evidence, references: Mapping[str, Reference | None]) -> tuple[ReferenceLine, ...]:
    suite = found.suite
    budgets = {c.environment: c.budget for c in found.cells} | suite.budgets
    lines = []
    for environment in environments(suite, (c.environment for c in found.cells)):
        reference = usable(references.get(environment))
        here = [c for c in found.cells if c.environment == environment and c.label not in found.baselines and c.runs]
        lines.append(
            ReferenceLine(
                environment=environment,
                steps=budgets[environment],
                random=None if reference is None else reference.random,
                target=None if reference is None else reference.target,
                source="" if reference is None else reference.source,
                saturated=all_solve(here, suite.analysis),
                solved_in=tuple(name for name, there in found.solved.items() if environment in there),
                by_chance=reference is None or catalog.begins_at_chance(environment, reference),
            )
        )
    return tuple(lines)


def _curves(found: Evidence) -> tuple[CurveEstimate, ...]:
    points, plan = found.suite.evaluation.points, found.plan

    def counts(some: Sequence[Cell]) -> Counts:
        return fewer(_counts(some, found.draws), len(found.cells))

    together = [
        curve
        for some in found.counted.values()
        for curve in aggregate_curves(some, counts(some), points, plan.confidence, plan.decide)
    ]
    alone = [
        curve for c in found.cells if c.runs for curve in environment_curves(c, counts([c]), points, plan.confidence)
    ]
    return (*together, *alone)


def _diagnostics(found: Evidence) -> Mapping[str, tuple[CurveEstimate, ...]]:
    """Return what was told of updates, by name, as far as anything was."""
    curves = {
        name: tuple(
            curve
            for c in found.cells
            if c.runs
            and (
                curve := diagnostic_curve(
                    c, name, fewer(_counts([c], found.draws), len(found.cells)), found.plan.confidence
                )
            )
        )
        for name in DIAGNOSTICS
    }
    return {name: some for name, some in curves.items() if some}


def _profiles(field: Field, plan: AnalysisPlan) -> tuple[Profile, ...]:
    taus = tau_grid([c.scores for cells in field.values() for c in cells])
    return tuple(profile(label, [c.scores for c in cells], taus, plan.confidence) for label, cells in field.items())
