"""Files that other tools wrote, imported: written here by these tools or by hand, and found in a folder of raw data."""

import base64
import csv
import json
import math
import os
import shutil
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from importlib.util import find_spec
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from bench import store as stored
from bench.cli.app import app
from bench.compare.comparing import compare
from bench.errors import BenchError
from bench.imports.detection import read_source
from bench.imports.evaluations import read_evaluations
from bench.imports.events import read_events
from bench.imports.found import Hints, Refusal, RefusedError
from bench.imports.keeping import Imported, import_source
from bench.imports.monitor import merge, read_monitor
from bench.imports.names import named, seed_of
from bench.imports.nested import kind_of, load, read_nested
from bench.imports.rows import read_rows
from bench.imports.series import cleaned, of_episodes
from bench.imports.settings import read_settings
from bench.imports.source import each_line
from bench.imports.table import read_table
from bench.pipeline import open_experiment
from bench.pipeline.results import estimates
from bench.records import Failure, Record
from bench.report.cautions import warnings
from bench.suite import is_imported
from tests.making import run_suite, suite_file

RAW = os.environ.get("BENCH_PUBLISHED_RAW", "")
raw = pytest.mark.skipif(not RAW, reason="BENCH_PUBLISHED_RAW names no folder with raw results of others")
DAY = date(2026, 1, 2)
CONFIG = """!!python/object/apply:collections.OrderedDict
- - - gamma
    - 0.98
  - - n_envs
    - 2
  - - n_timesteps
    - 100.0
  - - policy_kwargs
    - dict(net_arch=[400, 300])
"""
ARGUMENTS = """!!python/object/apply:collections.OrderedDict
- - - algo
    - ppo
  - - env
    - CartPole-v1
  - - n_timesteps
    - -1
  - - seed
    - {seed}
"""


def monitor(rows: list[tuple[float, int, float]], *, start: float = 1.7e9, blank: str = "") -> str:
    header = json.dumps({"t_start": start, "env_id": "CartPole-v1"})
    return f"#{blank}{header}{blank}\nr,l,t\n" + "".join(f"{r},{length},{t}\n" for r, length, t in rows)


def zoo_run(folder: Path, seed: int, returns: list[list[float]]) -> None:
    (folder / "CartPole-v1").mkdir(parents=True)
    (folder / "CartPole-v1" / "config.yml").write_text(CONFIG)
    (folder / "CartPole-v1" / "args.yml").write_text(ARGUMENTS.format(seed=seed))
    steps = 50 * (1 + np.arange(len(returns)))
    np.savez(
        folder / "evaluations.npz",
        timesteps=steps,
        results=np.array(returns),
        ep_lengths=np.abs(np.array(returns, int)),
    )


def zoo(tmp_path: Path, runs: int = 2) -> Path:
    for seed in range(runs):
        zoo_run(tmp_path / "logs" / "ppo" / f"CartPole-v1_{seed + 1}", seed, [[10.0, 20.0], [30.0, 50.0 + seed]])
    return tmp_path / "logs"


def brought(source: Path, tmp_path: Path, into: str = "theirs", **hints: Any) -> Imported:
    return import_source(source, Hints(**hints), into=into, results=tmp_path / "results", today=DAY)


def kept(tmp_path: Path, into: str = "theirs") -> list[Record]:
    found = list(open_experiment(tmp_path / "results" / into).store.outcomes())
    return sorted((one for one in found if isinstance(one, Record)), key=lambda one: one.trial.seed)


def everything(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


# RL Zoo


def test_a_zoo_folder_gives_evaluations_settings_and_seed(tmp_path: Path) -> None:
    found = brought(zoo(tmp_path), tmp_path)
    first, second = kept(tmp_path)
    assert found.exit_code == 0
    assert (first.trial.algorithm, first.trial.environment, first.trial.seed) == ("ppo", "CartPole-v1", 0)
    assert first.trial.steps == 100
    assert first.trial.hyperparameters["policy_kwargs"] == "dict(net_arch=[400, 300])"
    assert first.curve.steps.tolist() == [50, 100]
    assert first.curve.returns.tolist() == [[10.0, 20.0], [30.0, 50.0]]
    assert second.final.returns.tolist() == [30.0, 51.0]
    assert first.trial.configuration == second.trial.configuration


def test_provenance_says_what_is_known_and_what_is_not(tmp_path: Path) -> None:
    source = zoo(tmp_path, 1)
    brought(source, tmp_path)
    origin = kept(tmp_path)[0].trial.origin
    file = origin["files"][0]
    assert file["name"] == "logs/ppo/CartPole-v1_1/evaluations.npz"
    digest = subprocess.run(
        ["sha256sum", source / "ppo/CartPole-v1_1/evaluations.npz"], capture_output=True, check=True
    )
    assert file["sha256"] == digest.stdout.split()[0].decode()
    assert origin["kind"] == "rl-zoo"
    assert origin["date"] == "2026-01-02"
    assert origin["versions"] == "not known"
    assert "2 episodes, deterministic" in origin["evaluation"]


def test_importing_twice_changes_nothing(tmp_path: Path) -> None:
    source = zoo(tmp_path)
    brought(source, tmp_path)
    before = everything(tmp_path / "results")
    again = import_source(source, Hints(), into="theirs", results=tmp_path / "results", today=date(2027, 1, 1))
    assert [run.state for run in again.runs] == ["there already"] * 2
    assert everything(tmp_path / "results") == before


def test_a_dry_run_tells_and_keeps_nothing(tmp_path: Path) -> None:
    found = import_source(zoo(tmp_path), Hints(), into="x", results=tmp_path / "results", dry_run=True)
    assert len(found.runs) == 2
    assert not (tmp_path / "results").exists()


def test_no_tag_of_a_settings_file_is_executed(tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    text = f"a: !!python/object/apply:os.system ['touch {marker}']\nb: !!python/name:os.system ''\nc: 1e-3\n"
    assert read_settings(text) == {"a": [f"touch {marker}"], "b": "", "c": 0.001}
    assert not marker.exists()


def test_settings_of_endless_aliases_are_refused() -> None:
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 10)}]\n" for k in range(1, 9)
    )
    with pytest.raises(RefusedError, match="more values"):
        read_settings(text)


def test_a_seed_stated_twice_is_an_error_that_names_both_places_unless_the_runs_are_said_to_be_two(
    tmp_path: Path,
) -> None:
    zoo_run(tmp_path / "logs/ppo/CartPole-v1_1", 7, [[1.0], [2.0]])
    zoo_run(tmp_path / "logs/ppo/CartPole-v1_2", 7, [[3.0], [4.0]])
    found = brought(tmp_path / "logs", tmp_path)
    assert (found.runs, found.exit_code) == ((), 2)
    first, second = found.refused
    assert first.file == "logs/ppo/CartPole-v1_1/evaluations.npz"
    assert first.reason.startswith("seed 7 of ppo on CartPole-v1 stands in logs/ppo/CartPole-v1_2/evaluations.npz, too")
    assert "logs/ppo/CartPole-v1_1/evaluations.npz" in second.reason
    brought(tmp_path / "logs", tmp_path, separate=True)
    assert [record.trial.seed for record in kept(tmp_path)] == [0, 7]
    assert "another run has" in kept(tmp_path)[0].trial.origin["seed"]


def test_a_run_that_ends_early_failed_and_is_not_dropped(tmp_path: Path) -> None:
    zoo_run(tmp_path / "logs/ppo/CartPole-v1_1", 0, [[1.0], [2.0]])
    (tmp_path / "logs/ppo/CartPole-v1_1/CartPole-v1/config.yml").write_text(CONFIG.replace("100.0", "1e6"))
    found = brought(tmp_path / "logs", tmp_path)
    (outcome,) = open_experiment(tmp_path / "results/theirs").store.outcomes()
    assert isinstance(outcome, Failure)
    assert outcome.message == "the imported run ends at 100 of 1,000,000 steps"
    assert found.runs[0].state == "failed"


