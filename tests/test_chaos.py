"""The study that deals faults, on few of them; and it sees what it looks for."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.scripts import script

chaos = script("chaos")
RECORD: dict[str, Any] = {"final": {"returns": [1.0]}, "curve": {"steps": [5], "seconds": [0.1], "cpu_seconds": [0.1]}}


def scene(folder: Path) -> Any:
    return chaos.Scene(folder, chaos.TOY, chaos.TOY, np.random.default_rng(0))


def keep(scene: Any, name: str, **changes: Any) -> Path:
    path: Path = scene.trials / name / "trial.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(RECORD | changes))
    return path


SMALL = chaos.TOY.replace("seeds: 2", "seeds: 4").replace("[q_learning, softmax_reinforce]", "[softmax_reinforce]")
SMALL = SMALL.partition("  FrozenLake")[0]


@pytest.mark.slow
def test_a_few_faults_break_nothing() -> None:
    signals = replace(chaos.KINDS["signals"], suite=SMALL)
    assert chaos.play(signals, ("worker KILL", "keeper STOP", "server KILL", "runner KILL"), (0, 0)).told == []


def test_equal_seeds_plan_equal_rounds_of_all_kinds() -> None:
    rounds = list(chaos.planned(200, 0))
    assert rounds == list(chaos.planned(200, 0)) != list(chaos.planned(200, 1))
    assert {name for name, _ in rounds} == set(chaos.KINDS)
    assert sum(len(variants) for _, variants in rounds) == pytest.approx(200, abs=5)


def test_a_finished_trial_that_is_gone_or_changed_is_lost(tmp_path: Path) -> None:
    before = scene(tmp_path)
    gone, changed, kept = (keep(before, f"a--b--seed-{seed}--0") for seed in range(3))
    before.look()
    gone.unlink()
    changed.write_text(kept.read_text() + " ")
    chaos.losses(before)
    assert before.told == ["lost: a--b--seed-0--0", "lost: a--b--seed-1--0"]


def test_two_results_of_one_trial_are_duplicates(tmp_path: Path) -> None:
    found = scene(tmp_path)
    for name in ("a--b--seed-0--0", "a--b--seed-0--1", "a--b--seed-1--0"):
        keep(found, name)
    chaos.losses(found)
    assert found.told == ["duplicates: a--b--seed-0: 2 times"]


def test_numbers_are_compared_without_clocks(tmp_path: Path) -> None:
    quiet, other = scene(tmp_path / "quiet"), scene(tmp_path / "other")
    keep(quiet, "a")
    keep(quiet, "b")
    keep(other, "a", curve=RECORD["curve"] | {"seconds": [0.7]})
    keep(other, "b", final={"returns": [2.0]})
    chaos.compare(other, quiet)
    assert other.told == ["numbers differ: b"]


def test_a_process_left_behind_is_an_orphan_and_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chaos, "AFTERLIFE_SECONDS", 0.1)
    found = scene(tmp_path)
    sleeper = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(sleeper, env={**os.environ, chaos.MARK: tmp_path.name}) as process:
        chaos.orphans(found)
        assert process.wait(10) == -signal.SIGKILL
    assert dict(found.found) == {"orphans": 1}


def test_tracebacks_and_terminal_escapes_in_what_was_said_are_told(tmp_path: Path) -> None:
    found = scene(tmp_path)
    for number, text in enumerate(["well", "Traceback (most recent call last):\n  oh", "a\x1b[2Jb"]):
        (tmp_path / f"{number}.out").write_text(text)
        (tmp_path / f"{number}.err").write_text("")
        found.outputs.append(tmp_path / f"{number}.out")
    chaos.sayings(found)
    assert dict(found.found) == {"tracebacks": 1, "escapes": 1}


def test_temporary_files_and_endless_logs_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(chaos.SIZES, "log.txt", 10)
    found = scene(tmp_path)
    folder = keep(found, "a").parent
    (folder / "log.txt").write_text("x" * 11)
    (folder / "trial.json.1.tmp").write_text("")
    chaos.files(found)
    assert dict(found.found) == {"left over": 1, "sizes": 1}
