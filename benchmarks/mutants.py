"""Small changes to the code in, the share of them that the tests notice out, with a JSON line for each.

The changes are mutmut's: `+` for `-`, `<` for `<=`, an argument left out or None, a text in capitals, a condition
forced. Decorated functions and annotations stay as they are. A sample is drawn of all changes, and each meets, in a
copy of the tree, the tests that run the changed statement: the cheap ones first, until one fails. None is asked that
takes longer than MOST_SECONDS, trains or starts processes. For each mutant a process forks with the libraries already
imported.

    pip install mutmut
    export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
    python -P benchmarks/mutants.py --count 500 --seed 0                # draws, tries, tells
    python -P benchmarks/mutants.py --count 500 --seed 0 --minutes 50   # the beginning of the same draw

Once more with the same seed, it tries those that were not noticed, against whatever tests there are by then; after a
change to the code, give it another folder.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import difflib
import functools
import gc
import hashlib
import importlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import libcst
import numpy as np
import pytest
from coverage import Coverage  # type: ignore[attr-defined] # benchmarks/coverage.py is taken for it
from mutmut.mutation.file_mutation import MutationVisitor
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode
from scipy.stats import binomtest

ROOT = Path(__file__).parents[1]
CHANGED = ("bench/analysis/*.py", "bench/store/*.py", "bench/plan.py", "bench/report/figures.py")
TESTS = (
    "analysis_compare",
    "analysis_estimates",
    "analysis_interval",
    "claims",
    "drawing",
    "figures",
    "findings",
    "imports",
    "leases",
    "literature",
    "oracles",
    "plan",
    "published",
    "report",
    "sequential",
    "situations",
    "store",
    "unreadable",
)
LIBRARIES = (
    "arch",
    "hypothesis",
    "_hypothesis_pytestplugin",
    "pytest_timeout",
    "matplotlib.pyplot",
    "pandas",
    "pyarrow",
    "pydantic",
    "rich",
    "scipy.stats",
    "seaborn",
    "jinja2",
    "ruamel.yaml",
    "rliable.library",
    "typer",
)
"""Imported once, before the forks; nothing of the harness itself."""
MOST_SECONDS = 3.0
"""Of processor time that a test may take to be asked (under watch)."""
MEMORY = 8 * 2**30
"""Bytes of address space per mutant: a changed size must not take the machine's memory."""
SLOTS = 2
WORDS = (
    "-q",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:anyio",
    "-p",
    "no:xdist",
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",
    "--basetemp=tmp",
)

NOTICED = "killed", "timed out"

Lines = set[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change to one file."""

    path: str
    """From the root of the tree."""
    place: int
    """Among all mutants."""
    module: Any
    node: Any
    other: Any
    """What stands in the node's place."""

    @property
    def name(self) -> str:
        """What it is known by as long as the code is the same."""
        return f"{self.path} {self.place}"

    @property
    def before(self) -> str:
        """The file as it is."""
        return (ROOT / self.path).read_text("utf-8")

    @property
    def after(self) -> str:
        """The file with the change."""
        return str(self.module.deep_replace(self.node, self.other).code)

    @property
    def diff(self) -> str:
        """The change, without context."""
        return "\n".join(difflib.unified_diff(self.before.splitlines(), self.after.splitlines(), lineterm="", n=0))

    def statement(self, after: str) -> range:
        """Return the lines of the innermost statement that holds the change: of a compound one, its head."""
        old, new = self.before.splitlines(), after.splitlines()
        line = next((i for i, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), len(old) - 1) + 1
        found = range(line, line + 1)
        for node in ast.walk(ast.parse(self.before)):
            if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno):
                found = range(node.lineno, _end(node, line))
        return found


def _end(node: ast.stmt, line: int) -> int:
    """Return the line after a statement's head; a function's default values count with its body."""
    body = getattr(node, "body", None)
    whole = (node.end_lineno or node.lineno) + 1
    if not body or isinstance(node, ast.FunctionDef):
        return whole
    return max(int(body[0].lineno), line + 1)