def test_steps_cut_longer_runs(tmp_path: Path) -> None:
    brought(zoo(tmp_path, 1), tmp_path, steps=50)
    (record,) = kept(tmp_path)
    assert (record.trial.steps, record.final.steps) == (50, 50)
    assert record.final.returns.tolist() == [10.0, 20.0]


# Monitor files


@pytest.mark.parametrize("blank", ["", " "])
def test_parallel_monitor_files_are_one_run_in_the_order_of_the_clock(tmp_path: Path, blank: str) -> None:
    folder = tmp_path / "ppo-run"
    folder.mkdir()
    (folder / "0.monitor.csv").write_text(monitor([(1.0, 10, 1.0), (3.0, 10, 3.0)], blank=blank))
    (folder / "1.monitor.csv").write_text(monitor([(2.0, 20, 1.5), (4.0, 20, 3.5)], start=1.7e9 + 0.5, blank=blank))
    brought(folder, tmp_path)
    (record,) = kept(tmp_path)
    # The clock puts them as 1, 2, 3, 4; after 10, 30, 40 and 60 steps the means so far are 1, 1.5, 2 and 2.5.
    assert record.final.returns.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert record.curve.steps.tolist() == [10, 30, 40, 60]
    assert record.curve.returns[:, 0].tolist() == [1.0, 1.5, 2.0, 2.5]
    assert not record.trial.evaluation.deterministic
    assert "exploration on" in record.trial.origin["evaluation"]


def test_the_last_hundred_training_episodes_are_the_final_return(tmp_path: Path) -> None:
    folder = tmp_path / "dqn"
    folder.mkdir()
    (folder / "monitor.csv").write_text(monitor([(float(k), 1, float(k)) for k in range(150)]))
    brought(folder, tmp_path)
    assert kept(tmp_path)[0].final.returns.tolist() == [float(k) for k in range(50, 150)]


def test_damaged_rows_are_left_out_and_told(tmp_path: Path) -> None:
    folder = tmp_path / "dqn"
    folder.mkdir()
    (folder / "monitor.csv").write_text(monitor([(1.0, 5, 1.0)]) + "2.0,5\n3.0,5,2.0,9\nnan,5,3.0\n4.0,5,4.0\n")
    found = brought(folder, tmp_path)
    assert kept(tmp_path)[0].final.returns.tolist() == [1.0, 4.0]
    assert found.runs[0].notes == ("3 damaged rows of Monitor files are left out",)


def test_stable_baselines3_writes_what_is_read(tmp_path: Path) -> None:
    import gymnasium  # noqa: PLC0415 - slow, and for this test alone
    from stable_baselines3 import A2C  # noqa: PLC0415 - as above
    from stable_baselines3.common.callbacks import EvalCallback  # noqa: PLC0415 - as above
    from stable_baselines3.common.monitor import Monitor  # noqa: PLC0415 - as above

    folder = tmp_path / "a2c"
    training = Monitor(gymnasium.make("CartPole-v1"), str(folder / "0"))
    seen = EvalCallback(
        Monitor(gymnasium.make("CartPole-v1")), eval_freq=100, n_eval_episodes=3, log_path=str(folder), verbose=0
    )
    A2C("MlpPolicy", training, seed=0, device="cpu").learn(300, callback=seen)
    training.close()
    found = brought(folder, tmp_path)
    (record,) = kept(tmp_path)
    assert found.runs[0].kind == "evaluations"
    assert record.curve.steps.tolist() == [100, 200, 300]
    assert record.curve.returns.tolist() == seen.evaluations_results
    assert record.trial.environment == "CartPole-v1"
    episodes = read_monitor((folder / "0.monitor.csv").read_text())
    assert episodes.returns.tolist() == training.get_episode_rewards()
    # Beside its evaluations the training returns stand; alone they are the run.
    assert (
        import_source(folder, Hints(kind="monitor"), into="m", results=tmp_path / "results").runs[0].kind == "monitor"
    )


@pytest.mark.skipif(find_spec("rl_zoo3") is None, reason="rl_zoo3 is not installed: pip install 'bench[zoo]'")
def test_a_folder_that_rl_zoo_writes_now_is_read(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "rl_zoo3.train", "--algo", "a2c", "--env", "CartPole-v1", "-n", "1000"]
    more = ["--eval-freq", "250", "--eval-episodes", "3", "--seed", "7", "-f", str(tmp_path / "logs")]
    subprocess.run([*command, *more], check=True, capture_output=True, cwd=tmp_path)
    found = brought(tmp_path / "logs", tmp_path)
    (record,) = kept(tmp_path)
    assert (found.runs[0].kind, record.trial.algorithm, record.trial.seed) == ("rl-zoo", "a2c", 7)
    assert record.trial.steps == 1000
    assert record.curve.returns.shape == (4, 3)
    assert record.trial.hyperparameters["n_envs"] == 8


# TensorBoard

EVENTS = zlib.decompress(
    base64.b64decode(
        "eNrzYICAf5M85nKu2SZQYHzglqMUb1JRYmaenmtZal6JlVGQHpdOSWpecX5RUn5iUYpecWlubmJRpV55UWZJapFeKkhVfFpmTmo8RGTPttM9alBz"
        "i/0fM3BOYhUEmyuQoiXJJc4lkFqWmKOfm5qYF1+UWg40UZSB4YD9mR5LM3Wort0PN7pxTmOD6jrBiFObgsOZV9t3oGiTYYdqW8OEU1vAgRvL5fjk"
        "oNpu3hEy4pzNDnejIBc/F0dJZm6qflpBMcgSx7trs31toKpPbF8cxDmFA2EJMHS4hIvyc3LyS0v0UwtAtsSDrHPi4GDUYmFgEHD04ubi5GIvTk7M"
        "SSwqvjKp5SsAQ+9zYQ=="
    )
)
"""What TensorBoard's SummaryWriter wrote: eval/mean_reward 1.5, 2.5, -3.25 at 100, 200, 300, and two more tags."""


def test_a_real_event_file_is_read() -> None:
    scalars = read_events(EVENTS)
    assert [(step, value) for step, _, value in scalars.series["eval/mean_reward"]] == [
        (100, 1.5),
        (200, 2.5),
        (300, -3.25),
    ]
    # A tensor, as the newer summaries are.
    assert [(step, value) for step, _, value in scalars.series["rollout/ep_rew_mean"]] == [(300, 9.0)]
    assert scalars.lost == 0


