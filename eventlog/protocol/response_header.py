"""What every response begins with.

    type   field            from version
    int32  length           0   (of all that follows; that of the frame)
    int32  correlation id   0
    tags                    1

Version 1 comes with the flexible versions of an API, version 0 with the others. ApiVersions always
has version 0: a client that asks with it does not know yet what the broker speaks.
"""

from __future__ import annotations

import struct
from typing import Final

from eventlog.protocol.versions import ApiKey, is_flexible

LENGTH_BYTES: Final = 4
_HEADER_0: Final = struct.Struct(">ii")
_HEADER_1: Final = struct.Struct(">iix")
"""The tags are a single 0, their count."""


def encode_response_header(api_key: ApiKey, version: int, correlation_id: int, body_bytes: int) -> bytes:
    """The length and the header of a response whose body has that size."""
    flexible = is_flexible(api_key, version) and api_key is not ApiKey.API_VERSIONS
    layout = _HEADER_1 if flexible else _HEADER_0
    return layout.pack(layout.size - LENGTH_BYTES + body_bytes, correlation_id)


def encode_response_frame(api_key: ApiKey, version: int, correlation_id: int, body: bytes) -> bytes:
    """A whole response, ready to be sent."""
    return encode_response_header(api_key, version, correlation_id, len(body)) + body
