"""A source of others' results in, trials in the store marked as imported out."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np

from bench import store as stored
from bench import suite as suites
from bench.errors import BenchError, SuiteError
from bench.imports.cells import Prepared, outcomes
from bench.imports.detection import read_source
from bench.imports.found import KINDS, Hints, Refusal
from bench.limits import LARGEST
from bench.pipeline.experiment import completed
from bench.pipeline.naming import RESULTS, SUITE_COPY
from bench.records import EvaluationPlan, Failure, Outcome, Record, Reference, Suite, SuiteEnvironment
from bench.store import Store


@dataclass(frozen=True, slots=True)
class ImportedRun:
    """One run, as it is told."""

    label: str
    environment: str
    seed: int
    kind: str
    source: str
    points: int
    steps: int | None
    """Where it ends; None where the source does not say."""
    budget: int
    state: str
    """`new`, `there already` or `failed`."""
    evaluation: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import."""

    into: str
    runs: tuple[ImportedRun, ...]
    refused: tuple[Refusal, ...]
    aside: tuple[Refusal, ...]
    """What was left aside, and is no run missing."""
    remarks: tuple[str, ...]
    """What was assumed of several runs at once."""
    dry_run: bool
    files: int
    """What was looked at: every file, link and hidden folder."""
    read: int
    """Those of them that runs were read from."""
    left: int
    """Those of them that were left aside; the others are refused."""

    @property
    def exit_code(self) -> int:
        """0 all read, 1 some refused, 2 none read."""
        return (1 if self.refused else 0) if self.runs else 2


def import_source(
    source: Path,
    hints: Hints,
    *,
    into: str = "",
    results: Path = RESULTS,
    pool: bool = False,
    dry_run: bool = False,
    today: date | None = None,
) -> Imported:
    """Read a source, and keep its runs in `results/<into>`.

    Args:
        source: a file or folder.
        hints: what the files do not say.
        into: name of the set; that of the source if not given.
        results: folder that holds the results of all suites.
        pool: whether the runs may lie beside own trials, under labels of their own.
        dry_run: only tell what would be kept.
        today: the date that is kept.

    Raises:
        BenchError: nothing is there, or the set holds own trials and `pool` is not given.
    """
    if hints.kind and hints.kind not in KINDS:
        raise BenchError(f"kind {hints.kind!r} is not known; one of {', '.join(KINDS)}")
    name = into or re.sub(r"[^A-Za-z0-9._-]+", "-", source.resolve().stem).strip("-._") or "imported"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise BenchError(f"--into {name!r}: a set's name is of letters, digits, dots, dashes and underscores")
    store = Store(results / name)
    own = _is_own(store)
    if own and not pool:
        raise BenchError(
            f"{store.root} holds trials of this harness; import into another set and `bench compare` the two, "
            "or say --pool to have imported runs beside them under labels of their own"
        )
    if source.is_dir() and _holds_trials(Store(source)):
        raise BenchError(f"{source} holds trials of this harness: there is nothing to import")
    finding = read_source(source, hints)
    existing = list(store.outcomes())
    day = (today or date.today()).isoformat()  # noqa: DTZ011 - the day of whoever imports
    prepared, refused = outcomes(finding.runs, existing, hints, day, " (imported)" if own else "")
    reasons = [_doubts(one.outcome) if one.new else "" for one in prepared]
    refused += [Refusal(one.run.place, reason) for one, reason in zip(prepared, reasons, strict=True) if reason]
    prepared = [one for one, reason in zip(prepared, reasons, strict=True) if not reason]
    if hints.label in {one.trial.label for one in existing if not one.trial.origin}:
        raise BenchError(f"--label {hints.label!r} is what own trials of {store.root} are called; choose another")
    environments = {run.environment for run in finding.runs}
    if unused := [name for name in hints.rename if name not in environments]:
        names = ", ".join(sorted(environments)) or "none"
        raise BenchError(f"--rename {unused[0]}=...: no run is of that environment; there are {names}")
    if hints.label and len({one.run.algorithm for one in prepared}) > 1:
        names = ", ".join(sorted({one.run.algorithm for one in prepared}))
        raise BenchError(f"--label {hints.label!r} names one algorithm, and the source has several: {names}")
    new = [one.outcome for one in prepared if one.new]
    text = _description(store, [*existing, *new]) if new and not own else ""
    if not dry_run:
        _keep(store, new, text)
    told = tuple(_told(one, hints) for one in prepared)
    counts = (finding.files, finding.read, finding.left)
    left = (*finding.refused, *refused), finding.aside
    return Imported(str(store.root), told, *left, finding.remarks, dry_run, *counts)


