"""A learner's request in, a learner that keeps a table out: Q-learning and softmax REINFORCE, in NumPy alone."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar
from zipfile import ZipFile

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from bench.catalog import did_you_mean
from bench.errors import BenchError, DivergedError, StoreError
from bench.limits import is_finite
from bench.records import LearnerRequest

_BASELINES = ("none", "mean")

_RECENT_EPISODES = 100

_OF_THE_ENVIRONMENT = frozenset({"env_wrapper", "frame_stack"})
"""Hyperparameters that the maker of the environment has already followed."""


@dataclass(frozen=True, slots=True)
class QLearningSettings:
    """Hyperparameters of Q-learning."""

    learning_rate: float = 0.1
    gamma: float = 0.99
    epsilon: float = 1.0
    """Probability of a uniformly random action at the start of training."""
    epsilon_final: float = 0.05
    """The same from the end of the exploration fraction on; between the two it falls linearly."""
    exploration_fraction: float = 0.5
    """Share of the budget over which epsilon falls."""
    initial_value: float = 0.0
    """What every action is thought to be worth before it is tried; high values are optimistic."""

    def __post_init__(self) -> None:
        _require_numbers(self, "q_learning", {"learning_rate": (0.0, np.inf), "initial_value": (-np.inf, np.inf)})


@dataclass(frozen=True, slots=True)
class SoftmaxReinforceSettings:
    """Hyperparameters of softmax REINFORCE."""

    learning_rate: float = 0.1
    gamma: float = 0.99
    baseline: str = "mean"
    """`mean`: the mean return from that state over all earlier episodes is subtracted; `none`: nothing is."""
    gamma_power: bool = False
    """Whether step t's update is scaled by gamma^t, as the policy gradient theorem has it and practice leaves out."""

    def __post_init__(self) -> None:
        _require_numbers(self, "softmax_reinforce", {"learning_rate": (0.0, np.inf)})
        if self.baseline not in _BASELINES:
            raise BenchError(
                f"softmax_reinforce: baseline {self.baseline!r} is not known; one of {', '.join(_BASELINES)}"
            )
        if not isinstance(self.gamma_power, bool):
            raise BenchError(f"softmax_reinforce: gamma_power must be true or false, not {self.gamma_power!r}")


class _Tabular:
    """What the two have in common: one environment, one table, the action from it, the archive."""

    name: str
    table: NDArray[np.float64]
    """(states, actions)."""

    def __init__(self, environment: Any, seed: int) -> None:
        self.environment = environment
        self.states = _discrete(self.name, "observations", environment.observation_space)
        self.actions = _discrete(self.name, "actions", environment.action_space)
        # Acting has its own stream: an evaluation must not change the training that follows it.
        self._learning, self._acting = np.random.default_rng(seed).spawn(2)
        self.updates = 0
        """How often the table was changed: after a step (Q-learning), or after an episode."""
        self._episode_return = 0.0
        self._recent: deque[float] = deque(maxlen=_RECENT_EPISODES)

    @property
    def observation_space(self) -> spaces.Discrete:
        """The states."""
        return self.states

    def probabilities(self, state: int) -> NDArray[np.float64]:
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
        states = [int(observation) - int(self.states.start) for observation in observations]
        if deterministic:
            chosen = [int(self.table[state].argmax()) for state in states]
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
        """Write `policy.zip`: `table.npy`, (states, actions), and `policy.json`, what made it."""
        with ZipFile(folder / "policy.zip", "w") as archive:
            archive.writestr("policy.json", json.dumps({"kind": self.name, "settings": dict(self.settings())}))
            with archive.open("table.npy", "w") as file:
                np.lib.format.write_array(file, self.table, allow_pickle=False)

    def _reset(self) -> int:
        observation, _ = self.environment.reset()
        return int(observation) - int(self.states.start)

    def _step(self, action: int) -> tuple[int, float, bool, bool]:
        """Return the next state, the reward, and whether the episode was terminated or truncated."""
        observation, reward, terminated, truncated, _ = self.environment.step(action + int(self.actions.start))
        self._episode_return += float(reward)
        if terminated or truncated:
            self._recent.append(self._episode_return)
            self._episode_return = 0.0
        return int(observation) - int(self.states.start), float(reward), bool(terminated), bool(truncated)


