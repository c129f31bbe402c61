"""Jobs in, events out: trials as elements of Slurm's job arrays, each under a keeper on its machine.

Slurm finds a machine and holds it to the profile's limits. What becomes of a trial its own element says, into a file on
the storage that all machines share; Slurm's accounting, which many clusters lack, is not asked. What was submitted goes
on when whoever submitted it has gone, and the same command takes it up again.
"""

from __future__ import annotations

import os
import pickle
import shlex
import sys
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.errors import BenchError, HindranceError, hindering
from bench.records import Failure
from bench.runner.batches import (
    DONE,
    FOLDER,
    ORDERS,
    OUT,
    SAID,
    Batch,
    UnansweredError,
    batches,
    cancel,
    cluster,
    forget,
    forget_spent,
    left,
    longest_array,
    note,
    on_its_way,
    read_frames,
    states,
    stored_at,
    submit,
    tidy,
)
from bench.runner.jobs import LOST_NODE, Ended, Event, Hindrance, Job, RetryPolicy
from bench.runner.placed import Order, Said
from bench.runner.profile import Profile
from bench.runner.reasons import Standing

LOOK_SECONDS = 1.0
"""Between two looks into what elements say."""
ASK_SECONDS = 5.0
GONE_SECONDS = 90.0
"""Storage of many machines shows with delay what another has written."""
AGAIN_SECONDS = 60.0
"""Until what Slurm has refused, because it takes no more at once, say, is submitted again."""
PATIENCE_SECONDS = 30.0
"""How long trials may take to end when they are told to."""
NOTICE_SECONDS = 90
"""Before its time is up a trial is told to store itself. Slurm may tell it up to a minute earlier still."""
_LOG = "log.txt"
"""What a keeper begins a trial with."""
_SPOKEN = 2_000
_MEMORY_WORDS = ("memory limit", "oom-kill", "oom_kill", "Out Of Memory")


@dataclass(slots=True)
class _Placed:
    """A job that Slurm has."""

    job: Job
    batch: Batch
    number: int
    heard: int = 0
    """Bytes of what was said."""
    ended: bool = False
    gone_since: float | None = None
    last: Standing | None = None
    """What Slurm said when it was over."""
    in_vain: bool = False
    """Whether it waited in vain when Slurm was last asked."""

    @property
    def place(self) -> str:
        """What Slurm calls it."""
        return f"{self.batch.job}_{self.number}"


