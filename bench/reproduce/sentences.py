"""Verdicts on the numbers of a published table in, sentences about them all out."""

from __future__ import annotations

from collections.abc import Sequence

from bench.plain import counted
from bench.records import PublishedVerdict
from bench.report import words
from bench.report.published import JUDGED, counts
from bench.reproduce.records import Leaning

_ALPHA, _EVEN, _LEAST_P = 0.05, 0.5, 0.001


def headline(lines: Sequence[PublishedVerdict]) -> str:
    """Return how far a table is: `7 of 59 comparable numbers run (n = 10): ...`."""
    comparable = [line for line in lines if line.verdict != "not comparable"]
    run = [line for line in comparable if line.verdict in JUDGED]
    seeds = f" ({words.span(line.n for line in run)})" if run else ""
    told = [f"{len(run)} of {counted(len(comparable), 'comparable number')} run{seeds}"]
    told[0] += f": {counts(run)}" if run else ""
    if waits := len(comparable) - len(run):
        told.append(f"{waits} not yet run")
    if apart := len(lines) - len(comparable):
        told.append(f"{apart} more not comparable")
    return f"{'; '.join(told)}."


def leaning(found: Leaning | None) -> str:
    """Return in a sentence whether a table's single runs lean to one side; empty where there are too few."""
    if found is None:
        return ""
    sure = found.p < _ALPHA
    side = "upwards" if found.share > _EVEN else "downwards"
    chance = f"p < {_LEAST_P}" if found.p < _LEAST_P else f"p = {words.number(found.p, 3)}"
    ends = sorted(found.places.items(), key=lambda one: one[1])
    by = f" ({_share(*ends[0])} to {_share(*ends[-1])})" if len(ends) > 1 else ""
    higher = (
        f"Taken together, the {found.numbers} published runs score higher than {words.percent(found.share)} of ours"
    )
    told = "no leaning can be told"
    if sure:
        told = f"the table leans {side} (p is not corrected for looking anew as numbers come in)"
    return f"{higher}{by}; it would be 50 % if nothing set them apart ({chance}): {told}."


def _share(place: str, share: float) -> str:
    return f"{words.percent(share)} on {place}"
