"""A question and what is known of environments in, advice out: which algorithm, how sure, and what speaks against it.

The chance of being best and the regret are found on each environment by itself and averaged: what the user's own will
be like is as uncertain as the choice among those. Nothing is recommended from far environments, from runs that end
before half of the budget, from fewer than four runs, where no two algorithms can be told apart, where the first is not
shown to be better than random actions, or where such advice has fared no better than a blind choice; the first
candidate is then a first guess and called so. Where nobody has learned anything there is no first, and no guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from bench import hyperparameters
from bench.analysis.aggregate import aggregate_interval, highest
from bench.analysis.compare import contest, verdicts
from bench.analysis.interval import cut, interquartile_mean
from bench.analysis.ranking import race_draws, regrets, shares_best
from bench.analysis.resampling import Counts, Drawn, resample_counts
from bench.plain import joined
from bench.records import Candidate, Interval, Pair, verdict_on, verdicts_of
from bench.which import wording
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
from bench.which.records import Advice, Likeness, Option, Trust
from bench.which.transfer import same


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
    unfair = () if further else wording.unfair(question, found, leader)
    why_not = next(wording.refusals(question, found, candidates, pairs, trust, here, unfair), "")
    learned = _learned(found, here) if found.nobody(candidates) else ()
    keys = {label: key for key, label in found.names.items()}
    return Advice(
        target=question.target,
        level=found.level,
        budget=wording.budget(question),
        verdict=wording.verdict(question, found, candidates, as_good, undecided, why_not, learned),
        confidence=tuple(wording.confidence(found, candidates, pairs, as_good, undecided, trust)),
        choose=None if why_not or undecided else leader,
        as_good=as_good,
        undecided=undecided,
        candidates=candidates,
        options=tuple(_option(keys[one.label], question, found) for one in candidates),
        pairs=pairs,
        likenesses=near,
        n=found.n,
        caveats=tuple(wording.caveats(question, found, fits, everything)),
        trust=trust,
        nobody=found.nobody(candidates),
        learned_elsewhere=tuple(one.algorithm for one in learned),
    )


def _learned(found: Race, here: Sequence[Aside]) -> tuple[Aside, ...]:
    """Return who has learned something on it, elsewhere in the store."""
    return tuple(one for one in here if one.score > found.grounds[0].plan.margin)


def _nothing(question: Question, near: tuple[Likeness, ...], fits: Sequence[Option], here: Sequence[Aside]) -> Advice:
    target = question.target
    kinds = f"{target.actions} actions and {target.observations} observations"
    cheapest = (
        f" {joined([option.label for option in fits[:3]], 'or')} cost least to try." if fits else " Nothing fits it."
    )
    why = wording.on_itself(here) or f"no stored results of two algorithms carry over to {kinds}"
    return Advice(
        target=target,
        level="none",
        budget=wording.budget(question),
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
        key: cut(aggregate_interval(found.scores[key], counts[key], plan.confidence, plan.decide), top, plan.floor)
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


def _option(key: str, question: Question, found: Race) -> Option:
    """Return a candidate with the settings it has on the nearest environment and what it takes on the target."""
    nearest = found.grounds[0]
    entry, trial = nearest.entries[key], nearest.cells[key].entries[0].trial
    # What the suite changed for that environment alone is nothing for another one.
    given = entry.given(trial.environment) if found.level == "same" else dict(entry.hyperparameters)
    set_name, changes = entry.hyperparameter_set, given
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


def _trust(question: Question, known: Sequence[Ground], level: str, rng: np.random.Generator) -> Trust | None:
    """Ask about each environment of the target's kind as if it had no results; None where fewer than two can tell.

    Those count that are asked about from environments no farther than `level`.
    """
    kind = question.target.actions, question.target.observations
    alike = [one for one in known if (one.traits.actions, one.traits.observations) == kind and not one.apart]
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
