"""Which algorithm when: the answers that the analysis draws from its estimates, each with its evidence."""

from __future__ import annotations

from dataclasses import dataclass

from bench.records.facts import Fact
from bench.records.interval import Interval
from bench.records.suite import Claim

SURE = 0.95
"""Share of draws from which a lead is called sure."""
_HOLDS_ON = 0.9
"""Share of draws down to which whoever leads surely beside a place leads there, too."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One algorithm in one situation."""

    label: str
    value: Interval
    """What the situation is judged by: see `Situation.measure`."""
    probability_best: float | None
    """Bootstrap share of being the best of the candidates: a share under a flat prior, never evidence."""
    regret: float | None
    """Expected shortfall against the best candidate, in the unit of `value` (mean over bootstrap draws)."""


LEARNED = 0.1
"""Of the way from the random policy to the target: below it, nothing has been learned that is worth choosing."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What to choose under one circumstance, and how sure that is."""

    key: str
    """Stable and usable in a link: `full`, `steps-25000`, `seconds-60`, `failures`, ...; after the setting's name
    where the suite has several, `tuned-full`."""
    kind: str
    """`full` (every environment, whole budget), `group` (one kind of actions and observations), `steps`, `seconds`,
    `failures` (failed runs are expensive), `environment`."""
    about: tuple[str | int, ...]
    """What the kind does not say of the circumstance: the smallest and the largest budget in steps (`full`), the kinds
    of actions and of observations (`group`), steps, CPU seconds of training per run, the environment; nothing
    (`failures`)."""
    measure: str
    """What is compared: `score` (the aggregate that decides), `share` (of runs that do not fail), or `steps` (to the
    threshold, the fewest first: of an environment that every run solves)."""
    choose: str | None
    """The recommended algorithm, better than every rival or equivalent to it; None where the evidence names none."""
    as_good: tuple[str, ...]
    """Those that are equivalent to the leader, best first."""
    candidates: tuple[Candidate, ...]
    """Every algorithm that takes part, best first; the first is the leader."""
    environments: tuple[str, ...]
    """The environments that this rests on."""
    n: int
    """Trained runs per algorithm and environment; the smallest where they differ."""
    undecided: tuple[str, ...] = ()
    """Those that are not yet told apart from the leader, best first."""
    not_judged: tuple[tuple[str, int, int], ...] = ()
    """(label, fewest runs, planned runs) of those that have too few runs to take part."""
    setting: str = ""
    """Under which of the suite's settings; empty where it has one."""
    partial: bool = False
    """Whether its setting lacks environments that the report has scores on, so that its circumstance names its own."""

    @property
    def unlearned(self) -> bool:
        """Whether even the leader has a score that is hardly above that of random actions."""
        best = self.candidates[0].value.estimate if self.candidates else None
        return self.measure == "score" and best is not None and best < LEARNED

    @property
    def beaten(self) -> tuple[str, ...]:
        """Those that the leader is better than, best first; nobody where nobody has learned."""
        others = () if self.unlearned else self.candidates[1:]
        return tuple(one.label for one in others if one.label not in {*self.as_good, *self.undecided})

    @property
    def leads(self) -> bool:
        """Whether the leader is better than a rival at least, or equivalent to one."""
        return bool(self.beaten or self.as_good)


@dataclass(frozen=True, slots=True)
class Lead:
    """Who leads as a function of steps or seconds: the crossover chart."""

    axis: str
    """`share` (of the step budget) or `seconds` (CPU seconds of training per run)."""
    x: tuple[float, ...]
    labels: tuple[str, ...]
    iqm: tuple[tuple[float, ...], ...]
    """Per label the interquartile mean score at each x."""
    probability_best: tuple[tuple[float, ...], ...]
    """Per label the share of bootstrap draws in which it leads at each x; sums to 1 over labels."""
    environments: tuple[str, ...]
    n: int
    setting: str = ""
    """Under which of the suite's settings; empty where it has one."""

    @property
    def leaders(self) -> tuple[str | None, ...]:
        """Who leads at each x: surely, or nearly so and next to where it does surely; None where it is open."""
        shares = [dict(zip(self.labels, column, strict=True)) for column in zip(*self.probability_best, strict=True)]
        found = [next((label for label, share in here.items() if share >= SURE), None) for here in shares]
        places = range(1, len(found))
        for place, beside in [*((one, one - 1) for one in places), *((one - 1, one) for one in reversed(places))]:
            leader = found[beside]
            if found[place] is None and leader is not None and shares[place][leader] >= _HOLDS_ON:
                found[place] = leader
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Reliability:
    """How often one algorithm lets its user down, over all environments it has scores on."""

    label: str
    environments: int
    n: int
    """Trained runs per environment; the smallest where they differ."""
    runs: int
    """All of its scored runs."""
    failing: int
    """Runs that end below half of the way from the random policy to the target, failed trials included."""
    failing_share: Interval
    worst_decile: float | None
    """Mean score of the worst tenth of the runs (at least one), averaged over environments."""
    spread: float | None
    """Interquartile range of the scores over seeds, averaged over environments."""
    reached: int
    """Runs that reach the threshold in some evaluation during training."""
    stood: int
    """Of those, the runs that were there in two evaluations running: one alone may be luck."""
    collapsed: int
    """Of those that stood there, the runs whose final policy ends below half of the target."""
    collapsed_share: Interval
    median_budget_share: float | None
    """Share of the step budget by which half of all runs have reached the threshold; None where fewer ever do."""


