"""Whole episodes in, a policy moved along the policy gradient out: REINFORCE on stable-baselines3's base classes."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, ClassVar, Literal, Self, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.policies import (
    ActorCriticCnnPolicy,
    ActorCriticPolicy,
    BasePolicy,
    MultiInputActorCriticPolicy,
)
from stable_baselines3.common.type_aliases import GymEnv, MaybeCallback, Schedule
from stable_baselines3.common.utils import (
    FloatSchedule,
    obs_as_tensor,
    safe_mean,
    update_learning_rate,
)
from stable_baselines3.common.vec_env import VecEnv

Baseline: TypeAlias = Literal["none", "running", "mean", "value"]
Observations: TypeAlias = npt.NDArray[Any] | dict[str, npt.NDArray[Any]]
ObservationTensor: TypeAlias = torch.Tensor | dict[str, torch.Tensor]

BASELINES: tuple[Baseline, ...] = ("none", "running", "mean", "value")


@dataclass(frozen=True, slots=True)
class Episode:
    """One whole episode of T steps, as the policy met it."""

    observations: Observations
    """(T, *observation shape), or one such array per key; what each action was chosen from."""
    actions: npt.NDArray[Any]
    """(T,) or (T, action dimensions): the samples of the policy's distribution, before any clipping."""
    rewards: npt.NDArray[np.float64]
    """(T,), as training sees them."""
    last_value: float = 0.0
    """V of the observation after the last step; zero unless a truncated episode is bootstrapped."""

    def returns(self, gamma: float) -> npt.NDArray[np.float64]:
        """Return G_t = r_t + gamma G_(t+1), shape (T,), from G_T = `last_value` (Sutton and Barto 2018, eq. 3.9)."""
        backwards = accumulate(
            self.rewards[::-1].tolist(), lambda later, reward: reward + gamma * later, initial=self.last_value
        )
        return np.array(list(backwards)[:0:-1], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Batch:
    """The N steps of M whole episodes, end to end, on the device."""

    observations: ObservationTensor
    actions: torch.Tensor
    returns: torch.Tensor
    """(N,): G_t, the value net's targets."""
    weights: torch.Tensor
    """(N,): c_t (G_t - b), what each step's log-probability is multiplied with; no gradient flows through it."""
    discounts: torch.Tensor
    """(N,): c_t, which is gamma^t or 1."""
    advantages: torch.Tensor
    """(N,): G_t - b, before any normalisation."""
    episodes: int
    """M."""

    def __len__(self) -> int:
        return len(self.weights)


@dataclass(slots=True)
class _OpenEpisode:
    """An episode that is being recorded."""

    observations: list[Any] = field(default_factory=list)
    actions: list[npt.NDArray[Any]] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)

    def closed(self, last_value: float) -> Episode:
        return Episode(
            _stacked(self.observations), np.stack(self.actions), np.array(self.rewards, dtype=np.float64), last_value
        )


class _Recorder:
    """Keeps the first `wanted` episodes that are started, whichever slot they run in; the other steps are dropped."""

    def __init__(self, slots: int, wanted: int) -> None:
        self._wanted = wanted
        self._open = {slot: (slot, _OpenEpisode()) for slot in range(slots)}
        self._started = slots
        self._closed: dict[int, Episode] = {}
        self._steps = 0

    @property
    def complete(self) -> bool:
        return len(self._closed) == self._wanted

    @property
    def used_steps(self) -> float:
        """The share of the steps taken that belong to an episode that counts."""
        return sum(len(episode.rewards) for episode in self._closed.values()) / self._steps

    def episodes(self) -> list[Episode]:
        """Return the episodes in the order in which they began."""
        return [self._closed[number] for number in sorted(self._closed)]

    def add(
        self,
        observations: Observations,
        actions: npt.NDArray[Any],
        rewards: npt.NDArray[Any],
        dones: npt.NDArray[Any],
        last_values: Sequence[float],
    ) -> None:
        """Take in one step of every slot; `last_values` matter where `dones` is true."""
        self._steps += len(rewards)
        for slot in tuple(self._open):
            number, episode = self._open[slot]
            episode.observations.append(_part(observations, slot))
            episode.actions.append(actions[slot])
            episode.rewards.append(float(rewards[slot]))
            if dones[slot]:
                self._closed[number] = episode.closed(last_values[slot])
                self._start_next(slot)

    def _start_next(self, slot: int) -> None:
        del self._open[slot]
        if self._started < self._wanted:
            self._open[slot] = (self._started, _OpenEpisode())
            self._started += 1


