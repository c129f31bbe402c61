"""The first day: an installed package in an empty folder, names instead of paths, suites without a file."""

import os
import shlex
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from bench.errors import BenchError, SuiteError
from bench.pipeline import Asked, open_experiment
from bench.pipeline.asking import in_terms_of_options, steps_of, suite_name, suite_text
from bench.pipeline.starting import start
from bench.suite import parse, read
from bench.suite.draft import Draft, DraftAlgorithm, DraftEnvironment, text
from bench.suite.shipped import shipped
from tests.commanding import bench

TOP = Path(__file__).parents[1]
TOY_WORDS = ["--algo", "q_learning", "--algo", "random", "--env", "bench/Corridor-v0", "--steps", "0.2k"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the package as a wheel holds it that was built from a source archive."""
    work = tmp_path_factory.mktemp("build")
    source = work / "source"
    source.mkdir()
    for name in ("bench", "suites"):
        shutil.copytree(TOP / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "MANIFEST.in", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(TOP / name, source)
    hook = "import sys; from setuptools import build_meta; getattr(build_meta, sys.argv[1])(sys.argv[2])"

    def build(what: str, folder: Path) -> Path:
        words = [sys.executable, "-c", hook, what, str(work)]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return max(work.glob("bench-*.*"), key=lambda path: path.stat().st_mtime_ns)

    with tarfile.open(build("build_sdist", source)) as archive:
        archive.extractall(work / "unpacked", filter="data")
    (unpacked,) = (work / "unpacked").iterdir()
    with zipfile.ZipFile(build("build_wheel", unpacked)) as wheel:
        wheel.extractall(work / "site")  # noqa: S202 - built a moment ago
    return work / "site"


def installed_bench(site: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(site), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-m", "bench.cli", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_an_installed_package_holds_every_suite_of_the_one_source(installed: Path) -> None:
    ours = {path.relative_to(TOP): path.read_text() for path in (TOP / "suites").rglob("*.yaml")}
    theirs = {path.relative_to(installed / "bench"): path.read_text() for path in installed.rglob("suites/**/*.yaml")}
    assert theirs == ours
    assert len(ours) >= 7


def test_an_installed_package_works_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    assert installed_bench(installed, tmp_path, "--version").stdout == "bench 0.1.0\n"
    assert "40 trials" in installed_bench(installed, tmp_path, "validate", "continuous", "--only", "sac").stdout
    done = installed_bench(installed, tmp_path, "init", "my-suite", "--steps", "5k")
    assert done.returncode == 0, done.stderr
    assert "40 trials" in installed_bench(installed, tmp_path, "validate", "my-suite.yaml").stdout
    done = installed_bench(installed, tmp_path, "run", "toy", "--only", "random@bench/Bandit-v0", "--seeds", "1")
    assert "1 of 1 trials done, 0 failed" in done.stdout, done.stderr
    assert (tmp_path / "reports" / "toy" / "index.html").exists()
    assert "explained/dqn-loss" in installed_bench(installed, tmp_path, "list", "suites").stdout


@pytest.mark.parametrize("name", shipped())
def test_every_suite_that_comes_with_the_harness_can_be_read_by_its_name(name: str) -> None:
    assert open_experiment(shipped()[name]).plan.trials


def test_a_bare_name_is_a_shipped_suite_or_results_and_what_lies_here_comes_first(tmp_path: Path) -> None:
    assert bench("validate", "toy", cwd=tmp_path).stdout.startswith(
        "A bandit, a corridor and a frozen lake - 45 trials"
    )
    assert "did you mean 'quick'?" in bench("run", "qick", cwd=tmp_path).stderr
    # Results of that name come first for whoever reads them, and only there.
    kept = tmp_path / "results" / "toy" / "suite.yaml"
    kept.parent.mkdir(parents=True)
    kept.write_text("name: toy\nalgorithms: [random]\nenvironments: {bench/Bandit-v0: 100}\n")
    assert "10 missing" in bench("status", "toy", cwd=tmp_path).stdout
    assert "45 trials" in bench("validate", "toy", cwd=tmp_path).stdout
    shutil.copy(kept, tmp_path / "toy")
    done = bench("validate", "toy", cwd=tmp_path)
    assert "10 trials" in done.stdout
    assert f"toy is a file here, not the suite that comes with bench ({shipped()['toy']})" in done.stderr


@pytest.mark.parametrize("command", ["run", "validate", "status", "tune", "report", "watch"])
def test_every_command_that_takes_a_suite_guesses_names_alike(tmp_path: Path, command: str) -> None:
    (tmp_path / "mine.yaml").touch()
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "other.yaml").touch()
    for typed, meant in (
        ("mine", "mine.yaml"),
        ("mime.yaml", "mine.yaml"),
        ("more/other", "more/other.yaml"),
        ("clip", "lessons/clip"),
        ("quik", "quick"),
    ):
        done = bench(command, typed, cwd=tmp_path)
        assert (done.returncode, f"{typed}: there is no suite; did you mean {meant!r}?" in done.stderr) == (2, True)
    assert "`bench list suites` shows some" in bench(command, "xyzzy", cwd=tmp_path).stderr


def test_the_shell_completes_names_of_suites_and_results(tmp_path: Path) -> None:
    (tmp_path / "results" / "toy-2").mkdir(parents=True)
    (tmp_path / "results" / "toy-2" / "suite.yaml").touch()
    program = str(Path(sys.executable).parent / "bench")
    words = f"{program} report toy"
    done = subprocess.run(
        [program],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "_BENCH_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": "2"},
    )
    assert done.stdout.split() == ["toy-2", "toy"]


@pytest.mark.parametrize(
    ("written", "steps"),
    [("50k", 50_000), ("1M", 1_000_000), ("1e5", 100_000), ("50_000", 50_000), ("1.1m", 1_100_000), ("7", 7)],
)
def test_steps_are_read_as_people_write_them(written: str, steps: int) -> None:
    assert steps_of(written) == steps


@pytest.mark.parametrize("written", ["", "k", "-5", "0", "1.5", "1e-3", "nan", "inf", "5 apples", "0.0001k", "1e999"])
def test_steps_that_are_none_are_told_with_examples(written: str) -> None:
    with pytest.raises(ValueError, match=r"wants a whole number of environment steps.*50k, 1M, 1e5 or 50_000"):
        steps_of(written)


def test_a_suite_without_a_file_runs_is_kept_and_goes_on(tmp_path: Path) -> None:
    name = "q_learning-random-bench-Corridor-v0"
    done = bench("run", *TOY_WORDS, "--seeds", "1", "--no-report", cwd=tmp_path)
    assert "2 of 2 trials done" in done.stdout, done.stderr
    assert f"this suite is called {name}" in done.stderr
    assert "4 trials" in bench("validate", *TOY_WORDS, "--seeds", "2", cwd=tmp_path).stdout
    assert "2 done, 0 failed, 0 running, 2 missing" in bench("status", *TOY_WORDS, "--seeds", "2", cwd=tmp_path).stdout
    assert read(tmp_path / "results" / name / "suite.yaml").seeds == (0,)
    assert bench("run", *TOY_WORDS, "--seeds", "2", "--no-report", cwd=tmp_path).stdout.count("seed 1:") == 2
    assert "4 done" in bench("status", name, cwd=tmp_path).stdout
    assert bench("report", name, cwd=tmp_path).stdout == f"reports/{name}/index.html\n"


def test_what_no_option_can_say_is_said_in_a_suite_that_a_note_writes_the_command_for(tmp_path: Path) -> None:
    place = "tests.which_environments:which/Clockwork-v0"
    words = ["--algo", "random", "--env", place, "--steps", "300"]
    told = bench("validate", *words, cwd=tmp_path).stderr
    command = told.partition("is written over: `")[2].partition("`")[0].replace("\n", " ")
    program, *start = shlex.split(command)
    assert (program, bench(*start, cwd=tmp_path).returncode) == ("bench", 0)
    file = tmp_path / f"{suite_name(Asked(('random',), (place,)))}.yaml"
    assert f"put it there, and `bench run {file.name}`" in " ".join(told.split())
    assert [one.steps for one in read(file).environments] == [300]
    # Where every environment has references there is no need.
    assert "bench init" not in bench("validate", *TOY_WORDS, cwd=tmp_path).stderr


def test_an_environment_that_changes_the_working_directory_loses_no_trial(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "wandering.py").write_text(
        "import os, gymnasium\n"
        "from bench.environments.conformance import TwoLength\n"
        "class Wandering(TwoLength):\n"
        "    def __init__(self):\n"
        f"        super().__init__(); os.chdir({str(elsewhere)!r})\n"
        "gymnasium.register('Wandering-v0', Wandering, max_episode_steps=20)\n"
    )
    words = ["--algo", "random", "--env", "wandering:Wandering-v0", "--steps", "200", "--seeds", "1", "--no-report"]
    done = bench("run", *words, cwd=tmp_path)
    assert "1 of 1 trials done" in done.stdout, done.stdout + done.stderr
    assert not list(elsewhere.iterdir())


def test_options_and_a_suite_exclude_each_other_and_nothing_at_all_is_told_what_there_is(tmp_path: Path) -> None:
    done = bench("run", "toy", "--algo", "ppo", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "exclude each other" in done.stderr
    done = bench("status", cwd=tmp_path)
    assert done.returncode == 2
    assert "`bench list suites` shows" in done.stderr


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (Asked(["ppo"]), "--env: which environment is missing|--steps: the budget"),
        (Asked(["pppo"], ["CartPol-v1"], "x"), "--steps: wants|--algo pppo: |'ppo'?|--env: |'CartPole-v1'?"),
        (Asked(["sac"], ["CartPole-v1"], "9"), "--algo sac: sac wants continuous actions, CartPole-v1 has discrete"),
        (Asked(["ppo"] * 2, ["CartPole-v1"], "9", "zoo"), "--algo ppo: label 'ppo' is taken|--hyperparameters: "),
        (Asked(["ppo"], ["CartPole-v1"], "9", seeds=99_999), "--seeds: must be from 1 to 10,000"),
        (Asked(["ppo"], ["Nowhere-v7"], "9"), "--env: environment 'Nowhere-v7' cannot be made"),
    ],
)
def test_everything_wrong_with_the_options_is_told_at_once_by_option(asked: Asked, told: str) -> None:
    with pytest.raises(SuiteError) as error:
        in_terms_of_options(asked, lambda: open_experiment(suite_text(asked), met=True))
    for words in told.split("|"):
        assert words in str(error.value)
    assert "line " not in str(error.value)


def test_a_name_that_would_be_too_long_for_a_folder_ends_in_what_tells_it_apart() -> None:
    assert suite_name(Asked(["ppo", "dqn"], ["CartPole-v1"])) == "ppo-dqn-CartPole-v1"
    assert suite_name(Asked(["ppo"], ["my_package:Mine/Env-v0"])) == "ppo-my_package-Mine-Env-v0"
    many = [f"module:Environment{number}-v0" for number in range(30)]
    names = {suite_name(Asked(["ppo"], many)), suite_name(Asked(["ppo"], many[:-1]))}
    assert len(names) == 2
    assert max(map(len, names)) < 110


def test_init_writes_a_suite_that_validates_for_any_kind_of_actions_and_never_overwrites(tmp_path: Path) -> None:
    first = read(start(tmp_path / "mine", Asked()))
    assert [entry.algorithm for entry in first.algorithms] == ["ppo", "dqn", "a2c", "random"]
    assert (first.name, first.environments[0].environment, first.environments[0].steps) == (
        "mine",
        "CartPole-v1",
        50_000,
    )
    with pytest.raises(BenchError, match="there is such a file, and it stays as it is"):
        start(tmp_path / "mine.yaml", Asked())
    second = read(start(tmp_path / "123", Asked((), ["Pendulum-v1", "bench.environments.toy:bench/Crash-v0"], "1e3")))
    assert second.name == "123"
    assert [entry.algorithm for entry in second.algorithms] == ["ppo", "a2c", "random"]
    with pytest.raises(SuiteError, match=r"a b\.yaml: wants letters, digits"):
        start(tmp_path / "a b", Asked())
    with pytest.raises(SuiteError, match="--algo sac: sac wants continuous"):
        start(tmp_path / "third", Asked(["sac"]))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["123.yaml", "mine.yaml"]


def test_the_next_step_that_is_told_can_be_pasted_whatever_its_folder_is_called(tmp_path: Path) -> None:
    (place := tmp_path / "my & suites").mkdir()
    told = bench("init", str(place / "mine"))
    command = told.stdout.partition("; ")[2].removesuffix(" tells what it costs\n")
    assert shlex.split(command) == ["bench", "validate", str(place / "mine.yaml")]
    shown = (place / "mine.yaml").read_text().splitlines()
    assert any(shlex.split(line)[1:4] == ["bench", "run", str(place / "mine.yaml")] for line in shown[:6])


@pytest.mark.parametrize("name", ["", "..", "/"])
def test_init_wants_a_name(name: str) -> None:
    with pytest.raises(BenchError, match="names no suite: wants a name"):
        start(Path(name), Asked())


@pytest.mark.parametrize("name", ["a\nseeds: 3", "a\x1b]0;x\x07", "a\u2028b", "a: b #c", "- {a", "*a"])
def test_names_that_are_no_yaml_are_complained_of_as_names(name: str, tmp_path: Path) -> None:
    with pytest.raises(SuiteError) as caught:
        start(tmp_path / name, Asked())
    assert all("wants letters, digits, dots" in complaint.message for complaint in caught.value.complaints)


@pytest.mark.parametrize("name", ["a\nseeds: 3", "a\x1b]0;x\x07", "a\u2028b", "a: b #c", "- {a", "*a"])
def test_options_that_are_no_yaml_are_complained_of_as_options(name: str) -> None:
    asked = Asked([name], ["CartPole-v1"], "1k", set_name=name)
    with pytest.raises(SuiteError) as caught:
        in_terms_of_options(asked, lambda: open_experiment(suite_text(asked)))
    assert [complaint.place for complaint in caught.value.complaints][1:] == ["--hyperparameters", f"--algo {name}"]


def test_suites_that_the_harness_writes_are_decided_as_its_own_are(tmp_path: Path) -> None:
    own = {
        read(file).analysis.decide for name, file in shipped().items() if name in {"discrete", "continuous", "quick"}
    }
    asked = open_experiment(suite_text(Asked(["ppo", "dqn"], ["CartPole-v1"], "50k"))).suite
    drafted = parse(
        text(Draft("a", "A", "Which?", 10, (DraftAlgorithm("ppo"),), (DraftEnvironment("CartPole-v1", 9),))), "a"
    )
    begun = read(start(tmp_path / "mine", Asked()))
    assert {suite.analysis.decide for suite in (asked, drafted, begun)} == own == {"iqm-by-environment"}


def test_what_init_has_commented_out_works_once_the_comment_signs_are_gone(tmp_path: Path) -> None:
    file = start(tmp_path / "mine", Asked())
    lines = [line.replace("# - {", "- {").replace("#   - {", "  - {") for line in file.read_text().splitlines()]
    signs = ("# claims:", "# limits:")
    file.write_text("\n".join(line.removeprefix("# ") if line.startswith(signs) else line for line in lines))
    suite = read(file)
    assert [entry.label for entry in suite.algorithms][-1] == "ppo of RL Zoo"
    assert suite.claims[0].text == "ppo beats the random policy"
    assert suite.limits.timeout_minutes == 60
