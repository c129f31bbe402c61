"""Estimates in, the answer in sentences out: which algorithm, how sure, and what to avoid."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from bench.plain import counted, joined
from bench.records import (
    Aggregate,
    AnalysisPlan,
    ClaimVerdict,
    Estimates,
    Interval,
    Pair,
    Reliability,
    Situation,
    comparison,
    verdict_on,
    verdicts_of,
)
from bench.report import claims as wording
from bench.report import order, sentences, words
from bench.report.notes import note


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reader learns first."""

    claim: str
    proof: str = ""
    """The numbers in brackets that carry the claim, and end its sentence."""
    more: tuple[str, ...] = ()
    """Further sentences, most important first."""

    @property
    def lines(self) -> tuple[str, ...]:
        """All of its sentences."""
        return f"{self.claim} {self.proof}".rstrip(), *self.more


def recommendation(estimates: Estimates) -> Answer:
    """Return the answer; algorithms that do not learn are never recommended, only measured against."""
    plan = order.analysis(estimates)
    if plan.conjunction and estimates.claims:
        return _concluded(estimates.claims, plan, asked=bool(estimates.question))
    if order.by_claims(estimates):
        return _claimed(estimates.claims)
    if not estimates.situations and (answer := _against_itself(estimates, plan)):
        return answer
    if estimates.ranked is not None:
        return _by_rank(estimates.ranked, estimates.pairs, estimates.baselines, _decided(estimates, plan))
    return _by_score(estimates, plan)


def _by_score(estimates: Estimates, plan: AnalysisPlan) -> Answer:
    pairs, baselines = estimates.pairs, estimates.baselines
    learners = [
        line
        for line in estimates.aggregates
        if line.label not in baselines and words.finite(line.value(plan.decide).estimate)
    ]
    there = {line.label: line for line in learners if line.complete}
    ranked = sorted(there.values(), key=partial(_value, plan=plan), reverse=True)
    if estimates.situations:
        ranked = [there[one.label] for one in estimates.situations[0].candidates if one.label in there]
    if not learners:
        return Answer("Not enough evidence: no learning algorithm has a scored run yet.")
    if not ranked or (len(ranked) > 1 and not estimates.situations):
        why = _no_order(learners, equals=bool(ranked))
        return Answer(f"Not enough evidence for an overall order: {why}.", more=tuple(_decided(estimates, plan)))
    best, rest = ranked[0], ranked[1:]
    score, proof = _score(best, plan)
    if not rest:
        claim = f"Only {best.label} has scores on every environment that any learner has scores on: {score}"
        worths = sentences.worths(estimates.worth, _most(estimates))
        return Answer(claim, f"{proof}.", (*worths, *_decided(estimates, plan)))
    raced = _raced(estimates.situations)
    if level := _all_solve(estimates):
        # Where the score tells nobody apart, the one shown is that of whoever gets there first.
        soonest = {one.candidates[0].label for one in raced if one.leads}
        best = next((line for line in ranked if line.label in soonest), best)
        score, proof = _score(best, plan)
    claim, why = level or _headline(estimates.situations[0], pairs, plan)
    return Answer(
        claim if why else f"{claim}.",
        why and f"{why}.",
        (
            *map(sentences.situation, raced),
            *(sentences.situation(one) for one in estimates.situations[1:] if one.kind == "full"),
            *sentences.worths(estimates.worth, _most(estimates)),
            f"{best.label}: {score} {proof}.",
            *_beaten(estimates, plan),
            *_otherwise(estimates),
            *_floor([line.label for line in ranked], pairs, baselines),
        ),
    )


def _all_solve(estimates: Estimates) -> tuple[str, str] | None:
    """Return what the score tells where all solve everything and score the same; None elsewhere."""
    full = estimates.situations[0]
    labels = {one.label for one in full.candidates}
    gaps = [pair.difference.estimate for pair in estimates.pairs if {pair.a, pair.b} <= labels]
    level = all(gap is not None and abs(gap) < sentences.SHOWN for gap in gaps)
    if full.leads or not level or not order.solved(estimates) >= set(full.environments):
        return None
    score = "final score" if order.analysis(estimates).metric == "final" else "score over training"
    where = f"{joined(full.environments)} {sentences.circumstance(replace(full, partial=False))}"
    return f"Every run of every learning algorithm solves {where}: the {score} tells nobody apart", ""


