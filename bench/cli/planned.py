"""An experiment in; its plan, its cost and what needs care, told, out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict

from bench import pipeline
from bench.console import note, say, say_json, say_table
from bench.pipeline import Experiment
from bench.plan import Cell, ChosenImplementation
from bench.records import STALL_MINUTES, Limits, Suite
from bench.report.words import duration


def say_plan(experiment: Experiment, *, as_json: bool, workers: int, here: bool) -> None:
    """Say what would run, and what it costs on so many workers; `here`: on this machine, and what does not fit it."""
    survey = experiment.store.survey()
    each = pipeline.trial_seconds(experiment, pipeline.measured_seconds(experiment, survey))
    cost = pipeline.cost_of(experiment, survey, each)
    seconds = sum(cost.seconds.values())
    plan, cells = experiment.plan, pipeline.status(experiment, survey)
    slow_after = pipeline.slow_after_seconds(experiment, each)
    unfit = pipeline.oversized_here(experiment, survey) if here else []
    if as_json:
        say_json(
            {
                "suite": experiment.suite.name,
                "trials": len(plan.trials),
                "cells": [
                    asdict(cell)
                    | {
                        "core_seconds": cost.seconds.get((cell.label, cell.environment), 0.0),
                        "slow_after_seconds": slow_after.get((cell.label, cell.environment)),
                    }
                    for cell in cells
                ],
                "skips": [asdict(skip) for skip in plan.skips],
                "choices": [asdict(choice) for choice in plan.choices],
                "warnings": [*plan.warnings, *unfit],
                "limits": asdict(experiment.suite.limits),
                "cost": {"core_seconds": seconds, "steps": cost.steps, "disk_mb": cost.disk_mb, "workers": workers},
            }
        )
        return
    say(f"{experiment.suite.title} - {len(plan.trials)} trials", "bold")
    say_table(
        ("algorithm", "environment", "done", "to run", "core time"),
        [
            (
                cell.label,
                cell.environment,
                cell.done,
                cell.missing + cell.failed,
                _core_time(cost.seconds.get((cell.label, cell.environment), 0.0)),
            )
            for cell in cells
        ],
    )
    for line in (*_settings(experiment.suite), *_choices(plan.choices)):
        say(line)
    say_warnings(experiment, *unfit)
    wall = duration(wall_seconds(cost.seconds, each, workers))
    say(
        f"to run: {cost.steps:,} training steps, {duration(seconds)} of one core, about {wall} on {workers} workers, "
        f"{cost.disk_mb:,.0f} MB of disk (estimates; records made here replace them)"
    )
    if not experiment.imported:
        say(limits_in_words(experiment.suite.limits, slow_after.values()))


def wall_seconds(missing: Mapping[Cell, float], each: Mapping[Cell, float], workers: int) -> float:
    """Return how long so many workers take at least: for all that is missing, by cell, and for its longest trial."""
    return max(sum(missing.values()) / workers, max((each[cell] for cell in missing), default=0.0))


def say_warnings(experiment: Experiment, *more: str) -> None:
    """Say what will not run, and what needs care before a run."""
    for skip in experiment.plan.skips:
        note(f"skipped: {skip.label} on {skip.environment}: {skip.reason}")
    for warning in filter(None, (*experiment.plan.warnings, *more)):
        note(f"note: {warning}")


def limits_in_words(limits: Limits, slow_after: Iterable[float]) -> str:
    """Return when trials are ended, or told of as slow after so many seconds."""
    silence = 60 * (limits.stall_minutes or STALL_MINUTES)
    told = f"limits: a trial is ended after {duration(silence)} without a sign of life"
    if limits.timeout_minutes is not None:
        return f"{told}, and after {duration(60 * limits.timeout_minutes)} in any case"
    first, *more = sorted(set(slow_after))
    after = duration(first) + (f" to {duration(more[-1])}" if more else "")
    return f"{told}; one that is at work for longer than {after} is told of and goes on"


def _settings(suite: Suite) -> Iterator[str]:
    """Yield, where the suite asks its question under several settings, who stands in which."""
    for setting in suite.settings:
        labels = [entry.label for entry in suite.algorithms if entry.setting in {setting, ""}]
        yield f"setting {setting}: {', '.join(labels)}"


def _choices(choices: Iterable[ChosenImplementation]) -> Iterator[str]:
    """Yield which implementations were taken where the suite leaves that open, and why."""
    places: dict[tuple[str, str, str], list[str]] = {}
    for one in choices:
        places.setdefault((one.label, one.implementation, one.why), []).append(one.environment)
    for (label, implementation, why), environments in places.items():
        yield f"implementation: {label} by {implementation} on {', '.join(environments)}: {why}"


def _core_time(seconds: float) -> str:
    return duration(seconds) if seconds else ""
