"""A learner's request in, a learner that keeps a table out: one-step control and softmax REINFORCE, in NumPy alone."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from bench.algorithms.discretisation import Row, Rows, rows
from bench.catalog import did_you_mean
from bench.errors import BenchError, DivergedError, StoreError
from bench.hyperparameters.values import CHECKS
from bench.limits import is_finite
from bench.records import LearnerRequest

_BASELINES = ("none", "mean")

_RECENT_EPISODES = 100

_OF_THE_ENVIRONMENT = frozenset({"env_wrapper", "frame_stack"})
"""Hyperparameters that the maker of the environment has already followed."""


@dataclass(frozen=True, slots=True)
class TemporalDifferenceSettings:
    """Hyperparameters of Q-learning, SARSA and expected SARSA."""

    learning_rate: float = 0.1
    """Of the value as a whole: with several tilings each of its parts moves by that much over their number."""
    gamma: float = 0.99
    epsilon: float = 1.0
    """Probability of a uniformly random action at the start of training."""
    epsilon_final: float = 0.05
    """The same from the end of the exploration fraction on; between the two it falls linearly."""
    exploration_fraction: float = 0.5
    """Share of the budget over which epsilon falls."""
    initial_value: float = 0.0
    """What every action is thought to be worth before it is tried; high values are optimistic."""
    discretisation: Mapping[str, Any] | None = None
    """How Box observations are cut: `bins`, `tilings`, `low`, `high` (see `bench.algorithms.discretisation.rows`)."""

    def check(self, name: str) -> None:
        """Complain, in the name of the algorithm, about the first value that cannot be meant.

        Raises:
            BenchError: there is one.
        """
        _require_numbers(self, name, {"learning_rate": (0.0, np.inf), "initial_value": (-np.inf, np.inf)})
        try:
            CHECKS["discretisation"](self.discretisation)
        except ValueError as error:
            raise BenchError(f"{name}: discretisation {error}") from None


@dataclass(frozen=True, slots=True)
class SoftmaxReinforceSettings:
    """Hyperparameters of softmax REINFORCE."""

    learning_rate: float = 0.1
    gamma: float = 0.99
    baseline: str = "mean"
    """`mean`: the mean return from that state over all earlier episodes is subtracted; `none`: nothing is."""
    gamma_power: bool = False
    """Whether step t's update is scaled by gamma^t, as the policy gradient theorem has it and practice leaves out."""

    def check(self, name: str) -> None:
        """Complain, in the name of the algorithm, about the first value that cannot be meant.

        Raises:
            BenchError: there is one.
        """
        _require_numbers(self, name, {"learning_rate": (0.0, np.inf)})
        if self.baseline not in _BASELINES:
            raise BenchError(f"{name}: baseline {self.baseline!r} is not known; one of {', '.join(_BASELINES)}")
        if not isinstance(self.gamma_power, bool):
            raise BenchError(f"{name}: gamma_power must be true or false, not {self.gamma_power!r}")


