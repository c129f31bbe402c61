"""A document whose entries sweep hyperparameters in, one with an entry for every combination of the values out.

    algorithms:
      - {name: ppo, sweep: {clip_range: [0.1, 0.2], n_epochs: [1, 10]}}

stands for four entries, `ppo clip_range=0.1 n_epochs=1` to `ppo clip_range=0.2 n_epochs=10`; the last name changes
fastest. Everything after this knows entries only.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

from bench.hyperparameters.fields import shown
from bench.limits import MOST_CELLS
from bench.suite.document import Document, Place
from bench.suite.flow import bare

SWEEP = "sweep"


def expanded(document: Document) -> Document:
    """Return the document with its sweeps carried out; what is wrong with one is told, and its entry stands alone."""
    entries = document.value.get("algorithms")
    # More than a suite may have are refused by the schema, as they were written.
    if not isinstance(entries, list) or len(entries) > MOST_CELLS:
        return document
    if not any(isinstance(entry, dict) and SWEEP in entry for entry in entries):
        return document
    found: list[Any] = []
    written: list[int] = []
    for place, entry in enumerate(entries):
        standing = list(_variants(document, ("algorithms", place), entry))
        found += standing
        written += [place] * len(standing)
    lines = dict(_moved(document.lines, written))
    return replace(document, value={**document.value, "algorithms": found}, lines=lines, written=tuple(written))


def _variants(document: Document, where: Place, entry: Any) -> Iterator[Any]:
    """Yield the entries that one stands for: itself where it sweeps nothing, or nothing that can be swept."""
    if not isinstance(entry, dict) or SWEEP not in entry:
        yield entry
        return
    rest = {key: value for key, value in entry.items() if key != SWEEP}
    given, fixed = entry[SWEEP], rest.get("hyperparameters")
    own = {"set": fixed} if isinstance(fixed, str) else fixed if isinstance(fixed, dict) else {}
    if not _is_sound(document, (*where, SWEEP), given, own):
        # So that what is wrong with the names is told in the same breath.
        lists = given.items() if isinstance(given, dict) else ()
        firsts = {name: values[0] for name, values in lists if isinstance(values, list) and values}
        yield {**rest, "hyperparameters": {**firsts, **own}}
        return
    label = rest.get("label") or rest.get("name")
    for values in product(*given.values()):
        chosen = dict(zip(given, values, strict=True))
        named = " ".join([str(label), *(f"{name}={bare(value)}" for name, value in chosen.items())])
        yield {**rest, "label": named, "hyperparameters": {**own, **chosen}}


def _is_sound(document: Document, where: Place, given: Any, own: Mapping[str, Any]) -> bool:
    """Return whether something can be swept, with complaints where not."""
    if not isinstance(given, dict) or not given:
        document.complain(where, f"wants a mapping of hyperparameters to lists of values, not {shown(given)}")
        return False
    before = len(document.complaints)
    for name, values in given.items():
        if not isinstance(values, list) or not values:
            document.complain((*where, name), f"wants a list of values, not {shown(values)}", f"write {name}: [...]")
        elif any(value in values[:place] for place, value in enumerate(values)):
            document.complain((*where, name), "a value is listed twice: equal settings give equal runs")
        if name == "set":
            document.complain((*where, name), "sets are no hyperparameter", "name several in `hyperparameters:`")
        elif name in own:
            document.complain((*where, name), f"{name!r} is fixed in the entry's hyperparameters", "leave one out")
    if len(document.complaints) > before:
        return False
    if (size := math.prod(map(len, given.values()))) > MOST_CELLS:
        document.complain(where, f"stands for {size:,} entries; a suite has at most {MOST_CELLS:,}")
        return False
    return True


def _moved(lines: Mapping[Place, int], written: list[int]) -> Iterator[tuple[Place, int]]:
    """Yield where the values of the new entries stand: those of a sweep are hyperparameters now."""
    of_entries: dict[int, list[tuple[Place, int]]] = {}
    for where, line in lines.items():
        match where:
            case ("algorithms", int(place), *rest):
                of_entries.setdefault(place, []).append((tuple(rest), line))
            case _:
                yield where, line
    for now, place in enumerate(written):
        for within, line in of_entries.get(place, ()):
            swept = len(within) > 1 and within[0] == SWEEP
            yield ("algorithms", now, *(("hyperparameters", *within[1:]) if swept else within)), line
