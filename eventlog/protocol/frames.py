"""Assembling frames from a stream: a length (int32, big-endian), and so many bytes of request.

Bytes are read into one small buffer of the connection. Small frames are copied out of it, so that a
burst of them costs one read; reading each length by itself would cost a turn of the event loop more
for each request, several times the copy. Of a large frame only the first bytes pass through there:
it gets a buffer of its own, into which the rest is read directly.

Memory follows the bytes that arrived and not the length that was claimed: a frame's buffer never is
more than GROWTH * 2 times as large as what has come of it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from eventlog.protocol.errors import ProtocolError

READ_AHEAD_BYTES: Final = 16 * 1024
"""What every connection holds; one read brings at most so many bytes of small frames."""
GROWTH: Final = 8
FRAME_BYTES_LIMIT: Final = 2**28
"""No limit may be above this: what HTTP and TLS begin with must read as a length beyond it."""
REQUEST_BYTES_MIN: Final = 8

_LENGTH: Final = struct.Struct(">i")
_HTTP: Final = {b"CONN", b"DELE", b"GET ", b"HEAD", b"OPTI", b"PATC", b"POST", b"PRI ", b"PUT ", b"TRAC"}
_TLS: Final = b"\x16\x03"


class FrameAssembler:
    """The frames of one connection, in the two steps of an `asyncio.BufferedProtocol`.

    `buffer` says where the next bytes go, `received` that so many have come, and gives the frames
    that they complete: each a bytearray of its own, without the length. A ProtocolError comes after
    the frames before it; the stream is lost then, and the connection must be closed.
    """

    def __init__(self, frame_bytes_max: int) -> None:
        assert REQUEST_BYTES_MIN <= frame_bytes_max <= FRAME_BYTES_LIMIT
        self._frame_bytes_max = frame_bytes_max
        self._ahead = bytearray(READ_AHEAD_BYTES)
        self._ahead_view = memoryview(self._ahead)
        self._ahead_bytes = 0
        # The large frame that is being read, if one is:
        self._frame: bytearray | None = None
        self._frame_size = 0
        self._arrived_bytes = 0

    @property
    def held_bytes(self) -> int:
        """The memory of the buffers; frames that were given away are not in it."""
        return READ_AHEAD_BYTES + (0 if self._frame is None else len(self._frame))

    @property
    def is_between_frames(self) -> bool:
        """Whether the peer may hang up here without cutting off a request."""
        return self._frame is None and self._ahead_bytes == 0

    def buffer(self) -> memoryview:
        """Where the next bytes go: never empty, and good until `received` is called."""
        if self._frame is None:
            return self._ahead_view[self._ahead_bytes :]
        return memoryview(self._frame)[self._arrived_bytes :]

    def received(self, count: int) -> Iterator[bytearray]:
        """Take in `count` bytes of `buffer`; to be iterated to its end before anything else is called."""
        assert count > 0
        if self._frame is None:
            self._ahead_bytes += count
            yield from self._split()
            return
        self._arrived_bytes += count
        if self._arrived_bytes == self._frame_size:
            frame, self._frame = self._frame, None
            yield frame
        elif self._arrived_bytes == len(self._frame):
            self._set_aside(memoryview(self._frame))

    def _split(self) -> Iterator[bytearray]:
        """Give the whole frames; what is left moves to the start, or becomes a large frame."""
        start, end = 0, self._ahead_bytes
        while end - start >= _LENGTH.size:
            size = self._length_at(start)
            body = start + _LENGTH.size
            if body + size > end:
                if size > READ_AHEAD_BYTES - _LENGTH.size and (end - body) * GROWTH >= READ_AHEAD_BYTES:
                    self._frame_size = size
                    self._set_aside(self._ahead_view[body:end])
                    start = end
                break
            start = body + size
            yield self._ahead[body:start]
        self._ahead_bytes = end - start
        if start > 0:
            self._ahead[: end - start] = self._ahead[start:end]

    def _set_aside(self, arrived: memoryview) -> None:
        """Move the first bytes of a large frame to a larger buffer."""
        self._arrived_bytes = len(arrived)
        capacity = self._arrived_bytes * GROWTH
        frame = bytearray(self._frame_size if self._frame_size <= capacity * 2 else capacity)
        memoryview(frame)[: self._arrived_bytes] = arrived  # to the bytearray itself it would be two copies
        self._frame = frame

    def _length_at(self, position: int) -> int:
        size: int = _LENGTH.unpack_from(self._ahead, position)[0]
        if not REQUEST_BYTES_MIN <= size <= self._frame_bytes_max:
            raise _bad_length(
                size, bytes(self._ahead[position : position + _LENGTH.size]), self._frame_bytes_max
            )
        return size


def _bad_length(size: int, raw: bytes, size_max: int) -> ProtocolError:
    if raw in _HTTP:
        return ProtocolError("the peer speaks HTTP: this port speaks the Kafka protocol")
    if raw.startswith(_TLS):
        return ProtocolError("the peer opens a TLS connection: this port speaks plain text")
    if size > size_max:
        return ProtocolError(f"a frame claims {size} bytes, more than the limit of {size_max}")
    return ProtocolError(f"a frame claims {size} bytes: no request has fewer than {REQUEST_BYTES_MIN}")
