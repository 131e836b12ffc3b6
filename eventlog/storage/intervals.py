"""Which stretches of a segment have been checked since it was opened."""

from __future__ import annotations

from bisect import bisect_left, bisect_right


class Intervals:
    """Disjoint, ascending, half-open stretches of positions."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def add(self, start: int, end: int) -> None:
        """Count `[start, end)` in, merging it with what it touches."""
        if self._ends and start == self._ends[-1] < end:  # an append, most of the time
            self._ends[-1] = end
            return
        first = bisect_left(self._ends, start)
        last = bisect_right(self._starts, end)
        if first < last:
            start, end = min(start, self._starts[first]), max(end, self._ends[last - 1])
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]

    def first_gap(self, start: int, end: int) -> tuple[int, int] | None:
        """The first stretch of `[start, end)` that is not in here, or None."""
        at = bisect_right(self._starts, start) - 1
        if at >= 0 and self._ends[at] > start:
            start = self._ends[at]
        if start >= end:
            return None
        after = bisect_right(self._starts, start)
        return start, min(end, self._starts[after]) if after < len(self._starts) else end

    def cut(self, position: int) -> None:
        """Forget everything at or after `position`."""
        keep = bisect_left(self._starts, position)
        del self._starts[keep:], self._ends[keep:]
        if self._ends:
            self._ends[-1] = min(self._ends[-1], position)