class _Tabular:
    """What they have in common: one environment, one table, the action from it, the archive."""

    name: str
    rows: Rows
    """Which of the table's an observation stands for."""

    def __init__(
        self, environment: Any, seed: int, discretisation: Mapping[str, Any] | None, initial_value: float = 0.0
    ) -> None:
        self.environment = environment
        self.rows = rows(self.name, environment.observation_space, discretisation)
        self.actions = _discrete(self.name, environment.action_space)
        self.table = np.full((self.rows.count, int(self.actions.n)), initial_value / self.rows.tilings)
        """(rows, actions); what a state has in several rows is summed."""
        # Acting has its own stream: an evaluation must not change the training that follows it.
        self._learning, self._acting = np.random.default_rng(seed).spawn(2)
        self.updates = 0
        """How often the table was changed: after a step, or after an episode (softmax REINFORCE)."""
        self._taken = 0
        """Steps of training so far."""
        self._state: Row | None = None
        """Where the environment stands; None: a new episode is to begin."""
        self._episode_return = 0.0
        self._recent: deque[float] = deque(maxlen=_RECENT_EPISODES)

    rests = repeats = True
    reducers: Mapping[type, Callable[[Any], tuple[Any, ...]]] = {}

    def resume(self, events: Path | None, *, anew: bool) -> None:  # noqa: ARG002 - it tells nobody else of its updates
        """Go on with the next call of `learn`; `anew`: in a new episode, what the broken one would have taught is lost.

        Having been read back, it is otherwise as it was: everything is in its attributes between two steps.
        """
        if anew:
            self._state, self._episode_return = None, 0.0

    @property
    def observation_space(self) -> spaces.Space[Any]:
        """The space of what `act` is shown."""
        space: spaces.Space[Any] = self.environment.observation_space
        return space

    def values(self, state: Row) -> NDArray[np.float64]:
        """Return (actions,) what the table holds of a state."""
        entries: NDArray[np.float64] = self.table[state]
        return entries if entries.ndim == 1 else entries.sum(axis=0)

    def probabilities(self, state: Row) -> NDArray[np.float64]:
        """Return (actions,) the probabilities of the stochastic policy in `state`."""
        raise NotImplementedError

    def act(
        self,
        observations: Sequence[Any],
        memory: Any,
        starts: Sequence[bool],  # noqa: ARG002 - part of the interface; a table has no memory to clear
        *,
        deterministic: bool,
        masks: Sequence[Any] | None = None,  # noqa: ARG002 - part of the interface; training knew no masks either
    ) -> tuple[list[int], Any]:
        """Return one action per observation: the largest entry (of equals, the lowest index) or a sample."""
        states = map(self.rows.of, observations)
        if deterministic:
            chosen = [int(self.values(state).argmax()) for state in states]
        else:
            chosen = [_sample(self.probabilities(state), self._acting) for state in states]
        return [action + int(self.actions.start) for action in chosen], memory

    def recent_training_return(self) -> float | None:
        """Return the mean undiscounted return of the last (at most) 100 training episodes, None before the first."""
        return float(np.mean(self._recent)) if self._recent else None

    def settings(self) -> Mapping[str, Any]:
        """Return every hyperparameter, defaults included."""
        raise NotImplementedError

    def save(self, folder: Path) -> None:
        """Write `policy.zip`: `table.npy`, (rows, actions), and `policy.json`, what made it."""
        with ZipFile(folder / "policy.zip", "w") as archive:
            archive.writestr("policy.json", json.dumps({"kind": self.name, "settings": dict(self.settings())}))
            with archive.open("table.npy", "w") as file:
                np.lib.format.write_array(file, self.table, allow_pickle=False)

    def _reset(self) -> Row:
        observation, _ = self.environment.reset()
        return self.rows.of(observation)

    def _step(self, action: int) -> tuple[Row, float, bool, bool]:
        """Return the next state, the reward, and whether the episode was terminated or truncated."""
        observation, reward, terminated, truncated, _ = self.environment.step(action + int(self.actions.start))
        self._episode_return += float(reward)
        if terminated or truncated:
            self._recent.append(self._episode_return)
            self._episode_return = 0.0
        return self.rows.of(observation), float(reward), bool(terminated), bool(truncated)


class _TemporalDifference(_Tabular):
    """Epsilon-greedy one-step control (Sutton and Barto 2018, sections 6.4 to 6.6), on a table or on tiles.

    The three algorithms differ in one thing: what they take the state to be worth that follows.
    """

    looks_ahead = False
    """Whether the next action is chosen before the update, which needs it."""

    def __init__(self, environment: Any, seed: int, settings: TemporalDifferenceSettings | None = None) -> None:
        """Start with a table filled with the initial value."""
        self._settings = settings or TemporalDifferenceSettings()
        super().__init__(environment, seed, self._settings.discretisation, self._settings.initial_value)
        self.epsilon = self._settings.epsilon
        self._ahead: int | None = None
        """The action that was chosen for where the environment stands, by who must know it before."""

    def worth(self, state: Row, ahead: int | None) -> float:
        """Return what a state is taken to be worth in which the action `ahead` will be taken, where it is chosen."""
        raise NotImplementedError

    def learn(self, steps: int, on_step: Callable[[int], bool], rest: Callable[[], None] = lambda: None) -> None:
        """Take `steps` steps in all and update the table after each; see `bench.records.Learner`.

        Raises:
            DivergedError: an entry of the table stopped being finite.
        """
        while self._taken < steps:
            rest()
            if self._state is None:
                self._state, self._ahead = self._reset(), None
            self.epsilon = self._epsilon_at(self._taken / steps)
            action = self._explore(self._state) if self._ahead is None else self._ahead
            following, reward, terminated, truncated = self._step(action)
            self._ahead = self._explore(following) if self.looks_ahead and not terminated else None
            self.update(self._state, action, reward, following, self._ahead, terminated=terminated)
            self._state = None if terminated or truncated else following
            self._taken += 1
            if not on_step(self._taken):
                return

    def update(
        self, state: Row, action: int, reward: float, following: Row, ahead: int | None = None, *, terminated: bool
    ) -> None:
        """Move the value of one action towards `reward + gamma worth(following)`; after a termination nothing follows.

        A truncated episode still has a future that was merely not watched, so it is bootstrapped like any other step.

        Raises:
            DivergedError: the value is no longer finite.
        """
        future = 0.0 if terminated else self._settings.gamma * self.worth(following, ahead)
        value = float(self.values(state)[action])
        move = self._settings.learning_rate * (reward + future - value)
        if not math.isfinite(value + move):
            raise DivergedError(f"{self.name}: the value of state {state}, action {action} became {value + move}")
        self.table[state, action] += move / self.rows.tilings
        self.updates += 1

    def end_exploration(self, steps: int) -> None:
        """Explore from now on as at the last of `steps` steps of training."""
        self.epsilon = self._epsilon_at((steps - 1) / steps)

    def probabilities(self, state: Row) -> NDArray[np.float64]:
        """Return (actions,) the epsilon-greedy policy at the current epsilon."""
        chances = np.full(int(self.actions.n), self.epsilon / int(self.actions.n))
        chances[self.values(state).argmax()] += 1.0 - self.epsilon
        return chances

    def settings(self) -> Mapping[str, Any]:
        """Return every hyperparameter, defaults included."""
        return asdict(self._settings)

    def _explore(self, state: Row) -> int:
        if self._learning.random() < self.epsilon:
            return int(self._learning.integers(int(self.actions.n)))
        return int(self.values(state).argmax())

    def _epsilon_at(self, share: float) -> float:
        """Return the exploration rate after `share` of the budget."""
        start, end, fraction = self._settings.epsilon, self._settings.epsilon_final, self._settings.exploration_fraction
        return end if share >= fraction else start + (end - start) * share / fraction


