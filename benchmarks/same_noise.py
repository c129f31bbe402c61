"""Do two implementations end where the other ends if they draw the same noise? Whole trainings, twenty seeds a cell.

The compiled learners draw actions otherwise than stable-baselines3, so that runs of equal seeds are other runs, and
hundreds of them are needed to see that their scores do not differ by 0.05. Here the library's learner draws what the
compiled one draws (actions, and the order of minibatches where there are several); those with a replay buffer draw the
same by themselves.
All else is the library's: network, rollouts, advantages, losses, optimiser. Both trainings of a seed are then the same
but for rounding, until it makes two actions change places, and what differs at the end is what the implementations
differ in and what rounding has made of it. Common random numbers (Glasserman and Yao 1992) take the rest of the spread
away.

    python benchmarks/same_noise.py implementations 'a2c (jax)'         # trains what is missing, appends to the table
    python benchmarks/same_noise.py                                     # says what the table says

The table is benchmarks/same_noise.csv: a row per seed, with the share of the training until two actions differ, and the
processor seconds of either training, compiling at the first updates included.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.stats
import torch
from numpy.typing import NDArray

from bench.algorithms import sb3
from bench.algorithms.compiled.network import LEAST
from bench.catalog import environments, find_algorithm
from bench.pipeline import open_experiment
from bench.records import Trial
from bench.runner.evaluation import Evaluator
from bench.runner.seeds import evaluation_seeds
from bench.runner.trial import evaluation_environment, learner_request

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "benchmarks" / "same_noise.csv"
SEEDS = 20
AGAIN = {
    ("implementations-reinforce", "reinforce (jax)", "LunarLander-v3"): 60,
    ("implementations-dqn", "dqn (jax)", "CartPole-v1"): 60,
    ("implementations-dqn", "dqn (jax)", "LunarLander-v3"): 60,
}
"""Seeds of cells where the first look left an implementation undecided, declared before the second; all of that
implementation is then told with 97.5 % (Bonferroni, two looks)."""
AVERAGE, SINGLE = 0.05, 0.2
"""Margins of the mean of the environments' differences and of each one, as in suites/implementations.yaml."""
APART = 0.01
"""Continuous actions that differ by more have parted; discrete ones part when they differ."""


