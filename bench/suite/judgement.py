"""A document in, complaints about what its values mean in it: names nobody knows, impossible pairs, double labels.

Works on the plain values, whatever their shape, so that one mistake in the shape does not hide the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import islice
from typing import Any

from bench import catalog, hyperparameters
from bench.catalog import AUTO, BACKENDS, GYMNASIUM, Algorithm, algorithms, did_you_mean, has_settings
from bench.hyperparameters.values import checked
from bench.limits import (
    MOST_CELLS,
    MOST_EPISODES,
    MOST_POINTS,
    MOST_RESAMPLES,
    MOST_SEEDS,
    is_number,
    too_large,
    unreadable,
)
from bench.records import Task
from bench.suite.claims import judge_claims
from bench.suite.document import Document, Place
from bench.suite.sets import Brought, is_beside
from bench.suite.settings import labelled, own_set, setting_of
from bench.suite.shipped import TUNED

_BACKENDS = (GYMNASIUM, *BACKENDS)
_LEAST_APART = 1e-9
"""Returns closer than this differ by rounding."""


def judge(document: Document, brought: Brought) -> None:
    """Add a complaint for everything whose shape may be right and whose meaning is not.

    Args:
        document: of the suite.
        brought: the sets of hyperparameters that the suite brings along.
    """
    entries = _entries(document.value.get("algorithms"))
    given = document.value.get("environments")
    environments = dict(islice(given.items(), MOST_CELLS)) if isinstance(given, dict) else {}
    chosen = _sets(document)
    _judge_sets(document, chosen)
    _judge_choice(document, ("implementation",), document.value.get("implementation"), (*_implementations(), AUTO))
    _judge_choice(document, ("backend",), document.value.get("backend"), _BACKENDS)
    for where, entry in entries.items():
        _judge_algorithm(document, where, entry)
        _judge_per_environment(document, where, entry, environments)
        _judge_own_implementation(document, where, entry)
        _judge_choice(document, (*where, "backend"), entry.get("backend"), _BACKENDS)
        _judge_own_setting(document, where, entry, chosen)
    standing = list(_standing(entries, chosen))
    _judge_labels(document, standing)
    for id_, settings in environments.items():
        _judge_environment(document, id_, settings)
    _judge_size(document, len(standing) * len(environments))
    if document.value.get("skip_incompatible") is not True:
        _judge_pairs(document, standing, environments, brought)
    judge_claims(document, [entry for _, entry in standing], environments)


def _entries(algorithms: Any) -> dict[Place, Mapping[str, Any]]:
    """Return every entry as a mapping; those that are none are left to the schema."""
    if not isinstance(algorithms, list):
        return {}
    # More are refused by the schema, and not judged one by one.
    named = [{"name": entry} if isinstance(entry, str) else entry for entry in algorithms[:MOST_CELLS]]
    return {("algorithms", n): entry for n, entry in enumerate(named) if isinstance(entry, dict)}


def _sets(document: Document) -> list[str]:
    """Return the sets that the suite names for all, whatever else stands there."""
    given = document.value.get("hyperparameters", "default")
    names = [name for name in (given if isinstance(given, list) else [given]) if isinstance(name, str)]
    return names[:MOST_CELLS] or ["default"]


def _judge_sets(document: Document, chosen: Sequence[str]) -> None:
    """Judge the sets that the suite names for all."""
    several = isinstance(document.value.get("hyperparameters"), list)
    first: dict[str, str] = {}
    for place, name in enumerate(chosen):
        where = ("hyperparameters", place) if several else ("hyperparameters",)
        _judge_set(document, where, name)
        setting = setting_of(name, chosen)
        if setting in first:
            document.complain(where, f"two settings are called {setting!r}", "name each set once")
        if setting and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._ -]*", setting):
            document.complain(
                where, f"{setting!r} is no name for a setting", "labels carry it: give the file a plain one"
            )
        first.setdefault(setting, name)


def _judge_own_setting(document: Document, where: Place, entry: Mapping[str, Any], chosen: Sequence[str]) -> None:
    """Judge whether an entry with a set of its own stands in one of the suite's several settings."""
    own = own_set(entry.get("hyperparameters"))
    if len(chosen) > 1 and own and own not in chosen:
        hint = f"name one of {', '.join(chosen)}, or none, and it stands in each"
        document.complain((*where, "hyperparameters"), f"the set {own!r} is none of the suite's settings", hint)


