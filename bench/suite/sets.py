"""A suite in, the sets of hyperparameters that it brings along out: in its own text, or in files beside it.

`tuned` is the file `tuned/<suite>.yaml` in the suite's folder, a name that ends in `.yaml` a path from there. They
have the format of the package's own sets, and are read as strictly as the suite.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import Any

from bench import records
from bench.catalog import Algorithm, algorithms, did_you_mean
from bench.errors import Complaint, SuiteError
from bench.hyperparameters import FOR_STEPS, sets
from bench.hyperparameters.fields import whole
from bench.hyperparameters.values import checked
from bench.limits import MOST_CELLS, MOST_STEPS
from bench.suite.document import Document, Place, load, text_of
from bench.suite.flow import flow
from bench.suite.schema import Set, fitted
from bench.suite.settings import FILE, own_set
from bench.suite.shipped import TUNED

Brought = dict[str, tuple[records.Part, ...]]


def brought_along(document: Document, folder: Path | None) -> tuple[Brought, list[Complaint]]:
    """Return the sets that a suite names and the package has not, and complaints about their files.

    What is wrong in the suite itself is told in the document. A suite that holds sets of its own wants no files.

    Args:
        document: of the suite.
        folder: in which it lies; None: in none.
    """
    if isinstance(given := document.value.get("sets"), dict) and given:
        return {
            name: _parts(document, value, ("sets", name)) for name, value in given.items() if _free(document, name)
        }, []
    found: Brought = {}
    broken: list[Complaint] = []
    for name, where in _named(document.value).items():
        if (path := _file(document, name, folder, where)) is None:
            continue
        try:
            found[name], complaints = _lying(path)
            broken += complaints
        except SuiteError as error:
            broken += error.complaints
    return found, broken


def parts_of(path: Path) -> tuple[records.Part, ...]:
    """Return the parts of the set in a file.

    Raises:
        SuiteError: it cannot be read, or anything in it is wrong; all complaints together.
    """
    found, complaints = _lying(path)
    if complaints:
        raise SuiteError(complaints)
    return found


def _lying(path: Path) -> tuple[tuple[records.Part, ...], list[Complaint]]:
    lying = load(text_of(path, "set of hyperparameters"), str(path))
    return _parts(lying, lying.value, ()), sorted(lying.complaints, key=lying.line_of)


def is_beside(name: str) -> bool:
    """Return whether a set of this name lies beside the suite."""
    return name == TUNED or name.endswith(FILE)


def written(brought: Mapping[str, Iterable[records.Part]]) -> str:
    """Return sets as a suite's text holds them: a line per thing that is said, and per algorithm."""
    lines = ["sets:"]
    for name, parts in brought.items():
        lines += [f"  {flow(name)}:", "    parts:"]
        for part in parts:
            told = [line for key, value in said(part).items() for line in _lines(key, value)]
            lines += [f"      {'- ' if place == 0 else '  '}{line}" for place, line in enumerate(told)]
    return "\n".join(lines) + "\n"


def _lines(key: str, value: Any) -> list[str]:
    if not isinstance(value, dict) or not value:
        return [f"{key}: {flow(value)}"]
    return [f"{key}:", *(f"  {flow(name)}: {flow(own)}" for name, own in value.items())]


def said(part: records.Part) -> dict[str, Any]:
    """Return what a part says, without what is left to its default."""
    left = {one.name: one.default for one in fields(part) if one.default is not MISSING}
    left |= {"everywhere": {}, "sensitivity": {}}
    every = asdict(part) | {"notes": list(part.notes)}
    return {name: value for name, value in every.items() if name not in left or value != left[name]}


def _named(value: Mapping[str, Any]) -> dict[str, Place]:
    """Return the sets beside the suite that it names, and where it names each first."""
    given, entries = value.get("hyperparameters"), value.get("algorithms")
    found: list[tuple[Any, Place]] = [(given, ("hyperparameters",))]
    if isinstance(given, list):
        found = [(name, ("hyperparameters", place)) for place, name in enumerate(given[:MOST_CELLS])]
    for place, entry in enumerate(entries[:MOST_CELLS] if isinstance(entries, list) else []):
        own = entry.get("hyperparameters") if isinstance(entry, dict) else None
        found.append((own_set(own), ("algorithms", place, "hyperparameters")))
    return {name: where for name, where in reversed(found) if isinstance(name, str) and is_beside(name)}


def _file(document: Document, name: str, folder: Path | None, where: Place) -> Path | None:
    """Return the file of a set; None, with a complaint in the document, where there is none."""
    suite = document.value.get("name", Path(document.place).stem)
    if folder is None or not isinstance(suite, str):
        document.complain(where, f"the set {name!r} lies beside a suite's file, and this suite lies in none")
        return None
    path = folder / (f"{TUNED}/{suite}{FILE}" if name == TUNED else name)
    if path.is_file():
        return path
    hint = f"`bench tune {document.place}` writes it" if name == TUNED else "the path is taken from the suite's folder"
    document.complain(where, f"the set {name!r} is missing: there is no file {path}", hint)
    return None


def _free(document: Document, name: str) -> bool:
    if name not in sets():
        return True
    document.complain(("sets", name), f"{name!r} is a set of the package", "give this one another name")
    return False


def _parts(document: Document, value: Any, where: Place) -> tuple[records.Part, ...]:
    """Return the parts of a set as the other rooms know them; complaints about them are the document's."""
    described = fitted(Set, value, document, where)
    if described is None:
        return ()
    found = []
    for place, part in enumerate(described.parts):
        above = (*where, "parts", place)
        own = {
            "notes": tuple(part.notes),
            "entries": _per_algorithm(document, (*above, "entries"), part.entries, _entries),
            "everywhere": _per_algorithm(document, (*above, "everywhere"), part.everywhere, _entry),
            "sensitivity": {
                algorithm: {id_: records.Sensitivity(**seen.model_dump()) for id_, seen in places.items()}
                for algorithm, places in part.sensitivity.items()
            },
        }
        found.append(records.Part(**{**part.model_dump(), **own}))
    return tuple(found)


Read = Callable[[Document, Place, Algorithm, Mapping[str, Any]], dict[str, Any]]


def _per_algorithm(
    document: Document, where: Place, given: Mapping[str, Mapping[str, Any]], read: Read
) -> dict[str, dict[str, Any]]:
    """Return what is given for each algorithm, as `read` returns it."""
    found = {}
    for name, own in given.items():
        if (known := algorithms().get(name)) is None:
            hint = did_you_mean(name, algorithms()) or "`bench list algorithms` shows all"
            document.complain((*where, name), f"algorithm {name!r} is not known", hint)
        else:
            found[name] = read(document, (*where, name), known, own)
    return found


def _entries(document: Document, where: Place, known: Algorithm, places: Mapping[str, Any]) -> dict[str, Any]:
    """Return an algorithm's settings per environment."""
    return {id_: _entry(document, (*where, id_), known, own) for id_, own in places.items()}


def _entry(document: Document, where: Place, known: Algorithm, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of one pair, checked value by value."""
    found, accepted = {}, known.settings
    for key, value in given.items():
        if key != FOR_STEPS and accepted is not None and key not in accepted:
            hint = did_you_mean(key, accepted) or f"it takes {', '.join(sorted(accepted)) or 'none'}"
            document.complain((*where, key), f"{known.full_name} has no hyperparameter {key!r}", hint)
            continue
        try:
            found[key] = whole(1, MOST_STEPS)(value) if key == FOR_STEPS else checked(known.name, key, deepcopy(value))
        except ValueError as error:
            document.complain((*where, key), str(error))
    return found
