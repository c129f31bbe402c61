"""A value out of a JSON file in, the same value checked out, or what was wanted instead."""

from __future__ import annotations

import sys
from typing import Annotated, Any, NoReturn

from pydantic import AfterValidator, FailFast, Field

DEEPEST = 32
"""How deep free mappings may be nested."""
LARGEST = 2**53
"""The largest whole number that a float holds exactly: steps and lengths are calculated with as floats."""
_HUGE = "a whole number that is larger than every float"


def shown(value: Any) -> str:
    """Return the value for a message, however large it is."""
    if isinstance(value, dict | list):
        return f"a {'mapping' if isinstance(value, dict) else 'list'} of {len(value):,}"
    if isinstance(value, int) and abs(value) > sys.float_info.max:
        return _HUGE
    return "null" if value is None else repr(value[:60] if isinstance(value, str) else value)


def free(value: Any, depth: int = 0) -> Any:
    """Take any data that is not nested too deeply, without a whole number beyond all floats."""
    if depth > DEEPEST:
        raise ValueError(f"is nested more than {DEEPEST} deep")
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            free(part, depth + 1)
    elif isinstance(value, int) and abs(value) > sys.float_info.max:
        raise ValueError(f"holds {_HUGE}")
    return value


def words(value: dict[str, Any]) -> dict[str, Any]:
    """Take a mapping from names to text."""
    for name, word in value.items():
        if not isinstance(word, str):
            _refuse("text", word, name)
    return value


def numbers(value: dict[str, Any]) -> dict[str, Any]:
    """Take a mapping from names to numbers of at most LARGEST: seconds, of which many are added up."""
    for name, number in value.items():
        if type(number) not in {int, float} or not abs(number) <= LARGEST:
            _refuse("a finite number", number, name)
    return value


def counts(value: dict[str, Any]) -> dict[str, Any]:
    """Take a mapping from names to whole numbers from 0 to LARGEST."""
    for name, number in value.items():
        if type(number) is not int or not 0 <= number <= LARGEST:
            _refuse(f"a whole number from 0 to {LARGEST:,}", number, name)
    return value


def facts(value: dict[str, Any]) -> dict[str, Any]:
    """Take a mapping from names to single words or numbers; `versions` are a mapping of their own."""
    for name, fact in value.items():
        if name == "versions":
            words(_mapping(name, fact))
        elif isinstance(fact, dict | list):
            _refuse("a word or a number", fact, name)
        else:
            free(fact)
    return value


def _mapping(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        _refuse("a mapping", value, name)
    return value


def origin(value: dict[str, Any]) -> dict[str, Any]:
    """Take where an imported run comes from: words, the files with their hashes, and notes."""
    free(value)
    files, notes = value.get("files", []), value.get("notes", [])
    if not isinstance(files, list) or not all(isinstance(one, dict) and "name" in one for one in files):
        _refuse("a list of files with their names", files, "files")
    for one in files:
        words(one)
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        _refuse("a list of sentences", notes, "notes")
    words({name: word for name, word in value.items() if name not in {"files", "notes"}})
    return value


def _refuse(wanted: str, value: Any, name: str = "") -> NoReturn:
    raise ValueError(f"{f'{name[:60]}: ' if name else ''}wants {wanted}, not {shown(value)}")


Count = Annotated[int, Field(ge=0, le=LARGEST)]
Positive = Annotated[int, Field(ge=1, le=LARGEST)]
Amount = Annotated[float, Field(ge=0, le=LARGEST, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1)]
Free = Annotated[dict[str, Any], AfterValidator(free)]
Words = Annotated[dict[str, Any], AfterValidator(words)]
Numbers = Annotated[dict[str, Any], AfterValidator(numbers)]
Counts = Annotated[dict[str, Any], AfterValidator(counts)]
Origin = Annotated[dict[str, Any], AfterValidator(origin)]
Facts = Annotated[dict[str, Any], AfterValidator(facts)]
# The first wrong number ends it: a complaint about each of a million takes gigabytes.
Wholes = Annotated[list[Count], FailFast()]
Finites = Annotated[list[Finite], FailFast()]
Knowns = Annotated[list[Finite | None], FailFast()]
Amounts = Annotated[list[Amount | None], FailFast()]
WholeRows = Annotated[list[Wholes], FailFast()]
FiniteRows = Annotated[list[Finites], FailFast()]
