"""The frames of `bench.load` in, matplotlib axes out: the report's figures, for a notebook or a paper.

Every function draws what the report draws, with its intervals and its look, takes the `ax` to draw on (a new one
otherwise) and returns it. A failed trial counts as the random policy. Configurations that share a label and an
environment stay apart. Intervals are drawn from a fixed seed; another generator may be given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from bench.analysis.compare import contest, verdicts
from bench.analysis.interval import iqm_band, iqm_interval
from bench.analysis.ledger import shown_as
from bench.analysis.profiles import profile, tau_grid
from bench.analysis.resampling import ENOUGH, Columns, Counts, Tasks, resample_counts
from bench.errors import BenchError
from bench.records import Aggregate, AnalysisPlan, CurveEstimate, Floats, Interval
from bench.report import drawing, figures, palette, words

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["interquartile_means", "learning_curves", "pairwise", "performance_profile"]

Frames = Mapping[str, "pd.DataFrame"]
_SEED = 20_260_101
_LEVEL = "95 %"


def learning_curves(
    frames: Frames, *, environment: str | None = None, ax: Axes | None = None, rng: np.random.Generator | None = None
) -> Axes:
    """Draw the interquartile mean over training with pointwise 95 % bands.

    Args:
        frames: of `bench.load`.
        environment: raw returns of this one over environment steps; None: scores of all over the share of the budget.
        ax: where to draw.
        rng: draws the resamples.

    Raises:
        BenchError: there is no such environment, or no curve.
    """
    frames = _apart(frames)
    points = frames["points"]
    known = sorted(set(points.environment))
    if environment is not None and environment not in known:
        raise BenchError(f"environment {environment!r} has no curve; there are {', '.join(known) or 'none'}")
    wanted = points if environment is None else points[points.environment == environment]
    generator = rng or np.random.default_rng(_SEED)
    curves = [
        _curve(str(label), mine, frames, environment, generator) for label, mine in wanted.groupby("label", sort=False)
    ]
    if not curves:
        raise BenchError("no trial has a learning curve")
    figure = (
        figures.pooled_curves(curves, _LEVEL, "score")
        if environment is None
        else figures.environment_curves(curves, "environment", _LEVEL, {}, thin=True)
    )
    return _drawn(figure, frames, ax)


def interquartile_means(frames: Frames, *, ax: Axes | None = None, rng: np.random.Generator | None = None) -> Axes:
    """Draw each algorithm's interquartile mean score over all environments with its 95 % interval."""
    frames, generator = _apart(frames), rng or np.random.default_rng(_SEED)
    lines = []
    for label, tasks in _tasks(frames).items():
        value = iqm_interval(tasks, _counts(tasks, generator))
        lines.append(
            Aggregate(
                label, len(tasks), min(map(len, tasks)), value, Interval(None), Interval(None), Interval(None), {}
            )
        )
    whole = figures.aggregates(lines, _LEVEL)
    return _drawn(figures.first(whole), frames, ax)


def performance_profile(frames: Frames, *, ax: Axes | None = None) -> Axes:
    """Draw the share of runs above each score with pointwise 95 % bands (Agarwal et al. 2021, figure 4)."""
    frames = _apart(frames)
    by_label = _tasks(frames)
    taus = tau_grid([task for tasks in by_label.values() for task in tasks])
    profiles = [profile(label, tasks, taus) for label, tasks in by_label.items()]
    return _drawn(figures.performance_profile(profiles, _LEVEL), frames, ax)


def pairwise(frames: Frames, *, ax: Axes | None = None, rng: np.random.Generator | None = None) -> Axes:
    """Draw the probability of improvement of each pair on the environments that both have.

    Raises:
        BenchError: there are fewer than two algorithms to compare.
    """
    frames, generator = _apart(frames), rng or np.random.default_rng(_SEED)
    by_cell = _cells(frames)
    labels = list(dict.fromkeys(label for label, _ in by_cell))
    contests = []
    for one, other in combinations(labels, 2):
        shared = [name for label, name in by_cell if label == one and (other, name) in by_cell]
        if shared:
            ours, theirs = ([by_cell[label, name] for name in shared] for label in (one, other))
            counts = _counts(ours, generator), _counts(theirs, generator)
            contests.append(contest((one, other), ours, theirs, counts, AnalysisPlan()))
    if not contests:
        raise BenchError("fewer than two algorithms share an environment: there is nothing to compare")
    pairs = verdicts(contests, AnalysisPlan())
    return _drawn(figures.pairwise(pairs, len(pairs), _LEVEL), frames, ax)


