"""`bench compare` and `bench report --format`, on results made up and kept on disk as real ones are."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from bench.analysis.verdict import holm
from bench.cli.app import app, main
from bench.compare.comparing import compare
from bench.compare.records import Comparison, ComparisonRow
from bench.errors import BenchError
from bench.pipeline import open_experiment
from bench.records import AnalysisPlan, Curve, Fact, Failure, Final, Record, Trial
from bench.report import sentences
from bench.store import Store, keep

SUITE = """
name: {name}
seeds: {seeds}
evaluation: {{points: 2, episodes: 1, final_episodes: 2}}
hyperparameters: {sets}
algorithms: [q_learning, softmax_reinforce, random]
environments:
  bench/Corridor-v0: {{steps: {steps}, reference: {{random: 0, target: 1}}}}
  bench/Bandit-v0: {{steps: 100, reference: {{random: 0, target: 1}}}}
"""
LEVELS = {"q_learning": 0.9, "softmax_reinforce": 0.6, "random": 0.0}
Scores = Callable[[Trial], float | None]
Change = Callable[[Record], Record]


def level(trial: Trial) -> float:
    """Far apart: 0.9, 0.6 and 0.0 with steps of 0.01 between the seeds."""
    return LEVELS[trial.label] + 0.01 * trial.seed


def record_of(trial: Trial, score: float) -> Record:
    at = np.array([trial.steps // 2, trial.steps])
    ones = np.ones((2, 1), dtype=np.int64)
    seconds = {"q_learning": 2.0, "softmax_reinforce": 4.0}.get(trial.label, 1.0) * (1 + 0.01 * trial.seed)
    returns = np.array([[0.0], [score]])
    return Record(
        trial=trial,
        curve=Curve(at, at / 50, at / 50, returns, ones, returns[:, 0]),
        final=Final(trial.steps, np.full(2, score), np.ones(2, dtype=np.int64)),
        timings={"train_cpu": seconds, "wall": 36.0},
        resources={"workers": 2, "threads": 1, "device": "cpu"},
        provenance={"processor": "made up", "cores": 2, "versions": {"bench": "1"}},
        settings={"gamma": 0.99},
    )


def made(
    folder: Path, scores: Scores = level, *, change: Change = lambda record: record, name: str = "small", **suite: Any
) -> Path:
    """Write results as if a suite had been run; a trial without a score is missing. Return their folder."""
    folder.mkdir(parents=True)
    (folder / "suite.yaml").write_text(
        SUITE.format(**{"name": name, "seeds": 6, "steps": 400, "sets": "default", **suite})
    )
    store = Store(folder)
    for trial in open_experiment(folder).plan.trials:
        score = scores(trial)
        if score is not None:
            record = change(record_of(trial, score))
            place = store.folder(record.trial)
            place.mkdir(parents=True)
            keep(record, place)
    return folder


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder of results that holds one set, `small`."""
    made(tmp_path / "small")
    return tmp_path


def bench(*words: str | Path) -> str:
    """Run the command line in this process, 80 columns wide, and return what it prints."""
    done = CliRunner(env={"COLUMNS": "80"}).invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def row(found: Comparison, environment: str | None, label: str = "") -> ComparisonRow:
    return next(one for one in found.rows if (one.label, one.environment) == (label, environment))


def test_two_algorithms_are_compared_everywhere_and_on_each_environment(results: Path) -> None:
    found = compare("q_learning", "softmax_reinforce", within=results / "small")
    assert (found.left, found.right, found.between) == ("q_learning", "softmax_reinforce", "algorithms")
    assert [one.environment for one in found.rows] == [None, "bench/Corridor-v0", "bench/Bandit-v0"]
    assert [one.pair.verdict for one in found.rows] == ["better"] * 3
    for one in found.rows:
        assert one.pair.probability.estimate == 1.0
        assert one.pair.difference.estimate == pytest.approx(0.3)
    assert row(found, None).of == (12, 12)
    assert found.left_out == ()


