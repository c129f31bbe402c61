"""From suite file to results, for real: processes, failures, interrupts, going on."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import bench
from bench import pipeline
from bench.errors import BenchError, SuiteError
from bench.memory import at_once
from bench.pipeline import gathering, results, tidy
from bench.pipeline.execution import _crowded
from bench.pipeline.experiment import oversized
from bench.records import Failure, Record
from bench.runner.jobs import Job
from bench.runner.profile import Profile
from bench.store import keep
from tests.commanding import bench as command
from tests.making import TOY, carry_out, nothing, numbers, run_suite, small_trial, suite_file

BAD = """
name: bad
seeds: 1
evaluation: {points: 2, episodes: 2, final_episodes: 2}
hyperparameters: default
limits: {memory_gb: 1}
algorithms: [q_learning]
environments:
  "bench.environments.toy:bench/Crash-v0": {steps: 100, kwargs: {after: 10}}
  "bench.environments.toy:bench/Hang-v0": {steps: 100, kwargs: {after: 10}}
  "bench.environments.toy:bench/Segfault-v0": {steps: 100, kwargs: {after: 10}}
  "bench.environments.toy:bench/NaN-v0": {steps: 100, kwargs: {after: 10}}
  "bench.environments.toy:bench/Memory-v0": {steps: 100000, kwargs: {after: 10}}
  bench/Corridor-v0: {steps: 100}
