"""A seed in, a table of what thousands of wrong inputs did to the commands that read them out.

Suites, stored records and other tools' files, each a real one with something wrong or a generated one (see
`fuzz_inputs.py`), are given to the commands that read such things: in the process of a worker, whose every input has an
alarm and a measure of its memory. What may come is a result or a sentence; a traceback, a hang, memory beyond the cap
or a control character on the terminal may not. Each input is drawn from the seed and its own number: `--only suites
--input 17` tries that one again. Exit code 1 when anything was found.

    python benchmarks/fuzz.py --inputs 10000 --seed 0 --keep found
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import resource
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import FrameType

import numpy as np
from fuzz_inputs import KINDS, TEMPLATE, Command, shares

HERE = Path(__file__).resolve()
PLACE = "FUZZ_PLACE"
"""Variable that names the folder where commands are given."""
CHUNK = 250
"""Inputs of one worker."""
MOST_CPU_SECONDS = 10.0
"""Of one input: the slowest sound ones take a tenth."""
MOST_WALL_SECONDS = 300.0
"""Without a word of a worker, whose machine may be busy otherwise; no alarm in there, for the command has its own."""
MOST_MEGABYTES = 600
"""More than before an input; the real files behind these inputs have a few kilobytes."""
ADDRESSES = 12 * 2**30
"""A worker's own limit of addresses, in bytes: what would fill the machine fails here."""
COMMANDS_OWN = (signal.SIGALRM, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
REFUSED = 2
EXIT_CODES = {0, 1, REFUSED}
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
OUTCOMES = ("read", "refused", "traceback", "hang", "memory", "control", "died")
FINE = {"read", "refused"}
SOUND = """
name: results
seeds: 2
evaluation: {points: 2, episodes: 2, final_episodes: 3}
algorithms: [q_learning, random]
environments:
  bench/Corridor-v0: {steps: 300}
  FrozenLake-v1: {steps: 300}
"""


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one input."""

    number: int
    outcome: str
    """One of OUTCOMES."""
    place: str = ""
    """The innermost line of the product, for what should not be."""
    detail: str = ""
    cpu_seconds: float = 0.0
    """Of the slowest of its commands, in this process: what environments and learners take in theirs is not counted."""
    megabytes: float = 0.0
    """At the peak of the largest of its commands, more than before it."""


class HangError(BaseException):
    """The alarm: no `Exception`, lest the product hold it for one of its own."""


def _alarm(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise HangError


# --- In a worker.


def work(kind: str, first: int, count: int, seed: int, keep: Path | None) -> None:
    """Try these inputs one after the other, and print a line of JSON for each."""
    from bench.cli import main as _  # noqa: F401, PLC0415 - before memory is measured

    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    signal.signal(signal.SIGPROF, _alarm)
    for number in range(first, first + count):
        with tempfile.TemporaryDirectory(prefix="fuzz-", ignore_cleanup_errors=True) as folder:
            told = attempt(kind, number, seed, Path(folder))
            if keep and told.outcome not in FINE:
                shutil.copytree(folder, keep / f"{kind}-{number}", symlinks=True, ignore=_special, dirs_exist_ok=True)
        sys.stdout.write(json.dumps(asdict(told)) + "\n")
        sys.stdout.flush()


def _special(folder: str, names: list[str]) -> list[str]:
    """Return what cannot or need not be copied: pipes, and files of gigabytes."""
    paths = [Path(folder, name) for name in names]
    odd = [path for path in paths if path.is_fifo() or (path.is_file() and path.stat().st_size > 2**26)]
    return [path.name for path in odd]


def attempt(kind: str, number: int, seed: int, folder: Path) -> Told:
    """Make one input and give it to its commands, until one of them does what it should not."""
    rng = np.random.default_rng([seed, sorted(KINDS).index(kind), number])
    commands = KINDS[kind].make(rng, folder)
    (folder / "commands").write_text(repr(commands))
    told = Told(number, "refused")
    for place, command in enumerate(commands):
        start = time.process_time()
        following = call(number, command, folder)
        cost = max(told.cpu_seconds, time.process_time() - start), max(told.megabytes, following.megabytes)
        if following.outcome not in FINE or place == 0:
            told = following
        told = replace(told, cpu_seconds=cost[0], megabytes=cost[1])
        if told.outcome != "read":
            break
    return told


def call(number: int, words: Command, folder: Path) -> Told:
    """Run one command in this process, as from a shell."""
    said = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    # One place for all: what a look at an environment found is remembered by the folder it was looked at from.
    os.chdir(os.environ.get(PLACE, folder))
    before = _forget_peak()
    # The command ends its process, deaf to whatever comes then; this one goes on.
    handlers = {handled: signal.getsignal(handled) for handled in COMMANDS_OWN}
    signal.setitimer(signal.ITIMER_PROF, MOST_CPU_SECONDS)
    try:
        with redirect_stdout(said), redirect_stderr(said):
            code = _exit_code(words)
    except HangError as hang:
        return Told(number, "hang", _place(hang), words[0])
    except BaseException as error:  # noqa: BLE001 - whatever comes out is what is looked for
        text = "".join(traceback.format_exception(error))
        return Told(number, "traceback", f"{type(error).__name__} at {_place(error)}", text[-3000:])
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        for handled, handler in handlers.items():
            signal.signal(handled, handler)
        os.chdir("/")
    said.flush()
    text = said.buffer.getvalue().decode(errors="replace")
    return _judged(number, words[0], code, text, _peak() - before)


def _exit_code(words: Command) -> object:
    from bench.cli import main as command  # noqa: PLC0415 - the parent needs none

    sys.argv = ["bench", *words]
    try:
        command()
    except SystemExit as end:
        return end.code or 0


def _judged(number: int, command: str, code: object, text: str, megabytes: float) -> Told:
    if code not in EXIT_CODES:
        return Told(number, "died", f"exit code {code}", command)
    if megabytes > MOST_MEGABYTES:
        return Told(number, "memory", command, f"{megabytes:.0f} MB", megabytes=megabytes)
    if found := CONTROL.search(text):
        return Told(number, "control", command, repr(text[max(0, found.start() - 80) : found.start() + 40]))
    return Told(number, "refused" if code == REFUSED else "read", megabytes=megabytes)


def _place(error: BaseException) -> str:
    """Return the innermost line of the product that an error passed."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if f"{os.sep}bench{os.sep}" in frame.filename
    ]
    if not frames:
        return "?"
    return f"{frames[-1].filename.rpartition(f'{os.sep}bench{os.sep}')[2]}:{frames[-1].lineno}"


