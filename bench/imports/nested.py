"""The text of a JSON file in, the runs it tells of out: marl-eval's nesting, or final scores by environment."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from bench.imports.columns import sums_up_runs
from bench.imports.found import Hints, RefusedError
from bench.imports.names import natural, seed_in
from bench.imports.series import Series, cleaned, number, whole
from bench.limits import is_finite, is_number

_METRICS = ("mean_episode_return", "episode_return", "return", "returns", "mean_return", "reward", "score")


def kind_of(data: Any) -> str:
    """Return which kind of JSON this is; empty for none that is known."""
    if not isinstance(data, dict) or not data:
        return ""
    if all(isinstance(value, list) and value and all(map(_holds, value)) for value in data.values()):
        return "scores"
    return "marl-eval" if any(True for _ in _nested(data)) else ""


def load(text: str) -> Any:
    """Return the JSON value.

    Raises:
        RefusedError: it is none.
    """
    try:
        return json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise RefusedError("no readable JSON") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a mapping; one in which a name stands twice would lose the runs of the first."""
    names = Counter(name for name, _ in pairs)
    if twice := [name for name, count in names.items() if count > 1]:
        raise RefusedError(f"JSON in which {twice[0][:80]!r} stands twice in one mapping")
    return dict(pairs)


def read_nested(data: Any, kind: str, hints: Hints) -> list[Series]:
    """Return every run.

    Raises:
        RefusedError: it is not of that kind, or a metric is missing.
    """
    if kind == "scores":
        if kind_of(data) != "scores":
            raise RefusedError("no mapping of environments to lists of scores")
        if summed := [name for name in data if sums_up_runs(str(name))]:
            raise RefusedError(f"{summed[0]!r} sums up environments, by its name, and is none: take it out of the file")
        return [one for environment, values in data.items() for one in _finals(str(environment), values)]
    found = [
        _run(f"{environment}/{task}", algorithm, run, steps, hints)
        for environment, task, algorithm, run, steps in _nested(data)
    ]
    if not found:
        raise RefusedError("no JSON of marl-eval: it wants environment, task, algorithm, run, step_0, ...")
    return found


def _finals(environment: str, values: list[Any]) -> Iterator[Series]:
    gaps = sum(not math.isfinite(float(value)) for value in values)
    notes = (f"{gaps} of {len(values)} values are empty or not finite: left out",) if gaps else ()
    for place, value in enumerate(values):
        if math.isfinite(float(value)):
            yield Series("", environment, str(place), None, np.empty(0, np.int64), np.array([float(value)]), notes)


def _nested(data: Any) -> Iterator[tuple[str, str, str, str, Mapping[str, Any]]]:
    for environment, tasks in _items(data):
        for task, algorithms in _items(tasks):
            for algorithm, runs in _items(algorithms):
                for run, steps in sorted(_items(runs), key=lambda item: natural(item[0])):
                    if any(name.startswith("step_") for name, _ in _items(steps)):
                        yield environment, task, algorithm, run, steps


def _items(value: Any) -> list[tuple[str, Any]]:
    return [(str(name), item) for name, item in value.items()] if isinstance(value, Mapping) else []


def _run(environment: str, algorithm: str, run: str, steps: Mapping[str, Any], hints: Hints) -> Series:
    points = [
        point for name, point in sorted(steps.items(), key=lambda item: natural(item[0])) if _is_step(name, point)
    ]
    names = dict.fromkeys(str(name) for point in points for name in point)
    metric = hints.metric or next((name for name in _METRICS if name in names), "")
    if metric not in names:
        known = ", ".join(name for name in names if name not in {"step_count", "elapsed_time"}) or "none"
        raise RefusedError(
            f"run {run} has no metric {metric or 'of returns'}; there are {known}; name one with --metric"
        )
    rows = [(number(point.get("step_count", "")), _mean(point.get(metric))) for point in points]
    if all(math.isnan(step) for step, _ in rows):
        raise RefusedError(f"run {run} has no step_count")
    at, values, notes = cleaned(rows)
    counts = {len(point[metric]) for point in points if isinstance(point.get(metric), list)}
    told = f"mean of {'/'.join(map(str, sorted(counts)))} values of {metric}" if counts else f"metric {metric}"
    notes = (
        (*notes, "absolute metrics are of the best policy, not the last: left out")
        if "absolute_metrics" in steps
        else notes
    )
    seed = whole(run)
    return Series(algorithm, environment, run, seed if seed is not None else seed_in(run), at, values, notes, told)


def _is_step(name: str, point: Any) -> bool:
    return name.startswith("step_") and isinstance(point, Mapping)


def _mean(value: Any) -> float:
    values = [number(one) for one in value] if isinstance(value, list) else [number(value)]
    return float(np.mean(values)) if values else math.nan


def _holds(value: Any) -> bool:
    """Return whether JSON's value is a number that a float can hold, or NaN."""
    return is_finite(value) or (is_number(value) and math.isnan(value))
