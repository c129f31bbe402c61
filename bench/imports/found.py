"""What every reader of foreign files takes and gives: hints in, runs or a refusal with its reason out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bench.records import Floats

Integers = NDArray[np.int64]
T = TypeVar("T")

KINDS = {
    "rl-zoo": "RL Zoo log folder: evaluations.npz, *.monitor.csv, config.yml, args.yml",
    "evaluations": "evaluations.npz of stable-baselines3's EvalCallback",
    "monitor": "Monitor files of stable-baselines3, OpenAI baselines and their kin",
    "tensorboard": "TensorBoard event files",
    "wandb": "CSV export of a Weights & Biases line plot",
    "tianshou": "CSV with one `rew:<run>` column for each run",
    "csv": "long CSV (a row for each evaluation) or wide CSV (a column for each run or algorithm)",
    "marl-eval": "JSON in the format of marl-eval: environment, task, algorithm, run, step",
    "scores": "JSON of final scores: environment -> one score for each run",
}
"""Kind of source -> what it is."""

_PARTS = 3
"""The end of a path that tells its file from others, whatever folder was the source: `dqn/Env-v0_1/evaluations.npz`."""
TRAINING = "training episodes (exploration on)"
UNKNOWN_EVALUATION = "not known: the source does not say how many episodes a value is the mean of, nor how it acted"
SAY_STEPS = "say the budget with --steps N"
NO_STEPS = f"steps are not told; {SAY_STEPS}"
UNKNOWN_STEPS = "as the source counts them"


class RefusedError(Exception):
    """A file or a run that cannot be read; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One file, folder or run that is not imported, and why."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class Hints:
    """What the user says because the files do not."""

    algorithm: str = ""
    environment: str = ""
    label: str = ""
    kind: str = ""
    """Empty: every file is looked at; else the only kind that is read."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Role (`algorithm`, `environment`, `seed`, `steps`, `return`, `status`) -> column of a CSV file."""
    wide: str = ""
    """`run` or `algorithm`: what the columns of a wide CSV file stand for; empty: it is a long one."""
    metric: str = ""
    """Tag, column or metric that holds the return, where a source has several."""
    steps: int | None = None
    """The budget; None: as the source says, else as far as the longest run of a cell goes."""
    episodes: str = ""
    """What episodes are that a source does not tell of: `training`, or `evaluation` of a trained policy."""
    factor: float = 1.0
    """How many environment steps one of the column of steps stands for."""
    ignore: tuple[str, ...] = ()
    """Columns that count for nothing."""
    sessions: str = ""
    """`last`: of trainings that began anew in one place the last one counts."""
    separate: bool = False
    """Whether runs that repeat an identity are runs of their own."""
    rename: Mapping[str, str] = field(default_factory=dict)
    """Environment in the files -> the one it is taken for."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that was read."""

    name: str
    """Its path inside the source."""
    sha256: str


@dataclass(frozen=True, slots=True, eq=False)
class ForeignRun:
    """One run as a reader found it."""

    kind: str
    algorithm: str
    environment: str
    run: str
    """Identifier in the files; empty where there is none."""
    seed: int | None
    """None: not known."""
    steps: Integers
    """(points,) not decreasing; empty where only final returns are there."""
    returns: Floats
    """(points, episodes) finite."""
    files: tuple[SourceFile, ...]
    lengths: Integers | None = None
    """(points, episodes) episode lengths; None: not known."""
    seconds: Floats | None = None
    """(points,) wall seconds; None: not known."""
    training: Floats | None = None
    """(points,) mean return of the last training episodes; None: not known."""
    final: Floats | None = None
    """(episodes,) final returns; None: those of the last point."""
    final_lengths: Integers | None = None
    last_step: int | None = None
    """Where training ended, where the source knows better than its last point; None: not known."""
    budget: int | None = None
    """As the source states it."""
    evaluation: str = UNKNOWN_EVALUATION
    deterministic: bool | None = None
    failed: str = ""
    """The words in which the source says that the run failed; empty: nothing."""
    step_counting: str = UNKNOWN_STEPS
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    settings_from: str = ""
    """File that told the hyperparameters; empty: not known."""
    notes: tuple[str, ...] = ()
    """What was left out, assumed or repaired."""
    home: str = ""
    """Where the run lives, and what it is named after; empty: it is one of several in a file."""

    @property
    def place(self) -> str:
        """Where the run stands, for messages."""
        first = self.files[0].name if self.files else "?"
        return f"{first}, run {self.run}" if self.run and not self.home else first

    @property
    def end(self) -> int | None:
        """Where training ended, as far as it is known; 0 is a step like any other."""
        told = [*([] if self.last_step is None else [self.last_step]), *self.steps[-1:].tolist()]
        return max(told, default=None)

    @property
    def content(self) -> str:
        """The hash of the numbers: equal for the same run found again, under whatever name.

        Runs without any variation, all of them at a floor or a cap, may well be equal: there the file counts, too.
        """
        final = [] if self.final is None else self.final.tolist()
        numbers = [self.steps.tolist(), self.returns.tolist(), final]
        constant = len({*self.returns.ravel().tolist(), *final}) <= 1
        where = ["/".join(file.name.split("/")[-_PARTS:]) for file in self.files] if constant else []
        told = [self.failed] if self.failed else []
        text = json.dumps([self.kind, self.algorithm, self.environment, self.run, self.seed, numbers, where, *told])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Finding:
    """Everything that came of a source."""

    runs: tuple[ForeignRun, ...] = ()
    refused: tuple[Refusal, ...] = ()
    aside: tuple[Refusal, ...] = ()
    """What is left aside and is no run missing, with its reason."""
    remarks: tuple[str, ...] = ()
    """What was assumed of several runs at once."""
    files: int = 0
    """What was looked at: every file, link and hidden folder."""
    read: int = 0
    """Those of them that runs were read from."""
    left: int = 0
    """Those of them that were left aside; the others are refused."""


def attempt(name: str, refused: list[Refusal], read: Callable[..., T], *arguments: Any) -> T | None:
    """Return what a reader reads; a refusal, or damage that it did not foresee, becomes a line with the file's name."""
    try:
        return read(*arguments)
    except RefusedError as error:
        refused.append(Refusal(name, str(error)))
    except (Exception, RecursionError) as error:  # noqa: BLE001 - garbage from anywhere must not stop the other files
        refused.append(Refusal(name, f"damaged ({type(error).__name__}: {str(error)[:200]})"))
    return None


def gathered(refused: Sequence[Refusal]) -> list[Refusal]:
    """Return one refusal for all runs of a file that are refused for one reason."""
    runs: dict[tuple[str, str], list[Refusal]] = {}
    for one in refused:
        runs.setdefault((one.file.partition(", run ")[0], one.reason), []).append(one)
    return [
        mine[0] if len(mine) == 1 else Refusal(file, f"{len(mine)} runs: {reason}")
        for (file, reason), mine in runs.items()
    ]
