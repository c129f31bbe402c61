"""Which reinforcement-learning algorithm when, and how sure are we?"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.pipeline import load

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    # Lazily, so that `import bench.cli` does not pay for pandas.
    if name == "load":
        return import_module("bench.pipeline").load
    raise AttributeError(f"module 'bench' has no attribute {name!r}")
