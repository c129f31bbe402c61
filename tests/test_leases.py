"""Claims without locks: by a file with a heartbeat, free again when its owner is gone."""

import errno
import json
import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from bench.errors import BusyError
from bench.store import claim, leases
from tests.making import suite_file

# What Lustre without `-o flock` (ENOSYS), some NFS (ENOLCK) and some others say to every lock.
LOCKLESS = """
import fcntl, os
def flock(file, kind):
    raise OSError(int(os.environ["FLOCK"]), "no locks")
fcntl.flock = flock
"""


def age(folder: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(folder / "lease", (then, then))


def elsewhere(folder: Path) -> None:
    (folder / "lease").write_text(json.dumps({"machine": "another", "process": 1, "started": 0.0}))


def test_a_lease_holds_others_off_and_goes_with_its_block(tmp_path: Path) -> None:
    with leases.hold(tmp_path):
        assert leases.live(tmp_path)
        with pytest.raises(BusyError), leases.hold(tmp_path):
            pass
    assert not leases.live(tmp_path)
    assert list(tmp_path.iterdir()) == []


def _hold(folder: Path, ready: Any) -> None:
    with leases.hold(folder):
        ready.set()
        time.sleep(300)


def test_a_killed_owner_on_this_machine_leaves_the_folder_free_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    ready = context.Event()
    owner = context.Process(target=_hold, args=(tmp_path, ready))
    owner.start()
    assert ready.wait(30)
    assert leases.live(tmp_path)
    owner.kill()
    owner.join()
    assert not leases.live(tmp_path)
    with leases.hold(tmp_path):
        assert leases.live(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_owner_on_another_machine_holds_while_its_heart_beats_and_ten_minutes_longer(tmp_path: Path) -> None:
    elsewhere(tmp_path)
    age(tmp_path, 590)
    assert leases.live(tmp_path)
    with pytest.raises(BusyError), leases.hold(tmp_path):
        pass
    age(tmp_path, 610)
    assert not leases.live(tmp_path)
    with leases.hold(tmp_path):
        assert json.loads((tmp_path / "lease").read_text())["process"] == os.getpid()


def test_a_process_that_only_has_the_number_of_the_owner_is_not_the_owner(tmp_path: Path) -> None:
    with leases.hold(tmp_path):
        owner = json.loads((tmp_path / "lease").read_text())
        (tmp_path / "lease").write_text(json.dumps({**owner, "started": owner["started"] - 60}))
        assert not leases.live(tmp_path)


def test_an_owner_that_was_taken_for_gone_does_not_remove_its_successor_s_lease(tmp_path: Path) -> None:
    with leases.hold(tmp_path):
        elsewhere(tmp_path)
    assert leases.live(tmp_path)


def test_where_the_file_system_has_locks_a_claim_needs_no_lease(tmp_path: Path) -> None:
    with claim(tmp_path / "trial"):
        assert {path.name for path in (tmp_path / "trial").iterdir()} == {"lock"}


def test_a_system_that_starts_no_more_threads_refuses_a_lease_in_its_own_words() -> None:
    class Refused(Thread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    with pytest.raises(BlockingIOError, match="can't start new thread"):
        leases._start(Refused())


def test_a_file_that_its_owner_is_just_writing_counts(tmp_path: Path) -> None:
    (tmp_path / "lease").touch()
    assert leases.live(tmp_path)


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK])
def test_a_file_system_without_locks_is_told_once_and_everything_runs(tmp_path: Path, number: int) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(LOCKLESS)
    path = [str(tmp_path / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]
    surroundings = {**os.environ, "PYTHONPATH": os.pathsep.join(path), "FLOCK": str(number), "COLUMNS": "400"}

    def bench(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "bench.cli", *words, "--results", str(tmp_path / "r")]
        return subprocess.run(
            command, env=surroundings, capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path
        )

    suite = str(suite_file(tmp_path))
    done = bench("run", suite, "--no-report", "--only", "random")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 of 6 trials done, 0 failed" in done.stdout
    assert done.stderr.count("without locks") == 1
    told = json.loads(bench("status", suite, "--only", "random", "--json").stdout)
    assert {(cell["done"], cell["running"], cell["missing"]) for cell in told["cells"]} == {(3, 0, 0)}
    assert not list(tmp_path.rglob("lease*"))
