"""JAX set up for small networks on one core: what it compiles is kept between processes, run at once, and timed."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import jax

_EVENTS = "/jax/core/compile/"
_spans: list[tuple[float, float]] = []
"""When this process was compiling, from and to; none overlap."""


def set_up() -> None:
    """Let JAX keep what it compiles, whatever its size, in the user's cache folder, and compute where it is called.

    To be called before anything is computed. Handing an update to another thread and waiting for it costs a small
    network about a fifth of its training, and nothing else would run meanwhile.
    """
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    settings = {
        "jax_compilation_cache_dir": str(Path(home).expanduser() / "bench" / "jax"),
        "jax_persistent_cache_min_compile_time_secs": 0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
        "jax_cpu_enable_async_dispatch": False,
    }
    for name, value in settings.items():
        jax.config.update(name, value)  # type: ignore[no-untyped-call]


def compile_seconds() -> float:
    """Return how long this process has traced, lowered, compiled and read what was kept, in wall seconds."""
    return sum(end - begin for begin, end in _spans)


def _note(event: str, duration_secs: float, **_: Any) -> None:
    if not event.startswith(_EVENTS):
        return
    end = time.perf_counter()
    begin = end - duration_secs
    # What is told now may have held what was told before: a function is traced with those that it calls.
    while _spans and _spans[-1][0] >= begin:
        _spans.pop()
    _spans.append((max(begin, _spans[-1][1]) if _spans else begin, end))


jax.monitoring.register_event_duration_secs_listener(_note)
