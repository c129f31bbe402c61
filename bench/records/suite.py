"""What a suite file says, checked: the output of the suite room."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

UNSEEN = 0.01
"""Of the value where an episode is left, the largest share that a realised return may lack."""
MOST_BEYOND = 5_000
"""Steps that an episode is played on after its time limit, at most."""


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
    environments: int | None = None
    """Environments stepped side by side; None: the harness's choice. Part of the identity only where it is given."""
    max_episode_steps: int | None = None
    """Steps after which an episode is cut; None: see `Trial.longest_episode`. Part of the identity only where given."""
    gradient_episodes: int | None = None
    """Fresh episodes from which the policy gradient's noise is measured, before training, halfway and at the end; None:
    it is not. Part of the identity only where given."""

    diagnostics: bool | None = None
    """True: what each algorithm tells of its updates is recorded along the curve (see `bench.records.diagnostics`);
    None: it is not. Part of the identity only where given."""

    value_episodes: int | None = None
    """Fresh episodes on which, at every point, what the critic predicts is held against what the policy then gets;
    None: it is not. Part of the identity only where given."""

    @property
    def gradient_looks(self) -> list[int]:
        """After which points the gradient's noise is measured, 0 being before training; empty where it is not."""
        return sorted({0, -(-self.points // 2), self.points}) if self.gradient_episodes else []


def steps_beyond(gamma: float) -> int:
    """Return how many steps after a time limit the returns from before it need, to lack a share of UNSEEN at most."""
    if not 0 < gamma < 1:
        return MOST_BEYOND if gamma else 0
    return min(math.ceil(math.log(UNSEEN) / math.log(gamma)), MOST_BEYOND)


@dataclass(frozen=True, slots=True)
class Reference:
    """The two returns that fix an environment's score: `random` scores 0, `target` scores 1."""

    random: float
    target: float
    source: str = ""


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """How one algorithm's score depends on its settings in one environment, seen while it was tuned."""

    configurations: int
    """All that were tried, the defaults among them."""
    near: float
    """Share of them whose mean is within 0.1, and its standard error, of what the kept one is worth, ..."""
    low: float
    """... from here, ..."""
    high: float
    """... to here with 95 % (Wilson)."""
    never: float
    """Share of the configurations drawn of which no run learned anything to speak of."""
    spread: float
    """Interquartile range of the scores of single runs of the configurations that were drawn."""
    rank: int
    """Of the defaults among all by their mean, 1 the best; equals share the better place."""


@dataclass(frozen=True, slots=True)
class Part:
    """Entries of one source within a named set of hyperparameters."""

    source: str
    version: str
    licence: str
    """Licence of the source; empty where nothing was taken from anywhere."""
    tuning_budget: str
    """In words; `unknown` where the source does not say."""
    notes: tuple[str, ...]
    """What a reader must know before comparing, such as changed environment versions."""
    entries: Mapping[str, Mapping[str, Mapping[str, Any]]]
    """Algorithm -> environment -> settings, with `tuned_for_steps` among them where the source states it."""
    complete: bool = False
    """Whether a pair without an entry is covered all the same, by an empty one."""
    everywhere: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Algorithm -> settings, for environments without an entry."""
    tuned: bool = True
    """False where the entries are guesses that nobody searched for."""
    here: bool = False
    """True where this harness searched by hand, on these very environments: beside others that is no equal term."""
    seeds: str = ""
    """Which seeds the search used, in words; empty where the source does not say."""
    sensitivity: Mapping[str, Mapping[str, Sensitivity]] = field(default_factory=dict)
    """Algorithm -> environment -> what the search saw of it; empty where the source does not say."""


@dataclass(frozen=True, slots=True)
class SuiteAlgorithm:
    """One entry of a suite's list of algorithms; a variant is just another entry with its own label."""

    label: str
    algorithm: str
    hyperparameter_set: str
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    """Overrides given in the suite file; they win over the named set."""
    implementation: str = ""
    """Whose implementation; empty: the catalogue's first; `auto`: the fastest proven to learn the same."""
    backend: str = ""
    """What steps the training environments; empty: Gymnasium."""
    per_environment: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Environment -> overrides that hold there alone; they win over the common ones."""

    setting: str = ""
    """Which of the suite's several sets it stands for; empty where the suite names one, or the algorithm has no
    hyperparameters and stands in every setting."""

    def given(self, environment: str) -> dict[str, Any]:
        """Return the suite's own overrides as they hold in an environment."""
        return {**self.hyperparameters, **self.per_environment.get(environment, {})}


@dataclass(frozen=True, slots=True)
class SuiteEnvironment:
    """One environment of a suite with its budget."""

    environment: str
    steps: int
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    reference: Reference | None = None
    """Given in the suite file; None means: look it up in the catalogue."""
    evaluation_kwargs: Mapping[str, Any] = field(default_factory=dict)
    """What policies are evaluated with beside `kwargs`, or instead: dynamics that training has not met."""

    @property
    def changed(self) -> bool:
        """Whether it is another than the catalogue describes."""
        return bool(self.kwargs or self.evaluation_kwargs)


@dataclass(frozen=True, slots=True)
class AnalysisPlan:
    """The analysis as declared in the suite; its hash is printed in the report."""

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
    conjunction: bool = False
    """Whether the suite concludes something only if all its claims hold; each is then judged at `confidence` alone."""
    decide: str = "score"
    """The aggregate whose difference tells two algorithms apart: `score` (interquartile mean of all environments' runs
    together), `mean`, or `iqm-by-environment` (mean over environments of each one's own interquartile mean)."""
    resumed: str = "keep"
    """`keep`, or `drop` runs that were interrupted and went on from a checkpoint otherwise than they would have."""
    floor: float | None = None
    """Score, at most 0, that every evaluation below it counts as: how far below does not matter; None: it does."""

    def declared(self) -> dict[str, Any]:
        """Return the plan as it is hashed and told; what older plans lack only where it is not the default."""
        late = {"conjunction": False, "decide": "score", "resumed": "keep", "floor": None}
        return {name: value for name, value in asdict(self).items() if name not in late or value != late[name]}


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement about the suite's algorithms, declared in the suite and judged by the analysis."""

    text: str
    """The claim as a reader would say it."""
    left: str
    """Label of an algorithm."""
    right: str | float | None
    """Label of an algorithm, or a number; None for `regret`, which compares with all others."""
    quantity: str
    """What is compared, one of `QUANTITIES`."""
    direction: str = "greater"
    """`greater` or `less`: left against right by more than `margin`; `equivalent`: within it."""
    margin: float = 0.0
    """Below 0: not the other way by more than that."""
    environments: tuple[str, ...] = ()
    """Empty: every environment that both have."""
    steps: int | None = None
    """For `score`: after this many environment steps instead of at the end."""
    seconds: float | None = None
    """For `score`: after this many CPU seconds of training instead of at the end."""
    source: str = ""
    seen: str = ""
    """Which data had been seen when it was written, in words; empty: none."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Hard limits of one trial."""

    timeout_minutes: float | None = None
    """Wall time after which a trial is ended, however well it gets on; None: as long as its steps come."""
    memory_gb: float | None = None
    stall_minutes: float | None = None
    """Time without a sign of life after which a trial is ended; None: STALL_MINUTES, or STALL_GAPS times the longest
    silence that it has already come back from."""
    checkpoint_minutes: float | None = None
    """Between two checkpoints of a trial, from which it goes on if it is interrupted; None: CHECKPOINT_MINUTES; 0: none
    is written."""


STALL_MINUTES = 30.0
STALL_GAPS = 20
CHECKPOINT_MINUTES = 10.0


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
    tensorboard: bool = False
    """Whether trials also write TensorBoard's event files; changes no number."""
    claims: tuple[Claim, ...] = ()
    seen: str = ""
    """Which data had been seen when the plan and its claims were written, in words; empty: none."""
    answer: str = "choice"
    """What answers the question: the `choice` of an algorithm, or the `claims`."""
    chosen: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Label -> environment -> the implementation that `auto` came to when results were begun: they stay of one kind."""
    accept_settings_for_other_budgets: bool = False
    """Whether published settings that were made for larger budgets than the suite's may be judged all the same."""
    sets: Mapping[str, tuple[Part, ...]] = field(default_factory=dict)
    """Sets of hyperparameters that lie beside the suite or in it, by the names that it calls them."""
    path: str = ""
    lines: Mapping[str, int] = field(default_factory=dict)
    """Line numbers in the file, by dotted place (`algorithms.2`, `environments.CartPole-v1`), for later complaints."""
    written: Mapping[str, int] = field(default_factory=dict)
    """Label -> place of its entry in the file's list, where one may stand for several; empty: each where it is."""

    @property
    def budgets(self) -> dict[str, int]:
        """Environment -> environment steps of every run there."""
        return {line.environment: line.steps for line in self.environments}

    @property
    def settings(self) -> tuple[str, ...]:
        """The settings that algorithms stand for, in the suite's order; empty where it names one set only."""
        return tuple(dict.fromkeys(entry.setting for entry in self.algorithms if entry.setting))

    def setting(self, *labels: str) -> str | None:
        """Return the one setting in which the labels stand together; None where they stand in different ones.

        Labels that stand in every setting, or are none of the suite's, go with all: empty where there are no others.
        """
        found = {entry.setting for entry in self.algorithms if entry.label in labels and entry.setting}
        return None if len(found) > 1 else "".join(found)
