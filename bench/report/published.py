"""Verdicts on published numbers in, tables of them out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from bench.plain import counted
from bench.records import AGREEING, PLAUSIBLE, VERDICTS, WEAKLY, Estimates, Interval, PublishedVerdict
from bench.report import notes, order, words
from bench.report.order import Places
from bench.report.table import Cell, Column, Table

JUDGED = (*AGREEING, "above", "below", "undecided")


def every(estimates: Estimates) -> Iterator[Table]:
    """Yield the tables of a suite's report that have rows: the judged numbers, then those that cannot be compared."""
    found = judged(estimates.published, order.places(estimates)), left_out(estimates.published)
    yield from (table for table in found if table.rows)


def judged(lines: Sequence[PublishedVerdict], at: Places | None = None) -> Table:
    """Return one row per number with a verdict."""
    at = at or Places({}, {})
    shown = [line for line in lines if line.verdict in JUDGED]
    single, several = any(_single(line) for line in shown), not all(_single(line) for line in shown)
    return Table(
        "published",
        "Published numbers against our runs. Above and below say where our runs lie",
        (
            Column("Algorithm", numeric=False),
            Column("Environment", numeric=False),
            Column("Verdict", numeric=False),
            Column("Published", hint="The mean as published, in raw returns"),
            Column("Our mean", interval=True, hint="Mean of our runs in the same statistic, with its 95 % interval"),
            Column("n", hint="Our runs"),
            *([_ALLOWED] if single else []),
            *([_DIFFERENCE] if several else []),
            Column(
                "Rank",
                numeric=False,
                hint="Place of one published run among our runs and itself, 1 the lowest; a range where ours equal it",
            ),
            Column("Steps"),
            Column("Runs there", hint="Training runs behind the published number"),
            Column("Source", numeric=False),
            Column("Why", numeric=False, wraps=True),
        ),
        tuple(_judged_row(line, at, single=single, several=several) for line in shown),
    )


_ALLOWED = Column("Allowed", numeric=False, hint="One published run: where one more run of ours would lie (95 %)")
_DIFFERENCE = Column(
    "Difference",
    numeric=False,
    hint="Several published runs: our mean minus theirs with its 95 % interval, and the margin within which it counts "
    "as none",
)


def left_out(lines: Sequence[PublishedVerdict]) -> Table:
    """Return one row per number that cannot be compared."""
    return Table(
        "published-left-out",
        "Published numbers that cannot be compared with these runs",
        (
            Column("Algorithm", numeric=False),
            Column("Environment", numeric=False),
            Column("Steps"),
            Column("Source", numeric=False),
            Column("Published"),
            Column("Why", numeric=False, wraps=True),
        ),
        tuple(
            (*head(line), Cell(line.published), Cell(reason(line)))
            for line in lines
            if line.verdict == "not comparable"
        ),
    )


def counts(lines: Sequence[PublishedVerdict]) -> str:
    """Return how many numbers have which verdict, in words."""
    found = Counter(line.verdict for line in lines)
    return ", ".join(f"{found[verdict]} {verdict}" for verdict in VERDICTS if found[verdict])


def summary(lines: Sequence[PublishedVerdict]) -> str:
    """Return in a sentence how many published numbers there are about a suite's cells, and how they compare."""
    if not lines:
        return ""
    told = f"{counted(len(lines), 'published number')} about these cells: {counts(lines)}."
    return f"{told} {weak(lines)}".rstrip()


def weak(lines: Sequence[PublishedVerdict]) -> str:
    """Return in a sentence which numbers are plausible only because our runs spread so far; empty where none is."""
    found = [f"{line.label} on {line.environment}" for line in lines if line.weak]
    if not found:
        return ""
    plausible = sum(line.verdict in (PLAUSIBLE, WEAKLY) for line in lines)
    prove = "proves" if len(found) == 1 else "prove"
    return (
        f"{len(found)} of the {plausible} that are plausible {prove} little: our runs differ so much among themselves "
        "that the random policy, or more than half of the way from there to the target, would have passed too "
        f"({', '.join(found)})."
    )


def head(line: PublishedVerdict) -> tuple[Cell, ...]:
    """Return which number it is: algorithm, environment, steps, source."""
    renamed = "" if line.published_as == line.environment else f"Published as {line.published_as}"
    return Cell(line.label), Cell(line.environment, note=renamed), Cell(line.steps), Cell(line.table)