def test_without_tensorboard_an_event_file_is_named_with_what_to_install_and_the_rest_is_read(tmp_path: Path) -> None:
    (tmp_path / "events.out.tfevents.1").write_bytes(EVENTS)
    np.savez(tmp_path / "evaluations.npz", timesteps=[50, 100], results=[[1.0], [2.0]])
    words = ["import", str(tmp_path), "--algorithm", "ppo", "--environment", "CartPole-v1", "--dry-run"]
    for gone, code in ((False, 0), (True, 2)):
        if gone:
            (tmp_path / "evaluations.npz").unlink()
        program = f"import sys; sys.modules['tensorboard'] = None; sys.argv = ['bench', *{words!r}]\n"
        run = [sys.executable, "-c", program + "from bench.cli import main\nmain()"]
        done = subprocess.run(run, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        assert ("pip install 'bench[tensorboard]'" in " ".join((done.stdout + done.stderr).split())) == gone


def test_a_length_beyond_all_memory_is_damage() -> None:
    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c  # noqa: PLC0415 - only here

    head = (2**61).to_bytes(8, "little")
    scalars = read_events(EVENTS + head + masked_crc32c(head).to_bytes(4, "little") + b"x" * 20)
    assert scalars.lost == pytest.approx(32 / (len(EVENTS) + 32))
    assert len(scalars.series["eval/mean_reward"]) == 3


def test_a_killed_run_s_event_file_is_read_up_to_its_end() -> None:
    scalars = read_events(EVENTS[:-10])
    assert 0 < scalars.lost < 1
    assert len(scalars.series["eval/mean_reward"]) == 3


def test_a_changed_number_is_noticed_by_its_checksum() -> None:
    broken = bytearray(EVENTS)
    # 2.5 as a float of four bytes; 3.5 differs from it in one bit, and only the checksum knows.
    place = EVENTS.index(b"\x00\x00\x20\x40")
    broken[place + 2] = 0x60
    scalars = read_events(bytes(broken))
    assert 0 < scalars.lost < 1
    assert [value for _, _, value in scalars.series["eval/mean_reward"]] == [1.5]


def test_a_damaged_event_file_tells_how_much_of_it_is_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "ppo_CartPole-v1_seed1"
    folder.mkdir()
    (folder / "events.out.tfevents.1").write_bytes(EVENTS + b"x" * len(EVENTS))
    (run,) = read_source(tmp_path, Hints()).runs
    assert "an event file is damaged: its last 50% is not read" in run.notes


def test_event_files_of_one_folder_are_one_run(tmp_path: Path) -> None:
    folder = tmp_path / "CartPole-v1__ppo__3__1700000000"
    folder.mkdir()
    (folder / "events.out.tfevents.1.host").write_bytes(EVENTS)
    brought(tmp_path, tmp_path)
    (record,) = kept(tmp_path)
    assert (record.trial.algorithm, record.trial.environment, record.trial.seed) == ("ppo", "CartPole-v1", 3)
    assert record.final.returns.tolist() == [-3.25]


def test_an_unknown_tag_is_refused_with_those_there_are(tmp_path: Path) -> None:
    (tmp_path / "events.out.tfevents.1").write_bytes(EVENTS)
    found = read_source(tmp_path, Hints(metric="eval/return"))
    assert "there are eval/mean_reward, time/fps, rollout/ep_rew_mean" in found.refused[0].reason


# Tables


def write(path: Path, *rows: Sequence[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def test_a_long_table_by_a_column_map(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        ["who", "where", "n", "at", "got"],
        ["A", "E-v0", 0, 10, 1],
        ["A", "E-v0", 0, 20, 2],
        ["A", "E-v0", 4, 20, 3],
    ]
    names = {"algorithm": "who", "environment": "where", "seed": "n", "steps": "at", "return": "got"}
    found = brought(write(tmp_path / "x.csv", *rows), tmp_path, columns=names)
    first, second = kept(tmp_path)
    assert [run.state for run in found.runs] == ["new", "new"]
    assert (first.trial.label, first.trial.seed, first.curve.returns[:, 0].tolist()) == ("A", 0, [1.0, 2.0])
    assert (second.trial.seed, second.final.returns.tolist()) == (4, [3.0])


def test_usual_column_names_need_no_map(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        ["algo", "env_id", "run", "env_steps", "return"],
        ["td3", "Ant-v1", 0, 0, 1],
        ["td3", "Ant-v1", 0, 5, 2],
    ]
    brought(write(tmp_path / "x.csv", *rows), tmp_path)
    assert kept(tmp_path)[0].trial.environment == "Ant-v1"


def test_empty_cells_are_gaps_and_are_counted(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        ["seed", "steps", "return"],
        [0, 10, 1],
        [0, 20, ""],
        [0, 30, "nan"],
        [0, 40, "inf"],
        [0, 50, 5],
    ]
    found = brought(write(tmp_path / "x.csv", *rows), tmp_path, algorithm="a", environment="E-v0")
    assert kept(tmp_path)[0].curve.steps.tolist() == [10, 50]
    assert found.runs[0].notes == ("3 of 5 values are empty, not finite or without a step: left out",)


def test_rows_are_put_in_the_order_of_steps_and_the_last_value_at_a_step_counts() -> None:
    steps, values, notes = cleaned([(30.0, 3.0), (10.0, 1.0), (30.0, 4.0), (20.0, 2.0)])
    assert (steps.tolist(), values.tolist()) == ([10, 20, 30], [1.0, 2.0, 4.0])
    assert notes == ("1 steps occur more than once: the last value in the file counts",)


def test_rows_without_a_run_identifier_are_left_out_and_told(tmp_path: Path) -> None:
    rows: list[list[Any]] = [["seed", "steps", "return"], [0, 10, 1], ["", 10, 2]]
    found = brought(write(tmp_path / "x.csv", *rows), tmp_path, algorithm="a", environment="E-v0")
    assert len(found.runs) == 1
    assert found.runs[0].notes == ("1 rows have no run identifier: left out",)


def test_runs_without_identifiers_begin_where_steps_fall(tmp_path: Path) -> None:
    rows: list[list[Any]] = [["steps", "return"], [10, 1], [20, 2], [10, 3], [20, 4]]
    found = brought(write(tmp_path / "x.csv", *rows), tmp_path, algorithm="a", environment="E-v0")
    assert [record.curve.returns[:, 0].tolist() for record in kept(tmp_path)] == [[1.0, 2.0], [3.0, 4.0]]
    assert "told apart by their steps" in found.runs[0].notes[0]


def test_equal_numbers_of_rows_at_each_step_are_as_many_runs(tmp_path: Path) -> None:
    rows: list[list[Any]] = [["steps", "return"], [10, 1], [10, 2], [20, 3], [20, 4]]
    brought(write(tmp_path / "x.csv", *rows), tmp_path, algorithm="a", environment="E-v0")
    assert [record.curve.returns[:, 0].tolist() for record in kept(tmp_path)] == [[1.0, 3.0], [2.0, 4.0]]


def test_a_table_of_means_and_spreads_is_no_table_of_runs(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", ["algorithm", "env_id", "steps", "mean_return", "std_return"], ["a", "E", 1, 2, 3])
    assert "means and spreads" in read_source(path, Hints()).refused[0].reason


def test_unequal_lengths_fail_the_short_run_and_keep_the_long_ones(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        ["seed", "steps", "return"],
        *([seed, at, at] for seed in (0, 1) for at in range(10, 110, 10)),
        [2, 10, 1],
    ]
    found = brought(write(tmp_path / "x.csv", *rows), tmp_path, algorithm="a", environment="E-v0")
    assert [run.state for run in found.runs] == ["new", "new", "failed"]
    assert {run.budget for run in found.runs} == {100}


def test_a_tianshou_table_has_a_run_for_each_column(tmp_path: Path) -> None:
    header = ["env_step", "rew", "rew:shaded", "rew:seed_1_x/test_rew.csv", "rew:seed_0_x/test_rew.csv"]
    rows: list[list[Any]] = [header, [0, 2, 1, 1, 3], [30, 5, 1, 4, 6]]
    brought(write(tmp_path / "Ant-v3" / "npg.csv", *rows), tmp_path)
    first, second = kept(tmp_path)
    assert (first.trial.algorithm, first.trial.environment) == ("npg", "Ant-v3")
    assert first.final.returns.tolist() == [6.0]
    assert second.final.returns.tolist() == [4.0]


def test_a_wide_table_of_algorithms_holds_final_returns_and_needs_a_budget(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", ["", "PPO", "SAC"], [0, 1.5, 2.5], [1, 3.5, ""])
    refused = brought(path, tmp_path, wide="algorithm", environment="W-v3")
    # One line for the file, however many runs it holds.
    (line,) = refused.refused
    assert line.file.endswith("x.csv")
    assert line.reason == "3 runs: steps are not told; say the budget with --steps N"
    (line,) = brought(path, tmp_path, wide="algorithm").refused
    assert all(part in line.reason for part in ("the environment is not known", "; steps are not told"))
    found = brought(path, tmp_path, wide="algorithm", environment="W-v3", steps=1000)
    assert [(run.label, run.seed) for run in found.runs] == [("PPO", 0), ("PPO", 1), ("SAC", 0)]


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=5), st.sampled_from(",;\t"), st.booleans())
def test_commas_semicolons_and_tabs_part_columns_and_a_decimal_comma_is_a_point(
    values: list[float], mark: str, comma: bool
) -> None:
    told = [repr(value).replace(".", ",") if comma and mark == ";" else repr(value) for value in values]
    rows = [["step", "seed", "score"], *([str(step), "3", text] for step, text in enumerate(told))]
    (run,) = read_table("\n".join(mark.join(row) for row in rows), "csv", Hints()).runs
    assert run.values.tolist() == values


def test_a_text_that_is_no_number_is_refused_not_left_out(tmp_path: Path) -> None:
    # Left out as a gap, it would take every return above 999 with it.
    path = write(tmp_path / "x.csv", ["algo", "env", "seed", "step", "score"], ["ppo", "E-v0", 0, 1, "1,050.5"])
    assert read_source(path, Hints()).refused[0].reason == "'1,050.5' in column 'score' is no number"


def test_what_is_of_no_kind_that_can_be_read_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("words")
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "a.txt", tmp_path / "empty", tmp_path):
        (refusal,) = read_source(path, Hints()).refused
        assert refusal.file == str(path)
        assert "kind that can be read: .csv" in refusal.reason


def test_own_results_are_not_imported(tmp_path: Path) -> None:
    write(tmp_path / "x.csv", ["algo", "env", "seed", "step", "score"], ["ppo", "E-v0", 0, 1, 2.0])
    brought(tmp_path / "x.csv", tmp_path)
    with pytest.raises(BenchError, match="nothing to import"):
        brought(tmp_path / "results" / "theirs", tmp_path, into="again")


def test_imported_returns_without_references_are_compared_by_rank(tmp_path: Path) -> None:
    rows = [[0.5 + seed, 100.5 + seed] for seed in range(6)]
    path = write(tmp_path / "x.csv", ["PPO", "SAC"], *rows)
    brought(path, tmp_path, wide="algorithm", environment="W-v3", steps=1000)
    found = compare("SAC", "PPO", within=tmp_path / "results" / "theirs")
    (line,) = found.rows
    assert (found.metric, line.pair.verdict, line.pair.probability.estimate) == ("return", "better", 1.0)
    # 2 of the 924 ways to call six of twelve runs SAC are as extreme.
    assert line.pair.smallest_p is not None
    assert line.pair.p_value == pytest.approx(line.pair.smallest_p)
    assert line.pair.smallest_p >= 2 / 924
    shown = CliRunner(env={"COLUMNS": "100"}).invoke(
        app, ["compare", "SAC", "PPO", "--in", str(tmp_path / "results" / "theirs")], catch_exceptions=False
    )
    assert "final returns by rank" in shown.stdout
    assert "of 6" not in shown.stdout


def test_a_nameless_column_is_not_taken_for_the_returns(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", ["", "PPO", "SAC"], [0, 1.5, 2.5], [1, 3.5, 4.5])
    found = brought(path, tmp_path, algorithm="ppo", environment="W-v3", steps=1000)
    assert not found.runs
    assert "no column of returns" in found.refused[0].reason


def test_a_wandb_export_has_a_run_for_each_column(tmp_path: Path) -> None:
    run = "CartPole-v1__dqn__2__99 - charts/episodic_return"
    other = "CartPole-v1__dqn__5__99 - charts/episodic_return"
    header = ["global_step", run, f"{run}__MIN", f"{run}__MAX", other, f"{other}__MIN", f"{other}__MAX"]
    path = write(tmp_path / "x.csv", header, [10, 9, 8, 10, "", "", ""], [11, "", "", "", 7, 7, 7])
    found = brought(path, tmp_path)
    first, second = kept(tmp_path)
    assert (first.trial.algorithm, first.trial.environment) == ("dqn", "CartPole-v1")
    assert [(first.trial.seed, second.trial.seed)] == [(2, 5)]
    assert first.final.returns.tolist() == [9.0]
    assert "averages" in found.runs[0].notes[0]
    assert not found.runs[1].notes
    assert not first.trial.evaluation.deterministic


def test_a_wandb_export_over_time_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", ["Relative Time (Process)", "run - return"], [10, 9])
    assert "not steps" in read_source(path, Hints()).refused[0].reason


@pytest.mark.parametrize(("kind", "steps"), [("wandb", "Step"), ("tianshou", "env_step")])
def test_steps_that_count_several_are_multiplied_in_every_kind_of_table(kind: str, steps: str) -> None:
    text = f"{steps},rew:0 - return,rew:1 - return\n10,1,2\n20,3,4\n"
    (run,) = read_table(text, kind, Hints(columns={"steps": steps}, factor=4.0, ignore=("rew:1 - return",))).runs
    assert run.steps.tolist() == [40, 80]
    with pytest.raises(RefusedError, match="has no column 'no'"):
        read_table(text, kind, Hints(columns={"steps": "no"}))
    with pytest.raises(RefusedError, match="only its steps can be named"):
        read_table(text, kind, Hints(columns={"return": steps}))


def test_an_option_that_no_reader_heeds_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "logs" / "ppo" / "CartPole-v1_1"
    folder.mkdir(parents=True)
    (folder / "0.monitor.csv").write_text(monitor([(1.0, 10, 1.0), (3.0, 10, 3.0)]))
    for hints, told in (
        (Hints(columns={"steps": "t"}), "--columns is about the columns of a table"),
        (Hints(ignore=("t",)), "--ignore is about"),
        (Hints(metric="r"), "--metric 'r': what was found has no choice of it: monitor"),
    ):
        with pytest.raises(BenchError, match=told):
            read_source(tmp_path / "logs", hints)
    path = write(tmp_path / "x.csv", ["seed", "steps", "return"], [0, 10, 1], [1, 10, 2])
    with pytest.raises(BenchError, match="--ignore 'typo': there is no such column; there are"):
        read_source(path, Hints(algorithm="a", environment="E-v0", ignore=("typo",)))


# What a set may hold, and how often


def test_an_interrupted_first_import_can_be_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "x.csv", ["seed", "steps", "return"], [0, 10, 1], [1, 10, 2])

    def interrupted(record: Record, folder: Path) -> None:
        if record.trial.seed:
            raise KeyboardInterrupt
        whole(record, folder)

    whole = stored.keep
    monkeypatch.setattr(stored, "keep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        brought(path, tmp_path, algorithm="a", environment="E-v0")
    monkeypatch.setattr(stored, "keep", whole)
    found = brought(path, tmp_path, algorithm="a", environment="E-v0")
    assert [run.state for run in found.runs] == ["there already", "new"]


def test_a_set_that_could_not_be_read_again_is_not_kept(tmp_path: Path) -> None:
    header = ["environment", "seed", "steps", "return"]
    many = write(tmp_path / "many.csv", header, *([f"E{k}-v0", 0, 10, 1] for k in range(501)))
    long = write(tmp_path / "long.csv", header, ["E-v0", 0, 10**13, 1])
    one = write(tmp_path / "one.csv", header, ["E-v0", 0, 10, 1])
    for path, into, told in ((many, "many", "at most 500"), (long, "long", "steps"), (one, "nul", "name")):
        with pytest.raises(BenchError, match="nothing is kept") as caught:
            brought(path, tmp_path, into, algorithm="a")
        assert told in str(caught.value)
        assert not (tmp_path / "results" / into).exists()
    (line,) = brought(write(tmp_path / "huge.csv", header, ["E-v0", 0, 10, 1e300]), tmp_path, algorithm="a").refused
    assert line.reason == "a return beyond 1e+15, the most that is reckoned with"


def test_a_run_that_is_there_with_other_options_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", ["seed", "steps", "return"], [0, 10, 1], [0, 20, 2])
    brought(path, tmp_path, algorithm="a", environment="E-v0")
    (run,) = brought(path, tmp_path, algorithm="a", environment="E-v0", steps=10, rename={"E-v0": "F-v0"}).runs
    assert [note.partition(":")[0] for note in run.notes] == [
        "there already with a budget of 20 steps, not 10",
        "there already on E-v0, not F-v0",
    ]


def test_a_run_that_ends_at_step_0_is_told_so(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", ["seed", "steps", "return"], [0, 0, 1])
    (line,) = brought(path, tmp_path, algorithm="a", environment="E-v0").refused
    assert line.reason == "ends at step 0; say the budget with --steps N"


def test_imported_results_may_carry_a_comment() -> None:
    for text, told in (("imported: true  # ours\n", True), ("imported: true\nx: 1", True), ("imported: true#x", False)):
        assert is_imported(text) is told


def curve(
    path: Path, values: Sequence[float], *, algorithm: str = "ppo", environment: str = "E-v0", seeds: int = 2
) -> Path:
    rows = [
        [algorithm, environment, seed, 10 * (place + 1), value + seed]
        for seed in range(seeds)
        for place, value in enumerate(values)
    ]
    return write(path, ["algo", "env", "seed", "step", "score"], *rows)


def folders(tmp_path: Path, into: str = "theirs") -> list[str]:
    return sorted(folder.name for folder in (tmp_path / "results" / into / "trials").iterdir())


def test_runs_that_differ_by_their_label_alone_lie_beside_each_other(tmp_path: Path) -> None:
    brought(curve(tmp_path / "one.csv", [1.0, 2.0]), tmp_path, label="PPO, slow")
    brought(curve(tmp_path / "two.csv", [3.0, 4.0]), tmp_path, label="PPO, fast")
    assert len(folders(tmp_path)) == 4
    assert {(one.trial.label, one.final.returns[0]) for one in kept(tmp_path)} == {
        ("PPO, slow", 2.0),
        ("PPO, slow", 3.0),
        ("PPO, fast", 4.0),
        ("PPO, fast", 5.0),
    }
    # Names that a folder cannot tell apart.
    rows = [[name, "E-v0", 0, 10, value] for value, name in enumerate(["A b", "A/b", "DrQ", "DrQ(ε)", "算", "法"])]
    brought(write(tmp_path / "x.csv", ["algo", "env", "seed", "step", "score"], *rows), tmp_path, into="names")
    assert len(folders(tmp_path, "names")) == 6


def test_a_run_that_has_grown_is_refused_where_it_would_count_twice(tmp_path: Path) -> None:
    path = curve(tmp_path / "x.csv", [1.0, 2.0])
    brought(path, tmp_path)
    before = everything(tmp_path / "results")
    found = brought(curve(path, [1.0, 2.0, 3.0]), tmp_path)
    (refusal,) = found.refused
    assert refusal.reason == "2 runs: may be a run imported before, further on; --into puts it into another set"
    assert everything(tmp_path / "results") == before
    assert len(brought(path, tmp_path, into="another").runs) == 2
    # One that begins otherwise is another run that happens to have the same name.
    bob = curve(tmp_path / "bob" / path.name, [7.0, 8.0]).parent.parent / "bob"
    assert "seed 0 is that of another run of the set: --separate" in brought(bob, tmp_path).refused[0].reason
    assert len(brought(bob, tmp_path, separate=True).runs) == 2


def test_a_restarted_run_with_one_event_file_more_is_the_same_run(tmp_path: Path) -> None:
    folder = tmp_path / "CartPole-v1__ppo__3__1700000000"
    folder.mkdir()
    (folder / "events.out.tfevents.1.host").write_bytes(EVENTS[:-60])
    brought(tmp_path, tmp_path)
    (folder / "events.out.tfevents.2.host").write_bytes(EVENTS)
    found = brought(tmp_path, tmp_path)
    assert [run.state for run in found.runs] in (["there already"], [])
    assert len(folders(tmp_path)) == 1


def test_a_budget_ends_a_run_at_the_point_that_reaches_it(tmp_path: Path) -> None:
    rows = [[0, step, step] for step in (500, 1010, 1020)]
    path = write(tmp_path / "x.csv", ["seed", "step", "score"], *rows)
    found = brought(path, tmp_path, algorithm="a", environment="E-v0", steps=1000)
    assert kept(tmp_path)[0].curve.steps.tolist() == [500, 1010]
    assert found.runs[0].notes == ("1 of 3 points lie past the budget of 1,000 steps: left out",)
    # The next lies more than 5 % past 900.
    brought(path, tmp_path, "early", algorithm="a", environment="E-v0", steps=900)
    assert (kept(tmp_path, "early")[0].final.steps, kept(tmp_path, "early")[0].final.returns.tolist()) == (500, [500.0])


def test_runs_at_a_floor_are_as_many_as_their_files(tmp_path: Path) -> None:
    for run in range(3):
        zoo_run(tmp_path / "logs" / "dqn" / f"MountainCar-v0_{run + 1}", run, [[-200.0, -200.0], [-200.0, -200.0]])
    shutil.rmtree(tmp_path / "logs/dqn/MountainCar-v0_1/CartPole-v1")
    for place in tmp_path.rglob("args.yml"):
        place.unlink()
    hints = {"algorithm": "dqn", "environment": "MountainCar-v0"}
    assert len(brought(tmp_path / "logs", tmp_path, **hints).runs) == 3
    assert [run.state for run in brought(tmp_path / "logs", tmp_path, **hints).runs] == ["there already"] * 3


def test_a_run_told_in_several_folders_is_one_run(tmp_path: Path) -> None:
    run = tmp_path / "ppo_seed4"
    (run / "eval").mkdir(parents=True)
    (run / "tb").mkdir()
    (run / "monitor.csv").write_text(monitor([(5.0, 40, 1.0), (7.0, 60, 2.0)]))
    (run / "tb" / "events.out.tfevents.1").write_bytes(EVENTS)
    np.savez(run / "eval" / "evaluations.npz", timesteps=[50, 100], results=[[1.0], [2.0]])
    found = brought(tmp_path, tmp_path)
    (record,) = kept(tmp_path)
    assert (record.trial.environment, record.trial.seed) == ("CartPole-v1", 4)
    assert record.final.returns.tolist() == [2.0]
    # The training episodes that had ended by then.
    assert record.curve.training_returns.tolist() == [5.0, 6.0]
    place = f"{tmp_path.name}/ppo_seed4"
    told = f"tells of the same run as {place}/eval/evaluations.npz, which is taken"
    assert found.aside == (Refusal(f"{place}/tb/events.out.tfevents.1", told),)
    assert (found.files, found.read, found.left) == (3, 2, 1)


def test_monitor_files_beside_an_evaluation_are_not_taken_for_training(tmp_path: Path) -> None:
    (tmp_path / "run" / "eval").mkdir(parents=True)
    (tmp_path / "run" / "monitor.csv").write_text(monitor([(5.0, 40, 1.0), (7.0, 60, 2.0)]))
    (tmp_path / "run" / "other.monitor.csv").write_text(monitor([(9.0, 30, 1.0)]))
    (tmp_path / "run" / "eval" / "monitor.csv").write_text(monitor([(1.0, 500, 1.0), (2.0, 500, 2.0)]))
    np.savez(tmp_path / "run" / "eval" / "evaluations.npz", timesteps=[50, 100], results=[[1.0], [2.0]])
    found = brought(tmp_path, tmp_path, algorithm="ppo")
    # The evaluated run has 100 training steps, not 1,100; the other file is a run of its own.
    assert sorted((run.kind, run.steps) for run in found.runs) == [("evaluations", 100), ("monitor", 30)]
    (left,) = found.aside
    assert left.file.endswith("run/eval/monitor.csv")
    assert left.reason.startswith("tells of the same run")


def test_settings_of_a_run_that_left_nothing_else_are_named(tmp_path: Path) -> None:
    logs = zoo(tmp_path)
    (logs / "ppo" / "CartPole-v1_2" / "evaluations.npz").unlink()
    found = brought(logs, tmp_path)
    assert len(found.runs) == 1
    (refusal,) = found.refused
    assert refusal.file == "logs/ppo/CartPole-v1_2/CartPole-v1"
    assert "left neither evaluations nor Monitor files" in refusal.reason


def test_values_that_are_never_finite_are_refused_and_leave_the_set_readable(tmp_path: Path) -> None:
    rows = [["ppo", "E-v0", 0, 10, "nan"], ["ppo", "E-v0", 1, 10, 3.0]]
    path = write(tmp_path / "x.csv", ["algo", "env", "seed", "step", "score"], *rows)
    found = brought(path, tmp_path)
    assert [one.reason for one in found.refused] == ["holds no value that is finite"]
    assert estimates(open_experiment(tmp_path / "results" / "theirs")).done == 1


def test_what_options_name_must_be_there(tmp_path: Path) -> None:
    path = curve(tmp_path / "x.csv", [1.0, 2.0])
    with pytest.raises(BenchError, match=r"--rename Foo=\.\.\.: no run is of that environment; there are E-v0"):
        brought(path, tmp_path, rename={"Foo": "Bar"})
    (refusal,) = read_source(path, Hints(metric="scor", columns={"seed": "sed"})).refused
    assert refusal.reason.startswith("has no column 'sed', 'scor'; there are 'algo'")


def test_pooled_runs_never_take_an_own_algorithms_name_nor_its_verdict_at_another_budget(tmp_path: Path) -> None:
    run_suite(suite_file(tmp_path), tmp_path / "results")
    path = curve(tmp_path / "x.csv", [0.1, 0.2], algorithm="random", environment="bench/Bandit-v0", seeds=3)

    def pooled(**hints: Any) -> Imported:
        return import_source(path, Hints(**hints), into="small", results=tmp_path / "results", pool=True, today=DAY)

    with pytest.raises(BenchError, match=r"is what own trials .* are called"):
        pooled(label="random")
    # 20 steps against 100: shown, and not compared.
    pooled()
    found = estimates(open_experiment(tmp_path / "results" / "small"))
    assert any(cell.label == "random (imported)" for cell in found.cells)
    assert {pair.a for pair in found.pairs} | {pair.b for pair in found.pairs} == {
        "q_learning",
        "softmax_reinforce",
        "random",
    }
    told = (
        "Shown, but neither aggregated nor compared, for their budgets: random (imported) on bench/Bandit-v0 (20 steps"
    )
    assert any(warning.startswith(told) for warning in warnings(found))
    assert "random (imported)" not in {line.label for line in found.aggregates}


def test_imported_runs_of_unlike_budgets_are_reported_with_a_caution_and_not_compared_one_to_one(
    tmp_path: Path,
) -> None:
    rows = [["a", "E-v0", seed, 100, seed] for seed in range(4)] + [["b", "E-v0", seed, 300, 9] for seed in range(4)]
    brought(write(tmp_path / "x.csv", ["algo", "env", "seed", "step", "score"], *rows), tmp_path)
    found = estimates(open_experiment(tmp_path / "results" / "theirs"))
    assert any("no fair comparison" in warning for warning in warnings(found))
    with pytest.raises(BenchError, match="budgets differ, 100 against 300 steps"):
        compare("a", "b", within=tmp_path / "results" / "theirs")


def test_a_comparison_of_imported_runs_says_what_is_not_known_of_them(tmp_path: Path) -> None:
    rows = [[name, "E-v0", seed, 10, seed + place] for place, name in enumerate("ab") for seed in range(4)]
    brought(write(tmp_path / "x.csv", ["algo", "env", "seed", "step", "score"], *rows), tmp_path)
    found = compare("a", "b", within=tmp_path / "results" / "theirs")
    assert any(warning.startswith("How policies were evaluated: not known") for warning in found.warnings)
    assert "versions and machines are not" in found.differences[0]


def test_many_files_refused_for_one_reason_are_one_line(tmp_path: Path) -> None:
    for place in range(5):
        write(tmp_path / "logs" / f"{place}.csv", ["step", "score"], [10, place])
    told = CliRunner(env={"COLUMNS": "200"}).invoke(
        app, ["import", str(tmp_path / "logs"), "--environment", "E-v0", "--results", str(tmp_path)]
    )
    lines = [line for line in told.stdout.splitlines() if line.startswith("refused")]
    assert lines == [
        "refused: the algorithm is not known; say --algorithm NAME: "
        + ", ".join(f"logs/{place}.csv" for place in range(5))
    ]


# Sessions, episodes and names


def test_a_session_that_goes_on_in_the_same_monitor_file_comes_after_the_one_before() -> None:
    first, second = [(1.0, 5, 1.0), (2.0, 5, 9.0)], [(3.0, 5, 0.5), (4.0, 5, 2.0)]
    for text in (monitor(first + second), monitor(first) + monitor(second)):
        episodes = merge([read_monitor(text)])
        assert episodes.returns.tolist() == [1.0, 2.0, 3.0, 4.0]
        assert episodes.seconds.tolist() == [0.0, 8.0, 8.5, 10.0]
        assert episodes.left_out == 0


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_however_lines_end_they_are_the_same_lines(end: str) -> None:
    lines = ["#{}", "r,l,t", *(f"{place}.5,{place + 1},{place}" for place in range(9_000)), "1,2\0,3", ""]
    assert list(each_line(end.join(lines))) == lines
    episodes = read_monitor(end.join(lines))
    assert episodes.steps[-1] == 9_000 * 9_001 // 2
    assert episodes.left_out == 1


def test_a_monitor_file_is_read_in_a_few_times_its_size() -> None:
    # Each of 200,000 episodes is 6 bytes of text: as three numbers 24, and as much once more while they are ordered.
    text = "r,l,t\n" + "1,2,3\n" * 200_000
    tracemalloc.start()
    episodes = read_monitor(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(episodes.returns) == 200_000
    assert peak < 20 * len(text)


def test_a_name_that_stands_in_every_row_of_a_table_takes_room_once() -> None:
    first, second = read_rows("algo,step,return\nsoft actor critic,100,1.5\nsoft actor critic,200,2.5\n").rows
    assert first["algo"] is second["algo"]


def test_parallel_files_without_a_clock_go_in_step() -> None:
    one, two = (
        read_monitor("r,l\n" + "".join(f"{value},{length}\n" for value, length in rows))
        for rows in (
            [(1.0, 10), (3.0, 10)],
            [(2.0, 15), (4.0, 15)],
        )
    )
    merged = merge([one, two])
    assert merged.returns.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert np.isnan(merged.seconds).all()


def test_an_environment_that_the_writer_did_not_know_is_not_called_none() -> None:
    assert read_monitor('#{"t_start": 1.0, "env_id": "None"}\nr,l,t\n1,5,1\n').environment == ""


def test_training_episodes_one_by_one_are_averaged_as_those_of_monitor_files() -> None:
    # 300 episodes of one step each, the return of the k-th k; two of them end at step 300.
    rows = [(float(min(step, 300)), float(step)) for step in range(1, 302)]
    steps, means, notes, final = of_episodes(rows)
    assert steps[:2].tolist() == [15, 30]
    assert means[0] == np.mean(range(1, 16))
    assert means[-1] == np.mean(range(202, 302))
    assert final.tolist() == [float(value) for value in range(202, 302)]
    assert notes == ()
    assert of_episodes([(1.0, math.nan)])[0].size == 0


def test_evaluations_that_are_called_episodic_returns_are_evaluations(tmp_path: Path) -> None:
    header = ["global_step", "E-v1__ppo__2__9 - eval/episodic_return"]
    brought(write(tmp_path / "x.csv", header, *[[step, step] for step in range(1, 11)]), tmp_path)
    assert kept(tmp_path)[0].final.returns.tolist() == [10.0]


def test_a_wandb_export_of_training_episodes_ends_with_the_mean_of_the_last_hundred(tmp_path: Path) -> None:
    header = ["global_step", "E-v1__ppo__2__9 - charts/episodic_return"]
    brought(write(tmp_path / "x.csv", header, *[[step, step % 2] for step in range(1, 202)]), tmp_path)
    (record,) = kept(tmp_path)
    assert len(record.final.returns) == 100
    assert record.final.returns.mean() == 0.5


def test_episodes_of_an_evaluation_are_averaged_and_unexplained_repetitions_refused(tmp_path: Path) -> None:
    rows = [[0, step, episode, 10 * step + episode] for step in (1, 2) for episode in range(3)]
    header = ["seed", "step", "episode", "score"]
    found = brought(write(tmp_path / "x.csv", header, *rows), tmp_path, algorithm="a", environment="E-v0")
    assert kept(tmp_path)[0].curve.returns.ravel().tolist() == [11.0, 21.0]
    assert found.runs[0].notes == ("the mean of the rows of a step, one for each episode",)
    rows = [[0, rate, step, step] for rate in (3, 4) for step in (1, 2)]
    path = write(tmp_path / "y.csv", ["seed", "lr", "step", "score"], *rows)
    (refusal,) = read_source(path, Hints(algorithm="a", environment="E-v0")).refused
    assert refusal.reason.startswith("2 of 2 steps stand several times in one run (column 'seed'): what tells runs or")
    assert "(one of 'lr'?)" in refusal.reason
    # Two runs one below the other, which nothing tells apart: not the means of both.
    rows = [[step, episode, run] for run in (0, 100) for step in (1, 2) for episode in (0, 1)]
    path = write(tmp_path / "z.csv", ["step", "episode", "score"], *rows)
    (refusal,) = read_source(path, Hints(algorithm="a", environment="E-v0")).refused
    assert refusal.reason.startswith("episode '0' stands twice at step 1: what tells the runs apart?")
    # A gap among the episodes is left out, not the whole evaluation.
    path = write(tmp_path / "w.csv", ["step", "episode", "score"], [1, 0, 5], [1, 1, "nan"], [1, 2, 7])
    (run,) = read_source(path, Hints(algorithm="a", environment="E-v0")).runs
    assert run.returns.tolist() == [[6.0]]


def test_columns_and_steps_that_could_mean_two_things_are_refused(tmp_path: Path) -> None:
    both = write(tmp_path / "x.csv", ["step", "reward", "score"], [1, 2, 3])
    assert "any of 'score', 'reward' could be the returns" in read_source(both, Hints()).refused[0].reason
    millions = write(tmp_path / "y.csv", ["step", "score"], [0.1, 2])
    told = "'0.1' in column 'step' is no whole number of steps; --columns steps=step*1e6 where it counts millions"
    assert read_source(millions, Hints()).refused[0].reason == told
    (tmp_path / "z.csv").write_text("step;score\n10,000;1,5\n")
    assert read_source(tmp_path / "z.csv", Hints()).refused[0].reason == "'10,000' in column 'step' is no number"
    bounds = write(tmp_path / "w.csv", ["step", "score", "lower", "upper"], [1, 2, 1, 3])
    assert "means and spreads" in read_source(bounds, Hints()).refused[0].reason


@pytest.mark.parametrize(
    ("name", "environment", "seed"),
    [
        ("ppo_CartPole-v1_seed3", "CartPole-v1", 3),
        ("ppo__CartPole-v1__seed_1", "CartPole-v1", 1),
        ("CartPole-v1__dqn__2__1700000000", "CartPole-v1", 2),
        ("sac-Hopper-v4", "Hopper-v4", None),
        ("My_Env-v0", "My_Env-v0", None),
    ],
)
def test_names_tell_environment_and_seed(name: str, environment: str, seed: int | None) -> None:
    assert named(PurePath(name)).environment == environment
    assert seed_of(f"logs/{name}/eval") == seed


# JSON


def test_marl_eval_s_nesting(tmp_path: Path) -> None:
    steps = {f"step_{k}": {"step_count": 100 * (k + 1), "mean_episode_return": [k, k + 2.0]} for k in range(11)}
    runs = {"seed_3": {**steps, "absolute_metrics": {"mean_episode_return": [99.0]}}}
    (tmp_path / "x.json").write_text(json.dumps({"smax": {"3m": {"mappo": runs}}}))
    found = brought(tmp_path / "x.json", tmp_path)
    (record,) = kept(tmp_path)
    assert (record.trial.environment, record.trial.label, record.trial.seed) == ("smax/3m", "mappo", 3)
    # step_10 comes after step_9.
    assert record.curve.returns[:, 0].tolist() == [float(k + 1) for k in range(11)]
    assert "absolute metrics" in found.runs[0].notes[0]


def test_lists_of_final_scores(tmp_path: Path) -> None:
    (tmp_path / "SPR.json").write_text(json.dumps({"Alien": [1.0, 2.0], "Pong": [3.0]}))
    found = brought(tmp_path / "SPR.json", tmp_path, steps=400_000)
    assert [(run.label, run.environment) for run in found.runs] == [("SPR", "Alien")] * 2 + [("SPR", "Pong")]


# Garbage


def answered(read: Callable[[], Any]) -> Any:
    """Return what a reader read, None where it refused with a reason; whatever else it raises is a failure."""
    reasons = []
    try:
        return read()
    except RefusedError as refusal:
        reasons.append(str(refusal))
    assert reasons[0]
    return None


@given(st.binary(max_size=300))
def test_garbage_is_refused_by_every_reader_and_never_a_traceback(content: bytes) -> None:
    text = content.decode("utf-8", "replace")
    attempts = [
        lambda: read_evaluations(content),
        lambda: read_events(content),
        lambda: read_monitor(text),
        lambda: read_settings(text),
        lambda: read_table(text, "csv", Hints()),
        lambda: read_table(text, "wandb", Hints()),
        lambda: read_table(text, "csv", Hints(wide="algorithm")),
        lambda: read_nested(load(text), "marl-eval", Hints()),
    ]
    for attempt in attempts:
        answered(attempt)


@given(st.integers(0, len(EVENTS) - 1), st.integers(1, 255))
def test_no_damage_to_an_event_file_is_a_traceback(place: int, change: int) -> None:
    broken = bytearray(EVENTS)
    broken[place] ^= change
    answered(lambda: read_events(bytes(broken)))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "step_0", "step_count", "return", "seed_1"]), inner, max_size=3)
    ),
    max_leaves=20,
)


