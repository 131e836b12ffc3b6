"""A block: the rows of one GPU in a slice of time, a sub-column for each metric.

A blob of the table `blocks`. Little-endian:

    checksum   u32   CRC-32 of the rest of the header and the directory
    format     u8    1
    codec      u8    of every sub-column: 0 plain, 1 shuffled and compressed by zlib
    metrics    u32   how many
    directory        an `ENTRY` for each metric, in the order of their numbers; what it says of the values
                     (count, blanks, least, greatest, sum, first and last) answers without its sub-column
    sub-columns      in that order, each of the length that its entry gives

A sub-column, its rows in the order of (time, partition, offset):

    times      differences from the one before, less the least of them (`time_step`), in the entry's width
    offsets    the same, folded (0, -1, 1, -2 ... as 0, 1, 2, 3 ...), then less the least (`offset_step`)
    values     as whole numbers (see `values`), differences, folded; a blank repeats the one before
    blanks     a bit for each row, the first row's the highest of the first byte; only where there are any
    label sets, then partitions: u32 number of each run of equal ones, then u32 length of each but the last

The first row has 0 in both; a steady rate takes a byte a row, or none. In the compressed form the bytes of
times, offsets and values are shuffled: all lowest ones first.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, Final, NamedTuple, TypeAlias

import attrs
import numpy as np

from query.views import values as whole
from query.views.columns import DamagedBlobError, Ints, Rows, joined
from query.views.integers import (
    Runs,
    differences,
    folded,
    narrow,
    shuffled,
    stepped,
    sums,
    unfolded,
    unshuffled,
    unstepped,
    widened,
)
from query.views.repeats import run_bytes, runs_from

FORMAT: Final = 1
PLAIN: Final = 0
ZLIB: Final = 1
SEVERAL: Final = -1
"""In place of a partition: the rows are of more than one."""
_ZLIB_LEVEL: Final = 1
_HEADER: Final = struct.Struct("<IBBI")

ENTRY: Final = np.dtype(
    [
        ("metric", "<u4"),
        ("count", "<u4"),
        ("blanks", "<u4"),
        ("length", "<u4"),
        ("checksum", "<u4"),  # CRC-32 of the sub-column as stored
        ("label_set_runs", "<u4"),
        ("partition_runs", "<u4"),
        ("time_step", "<u4"),
        ("offset_step", "<u4"),
        ("time_width", "u1"),
        ("offset_width", "u1"),
        ("value_width", "u1"),
        ("value_scale", "u1"),
        ("first_ms", "<i8"),
        ("last_ms", "<i8"),
        ("first_offset", "<i8"),
        ("last_offset", "<i8"),
        ("first_number", "<i8"),  # the first value as a whole number
        ("least", "<f8"),  # NaN where all are blanks
        ("greatest", "<f8"),
        ("sum", "<f8"),
    ]
)
_Pieces: TypeAlias = tuple[bytes, bytes, bytes, bytes, bytes, bytes]
"""Of a sub-column: times, offsets, values, blanks, label sets, partitions."""
_FIELD_PLACES: Final = {name: place for place, name in enumerate(ENTRY.names or ())}


@attrs.frozen
class Block:
    """One block to be stored."""

    gpu: int
    first_ms: int
    last_ms: int
    partition: int
    """That of all its rows, or `SEVERAL`."""
    first_offset: int
    """The least of its rows."""
    last_offset: int
    row_count: int
    data: bytes


class Series(NamedTuple):
    """One metric's entry and sub-column, and the GPU that they are of."""

    gpu: int
    codec: int
    entry: tuple[Any, ...]
    """In the order of `ENTRY`."""
    data: bytes

    @property
    def row_count(self) -> int:
        """Rows in it."""
        count: int = self.entry[1]
        return count

    def told(self, field: str) -> Any:
        """What the entry says, by the field's name."""
        return self.entry[_FIELD_PLACES[field]]