def _holds_trials(store: Store) -> bool:
    # Another tool may well call its folders so: what cannot be read is none of ours.
    return next(store.outcomes(), None) is not None


def _is_own(store: Store) -> bool:
    file = store.root / SUITE_COPY
    if file.is_file():
        return not suites.is_imported(suites.text_of(file))
    found = store.survey()
    return bool(found.done) or any(found.others.values())


def _doubts(outcome: Outcome) -> str:
    """Return why an outcome is not kept, in words; empty where it is."""
    if isinstance(outcome, Record):
        returns = np.concatenate([outcome.final.returns.ravel(), outcome.curve.returns.ravel()])
        if (np.abs(returns) > LARGEST).any():
            return f"a return beyond {LARGEST:.0e}, the most that is reckoned with"
    reason = stored.doubts(outcome)
    return f"its record could not be read again: {reason}" if reason else ""


def _keep(store: Store, new: Sequence[Outcome], text: str) -> None:
    # The suite first: an import that is interrupted after it can be gone on with.
    if text:
        store.keep_suite(text)
    for outcome in new:
        folder = store.folder(outcome.trial)
        stored.set_aside(folder)
        if isinstance(outcome, Record):
            stored.keep(outcome, folder)
        else:
            store.keep_failure(outcome)


def _other(one: Prepared, hints: Hints) -> Iterator[str]:
    """Yield where a run that was there already lies otherwise than the options ask now."""
    trial, environment = one.outcome.trial, hints.rename.get(one.run.environment, one.run.environment)
    apart = "it stays as it is, --into puts it into another set"
    if not one.new and hints.steps not in {None, trial.steps}:
        yield f"there already with a budget of {trial.steps:,} steps, not {hints.steps:,}: {apart}"
    if not one.new and trial.environment != environment:
        yield f"there already on {trial.environment}, not {environment}: {apart}"


def _told(one: Prepared, hints: Hints) -> ImportedRun:
    trial, run, origin = one.outcome.trial, one.run, one.outcome.trial.origin
    failed = isinstance(one.outcome, Failure)
    return ImportedRun(
        label=trial.label,
        environment=trial.environment,
        seed=trial.seed,
        kind=run.kind,
        source=run.place,
        points=len(run.steps),
        steps=run.end,
        budget=trial.steps,
        state="there already" if not one.new else "failed" if failed else "new",
        evaluation=run.evaluation,
        notes=(
            *run.notes,
            *_other(one, hints),
            *([f"{one.outcome.kind}: {one.outcome.message}"] if isinstance(one.outcome, Failure) else ()),
        )
        if origin
        else (),
    )


def _description(store: Store, found: Sequence[Outcome]) -> str:
    """Return the text of the set's suite.yaml: what its user wrote there before is kept.

    Raises:
        BenchError: nobody could read such a set again, as it has too many environments for instance.
    """
    file = store.root / SUITE_COPY
    before = suites.read_imported(file) if file.is_file() else _fresh(store.root.name)
    suite = completed(before, [one.trial for one in found])
    seeds = sorted({one.trial.seed for one in found})
    plan = Counter(one.trial.evaluation for one in found).most_common(1)[0][0]
    least = {name: max(1, getattr(plan, name)) for name in ("points", "episodes", "final_episodes")}
    evaluation = asdict(replace(plan, **least))
    lines = [
        "# Results of others, kept by `bench import`; `bench report` on this folder shows them.",
        "# There is nothing to run. Title, question, analysis and references may be changed here.",
        "imported: true",
        f"name: {json.dumps(suite.name)}",
        f"title: {json.dumps(suite.title)}",
        f"question: {json.dumps(suite.question)}",
        f"seeds: {json.dumps(seeds)}",
        f"evaluation: {json.dumps(evaluation)}",
        f"analysis: {json.dumps(asdict(suite.analysis))}",
        "algorithms:",
        *(f"  - {json.dumps({'name': entry.label})}" for entry in suite.algorithms),
        "environments:",
        *(f"  {json.dumps(place.environment)}: {_place(place)}" for place in suite.environments),
    ]
    text = "\n".join(lines) + "\n"
    try:
        suites.parse_imported(text, str(file))
    except SuiteError as error:
        told = f"nothing is kept: {store.root} could not be read again; another name, or the source in parts, may do"
        raise BenchError(told, *error.args) from None
    return text


def _place(place: SuiteEnvironment) -> str:
    reference = {"reference": asdict(place.reference)} if isinstance(place.reference, Reference) else {}
    return json.dumps({"steps": place.steps, **reference})


def _fresh(name: str) -> Suite:
    return Suite(name, f"{name}: imported results", "", (), (), (), EvaluationPlan())
