"""Run events in, how far every cell is and how long the rest may take out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from bench.records import Trial
from bench.runner.jobs import Ended, Event, Progressed, Started

Cell = tuple[str, str]
TRUSTED_SHARE = 0.1
"""Of a trial's budget: from here on its own pace says more than the other trials' durations."""


@dataclass(slots=True)
class Running:
    """A trial at work."""

    trial: Trial
    since: float
    earlier: float = 0.0
    """Seconds that it had taken when it was stored, if it goes on from a checkpoint."""
    steps: int = 0
    train_seconds: float = 0.0
    latest: float | None = None
    doing: str = ""

    @property
    def share(self) -> float:
        """Share of the budget that is done, at most 1."""
        return min(1.0, self.steps / self.trial.steps)

    def seconds(self, now: float) -> float:
        """Wall seconds of all the work that counts."""
        return now - self.since + self.earlier


@dataclass(slots=True)
class CellTally:
    """One algorithm on one environment."""

    algorithm: str
    total: int = 0
    done: int = 0
    failed: int = 0
    finals: list[float] = field(default_factory=list)
    """Mean raw return of the final evaluation, per trial finished in this run."""
    seconds: list[float] = field(default_factory=list)
    """Wall seconds per trial finished in this run, those before an interruption among them."""
    expected: float = 0.0
    """Seconds per trial as expected before the run."""


class Tally:
    """What has happened so far in a run."""

    def __init__(self, planned: Sequence[Trial], done: Sequence[Trial], failed: Sequence[Trial], workers: int) -> None:
        self.workers = workers
        self.cells: dict[Cell, CellTally] = {}
        self.running: dict[str, Running] = {}
        for trial in planned:
            self.cells.setdefault(trial.cell, CellTally(trial.algorithm)).total += 1
        for trial in done:
            self.cells[trial.cell].done += 1
        for trial in failed:
            self.cells[trial.cell].failed += 1

    def hear(self, event: Event, now: float) -> None:
        """Take in one event, at `now` seconds on any steady clock."""
        trial = event.job.trial
        cell = self.cells[trial.cell]
        cell.expected = event.job.expected_seconds
        match event:
            case Started():
                self.running[trial.fingerprint] = Running(trial, now)
            case Progressed(progress=progress):
                at_work = self.running.setdefault(trial.fingerprint, Running(trial, now))
                at_work.steps, at_work.train_seconds = progress.steps, progress.train_seconds
                at_work.doing, at_work.earlier = progress.doing, progress.earlier_seconds
                at_work.latest = progress.mean_return if progress.mean_return is not None else at_work.latest
            case Ended(failure=failure, seconds=seconds, will_retry=will_retry, hindrance=hindrance):
                last = self.running.pop(trial.fingerprint, None)
                if will_retry or hindrance is not None:
                    return
                if failure is not None:
                    cell.failed += 1
                    return
                cell.done += 1
                if last is None or not last.steps:
                    # Another run had done it: that took no time here, and tells nothing of what the others take.
                    return
                cell.seconds.append(seconds + last.earlier)
                if last.latest is not None:
                    cell.finals.append(last.latest)

    @property
    def done(self) -> int:
        """Trials finished, those of earlier runs included."""
        return sum(cell.done for cell in self.cells.values())

    @property
    def failed(self) -> int:
        """Trials failed for good."""
        return sum(cell.failed for cell in self.cells.values())

    @property
    def total(self) -> int:
        """Trials planned."""
        return sum(cell.total for cell in self.cells.values())

    @property
    def steps_per_second(self) -> float:
        """Training steps a second of all trials at work together, evaluations excluded."""
        paces = (
            at_work.steps / at_work.train_seconds for at_work in self.running.values() if at_work.train_seconds > 0
        )
        return sum(paces)

    def seconds_left(self, now: float, unfinished: Mapping[Cell, int]) -> float:
        """Return about how long the rest takes: the work left over the workers, but no less than the longest trial.

        By cells, however many trials they have: it is asked for at every trial's end, and several times a second.

        A trial not begun takes its cell's median; a cell without one takes its estimate, corrected by how far the
        estimates of the finished cells were off: those of its algorithm, else all.
        """
        whole, at_work = self._whole(unfinished), Counter(running.trial.cell for running in self.running.values())
        waiting = {cell: count - at_work[cell] for cell, count in unfinished.items() if count > at_work[cell]}
        rests = [self._rest(running, now, whole) for running in self.running.values()]
        work = sum(rests) + sum(count * whole[cell] for cell, count in waiting.items())
        # A cluster has as many side by side as it has room for, whatever this machine has.
        side_by_side = max(self.workers, len(self.running))
        return max([work / side_by_side, *rests, *(whole[cell] for cell in waiting)], default=0.0)

    def _whole(self, unfinished: Iterable[Cell]) -> dict[Cell, float]:
        """Return the seconds of a whole trial of each cell."""
        took = {cell: median(tally.seconds) for cell, tally in self.cells.items() if tally.seconds}
        off: dict[str, list[float]] = {}
        for cell, seconds in took.items():
            if self.cells[cell].expected:
                for name in (self.cells[cell].algorithm, ""):
                    off.setdefault(name, []).append(seconds / self.cells[cell].expected)
        by = {name: median(ratios) for name, ratios in off.items()}

        def expected(tally: CellTally) -> float:
            return tally.expected * by.get(tally.algorithm, by.get("", 1.0))

        asked = {*unfinished, *(running.trial.cell for running in self.running.values())}
        return {cell: took[cell] if cell in took else expected(self.cells[cell]) for cell in asked}

    @staticmethod
    def _rest(running: Running, now: float, whole: Mapping[Cell, float]) -> float:
        if running.share >= TRUSTED_SHARE:
            return running.seconds(now) * (1 - running.share) / running.share
        return max(0.0, whole[running.trial.cell] - running.seconds(now))


def at_work(tally: Tally) -> str:
    """Return how many trials are at work, and how many of these are not training at the moment."""
    evaluating = sum(running.doing.startswith("evaluating") for running in tally.running.values())
    return f"{len(tally.running)} running" + (f" ({evaluating} evaluating)" if evaluating else "")
