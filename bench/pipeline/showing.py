"""A trained policy in, its episodes out: played in a window, or filmed."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.catalog import did_you_mean
from bench.environments.watched import Watched
from bench.errors import BenchError, MissingExtraError
from bench.files import publishing
from bench.pipeline.policies import POLICY, TrainedPolicy
from bench.records import Record
from bench.runner.evaluation import Evaluator
from bench.runner.seeds import evaluation_seeds
from bench.runner.trial import evaluation_environment
from bench.store import Store

Frame = NDArray[np.uint8]
"""(height, width, 3): red, green, blue."""

FPS_IF_NONE = 30
_FASTEST = {".mp4": math.inf, ".gif": 50.0}
"""Frames a second: browsers slow down an animation that is faster."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One episode that was played for somebody to see."""

    number: int
    """From 1, in the order of the trial's final evaluation."""
    total: float
    """Its undiscounted raw return."""
    length: int
    recorded: float | None
    """What the final evaluation recorded for the same episode; None beyond its last."""
    cut: bool
    """Whether it had not ended by itself."""


@dataclass(frozen=True, slots=True)
class Film:
    """A file of moving pictures."""

    path: Path
    frames: int
    fps: float


def trial_folder(name: str, within: Path | None, seed: int | None) -> Path:
    """Return the folder of the trial that `name` means.

    Args:
        name: a trial's folder; or a label or `label@environment`, whose run of `seed` is taken, or else the first one
            that still has its policy.
        within: the results folder in which a label is looked for.
        seed: of the trial.

    Raises:
        BenchError: no trial is meant, or several environments are.
    """
    if (folder := Path(name)).is_dir():
        if seed is not None:
            raise BenchError(f"{name} is the folder of one trial, whose seed is its own: leave --seed out")
        return folder
    if within is None:
        raise BenchError(f"{name}: there is no such folder; a label wants its results: {name} --in results/NAME")
    label, _, environment = name.partition("@")
    store = Store(within)
    known = [outcome.trial for outcome in store.outcomes() if isinstance(outcome, Record)]
    cells = {f"{trial.label}@{trial.environment}" for trial in known}
    meant = [trial for trial in known if trial.label == label and environment in {"", trial.environment}]
    if not meant:
        hint = did_you_mean(name, cells) or f"it has {', '.join(sorted(cells)) or 'none'}"
        raise BenchError(f"{name}: {within} holds no finished trial of that; {hint}")
    if len(places := {trial.environment for trial in meant}) > 1:
        raise BenchError(f"{label} was trained on {', '.join(sorted(places))}; say {label}@{min(places)} or another")
    seeds = {trial.seed: store.folder(trial) for trial in sorted(meant, key=lambda trial: trial.seed)}
    if seed is not None and seed not in seeds:
        raise BenchError(f"{name}: there is no finished trial with seed {seed}; there are {', '.join(map(str, seeds))}")
    with_policy = [number for number, folder in seeds.items() if (folder / POLICY).exists()]
    return seeds[seed if seed is not None else (*with_policy, *seeds)[0]]


def play(policy: TrainedPolicy, episodes: int) -> Iterator[Shown]:
    """Play the first episodes of the trial's final evaluation in a window.

    Raises:
        BenchError: there is no display, or the environment has no window to show.
    """
    displays = ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER")
    if sys.platform.startswith("linux") and not any(os.environ.get(name) for name in displays):
        raise BenchError("there is no display here for a window; `bench video TRIAL --out policy.mp4` films it instead")
    _own_pace(policy, "human")
    yield from _episodes(policy, "human", episodes, lambda _environment: None)


