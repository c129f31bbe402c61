"""The text of a CSV file in, the runs that its rows or columns tell of out.

Long: a row for each evaluation; the columns are named by the user or known by their usual names. Wide: a column for
each run or algorithm. Tianshou: `env_step, rew, rew:shaded, rew:<run>, ...`. Weights & Biases: `Step` and
`<run> - <metric>` with `__MIN` and `__MAX` beside it.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from bench.imports.columns import (
    EPISODES,
    ROLES,
    ROW,
    VARIANTS,
    ask_mixed,
    ask_steps,
    ask_variants,
    budget_of,
    counts_in,
    is_index,
    listed,
    not_understood,
    refuse_means,
    refuse_wide_means,
    roles_of,
    sums_up_runs,
    told_apart_by,
    words_not_understood,
)
from bench.imports.found import TRAINING, Hints, RefusedError
from bench.imports.names import natural, seed_in
from bench.imports.rows import Table, read_rows
from bench.imports.series import LAST, Series, cleaned, is_number, number, of_metric, whole
from bench.imports.sessions import AnewError, joined, parted
from bench.imports.states import RUNNING, qualifying, state_of

_GAPS = {"", "-", "--", "na", "n/a", "nan", "none", "null"}
"""What stands for a value that is not there."""
_FIRST_COLUMNS = {"step", "global_step", "_step", "relative time (process)", "relative time (wall)", "wall time"}
_RUN_PREFIX = "rew:"
_GROUP = re.compile(r"[\w./]+: ")
"""How Weights & Biases names the means of a grouped plot: `Group: ppo`, `algo: ppo`."""
_Rows = Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Read:
    """What came of a table."""

    runs: tuple[Series, ...]
    asides: tuple[str, ...] = ()
    """What of it is not imported, or not understood, as sentences."""
    header: tuple[str, ...] = ()
    """The names of the file's columns."""


def kind_of(header: Sequence[str], hints: Hints) -> str:
    """Return which kind of CSV file has this header."""
    names = [name.strip() for name in header]
    if any(name.startswith(_RUN_PREFIX) and name != "rew:shaded" for name in names) and "env_step" in names:
        return "tianshou"
    first = names[0].casefold() if names else ""
    if first in _FIRST_COLUMNS and any(" - " in name for name in names) and not hints.columns:
        return "wandb"
    return "csv"


def read_table(text: str, kind: str, hints: Hints, *, own: bool = False) -> Read:
    """Return every run of the file.

    Args:
        text: of the file.
        kind: of the file.
        hints: as given by the user.
        own: whether it is the log of one run, as its name says.

    Raises:
        RefusedError: a column is missing or doubtful, or the runs cannot be told apart.
    """
    table = read_rows(text, whole_steps={*ROLES["steps"], *_FIRST_COLUMNS, hints.columns.get("steps", "").casefold()})
    header = [name for name in table.header if name not in hints.ignore]
    if kind == "tianshou":
        columns = [name for name in header if name.startswith(_RUN_PREFIX) and name != "rew:shaded"]
        runs = {name: name.removeprefix(_RUN_PREFIX) for name in columns}
        read = Read(tuple(_columns(table.rows, _steps_of(table, "env_step", hints), runs, hints)))
    elif kind == "wandb":
        read = Read(tuple(_wandb(header, table.rows, _steps_of(table, table.header[0], hints), hints)))
    else:
        read = _wide(table, hints) if hints.wide else _long(table, hints, own=own)
    noted = tuple(replace(one, notes=(*table.notes, *one.notes)) for one in read.runs)
    return replace(read, runs=noted, header=tuple(table.header))


def _steps_of(table: Table, usual: str, hints: Hints) -> str:
    """Return the column of steps of a file whose other columns are of runs.

    Raises:
        RefusedError: the user names a column that is not there, or one for anything but steps.
    """
    column = hints.columns.get("steps", usual)
    if other := [role for role in hints.columns if role != "steps"]:
        raise RefusedError(f"--columns {other[0]}=...: in a file of this kind only its steps can be named")
    if column not in table.header:
        raise RefusedError(f"has no column {column!r}; there are {listed(table.header)}")
    return column


