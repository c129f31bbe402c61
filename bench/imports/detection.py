"""A file or folder in; every run that is in it, and everything that is left out with its reason, out."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path, PurePosixPath

from bench.catalog import algorithms
from bench.errors import BenchError
from bench.imports import nested, table
from bench.imports.columns import listed
from bench.imports.events import Scalars, read_events
from bench.imports.folder import read_evaluated, read_monitored
from bench.imports.found import (
    NO_STEPS,
    TRAINING,
    UNKNOWN_EVALUATION,
    Finding,
    ForeignRun,
    Hints,
    Refusal,
    RefusedError,
    attempt,
    gathered,
)
from bench.imports.homes import Home, Telling, homes_of
from bench.imports.identity import one_each
from bench.imports.limits import MOST_EVENT_BYTES, MOST_JSON_BYTES, MOST_RUNS
from bench.imports.names import Named, clean, named, natural, seed_of, variants
from bench.imports.rows import first_row
from bench.imports.series import LAST, Series, of_metric
from bench.imports.sessions import Session, joined
from bench.imports.source import Source
from bench.imports.tree import walk

_TAGS = (
    "eval/mean_reward",
    "test/reward",
    "test/returns_stat/mean",
    "charts/episodic_return",
    "rollout/ep_rew_mean",
    "charts/episode_reward",
    "train/episode_reward",
    "ray/tune/episode_reward_mean",
    "ray/tune/env_runners/episode_return_mean",
)
"""Tags that hold a return, the one that is looked for first in front."""
_TABLES = {"csv", "wandb", "tianshou"}
_MEASURED = {"csv", "wandb", "tensorboard", "marl-eval"}
"""Kinds with several metrics, tags or columns of returns to choose from."""
_NEVER = "settings of a run that left neither evaluations nor Monitor files: it failed, or lies elsewhere"
_SETTINGS = "settings of a run"


@dataclass(slots=True)
class _Gathering:
    """What has come of a source so far."""

    runs: list[ForeignRun] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    aside: list[Refusal] = field(default_factory=list)
    lacking: list[Refusal] = field(default_factory=list)
    """What can be read and holds no returns, in the home that is being read."""


def read_source(path: Path, hints: Hints) -> Finding:
    """Return every run in a file or under a folder.

    Raises:
        BenchError: there is no such file or folder, or an option that nothing of it heeds.
    """
    if not path.exists():
        raise BenchError(f"{path}: there is no such file or folder to import")
    root = path.resolve()
    source = Source(root if root.is_dir() else root.parent, hints)
    tree = walk(root)
    homes, passed = homes_of(tree.files, source.root, hints.kind)
    found = _Gathering(refused=_by_name(tree.unread, source), aside=_by_name([*tree.passed, *passed], source))
    for home in homes:
        _read_home(source, home, found)
    _require_use(hints, source, found)
    if len(found.runs) > MOST_RUNS:
        many = f"{len(found.runs):,} runs, and {MOST_RUNS:,} is the most that one import takes: import it in parts"
        found.refused.append(Refusal(source.name(root), many))
        found.runs.clear()
    if hints.kind in {"", "rl-zoo"}:
        found.refused += _begun(tree.files, found.runs, source)
    named_runs, remarks = _named_all(found.runs, source)
    found.refused += gathered([one for one in named_runs if isinstance(one, Refusal)])
    kept, repeated, told = one_each([one for one in named_runs if isinstance(one, ForeignRun)], separate=hints.separate)
    found.refused += gathered(repeated)
    found.aside += gathered(told)
    if not named_runs and not found.refused:
        found.refused.append(
            Refusal(str(path), f"{'no file of a' if root.is_dir() else 'of no'} {_readable(hints.kind)}")
        )
    looked = [*tree.files, *(Path(one.file) for one in (*tree.unread, *tree.passed))]
    return replace(_counted(kept, found, [source.name(file) for file in looked]), remarks=tuple(remarks))


def _require_use(hints: Hints, source: Source, found: _Gathering) -> None:
    """Raise BenchError where the user says what no reader of what was found takes: nobody would hear of it."""
    kinds = {run.kind for run in found.runs}
    if not kinds or found.refused:
        return
    given = {"--columns": hints.columns, "--ignore": hints.ignore, "--wide": hints.wide}
    for option in [name for name, value in given.items() if value and not kinds & _TABLES]:
        raise BenchError(f"{option} is about the columns of a table, and there is none: {', '.join(sorted(kinds))}")
    if hints.metric and not kinds & _MEASURED:
        raise BenchError(f"--metric {hints.metric!r}: what was found has no choice of it: {', '.join(sorted(kinds))}")
    if unknown := [name for name in hints.ignore if name not in source.columns]:
        raise BenchError(
            f"--ignore {unknown[0]!r}: there is no such column; there are {listed(sorted(source.columns))}"
        )


def _counted(runs: Sequence[ForeignRun], found: _Gathering, looked: Sequence[str]) -> Finding:
    """Return the finding, every file of the source counted as read, refused or left aside."""
    read = {file.name for run in runs for file in run.files} & {*looked}
    refused = {one.file.partition(", run ")[0] for one in found.refused}
    aside = {one.file.partition(", run ")[0] for one in found.aside}
    rest = [name for name in looked if name not in read]
    left = [name for name in rest if name in aside or not _within(name, refused)]
    settings = [Refusal(name, _SETTINGS) for name in left if name not in aside]
    refusals, asides = tuple(found.refused), (*found.aside, *settings)
    return Finding(tuple(runs), refusals, asides, files=len(looked), read=len(read), left=len(left))


def _within(name: str, folders: Collection[str]) -> bool:
    """Return whether a file, or a folder that it lies in, is among these."""
    return any(str(one) in folders for one in (PurePosixPath(name), *PurePosixPath(name).parents))


def _by_name(found: Sequence[Refusal], source: Source) -> list[Refusal]:
    return [Refusal(source.name(Path(one.file)), one.reason) for one in found]


def _readable(kind: str) -> str:
    if kind:
        return f"kind that --as {kind} reads"
    return "kind that can be read: .csv, .tsv, .json, evaluations.npz, monitor.csv or TensorBoard's event files"


def _begun(files: Sequence[Path], runs: Sequence[ForeignRun], source: Source) -> list[Refusal]:
    """Return the folders with an RL Zoo run's settings and nothing else of it, there or one folder above."""
    read = {PurePosixPath(file.name).parent for run in runs for file in run.files}
    there = {file.parent for file in files if file.name == "evaluations.npz" or file.name.endswith("monitor.csv")}
    settings = {file.parent for file in files if file.name in {"config.yml", "args.yml"}}
    begun = sorted(folder for folder in settings if folder not in there and folder.parent not in there)
    names = [PurePosixPath(source.name(folder)) for folder in begun]
    return [Refusal(str(name), _NEVER) for name in names if not {name, name.parent} & read]


