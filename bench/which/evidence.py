"""A question and stored results in, who is compared on which environments and with which scores out.

Results on the very environment are used alone. Otherwise the nearest environments are: close ones, or far ones where
nothing is close, and never a mixture. Environments that were made to show one thing speak for themselves alone. Each
environment's evidence is that of one suite, so that protocol, budget and machine are the same for all who are compared
on it. Trials with keyword arguments for the environment are left out: they made another environment of it. So are runs
whose settings were made for five times the budget asked about or more (few updates are left of them), and, where
budgets differ within one source, runs that end before half of it, unless they are level with the best by then.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from bench import catalog, published
from bench.analysis.interval import FEWEST_RUNS, interquartile_mean
from bench.analysis.ledger import Entry, ledger
from bench.analysis.moments import first_evaluations, scores_at_steps
from bench.analysis.scores import Cell, cell, learns, like_budgets, usable
from bench.analysis.solved import all_solve, cut_at_the_target
from bench.hyperparameters.provenance import DEFAULTS, PUBLISHED, TUNED, effort, made_for
from bench.pipeline.experiment import REPRODUCED
from bench.records import AnalysisPlan, Candidate, Floats, Outcome, Reference, Suite, SuiteAlgorithm, Traits, Trial
from bench.which.records import NEAREST, Likeness, Unfit, first_choices
from bench.which.transfer import bare, likeness

LEVELS = ("same", "close", "far", "none")
_OWN_SHARE = 0.2
"""An algorithm takes at least this share of its measured time for itself, however slow the environment was."""


TOO_FAR = 5
"""Settings made for so many times the budget are those of another question."""
_RIVALS = 2
"""So many algorithms at least make a comparison of algorithms."""
_REACH = 2
"""Runs that end before this part of the budget say little about its end."""


@dataclass(frozen=True, slots=True)
class Source:
    """The stored results of one suite."""

    place: str
    suite: Suite
    planned: Sequence[Trial]
    outcomes: Sequence[Outcome]
    references: Mapping[str, Reference | None]


@dataclass(frozen=True, slots=True)
class Question:
    """What `bench which` is asked."""

    target: Traits
    steps: int | None = None
    seconds: float | None = None
    """Of training per run, on one core; instead of steps."""
    nearest: int = NEAREST
    """On how many environments the advice may rest where there is nothing on the very one."""
    algorithms: frozenset[str] | None = None
    """Those that the environment admits; None: all."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What one suite knows of one environment."""

    traits: Traits
    place: str
    """Of the results, with the setting's name where the suite asks its question under several."""
    cells: Mapping[str, Cell]
    """By the candidate's key: the same algorithm with the same named set and changes has the same key everywhere."""
    entries: Mapping[str, SuiteAlgorithm]
    plan: AnalysisPlan
    unfit: tuple[Unfit, ...] = ()
    published: bool = False
    """Whether these are our runs of a published table."""

    @property
    def environment(self) -> str:
        """Its id."""
        return self.traits.environment

    @property
    def budget(self) -> int:
        """Environment steps of the longest runs."""
        return max(found.budget for found in self.cells.values())

    @property
    def effort(self) -> str:
        """How the settings of those that learn were chosen, all alike by now; empty where nobody knows."""
        return next(filter(None, (effort(found.entries[0].trial.provenance) for found in self.cells.values())), "")

    @property
    def kind(self) -> str:
        """Of its settings: searched for here, by others for this environment (`published`), or empty: as they are."""
        if self.effort == TUNED:
            return TUNED
        return PUBLISHED if self.published or self.effort == PUBLISHED else ""

    @property
    def variants(self) -> bool:
        """Whether it compares settings rather than algorithms: an algorithm is there more than once."""
        listed = _counted(self)
        return len(listed) > len(_kinds(self, listed))

    @property
    def apart(self) -> str:
        """Why nothing carries over to other environments; empty where something may."""
        if len(_kinds(self, _counted(self))) < _RIVALS:
            return "one algorithm is compared there, with other settings or additions"
        known = catalog.environments().get(bare(self.environment))
        return known.apart if known else ""

    @property
    def runs(self) -> int:
        """Of the algorithm that has fewest, those left aside that have hardly begun."""
        counts = [len(found.runs) for found in self.cells.values()]
        return min((count for count in counts if count >= FEWEST_RUNS), default=min(counts))


