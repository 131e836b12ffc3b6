"""Metadata files: readable, checksummed, and refused with the file's name where they are not whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.errors import DamagedMetadataError, DataDirectoryError, NewerFormatError
from eventlog.record import crc32c
from eventlog.storage.checked_json import pack_json, unpack_json

PATH = Path("topics/gpu/topic.json")
BODY = {
    "name": "gpu.telemetry",
    "partitions": 12,
    "settings": {"retention.ms": -1, "gputail.damaged": "skip"},
}
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), values, max_size=5))
def test_the_body_comes_back(body: dict[str, Any]) -> None:
    """Any JSON object, whatever its text."""
    assert body == unpack_json(pack_json(body), PATH)


def test_the_file_is_for_people() -> None:
    """It ends with a line's end, has one value on a line, and its keys are sorted."""
    text = pack_json({"b": 1, "a": "x"}).decode()
    assert ["{", ' "body": {', '  "a": "x",', '  "b": 1', " },"] == text.splitlines()[:5]
    assert text.endswith("}\n")


def test_the_checksum_is_that_of_the_compact_body() -> None:
    """As the module's docstring says, so that others can compute it."""
    envelope = json.loads(pack_json({"b": [1, 2], "a": "x"}))
    checksum = crc32c(b'{"a":"x","b":[1,2]}')
    assert f"{checksum:08x}" == envelope["crc32c"]


def test_a_copy_that_was_formatted_anew_is_the_same() -> None:
    """Order and white space are not part of what is checked."""
    compact = json.dumps(json.loads(pack_json(BODY)), separators=(",", ":")).encode()
    assert BODY == unpack_json(compact, PATH)


def test_every_flipped_bit_is_refused() -> None:
    """One bit anywhere in the file, and it is not believed."""
    data = pack_json(BODY)
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DataDirectoryError, match=r"topics/gpu/topic\.json"):
            unpack_json(bytes(damaged), PATH)


def test_every_cut_is_refused() -> None:
    """A file that ends early is not believed, but for the line's end after the last brace."""
    data = pack_json(BODY)
    for size in range(len(data) - 1):
        with pytest.raises(DamagedMetadataError):
            unpack_json(data[:size], PATH)
    assert BODY == unpack_json(data[:-1], PATH)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(512),
        b"null",
        b"[]",
        b"7",
        b"{}",
        b'{"format": 1, "body": {}}',
        b'{"format": 1, "crc32c": "7d0b1b6a"}',
        b'{"crc32c": "7d0b1b6a", "body": {}}',
        b'{"format": 0, "crc32c": "7d0b1b6a", "body": {}}',
        b'{"format": "2", "crc32c": "7d0b1b6a", "body": {}}',
        b'{"format": null, "crc32c": "7d0b1b6a", "body": {}}',
        b"\xff\xfe",
    ],
)
def test_what_is_no_metadata_file(data: bytes) -> None:
    """Anything but an envelope of this format names the file and says what to do."""
    with pytest.raises(DamagedMetadataError) as raised:
        unpack_json(data, PATH)
    assert f"{PATH} does not match its checksum; restore it from a copy" == str(raised.value)


def test_the_body_is_an_object() -> None:
    """A list with a good checksum is not what is wanted."""
    envelope = json.loads(pack_json({}))
    others: list[Any] = [[], "text", 7]
    for body in others:
        data = pack_json(body)
        assert envelope.keys() == json.loads(data).keys()
        with pytest.raises(DamagedMetadataError):
            unpack_json(data, PATH)


def test_a_newer_format_says_to_upgrade() -> None:
    """Its checksum may be another one, so it is not asked."""
    with pytest.raises(NewerFormatError, match=r"topic\.json has format 2, this gputail knows 1; upgrade"):
        unpack_json(b'{"format": 2, "crc32c": "?", "body": {}}', PATH)
