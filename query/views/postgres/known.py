"""What is known of a build once it was read: it never comes to mean another thing."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Final

from query.views.model import Metric

_BYTES_MAX: Final = 32 * 1024 * 1024


class RecentBlobs:
    """What was read of late: a tail has rows of hundreds of GPUs, and is asked for again and again.

    It is what a database in this process would have in its page cache. Ids are never given twice.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._blobs: OrderedDict[tuple[bool, int], bytes] = OrderedDict()
        self._bytes = 0

    def get(self, key: tuple[bool, int]) -> bytes | None:
        """A tail or a block, by whether it is a tail, and its id."""
        with self._lock:
            blob = self._blobs.get(key)
            if blob is not None:
                self._blobs.move_to_end(key)
            return blob

    def keep(self, key: tuple[bool, int], blob: bytes) -> None:
        """Keep one; the one that was not asked for the longest goes."""
        with self._lock:
            if key in self._blobs:
                return
            self._blobs[key] = blob
            self._bytes += len(blob)
            while self._bytes > _BYTES_MAX:
                self._bytes -= len(self._blobs.popitem(last=False)[1])


class Known:
    """Shared by all connections to a build, in any threads: what is there is replaced, never changed."""

    def __init__(self) -> None:
        self.metrics: tuple[int, list[Metric]] = (-1, [])
        """With the version that they are of."""
        self.gpu_numbers: dict[str, int] = {}
        self.blobs = RecentBlobs()
