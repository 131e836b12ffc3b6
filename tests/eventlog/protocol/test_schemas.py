"""The cold APIs, by the schemas of the other implementation, whose readers are the oracle."""

from __future__ import annotations

import random
import subprocess
import sys
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from kio.schema.errors import ErrorCode as KioErrorCode

from eventlog.protocol import (
    OFFERED,
    ApiKey,
    ErrorCode,
    ProtocolError,
    build_response,
    decode_request,
    encode_response,
)
from eventlog.protocol.schema_request import COLD_REQUEST_BYTES_MAX
from eventlog.protocol.schema_response import words
from eventlog.protocol.schemas import Schema, fields_of, request_schema, response_schema
from tests.eventlog.protocol.oracle import COLD, kio_decode, kio_encode, random_entity

ROOT = Path(__file__).parents[3]


def test_nothing_is_loaded_before_its_first_use() -> None:
    """A broker that gets ready does not wait for schemas; then just those that are asked for come."""
    program = """if True:
        import sys
        from eventlog.protocol import ApiKey, build_response, decode_request, encode_response, preload
        assert not [name for name in sys.modules if name.startswith("kio")]
        preload(ApiKey.HEARTBEAT, 0)
        loaded = set(sys.modules)
        decode_request(ApiKey.HEARTBEAT, 0, b"\\0\\1g\\0\\0\\0\\1\\0\\1m")
        encode_response(build_response(ApiKey.HEARTBEAT, 0, error_code=0))
        assert set(sys.modules) == loaded
        apis = {name.split(".")[2] for name in sys.modules if name.startswith("kio.schema.")}
        assert {"heartbeat"} == apis - {"errors", "types", "index", "request_header", "response_header"}, apis
    """
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


# --- requests ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "api_key", sorted({api_key for api_key, _ in COLD}), ids=lambda api_key: api_key.name
)
def test_requests(api_key: ApiKey, seed: int) -> None:
    """Of any request, in any version, the same is read as the other implementation reads."""
    rng = random.Random(seed)
    for version in range(OFFERED[api_key].oldest, OFFERED[api_key].newest + 1):
        schema = request_schema(api_key, version)
        for _ in range(8):
            body, header = kio_encode(random_entity(schema, rng)), rng.randbytes(rng.randrange(20))
            expected = kio_decode(schema, body)
            assert expected == decode_request(api_key, version, header + body, len(header))
            assert expected == decode_request(api_key, version, bytearray(body))


def test_unknown_tags_are_passed_over() -> None:
    """A newer client may put tagged fields into any struct; they mean nothing here."""
    named = bytes.fromhex("02" + "00" * 16 + "0274" + "01 63 02 6262" + "0100" + "02 05 00 63 01 61")
    request = decode_request(ApiKey.METADATA, 12, named)
    assert ("t", None) == (request.topics[0].name, request.topics[0].topic_id)
    assert request.allow_auto_topic_creation


@pytest.mark.parametrize("time_ms", [-1, 2**63 - 1, -(2**63)])
def test_times_that_no_timedelta_holds(time_ms: int) -> None:
    """They are as good as for ever."""
    body = b"\x00\x01g" + b"\x00" * 6 + time_ms.to_bytes(8, "big", signed=True) + bytes(4)
    held = decode_request(ApiKey.OFFSET_COMMIT, 2, body).retention_time
    assert timedelta(milliseconds=max(-(10**16), min(10**16, time_ms))) == held


def test_a_body_that_would_end_the_process() -> None:
    """Six bytes that claim four billion topics, on which the other implementation aborts, are refused."""
    with pytest.raises(ProtocolError, match="topics at byte 5 claims 4294967294 elements, 1 bytes are left"):
        decode_request(ApiKey.METADATA, 9, b"\xff\xff\xff\xff\x0f\x00")