@given(JSON, st.sampled_from(["marl-eval", "scores"]))
def test_any_json_is_read_or_refused(data: Any, kind: str) -> None:
    answered(lambda: read_nested(data, kind_of(data) or kind, Hints()))


CELLS = st.sampled_from(["", "nan", "1", "-2.5", "1e400", "seed", "steps", "return", "a", "std", '"', "\x00"])


@given(
    st.lists(st.lists(CELLS, min_size=1, max_size=4), min_size=1, max_size=6), st.sampled_from(["", "run", "algorithm"])
)
def test_any_table_is_read_or_refused(rows: list[list[str]], wide: str) -> None:
    text = "\n".join(",".join(row) for row in rows)
    for kind in ("csv", "tianshou", "wandb"):
        found = answered(partial(read_table, text, kind, Hints(wide=wide)))
        assert all(np.isfinite(one.values).all() for one in (found.runs if found else ()))


def test_every_refused_file_is_named_with_its_reason(tmp_path: Path) -> None:
    source = zoo(tmp_path, 1)
    (source / "bad").mkdir()
    (source / "bad" / "evaluations.npz").write_bytes(b"PK\x03\x04 no archive")
    (source / "bad" / "0.monitor.csv").write_text("#{oh\nr,l,t\n1,1,1\n")
    (source / "odd.csv").write_text("a,b\n1,2\n")
    (source / "odd.json").write_text("[1]")
    found = brought(source, tmp_path)
    assert found.exit_code == 1
    assert {refusal.file for refusal in found.refused} == {
        "logs/bad/evaluations.npz",
        "logs/bad/0.monitor.csv",
        "logs/odd.csv",
        "logs/odd.json",
    }
    assert all(refusal.reason for refusal in found.refused)


