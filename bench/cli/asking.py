"""A suite as typed in, by name, by path or by options, and the experiment that is meant out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.terminal import note, waiting
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.pipeline import Asked, Experiment, SuiteText


def suites_at_hand(incomplete: str) -> list[str]:
    """Return what completes to a suite: names of those that come with bench, and files under `suites/` and here."""
    from bench.suite.shipped import shipped  # noqa: PLC0415 - only for completion

    files = [*sorted(Path("suites").rglob("*.yaml")), *sorted(Path().glob("*.yaml"))]
    return [name for name in (*shipped(), *map(str, files)) if name.startswith(incomplete)]


def results_at_hand(incomplete: str) -> list[str]:
    """Return what completes to results, by name and by path, or to a suite."""
    folders = sorted(path.parent for path in Path("results").glob("*/suite.yaml"))
    named = [name for folder in folders for name in (folder.name, str(folder)) if name.startswith(incomplete)]
    return list(dict.fromkeys([*named, *suites_at_hand(incomplete)]))


SuiteArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="SUITE",
        help="a suite file, or the name of a suite that comes with bench",
        autocompletion=suites_at_hand,
    ),
]
OptionalPathArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="PATH", help="a suite file, a results folder, or the name of either", autocompletion=results_at_hand
    ),
]
AlgoOption = Annotated[list[str] | None, typer.Option("--algo", help="without SUITE: an algorithm; may be repeated")]
EnvOption = Annotated[list[str] | None, typer.Option("--env", help="without SUITE: an environment; may be repeated")]
StepsOption = Annotated[
    str | None, typer.Option("--steps", help="without SUITE: environment steps of every run, such as 50k, 1M or 1e5")
]
SetOption = Annotated[
    str | None, typer.Option("--hyperparameters", help="without SUITE: a named set, default (the default) or rl-zoo")
]


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
    from bench.pipeline.asking import suite_text  # noqa: PLC0415 - `bench --help` must be instant

    if not asked:
        raise BenchError(
            "no suite was named; `bench list suites` shows those that come with bench, `bench init my-suite` writes "
            "one of your own, and --algo, --env and --steps do without"
        )
    return suite_text(asked)


def found(typed: Path, results: Path, *, reading: bool = False) -> Path:
    """Return the file or folder that a name or path means; say where it could mean another."""
    from bench.pipeline.naming import located  # noqa: PLC0415 - see source

    path, told = located(typed, results=results, reading=reading)
    if told:
        note(told)
    return path


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
    from bench import pipeline  # noqa: PLC0415 - see source
    from bench.pipeline.asking import in_terms_of_options  # noqa: PLC0415 - see source

    with waiting("trying environments and learners ...") if met else nullcontext():
        return in_terms_of_options(
            asked,
            lambda: pipeline.open_experiment(
                meant, only=only or (), seeds=asked.seeds, results=results, met=met, deep=deep
            ),
        )


def say_name(meant: Path | SuiteText, experiment: Experiment) -> None:
    """Say what a suite that was made of options is called, and how its results are come by."""
    if isinstance(meant, Path):
        return
    name, root = experiment.suite.name, experiment.store.root
    known = name if root.parent == Path("results") else root
    note(
        f"note: this suite is called {name} and kept in {root}; `bench status {known}` and `bench report {known}` read "
        "it, the same command goes on with it"
    )
