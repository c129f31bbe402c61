"""Trials on a real Ray cluster of two nodes: the same numbers, whatever dies meanwhile. `make test-ray` runs these."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import pytest

from bench import files
from bench.errors import BenchError, HindranceError
from bench.pipeline import RunOptions, open_experiment, prepare, run
from bench.records import Failure
from bench.runner import placed, ray
from bench.runner.devices import Gpu
from bench.runner.jobs import Ended, Event, Hindrance, Job, Progress, Progressed, Slowed, Started
from bench.runner.local import LocalExecutor
from bench.runner.placed import Order, Said, _left, bring, marked, said
from bench.runner.ray import RayExecutor, _bytes, _fitting, _rest_seconds, _Rests, connected
from bench.store import receive
from tests import misbehaviour
from tests.making import TOY, nothing, small_trial, suite_file
from tests.test_devices import Card, Machine
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


Told = Sequence[Said | _Rests | Exception]
"""What is said of one attempt; an exception is raised, as of a machine that is lost."""
BELL = SimpleNamespace(ring=SimpleNamespace(remote=lambda: None))
HERE = {"here": {"CPU": 2.0, "GPU": 1.0}}


class Messages:
    """Ray's generator of what one attempt says; silent while it waits for room, and when it rests."""

    def __init__(self, told: Told | None) -> None:
        self._told, self.silent = iter(told or ()), told is None

    def __next__(self) -> Said | _Rests | Exception:
        one = next(self._told)
        self.silent = isinstance(one, _Rests)
        return one


class FakeRay:
    """Ray's module as far as the executor knows it; what is said of each attempt, in their order, is told before.

    Attempts of which nothing is told wait for room. What is `left` of the machines is left when the first was lost.
    """

    exceptions = SimpleNamespace(OutOfMemoryError=OutOfMemoryError)
    util = SimpleNamespace(
        scheduling_strategies=SimpleNamespace(
            NodeAffinitySchedulingStrategy=lambda node, *, soft: {"node": node, "soft": soft}
        )
    )

    def __init__(
        self,
        *told: Told | None,
        machines: Mapping[str, Mapping[str, float]] = HERE,
        left: Mapping[str, Mapping[str, float]] | None = None,
    ) -> None:
        self._told, self._machines, self._left = iter(told), machines, left or machines
        self._messages: list[Messages] = []
        self.options: list[dict[str, Any]] = []
        self.asked = 0

    def remote(self, what: object) -> SimpleNamespace:
        def options(**given: Any) -> SimpleNamespace:
            self.options.append(given)
            return SimpleNamespace(remote=lambda *_: BELL if isinstance(what, type) else self._begun())

        return SimpleNamespace(options=options)

    def _begun(self) -> Messages:
        self._messages.append(Messages(next(self._told, None)))
        return self._messages[-1]

    def wait(self, sources: list[Messages], *, num_returns: int, **_: object) -> tuple[list[Messages], list[Messages]]:
        return [source for source in sources if not source.silent][:num_returns], []

    def get(self, told: Said | _Rests | Exception) -> Said | _Rests:
        if isinstance(told, Exception):
            self._machines = self._left
            raise told
        return told

    def cancel(self, source: Messages) -> None:
        source.silent = False

    @property
    def silent(self) -> int:
        """How many attempts wait for room, or rest."""
        return sum(one.silent for one in self._messages)

    def nodes(self) -> list[dict[str, Any]]:
        self.asked += 1
        return [
            {"Alive": True, "NodeManagerHostname": host, "Resources": dict(resources)}
            for host, resources in self._machines.items()
        ]

    def get_runtime_context(self) -> SimpleNamespace:
        return SimpleNamespace(get_node_id=lambda: "here")

    def shutdown(self) -> None: ...


def explained(job: Job, there_mb: float) -> str:
    return f"{job.trial.name} takes more than {there_mb:g} MB"


def executor_on(fake: FakeRay, monkeypatch: pytest.MonkeyPatch) -> RayExecutor:
    monkeypatch.setattr(ray, "connected", lambda _: fake)
    for name in ("WAIT_SECONDS", "SILENT_SECONDS"):
        monkeypatch.setattr(ray, name, 0.01)
    return RayExecutor(None, receive, explained)


def events_on(fake: FakeRay, monkeypatch: pytest.MonkeyPatch, jobs: Sequence[Job]) -> list[Event]:
    return list(executor_on(fake, monkeypatch).events(jobs))


def ended_on(fake: FakeRay, monkeypatch: pytest.MonkeyPatch, jobs: Sequence[Job]) -> list[tuple[int, str, bool]]:
    """Return the seed of each trial that ended, what became of it, and whether it is tried again."""
    ended = [event for event in events_on(fake, monkeypatch, jobs) if isinstance(event, Ended)]
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


# --- One machine, or one GPU, in trouble.


LOST_CARD = Machine(Card("A", 24, "GPU-1", trouble=15))


