"""Training steps per processor second of every implementation in, their ratios to stable-baselines3's out, as a table.

Each task is the settings of RL Zoo for an algorithm and an environment. In every round each way trains the same number
of steps in turn: stable-baselines3 as its documentation shows; the harness with its adapter to it; the other
implementations of the algorithm; SBX as its documentation shows, where it has the algorithm; and RL Zoo as its `train`
does it, where it is installed. The environment alone, stepped with random actions, is what no training that steps the
environments of Gymnasium in Python exceeds. One thread; without what is spent on compiling; medians, and between which
ratios the rounds lay.

    pip install 'bench[jax]'
    python benchmarks/speed.py                        # five rounds, about half an hour
    python benchmarks/speed.py --rounds 3 --only ppo@CartPole-v1
"""

from __future__ import annotations

import os

# Before numpy, torch and JAX are imported: the one moment at which they are read.
os.environ.update(OMP_NUM_THREADS="1", NPROC="1")

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import torch

from bench import hyperparameters
from bench.catalog import find_algorithm, installed, load, missing
from bench.environments.making import make
from bench.records import EvaluationPlan, LearnerRequest, Trial

PLAIN, SBX, ZOO, ALONE = "stable-baselines3", "SBX", "rl_zoo3", "environment"
STEPS_ALONE = 5_000


@dataclass(frozen=True, slots=True)
class Task:
    """What is trained."""

    algorithm: str
    environment: str
    steps: int
    """Of each way in each round: some seconds of stable-baselines3's."""


TASKS = (
    Task("ppo", "CartPole-v1", 20_480),
    Task("ppo", "Acrobot-v1", 20_480),
    Task("ppo", "LunarLander-v3", 32_768),
    Task("a2c", "CartPole-v1", 30_000),
    Task("reinforce", "CartPole-v1", 30_000),
    Task("dqn", "CartPole-v1", 4_096),
    Task("dqn", "LunarLander-v3", 4_096),
    Task("sac", "Pendulum-v1", 600),
    Task("td3", "Pendulum-v1", 600),
    Task("tqc", "Pendulum-v1", 400),
)


def main() -> None:
    """Measure every task and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="algorithm@environment")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    print("| task | way | steps per CPU second | ratio | rounds | of the environment's |")
    print("| --- | --- | --- | --- | --- | --- |")
    for task in TASKS:
        if chosen.only in {"", f"{task.algorithm}@{task.environment}"}:
            _told(task, chosen.rounds)


def _told(task: Task, rounds: int) -> None:
    ways: dict[str, Callable[[], float]] = {PLAIN: lambda: _plain(task, "sb3"), ALONE: lambda: _alone(task)}
    for name, entry in find_algorithm(task.algorithm).implementations.items():
        if not missing(entry):
            ways[f"harness, {name}"] = lambda name=name: _harness(task, name)  # type: ignore[misc]
            if name == "sbx":
                ways[SBX] = lambda: _plain(task, "sbx")
    if find_spec("rl_zoo3") and not find_algorithm(task.algorithm).implementation.startswith("bench."):
        ways[ZOO] = lambda: _zoo(task)
    for way in ways.values():
        way()
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            found[name].append(way())
    for name, rates in found.items():
        ratios = [rate / base for rate, base in zip(rates, found[PLAIN], strict=True)]
        share = median(rate / limit for rate, limit in zip(rates, found[ALONE], strict=True))
        print(
            f"| {task.algorithm} {task.environment} | {name} | {median(rates):,.0f} | {median(ratios):.2f} | "
            f"{min(ratios):.2f} to {max(ratios):.2f} | {share:.0%} |",
            flush=True,
        )


def _request(task: Task, implementation: str) -> LearnerRequest:
    entry = find_algorithm(task.algorithm, implementation)
    settings, _ = hyperparameters.resolve("rl-zoo", task.algorithm, task.environment)
    if "learning_starts" in settings:
        # Nearly all of a long training comes after it.
        settings["learning_starts"] = 100
    trial = Trial(
        label=task.algorithm,
        algorithm=task.algorithm,
        environment=task.environment,
        seed=0,
        steps=task.steps,
        evaluation=EvaluationPlan(),
        implementation=entry.identity,
        versions=installed(entry.distributions),
        hyperparameters={name: value for name, value in settings.items() if name in (entry.settings or {})},
    )
    return LearnerRequest(trial, lambda index: make(task.environment, {}, seed=index)[0], seed=0)


def _plain(task: Task, implementation: str) -> float:
    learner = load(find_algorithm(task.algorithm, implementation).maker)(_request(task, implementation))
    return _rate(lambda: learner.model.learn(task.steps), learner.model, lambda: learner.compile_seconds)


def _harness(task: Task, implementation: str) -> float:
    learner = load(find_algorithm(task.algorithm, implementation).maker)(_request(task, implementation))
    return _rate(
        lambda: learner.learn(task.steps, lambda steps: steps < task.steps),
        learner.model,
        lambda: learner.compile_seconds,
    )


def _rate(learn: Callable[[], object], model: Any, compiled: Callable[[], float] = lambda: 0.0) -> float:
    began, wall, before = time.process_time(), time.perf_counter(), compiled()
    learn()
    share = (compiled() - before) / (time.perf_counter() - wall)
    return float(model.num_timesteps / ((time.process_time() - began) * (1 - share)))


def _zoo(task: Task) -> float:
    from rl_zoo3.exp_manager import ExperimentManager  # noqa: PLC0415 - where it is installed

    # As above; nothing is evaluated here, either.
    later = {"learning_starts": 100} if find_algorithm(task.algorithm).replays else {}
    with TemporaryDirectory() as folder:
        manager = ExperimentManager(
            argparse.Namespace(),
            task.algorithm,
            task.environment,
            folder,
            n_timesteps=task.steps,
            eval_freq=-1,
            hyperparams=later,
            log_interval=-2,
            verbose=0,
            device="cpu",
        )
        made = manager.setup_experiment()
        assert made is not None  # noqa: S101 - it is where hyperparameters are searched for
        model, _ = made
        return _rate(lambda: manager.learn(model), model)


def _alone(task: Task) -> float:
    env, _ = make(task.environment, {}, seed=0)
    env.reset()
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(STEPS_ALONE)]
    began = time.process_time()
    for action in actions:
        _, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            env.reset()
    return STEPS_ALONE / (time.process_time() - began)


if __name__ == "__main__":
    main()
