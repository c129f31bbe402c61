"""The evaluations or Monitor files of a home in, its run out: RL Zoo's layout, or stable-baselines3's alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.imports.evaluations import read_evaluations
from bench.imports.found import (
    TRAINING,
    ForeignRun,
    Integers,
    Refusal,
    RefusedError,
    attempt,
)
from bench.imports.homes import Home, Telling
from bench.imports.limits import MOST_ARCHIVE_BYTES, MOST_MONITOR_BYTES, MOST_SETTINGS_BYTES
from bench.imports.monitor import Episodes, merge, read_monitor, training_curve
from bench.imports.names import seed_of
from bench.imports.series import POINTS, WINDOW, last_means, whole
from bench.imports.sessions import joined, parted
from bench.imports.settings import read_settings
from bench.imports.source import Source
from bench.records import Floats

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


def read_monitored(source: Source, home: Home, telling: Telling, refused: list[Refusal]) -> ForeignRun | None:
    """Return the run that Monitor files tell of: training episodes, or those of a trained policy; None for none."""
    workers = _workers(source, telling.files, refused)
    if not workers:
        return None
    settings = _settings(source, home, refused)
    prefix = "" if telling.files[0].parent == home.place or home.place in telling.files[0].parents else home.place.name
    return _monitored(source, home, prefix, workers, settings)


def read_evaluated(source: Source, home: Home, file: Path, refused: list[Refusal]) -> ForeignRun:
    """Return the run of an evaluations.npz, with the training returns of the Monitor files of its home."""
    workers = _workers(source, _training(home, file), refused)
    return _evaluated(source, home, file, workers, _settings(source, home, refused))


def _training(home: Home, file: Path) -> tuple[Path, ...]:
    """Return the Monitor files of training; beside the evaluations may lie those of the environment of evaluation."""
    told = [one for one in home.tellings if one.kind == "monitor" and not one.evaluates]
    apart = [one for one in told if one.files[0].parent != file.parent]
    return next((one.files for one in (*apart, *told)), ())


def _workers(source: Source, files: Sequence[Path], refused: list[Refusal]) -> dict[Path, Episodes]:
    """Return the episodes of each file."""
    found = {file: attempt(source.name(file), refused, _episodes, source, file) for file in files}
    return {file: episodes for file, episodes in found.items() if episodes is not None}


def _episodes(source: Source, file: Path) -> Episodes:
    return read_monitor(source.text(file, MOST_MONITOR_BYTES))


def _settings(source: Source, home: Home, refused: list[Refusal]) -> _Settings:
    read: dict[str, Mapping[str, Any]] = {}
    files = []
    for name in ("args.yml", "config.yml"):
        for file in [one for one in home.settings if one.name == name][:1]:
            if (found := attempt(source.name(file), refused, _setting, source, file)) is not None:
                read[name] = found
                files.append(file)
    return _Settings(read.get("args.yml", {}), read.get("config.yml", {}), tuple(files))


def _setting(source: Source, file: Path) -> Mapping[str, Any]:
    return read_settings(source.text(file, MOST_SETTINGS_BYTES))


def _monitored(
    source: Source, home: Home, name: str, workers: Mapping[Path, Episodes], settings: _Settings
) -> ForeignRun:
    episodes, files = merge(list(workers.values())), tuple(workers)
    notes = _left_out(episodes)
    run = replace(_plain(source, settings, [*files, *settings.files], episodes.environment), run=name, notes=notes)
    if run.seed is None:
        run = replace(run, seed=seed_of(source.name(home.place)))
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


def _evaluated(
    source: Source, home: Home, file: Path, workers: Mapping[Path, Episodes], settings: _Settings
) -> ForeignRun:
    steps, returns, lengths = read_evaluations(source.content(file, MOST_ARCHIVE_BYTES))
    steps, returns, lengths, notes = _ordered(steps, returns, lengths, source.hints.sessions)
    episodes = merge(list(workers.values())) if workers else None
    run = _plain(source, settings, [file, *workers, *settings.files], episodes.environment if episodes else "")
    zoo, count = run.kind == "rl-zoo", returns.shape[1]
    sampled = zoo and any(part in run.environment for part in _STOCHASTIC)
    how = "with samples of the policy" if sampled else "deterministic"
    rule = "RL Zoo's rule" if zoo else "EvalCallback's default"
    return replace(
        run,
        seed=run.seed if run.seed is not None else seed_of(source.name(home.place)),
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
    steps: Integers, returns: Floats, lengths: Integers | None, anew: str
) -> tuple[Integers, Floats, Integers | None, tuple[str, ...]]:
    """Return the evaluations by step, those with a value that is not finite left out, sessions joined."""
    good = np.flatnonzero(np.isfinite(returns).all(axis=1))
    # The row stands for its values while sessions are joined.
    rows, joints = joined(parted([(float(steps[row]), float(row)) for row in good]), anew)
    latest = {int(step): int(row) for step, row in rows}
    kept = np.array([latest[step] for step in sorted(latest)], dtype=np.int64)
    if not len(kept):
        raise RefusedError("no evaluation is finite")
    notes = list(joints)
    if len(good) < len(steps):
        notes.append(f"{len(steps) - len(good)} of {len(steps)} evaluations are not finite: left out")
    if len(kept) < len(rows):
        notes.append(f"{len(rows) - len(kept)} steps occur more than once: the last value in the file counts")
    return steps[kept], returns[kept], None if lengths is None else lengths[kept], tuple(notes)


def _training_at(steps: Integers, episodes: Episodes) -> Floats:
    """(points,) mean return of the last training episodes until each evaluation; NaN before the first."""
    return last_means(episodes.returns, np.searchsorted(episodes.steps, steps, side="right"))


def _left_out(episodes: Episodes) -> tuple[str, ...]:
    rows, more = episodes.left_out, episodes.sessions - 1
    return (
        *([f"{rows} damaged rows of Monitor files are left out"] * (rows > 0)),
        *([f"{more} times its clock began anew: taken for one training that went on"] * (more > 0)),
    )
