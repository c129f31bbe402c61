"""What tuning is worth in; sentences about it out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.plain import counted, joined
from bench.report import words
from bench.report.sentences import span
from bench.report.words import capital, duration
from bench.tune.protocol import FEWEST_EFFORTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.tune.spaces import Dimension, Space
    from bench.tune.worth import Stretch, Worth

NO_AXIS = (
    "Every configuration was run once, so what the choice by one run is worth on another cannot be told: there is no "
    "axis of tuning effort here (--runs 2 gives one)."
)

DEFAULTS = "the library's defaults"
"""What the settings of configuration 0 are called."""
_AS_TUNED = (
    "These are settings as tuned here, not the best there are: two independent tunings of one algorithm, ten fresh "
    "runs each, differ significantly in about a quarter of comparisons. A verdict is the suite's own, on its own seeds."
)
_SPACE_DECIDES = (
    "After few tuning runs the search space decides as much as the algorithm does, and no space is neutral; that is "
    f"why nothing here rests on fewer than {FEWEST_EFFORTS} runs, and why the spaces are printed."
)
_ONE_RULE = (
    "The ranges of the learning rates follow one rule, which stands with the spaces: about a decade on each side of "
    "the algorithm's own default. That favours whoever has a good default; one range for all would punish whoever "
    "makes few large updates. After few tuning runs another rule can turn the order round."
)


def mean_of(found: Worth) -> str:
    """Return what a mean over environments is of, as in `mean of 2 of 4 environments`; of a single one its name."""
    behind = len(found.places)
    if behind == 1:
        return found.places[0]
    return f"mean of {'all ' if behind == found.environments else f'{behind} of '}{found.environments} environments"


def _within(found: Worth) -> str:
    """Return which environments a sentence is about, to begin it with; empty where it is about all of the suite's."""
    if len(found.places) == found.environments:
        return ""
    return f"on {joined(found.places)}, {len(found.places)} of {found.environments} environments, "


def headline(found: Worth) -> str:
    """Return who leads without tuning and with it, and where, unless it is everywhere.

    As in `With no tuning ppo (0.62); from 8 tuning runs on dqn (0.91).`
    """
    if not found.efforts:
        return NO_AXIS
    if not found.stretches:
        there = "a single algorithm" if found.compared else "no algorithm"
        where = joined(found.places) if len(found.places) < found.environments else "every environment"
        return f"With {there} tuned in {where} there is nobody to lead."
    told = [_stretch(one, found) for one in found.stretches]
    if found.stretches[-1].last < FEWEST_EFFORTS:
        told.append(f"no more than {FEWEST_EFFORTS} configurations carry no verdict on tuning")
    else:
        told[-1] += (
            ", as tuned here; who leads is left only for another that is ahead by more than the margin, and no "
            "difference was tested"
        )
    return f"{capital(_within(found) + '; '.join(told))}."


def confirmed(found: Worth) -> str:
    """Return what the kept settings score on fresh seeds; empty where that is not known."""
    if not found.fresh:
        return ""
    n = min(runs for *_, runs in found.fresh)
    scores = joined([f"{name} {words.number(score, 2)}" for name, score, _ in found.fresh])
    return (
        f"The best few ran again, {counted(n, 'fresh run')} each, to choose what is kept; by fresh runs that did not "
        f"choose it, it scores {scores}. The order may differ from the curve's, which chooses by a single run."
    )


def price(found: Worth) -> str:
    """Return what the whole tuning of each algorithm takes, the cheapest first: who leads by runs may not by time."""
    if not found.compared:
        return ""
    taken = sorted((one.seconds[-1], one.algorithm) for one in found.compared)
    runs = min(len(one.seconds) for one in found.compared)
    told = joined([f"{name} {duration(seconds)}" for seconds, name in taken])
    return f"Of one core and for each environment, {counted(runs, 'tuning run')} take: {told}."


def order(found: Worth) -> str:
    """Return whether the order hangs on the ranges of the learning rates; empty where there is no axis of effort."""
    if not found.efforts:
        return ""
    if found.halved is None:
        return (
            f"With half of each learning-rate range fewer than {FEWEST_EFFORTS} candidates are left, or fewer than two "
            "algorithms: whether the order hangs on the search space cannot be told."
        )
    whole, half = found.halved
    same = "stays" if whole == half else f"becomes {', '.join(half)}"
    return capital(
        f"{_within(found)}after {FEWEST_EFFORTS} tuning runs the order is {', '.join(whole)}; with half of each "
        f"learning-rate range it {same}."
    )


def as_tuned(spaces: Iterable[Space], found: Worth) -> tuple[str, ...]:
    """Return what every comparison of tuned settings must be read with.

    Args:
        spaces: what was searched, with the ranges that do not follow the one rule.
        found: what came of it.
    """
    told = [_exception(one.algorithm, each, found) for one in spaces for each in one.dimensions if each.instead]
    return _AS_TUNED, _SPACE_DECIDES, " ".join([_ONE_RULE, *told])


def _exception(algorithm: str, searched: Dimension, found: Worth) -> str:
    lost, known = found.outside.get(algorithm, (0, 0))
    beyond = (
        f", and what is kept lies outside the half range that is analysed again in {lost} of "
        f"{counted(known, 'environment')}"
    )
    return (
        f"The range of {algorithm} is an exception: {searched.instead} ({searched.range_in_words()}, where the default "
        f"is {words.setting(searched.default)}){beyond if lost and found.halved else ''}."
    )


def no_interval(configurations: int, last: int) -> str:
    """Return where curves have intervals, and why not elsewhere."""
    return (
        f"Of {counted(configurations, 'configuration')} drawn, an interval over the draw holds what it states up to "
        f"k = {last} (a sixth of them); beyond, the line is faint. With the defaults among the candidates there is "
        "none: the curve leans on the defaults' few runs; nor is there where runs end further below the random policy "
        "than the target lies above it, for how far others would fall is not known. The suite's own runs on fresh "
        "seeds are the estimate at full effort and without any."
    )


def _stretch(one: Stretch, found: Worth) -> str:
    when = "with no tuning" if one.first == 1 else f"from {one.first} tuning runs on"
    if one.first > 1 and one is not found.stretches[-1]:
        when = (
            f"with {one.first} to {one.last} tuning runs" if one.last > one.first else f"with {one.first} tuning runs"
        )
    first, *others = one.leaders
    low, high = (words.number(score, 2) for score in one.scores)
    score = low if low == high else f"{low} to {high}"
    behind = [runs for each in found.compared for runs in each.default_runs]
    runs = f", {span(min(behind), max(behind))} runs of each" if one.first == 1 else ""
    near = f", with {joined(others)} within the margin of it" if others else ""
    return f"{when} {first} ({score}{runs}){near}"
