"""Results on disk: whole or not at all, read back as they were, and never misread."""

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bench import store as store_room
from bench.errors import BusyError, HindranceError
from bench.pipeline import open_experiment, status
from bench.records import Curve, Failure, Final, GradientNoise, Record, Task, Traits
from bench.store import Store, claim, keep, read, receive
from tests.making import small_trial, suite_file

FLOATS = st.floats(allow_infinity=False, allow_nan=False)


def record(returns: Any = ((1.0, 2.0), (3.0, 4.0)), training: Any = (np.nan, 7.5)) -> Record:
    return Record(
        trial=small_trial(hyperparameters={"clip_range": float("inf"), "policy_kwargs": {"net_arch": [8, 8]}}),
        curve=Curve(
            steps=np.array([100, 200]),
            seconds=np.array([0.5, 1.0]),
            cpu_seconds=np.array([0.4, 0.8]),
            returns=np.array(returns),
            lengths=np.array([[10, 20], [30, 40]]),
            training_returns=np.array(training),
        ),
        final=Final(200, np.array([1.5, 2.5, 3.5]), np.array([7, 8, 9])),
        timings={"wall": 2.0},
        resources={"device": "cpu"},
        provenance={"versions": {"torch": "2.13.0+cpu"}},
        settings={"gamma": 0.99},
    )


@given(arrays(float, (2, 2), elements=FLOATS), arrays(float, 2, elements=st.one_of(FLOATS, st.just(float("nan")))))
def test_a_record_comes_back_to_the_last_bit(
    tmp_path_factory: pytest.TempPathFactory, returns: Any, training: Any
) -> None:
    kept = record(returns, training)
    folder = tmp_path_factory.mktemp("trials") / kept.trial.name
    folder.mkdir()
    keep(kept, folder)
    found = read(folder)
    assert isinstance(found, Record)
    assert found.trial == kept.trial
    assert found.trial.fingerprint == kept.trial.fingerprint
    assert np.array_equal(found.curve.returns, returns)
    assert np.array_equal(found.curve.training_returns, training, equal_nan=True)
    assert (found.timings, found.settings, found.provenance) == (kept.timings, kept.settings, kept.provenance)


def test_a_failure_comes_back_and_a_later_success_replaces_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    failure = Failure(
        record().trial, "timeout", "took longer than 1 minute", "trace", attempt=2, seconds=60.0, steps=50
    )
    store.keep_failure(failure)
    assert store.outcome(failure.trial) == failure
    assert store.survey().state(failure.trial) == "failed"
    keep(record(), store.folder(failure.trial))
    assert store.survey().state(failure.trial) == "done"
    store.keep_failure(failure)
    assert isinstance(store.outcome(failure.trial), Record)


def test_what_another_machine_sends_is_kept_by_the_rules_for_what_is_trained_here(tmp_path: Path) -> None:
    kept, store = record(), Store(tmp_path)
    folder, there = store.folder(kept.trial), tmp_path / "there" / kept.trial.name
    keep(kept, there)
    store.keep_failure(Failure(kept.trial, "killed", "an earlier attempt"))
    for name in ("trial.json", "checkpoint.pkl", "points.json"):
        (folder / name).write_text("{")

    def bring() -> None:
        (folder / "trial.json").write_bytes((there / "trial.json").read_bytes())

    receive(folder, bring)
    assert isinstance(read(folder), Record)
    assert {path.name for path in folder.iterdir()} == {"trial.json", "trial.json.unreadable", "lock"}
    receive(folder, lambda: pytest.fail("the trial is done"))


def test_a_failure_that_cannot_be_written_is_told_with_its_file(tmp_path: Path) -> None:
    store, failure = Store(tmp_path), Failure(record().trial, "timeout", "took longer than 1 minute")
    # A file stands where the folder of trials would be.
    (tmp_path / "trials").write_text("")
    with pytest.raises(HindranceError) as caught:
        store.keep_failure(failure)
    assert str(caught.value).startswith(f"{store.folder(failure.trial) / 'failure.json'}: ")


def test_a_record_from_before_episodes_were_cut_has_none_cut(tmp_path: Path) -> None:
    kept = replace(record(), cut_episodes={"curve": 1, "final": 0, "steps": 9})
    folder = tmp_path / kept.trial.name
    keep(kept, folder)
    found = read(folder)
    assert isinstance(found, Record)
    assert found.cut_episodes == {"curve": 1, "final": 0, "steps": 9}
    data = json.loads((folder / "trial.json").read_text())
    del data["cut_episodes"]
    del data["trial"]["evaluation"]["environments"]
    del data["trial"]["evaluation"]["max_episode_steps"]
    (folder / "trial.json").write_text(json.dumps(data))
    old = read(folder)
    assert isinstance(old, Record)
    assert (old.cut_episodes, old.trial.fingerprint) == ({}, kept.trial.fingerprint)