def names_nobody(estimates: Estimates) -> bool:
    """Return whether the answer is that all solve everything, so that no score tells anybody apart."""
    return bool(estimates.situations) and _all_solve(estimates) is not None


def _raced(situations: Sequence[Situation]) -> list[Situation]:
    """Return who gets there first where all solve every environment, so that nothing else is left to choose by."""
    raced = [one for one in situations if one.measure == "steps"]
    everywhere = {name for one in raced for name in one.environments} >= set(situations[0].environments)
    return raced if everywhere else []


def _no_order(learners: Sequence[Aggregate], *, equals: bool) -> str:
    """Return why there is no overall order; `equals`: all have runs everywhere, and each is compared with its like."""
    if equals:
        return "settings made for larger budgets are compared with the same settings alone"
    unfit = all(line.not_judged is not None for line in learners)
    return "their settings were made for larger budgets" if unfit else "no algorithm has runs on every environment"


def _against_itself(estimates: Estimates, plan: AnalysisPlan) -> Answer | None:
    """Return what settings are worth, where nothing else is asked: no two of those in question stand in one setting."""
    ranked = estimates.ranked
    if ranked is None:
        ranked = tuple(
            line.label for line in estimates.aggregates if line.complete and line.label not in estimates.baselines
        )
    rivals = any({pair.a, pair.b} <= {*ranked} for pair in estimates.pairs)
    if len(ranked) <= 1 or rivals or not estimates.worth:
        return None
    claim, *more = (sentences.worth(pair, _most(estimates)) for pair in estimates.worth)
    floor = _floor(ranked, estimates.pairs, estimates.baselines)
    return Answer(claim, more=(*more, *_decided(estimates, plan), *floor))


def _most(estimates: Estimates) -> int:
    """Return how many environments the report compares on."""
    wide = [line.environments for line in estimates.aggregates]
    return max([*wide, *(pair.environments for pair in (*estimates.pairs, *estimates.worth))], default=0)


def _concluded(claims: Sequence[ClaimVerdict], plan: AnalysisPlan, *, asked: bool) -> Answer:
    """Return the answer of a suite that concludes something only if all its claims hold: yes or no, if it asks.

    Yes needs no correction, for every claim must hold. For no, one of them is enough, and chance has as many tries as
    there are claims: it has to be contradicted at the confidence of all together.
    """
    by: dict[str, list[str]] = {}
    for line in claims:
        by.setdefault(line.verdict, []).append(line.claim.text)
    yes, no = ("Yes", "No") if asked else ("Concluded", "Not concluded")
    holding, all_of_them = len(by.get("supported", [])), counted(len(claims), "claim")
    held = f"{holding} of {all_of_them} {'holds' if holding == 1 else 'hold'}"
    # After which data they were written is the first of the cautions beside them.
    told = tuple(f"{line.claim.text}: {line.verdict}. {wording.reason(line, plan, seen=False)}" for line in claims)
    if refuted := [line.claim.text for line in claims if line.refuted]:
        return Answer(f"{no}: {held}, and contradicted is {joined(refuted)}.", more=told)
    if "contradicted" in by:
        rest = f"contradicted is {joined(by['contradicted'])}, by itself and not corrected for {all_of_them}"
        return Answer(f"Not enough evidence to conclude: {held}, and {rest}.", more=told)
    if holding < len(claims):
        rest = f"{held}, the others are undecided" if len(claims) > 1 else "the claim is undecided"
        return Answer(f"Not enough evidence to conclude: {rest}.", more=told)
    every = {1: "the claim holds", 2: "both claims hold"}.get(holding, f"all {all_of_them} hold")
    return Answer(f"{yes}: {every}.", more=told)


def _claimed(claims: Sequence[ClaimVerdict]) -> Answer:
    """Return the answer of a suite whose question is about what it claims: how many hold, and which."""
    by = {
        verdict: [line.claim.text.rstrip(".") for line in claims if line.verdict == verdict]
        for verdict in ("supported", "contradicted", "undecided")
    }
    first, *others = (f"{words.capital(verdict)}: {'; '.join(texts)}." for verdict, texts in by.items() if texts)
    if len(claims) == 1:
        return Answer(first)
    counts = joined([f"{len(texts)} {verdict}" for verdict, texts in by.items() if texts])
    return Answer(f"Of {counted(len(claims), 'claim')}, {counts}.", more=(first, *others))


