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
import socket
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
from bench.runner.reasons import Standing
from bench.runner.slurm import SlurmExecutor
from tests.commanding import bench
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
def test_a_trial_that_is_preempted_for_good_is_submitted_again_and_goes_on() -> None:
    assert check("preempted_for_good") == {
        "done": 2,
        "told": ["urgent", "again", "again"],
        "resumed": [1, 1],
        "attempts": [2, 2],
    }


@needs_slurm
def test_what_slurm_would_never_start_is_told_and_nothing_of_it_is_left() -> None:
    assert check("never") == {
        "found": {
            "long": ["1_0 (PartitionTimeLimit)", "1_1 (PartitionTimeLimit)"],
            "large": ["2_0 (PartitionNodeLimit)", "2_1 (PartitionNodeLimit)"],
            "held": ["3_0 (JobHeldUser)", "3_1 (JobHeldUser)"],
        },
        "queued": "",
        "left": [],
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


def ends(experiment: pipeline.Experiment, asked: pipeline.RunOptions) -> list[Ended]:
    """Return how attempts end, of whose last word nobody waits for long."""
    assert asked.profile is not None
    executor = SlurmExecutor(asked.profile, ask_seconds=0.0, gone_seconds=0.0)
    return [one for one in executor.events(pipeline.prepare(experiment, asked)) if isinstance(one, Ended)]


@pytest.mark.parametrize(
    ("stores", "again"), [("touch", [True, True, True, True, False]), ("true", [True, True, False])]
)
def test_what_is_preempted_for_good_goes_on_as_often_as_it_comes_further(
    tmp_path: Path, fake: Path, stores: str, again: list[bool]
) -> None:
    experiment = pipeline.open_experiment(suite_file(tmp_path, SUITE), only=["random"], seeds=1, results=tmp_path)
    folder = experiment.store.folder(experiment.plan.trials[0])
    folder.mkdir(parents=True)
    says(fake, "9_0|PREEMPTED|None|lab")
    (fake / "times").touch()
    asked = asked_for(
        setup=(
            f"echo >> {fake}/times",
            f"[ $(wc -l < {fake}/times) -le 4 ] && {{ {stores} {folder}/checkpoint.pkl; exit 1; }}",
            f"rm -f {folder}/checkpoint.pkl",
        )
    )
    ended = ends(experiment, asked)
    assert [one.will_retry for one in ended] == again
    assert [one.job.attempt for one in ended] == list(range(1, len(again) + 1))
    assert ended[-1].done == (stores == "touch")
    assert {one.failure.message for one in ended if one.failure} == {"Slurm's 9_0 was preempted"}


@pytest.mark.parametrize(
    ("word", "begun", "kind", "told"),
    [
        ("CANCELLED", False, "lost_node", "was cancelled (scancel)"),
        ("NODE_FAIL", False, "lost_node", "was lost with its machine (NODE_FAIL)"),
        ("OUT_OF_MEMORY", True, "out_of_memory", "took more memory than the profile asks for (OUT_OF_MEMORY)"),
        ("FAILED", True, "lost_node", "ended without a word"),
        (
            "FAILED",
            False,
            "lost_node",
            "ended without a word; the results' folder must be one that all machines share",
        ),
    ],
)
def test_what_ends_without_a_word_is_told_in_slurms(
    tmp_path: Path, fake: Path, word: str, kind: str, told: str, *, begun: bool
) -> None:
    experiment = pipeline.open_experiment(suite_file(tmp_path, SUITE), only=["random"], seeds=1, results=tmp_path)
    folder = experiment.store.folder(experiment.plan.trials[0])
    folder.mkdir(parents=True)
    says(fake, f"9_0|{word}|None|lab")
    *_, last = ends(experiment, asked_for(setup=(f"{'touch' if begun else ': '} {folder}/log.txt", "exit 1")))
    assert last.failure is not None
    assert (last.failure.kind, last.failure.message) == (kind, f"Slurm's 9_0 {told}")


def says(fake: Path, *lines: str) -> None:
    """Have squeue say this of all it knows."""
    text = "".join(f"{line}\\n" for line in lines)
    (fake / "squeue").write_text(f"#!/bin/sh\nprintf '{text}'\n")


@pytest.mark.parametrize(
    ("reason", "partitions", "hopeless"),
    [
        ("PartitionTimeLimit", "lab", True),
        ("BadConstraints", "lab", True),
        ("PartitionNodeLimit", "lab", True),
        ("AssocMaxWallDurationPerJobLimit", "lab", True),
        ("QOSMaxWallDurationPerJobLimit", "lab", True),
        ("QOSMaxCpuPerJobLimit", "lab", True),
        ("QOSMaxMemoryPerNode", "lab", True),
        ("AssocMaxGRESPerJob", "lab", True),
        ("QOSMinGRES", "lab", True),
        ("InvalidQOS", "lab", True),
        ("JobHeldAdmin", "lab", True),
        ("JobHeldUser", "lab,long", True),
        ("launch failed requeued held", "lab", True),
        # It may be short's, and the trial begin in long.
        ("PartitionTimeLimit", "short,long", False),
        # These are over when others are.
        ("Priority", "lab", False),
        ("Resources", "lab", False),
        ("Dependency", "lab", False),
        ("BeginTime", "lab", False),
        ("QOSMaxJobsPerUserLimit", "lab", False),
        ("QOSMaxGRESPerUser", "lab", False),
        ("AssocMaxJobsLimit", "lab", False),
        ("AssocGrpCPUMinutesLimit", "lab", False),
        # Machines come back.
        ("PartitionDown", "lab", False),
        ("ReqNodeNotAvail, UnavailableNodes:node1", "lab", False),
        ("", "", False),
    ],
)
def test_reasons_that_only_a_person_can_mend_are_known(reason: str, partitions: str, *, hopeless: bool) -> None:
    assert bool(Standing("PENDING", reason, partitions).remedy) == hopeless
    assert not Standing("RUNNING", reason, partitions).remedy


QUEUEING = """#!/bin/sh
case $(basename $0) in
  sbatch) cat > /dev/null; echo >> {home}/calls; echo "$(wc -l < {home}/calls)_0|PENDING|{reason}|lab" >> {home}/queue
          {then}
          wc -l < {home}/calls;;
  squeue) cat {home}/queue;;
  scancel) echo "$*" >> {home}/cancelled; {refuses} && exit 1; : > {home}/queue;;
  scontrol) echo 'MaxArraySize = 1';;
esac
"""


def queueing(fake: Path, *, reason: str = "Priority", then: str = "", refuses: str = "false") -> None:
    """Be a Slurm that takes arrays of one and begins none of them."""
    for name in ("queue", "calls", "cancelled"):
        (fake / name).touch()
    for name in ("sbatch", "squeue", "scancel", "scontrol"):
        (fake / name).write_text(QUEUEING.format(home=fake, reason=reason, then=then, refuses=refuses))


def test_what_slurm_will_never_start_is_cancelled_and_told_with_what_to_do(tmp_path: Path, fake: Path) -> None:
    queueing(fake, reason="PartitionTimeLimit", refuses=f"[ $(wc -l < {fake}/cancelled) -eq 1 ]")
    experiment = pipeline.open_experiment(suite_file(tmp_path, SUITE), only=["random"], seeds=1, results=tmp_path)
    executor = SlurmExecutor(Profile(minutes=30), ask_seconds=0.0)
    (ended,) = executor.events(pipeline.prepare(experiment, asked_for()))
    assert isinstance(ended, Ended)
    assert ended.hindrance == Hindrance(
        "hindered",
        "Slurm will not start 1_0 (PartitionTimeLimit): lower `minutes` in the profile, or name another partition, "
        "account or qos there",
    )
    # The first time Slurm has not heard it.
    assert (fake / "cancelled").read_text().splitlines() == ["1", "1"]
    assert not (experiment.store.root / "slurm").exists()


def test_what_waits_in_vain_for_a_moment_only_is_not_given_up(
    tmp_path: Path, fake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del fake
    experiment = pipeline.open_experiment(suite_file(tmp_path, SUITE), only=["random"], seeds=1, results=tmp_path)
    reasons = iter(["PartitionTimeLimit", "Priority", "BadConstraints", ""])

    def states(jobs: Sequence[str]) -> dict[str, Standing]:
        if not jobs:
            return {}
        reason = next(reasons)
        return {"9_0": Standing("PENDING" if reason else "RUNNING", reason, "lab")}

    monkeypatch.setattr(slurm, "states", states)
    executor = SlurmExecutor(Profile(minutes=30), ask_seconds=0.0)
    *_, last = executor.events(pipeline.prepare(experiment, asked_for()))
    assert isinstance(last, Ended)
    assert last.done


def test_ctrl_c_while_arrays_are_submitted_submits_no_more_and_cancels_those_that_were(
    tmp_path: Path, fake: Path
) -> None:
    queueing(fake, then=f"[ $(wc -l < {fake}/calls) -eq 2 ] && kill -INT $PPID")
    experiment = pipeline.open_experiment(suite_file(tmp_path, SUITE), results=tmp_path)
    summary = pipeline.run(experiment, pipeline.prepare(experiment, asked_for()), lambda _event: None, asked_for())
    assert (summary.interrupted, summary.hindrances) == (True, ())
    assert len((fake / "calls").read_text().splitlines()) == 2
    assert (fake / "cancelled").read_text().splitlines() == ["1 2"]
    assert not (experiment.store.root / "slurm").exists()


def noted_batch(root: Path, names: Sequence[str]) -> Path:
    """Return the folder of a batch that Slurm has, as 12."""
    folder = root / "slurm" / "batch"
    (folder / "said").mkdir(parents=True)
    batches.note(batches.Batch(folder, "12", tuple(names), (1,) * len(names)))
    return folder


@pytest.mark.parametrize(("only", "told"), [(["random"], "12_0 12_1"), ([], "12")])
def test_an_array_that_is_all_ours_is_cancelled_by_its_number(
    tmp_path: Path, fake: Path, only: list[str], told: str
) -> None:
    whole = pipeline.open_experiment(suite_file(tmp_path, SUITE), results=tmp_path)
    names = sorted((trial.name for trial in whole.plan.trials), key=lambda name: "random" not in name)
    noted_batch(whole.store.root, names)
    lines = [f"12_{number}|RUNNING|None|lab" for number in range(4)]
    says(fake, *lines)
    (fake / "scancel").write_text(f'#!/bin/sh\necho "$*" >> {fake}/cancelled\n: > {fake}/squeue\n')
    experiment = pipeline.open_experiment(suite_file(tmp_path, SUITE), only=only, results=tmp_path)
    executor = SlurmExecutor(Profile(minutes=30), ask_seconds=0.0)
    executor.stop()
    assert list(executor.events(pipeline.prepare(experiment, asked_for()))) == []
    assert (fake / "cancelled").read_text().splitlines() == [told]


def test_where_slurm_does_not_say_what_it_has_what_is_ours_is_cancelled_one_by_one(
    tmp_path: Path, fake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slurm, "PATIENCE_SECONDS", 0.2)
    experiment = pipeline.open_experiment(suite_file(tmp_path, SUITE), only=["random"], results=tmp_path)
    noted_batch(experiment.store.root, [trial.name for trial in experiment.plan.trials])
    told = "12_0|RUNNING|None|lab\n12_1|RUNNING|None|lab"
    (fake / "squeue").write_text(f"#!/bin/sh\n[ -e {fake}/asked ] && exit 1\ntouch {fake}/asked\necho '{told}'\n")
    (fake / "scancel").write_text(f'#!/bin/sh\necho "$*" >> {fake}/cancelled\n')
    executor = SlurmExecutor(Profile(minutes=30), ask_seconds=0.0)
    executor.stop()
    assert list(executor.events(pipeline.prepare(experiment, asked_for()))) == []
    assert (fake / "cancelled").read_text().splitlines() == ["12_0 12_1"]


def test_a_cancel_that_slurm_does_not_hear_is_told_with_what_to_type(
    tmp_path: Path, fake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slurm, "PATIENCE_SECONDS", 0.2)
    experiment = pipeline.open_experiment(suite_file(tmp_path, SUITE), only=["random"], seeds=1, results=tmp_path)
    noted_batch(experiment.store.root, [experiment.plan.trials[0].name])
    says(fake, "12_0|RUNNING|None|lab")
    (fake / "scancel").write_text("#!/bin/sh\nexit 1\n")
    executor = SlurmExecutor(Profile(minutes=30), ask_seconds=0.0)
    executor.stop()
    (told,) = executor.events(pipeline.prepare(experiment, asked_for()))
    assert isinstance(told, Ended)
    assert told.hindrance == Hindrance("hindered", "Slurm has not heard that all is to end: scancel 12")


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
    assert f"{job.trial.name}: {tmp_path} cannot be read, or is another folder there" in told.hindrance.message
    assert told.host == socket.gethostname()
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


def test_of_a_thousand_signs_of_life_that_wait_to_be_heard_one_is_told(tmp_path: Path, fake: Path) -> None:
    experiment = pipeline.open_experiment(suite_file(tmp_path, SUITE), only=["random"], seeds=1, results=tmp_path)
    (trial,) = experiment.plan.trials
    speaker = Speaker(noted_batch(experiment.store.root, [trial.name]) / "said" / "0")
    for said in (Said(pid=7), *(Said(progress=Progress(steps)) for steps in range(1_000)), Said(slow_after=9.0)):
        assert speaker.say(said)
    speaker.say(Said(failure=Failure(trial, "exception", "it broke"), ended=True))
    says(fake, "12_0|RUNNING|None|lab")
    told = list(SlurmExecutor(Profile(minutes=30)).events(pipeline.prepare(experiment, asked_for())))
    assert [type(one).__name__ for one in told] == ["Started", "Progressed", "Slowed", "Ended"]
    assert [one.progress.steps for one in told if isinstance(one, Progressed)] == [999]


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

    def states(jobs: Sequence[str]) -> dict[str, Standing]:
        if not jobs:
            return {}
        happened.append(next(words))
        return {"9_0": Standing(happened[-1])}

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
    told = (
        "12_0|PENDING|PartitionTimeLimit|lab\\n12_1|PENDING|BeginTime|lab\\n12_2|COMPLETED|None|lab\\n7_0|PENDING||\\n"
    )
    (fake / "squeue").write_text(f"#!/bin/sh\nprintf '{told}'\n")
    assert batches.standing(experiment.store.root) == {
        first.name: ("queued", "PartitionTimeLimit"),
        second.name: ("preempted", "BeginTime"),
    }
    cells = pipeline.status(experiment)
    assert [(sum(cell.queued for cell in cells), sum(cell.preempted for cell in cells))] == [(1, 1)]
    assert sum(cell.missing for cell in cells) == 4


@pytest.mark.parametrize(
    ("reasons", "told"),
    [
        (
            ("Priority", "PartitionTimeLimit", "PartitionTimeLimit"),
            "3 queued at the batch system (mostly for PartitionTimeLimit)",
        ),
        (("Priority", "Priority", "None"), "3 queued at the batch system (for Priority)"),
        (("None", "None", "None"), "3 queued at the batch system"),
    ],
)
def test_the_status_tells_what_most_trials_wait_for(
    tmp_path: Path, fake: Path, reasons: tuple[str, ...], told: str
) -> None:
    experiment = pipeline.open_experiment(suite_file(tmp_path, SUITE), results=tmp_path)
    names = [trial.name for trial in experiment.plan.trials[:3]]
    noted_batch(experiment.store.root, names)
    lines = "".join(f"12_{number}|PENDING|{reason}|lab\\n" for number, reason in enumerate(reasons))
    (fake / "squeue").write_text(f"#!/bin/sh\nprintf '{lines}'\n")
    done = bench("status", tmp_path / "small.yaml", "--results", tmp_path)
    assert done.stdout.splitlines()[-1].endswith(told)