def test_frames_come_back_and_a_record_without_them_is_written_as_ever(tmp_path: Path) -> None:
    framed, plain = tmp_path / "framed" / record().trial.name, tmp_path / "plain" / record().trial.name
    keep(replace(record(), frames=800), framed)
    keep(record(), plain)
    found = [read(framed), read(plain)]
    assert [one.frames for one in found if isinstance(one, Record)] == [800, None]
    assert "frames" not in json.loads((plain / "trial.json").read_text())


def test_a_record_from_before_updates_were_counted_tells_none_and_keeps_its_identity(tmp_path: Path) -> None:
    kept = replace(record(), updates=7)
    folder = tmp_path / kept.trial.name
    keep(kept, folder)
    found = read(folder)
    assert isinstance(found, Record)
    assert (found.updates, found.trial.fingerprint) == (7, record().trial.fingerprint)
    data = json.loads((folder / "trial.json").read_text())
    del data["updates"]
    (folder / "trial.json").write_text(json.dumps(data))
    old = read(folder)
    assert isinstance(old, Record)
    assert (old.updates, old.trial.fingerprint) == (None, kept.trial.fingerprint)


def test_a_measured_gradient_comes_back_and_a_record_without_one_is_written_as_ever(tmp_path: Path) -> None:
    noise = GradientNoise(batches=5, variance=2.5, plain_variance=4.0, squared_bias=-0.125, squared_norm=0.5, steps=100)
    kept, plain = replace(record(), gradients=(noise, replace(noise, steps=200))), record()
    for one, root in ((kept, "kept"), (plain, "plain")):
        folder = tmp_path / root / one.trial.name
        keep(one, folder)
        found = read(folder)
        assert isinstance(found, Record)
        assert found.gradients == one.gradients
    assert "gradients" not in json.loads((tmp_path / "plain" / plain.trial.name / "trial.json").read_text())


def test_a_message_of_any_length_is_read_and_told_in_brief(tmp_path: Path) -> None:
    experiment = open_experiment(suite_file(tmp_path), results=tmp_path)
    trial = experiment.plan.trials[0]
    experiment.store.keep_failure(Failure(trial, "exception", "begin" + 30_000 * "x" + "end", 40_000 * "y"))
    failure = experiment.store.outcome(trial)
    assert isinstance(failure, Failure)
    assert failure.message[:6] + failure.message[-4:] == "beginxxend"
    assert len(failure.message) + len(failure.traceback) < 41_000
    assert len(str(status(experiment))) < 3_000


def test_what_the_store_says_it_offers_is_there() -> None:
    assert set(store_room.__all__) <= set(vars(store_room))