def test_p_values_are_corrected_over_the_rows_shown(results: Path) -> None:
    found = compare("q_learning", "softmax_reinforce", within=results / "small")
    corrected = holm([one.pair.p_value or 0.0 for one in found.rows])
    assert [one.pair.p_holm for one in found.rows] == pytest.approx([min(1.0, p) for p in corrected])
    # Six runs against six on one environment: 4 of the C(12, 6) = 924 arrangements are as extreme.
    assert [one.pair.p_value for one in found.rows[1:]] == pytest.approx([4 / 924] * 2)


def test_an_environment_can_be_named_beside_either_algorithm(results: Path) -> None:
    for names in (("q_learning@bench/Bandit-v0", "random"), ("q_learning", "random@bench/Bandit-v0")):
        assert [one.environment for one in compare(*names, within=results / "small").rows] == ["bench/Bandit-v0"]


def test_speed_is_a_ratio_and_failing_runs_are_counted(tmp_path: Path) -> None:
    folder = made(
        tmp_path / "one", lambda trial: 0.2 if trial.label == "q_learning" and trial.seed < 2 else level(trial)
    )
    found = row(compare("q_learning", "softmax_reinforce", within=folder), "bench/Corridor-v0")
    # Half the seconds for the same steps, on every seed.
    assert found.speed.estimate == pytest.approx(2.0)
    assert found.speed.low is not None
    assert found.speed.high is not None
    assert found.speed.low < 2.0 < found.speed.high
    assert (found.failing, found.of) == ((2, 0), (6, 6))
    assert compare("q_learning", "random", within=folder).rows[0].speed.notes == (Fact("no timed runs"),)


def test_an_undecided_row_has_a_price_in_runs_and_hours(tmp_path: Path) -> None:
    close = {"q_learning": 0.03, "softmax_reinforce": 0.0, "random": 0.0}
    folder = made(tmp_path / "one", lambda trial: 0.5 + close[trial.label] + 0.05 * ((7 * trial.seed) % 6))
    found = row(compare("q_learning", "softmax_reinforce", within=folder), None).pair
    assert found.verdict == "undecided"
    assert found.more_runs is not None
    # 36 s for a run, two algorithms, two environments.
    assert found.more_hours == pytest.approx(found.more_runs * 4 * 36 / 3600)


def shifted(trial: Trial) -> float:
    return level(trial) - (0.3 if trial.label == "q_learning" else 0.0)


def released(record: Record) -> Record:
    """The same trial under another version of a library, with other defaults, run alone."""
    return replace(
        record,
        trial=replace(record.trial, versions={**record.trial.versions, "numpy": "99"}),
        resources={**record.resources, "workers": 1},
        settings={"gamma": 0.9},
    )


def nameless(record: Record) -> Record:
    """The same trial of somebody who states no versions."""
    return replace(record, trial=replace(record.trial, versions={}), provenance={})


def test_versions_that_one_side_does_not_state_are_one_line_and_no_difference_each(tmp_path: Path) -> None:
    before, after = made(tmp_path / "before"), made(tmp_path / "after", change=nameless)
    told = [said for said in compare(str(before), str(after)).differences if "version" in said]
    assert told == ["versions of libraries: stated against not stated"]


