"""A policy in shared memory in, moved by workers that do not wait for each other: A3C on the library's A2C."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import pickle
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from typing import Any, Self

import numpy as np
import torch
from stable_baselines3 import A2C
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.sb2_compat.rmsprop_tf_like import RMSpropTFLike
from stable_baselines3.common.type_aliases import MaybeCallback
from stable_baselines3.common.utils import set_random_seed
from stable_baselines3.common.vec_env import DummyVecEnv

from bench.algorithms import sb3, vocabulary
from bench.algorithms.sb3 import load_policy
from bench.records import LearnerRequest

__all__ = ["A3C", "AsynchronousLearner", "load_policy", "make"]

_LOOK_SECONDS = 0.1
"""Between two looks at how far the workers are."""


class A3C(A2C):
    """Asynchronous advantage actor-critic (Mnih et al. 2016, algorithm S3): network, loss and settings are A2C's.

    Every training environment has a worker, a process with a copy of the network. It takes over the shared weights,
    collects `n_steps` steps, and moves the shared weights by the step of its gradient, whatever the others have made of
    them meanwhile: nobody waits and no weight is locked (Recht et al. 2011). The optimiser's statistics are shared, too
    (Mnih et al. 2016, section 4, "shared RMSProp"; Adam's with `use_rms_prop: false`). So an update stands for
    `n_steps` steps, where A2C's stands for `n_steps` of every environment.

    The order in which the workers come is the operating system's: the same seed gives other numbers in every training.
    """

    pause_every: int | None = None
    """Environment steps after which all workers wait until the callback has returned, so that it sees a policy that
    stands still; None: at the end alone."""
    worker_seconds: float = 0.0
    """Processor seconds of the workers until they last waited."""

    def learn(
        self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int = 100,
        tb_log_name: str = "A3C",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> Self:
        """Train for exactly so many environment steps; see the base class.

        Raises:
            RuntimeError: a worker has ended before its time.
            Exception: whatever a worker's environment raises.
        """
        del log_interval
        total, told = self._setup_learn(total_timesteps, callback, reset_num_timesteps, tb_log_name, progress_bar)
        told.on_training_start(locals(), globals())
        _share(self.policy)
        updates, seconds = self._n_updates, self.worker_seconds
        with _team(self, total) as team:
            goes_on = True
            while goes_on and self.num_timesteps < total:
                # All wait: what is shared stands still.
                told.on_rollout_start()
                stretch = self.pause_every or total
                for steps in team.until(min(total, (self.num_timesteps // stretch + 1) * stretch)):
                    self.num_timesteps = steps
                    told.on_step()
                self.num_timesteps = team.taken.value
                self._n_updates, self.worker_seconds = updates + team.updates, seconds + team.seconds
                self.ep_info_buffer.extend(team.episodes())  # type: ignore[union-attr]
                goes_on = told.on_step()
        told.on_training_end()
        return self


class AsynchronousLearner(sb3.SB3Learner):
    """A3C as the runner wants it."""

    model: A3C
    repeats = False
    """Its workers' episodes are theirs alone: whoever goes on from where they waited begins others."""

    @property
    def worker_seconds(self) -> float:
        """Processor seconds that processes below this one have spent on training."""
        return self.model.worker_seconds


def make(request: LearnerRequest) -> AsynchronousLearner:
    """Build the learner; its workers wait wherever the trial wants to evaluate."""
    # A GPU's memory is not to be had in a process that was forked.
    made = sb3.model(replace(request, device="cpu"), vocabulary.policy_keywords)
    assert isinstance(made, A3C)  # noqa: S101 - the catalogue pairs them
    made.pause_every = -(-request.trial.steps // request.trial.evaluation.points)
    return AsynchronousLearner(made, request.trial.hyperparameters)


_STATISTICS: Mapping[type[torch.optim.Optimizer], Callable[[torch.Tensor], dict[str, Any]]] = {
    torch.optim.RMSprop: lambda weights: {"step": torch.zeros(()), "square_avg": torch.zeros_like(weights)},
    RMSpropTFLike: lambda weights: {"step": 0, "square_avg": torch.ones_like(weights)},
    torch.optim.Adam: lambda weights: {
        "step": torch.zeros(()),
        **{name: torch.zeros_like(weights) for name in ("exp_avg", "exp_avg_sq")},
    },
}
"""Optimiser -> what it has seen of an array of weights before its first step, in its own words."""


def _share(policy: Any) -> None:
    """Move weights and the optimiser's statistics into memory that every process below this one has.

    Raises:
        TypeError: the statistics of such an optimiser are not known.
    """
    policy.share_memory()
    optimizer = policy.optimizer
    if (statistics := _STATISTICS.get(type(optimizer))) is None:
        raise TypeError(f"A3C shares the statistics of RMSprop and Adam, not of {type(optimizer).__name__}")
    for weights in policy.parameters():
        known: dict[str, Any] = {**statistics(weights.detach()), **optimizer.state.get(weights, {})}
        for one in known.values():
            if isinstance(one, torch.Tensor):
                one.share_memory_()  # type: ignore[no-untyped-call]
        optimizer.state[weights] = known


class _SharedStep:
    """The optimiser of a worker's own network: takes its gradients, and moves the shared weights."""

    def __init__(self, own: Any, shared: Any) -> None:
        self._pairs = list(zip(own.parameters(), shared.parameters(), strict=True))
        self._optimizer = shared.optimizer
        self.param_groups = shared.optimizer.param_groups

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for mine, _ in self._pairs:
            mine.grad = None

    def step(self) -> None:
        """Move the shared weights."""
        for mine, theirs in self._pairs:
            theirs.grad = mine.grad
        self._optimizer.step()


class _Silent(BaseCallback):
    """A worker's callback: the runner is told by the process above."""

    def _on_step(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class _Paused:
    """What a worker tells when it waits."""

    updates: int
    seconds: float
    episodes: list[dict[str, Any]]


@dataclass(slots=True)
class _Team:
    """The workers, seen from above."""

    taken: Any
    """Environment steps that have been taken or are being taken, by all; in shared memory."""
    processes: list[Any]
    pipes: list[Connection]
    _told: dict[int, _Paused] = field(default_factory=dict)
    _episodes: list[dict[str, Any]] = field(default_factory=list)

    @property
    def updates(self) -> int:
        """All that they have made."""
        return sum(one.updates for one in self._told.values())

    @property
    def seconds(self) -> float:
        """All processor seconds that they have spent."""
        return sum(one.seconds for one in self._told.values())

    def episodes(self) -> list[dict[str, Any]]:
        """Return what ended since the last time this was asked."""
        found, self._episodes = self._episodes, []
        return found

    def until(self, gate: int) -> Iterator[int]:
        """Let them work until so many steps are taken and all wait; yield now and then how many there are."""
        for pipe in self.pipes:
            pipe.send(gate)
        busy, last = set(range(len(self.pipes))), 0
        while busy:
            for number in self._ready(busy):
                self._hear(number)
                busy.discard(number)
            # A step that is being taken is counted already.
            if (now := min(self.taken.value, gate - 1)) > last and busy:
                last = now
                yield now

    def _ready(self, busy: set[int]) -> list[int]:
        signs: dict[Any, int] = {self.pipes[number]: number for number in busy}
        signs |= {self.processes[number].sentinel: number for number in busy}
        return sorted({signs[one] for one in multiprocessing.connection.wait(list(signs), _LOOK_SECONDS)})

    def _hear(self, number: int) -> None:
        try:
            said = self.pipes[number].recv()
        except (EOFError, ConnectionResetError):
            self.processes[number].join()
            code = self.processes[number].exitcode
            raise RuntimeError(f"worker {number} of A3C has ended before its time (exit code {code})") from None
        if isinstance(said, BaseException):
            raise said
        self._told[number] = said
        self._episodes += said.episodes


@contextmanager
def _team(model: A3C, total: int) -> Iterator[_Team]:
    """Start a worker per environment, and end all whatever happens."""
    # Forked, because environments and wrappers need not be picklable; nothing in this process has computed a gradient.
    context = multiprocessing.get_context("fork")
    team = _Team(context.Value("q", model.num_timesteps), [], [])
    try:
        for number in range(model.n_envs):
            mine, its = context.Pipe()
            process = context.Process(target=_work, args=(model, number, team.taken, total, its, mine), daemon=True)
            process.start()
            its.close()
            team.processes.append(process)
            team.pipes.append(mine)
        yield team
    finally:
        for process in team.processes:
            process.kill()
        for process in team.processes:
            process.join()
        for pipe in team.pipes:
            pipe.close()


def _work(model: A3C, number: int, taken: Any, total: int, pipe: Connection, above: Connection) -> None:
    """Be a worker: at every gate that is told, take steps until it is reached, then tell and wait."""
    above.close()
    try:
        worker = _Worker(model, number, total)
        while True:
            gate = pipe.recv()
            while (steps := _share_of(taken, worker.model.n_steps, gate, total)) > 0:
                worker.go(steps, taken)
            pipe.send(worker.paused())
    except EOFError:
        return
    except Exception as error:  # noqa: BLE001 - it is raised above
        pipe.send(_sendable(error))


def _share_of(taken: Any, wanted: int, gate: int, total: int) -> int:
    """Return how many steps a worker may take now; a rollout that is begun before a gate is ended after it."""
    with taken.get_lock():
        steps = min(wanted, total - taken.value) if taken.value < gate else 0
        taken.value += steps
        return int(steps)


def _sendable(error: Exception) -> Exception:
    told = RuntimeError("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own, a line above
    except Exception:  # noqa: BLE001 - an exception may refuse in any way
        return told
    error.__cause__ = told
    return error


def _own_seed(seed: int, number: int, begun: int) -> int:
    """Return what a worker draws from that begins after so many steps of all."""
    if not begun:
        return (seed + number) % 2**31
    return int(np.random.SeedSequence([seed, number, begun]).generate_state(1)[0] >> 1)


class _Worker:
    """One environment, one network, and the shared one that both serve."""

    def __init__(self, model: A3C, number: int, total: int) -> None:
        torch.set_num_threads(1)
        seed = None if model.seed is None else _own_seed(model.seed, number, model.num_timesteps)
        if seed is not None:
            set_random_seed(seed)
        self.model = model
        self._shared = model.policy
        model.policy = deepcopy(self._shared)
        model.policy.optimizer = _SharedStep(model.policy, self._shared)  # type: ignore[assignment]
        every: Any = model.env
        env = every.unwrapped.envs[number]
        model.env = model._wrap_env(DummyVecEnv([lambda: env]), verbose=0, monitor_wrapper=False)  # noqa: SLF001
        if model.num_timesteps:
            # Its stream has been drawn from by a worker that is gone; wrappers keep to the first.
            env.unwrapped.reset(seed=seed)
        model.n_envs = 1
        kind: Any = model.rollout_buffer_class
        model.rollout_buffer = kind(
            model.n_steps,
            model.observation_space,
            model.action_space,
            device=model.device,
            gamma=model.gamma,
            gae_lambda=model.gae_lambda,
            n_envs=1,
        )
        model._last_obs = model.env.reset()  # type: ignore[assignment]  # noqa: SLF001
        model._last_episode_starts = np.ones(1, dtype=bool)  # noqa: SLF001
        model._n_updates = 0  # noqa: SLF001
        assert model.ep_info_buffer is not None  # noqa: S101 - as below
        model.ep_info_buffer.clear()
        self._callback, self._total = _Silent(), total
        self._callback.init_callback(model)

    def go(self, steps: int, taken: Any) -> None:
        """Take so many steps with the shared weights as they are, and move them if the rollout is whole."""
        model = self.model
        for mine, theirs in zip(model.policy.parameters(), self._shared.parameters(), strict=True):
            mine.data.copy_(theirs.data)
        assert model.env is not None  # noqa: S101 - it was given one
        model.collect_rollouts(model.env, self._callback, model.rollout_buffer, steps)
        if steps == model.n_steps:
            model._update_current_progress_remaining(taken.value, self._total)  # noqa: SLF001
            model.train()

    def paused(self) -> _Paused:
        """Return what is to be told, the episodes since the last time."""
        assert self.model.ep_info_buffer is not None  # noqa: S101 - it is made before the workers
        episodes = list(self.model.ep_info_buffer)
        self.model.ep_info_buffer.clear()
        return _Paused(self.model._n_updates, time.process_time(), episodes)  # noqa: SLF001
