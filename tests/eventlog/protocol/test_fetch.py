"""Fetch requests, against the other implementation."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st

from eventlog.protocol import (
    OFFERED,
    ApiKey,
    FetchRequest,
    WantedPartition,
    WantedTopic,
    decode_fetch_request,
)
from eventlog.protocol.schemas import request_schema
from tests.eventlog.protocol.oracle import kio_encode
from tests.eventlog.protocol.test_produce import INT32, INT64, NAMES

VERSIONS = st.integers(OFFERED[ApiKey.FETCH].oldest, OFFERED[ApiKey.FETCH].newest)


def requests() -> st.SearchStrategy[FetchRequest]:
    partitions = st.builds(WantedPartition, INT32, INT32, INT64, INT32)
    topics = st.builds(WantedTopic, NAMES, st.lists(partitions, max_size=3))
    return st.builds(
        FetchRequest,
        replica_id=INT32,
        wait_ms_max=INT32,
        bytes_min=INT32,
        bytes_max=INT32,
        isolation_level=st.integers(0, 1),
        session_id=INT32,
        session_epoch=INT32,
        topics=st.lists(topics, max_size=3),
        rack_id=NAMES,
    )


def as_told(version: int, request: FetchRequest) -> FetchRequest:
    """The request without what its version cannot say."""
    if version < 11:
        request = attrs.evolve(request, rack_id="")
    if version < 7:
        request = attrs.evolve(request, session_id=0, session_epoch=-1)
    if version < 9:
        topics = [
            WantedTopic(topic.name, [attrs.evolve(each, leader_epoch=-1) for each in topic.partitions])
            for topic in request.topics
        ]
        request = attrs.evolve(request, topics=topics)
    return request


def written(version: int, request: FetchRequest, forgotten: list[str], cluster_id: str | None) -> bytes:
    schema = request_schema(ApiKey.FETCH, version)
    module: Any = sys.modules[schema.__module__]
    optional: dict[str, object] = {}
    if version >= 7:
        topics = tuple(module.ForgottenTopic(topic=name, partitions=(1, 2, 3)) for name in forgotten)
        optional |= {"session_id": request.session_id, "session_epoch": request.session_epoch}
        optional |= {"forgotten_topics_data": topics}
    if version >= 11:
        optional["rack_id"] = request.rack_id
    if version >= 12:
        optional["cluster_id"] = cluster_id
    return kio_encode(
        schema(
            replica_id=request.replica_id,
            max_wait=timedelta(milliseconds=request.wait_ms_max),
            min_bytes=request.bytes_min,
            max_bytes=request.bytes_max,
            isolation_level=request.isolation_level,
            topics=tuple(
                module.FetchTopic(
                    topic=topic.name,
                    partitions=tuple(kio_partition(module, version, each) for each in topic.partitions),
                )
                for topic in request.topics
            ),
            **optional,
        )
    )


def kio_partition(module: Any, version: int, partition: WantedPartition) -> Any:
    optional: dict[str, int] = {}
    if version >= 5:
        optional["log_start_offset"] = 99
    if version >= 9:
        optional["current_leader_epoch"] = partition.leader_epoch
    if version >= 12:
        optional["last_fetched_epoch"] = 98
    return module.FetchPartition(
        partition=partition.index,
        fetch_offset=partition.offset,
        partition_max_bytes=partition.bytes_max,
        **optional,
    )


@given(VERSIONS, requests(), st.lists(NAMES, max_size=2), st.none() | NAMES, st.binary(max_size=9))
def test_requests(
    version: int, request: FetchRequest, forgotten: list[str], cluster_id: str | None, header: bytes
) -> None:
    """What the other implementation writes, in any version, is read from behind its header.

    What belongs to a session, and the tag with the cluster's id, is passed over.
    """
    frame = bytearray(header + written(version, request, forgotten, cluster_id))
    assert as_told(version, request) == decode_fetch_request(version, frame, len(header))