def test_pickled_arrays_are_never_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "evaluations.npz"
    np.savez(path, timesteps=np.array([1]), results=np.array([{"a": 1}], dtype=object))
    with pytest.raises(RefusedError):
        read_evaluations(path.read_bytes())


# The set, the report, the command


def test_the_report_of_an_imported_set_stands_alone_and_says_what_it_is(tmp_path: Path) -> None:
    brought(zoo(tmp_path, 4), tmp_path)
    found = estimates(open_experiment(tmp_path / "results" / "theirs"))
    assert (found.labels, found.planned, found.done) == (("ppo",), 4, 4)
    assert "4 of 4 trials are results of others" in warnings(found)[0]
    assert not any("not in the suite's plan" in warning for warning in warnings(found))


def test_title_and_references_written_into_the_set_survive_the_next_import(tmp_path: Path) -> None:
    brought(zoo(tmp_path, 1), tmp_path)
    file = tmp_path / "results/theirs/suite.yaml"
    text = (
        file.read_text()
        .replace('"theirs: imported results"', "Theirs")
        .replace('{"steps": 100}', '{"steps": 100, "reference": {"random": 1.0, "target": 2.0}}')
    )
    file.write_text(text)
    (tmp_path / "SPR.json").write_text(json.dumps({"Alien": [1.0]}))
    brought(tmp_path / "SPR.json", tmp_path, steps=10)
    suite = open_experiment(tmp_path / "results/theirs").suite
    assert suite.title == "Theirs"
    assert {place.environment for place in suite.environments} == {"CartPole-v1", "Alien"}
    references = {place.environment: place.reference for place in suite.environments}
    assert references["CartPole-v1"] is not None
    assert references["CartPole-v1"].target == 2.0


