"""A request in, a learner out: every algorithm of stable-baselines3's kind through one adapter."""

from __future__ import annotations

import copyreg
import inspect
import pickle
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from sb3_contrib import ARS, TRPO
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback, CallbackList
from stable_baselines3.common.logger import configure
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.policies import ActorCriticCnnPolicy, ActorCriticPolicy, MultiInputActorCriticPolicy
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.type_aliases import TrainFrequencyUnit
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecEnvWrapper, VecNormalize, unwrap_vec_wrapper
from torch.distributions import Distribution

from bench.algorithms import acting, gradient, overestimation, vocabulary
from bench.algorithms.convolutions import KERNEL, MinAtarCNN
from bench.algorithms.diagnostics import Diagnostics
from bench.algorithms.held import HeldToStart
from bench.algorithms.reinforce import REINFORCE
from bench.algorithms.replay import require_room
from bench.algorithms.side_by_side import SideBySide, stacked
from bench.catalog import BACKENDS, algorithm_of, load
from bench.errors import BenchError, DivergedError, OutsideError, StoreError
from bench.records import GradientNoise, LearnerRequest

SMALLEST_IMAGE = 36
"""Height and width below which the network of Mnih et al. (2015) has no pixel left after its third convolution: there
the one of MinAtar's authors takes its place."""
CHECK_EVERY = 2_000
"""Vector steps between two looks for weights that are no longer finite."""
HARNESS_KEYS = frozenset(
    {
        "n_envs",
        "normalize",
        "noise_type",
        "noise_std",
        "policy",
        "policy_kwargs",
        "env_wrapper",
        "frame_stack",
        "training_seed",
        "kl_to_start",
    }
)
POLICY, NORMALISATION = "policy.zip", "vecnormalize.pkl"
_EARLIER_NORMALISATION = "normalization.npz"
"""Within `policy.zip`, where the statistics lay before they had a file of their own."""
_SAMPLED_FROM_NAN = (
    "probability tensor contains either `inf`, `nan` or element < 0",
    "Expected p_in >= 0 && p_in <= 1",
    "found invalid values",
)
"""What torch says of a categorical and of a Bernoulli distribution, and a distribution that validates itself."""
_COUNTING = ("stable_baselines3", "sb3_contrib", "sbx", "bench")
"""Whose algorithms count their updates."""
_COLLECTS_ARRAYS = (A2C, PPO, TRPO)
_POLICIES = (ActorCriticPolicy, ActorCriticCnnPolicy, MultiInputActorCriticPolicy)
_BETWEEN_UPDATES = (OnPolicyAlgorithm, OffPolicyAlgorithm, REINFORCE)
"""Whose state is all in the model whenever a rollout begins: training can go on from there in another process."""
_LEARNS_BY = ("learn", "collect_rollouts", "collect_episodes", "_do_one_update", "evaluate_candidates")
"""Methods that say how a training goes; of whom they are somebody else's, nothing is known."""
_OF_THE_PROCESS = ("_logger", "collect_rollouts", "_do_one_update", "class_attributes")
"""Attributes of models and of vector environments that a process makes for itself."""
_NOT_SETTINGS = frozenset(
    {"self", "env", "verbose", "tensorboard_log", "device", "_init_setup_model", "stats_window_size"}
)


def make(request: LearnerRequest) -> SB3Learner:
    """Build the learner with its vector environment, seeded and on its device."""
    made = model(request, vocabulary.policy_keywords)
    valued = "overestimation" in algorithm_of(request.trial).tells
    kind = WholeEpisodesLearner if isinstance(made, REINFORCE) else ActionValueLearner if valued else SB3Learner
    return kind(made, request.trial.hyperparameters, tells=bool(request.trial.evaluation.diagnostics))


