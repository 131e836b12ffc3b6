"""The fixed part of a batch: its places, its bits, its sequence numbers."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.errors import CorruptBatchError, UnsupportedBatchError
from eventlog.record import HEADER, HEADER_BYTES, BatchHeader, Codec, next_sequence
from tests.eventlog.record.forge import PLAIN

INT64 = st.integers(-(2**63), 2**63 - 1)
INT32 = st.integers(-(2**31), 2**31 - 1)
INT16 = st.integers(-(2**15), 2**15 - 1)
HEADERS = st.builds(
    BatchHeader,
    base_offset=INT64,
    batch_length=INT32,
    leader_epoch=INT32,
    magic=st.integers(-128, 127),
    crc=st.integers(0, 2**32 - 1),
    attributes=INT16,
    last_offset_delta=INT32,
    base_timestamp_ms=INT64,
    max_timestamp_ms=INT64,
    producer_id=INT64,
    producer_epoch=INT16,
    base_sequence=INT32,
    record_count=INT32,
)


def test_each_field_has_its_place() -> None:
    """Every field is read from the bytes that the format gives it."""
    data = bytes(range(1, HEADER_BYTES + 1))

    def number(start: int, end: int) -> int:
        return int.from_bytes(data[start:end], "big")

    expected = BatchHeader(
        base_offset=number(0, 8),
        batch_length=number(8, 12),
        leader_epoch=number(12, 16),
        magic=number(16, 17),
        crc=number(17, 21),
        attributes=number(21, 23),
        last_offset_delta=number(23, 27),
        base_timestamp_ms=number(27, 35),
        max_timestamp_ms=number(35, 43),
        producer_id=number(43, 51),
        producer_epoch=number(51, 53),
        base_sequence=number(53, 57),
        record_count=number(57, 61),
    )
    assert expected == BatchHeader.parse(data)
    assert data == expected.pack()
    assert HEADER_BYTES == HEADER.size


@given(HEADERS, st.integers(0, 5), st.binary(max_size=3))
def test_round_trip(header: BatchHeader, position: int, after: bytes) -> None:
    """Whatever the fields hold, a header is read back as it was, at any position and from any buffer."""
    data = bytes(position) + header.pack() + after

    assert header == BatchHeader.parse(data, position)
    assert header == BatchHeader.parse(memoryview(bytearray(data)), position)


@pytest.mark.parametrize("position", [0, 7, 100])
def test_too_few_bytes(position: int) -> None:
    """Fewer than 61 bytes are no header, and the error says how many are there, and where."""
    data = bytes(position + HEADER_BYTES - 1)

    with pytest.raises(CorruptBatchError, match=f"takes 61 bytes, 60 are left at byte {position}"):
        BatchHeader.parse(data, position)


def test_past_the_end() -> None:
    """A position beyond the bytes leaves none of them."""
    with pytest.raises(CorruptBatchError, match="0 are left at byte 99"):
        BatchHeader.parse(bytes(10), 99)


def test_offsets_and_size() -> None:
    """The size counts the twelve bytes that the length does not; the next offset follows the last."""
    header = attrs.evolve(PLAIN, base_offset=1000, last_offset_delta=9, batch_length=49)

    assert 61 == header.size_bytes
    assert 1009 == header.last_offset
    assert 1010 == header.next_offset


@pytest.mark.parametrize("codec", list(Codec))
def test_codec(codec: Codec) -> None:
    """The codec is the lowest three bits, whatever the others are."""
    assert codec is attrs.evolve(PLAIN, attributes=int(codec)).codec
    assert codec is attrs.evolve(PLAIN, attributes=int(codec) | 0x7FF8).codec


@pytest.mark.parametrize("number", [5, 6, 7])
def test_unknown_codec(number: int) -> None:
    """A codec number that means nothing is refused when it is asked for, and the error says what to set."""
    header = BatchHeader.parse(attrs.evolve(PLAIN, attributes=number).pack())

    with pytest.raises(UnsupportedBatchError, match=f"codec {number} is unknown: set the producer"):
        _ = header.codec


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [(0x00, (False, False, False)), (0x08, (True, False, False)), (0x10, (False, True, False)),
     (0x20, (False, False, True)), (0x3F, (True, True, True)), (0x47, (False, False, False))],
)  # fmt: skip
def test_attribute_bits(attributes: int, expected: tuple[bool, bool, bool]) -> None:
    """Append time, transactional and control are bits 3, 4 and 5, and no others."""
    header = attrs.evolve(PLAIN, attributes=attributes)

    assert expected == (header.uses_append_time, header.is_transactional, header.is_control)


def test_idempotent() -> None:
    """A producer id of 0 or more says that the producer is idempotent."""
    assert not PLAIN.is_idempotent
    assert attrs.evolve(PLAIN, producer_id=0).is_idempotent


@pytest.mark.parametrize(
    ("sequence", "count", "expected"),
    [
        (0, 1, 1),
        (0, 0, 0),
        (2**31 - 1, 0, 2**31 - 1),
        (2**31 - 1, 1, 0),
        (2**31 - 2, 1, 2**31 - 1),
        (2**31 - 1, 2**31 - 1, 2**31 - 2),
        (2**31 - 3, 5, 2),
    ],
)
def test_next_sequence(sequence: int, count: int, expected: int) -> None:
    """Sequence numbers start again at 0 after 2**31 - 1."""
    assert expected == next_sequence(sequence, count)


@pytest.mark.parametrize(
    ("base_sequence", "delta", "expected"),
    [(-1, 9, -1), (0, 9, 9), (2**31 - 5, 4, 2**31 - 1), (2**31 - 5, 5, 0)],
)
def test_last_sequence(base_sequence: int, delta: int, expected: int) -> None:
    """The last record's sequence number wraps with the others; without a base there is none."""
    header = attrs.evolve(PLAIN, base_sequence=base_sequence, last_offset_delta=delta)

    assert expected == header.last_sequence
