"""A child's log file, of which the newest part is kept."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Final

FILE_BYTES_MAX: Final = 8 * 1024 * 1024
"""A fuller file becomes `<name>.log.1` in the place of the last such one."""


class ChildLog:
    """Lines, appended to `<name>.log`; OSError where that cannot be."""

    def __init__(self, folder: Path, name: str, bytes_max: int = FILE_BYTES_MAX) -> None:
        self.path = folder / f"{name}.log"
        self._bytes_max = bytes_max
        self._file: IO[bytes] = self.path.open("ab", buffering=0)

    def write(self, line: bytes) -> None:
        """Append one line."""
        if self._file.tell() + len(line) > self._bytes_max and self._file.tell():
            self._file.close()
            self.path.replace(self.path.with_suffix(".log.1"))
            self._file = self.path.open("ab", buffering=0)
        self._file.write(line)

    def close(self) -> None:
        """No more lines come."""
        self._file.close()
