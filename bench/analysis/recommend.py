"""Aggregates and pairs in, the answer in sentences out: which algorithm, how sure, and what to avoid."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from bench.analysis.compare import price_in_words
from bench.plain import joined
from bench.records import Aggregate, AnalysisPlan, Interval, Pair, Reliability, Situation, verdict_on, verdicts_of


def recommendation(
    situations: Sequence[Situation],
    aggregates: Sequence[Aggregate],
    pairs: Sequence[Pair],
    reliable: Sequence[Reliability],
    baselines: Collection[str],
    plan: AnalysisPlan,
) -> tuple[str, ...]:
    """Return the answer, most important first.

    Args:
        situations: the first is the whole suite; empty where fewer than two algorithms can be compared.
        aggregates: in any order.
        pairs: with verdicts.
        reliable: how often each algorithm fails.
        baselines: labels that do not learn: never recommended, only measured against.
        plan: names the metric and the confidence.
    """
    learners = [line for line in aggregates if line.label not in baselines and line.iqm.estimate is not None]
    ranked = sorted((line for line in learners if line.complete), key=_iqm, reverse=True)
    if not learners:
        return ("Not enough evidence: no learning algorithm has a scored run yet.",)
    if not ranked:
        return (
            "Not enough evidence for an overall order: no algorithm has runs on every environment.",
            *_decided(pairs),
        )
    best, rest = ranked[0], ranked[1:]
    if not rest or not situations:
        return (
            f"Only {best.label} has scores on every environment that has any: {_score(best, plan)}.",
            *_decided(pairs),
        )
    return (
        _headline(situations[0], pairs, plan),
        f"{best.label}: {_score(best, plan)}.",
        *_beaten(situations[0], pairs, reliable),
        *_floor([line.label for line in ranked], pairs, baselines),
    )


def by_rank(learners: Sequence[str], pairs: Sequence[Pair], baselines: Collection[str]) -> tuple[str, ...]:
    """Return the answer where no environment has reference returns: who ranks above whom, and not by how much.

    Args:
        learners: those with runs on every environment; baselines left out.
        pairs: with verdicts.
        baselines: labels that do not learn: never chosen, only measured against.
    """
    known = verdicts_of(pairs)
    beaten = {one: [other for other in learners if verdict_on(one, other, known) == "better"] for one in learners}
    first = [one for one in learners if all(one not in found for found in beaten.values())]
    unit = "By how much cannot be told: no environment has reference returns to score by."
    if len(learners) < 2 or not pairs:  # noqa: PLR2004 - a choice
        short = "no two algorithms have runs on every environment" if pairs else "there is nothing to compare"
        return (f"Not enough evidence for an overall order: {short}.", unit, *_decided(pairs))
    place = "over all environments" if max(pair.environments for pair in pairs) > 1 else "on this environment"
    if first and len(beaten[first[0]]) == len(learners) - 1:
        rest = f"it is better than {joined(beaten[first[0]])}{_corrected(pairs)}"
        return (f"Ranked by return {place}, choose {first[0]}: {rest}.", unit, *_floor(learners, pairs, baselines))
    told = f"nothing is shown to be better than {joined(first, 'or')}" if first else "each is worse than another"
    return (
        f"Not enough evidence to name a best algorithm: ranked by return {place}, {told}.",
        unit,
        *(f"{one} is better than {joined(beaten[one])}{_corrected(pairs)}." for one in first if beaten[one]),
        *_floor(learners, pairs, baselines),
    )


def _headline(full: Situation, pairs: Sequence[Pair], plan: AnalysisPlan) -> str:
    leader = full.candidates[0].label
    if full.choose is None:
        told = f"{leader} has the highest score {full.text}, and cannot be told apart from {joined(full.as_good, 'or')}"
        return f"Not enough evidence to name a best algorithm: {told}{_open(leader, full, pairs, plan)}."
    place = full.text[:1].upper() + full.text[1:]
    if not full.as_good:
        others = [candidate.label for candidate in full.candidates[1:]]
        return f"{place} choose {leader}: it is better than {joined(others)}{_corrected(pairs)}."
    names = joined([leader, *full.as_good], "or")
    known = verdicts_of(pairs)
    verdicts = {verdict_on(leader, other, known) for other in full.as_good}
    told = f"equivalent within the margin of {plan.margin:g}" if verdicts == {"equivalent"} else "not to be told apart"
    return f"{place} choose {names}: they are {told}{_open(leader, full, pairs, plan)}."


def _open(leader: str, full: Situation, pairs: Sequence[Pair], plan: AnalysisPlan) -> str:
    """Return the closest rival's effect and the price of telling, in brackets; nothing for equivalence."""
    known = verdicts_of(pairs)
    rivals = [other for other in full.as_good if verdict_on(leader, other, known) == "undecided"]
    pair = _of(leader, rivals[0], pairs) if rivals else None
    if pair is None or pair.probability.estimate is None:
        return ""
    flip = pair.a != leader
    share, low, high = pair.probability.estimate, pair.probability.low, pair.probability.high
    told = f"P({leader} scores above {rivals[0]}) = {1 - share if flip else share:.2f}"
    if low is not None and high is not None:
        low, high = (1 - high, 1 - low) if flip else (low, high)
        told += f", {100 * plan.confidence:.0f} % interval {low:.2f} to {high:.2f}"
    return f" ({told}{price_in_words(pair.more_runs, pair.more_hours)})"