def mutants(count: int, seed: int) -> tuple[list[Mutant], int]:
    """Return a sample in the order of its draw, and how many there are in all."""
    changes = [(path, *change) for path in _sources() for change in _changes(path)]
    drawn = np.random.default_rng(seed).permutation(len(changes))[:count]
    return [Mutant(path, int(place), *change) for place in drawn for path, *change in [changes[place]]], len(changes)


def _sources() -> list[str]:
    return [str(path.relative_to(ROOT)) for pattern in CHANGED for path in sorted(ROOT.glob(pattern))]


def _changes(path: str) -> list[tuple[Any, Any, Any]]:
    """Return (module, node, what stands in its place) for every change to a file."""
    visitor = MutationVisitor(mutation_operators, IgnoredCode(set(), set(), set()))
    module = libcst.MetadataWrapper(libcst.parse_module((ROOT / path).read_text("utf-8"))).visit(visitor)
    return [(module, one.original_node, one.mutated_node) for one in visitor.mutations]


def copied(to: Path) -> Path:
    """Copy what git tracks or would track, and compile it, so that no mutant is mistaken for what it was."""
    shutil.rmtree(to, ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, to / name)
    # What Python and pytest make of the files is kept, for all mutants.
    files = [f"tests/test_{name}.py" for name in TESTS]
    command = [sys.executable, "-m", "pytest", "--collect-only", "-qq", *WORDS, *files]
    around = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(command, cwd=to, check=True, stdout=subprocess.DEVNULL, env=around | {"PYTHONPATH": str(to)})
    return to


class Watch:
    """Which lines each test runs: pytest's hooks, and coverage's contexts."""

    def __init__(self, tree: Path) -> None:
        self.files = {str(tree / path): path for path in _sources()}
        self.coverage = Coverage(data_file=None, config_file=False, include=list(self.files))
        self.context = ""
        """The test that is running, the fixture shared by several, or nothing yet."""
        self.uses: dict[str, list[str]] = {}
        self.seconds: dict[str, float] = {}
        self.unfit: set[str] = set()
        """Tests that start processes, which nobody watches, or that fail under watch without any change."""

    def switch(self, context: str) -> None:
        """Count what runs from here on for this."""
        self.context = context
        self.coverage.switch_context(context)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Measure a test."""
        self.switch(item.nodeid)
        began, others = time.process_time(), _children()
        self.uses[item.nodeid] = list(getattr(item, "fixturenames", []))
        result = yield
        self.seconds[item.nodeid] = time.process_time() - began
        if _children() > others:
            self.unfit.add(item.nodeid)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Iterator[None]:
        """Count what a shared fixture runs for itself."""
        before = self.context
        if fixturedef.scope != "function":
            self.switch(fixturedef.argname)
        result = yield
        if fixturedef.scope != "function":
            self.switch(before)
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what fails."""
        if report.failed:
            self.unfit.add(report.nodeid)

    def found(self) -> dict[str, Any]:
        """Return lines and seconds per test, and the lines that run when the file of tests is imported.

        What a fixture of a module runs counts for every test that uses it.
        """
        lines: dict[str, Lines] = defaultdict(set)
        for file, path in self.files.items():
            for line, contexts in self.coverage.get_data().contexts_by_lineno(file).items():
                for context in contexts:
                    lines[context].add((path, line))
        return {
            "imported": sorted(lines[""]),
            "tests": {
                test: {"seconds": seconds, "lines": sorted(lines[test].union(*(lines[one] for one in self.uses[test])))}
                for test, seconds in self.seconds.items()
                if test not in self.unfit
            },
        }


def _children() -> float:
    """Return the processor time of the processes that this one started and that ended."""
    return sum(os.times()[2:4])


