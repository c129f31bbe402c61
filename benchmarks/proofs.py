"""Results of suites that compare implementations in, the proofs that `implementation: auto` rests on out.

An implementation is proven where the suite's own claims about it all hold (equivalent on average within 0.05, and on
every environment within the margin declared there), or where the same is seen of trainings that draw the same noise
(benchmarks/same_noise.py), and it is worse than the algorithm's first one on no environment (the rule of the report,
Holm over the environments; of paired trainings, no interval below 0). How much faster it is: the first one's processor
seconds of training over its own, medians of a cell, the geometric mean of the cells, of the paired trainings where
there are any. What of settings the proof covers: for the compiled learners, which are equal step by step
(tests/test_compiled.py), all that they take but wrappers; for SBX what was set in these very runs, and only where it is
set whatever the two have different defaults for.

    python benchmarks/proofs.py                  # says what holds
    python benchmarks/proofs.py --write          # and writes bench/catalog/proofs.yaml
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import geometric_mean, median
from typing import Any

import numpy as np
import pandas as pd
import same_noise
from ruamel.yaml import YAML
from same_noise import TABLE, Gap

import bench
from bench.analysis.resampling import resample_counts
from bench.analysis.verdict import holm
from bench.analysis.verdict import judged as compared
from bench.catalog import environments, find_algorithm
from bench.pipeline import Experiment, open_experiment
from bench.pipeline.results import estimates
from bench.records import ClaimVerdict, SuiteAlgorithm

SUITES = (
    "implementations",
    "implementations-lunar",
    "implementations-reinforce",
    "implementations-dqn",
    "implementations-critics",
    "implementations-off-policy",
)
ROOT = Path(__file__).resolve().parent.parent
SUITE_FILES, WRITTEN = ROOT / "suites", ROOT / "bench" / "catalog" / "proofs.yaml"
LEVEL = 0.05
SEED, RESAMPLES = 20_265, 5000
WRAPPERS = {"env_wrapper", "frame_stack"}
SCHEDULES = {"jax": {"learning_rate", "clip_range"}, "sbx": set[str]()}
SAID: Mapping[tuple[str, str], set[str]] = {
    ("dqn", "sbx"): {"policy_kwargs"},
}
"""What must be set, because SBX has another default (docs/implementations.md)."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a suite's results say of one implementation."""

    first: SuiteAlgorithm
    other: SuiteAlgorithm
    claims: tuple[ClaimVerdict, ...]
    worse: dict[str, float]
    """Environment -> p after Holm, where the other's runs rank below the first's."""
    speed: float
    gaps: tuple[Gap, ...]
    """Of paired trainings with the same noise, where there are any on all of the suite's environments."""

    @property
    def by(self) -> str:
        """What the implementation is proven by, as `bench.catalog.Proof.by`; empty where it is not."""
        if any(p <= LEVEL for p in self.worse.values()):
            return ""
        if self.claims and all(line.verdict == "supported" for line in self.claims):
            return "suite"
        return "same noise" if self.gaps and all(gap.holds for gap in self.gaps) else ""