def built(stated: dict[str, str], noted: dict[str, str]) -> Change:
    """The same trial, whose definition and machine tell versions."""

    def change(record: Record) -> Record:
        trial = replace(record.trial, versions=stated)
        return replace(record, trial=trial, provenance={**record.provenance, "versions": noted})

    return change


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        # The random policy's definition states no torch; its machine has the build that the other's has.
        (({"torch": "2.13.0"}, {"torch": "2.13.0+cpu"}), ({"gymnasium": "1.2"}, {"torch": "2.13.0+cpu"}), None),
        (({"torch": "2.13.0"}, {}), ({"gymnasium": "1.2"}, {"torch": "2.13.0+cpu"}), None),
        (({"torch": "2.13.0"}, {}), ({"a": "1"}, {"torch": "2.12.0+cpu"}), "2.13.0 against 2.12.0"),
        (({"torch": "1"}, {"torch": "1+cpu"}), ({"torch": "1"}, {"torch": "1+cu130"}), "1+cpu against 1+cu130"),
        (({"torch": "1"}, {"torch": "1"}), ({"torch": "2"}, {"torch": "1"}), "1 against 2"),
        (({"torch": "1"}, {}), ({"gymnasium": "1.2"}, {}), "1 against none"),
    ],
)
def test_a_version_is_compared_with_one_from_the_same_place(
    tmp_path: Path, before: tuple[dict[str, str], ...], after: tuple[dict[str, str], ...], told: str | None
) -> None:
    sets = [made(tmp_path / name, change=built(*place)) for name, place in (("before", before), ("after", after))]
    found = [said for said in compare(*map(str, sets)).differences if said.startswith("version of torch")]
    assert found == ([] if told is None else [f"version of torch: {told}"])


def test_runs_of_a_published_table_are_no_suite_and_the_way_to_judge_them_is_named(tmp_path: Path) -> None:
    (tmp_path / "published-rl-zoo" / "trials").mkdir(parents=True)
    for ask in (compare, lambda one, _: open_experiment(Path(one))):
        with pytest.raises(BenchError, match=r"`bench reproduce rl-zoo --no-run` judges them"):
            ask(str(tmp_path / "published-rl-zoo"), str(tmp_path / "published-rl-zoo"))


def test_two_sets_of_results_are_compared_cell_by_cell_with_what_differs(tmp_path: Path) -> None:
    before, after = made(tmp_path / "before"), made(tmp_path / "after", shifted, change=released)
    found = compare(str(before), str(after))
    assert found.between == "results"
    assert [(one.label, one.environment) for one in found.rows] == [
        (label, environment)
        for label in ("q_learning", "softmax_reinforce", "random")
        for environment in (None, "bench/Corridor-v0", "bench/Bandit-v0")
    ]
    assert {one.pair.verdict for one in found.rows if one.label == "q_learning"} == {"better"}
    assert {one.pair.verdict for one in found.rows if one.label != "q_learning"} == {"equivalent"}
    assert any(said.startswith("version of numpy: ") and said.endswith("against 99") for said in found.differences)
    assert "workers: 2 against 1" in found.differences
    assert "q_learning on bench/Corridor-v0, gamma: 0.99 against 0.9" in found.differences
    told = sentences.pair(row(found, None, "q_learning").pair, AnalysisPlan())
    assert told.startswith(f"q_learning of {before} less q_learning of ")


def test_swapping_the_sides_swaps_the_verdicts(tmp_path: Path) -> None:
    names = [str(made(tmp_path / "a")), str(made(tmp_path / "b", shifted))]
    turned = {"better": "worse", "worse": "better"}
    verdicts, swapped = ([one.pair.verdict for one in compare(*pair).rows] for pair in (names, names[::-1]))
    assert [turned.get(verdict, verdict) for verdict in verdicts] == swapped


def test_a_copy_of_results_is_no_new_evidence(results: Path) -> None:
    shutil.copytree(results / "small", results / "copy")
    found = compare(str(results / "small"), str(results / "copy"))
    assert {one.pair.probability.estimate for one in found.rows} == {0.5}
    assert found.warnings[-1:] == (
        "36 runs are the same on both sides, definition, seed and returns: a copy is no new evidence",
    )
    assert found.differences == ()


def test_runs_that_no_release_changed_are_counted_seed_for_seed(tmp_path: Path) -> None:
    before = made(tmp_path / "before")
    after = made(tmp_path / "after", lambda trial: level(trial) + 0.1 * (trial.seed == 5), change=released)
    told = compare(str(before), str(after)).warnings[-1]
    assert told.startswith("30 of 36 runs have the same returns on both sides, seed for seed, under other versions")


