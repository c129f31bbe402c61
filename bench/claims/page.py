"""Every claim with its answer in, a page and a document out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.analysis.verdict import MOST_RUNS
from bench.claims.records import CONTRADICTED, SUPPORTED, UNDECIDED, WAITING, Answer, Asked, Measured, Row
from bench.plain import counted
from bench.records import ClaimVerdict
from bench.report import claims as wording
from bench.report import sentences, sheet, words
from bench.report.sheet import Section, Sheet
from bench.report.table import FORMATS, Cell, Column, Table
from bench.report.words import DASH, capital, duration

_DEFAULTS = sentences.setting("default")
ORDER = (SUPPORTED, CONTRADICTED, UNDECIDED, WAITING)
_RULE = (
    "A claim is asked by declared claims of suites, each with a margin and an interval. It is contradicted if one of "
    "them is, supported if all that could be judged are, else undecided; what is not run yet has its price. The "
    "estimate beside a verdict is that of the first of its parts that came out so."
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
        *(lines(one) for one in answers if one.lines or one.aside),
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
    """Return how many claims came to which verdict; what waits for further suites is supported only so far."""
    found = Counter(_so_far(one) for one in answers)
    order = (SUPPORTED, f"{SUPPORTED} so far", *ORDER[1:])
    told = ", ".join(f"{found[verdict]} {verdict}" for verdict in order if found[verdict])
    return f"Of {counted(len(answers), 'claim')}: {told}."


def _decided(answers: Sequence[Answer]) -> int:
    return sum(one.verdict in {SUPPORTED, CONTRADICTED} for one in answers)


def sections(answers: Sequence[Answer], measured: Sequence[Measured], rows: Sequence[Row]) -> Iterator[Section]:
    """Yield what stands on the page, one part after the other."""
    yield Section("claims", "Every claim", (_RULE,), tables=(overview(answers),))
    for one in answers:
        if one.lines or one.aside:
            heading = f"{one.taught.number}. {one.taught.claim}"
            items = [_again(asked) for asked in one.asked]
            yield Section(
                f"claim-{one.taught.number}",
                heading,
                (f"{capital(_verdict(one))}: {_parts(one)}.", *_against(one), *_aside(one)),
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
            Column("Verdict", numeric=False, wraps=True),
            Column("Estimate", interval=True, hint="of the first of its parts that came out as the whole did"),
            Column("Settings", numeric=False, wraps=True, hint="of all that its parts compare"),
            Column("Rests on", numeric=False, wraps=True),
            Column("Runs", hint="trained, per environment, behind its parts"),
            Column("Run by", numeric=False, wraps=True, file_only=True),
            Column("Left to do", numeric=False, wraps=True),
        ),
        tuple(_row(one) for one in answers),
    )


def _row(one: Answer) -> tuple[Cell, ...]:
    runs = [line.estimate.n for line in one.lines]
    link = f"#claim-{one.taught.number}" if one.lines or one.aside else ""
    asked, first = one.deciding or (None, None)
    return (
        Cell(f"{one.taught.number}. {one.taught.claim}", link=link),
        Cell(_verdict(one)),
        Cell(first.estimate, note=_compared(asked, first)) if asked and first else Cell(DASH),
        Cell("; ".join(one.terms) or DASH),
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


def _aside(one: Answer) -> Iterator[str]:
    """Yield what was meant to count and does not, with what came of it."""
    for each in one.taught.set_aside:
        found = next((asked.aside for asked in one.asked if asked.suite == each.suite), ())
        came = next((line.verdict for line in found if line.claim.text == each.claim), WAITING)
        yield f"Set aside, and counted for nothing: “{each.claim}” ({each.suite}), {came}. {each.why}"


def _verdict(one: Answer) -> str:
    """Return the verdict, of a claim that is asked further by what has not run yet as of now, with its circumstance."""
    decided = one.verdict in {SUPPORTED, CONTRADICTED}
    return _so_far(one) + (", with defaults" if decided and one.terms == (_DEFAULTS,) else "")


def _so_far(one: Answer) -> str:
    return f"{one.verdict} so far" if one.verdict == SUPPORTED and (one.open or one.taught.waits) else one.verdict


def _compared(asked: Asked, line: ClaimVerdict) -> str:
    return (
        f"Compared: {wording.statement(line.claim, asked.plan, len(line.environments))}; {', '.join(line.environments)}"
    )


def _parts(one: Answer) -> str:
    found = Counter(line.verdict for line in one.lines) + Counter({WAITING: one.open})
    told = [f"{found[verdict]} {verdict}" for verdict in ORDER if found[verdict]]
    aside = f"; {len(one.taught.set_aside)} set aside" if one.taught.set_aside else ""
    return (f"{', '.join(told)} of {counted(found.total(), 'declared claim')}" if told else DASH) + aside


def _again(asked: Asked) -> str:
    """Return how a suite asks again, or for the first time."""
    if asked.seconds:
        return f"`bench run {asked.suite}` runs what is missing of it, at least {duration(asked.seconds)} of one core."
    return f"`bench run {asked.suite} --results elsewhere` asks it again, from nothing."


def _left(one: Answer) -> str:
    """Return what would decide it: more runs of what has run, and what has not."""
    open_parts = [line for line in one.lines if line.verdict == UNDECIDED]
    told = [f"undecided: {_price(open_parts)}"] if open_parts else []
    missing = [asked.suite for asked in one.asked if asked.seconds]
    told += [f"not yet run: {', '.join(missing)}, at least {duration(one.seconds)} of one core"] if missing else []
    told += [f"waits for {one.taught.waits}"] if one.taught.waits else []
    told += [f"{asked.suite} cannot be read: {asked.unreadable}" for asked in one.asked if asked.unreadable]
    return "; ".join(told) or DASH


def _price(parts: Sequence[ClaimVerdict]) -> str:
    """Return how many more runs would decide these parts, and how many of them no number worth naming would."""
    known = [line.more_runs for line in parts if line.more_runs]
    told = [f"about {counted(max(known), 'more run')} per environment"] if known else []
    if beyond := len(parts) - len(known):
        told.append(f"{counted(beyond, 'part')} that {MOST_RUNS} more would not decide")
    return ", and ".join(told)


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
        (
            *(_line(asked, line) for asked in one.asked for line in asked.judged),
            *(_left_out(one, asked, line) for asked in one.asked for line in asked.aside),
        ),
    )


def _left_out(one: Answer, asked: Asked, line: ClaimVerdict) -> tuple[Cell, ...]:
    """Return the row of a claim that is set aside: as it came out, and why it does not count."""
    why = next(each.why for each in one.taught.set_aside if (each.suite, each.claim) == (asked.suite, line.claim.text))
    text, verdict, *rest = _line(asked, line)
    return text, Cell(f"set aside: {line.verdict}", note=f"{why} {verdict.note}"), *rest


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