def test_own_results_take_imported_ones_only_when_told_to_and_under_labels_of_their_own(tmp_path: Path) -> None:
    suite = tmp_path / "results" / "own" / "suite.yaml"
    suite.parent.mkdir(parents=True)
    suite.write_text("name: own\nseeds: 2\nalgorithms: [ppo]\nenvironments: {CartPole-v1: 100}\n")
    source = zoo(tmp_path)
    with pytest.raises(BenchError, match="--pool"):
        brought(source, tmp_path, "own")
    import_source(source, Hints(), into="own", results=tmp_path / "results", pool=True)
    found = estimates(open_experiment(suite.parent))
    assert found.labels == ("ppo", "ppo (imported)")
    assert {line.label for line in found.trials if line.state == "done"} == {"ppo (imported)"}
    assert "name: own" in suite.read_text()


def test_an_environment_taken_for_another_is_told(tmp_path: Path) -> None:
    brought(zoo(tmp_path), tmp_path, rename={"CartPole-v1": "CartPole-v2"})
    found = estimates(open_experiment(tmp_path / "results" / "theirs"))
    assert any("CartPole-v1 as CartPole-v2" in warning for warning in warnings(found))


def test_the_command_tells_runs_refusals_and_rules(tmp_path: Path) -> None:
    source = zoo(tmp_path)
    (source / "odd.json").write_text("[1]")
    answer = CliRunner().invoke(app, ["import", str(source), "--into", "x", "--results", str(tmp_path / "results")])
    assert answer.exit_code == 1
    assert "ppo on CartPole-v1 (rl-zoo): 2 runs to 100 of 100 steps (2 new)" in answer.output
    assert "refused: logs/odd.json: JSON of no kind that is known" in answer.output
    assert "the budget is that of --steps" in answer.output


