"""The list of what is taught, and stored results, in; every claim with what its suites say out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from bench.catalog import implementation_named
from bench.claims.records import CONTRADICTED, SUPPORTED, Answer, Asked, Measured, Row, SetAside, Taught
from bench.errors import BenchError
from bench.pipeline import Experiment, open_experiment
from bench.pipeline.experiment import cost_of
from bench.pipeline.results import estimates
from bench.records import AnalysisPlan, Claim, ClaimVerdict, Conclusion, Estimates, SuiteAlgorithm
from bench.report import sentences, words
from bench.suite.shipped import shipped


@cache
def _listed() -> dict[str, Any]:
    text = files("bench.claims").joinpath("taught.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = YAML(typ="safe", pure=True).load(text)
    return found


def taught() -> tuple[Taught, ...]:
    """Return every claim, in the order of the list."""
    return tuple(
        Taught(
            number,
            one["claim"],
            {suite: tuple(begin) for suite, begin in one["asked"].items()},
            one.get("waits", ""),
            tuple(SetAside(**each) for each in one.get("set_aside", ())),
            one.get("terms", ""),
        )
        for number, one in enumerate(_listed()["claims"], start=1)
    )


def suites(numbers: Sequence[int]) -> tuple[str, ...]:
    """Return the suites that ask these claims, each once.

    Raises:
        BenchError: there is no claim of such a number, or no suite asks it yet.
    """
    known = {one.number: one for one in taught()}
    if unknown := [number for number in numbers if number not in known]:
        raise BenchError(f"--run {unknown[0]}: there is no such claim; write a number from 1 to {len(known)}")
    if waiting := [known[number] for number in numbers if not known[number].asked]:
        raise BenchError(f"--run {waiting[0].number}: no suite asks this claim yet; it waits for {waiting[0].waits}")
    return tuple(dict.fromkeys(suite for number in numbers for suite in known[number].asked))


def table() -> tuple[Row, ...]:
    """Return what lessons say of each algorithm."""
    return tuple(Row(name, **said) for name, said in _listed()["algorithms"].items())


Opened = tuple[Experiment, Estimates | None, float]
"""A suite, what it says if anything of it has run, and the seconds of one core that the rest takes."""


class Judge:
    """Opens every suite once."""

    def __init__(self, results: Path, suites: Mapping[str, Path] | None = None) -> None:
        """Take the folder of all results, and the suites by name: those that come with bench if not given."""
        self._results, self._suites = results, suites or shipped()
        self._known: dict[str, Opened | BenchError] = {}

    def answers(self) -> list[Answer]:
        """Return all claims with their answers."""
        return [Answer(one, tuple(self._asked(one))) for one in taught()]

    def measured(self) -> list[Measured]:
        """Return what every suite that has run says of the algorithms in the lessons' table, in the table's order."""
        rows = [row.algorithm for row in table()]
        found = [
            Measured(suite, card)
            for suite, opened in self._known.items()
            for card in (opened[1].cards if not isinstance(opened, BenchError) and opened[1] else ())
            if card.label in rows
        ]
        return sorted(found, key=lambda one: rows.index(one.card.label))

    def _asked(self, claim: Taught) -> Iterator[Asked]:
        for suite, begins in claim.asked.items():
            opened = self._opened(suite)
            if isinstance(opened, BenchError):
                yield Asked(suite, (), AnalysisPlan(), unreadable=str(opened).splitlines()[0])
                continue
            experiment, told, seconds = opened
            lines = told.claims if told else ()
            aside = {one.claim for one in claim.set_aside if one.suite == suite}
            entries = experiment.suite.algorithms
            asked = Asked(
                suite,
                tuple(sorted((one for one in lines if _asks(one.claim, begins, aside)), key=partial(_place, begins))),
                experiment.suite.analysis,
                seconds,
                settings={entry.label: _settings(entry) + _computed(entry.label, told) for entry in entries},
                terms={entry.label: _terms(entry) for entry in entries},
                holding=_holding(told),
                aside=tuple(line for line in lines if line.claim.text in aside),
            )
            declared = sum(_asks(one, begins, aside) for one in experiment.suite.claims)
            yield replace(asked, waiting=declared - len(asked.judged))

    def _opened(self, suite: str) -> Opened | BenchError:
        """Return a suite, or why it cannot be read: the others are judged all the same."""
        if suite not in self._known:
            try:
                self._known[suite] = self._read(self._suites[suite])
            except BenchError as error:
                self._known[suite] = error
        return self._known[suite]

    def _read(self, suite: Path) -> Opened:
        experiment = open_experiment(suite, results=self._results)
        survey = experiment.store.survey()
        told = estimates(experiment) if survey.done else None
        return experiment, told, sum(cost_of(experiment, survey).seconds.values())


def _asks(claim: Claim, begins: tuple[str, ...], aside: Collection[str]) -> bool:
    """Return whether a claim of a suite counts for what is taught."""
    return claim.text not in aside and _begins(claim.text, begins)


def _place(begins: tuple[str, ...], line: ClaimVerdict) -> int:
    """Return which of the beginnings is the first that a claim has; 0 where none is asked for."""
    return next((place for place, one in enumerate(begins) if line.claim.text.startswith(one)), 0)


def _begins(text: str, begins: tuple[str, ...]) -> bool:
    return not begins or text.startswith(begins)


def _settings(entry: SuiteAlgorithm) -> str:
    """Return the set of an entry, and what the suite gives beside it, in words."""
    own = {name: "by environment" for given in entry.per_environment.values() for name in given}
    given = {**entry.hyperparameters, **own}
    return f"{entry.hyperparameter_set}, but {words.settings(given)}" if given else entry.hyperparameter_set


def _computed(label: str, told: Estimates | None) -> str:
    """Return by which implementations an algorithm's runs were computed: that decides what they cost."""
    lines = [line for line in (told.settings if told else ()) if line.label == label]
    names = dict.fromkeys(implementation_named(line.algorithm, line.implementation) for line in lines)
    return f" ({', '.join(names)})" if names else ""


def _terms(entry: SuiteAlgorithm) -> str:
    changed = ", changed by the suite" if entry.hyperparameters or entry.per_environment else ""
    return sentences.setting(entry.hyperparameter_set) + changed


def _holding(told: Estimates | None) -> dict[str, str]:
    """Return in how many re-analyses each decided claim's verdict holds, and which of them turn it round."""
    lines = [line for line in (told.conclusions if told else ()) if line.about.kind == "claim" and line.of]
    return {line.about.names[0]: "; ".join([f"{line.holds} of {line.of}", *_turned(line)]) for line in lines}


def _turned(line: Conclusion) -> list[str]:
    opposite = {SUPPORTED: CONTRADICTED, CONTRADICTED: SUPPORTED}[line.about.names[1]]
    return [sentences.otherwise(again) + f": {opposite}" for again, found in line.fails_when if found == opposite]