class REINFORCE(BaseAlgorithm):
    r"""Monte Carlo policy gradient (Williams 1992; Sutton and Barto 2018, sections 13.3 and 13.4).

    One update takes M = `max(episodes_per_update, n_envs)` whole episodes and descends

        loss = -(1/M) sum over episodes, sum over steps t of  c_t [(G_t - b) log pi(a_t|s_t) + ent_coef H(pi(.|s_t))]

    with G_t the discounted return-to-go and c_t = 1, or gamma^t with `gamma_power` (eq. 13.8). It is a mean over
    episodes of *sums* over steps, since only that is an unbiased estimate of the gradient: with `gamma_power`, no
    `normalize_returns` and no entropy bonus, its expectation is the exact gradient of the expected discounted return.
    Without `gamma_power` it is the customary estimate, which is the gradient of no function unless gamma is 1
    (Nota and Thomas 2020, "Is the policy gradient a gradient?").

    Which episodes. An update uses the first M episodes *started* since the last update; a slot of the vector
    environment that becomes free starts the next one until M are started, then idles until the last has ended. Whether
    an episode counts is thus settled before its length is known. To use the first M that *end* would favour short
    episodes; to keep what an idle slot has begun would favour long ones and mix two policies in one episode. The idle
    slots' steps are real steps and are counted in `num_timesteps`; they are the price of parallel slots, and
    `rollout/used_steps` logs the share that was used (1 with one slot). Slots are taken to be copies of one
    environment. Slots that are inside an episode when the next batch begins are reset.

    Budget. Learning stops as soon as `total_timesteps` are taken (rounded up to the number of slots); an unfinished
    batch then is not trained on. A budget that holds no whole batch changes no weight.

    Baselines b, all unbiased because b does not depend on what is done at or after t in its own episode:
    `none`: 0. `running`: one number, a running mean of G_t over the steps of *earlier* batches, 0 before the first.
    After batch n, b moves towards that batch's mean G_t by the share max(1/n, `baseline_step_size`): it is the plain
    mean of the first batches and forgets old ones later (Sutton and Barto 2018, eq. 2.5, as the baseline of section
    2.8; Williams 1992 takes such an average from reinforcement comparison, Sutton 1984).
    `mean`: the mean of G_t over the *other* episodes of the batch that last beyond t, 0 where there is none. The mean
    over all M, one's own included, would shrink the gradient: G - mean(G) = (1 - 1/M) (G - mean of the others), so that
    where all episodes last as long its expectation is (M - 1)/M times the gradient.
    `value`: V(s_t) of the policy's value net as it was before this batch; afterwards the net is fitted to the batch's
    G_t by `value_epochs` passes of minibatches on `vf_coef` x mean squared error. The networks of MlpPolicy are
    separate; where a policy shares its feature extractor, that fit moves the shared features too.

    Truncated episodes count as complete (a time limit is part of the task) unless `bootstrap_truncated`, which adds
    gamma V(last observation) to the last reward (Pardo et al. 2018, "Time limits in reinforcement learning").

    Box actions are clipped to the bounds for the environment; the log-probability is that of the unclipped sample.

    Defaults. A suite's `hyperparameters: default` gives REINFORCE a textbook's values, which nobody has tuned here: one
    episode per update, no baseline (section 13.3), gamma 0.99 and Adam's own step size of 0.001 (Kingma and Ba 2015).
    The constructor's 0.003 and eight episodes are older, and stay because stored trials rest on them.

    Args:
        policy: `MlpPolicy`, `CnnPolicy`, `MultiInputPolicy` or an actor-critic policy class.
        env: environment, vector environment or registered name.
        learning_rate: step size of the policy, a number or a function of the remaining progress (1 to 0).
        gamma: discount, in [0, 1].
        episodes_per_update: episodes in a batch; at least one per slot is used.
        baseline: `none`, `running`, `mean` or `value`.
        normalize_returns: standardise G_t - b over all steps of the batch. This biases the gradient (the mean and the
            deviation depend on the step's own return) and is often worth it.
        gamma_power: weigh step t by gamma^t, as the textbook does.
        ent_coef: weight of the entropy bonus, per step as the log-probability is.
        vf_coef: weight of the value net's squared error.
        value_learning_rate: step size of the value net (alpha^w of section 13.4); None: that of the policy.
        value_epochs: passes over the batch in which the value net is fitted.
        value_batch_size: steps in a minibatch of that fit.
        max_grad_norm: largest norm of a gradient, None: any.
        baseline_step_size: share by which a running mean moves at least, in (0, 1].
        bootstrap_truncated: see above; needs `baseline="value"`.
        steps_per_pass: the gradient is summed over passes of at most so many steps, which bounds memory.
        stats_window_size: episodes over which the logged means run.
        tensorboard_log: folder of TensorBoard logs, None: no log.
        policy_kwargs: arguments of the policy, `optimizer_class` among them (Adam).
        verbose: 0 silent, 1 informative, 2 chatty.
        seed: of weights, actions and environments.
        device: torch device.
        _init_setup_model: build the networks now.

    Raises:
        ValueError: a setting that is out of range, or two that do not fit.
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {
        "MlpPolicy": ActorCriticPolicy,
        "CnnPolicy": ActorCriticCnnPolicy,
        "MultiInputPolicy": MultiInputActorCriticPolicy,
    }
    policy: ActorCriticPolicy
    policy_class: type[ActorCriticPolicy]

    def __init__(
        self,
        policy: str | type[ActorCriticPolicy],
        env: GymEnv | str | None,
        learning_rate: float | Schedule = 3e-3,
        gamma: float = 0.99,
        episodes_per_update: int = 8,
        baseline: Baseline = "none",
        *,
        normalize_returns: bool = False,
        gamma_power: bool = False,
        ent_coef: float = 0.0,
        vf_coef: float = 0.5,
        value_learning_rate: float | Schedule | None = None,
        value_epochs: int = 10,
        value_batch_size: int = 256,
        max_grad_norm: float | None = None,
        baseline_step_size: float = 0.1,
        bootstrap_truncated: bool = False,
        steps_per_pass: int = 8192,
        stats_window_size: int = 100,
        tensorboard_log: str | None = None,
        policy_kwargs: dict[str, Any] | None = None,
        verbose: int = 0,
        seed: int | None = None,
        device: torch.device | str = "auto",
        _init_setup_model: bool = True,
    ) -> None:
        super().__init__(
            policy,
            env,
            learning_rate,
            policy_kwargs=policy_kwargs,
            stats_window_size=stats_window_size,
            tensorboard_log=tensorboard_log,
            verbose=verbose,
            device=device,
            support_multi_env=True,
            seed=seed,
            supported_action_spaces=(spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary),
        )
        self.gamma = gamma
        self.episodes_per_update = episodes_per_update
        self.baseline = baseline
        self.normalize_returns = normalize_returns
        self.gamma_power = gamma_power
        self.ent_coef = ent_coef
        self.vf_coef = vf_coef
        self.value_learning_rate = value_learning_rate
        self.value_epochs = value_epochs
        self.value_batch_size = value_batch_size
        self.max_grad_norm = max_grad_norm
        self.baseline_step_size = baseline_step_size
        self.bootstrap_truncated = bootstrap_truncated
        self.steps_per_pass = steps_per_pass
        self.running_mean = 0.0
        self._averaged = 0
        if _init_setup_model:
            self._setup_model()

    def _setup_model(self) -> None:
        self._check_settings()
        self._setup_lr_schedule()
        own = self.value_learning_rate
        self.value_lr_schedule = self.lr_schedule if own is None else FloatSchedule(own)
        self.set_random_seed(self.seed)
        policy = self.policy_class(self.observation_space, self.action_space, self.lr_schedule, **self.policy_kwargs)
        self.policy = policy.to(self.device)

    def _check_settings(self) -> None:
        if self.baseline not in BASELINES:
            raise ValueError(f"REINFORCE: baseline is {self.baseline!r}; choose one of {', '.join(BASELINES)}")
        if not 0 <= self.gamma <= 1:
            raise ValueError(f"REINFORCE: gamma is {self.gamma}; it must lie in [0, 1]")
        if not 0 < self.baseline_step_size <= 1:
            raise ValueError(f"REINFORCE: baseline_step_size is {self.baseline_step_size}; it must lie in (0, 1]")
        for name in ("episodes_per_update", "value_epochs", "value_batch_size", "steps_per_pass"):
            if getattr(self, name) < 1:
                raise ValueError(f"REINFORCE: {name} is {getattr(self, name)}; it must be at least 1")
        if self.bootstrap_truncated and self.baseline != "value":
            raise ValueError('REINFORCE: bootstrap_truncated needs a value net; set baseline="value" or switch it off')
        if self.baseline == "mean" and self.batch_episodes < 2:  # noqa: PLR2004  the mean of the others needs another
            raise ValueError('REINFORCE: baseline="mean" needs others to average; set episodes_per_update to 2 or more')

    @property
    def batch_episodes(self) -> int:
        """M, the number of episodes in an update: at least one per slot."""
        return max(self.episodes_per_update, self.n_envs)

    def learn(
        self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int | None = 1,
        tb_log_name: str = "REINFORCE",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> Self:
        """Train until `total_timesteps` environment steps are taken, all slots counted, or the callback says stop.

        Returns:
            The algorithm itself. `log_interval` is in updates; None logs nothing.
        """
        total_timesteps, callback = self._setup_learn(
            total_timesteps, callback, reset_num_timesteps, tb_log_name, progress_bar
        )
        callback.on_training_start(locals(), globals())
        iteration = 0
        while (episodes := self.collect_episodes(callback)) is not None:
            iteration += 1
            self._update_current_progress_remaining(self.num_timesteps, total_timesteps)
            if log_interval is not None and iteration % log_interval == 0:
                self.dump_logs(iteration)
            self.train(episodes)
        callback.on_training_end()
        return self

    def collect_episodes(self, callback: BaseCallback) -> list[Episode] | None:
        """Return the next M whole episodes, in the order in which they began.

        Returns:
            None when the budget of steps was spent or the callback said stop before the batch was complete.
        """
        assert self.env is not None, "an environment is needed for training: set_env"  # noqa: S101  as its siblings do
        if self.num_timesteps >= self._total_timesteps:
            return None
        self.policy.set_training_mode(False)
        if self._last_episode_starts is None or not self._last_episode_starts.all():
            self._last_obs = self.env.reset()  # type: ignore[assignment]  # tuples of observations: no policy takes them
            self._last_episode_starts = np.ones(self.n_envs, dtype=bool)
        callback.on_rollout_start()
        recorder = _Recorder(self.n_envs, self.batch_episodes)
        while not recorder.complete:
            if self.num_timesteps >= self._total_timesteps:
                return None
            observations = _copied(self._last_obs)
            actions = self._sampled(observations)
            new_obs, rewards, dones, infos = self.env.step(self._for_environment(actions))
            self.num_timesteps += self.n_envs
            self._last_obs, self._last_episode_starts = new_obs, dones  # type: ignore[assignment]  # as above
            callback.update_locals(locals())
            if not callback.on_step():
                return None
            self._update_info_buffer(infos, dones)
            last_values = [self._last_value(info) for info in infos]
            recorder.add(observations, actions, rewards, dones, last_values)
        self.logger.record("rollout/used_steps", recorder.used_steps)
        callback.update_locals(locals())
        callback.on_rollout_end()
        return recorder.episodes()

    def beside(self, env: VecEnv) -> Self:
        """Return one that plays `env` with this very policy and baseline; nothing that it collects counts here."""
        other = copy(self)
        nothing = {"_last_obs": None, "_last_episode_starts": None, "num_timesteps": 0, "_total_timesteps": sys.maxsize}
        buffers: dict[str, deque[Any]] = {"ep_info_buffer": deque(maxlen=1), "ep_success_buffer": deque(maxlen=1)}
        vars(other).update(env=env, n_envs=env.num_envs, **nothing, **buffers)
        other.set_logger(Logger(folder=None, output_formats=[]))
        return other

    def _sampled(self, observations: Observations) -> npt.NDArray[Any]:
        with torch.no_grad():
            distribution = self.policy.get_distribution(obs_as_tensor(observations, self.device))
            actions: npt.NDArray[Any] = distribution.get_actions().cpu().numpy()
        return actions

    def _for_environment(self, actions: npt.NDArray[Any]) -> npt.NDArray[Any]:
        shaped = actions.reshape((self.n_envs, *(self.action_space.shape or ())))
        if isinstance(self.action_space, spaces.Box):
            shaped = np.clip(shaped, self.action_space.low, self.action_space.high)
        return shaped

    def _last_value(self, info: Mapping[str, Any]) -> float:
        if not (self.bootstrap_truncated and info.get("TimeLimit.truncated", False)):
            return 0.0
        observation, _ = self.policy.obs_to_tensor(info["terminal_observation"])
        with torch.no_grad():
            return float(self.policy.predict_values(observation))

    def batch(self, episodes: Sequence[Episode]) -> Batch:
        """Return the steps of `episodes` end to end, with their returns and the weights of their log-probabilities."""
        returns = [episode.returns(self.gamma) for episode in episodes]
        observations = obs_as_tensor(_joined([episode.observations for episode in episodes]), self.device)
        targets = self._tensor(np.concatenate(returns))
        advantages = weights = targets - self._baseline(observations, returns)
        if self.normalize_returns:
            weights = (weights - weights.mean()) / (weights.std(correction=0) + 1e-8)
        discounts = self._discounts(returns)
        actions = torch.as_tensor(np.concatenate([episode.actions for episode in episodes]), device=self.device)
        return Batch(observations, actions, targets, discounts * weights, discounts, advantages, len(episodes))

    def _baseline(self, observations: ObservationTensor, returns: Sequence[npt.NDArray[np.float64]]) -> torch.Tensor:
        steps = sum(map(len, returns))
        if self.baseline == "none":
            return torch.zeros(steps, device=self.device)
        if self.baseline == "running":
            return torch.full((steps,), self.running_mean, device=self.device)
        if self.baseline == "mean":
            return self._tensor(np.concatenate(mean_of_others(returns)))
        with torch.no_grad():
            values = [self.policy.predict_values(_part(observations, rows)) for rows in self.passes(steps)]
        return torch.cat(values).flatten()

    def _discounts(self, returns: Sequence[npt.NDArray[np.float64]]) -> torch.Tensor:
        base = self.gamma if self.gamma_power else 1.0
        return self._tensor(np.concatenate([base ** np.arange(len(episode)) for episode in returns]))

    def _tensor(self, values: npt.NDArray[np.float64]) -> torch.Tensor:
        return torch.as_tensor(values, dtype=torch.float32, device=self.device)

    def passes(self, steps: int) -> Iterator[slice]:
        """Yield the rows of a batch of so many steps, no more at a time than memory shall hold."""
        for start in range(0, steps, self.steps_per_pass):
            yield slice(start, start + self.steps_per_pass)

    def loss(self, batch: Batch, rows: slice = slice(None)) -> torch.Tensor:
        """Return the policy's loss of a batch (see the class), or the share of it that some of its steps have.

        The shares of slices that make up the batch add up to its loss.
        """
        policy_loss, entropy = self._loss_terms(batch, rows)
        return policy_loss - self.ent_coef * entropy

    def _loss_terms(self, batch: Batch, rows: slice) -> tuple[torch.Tensor, torch.Tensor]:
        distribution = self.policy.get_distribution(_part(batch.observations, rows))
        log_probabilities = distribution.log_prob(batch.actions[rows])
        entropy = distribution.entropy()
        if entropy is None:  # no closed form: the sample's surprise estimates it
            entropy = -log_probabilities
        policy_loss = -(batch.weights[rows] * log_probabilities).sum() / batch.episodes
        return policy_loss, (batch.discounts[rows] * entropy).sum() / batch.episodes

    def train(self, episodes: Sequence[Episode]) -> None:
        """Take one step of the policy, and then fit the value net where it is the baseline."""
        self.policy.set_training_mode(True)
        batch = self.batch(episodes)
        self._update_learning_rate(self.policy.optimizer)
        self._step_policy(batch)
        if self.baseline == "value":
            self._fit_values(batch)
        self.average(batch)
        self._n_updates += 1
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/weight_std", float(batch.weights.std(correction=0)))
        if hasattr(self.policy, "log_std"):
            self.logger.record("train/std", torch.exp(self.policy.log_std).mean().item())

    def _step_policy(self, batch: Batch) -> None:
        self.policy.optimizer.zero_grad()
        policy_loss = entropy = 0.0
        for rows in self.passes(len(batch)):
            loss_share, entropy_share = self._loss_terms(batch, rows)
            torch.autograd.backward(loss_share - self.ent_coef * entropy_share)
            policy_loss += loss_share.item()
            entropy += entropy_share.item()
        self._descend()
        self.logger.record("train/policy_loss", policy_loss)
        self.logger.record("train/entropy", entropy * batch.episodes / float(batch.discounts.sum()))

    def _fit_values(self, batch: Batch) -> None:
        update_learning_rate(self.policy.optimizer, self.value_lr_schedule(self._current_progress_remaining))
        losses = []
        for _ in range(self.value_epochs):
            for rows in torch.split(torch.randperm(len(batch), device=self.device), self.value_batch_size):
                values = self.policy.predict_values(_part(batch.observations, rows)).flatten()
                error = torch.nn.functional.mse_loss(values, batch.returns[rows])
                self.policy.optimizer.zero_grad()
                torch.autograd.backward(self.vf_coef * error)
                self._descend()
                losses.append(error.item())
        self.logger.record("train/value_loss", float(np.mean(losses)))

    def average(self, batch: Batch) -> None:
        """Let the running mean move towards the batch's mean return; the batch itself was learned from without it."""
        self._averaged += 1
        share = max(1 / self._averaged, self.baseline_step_size)
        self.running_mean += share * (float(batch.returns.mean()) - self.running_mean)

    def _descend(self) -> None:
        if self.max_grad_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
        self.policy.optimizer.step()

    def dump_logs(self, iteration: int = 0) -> None:
        """Write what was recorded since the last time; `iteration` is the number of updates in this call of `learn`."""
        seconds = max((time.time_ns() - self.start_time) / 1e9, sys.float_info.epsilon)
        self.logger.record("time/iterations", iteration, exclude="tensorboard")
        if self.ep_info_buffer:
            self.logger.record("rollout/ep_rew_mean", safe_mean([info["r"] for info in self.ep_info_buffer]))
            self.logger.record("rollout/ep_len_mean", safe_mean([info["l"] for info in self.ep_info_buffer]))
        if self.ep_success_buffer:
            self.logger.record("rollout/success_rate", safe_mean(self.ep_success_buffer))
        self.logger.record("time/fps", int((self.num_timesteps - self._num_timesteps_at_start) / seconds))
        self.logger.record("time/time_elapsed", int(seconds), exclude="tensorboard")
        self.logger.record("time/total_timesteps", self.num_timesteps, exclude="tensorboard")
        self.logger.dump(step=self.num_timesteps)

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        return ["policy", "policy.optimizer"], []


