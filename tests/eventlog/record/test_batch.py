"""Whole batches, written and read."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventlog.errors import CorruptBatchError, UnsupportedBatchError
from eventlog.record import (
    BatchHeader,
    Codec,
    Record,
    check_batch,
    compress,
    decode_batch,
    encode_batch,
)
from tests.eventlog.record.forge import forge, forge_record

RECORD = forge_record(b"\x01\x01\x00")  # no key, no value, no headers
NOW_MS = 1_700_000_000_000

NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
MAYBE_BYTES = st.none() | st.binary(max_size=200)
RECORDS = st.lists(
    st.builds(
        Record,
        key=MAYBE_BYTES,
        value=MAYBE_BYTES,
        headers=st.lists(st.tuples(NAMES, MAYBE_BYTES), max_size=3).map(tuple),
        timestamp_ms=st.just(-1) | st.integers(0, 2**62),
    ),
    min_size=1,
    max_size=20,
)


def record_at(offset_delta: int, timestamp_delta_ms: int = 0) -> bytes:
    """A record without key and value, for small deltas of 0 or more."""
    body = bytes([0, 2 * timestamp_delta_ms, 2 * offset_delta, 1, 1, 0])
    return bytes([2 * len(body)]) + body


# --- round trips -------------------------------------------------------------------------------


@settings(max_examples=100)
@given(RECORDS, st.sampled_from(Codec), st.integers(0, 2**62))
def test_round_trip(records: list[Record], codec: Codec, base_offset: int) -> None:
    """Records come back as they went in, with dense offsets from the base, by every codec."""
    batch = encode_batch(records, codec=codec, base_offset=base_offset)

    expected = [attrs.evolve(record, offset=base_offset + at) for at, record in enumerate(records)]
    assert expected == decode_batch(batch)
    assert expected == decode_batch(memoryview(bytes(batch)))


@settings(max_examples=50)
@given(RECORDS, st.sampled_from(Codec))
def test_header_of_what_was_written(records: list[Record], codec: Codec) -> None:
    """A batch that we write is accepted on arrival, and its header describes it."""
    batch = encode_batch(
        records, base_offset=77, codec=codec, producer_id=5, producer_epoch=2, base_sequence=9, leader_epoch=4
    )

    header = check_batch(batch)

    timestamps = [record.timestamp_ms for record in records]
    assert len(batch) == header.size_bytes
    assert 77 + len(records) == header.next_offset
    assert (codec, 4, 2) == (header.codec, header.leader_epoch, header.magic)
    assert (5, 2, 9, 8 + len(records)) == (
        header.producer_id,
        header.producer_epoch,
        header.base_sequence,
        header.last_sequence,
    )
    assert (timestamps[0], max(timestamps)) == (header.base_timestamp_ms, header.max_timestamp_ms)
    assert len(records) == header.record_count
    assert header == BatchHeader.parse(batch)


def test_own_offset_is_not_read() -> None:
    """A record that was read elsewhere gets its offset from its place in the new batch."""
    assert [3, 4] == [
        r.offset for r in decode_batch(encode_batch([Record(None, None, offset=9)] * 2, base_offset=3))
    ]


def test_what_is_written_can_grow() -> None:
    """The caller owns the bytearray: no view of it is left behind."""
    batch = encode_batch([Record(b"k", b"v")])

    batch += b"!"

    with pytest.raises(CorruptBatchError):
        check_batch(batch)
    with pytest.raises(CorruptBatchError):
        decode_batch(batch)
    del batch[-1]
    assert 1 == len(decode_batch(batch))


def test_no_records() -> None:
    """A batch of no records cannot be written."""
    with pytest.raises(ValueError, match="at least one record"):
        encode_batch([])


def test_timestamp_before_1970() -> None:
    """A timestamp below -1 cannot be written: -1 already says that there is none."""
    with pytest.raises(ValueError, match="or -1 for none"):
        encode_batch([Record(None, None, timestamp_ms=5), Record(None, None, timestamp_ms=-2)])


# --- timestamps --------------------------------------------------------------------------------


def test_timestamps_are_deltas() -> None:
    """Timestamps count from the first record's, in either direction, and the largest is in the header."""
    times = [NOW_MS, NOW_MS + 500, NOW_MS - 3_600_000, NOW_MS + 2]
    batch = encode_batch([Record(None, None, timestamp_ms=time) for time in times])

    assert times == [record.timestamp_ms for record in decode_batch(batch)]
    assert (NOW_MS, NOW_MS + 500) == (
        check_batch(batch).base_timestamp_ms,
        check_batch(batch).max_timestamp_ms,
    )


