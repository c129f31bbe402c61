"""Hyperparameters as suites and RL Zoo write them in, the objects that stable-baselines3 takes out.

Nothing is evaluated: RL Zoo's `dict(net_arch=[256, 256], activation_fn=nn.ReLU)` is parsed by the
reader that also checks suites, and names of classes are imported: `nn.ReLU` from torch, `module.Class` from anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.noise import ActionNoise, NormalActionNoise, OrnsteinUhlenbeckActionNoise
from stable_baselines3.common.utils import LinearSchedule

from bench.catalog import did_you_mean
from bench.errors import BenchError
from bench.hyperparameters import values

SCHEDULED = frozenset({"learning_rate", "clip_range", "clip_range_vf", "delta_std"})
CLASS_ENDINGS = ("_class", "_fn")
"""Of keywords whose values name classes: `features_extractor_class`, `activation_fn`, `replay_buffer_class`, ..."""
NOISES: Mapping[str, type[NormalActionNoise | OrnsteinUhlenbeckActionNoise]] = {
    "normal": NormalActionNoise,
    "ornstein-uhlenbeck": OrnsteinUhlenbeckActionNoise,
}
_NAMESPACES: Mapping[str, Any] = {
    "nn": torch.nn,
    "torch.nn": torch.nn,
    "th.nn": torch.nn,
    "torch.optim": torch.optim,
    "th.optim": torch.optim,
    "optim": torch.optim,
}


def schedule(value: float | str) -> float | Callable[[float], float]:
    """Return a number, or `lin_x`'s schedule from x at the start to 0 at the budget.

    Raises:
        BenchError: neither.
    """
    if not isinstance(value, str):
        return value
    try:
        return LinearSchedule(values.schedule(value), 0.0, 1.0)
    except ValueError as error:
        raise BenchError(str(error)) from None


def policy_keywords(value: Mapping[str, Any] | str | None) -> dict[str, Any]:
    """Return `policy_kwargs` with class names resolved, from a mapping or from RL Zoo's `dict(...)` text.

    Raises:
        BenchError: the text is no `dict(...)` of literals, or a class is not found.
    """
    keywords = with_classes(mapping(value or {}))
    if isinstance(keywords.get("net_arch"), Mapping):
        keywords["net_arch"] = dict(keywords["net_arch"])
    return keywords


def normalisation(value: bool | str | Mapping[str, Any], gamma: float | None) -> dict[str, Any] | None:
    """Return the keywords of VecNormalize for RL Zoo's `normalize`, or None for no normalisation."""
    if value is False:
        return None
    keywords: dict[str, Any] = {} if value is True else mapping(value)
    return keywords if gamma is None else {"gamma": gamma, **keywords}


def action_noise(kind: str, deviation: float, actions: int) -> ActionNoise:
    """Return exploration noise of standard deviation `deviation` for `actions` action dimensions.

    Raises:
        BenchError: no such kind.
    """
    if kind not in NOISES:
        raise BenchError(
            f"noise_type {kind!r} is not known; {did_you_mean(kind, NOISES) or 'one of ' + ', '.join(NOISES)}"
        )
    return NOISES[kind](np.zeros(actions), deviation * np.ones(actions))


def with_classes(keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keywords with classes in place of their names.

    Raises:
        BenchError: a class is not found.
    """
    return {
        name: named_class(value) if isinstance(value, str) and name.endswith(CLASS_ENDINGS) else value
        for name, value in keywords.items()
    }


def named_class(name: str) -> type:
    """Return the class that `nn.ReLU`, `ReLU`, `torch.optim.Adam` or `module.Class` names.

    Raises:
        BenchError: there is no such class.
    """
    prefix, _, attribute = name.rpartition(".")
    try:
        spaces = [torch.nn, torch.optim] if not prefix else [_NAMESPACES.get(prefix) or import_module(prefix)]
    except Exception as error:
        raise BenchError(f"class {name!r} cannot be imported: {type(error).__name__}: {error}") from error
    for space in spaces:
        if isinstance(found := getattr(space, attribute, None), type):
            return found
    raise BenchError(f"there is no class {name!r}; write for instance nn.ReLU, or module.Class for one of your own")


def mapping(value: str | Mapping[str, Any]) -> dict[str, Any]:
    """Return keywords from a mapping, or from RL Zoo's `dict(...)` text.

    Raises:
        BenchError: the text is no `dict(...)` of literals.
    """
    if not isinstance(value, str):
        return dict(value)
    try:
        found = values.literal(value)
    except ValueError as error:
        raise BenchError(f"{value!r} cannot be read: {error}; write a YAML mapping") from error
    if not isinstance(found, dict):
        raise BenchError(f"{value!r} is no dictionary; write a YAML mapping")
    return found
