"""A seed in, a table of faults dealt to running experiments and of what they broke out.

Every round starts an experiment in a folder of its own, deals it some faults of one kind, lets one plain `bench run`
finish, and looks for what must not be: a finished trial that is gone or changed, two results of one trial, processes
left behind, an outcome of the wrong kind (a trial that failed by a fault that was not its own, say), a traceback, an
exit code that no document promises, a temporary file, and numbers other than those of an undisturbed run. Each round is
drawn from the seed and its own number: `--seed 0 --round 17` plays that one again (the moments are as near as the
machine's load allows). Exit code 1 when anything was found.

    python benchmarks/chaos.py --faults 200 --seed 0
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import psutil

HERE = Path(__file__).resolve().parent
MARK = "BENCH_CHAOS"
PATIENCE_SECONDS = 600.0
"""Longer than any run here takes, on a busy machine too; one that takes longer hangs."""
AFTERLIFE_SECONDS = 30.0
"""How long processes may take to go after the run that started them."""
INTERRUPTED, REFUSED = 130, 2
CLOCKS = ("seconds", "cpu_seconds")
WORST = ("Traceback (most recent call last)", "Fatal Python error", "Exception ignored in")
SIZES = {"log.txt": 4_000_000, "failure.json": 200_000}
"""File of a trial -> bytes that it may have, whatever an environment says."""
ENVIRONMENTS = "chaos_environments:chaos/"
POWERLESS = () if os.geteuid() else ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")
"""What makes the superuser obey the permissions of files, as everyone does."""

TOY = """
name: toy
seeds: 2
evaluation: {points: 4, episodes: 4, final_episodes: 20}
algorithms: [q_learning, softmax_reinforce]
environments:
  bench/Corridor-v0: {steps: 20_000}
  FrozenLake-v1: {steps: 20_000}
"""
REAL = """
name: real
seeds: 2
evaluation: {points: 2, episodes: 2, final_episodes: 5}
algorithms: [a2c, ppo, dqn]
environments:
  CartPole-v1: {steps: 4_000}
"""
COMPILED = """
name: compiled
seeds: 4
evaluation: {points: 2, episodes: 2, final_episodes: 5}
algorithms: [{name: a2c, implementation: jax}]
environments:
  CartPole-v1: {steps: 4_000}
"""
BROKEN = """
name: broken
seeds: 1
evaluation: {points: 2, episodes: 2, final_episodes: 5}
algorithms: [q_learning]
limits: {timeout_minutes: 0.5, memory_gb: 0.6}
environments:
  "chaos_environments:chaos/Sound-v0": {steps: 8_000, reference: {random: 10, target: 20}}
