"""Frames out of a stream, however the stream is cut."""

from __future__ import annotations

import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.protocol import FrameAssembler, ProtocolError
from eventlog.protocol.frames import GROWTH, READ_AHEAD_BYTES

FRAME_BYTES_MAX = 8 * 1024 * 1024
SMALL = [b"first-frame", b"x" * 8, b"y" * 300, bytes(range(256))]


def stream(*frames: bytes) -> bytes:
    return b"".join(len(frame).to_bytes(4, "big") + frame for frame in frames)


def feed(
    assembler: FrameAssembler, data: bytes | memoryview, piece_bytes_max: int = 2**30
) -> list[bytearray]:
    """Give the bytes as a socket would: no more at once than there is room for."""
    frames: list[bytearray] = []
    rest = memoryview(data)
    while rest:
        buffer = assembler.buffer()
        count = min(len(buffer), len(rest), piece_bytes_max)
        buffer[:count] = rest[:count]
        rest = rest[count:]
        frames += assembler.received(count)
    return frames


def assembler() -> FrameAssembler:
    return FrameAssembler(FRAME_BYTES_MAX)


def test_byte_by_byte() -> None:
    """Frames come out whole and in order, each with its last byte and not before."""
    one = assembler()
    for frame in SMALL:
        data = stream(frame)
        assert [] == feed(one, data[:-1], 1)
        assert not one.is_between_frames
        assert [frame] == feed(one, data[-1:])
        assert one.is_between_frames


def test_every_split_point() -> None:
    """Wherever the stream is cut in two, the same frames come out."""
    data = stream(*SMALL)
    for at in range(len(data) + 1):
        one = assembler()
        assert feed(one, data[:at]) + feed(one, data[at:]) == SMALL


@pytest.mark.parametrize(
    "around", [READ_AHEAD_BYTES, READ_AHEAD_BYTES * GROWTH, READ_AHEAD_BYTES * GROWTH * 2]
)
def test_sizes_around_the_buffers(around: int, seed: int) -> None:
    """A frame of just the size of a buffer, a little less or a little more, is one frame all the same."""
    rng = random.Random(seed)
    for size in range(around - 6, around + 7):
        frames = [rng.randbytes(size), b"the next", rng.randbytes(size), rng.randbytes(20)]
        assert frames == feed(assembler(), stream(*frames))


@given(
    sizes=st.lists(st.integers(8, 200) | st.integers(8, 60_000), max_size=30),
    pieces=st.lists(st.integers(1, 40_000), min_size=1, max_size=8),
    seed=st.integers(0, 2**32),
)
def test_any_pieces(sizes: list[int], pieces: list[int], seed: int) -> None:
    """Any frames come whole through any pieces."""
    rng = random.Random(seed)
    frames = [rng.randbytes(size) for size in sizes]
    data, one, seen = stream(*frames), assembler(), []
    at = turn = 0
    while at < len(data):
        count = pieces[turn % len(pieces)]
        seen += feed(one, data[at : at + count])
        at, turn = at + count, turn + 1
    assert frames == seen
    assert one.is_between_frames


