"""Evaluations and Monitor files of one folder in, its runs out: RL Zoo's layout, or stable-baselines3's alone."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.imports.evaluations import read_evaluations
from bench.imports.found import (
    TRAINING,
    Finding,
    Floats,
    ForeignRun,
    Integers,
    Refusal,
    RefusedError,
)
from bench.imports.monitor import Episodes, merge, read_monitor, training_curve
from bench.imports.names import natural, seed_in, seed_of
from bench.imports.series import POINTS, WINDOW, last_means, whole
from bench.imports.settings import read_settings
from bench.imports.source import Source

_WORKER = re.compile(r"(\d+\.)*monitor\.csv")
_STOCHASTIC = ("NoFrameskip", "ALE/", "MiniGrid")
"""Parts of environment ids on which RL Zoo evaluates with the policy's samples."""


@dataclass(frozen=True, slots=True)
class _Settings:
    """What config.yml and args.yml say."""

    arguments: Mapping[str, Any] = field(default_factory=dict)
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[Path, ...] = ()

    @property
    def steps(self) -> int | None:
        """The budget: the command line's where it was given, else the tuned one."""
        for asked in (self.arguments.get("n_timesteps"), self.hyperparameters.get("n_timesteps")):
            if isinstance(asked, int | float) and 0 < asked < 2**53:
                return int(asked)
        return None


def is_worker(file: Path) -> bool:
    """Return whether a file holds the episodes of one of the parallel environments of its folder's run."""
    return _WORKER.fullmatch(file.name) is not None


def read_folder(source: Source, files: Sequence[Path]) -> Finding:
    """Return the runs of one folder's evaluations.npz and Monitor files."""
    refused: list[Refusal] = []
    workers = _workers(source, [file for file in files if file.name.endswith("monitor.csv")], refused)
    settings = _settings(source, files[0].parent, refused)
    evaluated = [file for file in files if file.name == "evaluations.npz" and source.hints.kind != "monitor"]
    if source.hints.kind == "rl-zoo" and not settings.files:
        return Finding(refused=(*refused, Refusal(source.name(files[0].parent), "no RL Zoo folder: no config.yml")))
    if not evaluated and source.hints.kind == "evaluations":
        return Finding(refused=(*refused, Refusal(source.name(files[0].parent), "has no evaluations.npz")))
    runs = []
    for group, episodes in workers.items() if not evaluated else ():
        try:
            runs.append(_monitored(source, group, merge(list(episodes.values())), settings, tuple(episodes)))
        except RefusedError as error:
            refused.append(Refusal(source.name(next(iter(episodes))), str(error)))
    for file in evaluated:
        try:
            runs.append(_evaluated(source, file, workers.get("", {}), settings))
        except RefusedError as error:
            refused.append(Refusal(source.name(file), str(error)))
    return Finding(tuple(runs), tuple(refused))


def _workers(source: Source, files: Sequence[Path], refused: list[Refusal]) -> dict[str, dict[Path, Episodes]]:
    """Return the episodes of each file by run: the numbered files are one, any other prefix is its own."""
    found: dict[str, dict[Path, Episodes]] = defaultdict(dict)
    for file in sorted(files, key=lambda one: natural(one.name)):
        run = "" if is_worker(file) else file.name.removesuffix("monitor.csv").rstrip(".")
        try:
            found[run][file] = read_monitor(source.text(file))
        except RefusedError as error:
            refused.append(Refusal(source.name(file), str(error)))
    return {run: episodes for run, episodes in found.items() if episodes}


def _settings(source: Source, folder: Path, refused: list[Refusal]) -> _Settings:
    read: dict[str, Mapping[str, Any]] = {}
    files = []
    for name in ("args.yml", "config.yml"):
        places = [folder / name, *sorted(folder.glob(f"*/{name}"))]
        for file in [place for place in places if place.is_file()][:1]:
            try:
                read[name] = read_settings(source.text(file))
                files.append(file)
            except RefusedError as error:
                refused.append(Refusal(source.name(file), str(error)))
    return _Settings(read.get("args.yml", {}), read.get("config.yml", {}), tuple(files))


