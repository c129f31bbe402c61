"""Nothing in, the most that can be asked for out: beyond it a slip of the key fills a memory or a disk."""

from __future__ import annotations

import sys
from typing import Any, TypeGuard

MOST_BYTES = 1_000_000
"""Of a suite file; the longest, with ten thousand seeds written out, has a tenth of it."""
MOST_SEEDS = 10_000
MOST_STEPS = 10**12
MOST_POINTS, MOST_EPISODES = 100_000, 100_000
MOST_RECORD_BYTES = 32 * 2**20
"""Of a file of results: what is larger is not read."""
MOST_RECORD_PARTS = 2**20
"""Lists and mappings in it: each costs thirty times as much memory as its two brackets cost disk."""
MOST_RESAMPLES = 100_000
MOST_CELLS = 500
"""Algorithms, and environments."""
MOST_CLAIMS = 500
MOST_WORKERS = 1_024
"""And threads of a trial."""
LARGEST = 1e15
"""Of returns and scores: their squares are still numbers, and their differences are told apart."""
LONGEST_MINUTES = 5_256_000.0
"""Ten years."""
LONGEST_NAME, LONGEST_LINE, LONGEST_TEXT = 100, 300, 5_000
"""Letters of what names a folder or a curve, of a title or a claim, of a question or a source."""
_EPISODE_BYTES, _POINT_BYTES = 36, 120
"""In a record, at most: a return of 24 letters and a length of 8; steps, two clocks, a mean, brackets; with commas."""
_OTHER_BYTES = 2**20
"""For a record's settings and provenance, which have a few thousand."""
_MOST_TRIALS = 100_000
_MOST_DRAWS, _MOST_DRAWS_OF_A_CELL = 500_000_000, 50_000_000
"""Runs times resamples: about a gigabyte each."""


def is_number(value: Any) -> TypeGuard[float]:
    """Return whether a value is a number, NaN and infinities included; truth values are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_finite(value: Any) -> TypeGuard[float]:
    """Return whether a value is a number that a float can hold."""
    # Compared rather than converted: a whole number of 400 digits is no float.
    return is_number(value) and abs(value) <= sys.float_info.max


def unreadable(points: int, episodes: int, final_episodes: int) -> str:
    """Return why the record of a trial with such an evaluation might not be read again, in words; empty where it is.

    Args:
        points: evaluations during training.
        episodes: of each.
        final_episodes: after training.
    """
    played = points * episodes + final_episodes
    size = played * _EPISODE_BYTES + points * _POINT_BYTES
    if size <= MOST_RECORD_BYTES - _OTHER_BYTES:
        return ""
    return (
        f"{points:,} points of {episodes:,} episodes and {final_episodes:,} final ones make records of up to "
        f"{size / 2**20:,.0f} MB each, and {(MOST_RECORD_BYTES - _OTHER_BYTES) / 2**20:.0f} MB is the most that is read"
    )


def too_large(seeds: int, cells: int, resamples: int) -> str:
    """Return why nobody could plan or analyse so much at once, in words; empty where it fits."""
    trials = seeds * cells
    if trials > _MOST_TRIALS:
        return f"{trials:,} trials are too many for one suite, of at most {_MOST_TRIALS:,}; make it several"
    most = min(_MOST_DRAWS // max(trials, 1), _MOST_DRAWS_OF_A_CELL // max(seeds, 1))
    if resamples > most:
        return f"{resamples:,} resamples of {trials:,} runs do not fit into memory; at most {most:,} of so many"
    return ""
