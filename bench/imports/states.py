"""A table with a column that says how each run ended in; the state of every run out.

Such a column is obeyed where its words are known, and asked about where they are not: a crashed run is a failed one
whatever its last return was, and a running one has no final return yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.imports.found import Hints, RefusedError
from bench.imports.series import number

FINISHED, FAILED, RUNNING = "", "failed", "running"
STATES = ("state", "status", "run_state", "run_status", "job_state", "trial_status")
"""Columns whose words say how a run ended."""
_YES = {
    "finished": FINISHED,
    "is_finished": FINISHED,
    "completed": FINISHED,
    "complete": FINISHED,
    "done": FINISHED,
}
_YES |= dict.fromkeys(("crashed", "failed", "diverged", "killed", "timed_out", "oom", "aborted", "has_failed"), FAILED)
_YES |= dict.fromkeys(("running", "is_running", "in_progress"), RUNNING)
"""Columns that are true or false -> what a true one means."""
_UNFINISHED = ("unfinished", "incomplete", "interrupted", "preempted", "partial", "cancelled", "canceled", "stopped")
"""Columns of which a true one says that a run did not finish, and not whether for a fault of its own."""
_CODES = ("exit_code", "exitcode", "exit code", "returncode", "return_code", "exit_status")
_DOUBTFUL = (
    "converged",
    "success",
    "succeeded",
    "successful",
    "solved",
    "valid",
    "ok",
    "error",
    "usable",
    "truncated_run",
)
"""Columns that may qualify a run, or not."""
_FINISHED_WORDS = "finished completed complete success succeeded successful done ok terminated"
_FAILED_WORDS = "crashed crash failed fail failure error errored killed timeout timed_out oom out_of_memory aborted "
_FAILED_WORDS += "cancelled canceled diverged nan"
_RUNNING_WORDS = "running pending preempted preempting queued paused scheduled starting active in_progress waiting"
_WORDS = {
    word: state
    for words, state in ((_FINISHED_WORDS, FINISHED), (_FAILED_WORDS, FAILED), (_RUNNING_WORDS, RUNNING))
    for word in words.split()
}
_TRUE, _FALSE = {"true", "yes", "1", "1.0", "t", "y"}, {"false", "no", "0", "0.0", "f", "n"}
_ABSENT = {"", "nan", "none", "null", "-"}


def qualifying(header: Sequence[str], rows: Sequence[Mapping[str, str]], hints: Hints) -> list[str]:
    """Return the columns that qualify runs."""
    asked = hints.columns.get("status")
    known = [name for name in header if name.casefold() in {*STATES, *_YES, *_UNFINISHED, *_CODES} or name == asked]
    doubtful = [name for name in header if name.casefold() in _DOUBTFUL and name not in known and _differs(name, rows)]
    return [name for name in (*known, *doubtful) if name not in hints.ignore]


def _differs(column: str, rows: Sequence[Mapping[str, str]]) -> bool:
    """Return whether a column is true of some runs and false of others, or tells errors of some."""
    words = {(row.get(column) or "").strip().casefold() for row in rows}
    return len(words) > 1 and (column.casefold() == "error" or words <= _TRUE | _FALSE | _ABSENT)


def state_of(rows: Sequence[Mapping[str, str]], columns: Sequence[str], hints: Hints) -> tuple[str, str]:
    """Return how a run ended, as the last row of it says, and the words that say so.

    Raises:
        RefusedError: a word is not known.
    """
    told = [(_state(rows[-1].get(name) or "", name, hints), name) for name in columns]
    worst = max(told, key=lambda one: (one[0] == RUNNING, one[0] == FAILED), default=(FINISHED, ""))
    return worst[0], f"{worst[1]}: {(rows[-1].get(worst[1]) or '').strip()[:40]}" if worst[0] else ""


def _state(cell: str, column: str, hints: Hints) -> str:
    word, name = cell.strip().casefold(), column.casefold()
    asked = hints.columns.get("status") == column
    if word in _ABSENT and name in {*STATES, *_CODES, "error"}:
        return FINISHED
    if name in _CODES and number(word) == number(word):
        return FINISHED if number(word) == 0 else FAILED
    found = _of_yes_or_no(word, name, asked=asked) if word in _TRUE | _FALSE | _ABSENT else None
    if found is None and (name in STATES or asked):
        found = _WORDS.get(word.replace(" ", "_").replace("-", "_"))
    if found is not None:
        return found
    obeyed = "true is failed, false is finished" if name in _UNFINISHED else "true is finished, false is failed"
    raise RefusedError(
        f"column {column!r} says {cell.strip()[:40]!r}: did such a run finish? --columns status={column} obeys it "
        f"({obeyed}), --ignore {column!r} passes it over"
    )


def _of_yes_or_no(word: str, name: str, *, asked: bool) -> str | None:
    """Return what a column's true, false or nothing says; None where it is not known."""
    true = word in _TRUE
    if name in _UNFINISHED:
        return (FAILED if asked else None) if true else FINISHED
    if _YES.get(name, FINISHED) != FINISHED:
        return _YES[name] if true else FINISHED
    if asked and (word in _FALSE or true or name in _YES):
        return FINISHED if true else FAILED
    return FINISHED if true and name in _YES else None
