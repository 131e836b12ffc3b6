"""A tail: what one batch brought for one shelf of GPUs, written as it comes and folded into blocks later.

A blob of the table `tails`. Little-endian:

    checksum  u32     CRC-32 of all that follows
    format    u8      1
    widths    6 x u8  of a number in each column but the value's: 0 (all the same), 1, 2, 4 or 8 bytes
    rows      u32
    bases     6 x i64 the least number of each of those columns
    columns           GPU, metric, time (ms), partition, offset, label set: unsigned distances from the
                      base, in the column's width; then the values, f64, NaN for a blank

The rows are in the order of (GPU, metric, time, partition, offset), so that those of one GPU lie together.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

import numpy as np
from numpy.typing import NDArray

from query.views.columns import DamagedBlobError, Ints, Rows
from query.views.integers import DTYPES

FORMAT: Final = 1
SHELF_GPUS: Final = 256
"""A shelf is as many GPUs with numbers next to each other."""
_CHECKSUM: Final = struct.Struct("<I")
_HEADER: Final = struct.Struct("<B6BI6q")
_START: Final = _CHECKSUM.size + _HEADER.size
_VALUE: Final = np.dtype("<f8")


def encode(rows: Rows) -> bytes:
    """The blob of some rows, at least one, which are in the order of their series."""
    widths: list[int] = []
    bases: list[int] = []
    columns: list[bytes] = []
    for column in (
        rows.gpu,
        rows.metric,
        rows.observed_at_ms,
        rows.partition,
        rows.offset,
        rows.label_set,
    ):
        base = int(np.min(column))
        spread = int(np.max(column)) - base
        width = next(width for width in (0, 1, 2, 4, 8) if spread < 1 << 8 * width)
        bases.append(base)
        widths.append(width)
        if width:
            columns.append((column - base).astype(DTYPES[width]).tobytes())
    header = _HEADER.pack(FORMAT, *widths, len(rows), *bases)
    body = b"".join((header, *columns, rows.value.astype(_VALUE).tobytes()))
    return _CHECKSUM.pack(zlib.crc32(body)) + body


def decode(blob: bytes, gpu: int | None = None) -> Rows:
    """Its rows, or those of one GPU.

    Raises:
        DamagedBlobError: these are not the bytes that were written.
    """
    if len(blob) < _START or _CHECKSUM.unpack_from(blob)[0] != zlib.crc32(memoryview(blob)[4:]):
        raise DamagedBlobError("a tail's checksum is wrong")
    version, *fields = _HEADER.unpack_from(blob, _CHECKSUM.size)
    if version != FORMAT:
        raise DamagedBlobError(f"a tail has format {version}, which this version does not read")
    widths, rows, bases = fields[:6], fields[6], fields[7:]
    stored: list[NDArray[np.unsignedinteger] | None] = []
    position = _START
    for width in widths:
        stored.append(np.frombuffer(blob, DTYPES[width], rows, position) if width else None)
        position += width * rows
    first, last = _range_of(stored[0], bases[0], rows, gpu)
    columns = [_restored(column, base, first, last) for column, base in zip(stored, bases, strict=True)]
    value = np.frombuffer(blob, _VALUE, rows, position)[first:last]
    gpus, metrics, times_ms, partitions, offsets, label_sets = columns
    return Rows(gpus, metrics, times_ms, partitions, offsets, label_sets, value)


def _range_of(
    stored: NDArray[np.unsignedinteger] | None, base: int, rows: int, gpu: int | None
) -> tuple[int, int]:
    if gpu is None:
        return 0, rows
    if stored is None:
        return (0, rows) if gpu == base else (0, 0)
    sought = gpu - base
    if sought < 0 or sought > int(stored[-1]):
        return 0, 0
    key = stored.dtype.type(sought)  # of the column's type, or numpy converts the whole column
    first = int(np.searchsorted(stored, key, "left"))
    return first, int(np.searchsorted(stored, key, "right"))


def _restored(stored: NDArray[np.unsignedinteger] | None, base: int, first: int, last: int) -> Ints:
    if stored is None:
        return np.full(last - first, base, np.int64)
    return stored[first:last].astype(np.int64) + base
