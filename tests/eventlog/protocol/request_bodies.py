"""Any request, read by the codec of its API, and bodies of all of them to spoil."""

from __future__ import annotations

import random
from typing import Any

import attrs

from eventlog.protocol import (
    OFFERED,
    ApiKey,
    RequestHeader,
    decode_api_versions_request,
    decode_fetch_request,
    decode_produce_request,
    decode_request,
    decode_request_header,
)
from eventlog.protocol.schemas import request_schema
from tests.eventlog.protocol.oracle import kio_encode, random_entity


def decode_frame(frame: bytes | bytearray) -> tuple[RequestHeader, Any]:
    """What a broker does with a frame, up to the handler."""
    header = decode_request_header(frame)
    if header.api_key is ApiKey.API_VERSIONS:
        return header, decode_api_versions_request(frame, header)
    return header, decode_body(header.api_key, header.api_version, frame, header.body_position)


def decode_body(api_key: ApiKey, version: int, body: bytes | bytearray, position: int = 0) -> Any:
    if api_key is ApiKey.API_VERSIONS:
        header = RequestHeader(api_key, version, 0, None, position)
        return decode_api_versions_request(body, header)
    if api_key is ApiKey.PRODUCE:
        return decode_produce_request(version, body, position)
    if api_key is ApiKey.FETCH:
        return decode_fetch_request(version, body, position)
    return decode_request(api_key, version, body, position)


@attrs.frozen
class Body:
    """A well-formed request body."""

    api_key: ApiKey
    version: int
    data: bytes


def random_bodies(rng: random.Random) -> list[Body]:
    """One of every offered version of every API, short enough to be spoilt at every byte."""
    return [
        Body(api_key, version, random_body(api_key, version, rng))
        for api_key, versions in OFFERED.items()
        for version in range(versions.oldest, versions.newest + 1)
    ]


def random_body(api_key: ApiKey, version: int, rng: random.Random, bytes_max: int = 400) -> bytes:
    """The longest of some."""
    schema = request_schema(api_key, version)
    bodies = [kio_encode(random_entity(schema, rng)) for _ in range(12)]
    return max((body for body in bodies if len(body) <= bytes_max), key=len, default=b"")
