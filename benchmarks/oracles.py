"""Other people's raw runs in, their published numbers computed again with this project's statistics out, as a page.

No training noise and no own data: whoever published a number, published (or left in a public repository) the runs
behind it, so the same number must come out to the last printed digit. The raw files are not part of this project;
BENCH_PUBLISHED_RAW names the folder that holds them (docs/oracles.md says which).

    BENCH_PUBLISHED_RAW=/folder python benchmarks/oracles.py > docs/oracles.md
"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.analysis.interval import (
    interquartile_mean_rliable,
    mean_interval,
    median_interval,
    optimality_gap_interval,
    resample_counts,
)
from bench.analysis.published import peak
from bench.analysis.scores import normalise
from bench.published import table
from bench.records import Reference

Floats = NDArray[np.float64]
FOLDER = "BENCH_PUBLISHED_RAW"
PUBLISHED = Path(__file__).with_suffix(".csv")
_ROUNDED = 1e-12
"""Relative: sixteen printed digits depend on the order in which a machine adds."""
_SLACK = {"tianshou": 5e-5}
"""What the rounding of the raw files themselves can move a mean; it decides one row that lies on the edge."""


@dataclass(frozen=True, slots=True)
class Number:
    """A published number as printed, and where."""

    group: str
    source: str
    algorithm: str
    environment: str
    quantity: str
    steps: int
    runs: int
    mean: str
    spread: str
    """Empty where none is printed."""


@dataclass(frozen=True, slots=True)
class Line:
    """A published number beside ours."""

    number: Number
    mean: float
    spread: float | None

    @property
    def matches(self) -> bool:
        """Whether ours rounds to what is printed, spread included."""
        slack = _SLACK.get(self.number.group, 0.0)
        spread = self.spread is None or not self.number.spread or same(self.number.spread, self.spread, slack)
        return same(self.number.mean, self.mean, slack) and spread


def same(printed: str, ours: float, slack: float = 0.0) -> bool:
    """Return whether `ours`, known to `slack`, is what is printed, to the last printed digit."""
    half = 0.5 * 10.0 ** -digits(printed)
    return abs(float(printed) - ours) <= max(half * (1 + 1e-9) + slack, _ROUNDED * abs(ours))


def digits(printed: str) -> int:
    """Return the number of printed decimals."""
    return len(printed.partition(".")[2])


def numbers() -> list[Number]:
    """Return every published number whose raw runs are known, RL Zoo's among them."""
    with PUBLISHED.open(encoding="utf-8") as file:
        found = [
            Number(**{**row, "steps": int(row["steps"]), "runs": int(row["runs"])})  # type: ignore[arg-type]  # text
            for row in csv.DictReader(file)
        ]
    zoo = table("rl-zoo")
    source = f"rl-baselines3-zoo@{zoo.commit} benchmark.md"
    return found + [
        Number(
            "rl-zoo",
            source,
            cell.algorithm,
            cell.environment,
            "mean",
            cell.steps,
            1,
            f"{cell.mean:.3f}",
            f"{cell.spread or 0.0:.3f}",
        )
        for cell in zoo.cells
    ]


def lines(raw: Path, group: str) -> list[Line]:
    """Return a group's published numbers beside ours.

    Args:
        raw: folder of the raw files.
        group: one of `GROUPS`.
    """
    return [Line(one, *GROUPS[group](raw, one)) for one in numbers() if one.group == group]


def _atari(raw: Path, one: Number) -> tuple[float, float | None]:
    """Return an aggregate over 26 games of human-normalised scores."""
    return _aggregate(_games(raw / "atari100k", one.algorithm), one.quantity), None


def _games(folder: Path, algorithm: str) -> list[Floats]:
    """Return per game (runs,) human-normalised scores."""
    if algorithm.startswith("CURL"):
        field = "Max HNS" if "max" in algorithm else "HNS"
        rows = json.loads((folder / "CURL_10_evals.json").read_text())
        names = dict.fromkeys(row["game"] for row in rows)
        return [np.array([row[field] for row in rows if row["game"] == name]) for name in names]
    human, random, scores = (
        json.loads((folder / f"{name}.json").read_text()) for name in ("HUMAN", "RANDOM", algorithm)
    )
    return [
        normalise(np.array(runs, dtype=np.float64), Reference(np.mean(random[game]), np.mean(human[game])))
        for game, runs in scores.items()
        if game in human
    ]


