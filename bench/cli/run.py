"""The words of `bench run` in; trials run, their course and what came of them told, a report written, out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli.asking import opened, say_name, say_unplanned, say_unread, source
from bench.cli.planned import say_plan, say_warnings
from bench.console import complain, note, say, say_event, say_interrupted, say_trouble
from bench.errors import BenchError, HindranceError, WriteError, hindering
from bench.limits import MOST_WORKERS
from bench.options import (
    AlgoOption,
    DevicesOption,
    DryRunOption,
    EnvOption,
    JsonOption,
    OnlyOption,
    ProfileOption,
    QuietOption,
    ResultsOption,
    RetryFailedOption,
    SeedsOption,
    SetOption,
    StepsOption,
    SuiteArgument,
    WorkersOption,
)
from bench.pipeline import (
    EXECUTORS,
    REPORTS,
    RESULTS,
    Asked,
    Experiment,
    RunOptions,
    SuiteText,
    Summary,
    cells_in_order,
    default_workers,
    lock_note,
    prepare,
    require_devices,
    status,
)
from bench.pipeline import run as carry_out_jobs
from bench.progress import display as displays
from bench.runner.jobs import Job
from bench.runner.profile import read_profile

if TYPE_CHECKING:
    from bench.cli.looks import Looks


def run(
    suite: SuiteArgument = None,
    *,
    algo: AlgoOption = None,
    env: EnvOption = None,
    steps: StepsOption = None,
    set_name: SetOption = None,
    seeds: SeedsOption = None,
    only: OnlyOption = None,
    workers: WorkersOption = None,
    threads: Annotated[int, typer.Option(min=1, max=MOST_WORKERS, help="threads of each trial")] = 1,
    devices: DevicesOption = "auto",
    trials_per_gpu: Annotated[
        str, typer.Option(help="how many share a GPU: a number, or auto, as its memory carries")
    ] = "auto",
    timing: Annotated[
        bool,
        typer.Option(
            "--timing", help="one trial at a time, each in a process of its own: for seconds that can be compared"
        ),
    ] = False,
    executor: Annotated[
        str, typer.Option(help="local: on this machine; ray, slurm: wherever a cluster has room (docs/clusters.md)")
    ] = EXECUTORS[0],
    address: Annotated[
        str | None, typer.Option(help="HOST:PORT of a Ray cluster, or auto; one of this machine alone if not given")
    ] = None,
    profile: ProfileOption = None,
    results: ResultsOption = RESULTS,
    report: Annotated[bool, typer.Option(help="write the report at the end")] = True,
    retry_failed: RetryFailedOption = False,
    share_processes: Annotated[
        bool,
        typer.Option(
            "--share-processes/--separate-processes",
            help="let a process train several seeds of a compiled cell in turn, or give every trial its own",
        ),
    ] = True,
    until_decided: Annotated[
        bool,
        typer.Option(
            "--until-decided",
            help="add seeds, five at a time, only where two algorithms cannot be told apart yet; ends at twice the "
            "suite's seeds, or at --seeds",
        ),
    ] = False,
    dry_run: DryRunOption = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run what is missing of a suite, then report. Run it again to go on.

    SUITE is a file, or the name of a suite that comes with bench: `bench run quick`. Or name algorithms, environments
    and steps instead: `bench run --algo ppo --algo dqn --env CartPole-v1 --steps 50k --seeds 5`.

    With --until-decided every two learning algorithms are compared after 5, 10, 15, ... seeds, or later where so few
    cannot decide anything, and only those not yet told apart get more. The chance of any wrong "better" over all pairs
    and looks is meant to be less than 5 % (1 - confidence; docs/calibration.md says where that was simulated). The
    looks are kept in looks.json beside the results; the same command goes on from there.
    """
    # The fork server imports this module once; otherwise every worker would import the main program anew.
    options = RunOptions(
        workers,
        threads,
        devices,
        _per_gpu(trials_per_gpu),
        retry_failed,
        share_processes,
        _one_of(executor, address, profile),
        address,
        read_profile(profile) if profile else None,
        preload=("bench.cli",),
    )
    options = _alone(options) if timing else options
    require_devices(options)
    asked = Asked(algo or (), env or (), steps, set_name, seeds)
    meant = source(suite, asked, results)
    looks = _looks(meant, asked, only, results) if until_decided else None
    experiment = opened(meant, asked, only, results, met=True) if looks is None else looks.due
    say_name(meant, experiment)
    if dry_run:
        here = options.executor == EXECUTORS[0]
        say_plan(experiment, as_json=as_json, workers=options.workers or default_workers(threads), here=here)
        return

    def show(experiment: Experiment, jobs: Sequence[Job]) -> displays.Display:
        return displays.shown(cells_in_order(experiment), jobs, experiment.store.survey(), quiet=quiet, as_json=as_json)

    if looks is None:
        jobs = prepare(experiment, options, note)
        say_warnings(experiment, lock_note(experiment) if jobs else "")
        say_unread(experiment)
        say_unplanned(experiment)
        with show(experiment, jobs) as display:
            summary = carry_out_jobs(experiment, jobs, display.hear, options, display.stopping)
    else:
        say_warnings(experiment, lock_note(experiment))
        say_unread(experiment)
        say_unplanned(experiment)
        summary = looks.run(options, show, tell=not quiet and not as_json)
        experiment = looks.due
    page = _reported(experiment) if report and summary.done + summary.failed else None
    if looks is not None:
        looks.say_course(as_json=as_json)
    _say_summary(experiment, summary, page if isinstance(page, Path) else None, as_json=as_json)
    if isinstance(page, BenchError):
        complain(page, "bench: ")
    raise typer.Exit(summary.exit_code or int(isinstance(page, BenchError)))


