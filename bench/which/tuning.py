"""The first advice in; that with published settings and that for whoever tunes first, with their worth, out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from bench.hyperparameters.provenance import PUBLISHED, TUNED, effort, made_for, tuning_runs
from bench.plain import counted, joined
from bench.report.words import duration
from bench.which.advice import advise
from bench.which.evidence import Ground, Question
from bench.which.records import Advice, Further, Option

_AS_TUNED = (
    "These are settings as tuned there: another search of the same kind finds others, and with them the order may be "
    "another."
)
_MORE_EFFORT = (
    "More effort went into such settings than into a library's defaults, and for this very environment: that an "
    "algorithm does better with them says nothing of it beside others without."
)


def with_published(
    question: Question, known: Sequence[Ground], first: Advice, rng: np.random.Generator
) -> Further | None:
    """Return what does better on the very environment with settings that others published; None where nothing does.

    Args:
        question: as for `advise`.
        known: the evidence on every environment that has any, with any settings.
        first: what was advised.
        rng: for the resamples.
    """
    grounds = [ground for ground in known if ground.kind == PUBLISHED]
    if first.level != "same" or not grounds:
        return None
    advice = advise(question, grounds, (), rng, further=True)
    if advice.level != "same" or _best(advice) <= _best(first) + grounds[0].plan.margin:
        return None
    return Further(advice, (*_gains(advice, first, "as above and with published settings"), _MORE_EFFORT))


def _best(advice: Advice) -> float:
    return max(one.value.estimate or 0.0 for one in advice.candidates)


def after_tuning(
    question: Question, known: Sequence[Ground], untuned: Advice, rng: np.random.Generator
) -> Further | None:
    """Return what to take after tuning; None where that is all that is known, or carries over less far than the rest.

    Args:
        question: as for `advise`.
        known: the evidence on every environment that has any, with any settings.
        untuned: what was advised from settings that take no tuning.
        rng: for the resamples.
    """
    grounds = [ground for ground in known if ground.kind == TUNED]
    if not grounds or any(effort(one.provenance) == TUNED for one in untuned.options):
        return None
    advice = advise(question, grounds, (), rng)
    if not advice.candidates or advice.level != untuned.level:
        return None
    return Further(
        advice,
        (
            *_gains(advice, untuned, "without tuning and after it"),
            *_prices(advice.options),
            _found(advice.options[0]),
            _AS_TUNED,
        ),
    )


def _gains(further: Advice, first: Advice, when: str) -> Iterator[str]:
    """Yield what the scores of the same algorithms are in both answers."""
    before, after = _scores(first), _scores(further)
    both = [f"{name} {before[name]:.2f} to {score:.2f}" for name, score in after.items() if name in before]
    if both:
        yield f"Scores {when}: {', '.join(both)}."


def _scores(advice: Advice) -> dict[str, float]:
    """Return each algorithm's score, best first; of several variants of one, the first's."""
    values = {one.label: one.value.estimate for one in advice.candidates}
    found: dict[str, float] = {}
    for option in advice.options:
        if (value := values.get(option.label)) is not None:
            found.setdefault(option.algorithm, value)
    return found


def _found(first: Option) -> str:
    """Return the settings of whoever comes first, for one's own use."""
    told = ", ".join(f"{name}: {value}" for name, value in sorted(first.settings.items()))
    return f"What was found for {first.algorithm} on {first.settings_of}: {told or 'the defaults were best'}."


def _prices(options: Sequence[Option]) -> Iterator[str]:
    """Yield what the search took for each algorithm, in runs and hours."""
    asked: dict[tuple[int, int], list[str]] = {}
    for option in options:
        runs, steps = tuning_runs(option.provenance), made_for(option.provenance)
        if runs is None or steps is None:
            continue
        pace = option.seconds_per_step
        hours = f" ({duration(runs * steps * pace)})" if pace else ""
        asked.setdefault((runs, steps), []).append(f"{option.algorithm}{hours}")
    for (runs, steps), names in asked.items():
        yield (
            f"The price of tuning, on one core and were every setting as fast as the one kept: "
            f"{counted(runs, 'run')} of {steps:,} steps each for {joined(names)}."
        )