def model(request: LearnerRequest, read: Callable[[Any], dict[str, Any]]) -> BaseAlgorithm:
    """Return the model that learns; `read` makes keywords of what `policy_kwargs` holds."""
    trial = request.trial
    settings = dict(trial.hyperparameters)
    model_class: type[BaseAlgorithm] = load(algorithm_of(trial).implementation)
    env = _vector_environment(request, settings)
    keywords = {name: value for name, value in settings.items() if name not in HARNESS_KEYS}
    for name in vocabulary.SCHEDULED & keywords.keys():
        keywords[name] = vocabulary.schedule(keywords[name])
    if isinstance(keywords.get("train_freq"), list):
        keywords["train_freq"] = tuple(keywords["train_freq"])
    if settings.get("noise_type"):
        assert isinstance(env.action_space, spaces.Box), "the plan pairs action noise with continuous actions only"  # noqa: S101
        keywords["action_noise"] = vocabulary.action_noise(
            settings["noise_type"], settings.get("noise_std", 0.1), int(np.prod(env.action_space.shape))
        )
    policy_keywords = read(settings.get("policy_kwargs"))
    policy = settings.get("policy") or _default_policy(model_class, env.observation_space, policy_keywords)
    if issubclass(model_class, OffPolicyAlgorithm):
        require_room(env.observation_space, env.action_space, settings, trial.steps)
    if policy_keywords := {**_for_small_images(model_class, policy, env), **policy_keywords}:
        keywords["policy_kwargs"] = policy_keywords
    made = model_class(
        # One with a dot is somebody's own class; the others are the library's names.
        vocabulary.named_class(policy) if "." in policy else policy,
        env,
        seed=request.seed,
        device=request.device,
        **vocabulary.with_classes(keywords),
    )
    if isinstance(env, HeldToStart):
        env.hold(made)
    if request.events is not None:
        made.set_logger(configure(str(request.events), ["tensorboard"]))
    return made


def load_policy(request: LearnerRequest, folder: Path) -> SB3Policy:
    """Read back what `save` has written. Both files hold pickles, and reading them can run what somebody put there.

    Raises:
        StoreError: an earlier version wrote the archive, with the normalisation inside.
    """
    return SB3Policy(*read_back(request, folder))


def read_back(request: LearnerRequest, folder: Path) -> tuple[BaseAlgorithm, VecNormalize | None]:
    """Return the model that was saved, and the normalisation that its observations want.

    Raises:
        StoreError: an earlier version wrote the archive, with the normalisation inside.
    """
    with zipfile.ZipFile(folder / POLICY) as archive:
        if _EARLIER_NORMALISATION in archive.namelist():
            raise StoreError(
                f"{folder / POLICY}: was written by an earlier version, which kept the normalisation of observations "
                "where stable-baselines3 does not look for it"
            )
    model_class: type[BaseAlgorithm] = load(algorithm_of(request.trial).implementation)
    saved = model_class.load(folder / POLICY, device=request.device)
    normalisation: VecNormalize | None = None
    if (folder / NORMALISATION).exists():
        # As VecNormalize.load does, which wants an environment that a mere policy has no use for.
        normalisation = pickle.loads((folder / NORMALISATION).read_bytes())  # noqa: S301 - see the docstring
    return saved, normalisation


