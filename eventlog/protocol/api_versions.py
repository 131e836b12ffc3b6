"""ApiVersions (key 18), versions 0 to 4: the offered APIs, told to a client before anything else.

A request of a version that is not offered is answered in version 0 with UNSUPPORTED_VERSION and the
versions of this API alone; the client asks again with one of them.

Request                                    Response
    type    field             version          type   field            version
    string  software name     3                int16  error code
    string  software version  3                array  APIs
    tags                      3                int16    key
                                               int16    oldest version
                                               int16    newest version
                                               tags                    3
                                               int32  throttle ms      1
                                               tags                    3   (none: no features)
"""

from __future__ import annotations

import functools
import struct
from typing import Final

import attrs

from eventlog.protocol.error_codes import ErrorCode
from eventlog.protocol.reader import Reader
from eventlog.protocol.request_header import RequestHeader
from eventlog.protocol.versions import OFFERED, ApiKey, is_flexible, is_offered
from eventlog.protocol.writer import Writer
from eventlog.record import Buffer

_ERROR_CODE: Final = struct.Struct(">h")
_API: Final = struct.Struct(">hhh")
_THROTTLE: Final = struct.Struct(">i")


@attrs.frozen(slots=True)
class ApiVersionsRequest:
    """Which client asks; empty where its version does not tell."""

    software_name: str = ""
    software_version: str = ""


def decode_api_versions_request(frame: Buffer, header: RequestHeader) -> ApiVersionsRequest:
    """Read what names the client; a request of a version that is not offered tells nothing."""
    version = header.api_version
    if not header.is_offered or version < 3:
        return ApiVersionsRequest()
    reader = Reader(frame, header.body_position, flexible=is_flexible(ApiKey.API_VERSIONS, version))
    request = ApiVersionsRequest(reader.string("software name"), reader.string("software version"))
    reader.skip_tags()
    reader.finish()
    return request


def encode_api_versions_response(version: int) -> bytes:
    """The body of the answer; that to a version that is not offered is of version 0."""
    if is_offered(ApiKey.API_VERSIONS, version):
        return _encode(version, ErrorCode.NONE)
    return _encode(0, ErrorCode.UNSUPPORTED_VERSION)


@functools.cache
def _encode(version: int, error_code: ErrorCode) -> bytes:
    this = ApiKey.API_VERSIONS
    told = OFFERED if error_code is ErrorCode.NONE else {this: OFFERED[this]}
    writer = Writer(flexible=is_flexible(this, version))
    writer.pack(_ERROR_CODE, error_code)
    writer.count(len(told))
    for api_key, versions in told.items():
        writer.pack(_API, api_key, versions.oldest, versions.newest)
        writer.no_tags()
    if version >= 1:
        writer.pack(_THROTTLE, 0)
    writer.no_tags()
    return writer.take()