def mean_of_others(returns: Sequence[npt.NDArray[np.float64]]) -> list[npt.NDArray[np.float64]]:
    """Return, per episode and step t, the mean of G_t over the other episodes that last beyond t, 0 where none does.

    `returns` holds one array (T_i,) per episode; so does the result.
    """
    lengths = np.array([len(episode) for episode in returns])
    padded = np.zeros((len(returns), lengths.max()))
    for row, episode in zip(padded, returns, strict=True):
        row[: len(episode)] = episode
    others = (np.arange(lengths.max()) < lengths[:, None]).sum(axis=0) - 1
    means = (padded.sum(axis=0) - padded) / np.maximum(others, 1)
    return [row[:length] for row, length in zip(means, lengths, strict=True)]


def _part(observations: Any, rows: Any) -> Any:
    """Return some rows, or one, of observations: arrays or tensors, or dictionaries of them."""
    if isinstance(observations, dict):
        return {key: value[rows] for key, value in observations.items()}
    return observations[rows]


def _copied(observations: Any) -> Observations:
    """Copy what a vector environment may overwrite at its next step."""
    if isinstance(observations, dict):
        return {key: np.array(value) for key, value in observations.items()}
    return np.array(observations)


def _stacked(rows: Sequence[Any]) -> Observations:
    if isinstance(rows[0], dict):
        return {key: np.stack([row[key] for row in rows]) for key in rows[0]}
    return np.stack(rows)


def _joined(parts: Sequence[Any]) -> Observations:
    if isinstance(parts[0], dict):
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    return np.concatenate(parts)