def test_a_large_request_is_refused() -> None:
    """Only Produce carries data."""
    with pytest.raises(ProtocolError, match="HEARTBEAT has 4194305 bytes, more than 4194304"):
        decode_request(ApiKey.HEARTBEAT, 0, bytes(COLD_REQUEST_BYTES_MAX + 3), 2)


# --- responses ---------------------------------------------------------------------------------


def plain(schema: Schema, entity: Any) -> dict[str, Any]:
    """The entity as a handler would say it."""
    return {
        field.name: [plain(field.struct, each) for each in value]
        if field.struct is not None and value is not None
        else value // timedelta(milliseconds=1)
        if isinstance(value, timedelta)
        else int(value)
        if isinstance(value, KioErrorCode)
        else value
        for field in fields_of(schema)
        if not field.is_tagged
        for value in [getattr(entity, field.name)]
    }


@pytest.mark.parametrize(
    "api_key", sorted({api_key for api_key, _ in COLD}), ids=lambda api_key: api_key.name
)
def test_responses(api_key: ApiKey, seed: int) -> None:
    """What is said in plain values is read by the other implementation, in any version."""
    rng = random.Random(seed)
    for version in range(OFFERED[api_key].oldest, OFFERED[api_key].newest + 1):
        schema = response_schema(api_key, version)
        for _ in range(4):
            entity = random_entity(schema, rng)
            body = encode_response(build_response(api_key, version, **plain(schema, entity)))
            assert entity == kio_decode(schema, body)


@pytest.mark.parametrize("version", range(13))
def test_one_answer_for_all_versions(version: int) -> None:
    """A handler says all that it knows; each version has of it what it can tell."""
    partition = {
        "error_code": ErrorCode.NONE,
        "partition_index": 3,
        "leader_id": 1,
        "leader_epoch": 0,
        "replica_nodes": [1],
        "isr_nodes": [1],
    }
    topic = {"error_code": 0, "name": "t", "topic_id": uuid.UUID(int=7), "partitions": [partition]}
    response = build_response(
        ApiKey.METADATA,
        version,
        brokers=[{"node_id": 1, "host": "h", "port": 9092, "rack": None}],
        cluster_id="c",
        controller_id=1,
        topics=[topic],
        cluster_authorized_operations=-(2**31),
    )
    seen = kio_decode(response_schema(ApiKey.METADATA, version), encode_response(response))
    assert "t" == seen.topics[0].name
    assert 3 == seen.topics[0].partitions[0].partition_index
    assert (version >= 10) is hasattr(seen.topics[0], "topic_id")
    assert timedelta(0) == getattr(seen, "throttle_time", timedelta(0))


def test_a_field_that_is_missing_or_misspelt() -> None:
    """Both are the handler's mistakes, and are told; the second in every version."""
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'error_code'"):
        build_response(ApiKey.HEARTBEAT, 4)
    for version in range(5):
        with pytest.raises(TypeError, match="no version of HeartbeatResponse has the field eror_code"):
            build_response(ApiKey.HEARTBEAT, version, error_code=0, eror_code=0)
    with pytest.raises(TypeError, match="no version of MetadataResponseTopic has the field nam"):
        build_response(
            ApiKey.METADATA, 0, brokers=[], topics=[{"error_code": 0, "nam": "", "partitions": []}]
        )


@pytest.mark.parametrize(
    "api_key", sorted({api_key for api_key, _ in COLD}), ids=lambda api_key: api_key.name
)
def test_words_are_those_of_all_versions(api_key: ApiKey) -> None:
    """The few versions that are looked at for the names of fields miss none of any other's."""

    def paths(prefix: str, schema: Schema) -> set[str]:
        own = {prefix + field.name for field in fields_of(schema)}
        below = [
            paths(f"{prefix}{field.name}.", field.struct)
            for field in fields_of(schema)
            if field.struct is not None
        ]
        return own.union(*below)

    offered = OFFERED[api_key]
    every = [
        paths("", response_schema(api_key, version)) for version in range(offered.oldest, offered.newest + 1)
    ]
    assert set().union(*every) == words(api_key)
