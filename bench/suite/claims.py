"""A document in, complaints about its claims out: who is compared, on what, and whether the suite can measure it.

Like the rest of the judgement it works on the plain values: what has the wrong shape is left to the schema.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench import catalog
from bench.catalog import AUTO, did_you_mean
from bench.limits import MOST_CLAIMS, is_number
from bench.records import DIAGNOSTICS, QUANTITIES
from bench.suite.document import Document, Place

ENDLESS = 1e15
"""More steps than any budget; what lies beyond is left to the schema."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What claims may speak of."""

    algorithms: Mapping[str, str]
    """Label -> name of the algorithm."""
    budgets: Mapping[str, int | None]
    """Environment -> steps; None where the suite gives no sensible number."""
    settings: Mapping[str, str]
    """Label -> the setting that it stands in; empty: in every one."""
    points: int
    """Evaluations during training."""
    gradients: bool
    """Whether the noise of policy gradients is measured."""
    diagnostics: bool
    """Whether what is told of updates is recorded."""
    values: bool
    """Whether predicted values are held against realised returns."""
    tells: Mapping[str, frozenset[str]]
    """Label -> what it tells of its updates, whichever implementation is chosen."""
    changed: frozenset[str]
    """Environments of which the catalogue's entry need not hold, for their arguments or somebody's wrappers."""


Complaint = tuple[Place, str, str]
"""Keys within the claim, what is wrong, and what to do about it."""


def judge_claims(document: Document, entries: Sequence[Mapping[str, Any]], environments: Mapping[str, Any]) -> None:
    """Add a complaint for everything in `claims` whose shape may be right and whose meaning is not.

    Args:
        document: whose `claims` are judged.
        entries: those of `algorithms`, as mappings, once per setting of the suite with the labels that they have there.
        environments: id -> settings.
    """
    claims = document.value.get("claims")
    plan = document.value.get("evaluation")
    asked = plan if isinstance(plan, dict) else {}
    usual = document.value.get("implementation")
    known = _Known(
        _labels(entries),
        _budgets(environments),
        {label: entry.get("setting", "") for entry in entries if isinstance(label := _label(entry), str)},
        _points(plan),
        bool(asked.get("gradient_episodes")),
        bool(asked.get("diagnostics")),
        bool(asked.get("value_episodes")),
        {label: _told(entry, usual) for entry in entries if isinstance(label := _label(entry), str)},
        _changed(entries, environments),
    )
    first: dict[str, Place] = {}
    for number, claim in enumerate(claims[:MOST_CLAIMS] if isinstance(claims, list) else []):
        where = ("claims", number)
        if not isinstance(claim, dict):
            continue
        # What is no word is the schema's to refuse, and no key to look anything up by.
        worded = claim if isinstance(claim.get("quantity"), str) else {**claim, "quantity": ""}
        for keys, message, hint in _complaints(worded, known):
            document.complain((*where, *keys), message, hint)
        _judge_repetition(document, where, claim, first)