def _read_home(source: Source, home: Home, found: _Gathering) -> None:
    """Read the first telling of a run that gives one; those after it are left aside."""
    taken: list[ForeignRun] = []
    before = len(found.refused)
    for telling in home.tellings:
        if taken:
            told = f"tells of the same run as {taken[0].files[0].name}, which is taken"
            names = [source.name(file) for file in telling.files]
            used = {file.name for run in taken for file in run.files} | {one.file for one in found.refused[before:]}
            found.aside += [Refusal(name, told) for name in names if name not in used]
            continue
        name = source.name(telling.files[0] if len(telling.files) == 1 else telling.files[0].parent)
        taken = attempt(name, found.refused, _tell, source, home, telling, found) or []
    # What holds no returns is no loss where another file tells them.
    (found.aside if taken else found.refused).extend(found.lacking)
    found.lacking.clear()
    found.runs += taken


def _tell(source: Source, home: Home, telling: Telling, found: _Gathering) -> list[ForeignRun]:
    wanted = source.hints.kind
    if telling.kind in {"evaluations", "monitor"} and wanted == "rl-zoo" and not home.settings:
        raise RefusedError("no RL Zoo folder: no config.yml")
    if telling.kind == "monitor" and wanted == "evaluations":
        raise RefusedError("has no evaluations.npz")
    if telling.kind == "table":
        return _tables(source, home, telling, found)
    if telling.kind == "json":
        return _json(source, telling.files[0])
    run: ForeignRun | None
    if telling.kind == "evaluations":
        run = read_evaluated(source, home, telling.files[0], found.refused)
    elif telling.kind == "monitor":
        run = read_monitored(source, home, telling, found.refused)
    else:
        run = _events(source, home, telling.files, found)
    return [replace(run, home=source.name(home.place))] if run else []


def _tables(source: Source, home: Home, telling: Telling, found: _Gathering) -> list[ForeignRun]:
    """Return the runs of a table, or the run of a log in several files: its sessions."""
    if home.own and len(telling.files) > 1:
        joint = _sessions_of_tables(source, home, telling.files, found)
        return [joint] if joint else []
    file = telling.files[0]
    runs = _table(source, file, found, own=home.own)
    if len(runs) > 1 or (runs and runs[0].seed is not None):
        return runs
    where = source.name(home.place)
    return [replace(one, seed=seed_of(where), home=where) for one in runs]


