"""What lies in a results folder and is no result: named with its reason, counted by all alike, in nobody's way."""

import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import bench
from bench import pipeline
from bench.cli.app import app
from bench.compare.comparing import compare
from bench.errors import StoreError
from bench.limits import MOST_RECORD_BYTES, unreadable
from bench.pipeline import results
from bench.records import Curve, EvaluationPlan, Failure, Final, Outcome, Record, Trial, Unreadable
from bench.store import Store, doubts, keep, read
from tests.making import small_trial, suite_file

RESULTS = Path(__file__).parent.parent / "results"
Json = dict[str, Any]

SUITE = """
name: small
seeds: 4
evaluation: {points: 2, episodes: 2, final_episodes: 3}
algorithms: [q_learning, random]
environments:
  bench/Corridor-v0: {steps: 200}
"""


def record(trial: Trial, level: float = 0.5) -> Record:
    plan = trial.evaluation
    shape = plan.points, plan.episodes
    lasting = np.linspace(1, 2, plan.points)
    return Record(
        trial=trial,
        curve=Curve(
            steps=np.linspace(trial.steps / plan.points, trial.steps, plan.points).astype(np.int64),
            seconds=lasting,
            cpu_seconds=lasting,
            returns=np.full(shape, level),
            lengths=np.full(shape, 7),
            training_returns=np.full(plan.points, np.nan),
        ),
        final=Final(trial.steps, np.full(plan.final_episodes, level), np.full(plan.final_episodes, 7)),
        timings={"wall": 3.0, "train": 2.0, "train_cpu": 2.0, "evaluation": 1.0},
        resources={"device": "cpu", "threads": 1, "workers": 1, "peak_memory_mb": 100.0, "load": 0.5},
        provenance={"versions": {"numpy": "2.0"}, "cores": 2, "commit": None, "finished": "2026-01-01"},
        settings={"gamma": 0.99, "clip_range": float("inf"), "net": {"arch": [8, 8]}},
    )


def kept(root: Path, outcome: Outcome) -> Path:
    """Keep an outcome under `root` and return its folder."""
    folder = root / "trials" / outcome.trial.name
    folder.mkdir(parents=True)
    if isinstance(outcome, Record):
        keep(outcome, folder)
    else:
        Store(root).keep_failure(outcome)
    return folder


def changed(file: Path, change: Callable[[Json], object]) -> None:
    data = json.loads(file.read_text())
    change(data)
    file.write_text(json.dumps(data))


def reason(folder: Path) -> str:
    found = read(folder)
    assert isinstance(found, Unreadable), found
    return found.reason


def put(*where: Any, value: Any) -> Callable[[Json], object]:
    """Return what sets one place of a file."""

    def change(data: Json) -> None:
        for step in where[:-1]:
            data = data[step]
        data[where[-1]] = value

    return change


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def without_end(data: Json) -> None:
    data["trial"]["evaluation"]["final_episodes"] = 0
    data["final"] |= {"returns": [], "lengths": []}


