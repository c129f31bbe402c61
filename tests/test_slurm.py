"""Trials on a real Slurm: the same numbers, whatever is preempted, cancelled or killed meanwhile.

`make test-slurm` runs these; what needs no Slurm is always tested.
"""

from __future__ import annotations

import json
import os
import pickle
import resource
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import pytest

from bench import pipeline
from bench.errors import BenchError, SuiteError
from bench.records import Failure
from bench.runner import batches, element, slurm
from bench.runner.batches import Speaker, read_frames
from bench.runner.jobs import Ended, Event, Hindrance, Job, Progress, Progressed, Started
from bench.runner.placed import Order, Said, spared
from bench.runner.profile import Profile, read_profile
from bench.runner.slurm import SlurmExecutor
from tests.making import nothing, numbers, small_trial, suite_file

pytestmark = pytest.mark.timeout(580)
needs_slurm = pytest.mark.skipif(
    "SLURM_TESTS" not in os.environ or shutil.which("slurmctld") is None or os.getuid() != 0,
    reason="make test-slurm runs it: it wants Slurm's and munge's packages, and root",
)


def check(name: str) -> dict[str, Any]:
    # In a folder with a short name: munge's socket lies in it.
    with TemporaryDirectory(prefix="slurm-") as folder:
        words = [sys.executable, "-m", "tests.slurm_cluster", folder, name]
        done = subprocess.run(words, capture_output=True, text=True, timeout=570, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("came: ")]
    assert lines, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(lines[-1].removeprefix("came: "))
    return found


@needs_slurm
def test_numbers_from_slurm_are_those_from_here_and_nothing_is_left_of_the_batch() -> None:
    assert check("numbers_agree") == {"done": 4, "same": True, "left": []}


@needs_slurm
def test_a_preempted_trial_stores_itself_waits_and_goes_on_to_the_last_bit() -> None:
    assert check("preempted") == {
        "done": 2,
        "resumed": [1, 1],
        "attempts": [1, 1],
        "seen": ["preempted", "queued", "running"],
        "same": True,
    }


@needs_slurm
def test_a_trial_whose_time_is_nearly_up_stores_itself_and_queues_again() -> None:
    assert check("time_is_up") == {"done": 2, "resumed": [0, 1], "attempts": [1, 1]}


@needs_slurm
def test_what_is_cancelled_behind_the_runs_back_is_submitted_again() -> None:
    assert check("cancelled") == {"done": 2, "retried": 2, "left": []}


@needs_slurm
def test_a_run_that_is_killed_or_hung_up_leaves_its_array_and_the_same_command_takes_it_up() -> None:
    assert check("forsaken") == {"code": 0, "one array": True, "attempts": [1, 1], "left": []}


@needs_slurm
def test_a_run_that_is_killed_between_submitting_and_noting_it_submits_nothing_twice() -> None:
    assert check("unheard") == {"killed": True, "noted": "", "code": 0, "arrays": 1, "attempts": [1, 1], "left": []}


@needs_slurm
def test_arrays_wait_for_each_other_where_so_many_may_run_at_once() -> None:
    assert check("throttled") == {"done": 5, "arrays": 3, "most": 1}


@needs_slurm
def test_ctrl_c_cancels_and_stores_everything() -> None:
    assert check("interrupted") == {"interrupted": True, "stored": 2, "empty": True, "done": 2, "resumed": [1, 1]}


def test_a_profile_is_read(tmp_path: Path) -> None:
    file = tmp_path / "profile.yaml"
    file.write_text("minutes: 240\npartition: gpu\nmemory_gb: 4\ngpus: 1\nsetup: [module load cuda]\nat_once: 20\n")
    asked = Profile(minutes=240, partition="gpu", memory_gb=4, gpus=1, setup=("module load cuda",), at_once=20)
    assert read_profile(file) == asked


