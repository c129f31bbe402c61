"""A real Slurm of one node on this machine, from Debian's packages, with all that it keeps in one folder.

    python -m tests.slurm_cluster FOLDER CHECK

starts it, does what CHECK names, prints what came of it as JSON, and ends it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bench.pipeline import Experiment, RunOptions, open_experiment, prepare, run, status
from bench.records import Record
from bench.runner.jobs import Ended, Event, Progressed
from bench.runner.profile import read_profile
from tests.making import numbers, suite_file

SUITE = """
name: spread
seeds: 2
evaluation: {points: 2, episodes: 2, final_episodes: 4}
hyperparameters: default
limits: {checkpoint_minutes: 0.05}
algorithms: [q_learning, ppo]
environments:
  bench/Corridor-v0: {steps: 4000}
"""
LONG = SUITE.replace("[q_learning, ppo]", "[ppo]").replace("4000", "24000")
PROFILE = "minutes: 10\npartition: lab\nmemory_gb: 1\nsetup: ['export WAS_SET_UP=1']\n"
CONFIGURATION = """
ClusterName=lab
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock,cred_expire=3
CryptoType=crypto/munge
SlurmctldPort=26817
SlurmdPort=26818
SrunPortRange=26900-26999
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=500
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
KillWait=15
MinJobAge=300
MaxArraySize=2
ReturnToService=2
JobRequeue=1
MailProg=/bin/true
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory=4000 State=UNKNOWN
PartitionName=lab Nodes=ALL Default=YES MaxTime=60 State=UP PriorityTier=1
PartitionName=cheap Nodes=ALL MaxTime=60 State=UP PriorityTier=1 PreemptMode=CANCEL
PartitionName=urgent Nodes=ALL MaxTime=60 State=UP PriorityTier=10 PreemptMode=OFF
"""


@contextmanager
def slurm(folder: Path) -> Iterator[None]:
    """Start it, and end it with all of its jobs."""
    host = socket.gethostname().partition(".")[0]
    for name in ("state", "spool"):
        (folder / name).mkdir()
    (folder / "key").write_bytes(os.urandom(128))
    (folder / "key").chmod(0o400)
    file = folder / "slurm.conf"
    file.write_text(CONFIGURATION.format(host=host, folder=folder, cores=os.cpu_count()))
    os.environ["SLURM_CONF"] = str(file)
    sock = ["--force", "--foreground", f"--key-file={folder}/key", f"--socket={folder}/munge.sock"]
    daemons = (
        ["munged", *sock, *(f"--{one}-file={folder}/munge.{one}" for one in ("pid", "log", "seed"))],
        ["slurmctld", "-D", "-c", "-f", str(file)],
        ["slurmd", "-D", "-N", host, "-f", str(file)],
    )
    started = []
    try:
        for words in daemons:
            log = (folder / f"{words[0]}.out").open("wb")
            started.append(
                subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
            )
            time.sleep(0.5)
        until(lambda: "idle" in asked("sinfo", "--noheader", "--format=%T"))
        yield
    finally:
        asked("scancel", "--state=PENDING", "--user=root")
        asked("scancel", "--user=root")
        with suppress(TimeoutError):
            until(lambda: not queued(), 30)
        for daemon in reversed(started):
            daemon.terminate()
        for daemon in started:
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()


def asked(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout


def queued() -> str:
    return asked("squeue", "--noheader", "--array", "--format=%i %T")


def until(true: Callable[[], Any], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError("waited in vain")
        time.sleep(0.3)


def options(folder: Path, more: str = "", profile: str = PROFILE) -> RunOptions:
    file = folder / "profile.yaml"
    file.write_text(profile + more)
    return RunOptions(devices="cpu", executor="slurm", profile=read_profile(file))


def on_slurm(experiment: Experiment, folder: Path, hear: Callable[[Event], None] = lambda _event: None) -> Any:
    asked_for = options(folder)
    return run(experiment, prepare(experiment, asked_for), hear, asked_for)


def here(folder: Path, text: str) -> Experiment:
    experiment = open_experiment(suite_file(folder, text), results=folder / "here")
    local = RunOptions(workers=2, devices="cpu")
    run(experiment, prepare(experiment, local), lambda _event: None, local)
    return experiment


def there(folder: Path, text: str) -> Experiment:
    return open_experiment(suite_file(folder, text), results=folder / "there")


def left(experiment: Experiment) -> list[str]:
    return [path.name for path in experiment.store.root.glob("slurm/*")]


def numbers_agree(folder: Path) -> dict[str, Any]:
    """The same suite here and on Slurm."""
    experiment = there(folder, SUITE)
    summary = on_slurm(experiment, folder)
    same = numbers(here(folder, SUITE)) == numbers(experiment)
    return {"done": summary.done, "same": same, "left": left(experiment)}


def preempted(folder: Path) -> dict[str, Any]:
    """Something urgent takes the node in mid-run."""
    experiment = there(folder, LONG)
    seen: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.5):
            for cell in status(experiment):
                seen.update(name for name in ("queued", "preempted", "running") if getattr(cell, name))
                if cell.preempted:
                    # Slurm lets what it has queued again wait for two minutes.
                    for line in queued().splitlines():
                        asked("scontrol", "update", f"jobid={line.split()[0]}", "starttime=now")

    watcher = threading.Thread(target=look)
    watcher.start()
    urgent: list[str] = []

    def hear(event: Event) -> None:
        if isinstance(event, Progressed) and event.progress.steps > 6_000 and not urgent:
            words = ["sbatch", "--parsable", "--partition=urgent", f"--cpus-per-task={os.cpu_count()}", "--mem=2G"]
            urgent.append(asked(*words, "--output=/dev/null", "--wrap=sleep 4"))

    summary = on_slurm(experiment, folder, hear)
    over.set()
    watcher.join()
    records = [one for one in experiment.store.outcomes() if isinstance(one, Record)]
    return {
        "done": summary.done,
        "resumed": sorted(len(one.resumed) for one in records),
        "attempts": sorted(one.attempt for one in records),
        "seen": sorted(seen),
        "same": numbers(here(folder, LONG)) == numbers(experiment),
    }


def preempted_for_good(folder: Path) -> dict[str, Any]:
    """Something urgent takes the node in mid-run, in a partition whose preempted jobs are cancelled."""
    experiment = there(folder, LONG)
    told: list[str] = []

    def hear(event: Event) -> None:
        if isinstance(event, Ended) and event.failure:
            told.append(
                "again" if event.will_retry and "was preempted: slurmstepd" in event.failure.message else "lost"
            )
        if isinstance(event, Progressed) and event.progress.steps > 6_000 and "urgent" not in told:
            told.append("urgent")
            words = ["sbatch", "--parsable", "--partition=urgent", f"--cpus-per-task={os.cpu_count()}", "--mem=2G"]
            asked(*words, "--output=/dev/null", "--wrap=sleep 4")

    asked_for = options(folder, profile=PROFILE.replace("lab", "cheap"))
    summary = run(experiment, prepare(experiment, asked_for), hear, asked_for)
    records = [one for one in experiment.store.outcomes() if isinstance(one, Record)]
    return {
        "done": summary.done,
        "told": told,
        "resumed": sorted(len(one.resumed) for one in records),
        "attempts": sorted(one.attempt for one in records),
    }


def never(folder: Path) -> dict[str, Any]:
    """The profile asks for more minutes than its partition gives, for more machines than it has, or for a hold."""
    experiment = there(folder, SUITE.replace("[q_learning, ppo]", "[q_learning]"))
    found = {}
    for name, more in (
        ("long", PROFILE.replace("10", "120")),
        ("large", PROFILE + "options: [--nodes=2]\n"),
        ("held", PROFILE + "options: [--hold]\n"),
    ):
        asked_for = options(folder, profile=more)
        summary = run(experiment, prepare(experiment, asked_for), lambda _event: None, asked_for)
        found[name] = [one.partition(":")[0].partition(" start ")[2] for one in summary.hindrances]
    return {"found": found, "queued": queued(), "left": left(experiment)}


def time_is_up(folder: Path) -> dict[str, Any]:
    """Slurm tells one of two that its time is nearly up, as it does by itself before the profile's minutes are over."""
    experiment = there(folder, LONG)
    told: list[str] = []

    def hear(event: Event) -> None:
        if isinstance(event, Progressed) and event.progress.steps > 6_000 and not told:
            told.append(asked("scancel", "--signal=USR1", "--batch", queued().split()[0]))
            threading.Thread(target=hasten, daemon=True).start()

    summary = on_slurm(experiment, folder, hear)
    records = [one for one in experiment.store.outcomes() if isinstance(one, Record)]
    return {
        "done": summary.done,
        "resumed": sorted(len(one.resumed) for one in records),
        "attempts": sorted(one.attempt for one in records),
    }


