"""Every claim with its answer in, a page and a document out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.claims.records import CONTRADICTED, SUPPORTED, UNDECIDED, WAITING, Answer, Asked, Measured, Row
from bench.plain import counted
from bench.records import ClaimVerdict
from bench.report import claims as wording
from bench.report import sentences, sheet, words
from bench.report.sheet import Section, Sheet
from bench.report.table import FORMATS, Cell, Column, Table
from bench.report.words import DASH, duration

ORDER = (SUPPORTED, CONTRADICTED, UNDECIDED, WAITING)
_RULE = (
    "A claim is asked by declared claims of suites, each with a margin and an interval. It is contradicted if one of "
    "them is, supported if all that could be judged are, else undecided; what is not run yet has its price."
)


def write(answers: Sequence[Answer], measured: Sequence[Measured], rows: Sequence[Row], folder: Path) -> Path:
    """Write the page and its tables; return the page."""
    return sheet.write(
        Sheet(
            "What is taught, and what was measured",
            "Does what lessons on policy gradients teach hold?",
            in_short(answers),
            (counted(len(answers), "claim"), f"{_decided(answers)} decided"),
            tuple(sections(answers, measured, rows)),
        ),
        folder,
    )


def document(answers: Sequence[Answer], measured: Sequence[Measured], rows: Sequence[Row]) -> str:
    """Return the same as Markdown."""
    tables = [
        overview(answers),
        *(lines(one) for one in answers if one.lines),
        lessons(measured, rows),
    ]
    told = [FORMATS["md"](one.as_file()).strip() for one in tables]
    return (
        "\n\n".join(
            ["# What is taught, and what was measured", "Made by `bench claims`.", in_short(answers), _RULE, *told]
        )
        + "\n"
    )


def in_short(answers: Sequence[Answer]) -> str:
    """Return how many claims came to which verdict."""
    found = Counter(one.verdict for one in answers)
    told = ", ".join(f"{found[verdict]} {verdict}" for verdict in ORDER if found[verdict])
    return f"Of {len(answers)} claims: {told}."


def _decided(answers: Sequence[Answer]) -> int:
    return sum(one.verdict in {SUPPORTED, CONTRADICTED} for one in answers)


def sections(answers: Sequence[Answer], measured: Sequence[Measured], rows: Sequence[Row]) -> Iterator[Section]:
    """Yield what stands on the page, one part after the other."""
    yield Section("claims", "Every claim", (_RULE,), tables=(overview(answers),))
    for one in answers:
        if one.lines:
            heading = f"{one.taught.number}. {one.taught.claim}"
            items = [_again(asked) for asked in one.asked]
            yield Section(
                f"claim-{one.taught.number}",
                heading,
                (f"{_verdict(one).capitalize()}: {_parts(one)}.", *_against(one)),
                items,
                tables=(lines(one),),
                folded="What was compared, with intervals",
            )
    yield Section("lessons", "The lessons' table beside the measured one", tables=(lessons(measured, rows),))


def overview(answers: Sequence[Answer]) -> Table:
    """Return a row per claim: its verdict, what it rests on, and what is missing."""
    return Table(
        "taught",
        "Every claim with its verdict",
        (
            Column("Claim", numeric=False, wraps=True),
            Column("Verdict", numeric=False),
            Column("Rests on", numeric=False, wraps=True),
            Column("Runs", hint="trained, per environment, behind its parts"),
            Column("Run by", numeric=False, wraps=True),
            Column("Left to do", numeric=False, wraps=True),
        ),
        tuple(_row(one) for one in answers),
    )


def _row(one: Answer) -> tuple[Cell, ...]:
    runs = [line.estimate.n for line in one.lines]
    link = f"#claim-{one.taught.number}" if one.lines else ""
    return (
        Cell(f"{one.taught.number}. {one.taught.claim}", link=link),
        Cell(_verdict(one)),
        Cell(_parts(one)),
        Cell(words.span(runs) if runs else DASH),
        Cell("; ".join(f"bench run {asked.suite}" for asked in one.asked) or DASH),
        Cell(_left(one)),
    )


def _against(one: Answer) -> Iterator[str]:
    """Yield which of its parts contradict a claim that not all of them do."""
    lost = [
        (line.claim.text, asked.suite) for asked in one.asked for line in asked.judged if line.verdict == CONTRADICTED
    ]
    if 0 < len(lost) < len(one.lines):
        yield "Contradicted is " + "; ".join(f"“{text}” ({suite})" for text, suite in lost) + "."


def _verdict(one: Answer) -> str:
    """Return the verdict, of a claim that is asked further by what has not run yet as of now."""
    return f"{one.verdict} so far" if one.verdict == SUPPORTED and one.open else one.verdict


def _parts(one: Answer) -> str:
    found = Counter(line.verdict for line in one.lines) + Counter({WAITING: one.open})
    told = [f"{found[verdict]} {verdict}" for verdict in ORDER if found[verdict]]
    return f"{', '.join(told)} of {counted(found.total(), 'declared claim')}" if told else DASH


def _again(asked: Asked) -> str:
    """Return how a suite asks again, or for the first time."""
    if asked.seconds:
        return f"`bench run {asked.suite}` runs what is missing of it, at least {duration(asked.seconds)} of one core."
    return f"`bench run {asked.suite} --results elsewhere` asks it again, from nothing."


def _left(one: Answer) -> str:
    """Return what would decide it: more runs of what has run, and what has not."""
    more = max((line.more_runs or 0 for line in one.lines if line.verdict == UNDECIDED), default=0)
    told = [f"undecided: about {counted(more, 'more run')} per environment (`--seeds`)"] if more else []
    missing = [asked.suite for asked in one.asked if asked.seconds]
    told += [f"not yet run: {', '.join(missing)}, at least {duration(one.seconds)} of one core"] if missing else []
    told += [f"waits for {one.taught.waits}"] if one.taught.waits else []
    told += [f"{asked.suite} cannot be read: {asked.unreadable}" for asked in one.asked if asked.unreadable]
    return "; ".join(told) or DASH


def lines(one: Answer) -> Table:
    """Return a row per declared claim behind one that is taught."""
    return Table(
        f"claim-{one.taught.number}",
        f"{one.taught.number}. {one.taught.claim}",
        (
            Column("Declared", numeric=False, wraps=True),
            Column("Verdict", numeric=False),
            Column("Estimate", interval=True),
            Column("n"),
            Column("What was compared", numeric=False, wraps=True),
            Column("Environments", numeric=False, wraps=True),
            Column("Settings", numeric=False, wraps=True),
            Column("Holds in", numeric=False, wraps=True, hint="re-analyses: other runs or environments left out"),
            Column("Suite", numeric=False),
        ),
        tuple(_line(asked, line) for asked in one.asked for line in asked.judged),
    )


def _line(asked: Asked, line: ClaimVerdict) -> tuple[Cell, ...]:
    return (
        Cell(line.claim.text),
        Cell(line.verdict, note=wording.reason(line, asked.plan)),
        Cell(line.estimate),
        Cell(line.estimate.n),
        Cell(wording.statement(line.claim, asked.plan, len(line.environments))),
        Cell(", ".join(line.environments)),
        Cell("; ".join(dict.fromkeys(asked.settings.get(label, "") for label in line.labels))),
        Cell(asked.holding.get(line.claim.text, DASH)),
        Cell(asked.suite),
    )


def lessons(measured: Sequence[Measured], rows: Sequence[Row]) -> Table:
    """Return the table that lessons end with, and under each of its rows what was measured."""
    return Table(
        "lessons",
        "What lessons say of each algorithm, and what was measured for and against it",
        (
            Column("Algorithm", numeric=False),
            Column("According to", numeric=False),
            Column("Actions", numeric=False),
            Column("For it", numeric=False, wraps=True),
            Column("Against it", numeric=False, wraps=True),
            Column("Use when", numeric=False, wraps=True),
        ),
        tuple(cells for row in rows for cells in _beside(row, measured)),
    )


def _beside(row: Row, measured: Sequence[Measured]) -> Iterator[tuple[Cell, ...]]:
    yield tuple(map(Cell, (row.algorithm, "lessons", row.actions, row.pros, row.cons, row.use)))
    for one in measured:
        if one.card.label == row.algorithm:
            strengths, weaknesses = (
                "; ".join(map(sentences.strength, facts)) or "nothing beyond the limits"
                for facts in (one.card.strengths, one.card.weaknesses)
            )
            uses = counted(len(one.card.use_when), "situation") if one.card.use_when else "none"
            yield tuple(map(Cell, (row.algorithm, one.suite, ", ".join(one.card.actions), strengths, weaknesses, uses)))