"""
NETWORKS = BROKEN.replace("q_learning", "a2c").replace("limits: {timeout_minutes: 0.5, memory_gb: 0.6}\n", "")
SAME_DEATH = {"Raises": "exception", "Stops": "exception", "Exits": "exited", "Leaves": "exited"} | {
    "Segfaults": "killed",
    "Hangs": "timeout",
}
DUE = {
    # What a trial was worth before it closed its environments stays.
    **{f"Close{act}": "done" for act in SAME_DEATH},
    **{f"{place}{act}": kind for place in ("Init", "Reset", "Step") for act, kind in SAME_DEATH.items()},
    **dict.fromkeys(("Recurses", "Escapes", "Rants", "TextReward", "StrangeObservation", "NoObservation"), "exception"),
    **dict.fromkeys(("Prints", "Spawns", "ClosesStreams", "Wanders"), "done"),
    **dict.fromkeys(("NanReward", "InfiniteReward"), "diverged"),
    "HangsDeaf": "timeout",
    "Swells": "out_of_memory",
    "Alarms": "killed",
    "KillsKeeper": "killed missing",
    "Deletes": "done missing",
    "NanObservation": "exception diverged",
    "VectorNan": "exception diverged",
    "VectorShape": "exception",
    "Shifted": "done",
}
"""Name of a broken environment -> what may become of its trial."""
NOT_TOLD = {"Prints", "Spawns", "Wanders", "ClosesStreams"}
"""What an environment may do as far as a look at it is concerned."""
UNLEARNABLE = ("StrangeObservation", "NoObservation", "NanObservation")
"""What random actions never notice, and a learner does."""
EARLY = 300
"""Steps after which a look finds what is broken."""
ON_IMPORT = {
    "raises": "raise RuntimeError('no licence')",
    "exits": "import sys; sys.exit(0)",
    "leaves": "import os; os._exit(0)",
    "segfaults": "import ctypes; ctypes.string_at(0)",
    "hangs": "import time; time.sleep(3600)",
    "stops": "raise KeyboardInterrupt",
    "lacks": "import a_module_that_nobody_has",
    "misspells": "def (:",
}


@dataclass
class Scene:
    """One results folder, everything started on it, and all that was seen of it."""

    folder: Path
    text: str
    """Of the suite."""
    original: str
    """The same without what a fault adds to it."""
    rng: np.random.Generator
    expected: dict[str, set[str]] = field(default_factory=dict)
    """Environment -> what may become of its trials, where that is not to be done."""
    codes: tuple[int, ...] = (0,)
    """What the last run may end with."""
    to_tell: list[str] = field(default_factory=list)
    """Environments that the last run must name."""
    wrapper: tuple[str, ...] = ()
    """Words before the command, such as those that take the superuser's powers away."""
    seen: dict[Path, bytes] = field(default_factory=dict)
    outputs: list[Path] = field(default_factory=list)
    struck: set[str] = field(default_factory=set)
    """Trials that were hit: the second hit in one run would rightly count as the trial's own fault."""
    found: Counter[str] = field(default_factory=Counter)
    came: Counter[str] = field(default_factory=Counter)
    """What broken environments came to."""
    told: list[str] = field(default_factory=list)
    afterwards: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def results(self) -> Path:
        """Where all suites' results go."""
        return self.folder / "results"

    @property
    def trials(self) -> Path:
        """The trials' folders."""
        return self.results / self.text.partition("name: ")[2].partition("\n")[0] / "trials"

    def note(self, what: str, detail: str) -> None:
        """Count something that must not be."""
        self.found[what] += 1
        self.told.append(f"{what}: {detail}")

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a `bench` command on this folder, in a session of its own."""
        path = os.pathsep.join([str(HERE.parent), str(HERE), str(self.folder)])
        command = [*self.wrapper, sys.executable, "-m", "bench.cli", *words]
        environment = {**os.environ, MARK: self.folder.name, "PYTHONPATH": path}
        # What was found in environments is found anew in every round.
        environment["XDG_CACHE_HOME"] = str(self.folder / "cache")
        self.outputs.append(self.folder / f"{len(self.outputs)}.out")
        with self.outputs[-1].open("wb") as out, self.outputs[-1].with_suffix(".err").open("wb") as err:
            return subprocess.Popen(
                command,
                env=environment,
                cwd=self.folder,
                stdout=out,
                stderr=err,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def run(self, *more: str) -> subprocess.Popen[bytes]:
        """Start `bench run`."""
        suite = self.folder / "suite.yaml"
        suite.write_text(self.text)
        command = ("run", str(suite), "--results", str(self.results), "--no-report", "--workers", "2", *more)
        return self.start(*command)

    def end(self, process: subprocess.Popen[bytes], *codes: int) -> int:
        """Wait for the end of a process, which is to be one of `codes`; remember what is finished."""
        try:
            code = process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.note("hangs", f"{process.args!r}")
            process.kill()
            return process.wait()
        if code not in codes:
            wanted = " or ".join(map(str, codes))
            self.note("exit codes", f"{code}, not {wanted}: {last_words(self.outputs[-1])}")
        self.look()
        return code

    def look(self) -> None:
        """Remember every finished trial."""
        for path in finished(self.trials):
            with contextlib.suppress(OSError):
                self.seen.setdefault(path, path.read_bytes())

    def forget(self, folder: Path) -> None:
        """Remove a folder as its owner might; what lay in it is not lost."""
        self.look()
        shutil.rmtree(folder, ignore_errors=True)
        self.seen = {path: content for path, content in self.seen.items() if path.exists()}

    def processes(self) -> list[psutil.Process]:
        """Return what was started here, directly or not, and is still there."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                mine = process.environ().get(MARK) == self.folder.name
                if mine and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def workers(self) -> dict[psutil.Process, str]:
        """Return the processes that train, with their trials: those that hold the lock on a trial's folder."""
        found: dict[psutil.Process, str] = {}
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                locks = [Path(file.path) for file in process.open_files() if file.path.endswith("/lock")]
                found.update((process, lock.parent.name) for lock in locks if lock.parent.parent == self.trials)
        return found


