"""The command line: instant where it must be, sentences for mistakes, exit codes as promised."""

import inspect
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from pkgutil import resolve_name

import pytest

from bench.cli.commands import COMMANDS
from bench.cli.doctor import optional
from tests.commanding import bench
from tests.making import TOY, run_suite, suite_file

HEAVY = ("torch", "gymnasium", "stable_baselines3", "sb3_contrib", "matplotlib", "pandas", "scipy")


@pytest.mark.parametrize("command", ["--help", "validate", "status"])
def test_what_must_be_instant_imports_nothing_heavy(tmp_path: Path, command: str) -> None:
    words = [command] if command == "--help" else [command, str(suite_file(tmp_path)), "--results", str(tmp_path)]
    code = (
        f"import sys; sys.argv = ['bench', *{words!r}]\n"
        "from bench.cli import main\n"
        "try: main()\nexcept SystemExit as end: assert not end.code, end.code\n"
        f"print('heavy:', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["heavy: []"], done.stdout + done.stderr


def test_the_help_of_no_command_imports_anything_heavy() -> None:
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom bench.cli.app import app\n"
        "from bench.cli.commands import COMMANDS\n"
        "told = [CliRunner().invoke(app, [name, '--help']) for name in COMMANDS]\n"
        "assert all(one.exit_code == 0 and 'Usage: bench' in one.output for one in told)\n"
        f"print('heavy:', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["heavy: []"], done.stdout + done.stderr


def test_help_and_completion_of_the_whole_import_no_command() -> None:
    code = (
        "import sys, os\nfrom typer.testing import CliRunner\nfrom bench.cli.app import app\n"
        "assert 'reproduce' in CliRunner().invoke(app, ['--help']).output\n"
        "words = {'COMP_WORDS': 'bench r', 'COMP_CWORD': '1', '_BENCH_COMPLETE': 'complete_bash'}\n"
        "print(CliRunner().invoke(app, [], env=words, prog_name='bench').output.split())\n"
        "print([name for name in ('bench.pipeline', 'bench.suite', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["['run', 'report', 'reproduce']", "[]"], done.stdout + done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_about_a_command_is_how_its_help_begins(name: str) -> None:
    words = inspect.getdoc(resolve_name(COMMANDS[name].place)) or ""
    assert words.replace("\n", " ").startswith(COMMANDS[name].line)


def test_every_mistake_of_a_suite_is_told_at_once_with_its_line_and_exit_code_2(tmp_path: Path) -> None:
    text = TOY.replace("seeds: 3", "seeds: 0").replace("q_learning", "q_lerning").replace("steps: 400", "stepps: 400")
    done = bench("validate", suite_file(tmp_path, text))
    assert done.returncode == 2
    for told in ("small.yaml:3", "did you mean 'q_learning'", "stepps"):
        assert told in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["run", "nowhere.yaml"], "there is no suite"),
        (["report", "nowhere"], "there is no suite"),
        (["list", "algorithmns"], "there is no list"),
        (["run", "--seeds", "0", "x.yaml"], "Invalid value"),
        (["frobnicate"], "No such command"),
    ],
)
def test_a_mistake_is_a_sentence_and_exit_code_2(tmp_path: Path, words: list[str], told: str) -> None:
    done = bench(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_device_that_is_not_there_is_told(tmp_path: Path) -> None:
    done = bench("run", suite_file(tmp_path), "--results", tmp_path, "--devices", "cuda:7")
    assert done.returncode == 2
    assert "cuda:7" in done.stderr


@pytest.mark.parametrize("words", [("run", "small.yaml"), ("tune", "small.yaml"), ("reproduce", "rl-zoo")])
def test_devices_that_mean_nothing_are_refused_before_a_plan_is_told(tmp_path: Path, words: tuple[str, str]) -> None:
    suite_file(tmp_path)
    done = bench(*words, "--devices", "gpu", "--dry-run", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "device 'gpu' is not understood; write auto, cpu, cuda or cuda:0,1" in done.stderr


def test_environments_are_tried_once_the_rest_is_right_and_the_help_says_so(tmp_path: Path) -> None:
    text = TOY.replace("bench/Bandit-v0", "nowhere_at_all:Bandit-v0")
    both = bench("validate", suite_file(tmp_path, text.replace("seeds: 3", "seeds: 0"))).stderr
    assert ("seeds" in both, "nowhere_at_all" in both) == (True, False)
    assert "nowhere_at_all" in bench("validate", suite_file(tmp_path, text)).stderr
    assert "Once nothing in the suite itself is wrong" in " ".join(bench("validate", "--help").stdout.split())


def test_validate_tells_the_plan_and_its_cost_and_runs_nothing(tmp_path: Path) -> None:
    done = bench("validate", suite_file(tmp_path), "--results", tmp_path, "--json")
    plan = json.loads(done.stdout)
    assert plan["trials"] == 18
    # 9 trials of 400 steps and 9 of 100.
    assert plan["cost"]["steps"] == 9 * 400 + 9 * 100
    assert {cell["missing"] for cell in plan["cells"]} == {3}
    assert not (tmp_path / "small").exists()
    assert bench("run", suite_file(tmp_path), "--results", tmp_path, "--dry-run").returncode == 0
    assert not (tmp_path / "small").exists()


def test_a_run_says_what_it_does_and_writes_the_report(tmp_path: Path) -> None:
    path = suite_file(tmp_path)
    done = bench("run", path, "--results", tmp_path / "results", "--workers", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "[18/18]" in done.stdout
    assert "18 of 18 trials done, 0 failed" in done.stdout
    assert (tmp_path / "reports" / "small" / "index.html").exists()
    state = json.loads(bench("status", path, "--results", tmp_path / "results", "--json").stdout)
    assert {(cell["done"], cell["missing"]) for cell in state["cells"]} == {(3, 0)}
    again = bench("run", path, "--results", tmp_path / "results", "--quiet", "--no-report", cwd=tmp_path)
    assert again.stdout.splitlines() == ["18 of 18 trials done, 0 failed"]
    tables = bench("export", tmp_path / "results" / "small", "--to", tmp_path / "tidy")
    assert (tmp_path / "tidy" / "trials.csv").read_text().count("\n") == 19, tables.stderr


@pytest.mark.parametrize(
    "words",
    [("report",), ("report", "--format", "md", "--to", "small.md"), ("export", "--to", "tidy"),
     ("plot", "--figure", "learning")],
)  # fmt: skip
def test_what_has_no_results_is_refused_and_what_was_written_of_others_stays(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    path = suite_file(tmp_path)
    page = tmp_path / "reports" / "small" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text("a full report")
    # As where a run has begun.
    (tmp_path / "results" / "small" / "trials").mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    for results in ("typo", "results"):
        done = bench(words[0], path, *words[1:], "--results", results, cwd=tmp_path)
        assert done.returncode == 2
        assert f"{results}/small: there are no results of small; `bench run {path}` makes some" in done.stderr
        assert "--results names the folder" in done.stderr
        assert (sorted(tmp_path.rglob("*")), page.read_text()) == (before, "a full report")


def test_json_lines_hold_a_start_and_an_end_per_trial_and_a_summary(tmp_path: Path) -> None:
    done = bench("run", suite_file(tmp_path), "--results", tmp_path, "--json", "--no-report", "--only", "random")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["event"] for line in lines].count("started") == 6
    ends = [line for line in lines if line["event"] == "ended"]
    assert len(ends) == 6
    assert all(end["failure"] is None and end["mean_return"] is not None for end in ends)
    assert lines[-1]["event"] == "summary"
    assert lines[-1]["done"] == 6


def test_a_failed_trial_gives_exit_code_1_and_its_reason(tmp_path: Path) -> None:
    text = TOY.replace(
        "bench/Bandit-v0: {steps: 100}", '"bench.environments.toy:bench/Crash-v0": {steps: 50, kwargs: {after: 5}}'
    )
    done = bench("run", suite_file(tmp_path, text), "--results", tmp_path, "--only", "q_learning", "--no-report")
    assert done.returncode == 1
    assert "3 failed" in done.stdout
    assert "exception" in done.stdout
    assert "--retry-failed" in done.stdout


@pytest.mark.parametrize(
    ("what", "expected"),
    [("algorithms", "reinforce"), ("environments", "CartPole-v1"), ("hyperparameters", "rl-zoo"), ("suites", "small")],
)
def test_lists_hold_what_a_suite_can_name(tmp_path: Path, what: str, expected: str) -> None:
    (tmp_path / "suites").mkdir()
    suite_file(tmp_path / "suites")
    assert expected in bench("list", what, cwd=tmp_path).stdout
    assert expected in bench("list", what, "--json", cwd=tmp_path).stdout


def test_the_doctor_trains_for_a_moment(tmp_path: Path) -> None:
    done = bench("doctor", "--json", cwd=tmp_path)
    checks = {check["what"]: check for check in json.loads(done.stdout)}
    assert checks["a trial in a worker"] == {
        "what": "a trial in a worker",
        "found": "trained and evaluated",
        "good": True,
    }
    assert {"sbx-rl", "jax", "envpool"} <= checks.keys()


def test_the_doctor_says_how_to_get_what_is_optional_and_which_version_was_compared() -> None:
    rows = {one.what: one for one in optional(lambda names: {**dict.fromkeys(names, "absent"), "envpool": "1.2.4"})}
    assert all(one.good for one in rows.values())
    assert rows["jax"].found == "absent, and needed by no suite that does not name it; pip install 'bench[jax]'"
    assert rows["envpool"].found == "1.2.4; its environments were compared with Gymnasium's in version 1.2.5"
    rows = {one.what: one for one in optional(lambda names: dict.fromkeys(names, "1.2.5"))}
    assert rows["envpool"].found == "1.2.5"


def test_the_shell_completes_suite_files(tmp_path: Path) -> None:
    (tmp_path / "suites").mkdir()
    suite_file(tmp_path / "suites")
    asked = {"_BENCH_COMPLETE": "complete_bash", "COMP_WORDS": "bench run sui", "COMP_CWORD": "2"}
    code = "import sys; sys.argv = ['bench']; from bench.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, **asked},
    )
    assert done.stdout.split() == ["suites/small.yaml"], done.stderr


def test_status_of_another_folder_names_failures(tmp_path: Path) -> None:
    text = TOY.replace(
        "bench/Bandit-v0: {steps: 100}", '"bench.environments.toy:bench/Crash-v0": {steps: 50, kwargs: {after: 5}}'
    )
    run_suite(suite_file(tmp_path, text.replace("seeds: 3", "seeds: 1")), tmp_path)
    done = bench("status", tmp_path / "small")
    assert "q_learning on bench.environments.toy:bench/Crash-v0, seed 0: exception" in done.stdout


def test_timing_runs_one_trial_at_a_time_each_in_a_process_of_its_own(tmp_path: Path) -> None:
    done = bench("run", suite_file(tmp_path), "--timing", "--no-report", "--results", tmp_path, "--only", "q_learning")
    assert done.returncode == 0, done.stderr
    records = [json.loads(file.read_text()) for file in tmp_path.rglob("trial.json")]
    assert {record["resources"]["workers"] for record in records} == {1}
    spans = sorted((record["provenance"]["started"], record["provenance"]["finished"]) for record in records)
    assert all(ended <= begun for (_, ended), (begun, _) in itertools.pairwise(spans))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("--profile", "p.yaml"),
            "--profile: goes with --executor slurm, and this is local; add that, or leave it out",
        ),
        (
            ("--executor", "slurm", "--address", "auto"),
            "--address: goes with --executor ray, and this is slurm; add that, or leave it out",
        ),
    ],
)
def test_a_clusters_words_without_its_executor_run_nothing_here(
    tmp_path: Path, words: tuple[str, ...], sentence: str
) -> None:
    (tmp_path / "p.yaml").write_text("minutes: 30\n")
    done = bench("run", suite_file(tmp_path), *words, cwd=tmp_path)
    assert (done.returncode, done.stderr.strip()) == (2, f"bench: {sentence}")


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--workers", "2"), "runs one trial at a time on this machine; leave --workers and --executor out"),
        (("--executor", "ray"), "runs one trial at a time on this machine; leave --workers and --executor out"),
        (("--trials-per-gpu", "4"), "a trial has its GPU to itself; leave --trials-per-gpu out"),
    ],
)
def test_timing_refuses_what_would_run_beside_it(tmp_path: Path, more: tuple[str, str], sentence: str) -> None:
    done = bench("run", suite_file(tmp_path), "--timing", *more, "--results", tmp_path)
    assert done.returncode == 2
    assert f"--timing: {sentence}" in done.stderr
