"""Trials on a real Ray cluster of two nodes: the same numbers, whatever dies meanwhile. `make test-ray` runs these."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import pytest

from bench import files
from bench.errors import BenchError
from bench.records import Failure
from bench.runner import placed, ray
from bench.runner.devices import Gpu
from bench.runner.jobs import Ended, Event, Hindrance, Job, Progress, Progressed, Slowed, Started
from bench.runner.local import LocalExecutor
from bench.runner.placed import Order, Said, bring, marked, said
from bench.runner.ray import RayExecutor, _bytes, connected
from bench.store import receive
from tests import misbehaviour
from tests.making import nothing, small_trial
from tests.test_local_executor import make_job

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


class OutOfMemoryError(Exception):
    """As Ray's."""


class FakeRay:
    """Ray's module as far as the executor knows it; what is said of each attempt, in their order, is told before."""

    exceptions = SimpleNamespace(OutOfMemoryError=OutOfMemoryError)
    util = SimpleNamespace(
        scheduling_strategies=SimpleNamespace(
            NodeAffinitySchedulingStrategy=lambda node, *, soft: {"node": node, "soft": soft}
        )
    )

    def __init__(self, *said: Sequence[Said | Exception]) -> None:
        self._said = iter(said)
        self.options: list[dict[str, Any]] = []

    def remote(self, what: object) -> SimpleNamespace:
        def options(**given: Any) -> SimpleNamespace:
            self.options.append(given)
            return SimpleNamespace(remote=lambda *_: what if isinstance(what, type) else iter(next(self._said)))

        return SimpleNamespace(options=options)

    def wait(self, sources: list[object], **_: object) -> tuple[list[object], list[object]]:
        return sources, []

    def get(self, told: Said | Exception) -> Said:
        if isinstance(told, Exception):
            raise told
        return told

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": self.cluster_resources()}]

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 2.0, "GPU": 1.0}

    def get_runtime_context(self) -> SimpleNamespace:
        return SimpleNamespace(get_node_id=lambda: "here")

    def shutdown(self) -> None: ...


def ended_on(fake: FakeRay, monkeypatch: pytest.MonkeyPatch, jobs: Sequence[Job]) -> list[tuple[int, str, bool]]:
    """Return the seed of each trial that ended, what became of it, and whether it is tried again."""
    monkeypatch.setattr(ray, "connected", lambda _: fake)
    monkeypatch.setattr(ray, "WAIT_SECONDS", 0.01)
    ended = [event for event in RayExecutor(None, receive).events(jobs) if isinstance(event, Ended)]
    whats = [event.failure or event.hindrance for event in ended]
    return [
        (event.job.trial.seed, what.kind if what else "done", event.will_retry)
        for event, what in zip(ended, whats, strict=True)
    ]


DONE, HELD = Said(ended=True), Said(ended=True, hindrance=Hindrance("elsewhere", "is being run"))


def two_jobs(folder: Path) -> list[Job]:
    return [Job(small_trial(seed=seed), folder / "trials" / str(seed), nothing) for seed in range(2)]


def test_a_trial_whose_lost_machine_holds_it_is_waited_for_while_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray, "TURN_SECONDS", 0.3)
    fake = FakeRay([OSError("gone")], [Said(pid=1), Said(pid=1), Said(pid=1), DONE], [HELD], [DONE])
    came = ended_on(fake, monkeypatch, two_jobs(tmp_path))
    assert came == [(0, "lost_node", True), (1, "done", False), (0, "done", False)]


def test_whoever_holds_a_trial_for_longer_than_a_lost_machine_can_is_at_work_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray, "HELD_SECONDS", 0.0)
    came = ended_on(FakeRay([OSError("gone")], [HELD]), monkeypatch, two_jobs(tmp_path)[:1])
    assert came == [(0, "lost_node", True), (0, "elsewhere", False)]
    assert ended_on(FakeRay([HELD]), monkeypatch, two_jobs(tmp_path)[:1]) == [(0, "elsewhere", False)]


def test_a_trial_that_ray_ends_because_memory_runs_out_has_failed_by_that_and_lost_no_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    came = ended_on(FakeRay([OutOfMemoryError("low on memory")]), monkeypatch, two_jobs(tmp_path)[:1])
    assert came == [(0, "out_of_memory", False)]


def test_a_trial_whose_machine_is_lost_is_tried_twice_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    came = ended_on(FakeRay(*[[OSError("gone")]] * 3), monkeypatch, two_jobs(tmp_path)[:1])
    assert came == [(0, "lost_node", again) for again in (True, True, False)]


def test_what_tells_trials_to_end_is_on_the_machine_of_who_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeRay([DONE])
    ended_on(fake, monkeypatch, two_jobs(tmp_path)[:1])
    assert fake.options[0] == {"num_cpus": 0, "scheduling_strategy": {"node": "here", "soft": False}}


def test_a_gpu_that_is_lost_on_a_machine_of_a_cluster_is_noticed_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placed, "available", lambda: (Gpu(0, "A", 24.0, "GPU-1"),))
    monkeypatch.setattr(placed, "LocalExecutor", partial(LocalExecutor, answer=lambda _: False))
    job = make_job(tmp_path, misbehaviour.raises, device="cuda")
    with marked(tmp_path) as token:
        *_, last = placed.carried_out(Order.of(job, token), placed.executor_here(0.5))
    assert last.failure is not None
    assert last.failure.kind == "lost_device"


def test_ray_finds_its_token_at_every_look_of_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = pytest.importorskip("ray")
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    tokens = list[str]()
    monkeypatch.setattr(begun, "init", lambda **_: tokens.append(Path(os.environ["RAY_AUTH_TOKEN_PATH"]).read_text()))
    for _ in range(2):
        executor = RayExecutor(None, receive)
        monkeypatch.setattr(executor, "_ray", FakeRay([DONE]))
        assert len(list(executor.events(two_jobs(tmp_path)[:1]))) == 1
    assert len(set(tokens)) == 1
    assert len(tokens) == 2


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
        # Whoever prepares the same folder on another machine tidies it.
        os.utime(path, (0, 0))
        files.sweep(tmp_path / "results")
        assert Order(b"", "", (path, content)).shared
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


def test_a_cluster_whose_authentication_is_left_open_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    with pytest.raises(BenchError, match="RAY_AUTH_MODE is not set: set it alike on every machine and here"):
        connected("127.0.0.1:6379")


def test_a_cluster_that_is_not_there_is_told_of_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with pytest.raises(BenchError, match=r"--address 127.0.0.1:9: no Ray cluster can be reached .*refused"):
        connected("127.0.0.1:9")
