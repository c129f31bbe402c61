"""A document in, a checked model of its shape out: which keys there are, and what kind of value each takes."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from bench import records
from bench.catalog import AUTO, GYMNASIUM, algorithms, did_you_mean, has_settings
from bench.hyperparameters.fields import one_of, shown, whole
from bench.hyperparameters.values import checked
from bench.limits import (
    LARGEST,
    LONGEST_LINE,
    LONGEST_MINUTES,
    LONGEST_NAME,
    LONGEST_TEXT,
    MOST_CELLS,
    MOST_CLAIMS,
    MOST_EPISODES,
    MOST_POINTS,
    MOST_RESAMPLES,
    MOST_SEEDS,
    MOST_STEPS,
    is_finite,
)
from bench.plain import plain
from bench.suite.document import Document, Place
from bench.suite.settings import labelled, own_set, setting_of
from bench.suite.sweep import SWEEP

_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
"""Names that Windows keeps for devices, whatever their ending."""

T = TypeVar("T")


def real(above: float = -math.inf, below: float = math.inf, *, or_equal: bool = False) -> BeforeValidator:
    """Take a finite number above `above` and below `below`, or equal to `below` where `or_equal`."""

    def check(value: Any) -> float:
        if not is_finite(value):
            raise ValueError(f"wants a number, not {shown(value)}")
        if not (above < value < below or (or_equal and value == below)):
            limits = [f"above {above:g}"] if above > -math.inf else []
            limits += [f"{'at most' if or_equal else 'below'} {below:,.15g}"] if below < math.inf else []
            raise ValueError(f"must be {' and '.join(limits)}, not {shown(value)}")
        return float(value)

    return BeforeValidator(check)


def not_negative(value: Any) -> float:
    """Take a number from 0 to the largest that is still told apart from its neighbours."""
    if not is_finite(value):
        raise ValueError(f"wants a number, not {shown(value)}")
    if value < 0:
        raise ValueError(f"must be at least 0, not {shown(value)}")
    return measure(value)


def measure(value: Any) -> float:
    """Take a return or a score."""
    if not is_finite(value):
        raise ValueError(f"wants a number, not {shown(value)}")
    if abs(value) > LARGEST:
        raise ValueError(f"must be from {-LARGEST:g} to {LARGEST:g}, not {shown(value)}")
    return float(value)


def _floor(value: Any) -> float | None:
    """Take a score that the random policy has, or that is worse; null for none."""
    if value is not None and measure(value) > 0:
        raise ValueError(f"wants a score of at most 0, which the random policy has, not {shown(value)}")
    return None if value is None else measure(value)


def _seeds(value: Any) -> tuple[int, ...]:
    if isinstance(value, list):
        return _listed_seeds(value)
    if not is_finite(value) or value != int(value):
        raise ValueError(f"wants how many, or a list of seeds like [0, 1, 2], not {shown(value)}")
    if not 1 <= value <= MOST_SEEDS:
        raise ValueError(f"must be from 1 to {MOST_SEEDS:,}, not {shown(value)}")
    return tuple(range(int(value)))


def _listed_seeds(values: list[Any]) -> tuple[int, ...]:
    if not values:
        raise ValueError("the list is empty; it wants at least one seed")
    if len(values) > MOST_SEEDS:
        raise ValueError(f"must be at most {MOST_SEEDS:,} seeds, not {len(values):,}")
    for value in values:
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**32:
            raise ValueError(f"a seed is a whole number from 0 to 2^32 - 1, not {shown(value)}")
    if repeated := [value for value, times in Counter(values).items() if times > 1]:
        raise ValueError(f"seed {min(repeated)} is listed twice: equal seeds give equal runs, not another sample")
    return tuple(values)


def _name(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", value):
        raise ValueError(
            f"wants letters, digits, dots, dashes and underscores (results live under it), not {shown(value)}"
        )
    if len(value) > LONGEST_NAME:
        raise ValueError(f"must have at most {LONGEST_NAME} letters, for it names a folder, not {len(value)}")
    if value.endswith(".") or value.partition(".")[0].casefold() in _RESERVED:
        raise ValueError(f"names no folder on every system: {shown(value)}; choose another")
    return value


def _label(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or plain(value) != value or "@" in value:
        raise ValueError(f"wants a line of text without `@`, not {shown(value)}")
    if value != value.strip():
        raise ValueError(f"wants no blanks at its ends: {shown(value)}")
    return _at_most(LONGEST_NAME)(value)


def _sentence(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or plain(value) != value:
        raise ValueError(f"wants the claim as a line of text, not {shown(value)}")
    return _at_most(LONGEST_LINE)(value)


def _id(value: Any) -> str:
    # Encoded, because it becomes part of a folder's name, which systems count in bytes.
    if not isinstance(value, str) or not value.strip() or plain(value) != value or len(value.encode()) > LONGEST_NAME:
        raise ValueError(f"an environment's id is a line of at most {LONGEST_NAME} bytes, not {shown(value)}")
    return value


def _at_most(letters: int) -> Callable[[T], T]:
    """Return a check that text has no more letters; what is no text is left to others."""

    def check(value: T) -> T:
        if isinstance(value, str) and len(value) > letters:
            raise ValueError(f"must have at most {letters:,} letters, not {len(value):,}")
        return value

    return check


def _label_or_number(value: Any) -> str | float:
    if isinstance(value, str):
        return value
    if not is_finite(value):
        raise ValueError(f"wants a label of the suite, or a number, not {shown(value)}")
    return measure(value)


def _set_names(value: Any) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise ValueError(f"wants the name of a set, or a list of names, not {shown(value)}")
    return tuple(names)


def _set_or_overrides(value: Any) -> Any:
    if isinstance(value, str | dict):
        return value
    raise ValueError(f"wants the name of a set, or a mapping of hyperparameters, not {shown(value)}")


def _if_wanted(value: bool | None) -> bool | None:
    """Return None for false: what nobody wants is not part of a trial's identity."""
    return value or None


