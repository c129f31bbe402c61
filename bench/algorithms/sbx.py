"""A request in, a learner out: the algorithms of SBX, which are stable-baselines3's classes with networks in JAX.

What learns beside stable-baselines3's own classes is the same (see `bench.algorithms.sb3`); here is what differs: words
for networks, where weights and random keys are, and how many observations are computed together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import linen
from flax.training.train_state import TrainState
from numpy.typing import NDArray

from bench.algorithms import compilation, sb3, vocabulary
from bench.errors import BenchError
from bench.records import LearnerRequest

compilation.set_up()

ACTIVATIONS: Mapping[str, Callable[[jax.Array], jax.Array]] = {
    "ReLU": linen.relu,
    "Tanh": linen.tanh,
    "ELU": linen.elu,
    "GELU": partial(linen.gelu, approximate=False),
    "LeakyReLU": linen.leaky_relu,
    "SiLU": linen.silu,
    "Sigmoid": linen.sigmoid,
    "Softplus": linen.softplus,
}
"""Name of torch's class -> the function that computes the same."""
_OF_TORCH = ("", "nn", "torch.nn", "th.nn")
_FLOATS = ("learning_rate", "qf_learning_rate", "ent_coef")
"""Settings of which the constructors refuse a whole number."""
_KEYS = ("key", "noise_key")
"""Random keys from which a policy draws its actions, in training and elsewhere."""
_LEARNED = ("params", "target_params", "batch_stats")
"""Of flax's training states, what holds numbers that are learned."""


def make(request: LearnerRequest) -> SBXLearner:
    """Build the learner with its vector environment, seeded; JAX chooses the device."""
    trial = request.trial
    floats = {name: float(value) for name, value in trial.hyperparameters.items() if _is_whole(name, value)}
    meant = replace(trial, hyperparameters={**trial.hyperparameters, **floats})
    model = sb3.model(replace(request, trial=meant), policy_keywords)
    return SBXLearner(model, trial.hyperparameters, tells=bool(trial.evaluation.diagnostics))


def load_policy(request: LearnerRequest, folder: Path) -> SBXPolicy:
    """Read back what `save` has written. Both files hold pickles, and reading them can run what somebody put there."""
    return SBXPolicy(*sb3.read_back(request, folder))


def policy_keywords(value: Mapping[str, Any] | str | None) -> dict[str, Any]:
    """Return `policy_kwargs` with functions in place of their names: torch's activations, or any dotted name.

    Raises:
        BenchError: the text is no `dict(...)` of literals, or there is no such function.
    """
    keywords = vocabulary.mapping(value or {})
    if isinstance(keywords.get("net_arch"), Mapping):
        keywords["net_arch"] = dict(keywords["net_arch"])
    for name in ("activation_fn", "optimizer_class"):
        if isinstance(keywords.get(name), str):
            keywords[name] = _function(keywords[name])
    return keywords


def _function(name: str) -> Callable[..., Any]:
    prefix, _, last = name.rpartition(".")
    if prefix in _OF_TORCH and last in ACTIVATIONS:
        return ACTIVATIONS[last]
    try:
        found = None if prefix in _OF_TORCH else getattr(import_module(prefix), last, None)
    except ImportError:
        found = None
    if prefix.startswith("torch") or not callable(found):
        known = ", ".join(f"nn.{one}" for one in ACTIVATIONS)
        raise BenchError(
            f"implementation sbx: {name!r} is no function of JAX; write one of {known}, or a dotted name such as "
            "jax.nn.swish or optax.adamw"
        )
    function: Callable[..., Any] = found
    return function


def _is_whole(name: str, value: Any) -> bool:
    return name in _FLOATS and isinstance(value, int)


class SBXPolicy(sb3.SB3Policy):
    """An SBX model that acts, with the normalisation that its observations want."""

    def act(
        self,
        observations: Sequence[Any],
        memory: Any,
        starts: Sequence[bool],
        *,
        deterministic: bool,
        masks: Sequence[Any] | None = None,
    ) -> tuple[Sequence[Any], Any]:
        """Return the policy's actions; see `bench.records.Learner`.

        JAX compiles anew for every number of observations, which falls while episodes end: it is filled up to a power
        of two.
        """
        count = len(observations)
        idle = (1 << (count - 1).bit_length()) - count
        filled, begun = [*observations, *[observations[-1]] * idle], [*starts, *[False] * idle]
        actions, memory = super().act(filled, memory, begun, deterministic=deterministic, masks=masks)
        return actions[:count], memory

    @contextmanager
    def own_exploration(self) -> Iterator[None]:
        """Let the policy draw from the evaluation's stream, and keep the keys with which training goes on."""
        policy: Any = self.model.policy
        held = {name: getattr(policy, name) for name in _KEYS if hasattr(policy, name)}
        if held:
            policy.key = jax.random.PRNGKey(int(np.random.randint(2**31)))  # noqa: NPY002 - the evaluation's stream
        try:
            with super().own_exploration():
                yield
        finally:
            for name, key in held.items():
                setattr(policy, name, key)


class SBXLearner(SBXPolicy, sb3.SB3Learner):
    """An SBX model as the runner wants it."""

    def setting(self, name: str) -> Any:
        """Return a constructor's argument as the model has it; where a network took its place, as it was given."""
        return getattr(
            self.model, "ent_coef_init" if hasattr(self.model, "ent_coef_state") and name == "ent_coef" else name
        )

    def weights(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """Yield every array of numbers that is learned, by name."""
        for holder in (self.model.policy, self.model):
            for name, state in vars(holder).items():
                if isinstance(state, TrainState):
                    yield from _arrays(name, state)


def _arrays(name: str, state: TrainState) -> Iterator[tuple[str, NDArray[Any]]]:
    for part in _LEARNED:
        for path, leaf in jax.tree_util.tree_leaves_with_path(getattr(state, part, {})):
            yield f"{name}.{part}{jax.tree_util.keystr(path)}", np.asarray(leaf)