def main() -> None:
    """Train what is missing of one implementation's cells, or tell what the table says of all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", nargs="?")
    parser.add_argument("label", nargs="?", help="of the implementation that is compared with its algorithm's first")
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()
    known = pd.read_csv(TABLE) if TABLE.exists() else pd.DataFrame()
    if chosen.label:
        train(chosen.suite, chosen.label, known, chosen.workers)
        known = pd.read_csv(TABLE)
    tell(known)


def train(suite: str, label: str, known: pd.DataFrame, workers: int) -> None:
    """Train both of every pair that the table lacks, and append its row as soon as it is there."""
    plan = open_experiment(ROOT / "suites" / f"{suite}.yaml", results=ROOT / "results").plan
    there = (
        set()
        if known.empty
        else set(known[known["label"] == label][["environment", "seed"]].itertuples(index=False, name=None))
    )
    # A seed of every environment, and then the next.
    cells = [one for one in plan.trials if one.label == label and one.seed == 0]
    trials = [replace(one, seed=seed) for one in cells for seed in range(declared(suite, label, one.environment))]
    trials.sort(key=lambda one: one.seed)
    missing = [one for one in trials if (one.environment, one.seed) not in there]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for row in pool.map(partial(pair, suite), missing):
            pd.DataFrame([row]).to_csv(TABLE, mode="a", header=not TABLE.exists(), index=False)
            print(", ".join(f"{name} {value}" for name, value in row.items()), flush=True)


def declared(suite: str, label: str, environment: str) -> int:
    """Return how many seeds of a cell are to be trained: fewer show nothing."""
    return AGAIN.get((suite, label, environment), SEEDS)


def pair(suite: str, trial: Trial) -> dict[str, Any]:
    """Return the row of one seed: both trained and their final policies evaluated on the same episodes."""
    first = find_algorithm(trial.algorithm)
    ours, theirs = trained(trial), trained(replace(trial, implementation=first.identity), noise_of=trial)
    reference = environments()[trial.environment].reference
    assert reference is not None, "suites that compare implementations have scores"  # noqa: S101
    span = reference.target - reference.random
    scores = [(returns.mean() - reference.random) / span for _, returns, _ in (ours, theirs)]
    return {
        "suite": suite,
        "label": trial.label,
        "environment": trial.environment,
        "seed": trial.seed,
        "same_until": round(parted(ours[0], theirs[0]), 4),
        "score": round(scores[0], 6),
        "score_of_first": round(scores[1], 6),
        "cpu": round(ours[2], 2),
        "cpu_of_first": round(theirs[2], 2),
    }


def trained(trial: Trial, noise_of: Trial | None = None) -> tuple[NDArray[Any], NDArray[np.float64], float]:
    """Return the actions that a training took, a row a step, the returns of its policy, and its processor seconds."""
    learner = sb3.make(learner_request(trial))
    if noise_of is not None and find_algorithm(noise_of.algorithm).on_policy:
        noise = np.random.default_rng(learner_request(noise_of).seed)
        share_actions(learner.model, noise)
        share_orders(learner.model, noise)
    taken: list[NDArray[Any]] = []
    env: Any = learner.model.env
    step = env.step

    def noted(actions: NDArray[Any]) -> Any:
        taken.append(np.array(actions))
        return step(actions)

    env.step = noted
    begun = time.process_time()
    learner.learn(trial.steps, lambda steps: steps < trial.steps)
    seconds = time.process_time() - begun
    seeds = evaluation_seeds(trial.environment, trial.seed, "final", trial.evaluation.final_episodes)
    evaluator = Evaluator(partial(evaluation_environment, trial))
    returns = evaluator.evaluate(learner, seeds, deterministic=trial.evaluation.deterministic).returns
    evaluator.close()
    return np.array(taken), returns, seconds


def share_actions(model: Any, random: np.random.Generator) -> None:
    """Let a model of the library, or the harness's own, draw the actions that the compiled learner draws of this."""
    policy = model.policy

    def drawn(observations: torch.Tensor) -> Any:
        distribution = policy.get_distribution(observations).distribution
        if hasattr(distribution, "logits"):
            exponential = random.standard_exponential(tuple(distribution.logits.shape), dtype=np.float32)
            gumbel = torch.as_tensor(-np.log(np.maximum(exponential, LEAST)))
            return (distribution.logits + gumbel).argmax(dim=1)
        normal = torch.as_tensor(random.standard_normal(tuple(distribution.mean.shape), dtype=np.float32))
        return distribution.mean + distribution.stddev * normal

    def forward(observations: torch.Tensor, deterministic: bool = False) -> tuple[torch.Tensor, ...]:
        del deterministic
        actions = drawn(observations)
        values, log_prob, _ = policy.evaluate_actions(observations, actions)
        return actions, values, log_prob

    def sampled(observations: Any) -> Any:
        with torch.no_grad():
            return drawn(torch.as_tensor(observations)).numpy()

    policy.forward = forward
    if hasattr(model, "_sampled"):
        model._sampled = sampled  # noqa: SLF001 - REINFORCE is ours


def share_orders(model: Any, random: np.random.Generator) -> None:
    """Let what shuffles minibatches draw from the generator, where there are several and the compiled learner draws."""
    whole = model.n_steps * model.n_envs if hasattr(model, "n_steps") else 0
    single = getattr(model, "batch_size", whole) >= whole > 0

    def shuffled(count: int) -> NDArray[np.int64]:
        return np.arange(count) if single else random.permuted(np.arange(count, dtype=np.int32))

    np.random.permutation = shuffled  # type: ignore[assignment]  # in a process of its own
    torch.randperm = lambda count, **_: torch.as_tensor(random.permutation(count))  # type: ignore[assignment]


