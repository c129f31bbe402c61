"""What a trial trains on, and what was found when somebody looked at it before any trial did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.records.traits import Traits
from bench.records.trial import digest

Wrapper = str | Mapping[str, Mapping[str, Any] | None]
"""`module.Class`, or `{module.Class: {keyword: value}}`, as RL Zoo writes `env_wrapper`."""


@dataclass(frozen=True, slots=True)
class Task:
    """An environment as a trial meets it: other arguments or wrappers make other spaces of it."""

    environment: str
    """Gymnasium id, or `module:EnvId` to import `module` first."""
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    wrappers: tuple[Wrapper, ...] = ()
    """Applied in order."""
    frame_stack: int = 1
    """How many observations are stacked."""

    @classmethod
    def of(cls, environment: str, kwargs: Mapping[str, Any], hyperparameters: Mapping[str, Any]) -> Task:
        """Return the task of a trial: `env_wrapper` and `frame_stack` are written among the hyperparameters."""
        given = hyperparameters.get("env_wrapper") or ()
        wrappers = (given,) if isinstance(given, str | Mapping) else tuple(given)
        return cls(environment, kwargs, wrappers, int(hyperparameters.get("frame_stack") or 1))

    @property
    def plain(self) -> bool:
        """Whether this is the environment as it is registered, so that what a catalogue says of it holds."""
        return not self.kwargs and not self.wrappers and self.frame_stack == 1

    @property
    def key(self) -> str:
        """The hash by which an inspection is found again."""
        return digest(asdict(self))


@dataclass(frozen=True, slots=True)
class Inspection:
    """What came of making an environment, resetting it and playing at random in it."""

    traits: Traits | None = None
    """What it is like; None where it cannot even be made."""
    stage: str = "make"
    """How far it came: `make`, `reset` (made, not yet reset and stepped once), `play`, `check` or `done`."""
    complaint: str = ""
    """Why every trial on it fails, in words; empty: none must."""
    failure: str = ""
    """What happened when random actions were played for longer, in words; empty: nothing."""
    slow: bool = False
    """Whether it was ended for taking too long."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Path -> digest of each file of code that was loaded for it."""