def _forget_peak() -> float:
    """Let the kernel forget the largest size so far, and return the size now in MB."""
    Path("/proc/self/clear_refs").write_text("5")
    return _megabytes("VmRSS")


def _peak() -> float:
    return _megabytes("VmHWM")


def _megabytes(name: str) -> float:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return float(line.split()[1]) / 1024


# --- In the parent.


def results_of(chunk: tuple[str, int, int], given: argparse.Namespace) -> Iterator[Told]:
    """Yield what became of these inputs; a worker that dies or falls silent is replaced after the input it was at."""
    kind, first, count = chunk
    end = first + count
    while first < end:
        for told in _talk(kind, first, end - first, given):
            yield told
            first = told.number + 1


def _talk(kind: str, first: int, count: int, given: argparse.Namespace) -> Iterator[Told]:
    words = ["--work", kind, "--input", str(first), "--inputs", str(count), "--seed", str(given.seed)]
    words += ["--keep", str(given.keep)] if given.keep else []
    command = [sys.executable, str(HERE), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None  # noqa: S101 - a pipe was asked for
        number = first
        with selectors.DefaultSelector() as ready:
            ready.register(worker.stdout, selectors.EVENT_READ)
            while number < first + count:
                if not ready.select(MOST_WALL_SECONDS):
                    yield Told(number, "hang", "no word", f"for {MOST_WALL_SECONDS:.0f} s")
                    break
                if not (line := worker.stdout.readline()):
                    yield Told(number, "died", f"exit code {worker.wait()}", worker.stderr.read()[-500:])  # type: ignore[union-attr]
                    break
                yield Told(**json.loads(line))
                number += 1
        worker.kill()


def template(folder: Path) -> Path:
    """Return real results: of two learners on two environments, one trial of each failed."""
    from bench.records import Failure, Record  # noqa: PLC0415 - the path is set by now
    from bench.store import Store, read  # noqa: PLC0415 - as above

    suite = folder / "results.yaml"
    suite.write_text(SOUND)
    command = [sys.executable, "-m", "bench.cli", "run", str(suite), "--results", str(folder), "--no-report", "--quiet"]
    subprocess.run(command, check=True, capture_output=True)
    for path in sorted(folder.glob("results/trials/*seed-1*")):
        outcome = read(path)
        (path / "trial.json").unlink()
        if isinstance(outcome, Record):
            failure = Failure(outcome.trial, "exception", "ValueError: the wheel came off", "Traceback ...", steps=12)
            Store(folder / "results").keep_failure(failure)
    return folder / "results"


def chunks(given: argparse.Namespace) -> Iterator[tuple[str, int, int]]:
    """Yield the kind, the first number and the count of each worker's inputs."""
    for kind, count in shares(given.inputs):
        if given.only and kind not in given.only:
            continue
        if given.input is not None:
            yield kind, given.input, 1
            continue
        for first in range(0, count, CHUNK):
            yield kind, first, min(CHUNK, count - first)


def tell(found: dict[str, list[Told]]) -> Iterator[str]:
    """Yield the table, and below it each place where something was found, with the inputs that lead there."""
    yield f"| input | tried | {' | '.join(OUTCOMES)} | most CPU, s | most memory, MB |"
    yield f"| --- {'| ---: ' * (len(OUTCOMES) + 3)}|"
    for kind, told in found.items():
        counts = Counter(one.outcome for one in told)
        slowest, largest = max(one.cpu_seconds for one in told), max(one.megabytes for one in told)
        cells = [
            f"{len(told):,}",
            *(f"{counts[outcome]:,}" for outcome in OUTCOMES),
            f"{slowest:.1f}",
            f"{largest:.0f}",
        ]
        yield f"| {kind} | {' | '.join(cells)} |"
    for kind, told in found.items():
        places: dict[tuple[str, str], list[Told]] = defaultdict(list)
        for one in told:
            if one.outcome not in FINE:
                places[one.outcome, one.place].append(one)
        for (outcome, place), ones in sorted(places.items(), key=lambda item: -len(item[1])):
            last = ones[0].detail.strip().splitlines()[-1:] or [""]
            numbers = ", ".join(str(one.number) for one in ones[:5])
            yield f"{kind}: {outcome} {place}: {len(ones)} inputs ({numbers}): {last[0][:200]}"


def main(words: Sequence[str] | None = None) -> int:
    """Try all inputs, and print what was found."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--inputs", type=int, default=10_000)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--only", choices=KINDS, action="append", help="inputs of this kind; may be repeated")
    options.add_argument("--input", type=int, help="the input of this number alone")
    options.add_argument("--keep", type=Path, help="folder for the inputs that something was found with")
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--work", choices=KINDS, help=argparse.SUPPRESS)
    given = options.parse_args(words)
    if given.work:
        work(given.work, given.input, given.inputs, given.seed, given.keep and given.keep.resolve())
        return 0
    start = time.monotonic()
    found: dict[str, list[Told]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(given.workers) as pool:
        os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        os.environ |= {"PYTHONPATH": str(HERE.parents[1])}
        sys.path.append(str(HERE.parents[1]))
        for name, variable in (("cache", "XDG_CACHE_HOME"), ("here", PLACE)):
            os.environ[variable] = str(place := Path(folder, name))
            place.mkdir()
        os.environ[TEMPLATE] = str(template(Path(folder)))
        mine = list(chunks(given))
        for (kind, *_), told in zip(mine, pool.map(lambda chunk: list(results_of(chunk, given)), mine), strict=True):
            found[kind] += told
            wrong = [one for one in told if one.outcome not in FINE]
            print(f"{kind}: {len(found[kind]):,} tried", *wrong, sep="\n", file=sys.stderr)
    print("\n".join(tell(found)))
    tried = [one for told in found.values() for one in told]
    amiss = sum(one.outcome not in FINE for one in tried)
    minutes = (time.monotonic() - start) / 60
    print(f"\n{len(tried):,} inputs in {minutes:.1f} minutes, seed {given.seed}: {amiss} did what they should not")
    return 1 if amiss else 0


if __name__ == "__main__":
    sys.exit(main())
