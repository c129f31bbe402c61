"""The bytes of an evaluations.npz in, the evaluations of one run out; nothing in it is ever unpickled.

An array's own header says how large it is before any of it is unpacked: an archive of a megabyte may hold gigabytes.
"""

from __future__ import annotations

import io
import math
import zipfile
from typing import Any

import numpy as np
from numpy.lib import format as npy

from bench.imports.found import Integers, RefusedError
from bench.imports.limits import MOST_ARRAY_BYTES, in_words
from bench.records import Floats

_MOST_STEPS = 2**53
_ARRAYS = ("timesteps", "results", "ep_lengths")


def read_evaluations(content: bytes) -> tuple[Integers, Floats, Integers | None]:
    """Return (points,) steps, (points, episodes) returns, and lengths of the same shape where they are there.

    Raises:
        RefusedError: it is damaged, too large, or not what stable-baselines3's EvalCallback writes.
    """
    arrays = _arrays(content)
    if lacking := {"timesteps", "results"} - set(arrays):
        raise RefusedError(f"lacks the array {' and '.join(sorted(lacking))}")
    steps, returns = arrays["timesteps"], arrays["results"]
    if steps.dtype.kind not in "iuf" or returns.dtype.kind not in "iuf":
        raise RefusedError("its arrays hold no numbers")
    # stable-baselines before 3 wrote every return as an array of one.
    flat = returns.size and returns.shape[2:] in {(), (1,)}
    returns = returns.reshape(len(returns), -1) if flat else returns
    if steps.ndim != 1 or returns.ndim != 2 or len(steps) != len(returns) or not returns.size:  # noqa: PLR2004 - points, episodes
        raise RefusedError(f"its arrays do not fit: timesteps {steps.shape}, results {arrays['results'].shape}")
    if not np.isfinite(steps).all() or (steps < 0).any() or (steps > _MOST_STEPS).any() or (steps % 1).any():
        raise RefusedError("its timesteps are no counts of steps")
    lengths = arrays.get("ep_lengths")
    fits = lengths is not None and lengths.shape == arrays["results"].shape and lengths.dtype.kind in "iu"
    whole = lengths.reshape(returns.shape).astype(np.int64) if fits and lengths is not None else None
    return steps.astype(np.int64), returns.astype(np.float64), whole


def _arrays(content: bytes) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            there = {name: f"{name}.npy" for name in _ARRAYS if f"{name}.npy" in archive.NameToInfo}
            return {name: _array(archive, file) for name, file in there.items()}
    except RefusedError:
        raise
    except (Exception, RecursionError) as error:  # noqa: BLE001 - zip, header and array fail in a dozen ways
        raise RefusedError(f"no readable npz archive ({type(error).__name__})") from None


def _array(archive: zipfile.ZipFile, name: str) -> Any:
    if archive.getinfo(name).file_size > MOST_ARRAY_BYTES:
        _too_large(name)
    with archive.open(name) as file:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, kind = read(file)
    # The header may ask for what the archive does not hold, and memory is taken by the header.
    if math.prod(shape) * max(1, kind.itemsize) > MOST_ARRAY_BYTES:
        _too_large(name)
    with archive.open(name) as file:
        return npy.read_array(file, allow_pickle=False)


def _too_large(name: str) -> None:
    raise RefusedError(f"its array {name} unpacks to more than {in_words(MOST_ARRAY_BYTES)}, the most that is read")
