"""Monitor files of one run in, its episodes in order and its training curve out.

`k.monitor.csv` with a number k are the parallel environments of one run; any other prefix is a run of its own. The
episodes of parallel environments are merged by the clock (`t_start` of the header plus `t`; within a file the order
stands, and where the clock falls a session began anew), and the environment steps are the running sum of their lengths.
The training curve has at most 20 points at equal distances; each is the mean of the last (at most) 100 episodes that
had ended by then.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from itertools import chain

import numpy as np

from bench.imports.found import Integers, RefusedError
from bench.imports.series import POINTS, curve_points, is_number, last_means
from bench.imports.source import each_line, is_whole
from bench.records import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Episodes:
    """The episodes of one run, in the order in which they ended."""

    returns: Floats
    """(episodes,)"""
    lengths: Integers
    seconds: Floats
    """Since training began; NaN where the file has no clock."""
    environment: str
    """Id in the header; empty where there is none."""
    left_out: int
    """Rows that could not be read."""
    sessions: int = 1
    """Trainings one after the other in a file: its clock began anew."""

    @property
    def steps(self) -> Integers:
        """(episodes,) environment steps until each ended."""
        return np.cumsum(self.lengths, dtype=np.int64)


def read_monitor(text: str) -> Episodes:
    """Return the episodes of one file; `seconds` are absolute where the header has a clock.

    Raises:
        RefusedError: it is no Monitor file, or holds no episode.
    """
    lines = filter(is_whole, each_line(text))
    start, environment = 0.0, ""
    if (top := next(lines, "")).startswith("#"):
        start, environment = _header(top[1:])
    # A session that goes on in the same file may write its headers again; its clock begins anew.
    filled = (line for line in chain([top], lines) if line.strip() and line[:1] != "#")
    names, glued = _names(next(filled, "").split(","))
    if not {"r", "l"} <= set(names):
        raise RefusedError("no Monitor file: its header lacks the columns r and l")
    body = (line for line in filled if "r" not in line or [name.strip() for name in line.split(",")] != names)
    table = np.fromiter((_episode(line.split(","), names) for line in body), dtype=(np.float64, 3))
    fine = ~np.isnan(table[:, 0])
    damaged = len(fine) - int(fine.sum())
    if damaged == len(fine):
        raise RefusedError("holds no finished episode" + f" ({damaged} damaged rows)" * bool(damaged))
    table = table[fine] if damaged else table
    clock = _going_on(table[:, 2]) + start if "t" in names else np.full(len(table), np.nan)
    left_out = damaged + glued + sum(not is_whole(line) for line in each_line(text))
    sessions = 1 + int((np.diff(table[:, 2]) < 0).sum())
    return Episodes(table[:, 0].copy(), table[:, 1].astype(np.int64), clock, environment, left_out, sessions)


def _names(header: list[str]) -> tuple[list[str], int]:
    """Return the columns, and how many episodes are lost in their line: one may be glued to it, `r,l,t9.0,90,1`."""
    names = [name.strip() for name in header]
    glued = next((place for place, name in enumerate(names) if re.fullmatch(r"[A-Za-z]+[-+.\d]\S*", name)), None)
    whole = glued is not None and {"r", "l"} <= {*names[:glued], names[glued][:1]}
    if glued is None or not whole or not all(is_number(cell) for cell in names[glued + 1 :]):
        return names, 0
    return [*names[:glued], re.match(r"[A-Za-z]+", names[glued])[0]], 1  # type: ignore[index] # matched above


def _going_on(clock: Floats) -> Floats:
    """Return a clock that never falls: where it does a session began anew, at the end of the one before."""
    falls = np.flatnonzero(np.diff(clock) < 0)
    ends = np.zeros(len(clock))
    for place in falls:
        ends[place + 1 :] += clock[place]
    return np.asarray(clock + ends)


def merge(files: list[Episodes]) -> Episodes:
    """Return the episodes of parallel environments as one run, in the order of the clock."""
    returns, lengths, seconds = (
        np.concatenate([getattr(one, name) for one in files]) for name in ("returns", "lengths", "seconds")
    )
    named = {one.environment for one in files if one.environment}
    if len(named) > 1:
        raise RefusedError(f"its files name several environments: {', '.join(sorted(named))}")
    # Without a clock, parallel environments are taken to go in step.
    timed = bool(np.isfinite(seconds).all())
    order = np.argsort(seconds if timed else np.concatenate([one.steps for one in files]), kind="stable")
    # The clock of each file starts with its environment; the run starts with the first of them.
    clock = seconds[order] - (seconds.min() if timed and seconds.min() > _EPOCH else 0.0)
    left_out, sessions = sum(one.left_out for one in files), max(one.sessions for one in files)
    return Episodes(returns[order], lengths[order], clock, next(iter(named), ""), left_out, sessions)


def training_curve(episodes: Episodes) -> tuple[Integers, Floats, Floats]:
    """Return (POINTS,) steps, mean returns of the last episodes until then, and seconds."""
    ends = episodes.steps
    ended = curve_points(ends, POINTS)
    return ends[ended - 1], last_means(episodes.returns, ended), episodes.seconds[ended - 1]


_EPOCH = 1e8
"""Seconds: a clock beyond it counts from 1970, one before it from the start of the run."""
_MOST_LENGTH = 2**40
_DAMAGED = (math.nan, math.nan, math.nan)


def _header(text: str) -> tuple[float, str]:
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        raise RefusedError("no Monitor file: the line after `#` is no JSON") from None
    if not isinstance(header, dict):
        raise RefusedError("no Monitor file: the line after `#` is no JSON object")
    start, name = header.get("t_start", 0.0), header.get("env_id")
    known = isinstance(start, int | float) and abs(start) < _MOST_LENGTH
    return float(start) if known else 0.0, name if isinstance(name, str) and name != "None" else ""


def _episode(row: list[str], names: list[str]) -> tuple[float, float, float]:
    """Return return, length and time; NaN where the row is damaged (a writer was killed, or two wrote at once)."""
    if len(row) != len(names):
        return _DAMAGED
    cells = dict(zip(names, row, strict=True))
    try:
        value, length, clock = float(cells["r"]), float(cells["l"]), float(cells.get("t", 0.0))
    except ValueError:
        return _DAMAGED
    fine = math.isfinite(value) and length == length // 1 and 0 < length < _MOST_LENGTH
    return (value, length, clock if math.isfinite(clock) else 0.0) if fine else _DAMAGED
