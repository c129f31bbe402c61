"""What tuning came to in; a set of hyperparameters with its provenance, as a file beside the suite, out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.files import publish
from bench.hyperparameters import FOR_STEPS
from bench.plain import counted
from bench.report import words
from bench.suite.flow import block
from bench.tune.effort import winners_curse
from bench.tune.outcome import Tuned
from bench.tune.search import AGAIN, Pair, Search
from bench.tune.sensitivity import sensitivity

_MADE_BY = "# Made by `bench tune"
_TUNING = "# Tuning: "
_SECONDS_PER_HOUR = 3600


def file_beside(suite: Path, name: str) -> Path:
    """Return where the tuned set of a suite lies: where the set `tuned` of that suite is looked for."""
    return suite.parent / "tuned" / f"{name}.yaml"


def require_own(path: Path, search: Search, *, force: bool) -> None:
    """Complain where the file holds another tuning, or is somebody's own.

    Raises:
        BenchError: it does, and it is not to be overwritten.
    """
    if force or not path.exists():
        return
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise BenchError(f"{path}: cannot be read: {error.strerror}") from None
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


def write(path: Path, search: Search, tuned: Mapping[Pair, Tuned], libraries: Mapping[str, str]) -> None:
    """Write the set: every pair that is decided, with what is to be known of how it came about.

    Raises:
        WriteError: it cannot be written.
    """
    entries: dict[str, dict[str, dict[str, Any]]] = {}
    for (algorithm, environment), one in tuned.items():
        if one.settings is not None:
            settings = {FOR_STEPS: search.places[environment].steps, **one.settings}
            entries.setdefault(algorithm, {})[environment] = settings
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
    publish(path, head + block({"parts": [part]}))


def _cost(search: Search, tuned: Mapping[Pair, Tuned]) -> Iterator[str]:
    steps = sum(
        search.places[place].steps * (one.landscape.scores.size + sum(len(each.scores) for each in one.confirmed))
        for (_, place), one in tuned.items()
    )
    hours = sum(one.core_seconds for one in tuned.values()) / _SECONDS_PER_HOUR
    failed = sum(one.failed for one in tuned.values())
    yield (
        f"The tuning took {steps:,} environment steps and {words.number(hours, 2)} hours of one core; "
        f"{counted(failed, 'run')} failed and scored as the random policy."
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
        curse = winners_curse(one.landscape)
        told = f"; the best of all looked {words.number(curse, 2)} better than it was" if curse is not None else ""
        yield (
            f"{algorithm} on {environment}: configuration {kept.number}"
            f"{' (the defaults)' if kept.number == 0 else ''}, {words.number(kept.mean, 2)} on average over n = "
            f"{len(kept.scores)} fresh runs ({scores}){told}."
        )


def _sensitivity(tuned: Mapping[Pair, Tuned]) -> dict[str, dict[str, dict[str, Any]]]:
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for (algorithm, environment), one in tuned.items():
        if one.kept is not None:
            seen = asdict(sensitivity(one.landscape, one.kept.mean))
            told = {name: round(value, 4) if isinstance(value, float) else value for name, value in seen.items()}
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
