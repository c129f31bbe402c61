"""A suite whose seeds are added look by look in; its trials run, every look and the course told, out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bench.console import note, say, say_event
from bench.pipeline import Asked, Experiment, RunOptions, SuiteText, Summary
from bench.pipeline.asking import in_terms_of_options
from bench.pipeline.sequential import Show, open_sequential, run_until_decided
from bench.records import Look
from bench.report import sentences


class Looks:
    """A run until every pair is decided, told as it goes."""

    def __init__(self, meant: Path | SuiteText, asked: Asked, only: Sequence[str] | None, results: Path) -> None:
        self._sequential = in_terms_of_options(
            asked, lambda: open_sequential(meant, only=only or (), seeds=asked.seeds, results=results, met=True)
        )

    @property
    def due(self) -> Experiment:
        """The experiment with the trials asked for so far."""
        return self._sequential.due

    def run(self, options: RunOptions, show: Show, *, tell: bool) -> Summary:
        """Run until every pair is decided, the last look is taken, or it is interrupted; say every look."""

        def say_look(look: Look) -> None:
            if tell:
                say(sentences.look(look), whole=True)

        self._sequential, summary = run_until_decided(self._sequential, options, show, say_look, note)
        return summary

    def say_course(self, *, as_json: bool) -> None:
        """Say how far it is."""
        if as_json:
            say_event(asdict(self._sequential.course) | {"event": "looks"})
            return
        for line in sentences.course(self._sequential.course):
            say(line, whole=True)
