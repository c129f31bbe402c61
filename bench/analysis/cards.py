"""Everything measured of the algorithms in, the table "Algorithm | Actions | Strengths | Weaknesses | Use when" out.

Every phrase is one measurement taken by one rule. Nothing is said that the intervals or the corrected comparisons do
not carry.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median

from bench.analysis.ledger import Entry
from bench.catalog import algorithms as known_algorithms
from bench.records import (
    Card,
    CellEstimate,
    Fact,
    Interval,
    Pair,
    Reliability,
    Sensitivity,
    Situation,
    verdict_on,
    verdicts_of,
)

_OFTEN = 0.25
"""Share of failing runs above which an algorithm is unreliable, below which it is reliable: by the whole interval."""
_COLLAPSES = 0.05
_FASTER = 1.5
"""Ratio of speeds from which it is worth a word."""
_MOST_USES = 4
_MANY, _FEW = 0.5, 0.25
"""Shares of configurations near the best above which most settings do, below which they must be searched for."""


def cards(
    labels: Sequence[str],
    entries: Sequence[Entry],
    pairs: Sequence[Pair],
    cells: Sequence[CellEstimate],
    reliable: Sequence[Reliability],
    situations: Sequence[Situation],
    searched: Sequence[Mapping[str, Mapping[str, Sensitivity]]] = (),
) -> tuple[Card, ...]:
    """Return a card per label.

    Args:
        labels: of the learning algorithms, in the suite's order.
        entries: of the ledger: which algorithm stands behind a label.
        pairs: with verdicts.
        cells: for the speeds.
        reliable: per label.
        situations: with their choices.
        searched: what the searches behind the suite's settings saw: algorithm -> environment.
    """
    behind = {entry.label: entry.trial.algorithm for entry in entries}
    seen = {label: [one[name] for one in searched if name in one] for label, name in behind.items()}
    speeds = _speeds(labels, cells)
    lines = {line.label: line for line in reliable}
    return tuple(
        Card(
            label=label,
            actions=_actions(behind.get(label, label)),
            strengths=(
                *_beats(label, pairs, labels),
                *_dependable(lines.get(label)),
                *_fast(label, speeds),
                *_forgiving(seen.get(label, ())),
            ),
            weaknesses=(
                *_loses(label, pairs, labels),
                *_undependable(lines.get(label)),
                *_slow(label, speeds),
                *_demanding(seen.get(label, ())),
            ),
            use_when=tuple(_uses(label, situations))[:_MOST_USES],
        )
        for label in labels
    )


def _actions(algorithm: str) -> tuple[str, ...]:
    known = known_algorithms().get(algorithm)
    return tuple(sorted(known.actions)) if known else ()


def _beats(label: str, pairs: Sequence[Pair], learners: Sequence[str]) -> Iterator[Fact]:
    others = [other for other, verdict in _verdicts(label, pairs) if verdict == "better" and other in learners]
    if others:
        yield Fact("above", names=tuple(others))


def _loses(label: str, pairs: Sequence[Pair], learners: Sequence[str]) -> Iterator[Fact]:
    verdicts = _verdicts(label, pairs)
    others = [other for other, verdict in verdicts if verdict == "worse" and other in learners]
    if others:
        yield Fact("below", names=tuple(others))
    floor = [other for other, verdict in verdicts if verdict != "better" and other not in learners]
    if floor:
        yield Fact("floor", names=tuple(floor))


def _dependable(line: Reliability | None) -> Iterator[Fact]:
    if line is not None and _below(line.failing_share, _OFTEN):
        yield Fact("failing", numbers=(line.failing, line.runs))


def _undependable(line: Reliability | None) -> Iterator[Fact]:
    if line is None:
        return
    if _above(line.failing_share, _OFTEN):
        yield Fact("failing", numbers=(line.failing, line.runs))
    if _above(line.collapsed_share, _COLLAPSES):
        yield Fact("collapsed", numbers=(line.collapsed, line.stood))


def _fast(label: str, speeds: Mapping[str, Mapping[str, float]]) -> Iterator[Fact]:
    ratio = _ratio(label, speeds)
    if ratio is not None and ratio >= _FASTER:
        yield Fact("faster", numbers=(ratio,))


def _slow(label: str, speeds: Mapping[str, Mapping[str, float]]) -> Iterator[Fact]:
    ratio = _ratio(label, speeds)
    if ratio is not None and ratio <= 1 / _FASTER:
        yield Fact("slower", numbers=(1 / ratio,))


def _forgiving(seen: Sequence[Mapping[str, Sensitivity]]) -> Iterator[Fact]:
    yield from _where("forgiving", seen, lambda one: one.low > _MANY)


def _demanding(seen: Sequence[Mapping[str, Sensitivity]]) -> Iterator[Fact]:
    yield from _where("demanding", seen, lambda one: one.high < _FEW)


def _where(
    kind: str, seen: Sequence[Mapping[str, Sensitivity]], holds: Callable[[Sensitivity], bool]
) -> Iterator[Fact]:
    names = dict.fromkeys(place for places in seen for place, one in places.items() if holds(one))
    if names:
        yield Fact(kind, names=tuple(names))


def _speeds(labels: Sequence[str], cells: Sequence[CellEstimate]) -> dict[str, dict[str, float]]:
    """Return environment -> label -> steps per CPU second, where several learning algorithms have one."""
    found: dict[str, dict[str, float]] = {}
    for cell in cells:
        if cell.label in labels and cell.steps_per_second:
            found.setdefault(cell.environment, {})[cell.label] = cell.steps_per_second
    return {environment: speeds for environment, speeds in found.items() if len(speeds) > 1}


def _ratio(label: str, speeds: Mapping[str, Mapping[str, float]]) -> float | None:
    """Return the geometric mean over environments of the speed over the others' median (by logarithm)."""
    logs = [
        math.log(here[label]) - median([math.log(speed) for other, speed in here.items() if other != label])
        for here in speeds.values()
        if label in here
    ]
    return math.exp(sum(logs) / len(logs)) if logs else None


def _uses(label: str, situations: Sequence[Situation]) -> Iterator[str]:
    """Yield the situations that it has won over all others, or is equivalent to the winner of; the widest first."""
    for situation in situations:
        if situation.choose is not None and label in {situation.choose, *situation.as_good}:
            yield situation.key


def _verdicts(label: str, pairs: Sequence[Pair]) -> list[tuple[str, str]]:
    known = verdicts_of(pairs)
    others = [b if a == label else a for a, b in known if label in {a, b}]
    return [(other, verdict_on(label, other, known)) for other in others]


def _below(share: Interval, limit: float) -> bool:
    return share.high is not None and share.high < limit


def _above(share: Interval, limit: float) -> bool:
    return share.low is not None and share.low > limit
