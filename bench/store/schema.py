"""Parsed JSON of a trial's folder in, the record or failure that it describes out, or the reason why it is none.

Everything a reader relies on is checked here, once: types, ranges, and that the numbers of a curve are as many as its
evaluation plan says. Settings and other free mappings may hold anything, as deep and as large as every reader can bear.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, product
from typing import Any, Self, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails

from bench import records
from bench.plain import and_more, shortened
from bench.records import FAILURE_KINDS, PROTOCOL
from bench.store.values import (
    Amount,
    Amounts,
    Count,
    Counts,
    Facts,
    Finite,
    FiniteRows,
    Finites,
    Free,
    Knowns,
    Name,
    Numbers,
    Origin,
    Positive,
    WholeRows,
    Wholes,
    Words,
    shown,
)

_WANTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}
_MOST_REASONS = 3


def record(data: Any) -> records.Record:
    """Return the record that the content of a `trial.json` describes.

    Raises:
        ValueError: it describes none; the message is the reason.
    """
    found = checked(Record, data)
    return records.Record(
        trial=found.trial.built(),
        curve=found.curve.built(),
        final=found.final.built(),
        timings=found.timings,
        resources=found.resources,
        provenance=found.provenance,
        attempt=found.attempt,
        settings=found.settings,
        cut_episodes=found.cut_episodes,
        updates=found.updates,
        frames=found.frames,
        gradients=tuple(records.GradientNoise(**dict(one)) for one in found.gradients),
        diagnostics={name: np.array(values, dtype=float) for name, values in found.diagnostics.items()},
        resumed=tuple(records.Resumption(**dict(one)) for one in found.resumed),
    )


def failure(data: Any) -> records.Failure:
    """Return the failure that the content of a `failure.json` describes.

    Raises:
        ValueError: it describes none; the message is the reason.
    """
    found = checked(Failure, data)
    told = {name: shortened(text) for name, text in (("message", found.message), ("traceback", found.traceback))}
    return records.Failure(**{**dict(found), **told, "trial": found.trial.built()})


def mapping(data: Any) -> dict[str, Any]:
    """Return `data`, which must be a mapping of this protocol.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(data, dict):
        raise ValueError(f"wants a mapping, not {shown(data)}")  # noqa: TRY004 - the reason of an unreadable file
    found = data.get("protocol")
    if isinstance(found, bool) or found != PROTOCOL:
        raise ValueError(f"has protocol {shown(found)}, this version reads {PROTOCOL}; use the version that wrote it")
    return data


class Strict(BaseModel):
    """A mapping whose values have the very types that it says; what else it holds is passed over."""

    model_config = ConfigDict(strict=True)


S = TypeVar("S", bound=Strict)


class _Definition(Strict):
    """What a fingerprint is made of: a key that is not known here would change the numbers unseen."""

    @model_validator(mode="before")
    @classmethod
    def _all_known(cls, data: Any) -> Any:
        if isinstance(data, dict) and (unknown := data.keys() - cls.model_fields.keys()):
            raise ValueError(f"has {shown(min(unknown))}, which this version does not know; use the one that wrote it")
        return data


class Evaluation(_Definition):
    """How policies were evaluated."""

    points: Count
    episodes: Count
    final_episodes: Count
    deterministic: bool
    environments: Positive | None = None
    max_episode_steps: Positive | None = None
    gradient_episodes: Positive | None = None
    diagnostics: bool | None = None
    value_episodes: Positive | None = None


class Trial(_Definition):
    """The definition of a trial."""

    label: Name
    algorithm: Name
    environment: Name
    seed: Count
    steps: Positive
    evaluation: Evaluation
    implementation: str
    versions: Words
    hyperparameters: Free = {}
    environment_kwargs: Free = {}
    evaluation_kwargs: Free = {}
    backend: str = ""
    provenance: str = ""
    origin: Origin = {}

    def built(self) -> records.Trial:
        """Return the trial as the other rooms know it."""
        return records.Trial(**{**dict(self), "evaluation": records.EvaluationPlan(**dict(self.evaluation))})


class Curve(Strict):
    """The evaluations during training."""

    steps: Wholes
    seconds: Amounts
    cpu_seconds: Amounts
    returns: FiniteRows
    lengths: WholeRows
    training_returns: Knowns

    def built(self) -> records.Curve:
        """Return the curve as the other rooms know it, NaN for what is not known."""
        floats = ("seconds", "cpu_seconds", "returns", "training_returns")
        return records.Curve(
            steps=np.array(self.steps, dtype=np.int64),
            lengths=np.array(self.lengths, dtype=np.int64),
            **{name: np.array(getattr(self, name), dtype=float) for name in floats},
        )


