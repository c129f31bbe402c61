"""A source named on the command line in, what is imported and what is refused told out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.terminal import say, say_json
from bench.errors import BenchError
from bench.plain import plain

if TYPE_CHECKING:
    from bench.pipeline.importing import Imported, ImportedRun

_ROLES = ("algorithm", "environment", "seed", "steps", "return")
_MANY = 4
"""Files refused for one reason that are told in one line."""
_MOST_NOTES = 12
_RULES = (
    "an empty, NaN or infinite value is a gap: it is left out and counted",
    "of several values at one step the last in the file counts",
    "the budget is that of --steps, else of the source, else of the cell it joins, else of its longest run",
    "what lies more than 5 % past the budget is left out, and with --steps what comes after the point that reaches it",
    "a run that ends a tenth of the budget and one evaluation before it counts as failed",
    "a run without a seed, or whose seed another run of its cell has, takes the smallest free number",
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
        typer.Option(help="columns of a CSV: algorithm=algo,environment=env,seed=run,steps=steps,return=score"),
    ] = "",
    wide: Annotated[str, typer.Option(help="`run` or `algorithm`: what each column of a wide CSV file is")] = "",
    metric: Annotated[str, typer.Option(help="tag, metric or column of the returns, where there are several")] = "",
    steps: Annotated[int | None, typer.Option(min=1, help="the budget; longer runs are cut there")] = None,
    episodes: Annotated[
        str, typer.Option(help="`training` or `evaluation`: what the episodes are, where the files do not say")
    ] = "",
    rename: Annotated[
        list[str] | None, typer.Option(help="LunarLander-v2=LunarLander-v3: take the one for the other; repeatable")
    ] = None,
    pool: Annotated[
        bool, typer.Option("--pool", help="let imported runs lie beside own trials, under labels of their own")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would be imported, and keep nothing")] = False,
    results: Annotated[Path, typer.Option(help="folder that holds the results of all suites")] = Path("results"),
    as_json: Annotated[bool, typer.Option("--json", help="print JSON, for programs")] = False,
) -> None:
    """Import results of others: RL Zoo, stable-baselines3, TensorBoard, Weights & Biases, marl-eval, CSV.

    Imported runs lie in a set of their own, marked as such with what is known of their origin. Importing twice changes
    nothing. Exit code 1: some files were refused; 2: none could be read.
    """
    from bench.imports import Hints  # noqa: PLC0415 - `bench --help` must be instant
    from bench.pipeline.importing import import_source  # noqa: PLC0415 - as above

    hints = Hints(
        algorithm=algorithm,
        environment=environment,
        label=label,
        kind=kind,
        columns=_columns(columns),
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


def _columns(text: str) -> Mapping[str, str]:
    pairs = _pairs("--columns", [part for part in text.split(",") if part.strip()])
    unknown = [role for role in pairs if role not in _ROLES]
    if unknown:
        told = ", ".join(map(repr, unknown))
        raise BenchError(f"--columns: {told} {'is' if len(unknown) == 1 else 'are'} none of {', '.join(_ROLES)}")
    return pairs


def _say(found: Imported) -> None:
    cells: dict[tuple[str, str, str], list[ImportedRun]] = defaultdict(list)
    for run in found.runs:
        cells[run.label, run.environment, run.kind].append(run)
    for (label, environment, kind), runs in cells.items():
        say(f"{label} on {environment} ({kind}): {_cell(runs)}", whole=True)
    for words in dict.fromkeys(run.evaluation for run in found.runs):
        say(f"evaluation: {words}", "dim", whole=True)
    notes = Counter(note for run in found.runs for note in run.notes)
    for note, count in notes.most_common(_MOST_NOTES):
        say(f"note: {note}" + (f" ({count} runs)" if count > 1 else ""), "yellow", whole=True)
    if len(notes) > _MOST_NOTES:
        say(f"{len(notes) - _MOST_NOTES} more notes; --json gives all", "yellow", whole=True)
    for line in _refusals(found):
        say(f"refused: {line}", "red", whole=True)
    for line in found.aside:
        say(line, "dim", whole=True)
    if found.runs:
        say("rules: " + "; ".join(_RULES), "dim", whole=True)
    say(_summary(found), "bold", whole=True)


def _refusals(found: Imported) -> Iterator[str]:
    """Yield every refused file with its reason; the many that share one in one line."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for refusal in found.refused:
        reasons[refusal.reason].append(refusal.file)
    for reason, files in reasons.items():
        yield from [f"{reason}: {', '.join(files)}"] if len(files) >= _MANY else [f"{file}: {reason}" for file in files]


def _cell(runs: list[ImportedRun]) -> str:
    states = Counter(run.state for run in runs)
    ends = sorted({run.steps for run in runs})
    reach = f"to {ends[0]:,}" if len(ends) == 1 else f"to {ends[0]:,}-{ends[-1]:,}"
    told = ", ".join(f"{count} {state}" for state, count in states.items())
    plural = "run" if len(runs) == 1 else "runs"
    return (
        f"{len(runs)} {plural} {reach} of {runs[0].budget:,} steps ({told})"
        if ends[-1]
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
    again = f"; `bench report {found.into}` shows them" if found.runs and not found.dry_run else ""
    return ", ".join(told) + again
