"""Algorithms, environments and a budget as typed in, the text of the suite that asks for them out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypeVar

from bench.errors import Complaint, SuiteError
from bench.pipeline.experiment import SuiteText
from bench.records import digest
from bench.suite import parse
from bench.suite.draft import Draft, DraftAlgorithm, DraftEnvironment, file_name, text

PLACE = "the command line"
SEEDS, SET_NAME = 10, "default"
STAND_IN_STEPS, STAND_INS = 100_000, ("random", "CartPole-v1")
"""For what is missing, so that the rest can be judged."""
_LONGEST_NAME = 100
_THOUSANDS = {"": 1, "k": 1_000, "m": 1_000_000}
_STEPS_HINT = "write for instance 50k, 1M, 1e5 or 50_000"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed instead of the name of a suite."""

    algorithms: Sequence[str] = ()
    environments: Sequence[str] = ()
    steps: str | None = None
    set_name: str | None = None
    seeds: int | None = None

    def __bool__(self) -> bool:
        """Return whether anything was asked for that only goes without a suite."""
        return bool(self.algorithms or self.environments or self.steps or self.set_name)


def steps_of(written: str) -> int:
    """Return the number of steps that `50k`, `1M`, `1e5` or `50_000` means.

    Raises:
        ValueError: none of these, or no whole number above 0.
    """
    found = re.fullmatch(r"([0-9][0-9_]*(?:\.[0-9]+)?(?:e\+?[0-9]{1,2})?)([km]?)", written.strip(), re.IGNORECASE)
    number = Decimal(found[1]) * _THOUSANDS[found[2].lower()] if found else Decimal()
    if number < 1 or number != int(number):
        raise ValueError(f"wants a whole number of environment steps, not {written!r}; {_STEPS_HINT}")
    return int(number)


def suite_text(asked: Asked) -> SuiteText:
    """Return the suite that was asked for.

    Raises:
        SuiteError: something is missing, or cannot be read; with whatever else is wrong, all together.
    """
    complaints, steps = _missing(asked), STAND_IN_STEPS
    try:
        steps = steps_of(asked.steps) if asked.steps is not None else steps
    except ValueError as error:
        complaints.append(Complaint("--steps", str(error)))
    if complaints:
        raise SuiteError([*complaints, *_further(asked, steps)])
    return SuiteText(text(_draft(asked, steps)), PLACE)


def in_terms_of_options(asked: Asked, open_: Callable[[], T]) -> T:
    """Return what `open_` returns; a complaint about the made text is told as one about the option it came from."""
    try:
        return open_()
    except SuiteError as error:
        raise SuiteError([_spoken(complaint, asked) for complaint in error.complaints]) from None


def suite_name(asked: Asked) -> str:
    """Return the name that results lie under, such as `ppo-dqn-CartPole-v1`."""
    words = [*asked.algorithms, *map(file_name, asked.environments)]
    whole = "-".join(words)
    # Folder names end at 255 bytes; what is left out is told apart by the hash.
    return whole if len(whole) <= _LONGEST_NAME else f"{whole[:_LONGEST_NAME]}-{digest(words)[:6]}"


def _draft(asked: Asked, steps: int) -> Draft:
    algorithms, environments = ", ".join(asked.algorithms), ", ".join(asked.environments)
    return Draft(
        name=suite_name(asked),
        title=f"{algorithms} on {environments}",
        question=f"Which of {algorithms} for {environments}?",
        seeds=asked.seeds or SEEDS,
        algorithms=tuple(map(DraftAlgorithm, asked.algorithms)),
        environments=tuple(DraftEnvironment(id_, steps) for id_ in asked.environments),
        comments=("Made of a command line: `bench run --algo ... --env ...`.",),
        set_name=asked.set_name or SET_NAME,
    )


def _missing(asked: Asked) -> list[Complaint]:
    wanted = (
        ("--algo", asked.algorithms, "which algorithm is missing", "`bench list algorithms` shows all"),
        ("--env", asked.environments, "which environment is missing", "`bench list environments` shows some"),
        ("--steps", asked.steps, "the budget in environment steps is missing", _STEPS_HINT),
    )
    return [Complaint(option, message, hint) for option, given, message, hint in wanted if not given]


def _further(asked: Asked, steps: int) -> tuple[Complaint, ...]:
    """Return what is wrong with the rest of what was asked for, as far as it can be judged without what is missing."""
    whole = replace(
        asked, algorithms=asked.algorithms or STAND_INS[:1], environments=asked.environments or STAND_INS[1:]
    )
    written = text(_draft(whole, steps)) + "skip_incompatible: true\n"
    try:
        in_terms_of_options(asked, lambda: parse(written, PLACE))
    except SuiteError as error:
        return error.complaints
    return ()


def _spoken(complaint: Complaint, asked: Asked) -> Complaint:
    """Return the complaint with the option it is about for a place."""
    found = re.fullmatch(rf"{PLACE}:\d+(?:: (\w+)(?:\.(.*))?)?", complaint.place)
    if found is None:
        return complaint
    place = {
        "algorithms": f"--algo {_named(asked.algorithms, found[2])}".strip(),
        "environments": "--steps" if (found[2] or "").endswith(".steps") else "--env",
        "hyperparameters": "--hyperparameters",
        "seeds": "--seeds",
    }.get(found[1] or "", PLACE)
    hint = "" if "skip_incompatible" in complaint.hint or "`label:`" in complaint.hint else complaint.hint
    return Complaint(place, re.sub(r" \(line \d+\)$| by line \d+$", "", complaint.message), hint)


def _named(algorithms: Sequence[str], dotted: str | None) -> str:
    number = (dotted or "").partition(".")[0]
    return algorithms[int(number)] if number.isdecimal() and int(number) < len(algorithms) else ""
