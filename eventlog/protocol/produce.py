"""Produce (key 0), versions 3 to 11: records to be appended, and where they came to lie.

Request                                       Response
    type             field             version    type             field                version
    nullable string  transactional id             array            topics
    int16            acks                           string           name
    int32            timeout ms                     array            partitions
    array            topics                           int32            index
      string           name                           int16            error code
      array            partitions                     int64            base offset
        int32            index                        int64            append time ms
        nullable bytes   records                      int64            log start offset     5
        tags                           9              array            errors of records    8  (none)
      tags                             9              nullable string  error message        8
    tags                               9              tags                                  9
                                                    tags                                    9
                                                  int32            throttle ms
                                                  tags                                      9

The records of a partition are one batch or several, as `eventlog.record` describes them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from eventlog.protocol.error_codes import ErrorCode
from eventlog.protocol.reader import Reader
from eventlog.protocol.versions import ApiKey, is_flexible
from eventlog.protocol.writer import Writer
from eventlog.record import Buffer

_ACKS_TIMEOUT: Final = struct.Struct(">hi")
_PRODUCED: Final = struct.Struct(">ihqq")
_LOG_START: Final = struct.Struct(">q")
_THROTTLE: Final = struct.Struct(">i")

_TOPIC_BYTES_MIN: Final = 3
"""Name, count and tags, in the compact way; the legacy one takes more."""
_PARTITION_BYTES_MIN: Final = 6
"""Index, length and tags, likewise."""


@attrs.frozen(slots=True)
class PartitionRecords:
    """What one partition is to append; `records` lies in the frame, None for null."""

    index: int
    records: memoryview | None


@attrs.frozen(slots=True)
class TopicRecords:
    """What the partitions of one topic are to append."""

    name: str
    partitions: Sequence[PartitionRecords]


@attrs.frozen(slots=True)
class ProduceRequest:
    """Records to append. `acks` is as it was sent: 0 asks for no response, 1 and -1 for one."""

    transactional_id: str | None
    acks: int
    timeout_ms: int
    topics: Sequence[TopicRecords]


@attrs.frozen(slots=True)
class ProducedPartition:
    """What became of one partition's records; an offset or time of -1 stands for none."""

    index: int
    error_code: ErrorCode = ErrorCode.NONE
    base_offset: int = -1
    log_start_offset: int = -1
    append_time_ms: int = -1
    error_message: str | None = None


@attrs.frozen(slots=True)
class ProducedTopic:
    """What became of one topic's records."""

    name: str
    partitions: Sequence[ProducedPartition]


def decode_produce_request(version: int, frame: Buffer, position: int = 0) -> ProduceRequest:
    """Read the body at `position`; the records are views into `frame`, writable if that is."""
    reader = Reader(frame, position, flexible=is_flexible(ApiKey.PRODUCE, version))
    transactional_id = reader.nullable_string("transactional id")
    acks, timeout_ms = reader.unpack(_ACKS_TIMEOUT, "acks and timeout")
    topics = [_decode_topic(reader) for _ in range(reader.count(_TOPIC_BYTES_MIN, "topics"))]
    reader.skip_tags()
    reader.finish()
    return ProduceRequest(transactional_id, acks, timeout_ms, topics)


def _decode_topic(reader: Reader) -> TopicRecords:
    name = reader.string("topic name")
    partitions = []
    for _ in range(reader.count(_PARTITION_BYTES_MIN, "partitions")):
        index = reader.int32("partition")
        partitions.append(PartitionRecords(index, reader.nullable_view("records")))
        reader.skip_tags()
    reader.skip_tags()
    return TopicRecords(name, partitions)


def encode_produce_response(version: int, topics: Sequence[ProducedTopic], *, throttle_ms: int = 0) -> bytes:
    """The body of the response."""
    writer = Writer(flexible=is_flexible(ApiKey.PRODUCE, version))
    writer.count(len(topics))
    for topic in topics:
        writer.string(topic.name)
        writer.count(len(topic.partitions))
        _encode_partitions(writer, version, topic.partitions)
        writer.no_tags()
    writer.pack(_THROTTLE, throttle_ms)
    writer.no_tags()
    return writer.take()


def _encode_partitions(writer: Writer, version: int, partitions: Iterable[ProducedPartition]) -> None:
    for partition in partitions:
        writer.pack(
            _PRODUCED,
            partition.index,
            partition.error_code,
            partition.base_offset,
            partition.append_time_ms,
        )
        if version >= 5:
            writer.pack(_LOG_START, partition.log_start_offset)
        if version >= 8:
            writer.count(0)
            writer.nullable_string(partition.error_message)
        writer.no_tags()
