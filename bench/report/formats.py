"""Estimates in, the whole answer as one Markdown, LaTeX, HTML or JSON document out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict

from bench.plain import json_text, plain
from bench.records import Estimates
from bench.report import answers, cautions, holding, order, page, published, sentences, tables
from bench.report.recommendation import recommendation
from bench.report.table import Table, latex_text, markdown_text, to_latex, to_markdown

Escape = Callable[[str], str]


def render(estimates: Estimates, kind: str) -> str:
    """Return the answer as one document: the page alone, or verdict, tables and warnings in another format.

    Args:
        estimates: what the analysis found.
        kind: one of `KINDS`.

    Raises:
        ValueError: another kind.
    """
    if kind not in KINDS:
        raise ValueError(f"report format {kind!r} is not known; one of {', '.join(KINDS)}")
    return KINDS[kind](estimates)


def _html(estimates: Estimates) -> str:
    return page.render(estimates, tuple(page.plates(estimates)), {}, page.Stored())


def _json(estimates: Estimates) -> str:
    """Return every field of the estimates, and in words the answer and what must be known first."""
    told = {"verdicts": recommendation(estimates).lines, "warnings": cautions.warnings(estimates)}
    return json_text({**asdict(estimates), **told}, indent=1) + "\n"


def _markdown(estimates: Estimates) -> str:
    say = markdown_text
    parts = [f"# {say(_title(estimates))}"]
    if estimates.question:
        parts.append(f"*{say(plain(estimates.question))}*")
    parts.append(say(" · ".join(page.facts(estimates))))
    first, *others = _answer(estimates)
    parts.append(f"**{say(first)}**")
    parts += [_bullets(others, say, "- {}")] if others else []
    if warnings := cautions.warnings(estimates):
        parts += ["**Before you rely on this**", _bullets(warnings, say, "- {}")]
    for heading, told, found in _chapters(estimates):
        parts.append(f"## {say(heading)}")
        parts += [_bullets(told, say, "- {}")] if told else []
        parts += [to_markdown(table.as_file()).rstrip() for table in found]
    return "\n\n".join(parts) + "\n"


def _latex(estimates: Estimates) -> str:
    """Return sections and tables, to be read in by a paper."""
    say = latex_text
    parts = [
        r"% to be \input into a document that has \usepackage{booktabs}; every table can be taken out by itself",
        rf"\section*{{{say(_title(estimates))}}}",
        say(" · ".join(page.facts(estimates))).replace("·", r"\textperiodcentered{}") + r"\par",
    ]
    first, *others = _answer(estimates)
    parts.append(rf"\textbf{{{say(first)}}}\par")
    parts += _itemised(others, say)
    if warnings := cautions.warnings(estimates):
        parts += [r"\paragraph{Before you rely on this}", *_itemised(warnings, say)]
    for heading, told, found in _chapters(estimates):
        parts.append(rf"\subsection*{{{say(heading)}}}")
        parts += _itemised(told, say)
        parts += [to_latex(table.as_file()).rstrip() for table in found]
    return "\n\n".join(parts) + "\n"


KINDS: dict[str, Callable[[Estimates], str]] = {"md": _markdown, "latex": _latex, "html": _html, "json": _json}
"""Format -> renderer."""


def _title(estimates: Estimates) -> str:
    return plain(estimates.title) or plain(estimates.suite)


def _answer(estimates: Estimates) -> list[str]:
    """Return the headline and what stands under it, as on the page."""
    verdicts = [plain(line) for line in recommendation(estimates).lines]
    holds = holding.holds(estimates)
    return [*verdicts, *([f"{holds}."] if holds else []), *filter(None, [page.sureness(estimates)])]


def _chapters(estimates: Estimates) -> Iterator[tuple[str, Sequence[str], Sequence[Table]]]:
    """Yield heading, sentences and tables of each part that has something to show, in the page's order."""
    at = order.places(estimates)
    leading = [said for line in estimates.leads for said in sentences.lead(line)]
    parts: list[tuple[str, Sequence[str], list[Table]]] = [
        ("Which algorithm when", (), [answers.situations(estimates), answers.candidates(estimates)]),
        ("The algorithms, by what was measured", (), [answers.cards(estimates)]),
        ("Overall", (), [tables.overall(estimates), tables.pairwise(estimates)]),
        ("Efficiency", leading, [tables.efficiency(estimates)]),
        ("Reliability", (page.reliance(estimates),), [answers.reliability(estimates), tables.failures(estimates)]),
        ("Cost", (), [tables.cost(estimates)]),
        ("Environments", (), [tables.environment(estimates, name, at) for name in at.environments]),
        ("Claims", (), [answers.claims(estimates)]),
        ("Against published results", (published.summary(estimates.published),), list(published.every(estimates))),
        ("Robustness", (), [answers.conclusions(estimates)]),
        ("How the number of seeds came about", (), [answers.sequence(estimates)]),
        ("References", (), [tables.references(estimates)]),
    ]
    for heading, said, found in parts:
        kept = [table for table in found if table.rows]
        if kept:
            yield heading, [plain(sentence) for sentence in said if sentence], kept


def _bullets(told: Sequence[str], say: Escape, shape: str) -> str:
    return "\n".join(shape.format(say(plain(sentence))) for sentence in told)


def _itemised(told: Sequence[str], say: Escape) -> list[str]:
    items = _bullets(told, say, r"\item {}")
    return ["\\begin{itemize}\n" + items + "\n\\end{itemize}"] if told else []
