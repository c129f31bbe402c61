"""A suite as typed in, by name, by path or by options, and the experiment that is meant out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from shlex import join, quote

from bench.console import note, waiting
from bench.errors import BenchError
from bench.pipeline import SUITE_COPY, Asked, Experiment, SuiteText, open_experiment, references, unplanned, unread
from bench.pipeline.asking import in_terms_of_options, suite_text
from bench.pipeline.naming import located
from bench.records import Suite


def source(suite: Path | None, asked: Asked, results: Path, *, reading: bool = False) -> Path | SuiteText:
    """Return the suite that was named, or the one that the options ask for.

    Raises:
        BenchError: both were given, or neither; or the options do not make a suite.
    """
    if suite is not None and asked:
        raise BenchError(
            f"SUITE ({suite}) and --algo, --env, --steps or --hyperparameters exclude each other: a suite says all of "
            "that itself; leave out the one or the other (--only picks cells of a suite)"
        )
    if suite is not None:
        return found(suite, results, reading=reading)
    if not asked:
        raise BenchError(
            "no suite was named; `bench list suites` shows those that come with bench, `bench init my-suite` writes "
            "one of your own, and --algo, --env and --steps do without"
        )
    return suite_text(asked)


def found(typed: Path, results: Path, *, reading: bool = False) -> Path:
    """Return the file or folder that a name or path means; say where it could mean another."""
    path, told = located(typed, results=results, reading=reading)
    if told:
        note(told)
    return path


def with_results(typed: Path, results: Path) -> Experiment:
    """Return the experiment that a name or path means, of which there are results to read.

    Raises:
        BenchError: there is no such suite, or it has no results: what was written of others' stays as it is.
    """
    experiment = open_experiment(found(typed, results, reading=True), results=results)
    survey = experiment.store.survey()
    if not survey.done and not any(survey.others.values()):
        raise BenchError(
            f"{experiment.store.root}: there are no results of {experiment.suite.name}; `bench run "
            f"{quote(str(typed))}` makes some, and --results names the folder that holds those of all suites"
        )
    return experiment


def opened(
    meant: Path | SuiteText,
    asked: Asked,
    only: Sequence[str] | None,
    results: Path,
    *,
    met: bool = False,
    deep: bool = False,
) -> Experiment:
    """Return the experiment; what is wrong with a suite made of options is told in terms of these."""
    with waiting("trying environments and learners ...") if met else nullcontext():
        return in_terms_of_options(
            asked,
            lambda: open_experiment(meant, only=only or (), seeds=asked.seeds, results=results, met=met, deep=deep),
        )


def say_name(meant: Path | SuiteText, experiment: Experiment) -> None:
    """Say what a suite that was made of options is called, and how its results are come by."""
    if isinstance(meant, Path):
        return
    name, root = experiment.suite.name, experiment.store.root
    known = name if root.parent == Path("results") else quote(str(root))
    note(
        f"note: this suite is called {name} and kept in {root}; `bench status {known}` and `bench report {known}` read "
        "it, the same command goes on with it"
    )
    if None in references(experiment.suite).values():
        file = quote(f"{name}.yaml")
        note(
            f"note: no option says `reference`, and what is written into {root / SUITE_COPY} is written over: `bench "
            f"init {quote(name)} {_options(experiment.suite)}` makes {file}; put it there, and `bench run {file}`"
        )


def _options(suite: Suite) -> str:
    """Return a suite that was made of options as the options of `bench init`."""
    words = [word for entry in suite.algorithms for word in ("--algo", entry.algorithm)]
    words += [word for place in suite.environments for word in ("--env", place.environment)]
    return join([*words, "--steps", str(suite.environments[0].steps)])


def say_unread(experiment: Experiment) -> None:
    """Say which files of the results cannot be read."""
    for sentence in unread(experiment):
        note(f"note: {sentence}")


def say_unplanned(experiment: Experiment) -> None:
    """Say which checkpoints take room and are of no use to the suite."""
    if sentence := unplanned(experiment):
        note(f"note: {sentence}")