def watched(folder: Path, trees: Sequence[Path]) -> list[dict[str, Any]]:
    """Run every file of tests under watch; what was seen is kept as long as neither it nor the code changes."""
    source = "".join(path.read_text("utf-8") for path in sorted((ROOT / "bench").rglob("*.py")))
    kept = []
    for name in TESTS:
        path = f"tests/test_{name}.py"
        digest = hashlib.sha256((source + (ROOT / path).read_text("utf-8")).encode()).hexdigest()[:12]
        kept.append((path, folder / f"{name}-{digest}.json"))
    jobs = [(path, 1800.0, functools.partial(_watch, path=path, to=to)) for path, to in kept if not to.exists()]
    for name, code, seconds in side_by_side(jobs, trees):
        print(f"{name}: {code}, {seconds:.0f} s", flush=True)
    return [json.loads(to.read_text("utf-8")) for _, to in kept]


def _watch(tree: Path, path: str, to: Path) -> int:
    watch = Watch(tree)
    with watch.coverage.collect():
        pytest.main([*WORDS, "-m", "not slow", path], plugins=[watch])
    to.write_text(json.dumps(watch.found()), encoding="utf-8")
    return len(watch.unfit)


def side_by_side(
    jobs: Sequence[tuple[str, float, Callable[[Path], int]]], trees: Sequence[Path], minutes: float = np.inf
) -> Iterator[tuple[str, int | None, float]]:
    """Fork for one job per tree at a time: name, exit code (None: it ran past its seconds) and seconds, as they end."""
    waiting, free = list(jobs)[::-1], list(trees)
    running: dict[Any, Any] = {}
    until = time.monotonic() + 60 * minutes
    while running or (waiting and time.monotonic() < until):
        while waiting and free and time.monotonic() < until:
            name, limit, work = waiting.pop()
            tree = free.pop()
            running[_forked(tree, work)] = name, tree, time.monotonic(), limit
        for child, (name, tree, began, limit) in list(running.items()):
            ended, status = os.waitpid(child, os.WNOHANG)
            seconds = time.monotonic() - began
            if late := not ended and seconds > limit:
                os.killpg(child, signal.SIGKILL)
                os.waitpid(child, 0)
            if ended or late:
                # Whatever a test started goes with it.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child, signal.SIGKILL)
                del running[child]
                free.append(tree)
                yield name, None if late else os.waitstatus_to_exitcode(status), seconds
        time.sleep(0.02)


def _forked(tree: Path, work: Callable[[Path], int]) -> int:
    if child := os.fork():
        return child
    code = 70
    try:
        os.setpgid(0, 0)
        os.chdir(tree)
        sys.path.insert(0, str(tree))
        os.environ["PYTHONPATH"] = str(tree)
        # Processes that tests start would import this file first.
        vars(sys.modules["__main__"]).pop("__file__", None)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        with Path(f"{tree}.log").open("w") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        code = work(tree)
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


class Asked:
    """Which tests run a changed statement."""

    def __init__(self, seen: Sequence[Mapping[str, Any]], enough: float) -> None:
        self.enough = enough
        """Seconds that the tests of one mutant may take together, the cheapest first."""
        self.seconds: dict[str, float] = {}
        self.running: dict[tuple[str, int], set[str]] = defaultdict(set)
        self.importing: dict[tuple[str, int], set[str]] = defaultdict(set)
        """Line that runs on import -> the tests that run anything of its file afterwards."""
        for file in seen:
            tests = {test: one for test, one in file["tests"].items() if one["seconds"] <= MOST_SECONDS}
            users: dict[str, set[str]] = defaultdict(set)
            for test, one in tests.items():
                self.seconds[test] = one["seconds"]
                for path, line in one["lines"]:
                    self.running[path, line].add(test)
                    users[path].add(test)
            for path, line in file["imported"]:
                self.importing[path, line] |= users[path]

    def tests(self, path: str, statement: range) -> list[str]:
        """Return them file by file, so that what the tests of one share is made once."""
        lines = [(path, line) for line in statement]
        found = set[str]().union(*(which.get(line, ()) for line in lines for which in (self.running, self.importing)))
        cheap = sorted(found, key=lambda test: (self.seconds[test], test))
        before = accumulate((self.seconds[test] for test in cheap), initial=0.0)
        files: dict[str, list[str]] = defaultdict(list)
        for test, spent in zip(cheap, before, strict=False):
            if spent < self.enough:
                files[test.split("::")[0]].append(test)
        return [test for tests in files.values() for test in tests]