def _by_rank(
    learners: Sequence[str], pairs: Sequence[Pair], baselines: Collection[str], decided: Iterator[str]
) -> Answer:
    """Return the answer where no environment has reference returns: who ranks above whom, and not by how much.

    Args:
        learners: those with runs on every environment; baselines left out.
        pairs: with verdicts.
        baselines: labels that do not learn: never chosen, only measured against.
        decided: the pairs that are, in words.
    """
    known = verdicts_of(pairs)
    beaten = {one: [other for other in learners if verdict_on(one, other, known) == "better"] for one in learners}
    first = [one for one in learners if all(one not in found for found in beaten.values())]
    unit = "By how much cannot be told: no environment has reference returns to score by."
    if len(learners) < 2 or not pairs:  # noqa: PLR2004 - a choice
        short = "no two algorithms have runs on every environment" if pairs else "there is nothing to compare"
        return Answer(f"Not enough evidence for an overall order: {short}.", more=(unit, *decided))
    place = "over all environments" if max(pair.environments for pair in pairs) > 1 else "on this environment"
    if first and len(beaten[first[0]]) == len(learners) - 1:
        claim = f"Ranked by return {place}, choose {first[0]}: it is better than {joined(beaten[first[0]])}"
        corrected, more = _corrected(first[0], pairs), (unit, *_floor(learners, pairs, baselines))
        return Answer(claim, f"{corrected.lstrip()}.", more) if corrected else Answer(f"{claim}.", more=more)
    told = f"nothing is shown to be better than {joined(first, 'or')}" if first else "each is worse than another"
    return Answer(
        f"Not enough evidence to name a best algorithm: ranked by return {place}, {told}.",
        more=(
            unit,
            *(f"{one} is better than {joined(beaten[one])}{_corrected(one, pairs)}." for one in first if beaten[one]),
            *_floor(learners, pairs, baselines),
        ),
    )


def _headline(full: Situation, pairs: Sequence[Pair], plan: AnalysisPlan) -> tuple[str, str]:
    """Return the claim, and the numbers in brackets that carry it; empty where there are none."""
    leader, undecided = full.candidates[0].label, _open(full, pairs, plan)
    where = sentences.circumstance(full)
    if full.unlearned:
        return f"No algorithm to choose: {where} nobody has learned more than a little; {leader} scores highest", ""
    margin = f"within the margin of {plan.margin:g}"
    if full.choose is None and full.leads:
        told = sentences.above_some(leader, full.beaten, full.as_good, full.undecided, within=f" {margin}")
        return f"{words.capital(where)}, {told}", undecided
    if full.choose is None:
        apart = sentences.not_told_apart(full.undecided)
        told = f"{leader} has the highest score {where}, and {apart} from it"
        if sentences.leading(full) == sentences.LEVEL:
            told = f"all score the same {where}"
        return f"Not enough evidence to name a best algorithm: {told}", undecided
    said = [f"they are equivalent {margin}"] if full.as_good else []
    said += [f"{leader if full.as_good else 'it'} is better than {joined(full.beaten)}"] if full.beaten else []
    carried = _corrected(leader, pairs).lstrip() if full.beaten else ""
    names = joined([leader, *full.as_good], "or")
    return f"{words.capital(where)} choose {names}: {'; '.join(said)}", carried


def _open(full: Situation, pairs: Sequence[Pair], plan: AnalysisPlan) -> str:
    """Return the closest rival's effect and the price of telling, in brackets; nothing for equivalence."""
    leader = full.candidates[0].label
    pair = comparison(leader, full.undecided[0], pairs) if full.undecided else None
    if pair is None or pair.difference.estimate is None:
        return ""
    gap, limits = pair.difference.estimate, sentences.difference(pair.difference)
    told = f"{leader} is {gap:.2f} above {pair.b}" if gap > 0 else f"{leader} and {pair.b} are level"
    if limits:
        told += f", {sentences.limited(plan)} of the difference {limits}"
    if pair.alone(1 - plan.confidence):
        told += f", {sentences.alone(pair)}"
    return f"({told}{sentences.price(pair)})"


