"""The response to Fetch (key 1), versions 4 to 12, planned around records that are not read here.

    type            field                version
    int32           throttle ms
    int16           error code           7
    int32           session id           7    (0: no session)
    array           topics
      string          name
      array           partitions
        int32           index
        int16           error code
        int64           high watermark
        int64           last stable offset        (the high watermark: no transactions)
        int64           log start offset     5
        array           aborted transactions      (none)
        int32           preferred replica    11   (-1: this one)
        nullable bytes  records
        tags                                 12
      tags                               12
    tags                                 12

All but the records is written here; they go between the pieces, from wherever they are, so that a
file can send them by itself.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

import attrs

from eventlog.protocol.error_codes import ErrorCode
from eventlog.protocol.response_header import LENGTH_BYTES, encode_response_header
from eventlog.protocol.versions import ApiKey, is_flexible
from eventlog.protocol.writer import Writer

_THROTTLE: Final = struct.Struct(">i")
_SESSION: Final = struct.Struct(">ihi")
# The padding is the count of aborted transactions, 0; the compact way has it as a byte of 1.
_PARTITION: Final = struct.Struct(">ihqq4x")
_PARTITION_5: Final = struct.Struct(">ihqqq4x")
_PARTITION_11: Final = struct.Struct(">ihqqq4xi")
_PARTITION_12: Final = struct.Struct(">ihqqqbi")
_FRAME_BYTES_MAX: Final = 2**31 - 1


class Records(Protocol):
    """A stretch of record batches that lies somewhere and has a size."""

    @property
    def size_bytes(self) -> int: ...


RecordsT = TypeVar("RecordsT", bound=Records)
Piece: TypeAlias = bytes | RecordsT


@attrs.frozen(slots=True)
class FetchedPartition(Generic[RecordsT]):
    """What one partition answers; no records are an empty stretch."""

    index: int
    error_code: ErrorCode = ErrorCode.NONE
    high_watermark: int = -1
    log_start_offset: int = -1
    records: RecordsT | None = None


@attrs.frozen(slots=True)
class FetchedTopic(Generic[RecordsT]):
    """What one topic answers."""

    name: str
    partitions: Sequence[FetchedPartition[RecordsT]]


@attrs.frozen(slots=True)
class FetchResponsePlan(Generic[RecordsT]):
    """A whole response: `pieces` in the order in which they are to be sent, `size_bytes` in all.

    A piece is bytes, or the caller's own object, of which just `size_bytes` bytes must be sent.
    """

    size_bytes: int
    pieces: Sequence[Piece[RecordsT]]


def plan_fetch_response(
    version: int,
    correlation_id: int,
    topics: Sequence[FetchedTopic[RecordsT]],
    *,
    error_code: ErrorCode = ErrorCode.NONE,
    throttle_ms: int = 0,
) -> FetchResponsePlan[RecordsT]:
    """Lay out the frame, its length and header included; `error_code` is told from version 7 on."""
    writer = Writer(flexible=is_flexible(ApiKey.FETCH, version))
    if version >= 7:
        writer.pack(_SESSION, throttle_ms, error_code, 0)
    else:
        writer.pack(_THROTTLE, throttle_ms)
    pieces: list[Piece[RecordsT]] = [b""]  # the header, once the size is known
    writer.count(len(topics))
    for topic in topics:
        writer.string(topic.name)
        writer.count(len(topic.partitions))
        _plan_partitions(writer, version, topic.partitions, pieces)
        writer.no_tags()
    writer.no_tags()
    pieces.append(writer.take())
    return _under_header(version, correlation_id, pieces)


def _plan_partitions(
    writer: Writer,
    version: int,
    partitions: Iterable[FetchedPartition[RecordsT]],
    pieces: list[Piece[RecordsT]],
) -> None:
    for partition in partitions:
        index, error_code = partition.index, partition.error_code
        high, start = partition.high_watermark, partition.log_start_offset
        if version >= 12:
            writer.pack(_PARTITION_12, index, error_code, high, high, start, 1, -1)
        elif version >= 11:
            writer.pack(_PARTITION_11, index, error_code, high, high, start, -1)
        elif version >= 5:
            writer.pack(_PARTITION_5, index, error_code, high, high, start)
        else:
            writer.pack(_PARTITION, index, error_code, high, high)
        records = partition.records
        if records is None or records.size_bytes == 0:
            writer.count(0)
        else:
            writer.count(records.size_bytes)
            pieces += (writer.take(), records)
        writer.no_tags()


def _under_header(
    version: int, correlation_id: int, pieces: list[Piece[RecordsT]]
) -> FetchResponsePlan[RecordsT]:
    body_bytes = sum(len(piece) if isinstance(piece, bytes) else piece.size_bytes for piece in pieces)
    header = encode_response_header(ApiKey.FETCH, version, correlation_id, body_bytes)
    size_bytes = len(header) + body_bytes
    assert size_bytes - LENGTH_BYTES <= _FRAME_BYTES_MAX
    first = pieces[1]
    assert isinstance(first, bytes)
    pieces[:2] = [header + first]
    return FetchResponsePlan(size_bytes, pieces)
