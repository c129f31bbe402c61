"""A tally in, lines on a terminal out: live, plain, quiet or JSON."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from statistics import mean
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from bench.console import STOPPING, Terminal, say_stopping
from bench.plain import json_text, plain
from bench.progress.tally import Cell, CellTally, Tally, at_work
from bench.records import Trial
from bench.report.words import duration
from bench.runner.jobs import Ended, Event, Hindrance, Job, Progressed, Slowed
from bench.store.survey import Survey

BAR_WIDTH = 20
PLAIN_EVERY_SECONDS = 30.0


class Display(Protocol):
    """Shows a run while it lasts."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End, whatever happened."""

    def hear(self, event: Event) -> None:
        """Take in one event."""

    def stopping(self) -> None:
        """Say that the trials at work are ending; called from a signal handler."""


class _Base:
    """What all displays share: the tally, the jobs not ended, and nothing to do at the ends."""

    def __init__(
        self, tally: Tally, jobs: Sequence[Job], console: Console, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.tally, self.console, self.clock = tally, console, clock
        self._unfinished = Counter(job.trial.cell for job in jobs)
        for job in jobs:
            tally.cells[job.trial.cell].expected = job.expected_seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def hear(self, event: Event) -> None:
        """Count the event, and show it."""
        self.tally.hear(event, self.clock())
        if (ended := _for_good(event)) is not None:
            self._unfinished -= Counter([event.job.trial.cell])
            self.show_end(ended)
        if (seconds := _slow_for(event)) is not None:
            trial = event.job.trial
            self.show_slow(
                f"{trial.label} on {trial.environment}, seed {trial.seed}: at work for {duration(seconds)}, far longer "
                "than expected; its steps still come, so it goes on (`limits: {timeout_minutes: ...}` would end it)"
            )

    def stopping(self) -> None:
        """Say it at once, whatever is being written."""
        say_stopping()

    def show_slow(self, what: str) -> None:
        """Show that a trial takes long."""

    def show_end(self, event: Ended) -> None:
        """Show a trial that is over."""

    def left(self) -> str:
        """Return the time left in words, and what it is judged by."""
        if not self._unfinished:
            return "nothing left to run"
        about = f"about {duration(self.tally.seconds_left(self.clock(), self._unfinished))} left"
        return about if self.tally.done else f"{about} (a guess: no trial has finished yet)"


class QuietDisplay(_Base):
    """Says nothing; the command's last lines are enough."""


class JsonDisplay(_Base):
    """One JSON object a line for every trial that starts or ends."""

    def hear(self, event: Event) -> None:
        """Print the event."""
        latest = self.tally.running.get(event.job.trial.fingerprint)
        super().hear(event)
        if isinstance(event, Progressed):
            return
        trial = event.job.trial
        line: dict[str, object] = {
            "event": type(event).__name__.lower(),
            "algorithm": trial.label,
            "environment": trial.environment,
            "seed": trial.seed,
            "attempt": event.job.attempt,
            "folder": str(event.job.folder),
        }
        if isinstance(event, Slowed):
            line["seconds"] = round(event.seconds, 3)
        if isinstance(event, Ended):
            line |= {
                "seconds": round(event.seconds, 3),
                "failure": event.failure and {"kind": event.failure.kind, "message": event.failure.message},
                "hindrance": event.hindrance and {"kind": event.hindrance.kind, "message": event.hindrance.message},
                "will_retry": event.will_retry,
                "mean_return": latest.latest if latest and event.done else None,
                "done": self.tally.done,
                "failed": self.tally.failed,
                "total": self.tally.total,
            }
        self.console.out(json_text(line), highlight=False)


class PlainDisplay(_Base):
    """A line for every trial that ends, and one now and then between: for logs and pipes."""

    def __init__(
        self, tally: Tally, jobs: Sequence[Job], console: Console, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(tally, jobs, console, clock)
        self._said = self.clock()

    def hear(self, event: Event) -> None:
        """Count the event; say where the run is if nothing was said for a while."""
        super().hear(event)
        if self.clock() - self._said > PLAIN_EVERY_SECONDS:
            self._say(f"{at_work(self.tally)}, {self.tally.steps_per_second:,.0f} steps/s")

    def show_slow(self, what: str) -> None:
        """Say it."""
        self._say(what)

    def show_end(self, event: Ended) -> None:
        """Say what became of a trial."""
        trial = event.job.trial
        if event.hindrance:
            what = _hindered(event.hindrance)
        elif event.failure:
            what = f"FAILED, {event.failure.kind}: {event.failure.message}"
        else:
            what = _final(self.tally, event)
        self._say(f"{trial.label} on {trial.environment}, seed {trial.seed}: {what}")

    def _say(self, what: str) -> None:
        self._said = self.clock()
        count = f"[{self.tally.done + self.tally.failed}/{self.tally.total}]"
        self.console.out(plain(f"{count} {what}; {self.left()}"), highlight=False)


class LiveDisplay(_Base):
    """A table of all cells that keeps itself up to date, for a terminal."""

    def __init__(
        self, tally: Tally, jobs: Sequence[Job], console: Console, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(tally, jobs, console, clock)
        self._stopping = False
        self._live = Live(console=console, get_renderable=self.picture, refresh_per_second=4, transient=False)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The terminal may be gone.
        with suppress(OSError):
            self._live.__exit__(kind, error, trace)

    def show_end(self, event: Ended) -> None:
        """Let failures and hindrances scroll by above the table; the rest is in it."""
        trial = event.job.trial
        if event.hindrance:
            told = f"{trial.label} on {trial.environment}, seed {trial.seed}: {_hindered(event.hindrance)}"
            self._live.console.print(Text(told, style="yellow"))
        if event.failure:
            self._live.console.print(
                Text(
                    plain(f"{trial.label} on {trial.environment}, seed {trial.seed} failed, {event.failure.kind}: "),
                    style="red",
                )
                + Text(plain(event.failure.message)),
            )

    def stopping(self) -> None:
        """Have the next picture say it: the table would wipe out what is written beside it."""
        self._stopping = True

    def show_slow(self, what: str) -> None:
        """Let it scroll by above the table, too."""
        self._live.console.print(Text(plain(what), style="yellow"))

    def picture(self) -> RenderableType:
        """Return the table as it is now, with as many cells as the terminal has room for."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("algorithm", "environment"):
            table.add_column(name, no_wrap=True)
        table.add_column("done", no_wrap=True)
        for name in ("", "failed", "latest return", "steps/s"):
            table.add_column(name, justify="right", no_wrap=True)
        rows, hidden = self._rows()
        for cell in rows:
            table.add_row(*self._row(*cell))
        status = Text(
            f"{self.tally.done} of {self.tally.total} trials done"
            + (f", {self.tally.failed} failed" if self.tally.failed else "")
            + f" · {at_work(self.tally)} · {self.tally.steps_per_second:,.0f} steps/s · {self.left()}"
        )
        note = Text(f"{hidden} cells not shown", style="dim") if hidden else Text("")
        return Group(table, note, status, *([Text(STOPPING, style="yellow")] if self._stopping else []))

    def _rows(self) -> tuple[list[tuple[str, str]], int]:
        """Return the cells to show, those at work and unfinished first when not all fit, and how many are left out."""
        cells = list(self.tally.cells)
        room = max(3, self.console.height - 6)
        if len(cells) <= room:
            return cells, 0
        at_work = {running.trial.cell for running in self.tally.running.values()}
        urgent = sorted(cells, key=lambda cell: (cell not in at_work, self._finished(self.tally.cells[cell])))[:room]
        return [cell for cell in cells if cell in urgent], len(cells) - room

    @staticmethod
    def _finished(cell: CellTally) -> bool:
        return cell.done + cell.failed == cell.total

    def _row(self, label: str, environment: str) -> tuple[RenderableType, ...]:
        cell = self.tally.cells[label, environment]
        running = [one for one in self.tally.running.values() if one.trial.cell == (label, environment)]
        latest = [one.latest for one in running if one.latest is not None] or cell.finals
        pace = sum(one.steps / one.train_seconds for one in running if one.train_seconds > 0)
        return (
            Text(plain(label), style="bold" if running else ""),
            Text(plain(environment)),
            _bar(cell, sum(one.share for one in running)),
            f"{cell.done}/{cell.total}",
            Text(str(cell.failed), style="red") if cell.failed else "",
            f"{mean(latest):,.1f}" if latest else "",
            f"{pace:,.0f}" if pace else "",
        )


def shown(
    cells: Mapping[Cell, Sequence[Trial]],
    jobs: Sequence[Job],
    survey: Survey,
    *,
    quiet: bool = False,
    as_json: bool = False,
) -> Display:
    """Return the display that fits whoever reads.

    Args:
        cells: every trial of the run, in the order in which cells are shown.
        jobs: those that are to run.
        survey: how the others stand.
        quiet: whether to show nothing.
        as_json: whether a program reads.
    """
    planned, to_run = list(chain.from_iterable(cells.values())), {job.trial.fingerprint for job in jobs}
    states = [(trial, survey.state(trial)) for trial in planned if trial.fingerprint not in to_run]
    done, failed = ([trial for trial, state in states if state == name] for name in ("done", "failed"))
    return display_of(planned, done, failed, jobs, quiet=quiet, as_json=as_json)


def display_of(
    planned: Sequence[Trial],
    done: Sequence[Trial],
    failed: Sequence[Trial],
    jobs: Sequence[Job],
    *,
    quiet: bool = False,
    as_json: bool = False,
) -> Display:
    """Return the same as `shown`, where it is known already which trials are done and which failed."""
    console = Terminal()
    kind = JsonDisplay if as_json else QuietDisplay if quiet else LiveDisplay if console.is_terminal else PlainDisplay
    return kind(Tally(planned, done, failed, jobs[0].workers if jobs else 1), jobs, console)


def _bar(cell: CellTally, at_work: float) -> Text:
    """Return done, failed, at work and waiting as one bar, told apart by glyph as well as by colour."""
    shares = (cell.done / cell.total, cell.failed / cell.total, at_work / cell.total)
    done, failed, running = (round(share * BAR_WIDTH) for share in shares)
    waiting = max(0, BAR_WIDTH - done - failed - running)
    bar = Text("━" * done, style="green") + Text("✗" * failed, style="red") + Text("╸" * running, style="cyan")
    return bar + Text("·" * waiting, style="dim")


def _hindered(hindrance: Hindrance) -> str:
    if hindrance.kind == "elsewhere":
        return "left to another `bench run` on this folder"
    return f"NOT RUN TO ITS END: {hindrance.message}"


def _for_good(event: Event) -> Ended | None:
    return event if isinstance(event, Ended) and not event.will_retry else None


def _slow_for(event: Event) -> float | None:
    return event.seconds if isinstance(event, Slowed) else None


def _final(tally: Tally, event: Ended) -> str:
    finals = tally.cells[event.job.trial.cell].finals
    return (f"mean return {finals[-1]:.1f} " if finals else "") + f"in {duration(event.seconds)}"