class QLearning(_TemporalDifference):
    """Q-learning (Watkins 1989; Sutton and Barto 2018, equation 6.8): towards the best action that follows."""

    name = "q_learning"

    def worth(self, state: Row, ahead: int | None) -> float:  # noqa: ARG002 - whatever will be taken, the best counts
        """Return the value of the best action."""
        return float(self.values(state).max())


class SARSA(_TemporalDifference):
    """SARSA (Rummery and Niranjan 1994; Sutton and Barto 2018, equation 6.7): towards the action that follows.

    Where time cuts an episode, the action is chosen that would have followed, and never taken.
    """

    name = "sarsa"
    looks_ahead = True

    def worth(self, state: Row, ahead: int | None) -> float:
        """Return the value of the action that is taken next."""
        return float(self.values(state)[ahead])


class ExpectedSARSA(_TemporalDifference):
    """Expected SARSA (van Seijen et al. 2009; Sutton and Barto 2018, equation 6.9): towards the policy's mean."""

    name = "expected_sarsa"

    def worth(self, state: Row, ahead: int | None) -> float:  # noqa: ARG002 - it counts as often as it is chosen
        """Return the mean value of the actions, each as often as the epsilon-greedy policy takes it."""
        return float(self.probabilities(state) @ self.values(state))


