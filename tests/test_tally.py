"""How far a run is, and how long the rest may take: worked out by hand."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from bench.cli.planned import limits_in_words, wall_seconds
from bench.console import STOPPING
from bench.progress.display import JsonDisplay, LiveDisplay, PlainDisplay, QuietDisplay
from bench.progress.tally import Tally, at_work
from bench.records import Failure, Limits
from bench.report.words import duration
from bench.runner.jobs import Ended, Job, Progress, Progressed, Slowed, Started
from tests.making import nothing, small_trial

JOBS = [
    Job(small_trial(seed=seed, steps=100), Path("x"), nothing, workers=2, expected_seconds=10.0) for seed in range(4)
]

CELL = JOBS[0].trial.cell


def tally() -> Tally:
    return Tally([job.trial for job in JOBS], [], [], workers=2)


def test_before_anything_has_finished_the_estimates_count() -> None:
    found = tally()
    for job in JOBS:
        found.cells["q_learning", "bench/Corridor-v0"].expected = job.expected_seconds
    assert found.seconds_left(0.0, {CELL: 4}) == 4 * 10.0 / 2


def test_what_was_measured_replaces_the_estimates_and_running_trials_count_their_rest() -> None:
    found = tally()
    found.hear(Started(JOBS[0], 1), 0.0)
    found.hear(Progressed(JOBS[0], Progress(100, 30.0)), 39.0)
    found.hear(Ended(JOBS[0], None, 40.0), 40.0)
    found.hear(Started(JOBS[1], 2), 40.0)
    found.hear(Progressed(JOBS[1], Progress(25, 5.0, 1.5)), 50.0)
    # Trial 1 took 10 s for a quarter, so 30 s are left of it; trials 2 and 3 take 40 s each as trial 0 did.
    assert found.seconds_left(50.0, {CELL: 3}) == pytest.approx((30 + 40 + 40) / 2)
    # The last trial alone cannot be spread over two workers.
    assert found.seconds_left(50.0, {CELL: 1}) == pytest.approx(30)
    assert found.steps_per_second == 5.0


def test_a_trial_that_goes_on_from_a_checkpoint_counts_with_the_seconds_before_it() -> None:
    found = tally()
    found.hear(Started(JOBS[0], 1), 0.0)
    found.hear(Progressed(JOBS[0], Progress(90, 80.0, earlier_seconds=89.0)), 1.0)
    # 90 s for nine tenths, one of them in this process.
    assert found.seconds_left(1.0, {CELL: 1}) == pytest.approx(10.0)
    found.hear(Ended(JOBS[0], None, 11.0), 11.0)
    assert found.cells[CELL].seconds == [100.0]


def test_on_a_cluster_the_time_left_counts_with_all_that_are_at_work() -> None:
    found = Tally([job.trial for job in JOBS], [], [], workers=1)
    for job in JOBS[:3]:
        found.hear(Started(job, 1), 0.0)
    found.cells[CELL].expected = 12.0
    # Three at work and one that waits, of 12 s each.
    assert found.seconds_left(0.0, {CELL: 4}) == 4 * 12.0 / 3


def test_a_trial_that_was_found_done_tells_nothing_of_what_the_others_take() -> None:
    found = tally()
    found.hear(Started(JOBS[0], 1), 0.0)
    found.hear(Ended(JOBS[0], None, 0.1), 0.1)
    assert found.done == 1
    assert found.seconds_left(0.1, {CELL: 3}) == 3 * 10.0 / 2


def test_a_cell_that_nothing_is_known_of_is_judged_by_its_algorithm_and_else_by_all() -> None:
    places = [("q_learning", "A"), ("q_learning", "B"), ("sarsa", "A"), ("random", "B")]
    jobs = [replace(JOBS[0], trial=replace(small_trial(name), environment=place)) for name, place in places]
    found = Tally([job.trial for job in jobs], [], [], workers=1)
    for job in jobs:
        found.cells[job.trial.cell].expected = job.expected_seconds
    for job, seconds in ((jobs[0], 30.0), (jobs[2], 50.0)):
        found.hear(Started(job, 1), 0.0)
        found.hear(Progressed(job, Progress(job.trial.steps, seconds)), seconds)
        found.hear(Ended(job, None, seconds), seconds)
    # 3 times its 10 s, as its algorithm's other cell took; the median of 3 and 5 times where that is unknown, too.
    assert found.seconds_left(50.0, {places[1]: 1}) == pytest.approx(30.0)
    assert found.seconds_left(50.0, {places[3]: 1}) == pytest.approx(40.0)


def test_the_time_left_is_a_guess_only_until_a_trial_has_finished_now_or_in_an_earlier_run() -> None:
    trials = [job.trial for job in JOBS]
    console = Console(file=StringIO())
    new, old = (
        PlainDisplay(Tally(trials, done, [], 2), JOBS[len(done) :], console, clock=lambda: 0.0)
        for done in ([], trials[:1])
    )
    assert new.left() == "about 20 s left (a guess: no trial has finished yet)"
    assert old.left() == "about 15 s left"


def test_a_failure_that_is_tried_again_is_not_counted() -> None:
    found = tally()
    failure = Failure(JOBS[0].trial, "killed", "SIGKILL")
    found.hear(Started(JOBS[0], 1), 0.0)
    found.hear(Ended(JOBS[0], failure, 1.0, will_retry=True), 1.0)
    assert (found.failed, found.running) == (0, {})
    found.hear(Ended(replace(JOBS[0], attempt=2), failure, 1.0), 2.0)
    assert found.failed == 1


def test_the_limits_are_told_in_words() -> None:
    assert limits_in_words(Limits(), [3600.0, 18_000.0, 3600.0]) == (
        "limits: a trial is ended after 30 min without a sign of life; one that is at work for longer than "
        "60 min to 5.0 h is told of and goes on"
    )
    assert limits_in_words(Limits(timeout_minutes=10, stall_minutes=2), [float("inf")]) == (
        "limits: a trial is ended after 2 min without a sign of life, and after 10 min in any case"
    )


def test_a_slow_trial_is_told_of_and_counts_as_running() -> None:
    console = Console(record=True, width=200, file=StringIO())
    display = PlainDisplay(tally(), JOBS, console, clock=lambda: 0.0)
    display.hear(Started(JOBS[0], 1))
    display.hear(Progressed(JOBS[0], Progress(50, 1.0, doing="evaluating the policy")))
    display.hear(Slowed(JOBS[0], 7200.0))
    told = console.export_text()
    assert "q_learning on bench/Corridor-v0, seed 0: at work for 2.0 h, far longer than expected" in told
    assert at_work(display.tally) == "1 running (1 evaluating)"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (89, "89 s"), (90, "2 min"), (5399, "90 min"), (5400, "1.5 h"), (129_600, "1.5 days")],
)
def test_durations_are_said_as_people_say_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_plain_lines_name_trial_result_count_and_time_left() -> None:
    console = Console(record=True, width=200)
    display = PlainDisplay(tally(), JOBS, console, clock=lambda: 0.0)
    display.hear(Started(JOBS[0], 1))
    display.hear(Progressed(JOBS[0], Progress(100, 1.0, 3.25)))
    display.hear(Ended(JOBS[0], None, 20.0))
    display.hear(Ended(JOBS[1], Failure(JOBS[1].trial, "timeout", "took longer than 1 minute"), 60.0))
    first, second = console.export_text().splitlines()
    assert first == "[1/4] q_learning on bench/Corridor-v0, seed 0: mean return 3.2 in 20 s; about 30 s left"
    assert second.startswith(
        "[2/4] q_learning on bench/Corridor-v0, seed 1: FAILED, timeout: took longer than 1 minute"
    )


def test_the_live_table_fits_a_small_terminal_and_says_what_it_leaves_out() -> None:
    trials = [small_trial(environment=f"bench/Corridor-v0-{place}") for place in range(30)]
    console = Console(width=100, height=12, force_terminal=True, record=True)
    jobs = [replace(JOBS[0], trial=trial) for trial in trials]
    display = LiveDisplay(Tally(trials, [], [], 1), jobs, console, clock=lambda: 0.0)
    display.hear(Started(jobs[29], 1))
    display.hear(Progressed(jobs[29], Progress(100, 1.0, 3.0)))
    console.print(display.picture())
    text = console.export_text()
    assert "24 cells not shown" in text
    assert "Corridor-v0-29" in text
    assert len(text.splitlines()) <= 12


def test_the_table_says_that_trials_are_ending_below_itself_where_nothing_wipes_it_out() -> None:
    console = Console(record=True, width=200)
    display = LiveDisplay(tally(), JOBS, console, clock=lambda: 0.0)
    console.print(display.picture())
    assert STOPPING not in console.export_text()
    display.stopping()
    console.print(display.picture())
    assert console.export_text().splitlines()[-1].rstrip() == STOPPING


def test_all_other_displays_say_to_standard_error_that_trials_are_ending(capfd: pytest.CaptureFixture[str]) -> None:
    for kind in (JsonDisplay, PlainDisplay, QuietDisplay):
        kind(tally(), JOBS, Console()).stopping()
        assert capfd.readouterr() == ("", f"bench: {STOPPING}\n")


def test_markup_in_messages_is_shown_as_it_is() -> None:
    console = Console(record=True, width=200)
    display = JsonDisplay(tally(), JOBS, console)
    display.hear(Ended(JOBS[0], Failure(JOBS[0].trial, "exception", "[bold]no[/bold] \x1b[31m"), 1.0))
    assert "[bold]no[/bold]" in console.export_text()


def test_no_number_of_workers_is_quicker_than_the_longest_trial_that_is_missing() -> None:
    each = {("ppo", "a"): 3600.0, ("dqn", "a"): 60.0, ("sac", "a"): 9000.0}
    # One of ten trials of an hour is missing, and all ten of a minute.
    missing = {("ppo", "a"): 3600.0, ("dqn", "a"): 600.0}
    assert wall_seconds(missing, each, 2) == 3600.0
    assert wall_seconds(missing, each, 1) == 4200.0
    assert wall_seconds({}, each, 4) == 0.0
