"""What was handed to the publisher and has not been answered for: counted, and watched for its fate."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

import attrs

from eventlog.client import Delivery
from eventlog.client.errors import DeliveryPurgedError
from ingest.clock import Clock
from ingest.lane import Lane
from ingest.streamer_counters import StreamerCounters


@attrs.frozen(eq=False)
class Flight:
    """Some rows of a lane on their way."""

    delivery: Delivery
    lane: Lane
    count: int


class Flights:
    """The rows on their way, in the order in which they were published."""

    def __init__(self, counters: StreamerCounters, clock: Clock) -> None:
        self._counters = counters
        self._clock = clock
        self._open: deque[Flight] = deque()
        self._added = asyncio.Event()

    def add(self, delivery: Delivery, lane: Lane, count: int) -> None:
        """Rows were handed over."""
        self._open.append(Flight(delivery, lane, count))
        self._counters.events_published += count
        self._counters.events_pending += count
        self._added.set()

    def lanes(self) -> Iterable[Lane]:
        """Those of which something is on its way."""
        return {id(flight.lane): flight.lane for flight in self._open}.values()

    async def watch(self) -> None:
        """Count what the broker answers, for ever.

        Raises:
            EventLogError: it refused something for good.
        """
        while True:
            await self.landed()
            self._added.clear()
            await self._added.wait()

    async def landed(self) -> None:
        """Wait until everything has been answered for; raises as `watch`."""
        while self._open:
            delivery = self._open[0].delivery
            if not delivery.is_settled:
                await delivery.settled()
            self.collect()

    def collect(self) -> None:
        """Count what has been answered for by now; raises as `watch`."""
        while self._open and self._open[0].delivery.is_settled:
            flight = self._open.popleft()
            self._counters.events_pending -= flight.count
            for error in flight.delivery.failures.values():
                if not isinstance(error, DeliveryPurgedError):
                    raise error
                # A prefix may have been stored all the same: whoever looks at the log's end knows.
                self._counters.events_purged += flight.count
                break
            else:
                self._counters.events_acknowledged += flight.count
                self._counters.last_acknowledged_ms = self._clock.wall_ms()
