"""Unpacking one gzip, lz4 or zstd stream without ever running far past a limit, whatever the bytes say.

A stream is fed in slices that cannot unpack to more than 2 MiB, or than what is still allowed, given
how far each format can grow a byte at best: deflate 1,032 times, lz4 255, zstd 32,768 (a block of 4
bytes makes 128 KiB). What is over the limit is noticed after each slice, so the memory taken is the
limit, an eighth more for the growing buffer, and a few MiB: two slices (zstd's shortest slice, 64
bytes, is 2 MiB at worst) and one block that the decompressor held back (lz4: at most 4 MiB).
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from typing import Final, Protocol

import lz4.frame  # type: ignore[import-untyped]  # lz4 ships no types
import zstandard

from eventlog.errors import CorruptBatchError, DecompressionLimitError

GZIP_WBITS: Final = 31
"""zlib's way to say: a window of 32 KiB, inside a gzip member."""

_GROWTH_MAX_GZIP: Final = 1032
_GROWTH_MAX_LZ4: Final = 255
_GROWTH_MAX_ZSTD: Final = 32768
_STEP_BYTES_MAX: Final = 2 * 1024 * 1024
_SLICE_BYTES_MIN: Final = 64
_LZ4_PIECE_BYTES: Final = 256 * 1024


def unpack_gzip(view: memoryview, limit_bytes: int) -> bytes:
    """Unpack one gzip member."""
    return _feed("gzip", zlib.decompressobj(GZIP_WBITS), _GROWTH_MAX_GZIP, view, limit_bytes)


def unpack_lz4(view: memoryview, limit_bytes: int) -> bytes:
    """Unpack one lz4 frame."""
    return _feed("lz4", _Lz4Stream(), _GROWTH_MAX_LZ4, view, limit_bytes)


def unpack_zstd(view: memoryview, limit_bytes: int, *, window_bytes_max: int) -> bytes:
    """Unpack one zstd frame; what its header states beyond the limits is refused before any work."""
    try:
        frame = zstandard.get_frame_parameters(view)
    except zstandard.ZstdError as error:
        raise CorruptBatchError(f"zstd frame header is not readable: {error}") from error
    if frame.content_size != zstandard.CONTENTSIZE_UNKNOWN and frame.content_size > limit_bytes:
        raise over_limit("zstd", len(view), limit_bytes)
    if frame.window_size > window_bytes_max:
        raise DecompressionLimitError(
            f"zstd frame asks for a window of {frame.window_size} bytes, {window_bytes_max} are allowed: "
            "compress at a lower level"
        )
    decompressor = zstandard.ZstdDecompressor(max_window_size=window_bytes_max).decompressobj()
    return _feed("zstd", decompressor, _GROWTH_MAX_ZSTD, view, limit_bytes)


def over_limit(codec_name: str, packed_bytes: int, limit_bytes: int) -> DecompressionLimitError:
    """The error for what would unpack to too much."""
    return DecompressionLimitError(
        f"{packed_bytes} bytes of {codec_name} would unpack to more than the {limit_bytes} allowed for them: "
        "send smaller batches"
    )


class _Decompressor(Protocol):
    """What the decompressor objects of zlib, lz4 and zstandard have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    @property
    def decompress(self) -> Callable[[memoryview], bytes]: ...


class _Lz4Stream:
    """lz4's decompressor, emptied piece by piece: asked for all at once, it takes nine times the output."""

    def __init__(self) -> None:
        self._frame = lz4.frame.LZ4FrameDecompressor()

    @property
    def eof(self) -> bool:
        return bool(self._frame.eof)

    @property
    def unused_data(self) -> bytes:
        return self._frame.unused_data or b""

    def decompress(self, data: memoryview) -> bytes:
        pieces = [self._frame.decompress(data, max_length=_LZ4_PIECE_BYTES)]
        while not (self._frame.needs_input or self._frame.eof):
            pieces.append(self._frame.decompress(b"", max_length=_LZ4_PIECE_BYTES))
        return b"".join(pieces)


def _feed(
    codec_name: str, decompressor: _Decompressor, growth_max: int, view: memoryview, limit_bytes: int
) -> bytes:
    """Unpack exactly one stream, slice by slice, and stop as soon as it is over the limit."""
    out = io.BytesIO()  # its getvalue() hands the buffer over without a copy
    position = 0
    while position < len(view) and not decompressor.eof:
        allowed_bytes = min(_STEP_BYTES_MAX, limit_bytes - out.tell())
        slice_bytes = max(_SLICE_BYTES_MIN, allowed_bytes // growth_max)
        try:
            out.write(decompressor.decompress(view[position : position + slice_bytes]))
        except (zlib.error, zstandard.ZstdError, RuntimeError) as error:  # RuntimeError: lz4 has no other
            raise CorruptBatchError(f"{codec_name} data does not unpack: {error}") from error
        position += slice_bytes
        if out.tell() > limit_bytes:
            raise over_limit(codec_name, len(view), limit_bytes)
    if not decompressor.eof:
        raise CorruptBatchError(f"{codec_name} data is cut off after {len(view)} bytes")
    extra_bytes = len(decompressor.unused_data) + max(0, len(view) - position)
    if extra_bytes:
        raise CorruptBatchError(f"{codec_name} data is followed by {extra_bytes} other bytes")
    return out.getvalue()
