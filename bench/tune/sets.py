"""What tuning came to in; a set of hyperparameters with its provenance, as a file beside the suite, out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

from bench.errors import BenchError
from bench.files import publish
from bench.hyperparameters import FOR_STEPS
from bench.plain import counted
from bench.records import Part
from bench.report import words
from bench.suite.document import text_of
from bench.suite.flow import block
from bench.suite.sets import parts_of, said
from bench.tune.outcome import Tuned
from bench.tune.search import AGAIN, Pair, Search

_MADE_BY = "# Made by `bench tune"
_TUNING = "# Tuning: "
_SECONDS_PER_HOUR = 3600
T = TypeVar("T")


def file_beside(suite: Path, name: str) -> Path:
    """Return where the tuned set of a suite lies: where the set `tuned` of that suite is looked for."""
    return suite.parent / "tuned" / f"{name}.yaml"


def standing(path: Path, search: Search, *, force: bool) -> tuple[Part, ...]:
    """Return what the file holds of this very tuning, perhaps from trials that are not at hand.

    Args:
        path: of the file; there may be none yet.
        search: of the whole suite.
        force: whether everything else that it holds may go.

    Raises:
        BenchError: it holds something else, or cannot be read, and is not to be written over.
    """
    if not path.exists():
        return ()
    try:
        _require_own(path, search)
        parts = parts_of(path)
    except BenchError:
        if force:
            return ()
        raise
    asked = {(pair, search.places[pair[1]].steps) for pair in search.pairs}
    foreign = [told for part in parts for told in _made_for(part) if told not in asked]
    if foreign and not force:
        told = ", ".join(
            f"{name} on {place}" + (f" at {steps:,} steps" if steps else "") for (name, place), steps in foreign
        )
        raise BenchError(
            f"{path} holds what the suite does not ask for: {told}; --force drops it, --to writes elsewhere"
        )
    return tuple(_only(part, {one[0] for one in _made_for(part) if one in asked}) for part in parts)


def _made_for(part: Part) -> list[tuple[Pair, int | None]]:
    """Return the pairs of a part, and the steps that each is tuned for."""
    return [
        ((name, place), entry.get(FOR_STEPS))
        for name, entries in part.entries.items()
        for place, entry in entries.items()
    ]


def _only(part: Part, pairs: Collection[Pair]) -> Part:
    """Return what a part says of some of its pairs."""
    gone = tuple(_evidence_for(*pair) for pair, _ in _made_for(part) if pair not in pairs)
    return replace(
        part,
        notes=tuple(one for one in part.notes if not one.startswith(gone)),
        entries=_chosen(part.entries, pairs),
        sensitivity=_chosen(part.sensitivity, pairs),
    )


def _chosen(given: Mapping[str, Mapping[str, T]], pairs: Collection[Pair]) -> dict[str, dict[str, T]]:
    found = {
        name: {place: one for place, one in places.items() if (name, place) in pairs} for name, places in given.items()
    }
    return {name: places for name, places in found.items() if places}


def _require_own(path: Path, search: Search) -> None:
    """Complain where the file holds another tuning, or is somebody's own."""
    lines = text_of(path, "set of hyperparameters").splitlines()
    if _TUNING + identity(search) in lines:
        return
    what = "another tuning" if any(line.startswith(_TUNING) for line in lines) else "no set that `bench tune` has made"
    raise BenchError(
        f"{path} holds {what}, and stays as it is; --force writes over it, --to writes elsewhere, and the protocol it "
        "names in its third line goes on with it"
    )


def identity(search: Search) -> str:
    """Return what two tunings must share to be the same, in a line."""
    return f"{search.protocol.words()}; tuning seed {search.protocol.tuning_seed}"


