"""Suite, trials and outcomes in, everything the report shows out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import combinations, product
from typing import Any

import numpy as np

from bench.analysis import literature
from bench.analysis.aggregate import BY_ENVIRONMENT, MEAN, POOLED, aggregate_interval, estimate, highest
from bench.analysis.cards import cards
from bench.analysis.cautions import cautions, overshoot
from bench.analysis.claims import judge
from bench.analysis.compare import Contest, contest, verdicts
from bench.analysis.curves import aggregate_curves, diagnostic_curve, environment_curves
from bench.analysis.interval import cut, iqm_interval, mean_interval, median_interval, optimality_gap_interval
from bench.analysis.leads import leads
from bench.analysis.ledger import Entry, Ledger, ledger
from bench.analysis.origins import origins
from bench.analysis.profiles import profile, tau_grid
from bench.analysis.published import against
from bench.analysis.ranking import race_draws, rounded, shares_best
from bench.analysis.reliability import reliability
from bench.analysis.resampling import Counts, Draws, Streams, fewer, resample_counts, streams_from
from bench.analysis.robustness import claim_conclusions, conclusions
from bench.analysis.scores import (
    Cell,
    Field,
    Run,
    cells_in,
    compared,
    complete,
    enough,
    environments_of,
    final_return,
    learns,
    seconds_of_one_more_run,
    taking_part,
    usable,
)
from bench.analysis.sequential import sequential_verdicts
from bench.analysis.situations import situations
from bench.analysis.solved import Solved, all_solve, solved, solves, to_the_target
from bench.analysis.threshold import time_to_threshold
from bench.hyperparameters.budgets import for_larger_budgets, on_equal_terms, set_apart
from bench.records import (
    DIAGNOSTICS,
    PACKING,
    Aggregate,
    AnalysisPlan,
    CellEstimate,
    Conclusion,
    CurveEstimate,
    Estimates,
    Fact,
    Failure,
    FailureLine,
    Interval,
    Outcome,
    Pair,
    Profile,
    Record,
    Reference,
    ReferenceLine,
    Reliability,
    SequentialRun,
    SettingsLine,
    Situation,
    Suite,
    SuiteAlgorithm,
    Trial,
    TrialLine,
    digest,
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
    streams = streams_from(int(rng.integers(2**63)))
    labels = _ordered((line.label for line in suite.algorithms), (entry.label for entry in book.entries))
    cells = _cells(book, labels, suite, references)
    draws = {c.key: resample_counts(len(c.runs), plan.resamples, streams(*c.key)) for c in cells if c.runs}
    there = taking_part(cells, suite)
    field, where = _by_label(labels, [c for c in there if c.scored]), solved(there, suite)
    counted = {label: to_the_target(cells, where, suite) for label, cells in field.items()}
    baselines = _baselines(book)
    unfit, apart = for_larger_budgets(suite), set_apart(suite)
    fit = {label: kept for label, cells in counted.items() if (kept := [c for c in cells if c.key not in unfit])}
    races = {name: _race(one, baselines) for name, one in _settings_of(suite, fit).items()}
    whole = [label for label in _whole(field, baselines) if not any(c.key in apart for c in field[label])]
    best = {
        label: share for race in races.values() for label, share in _best_shares(race, draws, streams, plan).items()
    }
    rivals = counted or _by_label(labels, _unscored(there, plan))
    pairs = _pairs(rivals, draws, suite, unfit, sequence)
    known = _references(suite, cells, references, baselines, where)
    told = _in_settings(
        (
            (
                name,
                situations(
                    suite, one, baselines, pairs, draws, streams, [c for c in there if _in(suite, c.label, name)]
                ),
            )
            for name, one in _settings_of(suite, fit).items()
        ),
        environments_of(field),
    )
    placed = [one.label for line in told if line.kind == "full" for one in line.candidates]
    aggregates = _aggregates(field, counted, whole, best, placed, draws, suite)
    aggregates = tuple(replace(line, not_judged=_most_over(line.label, apart, suite)) for line in aggregates)
    if rliable:
        aggregates = tuple(_beside(line, field[line.label], plan, streams) for line in aggregates)
    reliable = _reliability(field, baselines, plan)
    judged = judge(suite, cells, draws, solved=where)
    shown = tuple(_cell_estimate(c, draws, plan) for c in cells)
    concluded = (
        *_conclusions(suite, counted, races, placed, pairs, draws, streams),
        *(claim_conclusions(suite, field, draws, judged, streams, where) if field else ()),
    )
    return Estimates(
        suite=suite.name,
        title=suite.title,
        question=suite.question,
        answer=suite.answer,
        analysis={**plan.declared(), "hash": _plan_hash(suite), **({"seen": suite.seen} if suite.seen else {})},
        planned=len(book.entries),
        done=sum(isinstance(entry.outcome, Record) for entry in book.entries),
        failed=sum(c.failed for c in cells),
        cautions=cautions(book, cells, aggregates, known, suite, concluded),
        labels=labels,
        references=known,
        aggregates=aggregates,
        cells=shown,
        curves=_curves(cells, counted, draws, suite),
        diagnostics=_diagnostics(cells, draws, plan),
        profiles=_profiles(field, plan),
        pairs=pairs,
        failures=tuple(line for c in cells for line in _failures(c)),
        settings=tuple(_settings(c) for c in cells),
        trials=tuple(line for c in cells for line in _trials(c)),
        machines=_machines(book),
        suite_hash=_suite_hash(suite),
        situations=told,
        leads=tuple(
            replace(lead, setting=name)
            for name, race in races.items()
            for lead in leads(race, draws, streams, suite.evaluation.points, plan.decide)
        ),
        worth=_worth(suite, field or rivals, draws, where),
        reliability=reliable,
        cards=cards(
            [label for label in field if label not in baselines],
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
        baselines=tuple(label for label in labels if label in baselines),
        ranked=None
        if field or not rivals
        else tuple(label for label in _whole(rivals, baselines) if label not in baselines),
        published=against(cells),
        origins=origins(outcomes),
        deterministic=_deterministic(book),
    )


def _ordered(first: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    """Return the suite's names in its order, then every other name sorted."""
    return tuple(dict.fromkeys([*first, *sorted(others)]))


