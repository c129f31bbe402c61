"""The bytes of a TensorBoard event file in, its records and their scalars out; needs the package tensorboard."""

from __future__ import annotations

import math
from collections.abc import Iterator
from tempfile import NamedTemporaryFile

from google.protobuf.message import DecodeError
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.tensorflow_stub import errors
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import PyRecordReader_New
from tensorboard.util.tensor_util import make_ndarray

from bench.imports.limits import MOST_RECORD_BYTES


class DamagedError(Exception):
    """The rest of the file cannot be read."""


def records(content: bytes) -> Iterator[bytes]:
    """Yield the records of a file in their order.

    Raises:
        DamagedError: what follows is no record, or only a part of one.
    """
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
                raise DamagedError from None
            yield reader.record()


def scalars(record: bytes) -> Iterator[tuple[str, int, float, float]]:
    """Yield tag, step, wall time and value of each number in a record.

    Raises:
        DamagedError: it is no event.
    """
    if len(record) > MOST_RECORD_BYTES:
        return
    try:
        event = Event.FromString(record)
    except DecodeError:
        raise DamagedError from None
    clock = event.wall_time if math.isfinite(event.wall_time) else 0.0
    for value in event.summary.value:
        if value.tag and (number := _number(value)) is not None:
            yield value.tag, event.step, clock, number


def _number(value: Summary.Value) -> float | None:
    """Return the number of a summary or of a tensor that holds one, None for anything else."""
    if value.HasField("simple_value"):
        return float(value.simple_value)
    if not value.HasField("tensor"):
        return None
    try:
        array = make_ndarray(value.tensor)
    except (TypeError, ValueError):
        return None
    return float(array.item()) if array.size == 1 and array.dtype.kind in "fiu" else None
