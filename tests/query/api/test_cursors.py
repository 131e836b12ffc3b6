"""Cursors: opaque, checked, and good for one listing only."""

from __future__ import annotations

import base64
import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.api.cursors import VERSION, Place, check_build, decode_cursor, digest, encode_cursor
from query.api.problems import ProblemError

LISTING = digest("telemetry", "GPU-1", None, ())
PLACE = Place(LISTING, "b-1", 1_795_341_600_000, 3, 17, "DCGM_FI_DEV_GPU_UTIL", {0: 5, 3: 18})

places = st.builds(
    Place,
    listing=st.just(LISTING),
    build=st.text(max_size=40),
    time_ms=st.integers(-(2**63), 2**63 - 1),
    partition=st.integers(0, 2**31 - 1),
    offset=st.integers(0, 2**63 - 1),
    name=st.text(max_size=200),
    next_offsets=st.dictionaries(st.integers(0, 2**31 - 1), st.integers(0, 2**63 - 1), max_size=20),
)


@given(places)
def test_a_place_survives(place: Place) -> None:
    """What goes out comes in again, in letters that need no escaping in an address."""
    text = encode_cursor(place)
    assert text.replace("-", "").replace("_", "").isalnum()
    assert place == decode_cursor(text, LISTING)


@given(st.text(max_size=300))
def test_no_text_does_harm(text: str) -> None:
    """Whatever is sent is refused as a bad cursor."""
    with pytest.raises(ProblemError, match=r"^cursor "):
        decode_cursor(text, LISTING)


@given(st.binary(max_size=100))
def test_no_forged_body_does_harm(body: bytes) -> None:
    """Neither is a right checksum over nonsense."""
    with pytest.raises(ProblemError, match=r"^cursor "):
        decode_cursor(forged(body), LISTING)


def forged(body: bytes, version: int = VERSION) -> str:
    """A cursor with a right checksum."""
    head = bytes([version]) + zlib.crc32(body).to_bytes(4, "big")
    return base64.urlsafe_b64encode(head + body).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "fields",
    [
        (LISTING, "b", 2**63, 0, 0, "m", {}),
        (LISTING, "b", 0, -1, 0, "m", {}),
        (LISTING, "b", 0, 0, 2**63, "m", {}),
        (LISTING, "b", 0, 0, 0, "m", {0: -1}),
        (LISTING, "b", 0.5, 0, 0, "m", {}),
        (LISTING, "b", 0, 0, 0),
    ],
)
def test_numbers_out_of_range_are_refused(fields: tuple[object, ...]) -> None:
    """What no store could take never reaches one."""
    with pytest.raises(ProblemError, match="not one that this API gave out"):
        decode_cursor(forged(msgspec.msgpack.encode(fields)), LISTING)


def test_each_flipped_character_is_noticed() -> None:
    """The checksum covers everything that means something."""
    text = encode_cursor(PLACE)
    for at, letter in enumerate(text):
        altered = text[:at] + ("A" if letter != "A" else "B") + text[at + 1 :]
        try:
            assert PLACE == decode_cursor(altered, LISTING), "padding bits mean nothing"
        except ProblemError:
            continue
        assert at == len(text) - 1


@pytest.mark.parametrize("length", range(0, 90, 7))
def test_a_cut_cursor_is_refused(length: int) -> None:
    """A cursor that was not copied whole."""
    with pytest.raises(ProblemError, match="start again without a cursor"):
        decode_cursor(encode_cursor(PLACE)[:length], LISTING)


def test_another_version_is_told_apart() -> None:
    """A cursor from before an upgrade is not called altered."""
    with pytest.raises(ProblemError, match="of another version"):
        decode_cursor(forged(b"whatever", version=2), LISTING)


def test_a_cursor_belongs_to_its_listing() -> None:
    """Other parameters, another cursor."""
    with pytest.raises(ProblemError, match="belongs to another listing"):
        decode_cursor(encode_cursor(PLACE), digest("telemetry", "GPU-2", None, ()))


def test_a_cursor_belongs_to_its_build() -> None:
    """Offsets of one build say nothing of another."""
    check_build(PLACE, "b-1")
    with pytest.raises(ProblemError, match="replaced meanwhile"):
        check_build(PLACE, "b-2")