def _cells(
    book: Ledger, labels: Sequence[str], suite: Suite, references: Mapping[str, Reference | None]
) -> tuple[Cell, ...]:
    found = cells_in(book, references, suite.analysis)
    environments = _environments(suite, (environment for _, environment in found))
    return tuple(found[key] for key in product(labels, environments) if key in found)


def _environments(suite: Suite, others: Iterable[str]) -> tuple[str, ...]:
    return _ordered((line.environment for line in suite.environments), others)


def _by_label(labels: Sequence[str], cells: Sequence[Cell]) -> Field:
    return {label: found for label in labels if (found := [c for c in cells if c.label == label])}


def _unscored(there: Sequence[Cell], plan: AnalysisPlan) -> list[Cell]:
    """Return what can be compared by rank alone: cells with runs where none of the environments has references."""
    if plan.metric != "final" or any(c.reference is not None for c in there):
        return []
    return [c for c in there if len(compared(c, plan))]


def _deterministic(book: Ledger) -> bool | None:
    """Return how policies act when they are judged; None where results of others are among them, or ways differ."""
    trials = [entry.trial for entry in book.entries]
    ways = {None if trial.origin else trial.evaluation.deterministic for trial in trials}
    return ways.pop() if len(ways) == 1 else None


def _baselines(book: Ledger) -> set[str]:
    """Return the labels of what does not learn: shown and measured against, never recommended."""
    return {entry.label for entry in book.entries if not learns(entry.trial.algorithm)}


def _most_over(label: str, apart: Mapping[tuple[str, str], int], suite: Suite) -> float | None:
    """Return how many times the suite's budget an algorithm's settings were made for, at most; None where they fit."""
    return max((steps / suite.budgets[place] for (one, place), steps in apart.items() if one == label), default=None)


def _best_shares(race: Field, draws: Draws, streams: Streams, plan: AnalysisPlan) -> dict[str, float]:
    counts = {label: _counts(cells, draws) for label, cells in race.items()}
    scores = {label: [c.scores for c in cells] for label, cells in race.items()}
    top = highest([c.score_ceiling for c in next(iter(race.values()), ())], plan.decide)
    drawn = race_draws(scores, counts, lambda label: streams(label, "", "best"), plan.decide, top)
    return shares_best(drawn) if drawn else {}


def _reliability(field: Field, baselines: set[str], plan: AnalysisPlan) -> tuple[Reliability, ...]:
    """Return the learning algorithms' reliability, the most dependable first."""
    found = [
        reliability(label, cells, plan.threshold, plan.confidence)
        for label, cells in field.items()
        if label not in baselines
    ]
    return tuple(sorted(found, key=lambda line: (line.failing / line.runs, -(line.worst_decile or 0.0))))


