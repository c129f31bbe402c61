"""Trials on a real Ray cluster of two nodes: the same numbers, whatever dies meanwhile. `make test-ray` runs these."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from bench.errors import BenchError
from bench.records import Failure
from bench.runner.jobs import Ended, Event, Hindrance, Job, Progress, Progressed, Slowed, Started
from bench.runner.placed import Order, bring, marked, said
from bench.runner.ray import _bytes, connected
from tests.making import nothing, small_trial

pytestmark = pytest.mark.timeout(580)
needs_ray = pytest.mark.skipif(
    "RAY_TESTS" not in os.environ or find_spec("ray") is None or os.getuid() != 0 or shutil.which("unshare") is None,
    reason="make test-ray runs it: it wants Ray, root, and a network of its own",
)


def check(name: str) -> dict[str, Any]:
    # In a folder with a short name: Ray's sockets lie below it, and a socket's path has room for 107 letters.
    with TemporaryDirectory(prefix="ray-") as folder:
        words = ["unshare", "--net", sys.executable, "-m", "tests.ray_cluster", folder, name]
        done = subprocess.run(words, capture_output=True, text=True, timeout=570, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("came: ")]
    assert lines, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(lines[-1].removeprefix("came: "))
    return found


@needs_ray
def test_a_cluster_gives_the_same_numbers_as_this_machine() -> None:
    assert check("numbers_agree") == {"done": 4, "same": True}


@needs_ray
def test_trials_of_a_node_that_dies_go_to_another_and_come_to_the_same_numbers() -> None:
    came = check("a_node_dies")
    assert came == {"done": 2, "hindered": 0, "retried": 1, "attempts": [1, 2], "same": True}


@needs_ray
def test_ctrl_c_ends_the_trials_keeps_their_checkpoints_and_the_same_command_goes_on() -> None:
    came = check("ctrl_c_keeps")
    assert came == {"interrupted": True, "stored": 2, "left": 0, "done": 2, "resumed": [1, 1]}


@needs_ray
def test_where_storage_is_not_shared_records_and_logs_come_back() -> None:
    came = check("storage_is_not_shared")
    assert came["done"] == 4
    assert all({"trial.json", "log.txt", "policy.zip"} <= set(names) for names in came["files"])


def test_what_is_said_of_a_job_is_the_event_again(tmp_path: Path) -> None:
    job = Job(small_trial(), tmp_path, nothing)
    failure = Failure(job.trial, "timeout", "too long")
    told: list[Event] = [
        Started(job, 7),
        Progressed(job, Progress(steps=3)),
        Slowed(job, 2.5),
        Ended(job, None, 1.5),
        Ended(job, failure, 2.0),
        Ended(job, None, 0.0, hindrance=Hindrance("hindered", "no room")),
    ]
    assert [said(event).event(job) for event in told] == told


def test_a_machine_shares_the_storage_if_it_finds_the_very_mark(tmp_path: Path) -> None:
    with marked(tmp_path / "results") as (path, content):
        assert Order(b"", "", (path, content)).shared
        assert not Order(b"", "", (path, content[::-1])).shared
    assert not Order(b"", "", (path, content)).shared
    assert list((tmp_path / "results").iterdir()) == []


def test_files_that_are_sent_back_lie_in_the_trials_folder(tmp_path: Path) -> None:
    bring({"trial.json": b"{}", "log.txt": b"words"}, tmp_path / "a")
    assert {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()} == {
        "trial.json": b"{}",
        "log.txt": b"words",
    }


def test_a_trial_asks_for_the_memory_it_may_take_and_at_most_for_a_whole_machine_that_has_room_for_it(
    tmp_path: Path,
) -> None:
    small, large = {"CPU": 8.0, "GPU": 1.0, "memory": 8.0 * 2**30}, {"CPU": 8.0, "memory": 64.0 * 2**30}
    job = Job(small_trial(), tmp_path, nothing, expected_mb=20 * 2**10)
    assert _bytes([small, large], job) == 20 * 2**30
    assert _bytes([small, large], replace(job, device="cuda")) == 8 * 2**30
    assert _bytes([small], job) == 8 * 2**30
    assert _bytes([small, large], replace(job, expected_mb=0.0)) == 0


def test_a_cluster_whose_authentication_is_left_open_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    with pytest.raises(BenchError, match="RAY_AUTH_MODE is not set: set it alike on every machine and here"):
        connected("127.0.0.1:6379", tmp_path / "token")


def test_a_cluster_that_is_not_there_is_told_of_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with pytest.raises(BenchError, match=r"--address 127.0.0.1:9: no Ray cluster can be reached .*refused"):
        connected("127.0.0.1:9", tmp_path / "token")