def _long(table: Table, hints: Hints, *, own: bool) -> Read:
    header, rows = table.header, _numbered(table.rows, hints)
    at = roles_of(header, hints)
    if "return" not in at:
        raise RefusedError(
            f"no column of returns among {listed(header)}; name it with --columns return=..., "
            "or say what a wide file's columns are with --wide run or --wide algorithm"
        )
    own = own and "algorithm" not in at
    refuse_means(header, at, rows, own=own)
    budget = budget_of(header, at, rows, hints)
    if budget == at.get("steps"):
        del at["steps"]
    variant = next(
        (name for name in header if name.casefold() in VARIANTS and name not in {*at.values(), *hints.ignore}), ""
    )
    if variant and "algorithm" not in at:
        ask_variants(variant, rows)
    states = qualifying(header, rows, [*at.values(), budget, variant], hints)
    groups, notes = _groups(rows, at, variant)
    taken = [*at.values(), budget, variant, *states, *counts_in(header, hints)]
    unknown, words = not_understood(header, rows, taken, hints), words_not_understood(header, rows, taken, hints)
    _ask(header, groups, at, unknown, hints)
    for mine in groups.values():
        ask_mixed([*words, *unknown], mine)
    runs: list[Series] = []
    running = 0
    for (algorithm, environment, run), mine in groups.items():
        parts = _runs(mine, at, hints, header, run, own=own) if "steps" in at else [(_values(mine, at), ())]
        for place, (part, more) in enumerate(parts):
            state, said = state_of(mine, states, hints)
            if state == RUNNING:
                running += 1
                continue
            name = run or (str(place) if len(parts) > 1 else "")
            told = "no run identifiers: told apart by their steps"
            remarks = (*notes, *more, *([told] if not run and len(parts) > 1 else ()))
            found = _series(algorithm, environment, name, part, remarks, stepped="steps" in at)
            stated = whole(mine[-1].get(budget, "")) if budget else None
            runs += [replace(one, budget=stated or None, failed=said) for one in found]
    return Read(tuple(runs), tuple(_asides(unknown, words, running)))


def _groups(
    rows: _Rows, at: Mapping[str, str], variant: str
) -> tuple[dict[tuple[str, str, str], list[Mapping[str, str]]], tuple[str, ...]]:
    """Return the rows of each algorithm, environment and run identifier, with notes on what was left out.

    Raises:
        RefusedError: no row is of a run.
    """
    groups: dict[tuple[str, str, str], list[Mapping[str, str]]] = defaultdict(list)
    nameless, summed, seed = 0, 0, at.get("seed")
    for row in rows:
        run = _cell(row, at, "seed")
        if seed and not run:
            nameless += 1
        elif sums_up_runs(run):
            summed += 1
        else:
            groups[_labelled(row, at, variant), _cell(row, at, "environment"), run].append(row)
    if not groups:
        told = "every row lacks its run identifier" if nameless else "every row sums up runs, by its run identifier"
        raise RefusedError(f"{told} (column {seed!r})")
    return groups, (
        *([f"{nameless} rows have no run identifier: left out"] * (nameless > 0)),
        *([f"{summed} rows sum up other rows, by their run identifier: left out"] * (summed > 0)),
    )


def _asides(unknown: Sequence[str], words: Sequence[str], running: int) -> Iterator[str]:
    if running:
        yield f"{running} {'run' if running == 1 else 'runs'} not finished yet, as the table says: left out"
    if unknown:
        yield f"columns of numbers of which nothing is known, and which count for nothing: {listed(unknown)}"
    if words:
        told = "columns of words of which nothing is known, and which tell no runs or variants apart"
        yield f"{told}: {listed(words)}"


def _numbered(rows: _Rows, hints: Hints) -> _Rows:
    """Return the rows with their numbers where the user takes these for steps."""
    name = ROW[1]
    if hints.columns.get(ROW[0]) != name or any(name in row for row in rows[:1]):
        return rows
    keys = [hints.columns.get(role) for role in ("algorithm", "environment", "seed")]
    counts: Counter[tuple[str, ...]] = Counter()
    found = []
    for row in rows:
        key = tuple(row.get(column or "", "") for column in keys)
        counts[key] += 1
        found.append({**row, name: str(counts[key])})
    return found


