"""A file or folder in; every run that is in it, and every file that is refused with its reason, out.

A folder with `evaluations.npz` or Monitor files is one place of runs: tables and event files beside them tell of the
same runs, and are left aside unless a kind is asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from bench.errors import BenchError
from bench.imports import nested, table
from bench.imports.events import Scalars, read_events
from bench.imports.folder import is_worker, read_folder
from bench.imports.found import (
    NO_STEPS,
    TRAINING,
    UNKNOWN_EVALUATION,
    Finding,
    ForeignRun,
    Hints,
    Refusal,
    RefusedError,
    gathered,
)
from bench.imports.names import algorithm_in, clean, environment_in, natural, seed_in, seed_of
from bench.imports.series import LAST, Series, of_metric
from bench.imports.source import Source

_TAGS = (
    "eval/mean_reward",
    "test/reward",
    "test/returns_stat/mean",
    "charts/episodic_return",
    "rollout/ep_rew_mean",
    "charts/episode_reward",
    "train/episode_reward",
)
"""Tags that hold a return, the one that is looked for first in front."""
_SETTINGS = {"config.yml", "args.yml"}
_NEVER = "settings of a run that left neither evaluations nor Monitor files: it failed, or lies elsewhere"


def read_source(path: Path, hints: Hints) -> Finding:
    """Return every run in a file or under a folder.

    Raises:
        BenchError: there is no such file or folder.
    """
    if not path.exists():
        raise BenchError(f"{path}: there is no such file or folder to import")
    root = path.resolve()
    source = Source(root if root.is_dir() else root.parent, hints)
    files = [root] if root.is_file() else _files(root)
    runs: list[ForeignRun] = []
    refused: list[Refusal] = []
    aside: Counter[str] = Counter()
    evaluated = any(map(_is_own, files))
    groups = _grouped(files, aside) if hints.kind in {"", "rl-zoo"} else _by_folder(files)
    for folder in sorted(groups, key=lambda one: natural(str(one))):
        found = _folder(source, groups[folder], aside, evaluated=evaluated)
        runs += found.runs
        refused += found.refused
    if hints.kind in {"", "rl-zoo"}:
        read = {PurePosixPath(file.name).parent for run in runs for file in run.files}
        begun = [
            one for one in map(source.name, _begun(files)) if not {PurePosixPath(one), PurePosixPath(one).parent} & read
        ]
        refused += [Refusal(one, _NEVER) for one in begun]
    named = [_named(run, source) for run in runs]
    refused += gathered([one for one in named if isinstance(one, Refusal)])
    told = tuple(
        f"left aside: {count} {'file' if count == 1 else 'files'} of kind {kind}"
        for kind, count in sorted(aside.items())
        if count
    )
    if not named and not refused:
        refused.append(Refusal(str(path), f"{'no file of a' if root.is_dir() else 'of no'} {_readable(hints.kind)}"))
    return Finding(tuple(one for one in named if isinstance(one, ForeignRun)), tuple(refused), told)


def _readable(kind: str) -> str:
    if kind:
        return f"kind that --as {kind} reads"
    return "kind that can be read: .csv, .tsv, .json, evaluations.npz, monitor.csv or TensorBoard's event files"


def _files(root: Path) -> list[Path]:
    found = [file for file in root.rglob("*") if file.is_file()]
    visible = [file for file in found if not any(part.startswith(".") for part in file.relative_to(root).parts)]
    return sorted(visible, key=lambda file: natural(str(file)))


def _by_folder(files: Sequence[Path]) -> dict[Path, list[Path]]:
    groups: dict[Path, list[Path]] = {}
    for file in files:
        groups.setdefault(file.parent, []).append(file)
    return groups


def _grouped(files: Sequence[Path], aside: Counter[str]) -> dict[Path, list[Path]]:
    """Return the files by folder, Monitor files above the only evaluations of their run moved to these.

    Where several evaluations lie below, nobody can say whose they are: they are left aside.
    """
    groups = _by_folder(files)
    evaluated = [file.parent for file in files if file.name == "evaluations.npz"]
    for folder in [one for one in groups if one not in evaluated]:
        below = [one for one in evaluated if folder in one.parents]
        monitors = [file for file in groups[folder] if is_worker(file)]
        if below and monitors:
            groups[folder] = [file for file in groups[folder] if file not in monitors]
            if len(below) > 1:
                aside["Monitor file above evaluations of several runs"] += len(monitors)
                continue
            # Beside the evaluations lie the Monitor files of the environment they were made on.
            theirs = [file for file in groups[below[0]] if is_worker(file)]
            aside["Monitor file of an evaluation"] += len(theirs)
            groups[below[0]] = [*(file for file in groups[below[0]] if file not in theirs), *monitors]
    return {folder: found for folder, found in groups.items() if found}


def _begun(files: Sequence[Path]) -> list[Path]:
    """Return the folders with an RL Zoo run's settings and nothing else of it, there or one folder above."""
    there = {file.parent for file in files if _is_own(file)}
    settings = {file.parent for file in files if file.name in _SETTINGS}
    return sorted(folder for folder in settings if folder not in there and folder.parent not in there)


def _is_own(file: Path) -> bool:
    """Return whether stable-baselines3 or its kin writes such a file."""
    return file.name == "evaluations.npz" or file.name.endswith("monitor.csv")