@dataclass(frozen=True, slots=True)
class Aside:
    """Stored runs of an algorithm on an environment, whether an answer rests on them or not."""

    algorithm: str
    ground: Ground
    score: float = -math.inf
    """Read at the budget asked about; minus infinity where the runs do not count."""
    steps: int = 0
    """At which that was read."""
    budget: int = 0
    """Of the runs."""
    runs: int = 0
    provenance: str = ""
    reason: str = ""
    """Why they do not count; empty where they do."""


@dataclass(frozen=True, slots=True)
class Race:
    """Who is compared, where, and with which scores."""

    grounds: tuple[Ground, ...]
    """Nearest first."""
    likenesses: tuple[Likeness, ...]
    """Of the grounds."""
    names: Mapping[str, str]
    """Key -> label, the learners that all grounds have, in the nearest one's order."""
    floors: Mapping[str, str]
    """The same for what does not learn."""
    scores: Mapping[str, tuple[Floats, ...]]
    """Key -> (runs,) per ground."""
    steps: Mapping[str, int]
    """Key -> budget in steps of the environment asked about; empty where none is known."""

    @property
    def level(self) -> str:
        """Of the farthest ground."""
        return max((one.level for one in self.likenesses), key=LEVELS.index)

    @property
    def early(self) -> dict[str, int]:
        """Key -> end of the runs, of learners whose runs end well before the budget, where those of others do not."""
        ends = {key: min(ground.cells[key].budget for ground in self.grounds) for key in self.names}
        found = {key: end for key, end in ends.items() if end * _REACH < self.steps.get(key, 0)}
        return found if len(found) < len(ends) else {}

    @property
    def n(self) -> int:
        """Runs per algorithm and environment, the smallest."""
        return min(len(task) for tasks in self.scores.values() for task in tasks)

    def nobody(self, candidates: Sequence[Candidate]) -> bool:
        """Return whether no candidate's score is above that of the random policy by more than the margin."""
        return max(one.value.estimate or 0.0 for one in candidates) <= self.grounds[0].plan.margin


def stored(sources: Sequence[Source], traits: Mapping[str, Traits], steps: int | None) -> list[Ground]:
    """Return all that is known of environments, what compares nobody included."""
    return [ground for source in sources for ground in _of(source, traits, steps)]


def best_of(known: Sequence[Ground], steps: int | None) -> list[Ground]:
    """Return, per environment and kind of settings, the ground that answers best which algorithm to take.

    Each kind stands for itself: what to take as it is, with settings that others published, and after tuning.
    """
    best: dict[tuple[str, str], Ground] = {}
    for ground in known:
        which = ground.environment, ground.kind
        if len(_learners(ground)) > 1 and (which not in best or _merit(ground, steps) > _merit(best[which], steps)):
            best[which] = ground
    return list(best.values())


def first_grounds(known: Sequence[Ground], steps: int | None = None) -> list[Ground]:
    """Return one ground per environment: as it is, where that compares algorithms and reaches near the budget.

    Else one with published settings, and one of settings that were searched for here where there is no other.
    """

    def worth(ground: Ground) -> tuple[bool, ...]:
        return ground.kind != TUNED, _reaches(ground, steps), not ground.variants, ground.kind != PUBLISHED

    best: dict[str, Ground] = {}
    for ground in known:
        if ground.environment not in best or worth(ground) > worth(best[ground.environment]):
            best[ground.environment] = ground
    return list(best.values())


def aside(known: Sequence[Ground], environments: Collection[str], steps: int | None) -> list[Aside]:
    """Return, for every algorithm with runs on one of the environments, the best it has there; what counts first."""
    found: dict[str, Aside] = {}
    for ground in known:
        if ground.environment not in environments:
            continue
        given = [_beside(ground, key, steps) for key in _learners(ground)]
        for one in [*given, *(Aside(bad.algorithm, ground, reason=bad.reason) for bad in ground.unfit)]:
            if one.algorithm not in found or one.score > found[one.algorithm].score:
                found[one.algorithm] = one
    return sorted(found.values(), key=lambda one: (-one.score, one.algorithm))