def test_append_time() -> None:
    """Where the broker stamped the batch, every record carries that time and not its producer's."""
    records = record_at(0) + record_at(1, timestamp_delta_ms=20)
    fields = {"last_offset_delta": 1, "record_count": 2, "max_timestamp_ms": NOW_MS + 9000}

    stamped = decode_batch(forge(records, attributes=0x08, **fields))
    produced = decode_batch(forge(records, attributes=0x00, **fields))

    assert [NOW_MS + 9000] * 2 == [record.timestamp_ms for record in stamped]
    assert [NOW_MS, NOW_MS + 20] == [record.timestamp_ms for record in produced]


# --- what a reader refuses ---------------------------------------------------------------------


def test_reading_a_control_batch() -> None:
    """A control batch has no records to give."""
    with pytest.raises(UnsupportedBatchError, match=r"offset 0 is a control batch.*skip it"):
        decode_batch(forge(RECORD, attributes=0x20))


def test_reading_an_unknown_codec() -> None:
    """Records packed by an unknown codec cannot be read."""
    with pytest.raises(UnsupportedBatchError, match="codec 6 is unknown"):
        decode_batch(forge(RECORD, attributes=6))


def test_reading_a_transactional_batch() -> None:
    """A transaction's records are records: only their producer is refused."""
    assert 1 == len(decode_batch(forge(RECORD, attributes=0x10)))


@pytest.mark.parametrize(
    ("count", "delta", "complaint"),
    [
        (0, 0, "claims 0 records"),
        (-5, 0, "claims -5 records"),
        (3, 1, "claims 3 records over 2 offsets"),
        (2, 1, "claims 2 records, but holds 7 bytes of them"),
        (2**31 - 1, 2**31 - 1, "claims 2147483647 records, but holds 7 bytes of them"),
    ],
)
def test_false_count(count: int, delta: int, complaint: str) -> None:
    """A count that the bytes cannot hold is refused before any record is read."""
    with pytest.raises(CorruptBatchError, match=complaint):
        decode_batch(forge(RECORD, record_count=count, last_offset_delta=delta))


@pytest.mark.parametrize("codec", [Codec.NONE, Codec.LZ4], ids=lambda codec: codec.name)
def test_bytes_after_the_last_record(codec: Codec) -> None:
    """The counted records fill the batch, packed or not."""
    records = compress(codec, RECORD + b"\x00" * 9)

    with pytest.raises(CorruptBatchError, match="has 9 bytes after its last record"):
        decode_batch(forge(records, attributes=int(codec)))


def test_fewer_records_than_offsets() -> None:
    """A compacted batch keeps its range of offsets and leaves some of them out."""
    batch = forge(record_at(1) + record_at(5), base_offset=10, record_count=2, last_offset_delta=7)

    assert [11, 15] == [record.offset for record in decode_batch(batch)]
    with pytest.raises(CorruptBatchError, match="claims 2 records over 8 offsets"):
        check_batch(batch)


@pytest.mark.parametrize(
    ("first", "second", "complaint"),
    [(0, 0, "record 1 .* has offset 10: offsets grow"), (1, 0, "record 1 .* has offset 10"),
     (0, 4, "record 1 .* has offset 14: offsets grow, up to 13")],
)  # fmt: skip
def test_offsets_that_do_not_grow(first: int, second: int, complaint: str) -> None:
    """Offsets repeat never, go back never, and stay within what the header claims."""
    records = record_at(first) + record_at(second)

    with pytest.raises(CorruptBatchError, match=complaint):
        decode_batch(forge(records, base_offset=10, record_count=2, last_offset_delta=3))


def test_negative_offset_delta() -> None:
    """A record cannot lie before its batch."""
    records = bytes.fromhex("0c" + "00" + "00" + "01" + "01" + "01" + "00")

    with pytest.raises(CorruptBatchError, match=r"record 0 .* has offset 9"):
        decode_batch(forge(records, base_offset=10))


@settings(max_examples=200)
@given(st.binary(max_size=80), st.sampled_from(Codec), st.integers(1, 5))
def test_random_records(noise: bytes, codec: Codec, count: int) -> None:
    """Random bytes in a batch whose checksum is right end in a refusal or in records, nothing else."""
    batch = forge(
        compress(codec, noise), attributes=int(codec), record_count=count, last_offset_delta=count - 1
    )
    try:
        records = decode_batch(batch)
    except CorruptBatchError:
        return
    assert count == len(records)
