"""Compared pairs in, one algorithm against another, and the verdict on it, out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bench.records.estimates import Pair

Verdicts = Mapping[tuple[str, str], str]
"""(a, b) -> verdict on a; each pair stands there one way round."""
_TURNED = {"better": "worse", "worse": "better"}


def verdicts_of(pairs: Iterable[Pair]) -> Verdicts:
    """Return the pairs' verdicts by their names."""
    return {(pair.a, pair.b): pair.verdict for pair in pairs}


def verdict_on(label: str, other: str, verdicts: Verdicts) -> str:
    """Return the verdict on `label` against `other`, whichever way round it stands; `undecided` where there is none."""
    if (label, other) in verdicts:
        return verdicts[label, other]
    verdict = verdicts.get((other, label), "undecided")
    return _TURNED.get(verdict, verdict)


def comparison(label: str, other: str, pairs: Sequence[Pair]) -> Pair | None:
    """Return the comparison of two as the first of them sees it; None where there is none."""
    return next((pair.seen_from(label) for pair in pairs if {pair.a, pair.b} == {label, other}), None)