def _monitored(source: Source, name: str, episodes: Episodes, settings: _Settings, files: Sequence[Path]) -> ForeignRun:
    """Return the run that Monitor files tell of: training episodes, or those of a trained policy."""
    notes = _left_out(episodes)
    run = replace(_plain(source, settings, [*files, *settings.files], episodes.environment), run=name, notes=notes)
    if run.seed is None:
        run = replace(run, seed=seed_in(name) if name else seed_of(source.name(files[0].parent)))
    if source.hints.episodes == "evaluation":
        return replace(
            run,
            final=episodes.returns,
            final_lengths=episodes.lengths,
            evaluation="episodes of a trained policy, all of the file's; how it acted the files do not say",
            step_counting="",
        )
    steps, means, seconds = training_curve(episodes)
    return replace(
        run,
        steps=steps,
        returns=means[:, None],
        seconds=seconds,
        training=means,
        final=episodes.returns[-WINDOW:],
        final_lengths=episodes.lengths[-WINDOW:],
        last_step=int(episodes.steps[-1]),
        evaluation=f"{TRAINING}: means of the last {WINDOW} until each of {POINTS} points; final: the last {WINDOW}",
        deterministic=False,
        step_counting=f"sum of the lengths of finished episodes over {len(files)} parallel environments",
    )


def _evaluated(source: Source, file: Path, workers: Mapping[Path, Episodes], settings: _Settings) -> ForeignRun:
    """Return the run of an evaluations.npz, its Monitor files giving the training returns beside."""
    steps, returns, lengths = read_evaluations(source.content(file))
    steps, returns, lengths, notes = _ordered(steps, returns, lengths)
    episodes = merge(list(workers.values())) if workers else None
    run = _plain(source, settings, [file, *workers, *settings.files], episodes.environment if episodes else "")
    zoo, count = run.kind == "rl-zoo", returns.shape[1]
    sampled = zoo and any(part in run.environment for part in _STOCHASTIC)
    how = "with samples of the policy" if sampled else "deterministic"
    rule = "RL Zoo's rule" if zoo else "EvalCallback's default"
    return replace(
        run,
        seed=run.seed if run.seed is not None else seed_of(source.name(file.parent)),
        steps=steps,
        returns=returns,
        lengths=lengths,
        training=None if episodes is None else _training_at(steps, episodes),
        last_step=max(int(steps[-1]), int(episodes.steps[-1]) if episodes else 0),
        evaluation=f"{count} episodes, {how} by {rule} (the files do not say); final: the last evaluation",
        deterministic=not sampled,
        step_counting="environment steps over all parallel environments",
        notes=(*notes, *(_left_out(episodes) if episodes else ())),
    )


def _plain(source: Source, settings: _Settings, files: Sequence[Path], environment: str) -> ForeignRun:
    """Return a run without its numbers: what settings and headers say of it."""
    said = settings.arguments
    name = str(said.get("env") or environment or "")
    return ForeignRun(
        kind="rl-zoo" if settings.files and source.hints.kind != "monitor" else _kind(files),
        algorithm=str(said.get("algo") or ""),
        environment=name,
        run="",
        seed=whole(said.get("seed", "")),
        steps=np.empty(0, dtype=np.int64),
        returns=np.empty((0, 0)),
        files=tuple(source.hashes[file] for file in files),
        budget=settings.steps,
        hyperparameters=settings.hyperparameters,
        settings_from=", ".join(source.name(file) for file in settings.files),
    )


def _kind(files: Sequence[Path]) -> str:
    return "evaluations" if any(file.name == "evaluations.npz" for file in files) else "monitor"


def _ordered(
    steps: Integers, returns: Floats, lengths: Integers | None
) -> tuple[Integers, Floats, Integers | None, tuple[str, ...]]:
    """Return the evaluations by step, those with a value that is not finite left out; a restart's later one counts."""
    good = np.flatnonzero(np.isfinite(returns).all(axis=1))
    latest = {int(steps[row]): int(row) for row in good}
    rows = np.array([latest[step] for step in sorted(latest)], dtype=np.int64)
    if not len(rows):
        raise RefusedError("no evaluation is finite")
    notes = []
    if len(good) < len(steps):
        notes.append(f"{len(steps) - len(good)} of {len(steps)} evaluations are not finite: left out")
    if len(rows) < len(good):
        notes.append(f"{len(good) - len(rows)} steps occur more than once: the last value in the file counts")
    return steps[rows], returns[rows], None if lengths is None else lengths[rows], tuple(notes)


def _training_at(steps: Integers, episodes: Episodes) -> Floats:
    """(points,) mean return of the last training episodes until each evaluation; NaN before the first."""
    return last_means(episodes.returns, np.searchsorted(episodes.steps, steps, side="right"))


def _left_out(episodes: Episodes) -> tuple[str, ...]:
    rows = episodes.left_out
    return (f"{rows} damaged rows of Monitor files are left out",) if rows else ()
