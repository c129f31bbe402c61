"""Looks with alpha spending: what they decide, what they cost, and that the report says the same."""

import json
import shutil
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from bench import pipeline
from bench.analysis import analyse
from bench.analysis.resampling import resample_counts
from bench.analysis.sequential import (
    Design,
    Rivals,
    Scores,
    course,
    design,
    look,
    over,
    schedule,
    still_open,
    wanted,
)
from bench.analysis.verdict import judged
from bench.errors import BenchError, StoreError
from bench.pipeline import results
from bench.pipeline.execution import Listener
from bench.pipeline.sequential import Sequential, open_sequential, run_until_decided
from bench.records import (
    CHECKPOINT,
    AnalysisPlan,
    Estimates,
    Look,
    Pair,
    Reference,
    Suite,
    SuiteAlgorithm,
    SuiteEnvironment,
)
from bench.report import sentences
from bench.report.cautions import warnings
from bench.runner.jobs import Event
from bench.store import claim
from tests.commanding import bench
from tests.making import TOY, suite_file
from tests.test_analysis_estimates import random_results

NO_EQUIVALENCE = AnalysisPlan(margin=0.0, resamples=200)


def design_of(algorithms: int, tasks: int, most: int = 20, plan: AnalysisPlan = NO_EQUIVALENCE) -> Design:
    names, places = "abcdef"[:algorithms], tuple(f"env-{place}" for place in range(tasks))
    pairs = tuple(Rivals(a, b, places) for a, b in combinations(names, 2))
    looks, levels = schedule(most, [tasks] * len(pairs), 0.05, "score")
    return Design(looks, levels, pairs, tuple((name, place) for name in names for place in places), (), plan)


def drawn(plan: Design, levels: Sequence[float], rng: np.random.Generator) -> Scores:
    known = dict(zip("abcdef", levels, strict=False))
    return {cell: known[cell[0]] + rng.normal(size=plan.looks[-1]) for cell in plan.cells}


def followed(plan: Design, scores: Scores, taken: Sequence[Look] = ()) -> tuple[Look, ...]:
    found = list(taken)
    while not over(plan, found):
        n = plan.looks[len(found)]
        found.append(look(plan, found, {cell: values[:n] for cell, values in scores.items()}, np.random.default_rng(0)))
    return tuple(found)


def decisions(taken: Sequence[Look]) -> dict[tuple[str, str], str]:
    return {(a, b): verdict for one in taken for a, b, verdict in one.decided}


def test_the_levels_are_those_of_quadratic_spending_and_add_up() -> None:
    # Five runs on one environment give no p-value below 0.009, above 0.05 / 16: the first look is at ten, and has what
    # both would have spent, 0.05 / 4. Then 0.05 (9 / 16 - 4 / 16) and 0.05 (16 / 16 - 9 / 16).
    looks, levels = schedule(20, [1], 0.05, "score")
    assert looks == (10, 15, 20)
    assert levels == pytest.approx((0.0125, 0.015625, 0.021875))
    assert schedule(12, [5, 5, 5], 0.05, "score")[0] == (5, 10, 12)
    assert sum(schedule(12, [5, 5, 5], 0.05, "score")[1]) == pytest.approx(0.05)


def test_too_few_seeds_to_decide_anything_are_refused_with_the_number_that_is_needed() -> None:
    # One pair on one environment: with five runs p is at least 4 / 252 = 0.016, which is enough; with four 4 / 70. For
    # the mean 2 / 70 = 0.029 is enough.
    assert schedule(5, [1], 0.05, "score")[0] == (5,)
    assert schedule(4, [1], 0.05, "mean")[0] == (4,)
    with pytest.raises(BenchError, match=r"4 seeds can decide nothing.*at least 5; give --seeds 5 or more"):
        schedule(4, [1], 0.05, "score")


def test_copies_are_told_apart_in_fewer_than_one_family_of_twenty() -> None:
    plan, rng = design_of(3, 2), np.random.default_rng(7)
    wrong = [bool(decisions(followed(plan, drawn(plan, (0, 0, 0), rng)))) for _ in range(200)]
    # The levels add up to 5 %; at every look the whole 5 % would give more than twice that over four looks.
    assert 0 < np.mean(wrong) <= 0.05