def _beaten(full: Situation, pairs: Sequence[Pair], reliable: Sequence[Reliability]) -> Iterator[str]:
    """Yield whom to avoid, and why: the measured failures where there are many, else the comparison."""
    failing = {line.label: line for line in reliable}
    leader = full.candidates[0].label
    for candidate in reversed(full.candidates[1:]):
        if verdict_on(leader, candidate.label, verdicts_of(pairs)) != "better":
            continue
        line = failing.get(candidate.label)
        if line is not None and 2 * line.failing >= line.runs:
            runs = f"{line.failing} of {line.runs} runs end below half of the target"
            yield f"Avoid {candidate.label}: {runs}; {leader} is better{_corrected(pairs)}."
        elif full.as_good:
            yield f"{leader} is better than {candidate.label}: {_pair(leader, candidate.label, pairs)}."


def _corrected(pairs: Sequence[Pair]) -> str:
    return f" (corrected over {len(pairs)} pairs)" if len(pairs) > 1 else ""


def _floor(learners: Sequence[str], pairs: Sequence[Pair], baselines: Collection[str]) -> Iterator[str]:
    for baseline in sorted(baselines):
        met = [label for label in learners if _of(label, baseline, pairs) is not None]
        below = [label for label in met if verdict_on(label, baseline, verdicts_of(pairs)) != "better"]
        if below:
            yield f"Not shown to be better than {baseline}, which does not learn: {joined(below)}."


def _decided(pairs: Sequence[Pair]) -> Iterator[str]:
    for pair in pairs:
        if pair.verdict != "undecided":
            yield pair.sentence


def _of(label: str, other: str, pairs: Sequence[Pair]) -> Pair | None:
    return next((pair for pair in pairs if {pair.a, pair.b} == {label, other}), None)


def _pair(label: str, other: str, pairs: Sequence[Pair]) -> str:
    pair = _of(label, other, pairs)
    if pair is None:
        return "they share no scored environment"
    return (pair.sentence[:1].lower() + pair.sentence[1:]).removesuffix(".")


def _score(line: Aggregate, plan: AnalysisPlan) -> str:
    what = "final score" if plan.metric == "final" else "score over training"
    runs = f"{line.n} run{'s' * (line.n != 1)}" + (
        f" on each of {line.environments} environments" * (line.environments > 1)
    )
    return f"interquartile mean {what} {_iqm(line):.2f} ({_limits(line.iqm, plan)}; {runs})"


def _limits(interval: Interval, plan: AnalysisPlan) -> str:
    if interval.low is None or interval.high is None:
        return interval.note or "no interval"
    return f"{100 * plan.confidence:.0f} % interval {interval.low:.2f} to {interval.high:.2f}"


def _iqm(line: Aggregate) -> float:
    return line.iqm.estimate if line.iqm.estimate is not None else float("-inf")