def test_the_command_s_json_and_the_exit_code_of_nothing_read(tmp_path: Path) -> None:
    (tmp_path / "odd.json").write_text("[1]")
    given_words = ["import", str(tmp_path / "odd.json"), "--json", "--results", str(tmp_path / "results")]
    answer = CliRunner().invoke(app, given_words)
    assert answer.exit_code == 2
    assert json.loads(answer.output)["refused"][0]["file"].endswith("odd.json")


@pytest.mark.parametrize(
    "words",
    [["nowhere"], [".", "--as", "zip"], [".", "--columns", "x=y"], [".", "--wide", "x"], [".", "--rename", "x"]],
)
def test_mistakes_are_sentences(words: list[str]) -> None:
    answer = CliRunner().invoke(app, ["import", *words])
    assert isinstance(answer.exception, BenchError)


def test_imported_results_are_not_run(tmp_path: Path) -> None:
    brought(zoo(tmp_path, 1), tmp_path)
    answer = CliRunner().invoke(app, ["run", str(tmp_path / "results" / "theirs")])
    assert isinstance(answer.exception, BenchError)
    assert "nothing to run" in str(answer.exception)


# Raw results of others


@raw
def test_all_57_zoo_training_logs_are_read_and_the_empty_monitor_files_named(tmp_path: Path) -> None:
    found = brought(Path(RAW) / "zoo_training_logs", tmp_path)
    assert len(found.runs) == 57
    assert {run.kind for run in found.runs} == {"rl-zoo"}
    assert {refusal.reason for refusal in found.refused} == {"holds no finished episode"}


