"""A search, or what came of it, in; the terminal's words, or JSON, out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.console import goes_on, grid, note, say, say_grid, say_hindrances, say_json, say_table
from bench.pipeline import Summary
from bench.plain import counted
from bench.report import words
from bench.report.sentences import duration
from bench.tune import sentences
from bench.tune.search import Pair, Price, Search, label

if TYPE_CHECKING:
    from bench.report.table import Table
    from bench.tune.outcome import Tuned
    from bench.tune.worth import Worth


def say_search(search: Search, prices: Mapping[Pair, Price], workers: int, *, as_json: bool) -> None:
    """Say what would be searched, drawn and spent."""
    numbers = range(search.protocol.configurations)
    if as_json:
        say_json(
            {
                "suite": search.suite.name,
                "protocol": asdict(search.protocol),
                "spaces": {name: [asdict(one) for one in each.dimensions] for name, each in search.spaces.items()},
                "configurations": [
                    {
                        "algorithm": name,
                        "environment": place,
                        "number": number,
                        "settings": search.drawn(name, place, number),
                    }
                    for name, place in search.pairs
                    for number in numbers
                ],
                "prices": [
                    dict(zip(("algorithm", "environment"), pair, strict=True)) | asdict(one)
                    for pair, one in prices.items()
                ],
                "broken_defaults": list(search.broken_defaults()),
                "notes": list(search.notes),
            }
        )
        return
    say_spaces(search)
    say_table(
        ("configuration", "environment", "settings"),
        [
            (label(name, number), place, _settings(search.drawn(name, place, number)))
            for name, place in search.pairs
            for number in numbers
        ],
    )
    say("")
    for told in (*search.broken_defaults(), *search.notes):
        note(f"note: {told}")
    say_table(
        ("algorithm", "environment", "runs", "steps", "core time"),
        [
            (*pair, one.trials, f"{one.steps:,}", duration(one.seconds) if one.seconds else "")
            for pair, one in prices.items()
        ],
    )
    seconds, steps = sum(one.seconds for one in prices.values()), sum(one.steps for one in prices.values())
    wall = duration(seconds / workers)
    say(
        f"to run: {duration(seconds)} of one core, about {wall} on {counted(workers, 'worker')}, {steps:,} steps in "
        "all (reckon with a factor of 2)"
    )


def say_spaces(search: Search) -> None:
    """Say what is searched, where each space comes from, and by which rule learning rates got their ranges."""
    say(f"Tuning for {search.suite.title}: {search.protocol.words()}", "bold")
    for name in dict.fromkeys(name for name, _ in search.pairs):
        searched = search.spaces[name]
        say("")
        say(f"{name}: {searched.source}")
        say_table(
            ("setting", "values", "limit or condition", "default"),
            [
                (one.name, one.range_in_words(), one.condition_in_words(), words.setting(one.default))
                for one in searched.dimensions
            ],
        )
    say("")
    say(next(iter(search.spaces.values())).rule)
    say("")


def say_outcome(
    search: Search, tuned: Mapping[Pair, Tuned], found: Worth, file: Path, page: Path, *, as_json: bool
) -> None:
    """Say what a tuning came to."""
    from bench.tune import page as tables  # noqa: PLC0415 - seconds of seaborn: not for --dry-run

    if as_json:
        say_json(
            _data(search, tuned, found)
            | {"hyperparameters": str(file) if file.is_file() else None, "report": str(page)}
        )
        return
    say(f"Tuning for {search.suite.title}: {search.protocol.words()}", "bold")
    _say(tables.kept(tuned), leave_out=("Core hours", "n"))
    if found.efforts:
        say("")
        _say(
            tables.efforts((*found.means, *found.efforts) if len(search.places) > 1 else found.efforts),
            ("Core seconds a run",),
        )
    if found.sensitivities:
        say("")
        _say(tables.sensitivities(found), leave_out=("Configurations",))
    say("")
    for told in filter(None, (sentences.headline(found), sentences.order(found), *sentences.as_tuned())):
        say(told)
    waiting = [pair for pair in search.pairs if pair not in tuned or tuned[pair].kept is None]
    if waiting:
        say(
            f"not finished: {', '.join(f'{name} on {place}' for name, place in waiting)}; the same command goes on",
            "yellow",
        )
    say(f"hyperparameters: {file if file.is_file() else 'none yet'}", whole=True)
    say(f"report: {page}", whole=True)


def say_stopped(summary: Summary) -> None:
    """Say why a search goes no further for now."""
    say(f"{summary.done} of {summary.planned} runs done, {summary.failed} failed", "bold")
    if summary.hindered:
        say_hindrances(summary.hindered, summary.hindrances)
    if summary.elsewhere:
        say(f"{summary.elsewhere} runs are being made by another command on this folder")
    say(f"what is finished is kept; {goes_on(summary.stored, 'run')}")


def _settings(drawn: Mapping[str, Any]) -> str:
    return words.settings(drawn) if drawn else sentences.DEFAULTS


def _say(content: Table, leave_out: tuple[str, ...] = ()) -> None:
    places = [place for place, column in enumerate(content.columns) if column.name not in leave_out]
    columns = [content.columns[place] for place in places]
    table = grid([column.name for column in columns], right=[column.name for column in columns if column.numeric])
    for row in content.rows:
        table.add_row(*(row[place].shown(content.columns[place].places) for place in places))
    say_grid(table)


def _data(search: Search, tuned: Mapping[Pair, Tuned], found: Worth) -> dict[str, Any]:
    return {
        "suite": search.suite.name,
        "protocol": asdict(search.protocol),
        "pairs": [
            {
                "algorithm": one.algorithm,
                "environment": one.environment,
                "scores": one.landscape.scores.tolist(),
                "areas": one.landscape.areas.tolist(),
                "core_seconds": one.core_seconds,
                "failed": one.failed,
                "confirmed": [asdict(each) for each in one.confirmed],
                "kept": one.kept and one.kept.number,
                "settings": one.settings,
            }
            for one in tuned.values()
        ],
        "effort": [asdict(one) for one in (*found.means, *found.efforts)],
        "stretches": [asdict(one) for one in found.stretches],
        "order": found.halved and {"whole": found.halved[0], "half": found.halved[1]},
        "sensitivity": [
            {"algorithm": pair[0], "environment": pair[1]} | asdict(one) for pair, one in found.sensitivities.items()
        ],
        "phi": {name: asdict(one) for name, one in found.phis.items()},
    }
