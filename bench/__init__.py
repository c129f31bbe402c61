"""Which reinforcement-learning algorithm when, and how sure are we?"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # `typing` is slow to import, and the command must listen to Ctrl-C as early as can be
if TYPE_CHECKING:
    from typing import Any

    from bench import plot
    from bench.pipeline.policies import load_policy
    from bench.pipeline.tidy import load

__all__ = ["load", "load_policy", "plot"]
_HOMES = {"load": "bench.pipeline.tidy", "load_policy": "bench.pipeline.policies"}


def __getattr__(name: str) -> Any:
    # Lazily, so that `import bench.cli` does not pay for pandas.
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name == "plot":
        return import_module("bench.plot")
    raise AttributeError(f"module 'bench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
