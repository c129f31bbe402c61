"""One algorithm on one environment with one seed, and what came of it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.records.suite import EvaluationPlan

SHORTEST_CUT, LONGEST_CUT = 10_000, 100_000
"""Between these, the budget is how long an evaluation episode without a time limit may last."""

PROTOCOL = 1
"""Raised whenever the harness changes a number that an unchanged definition would give."""

IMPORTED = "imported:"
"""The implementation of every imported trial begins with it, so that it shares no fingerprint with an own one."""

Floats = NDArray[np.float64]
FAILURE_KINDS = (
    "exception",
    "killed",
    "exited",
    "timeout",
    "out_of_memory",
    "out_of_gpu_memory",
    "diverged",
    "lost_node",
    "lost_device",
)
PACKING = ("device", "threads", "workers", "trials_per_gpu")
"""Of a record's resources, what seconds depend on."""


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=str)


def digest(value: object) -> str:
    """Return the first 12 hexadecimal digits of the SHA-256 of `value` as canonical JSON."""
    return hashlib.sha256(_CANONICAL.encode(value).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Trial:
    """One algorithm on one environment with one seed: the unit of storing and of statistics."""

    label: str
    """How the suite calls this algorithm; no part of the identity (renaming a curve reruns nothing)."""
    algorithm: str
    environment: str
    seed: int
    steps: int
    """The budget, in environment steps."""
    evaluation: EvaluationPlan
    implementation: str
    """Where the algorithm's code lives, `module:attribute`."""
    versions: Mapping[str, str]
    """Distribution name -> version, of everything installed that can change the numbers."""
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    """Resolved: the named set with the suite's overrides applied."""
    environment_kwargs: Mapping[str, Any] = field(default_factory=dict)
    evaluation_kwargs: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments of the evaluation environments alone, over `environment_kwargs`: dynamics that training has not
    met. Part of the identity only where given."""
    backend: str = ""
    """What steps the training environments; empty: Gymnasium, which evaluates in any case. Part of the identity only
    where it is given."""
    provenance: str = ""
    """Where the hyperparameters come from, in words; no part of the identity."""
    origin: Mapping[str, Any] = field(default_factory=dict)
    """Of an imported run: its files, how it was evaluated, what is not known; empty for an own one. No part of the
    identity, for which `implementation` begins with IMPORTED."""

    def definition(self) -> dict[str, Any]:
        """Return everything that can change the numbers, except the seed, as plain data."""
        backend = {"backend": self.backend} if self.backend else {}
        perturbed = {"evaluation_kwargs": dict(self.evaluation_kwargs)} if self.evaluation_kwargs else {}
        return {
            **backend,
            **perturbed,
            "protocol": PROTOCOL,
            "algorithm": self.algorithm,
            "implementation": self.implementation,
            "hyperparameters": dict(self.hyperparameters),
            "environment": self.environment,
            "environment_kwargs": dict(self.environment_kwargs),
            "steps": self.steps,
            "evaluation": dict(_given(self.evaluation)),
            "versions": dict(self.versions),
        }

    @property
    def cell(self) -> tuple[str, str]:
        """What it is a run of: label and environment."""
        return self.label, self.environment

    @property
    def changed(self) -> bool:
        """Whether its environment is another than the catalogue describes."""
        return bool(self.environment_kwargs or self.evaluation_kwargs)

    @property
    def code(self) -> str:
        """Where the code lives that learns, and whose environments it steps where those are not Gymnasium's."""
        return f"{self.implementation} ({self.backend})" if self.backend else self.implementation

    def longest_episode(self, time_limit: int | None) -> int:
        """Return after how many steps an evaluation episode is cut: never before the environment's own time limit."""
        if self.evaluation.max_episode_steps is not None:
            return self.evaluation.max_episode_steps
        return max(min(max(self.steps, SHORTEST_CUT), LONGEST_CUT), time_limit or 0)

    @cached_property
    def configuration(self) -> str:
        """The hash that all seeds of one cell share."""
        return digest(self.definition())

    @cached_property
    def fingerprint(self) -> str:
        """The hash of everything that can change this trial's numbers, the seed included."""
        return digest({**self.definition(), "seed": self.seed})

    @property
    def name(self) -> str:
        """The folder name: readable, unique, free of clocks."""
        environment = self.environment.replace("/", "_").replace(":", "_")
        return f"{self.algorithm}--{environment}--seed-{self.seed}--{self.fingerprint}"


_PLANNED = tuple(one.name for one in fields(EvaluationPlan))


@cache
def _given(evaluation: EvaluationPlan) -> Mapping[str, Any]:
    """Return the plan without what it leaves to the harness: fingerprints from before there was a choice hold."""
    values = ((name, getattr(evaluation, name)) for name in _PLANNED)
    return {name: value for name, value in values if value is not None}


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """The evaluations during training, raw: one row per planned point.

    Point k (from 0) is planned at `budget * (k + 1) / points` steps and taken at the first moment at or after it. An
    algorithm that passes several planned points between two evaluations repeats the row, with the same true `steps`.
    """

    steps: NDArray[np.int64]
    """(points,) environment steps really taken when the evaluation began."""
    seconds: Floats
    """(points,) wall seconds of training until then, evaluation excluded."""
    cpu_seconds: Floats
    """(points,) CPU seconds of training until then, evaluation excluded."""
    returns: Floats
    """(points, episodes) undiscounted raw returns, in the environment's own units."""
    lengths: NDArray[np.int64]
    """(points, episodes) episode lengths in steps."""
    training_returns: Floats
    """(points,) mean raw return of the last (at most) 100 training episodes, exploration on; NaN before the first."""


@dataclass(frozen=True, slots=True, eq=False)
class Final:
    """The final policy on fresh episodes, after training."""

    steps: int
    """Environment steps really taken; more than the budget is overshoot."""
    returns: Floats
    """(final_episodes,) undiscounted raw returns."""
    lengths: NDArray[np.int64]
    """(final_episodes,) in steps."""


@dataclass(frozen=True, slots=True)
class GradientNoise:
    """Estimates of one policy gradient at fixed parameters, each from a batch of fresh episodes of its own.

    Beside the algorithm's own estimate stands the plain one of the same episodes, without baseline and normalisation:
    what the two differ by is due to these alone.
    """

    batches: int
    """How many estimates."""
    variance: float
    """Trace of the covariance matrix of the own estimate."""
    plain_variance: float
    """The same of the plain one."""
    squared_bias: float
    """Squared length of the own estimate's expectation minus the plain one's, itself estimated without bias: around 0
    where there is none, below it as often as above."""
    squared_norm: float
    """Squared length of the plain estimate's expectation, estimated likewise."""
    steps: int = 0
    """Environment steps of training before it was measured."""


CHECKPOINT = "checkpoint.pkl"
"""File in the folder of a trial that is not over, from which it can go on."""
POINTS = "points.json"
"""File in the folder of a trial that is not over: its evaluations so far, for whoever watches."""


@dataclass(frozen=True, slots=True)
class Resumption:
    """A trial was interrupted and went on from a checkpoint."""

    steps: int
    """Environment steps it had taken at the checkpoint."""
    exact: bool
    """Whether it went on as if nothing had been; else environments, or noise, began anew, or a simulator lacked what it
    remembers of earlier episodes, and so it is no longer what its seed alone would have made it."""


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """A finished trial: its definition and everything measured."""

    trial: Trial
    curve: Curve
    final: Final
    timings: Mapping[str, float]
    """Seconds: `wall` (whole trial), `setup`, `train`, `train_cpu`, `evaluation`, `evaluation_cpu`; `compile` where
    code was compiled between training steps, which is in none of the others but `wall`; on a GPU `gpu`, the wall
    seconds times the share of it that the trial was given."""
    resources: Mapping[str, Any]
    """`device`, `threads`, `workers` (trials side by side), `peak_memory_mb`, `load` (1-minute average at the end),
    `evaluation_environments` (made and stepped side by side). On a GPU `trials_per_gpu` (how many may share it),
    `gpu_memory_mb` (most that the learning library had reserved there, in units of 2**20 bytes) and `gpu_utilisation`
    (mean share of the trial's time in which any program's kernel ran on it)."""
    provenance: Mapping[str, Any]
    """Versions of the packages that matter, Python, platform, processor, commit, `started`, `finished` (ISO 8601)."""
    attempt: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Every hyperparameter as the learning library finally had it, defaults included."""
    cut_episodes: Mapping[str, int] = field(default_factory=dict)
    """Evaluation episodes that did not end and were cut by the harness: how many of the `curve`, how many of the
    `final` evaluation, and after how many `steps`; empty where all ended."""
    updates: int | None = None
    """How often the weights, or the table, were updated, as the implementation counts (see `bench.catalog.updates`);
    None where it does not tell, as of what does not learn and of records from before it was asked."""
    frames: int | None = None
    """Steps that the training environments themselves have taken, where wrappers make several of one (an action that is
    repeated, no-ops at the start): more than `final.steps`. None where each was one, or nobody counted."""
    gradients: tuple[GradientNoise, ...] = ()
    """In the order of training, the first before it began; empty where nobody asked, or the algorithm's cannot be."""
    diagnostics: Mapping[str, Floats] = field(default_factory=dict)
    """Name in DIAGNOSTICS -> (points,) mean over the updates since the evaluation before, or since training began, or,
    of what is played, over the states then met; NaN where there was none. Empty where nobody asked, or the algorithm
    tells nothing."""
    resumed: tuple[Resumption, ...] = ()
    """Every time that it went on from a checkpoint. Of the timings, what was lost with an interruption is in none."""

    def told(self, name: str) -> Floats | None:
        """(points,) of what was told under a name in DIAGNOSTICS; None where nobody asked, or it was not."""
        if name == "training_return":
            return self.curve.training_returns if self.trial.evaluation.diagnostics else None
        return self.diagnostics.get(name)

    @property
    def core_seconds(self) -> float | None:
        """What the trial cost: CPU seconds of training, evaluation and compiling; wall seconds where not kept."""
        told = {name: value for name, value in self.timings.items() if math.isfinite(value)}
        evaluation = told.get("evaluation_cpu", told.get("evaluation"))
        if "train_cpu" not in told or evaluation is None:
            return told.get("wall")
        return told["train_cpu"] + evaluation + told.get("compile", 0.0)


@dataclass(frozen=True, slots=True)
class Failure:
    """A trial that did not finish: an outcome, never dropped."""

    trial: Trial
    kind: str
    """One of FAILURE_KINDS."""
    message: str
    traceback: str = ""
    attempt: int = 1
    seconds: float = 0.0
    """Wall seconds until it failed."""
    steps: int = 0
    """Environment steps known to have been taken."""
    peak_memory_mb: float | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in FAILURE_KINDS:
            raise ValueError(f"failure kind {self.kind!r} is not one of {', '.join(FAILURE_KINDS)}")


Outcome = Record | Failure


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file in a trial's folder that cannot be trusted: its trial counts as missing."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"
