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
} | dict.fromkeys(("crashed", "failed", "diverged", "killed", "timed_out", "oom", "aborted", "has_failed"), FAILED)
"""Columns that are true or false -> what a true one means."""
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
    known = [name for name in header if name.casefold() in {*STATES, *_YES, *_CODES} or name == asked]
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
    if name in _YES and word in _TRUE | _FALSE | _ABSENT:
        yes = _YES[name]
        if yes == FAILED:
            return FAILED if word in _TRUE else FINISHED
        if word in _TRUE or asked:
            return FINISHED if word in _TRUE else FAILED
    elif asked and word in _TRUE | _FALSE:
        return FINISHED if word in _TRUE else FAILED
    elif name in STATES or asked:
        found = _WORDS.get(word.replace(" ", "_").replace("-", "_"))
        if found is not None:
            return found
    raise RefusedError(
        f"column {column!r} says {cell.strip()[:40]!r}: did such a run finish? --columns status={column} obeys it "
        f"(true is finished, false is failed), --ignore {column!r} passes it over"
    )
