"""Foreign runs in, outcomes as the store keeps them out, each cell's runs under one definition.

Rules. The budget of a run is what `--steps` says, else what its source states, else that of the cell it joins, else the
last step of the longest run of its cell. What was measured more than 5 % past the budget is left out; where `--steps`
says it, what comes after the point that first reaches it, too. A run that ends earlier than a tenth of the budget and
one evaluation before it is a failed run, never a dropped one. A run without a seed, or whose seed another run of its
cell has, takes the smallest free number. A run that has grown since it was imported is refused: as a new one it would
count twice.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from bench.catalog import algorithms
from bench.imports.found import NO_STEPS, SAY_STEPS, ForeignRun, Hints, Refusal, gathered
from bench.imports.names import natural, slug
from bench.records import IMPORTED, Curve, EvaluationPlan, Failure, Final, Floats, Outcome, Record, Trial

_MACHINE = {"machine and versions": "not known: imported results of others"}
_OVERSHOOT = 1.05
_FINISHED = 0.9
_GROWN = "may be a run imported before, further on; --into puts it into another set"
_STATED = "as its source states"
_REPEATED = "seed {} is that of another run of the set: --separate takes it for a run of its own, --label for a variant"
_FOLDERS = {"rl-zoo", "evaluations", "monitor", "tensorboard"}
_Place = tuple[str, str, str, str]
"""Kind, file or folder, name of the run therein, environment."""
_Cell = tuple[str, str, str, str, bool | None]
"""Label, environment, kind, algorithm, and how its policies were evaluated."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run and what it becomes."""

    run: ForeignRun
    outcome: Outcome
    new: bool
    """False: it lies in the store already."""


def outcomes(
    runs: Sequence[ForeignRun], existing: Iterable[Outcome], hints: Hints, date: str, suffix: str = ""
) -> tuple[list[Prepared], list[Refusal]]:
    """Return what each run becomes, and the runs that cannot become anything.

    Args:
        runs: with algorithm and environment.
        existing: what lies in the store.
        hints: as given by the user.
        date: of the import, ISO 8601.
        suffix: added to labels that the user does not give.
    """
    stored = list(existing)
    known: dict[tuple[str, str], Outcome] = {}
    places: dict[tuple[str, _Place], list[Outcome]] = defaultdict(list)
    taken: dict[tuple[str, str], set[int]] = defaultdict(set)
    stated: set[tuple[str, str, int | None]] = set()
    for one in stored:
        taken[one.trial.cell].add(one.trial.seed)
        if origin := one.trial.origin:
            if str(origin.get("seed", "")).startswith(_STATED):
                stated.add((one.trial.label, one.trial.environment, one.trial.seed))
            known[one.trial.label, str(origin.get("content"))] = one
            files = origin.get("files", ())
            where = str(files[0]["name"]) if files else ""
            spot = _place(str(origin.get("kind")), where, str(origin.get("run")), str(origin.get("environment")))
            places[one.trial.label, spot].append(one)
    cells: dict[_Cell, list[ForeignRun]] = defaultdict(list)
    prepared: list[Prepared] = []
    refused: list[Refusal] = []
    seen: set[tuple[str, str]] = set()
    for run in sorted(runs, key=lambda one: natural(one.place)):
        label = hints.label or run.algorithm + suffix
        same = label, run.content
        spot = _place(run.kind, run.files[0].name, run.run, run.environment)
        if same in seen:
            refused.append(Refusal(run.place, "the same run is in the source twice: equal numbers under an equal name"))
        elif same in known:
            prepared.append(Prepared(run, known[same], new=False))
        elif any(_may_have_grown(one, run) for one in places[label, spot]):
            refused.append(Refusal(run.place, _GROWN))
        elif (label, hints.rename.get(run.environment, run.environment), run.seed) in stated and not hints.separate:
            refused.append(Refusal(run.place, _REPEATED.format(run.seed)))
        else:
            environment = hints.rename.get(run.environment, run.environment)
            cells[label, environment, run.kind, run.algorithm, run.deterministic].append(run)
        seen.add(same)
    for cell, mine in cells.items():
        made, failed = _cell(cell, mine, stored, hints, date, taken[cell[:2]])
        prepared += made
        refused += failed
    return prepared, gathered(refused)