def film(policy: TrainedPolicy, path: Path, episodes: int, fps: float | None, tell: Callable[[Shown], None]) -> Film:
    """Film the first episodes of the trial's final evaluation; `tell` hears of each that is over.

    Raises:
        BenchError: the environment draws no pictures, a package is missing, or the file cannot be written.
    """
    if path.suffix not in _WRITERS:
        raise BenchError(f"{path}: films are written as {' or '.join(_WRITERS)}; write for instance policy.mp4")
    if path.suffix == ".mp4" and find_spec("imageio_ffmpeg") is None:
        raise MissingExtraError("writing .mp4 (.gif works without)", "video")
    # Pygame draws without a window then, and looks for no display.
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    own = _own_pace(policy, "rgb_array")
    pace, frames = min(fps or own, _FASTEST[path.suffix]), 0
    with publishing(path) as temporary, closing(_WRITERS[path.suffix](temporary, pace)) as writer:
        next(writer)

        def see(environment: Any) -> None:
            nonlocal frames
            writer.send(_frame(environment, policy.trial.environment))
            frames += 1

        for shown in _episodes(policy, "rgb_array", episodes, see):
            tell(shown)
    return Film(path, frames, pace)


def _episodes(policy: TrainedPolicy, mode: str, episodes: int, see: Callable[[Any], None]) -> Iterator[Shown]:
    """Play as the harness evaluates, on one environment, with somebody watching."""
    trial, recorded = policy.trial, policy.record.final.returns.tolist()

    def make() -> tuple[Any, Any]:
        environment, totals = evaluation_environment(trial, render_mode=mode)
        return Watched(environment, see), totals

    with closing(Evaluator(make, lambda _: 1, trial.longest_episode)) as evaluator:
        for number, seed in enumerate(evaluation_seeds(trial.environment, trial.seed, "final", episodes)):
            played = evaluator.evaluate(policy.policy, [seed], deterministic=trial.evaluation.deterministic)
            known = recorded[number] if number < len(recorded) else None
            yield Shown(number + 1, float(played.returns[0]), int(played.lengths[0]), known, cut=bool(played.cut))


def _own_pace(policy: TrainedPolicy, mode: str) -> float:
    """Return how many frames a second the environment means to show.

    Raises:
        BenchError: it does not draw in this mode.
    """
    environment = policy.make_environment()
    told = environment.unwrapped.metadata
    environment.close()
    modes = list(map(str, told.get("render_modes") or ()))
    if mode not in modes:
        lacking = "opens no window (human)" if mode == "human" else "draws no pictures (rgb_array)"
        offered = f"its render modes are {', '.join(modes)}" if modes else "it has no render mode at all"
        raise BenchError(f"{policy.trial.environment} cannot be shown: it {lacking}; {offered}")
    return float(told.get("render_fps") or FPS_IF_NONE)


def _frame(environment: Any, name: str) -> Frame:
    picture = np.asarray(environment.render())
    if picture.ndim != 3 or picture.shape[-1] != 3:  # noqa: PLR2004 - height, width, colours
        raise BenchError(f"{name} cannot be filmed: it draws arrays of shape {picture.shape}, not (height, width, 3)")
    return picture.astype(np.uint8, copy=False)


def _mp4(path: Path, fps: float) -> Generator[None, Frame, None]:
    """Write frames as H.264, which every browser plays."""
    import imageio_ffmpeg  # noqa: PLC0415 - an extra

    frame = yield
    height, width = frame.shape[0] // 2 * 2, frame.shape[1] // 2 * 2
    # H.264 halves its colours in both directions, hence even sizes; a temporary name tells no format.
    encoder = imageio_ffmpeg.write_frames(
        str(path), (width, height), fps=fps, macro_block_size=2, output_params=["-f", "mp4"]
    )
    encoder.send(None)
    try:
        while True:
            encoder.send(np.ascontiguousarray(frame[:height, :width]))
            frame = yield
    finally:
        encoder.close()


def _gif(path: Path, fps: float) -> Generator[None, Frame, None]:
    """Write frames as an animation that repeats for ever."""
    pictures: list[Image.Image] = []
    try:
        while True:
            frame = yield
            # At once: 256 colours take a third of the memory.
            pictures.append(Image.fromarray(frame).quantize(dither=Image.Dither.NONE))
    finally:
        if pictures:
            milliseconds = round(1000 / fps)
            pictures[0].save(path, "GIF", save_all=True, append_images=pictures[1:], duration=milliseconds, loop=0)


_WRITERS: Mapping[str, Callable[[Path, float], Generator[None, Frame, None]]] = {".mp4": _mp4, ".gif": _gif}