def test_settings_of_every_run_of_a_cell_are_compared(tmp_path: Path) -> None:
    def last(record: Record) -> Record:
        return replace(record, settings={"gamma": 0.5 if record.trial.seed == 5 else 0.99})

    before, after = made(tmp_path / "before"), made(tmp_path / "after", change=last)
    assert (
        "q_learning on bench/Corridor-v0, gamma: 0.99 against 0.5, 0.99" in compare(str(before), str(after)).differences
    )


def test_the_seeds_of_runs_are_no_setting_that_differs(tmp_path: Path) -> None:
    before = made(tmp_path / "before", change=lambda record: replace(record, settings={"seed": 7 + record.trial.seed}))
    after = made(tmp_path / "after", change=lambda record: replace(record, settings={"seed": 70 + record.trial.seed}))
    assert not [told for told in compare(str(before), str(after)).differences if "seed" in told]


def test_nothing_beyond_the_target_counts_where_both_sets_solve_the_task(tmp_path: Path) -> None:
    def beyond(trial: Trial) -> float:
        return 1.5 + level(trial) if trial.environment == "bench/Bandit-v0" else level(trial)

    before = made(tmp_path / "before", beyond)
    after = made(tmp_path / "after", lambda trial: beyond(trial) - 0.4)
    found = compare(str(before), str(after))
    gaps = [
        row(found, name, "q_learning").pair.difference.estimate for name in ("bench/Bandit-v0", "bench/Corridor-v0")
    ]
    assert gaps == pytest.approx([0.0, 0.4])
    (told,) = [said for said in found.warnings if "up to the target" in said]
    assert told.startswith("every run of both sides solves the task (q_learning on bench/Bandit-v0, ")


def test_two_settings_are_cut_at_the_target_only_where_all_of_both_solve_the_task(tmp_path: Path) -> None:
    settings = "{q_learning: {gamma: 0.9}, softmax_reinforce: {gamma: 0.9}}"
    part = f"{{source: a search, version: '1', entries: {{}}, everywhere: {settings}}}"

    def beyond(trial: Trial) -> float:
        tuned = trial.label.endswith("(tuned)")
        return (1.3 if trial.environment == "bench/Bandit-v0" else 0.5) + tuned * 0.7 + 0.01 * trial.seed

    folder = made(tmp_path / "small", beyond, sets=f"[default, tuned]\nsets: {{tuned: {{parts: [{part}]}}}}")
    found = compare("q_learning (tuned)", "q_learning", within=folder)
    gaps = {one.environment: one.pair.difference.estimate for one in found.rows}
    assert (gaps["bench/Bandit-v0"], gaps["bench/Corridor-v0"]) == pytest.approx((0.0, 0.7))
    (told,) = [said for said in found.warnings if "up to the target" in said]
    assert "(bench/Bandit-v0)" in told


def test_a_build_can_fail_on_what_became_worse(tmp_path: Path) -> None:
    before, after = str(made(tmp_path / "before")), str(made(tmp_path / "after", shifted))
    for words, code in (((before, after), 1), ((after, before), 0)):
        done = CliRunner().invoke(app, ["compare", *words, "--fail-on", "worse"])
        assert done.exit_code == code
    assert "Of 9 rows B is worse in 3, better in 0, equal within 0.05 in 6" in " ".join(
        bench("compare", before, after).split()
    )


def test_names_of_results_are_two_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path / "results" / "one")
    made(tmp_path / "results" / "two", shifted)
    monkeypatch.chdir(tmp_path)
    assert compare("one", "two").between == compare("one", "results/two").between == "results"


