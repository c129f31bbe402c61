"""What is asked for beyond all measure is refused before any work, with its line and the most that goes."""

import os
from itertools import pairwise
from pathlib import Path

import pytest

from bench import suite
from bench.cli import main
from bench.errors import SuiteError
from bench.limits import too_large
from bench.pipeline import open_experiment
from tests.making import TOY, suite_file

HEAD = "algorithms: [random]\nenvironments: {FrozenLake-v1: 400}\n"


def complaints(text: str) -> list[str]:
    with pytest.raises(SuiteError) as caught:
        suite.parse(text, "x.yaml")
    return [str(one) for one in caught.value.complaints]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("analysis: {resamples: 1e9}", "analysis.resamples: must be at most 100,000, not 1000000000.0"),
        ("analysis: {confidence: 0.99999}", "analysis.confidence: must be above 0.5 and at most 0.9999, not 0.99999"),
        ("seeds: 10001", "seeds: must be from 1 to 10,000, not 10001"),
        (f"seeds: [{', '.join(map(str, range(10_001)))}]", "seeds: must be at most 10,000 seeds, not 10,001"),
        (f"seeds: [{', '.join(map(str, [*range(5000), 7, 3]))}]", ("seeds: seed 3 is listed twice: equal seeds give "
         "equal runs, not another sample")),
        ("seeds: [4294967296]", "seeds: a seed is a whole number from 0 to 2^32 - 1, not 4294967296"),
        ("evaluation: {points: 1e6}", "evaluation.points: must be at most 100,000, not 1000000.0"),
        ("evaluation: {episodes: 1e9}", "evaluation.episodes: must be at most 100,000, not 1000000000.0"),
        ("evaluation: {final_episodes: 1e18}", "evaluation.final_episodes: must be at most 100,000, not 1e+18"),
        ("evaluation: {points: 400, episodes: 5000}", ("evaluation: 400 points of 5,000 episodes and 100 final "
         "ones make records of up to 69 MB each, and 31 MB is the most that is read; lower `points`, `episodes` or "
         "`final_episodes`")),
        ("evaluation: {points: 9, episodes: 100000, final_episodes: 100000}", ("evaluation: 9 points of 100,000 "
         "episodes and 100,000 final ones make records of up to 34 MB each, and 31 MB is the most that is read; lower "
         "`points`, `episodes` or `final_episodes`")),
        ("limits: {stall_minutes: 1e308}", "limits.stall_minutes: must be above 0 and at most 5,256,000, not 1e+308"),
        ("limits: {memory_gb: 1e308}", "limits.memory_gb: must be above 0 and at most 1,000,000, not 1e+308"),
        ("limits: {timeout_minutes: .nan}", "limits.timeout_minutes: wants a number, not nan"),
        (f"name: {'a' * 300}", "name: must have at most 100 letters, for it names a folder, not 300"),
        ("name: CON", "name: names no folder on every system: 'CON'; choose another"),
        ("name: nul.v2", "name: names no folder on every system: 'nul.v2'; choose another"),
        ("name: ends.", "name: names no folder on every system: 'ends.'; choose another"),
        (f"title: {'a' * 301}", "title: must have at most 300 letters, not 301"),
        (f"question: {'a' * 5001}", "question: must have at most 5,000 letters, not 5,001"),
        ("claims: [{claim: c, left: random, right: 1e300, quantity: score}]",
         "claims.0.right: must be from -1e+15 to 1e+15, not 1e+300"),
    ],
)  # fmt: skip
def test_beyond_all_measure_is_a_sentence_with_its_line(line: str, told: str) -> None:
    assert complaints(HEAD + line) == [f"x.yaml:3: {told}"]


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("FrozenLake-v1: 1e18", "must be at most 1,000,000,000,000, not 1e+18"),
        ("FrozenLake-v1: {steps: 400, reference: {random: -1.0e308, target: 1}}",
         "must be from -1e+15 to 1e+15, not -1e+308"),
        ("FrozenLake-v1: {steps: 400, reference: {random: 0, target: .inf}}", "wants a number, not inf"),
        ("FrozenLake-v1: {steps: 400, reference: {random: 0, target: 5.0e-324}}",
         "target 5e-324 and random 0 are too close to score by: at least 1e-09"),
        (f"'m:{'é' * 50}-v0': 400", f"an environment's id is a line of at most 100 bytes, not 'm:{'é' * 50}-v0'"),
        ('"m:a\\nb-v0": 400', "an environment's id is a line of at most 100 bytes, not 'm:a\\nb-v0'"),
    ],
)  # fmt: skip
def test_an_environment_beyond_all_measure_is_refused(place: str, told: str) -> None:
    [complaint] = complaints(f"algorithms: [random]\nenvironments:\n  {place}\n")
    assert complaint.startswith("x.yaml:3: environments.")
    assert "[key]" not in complaint
    assert complaint.endswith(told)


