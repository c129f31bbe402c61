"""Estimates in, in how many re-analyses what the answer says holds, in one line, out."""

from __future__ import annotations

from collections.abc import Sequence

from bench.plain import counted, joined
from bench.records import Conclusion, Estimates
from bench.report import order, sentences
from bench.report.recommendation import names_nobody

_FEW = 2
"""Names up to which each is told."""


def holds(estimates: Estimates) -> str:
    """Return in how many re-analyses what the answer says holds, the weakest of it named; empty where none was made."""
    if order.by_claims(estimates):
        return _claims(_of("claim", estimates))
    if not estimates.situations:
        return _better(_of("better", estimates))
    full = estimates.situations[0]
    leader, *others = (one.label for one in full.candidates)
    # Of equals none is said to come first, nor of those who have hardly learned.
    first = [] if full.as_good or full.unlearned or names_nobody(estimates) else _of("first", estimates)
    first = [line for line in first if line.about.names == (leader,)]
    better = [line for line in _of("better", estimates) if line.about.names in {(leader, other) for other in others}]
    said = [f"{sentences.conclusion(line)} in {_share(line)}" for line in first]
    return ", ".join(filter(None, [*said, _better(better, leading=bool(said))]))


def _of(kind: str, estimates: Estimates) -> list[Conclusion]:
    return [line for line in estimates.conclusions if line.about.kind == kind and line.of]


def _claims(lines: Sequence[Conclusion]) -> str:
    if not lines:
        return ""
    weakest = _weakest(lines)
    if len(lines) > 1 and _alike(lines):
        return f"Each claim's verdict holds in {_share(weakest)}"
    return f"{sentences.conclusion(weakest)} in {_share(weakest)}{_among(lines)}"


def _better(lines: Sequence[Conclusion], *, leading: bool = False) -> str:
    """Return how often the differences hold; in fewer words where it is told already who comes first how often."""
    if not lines:
        return ""
    weakest = _weakest(lines)
    leader, other = weakest.about.names
    said = "better than" if leading else f"{leader} is better than"
    share = f"{weakest.holds} of {weakest.of}" if leading else _share(weakest)
    if not _alike(lines) or len({line.about.names[0] for line in lines}) > 1:
        return f"{said} {other} in {share}{_among(lines)}"
    others = [line.about.names[1] for line in lines]
    return f"{said} {joined(others) if len(others) <= _FEW else f'each of {len(others)} others'} in {share}"


def _among(lines: Sequence[Conclusion]) -> str:
    return f", the weakest of {len(lines)} verdicts" if len(lines) > 1 else ""


def _weakest(lines: Sequence[Conclusion]) -> Conclusion:
    """Return what holds in the smallest share, of equals one that some re-analysis turns round, not just opens."""
    return min(lines, key=lambda line: (line.holds / line.of, not _turns(line)))


def _turns(line: Conclusion) -> bool:
    return any(found not in {"undecided", "equivalent"} for _, found in line.fails_when)


def _alike(lines: Sequence[Conclusion]) -> bool:
    return len({(line.holds, line.of) for line in lines}) == 1


def _share(line: Conclusion) -> str:
    return f"{line.holds} of {counted(line.of, 're-analysis', 're-analyses')}"
