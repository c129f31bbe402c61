"""What was asked for in; how many configurations and runs, on which seeds, out."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import count, islice

from bench.errors import BenchError
from bench.limits import MOST_SEEDS
from bench.plain import counted
from bench.runner.seeds import seed

MOST_CONFIGURATIONS = 1_000
FEWEST_EFFORTS = 8
"""So many tuning runs at least, before it counts which algorithm leads: with fewer, the search space decides."""
_CONFIRMED = re.compile(r"(\d+)x(\d+)")


@dataclass(frozen=True, slots=True)
class Protocol:
    """How every algorithm of a suite is tuned, the same for all."""

    configurations: int
    """Number 0, the library's defaults, included."""
    runs: int
    """Of each, on seeds of its own; from two on, one tells what the choice by another is worth."""
    kept: int
    """So many of the best by the first run are confirmed; ..."""
    again: int
    """... each by so many fresh runs, and the best of those is kept."""
    tuning_seed: int = 0

    @property
    def total(self) -> int:
        """Runs of one algorithm on one environment, all together."""
        return self.configurations * self.runs + min(self.kept, self.configurations) * self.again

    def words(self) -> str:
        """Return it in a phrase."""
        return (
            f"{counted(self.configurations, 'configuration')} x {counted(self.runs, 'run')}, the best {self.kept} by "
            f"the first run again on {counted(self.again, 'fresh seed')}, the best of those kept"
        )

    def first_seeds(self, taken: Collection[int]) -> tuple[int, ...]:
        """Return the seeds of the search; `taken`: those of the suite, which are another stream."""
        return self._seeds("first", self.runs, taken)

    def fresh_seeds(self, taken: Collection[int]) -> tuple[int, ...]:
        """Return the seeds on which the best are confirmed: neither the search's nor the suite's."""
        return self._seeds("again", self.again, (*taken, *self.first_seeds(taken)))

    def _seeds(self, stage: str, wanted: int, taken: Collection[int]) -> tuple[int, ...]:
        def free() -> Iterator[int]:
            for number in count():
                if (found := seed("tuning", stage, self.tuning_seed, number)) not in taken:
                    yield found

        return tuple(islice(free(), wanted))


DISCRETE = Protocol(configurations=24, runs=2, kept=3, again=4)
CONTINUOUS = Protocol(configurations=12, runs=1, kept=2, again=4)
"""Where a run costs ten times as much: no second run of each, hence nothing to tell of what effort is worth."""


def confirmed(text: str) -> tuple[int, int]:
    """Return how many are confirmed, by how many runs each, from `3x4`.

    Raises:
        BenchError: it is written otherwise, or a number is out of range.
    """
    found = _CONFIRMED.fullmatch(text.strip())
    if found is None:
        raise BenchError(f"--confirm: wants how many times how many runs, such as 3x4, not {text!r}")
    kept, again = int(found[1]), int(found[2])
    if not (1 <= kept <= MOST_CONFIGURATIONS and 1 <= again <= MOST_SEEDS):
        raise BenchError(f"--confirm {text}: wants at least one configuration and one run of it")
    return kept, again
