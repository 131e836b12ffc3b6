"""Whether an open file is still the one that its path names.

A database that was deleted, or replaced, takes rows from whoever has it open, and nobody can read them. An
inode is not given to another file for as long as somebody has it open, so equal numbers are the same file.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

FileIdentity = tuple[int, int]
"""Device and inode."""


def identity_of(path: Path | str) -> FileIdentity | None:
    """Of the file at this path; None where there is none that can be reached."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


class OpenFiles:
    """Files as they were when they were opened."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._found = [(str(path), identity_of(path)) for path in paths]

    def are_there(self) -> bool:
        """Whether all of them are still what their paths name."""
        return all(known is not None and identity_of(path) == known for path, known in self._found)
