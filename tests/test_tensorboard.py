"""Event files to watch: they hold the training's and the harness's curves, and change no number."""

import sys
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from bench.records import EvaluationPlan, Record, Trial
from bench.runner.jobs import Job
from bench.runner.trial import run_trial
from bench.store import keep, read
from tests.commanding import bench
from tests.making import TOY, ignore, nothing, numbers, run_suite, small_trial, suite_file

PLAN = EvaluationPlan(points=3, episodes=2, final_episodes=3)


def carried_out(trial: Trial, root: Path, *, tensorboard: bool) -> Record:
    folder = root / trial.name
    folder.mkdir(parents=True)
    run_trial(Job(trial, folder, nothing, tensorboard=tensorboard), ignore, keep=keep)()
    record = read(folder)
    assert isinstance(record, Record)
    return record


def curve(folder: Path, tag: str) -> list[tuple[int, float]]:
    events = EventAccumulator(str(folder))
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars(tag)]


@pytest.mark.parametrize(
    ("algorithm", "environment", "scalar"),
    [("ppo", "CartPole-v1", "train/loss"), ("dqn", "CartPole-v1", "rollout/exploration_rate"),
     ("reinforce", "CartPole-v1", "rollout/ep_rew_mean"), ("q_learning", "bench/Corridor-v0", "")],
)  # fmt: skip
def test_events_hold_both_curves_and_every_number_stays_the_same(
    tmp_path: Path, algorithm: str, environment: str, scalar: str
) -> None:
    settings = {"ppo": {"n_steps": 64}, "dqn": {"learning_starts": 50}}.get(algorithm, {})
    trial = small_trial(algorithm, environment, steps=300, evaluation=PLAN, hyperparameters=settings)
    without = carried_out(trial, tmp_path / "without", tensorboard=False)
    watched = carried_out(trial, tmp_path / "with", tensorboard=True)
    for name in ("steps", "returns", "lengths"):
        assert getattr(watched.curve, name).tolist() == getattr(without.curve, name).tolist()
    assert watched.final.returns.tolist() == without.final.returns.tolist()
    assert not (tmp_path / "without" / trial.name / "tensorboard").exists()
    folder = tmp_path / "with" / trial.name / "tensorboard"
    steps, means = zip(*curve(folder / "evaluation", "evaluation/mean_return"), strict=True)
    assert list(steps) == watched.curve.steps.tolist()
    assert list(means) == pytest.approx(watched.curve.returns.mean(axis=1).tolist())
    ((step, mean),) = curve(folder / "evaluation", "final/mean_return")
    assert step == watched.final.steps
    assert mean == pytest.approx(watched.final.returns.mean())
    assert not scalar or curve(folder / "training", scalar)


def test_a_suite_with_event_files_has_the_trials_of_one_without(tmp_path: Path) -> None:
    first, _ = run_suite(suite_file(tmp_path, TOY + "\ntensorboard: true\n"), tmp_path / "watched")
    second, _ = run_suite(suite_file(tmp_path, TOY), tmp_path / "plain")
    assert numbers(first) == numbers(second)
    assert len(list((tmp_path / "watched").rglob("tensorboard/evaluation/events.*"))) == 18


def test_a_missing_package_is_told_by_validate_and_run_and_nobody_who_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    path = suite_file(tmp_path, TOY + "\ntensorboard: true\n")
    for command, code in (("validate", 2), ("run", 2), ("status", 0)):
        done = bench(command, path, "--results", tmp_path)
        assert done.returncode == code, done.stderr
        told = "small.yaml:11: tensorboard: the package tensorboard is not installed; install it with: pip install"
        assert (told in done.stderr) == bool(code)


@pytest.mark.parametrize(
    ("rest", "told"),
    [
        ("environments: {FrozenLake-v1: 400}\nsedes: 3\n", "small.yaml:5: sedes: key 'sedes' is not known"),
        ("environments: {nowhere:Gone-v0: 100}\n", "small.yaml:4: environments: environment 'nowhere:Gone-v0'"),
    ],
)
def test_a_missing_package_is_told_together_with_whatever_else_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rest: str, told: str
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    path = suite_file(tmp_path, f"name: small\nalgorithms: [random]\ntensorboard: true\n{rest}")
    done = bench("validate", path, "--results", tmp_path)
    assert done.returncode == 2
    assert "small.yaml:3: tensorboard: the package tensorboard is not installed" in done.stderr
    assert told in done.stderr
