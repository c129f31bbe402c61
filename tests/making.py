"""Small trials, jobs and suites for the tests."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from bench.catalog import environments, find_algorithm, installed
from bench.pipeline import Experiment, RunOptions, Summary, open_experiment, prepare, run
from bench.pipeline.policies import TrainedPolicy
from bench.records import Actor, EvaluationPlan, Record, Trial
from bench.runner.evaluation import Evaluator
from bench.runner.jobs import Job, Progress
from bench.runner.seeds import evaluation_seeds
from bench.runner.trial import evaluation_environment, run_trial
from bench.store import keep, read

QUICK = EvaluationPlan(points=2, episodes=2, final_episodes=3)


def small_trial(
    algorithm: str = "q_learning",
    environment: str = "bench/Corridor-v0",
    *,
    seed: int = 0,
    steps: int = 200,
    evaluation: EvaluationPlan = QUICK,
    hyperparameters: Mapping[str, Any] | None = None,
    environment_kwargs: Mapping[str, Any] | None = None,
) -> Trial:
    entry = find_algorithm(algorithm)
    known = environments().get(environment)
    return Trial(
        label=algorithm,
        algorithm=algorithm,
        environment=environment,
        seed=seed,
        steps=steps,
        evaluation=evaluation,
        implementation=entry.identity,
        versions=installed(entry.distributions + (known.distributions if known else ())),
        hyperparameters=hyperparameters or {},
        environment_kwargs=environment_kwargs or {},
    )


def nothing(job: Job, report: object) -> None:
    del job, report


def ignore(progress: Progress) -> None:
    del progress


def carry_out(trial: Trial, root: Path) -> Record:
    """Run a trial in this process and return its record as read back from disk."""
    folder = root / trial.name
    folder.mkdir(parents=True, exist_ok=True)
    run_trial(Job(trial, folder, nothing), ignore, keep=keep)()
    record = read(folder)
    assert isinstance(record, Record)
    return record


def played_again(policy: TrainedPolicy, actor: Actor | None = None) -> list[float]:
    """Return the final evaluation's returns as the harness measures them of a policy that was read back."""
    trial = policy.trial
    seeds = evaluation_seeds(trial.environment, trial.seed, "final", trial.evaluation.final_episodes)
    evaluator = Evaluator(partial(evaluation_environment, trial))
    played = evaluator.evaluate(actor or policy.policy, seeds, deterministic=trial.evaluation.deterministic)
    evaluator.close()
    found: list[float] = played.returns.tolist()
    return found


TOY = """
name: small
seeds: 3
evaluation: {points: 2, episodes: 2, final_episodes: 4}
hyperparameters: default
algorithms: [q_learning, softmax_reinforce, random]
environments:
  bench/Corridor-v0: {steps: 400}
  bench/Bandit-v0: {steps: 100}
"""


def suite_file(folder: Path, text: str = TOY, name: str = "small") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(text)
    return path


def run_suite(path: Path, results: Path, *, workers: int = 2, **options: Any) -> tuple[Experiment, Summary]:
    experiment = open_experiment(path, results=results)
    jobs = prepare(experiment, RunOptions(workers=workers, devices="cpu", **options))
    return experiment, run(experiment, jobs, lambda _event: None)


def numbers(experiment: Experiment) -> dict[str, tuple[Any, ...]]:
    """Return all that a trial's definition determines, by trial: no clock, no memory."""
    found = {}
    for outcome in experiment.store.outcomes():
        assert isinstance(outcome, Record)
        curve, final = outcome.curve, outcome.final
        arrays = (curve.steps, curve.returns, curve.lengths, curve.training_returns, final.returns, final.lengths)
        found[outcome.trial.name] = (final.steps, *(str(array.tolist()) for array in arrays))
    return found