class SB3Policy:
    """A stable-baselines3 model that acts, with the normalisation that its observations want."""

    def __init__(self, model: BaseAlgorithm, normalisation: VecNormalize | None) -> None:
        self.model = model
        self._normalise = normalisation
        self._plain = acting.plain(model)

    def __getstate__(self) -> dict[str, Any]:
        """Return all but the layers, which are the model's own only in its own process."""
        return {name: value for name, value in vars(self).items() if name != "_plain"}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Take the model's layers again."""
        vars(self).update(state, _plain=acting.plain(state["model"]))

    @property
    def observation_space(self) -> spaces.Space[Any]:
        """What the model observes: of images, with the channels first."""
        return self.model.observation_space

    def act(
        self,
        observations: Sequence[Any],
        memory: Any,
        starts: Sequence[bool],
        *,
        deterministic: bool,
        masks: Sequence[Any] | None = None,
    ) -> tuple[Sequence[Any], Any]:
        """Return the policy's actions; see `bench.records.Learner`."""
        batch = self._batch(observations)
        if acting.is_plain(self.model, deterministic=deterministic):
            chosen = self._plain(batch) if self._plain is not None and deterministic else None
            if chosen is None:
                chosen = acting.predict(self.model, batch, deterministic=deterministic)
            return list(chosen), None
        masked = {} if masks is None or not self._takes_masks else {"action_masks": np.stack(list(masks))}
        with nullcontext() if deterministic else self.own_exploration():
            actions, memory = self.model.predict(
                batch, state=memory, episode_start=np.asarray(starts), deterministic=deterministic, **masked
            )
        return list(actions), memory

    def _batch(self, observations: Sequence[Any]) -> Any:
        """Return raw observations as the model takes them, several at once."""
        batch = stacked(observations)
        return batch if self._normalise is None else self._normalise.normalize_obs(batch)

    @contextmanager
    def own_exploration(self) -> Iterator[None]:
        """Let epsilon-greedy policies sample from a copy of the action space: the model's own belongs to training."""
        trained_on = self.model.action_space
        self.model.action_space = deepcopy(trained_on)
        # The global stream is the evaluation's at this moment (see bench.runner.evaluation).
        self.model.action_space.seed(int(np.random.randint(2**31)))  # noqa: NPY002
        try:
            yield
        finally:
            self.model.action_space = trained_on

    @property
    def _takes_masks(self) -> bool:
        return "action_masks" in inspect.signature(self.model.predict).parameters


