"""A source named on the command line in, what is imported and what is refused told out."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from bench.console import say, say_json, say_table
from bench.errors import BenchError
from bench.imports.found import Hints, Refusal
from bench.imports.keeping import Imported, ImportedRun, import_source
from bench.options import JsonOption, ResultsOption
from bench.pipeline import RESULTS
from bench.plain import listed, plain

_ROLES = ("algorithm", "environment", "seed", "steps", "return", "status")
_MANY = 4
"""Files refused for one reason that are told in one line."""
_MOST_NOTES = 12
_MOST_NAMES = 40
"""Files that one line names."""
_MOST_ROWS = 500
"""Runs that a dry run lists."""
_RULES = (
    "an empty, NaN or infinite value is a gap: it is left out and counted",
    "of several values at one step the last in the file counts",
    "the budget is that of --steps, else of the source, else of the cell it joins, else of its longest run",
    "what lies more than 5 % past the budget is left out, and with --steps what comes after the point that reaches it",
    "a run that ends a tenth of the budget and one evaluation before it counts as failed",
    "a run without a seed, or whose seed another run of its cell has, takes the smallest free number",
    "a run is told once: evaluations before Monitor files before event files before tables",
    "the final return is that of the last evaluation, or the mean of the last 100 training episodes",
)


def import_(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="a file or folder that another tool wrote")],
    *,
    into: Annotated[str, typer.Option(help="name of the set: results/NAME; that of the source if not given")] = "",
    kind: Annotated[str, typer.Option("--as", help="read as this kind only; found by itself if not given")] = "",
    algorithm: Annotated[str, typer.Option(help="the algorithm, where the files do not say")] = "",
    environment: Annotated[str, typer.Option(help="the environment, where the files do not say")] = "",
    label: Annotated[str, typer.Option(help="what the algorithm is called in reports")] = "",
    columns: Annotated[
        str,
        typer.Option(
            help="columns of a CSV: algorithm=algo,environment=env,seed=run,steps=steps,return=score,status=state; "
            "steps=iteration*2048 where each counts so many, steps=row*1000 where nothing does"
        ),
    ] = "",
    ignore: Annotated[
        list[str] | None, typer.Option(help="a column of a CSV that counts for nothing; repeatable")
    ] = None,
    wide: Annotated[str, typer.Option(help="`run` or `algorithm`: what each column of a wide CSV file is")] = "",
    metric: Annotated[str, typer.Option(help="tag, metric or column of the returns, where there are several")] = "",
    steps: Annotated[int | None, typer.Option(min=1, help="the budget; longer runs are cut there")] = None,
    episodes: Annotated[
        str, typer.Option(help="`training` or `evaluation`: what the episodes are, where the files do not say")
    ] = "",
    rename: Annotated[
        list[str] | None, typer.Option(help="LunarLander-v2=LunarLander-v3: take the one for the other; repeatable")
    ] = None,
    sessions: Annotated[
        str, typer.Option(help="`last`: of trainings that began anew in one place take the last one alone")
    ] = "",
    separate: Annotated[
        bool, typer.Option("--separate", help="runs with the same algorithm, environment and seed are several runs")
    ] = False,
    pool: Annotated[
        bool, typer.Option("--pool", help="let imported runs lie beside own trials, under labels of their own")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would be imported, and keep nothing")] = False,
    results: ResultsOption = RESULTS,
    as_json: JsonOption = False,
) -> None:
    """Import results of others: RL Zoo, stable-baselines3, TensorBoard, Weights & Biases, marl-eval, CSV.

    Imported runs lie in a set of their own, marked as such with what is known of their origin. Importing twice changes
    nothing. Exit code 1: some files were refused; 2: none could be read.
    """
    named, factor = _columns(columns)
    hints = Hints(
        algorithm=algorithm,
        environment=environment,
        label=label,
        kind=kind,
        columns=named,
        factor=factor,
        ignore=tuple(ignore or ()),
        sessions=_word("--sessions", sessions, ("last",)),
        separate=separate,
        wide=_word("--wide", wide, ("run", "algorithm")),
        metric=metric,
        steps=steps,
        episodes=_word("--episodes", episodes, ("training", "evaluation")),
        rename=_pairs("--rename", rename or []),
    )
    if "@" in label or plain(label) != label or label != label.strip():
        raise BenchError(f"--label {label!r}: wants a line of text without `@` or blanks at its ends")
    found = import_source(source, hints, into=into, results=results, pool=pool, dry_run=dry_run)
    if as_json:
        told = {**asdict(found), "rules": _RULES, "exit_code": found.exit_code}
        say_json(told)
    else:
        _say(found)
    raise typer.Exit(found.exit_code)


def _word(option: str, value: str, known: tuple[str, ...]) -> str:
    if value and value not in known:
        raise BenchError(f"{option} wants {' or '.join(known)}, not {value!r}")
    return value


def _pairs(option: str, given: list[str]) -> dict[str, str]:
    wrong = [text for text in given if "=" not in text.strip("=")]
    if wrong:
        raise BenchError(f"{option} wants NAME=NAME, not {', '.join(map(repr, wrong))}")
    return {name.strip(): value.strip() for name, _, value in (text.partition("=") for text in given)}


def _columns(text: str) -> tuple[Mapping[str, str], float]:
    """Return role -> column, and how many steps one of the column of steps stands for: `steps=iteration*2048`."""
    pairs = _pairs("--columns", [part for part in text.split(",") if part.strip()])
    unknown = [role for role in pairs if role not in _ROLES]
    if unknown:
        told = ", ".join(map(repr, unknown))
        raise BenchError(f"--columns: {told} {'is' if len(unknown) == 1 else 'are'} none of {', '.join(_ROLES)}")
    column, _, times = pairs.get("steps", "").rpartition("*")
    if not column:
        return pairs, 1.0
    try:
        factor = float(times)
    except ValueError:
        return pairs, 1.0
    if not (math.isfinite(factor) and factor > 0):
        raise BenchError(f"--columns: steps={column}*{times}: no number of steps")
    return {**pairs, "steps": column.strip()}, factor


def _say(found: Imported) -> None:
    if found.dry_run and found.runs:
        say_table(*_table(found.runs))
    cells: dict[tuple[str, str, str], list[ImportedRun]] = defaultdict(list)
    for run in found.runs:
        cells[run.label, run.environment, run.kind].append(run)
    for (label, environment, kind), runs in cells.items():
        say(f"{label} on {environment} ({kind}): {_cell(runs)}", whole=True)
    for words in dict.fromkeys(run.evaluation for run in found.runs):
        say(f"evaluation: {words}", "dim", whole=True)
    _notes(found)
    for line in _lines(found.refused):
        say(f"refused: {line}", "red", whole=True)
    for line in _lines(found.aside):
        say(f"left aside: {line}", "dim", whole=True)
    if found.runs:
        say("rules: " + "; ".join(_RULES), "dim", whole=True)
    say(_summary(found), "bold", whole=True)


def _notes(found: Imported) -> None:
    for remark in found.remarks:
        say(f"note: {remark}", "yellow", whole=True)
    notes = Counter(note for run in found.runs for note in run.notes)
    for note, count in notes.most_common(_MOST_NOTES):
        say(f"note: {note}" + (f" ({count} runs)" if count > 1 else ""), "yellow", whole=True)
    if len(notes) > _MOST_NOTES:
        say(f"{len(notes) - _MOST_NOTES} more notes; --json gives all", "yellow", whole=True)


def _table(runs: tuple[ImportedRun, ...]) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Return what would be taken as what, a row for each run, and its headings."""
    header = ("algorithm", "environment", "seed", "steps", "of", "points", "state", "kind", "read from")
    rows: list[tuple[object, ...]] = []
    for run in runs[:_MOST_ROWS]:
        steps = "not told" if run.steps is None else run.steps
        numbers = (run.seed, steps, run.budget, run.points)
        rows.append((run.label, run.environment, *numbers, run.state, run.kind, run.source))
    if len(runs) > _MOST_ROWS:
        rows.append((f"{len(runs) - _MOST_ROWS} more; --json gives all", *[""] * (len(header) - 1)))
    return header, rows