def main() -> None:
    """Judge every suite's implementations; say and write what is proven."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--write", type=Path, nargs="?", const=WRITTEN, help="to the package's file if none is named")
    chosen = parser.parse_args()
    listed = []
    table = pd.read_csv(TABLE)
    for name in SUITES:
        kept = chosen.results / name
        experiment = open_experiment(kept if kept.is_dir() else SUITE_FILES / f"{name}.yaml", results=chosen.results)
        for found in judged(experiment, table):
            _tell(found)
            if found.by:
                listed.append(proof(experiment, found))
    if chosen.write:
        _write(listed, chosen.write)


def judged(experiment: Experiment, table: pd.DataFrame) -> Iterator[Found]:
    """Yield what the results, and the table of paired trainings, say of every other implementation than the first."""
    suite, there = experiment.suite, experiment.store.root.is_dir()
    verdicts = estimates(experiment).claims if there else ()
    trials = bench.load(experiment.store.root)["trials"] if there else None
    extra = {one.label: find_algorithm(one.algorithm, one.implementation).extra for one in suite.algorithms}
    firsts = {one.algorithm: one for one in suite.algorithms if not extra[one.label]}
    for other in suite.algorithms:
        first = firsts.get(other.algorithm)
        if first is None or not extra[other.label]:
            continue
        about = tuple(line for line in verdicts if {line.claim.left, line.claim.right} == {first.label, other.label})
        gaps = tuple(same_noise.gaps(table, suite.name, other.label))
        missing = {one.environment for one in suite.environments} - {gap.where for gap in gaps}
        paired = () if missing else gaps
        if trials is None:
            yield Found(first, other, about, {}, same_noise.speed(table, suite.name, other.label), paired)
            continue
        ours, theirs = (trials[trials["label"] == one.label] for one in (other, first))
        # Of pairs that were trained one after the other the machine's drift is less.
        speed = same_noise.speed(table, suite.name, other.label) if paired else _speed(ours, theirs)
        yield Found(first, other, about, _worse(ours, theirs), speed, paired)


def proof(experiment: Experiment, found: Found) -> dict[str, Any]:
    """Return the proof as it is written."""
    other = found.other
    entry = find_algorithm(other.algorithm, other.implementation)
    ran = [trial for trial in experiment.plan.trials if trial.label == other.label]
    settings = set(entry.settings or ()) if entry.own == "jax" else set().union(*(one.hyperparameters for one in ran))
    places = sorted({trial.environment for trial in ran})
    scheduled = SCHEDULES[entry.own] & settings
    return {
        "algorithm": other.algorithm,
        "implementation": entry.own,
        "by": found.by,
        "suite": experiment.suite.name,
        "environments": places,
        "speed": round(found.speed, 1),
        "actions": sorted({environments()[place].actions for place in places}),
        "settings": sorted(settings - WRAPPERS),
        "schedules": sorted(scheduled),
        "said": sorted(SAID.get((other.algorithm, entry.own), ())),
    }


def _worse(ours: pd.DataFrame, theirs: pd.DataFrame) -> dict[str, float]:
    p_values, gaps = {}, {}
    for name, mine in ours.groupby("environment"):
        other = theirs[theirs["environment"] == name]
        a, b = (np.sort(frame["score"].fillna(0.0).to_numpy()) for frame in (mine, other))
        rng = np.random.default_rng(SEED)
        counts = [[resample_counts(len(side), RESAMPLES, rng)] for side in (a, b)]
        found = compared([a], [b], (counts[0], counts[1]), "score")
        p_values[str(name)], gaps[str(name)] = float(found.p_values[0]), float(found.estimates[0])
    corrected = zip(p_values, holm(list(p_values.values())), strict=True)
    return {name: min(1.0, p) for name, p in corrected if gaps[name] < 0}


def _speed(ours: pd.DataFrame, theirs: pd.DataFrame) -> float:
    ratios = []
    for name, mine in ours.groupby("environment"):
        spent = [median(frame["cpu_seconds"].dropna()) for frame in (theirs[theirs["environment"] == name], mine)]
        ratios.append(spent[0] / spent[1])
    return geometric_mean(ratios) if ratios else math.nan


def _tell(found: Found) -> None:
    verdict = f"proven ({found.by})" if found.by else "NOT proven"
    print(f"{found.other.label}: {verdict}, {found.speed:.1f} times as fast")
    for line in found.claims:
        value = line.estimate
        print(f"  {line.verdict:<12} {line.claim.text}: {value.estimate} [{value.low}, {value.high}]")
    for name, p in found.worse.items():
        print(f"  below on {name}, p = {p:.3g}")
    for gap in found.gaps:
        print(f"  with the same noise, {gap}")


def _write(listed: list[dict[str, Any]], path: Path) -> None:
    yaml = YAML()
    yaml.default_flow_style = None
    yaml.width = 110
    with path.open("w", encoding="utf-8") as file:
        file.write(
            "# Implementations proven to learn what an algorithm's first one learns, by what (the runs of a suite, or\n"
            "# pairs of its trainings that draw the same noise: benchmarks/same_noise.csv), within which scope, and\n"
            "# how much faster. Written by benchmarks/proofs.py from results that are committed.\n"
        )
        yaml.dump(listed, file)


if __name__ == "__main__":
    main()
