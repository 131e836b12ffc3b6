"""Variable-length integers: zigzag, then seven bits a byte, lowest first, high bit = one more follows.

Zigzag maps 0, -1, 1, -2, 2 … to 0, 1, 2, 3, 4 …, so that small numbers of either sign are short.
A varint holds 32 bits in 1 to 5 bytes, a varlong 64 bits in 1 to 10. A number padded with needless
zero bits is read, as every Kafka client reads it; more than 5 (10) bytes or 32 (64) bits is corrupt.

Source: Apache Kafka protocol guide, "Protocol Primitive Types"; the encoding is that of Protocol
Buffers' sint32 and sint64.
"""

from __future__ import annotations

from eventlog.errors import CorruptBatchError
from eventlog.record.buffer import Buffer

VARINT_BYTES_MAX = 5
VARLONG_BYTES_MAX = 10

_SINGLE_BYTES = tuple(bytes((raw,)) for raw in range(0x80))


def encode_varint(value: int) -> bytes:
    """Encode a signed 32-bit number; ValueError when it does not fit."""
    return _encode(value, 32)


def encode_varlong(value: int) -> bytes:
    """Encode a signed 64-bit number; ValueError when it does not fit."""
    return _encode(value, 64)


def decode_varint(buffer: Buffer, position: int, end: int) -> tuple[int, int]:
    """Read a signed 32-bit number at `position`, from bytes before `end`: (value, position after it)."""
    return _decode(buffer, position, end, VARINT_BYTES_MAX, 32)


def decode_varlong(buffer: Buffer, position: int, end: int) -> tuple[int, int]:
    """Read a signed 64-bit number at `position`, from bytes before `end`: (value, position after it)."""
    return _decode(buffer, position, end, VARLONG_BYTES_MAX, 64)


def _encode(value: int, bits: int) -> bytes:
    raw = value << 1 if value >= 0 else ~(value << 1)
    if raw >> bits:
        raise ValueError(f"{value} does not fit {bits} bits")
    if raw < 0x80:
        return _SINGLE_BYTES[raw]
    out = bytearray()
    while raw >= 0x80:
        out.append(raw & 0x7F | 0x80)
        raw >>= 7
    out.append(raw)
    return bytes(out)


def _decode(buffer: Buffer, position: int, end: int, bytes_max: int, bits: int) -> tuple[int, int]:
    assert position >= 0
    assert end <= len(buffer)
    if position < end and buffer[position] < 0x80:  # most numbers of most records
        raw = buffer[position]
        return (raw >> 1) ^ -(raw & 1), position + 1
    raw = shift = 0
    for at in range(position, min(end, position + bytes_max)):
        byte = buffer[at]
        raw |= (byte & 0x7F) << shift
        if byte < 0x80:
            if raw >> bits:
                raise CorruptBatchError(f"number at byte {position} of the records exceeds {bits} bits")
            return (raw >> 1) ^ -(raw & 1), at + 1
        shift += 7
    if end - position < bytes_max:
        raise CorruptBatchError(f"number at byte {position} of the records is cut off at byte {end}")
    raise CorruptBatchError(f"number at byte {position} of the records is longer than {bytes_max} bytes")
