"""Seeds of one cell in one process: nothing of one trial reaches the next, and what goes wrong costs one alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench import pipeline
from bench.pipeline import RunOptions
from bench.records import Limits, Record
from bench.runner.jobs import Ended, Event, Job, Progressed, Slowed, Started, Work
from bench.runner.local import MOST_TRIALS, LocalExecutor
from tests import misbehaviour
from tests.making import numbers, suite_file
from tests.misbehaviour import takes_a_turn
from tests.test_local_executor import NEVER, assert_nothing_left, ends, make_job, run, until


def turns(root: Path, *works: Work, **settings: Any) -> list[Job]:
    """Return jobs of one cell, seeds 0, 1, ..., one for each work."""
    return [make_job(root, work, seed, cell="a cell", **settings) for seed, work in enumerate(works)]


def pids(jobs: Sequence[Job]) -> list[int]:
    """Return the process of each trial."""
    return [misbehaviour.pids(job.folder)[0] for job in jobs]


def facts(job: Job) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((job.folder / "facts.json").read_text())
    return found


def kinds(events: Sequence[Event]) -> dict[int, str]:
    """Return how each seed's trial ended at last."""
    return {
        end.job.trial.seed: end.failure.kind if end.failure else "done" for end in ends(events) if not end.will_retry
    }


# --- Who goes on in the same process.


def test_jobs_of_a_cell_take_turns_in_one_process_and_others_have_one_each(tmp_path: Path) -> None:
    jobs = turns(tmp_path, *[takes_a_turn] * 3)
    alone = [make_job(tmp_path, takes_a_turn, seed) for seed in (7, 8)]
    other = [make_job(tmp_path, takes_a_turn, seed, cell="another") for seed in (17, 18)]
    told = run([jobs[0], alone[0], other[0], jobs[1], alone[1], other[1], jobs[2]], workers=1)
    assert set(kinds(told).values()) == {"done"}
    assert len(set(pids(jobs))) == len(set(pids(other))) == 1
    assert len(set(pids([*jobs, *alone, *other]))) == 4


def test_events_of_every_trial_of_a_process_come_in_order_with_its_pid(tmp_path: Path) -> None:
    jobs = turns(tmp_path, *[takes_a_turn] * 3)
    told = run(jobs, workers=1)
    assert [type(event) for event in told] == [Started, Progressed, Ended] * 3
    assert [event.job.trial.seed for event in told] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert [event.progress.steps for event in told if isinstance(event, Progressed)] == [0, 1, 2]
    assert [event.pid for event in told if isinstance(event, Started)] == pids(jobs)
    assert all(0.1 <= end.seconds < 30 for end in ends(told))
    assert_nothing_left([job.folder for job in jobs])


def test_a_process_is_given_so_many_trials_and_no_more(tmp_path: Path) -> None:
    jobs = turns(tmp_path, *[takes_a_turn] * (MOST_TRIALS + 1))
    run(jobs, workers=1)
    first = pids(jobs)[0]
    assert [pid == first for pid in pids(jobs)] == [True] * MOST_TRIALS + [False]


@pytest.mark.parametrize("work", [misbehaviour.hoards, misbehaviour.leaves_a_thread, misbehaviour.leaves_a_child])
def test_a_process_in_which_a_trial_has_left_something_gets_no_other(tmp_path: Path, work: Work) -> None:
    jobs = turns(tmp_path, takes_a_turn, work, takes_a_turn)
    assert kinds(run(jobs, workers=1)) == {0: "done", 1: "done", 2: "done"}
    first, second, third = pids(jobs)
    assert first == second != third
    assert_nothing_left([job.folder for job in jobs])


def test_trouble_while_closing_ends_the_process(tmp_path: Path) -> None:
    jobs = turns(tmp_path, misbehaviour.raises_while_closing, takes_a_turn)
    assert kinds(run(jobs, workers=1)) == {0: "done", 1: "done"}
    assert len(set(pids(jobs))) == 2


# --- What a trial finds.


def test_a_trial_finds_the_process_as_its_predecessor_found_it(tmp_path: Path) -> None:
    jobs = turns(tmp_path, misbehaviour.turns_all_upside_down, takes_a_turn)
    assert kinds(run(jobs, workers=1)) == {0: "done", 1: "done"}
    assert len(set(pids(jobs))) == 1
    before, after = map(facts, jobs)
    assert after.pop("peak") < before.pop("peak") + 50  # the first has measured before it took 200 MB
    assert after == before


def test_each_trial_has_its_own_log(tmp_path: Path) -> None:
    jobs = turns(tmp_path, misbehaviour.turns_all_upside_down, takes_a_turn, misbehaviour.floods, takes_a_turn)
    run(jobs, workers=1)
    logs = [(job.folder / "log.txt").read_text().splitlines() for job in jobs]
    assert all(log[0].startswith("--- attempt 1, ") for log in logs)
    assert [log[1:] for log in (logs[0], logs[1], logs[3])] == [
        ["turn of seed 0", "the last word"],
        ["turn of seed 1"],
        ["turn of seed 3"],
    ]
    assert logs[2][1] == "the first line"