class SlurmExecutor:
    """Runs trials as elements of job arrays.

    An executor serves one run. `stop`, `leave` and `drain` may be called from other threads and from signal handlers.
    """

    def __init__(
        self,
        profile: Profile,
        *,
        most: int | None = None,
        ask_seconds: float = ASK_SECONDS,
        gone_seconds: float = GONE_SECONDS,
        again_seconds: float = AGAIN_SECONDS,
    ) -> None:
        """Take what each trial asks for.

        Args:
            profile: of the cluster.
            most: trials side by side; None: as the profile says, or as Slurm has room.
            ask_seconds: between two questions to Slurm.
            gone_seconds: how long a last word may take to be seen here, once Slurm has forgotten who said it.
            again_seconds: until what Slurm has refused is submitted again.
        """
        limits = [number for number in (profile.at_once, most) if number is not None]
        self._profile, self._most = profile, min(limits, default=None)
        self._retries = RetryPolicy()
        self._draining, self._left, self._stops = False, False, 0
        self._give_up_at = float("inf")
        self._ask_seconds, self._gone_seconds, self._again_seconds = ask_seconds, gone_seconds, again_seconds
        self._asked_at, self._submit_at = 0.0, 0.0
        self._cancelled = False
        self._pending = frozenset[str]()
        """What Slurm calls those that had not begun when it was last asked."""
        self._over = set[str]()
        """What Slurm calls those that have said their last word."""

    def drain(self) -> None:
        """Submit no further job; those at Slurm run."""
        self._draining = True

    def stop(self) -> None:
        """Cancel what is queued and end the trials at work, politely; a second call does not wait for that."""
        self._draining = True
        self._stops += 1

    def leave(self) -> None:
        """Leave everything to Slurm: nobody listens any more, and the same command takes it up again."""
        self._draining = self._left = True

    def events(self, jobs: Sequence[Job]) -> Generator[Event, None, None]:
        """Submit all jobs that Slurm does not have yet, and tell what happens; see `bench.runner.jobs.Executor`.

        Raises:
            BenchError: there is no Slurm here, or it refuses.
            HindranceError: the batch cannot be written.
        """
        if not jobs:
            return
        root = jobs[0].folder.parent.parent
        placed = self._taken_up(root, jobs)
        names = {one.job.trial.name for one in placed}
        waiting = [job for job in jobs if job.trial.name not in names]
        while placed or (waiting and not self._draining):
            if waiting and not self._draining and time.monotonic() >= self._submit_at:
                yield from self._submitted(root, waiting, placed)
            time.sleep(LOOK_SECONDS)
            yield from self._listen(placed, waiting)
            if self._heed(placed):
                break
        if self._stops and placed and not self._cancelled:
            numbers = " ".join(sorted({one.batch.job for one in placed}))
            yield _hindered(placed[0].job, f"Slurm has not heard that all is to end: scancel {numbers}")
        tidy(root, frozenset(self._over))

    def _taken_up(self, root: Path, jobs: Sequence[Job]) -> list[_Placed]:
        """Return the jobs that an earlier run has submitted and Slurm still has."""
        there = batches(root)
        known = None if there is None else states([batch.job for batch in there])
        if there is None or known is None:
            raise BenchError("Slurm does not say what it has (squeue): nothing was submitted; try again when it does")
        known = left(known)
        wanted = {job.trial.name: job for job in jobs}
        if any(on_its_way(batch) and not wanted.keys().isdisjoint(batch.trials) for batch in there):
            raise BenchError("a run that has ended may have given these trials to Slurm: try again in two minutes")
        found = []
        # Of a trial that was tried again the latest counts.
        for batch in reversed(there):
            at_slurm = {number for number in range(len(batch.trials)) if f"{batch.job}_{number}" in known}
            mine = [
                number
                for number, name in enumerate(batch.trials)
                if name in wanted and (number in at_slurm or batch.unheard(number))
            ]
            for number in mine:
                job = wanted.pop(batch.trials[number])
                found.append(_Placed(replace(job, attempt=batch.attempts[number]), batch, number))
        forget_spent(there, known)
        return found

    def _submitted(self, root: Path, waiting: list[Job], placed: list[_Placed]) -> Iterator[Event]:
        """Give what waits to Slurm; where so many may run at once, after what it has: it counts within one array.

        What it refuses waits on while it has others, for it may take more when some of these have gone.

        Raises:
            BenchError: it refuses, and has had nothing of this run.
        """
        # What it has forgotten it refuses to wait for.
        earlier = states([one.batch.job for one in placed]) if self._most else None
        after = {place.partition("_")[0] for place in left(earlier or {})}
        most = longest_array() if len(waiting) > 1 else 1
        while waiting and not self._draining:
            part = waiting[:most]
            folder = (root / FOLDER / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(3).hex()}").absolute()
            try:
                with hindering(folder, "a batch cannot be written"):
                    batch = self._given(folder, part, sorted(after))
            except BenchError as error:
                if not placed and not self._over:
                    raise
                self._submit_at = time.monotonic() + self._again_seconds
                # Those that it may have are never submitted twice; the same command finds them.
                lost = part if isinstance(error, UnansweredError) else [] if placed else list(waiting)
                del waiting[: len(lost)]
                kind = error.kind if isinstance(error, HindranceError) else HindranceError.kind
                yield from (_hindered(job, str(error), kind) for job in lost)
                return
            del waiting[: len(part)]
            after.add(batch.job)
            placed += [_Placed(job, batch, element) for element, job in enumerate(part)]

    def _given(self, folder: Path, part: Sequence[Job], after: Sequence[str]) -> Batch:
        """Give a batch to Slurm; of one that is refused, or cannot be noted, nothing is left.

        Of one that may have come there its name is left, by which it is found.
        """
        names, attempts = tuple(job.trial.name for job in part), tuple(job.attempt for job in part)
        batch = Batch(folder, "", names, attempts, cluster=cluster())
        try:
            self._write(folder, part)
            # Before it is one: who is killed in between leaves what its name is found by.
            note(batch)
            batch = replace(batch, job=submit(self._words(folder, part, after), self._script(folder)))
            note(batch)
        except UnansweredError:
            raise
        except BaseException:
            cancel([batch.job] if batch.job else [])
            forget(batch)
            raise
        return batch

    def _write(self, folder: Path, jobs: Sequence[Job]) -> None:
        for name in (ORDERS, SAID, OUT):
            (folder / name).mkdir(parents=True)
        token = str(folder / "shared"), os.urandom(16).hex()
        (folder / "shared").write_text(token[1])
        for number, job in enumerate(jobs):
            # Slurm gives it a whole GPU.
            order = Order.of(replace(job, packed=1), token)
            (folder / ORDERS / str(number)).write_bytes(pickle.dumps(order))

    def _words(self, folder: Path, jobs: Sequence[Job], after: Sequence[str]) -> list[str]:
        """Return the options of `sbatch`."""
        profile, cores = self._profile, max(job.threads for job in jobs)
        throttle = f"%{self._most}" if self._most else ""
        given = {
            "array": f"0-{len(jobs) - 1}{throttle}",
            "job-name": f"bench-{folder.parent.parent.name}",
            "comment": folder.name,
            "dependency": f"afterany:{':'.join(after)}" if self._most and after else "",
            "chdir": os.getcwd(),  # noqa: PTH109 - it travels as text
            "output": f"{folder / OUT}/%a",
            "open-mode": "append",
            "signal": f"B:USR1@{NOTICE_SECONDS}",
            "time": str(profile.minutes),
            "cpus-per-task": str(cores),
            "partition": profile.partition,
            "account": profile.account,
            "qos": profile.qos,
            "constraint": profile.constraint,
            "mem": f"{profile.memory_gb * 1024:.0f}M" if profile.memory_gb else "",
            "gpus": str(profile.gpus) if profile.gpus else "",
        }
        return ["--requeue", *(f"--{name}={value}" for name, value in given.items() if value), *profile.options]

    def _script(self, folder: Path) -> str:
        # Without a shell between, what Slurm sends to the script comes to the element, and to nothing else.
        run = f"exec {shlex.join([sys.executable, '-m', 'bench.runner.element', str(folder)])} $SLURM_ARRAY_TASK_ID"
        return "\n".join(["#!/bin/bash", *self._profile.setup, run, ""])

    def _listen(self, placed: list[_Placed], waiting: list[Job]) -> Iterator[Event]:
        """Take what has been said by now, from each; then see whom Slurm has forgotten, and who waits in vain."""
        known = self._known(placed)
        for one in placed:
            if one.place in self._pending:
                one.gone_since = None
                continue
            messages, one.heard = read_frames(one.batch.folder / SAID / str(one.number), one.heard)
            for message in _latest(messages):
                yield from self._heard(one, message, waiting)
            if not one.ended and known is not None:
                yield from self._looked_for(one, known.get(one.place), waiting)
        if known is not None:
            yield from self._given_up(placed, known)
        self._over.update(one.place for one in placed if one.ended)
        placed[:] = [one for one in placed if not one.ended]

    def _known(self, placed: Sequence[_Placed]) -> Mapping[str, Standing] | None:
        """Return what Slurm knows, asked now and then; None where nothing new is known."""
        now = time.monotonic()
        if now < self._asked_at + self._ask_seconds:
            return None
        self._asked_at = now
        known = states(sorted({one.batch.job for one in placed}))
        self._pending = frozenset(place for place, standing in (known or {}).items() if standing.waits)
        return known

    def _given_up(self, placed: Sequence[_Placed], known: Mapping[str, Standing]) -> Iterator[Event]:
        """Cancel and tell of those that wait for what only a person can mend, now and when Slurm was asked before.

        What Slurm does not hear is told it again.
        """
        vain = []
        for one in placed:
            remedy = known[one.place].remedy if one.place in known else ""
            vain += [(one, remedy)] if remedy and one.in_vain else []
            one.in_vain = bool(remedy)
        if not cancel(self._names([one for one, _ in vain], known)):
            return
        for one, remedy in vain:
            one.ended = True
            yield _hindered(one.job, f"Slurm will not start {one.place} ({known[one.place].reason}): {remedy}")

    def _names(self, placed: Sequence[_Placed], known: Mapping[str, Standing] | None) -> list[str]:
        """Return by what names Slurm is told to cancel these: an array of which it has nothing else, by its number."""
        these = {one.place for one in placed} | self._over
        others = None if known is None else left(known).keys() - these
        shared = {place.partition("_")[0] for place in (these if others is None else others)}
        return sorted({one.place if one.batch.job in shared else one.batch.job for one in placed})

    def _heard(self, one: _Placed, message: Said, waiting: list[Job]) -> Iterator[Event]:
        event = message.event(one.job)
        if isinstance(event, Ended):
            one.ended = True
            if event.failure is not None:
                event = replace(event, will_retry=self._retried(one.job, event.failure.kind, waiting))
        yield event

    def _looked_for(self, one: _Placed, standing: Standing | None, waiting: list[Job]) -> Iterator[Event]:
        """Take in how one stands that has said no last word, and tell of it where Slurm no longer has it."""
        if standing is not None and not standing.over:
            one.gone_since = one.last = None
            return
        # Slurm forgets it soon, maybe before its last word can be seen here.
        one.last = standing or one.last
        now = time.monotonic()
        one.gone_since = one.gone_since or now
        if now >= one.gone_since + self._gone_seconds and not self._stops:
            yield from self._missed(one, waiting)

    def _missed(self, one: _Placed, waiting: list[Job]) -> Iterator[Event]:
        """Tell of one that has ended without a last word."""
        one.ended = True
        if (one.job.folder / DONE).exists():
            yield Ended(one.job, None, 0.0)
            return
        word, ending = (one.last.word, one.last.ending) if one.last else ("", "")
        printed = self._printed(one)
        spent = word == "OUT_OF_MEMORY" or any(said in printed for said in _MEMORY_WORDS)
        kind = "out_of_memory" if spent else LOST_NODE
        begun = ending or spent or (one.job.folder / _LOG).exists()
        hint = "" if begun else "; the results' folder must be one that all machines share"
        told = f"Slurm's {one.place} {ending or 'ended without a word'}{f': {printed}' if printed else ''}{hint}"
        failure = Failure(one.job.trial, kind, told, attempt=one.job.attempt)
        again = word == "PREEMPTED" and stored_at(one.job.folder) > one.batch.given_at(one.number)
        yield Ended(one.job, failure, 0.0, will_retry=self._retried(one.job, kind, waiting, free=again))

    def _retried(self, job: Job, kind: str, waiting: list[Job], *, free: bool = False) -> bool:
        """Note the attempt that follows one that failed by a kind, and return whether one does.

        One that is `free`, as the last has come further, does not count: it may be tried as often.
        """
        following = replace(job, attempt=job.attempt + 1) if free else self._retries.next_attempt(job, kind)
        if following is None or self._draining:
            return False
        waiting.append(following)
        return True

    def _printed(self, one: _Placed) -> str:
        try:
            content = (one.batch.folder / OUT / str(one.number)).read_bytes()[-_SPOKEN:]
        except OSError:
            return ""
        return " ".join(content.decode(errors="replace").split())

    def _heed(self, placed: Sequence[_Placed]) -> bool:
        """Do what `stop` or `leave` want; return whether to wait no longer."""
        if self._left:
            return True
        if not self._stops:
            return False
        now = time.monotonic()
        if self._give_up_at == float("inf"):
            self._give_up_at = now + PATIENCE_SECONDS
        known = states(sorted({one.batch.job for one in placed}))
        # Of what is over scancel may complain; where Slurm does not say it, all may be there.
        places = {one.place for one in placed} if known is None else left(known).keys()
        there = [one for one in placed if one.place in places]
        self._cancelled = self._cancelled or not there or cancel(self._names(there, known))
        return self._stops > 1 or now > self._give_up_at or not there


def _hindered(job: Job, why: str, kind: str = HindranceError.kind) -> Ended:
    return Ended(job, None, 0.0, hindrance=Hindrance(kind, why))


def _latest(messages: Sequence[Said]) -> list[Said]:
    """Return messages without what was told of progress before the last that tells of it."""
    last = max((number for number, said in enumerate(messages) if said.progress is not None), default=-1)
    return [said for number, said in enumerate(messages) if said.progress is None or number == last]
