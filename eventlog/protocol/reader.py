"""Reading the protocol's primitives: every length and count is checked before anything is made of it.

Numbers are big-endian and signed. Each API has two ways of writing what is variable, and its version
says which: the legacy one, and from its first flexible version on the compact one.

    what     legacy                        compact
    string   int16 length, UTF-8           unsigned varint length + 1, UTF-8
    bytes    int32 length, bytes           unsigned varint length + 1, bytes
    array    int32 count, elements         unsigned varint count + 1, elements
    null     length or count -1            0
    tags     none                          unsigned varint count; for each: tag and length (unsigned
                                           varints) and so many bytes; ends the header and each struct

An unsigned varint has seven bits a byte, lowest first, high bit = one more follows; 1 to 5 bytes, of
which the value takes 32 bits. Padding with needless zero bits is read, as other brokers read it.

Source: Apache Kafka protocol guide, "Protocol Primitive Types"; KIP-482.
"""

from __future__ import annotations

import struct
from typing import Any, Final
from uuid import UUID

from eventlog.protocol.errors import ProtocolError
from eventlog.record import Buffer

ELEMENTS_MAX: Final = 20_000
"""Elements of all arrays of one request, and its tags: bounds the memory and the time that it can take."""
STRING_BYTES_MAX: Final = 2**15 - 1
"""What the legacy length can say; other brokers hold the compact one to it too."""
VARINT_BYTES_MAX: Final = 5

_INT8: Final = struct.Struct(">b")
_INT16: Final = struct.Struct(">h")
_INT32: Final = struct.Struct(">i")
_INT64: Final = struct.Struct(">q")


