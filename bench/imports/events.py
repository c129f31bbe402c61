"""The bytes of a TensorBoard event file in, its scalars out; read by TensorBoard's own reader."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from bench.imports.found import RefusedError
from bench.imports.limits import MOST_RECORD_BYTES, MOST_SCALARS

if TYPE_CHECKING:
    from tensorboard.compat.proto.summary_pb2 import Summary

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
    series: dict[str, list[tuple[int, float, float]]] = {}
    count = scalars = taken = 0
    lost = 0.0
    try:
        for record in _records(content):
            count += 1
            taken += _FRAME_BYTES + len(record)
            for tag, step, clock, value in _scalars(record):
                series.setdefault(tag, []).append((step, clock, value))
                scalars += 1
                if scalars > MOST_SCALARS:
                    raise RefusedError(f"holds more than {MOST_SCALARS:,} numbers, the most that are read of a file")
    except _DamagedError:
        lost = 1 - taken / len(content)
    if not count:
        raise RefusedError("no readable event file: its first record is damaged" if content else "empty")
    return Scalars(series, lost)


class _DamagedError(Exception):
    """The rest of the file cannot be read."""


def _records(content: bytes) -> Iterator[bytes]:
    try:
        # Heavy, and few who import results have such files.
        from tensorboard.compat.tensorflow_stub import errors  # noqa: PLC0415
        from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import PyRecordReader_New  # noqa: PLC0415
    except ImportError:
        raise RefusedError(_ABSENT) from None
    # A copy, because the reader takes a path, and what lies there may still grow: content and hash belong together.
    with NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        reader = PyRecordReader_New(file.name)
        while True:
            try:
                reader.GetNext()
            except errors.OutOfRangeError:
                return
            except (errors.DataLossError, MemoryError, OverflowError):
                # A length beyond all memory is damage as well.
                raise _DamagedError from None
            yield reader.record()


def _scalars(record: bytes) -> Iterator[tuple[str, int, float, float]]:
    from google.protobuf.message import DecodeError  # noqa: PLC0415 - see above
    from tensorboard.compat.proto.event_pb2 import Event  # noqa: PLC0415

    if len(record) > MOST_RECORD_BYTES:
        return
    try:
        event = Event.FromString(record)
    except DecodeError:
        raise _DamagedError from None
    clock = event.wall_time if math.isfinite(event.wall_time) else 0.0
    for value in event.summary.value:
        if value.tag and (number := _number(value)) is not None:
            yield value.tag, event.step, clock, number


def _number(value: Summary.Value) -> float | None:
    """Return the number of a summary or of a tensor that holds one, None for anything else."""
    from tensorboard.util.tensor_util import make_ndarray  # noqa: PLC0415 - see above

    if value.HasField("simple_value"):
        return float(value.simple_value)
    if not value.HasField("tensor"):
        return None
    try:
        array = make_ndarray(value.tensor)
    except (TypeError, ValueError):
        return None
    return float(array.item()) if array.size == 1 and array.dtype.kind in "fiu" else None
