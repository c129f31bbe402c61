"""An experiment in; its planned trials and their outcomes, each under the label it has now, out."""

from __future__ import annotations

from dataclasses import replace

from bench.pipeline.experiment import Experiment
from bench.records import Outcome, Trial

BOOTSTRAP_SEED = 20_260_101
"""The analysis draws its resamples from this: the same results give the same report."""


def gather(experiment: Experiment) -> tuple[list[Trial], list[Outcome]]:
    """Return the planned trials and all outcomes, each outcome under the label that the suite gives it now.

    Results made with other versions of the libraries stand in for planned trials that nothing else covers: a report of
    published results must not depend on what is installed where it is read.
    """
    found = {outcome.trial.fingerprint: outcome for outcome in experiment.store.outcomes()}
    unversioned = {replace(outcome.trial, versions={}).fingerprint: outcome for outcome in found.values()}
    covering = [
        (trial, found.get(trial.fingerprint) or unversioned.get(replace(trial, versions={}).fingerprint))
        for trial in experiment.plan.trials
    ]
    # A missing trial stands with the finished ones of its cell: other versions here must not split the cell in two.
    versions = {trial.cell: one.trial.versions for trial, one in covering if one}
    planned, outcomes, used = [], [], set()
    for trial, outcome in covering:
        known = outcome.trial.versions if outcome else versions.get(trial.cell, trial.versions)
        covered = replace(trial, versions=known)
        planned.append(covered)
        if outcome is not None:
            used.add(outcome.trial.fingerprint)
            outcomes.append(replace(outcome, trial=covered))
    return planned, [*outcomes, *(outcome for key, outcome in found.items() if key not in used)]
