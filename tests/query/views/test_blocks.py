"""The codecs of blocks and tails: what goes in comes out, bytes stay what they are, damage is seen."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.views import blocks, latest, tails
from query.views.columns import DamagedBlobError, Rows, joined
from tests.query.views.columns import ROWS, rows_of, steady, told

CODECS = pytest.mark.parametrize("codec", [blocks.PLAIN, blocks.ZLIB], ids=["plain", "zlib"])


def decoded(made: list[blocks.Block], metrics: frozenset[int] | None = None) -> Rows:
    return blocks.decode([one for block in made for one in blocks.series_of(block.data, block.gpu, metrics)])


@CODECS
@given(rows=ROWS)
def test_a_block_gives_back_its_rows(codec: int, rows: Rows) -> None:
    """Any times, offsets, values and label sets, bit by bit; a blank is a blank."""
    ordered = rows.by_series()
    assert told(ordered) == told(decoded(list(blocks.encode(ordered, codec))))


@given(rows=ROWS, wanted=st.frozensets(st.integers(0, 2)))
def test_some_metrics_of_a_block(rows: Rows, wanted: frozenset[int]) -> None:
    """Those that are asked for, and no others."""
    ordered = rows.by_series()
    expected = [row for row in told(ordered) if row[1] in wanted]
    assert expected == told(decoded(list(blocks.encode(ordered, blocks.ZLIB)), wanted))


@given(rows=ROWS)
def test_a_block_says_where_in_the_log_its_rows_are(rows: Rows) -> None:
    """Their partition, unless they are of several; their least and greatest offset."""
    ordered = rows.by_series()
    for block in blocks.encode(ordered, blocks.PLAIN):
        own = ordered.take(ordered.gpu == block.gpu)
        partitions = set(own.partition.tolist())
        expected = partitions.pop() if len(partitions) == 1 else blocks.SEVERAL
        assert expected == block.partition
        assert (int(np.min(own.offset)), int(np.max(own.offset))) == (block.first_offset, block.last_offset)


@given(rows=ROWS)
def test_a_directory_sums_up_its_sub_columns(rows: Rows) -> None:
    """Count, blanks, least, greatest, sum, first and last are those of the rows."""
    ordered = rows.by_series()
    for block in blocks.encode(ordered, blocks.PLAIN):
        for one in blocks.series_of(block.data, block.gpu):
            entry = dict(zip(blocks.ENTRY.names or (), one.entry, strict=True))
            own = ordered.take((ordered.gpu == block.gpu) & (ordered.metric == entry["metric"]))
            values = own.value[~np.isnan(own.value)]
            assert (len(own), len(own) - len(values)) == (entry["count"], entry["blanks"])
            assert (own.observed_at_ms[0], own.observed_at_ms[-1]) == (entry["first_ms"], entry["last_ms"])
            assert (own.offset[0], own.offset[-1]) == (entry["first_offset"], entry["last_offset"])
            with np.errstate(all="ignore"):
                sums = [np.min(values, initial=np.inf), np.max(values, initial=-np.inf), values.sum()]
            if len(values):
                assert sums[:2] == [entry["least"], entry["greatest"]]
                assert entry["sum"] == pytest.approx(sums[2], nan_ok=True)
            else:
                assert np.isnan(entry["least"])
                assert np.isnan(entry["greatest"])


@given(rows=ROWS)
def test_rows_by_series(rows: Rows) -> None:
    """The order of (GPU, metric, time, partition, offset), whatever the order before."""
    keys = [row[:5] for row in told(rows)]
    assert sorted(keys) == [row[:5] for row in told(rows.by_series())]


@given(rows=ROWS, gpu=st.integers(0, 3))
def test_a_tail_gives_back_its_rows(rows: Rows, gpu: int) -> None:
    """All of them, or those of one GPU."""
    ordered = rows.by_series()
    blob = tails.encode(ordered)
    assert told(ordered) == told(tails.decode(blob))
    assert [row for row in told(ordered) if row[0] == gpu] == told(tails.decode(blob, gpu))


def test_no_series() -> None:
    """No rows."""
    assert [] == told(blocks.decode([]))
    assert [] == told(joined([]))


def test_many_gpus_and_metrics_are_sorted() -> None:
    """More series than 16 bits can number, and more GPUs too."""
    draw = random.Random(1)
    for gpu_count, metric_count in ((70_000, 3), (3, 70_000), (1_000, 1_000)):
        rows = rows_of(
            [(draw.randrange(gpu_count), draw.randrange(metric_count), n, 0, n, 0, 0.0) for n in range(2_000)]
            + [(gpu_count - 1, metric_count - 1, 0, 0, 0, 0, 0.0), (0, 0, 0, 0, 0, 0, 0.0)]
        )
        assert sorted(row[:5] for row in told(rows)) == [row[:5] for row in told(rows.by_series())]


# --- golden bytes ------------------------------------------------------------------------------

GOLDEN_ROWS = rows_of(
    [
        (7, 0, 1_000, 3, 10, 5, 71.125),
        (7, 0, 2_000, 3, 12, 5, float("nan")),
        (7, 0, 3_001, 3, 14, 6, 70.5),
        (7, 2, 1_000, 3, 11, 5, -0.0),
    ]
)
GOLDEN_TAIL = (
    "018f6a46010001020001010400000007000000000000000000000000000000e80300000000000003000000000000000a"
    "000000000000000500000000000000000000020000e803d107000000020401000001000000000000c851400000000000"
    "00f87f0000000000a051400000000000000080"
)
GOLDEN_PLAIN = (
    "3704ce2b0100020000000000000003000000010000001a000000b67bac9b0200000001000000e8030000040000000100"
    "0203e803000000000000b90b0000000000000a000000000000000e00000000000000d5150100000000000000000000a0"
    "51400000000000c851400000000000b4614002000000010000000000000008000000e37e773f01000000010000000000"
    "000000000000000000ffe803000000000000e8030000000000000b000000000000000b00000000000000000000000000"
    "008000000000000000800000000000000080000000000000008000000100000000e10440050000000600000002000000"
    "030000000500000003000000"
)
GOLDEN_ZLIB = (
    "e114acd30101020000000000000003000000010000001d000000d15d1a940200000001000000e8030000040000000100"
    "0203e803000000000000b90b0000000000000a000000000000000e00000000000000d5150100000000000000000000a0"
    "51400000000000c851400000000000b461400200000001000000000000000e000000e7937a8401000000010000000000"
    "000000000000000000ffe803000000000000e8030000000000000b000000000000000b00000000000000000000000000"
    "00800000000000000080000000000000008000000000000000807801636060646078c8c0c0e2c0cac0c0c006c44c40cc"
    "0cc40017e3013778016365606060066200003c0009"
)


def test_a_golden_tail() -> None:
    """The bytes of a tail are those of the first version."""
    assert GOLDEN_TAIL == tails.encode(GOLDEN_ROWS).hex()
    assert told(GOLDEN_ROWS) == told(tails.decode(bytes.fromhex(GOLDEN_TAIL)))


def test_a_golden_block() -> None:
    """The bytes of a plain block are those of the first version."""
    [block] = blocks.encode(GOLDEN_ROWS, blocks.PLAIN)
    assert GOLDEN_PLAIN == block.data.hex()
    assert (7, 1_000, 3_001, 4) == (block.gpu, block.first_ms, block.last_ms, block.row_count)


@pytest.mark.parametrize("golden", [GOLDEN_PLAIN, GOLDEN_ZLIB], ids=["plain", "zlib"])
def test_golden_blocks_are_read(golden: str) -> None:
    """Of both codecs; compressors may differ in their bytes, what they hold does not."""
    assert told(GOLDEN_ROWS) == told(blocks.decode(list(blocks.series_of(bytes.fromhex(golden), 7))))


# --- damage ------------------------------------------------------------------------------------


@CODECS
def test_every_flipped_bit_of_a_block_is_seen(codec: int) -> None:
    """In the header, the directory and the sub-columns."""
    [block] = blocks.encode(GOLDEN_ROWS, codec)
    for place in range(8 * len(block.data)):
        damaged = bytearray(block.data)
        damaged[place // 8] ^= 1 << place % 8
        with pytest.raises(DamagedBlobError):
            blocks.decode(list(blocks.series_of(bytes(damaged), 7)))


def test_every_flipped_bit_of_a_tail_is_seen() -> None:
    """Anywhere."""
    blob = tails.encode(GOLDEN_ROWS)
    for place in range(8 * len(blob)):
        damaged = bytearray(blob)
        damaged[place // 8] ^= 1 << place % 8
        with pytest.raises(DamagedBlobError):
            tails.decode(bytes(damaged))


def test_every_flipped_bit_of_a_rack_is_seen() -> None:
    """Anywhere."""
    _, _, slots = latest.of_batch(GOLDEN_ROWS)
    blob = latest.encode(slots)
    assert slots.tolist() == latest.decode(blob).tolist()
    for place in range(8 * len(blob)):
        damaged = bytearray(blob)
        damaged[place // 8] ^= 1 << place % 8
        with pytest.raises(DamagedBlobError):
            latest.decode(bytes(damaged))


def test_every_cut_is_seen() -> None:
    """A blob that is shorter than it was written is not read."""
    [block] = blocks.encode(GOLDEN_ROWS, blocks.PLAIN)
    for length in range(len(block.data)):
        with pytest.raises(DamagedBlobError):
            list(blocks.series_of(block.data[:length], 7))
    tail = tails.encode(GOLDEN_ROWS)
    for length in range(len(tail)):
        with pytest.raises(DamagedBlobError):
            tails.decode(tail[:length])


# --- size --------------------------------------------------------------------------------------


def test_steady_telemetry_is_small() -> None:
    """A full block of a GPU that reports two numbers each second takes less than two bytes a sample."""
    rows = steady(1, 4_096).by_series()
    [block] = blocks.encode(rows, blocks.ZLIB)
    assert 2 * len(rows) > len(block.data)
