"""A claim and its verdict in, what was compared and why it stands as it does, in words, out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bench.plain import counted, joined
from bench.records import QUANTITIES, AnalysisPlan, Claim, ClaimVerdict, Pair
from bench.report.notes import note
from bench.report.sentences import BETTER, aggregate
from bench.report.words import capital, level

_DECIDED = frozenset({"better", "worse"})


def statement(claim: Claim, plan: AnalysisPlan, environments: int) -> str:
    """Return what is compared over so many environments, in words made from the declaration alone."""
    what = _quantity(claim, plan, environments)
    if claim.quantity == "regret":
        return f"best other algorithm minus {claim.left} in {what}, below {claim.margin:g}"
    kind = QUANTITIES[claim.quantity].kind
    if kind == "times":
        unit = "CPU seconds" if claim.quantity == "seconds_to_threshold" else "steps"
        than = f"a run of {claim.right}" if isinstance(claim.right, str) else f"{claim.right:,g} {unit}"
        return f"probability that a run of {claim.left} needs more {what} than {than}{_aim(claim)}"
    if isinstance(claim.right, str):
        joined = "over" if QUANTITIES[claim.quantity].logarithmic else "minus"
        return f"{claim.left} {joined} {claim.right} in {what}{_aim(claim)}"
    return f"{claim.left} in {what}{_aim(claim)}"


def _quantity(claim: Claim, plan: AnalysisPlan, environments: int) -> str:
    moment = f" after {claim.steps:,} steps" if claim.steps is not None else ""
    moment = f" after {claim.seconds:g} CPU seconds of training" if claim.seconds is not None else moment
    decides = aggregate(plan.decide, environments)
    name = "auc" if claim.quantity == "regret" and plan.metric == "auc" else claim.quantity
    return QUANTITIES[name].words.format(threshold=plan.threshold, aggregate=decides) + moment


def _aim(claim: Claim) -> str:
    low, high = bounds(claim)
    if claim.direction == "equivalent":
        return f", between {low:,g} and {high:,g}"
    return f", above {high:,g}" if claim.direction == "greater" else f", below {low:,g}"


def bounds(claim: Claim) -> tuple[float, float]:
    """Return the two values, as shown, beyond which a claim of less or of more is supported."""
    quantity = QUANTITIES[claim.quantity]
    alone = isinstance(claim.right, int | float) and quantity.kind != "times"
    equal = float(claim.right or 0.0) if alone else quantity.equal
    if quantity.logarithmic:
        return equal / (1 + claim.margin), equal * (1 + claim.margin)
    return equal - claim.margin, equal + claim.margin


def unit(claim: Claim) -> str:
    """Return what the estimate is measured in."""
    quantity = QUANTITIES[claim.quantity]
    return "steps per second" if quantity.kind == "speeds" and not isinstance(claim.right, str) else quantity.unit


def reason(
    line: ClaimVerdict, plan: AnalysisPlan, pairs: Sequence[Pair] = (), *, seen: bool = True, interval: bool = True
) -> str:
    """Return why this verdict; for an undecided one the price of deciding, where it can be told.

    Args:
        line: the claim and its verdict.
        plan: of the analysis.
        pairs: that a reader finds beside the claim, with verdicts.
        seen: whether to say after which data it was written, where nothing else on the spot does.
        interval: whether to give the interval that decides, likewise.
    """
    told = f"Written after seeing {line.claim.seen.rstrip('.')}." if seen and line.claim.seen else ""
    verdict = _verdict(line, plan, interval=interval)
    return " ".join(filter(None, [verdict, _as_a_pair(line, plan, pairs), told, *_remarks(line, plan)]))


def _as_a_pair(line: ClaimVerdict, plan: AnalysisPlan, pairs: Iterable[Pair]) -> str:
    """Return that the same difference is decided among the pairs, and why not here; empty where it is another one."""
    claim, places = line.claim, len(line.environments)
    same = claim.quantity == "score" and plan.metric == "final" and claim.steps is None and claim.seconds is None
    if not same or line.verdict != "undecided" or claim.margin or line.family < 2:  # noqa: PLR2004 - together
        return ""
    for pair in pairs:
        if {pair.a, pair.b} == {claim.left, claim.right} and pair.environments == places and pair.verdict in _DECIDED:
            said = f"{claim.left} is {BETTER[pair.seen_from(claim.left).verdict]} {claim.right}"
            return f"Among the pairs {said}; here it is judged together with {counted(line.family - 1, 'other claim')}."
    return ""


def _verdict(line: ClaimVerdict, plan: AnalysisPlan, *, interval: bool) -> str:
    claim, value, verdict = line.claim, line.estimate, line.verdict
    if value.low is None or value.high is None:
        return f"Not judged: {note(value)}."
    low, high = bounds(claim)
    what = (
        f"the {level(line.confidence)} interval, {_held(value.low, low, high)} to {_held(value.high, low, high)},"
        if interval
        else "it"
    )
    over = f" ({level(plan.confidence)} over {line.family} claims together)" if interval and line.family > 1 else ""
    bound = high if claim.direction == "greater" or claim.quantity == "regret" else low
    if claim.direction == "equivalent":
        place = {"supported": "lies inside", "contradicted": "lies outside"}.get(
            verdict, "is neither inside nor outside"
        )
        if verdict == "undecided" and low < value.low and value.high < high:
            place = f"with {counted(value.n, 'run')} on one environment shows no equivalence, though it lies inside"
        if any(one.kind == "toothless" for one in value.notes):
            place = f"cannot tell: {note(value)} for a bias half as long as the gradient to fail; given are"
        said = f"{place} {_number(low)} to {_number(high)}"
    elif verdict == "undecided":
        said = f"holds {_number(bound)}"
    else:
        said = f"lies {'above' if value.low > bound else 'below'} {_number(bound)}"
    price = ""
    if line.more_runs:
        more = counted(line.more_runs, "more run")
        leaning = _leaning(claim, value.estimate or 0.0)
        price = f"; about {more} per environment would have it {leaning}, if the effect is what it looks like"
    return capital(f"{what} {said}{over}{price}.")


def _leaning(claim: Claim, estimate: float) -> str:
    """Return what a claim would come to if the estimate were the truth."""
    low, high = bounds(claim)
    if claim.direction == "equivalent":
        holds = low < estimate < high
    elif claim.direction == "greater" and claim.quantity != "regret":
        holds = estimate > high
    else:
        holds = estimate < (high if claim.quantity == "regret" else low)
    return "supported" if holds else "contradicted"


def _remarks(line: ClaimVerdict, plan: AnalysisPlan) -> Iterator[str]:
    """Yield what a reader of the verdict must know about the runs behind it."""
    if line.missing:
        yield f"{counted(line.missing, 'planned run')} missing."
    if line.failed:
        counts = "counts as the random policy" if plan.failures == "random" else "is not counted"
        if QUANTITIES[line.claim.quantity].kind == "speeds":
            counts = "has no speed"
        if QUANTITIES[line.claim.quantity].gradient:
            counts = "has no gradient"
        if QUANTITIES[line.claim.quantity].diagnostic:
            counts = "tells nothing of it"
        yield f"{counted(line.failed, 'failed run')}: each {counts}."
    if line.spent:
        places: dict[str, list[str]] = {}
        for label, environment in line.spent:
            places.setdefault(label, []).append(environment)
        told = "; ".join(f"{label} on {joined(names)}" for label, names in places.items())
        yield f"All runs had used up their steps by then, and count as they ended: {told}."
    if line.clocks_differ:
        yield "The runs were timed on different machines, or with different numbers of them side by side."
    busy, timed = line.mistimed
    if busy:
        yield f"{busy:,} of {counted(timed, 'run')} ran beside other load on their machine: their timings are too long."


def _held(limit: float, *bounds: float) -> str:
    """Return a limit, with more digits where it would read like a bound that it is not."""
    alike = limit not in bounds and _number(limit) in map(_number, bounds)
    return f"{limit:,.5g}" if alike else _number(limit)


def _number(value: float) -> str:
    return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"  # noqa: PLR2004 - digits