_NO_TEST = {"text", "source", "seen"}
"""What a claim says besides what is tested."""


def _plan_hash(suite: Suite) -> str:
    """Return the hash of the analysis as declared, claims included, their words left out."""
    tested = [{key: value for key, value in asdict(claim).items() if key not in _NO_TEST} for claim in suite.claims]
    plan = suite.analysis.declared()
    return digest({**plan, "claims": tested} if tested else plan)


def _conclusions(
    suite: Suite,
    field: Field,
    races: Mapping[str, Field],
    placed: Sequence[str],
    pairs: Sequence[Pair],
    draws: Draws,
    streams: Streams,
) -> tuple[Conclusion, ...]:
    found: list[Conclusion] = []
    for name, race in races.items():
        here = [pair for pair in pairs if _family(suite, pair.a, pair.b) == name]
        met = {label for pair in here for label in (pair.a, pair.b)} | {*race}
        there = {label: cells for label, cells in field.items() if label in met}
        # Whoever the first situation puts first comes first among equals.
        ranked = [*filter(race.__contains__, placed), *(label for label in race if label not in placed)]
        found += conclusions(there, ranked, here, suite.analysis, draws, streams) if there else ()
    return tuple(found)


_NO_DECLARATION = {"path", "lines", "written", "title", "question", "answer", "tensorboard", "chosen", "seen"}
_SINCE = {
    "evaluation": {"environments", "max_episode_steps", "gradient_episodes", "diagnostics", "value_episodes"},
    "limits": {"stall_minutes", "checkpoint_minutes"},
}
_OF_SETS = ("entries", "everywhere", "complete")
"""What of a part of a set can change a number; where it comes from, and what its search saw and took, are words."""


def _suite_hash(suite: Suite) -> str:
    """Return the hash of what the suite declares, its place on disk, its words and what changes no number left out.

    Settings that suites have only since their first reports are left out while they are not given: an old suite keeps
    its hash.
    """
    said = _given(
        {key: value for key, value in asdict(suite).items() if key not in _NO_DECLARATION},
        {"sets", "accept_settings_for_other_budgets"},
    )
    said["claims"] = [{key: value for key, value in claim.items() if key != "seen"} for claim in said["claims"]]
    if "sets" in said:
        said["sets"] = {
            name: [{key: part[key] for key in _OF_SETS} for part in parts] for name, parts in said["sets"].items()
        }
    for part, names in _SINCE.items():
        said[part] = _given(said[part], names)
    algorithms = [
        _given(one, {"implementation", "backend", "per_environment", "setting"}) for one in said["algorithms"]
    ]
    said["environments"] = [_given(one, {"evaluation_kwargs"}) for one in said["environments"]]
    return digest({**said, "algorithms": algorithms, "analysis": suite.analysis.declared()})


def _given(values: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in names or value}


def _counts(cells: Iterable[Cell], draws: Draws) -> Counts:
    return [draws[c.key] for c in cells]


def _aggregates(
    field: Field,
    counted: Field,
    whole: Sequence[str],
    shares: Mapping[str, float],
    placed: Sequence[str],
    draws: Draws,
    suite: Suite,
) -> tuple[Aggregate, ...]:
    """Return the aggregates, setting by setting, the comparable ones first, best first; equal ones as placed."""
    order = {name: place for place, name in enumerate(suite.settings)}
    found = [
        replace(
            _aggregate(label, cells, draws, suite.analysis, complete=label in whole, best=shares.get(label)),
            deciding=_deciding(counted[label], draws, suite.analysis),
        )
        for label, cells in field.items()
    ]

    def place(line: Aggregate) -> tuple[int, bool, float, int]:
        setting = order.get(suite.setting(line.label) or "", len(order))
        among_equals = placed.index(line.label) if line.label in placed else len(placed)
        return setting, not line.complete, -rounded(line.value(suite.analysis.decide).estimate or 0.0), among_equals

    return tuple(sorted(found, key=place))