class SoftmaxReinforce(_Tabular):
    """REINFORCE on a table of action preferences (Williams 1992; Sutton and Barto 2018, sections 2.8 and 13.3).

    The whole episode is one gradient step, taken at the preferences that acted in it. The return of a truncated
    episode lacks what would have followed: there is no value estimate that could stand in for it.
    """

    name = "softmax_reinforce"

    def __init__(self, environment: Any, seed: int, settings: SoftmaxReinforceSettings | None = None) -> None:
        """Start with equal preferences."""
        super().__init__(environment, seed, None)
        self._settings = settings or SoftmaxReinforceSettings()
        self._return_sums = np.zeros(self.rows.count)
        self._visits = np.zeros(self.rows.count)
        self._episode: list[tuple[Row, int, float]] = []
        """(state, action, reward) of the steps of the running episode."""

    def learn(self, steps: int, on_step: Callable[[int], bool], rest: Callable[[], None] = lambda: None) -> None:
        """Take `steps` steps in all and update the table after each whole episode; an unfinished last one is discarded.

        See `bench.records.Learner`.

        Raises:
            DivergedError: an entry of the table stopped being finite.
        """
        while self._taken < steps:
            rest()
            if self._state is None:
                self._state, self._episode = self._reset(), []
            action = _sample(self.probabilities(self._state), self._learning)
            following, reward, terminated, truncated = self._step(action)
            self._episode.append((self._state, action, reward))
            self._state = None if terminated or truncated else following
            if self._state is None:
                self.update(self._episode)
            self._taken += 1
            if not on_step(self._taken):
                return

    def update(self, episode: Sequence[tuple[Row, int, float]]) -> None:
        """Add learning rate x (return - baseline) x gradient of log pi for every step (state, action, reward).

        Raises:
            DivergedError: an entry of the table is no longer finite.
        """
        states = np.array([state for state, _, _ in episode])
        actions = np.array([action for _, action, _ in episode])
        returns = _discounted([reward for _, _, reward in episode], self._settings.gamma)
        gradients = -softmax(self.table[states])
        gradients[np.arange(len(episode)), actions] += 1.0
        weights = self._settings.learning_rate * (returns - self._baseline(states))
        if self._settings.gamma_power:
            weights *= self._settings.gamma ** np.arange(len(episode))
        np.add.at(self.table, states, weights[:, None] * gradients)
        self.updates += 1
        np.add.at(self._return_sums, states, returns)
        np.add.at(self._visits, states, 1.0)
        if not np.isfinite(self.table).all():
            raise DivergedError("softmax_reinforce: a preference is no longer finite")

    def probabilities(self, state: Row) -> NDArray[np.float64]:
        """Return (actions,) the softmax of the state's preferences."""
        return softmax(self.table[state])

    def settings(self) -> Mapping[str, Any]:
        """Return every hyperparameter, defaults included."""
        return asdict(self._settings)

    def _baseline(self, states: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return (steps,) the mean return from each state over earlier episodes, 0 where it is new."""
        if self._settings.baseline == "none":
            return np.zeros(len(states))
        # Only earlier episodes: a baseline that knew this episode's actions would bias the gradient.
        return self._return_sums[states] / np.maximum(self._visits[states], 1.0)


def softmax(preferences: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the softmax over the last axis; the largest preference is subtracted first, so nothing overflows."""
    powers = np.exp(preferences - preferences.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def make(request: LearnerRequest) -> Tabular:
    """Build the learner that `request` names.

    Raises:
        BenchError: a hyperparameter is unknown or out of range, or the environment's spaces fit no table.
    """
    name = request.trial.algorithm
    settings = _settings(name, request.trial.hyperparameters)
    return _KINDS[name](request.make_environment(0), request.seed, settings)


def load_policy(request: LearnerRequest, folder: Path) -> Tabular:
    """Read back the table that `save` has written; nothing in it is code.

    Raises:
        StoreError: the table is not that of the environment's observations and actions.
    """
    learner = make(request)
    learner.environment.close()
    with ZipFile(folder / "policy.zip") as archive, archive.open("table.npy") as file:
        table = np.lib.format.read_array(file, allow_pickle=False)
    if table.shape != learner.table.shape:
        raise StoreError(
            f"{folder / 'policy.zip'}: its table has {table.shape} entries, "
            f"{request.trial.environment} wants {learner.table.shape}"
        )
    learner.table = table
    if isinstance(learner, _TemporalDifference):
        learner.end_exploration(request.trial.steps)
    return learner


Tabular = QLearning | SARSA | ExpectedSARSA | SoftmaxReinforce
_Settings = TemporalDifferenceSettings | SoftmaxReinforceSettings
_KINDS: Mapping[str, Callable[..., Tabular]] = {
    kind.name: kind for kind in (QLearning, SARSA, ExpectedSARSA, SoftmaxReinforce)
}


def _settings(name: str, given: Mapping[str, Any]) -> _Settings:
    kind = SoftmaxReinforceSettings if name == SoftmaxReinforce.name else TemporalDifferenceSettings
    known = [field.name for field in fields(kind)]
    own = {key: value for key, value in given.items() if key not in _OF_THE_ENVIRONMENT}
    for key in own:
        if key not in known:
            hint = did_you_mean(key, known) or f"one of {', '.join(known)}"
            raise BenchError(f"{name}: hyperparameter {key!r} is not known; {hint}")
    settings = kind(**own)
    settings.check(name)
    return settings


def _require_numbers(settings: _Settings, name: str, ranges: Mapping[str, tuple[float, float]]) -> None:
    """Complain about the first number that is none or lies outside its range (0 to 1 where `ranges` has none)."""
    for field in fields(settings):
        value = getattr(settings, field.name)
        if field.type != "float":
            continue
        low, high = ranges.get(field.name, (0.0, 1.0))
        if not is_finite(value) or not low <= value <= high:
            raise BenchError(f"{name}: {field.name} must be a number from {low:g} to {high:g}, not {value!r}")


def _discrete(name: str, space: spaces.Space[Any]) -> spaces.Discrete:
    if not isinstance(space, spaces.Discrete):
        raise BenchError(f"{name}: needs Discrete actions for its table, not {space}; choose another algorithm")
    return space


def _discounted(rewards: Sequence[float], gamma: float) -> NDArray[np.float64]:
    """Return (steps,) the discounted return from each step on."""
    returns, following = np.empty(len(rewards)), 0.0
    for step in reversed(range(len(rewards))):
        following = rewards[step] + gamma * following
        returns[step] = following
    return returns


def _sample(probabilities: NDArray[np.float64], random: np.random.Generator) -> int:
    """Return an index drawn by inverting the distribution function; the bound catches a sum just under 1."""
    index = int(np.searchsorted(probabilities.cumsum(), random.random(), side="right"))
    return min(index, len(probabilities) - 1)
