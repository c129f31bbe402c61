"""What the analysis found in, the sentences that tell it out: the same on the page and in the terminal.

Verdicts, prices and limits have their words here; numbers and durations alone have theirs in `words`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from bench.plain import counted, joined, listed
from bench.records import (
    SURE,
    AnalysisPlan,
    Conclusion,
    Fact,
    Interval,
    Lead,
    Look,
    Pair,
    SequentialRun,
    Situation,
    Tested,
)
from bench.report.notes import note
from bench.report.words import capital, clear, hours, level

_MOST_STRETCHES = 4
_ROUNDING = 1e-9
_MOST_SHARES = 8


_AGGREGATES = {
    "score": ("interquartile mean", "interquartile means of all runs pooled"),
    "mean": ("mean", "means"),
    "iqm-by-environment": (
        "mean over environments of the interquartile mean",
        "interquartile means, averaged over environments",
    ),
}
"""What decides -> its name before `score`, and what differs, in words."""
SHORT = {"score": "IQM, pooled", "iqm-by-environment": "IQM by environment", "mean": "Mean"}
"""What decides -> its name over a column or a plot."""


def aggregate(decide: str, environments: int) -> str:
    """Return the name of what decides, before `score`; of one environment nothing is averaged."""
    return _AGGREGATES["score" if decide == "iqm-by-environment" and environments == 1 else decide][0]


def aggregates(decide: str, environments: int) -> str:
    """Return what differs where that decides, in words."""
    if environments == 1 and decide != "mean":
        return "interquartile means"
    return _AGGREGATES[decide][1]


def acting(deterministic: bool | None) -> str:
    """Return how policies act when they are judged, as the end of a phrase; empty where that is not known."""
    return "" if deterministic is None else f"; {_ACTING[deterministic]}"


_ACTING = {True: "policies act by their most likely action", False: "policies draw their actions by chance"}


def situation(line: Situation) -> str:
    """Return the answer to one situation, with what it rests on."""
    several = len(line.environments) > 1
    where = f"each of {len(line.environments)} environments" if several else line.environments[0]
    place, rests = capital(circumstance(line)), f"{line.n} runs on {where}"
    if line.measure == "steps":
        place += ", which every run solves"
    if line.choose is None and line.leads:
        verb = "is the first to get there" if line.measure == "steps" else "leads"
        told = above_some(line.candidates[0].label, line.beaten, line.as_good, line.undecided, verb=verb)
        return f"{place}, {told} ({rests}){_left_out(line)}."
    if line.choose is None:
        why = "no choice" if line.unlearned else "not enough evidence"
        return f"{place}: {why}; {leading(line)} ({rests}){_left_out(line)}."
    equal = f" or {joined(line.as_good, 'or')}, equivalent to it" if line.as_good else ""
    first = ", the first to get there" if line.measure == "steps" else ""
    return f"{place}: choose {line.choose}{first}{equal} ({rests}){_left_out(line)}."


LEVEL = "all are level"
UNLEARNED = "nobody has learned yet"


def leading(line: Situation) -> str:
    """Return `ppo leads`, or that nobody does: all are level, or have hardly learned."""
    if line.unlearned:
        return UNLEARNED
    estimates = [one.value.estimate for one in line.candidates]
    known = [one for one in estimates if one is not None]
    level = len(estimates) > 1 and len(known) == len(estimates) and max(known) - min(known) < _ROUNDING
    return LEVEL if level else f"{line.candidates[0].label} leads"


def above_some(
    leader: str,
    beaten: Sequence[str],
    as_good: Sequence[str],
    still_open: Sequence[str],
    *,
    verb: str = "leads",
    within: str = "",
) -> str:
    """Return `ppo leads: it is better than dqn; a2c is not yet told apart from it`.

    Args:
        leader: whoever is shown to be above some rivals, or as good, and not above all.
        beaten: those.
        as_good: those that are equivalent to it.
        still_open: those that are not yet told apart from it.
        verb: what it does.
        within: what follows those that are as good.
    """
    said = [f"better than {joined(beaten)}"] if beaten else []
    said += [f"equivalent to {joined(as_good)}{within}"] if as_good else []
    return f"{leader} {verb}: it is {' and '.join(said)}; {not_told_apart(still_open)} from it"


def not_told_apart(labels: Sequence[str]) -> str:
    """Return `dqn and a2c are not yet told apart`."""
    return f"{joined(labels)} {'are' if len(labels) > 1 else 'is'} not yet told apart"


def _left_out(line: Situation) -> str:
    return f"; {joined(not_judged(line))}" if line.not_judged else ""


def not_judged(line: Situation) -> list[str]:
    """Return who has too few runs to take part: `ppo is not judged (2 of 10 runs)`."""
    return [f"{label} is not judged ({runs} of {planned} runs)" for label, runs, planned in line.not_judged]


def setting(name: str) -> str:
    """Return under which settings something holds, such as `out of the box`."""
    known = {"default": "out of the box", "tuned": "as tuned here, with equal effort"}
    return known.get(name, f"with the settings of {name}")


def setting_in_short(name: str) -> str:
    """Return the same in as few words as a table has room for."""
    return {"tuned": "as tuned"}.get(name, setting(name))


def circumstance(line: Situation) -> str:
    """Return the circumstance of a situation, such as `within 25,000 steps`."""
    under = f"{setting(line.setting)}, " if line.setting else ""
    where = f" on {joined(line.environments)}" if line.partial else ""
    return under + circumstance_alone(line) + where


def circumstance_alone(line: Situation) -> str:
    """Return it without the setting, and without the environments where these are not all."""
    kind, about = line.kind, line.about
    if kind == "full" and about[0] == about[1]:
        return _CIRCUMSTANCES["steps"].format(about[0])
    if kind == "seconds":
        about = (_round(int(about[0])),)
    if kind == "group":
        about = tuple(str(one).replace("_", " ") for one in about)
    return _CIRCUMSTANCES[kind].format(*about)


_CIRCUMSTANCES = {
    "full": "with the whole budget of {:,} to {:,} steps",
    "group": "{} actions, {} observations",
    "steps": "within {:,} steps",
    "seconds": "within {} of training per run",
    "failures": "if a failed run is expensive",
    "environment": "on {} alone",
}
"""Kind of situation -> its words, and where what it is about stands in them."""


def mistimed(cautions: Sequence[Fact]) -> str:
    """Return why what depends on time is not to be trusted, in a few words; empty where it is."""
    told = {"packings": "timings not comparable", "busy": "{} of {} timings too long"}
    return ", ".join(told[found.kind].format(*found.numbers) for found in cautions if found.kind in told)


def _round(seconds: int) -> str:
    """Return a round number of seconds in its largest unit: `30 seconds`, `1 minute`."""
    for unit, length in (("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = seconds / length
            return f"{count:g} {unit}{'s' * (count != 1)}"
    return counted(seconds, "second")


def strength(found: Fact) -> str:
    """Return a measurement that speaks for an algorithm or against it, in words."""
    if found.numbers:
        return _measured(found.kind, found.numbers)
    return _STRENGTHS.get(found.kind, f"scores {found.kind} {{}}").format(joined(found.names))


_STRENGTHS = {
    "floor": "not shown to beat {}, which does not learn",
    "forgiving": "most of the settings tried come near the best on {}",
    "demanding": "hard to tune: few of the settings tried come near the best on {}",
}


def _measured(kind: str, numbers: tuple[float, ...]) -> str:
    if kind == "failing":
        return failed_its_user(*map(int, numbers))
    if kind == "collapsed":
        collapsed, stood = map(int, numbers)
        return f"{collapsed} of {stood} runs that had held the threshold over two evaluations fell back"
    than = "as many steps a second as" if kind == "faster" else "slower per step than"
    return f"{numbers[0]:.1f} times {than} the typical other"


def failed_its_user(failing: int | str, runs: int) -> str:
    """Return how many runs end so low that whoever counted on them was let down."""
    return f"{failing} of {runs} runs end below half of the target"


def use(label: str, line: Situation) -> str:
    """Return the situation in which an algorithm is the answer, and who is as good there."""
    others = [other for other in (line.choose, *line.as_good) if other is not None and other != label]
    return circumstance(line) + (f" (as good: {', '.join(others)})" if others else "")


def lead(line: Lead) -> tuple[str, ...]:
    """Return who surely leads where along the axis, and between whom the lead is open."""
    under = f"{capital(setting(line.setting))}: " if line.setting else ""
    return tuple(f"{under}{told}" for told in _stretches(line))


def _stretches(line: Lead) -> Iterator[str]:
    """Yield who leads where; of many changes only how it ends."""
    shares = [dict(zip(line.labels, column, strict=True)) for column in zip(*line.probability_best, strict=True)]
    leaders = line.leaders
    starts = [0, *(place + 1 for place, (a, b) in enumerate(pairwise(leaders)) if a != b)]
    ends = [*starts[1:], len(line.x)]
    told = [
        _stretch(line, leaders[start], shares[start:end], start, end) for start, end in zip(starts, ends, strict=True)
    ]
    if len(told) <= _MOST_STRETCHES:
        yield from told
    else:
        yield f"{told[-1].rstrip('.')}; until then the lead changes or opens {len(told) - 1} times."


def _stretch(line: Lead, leader: str | None, shares: Sequence[Mapping[str, float]], start: int, end: int) -> str:
    where = _between(line, start, end)
    if leader is None:
        return f"The lead is open {where}, between {joined(_rivals(shares))}."
    least = min(SURE, *(here[leader] for here in shares))
    return f"{leader} leads {where}: best in at least {math.floor(100 * least + _ROUNDING)} % of draws."


def _between(line: Lead, start: int, end: int) -> str:
    """Return `from 20 % to 60 % of the step budget`, `at 1.5 CPU seconds` or `from 23 CPU seconds on`."""
    unit = " of the step budget" if line.axis == "share" else " CPU seconds"
    ends = line.x[start], line.x[end - 1]
    first, last = (f"{100 * x:.0f} %" if line.axis == "share" else f"{x:,.3g}" for x in ends)
    if ends[0] == ends[1]:
        return f"at {first}{unit}"
    return f"from {first}{unit} on" if start and end == len(line.x) else f"from {first} to {last}{unit}"


def _rivals(shares: Sequence[Mapping[str, float]]) -> list[str]:
    """Return those who are best in more than 1 - SURE of the draws somewhere."""
    return [label for label in shares[0] if max(found[label] for found in shares) > 1 - SURE]


def pair(line: Pair, plan: AnalysisPlan, sequence: SequentialRun | None = None) -> str:
    """Return effect, interval and runs of a comparison, then its verdict and what that rests on."""
    if line.look is not None and sequence is not None:
        effect = _effect(line, plan, f"{counted(line.n, 'run')} of each")
        return f"{effect}; {_at_look(line, line.look, sequence, plan)}."
    told = f"{_effect(line, plan, f'{counts(line)} runs')}; {_conclusion(line, plan)}"
    if line.looks > 1:
        told += f"; its p-value is multiplied by {line.looks}, the number of looks that decided how many runs there are"
        told += ", and the level of equivalence divided by it" if line.difference.low is not None else ""
    return f"{told}."


def in_full(line: Pair, plan: AnalysisPlan, sequence: SequentialRun | None, solved: Collection[str]) -> str:
    """Return a comparison with all that stands beside its verdict."""
    beside = besides(line, solved, weights=True)
    return f"{pair(line, plan, sequence)} Beside it: {beside}" if beside else pair(line, plan, sequence)


def counts(line: Pair) -> str:
    """Return how many runs of both: `10 against 12`, or `5 to 30 against 5` where environments have unequal numbers."""
    first, second = (span(low, high) for low, high in zip(line.runs, line.most_runs, strict=True))
    return f"{first} against {second}"


def span(least: int, most: int) -> str:
    """Return `5`, or `5 to 30` where they differ."""
    return str(least) if most <= least else f"{least} to {most}"


def between(interval: Interval, sign: str = "", bounds: Collection[float] = ()) -> str:
    """Return `0.05 to 0.13`; empty where there are no limits.

    Args:
        interval: its limits have two decimals.
        sign: `+` where positive numbers have one.
        bounds: what the limits are held against; more decimals where one only rounds to one of these.
    """
    low, high = interval.low, interval.high
    form = f"{sign}.{clear(interval, bounds, 2)}f"
    return "" if low is None or high is None else f"{low:{form}} to {high:{form}}"


def difference(interval: Interval, margin: float = 0.0) -> str:
    """Return the limits of a difference, `+0.05 to +0.13`, never one as 0 or as the margin that is not."""
    return between(interval, "+", (0.0, margin, -margin))


def chances(interval: Interval) -> str:
    """Return the limits of a probability that is held against one half; empty where there are none."""
    return between(interval, bounds=(0.5,))


def worth(line: Pair, most: int = 0) -> str:
    """Return what other settings are worth to an algorithm: in score, or by rank where nothing is scored.

    Args:
        line: the algorithm under these settings less itself under the first.
        most: environments that the report compares on; where the pair has fewer, they are named.
    """
    scored = line.difference.estimate is not None
    says = "scores differ by" if scored else "a run of the first is above one of the second with probability"
    return f"{line.a} against {line.b}{_where(line, most)}: {says} {_worth(line)}."


def worths(lines: Sequence[Pair], most: int = 0) -> Iterator[str]:
    """Yield the same of several algorithms: in one sentence, of those that have scores on the same environments."""
    alike: dict[str, list[Pair]] = {}
    for line in lines:
        alike.setdefault(_where(line, most) if line.difference.estimate is not None else line.a, []).append(line)
    for where, found in alike.items():
        if len(found) == 1:
            yield worth(found[0], most)
        else:
            yield f"Scores{where}: {'; '.join(f'{line.a} against {line.b} {_worth(line)}' for line in found)}."


def _where(line: Pair, most: int) -> str:
    return f" on {joined([one.environment for one in line.places])}" if 0 < len(line.places) < most else ""


def _worth(line: Pair) -> str:
    scored = line.difference.estimate is not None
    effect, form, limits = (line.difference, "+.2f", difference) if scored else (line.probability, ".2f", chances)
    told = line.verdict if line.verdict != "undecided" else "not yet told apart"
    return f"{effect.estimate or 0.0:{form}} ({limits(effect) or note(effect)}), {told}"


def _effect(line: Pair, plan: AnalysisPlan, runs: str) -> str:
    where = runs + (f" on each of {line.environments} environments" if line.environments > 1 else "")
    share, likely = line.probability.estimate or 0.0, chances(line.probability)
    if line.difference.estimate is None:
        limits = f"{limited(plan)} {likely}; " if likely else ""
        return f"A run of {line.a} is above a run of {line.b} with probability {share:.2f} ({limits}{where})"
    limits = signed_limits(line.difference, plan)
    gap = f"{aggregates(line.decide, line.environments)} differ by {line.difference.estimate:+.2f}"
    told = f"{line.a} less {line.b}: {gap} ({limits}{where})"
    described = f" ({likely})" if likely else ""
    return f"{told}; a run of {line.a} scores above a run of {line.b} with probability {share:.2f}{described}"


def by_how_much(line: Pair, plan: AnalysisPlan) -> str:
    """Return by how much the first of a pair is above the other, with limits; empty where there are no scores."""
    if line.difference.estimate is None:
        return ""
    limits = difference(line.difference)
    return f"{line.difference.estimate:.2f}" + (f" ({limited(plan)} {limits})" if limits else "")


def signed_limits(interval: Interval, plan: AnalysisPlan) -> str:
    """Return `95 % interval +0.05 to +0.13; `, or why there is none."""
    limits = difference(interval, plan.margin)
    told = f"{limited(plan)} {limits}" if limits else note(interval)
    return f"{told}; " if told else ""


def _conclusion(line: Pair, plan: AnalysisPlan) -> str:
    tested = "no p-value" if line.p_value is None else f"p = {line.p_value:.2g}"
    if line.verdict == "equivalent":
        ahead = ""
        if line.p_holm is not None and line.p_holm <= 1 - plan.confidence:
            first = line.a if (line.difference.estimate or 0.0) > 0 else line.b
            ahead = f"; {first} is ahead, but by less than that ({tested})"
        return f"equivalent: the difference lies within the margin of {plan.margin:g}{ahead}"
    if line.family > 1 and line.p_holm is not None:
        tested += f", {line.p_holm:.2g} after Holm over {line.family} pairs"
    if line.verdict != "undecided":
        return f"{line.a} is {line.verdict} ({tested})"
    level = 1 - plan.confidence
    if line.alone(level):
        return f"not yet told apart: {alone(line)}{price(line)}"
    needed, short = level / line.family, ""
    if line.smallest_p is not None and line.smallest_p > needed and line.smallest_p < 1:
        least = f"so few runs cannot give a p-value below {line.smallest_p:.2g}"
        short = f": {least}; the smallest of {line.family} must be at most {needed:.2g}"
    if line.difference.estimate == 0 and line.decide == "score" and line.environments > 1:
        short = short or ": the interquartile mean cannot see a difference here"
    return f"not yet told apart ({tested}){short}{price(line)}"


def alone(line: Pair) -> str:
    """Return that a pair is significant by itself alone."""
    return f"alone significant (p = {line.p_value:.2g}), not after correction over {line.family} pairs"


def besides(line: Pair, solved: Collection[str] = (), *, weights: bool = False, limits: bool = True) -> str:
    """Return what other views of a pair say, where they say something else than what decides; empty where none does.

    Args:
        line: the pair.
        solved: environments that every run of every algorithm solves.
        weights: where the pooled interquartile mean decides, which trims whole environments, whether the difference of
            means and each environment's share are told in any case.
        limits: whether other aggregates' differences have theirs.
    """
    gap = line.difference.estimate
    if gap is None:
        return ""
    weights = weights and line.decide == "score" and len(line.places) > 1
    against = (
        [*_run_by_run(line, gap), *_other_aggregates(line, gap, limits=limits)]
        if gap and line.verdict != "equivalent"
        else []
    )
    told = against + [f"the {said}" for said in _means(line) if weights and not any(said in one for one in against)]
    # Whoever reads that two views differ asks where the two differ.
    where = f"{_where_ahead(line, solved)}; " if against and len(line.places) > 1 else ""
    views = [f"{where}{'; '.join(told)}."] if told else []
    return " ".join([*views, *([_shares(line)] if weights else [])])


def _run_by_run(line: Pair, gap: float) -> Iterator[str]:
    share, low, high = line.probability.estimate or 0.0, line.probability.low, line.probability.high
    behind, ahead = (line.b, line.a) if share > 0.5 else (line.a, line.b)  # noqa: PLR2004 - neither way
    if (share - 0.5) * gap < 0:
        yield f"run by run {ahead} is above {behind} more often ({max(share, 1 - share):.2f})"
    elif low is None or high is None:
        return
    elif (low <= 0.5 <= high) and line.verdict != "undecided":  # noqa: PLR2004
        yield f"run by run it is open ({chances(line.probability)} for {line.a})"
    elif not low <= 0.5 <= high and line.verdict == "undecided":  # noqa: PLR2004
        yield f"run by run {ahead} is above {behind} ({chances(line.probability)} for {line.a})"


def _other_aggregates(line: Pair, gap: float, *, limits: bool) -> Iterator[str]:
    for name, one in line.others:
        if one.estimate is None or one.low is None or one.high is None:
            continue
        alone = one.low > 0 or one.high < 0
        said = f"the {_differ(name, one if limits else replace(one, low=None, high=None), line.environments)}"
        if one.estimate * gap < 0 and max(abs(one.estimate), abs(gap)) >= SHOWN:
            yield f"{said}, the other way"
        elif alone != (line.verdict != "undecided"):
            yield f"{said}, {'which would tell them apart' if alone else 'which is open'}"


SHOWN = 0.005
"""A smaller difference is shown as 0.00, and is none to a reader."""


def _means(line: Pair) -> Iterator[str]:
    """Yield by how much the means differ, where they do not decide."""
    yield from (
        _differ(name, one, line.environments)
        for name, one in line.others
        if name == "mean" and one.estimate is not None
    )


def _differ(name: str, one: Interval, environments: int) -> str:
    limits = difference(one)
    differ = f"{aggregates(name, environments)} differ by {one.estimate or 0.0:+.2f}"
    return f"{differ} ({limits})" if limits else differ


def _shares(line: Pair) -> str:
    """Return how much each environment makes of the pooled interquartile mean of both."""
    rows = [f"{one.environment} {100 * one.shares[0]:.0f} and {100 * one.shares[1]:.0f} %" for one in line.places]
    even = f"even: {100 / len(line.places):.0f} %"
    return f"Shares of the pooled mean, {line.a} and {line.b}: {listed(rows, _MOST_SHARES)} ({even})."


def _where_ahead(line: Pair, solved: Collection[str]) -> str:
    """Return by how much the leader of a pair is ahead or behind where: `ppo is ahead by 0.30 on X, level on Y`."""
    if (line.difference.estimate or 0.0) <= 0:
        line = line.seen_from(line.b)
    found: dict[str, list[str]] = {"ahead": [], "behind": [], "level": []}
    for one in line.places:
        place = f"on {one.environment}{' (which all solve)' * (one.environment in solved)}"
        if abs(one.difference) < SHOWN:
            found["level"].append(place)
        else:
            found["ahead" if one.difference > 0 else "behind"].append(f"by {abs(one.difference):.2f} {place}")
    return f"{line.a} is {', '.join(f'{how} {joined(places)}' for how, places in found.items() if places)}"


def _at_look(line: Pair, at: Tested, sequence: SequentialRun, plan: AnalysisPlan) -> str:
    if not at.n:
        return f"not yet told apart: the first look comes at {sequence.planned[0]} seeds"
    tested = f"p = {line.p_value or 0.0:.2g} there, {at.p_holm:.2g} after Holm"
    tested += f"; {at.level:.2g} may be spent at that look"
    when = f"decided at the look at {at.n} seeds"
    if line.verdict == "equivalent":
        return f"equivalent, {when}: the difference lay within the margin of {plan.margin:g} at that look's confidence"
    if line.verdict != "undecided":
        return f"{line.a} is {line.verdict}, {when} ({tested})"
    if at.n == sequence.most:
        return f"not told apart: still open at the last look, at {at.n} seeds ({tested})"
    return f"not yet told apart: open after the look at {at.n} of at most {sequence.most} seeds ({tested})"


BETTER = {"better": "better than", "worse": "worse than", "equivalent": "equivalent to"}
"""A verdict -> its words between two names."""


def course(run: SequentialRun) -> tuple[str, ...]:
    """Return what was decided when, and what it saved."""
    ended = bool(run.looks) and (run.looks[-1].open == 0 or run.looks[-1].n == run.most)
    state, saved = "run" if ended else "asked for so far", run.trials_fixed - run.trials
    against = f"{saved} {'saved against' if ended else 'fewer than'} {run.most} seeds everywhere"
    return *map(look, run.looks), f"{run.trials} of {run.trials_fixed} trials of learning algorithms {state}, {against}"


def look(one: Look) -> str:
    """Return what one look at the data has decided."""
    said = [f"{a} {BETTER[verdict]} {b}" for a, b, verdict in one.decided]
    left = f"{counted(one.open, 'pair')} still open" if one.open else "every pair is decided"
    return f"look at {one.n} seeds (level {one.level:.2g}): {', '.join(said) or 'nothing decided'}; {left}"


def conclusion(line: Conclusion) -> str:
    """Return what was concluded."""
    kind, (first, *others) = line.about.kind, line.about.names
    if kind == "first":
        return f"{first} comes first"
    return f"{first} is better than {others[0]}" if kind == "better" else f"{first.rstrip('.')}: {others[0]}"


def failures(line: Conclusion) -> list[str]:
    """Return every re-analysis in which a conclusion does not hold, and what that finds."""
    kind, other = line.about.kind, line.about.names[-1]
    told = {"first": "{} comes first", "claim": "{}"}.get(kind)
    turned = {"undecided": "cannot be told apart", "equivalent": "equivalent", "worse": f"{other} is better"}
    return [f"{otherwise(again)}: {told.format(found) if told else turned[found]}" for again, found in line.fails_when]


def otherwise(again: Fact) -> str:
    """Return how a re-analysis was done."""
    if again.kind == "environments":
        return f"without {', '.join(again.names)}"
    if again.kind == "seeds":
        first, *others = map(int, again.numbers)
        return f"without {1 + len(others)} seeds, {first}, {others[0]} and so on" if others else f"without seed {first}"
    return _OTHERWISE[again.kind]


_OTHERWISE = {
    "failed": "failed trials dropped",
    "floor": "scores below the random policy's counted as it",
    "auc": "score over training as the metric",
    "final": "final score as the metric",
    "mean": "the mean as the aggregate",
    "score": "the interquartile mean of all runs pooled as the aggregate",
    "iqm-by-environment": "the mean of the environments' interquartile means as the aggregate",
    "range": "scores from worst to best run",
    "ranks": "ranks for scores",
}


def price(line: Pair) -> str:
    """Return what would decide an open pair as the end of a sentence; empty where that is not known."""
    if line.more_runs is None:
        return ""
    cost = "" if line.more_hours is None else f", {hours(line.more_hours)} of one core,"
    seeds = f"about {counted(line.more_runs, 'more seed')} per environment{cost}"
    return f"; {seeds} would decide, if the effect is what it looks like"


def limited(plan: AnalysisPlan) -> str:
    """Return `95 % interval`."""
    return f"{level(plan.confidence)} interval"