def _aggregate(
    label: str, cells: Sequence[Cell], draws: Draws, plan: AnalysisPlan, *, complete: bool, best: float | None
) -> Aggregate:
    tasks, counts, confidence = [c.scores for c in cells], _counts(cells, draws), plan.confidence
    tops = [c.score_ceiling for c in cells]
    return Aggregate(
        label=label,
        environments=len(cells),
        n=min(len(task) for task in tasks),
        iqm=cut(iqm_interval(tasks, counts, confidence), highest(tops, POOLED)),
        mean=cut(mean_interval(tasks, confidence), highest(tops, MEAN)),
        median=median_interval(tasks, counts, confidence),
        optimality_gap=optimality_gap_interval(tasks, confidence),
        rliable=literature.estimates(tasks),
        by_environment=cut(
            aggregate_interval(tasks, counts, confidence, BY_ENVIRONMENT), highest(tops, BY_ENVIRONMENT)
        ),
        worst=min(((estimate([c.scores], BY_ENVIRONMENT), c.environment) for c in cells), default=None),
        complete=complete,
        probability_best=best,
    )


def _deciding(cells: Sequence[Cell], draws: Draws, plan: AnalysisPlan) -> Interval | None:
    """Return the aggregate that decides, where not all of the scores count."""
    if all(c.most is None for c in cells):
        return None
    found = aggregate_interval([c.scores for c in cells], _counts(cells, draws), plan.confidence, plan.decide)
    return cut(found, highest([c.score_ceiling for c in cells], plan.decide))


def _beside(line: Aggregate, cells: Sequence[Cell], plan: AnalysisPlan, streams: Streams) -> Aggregate:
    rng = streams(line.label, "rliable")
    return replace(line, rliable=literature.intervals([c.scores for c in cells], rng, plan.confidence, plan.resamples))


def _pairs(
    field: Field,
    draws: Draws,
    suite: Suite,
    unfit: Mapping[tuple[str, str], int],
    sequence: SequentialRun | None,
) -> tuple[Pair, ...]:
    """Compare every two algorithms on the environments that both have, where their settings are on equal terms."""
    plan = suite.analysis
    families: dict[str, list[Contest]] = {}
    for a, b in combinations(field, 2):
        places, family = [c.environment for c in _shared(field[a], field[b])], _family(suite, a, b)
        if places and family is not None and on_equal_terms(suite, a, b, places, unfit):
            families.setdefault(family, []).append(_contest(field, a, b, draws, plan))
    if sequence is not None:
        return sequential_verdicts([one for contests in families.values() for one in contests], sequence, plan)
    return tuple(pair for contests in families.values() for pair in verdicts(contests, plan))


def _contest(field: Field, a: str, b: str, draws: Draws, plan: AnalysisPlan) -> Contest:
    ours, theirs = _shared(field[a], field[b]), _shared(field[b], field[a])
    values = [compared(c, plan) for c in ours], [compared(c, plan) for c in theirs]
    counts = (_counts(ours, draws), _counts(theirs, draws)) if ours[0].scored else None
    seconds, names = seconds_of_one_more_run([*ours, *theirs]), [c.environment for c in ours]
    return contest((a, b), *values, counts, plan, seconds, names)


def _worth(suite: Suite, field: Field, draws: Draws, where: Solved) -> tuple[Pair, ...]:
    """Return each algorithm under every later setting against itself under the first: a family of comparisons."""
    first, *others = suite.settings or ("",)
    entries = [entry for entry in suite.algorithms if entry.label in field]
    plain = [entry for entry in entries if entry.setting == first]
    asked = [
        (entry.label, one.label)
        for one in plain
        for entry in entries
        if entry.setting in others and _bare(entry) == _bare(one)
    ]
    counted = [{label: to_the_target(field[label], where, suite, both) for label in both} for both in asked]
    contests = [
        _contest(one, a, b, draws, suite.analysis)
        for one, (a, b) in zip(counted, asked, strict=True)
        if _shared(one[a], one[b])
    ]
    return verdicts(contests, suite.analysis)


def _bare(entry: SuiteAlgorithm) -> SuiteAlgorithm:
    """Return an entry without what the setting makes of it."""
    return replace(entry, label="", setting="", hyperparameter_set="")


def _family(suite: Suite, a: str, b: str) -> str | None:
    """Return the setting whose comparisons a pair belongs to; None where the two stand in different ones."""
    found = suite.setting(a, b)
    return found or next(iter(suite.settings), "") if found is not None else None


def _settings_of(suite: Suite, field: Field) -> dict[str, Field]:
    """Return by setting who stands in it; everybody under an empty name where the suite has one set only."""
    return {
        name: {label: cells for label, cells in field.items() if _in(suite, label, name)}
        for name in suite.settings or ("",)
    }