def _beside(ground: Ground, key: str, steps: int | None) -> Aside:
    cell = ground.cells[key]
    read = interquartile_mean([scores(cell, steps)])
    return Aside(
        algorithm=ground.entries[key].algorithm,
        ground=ground,
        score=read,
        steps=min(steps or cell.budget, cell.budget),
        budget=cell.budget,
        runs=len(cell.runs),
        provenance=cell.entries[0].trial.provenance,
    )


def race(question: Question, known: Sequence[Ground]) -> Race | None:
    """Return the comparison on the nearest grounds; None where none carries over or fewer than two can be compared."""
    chosen = _with_rivals(_chosen(question, known), question)
    if not chosen:
        return None
    keys = _common(chosen, question)
    steps = _budgets(question, chosen, keys)
    fewest = min(FEWEST_RUNS, *(_fewest(key, chosen) for key in keys))
    floors = [key for key in _everywhere(chosen) if key not in _learners(chosen[0]) and _fewest(key, chosen) >= fewest]
    return Race(
        grounds=tuple(chosen),
        # Only now is it known how many steps the seconds come to, and so how far the evidence reaches.
        likenesses=tuple(nearness(question, ground, steps) for ground in chosen),
        names={key: chosen[0].entries[key].label for key in keys},
        floors={key: chosen[0].entries[key].label for key in floors},
        scores={key: tuple(scores(one.cells[key], steps.get(key)) for one in chosen) for key in [*keys, *floors]},
        steps=steps,
    )


def nearness(question: Question, ground: Ground, steps: Mapping[str, int] | None = None) -> Likeness:
    """Return how far a ground carries; `steps` are the candidates' budgets where seconds were asked about."""
    asked = question.steps or (round(median(steps.values())) if steps else 0)
    found = likeness(question.target, ground.traits, asked, ground.budget)
    if found.level != "same" and (why := ground.apart):
        found = replace(found, level="none", distance=None, alike=(), different=(why,))
    return replace(found, suite=ground.place, budget=ground.budget, runs=ground.runs)


def scores(found: Cell, steps: int | None) -> Floats:
    """(runs,) scores after so many steps; of the final policy from the end of the runs on, nothing being known there.

    Before the first evaluation nothing is known either: that one counts.
    """
    if steps is None or steps >= found.budget:
        return found.scores
    read = scores_at_steps(found, max([float(steps), *first_evaluations(found, "steps")]))
    return found.scores if read is None else read


def seconds_per_step(key: str, chosen: Sequence[Ground], target: Traits) -> float | None:
    """Return what a step of training takes on the target: as measured, with the target's own speed put in."""
    found = []
    for ground in chosen:
        measured = _measured(ground.cells[key])
        if measured is not None:
            there = 1 / (ground.traits.steps_per_second or math.inf)
            own = max(measured - there, _OWN_SHARE * measured)
            found.append(own + 1 / target.steps_per_second if target.steps_per_second else measured)
    return median(found) if found else None