def _labelled(row: Mapping[str, str], at: Mapping[str, str], variant: str) -> str:
    told = [_cell(row, at, "algorithm"), (row.get(variant) or "").strip() if variant else ""]
    return " ".join(word for word in told if word) if told[0] else ""


def _ask(
    header: Sequence[str],
    groups: Mapping[tuple[str, str, str], _Rows],
    at: Mapping[str, str],
    unknown: Sequence[str],
    hints: Hints,
) -> None:
    """Raise RefusedError where rows of one run, or of runs that nothing names, may be told apart by another column."""
    most = max(groups.values(), key=len)
    if len(most) == 1:
        return
    episodes = [name for name in header if name.casefold() in EPISODES and name not in hints.ignore]
    counted = {*counts_in(header, hints), *(episodes if "steps" not in at else ())}
    asked = dict.fromkeys((*(name for name in header if name in counted), *sorted(unknown, key=_falls(most))))
    varying = [name for name in asked if len({row.get(name) for row in most}) > 1]
    if "steps" not in at:
        if varying:
            raise ask_steps(varying[0], counted=varying[0] in counted)
        if clocks := [name for name in header if name not in {*at.values(), *hints.ignore} and _rises(name, most)]:
            raise ask_steps(clocks[0], counted=False)
        if seed := at.get("seed"):
            raise RefusedError(
                f"{seed} {most[0].get(seed, '')!r} stands in {len(most)} rows, and no column tells their steps: what "
                "tells them apart? --columns steps=... or seed=..."
            )
    elif "seed" not in at and (explained := told_apart_by(varying, most, at["steps"])):
        name = explained[0]
        raise RefusedError(
            f"column {name!r} tells apart what stands several times at a step: --columns seed={name} takes it for the "
            f"runs, --columns algorithm={name} for the algorithms; --ignore {name!r} passes it over"
        )


def _falls(rows: _Rows) -> Callable[[str], bool]:
    """Return a sorting key for columns: those that rise from row to row first."""
    return lambda name: not _rises(name, rows)


def _rises(name: str, rows: _Rows) -> bool:
    """Return whether a column of numbers rises from row to row, over three rows at least, and numbers no rows."""
    values = [number(row.get(name, "")) for row in rows]
    rising = len(values) > 2 and all(one < two for one, two in pairwise(values))  # noqa: PLR2004 - two rise by chance
    return rising and not is_index(name, rows)


def _values(rows: _Rows, at: Mapping[str, str]) -> list[tuple[float, float]]:
    return [(math.nan, _value(row, at["return"])) for row in rows]


def _runs(
    rows: _Rows, at: Mapping[str, str], hints: Hints, header: Sequence[str], run: str, *, own: bool
) -> list[tuple[list[tuple[float, float]], tuple[str, ...]]]:
    """Return the (step, value) rows of each run in rows of one identity, with notes.

    Raises:
        RefusedError: steps stand several times, and nothing says why.
    """
    episodes = next((name for name in header if name.casefold() in EPISODES and name not in hints.ignore), "")
    told = [
        (_step(row, at["steps"], hints.factor), _value(row, at["return"]), (row.get(episodes) or "").strip())
        for row in rows
    ]
    notes = (f"the mean of the rows of a step, one for each {episodes}",) if _repeats(told) and episodes else ()
    pairs = _averaged(told, episodes) if notes else [(step, value) for step, value, _ in told]
    seed = at.get("seed")
    if seed:
        _require_steps(pairs, seed, [name for name in header if name not in at.values()], hints)
    if not (seed or own):
        parts = [_joined(part, hints, "") for part in _apart(pairs)]
        return [(part, (*notes, *more)) for part, more in parts]
    found, more = _joined(pairs, hints, f"{seed} {run!r}: " if seed else "")
    return [(found, (*notes, *more))]


def _repeats(told: Sequence[tuple[float, float, str]]) -> bool:
    steps = [step for step, _, _ in told]
    return len(set(steps)) < len(steps)


def _joined(
    rows: Sequence[tuple[float, float]], hints: Hints, whose: str
) -> tuple[list[tuple[float, float]], tuple[str, ...]]:
    try:
        return joined(parted(rows), hints.sessions)
    except AnewError as error:
        raise RefusedError(f"{whose}{error}") from None


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