def test_what_cannot_be_read_is_told_where_nothing_is_left_to_compare(results: Path) -> None:
    for record in (results / "small" / "trials").glob("q_learning*/trial.json"):
        record.write_text("{")
    with pytest.raises(BenchError, match=r"nothing to compare: (.|\n)*12 files of results cannot be read"):
        compare("q_learning", "random", within=results / "small")


def test_the_suite_kept_in_a_folder_stands_for_its_results(tmp_path: Path) -> None:
    made(tmp_path / "results" / "small")
    old = made(tmp_path / "old" / "small", shifted)
    opened = open_experiment(old / "suite.yaml", results=tmp_path / "results")
    assert opened.store.root == old
    assert compare(str(tmp_path / "results" / "small"), str(old / "suite.yaml")).between == "results"


def test_what_cannot_be_compared_is_left_out_with_its_reason(tmp_path: Path) -> None:
    before = made(tmp_path / "before")
    after = made(tmp_path / "after", lambda trial: level(trial) if trial.label != "random" else None, steps=200)
    found = compare(str(before), str(after))
    assert {(one.label, one.environment) for one in found.rows} == {
        ("q_learning", "bench/Bandit-v0"),
        ("softmax_reinforce", "bench/Bandit-v0"),
    }
    assert found.left_out == (
        "q_learning on bench/Corridor-v0: the budgets differ, 400 against 200 steps",
        "softmax_reinforce on bench/Corridor-v0: the budgets differ, 400 against 200 steps",
        f"random on bench/Corridor-v0, bench/Bandit-v0: no runs in {after}",
    )


def test_a_set_that_older_versions_left_unfinished_keeps_its_labels(tmp_path: Path) -> None:
    before = made(tmp_path / "before")
    part = made(tmp_path / "part", lambda trial: level(trial) if trial.seed < 4 else None, change=released)
    found = compare(str(before), str(part))
    assert {one.runs for one in found.rows} == {(6, 4)}
    assert found.left_out == ()


def test_other_references_and_plans_are_told_and_those_of_the_left_are_used(tmp_path: Path) -> None:
    before, after = made(tmp_path / "before"), made(tmp_path / "after")
    text = (after / "suite.yaml").read_text().replace("target: 1}}\n  bench/B", "target: 2}}\n  bench/B")
    (after / "suite.yaml").write_text(text + "analysis: {margin: 0.2}\n")
    found = compare(str(before), str(after))
    assert f"the analysis plans differ; that of {before} is used" in found.warnings
    assert f"the reference returns of bench/Corridor-v0 differ; those of {before} are used" in found.warnings
    assert found.margin == 0.05


def test_failed_trials_count_as_the_plan_says(results: Path) -> None:
    store = Store(results / "small")
    for trial in open_experiment(results / "small").plan.trials:
        if trial.label == "q_learning" and trial.seed < 3:
            shutil.rmtree(store.folder(trial))
            store.keep_failure(Failure(trial, "killed", "made up"))
    found = row(compare("q_learning", "softmax_reinforce", within=results / "small"), "bench/Bandit-v0")
    assert (found.failing, found.of) == ((3, 0), (6, 6))
    assert found.pair.probability.estimate == 0.5


