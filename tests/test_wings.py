"""Wings can be taken out: without its folder and its line in the list of commands, everything else works."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from shutil import copytree, ignore_patterns, rmtree

import pytest

from bench.cli.commands import COMMANDS
from tests.making import TOY, suite_file

TOP = Path(__file__).parents[1]
WINGS = {wing: name for name, command in COMMANDS.items() if (wing := command.place.split(".")[1]) != "cli"}
"""Folder -> command."""
TINY = TOY.replace("seeds: 3", "seeds: 2").replace("[q_learning, softmax_reinforce, random]", "[q_learning, random]")
ASKED = """
import json, sys
from typer.testing import CliRunner
from bench.cli.app import app
told = {}
for words in json.loads(sys.argv[1]):
    done = CliRunner().invoke(app, words)
    told[" ".join(words)] = [done.exit_code, done.output, repr(done.exception)]
print(json.dumps(told))
"""

ALONE = """
import sys
sys.meta_path[:] = [finder for finder in sys.meta_path if "__editable__" not in getattr(finder, "__module__", "")]
"""
"""Run by every interpreter that is started there: an editable install would find in the checkout what was taken out."""


def _without(folder: Path, wings: Iterable[str]) -> Path:
    """Copy the package, take the wings out, and return where the copy is."""
    copytree(TOP / "bench", folder / "bench", ignore=ignore_patterns("__pycache__"))
    copytree(TOP / "suites", folder / "suites")
    (folder / "sitecustomize.py").write_text(ALONE)
    file = folder / "bench" / "cli" / "commands.py"
    lines = file.read_text().splitlines(keepends=True)
    (listed,) = (
        node.value
        for node in ast.parse("".join(lines)).body
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "COMMANDS"
    )
    assert isinstance(listed, ast.Dict)
    for key, value in zip(listed.keys, listed.values, strict=True):
        if key is not None and any(f"'bench.{wing}." in ast.unparse(value) for wing in wings):
            gone = range(key.lineno - 1, value.end_lineno or key.lineno)
            lines = ["" if number in gone else line for number, line in enumerate(lines)]
    file.write_text("".join(lines))
    for wing in wings:
        rmtree(folder / "bench" / wing)
    return folder


def _python(place: Path, *words: str | Path, code: str = "") -> subprocess.CompletedProcess[str]:
    how = ["-c", code] if code else ["-m", "bench.cli"]
    return subprocess.run(
        [sys.executable, *how, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(place), "COLUMNS": "200"},
        timeout=120,
    )


def test_there_are_seven_wings() -> None:
    same = {name: name for name in ("compare", "which", "reproduce", "tune", "claims", "watch")}
    assert {**same, "imports": "import"} == WINGS


@pytest.mark.parametrize("wing", WINGS)
def test_without_a_wing_its_command_is_gone_and_the_others_are_there(tmp_path: Path, wing: str) -> None:
    place, suite = _without(tmp_path, [wing]), str(suite_file(tmp_path, TINY))
    others = [name for name in WINGS.values() if name != WINGS[wing]]
    asked = [["--help"], ["list", "suites"], ["validate", suite], [WINGS[wing]], *([name, "--help"] for name in others)]
    done = _python(place, json.dumps(asked), code=ASKED)
    told = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else pytest.fail(done.stderr)
    gone = told.pop(WINGS[wing])
    assert gone[0] == 2
    assert f"No such command '{WINGS[wing]}'" in gone[1]
    assert {words: answer for words, answer in told.items() if answer[0] != 0} == {}
    assert not any(line.split()[:1] == [WINGS[wing]] for line in told["--help"][1].splitlines())
    assert all(any(line.split()[:1] == [name] for line in told["--help"][1].splitlines()) for name in others)


def test_without_any_wing_a_suite_is_run_and_reported(tmp_path: Path) -> None:
    place, suite = _without(tmp_path, WINGS), suite_file(tmp_path, TINY)
    done = _python(place, "run", suite, "--workers", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 of 8 trials done" in done.stdout
    page = (place / "reports" / "small" / "index.html").read_text()
    assert "q_learning" in page
    listed = _python(place, "list", "tables")
    assert (listed.returncode, listed.stdout) == (2, "")
    assert "there is no list of 'tables'; one of algorithms, environments, suites, hyperparameters" in listed.stderr


def test_nothing_but_a_wing_itself_imports_from_it_not_even_inside_a_function() -> None:
    rooms = {path: path.relative_to(TOP / "bench").parts[0] for path in (TOP / "bench").rglob("*.py")}
    used = {path: {name.split(".")[1] for name in _imported(path)} for path in rooms}
    assert [(str(path), wing) for path, found in used.items() for wing in (found & {*WINGS}) - {rooms[path]}] == []


def _imported(path: Path) -> set[str]:
    """Return what of the package a file imports, each as `bench.room...`."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    plain = {one.name for node in nodes if isinstance(node, ast.Import) for one in node.names}
    named = {f"{node.module}.{one.name}" for node in nodes if isinstance(node, ast.ImportFrom) for one in node.names}
    return {name for name in plain | named if name.startswith("bench.")}
