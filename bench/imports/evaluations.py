"""The bytes of an evaluations.npz in, the evaluations of one run out; nothing in it is ever unpickled."""

from __future__ import annotations

import io

import numpy as np

from bench.imports.found import Floats, Integers, RefusedError

_MOST_STEPS = 2**53


def read_evaluations(content: bytes) -> tuple[Integers, Floats, Integers | None]:
    """Return (points,) steps, (points, episodes) returns, and lengths of the same shape where they are there.

    Raises:
        RefusedError: it is damaged, or not what stable-baselines3's EvalCallback writes.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in ("timesteps", "results", "ep_lengths") if name in archive.files}
    except (Exception, RecursionError) as error:  # noqa: BLE001 - zip, header and array fail in a dozen ways
        raise RefusedError(f"no readable npz archive ({type(error).__name__})") from None
    if lacking := {"timesteps", "results"} - set(arrays):
        raise RefusedError(f"lacks the array {' and '.join(sorted(lacking))}")
    steps, returns = arrays["timesteps"], arrays["results"]
    if steps.dtype.kind not in "iuf" or returns.dtype.kind not in "iuf":
        raise RefusedError("its arrays hold no numbers")
    returns = returns.reshape(len(returns), -1) if returns.ndim else returns
    if steps.ndim != 1 or returns.ndim != 2 or len(steps) != len(returns) or not returns.size:  # noqa: PLR2004 - points, episodes
        raise RefusedError(f"its arrays do not fit: timesteps {steps.shape}, results {arrays['results'].shape}")
    if not np.isfinite(steps).all() or (steps < 0).any() or (steps > _MOST_STEPS).any():
        raise RefusedError("its timesteps are no counts of steps")
    lengths = arrays.get("ep_lengths")
    fits = lengths is not None and lengths.shape == arrays["results"].shape and lengths.dtype.kind in "iu"
    whole = lengths.reshape(returns.shape).astype(np.int64) if fits and lengths is not None else None
    return steps.astype(np.int64), returns.astype(np.float64), whole
