"""A trial that is interrupted goes on from its checkpoint, as if nothing had been, or says that something has."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cloudpickle
import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils import EzPickle

from bench.algorithms import asynchronous, pooled
from bench.analysis.scores import cells_of
from bench.catalog import find_algorithm
from bench.environments.making import EpisodeTotals, make
from bench.pipeline import Experiment, RunOptions, Summary, open_experiment, prepare, status, unplanned
from bench.pipeline import run as start
from bench.records import CHECKPOINT, AnalysisPlan, EvaluationPlan, Failure, Limits, Record, Resumption, Trial
from bench.runner import provenance
from bench.runner.checkpoint import Checkpoints, stored_on
from bench.runner.jobs import Event, Job, Progress, Progressed, Started
from bench.runner.trial import learner_request, run_trial
from bench.store import claim, keep, read
from tests.commanding import bench
from tests.making import nothing, numbers, small_trial, suite_file

ALWAYS = Limits(checkpoint_minutes=1e-9)
"""A checkpoint before every update."""


class Interrupted(BaseException):
    """As by a power cut: no code of the trial hears of it."""


def run(trial: Trial, root: Path, *, stop_after: float = float("inf"), limits: Limits = ALWAYS) -> Record:
    """Run a trial in this process; end it at the first checkpoint that is begun after so many steps."""
    folder = root / trial.name
    folder.mkdir(parents=True, exist_ok=True)

    def hear(progress: Progress) -> None:
        if progress.doing == "writing a checkpoint" and progress.steps > stop_after:
            raise Interrupted

    run_trial(Job(trial, folder, nothing, limits), hear, keep=keep)()
    record = read(folder)
    assert isinstance(record, Record)
    return record


def interrupted(trial: Trial, root: Path, *steps: int) -> Record:
    """Run a trial that is interrupted after so many steps, each time in vain for the rest of its update."""
    for stop in steps:
        with pytest.raises(Interrupted):
            run(trial, root, stop_after=stop)
    return run(trial, root, limits=Limits(checkpoint_minutes=0))


def of(algorithm: str, environment: str, implementation: str = "", **settings: Any) -> Trial:
    plan = EvaluationPlan(points=4, episodes=1, final_episodes=2)
    trial = small_trial(algorithm, environment, steps=640, evaluation=plan, hyperparameters=settings)
    if not implementation:
        return trial
    return replace(trial, implementation=find_algorithm(algorithm).others[implementation].identity)


SMALL = {"policy_kwargs": {"net_arch": [16]}}
REPLAYING: dict[str, Any] = {**SMALL, "learning_starts": 50, "buffer_size": 400, "train_freq": 16}


@pytest.mark.parametrize(
    ("algorithm", "environment", "implementation", "settings"),
    [
        ("ppo", "CartPole-v1", "", {"n_envs": 2, "n_steps": 32, "normalize": True}),
        ("ppo", "CartPole-v1", "jax", {"n_envs": 2, "n_steps": 32, "normalize": True}),
        ("ppo", "LunarLander-v3", "", {"n_envs": 2, "n_steps": 32, "learning_rate": "lin_0.001"}),
        ("a2c", "LunarLanderContinuous-v3", "", {"n_envs": 2}),
        ("a2c", "Acrobot-v1", "jax", {"n_envs": 2}),
        ("ppo_lstm", "CartPole-v1", "", {"n_steps": 32, "n_epochs": 2, "policy_kwargs": {"lstm_hidden_size": 8}}),
        ("reinforce", "CartPole-v1", "", {"n_envs": 2, "baseline": "value"}),
        ("reinforce", "CartPole-v1", "jax", {"n_envs": 2, "baseline": "value"}),
        ("dqn", "CartPole-v1", "", {**REPLAYING, "target_update_interval": 100}),
        ("dqn", "CartPole-v1", "jax", {**REPLAYING, "target_update_interval": 100}),
        ("sac", "Pendulum-v1", "jax", REPLAYING),
        ("td3", "Pendulum-v1", "jax", REPLAYING),
        ("sac", "Pendulum-v1", "", {**REPLAYING, "normalize": True}),
        ("sac", "Pendulum-v1", "sbx", REPLAYING),
        ("td3", "LunarLanderContinuous-v3", "", {**REPLAYING, "noise_type": "normal"}),
        ("q_learning", "Taxi-v4", "", {}),
        ("sarsa", "CliffWalking-v1", "", {}),
        (
            "expected_sarsa",
            "CartPole-v1",
            "",
            {"discretisation": {"bins": 4, "tilings": 2, "low": [-2, -3, -0.3, -3], "high": [2, 3, 0.3, 3]}},
        ),
        ("softmax_reinforce", "FrozenLake-v1", "", {}),
        ("ars", "CartPole-v1", "", {"learning_rate": "lin_0.02", "n_delta": 2, "normalize": True}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_trial_that_is_interrupted_twice_comes_to_the_same_numbers_to_the_last_bit(
    tmp_path: Path, algorithm: str, environment: str, implementation: str, settings: Mapping[str, Any]
) -> None:
    trial = of(algorithm, environment, implementation, **settings)
    whole = run(trial, tmp_path / "whole", limits=Limits(checkpoint_minutes=0))
    record = interrupted(trial, tmp_path / "parts", 150, 400)
    assert [one.exact for one in record.resumed] == [True, True]
    assert 0 <= record.resumed[0].steps < record.resumed[1].steps <= 400
    for name in ("steps", "returns", "lengths", "training_returns"):
        np.testing.assert_array_equal(getattr(record.curve, name), getattr(whole.curve, name))
    np.testing.assert_array_equal(record.final.returns, whole.final.returns)
    assert record.updates == whole.updates
    assert not (tmp_path / "parts" / trial.name / CHECKPOINT).exists()


@pytest.mark.parametrize(
    ("algorithm", "environment", "implementation", "settings"),
    [
        ("ppo", "CartPole-v1", "", {"n_envs": 2, "n_steps": 128}),
        ("dqn", "CartPole-v1", "jax", REPLAYING),
        ("q_learning", "Taxi-v4", "", {}),
        ("a3c", "CartPole-v1", "", {"n_envs": 2, "n_steps": 5}),
    ],
)
def test_a_trial_that_is_interrupted_in_its_final_evaluation_has_nothing_left_to_train(
    tmp_path: Path, algorithm: str, environment: str, implementation: str, settings: Mapping[str, Any]
) -> None:
    trial = of(algorithm, environment, implementation, **settings)
    folder = tmp_path / trial.name
    folder.mkdir()

    def hear(progress: Progress) -> None:
        if progress.doing == "evaluating the final policy":
            raise Interrupted

    with pytest.raises(Interrupted):
        run_trial(Job(trial, folder, nothing, ALWAYS), hear, keep=keep)
    trained: list[str] = []
    run_trial(Job(trial, folder, nothing), lambda progress: trained.append(progress.doing), keep=keep)()
    record = read(folder)
    assert isinstance(record, Record)
    assert record.resumed[-1].steps == record.final.steps == record.curve.steps[-1] >= 640
    assert "evaluating the policy" not in trained
    assert len(record.curve.steps) == 4


class Locked(gym.Wrapper[Any, Any, Any, Any]):
    """Holds what no pickle can."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self.lock = threading.Lock()


