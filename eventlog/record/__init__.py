"""The record batch: the unit that is written, checksummed, sent and stored, and never split. Pure.

Numbers are big-endian and signed unless it says otherwise. Varints are described in `varint`, the
codecs in `compression`, the framing of snappy in `xerial`.

Batch (61 bytes and the records)
    byte  bytes  field               meaning
    0     8      base offset         offset of the first record; given by the broker, outside the CRC
    8     4      batch length        bytes that follow this field
    12    4      leader epoch        given by the broker, outside the CRC
    16    1      magic               2
    17    4      crc                 unsigned; CRC-32C of all bytes from 21 to the end
    21    2      attributes          see below
    23    4      last offset delta   offset of the last record, less the base offset
    27    8      base timestamp      that of the first record, ms since 1970, -1 = none
    35    8      max timestamp       the largest, or the append time
    43    8      producer id         -1 = not idempotent
    51    2      producer epoch      -1 = not idempotent
    53    4      base sequence       sequence number of the first record, -1 = not idempotent
    57    4      record count
    61    …      records             one after another, compressed as a whole by the codec

Attribute bits
    bits  meaning
    0-2   codec: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd
    3     timestamps: 0 given by the producer, 1 the broker's append time (then the max timestamp)
    4     transactional          (refused on produce)
    5     control batch          (refused on produce and on reading)
    6     the base timestamp is a delete horizon (compacted topics; deltas count from it all the same)
    7-15  unused

Record
    type     field              meaning
    varint   length             bytes that follow this field
    int8     attributes         unused
    varlong  timestamp delta    from the base timestamp
    varint   offset delta       from the base offset
    varint   key length         -1 = no key
    …        key
    varint   value length       -1 = no value
    …        value
    varint   header count       and so many headers:
    varint     name length
    …          name             UTF-8
    varint     value length     -1 = no value
    …          value

A batch whose bits are damaged anywhere but in bytes 0-7 and 12-15 is found out by its length, magic
or checksum. Those twelve bytes are the broker's own: what checks them is the place of the batch in
the log, where offsets are dense and the leader epoch is 0.

Source: Apache Kafka documentation, "Message Format" (5.3), and the class DefaultRecordBatch.
"""

from eventlog.record.batch import check_batch, decode_batch, encode_batch, patch_batch
from eventlog.record.buffer import Buffer, WritableBuffer
from eventlog.record.checksum import crc32c
from eventlog.record.compression import (
    DECOMPRESSED_BYTES_MAX,
    DECOMPRESSION_RATIO_MAX,
    Codec,
    compress,
    decompress,
)
from eventlog.record.header import (
    CRC_START,
    HEADER,
    HEADER_BYTES,
    LENGTH_OFFSET_BYTES,
    MAGIC,
    BatchHeader,
    next_sequence,
)
from eventlog.record.record import Record

__all__ = [
    "CRC_START",
    "DECOMPRESSED_BYTES_MAX",
    "DECOMPRESSION_RATIO_MAX",
    "HEADER",
    "HEADER_BYTES",
    "LENGTH_OFFSET_BYTES",
    "MAGIC",
    "BatchHeader",
    "Buffer",
    "Codec",
    "Record",
    "WritableBuffer",
    "check_batch",
    "compress",
    "crc32c",
    "decode_batch",
    "decompress",
    "encode_batch",
    "next_sequence",
    "patch_batch",
]
