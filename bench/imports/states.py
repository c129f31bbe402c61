"""A table with a column that says how each run ended in; the state of every run out.

Such a column is obeyed where its words are known, and asked about where they are not: a crashed run is a failed one
whatever its last return was, and a running one has no final return yet. Tables call such columns what they like; one is
known by its name or by what stands in it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from bench.imports.found import Hints, RefusedError
from bench.imports.series import number

FINISHED, FAILED, RUNNING = "", "failed", "running"
_STATES = {"state", "status", "outcome", "termination", "exit_reason"}
"""Columns whose words say how a run ended; others that end so (`job_state`) where one of their words is known."""
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
_CODES = {"exit", "exit_code", "exitcode", "returncode", "return_code", "exit_status"}
_GOOD = r"converged|success|succeeded|successful|solved|(?:is_)?(?:valid|usable|ok|included?|ended)|completion"
_BAD = r"errors?|error_\w+|exceptions?|tracebacks?|failures?|failed_\w+|fail|truncated_run|"
_BAD += (
    r"(?:is_|to_)?(?:outlier|invalid|unusable|bad|broken|corrupt(?:ed)?|excluded?|discard(?:ed)?|dropped|skip(?:ped)?)"
)
_DOUBTFUL = re.compile(rf"(?:{_GOOD}|{_BAD})")
"""Columns that may qualify a run, or not."""
_AGAINST = re.compile(_BAD)
"""Those of them of which a true one speaks against the run."""
_TROUBLE = re.compile(
    r"\b(?:crash(?:ed)?|failed|failure|killed|timed?.?out|oom|out of memory|aborted|diverged|preempted|unfinished|"
    r"incomplete|exclude[d]?|outlier|discard(?:ed)?|invalid|node_fail)\b"
)
"""What in a remark speaks against a run."""
_FINISHED_WORDS = "finished completed complete success succeeded successful done ok terminated normal"
_FAILED_WORDS = "crashed crash failed fail failure error errored killed timeout timed_out oom out_of_memory aborted "
_FAILED_WORDS += "cancelled canceled diverged nan node_fail boot_fail deadline"
_RUNNING_WORDS = "running pending preempted preempting queued paused scheduled starting active in_progress waiting "
_RUNNING_WORDS += "suspended requeued completing configuring"
_WORDS = {
    word: state
    for words, state in ((_FINISHED_WORDS, FINISHED), (_FAILED_WORDS, FAILED), (_RUNNING_WORDS, RUNNING))
    for word in words.split()
}
_TRUE, _FALSE = {"true", "yes", "1", "1.0", "t", "y"}, {"false", "no", "0", "0.0", "f", "n"}
_ABSENT = {"", "nan", "none", "null", "-"}


def qualifying(
    header: Sequence[str], rows: Sequence[Mapping[str, str]], taken: Collection[str], hints: Hints
) -> list[str]:
    """Return the columns that qualify runs.

    Args:
        header: of the table.
        rows: of the table.
        taken: columns of which it is known that they tell something else.
        hints: as given by the user.
    """
    asked = hints.columns.get("status")
    free = [name for name in header if name == asked or name not in {*taken, *hints.ignore}]
    known = [name for name in free if name == asked or _folded(name) in {*_STATES, *_YES, *_UNFINISHED, *_CODES}]
    return known + [name for name in free if name not in known and _may_qualify(name, rows)]


def _folded(column: str) -> str:
    """Return a column's name as the lists here spell it: `runState`, `run state` and `Run State?` are `run_state`."""
    return re.sub(r"\W+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", column)).strip("_").casefold()


def _may_qualify(column: str, rows: Sequence[Mapping[str, str]]) -> bool:
    """Return whether a column is true of some runs and false of others, tells errors of some, or speaks of trouble."""
    cells = {(row.get(column) or "").strip().casefold() for row in rows}
    if all(cell in _ABSENT or number(cell) == number(cell) for cell in cells):
        return bool(_DOUBTFUL.fullmatch(_folded(column))) and len(cells) > 1 and cells <= _TRUE | _FALSE | _ABSENT
    if _DOUBTFUL.fullmatch(_folded(column)):
        return len(cells) > 1
    return any(_WORDS.get(_word(cell)) in {FAILED, RUNNING} or _TROUBLE.search(cell) for cell in cells - _ABSENT)


def _word(cell: str) -> str:
    """Return what a cell says as the lists here spell it; of Slurm's `CANCELLED by 1000` the first word."""
    return cell.partition(" by ")[0].replace(" ", "_").replace("-", "_")


def state_of(rows: Sequence[Mapping[str, str]], columns: Sequence[str], hints: Hints) -> tuple[str, str]:
    """Return how a run ended, as the last row of it says, and the words that say so.

    Raises:
        RefusedError: a word is not known.
    """
    told = [(_state(rows[-1].get(name) or "", name, hints), name) for name in columns]
    worst = max(told, key=lambda one: (one[0] == RUNNING, one[0] == FAILED), default=(FINISHED, ""))
    return worst[0], f"{worst[1]}: {(rows[-1].get(worst[1]) or '').strip()[:40]}" if worst[0] else ""


def _state(cell: str, column: str, hints: Hints) -> str:
    word, name = cell.strip().casefold(), _folded(column)
    asked = hints.columns.get("status") == column
    states = asked or name in _STATES or name.endswith(("_state", "_status"))
    if word in _ABSENT and (states or name in _CODES):
        return FINISHED
    if name in _CODES and number(word) == number(word):
        return FINISHED if number(word) == 0 else FAILED
    found = _of_yes_or_no(word, name, asked=asked) if word in _TRUE | _FALSE | _ABSENT else None
    if found is None and states:
        found = _WORDS.get(_word(word))
    if found is None and asked and _AGAINST.fullmatch(name):
        found = FAILED
    if found is not None:
        return found
    obeyed = "true is failed, false is finished" if _speaks_against(name) else "true is finished, false is failed"
    raise RefusedError(
        f"column {column!r} says {cell.strip()[:40]!r}: did such a run finish? --columns status={column} obeys it "
        f"({obeyed}), --ignore {column!r} passes it over"
    )


def _of_yes_or_no(word: str, name: str, *, asked: bool) -> str | None:
    """Return what a column's true, false or nothing says; None where it is not known."""
    true = word in _TRUE
    if _speaks_against(name):
        return (FAILED if asked else None) if true else FINISHED
    if _YES.get(name, FINISHED) != FINISHED:
        return _YES[name] if true else FINISHED
    if asked and (word in _FALSE or true or name in _YES):
        return FINISHED if true else FAILED
    return FINISHED if true and name in _YES else None


def _speaks_against(name: str) -> bool:
    return name in _UNFINISHED or bool(_AGAINST.fullmatch(name))
