"""The bytes of a TensorBoard event file in, its scalars out; read without TensorBoard.

A file is a row of records (length, checksum of the length, content, checksum of the content), each content a protocol
buffer of `tensorflow.Event`: field 1 the wall time, 2 the step, 5 the summary; of a summary field 1 its values; of a
value field 1 the tag, 2 the number as a float, 8 the number as a tensor. All else is passed over.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.imports.found import RefusedError
from bench.imports.limits import MOST_RECORD_BYTES, MOST_SCALARS

_POLYNOMIAL = 0x82F63B78
_MASK = 0xA282EAD8
_WORD = 0xFFFFFFFF
_TENSOR_FORMATS = {1: "f", 2: "d", 3: "i", 9: "q"}
"""Type of a tensor -> how `struct` reads one number of it: float, double, int32, int64."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 70


@dataclass(frozen=True, slots=True)
class Scalars:
    """The scalars of one file."""

    series: dict[str, list[tuple[int, float, float]]] = field(default_factory=dict)
    """Tag -> (step, wall time, value), in the order of the file."""
    cut: bool = False
    """Whether the file ends within a record, as that of a killed run does."""

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
        RefusedError: it is no event file, or holds more numbers than any.
    """
    series: dict[str, list[tuple[int, float, float]]] = {}
    records = _records(content)
    cut, count, scalars = False, 0, 0
    try:
        for record in records:
            count += 1
            for tag, step, clock, value in _scalars(record):
                series.setdefault(tag, []).append((step, clock, value))
                scalars += 1
                if scalars > MOST_SCALARS:
                    raise RefusedError(f"holds more than {MOST_SCALARS:,} numbers, the most that are read of a file")
    except _DamagedError:
        cut = True
    if not count:
        raise RefusedError("no readable event file: its first record is damaged" if content else "empty")
    return Scalars(series, cut)


class _DamagedError(Exception):
    """The rest of the file cannot be read."""


def _records(content: bytes) -> Iterator[bytes]:
    place, view = 0, memoryview(content)
    while place < len(content):
        head = view[place : place + 12]
        if len(head) < 12:  # noqa: PLR2004 - eight bytes of length, four of checksum
            raise _DamagedError
        length, check = struct.unpack("<QI", head)
        end = place + 12 + length
        if _checksum(bytes(head[:8])) != check or end + 4 > len(content):
            raise _DamagedError
        if length > MOST_RECORD_BYTES:
            yield b""
            place = end + 4
            continue
        record = bytes(view[place + 12 : end])
        if _checksum(record) != struct.unpack("<I", view[end : end + 4])[0]:
            raise _DamagedError
        yield record
        place = end + 4


def _table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (_POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _table()


def _checksum(content: bytes) -> int:
    """Return the masked CRC-32C of the format (RFC 3720; rotated and shifted as TFRecord does)."""
    value = _WORD
    for byte in content:
        value = _TABLE[(value ^ byte) & 0xFF] ^ (value >> 8)
    value ^= _WORD
    return (((value >> 15) | (value << 17)) + _MASK) & _WORD


def _scalars(record: bytes) -> Iterator[tuple[str, int, float, float]]:
    clock, step, summaries = 0.0, 0, []
    for number, value in _fields(record):
        if number == 1 and isinstance(value, bytes):
            clock = struct.unpack("<d", value)[0]
        elif number == 2 and isinstance(value, int):  # noqa: PLR2004 - fields as in the docstring of the module
            step = value
        elif number == 5 and isinstance(value, bytes):  # noqa: PLR2004 - as above
            summaries.append(value)
    for summary in summaries:
        for number, value in _fields(summary):
            if number == 1 and isinstance(value, bytes) and (found := _value(value)) is not None:
                yield found[0], step, clock if math.isfinite(clock) else 0.0, found[1]


def _value(content: bytes) -> tuple[str, float] | None:
    tag, scalar = "", None
    for number, value in _fields(content):
        if not isinstance(value, bytes):
            continue
        if number == 1:
            tag = value.decode("utf-8", "replace")
        elif number == 2 and len(value) == 4:  # noqa: PLR2004 - four bytes of a float
            scalar = float(struct.unpack("<f", value)[0])
        elif number == 8:  # noqa: PLR2004 - as above
            scalar = _tensor(value)
    return (tag, scalar) if tag and scalar is not None else None


def _tensor(content: bytes) -> float | None:
    """Return the number of a tensor that holds one, None for any other tensor."""
    kind, raw = 0, b""
    for number, value in _fields(content):
        if number == 1 and isinstance(value, int):
            kind = value
        elif number in {4, 5, 6} and isinstance(value, bytes):
            # Raw bytes, packed floats or packed doubles: one number has the same bytes in each.
            raw = value
    shape = _TENSOR_FORMATS.get(kind)
    if shape is None or len(raw) != struct.calcsize(f"<{shape}"):
        return None
    return float(struct.unpack(f"<{shape}", raw)[0])


def _fields(content: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield (number, value) of a protocol buffer: whole numbers as such, all else as bytes."""
    place = 0
    while place < len(content):
        key, place = _varint(content, place)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            whole, place = _varint(content, place)
            yield number, whole - (1 << 64) if whole >> 63 else whole
            continue
        length = {_FIXED64: 8, _FIXED32: 4}.get(kind)
        if kind == _BYTES:
            length, place = _varint(content, place)
        if length is None or place + length > len(content):
            raise _DamagedError
        yield number, content[place : place + length]
        place += length


def _varint(content: bytes, place: int) -> tuple[int, int]:
    value, shift = 0, 0
    while place < len(content) and shift < _LONGEST_VARINT:
        byte = content[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if not byte & 0x80:
            return value & ((1 << 64) - 1), place
    raise _DamagedError
