"""The words of `bench watch` in; a page that shows a run as it comes, until Ctrl-C, out."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.console import note, say, waiting
from bench.errors import BenchError
from bench.limits import MOST_SEEDS
from bench.options import PathArgument, ResultsOption
from bench.pipeline import RESULTS, open_experiment
from bench.pipeline.naming import located


def watch(
    path: PathArgument,
    *,
    seeds: Annotated[int | None, typer.Option(min=1, max=MOST_SEEDS, help="of the run, if not the suite's")] = None,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0: one that is free")] = 0,
    results: ResultsOption = RESULTS,
) -> None:
    """Serve one page of this machine alone that shows a run as it comes, wherever it was started; read-only.

    It reads the results' folder: counts, what is at work, learning curves, failures and their logs. Ctrl-C ends it,
    and no trial.
    """
    place, told = located(path, results=results, reading=True)
    if told:
        note(told)
    experiment = open_experiment(place, seeds=seeds, results=results)
    with waiting("loading what draws ..."):
        from bench.watch.server import Server  # noqa: PLC0415 - seconds of seaborn: not for help
    try:
        server = Server(experiment, port)
    except OSError as error:
        raise BenchError(f"--port {port}: cannot be listened on ({error.strerror}); 0 takes one that is free") from None
    say(f"{experiment.store.root}, as it comes: {server.url}", whole=True)
    say("for this machine alone; whoever has the address can read the results. Ctrl-C ends this, and no trial")
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("")
