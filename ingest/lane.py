"""One partition on its way through the passes of a source."""

from __future__ import annotations

from bisect import bisect_right

import attrs

from ingest.pass_rows import PartitionRows, Passes
from ingest.telemetry.model import Origin

_NOTHING = PartitionRows()


@attrs.define(eq=False)
class Lane:
    """A partition that is ours: where it stands, and what was last stamped there.

    A lane that lost its partition is dropped, and a new one made when the partition comes back.
    """

    partition: int
    is_located: bool = False
    """Whether the log has told where to go on; nothing is sent before."""
    pass_number: int = 0
    """The pass that is being sent, or was sent last; the next one begins at `due_s`."""
    due_s: float = 0.0
    """When the next pass may begin, in the loop's time."""
    stamp_ms: int = 0
    """The last time of processing in this partition; the next is not earlier."""
    _rows: PartitionRows = _NOTHING
    _next: int = 0

    @property
    def left(self) -> int:
        """Rows of the present pass that have not been sent."""
        return len(self._rows) - self._next

    def stand_after(self, origin: Origin, passes: Passes) -> None:
        """Go on after what the log has."""
        if passes.last is not None and origin.pass_number > passes.last:
            self.stand_before(passes.last + 1)
            return
        self.pass_number = origin.pass_number
        self._rows = passes.rows(origin.pass_number).partition(self.partition)
        self._next = bisect_right(self._rows.rows, origin.row)

    def stand_before(self, pass_number: int) -> None:
        """Begin with that pass, when it is due."""
        self.pass_number, self._rows, self._next = pass_number - 1, _NOTHING, 0

    def begin(self, passes: Passes, following_due_s: float) -> None:
        """Begin the next pass."""
        self.pass_number += 1
        self.due_s = following_due_s
        self._rows, self._next = passes.rows(self.pass_number).partition(self.partition), 0

    def render(self, count: int, now_ms: int) -> tuple[list[bytes], list[bytes], int]:
        """Keys and values of the next rows, and their time; `advance` when they have been taken."""
        stamp_ms = max(now_ms, self.stamp_ms)
        part = slice(self._next, self._next + count)
        stamp = self._rows.stamp.render(stamp_ms, self.pass_number)
        values = list(map(stamp.join, self._rows.parts[part]))
        return list(self._rows.keys[part]), values, stamp_ms

    def advance(self, count: int, stamp_ms: int) -> None:
        """So many rows have been taken, stamped with this time."""
        self._next += count
        self.stamp_ms = stamp_ms
