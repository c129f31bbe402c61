"""A value as a suite gives it in, as it is meant out, or what is wrong with it: the checks that several keys share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.catalog import did_you_mean
from bench.limits import is_finite

SHORT_LIST = 3
SHOWN = 80
"""Letters or values of something long that a message may need."""


def whole(lowest: int, highest: int) -> Callable[[Any], int]:
    """Return a check that takes a whole number from `lowest` to `highest`; `1e5` is one."""

    def check(value: Any) -> int:
        if not is_finite(value) or value != int(value):
            raise ValueError(f"wants a whole number, not {shown(value)}")
        if value < lowest:
            raise ValueError(f"must be at least {lowest}, not {shown(value)}")
        if value > highest:
            raise ValueError(f"must be at most {highest:,}, not {shown(value)}")
        return int(value)

    return check


def one_of(*words: str) -> Callable[[Any], str]:
    """Return a check that takes one of the words."""

    def check(value: Any) -> str:
        if value not in words:
            hint = did_you_mean(value, words) if isinstance(value, str) else ""
            known = " or ".join(words) if len(words) <= SHORT_LIST else f"one of {', '.join(words)}"
            raise ValueError(f"wants {known}, not {shown(value)}" + (f"; {hint}" if hint else ""))
        return str(value)

    return check


def shown(value: Any) -> str:
    """Return the value for a message, shortened."""
    # The beginning alone: thousands of values take their time to be written out.
    value = value[:SHOWN] if isinstance(value, str | list) else value
    text = "nothing" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - half a line
