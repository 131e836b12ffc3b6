"""Fetch responses: laid out around records that are somewhere else, read by the other implementation."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kio.schema.errors import ErrorCode as KioErrorCode

from eventlog.protocol import (
    ApiKey,
    ErrorCode,
    FetchedPartition,
    FetchedTopic,
    FetchResponsePlan,
    encode_response_frame,
    plan_fetch_response,
)
from eventlog.protocol.schemas import response_schema
from tests.eventlog.protocol.oracle import kio_decode
from tests.eventlog.protocol.test_fetch import VERSIONS
from tests.eventlog.protocol.test_produce import INT32, INT64, NAMES


@attrs.frozen
class Stretch:
    """Records that lie in memory."""

    data: bytes

    @property
    def size_bytes(self) -> int:
        return len(self.data)


Topics = Sequence[FetchedTopic[Stretch]]


def sent(plan: FetchResponsePlan[Stretch]) -> bytes:
    return b"".join(piece if isinstance(piece, bytes) else piece.data for piece in plan.pieces)


def topics() -> st.SearchStrategy[Topics]:
    records = st.none() | st.builds(Stretch, st.binary(max_size=300))
    partitions = st.builds(FetchedPartition, INT32, st.sampled_from(ErrorCode), INT64, INT64, records)
    return st.lists(st.builds(FetchedTopic, NAMES, st.lists(partitions, max_size=3)), max_size=3)


def seen(version: int, partition: FetchedPartition[Stretch]) -> dict[str, object]:
    """What the other implementation is to see of a partition."""
    told: dict[str, object] = {
        "partition_index": partition.index,
        "error_code": KioErrorCode(partition.error_code),
        "high_watermark": partition.high_watermark,
        "last_stable_offset": partition.high_watermark,
        "aborted_transactions": (),
        "records": b"" if partition.records is None else partition.records.data,
    }
    if version >= 5:
        told["log_start_offset"] = partition.log_start_offset
    if version >= 11:
        told["preferred_read_replica"] = -1
    return told


@given(VERSIONS, topics(), st.sampled_from(ErrorCode), st.integers(0, 2**31 - 1), INT32)
def test_responses(
    version: int, fetched: Topics, error_code: ErrorCode, throttle_ms: int, correlation_id: int
) -> None:
    """The other implementation reads from the pieces, in any version, what was put into them."""
    plan = plan_fetch_response(
        version, correlation_id, fetched, error_code=error_code, throttle_ms=throttle_ms
    )
    schema = response_schema(ApiKey.FETCH, version)
    module: Any = sys.modules[schema.__module__]
    session = {"error_code": KioErrorCode(error_code), "session_id": 0} if version >= 7 else {}
    expected = schema(
        throttle_time=timedelta(milliseconds=throttle_ms),
        responses=tuple(
            module.FetchableTopicResponse(
                topic=topic.name,
                partitions=tuple(module.PartitionData(**seen(version, each)) for each in topic.partitions),
            )
            for topic in fetched
        ),
        **session,
    )
    frame = sent(plan)
    header = encode_response_frame(ApiKey.FETCH, version, correlation_id, b"")
    body = frame[len(header) :]
    assert expected == kio_decode(schema, body)
    assert plan.size_bytes == len(frame)
    assert encode_response_frame(ApiKey.FETCH, version, correlation_id, body) == frame


@pytest.mark.parametrize("version", [4, 12])
def test_pieces(version: int) -> None:
    """Records are handed on as they were given, each between bytes; empty ones are no piece."""
    one, two = Stretch(b"records" * 9), Stretch(b"more")
    partitions = [
        FetchedPartition(0, records=one),
        FetchedPartition(1, records=Stretch(b"")),
        FetchedPartition(2),
        FetchedPartition(3, records=two),
    ]
    plan = plan_fetch_response(version, 1, [FetchedTopic("t", partitions)])
    kinds = ["bytes" if isinstance(piece, bytes) else "records" for piece in plan.pieces]
    assert ["bytes", "records", "bytes", "records", "bytes"] == kinds
    assert one is plan.pieces[1]
    assert two is plan.pieces[3]
    without = plan_fetch_response(version, 1, [FetchedTopic[Stretch]("t", partitions[1:3])])
    assert [bytes] == [type(piece) for piece in without.pieces]


def test_records_are_never_touched() -> None:
    """A plan for a gigabyte that nobody holds is laid out in a few bytes."""

    @attrs.frozen
    class Somewhere:
        size_bytes: int

    fetched = [FetchedTopic("t", [FetchedPartition(0, records=Somewhere(2**30))])]
    plan_fetch_response(12, 1, fetched)
    tracemalloc.start()
    try:
        plan = plan_fetch_response(12, 1, fetched)
        assert tracemalloc.get_traced_memory()[1] < 4096
    finally:
        tracemalloc.stop()
    assert 2**30 < plan.size_bytes < 2**30 + 100
