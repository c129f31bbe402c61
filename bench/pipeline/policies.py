"""A trial's folder in, its trained policy out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

import gymnasium
import numpy as np

from bench.catalog import algorithm_of, load
from bench.errors import BenchError, CatalogError, StoreError
from bench.records import Failure, Policy, Record, Trial, Unreadable
from bench.runner.trial import evaluation_environment, learner_request
from bench.store import read

POLICY = "policy.zip"
NOT_KEPT = "results that are published or copied hold none, as weights stay on the machine that trained them"


@dataclass(frozen=True, slots=True, eq=False)
class TrainedPolicy:
    """The policy that a trial ended with, for observations as the trial's environment gives them."""

    record: Record
    policy: Policy

    @property
    def trial(self) -> Trial:
        """What was trained: algorithm, environment with its keywords, wrappers and frame stack among the settings."""
        return self.record.trial

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
        action_masks: Any = None,
    ) -> tuple[Any, Any]:
        """Return the action and the next state, as stable-baselines3's `predict` does, normalisation included.

        Args:
            observation: one, or a batch of them along the first axis.
            state: what the last call returned; recurrent policies remember by it.
            episode_start: whether this is the first observation of an episode (of a batch: for each).
            deterministic: the policy's mode, or a sample from it.
            action_masks: which actions are valid (of a batch: for each), for algorithms that know masks.
        """
        batched = _is_batch(observation, self.policy.observation_space)
        observations = _rows(observation) if batched else [observation]
        starts = _listed(episode_start, len(observations))
        masks = None if action_masks is None else list(action_masks) if batched else [action_masks]
        actions, memory = self.policy.act(observations, state, starts, deterministic=deterministic, masks=masks)
        if not batched:
            return actions[0], memory
        return np.stack(list(actions)), memory

    def make_environment(self, render_mode: str | None = None) -> gymnasium.Env[Any, Any]:
        """Return a fresh environment as the trial was evaluated on it, wrappers and frame stack included."""
        more = {} if render_mode is None else {"render_mode": render_mode}
        environment: gymnasium.Env[Any, Any] = evaluation_environment(self.trial, **more)[0]
        return environment


def load_policy(folder: str | Path) -> TrainedPolicy:
    """Return the trained policy in a trial's folder, ready to act: normalisation, masks and memory as in training.

    Policies of deep algorithms are pickles, and unpickling can run code: load only what you or people you trust have
    trained. Nothing outside `folder` is read.

    Args:
        folder: of one finished trial, such as results/quick/trials/ppo--CartPole-v1--seed-0--0123456789ab.

    Raises:
        BenchError: no finished trial lies there, it has no policy, or the policy cannot be read.
    """
    place = Path(folder)
    record = read(place.resolve())
    if not isinstance(record, Record):
        raise BenchError(f"{place}: {_why_no_policy(place, record)}")
    if not (place / POLICY).is_file():
        raise StoreError(f"{place}: holds no {POLICY}: {NOT_KEPT}; {train_again(place, record.trial)}")
    return TrainedPolicy(record, _read(record.trial, place))


def train_again(folder: Path, trial: Trial) -> str:
    """Return the command that gives a finished trial its policy back, in words."""
    suite = folder.resolve().parent.parent / "suite.yaml"
    named = quote(str(folder.parent.parent / suite.name)) if suite.is_file() else "SUITE"
    cell = quote(f"{trial.label}@{trial.environment}")
    return f"train it again elsewhere: bench run {named} --only {cell} --results again"


def _why_no_policy(folder: Path, outcome: Failure | Unreadable | None) -> str:
    if isinstance(outcome, Unreadable):
        return f"its record cannot be read: {outcome}"
    if isinstance(outcome, Failure):
        return f"this trial failed ({outcome.kind}), and a failed trial has no policy"
    if (folder / "trials").is_dir():
        return "this is the folder of a whole suite; name a trial's folder within its trials"
    return "there is no finished trial"


def _read(trial: Trial, folder: Path) -> Policy:
    module = algorithm_of(trial).maker.partition(":")[0]
    try:
        read_back = load(f"{module}:load_policy")
    except CatalogError as error:
        raise BenchError(
            f"{folder}: {trial.algorithm} cannot be read back: {module} has no `load_policy(request, folder)` beside "
            "its maker"
        ) from error
    try:
        policy: Policy = read_back(learner_request(trial), folder)
    except StoreError as error:
        raise StoreError(f"{error}; {train_again(folder, trial)}") from error
    except BenchError:
        raise
    except Exception as error:
        # Whatever a damaged archive, or a class that is not installed here, raises while it is unpickled.
        raise StoreError(
            f"{folder}: the policy cannot be read: {type(error).__name__}: {error}; {train_again(folder, trial)}"
        ) from error
    return policy


def _is_batch(observation: Any, space: Any) -> bool:
    """Return whether there is one more axis than one observation has."""
    if isinstance(observation, dict):
        return any(_is_batch(value, space[key]) for key, value in observation.items())
    return np.ndim(observation) > len(space.shape or ())


def _rows(batch: Any) -> list[Any]:
    if not isinstance(batch, dict):
        return list(batch)
    count = len(next(iter(batch.values())))
    return [{key: values[row] for key, values in batch.items()} for row in range(count)]


def _listed(value: Any, count: int) -> Sequence[bool]:
    if value is None:
        return [False] * count
    return [bool(one) for one in np.broadcast_to(np.asarray(value).ravel(), count)]