def _aggregate(games: Sequence[Floats], quantity: str) -> float:
    if quantity == "median":
        rng = np.random.default_rng(0)
        estimate = median_interval(games, [resample_counts(len(game), 2, rng) for game in games]).estimate
    elif quantity == "mean":
        estimate = mean_interval(games).estimate
    elif quantity == "games at human level or above":
        estimate = float(sum(np.mean(game) >= 1 for game in games))
    elif quantity == "gap":
        estimate = optimality_gap_interval(games).estimate
    else:
        estimate = interquartile_mean_rliable(games)
    if estimate is None:
        raise ValueError(f"no {quantity}")
    return estimate


def _td3(raw: Path, one: Number) -> tuple[float, float | None]:
    """Return Table 1's maximum of the mean curve with the spread there, or Table 2's mean of the last ten."""
    files = sorted((raw / "td3_curves" / "npy").glob(f"*/TD3_{one.environment}_*.npy"))
    # The first evaluation is that of the untrained policy.
    curves = np.stack([np.load(file) for file in files])[:, 1:]
    if one.quantity == "last ten":
        return float(np.mean(curves[:, -10:])), None
    return _at_the_peak(curves)


def _tianshou(raw: Path, one: Number) -> tuple[float, float | None]:
    path = raw / "tianshou_mujoco_10seeds" / one.environment / f"{one.algorithm.lower()}.csv"
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    runs = [name for name in rows[0] if name.startswith("rew:seed")]
    kept = [[float(row[name]) for name in runs] for row in rows if int(float(row["env_step"])) <= one.steps]
    return _at_the_peak(np.array(kept).T)


def _at_the_peak(curves: Floats) -> tuple[float, float]:
    _, there = peak(curves)
    return float(np.mean(there)), float(np.std(there))


def _adastop(raw: Path, one: Number) -> tuple[float, float | None]:
    """Return mean and spread of a cell's runs, which come in batches; a run missing in a batch is no run."""
    found = []
    for path in sorted((raw / "adastop_examples_mit").glob("*.csv")):
        with path.open(encoding="utf-8") as file:
            found += [float(row[one.algorithm]) for row in csv.DictReader(file) if row.get(one.algorithm)]
    return _spread(np.array(found))


def _zoo(raw: Path, one: Number) -> tuple[float, float | None]:
    """Return mean and spread over the evaluation episodes of one agent."""
    path = raw / "zoo_eval_monitors" / f"{one.algorithm}-{one.environment}" / "0.monitor.csv"
    with path.open(encoding="utf-8") as file:
        next(file)
        return _spread(np.array([float(row["r"]) for row in csv.DictReader(file)]))


def _spread(values: Floats) -> tuple[float, float]:
    return float(np.mean(values)), float(np.std(values))


GROUPS: dict[str, Callable[[Path, Number], tuple[float, float | None]]] = {
    "atari100k": _atari,
    "td3": _td3,
    "tianshou": _tianshou,
    "adastop": _adastop,
    "rl-zoo": _zoo,
}
"""Group -> how its numbers are computed again."""

