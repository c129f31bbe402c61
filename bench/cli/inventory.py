"""Nothing in, what can be named in a suite and what this machine offers out."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import hyperparameters, published
from bench.catalog import algorithms, environments
from bench.errors import BenchError
from bench.suite.shipped import shipped

if TYPE_CHECKING:
    from bench.pipeline.reproduce import Reproduction

Row = dict[str, Any]
LOWEST_FREE_GB = 1.0
NEEDED = ("stable-baselines3", "sb3-contrib", "gymnasium", "torch", "numpy", "pandas", "matplotlib", "box2d")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at."""

    what: str
    found: str
    good: bool = True


def list_algorithms() -> list[Row]:
    """Return a row per algorithm of the catalogue."""
    return [
        {
            "name": entry.name,
            "title": entry.title,
            "actions": ", ".join(sorted(entry.actions)),
            "observations": ", ".join(sorted(entry.observations)),
            "what it is": entry.summary,
        }
        for entry in algorithms().values()
    ]


def list_environments() -> list[Row]:
    """Return a row per environment of the catalogue; suites may name any other Gymnasium id."""
    return [
        {
            "id": entry.id,
            "actions": entry.actions,
            "observations": entry.observations,
            "horizon": entry.horizon or "",
            "random": entry.reference.random if entry.reference else "",
            "target": entry.reference.target if entry.reference else "",
            "what it is": entry.summary,
        }
        for entry in environments().values()
    ]


def list_suites() -> list[Row]:
    """Return a row per suite that comes with the harness, by name, and per further suite file under `suites/`."""
    known = shipped()
    resolved = {path.resolve() for path in known.values()}
    here = [path for path in sorted(Path("suites").rglob("*.yaml")) if path.resolve() not in resolved]
    return [_suite_row(name, path) for name, path in known.items()] + [_suite_row(str(path), path) for path in here]


def list_hyperparameters() -> list[Row]:
    """Return a row per named hyperparameter set and source within it."""
    return [
        {
            "set": name,
            "source": f"{part.source} {part.version}".strip(),
            "algorithms": len(part.entries),
            "cells": sum(len(cells) for cells in part.entries.values()),
            "tuning budget": part.tuning_budget,
        }
        for name in hyperparameters.sets()
        for part in hyperparameters.parts(name)
    ]


def list_tables() -> list[Row]:
    """Return a row per published table, with what running all of it takes on one core."""
    from bench.pipeline.reproduce import open_table  # noqa: PLC0415 - plans trials; only here

    return [_table_row(open_table(name)) for name in published.names()]


INVENTORIES: dict[str, Callable[[], list[Row]]] = {
    "algorithms": list_algorithms,
    "environments": list_environments,
    "suites": list_suites,
    "hyperparameters": list_hyperparameters,
    "tables": list_tables,
}


def examine() -> list[Check]:
    """Look at versions, cores, memory, disk and GPUs, and train for a moment in a worker process."""
    from bench.catalog import installed  # noqa: PLC0415 - only here
    from bench.runner import devices, provenance  # noqa: PLC0415 - imports psutil and NVML

    machine = provenance.describe()
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    gpus = devices.available()
    versions = installed(NEEDED)
    return [
        Check("Python", machine["python"], (3, 11) <= sys.version_info < (3, 14)),
        *(Check(name, version, version != "absent") for name, version in versions.items()),
        Check("processor", f"{machine['processor']}, {machine['cores']} cores"),
        Check("memory", f"{machine['memory_gb']} GB"),
        Check("disk", f"{free:.0f} GB free here", free > LOWEST_FREE_GB),
        Check(
            "GPUs",
            ", ".join(f"cuda:{gpu.index} {gpu.name} ({gpu.memory_gb:g} GB)" for gpu in gpus)
            or "none; trials run on the CPU",
        ),
        _trial_works(),
    ]


def _table_row(opened: Reproduction) -> Row:
    from bench.cli.tally import duration  # noqa: PLC0415 - only here

    table, to_go = opened.table, [one.cost for one in opened.cells if one.missing]
    return {
        "table": table.name,
        "title": table.title,
        "comparable": f"{sum(not cell.not_comparable for cell in table.cells)} of {len(table.cells)}",
        "our runs": f"{sum(len(one.outcomes) for one in opened.cells)} of {len(opened.experiment.plan.trials)}",
        "core time": duration(sum(to_go)),
        "next ten": duration(sum(to_go[:10])),
    }


def _suite_row(name: str, path: Path) -> Row:
    from bench.suite import read  # noqa: PLC0415 - pydantic is for those who list suites

    try:
        suite = read(path)
    except BenchError as error:
        return {
            "suite": name,
            "title": f"cannot be read: {error}".splitlines()[0],
            "algorithms": "",
            "environments": "",
            "seeds": "",
        }
    return {
        "suite": name,
        "title": suite.title,
        "algorithms": len(suite.algorithms),
        "environments": len(suite.environments),
        "seeds": len(suite.seeds),
    }


def _trial_works() -> Check:
    """Run one small trial the way `bench run` does, in a folder that is removed again."""
    import tempfile  # noqa: PLC0415 - only here

    from bench import pipeline  # noqa: PLC0415 - only here

    text = (
        "name: doctor\nseeds: 1\nevaluation: {points: 1, episodes: 1, final_episodes: 2}\nhyperparameters: default\n"
        "algorithms: [a2c]\nenvironments: {CartPole-v1: {steps: 100}}\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        suite = Path(folder, "doctor.yaml")
        suite.write_text(text)
        experiment = pipeline.open_experiment(suite, results=Path(folder))
        jobs = pipeline.prepare(experiment, pipeline.RunOptions(workers=1, devices="cpu"))
        summary = pipeline.run(experiment, jobs, lambda _event: None)
        reasons = [reason for cell in pipeline.status(experiment) for reason in cell.reasons]
    return Check("a trial in a worker", "; ".join(reasons) or "trained and evaluated", summary.exit_code == 0)
