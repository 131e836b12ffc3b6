"""ApiVersions: what a client asks before anything else."""

from __future__ import annotations

import pytest
from kio.schema.errors import ErrorCode as KioErrorCode

from eventlog.protocol import (
    OFFERED,
    ApiKey,
    ApiVersionsRequest,
    ProtocolError,
    decode_api_versions_request,
    decode_request_header,
    encode_api_versions_response,
)
from eventlog.protocol.schemas import request_schema, response_schema
from tests.eventlog.protocol.oracle import kio_decode, kio_encode
from tests.eventlog.protocol.request_bodies import decode_body

KEY = ApiKey.API_VERSIONS


@pytest.mark.parametrize("version", range(5))
def test_all_that_is_offered_is_told(version: int) -> None:
    """The other implementation reads the table from the response of each version."""
    told = kio_decode(response_schema(KEY, version), encode_api_versions_response(version))
    assert KioErrorCode.none == told.error_code
    assert {key: (offered.oldest, offered.newest) for key, offered in OFFERED.items()} == {
        api.api_key: (api.min_version, api.max_version) for api in told.api_keys
    }


@pytest.mark.parametrize("version", [5, 99, -1])
def test_a_version_that_is_not_offered(version: int) -> None:
    """The answer is one of version 0: error 35 and the versions that this API has."""
    body = encode_api_versions_response(version)
    assert bytes.fromhex("0023 00000001 0012 0000 0004") == body


@pytest.mark.parametrize("version", range(5))
def test_requests(version: int) -> None:
    """From version 3 on the client says what it is."""
    named = {"client_software_name": "rdkafka", "client_software_version": "2.16"} if version >= 3 else {}
    body = kio_encode(request_schema(KEY, version)(**named))
    assert ApiVersionsRequest(*named.values()) == decode_body(KEY, version, body)


def test_a_request_that_goes_on() -> None:
    """Bytes after its end are an error, but in a version that nobody knows."""
    body = kio_encode(request_schema(KEY, 3)(client_software_name="rdkafka", client_software_version="2.16"))
    with pytest.raises(ProtocolError, match="1 bytes follow the request's end"):
        decode_body(KEY, 3, body + b"\x00")
    frame = bytes.fromhex("0012 0063 00000009") + b"\xff" * 20
    assert ApiVersionsRequest() == decode_api_versions_request(frame, decode_request_header(frame))
