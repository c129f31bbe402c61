"""Compared pairs in, the verdict on one algorithm against another out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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
