"""What a reset would change: pure, from where a group stands to where it is to go on."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from eventlog.client.description import PartitionLag, TopicPartition, Watermarks
from eventlog.errors import EventLogError
from eventlog.remote.group.goal import At, By, Each, Earliest, Goal, Latest


class NothingToShiftError(EventLogError):
    """The group has committed no offset in a partition, so there is none to shift; name another goal."""


@attrs.frozen
class Move:
    """One partition's step from the committed offset (None: there is none) to a new one.

    `new` always lies within the watermarks; `wanted` is what was asked for.
    """

    at: TopicPartition
    old: int | None
    new: int
    wanted: int
    watermarks: Watermarks

    @property
    def records_skipped(self) -> int:
        """How many readable records the group will never read; 0 where it has no committed offset."""
        return 0 if self.old is None else max(0, self.new - self._readable(self.old))

    @property
    def records_read_again(self) -> int:
        """How many records the group will read a second time."""
        return 0 if self.old is None else max(0, self._readable(self.old) - self.new)

    @property
    def note(self) -> str:
        """Why the new offset is not the wanted one; empty where it is."""
        if self.wanted < self.new:
            return f"{self.wanted} is below the log start"
        if self.wanted > self.new:
            return f"{self.wanted} is above the high watermark"
        return ""

    @property
    def is_change(self) -> bool:
        """Whether the committed offset becomes another one."""
        return self.old != self.new

    def _readable(self, offset: int) -> int:
        return clamped(offset, self.watermarks)


def clamped(offset: int, watermarks: Watermarks) -> int:
    """The nearest offset at which a consumer can go on."""
    return min(max(offset, watermarks.log_start), watermarks.high_watermark)


def plan(partitions: Iterable[PartitionLag], goal: Goal) -> tuple[Move, ...]:
    """A move for each partition, in order; NothingToShiftError."""
    moves = []
    for standing in sorted(partitions, key=lambda standing: standing.at):
        wanted = _wanted(standing, goal)
        new = clamped(wanted, standing.watermarks)
        moves.append(Move(standing.at, standing.committed, new, wanted, standing.watermarks))
    return tuple(moves)


def _wanted(standing: PartitionLag, goal: Goal) -> int:
    marks = standing.watermarks
    match goal:
        case Earliest():
            return marks.log_start
        case Latest():
            return marks.high_watermark
        case At(offset):
            return offset
        case By(records):
            if standing.committed is None:
                raise NothingToShiftError(
                    f"the group has no committed offset in {standing.at} to shift; "
                    "name a place, as with --to-earliest or --to-offset"
                )
            return standing.committed + records
        case Each(offsets):
            own = offsets[standing.at]
            return marks.high_watermark if own is None else own