def _in(suite: Suite, label: str, setting: str) -> bool:
    """Return whether a label stands in a setting; what is none of the suite's stands in all."""
    return suite.setting(label) in {setting, ""}


def _learners(field: Field, baselines: set[str]) -> Field:
    return {label: cells for label, cells in field.items() if label not in baselines}


def _whole(field: Field, baselines: set[str]) -> Field:
    """Return who has every environment that any learner has, under whichever settings."""
    return complete(field, environments_of(_learners(field, baselines) or field))


def _race(field: Field, baselines: set[str]) -> Field:
    """Return who can come first."""
    return enough(complete(_learners(field, baselines)))


def _in_settings(
    found: Iterable[tuple[str, Sequence[Situation]]], everywhere: Collection[str]
) -> tuple[Situation, ...]:
    """Return the situations of every setting, the whole suite under each of them first, and first what is most of it.

    Where a setting has but some of the environments, its situations say so.
    """
    named = [
        replace(
            line,
            key=f"{name}-{line.key}" if name else line.key,
            setting=name,
            partial=line.kind not in {"group", "environment"} and not set(told[0].environments) >= set(everywhere),
        )
        for name, told in found
        for line in told
    ]
    return tuple(sorted(named, key=lambda line: -len(line.environments) if line.kind == "full" else 1))


def _shared(cells: Sequence[Cell], others: Sequence[Cell]) -> list[Cell]:
    there = {c.environment for c in others}
    return [c for c in cells if c.environment in there]


def _references(
    suite: Suite,
    cells: Sequence[Cell],
    references: Mapping[str, Reference | None],
    baselines: set[str],
    where: Solved,
) -> tuple[ReferenceLine, ...]:
    budgets = {c.environment: c.budget for c in cells} | suite.budgets
    lines = []
    for environment in _environments(suite, (c.environment for c in cells)):
        reference = usable(references.get(environment))
        learners = [c for c in cells if c.environment == environment and c.label not in baselines and c.runs]
        lines.append(
            ReferenceLine(
                environment=environment,
                steps=budgets[environment],
                random=None if reference is None else reference.random,
                target=None if reference is None else reference.target,
                source="" if reference is None else reference.source,
                saturated=all_solve(learners, suite.analysis),
                solved_in=tuple(name for name, found in where.items() if environment in found),
            )
        )
    return tuple(lines)


def _cell_estimate(c: Cell, draws: Draws, plan: AnalysisPlan) -> CellEstimate:
    nothing = Interval(None, notes=(Fact("no runs"),))
    counts, confidence = [draws[c.key]] if c.runs else [], plan.confidence
    areas, top = c.values("auc"), c.score_ceiling
    return CellEstimate(
        label=c.label,
        environment=c.environment,
        seeds=tuple(run.entry.trial.seed for run in c.runs),
        returns=tuple(c.returns.tolist()),
        scores=tuple(c.scores.tolist()),
        n=len(c.runs),
        planned=len(c.entries),
        failed=c.failed,
        missing=c.missing,
        mean_return=cut(mean_interval([c.returns], confidence), c.ceiling, c.floor) if c.runs else nothing,
        iqm_return=cut(iqm_interval([c.returns], counts, confidence), c.ceiling, c.floor) if c.runs else nothing,
        iqm_score=cut(iqm_interval([c.scores], counts, confidence), top) if c.scored else _no_score(c),
        auc_score=cut(iqm_interval([areas], counts, confidence), top) if len(areas) else _no_score(c),
        threshold=time_to_threshold(c, plan.threshold, confidence),
        overshoot=overshoot(c),
        steps_per_second=_median(run.record.final.steps / seconds for run, seconds in _training(c) if run.record),
        train_seconds=_median(seconds for _, seconds in _training(c)),
        saturated=solves(c, plan),
    )


def _no_score(c: Cell) -> Interval:
    if not c.runs:
        return Interval(None, notes=(Fact("no runs"),))
    return Interval(None, n=len(c.runs), notes=(Fact("no reference" if c.reference is None else "no curve"),))


def _training(c: Cell) -> list[tuple[Run, float]]:
    """Return the runs with their CPU seconds of training, where there was any and these were measured."""
    trained = [run for run in c.runs if run.record is not None and learns(run.entry.trial.algorithm)]
    timed = [(run, _train_seconds(run.record)) for run in trained if run.record is not None]
    return [(run, seconds) for run, seconds in timed if seconds is not None]