class QLearning(_Tabular):
    """Tabular Q-learning with epsilon-greedy exploration (Watkins 1989; Sutton and Barto 2018, equation 6.8)."""

    name = "q_learning"

    def __init__(self, environment: Any, seed: int, settings: QLearningSettings | None = None) -> None:
        """Start with a table filled with the initial value."""
        super().__init__(environment, seed)
        self._settings = settings or QLearningSettings()
        self.table = np.full((int(self.states.n), int(self.actions.n)), float(self._settings.initial_value))
        self.epsilon = self._settings.epsilon

    def learn(self, steps: int, on_step: Callable[[int], bool]) -> None:
        """Take `steps` steps and update the table after each.

        Raises:
            DivergedError: an entry of the table stopped being finite.
        """
        state = self._reset()
        for taken in range(1, steps + 1):
            self.epsilon = self._epsilon_at((taken - 1) / steps)
            action = self._explore(state)
            following, reward, terminated, truncated = self._step(action)
            self.update(state, action, reward, following, terminated=terminated)
            state = self._reset() if terminated or truncated else following
            if not on_step(taken):
                return

    def update(self, state: int, action: int, reward: float, following: int, *, terminated: bool) -> None:
        """Move one entry towards `reward + gamma max Q(following)`; after a termination nothing follows.

        A truncated episode still has a future that was merely not watched, so it is bootstrapped like any other step.

        Raises:
            DivergedError: the entry is no longer finite.
        """
        future = 0.0 if terminated else self._settings.gamma * float(self.table[following].max())
        error = reward + future - float(self.table[state, action])
        value = float(self.table[state, action]) + self._settings.learning_rate * error
        if not np.isfinite(value):
            raise DivergedError(f"q_learning: the value of state {state}, action {action} became {value}")
        self.table[state, action] = value
        self.updates += 1

    def end_exploration(self, steps: int) -> None:
        """Explore from now on as at the last of `steps` steps of training."""
        self.epsilon = self._epsilon_at((steps - 1) / steps)

    def probabilities(self, state: int) -> NDArray[np.float64]:
        """Return (actions,) the epsilon-greedy policy at the current epsilon."""
        chances = np.full(int(self.actions.n), self.epsilon / int(self.actions.n))
        chances[self.table[state].argmax()] += 1.0 - self.epsilon
        return chances

    def settings(self) -> Mapping[str, Any]:
        """Return every hyperparameter, defaults included."""
        return asdict(self._settings)

    def _explore(self, state: int) -> int:
        if self._learning.random() < self.epsilon:
            return int(self._learning.integers(int(self.actions.n)))
        return int(self.table[state].argmax())

    def _epsilon_at(self, share: float) -> float:
        """Return the exploration rate after `share` of the budget."""
        start, end, fraction = self._settings.epsilon, self._settings.epsilon_final, self._settings.exploration_fraction
        return end if share >= fraction else start + (end - start) * share / fraction


class SoftmaxReinforce(_Tabular):
    """REINFORCE on a table of action preferences (Williams 1992; Sutton and Barto 2018, sections 2.8 and 13.3).

    The whole episode is one gradient step, taken at the preferences that acted in it. The return of a truncated
    episode lacks what would have followed: there is no value estimate that could stand in for it.
    """

    name = "softmax_reinforce"

    def __init__(self, environment: Any, seed: int, settings: SoftmaxReinforceSettings | None = None) -> None:
        """Start with equal preferences."""
        super().__init__(environment, seed)
        self._settings = settings or SoftmaxReinforceSettings()
        self.table = np.zeros((int(self.states.n), int(self.actions.n)))
        self._return_sums = np.zeros(int(self.states.n))
        self._visits = np.zeros(int(self.states.n))

    def learn(self, steps: int, on_step: Callable[[int], bool]) -> None:
        """Take `steps` steps and update the table after each whole episode; an unfinished last one is discarded.

        Raises:
            DivergedError: an entry of the table stopped being finite.
        """
        state, episode = self._reset(), list[tuple[int, int, float]]()
        for taken in range(1, steps + 1):
            action = _sample(self.probabilities(state), self._learning)
            following, reward, terminated, truncated = self._step(action)
            episode.append((state, action, reward))
            state = following
            if terminated or truncated:
                self.update(episode)
                state, episode = self._reset(), []
            if not on_step(taken):
                return

    def update(self, episode: Sequence[tuple[int, int, float]]) -> None:
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

    def probabilities(self, state: int) -> NDArray[np.float64]:
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


