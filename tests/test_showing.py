"""A trained policy seen: films and windows show the recorded episodes, and what cannot be shown says so."""

import subprocess
import sys
from pathlib import Path

import gymnasium
import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from bench import load_policy
from bench.errors import BenchError
from bench.pipeline.showing import Shown, film, play, trial_folder
from bench.records import Record
from tests.commanding import bench
from tests.making import TOY, carry_out, run_suite, small_trial, suite_file


@pytest.fixture(scope="module")
def cartpole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Record, Path]:
    """A2C that has hardly learned: short episodes."""
    root = tmp_path_factory.mktemp("cartpole")
    trial = small_trial("a2c", "CartPole-v1", steps=64, hyperparameters={"normalize": True, "frame_stack": 2})
    return carry_out(trial, root), root / trial.name


def test_a_film_shows_the_recorded_episodes_frame_by_frame(cartpole: tuple[Record, Path], tmp_path: Path) -> None:
    record, folder = cartpole
    shown: list[Shown] = []
    made = film(load_policy(folder), tmp_path / "new" / "policy.mp4", 2, 25.0, shown.append)
    assert [(one.total, one.recorded) for one in shown] == [(value, value) for value in record.final.returns[:2]]
    # Two first observations, and one after every step.
    assert made.frames == sum(one.length for one in shown) + 2
    words = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(made.path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    done = subprocess.run(words, capture_output=True, check=True)
    assert b"600x400" in done.stderr
    assert b" 25 fps" in done.stderr
    pictures = np.frombuffer(done.stdout, dtype=np.uint8).reshape(-1, 400, 600, 3)
    assert len(pictures) == made.frames
    # A cart that is black on white, in the lower half, and moves.
    assert (pictures[0][200:].min(), pictures[0].max()) <= (30, 255)
    assert (pictures[0] != pictures[-1]).any()


def test_an_animation_needs_no_further_package_and_keeps_to_what_browsers_can(
    cartpole: tuple[Record, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    monkeypatch.delenv("DISPLAY", raising=False)
    path = tmp_path / "policy.gif"
    done = bench("video", cartpole[1], "--out", path, "--fps", "200")
    assert done.returncode == 0, done.stderr
    length = int(cartpole[0].final.lengths[0])
    assert f"return {length}.0 (recorded: {length}.0)" in done.stdout
    with Image.open(path) as picture:
        # 50 frames a second are 20 ms each; equal neighbours may be one longer frame.
        assert picture.info["duration"] % 20 == 0
        assert picture.n_frames <= length + 1
    done = bench("video", cartpole[1], "--out", path.with_suffix(".mp4"))
    assert done.returncode == 2
    assert "pip install 'bench[video]'" in done.stderr


def test_a_window_shows_the_same_and_without_a_display_a_film_is_offered(
    cartpole: tuple[Record, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("SDL_VIDEODRIVER", raising=False)
    record, folder = cartpole
    with pytest.raises(BenchError, match="no display here for a window; `bench video"):
        next(play(load_policy(folder), 1))
    # SDL's own stand-in for a screen.
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    assert [one.total for one in play(load_policy(folder), 1)] == [record.final.returns[0]]


def test_what_cannot_be_shown_says_so_and_leaves_no_file(cartpole: tuple[Record, Path], tmp_path: Path) -> None:
    trial = small_trial("random", "bench/Corridor-v0")
    carry_out(trial, tmp_path)
    with pytest.raises(BenchError, match=r"Corridor-v0 cannot be shown: it draws no pictures .* no render mode at all"):
        film(load_policy(tmp_path / trial.name), tmp_path / "policy.gif", 1, None, print)
    policy = load_policy(cartpole[1])
    with pytest.raises(BenchError, match=r"policy.avi: films are written as .mp4 or .gif"):
        film(policy, tmp_path / "policy.avi", 1, None, print)
    (tmp_path / "file").touch()
    with pytest.raises(BenchError, match="cannot be written"):
        film(policy, tmp_path / "file" / "policy.mp4", 1, None, print)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", trial.name]


def test_an_environment_of_the_working_directory_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = "gymnasium.envs.classic_control:CartPoleEnv"
    (tmp_path / "homemade.py").write_text(
        f"import gymnasium\ngymnasium.register('Homemade-v0', {place!r}, max_episode_steps=20)\n"
    )
    trial = small_trial("random", "homemade:Homemade-v0", steps=20)
    with monkeypatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        carry_out(trial, tmp_path)
    # As in another process.
    monkeypatch.delitem(sys.modules, "homemade")
    monkeypatch.delitem(gymnasium.registry, "Homemade-v0")
    done = bench("video", tmp_path / trial.name, "--out", "policy.gif", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "policy.gif").exists()


def test_a_trial_is_meant_by_its_folder_or_by_cell_and_seed(tmp_path: Path) -> None:
    experiment, _ = run_suite(suite_file(tmp_path, TOY), tmp_path)
    root = experiment.store.root
    folders = {trial.seed: experiment.store.folder(trial) for trial in experiment.plan.trials
               if (trial.label, trial.environment) == ("q_learning", "bench/Corridor-v0")}  # fmt: skip
    assert trial_folder(str(folders[1]), None, None) == folders[1]
    assert trial_folder("q_learning@bench/Corridor-v0", root, 2) == folders[2]
    (folders[0] / "policy.zip").unlink()
    assert trial_folder("q_learning@bench/Corridor-v0", root, None) == folders[1]
    for name, within, seed, told in (
        ("q_learning", root, None, "was trained on bench/Bandit-v0, bench/Corridor-v0; say q_learning@bench/Bandit-v0"),
        ("q_lerning@bench/Corridor-v0", root, None, "did you mean 'q_learning@bench/Corridor-v0'?"),
        ("random@bench/Bandit-v0", root, 7, "no finished trial with seed 7; there are 0, 1, 2"),
        ("random@bench/Bandit-v0", None, None, "--in results/NAME"),
        (str(folders[1]), None, 1, "leave --seed out"),
    ):
        with pytest.raises(BenchError) as error:
            trial_folder(name, within, seed)
        assert told in str(error.value)
    done = bench("video", "q_learning@bench/Corridor-v0", "--in", root, "--seed", "0", cwd=tmp_path)
    assert done.returncode == 2
    assert "holds no policy.zip" in done.stderr
