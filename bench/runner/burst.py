"""A trial in, how fast it trains on the device that this process sees out.

Its learner is built as in the trial and trained until it has learned for some seconds. The clock runs from one update
to a later one, so that steps and updates are in it in their true proportion, and neither set-up nor compiling is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bench.catalog import algorithm_of, load
from bench.records import Learner, Speed, Trial
from bench.runner.devices import CPU, available, used_mb
from bench.runner.gauge import require_gpu
from bench.runner.trial import learner_request

SECONDS = 4.0
"""Of learning, at least."""
LONGEST_SECONDS = 180.0
"""Of training, learning or not: to compile for a GPU may take most of a minute."""
_CHANGES = 2
"""So many updates at least lie between the two looks at the clock."""
_BUDGET = 10_000_000
"""Steps, at least: the clock ends it, not the trial's own budget."""
_WARM_UP, _LONGEST_WARM_UP = "learning_starts", 1_000
"""Steps before the first update, which cost nothing that is in doubt."""


def burst(trial: Trial, device: str) -> Speed | None:
    """Train for some seconds and return how fast; None where no two updates are made, or nobody counts them.

    Args:
        trial: what to train.
        device: `cpu`, or whatever this process was shown of a GPU.

    Raises:
        HindranceError: the installed library sees no GPU.
        Exception: whatever the trial itself would raise.
    """
    gpu = None if device == CPU else next(iter(available(environment=os.environ)), None)
    algorithm = algorithm_of(trial)
    if device != CPU:
        require_gpu(algorithm.distributions)
    trial = replace(trial, hyperparameters=_shortened(trial.hyperparameters, algorithm.settings, algorithm.defaults))
    request = learner_request(trial, device if device == CPU else "cuda")
    learner: Learner = load(algorithm.maker)(request)
    watch = Stopwatch(lambda: getattr(learner, "updates", None))
    learner.learn(max(trial.steps, _BUDGET), watch)
    if (speed := watch.speed()) is None:
        return None
    return Speed(speed, None if gpu is None else used_mb(gpu))


def _shortened(
    given: Mapping[str, Any], settings: Mapping[str, str] | None, defaults: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Return the hyperparameters with a short warm-up, where there is one."""
    warm_up = given.get(_WARM_UP, defaults.get(_WARM_UP, 0))
    if _WARM_UP not in (settings or ()) or not isinstance(warm_up, int) or warm_up <= _LONGEST_WARM_UP:
        return given
    return {**given, _WARM_UP: _LONGEST_WARM_UP}


@dataclass(slots=True)
class Stopwatch:
    """Told how many steps were taken, says whether to go on, and afterwards how fast they were."""

    updates: Callable[[], int | None]
    clock: Callable[[], float] = time.perf_counter
    _until: float = field(init=False)
    _first: tuple[int, float] | None = None
    """Steps and time when the first updates were made."""
    _last: tuple[int, float] | None = None
    _seen: int = 0
    _changes: int = -1

    def __post_init__(self) -> None:
        self._until = self.clock() + LONGEST_SECONDS

    def __call__(self, steps: int) -> bool:
        """Take in a number of steps so far; return whether to go on."""
        now = self.clock()
        if (updates := self.updates() or 0) != self._seen:
            self._first = self._first or (steps, now)
            self._last, self._seen = (steps, now), updates
            self._changes += 1
        return not self._enough() and now < self._until

    def _enough(self) -> bool:
        if self._first is None or self._last is None or self._changes < _CHANGES:
            return False
        return self._last[1] - self._first[1] >= SECONDS

    def speed(self) -> float | None:
        """Return steps per second between the first updates and the last; None where these are the same."""
        if self._first is None or self._last is None or self._last[1] <= self._first[1]:
            return None
        return (self._last[0] - self._first[0]) / (self._last[1] - self._first[1])