class Final(Strict):
    """The evaluation after training."""

    steps: Count
    returns: Finites
    lengths: Wholes

    def built(self) -> records.Final:
        """Return the evaluation as the other rooms know it."""
        return records.Final(self.steps, np.array(self.returns, dtype=float), np.array(self.lengths, dtype=np.int64))


class GradientNoise(Strict):
    """How the estimates of a gradient scattered, and around what."""

    batches: Positive
    variance: Amount
    plain_variance: Amount
    squared_bias: Finite
    squared_norm: Finite
    steps: Count


class Resumption(Strict):
    """A trial went on from a checkpoint."""

    steps: Count
    exact: bool


class Record(Strict):
    """The content of a `trial.json`."""

    fingerprint: str
    trial: Trial
    curve: Curve
    final: Final
    timings: Numbers
    resources: Facts
    provenance: Facts
    attempt: Positive
    settings: Free
    cut_episodes: Counts = {}
    updates: Count | None = None
    frames: Count | None = None
    gradients: list[GradientNoise] = []
    diagnostics: dict[Name, Knowns] = {}
    resumed: list[Resumption] = []

    @model_validator(mode="before")
    @classmethod
    def _of_earlier_imports(cls, data: Any) -> Any:
        return _with_origin(data, "resources")

    @model_validator(mode="after")
    def _agree(self) -> Self:
        """Take as many numbers as the evaluation plan says; of an imported run, as many as there are points."""
        curve, final, plan = self.curve, self.final, self.trial.evaluation
        points, episodes, last = plan.points, plan.episodes, plan.final_episodes
        if self.trial.origin:
            points, last = len(curve.steps), len(final.returns)
            episodes = len(curve.returns[0]) if curve.returns else 0
        for name in Curve.model_fields:
            _want(points, f"curve.{name}", getattr(curve, name))
        for name, values in self.diagnostics.items():
            _want(points, f"diagnostics.{name}", values)
        rows: dict[str, Sequence[Sequence[float]]] = {"returns": curve.returns, "lengths": curve.lengths}
        for name, place in product(rows, range(points)):
            _want(episodes, f"curve.{name}.{place}", rows[name][place])
        _want(last, "final.returns", final.returns)
        _want(last, "final.lengths", final.lengths)
        if not final.returns:
            raise ValueError("final.returns: wants at least one episode")
        if any(later < earlier for earlier, later in pairwise(curve.steps)):
            raise ValueError("curve.steps: they decrease")
        return self


class Failure(Strict):
    """The content of a `failure.json`."""

    trial: Trial
    kind: str
    message: str
    traceback: str
    attempt: Positive
    seconds: Amount
    steps: Count
    peak_memory_mb: Amount | None
    provenance: Facts

    @model_validator(mode="before")
    @classmethod
    def _of_earlier_imports(cls, data: Any) -> Any:
        return _with_origin(data, "provenance")

    @model_validator(mode="after")
    def _of_a_known_kind(self) -> Self:
        if self.kind not in FAILURE_KINDS:
            raise ValueError(f"kind: wants one of {', '.join(FAILURE_KINDS)}, not {shown(self.kind)}")
        return self


def _with_origin(data: Any, place: str) -> Any:
    """Return the data with the origin of an imported run in its trial; earlier versions kept it elsewhere."""
    kept, trial = data.get(place), data.get("trial")
    if not isinstance(kept, dict) or not isinstance(trial, dict) or "imported" not in kept:
        return data
    rest = {name: fact for name, fact in kept.items() if name != "imported"}
    return {**data, place: rest, "trial": {"origin": kept["imported"], **trial}}


def _want(count: int, name: str, values: Sequence[object]) -> None:
    if len(values) != count:
        raise ValueError(f"{name}: wants {count:,} values by the evaluation plan, not {len(values):,}")


def checked(shape: type[S], data: Any) -> S:
    """Return `data`, a mapping of this protocol, as `shape` describes it.

    Raises:
        ValueError: it is none; the message is the reason.
    """
    try:
        return shape.model_validate(mapping(data))
    except ValidationError as error:
        told = [_told(details) for details in error.errors(include_url=False)]
        more = and_more(len(told), _MOST_REASONS)
        raise ValueError("; ".join(told[:_MOST_REASONS]) + (more and f", {more}")) from None


def _told(details: ErrorDetails) -> str:
    where, kind = ".".join(map(str, details["loc"])), details["type"]
    if kind == "missing":
        return f"{where} is missing"
    if kind == "value_error":
        reason = str(details["ctx"]["error"])
        return f"{where}: {reason}" if where else reason
    wanted = f"wants {_WANTED[kind]}" if kind in _WANTED else details["msg"][0].lower() + details["msg"][1:]
    return f"{where}: {wanted}, not {shown(details['input'])}"