def _apart(frames: Frames) -> Frames:
    """Return the frames with a label for each configuration: where several share one, their hashes stand behind."""
    trials = frames["trials"]
    names: dict[tuple[str, str, str], str] = {}
    for (label, environment), mine in trials.groupby(["label", "environment"], sort=False):
        if len(found := dict.fromkeys(mine.configuration, False)) > 1:
            shown = shown_as(str(label), found)
            names |= {(str(label), str(environment), one): name for one, name in shown.items()}
    if not names:
        return frames
    keys = zip(trials.label, trials.environment, trials.configuration, strict=True)
    labels = dict(zip(trials.fingerprint, (names.get(key, key[0]) for key in keys), strict=True))
    return {name: frames[name].assign(label=frames[name].fingerprint.map(labels)) for name in ("trials", "points")}


def _drawn(figure: figures.Figure, frames: Frames, ax: Axes | None) -> Axes:
    import matplotlib.pyplot as plt  # noqa: PLC0415 - it chooses a window system; only a notebook should

    labels = list(dict.fromkeys(frames["trials"].label))
    looks = palette.styles(labels, dict(zip(frames["trials"].label, frames["trials"].algorithm, strict=True)))
    (panel,) = figure.panels
    with drawing.style():
        if ax is None:
            _, ax = plt.subplots()
        drawing.on_axes(panel, ax, looks, figure.name)
        if figure.labels:
            samples = [drawing.sample_line(looks[label]) for label in figure.labels]
            ax.legend(samples, [figures.named(label) for label in figure.labels], frameon=False)
    return ax


def _cells(frames: Frames) -> dict[tuple[str, str], Floats]:
    """Return the (runs,) scores of each label on each environment that has a reference."""
    trials = frames["trials"]
    scored = trials.assign(score=trials.score.where(trials.state == "done", 0.0)).sort_values("seed")
    referenced = set(trials.environment[np.isfinite(trials.score)])
    return {
        (str(label), str(environment)): mine.score.to_numpy(dtype=np.float64)
        for (label, environment), mine in scored.groupby(["label", "environment"], sort=False)
        if environment in referenced
    }


def _tasks(frames: Frames) -> dict[str, Tasks]:
    """Return each label's scores per environment.

    Raises:
        BenchError: nothing has a score.
    """
    found: dict[str, list[Floats]] = {}
    for (label, _), scores in _cells(frames).items():
        found.setdefault(label, []).append(scores)
    if not found:
        raise BenchError("no environment has reference returns, so that no run has a score")
    return {label: tuple(tasks) for label, tasks in found.items()}


def _counts(tasks: Iterable[Floats], rng: np.random.Generator) -> Counts:
    return [resample_counts(len(task), ENOUGH, rng) for task in tasks]


def _curve(
    label: str, points: pd.DataFrame, frames: Frames, environment: str | None, rng: np.random.Generator
) -> CurveEstimate:
    """Return one label's curve: every run read at the points of the one with the smallest seed."""
    budgets = dict(zip(frames["trials"].environment, frames["trials"].budget, strict=True))
    column = "score" if environment is None else "mean_return"
    scale: Callable[[str], float] = (lambda name: float(budgets[name])) if environment is None else (lambda _: 1.0)
    columns: Columns = []
    x: Floats = np.empty(0)
    for name, mine in points.groupby("environment", sort=False):
        runs = [run for _, run in mine.sort_values("seed").groupby("seed", sort=False)]
        x = runs[0].steps.to_numpy(dtype=np.float64) / scale(str(name)) if not len(x) else x
        columns = [*columns, np.stack([np.interp(x, run.steps / scale(str(name)), run[column]) for run in runs])]
    estimate, low, high = iqm_band(columns, _counts(columns, rng))
    return CurveEstimate(
        label, environment, "share" if environment is None else "steps",
        tuple(x.tolist()), tuple(estimate.tolist()), _known(low), _known(high), min(map(len, columns)),
        tuple(tuple(run) for run in columns[0].tolist()) if environment is not None else (),
    )  # fmt: skip


def _known(values: Floats) -> tuple[float | None, ...]:
    return tuple(float(value) if words.finite(value) else None for value in values)