def words(output: Path) -> str:
    """Return what a command said, on both streams."""
    return "\n".join(path.read_text(errors="replace") for path in (output, output.with_suffix(".err")))


def last_words(output: Path) -> str:
    """Return the end of what a command said, in one line."""
    return " | ".join(words(output).splitlines()[-3:])[-400:]


def numbers(trials: Path) -> dict[str, Any]:
    """Return what a trial's definition determines, by trial; damaged records have no numbers."""
    found = {}
    for path in finished(trials):
        with contextlib.suppress(ValueError, TypeError, AttributeError, KeyError, RecursionError):
            record = json.loads(path.read_text())
            curve = {name: row for name, row in record["curve"].items() if name not in CLOCKS}
            found[path.parent.name] = (record["final"], curve)
    return found


def finished(trials: Path) -> list[Path]:
    """Return the records of all finished trials."""
    return sorted(path for path in trials.glob("*/trial.json") if path.is_file())


@cache
def undisturbed(text: str) -> Scene:
    """Return the scene of a suite that was left alone."""
    folder = Path(tempfile.mkdtemp(prefix="chaos-quiet-"))
    scene = Scene(folder, text, text, np.random.default_rng())
    scene.afterwards.callback(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(scene.afterwards.close)
    if scene.end(scene.run(), 0):
        raise SystemExit(f"an undisturbed run ends badly: {scene.told}")
    return scene


def at_work(scene: Scene) -> subprocess.Popen[bytes]:
    """Start a run and wait until one of its trials is at work."""
    run = scene.run()
    until = time.monotonic() + PATIENCE_SECONDS
    while run.poll() is None and not scene.workers() and time.monotonic() < until:
        time.sleep(0.05)
    return run


def take_half(scene: Scene) -> None:
    """Remove half of the finished trials where hardly anything is left to do, so that there is work again."""
    scene.struck.clear()
    there = finished(scene.trials)
    if len(there) > len(finished(undisturbed(scene.text).trials)) // 2:
        for path in there[::2]:
            scene.forget(path.parent)


# --- Faults: each function deals the faults of one round to a scene, and says what may come of it.


def strike(scene: Scene, run: subprocess.Popen[bytes], target: str, name: str) -> None:
    """Send a signal to a process of a run at work; a stopped one goes on after a while."""
    number = signal.Signals[f"SIG{name}"]
    with contextlib.suppress(psutil.Error):
        if (victim := _victim(scene, run, target)) is not None:
            victim.send_signal(number)
            if number == signal.SIGSTOP:
                time.sleep(scene.rng.uniform(0.2, 2.0))
                victim.send_signal(signal.SIGCONT)


def _victim(scene: Scene, run: subprocess.Popen[bytes], target: str) -> psutil.Process | None:
    """Return the runner, or a process around a trial that has not been struck yet."""
    if target == "runner":
        return psutil.Process(run.pid)
    fresh = [(worker, trial) for worker, trial in scene.workers().items() if trial not in scene.struck]
    if not fresh:
        return None
    worker, trial = fresh[int(scene.rng.integers(len(fresh)))]
    scene.struck.add(trial)
    keeper = worker.parent()
    server = keeper.parent() if keeper else None
    return {"worker": worker, "keeper": keeper, "server": server}[target]


def signals(scene: Scene, variants: Sequence[str]) -> None:
    """Send signals to whoever takes part in a run."""
    run = at_work(scene)
    for variant in variants:
        time.sleep(scene.rng.exponential(0.7))
        if run.poll() is not None:
            scene.end(run, 0, INTERRUPTED, -signal.SIGKILL)
            take_half(scene)
            run = at_work(scene)
        target, name = variant.split()
        strike(scene, run, target, name)
        if target == "runner" and name != "STOP":
            scene.end(run, 0, -signal.SIGKILL if name == "KILL" else INTERRUPTED)
    scene.end(run, 0, INTERRUPTED, -signal.SIGKILL)


def second(scene: Scene, variants: Sequence[str]) -> None:
    """Start a second or third runner on the same folder, and send a signal to one of them."""
    for variant in variants:
        place, name = variant.split()
        take_half(scene)
        runs = [at_work(scene)]
        for _ in range(2 if place == "third" else 1):
            runs.append(scene.run())
            time.sleep(scene.rng.uniform(0.0, 1.5))
        victim = runs[0 if place == "first" else -1]
        time.sleep(scene.rng.uniform(0.0, 2.0))
        strike(scene, victim, "runner", name)
        for run in runs:
            scene.end(run, 0, 1, *((INTERRUPTED, -signal.Signals[f"SIG{name}"]) if run is victim else ()))


def early(scene: Scene, variants: Sequence[str]) -> None:
    """Interrupt in the first seconds, the runner alone or its whole group as a terminal does."""
    for variant in variants:
        whom, name = variant.split()
        run = scene.run()
        time.sleep(scene.rng.uniform(0.3, 3.0))
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if whom == "group" else os.kill)(run.pid, signal.Signals[f"SIG{name}"])
        # The interpreter itself, while it starts, dies by SIGTERM as every program does.
        scene.end(run, 0, INTERRUPTED, -signal.SIGTERM)