def _few_claims(value: Any) -> Any:
    if isinstance(value, list) and len(value) > MOST_CLAIMS:
        raise ValueError(f"wants at most {MOST_CLAIMS:,} claims, not {len(value):,}")
    return value


def _few_places(value: Any) -> Any:
    if isinstance(value, dict) and len(value) > MOST_CELLS:
        raise ValueError(f"wants at most {MOST_CELLS:,} environments, not {len(value):,}")
    return value


def _short_form(key: str, kinds: type | tuple[type, ...]) -> BeforeValidator:
    return BeforeValidator(lambda value: {key: value} if isinstance(value, kinds) else value)


def _nonempty(what: str, most: int = MOST_CELLS) -> BeforeValidator:
    def check(value: Any) -> Any:
        if value is None or value in ([], {}):
            raise ValueError(f"wants at least one {what}")
        if isinstance(value, list | dict) and len(value) > most:
            raise ValueError(f"wants at most {most:,} {what}s, not {len(value):,}")
        return value

    return BeforeValidator(check)


Text = Annotated[str, BeforeValidator(_at_most(LONGEST_TEXT))]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Algorithm(_Strict):
    """One entry of `algorithms`."""

    name: str
    label: Annotated[str, BeforeValidator(_label)] | None = None
    hyperparameters: Annotated[str | dict[str, Any], BeforeValidator(_set_or_overrides)] | None = None
    per_environment: Annotated[dict[str, dict[str, Any]], BeforeValidator(_few_places)] = {}
    implementation: str | None = None
    backend: str | None = None


class Reference(_Strict):
    """The returns that score 0 and 1."""

    random: Annotated[float, BeforeValidator(measure)]
    target: Annotated[float, BeforeValidator(measure)]
    source: Text = ""


class Environment(_Strict):
    """One value of `environments`."""

    steps: Annotated[int, BeforeValidator(whole(1, MOST_STEPS))]
    kwargs: dict[str, Any] = {}
    evaluation_kwargs: dict[str, Any] = {}
    reference: Reference | None = None


