"""Whole record batches: writing, reading, and what a broker does with one that arrives.

A broker never opens a batch: `check_batch` judges it by its header and checksum, `patch_batch`
gives it its place in the log. Clients, the in-memory log and the inspector use the other two.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Final

from eventlog.errors import CorruptBatchError, InvalidBatchError, UnsupportedBatchError
from eventlog.record.buffer import Buffer, WritableBuffer
from eventlog.record.checksum import crc32c
from eventlog.record.compression import (
    CODEC_MAX,
    DECOMPRESSED_BYTES_MAX,
    DECOMPRESSION_RATIO_MAX,
    Codec,
    codec_numbered,
    compress,
    decompress,
)
from eventlog.record.header import (
    CHECKSUM_START,
    CODEC_MASK,
    CONTROL_BIT,
    CRC_START,
    HEADER_BYTES,
    LEADER_EPOCH_START,
    LENGTH_OFFSET_BYTES,
    MAGIC,
    MAGIC_START,
    TRANSACTIONAL_BIT,
    BatchHeader,
)
from eventlog.record.record import RECORD_BYTES_MIN, Record, decode_record, encode_record

_BASE_OFFSET: Final = struct.Struct(">q")
_LEADER_EPOCH: Final = struct.Struct(">i")
_CHECKSUM: Final = struct.Struct(">I")
_KIND_MASK: Final = CODEC_MASK | TRANSACTIONAL_BIT | CONTROL_BIT
"""A batch is of a kind that is kept exactly if these bits of its attributes are at most CODEC_MAX."""


def encode_batch(
    records: Sequence[Record],
    *,
    base_offset: int = 0,
    codec: Codec = Codec.NONE,
    producer_id: int = -1,
    producer_epoch: int = -1,
    base_sequence: int = -1,
    leader_epoch: int = 0,
) -> bytearray:
    """Write a batch; record `i` gets the offset `base_offset + i`, whatever its own says.

    ValueError for no records, a timestamp below -1, or a number too large for its place.
    """
    if not records:
        raise ValueError("a batch holds at least one record")
    base_timestamp_ms = records[0].timestamp_ms
    if min(record.timestamp_ms for record in records) < -1:
        raise ValueError("a timestamp is milliseconds since 1970, or -1 for none")
    body = b"".join(
        encode_record(record, offset_delta=delta, base_timestamp_ms=base_timestamp_ms)
        for delta, record in enumerate(records)
    )
    if codec is not Codec.NONE:
        body = compress(codec, body)
    header = BatchHeader(
        base_offset=base_offset,
        batch_length=HEADER_BYTES - LENGTH_OFFSET_BYTES + len(body),
        leader_epoch=leader_epoch,
        magic=MAGIC,
        crc=0,
        attributes=int(codec),
        last_offset_delta=len(records) - 1,
        base_timestamp_ms=base_timestamp_ms,
        max_timestamp_ms=max(record.timestamp_ms for record in records),
        producer_id=producer_id,
        producer_epoch=producer_epoch,
        base_sequence=base_sequence,
        record_count=len(records),
    )
    batch = bytearray(header.pack())
    batch += body
    with memoryview(batch) as view:
        _CHECKSUM.pack_into(batch, CHECKSUM_START, crc32c(view[CRC_START:]))
    return batch


def decode_batch(
    buffer: Buffer,
    *,
    size_bytes_max: int = DECOMPRESSED_BYTES_MAX,
    ratio_max: int = DECOMPRESSION_RATIO_MAX,
) -> list[Record]:
    """Read the records of the one batch that fills `buffer`: all of them, or none.

    Checked first: length, checksum, count. Offsets grow from record to record and stay within the
    header's range (a compacted batch may leave some out). Where a broker stamped the batch with its
    append time, every record carries that. The two limits are those of `decompress`.

    CorruptBatchError, UnsupportedBatchError (control batch, old magic, unknown codec) or
    DecompressionLimitError.
    """
    return list(iterate_batch(buffer, size_bytes_max=size_bytes_max, ratio_max=ratio_max))


def iterate_batch(
    buffer: Buffer,
    *,
    size_bytes_max: int = DECOMPRESSED_BYTES_MAX,
    ratio_max: int = DECOMPRESSION_RATIO_MAX,
) -> Iterator[Record]:
    """As `decode_batch`, record by record: for who does not want them all, in memory or at all.

    The errors come when the first record is asked for, but what is wrong within the records comes after
    those before it.
    """
    header = _check_whole(buffer)
    if header.is_control:
        raise UnsupportedBatchError(
            f"batch at offset {header.base_offset} is a control batch, which holds a transaction's marker "
            "and no records: skip it"
        )
    if not 1 <= header.record_count <= header.last_offset_delta + 1:
        raise CorruptBatchError(_miscount(header))
    packed = memoryview(buffer)[HEADER_BYTES:]
    records = decompress(header.codec, packed, size_bytes_max=size_bytes_max, ratio_max=ratio_max)
    if header.record_count > len(records) // RECORD_BYTES_MIN:
        raise CorruptBatchError(
            f"batch at offset {header.base_offset} claims {header.record_count} records, but holds "
            f"{len(records)} bytes of them"
        )
    yield from _decode_records(header, records)


def check_batch(buffer: Buffer) -> BatchHeader:
    """Judge a produced batch before it is appended, without opening it; `buffer` holds it and nothing else.

    CorruptBatchError: the length or the checksum does not hold: sent again, the bytes may arrive whole.
    InvalidBatchError: the count or the producer's fields do not hold, or more follows, as it was sent.
    UnsupportedBatchError: old magic, unknown codec, control or transactional batch.
    """
    header = _check_whole(buffer)
    if header.attributes & _KIND_MASK > CODEC_MAX:
        _refuse_kind(header)
    if header.record_count < 1 or header.record_count != header.last_offset_delta + 1:
        raise InvalidBatchError(_miscount(header))
    if header.producer_id >= 0 and (header.producer_epoch < 0 or header.base_sequence < 0):
        raise InvalidBatchError(
            f"batch of producer {header.producer_id} has epoch {header.producer_epoch} and base sequence "
            f"{header.base_sequence}: an idempotent producer's are 0 or more"
        )
    return header


def patch_batch(buffer: WritableBuffer, base_offset: int) -> None:
    """Give a checked batch its place in the log: base offset, and leader epoch 0 (one broker, one epoch).

    Both lie outside the checksum, so the rest of the batch stays as the producer wrote it.
    """
    assert base_offset >= 0
    _BASE_OFFSET.pack_into(buffer, 0, base_offset)
    _LEADER_EPOCH.pack_into(buffer, LEADER_EPOCH_START, 0)


def _check_whole(buffer: Buffer) -> BatchHeader:
    """The header, once magic, length and checksum are known to be right."""
    if MAGIC_START < len(buffer) < HEADER_BYTES and buffer[MAGIC_START] in (0, 1):
        raise _unsupported_magic(buffer[MAGIC_START])  # the older formats' smallest message is shorter
    header = BatchHeader.parse(buffer)
    if header.magic != MAGIC:
        raise _unsupported_magic(header.magic)
    if LENGTH_OFFSET_BYTES + header.batch_length != len(buffer):
        is_whole = header.crc == crc32c(memoryview(buffer)[CRC_START : max(header.size_bytes, CRC_START)])
        raise (InvalidBatchError if is_whole and header.size_bytes < len(buffer) else CorruptBatchError)(
            f"batch at offset {header.base_offset} claims {header.size_bytes} bytes, {len(buffer)} are "
            "given: exactly one whole batch is expected"
        )
    checksum = crc32c(memoryview(buffer)[CRC_START:])
    if checksum != header.crc:
        raise CorruptBatchError(
            f"batch at offset {header.base_offset} fails its checksum (stated {header.crc:08x}, computed "
            f"{checksum:08x}): its bytes were altered, send it again"
        )
    return header


def _decode_records(header: BatchHeader, records: bytes) -> Iterator[Record]:
    append_time_ms = header.max_timestamp_ms if header.uses_append_time else None
    position = 0
    previous_offset = header.base_offset - 1
    for number in range(header.record_count):
        record, position = decode_record(
            records,
            position,
            base_offset=header.base_offset,
            base_timestamp_ms=header.base_timestamp_ms,
            append_time_ms=append_time_ms,
        )
        if not previous_offset < record.offset <= header.last_offset:
            raise CorruptBatchError(
                f"record {number} of the batch at offset {header.base_offset} has offset "
                f"{record.offset}: offsets grow, up to {header.last_offset}"
            )
        previous_offset = record.offset
        yield record
    if position != len(records):
        raise CorruptBatchError(
            f"batch at offset {header.base_offset} has {len(records) - position} bytes after its last record"
        )


def _unsupported_magic(magic: int) -> UnsupportedBatchError:
    if magic in (0, 1):
        return UnsupportedBatchError(
            f"message format {magic} is older than Kafka 0.11: let the client choose its versions itself "
            "(librdkafka api.version.request=true; kafka-python and aiokafka: no api_version)"
        )
    return UnsupportedBatchError(f"record batch magic {magic} is unknown: only magic 2 is kept")


def _refuse_kind(header: BatchHeader) -> None:
    if header.is_control:
        raise UnsupportedBatchError("control batches are written by brokers only: send records")
    if header.is_transactional:
        raise UnsupportedBatchError("transactions are not offered: remove the producer's transactional.id")
    codec_numbered(header.attributes & CODEC_MASK)


def _miscount(header: BatchHeader) -> str:
    return (
        f"batch at offset {header.base_offset} claims {header.record_count} records over "
        f"{header.last_offset_delta + 1} offsets: each record has one"
    )
