"""A command's name in; where its code lies, and a line about it, out.

The one list of commands. The modules are imported when their command is called or asked about. What ends the list are
the wings: without its line here and its folder, each is gone and the rest works.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Command:
    """One command."""

    place: str
    """`module:function`."""
    line: str
    """The beginning of the function's docstring, for `bench --help`."""
    lists: Mapping[str, str] = field(default_factory=dict)
    """What it adds to `bench list`: the name of the list -> `module:function`, which returns its rows."""


COMMANDS: dict[str, Command] = {
    "run": Command("bench.cli.run:run", "Run what is missing of a suite, then report."),
    "validate": Command(
        "bench.cli.validate:validate", "Tell everything that is wrong with a suite, or its plan and what it costs."
    ),
    "status": Command("bench.cli.status:status", "Tell per cell what is done, failed, running and missing, and why."),
    "report": Command("bench.cli.report:report", "Analyse what there is, finished or not, and write the report."),
    "export": Command(
        "bench.cli.export:export",
        "Write results as tidy tables: trials, points of the learning curves, episodes.",
    ),
    "list": Command(
        "bench.cli.inventory:list_",
        "List what can be named in a suite, and the published tables that can be reproduced.",
        {
            "algorithms": "bench.cli.inventory:algorithms",
            "environments": "bench.cli.inventory:environments",
            "suites": "bench.cli.inventory:suites",
            "hyperparameters": "bench.cli.inventory:hyperparameters",
        },
    ),
    "doctor": Command(
        "bench.cli.doctor:doctor",
        "Look at this machine: versions, cores, memory, GPUs, and whether everything a run needs works.",
    ),
    "init": Command(
        "bench.cli.init:init",
        "Write a suite of your own to begin with: it works as it is, and comments say what else there is.",
    ),
    "play": Command(
        "bench.cli.showing:play",
        "Watch a trained policy in a window, on the first episodes of its final evaluation.",
    ),
    "video": Command(
        "bench.cli.showing:video",
        "Film a trained policy, on the first episodes of its final evaluation; needs no display.",
    ),
    "watch": Command(
        "bench.watch.command:watch",
        "Serve one page of this machine alone that shows a run as it comes, wherever it was started; read-only.",
    ),
    "plot": Command("bench.cli.plotting:plot", "Draw one figure of the report, for a paper."),
    "compare": Command(
        "bench.compare.command:compare",
        "Compare two algorithms, or two sets of results cell by cell: effect, interval, verdict.",
    ),
    "which": Command(
        "bench.which.command:which",
        "Recommend an algorithm for your environment from stored results, and write the suite that would settle it.",
    ),
    "claims": Command(
        "bench.claims.command:claims",
        "Judge what lessons and textbooks teach by the suites that ask it, and say what the rest costs.",
    ),
    "import": Command(
        "bench.imports.command:import_",
        "Import results of others: RL Zoo, stable-baselines3, TensorBoard, Weights & Biases, marl-eval, CSV.",
    ),
    "reproduce": Command(
        "bench.reproduce.command:reproduce",
        "Run a published table's protocol again, the cheapest number first, and judge every number.",
        {"tables": "bench.reproduce.command:tables"},
    ),
    "tune": Command(
        "bench.tune.command:tune",
        "Tune every algorithm of a suite with equal effort, at the suite's own budgets. Run it again to go on.",
    ),
}
LISTS = {name: place for command in COMMANDS.values() for name, place in command.lists.items()}
"""What `bench list` knows."""
