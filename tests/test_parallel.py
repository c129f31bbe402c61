"""Work spread over processes: the same results in the same order, whatever becomes of the helpers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from bench.report.folder import write
from bench.report.parallel import FEWEST_PIECES, spread
from tests.estimates_fixture import synthetic
from tests.marked_work import work

PIECES = list(range(2 * FEWEST_PIECES))


@pytest.mark.parametrize(("fault", "helped"), [("", True), ("prints", True), ("dies", False), ("fails", False)])
def test_results_come_in_order_whatever_a_helper_does_and_it_is_gone(
    fault: str, *, helped: bool, tmp_path: Path
) -> None:
    before = psutil.Process().children()
    found = spread(partial(work, os.getpid(), tmp_path / "mark", fault), PIECES, 2)
    assert [piece for piece, _ in found] == PIECES
    assert (tmp_path / "mark").exists()
    assert any(helping for _, helping in found) == helped
    # Other tests of this process may have left a fork server.
    assert psutil.Process().children() == before


@pytest.mark.parametrize("processes", [1, 2])
def test_what_is_done_meanwhile_is_done_once_and_before_any_piece_here(processes: int) -> None:
    told: list[int] = []
    found = spread(lambda _: len(told), PIECES, processes, meanwhile=lambda: told.append(1))
    assert found == [1] * len(PIECES)


def test_an_error_here_leaves_no_helper() -> None:
    before = psutil.Process().children()
    with pytest.raises(ZeroDivisionError):
        spread(partial(divmod, 1), [0] * len(PIECES), 2)
    assert psutil.Process().children() == before


def test_work_that_cannot_be_sent_is_done_here() -> None:
    assert spread(lambda piece: piece, PIECES, 2) == PIECES


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_no_helper_outlives_a_process_that_a_signal_ends(number: signal.Signals) -> None:
    # A process that begins in the background is deaf to an interrupt, and so would this one be.
    program = (
        "import signal, time; signal.signal(signal.SIGINT, signal.default_int_handler); "
        f"from bench.report.parallel import spread; spread(time.sleep, [0.1] * {100 * len(PIECES)}, 2)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL) as one:
        parent, helpers = psutil.Process(one.pid), list[psutil.Process]()
        while not helpers and parent.status() != psutil.STATUS_ZOMBIE:
            helpers = parent.children()
            time.sleep(0.05)
        one.send_signal(number)
        assert one.wait(60) != 0
    (helper,) = helpers
    until = time.monotonic() + 60
    # Where nobody collects orphans, it stays listed as ended.
    while helper.is_running() and helper.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_page_by_two_processes_is_the_same_to_the_last_byte(tmp_path: Path) -> None:
    found = synthetic(environments=[f"Environment{place}-v0" for place in range(4)])
    pages = [
        write(found, tmp_path / str(count), figure_formats=(), table_formats=(), processes=count).read_text()
        for count in (1, 2)
    ]
    assert pages[0].count("<figure") >= 2 * FEWEST_PIECES
    assert pages[0] == pages[1]
