"""Takes out of an environment what gputail never uses of its dependencies, so that the image stays small.

A file goes where a rule of `LEFT_OUT` names it. Of the shared objects that stay, what follows the last byte
that is ever loaded is cut off: in wheels that were built with debug information that is most of the file.
`strip` of the binutils does the same and more, but is not in the base image, and breaks objects whose
segments were moved when their wheel was made; here no byte of a segment is moved or changed.
"""

from __future__ import annotations

import shutil
import struct
import sys
from pathlib import Path
from typing import Final

LEFT_OUT: Final = {
    "**/tests": "tests",
    "**/*.pyi": "types for type checkers",
    "apsw/sqlite_extra_binaries": "tools and extensions of SQLite",
    "faker": "made-up values for examples, a dependency of a dependency",
    "[Ff]aker-*.dist-info": "what says that it is there",
    "swagger_ui/static/*editor*": "an editor of OpenAPI documents",
    "swagger_ui/static/*-es-bundle*": "Swagger UI once more, for bundlers",
    "zstandard/_cffi.*": "the backend for other interpreters than CPython",
}
"""Pattern below site-packages, and what it names."""

# ELF, by its specification (System V ABI, chapters 4 and 5): little-endian objects of 64 bits.
_IDENTITY: Final = b"\x7fELF\x02\x01"
_HEADER: Final = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT: Final = struct.Struct("<8xQ16xQ16x")
"""Of a program header, where its segment begins in the file, and how many bytes it has there."""


def trim(site_packages: Path) -> int:
    """Remove and cut; the bytes that are gone."""
    before = _size_bytes(site_packages)
    for pattern in LEFT_OUT:
        for path in sorted(site_packages.glob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    for path in site_packages.rglob("*.so*"):
        content = path.read_bytes()
        loaded = loaded_part(content)
        if len(loaded) < len(content):
            path.write_bytes(loaded)
    return before - _size_bytes(site_packages)


def loaded_part(content: bytes) -> bytes:
    """A shared object without what lies behind its segments, which the section headers told of.

    What is not such an object is given back as it is.
    """
    if not content.startswith(_IDENTITY) or len(content) < _HEADER.size:
        return content
    header = list(_HEADER.unpack_from(content))
    table, (entry_bytes, count) = header[5], header[9:11]
    end = max(_HEADER.size, table + entry_bytes * count)
    if end <= len(content):
        entries = (_SEGMENT.unpack_from(content, table + entry_bytes * number) for number in range(count))
        end = max([end, *(offset + size for offset, size in entries)])
    if end > len(content):  # it is cut short: whoever loads it will say so
        return content
    header[6] = header[11] = header[12] = header[13] = 0  # no section headers any more
    return _HEADER.pack(*header) + content[_HEADER.size : end]


def _size_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    (site_packages,) = Path(sys.argv[1]).glob("lib/python*/site-packages")
    print(f"{trim(site_packages) / 1e6:.1f} MB taken out of {site_packages}")