def _require_steps(rows: Sequence[tuple[float, float]], seed: str, others: Sequence[str], hints: Hints) -> None:
    """Raise RefusedError where a run has most of its steps more than once: what tells these rows apart is unknown.

    A training that was restored has some of its steps in two sessions, and none of them twice in one.
    """
    try:
        joined(parted(rows), hints.sessions)
        looked = [session.rows for session in parted(rows)]
    except AnewError:
        looked = [rows]
    for told in looked:
        counts = Counter(step for step, _ in told if math.isfinite(step))
        repeated = sum(count > 1 for count in counts.values())
        if repeated and 2 * repeated >= len(counts):
            which = f" (one of {listed(others)}?)" if others else ""
            raise RefusedError(
                f"{repeated} of {len(counts)} steps stand several times in one run (column {seed!r}): what tells runs "
                f"or algorithms apart{which}? --columns seed=... or algorithm=..."
            )


def _value(row: Mapping[str, str], column: str) -> float:
    """Return the number in a column, NaN for a gap.

    Raises:
        RefusedError: another text. To leave out what is written `1,050.5` would leave out all that is large.
    """
    text = (row.get(column) or "").strip()
    found = number(text)
    if text.casefold() in _GAPS or not math.isnan(found):
        return found
    raise RefusedError(f"{text[:40]!r} in column {column!r} is no number")


def _step(row: Mapping[str, str], column: str, factor: float = 1.0) -> float:
    """Return the number of steps in a column, NaN for a gap.

    Raises:
        RefusedError: another text, or no whole number: steps in millions would fall together.
    """
    found = _value(row, column) * factor
    near = round(found, 6) if math.isfinite(found) else found
    if math.isfinite(found) and near != near // 1:
        told = f"{row[column].strip()!r} in column {column!r} is no whole number of steps"
        raise RefusedError(f"{told}; --columns steps={column}*1e6 where it counts millions")
    return near


def _cell(row: Mapping[str, str], at: Mapping[str, str], role: str) -> str:
    return (row.get(at[role]) or "").strip() if role in at else ""


