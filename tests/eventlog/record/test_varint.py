"""Variable-length integers, and the bytes that are none."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.errors import CorruptBatchError
from eventlog.record.varint import decode_varint, decode_varlong, encode_varint, encode_varlong

Decode = Callable[[bytes, int, int], tuple[int, int]]
both = pytest.mark.parametrize(("decode", "bytes_max"), [(decode_varint, 5), (decode_varlong, 10)])


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (0, "00"),
        (-1, "01"),
        (1, "02"),
        (63, "7e"),
        (-64, "7f"),
        (64, "8001"),
        (-65, "8101"),
        (300, "d804"),
        (2**31 - 1, "feffffff0f"),
        (-(2**31), "ffffffff0f"),
    ],
)
def test_known_varints(value: int, encoded: str) -> None:
    """Small numbers of either sign take one byte, the largest five."""
    data = bytes.fromhex(encoded)

    assert data == encode_varint(value)
    assert data == encode_varlong(value)
    assert (value, len(data)) == decode_varint(data, 0, len(data))
    assert (value, len(data)) == decode_varlong(data, 0, len(data))


@pytest.mark.parametrize(
    ("value", "encoded"),
    [(2**63 - 1, "feffffffffffffffff01"), (-(2**63), "ffffffffffffffffff01")],
)
def test_known_varlongs(value: int, encoded: str) -> None:
    """The largest numbers of 64 bits take ten bytes."""
    data = bytes.fromhex(encoded)

    assert data == encode_varlong(value)
    assert (value, 10) == decode_varlong(data, 0, 10)


@given(st.integers(-(2**31), 2**31 - 1), st.binary(max_size=3), st.binary(max_size=3))
def test_varint_round_trip(value: int, before: bytes, after: bytes) -> None:
    """A 32-bit number is read back from the middle of other bytes, and nothing after it is touched."""
    data = before + encode_varint(value) + after

    assert (value, len(data) - len(after)) == decode_varint(data, len(before), len(data))


@given(st.integers(-(2**63), 2**63 - 1), st.binary(max_size=3), st.binary(max_size=3))
def test_varlong_round_trip(value: int, before: bytes, after: bytes) -> None:
    """A 64-bit number is read back from the middle of other bytes, and nothing after it is touched."""
    data = before + encode_varlong(value) + after

    assert (value, len(data) - len(after)) == decode_varlong(data, len(before), len(data))


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1])
def test_varint_too_large(value: int) -> None:
    """A number beyond 32 bits is a caller's mistake."""
    with pytest.raises(ValueError, match="does not fit 32 bits"):
        encode_varint(value)


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1])
def test_varlong_too_large(value: int) -> None:
    """A number beyond 64 bits is a caller's mistake."""
    with pytest.raises(ValueError, match="does not fit 64 bits"):
        encode_varlong(value)


@both
def test_cut_off(decode: Decode, bytes_max: int) -> None:
    """A number that goes on past the end is corrupt at every length, the empty one included."""
    for length in range(bytes_max):
        with pytest.raises(CorruptBatchError, match=f"byte 0 of the records is cut off at byte {length}"):
            decode(b"\x80" * length, 0, length)


@both
def test_end_is_respected(decode: Decode, bytes_max: int) -> None:
    """Bytes at and after `end` are never read, even where they would complete the number."""
    with pytest.raises(CorruptBatchError, match="cut off at byte 2"):
        decode(b"\x80\x80\x01", 0, 2)
    with pytest.raises(CorruptBatchError, match="cut off at byte 1"):
        decode(b"\x00\x00\x00", 1, 1)


@both
def test_too_long(decode: Decode, bytes_max: int) -> None:
    """A number of more bytes than its type can take is corrupt, however many there are."""
    with pytest.raises(CorruptBatchError, match=f"longer than {bytes_max} bytes"):
        decode(b"\x80" * bytes_max + b"\x01", 0, bytes_max + 1)


@pytest.mark.parametrize(
    ("decode", "encoded", "bits"),
    [(decode_varint, "ffffffff10", 32), (decode_varlong, "ffffffffffffffffff02", 64)],
)
def test_too_many_bits(decode: Decode, encoded: str, bits: int) -> None:
    """A number that has the right length but more bits than its type is corrupt, not cut down."""
    data = bytes.fromhex(encoded)

    with pytest.raises(CorruptBatchError, match=f"exceeds {bits} bits"):
        decode(data, 0, len(data))


@both
def test_padded(decode: Decode, bytes_max: int) -> None:
    """A number padded with needless zero bits is read, as other clients read it."""
    data = b"\x82" + b"\x80" * (bytes_max - 2) + b"\x00"

    assert (1, bytes_max) == decode(data, 0, bytes_max)