def test_everything_that_is_wrong_with_a_profile_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "profile.yaml"
    file.write_text("partitoin: gpu\nmemory_gb: plenty\ngpus: -1\noptions: [--exclusive, --array=1-9]\n")
    with pytest.raises(SuiteError) as told:
        read_profile(file)
    said = str(told.value).splitlines()
    assert len(said) == 5
    assert f"{file}: options: must not hold --array, which bench says itself; leave it out" in said
    assert f"{file}: minutes: is missing; how many minutes a trial may have" in said[0]
    assert any(line.startswith(f"{file}: partitoin: is not known; known here: minutes, partition,") for line in said)
    assert any(line.startswith(f"{file}: memory_gb: input should be a valid number") for line in said)
    assert any(line.startswith(f"{file}: gpus: input should be greater than or equal to 0") for line in said)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("memory_gb: .inf", "memory_gb: input should be a finite number"),
        ("memory_gb: .nan", "memory_gb: input should be"),
        ("memory_gb: 0.0004", "memory_gb: input should be greater than or equal to 0.1"),
        ("options: --exclusive", "options: must be a list such as [--exclusive], not '--exclusive'"),
    ],
)
def test_what_slurm_would_misread_is_refused(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "profile.yaml"
    file.write_text(f"minutes: 30\n{text}\n")
    with pytest.raises(SuiteError) as refused:
        read_profile(file)
    assert str(refused.value).startswith(f"{file}: {told}")


@pytest.mark.parametrize(
    "text", ["- 1", "a: [", "\0", "", "minutes: 2020-13-45", "minutes: !!bool x", pytest.param(1_000 * "[", id="deep")]
)
def test_what_is_no_profile_is_told_in_one_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "profile.yaml"
    file.write_text(text)
    with pytest.raises(BenchError) as told:
        read_profile(file)
    assert len(str(told.value).splitlines()) == 1


def test_only_whole_messages_are_heard_and_each_once(tmp_path: Path) -> None:
    file, said = tmp_path / "0", [Said(pid=7), Said(ended=True, seconds=2.5)]
    assert Speaker(file).say(said[0])
    begun = file.stat().st_size
    assert read_frames(file, 0) == ([said[0]], begun)
    content = pickle.dumps(said[1])
    whole = len(content).to_bytes(4, "big") + content
    for cut in (0, 3, 4, len(whole) - 1):
        file.write_bytes(file.read_bytes()[:begun] + whole[:cut])
        assert read_frames(file, begun) == ([], begun)
    # Half a message of one that was killed, and what its successor says: nothing behind it can be told from it.
    file.write_bytes(file.read_bytes()[:begun] + whole[: len(whole) // 2] + 5 * whole)
    assert read_frames(file, begun) == ([], begun)
    file.write_bytes(file.read_bytes()[:begun] + whole)
    assert read_frames(file, begun) == ([said[1]], begun + len(whole))
    assert read_frames(tmp_path / "none", 0) == ([], 0)


def test_a_full_disk_costs_progress_and_hides_nothing_that_is_said_later(tmp_path: Path) -> None:
    file, said = tmp_path / "0", [Said(pid=number) for number in range(3)]
    speaker = Speaker(file)
    assert speaker.say(said[0])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Room for half a message more, then for none.
    for room in (file.stat().st_size * 3 // 2, 1):
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
        try:
            assert not speaker.say(said[1])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert read_frames(file, 0)[0] == said[:1]
    assert speaker.say(said[2])
    assert read_frames(file, 0)[0] == [said[0], said[2]]
    # A successor, too, begins behind what is whole.
    file.write_bytes(file.read_bytes()[:-1])
    assert Speaker(file).say(said[1])
    assert read_frames(file, 0)[0] == said[:2]


@pytest.mark.parametrize(("refused", "tries"), [(1, 2), (9, 4)])
def test_a_last_word_is_tried_again_and_progress_is_not(
    monkeypatch: pytest.MonkeyPatch, refused: int, tries: int
) -> None:
    monkeypatch.setattr(element, "_LAST_WORD_SECONDS", (0.0, 0.0, 0.0))

    class Refusing(Speaker):
        def __init__(self) -> None:
            self.heard = list[Said]()

        def say(self, said: Said) -> bool:
            self.heard.append(said)
            return len(self.heard) > refused

    for said, count in ((Said(progress=Progress()), 1), (Said(ended=True), tries)):
        speaker = Refusing()
        element._say(speaker, said)
        assert speaker.heard == [said] * count


FAKE = """#!{python}
import json, os, pathlib, subprocess, sys
home, name = pathlib.Path({home!r}), pathlib.Path(sys.argv[0]).name
given = dict(word.removeprefix("--").partition("=")[::2] for word in sys.argv[1:] if word.startswith("--"))
if name == "sbatch":
    (home / "words.json").write_text(json.dumps(given))
    (home / "script").write_text(sys.stdin.read())
    first, _, last = given["array"].partition("%")[0].partition("-")
    for number in range(int(first), int(last) + 1):
        with open(given["output"].replace("%a", str(number)), "ab") as out:
            subprocess.run(
                ["bash", home / "script"], stdout=out, stderr=out, cwd=given["chdir"],
                env=dict(os.environ, SLURM_ARRAY_TASK_ID=str(number), SLURM_JOB_ID=f"9{{number}}"),
            )
    print("9;cluster")
"""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Slurm that runs an array's elements at once, one after the other, and has forgotten them when they are over."""
    home = tmp_path / "fake"
    home.mkdir()
    for name in ("sbatch", "squeue", "scancel", "scontrol"):
        file = home / name
        file.write_text(FAKE.format(python=sys.executable, home=str(home)))
        file.chmod(file.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{home}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(slurm, "LOOK_SECONDS", 0.05)
    return home


SUITE = """
name: spread
seeds: 2
evaluation: {points: 2, episodes: 2, final_episodes: 4}
hyperparameters: default
algorithms: [q_learning, random]
environments:
  bench/Corridor-v0: {steps: 200}
"""


def asked_for(**more: Any) -> pipeline.RunOptions:
    return pipeline.RunOptions(devices="cpu", executor="slurm", profile=Profile(minutes=30, **more))


def test_an_array_asks_for_what_the_profile_says_and_its_records_are_kept(tmp_path: Path, fake: Path) -> None:
    experiment = pipeline.open_experiment(suite_file(tmp_path, SUITE), results=tmp_path)
    options = asked_for(
        partition="long",
        account="me",
        memory_gb=1.5,
        gpus=1,
        at_once=3,
        setup=("export A=1",),
        options=("--exclusive",),
    )
    summary = pipeline.run(experiment, pipeline.prepare(experiment, options), lambda _event: None, options)
    assert (summary.done, summary.exit_code) == (4, 0)
    words = json.loads((fake / "words.json").read_text())
    wanted = {"array": "0-3%3", "time": "30", "partition": "long", "account": "me", "mem": "1536M", "gpus": "1"}
    assert {name: words[name] for name in wanted} == wanted
    assert {"requeue", "exclusive", "parsable"} <= words.keys()
    assert words["signal"] == "B:USR1@90"
    assert words["comment"] == Path(words["output"]).parent.parent.name
    assert words.keys().isdisjoint({"qos", "constraint"})
    assert (fake / "script").read_text().splitlines()[:2] == ["#!/bin/bash", "export A=1"]
    assert not (experiment.store.root / "slurm").exists()
    alone = pipeline.open_experiment(suite_file(tmp_path, SUITE), results=tmp_path / "alone")
    local = pipeline.RunOptions(workers=1, devices="cpu")
    pipeline.run(alone, pipeline.prepare(alone, local), lambda _event: None, local)
    assert numbers(alone) == numbers(experiment)


def test_what_ends_without_a_word_is_tried_twice_more_and_then_told_with_what_it_printed(
    tmp_path: Path, fake: Path
) -> None:
    del fake
    experiment = pipeline.open_experiment(suite_file(tmp_path, SUITE), only=["random"], seeds=1, results=tmp_path)
    asked = asked_for(setup=("echo no such module: cuda; exit 3",))
    assert asked.profile is not None
    executor = SlurmExecutor(asked.profile, ask_seconds=0.0, gone_seconds=0.0)
    told = list(executor.events(pipeline.prepare(experiment, asked)))
    assert all(isinstance(event, Ended) for event in told)
    lost = [(event.failure, event.will_retry) for event in told if isinstance(event, Ended)]
    assert [(failure and failure.kind, again) for failure, again in lost] == [
        ("lost_node", again) for again in (True, True, False)
    ]
    assert all(
        failure and "ended without a word: no such module: cuda; the results' folder must be one" in failure.message
        for failure, _ in lost
    )


@pytest.mark.parametrize(
    ("accepted", "told"), [("[ $calls -ne 2 ]", [True, True]), ("[ $calls -eq 1 ]", [True, False])]
)
def test_a_refused_array_waits_while_slurm_has_another_and_is_hindered_only_when_it_has_none(
    tmp_path: Path, fake: Path, monkeypatch: pytest.MonkeyPatch, accepted: str, told: list[bool]
) -> None:
    (fake / "scontrol").write_text("#!/bin/sh\necho 'MaxArraySize = 1'\n")
    strict = tmp_path / "strict"
    strict.mkdir()
    (strict / "sbatch").write_text(
        f"#!/bin/sh\necho >> {strict}/calls\ncalls=$(wc -l < {strict}/calls)\n"
        f'{accepted} && exec {fake}/sbatch "$@"\necho "your limit of jobs is reached" >&2\nexit 1\n'
    )
    (strict / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", f"{strict}{os.pathsep}{os.environ['PATH']}")
    experiment = pipeline.open_experiment(suite_file(tmp_path, SUITE), only=["random"], results=tmp_path)
    executor = SlurmExecutor(Profile(minutes=30), ask_seconds=0.0, gone_seconds=0.0, again_seconds=0.1)
    ended = [one for one in executor.events(pipeline.prepare(experiment, asked_for())) if isinstance(one, Ended)]
    assert [one.done for one in ended] == told
    assert [one.hindrance.message for one in ended if one.hindrance] == (
        [] if all(told) else ["Slurm refuses: your limit of jobs is reached"]
    )


def begin_element(job: Job, batch: Path, monkeypatch: pytest.MonkeyPatch, *, shared: bool = True) -> None:
    """Be the only element of a batch."""
    (batch / "orders").mkdir()
    (batch / "said").mkdir()
    (batch / "shared").write_text("the very same" if shared else "another")
    order = Order.of(job, (str(batch / "shared"), "the very same"))
    (batch / "orders" / "0").write_bytes(pickle.dumps(order))
    monkeypatch.setattr(sys, "argv", ["element", str(batch), "0"])
    before = {number: signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGTERM)}
    try:
        element.main()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.mark.parametrize(("attempt", "restarts"), [(2, 0), (1, 1), (1, 0)])
def test_an_element_that_is_begun_again_waits_for_the_lost_machine_that_holds_its_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attempt: int, restarts: int
) -> None:
    monkeypatch.setenv("SLURM_RESTART_COUNT", str(restarts))
    held = Said(ended=True, hindrance=Hindrance("elsewhere", "is being run by another process"))
    turns = iter([[Said(pid=1), held], [Said(pid=2), Said(ended=True)]])
    monkeypatch.setattr(element, "carried_out", lambda *_, **__: next(turns))
    monkeypatch.setattr(element, "_TURN_SECONDS", 0.0)
    job = replace(Job(small_trial(), tmp_path, nothing), attempt=attempt)
    begin_element(job, tmp_path, monkeypatch)
    *_, last = read_frames(tmp_path / "said" / "0", 0)[0]
    assert last == (Said(ended=True) if attempt + restarts > 1 else held)


def test_an_element_on_a_machine_that_does_not_share_the_folder_trains_nothing_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job(small_trial(), tmp_path / "trial", nothing)
    begin_element(job, tmp_path, monkeypatch, shared=False)
    (told,), _ = read_frames(tmp_path / "said" / "0", 0)
    assert told.ended
    assert told.hindrance is not None
    assert f"{job.trial.name}: {tmp_path} cannot be read on " in told.hindrance.message
    assert not job.folder.exists()


def test_an_element_passes_on_what_is_news_and_not_every_sign_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job(small_trial(), tmp_path / "trial", nothing)
    signs = [Progressed(job, Progress(steps, doing="training")) for steps in range(100)]
    happens: list[Event] = [Started(job, 7), *signs, Ended(job, None, 1.0)]
    monkeypatch.setattr(element, "executor_here", lambda _: SimpleNamespace(events=lambda _jobs: happens))
    begin_element(job, tmp_path, monkeypatch)
    assert [said.progress for said in read_frames(tmp_path / "said" / "0", 0)[0]] == [None, signs[0].progress, None]


def test_news_of_a_trial_are_what_it_does_what_it_returned_and_now_and_then_how_far_it_is() -> None:
    job, seconds = Job(small_trial(), Path("x"), nothing), iter([0.0, 1.0, 14.0, 16.0, 17.0, 18.0])
    told = [
        Progress(1),
        Progress(2),
        Progress(3),
        Progress(4),
        Progress(4, doing="training"),
        Progress(4, 0.0, 2.5, "training"),
    ]
    kept = spared([Progressed(job, one) for one in told], lambda: next(seconds))
    assert [one.progress for one in kept if isinstance(one, Progressed)] == [told[0], *told[3:]]


@pytest.mark.parametrize(("sent", "seconds"), [(signal.SIGUSR1, 60.0), (signal.SIGTERM, None)])
def test_a_trial_whose_time_is_nearly_up_has_a_minute_to_store_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: signal.Signals, seconds: float | None
) -> None:
    given = list[float | None]()

    def stopped(*_: object, **__: object) -> list[Said]:
        signal.raise_signal(sent)
        return []

    monkeypatch.setattr(element, "executor_here", lambda _: SimpleNamespace(stop=given.append))
    monkeypatch.setattr(element, "carried_out", stopped)
    begin_element(Job(small_trial(), tmp_path, nothing), tmp_path, monkeypatch)
    assert given == [seconds]


def test_what_slurm_has_not_begun_is_not_listened_to(
    tmp_path: Path, fake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del fake
    experiment = pipeline.open_experiment(suite_file(tmp_path, SUITE), only=["random"], seeds=1, results=tmp_path)
    happened = list[str]()
    words = iter(["PENDING", "PENDING", "RUNNING"])

    def states(jobs: Sequence[str]) -> dict[str, str]:
        if not jobs:
            return {}
        happened.append(next(words))
        return {"9_0": happened[-1]}

    def read(path: Path, offset: int) -> tuple[list[Said], int]:
        happened.append("read")
        return read_frames(path, offset)

    monkeypatch.setattr(slurm, "states", states)
    monkeypatch.setattr(slurm, "read_frames", read)
    executor = SlurmExecutor(Profile(minutes=30), ask_seconds=0.0)
    told = list(executor.events(pipeline.prepare(experiment, asked_for())))
    assert isinstance(told[-1], Ended)
    assert told[-1].done
    assert happened == ["PENDING", "PENDING", "RUNNING", "read"]


def test_where_slurm_does_not_say_what_it_has_nothing_is_submitted_and_nothing_removed(
    tmp_path: Path, fake: Path
) -> None:
    experiment = pipeline.open_experiment(suite_file(tmp_path, SUITE), results=tmp_path)
    folder = experiment.store.root / "slurm" / "batch"
    folder.mkdir(parents=True)
    (folder / "batch.json").write_text(json.dumps({"job": "12", "trials": ["one"], "attempts": [1]}))
    (fake / "squeue").write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(BenchError, match="Slurm does not say what it has"):
        pipeline.run(experiment, pipeline.prepare(experiment, asked_for()), lambda _event: None, asked_for())
    assert (folder / "batch.json").exists()
    assert not (fake / "words.json").exists()


@pytest.mark.parametrize(("known", "submitted"), [("12|batch", False), ("12|another", True)])
def test_a_batch_whose_number_nobody_noted_is_known_by_its_name_and_removed_where_slurm_never_had_it(
    tmp_path: Path, fake: Path, known: str, *, submitted: bool
) -> None:
    experiment = pipeline.open_experiment(suite_file(tmp_path, SUITE), only=["random"], seeds=1, results=tmp_path)
    (trial,) = experiment.plan.trials
    root = experiment.store.root
    folder = root / "slurm" / "batch"
    (folder / "said").mkdir(parents=True)
    batches.note(batches.Batch(folder, "", (trial.name,), (2,)))
    asked = f"case \"$*\" in *%k*) echo '{known}';; *) echo '12_0|RUNNING';; esac"
    (fake / "squeue").write_text(f"#!/bin/sh\n{asked}\n")
    if submitted:
        # For all that is known here, it is being submitted.
        with pytest.raises(BenchError, match="try again in two minutes"):
            pipeline.run(experiment, pipeline.prepare(experiment, asked_for()), lambda _event: None, asked_for())
        assert folder.exists()
    long_ago = time.time() - 1_000
    os.utime(folder / "batch.json", (long_ago, long_ago))
    assert [batch.job for batch in batches.batches(root) or ()] == ["" if submitted else "12"]
    if not submitted:
        Speaker(folder / "said" / "0").say(Said(failure=Failure(trial, "exception", "it broke", attempt=2), ended=True))
    summary = pipeline.run(experiment, pipeline.prepare(experiment, asked_for()), lambda _event: None, asked_for())
    assert (summary.done, summary.failed) == ((1, 0) if submitted else (0, 1))
    assert (fake / "words.json").exists() == submitted
    assert not (root / "slurm").exists()


@pytest.mark.parametrize("job", ["", "12"])
def test_arrays_do_not_wait_for_what_slurm_has_forgotten(tmp_path: Path, fake: Path, job: str) -> None:
    experiment = pipeline.open_experiment(suite_file(tmp_path, SUITE), results=tmp_path)
    first, *_ = experiment.plan.trials
    root = experiment.store.root
    folder = root / "slurm" / "batch"
    (folder / "said").mkdir(parents=True)
    batches.note(batches.Batch(folder, job, (first.name,), (1,)))
    long_ago = time.time() - 1_000
    os.utime(folder / "batch.json", (long_ago, long_ago))
    Speaker(folder / "said" / "0").say(Said(failure=Failure(first, "exception", "it broke"), ended=True))
    options = asked_for(at_once=2)
    summary = pipeline.run(experiment, pipeline.prepare(experiment, options), lambda _event: None, options)
    assert (summary.done, summary.failed) == (3, 1)
    words = json.loads((fake / "words.json").read_text())
    assert words["array"] == "0-2%2"
    assert "dependency" not in words


def test_an_array_is_as_long_as_slurm_takes(fake: Path) -> None:
    for said, most in (("MaxArraySize            = 17", 17), ("MaxArraySize = 50000", 1000), ("nothing", 1000)):
        (fake / "scontrol").write_text(f"#!/bin/sh\necho '{said}'\n")
        assert batches.longest_array() == most


def test_a_failure_that_nobody_heard_is_heard_by_the_next_run_and_not_trained_again(tmp_path: Path, fake: Path) -> None:
    experiment = pipeline.open_experiment(suite_file(tmp_path, SUITE), only=["random"], seeds=1, results=tmp_path)
    (trial,) = experiment.plan.trials
    folder = experiment.store.root / "slurm" / "batch"
    (folder / "said").mkdir(parents=True)
    (folder / "batch.json").write_text(json.dumps({"job": "12", "trials": [trial.name], "attempts": [2]}))
    Speaker(folder / "said" / "0").say(Said(failure=Failure(trial, "exception", "it broke", attempt=2), ended=True))
    summary = pipeline.run(experiment, pipeline.prepare(experiment, asked_for()), lambda _event: None, asked_for())
    assert (summary.failed, summary.exit_code) == (1, 1)
    kept = experiment.store.outcome(trial)
    assert isinstance(kept, Failure)
    assert (kept.message, kept.attempt) == ("it broke", 2)
    assert not (fake / "words.json").exists()
    assert not (experiment.store.root / "slurm").exists()


def stored_batch(root: Path, name: str, trial: str, **about: Any) -> Path:
    """Return the folder of a batch that Slurm has forgotten, whose one trial has failed."""
    folder = root / "slurm" / name
    (folder / "said").mkdir(parents=True)
    (folder / "batch.json").write_text(json.dumps({"job": "12", "trials": [trial], "attempts": [1], **about}))
    failure = Failure(small_trial(), "exception", "it broke")
    Speaker(folder / "said" / "0").say(Said(failure=failure, ended=True))
    return folder


def test_batches_of_another_user_or_another_cluster_are_left_alone(tmp_path: Path, fake: Path) -> None:
    (fake / "scontrol").write_text("#!/bin/sh\necho 'ClusterName             = lab'\n")
    (tmp_path / "trials" / "heard").mkdir(parents=True)
    (tmp_path / "trials" / "heard" / "failure.json").touch()
    me = os.getuid()
    mine = [stored_batch(tmp_path, "a", "heard"), stored_batch(tmp_path, "b", "heard", user=me, cluster="lab")]
    others = [stored_batch(tmp_path, "c", "heard", user=me + 1, cluster="lab")]
    others += [stored_batch(tmp_path, "d", "heard", user=me, cluster="another")]
    assert [batch.folder for batch in batches.batches(tmp_path) or ()] == mine
    batches.tidy(tmp_path)
    assert sorted((tmp_path / "slurm").iterdir()) == others


def test_a_batch_stays_until_its_failures_are_kept_or_their_trials_tried_again(tmp_path: Path, fake: Path) -> None:
    del fake
    stored_batch(tmp_path, "a", "again")
    (again := tmp_path / "trials" / "again").mkdir(parents=True)
    later = stored_batch(tmp_path, "b", "again")
    unheard = stored_batch(tmp_path, "c", "unheard")
    batches.tidy(tmp_path)
    assert sorted((tmp_path / "slurm").iterdir()) == [later, unheard]
    (again / "trial.json").touch()
    batches.tidy(tmp_path)
    assert list((tmp_path / "slurm").iterdir()) == [unheard]


def test_a_batch_is_noted_with_whose_it_is(tmp_path: Path, fake: Path) -> None:
    (fake / "scontrol").write_text("#!/bin/sh\necho 'ClusterName = lab'\n")
    (fake / "sbatch").write_text(f"#!/bin/sh\ncp {tmp_path}/spread/slurm/*/batch.json {fake}\nexit 1\n")
    experiment = pipeline.open_experiment(suite_file(tmp_path, SUITE), results=tmp_path)
    with pytest.raises(BenchError, match="Slurm refuses"):
        pipeline.run(experiment, pipeline.prepare(experiment, asked_for()), lambda _event: None, asked_for())
    noted = json.loads((fake / "batch.json").read_text())
    assert (noted["user"], noted["cluster"]) == (os.getuid(), "lab")


def test_gpus_that_the_profile_does_not_ask_for_are_refused(tmp_path: Path, fake: Path) -> None:
    del fake
    text = SUITE.replace("[q_learning, random]", "[dqn]")
    experiment = pipeline.open_experiment(suite_file(tmp_path, text), results=tmp_path)
    options = replace(asked_for(), devices="cuda")
    with pytest.raises(BenchError, match="the profile asks for no GPU; write `gpus: 1` into it"):
        pipeline.run(experiment, pipeline.prepare(experiment, options), lambda _event: None, options)


def test_slurm_wants_a_profile_and_to_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = pipeline.open_experiment(suite_file(tmp_path, SUITE), results=tmp_path)
    without = pipeline.RunOptions(devices="cpu", executor="slurm")
    with pytest.raises(BenchError, match="--executor slurm: wants --profile FILE"):
        pipeline.run(experiment, pipeline.prepare(experiment, without), lambda _event: None, without)
    monkeypatch.setenv("PATH", str(tmp_path))
    options = asked_for()
    with pytest.raises(BenchError, match="there is no sbatch here"):
        pipeline.run(experiment, pipeline.prepare(experiment, options), lambda _event: None, options)
    # Of a batch that was refused nothing is left.
    assert not (experiment.store.root / "slurm").exists()


def test_queued_and_preempted_trials_are_told_apart(tmp_path: Path, fake: Path) -> None:
    experiment = pipeline.open_experiment(suite_file(tmp_path, SUITE), results=tmp_path)
    first, second, third, _ = experiment.plan.trials
    folder = experiment.store.root / "slurm" / "batch"
    (folder / "said").mkdir(parents=True)
    about = {"job": "12", "trials": [first.name, second.name, third.name], "attempts": [1, 1, 1]}
    (folder / "batch.json").write_text(json.dumps(about))
    (folder / "said" / "1").touch()
    (fake / "squeue").write_text("#!/bin/sh\nprintf '12_0|PENDING\\n12_1|PENDING\\n12_2|COMPLETED\\n7_0|PENDING\\n'\n")
    assert batches.standing(experiment.store.root) == {first.name: "queued", second.name: "preempted"}
    cells = pipeline.status(experiment)
    assert [(sum(cell.queued for cell in cells), sum(cell.preempted for cell in cells))] == [(1, 1)]
    assert sum(cell.missing for cell in cells) == 4
