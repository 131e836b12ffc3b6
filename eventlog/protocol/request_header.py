"""What every request begins with.

    type             field            from version
    int16            api key          1
    int16            api version      1
    int32            correlation id   1
    nullable string  client id        1   (legacy, in version 2 too)
    tags                              2

Version 2 comes with the flexible versions of an API, version 1 with the others.
"""

from __future__ import annotations

import struct
from typing import Final

import attrs

from eventlog.protocol.errors import ProtocolError, UnsupportedVersionError
from eventlog.protocol.reader import Reader
from eventlog.protocol.versions import OFFERED, ApiKey, is_flexible, is_offered
from eventlog.record import Buffer

FIXED: Final = struct.Struct(">hhi")
_KEYS: Final = {int(key): key for key in ApiKey}


@attrs.frozen(slots=True)
class RequestHeader:
    """Which request it is, and where in the frame its body begins."""

    api_key: ApiKey
    api_version: int
    correlation_id: int
    client_id: str | None
    body_position: int

    @property
    def is_offered(self) -> bool:
        """False for ApiVersions in a version that is not offered, which is answered all the same."""
        return is_offered(self.api_key, self.api_version)


def decode_request_header(frame: Buffer) -> RequestHeader:
    """Read the header at the frame's start.

    UnsupportedVersionError for what is not offered, but for ApiVersions: a client asks with the
    newest version that it knows, so that one is answered whatever its version; its client id and
    its body are left unread.
    """
    if len(frame) < FIXED.size:
        raise ProtocolError(f"a request begins with {FIXED.size} bytes, the frame has {len(frame)}")
    number, version, correlation_id = FIXED.unpack_from(frame)
    api_key = _KEYS.get(number)
    if api_key is None:
        raise UnsupportedVersionError(f"API {number} is not offered")
    if version not in OFFERED[api_key]:
        if api_key is ApiKey.API_VERSIONS:
            return RequestHeader(api_key, version, correlation_id, None, len(frame))
        offered = OFFERED[api_key]
        raise UnsupportedVersionError(
            f"{api_key.name} version {version} is not offered, but {offered.oldest} to {offered.newest}"
        )
    reader = Reader(frame, FIXED.size, flexible=is_flexible(api_key, version))
    client_id = reader.legacy_nullable_string("client id")
    reader.skip_tags()
    return RequestHeader(api_key, version, correlation_id, client_id, reader.position)