def _folder(source: Source, files: Sequence[Path], aside: Counter[str], *, evaluated: bool) -> Finding:
    """Return what is in one folder, the folders below it left alone.

    Args:
        source: the source.
        files: those of the folder.
        aside: counts what is not looked at, by kind.
        evaluated: whether evaluations or Monitor files are anywhere in the source: event files then tell of their runs.
    """
    wanted = source.hints.kind
    runs: list[ForeignRun] = []
    refused: list[Refusal] = []
    own = [file for file in files if _is_own(file)]
    if own and wanted in {"", "rl-zoo", "evaluations", "monitor"}:
        found = read_folder(source, own)
        runs += found.runs
        refused += found.refused
    events = [file for file in files if "tfevents" in file.name]
    rest = [file for file in files if file not in own and file not in events and file.name not in _SETTINGS]
    readable = events if wanted == "tensorboard" or (not wanted and not evaluated) else []
    if readable:
        _try(lambda: runs.extend(_events(source, readable)), source.name(readable[0].parent), refused)
    for file in rest:
        read = _reader(file, wanted, alone=not own)
        if read is None:
            aside[file.suffix or file.name] += 1
            continue
        _try(lambda read=read, file=file: runs.extend(read(source, file)), source.name(file), refused)  # type: ignore[misc] # mypy: a lambda with defaults
    unread = [*(own if wanted in {"tensorboard", "csv", "wandb", "tianshou", "marl-eval", "scores"} else []), *events]
    for file in unread:
        if file not in readable:
            aside["TensorBoard events" if file in events else file.suffix] += 1
    return Finding(tuple(runs), tuple(refused))


def _try(read: Callable[[], object], name: str, refused: list[Refusal]) -> None:
    """Read; a refusal, or damage that a reader did not foresee, becomes a line with the file's name."""
    try:
        read()
    except RefusedError as error:
        refused.append(Refusal(name, str(error)))
    except (Exception, RecursionError) as error:  # noqa: BLE001 - garbage from anywhere must not stop the other files
        refused.append(Refusal(name, f"damaged ({type(error).__name__}: {error})"))


def _reader(file: Path, wanted: str, *, alone: bool) -> Callable[[Source, Path], list[ForeignRun]] | None:
    if file.suffix in {".csv", ".tsv"} and wanted in {"csv", "wandb", "tianshou"}:
        return _table
    if file.suffix == ".json" and wanted in {"marl-eval", "scores"}:
        return _json
    if wanted or not alone:
        return None
    return {".csv": _table, ".tsv": _table, ".json": _json}.get(file.suffix)


def _table(source: Source, file: Path) -> list[ForeignRun]:
    text, hints = source.text(file), source.hints
    header = next(table.rows_of(text), [])
    kind = hints.kind or ("csv" if hints.wide or hints.columns else table.kind_of(header, hints))
    told = {
        "tianshou": "test episodes; how many and whether exploration was on, the file does not say",
    }.get(kind, "")
    found = [_run(source, file, kind, one, told) for one in table.read_table(text, kind, hints)]
    if len(found) == 1 and found[0].seed is None:
        return [replace(found[0], seed=seed_in(file.stem))]
    return found


def _json(source: Source, file: Path) -> list[ForeignRun]:
    data = nested.load(source.text(file))
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
        notes=series.notes,
    )


def _events(source: Source, files: Sequence[Path]) -> Iterator[ForeignRun]:
    """Yield the run that the event files of one folder tell of: several are restarts of it."""
    scalars = [read_events(source.content(file)) for file in files]
    known = dict.fromkeys(tag for one in scalars for tag in one.series)
    asked = source.hints.metric
    tag = asked if asked in known else next((name for name in _TAGS if name in known), "")
    if not tag or (asked and asked != tag):
        told = ", ".join(list(known)[:12]) or "none"
        raise RefusedError(
            f"has no tag {asked or 'of returns that is known'}; there are {told}; name one with --metric"
        )
    rows = [(float(step), value) for one in scalars for step, _, value in one.series.get(tag, ())]
    steps, values, notes, final = of_metric(tag, rows)
    training = not tag.startswith(("eval", "test"))
    told = TRAINING if training else "evaluations; how many episodes, and how it acted, the file does not say"
    told += f": {LAST}" * (final is not None)
    folder = source.name(files[0].parent)
    name = PurePosixPath(folder).name
    series = Series("", "", name, seed_of(folder), steps, values, (*notes, *_cut(scalars)), f"tag {tag}: {told}", final)
    yield replace(_run(source, files[0], "tensorboard", series, ""), files=tuple(source.hashes[file] for file in files))


def _cut(scalars: Sequence[Scalars]) -> list[str]:
    cut = sum(one.cut for one in scalars)
    return [f"{cut} event files end within a record: what stands before is read"] * (cut > 0)


def _named(run: ForeignRun, source: Source) -> ForeignRun | Refusal:
    """Return the run with its algorithm and environment: what the file says, else the user, else its names."""
    hints = source.hints
    path, named = PurePosixPath(run.files[0].name), PurePosixPath(run.run.replace("/", "_") or "_")
    algorithm = run.algorithm or hints.algorithm or algorithm_in(named) or algorithm_in(path)
    if run.kind == "scores":
        algorithm = algorithm or path.stem
    environment = run.environment or hints.environment or environment_in(named) or environment_in(path)
    lacking = [
        f"the {what} is not known; say --{what} NAME"
        for what, value in (("algorithm", clean(algorithm)), ("environment", clean(environment)))
        if not value
    ]
    if lacking:
        stepless = not (hints.steps or run.budget or run.last_step or len(run.steps))
        return Refusal(run.place, "; ".join([*lacking, NO_STEPS] if stepless else lacking))
    if not (run.returns.size or (run.final is not None and run.final.size)):
        return Refusal(run.place, "holds no value that is finite")
    return replace(run, algorithm=clean(algorithm), environment=clean(environment))