def hasten() -> None:
    """Let nothing that is queued again wait for the two minutes that Slurm wants."""
    for _ in range(60):
        time.sleep(1.0)
        for line in queued().splitlines():
            if line.endswith("PENDING"):
                asked("scontrol", "update", f"jobid={line.split()[0]}", "starttime=now")


def cancelled(folder: Path) -> dict[str, Any]:
    """Somebody cancels the array in mid-run, behind the run's back."""
    experiment = there(folder, LONG)
    told: list[str] = []

    def hear(event: Event) -> None:
        told.append(type(event).__name__ + ("*" if getattr(event, "will_retry", False) else ""))
        if isinstance(event, Progressed) and event.progress.steps > 6_000 and "scancel" not in told:
            told.append("scancel")
            asked("scancel", "--user=root")

    summary = on_slurm(experiment, folder, hear)
    return {"done": summary.done, "retried": told.count("Ended*"), "left": left(experiment)}


def forsaken(folder: Path) -> dict[str, Any]:
    """The run itself is killed in mid-run, then told by a closing terminal; the same command goes on each time."""
    experiment = there(folder, LONG)
    (folder / "profile.yaml").write_text(PROFILE)
    words = [sys.executable, "-m", "bench.cli", "run", str(folder / "small.yaml"), "--results", str(folder / "there")]
    words += ["--executor", "slurm", "--profile", str(folder / "profile.yaml"), "--no-report"]
    arrays = []
    for sent in (signal.SIGKILL, signal.SIGHUP):
        driver = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: "RUNNING" in queued())
        time.sleep(3)
        driver.send_signal(sent)
        driver.wait(60)
        arrays.append(sorted({line.partition("_")[0] for line in queued().splitlines()}))
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    records = [one for one in experiment.store.outcomes() if isinstance(one, Record)]
    return {
        "code": done.returncode,
        "one array": len({name for array in arrays for name in array}) == 1,
        "attempts": sorted(one.attempt for one in records),
        "left": left(experiment),
    }