class Evaluation(_Strict):
    """How policies are evaluated."""

    points: Annotated[int, BeforeValidator(whole(1, MOST_POINTS))] = 20
    episodes: Annotated[int, BeforeValidator(whole(1, MOST_EPISODES))] = 10
    final_episodes: Annotated[int, BeforeValidator(whole(1, MOST_EPISODES))] = 100
    deterministic: bool = True
    environments: Annotated[int, BeforeValidator(whole(1, MOST_EPISODES))] | None = None
    max_episode_steps: Annotated[int, BeforeValidator(whole(1, MOST_STEPS))] | None = None
    gradient_episodes: Annotated[int, BeforeValidator(whole(1, MOST_EPISODES))] | None = None
    diagnostics: Annotated[bool | None, AfterValidator(_if_wanted)] = None
    value_episodes: Annotated[int, BeforeValidator(whole(1, MOST_EPISODES))] | None = None


class Analysis(_Strict):
    """The analysis as the suite declares it."""

    metric: Annotated[str, BeforeValidator(one_of("final", "auc"))] = "final"
    threshold: Annotated[float, real(0, 1, or_equal=True)] = 0.9
    margin: Annotated[float, real(0, 1)] = 0.05
    failures: Annotated[str, BeforeValidator(one_of("random", "drop"))] = "random"
    confidence: Annotated[float, real(0.5, 0.9999, or_equal=True)] = 0.95
    resamples: Annotated[int, BeforeValidator(whole(100, MOST_RESAMPLES))] = 5000
    conjunction: bool = False
    decide: Annotated[str, BeforeValidator(one_of("score", "mean", "iqm-by-environment"))] = "score"
    resumed: Annotated[str, BeforeValidator(one_of("keep", "drop"))] = "keep"
    floor: Annotated[float | None, BeforeValidator(_floor)] = None


class Claim(_Strict):
    """One entry of `claims`."""

    claim: Annotated[str, BeforeValidator(_sentence)]
    left: str
    right: Annotated[str | float, BeforeValidator(_label_or_number)] | None = None
    quantity: Annotated[str, BeforeValidator(one_of(*records.QUANTITIES))]
    direction: Annotated[str, BeforeValidator(one_of("greater", "less", "equivalent"))] = "greater"
    margin: Annotated[float, BeforeValidator(measure)] = 0.0
    environments: Annotated[list[str], _nonempty("environment")] = []
    steps: Annotated[int, BeforeValidator(whole(1, MOST_STEPS))] | None = None
    seconds: Annotated[float, real(0, LARGEST)] | None = None
    source: Text = ""
    seen: Text = ""


class Limits(_Strict):
    """Hard limits of one trial."""

    timeout_minutes: Annotated[float, real(0, LONGEST_MINUTES, or_equal=True)] | None = None
    memory_gb: Annotated[float, real(0, 1e6, or_equal=True)] | None = None
    stall_minutes: Annotated[float, real(0, LONGEST_MINUTES, or_equal=True)] | None = None
    checkpoint_minutes: Annotated[float, BeforeValidator(not_negative)] | None = None


Share = Annotated[float, BeforeValidator(not_negative), real(below=1, or_equal=True)]


class Sensitivity(_Strict):
    """What a search saw of one algorithm in one environment."""

    configurations: Annotated[int, BeforeValidator(whole(1, MOST_CELLS))]
    near: Share
    low: Share
    high: Share
    never: Share
    spread: Annotated[float, BeforeValidator(not_negative)]
    rank: Annotated[int, BeforeValidator(whole(1, MOST_CELLS))]


class Part(_Strict):
    """One source within a set of hyperparameters."""

    source: Text
    version: Text = ""
    licence: Text = ""
    tuning_budget: Text = "unknown"
    seeds: Text = ""
    notes: list[Text] = []
    tuned: bool = True
    complete: bool = False
    entries: dict[str, dict[str, dict[str, Any]]]
    everywhere: dict[str, dict[str, Any]] = {}
    sensitivity: dict[str, dict[str, Sensitivity]] = {}


