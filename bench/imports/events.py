"""The bytes of a TensorBoard event file in, its scalars out; read by TensorBoard's own reader."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.imports.found import RefusedError
from bench.imports.limits import MOST_SCALARS

_FRAME_BYTES = 16
"""Of a record, beside its content: its length, and a checksum of either."""
_ABSENT = "an event file is read by the package tensorboard, which is not installed: pip install 'bench[tensorboard]'"


@dataclass(frozen=True, slots=True)
class Scalars:
    """The scalars of one file."""

    series: dict[str, list[tuple[int, float, float]]] = field(default_factory=dict)
    """Tag -> (step, wall time, value), in the order of the file."""
    lost: float = 0.0
    """Share of the file, 0 to 1, from its first damaged record on: a killed run's ends within one."""

    def rows(self, tag: str) -> list[tuple[float, float]]:
        """Return (step, value) of a tag, in the order of the file."""
        return [(float(step), value) for step, _, value in self.series.get(tag, ())]

    def begun(self, tag: str) -> float:
        """Return the wall time of a tag's first value."""
        return min((clock for _, clock, _ in self.series.get(tag, ())), default=0.0)

    def ended(self, tag: str) -> float:
        """Return the wall time of a tag's last value."""
        return max((clock for _, clock, _ in self.series.get(tag, ())), default=0.0)


def read_events(content: bytes) -> Scalars:
    """Return every scalar of the file, those before a damaged end included.

    Raises:
        RefusedError: it is no event file, holds more numbers than any, or TensorBoard is not installed.
    """
    try:
        # Heavy, an extra, and few who import results have such files.
        from bench.imports import tfevents  # noqa: PLC0415
    except ImportError:
        raise RefusedError(_ABSENT) from None
    series: dict[str, list[tuple[int, float, float]]] = {}
    count = scalars = taken = 0
    lost = 0.0
    try:
        for record in tfevents.records(content):
            count += 1
            taken += _FRAME_BYTES + len(record)
            for tag, step, clock, value in tfevents.scalars(record):
                series.setdefault(tag, []).append((step, clock, value))
                scalars += 1
                if scalars > MOST_SCALARS:
                    raise RefusedError(f"holds more than {MOST_SCALARS:,} numbers, the most that are read of a file")
    except tfevents.DamagedError:
        lost = 1 - taken / len(content)
    if not count:
        raise RefusedError("no readable event file: its first record is damaged" if content else "empty")
    return Scalars(series, lost)