def full(scene: Scene, variants: Sequence[str]) -> None:
    """Fill a small disk, with bytes or with files, before a run, in the middle of it, or for a while."""
    scene.results.mkdir()
    options = "size=6m,nr_inodes=400"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "chaos", str(scene.results)], check=True)
    scene.afterwards.callback(subprocess.run, ["umount", "--lazy", str(scene.results)], check=False)
    for variant in variants:
        what, when = variant.split()
        take_half(scene)
        run = None if when == "before" else at_work(scene)
        time.sleep(scene.rng.uniform(0.0, 1.0))
        filler = fill(scene.results / "filler", what)
        run = run or scene.run()
        if when == "passing":
            time.sleep(scene.rng.uniform(0.0, 1.5))
            shutil.rmtree(filler)
        code = scene.end(run, 0, 1, REFUSED)
        shutil.rmtree(filler, ignore_errors=True)
        said = words(scene.outputs[-1])
        if code and "space" not in said and "full" not in said:
            scene.note("sentences", f"nothing of a full disk in: {last_words(scene.outputs[-1])}")


def fill(folder: Path, what: str) -> Path:
    """Take all the room, or all the files, that a disk has left."""
    folder.mkdir()
    size = 2**16 if what == "bytes" else 0
    with contextlib.suppress(OSError):
        for place in range(10_000):
            (folder / str(place)).write_bytes(b"x" * size)
    with contextlib.suppress(OSError):  # what no whole block was left for
        (folder / "rest").write_bytes(b"x" * (size and 2**12))
    return folder


def unwritable(scene: Scene, variants: Sequence[str]) -> None:
    """Take the right to write away from a folder before a run or in the middle of it."""
    scene.wrapper = POWERLESS
    for variant in variants:
        place, when = variant.split()
        take_half(scene)
        run = at_work(scene) if when == "while" else None
        scene.trials.mkdir(parents=True, exist_ok=True)
        there = {"results": [scene.results], "suite": [scene.trials.parent], "trials": [scene.trials]}
        folders = there.get(place, sorted(scene.trials.glob("*")))
        time.sleep(scene.rng.uniform(0.0, 1.0) if run else 0.0)
        for folder in folders:
            folder.chmod(0o555)
        scene.end(run or scene.run(), 0, 1, REFUSED)
        for folder in folders:
            if folder.exists():
                folder.chmod(0o755)


def removed(scene: Scene, variants: Sequence[str]) -> None:
    """Remove folders that a run at work needs."""
    for variant in variants:
        take_half(scene)
        run = at_work(scene)
        time.sleep(scene.rng.uniform(0.0, 1.0))
        working = [scene.trials / trial for trial in scene.workers().values()]
        unfinished = [path for path in sorted(scene.trials.glob("*")) if not (path / "trial.json").exists()]
        for path in {
            "working": working[:1],
            "waiting": [path for path in unfinished if path not in working],
            "trials": [scene.trials],
            "suite": [scene.trials.parent],
            "results": [scene.results],
        }[variant]:
            scene.forget(path)
        scene.end(run, 0, 1)


