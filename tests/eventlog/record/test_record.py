"""One record: its bytes, and lengths and counts that lie."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.errors import CorruptBatchError
from eventlog.record import Record, decode_batch
from eventlog.record.record import RECORD_BYTES_MIN, decode_record, encode_record
from eventlog.record.varint import encode_varint
from tests.eventlog.record.forge import forge, forge_record

ABSENT = b"\x01"
EMPTY = b"\x00"
NO_HEADERS = b"\x00"
HUGE = encode_varint(2**31 - 1)
NEGATIVE = encode_varint(-2)
LOWEST = encode_varint(-(2**31))


def decode(data: bytes) -> tuple[Record, int]:
    return decode_record(data, 0, base_offset=100, base_timestamp_ms=5000)


def test_smallest_record() -> None:
    """A record of nothing takes seven bytes, the bound that counts are held against."""
    data = encode_record(Record(None, None), offset_delta=0, base_timestamp_ms=-1)

    assert bytes.fromhex("0c000000010100") == data
    assert RECORD_BYTES_MIN == len(data)


def test_every_field() -> None:
    """Each field is written and read in its place."""
    record = Record(b"ab", b"xyz", (("n", b"1"), ("m", None)), timestamp_ms=4997, offset=103)
    data = bytes.fromhex(
        "22"  # 17 bytes
        "00"  # attributes
        "05"  # 3 ms before the base
        "06"  # third after the base
        "046162"  # key
        "0678797a"  # value
        "04"  # two headers
        "026e0231"
        "026d01"
    ).replace(b"\x22", bytes([2 * 18]), 1)

    assert data == encode_record(record, offset_delta=3, base_timestamp_ms=5000)
    assert (record, len(data)) == decode(data)


@given(st.integers(0, 255))
def test_attributes_are_not_read(attributes: int) -> None:
    """The record's own attributes mean nothing yet, and stop nobody."""
    data = bytearray(encode_record(Record(b"k", b"v"), offset_delta=0, base_timestamp_ms=-1))
    data[1] = attributes

    assert b"k" == decode(bytes(data))[0].key


def test_absent_is_not_empty() -> None:
    """No key and an empty key are two things, and so are values, a header's too."""
    record = Record(None, b"", (("a", None), ("b", b""), ("", b"")), 5000, 100)
    mirror = Record(b"", None, (), 5000, 100)

    for each in (record, mirror):
        assert each == decode(encode_record(each, offset_delta=0, base_timestamp_ms=5000))[0]


def test_header_name_that_is_no_text() -> None:
    """A header's name that is not UTF-8 is read with the replacement character; its record stays readable."""
    data = forge_record(ABSENT + ABSENT + b"\x02" + b"\x04\xffx" + b"\x02v")

    assert (("\ufffdx", b"v"),) == decode(data)[0].headers


NOTHING = ABSENT + ABSENT + NO_HEADERS
NO_KEY_NO_VALUE = ABSENT + ABSENT

MALFORMED = {
    "record length huge": (forge_record(b"", length=2**31 - 1), "byte 0 of the records claims 2147483647"),
    "record length negative": (forge_record(NOTHING, length=-1), "claims -1 bytes, 6 are left"),
    "record length lowest": (forge_record(b"", length=-(2**31)), "claims -2147483648 bytes"),
    "record length 0": (forge_record(NOTHING, length=0), "claims 0 bytes"),
    "record length 5": (forge_record(NOTHING, length=5), "claims 5 bytes"),
    "record one byte too long": (forge_record(NOTHING, length=7), "claims 7 bytes, 6 are left"),
    "record one byte too short": (forge_record(b"\x02k" + ABSENT + NO_HEADERS, length=6), "off at byte 7"),
    "bytes after the headers": (forge_record(NOTHING + b"!"), "ends at byte 7, its length says 8"),
    "key length huge": (forge_record(HUGE + NOTHING), "length 2147483647 at byte 4 .* has 3 bytes left"),
    "key length negative": (forge_record(NEGATIVE + ABSENT + NO_HEADERS), "length -2 at byte 4"),
    "key length lowest": (forge_record(LOWEST + ABSENT + NO_HEADERS), "length -2147483648 at byte 4"),
    "key one byte beyond": (forge_record(b"\x08kkk"), "length 4 at byte 4 .* has 3 bytes left"),
    "key fills the record": (forge_record(b"\x06kkk"), "number at byte 8 .* cut off at byte 8"),
    "value length huge": (forge_record(ABSENT + HUGE + NO_HEADERS), "length 2147483647 at byte 5"),
    "value length negative": (forge_record(ABSENT + NEGATIVE + NO_HEADERS), "length -2 at byte 5"),
    "header count huge": (
        forge_record(NO_KEY_NO_VALUE + HUGE),
        "2147483647 headers at byte 6 .* has 0 bytes",
    ),
    "header count negative": (forge_record(NO_KEY_NO_VALUE + b"\x01"), "-1 headers at byte 6"),
    "header count too high": (forge_record(NO_KEY_NO_VALUE + b"\x04" + EMPTY + ABSENT), "2 headers .* has 2"),
    "header count too low": (forge_record(NO_KEY_NO_VALUE + b"\x02" + EMPTY * 4), "ends at byte 9"),
    "header name absent": (forge_record(NO_KEY_NO_VALUE + b"\x02" + ABSENT * 2), "at byte 7 .* has no name"),
    "header name beyond": (forge_record(NO_KEY_NO_VALUE + b"\x02\x06ab"), "length 3 at byte 7"),
    "header value beyond": (forge_record(NO_KEY_NO_VALUE + b"\x02" + EMPTY + b"\x04a"), "length 2 at byte 8"),
    "number too long": (forge_record(b"\x80" * 6 + ABSENT * 3), "at byte 4 .* longer than 5 bytes"),
    "number too large": (forge_record(b"\xff\xff\xff\xff\x7f" + ABSENT * 3), "at byte 4 .* exceeds 32 bits"),
    "length too long": (b"\x80" * 6 + b"\x00", "at byte 0 .* longer than 5 bytes"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed(name: str) -> None:
    """A length or count that does not fit the bytes is refused, and the error says where."""
    data, complaint = MALFORMED[name]

    with pytest.raises(CorruptBatchError, match=complaint):
        decode(data)


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_in_a_batch(name: str) -> None:
    """The same record in a batch whose checksum is right is refused as well."""
    with pytest.raises(CorruptBatchError):
        decode_batch(forge(MALFORMED[name][0]))


def test_lies_cost_no_memory() -> None:
    """No length or count makes the reader allocate for bytes that are not there."""
    batches = [forge(data) for data, _ in MALFORMED.values()]
    tracemalloc.start()
    try:
        for batch in batches:
            with pytest.raises(CorruptBatchError):
                decode_batch(batch)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert 1_000_000 > peak_bytes


def test_neighbour_is_out_of_reach() -> None:
    """A key that runs past its record is refused, though the next record's bytes are there."""
    first = forge_record(b"\x10" + b"kkk" + ABSENT + NO_HEADERS)
    second = forge_record(ABSENT + ABSENT + NO_HEADERS)

    with pytest.raises(CorruptBatchError, match=r"length 8 at byte 4 .* has 5 bytes left"):
        decode(first + second)
