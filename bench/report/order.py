"""Estimates in; the order of algorithms and environments, their anchors and the plan they were analysed by out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from bench.records import Aggregate, AnalysisPlan, Estimates, TrialLine
from bench.report import palette, words


@dataclass(frozen=True, slots=True)
class Places:
    """Where every algorithm and environment stands, and of which the trials are listed."""

    algorithms: Mapping[str, int]
    environments: Mapping[str, int]
    listed: frozenset[str] = frozenset()
    styles: Mapping[str, palette.Style] = field(default_factory=dict)

    def group(self, label: str, environment: str | None = None) -> str:
        """Return `2-0` for the third algorithm on the first environment, `2` for the algorithm on all."""
        place = str(self.algorithms[label])
        return place if environment is None else f"{place}-{self.environments[environment]}"

    def anchor(self, label: str, environment: str | None = None) -> str:
        """Return the link to the trials behind a number; an empty string where no trial is listed."""
        if label not in self.algorithms or (environment is not None and environment not in self.environments):
            return ""
        group = self.group(label, environment)
        return f"#trials-{group}" if group in self.listed else ""

    def section(self, environment: str) -> str:
        """Return the id of an environment's section, `environment-1` for the first."""
        return f"environment-{self.environments[environment] + 1}"


def labels(estimates: Estimates) -> tuple[str, ...]:
    """Return every algorithm's label, the suite's order first: this order fixes colours."""
    return _unique(
        [
            *estimates.labels,
            *(line.label for line in estimates.cells),
            *(line.label for line in estimates.aggregates),
            *(line.label for line in estimates.curves),
            *(line.label for line in estimates.profiles),
            *(label for pair in estimates.pairs for label in (pair.a, pair.b)),
            *(line.label for line in estimates.trials),
            *(line.label for line in estimates.settings),
            *(line.label for line in estimates.failures),
            *(label for lead in estimates.leads for label in lead.labels),
            *(line.label for line in estimates.reliability),
            *(line.label for line in estimates.cards),
            *(candidate.label for situation in estimates.situations for candidate in situation.candidates),
        ]
    )


def styles(estimates: Estimates) -> dict[str, palette.Style]:
    """Return how each algorithm looks."""
    return palette.styles(labels(estimates), {line.label: line.algorithm for line in estimates.settings})


def environments(estimates: Estimates) -> tuple[str, ...]:
    """Return every environment, in the order of the references, then of the cells and trials."""
    return _unique(
        [
            *(line.environment for line in estimates.references),
            *(line.environment for line in estimates.cells),
            *(line.environment for line in estimates.trials),
            *(line.environment for line in estimates.settings),
            *(line.environment for line in estimates.failures),
            *(curve.environment for curve in estimates.curves if curve.environment is not None),
        ]
    )


def trials(estimates: Estimates) -> tuple[TrialLine, ...]:
    """Return the trials by algorithm, environment and seed, so that each cell's stand together."""
    at = places(estimates)
    return tuple(
        sorted(
            estimates.trials,
            key=lambda line: (at.algorithms[line.label], at.environments[line.environment], line.seed),
        )
    )


def places(estimates: Estimates) -> Places:
    """Return where every algorithm and environment stands, looked up once for a whole table."""
    found = Places(_numbered(labels(estimates)), _numbered(environments(estimates)), styles=styles(estimates))
    cells = {(line.label, line.environment) for line in estimates.trials}
    listed = {found.group(label, environment) for label, environment in cells}
    return replace(found, listed=frozenset(listed | {group.partition("-")[0] for group in listed}))


def plan(estimates: Estimates) -> dict[str, Any]:
    """Return the analysis plan for a template, with its hash, what had been seen by then, whether data are imported."""
    return {**asdict(AnalysisPlan()), "hash": "", "imported": False, "seen": "", **estimates.analysis}


def level(estimates: Estimates) -> str:
    """Return the confidence of the plan's intervals, such as `95 %`."""
    return words.level(analysis(estimates).confidence)


def analysis(estimates: Estimates) -> AnalysisPlan:
    """Return the analysis plan, the defaults of its record where nothing is declared."""
    known = {one.name for one in fields(AnalysisPlan)}
    return AnalysisPlan(**{name: value for name, value in estimates.analysis.items() if name in known})


def by_claims(estimates: Estimates) -> bool:
    """Return whether the claims answer the question, rather than which algorithm to choose."""
    return bool(estimates.claims) and (estimates.answer == "claims" or analysis(estimates).conjunction)


def with_rliable(lines: Iterable[Aggregate]) -> bool:
    """Return whether rliable's intervals were asked for."""
    return any(value.low is not None for line in lines for value in line.rliable.values())


def solved(estimates: Estimates) -> frozenset[str]:
    """Return the environments that every run of every learning algorithm solves."""
    return frozenset(line.environment for line in estimates.references if line.saturated)


def seeds(estimates: Estimates) -> int:
    """Return how many different seeds the suite asks for."""
    asked = {line.seed for line in estimates.trials} or {seed for cell in estimates.cells for seed in cell.seeds}
    return len(asked)


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _numbered(names: Iterable[str]) -> dict[str, int]:
    return {name: place for place, name in enumerate(names)}
