"""A question and what is known of environments in, advice out: which algorithm, how sure, and what speaks against it.

The chance of being best and the regret are found on each environment by itself and averaged: what the user's own will
be like is as uncertain as the choice among those. Nothing is recommended from far environments, from runs that end
before half of the budget, from fewer than four runs, where no two algorithms can be told apart, where the first is not
shown to be better than random actions, or where such advice has fared no better than a blind choice; the first
candidate is then a first guess and called so. Where nobody has learned anything there is no first, and no guess.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from bench import hyperparameters
from bench.analysis.aggregate import aggregate_interval, highest
from bench.analysis.compare import contest, verdicts
from bench.analysis.interval import FEWEST_RUNS, cut, interquartile_mean
from bench.analysis.moments import first_evaluations
from bench.analysis.ranking import race_draws, regrets, shares_best
from bench.analysis.resampling import Counts, Drawn, resample_counts
from bench.hyperparameters.provenance import DEFAULTS, PUBLISHED, TUNED, effort, made_for
from bench.plain import counted, joined
from bench.records import Candidate, Interval, Pair, comparison, verdict_on, verdicts_of
from bench.report.sentences import above_some, not_told_apart
from bench.which.evidence import (
    LEVELS,
    Aside,
    Ground,
    Question,
    Race,
    aside,
    nearness,
    race,
    scores,
    seconds_per_step,
)
from bench.which.records import FIRST_CHOICES, Advice, Likeness, Option, Trust, Unfit
from bench.which.transfer import same

_HALF = 0.5
_REACH = 2
"""Beyond so many times the length of the stored runs too little is known of what was asked."""
_ENOUGH_RUNS = 10
_NOT_FAIR = "no fair comparison is stored yet"
_TERMS = {DEFAULTS: "out of the box", PUBLISHED: "with published settings", TUNED: "as tuned here"}
_MOST_PAIRS = 3
"""Told in full: the nearest rivals."""


def advise(
    question: Question,
    known: Sequence[Ground],
    fits: Sequence[Option],
    rng: np.random.Generator,
    everything: Sequence[Ground] = (),
    *,
    further: bool = False,
) -> Advice:
    """Return which algorithm to use, how sure that is and on what it rests.

    Args:
        question: the environment, the budget, and which algorithms the environment admits.
        known: the evidence on every environment that has any.
        fits: every learning algorithm of the catalogue that fits, the cheapest first.
        rng: for the resamples.
        everything: all that is stored, to tell of what the advice does not rest on.
        further: whether this stands beside a first answer, which has weighed whose runs do not count.
    """
    found = race(question, known)
    near = _likenesses(question, known, found)
    itself = {ground.environment for ground in everything if same(ground.environment, question.target.environment)}
    here = aside(everything, itself, question.steps)
    if found is None:
        return _nothing(question, near, fits, here)
    candidates, pairs = _compared(found, rng)
    leader = candidates[0].label
    against = {other.label: verdict_on(leader, other.label, verdicts_of(pairs)) for other in candidates[1:]}
    as_good = tuple(label for label, verdict in against.items() if verdict == "equivalent")
    undecided = tuple(label for label, verdict in against.items() if verdict == "undecided")
    trust = None if found.level == "same" else _trust(question, known, found.level, rng)
    unfair = () if further else _unfair(question, found, leader)
    why_not = next(_refusals(question, found, candidates, pairs, trust, here, unfair), "")
    learned = _learned(found, here) if _nobody(found, candidates) else ()
    keys = {label: key for key, label in found.names.items()}
    return Advice(
        target=question.target,
        level=found.level,
        budget=_budget(question),
        verdict=_verdict(question, found, candidates, as_good, undecided, why_not, learned),
        confidence=tuple(_confidence(found, candidates, pairs, as_good, undecided, trust)),
        choose=None if why_not or undecided else leader,
        as_good=as_good,
        undecided=undecided,
        candidates=candidates,
        options=tuple(_option(keys[one.label], question, found) for one in candidates),
        pairs=pairs,
        likenesses=near,
        n=found.n,
        caveats=tuple(_caveats(question, found, fits, everything)),
        trust=trust,
        nobody=_nobody(found, candidates),
        learned_elsewhere=tuple(one.algorithm for one in learned),
    )


def _nobody(found: Race, candidates: Sequence[Candidate]) -> bool:
    """Return whether no score is above that of the random policy by more than the margin."""
    return max(one.value.estimate or 0.0 for one in candidates) <= found.grounds[0].plan.margin


def _learned(found: Race, here: Sequence[Aside]) -> tuple[Aside, ...]:
    """Return who has, elsewhere in the store."""
    return tuple(one for one in here if one.score > found.grounds[0].plan.margin)


def _nothing(question: Question, near: tuple[Likeness, ...], fits: Sequence[Option], here: Sequence[Aside]) -> Advice:
    target = question.target
    kinds = f"{target.actions} actions and {target.observations} observations"
    cheapest = (
        f" {joined([option.label for option in fits[:3]], 'or')} cost least to try." if fits else " Nothing fits it."
    )
    why = _on_itself(here) or f"no two algorithms have stored results on {kinds}"
    return Advice(
        target=target,
        level="none",
        budget=_budget(question),
        verdict=f"Not enough evidence for {target.environment}: {why}.",
        confidence=(f"{len(fits)} algorithms of the catalogue fit.{cheapest}",),
        choose=None,
        as_good=(),
        undecided=(),
        candidates=(),
        options=tuple(fits),
        pairs=(),
        likenesses=near,
        n=0,
        caveats=(),
    )


def _likenesses(question: Question, known: Sequence[Ground], found: Race | None) -> tuple[Likeness, ...]:
    """Return every ground's likeness, nearest first, those that the advice rests on marked."""
    used = {one.environment for one in found.grounds} if found else set()
    steps = found.steps if found else None
    near = [replace(nearness(question, one, steps), used=one.environment in used) for one in known]
    return tuple(sorted(near, key=lambda one: (one.distance is None, one.distance or 0.0, one.environment)))