def damaged(scene: Scene, variants: Sequence[str]) -> None:
    """Damage records and folders after a run; whoever reads them afterwards says which, and the next run mends them."""
    shutil.copytree(undisturbed(scene.text).results, scene.results)
    folders = sorted(scene.trials.glob("*"))
    hit = [folders[place] for place in scene.rng.permutation(len(folders) - 1)[: len(variants)]]
    for variant, folder in zip(variants, hit, strict=True):
        DAMAGE[variant](folder, folders[-1])
    for command in ("status", "report", "export"):
        scene.end(scene.start(command, str(scene.trials.parent)), 0)
    scene.seen = {path: content for path, content in scene.seen.items() if path.parent not in hit}


def streams(scene: Scene, variants: Sequence[str]) -> None:
    """Close the standard streams, fill them, or stop reading them."""
    for variant in variants:
        take_half(scene)
        display = ("--json", "--quiet", "--workers=2")[int(scene.rng.integers(3))]
        scene.wrapper = ("bash", "-c", f'set -o pipefail; "$@" {REDIRECTED[variant]}', "bash")
        # Where nobody reads, nobody waits; where what was to be written could not be, the code says so.
        code = scene.end(scene.run(display), 0, *((INTERRUPTED,) if "reader" in variant else (1,)))
        missing = set(numbers(undisturbed(scene.text).trials)) - set(numbers(scene.trials))
        if missing and code != INTERRUPTED:
            scene.note("not run", f"{len(missing)} trials, because of {variant!r}")
    scene.wrapper = ()


def broken(scene: Scene, variants: Sequence[str]) -> None:
    """Put environments beside a sound one that break in the middle of a trial, later than any look at them takes."""
    scene.codes = (0, 1)
    for name in variants:
        place = f"{ENVIRONMENTS}{name}-v0"
        scene.text += f'  "{place}": {{steps: 8_000, reference: {{random: 10, target: 20}}}}\n'
        scene.expected[place] = set(DUE[name].split())


def warned(scene: Scene, variants: Sequence[str]) -> None:
    """Do so with environments that break while they are looked at, later than at once: they are told of, and run."""
    scene.codes = (0, 1)
    for name in variants:
        place = f"{ENVIRONMENTS}{name}-v0"
        after = 0 if name.startswith("Close") else EARLY
        scene.text += f'  "{place}": {{steps: 8_000, kwargs: {{after: {after}}}}}\n'
        scene.expected[place] = set(DUE[name].split())
        if name not in NOT_TOLD:
            scene.to_tell.append(place)


def refused(scene: Scene, variants: Sequence[str]) -> None:
    """Name environments that break at once, or for every learner: they are told, and nothing is run."""
    for name in variants:
        module = name.lower()
        if name in ON_IMPORT:
            (scene.folder / f"{module}.py").write_text(ON_IMPORT[name])
        place = f"{module}:chaos/Any-v0" if name in ON_IMPORT else f"{ENVIRONMENTS}{name}-v0"
        scene.text += f'  "{place}": {{steps: 8_000, kwargs: {{after: {EARLY if name in UNLEARNABLE else 0}}}}}\n'
        scene.expected[place] = {"missing"}
        scene.to_tell.append(place)
    scene.codes = (REFUSED,)