class Set(_Strict):
    """A set of hyperparameters that a suite brings along."""

    parts: Annotated[list[Part], _nonempty("part")]


class Description(_Strict):
    """A whole suite file."""

    name: Annotated[str, BeforeValidator(_name)]
    title: Annotated[str, BeforeValidator(_at_most(LONGEST_LINE))] = ""
    question: Text = ""
    answer: Annotated[str, BeforeValidator(one_of("choice", "claims"))] = "choice"
    seeds: Annotated[tuple[int, ...], BeforeValidator(_seeds)] = tuple(range(10))
    evaluation: Evaluation = Evaluation()
    hyperparameters: Annotated[tuple[str, ...], BeforeValidator(_set_names)] = ("default",)
    accept_settings_for_other_budgets: bool = False
    implementation: str = ""
    backend: str = ""
    algorithms: Annotated[list[Annotated[Algorithm, _short_form("name", str)]], _nonempty("algorithm")]
    environments: Annotated[
        dict[Annotated[str, BeforeValidator(_id)], Annotated[Environment, _short_form("steps", (int, float))]],
        _nonempty("environment"),
    ]
    analysis: Analysis = Analysis()
    claims: Annotated[list[Claim], BeforeValidator(_few_claims)] = []
    seen: Text = ""
    skip_incompatible: bool = False
    tensorboard: bool = False
    limits: Limits = Limits()
    chosen: dict[str, dict[str, str]] = {}
    sets: dict[str, dict[str, Any]] = {}


_WANTED = {
    "string_type": "text",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "list_type": "a list",
}


def check(document: Document) -> Description | None:
    """Return the document's description; None, with complaints in the document, where its shape is wrong."""
    return fitted(Description, {"name": Path(document.place).stem, **document.value}, document)


M = TypeVar("M", bound=BaseModel)


def fitted(model: type[M], value: Any, document: Document, above: Place = ()) -> M | None:
    """Return the value of the document that stands at `above` as a model; None, with complaints, where it is none."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        for details in error.errors():
            _complain(document, details, above, model)
        return None


def _complain(document: Document, details: ErrorDetails, above: Place, root: type[BaseModel]) -> None:
    # Pydantic marks what is wrong with a key itself; the key says that already.
    within, kind = tuple(step for step in details["loc"] if step != "[key]"), details["type"]
    where = (*above, *within)
    if kind == "missing":
        return document.complain(where[:-1], f"key {where[-1]!r} is missing")
    if kind == "extra_forbidden":
        known = _fields(root, within[:-1])
        hint = did_you_mean(str(where[-1]), known) or f"known here: {', '.join(known)}"
        return document.complain(where, f"key {where[-1]!r} is not known", hint)
    if kind == "value_error":
        return document.complain(where, str(details["ctx"]["error"]))
    if kind in _WANTED:
        return document.complain(where, f"wants {_WANTED[kind]}, not {shown(details['input'])}")
    return document.complain(where, details["msg"])


def _fields(root: type[BaseModel], where: Place) -> list[str]:
    """Return the keys that are known at a place below a model's own."""
    model: type[BaseModel]
    match where:
        case ():
            model = root
        case ("algorithms", *_):
            return [*Algorithm.model_fields, SWEEP]
        case ("environments", _, "reference"):
            model = Reference
        case ("environments", *_):
            model = Environment
        case ("claims", *_):
            model = Claim
        case ("parts", _, "sensitivity", *_):
            model = Sensitivity
        case ("parts", *_):
            model = Part
        case (section, *_):
            sections: dict[str, type[BaseModel]] = {"evaluation": Evaluation, "analysis": Analysis, "limits": Limits}
            model = sections[str(section)]
    return list(model.model_fields)