class Reader:
    """A place in the bytes of one request, which moves on with each read.

    Each method takes the name of what it reads, for the message of its ProtocolError.
    """

    __slots__ = ("_elements_left", "_end", "buffer", "flexible", "position")

    def __init__(self, buffer: Buffer, position: int = 0, *, flexible: bool) -> None:
        assert 0 <= position <= len(buffer)
        self.buffer = buffer
        self.position = position
        self.flexible = flexible
        self._end = len(buffer)
        self._elements_left = ELEMENTS_MAX

    # --- of a fixed size -----------------------------------------------------------------------

    def int8(self, name: str) -> int:
        return self.unpack(_INT8, name)[0]  # type: ignore[no-any-return]

    def int16(self, name: str) -> int:
        return self.unpack(_INT16, name)[0]  # type: ignore[no-any-return]

    def int32(self, name: str) -> int:
        position = self.position
        if position + 4 > self._end:
            raise self._cut_off(4, name)
        self.position = position + 4
        return _INT32.unpack_from(self.buffer, position)[0]  # type: ignore[no-any-return]

    def int64(self, name: str) -> int:
        return self.unpack(_INT64, name)[0]  # type: ignore[no-any-return]

    def boolean(self, name: str) -> bool:
        """Any number but 0 is true, as other brokers have it."""
        return self.int8(name) != 0

    def uuid(self, name: str) -> UUID | None:
        """None for the id of all zeros, which stands for none."""
        number = UUID(bytes=bytes(self._take(16, name)))
        return number if number.int else None

    def unpack(self, layout: struct.Struct, name: str) -> tuple[Any, ...]:
        """Several fields of a fixed size at once."""
        position = self.position
        after = position + layout.size
        if after > self._end:
            raise self._cut_off(layout.size, name)
        self.position = after
        return layout.unpack_from(self.buffer, position)

    # --- of a variable size --------------------------------------------------------------------

    def string(self, name: str) -> str:
        text = self.nullable_string(name)
        if text is None:
            raise self._null(name)
        return text

    def nullable_string(self, name: str) -> str | None:
        size = self.unsigned_varint(name) - 1 if self.flexible else self.int16(name)
        return None if size == -1 else self._text(size, name)

    def legacy_nullable_string(self, name: str) -> str | None:
        """The client id of a header is of the legacy kind, whatever the version of the rest."""
        size = self.int16(name)
        return None if size == -1 else self._text(size, name)

    def nullable_view(self, name: str) -> memoryview | None:
        """Bytes, not copied: writable if the buffer is."""
        size = self.unsigned_varint(name) - 1 if self.flexible else self.int32(name)
        return None if size == -1 else self._take(size, name)

    def data(self, name: str) -> bytes:
        """Bytes, copied: they outlive the request."""
        view = self.nullable_view(name)
        if view is None:
            raise self._null(name)
        return bytes(view)

    def count(self, element_bytes_min: int, name: str) -> int:
        """The count of an array, whose elements take so many bytes or more each."""
        count = self.nullable_count(element_bytes_min, name)
        if count is None:
            raise self._null(name)
        return count

    def nullable_count(self, element_bytes_min: int, name: str) -> int | None:
        """As `count`; None for no array."""
        count = self.unsigned_varint(name) - 1 if self.flexible else self.int32(name)
        if count == -1:
            return None
        self._reserve(count, element_bytes_min, name)
        return count

    def skip_tags(self) -> None:
        """Pass over the tagged fields that end a struct; an API that has no flexible format has none.

        No request of an offered version has a tag that this broker needs.
        """
        if not self.flexible:
            return
        position = self.position
        if position < self._end and self.buffer[position] == 0:  # most structs
            self.position = position + 1
            return
        count = self.unsigned_varint("tag count")
        self._reserve(count, 2, "tags")
        for _ in range(count):
            self.unsigned_varint("tag")
            self._take(self.unsigned_varint("tag length"), "tag")

    def unsigned_varint(self, name: str) -> int:
        position = self.position
        if position < self._end and self.buffer[position] < 0x80:  # most lengths and counts
            self.position = position + 1
            return self.buffer[position]
        value = shift = 0
        for at in range(position, min(self._end, position + VARINT_BYTES_MAX)):
            byte = self.buffer[at]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value >> 32:
                    raise ProtocolError(f"{name} at byte {position} exceeds 32 bits")
                self.position = at + 1
                return value
            shift += 7
        if self._end - position < VARINT_BYTES_MAX:
            raise self._cut_off(self._end - position + 1, name)
        raise ProtocolError(f"{name} at byte {position} is a number of more than {VARINT_BYTES_MAX} bytes")

    def finish(self) -> None:
        """Say that the request ends here."""
        if self.position != self._end:
            raise ProtocolError(f"{self._end - self.position} bytes follow the request's end")

    # --- within --------------------------------------------------------------------------------

    def _text(self, size: int, name: str) -> str:
        position = self.position
        after = position + size
        if size > STRING_BYTES_MAX:
            raise ProtocolError(
                f"{name} at byte {position} claims {size} bytes, more than {STRING_BYTES_MAX}"
            )
        if size < 0 or after > self._end:
            raise self._cut_off(size, name)
        self.position = after
        try:
            return str(self.buffer[position:after], "utf-8")
        except UnicodeDecodeError:
            raise ProtocolError(f"{name} at byte {position} is not UTF-8") from None

    def _take(self, size: int, name: str) -> memoryview:
        position = self.position
        after = position + size
        if size < 0 or after > self._end:
            raise self._cut_off(size, name)
        self.position = after
        return memoryview(self.buffer)[position:after]

    def _reserve(self, count: int, element_bytes_min: int, name: str) -> None:
        assert element_bytes_min > 0
        if count < 0 or count * element_bytes_min > self._end - self.position:
            raise ProtocolError(
                f"{name} at byte {self.position} claims {count} elements, {self._end - self.position} bytes "
                "are left"
            )
        self._elements_left -= count
        if self._elements_left < 0:
            raise ProtocolError(f"the request has more than {ELEMENTS_MAX} elements")

    def _cut_off(self, size: int, name: str) -> ProtocolError:
        return ProtocolError(
            f"{name} at byte {self.position} takes {size} bytes, {self._end - self.position} are left"
        )

    def _null(self, name: str) -> ProtocolError:
        return ProtocolError(f"{name} before byte {self.position} is null")
