"""The five codecs of a record batch, and the limits that keep a hostile batch from being expensive.

    number  codec   as it is written here                          as it is read
    0       none    as it is                                       as it is
    1       gzip    one member, level 6                            one member
    2       snappy  snappy-java's framing (see `xerial`)           that framing, or one bare block
    3       lz4     one frame, independent blocks of 64 KiB, no    one frame
                    checksum (Java's reader asks for independent
                    blocks; the batch has a checksum of its own)
    4       zstd    one frame, level 3, content size stated        one frame, with a window of at most
                                                                   `size_bytes_max`, but 8 to 128 MiB

Two limits hold at once while unpacking (`stream` says how):

* `size_bytes_max`: the memory that one batch may take, 128 MiB unless told otherwise.
* `ratio_max`: unpacked bytes for each packed byte, 1,000 unless told otherwise, judged only above
  1 MiB unpacked. Telemetry repeats itself, but every record has deltas of its own: JSON samples of a
  fleet measured 29 to 1 in zstd, the same sample of 250 bytes over and over 138 to 1, of 1 KiB 254
  to 1; gzip cannot pass 1,032. A producer with its defaults stays below 1 MiB before compression,
  and may well send one long run of the same byte (20,972 to 1): it never trips. What trips is a few
  kilobytes that unpack to many megabytes, the shape of a bomb.
"""

from __future__ import annotations

import enum
import zlib
from typing import Final

import lz4.frame  # type: ignore[import-untyped]  # lz4 ships no types
import zstandard

from eventlog.errors import UnsupportedBatchError
from eventlog.record import xerial
from eventlog.record.buffer import Buffer
from eventlog.record.stream import GZIP_WBITS, over_limit, unpack_gzip, unpack_lz4, unpack_zstd

DECOMPRESSED_BYTES_MAX: Final = 128 * 1024 * 1024
DECOMPRESSION_RATIO_MAX: Final = 1000
RATIO_FREE_BYTES: Final = 1024 * 1024
"""Up to this unpacked size the ratio is not judged."""

GZIP_LEVEL: Final = 6
ZSTD_LEVEL: Final = 3
ZSTD_WINDOW_BYTES_MIN: Final = 8 * 1024 * 1024
"""RFC 8878 recommends that every decoder support windows up to this size."""
ZSTD_WINDOW_BYTES_MAX: Final = 128 * 1024 * 1024
"""The widest window that zstd writes at any level unless told to."""


class Codec(enum.IntEnum):
    """The codec's number, as it stands in the lowest three bits of a batch's attributes."""

    NONE = 0
    GZIP = 1
    SNAPPY = 2
    LZ4 = 3
    ZSTD = 4


CODEC_MAX: Final = int(max(Codec))


def codec_numbered(number: int) -> Codec:
    """The codec of that number; UnsupportedBatchError when it means nothing."""
    if number > CODEC_MAX:
        raise UnsupportedBatchError(
            f"codec {number} is unknown: set the producer's compression to gzip, snappy, lz4, zstd or none"
        )
    return Codec(number)


def compress(codec: Codec, data: Buffer) -> bytes:
    """Compress the records of a batch."""
    if codec is Codec.GZIP:
        return zlib.compress(data, GZIP_LEVEL, GZIP_WBITS)
    if codec is Codec.SNAPPY:
        return xerial.frame(data)
    if codec is Codec.LZ4:
        return bytes(lz4.frame.compress(data, block_linked=False, store_size=False))
    if codec is Codec.ZSTD:
        return zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(data)
    return bytes(data)


def decompress(
    codec: Codec,
    data: Buffer,
    *,
    size_bytes_max: int = DECOMPRESSED_BYTES_MAX,
    ratio_max: int = DECOMPRESSION_RATIO_MAX,
) -> bytes:
    """Unpack the records of a batch; `data` is exactly one compressed stream.

    CorruptBatchError: garbage, cut off, or followed by other bytes. DecompressionLimitError: it
    would unpack to more than `size_bytes_max`, or to more than `ratio_max` times its size.
    Uncompressed data is given back as it is: it is in memory already.
    """
    view = memoryview(data)
    limit_bytes = min(size_bytes_max, max(RATIO_FREE_BYTES, ratio_max * len(view)))
    if codec is Codec.GZIP:
        return unpack_gzip(view, limit_bytes)
    if codec is Codec.SNAPPY:
        if xerial.unpacked_bytes(view) > limit_bytes:
            raise over_limit("snappy", len(view), limit_bytes)
        return xerial.unframe(view)
    if codec is Codec.LZ4:
        return unpack_lz4(view, limit_bytes)
    if codec is Codec.ZSTD:
        window_bytes_max = min(max(size_bytes_max, ZSTD_WINDOW_BYTES_MIN), ZSTD_WINDOW_BYTES_MAX)
        return unpack_zstd(view, limit_bytes, window_bytes_max=window_bytes_max)
    return bytes(view)
