"""JAX's compiled code kept between processes: a second trial of a cell reads what the first has compiled."""

from __future__ import annotations

import os
from pathlib import Path

import jax


def keep_compiled() -> None:
    """Let JAX keep what it compiles, whatever its size and however soon it is done, in the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    settings = {
        "jax_compilation_cache_dir": str(Path(home).expanduser() / "bench" / "jax"),
        "jax_persistent_cache_min_compile_time_secs": 0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    for name, value in settings.items():
        jax.config.update(name, value)  # type: ignore[no-untyped-call]
