"""bench.plot: the report's figures for notebooks, on the frames of bench.load."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

import bench
from bench.analysis.frames import frames
from bench.errors import BenchError
from tests import commanding

mpl.use("Agg")

SUITE = """
name: bandits
seeds: 4
evaluation: {points: 3, episodes: 2, final_episodes: 4}
algorithms: [q_learning, random]
environments:
  bench/Bandit-v0: {steps: 200}
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plot")
    (folder / "bandits.yaml").write_text(SUITE)
    done = commanding.bench("run", "bandits.yaml", "--no-report", "--quiet", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "results" / "bandits"


def _frames() -> dict[str, pd.DataFrame]:
    """Return four runs of two algorithms on two environments: ppo's scores are 0.1 to 0.4, dqn's one higher."""
    runs = [(label, name, seed) for label in ("ppo", "dqn") for name in ("E", "F") for seed in range(4)]
    trials = pd.DataFrame(runs, columns=["label", "environment", "seed"]).assign(budget=200, state="done")
    told = [f"{label}-{name}" for label, name, _ in runs]
    trials = trials.assign(configuration=told, fingerprint=[f"{one}-{k % 4}" for k, one in enumerate(told)])
    trials = trials.assign(algorithm=trials.label, score=0.1 * (trials.seed + 1) + (trials.label == "dqn"))
    points = trials.merge(pd.DataFrame({"point": [0, 1]}), how="cross")
    done = points.point + 1
    return {
        "trials": trials,
        "points": points.assign(steps=100 * done, mean_return=10 * points.score * done, score=points.score * done / 2),
    }


def _drawn(line: Line2D) -> list[list[float]]:
    return [[float(x), float(y)] for x, y in np.asarray(line.get_xydata())]


def test_a_learning_curve_of_an_environment_is_the_interquartile_mean_of_its_runs() -> None:
    ax = bench.plot.learning_curves(_frames(), environment="E")
    ppo = ax.lines[0]
    # Of 1, 2, 3, 4 the middle half is 2 and 3; at the end of training all returns have doubled.
    assert _drawn(ppo) == [[100, pytest.approx(2.5)], [200, pytest.approx(5.0)]]
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["ppo", "dqn"]


def test_configurations_that_share_a_label_stay_apart() -> None:
    frames = {name: one[one.environment == "E"].replace("dqn", "ppo") for name, one in _frames().items()}
    for ax in (bench.plot.learning_curves(frames), bench.plot.interquartile_means(frames)):
        assert len(ax.lines) >= 2
    assert _rows(ax) == ["ppo [ppo-]", "ppo [dqn-]"]
    assert [_drawn(line)[0][0] for line in ax.lines] == pytest.approx([0.25, 1.25])


def test_pooled_curves_stand_over_the_share_of_the_budget() -> None:
    ax = bench.plot.learning_curves(_frames())
    assert _drawn(ax.lines[1]) == [[0.5, pytest.approx(0.625)], [1.0, pytest.approx(1.25)]]


def test_interquartile_means_are_those_of_the_runs_and_are_drawn_on_the_axes_given() -> None:
    figure, ax = mpl.pyplot.subplots()
    assert bench.plot.interquartile_means(_frames(), ax=ax) is ax
    assert [_drawn(line)[0][0] for line in ax.lines] == pytest.approx([0.25, 1.25])
    assert _rows(ax) == ["ppo", "dqn"]
    mpl.pyplot.close(figure)


def _rows(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts if str(text.get_gid()).endswith("-left")]


def test_a_failed_run_counts_as_the_random_policy() -> None:
    frames = _frames()
    failed = (frames["trials"].label == "ppo") & (frames["trials"].seed == 3)
    frames["trials"]["state"] = np.where(failed, "failed", "done")
    frames["trials"]["score"] = np.where(failed, np.nan, frames["trials"].score)
    # 0, 0.1, 0.2, 0.3: the middle half is 0.1 and 0.2.
    ax = bench.plot.interquartile_means(frames)
    assert _drawn(ax.lines[0])[0][0] == pytest.approx(0.15)


def test_every_run_of_one_lies_above_every_run_of_the_other() -> None:
    ax = bench.plot.pairwise(_frames())
    (dot,) = [line for line in ax.lines if (line.get_gid() or "").endswith("dots")]
    assert _drawn(dot)[0][0] == pytest.approx(-1)


def test_a_profile_falls_from_all_runs_to_none() -> None:
    ax = bench.plot.performance_profile(_frames())
    for line in ax.lines:
        heights = np.asarray(line.get_ydata())
        assert (heights[0], heights[-1]) == (1, 0)
        assert (np.diff(heights) <= 0).all()


def test_what_cannot_be_drawn_is_said() -> None:
    frames = _frames()
    with pytest.raises(BenchError, match=r"environment 'G' has no curve; there are E, F"):
        bench.plot.learning_curves(frames, environment="G")
    alone = {name: frame[frame.label == "ppo"] for name, frame in frames.items()}
    with pytest.raises(BenchError, match="fewer than two algorithms"):
        bench.plot.pairwise(alone)


def test_dir_shows_what_there_is() -> None:
    assert {"load", "plot"} <= set(dir(bench))


def test_a_figure_for_a_paper_is_as_wide_as_its_column(results: Path, tmp_path: Path) -> None:
    done = commanding.bench(
        "plot", str(results), "--figure", "learning", "--out", "fig.pdf", "--width", "3.25", cwd=tmp_path
    )
    assert done.stdout.split() == ["fig.pdf"], done.stderr
    # A page of 3.25 inches, in points.
    assert re.search(rb"/MediaBox \[ ?0 0 234 ", (tmp_path / "fig.pdf").read_bytes())


def test_an_environments_name_means_its_curve(results: Path, tmp_path: Path) -> None:
    done = commanding.bench("plot", str(results), "--figure", "bench/Bandit-v0", "--out", "fig.svg", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Bandit-v0: return (IQM)" in (tmp_path / "fig.svg").read_text()


def test_a_figure_that_is_not_there_is_refused_with_those_that_are(results: Path, tmp_path: Path) -> None:
    done = commanding.bench("plot", str(results), "--figure", "learnin", "--out", "fig.pdf", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        "bench: there is no figure 'learnin'; did you mean 'learning'?\n",
    )
    done = commanding.bench("plot", str(results), "--figure", "learning", "--out", "fig.gif", cwd=tmp_path)
    assert done.returncode == 2
    assert "figures are written as svg, png, pdf" in done.stderr
    assert "pairwise" in commanding.bench("plot", str(results), cwd=tmp_path).stdout


def _documented(page: str) -> dict[str, dict[str, str]]:
    """Return what docs/frames.md says: frame -> column -> type; those of the trial come first in each."""
    trial, *others = (dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", part, re.MULTILINE)) for part in page.split("\n## "))
    return {
        name: {**trial, **one} for name, one in zip(re.findall(r"^## `(\w+)`", page, re.MULTILINE), others, strict=True)
    }


def test_every_column_of_the_frames_is_documented_with_its_type() -> None:
    kinds = {"object": "text", "int64": "integer", "Int64": "integer", "float64": "number", "bool": "boolean"}
    said = _documented(Path("docs/frames.md").read_text())
    for held in (bench.load("results/tuning-reinforce"), frames([], {})):
        assert {
            name: {str(c): kinds[str(kind)] for c, kind in one.dtypes.items()} for name, one in held.items()
        } == said
        assert {name: list(one.columns) for name, one in held.items()} == {
            name: list(one) for name, one in said.items()
        }
