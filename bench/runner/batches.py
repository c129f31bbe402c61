"""The folders in which trials wait for a batch system: what it is to run, and what has been said of it.

`<results>/slurm/<batch>/` holds `batch.json` (its number at Slurm, where that is known, whose it is, and its trials'
names), `orders/N` (the pickled order of element N), `said/N` (what happened there, frame by frame) and `out/N` (what it
printed before its trial had a log). A batch goes when nothing of it is left at Slurm and every failure has been kept.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench import files
from bench.errors import BenchError
from bench.records import CHECKPOINT
from bench.runner.jobs import LOSSES
from bench.runner.placed import Said
from bench.runner.reasons import Standing

FOLDER, ORDERS, SAID, OUT, ABOUT = "slurm", "orders", "said", "out", "batch.json"
DONE, FAILED = "trial.json", "failure.json"
"""What the store calls them, of which the runner knows no more."""
_PREFIX = 4
"""Bytes of a frame's length."""
_PATIENCE_SECONDS = 60.0
_GLANCE_SECONDS = 10.0
"""For whoever only wants to look."""
_MOST_ELEMENTS = 1_000


class UnansweredError(BenchError):
    """Slurm may have what was given to it, or not."""


@dataclass(frozen=True, slots=True)
class Batch:
    """An array that was given to Slurm."""

    folder: Path
    job: str
    """Slurm's number of the array; empty: whoever gave it to Slurm has not heard, and Slurm has it no more."""
    trials: tuple[str, ...]
    """Name of the trial of each element, from 0."""
    attempts: tuple[int, ...] = ()
    """Which attempt each is."""
    user: int = field(default_factory=os.getuid)
    """Who gave it to Slurm."""
    cluster: str = ""
    """Whose Slurm, by its name; empty: not known."""

    def unheard(self, number: int) -> bool:
        """Return whether an element has told of a failure of its trial's own that nobody has kept."""
        folder = self.folder.parent.parent / "trials" / self.trials[number]
        if any((folder / name).exists() for name in (DONE, FAILED)):
            return False
        said, _ = read_frames(self.folder / SAID / str(number), 0)
        return any(one.ended and one.failure is not None and one.failure.kind not in LOSSES for one in said)

    def given_at(self, number: int) -> float:
        """Return when an element was given to Slurm, in seconds since the epoch; infinity: that is not known."""
        return _written_at(self.folder / ORDERS / str(number)) or float("inf")


def stored_at(folder: Path) -> float:
    """Return when the trial of a folder was last stored, in seconds since the epoch; 0: never."""
    return _written_at(folder / CHECKPOINT)


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def batches(root: Path, patience: float = _PATIENCE_SECONDS) -> list[Batch] | None:
    """Return the batches of a results folder, the oldest first; what is none is passed over.

    So are those of another user or another cluster, of which nobody here can tell how they stand. Of one whose number
    was never noted, because the run that submitted it was killed there, Slurm is asked by its name. None: there is one,
    and Slurm cannot be asked just now.
    """
    noted = [batch for batch in _noted(root) if batch.user == os.getuid()]
    if any(batch.cluster for batch in noted):
        here = cluster(patience)
        # Where either name is not known, nothing speaks against it.
        noted = [batch for batch in noted if not here or batch.cluster in {"", here}]
    if all(batch.job for batch in noted):
        return noted
    words = "--noheader", "--states=all", f"--user={os.getuid()}", "--format=%F|%k"
    told = _asked("squeue", *words, patience=patience)
    if told is None:
        return None
    numbers = {name: job for job, _, name in (line.strip().partition("|") for line in told.splitlines())}
    return [replace(batch, job=batch.job or numbers.get(batch.folder.name, "")) for batch in noted]


def note(batch: Batch) -> None:
    """Write down what a batch is."""
    told = {name: getattr(batch, name) for name in ("job", "trials", "attempts", "user", "cluster")}
    files.replace(batch.folder / ABOUT, json.dumps(told))


def _noted(root: Path) -> Iterator[Batch]:
    for about in sorted((root / FOLDER).glob(f"*/{ABOUT}")):
        with suppress(OSError, ValueError, TypeError, LookupError):
            told = json.loads(about.read_text())
            whose = int(told.get("user", os.getuid())), str(told.get("cluster", ""))
            yield Batch(
                about.parent, str(told["job"]), tuple(map(str, told["trials"])), tuple(told["attempts"]), *whose
            )


def on_its_way(batch: Batch) -> bool:
    """Return whether somebody may be giving a batch to Slurm just now."""
    try:
        return not batch.job and time.time() - (batch.folder / ABOUT).stat().st_mtime < 2 * _PATIENCE_SECONDS
    except OSError:
        return False


def forget(batch: Batch) -> None:
    """Remove a batch of which nothing is left."""
    shutil.rmtree(batch.folder, ignore_errors=True)
    with suppress(OSError):
        batch.folder.parent.rmdir()


def tidy(root: Path, over: frozenset[str] = frozenset()) -> None:
    """Remove the batches of which nothing is left at Slurm but what is `over` and about to leave."""
    there = batches(root)
    known = None if there is None else states([batch.job for batch in there])
    if there is not None and known is not None:
        forget_spent(there, left(known).keys() - over)


