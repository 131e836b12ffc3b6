"""Files of offsets: what is exported is read back, and what is wrong is named with its line."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.client.description import TopicPartition
from eventlog.remote.group.offsets_csv import (
    FiledOffset,
    OffsetsFileError,
    check_known,
    format_offsets,
    parse_offsets,
)

HEADER = "topic,partition,offset\n"
PARTITIONS = st.builds(
    TopicPartition,
    st.text("abcXYZ019._-", min_size=1, max_size=20).filter(lambda name: name not in {".", ".."}),
    st.integers(0, 2**31 - 1),
)


@given(st.dictionaries(PARTITIONS, st.integers(0, 2**63 - 1), min_size=1))
def test_what_is_written_is_read_back(offsets: dict[TopicPartition, int]) -> None:
    """Any offsets; each with its line, in order of the partitions."""
    found = parse_offsets(format_offsets(offsets).encode(), "f")

    assert sorted(offsets) == list(found)
    assert offsets == {at: filed.offset for at, filed in found.items()}
    assert list(range(2, 2 + len(offsets))) == [filed.line for filed in found.values()]


@pytest.mark.parametrize("data", ["\ufefftopic,partition,offset\r\nt, 3 ,7\r\n\r\n", HEADER + "t,3,7"])
def test_files_of_other_programs(data: str) -> None:
    """A byte order mark, other line ends, empty lines and blanks around numbers are borne."""
    assert {TopicPartition("t", 3): FiledOffset(7, 2)} == parse_offsets(data.encode(), "f")


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "f, line 1: the header topic,partition,offset is wanted"),
        (b"t,0,1\n", "f, line 1: the header topic,partition,offset is wanted"),
        (HEADER.encode(), "f has no offsets"),
        (b"\xff\xfe", "f is not UTF-8 text"),
        (f"{HEADER}t,0,1\nt,0\n".encode(), "f, line 3: topic,partition,offset are wanted, and 2 columns"),
        (f"{HEADER}t,0,1\nt,0,2\n".encode(), "f, line 3: t/0 is there a second time"),
        (f"{HEADER}t,0,ten\n".encode(), "f, line 2: offset 'ten' is not a whole number from 0 on"),
        (f"{HEADER}t,-1,1\n".encode(), "f, line 2: partition '-1' is not a whole number from 0 on"),
        (f"{HEADER}t,0,{2**63}\n".encode(), "f, line 2: offset '9223372036854775808' is not"),
        (f"{HEADER}t,{2**31},1\n".encode(), "f, line 2: partition '2147483648' is not"),
        (f"{HEADER}a b,0,1\n".encode(), "f, line 2: "),
        (f'{HEADER}"t,0,1\n'.encode(), "f, line 2: "),
    ],
)
def test_what_cannot_be_is_named_with_its_line(data: bytes, complaint: str) -> None:
    """One line says which file, which line and what."""
    with pytest.raises(OffsetsFileError, match=re.escape(complaint)) as refused:
        parse_offsets(data, "f")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("u,0,1", "f, line 3: there is no topic 'u'"),
        ("t,2,1", "f, line 3: the topic 't' has no partition 2; its last one is 1"),
    ],
)
def test_partitions_that_are_not_there(row: str, complaint: str) -> None:
    """The line of the first one is told."""
    filed = parse_offsets(f"{HEADER}t,1,1\n{row}\n".encode(), "f")

    with pytest.raises(OffsetsFileError, match=re.escape(complaint)):
        check_known(filed, {"t": 2}, "f")
