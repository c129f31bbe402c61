"""Nothing in; the arguments and options that several commands share, with what completes them, out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.limits import MOST_SEEDS, MOST_WORKERS


def suites_at_hand(incomplete: str) -> list[str]:
    """Return what completes to a suite: names of those that come with bench, and files under `suites/` and here."""
    from bench.suite.shipped import shipped, suites_in  # noqa: PLC0415 - a third of a second: not for help

    files = [*suites_in(Path("suites")), *sorted(Path().glob("*.yaml"))]
    return [name for name in (*shipped(), *map(str, files)) if name.startswith(incomplete)]


def results_at_hand(incomplete: str) -> list[str]:
    """Return what completes to results, by name and by path, or to a suite."""
    folders = sorted(path.parent for path in Path("results").glob("*/suite.yaml"))
    named = [name for folder in folders for name in (folder.name, str(folder)) if name.startswith(incomplete)]
    return list(dict.fromkeys([*named, *suites_at_hand(incomplete)]))


_SUITE = typer.Argument(
    metavar="SUITE", help="a suite file, or the name of a suite that comes with bench", autocompletion=suites_at_hand
)
SuiteArgument = Annotated[Path | None, _SUITE]
NamedSuiteArgument = Annotated[Path, _SUITE]
_PATH = typer.Argument(
    metavar="PATH", help="a suite file, a results folder, or the name of either", autocompletion=results_at_hand
)
PathArgument = Annotated[Path, _PATH]
OptionalPathArgument = Annotated[Path | None, _PATH]
AlgoOption = Annotated[list[str] | None, typer.Option("--algo", help="without a suite: an algorithm; may be repeated")]
EnvOption = Annotated[list[str] | None, typer.Option("--env", help="without a suite: an environment; may be repeated")]
StepsOption = Annotated[
    str | None, typer.Option("--steps", help="without a suite: environment steps of every run, such as 50k, 1M or 1e5")
]
SetOption = Annotated[
    str | None, typer.Option("--hyperparameters", help="without a suite: a named set, such as rl-zoo; else default")
]
SeedsOption = Annotated[
    int | None, typer.Option("--seeds", min=1, max=MOST_SEEDS, help="this many seeds instead of the suite's")
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option("--only", help="cells such as 'ppo@CartPole-v1', 'ppo', '@CartPole-v1'; may be repeated"),
]
ResultsOption = Annotated[Path, typer.Option("--results", help="folder that holds the results of all suites")]
JsonOption = Annotated[bool, typer.Option("--json", help="print JSON, for programs")]
ProfileOption = Annotated[
    Path | None, typer.Option("--profile", help="what each trial asks a batch system for (docs/clusters.md)")
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers", min=1, max=MOST_WORKERS, help="trials side by side; as many as the cores carry if not given"
    ),
]
DevicesOption = Annotated[str, typer.Option("--devices", help="auto, cpu, cuda or cuda:0,1")]
RetryFailedOption = Annotated[bool, typer.Option("--retry-failed", help="run failed trials again")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="say what would run and what it costs, and run nothing")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="say only what came of it")]
