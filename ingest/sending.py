"""The sender: turn by turn, what is due of each lane goes to the publisher."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress

from eventlog.client import Publisher
from eventlog.client.errors import InvalidRecordError, QueueFullError
from ingest.clock import Clock
from ingest.flights import Flights
from ingest.lane import Lane
from ingest.location import Location
from ingest.pacing import Allowance, Cadence, shares
from ingest.pass_rows import Passes
from ingest.sharing import Sharing
from ingest.streamer_counters import StreamerCounters
from ingest.streamer_settings import StreamerSettings

_TURN_RECORDS_MAX = 2_000
"""Published before others in the loop get their turn."""
_SLICE_S = 0.04
"""Between two turns where a rate is set."""
_LOOK_S = 1.0
"""Between two looks, at most: at our share, at the others' progress, at the room in the buffer."""
_TELL_S = 5.0
"""A buffer that has been full for so long is told of: a broker may be there and take nothing."""

logger = logging.getLogger(__name__)


class Sender:
    """Publishes the rows of our lanes. May be cancelled at any time: rows count when they are taken."""

    def __init__(
        self,
        *,
        publisher: Publisher,
        sharing: Sharing,
        location: Location,
        flights: Flights,
        passes: Passes,
        cadence: Cadence,
        clock: Clock,
        counters: StreamerCounters,
        settings: StreamerSettings,
    ) -> None:
        self._publisher = publisher
        self._sharing = sharing
        self._location = location
        self._flights = flights
        self._passes = passes
        self._cadence = cadence
        self._clock = clock
        self._counters = counters
        self._rate = settings.rate
        self._turn_records_max = _TURN_RECORDS_MAX
        self._allowance = Allowance()
        self._turn = 0

    async def run(self) -> None:
        """Send until there is nothing left of the source: for ever, where its passes do not end.

        Raises:
            EventLogError: the publisher has failed.
        """
        loop = asyncio.get_running_loop()
        while True:
            lanes = self._sharing.located()
            self._begin_passes(lanes, loop.time())
            left = sum(lane.left for lane in lanes)
            if left:
                await self._take_turn(lanes, left)
                continue
            self._allowance.rest()
            if self._rate is not None and not lanes:
                self._counters.rate_share = 0.0
            if self._passes.last is not None and await self._is_done():
                return
            await self._pause(self._idle_s(lanes, loop.time()))

    # --- passes -------------------------------------------------------------------------------

    def _begin_passes(self, lanes: Sequence[Lane], now_s: float) -> None:
        for lane in sorted(lanes, key=lambda lane: lane.pass_number):  # those at the same pass share it
            if not lane.left and lane.due_s <= now_s and not self._has_ended(lane):
                lane.begin(self._passes, self._cadence.following(lane.due_s, now_s))
                self._counters.pass_number = max(self._counters.pass_number, lane.pass_number)

    def _has_ended(self, lane: Lane) -> bool:
        return lane.is_located and not lane.left and self._passes.is_last(lane.pass_number)

    async def _is_done(self) -> bool:
        """Whether every row of the source is in the log, whoever sent it."""
        if not all(map(self._has_ended, self._sharing.lanes.values())):
            return False
        await self._flights.landed()
        # What came to us meanwhile is looked at last: it may be what the others had not sent.
        return await self._location.is_sent_elsewhere() and all(
            map(self._has_ended, self._sharing.lanes.values())
        )

    def _idle_s(self, lanes: Sequence[Lane], now_s: float) -> float:
        waits_s = [lane.due_s - now_s for lane in lanes if not self._has_ended(lane)]
        return max(0.0, min([_LOOK_S, *waits_s]))

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._sharing.to_send.wait()
        self._sharing.to_send.clear()

    # --- turns --------------------------------------------------------------------------------

    async def _take_turn(self, lanes: Sequence[Lane], left: int) -> None:
        loop = asyncio.get_running_loop()
        budget, share = min(left, self._turn_records_max), None
        if self._rate is not None:
            share = self._counters.rate_share = self._rate * self._part(lanes)
            budget = min(budget, self._allowance.take(loop.time(), share))
        if not self._send(lanes, left, budget):
            await self._wait_for_room()
            return
        wait_s = 0.0 if share is None else self._allowance.wait_s(share)
        await asyncio.sleep(min(max(wait_s, _SLICE_S), _LOOK_S) if wait_s else 0)

    def _part(self, lanes: Sequence[Lane]) -> float:
        """Which part of the source's rows is ours."""
        rows = self._passes.rows(next(lane.pass_number for lane in lanes if lane.left))
        return sum(rows.count(number) for number in self._sharing.lanes) / len(rows)

    def _send(self, lanes: Sequence[Lane], left: int, budget: int) -> bool:
        """Publish so many rows; False where the buffer is full."""
        now_ms = self._clock.wall_ms()
        self._turn += 1
        wanted = [lane.left for lane in lanes]
        for index, count in shares(wanted, left, budget, self._turn % len(lanes)):
            lane = lanes[index]
            keys, values, stamp_ms = lane.render(count, now_ms)
            try:
                delivery = self._publisher.publish_run(lane.partition, keys, values, stamp_ms)
            except QueueFullError:
                return False
            except InvalidRecordError:
                if count == 1:
                    raise
                self._turn_records_max = budget // 2  # so much can never fit the buffer
                return True
            lane.advance(count, stamp_ms)
            self._allowance.spend(count)
            self._flights.add(delivery, lane, count)
            self._counters.bytes_published += sum(map(len, values)) + sum(map(len, keys))
            self._counters.partition_passes += not lane.left
        return True

    async def _wait_for_room(self) -> None:
        """Wait for the broker, however long it takes; the time is counted as it goes by."""
        self._allowance.rest()
        loop = asyncio.get_running_loop()
        full_s = loop.time()
        is_told = has_room = False
        while not has_room:
            began_s = loop.time()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await self._publisher.wait_for_room()
                    has_room = True
            self._counters.waiting_s += loop.time() - began_s
            if not has_room and not is_told and loop.time() - full_s >= _TELL_S:
                is_told = True
                logger.warning(
                    "the broker takes nothing; waiting until it does",
                    extra={"action": "wait_for_room", "events_pending": self._counters.events_pending},
                )
        if is_told:
            logger.info(
                "the broker takes events again",
                extra={"action": "wait_for_room", "waited_s": round(loop.time() - full_s, 1)},
            )
