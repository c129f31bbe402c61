"""The words of `bench status` in; how far every cell is, and why, told, out."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict

from bench.cli.asking import opened, source
from bench.console import say, say_json, say_table
from bench.options import (
    AlgoOption,
    EnvOption,
    JsonOption,
    OnlyOption,
    OptionalPathArgument,
    ResultsOption,
    SeedsOption,
    SetOption,
    StepsOption,
)
from bench.pipeline import RESULTS, Asked, unplanned
from bench.pipeline import status as status_of
from bench.plain import counted


def status(
    suite: OptionalPathArgument = None,
    *,
    algo: AlgoOption = None,
    env: EnvOption = None,
    steps: StepsOption = None,
    set_name: SetOption = None,
    seeds: SeedsOption = None,
    only: OnlyOption = None,
    results: ResultsOption = RESULTS,
    as_json: JsonOption = False,
) -> None:
    """Tell per cell what is done, failed, running and missing, and why."""
    asked = Asked(algo or (), env or (), steps, set_name, seeds)
    experiment = opened(source(suite, asked, results, reading=True), asked, only, results)
    survey = experiment.store.survey()
    cells, unreadable = status_of(experiment, survey), list(survey.unreadable.values())
    if as_json:
        told = {"cells": [asdict(cell) for cell in cells], "unreadable": [asdict(one) for one in unreadable]}
        say_json({"suite": experiment.suite.name, **told})
        return
    batched = [name for name in ("queued", "preempted") if any(getattr(cell, name) for cell in cells)]
    counts = ("done", "failed", "running", "missing", *batched, *(["unreadable"] if unreadable else []))
    rows = [(cell.label, cell.environment, *(getattr(cell, name) or "" for name in counts)) for cell in cells]
    say_table(("algorithm", "environment", *counts), rows)
    for cell in cells:
        for reason in cell.reasons:
            say(f"{cell.label} on {cell.environment}, {reason}", "red")
    for one in unreadable:
        say(f"cannot be read: {one}", "red", whole=True)
    total = {name: sum(getattr(cell, name) for cell in cells) for name in counts[:4]}
    waiting = ", ".join(f"{sum(getattr(cell, name) for cell in cells)} {name}" for name in batched)
    stored = sum(cell.stored for cell in cells)
    more = f"; {counted(stored, 'trial')} to go on from a checkpoint" if stored else ""
    more += f"; {waiting} at the batch system" if waiting else ""
    why = sum((Counter(cell.waits) for cell in cells), Counter[str]()).most_common(2)
    more += f" ({'mostly ' if why[1:] else ''}for {why[0][0]})" if why else ""
    more += f"; {counted(len(unreadable), 'file')} cannot be read" if unreadable else ""
    say(", ".join(f"{number} {name}" for name, number in total.items()) + more)
    if sentence := unplanned(experiment, survey):
        say(sentence, "yellow", whole=True)