def _table(source: Source, file: Path, found: _Gathering, *, own: bool) -> list[ForeignRun]:
    text, hints = source.text(file), source.hints
    kind = hints.kind or ("csv" if hints.wide or hints.columns else table.kind_of(first_row(text), hints))
    told = {
        "tianshou": "test episodes; how many and whether exploration was on, the file does not say",
    }.get(kind, "")
    read = table.read_table(text, kind, hints, own=own)
    source.columns.update(read.header)
    found.aside += [Refusal(source.name(file), words) for words in read.asides]
    return [_run(source, file, kind, one, told) for one in read.runs]


def _log(source: Source, file: Path, found: _Gathering) -> list[ForeignRun]:
    return _table(source, file, found, own=True)


def _sessions_of_tables(source: Source, home: Home, files: Sequence[Path], found: _Gathering) -> ForeignRun | None:
    parts: list[tuple[Path, ForeignRun]] = []
    for file in files:
        logged = attempt(source.name(file), found.refused, _log, source, file, found)
        parts += [(file, one) for one in logged or ()]
    if not parts:
        return None
    if len(parts) > len({file for file, _ in parts}) or any(not len(one.steps) for _, one in parts):
        raise RefusedError("its files hold several runs each: import them one by one")
    sessions = [
        Session(
            [(float(step), float(row[0])) for step, row in zip(one.steps, one.returns, strict=True)], source.name(file)
        )
        for file, one in parts
    ]
    rows, notes = joined(sessions, source.hints.sessions)
    steps, values, more, _ = of_metric("", rows)
    first = parts[0][1]
    remarks = tuple(dict.fromkeys((*(note for _, one in parts for note in one.notes), *notes, *more)))
    where = source.name(home.place)
    return replace(
        parts[-1][1],
        steps=steps,
        returns=values[:, None],
        files=tuple(source.hashes[file] for file, _ in parts),
        notes=remarks,
        seed=first.seed if first.seed is not None else seed_of(where),
        home=where,
    )


def _json(source: Source, file: Path) -> list[ForeignRun]:
    data = nested.load(source.text(file, MOST_JSON_BYTES).rstrip("\0"))
    kind = source.hints.kind or nested.kind_of(data)
    if not kind:
        raise RefusedError("JSON of no kind that is known: neither marl-eval's nesting nor lists of final scores")
    told = "final scores; how they were evaluated the file does not say" if kind == "scores" else ""
    return [_run(source, file, kind, one, told) for one in nested.read_nested(data, kind, source.hints)]


def _run(source: Source, file: Path, kind: str, series: Series, told: str) -> ForeignRun:
    words = series.evaluation or told or UNKNOWN_EVALUATION
    training, said = "training" in words, source.hints.episodes
    if said:
        words, training = (TRAINING if said == "training" else f"evaluation episodes; {words}"), said == "training"
    bare = not len(series.steps)
    return ForeignRun(
        kind,
        series.algorithm,
        series.environment,
        series.run,
        series.seed,
        series.steps,
        series.values[:0, None] if bare else series.values[:, None],
        (source.hashes[file],),
        final=series.values if bare else series.final,
        evaluation=words,
        deterministic=False if training else None,
        budget=series.budget,
        failed=series.failed,
        notes=series.notes,
    )


def _scalars(source: Source, file: Path) -> Scalars:
    return read_events(source.content(file, MOST_EVENT_BYTES))


def _events(source: Source, home: Home, files: Sequence[Path], found: _Gathering) -> ForeignRun | None:
    """Return the run that the event files of a folder tell of: several are its sessions, in the order of the clock."""
    attempts = {file: attempt(source.name(file), found.refused, _scalars, source, file) for file in files}
    read = {file: scalars for file, scalars in attempts.items() if scalars is not None}
    if not read:
        return None
    known = dict.fromkeys(tag for one in read.values() for tag in one.series)
    asked = source.hints.metric
    tag = asked if asked in known else next((name for name in _TAGS if name in known), "")
    if not tag or (asked and asked != tag):
        told = ", ".join(list(known)[:12]) or "none"
        lack = f"has no tag {asked or 'of returns that is known'}; there are {told}; name one with --metric"
        found.lacking.append(Refusal(source.name(files[0].parent), lack))
        return None
    sessions = sorted((one for one in read.items() if tag in one[1].series), key=lambda one: one[1].begun(tag))
    rows, joints = joined([Session(one.rows(tag), source.name(file)) for file, one in sessions], source.hints.sessions)
    overlap = [two.begun(tag) <= one.ended(tag) for (_, one), (_, two) in pairwise(sessions)]
    steps, values, notes, final = of_metric(tag, rows)
    training = not tag.startswith(("eval", "test"))
    how = TRAINING if training else "evaluations; how many episodes, and how it acted, the file does not say"
    how += f": {LAST}" * (final is not None)
    where = source.name(files[0].parent)
    lost = [f"{one.lost:.0%}" for one in read.values() if one.lost]
    remarks = (
        *joints,
        *notes,
        *(f"an event file is damaged: its last {share} is not read" for share in lost),
        *(["two event files were written at one time: taken for one training"] * any(overlap)),
    )
    name, seed = PurePosixPath(where).name, seed_of(source.name(home.place))
    series = Series("", "", name, seed, steps, values, remarks, f"tag {tag}: {how}", final)
    run = _run(source, files[0] if files[0] in read else next(iter(read)), "tensorboard", series, "")
    return replace(run, files=tuple(source.hashes[file] for file in read))


