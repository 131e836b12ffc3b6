"""Damage to a batch on the disk or the wire: every flipped bit and every cut is noticed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from eventlog.errors import CorruptBatchError, UnsupportedBatchError
from eventlog.record import Buffer, Codec, Record, check_batch, decode_batch, encode_batch

RECORDS = [
    Record(b"GPU-0", b'{"util":93}', (("trace", b"\x01"), ("none", None)), 1_700_000_000_000, 40),
    Record(None, None, (), 1_700_000_000_500, 41),
    Record(b"", b"", (), 1_700_000_000_250, 42),
]
OUTSIDE_THE_CHECKSUM = {*range(8), *range(12, 16)}
"""Base offset and leader epoch, which the broker overwrites; the log checks them by their place."""

reads = pytest.mark.parametrize("read", [check_batch, decode_batch], ids=lambda read: read.__name__)
codecs = pytest.mark.parametrize("codec", list(Codec), ids=lambda codec: codec.name)


def small_batch(codec: Codec) -> bytes:
    return bytes(encode_batch(RECORDS, base_offset=40, codec=codec))


@codecs
@reads
def test_every_flipped_bit(read: Callable[[Buffer], object], codec: Codec) -> None:
    """A flipped bit anywhere but in the base offset and the leader epoch is found out."""
    batch = small_batch(codec)
    unnoticed = set()
    for bit in range(8 * len(batch)):
        damaged = bytearray(batch)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            read(damaged)
        except (CorruptBatchError, UnsupportedBatchError):
            continue
        unnoticed.add(bit // 8)

    assert unnoticed == OUTSIDE_THE_CHECKSUM


@codecs
@reads
def test_every_cut(read: Callable[[Buffer], object], codec: Codec) -> None:
    """A batch that ends early is corrupt, wherever it ends."""
    batch = small_batch(codec)

    for length in range(len(batch)):
        with pytest.raises(CorruptBatchError):
            read(batch[:length])


@reads
def test_undamaged(read: Callable[[Buffer], object]) -> None:
    """The batch that these tests damage is good to begin with."""
    for codec in Codec:
        assert read(small_batch(codec))
    assert RECORDS == decode_batch(small_batch(Codec.NONE))


def test_swapped_fields() -> None:
    """Two fields that changed places are found out, though every byte is still there."""
    batch = small_batch(Codec.NONE)
    base_timestamp, max_timestamp = batch[27:35], batch[35:43]

    with pytest.raises(CorruptBatchError, match="fails its checksum"):
        check_batch(batch[:27] + max_timestamp + base_timestamp + batch[43:])