def make_q_learning(request: LearnerRequest) -> QLearning:
    """Build a Q-learner for `request`.

    Raises:
        BenchError: a hyperparameter is unknown or out of range, or the environment's spaces are not Discrete.
    """
    settings = _settings(QLearningSettings, QLearning.name, request.trial.hyperparameters)
    return QLearning(request.make_environment(0), request.seed, settings)


def make_softmax_reinforce(request: LearnerRequest) -> SoftmaxReinforce:
    """Build a softmax REINFORCE learner for `request`.

    Raises:
        BenchError: a hyperparameter is unknown or out of range, or the environment's spaces are not Discrete.
    """
    settings = _settings(SoftmaxReinforceSettings, SoftmaxReinforce.name, request.trial.hyperparameters)
    return SoftmaxReinforce(request.make_environment(0), request.seed, settings)


def load_policy(request: LearnerRequest, folder: Path) -> QLearning | SoftmaxReinforce:
    """Read back the table that `save` has written; nothing in it is code.

    Raises:
        StoreError: the table is not that of the environment's states and actions.
    """
    learner = _MAKERS[request.trial.algorithm](request)
    learner.environment.close()
    with ZipFile(folder / "policy.zip") as archive, archive.open("table.npy") as file:
        table = np.lib.format.read_array(file, allow_pickle=False)
    if table.shape != learner.table.shape:
        raise StoreError(
            f"{folder / 'policy.zip'}: its table has {table.shape} entries, "
            f"{request.trial.environment} wants {learner.table.shape}"
        )
    learner.table = table
    if isinstance(learner, QLearning):
        learner.end_exploration(request.trial.steps)
    return learner


_MAKERS: Mapping[str, Callable[[LearnerRequest], QLearning | SoftmaxReinforce]] = {
    QLearning.name: make_q_learning,
    SoftmaxReinforce.name: make_softmax_reinforce,
}

S = TypeVar("S", QLearningSettings, SoftmaxReinforceSettings)


def _settings(kind: type[S], name: str, given: Mapping[str, Any]) -> S:
    known = [field.name for field in fields(kind)]
    own = {key: value for key, value in given.items() if key not in _OF_THE_ENVIRONMENT}
    for key in own:
        if key not in known:
            hint = did_you_mean(key, known) or f"one of {', '.join(known)}"
            raise BenchError(f"{name}: hyperparameter {key!r} is not known; {hint}")
    return kind(**own)


def _require_numbers(
    settings: QLearningSettings | SoftmaxReinforceSettings, name: str, ranges: Mapping[str, tuple[float, float]]
) -> None:
    """Complain about the first number that is none or lies outside its range (0 to 1 where `ranges` has none)."""
    for field in fields(settings):
        value = getattr(settings, field.name)
        if field.type != "float":
            continue
        low, high = ranges.get(field.name, (0.0, 1.0))
        if not is_finite(value) or not low <= value <= high:
            raise BenchError(f"{name}: {field.name} must be a number from {low:g} to {high:g}, not {value!r}")


def _discrete(name: str, what: str, space: spaces.Space[Any]) -> spaces.Discrete:
    if not isinstance(space, spaces.Discrete):
        raise BenchError(f"{name}: needs Discrete {what} for its table, not {space}; choose another algorithm")
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
