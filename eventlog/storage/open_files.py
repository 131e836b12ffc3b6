"""Open files for readers: counted, bounded, and closed only after the last reader."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from types import TracebackType
from typing import Self

import attrs

from eventlog.storage.disk import Disk, File, OpenMode

OPEN_FILES_MAX = 512


@attrs.define(eq=False)
class Lease:
    """A reader's hold on an open file; the file stays open until it is released."""

    file: File
    _readers: int = 0
    _forgotten: bool = False

    def take(self) -> Lease:
        """Hold the file once more."""
        self._readers += 1
        return self

    def release(self) -> None:
        """Let go; the last reader of a forgotten file closes it."""
        assert self._readers > 0, "released more often than taken"
        self._readers -= 1
        self.close_if_unused()

    def forget(self) -> None:
        """Close the file as soon as nobody reads it."""
        self._forgotten = True
        self.close_if_unused()

    def close_if_unused(self) -> None:
        if self._forgotten and self._readers == 0:
            self.file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class OpenFiles:
    """At most `limit` files kept open for reading, the least recently used closed first.

    Files in use do not count as evictable by closing: they are closed by their last reader.
    """

    def __init__(self, disk: Disk, limit: int = OPEN_FILES_MAX) -> None:
        self._disk = disk
        self._limit = limit
        self._leases: OrderedDict[Path, Lease] = OrderedDict()

    def __len__(self) -> int:
        return len(self._leases)

    def read(self, path: Path) -> Lease:
        """The file at `path`, open and held for this reader; use it as a context manager."""
        lease = self._leases.get(path)
        if lease is None:
            lease = self._leases[path] = Lease(self._disk.open(path, OpenMode.READ))
            while len(self._leases) > self._limit:
                self._leases.popitem(last=False)[1].forget()
        else:
            self._leases.move_to_end(path)
        return lease.take()

    def forget(self, path: Path) -> None:
        """The file is about to go: close it after its last reader."""
        lease = self._leases.pop(path, None)
        if lease is not None:
            lease.forget()

    def forget_folder(self, folder: Path) -> None:
        """All files below it have gone, or have other names now."""
        for path in [path for path in self._leases if folder in path.parents]:
            self.forget(path)

    def close(self) -> None:
        """Forget every file."""
        for path in list(self._leases):
            self.forget(path)
