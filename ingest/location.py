"""Where lanes go on: found in the log when a partition comes to us, or when something was thrown away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from functools import partial

from eventlog.client import Publisher
from ingest.clock import Clock
from ingest.lane import Lane
from ingest.origins import OriginFinder, PartitionEnd
from ingest.pacing import Cadence
from ingest.pass_rows import Passes
from ingest.patience import patiently
from ingest.sharing import Sharing

logger = logging.getLogger(__name__)


class Location:
    """Asks the log for the lanes that are not located, in a task of its own: the others go on meanwhile."""

    def __init__(
        self,
        *,
        publisher: Publisher,
        sharing: Sharing,
        finder: OriginFinder,
        passes: Passes,
        cadence: Cadence,
        clock: Clock,
    ) -> None:
        self._publisher = publisher
        self._sharing = sharing
        self._finder = finder
        self._passes = passes
        self._cadence = cadence
        self._clock = clock
        self._sent_elsewhere: set[int] = set()

    async def run(self) -> None:
        """Locate lanes, for ever.

        Raises:
            EventLogError: the log refused to tell.
        """
        while True:
            await self._sharing.to_locate.wait()
            self._sharing.to_locate.clear()
            while lanes := self._sharing.unlocated():
                # What we have on the way to them, from before they were lost, has to be in the log first.
                await self._publisher.flush()
                find = partial(self._finder.find, [lane.partition for lane in lanes])
                ends = await patiently(find, "looking for the last origins")
                self._place(lanes, ends)
                self._sharing.to_send.set()

    async def is_sent_elsewhere(self) -> bool:
        """Whether every row of the last pass is in the log, in the partitions that are not ours."""
        last_pass = self._passes.last
        assert last_pass is not None
        last_rows = self._passes.rows(last_pass).last_rows()
        others = last_rows.keys() - self._sharing.lanes.keys() - self._sent_elsewhere
        ends = await patiently(lambda: self._finder.find(others), "looking whether all is sent")
        self._sent_elsewhere |= {
            number
            for number, end in ends.items()
            if end.origin is not None
            and (end.origin.pass_number, end.origin.row) >= (last_pass, last_rows[number])
        }
        return others <= self._sent_elsewhere

    def _place(self, lanes: list[Lane], ends: dict[int, PartitionEnd]) -> None:
        now_ms = self._clock.wall_ms()
        due_s = self._cadence.first(asyncio.get_running_loop().time(), _age_s(ends.values(), now_ms))
        for lane in lanes:
            end = ends[lane.partition]
            lane.stamp_ms = max(lane.stamp_ms, end.timestamp_ms or 0)
            lane.due_s = due_s
            if end.origin is None:
                lane.stand_before(self._first_pass(end, now_ms))
            else:
                lane.stand_after(end.origin, self._passes)
            lane.is_located = True
        logger.info(
            "partitions go on where the log ends",
            extra={
                "action": "partitions_located",
                "passes": {lane.partition: lane.pass_number for lane in lanes},
                "rows_left": sum(lane.left for lane in lanes),
            },
        )

    def _first_pass(self, end: PartitionEnd, now_ms: int) -> int:
        """Where to begin when no origin was found.

        Where the log may have forgotten one, the time is above every pass that was ever used: passes of a
        partition are at least a millisecond apart.
        """
        if end.is_whole or self._passes.last is not None:
            return 1
        return max(now_ms, end.timestamp_ms or 0)


def _age_s(ends: Iterable[PartitionEnd], now_ms: int) -> float | None:
    """How long ago something of the source was sent, at the earliest; None: nothing was found."""
    times_ms = [end.timestamp_ms for end in ends if end.origin is not None and end.timestamp_ms is not None]
    return (now_ms - max(times_ms)) / 1000 if times_ms else None
