"""What every request and every response begins with."""

from __future__ import annotations

import random

import pytest
from kio.schema.request_header.v1 import RequestHeader as KioHeader1
from kio.schema.request_header.v2 import RequestHeader as KioHeader2
from kio.schema.response_header.v0 import ResponseHeader as KioResponse0
from kio.schema.response_header.v1 import ResponseHeader as KioResponse1

from eventlog.protocol import (
    OFFERED,
    ApiKey,
    ProtocolError,
    RequestHeader,
    UnsupportedVersionError,
    decode_request_header,
    encode_response_frame,
    is_flexible,
)
from tests.eventlog.protocol.oracle import kio_decode, kio_encode

EVERY = [
    (api_key, version)
    for api_key, versions in OFFERED.items()
    for version in range(versions.oldest, versions.newest + 1)
]


@pytest.mark.parametrize("client_id", [None, "", "rdkafka", "caf\u00e9"])
def test_request_headers(client_id: str | None) -> None:
    """What the other implementation writes before a request of any version is read, and its end found."""
    for api_key, version in EVERY:
        kio_header = KioHeader2 if is_flexible(api_key, version) else KioHeader1
        data = kio_encode(
            kio_header(
                request_api_key=api_key,  # type: ignore[arg-type]
                request_api_version=version,  # type: ignore[arg-type]
                correlation_id=7,  # type: ignore[arg-type]
                client_id=client_id,
            )
        )
        header = decode_request_header(data + b"body")
        assert RequestHeader(api_key, version, 7, client_id, len(data)) == header
        assert header.is_offered


def test_tags_of_a_header_are_passed_over() -> None:
    """A flexible header may have any tagged fields."""
    data = bytes.fromhex("0003 000c 00000005 0001 61 01 63 02 6262") + b"body"
    assert RequestHeader(ApiKey.METADATA, 12, 5, "a", 16) == decode_request_header(data)


@pytest.mark.parametrize(
    ("encoded", "message"),
    [
        ("0044 0000 00000005 ffff", "API 68 is not offered"),
        ("ffff 0000 00000005 ffff", "API -1 is not offered"),
        ("0000 0002 00000005 ffff", "PRODUCE version 2 is not offered, but 3 to 11"),
        ("0001 000d 00000005 ffff", "FETCH version 13 is not offered, but 4 to 12"),
        ("0003 ffff 00000005 ffff", "METADATA version -1 is not offered"),
    ],
)
def test_what_is_not_offered(encoded: str, message: str) -> None:
    """An API or a version that is not offered is named."""
    with pytest.raises(UnsupportedVersionError, match=message):
        decode_request_header(bytes.fromhex(encoded))


@pytest.mark.parametrize("version", [5, 99, -1, 2**15 - 1])
def test_api_versions_of_any_version(version: int) -> None:
    """It is read as far as an answer needs, whatever follows."""
    data = b"\x00\x12" + version.to_bytes(2, "big", signed=True) + b"\x00\x00\x00\x09" + b"\xff" * 5
    header = decode_request_header(data)
    assert RequestHeader(ApiKey.API_VERSIONS, version, 9, None, len(data)) == header
    assert not header.is_offered


def test_a_header_that_is_cut_off() -> None:
    """At no byte it is anything but a ProtocolError."""
    data = bytes.fromhex("0003 000c 00000005 0001 61 01 63 02 6262")
    for length in range(len(data)):
        with pytest.raises(ProtocolError):
            decode_request_header(data[:length])


def test_response_frames(seed: int) -> None:
    """The other implementation finds length, correlation id and body; ApiVersions has no tags ever."""
    rng = random.Random(seed)
    for api_key, version in EVERY:
        body, correlation_id = rng.randbytes(9), rng.randrange(-(2**31), 2**31)
        frame = encode_response_frame(api_key, version, correlation_id, body)
        flexible = is_flexible(api_key, version) and api_key is not ApiKey.API_VERSIONS
        schema = KioResponse1 if flexible else KioResponse0
        assert len(frame) - 4 == int.from_bytes(frame[:4], "big")
        assert frame.endswith(body)
        assert schema(correlation_id=correlation_id) == kio_decode(schema, frame[4:-9])  # type: ignore[arg-type]