def test_a_trial_for_a_gpu_is_not_begun_where_none_answers_and_has_lost_its_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    job = make_job(tmp_path, misbehaviour.raises, device="cuda", attempt=2)
    with marked(tmp_path) as token:
        (last,) = placed.carried_out(Order.of(job, token), placed.executor_here(0.5), LOST_CARD)
    assert (last.ended, last.host) == (True, socket.gethostname())
    assert last.failure is not None
    assert (last.failure.kind, last.failure.attempt) == ("lost_device", 2)
    assert "answers its driver" in last.failure.message
    assert not list(job.folder.iterdir())


@pytest.mark.parametrize(("device", "driver"), [("cpu", LOST_CARD), ("cuda", Machine(driver=False))])
def test_a_trial_that_needs_no_gpu_or_a_machine_without_a_driver_is_asked_for_none(
    tmp_path: Path, device: str, driver: Machine
) -> None:
    job = make_job(tmp_path, misbehaviour.raises, device=device)
    with marked(tmp_path) as token:
        *before, last = placed.carried_out(Order.of(job, token), placed.executor_here(0.5), driver)
    assert last.failure is not None
    assert last.failure.kind == "exception"
    assert {one.host for one in before} == {socket.gethostname()}


LOST = Failure(small_trial(), "lost_device", "no GPU answers")
SPOILT = Said(failure=LOST, ended=True, host="a")


@pytest.mark.parametrize(
    ("last", "rests"),
    [
        (DONE, False),
        (HELD, False),
        (SPOILT, True),
        (Said(ended=True, failure=replace(LOST, kind="exception")), False),
        (Said(ended=True, hindrance=Hindrance("hindered", "no torch")), True),
        (Said(ended=True, hindrance=Hindrance("halted", "no space")), False),
    ],
)
def test_what_a_lost_gpu_or_a_machine_that_hinders_many_had_is_not_given_on_at_once(
    monkeypatch: pytest.MonkeyPatch, last: Said, *, rests: bool
) -> None:
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(get=lambda told: told))
    bell = ray._Bell()
    there = SimpleNamespace(hindered=SimpleNamespace(remote=bell.hindered))
    rested = [_rest_seconds(last, there) > 0 for _ in range(5)]
    # Of a few trials it may be their own fault.
    assert rested[-1] is rests
    assert rested[0] is (last is SPOILT)


def test_what_rests_with_a_lost_gpu_is_waited_for_by_nobody_and_the_trial_goes_to_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machines = {"a": {"CPU": 2.0, "GPU": 1.0}, "b": {"CPU": 2.0, "GPU": 1.0}}
    fake = FakeRay([SPOILT, _Rests("a", lost=True)], [Said(pid=1, host="b"), DONE], machines=machines)
    jobs = [replace(two_jobs(tmp_path)[0], device="cuda")]
    assert ended_on(fake, monkeypatch, jobs) == [(0, "lost_device", True), (0, "done", False)]


@pytest.mark.parametrize("packed", [1, 2])
def test_where_every_gpu_is_gone_what_wants_one_is_told_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: int
) -> None:
    first, second = two_jobs(tmp_path)
    jobs = [*(replace(first, device="cuda", packed=packed) for _ in range(packed)), second]
    spoilt: list[Told] = [[SPOILT, _Rests("a", lost=True)]] * packed
    fake = FakeRay(*spoilt, [DONE], *[None] * packed, machines={"a": {"CPU": 4.0, "GPU": 1.0}})
    came = ended_on(fake, monkeypatch, jobs)
    assert came == [*[(0, "lost_device", True)] * packed, (1, "done", False), *[(0, "hindered", False)] * packed]
    assert fake.silent == packed  # at rest


def test_what_no_machine_that_is_left_has_room_for_is_told_and_does_not_wait_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = two_jobs(tmp_path)
    jobs = [replace(first, device="cuda"), replace(second, device="cuda", expected_mb=2_000.0), second]
    fake = FakeRay(
        [Said(pid=1), OSError("gone")],
        None,
        [DONE],
        machines={"a": {"CPU": 2.0, "GPU": 1.0, "memory": 4e9}, "b": {"CPU": 2.0, "memory": 4e9}},
        left={"b": {"CPU": 2.0, "memory": 4e9}},
    )
    monkeypatch.setattr(ray, "ASK_SECONDS", 0.0)
    ends = [event for event in events_on(fake, monkeypatch, jobs) if isinstance(event, Ended)]
    assert [event.failure.kind if event.failure else event.done for event in ends] == [True, "lost_node", False, False]
    assert fake.silent == 0
    told = [event.hindrance.message for event in ends if event.hindrance]
    assert (
        f"{first.trial.name}: no machine that is left has 1 core and 1 GPU for it; run again when there is one" in told
    )
    assert any("1 core, 1 GPU and 2.1 GB of memory for it" in one for one in told)


