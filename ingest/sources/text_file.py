"""Reads a file of text whole: size-limited, unpacked where it is gzip, and known by its content's digest.

The digest is of the text's bytes, so that a file and its packed copy tell of the same content.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import stat
import zlib
from pathlib import Path

import aiofiles
import aiofiles.os
import attrs

from ingest.errors import SourceError

FILE_BYTES_MAX = 256 * 1024 * 1024
"""Of the text, unpacked; all of it is held in memory while it is read."""

_GZIP_MAGIC = b"\x1f\x8b"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@attrs.frozen
class TextFile:
    """What a file holds."""

    text: str
    sha256: str
    """Of its bytes, unpacked; in hex."""


async def read_text(path: Path, bytes_max: int = FILE_BYTES_MAX) -> TextFile:
    """The text of a file in UTF-8, with or without a byte order mark.

    Raises:
        SourceError: it is not there, is no file, too large, or no text.
    """
    try:
        await _check(path, bytes_max)
        async with aiofiles.open(path, "rb") as file:
            content = await file.read(bytes_max + 1)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}") from None
    # Unpacking and decoding take a second or more for the largest files: not in the loop.
    return await asyncio.to_thread(_to_text, path, content, bytes_max)


async def _check(path: Path, bytes_max: int) -> None:
    """Refuse what is no file: reading a pipe or a device might never end."""
    status = await aiofiles.os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        raise SourceError(f"{path}: it is a folder; name a CSV file in it")
    if not stat.S_ISREG(status.st_mode):
        raise SourceError(f"{path}: it is no regular file; write its content into one")
    if status.st_size > bytes_max:
        raise _too_large(path, bytes_max)


def _to_text(path: Path, content: bytes, bytes_max: int) -> TextFile:
    if content.startswith(_GZIP_MAGIC):
        content = _unpack(path, content, bytes_max)
    if len(content) > bytes_max:
        raise _too_large(path, bytes_max)
    if content.startswith(_UTF16_MARKS):
        raise SourceError(f"{path}: it is UTF-16; save it as UTF-8")
    if b"\0" in content:
        raise SourceError(f"{path}: it is a binary file, and should be a CSV file")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SourceError(f"{path}: line {line} is not UTF-8; save the file as UTF-8") from None
    return TextFile(text, hashlib.sha256(content).hexdigest())


def _unpack(path: Path, content: bytes, bytes_max: int) -> bytes:
    try:
        with gzip.open(io.BytesIO(content)) as file:
            return file.read(bytes_max + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"{path}: it cannot be unpacked: {error}") from None


def _too_large(path: Path, bytes_max: int) -> SourceError:
    return SourceError(f"{path}: it is larger than {bytes_max // 1024} KiB, the limit; split it into several")