@dataclass(frozen=True, slots=True)
class Card:
    """One line of the table "Algorithm | Actions | Strengths | Weaknesses | Use when"."""

    label: str
    actions: tuple[str, ...]
    """Kinds of action space it takes: `discrete`, `continuous`, ..."""
    strengths: tuple[Fact, ...]
    """Measurements that speak for it: `above` (whom its scores are above), `failing` (runs below half of the target, of
    all), `faster` (times the steps a second of the typical other), `forgiving` (environments where most settings do
    well)."""
    weaknesses: tuple[Fact, ...]
    """Against it: `below`, `floor` (what does not learn, and is not shown to be worse), `failing`, `collapsed` (runs
    that fell back, of those that had stood at the threshold), `slower`, `demanding` (environments where few do)."""
    use_when: tuple[str, ...]
    """Keys of the situations that it won over all others, or is equivalent to the winner of; empty: nothing measured
    speaks for it."""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """One conclusion and how it fares when the analysis is done otherwise."""

    about: Fact
    """`first` (who comes first), `better` (than whom) or `claim` (its text, and its verdict)."""
    holds: int
    of: int
    fails_when: tuple[tuple[Fact, str], ...] = ()
    """(a re-analysis in which it does not hold, what that finds: who comes first, `nobody` where all are level, or
    another verdict). Re-analyses:
    `environments` or `seeds` left out, `failed` (trials dropped), `auc` or `final` (as the metric), `mean` (for the
    interquartile mean), `range` (scores from worst to best run), `ranks` (for scores)."""


@dataclass(frozen=True, slots=True)
class ClaimVerdict:
    """A declared claim, judged."""

    claim: Claim
    verdict: str
    """`supported`, `contradicted` or `undecided`."""
    estimate: Interval
    """At the confidence that holds over all claims together; without limits, and with the reason, if not judged."""
    confidence: float
    """Of this one interval."""
    family: int
    """Claims of the suite, which the intervals hold for together."""
    environments: tuple[str, ...]
    more_runs: int | None = None
    """About how many more runs per environment would decide an undecided claim, if the effect is what it looks like."""
    labels: tuple[str, ...] = ()
    """The algorithms it speaks of."""
    missing: int = 0
    """Planned runs that are not there yet."""
    failed: int = 0
    clocks_differ: bool = False
    """Whether it reads a clock, and the runs were timed on different machines or packed differently."""
    mistimed: tuple[int, int] = (0, 0)
    """Where it reads a clock: runs timed beside other load, of how many."""
    spent: tuple[tuple[str, str], ...] = ()
    """Where it reads scores after so many seconds: (algorithm, environment) of which all runs had ended by then."""
    refuted: bool = False
    """Whether it is contradicted at a confidence that holds over all claims of the suite, too: what a conjunction needs
    to be answered with no."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the data of a sequential experiment."""

    n: int
    """Runs per environment at this look (of the pairs still open)."""
    level: float
    """Of the family-wise error, spent at this look."""
    decided: tuple[tuple[str, str, str], ...]
    """(a, b, verdict on a) of the pairs decided at this look."""
    open: int
    """Pairs still undecided after it."""
    tested: tuple[tuple[str, str, float, float], ...] = ()
    """(a, b, p, p after Holm within this look) of every pair that was open before it."""


@dataclass(frozen=True, slots=True)
class SequentialRun:
    """The course of `bench run --until-decided`."""

    looks: tuple[Look, ...]
    most: int
    """Runs per environment at which it ends, decided or not."""
    trials: int
    """Trials of learning algorithms that it asked for."""
    trials_fixed: int
    """Those that `most` seeds everywhere would have taken."""
    planned: tuple[int, ...] = ()
    """Runs per environment of every look, taken or not."""
    pairs: tuple[tuple[str, str], ...] = ()
    """All that are to be decided."""