def suite(described: Description, document: Document) -> records.Suite:
    """Return the suite as the other rooms know it."""
    algorithms = tuple(_algorithms(described))
    return records.Suite(
        name=described.name,
        title=described.title or described.name,
        question=described.question,
        answer=described.answer,
        seeds=described.seeds,
        algorithms=tuple(one for _, one in algorithms),
        environments=tuple(_environment(id_, entry) for id_, entry in described.environments.items()),
        evaluation=records.EvaluationPlan(**described.evaluation.model_dump()),
        analysis=records.AnalysisPlan(**described.analysis.model_dump()),
        limits=records.Limits(**described.limits.model_dump()),
        skip_incompatible=described.skip_incompatible,
        tensorboard=described.tensorboard,
        claims=tuple(_claim(entry, described.seen) for entry in described.claims),
        seen=described.seen,
        chosen=described.chosen,
        accept_settings_for_other_budgets=described.accept_settings_for_other_budgets,
        path=document.place,
        lines=_dotted((document.as_written(where), line) for where, line in document.lines.items()),
        written={one.label: document.written[entry] if document.written else entry for entry, one in algorithms},
    )


def _algorithms(described: Description) -> Iterator[tuple[int, records.SuiteAlgorithm]]:
    """Yield every entry with its place, once per set of the suite where it stands for several, set by set."""
    chosen = described.hyperparameters
    for place, name in enumerate(chosen):
        for number, entry in enumerate(described.algorithms):
            own = own_set(entry.hyperparameters)
            if not own and has_settings(entry.name):
                setting = setting_of(name, chosen)
                one = _algorithm(entry, described, name, setting)
                yield number, replace(one, label=labelled(one.label, setting, place))
            elif place == 0:
                yield number, _algorithm(entry, described, own or name, setting_of(own, chosen))


def _algorithm(entry: Algorithm, described: Description, set_name: str, setting: str) -> records.SuiteAlgorithm:
    given = entry.hyperparameters if isinstance(entry.hyperparameters, dict) else {}
    overrides = {name: value for name, value in given.items() if name != "set"}
    implementation = entry.implementation or _where_there_is(described.implementation, entry.name)
    return records.SuiteAlgorithm(
        label=entry.label or entry.name,
        algorithm=entry.name,
        hyperparameter_set=set_name,
        hyperparameters=_checked(entry.name, overrides, implementation),
        implementation=implementation,
        backend=_backend(entry, described, implementation),
        per_environment={id_: _checked(entry.name, own, implementation) for id_, own in entry.per_environment.items()},
        setting=setting,
    )


def _checked(algorithm: str, given: Mapping[str, Any], implementation: str) -> dict[str, Any]:
    return {name: checked(algorithm, name, value, implementation) for name, value in given.items()}


def _where_there_is(implementation: str, algorithm: str) -> str:
    """Return the suite's implementation for those algorithms that have it; the others keep their first."""
    # Suites of imported results hold names that the catalogue does not know.
    known = algorithms().get(algorithm)
    return implementation if known and implementation in (AUTO, *known.implementations) else ""


def _backend(entry: Algorithm, described: Description, implementation: str) -> str:
    """Return the entry's backend, else the suite's where the algorithm takes it; empty for Gymnasium."""
    if entry.backend is not None:
        return "" if entry.backend == GYMNASIUM else entry.backend
    known = algorithms().get(entry.name)
    chosen = known and known.implementations.get(implementation, known)
    return described.backend if chosen and described.backend in chosen.backends else ""


def _environment(id_: str, entry: Environment) -> records.SuiteEnvironment:
    reference = records.Reference(**entry.reference.model_dump()) if entry.reference else None
    return records.SuiteEnvironment(id_, entry.steps, entry.kwargs, reference, entry.evaluation_kwargs)


def _claim(entry: Claim, seen: str) -> records.Claim:
    return records.Claim(
        text=entry.claim,
        left=entry.left,
        right=entry.right,
        quantity=entry.quantity,
        direction=entry.direction,
        margin=entry.margin,
        environments=tuple(entry.environments),
        steps=entry.steps,
        seconds=entry.seconds,
        source=entry.source,
        seen=entry.seen or seen,
    )


def _dotted(lines: Iterable[tuple[Place, int]]) -> dict[str, int]:
    return {".".join(str(step) for step in where): line for where, line in lines if where}