class Drifting(gym.Env[Any, Any], EzPickle):
    """Counts its episodes, which its constructor's arguments do not tell: told the same again, it is not the same."""

    def __init__(self) -> None:
        EzPickle.__init__(self)
        self.observation_space = gym.spaces.Box(0, 1e6, (1,), np.float32)
        self.action_space = gym.spaces.Discrete(2)
        self.episodes = self.taken = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        self.episodes, self.taken = self.episodes + 1, 0
        return np.array([self.episodes], np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.taken += 1
        return np.array([self.episodes], np.float32), float(action), self.taken == 10, False, {}


if "troubled/Drifting-v0" not in gym.registry:
    gym.register("troubled/Drifting-v0", f"{__name__}:Drifting", max_episode_steps=50)


@pytest.mark.parametrize(("environment", "exact"), [("BipedalWalker-v3", False), ("bench/MinAtarBreakout-v0", True)])
def test_only_what_forgets_at_a_reset_or_pickles_whole_is_called_exact(
    tmp_path: Path, environment: str, exact: bool
) -> None:
    record = interrupted(of("ppo", environment, n_steps=32, n_envs=2), tmp_path, 150)
    assert record.resumed == (Resumption(128, exact=exact),)


PLAIN: dict[str, Any] = {"n_steps": 32, "batch_size": 32, "n_epochs": 1}


@pytest.mark.parametrize(
    ("environment", "settings"),
    [
        ("CartPole-v1", {"env_wrapper": [f"{__name__}.Locked"]}),
        (f"{__name__}:troubled/Drifting-v0", {}),
    ],
)
def test_where_environments_begin_anew_the_record_says_so_and_the_budget_is_kept(
    tmp_path: Path, environment: str, settings: Mapping[str, Any]
) -> None:
    trial = of("ppo", environment, **PLAIN, **settings)
    record = interrupted(trial, tmp_path, 150)
    assert record.resumed == (Resumption(128, exact=False),)
    assert record.final.steps == 640
    assert record.curve.steps.tolist() == [160, 320, 480, 640]


def test_noise_that_begins_anew_is_not_called_exact(tmp_path: Path) -> None:
    trial = of("td3", "Pendulum-v1", **REPLAYING, noise_type="ornstein-uhlenbeck")
    assert interrupted(trial, tmp_path, 300).resumed[0].exact is False


def test_a_table_whose_environment_begins_anew_begins_a_new_episode(tmp_path: Path) -> None:
    for algorithm in ("sarsa", "softmax_reinforce"):
        trial = of(algorithm, "FrozenLake-v1", env_wrapper=[f"{__name__}.Locked"])
        record = interrupted(trial, tmp_path, 150)
        assert record.resumed == (Resumption(150, exact=False),)
        assert (record.final.steps, record.curve.steps.tolist()) == (640, [160, 320, 480, 640])


def test_workers_that_wait_for_nobody_are_stored_where_all_wait_and_go_on_in_other_episodes(tmp_path: Path) -> None:
    record = interrupted(of("a3c", "CartPole-v1", n_envs=2, n_steps=5), tmp_path, 200)
    assert record.resumed == (Resumption(160, exact=False),)
    assert (record.final.steps, record.updates) == (640, 128)
    assert record.curve.steps.tolist() == [160, 320, 480, 640]


def test_a_worker_that_begins_in_the_midst_begins_in_other_episodes_and_tells_of_its_own_alone() -> None:
    trial, seen = of("a3c", "CartPole-v1", n_envs=2, n_steps=5), []
    for begun in (0, 0, 160, 160, 320):
        model: Any = asynchronous.make(learner_request(trial)).model
        model._setup_learn(640, None)  # as `learn` does before it starts them
        model.num_timesteps = begun
        model.ep_info_buffer.append({"r": 1.0, "l": 1})
        worker: Any = asynchronous._Worker(model, 0, 640)
        assert worker.paused().episodes == []
        seen.append(worker.model._last_obs.tolist())
    assert seen[0] == seen[1] != seen[2] == seen[3] != seen[4] != seen[0]


def test_environments_of_a_pool_begin_anew_with_numbers_of_their_own_and_the_record_says_so(tmp_path: Path) -> None:
    trial = replace(of("ppo", "CartPole-v1", **PLAIN, n_envs=2), backend="envpool")
    record = interrupted(trial, tmp_path, 150)
    assert record.resumed == (Resumption(128, exact=False),)
    assert (record.final.steps, record.curve.steps.tolist()) == (640, [160, 320, 480, 640])
    whole: Any = pooled.make(learner_request(trial), 2)
    first, second = (cloudpickle.loads(cloudpickle.dumps(whole)).reset() for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, whole.reset())


def test_an_environment_that_is_made_from_its_arguments_stands_where_it_stood_in_mid_episode() -> None:
    env, counted = make("LunarLander-v3", {}, seed=7)
    env.reset()
    for episode_step in range(150):
        over = env.step(episode_step % 4)[2]
        if over:
            env.reset()
    other, totals = cloudpickle.loads(cloudpickle.dumps((env, counted)))
    assert isinstance(totals, EpisodeTotals)
    assert not totals.astray
    for action in (0, 1, 2, 3, 2, 2):
        np.testing.assert_array_equal(env.step(action)[0], other.step(action)[0])


@pytest.mark.parametrize("spoiled", [b"", b"{}\n", b"\x80", None])
def test_a_checkpoint_that_is_of_no_use_is_passed_over_and_the_log_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], spoiled: bytes | None
) -> None:
    trial = of("ppo", "CartPole-v1", **PLAIN)
    with pytest.raises(Interrupted):
        run(trial, tmp_path, stop_after=150)
    file = tmp_path / trial.name / CHECKPOINT
    content = file.read_bytes()
    # Cut off in the middle where nothing else is said.
    file.write_bytes(content[: len(content) // 2] if spoiled is None else spoiled)
    record = run(trial, tmp_path, limits=Limits(checkpoint_minutes=0))
    assert record.resumed == ()
    assert record.final.steps == 640
    assert "the trial begins anew" in capsys.readouterr().out


def test_code_is_told_by_its_commit_and_by_what_differs_from_it(tmp_path: Path) -> None:
    (file := tmp_path / "bench" / "a.py").parent.mkdir()
    file.touch()
    for words in ("init -q", "add .", "-c user.name=a -c user.email=a@b commit -qm a"):
        subprocess.run(["git", "-C", str(tmp_path), *words.split()], check=True)
    told = []
    for content in ("", "x = 1", "x = 2"):
        file.write_text(content)
        told.append(provenance.code.__wrapped__(tmp_path))
    commit = told[0][0]
    assert commit is not None
    assert [one for one, _ in told] == [commit, f"{commit}+", f"{commit}+"]
    assert told[0][1] == ""
    assert len({changes for _, changes in told}) == 3


def test_what_was_stored_on_another_kind_of_device_is_of_no_use_and_the_run_says_so_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment = open_experiment(suite_file(tmp_path, SUITE), results=tmp_path)
    (trial,) = experiment.plan.trials
    folder = experiment.store.folder(trial)
    with pytest.raises(Interrupted):
        run(trial, folder.parent, stop_after=300)
    assert stored_on(folder) == "cpu"
    file, told = folder / CHECKPOINT, list[str]()
    file.write_bytes(file.read_bytes().replace(b'"device": "cpu"', b'"device": "cuda"', 1))
    assert Checkpoints(folder, trial).read(lambda _index, _steps: {}) is None
    assert "of another trial, device or version: the trial begins anew" in capsys.readouterr().out
    prepare(experiment, RunOptions(workers=1, devices="cpu"), told.append)
    (sentence,) = told
    assert sentence.startswith("1 interrupted trial will begin anew: stored on the other kind of device (CPU or GPU); ")


@pytest.mark.parametrize(
    ("changed", "apart"),
    [
        ({"commit": "abc"}, "(commit abc, here "),
        ({"python": "2.7"}, "(Python 2.7, here 3."),
        ({"versions": {}}, "(bench none, here "),
        ({"changes": "abc"}, "(uncommitted changes abc, here "),
        ({"trial": "abc"}, "(of another trial)"),
        ({"versions": 0}, "(which it does not tell)"),
    ],
)
def test_what_another_version_has_stored_is_promised_to_nobody_and_the_run_says_what_differs(
    tmp_path: Path, changed: Mapping[str, Any], apart: str
) -> None:
    experiment = open_experiment(suite_file(tmp_path, SUITE), results=tmp_path)
    (trial,) = experiment.plan.trials
    folder, told = experiment.store.folder(trial), list[str]()
    with pytest.raises(Interrupted):
        run(trial, folder.parent, stop_after=300)
    assert [cell.stored for cell in status(experiment)] == [1]
    prepare(experiment, RunOptions(workers=1, devices="cpu"), told.append)
    assert told == []
    head, _, rest = (folder / CHECKPOINT).read_bytes().partition(b"\n")
    (folder / CHECKPOINT).write_bytes(json.dumps(json.loads(head) | changed).encode() + b"\n" + rest)
    assert [cell.stored for cell in status(experiment)] == [0]
    prepare(experiment, RunOptions(workers=1, devices="cpu"), told.append)
    (sentence,) = told
    assert sentence.startswith(f"1 interrupted trial will begin anew: stored by another version {apart}")
    assert sentence.endswith("); go back to it to go on")


def test_checkpoints_of_trials_that_are_planned_no_more_are_told_with_what_to_delete(tmp_path: Path) -> None:
    file = suite_file(tmp_path, RANDOM)
    experiment = open_experiment(file, results=tmp_path)
    store, planned = experiment.store, experiment.plan.trials

    def leave(trial: Trial) -> None:
        store.folder(trial).mkdir(parents=True)
        (store.folder(trial) / CHECKPOINT).write_bytes(bytes(10_000_000))

    def told() -> str:
        return unplanned(open_experiment(file, only=["@CartPole-v1"], seeds=1, results=tmp_path))

    # Of the part that is asked for and the other, of a seed that may have been asked for, and no trial's.
    known = [*planned, replace(planned[0], seed=27)]
    for trial in known:
        leave(trial)
    (store.root / "trials" / "mine").mkdir()
    (store.root / "trials" / "mine" / CHECKPOINT).touch()
    assert told() == ""
    one, other = (replace(planned[0], steps=steps) for steps in (30_000, 40_000))
    leave(one)
    assert told() == (
        "1 checkpoint is of trials that the suite as it stands does not plan (other settings or versions, say), "
        f"0.01 GB: to have the room, delete {store.root}/trials/*--{one.fingerprint}/{CHECKPOINT}"
    )
    leave(other)
    both = ",".join(trial.fingerprint for trial in sorted((one, other), key=lambda trial: trial.name))
    assert told().endswith(f", 0.02 GB: to have the room, delete {store.root}/trials/*--{{{both}}}/{CHECKPOINT}")
    more = [replace(one, seed=seed) for seed in range(2, 9)]
    for trial in more:
        leave(trial)
    assert f", 0.09 GB: to have the room, delete the first 8, {store.root}/trials/*--{{" in told()
    for trial in (*known, *more):
        shutil.rmtree(store.folder(trial))
    shutil.rmtree(store.root / "trials" / "mine")
    with claim(store.folder(other)):
        # Nor does the pattern mean what another process works on.
        assert told().endswith(f"delete {store.root}/trials/*--{one.fingerprint}/{CHECKPOINT}")
    sentence = told()
    assert sentence.endswith(f"delete {store.root}/trials/*/{CHECKPOINT}")
    assert sentence in bench("status", file, "--results", tmp_path).stdout
    done = bench("run", file, "--results", tmp_path, "--no-report")
    assert (done.returncode, sentence.replace(" ", "") in "".join(done.stderr.split())) == (0, True)


def test_a_full_disk_costs_the_checkpoint_and_not_the_trial(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trial = of("ppo", "CartPole-v1", **PLAIN)
    folder = tmp_path / trial.name
    (folder / CHECKPOINT).mkdir(parents=True)
    record = run(trial, tmp_path)
    assert record.final.steps == 640
    assert capsys.readouterr().out.count("no checkpoint could be written") == 1


def test_a_folder_that_vanishes_in_mid_training_costs_the_checkpoints_and_not_the_trial(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trial = of("ppo", "CartPole-v1", **PLAIN)
    folder = tmp_path / trial.name
    folder.mkdir()

    def hear(progress: Progress) -> None:
        if progress.doing == "writing a checkpoint":
            shutil.rmtree(folder, ignore_errors=True)

    run_trial(Job(trial, folder, nothing, Limits(checkpoint_minutes=0.0001)), hear, keep=keep)()
    record = read(folder)
    assert isinstance(record, Record)
    assert record.final.steps == 640
    assert capsys.readouterr().out.count("no checkpoint could be written") == 1


def test_checkpoints_are_due_by_the_clock_and_never_where_none_are_wanted(tmp_path: Path) -> None:
    now = [0.0]
    trial = of("ppo", "CartPole-v1")
    wanted, none = (Checkpoints(tmp_path, trial, minutes, clock=lambda: now[0]) for minutes in (10, 0))
    found = []
    for seconds in (0.0, 599.0, 600.0):
        now[0] = seconds
        found.append((wanted.due(), none.due()))
    assert found == [(False, False), (False, False), (True, False)]


SUITE = """
name: stored
seeds: 1
evaluation: {points: 2, episodes: 2, final_episodes: 4}
limits: {checkpoint_minutes: 0.01}
hyperparameters: default
algorithms:
  - {name: ppo, hyperparameters: {n_envs: 8, n_steps: 32, batch_size: 256, n_epochs: 1}}
environments:
  CartPole-v1: {steps: 80000}
"""


RANDOM = """
name: random
seeds: 2
evaluation: {points: 1, episodes: 1, final_episodes: 2}
hyperparameters: default
algorithms: [random]
environments: {CartPole-v1: {steps: 100}, Acrobot-v1: {steps: 100}}
"""


def follow(experiment: Experiment, hear: Callable[[Event], None]) -> Summary:
    return start(experiment, prepare(experiment, RunOptions(workers=1, devices="cpu")), hear)


def test_a_trial_that_is_killed_goes_on_in_its_next_attempt_and_counts_the_seconds_of_both(tmp_path: Path) -> None:
    experiment = open_experiment(suite_file(tmp_path, SUITE), results=tmp_path)
    processes: list[int] = []

    def hear(event: Event) -> None:
        if isinstance(event, Started):
            processes.append(event.pid)
        if isinstance(event, Progressed) and event.progress.train_seconds > 1 and len(processes) == 1:
            os.kill(processes[0], signal.SIGKILL)
            processes.append(0)

    assert follow(experiment, hear).done == 1
    (record,) = experiment.store.outcomes()
    assert isinstance(record, Record)
    assert record.attempt == 2
    (resumed,) = record.resumed
    assert resumed.exact
    assert resumed.steps > 1_000
    assert record.timings["train"] <= record.timings["wall"]
    straight = open_experiment(suite_file(tmp_path, SUITE, "straight"), results=tmp_path / "straight")
    assert follow(straight, lambda _event: None).done == 1
    assert numbers(experiment) == numbers(straight)


def test_a_trial_that_is_told_to_go_is_stored_first_and_the_same_command_goes_on_from_there(tmp_path: Path) -> None:
    experiment = open_experiment(suite_file(tmp_path, SUITE.replace("0.01", "0.1")), results=tmp_path)
    told: list[int] = []

    def hear(event: Event) -> None:
        # Before the first that would have been written by the clock.
        if isinstance(event, Progressed) and event.progress.train_seconds > 0.7 and not told:
            told.append(event.progress.steps)
            os.kill(os.getpid(), signal.SIGINT)

    summary = follow(experiment, hear)
    assert (summary.interrupted, summary.done, summary.stored) == (True, 0, 1)
    assert [cell.stored for cell in status(experiment)] == [1]
    assert follow(experiment, lambda _event: None).done == 1
    (record,) = experiment.store.outcomes()
    assert isinstance(record, Record)
    # Nothing that was learned before it was told to go is lost.
    assert record.resumed[-1].steps >= told[0]


def test_a_failure_leaves_no_checkpoint_and_its_seconds_before_an_interruption_count_for_the_limit(
    tmp_path: Path,
) -> None:
    text = SUITE.replace("checkpoint_minutes: 0.01", "checkpoint_minutes: 0.01, timeout_minutes: 0.2")
    experiment = open_experiment(suite_file(tmp_path, text.replace("80000", "10_000_000")), results=tmp_path)
    killed: list[float] = []

    def hear(event: Event) -> None:
        if isinstance(event, Started) and not killed:
            killed.append(event.pid)
        if isinstance(event, Progressed) and event.progress.train_seconds > 4 and len(killed) == 1:
            killed.append(time.monotonic())
            os.kill(int(killed[0]), signal.SIGKILL)

    assert follow(experiment, hear).failed == 1
    (failure,) = experiment.store.outcomes()
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.attempt) == ("timeout", 2)
    # Twelve seconds in all, of which the first attempt had four at least.
    assert failure.seconds < 9
    assert not list(tmp_path.rglob(CHECKPOINT))


@pytest.mark.parametrize(("resumed", "runs"), [("keep", 2), ("drop", 1)])
def test_runs_that_went_on_otherwise_are_left_out_where_the_suite_says_so(
    tmp_path: Path, resumed: str, runs: int
) -> None:
    whole = run(of("random", "CartPole-v1"), tmp_path)
    other = replace(whole, trial=replace(whole.trial, seed=1), resumed=(Resumption(160, exact=False),))
    both = [whole, other]
    cell = cells_of([one.trial for one in both], both, {}, AnalysisPlan(resumed=resumed))[whole.trial.cell]
    assert (len(cell.runs), cell.resumed) == (runs, 1)
