"""The primitives, forth and back, and what is none."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.protocol import ProtocolError
from eventlog.protocol.reader import ELEMENTS_MAX, STRING_BYTES_MAX, Reader
from eventlog.protocol.writer import Writer, unsigned_varint

Read = Callable[[Reader], Any]
both = pytest.mark.parametrize("flexible", [False, True], ids=["legacy", "compact"])


def written(write: Callable[[Writer], None], *, flexible: bool) -> bytes:
    writer = Writer(flexible=flexible)
    write(writer)
    return writer.take()


# --- forth and back ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "encoded"),
    [(0, "00"), (1, "01"), (127, "7f"), (128, "8001"), (300, "ac02"), (2**32 - 1, "ffffffff0f")],
)
def test_known_varints(value: int, encoded: str) -> None:
    """Small numbers take one byte, the largest five."""
    data = bytes.fromhex(encoded)
    assert data == unsigned_varint(value)
    assert value == Reader(data, flexible=True).unsigned_varint("n")


@given(st.integers(0, 2**32 - 1))
def test_varint_round_trip(value: int) -> None:
    """Any number of 32 bits is read back, and nothing after it is touched."""
    data = unsigned_varint(value)
    reader = Reader(data + b"\xff", flexible=True)
    assert value == reader.unsigned_varint("n")
    assert len(data) == reader.position


def test_a_padded_varint() -> None:
    """A number padded with needless zero bits is read, as other brokers read it."""
    assert 1 == Reader(b"\x81\x80\x80\x80\x00", flexible=True).unsigned_varint("n")


@both
@given(text=st.none() | st.text(max_size=200))
def test_string_round_trip(text: str | None, flexible: bool) -> None:
    """Text and null are read back, from bytes of any kind."""
    data = written(lambda writer: writer.nullable_string(text), flexible=flexible)
    for buffer in (data, bytearray(data), memoryview(data)):
        reader = Reader(buffer, flexible=flexible)
        assert text == reader.nullable_string("text")
        reader.finish()


@both
def test_bytes_are_views(flexible: bool) -> None:
    """Bytes are not copied: what is written into the view is written into the buffer."""
    data = bytearray(written(lambda writer: writer.count(3), flexible=flexible) + b"abc")
    view = Reader(data, flexible=flexible).nullable_view("bytes")
    assert view is not None
    view[0:1] = b"-"
    assert data.endswith(b"-bc")
    assert b"-bc" == Reader(data, flexible=flexible).data("bytes")


def test_numbers() -> None:
    """Numbers are big-endian and signed; any but 0 is true."""
    numbers = (-1, -2, -3, -4, 2)
    reader = Reader(struct.pack(">bhiqb", *numbers), flexible=False)
    assert (-1, -2, -3, -4) == (reader.int8("a"), reader.int16("b"), reader.int32("c"), reader.int64("d"))
    assert reader.boolean("e") is True
    assert Reader(b"\x00", flexible=False).boolean("e") is False


def test_uuids() -> None:
    """The id of all zeros is none."""
    some = uuid.UUID(int=7)
    assert some == Reader(some.bytes, flexible=True).uuid("id")
    assert Reader(bytes(16), flexible=True).uuid("id") is None


def test_tags_are_passed_over() -> None:
    """Tagged fields of any number and size end a struct of the compact kind, and of no other."""
    reader = Reader(b"\x02\x00\x03abc\x85\x01\x00rest", flexible=True)
    reader.skip_tags()
    assert 9 == reader.position
    legacy = Reader(b"rest", flexible=False)
    legacy.skip_tags()
    assert 0 == legacy.position


@both
def test_null_is_told_apart(flexible: bool) -> None:
    """Null is None where it may be, and an error where it may not."""
    string = b"\x00" if flexible else b"\xff\xff"
    longer = b"\x00" if flexible else b"\xff\xff\xff\xff"
    nullable: list[tuple[bytes, Read, Read]] = [
        (string, lambda reader: reader.nullable_string("x"), lambda reader: reader.string("x")),
        (longer, lambda reader: reader.nullable_view("x"), lambda reader: reader.data("x")),
        (longer, lambda reader: reader.nullable_count(1, "x"), lambda reader: reader.count(1, "x")),
    ]
    for data, may, must in nullable:
        assert may(Reader(data, flexible=flexible)) is None
        with pytest.raises(ProtocolError, match=r"x before byte \d is null"):
            must(Reader(data, flexible=flexible))
    assert Reader(b"\xff\xff", flexible=flexible).legacy_nullable_string("x") is None
    assert "a" == Reader(b"\x00\x01a", flexible=flexible).legacy_nullable_string("x")


# --- what is refused ---------------------------------------------------------------------------

LYING: list[tuple[str, bool, Read, str]] = [
    # bytes, compact, how they are read, what is said
    ("", False, lambda reader: reader.int8("x"), "x at byte 0 takes 1 bytes, 0 are left"),
    ("000000", False, lambda reader: reader.int32("x"), "x at byte 0 takes 4 bytes, 3 are left"),
    ("00" * 15, False, lambda reader: reader.uuid("x"), "x at byte 0 takes 16 bytes, 15 are left"),
    ("000361", False, lambda reader: reader.string("x"), "x at byte 2 takes 3 bytes, 1 are left"),
    ("fffe61", False, lambda reader: reader.string("x"), "x at byte 2 takes -2 bytes"),
    ("0461", True, lambda reader: reader.string("x"), "x at byte 1 takes 3 bytes, 1 are left"),
    ("818002" + "61", True, lambda reader: reader.string("x"), "claims 32768 bytes, more than 32767"),
    ("ffffffff0f", True, lambda reader: reader.string("x"), "claims 4294967294 bytes"),
    ("0002ff41", False, lambda reader: reader.string("x"), "x at byte 2 is not UTF-8"),
    ("7fffffff61", False, lambda reader: reader.data("x"), "takes 2147483647 bytes, 1 are left"),
    ("80000000", False, lambda reader: reader.data("x"), "takes -2147483648 bytes, 0 are left"),
    ("ffffffff0f", True, lambda reader: reader.data("x"), "takes 4294967294 bytes, 0 are left"),
    ("0000000361", False, lambda reader: reader.count(1, "x"), "claims 3 elements, 1 bytes are left"),
    ("00000001616161", False, lambda reader: reader.count(4, "x"), "claims 1 elements, 3 bytes"),
    ("fffffffe", False, lambda reader: reader.count(1, "x"), "claims -2 elements"),
    ("ffffffff0f", True, lambda reader: reader.count(1, "x"), "claims 4294967294 elements"),
    ("8080808080", True, lambda reader: reader.unsigned_varint("x"), "number of more than 5 bytes"),
    ("808080808001", True, lambda reader: reader.unsigned_varint("x"), "number of more than 5 bytes"),
    ("8080808010", True, lambda reader: reader.unsigned_varint("x"), "x at byte 0 exceeds 32 bits"),
    ("808080", True, lambda reader: reader.unsigned_varint("x"), "x at byte 0 takes 4 bytes, 3 are left"),
    ("", True, lambda reader: reader.unsigned_varint("x"), "x at byte 0 takes 1 bytes, 0 are left"),
    ("0200", True, lambda reader: reader.skip_tags(), "tags at byte 1 claims 2 elements, 1 bytes"),
    ("010005", True, lambda reader: reader.skip_tags(), "tag at byte 3 takes 5 bytes, 0 are left"),
    ("ffffffff0f", True, lambda reader: reader.skip_tags(), "claims 4294967295 elements"),
    ("0000", False, lambda reader: reader.finish(), "2 bytes follow the request's end"),
]


@pytest.mark.parametrize(("encoded", "flexible", "read", "message"), LYING)
def test_what_does_not_fit(encoded: str, flexible: bool, read: Read, message: str) -> None:
    """A length or count beyond the bytes that are there is named, with its place."""
    for buffer in (bytes.fromhex(encoded), bytearray.fromhex(encoded)):
        with pytest.raises(ProtocolError, match=message):
            read(Reader(buffer, flexible=flexible))


def test_the_longest_string() -> None:
    """The compact way takes no longer strings than the legacy one can."""
    text = "a" * STRING_BYTES_MAX
    data = written(lambda writer: writer.string(text), flexible=True)
    assert text == Reader(data, flexible=True).string("x")


def test_elements_are_limited_over_the_whole_request() -> None:
    """Arrays and tags together may not have more elements than one request may."""
    half = ELEMENTS_MAX // 2
    arrays = Reader(struct.pack(">iii", half, half, 1) + bytes(ELEMENTS_MAX), flexible=False)
    assert (half, half) == (arrays.count(1, "x"), arrays.count(1, "x"))
    with pytest.raises(ProtocolError, match="more than 20000 elements"):
        arrays.count(1, "x")

    tags = Reader(unsigned_varint(ELEMENTS_MAX + 1) + bytes(3 * ELEMENTS_MAX), flexible=True)
    with pytest.raises(ProtocolError, match="more than 20000 elements"):
        tags.skip_tags()