Standing = tuple[Place, Mapping[str, Any]]
"""Where an entry is written, and what it comes to under one setting: its label, its set, the setting's name."""


def _standing(entries: Mapping[Place, Mapping[str, Any]], chosen: Sequence[str]) -> Iterator[Standing]:
    """Yield every entry once per setting that it stands in, in the order that the suite will have."""
    for place, name in enumerate(chosen):
        for where, entry in entries.items():
            own, algorithm = own_set(entry.get("hyperparameters")), entry.get("name")
            if not own and isinstance(algorithm, str) and has_settings(algorithm):
                setting, label = setting_of(name, chosen), entry.get("label") or algorithm
                label = labelled(label, setting, place) if isinstance(label, str) else label
                yield where, {**entry, "label": label, "setting": setting, "set": name}
            elif place == 0:
                yield where, {**entry, "setting": setting_of(own, chosen), "set": own or name}


def _judge_algorithm(document: Document, where: Place, entry: Mapping[str, Any]) -> None:
    name = entry.get("name")
    if not isinstance(name, str):
        return
    known = catalog.algorithms()
    if name not in known:
        hint = did_you_mean(name, known) or "`bench list algorithms` shows all"
        document.complain((*where, "name"), f"algorithm {name!r} is not known", hint)
    given = entry.get("hyperparameters")
    if isinstance(given, dict):
        _judge_set(document, (*where, "hyperparameters", "set"), given.get("set"))
        own = {key: value for key, value in given.items() if key != "set"}
        _judge_overrides(document, (*where, "hyperparameters"), _entry(document, entry), own)
    else:
        _judge_set(document, (*where, "hyperparameters"), given)


def _judge_per_environment(
    document: Document, where: Place, entry: Mapping[str, Any], environments: Mapping[str, Any]
) -> None:
    """Judge hyperparameters that an entry gives for single environments."""
    given = entry.get("per_environment")
    for id_, own in islice(given.items(), MOST_CELLS) if isinstance(given, dict) else ():
        place = (*where, "per_environment", id_)
        if id_ not in environments:
            hint = did_you_mean(id_, environments) or f"it has {', '.join(environments) or 'none'}"
            document.complain(place, f"environment {id_!r} is not in this suite", hint)
        if not isinstance(own, dict) or not isinstance(entry.get("name"), str):
            continue
        if "set" in own:
            document.complain((*place, "set"), "a set is named for all environments", "name it in `hyperparameters`")
        values = {key: value for key, value in own.items() if key != "set"}
        _judge_overrides(document, place, _entry(document, entry), values)


def _judge_set(document: Document, where: Place, name: Any) -> None:
    known, own = (*hyperparameters.sets(), TUNED), document.value.get("sets")
    if name is None:
        return
    if not isinstance(name, str):
        document.complain(where, "wants the name of a hyperparameter set", f"one of {', '.join(known)}")
        return
    if name in known or is_beside(name) or (isinstance(own, dict) and name in own):
        return
    hint = did_you_mean(name, known) or f"one of {', '.join(known)}"
    document.complain(where, f"hyperparameter set {name!r} is not known", hint)


def _judge_own_implementation(document: Document, where: Place, entry: Mapping[str, Any]) -> None:
    """Judge what an entry says of its implementation."""
    known = algorithms().get(entry["name"]) if isinstance(entry.get("name"), str) else None
    if known is None:
        return
    _judge_choice(document, (*where, "implementation"), entry.get("implementation"), (*known.implementations, AUTO))


def _judge_choice(document: Document, where: Place, given: Any, known: Iterable[str]) -> None:
    if isinstance(given, str) and given and given not in known:
        hint = did_you_mean(given, known) or f"one of {', '.join(known)}"
        document.complain(where, f"{where[-1]} {given!r} is not known here", hint)


