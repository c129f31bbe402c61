"""The trained run as the unit of an import: told once, whole, and nothing left out in silence."""

import io
import json
import os
import struct
import zipfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from bench.cli.app import app
from bench.imports.detection import read_source
from bench.imports.evaluations import read_evaluations
from bench.imports.found import Finding, Hints, RefusedError
from bench.imports.keeping import Imported, import_source
from bench.imports.limits import MOST_ARRAY_BYTES, MOST_MONITOR_BYTES
from bench.imports.monitor import read_monitor
from bench.imports.names import named, variants
from bench.imports.sessions import Session, joined
from bench.imports.table import read_table
from bench.pipeline import open_experiment
from bench.pipeline.results import estimates
from bench.records import Failure
from bench.report.folder import write as write_page

DAY = date(2026, 1, 2)


def _masked(content: bytes) -> bytes:
    """Return the CRC-32C of RFC 3720 bit by bit, masked as event files have it."""
    value = 0xFFFFFFFF
    for byte in content:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
    value ^= 0xFFFFFFFF
    return struct.pack("<I", (((value >> 15) | (value << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def _record(content: bytes) -> bytes:
    head = struct.pack("<Q", len(content))
    return head + _masked(head) + content + _masked(content)


def events(path: Path, rows: Sequence[tuple[str, int, float]], start: float = 1.7e9) -> None:
    """Write an event file with a scalar for each (tag, step below 16,384, value), a second apart."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = _record(b"\x09" + struct.pack("<d", start) + b"\x1a\x0dbrain.Event:2")
    for place, (tag, step, value) in enumerate(rows):
        told = b"\x0a" + bytes([len(tag)]) + tag.encode() + b"\x15" + struct.pack("<f", value)
        summary = b"\x0a" + bytes([len(told)]) + told
        number = bytes([step & 0x7F | 0x80, step >> 7])
        clock = b"\x09" + struct.pack("<d", start + place)
        content += _record(clock + b"\x10" + number + b"\x2a" + bytes([len(summary)]) + summary)
    path.write_bytes(content)


def evaluated(folder: Path, value: float = 5.0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "evaluations.npz", timesteps=[50, 100], results=[[value, value + 1], [value + 2, value + 4]])


def monitor(path: Path, returns: Sequence[float], tail: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = "".join(f"{value},50,{place}.5\n" for place, value in enumerate(returns))
    path.write_text('#{"t_start": 1.7e9, "env_id": "CartPole-v1"}\nr,l,t\n' + rows + tail)


def table(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def found(source: Path, **hints: Any) -> Finding:
    return read_source(source, Hints(**hints))


def names(finding: Finding) -> list[tuple[str, str, int | None]]:
    return [(run.algorithm, run.environment, run.seed) for run in finding.runs]


def brought(source: Path, tmp_path: Path, **hints: Any) -> Imported:
    return import_source(source, Hints(**hints), into="theirs", results=tmp_path / "results", today=DAY)


# Names


@pytest.mark.parametrize(
    ("path", "label", "environment", "seed"),
    [
        ("runs/CartPole-v1__ppo_no_clip__1__1700000001", "ppo_no_clip", "CartPole-v1", 1),
        ("dqns/double_dqn_CartPole-v1_seed1", "double_dqn", "CartPole-v1", 1),
        ("dueling-dqn-CartPole-v1-seed2", "dueling-dqn", "CartPole-v1", 2),
        ("logs/ppo-lr3e-4/CartPole-v1_1", "ppo-lr3e-4", "CartPole-v1", None),
        ("ppo_no_clip_MyEnv-v0_s3", "ppo_no_clip", "MyEnv-v0", 3),
        ("runs/ALE/Pong-v5__ppo_atari__1__1700000000", "ppo_atari", "ALE/Pong-v5", 1),
        ("ALE-Pong-v5_ppo_seed1", "ppo", "ALE/Pong-v5", 1),
        ("rainbow_dqn_ALE/Pong-v5_seed1", "rainbow_dqn", "ALE/Pong-v5", 1),
        ("PPO_CartPole-v1_abc_00000", "PPO", "CartPole-v1", None),
        ("sac-v2_Hopper-v4_seed1", "sac-v2", "Hopper-v4", 1),
        ("ppo_MiniGrid-Empty-5x5-v0_2", "ppo", "MiniGrid-Empty-5x5-v0", None),
        ("mine_procgen-coinrun-v0", "mine", "procgen-coinrun-v0", None),
        ("logs/tb/PPO_3", "PPO", "", None),
        ("A" * 250, "", "", None),
    ],
)
def test_what_is_left_of_a_name_after_environment_and_seed_is_the_label(
    path: str, label: str, environment: str, seed: int | None
) -> None:
    told = named(PurePath(path))
    assert (told.label, told.environment, told.seed) == (label, environment, seed)


def test_a_folder_that_some_runs_share_tells_variants_and_one_of_every_run_s_own_does_not() -> None:
    assert variants([("clip",), ("clip",), ("none",), ("none",)]) == ["clip", "clip", "none", "none"]
    assert variants([("a",), ("b",), ("c",)]) == ["", "", ""]


def test_variants_in_folders_of_their_own_are_algorithms_of_their_own(tmp_path: Path) -> None:
    for variant in ("clip", "none"):
        for run in ("one", "two"):
            evaluated(tmp_path / "logs" / "ppo" / variant / f"CartPole-v1_{run}", len(variant + run) * 3.5)
    labels = {label for label, _, _ in names(found(tmp_path / "logs"))}
    assert labels == {"ppo clip", "ppo none"}


def test_a_folder_that_says_more_than_the_file_is_the_label_where_another_says_as_much(tmp_path: Path) -> None:
    for label in ("ppo", "ppo_no_clip"):
        folder = tmp_path / "logs" / label / "CartPole-v1_1"
        evaluated(folder, float(len(label)))
        table(folder / "CartPole-v1" / "args.yml", "algo: ppo\nenv: CartPole-v1\nseed: 1\n")
    assert names(found(tmp_path / "logs")) == [("ppo", "CartPole-v1", 1), ("ppo_no_clip", "CartPole-v1", 1)]


def test_names_that_are_taken_together_are_told(tmp_path: Path) -> None:
    for run in ("mine", "yours"):
        evaluated(tmp_path / "logs" / "ppo" / "CartPole-v1" / run, float(len(run)))
    told = "taken together as ppo on CartPole-v1, for their names tell runs apart: 'mine', 'yours'"
    assert found(tmp_path / "logs").remarks == (told,)


# One run told by several files


def test_a_log_beside_event_files_tells_of_the_same_run(tmp_path: Path) -> None:
    for seed in (1, 2):
        folder = tmp_path / "logs" / "ppo_CartPole-v1" / f"seed_{seed}"
        events(folder / "events.out.tfevents.1.h", [("rollout/ep_rew_mean", 100, 7.0), ("rollout/ep_rew_mean", 200, 9)])
        table(folder / "progress.csv", "rollout/ep_rew_mean,time/total_timesteps\n7,100\n9,200\n")
    finding = found(tmp_path / "logs")
    assert names(finding) == [("ppo", "CartPole-v1", 1), ("ppo", "CartPole-v1", 2)]
    assert {run.kind for run in finding.runs} == {"tensorboard"}
    assert [one.file for one in finding.aside] == [f"logs/ppo_CartPole-v1/seed_{seed}/progress.csv" for seed in (1, 2)]
    assert "tells of the same run as logs/ppo_CartPole-v1/seed_1/events.out.tfevents.1.h" in finding.aside[0].reason
    assert {run.kind for run in found(tmp_path / "logs", kind="csv").runs} == {"csv"}


@pytest.mark.parametrize("part", ["eval", "train/logs", "tb/PPO_1", "logger"])
def test_files_below_a_run_s_folder_tell_of_the_same_run(tmp_path: Path, part: str) -> None:
    folder = tmp_path / "ppo_CartPole-v1_seed4"
    table(folder / "progress.csv", "rollout/ep_rew_mean,time/total_timesteps\n7,100\n9,200\n")
    events(folder / part / "events.out.tfevents.1.h", [("eval/mean_reward", 100, 3.0)])
    evaluated(folder / "eval")
    finding = found(tmp_path)
    assert names(finding) == [("ppo", "CartPole-v1", 4)]
    assert finding.runs[0].kind == "evaluations"
    assert len(finding.aside) == 2


def test_the_stub_that_hyperparameters_leave_below_a_run_is_part_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "CartPole-v1__ppo__1__1700000001"
    events(folder / "events.out.tfevents.1.h", [("charts/episodic_return", 100 * k, float(k)) for k in range(1, 6)])
    for stub in ("1700000001.25", "1700000002.5"):
        events(folder / stub / "events.out.tfevents.2.h", [("charts/episodic_return", 0, 400.0)])
    finding = found(tmp_path)
    assert names(finding) == [("ppo", "CartPole-v1", 1)]
    assert finding.runs[0].end == 500


def test_train_and_eval_tables_of_a_run_are_one_run_and_its_evaluations_are_taken(tmp_path: Path) -> None:
    for name, value in (("train", 1), ("eval", 2)):
        table(tmp_path / "sac_walker-v1_seed1" / f"{name}.csv", f"episode,frame,episode_reward\n1,1000,{value}\n")
    finding = found(tmp_path)
    assert names(finding) == [("sac", "walker-v1", 1)]
    assert finding.runs[0].returns.tolist() == [[2.0]]


def test_a_run_that_two_trees_tell_of_is_taken_from_the_better_one(tmp_path: Path) -> None:
    evaluated(tmp_path / "x" / "logs" / "ppo_CartPole-v1_seed1")
    events(tmp_path / "x" / "tb" / "ppo_CartPole-v1_seed1" / "events.out.tfevents.1", [("eval/mean_reward", 50, 5.5)])
    finding = found(tmp_path / "x")
    assert [run.kind for run in finding.runs] == ["evaluations"]
    assert finding.aside[0].reason.startswith("tells of the same run (seed 1) as x/logs/ppo_CartPole-v1_seed1")


def test_without_seeds_nobody_can_say_whether_two_trees_tell_of_one_run_and_that_is_asked(tmp_path: Path) -> None:
    evaluated(tmp_path / "x" / "logs" / "ppo" / "CartPole-v1_1")
    events(tmp_path / "x" / "tb" / "CartPole-v1" / "PPO_1" / "events.out.tfevents.1", [("eval/mean_reward", 50, 5.5)])
    finding = found(tmp_path / "x")
    assert [run.kind for run in finding.runs] == ["evaluations"]
    assert "--as tensorboard reads it alone, --separate takes both" in finding.refused[0].reason
    assert len(found(tmp_path / "x", separate=True).runs) == 2


def test_a_copy_of_a_run_is_no_second_run(tmp_path: Path) -> None:
    evaluated(tmp_path / "x" / "ppo" / "CartPole-v1_1")
    evaluated(tmp_path / "x" / "backup" / "ppo" / "CartPole-v1_1")
    finding = found(tmp_path / "x")
    assert len(finding.runs) == 1
    assert finding.aside[0].reason == "holds the numbers of x/backup/ppo/CartPole-v1_1/evaluations.npz: a copy"


# Sessions


def test_a_restored_training_goes_on_and_its_abandoned_branch_goes(tmp_path: Path) -> None:
    folder = tmp_path / "ppo_CartPole-v1"
    first = [("eval/mean_reward", 1000 * k, 10.0 * k if k <= 6 else 5.0) for k in range(1, 11)]
    later = [("eval/mean_reward", 6000 + 1024 * k, 60.0 + k) for k in range(1, 6)]
    # The later session's file comes first in the order of names: the clock decides.
    events(folder / "events.out.tfevents.2.h", first, 1.7e9)
    events(folder / "events.out.tfevents.1.h", later, 1.7e9 + 9000)
    (run,) = found(tmp_path).runs
    assert run.steps.tolist() == [*range(1000, 8000, 1000), *(6000 + 1024 * k for k in range(1, 6))]
    assert run.returns[:, 0].tolist() == [10, 20, 30, 40, 50, 60, 5, 61, 62, 63, 64, 65]
    assert run.notes == ("restored from a checkpoint: 3 values of the abandoned branch are left out",)


def test_two_trainings_in_one_folder_are_refused_and_never_interleaved(tmp_path: Path) -> None:
    folder = tmp_path / "ppo_CartPole-v1"
    events(folder / "events.out.tfevents.1.h", [("rollout/ep_rew_mean", 2048 * k, 20.0 * k) for k in range(1, 6)])
    events(folder / "events.out.tfevents.2.h", [("rollout/ep_rew_mean", 2000 * k, 5.0) for k in range(1, 6)], 1.8e9)
    finding = found(tmp_path)
    assert not finding.runs
    assert "a second training begins at step 2,000, where the first began at 2,048" in finding.refused[0].reason
    assert (finding.files, finding.read, finding.left) == (2, 0, 0)
    (run,) = found(tmp_path, sessions="last").runs
    assert run.returns[:, 0].tolist() == [5.0] * 5
    assert run.notes == ("begun anew: 5 values of trainings before the last are left out, as --sessions last says",)


def test_rows_that_fall_back_to_the_middle_go_on_with_one_run(tmp_path: Path) -> None:
    rows = [(4000 * k, 10 * k, k) for k in range(1, 6)] + [(4000 * k, 10 * k + 3, k) for k in range(4, 8)]
    text = "episode_reward_mean,timesteps_total,training_iteration,trial_id\n"
    text += "".join(f"{value},{step},{k},abc_00000\n" for step, value, k in rows)
    table(tmp_path / "PPO_CartPole-v1_abc_00000" / "progress.csv", text)
    (run,) = found(tmp_path).runs
    assert (run.algorithm, run.environment, run.run) == ("ppo", "CartPole-v1", "abc_00000")
    assert run.steps.tolist() == [4000 * k for k in range(1, 8)]
    assert run.returns[:, 0].tolist() == [10, 20, 30, 43, 53, 63, 73]
    # Neither does it need an identifier.
    bare = "steps,return\n" + "".join(f"{step},{value}\n" for step, value, _ in rows)
    assert [one.values.tolist() for one in read_table(bare, "csv", Hints()).runs] == [run.returns[:, 0].tolist()]


def test_a_log_in_several_files_is_one_run_of_several_sessions(tmp_path: Path) -> None:
    folder = tmp_path / "ppo_CartPole-v1_seed1"
    table(folder / "progress.csv", "time/total_timesteps,rollout/ep_rew_mean\n100,1\n200,2\n300,3\n")
    table(folder / "progress_2.csv", "time/total_timesteps,rollout/ep_rew_mean\n250,5\n350,6\n")
    (run,) = found(tmp_path).runs
    assert run.steps.tolist() == [100, 200, 250, 350]
    assert run.returns[:, 0].tolist() == [1, 2, 5, 6]


def test_a_table_with_the_newest_row_first_is_one_run(tmp_path: Path) -> None:
    path = table(tmp_path / "ppo_CartPole-v1.csv", "step,return\n30,3\n20,2\n10,1\n")
    (run,) = found(path).runs
    assert run.returns[:, 0].tolist() == [1.0, 2.0, 3.0]


def test_a_session_that_begins_where_another_ended_drops_nothing() -> None:
    rows, notes = joined([Session([(1.0, 1.0), (2.0, 2.0)]), Session([(3.0, 3.0)]), Session([])])
    assert (rows, notes) == ([(1.0, 1.0), (2.0, 2.0), (3.0, 3.0)], ())


# Rows and columns that are no runs


def test_a_frame_column_counts_steps(tmp_path: Path) -> None:
    text = "agent,task,seed,frame,episode_reward\n" + "".join(
        f"A,walk,{s},{f},{f + s}\n" for s in (1, 2) for f in (0, 10)
    )
    finding = found(table(tmp_path / "x.csv", text))
    assert [run.steps.tolist() for run in finding.runs] == [[0, 10], [0, 10]]


def test_a_column_that_counts_iterations_is_asked_about_and_taken_with_a_factor(tmp_path: Path) -> None:
    path = table(tmp_path / "x.csv", "algo,env,seed,iteration,reward\nA,E-v0,1,1,10\nA,E-v0,1,2,20\nA,E-v0,2,1,11\n")
    answer = CliRunner().invoke(app, ["import", str(path), "--results", str(tmp_path / "r"), "--dry-run"])
    assert answer.exit_code == 2
    assert "column 'iteration' counts no environment steps: --columns steps=iteration takes it" in answer.output
    options = ["--columns", "steps=iteration*2048", "--json", "--dry-run", "--results", str(tmp_path / "r")]
    told = json.loads(CliRunner().invoke(app, ["import", str(path), *options]).output)
    assert [(run["steps"], run["points"]) for run in told["runs"]] == [(4096, 2), (2048, 1)]
    assert not (tmp_path / "r").exists()


def test_a_seed_that_stands_twice_without_steps_is_asked_about(tmp_path: Path) -> None:
    path = table(tmp_path / "x.csv", "algorithm,environment,seed,score\nA,E-v0,1,10\nA,E-v0,1,20\nA,E-v0,2,11\n")
    assert "seed '1' stands in 2 rows, and no column tells their steps" in found(path, steps=9).refused[0].reason


@pytest.mark.parametrize("bounds", ["sac_lower,sac_upper", "sac_std,ppo_std", "lower_sac,upper_sac", "sac CI,ppo CI"])
def test_a_wide_table_of_means_with_bounds_holds_no_runs(tmp_path: Path, bounds: str) -> None:
    path = table(tmp_path / "x.csv", f",sac,ppo,{bounds}\n0,10,5,9,11\n1000,20,15,19,21\n")
    (refusal,) = found(path, wide="algorithm", environment="E-v0", steps=1000).refused
    assert refusal.reason.startswith("holds means with bounds (")


def test_a_nameless_column_that_may_count_steps_is_asked_about(tmp_path: Path) -> None:
    path = table(tmp_path / "x.csv", ",sac,ppo\n0,10,5\n1000,20,15\n2000,30,16\n")
    hints = {"wide": "algorithm", "environment": "E-v0", "steps": 2000}
    assert "what is column 'unnamed'? Steps or run identifiers" in found(path, **hints).refused[0].reason
    asked = found(path, **hints, columns={"steps": "unnamed"})
    assert [run.steps.tolist() for run in asked.runs] == [[0, 1000, 2000]] * 2
    assert len(found(path, **hints, ignore=("unnamed",)).runs) == 6


def test_a_column_that_explains_repeated_steps_is_asked_about_and_any_other_named(tmp_path: Path) -> None:
    rows = "".join(f"{step},{rate},{step + rate}\n" for step in (1, 2) for rate in (3, 4))
    path = table(tmp_path / "ppo_CartPole-v1.csv", f"step,lr,return\n{rows}")
    assert "column 'lr' tells apart what stands several times at a step" in found(path).refused[0].reason
    assert len(found(path, columns={"seed": "lr"}).runs) == 2
    plain = table(tmp_path / "dqn_CartPole-v1.csv", "step,lr,return\n1,3,5\n2,3,6\n")
    (aside,) = found(plain).aside
    assert aside.reason == "columns of numbers of which nothing is known, and which count for nothing: 'lr'"


def test_a_crashed_run_fails_a_running_one_is_left_out_and_a_budget_is_no_step(tmp_path: Path) -> None:
    text = "Name,State,algo,env_id,seed,total_timesteps,charts/episodic_return\n"
    states = ["finished", "crashed", "running", "Killed", "finished"]
    text += "".join(f"r{s},{state},ppo,CartPole-v1,{s},5000,{s}\n" for s, state in enumerate(states))
    told = brought(table(tmp_path / "runs.csv", text), tmp_path)
    assert [(run.seed, run.state, run.steps, run.budget) for run in told.runs] == [
        (0, "new", None, 5000),
        (1, "failed", None, 5000),
        (3, "failed", None, 5000),
        (4, "new", None, 5000),
    ]
    assert told.aside[0].reason == "1 run not finished yet, as the table says: left out"
    outcomes = list(open_experiment(tmp_path / "results" / "theirs").store.outcomes())
    messages = {one.trial.seed: one.message for one in outcomes if isinstance(one, Failure)}
    assert messages == {1: "its source says so (State: crashed)", 3: "its source says so (State: Killed)"}


@pytest.mark.parametrize(
    ("column", "good", "bad"),
    [
        ("exit_code", "0", "137"),
        ("Exit Status", "0", "1"),
        ("crashed", "False", "True"),
        ("crashed?", "no", "yes"),
        ("outcome", "finished", "crashed"),
        ("job status", "COMPLETED", "TIMEOUT"),
        ("runState", "finished", "killed"),
        ("slurm_state", "COMPLETED", "CANCELLED by 1000"),
    ],
)
def test_columns_of_exit_codes_and_crashes_are_obeyed(tmp_path: Path, column: str, good: str, bad: str) -> None:
    text = f"algo,env,seed,step,score,{column}\nA,E-v0,0,10,1,{good}\nA,E-v0,1,10,2,{bad}\n"
    assert [bool(run.failed) for run in found(table(tmp_path / "x.csv", text)).runs] == [False, True]


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("status", ("fine", "odd")),
        ("converged", ("True", "False")),
        ("finished", ("True", "False")),
        ("finished", ("True", "maybe")),
        ("unfinished", ("False", "True")),
        ("interrupted", ("no", "at night")),
        ("result", ("success", "failure")),
        ("is_valid", ("True", "False")),
        ("Excluded?", ("0", "1")),
        ("outlier", ("no", "yes")),
        ("error_message", ("", "CUDA out of memory")),
        ("comment", ("", "crashed: started again")),
    ],
)
def test_a_qualifying_column_of_unknown_words_is_asked_about(
    tmp_path: Path, column: str, words: tuple[str, str]
) -> None:
    rows = "".join(f"A,E-v0,{seed},10,{seed},{word}\n" for seed, word in enumerate(words))
    path = table(tmp_path / "x.csv", f"algo,env,seed,step,score,{column}\n{rows}")
    assert f"--columns status={column} obeys it" in found(path).refused[0].reason
    assert len(found(path, ignore=(column,)).runs) == 2


def test_a_column_of_what_is_unfinished_or_running_is_obeyed_by_its_sense(tmp_path: Path) -> None:
    text = "algo,env,seed,step,score,{}\nA,E-v0,0,10,1,false\nA,E-v0,1,10,2,true\n"
    path = table(tmp_path / "x.csv", text.format("unfinished"))
    runs = found(path, columns={"status": "unfinished"}).runs
    assert [(run.seed, run.failed) for run in runs] == [(0, ""), (1, "unfinished: true")]
    told = found(table(tmp_path / "y.csv", text.format("running")))
    assert [run.seed for run in told.runs] == [0]
    assert told.aside[0].reason == "1 run not finished yet, as the table says: left out"


def test_a_column_that_speaks_against_runs_is_obeyed_by_its_sense(tmp_path: Path) -> None:
    path = table(tmp_path / "x.csv", "algo,env,seed,step,score,outlier\nA,E-v0,0,10,1,no\nA,E-v0,1,10,2,yes\n")
    assert [run.failed for run in found(path, columns={"status": "outlier"}).runs] == ["", "outlier: yes"]


def test_a_gap_in_a_column_of_words_qualifies_no_run(tmp_path: Path) -> None:
    path = table(tmp_path / "x.csv", "algo,env,seed,step,score,host\nA,E-v0,0,10,1,one\nA,E-v0,1,10,2,nan\n")
    assert [run.failed for run in found(path).runs] == ["", ""]


@pytest.mark.parametrize(
    ("column", "words"), [("split", ("train", "eval")), ("deterministic", ("0", "1")), ("eval", ("True", "False"))]
)
def test_rows_of_two_kinds_in_one_run_are_asked_about(tmp_path: Path, column: str, words: tuple[str, str]) -> None:
    # One policy's returns at 10 and 20 steps, another's at 15 and 25: together they are nobody's curve.
    rows = "".join(f"A,E-v0,0,{step},{word},{step}\n" for step, word in zip((10, 15, 20, 25), words * 2, strict=True))
    path = table(tmp_path / "x.csv", f"algo,env,seed,step,{column},score\n{rows}")
    assert found(path).refused[0].reason.startswith(f"column {column!r} says {words[0]!r} and {words[1]!r} in rows of")
    assert len(found(path, ignore=(column,)).runs) == 1


def test_a_column_of_words_that_nobody_understood_is_named(tmp_path: Path) -> None:
    rows = "".join(f"A,E-v0,{seed},10,{seed},{word}\n" for seed, word in enumerate(("adam", "adam", "sgd", "sgd")))
    told = found(table(tmp_path / "x.csv", f"algo,env,seed,step,score,optimizer\n{rows}"))
    assert len(told.runs) == 4
    assert told.aside[0].reason == (
        "columns of words of which nothing is known, and which tell no runs or variants apart: 'optimizer'"
    )


def test_variants_of_an_algorithm_that_no_column_names_are_asked_about(tmp_path: Path) -> None:
    rows = "".join(f"{word},E-v0,{seed},10,{seed}\n" for seed, word in enumerate(("clip", "clip", "none", "none")))
    path = table(tmp_path / "ppo.csv", f"variant,env,seed,step,score\n{rows}")
    assert "--columns algorithm=variant" in found(path).refused[0].reason
    assert [run.algorithm for run in found(path, columns={"algorithm": "variant"}).runs] == [
        *("clip", "clip", "none", "none"),
    ]


def test_an_algorithm_in_two_spellings_is_one(tmp_path: Path) -> None:
    text = "algo,env,seed,step,score\n" + "".join(
        f"{name},E-v0,{seed},{step},{step + seed}\n"
        for name, seed in (("PPO", 0), ("ppo", 0), ("ppo", 1))
        for step in (10, 20, 30)
    )
    told = found(table(tmp_path / "x.csv", text))
    assert [(run.algorithm, run.seed) for run in told.runs] == [("ppo", 0), ("ppo", 1)]
    assert told.aside[0].reason.endswith(": a copy")


@pytest.mark.parametrize("identifier", ["overall", "p25", "pooled", "75%"])
def test_identifiers_of_sums_over_runs_are_no_runs(tmp_path: Path, identifier: str) -> None:
    text = f"algo,env,seed,step,score\nA,E-v0,0,10,1\nA,E-v0,1,10,3\nA,E-v0,{identifier},10,2\n"
    assert [run.seed for run in found(table(tmp_path / "x.csv", text)).runs] == [0, 1]


def test_a_name_that_stands_twice_in_json_and_a_mean_over_environments_are_refused(tmp_path: Path) -> None:
    twice = table(tmp_path / "ppo.json", '{"E-v0": [1, 2], "E-v0": [3, 4]}')
    assert found(twice, steps=10).refused[0].reason == "JSON in which 'E-v0' stands twice in one mapping"
    mean = table(tmp_path / "a2c.json", '{"E-v0": [1, 2], "mean": [1, 2]}')
    assert found(mean, steps=10).refused[0].reason.startswith("'mean' sums up environments")


def test_a_run_whose_last_step_is_0_has_not_finished(tmp_path: Path) -> None:
    text = "algo,env,seed,step,score\n" + "".join(f"A,E-v0,0,{step},5\n" for step in range(0, 10001, 1000))
    told = brought(table(tmp_path / "x.csv", text + "A,E-v0,1,0,400\n"), tmp_path)
    assert [(run.seed, run.state, run.steps) for run in told.runs] == [(0, "new", 10_000), (1, "failed", 0)]


def test_rows_that_sum_up_runs_and_headers_once_more_are_no_runs(tmp_path: Path) -> None:
    head = "algo,env,seed,step,score\n"
    text = head + "A,E-v0,0,10,1\n" + head + "A,E-v0,1,10,3\nA,E-v0,mean,10,2\n"
    finding = found(table(tmp_path / "x.csv", text))
    assert [run.seed for run in finding.runs] == [0, 1]
    assert finding.runs[0].notes == (
        "1 rows are the header once more: left out",
        "1 rows sum up other rows, by their run identifier: left out",
    )


@pytest.mark.parametrize(
    ("text", "hints", "reason"),
    [
        ("step,r1,r2,mean\n1,2,4,3\n", {"wide": "run"}, "column 'mean' sums up other columns"),
        ("step,r1,r2,avg return\n1,2,4,3\n", {"wide": "run"}, "column 'avg return' sums up other columns"),
        ("step,episode,r1,r2\n1,2,4,3\n", {"wide": "run"}, "column 'episode' is none of a run or algorithm"),
        ("step,r1,r2,n\n1,2,4,2\n", {"wide": "algorithm"}, "column 'n' is none of a run or algorithm"),
        ("algo,env,step,score,n_seeds\nA,E-v0,1,2,5\n", {}, "holds means and spreads over runs (column 'n_seeds')"),
        ("algo,env,episode,score\nA,E-v0,1,2\nA,E-v0,2,3\n", {"steps": 9}, "column 'episode' counts no environment"),
        ("algo,env,hour,score\nA,E-v0,1,2\nA,E-v0,2,3\nA,E-v0,4,3\n", {"steps": 9}, "what is column 'hour'?"),
        ("global_step,Group: ppo - return\n1,2\n", {}, "'Group: ppo' is the mean of a group of runs"),
    ],
)
def test_rows_and_columns_that_are_no_runs_are_refused_with_the_reason(
    tmp_path: Path, text: str, hints: dict[str, Any], reason: str
) -> None:
    finding = found(table(tmp_path / "x.csv", text), algorithm="a", environment="E-v0", **hints)
    assert not finding.runs
    assert finding.refused[0].reason.startswith(reason)


# Tables of numpy and others


def test_numbers_parted_by_blanks_are_a_table_under_any_name(tmp_path: Path) -> None:
    path = table(tmp_path / "sac_hc.txt", "# made by savetxt of numpy\n10 20 30\n11 22 33\n12 23 35\n")
    hints = {"kind": "csv", "wide": "run", "algorithm": "sac", "environment": "E-v0", "factor": 1000.0}
    finding = found(path, **hints, columns={"steps": "row"})
    assert [run.returns[:, 0].tolist() for run in finding.runs] == [[10, 11, 12], [20, 22, 23], [30, 33, 35]]
    assert finding.runs[0].steps.tolist() == [1000, 2000, 3000]
    assert finding.runs[0].notes == ("no line names its columns: they are numbered, 0 to 2",)


def test_a_comment_names_the_columns_where_it_fits() -> None:
    (run,) = read_table("# step return\n100 1.5\n200 2.5\n", "csv", Hints()).runs
    assert (run.steps.tolist(), run.values.tolist()) == ([100, 200], [1.5, 2.5])


# Nothing left out in silence


def test_links_are_followed_once_and_everything_that_is_not_read_is_named(tmp_path: Path) -> None:
    logs, scratch = tmp_path / "logs" / "ppo_CartPole-v1", tmp_path / "scratch"
    evaluated(logs / "seed_1")
    evaluated(scratch / "seed_2", 20.0)
    (logs / "seed_2").symlink_to(scratch / "seed_2")
    (logs / "again").symlink_to(logs / "seed_1")
    (logs / "around").symlink_to(tmp_path / "logs")
    (logs / "gone.csv").symlink_to(tmp_path / "nowhere")
    (logs / "x.csv").mkdir()
    os.mkfifo(logs / "pipe.csv")
    table(logs / ".hidden" / "y.csv", "a")
    table(logs / "empty.csv", "")
    table(logs / "notes.txt", "words")
    table(logs / "model.zip", "PK")
    finding = found(tmp_path / "logs")
    assert names(finding) == [("ppo", "CartPole-v1", 1), ("ppo", "CartPole-v1", 2)]
    told = {one.file.removeprefix("logs/ppo_CartPole-v1/"): one.reason for one in (*finding.refused, *finding.aside)}
    assert told == {
        "gone.csv": f"a link to {tmp_path / 'nowhere'}, which is not there",
        "pipe.csv": "no regular file (a pipe, a socket or a device): not opened",
        "empty.csv": "empty",
        "again": "a link to seed_1, which is read already",
        "around": "a link to logs, which is read already",
        ".hidden": "hidden: its name begins with a dot",
        "notes.txt": "a text: --as csv reads it as a table",
        "model.zip": "packed: unpack it to have it read",
    }
    refused = len(finding.refused)
    assert (finding.files, finding.read, finding.left, refused) == (10, 2, 5, 3)


def test_one_damaged_file_stops_only_itself_and_what_stands_before_the_damage_is_read(tmp_path: Path) -> None:
    monitor(tmp_path / "logs" / "ppo_CartPole-v1" / "0.monitor.csv", [1.0, 2.0], "\0" * 200_000)
    monitor(tmp_path / "logs" / "a2c_CartPole-v1" / "0.monitor.csv", [3.0, 4.0])
    table(tmp_path / "logs" / "dqn_CartPole-v1" / "monitor.csv", "r,l,t\n" + '"' + "9" * 300_000 + "\n")
    table(tmp_path / "logs" / "x.csv", "step,seed,return\n1,0,5\n2,0,6\n" + "\0" * 1000)
    finding = found(tmp_path / "logs", algorithm="", environment="CartPole-v1")
    assert sorted(run.algorithm for run in finding.runs) == ["a2c", "ppo"]
    assert {run.notes for run in finding.runs} == {(), ("1 damaged rows of Monitor files are left out",)}
    (dqn, nameless) = sorted(finding.refused, key=lambda one: one.file)
    assert dqn.reason == "holds no finished episode (1 damaged rows)"
    assert nameless.reason == "the algorithm is not known; say --algorithm NAME"
    (run,) = read_table("step,seed,return\n1,0,5\n2,0,6\n" + "\0" * 1000, "csv", Hints()).runs
    assert run.notes[0].startswith("1 damaged lines are left out: NUL bytes")


def test_an_episode_glued_to_the_header_is_left_out_and_the_rest_read() -> None:
    episodes = read_monitor("#{}\nr,l,t9.0,90,1.0\n1.0,91,1.5\n2.0,92,2.5\n")
    assert (episodes.returns.tolist(), episodes.left_out) == ([1.0, 2.0], 1)
    assert episodes.seconds.tolist() == [1.5, 2.5]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_a_mark_at_the_start_says_how_a_text_is_written(tmp_path: Path, encoding: str) -> None:
    mark = b"\xff\xfe" if encoding == "utf-16-le" else b""
    path = tmp_path / "ppo_CartPole-v1.csv"
    path.write_bytes(mark + "step,return\r\n1,5\r\n2,6\r\n".encode(encoding))
    (run,) = found(path).runs
    assert run.returns[:, 0].tolist() == [5.0, 6.0]


def test_names_that_are_no_utf_8_are_refused_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes("algo,env,step,return\nÜbung,E-v0,1,2\n".encode("latin-1"))
    assert found(path).refused[0].reason == "no text in UTF-8"


# Sizes


def _archive(**arrays: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            archive.writestr(f"{name}.npy", array)
    return content.getvalue()


def _header(shape: str, kind: str = "<f8") -> bytes:
    told = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(told)) + told


@pytest.mark.parametrize(
    "results",
    [
        _header("(1000000, 1000)") + b"\0" * 80,
        _header(f"({MOST_ARRAY_BYTES // 8 + 1},)") + b"\0" * (MOST_ARRAY_BYTES + 8),
        _header("(2, 1)", "<U400000000"),
    ],
)
def test_an_archive_that_unpacks_to_more_than_is_read_is_refused_by_its_headers(results: bytes) -> None:
    content = _archive(timesteps=_header("(2,)") + b"\0" * 16, results=results)
    with pytest.raises(RefusedError, match=r"array results\.npy unpacks to more than 64 MB"):
        read_evaluations(content)


@pytest.mark.parametrize(
    ("steps", "results", "reason"),
    [
        # Two rewards an episode are no two episodes.
        ([50, 100], np.zeros((2, 3, 2)), r"do not fit: timesteps \(2,\), results \(2, 3, 2\)"),
        ([50.5, 100], np.zeros((2, 3)), "no counts of steps"),
    ],
)
def test_evaluations_of_other_shapes_are_refused(steps: list[float], results: Any, reason: str) -> None:
    content = io.BytesIO()
    np.savez(content, timesteps=steps, results=results)
    with pytest.raises(RefusedError, match=reason):
        read_evaluations(content.getvalue())


def test_a_file_larger_than_is_read_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "0.monitor.csv"
    with path.open("wb") as file:
        # A hole: 32 MB and a byte that lie nowhere.
        file.truncate(MOST_MONITOR_BYTES + 1)
    assert found(path).refused[0].reason == "larger than 32 MB, the most that is read of such a file"


# What is told


def test_a_dry_run_shows_a_line_for_each_run(tmp_path: Path) -> None:
    evaluated(tmp_path / "logs" / "ppo_no_clip_CartPole-v1_seed3")
    answer = CliRunner(env={"COLUMNS": "160"}).invoke(
        app, ["import", str(tmp_path / "logs"), "--dry-run", "--results", str(tmp_path / "r")]
    )
    assert answer.exit_code == 0
    row = next(line for line in answer.output.splitlines() if "seed3" in line)
    assert row.split()[:8] == ["ppo_no_clip", "CartPole-v1", "3", "100", "100", "2", "new", "evaluations"]
    assert "of 1 files 1 read, 0 left aside, 0 refused" in answer.output


def test_a_page_of_imported_results_never_says_that_the_plan_was_there_before_the_data(tmp_path: Path) -> None:
    for seed in range(3):
        evaluated(tmp_path / "logs" / f"ppo_CartPole-v1_seed{seed}", 3.0 * seed)
    brought(tmp_path / "logs", tmp_path)
    page = write_page(estimates(open_experiment(tmp_path / "results" / "theirs")), tmp_path / "page").read_text()
    assert "before the data was seen" not in page
    assert "The data are imported, and were there before the plan" in page
