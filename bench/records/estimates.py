"""What the analysis finds and the report shows: plain values, every number with its n."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bench.records.answers import Card, ClaimVerdict, Conclusion, Lead, Reliability, SequentialRun, Situation
from bench.records.bursts import Burst
from bench.records.facts import Fact
from bench.records.interval import Interval
from bench.records.origins import Origins
from bench.records.published import PublishedVerdict

_NOTHING = Interval(None)


@dataclass(frozen=True, slots=True)
class Threshold:
    """How fast an algorithm reaches the threshold score, runs that never do counted as censored."""

    reached: int
    n: int
    share: Interval
    median_steps: float | None
    """Median over all runs, None when fewer than half reach it."""
    median_seconds: float | None
    """As above, in CPU seconds of training."""
    steps: tuple[float | None, ...] = ()
    """Per run; None where the threshold was never reached."""


@dataclass(frozen=True, slots=True)
class CellEstimate:
    """One algorithm on one environment over all its seeds."""

    label: str
    environment: str
    seeds: tuple[int, ...]
    """Seeds counted, failures included when the plan says so; same order as `returns` and `scores`."""
    returns: tuple[float, ...]
    """Per seed: mean raw return of the final evaluation (the random reference for a failed trial)."""
    scores: tuple[float, ...]
    """Per seed: the plan's metric, normalised (0 random, 1 target)."""
    n: int
    planned: int
    failed: int
    missing: int
    mean_return: Interval
    iqm_return: Interval
    iqm_score: Interval
    auc_score: Interval
    threshold: Threshold
    overshoot: float
    """Largest share by which a run's steps exceed the budget."""
    steps_per_second: float | None
    """Median over runs, training only, per CPU second."""
    train_seconds: float | None
    """Median CPU seconds of training per run."""
    saturated: bool = False
    """All runs of this cell are at or above the threshold."""


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One algorithm over all environments of the suite that it has runs on."""

    label: str
    environments: int
    n: int
    iqm: Interval
    mean: Interval
    median: Interval
    optimality_gap: Interval
    rliable: Mapping[str, Interval]
    """Name in `rliable.metrics` -> what it gives, for comparison with the literature; with its percentile interval
    where that was asked for, empty where environments have unequal numbers of runs."""
    complete: bool = True
    """False when the algorithm lacks environments that others have, or is not judged: its row is not comparable with
    theirs."""
    not_judged: float | None = None
    """How many times the suite's budget its named settings were made for, at most; None where they fit."""
    probability_best: float | None = None
    """Bootstrap share of being the best of its setting's learning algorithms by the aggregate that decides: a share
    under a flat prior, never evidence; None where it is not in that race."""
    by_environment: Interval = _NOTHING
    """Mean over environments of each environment's own IQM."""
    worst: tuple[float, str] | None = None
    """The lowest IQM on an environment, and where."""
    deciding: Interval | None = None
    """The aggregate that decides, where nothing beyond the target counts on some environment, for all solve it; the
    others here count everything, as the literature does. None: there is no such environment."""

    def value(self, decide: str) -> Interval:
        """Return what decides: the aggregate that `AnalysisPlan.decide` names, as far as scores count."""
        return self.deciding or {"mean": self.mean, "iqm-by-environment": self.by_environment}.get(decide, self.iqm)