def _implementations() -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for one in algorithms().values() for name in one.implementations))


def _entry(document: Document, entry: Mapping[str, Any]) -> Algorithm | None:
    """Return the catalogue's entry in the implementation that is asked for, as far as there is one."""
    name = entry.get("name")
    known = algorithms().get(name) if isinstance(name, str) else None
    asked = (entry.get("implementation"), document.value.get("implementation"))
    if known is None or asked[0] == AUTO:
        return known
    named = (known.implementations.get(one) for one in asked if isinstance(one, str))
    return next((one for one in named if one), known)


def _backend(document: Document, entry: Mapping[str, Any]) -> str:
    """Return the backend that the entry, or the suite where the algorithm takes it, asks for; empty: Gymnasium."""
    own, chosen = entry.get("backend"), _entry(document, entry)
    asked = document.value.get("backend") if own is None and chosen else own
    known = BACKENDS if own is not None else chosen.backends if chosen else ()
    return asked if isinstance(asked, str) and asked in known else ""


def _judge_overrides(document: Document, where: Place, known: Algorithm | None, given: Mapping[str, Any]) -> None:
    accepted, algorithm = (known.settings, known.full_name) if known else (None, "")
    for name, value in given.items():
        if accepted is not None and name not in accepted:
            hint = did_you_mean(name, accepted) or f"it takes {', '.join(sorted(accepted)) or 'none'}"
            document.complain((*where, name), f"{algorithm} has no hyperparameter {name!r}", hint)
            continue
        try:
            checked(known.name if known else "", name, value, known.own if known else "")
        except ValueError as error:
            document.complain((*where, name), str(error))


def _judge_labels(document: Document, standing: Iterable[Standing]) -> None:
    first: dict[str, Place] = {}
    for where, entry in standing:
        label = entry.get("label") or entry.get("name")
        if not isinstance(label, str):
            continue
        # Readers, and some file systems, do not tell PPO from ppo.
        seen = label.casefold()
        if seen in first:
            place = (*where, "label" if (*where, "label") in document.lines else "name")
            line = document.line(first[seen])
            document.complain(
                place, f"label {label!r} is taken by line {line}", "give this entry a `label:` of its own"
            )
        first.setdefault(seen, where)


def _judge_environment(document: Document, id_: str, settings: Any) -> None:
    where = ("environments", id_)
    if guess := _meant(id_):
        document.complain(
            where,
            f"environment {id_!r} is not known",
            f"did you mean {guess!r}? one of your own is written `module:{id_}`",
        )
    reference = settings.get("reference") if isinstance(settings, dict) else None
    if isinstance(reference, dict):
        _judge_reference(document, (*where, "reference"), reference)
    points, *_ = _evaluation(document)
    steps = settings.get("steps") if isinstance(settings, dict) else settings
    if is_number(points) and is_number(steps) and 1 <= steps < points <= MOST_POINTS:
        document.complain(where, f"{steps} steps cannot hold {points} evaluation points", "lower `evaluation.points`")


def _evaluation(document: Document) -> tuple[Any, Any, Any]:
    """Return evaluations during training, episodes of each and those after training, whatever stands there."""
    evaluation = document.value.get("evaluation")
    given = evaluation if isinstance(evaluation, dict) else {}
    return given.get("points", 20), given.get("episodes", 10), given.get("final_episodes", 100)


def _judge_size(document: Document, cells: int) -> None:
    counts = _evaluation(document)
    # What is beyond its own limit is the schema's to refuse.
    if all(is_number(one) and 1 <= one <= MOST_EPISODES for one in counts) and (why := unreadable(*map(int, counts))):
        document.complain(("evaluation",), why, "lower `points`, `episodes` or `final_episodes`")
    seeds, analysis = document.value.get("seeds", 10), document.value.get("analysis")
    count = len(seeds) if isinstance(seeds, list) else seeds
    resamples = analysis.get("resamples", 5000) if isinstance(analysis, dict) else 5000
    if not (is_number(count) and 1 <= count <= MOST_SEEDS and is_number(resamples) and resamples <= MOST_RESAMPLES):
        return
    if why := too_large(int(count), cells, int(resamples)):
        document.complain(("analysis", "resamples") if "resamples" in why else ("seeds",), why)