def _cell(
    cell: _Cell, runs: Sequence[ForeignRun], stored: Sequence[Outcome], hints: Hints, date: str, taken: set[int]
) -> tuple[list[Prepared], list[Refusal]]:
    label, environment, kind, algorithm, deterministic = cell
    example = _example(cell, stored)
    reach = max((run.end for run in runs if run.end is not None), default=None)
    evaluation = example.evaluation if example else _evaluation(runs, deterministic=deterministic is not False)
    prepared, refused = [], []
    free = (number for number in count() if number not in taken)
    for run in _stated_first(runs):
        told = (hints.steps, run.budget, example.steps if example else None, reach)
        budget = next((steps for steps in told if steps is not None), None)
        if not budget:
            refused.append(Refusal(run.place, NO_STEPS if run.end is None else f"ends at step {run.end}; {SAY_STEPS}"))
            continue
        kept = _within(run, budget, asked=hints.steps is not None)
        beyond = len(run.steps) - kept
        cut = f"{beyond} of {len(run.steps)} points lie past the budget of {budget:,} steps: left out"
        noted = replace(run, notes=(*run.notes, cut)) if beyond else run
        trial = Trial(
            label=label,
            algorithm=slug(algorithm.casefold() if algorithm.casefold() in algorithms() else algorithm),
            environment=environment,
            seed=_seed(run, taken, free),
            steps=budget,
            evaluation=evaluation,
            implementation=_implementation(kind, label),
            versions={},
            hyperparameters=run.hyperparameters,
            provenance=_settings(run),
        )
        prepared.append(
            Prepared(noted, _outcome(run, replace(trial, origin=_origin(noted, trial, date)), kept), new=True)
        )
    return prepared, refused


def _implementation(kind: str, label: str) -> str:
    """Return what tells imported trials apart that differ by nothing but what they are called."""
    return f"{IMPORTED}{kind} as {label}"


def _place(kind: str, file: str, run: str, environment: str) -> _Place:
    """Return where a run stands: its file or, where more files may join the first, its folder; its name therein."""
    return kind, str(PurePosixPath(file).parent) if kind in _FOLDERS else file, run, environment


def _may_have_grown(stored: Outcome, run: ForeignRun) -> bool:
    """Return whether a run of the same place may be the stored one, further on.

    Where it goes on as its stored points do it is; where its points move with its end, or none are stored, it may be.
    """
    # Where final returns stand beside a curve, both are made of training episodes.
    if not isinstance(stored, Record) or not len(stored.curve.steps) or run.final is not None:
        return True
    count = len(stored.curve.steps)
    same = np.array_equal(run.steps[:count], stored.curve.steps)
    return same and np.array_equal(run.returns[:count], stored.curve.returns)


def _example(cell: _Cell, stored: Sequence[Outcome]) -> Trial | None:
    """Return a trial that lies in the store under the same name, from the same kind of source."""
    label, environment, kind, algorithm, _ = cell
    for one in stored:
        trial = one.trial
        same = trial.cell == (label, environment)
        same = same and trial.implementation == _implementation(kind, label)
        if same and trial.algorithm.casefold() == slug(algorithm).casefold():
            return trial
    return None


def _stated_first(runs: Sequence[ForeignRun]) -> list[ForeignRun]:
    """Return the runs, those that state a seed before those that take a free number."""
    return sorted(runs, key=lambda run: run.seed is None)


def _seed(run: ForeignRun, taken: set[int], free: Iterator[int]) -> int:
    seed = next(free) if run.seed is None or run.seed in taken else run.seed
    taken.add(seed)
    return seed