def test_nothing_but_the_whole_file_is_ever_seen(tmp_path: Path) -> None:
    keep(record(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["trial.json"]


def _hold(folder: Path, ready: Any) -> None:
    with claim(folder):
        ready.set()
        signal.pause()


@contextmanager
def held(folder: Path) -> Iterator[int]:
    context = multiprocessing.get_context("forkserver")
    ready = context.Event()
    process = context.Process(target=_hold, args=(folder, ready))
    process.start()
    assert ready.wait(30)
    assert process.pid is not None
    try:
        yield process.pid
    finally:
        process.kill()
        process.join()


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)


def test_a_trial_that_another_process_holds_is_running_and_cannot_be_claimed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    folder = store.folder(record().trial)
    with held(folder):
        assert store.survey().state(record().trial) == "running"
        with pytest.raises(BusyError), claim(folder):
            pass
        store.tidy(record().trial)
        assert folder.exists()


def test_a_lock_that_was_tidied_away_while_another_waited_for_it_is_not_taken_for_the_folder_s(tmp_path: Path) -> None:
    # One process removes the lock while it holds it, as tidying does; who has opened the old file must not go on.
    folder, free = tmp_path / "trial", 0
    with ThreadPoolExecutor(4) as threads:
        for _ in range(20):
            free += sum(threads.map(_works_alone, [folder] * 4))
            assert not (folder / "alone").exists()
    assert free >= 20


def _works_alone(folder: Path) -> bool:
    try:
        with claim(folder):
            (folder / "alone").open("x").close()
            time.sleep(0.001)
            (folder / "alone").unlink()
            (folder / "lock").unlink()
    except BusyError:
        return False
    return True


def test_what_a_killed_writer_left_goes_with_the_next_claim_and_what_a_living_one_writes_stays(tmp_path: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    host = socket.gethostname().replace(".", "-")
    names = {
        f"trial.json.{host}.{gone.pid}.tmp": False,
        f"trial.json.{host}.{os.getppid()}.tmp": True,
        "trial.json.elsewhere.1.tmp": True,
        "failure.json.elsewhere.2.tmp": False,
    }
    for name in names:
        (tmp_path / name).touch()
    an_hour_ago = time.time() - 3601
    os.utime(tmp_path / "failure.json.elsewhere.2.tmp", (an_hour_ago, an_hour_ago))
    with claim(tmp_path):
        assert {name: (tmp_path / name).exists() for name in names} == names


def test_a_policy_that_was_cut_short_in_the_folder_of_a_done_trial_goes_with_the_next_run(tmp_path: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    host = socket.gethostname().replace(".", "-")
    folder = tmp_path / "trials" / "done"
    half = folder / f"policy.x7.{host}.{gone.pid}.tmp"
    half.mkdir(parents=True)
    (half / "policy.zip").touch()
    assert Store(tmp_path).prepare()
    assert list(folder.iterdir()) == []


def test_a_survey_tells_what_is_done_at_work_failed_and_not_there(tmp_path: Path) -> None:
    store = Store(tmp_path)
    trials = [replace(small_trial(), seed=seed) for seed in range(4)]
    keep(replace(record(), trial=trials[0]), store.folder(trials[0]))
    store.keep_failure(Failure(trials[1], "timeout", "took longer than 1 minute"))
    with claim(store.folder(trials[2])):
        found = store.survey()
        assert [found.state(one) for one in trials] == ["done", "failed", "running", "missing"]
    assert found.state(trials[2]) == store.survey().state(trials[2]) == "missing"
    # One file of a second attempt stands in nobody's way: what it did not write is not looked for.
    (store.folder(trials[2]) / "log.txt").touch()
    store.tidy(trials[2])
    assert not store.folder(trials[2]).exists()
    store.tidy(trials[1])
    assert store.survey().state(trials[1]) == "failed"


def test_what_was_found_in_environments_comes_back_and_a_later_look_replaces_an_earlier_one(tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    wrapped = Task("Mine-v0", {"size": 3}, ("mine.Wrapper", {"mine.Other": {"skip": 2}}), 4)
    first, other = Traits("Mine-v0", "discrete", "vector", 2, 4, 100), Traits("Mine-v0", "continuous", "image")
    store.keep_inspected([])
    assert store.inspected() == []
    store.keep_inspected([(Task("Mine-v0"), first), (wrapped, first)])
    store.keep_inspected([(wrapped, other)])
    assert store.inspected() == [(Task("Mine-v0"), first), (wrapped, other)]


def test_a_killed_owner_leaves_the_trial_free_at_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    folder = store.folder(record().trial)
    with held(folder) as owner:
        os.kill(owner, signal.SIGKILL)
        wait_until(lambda: store.survey().state(record().trial) == "missing")
    with claim(folder):
        assert store.survey().state(record().trial) == "running"
    store.tidy(record().trial)
    assert not folder.exists()


def test_a_root_that_cannot_be_made_is_told_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HindranceError) as caught:
        Store(tmp_path / "file" / "results").prepare()
    assert str(caught.value).startswith(f"{tmp_path / 'file' / 'results'}: ")


def test_a_label_is_no_part_of_the_identity_and_everything_else_is() -> None:
    trial = small_trial()
    assert replace(trial, label="renamed", provenance="elsewhere").fingerprint == trial.fingerprint
    changes: list[dict[str, Any]] = [
        {"seed": 1},
        {"steps": 201},
        {"environment": "bench/Bandit-v0"},
        {"hyperparameters": {"gamma": 0.5}},
        {"environment_kwargs": {"slip": 0.2}},
        {"versions": {"numpy": "0.0"}},
        {"implementation": "elsewhere:Q"},
        {"evaluation": replace(trial.evaluation, deterministic=False)},
    ]
    found = {replace(trial, **change).fingerprint for change in changes}
    assert len(found | {trial.fingerprint}) == len(changes) + 1
    assert replace(trial, seed=1).configuration == trial.configuration