def test_memory_that_went_with_a_machine_is_missed_like_its_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small, large = {"CPU": 2.0, "memory": 2.0 * 2**30}, {"CPU": 2.0, "memory": 64.0 * 2**30}
    fake = FakeRay([OSError("gone")], machines={"a": large, "b": small}, left={"b": small})
    monkeypatch.setattr(ray, "ASK_SECONDS", 0.0)
    jobs = [replace(two_jobs(tmp_path)[0], expected_mb=20.0 * 2**10)]
    assert ended_on(fake, monkeypatch, jobs) == [(0, "lost_node", True), (0, "hindered", False)]


def test_what_waits_for_others_to_make_room_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executor = executor_on(FakeRay(None), monkeypatch)
    threading.Timer(0.5, executor.stop).start()
    begun = time.monotonic()
    assert list(executor.events(two_jobs(tmp_path)[:1])) == []
    assert time.monotonic() - begun > 0.4


def test_memory_that_no_machine_has_is_refused_with_the_arithmetic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeRay(machines={"a": {"CPU": 2.0, "memory": 2.0 * 2**30}})
    monkeypatch.setattr(ray, "connected", lambda _: fake)
    text = TOY.replace(
        "[q_learning, softmax_reinforce, random]", "[{name: dqn, hyperparameters: {buffer_size: 100_000_000}}]"
    )
    text = text.replace("steps: 400", "steps: 100_000_000").replace("steps: 100}", "steps: 200}")
    experiment = open_experiment(suite_file(tmp_path, text), results=tmp_path)
    options = RunOptions(devices="cpu", executor="ray")
    jobs = prepare(experiment, options)
    with pytest.raises(
        BenchError,
        match=r"dqn on bench/Corridor-v0 may come to take .* GB of it a replay memory .*; "
        r"there are 2.1 GB in all; set buffer_size to at most",
    ):
        run(experiment, jobs, lambda _event: None, options)


def test_what_all_trials_have_said_is_taken_at_once_and_the_cluster_is_asked_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeRay(*[[*[Said(pid=1)] * 19, DONE]] * 5)
    jobs = [Job(small_trial(seed=seed), tmp_path / "trials" / str(seed), nothing) for seed in range(5)]
    came = [event.job.trial.seed for event in events_on(fake, monkeypatch, jobs)]
    # Of five, two cores are given four at once.
    assert came == [0, 1, 2, 3] * 20 + [4] * 20
    assert fake.asked <= 3


# --- What travels.


def test_ray_finds_its_token_at_every_look_of_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = pytest.importorskip("ray")
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    tokens = list[str]()
    monkeypatch.setattr(begun, "init", lambda **_: tokens.append(Path(os.environ["RAY_AUTH_TOKEN_PATH"]).read_text()))
    for _ in range(2):
        executor = RayExecutor(None, receive, explained)
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
    there = [said(event, "far").event(job) for event in told]
    assert there[0] == Started(job, 7, "far")
    assert there[-1] == Ended(job, None, 0.0, hindrance=Hindrance("hindered", "no room (on far)", "far"))
    assert there[1:-1] == told[1:-1]


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


def test_folders_within_a_trials_come_back_instead_of_those_of_an_earlier_attempt(tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    for folder, name in ((there, "new"), (here, "old")):
        (folder / "tensorboard" / "training").mkdir(parents=True)
        (folder / "tensorboard" / "training" / name).write_bytes(b"events")
    (there / "trial.json").write_bytes(b"{}")
    (there / "lock").touch()
    left = _left(there)
    assert set(left) == {"trial.json", "tensorboard/training/new"}
    bring(left, here)
    assert {str(path.relative_to(here)) for path in here.rglob("*") if path.is_file()} == set(left)


@pytest.mark.parametrize("name", ["../trial.json", "/trial.json", "out/trial.json", "a/../../b"])
def test_nothing_that_is_sent_back_leaves_the_trials_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "trials" / "a"
    folder.mkdir(parents=True)
    (folder / "out").symlink_to(tmp_path)
    with pytest.raises(HindranceError, match="lies outside"):
        bring({"log.txt": b"words", name: b"{}"}, folder)
    assert [path.name for path in folder.iterdir()] == ["out"]
    assert [path.name for path in tmp_path.iterdir()] == ["trials"]


def test_a_trial_asks_for_the_memory_it_may_take_where_machines_say_what_they_have(tmp_path: Path) -> None:
    small, large = {"CPU": 8.0, "GPU": 1.0, "memory": 8.0 * 2**30}, {"CPU": 8.0, "memory": 64.0 * 2**30}
    job = Job(small_trial(), tmp_path, nothing, expected_mb=20 * 2**10)
    assert _bytes([small, large], job) == 20 * 2**30
    assert _fitting([small, large], job)
    # The one with a GPU has too little memory, and the one with enough has no GPU.
    assert not _fitting([small, large], replace(job, device="cuda"))
    assert _bytes([small, large], replace(job, expected_mb=0.0)) == 0
    assert _bytes([{"CPU": 8.0}], job) == 0
    assert _fitting([{"CPU": 8.0}], job)


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
