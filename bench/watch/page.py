"""The state of a run in, its page out: the frame once, what changes again and again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from jinja2 import Environment
from markupsafe import Markup

from bench.pipeline import Experiment
from bench.plain import plain
from bench.records import Failure
from bench.report import drawing, figures, html, page, palette, words
from bench.watch.state import MOST_FAILURES, State

_STATES = "done", "failed", "running", "missing"


def frame(experiment: Experiment, nonce: str) -> str:
    """Return the page around what changes; its script, which alone may run, carries the nonce."""
    suite = experiment.suite
    return _templates().get_template("watch.html").render(
        title=plain(suite.title or suite.name), question=plain(suite.question or ""), css=page.style(), nonce=nonce
    )  # fmt: skip


def content(experiment: Experiment, state: State) -> str:
    """Return what changes: counts, what is at work, curves, failures."""
    total = {name: sum(getattr(cell, name) for cell in state.cells) for name in _STATES}
    alike = _by_reason(state.failures)
    return _templates().get_template("content.html").render(
        cells=state.cells,
        running=state.running,
        failures=alike[:MOST_FAILURES],
        more=sum(map(len, alike[MOST_FAILURES:])),
        unreadable=state.unreadable,
        total=total,
        planned=sum(total.values()),
        figures=list(_figures(experiment, state)),
    )  # fmt: skip


def _by_reason(failures: Sequence[Failure]) -> list[list[Failure]]:
    """Return those of a cell that failed alike together."""
    found: dict[tuple[str, ...], list[Failure]] = {}
    for one in failures:
        found.setdefault((*one.trial.cell, one.kind, one.message), []).append(one)
    return list(found.values())


def _figures(experiment: Experiment, state: State) -> Iterator[Markup]:
    trials = experiment.plan.trials
    styles = palette.styles(
        list(dict.fromkeys(trial.label for trial in trials)), {trial.label: trial.algorithm for trial in trials}
    )
    for place, curves in enumerate(state.curves.values()):
        figure = figures.environment_curves(curves, f"watch{place}", "", {}, thin=True)
        # Ours to insert: drawn here, with text that matplotlib has escaped.
        yield Markup(drawing.inline(drawing.draw(figure, styles)))  # noqa: S704


@cache
def _templates() -> Environment:
    jinja = html.templates("bench.watch")
    jinja.filters["number"] = _number
    return jinja


def _number(value: float | None) -> str:
    return "" if not words.finite(value) else f"{value:,.4g}" if value % 1 else f"{value:,.0f}"
