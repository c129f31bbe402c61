"""An algorithm's settings and a budget in, how many updates come of them out: before a run, and of old records.

An update is what the implementation itself counts as one: an epoch over a rollout (PPO), a rollout (A2C, TRPO), a
gradient step on a minibatch (what learns from a replay memory), a batch of episodes (REINFORCE), a move of the policy
(ARS), an entry of a table. Training stops at the budget: a rollout that is cut there is not learned from (decision 3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.catalog.entries import Algorithm
from bench.limits import is_number

_USUAL: Mapping[str, Any] = {"n_envs": 1, "n_epochs": 1, "train_freq": 1, "gradient_steps": 1, "learning_starts": 0}
"""What those do that do not say."""


def updates(algorithm: Algorithm, settings: Mapping[str, Any], steps: int) -> int | None:
    """Return how many updates a run makes, at most; None where the lengths of episodes decide, or nobody knows.

    Args:
        algorithm: says which settings matter, and what they are where they are not given.
        settings: hyperparameters, in the library's own words.
        steps: the budget, in environment steps.
    """
    given = _given(algorithm, settings)
    if not _understood(given):
        return None
    # Of the vector environment: the last one may go past the budget.
    taken = -(-steps // given["n_envs"])
    if algorithm.rollout:
        return int(taken // given["n_steps"] * given["n_epochs"])
    if not algorithm.replays:
        return None
    if (call := _steps_per_call(given)) is None:
        return 0 if steps <= given["learning_starts"] else None
    # A call learns where the warm-up has been passed at its end.
    learning = max(0, taken // call - given["learning_starts"] // (call * given["n_envs"]))
    done = given["gradient_steps"]
    return int(learning * (done if done >= 0 else call * given["n_envs"]))


def fewest_steps(algorithm: Algorithm, settings: Mapping[str, Any]) -> int:
    """Return the budget that the first update takes, in environment steps; 1 where nothing is known of it."""
    given = _given(algorithm, settings)
    if algorithm.rollout:
        return int(given["n_steps"] * given["n_envs"])
    if not algorithm.replays:
        return 1
    call = (_steps_per_call(given) or 1) * given["n_envs"]
    return int((given["learning_starts"] // call + 1) * call)


def fewest_by_episodes(algorithm: Algorithm, settings: Mapping[str, Any], length: int) -> int | None:
    """Return the budget that the first update takes where it comes after whole episodes; None where it does not.

    Args:
        algorithm: says which settings matter.
        settings: hyperparameters, in the library's own words.
        length: steps that an episode lasts.
    """
    given = _given(algorithm, settings)
    if not _understood(given):
        return None
    if "episodes_per_update" in given:
        rounds = -(-given["episodes_per_update"] // given["n_envs"])
    elif algorithm.replays and _steps_per_call(given) is None:
        often = given["train_freq"][0]
        rounds = (given["learning_starts"] // (often * length) + 1) * often
    else:
        return None
    # A step at which the budget ends completes no batch of episodes.
    return int(rounds * length * given["n_envs"] + 1)


def _given(algorithm: Algorithm, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings with what holds where they do not say; of workers that do not wait each updates alone."""
    alone = {"n_envs": 1} if algorithm.asynchronous else {}
    return {**_USUAL, **algorithm.defaults, **settings, **alone}


def _understood(given: Mapping[str, Any]) -> bool:
    """Return whether the settings are the numbers that they should be: a record may hold anything."""
    counts = [given[name] for name in ("n_envs", "n_steps", "n_epochs", "episodes_per_update") if name in given]
    others = [given["learning_starts"], given["gradient_steps"]]
    often = given["train_freq"]
    counts.append(often[0] if isinstance(often, list | tuple) and often else often)
    return all(map(is_number, [*counts, *others])) and all(count >= 1 for count in counts)


def _steps_per_call(given: Mapping[str, Any]) -> int | None:
    """Return after how many steps of the vector environment a replayed algorithm learns; None: after episodes."""
    often = given["train_freq"]
    if not isinstance(often, list | tuple):
        return int(often)
    # A record tells the library's own unit by its full name.
    return None if "episode" in str(often[-1]) else int(often[0])