def _of(source: Source, traits: Mapping[str, Traits], steps: int | None) -> Iterator[Ground]:
    """Yield a ground for every environment and setting of which the suite has scores, whether they count or not."""
    plan = replace(source.suite.analysis, metric="final")
    keys = {entry.label: _key(entry) for entry in source.suite.algorithms}
    entries = {_key(entry): entry for entry in source.suite.algorithms}
    trials: dict[str, dict[str, list[Entry]]] = {}
    for entry in ledger(source.planned, source.outcomes).entries:
        if entry.planned and entry.label in keys and not entry.trial.changed:
            trials.setdefault(entry.trial.environment, {}).setdefault(keys[entry.label], []).append(entry)
    for environment, found in trials.items():
        if environment not in traits:
            continue
        reference = usable(source.references.get(environment))
        made = {key: cell(listed, reference, plan) for key, listed in found.items()}
        scored = {key: one for key, one in made.items() if one.scored}
        # Each setting of a suite is a comparison of its own; what does not learn has none and belongs to all.
        learning = {key for key in scored if learns(entries[key].algorithm)}
        for setting in dict.fromkeys(entries[key].setting for key in scored if key in learning):
            there = {key: one for key, one in scored.items() if key not in learning or entries[key].setting == setting}
            why = _unfit(there, steps, plan.margin) | _theirs(source.suite.name, there)
            why |= _otherwise({key: one for key, one in there.items() if key not in why})
            unfit = tuple(Unfit(entries[key].algorithm, environment, reason) for key, reason in why.items())
            cells = {key: one for key, one in there.items() if key not in why}
            if all_solve([one for key, one in cells.items() if key in learning], plan):
                cells = {key: cut_at_the_target(one, plan) for key, one in cells.items()}
            place = f"{source.place}, {setting}" if setting else source.place
            known = source.suite.name.startswith(REPRODUCED)
            yield Ground(traits[environment], place, cells, entries, plan, unfit, known)


def _unfit(cells: Mapping[str, Cell], steps: int | None, margin: float) -> dict[str, str]:
    """Return, by key, why runs do not count for a budget; without one, for the budget that most were laid out for."""
    budgets = [one.budget for one in cells.values()]
    common = max(budgets, key=lambda budget: (budgets.count(budget), -budget), default=0)
    found: dict[str, str] = {}
    ended: dict[str, str] = {}
    for key, one in cells.items():
        asked = steps or one.budget
        meant = made_for(one.entries[0].trial.provenance, one.budget)
        if meant is not None and meant >= TOO_FAR * min(asked, one.budget):
            found[key] = f"its settings were made for {meant:,} steps"
        elif steps is None and not like_budgets(one.budget, common):
            found[key] = f"its runs have another budget, {one.budget:,} steps"
        elif asked > one.budget * _REACH:
            ended[key] = f"its runs end at {one.budget:,} steps"
    values = {key: interquartile_mean([scores(one, steps)]) for key, one in cells.items() if key not in found}
    best = max((value for key, value in values.items() if key not in ended), default=-math.inf)
    # Whoever is level with the best after fewer steps is not left out for having needed no more.
    return found | {key: reason for key, reason in ended.items() if values[key] < best - margin}


def _theirs(suite: str, cells: Mapping[str, Cell]) -> dict[str, str]:
    """Return, by key, whose published settings are known to belong to another implementation."""
    name = suite.removeprefix(REPRODUCED)
    if name == suite or name not in published.names():
        return {}
    known = {(one.algorithm, one.place): one.settings_of_theirs for one in published.table(name).cells}
    trials = {key: one.entries[0].trial for key, one in cells.items()}
    return {key: told for key, one in trials.items() if (told := known.get((one.algorithm, one.environment), ""))}


def _otherwise(cells: Mapping[str, Cell]) -> dict[str, str]:
    """Return, by key, whose settings were chosen otherwise than those of most: a comparison wants equal effort."""
    efforts = {key: kind for key, one in cells.items() if (kind := effort(one.entries[0].trial.provenance))}
    if not efforts:
        return {}
    kinds = list(efforts.values())
    most = max(dict.fromkeys(kinds), key=lambda kind: (kinds.count(kind), kind == DEFAULTS))
    return {
        key: f"its settings were {kind}, those of the others {most}" for key, kind in efforts.items() if kind != most
    }


def _key(entry: SuiteAlgorithm) -> str:
    own = [dict(entry.per_environment)] if entry.per_environment else []
    return json.dumps([entry.algorithm, entry.hyperparameter_set, dict(entry.hyperparameters), *own], default=str)