def test_a_burst_of_small_frames_comes_at_once() -> None:
    """One read brings as many small frames as it holds."""
    frames = [b"%08d" % number for number in range(READ_AHEAD_BYTES // 12)]
    one = assembler()
    data = stream(*frames)
    one.buffer()[: len(data)] = data
    assert frames == list(one.received(len(data)))


def test_frames_are_the_caller_s() -> None:
    """What was given away is not written to again, and may be written to."""
    one = assembler()
    (small,) = feed(one, stream(b"a" * 20))
    (large,) = feed(one, stream(b"b" * 100_000))
    small[0:1] = large[0:1] = b"-"
    feed(one, stream(b"c" * 20, b"d" * 100_000))
    assert b"-" + b"a" * 19 == small
    assert b"-" + b"b" * 99_999 == large


# --- memory ------------------------------------------------------------------------------------


def test_a_lying_length_allocates_nothing() -> None:
    """A length alone, the largest that is allowed, costs no memory."""
    one = assembler()
    tracemalloc.start()
    try:
        assert [] == feed(one, FRAME_BYTES_MAX.to_bytes(4, "big") + b"few bytes")
        assert tracemalloc.get_traced_memory()[1] < 4096
    finally:
        tracemalloc.stop()
    assert READ_AHEAD_BYTES == one.held_bytes


def test_memory_follows_the_bytes() -> None:
    """At each point of a large frame its buffer is small in proportion to what has arrived."""
    one = assembler()
    data = memoryview(stream(bytes(FRAME_BYTES_MAX)))
    sizes, frames = set(), []
    for arrived in range(10_000, len(data) + 10_000, 10_000):
        frames += feed(one, data[arrived - 10_000 : arrived])
        sizes.add(one.held_bytes)
        assert one.held_bytes <= READ_AHEAD_BYTES + 2 * GROWTH * arrived
    assert [FRAME_BYTES_MAX] == [len(frame) for frame in frames]
    assert len(sizes) > 3
    assert READ_AHEAD_BYTES == one.held_bytes


def test_a_large_frame_is_hardly_copied() -> None:
    """Of 4 MiB, no more is held besides than the smaller buffer before it."""
    size = 4 * 1024 * 1024
    data = memoryview(stream(bytes(size)))
    one = assembler()
    tracemalloc.start()
    try:
        (frame,) = feed(one, data, 65_536)
        assert tracemalloc.get_traced_memory()[1] < size * 1.3
    finally:
        tracemalloc.stop()
    assert size == len(frame)


# --- what is no frame --------------------------------------------------------------------------

BAD = [
    (b"\x00\x00\x00\x00", "a frame claims 0 bytes: no request has fewer than 8"),
    (b"\x00\x00\x00\x07", "a frame claims 7 bytes"),
    (b"\xff\xff\xff\xff", "a frame claims -1 bytes"),
    (b"\x80\x00\x00\x00", "a frame claims -2147483648 bytes"),
    (
        (FRAME_BYTES_MAX + 1).to_bytes(4, "big"),
        "a frame claims 8388609 bytes, more than the limit of 8388608",
    ),
    (b"GET / HTTP/1.1\r\n", "the peer speaks HTTP"),
    (b"POST /api", "the peer speaks HTTP"),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "the peer speaks HTTP"),
    (b"\x16\x03\x01\x02\x00\x01\x00", "the peer opens a TLS connection"),
]


@pytest.mark.parametrize(("data", "message"), BAD, ids=lambda value: repr(value)[:20])
def test_a_bad_length(data: bytes, message: str) -> None:
    """It is refused by its four bytes, with a message of one line that says what it looks like."""
    for piece_bytes_max in (1, len(data)):
        with pytest.raises(ProtocolError, match=message) as caught:
            feed(assembler(), data, piece_bytes_max)
        assert "\n" not in str(caught.value)
    assert [] == feed(assembler(), data[:3], 1)


def test_frames_before_a_bad_length_count() -> None:
    """What came whole before the damage is given, and the damage told after it, though all came at once."""
    one = assembler()
    data = stream(*SMALL) + b"\xff\xff\xff\xff"
    one.buffer()[: len(data)] = data
    coming = one.received(len(data))
    assert SMALL == [next(coming) for _ in SMALL]
    with pytest.raises(ProtocolError, match="claims -1 bytes"):
        next(coming)


@pytest.mark.parametrize("limit", [8, 2**28])
def test_the_limit_keeps_other_protocols_apart(limit: int) -> None:
    """Under any limit, what HTTP and TLS begin with is too long for a frame."""
    for data in (b"GET ", b"CONN", b"\x16\x03\x00\x00"):
        with pytest.raises(ProtocolError, match="the peer"):
            feed(FrameAssembler(limit), data)