def _truncate(folder: Path, other: Path) -> None:
    del other
    content = (folder / "trial.json").read_bytes()
    (folder / "trial.json").write_bytes(content[: len(content) // 2])


def _write(content: bytes) -> Callable[[Path, Path], None]:
    def write(folder: Path, other: Path) -> None:
        del other
        (folder / "trial.json").write_bytes(content)

    return write


def _lend(folder: Path, other: Path) -> None:
    shutil.copy(other / "trial.json", folder / "trial.json")


def _folder_for_record(folder: Path, other: Path) -> None:
    del other
    (folder / "trial.json").unlink()
    (folder / "trial.json").mkdir()


def _pipe_for_record(folder: Path, other: Path) -> None:
    del other
    (folder / "trial.json").unlink()
    os.mkfifo(folder / "trial.json")


def _stray(folder: Path, other: Path) -> None:
    del other
    (folder.parent / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (folder.parent / "notes.txt").write_text("a stray file")
    (folder.parent / "an empty folder").mkdir()
    # As a power cut leaves it: under the name that its writer gave it, which is gone.
    name = "from bench.files import mine; print(mine(), end='')"
    ending = subprocess.run([sys.executable, "-c", name], cwd=HERE.parent, check=True, capture_output=True, text=True)
    (folder / "trial.json").rename(folder / f"trial.json{ending.stdout}")


def _false_failure(folder: Path, other: Path) -> None:
    del other
    (folder / "trial.json").unlink()
    (folder / "failure.json").write_text('{"protocol": 1, "trial": {}, "kind": ["exception"]}')


DAMAGE: dict[str, Callable[[Path, Path], None]] = {
    "truncated": _truncate,
    "empty": _write(b""),
    "zeros": _write(bytes(5000)),
    "list": _write(b"[1, 2, 3]"),
    "deep": _write(b"[" * 100_000),
    "shapeless": _write(b'{"protocol": 1, "trial": 5, "final": {}, "curve": []}'),
    "lent": _lend,
    "stray": _stray,
    "failure": _false_failure,
    "folder": _folder_for_record,
    "pipe": _pipe_for_record,
}
REDIRECTED = {
    "no stdout": ">&-",
    "no stderr": "2>&-",
    "no stream": "<&- >&- 2>&-",
    "no stdin": "<&-",
    "full stdout": "> /dev/full",
    "full stderr": "2> /dev/full",
    "full both": "> /dev/full 2>&1",
    "reader gone": "| head -n 1",
    "no reader": "2>&1 | true",
}


# --- What must hold after every round.


def finish(scene: Scene) -> None:
    """Let one plain run finish, and look for everything that must not be."""
    scene.struck.clear()
    code = scene.end(scene.run(), *scene.codes)
    orphans(scene)
    naming(scene)
    if code == REFUSED:
        refusal(scene)
    else:
        outcomes(scene)
    losses(scene)
    compare(scene, undisturbed(scene.original))
    files(scene)
    sayings(scene)


def orphans(scene: Scene) -> None:
    """Note processes that outlive all runs."""
    until = time.monotonic() + AFTERLIFE_SECONDS
    while (left := scene.processes()) and time.monotonic() < until:
        time.sleep(0.1)
    for process in left:
        with contextlib.suppress(psutil.Error):
            scene.note("orphans", f"{process.pid} {' '.join(process.cmdline())[-150:]}")
            process.kill()


def naming(scene: Scene) -> None:
    """Note broken environments that the last run does not name."""
    said = words(scene.outputs[-1])
    for place in scene.to_tell:
        if place not in said:
            scene.note("sentences", f"nothing of {place} in: {said[-300:]}")


def refusal(scene: Scene) -> None:
    """Note results of a suite that was refused, and a refusal that does not say that nothing was run."""
    scene.came["refused before the run"] += len(scene.expected)
    if left := sorted(path.name for path in scene.trials.glob("*/*")):
        scene.note("wrong kinds", f"a refused suite has results: {left}")
    if "nothing was run" not in words(scene.outputs[-1]):
        scene.note("sentences", f"no refusal in: {last_words(scene.outputs[-1])}")


def outcomes(scene: Scene) -> None:
    """Note cells that came to something else than they should, by their files and by what `bench status` says."""
    kinds: dict[str, set[str]] = {}
    for path in scene.trials.glob("*/failure.json"):
        failure = json.loads(path.read_text())
        kinds.setdefault(failure["trial"]["environment"], set()).add(failure["kind"])
    status = scene.start("status", str(scene.folder / "suite.yaml"), "--results", str(scene.results), "--json")
    scene.end(status, 0)
    cells = json.loads(scene.outputs[-1].read_text())["cells"]
    for cell in cells:
        came = {"done"} if cell["done"] else set()
        came |= {"missing"} if cell["missing"] or cell["running"] else set()
        came |= kinds.get(cell["environment"], {"failed"}) if cell["failed"] else set()
        if cell["environment"] in scene.expected:
            scene.came.update(came)
        if not came <= scene.expected.get(cell["environment"], {"done"}):
            scene.note("wrong kinds", f"{cell['label']} on {cell['environment']}: {came} {cell['reasons'][:1]}")
    done = len(finished(scene.trials))
    if done != (told := sum(cell["done"] for cell in cells)):
        scene.note("wrong kinds", f"{done} finished trials, and status tells of {told}")


def losses(scene: Scene) -> None:
    """Note finished trials that are gone, changed, or there twice."""
    for path, content in scene.seen.items():
        if not path.exists() or path.read_bytes() != content:
            scene.note("lost", path.parent.name)
    twins = Counter(path.parent.name.rpartition("--")[0] for path in finished(scene.trials))
    for name, count in twins.items():
        if count > 1:
            scene.note("duplicates", f"{name}: {count} times")


def compare(scene: Scene, quiet: Scene) -> None:
    """Note trials whose numbers are not those of an undisturbed run."""
    theirs = numbers(quiet.trials)
    for name, found in numbers(scene.trials).items():
        if found != theirs.get(name, found):
            scene.note("numbers differ", name)


def files(scene: Scene) -> None:
    """Note temporary files that nobody tidied, and files that grew beyond all bounds."""
    for path in scene.results.rglob("*.tmp"):
        scene.note("left over", str(path.relative_to(scene.results)))
    for name, most in SIZES.items():
        for path in scene.trials.glob(f"*/{name}"):
            if path.stat().st_size > most:
                scene.note("sizes", f"{path.parent.name}/{name}: {path.stat().st_size:,} bytes")


def sayings(scene: Scene) -> None:
    """Note what no user should be told."""
    for output in scene.outputs:
        text = words(output)
        for worst in WORST:
            if worst in text:
                scene.note("tracebacks", f"...{text[text.index(worst) :][-600:]}")
        if "\x1b" in text:
            scene.note("escapes", repr(text[max(0, text.index("\x1b") - 100) :][:200]))


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the table."""

    title: str
    deal: Callable[[Scene, Sequence[str]], None]
    variants: tuple[str, ...]
    together: int
    """Faults of one round."""
    share: int
    """Of 200 faults."""
    suite: str = TOY
    lacking: str = ""
    """Why it cannot be played here."""


def pairs(first: str, second: str) -> tuple[str, ...]:
    """Return every word of one text with every word of the other."""
    return tuple(map(" ".join, product(first.split(), second.split())))


MOUNT = "" if os.geteuid() == 0 else "only the superuser may mount a small disk"
MODES = "" if not POWERLESS or shutil.which("setpriv") else "the superuser needs `setpriv` to be refused anything"
AT_ONCE = tuple(f"{place}{act}" for place in ("Init", "Reset", "Step") for act in SAME_DEATH)
MID_TRIAL = tuple(name for name in DUE if name not in {"VectorNan", "VectorShape", "Shifted"})
# In `__init__` and `reset` a fault shows at once or in trials alone.
IN_A_LOOK = tuple(name for name in MID_TRIAL if not name.startswith(("Init", "Reset", "Deletes", *UNLEARNABLE)))
KINDS = {
    "signals": Kind(
        "signals to a worker, keeper, fork server, runner",
        signals,
        pairs("worker keeper server runner", "KILL TERM INT STOP"),
        together=4,
        share=32,
    ),
    "real": Kind(
        "the same while PPO, A2C and DQN train",
        signals,
        pairs("worker keeper server runner", "KILL TERM INT STOP"),
        together=4,
        share=16,
        suite=REAL,
    ),
    "cells": Kind(
        "the same while processes train one seed after the other",
        signals,
        pairs("worker keeper server runner", "KILL TERM INT STOP"),
        together=4,
        share=8,
        suite=COMPILED,
    ),
    "second": Kind(
        "a second or third runner, and signals",
        second,
        pairs("first second third", "INT TERM KILL STOP HUP QUIT"),
        together=3,
        share=18,
    ),
    "early": Kind("interrupts in the first seconds", early, pairs("runner group", "INT TERM"), together=4, share=8),
    "full": Kind("a full disk", full, pairs("bytes files", "before while passing"), together=3, share=6, lacking=MOUNT),
    "unwritable": Kind(
        "folders that cannot be written",
        unwritable,
        pairs("results suite trials folders", "before while"),
        together=2,
        share=8,
        lacking=MODES,
    ),
    "removed": Kind(
        "folders removed", removed, ("working", "waiting", "trials", "suite", "results"), together=2, share=5
    ),
    "damaged": Kind("records damaged, and strays", damaged, tuple(DAMAGE), together=4, share=11),
    "streams": Kind("closed and full streams", streams, tuple(REDIRECTED), together=3, share=9),
    "broken": Kind(
        "environments that break in a trial", broken, MID_TRIAL, together=10, share=len(MID_TRIAL), suite=BROKEN
    ),
    "networks": Kind(
        "the same with a neural network",
        broken,
        ("VectorNan", "VectorShape", "Shifted"),
        together=3,
        share=3,
        suite=NETWORKS,
    ),
    "warned": Kind(
        "environments that break in the look before a run", warned, IN_A_LOOK, together=10, share=20, suite=BROKEN
    ),
    "refused": Kind(
        "environments that break at once", refused, (*ON_IMPORT, *AT_ONCE), together=5, share=19, suite=BROKEN
    ),
    "unlearnable": Kind(
        "environments that break every learner", refused, UNLEARNABLE, together=1, share=3, suite=BROKEN
    ),
}
COLUMNS = ("lost", "duplicates", "orphans", "wrong kinds", "tracebacks", "exit codes", "numbers differ")


def planned(faults: int, seed: int) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the rounds: a kind's name and the faults to be dealt."""
    rng = np.random.default_rng(seed)
    shares = sum(kind.share for kind in KINDS.values())
    for name, kind in KINDS.items():
        count = max(1, round(faults * kind.share / shares))
        repeated = [
            kind.variants[place]
            for _ in range(-(-count // len(kind.variants)))
            for place in rng.permutation(len(kind.variants))
        ]
        for start in range(0, count, kind.together):
            yield name, tuple(repeated[start : min(count, start + kind.together)])


def play(kind: Kind, variants: Sequence[str], seeds: Sequence[int]) -> Scene:
    """Play one round and return its scene, with what was found."""
    with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as folder:
        scene = Scene(Path(folder), kind.suite, kind.suite, np.random.default_rng(seeds))
        with scene.afterwards:
            kind.deal(scene, variants)
            finish(scene)
    return scene


def table(dealt: Mapping[str, int], found: Mapping[str, Counter[str]]) -> Iterator[str]:
    """Yield the lines of the table."""
    yield f"| fault | dealt | {' | '.join(COLUMNS)} | other |"
    yield f"| --- {'| ---: ' * (len(COLUMNS) + 2)}|"
    for name, count in dealt.items():
        other = sum(number for what, number in found[name].items() if what not in COLUMNS)
        cells = [str(found[name][column]) for column in COLUMNS]
        yield f"| {KINDS[name].title} | {count} | {' | '.join(cells)} | {other} |"


def main() -> int:
    """Play all rounds, and print what was found."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--faults", type=int, default=200)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--only", choices=KINDS, action="append", help="faults of this kind; may be repeated")
    options.add_argument("--round", type=int, help="this round alone")
    given = options.parse_args()
    dealt: Counter[str] = Counter()
    found: dict[str, Counter[str]] = {name: Counter() for name in KINDS}
    came: Counter[str] = Counter()
    start = time.monotonic()
    for number, (name, variants) in enumerate(planned(given.faults, given.seed)):
        kind = KINDS[name]
        if (given.only and name not in given.only) or given.round not in {None, number}:
            continue
        if kind.lacking:
            print(f"round {number}, {name}: left out, {kind.lacking}", flush=True)
            continue
        begun = time.monotonic()
        scene = play(kind, variants, (given.seed, number))
        dealt[name] += len(variants)
        found[name] += scene.found
        came += scene.came
        print(f"round {number}, {name} ({', '.join(variants)}): {time.monotonic() - begun:.0f} s", flush=True)
        for line in scene.told:
            print(f"    {line}", flush=True)
    print("\n" + "\n".join(table(dealt, found)))
    if came:
        print(f"\nBroken environments came to: {', '.join(f'{kind} {number}' for kind, number in came.most_common())}")
    wrong = sum(counts.total() for counts in found.values())
    minutes = (time.monotonic() - start) / 60
    print(f"\n{dealt.total()} faults in {minutes:.1f} minutes, seed {given.seed}: {wrong} things that must not be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
