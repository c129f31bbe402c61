"""Estimates in; the order of algorithms and environments, their anchors and the plan they were analysed by out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from bench.records import AnalysisPlan, Estimates, TrialLine


def labels(estimates: Estimates) -> tuple[str, ...]:
    """Return every algorithm's label, the suite's order first: this order fixes colours."""
    found: list[str] = [*estimates.labels]
    for lines in (estimates.cells, estimates.aggregates, estimates.curves, estimates.profiles, estimates.trials):
        found += [line.label for line in lines]
    found += [label for pair in estimates.pairs for label in (pair.a, pair.b)]
    return _unique(found)


def environments(estimates: Estimates) -> tuple[str, ...]:
    """Return every environment, in the order of the references, then of the cells and trials."""
    found: list[str] = [line.environment for line in estimates.references]
    for lines in (estimates.cells, estimates.trials, estimates.settings):
        found += [line.environment for line in lines]
    found += [curve.environment for curve in estimates.curves if curve.environment is not None]
    return _unique(found)


def trials(estimates: Estimates) -> tuple[TrialLine, ...]:
    """Return the trials by algorithm, environment and seed, so that each cell's stand together."""
    algorithm = {label: place for place, label in enumerate(labels(estimates))}
    environment = {name: place for place, name in enumerate(environments(estimates))}
    return tuple(
        sorted(estimates.trials, key=lambda line: (algorithm[line.label], environment[line.environment], line.seed))
    )


def group(estimates: Estimates, label: str, environment: str | None = None) -> str:
    """Return `2-0` for the third algorithm on the first environment, `2` for the algorithm on all."""
    place = str(labels(estimates).index(label)) if label in labels(estimates) else ""
    return place if environment is None else f"{place}-{environments(estimates).index(environment)}"


def anchor(estimates: Estimates, label: str, environment: str | None = None) -> str:
    """Return the link to the trials behind a number; an empty string where no trial is listed."""
    listed = any(line.label == label and environment in (None, line.environment) for line in estimates.trials)
    return f"#trials-{group(estimates, label, environment)}" if listed else ""


def plan(estimates: Estimates) -> dict[str, Any]:
    """Return the analysis plan, the defaults of its record where nothing is declared."""
    return {**asdict(AnalysisPlan()), "hash": "", **estimates.analysis}


def seeds(estimates: Estimates) -> int:
    """Return how many different seeds the suite asks for."""
    asked = {line.seed for line in estimates.trials} or {seed for cell in estimates.cells for seed in cell.seeds}
    return len(asked)


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
