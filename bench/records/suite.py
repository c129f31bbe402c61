"""What a suite file says, checked: the output of the suite room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """How policies are evaluated: the same for every algorithm of a suite."""

    points: int = 20
    """Evaluations during training, at equal distances in environment steps; the last is at the budget."""
    episodes: int = 10
    """Episodes per evaluation during training."""
    final_episodes: int = 100
    """Fresh episodes with which the final policy is evaluated after training: the headline."""
    deterministic: bool = True
    """Whether the policy's mode (True) or a sample from it (False) acts."""


@dataclass(frozen=True, slots=True)
class Reference:
    """The two returns that fix an environment's score: `random` scores 0, `target` scores 1."""

    random: float
    target: float
    source: str = ""


@dataclass(frozen=True, slots=True)
class SuiteAlgorithm:
    """One entry of a suite's list of algorithms; a variant is just another entry with its own label."""

    label: str
    algorithm: str
    hyperparameter_set: str
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    """Overrides given in the suite file; they win over the named set."""


@dataclass(frozen=True, slots=True)
class SuiteEnvironment:
    """One environment of a suite with its budget."""

    environment: str
    steps: int
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    reference: Reference | None = None
    """Given in the suite file; None means: look it up in the catalogue."""


@dataclass(frozen=True, slots=True)
class AnalysisPlan:
    """The analysis, declared before the data is seen; its hash is printed in the report."""

    metric: str = "final"
    """`final` (re-evaluated final policy) or `auc` (mean of the learning curve over steps)."""
    threshold: float = 0.9
    """Normalised score that counts as solved, for steps and seconds to threshold."""
    margin: float = 0.05
    """Normalised score difference within which two algorithms count as equivalent."""
    failures: str = "random"
    """How a failed trial enters the statistics: `random` (scores 0, as the random policy) or `drop` (not counted)."""
    confidence: float = 0.95
    resamples: int = 5000


@dataclass(frozen=True, slots=True)
class Limits:
    """Hard limits of one trial."""

    timeout_minutes: float | None = None
    memory_gb: float | None = None


@dataclass(frozen=True, slots=True)
class Suite:
    """An experiment: algorithms x environments x seeds, with evaluation and analysis plan."""

    name: str
    title: str
    question: str
    seeds: tuple[int, ...]
    algorithms: tuple[SuiteAlgorithm, ...]
    environments: tuple[SuiteEnvironment, ...]
    evaluation: EvaluationPlan = EvaluationPlan()
    analysis: AnalysisPlan = AnalysisPlan()
    limits: Limits = Limits()
    skip_incompatible: bool = False
    claims: tuple[Mapping[str, Any], ...] = ()
    path: str = ""
    lines: Mapping[str, int] = field(default_factory=dict)
    """Line numbers in the file, by dotted place (`algorithms.2`, `environments.CartPole-v1`), for later complaints."""