def encode(rows: Rows, codec: int) -> Iterator[Block]:
    """A block for each GPU of some rows, at least one, in the order of their series."""
    changes = (rows.gpu[1:] != rows.gpu[:-1]) | (rows.metric[1:] != rows.metric[:-1])
    starts = np.append(0, np.flatnonzero(changes) + 1)
    runs = Runs(starts, np.diff(np.append(starts, len(rows))))
    directory, columns = _encoded(rows, runs, codec)
    gpus = rows.gpu[starts]
    firsts = np.append(0, np.flatnonzero(gpus[1:] != gpus[:-1]) + 1)
    log = _places(rows, starts[firsts])
    for (first, last), place in zip(
        pairwise([*firsts.tolist(), len(gpus)]), zip(*log, strict=True), strict=True
    ):
        entries = directory[first:last]
        header = _HEADER.pack(0, FORMAT, codec, last - first)[4:] + entries.tobytes()
        yield Block(
            gpu=int(gpus[first]),
            first_ms=int(entries["first_ms"].min()),
            last_ms=int(entries["last_ms"].max()),
            partition=place[0],
            first_offset=place[1],
            last_offset=place[2],
            row_count=int(entries["count"].sum()),
            data=b"".join((zlib.crc32(header).to_bytes(4, "little"), header, *columns[first:last])),
        )


def _places(rows: Rows, starts: Ints) -> tuple[list[int], list[int], list[int]]:
    """Partition, least and greatest offset of each GPU's rows."""
    least, greatest = (end.reduceat(rows.partition, starts) for end in (np.minimum, np.maximum))
    return (
        np.where(least == greatest, least, SEVERAL).tolist(),
        np.minimum.reduceat(rows.offset, starts).tolist(),
        np.maximum.reduceat(rows.offset, starts).tolist(),
    )


def _encoded(
    rows: Rows, runs: Runs, codec: int
) -> tuple[np.ndarray[tuple[int], np.dtype[np.void]], list[bytes]]:
    """Entry and sub-column of each series."""
    starts, ends = runs.starts, runs.starts + runs.counts - 1
    directory = np.zeros(len(starts), ENTRY)
    directory["metric"] = rows.metric[starts]
    directory["count"] = runs.counts
    directory["first_ms"], directory["last_ms"] = rows.observed_at_ms[starts], rows.observed_at_ms[ends]
    directory["first_offset"], directory["last_offset"] = rows.offset[starts], rows.offset[ends]
    blank = np.isnan(rows.value)
    directory["blanks"] = np.add.reduceat(blank, starts, dtype=np.int64)
    with np.errstate(all="ignore"):  # sums of infinities, or to one
        directory["least"] = np.fmin.reduceat(rows.value, starts)
        directory["greatest"] = np.fmax.reduceat(rows.value, starts)
        directory["sum"] = np.add.reduceat(np.where(blank, 0.0, rows.value), starts)
    filled = _filled(rows.value, blank, runs) if blank.any() else rows.value
    directory["value_scale"], numbers = whole.to_numbers(filled, runs)
    directory["first_number"] = numbers[starts]
    directory["time_step"], time_rests = stepped(differences(rows.observed_at_ms, runs), runs)
    directory["offset_step"], offset_rests = stepped(folded(differences(rows.offset, runs)), runs)
    times, offsets = narrow(time_rests, runs), narrow(offset_rests, runs)
    values = narrow(folded(differences(numbers, runs)), runs)
    directory["time_width"], directory["offset_width"], directory["value_width"] = (
        times[0],
        offsets[0],
        values[0],
    )
    blanks = _blank_bits(blank, runs, directory["blanks"])
    directory["label_set_runs"], label_sets = run_bytes(rows.label_set, runs)
    directory["partition_runs"], partitions = run_bytes(rows.partition, runs)
    pieces = [times[1], offsets[1], values[1], blanks, label_sets, partitions]
    if codec == ZLIB:
        for place, widths in enumerate((times[0], offsets[0], values[0])):
            pieces[place] = list(map(shuffled, pieces[place], widths.tolist()))
    columns = [b"".join(parts) for parts in zip(*pieces, strict=True)]
    if codec == ZLIB:
        columns = [zlib.compress(column, _ZLIB_LEVEL) for column in columns]
    directory["length"] = [len(column) for column in columns]
    directory["checksum"] = [zlib.crc32(column) for column in columns]
    return directory, columns


def _filled(
    values: whole.Floats, blank: np.ndarray[tuple[int], np.dtype[np.bool_]], runs: Runs
) -> whole.Floats:
    """Blanks become the value before them in their series; those that begin one become 0."""
    places = np.maximum.accumulate(np.where(blank, -1, np.arange(len(values))))
    is_own = places >= np.repeat(runs.starts, runs.counts)
    return np.where(is_own, values[places], 0.0)