def _apart(rows: Sequence[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    """Return the runs of rows without identifiers: where steps fall a new run begins, or steps stand k times each.

    Where they fall to the middle only, the run was restored there, and goes on.
    """
    counts = Counter(step for step, _ in rows)
    times = max(counts.values(), default=1)
    if times > 1 and set(counts.values()) == {times} and _sorted(rows):
        return [list(rows[place::times]) for place in range(times)]
    if _sorted(rows[::-1]):
        return [list(rows[::-1])]
    sessions: list[list[tuple[float, float]]] = []
    for row in rows:
        if not sessions or row[0] < sessions[-1][-1][0]:
            sessions.append([])
        sessions[-1].append(row)
    if len(sessions) > 1 and any(len({step for step, _ in one}) < len(one) for one in sessions):
        raise RefusedError("no run identifiers, and the runs cannot be told apart by their steps; --columns seed=...")
    parts: list[list[tuple[float, float]]] = []
    for session in sessions:
        if parts and session[0][0] > parts[-1][0][0]:
            parts[-1] += session
        else:
            parts.append(session)
    return parts


def _sorted(rows: Sequence[tuple[float, float]]) -> bool:
    return all(first[0] <= second[0] for first, second in pairwise(rows))


def _series(
    algorithm: str,
    environment: str,
    run: str,
    rows: Sequence[tuple[float, float]],
    notes: tuple[str, ...],
    *,
    stepped: bool,
) -> list[Series]:
    """Return the run of these rows; without steps each row is the final return of a run."""
    seed = whole(run) if run else None
    seed = seed_in(run) if seed is None else seed
    if stepped:
        steps, values, more = cleaned(rows)
        return [Series(algorithm, environment, run, seed, steps, values, (*notes, *more))]
    finite = [(place, value) for place, (_, value) in enumerate(rows) if math.isfinite(value)]
    gaps = len(rows) - len(finite)
    told = (*notes, f"{gaps} of {len(rows)} values are empty or not finite: left out") if gaps else notes
    empty = np.empty(0, dtype=np.int64)
    if run:
        return [Series(algorithm, environment, run, seed, empty, np.array([value]), told) for _, value in finite]
    return [Series(algorithm, environment, str(place), None, empty, np.array([value]), told) for place, value in finite]


def _wide(table: Table, hints: Hints) -> Read:
    header, rows = [name for name in table.header if name not in hints.ignore], _numbered(table.rows, hints)
    refuse_wide_means(header, hints)
    at = roles_of(header, hints)
    steps = at.get("steps")
    taken = {name for role, name in at.items() if role != "return"}
    columns = [name for name in header if name not in taken and not is_index(name, rows)]
    columns = [name for name in columns if any(is_number(row.get(name, "")) for row in rows)]
    if steps is None:
        _ask_wide(columns, rows, hints)
    counted = {*counts_in(header, hints)}
    columns = [name for name in columns if name not in counted]
    if not columns:
        raise RefusedError("no column of numbers beside its steps")
    if hints.wide == "run":
        if steps is None:
            told = "a wide file of runs needs a column of steps; --columns steps=..., or steps=row*1000 where every row"
            raise RefusedError(f"{told} is a thousand steps after the one before")
        return Read(tuple(_columns(rows, steps, {name: name for name in columns}, hints)))
    found = []
    for name in columns:
        pairs = [(_step(row, steps, hints.factor) if steps else math.nan, _value(row, name)) for row in rows]
        parts = _apart(pairs) if steps else [pairs]
        for place, part in enumerate(parts):
            run = str(place) if len(parts) > 1 else ""
            joint, notes = _joined(part, hints, f"{name}: ") if steps else (part, ())
            found += [
                replace(one, seed=None) for one in _series(name, "", run, joint, notes, stepped=steps is not None)
            ]
    return Read(tuple(found))


def _ask_wide(columns: Sequence[str], rows: _Rows, hints: Hints) -> None:
    """Raise RefusedError where a column beside those of runs or algorithms may hold their steps."""
    if counted := counts_in(columns, hints):
        raise ask_steps(counted[0], counted=True)
    for name in columns:
        values = [number(row.get(name, "")) for row in rows]
        nameless = name.startswith("unnamed") and len(values) > 1
        if nameless and all(one < two for one, two in pairwise(values)):
            raise ask_steps(name, counted=False)


def _columns(table: _Rows, steps: str, columns: Mapping[str, str], hints: Hints) -> list[Series]:
    """Return one run for each column; `columns` maps a column to its run's name."""
    found = []
    for column in sorted(columns, key=natural):
        rows = [(_step(row, steps, hints.factor), _value(row, column)) for row in table]
        at, values, notes = cleaned(rows)
        name = columns[column]
        found.append(Series("", "", name, seed_in(name), at, values, notes))
    return found


def _wandb(header: Sequence[str], table: Sequence[Mapping[str, str]], steps: str, hints: Hints) -> list[Series]:
    if steps.casefold().startswith(("relative", "wall")):
        raise RefusedError(f"its x axis is {steps!r}, not steps; export the plot with Step or global_step as x axis")
    parts = [(name, *name.rsplit(" - ", 1)) for name in header if " - " in name and _is_value(name)]
    if grouped := [run for _, run, _ in parts if _GROUP.match(run)]:
        raise RefusedError(f"{grouped[0]!r} is the mean of a group of runs, and no run; export the plot ungrouped")
    metrics = dict.fromkeys(metric for _, _, metric in parts)
    chosen = hints.metric if hints.metric in metrics else next(iter(metrics), "")
    if hints.metric and hints.metric not in metrics:
        raise RefusedError(f"has no metric {hints.metric!r}; there are {listed(list(metrics))}")
    if len(metrics) > 1 and not hints.metric:
        raise RefusedError(f"holds several metrics, {listed(list(metrics))}; name one with --metric")
    found = []
    for column, run, metric in parts:
        if metric != chosen:
            continue
        # An empty cell is how this export writes rows of other runs: no gap, and not worth a note.
        rows = [
            (_step(row, steps, hints.factor), _value(row, column)) for row in table if (row.get(column) or "").strip()
        ]
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
