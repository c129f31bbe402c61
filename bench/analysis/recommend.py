"""Aggregates and pairs in, the answer in sentences out: which algorithm, how sure, and what to avoid."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from bench.analysis.ranking import Robustness
from bench.records import Aggregate, AnalysisPlan, Interval, Pair


def recommendation(
    aggregates: Sequence[Aggregate],
    pairs: Sequence[Pair],
    baselines: Collection[str],
    robust: Robustness | None,
    plan: AnalysisPlan,
) -> tuple[str, ...]:
    """Return the answer, most important first.

    Args:
        aggregates: in any order.
        pairs: with verdicts.
        baselines: labels that do not learn: never recommended, only measured against.
        robust: how firm the first place is under other choices.
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
    if not rest:
        return (
            f"Only {best.label} has scores on every environment that has any: {_score(best, plan)}.",
            *_decided(pairs),
        )
    return (
        *_best(best, rest, pairs, plan),
        *_avoid(best, rest, pairs, plan),
        *_floor(ranked, pairs, baselines),
        *_firmness(best, robust),
    )


def _best(best: Aggregate, rest: Sequence[Aggregate], pairs: Sequence[Pair], plan: AnalysisPlan) -> Iterator[str]:
    found = {line.label: _against(best.label, line.label, pairs) for line in rest}
    beaten = [label for label, verdict in found.items() if verdict == "better"]
    equal = [label for label, verdict in found.items() if verdict == "equivalent"]
    open_ = [label for label in found if label not in beaten and label not in equal]
    if open_ and not beaten:
        yield f"Not enough evidence to name a best algorithm: {best.label} has the highest score, {_score(best, plan)}."
    else:
        yield f"Best: {best.label}, {_score(best, plan)}."
    if beaten:
        corrected = f"corrected over {len(pairs)} pairs" if len(pairs) > 1 else "one pair, no correction"
        yield f"{best.label} is better than {_and(beaten)} ({corrected})."
    if equal:
        yield f"{best.label} and {_and(equal)} are equivalent within the margin of {plan.margin:g}."
    for label in open_:
        yield f"{best.label} cannot be told apart from {label}: {_pair(best.label, label, pairs)}."


def _avoid(best: Aggregate, rest: Sequence[Aggregate], pairs: Sequence[Pair], plan: AnalysisPlan) -> Iterator[str]:
    for line in reversed(rest):
        if _against(best.label, line.label, pairs) == "better":
            yield f"Avoid {line.label}: {_score(line, plan)}; {_pair(best.label, line.label, pairs)}."


def _floor(ranked: Sequence[Aggregate], pairs: Sequence[Pair], baselines: Collection[str]) -> Iterator[str]:
    for baseline in sorted(baselines):
        met = [line.label for line in ranked if _of(line.label, baseline, pairs) is not None]
        below = [label for label in met if _against(label, baseline, pairs) != "better"]
        if below:
            yield f"Not shown to be better than {baseline}, which does not learn: {_and(below)}."


def _firmness(best: Aggregate, robust: Robustness | None) -> Iterator[str]:
    if robust is not None and robust.of:
        yield (
            f"{best.label} comes first in {robust.holds} of {robust.of} re-analyses (each environment left out, each "
            "seed left out, the other metric, failures dropped, mean for interquartile mean; those that apply)."
        )


def _decided(pairs: Sequence[Pair]) -> Iterator[str]:
    for pair in pairs:
        if pair.verdict != "undecided":
            yield pair.sentence


def _against(label: str, other: str, pairs: Sequence[Pair]) -> str:
    """Return the verdict on `label`, whichever way round the pair is stored."""
    pair = _of(label, other, pairs)
    if pair is None:
        return "undecided"
    turned = {"better": "worse", "worse": "better"}
    return pair.verdict if pair.a == label else turned.get(pair.verdict, pair.verdict)


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


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