def _lines(left: Sequence[Refusal]) -> Iterator[str]:
    """Yield everything that was left out with its reason; the many that share one in one line."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for one in left:
        reasons[one.reason].append(one.file)
    for reason, files in reasons.items():
        named = listed(files, _MOST_NAMES) + ("; --json gives all" if len(files) > _MOST_NAMES else "")
        yield from [f"{reason}: {named}"] if len(files) >= _MANY else [f"{file}: {reason}" for file in files]


def _cell(runs: list[ImportedRun]) -> str:
    states = Counter(run.state for run in runs)
    ends = sorted({run.steps for run in runs if run.steps is not None})
    reach = "" if not ends else f"to {ends[0]:,}" if len(ends) == 1 else f"to {ends[0]:,}-{ends[-1]:,}"
    told = ", ".join(f"{count} {state}" for state, count in states.items())
    plural = "run" if len(runs) == 1 else "runs"
    return (
        f"{len(runs)} {plural} {reach} of {runs[0].budget:,} steps ({told})"
        if ends
        else f"{len(runs)} {plural} ({told})"
    )


def _summary(found: Imported) -> str:
    states = Counter(run.state for run in found.runs)
    would = "would be " if found.dry_run else ""
    count = states["new"] + states["failed"]
    told = [f"{count} {'run' if count == 1 else 'runs'} {would}imported into {found.into}"]
    if states["failed"]:
        told.append(f"{states['failed']} of them as failed")
    if states["there already"]:
        told.append(f"{states['there already']} were there already")
    if found.refused:
        told.append(f"{len(found.refused)} refused")
    not_read = found.files - found.read - found.left
    told.append(f"of {found.files} files {found.read} read, {found.left} left aside, {not_read} refused")
    again = f"; `bench report {quote(str(found.into))}` shows them" if found.runs and not found.dry_run else ""
    return ", ".join(told) + again
