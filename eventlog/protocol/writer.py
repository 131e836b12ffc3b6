"""Writing the protocol's primitives, the other way round from `reader`, whose docstring is the format."""

from __future__ import annotations

import struct
from typing import Final

from eventlog.protocol.reader import STRING_BYTES_MAX

_INT16: Final = struct.Struct(">h")
_INT32: Final = struct.Struct(">i")
_SINGLE_BYTES: Final = tuple(bytes((value,)) for value in range(0x80))


def unsigned_varint(value: int) -> bytes:
    """1 to 5 bytes for a number of 32 bits."""
    if value < 0x80:
        return _SINGLE_BYTES[value]
    assert value >> 32 == 0
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


class Writer:
    """The bytes of a response so far; `pieces` are joined once, when it is done."""

    __slots__ = ("flexible", "pieces")

    def __init__(self, *, flexible: bool) -> None:
        self.flexible = flexible
        self.pieces: list[bytes] = []

    def pack(self, layout: struct.Struct, *values: object) -> None:
        """Several fields of a fixed size; struct.error when one does not fit its place."""
        self.pieces.append(layout.pack(*values))

    def string(self, text: str) -> None:
        data = text.encode()
        assert len(data) <= STRING_BYTES_MAX
        self.pieces += (
            unsigned_varint(len(data) + 1) if self.flexible else _INT16.pack(len(data)),
            data,
        )

    def nullable_string(self, text: str | None) -> None:
        if text is None:
            self.pieces.append(b"\x00" if self.flexible else b"\xff\xff")
        else:
            self.string(text)

    def count(self, count: int) -> None:
        """The count of an array, or the length of bytes: the two are written alike."""
        self.pieces.append(unsigned_varint(count + 1) if self.flexible else _INT32.pack(count))

    def no_tags(self) -> None:
        """The end of a struct."""
        if self.flexible:
            self.pieces.append(b"\x00")

    def take(self) -> bytes:
        """What was written since the last call."""
        taken = b"".join(self.pieces)
        self.pieces.clear()
        return taken