def _compared(found: Race, rng: np.random.Generator) -> tuple[tuple[Candidate, ...], tuple[Pair, ...]]:
    """Return the candidates, least regret first, and all pairs, those with what does not learn included."""
    everyone, plan = {**found.names, **found.floors}, found.grounds[0].plan
    counts = _resamples(found, everyone, rng)
    values, best, regret = _placed(found, counts, rng)
    contests = [
        contest((everyone[a], everyone[b]), found.scores[a], found.scores[b], (counts[a], counts[b]), plan)
        for a, b in combinations(everyone, 2)
    ]
    candidates = (Candidate(everyone[key], value, best.get(key), regret.get(key)) for key, value in values.items())
    return tuple(candidates), verdicts(contests, plan)


def _resamples(found: Race, keys: Iterable[str], rng: np.random.Generator) -> dict[str, list[Drawn]]:
    resamples = found.grounds[0].plan.resamples
    return {key: [resample_counts(len(task), resamples, rng) for task in found.scores[key]] for key in keys}


def _placed(
    found: Race, counts: Mapping[str, Counts], rng: np.random.Generator
) -> tuple[dict[str, Interval], dict[str, float], dict[str, float]]:
    """Return each learner's value, least regret first; the chance of being best, and the regret."""
    plan = found.grounds[0].plan
    tops = [next(iter(ground.cells.values())).score_ceiling for ground in found.grounds]
    best, regret = _averaged(found, counts, tops, rng)
    top = highest(tops, plan.decide)
    values = {
        key: cut(aggregate_interval(found.scores[key], counts[key], plan.confidence, plan.decide), top)
        for key in found.names
    }
    order = sorted(found.names, key=lambda key: (regret.get(key, 0.0), -(values[key].estimate or 0.0)))
    return {key: values[key] for key in order}, best, regret


