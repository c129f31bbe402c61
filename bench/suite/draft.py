"""What a suite shall ask in, its YAML text with comments out."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Any

from bench.records import EvaluationPlan, Reference

_WIDTH = 110
_RESERVED = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


@dataclass(frozen=True, slots=True)
class DraftAlgorithm:
    """One entry of the list of algorithms."""

    name: str
    label: str = ""
    """Empty: its name."""
    set_name: str = ""
    """Empty: the suite's."""
    changes: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DraftEnvironment:
    """One environment with its budget."""

    id: str
    steps: int
    reference: Reference | None = None
    """None: the catalogue's."""
    comments: tuple[str, ...] = ()
    """On the reference."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A suite before it is written down."""

    name: str
    title: str
    question: str
    seeds: int
    algorithms: tuple[DraftAlgorithm, ...]
    environments: tuple[DraftEnvironment, ...]
    comments: tuple[str, ...] = ()
    """Paragraphs at the top."""
    on_algorithms: tuple[str, ...] = ()
    set_name: str = "default"


def file_name(text: str) -> str:
    """Return `text` as a suite's name: results live under it."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._") or "environment"


def text(draft: Draft) -> str:
    """Return the suite's text; reading it gives the suite that the draft describes."""
    return "\n".join(_lines(draft)) + "\n"


def _lines(draft: Draft) -> Iterator[str]:
    for before, paragraph in zip(("", *draft.comments), draft.comments, strict=False):
        # Commands stand together.
        yield from ["#"] if before and not (_command(before) and _command(paragraph)) else []
        yield from _comment(paragraph)
    yield ""
    yield f"name: {draft.name}"
    yield f"title: {plain(draft.title)}"
    yield f"question: {plain(draft.question)}"
    yield ""
    yield f"seeds: {draft.seeds}"
    yield f"evaluation: {_evaluation(draft.environments)}"
    yield f"hyperparameters: {draft.set_name}"
    yield ""
    yield from (line for paragraph in draft.on_algorithms for line in _comment(paragraph))
    yield "algorithms:"
    yield from (f"  - {_algorithm(entry)}" for entry in draft.algorithms)
    yield ""
    yield "environments:"
    for place in draft.environments:
        yield from _environment(place)
    yield ""
    yield "# Declared before the data is seen."
    yield "analysis: {metric: final, threshold: 0.9, margin: 0.05}"


def _comment(paragraph: str, indent: str = "") -> list[str]:
    width = _WIDTH - len(indent)
    lines = [paragraph] if _command(paragraph) else wrap(paragraph, width, break_on_hyphens=False)
    return [f"{indent}# {line}" for line in lines]


def _command(paragraph: str) -> bool:
    """Return whether a paragraph is to be copied as it stands: it is indented."""
    return paragraph.startswith(" ")


def _evaluation(environments: Sequence[DraftEnvironment]) -> str:
    plan = EvaluationPlan()
    points = min(plan.points, *(place.steps for place in environments))
    return (
        f"{{points: {points}, episodes: {plan.episodes}, final_episodes: {plan.final_episodes}, deterministic: true}}"
    )


def _algorithm(entry: DraftAlgorithm) -> str:
    given: dict[str, object] = {"set": entry.set_name} if entry.set_name else {}
    given |= entry.changes
    parts = [f"name: {entry.name}"]
    if entry.label not in {"", entry.name}:
        parts.append(f"label: {plain(entry.label)}")
    if given:
        parts.append(f"hyperparameters: {_flow(given) if entry.changes else plain(entry.set_name)}")
    return entry.name if len(parts) == 1 else f"{{{', '.join(parts)}}}"


def _environment(place: DraftEnvironment) -> Iterator[str]:
    key = plain(place.id)
    if place.reference is None:
        yield f"  {key}: {{steps: {place.steps:_}}}"
        return
    yield f"  {key}:"
    yield f"    steps: {place.steps:_}"
    yield from (line for paragraph in place.comments for line in _comment(paragraph, "    "))
    yield "    reference:"
    yield f"      random: {_flow(place.reference.random)}"
    yield f"      target: {_flow(place.reference.target)}"
    yield f"      source: {plain(place.reference.source)}"


def _flow(value: Any) -> str:
    """Return a value as YAML reads it back, on one line."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{plain(str(key))}: {_flow(one)}' for key, one in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_flow(one) for one in value)}]"
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    if isinstance(value, str):
        return plain(value)
    return json.dumps(value)


def plain(word: str) -> str:
    """Return text as it is where YAML takes it for nothing else, quoted otherwise."""
    harmless = re.fullmatch(r"[A-Za-z][A-Za-z0-9_./?=+ -]*", word) and word.casefold() not in _RESERVED
    return word if harmless and word == word.strip() else "".join(map(_escaped, json.dumps(word, ensure_ascii=False)))


def _escaped(letter: str) -> str:
    # YAML takes no control characters, and JSON escapes only some of them.
    return letter if letter.isprintable() else f"\\U{ord(letter):08x}"