def parted(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Return the share of a training, from 0 to 1, after which the two take different actions."""
    steps = min(len(one), len(other))
    differ = np.abs(one[:steps].astype(float) - other[:steps].astype(float)).reshape(steps, -1).max(axis=1)
    found = np.flatnonzero(differ > (APART if one.dtype.kind == "f" else 0))
    return float(found[0] / steps) if len(found) else 1.0


@dataclass(frozen=True, slots=True)
class Gap:
    """By how much an implementation's final scores exceed the first one's: paired, with Student's interval."""

    where: str
    seeds: int
    whole: int
    """Trainings that were the same to their end."""
    mean: float
    low: float
    high: float
    margin: float
    declared: int
    """Seeds that were to be trained."""

    @property
    def holds(self) -> bool:
        """Whether it is equivalent within its margin, and not worse; fewer seeds than were declared show nothing."""
        return self.seeds >= self.declared and -self.margin < self.low and 0 <= self.high < self.margin

    def __str__(self) -> str:
        verdict = "equivalent" if self.holds else "not shown to be equivalent"
        return (
            f"{self.where}: {verdict} within {self.margin:g}: {self.mean:.4f} [{self.low:.4f}, {self.high:.4f}]; "
            f"{self.whole} of {self.seeds} trainings the same to the end"
        )


def tell(table: pd.DataFrame) -> None:
    """Print what the table says of every implementation."""
    for suite, label in table[["suite", "label"]].drop_duplicates().itertuples(index=False, name=None):
        print(f"{label} of suite {suite}", *gaps(table, suite, label), sep="\n  ")


def gaps(table: pd.DataFrame, suite: str, label: str) -> list[Gap]:
    """Return an implementation's gap on every environment of the table, and last that of their mean."""
    rows = table[(table["suite"] == suite) & (table["label"] == label)]
    level = 0.975 if any((suite, label) == again[:2] for again in AGAIN) else 0.95
    found, squares, freedom = [], [], []
    for name, cell in rows.groupby("environment"):
        differences = (cell["score"] - cell["score_of_first"]).to_numpy()
        square, degrees = differences.var(ddof=1) / len(differences), len(differences) - 1
        whole, half = int((cell["same_until"] == 1).sum()), _half(square, degrees, level)
        mean, seeds = float(differences.mean()), declared(suite, label, str(name))
        found.append(Gap(str(name), len(cell), whole, mean, mean - half, mean + half, SINGLE, seeds))
        squares.append(square)
        freedom.append(degrees)
    if not found:
        return []
    total = sum(squares)
    # Satterthwaite's degrees of freedom of a mean of cells.
    degrees = total**2 / sum(s**2 / n for s, n in zip(squares, freedom, strict=True)) if total else min(freedom)
    mean, half = sum(one.mean for one in found) / len(found), _half(total / len(found) ** 2, degrees, level)
    seeds, whole, wanted = (sum(getattr(one, name) for one in found) for name in ("seeds", "whole", "declared"))
    return [*found, Gap(f"mean of {len(found)}", seeds, whole, mean, mean - half, mean + half, AVERAGE, wanted)]


def _half(square: float, degrees: float, level: float) -> float:
    """Return half the width of Student's interval of a mean whose estimate has this variance."""
    return float(scipy.stats.t.ppf((1 + level) / 2, degrees)) * math.sqrt(square)


def speed(table: pd.DataFrame, suite: str, label: str) -> float:
    """Return how many times as fast as the first one the implementation trains: geometric mean of cells' medians."""
    rows = table[(table["suite"] == suite) & (table["label"] == label)]
    medians = rows.groupby("environment")[["cpu", "cpu_of_first"]].median()
    return float(np.exp(np.log(medians["cpu_of_first"] / medians["cpu"]).mean()))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