def _try(tree: Path, mutant: Mutant, asked: Asked) -> int:
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    after = mutant.after
    tests = asked.tests(mutant.path, mutant.statement(after))
    if not tests:
        return int(pytest.ExitCode.NO_TESTS_COLLECTED)
    (tree / mutant.path).write_text(after, encoding="utf-8")
    return int(pytest.main([*WORDS, "-x", *tests]))


def outcome(code: int | None) -> str:
    """Name what a mutant came to: a process that dies of it, and tests that cannot be found, have noticed it."""
    if code is None:
        return "timed out"
    if code in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        return "survived"
    noticed = pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED, pytest.ExitCode.USAGE_ERROR
    return "killed" if code < 0 or code in noticed else "not tried"


def main() -> None:
    """Draw, try, tell."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--count", type=int, default=500)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--minutes", type=float, default=np.inf, help="begin no mutant after so many")
    options.add_argument("--enough", type=float, default=100.0, help="seconds of tests that one mutant meets")
    options.add_argument("--to", type=Path, default=ROOT / "mutants")
    given = options.parse_args()
    folder = given.to.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for name in LIBRARIES:
        importlib.import_module(name)
    trees = [copied(folder / f"tree-{slot}") for slot in range(SLOTS)]
    seen = watched(folder, trees)
    sample, population = mutants(given.count, given.seed)
    print(f"{len(sample)} of {population} mutants", flush=True)
    file = folder / f"seed-{given.seed}.jsonl"
    told = _told(file)
    asked = Asked(seen, given.enough)
    # Pytest collects garbage again and again, and all these syntax trees would be looked through for every mutant.
    gc.freeze()
    done = {name for name, one in told.items() if one["outcome"] in NOTICED}
    jobs = [_job(mutant, asked) for mutant in sample if mutant.name not in done]
    named = {mutant.name: mutant for mutant in sample}
    with file.open("a", encoding="utf-8") as out:
        for name, code, seconds in side_by_side(jobs, trees, given.minutes):
            one = named[name]
            told[name] = {"mutant": name, "outcome": outcome(code), "code": code, "seconds": round(seconds, 1)}
            if told[name]["outcome"] not in NOTICED:
                told[name]["diff"] = one.diff
            out.write(json.dumps(told[name]) + "\n")
            out.flush()
    print(summary([told[mutant.name] for mutant in sample if mutant.name in told]))


def _told(file: Path) -> dict[str, dict[str, Any]]:
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    return {one["mutant"]: one for one in map(json.loads, lines)}


def _job(mutant: Mutant, asked: Asked) -> tuple[str, float, Callable[[Path], int]]:
    def work(tree: Path) -> int:
        try:
            return _try(tree, mutant, asked)
        finally:
            shutil.copy2(ROOT / mutant.path, tree / mutant.path)

    return mutant.name, 120 + 10 * asked.enough, work


def summary(told: Sequence[Mapping[str, Any]]) -> str:
    """Return the share killed, with its exact 95 % interval, and the rows per file."""
    counts = Counter(str(one["outcome"]) for one in told)
    killed, n = counts["killed"] + counts["timed out"], len(told)
    ends = binomtest(killed, n).proportion_ci(0.95, method="exact")
    lines = [f"{n} tried: {dict(counts)}; noticed {killed / n:.1%} ({ends.low:.1%} to {ends.high:.1%})", ""]
    files: dict[str, Counter[str]] = defaultdict(Counter)
    for one in told:
        files[one["mutant"].split()[0]][one["outcome"]] += 1
    lines += ["| file | mutants | survived |", "| --- | ---: | ---: |"]
    lines += [f"| {file} | {found.total()} | {found['survived']} |" for file, found in sorted(files.items())]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
