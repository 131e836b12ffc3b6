r"""Snappy as Kafka carries it: the block framing of snappy-java ("xerial"), or one bare block.

    bytes   field
    8       magic: 82 53 4e 41 50 50 59 00 ("\x82SNAPPY\0")
    4       version, big-endian: 1
    4       oldest version that can read it: 1
    then, to the end, for each block of at most 32 KiB before compression:
    4       compressed size, big-endian
    n       one bare snappy block

Java, kafka-python and aiokafka write the framing, librdkafka and others the bare block, and all of
them read both. The two cannot be mistaken: read as a bare block, the magic would begin with a copy
of bytes that do not exist yet.

A bare block begins with its unpacked size as a varint. Its densest element turns 3 bytes into 64,
so a size above 22 times the block is false, and is refused before anything is allocated for it.

Source: snappy-java's SnappyOutputStream; Google's format_description.txt of snappy.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

import cramjam

from eventlog.errors import CorruptBatchError
from eventlog.record.buffer import Buffer

MAGIC = b"\x82SNAPPY\x00"
STREAM_HEADER = struct.Struct(">8sii")
BLOCK_SIZE = struct.Struct(">i")
BLOCK_BYTES_MAX = 32 * 1024
GROWTH_MAX = 22

_STREAM_START = STREAM_HEADER.pack(MAGIC, 1, 1)


def frame(data: Buffer) -> bytes:
    """Compress into the framing of snappy-java."""
    out = io.BytesIO()
    out.write(_STREAM_START)
    view = memoryview(data)
    for start in range(0, len(view), BLOCK_BYTES_MAX):
        block = cramjam.snappy.compress_raw(view[start : start + BLOCK_BYTES_MAX])
        out.write(BLOCK_SIZE.pack(len(block)))
        out.write(block)
    return out.getvalue()


def unpacked_bytes(data: memoryview) -> int:
    """What `data` unpacks to, by its own statement, which is not above 22 times its size."""
    return sum(_block_unpacked_bytes(block) for block in _blocks(data))


def unframe(data: memoryview) -> bytes:
    """Unpack; the caller has compared `unpacked_bytes` with its limit."""
    out = io.BytesIO()
    for block in _blocks(data):
        try:
            out.write(cramjam.snappy.decompress_raw(block))
        except cramjam.DecompressionError as error:
            raise CorruptBatchError(f"snappy block does not unpack: {error}") from error
    return out.getvalue()


def _blocks(data: memoryview) -> Iterator[memoryview]:
    """The bare blocks of either form."""
    if data[: len(MAGIC)] != MAGIC:
        yield data
        return
    position = STREAM_HEADER.size
    if len(data) < position:
        raise CorruptBatchError(f"snappy stream header is cut off after {len(data)} of {position} bytes")
    while position < len(data):
        if len(data) - position < BLOCK_SIZE.size:
            raise CorruptBatchError(f"snappy stream is cut off at byte {position}, inside a block's size")
        (block_bytes,) = BLOCK_SIZE.unpack_from(data, position)
        position += BLOCK_SIZE.size
        if not 0 < block_bytes <= len(data) - position:
            raise CorruptBatchError(
                f"snappy block at byte {position} claims {block_bytes} bytes, {len(data) - position} are "
                "there"
            )
        yield data[position : position + block_bytes]
        position += block_bytes


def _block_unpacked_bytes(block: memoryview) -> int:
    try:
        claimed_bytes = cramjam.snappy.decompress_raw_len(block)
    except cramjam.DecompressionError as error:
        raise CorruptBatchError(f"snappy block has no readable size: {error}") from error
    if not block or claimed_bytes > GROWTH_MAX * len(block):
        raise CorruptBatchError(f"snappy block of {len(block)} bytes claims to unpack to {claimed_bytes}")
    return claimed_bytes
