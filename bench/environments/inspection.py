"""A task in, what a trial will find there out: made as a trial makes it, reset, played at random, checked, closed.

The caller runs it in a process of its own: whatever is in there may hang, exit or crash.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils.env_checker import check_env

from bench.environments.making import in_words, make
from bench.environments.probe import Diary, play, traits_of
from bench.errors import BenchError, OutsideError
from bench.records import Inspection, Task, Traits
from bench.sources import loaded_since

_SLOW_SECONDS = 2.0
"""Of random play a step or a reset: beyond, Gymnasium's own check, which resets some ten times, is left out."""


def inspections(task: Task, seed: int, *, steps: int, seconds: float) -> Iterator[Inspection]:
    """Yield what is known so far, each time a stage is over: the last is all there is to know.

    Args:
        task: what a trial trains on.
        seed: of the actions and of the first reset.
        steps: of random play, at most.
        seconds: of random play, at most.
    """
    known, diary = set(sys.modules), Diary()
    try:
        env, totals = make(task.environment, task.kwargs, wrappers=task.wrappers, frame_stack=task.frame_stack)
        traits = traits_of(env, task.environment, diary)
    except BenchError as error:
        named = "" if task.environment in str(error) else f"environment {task.environment!r}: "
        yield Inspection(complaint=f"{named}{error}")
        return
    yield (found := Inspection(traits, "reset"))
    try:
        for _ in play(env, totals, diary, np.random.default_rng(seed), steps=steps, seconds=seconds):
            yield (found := Inspection(traits_of(env, task.environment, diary), "play"))
    except Exception as error:  # noqa: BLE001 - whatever an environment raises, it is told
        # What fails at once fails in every trial, what fails later may not.
        told = _told(error, task.environment, len(diary.rewards))
        complaint, failure = ("", told) if diary.rewards else (told, "")
        yield replace(found, stage="done", complaint=complaint, failure=failure)
        return
    yield (found := replace(found, stage="check"))
    quick = diary.seconds < _SLOW_SECONDS * (len(diary.rewards) + len(diary.ends) + 1)
    made = [env]
    met = _with(found.traits, *_second(task, made, thorough=quick))
    yield (found := replace(found, traits=met, stage="close", files=loaded_since(known)))
    yield replace(found, traits=_with(found.traits, *_closed(made)), stage="done")


def _told(error: Exception, name: str, steps: int) -> str:
    if isinstance(error, BenchError | OutsideError):
        return f"environment {name!r}: {error}"
    return f"environment {name!r} fails after {steps:,} random steps: {in_words(error)}"


def _second(task: Task, made: list[gym.Env[Any, Any]], *, thorough: bool) -> Iterator[str]:
    """Add another instance, as evaluation does beside training; let Gymnasium check it; yield what is wrong."""
    try:
        env, _ = make(task.environment, task.kwargs)
    except BenchError as error:
        yield f"a second instance cannot be made while the first is open: {error}"
        return
    made.append(env)
    # Random actions are wrong where only some are valid.
    if thorough and not env.has_wrapper_attr("action_masks"):
        try:
            check_env(env.unwrapped, skip_render_check=True, skip_close_check=True)
        except Exception as error:  # noqa: BLE001 - see above
            yield f"Gymnasium's check_env says: {in_words(error)}"


def _closed(made: Iterable[gym.Env[Any, Any]]) -> Iterator[str]:
    for env in made:
        try:
            env.close()
        except Exception as error:  # noqa: BLE001 - see above
            yield f"close() fails, which trials survive: {in_words(error)}"
            return


def _with(traits: Traits | None, *troubles: str) -> Traits | None:
    return traits and replace(traits, troubles=(*traits.troubles, *troubles))
