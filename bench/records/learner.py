"""What the runner asks of an algorithm: the seam between the two rooms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bench.records.trial import Trial


@dataclass(frozen=True, slots=True)
class LearnerRequest:
    """Everything from which a maker builds a learner."""

    trial: Trial
    make_environment: Callable[[int], Any]
    """Index of a training environment -> a fresh Gymnasium environment, seeded from that index's training stream."""
    seed: int
    """Seed of the learner's own randomness: initial weights, exploration, minibatches."""
    device: str = "cpu"
    events: Path | None = None
    """Folder for the learning library's own TensorBoard events; None: nobody wants to watch."""
    environment_seed: Callable[[int], int] = int
    """Index of a training environment -> the seed of its stream, for backends that make environments themselves."""


class Actor(Protocol):
    """Whoever chooses actions."""

    def act(
        self,
        observations: Sequence[Any],
        memory: Any,
        starts: Sequence[bool],
        *,
        deterministic: bool,
        masks: Sequence[Any] | None = None,
    ) -> tuple[Sequence[Any], Any]:
        """Return one action per observation and the new memory of a recurrent policy (None elsewhere).

        `observations` are raw, one per evaluation slot; the learner normalises them with its frozen statistics.
        `starts[i]` says that slot i has just been reset. Must leave nothing changed that training depends on.
        """


class Policy(Actor, Protocol):
    """A trained policy, read back from its trial's folder by `load_policy`, a function beside the algorithm's maker."""

    @property
    def observation_space(self) -> Any:
        """Gymnasium space with as many dimensions as one observation has."""


class Learner(Actor, Protocol):
    """An algorithm at work on one trial.

    One that compiles while it trains may have `compile_seconds`, wall seconds so far: they count as no training. One
    that counts its updates has `updates`, how many so far: a run without any is no evidence. One whose gradient's
    estimates are independent from batch to batch may have `gradient_noise(make_environment, episodes)`: it measures
    them as they are now, as a `GradientNoise`, in environments of its own (index -> environment), and leaves training
    as it was. One that tells of its updates has `diagnostics()`: name in DIAGNOSTICS -> mean over the updates since it
    was last asked; it is asked only where the trial's evaluation plan wants them. One with a critic of actions may have
    `value_error(make_environment, episodes)`: name in DIAGNOSTICS -> what its critic's predictions are worth now, in
    environments of its own (index and steps after the time limit -> environment); it leaves training as it was.

    One that `rests` can be stored in the midst of training: its `learn` takes a third argument, `rest()`, and calls it
    whenever all that training goes on from is in the learner, its environments included; read back in another process,
    `resume(events, anew=...)` makes it a learner again (`anew`: its environments must be reset), and `learn` goes on.
    `repeats` says whether it then learns as if it had never been stored, and `reducers`, class -> what pickle
    wants of its objects, what the library's own way of pickling leaves out.
    """

    def learn(self, steps: int, on_step: Callable[[int], bool]) -> None:
        """Train until `steps` environment steps are taken.

        Calls `on_step(steps taken so far)` after every step of the (vector) environment and stops as soon as it
        returns False.
        """

    def recent_training_return(self) -> float | None:
        """Return the mean raw return of the last (at most) 100 training episodes; None before the first."""

    def settings(self) -> Mapping[str, Any]:
        """Return every hyperparameter as it finally is, defaults included, as plain JSON data."""

    def save(self, folder: Path) -> None:
        """Write `policy.zip`, and what else acting takes (normalisation statistics of the same step), into `folder`."""
