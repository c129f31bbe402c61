"""The words of `bench validate` in; complaints, or the plan and its cost, told, out."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.cli.asking import opened, say_name, source
from bench.cli.planned import say_plan
from bench.limits import MOST_WORKERS
from bench.options import (
    AlgoOption,
    EnvOption,
    JsonOption,
    OnlyOption,
    ProfileOption,
    ResultsOption,
    SeedsOption,
    SetOption,
    StepsOption,
    SuiteArgument,
)
from bench.pipeline import RESULTS, Asked, default_workers, require_asked_for
from bench.runner.profile import read_profile


def validate(
    suite: SuiteArgument = None,
    *,
    algo: AlgoOption = None,
    env: EnvOption = None,
    steps: StepsOption = None,
    set_name: SetOption = None,
    seeds: SeedsOption = None,
    only: OnlyOption = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=MOST_WORKERS, help="trials side by side, for the cost")
    ] = None,
    results: ResultsOption = RESULTS,
    profile: ProfileOption = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="build every algorithm's learner and train it for a moment, too")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Tell everything that is wrong with a suite, or its plan and what it costs.

    Once nothing in the suite itself is wrong, environments that the catalogue does not know, or not with these
    arguments and wrappers, are made and played at random for a moment, and learners are tried on them, in processes of
    their own.
    """
    cluster = None if profile is None else read_profile(profile)
    asked = Asked(algo or (), env or (), steps, set_name, seeds)
    meant = source(suite, asked, results)
    experiment = opened(meant, asked, only, results, met=True, deep=deep)
    if cluster is not None:
        require_asked_for(experiment, cluster)
    say_name(meant, experiment)
    say_plan(experiment, as_json=as_json, workers=workers or default_workers(), here=cluster is None)
