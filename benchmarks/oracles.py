"""Other people's raw runs in, their published numbers computed again with this project's statistics out, as a page.

No training noise and no own data: whoever published a number, published (or left in a public repository) the runs
behind it, so the same number must come out to the last printed digit. The raw files are not part of this project;
BENCH_PUBLISHED_RAW names the folder that holds them (docs/oracles.md says which).

    BENCH_PUBLISHED_RAW=/folder python benchmarks/oracles.py
"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.analysis import literature
from bench.analysis.interval import mean_interval, median_interval, optimality_gap_interval
from bench.analysis.published import peak
from bench.analysis.resampling import resample_counts
from bench.analysis.scores import normalise
from bench.published import table
from bench.records import Floats, Reference
from bench.report.sheet import Section, Sheet, write
from bench.report.table import Cell, Column, Table

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
    def equal(self) -> bool:
        """Whether ours is printed with the very same digits, spread included."""
        return all(printed_like(ours, printed) == printed_like(float(printed), printed) for printed, ours in self._both)

    @property
    def matches(self) -> bool:
        """Whether it is, or would be but for the rounding of sums or of the raw files."""
        slack = _SLACK.get(self.number.group, 0.0)
        return self.equal or all(same(printed, ours, slack) for printed, ours in self._both)

    @property
    def rounding(self) -> str:
        """Why it differs in a printed digit and counts as the same number; empty where it does not."""
        if self.equal or not self.matches:
            return ""
        long = all(same(printed, ours, 0.0) for printed, ours in self._both)
        return _ORDER if long else _EDGE

    @property
    def _both(self) -> list[tuple[str, float]]:
        """Printed and ours, of the mean and of the spread where there is one."""
        mean = [(self.number.mean, self.mean)]
        return mean + ([(self.number.spread, self.spread)] if self.spread is not None and self.number.spread else [])


def same(printed: str, ours: float, slack: float = 0.0) -> bool:
    """Return whether `ours`, known to `slack` and to a machine's rounding, may be the number that is printed."""
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
        iqm = literature.estimates(games).get("aggregate_iqm")
        estimate = None if iqm is None else iqm.estimate
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
_QUESTION = (
    "This project's statistics are given the runs behind each published number. There is no training in this, so "
    "nothing can hide behind noise."
)
_MOST_OPEN = 20


def page(found: Mapping[str, Sequence[Line]]) -> Sheet:
    """Return the page of all groups' numbers."""
    told = [line for group in found.values() for line in group]
    equal, rounded = sum(line.equal for line in told), sum(bool(line.rounding) for line in told)
    others = [(rounded, "but for rounding in the last one"), (len(told) - equal - rounded, "do not")]
    differing = "".join(f", {count} {what}" for count, what in others if count) + "."
    return Sheet(
        "The statistics on data nobody here made",
        "Do other people's published numbers come out again from their own runs?",
        f"{equal} of {len(told)} published numbers come out again to every printed digit{differing}",
        ("no training, no own data", f"{len(found)} sources"),
        (
            Section(
                "sources",
                "By source",
                (_QUESTION,),
                tables=(_overview(found),),
            ),
            *(section for group, lines_ in found.items() for section in _sections(group, lines_)),
        ),
    )


def _overview(found: Mapping[str, Sequence[Line]]) -> Table:
    columns = (
        Column("Source", numeric=False),
        Column("Numbers"),
        Column("Equal to every printed digit"),
        Column("But for rounding"),
    )
    rows = [
        (
            Cell(TITLES[group], link=f"#{group}"),
            Cell(len(told)),
            Cell(sum(line.equal for line in told)),
            Cell(sum(bool(line.rounding) for line in told)),
        )
        for group, told in found.items()
    ]
    return Table("oracles", "Published numbers whose runs are public", columns, tuple(rows))


def _sections(group: str, told: Sequence[Line]) -> Iterator[Section]:
    """Yield a source's numbers: those that differ in a digit open, the others too unless they are many."""
    parts = {
        "differing": [line for line in told if not line.matches],
        "rounding": [line for line in told if line.rounding],
        "equal": [line for line in told if line.equal],
    }
    tables = {
        name: Table(f"{group}-{name}", _CAPTIONS[name].format(n=len(part)), _COLUMNS, tuple(map(_row, part)))
        for name, part in parts.items()
        if part
    }
    source = f"Source: {_sources(told)}."
    if len(parts["equal"]) <= _MOST_OPEN:
        yield Section(group, TITLES[group], (_SAID[group], source), tables=tuple(tables.values()))
        return
    if shown := [tables[name] for name in ("differing", "rounding") if name in tables]:
        yield Section(group, TITLES[group], (_SAID[group], source), tables=shown)
        yield Section(f"{group}-equal", f"{TITLES[group]}: the others", tables=(tables["equal"],), folded=_LID)
        return
    yield Section(group, TITLES[group], (_SAID[group], source), tables=(tables["equal"],), folded=_LID)


_EDGE = "On the edge between two roundings, which the four decimals of the files cannot settle"
_ORDER = "So many digits depend on the order in which a machine adds"
_LID = "Every number that is equal"
_CAPTIONS = {
    "differing": "{n} that differ",
    "rounding": "{n} that differ in the last printed digit, by rounding alone",
    "equal": "{n} that are equal to every printed digit",
}
_COLUMNS = (
    Column("Algorithm", numeric=False),
    Column("On", numeric=False),
    Column("Quantity", numeric=False),
    Column("Published"),
    Column("Ours"),
    Column("Equal", numeric=False),
    Column("Steps"),
    Column("Runs"),
)


def _row(line: Line) -> tuple[Cell, ...]:
    one = line.number
    ours = printed_like(line.mean, one.mean)
    if one.spread and line.spread is not None:
        ours += f" ± {printed_like(line.spread, one.spread)}"
    return (
        Cell(one.algorithm),
        Cell(one.environment),
        Cell(one.quantity),
        Cell(f"{one.mean} ± {one.spread}" if one.spread else one.mean),
        Cell(ours, note=line.rounding),
        Cell("yes" if line.equal else "but for rounding" if line.rounding else "no"),
        Cell(one.steps),
        Cell(one.runs),
    )


def _sources(told: Sequence[Line]) -> str:
    """Return where the numbers stand, the lines of one file together."""
    places: dict[str, list[str]] = {}
    for source in dict.fromkeys(line.number.source for line in told):
        file, _, number = source.rpartition(":")
        known = file and number.isdigit()
        places.setdefault(file if known else source, []).extend([number] if known else [])
    return "; ".join(file + (f", lines {', '.join(found)}" if found else "") for file, found in places.items())


def printed_like(ours: float, like: str) -> str:
    """Return our number with as many decimals as a printed one."""
    # Adding 0 turns the -0.0 of rounding into 0.0.
    return f"{round(ours, digits(like)) + 0.0:.{digits(like)}f}"


def main() -> int:
    """Write the page; say what came of it."""
    folder = os.environ.get(FOLDER, "")
    if not Path(folder, "atari100k").is_dir():
        print(f"{FOLDER} must name the folder of the raw files; docs/oracles.md says what it holds", file=sys.stderr)
        return 2
    whole = page({group: lines(Path(folder), group) for group in GROUPS})
    print(whole.answer)
    print(write(whole, Path("reports", "published", "oracles")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
