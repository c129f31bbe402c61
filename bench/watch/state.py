"""An experiment in, how its run stands at this moment out: read from the folder alone, whoever runs it, wherever."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.analysis.interval import interquartile_mean
from bench.pipeline import CellStatus, Experiment, cells_in_order, status
from bench.records import CurveEstimate, Failure, Floats, Record, Trial
from bench.store import Survey

MOST_FAILURES = 50
"""Kinds of failure that are told one by one, the rest counted."""


@dataclass(frozen=True, slots=True)
class Running:
    """A trial at work."""

    name: str
    label: str
    environment: str
    seed: int
    steps: int
    """Taken at the last evaluation."""
    budget: int
    mean_return: float | None
    """Of the last evaluation; None before the first."""


@dataclass(frozen=True, slots=True)
class State:
    """A run at one moment."""

    cells: Sequence[CellStatus]
    running: Sequence[Running]
    failures: Sequence[Failure]
    unreadable: Sequence[str]
    curves: Mapping[str, Sequence[CurveEstimate]]
    """Environment -> a curve per algorithm that has begun there, with each run's own."""


class Reader:
    """Reads an experiment's folder again and again; what is done cannot change, and is read once."""

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._done: dict[str, Floats] = {}
        """Trial's name -> (points,) mean return along its curve."""

    def state(self) -> State:
        """Return how the run stands now."""
        survey = self._experiment.store.survey()
        cells = status(self._experiment, survey)
        states = {trial.name: survey.state(trial) for trial in self._experiment.plan.trials}
        return State(
            cells,
            [self._running(trial) for trial in self._experiment.plan.trials if states[trial.name] == "running"],
            list(self._failures(survey, states)),
            [str(one) for one in survey.unreadable.values()],
            self._curves(states),
        )

    def _running(self, trial: Trial) -> Running:
        told = self._experiment.store.points(trial)
        steps, returns = told.get("steps", []), told.get("returns", [])
        latest = returns[-1] if returns else None
        return Running(
            trial.name, *trial.cell, trial.seed, int(steps[-1]) if steps else 0, trial.steps, latest
        )  # fmt: skip

    def _failures(self, survey: Survey, states: Mapping[str, str]) -> Iterator[Failure]:
        for name, found in survey.others.items():
            if isinstance(found, Failure) and states.get(name) == "failed":
                yield found

    def _curves(self, states: Mapping[str, str]) -> dict[str, list[CurveEstimate]]:
        found: dict[str, list[CurveEstimate]] = {}
        for (label, environment), trials in cells_in_order(self._experiment).items():
            runs = [run for trial in trials if (run := self._run(trial, states[trial.name])) is not None]
            if runs:
                found.setdefault(environment, []).append(_curve(label, environment, trials[0], runs))
        return found

    def _run(self, trial: Trial, state: str) -> Floats | None:
        """Return (points,) mean return at each planned point, NaN where it has not come to; None where it has none."""
        if trial.name in self._done:
            return self._done[trial.name]
        if state == "done":
            record = self._experiment.store.outcome(trial)
            if isinstance(record, Record):
                self._done[trial.name] = record.curve.returns.mean(axis=1)
                return self._done[trial.name]
        told = self._experiment.store.points(trial).get("returns", []) if state != "missing" else []
        if not told:
            return None
        run = np.full(trial.evaluation.points, np.nan)
        run[: len(told)] = told[: len(run)]
        return run


def _curve(label: str, environment: str, trial: Trial, runs: Sequence[Floats]) -> CurveEstimate:
    """Return the curves of a cell's runs, and their interquartile mean as far as all of them have come."""
    points = trial.evaluation.points
    x = [float(-(-trial.steps * (point + 1) // points)) for point in range(points)]
    together = min(int(np.isfinite(run).sum()) for run in runs)
    middle = [interquartile_mean([np.array([run[point] for run in runs])]) for point in range(together)]
    return CurveEstimate(
        label,
        environment,
        "steps",
        tuple(x),
        (*middle, *[float("nan")] * (points - together)),
        (),
        (),
        len(runs),
        tuple(tuple(run.tolist()) for run in runs),
    )
