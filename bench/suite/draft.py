"""What a suite shall ask in, its YAML text with comments out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from textwrap import wrap

from jinja2 import Environment, PackageLoader, StrictUndefined

from bench.plain import plain
from bench.records import AnalysisPlan, EvaluationPlan, Reference
from bench.suite.flow import bare

_WIDTH = 110


@dataclass(frozen=True, slots=True)
class DraftAlgorithm:
    """One entry of the list of algorithms."""

    name: str
    label: str = ""
    """Empty: its name."""
    set_name: str = ""
    """Empty: the suite's."""
    changes: Mapping[str, object] = field(default_factory=dict)

    @property
    def written(self) -> str | dict[str, object]:
        """The entry as a suite has it: the name alone where there is no more to say."""
        given: dict[str, object] = {"set": self.set_name} if self.set_name else {}
        settings = {**given, **self.changes} if self.changes else self.set_name
        label = {"label": self.label} if self.label not in {"", self.name} else {}
        more = {**label, **({"hyperparameters": settings} if settings else {})}
        return {"name": self.name, **more} if more else self.name


@dataclass(frozen=True, slots=True)
class DraftEnvironment:
    """One environment with its budget."""

    id: str
    steps: int
    reference: Reference | None = None
    """None: the catalogue's."""
    comments: tuple[str, ...] = ()
    """On the reference."""
    kwargs: Mapping[str, object] = field(default_factory=dict)


ANALYSIS = AnalysisPlan(decide="iqm-by-environment")
"""How a suite is judged of which nothing else is known."""


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
    analysis: AnalysisPlan = ANALYSIS


def file_name(text: str) -> str:
    """Return `text` as a suite's name: results live under it."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._") or "environment"


def text(draft: Draft) -> str:
    """Return the suite's text; reading it gives the suite that the draft describes."""
    plan = EvaluationPlan()
    points = min(plan.points, *(place.steps for place in draft.environments))
    return templates().get_template("draft.yaml.j2").render(draft=draft, plan=plan, points=points)


def templates() -> Environment:
    """Return the room's templates; the filter `yaml` writes a value as YAML reads it back, `plain` a comment."""
    jinja = Environment(  # noqa: S701 - YAML, not HTML: the filter quotes what must be
        loader=PackageLoader("bench.suite"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    jinja.filters |= {"yaml": bare, "plain": plain, "lines": _lines}
    jinja.tests["command"] = _command
    return jinja


def _lines(paragraph: str, indent: str) -> list[str]:
    """Return a comment's lines; a command is to be copied as it stands."""
    return [paragraph] if _command(paragraph) else wrap(paragraph, _WIDTH - len(indent), break_on_hyphens=False)


def _command(paragraph: str) -> bool:
    """Return whether a paragraph is a command: it is indented."""
    return paragraph.startswith(" ")