@raw
def test_monitor_files_with_a_blank_after_the_sign_are_read(tmp_path: Path) -> None:
    found = brought(Path(RAW) / "ikostrikov_ppo_monitor", tmp_path)
    assert (len(found.runs), found.exit_code) == (30, 0)
    assert {run.environment for run in found.runs} == {"HalfCheetah-v2", "Hopper-v2", "Walker2d-v2"}


@raw
def test_the_zoo_s_table_follows_from_its_evaluation_files(tmp_path: Path) -> None:
    folder = Path(RAW) / "zoo_eval_monitors"
    brought(folder, tmp_path, episodes="evaluation", steps=100_000, rename={"Pendulum-v0": "Pendulum-v1"})
    table = Path(RAW).parent / "zoo_benchmark.csv"
    with table.open() as file:
        printed = {(row["algorithm"], row["env_id"]): row for row in csv.DictReader(file)}
    records = kept(tmp_path)
    assert len(records) == 64
    for record in records:
        row = printed[record.trial.algorithm, record.trial.environment]
        # The table prints three digits; its spread is the population's.
        assert f"{np.mean(record.final.returns):.3f}" == f"{float(row['score_mean']):.3f}"
        assert f"{np.std(record.final.returns):.3f}" == f"{float(row['score_spread']):.3f}"


@raw
def test_tianshou_and_td3_tables_are_ten_runs_each(tmp_path: Path) -> None:
    tianshou = brought(Path(RAW) / "tianshou_mujoco_10seeds", tmp_path, "tianshou")
    assert (len(tianshou.runs), len(tianshou.refused)) == (560, 1)
    td3 = brought(Path(RAW) / "td3_curves", tmp_path, "td3", algorithm="td3")
    assert len(td3.runs) == 70
    assert {run.points for run in td3.runs} == {201}