def _judge_reference(document: Document, where: Place, reference: Mapping[str, Any]) -> None:
    low, high = reference.get("random"), reference.get("target")
    if is_number(low) and is_number(high) and not low < high:
        message = f"target {high} must be above random {low}: they are the returns that score 1 and 0"
        document.complain(where, message)
    elif is_number(low) and is_number(high) and high - low < _LEAST_APART:
        document.complain(where, f"target {high} and random {low} are too close to score by: at least {_LEAST_APART:g}")


def _meant(id_: str) -> str | None:
    """Return the environment that a plain slip in `id_` was meant to be; other unknown ids may well exist elsewhere."""
    known = catalog.environments()
    if id_ in known or ":" in id_:
        return None
    name, version = _split(id_)
    for other in known:
        its_name, its_version = _split(other)
        if name == its_name and version in {"", its_version}:
            return other
    guess = catalog.suggest(id_, known)
    # A digit makes another environment (FrozenLake8x8); a single letter is a slip of the key.
    if guess and _split(guess)[1] == version and _few_letters_apart(name, _split(guess)[0]):
        return guess
    return None


def _split(id_: str) -> tuple[str, str]:
    """Return name and version of `Name-v1`, the name without its case and punctuation."""
    found = re.fullmatch(r"(.*?)[-_ ]?v(\d+)", id_, re.IGNORECASE)
    name, version = (found[1], found[2]) if found else (id_, "")
    return re.sub(r"[^a-z0-9/]", "", name.casefold()), version


def _few_letters_apart(one: str, other: str) -> bool:
    alike = sum(block.size for block in SequenceMatcher(None, one, other).get_matching_blocks())
    return re.sub(r"\D", "", one) == re.sub(r"\D", "", other) and max(len(one), len(other)) - alike <= 1


def _judge_pairs(
    document: Document, standing: Iterable[Standing], environments: Mapping[str, Any], brought: Brought
) -> None:
    judged = set()
    for where, entry in standing:
        algorithm = _entry(document, entry)
        for id_, settings in environments.items() if algorithm else ():
            task = task_of(entry, id_, settings, brought)
            if algorithm is None or (where, task.key) in judged:
                continue
            # Under another setting nothing else is said.
            judged.add((where, task.key))
            if reason := catalog.mismatch(algorithm, catalog.catalogued(task)):
                line = document.line(("environments", id_))
                hint = "remove one of them, or set `skip_incompatible: true`"
                document.complain(where, f"{reason} (line {line})", hint)
            elif reason := catalog.unsuited(_backend(document, entry), algorithm, task):
                line = document.line(("environments", id_))
                hint = f"`backend: {GYMNASIUM}`, or `skip_incompatible: true`"
                document.complain(where, f"{reason} (line {line})", hint)


def task_of(entry: Mapping[str, Any], id_: str, settings: Any, brought: Brought) -> Task:
    """Return what an entry trains on in an environment, as far as what is written can be read."""
    given, own = entry.get("hyperparameters"), _own(entry, id_)
    overrides = given if isinstance(given, dict) else {}
    chosen, known = entry["set"], {*hyperparameters.sets(), *brought}
    named = hyperparameters.resolve(chosen, entry["name"], id_, brought)[0] if chosen in known else {}
    kwargs = settings.get("kwargs") if isinstance(settings, dict) else None
    written = {**named, **overrides, **own}
    wrappers, frames = written.get("env_wrapper"), written.get("frame_stack")
    return Task(
        id_,
        kwargs if isinstance(kwargs, dict) else {},
        (str(wrappers),) if wrappers else (),
        frames if isinstance(frames, int) else 1,
    )


def _own(entry: Mapping[str, Any], id_: str) -> Mapping[str, Any]:
    """Return what an entry gives for one environment, whatever else stands there."""
    places = entry.get("per_environment")
    own = places.get(id_) if isinstance(places, dict) else None
    return own if isinstance(own, dict) else {}
