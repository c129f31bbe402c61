"""A real Ray cluster of two nodes on this machine, in a network of its own: to be run within `unshare --net`.

    python -m tests.ray_cluster FOLDER CHECK

starts both nodes, does what CHECK names, prints what came of it as JSON, and ends them.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.pipeline import Experiment, RunOptions, open_experiment, prepare, run
from bench.runner.jobs import Event, Progressed, Started
from tests.making import numbers, suite_file

HEAD = "127.0.0.1:26379"
RAY = str(Path(sys.executable).with_name("ray"))
SUITE = """
name: spread
seeds: 2
evaluation: {points: 2, episodes: 2, final_episodes: 4}
hyperparameters: default
algorithms: [q_learning, ppo]
environments:
  bench/Corridor-v0: {steps: 4000}
"""
LONG = SUITE.replace("[q_learning, ppo]", "[ppo]").replace("4000", "16000")


@contextmanager
def nodes(folder: Path, *, apart: bool = False, count: int = 2) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start a head with one core, and further nodes with one each; `apart`: with a `there` of their own each."""
    (folder / "there").mkdir()
    token = folder / "token"
    token.touch(mode=0o600)
    token.write_text("0" * 64)
    os.environ.update(
        RAY_AUTH_MODE="token",
        RAY_AUTH_TOKEN_PATH=str(token),
        RAY_USAGE_STATS_ENABLED="0",
        RAY_health_check_initial_delay_ms="1000",
        RAY_health_check_period_ms="1000",
        RAY_health_check_failure_threshold="3",
    )
    common = ["--block", "--node-ip-address=127.0.0.1", "--num-cpus=1", "--object-store-memory=100000000"]
    places = ["--head", "--port=26379", "--include-dashboard=false", f"--temp-dir={folder}/ray"], [f"--address={HEAD}"]
    started = []
    try:
        for number in range(count):
            words = [RAY, "start", *places[min(number, 1)], *common]
            if apart:
                mount = f'mount -t tmpfs none {folder}/there && exec "$@"'
                words = ["unshare", "--mount", "sh", "-c", mount, "sh", *words]
            log = (folder / f"node-{number}.log").open("wb")
            started.append(subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL))
            until(lambda want=number + 1: alive() >= want)  # type: ignore[misc]
        yield started
    finally:
        for node in reversed(started):
            node.terminate()
        for node in started:
            try:
                node.wait(20)
            except subprocess.TimeoutExpired:
                node.kill()


def alive() -> int:
    """Return how many nodes the cluster says it has."""
    found = subprocess.run([RAY, "status", f"--address={HEAD}"], capture_output=True, text=True, check=False)
    return found.stdout.count("node_") if found.returncode == 0 else 0


def until(true: Callable[[], bool], seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError("the cluster did not come up")
        time.sleep(0.5)


def on_ray(experiment: Experiment, hear: Callable[[Event], None] = lambda _event: None) -> Any:
    options = RunOptions(devices="cpu", executor="ray", address=HEAD)
    return run(experiment, prepare(experiment, options), hear, options)


def numbers_agree(folder: Path, cluster: list[subprocess.Popen[bytes]]) -> dict[str, Any]:
    """The same suite here and on the cluster."""
    del cluster
    here = open_experiment(suite_file(folder, SUITE), results=folder / "here")
    options = RunOptions(workers=1, devices="cpu")
    run(here, prepare(here, options), lambda _event: None, options)
    there = open_experiment(suite_file(folder, SUITE), results=folder / "there")
    summary = on_ray(there)
    return {"done": summary.done, "same": numbers(here) == numbers(there)}


def a_node_dies(folder: Path, cluster: list[subprocess.Popen[bytes]]) -> dict[str, Any]:
    """Kill the second node in mid-run, raylet and all."""
    there = open_experiment(suite_file(folder, LONG), results=folder / "there")
    told: list[str] = []

    def hear(event: Event) -> None:
        told.append(type(event).__name__ + ("*" if getattr(event, "will_retry", False) else ""))
        if isinstance(event, Progressed) and event.progress.steps > 2000 and cluster[1].poll() is None:
            for pid in below(cluster[1].pid, "raylet"):
                os.kill(pid, signal.SIGKILL)
            cluster[1].kill()
            cluster[1].wait()

    summary = on_ray(there, hear)
    records = list(there.store.outcomes())
    here = open_experiment(suite_file(folder, LONG), results=folder / "here")
    options = RunOptions(workers=2, devices="cpu")
    run(here, prepare(here, options), lambda _event: None, options)
    return {
        "done": summary.done,
        "hindered": summary.hindered,
        "retried": told.count("Ended*"),
        "attempts": sorted(one.attempt for one in records),
        "same": numbers(here) == numbers(there),
    }


def ctrl_c_keeps(folder: Path, cluster: list[subprocess.Popen[bytes]]) -> dict[str, Any]:
    """Interrupt a run as Ctrl-C does, and run again."""
    del cluster
    text = LONG.replace("hyperparameters", "limits: {checkpoint_minutes: 0.05}\nhyperparameters")
    there = open_experiment(suite_file(folder, text), results=folder / "there")
    pids: list[int] = []

    def hear(event: Event) -> None:
        if isinstance(event, Started):
            pids.append(event.pid)
        if isinstance(event, Progressed) and event.progress.train_seconds > 2 and len(pids) == 2:
            pids.append(0)
            os.kill(os.getpid(), signal.SIGINT)

    first = on_ray(there, hear)
    left = [pid for pid in pids if pid and Path(f"/proc/{pid}").exists()]
    second = on_ray(there)
    resumed = [len(one.resumed) for one in there.store.outcomes()]  # type: ignore[union-attr]
    return {
        "interrupted": first.interrupted,
        "stored": first.stored,
        "left": len(left),
        "done": second.done,
        "resumed": resumed,
    }


def storage_is_not_shared(folder: Path, cluster: list[subprocess.Popen[bytes]]) -> dict[str, Any]:
    """Run where nothing of the machines of the cluster lies in the folder of the results."""
    del cluster
    there = open_experiment(suite_file(folder, SUITE), results=folder / "there")
    summary = on_ray(there)
    found = [sorted(path.name for path in place.iterdir()) for place in (folder / "there/spread/trials").iterdir()]
    return {"done": summary.done, "files": found}


def below(pid: int, name: str) -> list[int]:
    import psutil  # noqa: PLC0415

    return [child.pid for child in psutil.Process(pid).children(recursive=True) if name in child.name()]


CHECKS = {one.__name__: one for one in (numbers_agree, a_node_dies, ctrl_c_keeps, storage_is_not_shared)}

if __name__ == "__main__":
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    place = Path(sys.argv[1])
    with nodes(place, apart=sys.argv[2] == "storage_is_not_shared") as running:
        came = CHECKS[sys.argv[2]](place, running)
    print(f"came: {json.dumps(came)}")  # noqa: T201
