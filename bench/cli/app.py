"""The commands: each reads its words, lets the pipeline work, and says what came of it."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli.asking import (
    AlgoOption,
    EnvOption,
    OptionalPathArgument,
    SetOption,
    StepsOption,
    SuiteArgument,
    found,
    opened,
    results_at_hand,
    say_name,
    source,
)
from bench.cli.compare import compare
from bench.cli.entry import INTERRUPTED
from bench.cli.importing import import_
from bench.cli.plotting import plot
from bench.cli.reproduce import reproduce
from bench.cli.showing import play, video
from bench.cli.starting import init, say_version
from bench.cli.tally import duration, limits_in_words
from bench.cli.terminal import (
    Terminal,
    complain,
    forgive_encodings,
    note,
    say,
    say_document,
    say_event,
    say_hindrances,
    say_json,
    say_table,
)
from bench.cli.which import which
from bench.errors import BenchError, HindranceError, SuiteError, WriteError, hindering, hindrance
from bench.files import publish
from bench.limits import MOST_SEEDS, MOST_WORKERS

if TYPE_CHECKING:
    from bench.cli.display import Display
    from bench.pipeline import Asked, Experiment, RunOptions, SuiteText, Summary
    from bench.pipeline.sequential import Sequential, Show
    from bench.records import Look
    from bench.runner.jobs import Job

app = typer.Typer(
    name="bench",
    help="Which reinforcement-learning algorithm when, and how sure are we?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


PathArgument = Annotated[
    Path,
    typer.Argument(
        metavar="PATH", help="a suite file, a results folder, or the name of either", autocompletion=results_at_hand
    ),
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
RESULTS = Path("results")


@app.callback()
def start(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="say which version this is", callback=say_version, is_eager=True)
    ] = False,
) -> None:
    """Which reinforcement-learning algorithm when, and how sure are we?"""


@app.command()
def run(
    suite: SuiteArgument = None,
    *,
    algo: AlgoOption = None,
    env: EnvOption = None,
    steps: StepsOption = None,
    set_name: SetOption = None,
    seeds: SeedsOption = None,
    only: OnlyOption = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=MOST_WORKERS, help="trials side by side; as many as the cores carry if not given"),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, max=MOST_WORKERS, help="threads of each trial")] = 1,
    devices: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:0,1")] = "auto",
    results: ResultsOption = RESULTS,
    report: Annotated[bool, typer.Option(help="write the report at the end")] = True,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="run failed trials again")] = False,
    until_decided: Annotated[
        bool,
        typer.Option(
            "--until-decided",
            help="add seeds, five at a time, only where two algorithms cannot be told apart yet; ends at twice the "
            "suite's seeds, or at --seeds",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="say what would run and what it costs, and run nothing")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="say only what came of it")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run what is missing of a suite, then report. Run it again to go on.

    SUITE is a file, or the name of a suite that comes with bench: `bench run quick`. Or name algorithms, environments
    and steps instead: `bench run --algo ppo --algo dqn --env CartPole-v1 --steps 50k --seeds 5`.

    With --until-decided every two learning algorithms are compared after 5, 10, 15, ... seeds, or later where so few
    cannot decide anything, and only those not yet told apart get more. The chance of any wrong "better" over all pairs
    and looks is less than 5 % (1 - confidence). The looks are kept in looks.json beside the results; the same command
    goes on from there.
    """
    from bench import pipeline  # noqa: PLC0415 - `bench --help` must be instant

    # The fork server imports this module once; otherwise every worker would import the main program anew.
    options = pipeline.RunOptions(workers, threads, devices, retry_failed, preload=("bench.cli",))
    asked = pipeline.Asked(algo or (), env or (), steps, set_name, seeds)
    meant = source(suite, asked, results)
    sequential = _sequential(meant, asked, only, results) if until_decided else None
    experiment = opened(meant, asked, only, results, met=True) if sequential is None else sequential.due
    say_name(meant, experiment)
    if dry_run:
        _say_plan(experiment, as_json=as_json, workers=workers or pipeline.default_workers(threads))
        return

    def show(experiment: Experiment, jobs: Sequence[Job]) -> Display:
        return _display(experiment, jobs, quiet=quiet, as_json=as_json)

    if sequential is None:
        jobs = pipeline.prepare(experiment, options)
        _say_warnings(experiment, pipeline.lock_note(experiment) if jobs else "")
        _say_unread(experiment)
        with show(experiment, jobs) as display:
            summary = pipeline.run(experiment, jobs, display.hear)
    else:
        _say_warnings(experiment, pipeline.lock_note(experiment))
        _say_unread(experiment)
        sequential, summary = _run_sequential(sequential, options, show, tell=not quiet and not as_json)
        experiment = sequential.due
    page = _reported(experiment) if report and summary.done + summary.failed else None
    if sequential is not None:
        _say_course(sequential, as_json=as_json)
    _say_summary(experiment, summary, page if isinstance(page, Path) else None, as_json=as_json)
    if isinstance(page, BenchError):
        complain(page, "bench: ")
    raise typer.Exit(summary.exit_code or int(isinstance(page, BenchError)))


