"""What the wing's modules hand each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.records import AnalysisPlan, Card, ClaimVerdict

SUPPORTED, CONTRADICTED, UNDECIDED, WAITING = "supported", "contradicted", "undecided", "not yet run"


@dataclass(frozen=True, slots=True)
class SetAside:
    """A declared claim that was meant to count for what is taught and does not; its suite still declares it."""

    suite: str
    claim: str
    """Its text."""
    why: str
    """In sentences, with when it was set aside."""


@dataclass(frozen=True, slots=True)
class Taught:
    """A claim as it is taught."""

    number: int
    """Its place in the list, from 1."""
    claim: str
    asked: Mapping[str, tuple[str, ...]]
    """Suite -> how the claims of it begin that ask this; empty: all do."""
    waits: str = ""
    """What there must be before it can be asked further."""
    set_aside: tuple[SetAside, ...] = ()
    """Shown with their verdicts, and counted for nothing."""
    terms: str = ""
    """Under which settings it is taught, where it names its own."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What one suite says of one claim."""

    suite: str
    """As `bench run` takes it."""
    lines: tuple[ClaimVerdict, ...]
    """Verdicts on its claims; empty while nothing of it has run."""
    plan: AnalysisPlan
    seconds: float = 0.0
    """Of one core, that what is missing of it takes by estimate."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Label -> the set of hyperparameters that it has, and what the suite gives beside."""
    holding: Mapping[str, str] = field(default_factory=dict)
    """Text of a claim -> in how many re-analyses its verdict holds, `9 of 12`, and which of them turn it round."""
    waiting: int = 0
    """How many of its claims ask this, too, and cannot be judged yet."""
    aside: tuple[ClaimVerdict, ...] = ()
    """Verdicts on those of its claims that are set aside."""
    terms: Mapping[str, str] = field(default_factory=dict)
    """Label -> `settings` in a few words, such as `out of the box`."""
    unreadable: str = ""
    """Why the suite cannot be read; empty where it can."""

    @property
    def judged(self) -> tuple[ClaimVerdict, ...]:
        """Those that there is an interval for."""
        return tuple(line for line in self.lines if line.estimate.low is not None)


@dataclass(frozen=True, slots=True)
class Answer:
    """A claim with all that is known of it."""

    taught: Taught
    asked: tuple[Asked, ...]

    @property
    def lines(self) -> tuple[ClaimVerdict, ...]:
        """Every verdict that stands on data."""
        return tuple(line for one in self.asked for line in one.judged)

    @property
    def aside(self) -> tuple[ClaimVerdict, ...]:
        """Verdicts on what is set aside."""
        return tuple(line for one in self.asked for line in one.aside)

    @property
    def verdict(self) -> str:
        """Of the whole: contradicted if one of its parts is, supported if all that could be judged are."""
        found = {line.verdict for line in self.lines}
        if not found:
            return WAITING
        return CONTRADICTED if CONTRADICTED in found else UNDECIDED if UNDECIDED in found else SUPPORTED

    @property
    def deciding(self) -> tuple[Asked, ClaimVerdict] | None:
        """The first of its parts that came out as the whole, and who asked; None where nothing can be judged."""
        parts = ((asked, line) for asked in self.asked for line in asked.judged)
        return next((part for part in parts if part[1].verdict == self.verdict), None)

    @property
    def terms(self) -> tuple[str, ...]:
        """The settings, in a few words, of all that its parts compare, each once."""
        used = [asked.terms.get(label, "") for asked in self.asked for line in asked.judged for label in line.labels]
        return tuple(dict.fromkeys(self.taught.terms or each for each in used if each))

    @property
    def open(self) -> int:
        """How many declared claims that ask this cannot be judged yet."""
        return sum(one.waiting for one in self.asked)

    @property
    def seconds(self) -> float:
        """Of one core, that everything missing takes by estimate."""
        return sum(one.seconds for one in self.asked)


@dataclass(frozen=True, slots=True)
class Row:
    """An algorithm in the table that lessons end with."""

    algorithm: str
    actions: str
    pros: str
    cons: str
    use: str


@dataclass(frozen=True, slots=True)
class Measured:
    """What one suite has measured of one algorithm."""

    suite: str
    card: Card
