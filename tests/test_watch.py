"""A run is seen as it comes: from the folder alone, by whoever has the address, and nothing is changed by it."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import sync_playwright

from bench import pipeline
from bench.pipeline import Experiment
from bench.records import POINTS, Failure
from bench.runner.jobs import Job, Progress
from bench.runner.trial import run_trial
from bench.store import claim, keep
from bench.watch import page
from bench.watch.server import Server
from bench.watch.state import Reader
from tests.making import TOY, carry_out, nothing, run_suite, small_trial, suite_file

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)


def test_evaluations_are_told_while_a_trial_is_at_work_and_gone_with_its_record(tmp_path: Path) -> None:
    trial, seen = small_trial(steps=200), list[object]()

    def look(progress: Progress) -> None:
        if progress.doing == "evaluating the final policy":
            seen.append(json.loads((tmp_path / POINTS).read_text()))

    run_trial(Job(trial, tmp_path, nothing), look, keep=keep)()
    told = json.loads((tmp_path / "trial.json").read_text())["curve"]
    means = [sum(returns) / len(returns) for returns in told["returns"]]
    assert seen[0] == {"steps": told["steps"], "returns": pytest.approx(means)}
    assert not (tmp_path / POINTS).exists()


@pytest.fixture
def halfway(tmp_path: Path) -> Iterator[Experiment]:
    """A run of 18 trials of which three are done, one is at work and one has failed."""
    path = suite_file(tmp_path, TOY)
    experiment = pipeline.open_experiment(path, results=tmp_path)
    options = pipeline.RunOptions(workers=2, devices="cpu")
    for job in pipeline.prepare(experiment, options)[:3]:
        carry_out(job.trial, job.folder.parent)
    survey = experiment.store.survey()
    at_work, failing, *_ = (trial for trial in experiment.plan.trials if survey.state(trial) == "missing")
    folder = experiment.store.folder(at_work)
    with claim(folder):
        (folder / POINTS).write_text('{"steps": [200], "returns": [0.25]}')
        (folder / "log.txt").write_text("it is at work\n")
        experiment.store.keep_failure(Failure(failing, "diverged", "a <b>weight</b> is not finite"))
        yield experiment


def test_what_is_done_at_work_and_failed_is_read_from_the_folder(halfway: Experiment) -> None:
    state = Reader(halfway).state()
    total = {
        name: sum(getattr(cell, name) for cell in state.cells) for name in ("done", "failed", "running", "missing")
    }
    assert total == {"done": 3, "failed": 1, "running": 1, "missing": 13}
    (one,) = state.running
    assert (one.steps, one.mean_return) == (200, 0.25)
    (failure,) = state.failures
    assert failure.kind == "diverged"
    curves = [curve for curves in state.curves.values() for curve in curves]
    assert sum(len(curve.runs) for curve in curves) == 4
    for curve in curves:
        for run in curve.runs:
            assert len(run) == len(curve.x)


def test_the_thick_line_goes_as_far_as_every_run_that_has_begun(halfway: Experiment) -> None:
    state = Reader(halfway).state()
    (one,) = state.running
    curve = next(curve for curve in state.curves[one.environment] if curve.label == one.label)
    told = [run for run in curve.runs if math.isnan(run[-1])]
    assert told[0][0] == 0.25
    assert [math.isfinite(value) for value in curve.estimate] == [True, False]


def test_a_damaged_file_of_points_is_a_trial_without_any(halfway: Experiment) -> None:
    (one,) = Reader(halfway).state().running
    for text in ("", "[]", '{"steps": [1], "returns": []}', '{"steps": ["x"], "returns": [1]}', "\0"):
        (halfway.store.root / "trials" / one.name / POINTS).write_text(text)
        assert Reader(halfway).state().running[0].mean_return is None


def test_trials_of_a_cell_that_failed_alike_are_told_in_one_line(halfway: Experiment) -> None:
    one, two, three, *_ = [trial for trial in halfway.plan.trials if trial.cell == halfway.plan.trials[0].cell]
    failed = [
        Failure(one, "diverged", "not finite"),
        Failure(two, "killed", "by 9"),
        Failure(three, "diverged", "not finite"),
    ]
    text = page.content(halfway, replace(Reader(halfway).state(), failures=failed))
    alike, other = [line for line in text.splitlines() if line.startswith("<li>")]
    assert [alike.count(f"log/{trial.name}") for trial in (one, two, three)] == [1, 0, 1]
    assert alike.count("diverged, not finite") == 1
    assert "killed, by 9" in other


def test_before_anything_has_begun_the_page_says_so_much(tmp_path: Path) -> None:
    experiment = pipeline.open_experiment(suite_file(tmp_path, TOY), results=tmp_path)
    text = page.content(experiment, Reader(experiment).state())
    assert "0 of 18 trials done" in text
    assert "Failures" not in text
    assert "Learning curves" not in text


@pytest.fixture
def served(halfway: Experiment) -> Iterator[Server]:
    with Server(halfway) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    tag: str


def asked(server: Server, path: str, method: str = "GET", **headers: str) -> Answer:
    line = HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    line.request(method, path, headers=headers)
    answer = line.getresponse()
    return Answer(answer.status, answer.read().decode(), answer.headers["ETag"] or "")


def digest(root: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        found.update(f"{path.relative_to(root)}".encode() + (path.read_bytes() if path.is_file() else b""))
    return found.hexdigest()


def test_the_page_what_changes_and_logs_are_served_and_nothing_in_the_folder_is_changed(served: Server) -> None:
    root, home = served.experiment.store.root, urlsplit(served.url).path
    before = digest(root)
    assert "<h1>" in asked(served, home).text
    content = asked(served, f"{home}content")
    assert "3 of 18 trials done, 1 failed, 1 running" in content.text
    # What trials say is text.
    assert "a &lt;b&gt;weight&lt;/b&gt; is not finite" in content.text
    (one,) = Reader(served.experiment).state().running
    assert asked(served, f"{home}log/{one.name}").text == "it is at work\n"
    again = asked(served, f"{home}content", **{"If-None-Match": content.tag})
    assert again.status == 304
    assert digest(root) == before


@pytest.mark.parametrize("path", ["/", "/content", "/wrong/", "/wrong/content", "/../", "//"])
def test_without_the_secret_there_is_nothing(served: Server, path: str) -> None:
    answer = asked(served, path)
    assert (answer.status, answer.text) == (404, "nothing here\n")


def test_who_comes_by_another_name_is_refused(served: Server) -> None:
    home = urlsplit(served.url).path
    assert asked(served, home, Host=f"elsewhere.example:{served.server_port}").status == 404
    assert asked(served, home, Host=f"localhost:{served.server_port}").status == 200
    assert asked(served, home, Host="127.0.0.1:1").status == 404


@pytest.mark.parametrize("name", ["../../suite.yaml", "..%2F..%2Fsuite.yaml", "%2Fetc%2Fpasswd", "", "none"])
def test_a_log_is_a_planned_trials_or_none(served: Server, name: str) -> None:
    assert asked(served, f"{urlsplit(served.url).path}log/{name}").status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_can_be_asked_for_but_to_read(served: Server, method: str) -> None:
    assert asked(served, urlsplit(served.url).path, method).status == 501


def test_it_listens_on_this_machine_alone_and_each_time_has_another_secret(halfway: Experiment) -> None:
    with Server(halfway) as one, Server(halfway) as other:
        assert {one.server_address[0], other.server_address[0]} == {"127.0.0.1"}
        assert one.token != other.token
        assert len(one.token) >= 32


LOOKS: list[tuple[int, Literal["light", "dark"]]] = [(1440, "light"), (390, "dark")]


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the path")
def test_browsers_wide_and_narrow_show_the_run_as_it_comes_without_being_asked_again(tmp_path: Path) -> None:
    path = suite_file(tmp_path, TOY)
    experiment = pipeline.open_experiment(path, results=tmp_path)
    with Server(experiment) as server, sync_playwright() as driver:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tabs = [
            browser.new_page(viewport={"width": wide, "height": 900}, color_scheme=scheme) for wide, scheme in LOOKS
        ]
        noise: list[str] = []
        for tab in tabs:
            tab.on("console", lambda message: noise.append(message.text))
            tab.on("pageerror", lambda error: noise.append(str(error)))
            tab.set_default_timeout(120_000)
            tab.goto(server.url)
            tab.get_by_text("0 of 18 trials done").wait_for()
        run_suite(path, tmp_path)
        for tab, (width, _) in zip(tabs, LOOKS, strict=True):
            tab.get_by_text("18 of 18 trials done").wait_for()
            assert tab.locator("figure svg").count() == len({trial.environment for trial in experiment.plan.trials})
            assert tab.evaluate("document.documentElement.scrollWidth") <= width
        server.shutdown()
        server.server_close()
        for tab in tabs:
            tab.get_by_text("does not answer").wait_for()
        # What it says of its own when the server is gone is the browser's.
        assert [said for said in noise if "Failed to load resource" not in said] == []
        browser.close()
        thread.join()