TITLES = {
    "atari100k": "Atari 100k, aggregates over 26 games",
    "td3": "TD3, Tables 1 and 2",
    "tianshou": "Tianshou's MuJoCo benchmark",
    "adastop": "AdaStop, Walker2d",
    "rl-zoo": "RL Baselines3 Zoo, the evaluation episodes behind its rows",
}
_SAID = {
    "atari100k": "Mean, median of the games' means, interquartile mean and optimality gap of human-normalised scores. "
    "Published interquartile means are trimmed as rliable trims, whole runs; ours beside them likewise.",
    "td3": "Table 1 is the maximum over 200 evaluations of the mean over 10 runs, with the population standard "
    "deviation there; Table 2 the mean of the last 10 evaluations.",
    "tianshou": "The rule of TD3's Table 1 within the stated number of steps, 10 seeds, as far as files with four "
    "decimals tell. Where rows differ, table and files come from different states of that project.",
    "adastop": "Mean and population standard deviation of the runs, which were added until every pair was decided.",
    "rl-zoo": "Mean and population standard deviation over the episodes of one trained agent.",
}
_FILES = {
    "atari100k": "`atari100k/`: SPR, DrQ(eps), SimPLe, IRIS, HUMAN, RANDOM as JSON (eloialonso/iris@24326aa, "
    "results/data), DIAMOND.json (eloialonso/diamond@5bcd159), CURL_10_evals.json",
    "td3": "`td3_curves/npy/`: 70 arrays of 201 evaluations (sfujim/TD3@34770cc, learning_curves)",
    "tianshou": "`tianshou_mujoco_10seeds/<environment>/<algorithm>.csv` (thu-ml/tianshou@beab227)",
    "adastop": "`adastop_examples_mit/`: six batches (TimotheeMathieu/adastop@da3a9d4, examples)",
    "rl-zoo": "`zoo_eval_monitors/<algorithm>-<environment>/0.monitor.csv` (DLR-RM/rl-baselines3-zoo@22e3ff2, "
    "logs/benchmark)",
}
_MOST_OPEN = 20


def page(raw: Path) -> Iterator[str]:
    """Yield the lines of the page."""
    found = {group: lines(raw, group) for group in GROUPS}
    matching = sum(line.matches for group in found.values() for line in group)
    total = sum(map(len, found.values()))
    yield "# The statistics on data nobody here made\n"
    yield (
        f"{matching} of {total} published numbers come out again to every printed digit when this project's statistics "
        "are given the runs behind them. There is no training in this, so nothing can hide behind noise.\n"
    )
    yield "| source | numbers | equal to every printed digit |\n| --- | ---: | ---: |"
    for group, told in found.items():
        yield f"| {TITLES[group]} | {len(told)} | {sum(line.matches for line in told)} |"
    yield "\nMade by `python benchmarks/oracles.py`. The raw files are other people's and stay where they are;"
    yield f"the folder that `{FOLDER}` names holds:\n"
    for text in _FILES.values():
        yield f"- {text}"
    for group, told in found.items():
        yield from _chapter(group, told)


def _chapter(group: str, told: Sequence[Line]) -> Iterator[str]:
    yield f"\n## {TITLES[group]}\n\n{_SAID[group]}\n"
    differing = [line for line in told if not line.matches]
    if differing:
        yield f"These {len(differing)} differ:\n" if len(differing) > 1 else "This one differs:\n"
        yield from _rows(differing)
        yield ""
    equal = [line for line in told if line.matches]
    if len(equal) > _MOST_OPEN:
        yield f"<details><summary>The {len(equal)} that are equal</summary>\n"
    yield from _rows(equal)
    if len(equal) > _MOST_OPEN:
        yield "\n</details>"
    yield "\nSource: " + "; ".join(dict.fromkeys(line.number.source for line in told)) + "."


def _rows(told: Sequence[Line]) -> Iterator[str]:
    yield "| algorithm | on | steps | quantity | published | ours | equal |"
    yield "| --- | --- | ---: | --- | ---: | ---: | --- |"
    for line in told:
        one = line.number
        ours = _printed(line.mean, one.mean)
        if one.spread and line.spread is not None:
            ours += f" ± {_printed(line.spread, one.spread)}"
        printed = f"{one.mean} ± {one.spread}" if one.spread else one.mean
        equal = "yes" if line.matches else "no"
        yield f"| {one.algorithm} | {one.environment} | {one.steps:,} | {one.quantity} | {printed} | {ours} | {equal} |"


def _printed(ours: float, like: str) -> str:
    # Adding 0 turns the -0.0 of rounding into 0.0.
    return f"{round(ours, digits(like)) + 0.0:.{digits(like)}f}"


def main() -> int:
    """Print the page."""
    folder = os.environ.get(FOLDER, "")
    if not Path(folder, "atari100k").is_dir():
        print(f"{FOLDER} must name the folder of the raw files; docs/oracles.md says what it holds", file=sys.stderr)
        return 2
    print("\n".join(page(Path(folder))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