def unheard(folder: Path) -> dict[str, Any]:
    """The run is killed when Slurm has the array and before its number is noted; the same command goes on."""
    experiment = there(folder, LONG)
    (folder / "profile.yaml").write_text(PROFILE)
    words = [sys.executable, "-m", "bench.cli", "run", str(folder / "small.yaml"), "--results", str(folder / "there")]
    words += ["--executor", "slurm", "--profile", str(folder / "profile.yaml"), "--no-report"]
    (folder / "bin").mkdir()
    deadly = folder / "bin" / "sbatch"
    deadly.write_text(f'#!/bin/sh\n{shutil.which("sbatch")} "$@" >&2; kill -9 $PPID\n')
    deadly.chmod(0o755)
    path = {**os.environ, "PATH": f"{folder}/bin{os.pathsep}{os.environ['PATH']}"}
    killed = subprocess.run(words, capture_output=True, check=False, env=path).returncode
    (about,) = experiment.store.root.glob("slurm/*/batch.json")
    noted = json.loads(about.read_text())["job"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    records = [one for one in experiment.store.outcomes() if isinstance(one, Record)]
    return {
        "killed": killed == -signal.SIGKILL,
        "noted": noted,
        "code": done.returncode,
        "arrays": len(arrays()),
        "attempts": sorted(one.attempt for one in records),
        "left": left(experiment),
    }


def arrays() -> set[str]:
    """Numbers of all that Slurm has had and still remembers."""
    return set(asked("squeue", "--noheader", "--states=all", "--format=%F").split())


def throttled(folder: Path) -> dict[str, Any]:
    """Five trials in arrays of two, as many as this Slurm takes, of which one may run at once."""
    experiment = there(folder, SUITE.replace("[q_learning, ppo]", "[q_learning]").replace("seeds: 2", "seeds: 5"))
    over, seen = threading.Event(), list[int]()

    def look() -> None:
        while not over.wait(0.1):
            seen.append(queued().count("RUNNING"))

    watcher = threading.Thread(target=look)
    watcher.start()
    asked_for = options(folder, "at_once: 1\n")
    summary = run(experiment, prepare(experiment, asked_for), lambda _event: None, asked_for)
    over.set()
    watcher.join()
    return {"done": summary.done, "arrays": len(arrays()), "most": max(seen)}


def interrupted(folder: Path) -> dict[str, Any]:
    """Ctrl-C in mid-run: all is cancelled and stored; the same command goes on."""
    experiment = there(folder, LONG)

    sent: list[int] = []

    def hear(event: Event) -> None:
        if isinstance(event, Progressed) and event.progress.steps > 6_000 and not sent:
            sent.append(signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    first = on_slurm(experiment, folder, hear)
    empty = not queued()
    second = on_slurm(experiment, folder)
    records = [one for one in experiment.store.outcomes() if isinstance(one, Record)]
    return {
        "interrupted": first.interrupted,
        "stored": first.stored,
        "empty": empty,
        "done": second.done,
        "resumed": sorted(len(one.resumed) for one in records),
    }


CHECKS = {
    check.__name__: check
    for check in (
        numbers_agree,
        preempted,
        preempted_for_good,
        never,
        time_is_up,
        cancelled,
        forsaken,
        unheard,
        throttled,
        interrupted,
    )
}

if __name__ == "__main__":
    place = Path(sys.argv[1])
    with slurm(place):
        print("came: " + json.dumps(CHECKS[sys.argv[2]](place)), flush=True)  # noqa: T201 - its answer
