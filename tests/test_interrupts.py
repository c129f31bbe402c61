"""Ctrl-C, SIGTERM, a closed terminal, a closed pipe, at whatever moment: results kept, exit code 130, no traceback."""

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from bench.console import STOPPING
from tests.making import TOY, run_suite, suite_file
from tests.test_local_executor import until

# Some seconds of learning libraries to import before the first trial.
HEAVY = (
    TOY.replace("[q_learning, softmax_reinforce, random]", "[ppo]")
    .replace("steps: 400", "steps: 4000")
    .replace("steps: 100}", "steps: 4000}")
)
# Trials long enough to be met at work.
SLOW = TOY.replace("steps: 400", "steps: 4000")


@dataclass
class Terminal:
    """A command in a terminal of its own, as its foreground process group."""

    process: int
    screen: int
    text: str = ""
    code: int | None = None
    family: set[psutil.Process] = field(default_factory=set)

    def look(self) -> None:
        with contextlib.suppress(OSError):  # nothing new, or the other end is closed
            self.text += os.read(self.screen, 65536).decode(errors="replace")
        if self.code is None:
            with contextlib.suppress(psutil.NoSuchProcess):
                self.family |= set(psutil.Process(self.process).children(recursive=True))
            ended, status = os.waitpid(self.process, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if ended else None

    def until(self, true: Callable[[], bool], seconds: float = 60.0) -> None:
        deadline = time.monotonic() + seconds
        while not true() and self.code is None and time.monotonic() < deadline:
            self.look()
            time.sleep(0.01)

    def press_ctrl_c(self) -> None:
        os.write(self.screen, b"\x03")

    def hang_up(self) -> None:
        os.close(self.screen)
        self.screen = os.open(os.devnull, os.O_RDONLY)

    def end(self) -> None:
        self.until(lambda: self.code is not None)
        self.look()

    def serves_forks(self) -> bool:
        return any("forkserver" in " ".join(_command(process)) for process in self.family)


def _command(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.Error):
        return list(process.cmdline())
    return []


@pytest.fixture
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Terminal]:
    """The suite of the parameter, run to the report where no other words follow it."""
    text, *more = request.param
    words = ["run", str(suite_file(tmp_path, text)), "--results", str(tmp_path), "--workers", "2", *more]
    process, screen = pty.fork()
    if process == 0:
        os.chdir(tmp_path)
        os.environ.update(TERM="xterm", COLUMNS="200")
        os.execv(sys.executable, [sys.executable, "-m", "bench.cli", *words])  # noqa: S606 - the real command
    os.set_blocking(screen, False)
    terminal = Terminal(process, screen)
    yield terminal
    os.close(terminal.screen)
    if terminal.code is None:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


heavy = pytest.mark.parametrize("run", [(HEAVY,)], indirect=True, ids=["heavy"])
# Trials that are never over; told to go in their first minute, they have too little to lose to be stored.
ENDLESS = TOY.replace("seeds: 3", "seeds: 2").replace("[q_learning, softmax_reinforce, random]", "[q_learning]")
ENDLESS = ENDLESS.replace("steps: 400", "steps: 40_000_000").replace("  bench/Bandit-v0: {steps: 100}\n", "")
endless = pytest.mark.parametrize("run", [(ENDLESS, "--no-report")], indirect=True, ids=["endless"])
slow = pytest.mark.parametrize("run", [(SLOW,)], indirect=True, ids=["slow"])
unreported = pytest.mark.parametrize("run", [(SLOW, "--no-report")], indirect=True, ids=["unreported"])


def records(folder: Path) -> int:
    return len(list(folder.glob("*/trials/*/trial.json")))


def assert_ended_cleanly(terminal: Terminal, folder: Path) -> None:
    terminal.end()
    assert terminal.code == 130
    for trouble in ("Traceback", "Exception ignored", "Fatal"):
        assert trouble not in terminal.text
    assert not list(folder.rglob("failure.json"))
    # Folders are kept for what is done; the others are tidied.
    assert len(list(folder.glob("*/trials/*"))) == records(folder)
    assert until(lambda: not any(map(_lives, terminal.family)))


