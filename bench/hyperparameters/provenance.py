"""Where settings come from in, the line that a trial keeps of it out; and back, to what can be known from the line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from bench.records import Part

HAND = "chosen by hand here, on these environments"
GUESSED = "first guesses"
PUBLISHED = "published"
TUNED = "tuned here"
BESIDE = "of a set that lies beside the suite"
DEFAULTS = "the library's own"

NOTHING = "no hyperparameters"
"""The line of what has none."""
_FOR_STEPS = re.compile(r"(?:published|made) for ([0-9,]+) steps")
_TRIED = re.compile(r"tuning budget: (?!none|unknown)")
_RUNS = re.compile(r"tuning budget: ([0-9,]+) runs?:")
_CHANGED = "; set in the suite: "


def line(part: Part, for_steps: int | None, *, beside: bool) -> str:
    """Return where an entry of a set comes from.

    Args:
        part: the part of the set that holds the entry.
        for_steps: the training budget that the entry is made for; None where nobody states one.
        beside: whether the set lies beside a suite, and is not the package's.
    """
    made = "made" if beside or part.here else "published"
    said = (
        f"{part.source} {part.version}".rstrip(),
        f"{made} for {for_steps:,} steps" if for_steps else f"{made} for no stated budget" if beside else "",
        f"tuning budget: {part.tuning_budget}",
        f"seeds: {part.seeds}" if part.seeds else "",
    )
    return "; ".join(filter(None, said))


def with_changes(told: str, names: Iterable[str]) -> str:
    """Return a line with the names of the settings that the suite itself gives."""
    given = ", ".join(sorted(names))
    return f"{told}{_CHANGED}{given}" if given else told


def made_for(told: str, steps: int | None = None) -> int | None:
    """Return the training budget that settings with this line were made for; None where nobody states one.

    Those that a suite gives were meant for its own budget, `steps`.
    """
    found = _FOR_STEPS.search(told)
    if found is None:
        return steps if _CHANGED in told else None
    return int(found[1].replace(",", ""))


def tuning_runs(told: str) -> int | None:
    """Return how many training runs the settings took to find; None where the line does not say."""
    found = _RUNS.search(told)
    return int(found[1].replace(",", "")) if found else None


def effort(told: str) -> str:
    """Return how settings with this line were chosen: what was chosen otherwise is compared on unequal terms.

    Empty where nobody knows: of settings that a suite gives, whoever wrote it does.
    """
    if not told or told == NOTHING:
        return ""
    if told.startswith("this harness's own"):
        return GUESSED if "first guesses" in told else HAND
    if "published for" in told:
        return PUBLISHED
    if "made for" in told:
        return TUNED if told.startswith("bench tune ") else BESIDE
    if _TRIED.search(told):
        return HAND
    return "" if _CHANGED in told else DEFAULTS


def found_by_hand(told: Mapping[tuple[str, str, str], str]) -> list[tuple[str, str]]:
    """Return label and environment of settings that this harness searched for by hand, beside others that it did not.

    Args:
        told: setting of the suite, environment and label -> line.
    """
    efforts = {cell: effort(line) for cell, line in told.items()}
    others = {(setting, place) for (setting, place, _), kind in efforts.items() if kind not in {HAND, ""}}
    return [(cell[2], cell[1]) for cell, kind in efforts.items() if kind == HAND and cell[:2] in others]
