"""A search, or what came of it, in; the terminal's words, or JSON, out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.console import goes_on, grid, note, say, say_grid, say_json, say_table, say_trouble
from bench.pipeline import Summary
from bench.plain import counted
from bench.report import words
from bench.report.words import duration
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
    # Of the suite `discrete` 4.6 hours were told for what took 12.5 on a busy machine.
    say(
        f"to run: {duration(seconds)} of one core, about {wall} on {counted(workers, 'worker')}, {steps:,} steps in "
        "all (reckon with a factor of 3)"
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
    search: Search,
    tuned: Mapping[Pair, Tuned],
    found: Worth,
    summary: Summary,
    written: tuple[Path, Path],
    *,
    partly: bool,
    as_json: bool,
) -> None:
    """Say what a tuning came to.

    Args:
        search: of the whole suite.
        tuned: what is known of its pairs.
        found: what that is worth.
        summary: of the runs of this command.
        written: files of the settings, which may not be there yet, and of the page.
        partly: whether this command was asked for a part.
        as_json: for programs.
    """
    from bench.tune import page as tables  # noqa: PLC0415 - seconds of seaborn: not for --dry-run

    file, report = written
    settings = str(file) if file.is_file() else None
    waiting = [pair for pair in search.pairs if pair not in tuned or tuned[pair].kept is None]
    if as_json:
        more = {"not_finished": waiting, "hyperparameters": settings, "report": str(report)}
        say_json(_data(search, tuned, found) | more | {"runs": asdict(summary)})
        return
    say(f"Tuning for {search.suite.title}: {search.protocol.words()}", "bold")
    _say(tables.kept(tuned), leave_out=("Core hours", "n"))
    if found.efforts:
        say("")
        _say(tables.efforts(found), leave_out=("Defaults' runs", "Core seconds a run"))
    if found.sensitivities:
        say("")
        _say(tables.sensitivities(found), leave_out=("Configurations",))
    say("")
    said = (
        sentences.headline(found),
        sentences.confirmed(found),
        sentences.order(found),
        *sentences.as_tuned(search.spaces.values(), found),
    )
    for told in filter(None, said):
        say(told)
    if waiting:
        command = "the same command without --only" if partly else "the same command"
        say(f"not finished: {', '.join(f'{name} on {place}' for name, place in waiting)}; {command} goes on", "yellow")
    _say_hindered(summary)
    say(f"hyperparameters: {settings or 'none yet'}", whole=True)
    say(f"report: {report}", whole=True)


def say_stopped(search: Search, summary: Summary, *, as_json: bool) -> None:
    """Say why a search goes no further for now."""
    if as_json:
        say_json({"suite": search.suite.name, "protocol": asdict(search.protocol), "runs": asdict(summary)})
        return
    say(f"{summary.done} of {summary.planned} runs done, {summary.failed} failed", "bold")
    _say_hindered(summary)
    say(f"what is finished is kept; {goes_on(summary.stored, summary.anew, 'run')}")


def _say_hindered(summary: Summary) -> None:
    """Say what else keeps runs from being there."""
    say_trouble(summary.hindered, summary.hindrances, summary.unreadable, summary.elsewhere, "run")


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
        "means_of": found.places,
        "effort": [asdict(one) for one in (*found.means, *found.efforts)],
        "stretches": [asdict(one) for one in found.stretches],
        "order": found.halved and {"whole": found.halved[0], "half": found.halved[1]},
        "sensitivity": [
            {"algorithm": pair[0], "environment": pair[1]} | asdict(one) for pair, one in found.sensitivities.items()
        ],
        "phi": {name: asdict(one) for name, one in found.phis.items()},
    }
