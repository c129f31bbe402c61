"""A name, algorithms and environments in; the text of a suite to begin with, commented throughout, out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from shlex import quote

from bench.records import EvaluationPlan
from bench.suite.draft import templates


def starter(name: str, file: str, algorithms: Sequence[str], scored: Mapping[str, bool], steps: int) -> str:
    """Return the suite's text.

    Args:
        name: of the suite; results lie under it.
        file: where the text will lie, for the commands shown in it.
        algorithms: names of the catalogue.
        scored: environment -> whether its reference returns are known.
        steps: budget of each run.
    """
    listed, named = ", ".join(algorithms), ", ".join(scored)
    return (
        templates()
        .get_template("suite.yaml.j2")
        .render(
            name=name,
            file=quote(file),
            title=f"{listed} on {named}",
            question=f"Which algorithm should I use for {named}?",
            algorithms=algorithms,
            environments=[{"id": id_, "scored": known, "steps": f"{steps:_}"} for id_, known in scored.items()],
            points=min(EvaluationPlan().points, steps),
        )
    )
