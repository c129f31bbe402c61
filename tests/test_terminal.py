"""What others wrote, on a terminal: seen, never obeyed, and no id is broken over lines."""

import json
import math
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.catalog import environments
from bench.cli import main
from bench.console import say_table
from bench.plain import json_text, listed, plain, printable
from tests.making import TOY, run_suite, suite_file

Bench = Callable[..., tuple[int, str, str]]
ESCAPE = "\x1b]0;owned\x07\x1b[2J"
NAMES = ("CartPole-v1", "Café-v0", "月着陸-v3", "🎲🎰", "👩\u200d🚀", "می\u200cروم", "Zürich/Ω")


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ("red \x1b[1;31mhot\x1b[0m", "red hot"),
        ("\x1b]0;title\x07", "]0;title"),
        ("a\x9b31mb", "a31mb"),
        ("drive\u202egpj.exe", "drivegpj.exe"),
        ("pa\u200bss\u2066w\u2069ord\ufeff", "password"),
        ("a\u200db", "ab"),
        ("one\ntwo\r\nthree\x0bfour\u2028five", "one two three four five"),
        ("caf\udce9.csv", "caf\ufffd.csv"),
        ("nul\x00\x7f\x08", "nul"),
    ],
)
def test_what_hides_turns_or_commands_is_gone(given: str, seen: str) -> None:
    assert plain(given) == seen


@pytest.mark.parametrize("name", NAMES)
def test_names_of_all_scripts_and_emoji_stay_as_they_are(name: str) -> None:
    assert plain(name) == name
    assert printable(name) == name


def test_a_text_of_several_lines_keeps_them_and_its_indents() -> None:
    assert printable("Traceback:\n\tat \x1b[1mx\x1b[0m\r\nlast\rline") == "Traceback:\n\tat x\nlast\nline"


@given(st.text(alphabet=st.characters()))
def test_whatever_comes_in_can_be_written_and_needs_no_second_cleaning(text: str) -> None:
    once = printable(text)
    once.encode("utf-8")
    assert not set(once) & {*map(chr, range(9)), *map(chr, range(11, 32)), *map(chr, range(0x7F, 0xA0)), "\u202e"}
    assert printable(once) == once
    assert len(plain(text).splitlines()) <= 1


def test_json_is_ascii_without_numbers_that_json_lacks() -> None:
    found = json_text({"a": math.nan, "b": [np.float64(1.5), np.int64(2), math.inf], "c": "\x1b é"})
    assert found == '{"a": null, "b": [1.5, 2, null], "c": "\\u001b \\u00e9"}'


@pytest.mark.parametrize(
    ("names", "between", "told"),
    [
        ([], ", ", ""),
        (["a", "b"], ", ", "a, b"),
        (["a", "b", "c", "d", "e"], ", ", "a, b and 3 more"),
        (["a", "b", "c"], "; ", "a; b; and 1 more"),
    ],
)
def test_what_is_left_untold_is_counted(names: list[str], between: str, told: str) -> None:
    assert listed(names, 2, between) == told


@pytest.mark.parametrize("columns", ["1", "30", "80", "110", "300", ""])
def test_no_width_breaks_an_id_over_lines(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns) if columns else monkeypatch.delenv("COLUMNS", raising=False)
    say_table(("id", "what it is"), [(name, "a long way of telling what this is about") for name in environments()])
    shown = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line[:1].strip()]
    assert shown == ["id", *environments()]


