"""A question about an environment in; advice from stored results, and a suite that would settle it, out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench import catalog, hyperparameters
from bench.analysis.scores import usable
from bench.catalog import Algorithm, Environment
from bench.errors import BenchError
from bench.pipeline.experiment import REPRODUCED, SEARCHED, open_experiment, unread
from bench.pipeline.gathering import BOOTSTRAP_SEED, gather
from bench.pipeline.inspection import environment_of, look_at
from bench.pipeline.naming import SUITE_COPY
from bench.plan import expected_seconds, references
from bench.records import EvaluationPlan, Reference, Traits, Trial
from bench.which.advice import advise
from bench.which.evidence import Question, Source, best_of, first_grounds, stored
from bench.which.proposal import STEPS_IF_NONE, propose
from bench.which.records import Answer, Option, Request
from bench.which.stored import carried
from bench.which.stored import published as published_runs
from bench.which.traits import shipped as shipped_traits
from bench.which.transfer import same
from bench.which.tuning import after_tuning, with_published

STEPS, SECONDS = 20_000, 10.0
"""Of random play, at most."""


def which(request: Request) -> Answer:
    """Look at the environment, advise from all stored results, and write a suite that would settle it.

    Raises:
        BenchError: the environment cannot be made, or fails.
    """
    target = request.described or _looked_at(request)
    found, kept, notes = sources(request.results)
    traits, unknown = _traits(found, kept, target)
    unknown += _unscored(found, target)
    everything = stored(found, traits, request.steps)
    known = best_of(everything, request.steps)
    fits = _fitting(target)
    question = Question(
        target=target,
        steps=request.steps,
        seconds=None if request.minutes is None else 60 * request.minutes,
        nearest=request.nearest,
        algorithms=frozenset(option.algorithm for option in fits),
    )
    first = first_grounds(known, request.steps)
    advice = advise(question, first, fits, np.random.default_rng(BOOTSTRAP_SEED), everything)
    published = with_published(question, known, advice, np.random.default_rng(BOOTSTRAP_SEED))
    tuned = after_tuning(question, known, advice, np.random.default_rng(BOOTSTRAP_SEED))
    proposal = propose(request, advice, fits, found)
    return Answer(advice, proposal, (*notes, *unknown), published, tuned)


def _looked_at(request: Request) -> Traits:
    """Return the traits of the environment; one with arguments is another environment than the bare one."""
    environment = request.environment or ""
    found = look_at(environment, request.kwargs, steps=STEPS, seconds=SECONDS)
    told = ", ".join(f"{name}={value}" for name, value in request.kwargs.items())
    return replace(found, environment=f"{environment} with {told}") if told else found


def sources(folder: Path, *, shipped: bool = True) -> tuple[list[Source], dict[str, Traits], list[str]]:
    """Return all results, those that the package carries included, what was kept of their environments, and notes."""
    found: list[Source] = []
    kept: dict[str, Traits] = {}
    notes: list[str] = []
    for path in sorted(folder.glob(f"*/{SUITE_COPY}")):
        # Settings that a search has tried speak for no algorithm; what it found stands in the tuned set.
        if path.parent.name.startswith(SEARCHED):
            continue
        try:
            experiment = open_experiment(path.parent, results=folder)
            planned, outcomes = gather(experiment)
        except BenchError as error:
            notes.append(f"{path.parent} is not used: {str(error).splitlines()[0]}")
            continue
        notes += unread(experiment)
        # How others evaluated, and with which versions, is not known: no ground for a recommendation.
        outcomes = [outcome for outcome in outcomes if not outcome.trial.origin]
        if experiment.imported:
            notes.append(f"{path.parent} is not used: it holds imported results of others")
            continue
        suite = experiment.suite
        # The bare environment last: it replaces what is known of it under arguments or wrappers.
        for task, traits in sorted(experiment.store.inspected(), key=lambda one: one[0].plain):
            kept[task.environment] = traits
        found.append(Source(str(path.parent), suite, planned, outcomes, references(suite)))
    known = {name: one.reference for name, one in catalog.environments().items() if one.reference}
    paths = [path for path in sorted(folder.glob(f"{REPRODUCED}*")) if not (path / SUITE_COPY).exists()]
    found += [source for path in paths if (source := _published(path, known, notes)) is not None]
    names = {source.suite.name for source in found}
    found += [source for source in carried() if source.suite.name not in names] if shipped else []
    return found, kept, notes


def _published(path: Path, known: Mapping[str, Reference], notes: list[str]) -> Source | None:
    try:
        return published_runs(path, known)
    except BenchError as error:
        notes.append(f"{path} is not used: {str(error).splitlines()[0]}")
        return None


def _traits(
    sources: Sequence[Source], kept: Mapping[str, Traits], target: Traits
) -> tuple[dict[str, Traits], list[str]]:
    """Return the traits of every environment with results, as shipped or kept: reading results runs nobody's code."""
    found: dict[str, Traits] = {}
    notes = []
    for name in dict.fromkeys(outcome.trial.environment for source in sources for outcome in source.outcomes):
        if same(name, target.environment):
            found[name] = replace(target, environment=name)
        elif name in shipped_traits():
            found[name] = shipped_traits()[name]
        elif name in kept:
            found[name] = kept[name]
        else:
            notes.append(
                f"results on {name} are not used: what it is like was not kept beside them; `bench run` keeps it"
            )
    return found, notes


def _unscored(sources: Sequence[Source], target: Traits) -> list[str]:
    """Return which results on the very environment are left out because nothing turns their returns into scores."""
    found = [
        (source.place, environment)
        for source in sources
        for environment in dict.fromkeys(trial.environment for trial in source.planned)
        if same(environment, target.environment) and not usable(source.references.get(environment))
    ]
    return [
        f"results on {environment} in {place} are not used: their suite gives no reference, so that returns have no "
        f"score; write `reference: {{random: ..., target: ...}}` under {environment} into the suite and run it again: "
        "what is done stays done"
        for place, environment in found
    ]


def _fitting(target: Traits) -> list[Option]:
    """Return every learning algorithm that the environment admits, variants left out, the cheapest first."""
    environment = environment_of(target)
    found = [
        Option(name, name, _tuned(name, target), seconds_per_step=_expected(entry, environment))
        for name, entry in catalog.algorithms().items()
        if entry.learns and not entry.variant_of and not _unfit(entry, environment)
    ]
    return sorted(found, key=lambda option: option.seconds_per_step or math.inf)


def _unfit(entry: Algorithm, environment: Environment) -> str:
    settings, _ = hyperparameters.resolve("default", entry.name, environment.id)
    return catalog.mismatch(entry, environment) or catalog.unstated(entry, environment, settings)


def _tuned(algorithm: str, target: Traits) -> str:
    """Return a named set with settings for the environment, where there is one."""
    found = (name for name in hyperparameters.sets() if name not in hyperparameters.UNTUNED)
    return next((name for name in found if hyperparameters.covers(name, algorithm, target.environment)), "default")


def _expected(entry: Algorithm, environment: Environment) -> float:
    """Return about how many seconds a step of training takes with the library's defaults."""
    short = Trial(entry.name, entry.name, environment.id, 0, 1, EvaluationPlan(), entry.identity, {})
    long = replace(short, steps=STEPS_IF_NONE + 1)
    return (expected_seconds(long, environment) - expected_seconds(short, environment)) / STEPS_IF_NONE
