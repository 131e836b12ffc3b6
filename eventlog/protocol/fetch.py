"""Fetch (key 1), versions 4 to 12: what a consumer wants to read. The response is in `fetch_response`.

    type    field                version
    int32   replica id
    int32   max wait ms
    int32   min bytes
    int32   max bytes
    int8    isolation level
    int32   session id           7
    int32   session epoch        7
    array   topics
      string  name
      array   partitions
        int32   index
        int32   leader epoch         9
        int64   offset
        int32   last fetched epoch   12
        int64   log start offset     5    (of a follower)
        int32   max bytes
        tags                         12
      tags                       12
    array   forgotten topics     7    (of a session)
      string  name
      array   partitions (int32)
      tags                       12
    string  rack id              11
    tags                         12

A session would let a client leave out what did not change. The broker keeps none: the fields are
read, every response has the session id 0, and the client goes on with whole requests.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

import attrs

from eventlog.protocol.reader import Reader
from eventlog.protocol.versions import ApiKey, is_flexible
from eventlog.record import Buffer

_WAIT_AND_LIMITS: Final = struct.Struct(">iiiib")
_SESSION: Final = struct.Struct(">ii")
_PARTITION: Final = struct.Struct(">iqi")
_PARTITION_5: Final = struct.Struct(">iq8xi")
_PARTITION_9: Final = struct.Struct(">iiq8xi")
_PARTITION_12: Final = struct.Struct(">iiq4x8xi")

_TOPIC_BYTES_MIN: Final = 3
"""Name, count and tags, in the compact way; the legacy one takes more."""


@attrs.frozen(slots=True)
class WantedPartition:
    """Where to read on in one partition; `leader_epoch` is -1 where the client does not know it."""

    index: int
    leader_epoch: int
    offset: int
    bytes_max: int


@attrs.frozen(slots=True)
class WantedTopic:
    """Where to read on in one topic."""

    name: str
    partitions: Sequence[WantedPartition]


@attrs.frozen(slots=True)
class FetchRequest:
    """What to read, and when to answer. Session id and epoch are 0 and -1 where no session is meant."""

    replica_id: int
    wait_ms_max: int
    bytes_min: int
    bytes_max: int
    isolation_level: int
    session_id: int
    session_epoch: int
    topics: Sequence[WantedTopic]
    rack_id: str


def decode_fetch_request(version: int, frame: Buffer, position: int = 0) -> FetchRequest:
    """Read the body at `position`."""
    reader = Reader(frame, position, flexible=is_flexible(ApiKey.FETCH, version))
    replica_id, wait_ms_max, bytes_min, bytes_max, isolation = reader.unpack(_WAIT_AND_LIMITS, "limits")
    session_id, session_epoch = reader.unpack(_SESSION, "session") if version >= 7 else (0, -1)
    topics = [_decode_topic(reader, version) for _ in range(reader.count(_TOPIC_BYTES_MIN, "topics"))]
    if version >= 7:
        _skip_forgotten(reader)
    rack_id = reader.string("rack id") if version >= 11 else ""
    reader.skip_tags()
    reader.finish()
    return FetchRequest(
        replica_id,
        wait_ms_max,
        bytes_min,
        bytes_max,
        isolation,
        session_id,
        session_epoch,
        topics,
        rack_id,
    )


def _decode_topic(reader: Reader, version: int) -> WantedTopic:
    name = reader.string("topic name")
    layout = _partition_layout(version)
    partitions = []
    for _ in range(reader.count(layout.size, "partitions")):
        if version >= 9:
            index, leader_epoch, offset, bytes_max = reader.unpack(layout, "partition")
        else:
            index, offset, bytes_max = reader.unpack(layout, "partition")
            leader_epoch = -1
        partitions.append(WantedPartition(index, leader_epoch, offset, bytes_max))
        reader.skip_tags()
    reader.skip_tags()
    return WantedTopic(name, partitions)


def _partition_layout(version: int) -> struct.Struct:
    if version >= 12:
        return _PARTITION_12
    if version >= 9:
        return _PARTITION_9
    return _PARTITION_5 if version >= 5 else _PARTITION


def _skip_forgotten(reader: Reader) -> None:
    for _ in range(reader.count(_TOPIC_BYTES_MIN, "forgotten topics")):
        reader.string("forgotten topic name")
        for _ in range(reader.count(4, "forgotten partitions")):
            reader.int32("forgotten partition")
        reader.skip_tags()
