"""The checksum, held against the definition of CRC-32C."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eventlog.record import crc32c


def slow_crc32c(data: bytes) -> int:
    """CRC-32C bit by bit: reflected polynomial 0x82F63B78, all ones before and after."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def test_the_published_check_value() -> None:
    """The checksum is Castagnoli's: "123456789" gives e3069283."""
    assert 0xE3069283 == crc32c(b"123456789")


@given(st.binary(max_size=300))
def test_agrees_with_the_definition(data: bytes) -> None:
    """The hardware's checksum is that of the definition, for every kind of buffer."""
    expected = slow_crc32c(data)

    assert [expected] * 3 == [crc32c(data), crc32c(bytearray(data)), crc32c(memoryview(data))]


@given(st.binary(max_size=100), st.integers(0, 100))
def test_in_pieces(data: bytes, cut: int) -> None:
    """A range can be summed in pieces, each beginning with the sum of those before."""
    assert crc32c(data) == crc32c(data[cut:], crc32c(data[:cut]))
