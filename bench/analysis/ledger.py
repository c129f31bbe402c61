"""Planned trials and outcomes in, one entry per trial under the label it is shown with out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bench.records import Outcome, Record, Trial


@dataclass(frozen=True, slots=True)
class Entry:
    """One trial, planned or found, with what came of it."""

    label: str
    """As shown: the suite's label, with a suffix where two configurations claim the same one."""
    trial: Trial
    fingerprint: str
    configuration: str
    outcome: Outcome | None
    """None: missing."""
    planned: bool


@dataclass(frozen=True, slots=True)
class Ledger:
    """Every trial of the report, and the cells in which one label meant several configurations."""

    entries: tuple[Entry, ...]
    split: tuple[tuple[str, str], ...]
    """(label, environment) with more than one configuration."""


def ledger(planned: Sequence[Trial], outcomes: Sequence[Outcome]) -> Ledger:
    """Join plan and outcomes by fingerprint; configurations that share a label and an environment stay apart."""
    entries = _joined(planned, _latest(outcomes))
    configurations: dict[tuple[str, str], dict[str, bool]] = defaultdict(dict)
    for entry in entries:
        known = configurations[entry.label, entry.trial.environment]
        known[entry.configuration] = known.get(entry.configuration, False) or entry.planned
    several = {cell: known for cell, known in configurations.items() if len(known) > 1}
    names = {cell: shown_as(cell[0], known) for cell, known in several.items()}
    relabelled = tuple(_relabelled(entry, names) for entry in entries)
    return Ledger(relabelled, tuple(sorted(several)))


def _latest(outcomes: Iterable[Outcome]) -> dict[str, Outcome]:
    """Return one outcome per fingerprint: a record before a failure, then the latest attempt."""
    best: dict[str, Outcome] = {}
    for outcome in outcomes:
        fingerprint = outcome.trial.fingerprint
        if fingerprint not in best or _precedence(outcome) > _precedence(best[fingerprint]):
            best[fingerprint] = outcome
    return best


def _precedence(outcome: Outcome) -> tuple[bool, int, str]:
    return isinstance(outcome, Record), outcome.attempt, str(outcome.provenance.get("finished", ""))


def _joined(planned: Sequence[Trial], found: Mapping[str, Outcome]) -> list[Entry]:
    # The plan's label wins: renaming a curve reruns nothing, so a record may carry an older name.
    entries = {}
    for trial in planned:
        fingerprint = trial.fingerprint
        entries[trial.label, fingerprint] = _entry(trial, fingerprint, found.get(fingerprint), planned=True)
    expected = {fingerprint for _, fingerprint in entries}
    for fingerprint, outcome in found.items():
        if fingerprint not in expected:
            trial = outcome.trial
            entries[trial.label, fingerprint] = _entry(trial, fingerprint, outcome, planned=False)
    return list(entries.values())


def _entry(trial: Trial, fingerprint: str, outcome: Outcome | None, *, planned: bool) -> Entry:
    return Entry(trial.label, trial, fingerprint, trial.configuration, outcome, planned)


def shown_as(label: str, configurations: Mapping[str, bool]) -> dict[str, str]:
    """Return the label to show for each configuration of a cell that has several: the planned one keeps the plain one.

    Args:
        label: which all of them claim.
        configurations: each, and whether it is planned.
    """
    intended = [configuration for configuration, planned in configurations.items() if planned]
    plain = intended[0] if len(intended) == 1 else None
    digits = next(k for k in range(4, 65) if len({known[:k] for known in configurations}) == len(configurations))
    return {known: label if known == plain else f"{label} [{known[:digits]}]" for known in configurations}


def _relabelled(entry: Entry, names: Mapping[tuple[str, str], Mapping[str, str]]) -> Entry:
    cell = (entry.label, entry.trial.environment)
    return replace(entry, label=names[cell][entry.configuration]) if cell in names else entry
