"""Trials share GPUs as their memory carries, go elsewhere when one is lost, and are given one where that was measured
to be quicker. No GPU is needed: what the driver says is a fake's, the trials and the CPU's burst are real."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench import pipeline
from bench.catalog import algorithm_of, environments, load
from bench.errors import HindranceError
from bench.pipeline.bursts import ASSUMED_MEMORY_MB, Hardware, Place, going_on, measured, places
from bench.records import Burst, Speed, Trial
from bench.report import tables
from bench.runner import gauge
from bench.runner.burst import SECONDS, Stopwatch
from bench.runner.devices import Gpu, berth, elsewhere
from bench.runner.jobs import Ended, Event, Job, RetryPolicy, Started
from bench.runner.local import LocalExecutor
from bench.runner.trial import learner_request
from bench.runner.worker import kind_of
from bench.store import Store
from tests import misbehaviour
from tests.estimates_fixture import empty
from tests.making import nothing, small_trial, suite_file
from tests.test_local_executor import ends, make_job

ONE, TWO = Gpu(0, "A", 24.0, "GPU-1"), Gpu(1, "B", 48.0, "GPU-2", "MIG-7")


def gpu_job(packed: int, device: str = "cuda") -> Job:
    return Job(small_trial(), Path(), nothing, device=device, packed=packed)


# --- Room


def test_a_trial_is_given_the_emptiest_gpu_that_has_room_for_its_part() -> None:
    at_work = [gpu_job(2, "cuda:0"), gpu_job(4, "cuda:1"), gpu_job(1, "cpu")]
    assert berth(gpu_job(4), [ONE, TWO], at_work) == replace(gpu_job(4), device="cuda:1", visible="MIG-7")
    assert berth(gpu_job(2), [ONE], at_work) == replace(gpu_job(2), device="cuda:0", visible="")
    # A half and a third are taken of one, a third too much is asked of it.
    assert berth(gpu_job(3), [ONE], [*at_work, gpu_job(3, "cuda:0")]) is None
    assert berth(gpu_job(6), [ONE], [*at_work, gpu_job(3, "cuda:0")]) is not None


def test_a_trial_that_asks_for_no_gpu_or_was_given_one_waits_for_none() -> None:
    for device in ("cpu", "cuda:0"):
        assert berth(gpu_job(1, device), [], []) == gpu_job(1, device)


def test_among_thousands_that_wait_for_a_gpu_each_kind_of_part_is_looked_for_once(tmp_path: Path) -> None:
    looks = 0

    class Counted(list[Gpu]):
        def __iter__(self) -> Iterator[Gpu]:
            nonlocal looks
            looks += 1
            return super().__iter__()

    executor = LocalExecutor(2)
    executor._gpus = Counted()
    waiting = [gpu_job(1 + number % 2) for number in range(10_000)]
    last = make_job(tmp_path, misbehaviour.innocent)
    queue = deque([*waiting, last])
    assert executor._next(queue, {}) is last
    assert list(queue) == waiting
    assert looks <= 4


def held(job: Job) -> tuple[str, float, float]:
    place, begun, ended = json.loads((job.folder / "held.json").read_text())
    return str(place), float(begun), float(ended)


def most_at_once(spans: Sequence[tuple[str, float, float]], where: str) -> int:
    here = [(begun, ended) for place, begun, ended in spans if place == where]
    return max(sum(begun <= moment < ended for begun, ended in here) for moment, _ in here)


def test_no_gpu_has_more_trials_than_it_has_room_for_and_trials_without_one_do_not_wait(tmp_path: Path) -> None:
    gpus = [Gpu(0, "A", 24.0, "GPU-1"), Gpu(1, "B", 24.0, "GPU-2")]
    crowd = [make_job(tmp_path, misbehaviour.holds_its_gpu, n, device="cuda", packed=2) for n in range(8)]
    alone = make_job(tmp_path, misbehaviour.innocent, 9)
    events = list(LocalExecutor(6, RetryPolicy({}), gpus=gpus).events([*crowd, alone]))
    assert all(event.done for event in ends(events))
    spans = [held(job) for job in crowd]
    assert {place for place, _, _ in spans} == {"0", "1"}
    assert [most_at_once(spans, place) for place in "01"] == [2, 2]
    # Five workers can have no more than four of the trials on the GPUs: the sixth runs the last in the queue.
    assert ends(events)[0].job.trial == alone.trial


def test_what_finds_no_room_in_a_gpus_memory_is_tried_again_with_half_as_many_beside_it(tmp_path: Path) -> None:
    crowd = [make_job(tmp_path, misbehaviour.wants_half_a_gpu, n, device="cuda", packed=8) for n in range(4)]
    told = ends(list(LocalExecutor(4, gpus=[ONE]).events(crowd)))
    lost = [event for event in told if event.failure is not None]
    assert [(event.failure.kind, event.job.packed) for event in lost if event.failure] == [
        ("out_of_gpu_memory", packed) for packed in (8, 8, 8, 8, 4, 4, 4, 4)
    ]
    assert all(event.will_retry for event in lost)
    assert [event.job.attempt for event in told if event.done] == [3, 3, 3, 3]
    assert most_at_once([held(job) for job in crowd], "0") == 2


def test_a_trial_that_has_a_gpu_to_itself_and_still_no_room_has_failed() -> None:
    policy = RetryPolicy()
    assert policy.next_attempt(gpu_job(1), "out_of_gpu_memory") is None
    halved = policy.next_attempt(gpu_job(5), "out_of_gpu_memory")
    assert halved == replace(gpu_job(2), attempt=2, tried=("out_of_gpu_memory",))
    assert policy.next_attempt(gpu_job(5), "killed") == replace(gpu_job(5), attempt=2, tried=("killed",))


def test_each_kind_of_failure_has_tries_of_its_own() -> None:
    policy = RetryPolicy()
    crowded = policy.next_attempt(gpu_job(8), "out_of_gpu_memory")
    assert crowded is not None
    lost = policy.next_attempt(crowded, "lost_device")
    assert lost == replace(gpu_job(4), attempt=3, tried=("out_of_gpu_memory", "lost_device"))
    assert policy.next_attempt(lost, "lost_device") is None


@pytest.mark.parametrize(
    ("error", "visible", "kind"),
    [
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), "0", "out_of_gpu_memory"),
        (RuntimeError("CUDA error: out of memory"), "0", "out_of_gpu_memory"),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), "0", "out_of_gpu_memory"),
        (RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate"), "GPU-1", "out_of_gpu_memory"),
        (RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate"), "", "out_of_memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "0", "out_of_memory"),
        (MemoryError(), "0", "out_of_memory"),
    ],
)
def test_which_memory_ran_out_is_told_apart(
    error: Exception, visible: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert kind_of(error) == kind


# --- Loss


class Bus:
    """Says which GPUs still answer."""

    def __init__(self) -> None:
        self.gone: set[str] = set()

    def answers(self, gpu: Gpu) -> bool:
        return gpu.uuid not in self.gone


def test_a_gpu_that_is_lost_ends_its_trials_as_that_and_they_go_to_another(tmp_path: Path) -> None:
    bus, told = Bus(), list[Event]()
    job = make_job(tmp_path, misbehaviour.hangs, device="cuda")
    beside = make_job(tmp_path, misbehaviour.innocent)
    executor = LocalExecutor(2, gpus=[ONE, replace(TWO, visible="")], grace_seconds=0.5, answer=bus.answers)
    for event in executor.events([job, beside]):
        told.append(event)
        if isinstance(event, Started) and event.job.device == "cuda:0":
            bus.gone.add("GPU-1")
        elif isinstance(event, Started) and event.job.device == "cuda:1":
            executor.stop()
    (failed,) = [event for event in ends(told) if event.failure]
    assert failed.failure is not None
    assert failed.failure.kind == "lost_device"
    assert failed.failure.message == "its GPU is gone (cuda:0, A, no longer answers its driver)"
    assert (failed.job.device, failed.will_retry) == ("cuda:0", True)
    assert [event.job.device for event in told if isinstance(event, Started)].count("cuda:1") == 1
    assert [event.job.trial for event in ends(told) if event.done] == [beside.trial]


def test_a_trial_that_fails_because_its_gpu_is_lost_is_no_failure_of_its_own(tmp_path: Path) -> None:
    job = make_job(tmp_path, misbehaviour.raises, device="cuda")
    waiting = make_job(tmp_path, misbehaviour.holds_its_gpu, 1, device="cuda")
    alone = make_job(tmp_path, misbehaviour.innocent, 2)
    executor = LocalExecutor(1, gpus=[ONE], answer=lambda _: False)
    told = ends(list(executor.events([job, waiting, alone])))
    assert [(event.failure and event.failure.kind, event.will_retry) for event in told[:2]] == [
        ("lost_device", True),
        (None, False),
    ]
    assert told[1].job.trial == alone.trial
    assert told[1].done
    # No GPU is left: neither has an outcome, both are told of, after everything else is done.
    reasons = [event.hindrance and event.hindrance.message for event in told[2:]]
    why = "no GPU is left for it; run again when there is one, or with --devices cpu"
    assert reasons == [f"{name}: {why}" for name in (waiting.trial.name, job.trial.name)]


def test_a_failure_on_a_gpu_that_answers_stays_what_it_is(tmp_path: Path) -> None:
    job = make_job(tmp_path, misbehaviour.raises, device="cuda")
    (told,) = ends(list(LocalExecutor(1, gpus=[ONE], answer=lambda _: True).events([job])))
    assert told.failure is not None
    assert (told.failure.kind, told.failure.message) == ("exception", "ValueError: the wheel came off")


# --- Where


CELLS = ("ppo", "CartPole-v1"), ("sac", "Pendulum-v1")
PPO, SAC = (small_trial(*cell, steps=1_000) for cell in CELLS)
TABLE = small_trial()
TRIALS = [PPO, SAC, TABLE, replace(SAC, seed=1)]
TRAITS = {trial.cell: environments()[trial.environment] for trial in TRIALS}
SPEEDS = {("ppo", "cpu"): (100.0, None), ("ppo", "cuda"): (109.0, 600.0), ("sac", "cpu"): (100.0, None)} | {
    ("sac", "cuda"): (111.0, 1_000.0)
}


class Bench:
    """Measures what it was told, and notes of whom."""

    def __init__(
        self, speeds: dict[tuple[str, str], tuple[float, float | None]] | None = None, room: float = float("inf")
    ) -> None:
        self.speeds, self.asked = SPEEDS if speeds is None else speeds, list[tuple[str, str]]()
        self.room = room
        """For so many on a GPU."""
        self.together: list[int] = []

    def measure(self, trial: Trial, device: str, hardware: Hardware, together: int) -> tuple[Speed | None, str]:
        del hardware
        self.asked.append((trial.label, device))
        self.together.append(together)
        if device == "cuda" and together > self.room:
            return None, "out_of_gpu_memory: CUDA out of memory"
        found = self.speeds.get((trial.label, device))
        return (Speed(*found), "") if found else (None, "it will not")


def placed(
    root: Path, bench: Bench, request: str = "auto", per_gpu: int | None = None, seconds: float = 400.0, **hardware: Any
) -> dict[tuple[str, str], Place]:
    there = Hardware(request, **{"gpus": (ONE, TWO), "per_gpu": per_gpu, "workers": 100, **hardware})
    taken = dict.fromkeys(TRAITS, seconds)
    return dict(places(there, TRIALS, TRAITS, taken, Store(root), tell=lambda _: None, measure=bench.measure))


def test_the_device_of_a_cell_is_the_one_on_which_it_was_measured_to_be_quicker_by_a_tenth(tmp_path: Path) -> None:
    found = placed(tmp_path, Bench())
    # 0.9 of the smaller GPU's 24 GB at 1,000 MiB a trial.
    assert found == {PPO.cell: Place("cpu"), SAC.cell: Place("cuda", 22), TABLE.cell: Place("cpu")}
    # Nine workers can have no more than five on each of two.
    assert placed(tmp_path, Bench(), workers=9)[SAC.cell] == Place("cuda", 5)
    (first, second) = Store(tmp_path).bursts()
    assert (first.label, first.cpu_steps, first.gpu_steps, first.gains) == ("ppo", 100.0, 109.0, False)
    assert (second.gpu, second.gpu_memory_mb, second.gains) == ("A", 1_000.0, True)


def test_as_many_are_measured_side_by_side_as_will_run_and_each_gpu_with_its_part(tmp_path: Path) -> None:
    bench = Bench()
    placed(tmp_path, bench, seconds=400.0, workers=8)
    # One of PPO and two of SAC are missing; of two GPUs each has one.
    assert bench.together == [1, 1, 2, 1]
    _, sac = Store(tmp_path).bursts()
    assert (sac.together, sac.cpu_steps, sac.gpu_steps) == (2, 100.0, 222.0)


def test_seeds_that_find_no_room_on_a_gpu_together_are_measured_half_as_many_at_once_and_the_gpu_still_taken(
    tmp_path: Path,
) -> None:
    many = [replace(SAC, seed=seed) for seed in range(8)]
    for room, tried in ((3, [8, 8, 4, 2]), (0, [8, 8, 4, 2, 1])):
        bench, store = Bench(room=room), Store(tmp_path / str(room))
        hardware = Hardware("auto", (ONE,), workers=8)
        found = places(hardware, many, TRAITS, {SAC.cell: 400.0}, store, tell=lambda _: None, measure=bench.measure)
        assert bench.together == tried
        assert found[SAC.cell].device == ("cuda" if room else "cpu")


def test_what_another_machine_has_measured_meanwhile_is_kept_beside_what_is_measured_here(tmp_path: Path) -> None:
    placed(tmp_path / "other", Bench())
    theirs = [replace(burst, processor="another") for burst in Store(tmp_path / "other").bursts()]

    class Beside(Bench):
        def measure(self, *asked: Any) -> tuple[Speed | None, str]:
            Store(tmp_path).keep_bursts(theirs)
            return super().measure(*asked)

    placed(tmp_path, Beside())
    found = Store(tmp_path).bursts()
    assert len(found) == 4
    assert set(theirs) < set(found)


def test_what_was_measured_is_not_measured_again_on_the_same_hardware(tmp_path: Path) -> None:
    placed(tmp_path, Bench())
    again, others = Bench(), Bench()
    assert placed(tmp_path, again)[SAC.cell] == Place("cuda", 22)
    assert again.asked == []
    placed(tmp_path, others, threads=2)
    assert others.asked == [("ppo", "cpu"), ("ppo", "cuda"), ("sac", "cpu"), ("sac", "cuda")]


def test_what_was_measured_with_another_number_side_by_side_does_not_decide_where_it_is_worth_measuring(
    tmp_path: Path,
) -> None:
    placed(tmp_path, Bench(), workers=1)
    more = Bench()
    placed(tmp_path, more, workers=2)
    assert more.asked == [("sac", "cpu"), ("sac", "cuda")]
    later = Bench()
    placed(tmp_path, later, workers=2, seconds=1.0)
    assert later.asked == []


def test_a_cell_of_which_fewer_trials_are_left_stays_where_it_was_and_is_not_measured_again(tmp_path: Path) -> None:
    placed(tmp_path, Bench(), workers=2)
    # The GPU would lose if it were asked again, as it does where one trial is alone.
    later = Bench({("sac", device): (100.0, None) for device in ("cpu", "cuda")})
    assert placed(tmp_path, later, workers=1)[SAC.cell].device == "cuda"
    assert later.asked == []


def test_an_interrupted_trial_goes_on_on_the_kind_of_device_where_it_was_stored_unless_another_is_asked_for() -> None:
    auto, asked, none = (Hardware(*what, workers=4) for what in (("auto", [ONE]), ("cuda", [ONE]), ("auto", [])))
    assert going_on(Place("cuda", 4), "cpu", auto) == Place("cpu")
    assert going_on(Place("cpu"), "cuda", auto) == Place("cuda", 4)
    assert going_on(Place("cuda", 3), "", auto) == going_on(Place("cuda", 3), "cuda", auto) == Place("cuda", 3)
    assert going_on(Place("cuda", 3), "cpu", asked) == Place("cuda", 3)
    assert going_on(Place("cpu"), "cuda", none) == Place("cpu")


def test_nothing_is_measured_here_for_gpus_that_are_elsewhere_or_whose_share_is_said(tmp_path: Path) -> None:
    bench = Bench()
    assert placed(tmp_path, bench, request="cuda", gpus=elsewhere("cuda"))[SAC.cell].device == "cuda"
    assert placed(tmp_path, bench, request="cuda", per_gpu=3)[SAC.cell] == Place("cuda", 3)
    assert bench.asked == []


def test_cells_that_are_over_soon_are_placed_by_what_is_likely(tmp_path: Path) -> None:
    bench = Bench()
    # SAC's two trials take 300 s together, PPO's one 150 s.
    found = placed(tmp_path, bench, seconds=150.0)
    assert bench.asked == [("sac", "cpu"), ("sac", "cuda")]
    assert found[PPO.cell] == Place("cpu")
    assert placed(tmp_path / "shorter", Bench(), seconds=1.0)[SAC.cell] == Place(
        "cuda", int(0.9 * 24 * 1024 / ASSUMED_MEMORY_MB)
    )


def test_a_gpu_that_cannot_be_measured_is_not_taken_and_why_is_kept(tmp_path: Path) -> None:
    bench = Bench({("sac", "cpu"): (100.0, None), ("ppo", "cuda"): (100.0, 5.0)})
    assert set(placed(tmp_path, bench).values()) == {Place("cpu")}
    assert [burst.trouble for burst in Store(tmp_path).bursts()] == ["CPU: it will not", "GPU: it will not"]


def test_what_could_not_be_measured_is_tried_again_with_other_software_and_with_the_same_not(tmp_path: Path) -> None:
    broken = {where: speed for where, speed in SPEEDS.items() if where != ("sac", "cuda")}
    assert placed(tmp_path, Bench(broken))[SAC.cell] == Place("cpu")
    same, other, after = Bench(), Bench(), Bench()
    assert placed(tmp_path, same)[SAC.cell] == Place("cpu")
    assert same.asked == []
    file = tmp_path / "devices.json"
    data = json.loads(file.read_text())
    for burst in data["bursts"]:
        burst["software"] = ""
    file.write_text(json.dumps(data))
    assert placed(tmp_path, other)[SAC.cell] == Place("cuda", 22)
    # Of what went well nobody asks again, and what went wrong is told no more.
    assert other.asked == [("sac", "cpu"), ("sac", "cuda")]
    assert [(burst.label, burst.trouble) for burst in Store(tmp_path).bursts()] == [("ppo", ""), ("sac", "")]
    placed(tmp_path, after)
    assert after.asked == []


def test_a_gpu_that_is_asked_for_is_taken_and_so_is_a_number_of_trials_to_it(tmp_path: Path) -> None:
    found = placed(tmp_path, Bench(), request="cuda", per_gpu=3)
    assert found == {PPO.cell: Place("cuda", 3), SAC.cell: Place("cuda", 3), TABLE.cell: Place("cpu")}
    assert placed(tmp_path, Bench(), gpus=()) == dict.fromkeys(TRAITS, Place("cpu"))


def test_the_page_says_what_was_measured_and_taken() -> None:
    burst = Burst("sac", "Pendulum-v1", "c0ffee", "some processor", 1, "A", 8, 76.2, 210.4, 612.0)
    table = tables.devices(replace(empty(), bursts=(burst,)))
    assert [cell.value for cell in table.rows[0]] == ["sac", "Pendulum-v1", 8, 76.2, 210.4, 612.0, "GPU", "A"]


# --- Measuring


def test_speed_is_counted_from_one_update_to_a_later_one() -> None:
    clock, updates = iter([0.0, 5.0, 6.0, 7.0, 8.0, 9.0, 14.0, 99.0]), iter([0, 10, 10, 20, 20, 30])
    watch = Stopwatch(lambda: next(updates), lambda: next(clock))
    # 2,048 steps to each update; set-up took five seconds, the last update five and the one before two.
    assert [watch(steps) for steps in (2_000, 2_048, 3_000, 4_096, 5_000, 6_144)] == [True] * 5 + [False]
    assert watch.speed() == 4_096 / (14.0 - 6.0)


def test_where_nothing_is_learned_no_speed_is_known_and_it_ends() -> None:
    clock = count(0.0, 30.0)
    watch = Stopwatch(lambda: None, lambda: next(clock))
    assert [watch(steps) for steps in range(6)] == [True, True, True, True, True, False]
    assert watch.speed() is None


def test_a_real_burst_on_the_cpu_tells_about_the_speed_of_training() -> None:
    begun = time.perf_counter()
    trial = small_trial("dqn", "CartPole-v1", steps=50_000, hyperparameters={"learning_starts": 20_000})
    speed, why = measured(trial, "cpu", Hardware("auto", ()), 1)
    assert why == ""
    assert speed is not None
    # A thousand steps of warm-up, then some seconds of learning: far from twenty thousand steps without any.
    assert 20 < speed.steps_per_second < 20_000
    assert speed.memory_mb is None
    assert time.perf_counter() - begun > SECONDS


def test_a_burst_on_a_gpu_that_the_library_does_not_see_says_so() -> None:
    hardware = Hardware("auto", [ONE])
    speed, why = measured(small_trial("ppo", "CartPole-v1", steps=50_000), "cuda", hardware, 1)
    assert speed is None
    assert why.endswith(
        "a GPU was asked for and the installed library sees none: install the CUDA build of torch, "
        "or run with --devices cpu"
    )


# --- Gauge


class Driver:
    """Of one GPU, busy as it is told."""

    class NVMLError(Exception):
        """What the library raises."""

    def __init__(self, *busy: int) -> None:
        self._busy = iter(busy)
        self.looked = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return lambda *_: "GPU-1" if name.startswith("nvmlDeviceGet") else None

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return 1

    def nvmlDeviceGetMigMode(self, handle: object) -> tuple[int, int]:  # noqa: N802
        del handle
        return 0, 0

    def nvmlDeviceGetMemoryInfo(self, handle: object) -> SimpleNamespace:  # noqa: N802
        del handle
        return SimpleNamespace(total=2**30, used=0)

    def nvmlDeviceGetUtilizationRates(self, handle: object) -> SimpleNamespace:  # noqa: N802
        del handle
        busy = next(self._busy, None)
        if busy is None:
            self.looked.set()
            raise self.NVMLError
        return SimpleNamespace(gpu=busy)


def test_how_busy_the_gpu_was_is_told_as_a_share() -> None:
    driver = Driver(20, 50)
    with gauge.watched(driver, {"CUDA_VISIBLE_DEVICES": "0"}) as seen:
        assert driver.looked.wait(30)
    assert seen.seen() == {"gpu_utilisation": 0.35}


def test_where_no_gpu_is_shown_nothing_is_told() -> None:
    for environment in ({}, {"CUDA_VISIBLE_DEVICES": ""}):
        with gauge.watched(Driver(20), environment) as seen:
            pass
        assert seen.seen() == {}


@pytest.mark.parametrize(("packages", "build"), [(("torch",), "the CUDA build of torch"), (("jax",), "jax with its")])
def test_nothing_is_trained_on_the_cpu_that_was_meant_for_a_gpu(packages: tuple[str, ...], build: str) -> None:
    with pytest.raises(HindranceError, match=f"sees none: install {build}"):
        gauge.require_gpu(packages)


def test_without_a_gpu_nothing_is_measured_and_nothing_kept(tmp_path: Path) -> None:
    experiment = pipeline.open_experiment(suite_file(tmp_path), results=tmp_path)
    told: list[str] = []
    jobs = pipeline.prepare(experiment, pipeline.RunOptions(devices="auto"), told.append)
    assert {(job.device, job.packed) for job in jobs} == {("cpu", 1)}
    assert told == []
    assert not (experiment.store.root / "devices.json").exists()


def test_an_ended_event_of_a_gpu_names_the_device_it_had(tmp_path: Path) -> None:
    job = make_job(tmp_path, misbehaviour.holds_its_gpu, device="cuda")
    (told,) = ends(list(LocalExecutor(1, gpus=[ONE]).events([job])))
    assert isinstance(told, Ended)
    assert told.job.device == "cuda:0"


@pytest.mark.parametrize(
    ("algorithm", "environment"), [("dqn", "CartPole-v1"), ("sac", "Pendulum-v1"), ("ppo", "CartPole-v1")]
)
def test_a_learner_that_is_told_to_stop_before_its_budget_does(algorithm: str, environment: str) -> None:
    trial = small_trial(algorithm, environment, steps=6_000, hyperparameters={"policy_kwargs": {"net_arch": [16]}})
    learner = load(algorithm_of(trial).maker)(learner_request(trial))
    taken: list[int] = []

    def enough(steps: int) -> bool:
        taken.append(steps)
        return steps < 300

    learner.learn(6_000, enough)
    # A step may be a rollout, which is learned from; then one more is taken.
    assert taken[-1] <= 301