class SB3Learner(SB3Policy):
    """A stable-baselines3 model as the runner wants it."""

    def __init__(self, model: BaseAlgorithm, hyperparameters: Mapping[str, Any], *, tells: bool = False) -> None:
        super().__init__(model, model.get_vec_normalize_env())
        self._given = hyperparameters
        self._listening = Diagnostics() if tells else None
        self._goes_on = False
        """Whether training has begun before, in another process."""

    @property
    def updates(self) -> int | None:
        """How often the weights have been updated, as the model counts; None where nobody knows whether it does."""
        counted = int(getattr(self.model, "_n_updates", 0))
        # The base class counts for nobody: that somebody else's model stands at 0 tells nothing.
        return counted if counted or type(self.model).__module__.partition(".")[0] in _COUNTING else None

    @property
    def compile_seconds(self) -> float:
        """How long this process has compiled, in wall seconds."""
        # Read only where something has been compiled: whoever compiles imports it, and with it JAX.
        compilation = sys.modules.get("bench.algorithms.compilation")
        return compilation.compile_seconds() if compilation else 0.0

    @property
    def rests(self) -> bool:
        """Whether it can be stored between two updates and go on from there; not what others have written."""
        parts = (getattr(type(self.model), name, None) for name in _LEARNS_BY)
        known = all(one.__module__.partition(".")[0] in _COUNTING for one in parts if one is not None)
        return isinstance(self.model, (*_BETWEEN_UPDATES, ARS)) and known

    @property
    def repeats(self) -> bool:
        """Whether it goes on from where it was stored as if nothing had been: not where noise or a pool begins anew."""
        if self._pooled or getattr(self.model, "use_sde", False):
            return False
        return isinstance(getattr(self.model, "action_noise", None), NormalActionNoise | None)

    @property
    def reducers(self) -> Mapping[type, Callable[[Any], tuple[Any, ...]]]:
        """Class -> how such an object is pickled, environments and all, which the library's own way leaves out."""
        return {BaseAlgorithm: _reduced, VecEnvWrapper: _reduced}

    def resume(self, events: Path | None, *, anew: bool) -> None:
        """Be as a learner that was just made, having been read back; `anew`: its environments are to be reset."""
        self._goes_on = True
        if events is not None:
            self.model.set_logger(configure(str(events), ["tensorboard"]))
        if anew or self._pooled:
            # The library then resets them.
            self.model._last_obs = None  # noqa: SLF001 - there is no other way

    @property
    def _pooled(self) -> bool:
        """Whether its environments cannot be stored, and begin anew wherever the model is read back."""
        return getattr(self.model.env.unwrapped, "begins_anew", False) if self.model.env else False

    def learn(self, steps: int, on_step: Callable[[int], bool], rest: Callable[[], None] = lambda: None) -> None:
        """Train until `steps` environment steps are taken; see `bench.records.Learner`.

        Raises:
            DivergedError: a weight is no longer finite.
        """
        begun = self.model.num_timesteps
        # Where ARS begins a rollout, its population is drawn already.
        populations = self.model if isinstance(self.model, ARS) else None
        callback: BaseCallback = _StepCallback(on_step, self._require_finite, (lambda: None) if populations else rest)
        if self._listening is not None:
            callback = CallbackList([callback, self._listening])
        try:
            with (
                _unvalidated_distributions(),
                _inference_in_rollouts(self.model),
                _between_populations(populations, steps, rest) if populations else nullcontext(),
            ):
                self.model.learn(steps - begun, callback=callback, reset_num_timesteps=not self._goes_on)
        except (ValueError, RuntimeError, OutsideError) as error:
            self._require_finite(error)
            # An observation that is not a number has sound weights choose what is none either.
            outside = isinstance(error, OutsideError) and "nan" in str(error)
            if outside or any(text in str(error) for text in _SAMPLED_FROM_NAN):
                raise DivergedError(f"the policy's output after {self.model.num_timesteps} steps: {error}") from error
            raise
        self._require_finite()

    def diagnostics(self) -> Mapping[str, float]:
        """Return what was told of the updates since this was last asked; nothing where nobody was to listen."""
        return {} if self._listening is None else self._listening.means()

    def recent_training_return(self) -> float | None:
        """Return the mean raw return of the last (at most) 100 training episodes; None before the first."""
        episodes = self.model.ep_info_buffer
        return float(np.mean([episode["r"] for episode in episodes])) if episodes else None

    def settings(self) -> Mapping[str, Any]:
        """Return every constructor argument as the model has it, with what the harness built around it."""
        names = [name for name in inspect.signature(type(self.model).__init__).parameters if name not in _NOT_SETTINGS]
        found = {name: _plain(self.setting(name)) for name in names if hasattr(self.model, name)}
        found["policy"] = type(self.model.policy).__name__
        found["n_envs"] = self.model.n_envs
        if is_image_space(self.model.observation_space):
            found["features_extractor"] = self.model.policy.features_extractor_class.__name__
        given = {name: _plain(value) for name, value in self._given.items()}
        # As given where given: `lin_0.001` says more than the object that became of it.
        return {**found, **given}

    def setting(self, name: str) -> Any:
        """Return a constructor's argument as the model has it."""
        return getattr(self.model, name)

    def weights(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """Yield every array of numbers that is learned, by name."""
        for name, weights in self.model.policy.state_dict().items():
            if weights.is_floating_point():
                yield name, weights.cpu().numpy()

    def save(self, folder: Path) -> None:
        """Write `policy.zip` and, where there is a normalisation, `vecnormalize.pkl`, as stable-baselines3 does."""
        self.model.save(folder / POLICY)
        if self._normalise is not None:
            self._normalise.save(str(folder / NORMALISATION))

    def _require_finite(self, cause: Exception | None = None) -> None:
        for name, weights in self.weights():
            if not np.isfinite(weights).all():
                raise DivergedError(f"weights {name} are not finite after {self.model.num_timesteps} steps") from cause


class WholeEpisodesLearner(SB3Learner):
    """One that learns from batches of whole episodes, whose gradient's noise can be measured."""

    model: REINFORCE

    def gradient_noise(self, make_environment: Callable[[int], Any], episodes: int) -> GradientNoise:
        """Measure it on so many episodes, rounded up to whole batches and to two at least.

        The environments are as many as in training, and observations and rewards are normalised as they are there.
        """
        env: VecEnv = DummyVecEnv([partial(make_environment, index) for index in range(self.model.n_envs)])
        if self._normalise is not None:
            frozen = deepcopy(self._normalise)
            frozen.set_venv(env)
            frozen.training, env = False, frozen
        trained_on = self.model.get_env()
        assert trained_on is not None, "whoever trains has environments"  # noqa: S101
        if held := unwrap_vec_wrapper(trained_on, HeldToStart):
            env = held.around(env)
        # The library's way to images with their channels first.
        env = self.model._wrap_env(env, verbose=0, monitor_wrapper=False)  # noqa: SLF001
        batches = max(gradient.FEWEST_BATCHES, -(-episodes // self.model.batch_episodes))
        try:
            return gradient.measured(self.model, env, batches)
        finally:
            env.close()


class ActionValueLearner(SB3Learner):
    """One whose critic says what actions are worth, which can be held against what follows them."""

    model: OffPolicyAlgorithm

    def value_error(self, make_environment: Callable[[int, int], Any], episodes: int) -> Mapping[str, float]:
        """Return the mean prediction and by how much it exceeds the realised return; see `bench.records.Learner`.

        Both are in units of the rewards that training learns from: scaled where the environment's wrappers scale them,
        normalised where `normalize` does. Empty where no return is known well enough.
        """
        beyond = overestimation.steps_beyond_limit(self.model)
        envs = [make_environment(index, beyond) for index in range(episodes)]
        try:
            played = overestimation.play(self.model, envs, self._batch, self._learned_reward)
            return overestimation.compared(played, self.model.gamma)
        finally:
            for env in envs:
                env.close()

    def _learned_reward(self, reward: float) -> float:
        return reward if self._normalise is None else float(self._normalise.normalize_reward(np.asarray(reward)))


@contextmanager
def _unvalidated_distributions() -> Iterator[None]:
    """Let torch look at no distribution's parameters and samples, which took a tenth of PPO's time, while it learns.

    What it looks for is seen all the same: weights that are no longer finite, and samples that cannot be drawn.
    """
    usual = Distribution._validate_args  # noqa: SLF001 - it has a setter only
    Distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        Distribution.set_default_validate_args(usual)


@contextmanager
def _inference_in_rollouts(model: BaseAlgorithm) -> Iterator[None]:
    """Let an on-policy model of the library collect in inference mode: what it keeps of a rollout are arrays.

    Not with state-dependent exploration, whose noise is a tensor that lives on, and not somebody's own policy.
    """
    plain = type(model) in _COLLECTS_ARRAYS and type(model.policy) in _POLICIES and not getattr(model, "use_sde", False)
    if not plain:
        yield
        return
    model.collect_rollouts = torch.inference_mode()(model.collect_rollouts)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        # It would be saved with the model.
        del model.collect_rollouts  # type: ignore[attr-defined]


@contextmanager
def _between_populations(model: ARS, steps: int, rest: Callable[[], None]) -> Iterator[None]:
    """Let ARS rest before it draws a population."""
    usual = model._do_one_update  # noqa: SLF001 - there is no other place

    def update(callback: BaseCallback, async_eval: Any) -> None:
        # The library reckons schedules from this call's steps, which are fewer in a training that goes on.
        model._update_current_progress_remaining(model.num_timesteps, steps)  # noqa: SLF001
        rest()
        usual(callback, async_eval)

    model._do_one_update = update  # type: ignore[method-assign]  # noqa: SLF001
    try:
        yield
    finally:
        del model._do_one_update  # noqa: SLF001


class _StepCallback(BaseCallback):
    """Tells the runner every step, and looks now and then whether the weights are still numbers."""

    def __init__(
        self, on_step: Callable[[int], bool], require_finite: Callable[[], None], rest: Callable[[], None]
    ) -> None:
        super().__init__()
        self._tell = on_step
        self._require_finite = require_finite
        self._rest = rest
        self._over = False

    def _on_rollout_start(self) -> None:
        self._rest()

    def _on_step(self) -> bool:
        if self.n_calls % CHECK_EVERY == 0:
            self._require_finite()
        if self._tell(self.num_timesteps):
            return True
        # Where it ends a complete rollout is still learned from; an incomplete one is left, and so is a second one,
        # where the end came before the budget's and each step is a rollout.
        last, self._over = self._rollout_complete() and not self._over, True
        return last

    def _rollout_complete(self) -> bool:
        """Return whether this step was the rollout's last, from what `collect_rollouts` lets callbacks see."""
        names = self.locals
        if "n_rollout_steps" in names:
            return bool(names["n_steps"] + 1 >= names["n_rollout_steps"])
        if "train_freq" in names and names["train_freq"].unit == TrainFrequencyUnit.STEP:
            return bool(names["num_collected_steps"] >= names["train_freq"].frequency)
        return False


def _reduced(whole: Any) -> tuple[Any, ...]:
    """Return what pickle wants of a model or a wrapper of vector environments, all that it holds included."""
    held = {name: value for name, value in vars(whole).items() if name not in _OF_THE_PROCESS}
    # A compiled model's arrays are views of one another, which a pickle would tear apart.
    aside = whole.put_aside(held) if hasattr(whole, "put_aside") else None
    return copyreg.__newobj__, (type(whole),), (held, aside), None, None, _restored  # type: ignore[attr-defined]


def _restored(whole: Any, state: tuple[dict[str, Any], Any]) -> None:
    held, aside = state
    vars(whole).update(held)
    if isinstance(whole, VecEnvWrapper):
        whole.class_attributes = dict(inspect.getmembers(type(whole)))
    if aside is not None:
        whole.take_up(aside)


def _vector_environment(request: LearnerRequest, settings: Mapping[str, Any]) -> VecEnv:
    count = int(settings.get("n_envs", 1))
    env: VecEnv = _stepped(count, request)
    keywords = vocabulary.normalisation(settings.get("normalize", False), settings.get("gamma"))
    env = env if keywords is None else VecNormalize(env, **keywords)
    beta = settings.get("kl_to_start")
    return env if beta is None else HeldToStart(env, beta)


def _stepped(count: int, request: LearnerRequest) -> VecEnv:
    if request.trial.backend:
        pooled: VecEnv = load(BACKENDS[request.trial.backend].maker)(request, count)
        return pooled
    makers = [partial(request.make_environment, index) for index in range(count)]
    if not algorithm_of(request.trial).wants_copies:
        return SideBySide(makers)
    # Monitor is outside the harness's totals and inside every normalisation: it sees raw rewards.
    return DummyVecEnv([lambda make=make: Monitor(make()) for make in makers])  # type: ignore[misc]


def _default_policy(model_class: type[BaseAlgorithm], space: spaces.Space[Any], keywords: Mapping[str, Any]) -> str:
    """Return the name of the policy that fits the observations.

    Raises:
        BenchError: none does.
    """
    image = is_image_space(space)
    if image and _side(space) < KERNEL and "features_extractor_class" not in keywords:
        raise BenchError(
            f"images of shape {space.shape} are too small for the convolutions of CnnPolicy, which want "
            f"{KERNEL} x {KERNEL} at least; set `policy: MlpPolicy`, give a features_extractor_class "
            "in policy_kwargs, or enlarge them with env_wrapper, gymnasium.wrappers.ResizeObservation for instance"
        )
    kind = "MultiInput" if isinstance(space, spaces.Dict) else "Cnn" if image else "Mlp"
    recurrent = f"{kind}LstmPolicy"
    return recurrent if recurrent in model_class.policy_aliases else f"{kind}Policy"


def _side(space: spaces.Space[Any]) -> int:
    """Return the shorter of an image's height and width; its channels are taken to be fewer than either."""
    return int(sorted(space.shape or ())[1])


def _for_small_images(model_class: type[BaseAlgorithm], policy: str, env: VecEnv) -> dict[str, Any]:
    """Return the policy keywords of a CnnPolicy where images are too small for the library's own network."""
    space = env.observation_space
    if not policy.startswith("Cnn") or not is_image_space(space) or _side(space) >= SMALLEST_IMAGE:
        return {}
    keywords: dict[str, Any] = {"features_extractor_class": MinAtarCNN}
    # After its own network the library has no further layers before the outputs, except where critics judge actions.
    critics = issubclass(model_class, OffPolicyAlgorithm) and isinstance(env.action_space, spaces.Box)
    return keywords if critics else {**keywords, "net_arch": []}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(entry) for entry in value]
    return value.__name__ if isinstance(value, type) else repr(value)