def test_an_effect_is_found_with_fewer_seeds_than_the_fixed_design_and_about_as_often() -> None:
    plan, rng = design_of(2, 3), np.random.default_rng(8)
    found, fixed, seeds = [], [], []
    for _ in range(60):
        scores = drawn(plan, (1.0, 0.0), rng)
        taken = followed(plan, scores)
        both = [[scores[name, f"env-{place}"] for place in range(3)] for name in "ab"]
        found.append(decisions(taken).get(("a", "b")) == "better")
        counts = [[resample_counts(len(task), 1000, rng) for task in tasks] for tasks in both]
        fixed.append(judged(both[0], both[1], (counts[0], counts[1]), "score").p_values[0] <= 0.05)
        seeds.append(taken[-1].n)
    assert np.mean(found) >= np.mean(fixed) - 0.05
    assert np.mean(seeds) < 12


def test_decided_pairs_get_no_more_seeds_and_a_cell_only_what_an_open_pair_needs() -> None:
    pairs = (Rivals("a", "b", ("x", "y")), Rivals("a", "c", ("x",)), Rivals("b", "c", ("x",)))
    cells = (("a", "x"), ("a", "y"), ("b", "x"), ("b", "y"), ("c", "x"))
    plan = Design((5, 10, 15), (0.01, 0.02, 0.02), pairs, cells, (("random", "x"),), NO_EQUIVALENCE)
    first = Look(5, 0.01, (("a", "b", "better"),), 2)
    second = Look(10, 0.02, (("b", "c", "worse"),), 1)
    # After the first look a and c, b and c are open, on x alone; after the second only a and c.
    assert wanted(plan, []) == dict.fromkeys((*cells, ("random", "x")), 5)
    assert wanted(plan, [first]) == wanted(plan, []) | {("a", "x"): 10, ("b", "x"): 10, ("c", "x"): 10}
    both = wanted(plan, [first, second])
    assert both == wanted(plan, [first]) | {("a", "x"): 15, ("c", "x"): 15}
    assert [(pair.a, pair.b) for pair in still_open(plan, [first, second])] == [("a", "c")]
    # 15 + 5 + 10 + 5 + 15 of five cells with 15 each; the random policy does not count.
    end = course(plan, [first, second, Look(15, 0.02, (("a", "c", "better"),), 0)])
    assert (end.trials, end.trials_fixed) == (50, 75)
    told = sentences.course(end)[-1]
    assert told == "50 of 75 trials of learning algorithms run, 25 saved against 15 seeds everywhere"


def test_a_decided_pair_is_not_tested_again_and_what_holm_multiplies_by_shrinks_only_with_claims() -> None:
    plan = design_of(3, 2)
    scores = drawn(plan, (0, 0, 0), np.random.default_rng(1))
    at = {cell: values[: plan.looks[1]] for cell, values in scores.items()}

    def smallest(verdict: str) -> tuple[float, float]:
        before = Look(5, plan.levels[0], (("a", "b", verdict),), 2)
        after = look(plan, [before], at, np.random.default_rng(0))
        assert {(a, b) for a, b, *_ in after.tested} == {("a", "c"), ("b", "c")}
        _, _, p, corrected = min(after.tested, key=lambda line: line[2])
        return p, corrected

    p, corrected = smallest("better")
    assert corrected == pytest.approx(min(1.0, 2 * p))
    # A pair of equal algorithms may be called equivalent: were it dropped from the family, the others would be tested
    # at a level that depends on the scores.
    p, corrected = smallest("equivalent")
    assert corrected == pytest.approx(min(1.0, 3 * p))


def test_equivalence_decides_within_the_margin_and_never_at_it() -> None:
    plan = design_of(2, 3, plan=AnalysisPlan(margin=0.05, resamples=1000))
    rng = np.random.default_rng(3)
    same = {cell: 0.5 + 0.01 * rng.normal(size=20) for cell in plan.cells}
    taken = followed(plan, same)
    assert decisions(taken) == {("a", "b"): "equivalent"}
    assert taken[-1].n < 20
    wrong = []
    for _ in range(40):
        apart = {cell: 0.05 * (cell[0] == "a") + 0.02 * rng.normal(size=20) for cell in plan.cells}
        wrong.append(decisions(followed(plan, apart)).get(("a", "b")) == "equivalent")
    assert np.mean(wrong) <= 0.025


