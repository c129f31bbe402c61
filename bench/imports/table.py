"""The text of a CSV file in, the runs that its rows or columns tell of out.

Long: a row for each evaluation; the columns are named by the user or known by their usual names. Wide: a column for
each run or algorithm. Tianshou: `env_step, rew, rew:shaded, rew:<run>, ...`. Weights & Biases: `Step` and
`<run> - <metric>` with `__MIN` and `__MAX` beside it.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np

from bench.imports.found import TRAINING, Hints, RefusedError
from bench.imports.names import natural, seed_in
from bench.imports.series import LAST, Series, cleaned, number, of_metric, whole

ROLES = {
    "algorithm": ("algorithm", "algo", "agent", "method", "label", "exp_name", "alg"),
    "environment": ("environment", "env", "env_id", "env_name", "task", "game", "environment_name"),
    "seed": ("seed", "run", "run_id", "trial", "rank"),
    "steps": (
        "steps",
        "step",
        "env_step",
        "env_steps",
        "environment_steps",
        "timesteps",
        "total_timesteps",
        "time/total_timesteps",
        "global_step",
        "num_timesteps",
        "total_steps",
        "frames",
    ),
    "return": (
        "return",
        "returns",
        "episode_return",
        "episodic_return",
        "mean_return",
        "eval/mean_reward",
        "eval_return",
        "score",
        "reward",
        "mean_reward",
        "episode_reward",
        "rew",
        "rollout/ep_rew_mean",
        "charts/episodic_return",
    ),
}
"""Role -> columns that have it where the user names none, the first that is there."""

_GAPS = {"", "-", "--", "na", "n/a", "nan", "none", "null"}
"""What stands for a value that is not there."""
_EPISODES = {"episode", "episode_id", "ep", "eval_episode", "test_episode"}
"""Columns that tell the episodes of one evaluation apart."""
_FIRST_COLUMNS = {"step", "global_step", "_step", "relative time (process)", "relative time (wall)", "wall time"}
_SPREADS = {"std", "stderr", "sem", "ci", "ci95", "score_std", "std_return", "return_std", "rew_std", "rew:shaded"} | {
    f"{start}{end}" for start in ("", "ci_") for end in ("lower", "upper")
}
_RUN_PREFIX = "rew:"
_DECIMAL_COMMA = re.compile(r"^(\s*[+-]?\d*),(\d+(?:[eE][+-]?\d+)?\s*)$")


def kind_of(header: Sequence[str], hints: Hints) -> str:
    """Return which kind of CSV file has this header."""
    names = [name.strip() for name in header]
    if any(name.startswith(_RUN_PREFIX) and name != "rew:shaded" for name in names) and "env_step" in names:
        return "tianshou"
    first = names[0].casefold() if names else ""
    if first in _FIRST_COLUMNS and any(" - " in name for name in names) and not hints.columns:
        return "wandb"
    return "csv"


def rows_of(text: str) -> Iterator[list[str]]:
    """Yield the cells of every row that has any; commas, semicolons or tabs part the columns, as in the first.

    Raises:
        RefusedError: no readable CSV.
    """
    try:
        reader = csv.reader(io.StringIO(text), delimiter=_mark(text))
        yield from (row for row in reader if any(cell.strip() for cell in row))
    except csv.Error as error:
        raise RefusedError(f"no readable CSV ({error})") from None


def _mark(text: str) -> str:
    first = next((line for line in io.StringIO(text) if line.strip()), "")
    return max(",;\t", key=first.count)


def _pointed(cells: Mapping[str, str], steps: Collection[str]) -> dict[str, str]:
    """Return a row with decimal commas as points; a comma among steps can only part thousands, and stays."""
    return {
        name: cell if name.casefold() in steps else _DECIMAL_COMMA.sub(r"\1.\2", cell) for name, cell in cells.items()
    }


def read_table(text: str, kind: str, hints: Hints) -> list[Series]:
    """Return every run of the file.

    Raises:
        RefusedError: a column is missing, or the runs cannot be told apart.
    """
    rows = list(rows_of(text))
    if len(rows) < 2:  # noqa: PLR2004 - a header and a row
        raise RefusedError("holds no row below its header")
    header = [name.strip() for name in rows[0]]
    if repeated := [name for name, count in Counter(header).items() if count > 1 and name]:
        raise RefusedError(f"column {repeated[0]!r} occurs twice")
    table = [dict(zip(header, row, strict=False)) for row in rows[1:]]
    if _mark(text) == ";":
        steps = {*ROLES["steps"], *_FIRST_COLUMNS, hints.columns.get("steps", "").casefold()}
        table = [_pointed(row, steps) for row in table]
    if kind == "tianshou":
        columns = [name for name in header if name.startswith(_RUN_PREFIX) and name != "rew:shaded"]
        return _columns(table, "env_step", {name: name.removeprefix(_RUN_PREFIX) for name in columns})
    if kind == "wandb":
        return _wandb(header, table, hints)
    return _wide(header, table, hints) if hints.wide else _long(header, table, hints)


def _long(header: Sequence[str], table: Sequence[Mapping[str, str]], hints: Hints) -> list[Series]:
    at = _roles(header, hints)
    if "return" not in at:
        raise RefusedError(
            f"no column of returns among {_listed(header)}; name it with --columns return=..., "
            "or say what a wide file's columns are with --wide run or --wide algorithm"
        )
    spreads = [name for name in header if name.casefold() in _SPREADS]
    if spreads and "seed" not in at:
        raise RefusedError(f"holds means and spreads over runs (column {spreads[0]!r}), no runs; --columns seed=...")
    groups: dict[tuple[str, str, str], list[tuple[float, float, str]]] = {}
    episodes = next((name for name in header if name.casefold() in _EPISODES), "") if "steps" in at else ""
    nameless, seed = 0, at.get("seed")
    for row in table:
        run = (row.get(seed) or "").strip() if seed else ""
        if seed and not run:
            nameless += 1
            continue
        value = _value(row, at["return"])
        step = _step(row, at["steps"]) if "steps" in at else math.nan
        key = (_cell(row, at, "algorithm"), _cell(row, at, "environment"), run)
        groups.setdefault(key, []).append((step, value, (row.get(episodes) or "").strip()))
    notes = (f"{nameless} rows have no run identifier: left out",) if nameless else ()
    if not groups:
        raise RefusedError(f"every row lacks its run identifier (column {seed!r})")
    found = []
    for (algorithm, environment, run), told in groups.items():
        rows = _averaged(told, episodes) if episodes else [(step, value) for step, value, _ in told]
        if seed and "steps" in at:
            _require_steps(rows, seed, [name for name in header if name not in at.values()])
        parts = [rows] if seed or "steps" not in at else _apart(rows)
        for place, part in enumerate(parts):
            name = run or (str(place) if len(parts) > 1 else "")
            mine = (*notes, f"the mean of the rows of a step, one for each {episodes}") if episodes else notes
            mine = mine if seed or len(parts) == 1 else (*mine, "no run identifiers: told apart by their steps")
            found += _series(algorithm, environment, name, whole(run) if run else None, part, mine, "steps" in at)
    return found


def _averaged(rows: Sequence[tuple[float, float, str]], column: str) -> list[tuple[float, float]]:
    """Return one row for each step: the mean over those of its episodes that are finite.

    Raises:
        RefusedError: an episode stands twice at one step, so that these are several runs.
    """
    steps: dict[float, dict[str, float]] = {}
    for step, value, episode in rows:
        there = steps.setdefault(step, {})
        if episode in there:
            told = (
                f"{column} {episode!r} stands twice at step {step:.0f}: what tells the runs apart? --columns seed=..."
            )
            raise RefusedError(told)
        there[episode] = value
    finite = {step: [value for value in there.values() if math.isfinite(value)] for step, there in steps.items()}
    return [(step, math.fsum(values) / len(values) if values else math.nan) for step, values in finite.items()]


def _require_steps(rows: Sequence[tuple[float, float]], seed: str, others: Sequence[str]) -> None:
    """Raise RefusedError where a run has most of its steps more than once: what tells these rows apart is unknown."""
    counts = Counter(step for step, _ in rows if math.isfinite(step))
    repeated = sum(count > 1 for count in counts.values())
    if repeated and 2 * repeated >= len(counts):
        told = f" (one of {_listed(others)}?)" if others else ""
        raise RefusedError(
            f"{repeated} of {len(counts)} steps stand several times in one run (column {seed!r}): what tells runs or "
            f"algorithms apart{told}? --columns seed=... or algorithm=..."
        )


def _value(row: Mapping[str, str], column: str) -> float:
    """Return the number in a column, NaN for a gap.

    Raises:
        RefusedError: another text. To leave out what is written `1,050.5` would leave out all that is large.
    """
    text = (row.get(column) or "").strip()
    try:
        return math.nan if text.casefold() in _GAPS else float(text)
    except ValueError:
        raise RefusedError(f"{text[:40]!r} in column {column!r} is no number") from None


def _step(row: Mapping[str, str], column: str) -> float:
    """Return the number of steps in a column, NaN for a gap.

    Raises:
        RefusedError: another text, or no whole number: steps in millions would fall together.
    """
    found = _value(row, column)
    if math.isfinite(found) and found != found // 1:
        raise RefusedError(f"{row[column].strip()!r} in column {column!r} is no whole number of steps")
    return found


def _cell(row: Mapping[str, str], at: Mapping[str, str], role: str) -> str:
    return (row.get(at[role]) or "").strip() if role in at else ""


def _roles(header: Sequence[str], hints: Hints) -> dict[str, str]:
    asked = [*hints.columns.values(), *([hints.metric] if hints.metric else [])]
    if unknown := [column for column in asked if column not in header]:
        raise RefusedError(f"has no column {_listed(unknown)}; there are {_listed(header)}")
    folded = {name.casefold(): name for name in reversed(header)}
    usual = {
        role: folded[next(name for name in names if name in folded)]
        for role, names in ROLES.items()
        if any(name in folded for name in names)
    }
    named = {**({"return": hints.metric} if hints.metric else {}), **hints.columns}
    several = [folded[name] for name in ROLES["return"] if name in folded]
    if len(several) > 1 and "return" not in named and not hints.wide:
        raise RefusedError(f"any of {_listed(several)} could be the returns; name one with --columns return=...")
    return {**usual, **named}


def _apart(rows: Sequence[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    """Return the runs of rows without identifiers: where steps fall a new run begins, or steps stand k times each."""
    counts = Counter(step for step, _ in rows)
    if len(set(counts.values())) == 1 and max(counts.values()) > 1 and _sorted(rows):
        times = max(counts.values())
        return [list(rows[place::times]) for place in range(times)]
    parts: list[list[tuple[float, float]]] = []
    for row in rows:
        if not parts or row[0] < parts[-1][-1][0]:
            parts.append([])
        parts[-1].append(row)
    if len(parts) > 1 and any(len({step for step, _ in part}) < len(part) for part in parts):
        raise RefusedError("no run identifiers, and the runs cannot be told apart by their steps; --columns seed=...")
    return parts


def _sorted(rows: Sequence[tuple[float, float]]) -> bool:
    return all(first[0] <= second[0] for first, second in pairwise(rows))


def _series(
    algorithm: str,
    environment: str,
    run: str,
    seed: int | None,
    rows: Sequence[tuple[float, float]],
    notes: tuple[str, ...],
    stepped: bool,
) -> list[Series]:
    """Return the run of these rows; without steps each row is the final return of a run."""
    if stepped:
        steps, values, more = cleaned(rows)
        return [Series(algorithm, environment, run, seed, steps, values, (*notes, *more))]
    finite = [(place, value) for place, (_, value) in enumerate(rows) if math.isfinite(value)]
    gaps = len(rows) - len(finite)
    told = (*notes, f"{gaps} of {len(rows)} values are empty or not finite: left out") if gaps else notes
    alone = bool(run) and len(rows) == 1
    empty = np.empty(0, dtype=np.int64)
    return [
        Series(
            algorithm,
            environment,
            run if alone else f"{run}.{place}" if run else str(place),
            seed if alone else None,
            empty,
            np.array([value]),
            told,
        )
        for place, value in finite
    ]


def _wide(header: Sequence[str], table: Sequence[Mapping[str, str]], hints: Hints) -> list[Series]:
    at = _roles(header, hints)
    steps = at.get("steps")
    index = {"", "index", "unnamed: 0", *(name.casefold() for name in at.values() if name != at.get("return"))}
    columns = [name for name in header if name.casefold() not in index]
    columns = [name for name in columns if any(math.isfinite(number(row.get(name, ""))) for row in table)]
    if not columns:
        raise RefusedError("no column of numbers beside its steps")
    if hints.wide == "run":
        if steps is None:
            raise RefusedError("a wide file of runs needs a column of steps; --columns steps=...")
        return _columns(table, steps, {name: name for name in columns})
    found = []
    for name in columns:
        rows = [(_step(row, steps) if steps else math.nan, _value(row, name)) for row in table]
        parts = _apart(rows) if steps else [rows]
        for place, part in enumerate(parts):
            run = str(place) if len(parts) > 1 else ""
            found += _series(name, "", run, None, part, (), steps is not None)
    return found


def _columns(table: Sequence[Mapping[str, str]], steps: str, columns: Mapping[str, str]) -> list[Series]:
    """Return one run for each column; `columns` maps a column to its run's name."""
    found = []
    for column in sorted(columns, key=natural):
        rows = [(_step(row, steps), _value(row, column)) for row in table]
        at, values, notes = cleaned(rows)
        name = columns[column]
        found.append(Series("", "", name, seed_in(name), at, values, notes))
    return found


