"""Reading a file whole, and what cannot be read."""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

import pytest

from ingest.errors import SourceError
from ingest.sources.text_file import FILE_BYTES_MAX, read_text

TEXT = "a,b\r\né,\n"


async def refusal(path: Path, bytes_max: int = FILE_BYTES_MAX) -> str:
    """The one line with which a file is refused; it begins with the path."""
    with pytest.raises(SourceError) as refused:
        await read_text(path, bytes_max)
    line = str(refused.value)
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    return line.removeprefix(f"{path}: ")


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"], ids=["plain", "BOM"])
async def test_text_is_read_as_it_is(tmp_path: Path, start: bytes) -> None:
    """Line ends are kept; a byte order mark is no part of it."""
    path = tmp_path / "a.csv"
    path.write_bytes(start + TEXT.encode())
    assert TEXT == (await read_text(path)).text


async def test_the_digest_is_of_the_content(tmp_path: Path) -> None:
    """Packed or not."""
    plain, packed = tmp_path / "a.csv", tmp_path / "a.csv.gz"
    plain.write_bytes(TEXT.encode())
    packed.write_bytes(gzip.compress(TEXT.encode()))
    assert hashlib.sha256(TEXT.encode()).hexdigest() == (await read_text(plain)).sha256
    assert await read_text(plain) == await read_text(packed)


async def test_gzip_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    """Whatever the file is called; several members are one text."""
    path = tmp_path / "a.csv"
    path.write_bytes(gzip.compress(b"a") + gzip.compress(b"b"))
    assert "ab" == (await read_text(path)).text


async def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """With the system's word for it."""
    assert "No such file or directory" == await refusal(tmp_path / "none.csv")


async def test_a_folder_is_refused(tmp_path: Path) -> None:
    """It is not opened."""
    assert "it is a folder; name a CSV file in it" == await refusal(tmp_path)


async def test_a_pipe_is_refused(tmp_path: Path) -> None:
    """Reading it might never end."""
    os.mkfifo(tmp_path / "pipe")
    assert (await refusal(tmp_path / "pipe")).startswith("it is no regular file")


async def test_an_empty_file_is_an_empty_text(tmp_path: Path) -> None:
    """What it means is for others to say."""
    (tmp_path / "a.csv").touch()
    assert "" == (await read_text(tmp_path / "a.csv")).text


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a,b\nc\0d\n", "it is a binary file, and should be a CSV file"),
        (b"\x7fELF\x02\x01\x01\0", "it is a binary file, and should be a CSV file"),
        ("a,b\n".encode("utf-16"), "it is UTF-16; save it as UTF-8"),
        (b"a,b\nM\xfcnchen\n", "line 2 is not UTF-8; save the file as UTF-8"),
        (b"\x1f\x8bnot gzip after all", "it cannot be unpacked: "),
        (gzip.compress(b"a,b\n" * 100)[:-9], "it cannot be unpacked: "),
        (gzip.compress(b"a,b\n")[:12] + b"\xff" * 12, "it cannot be unpacked: "),
        (gzip.compress(b"a\0b"), "it is a binary file, and should be a CSV file"),
    ],
    ids=range(8),
)
async def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    """In one line that says what it is instead."""
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    assert (await refusal(path)).startswith(reason)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
async def test_a_file_over_the_limit_is_refused(tmp_path: Path, packed: bool) -> None:
    """The limit is of the unpacked text: a small file may unpack into a huge one."""
    path = tmp_path / "a.csv"
    for size, fits in [(4096, True), (4097, False)]:
        path.write_bytes(gzip.compress(b"a" * size) if packed else b"a" * size)
        if fits:
            assert size == len((await read_text(path, 4096)).text)
        else:
            assert "it is larger than 4 KiB, the limit; split it into several" == await refusal(path, 4096)
