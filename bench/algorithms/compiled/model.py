"""A class of stable-baselines3 in; the same on the CPU, its archive without what is compiled, out."""

from __future__ import annotations

from typing import ClassVar

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

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), *self._made_anew]