def test_the_order_of_the_algorithms_turns_the_verdict_and_nothing_else() -> None:
    plan = design_of(2, 2)
    scores = drawn(plan, (1.5, 0.0), np.random.default_rng(4))
    turned = {({"a": "b", "b": "a"}[label], place): values for (label, place), values in scores.items()}
    first, second = followed(plan, scores), followed(plan, turned)
    assert decisions(first) == {("a", "b"): "better"}
    assert decisions(second) == {("a", "b"): "worse"}
    # Each cell has resamples of its own, so that p moves by their error.
    p_values = ([one.tested[0][2] for one in looks] for looks in (first, second))
    assert next(p_values) == pytest.approx(next(p_values), abs=0.02)


def suite_of(algorithms: Sequence[str], places: Sequence[str]) -> Suite:
    return Suite(
        "made-up",
        "Made up",
        "Which?",
        tuple(range(5)),
        tuple(SuiteAlgorithm(name, name, "default") for name in algorithms),
        tuple(SuiteEnvironment(place, 100) for place in places),
    )


def test_what_does_not_learn_decides_nothing_and_neither_do_environments_without_references() -> None:
    suite = suite_of(["ppo", "random", "dqn"], ["x", "y"])
    cells = [(label, place) for label in ("ppo", "random", "dqn") for place in ("x", "y")]
    references = {"x": Reference(0, 1), "y": None}
    found = design(suite, cells, references, 10)
    assert found.pairs == (Rivals("ppo", "dqn", ("x",)),)
    assert found.baselines == (("random", "x"), ("random", "y"))
    with pytest.raises(BenchError, match="nothing to decide"):
        design(suite, cells, {"x": None, "y": None}, 10)
    with pytest.raises(BenchError, match="nothing to decide"):
        design(suite_of(["ppo", "random"], ["x"]), cells, references, 10)
    with pytest.raises(
        BenchError, match=r"nothing to decide: among the cells of --only ppo@x, dqn@y no two .* name more"
    ):
        design(
            suite, [("ppo", "x"), ("dqn", "y")], {"x": Reference(0, 1), "y": Reference(0, 1)}, 10, ["ppo@x", "dqn@y"]
        )


def test_a_run_until_decided_of_one_algorithm_names_what_left_it_alone(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="among the cells of --only q_learning no two"):
        open_sequential(suite_file(tmp_path), only=["q_learning"], results=tmp_path)


def quiet(*_: object) -> AbstractContextManager[Listener]:
    class Deaf:
        def hear(self, event: Event) -> None:
            del event

        def stopping(self) -> None: ...

    return nullcontext(Deaf())


OPTIONS = pipeline.RunOptions(workers=2, devices="cpu")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Sequential]:
    """A suite file, its results folder, and its sequential experiment run to the end."""
    folder = tmp_path_factory.mktemp("finished")
    path = suite_file(folder)
    told: list[Look] = []
    ended, summary = run_until_decided(open_sequential(path, results=folder), OPTIONS, quiet, told.append)
    assert summary.exit_code == 0
    assert ended.over
    assert tuple(told) == ended.looks
    return path, folder, ended


def test_a_suite_runs_from_look_to_look_and_no_further_than_it_must(finished: tuple[Path, Path, Sequential]) -> None:
    _, folder, ended = finished
    # Three seeds: at most six. One pair on two environments can be decided at five.
    assert ended.design.looks == (5, 6)
    assert [(pair.a, pair.b) for pair in ended.design.pairs] == [("q_learning", "softmax_reinforce")]
    counts = wanted(ended.design, ended.looks)
    stored = [outcome.trial for outcome in pipeline.open_experiment(folder / "small").store.outcomes()]
    for (label, environment), n in counts.items():
        seeds = {trial.seed for trial in stored if (trial.label, trial.environment) == (label, environment)}
        assert seeds == set(range(n))
    assert counts["random", "bench/Bandit-v0"] == 5
    kept = json.loads((folder / "small" / "looks.json").read_text())
    assert [one["n"] for one in kept["looks"]] == [one.n for one in ended.looks]


def test_going_on_from_the_journal_gives_the_same_decisions(
    finished: tuple[Path, Path, Sequential], tmp_path: Path
) -> None:
    path, folder, ended = finished
    # As if it had been interrupted after the first look: one look in the journal, no sixth seed.
    shutil.copytree(folder / "small", tmp_path / "small")
    journal = tmp_path / "small" / "looks.json"
    whole = journal.read_bytes()
    data = json.loads(whole)
    journal.write_text(json.dumps(data | {"looks": data["looks"][:1]}))
    for trial in (tmp_path / "small" / "trials").glob("*--seed-5--*"):
        shutil.rmtree(trial)
    resumed = open_sequential(path, results=tmp_path)
    assert resumed.looks == ended.looks[:1]
    told: list[Look] = []
    again, _ = run_until_decided(resumed, OPTIONS, quiet, told.append)
    assert again.looks == ended.looks
    assert tuple(told) == ended.looks[1:]
    assert journal.read_bytes() == whole


