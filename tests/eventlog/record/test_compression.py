"""The codecs: what goes in comes out, and what was not written by one is refused."""

from __future__ import annotations

import gzip
import random
import zlib

import lz4.frame  # type: ignore[import-untyped]  # lz4 ships no types
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from eventlog.errors import CorruptBatchError
from eventlog.record import Codec, compress, decompress

TEXT = b'{"gpu":"GPU-5fd4f087","values":{"DCGM_FI_DEV_GPU_UTIL":93}}' * 20
PACKED = [Codec.GZIP, Codec.SNAPPY, Codec.LZ4, Codec.ZSTD]
codecs = pytest.mark.parametrize("codec", PACKED, ids=lambda codec: codec.name)


@settings(max_examples=60)
@given(st.sampled_from(Codec), st.binary(max_size=2000) | st.binary(max_size=20).map(lambda part: part * 500))
def test_round_trip(codec: Codec, data: bytes) -> None:
    """Every codec gives back what it was given, the empty string included, from every kind of buffer."""
    packed = compress(codec, memoryview(data))

    assert data == decompress(codec, packed)
    assert data == decompress(codec, memoryview(bytearray(packed)))


@pytest.mark.parametrize("codec", list(Codec), ids=lambda codec: codec.name)
@pytest.mark.parametrize(
    "data", [b"", b"\x00" * 300_000, random.Random(7).randbytes(300_000)], ids=["none", "zeros", "random"]
)
def test_many_slices(codec: Codec, data: bytes) -> None:
    """Data of many slices and blocks is unpacked whole, be it dense or random."""
    assert data == decompress(codec, compress(codec, data))


@codecs
def test_repetition_shrinks(codec: Codec) -> None:
    """Each codec compresses: a test that only went round would not notice one that does nothing."""
    assert len(TEXT) > 4 * len(compress(codec, TEXT))


@codecs
def test_cut_off_at_each_byte(codec: Codec) -> None:
    """A stream that ends early is corrupt, wherever it ends."""
    packed = compress(codec, TEXT)
    shorter = [packed[:length] for length in range(len(packed))]
    if codec is Codec.SNAPPY:
        del shorter[16]  # the stream's header alone: no blocks, nothing compressed

    for data in shorter:
        with pytest.raises(CorruptBatchError):
            decompress(codec, data)


@codecs
@pytest.mark.parametrize("extra", [b"\x00", b"trailing bytes" * 20], ids=["one", "many"])
def test_followed_by_other_bytes(codec: Codec, extra: bytes) -> None:
    """Bytes after the end of the stream are corrupt, few or many."""
    with pytest.raises(CorruptBatchError):
        decompress(codec, compress(codec, TEXT) + extra)


@codecs
def test_one_stream_only(codec: Codec) -> None:
    """Two streams one after the other are not one batch's records."""
    with pytest.raises(CorruptBatchError):
        decompress(codec, compress(codec, TEXT) * 2)


@pytest.mark.parametrize(
    ("codec", "extra"), [(Codec.GZIP, b"12345"), (Codec.LZ4, b"12345"), (Codec.ZSTD, b"x" * 5000)]
)
def test_how_many_bytes_follow(codec: Codec, extra: bytes) -> None:
    """The error counts the bytes after the end, those that were fed and those that were not."""
    with pytest.raises(
        CorruptBatchError, match=f"{codec.name.lower()} data is followed by {len(extra)} other"
    ):
        decompress(codec, compress(codec, TEXT) + extra)


@codecs
@pytest.mark.parametrize("garbage", [b"", b"\x00" * 40, b"\xff" * 40, TEXT], ids=["none", "00", "ff", "text"])
def test_garbage(codec: Codec, garbage: bytes) -> None:
    """What no compressor wrote is corrupt, and never another exception."""
    with pytest.raises(CorruptBatchError):
        decompress(codec, garbage)


@settings(max_examples=150)
@given(st.sampled_from(PACKED), st.binary(max_size=200), st.integers(0, 200))
def test_random_bytes(codec: Codec, noise: bytes, keep: int) -> None:
    """Random bytes behind a good beginning are corrupt, or unpack to something: nothing else happens."""
    try:
        unpacked = decompress(codec, compress(codec, TEXT)[:keep] + noise, size_bytes_max=100_000)
    except CorruptBatchError:
        return
    assert isinstance(unpacked, bytes)


@pytest.mark.parametrize("codec", [Codec.GZIP], ids=lambda codec: codec.name)
def test_damage_inside(codec: Codec) -> None:
    """A checksum of the format itself is honoured."""
    packed = bytearray(compress(codec, TEXT))
    packed[-8] ^= 1

    with pytest.raises(CorruptBatchError, match="gzip data does not unpack"):
        decompress(codec, packed)


@pytest.mark.parametrize(
    ("codec", "packed"),
    [
        (Codec.GZIP, gzip.compress(TEXT, 1)),
        (Codec.GZIP, gzip.compress(TEXT, 9)),
        (Codec.LZ4, lz4.frame.compress(TEXT, block_size=lz4.frame.BLOCKSIZE_MAX4MB, content_checksum=True)),
        (Codec.LZ4, lz4.frame.compress(TEXT, block_linked=True, block_checksum=True, compression_level=9)),
        (Codec.ZSTD, zstandard.ZstdCompressor(level=19, write_checksum=True).compress(TEXT)),
        (Codec.ZSTD, zstandard.ZstdCompressor(write_content_size=False).compress(TEXT)),
    ],
    ids=["gzip-1", "gzip-9", "lz4-4M-checksum", "lz4-linked", "zstd-19-checksum", "zstd-no-size"],
)
def test_other_writers_choices(codec: Codec, packed: bytes) -> None:
    """Levels, block sizes and optional fields that we do not write are read."""
    assert TEXT == decompress(codec, packed)


def test_what_java_reads() -> None:
    """Our lz4 frames have independent blocks, of 64 KiB at most, and no field that is optional."""
    info = lz4.frame.get_frame_info(compress(Codec.LZ4, TEXT * 100))

    assert not info["block_linked"]
    assert lz4.frame.BLOCKSIZE_MAX64KB == info["block_size_id"]
    assert (False, False, 0) == (info["content_checksum"], info["block_checksum"], info["content_size"])


def test_ours_is_read_by_plain_tools() -> None:
    """gzip and zstd are written so that any reader of the format reads them."""
    assert TEXT == gzip.decompress(compress(Codec.GZIP, TEXT))
    assert TEXT == zlib.decompress(compress(Codec.GZIP, TEXT), wbits=31)
    assert TEXT == zstandard.ZstdDecompressor().decompress(compress(Codec.ZSTD, TEXT))
