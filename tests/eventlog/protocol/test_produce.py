"""Produce, in both directions, against the other implementation."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kio.schema.errors import ErrorCode as KioErrorCode

from eventlog.protocol import (
    OFFERED,
    ApiKey,
    ErrorCode,
    PartitionRecords,
    ProducedPartition,
    ProducedTopic,
    ProduceRequest,
    TopicRecords,
    decode_produce_request,
    encode_produce_response,
)
from eventlog.protocol.schemas import request_schema, response_schema
from tests.eventlog.protocol.oracle import kio_decode, kio_encode

VERSIONS = st.integers(OFFERED[ApiKey.PRODUCE].oldest, OFFERED[ApiKey.PRODUCE].newest)
INT16, INT32, INT64 = (st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (16, 32, 64))
NAMES = st.text(max_size=20)
TIMES = st.just(-1) | st.integers(0, 4_000_000_000_000)


def view(data: bytes) -> memoryview:
    return memoryview(data)


def requests() -> st.SearchStrategy[ProduceRequest]:
    records = st.none() | st.binary(max_size=200).map(view)
    partitions = st.builds(PartitionRecords, INT32, records)
    topics = st.builds(TopicRecords, NAMES, st.lists(partitions, max_size=3))
    return st.builds(ProduceRequest, st.none() | NAMES, INT16, INT32, st.lists(topics, max_size=3))


def written(version: int, request: ProduceRequest) -> bytes:
    schema = request_schema(ApiKey.PRODUCE, version)
    module: Any = sys.modules[schema.__module__]
    return kio_encode(
        schema(
            transactional_id=request.transactional_id,
            acks=request.acks,
            timeout=timedelta(milliseconds=request.timeout_ms),
            topic_data=tuple(
                module.TopicProduceData(
                    name=topic.name,
                    partition_data=tuple(
                        module.PartitionProduceData(
                            index=partition.index,
                            records=None if partition.records is None else bytes(partition.records),
                        )
                        for partition in topic.partitions
                    ),
                )
                for topic in request.topics
            ),
        )
    )


@given(VERSIONS, requests(), st.binary(max_size=9))
def test_requests(version: int, request: ProduceRequest, header: bytes) -> None:
    """What the other implementation writes, in any version, is read from behind its header."""
    frame = bytearray(header + written(version, request))
    assert request == decode_produce_request(version, frame, len(header))


@pytest.mark.parametrize("version", [3, 9])
def test_records_are_not_copied(version: int) -> None:
    """The records lie in the frame: they are patched there, and a megabyte costs no memory."""
    records = PartitionRecords(0, memoryview(bytes(1024 * 1024)))
    frame = bytearray(written(version, ProduceRequest(None, -1, 30_000, [TopicRecords("t", [records])])))
    decode_produce_request(version, frame)
    tracemalloc.start()
    try:
        request = decode_produce_request(version, frame)
        assert tracemalloc.get_traced_memory()[1] < 4096
    finally:
        tracemalloc.stop()
    view = request.topics[0].partitions[0].records
    assert view is not None
    view[0:5] = b"PATCH"
    assert 1 == frame.count(b"PATCH")
    assert view.contiguous
    assert "B" == view.format


# --- responses ---------------------------------------------------------------------------------


def responses() -> st.SearchStrategy[list[ProducedTopic]]:
    partitions = st.builds(
        ProducedPartition, INT32, st.sampled_from(ErrorCode), INT64, INT64, TIMES, st.none() | NAMES
    )
    return st.lists(st.builds(ProducedTopic, NAMES, st.lists(partitions, max_size=3)), max_size=3)


def seen(version: int, partition: ProducedPartition) -> dict[str, object]:
    """What the other implementation is to see of a partition."""
    time_ms = partition.append_time_ms
    base: dict[str, object] = {
        "index": partition.index,
        "error_code": KioErrorCode(partition.error_code),
        "base_offset": partition.base_offset,
        "log_append_time": None
        if time_ms < 0
        else datetime.fromtimestamp(time_ms // 1000, UTC) + timedelta(milliseconds=time_ms % 1000),
    }
    if version >= 5:
        base["log_start_offset"] = partition.log_start_offset
    if version >= 8:
        base |= {"record_errors": (), "error_message": partition.error_message}
    return base


@given(VERSIONS, responses(), st.integers(0, 2**31 - 1))
def test_responses(version: int, topics: Sequence[ProducedTopic], throttle_ms: int) -> None:
    """The other implementation reads from the response, in any version, what was put into it."""
    schema = response_schema(ApiKey.PRODUCE, version)
    module: Any = sys.modules[schema.__module__]
    expected = schema(
        responses=tuple(
            module.TopicProduceResponse(
                name=topic.name,
                partition_responses=tuple(
                    module.PartitionProduceResponse(**seen(version, partition))
                    for partition in topic.partitions
                ),
            )
            for topic in topics
        ),
        throttle_time=timedelta(milliseconds=throttle_ms),
    )
    assert expected == kio_decode(schema, encode_produce_response(version, topics, throttle_ms=throttle_ms))