def _blank_bits(blank: np.ndarray[tuple[int], np.dtype[np.bool_]], runs: Runs, counts: Ints) -> list[bytes]:
    bits = [b""] * len(runs.starts)
    for series in np.flatnonzero(counts).tolist():
        start = int(runs.starts[series])
        bits[series] = np.packbits(blank[start : start + int(runs.counts[series])]).tobytes()
    return bits


def series_of(blob: bytes, gpu: int, metrics: frozenset[int] | None = None) -> Iterator[Series]:
    """The series of a GPU's block, or those of some metrics.

    Raises:
        DamagedBlobError: these are not the bytes that were written.
    """
    if len(blob) < _HEADER.size:
        raise DamagedBlobError(f"a block has {len(blob)} bytes")
    checksum, version, codec, count = _HEADER.unpack_from(blob)
    position = _HEADER.size + count * ENTRY.itemsize
    if position > len(blob) or checksum != zlib.crc32(memoryview(blob)[4:position]):
        raise DamagedBlobError("a block's checksum is wrong")
    if version != FORMAT or codec not in {PLAIN, ZLIB}:
        raise DamagedBlobError(
            f"a block has format {version}, codec {codec}, which this version does not read"
        )
    entries: Any = np.frombuffer(blob, ENTRY, count, _HEADER.size).tolist()
    for entry in entries:
        end = position + entry[3]
        if metrics is None or entry[0] in metrics:
            data = blob[position:end]
            if zlib.crc32(data) != entry[4]:
                raise DamagedBlobError("a sub-column's checksum is wrong")
            yield Series(gpu, codec, entry, data)
        position = end


def decode(series: Sequence[Series], *, values_only: bool = False) -> Rows:
    """The rows of many series, of any blocks, one after another.

    With `values_only`, partitions, offsets and label sets are 0, which saves half of the work.
    """
    if not series:
        return joined([])
    directory = np.array([one.entry for one in series], ENTRY)
    runs = Runs.of_counts(directory["count"].astype(np.int64))
    pieces = [_split(one) for one in series]
    times = widened(directory["time_width"].tolist(), [piece[0] for piece in pieces], runs)
    numbers = widened(directory["value_width"].tolist(), [piece[2] for piece in pieces], runs)
    values = whole.to_values(
        directory["value_scale"], sums(unfolded(numbers), directory["first_number"].copy(), runs), runs
    )
    for place in np.flatnonzero(directory["blanks"]).tolist():
        start, count = int(runs.starts[place]), int(runs.counts[place])
        bits = np.frombuffer(pieces[place][3], np.uint8)
        values[start : start + count][np.unpackbits(bits, count=count).view(np.bool_)] = np.nan
    times_ms = sums(unstepped(times, directory["time_step"], runs), directory["first_ms"].copy(), runs)
    if values_only:
        partition = offset = label_set = np.zeros(len(values), np.int64)
    else:
        partition = runs_from([piece[5] for piece in pieces], runs)
        offset = _offsets(directory, pieces, runs)
        label_set = runs_from([piece[4] for piece in pieces], runs)
    return Rows(
        gpu=np.repeat(np.array([one.gpu for one in series], np.int64), runs.counts),
        metric=np.repeat(directory["metric"].astype(np.int64), runs.counts),
        observed_at_ms=times_ms,
        partition=partition,
        offset=offset,
        label_set=label_set,
        value=values,
    )


def _offsets(
    directory: np.ndarray[tuple[int], np.dtype[np.void]], pieces: Sequence[_Pieces], runs: Runs
) -> Ints:
    offsets = widened(directory["offset_width"].tolist(), [piece[1] for piece in pieces], runs)
    steps = unfolded(unstepped(offsets, directory["offset_step"], runs))
    return sums(steps, directory["first_offset"].copy(), runs)


def _split(series: Series) -> _Pieces:
    """The parts of a sub-column."""
    entry = series.entry
    count, blanks, label_set_runs = entry[1], entry[2], entry[5]
    widths = entry[9:12]
    data = zlib.decompress(series.data) if series.codec == ZLIB else series.data
    ends = list(accumulate(width * count for width in widths))
    ends.append(ends[-1] + ((count + 7) // 8 if blanks else 0))
    ends.append(ends[-1] + 8 * label_set_runs - 4)
    times, offsets, numbers, bits, label_sets = (
        data[start:end] for start, end in zip([0, *ends], ends, strict=False)
    )
    if series.codec == ZLIB:
        times, offsets, numbers = map(unshuffled, (times, offsets, numbers), widths)
    return times, offsets, numbers, bits, label_sets, data[ends[-1] :]