def _train_seconds(record: Record) -> float | None:
    seconds = record.timings.get("train_cpu")
    return float(seconds) if seconds is not None and np.isfinite(seconds) and seconds > 0 else None


def _median(values: Iterable[float]) -> float | None:
    found = list(values)
    return float(np.median(found)) if found else None


def _curves(cells: Sequence[Cell], field: Field, draws: Draws, suite: Suite) -> tuple[CurveEstimate, ...]:
    points, confidence = suite.evaluation.points, suite.analysis.confidence

    def counts(some: Sequence[Cell]) -> Counts:
        return fewer(_counts(some, draws), len(cells))

    return tuple(
        [
            curve
            for some in field.values()
            for curve in aggregate_curves(some, counts(some), points, confidence, suite.analysis.decide)
        ]
        + [curve for c in cells if c.runs for curve in environment_curves(c, counts([c]), points, confidence)]
    )


def _diagnostics(cells: Sequence[Cell], draws: Draws, plan: AnalysisPlan) -> Mapping[str, tuple[CurveEstimate, ...]]:
    """Return what was told of updates, by name, as far as anything was."""
    some = [c for c in cells if c.runs]
    found = {
        name: tuple(
            curve
            for c in some
            if (curve := diagnostic_curve(c, name, fewer(_counts([c], draws), len(cells)), plan.confidence))
        )
        for name in DIAGNOSTICS
    }
    return {name: curves for name, curves in found.items() if curves}


def _profiles(field: Field, plan: AnalysisPlan) -> tuple[Profile, ...]:
    taus = tau_grid([c.scores for cells in field.values() for c in cells])
    return tuple(profile(label, [c.scores for c in cells], taus, plan.confidence) for label, cells in field.items())


def _failures(c: Cell) -> list[FailureLine]:
    return [
        FailureLine(
            label=c.label,
            environment=c.environment,
            seed=entry.trial.seed,
            kind=entry.outcome.kind,
            message=entry.outcome.message,
            attempt=entry.outcome.attempt,
            name=entry.trial.name,
            traceback=entry.outcome.traceback,
        )
        for entry in c.entries
        if isinstance(entry.outcome, Failure)
    ]


def _settings(c: Cell) -> SettingsLine:
    trial = c.entries[0].trial
    return SettingsLine(
        label=c.label,
        algorithm=trial.algorithm,
        implementation=trial.code,
        environment=c.environment,
        configuration=c.entries[0].configuration,
        provenance=trial.provenance,
        hyperparameters=trial.hyperparameters,
        settings=next((run.record.settings for run in c.runs if run.record is not None), {}),
    )


def _trials(c: Cell) -> list[TrialLine]:
    counted = {run.entry.fingerprint: run for run in c.runs}
    return [_trial(entry, counted.get(entry.fingerprint), c.metric) for entry in c.entries]


def _trial(entry: Entry, run: Run | None, metric: str) -> TrialLine:
    record = entry.outcome if isinstance(entry.outcome, Record) else None
    state = "done" if record is not None else "missing" if entry.outcome is None else "failed"
    return TrialLine(
        label=entry.label,
        environment=entry.trial.environment,
        seed=entry.trial.seed,
        state=state,
        final_return=None if record is None else run.final_return if run is not None else final_return(record),
        score=None if run is None else run.metric(metric),
        steps=None if record is None else record.final.steps,
        seconds=None if record is None else _train_seconds(record),
        fingerprint=entry.fingerprint,
        name=entry.trial.name,
    )


def _machines(book: Ledger) -> tuple[Mapping[str, Any], ...]:
    """Return the distinct provenances with how many trials ran under each, the most frequent first."""
    found: dict[str, dict[str, Any]] = {}
    for entry in book.entries:
        record = entry.outcome
        if isinstance(record, Record):
            place = _place(record)
            found.setdefault(digest(place), {**place, "trials": 0})["trials"] += 1
    return tuple(found[key] for key in sorted(found, key=lambda key: (-found[key]["trials"], key)))


def _place(record: Record) -> dict[str, Any]:
    lasting = {key: value for key, value in record.provenance.items() if key not in {"started", "finished"}}
    packing = {key: record.resources[key] for key in PACKING if key in record.resources}
    return {**lasting, **packing}
