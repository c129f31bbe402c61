"""The records behind two sides of a comparison in, sentences on everything else that differs between them out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bench.analysis.scores import Cell
from bench.plain import counted
from bench.records import PACKING, Record

_MOST_VALUES = 6
"""Differing settings told one by one; beyond that their number is."""
_MACHINE = ("processor", "cores", "platform", "python", "commit")


def differences(ours: Sequence[Cell], theirs: Sequence[Cell], *, settings: bool) -> tuple[str, ...]:
    """Return what differs, most important first.

    Args:
        ours: the cells of the left side.
        theirs: those of the right side, on the same environments in the same order.
        settings: whether hyperparameters and code are expected to be the same, so that a difference is worth telling.
    """
    first, second = _records(ours), _records(theirs)
    if not first or not second:
        return ()
    found = list(_versions(first, second))
    if settings:
        found += _told("", _code(first), _code(second))
        found += [said for a, b in zip(ours, theirs, strict=True) for said in _settings(a, b)]
    found += _told("", _evaluation(first), _evaluation(second))
    return (*found, *_told("", _machine(first), _machine(second)))


def repeated(ours: Sequence[Cell], theirs: Sequence[Cell]) -> tuple[str, ...]:
    """Return, as sentences, how many runs are the same on both sides, and how many are but for the versions."""
    first, second = ({one.trial.fingerprint: one for one in _records(side)} for side in (ours, theirs))
    same = sum(_same(first[key], second[key]) for key in first if key in second)
    before, after = (
        {_but_for_versions(one): one for key, one in side.items() if key not in other}
        for side, other in ((first, second), (second, first))
    )
    apart = [(before[key], after[key]) for key in before if key in after]
    alike = sum(_same(*pair) for pair in apart)
    copied = (
        f"{counted(same, 'run')} {'is' if same == 1 else 'are'} the same on both sides, definition, seed and returns: "
        "a copy is no new evidence"
    )
    unchanged = (
        f"{alike} of {len(apart)} runs have the same returns on both sides, seed for seed, under other versions: "
        "nothing changed there, and they are no new evidence"
    )
    return (*((copied,) if same else ()), *((unchanged,) if alike else ()))


def _but_for_versions(record: Record) -> str:
    return replace(record.trial, versions={}).fingerprint


def _same(one: Record, other: Record) -> bool:
    """Return whether two runs went the same way: where all solve a task, the final returns alone would be equal."""
    return one.final.returns.tobytes() == other.final.returns.tobytes() and (
        one.curve.returns.tobytes() == other.curve.returns.tobytes()
    )


def _records(cells: Iterable[Cell]) -> list[Record]:
    return [run.record for found in cells for run in found.runs if run.record is not None]


Values = Mapping[str, Sequence[str]]
"""What -> its distinct values on one side, sorted."""


def _told(prefix: str, ours: Values, theirs: Values) -> Iterator[str]:
    for name in dict.fromkeys([*ours, *theirs]):
        a, b = ours.get(name, []), theirs.get(name, [])
        if a != b:
            yield f"{prefix}{name}: {', '.join(a) or 'none'} against {', '.join(b) or 'none'}"


def _collected(pairs: Iterable[tuple[str, Any]]) -> Values:
    found: dict[str, set[str]] = {}
    for name, value in pairs:
        found.setdefault(name, set()).add(str(value))
    return {name: sorted(values) for name, values in found.items()}


def _versions(ours: Sequence[Record], theirs: Sequence[Record]) -> Iterator[str]:
    """Yield the libraries whose versions differ, those of definitions and those of machines each among themselves.

    A definition states the public version (2.13.0), a machine the build (2.13.0+cpu). Where the two sides have no such
    place in common, the public versions are compared.
    """
    stated = [_collected(item for record in side for item in record.trial.versions.items()) for side in (ours, theirs)]
    noted = [
        _collected(item for record in side for item in dict(record.provenance.get("versions", {})).items())
        for side in (ours, theirs)
    ]
    known = [bool(stated[side] or noted[side]) for side in (0, 1)]
    if not all(known):
        # Imported runs state none: one line says so, not one for every library of the other side.
        yield from _told("", *({"versions of libraries": ["stated" if one else "not stated"]} for one in known))
        return
    for name in dict.fromkeys(name for places in (*stated, *noted) for name in places):
        told = [(place[0][name], place[1][name]) for place in (stated, noted) if name in place[0] and name in place[1]]
        anywhere = [_public(stated[side].get(name) or noted[side].get(name, ())) for side in (0, 1)]
        a, b = next((pair for pair in told if pair[0] != pair[1]), told[0] if told else (anywhere[0], anywhere[1]))
        yield from _told("version of ", {name: a}, {name: b})


def _public(versions: Sequence[str]) -> list[str]:
    return sorted({version.partition("+")[0] for version in versions})


def _code(records: Sequence[Record]) -> Values:
    return _collected(("implementation", record.trial.code) for record in records)


def _evaluation(records: Sequence[Record]) -> Values:
    plans = [record.trial.evaluation for record in records]
    return _collected(
        (f"evaluation, {words}", getattr(plan, name))
        for plan in plans
        for name, words in (("final_episodes", "final episodes"), ("points", "points"), ("episodes", "episodes"))
    )


def _machine(records: Sequence[Record]) -> Values:
    return _collected(
        (name, value)
        for record in records
        for name, value in (
            *((name, record.provenance.get(name, "unknown")) for name in _MACHINE),
            *((name, record.resources.get(name, "unknown")) for name in PACKING),
        )
    )


def _settings(ours: Cell, theirs: Cell) -> Iterator[str]:
    """Yield the settings of one cell that differ: as given, and as the learning library completed them."""
    sides = [[_written(record) for record in _records([cell])] for cell in (ours, theirs)]
    if not all(sides):
        return
    # Seeds of one cell may differ in what the library made of them: every value counts, not that of the first alone.
    first, second = (_every(given for given, _ in side) for side in sides)
    completed, finished = (_every(whole for _, whole in side) for side in sides)
    given = {name: (first.get(name), second.get(name)) for name in [*first, *second]}
    changed = {name: values for name, values in given.items() if values[0] != values[1]}
    for name in [*completed, *finished]:
        # A setting that was given differs already as given; one that was not shows another default.
        if name not in changed and completed.get(name) != finished.get(name):
            changed[name] = completed.get(name), finished.get(name)
    place = f"{ours.label} on {ours.environment}"
    for name, (a, b) in list(changed.items())[:_MOST_VALUES]:
        yield f"{place}, {name}: {a or 'not set'} against {b or 'not set'}"
    if len(changed) > _MOST_VALUES:
        yield f"{place}: {len(changed) - _MOST_VALUES} more settings"


def _every(runs: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return setting -> its distinct values over the runs, in one text."""
    found = _collected(pair for settings in runs for pair in settings.items())
    return {name: ", ".join(values) for name, values in found.items()}


def _written(record: Record) -> tuple[dict[str, str], dict[str, str]]:
    """Return the settings as given, and as the learning library finally had them, as text; not the run's own seed."""
    perturbed = {f"{name} in evaluation": value for name, value in record.trial.evaluation_kwargs.items()}
    given = {**record.trial.hyperparameters, **record.trial.environment_kwargs, **perturbed}
    first, second = (
        {name: json.dumps(value, sort_keys=True, default=str) for name, value in values.items() if name != "seed"}
        for values in (given, record.settings)
    )
    return first, second