def test_a_changed_plan_is_refused_with_what_changed_and_what_to_do(
    finished: tuple[Path, Path, Sequential], tmp_path: Path
) -> None:
    path, folder, _ = finished
    with pytest.raises(StoreError, match=r"ended at 6 seeds and now at 30 \(--seeds 6\).*begin anew"):
        open_sequential(path, seeds=30, results=folder)
    margin = suite_file(tmp_path, TOY + "analysis: {margin: 0.2}\n", "margin")
    with pytest.raises(StoreError, match=r"analysis.margin was 0.05 and is 0.2"):
        open_sequential(margin, results=folder)
    longer = suite_file(tmp_path, TOY.replace("steps: 400", "steps: 500"), "longer")
    with pytest.raises(StoreError, match=r"settings, budget .* q_learning@bench/Corridor-v0"):
        open_sequential(longer, results=folder)
    fewer = suite_file(tmp_path, TOY.replace("  bench/Bandit-v0: {steps: 100}\n", ""), "fewer")
    with pytest.raises(StoreError, match="it compared q_learning"):
        open_sequential(fewer, results=folder)
    # A report under another analysis plan would contradict the journal.
    with pytest.raises(StoreError, match=r"analysis.margin was 0.05 and is 0.2"):
        results.estimates(pipeline.open_experiment(margin, results=folder))


def test_a_damaged_journal_is_a_sentence(tmp_path: Path) -> None:
    path = suite_file(tmp_path)
    (tmp_path / "small").mkdir()
    journal = tmp_path / "small" / "looks.json"
    for text, told in (("{", "is no JSON"), ("{}", "protocol null"), ('{"protocol": 1}', "design is missing")):
        journal.write_text(text)
        with pytest.raises(StoreError, match=told):
            open_sequential(path, results=tmp_path)


def pairs_of(found: Sequence[Pair]) -> dict[tuple[str, str], Pair]:
    return {(pair.a, pair.b): pair for pair in found}


def told_of(pair: Pair, estimates: Estimates) -> str:
    return sentences.pair(pair, AnalysisPlan(), estimates.sequence)


def test_the_verdict_of_the_report_is_that_of_the_journal(finished: tuple[Path, Path, Sequential]) -> None:
    path, folder, ended = finished
    shown = results.estimates(pipeline.open_experiment(path, results=folder))
    pair = pairs_of(shown.pairs)["q_learning", "softmax_reinforce"]
    last = ended.looks[-1]
    a, b, p, _ = last.tested[0]
    assert pair.verdict == decisions(ended.looks).get((a, b), "undecided")
    assert pair.p_value == p
    assert f"at {last.n} seeds" in told_of(pair, shown)
    assert pair.more_runs is None
    assert shown.sequence == ended.course
    assert any("followed from the results" in warning for warning in warnings(shown))
    # What the looks did not ask for is not missing.
    assert not any("missing" in warning for warning in warnings(shown))
    assert shown.planned == shown.done


def test_before_the_first_look_the_report_decides_nothing(tmp_path: Path) -> None:
    path = suite_file(tmp_path)
    started = open_sequential(path, results=tmp_path)

    class Stopped(Exception):  # noqa: N818 - no error
        pass

    def stop(*_: object) -> AbstractContextManager[Listener]:
        raise Stopped

    checkpoint = started.experiment.store.folder(started.due.plan.trials[0]) / CHECKPOINT
    checkpoint.parent.mkdir(parents=True)
    checkpoint.touch()
    told: list[str] = []
    with pytest.raises(Stopped):
        run_until_decided(started, OPTIONS, stop, note=told.append)
    assert [sentence.partition(":")[0] for sentence in told] == ["1 interrupted trial will begin anew"]
    experiment = pipeline.open_experiment(path, results=tmp_path)
    pipeline.run(experiment, pipeline.prepare(experiment, OPTIONS), lambda _: None)
    shown = results.estimates(experiment)
    pair = pairs_of(shown.pairs)["q_learning", "softmax_reinforce"]
    assert (pair.verdict, pair.p_value, pair.p_holm) == ("undecided", None, None)
    assert "the first look comes at 5 seeds" in told_of(pair, shown)


