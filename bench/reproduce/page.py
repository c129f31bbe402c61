"""Verdicts on the numbers of one published table in, the table's own page out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench.plain import counted
from bench.records import AGREEING, STATISTICS, EvaluationPlan, PublishedTable, PublishedVerdict
from bench.report import figures, palette, sheet, words
from bench.report.order import Places
from bench.report.published import JUDGED, head, judged, left_out, price, reason, weak
from bench.report.sheet import Section, Sheet
from bench.report.table import Cell, Column, Table
from bench.report.words import core_time
from bench.reproduce.records import Leaning
from bench.reproduce.sentences import headline, leaning


def write(
    table: PublishedTable,
    lines: Sequence[PublishedVerdict],
    together: Leaning | None,
    folder: Path,
    borrowed: Mapping[str, int],
    made_with: Mapping[str, Sequence[str]],
) -> Path:
    """Write a table's page and its tables as files into `folder`; return the page.

    Args:
        table: what was published.
        lines: a verdict for every number of it.
        together: whether its single runs lean to one side.
        folder: where to.
        borrowed: results folder of another suite -> trials of it that count here too.
        made_with: library -> versions with which our runs were made.
    """
    page = Sheet(
        table.title,
        "Does a published table hold here?",
        headline(lines),
        (f"commit {table.commit}", f"measured {table.date}", f"{counted(table.runs, 'run')} a number"),
        tuple(_sections(table, lines, leaning(together), borrowed, made_with)),
        Places({}, {}, styles=palette.styles(_labels(lines))),
    )
    return sheet.write(page, folder)


def _labels(lines: Sequence[PublishedVerdict]) -> list[str]:
    return sorted({line.label for line in lines})


def _sections(
    table: PublishedTable,
    lines: Sequence[PublishedVerdict],
    together: str,
    borrowed: Mapping[str, int],
    made_with: Mapping[str, Sequence[str]],
) -> Iterator[Section]:
    command = f"`bench reproduce {table.name}`"
    found, open_, without = judged(lines), _waiting(lines), left_out(lines)
    interval = "" if table.runs == 1 else " with its 95 % interval"
    told = (
        f"Dots are our runs, the filled diamond is the published number{interval}: {STATISTICS[table.statistic]}."
        if found.rows
        else f"No number has been run yet; {command} does it, the cheapest first."
    )
    same = [f"{counted(n, 'trial')} of {root} are the very same and count here." for root, n in borrowed.items()]
    yield Section(
        "judged",
        "Verdicts",
        [text for text in (weak(lines), together, told) if text],
        items=[*_deviations(lines), *same],
        figures=tuple(figures.published(lines)),
        tables=(found,) if found.rows else (),
    )
    if open_.rows:
        wait = "waits" if len(open_.rows) == 1 else "wait"
        told = f"{counted(len(open_.rows), 'number')} {wait}{core_time(_to_go(lines))}. {command} goes on from here."
        lid = "Every number that waits, with its cost"
        yield Section("waiting", "Not yet run", (told,), tables=(open_,), folded=lid)
    if without.rows:
        lid = "Every number left out, with the reason"
        yield Section("left-out", "Not comparable", tables=(without,), folded=lid)
    yield Section("method", "How it is judged", (_rule(table), *_here(table, made_with)))
    yield _source(table, {line.environment for line in lines})


def _here(table: PublishedTable, made_with: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield how the numbers were made there and here."""
    plan = EvaluationPlan()
    episodes = {"final": plan.final_episodes, "last": plan.episodes, "maximum": plan.episodes}.get(table.statistic)
    yield f"There: {table.protocol}"
    yield f"Here: {STATISTICS[table.statistic]}{f'; {episodes} episodes' if episodes else ''}."
    if table.whole_rollouts:
        yield (
            "stable-baselines3 goes on past its budget until the last rollout is whole. Where that is more than one "
            "update in a hundred, our budget is rounded up to whole rollouts; the budgets shown are those published."
        )
    if made_with:
        told = ", ".join(f"{library} {' and '.join(versions)}" for library, versions in made_with.items())
        yield f"Our runs were made with {told}. Every trial's record holds its settings to the last."


