"""A suite named in; its algorithms tuned, the set of hyperparameters, a page and words in the terminal out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from bench.console import note, waiting
from bench.limits import MOST_SEEDS
from bench.options import (
    DevicesOption,
    JsonOption,
    NamedSuiteArgument,
    QuietOption,
    ResultsOption,
    RetryFailedOption,
    WorkersOption,
)
from bench.pipeline import (
    REPORTS,
    RESULTS,
    Experiment,
    RunOptions,
    Summary,
    cells_in_order,
    default_workers,
    lock_note,
    prepare,
    require_devices,
    run,
)
from bench.pipeline.experiment import suite_file
from bench.pipeline.naming import located
from bench.progress import display as displays
from bench.tune import telling
from bench.tune.protocol import CONTINUOUS, DISCRETE, MOST_CONFIGURATIONS, Protocol, confirmed
from bench.tune.search import again, first, part, prices, search

_DEFAULTS = {"discrete": DISCRETE, "continuous": CONTINUOUS}


def tune(
    suite: NamedSuiteArgument,
    *,
    configurations: Annotated[
        int | None,
        typer.Option(min=2, max=MOST_CONFIGURATIONS, help="of each algorithm, the library's defaults among them"),
    ] = None,
    runs: Annotated[int | None, typer.Option(min=1, max=MOST_SEEDS, help="of each configuration")] = None,
    confirm: Annotated[str | None, typer.Option(help="how many of the best run again, how often, such as 3x4")] = None,
    tuning_seed: Annotated[int, typer.Option(min=0, help="another one draws other configurations and seeds")] = 0,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="pairs such as 'ppo@CartPole-v1', 'ppo'; may be repeated")
    ] = None,
    workers: WorkersOption = None,
    devices: DevicesOption = "cpu",
    results: ResultsOption = RESULTS,
    to: Annotated[
        Path | None, typer.Option(help="file of the settings; tuned/SUITE.yaml beside the suite if not given")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="write over the settings of another tuning")] = False,
    retry_failed: RetryFailedOption = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="print spaces, configurations and the price, and run nothing")
    ] = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Tune every algorithm of a suite with equal effort, at the suite's own budgets. Run it again to go on.

    24 configurations, drawn at random and the library's defaults among them, two runs each, the best three by the first
    run again on four fresh seeds; on continuous actions 12, one run each, and the best two again. The settings that are
    kept become the set `tuned` of the suite. A page says what tuning is worth: which algorithm with how much of it.
    """
    options = RunOptions(workers, 1, devices, retry_failed=retry_failed, preload=("bench.cli",))
    require_devices(options)
    path, told = located(suite, results=results)
    if told:
        note(told)
    path = suite_file(path, results)
    asked = _protocols(configurations, runs, confirm, tuning_seed)
    with waiting("trying environments ..."):
        whole = search(path, asked)
    asked_for = part(whole, only or ())
    opened = first(asked_for, results)
    from bench.tune import outcome  # noqa: PLC0415 - seconds of scipy: not for help

    if dry_run:
        landed = outcome.landscapes(asked_for, opened)
        confirming = again(asked_for, outcome.candidates(asked_for, landed), results) if landed else None
        price = prices(asked_for, opened, confirming)
        telling.say_search(asked_for, price, workers or default_workers(), as_json=as_json)
        return
    # Seconds of seaborn.
    from bench.report import index  # noqa: PLC0415
    from bench.tune import page, sets, worth  # noqa: PLC0415

    file = to or sets.file_beside(path, whole.suite.name)
    before = sets.standing(file, whole, force=force)
    for sentence in (*asked_for.broken_defaults(), *asked_for.notes):
        note(f"note: {sentence}")

    def carried_out(experiment: Experiment) -> Summary:
        jobs = prepare(experiment, options, note)
        if jobs and experiment is opened and not (quiet or as_json):
            # Before any result: nobody may choose the ranges by what they gave.
            telling.say_spaces(asked_for)
        if jobs and (advice := lock_note(experiment)):
            note(f"note: {advice}")
        cells, survey = cells_in_order(experiment), experiment.store.survey()
        with displays.shown(cells, jobs, survey, quiet=quiet or as_json) as display:
            return run(experiment, jobs, display.hear, options, display.stopping)

    summary = carried_out(opened)
    # The settings and the page are about the whole suite, whatever part of it this command was asked for.
    everything = first(whole, results)
    tuned = outcome.landscapes(whole, everything)
    best = outcome.candidates(whole, tuned)
    if not summary.interrupted and any(pair in best for pair in asked_for.pairs):
        summary = both(summary, carried_out(again(asked_for, best, results)))
    if summary.interrupted or not tuned:
        telling.say_stopped(whole, summary, as_json=as_json)
        raise typer.Exit(summary.exit_code or 1)
    confirming = again(whole, best, results)
    tuned = outcome.with_confirmation(whole, tuned, best, confirming)
    found = worth.worth(tuned, whole.protocol.tuning_seed, whole.suite.analysis.margin, len(whole.places))
    sets.write(file, whole, tuned, outcome.versions(everything, confirming), before)
    written = page.write(whole, tuned, found, REPORTS / whole.name)
    index.write(REPORTS)
    telling.say_outcome(whole, tuned, found, summary, (file, written), partly=bool(only), as_json=as_json)
    raise typer.Exit(0 if summary.done + summary.failed == summary.planned else 1)


def _protocols(
    configurations: int | None, runs: int | None, confirm: str | None, tuning_seed: int
) -> dict[str, Protocol]:
    """Return both defaults with what was asked for in its place."""
    given: dict[str, int | None] = {"configurations": configurations, "runs": runs}
    if confirm is not None:
        given["kept"], given["again"] = confirmed(confirm)
    changed = {name: value for name, value in given.items() if value is not None}
    found = {kind: replace(one, tuning_seed=tuning_seed, **changed) for kind, one in _DEFAULTS.items()}
    if confirm is not None:
        return found
    # Nobody asked for more to be confirmed than there are.
    return {kind: replace(one, kept=min(one.kept, one.configurations)) for kind, one in found.items()}


def both(one: Summary, other: Summary) -> Summary:
    """Return both stages as one."""
    return Summary(
        one.planned + other.planned,
        one.done + other.done,
        one.failed + other.failed,
        one.elsewhere + other.elsewhere,
        one.interrupted or other.interrupted,
        one.hindered + other.hindered,
        tuple(dict.fromkeys((*one.hindrances, *other.hindrances))),
        one.unreadable + other.unreadable,
        stored=one.stored + other.stored,
        anew=one.anew + other.anew,
    )
