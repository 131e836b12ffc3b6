"""A bound on the memory of requests that have arrived in part, over all connections.

A connection's own limits bound it alone; a thousand of them together could still fill the machine.
Above the bound, of those that hold a part of a request only the one that began first goes on reading: it
will be done, or be closed for being slow, and then the next one goes on. So nobody waits for ever, and
whoever sends small requests does not wait at all.
"""

from __future__ import annotations

from collections.abc import Callable


class FrameMemory:
    """Who holds how many bytes, in the order in which they began to."""

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self.held_bytes = 0
        self.queued_bytes = 0
        """Of requests that have arrived whole and wait to be worked on, kept by the connections."""
        self._holders: dict[object, int] = {}
        self._waiting: dict[object, Callable[[], None]] = {}

    def hold(self, holder: object, size_bytes: int) -> None:
        """This is what the holder holds now; 0 ends it."""
        before = self._holders.get(holder, 0)
        if size_bytes == before:
            return
        self.held_bytes += size_bytes - before
        if size_bytes:
            self._holders[holder] = size_bytes
        else:
            del self._holders[holder]
        if size_bytes < before:
            self._wake()

    def may_read(self, holder: object, when_it_may: Callable[[], None]) -> bool:
        """Whether the holder may take more; if not, `when_it_may` is called once to ask again."""
        is_free = holder not in self._holders or next(iter(self._holders)) is holder
        if is_free or self.held_bytes <= self.bytes_max:
            self._waiting.pop(holder, None)
            return True
        self._waiting[holder] = when_it_may
        return False

    def forget(self, holder: object) -> None:
        """The holder is gone."""
        self._waiting.pop(holder, None)
        self.hold(holder, 0)

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for when_it_may in waiting.values():
            when_it_may()