def _one_of(executor: str, address: str | None, profile: Path | None) -> str:
    """Return the executor; a cluster's words without it would have the suite run on the machine they are typed at."""
    if executor not in EXECUTORS:
        raise BenchError(f"--executor {executor}: is not known; write {' or '.join(EXECUTORS)}")
    _, ray, slurm = EXECUTORS
    for option, given, wanted in (("--address", address, ray), ("--profile", profile, slurm)):
        if given is not None and executor != wanted:
            raise BenchError(
                f"{option}: goes with --executor {wanted}, and this is {executor}; add that, or leave it out"
            )
    return executor


def _per_gpu(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdecimal() or not 0 < int(text) <= MOST_WORKERS:
        raise BenchError(f"--trials-per-gpu {text}: write auto, or a number from 1 to {MOST_WORKERS}")
    return int(text)


def _alone(options: RunOptions) -> RunOptions:
    """Return the options with which nothing of this run is beside a trial, or was before it in its process."""
    if options.workers not in {None, 1} or options.executor != EXECUTORS[0]:
        raise BenchError("--timing: runs one trial at a time on this machine; leave --workers and --executor out")
    if options.trials_per_gpu not in {None, 1}:
        raise BenchError("--timing: a trial has its GPU to itself; leave --trials-per-gpu out")
    return replace(options, workers=1, share_processes=False)


def _reported(experiment: Experiment) -> Path | BenchError:
    """Write the report; return its page, or why there is none: what was run is kept in any case."""
    from bench.pipeline.results import write_report  # noqa: PLC0415 - seconds of seaborn: not for help

    try:
        with hindering(REPORTS / experiment.suite.name, "the report cannot be written"):
            return write_report(experiment)
    except (HindranceError, WriteError) as error:
        return error


def _looks(meant: Path | SuiteText, asked: Asked, only: Sequence[str] | None, results: Path) -> Looks:
    from bench.cli.looks import Looks  # noqa: PLC0415 - seconds of scipy: for --until-decided alone

    return Looks(meant, asked, only, results)


def _say_summary(experiment: Experiment, summary: Summary, page: Path | None, *, as_json: bool) -> None:
    if as_json:
        told: Mapping[str, Any] = asdict(summary) | {"event": "summary", "report": page and str(page)}
        say_event(told)
        return
    say(f"{summary.done} of {summary.planned} trials done, {summary.failed} failed", "bold")
    for cell in status(experiment) if summary.failed else ():
        for reason in cell.reasons:
            say(f"  {cell.label} on {cell.environment}, {reason}", "red")
    if summary.failed:
        say("  logs lie in each trial's folder; the same command with --retry-failed tries them again")
    say_trouble(summary.hindered, summary.hindrances, summary.unreadable, summary.elsewhere)
    if summary.interrupted:
        say_interrupted(summary.stored, summary.anew)
    if page is not None:
        say(f"report: {page}", whole=True)