def _averaged(
    found: Race, counts: Mapping[str, Counts], tops: Sequence[float | None], rng: np.random.Generator
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the chance of being best and the regret, on each environment by itself and averaged; or nothing.

    Where an environment has a largest score, no draw is above it.
    """
    decide = found.grounds[0].plan.decide
    best, regret = [], []
    for place, top in enumerate(tops):
        alone = {key: [found.scores[key][place]] for key in found.names}
        drawn = race_draws(alone, {key: [counts[key][place]] for key in alone}, lambda _: rng, decide, top)
        if not drawn:
            return {}, {}
        best.append(shares_best(drawn))
        regret.append(regrets(drawn))
    return _means(best), _means(regret)


def _means(values: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {key: float(np.mean([one[key] for one in values])) for key in values[0]}


def _refusals(
    question: Question,
    found: Race,
    candidates: Sequence[Candidate],
    pairs: Sequence[Pair],
    trust: Trust | None,
    here: Sequence[Aside],
    unfair: Iterable[str],
) -> Iterator[str]:
    """Yield why the evidence names no algorithm, the weightiest reason first; nothing where it does."""
    leader, known = candidates[0].label, verdicts_of(pairs)
    against = {other.label: verdict_on(leader, other.label, known) for other in candidates[1:]}
    if found.level == "far":
        target = question.target.environment
        yield _on_itself(here) or f"nothing close to {target} has been measured"
    budget, asked = min(one.budget for one in found.grounds), max(found.steps.values(), default=0)
    if asked > _REACH * budget:
        yield f"the stored runs end at {budget:,} of {asked:,} steps"
    if found.n < FEWEST_RUNS:
        yield f"{counted(found.n, 'run')} each, at least {FEWEST_RUNS} are needed"
    if _nobody(found, candidates):
        names = joined([one.label for one in candidates])
        places = [one.environment for one in found.grounds]
        yield f"none of {names} learned {'it' if found.level == 'same' else joined(places)}"
    floors = [label for label in found.floors.values() if verdict_on(leader, label, known) != "better"]
    if floors:
        yield f"{leader} comes first, yet is not shown to be better than {joined(floors, 'or')}, which does not learn"
    yield from unfair
    if ahead := [label for label, verdict in against.items() if verdict == "worse"]:
        yield f"{leader} falls least short on average, yet scores worse than {joined(ahead)}"
    if all(verdict == "undecided" for verdict in against.values()):
        first, others = _named(candidates, list(against))
        yield f"{first} comes first; {not_told_apart(others)} from it"
    if trust is not None and trust.regret >= trust.blind_regret:
        yield "advice from one stored environment to another has been no better than a blind choice"


def _unfair(question: Question, found: Race, leader: str) -> Iterator[str]:
    """Yield that an obvious first choice has runs that do not count, where it might do better than the first here."""
    key = next(key for key, label in found.names.items() if label == leader)
    worst = min(interquartile_mean([task]) for task in found.scores[key])
    if worst >= 1 - found.grounds[0].plan.margin:
        # Nobody could be better by more than the margin than what reaches the target everywhere.
        return
    firsts = FIRST_CHOICES.get(question.target.actions, ())
    for one in dict.fromkeys(_not_counted(found)):
        if one.algorithm in firsts and one.algorithm not in _tried(found):
            yield f"{_NOT_FAIR}: the runs of {one.algorithm} on {one.environment} do not count, {one.reason}"


def _verdict(
    question: Question,
    found: Race,
    candidates: Sequence[Candidate],
    as_good: Sequence[str],
    undecided: Sequence[str],
    why_not: str,
    learned: Sequence[Aside],
) -> str:
    leader, where = candidates[0].label, f"{question.target.environment}, {_budget(question)}{_terms(found)}"
    firsts = [name for name in FIRST_CHOICES.get(question.target.actions, ("ppo",)) if _admits(question, name)]
    if why_not.startswith(_NOT_FAIR):
        known = [f"{name} {value:.2f}" for name, value in _values(found).items()]
        return (
            f"Not enough evidence for {where}: {why_not}. What is stored: {', '.join(known)}. Begin with "
            f"{joined(firsts, 'or')}, what the field tries first, and let the suite below decide."
        )
    if why_not and found.level != "far" and _nobody(found, candidates):
        rest = f"Elsewhere in the store did: {_told(learned)}" if learned else "Nothing that is stored says who would"
        return f"Not enough evidence for {where}: {why_not}. {rest}."
    if why_not:
        level = [label for label in undecided if label not in _far_behind(candidates)]
        near = (leader, *([*as_good, *level] if found.n >= FEWEST_RUNS else ()))
        # With settings that somebody has found for this very environment, scores say more than habit.
        guess = leader if _as_published(found) else next((name for name in firsts if name in near), leader)
        if found.level == "far" and firsts:
            guess = f"{joined(firsts, 'or')}, what the field tries first"
        return f"Not enough evidence for {where}: {why_not}. First guess: {guess}."
    first, others = _named(candidates, undecided)
    within = f"within {found.grounds[0].plan.margin:g}"
    if undecided and found.level == "same":
        beaten = [one.label for one in candidates[1:] if one.label not in {*as_good, *undecided}]
        return f"For {where}, {above_some(first, beaten, as_good, others, within=f' {within}')}."
    verb = "choose" if found.level == "same" else "start with"
    # Of those that are as good, who needed fewer steps comes first, then what others know best.
    early = {found.names[key] for key in found.early}
    names = sorted([leader, *as_good], key=lambda name: (name not in early, bool(as_good) and name not in firsts))
    told = joined([first if name == leader else name for name in names], "or")
    tie = f" (equivalent {within})" if as_good else ""
    rest = f"; {not_told_apart(others)} from {leader if as_good else 'it'}" if others else ""
    return f"For {where}: {verb} {told}{tie}{rest}."


def _named(candidates: Sequence[Candidate], undecided: Sequence[str]) -> tuple[str, list[str]]:
    """Return the first's name and those not yet told apart from it; with its score, too, where one is far behind."""
    behind = _far_behind(candidates) & set(undecided)
    shown = {candidates[0].label, *behind} if behind else set()
    told = {one.label: f"{one.label} ({_scored(one)})" if one.label in shown else one.label for one in candidates}
    return told[candidates[0].label], [told[label] for label in undecided]


def _far_behind(candidates: Sequence[Candidate]) -> set[str]:
    """Return who has less than half of the first's score: whoever says that nothing tells them apart must show it."""
    first = candidates[0].value.estimate or 0.0
    return {one.label for one in candidates[1:] if (one.value.estimate or 0.0) < min(first, _HALF * first)}


def _scored(one: Candidate) -> str:
    value = one.value
    limits = "" if value.low is None or value.high is None else f" [{value.low:.2f}, {value.high:.2f}]"
    return f"{value.estimate:.2f}{limits}"


def _terms(found: Race) -> str:
    """Return with what kind of settings all that was said."""
    if found.level == "far":
        return ""
    efforts = {ground.effort for ground in found.grounds}
    if _as_published(found):
        told = [found.grounds[0].cells[key].entries[0].trial for key in found.names]
        return f", {_TERMS[PUBLISHED]} ({_by([(one.provenance, one.steps) for one in told])})"
    return f", {_TERMS[efforts.pop()]}" if len(efforts) == 1 and efforts <= _TERMS.keys() else ""


def _as_published(found: Race) -> bool:
    return all(ground.kind == PUBLISHED for ground in found.grounds)


def _by(told: Sequence[tuple[str, int]]) -> str:
    """Return whose settings these are and for how many steps they were made, from lines of provenance and budgets."""
    sources = sorted({line.partition(";")[0] for line, _ in told if effort(line) == PUBLISHED})
    made = sorted({made_for(*one) or 0 for one in told} - {0})
    span = " to ".join(f"{steps:,}" for steps in dict.fromkeys((made[0], made[-1]))) if made else ""
    by, meant = f"by {joined(sources)}" if sources else "", f"made for {span} steps" if span else ""
    return ", ".join(filter(None, (by, meant)))


def _told(some: Sequence[Aside]) -> str:
    """Return algorithms with their scores by the kind of settings, then those whose runs do not count, and why."""
    kinds: dict[tuple[str, str], list[Aside]] = {}
    for one in some:
        if not one.reason:
            kinds.setdefault((one.ground.kind, one.ground.effort), []).append(one)
    told = [_with_scores(kind, how, those) for (kind, how), those in kinds.items()]
    told += [f"runs of {one.algorithm} that do not count ({one.reason})" for one in some if one.reason]
    return "; ".join(told)


def _with_scores(kind: str, how: str, some: Sequence[Aside]) -> str:
    terms = f"{_TERMS[PUBLISHED]} ({_by([(one.provenance, one.budget) for one in some])})" if kind == PUBLISHED else ""
    terms = terms or _TERMS.get(how, "")
    names = joined([f"{one.algorithm} ({one.score:.2f} after {one.steps:,} steps)" for one in some])
    return f"{names} {terms}".rstrip()


def _on_itself(here: Sequence[Aside]) -> str:
    """Return that what is stored on the very environment compares nobody; empty where nothing is."""
    return f"no two algorithms have runs on it that can be compared; stored are {_told(here)}" if here else ""


def _admits(question: Question, algorithm: str) -> bool:
    return question.algorithms is None or algorithm in question.algorithms


def _values(found: Race) -> dict[str, float]:
    """Return each candidate's score, the mean over the grounds, highest first."""
    values = {
        label: float(np.mean([interquartile_mean([task]) for task in found.scores[key]]))
        for key, label in found.names.items()
    }
    return dict(sorted(values.items(), key=lambda one: -one[1]))


def _confidence(
    found: Race,
    candidates: Sequence[Candidate],
    pairs: Sequence[Pair],
    as_good: Sequence[str],
    undecided: Sequence[str],
    trust: Trust | None,
) -> Iterator[str]:
    first, where = candidates[0], _where(found)
    if _nobody(found, candidates):
        yield f"{where}. Nobody scores above {found.grounds[0].plan.margin:g} (0 is the random policy, 1 the target)."
        return
    if first.probability_best is not None and first.regret is not None:
        yield (
            f"{first.label} falls {first.regret:.2f} short of the best on average (0 is the random policy, 1 the "
            f"target), the least of {len(candidates)}; it is the best with probability {first.probability_best:.2f}. "
            f"{where}."
        )
    else:
        yield f"{first.label} is the first of {len(candidates)}. {where}."
    value = first.value.estimate
    if value is not None and value < _HALF:
        yield f"Even {first.label} covers only {100 * value:.0f} % of the way from the random policy to the target."
    ends = found.early if found.level != "far" else {}
    for end in sorted(set(ends.values())):
        names = joined([found.names[key] for key in ends if ends[key] == end])
        yield f"{names} scored this after {end:,} steps already, where their runs end."
    if as_good:
        yield f"{first.label} is equivalent within the margin to {joined(as_good)}."
    if found.n >= FEWEST_RUNS:
        nearest, more = undecided[:_MOST_PAIRS], undecided[_MOST_PAIRS:]
        met = (comparison(first.label, label, pairs) for label in nearest)
        yield from (_closeness(pair) for pair in met if pair)
        if more:
            yield f"{not_told_apart(more)} from {first.label} either."
    if trust is not None:
        yield (
            f"Such advice, tried on the {trust.environments} stored environments where it matters: within the margin "
            f"of the best on {trust.right}, {trust.regret:.2f} short of it on average; a blind choice is "
            f"{trust.blind_regret:.2f} short."
        )
    elif found.level != "same":
        yield "How far such advice is to be trusted cannot be tried: there are too few stored environments."


def _where(found: Race) -> str:
    runs = f"{counted(found.n, 'run')} each"
    if found.level == "same":
        return f"Rests on {runs} on this environment"
    names = [one.environment for one in found.grounds]
    return f"Rests on {runs} on {joined(names)}, and on its being like {'them' if len(names) > 1 else 'it'}"


def _closeness(pair: Pair) -> str:
    low, high = pair.difference.low, pair.difference.high
    limits = "" if low is None or high is None else f", {low:+.2f} to {high:+.2f}"
    price = (
        f"about {pair.more_runs} more runs per environment would decide"
        if pair.more_runs
        else "no number of runs within reason would decide"
    )
    gap = pair.difference.estimate or 0.0
    return f"{pair.a} scores {gap:+.2f} against {pair.b}{limits}, not yet told apart; {price}."


def _option(key: str, question: Question, found: Race) -> Option:
    """Return a candidate with the settings it has on the nearest environment and what it takes on the target."""
    nearest = found.grounds[0]
    entry, trial = nearest.entries[key], nearest.cells[key].entries[0].trial
    set_name, changes = entry.hyperparameter_set, dict(entry.hyperparameters)
    if set_name not in hyperparameters.sets():
        # It lies beside the suite of the evidence: what it holds can be said in full, and means this environment alone.
        set_name, changes = "default", dict(trial.hyperparameters) if found.level == "same" else {}
    return Option(
        label=entry.label,
        algorithm=entry.algorithm,
        hyperparameter_set=set_name,
        changes=changes,
        settings=dict(trial.hyperparameters),
        settings_of=nearest.environment,
        provenance=trial.provenance,
        seconds_per_step=seconds_per_step(key, found.grounds, question.target),
        steps=found.steps.get(key, max(one.budget for one in found.grounds)),
    )


def _caveats(question: Question, found: Race, fits: Sequence[Option], everything: Sequence[Ground]) -> Iterator[str]:
    yield from _budget_caveats(found)
    yield from _settings_caveats(question, found)
    if found.level == "same" and len(found.names) > 1:
        pairs = counted(len(found.names) * (len(found.names) - 1) // 2, "pair")
        yield (
            f"Corrected over the {pairs} compared here. The report of {found.grounds[0].place} asks about many "
            "situations at once and corrects over all of them: it may leave open what is decided here."
        )
    if FEWEST_RUNS <= found.n < _ENOUGH_RUNS:
        yield f"{found.n} runs each: intervals are wide; {_ENOUGH_RUNS} are advised."
    partly = {one.entries[key].label: one.entries[key].algorithm for one in found.grounds for key in one.cells}
    left = sorted(partly.keys() - {*found.names.values(), *found.floors.values()})
    if left:
        yield f"Left out, with too few runs on some of these environments or unfit for yours: {joined(left)}."
    tried = _tried(found)
    unfit = {one.algorithm: one.reason for one in _not_counted(found) if one.algorithm not in tried}
    for label, reason in unfit.items():
        yield f"Runs of {label} are stored and do not count: {reason}."
    yield from _untried(question, found, fits, everything, {*tried, *unfit, *partly.values()})
    failed = sum(one.cells[key].failed for one in found.grounds for key in found.names)
    if failed:
        yield f"{failed} trials of these algorithms failed; they count as the random policy."


def _untried(
    question: Question, found: Race, fits: Sequence[Option], everything: Sequence[Ground], told: set[str]
) -> Iterator[str]:
    """Yield who fits and has not been told of: those with runs in other suites, and those without any."""
    places = [one.environment for one in found.grounds]
    others = [one for one in everything if not any(one is ground for ground in found.grounds)]
    if found.level == "same" and _as_published(found):
        plain = aside([one for one in others if not one.kind], places, question.steps)
        if counting := [one for one in plain if not one.reason]:
            yield f"Without published settings the best that is stored: {_told(counting)}."
    known = [one for one in aside(others, places, question.steps) if _admits(question, one.algorithm)]
    # On one environment, who is compared and does better in another suite is told, too.
    here = aside(found.grounds, places, question.steps) if found.level == "same" else []
    enough = {one.algorithm: one.score + found.grounds[0].plan.margin for one in here}
    better = {one.algorithm for one in known if one.score > enough.get(one.algorithm, math.inf)}
    if stored := [one for one in known if one.algorithm not in told - better]:
        yield f"Stored, but in other suites, which are not compared with this one: {_told(stored)}."
    names = {*told, *(one.algorithm for one in stored)}
    if untried := [option.label for option in fits if option.algorithm not in names]:
        yield (
            f"Not tried here: {joined(untried)}. They fit the environment's actions and observations, and no runs of "
            f"theirs on {joined(places)} are stored: nothing speaks for or against them."
        )


def _tried(found: Race) -> set[str]:
    return {one.entries[key].algorithm for one in found.grounds for key in found.names}


def _not_counted(found: Race) -> list[Unfit]:
    return [one for ground in found.grounds for one in ground.unfit]


def _budget_caveats(found: Race) -> Iterator[str]:
    """Yield where the budget asked about is not the one that the runs were laid out for."""
    if not found.steps:
        return
    fewest, most = min(found.steps.values()), max(found.steps.values())
    ended = [f"{one.environment} ({one.budget:,})" for one in found.grounds if one.budget < most]
    if ended:
        yield f"Runs end before {most:,} steps on {joined(ended)}: their ends stand in, nothing is known of the rest."
    firsts = {one.environment: _first_evaluation(found, one) for one in found.grounds}
    late = [f"{name} ({first:,.0f})" for name, first in firsts.items() if first > fewest]
    if late:
        yield f"Nothing was evaluated as early as {fewest:,} steps on {joined(late)}: the first evaluation stands in."
    longer = [f"{one.environment} ({one.budget:,})" for one in found.grounds if one.budget > fewest]
    if longer:
        yield (
            f"Read along runs laid out for more steps, on {joined(longer)}: schedules that fall with the budget had "
            "not fallen yet."
        )


def _first_evaluation(found: Race, ground: Ground) -> float:
    return max((at for key in found.names for at in first_evaluations(ground.cells[key], "steps")), default=0.0)


def _settings_caveats(question: Question, found: Race) -> Iterator[str]:
    nearest = found.grounds[0]
    sets = sorted({nearest.entries[key].hyperparameter_set for key in found.names})
    tuned = [name for name in sets if name not in hyperparameters.UNTUNED]
    if found.level == "same" or not tuned:
        return
    entries = [nearest.entries[key] for key in found.names]
    if not all(
        one.hyperparameter_set in hyperparameters.sets()
        and hyperparameters.covers(one.hyperparameter_set, one.algorithm, question.target.environment)
        for one in entries
    ):
        yield (
            f"The evidence was made with settings tuned for each environment ({joined(tuned)}), and yours has none: "
            "untuned, the order may be another."
        )


def _trust(question: Question, known: Sequence[Ground], level: str, rng: np.random.Generator) -> Trust | None:
    """Ask about each environment of the target's kind as if it had no results; None where fewer than two can tell.

    Those count that are asked about from environments no farther than `level`.
    """
    kind = question.target.actions, question.target.observations
    alike = [ground for ground in known if (ground.traits.actions, ground.traits.observations) == kind]
    outcomes = [missed for ground in alike if (missed := _missed(question, ground, alike, level, rng)) is not None]
    if len(outcomes) <= 1:
        return None
    short, blind, margins = zip(*outcomes, strict=True)
    return Trust(
        environments=len(outcomes),
        right=sum(regret <= margin for regret, margin in zip(short, margins, strict=True)),
        regret=float(np.mean(short)),
        blind_regret=float(np.mean(blind)),
    )


def _missed(
    question: Question, ground: Ground, alike: Sequence[Ground], level: str, rng: np.random.Generator
) -> tuple[float, float, float] | None:
    """Return the regret of the advice and of a blind choice on a ground, and its margin; None if nobody differs there.

    Advised is as here: of those that the ground has, whoever falls least short on its like.
    """
    others = [other for other in alike if not same(other.environment, ground.environment)]
    found = race(replace(question, target=ground.traits, seconds=None), others)
    keys = [key for key in found.names if key in ground.cells] if found else []
    if found is None or len(keys) <= 1 or LEVELS.index(found.level) > LEVELS.index(level):
        return None
    truth = {key: interquartile_mean([scores(ground.cells[key], question.steps)]) for key in keys}
    best, blind = max(truth.values()), float(np.mean(list(truth.values())))
    if best - min(truth.values()) <= ground.plan.margin:
        return None
    placed, *_ = _placed(found, _resamples(found, found.names, rng), rng)
    return best - truth[next(key for key in placed if key in keys)], best - blind, ground.plan.margin


def _budget(question: Question) -> str:
    if question.steps is not None:
        return f"within {question.steps:,} steps"
    if question.seconds is not None:
        return f"within {question.seconds / 60:g} min of training"
    return "with the budgets of the stored runs"
