"""Small inputs that unpack to much: refused, at a cost that the limit bounds."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Callable

import cramjam
import lz4.frame  # type: ignore[import-untyped]  # lz4 ships no types
import pytest
import zstandard

from eventlog.errors import DecompressionLimitError
from eventlog.record import (
    DECOMPRESSED_BYTES_MAX,
    DECOMPRESSION_RATIO_MAX,
    Codec,
    Record,
    compress,
    decode_batch,
    decompress,
    encode_batch,
)
from eventlog.record.compression import RATIO_FREE_BYTES

MIB = 1024 * 1024
ANY_RATIO = 2**40


def zstd_without_size(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_content_size=False).compress(data)


def zstd_of_runs(data: bytes) -> bytes:
    """The densest zstd there is: blocks of 4 bytes that each repeat one byte 128 Ki times."""
    blocks = len(data) // (128 * 1024)
    block = (128 * 1024) << 3 | 1 << 1  # size, kind 1 = run, not the last
    header = bytes.fromhex("28b52ffd") + b"\x00" + b"\x58"  # no size, window of 2 MiB
    runs = b"".join((block | (at == blocks - 1)).to_bytes(3, "little") + b"\x00" for at in range(blocks))
    return header + runs


BOMBS: dict[str, tuple[Codec, Callable[[bytes], bytes]]] = {
    "gzip": (Codec.GZIP, lambda data: compress(Codec.GZIP, data)),
    "snappy": (Codec.SNAPPY, lambda data: compress(Codec.SNAPPY, data)),
    "snappy-bare": (Codec.SNAPPY, lambda data: bytes(cramjam.snappy.compress_raw(data))),
    "lz4": (Codec.LZ4, lambda data: compress(Codec.LZ4, data)),
    "lz4-4M": (Codec.LZ4, lambda data: lz4.frame.compress(data, block_size=lz4.frame.BLOCKSIZE_MAX4MB)),
    "zstd": (Codec.ZSTD, lambda data: compress(Codec.ZSTD, data)),
    "zstd-no-size": (Codec.ZSTD, zstd_without_size),
    "zstd-runs": (Codec.ZSTD, zstd_of_runs),
}
bombs = pytest.mark.parametrize("name", BOMBS)


def peak_bytes(act: Callable[[], object]) -> int:
    """What `act` allocates at most, through Python's allocator."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@bombs
def test_size_limit(name: str) -> None:
    """A bomb is refused while it is unpacked: at most its limit, an eighth and 10 MiB are ever taken."""
    codec, pack = BOMBS[name]
    limit_bytes = 8 * MIB
    bomb = pack(bytes(64 * MIB))

    def unpack() -> None:
        with pytest.raises(
            DecompressionLimitError, match=f"would unpack to more than the {limit_bytes} allowed"
        ):
            decompress(codec, bomb, size_bytes_max=limit_bytes, ratio_max=ANY_RATIO)

    assert limit_bytes * 9 // 8 + 10 * MIB >= peak_bytes(unpack)


@bombs
def test_size_limit_is_exact(name: str) -> None:
    """A batch of exactly the limit is unpacked, one byte fewer allowed and it is not."""
    codec, pack = BOMBS[name]
    data = bytes(2 * MIB)
    packed = pack(data)

    assert data == decompress(codec, packed, size_bytes_max=len(data), ratio_max=ANY_RATIO)
    with pytest.raises(DecompressionLimitError):
        decompress(codec, packed, size_bytes_max=len(data) - 1, ratio_max=ANY_RATIO)


@pytest.mark.parametrize("name", ["gzip", "lz4", "lz4-4M", "zstd-no-size"])
def test_memory_of_an_accepted_batch(name: str) -> None:
    """What is within the limit costs little more than its size: no second copy is made."""
    codec, pack = BOMBS[name]
    packed = pack(bytes(32 * MIB))

    def unpack() -> None:
        decompress(codec, packed, size_bytes_max=32 * MIB, ratio_max=ANY_RATIO)

    assert 32 * MIB * 9 // 8 + 10 * MIB >= peak_bytes(unpack)