def test_no_look_is_taken_while_another_process_runs_a_trial_it_needs(tmp_path: Path) -> None:
    started = open_sequential(suite_file(tmp_path), only=["@bench/Bandit-v0"], seeds=10, results=tmp_path)
    with claim(started.experiment.store.folder(started.due.plan.trials[0])):
        ended, summary = run_until_decided(started, OPTIONS, quiet)
    assert (summary.elsewhere, ended.looks, ended.over) == (1, (), False)
    # Given back, it is run, and the looks are taken.
    ended, _ = run_until_decided(ended, OPTIONS, quiet)
    assert ended.over


def test_p_values_are_scaled_to_the_whole_error_and_pairs_outside_the_design_pay_for_every_look() -> None:
    results = random_results({"ppo": 0.6, "dqn": 0.5, "random": 0.45}, 2, 10)
    tested = (("ppo", "dqn", 0.01, 0.01),)
    taken = (Look(5, 0.0125, (("ppo", "dqn", "better"),), 0, tested),)
    plan = Design((5, 10), (0.0125, 0.0375), (Rivals("ppo", "dqn", ("env-0", "env-1")),), (), (), AnalysisPlan())
    given = results.suite, results.planned, results.outcomes, results.references, np.random.default_rng(0)
    found = analyse(*given, course(plan, taken))
    shown = pairs_of(found.pairs)
    assert shown["ppo", "dqn"].verdict == "better"
    assert "decided at the look at 5 seeds (p = 0.01 there" in told_of(shown["ppo", "dqn"], found)
    # 0.01 of the 0.0125 that may be spent there is 0.04 of 0.05.
    assert shown["ppo", "dqn"].p_holm == pytest.approx(0.04)
    raw = pairs_of(results.analysed().pairs)["dqn", "random"].p_value
    assert raw is not None
    assert shown["dqn", "random"].p_value == pytest.approx(min(1.0, 2 * raw))
    assert "multiplied by 2, the number of looks" in told_of(shown["dqn", "random"], found)
    # Holm's interval is of the runs there are now: of a pair that a look decided by fewer it would say nothing.
    assert shown["ppo", "dqn"].matched is None


@pytest.mark.parametrize(
    ("said", "shown"), [("better", "worse"), ("worse", "better"), ("equivalent", "equivalent"), (None, "undecided")]
)
def test_a_pair_that_the_looks_name_the_other_way_round_has_its_verdict_turned(said: str | None, shown: str) -> None:
    results = random_results({"ppo": 0.6, "dqn": 0.5}, 2, 10)
    decided = (("dqn", "ppo", said),) if said else ()
    taken = (Look(5, 0.0125, decided, 0, (("dqn", "ppo", 0.01, 0.01),)),)
    plan = Design((5, 10), (0.0125, 0.0375), (Rivals("dqn", "ppo", ("env-0", "env-1")),), (), (), AnalysisPlan())
    given = results.suite, results.planned, results.outcomes, results.references, np.random.default_rng(0)
    (pair,) = analyse(*given, course(plan, taken)).pairs
    assert (pair.a, pair.b, pair.verdict) == ("ppo", "dqn", shown)
    assert pair.look is not None
    assert (pair.look.n, pair.p_value) == (5, 0.01)
    (before,) = analyse(*given, course(plan, ())).pairs
    assert before.look is not None
    assert (before.verdict, before.look.n, before.p_value, before.p_holm) == ("undecided", 0, None, None)


@pytest.mark.parametrize("words", [[], ["--json"], ["--dry-run"]])
def test_the_command_tells_the_looks_and_what_they_saved(
    finished: tuple[Path, Path, Sequential], words: list[str]
) -> None:
    path, folder, ended = finished
    done = bench("run", path, "--until-decided", "--results", folder, "--no-report", *words)
    assert done.returncode == 0, done.stderr
    saved = ended.course.trials_fixed - ended.course.trials
    if words == ["--json"]:
        told = next(one for line in done.stdout.splitlines() if (one := json.loads(line))["event"] == "looks")
        assert told["trials"] == ended.course.trials
    elif words:
        assert "to run: 0 training steps" in done.stdout
    else:
        assert "look at 5 seeds" in done.stdout
        assert f"of 24 trials of learning algorithms run, {saved} saved against 6 seeds everywhere" in done.stdout
