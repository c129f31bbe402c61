"""What was found about a question in; the verdict, how sure it is, why there is none and what speaks against it out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from bench import catalog, hyperparameters
from bench.analysis.interval import FEWEST_RUNS, interquartile_mean
from bench.analysis.moments import first_evaluations
from bench.hyperparameters.provenance import DEFAULTS, PUBLISHED, TUNED, effort, made_for
from bench.plain import counted, joined
from bench.records import Candidate, Pair, comparison, verdict_on, verdicts_of
from bench.report.sentences import above_some, not_told_apart
from bench.which.evidence import Aside, Ground, Question, Race, aside
from bench.which.records import Option, Trust, Unfit, first_choices

_HALF = 0.5
_REACH = 2
"""Beyond so many times the length of the stored runs too little is known of what was asked."""
_ENOUGH_RUNS = 10
_NOT_FAIR = "no fair comparison is stored yet"
_TERMS = {DEFAULTS: "out of the box", PUBLISHED: "with published settings", TUNED: "as tuned here"}
_MOST_PAIRS = 3
"""Told in full: the nearest rivals."""


def refusals(
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
        yield on_itself(here) or f"nothing close to {target} has been measured"
    budget, asked = min(one.budget for one in found.grounds), max(found.steps.values(), default=0)
    if asked > _REACH * budget:
        yield f"the stored runs end at {budget:,} of {asked:,} steps"
    if found.n < FEWEST_RUNS:
        yield f"{counted(found.n, 'run')} each, at least {FEWEST_RUNS} are needed"
    if found.nobody(candidates):
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


def unfair(question: Question, found: Race, leader: str) -> Iterator[str]:
    """Yield that an obvious first choice has runs that do not count, where it might do better than the first here."""
    key = next(key for key, label in found.names.items() if label == leader)
    worst = min(interquartile_mean([task]) for task in found.scores[key])
    if worst >= 1 - found.grounds[0].plan.margin:
        # Nobody could be better by more than the margin than what reaches the target everywhere.
        return
    firsts = first_choices(question.target)
    for one in dict.fromkeys(_not_counted(found)):
        if one.algorithm in firsts and one.algorithm not in _tried(found):
            yield f"{_NOT_FAIR}: the runs of {one.algorithm} on {one.environment} do not count, {one.reason}"


def verdict(
    question: Question,
    found: Race,
    candidates: Sequence[Candidate],
    as_good: Sequence[str],
    undecided: Sequence[str],
    why_not: str,
    learned: Sequence[Aside],
) -> str:
    """Return which algorithm to use; where `why_not` says why none is named, that and a first guess."""
    leader, where = candidates[0].label, f"{question.target.environment}, {budget(question)}{_terms(found)}"
    firsts = [name for name in first_choices(question.target) if _admits(question, name)]
    if why_not.startswith(_NOT_FAIR):
        known = [f"{name} {value:.2f}" for name, value in _values(found).items()]
        return (
            f"Not enough evidence for {where}: {why_not}. What is stored: {', '.join(known)}. Begin with "
            f"{joined(firsts, 'or')}, what the field tries first, and let the suite below decide."
        )
    if why_not and found.level != "far" and found.nobody(candidates):
        # What is stored on the very environment is elsewhere only if that is what the answer rests on.
        beside = (
            "Elsewhere in the store did" if found.level == "same" else f"On {question.target.environment} itself did"
        )
        rest = f"{beside}: {_told(learned)}" if learned else "Nothing that is stored says who would"
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
    names = joined([f"{one.algorithm} ({one.score:.2f} after {one.steps:,} steps{_few(one)})" for one in some])
    return f"{names} {terms}".rstrip()


def _few(one: Aside) -> str:
    """Return how many runs that rests on where they are too few for any interval."""
    return f", {counted(one.runs, 'run')}" if 0 < one.runs < FEWEST_RUNS else ""


def on_itself(here: Sequence[Aside]) -> str:
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


def confidence(
    found: Race,
    candidates: Sequence[Candidate],
    pairs: Sequence[Pair],
    as_good: Sequence[str],
    undecided: Sequence[str],
    trust: Trust | None,
) -> Iterator[str]:
    """Yield how sure that is, and on what it rests."""
    first, where = candidates[0], _where(found)
    if found.nobody(candidates):
        yield f"{where}. Nobody scores above {found.grounds[0].plan.margin:g} (0 is {_zero(found)}, 1 the target)."
        return
    if first.probability_best is not None and first.regret is not None:
        yield (
            f"{first.label} falls {first.regret:.2f} short of the best on average (0 is {_zero(found)}, 1 the "
            f"target), the least of {len(candidates)}; it is the best with probability {first.probability_best:.2f}. "
            f"{where}."
        )
    else:
        yield f"{first.label} is the first of {len(candidates)}. {where}."
    value = first.value.estimate
    if value is not None and value < _HALF:
        yield f"Even {first.label} covers only {100 * value:.0f} % of the way from {_zero(found)} to the target."
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


def _zero(found: Race) -> str:
    """Return what scores 0 on all of the grounds."""
    begins = [
        catalog.begins_at_chance(ground.environment, cell.reference)
        for ground in found.grounds
        for cell in ground.cells.values()
        if cell.reference is not None
    ]
    return "the random policy" if all(begins) else "the lower reference"


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


def caveats(question: Question, found: Race, fits: Sequence[Option], everything: Sequence[Ground]) -> Iterator[str]:
    """Yield what speaks against it, and who was not compared."""
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


def budget(question: Question) -> str:
    """Return within which steps or minutes the question asks."""
    if question.steps is not None:
        return f"within {question.steps:,} steps"
    if question.seconds is not None:
        return f"within {question.seconds / 60:g} min of training"
    return "with the budgets of the stored runs"
