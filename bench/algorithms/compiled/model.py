"""A class of stable-baselines3 in; the same on the CPU, its archive without what is compiled, out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm


class CompiledModel(BaseAlgorithm):
    """What all compiled algorithms have in common; to be named before the library's class."""

    _made_anew: ClassVar[tuple[str, ...]]
    """Attributes that setting up makes from the others: archives leave them out."""

    def _setup_model(self) -> None:
        # There is nothing here that a GPU computes faster.
        self.device = torch.device("cpu")
        super()._setup_model()  # type: ignore[safe-super]  # the library's class comes after this one

    @abstractmethod
    def _tie(self) -> None:
        """Make what is `_made_anew`: arrays that are views of the policy's parameters, and what computes with them."""

    @abstractmethod
    def _learned_beside(self) -> Mapping[str, Any]:
        """Return what learning goes on from and is `_made_anew` all the same: the optimiser's memory, random states."""

    @abstractmethod
    def _learn_on_from(self, beside: Mapping[str, Any]) -> None:
        """Take what `_learned_beside` has returned."""

    def put_aside(self, held: dict[str, Any]) -> Mapping[str, Any]:
        """Take what is made anew out of `held`, which is to be pickled; return what must be pickled in its place."""
        for name in self._made_anew:
            held.pop(name, None)
        beside = self._learned_beside()
        return {name: jax.tree.map(_by_numpy, one) for name, one in beside.items()}

    def take_up(self, beside: Mapping[str, Any]) -> None:
        """Be whole again after the rest was read back."""
        self._tie()
        self._learn_on_from(beside)

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), *self._made_anew]


def _by_numpy(leaf: Any) -> Any:
    return np.array(leaf) if isinstance(leaf, jax.Array) else leaf
