"""Text and values from outside in; what no terminal obeys, no page reverses and every JSON reader takes out.

Names, messages and titles come from suites, environments, libraries and other people's files. Whatever writes for a
reader, to a terminal or to a file, passes its text through here last.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
"""Stands for a byte that was no text, as in file names of another encoding."""
MOST_CHARACTERS = 20_000
"""Kept of a failure's message and of its traceback, beginning and end."""
_COMMAND = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
"""A terminal's colours and movements (ECMA-48, 5.4): no words, so they go as a whole."""
_DOUBTFUL = re.compile(r"[^\n\t\x20-\x7e]")
_FORMULA = frozenset("=+-@\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH COMMERCIAL AT}")
_JOINERS = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"
_UNSEEN = frozenset({"Cc", "Cf", "Co", "Cn"})
"""Unicode categories of control, format, private and unassigned characters."""
_EMOJI = ("\U0001f000", "\U0001faff")
"""Blocks of pictures alone: what Python's tables do not know there yet is a newer picture."""


def shortened(text: str, most: int = MOST_CHARACTERS) -> str:
    """Return the text, of a long one the beginning and the end with a note of how much is missing between."""
    if len(text) <= most:
        return text
    note = f"\n... {len(text) - most:,} characters left out ...\n"
    return text[: most // 2] + note + text[len(text) - most // 2 :]


def plain(text: str) -> str:
    """Return `text` on one line, of characters that are seen and stand where they are written."""
    return text if text.isprintable() else re.sub(r"\s", " ", printable(text))


def printable(text: str) -> str:
    """Return `text` with its lines, of characters that are seen and stand where they are written."""
    if text.isascii() and text.isprintable():
        return text
    whole = _COMMAND.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return _DOUBTFUL.sub(_seen, whole)


def spreadsheet(text: str) -> str:
    """Return `text` as `plain`, with an apostrophe before what a spreadsheet would compute; numbers stay numbers."""
    shown = plain(text)
    numbers = all(map(_is_number, shown.split("±")))
    return f"'{shown}" if shown.lstrip()[:1] in _FORMULA and not numbers else shown


def joined(names: Sequence[str], word: str = "and") -> str:
    """Return `a`, `a and b` or `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"


def listed(names: Iterable[str], most: int, between: str = ", ") -> str:
    """Return the first names in a row, and how many more there are: `a, b and 3 more`, or `a; b; and 3 more`."""
    found = list(names)
    before = "; " if between == "; " else " "
    more = and_more(len(found), most)
    return between.join(found[:most]) + (more and f"{before}{more}")


def and_more(count: int, most: int) -> str:
    """Return `and 3 more` where only `most` of `count` things are told; nothing where all are."""
    return f"and {count - most} more" if count > most else ""


def counted(count: int, one: str, many: str = "") -> str:
    """Return `1 seed`, `10 seeds`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def json_text(value: Any, indent: int | None = None) -> str:
    """Return `value` as JSON in ASCII; what is not a finite number is null, numbers of NumPy become plain ones."""
    return json.dumps(_data(value), indent=indent, allow_nan=False)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _seen(found: re.Match[str]) -> str:
    letter = found[0]
    kind = unicodedata.category(letter)
    if kind == "Cs":
        return REPLACEMENT
    if letter in _JOINERS and _joins(found.string, found.start()):
        return letter
    if letter.isspace() and kind != "Zs":
        return " "
    return "" if kind in _UNSEEN and not _EMOJI[0] <= letter <= _EMOJI[1] else letter


def _joins(text: str, place: int) -> bool:
    """Return whether the joiner there binds two characters of a script, or emoji, that is written with joiners."""
    around = text[place - 1 : place] + text[place + 1 : place + 2]
    return len(around) == len("ab") and all(ord(one) > ord("\N{LATIN SMALL LETTER Z WITH CARON}") for one in around)


def _data(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _data(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_data(item) for item in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float) or hasattr(value, "item"):
        number = value if isinstance(value, float) else value.item()
        return number if not isinstance(number, float) or math.isfinite(number) else None
    return str(value)
