"""The statistics on runs and numbers that others published: the same number must come out, to the last digit."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.scripts import script

oracles = script("oracles")
RAW = Path(os.environ.get(oracles.FOLDER, "nowhere"))
needs_raw_files = pytest.mark.skipif(
    not (RAW / "atari100k").is_dir(),
    reason=f"{oracles.FOLDER} names no folder with other people's raw files (docs/oracles.md says which)",
)


def test_a_number_is_the_printed_one_only_to_its_last_digit() -> None:
    assert oracles.same("-3.60", -3.604)
    assert not oracles.same("-3.60", -3.606)
    assert oracles.same("0.6157957428691673", 0.6157957428691674)
    assert not oracles.same("0.6157957428691673", 0.61579574287)
    assert oracles.same("9359.5", 9359.55001, slack=5e-5)
    assert not oracles.same("9359.5", 9359.5501, slack=5e-5)


@pytest.mark.parametrize(
    ("printed", "ours", "equal", "rounding"),
    [
        ("0.480", 0.4804, True, False),
        # Seventeen digits that differ in the last two: the neighbour of a binary number, and not the same digits.
        ("0.39562938291779215", 0.3956293829177921, False, True),
        ("9359.5", 9359.55001, False, True),
        ("0.480", 0.4811, False, False),
    ],
)
def test_a_number_that_differs_in_a_printed_digit_is_never_marked_equal(
    printed: str, ours: float, equal: bool, rounding: bool
) -> None:
    line = oracles.Line(oracles.Number("tianshou", "s", "SPR", "26 games", "median", 1, 1, printed, ""), ours, None)
    assert (line.equal, bool(line.rounding)) == (equal, rounding)


def test_every_published_number_belongs_to_a_known_source() -> None:
    counts = {group: sum(one.group == group for one in oracles.numbers()) for group in oracles.GROUPS}
    assert counts == {"atari100k": 14, "td3": 11, "tianshou": 83, "adastop": 4, "rl-zoo": 64}


@needs_raw_files
@pytest.mark.parametrize(
    ("group", "differing", "rounded"),
    [("atari100k", 0, 2), ("td3", 1, 0), ("tianshou", 10, 1), ("adastop", 0, 0), ("rl-zoo", 0, 0)],
)
def test_published_numbers_come_out_again_but_those_known_to_differ(group: str, differing: int, rounded: int) -> None:
    lines = oracles.lines(RAW, group)
    told = [line.number.environment for line in lines if not line.matches]
    assert sum(bool(line.rounding) for line in lines) == rounded
    assert len(told) == differing
    assert group != "td3" or told == ["Reacher-v1"]


def test_the_page_opens_with_the_count_and_leaves_what_differs_unfolded() -> None:
    number = oracles.Number("td3", "a paper", "TD3", "Hopper", "maximum", 1000, 10, "3.60", "0.56")
    told = [oracles.Line(number, mean, 0.56) for mean in (3.7, *[3.601] * 21)]
    sheet = oracles.page({"td3": told})
    assert sheet.answer == "21 of 22 published numbers come out again to every printed digit, 1 do not."
    [differing] = [table for section in sheet.sections if not section.folded for table in section.tables][1:]
    assert [row[4].shown() for row in differing.rows] == ["3.70 ± 0.56"]
    [lid] = [section for section in sheet.sections if section.folded]
    assert [len(table.rows) for table in lid.tables] == [21]