def _merit(ground: Ground, steps: int | None) -> tuple[bool, bool, bool, int, bool, int, int, bool, int]:
    reaches = steps is None or ground.budget >= steps
    kinds = _kinds(ground, _counted(ground))
    # Of published tables it counts more of how many algorithms there are settings for such a budget.
    firsts = () if ground.kind == PUBLISHED else first_choices(ground.traits)
    # Of runs that reach the budget the shortest were laid out for it; of others, and without a budget, the longest.
    return (
        # A suite about variants of one algorithm answers another question than which algorithm to take.
        len(kinds) >= _RIVALS,
        # Of all that reach near enough it counts more who is compared.
        _reaches(ground, steps),
        not ground.variants,
        len(kinds & set(firsts)),
        # What nobody has put effort into is the fairer comparison, even of one algorithm fewer.
        ground.effort == DEFAULTS,
        len(kinds),
        ground.runs,
        reaches,
        -ground.budget if reaches and steps is not None else ground.budget,
    )


def _reaches(ground: Ground, steps: int | None) -> bool:
    return steps is None or ground.budget * _REACH >= steps


def _counted(ground: Ground) -> list[str]:
    """Return the learners that have enough runs; all where none has."""
    learners = sorted(_learners(ground))
    return [key for key in learners if len(ground.cells[key].runs) >= FEWEST_RUNS] or learners


def _kinds(ground: Ground, keys: Sequence[str]) -> set[str]:
    return {_kind(ground.entries[key].algorithm) for key in keys}


def _kind(algorithm: str) -> str:
    """Return the algorithm, or the one of which it is a variant."""
    known = catalog.algorithms().get(algorithm)
    return known.variant_of or algorithm if known else algorithm


def _learners(ground: Ground) -> set[str]:
    return {key for key in ground.cells if learns(ground.entries[key].algorithm)}


def _chosen(question: Question, known: Sequence[Ground]) -> list[Ground]:
    """Return the grounds to rest on, nearest first."""
    near = [(ground, nearness(question, ground)) for ground in known]
    for level, most in (("same", 1), ("close", question.nearest), ("far", question.nearest)):
        found = [(like.distance or 0.0, place) for place, (_, like) in enumerate(near) if like.level == level]
        if found:
            return [near[place][0] for _, place in sorted(found)[:most]]
    return []


def _with_rivals(chosen: Sequence[Ground], question: Question) -> list[Ground]:
    """Drop the farthest until two algorithms at least have runs everywhere."""
    kept = list(chosen)
    while kept and len(_common(kept, question)) <= 1:
        kept.pop()
    return kept


def _common(chosen: Sequence[Ground], question: Question) -> list[str]:
    """Return the learners that the question admits and all grounds have, without those that have hardly begun."""
    first = chosen[0]
    admitted = [
        key for key in first.cells if question.algorithms is None or first.entries[key].algorithm in question.algorithms
    ]
    found = [key for key in admitted if key in _learners(first) and key in _everywhere(chosen)]
    # One algorithm with too few runs for any interval must not silence the others.
    enough = [key for key in found if _fewest(key, chosen) >= FEWEST_RUNS]
    return enough if len(enough) > 1 else found


def _fewest(key: str, chosen: Sequence[Ground]) -> int:
    return min(len(ground.cells[key].runs) for ground in chosen)


def _everywhere(chosen: Sequence[Ground]) -> list[str]:
    return [key for key in chosen[0].cells if all(key in ground.cells for ground in chosen)]


def _budgets(question: Question, chosen: Sequence[Ground], keys: Collection[str]) -> dict[str, int]:
    """Return each candidate's budget in steps; empty where none was asked for or no speed is known."""
    if question.steps is not None:
        return dict.fromkeys(keys, question.steps)
    if question.seconds is None:
        return {}
    speeds = {key: seconds_per_step(key, chosen, question.target) for key in keys}
    return {key: two_digits(question.seconds / speed) for key, speed in speeds.items() if speed}


def two_digits(steps: float) -> int:
    """Return steps with the two digits that mean something; at least one step."""
    return max(1, int(float(f"{steps:.2g}")))


def _measured(found: Cell) -> float | None:
    """Return the median CPU seconds per environment step of training."""
    records = [run.record for run in found.runs if run.record is not None and run.record.final.steps > 0]
    paces = [record.timings.get("train_cpu", 0.0) / record.final.steps for record in records]
    timed = [pace for pace in paces if pace > 0]
    return median(timed) if timed else None