def _waiting(lines: Sequence[PublishedVerdict]) -> Table:
    """Return one row per number that nobody has run here yet, with its cost."""
    return Table(
        "published-waiting",
        "Not yet run, the cheapest first; core time measured or estimated, reckon with a factor of 2",
        (
            Column("Algorithm", numeric=False),
            Column("Environment", numeric=False),
            Column("Steps"),
            Column("Source", numeric=False),
            Column("Published"),
            Column("Runs to do"),
            Column("Core hours", places=2),
        ),
        tuple(
            (*head(line), Cell(line.published), Cell(line.more_runs), Cell(line.hours))
            for line in lines
            if line.verdict == "not yet run"
        ),
    )


def _to_go(lines: Sequence[PublishedVerdict]) -> float:
    return sum(line.hours or 0.0 for line in lines if line.verdict == "not yet run")


def _deviations(lines: Sequence[PublishedVerdict]) -> Iterator[str]:
    """Yield a sentence for every number that was run and does not agree with ours, the decided first."""
    for line in sorted(lines, key=lambda line: line.verdict == "undecided"):
        if line.verdict in JUDGED and line.verdict not in AGREEING and line.values:
            low, high = words.number(min(line.values)), words.number(max(line.values))
            yield (
                f"{line.label} on {line.environment}, {line.verdict}: published {words.number(line.published)}, our "
                f"{counted(line.n, 'run')} from {low} to {high}; {reason(line)}{price(line)}.{_order(line)}"
            )


def _order(line: PublishedVerdict) -> str:
    """Return the command that runs what an undecided number still costs."""
    if line.verdict != "undecided" or not line.more_runs:
        return ""
    pair = f"{line.label}@{line.environment}"
    return f" `bench reproduce {line.table} --only {pair} --seeds {line.n + line.more_runs}` runs them."


def _rule(table: PublishedTable) -> str:
    if table.runs == 1:
        return (
            "Each published number is one training run. The question is whether it is plausible as a single draw from "
            "our runs, not whether it lies near our mean: its rank among them is shown, and the limits are those of "
            "one more run. It is called different only beyond limits wide enough that at most 5 % of honest runs "
            "are, for skewed, capped and failing runs too."
        )
    kind = "standard error" if table.spread_kind == "stderr" else "population standard deviation"
    return (
        f"Each published number is a mean of {table.runs} runs. The difference of means is shown with its 95 % "
        f"interval; the number is reproduced where all of that is within {words.percent(table.margin)} of the way from "
        f"the random policy to the target. The printed spread ({kind} over runs) is converted to a sample standard "
        "deviation over runs."
    )


def _source(table: PublishedTable, places: set[str]) -> Section:
    versions = ", ".join(f"{library} {version}" for library, version in table.versions.items())
    told = (
        f"{table.source}, commit {table.commit} ({table.licence}). Measured {table.date} with {versions}. "
        f"Hyperparameters: the set {table.hyperparameters}, with the source's own where they differ."
    )
    evidence = [f"{place}: {text}" for place, text in table.environments.items() if place in places]
    again = _again(table)
    return Section(
        "source",
        "Source",
        (told,),
        items=(*table.notes, *evidence),
        tables=(again,) if again.rows else (),
        folded="Published agents, evaluated again on today's environments" if again.rows else "",
    )


def _again(table: PublishedTable) -> Table:
    """Return the published agents themselves, loaded and evaluated on today's environments."""
    cells = [(cell, cell.again) for cell in table.cells if cell.again]
    return Table(
        "published-again",
        "The published agents themselves on today's environments; z is the difference over its standard error",
        (
            Column("Algorithm", numeric=False),
            Column("Environment", numeric=False),
            Column("Published", places=2),
            Column("Again", places=2),
            Column("Episodes", places=0),
            Column("z", places=2),
        ),
        tuple(
            (
                Cell(cell.algorithm),
                Cell(cell.place),
                Cell(cell.mean),
                Cell(again["mean"]),
                Cell(again["episodes"]),
                Cell(again["z"]),
            )
            for cell, again in cells
        ),
    )