def test_ratio_limit() -> None:
    """Above 1 MiB, a ratio over the limit is refused, long before the size limit."""
    bomb = compress(Codec.ZSTD, bytes(32 * MIB))
    allowed_bytes = max(RATIO_FREE_BYTES, DECOMPRESSION_RATIO_MAX * len(bomb))

    with pytest.raises(
        DecompressionLimitError, match=rf"{len(bomb)} bytes of zstd .* {allowed_bytes} allowed"
    ):
        decompress(Codec.ZSTD, bomb)
    assert 32 * MIB == len(decompress(Codec.ZSTD, bomb, ratio_max=ANY_RATIO))


def test_ratio_limit_is_exact() -> None:
    """The ratio counts unpacked bytes for each packed byte."""
    data = bytes(2 * MIB)
    packed = compress(Codec.GZIP, data)
    ratio = -(-len(data) // len(packed))

    assert data == decompress(Codec.GZIP, packed, ratio_max=ratio)
    with pytest.raises(DecompressionLimitError):
        decompress(Codec.GZIP, packed, ratio_max=ratio - 1)


@pytest.mark.parametrize("codec", list(Codec), ids=lambda codec: codec.name)
def test_small_batches_have_no_ratio(codec: Codec) -> None:
    """Up to 1 MiB unpacked, one long run of a byte is a batch like any other."""
    data = bytes(RATIO_FREE_BYTES)

    assert data == decompress(codec, compress(codec, data), ratio_max=1)


def test_repetitive_telemetry_passes() -> None:
    """The same sample 4,000 times over is within the default limits, in every codec."""
    sample = b'{"gpu":"GPU-5fd4f087-86f3","values":{"DCGM_FI_DEV_GPU_UTIL":0},"host":"node-17"}' * 12
    records = [Record(b"GPU-5fd4f087-86f3", sample, (), 1_700_000_000_000, at) for at in range(4000)]

    for codec in Codec:
        assert 4000 == len(decode_batch(encode_batch(records, codec=codec)))


@pytest.mark.parametrize(
    "codec", [Codec.GZIP, Codec.SNAPPY, Codec.LZ4, Codec.ZSTD], ids=lambda codec: codec.name
)
def test_limits_of_a_batch(codec: Codec) -> None:
    """Decoding a batch honours the limits that it is given."""
    batch = encode_batch([Record(None, bytes(2 * MIB))], codec=codec)

    with pytest.raises(DecompressionLimitError):
        decode_batch(batch, size_bytes_max=MIB)
    with pytest.raises(DecompressionLimitError):
        decode_batch(batch, ratio_max=10)
    assert 2 * MIB == len(decode_batch(batch, ratio_max=ANY_RATIO)[0].value or b"")


def test_stated_size_is_refused_unread() -> None:
    """A zstd frame that states a size over the limit is refused by its header alone."""
    frame = compress(Codec.ZSTD, bytes(2 * MIB))[:20]

    with pytest.raises(DecompressionLimitError):
        decompress(Codec.ZSTD, frame, size_bytes_max=MIB)


def zstd_with_window(log: int) -> bytes:
    parameters = zstandard.ZstdCompressionParameters(window_log=log)
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return stream.compress(b"a window is memory") + stream.flush()


def test_zstd_window() -> None:
    """A zstd frame may ask for a window as large as the size limit, or 8 MiB, and for no more."""
    small, wide, widest = (zstd_with_window(log) for log in (23, 26, 27))

    assert b"a window is memory" == decompress(Codec.ZSTD, widest)
    assert b"a window is memory" == decompress(Codec.ZSTD, small, size_bytes_max=1000)
    assert b"a window is memory" == decompress(Codec.ZSTD, wide, size_bytes_max=64 * MIB)
    expected = re.escape(f"asks for a window of {128 * MIB} bytes, {64 * MIB} are allowed")
    with pytest.raises(DecompressionLimitError, match=expected):
        decompress(Codec.ZSTD, widest, size_bytes_max=64 * MIB)
    with pytest.raises(DecompressionLimitError, match="compress at a lower level"):
        decompress(Codec.ZSTD, zstd_with_window(28), size_bytes_max=DECOMPRESSED_BYTES_MAX * 4)