def _beaten(estimates: Estimates, plan: AnalysisPlan) -> Iterator[str]:
    """Yield whom to avoid, and why: the measured failures where there are many, else by how much it is worse.

    Under which settings stands first, where there are several.
    """
    full, pairs = estimates.situations[0], estimates.pairs
    failing: dict[str, Reliability] = {line.label: line for line in estimates.reliability}
    leader, behind = full.candidates[0].label, list[str]()
    corrected = _corrected(leader, pairs)
    under = f"{words.capital(sentences.setting(full.setting))}, " if full.setting else ""
    avoided: list[tuple[str, Reliability]] = []
    for candidate in reversed(full.candidates[1:]):
        if verdict_on(leader, candidate.label, verdicts_of(pairs)) != "better":
            continue
        line = failing.get(candidate.label)
        if line is not None and 2 * line.failing >= line.runs:
            avoided.append((candidate.label, line))
        elif full.as_good or full.undecided:
            pair = comparison(leader, candidate.label, pairs)
            gap = None if pair is None or pair.look is not None else sentences.by_how_much(pair, plan)
            if gap:
                behind.append(f"{candidate.label} by {gap}")
            else:
                told = sentences.pair(pair, plan, estimates.sequence) if pair else "They share no scored environment."
                yield f"{under}{leader} is better than {candidate.label}: {told}"
    if avoided:
        avoid = f"{under}avoid" if under else "Avoid"
        yield f"{avoid} {_avoided(avoided, failing.get(leader))}; {leader} is better{corrected}."
    if behind:
        yield f"{under}{leader} is better than {joined(behind)}{corrected}."


def _avoided(found: Sequence[tuple[str, Reliability]], first: Reliability | None) -> str:
    """Return who is to be avoided, and for how many failures."""
    # Where nobody gets there, the leader's runs fail, too.
    beside = f" ({first.label}: {first.failing})" if first is not None and first.failing else ""
    names, lines = joined([label for label, _ in found]), [line for _, line in found]
    if len({line.runs for line in lines}) > 1:
        each = [f"{label} ({sentences.failed_its_user(one.failing, one.runs)})" for label, one in found]
        return f"{joined(each)}{beside}"
    return f"{names}: {sentences.failed_its_user(joined([str(line.failing) for line in lines]), lines[0].runs)}{beside}"


def _otherwise(estimates: Estimates) -> Iterator[str]:
    """Yield why another view of the leader and a rival says something else, and who is not judged."""
    full = estimates.situations[0]
    leader = full.candidates[0].label
    solved = order.solved(estimates)
    for place, candidate in enumerate(full.candidates[1:]):
        pair = comparison(leader, candidate.label, estimates.pairs)
        # The closest rival is where the weights matter most. One such line; those of all others stand with every pair.
        said = sentences.besides(pair, solved, weights=place == 0, limits=False) if pair else ""
        if said:
            yield f"By other measures of {leader} and {candidate.label}: {said}"
            break
    yield from (f"{one}." for one in sentences.not_judged(full))


def _corrected(leader: str, pairs: Sequence[Pair]) -> str:
    """Return over how many pairs those of the leader were corrected, in brackets; empty where it has one."""
    family = max((pair.family for pair in pairs if leader in {pair.a, pair.b}), default=1)
    return f" (corrected over {family} pairs)" if family > 1 else ""


def _floor(learners: Sequence[str], pairs: Sequence[Pair], baselines: Collection[str]) -> Iterator[str]:
    for baseline in sorted(baselines):
        met = [label for label in learners if comparison(label, baseline, pairs) is not None]
        below = [label for label in met if verdict_on(label, baseline, verdicts_of(pairs)) != "better"]
        if below:
            yield f"Not shown to be better than {baseline}, which does not learn: {joined(below)}."


def _decided(estimates: Estimates, plan: AnalysisPlan) -> Iterator[str]:
    for pair in estimates.pairs:
        if pair.verdict != "undecided":
            yield sentences.pair(pair, plan, estimates.sequence)


def _score(line: Aggregate, plan: AnalysisPlan) -> tuple[str, str]:
    """Return the score, and in brackets its interval and runs."""
    what = "final score" if plan.metric == "final" else "score over training"
    runs = f"{counted(line.n, 'run')}" + (f" on each of {line.environments} environments" * (line.environments > 1))
    named = sentences.aggregate(plan.decide, line.environments)
    return f"{named} {what} {_value(line, plan):.2f}", f"({_limits(line.value(plan.decide), plan)}; {runs})"


def _limits(interval: Interval, plan: AnalysisPlan) -> str:
    limits = sentences.between(interval)
    return f"{sentences.limited(plan)} {limits}" if limits else note(interval) or "no interval"


def _value(line: Aggregate, plan: AnalysisPlan) -> float:
    found = line.value(plan.decide).estimate
    return float("-inf") if found is None else found
