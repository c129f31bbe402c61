"""What a record says of the machine under it in, whether its timings stand beside those of others out."""

from __future__ import annotations

import math
from collections.abc import Iterable

from bench.records import PACKING, Record

_BUSY = 1.5
"""Load beyond the trials' own from which a run is called timed beside other load: half as much again, and one more."""


def packings(records: Iterable[Record]) -> int:
    """Return the number of ways to be packed on a machine, and of machines: timings are comparable within one."""
    return len({_packing(record) for record in records})


def beside_other_load(records: Iterable[Record]) -> int:
    """Return the number of runs whose machine was busy with more than the trials: their timings are too long."""
    return sum(map(_was_busy, records))


def _packing(record: Record) -> tuple[str, ...]:
    machine = (record.provenance.get(key, "") for key in ("processor", "cores"))
    return tuple(map(str, [*machine, *(record.resources.get(key, "") for key in PACKING)]))


def _was_busy(record: Record) -> bool:
    load, threads, workers = (record.resources.get(key) for key in ("load", "threads", "workers"))
    if not isinstance(load, int | float) or not isinstance(threads, int) or not isinstance(workers, int):
        return False
    return math.isfinite(load) and load > _BUSY * threads * workers + 1