def forget_spent(there: Sequence[Batch], known: Collection[str]) -> None:
    """Remove, of all batches, those of which nothing is `known` at Slurm and no failure is still to be heard."""
    at_work = {place.partition("_")[0] for place in known}
    tried_again = set[str]()
    # Of a trial that was tried again the latest counts.
    for batch in reversed(there):
        latest = [number for number, name in enumerate(batch.trials) if name not in tried_again]
        tried_again.update(batch.trials)
        if batch.job not in at_work and not on_its_way(batch) and not any(map(batch.unheard, latest)):
            forget(batch)


def states(jobs: Sequence[str], patience: float = _PATIENCE_SECONDS) -> Mapping[str, Standing] | None:
    """Return what Slurm knows of arrays, by `JOB_NUMBER`, also of what is over; None: it cannot be asked just now."""
    if not any(jobs):
        return {}
    # With a list of numbers, one that it has forgotten would be an error for all.
    words = "--noheader", "--array", "--states=all", f"--user={os.getuid()}", "--format=%i|%T|%r|%P"
    done = _asked("squeue", *words, patience=patience)
    if done is None:
        return None
    told = [line.strip().split("|") for line in done.splitlines() if "|" in line]
    return {place: Standing(*how[:3]) for place, *how in told if place.partition("_")[0] in jobs}


def left(known: Mapping[str, Standing]) -> dict[str, Standing]:
    """Return of what Slurm knows what it has still to run, or runs."""
    return {place: standing for place, standing in known.items() if not standing.over}


def _asked(*words: str, patience: float = _PATIENCE_SECONDS) -> str | None:
    try:
        # Apart from the terminal, whose Ctrl-C is for us.
        done = subprocess.run(  # noqa: S603 - as below
            words, capture_output=True, text=True, timeout=patience, check=True, start_new_session=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def submit(words: Sequence[str], script: str) -> str:
    """Give a script to Slurm and return the number of its job.

    Raises:
        UnansweredError: whether Slurm has it is not known.
        BenchError: there is no Slurm here, or it refuses.
    """
    try:
        done = subprocess.run(  # noqa: S603 - words of ours and of the profile, without a shell
            ["sbatch", "--parsable", *words],  # noqa: S607
            input=script,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise BenchError("--executor slurm: there is no sbatch here; run this where jobs are submitted") from None
    except subprocess.TimeoutExpired:
        raise UnansweredError("sbatch does not answer; `sinfo` says whether Slurm is there") from None
    if done.returncode:
        raise BenchError(f"Slurm refuses: {' '.join(done.stderr.split())}")
    return done.stdout.strip().partition(";")[0]


def longest_array() -> int:
    """Return how many elements an array may have: as Slurm is configured (MaxArraySize), at most 1,000."""
    told = _configured("MaxArraySize", _PATIENCE_SECONDS)
    return max(1, min(int(told), _MOST_ELEMENTS)) if told.isdecimal() else _MOST_ELEMENTS


def cluster(patience: float = _PATIENCE_SECONDS) -> str:
    """Return the name of the cluster whose Slurm answers here; empty where it does not say."""
    return _configured("ClusterName", patience)


def _configured(name: str, patience: float) -> str:
    told = re.search(rf"{name}\s*=\s*(\S+)", _asked("scontrol", "show", "config", patience=patience) or "")
    return told[1] if told else ""


def cancel(jobs: Sequence[str]) -> bool:
    """Tell Slurm to end jobs, of which those at work are told to go first; return whether it has heard."""
    return not jobs or _asked("scancel", *jobs) is not None


class Speaker:
    """Appends messages to a file: whole ones alone, whatever killed processes and full disks leave there."""

    def __init__(self, path: Path) -> None:
        self._path, self._end = path, read_frames(path, 0)[1]

    def say(self, said: Said) -> bool:
        """Append one message with a single write; return whether all of it is there, and as good as nothing if not."""
        content = pickle.dumps(said)
        frame = len(content).to_bytes(_PREFIX, "big") + content
        try:
            # Opened each time: a server that has forgotten a file's handle does not remember it.
            with self._path.open("ab", buffering=0) as file:
                at = min(self._end, file.tell())
                if file.tell() > at:
                    # What is left of a message would hide those that follow.
                    file.truncate(at)
                whole = file.write(frame) == len(frame)
        except OSError:
            return False
        self._end = at + len(frame) if whole else at
        return whole


def read_frames(path: Path, offset: int) -> tuple[list[Said], int]:
    """Return the messages that are whole from `offset` on, and where the next begins; none behind a damaged one."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            content = file.read()
    except OSError:
        return [], offset
    found, at = [], 0
    while at + _PREFIX <= len(content):
        end = at + _PREFIX + int.from_bytes(content[at : at + _PREFIX], "big")
        if end > len(content):
            break
        try:
            found.append(pickle.loads(content[at + _PREFIX : end]))  # noqa: S301 - written by our own element
        except Exception:  # noqa: BLE001 - whatever pickle makes of half a message
            break
        at = end
    return found, offset + at


def standing(root: Path) -> dict[str, tuple[str, str]]:
    """Return how trials wait at Slurm, by name, and why, in its word.

    They are `queued`, or `preempted` where one had begun and waits again. What is at work there is held by a lock, as
    everywhere.
    """
    there = batches(root, _GLANCE_SECONDS) or []
    known = states([batch.job for batch in there], _GLANCE_SECONDS) or {}
    found = {}
    for batch in there:
        for number, name in enumerate(batch.trials):
            one = known.get(f"{batch.job}_{number}")
            if one is not None and one.waits:
                begun = (batch.folder / SAID / str(number)).exists()
                found[name] = "preempted" if begun else "queued", one.reason
    return found