def _labels(entries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    named = [(_label(entry), entry.get("name")) for entry in entries]
    return {label: name for label, name in named if isinstance(label, str) and isinstance(name, str)}


def _label(entry: Mapping[str, Any]) -> Any:
    return entry.get("label") or entry.get("name")


def _told(entry: Mapping[str, Any], usual: Any) -> frozenset[str]:
    """Return what an entry's algorithm tells of its updates: everything, of somebody else's that is not known.

    Of whatever learns the runner knows the training episodes, and a setting that measures tells by its own name.
    """
    given, name = entry.get("hyperparameters"), entry.get("name")
    asked = frozenset(DIAGNOSTICS) & frozenset(given if isinstance(given, dict) else ())
    asked |= {"penalised_return"} if "kl_to_start" in asked else set()
    algorithm = catalog.algorithms().get(name) if isinstance(name, str) else None
    if algorithm is None:
        return frozenset(DIAGNOSTICS)
    chosen = entry.get("implementation") or usual
    if chosen == AUTO:
        own = frozenset.intersection(*(one.tells for one in algorithm.implementations.values()))
    else:
        named = algorithm.implementations.get(chosen) if isinstance(chosen, str) else None
        own = (named or algorithm).tells
    return own | asked | {"training_return"}


def _changed(entries: Sequence[Mapping[str, Any]], environments: Mapping[str, Any]) -> frozenset[str]:
    if any(isinstance(given := entry.get("hyperparameters"), dict) and "env_wrapper" in given for entry in entries):
        return frozenset(environments)
    places = [own for entry in entries if isinstance(own := entry.get("per_environment"), dict)]
    wrapped = {id_ for own in places for id_, one in own.items() if isinstance(one, dict) and "env_wrapper" in one}
    made = {
        id_
        for id_, given in environments.items()
        if isinstance(given, dict) and (given.get("kwargs") or given.get("evaluation_kwargs"))
    }
    return frozenset(made | wrapped)


def _budgets(environments: Mapping[str, Any]) -> dict[str, int | None]:
    given = {id_: value.get("steps") if isinstance(value, dict) else value for id_, value in environments.items()}
    return {id_: int(steps) if is_number(steps) and 1 <= steps < ENDLESS else None for id_, steps in given.items()}


def _points(evaluation: Any) -> int:
    points = evaluation.get("points", 20) if isinstance(evaluation, dict) else 20
    return int(points) if is_number(points) and 1 <= points < ENDLESS else 1


def _judge_repetition(document: Document, where: Place, claim: Mapping[str, Any], first: dict[str, Place]) -> None:
    tested = {"direction": "greater", "margin": 0.0, **claim}
    key = repr(sorted((name, value) for name, value in tested.items() if name not in {"claim", "source"}))
    if key in first:
        line = document.line(first[key])
        document.complain(where, f"tests the same as the claim in line {line}", "every claim makes the others harder")
    first.setdefault(key, where)


def _complaints(claim: Mapping[str, Any], known: _Known) -> Iterator[Complaint]:
    yield from _about_sides(claim, known)
    yield from _about_environments(claim, known)
    yield from _about_margin(claim)
    yield from _about_moment(claim, known)
    right = claim.get("right")
    if is_number(right) and abs(right) < ENDLESS:
        yield from _about_number(claim, right, known)


def _about_sides(claim: Mapping[str, Any], known: _Known) -> Iterator[Complaint]:
    left, right, quantity = claim.get("left"), claim.get("right"), claim.get("quantity")
    for key, label in (("left", left), ("right", right)):
        if isinstance(label, str) and label not in known.algorithms:
            hint = did_you_mean(label, known.algorithms) or f"it has {', '.join(known.algorithms) or 'none'}"
            yield (key,), f"no algorithm of this suite is called {label!r}", hint
        elif isinstance(label, str) and (why := _untimed(claim)) and not _learns(known.algorithms[label]):
            yield (key,), f"{label} does not learn: {why}", "name an algorithm that does"
    if _of_gradient(claim):
        yield from _about_gradients(claim, known)
    if quantity in DIAGNOSTICS:
        yield from _about_diagnostics(claim, known)
    yield from _about_settings(claim, known)
    if quantity == "regret":
        yield from _about_regret(claim)
    elif right is None and quantity in QUANTITIES:
        yield (), "key 'right' is missing", "it wants another label, or a number"
    elif isinstance(left, str) and left == right:
        yield ("right",), f"{left!r} is compared with itself", "name another label, or a number"


def _about_gradients(claim: Mapping[str, Any], known: _Known) -> Iterator[Complaint]:
    for key, label in _named_sides(claim, known):
        if not _has_gradient(known.algorithms[label]):
            yield (key,), f"{label} is none whose policy gradient is measured", "name one that is, such as reinforce"
    if not known.gradients:
        hint = "add `evaluation: {gradient_episodes: 200}`"
        yield ("quantity",), f"{claim['quantity']} is measured only where the suite asks for it", hint


def _about_diagnostics(claim: Mapping[str, Any], known: _Known) -> Iterator[Complaint]:
    played = DIAGNOSTICS[claim["quantity"]].played
    for key, label in _named_sides(claim, known):
        told = known.tells[label]
        if claim["quantity"] not in told:
            of_what = "" if played else " of its updates"
            hint = f"as it is implemented it tells {', '.join(sorted(told)) or 'nothing'}"
            yield (key,), f"{label} does not tell {claim['quantity']}{of_what}", hint
    if not (known.values if played else known.diagnostics):
        hint = f"add `evaluation: {{{'value_episodes: 10' if played else 'diagnostics: true'}}}`"
        yield ("quantity",), f"{claim['quantity']} is recorded only where the suite asks for it", hint


def _about_settings(claim: Mapping[str, Any], known: _Known) -> Iterator[Complaint]:
    """Yield that two algorithms under different settings are compared; one algorithm with itself may be."""
    sides = _sides(claim, known)
    names, settings = {known.algorithms[label] for label in sides}, {known.settings[label] for label in sides}
    if len(names) > 1 and len(settings - {""}) > 1:
        told = " and ".join(f"{label} stands in {known.settings[label]}" for label in sides)
        yield ("right",), f"compares two algorithms under different settings: {told}", "name both under one setting"


def _untimed(claim: Mapping[str, Any]) -> str:
    """Return why a policy that does not learn cannot take part; empty where it can."""
    if claim.get("quantity") == "regret":
        return "it is never recommended, so nothing is regretted"
    known = QUANTITIES.get(claim.get("quantity", ""))
    timed = (known is not None and known.clock) or claim.get("seconds") is not None
    return "it spends no time on training" if timed else ""


def _about_regret(claim: Mapping[str, Any]) -> Iterator[Complaint]:
    if claim.get("right") is not None:
        yield ("right",), "regret compares with every other algorithm that learns", "leave `right` out"
    if "direction" in claim:
        yield ("direction",), "regret is always claimed to be below `margin`", "leave `direction` out"


def _about_environments(claim: Mapping[str, Any], known: _Known) -> Iterator[Complaint]:
    named = claim.get("environments")
    seen: set[str] = set()
    for place, id_ in enumerate(named if isinstance(named, list) else []):
        keys = ("environments", place)
        if isinstance(id_, str) and id_ not in known.budgets:
            hint = did_you_mean(id_, known.budgets) or f"it has {', '.join(known.budgets) or 'none'}"
            yield keys, f"environment {id_!r} is not in this suite", hint
        elif isinstance(id_, str) and id_ in seen:
            yield keys, f"environment {id_!r} is named twice", ""
        elif isinstance(id_, str):
            seen.add(id_)
            for label in _sides(claim, known):
                if reason := _mismatch(known.algorithms[label], id_):
                    yield keys, f"{label} does not run there: {reason}", "leave this environment out"
    if named is None and known.budgets and not _meant(claim, known) and len(_sides(claim, known)):
        yield (), f"{' and '.join(_sides(claim, known))} share no environment", ""


def _about_margin(claim: Mapping[str, Any]) -> Iterator[Complaint]:
    margin = claim.get("margin", 0)
    if not is_number(margin):
        return
    if claim.get("direction") == "equivalent" and margin <= 0:
        hint = "no two algorithms are exactly equal: say which difference does not matter"
        yield (("margin",) if "margin" in claim else ()), "an equivalence needs a `margin` above 0", hint
    elif claim.get("quantity") == "regret" and margin < 0:
        yield ("margin",), "a regret is claimed to be below a `margin` of at least 0", ""
    elif (quantity := QUANTITIES.get(str(claim.get("quantity")))) and quantity.logarithmic and margin <= -1:
        yield ("margin",), "a factor of 1 + `margin` must be above 0", ""


def _about_moment(claim: Mapping[str, Any], known: _Known) -> Iterator[Complaint]:
    quantity, steps, seconds = claim.get("quantity", ""), claim.get("steps"), claim.get("seconds")
    if steps is not None and seconds is not None:
        yield ("seconds",), "either `steps` or `seconds` says when the score is read, not both", "make it two claims"
    for key, value in (("steps", steps), ("seconds", seconds)):
        if value is not None and quantity in QUANTITIES and key not in QUANTITIES[quantity].keys:
            yield (key,), f"{quantity} is not read at one moment", f"`{key}` goes with `quantity: score`"
    if quantity != "score" or not is_number(steps) or not 1 <= steps < ENDLESS:
        return
    for id_, budget in _meant(claim, known).items():
        if budget is not None and steps > budget:
            yield ("steps",), f"{steps:,.0f} steps are beyond the budget of {id_} ({budget:,})", ""
        elif budget is not None and steps * known.points < budget:
            soonest = f"{-(-budget // known.points):,} steps"
            yield ("steps",), f"{steps:,.0f} steps are before the first evaluation on {id_} ({soonest})", ""


def _about_number(claim: Mapping[str, Any], number: float, known: _Known) -> Iterator[Complaint]:
    quantity = claim.get("quantity", "")
    takes = QUANTITIES[quantity].numbers if quantity in QUANTITIES else ""
    if takes == "share" and not 0 <= number <= 1:
        yield ("right",), f"{quantity} is a share of the runs, from 0 to 1, never {number:g}", ""
    elif takes == "positive" and number <= 0:
        yield ("right",), f"{quantity} is compared with a number above 0, not {number:g}", ""
    elif quantity == "steps_to_threshold":
        for id_, budget in _meant(claim, known).items():
            if budget is not None and number > budget:
                yield ("right",), f"{number:,.0f} steps are beyond the budget of {id_} ({budget:,})", ""


def _meant(claim: Mapping[str, Any], known: _Known) -> dict[str, int | None]:
    """Return the budgets of the environments that the claim is about: those it names, else all that both sides have."""
    named = claim.get("environments")
    if isinstance(named, list):
        return {id_: known.budgets[id_] for id_ in named if isinstance(id_, str) and id_ in known.budgets}
    names = [known.algorithms[label] for label in _sides(claim, known)]
    return {
        id_: budget
        for id_, budget in known.budgets.items()
        if id_ in known.changed or not any(_mismatch(name, id_) for name in names)
    }


def _sides(claim: Mapping[str, Any], known: _Known) -> list[str]:
    return [label for _, label in _named_sides(claim, known)]


def _named_sides(claim: Mapping[str, Any], known: _Known) -> list[tuple[str, str]]:
    """Return the sides that are labels of the suite, each with its key."""
    sides = (("left", claim.get("left")), ("right", claim.get("right")))
    return [(key, label) for key, label in sides if isinstance(label, str) and label in known.algorithms]


def _mismatch(name: str, id_: str) -> str:
    algorithm, environment = catalog.algorithms().get(name), catalog.environments().get(id_)
    return catalog.mismatch(algorithm, environment) if algorithm and environment else ""


def _of_gradient(claim: Mapping[str, Any]) -> bool:
    known = QUANTITIES.get(claim.get("quantity", ""))
    return known is not None and known.gradient


def _has_gradient(name: str) -> bool:
    algorithm = catalog.algorithms().get(name)
    return algorithm is None or algorithm.gradient


def _learns(name: str) -> bool:
    algorithm = catalog.algorithms().get(name)
    return algorithm is None or algorithm.learns