def test_names_that_readers_cannot_tell_apart_are_taken() -> None:
    text = HEAD.replace("[random]", "\n- {name: random, label: Rand}\n- {name: random, label: rand}")
    assert complaints(text)[0].startswith("x.yaml:3: algorithms.1.label: label 'rand' is taken by line 2")
    blank = HEAD.replace("[random]", "[{name: random, label: ' a'}]")
    assert complaints(blank) == ["x.yaml:1: algorithms.0.label: wants no blanks at its ends: ' a'"]


def test_so_many_environments_side_by_side_fit_no_process() -> None:
    [told] = complaints(HEAD.replace("[random]", "[{name: ppo, hyperparameters: {n_envs: 1000000}}]"))
    assert told.endswith("hyperparameters.n_envs: must be at most 1,000, not 1000000")


def test_what_a_suite_asks_for_together_must_fit() -> None:
    # 10,000 seeds of 11 algorithms; 50 million draws a cell, 500 million in all.
    assert (
        too_large(10_000, 11, 5000) == "110,000 trials are too many for one suite, of at most 100,000; make it several"
    )
    assert too_large(10_000, 10, 5000) == ""
    assert too_large(1_000, 1, 50_000) == ""
    assert too_large(1_000, 1, 50_001).endswith("at most 50,000 of so many")
    assert too_large(500, 200, 5_001).endswith("at most 5,000 of so many")
    text = HEAD.replace("[random]", f"[{', '.join(f'{{name: random, label: r{n}}}' for n in range(11))}]")
    assert complaints(text + "seeds: 10000") == [f"x.yaml:3: seeds: {too_large(10_000, 11, 100)}"]


def test_more_than_five_hundred_algorithms_are_refused_at_once() -> None:
    many = "".join(f"- randm{n}\n" for n in range(501))
    told = complaints(f"environments: {{FrozenLake-v1: 400}}\nalgorithms:\n{many}")
    assert len(told) == 101
    assert told[0] == "x.yaml:2: algorithms: wants at most 500 algorithms, not 501"
    assert told[-1] == "x.yaml: there may be more; these are the first 100"


BOMB = "".join(f"{b}: &{b} [{f'*{a}, ' * 9}1]\n" for a, b in pairwise("abcdefgh"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"a: &a [1]\n{BOMB}", "too many values, counting those repeated by aliases"),
        (f"seeds: [{'1,' * 41_000}]\n", "not a suite: more than 40,000 values"),
        (f"title: {'[' * 2_000}\n", "not a suite: nested too deeply to be read"),
    ],
    ids=["bomb", "values", "depth"],
)
def test_what_would_take_minutes_or_gigabytes_to_read_is_cut_off(text: str, told: str) -> None:
    assert told in complaints(HEAD + text)[-1]


def test_a_whole_number_that_python_cannot_write_out_is_a_sentence() -> None:
    huge = f"0x{'f' * 5000}"
    reference = HEAD.replace("400", f"{{steps: 400, reference: {{random: 1, target: {huge}}}}}")
    assert complaints(reference)[0].startswith("x.yaml:2: environments.FrozenLake-v1.reference.target: wants a number")


def test_a_message_holds_no_megabyte_of_what_it_complains_about() -> None:
    for text in (f"{'k' * 100_000}: 1", f"evaluation: {'x' * 100_000}", f"hyperparameters: {'y' * 100_000}"):
        assert all(len(one) < 1200 for one in complaints(HEAD + text))


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("folder", "is no file"),
        ("pipe", "is no file"),
        ("long", "is no suite: it has 1.5 MB, and no suite more than 1 MB"),
        ("bytes", "is no text in UTF-8"),
    ],
)
def test_a_suite_is_read_from_a_regular_file_of_a_megabyte_at_most(tmp_path: Path, kind: str, told: str) -> None:
    path = tmp_path / "x.yaml"
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "long":
            path.write_text(HEAD + "#" * 1_500_000)
        case "bytes":
            path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SuiteError, match=told):
        suite.read(path)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["validate", "small.yaml", "--seeds", "1000000000"], "'--seeds'"),
        (["run", "small.yaml", "--workers", "100000"], "'--workers'"),
        (["run", "small.yaml", "--threads", "100000"], "'--threads'"),
        (["reproduce", "cleanrl", "--seeds", "1000000000"], "'--seeds'"),
        (["which", "--env", "CartPole-v1", "--steps", "1e18"], "--steps '1e18' is too many; at most 1,000,000,000,000"),
        (["which", "--env", "CartPole-v1", "--minutes", "1e300"], "must be above 0 and at most 5,256,000"),
        (["which", "--env", "CartPole-v1", "--target", "nan"], "--target nan must be a number from -1e+15 to 1e+15"),
    ],
)  # fmt: skip
def test_options_beyond_all_measure_are_sentences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    suite_file(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["bench", *words])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert told in capsys.readouterr().err


def test_seeds_of_the_command_line_are_counted_with_the_cells(tmp_path: Path) -> None:
    more = ", ".join(f"{{name: random, label: r{n}}}" for n in range(4))
    path = suite_file(tmp_path, TOY.replace("q_learning, softmax", f"q_learning, {more}, softmax"))
    with pytest.raises(SuiteError, match="--seeds: 140,000 trials are too many"):
        open_experiment(path, seeds=10_000, results=tmp_path)
