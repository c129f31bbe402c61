"""A suite in, the CPU seconds that one seed of it takes by stable-baselines3 and by `implementation: auto` out.

Environment by environment one seed of every cell is trained and evaluated by either, in turn, and the records are added
up: training, evaluation and compiling, without what starting a process takes. Where budgets are too long for that,
`--share` trains a part of each; the seconds of training are divided by it, those of evaluation are as they will be.

    pip install 'bench[jax]'
    python benchmarks/whole_suite.py suites/discrete.yaml                     # some ten minutes of two cores
    python benchmarks/whole_suite.py suites/continuous.yaml --share 0.05
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from ruamel.yaml import YAML

WAYS = ("sb3", "auto")


def main() -> None:
    """Train both ways and print the tables."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("suite", type=Path)
    options.add_argument("--share", type=float, default=1.0, help="of each budget that is trained")
    options.add_argument("--workers", type=int, default=2)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        written = dict(_written(given.suite, given.share, Path(folder)))
        for environment in YAML(typ="safe").load(given.suite.read_text())["environments"]:
            for suite in written.values():
                _run(suite, environment, given.workers)
        found = pd.DataFrame(row for way, suite in written.items() for row in _rows(way, suite.parent, given.share))
    _told(found, given.share)


def _written(suite: Path, share: float, folder: Path) -> Iterator[tuple[str, Path]]:
    """Write one seed of the suite for either way, each beside results of its own."""
    for way in WAYS:
        document = YAML(typ="safe").load(suite.read_text())
        document.pop("claims", None)
        document.update(seeds=1, implementation=way)
        for one in document["environments"].values():
            one["steps"] = round(one["steps"] * share)
        home = folder / way
        home.mkdir()
        if (tuned := suite.parent / "tuned").exists():
            (home / "tuned").symlink_to(tuned.resolve())
        path = home / suite.name
        path.write_text(json.dumps(document))
        yield way, path


def _run(suite: Path, environment: str, workers: int) -> None:
    words = ["run", str(suite), "--only", f"@{environment}", "--results", str(suite.parent), "--workers", str(workers)]
    subprocess.run([sys.executable, "-m", "bench.cli", *words, "--no-report", "--quiet"], check=True)


def _rows(way: str, folder: Path, share: float) -> Iterator[dict[str, Any]]:
    for path in folder.rglob("trial.json"):
        record = json.loads(path.read_text())
        trial, seconds = record["trial"], record["timings"]
        if trial["algorithm"] == "random":
            continue
        yield {
            "way": way,
            "label": trial["label"],
            "environment": trial["environment"],
            "training": seconds["train_cpu"] / share,
            "evaluation": seconds["evaluation_cpu"],
            "compiling": seconds.get("compile", 0.0),
        }


def _told(found: pd.DataFrame, share: float) -> None:
    found["together"] = found[["training", "evaluation", "compiling"]].sum(axis=1)
    print(f"CPU seconds of one seed; of each budget {share:.0%} was trained\n")
    print("| | sb3 | auto | ratio |\n| --- | ---: | ---: | ---: |")
    for by in ("label", "environment"):
        _lines(found.pivot_table(index=by, columns="way", values="together", aggfunc="sum"))
    parts = found.groupby("way")[["training", "evaluation", "compiling", "together"]].sum().T
    _lines(parts)


def _lines(table: pd.DataFrame) -> None:
    for name, row in table.iterrows():
        ratio = f"{row['sb3'] / row['auto']:.1f}" if row["sb3"] > 0 else ""
        print(f"| {name} | {row['sb3']:,.0f} | {row['auto']:,.0f} | {ratio} |")


if __name__ == "__main__":
    main()
