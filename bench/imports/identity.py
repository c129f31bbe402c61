"""Runs with their names in; each trained run once out, and what was passed over or cannot be told apart.

An identity - algorithm, environment, seed - is one run. Told again by another kind of file it is passed over; told
again by the same kind with other numbers it is an error that names both places.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np

from bench.imports.found import ForeignRun, Refusal

_RANKS = {"rl-zoo": 0, "evaluations": 0, "monitor": 1, "tensorboard": 2}
_OTHER = 3
_FAMILIES = {0: "own", 1: "own", 2: "events", 3: "tables"}
_TELLING_POINTS = 3
"""Distinct values from which on equal curves are no accident."""


def one_each(runs: Sequence[ForeignRun], *, separate: bool) -> tuple[list[ForeignRun], list[Refusal], list[Refusal]]:
    """Return the runs, the refused ones and those that are told elsewhere.

    Args:
        runs: with algorithm and environment.
        separate: take runs that repeat an identity for runs of their own.
    """
    cells: dict[tuple[str, str], list[ForeignRun]] = defaultdict(list)
    for run in _spelled_alike(runs):
        cells[run.algorithm, run.environment].append(run)
    kept: list[ForeignRun] = []
    refused: list[Refusal] = []
    aside: list[Refusal] = []
    for cell in cells.values():
        mine, copies = _without_copies(cell)
        aside += copies
        if not separate:
            mine, repeated, told = _without_repeats(mine)
            mine, doubtful = _without_doubt(mine)
            refused += [*repeated, *doubtful]
            aside += told
        kept += mine
    return kept, refused, aside


def _spelled_alike(runs: Sequence[ForeignRun]) -> list[ForeignRun]:
    """Return the runs with one spelling of each algorithm: `PPO`, as stable-baselines3 names folders, is `ppo`."""
    names = {run.algorithm for run in runs}
    spelled = {name.casefold(): name for name in sorted(names)}
    return [
        run
        if run.algorithm == (name := spelled[run.algorithm.casefold()])
        else replace(
            run, algorithm=name, notes=(*run.notes, f"{run.algorithm!r} is taken for {name!r}: another spelling")
        )
        for run in runs
    ]


def _rank(run: ForeignRun) -> int:
    return _RANKS.get(run.kind, _OTHER)


def _without_copies(cell: Sequence[ForeignRun]) -> tuple[list[ForeignRun], list[Refusal]]:
    """Return the runs without those whose curve another has, number for number."""
    kept: dict[tuple[int, bytes, bytes], ForeignRun] = {}
    rest, copies = [], []
    for run in cell:
        key = (_rank(run), run.steps.tobytes(), run.returns.tobytes())
        other = kept.setdefault(key, run)
        told = len(np.unique(run.returns)) >= _TELLING_POINTS or (run.seed is not None and run.seed == other.seed)
        apart = None not in (run.seed, other.seed) and run.seed != other.seed
        if other is run or not told or apart or not len(run.steps):
            rest.append(run)
        else:
            copies.append(Refusal(run.place, f"holds the numbers of {other.place}: a copy"))
    return rest, copies


def _without_repeats(cell: Sequence[ForeignRun]) -> tuple[list[ForeignRun], list[Refusal], list[Refusal]]:
    """Return the runs of which every stated seed stands once."""
    seeds: dict[int, list[ForeignRun]] = defaultdict(list)
    for run in cell:
        if run.seed is not None:
            seeds[run.seed].append(run)
    kept = [run for run in cell if run.seed is None]
    refused: list[Refusal] = []
    aside: list[Refusal] = []
    for seed, mine in seeds.items():
        best = min(map(_rank, mine))
        first = [run for run in mine if _rank(run) == best]
        aside += [
            Refusal(run.place, f"tells of the same run (seed {seed}) as {first[0].place}")
            for run in mine
            if _rank(run) > best
        ]
        if len(first) == 1:
            kept += first
        else:
            refused += [_repeated(run, first, seed) for run in first]
    return kept, refused, aside


def _repeated(run: ForeignRun, others: Iterable[ForeignRun], seed: int) -> Refusal:
    other = next(one.place for one in others if one is not run)
    told = f"seed {seed} of {run.algorithm} on {run.environment} stands in {other}, too, with other numbers"
    return Refusal(
        run.place,
        f"{told}: --separate takes them for runs of their own; where they are variants, import them one by one with "
        "--label",
    )


def _without_doubt(cell: Sequence[ForeignRun]) -> tuple[list[ForeignRun], list[Refusal]]:
    """Return the runs without those of which nobody can say whether another kind of file tells of them, too."""
    best = min(map(_rank, cell), default=0)
    first = [run for run in cell if _FAMILIES[_rank(run)] == _FAMILIES[best]]
    beside = {PurePosixPath(run.home).parent for run in first if run.home}
    open_ended = any(run.seed is None for run in first)
    kept, doubtful = [], []
    for run in cell:
        sibling = bool(run.home) and PurePosixPath(run.home).parent in beside
        if _FAMILIES[_rank(run)] == _FAMILIES[best] or sibling or not (open_ended or run.seed is None):
            kept.append(run)
        else:
            told = f"may tell of the run in {first[0].place}, or of another one"
            doubtful.append(Refusal(run.place, f"{told}: --as {run.kind} reads it alone, --separate takes both"))
    return kept, doubtful