def _single(line: PublishedVerdict) -> bool:
    return line.published_runs == 1


def _judged_row(line: PublishedVerdict, at: Places, *, single: bool, several: bool) -> tuple[Cell, ...]:
    label, environment, steps, source = head(line)
    why = reason(line) + price(line)
    if line.weak:
        why += "; proves little, so wide are the limits"
    known = line.label in at.algorithms and line.environment in at.environments
    ours = line.ours or Interval(None)
    return (
        label,
        environment,
        Cell(line.verdict),
        Cell(line.published),
        Cell(ours, link=at.anchor(line.label, line.environment) if known else ""),
        Cell(line.n),
        *([_allowed(line)] if single else []),
        *([_difference(line)] if several else []),
        Cell(_rank(line), note=_level(line)),
        steps,
        Cell(line.published_runs),
        source,
        Cell(why),
    )


def _allowed(line: PublishedVerdict) -> Cell:
    limits = line.limits if _single(line) else None
    if limits is None or limits.low is None or limits.high is None:
        return Cell(None, note="" if limits is None else notes.note(limits))
    places = words.decimals((limits.low, limits.high))
    span = f"{words.number(limits.low, places)} to {words.number(limits.high, places)}"
    return Cell(span, note=notes.note(limits))


def _difference(line: PublishedVerdict) -> Cell:
    limits = line.limits
    if limits is None or _single(line):
        return Cell(None)
    places = None if limits.low is None else words.decimals((limits.low, limits.high))
    within = "no margin" if line.margin is None else f"margin ±{words.number(line.margin)}"
    return Cell(f"{words.interval(limits, places)}, {within}", note=notes.note(limits))


def _rank(line: PublishedVerdict) -> str | None:
    if line.rank is None:
        return None
    tied = sum(value == line.published for value in line.values)
    place = f"{line.rank}{words.DASH}{line.rank + tied}" if tied else str(line.rank)
    return f"{place} of {line.n + 1}"


def _level(line: PublishedVerdict) -> str:
    if line.rank is None or line.level is None:
        return ""
    return f"With n = {line.n}, a further run lies within our lowest and highest in {words.percent(line.level)}"


def reason(line: PublishedVerdict) -> str:
    """Return why the verdict stands as it does, and what the table says of the number."""
    found = line.reason
    runs = counted(int(found.numbers[0]), "run") if found.numbers else ""
    told = _REASONS[found.kind].format(*found.numbers, runs=runs, names=", ".join(found.names))
    return f"{told}; {line.note}" if line.note else told


_REASONS = {
    "": "",
    "cost": "{0} runs",
    "said": "{names}",
    "budget": "budget {0:,} against {1:,} steps",
    "changed environment": "the environment is changed here",
    "deterministic here": "evaluated deterministically against with exploration",
    "exploring here": "evaluated with exploration against deterministically",
    "final episodes": "final evaluation of {0} episodes against {1}",
    "episodes": "evaluations of {0} episodes against {1}",
    "settings": "other settings: {names}",
    "no statistic": "a run here lacks the statistic",
    "no spread": "the source prints no spread over its runs",
    "few": "{runs} of ours",
    "few against one": "{0} runs of ours; from {1} on a single published run is judged",
    "few against several": "{runs} of ours, at least {1} are needed",
    "plausible": "not implausible as one more run of ours",
    "runs above": "our runs end above the published one, further than one more run would",
    "runs below": "our runs end below the published one, further than one more run would",
    "unusual": "outside the usual limits, not far enough to be sure of it; with {0} runs ranks decide",
    "within": "the difference lies within the margin of {0:.3g}",
    "mean above": "our mean lies above the published one",
    "mean below": "our mean lies below the published one",
    "open": "the difference is neither sure nor sure to be within the margin",
    "open without margin": "the difference is not sure, and without reference returns there is no margin",
    "open for good": "the difference is neither sure nor sure to be within the margin; of {0} published runs too "
    "little is known for any number of ours to tell",
    "all alike": "every run on both sides has the same value",
    "few alike": "too few runs that are all alike",
}
"""Kind of a reason -> its words, and where its numbers and names stand in them."""


def price(line: PublishedVerdict) -> str:
    """Return what an undecided number still costs as the end of a sentence; empty where no number of runs would do."""
    if line.verdict != "undecided" or not line.more_runs:
        return ""
    return f"; {counted(line.more_runs, 'more run')}{words.core_time(line.hours)}"
