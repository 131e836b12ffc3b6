"""The records of the offsets log: their bytes, and what is not believed."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.errors import CorruptBatchError, NewerFormatError
from eventlog.group.committed import (
    Change,
    Committed,
    GroupForgotten,
    GroupOccupied,
    OffsetCommitted,
    OffsetForgotten,
    TopicForgotten,
)
from eventlog.group.offset_record import decode_change, encode_change
from eventlog.record import Record
from tests.eventlog.group.offset_changes import NOW_MS

ID = uuid.UUID("163bb7c9-78f4-4e1b-bcba-6f4ad091c894")
ID_HEX = "163bb7c978f44e1bbcba6f4ad091c894"
GOLDEN: list[tuple[Change, str, str | None]] = [
    (
        OffsetCommitted("grp", "t.é", 3, Committed(4711, 2, "m", 1_700_000_000_123, ID)),
        "000101" + "0003677270" + "0004742ec3a9" + "00000003",
        "0001" + "0000000000001267" + "00000002" + "00016d" + "0000018bcfe5687b" + ID_HEX,
    ),
    (OffsetForgotten("grp", "t", 3), "000101" + "0003677270" + "000174" + "00000003", None),
    (
        GroupOccupied("grp", "consumer", None),
        "000102" + "0003677270",
        "0001" + "0008636f6e73756d6572" + "ffffffffffffffff",
    ),
    (GroupOccupied("grp", "", 5), "000102" + "0003677270", "0001" + "0000" + "0000000000000005"),
    (GroupForgotten("grp"), "000102" + "0003677270", None),
    (TopicForgotten(ID), "000103" + ID_HEX, None),
]
CASES = pytest.mark.parametrize(
    ("change", "key", "value"), GOLDEN, ids=[f"{type(c).__name__}{n}" for n, (c, *_) in enumerate(GOLDEN)]
)


@CASES
def test_golden_bytes(change: Change, key: str, value: str | None) -> None:
    """Files of today are read by every later version: no byte of a record changes unnoticed."""
    record = Record(bytes.fromhex(key), None if value is None else bytes.fromhex(value), (), NOW_MS)
    assert record == encode_change(change, NOW_MS)
    assert change == decode_change(record)


TEXTS = st.text(max_size=20)
IDS = st.uuids()
CHANGES: st.SearchStrategy[Change] = st.one_of(
    st.builds(
        OffsetCommitted,
        TEXTS,
        TEXTS,
        st.integers(0, 2**31 - 1),
        st.builds(
            Committed,
            st.integers(0, 2**63 - 1),
            st.integers(-1, 2**31 - 1),
            TEXTS,
            st.integers(0, 2**62),
            IDS,
        ),
    ),
    st.builds(OffsetForgotten, TEXTS, TEXTS, st.integers(0, 2**31 - 1)),
    st.builds(GroupOccupied, TEXTS, TEXTS, st.none() | st.integers(0, 2**62)),
    st.builds(GroupForgotten, TEXTS),
    st.builds(TopicForgotten, IDS),
)


@given(CHANGES)
def test_what_is_written_is_read(change: Change) -> None:
    """Every change comes back."""
    assert change == decode_change(encode_change(change, NOW_MS))


@CASES
def test_a_newer_version_is_refused(change: Change, key: str, value: str | None) -> None:
    """In the key and in the value, and the user is told to upgrade."""
    record = encode_change(change, NOW_MS)
    assert record.key is not None
    newer = [Record(b"\x00\x02" + record.key[2:], record.value)]
    if record.value is not None:
        newer.append(Record(record.key, b"\x00\x02" + record.value[2:]))
    for each in newer:
        with pytest.raises(NewerFormatError, match="has version 2, this gputail knows 1; upgrade"):
            decode_change(each)


@CASES
def test_a_record_of_another_length_is_corrupt(change: Change, key: str, value: str | None) -> None:
    """One that was cut at any byte, or goes on, says nothing."""
    record = encode_change(change, NOW_MS)
    assert record.key is not None
    bad = [Record(record.key[:size], record.value) for size in range(len(record.key))]
    bad.append(Record(record.key + b"\0", record.value))
    if record.value is not None:
        bad += [Record(record.key, record.value[:size]) for size in range(len(record.value))]
        bad.append(Record(record.key, record.value + b"\0"))
    for each in bad:
        with pytest.raises(CorruptBatchError):
            decode_change(each)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (None, None),
        ("000001", None),
        ("000104" + ID_HEX, None),
        ("000103" + ID_HEX, "0001"),
        ("0001020001ff", None),
    ],
    ids=["no key", "version 0", "unknown kind", "a topic with a value", "not UTF-8"],
)
def test_what_no_version_has_written(key: str | None, value: str | None) -> None:
    """Records that are no changes are corrupt, not newer."""
    with pytest.raises(CorruptBatchError):
        decode_change(
            Record(
                None if key is None else bytes.fromhex(key), None if value is None else bytes.fromhex(value)
            )
        )
