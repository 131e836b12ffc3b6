"""Cursors: where a page ended, as an opaque text that is only good for the listing it came from.

A cursor is base64url without padding of: one byte, the version (1); four bytes, big-endian, the CRC-32 of
what follows; a MessagePack array of the fields of `Place`. The checksum finds cut and mistyped cursors; a
forged one does no harm, since it only names a place in what its holder may read anyway.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from query.api.problems import BAD_CURSOR, ProblemError

VERSION: Final = 1
_HEAD_BYTES: Final = 5
_INT64_MAX: Final = 2**63 - 1

_Offset = Annotated[int, Meta(ge=0, le=_INT64_MAX)]
_Partition = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a page ended, in which listing, and how far the log had been applied at the first page."""

    listing: Annotated[str, Meta(max_length=32)]
    """The digest of what was asked for."""
    build: str
    time_ms: Annotated[int, Meta(ge=-(2**63), le=_INT64_MAX)]
    partition: _Partition
    offset: _Offset
    name: str
    """The metric's name; in a listing of GPUs the last id, and time, partition and offset are 0."""
    next_offsets: dict[_Partition, _Offset]


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Place)


def digest(*asked: object) -> str:
    """What a listing was asked for, in 16 characters; equal for equal values."""
    return hashlib.blake2b(msgspec.json.encode(asked), digest_size=8).hexdigest()


def encode_cursor(place: Place) -> str:
    """The place as clients see it."""
    body = _ENCODER.encode(place)
    head = bytes([VERSION]) + zlib.crc32(body).to_bytes(4, "big")
    return base64.urlsafe_b64encode(head + body).rstrip(b"=").decode("ascii")


def decode_cursor(text: str, listing: str) -> Place:
    """The place; ProblemError (400) where the text is no cursor of ours, or belongs to another listing."""
    try:
        data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise _refused("is not one that this API gave out") from None
    if data[:1] not in {b"", bytes([VERSION])}:
        raise _refused("is of another version of this API")
    body = data[_HEAD_BYTES:]
    if zlib.crc32(body) != int.from_bytes(data[1:_HEAD_BYTES], "big") or not body:
        raise _refused("is cut or altered")
    try:
        place = _DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise _refused("is not one that this API gave out") from None
    if place.listing != listing:
        raise _refused("belongs to another listing: keep every other parameter as it was for the first page")
    return place


def check_build(place: Place, build: str) -> None:
    """ProblemError (400) where the views have been made anew since the first page."""
    if place.build != build:
        raise _refused("is of views that were replaced meanwhile")


def _refused(why: str) -> ProblemError:
    return ProblemError(BAD_CURSOR, f"cursor {why}; start again without a cursor")