def _lives(process: psutil.Process) -> bool:
    """Return whether a process is at work; who adopts it may take long to hear that it is not."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


@heavy
@pytest.mark.parametrize("seconds", [0.4, 0.9])
def test_ctrl_c_in_the_first_second(run: Terminal, tmp_path: Path, seconds: float) -> None:
    run.until(lambda: False, seconds)
    run.press_ctrl_c()
    assert_ended_cleanly(run, tmp_path)


@heavy
def test_ctrl_c_while_the_fork_server_imports_what_all_trials_need(run: Terminal, tmp_path: Path) -> None:
    run.until(run.serves_forks)
    run.press_ctrl_c()
    assert_ended_cleanly(run, tmp_path)
    assert records(tmp_path) == 0


@slow
def test_ctrl_c_twice_while_trials_are_at_work(run: Terminal, tmp_path: Path) -> None:
    run.until(lambda: records(tmp_path) >= 1)
    run.press_ctrl_c()
    run.until(lambda: False, 0.1)
    run.press_ctrl_c()
    assert_ended_cleanly(run, tmp_path)
    assert records(tmp_path) >= 1


@endless
def test_the_first_ctrl_c_is_answered_at_once_and_what_begins_anew_is_counted(run: Terminal, tmp_path: Path) -> None:
    run.until(lambda: len(list(tmp_path.glob("*/trials/*/points.json"))) == 2)
    run.press_ctrl_c()
    assert_ended_cleanly(run, tmp_path)
    told, came = run.text.partition(STOPPING)[::2]
    assert "interrupted;" not in told
    assert "interrupted; everything finished is kept, the same command goes on from here; 2 trials begin anew" in came


@unreported
def test_a_signal_to_the_whole_process_group(run: Terminal, tmp_path: Path) -> None:
    run.until(lambda: records(tmp_path) >= 1)
    os.killpg(run.process, signal.SIGTERM)
    assert_ended_cleanly(run, tmp_path)


@slow
def test_a_terminal_that_is_closed(run: Terminal, tmp_path: Path) -> None:
    run.until(lambda: records(tmp_path) >= 1)
    run.hang_up()
    assert_ended_cleanly(run, tmp_path)


@slow
def test_ctrl_c_while_the_report_is_written(run: Terminal, tmp_path: Path) -> None:
    run.until(lambda: records(tmp_path) == 18 and "nothing left to run" in run.text)
    run.until(lambda: False, 0.3)
    run.press_ctrl_c()
    assert_ended_cleanly(run, tmp_path)
    assert not list(tmp_path.rglob("*.tmp"))


def test_what_is_stored_does_not_begin_anew_and_programs_are_told_of_the_end_apart_from_their_json(
    tmp_path: Path,
) -> None:
    text = ENDLESS.replace("seeds: 2", "seeds: 1\nlimits: {checkpoint_minutes: 0.02}")
    words = ["run", str(suite_file(tmp_path, text)), "--results", str(tmp_path), "--json", "--no-report"]
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.cli", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert until(lambda: bool(list(tmp_path.glob("*/trials/*/checkpoint.pkl"))))
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"bench: {STOPPING}\n" in errors
    summary = [json.loads(line) for line in out.splitlines()][-1]
    assert (summary["interrupted"], summary["stored"], summary["anew"]) == (True, 1, 0)


def command(tmp_path: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "bench.cli", "run", str(suite_file(tmp_path)), "--results", str(tmp_path), *words]


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_a_pipe_whose_reader_goes_ends_the_run_like_ctrl_c(tmp_path: Path, words: list[str]) -> None:
    process = subprocess.Popen(
        command(tmp_path, "--no-report", "--workers", "1", *words), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    errors = process.stderr.read().decode()
    assert process.wait(60) == 130
    assert "Traceback" not in errors
    assert records(tmp_path) < 18
    assert not list(tmp_path.rglob("failure.json"))
    process.stderr.close()


@pytest.mark.parametrize("closed", ["</dev/null >&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed_from_the_start_change_nothing(tmp_path: Path, closed: str) -> None:
    words = command(tmp_path, "--no-report", "--only", "random")
    done = subprocess.run(["sh", "-c", f'"$@" {closed}', "sh", *words], check=False, timeout=120)
    assert done.returncode == 0
    assert records(tmp_path) == 6


def test_output_that_cannot_be_written_costs_words_and_no_trial(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command(tmp_path, "--no-report", "--only", "random"),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=120,
        )
    assert done.returncode == 1
    assert "bench: standard output: cannot be used (No space left on device)" in done.stderr
    assert "Traceback" not in done.stderr
    assert records(tmp_path) == 6
    _, summary = run_suite(tmp_path / "small.yaml", tmp_path)
    assert (summary.failed, summary.hindered) == (0, 0)


@pytest.mark.parametrize(("words", "code"), [(["--version"], 1), (["status", "no-such.yaml"], 2)])
def test_where_both_streams_are_full_the_exit_code_tells_as_much_as_ever(words: list[str], code: int) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-m", "bench.cli", *words], stdout=full, stderr=full, check=False)
    assert done.returncode == code


SWALLOWING = """
import os, signal, sys, time
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            sys.meta_path.remove(self)
            try:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.1)
            except BaseException:
                time.sleep(5)
sys.meta_path.insert(0, Finder())
"""


def test_an_interrupt_that_a_library_swallows_is_raised_again(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(SWALLOWING)
    path = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-m", "bench.cli", "list", "algorithms"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "bench: interrupted\n")
