"""A trial in, what will go wrong in it out: its learner is built, takes an update's worth of steps, acts and is saved.

All of it as in the trial itself, but for a bounded number of steps and seconds.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from bench.catalog import algorithm_of, load
from bench.records import Learner, Trial
from bench.runner.trial import evaluation_environment, learner_request

STEPS = 20_000
SECONDS = 5.0
_STEPS_WITHOUT_UPDATES = 500
"""Of training, where a learner does not say whether it has updated anything."""
_ACTIONS = 50


def rehearse(trial: Trial, folder: Path) -> Exception | None:
    """Build, train, act and save for a moment; return why nothing could be saved, which costs a trial its policy alone.

    Args:
        trial: whose learner is built.
        folder: takes what is saved.

    Raises:
        Exception: whatever the trial itself would raise.
    """
    learner: Learner = load(algorithm_of(trial).maker)(learner_request(trial))
    env, _ = evaluation_environment(trial)
    learner.learn(trial.steps, _Moment(learner))
    _act(learner, env, trial)
    learner.settings()
    try:
        learner.save(folder)
    except Exception as error:  # noqa: BLE001 - as a trial does
        return error
    return None


class _Moment:
    """Says when enough is seen: after an update, or after too many steps or seconds without one."""

    def __init__(self, learner: Learner) -> None:
        self._learner = learner
        self._until = time.monotonic() + SECONDS

    def __call__(self, steps: int) -> bool:
        updates = getattr(self._learner, "updates", None)
        enough = steps >= _STEPS_WITHOUT_UPDATES if updates is None else updates > 0
        return not enough and steps < STEPS and time.monotonic() < self._until


def _act(learner: Learner, env: Any, trial: Trial) -> None:
    """Play with the policy as an evaluation does."""
    observation, starts, memory = env.reset(seed=0)[0], True, None
    until = time.monotonic() + SECONDS
    for _ in range(_ACTIONS):
        masks = [env.get_wrapper_attr("action_masks")()] if env.has_wrapper_attr("action_masks") else None
        (action,), memory = learner.act(
            [observation], memory, [starts], deterministic=trial.evaluation.deterministic, masks=masks
        )
        observation, _, terminated, truncated, _ = env.step(action)
        starts = bool(terminated or truncated)
        if starts:
            observation = env.reset()[0]
        if time.monotonic() > until:
            return
