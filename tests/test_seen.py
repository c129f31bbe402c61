"""Many trials on disk: what was whole is not read again to count it, whoever counts, and whoever has stored it."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bench import pipeline
from bench.pipeline import Experiment, RunOptions
from bench.runner.jobs import Ended, Event
from bench.store import Store, Survey, seen
from bench.store.seen import Mark
from tests.making import suite_file

MANY = """
name: small
seeds: {seeds}
evaluation: {{points: 1, episodes: 1, final_episodes: 1}}
hyperparameters: default
algorithms: [q_learning]
environments:
  bench/Bandit-v0: {{steps: 10}}
"""
SEEDS, MISSING = 110, 3


class Ear:
    """Hears which records this process opens, while it listens; what hears cannot be taken out of a process again."""

    def __init__(self) -> None:
        self._heard: list[str] | None = None
        sys.addaudithook(self._hear)

    def _hear(self, event: str, words: tuple[object, ...]) -> None:
        if event == "open" and self._heard is not None and str(words[0]).endswith("trial.json"):
            self._heard.append(Path(str(words[0])).parent.name)

    @contextmanager
    def listening(self) -> Iterator[list[str]]:
        self._heard = heard = list[str]()
        try:
            yield heard
        finally:
            self._heard = None


EAR = Ear()


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """Give an experiment of which all but three trials are done, some time ago."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    one = pipeline.open_experiment(suite_file(tmp_path, MANY.format(seeds=1)), results=tmp_path)
    run(one)
    experiment = pipeline.open_experiment(suite_file(tmp_path, MANY.format(seeds=SEEDS)), results=tmp_path)
    (first,) = one.plan.trials
    data = json.loads((one.store.folder(first) / "trial.json").read_text())
    for trial in experiment.plan.trials[1:-MISSING]:
        own = data | {"fingerprint": trial.fingerprint, "trial": data["trial"] | {"seed": trial.seed}}
        experiment.store.folder(trial).mkdir()
        (experiment.store.folder(trial) / "trial.json").write_text(json.dumps(own))
    # Younger records may change without a sign.
    time.sleep(2.1)
    assert len(experiment.store.survey().done) == SEEDS - MISSING
    return experiment


def run(experiment: Experiment, hear: Callable[[Event], None] = lambda _: None) -> pipeline.Summary:
    options = RunOptions(workers=1, devices="cpu")
    return pipeline.run(experiment, pipeline.prepare(experiment, options), hear, options)


def counted(experiment: Experiment) -> tuple[int, list[str]]:
    """Return how many trials are done, and the records that were opened to find out."""
    with EAR.listening() as opened:
        done = len(experiment.store.survey().done)
    return done, opened


def test_each_record_that_a_run_stores_is_opened_once_and_none_at_its_end(many: Experiment) -> None:
    options = RunOptions(workers=1, devices="cpu")
    opened_at_end: list[int] = []
    jobs = pipeline.prepare(many, options)
    with EAR.listening() as opened:

        def hear(event: Event) -> None:
            if isinstance(event, Ended):
                opened_at_end.append(len(opened))

        assert pipeline.run(many, jobs, hear, options).done == SEEDS
    assert sorted(opened) == sorted(job.trial.name for job in jobs)
    # By the time that its end is told.
    assert opened_at_end == [1, 2, 3]


def test_after_a_run_neither_another_user_nor_another_machine_reads_a_record_to_count_it(
    many: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(many)
    assert counted(many) == (SEEDS, [])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another"))
    assert counted(many) == (SEEDS, [])
    # What is kept for oneself is enough, too.
    (many.store.root / "index.json").unlink()
    assert counted(many) == (SEEDS, [])
    assert (many.store.root / "index.json").exists()


def test_what_a_run_has_stored_is_kept_while_it_lasts(many: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "_KEEP_SECONDS", 0.0)
    kept: list[int] = []

    def hear(event: Event) -> None:
        if isinstance(event, Ended):
            kept.append(len(json.loads((many.store.root / "index.json").read_text())["whole"]))

    run(many, hear)
    assert kept == [SEEDS - 2, SEEDS - 1, SEEDS]


def test_where_files_have_other_marks_on_another_machine_neither_reads_all_each_time(many: Experiment) -> None:
    index = many.store.root / "index.json"
    kept = json.loads(index.read_text())
    index.write_text(json.dumps(kept | {"whole": {name: [*found[:3], 1] for name, found in kept["whole"].items()}}))
    assert counted(many) == (SEEDS - MISSING, [])


def test_a_record_that_is_changed_is_read_whatever_the_run_that_stored_it_knows(many: Experiment) -> None:
    run(many)
    changed = many.store.folder(many.plan.trials[-1]) / "trial.json"
    changed.write_text("{")
    assert counted(many) == (SEEDS - 1, [changed.parent.name])


def test_few_records_are_not_worth_a_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    experiment = pipeline.open_experiment(suite_file(tmp_path, MANY.format(seeds=2)), results=tmp_path)
    with EAR.listening() as opened:
        assert run(experiment).done == 2
    assert len(opened) == 2
    assert not (experiment.store.root / "index.json").exists()
    assert not (tmp_path / "cache" / "bench" / "records").exists()


class Interrupted(Store):
    """Results that somebody presses Ctrl-C at while they are looked through."""

    def survey(self, stored: Mapping[str, Mark] | None = None) -> Survey:
        # Heard before it returns, whichever thread the system would have told of a signal from outside.
        signal.raise_signal(signal.SIGINT)
        return super().survey(stored)


def test_ctrl_c_while_the_records_are_counted_ends_the_command(tmp_path: Path) -> None:
    experiment = pipeline.open_experiment(suite_file(tmp_path, MANY.format(seeds=2)), results=tmp_path)
    # Whoever starts the tests in the background has them ignore it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            pipeline.run(replace(experiment, store=Interrupted(experiment.store.root)), [], lambda _: None)
    finally:
        signal.signal(signal.SIGINT, before)