def test_in_a_pipe_every_row_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    say_table(("id", "what it is"), [("one", "word " * 40), ("two", "")])
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_words_wrap_where_a_terminal_is_narrow(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    say_table(("id", "n", "what it is"), [("one", 12, "to swing up and hold")])
    # Three and two columns of their own, twice two between, eleven left for the words.
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [
        "id    n  what it is",
        "one  12  to swing up",
        "         and hold",
    ]


CRASH = '"bench.environments.toy:bench/Crash-v0": {steps: 30, kwargs: {after: 5}}'
HOSTILE = "[bold]x[/] :smile: [/wrong]"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of a suite whose every text is markup or an escape, as far as a suite may hold it."""
    folder = tmp_path_factory.mktemp("hostile")
    text = TOY.replace("q_learning, softmax_reinforce", f'{{name: q_learning, label: "{HOSTILE}"}}')
    text = text.replace(
        "bench/Bandit-v0: {steps: 100}", '"bench.environments.toy:bench/Crash-v0": {steps: 30, kwargs: {after: 5}}'
    )
    text += 'title: "\\e]0;owned\\a\\e[2J\\u202etitle"\nquestion: "\\e[31mwhy\\nreally\\u2066?"\n'
    run_suite(suite_file(folder, text), folder)
    for failure in folder.glob("small/trials/*/failure.json"):
        content = json.loads(failure.read_text())
        content |= {"message": f"no\n\x1b[2J{ESCAPE}way \udcff", "traceback": f"File \u202e x\n{ESCAPE}\udcff\n"}
        failure.write_text(json.dumps(content))
    return folder


COMMANDS = {
    "status": ["status", "small"],
    "validate": ["validate", "small.yaml", "--results", "."],
    "run": ["run", "small.yaml", "--results", ".", "--no-report"],
    "report": ["report", "small"],
    "markdown": ["report", "small", "--format", "md"],
    "latex": ["report", "small", "--format", "latex"],
    "export": ["export", "small"],
    "compare": ["compare", HOSTILE, "random", "--in", "small"],
    "suites": ["list", "suites"],
    "which": ["which", "--env", "bench/Corridor-v0", "--results", "."],
    "unknown": ["report", f"{ESCAPE}\n"],
}


@pytest.fixture
def bench(hostile: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bench:
    """Return what a command prints beside the hostile results: exit code, standard output, standard error."""
    monkeypatch.chdir(hostile)
    monkeypatch.setattr(sys, "path", [*sys.path])

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["bench", *words])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0), *capsys.readouterr()

    return run


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_obeys_what_others_wrote(bench: Bench, command: str) -> None:
    code, out, err = bench(*COMMANDS[command])
    assert code == {"run": 1, "unknown": 2}.get(command, 0), err
    assert not set(out + err) & {"\x1b", "\x07", "\u202e", "\x9b"}
    assert "☺" not in out
    if command == "status":
        assert any(line.startswith(HOSTILE) for line in out.splitlines())
        assert sum("exception (no" in line for line in out.splitlines()) == out.count("way \ufffd") == 6


@pytest.mark.parametrize("command", ["status", "validate", "compare"])
def test_json_for_programs_is_ascii_and_reads(bench: Bench, command: str) -> None:
    _, out, _ = bench(*COMMANDS[command], "--json")
    assert out.isascii()
    assert json.loads(out)


@pytest.mark.parametrize("words", [["report", "small", "--format", "md"], ["status", "Zürich\udcff"]])
def test_an_encoding_that_lacks_a_letter_ends_no_command(hostile: Path, words: list[str]) -> None:
    surroundings = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "bench.cli", *words]
    done = subprocess.run(command, capture_output=True, check=False, cwd=hostile, env=surroundings, timeout=120)
    assert done.returncode == (0 if words[0] == "report" else 2), done.stderr
    assert b"Traceback" not in done.stderr
    assert (done.stdout + done.stderr).isascii()


def test_a_terminal_gets_a_live_table_that_shows_markup_and_obeys_none_of_it(hostile: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "bench.cli", "run", "small.yaml", "--results", "again", "--no-report"],
        stdout=theirs,
        stderr=theirs,
        cwd=hostile,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm", "COLUMNS": "150"},
    ) as run:
        os.close(theirs)
        seen = b""
        while chunk := _read(ours):
            seen += chunk
    os.close(ours)
    assert run.returncode == 1
    assert b"Traceback" not in seen
    assert b"\x1b[" in seen
    assert b"of 12 trials done" in seen
    assert HOSTILE.encode() in seen
    assert b"]0;" not in seen


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux says that the other end is closed
        return b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_advice_that_standard_error_has_no_room_for_ends_no_run(tmp_path: Path) -> None:
    path = suite_file(tmp_path, TOY.replace("seeds: 3", "seeds: 1"))
    words = ["run", str(path), "--results", str(tmp_path / "results"), "--no-report"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "bench.cli", *words],
            check=False,
            stdout=subprocess.PIPE,
            stderr=full,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
    # One seed is advised against, in words that went nowhere.
    assert "6 of 6 trials done, 0 failed" in done.stdout