def test_the_only_results_that_hold_both_are_found(results: Path) -> None:
    assert compare("q_learning", "random", results=results).rows
    made(results / "other", name="other")
    with pytest.raises(BenchError, match=r"small and .*other have both|other and .*small have both") as caught:
        compare("q_learning", "random", results=results)
    assert "say which with --in" in str(caught.value)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("q_lerning", "random"), "algorithm 'q_lerning' is not known; did you mean 'q_learning'?"),
        (("q_learning", "random", "--in", "smaller"), "smaller: there is no suite"),
        (("q_learning", "dqn", "--in", "results/small"), ("algorithm 'dqn' is not known; results/small has "
         "q_learning, random, softmax_reinforce")),
        (("q_learning", "q_learning"), "'q_learning' is compared with itself"),
        (("q_learning@bench/Bandi-v0", "random"), "did you mean 'bench/Bandit-v0'?"),
        (("q_learning@bench/Bandit-v0", "random@bench/Corridor-v0"), "are two environments"),
        (("@bench/Bandit-v0", "random"), "names no algorithm"),
        (("results/small", "random"), "is a set of results and 'random' is none"),
        (("results/small", "results/smal"), "did you mean 'results/small'?"),
        (("results/small", "results/small"), "are the same results"),
        (("results/small", "results/small", "--in", "results/small"), "--in goes with two algorithms"),
        (("q_learning", "random", "--results", "nowhere"), "there are no results under nowhere"),
    ],
)  # fmt: skip
def test_a_mistake_is_a_sentence_with_a_suggestion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], told: str
) -> None:
    made(tmp_path / "results" / "small")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BenchError) as caught:
        bench("compare", *words)
    assert told in str(caught.value)


