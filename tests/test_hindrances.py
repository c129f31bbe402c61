"""What keeps the harness from its work is told, never recorded as an outcome, and costs nothing that is finished."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

import pytest

from bench import pipeline
from bench.errors import HaltError, HindranceError, hindering
from bench.pipeline import RunOptions, carry_out, execution
from bench.pipeline.execution import _Course
from bench.records import CHECKPOINT, Failure, Record
from bench.runner.jobs import Ended, Event, Hindrance, Job, Progress, Started
from bench.store import Store, read
from tests.making import TOY, nothing, numbers, run_suite, small_trial, suite_file

SMALL = TOY.replace("[q_learning, softmax_reinforce, random]", "[q_learning]")


def run_with(
    path: Path, results: Path, listen: Callable[[Event], None], *, first: Callable[[], object] = int
) -> pipeline.Summary:
    """Plan a run, do something else, and only then run it, one trial after the other."""
    experiment = pipeline.open_experiment(path, results=results)
    jobs = pipeline.prepare(experiment, RunOptions(workers=1, devices="cpu"))
    first()
    return pipeline.run(experiment, jobs, listen)


class Loses:
    """An executor each of whose trials ends as lost, for good."""

    def __init__(self, kind: str) -> None:
        self._kind, self.drained = kind, False

    def events(self, jobs: Sequence[Job]) -> Generator[Event, None, None]:
        yield from (Ended(job, Failure(job.trial, self._kind, "its GPU is gone"), 1.0) for job in jobs)

    def drain(self) -> None:
        self.drained = True

    def stop(self) -> None: ...


@pytest.mark.parametrize("kind", ["lost_device", "lost_node"])
def test_what_a_trial_ran_on_is_lost_for_good_and_that_is_no_outcome_and_costs_no_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(execution, "LocalExecutor", lambda *_, **__: Loses(kind))
    experiment = pipeline.open_experiment(suite_file(tmp_path, SMALL), seeds=1, results=tmp_path)
    trial = experiment.plan.trials[0]
    checkpoint = experiment.store.folder(trial) / CHECKPOINT
    checkpoint.parent.mkdir(parents=True)
    checkpoint.touch()
    told: list[Event] = []
    options = RunOptions(workers=1, devices="cpu")
    jobs = [job for job in pipeline.prepare(experiment, options) if job.trial == trial]
    summary = pipeline.run(experiment, jobs, told.append, options)
    assert (summary.failed, summary.hindrances) == (0, (f"{trial.name}: its GPU is gone",))
    assert [isinstance(event, Ended) and event.hindrance is not None for event in told] == [True]
    assert experiment.store.outcome(trial) is None
    assert checkpoint.exists()


@pytest.mark.parametrize(("kind", "drained"), [("lost_device", False), ("lost_node", True)])
def test_lost_gpus_stop_nothing_that_needs_none_and_lost_machines_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, *, drained: bool
) -> None:
    executor = Loses(kind)
    monkeypatch.setattr(execution, "LocalExecutor", lambda *_, **__: executor)
    experiment = pipeline.open_experiment(suite_file(tmp_path, SMALL), results=tmp_path)
    jobs = pipeline.prepare(experiment, RunOptions(workers=1, devices="cpu"))
    assert pipeline.run(experiment, jobs, lambda _: None, RunOptions(workers=1, devices="cpu")).hindered == len(jobs)
    assert executor.drained is drained


class Cluster:
    """An executor whose machines have each begun a trial, and hinder further ones on the machines that are named."""

    def __init__(self, machines: Sequence[str], hindered: Sequence[str]) -> None:
        self._machines, self._hindered, self.drained = machines, hindered, False

    def events(self, jobs: Sequence[Job]) -> Generator[Event, None, None]:
        waiting = iter(jobs)
        yield from (Started(next(waiting), 1, host) for host in self._machines)
        for host in self._hindered:
            yield Ended(next(waiting), None, 0.0, hindrance=Hindrance("hindered", "no torch", host))

    def drain(self) -> None:
        self.drained = True

    def stop(self) -> None: ...


@pytest.mark.parametrize(
    ("machines", "hindered", "drained"),
    [("ab", "aaa", False), ("ab", "abb", True), ("a", "aaa", True), ("", "aaa", True), ("ab", ["", "", ""], True)],
)
def test_a_machine_that_hinders_trials_stops_no_run_in_which_another_is_at_work(
    tmp_path: Path, machines: Sequence[str], hindered: Sequence[str], *, drained: bool
) -> None:
    cluster = Cluster(machines, hindered)
    jobs = [Job(small_trial(seed=seed), tmp_path / "trials" / str(seed), nothing) for seed in range(6)]
    course = _Course(cluster, Store(tmp_path), lambda _: None)
    course.follow(jobs)
    assert len(course.hindrances) == 3
    assert cluster.drained is drained


def test_a_folder_is_made_when_its_trial_starts_and_planning_makes_none(tmp_path: Path) -> None:
    experiment = pipeline.open_experiment(suite_file(tmp_path, SMALL), results=tmp_path)
    assert len(pipeline.prepare(experiment, RunOptions(workers=1))) == 6
    assert not experiment.store.root.exists()


def test_folders_that_vanish_while_they_wait_or_are_at_work_cost_no_trial(tmp_path: Path) -> None:
    path, results = suite_file(tmp_path, SMALL), tmp_path / "results"

    def vandal(event: Event) -> None:
        # Whoever tidies here has no eye for what others are doing.
        for folder in results.glob("*/trials/*") if isinstance(event, Started) else ():
            if not (folder / "trial.json").exists():
                shutil.rmtree(folder, ignore_errors=True)

    summary = run_with(path, results, vandal)
    assert (summary.done, summary.failed, summary.hindered, summary.exit_code) == (6, 0, 0, 0)
    disturbed = pipeline.open_experiment(path, results=results)
    undisturbed, _ = run_suite(path, tmp_path / "undisturbed")
    assert numbers(disturbed) == numbers(undisturbed)


def test_what_a_trial_found_is_kept_though_its_folder_was_removed_under_it(tmp_path: Path) -> None:
    folder = tmp_path / "trials" / small_trial().name

    def remove(_progress: Progress) -> None:
        if not (folder / "trial.json").exists():
            shutil.rmtree(tmp_path / "trials", ignore_errors=True)

    close = carry_out(Job(small_trial(), folder, nothing), remove)
    assert close is not None
    close()
    assert isinstance(read(folder), Record)
    assert (folder / "policy.zip").exists()


def test_a_folder_that_cannot_be_made_hinders_its_trial_alone(tmp_path: Path) -> None:
    path = suite_file(tmp_path, SMALL)
    experiment = pipeline.open_experiment(path, results=tmp_path)
    blocked = experiment.store.folder(experiment.plan.trials[0])
    blocked.parent.mkdir(parents=True)
    told: list[Event] = []
    summary = run_with(path, tmp_path, told.append, first=blocked.touch)
    assert (summary.done, summary.failed, summary.hindered, summary.exit_code) == (5, 0, 1, 1)
    assert summary.hindrances[0].startswith(f"{blocked}/log.txt: the trial's log cannot be written")
    hindered = [event for event in told if isinstance(event, Ended) and not event.done]
    assert [event.failure for event in hindered] == [None]
    assert not list(tmp_path.rglob("failure.json"))
    blocked.unlink()
    assert run_with(path, tmp_path, told.append).exit_code == 0


def test_where_nothing_works_any_more_the_run_ends_after_three_tries(tmp_path: Path) -> None:
    path = suite_file(tmp_path, SMALL)
    (tmp_path / "small").mkdir()
    told: list[Event] = []
    summary = run_with(path, tmp_path, told.append, first=(tmp_path / "small" / "trials").touch)
    assert (summary.done, summary.hindered, summary.exit_code) == (0, 3, 1)
    assert not [event for event in told if isinstance(event, Started)]


def test_a_failure_that_is_tried_again_stays_on_disk_until_there_is_another_outcome(tmp_path: Path) -> None:
    crash = '"bench.environments.toy:bench/Crash-v0": {steps: 50, kwargs: {after: 5}}'
    text = SMALL.replace("bench/Bandit-v0: {steps: 100}", crash).replace("seeds: 3", "seeds: 1")
    experiment, summary = run_suite(suite_file(tmp_path, text), tmp_path)
    assert summary.failed == 1
    assert len(pipeline.prepare(experiment, RunOptions(retry_failed=True))) == 1
    assert len(list(tmp_path.rglob("failure.json"))) == 1


def test_a_refusal_of_the_system_becomes_a_sentence_with_place_reason_and_remedy() -> None:
    with (
        pytest.raises(HaltError, match=r"^/x: it cannot be kept \(No space left on device\); make room there"),
        hindering(Path("/x"), "it cannot be kept"),
    ):
        raise OSError(28, "No space left on device")
    # A library that stumbles over a full disk, and one whose trouble is its own.
    with pytest.raises(HaltError), hindering(Path("/x"), "it cannot be kept"):
        raise RuntimeError("unexpected pos 10624 vs 10576") from OSError(28, "No space left on device")
    with pytest.raises(RuntimeError, match="of its own"), hindering(Path("/x"), "it cannot be kept"):
        raise RuntimeError("of its own") from OSError(2, "No such file or directory")
    with pytest.raises(HindranceError) as told, hindering(Path("/x"), "it cannot be kept"):
        raise PermissionError(13, "Permission denied")
    assert not isinstance(told.value, HaltError)


# --- A disk that is really full, and one that cannot be written to, in a mount namespace of its own.

ON_A_DISK = """
mount -t tmpfs -o {options} none "$1" || exit 77
"$2" -m bench.cli run "$3" --results "$1" --no-report --workers 2
echo "exit $?"
find "$1" -name failure.json -o -name '*.tmp'
mount -o remount,rw,size=50m "$1"
"$2" -m bench.cli run "$3" --results "$1" --no-report --quiet
echo "exit $?"
find "$1" -name failure.json -o -name '*.tmp'
"""


def on_a_disk(tmp_path: Path, suite: str, options: str) -> tuple[list[str], str]:
    (tmp_path / "disk").mkdir()
    words = [str(tmp_path / "disk"), sys.executable, str(suite_file(tmp_path, suite))]
    script = ON_A_DISK.format(options=options)
    unshared = ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", *words]
    done = subprocess.run(unshared, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("this system lets nobody mount a file system")
    return done.stdout.splitlines(), done.stderr


BIG = SMALL.replace("points: 2, episodes: 2", "points: 50, episodes: 100")


# Room for logs, and for some of the records.
@pytest.mark.parametrize("size", ["size=40k", "size=150k"])
def test_a_full_disk_ends_the_run_with_a_sentence_and_the_next_run_goes_on(tmp_path: Path, size: str) -> None:
    lines, errors = on_a_disk(tmp_path, BIG, size)
    assert "Traceback" not in errors + "".join(lines)
    assert lines.count("exit 1") == 1
    assert any("No space left on device); make room there" in line for line in lines)
    assert lines[-2:] == ["6 of 6 trials done, 0 failed", "exit 0"]
    assert not [line for line in lines if line.endswith(("failure.json", ".tmp"))]


def test_results_that_cannot_be_written_are_told_before_anything_runs(tmp_path: Path) -> None:
    lines, errors = on_a_disk(tmp_path, SMALL, "ro")
    [told] = [line for line in errors.splitlines() if line.startswith("bench: ")]
    assert told == (
        f"bench: {tmp_path}/disk/small: results cannot be written (Read-only file system); make it writable, or name "
        "another folder with --results"
    )
    assert lines == ["exit 1", "6 of 6 trials done, 0 failed", "exit 0"]


# --- Two runners on one folder.


@pytest.mark.parametrize("retry_failed", [False, True])
def test_what_has_failed_in_another_run_since_this_one_was_planned_is_not_run_again(
    tmp_path: Path, *, retry_failed: bool
) -> None:
    experiment = pipeline.open_experiment(suite_file(tmp_path, SMALL), seeds=2, results=tmp_path)
    again, other, *_ = experiment.plan.trials
    if retry_failed:
        experiment.store.keep_failure(Failure(again, "exception", "before"))
    jobs = pipeline.prepare(experiment, RunOptions(workers=1, devices="cpu", retry_failed=retry_failed))
    experiment.store.keep_failure(Failure(other, "exception", "meanwhile"))
    told: list[Event] = []
    summary = pipeline.run(experiment, jobs, told.append)
    assert (summary.done, summary.failed, summary.elsewhere, summary.hindered) == (3, 1, 0, 0)
    [left] = [event for event in told if isinstance(event, Ended) and not event.done]
    assert (left.job.trial, left.failure, left.hindrance and left.hindrance.kind) == (other, None, "elsewhere")
    assert experiment.store.outcome(other) == Failure(other, "exception", "meanwhile")
    # Whoever asks for it has it tried again.
    jobs = pipeline.prepare(experiment, RunOptions(workers=1, devices="cpu", retry_failed=True))
    assert pipeline.run(experiment, jobs, told.append).exit_code == 0


def test_an_interrupted_second_runner_takes_nothing_from_the_first(tmp_path: Path) -> None:
    path = suite_file(tmp_path, SMALL.replace("{steps: 400}", "{steps: 20000}").replace("seeds: 3", "seeds: 5"))
    words = [path, "--results", tmp_path, "--no-report", "--json", "--workers", "1"]
    command = [sys.executable, "-m", "bench.cli", "run", *map(str, words)]
    runners = []
    for _ in range(2):
        runner = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert runner.stdout is not None
        assert json.loads(runner.stdout.readline())["event"] == "started"
        runners.append(runner)
    first, second = runners
    second.send_signal(signal.SIGINT)
    told, _ = second.communicate(timeout=60)
    assert second.returncode == 130
    assert json.loads(told.splitlines()[-1])["interrupted"]
    kept = {path: path.read_bytes() for path in tmp_path.glob("*/trials/*/trial.json")}
    assert kept
    first.communicate(timeout=120)
    assert first.returncode in (0, 1)
    assert {path: path.read_bytes() for path in kept} == kept
    assert not list(tmp_path.rglob("failure.json"))
    _, summary = run_suite(path, tmp_path)
    assert summary.exit_code == 0