def _evaluation(runs: Sequence[ForeignRun], *, deterministic: bool) -> EvaluationPlan:
    points = Counter(len(run.steps) for run in runs).most_common(1)[0][0]
    episodes = Counter(run.returns.shape[1] for run in runs).most_common(1)[0][0]
    # Where every run ended with another number of episodes, that number is no part of a plan.
    finals = Counter(len(_final(run, len(run.steps))) for run in runs).most_common(1)[0][0]
    return EvaluationPlan(points, episodes, finals, deterministic)


def _within(run: ForeignRun, budget: int, *, asked: bool) -> int:
    """Return how many points lie within the budget.

    Up to 5 % past it, as trainings end; where the user asked for a budget, up to the point that first reaches it.
    """
    near = int(np.searchsorted(run.steps, budget * _OVERSHOOT, side="right"))
    return min(near, int(np.searchsorted(run.steps, budget)) + 1) if asked else near


def _final(run: ForeignRun, kept: int) -> Floats:
    """(episodes,) returns of the final policy, that of the last of the `kept` points unless the run ends there."""
    if run.final is not None and kept == len(run.steps):
        return run.final
    return np.asarray(run.returns[kept - 1]) if kept else np.empty(0)


def _outcome(run: ForeignRun, trial: Trial, kept: int) -> Outcome:
    """Return what a run becomes of which so many points lie within the budget."""
    final = _final(run, kept)
    end = run.end
    interval = float(np.median(np.diff(run.steps))) if len(run.steps) > 1 else float(end or 0)
    early = end is not None and end + interval < _FINISHED * trial.steps
    if run.failed or not final.size or early:
        message = (
            f"its source says so ({run.failed})"
            if run.failed
            else f"the imported run ends at {end or 0:,} of {trial.steps:,} steps"
        )
        return Failure(trial, "exited", message, steps=end or 0)
    unknown = np.full(kept, np.nan)
    whole = run.final is not None and kept == len(run.steps)
    step = (trial.steps if end is None else end) if whole else int(run.steps[kept - 1])
    ends = run.final_lengths if whole else None if run.lengths is None or not kept else run.lengths[kept - 1]
    curve = Curve(
        steps=run.steps[:kept],
        seconds=unknown if run.seconds is None else run.seconds[:kept],
        cpu_seconds=unknown,
        returns=run.returns[:kept],
        lengths=np.zeros(run.returns[:kept].shape, dtype=np.int64) if run.lengths is None else run.lengths[:kept],
        training_returns=unknown if run.training is None else run.training[:kept],
    )
    lengths = np.zeros(len(final), dtype=np.int64) if ends is None else ends
    return Record(trial, curve, Final(step, final, lengths), {}, {}, _MACHINE)


def _settings(run: ForeignRun) -> str:
    """Return where the settings come from, as the report's table of settings says it."""
    told = f"hyperparameters from {run.settings_from}" if run.settings_from else "hyperparameters not known"
    return f"imported from {run.place} ({run.kind}); {told}; versions not known"


def _origin(run: ForeignRun, trial: Trial, date: str) -> dict[str, Any]:
    """Return everything that is known of where a run comes from, and what is not."""
    seed = _STATED if run.seed == trial.seed else "a number given here: it tells runs apart, no more"
    taken = run.seed is not None and run.seed != trial.seed
    return {
        "kind": run.kind,
        "files": [asdict(file) for file in run.files],
        "run": run.run,
        "date": date,
        "content": run.content,
        "environment": run.environment,
        "evaluation": run.evaluation,
        "step_counting": run.step_counting,
        "seed": f"{seed}; the source states {run.seed}, which another run has" if taken else seed,
        "settings": run.settings_from or "not known",
        "versions": "not known",
        "episode_lengths": "known" if run.lengths is not None or run.final_lengths is not None else "not known (0)",
        "notes": list(run.notes),
    }
