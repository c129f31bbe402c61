"""Values in, text a reader can trust out: never `nan`, never `None`."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeGuard

from bench.plain import plain
from bench.records import Interval, ReferenceLine

DASH = "\N{EN DASH}"
"""Stands where there is no number; the reason follows in a footnote."""
MINUS = "\N{MINUS SIGN}"
_TWO_DAYS = 48
_MOST_PLACES = 4
"""Decimals up to which a limit is told from what it is held against."""


def finite(value: float | None) -> TypeGuard[float]:
    """Return whether `value` is a number that can be shown."""
    return value is not None and math.isfinite(value)


def zero(lines: Iterable[ReferenceLine]) -> str:
    """Return what scores 0, for a sentence about all environments."""
    return "the random policy" if all(line.by_chance for line in lines) else "the lower reference"


def prose(text: str) -> str:
    """Return `text` as `signed`, its percent signs kept on the line of their numbers."""
    return signed(text).replace(" %", "\N{NO-BREAK SPACE}%")


def signed(text: str) -> str:
    """Return `text` as `plain`, with a true minus sign before its negative numbers, as in the tables beside it."""
    return re.sub(r"(?<![^\s(\[])-(?=\d)", MINUS, plain(text))


def decimals(values: Iterable[float | None]) -> int:
    """Return the number of decimals that suits the largest of `values`: about three significant digits."""
    largest = max((abs(value) for value in filter(finite, values)), default=0.0)
    if largest >= 1000:  # noqa: PLR2004 - the steps of the scale are the content of this function
        return 0
    if largest >= 10:  # noqa: PLR2004 - as above
        return 1
    if largest >= 0.1 or largest == 0:  # noqa: PLR2004 - as above
        return 2
    return min(2 - math.floor(math.log10(largest)), 8)


def number(value: float | None, places: int | None = None) -> str:
    """Return `value` with thousands separated and a true minus sign; a dash where there is no number."""
    if not finite(value):
        return DASH
    text = f"{value:,.{decimals([value]) if places is None else places}f}"
    if not text.strip("-0.,"):
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def integer(value: float | None) -> str:
    """Return `value` without decimals; a dash where there is no number."""
    return number(value, 0)


def interval(value: Interval, places: int | None = None, bounds: Collection[float] = ()) -> str:
    """Return `0.83 [0.71, 0.92]`, without brackets where there is no interval, a dash where there is no estimate.

    `bounds` are what it is held against: no limit is shown as one that it only rounds to.
    """
    if not finite(value.estimate):
        return DASH
    places = decimals((value.estimate, value.low, value.high)) if places is None else places
    places = clear(value, bounds, places)
    if not (finite(value.low) and finite(value.high)):
        return number(value.estimate, places)
    return f"{number(value.estimate, places)} [{number(value.low, places)}, {number(value.high, places)}]"


def clear(value: Interval, bounds: Collection[float], places: int) -> int:
    """Return with how many decimals no limit rounds to a bound that it is not: at least `places`, else at most 4."""

    def rounds(digits: int) -> bool:
        limits = [limit for limit in (value.low, value.high) if finite(limit)]
        return any(
            limit != bound and round(limit, digits) == round(bound, digits) for limit in limits for bound in bounds
        )

    return next((digits for digits in range(places, _MOST_PLACES) if not rounds(digits)), max(places, _MOST_PLACES))


def probability(value: float | None) -> str:
    """Return a p-value as papers print it: three decimals, `<0.001` below."""
    if not finite(value):
        return DASH
    return "<0.001" if value < 0.001 else f"{value:.3f}"  # noqa: PLR2004 - the convention itself


def percent(value: float | None, places: int = 0) -> str:
    """Return a share as `90 %`."""
    return DASH if not finite(value) else f"{number(100 * value, places)} %"


def level(value: float) -> str:
    """Return a confidence, or the error that it leaves, as `95 %`, `97.5 %` or `99.95 %`."""
    return f"{100 * value:.{5 if value >= 0.999 else 3}g} %"  # noqa: PLR2004 - digits that tell it from certainty


def chance(value: float | None) -> str:
    """Return a share of resamples as `58 %`; never as certainty, which no number of resamples can show."""
    if not finite(value):
        return DASH
    return "<1 %" if value <= 0.005 else ">99 %" if value >= 0.995 else percent(value)  # noqa: PLR2004 - as rounded


def sentence(text: str) -> str:
    """Return a note as a sentence: a capital first, a full stop last; nothing stays nothing."""
    text = plain(text).strip()
    return capital(text) + ("" if text[-1:] in {"", ".", "!", "?"} else ".")


def span(counts: Iterable[int]) -> str:
    """Return `n = 10`, or `n = 8 to 10` where the counts differ, or `n = 0`."""
    known = sorted(set(counts)) or [0]
    return f"n = {known[0]}" if len(known) == 1 else f"n = {known[0]} to {known[-1]}"


def setting(value: Any) -> str:
    """Return a hyperparameter as a reader would write it down: JSON, with infinity as a sign."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {setting(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(setting(item) for item in value) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return "undefined" if math.isnan(value) else f"{MINUS if value < 0 else ''}∞"
    if isinstance(value, str):
        return value
    return json.dumps(value, default=str, ensure_ascii=False)


def settings(values: Mapping[str, Any]) -> str:
    """Return `gamma = 0.99, n_envs = 8`; a dash where nothing is set."""
    return ", ".join(f"{name} = {setting(value)}" for name, value in values.items()) or DASH


def duration(seconds: float) -> str:
    """Return a duration as people say it: `40 s`, `12 min`, `3.5 h`, `2.1 days`."""
    for limit, unit, length in ((90, "s", 1), (90 * 60, "min", 60), (36 * 3600, "h", 3600)):
        if seconds < limit:
            return f"{seconds / length:.1f} {unit}" if unit == "h" else f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86400:.1f} days"


def hours(value: float) -> str:
    """Return `2.1 h`, or minutes below one hour: prices, which stay in one unit to be compared."""
    return f"{value:.1f} h" if value >= 1 else f"{max(1, round(60 * value))} min"


def core_time(value: float | None) -> str:
    """Return what so many hours of one core are as the end of a sentence; empty where that is not known."""
    if value is None:
        return ""
    if value < 1:
        return f", {number(60 * value, 0)} minutes of one core"
    return f", {number(value, 0 if value > _TWO_DAYS else 1)} hours of one core"


def capital(text: str) -> str:
    """Return the text with a capital first."""
    return text[:1].upper() + text[1:]
