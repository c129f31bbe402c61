"""An interval in, why there is none, or why to trust it less, in words out."""

from __future__ import annotations

from bench.plain import counted
from bench.records import Fact, Interval
from bench.report.words import level

_MOST_CELLS = 2


def note(interval: Interval) -> str:
    """Return an interval's notes as one phrase; empty when all is well."""
    first = next(iter(interval.notes), Fact())
    if first.kind == "against":
        return f"against {first.names[0]}: {'; '.join(map(_words, interval.notes[1:]))}"
    return "; ".join(map(_words, interval.notes))


def _words(found: Fact) -> str:
    if found.kind == "short of runs":
        return _short(found)
    runs = counted(int(found.numbers[0]), "run") if found.numbers else ""
    sure = level(found.numbers[1]) if found.kind.startswith("all alike") else ""
    return _WORDS[found.kind].format(*found.numbers, runs=runs, sure=sure, names=", ".join(found.names))


def _short(found: Fact) -> str:
    """Return which cells have too few runs: one by one, or an algorithm that has none at all."""
    told = [_cell(*row) for row in found.rows]
    left = len(told) - _MOST_CELLS
    more = f" and {left} more cells like it" if left > 0 else ""
    return f"{', '.join(told[:_MOST_CELLS])}{more}, where at least {found.numbers[0]} are needed"


def _cell(label: str | float, environment: str | float = "", runs: str | float = 0) -> str:
    return (
        f"{label} has {runs or 'no'} run{'s' * (runs != 1)} on {environment}"
        if environment
        else f"{label} has no runs yet"
    )


_ALIKE = "have the same value; with {sure} confidence fewer than {2:.0f} % of all runs differ"
_WORDS = {
    "too few": "no interval: {runs}, at least {1} are needed",
    "all alike": "no interval: {0} of {0} runs " + _ALIKE,
    "all alike everywhere": "no interval: {0} of {0} runs on each environment " + _ALIKE,
    "unmoved": "no interval: the middle half of the runs is the same in every resample",
    "no variation": "no interval: no variation between the runs",
    "no variation on either side": "no interval: no variation between the scores of either algorithm",
    "too few for a level": "so few runs cannot reject at this level (p is at least {0:.2g}): extended to no difference",
    "may not cover": "few runs: may cover less than it states where some runs fail",
    "unequal": "unequal numbers of runs ({0} to {1}): each environment weighs the same",
    "constant": "{0} of {1} environments without observed variation are treated as known",
    "no floor": "no interval: runs end far below the random policy, and how far others would is not known",
    "no runs": "no runs",
    "few runs": "few runs",
    "no reference": "no reference",
    "no score": "no reference, hence no score",
    "no common unit": "no reference returns to score by, hence no common unit",
    "no curve": "runs without a learning curve",
    "never stood": "no run is at the threshold in two evaluations running",
    "no timed runs": "no timed runs",
    "few timed runs": "too few timed runs",
    "untimed": "fewer than {0} runs of a cell were timed",
    "no gradient": "the gradient's noise was measured in fewer than {0} runs of a cell",
    "toothless": "an estimate that is always 0 would come to {0:.2g}, and the margin must be at most a quarter of that",
    "not told": "fewer than {0} runs of a cell told it of their updates",
    "not evaluated around": "some runs have no evaluation on both sides of {0:,} steps",
    "curve lacking": "some runs have no learning curve",
    "score lacking": "some runs have no score",
    "no rival": "no other algorithm of the suite learns on these environments",
    "other budgets": "the settings of {names} were made for larger budgets than this suite's",
    "nowhere": "no environment has runs of all that are compared",
    "unscored": "{names} has no reference returns, hence no scores",
    "one value": "all {0} runs have the same value",
    "one value each": "all {0} runs here and all {1} there have one value",
}
"""Kind of a note -> its words, and where its numbers and names stand in them."""