# --- What goes wrong costs one trial.


@pytest.mark.parametrize(
    ("work", "kind"),
    [
        (misbehaviour.crashes, "killed"),
        (misbehaviour.leaves, "exited"),
        (misbehaviour.leaves_politely, "exited"),
        (misbehaviour.raises, "exception"),
        (misbehaviour.diverges, "diverged"),
        (misbehaviour.starves, "out_of_memory"),
        (misbehaviour.kills_its_keeper, "killed"),
    ],
)
def test_a_trial_that_fails_in_a_shared_process_costs_itself_alone(tmp_path: Path, work: Work, kind: str) -> None:
    jobs = turns(tmp_path, takes_a_turn, work, takes_a_turn, takes_a_turn)
    assert kinds(run(jobs, workers=1)) == {0: "done", 1: kind, 2: "done", 3: "done"}
    first, last, very_last = pids([jobs[0], *jobs[2:]])
    assert first != last == very_last
    assert_nothing_left([job.folder for job in jobs])


def test_limits_are_each_trials_own(tmp_path: Path) -> None:
    # Three trials of 0.4 s take longer than the limit, together; each has it anew.
    quick = Limits(timeout_minutes=0.015)
    slow = [make_job(tmp_path, misbehaviour.lives_for_a_while, seed, cell="c", limits=quick) for seed in range(3)]
    hangs = make_job(tmp_path, misbehaviour.hangs, 3, cell="c", limits=quick)
    silent = make_job(tmp_path, misbehaviour.hangs, 4, cell="c", limits=Limits(stall_minutes=0.01))
    last = make_job(tmp_path, misbehaviour.innocent, 5, cell="c")
    told = run([*slow, hangs, silent, last], workers=1)
    assert kinds(told) == {0: "done", 1: "done", 2: "done", 3: "timeout", 4: "timeout", 5: "done"}
    failures = {end.job.trial.seed: end.failure for end in ends(told) if end.failure}
    assert failures[3].message.startswith("ran longer than its limit of 0.015 minutes")
    assert failures[4].message.startswith("no sign of life for 0.01 minutes")
    # Where it was is told by a process in which others have been before, too.
    assert "in hangs" in failures[3].traceback
    assert len({*pids(slow), pids([hangs])[0]}) == 1


def test_a_slow_trial_is_told_of_by_its_own_clock(tmp_path: Path) -> None:
    jobs = turns(tmp_path, *[misbehaviour.lives_for_a_while] * 4, slow_after_seconds=1.2)
    jobs.append(make_job(tmp_path, misbehaviour.lives_slowly, 4, cell="a cell", slow_after_seconds=1.2))
    slowed = [event.job.trial.seed for event in run(jobs, workers=1) if isinstance(event, Slowed)]
    assert slowed == [4]


def test_what_eats_the_memory_of_a_shared_process_is_tried_in_one_of_its_own(tmp_path: Path) -> None:
    limits = Limits(memory_gb=0.2)
    jobs = turns(tmp_path, takes_a_turn, misbehaviour.eats, takes_a_turn, limits=limits)
    told = run(jobs, workers=1)
    assert kinds(told) == {0: "done", 1: "out_of_memory", 2: "done"}
    eaten = [end for end in ends(told) if end.job.trial.seed == 1]
    assert [(end.failure and end.failure.attempt, end.will_retry) for end in eaten] == [(1, True), (2, False)]
    assert len(set(misbehaviour.pids(jobs[1].folder))) == 2


def test_a_killed_trial_is_tried_again_in_a_process_of_its_own(tmp_path: Path) -> None:
    jobs = turns(tmp_path, takes_a_turn, misbehaviour.kills_itself_once, takes_a_turn)
    told = list(LocalExecutor(1).events(jobs))
    assert kinds(told) == {0: "done", 1: "done", 2: "done"}
    tried = misbehaviour.pids(jobs[1].folder)
    assert tried[0] == pids(jobs)[0]
    assert len({*tried, *pids([jobs[0], jobs[2]])}) == 3


def test_a_process_that_dies_between_two_trials_costs_neither(tmp_path: Path) -> None:
    jobs = turns(tmp_path, takes_a_turn, takes_a_turn)
    told = []
    for event in LocalExecutor(1, NEVER).events(jobs):
        told.append(event)
        if isinstance(event, Ended) and event.job is jobs[0]:
            process = psutil.Process(pids(jobs[:1])[0])
            process.kill()
            assert until(lambda process=process: process.status() == psutil.STATUS_ZOMBIE)  # type: ignore[misc]
    assert kinds(told) == {0: "done", 1: "done"}
    assert [type(event) for event in told] == [Started, Progressed, Ended] * 2
    assert len(set(pids(jobs))) == 2


def test_a_job_that_cannot_be_sent_is_told_of_and_the_others_go_on(tmp_path: Path) -> None:
    jobs = turns(tmp_path, takes_a_turn, lambda _job, _report: None, takes_a_turn)
    told = ends(run(jobs, workers=1))
    assert {end.job.trial.seed: end.done for end in told} == {0: True, 1: False, 2: True}