@dataclass(frozen=True, slots=True)
class CurveEstimate:
    """An interquartile-mean learning curve with a pointwise interval."""

    label: str
    environment: str | None
    """None: the aggregate over environments, in normalised score; else raw return of that environment."""
    axis: str
    """`steps`, `share` (of the budget, for aggregates) or `seconds` (CPU seconds of training)."""
    x: tuple[float, ...]
    estimate: tuple[float, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    n: int
    runs: tuple[tuple[float, ...], ...] = ()
    """Every run's own curve on the same x (per environment only), for the reader who wants to see the seeds."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Share of runs that score above tau, averaged over environments (Agarwal et al. 2021, performance profile)."""

    label: str
    taus: tuple[float, ...]
    share: tuple[float, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    n: int


@dataclass(frozen=True, slots=True)
class PairPlace:
    """Two algorithms on one environment: described, not judged."""

    environment: str
    difference: float
    """Interquartile mean of `a` minus that of `b`, on this environment alone."""
    probability: float
    """P(a run of `a` scores above a run of `b`) here, ties half."""
    shares: tuple[float, float]
    """This environment's share of the pooled interquartile mean of `a` and of `b`."""

    def turned(self) -> PairPlace:
        """Return the same with `b` first."""
        return PairPlace(self.environment, -self.difference, 1 - self.probability, self.shares[::-1])


@dataclass(frozen=True, slots=True)
class Pair:
    """Two algorithms compared on the environments that both have."""

    a: str
    b: str
    environments: int
    n: int
    probability: Interval
    """P(a run of `a` scores above a run of `b`), averaged over environments, ties half: described, not judged, unless
    ranks decide."""
    difference: Interval
    """What decides: aggregate of `a` minus that of `b`, normalised score; see `decide`."""
    p_value: float | None
    """Of no difference, alone; None where so few runs have none."""
    p_holm: float | None
    """Corrected over its family of pairs (Holm): those of one setting."""
    verdict: str
    """`better`, `worse`, `equivalent` or `undecided` (of `a` against `b`)."""
    smallest_p: float | None = None
    """The smallest p-value that this many runs can give: above the level, no claim is possible."""
    more_runs: int | None = None
    """About how many more runs per environment would decide an undecided pair with 80 % power if the effect is what it
    looks like; None where decided, or where the number has no sense (no effect seen, or above 200)."""
    more_hours: float | None = None
    """Hours on one core that these runs would take for both algorithms, by the median run time in hand."""
    runs: tuple[int, int] = (0, 0)
    """Of `a` and of `b`, per environment; the smallest where they differ."""
    most_runs: tuple[int, int] = (0, 0)
    """The largest where they differ."""
    family: int = 1
    """How many pairs were corrected together."""
    look: Tested | None = None
    """Of a pair that the looks of a sequential experiment decide."""
    looks: int = 1
    """For how many looks a pair that they do not decide is corrected: `p_value` times, `matched` and equivalence at the
    level divided by it."""
    decide: str = "score"
    """The aggregate whose difference decides, as the plan names it; `ranks`: there is none, and the run-wise
    probability does."""
    matched: Interval | None = None
    """The difference at the confidence at which Holm's procedure tests this pair: it leaves 0 out exactly where
    `p_holm` is at most the level. None of a pair that looks decide."""
    others: tuple[tuple[str, Interval], ...] = ()
    """The other aggregates, and the differences in them: described, not judged."""
    places: tuple[PairPlace, ...] = ()
    """Environment by environment."""

    def alone(self, level: float) -> bool:
        """Return whether it is significant at this level by itself, whatever the correction says."""
        return self.p_value is not None and self.p_value <= level

    def seen_from(self, label: str) -> Pair:
        """Return the same comparison with `label`, which is one of the two, as its `a`."""
        if label == self.a:
            return self
        return replace(
            self,
            a=self.b,
            b=self.a,
            probability=self.probability.taken_from(1),
            difference=self.difference.taken_from(0),
            verdict={"better": "worse", "worse": "better"}.get(self.verdict, self.verdict),
            runs=self.runs[::-1],
            most_runs=self.most_runs[::-1],
            matched=self.matched and self.matched.taken_from(0),
            others=tuple((name, one.taken_from(0)) for name, one in self.others),
            places=tuple(one.turned() for one in self.places),
        )


@dataclass(frozen=True, slots=True)
class Tested:
    """The look of a sequential experiment that decided a pair, or else the last that tested it."""

    n: int
    """Runs per environment; 0: there was no look yet."""
    level: float
    """Of the family-wise error, spent at this look."""
    p_holm: float
    """Corrected within this look."""


@dataclass(frozen=True, slots=True)
class FailureLine:
    """One failed trial for the report's list."""

    label: str
    environment: str
    seed: int
    kind: str
    message: str
    attempt: int
    name: str
    """Folder of the trial, for its log."""
    traceback: str = ""


@dataclass(frozen=True, slots=True)
class ReferenceLine:
    """The two returns that normalise one environment, with source and budget."""

    environment: str
    steps: int
    random: float | None
    target: float | None
    source: str
    saturated: bool = False
    """Every algorithm but the random policy solves it: it cannot tell them apart."""
    solved_in: tuple[str, ...] = ()
    """The suite's settings in which every learning algorithm solves it, an empty name where the suite has one: nothing
    beyond the target counts there when these are compared."""
    by_chance: bool = True
    """Whether the return that scores 0, `random`, is that of random actions; a suite may declare another one."""


@dataclass(frozen=True, slots=True)
class SettingsLine:
    """The hyperparameters of one cell, with where they come from."""

    label: str
    algorithm: str
    implementation: str
    environment: str
    configuration: str
    provenance: str
    hyperparameters: Mapping[str, Any]
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TrialLine:
    """One trial, for the audit table: every number leads here."""

    label: str
    environment: str
    seed: int
    state: str
    """`done`, `failed` or `missing`."""
    final_return: float | None
    score: float | None
    steps: int | None
    seconds: float | None
    """CPU seconds of training."""
    fingerprint: str
    name: str


@dataclass(frozen=True, slots=True)
class Estimates:
    """Everything the report shows, in the order in which it shows it."""

    suite: str
    title: str
    question: str
    analysis: Mapping[str, Any]
    """The analysis plan as declared, with `hash`; `seen`: which data had been seen by then, where any had."""
    planned: int
    done: int
    failed: int
    cautions: tuple[Fact, ...]
    """What the reader must know first: few seeds, missing trials, failures, saturated environments, two configurations
    under one label."""
    labels: tuple[str, ...]
    """Algorithms in the suite's order: fixes colours everywhere."""
    references: tuple[ReferenceLine, ...]
    aggregates: tuple[Aggregate, ...]
    cells: tuple[CellEstimate, ...]
    curves: tuple[CurveEstimate, ...]
    profiles: tuple[Profile, ...]
    pairs: tuple[Pair, ...]
    """Two algorithms in one setting; a family per setting."""
    failures: tuple[FailureLine, ...]
    settings: tuple[SettingsLine, ...]
    trials: tuple[TrialLine, ...]
    machines: tuple[Mapping[str, Any], ...] = field(default_factory=tuple)
    """Distinct provenances (versions, hardware, threads, workers) with `trials`: how many ran there."""
    bursts: tuple[Burst, ...] = ()
    """On which device each cell was measured to be quicker, where a GPU was there."""
    suite_hash: str = ""
    """Of everything the suite declares that can change a number or a verdict."""
    situations: tuple[Situation, ...] = ()
    """Which algorithm when; the first is the whole suite at its full budget."""
    leads: tuple[Lead, ...] = ()
    reliability: tuple[Reliability, ...] = ()
    """Most dependable first."""
    cards: tuple[Card, ...] = ()
    conclusions: tuple[Conclusion, ...] = ()
    """The robustness of each conclusion: who comes first, every decided difference, every decided claim."""
    claims: tuple[ClaimVerdict, ...] = ()
    answer: str = "choice"
    """What answers the question: the `choice` of an algorithm, or the `claims`."""
    sequence: SequentialRun | None = None
    """How the number of seeds came about, where it was not fixed beforehand."""
    baselines: tuple[str, ...] = ()
    """Labels of what does not learn: shown and measured against, never recommended."""
    ranked: tuple[str, ...] | None = None
    """Where nothing has a score, those that learn and have runs everywhere: they are compared by rank alone."""
    published: tuple[PublishedVerdict, ...] = ()
    """The cells against what others published of the same."""
    origins: Origins | None = None
    """What is known of those of its trials that are results of others."""
    worth: tuple[Pair, ...] = ()
    """What settings are worth: an algorithm in a later setting of the suite (`a`) against itself in the first (`b`)."""
    diagnostics: Mapping[str, tuple[CurveEstimate, ...]] = field(default_factory=dict)
    """Name in DIAGNOSTICS -> what was told of updates, a curve over steps per algorithm and environment."""
    deterministic: bool | None = None
    """Whether policies act by their most likely action when they are judged, or by chance; None: not known, or both."""
    notes: tuple[str, ...] = ()
    """What must be known of files and references besides, in sentences."""