def _wandb(header: Sequence[str], table: Sequence[Mapping[str, str]], hints: Hints) -> list[Series]:
    steps = hints.columns.get("steps", header[0])
    if steps.casefold().startswith(("relative", "wall")):
        raise RefusedError(f"its x axis is {steps!r}, not steps; export the plot with Step or global_step as x axis")
    parts = [(name, *name.rsplit(" - ", 1)) for name in header if " - " in name and _is_value(name)]
    metrics = dict.fromkeys(metric for _, _, metric in parts)
    chosen = hints.metric if hints.metric in metrics else next(iter(metrics), "")
    if hints.metric and hints.metric not in metrics:
        raise RefusedError(f"has no metric {hints.metric!r}; there are {_listed(list(metrics))}")
    if len(metrics) > 1 and not hints.metric:
        raise RefusedError(f"holds several metrics, {_listed(list(metrics))}; name one with --metric")
    found = []
    for column, run, metric in parts:
        if metric != chosen:
            continue
        # An empty cell is how this export writes rows of other runs: no gap, and not worth a note.
        rows = [(_step(row, steps), _value(row, column)) for row in table if (row.get(column) or "").strip()]
        at, values, notes, final = of_metric(metric, rows)
        notes = (*notes, *_averages(table, column), *_subsampled(steps))
        told = _told(metric) + f"; {LAST}" * (final is not None)
        found.append(Series("", "", run.strip(), seed_in(run), at, values, notes, told, final))
    return found


def _is_value(name: str) -> bool:
    return not name.endswith(("__MIN", "__MAX")) and " - _" not in name


def _told(metric: str) -> str:
    evaluated = "eval" in metric or "test" in metric
    return f"metric {metric}: {'evaluations' if evaluated else TRAINING}, as its name says"


def _averages(table: Sequence[Mapping[str, str]], column: str) -> list[str]:
    apart = sum(
        math.isfinite(low := number(row.get(f"{column}__MIN", "")))
        and math.isfinite(high := number(row.get(f"{column}__MAX", "")))
        and low < high
        for row in table
    )
    return [f"{apart} values are averages (of sampled steps, or of a group of runs): __MIN and __MAX differ"] * (
        apart > 0
    )


def _subsampled(steps: str) -> list[str]:
    return ["x axis Step counts log calls, which need not be environment steps"] * (
        steps.casefold() in {"step", "_step"}
    )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:8])
    return f"{shown} and {len(names) - 8} more" if len(names) > 8 else shown or "none"  # noqa: PLR2004 - half a line