"""


def test_one_worker_and_two_in_another_order_give_identical_numbers(tmp_path: Path) -> None:
    text = TOY.replace("[q_learning, softmax_reinforce, random]", "[random, softmax_reinforce, q_learning]")
    one, first = run_suite(suite_file(tmp_path), tmp_path / "one", workers=1)
    two, second = run_suite(suite_file(tmp_path, text, "turned"), tmp_path / "two", workers=2)
    assert first.exit_code == second.exit_code == 0
    assert len(numbers(one)) == 18
    assert numbers(one) == numbers(two)


def test_running_again_runs_only_what_is_missing_and_a_new_label_reruns_nothing(tmp_path: Path) -> None:
    path = suite_file(tmp_path)
    experiment, _ = run_suite(path, tmp_path)
    before = {outcome.trial.name: outcome.provenance["finished"] for outcome in experiment.store.outcomes()}
    assert pipeline.prepare(experiment, pipeline.RunOptions()) == []
    renamed = suite_file(tmp_path, TOY.replace("[q_learning,", "[{name: q_learning, label: Watkins},"))
    assert pipeline.prepare(pipeline.open_experiment(renamed, results=tmp_path), pipeline.RunOptions()) == []
    more = pipeline.open_experiment(path, seeds=4, results=tmp_path)
    assert {job.trial.seed for job in pipeline.prepare(more, pipeline.RunOptions())} == {3}
    planned, outcomes = gathering.gather(pipeline.open_experiment(renamed, results=tmp_path))
    assert {outcome.trial.label for outcome in outcomes} == {"Watkins", "softmax_reinforce", "random"}
    assert len(planned) == len(before)


def test_the_longest_trial_is_prepared_first(tmp_path: Path) -> None:
    text = TOY.replace("seeds: 3", "seeds: 1")
    longer = pipeline.open_experiment(suite_file(tmp_path, text), results=tmp_path)
    seconds = [job.expected_seconds for job in pipeline.prepare(longer, pipeline.RunOptions())]
    assert len(set(seconds)) > 1
    assert seconds == sorted(seconds, reverse=True)


def test_one_trial_of_every_cell_that_nothing_is_known_of_goes_ahead(tmp_path: Path) -> None:
    experiment = pipeline.open_experiment(suite_file(tmp_path, TOY), results=tmp_path)
    jobs = pipeline.prepare(experiment, pipeline.RunOptions())
    cells = {job.trial.cell for job in jobs}
    assert len(jobs) == 3 * len(cells)
    ahead, rest = jobs[: len(cells)], jobs[len(cells) :]
    assert {job.trial.cell for job in ahead} == cells
    for part in (ahead, rest):
        seconds = [job.expected_seconds for job in part]
        assert seconds == sorted(seconds, reverse=True)
    # Once a record tells of a cell, its others wait with the rest.
    (folder := experiment.store.folder(ahead[0].trial)).mkdir(parents=True)
    keep(carry_out(ahead[0].trial, tmp_path / "made"), folder)
    again = [job.trial.cell for job in pipeline.prepare(experiment, pipeline.RunOptions())]
    assert set(again[: len(cells) - 1]) == cells - {ahead[0].trial.cell}


def test_the_estimate_of_what_is_left_follows_the_records_of_the_same_algorithm(tmp_path: Path) -> None:
    text = TOY.replace("[q_learning, softmax_reinforce, random]", "[q_learning, random]")
    experiment = pipeline.open_experiment(suite_file(tmp_path, text), results=tmp_path)
    expected = pipeline.cost_of(experiment).seconds
    slower = {"q_learning": 3.0, "random": 5.0}
    for trial in experiment.plan.trials:
        if trial.environment == "bench/Corridor-v0":
            record = carry_out(trial, tmp_path / "made")
            seconds = slower[trial.label] * expected[trial.label, trial.environment] / 3
            timings = {"train_cpu": seconds, "evaluation_cpu": 0.0, "wall": 99.0}
            folder = experiment.store.folder(trial)
            folder.mkdir(parents=True)
            keep(replace(record, timings=timings), folder)
    left = {(label, "bench/Bandit-v0"): by * expected[label, "bench/Bandit-v0"] for label, by in slower.items()}
    assert pipeline.cost_of(experiment).seconds == pytest.approx(left)
    # The run reckons with the same numbers, for its order and for the time that is left.
    jobs = {job.trial.cell: job.expected_seconds for job in pipeline.prepare(experiment, pipeline.RunOptions())}
    assert jobs == pytest.approx({cell: seconds / 3 for cell, seconds in left.items()})


def test_a_label_without_records_is_judged_by_another_of_its_algorithm(tmp_path: Path) -> None:
    three = "[q_learning, {name: q_learning, label: other, hyperparameters: {gamma: 0.5}}, random]"
    text = TOY.replace("[q_learning, softmax_reinforce, random]", three)
    experiment = pipeline.open_experiment(suite_file(tmp_path, text), results=tmp_path)
    before = pipeline.trial_seconds(experiment, {})
    here = "bench/Corridor-v0"
    known = {("q_learning", here): 3 * before["q_learning", here], ("random", here): 5 * before["random", here]}
    after = pipeline.trial_seconds(experiment, known)
    assert after["other", here] == pytest.approx(3 * before["other", here])
    assert after["random", here] == known["random", here]


def test_what_a_trial_takes_of_the_memory_follows_a_record_of_its_cell(tmp_path: Path) -> None:
    experiment = pipeline.open_experiment(suite_file(tmp_path, TOY), results=tmp_path)
    assert {job.expected_mb for job in pipeline.prepare(experiment, pipeline.RunOptions())} == {500.0}
    first, *_ = experiment.plan.trials
    (folder := experiment.store.folder(first)).mkdir(parents=True)
    record = carry_out(first, tmp_path / "made")
    keep(replace(record, resources={**record.resources, "peak_memory_mb": 1234.5}), folder)
    after = {job.trial.cell: job.expected_mb for job in pipeline.prepare(experiment, pipeline.RunOptions())}
    assert after.pop(first.cell) == 1234.5
    assert set(after.values()) == {500.0}


def test_trials_that_have_to_wait_for_memory_are_told_of_with_the_arithmetic() -> None:
    jobs = [Job(small_trial("q_learning", seed=seed), Path("x"), nothing, expected_mb=12_000.0) for seed in range(3)]
    jobs += [Job(small_trial("random", seed=seed), Path("x"), nothing, expected_mb=500.0) for seed in range(3)]
    assert _crowded(jobs, 1, 20_000.0) == ""
    assert _crowded(jobs, 2, 25_000.0) == ""
    assert "(12.6 GB a trial, more than is free even for one, which is tried alone)" in _crowded(jobs, 1, 10_000.0)
    assert _crowded(jobs, 2, 20_000.0) == (
        "21.0 GB of memory are free, less than 2 trials side by side may come to take: q_learning on "
        "bench/Corridor-v0 (12.6 GB a trial, 1 side by side). The others wait; a smaller buffer_size, or more memory, "
        "lets them run"
    )


GREEDY = """
name: greedy
seeds: 2
hyperparameters: default
algorithms: [random, {name: dqn, hyperparameters: {buffer_size: 1000000000}}]
environments: {CartPole-v1: {steps: 1000000000}}
"""


def test_a_trial_that_does_not_fit_the_machine_is_refused_before_anything_runs_with_the_arithmetic(
    tmp_path: Path,
) -> None:
    experiment = pipeline.open_experiment(suite_file(tmp_path, GREEDY), results=tmp_path)
    # 10**9 steps of two observations of 400 bytes and 20 beside.
    memory = {("dqn", "CartPole-v1"): 500 + 820e9 / 2**20, ("random", "CartPole-v1"): 500.0}
    (told,) = map(str, oversized(experiment, memory, 16_000.0))
    assert told.endswith(
        ": a trial of dqn on CartPole-v1 may come to take 820.5 GB of memory, 820.0 GB of it a replay memory of "
        "1,000,000,000 steps of 820 bytes; there are 16.8 GB in all; set buffer_size to at most 19,820,000"
    )
    with pytest.raises(SuiteError, match=r"may come to take 820\.5 GB of memory"):
        pipeline.prepare(experiment, pipeline.RunOptions(devices="cpu"))
    (warned,) = pipeline.oversized_here(experiment, experiment.store.survey())
    assert "820.5 GB" in warned
    profile = Profile(minutes=60)
    assert pipeline.prepare(experiment, pipeline.RunOptions(executor="slurm", profile=profile))


def test_trials_that_may_take_more_than_a_profile_asks_for_are_refused_before_anything_is_submitted(
    tmp_path: Path,
) -> None:
    text = GREEDY.replace("1000000000", "6_100_000")
    experiment = pipeline.open_experiment(suite_file(tmp_path, text), results=tmp_path)
    for enough in (Profile(minutes=60, memory_gb=6), Profile(minutes=60)):
        pipeline.require_asked_for(experiment, enough)
        assert len(pipeline.prepare(experiment, pipeline.RunOptions(executor="slurm", profile=enough))) == 4
    small = Profile(minutes=60, memory_gb=1)
    for refuse in (
        lambda: pipeline.require_asked_for(experiment, small),
        lambda: pipeline.prepare(experiment, pipeline.RunOptions(executor="slurm", profile=small)),
    ):
        with pytest.raises(SuiteError) as told:
            refuse()
        assert str(told.value).endswith(
            ": a trial of dqn on CartPole-v1 may come to take 5.5 GB of memory, 5.0 GB of it a replay memory of "
            "6,100,000 steps of 820 bytes; the profile asks for 1 GB: raise memory_gb there; or set buffer_size to at "
            "most 670,000"
        )
    (tmp_path / "profile.yaml").write_text("minutes: 60\nmemory_gb: 1\n")
    done = command("validate", suite_file(tmp_path, text), "--profile", tmp_path / "profile.yaml")
    assert (done.returncode, "may come to take 5.5 GB of memory" in done.stderr) == (2, True)


def test_a_replay_memory_that_cannot_be_laid_out_is_refused_however_few_steps_fill_it(tmp_path: Path) -> None:
    text = GREEDY.replace("{steps: 1000000000}", "{steps: 10000}").replace("1000000000", "1_000_000_000_000")
    experiment = pipeline.open_experiment(suite_file(tmp_path, text), results=tmp_path)
    with pytest.raises(SuiteError) as refused:
        pipeline.prepare(experiment, pipeline.RunOptions(devices="cpu"))
    most = at_once()
    assert str(refused.value).endswith(
        ": dqn on CartPole-v1 lays out a replay memory of 1,000,000,000,000 steps, whose observations of 400 bytes are "
        f"400,000.0 GB, before it trains 10,000; the machine gives {most / 1e9:,.1f} GB at once; set buffer_size to at "
        f"most {most // 400_000 * 1000:,}"
    )
    (warned,) = pipeline.oversized_here(experiment, experiment.store.survey())
    assert warned == str(refused.value)
    fits = pipeline.open_experiment(
        suite_file(tmp_path, text.replace("1_000_000_000_000", "1000000")), results=tmp_path
    )
    assert pipeline.prepare(fits, pipeline.RunOptions(devices="cpu"))


def test_how_long_a_trial_takes_is_told_by_the_first_twenty_of_its_cell(tmp_path: Path) -> None:
    text = "name: many\nseeds: 25\nalgorithms: [random]\nenvironments: {bench/Corridor-v0: 100}\n"
    experiment = pipeline.open_experiment(suite_file(tmp_path, text), results=tmp_path)
    record = carry_out(experiment.plan.trials[0], tmp_path / "made")
    for trial in experiment.plan.trials[1:]:
        # Seeds 1 to 10 take 2 s and seeds 11 to 20 take 4 s: the median of these is 3 s, that of all 24 would be 4 s.
        seconds = 2.0 if trial.seed <= 10 else 4.0
        timings = {"train_cpu": seconds, "evaluation_cpu": 0.0, "wall": seconds}
        (folder := experiment.store.folder(trial)).mkdir(parents=True)
        keep(replace(record, trial=trial, timings=timings), folder)
    assert pipeline.cost_of(experiment).seconds == {("random", "bench/Corridor-v0"): 3.0}


def test_records_of_another_processor_tell_how_long_a_trial_takes_only_where_there_are_no_others(
    tmp_path: Path,
) -> None:
    text = "name: moved\nseeds: 4\nalgorithms: [random]\nenvironments: {bench/Corridor-v0: 100}\n"
    experiment = pipeline.open_experiment(suite_file(tmp_path, text), results=tmp_path)
    record, told = carry_out(experiment.plan.trials[0], tmp_path / "made"), []
    elsewhere = {**record.provenance, "processor": "another"}
    spent = (9.0, elsewhere), (7.0, elsewhere), (2.0, record.provenance)
    for trial, (seconds, made) in zip(experiment.plan.trials[:3], spent, strict=True):
        timings = {"train_cpu": seconds, "evaluation_cpu": 0.0, "wall": seconds}
        (folder := experiment.store.folder(trial)).mkdir(parents=True)
        keep(replace(record, trial=trial, timings=timings, provenance=made), folder)
        told.append(pipeline.cost_of(experiment).seconds["random", "bench/Corridor-v0"])
    # One trial of the last three, two, one is left to run each time; it takes as long as those of this machine did.
    assert told == [27.0, 16.0, 2.0]


def test_every_kind_of_failure_is_recorded_and_harms_no_other(tmp_path: Path) -> None:
    experiment = pipeline.open_experiment(suite_file(tmp_path, BAD, "bad"), results=tmp_path)
    jobs = pipeline.prepare(experiment, pipeline.RunOptions(workers=2, devices="cpu"))
    # What hangs alone has a limit of time: on a crowded machine whatever else goes wrong would reach it first.
    brief = replace(experiment.suite.limits, timeout_minutes=0.05)
    jobs = [replace(job, limits=brief) if "Hang" in job.trial.environment else job for job in jobs]
    summary = pipeline.run(experiment, jobs, lambda _event: None)
    kinds = {
        outcome.trial.environment.rpartition("/")[2]: outcome.kind if isinstance(outcome, Failure) else "done"
        for outcome in experiment.store.outcomes()
    }
    assert kinds == {
        "Crash-v0": "exception",
        "Hang-v0": "timeout",
        "Segfault-v0": "killed",
        "NaN-v0": "diverged",
        "Memory-v0": "out_of_memory",
        "Corridor-v0": "done",
    }
    assert (summary.done, summary.failed, summary.exit_code) == (1, 5, 1)
    crash = next(one for one in experiment.store.outcomes() if isinstance(one, Failure) and one.kind == "exception")
    assert "Traceback" in crash.traceback
    assert crash.provenance["versions"]["gymnasium"]
    assert (experiment.store.folder(crash.trial) / "log.txt").read_text()
    # Failed trials are left alone until they are asked for, and then they are missing again.
    assert pipeline.prepare(experiment, pipeline.RunOptions()) == []
    again = pipeline.prepare(experiment, pipeline.RunOptions(retry_failed=True))
    assert len(again) == 5
    page = results.write_report(experiment, tmp_path / "report")
    assert "Corridor" in page.read_text()


def test_a_report_and_frames_come_from_the_results_folder_alone(tmp_path: Path) -> None:
    path = suite_file(tmp_path)
    experiment, _ = run_suite(path, tmp_path / "results")
    path.unlink()
    frames = bench.load(tmp_path / "results" / "small")
    assert len(frames["trials"]) == 18
    assert set(frames) == {"trials", "points", "episodes", "diagnostics"}
    finals = frames["trials"].set_index(["label", "environment", "seed"])["final_return"]
    for outcome in experiment.store.outcomes():
        assert isinstance(outcome, Record)
        trial = outcome.trial
        assert finals[trial.label, trial.environment, trial.seed] == pytest.approx(outcome.final.returns.mean())
    page = results.write_report(pipeline.open_experiment(tmp_path / "results" / "small"), tmp_path / "report")
    assert page.exists()
    written = tidy.export(experiment, tmp_path / "tidy", "parquet")
    assert {file.suffix for file in written} == {".parquet"}


def test_results_of_other_versions_are_reported_but_not_taken_for_done(tmp_path: Path) -> None:
    experiment, _ = run_suite(suite_file(tmp_path), tmp_path)
    for outcome in experiment.store.outcomes():
        assert isinstance(outcome, Record)
        older = replace(outcome.trial, versions={**outcome.trial.versions, "numpy": "1.0"})
        folder = experiment.store.folder(outcome.trial)
        renamed = folder.with_name(older.name)
        folder.rename(renamed)
        keep(replace(outcome, trial=older), renamed)
    assert len(pipeline.prepare(experiment, pipeline.RunOptions())) == 18
    planned, outcomes = gathering.gather(experiment)
    assert len(planned) == len(outcomes) == 18
    assert {trial.fingerprint for trial in planned} == {outcome.trial.fingerprint for outcome in outcomes}
    # Three seeds more are missing in every cell, and no label is split for having been run with other versions.
    more = results.estimates(pipeline.open_experiment(suite_file(tmp_path), results=tmp_path, seeds=6))
    assert {(cell.label, cell.n, cell.missing) for cell in more.cells} == {
        (label, 3, 3) for label in ("q_learning", "softmax_reinforce", "random")
    }


def test_an_unknown_environment_is_a_complaint_with_its_line(tmp_path: Path) -> None:
    path = suite_file(tmp_path, TOY.replace("bench/Bandit-v0", "CartPole-v9"))
    with pytest.raises(SuiteError, match=r"small\.yaml:\d+.*CartPole-v9"):
        pipeline.open_experiment(path, met=True)


def test_a_path_without_a_suite_is_told(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="there is no suite"):
        pipeline.open_experiment(tmp_path)


SLOW = TOY.replace("{steps: 400}", "{steps: 3000}").replace("seeds: 3", "seeds: 4")


def bench_run(path: Path, results: Path) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "bench.cli", "run", str(path), "--results", str(results), "--no-report", "--json"]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_records(results: Path, count: int) -> None:
    deadline = time.monotonic() + 60
    while len(list(results.glob("*/trials/*/trial.json"))) < count and time.monotonic() < deadline:
        time.sleep(0.02)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the numbers of a run of the slow suite that nothing interrupts."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return numbers(run_suite(suite_file(folder, SLOW), folder)[0])


def test_ctrl_c_keeps_what_is_done_and_the_next_run_goes_on(tmp_path: Path, undisturbed: dict[str, Any]) -> None:
    path = suite_file(tmp_path, SLOW)
    process = bench_run(path, tmp_path)
    wait_for_records(tmp_path, 2)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    summary = json.loads(out.splitlines()[-1])
    assert summary["interrupted"]
    assert 2 <= summary["done"] < 24
    kept = len(list(tmp_path.glob("*/trials/*/trial.json")))
    assert kept == summary["done"]
    assert not list(tmp_path.glob("*/trials/*/failure.json"))
    experiment, after = run_suite(path, tmp_path)
    assert after.exit_code == 0
    assert numbers(experiment) == undisturbed


def test_two_runners_on_one_folder_share_the_work_and_change_no_number(
    tmp_path: Path, undisturbed: dict[str, Any]
) -> None:
    path = suite_file(tmp_path, SLOW)
    runners = [bench_run(path, tmp_path) for _ in range(2)]
    for runner in runners:
        runner.communicate(timeout=120)
    experiment = pipeline.open_experiment(path, results=tmp_path)
    assert len(list(experiment.store.outcomes())) == 24
    assert numbers(experiment) == undisturbed