def test_a_mistake_ends_with_exit_code_2_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["bench", "compare", "ppo", "a2c"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    told = "bench: there are no results under results; `bench run SUITE` makes some, --in names others\n"
    assert capsys.readouterr().err == told


def test_algorithms_without_runs_are_named(tmp_path: Path) -> None:
    folder = made(tmp_path / "one", lambda trial: level(trial) if trial.label == "random" else None)
    with pytest.raises(BenchError, match=r"nothing to compare: .*: no runs of q_learning"):
        compare("q_learning", "random", within=folder)


def test_the_terminal_shows_effect_interval_and_verdict_in_80_columns(results: Path) -> None:
    shown = bench("compare", "q_learning", "softmax_reinforce", "--in", results / "small")
    for told in ("A is better", "+0.30", "0 of 12", "all 2", "2.00 (", "Nothing else that is recorded differs"):
        assert told in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_the_terminal_shows_what_else_differs_between_two_sets(results: Path) -> None:
    made(results / "released", shifted, change=released)
    shown = bench("compare", results / "small", results / "released")
    for told in ("A is better", "equal within 0.05", "What else differs, A against B:", "workers: 2 against 1"):
        assert told in shown


def test_json_holds_the_whole_comparison(results: Path) -> None:
    found = json.loads(bench("compare", "q_learning", "random", "--in", results / "small", "--json"))
    assert [one["environment"] for one in found["rows"]] == [None, "bench/Corridor-v0", "bench/Bandit-v0"]
    assert found["rows"][0]["pair"]["verdict"] == "better"


@pytest.mark.parametrize(
    ("kind", "told"), [("md", "# small"), ("latex", r"\section*{small}"), ("json", '"suite": "small"')]
)
def test_a_report_is_printed_as_one_document(results: Path, kind: str, told: str) -> None:
    printed = bench("report", results / "small", "--format", kind)
    assert told in printed
    file = results / "out" / "report"
    bench("report", results / "small", "--format", kind, "--to", file)
    assert file.read_text() == printed


def test_reports_go_into_a_folder_under_the_names_of_their_suites(results: Path) -> None:
    made(results / "other", name="other")
    bench("report", results / "small", results / "other", "--format", "latex", "--to", results / "tex")
    assert sorted(path.name for path in (results / "tex").iterdir()) == ["other.tex", "small.tex"]
    bench("report", results / "small", "--format", "md", "--to", results / "tex")
    assert (results / "tex" / "small.md").exists()


def test_an_unknown_format_is_told_with_a_suggestion(results: Path) -> None:
    with pytest.raises(BenchError, match="report format 'latx' is not known; did you mean 'latex'"):
        bench("report", results / "small", "--format", "latx")


def test_a_document_that_cannot_be_written_is_told(results: Path) -> None:
    with pytest.raises(BenchError, match=r"suite\.yaml/report: cannot be written: "):
        bench("report", results / "small", "--format", "md", "--to", results / "small" / "suite.yaml" / "report")


def test_results_whose_seeds_came_in_looks_carry_a_caution(results: Path) -> None:
    (results / "small" / "looks.json").write_text("{}")
    (warning,) = compare("q_learning", "softmax_reinforce", within=results / "small").warnings
    assert "followed from the results" in warning


def broken(folder: Path, label: str, *environments: str, suite: str = "") -> Path:
    """Have every trial of an algorithm in these environments fail, as a release does that cannot be imported."""
    with (folder / "suite.yaml").open("a") as file:
        file.write(suite)
    store = Store(folder)
    for trial in open_experiment(folder).plan.trials:
        if trial.label == label and trial.environment in environments:
            shutil.rmtree(store.folder(trial))
            store.keep_failure(Failure(trial, "exception", "RuntimeError: broken release\nmore of it"))
    return folder


BOTH = ("bench/Corridor-v0", "bench/Bandit-v0")


def negative(trial: Trial) -> float:
    return -1.64 + 0.01 * trial.seed if trial.label == "q_learning" else level(trial)


def test_a_release_that_only_crashes_fails_the_build_and_is_never_better(tmp_path: Path) -> None:
    old = made(tmp_path / "old", negative)
    new = broken(made(tmp_path / "new", negative), "q_learning", *BOTH)
    done = CliRunner(env={"COLUMNS": "80"}).invoke(app, ["compare", str(old), str(new), "--fail-on", "worse"])
    assert done.exit_code == 1
    assert done.stdout.splitlines()[0] == "12 of B's 36 runs failed: RuntimeError: broken release"
    assert "B is better" not in done.stdout
    assert "none: B failed" in done.stdout
    assert "better in 0" in done.stdout
    assert "not judged for failed runs in 3" in " ".join(done.stdout.split())
    turned = CliRunner().invoke(app, ["compare", str(new), str(old), "--fail-on", "worse"])
    assert turned.exit_code == 0
    assert turned.stdout.startswith("12 of A's 36 runs failed")
    alone = bench("compare", "softmax_reinforce", "q_learning", "--in", new)
    assert alone.startswith("12 of B's 12 runs failed: RuntimeError: broken release\n")


def test_a_release_that_crashes_in_one_environment_is_not_better_over_all_of_them(tmp_path: Path) -> None:
    found = compare(
        str(made(tmp_path / "old", negative)),
        str(broken(made(tmp_path / "new", negative), "q_learning", "bench/Bandit-v0")),
    )
    verdicts = {one.environment: one.pair.verdict for one in found.rows if one.label == "q_learning"}
    assert verdicts == {None: "undecided", "bench/Corridor-v0": "equivalent", "bench/Bandit-v0": "undecided"}
    assert found.failed[1].alone == ("q_learning@bench/Bandit-v0",)


def test_crashes_that_the_plan_drops_fail_the_build_and_say_why_the_cell_is_left_out(tmp_path: Path) -> None:
    drop = "analysis: {failures: drop}\n"
    old = broken(made(tmp_path / "old"), "", suite=drop)
    new = broken(made(tmp_path / "new"), "q_learning", "bench/Bandit-v0", suite=drop)
    done = CliRunner().invoke(app, ["compare", str(old), str(new), "--fail-on", "worse"])
    assert done.exit_code == 1
    assert compare(str(old), str(new)).left_out == (f"q_learning on bench/Bandit-v0: no runs in {new} (all 6 failed)",)


def test_a_crash_and_a_low_score_are_told_apart(tmp_path: Path) -> None:
    folder = broken(made(tmp_path / "one"), "q_learning", "bench/Bandit-v0")
    found = row(compare("q_learning", "random", within=folder), "bench/Bandit-v0")
    assert (found.failed, found.failing) == ((6, 0), (6, 6))
    shown = bench("compare", "q_learning", "random", "--in", folder)
    assert "A / B failed" in shown
    assert "fails" not in shown
    assert max(map(len, shown.splitlines())) <= 80