def write(
    path: Path,
    search: Search,
    tuned: Mapping[Pair, Tuned],
    libraries: Mapping[str, str],
    before: Sequence[Part] = (),
) -> None:
    """Write the set: every pair that is decided, with how it came about; nothing where none is.

    Args:
        path: of the file.
        search: of the whole suite.
        tuned: what is known of its pairs.
        libraries: library -> version that its trials were made with.
        before: what the file holds of this tuning, of which the pairs stay that are not decided here.

    Raises:
        WriteError: it cannot be written.
    """
    entries: dict[str, dict[str, dict[str, Any]]] = {}
    for (algorithm, environment), one in tuned.items():
        if one.settings is not None:
            # What the suite itself gives wins over its sets, and may be another implementation's own.
            given = search.entries[algorithm].given(environment)
            settings = {name: value for name, value in one.settings.items() if name not in given}
            entries.setdefault(algorithm, {})[environment] = {FOR_STEPS: search.places[environment].steps, **settings}
    if not entries:
        return
    kept = [
        _only(one, {pair for pair, _ in _made_for(one) if pair[1] not in entries.get(pair[0], {})}) for one in before
    ]
    protocol = search.protocol
    runs = counted(protocol.total, "run")
    part = {
        "source": f"bench tune {search.suite.name}",
        "version": _version(),
        "licence": "",
        "tuning_budget": f"{runs}: {protocol.words()}, at the budgets of the suite {search.suite.name}",
        "seeds": _seeds(search),
        "notes": [*_cost(search, tuned), *_made_with(libraries), *_evidence(tuned)],
        "entries": entries,
        "sensitivity": _sensitivity(tuned),
    }
    head = (
        f"{_MADE_BY} {search.suite.name}` from the trials in results/{search.name} and results/{search.name}{AGAIN}.\n"
        "# Scores: 0 is the random policy, 1 the target; none is the search's own, for the best of many is too high.\n"
        f"{_TUNING}{identity(search)}\n"
    )
    publish(path, head + block({"parts": [part, *(said(one) for one in kept if one.entries)]}))


def _cost(search: Search, tuned: Mapping[Pair, Tuned]) -> Iterator[str]:
    steps = sum(
        search.places[place].steps * (one.landscape.scores.size + sum(len(each.scores) for each in one.confirmed))
        for (_, place), one in tuned.items()
    )
    hours = sum(one.core_seconds for one in tuned.values()) / _SECONDS_PER_HOUR
    failed = sum(one.failed for one in tuned.values())
    yield (
        f"The tuning took {steps:,} environment steps and {words.number(hours, 2)} hours of one core; "
        f"{counted(failed, 'run')} failed or made no update, and scored as the random policy."
    )
    yield f"Search space: {next(iter(search.spaces.values())).rule}."


def _made_with(libraries: Mapping[str, str]) -> Iterator[str]:
    if libraries:
        yield f"Made with {', '.join(f'{name} {number}' for name, number in libraries.items())}."


def _evidence(tuned: Mapping[Pair, Tuned]) -> Iterator[str]:
    for (algorithm, environment), one in tuned.items():
        if (kept := one.kept) is None:
            continue
        scores = ", ".join(words.number(score, 2) for score in kept.scores)
        looked = words.number(one.curse, 2)
        told = f"; the best of all by its first run looked {looked} better than its fresh runs were"
        fresh = "" if one.worth is None else f", and by runs without a part in that choice {words.number(one.worth, 2)}"
        yield (
            f"{_evidence_for(algorithm, environment)}{kept.number}"
            f"{' (the defaults)' if kept.number == 0 else ''}, n = {len(kept.scores)} fresh runs ({scores}): on "
            f"average {words.number(kept.mean, 2)}, the highest of {len(one.confirmed)}, hence too high{fresh}{told}."
        )


def _evidence_for(algorithm: str, environment: str) -> str:
    return f"{algorithm} on {environment}: configuration "


def _sensitivity(tuned: Mapping[Pair, Tuned]) -> dict[str, dict[str, dict[str, Any]]]:
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for (algorithm, environment), one in tuned.items():
        if (seen := one.sensitivity) is not None:
            told = {
                name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(seen).items()
            }
            found.setdefault(algorithm, {})[environment] = told
    return found


def _seeds(search: Search) -> str:
    protocol, taken = search.protocol, search.suite.seeds
    searched, confirmed = (_numbers(some) for some in (protocol.first_seeds(taken), protocol.fresh_seeds(taken)))
    return f"tuning seed {protocol.tuning_seed}; searched on {searched}; confirmed on {confirmed}"


def _numbers(seeds: tuple[int, ...]) -> str:
    return ", ".join(map(str, seeds))


def _version() -> str:
    try:
        return version("bench")
    except PackageNotFoundError:
        return "from its source"
