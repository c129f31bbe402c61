"""The records of the catalogue: what is known of an algorithm and of an environment before either is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from bench.records import Reference

ACTION_KINDS = frozenset({"discrete", "continuous", "multi-discrete", "multi-binary"})
OBSERVATION_KINDS = frozenset({"vector", "discrete", "image", "dict", "composite"})


BUFFER_SIZE = 1_000_000
"""Steps that a replay memory keeps where nothing else is said (stable-baselines3's)."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds on one core, for the first estimate of an algorithm's cost; measured records replace it."""

    act: float
    """Per step of the (vector) environment."""
    update: float
    """Per gradient step on a batch of `rows` through hidden layers of `widths` units."""
    updates: Callable[[Mapping[str, Any]], float] = lambda _: 0.0
    """Gradient steps per environment step, from the settings over the algorithm's defaults."""
    policy_mb: float = 0.2
    """Megabytes of a stored policy."""
    rows: int = 64
    widths: tuple[int, ...] = (64, 64)
    networks: float = 1.0
    """How many times the arithmetic of one network, its target and its gradient an update takes."""

    def update_under(self, settings: Mapping[str, Any]) -> float:
        """Return the seconds of a gradient step on the batches and through the layers that the settings ask for."""
        asked = _arithmetic(settings.get("batch_size", self.rows), _hidden(settings) or self.widths)
        beyond = self.networks * (asked - _arithmetic(self.rows, self.widths))
        # What is not arithmetic stays: calls, sampling, copies.
        return max(self.update + beyond, self.update / 5) if self.update else 0.0


# Fitted to DQN's compiled update, 0.2 to 3.5 ms on one core of a 2020s server: 64 to 512 rows, 64 to 2 x 256 units.
_SECONDS_PER_WEIGHT = 6e-9
_SECONDS_PER_ROW_AND_WEIGHT = 0.09e-9
_ENDS = 8
"""Inputs and outputs of a network, about."""


def _arithmetic(rows: int, widths: Sequence[int]) -> float:
    """Return the seconds that an update's products and the optimiser's pass over the weights take, of one network."""
    weights = sum(one * other for one, other in pairwise((_ENDS, *widths, _ENDS)))
    return weights * (_SECONDS_PER_WEIGHT + rows * _SECONDS_PER_ROW_AND_WEIGHT)


def _hidden(settings: Mapping[str, Any]) -> tuple[int, ...] | None:
    """Return the hidden layers that are asked for, of several networks the widest; None where nothing is said."""
    policy = settings.get("policy_kwargs")
    layers = policy.get("net_arch") if isinstance(policy, Mapping) else None
    found = [one for one in (layers.values() if isinstance(layers, Mapping) else [layers]) if isinstance(one, list)]
    sized = [tuple(one) for one in found if all(isinstance(width, int) for width in one)]
    return max(sized, key=lambda one: _arithmetic(1, one), default=None)


@dataclass(frozen=True, slots=True)
class Algorithm:
    """A learning algorithm the harness can run."""

    name: str
    title: str
    implementation: str
    """The class, `module:attribute`: implementation is part of identity."""
    maker: str
    """Function that builds a learner, `module:attribute`."""
    actions: frozenset[str]
    observations: frozenset[str]
    distributions: tuple[str, ...]
    """Installed packages whose version can change the numbers."""
    on_policy: bool
    summary: str
    needs_masks: bool = False
    """Whether the environment must offer `action_masks()`."""
    needs: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Kind of observations -> the hyperparameter without which it cannot read them."""
    revision: int = 1
    """Raised when an implementation of our own changes its numbers."""
    learns: bool = True
    variant_of: str = ""
    """Algorithm from which it differs in one thing: it is there to be compared with it, and not advised by itself."""
    settings: Mapping[str, str] | None = field(default=None, hash=False)
    """The hyperparameters it accepts, each with the kind of its value; None: not known, as of most plug-ins."""
    defaults: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """The constructor's own values of what cost and rollouts depend on, for settings that do not say."""
    speed: Speed | None = field(default=None, hash=False)
    own: str = "own"
    """What this implementation is called where there are others: `sb3` of what stable-baselines3's libraries have."""
    others: Mapping[str, Algorithm] = field(default_factory=dict, hash=False)
    """The same algorithm as others implement it, by the name that a suite's `implementation` takes: another entry each,
    of the same name, with what that implementation takes and can."""
    extra: str = ""
    """The optional dependency without which it does not run."""
    backends: frozenset[str] = frozenset()
    """What else than Gymnasium it can be trained on, by name."""
    wants_copies: bool = True
    """Whether it keeps the observations and infos of a step, and so must be handed copies of what the environments may
    write over; where not, they are stepped with less ado."""
    gradient: bool = False
    """Whether the noise of its policy gradient can be measured (a suite's `evaluation: {gradient_episodes: ...}`)."""
    asynchronous: bool = False
    """Whether its training environments are workers that do not wait for each other: an update is one worker's, and the
    same seed gives other numbers in every training."""
    tells: frozenset[str] = frozenset()
    """What it always tells of itself along the training, as of `bench.records.DIAGNOSTICS`, where it is asked."""
    compiles: bool = False
    """Whether a process that has trained one seed is quicker with the next, because much is compiled; it must keep
    nothing from one learner to the next that could change a number."""

    @property
    def implementations(self) -> Mapping[str, Algorithm]:
        """Return this entry and the others by name."""
        return {self.own: self, **self.others}

    @property
    def full_name(self) -> str:
        """Return the name, with the implementation where it is not the first."""
        return self.name if not self.extra else f"{self.name} ({self.own})"

    @property
    def identity(self) -> str:
        """The implementation as it enters a fingerprint."""
        return self.implementation if self.revision == 1 else f"{self.implementation}@{self.revision}"

    @property
    def tensors(self) -> bool:
        """Whether it computes with a library that can use a GPU; tabular methods and the random policy do not."""
        return not {"torch", "jax"}.isdisjoint(self.distributions)

    @property
    def rollout(self) -> int | None:
        """Steps of one environment between updates where the settings do not say; None: not of fixed length."""
        return self.defaults.get("n_steps") if self.on_policy else None

    @property
    def replays(self) -> bool:
        """Whether it learns from a buffer that is filled first."""
        return "buffer_size" in (self.settings or ())


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment with what must be known of it before it is made."""

    id: str
    actions: str
    """One of ACTION_KINDS; empty: not known."""
    observations: str
    """One of OBSERVATION_KINDS (`composite`: a tuple, a nested dictionary, text, ...); empty: not known."""
    horizon: int | None
    """Steps after which an episode is over at the latest; None: it may go on for ever."""
    reference: Reference | None
    distributions: tuple[str, ...] = ("gymnasium",)
    summary: str = ""
    lasts: str = ""
    """When episodes last to the horizon: `always`, whatever is done; `at random`, nearly always under random actions,
    which is how training begins; empty: neither is known."""
    masks: bool = False
    """Whether it offers `action_masks()`."""
    module: str = ""
    """Module to import so that the id is registered."""
    steps_per_second: float = 10_000.0
    """Order of magnitude of plain stepping on one core, for the first cost estimate."""
    ceiling: float | None = None
    """The largest return that an episode can have by the environment's rules; None: not known."""
    floor: float | None = None
    """The smallest, for actions of the action space; None: not known."""
    extra: str = ""
    """The optional dependency without which it cannot be made."""
    observation_bytes: int = 400
    """Of one observation as a replay memory keeps it, for the first estimate of a trial's memory."""
    apart: str = ""
    """What it was made to show, where results on it speak for no other environment, in words; empty: they may."""