@app.command()
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
    deep: Annotated[
        bool, typer.Option("--deep", help="build every algorithm's learner and train it for a moment, too")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Tell everything that is wrong with a suite, or its plan and what it costs.

    Environments that the catalogue does not know, or not with these arguments and wrappers, are made and played at
    random for a moment, and learners are tried on them, in processes of their own.
    """
    from bench import pipeline  # noqa: PLC0415 - see run

    asked = pipeline.Asked(algo or (), env or (), steps, set_name, seeds)
    meant = source(suite, asked, results)
    experiment = opened(meant, asked, only, results, met=True, deep=deep)
    say_name(meant, experiment)
    _say_plan(experiment, as_json=as_json, workers=workers or pipeline.default_workers())


@app.command()
def status(
    suite: OptionalPathArgument = None,
    *,
    algo: AlgoOption = None,
    env: EnvOption = None,
    steps: StepsOption = None,
    set_name: SetOption = None,
    seeds: SeedsOption = None,
    only: OnlyOption = None,
    results: ResultsOption = RESULTS,
    as_json: JsonOption = False,
) -> None:
    """Tell per cell what is done, failed, running and missing, and why."""
    from bench import pipeline  # noqa: PLC0415 - see run

    asked = pipeline.Asked(algo or (), env or (), steps, set_name, seeds)
    experiment = opened(source(suite, asked, results, reading=True), asked, only, results)
    survey = experiment.store.survey()
    cells, unreadable = pipeline.status(experiment, survey), list(survey.unreadable.values())
    if as_json:
        told = {"cells": [asdict(cell) for cell in cells], "unreadable": [asdict(one) for one in unreadable]}
        say_json({"suite": experiment.suite.name, **told})
        return
    counts = ("done", "failed", "running", "missing", *(["unreadable"] if unreadable else []))
    rows = [(cell.label, cell.environment, *(getattr(cell, name) or "" for name in counts)) for cell in cells]
    say_table(("algorithm", "environment", *counts), rows)
    for cell in cells:
        for reason in cell.reasons:
            say(f"{cell.label} on {cell.environment}, {reason}", "red")
    for one in unreadable:
        say(f"cannot be read: {one}", "red", whole=True)
    total = {name: sum(getattr(cell, name) for cell in cells) for name in counts[:4]}
    more = f"; {_files(len(unreadable))} cannot be read" if unreadable else ""
    say(", ".join(f"{number} {name}" for name, number in total.items()) + more)


@app.command()
def report(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...", help="suite files, results folders, or their names", autocompletion=results_at_hand
        ),
    ],
    *,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", help="html: folder for the report, reports/<suite> if not given; else: file, instead of printing it"
        ),
    ] = None,
    kind: Annotated[
        str, typer.Option("--format", help="html (a folder with page, figures and tables), md, latex or json")
    ] = "html",
    intervals: Annotated[
        str,
        typer.Option(help="bench, or rliable: its percentile intervals beside ours, to compare with papers"),
    ] = "bench",
    results: ResultsOption = RESULTS,
) -> None:
    """Analyse what there is, finished or not, and write the report."""
    from bench import pipeline  # noqa: PLC0415 - see run

    for path in paths:
        experiment = pipeline.open_experiment(found(path, results, reading=True), results=results)
        if kind != "html":
            text = pipeline.report_document(experiment, kind, intervals)
            _say_document(text, _document_file(to, experiment, kind, len(paths)))
            continue
        folder = to / experiment.suite.name if to and len(paths) > 1 else to
        say(str(pipeline.write_report(experiment, folder, intervals)), whole=True)


@app.command()
def export(
    path: PathArgument,
    *,
    kind: Annotated[str, typer.Option("--format", help="csv or parquet")] = "csv",
    to: Annotated[Path | None, typer.Option("--to", help="folder; <results folder>/export if not given")] = None,
    results: ResultsOption = RESULTS,
) -> None:
    """Write results as tidy tables: trials, points of the learning curves, episodes."""
    from bench import pipeline  # noqa: PLC0415 - see run

    experiment = pipeline.open_experiment(found(path, results, reading=True), results=results)
    _say_unread(experiment)
    for written in pipeline.export(experiment, to or experiment.store.root / "export", kind):
        say(str(written), whole=True)


@app.command("list")
def list_(
    what: Annotated[
        str,
        typer.Argument(
            metavar="algorithms|environments|suites|hyperparameters|tables",
            autocompletion=lambda: ["algorithms", "environments", "suites", "hyperparameters", "tables"],
        ),
    ],
    *,
    as_json: JsonOption = False,
) -> None:
    """List what can be named in a suite, and the published tables that can be reproduced."""
    from bench.cli.inventory import INVENTORIES  # noqa: PLC0415 - see run

    if what not in INVENTORIES:
        raise BenchError(f"there is no list of {what!r}; one of {', '.join(INVENTORIES)}")
    rows = INVENTORIES[what]()
    if as_json:
        say_json(rows)
    else:
        say_table(tuple(rows[0]) if rows else ("nothing found",), [tuple(row.values()) for row in rows])


@app.command()
def doctor(*, as_json: JsonOption = False) -> None:
    """Look at this machine: versions, cores, memory, GPUs, and whether everything a run needs works."""
    from bench.cli.inventory import examine  # noqa: PLC0415 - see run

    checks = examine()
    if as_json:
        say_json([asdict(check) for check in checks])
    else:
        say_table(("", "what", "found"), [("ok" if check.good else "✗", check.what, check.found) for check in checks])
    raise typer.Exit(0 if all(check.good for check in checks) else 1)


app.command()(init)
app.command()(play)
app.command()(video)
app.command()(compare)
app.command()(plot)
app.command()(which)
app.command("import")(import_)
app.command()(reproduce)


def main() -> None:
    """Run the command line; a user's mistake is a sentence and exit code 2."""
    forgive_encodings()
    _keep_output_apart()
    try:
        app()
    except SuiteError as error:
        # One complaint a line, so that an editor can jump to each.
        complain(error)
        complain(BenchError(f"{len(error.complaints)} complaint{'s' * (len(error.complaints) > 1)}; nothing was run"))
        sys.exit(2)
    except BenchError as error:
        complain(error, "bench: ")
        sys.exit(1 if isinstance(error, WriteError | HindranceError) else 2)
    except OSError as error:
        if error.errno in {errno.EIO, errno.EPIPE} and error.filename is None:
            # The terminal or the pipe is closed: there is nobody to tell.
            sys.exit(INTERRUPTED)
        complain(hindrance(error, Path(error.filename or "standard output"), "cannot be used"), "bench: ")
        sys.exit(1)


def _reported(experiment: Experiment) -> Path | BenchError:
    """Write the report; return its page, or why there is none: what was run is kept in any case."""
    from bench import pipeline  # noqa: PLC0415 - see run

    try:
        with hindering(pipeline.REPORTS / experiment.suite.name, "the report cannot be written"):
            return pipeline.write_report(experiment)
    except (HindranceError, WriteError) as error:
        return error


def _keep_output_apart() -> None:
    """Write to a descriptor of our own what is said here; what libraries and children write goes to standard error.

    A program that reads the answer, as JSON say, finds nothing else in it.
    """
    try:
        if sys.stdout is None or sys.stdout.fileno() != 1:
            return
        sys.stdout.flush()
        ours = os.dup(1)
        os.dup2(2, 1)
    except (OSError, ValueError):  # a stream that is closed, or none at all: there is nothing to keep apart
        return
    sys.stdout = os.fdopen(ours, "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors)


def _document_file(to: Path | None, experiment: Experiment, kind: str, reports: int) -> Path | None:
    """Return where a report that is one document goes; None: to standard output."""
    from bench import pipeline  # noqa: PLC0415 - see run

    if to is None or (reports == 1 and not to.is_dir()):
        return to
    return to / f"{experiment.suite.name}.{pipeline.DOCUMENTS[kind]}"


def _say_document(text: str, file: Path | None) -> None:
    if file is None:
        say_document(text)
        return
    publish(file, text)
    say(str(file), whole=True)


def _display(experiment: Experiment, jobs: Sequence[Job], *, quiet: bool, as_json: bool) -> Display:
    from bench import pipeline  # noqa: PLC0415 - see run
    from bench.cli import display as displays  # noqa: PLC0415 - see run
    from bench.cli.tally import Tally  # noqa: PLC0415 - see run

    wanted = {job.trial.fingerprint for job in jobs}
    survey = experiment.store.survey()
    states = [(trial, survey.state(trial)) for trial in experiment.plan.trials if trial.fingerprint not in wanted]
    done, failed = ([trial for trial, state in states if state == name] for name in ("done", "failed"))
    planned = [trial for trials in pipeline.cells_in_order(experiment).values() for trial in trials]
    tally = Tally(planned, done, failed, jobs[0].workers if jobs else 1)
    console = Terminal()
    kind = (
        displays.JsonDisplay
        if as_json
        else displays.QuietDisplay
        if quiet
        else displays.LiveDisplay
        if console.is_terminal
        else displays.PlainDisplay
    )
    return kind(tally, jobs, console)


def _sequential(meant: Path | SuiteText, asked: Asked, only: Sequence[str] | None, results: Path) -> Sequential:
    from bench.pipeline.asking import in_terms_of_options  # noqa: PLC0415 - see run
    from bench.pipeline.sequential import open_sequential  # noqa: PLC0415 - it imports NumPy

    return in_terms_of_options(
        asked, lambda: open_sequential(meant, only=only or (), seeds=asked.seeds, results=results, met=True)
    )


def _run_sequential(
    sequential: Sequential, options: RunOptions, show: Show, *, tell: bool
) -> tuple[Sequential, Summary]:
    from bench.analysis.sequential import look_in_words  # noqa: PLC0415 - see _sequential
    from bench.pipeline.sequential import run_until_decided  # noqa: PLC0415 - see _sequential

    def say_look(look: Look) -> None:
        if tell:
            say(look_in_words(look), whole=True)

    return run_until_decided(sequential, options, show, say_look)


def _say_course(sequential: Sequential, *, as_json: bool) -> None:
    from bench.analysis.sequential import in_words  # noqa: PLC0415 - see _sequential

    if as_json:
        say_event(asdict(sequential.course) | {"event": "looks"})
        return
    for line in in_words(sequential.course):
        say(line, whole=True)


def _say_plan(experiment: Experiment, *, as_json: bool, workers: int) -> None:
    from bench import pipeline  # noqa: PLC0415 - see run

    pipeline.require_extras(experiment.suite)
    survey = experiment.store.survey()
    measured = pipeline.measured_seconds(experiment, survey)
    cost = pipeline.cost_of(experiment, survey, measured)
    seconds, longest = sum(cost.seconds.values()), max(cost.seconds.values(), default=0.0)
    plan, cells = experiment.plan, pipeline.status(experiment, survey)
    slow_after = pipeline.slow_after_seconds(experiment, measured)
    if as_json:
        say_json(
            {
                "suite": experiment.suite.name,
                "trials": len(plan.trials),
                "cells": [
                    asdict(cell)
                    | {
                        "core_seconds": cost.seconds.get((cell.label, cell.environment), 0.0),
                        "slow_after_seconds": slow_after.get((cell.label, cell.environment)),
                    }
                    for cell in cells
                ],
                "skips": [asdict(skip) for skip in plan.skips],
                "warnings": list(plan.warnings),
                "limits": asdict(experiment.suite.limits),
                "cost": {"core_seconds": seconds, "steps": cost.steps, "disk_mb": cost.disk_mb, "workers": workers},
            }
        )
        return
    say(f"{experiment.suite.title} - {len(plan.trials)} trials", "bold")
    say_table(
        ("algorithm", "environment", "done", "to run", "core time"),
        [
            (
                cell.label,
                cell.environment,
                cell.done,
                cell.missing + cell.failed,
                _core_time(cost.seconds.get((cell.label, cell.environment), 0.0)),
            )
            for cell in cells
        ],
    )
    for skip in plan.skips:
        say(f"skipped: {skip.label} on {skip.environment}: {skip.reason}")
    _say_warnings(experiment)
    wall = max(seconds / workers, longest / max(1, len(experiment.suite.seeds)))
    say(
        f"to run: {cost.steps:,} training steps, {duration(seconds)} of one core, about {duration(wall)} on {workers} "
        f"workers, {cost.disk_mb:,.0f} MB of disk (estimates; records made here replace them)"
    )
    if not experiment.imported:
        say(limits_in_words(experiment.suite.limits, slow_after.values()))


def _core_time(seconds: float) -> str:
    return duration(seconds) if seconds else ""


def _say_warnings(experiment: Experiment, *more: str) -> None:
    for warning in filter(None, (*experiment.plan.warnings, *more)):
        note(f"note: {warning}")


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _say_unread(experiment: Experiment) -> None:
    from bench import pipeline  # noqa: PLC0415 - see run

    for sentence in pipeline.unread(experiment):
        note(f"note: {sentence}")


def _say_summary(experiment: Experiment, summary: Summary, page: Path | None, *, as_json: bool) -> None:
    if as_json:
        told: Mapping[str, Any] = asdict(summary) | {"event": "summary", "report": page and str(page)}
        say_event(told)
        return
    from bench import pipeline  # noqa: PLC0415 - see run

    say(f"{summary.done} of {summary.planned} trials done, {summary.failed} failed", "bold")
    for cell in pipeline.status(experiment) if summary.failed else ():
        for reason in cell.reasons:
            say(f"  {cell.label} on {cell.environment}, {reason}", "red")
    if summary.failed:
        say("  logs lie in each trial's folder; `bench run --retry-failed` tries them again")
    if summary.hindered:
        say_hindrances(summary.hindered, summary.hindrances)
    if summary.unreadable:
        say(f"{_files(summary.unreadable)} of results cannot be read; `bench status` says why", "yellow")
    if summary.elsewhere:
        say(f"{summary.elsewhere} trials are being run by another `bench run` on this folder")
    if summary.interrupted:
        say("interrupted; everything finished is kept, the same command goes on from here")
    if page is not None:
        say(f"report: {page}", whole=True)