def test_a_log_that_cannot_be_opened_hinders_its_trial_alone(tmp_path: Path) -> None:
    jobs = turns(tmp_path, *[takes_a_turn] * 3)
    jobs[1].folder.rmdir()
    jobs[1].folder.touch()
    told = ends(run(jobs, workers=1))
    assert {end.job.trial.seed: end.hindrance is None for end in told} == {0: True, 1: False, 2: True}


# --- Ends before the end.


def test_draining_starts_no_other_trial_in_a_process_that_is_free(tmp_path: Path) -> None:
    jobs = turns(tmp_path, *[takes_a_turn] * 3)
    executor = LocalExecutor(1, NEVER)
    told = []
    for event in executor.events(jobs):
        executor.drain()
        told.append(event)
    assert [type(event) for event in told] == [Started, Progressed, Ended]
    assert_nothing_left([jobs[0].folder])


@pytest.mark.parametrize("moment", [Ended, Started])
def test_stop_ends_a_shared_process_at_work_and_between_two_trials(tmp_path: Path, moment: type[Event]) -> None:
    jobs = turns(tmp_path, takes_a_turn, misbehaviour.hangs, takes_a_turn)
    executor = LocalExecutor(1, NEVER, 0.5)
    told = []
    for event in executor.events(jobs):
        told.append(event)
        if isinstance(event, moment) and event.job is jobs[0 if moment is Ended else 1]:
            executor.stop()
    assert [end.job.trial.seed for end in ends(told)] == [0]
    assert_nothing_left([jobs[0].folder])


def test_closing_the_iterator_between_two_trials_leaves_nothing_behind(tmp_path: Path) -> None:
    jobs = turns(tmp_path, takes_a_turn, takes_a_turn)
    events = LocalExecutor(1, NEVER, 60.0).events(jobs)
    assert any(isinstance(event, Ended) for event in events)
    events.close()
    assert_nothing_left([jobs[0].folder])
    assert not misbehaviour.pids(jobs[1].folder)


# --- Real learners.

COMPILED = """
name: compiled
seeds: 2
evaluation: {points: 2, episodes: 2, final_episodes: 3}
hyperparameters: default
algorithms:
  - {name: ppo, implementation: jax, hyperparameters: {n_steps: 128, ent_coef: 0.01}}
  - {name: dqn, implementation: sbx, hyperparameters: {learning_starts: 100}}
environments:
  CartPole-v1: {steps: 600}
"""


def trained(path: Path, results: Path, jobs_of: Any) -> tuple[dict[str, Any], dict[str, Record], dict[str, int]]:
    """Run a suite's jobs as `jobs_of` arranges them; return numbers, records and process ids by trial."""
    experiment = pipeline.open_experiment(path, results=results)
    jobs = jobs_of(pipeline.prepare(experiment, RunOptions(workers=1, devices="cpu")))
    found: dict[str, int] = {}

    def listen(event: Event) -> None:
        if isinstance(event, Started):
            found[event.job.trial.name] = event.pid

    assert pipeline.run(experiment, jobs, listen).exit_code == 0
    records = {record.trial.name: record for record in experiment.store.outcomes() if isinstance(record, Record)}
    return numbers(experiment), records, found


@pytest.mark.slow
def test_seeds_get_the_same_numbers_first_and_second_in_a_process(tmp_path: Path) -> None:
    path = suite_file(tmp_path, COMPILED, "compiled")
    # One that another test has started imports other modules, and what a trial must import counts as what it has kept.
    vars(forkserver)["_forkserver"]._stop()
    together, records, shared = trained(path, tmp_path / "together", lambda jobs: jobs)
    # Of two seeds each comes first in one of the two orders: so both are as in a process of their own.
    backwards, alone, _ = trained(path, tmp_path / "backwards", lambda jobs: jobs[::-1])
    assert together == backwards
    assert len(set(shared.values())) == 2
    last = max(records.values(), key=lambda record: record.provenance["finished"]).trial.name
    # Compiling, and the one before it, took many times as long.
    assert _cpu(records[last]) < 8 * _cpu(alone[last])


def _cpu(record: Record) -> float:
    return float(record.timings["train_cpu"] + record.timings["evaluation_cpu"])


def test_only_what_gains_and_is_known_takes_turns(tmp_path: Path) -> None:
    text = """
name: small
seeds: 1
skip_incompatible: true
algorithms:
  - ppo
  - {name: ppo, label: JAX, implementation: jax}
  - {name: ppo, label: pooled, implementation: jax, backend: envpool}
environments:
  CartPole-v1: {steps: 3_000}
  tests.troubled_environments:troubled/Endless-v0: {steps: 3_000}
"""
    jobs = pipeline.prepare(
        pipeline.open_experiment(suite_file(tmp_path, text), results=tmp_path),
        RunOptions(workers=1, devices="cpu"),
    )
    assert len(jobs) == 5
    assert {(job.trial.label, job.trial.environment): job.cell for job in jobs if job.cell} == {
        ("JAX", "CartPole-v1"): "JAX on CartPole-v1"
    }
