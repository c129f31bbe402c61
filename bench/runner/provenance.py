"""Nothing in, a description of this machine and its software out."""

from __future__ import annotations

import os
import platform
import subprocess
from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from typing import Any

import psutil

_HOME = Path(__file__).resolve().parents[2]
RECORDED = (
    "bench",
    "stable-baselines3",
    "sb3-contrib",
    "gymnasium",
    "torch",
    "numpy",
    "box2d",
    "mujoco",
    "ale-py",
    "jax",
    "sbx-rl",
    "envpool",
)


@cache
def describe() -> dict[str, Any]:
    """Return versions, Python, platform, processor, memory and the harness's commit, as plain JSON data."""
    return {
        "versions": _versions(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor(),
        "cores": psutil.cpu_count(logical=True),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "commit": code()[0],
        "blas_threads": os.environ.get("OMP_NUM_THREADS"),
    }


def device_name(device: str) -> str:
    """Return the model of the GPU behind `cuda`, or `cpu`."""
    if device == "cpu":
        return "cpu"
    import torch  # noqa: PLC0415 - describing a machine must not need torch

    return f"{device} ({torch.cuda.get_device_name(0)})"


def _versions() -> dict[str, str]:
    found = {}
    for name in RECORDED:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


@cache
def software() -> str:
    """Return a digest of every package that is installed: what failed for want of one may not fail with another."""
    found = sorted({f"{one.name} {one.version}" for one in distributions()})
    return sha256("\n".join(found).encode()).hexdigest()[:12]


def processor() -> str:
    """Return the name of this machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


@cache
def code(home: Path = _HOME) -> tuple[str | None, str]:
    """Return the commit of the harness's own checkout and, where files differ from it, a hash of how they do.

    The commit has a `+` then, and is None where the harness is installed otherwise. To be asked first when code is
    loaded: what is committed later is not what runs.
    """
    if not (home / ".git").exists():
        return None, ""
    try:
        commit = _git(home, "rev-parse", "--short=12", "HEAD")
        if not _git(home, "status", "--porcelain", "--", "bench"):
            return commit, ""
        changes = _git(home, "diff", "--no-ext-diff", "HEAD", "--", "bench")
    except (OSError, subprocess.SubprocessError):
        return None, ""
    return f"{commit}+", sha256(changes.encode()).hexdigest()[:12]


def _git(home: Path, *words: str) -> str:
    # `git` from the path, with words of our own: nothing a user wrote is run.
    done = subprocess.run(  # noqa: S603
        ["git", "-C", str(home), *words],  # noqa: S607
        capture_output=True,
        text=True,
        errors="replace",
        check=True,
        timeout=10,
    )
    return done.stdout.strip()
