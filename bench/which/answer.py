"""A question about an environment in; advice from stored results, and a suite that would settle it, out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench import catalog, hyperparameters
from bench.catalog import Algorithm, Environment
from bench.errors import BenchError
from bench.pipeline.experiment import open_experiment, unread
from bench.pipeline.gathering import BOOTSTRAP_SEED, gather
from bench.pipeline.inspection import environment_of, look_at
from bench.pipeline.naming import SUITE_COPY
from bench.plan import expected_seconds, references
from bench.records import EvaluationPlan, Traits, Trial
from bench.which.advice import advise
from bench.which.evidence import Question, Source, grounds
from bench.which.proposal import STEPS_IF_NONE, propose
from bench.which.records import Answer, Option, Request
from bench.which.traits import shipped
from bench.which.transfer import same

STEPS, SECONDS = 20_000, 10.0
"""Of random play, at most."""


def which(request: Request) -> Answer:
    """Look at the environment, advise from all stored results, and write a suite that would settle it.

    Raises:
        BenchError: the environment cannot be made, or fails.
    """
    target = request.described or look_at(request.environment or "", steps=STEPS, seconds=SECONDS)
    sources, kept, notes = _sources(request.results)
    traits, unknown = _traits(sources, kept, target)
    known = grounds(sources, traits, request.steps)
    fits = _fitting(target)
    question = Question(
        target=target,
        steps=request.steps,
        seconds=None if request.minutes is None else 60 * request.minutes,
        nearest=request.nearest,
        algorithms=frozenset(option.algorithm for option in fits),
    )
    advice = advise(question, known, fits, np.random.default_rng(BOOTSTRAP_SEED))
    proposal = propose(request, advice, fits, sources)
    return Answer(advice, proposal, (*notes, *unknown))


def _sources(folder: Path) -> tuple[list[Source], dict[str, Traits], list[str]]:
    """Return all stored results, what was kept beside them about their environments, and why some cannot be used."""
    found: list[Source] = []
    kept: dict[str, Traits] = {}
    notes: list[str] = []
    for path in sorted(folder.glob(f"*/{SUITE_COPY}")):
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
    if not found:
        notes.append(
            f"{folder} holds no results that can be used; `bench run` makes some, --results names another folder"
        )
    return found, kept, notes


def _traits(
    sources: Sequence[Source], kept: Mapping[str, Traits], target: Traits
) -> tuple[dict[str, Traits], list[str]]:
    """Return the traits of every environment with results, as shipped or kept: reading results runs nobody's code."""
    found: dict[str, Traits] = {}
    notes = []
    for name in dict.fromkeys(outcome.trial.environment for source in sources for outcome in source.outcomes):
        if same(name, target.environment):
            found[name] = replace(target, environment=name)
        elif name in shipped():
            found[name] = shipped()[name]
        elif name in kept:
            found[name] = kept[name]
        else:
            notes.append(
                f"results on {name} are not used: what it is like was not kept beside them; `bench run` keeps it"
            )
    return found, notes


def _fitting(target: Traits) -> list[Option]:
    """Return every learning algorithm that the environment admits, variants left out, the cheapest first."""
    environment = environment_of(target)
    found = [
        Option(name, name, _tuned(name, target), seconds_per_step=_expected(entry, environment))
        for name, entry in catalog.algorithms().items()
        if entry.learns and not entry.variant_of and not catalog.mismatch(entry, environment)
    ]
    return sorted(found, key=lambda option: option.seconds_per_step or math.inf)


def _tuned(algorithm: str, target: Traits) -> str:
    """Return a named set with settings for the environment, where there is one."""
    found = (name for name in hyperparameters.sets() if name not in {"default", "bare"})
    return next((name for name in found if hyperparameters.covers(name, algorithm, target.environment)), "default")


def _expected(entry: Algorithm, environment: Environment) -> float:
    """Return about how many seconds a step of training takes with the library's defaults."""
    short = Trial(entry.name, entry.name, environment.id, 0, 1, EvaluationPlan(), entry.identity, {})
    long = replace(short, steps=STEPS_IF_NONE + 1)
    return (expected_seconds(long, environment) - expected_seconds(short, environment)) / STEPS_IF_NONE