def _named_all(runs: Sequence[ForeignRun], source: Source) -> tuple[list[ForeignRun | Refusal], list[str]]:
    """Return the runs with algorithm and environment, variants by labels of their own; and what is taken together."""
    said = [_said(run) for run in runs]
    found = [_named(run, words, source) for run, words in zip(runs, said, strict=True)]
    cells: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, one in enumerate(found):
        if isinstance(one, ForeignRun) and one.home:
            cells[one.algorithm, one.environment].append(place)
    remarks = []
    for (algorithm, environment), places in cells.items():
        mine = [said[place] for place in places]
        labels = [algorithm] * len(mine) if source.hints.algorithm else _labels(mine, algorithm)
        for place, label in zip(places, labels, strict=True):
            one = found[place]
            found[place] = replace(one, algorithm=clean(label)) if isinstance(one, ForeignRun) else one
        for label in dict.fromkeys(labels):
            together = {
                " ".join(reversed(_others(one, algorithm)))
                for one, theirs in zip(mine, labels, strict=True)
                if theirs == label
            }
            if len(together) > 1:
                names = listed(sorted(together, key=natural))
                remarks.append(f"taken together as {label} on {environment}, for their names tell runs apart: {names}")
    return found, remarks


def _labels(said: Sequence[Named], algorithm: str) -> list[str]:
    """Return the label of each run of a cell.

    A name that says more than the file does is the label, where runs differ in it: `ppo_no_clip` of a file that says
    ppo.
    """
    words = [one.label.casefold() for one in said]
    longer = [one.label if _longer(word, algorithm.casefold()) else "" for one, word in zip(said, words, strict=True)]
    if len({*longer}) > 1:
        return [label or algorithm for label in longer]
    told = variants([_others(one, algorithm) for one in said])
    return [f"{algorithm} {variant}" if variant else algorithm for variant in told]


def _longer(label: str, algorithm: str) -> bool:
    return label != algorithm and algorithm in re.split(r"[-_. ]", label)


def _others(said: Named, algorithm: str) -> tuple[str, ...]:
    label = () if not said.label or said.label.casefold() == algorithm.casefold() else (said.label,)
    return (*said.others, *label)


def _said(run: ForeignRun) -> Named:
    """Return what the path of a run, and its name in the file, are named after; the name before the path."""
    path = named(PurePosixPath(run.home or run.files[0].name))
    inside = named(PurePosixPath(run.run.replace("/", "_") or "_"))
    # Tianshou's columns are called after files, and its tables after algorithms.
    speaks = inside.label if not (run.home or run.kind == "tianshou") else ""
    return replace(path, label=speaks or path.label, environment=inside.environment or path.environment)


def _named(run: ForeignRun, said: Named, source: Source) -> ForeignRun | Refusal:
    """Return the run with its algorithm and environment: what the file says, else the user, else its names."""
    hints = source.hints
    label = said.label.casefold() if said.label.casefold() in algorithms() else said.label
    algorithm = run.algorithm or hints.algorithm or label
    if run.kind == "scores":
        algorithm = algorithm or PurePosixPath(run.files[0].name).stem
    environment = run.environment or hints.environment or said.environment
    lacking = [
        f"the {what} is not known; say --{what} NAME"
        for what, value in (("algorithm", clean(algorithm)), ("environment", clean(environment)))
        if not value
    ]
    if lacking:
        stepless = hints.steps is None and run.budget is None and run.end is None
        return Refusal(run.place, "; ".join([*lacking, NO_STEPS] if stepless else lacking))
    if not (run.returns.size or (run.final is not None and run.final.size)):
        return Refusal(run.place, "holds no value that is finite")
    return replace(run, algorithm=clean(algorithm), environment=clean(environment))
