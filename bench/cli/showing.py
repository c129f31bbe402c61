"""A trial as typed in, its trained policy at work out: in a window, or as a film."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.catalog import algorithm_of
from bench.cli.asking import found
from bench.console import note, say
from bench.options import results_at_hand
from bench.pipeline import RESULTS

if TYPE_CHECKING:
    from bench.pipeline.policies import TrainedPolicy
    from bench.pipeline.showing import Shown


def _trials_at_hand(incomplete: str) -> list[str]:
    folders = sorted(path.parent for path in Path("results").glob("*/trials/*/policy.zip"))
    return [str(folder) for folder in folders if str(folder).startswith(incomplete)]


TrialArgument = Annotated[
    str,
    typer.Argument(
        metavar="TRIAL", help="a trial's folder, or with --in a cell: ppo@CartPole-v1", autocompletion=_trials_at_hand
    ),
]
InOption = Annotated[
    Path | None,
    typer.Option("--in", help="the results that the cell is in, by path or name", autocompletion=results_at_hand),
]
SeedOption = Annotated[int | None, typer.Option("--seed", help="which of the cell's trials; the first if not given")]


def play(
    trial: TrialArgument,
    *,
    within: InOption = None,
    seed: SeedOption = None,
    episodes: Annotated[int, typer.Option(min=1, help="how many of the final evaluation's episodes")] = 3,
) -> None:
    """Watch a trained policy in a window, on the first episodes of its final evaluation.

    Its files are unpickled, which can run code: name only trials that you or people you trust have run.
    """
    from bench.pipeline import showing  # noqa: PLC0415 - imports Gymnasium: not for help

    policy = _policy(trial, within, seed)
    for shown in showing.play(policy, episodes):
        _say_episode(shown)


def video(
    trial: TrialArgument,
    *,
    out: Annotated[Path, typer.Option("--out", help="an .mp4 file, or a .gif")] = Path("policy.mp4"),
    within: InOption = None,
    seed: SeedOption = None,
    episodes: Annotated[int, typer.Option(min=1, help="how many of the final evaluation's episodes")] = 1,
    fps: Annotated[
        float | None, typer.Option(min=1, max=240, help="frames a second; the environment's own if not given")
    ] = None,
) -> None:
    """Film a trained policy, on the first episodes of its final evaluation; needs no display.

    Its files are unpickled, which can run code: name only trials that you or people you trust have run.
    """
    from bench.pipeline import showing  # noqa: PLC0415 - imports Gymnasium: not for help

    policy = _policy(trial, within, seed)
    made = showing.film(policy, out, episodes, fps, _say_episode)
    say(f"{made.path}: {made.frames:,} frames, {made.frames / made.fps:.1f} s at {made.fps:g} a second", whole=True)


def _policy(name: str, within: Path | None, seed: int | None) -> TrainedPolicy:
    from bench.pipeline.inspection import reach_working_directory  # noqa: PLC0415 - as below
    from bench.pipeline.policies import load_policy  # noqa: PLC0415 - imports Gymnasium: not for help
    from bench.pipeline.showing import trial_folder  # noqa: PLC0415 - imports Gymnasium: not for help

    reach_working_directory()
    results = within and found(within, RESULTS, reading=True)
    policy = load_policy(trial_folder(name, results, seed))
    trial = policy.trial
    say(f"{trial.label} on {trial.environment}, seed {trial.seed}, trained for {policy.record.final.steps:,} steps")
    if not (trial.evaluation.deterministic and algorithm_of(trial).learns):
        note("note: this policy draws its actions, so the returns are other samples than the recorded ones")
    return policy


def _say_episode(shown: Shown) -> None:
    known = "" if shown.recorded is None else f" (recorded: {shown.recorded:.1f})"
    cut = ", cut" if shown.cut else ""
    say(f"episode {shown.number}: return {shown.total:.1f}{known} in {shown.length:,} steps{cut}")