WRONG: dict[str, tuple[Callable[[Json], object], str]] = {
    "no number": (put("final", "returns", value=["0.5", 1, 2]), r"final.returns.0: wants a number, not '0.5'"),
    "one number": (put("final", "returns", value=3.0), r"final.returns: wants a list, not 3.0"),
    "too few": (
        put("final", "returns", value=[1.0, 2.0]),
        r"final.returns: wants 3 values by the evaluation plan, not 2",
    ),
    "flat curve": (put("curve", "returns", value=[1.0, 2.0]), r"curve.returns.0: wants a list, not 1.0"),
    "short curve": (put("curve", "steps", value=[100]), r"curve.steps: wants 2 values by the evaluation plan, not 1"),
    "ragged": (
        put("curve", "lengths", value=[[1, 2], [3]]),
        r"curve.lengths.1: wants 2 values by the evaluation plan, not 1",
    ),
    "cube": (
        put("curve", "lengths", value=[[[1], [2]], [[3], [4]]]),
        r"curve.lengths.0.0: wants a whole number, not a list of 1",
    ),
    "shorter than planned": (
        lambda data: [data["curve"].update({name: values[:1]}) for name, values in data["curve"].items()],
        r"curve.steps: wants 2 values by the evaluation plan, not 1",
    ),
    "decreasing": (put("curve", "steps", value=[200, 100]), r"curve.steps: they decrease"),
    "negative length": (
        put("final", "lengths", value=[1, -1, 1]),
        r"final.lengths.1: .* not -1",
    ),
    "truth in a list": (
        put("final", "lengths", value=[1, True, 1]),
        r"final.lengths.1: wants a whole number, not True",
    ),
    "huge length": (put("curve", "lengths", value=[[10**30] * 2] * 2), r"curve.lengths.0.0: .* not 10+$"),
    "huge return": (
        put("final", "returns", value=[10**400, 1, 1]),
        r"final.returns.0: wants a number, not a whole number that is larger than every float",
    ),
    "infinite return": (
        put("final", "returns", value=[float("inf"), 1, 1]),
        r"final.returns.0: wants a finite number, not inf",
    ),
    "unknown return": (put("final", "returns", value=[None, 1, 1]), r"final.returns.0: wants a number, not null"),
    "huge steps": (put("final", "steps", value=10**400), r"final.steps: .* not a whole number .* every float"),
    "steps as text": (put("trial", "steps", value="200"), r"trial.steps: wants a whole number, not '200'"),
    "no steps": (put("trial", "steps", value=0), r"trial.steps: .* not 0"),
    "half a step": (put("trial", "steps", value=200.0), r"trial.steps: wants a whole number, not 200.0"),
    "seed as text": (put("trial", "seed", value="0"), r"trial.seed: wants a whole number"),
    "no seed": (put("trial", "seed", value=None), r"trial.seed: wants a whole number, not null"),
    "truth for a seed": (put("trial", "seed", value=True), r"trial.seed: wants a whole number, not True"),
    "huge seed": (put("trial", "seed", value=10**400), r"trial.seed: .* not a whole number .* every float"),
    "environment a number": (put("trial", "environment", value=3), r"trial.environment: wants text, not 3"),
    "no label": (put("trial", "label", value=""), r"trial.label: "),
    "hyperparameters null": (put("trial", "hyperparameters", value=None), r"trial.hyperparameters: wants a mapping"),
    "hyperparameters a list": (put("trial", "hyperparameters", value=[1]), r"trial.hyperparameters: wants a mapping"),
    "versions a list": (put("trial", "versions", value=["a"]), r"trial.versions: wants a mapping, not a list of 1"),
    "version a number": (put("trial", "versions", value={"a": 2}), r"trial.versions: a: wants text, not 2"),
    "a plan of text": (put("trial", "evaluation", value="20"), r"trial.evaluation: wants a mapping, not '20'"),
    "an unknown key": (put("trial", "colour", value="red"), r"trial: has 'colour', which this version does not know"),
    "timings null": (put("timings", value=None), r"timings: wants a mapping, not null"),
    "timing as text": (put("timings", value={"wall": "1"}), r"timings: wall: wants a finite number, not '1'"),
    "timing not finite": (
        put("timings", value={"wall": float("nan")}),
        r"timings: wall: wants a finite number, not nan",
    ),
    "a timing beyond all time": (
        put("timings", value={"wall": 1e300}),
        r"timings: wall: wants a finite number, not 1e",
    ),
    "seconds beyond all time": (put("curve", "seconds", value=[1.0, 1e300]), r"curve.seconds.1: .* not 1e\+300"),
    "resources null": (put("resources", value=None), r"resources: wants a mapping, not null"),
    "device a list": (put("resources", "device", value=["cpu"]), r"resources: device: wants a word or a number"),
    "origin a list": (put("trial", "origin", value=[1]), r"trial.origin: wants a mapping, not a list"),
    "files a number": (put("trial", "origin", value={"files": 1}), r"trial.origin: files: wants a list of files"),
    "a file without a name": (
        put("trial", "origin", value={"files": [{"name": "a.csv"}, {"sha256": "0"}]}),
        r"trial.origin: files: wants a list of files with their names, not a list of 2$",
    ),
    "a file's hash a number": (
        put("trial", "origin", value={"files": [{"name": "a.csv", "sha256": 0}]}),
        r"trial.origin: sha256: wants text, not 0$",
    ),
    "a note alone": (
        put("trial", "origin", value={"notes": "a note"}),
        r"trial.origin: notes: wants a list of sentences, not 'a note'$",
    ),
    "a note that is a number": (
        put("trial", "origin", value={"notes": ["a note", 2]}),
        r"trial.origin: notes: wants a list of sentences, not a list of 2$",
    ),
    "kind a number": (put("trial", "origin", value={"kind": 1}), r"trial.origin: kind: wants text, not 1$"),
    "provenance null": (put("provenance", value=None), r"provenance: wants a mapping, not null"),
    "libraries a list": (
        put("provenance", "versions", value=["torch"]),
        r"provenance: versions: wants a mapping, not a list of 1$",
    ),
    "library a number": (put("provenance", "versions", value={"torch": 2}), r"provenance: torch: wants text, not 2"),
    "deep settings": (put("settings", "net", value=nested(40)), r"settings: is nested more than 32 deep"),
    "huge setting": (put("settings", "gamma", value=10**400), r"settings: holds a whole number .* every float"),
    "attempt a truth": (put("attempt", value=True), r"attempt: wants a whole number, not True"),
    "fingerprint": (put("fingerprint", value="0" * 12), r"says fingerprint '000000000000', which is not its trial's"),
    "no final episode": (without_end, r"final.returns: wants at least one episode"),
    "another protocol": (
        put("protocol", value=2),
        r"has protocol 2, this version reads 1; use the version that wrote it",
    ),
    "a protocol of truth": (put("protocol", value=True), r"has protocol True, this version reads 1"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_record_of_the_wrong_shape_is_named_with_its_reason(tmp_path: Path, what: str) -> None:
    folder = kept(tmp_path, record(small_trial()))
    change, told = WRONG[what]
    changed(folder / "trial.json", change)
    assert re.search(told, reason(folder)), reason(folder)


@pytest.mark.parametrize(
    "field", ["trial", "curve", "final", "timings", "resources", "provenance", "attempt", "settings"]
)
def test_every_field_of_a_record_is_missed_when_it_is_gone(tmp_path: Path, field: str) -> None:
    folder = kept(tmp_path, record(small_trial()))
    changed(folder / "trial.json", lambda data: data.pop(field))
    assert reason(folder) == f"{field} is missing"


FAILED: dict[str, tuple[Callable[[Json], object], str]] = {
    "kind": (put("kind", value="tired"), r"kind: wants one of exception, .*, not 'tired'"),
    "message": (put("message", value=None), r"message: wants text, not null"),
    "seconds": (put("seconds", value=float("inf")), r"seconds: .* not inf"),
    "steps": (put("steps", value=-1), r"steps: .* not -1"),
    "memory": (put("peak_memory_mb", value="much"), r"peak_memory_mb: wants a number, not 'much'"),
    "provenance": (put("provenance", value=None), r"provenance: wants a mapping, not null"),
}


@pytest.mark.parametrize("what", FAILED)
def test_a_failure_of_the_wrong_shape_is_named_with_its_reason(tmp_path: Path, what: str) -> None:
    folder = kept(tmp_path, Failure(small_trial(), "timeout", "took longer than 1 minute"))
    change, told = FAILED[what]
    changed(folder / "failure.json", change)
    assert re.search(told, reason(folder)), reason(folder)


def as_bytes(text: bytes) -> Callable[[Path], object]:
    return lambda file: file.write_bytes(text)


def large(file: Path) -> None:
    with file.open("wb") as open_file:
        open_file.truncate(MOST_RECORD_BYTES + 1)


FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "nothing": (as_bytes(b""), "is empty"),
    "half": (lambda file: file.write_bytes(file.read_bytes()[:200]), "is no JSON"),
    "a list": (as_bytes(b"[]"), "wants a mapping, not a list of 0"),
    "no text": (as_bytes(b"\xff\xfe\x00"), "is no text in UTF-8"),
    "zeros": (as_bytes(bytes(100)), "is no JSON"),
    "twice": (as_bytes(b'{"protocol": 1, "protocol": 1}'), "says 'protocol' twice"),
    "deep": (as_bytes(b"[" * 100_000), "is nested too deeply"),
    "digits": (as_bytes(b'{"protocol": ' + b"1" * 5_000 + b"}"), "integer string conversion"),
    "many parts": (as_bytes(b"[" + b"[]," * 2**20 + b"[]]"), "more than 1,048,576 lists and mappings"),
    "large": (large, "has 32 MB, more than the 32 MB that are read"),
    "a pipe": (os.mkfifo, "is no regular file"),
    "a device": (lambda file: file.symlink_to("/dev/zero"), "is no regular file"),
    "a folder": (lambda file: file.mkdir(), "is no regular file"),
    "a dangling link": (lambda file: file.symlink_to("nowhere"), "is a link to nothing"),
    "a circle": (lambda file: file.symlink_to(file.name), "cannot be read"),
}


@pytest.mark.parametrize("what", FILES)
@pytest.mark.parametrize("name", ["trial.json", "failure.json"])
def test_what_is_no_file_of_json_is_named_with_its_reason(tmp_path: Path, what: str, name: str) -> None:
    trial = small_trial()
    folder = kept(tmp_path, record(trial) if name == "trial.json" else Failure(trial, "killed", "by nobody"))
    spoil, told = FILES[what]
    if what != "half":
        (folder / name).unlink()
    spoil(folder / name)
    assert told in reason(folder)


def test_a_link_to_a_record_is_a_record(tmp_path: Path) -> None:
    folder = kept(tmp_path / "small", record(small_trial()))
    (folder / "trial.json").rename(tmp_path / "elsewhere.json")
    (folder / "trial.json").symlink_to(tmp_path / "elsewhere.json")
    assert isinstance(read(folder), Record)


@pytest.mark.parametrize(
    ("outcome", "place"),
    [(record(small_trial()), "resources"), (Failure(small_trial(), "exited", "too soon"), "provenance")],
)
def test_an_origin_kept_where_earlier_versions_kept_it_is_the_trials(
    tmp_path: Path, outcome: Outcome, place: str
) -> None:
    folder = kept(tmp_path, outcome)
    changed(next(folder.glob("*.json")), put(place, "imported", value={"kind": "csv"}))
    found = read(folder)
    assert isinstance(found, Record | Failure)
    assert found.trial.origin == {"kind": "csv"}
    assert found.trial.fingerprint == outcome.trial.fingerprint
    assert "imported" not in getattr(found, place)


def test_an_own_trial_is_written_as_before_there_was_an_origin(tmp_path: Path) -> None:
    folder = kept(tmp_path, record(small_trial()))
    assert "origin" not in json.loads((folder / "trial.json").read_text())["trial"]


def test_infinite_settings_and_imported_runs_of_any_length_are_read(tmp_path: Path) -> None:
    folder = kept(tmp_path, record(small_trial()))
    found = read(folder)
    assert isinstance(found, Record)
    assert found.settings["clip_range"] == float("inf")
    origin = {"kind": "csv", "files": [{"name": "a.csv", "sha256": "0"}], "notes": ["a note"]}
    foreign = replace(small_trial(), implementation="imported:csv as theirs", origin=origin)
    whole = record(foreign)
    short = replace(
        whole,
        trial=replace(foreign, seed=1),
        curve=Curve(**{field: array[:1] for field, array in (_shallow(whole.curve))}),
        final=Final(200, np.array([1.0]), np.array([0])),
    )
    empty = np.empty(0)
    curveless = replace(
        short,
        trial=replace(foreign, seed=2),
        curve=Curve(np.empty(0, np.int64), empty, empty, np.empty((0, 0)), np.empty((0, 0), np.int64), empty),
    )
    for one in (whole, short, curveless):
        assert isinstance(read(kept(tmp_path, one)), Record)


def _shallow(curve: Curve) -> Iterator[tuple[str, Any]]:
    return ((field, getattr(curve, field)) for field in Curve.__dataclass_fields__)


def test_every_record_of_the_project_is_read() -> None:
    folders = sorted(RESULTS.glob("*/trials/*"))
    assert len(folders) > 600
    assert [str(found) for folder in folders if not isinstance(found := read(folder), Record)] == []


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a results folder with all eight records of a suite, and one other record that nobody planned."""
    results = tmp_path_factory.mktemp("results")
    experiment = pipeline.open_experiment(suite_file(results, SUITE), results=results)
    for place, trial in enumerate(experiment.plan.trials):
        kept(results / "small", record(trial, 0.1 * place))
    kept(results / "small", record(replace(experiment.plan.trials[0], seed=99)))
    experiment.store.keep_suite(SUITE)
    return results


@pytest.fixture
def small(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole / "small", tmp_path / "small")
    return tmp_path / "small"


def folder_of(small: Path, algorithm: str = "q_learning", seed: int = 0) -> Path:
    (found,) = (small / "trials").glob(f"{algorithm}--*--seed-{seed}--*")
    return found


def told(*words: str | Path, code: int = 0) -> str:
    ended = CliRunner().invoke(app, [*map(str, words)], catch_exceptions=False, env={"COLUMNS": "1000"})
    assert ended.exit_code == code, ended.output
    return ended.output


def counts(small: Path) -> dict[str, tuple[int, int, int]]:
    """Return done, missing and unreadable as each teller has them: of planned trials, and of all files."""
    status = json.loads(told("status", small, "--json"))
    cells = [sum(cell[name] for cell in status["cells"]) for name in ("done", "missing")]
    experiment = pipeline.open_experiment(small)
    summary = pipeline.run(replace(experiment, text=""), (), lambda _event: None)
    estimates = results.estimates(experiment)
    planned = {trial.name for trial in experiment.plan.trials}
    there = [line for line in estimates.trials if line.name in planned]
    unread = " ".join(pipeline.unread(experiment))
    found = re.match(r"(\d+) files? of results cannot be read", unread)
    return {
        "status": (*cells, len(status["unreadable"])),
        "run": (summary.done, summary.planned - summary.done, summary.unreadable),
        "report": (
            sum(line.state == "done" for line in there),
            sum(line.state == "missing" for line in there),
            int(found[1]) if found and unread in estimates.notes else 0,
        ),
    }


def copy_into(small: Path) -> None:
    shutil.copy(folder_of(small, seed=1) / "trial.json", folder_of(small) / "trial.json")


DISAGREEING: dict[str, tuple[Callable[[Path], object], int]] = {
    "copied into another folder": (copy_into, 7),
    "its seed edited": (lambda small: changed(folder_of(small) / "trial.json", put("trial", "seed", value=7)), 7),
    "its budget edited": (lambda small: changed(folder_of(small) / "trial.json", put("trial", "steps", value=7)), 7),
    "its folder renamed": (lambda small: folder_of(small).rename(small / "trials" / "a copy"), 7),
    "of a trial nobody planned": (lambda small: (folder_of(small, seed=99) / "trial.json").write_text("{"), 8),
    "a folder copied": (lambda small: shutil.copytree(folder_of(small), small / "trials" / "a copy"), 8),
}


@pytest.mark.parametrize("how", DISAGREEING)
def test_status_run_and_report_count_the_same_where_folder_and_content_disagree(small: Path, how: str) -> None:
    spoil, done = DISAGREEING[how]
    spoil(small)
    assert counts(small) == dict.fromkeys(("status", "run", "report"), (done, 8 - done, 1))


def stray(trials: Path) -> None:
    """Put beside the trials what operating systems, editors and people leave behind."""
    for name in (".DS_Store", "Thumbs.db", "notes.txt~", "trial.json"):
        (trials / name).write_bytes(b"\x00\x01")
    (trials / "lost+found").mkdir()
    (trials / "lost+found" / "#123").write_text("lost")
    (trials / "circle").symlink_to("circle")
    (trials / "nowhere").symlink_to("missing")
    os.mkfifo(trials / "pipe")


def test_strays_are_passed_over_by_every_reader(small: Path, tmp_path: Path) -> None:
    stray(small / "trials")
    (folder_of(small) / ".DS_Store").write_bytes(b"\x00")
    assert counts(small) == dict.fromkeys(("status", "run", "report"), (8, 0, 0))
    assert len(bench.load(small)["trials"]) == 9
    told("export", small, "--to", tmp_path / "tables")
    assert "q_learning" in told("compare", "q_learning", "random", "--in", small)


def test_a_folder_that_holds_strays_alone_takes_imported_runs(tmp_path: Path) -> None:
    (tmp_path / "results" / "theirs" / "trials").mkdir(parents=True)
    stray(tmp_path / "results" / "theirs" / "trials")
    rows = "".join(f"ppo,CartPole-v1,{seed},{steps},{steps / 10}\n" for seed in range(3) for steps in (500, 1000))
    source = tmp_path / "theirs.csv"
    source.write_text("algorithm,environment,seed,steps,return\n" + rows)
    told("import", source, "--into", "theirs", "--results", tmp_path / "results")
    assert len(bench.load(tmp_path / "results" / "theirs")["trials"]) == 3


def test_pipes_in_the_place_of_lock_and_lease_hold_nobody_up(small: Path) -> None:
    for seed, name in enumerate(("lock", "lease")):
        folder = folder_of(small, seed=seed)
        (folder / "trial.json").unlink()
        os.mkfifo(folder / name)
    words = ("run", small / "suite.yaml", "--results", small.parent, "--no-report", "--quiet")
    assert "6 done, 0 failed, 1 running, 1 missing" in told("status", small)
    assert "6 of 8 trials done" in told(*words, code=1)


@pytest.fixture
def spoilt(small: Path) -> Path:
    """Return results of which three of eight trials cannot be read."""
    changed(folder_of(small) / "trial.json", put("timings", value=None))
    (folder_of(small, seed=1) / "trial.json").unlink()
    os.mkfifo(folder_of(small, seed=1) / "trial.json")
    copy = folder_of(small, "random", 2) / "trial.json"
    copy.rename(copy.with_name("failure.json"))
    return small


def test_what_cannot_be_read_is_told_by_every_command_and_stops_none(spoilt: Path, tmp_path: Path) -> None:
    assert counts(spoilt) == dict.fromkeys(("status", "run", "report"), (5, 3, 3))
    status = told("status", spoilt)
    assert f"cannot be read: {folder_of(spoilt)}/trial.json: timings: wants a mapping, not null" in status
    assert "5 done, 0 failed, 0 running, 3 missing; 3 files cannot be read" in status
    first = f"3 files of results cannot be read, so their trials count as missing: {folder_of(spoilt)}/trial.json"
    assert first in told("report", spoilt, "--format", "json")
    assert first in told("export", spoilt, "--to", tmp_path / "tables")
    assert any(first in warning for warning in compare("q_learning", "random", within=spoilt).warnings)
    with pytest.warns(UserWarning, match=re.escape(first)):
        assert len(bench.load(spoilt)["trials"]) == 6


def test_a_run_sets_aside_what_it_cannot_read_and_runs_the_trial_again(spoilt: Path) -> None:
    bad = (folder_of(spoilt) / "trial.json").read_bytes()
    words = ("run", spoilt / "suite.yaml", "--results", spoilt.parent, "--no-report", "--quiet")
    output = told(*words)
    assert "3 files of results cannot be read" in output
    assert counts(spoilt) == dict.fromkeys(("status", "run", "report"), (8, 0, 0))
    assert (folder_of(spoilt) / "trial.json.unreadable").read_bytes() == bad
    assert (folder_of(spoilt, seed=1) / "trial.json.unreadable").is_fifo()
    assert (folder_of(spoilt, "random", 2) / "failure.json.unreadable").is_file()


def test_an_import_writes_over_nothing_that_it_cannot_read(tmp_path: Path) -> None:
    source = tmp_path / "theirs.csv"
    rows = "".join(f"ppo,CartPole-v1,0,{steps},{steps / 10}\n" for steps in (500, 1000))
    source.write_text("algorithm,environment,seed,steps,return\n" + rows)
    words = ("import", source, "--into", "theirs", "--results", tmp_path)
    told(*words)
    (kept_record,) = tmp_path.glob("theirs/trials/*/trial.json")
    kept_record.write_text("{")
    told(*words)
    assert isinstance(read(kept_record.parent), Record)
    assert kept_record.with_name("trial.json.unreadable").read_text() == "{"


def test_an_import_keeps_nothing_that_could_not_be_read_again(tmp_path: Path) -> None:
    steps = np.array([500, 1000])
    for name, lengths in (("below", [[9], [-9]]), ("fine", [[9], [9]])):
        (folder := tmp_path / "logs" / "ppo" / f"{name}__CartPole-v1").mkdir(parents=True)
        np.savez(
            folder / "evaluations.npz",
            timesteps=steps,
            results=np.array([[len(name)], [20.0]]),
            ep_lengths=np.array(lengths),
        )
    hints = ("--algorithm", "ppo", "--environment", "CartPole-v1", "--results", tmp_path / "results")
    words = ("import", tmp_path / "logs", *hints)
    output = told(*words, code=1)
    assert "its record could not be read again: curve.lengths.1.0: input should be greater than or equal to 0" in output
    assert len(bench.load(tmp_path / "results" / "logs")["trials"]) == 1


def test_the_largest_record_that_a_suite_may_ask_for_is_read_again(tmp_path: Path) -> None:
    # 8 x 100,000 + 100,000 episodes of 36 bytes are 30.9 MiB.
    trial = replace(small_trial(), evaluation=EvaluationPlan(points=8, episodes=100_000, final_episodes=100_000))
    assert not unreadable(8, 100_000, 100_000)
    longest, lengths = np.full((8, 100_000), -1.2345678901234567e-300), np.full((8, 100_000), 12_345_678)
    clock = np.full(8, 1234567.8901234567)
    plain = record(trial)
    curve = replace(plain.curve, returns=longest, lengths=lengths, seconds=clock, cpu_seconds=clock)
    final = replace(plain.final, returns=longest[0], lengths=lengths[0])
    keep(replace(plain, curve=curve, final=final), folder := tmp_path / trial.name)
    assert 30.8 * 2**20 < (folder / "trial.json").stat().st_size < MOST_RECORD_BYTES
    assert isinstance(read(folder), Record)


def test_a_record_too_large_to_be_read_is_doubted_before_it_is_kept() -> None:
    trial = replace(small_trial(), evaluation=EvaluationPlan(points=1, episodes=1, final_episodes=900_000))
    plain = record(trial, 0.1234567890123456789)
    assert doubts(replace(plain, final=replace(plain.final, lengths=np.full(900_000, 10**15)))).startswith("has 33 MB")


LOOKS = {
    "protocol": 1,
    "design": {
        "looks": [4],
        "levels": [0.05],
        "pairs": [],
        "cells": [["q_learning", "bench/Corridor-v0"]],
        "baselines": [["random", "bench/Corridor-v0"]],
        "analysis": {
            "metric": "final",
            "threshold": 0.9,
            "margin": 0.05,
            "failures": "random",
            "confidence": 0.95,
            "resamples": 5000,
        },
    },
    "configurations": {},
    "looks": [{"n": 4, "level": 0.05, "decided": [], "open": 0, "tested": [["a", "b", 0.1, 0.2]]}],
}

JOURNALS: dict[str, tuple[Callable[[Json], object], str]] = {
    "no design": (put("design", value=None), "design: wants a mapping, not null"),
    "no looks planned": (put("design", "looks", value=[]), "design.looks: "),
    "looks for ever": (put("design", "looks", value=[2**40]), "design.looks.0: "),
    "levels missing": (put("design", "levels", value=[]), "plans 1 looks with 0 levels, and 1 are taken"),
    "an analysis of words": (
        put("design", "analysis", "threshold", value="high"),
        "design.analysis.threshold: wants a",
    ),
    "a look that is none": (put("looks", value=[3]), "looks.0: wants a mapping, not 3"),
    "p above 1": (put("looks", 0, "tested", value=[["a", "b", 1.5, 1.5]]), r"looks.0.tested.0.2: "),
    "a pair of one": (put("design", "cells", value=[["q_learning"]]), r"design.cells.0.1 is missing"),
}


@pytest.mark.parametrize("what", JOURNALS)
def test_a_journal_of_the_wrong_shape_is_a_sentence(small: Path, what: str) -> None:
    (small / "looks.json").write_text(json.dumps(LOOKS))
    assert Store(small).looks() == LOOKS
    change, sentence = JOURNALS[what]
    changed(small / "looks.json", change)
    with pytest.raises(StoreError, match=sentence):
        Store(small).looks()


def _many(root: Path) -> Path:
    """Return results of 120 trials, new, in a folder of `root`."""
    one = kept(root / "first", record(small_trial())) / "trial.json"
    data = json.loads(one.read_text())
    for seed in range(120):
        trial = replace(small_trial(), seed=seed)
        (folder := root / "many" / "trials" / trial.name).mkdir(parents=True)
        told_of = data | {"fingerprint": trial.fingerprint, "trial": data["trial"] | {"seed": seed}}
        (folder / "trial.json").write_text(json.dumps(told_of))
    return root / "many"


@pytest.fixture(scope="module")
def settling(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _many(tmp_path_factory.mktemp("settling"))


@pytest.fixture
def settled(settling: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give results that no test changes, and that have settled once and for all; a memory of them may be damaged."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(settling.parent / "cache"))
    return settling


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return _many(tmp_path)


def remembered(many: Path) -> Path:
    """Survey the results when they have settled; return the file that remembers what was whole."""
    deadline = time.monotonic() + 30
    while True:
        Store(many).survey()
        for file in (many.parent / "cache").rglob("*.json"):
            if len(json.loads(file.read_text())["whole"]) == 120:
                return file
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_what_was_whole_is_remembered_until_it_changes_and_never_reported_from_memory(many: Path) -> None:
    file = remembered(many)
    folder = next((many / "trials").iterdir())
    (folder / "trial.json").write_text("{")
    assert set(Store(many).survey().unreadable) == {folder.name}
    # Memory is believed for counting alone: told that the damaged file was whole as it is now, it counts it.
    found = (folder / "trial.json").stat()
    memory = json.loads(file.read_text())
    memory["whole"][folder.name] = [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]
    file.write_text(json.dumps(memory))
    assert folder.name in Store(many).survey().done
    assert len(list(Store(many).outcomes())) == 119


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"checks": 1}',
        '{"checks": "CHECKS"}',
        '{"checks": "CHECKS", "whole": [1]}',
        '{"checks": "CHECKS", "whole": {"a": 1}}',
    ],
)
def test_a_damaged_memory_costs_time_and_nothing_else(settled: Path, text: str) -> None:
    for file in (remembered(settled), settled / "index.json"):
        file.write_text(text.replace("CHECKS", json.loads(file.read_text())["checks"]))
    assert len(Store(settled).survey().done) == 120


def test_no_place_for_a_memory_costs_time_and_nothing_else(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (many / "file").touch()
    (many / "index.json").mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(many / "file"))
    assert len(Store(many).survey().done) == 120
