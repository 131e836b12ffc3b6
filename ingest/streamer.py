"""The streamer: takes the samples of a source, stamps them, and publishes them to the telemetry topic.

    source -> pass -> rows by partition -> stamped events -> publisher

Each partition that is ours is a lane that stands somewhere in the passes (lane.py). The group gives and
takes lanes (sharing.py); a new lane first asks the log how far the source has come in its partition
(location.py, origins.py). Then its passes begin at the cadence of the source (pacing.py, sending.py). What
is on its way is watched until the broker has answered (flights.py).

Promise: a row that was not sent yet is sent by whoever owns its partition, in order, with (pass, row)
growing. A row may be sent twice, by a streamer that stalled or was killed between sending and the answer:
views drop an origin that is not above the last one they applied. For a source without end the last origin
is looked for among the last `records_searched_max` records of a partition: where other sources have pushed
it further back, the pass that was interrupted stays as it is, and another begins at once.

With `once`, and with a source whose passes end, each streamer stays until every row is in the log, whoever
sent it: so those that are done take over what one that dies leaves behind.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import attrs

from eventlog.client import Membership, MessageQueue, Publisher, TopicDescription, TopicPartition
from eventlog.client.errors import EventLogError
from ingest.clock import Clock
from ingest.flights import Flights
from ingest.location import Location
from ingest.origins import OriginFinder
from ingest.pacing import Cadence
from ingest.pass_rows import Passes
from ingest.patience import patiently
from ingest.sending import Sender
from ingest.sharing import Sharing
from ingest.sources.source import Source
from ingest.streamer_counters import StreamerCounters
from ingest.streamer_settings import Share, StreamerSettings
from ingest.topics import TELEMETRY_SETTINGS, streamers_of

_LEAVE_S_MIN = 1.0
"""What leaving the group always gets, however little of the deadline is left."""

logger = logging.getLogger(__name__)


@attrs.frozen(eq=False)
class _Parts:
    """What one run is made of."""

    publisher: Publisher
    flights: Flights
    sharing: Sharing
    location: Location
    sender: Sender
    membership: Membership | None


class Streamer:
    """Publishes a source until it is stopped, or has nothing left. Runs once; the queue stays open."""

    def __init__(self, queue: MessageQueue, source: Source, settings: StreamerSettings, clock: Clock) -> None:
        """Open the queue with the limits of `settings.buffer`; the source is opened by `run`."""
        self.counters = StreamerCounters()
        self._queue = queue
        self._source = source
        self._settings = settings
        self._clock = clock
        self._deadline_s = _LEAVE_S_MIN
        self._stopping = asyncio.Event()
        self._ended = asyncio.Event()
        self._is_running = False
        self._parts: _Parts | None = None

    @property
    def source_id(self) -> str:
        """Under which the events go; known when the source is open."""
        if self._settings.share is Share.NONE:
            return f"{self._source.id}@{self._settings.instance_id}"
        return self._source.id

    async def run(self) -> None:
        """Publish until `stop`, or until every row of a source that ends is in the log.

        While the broker is away it waits, for as long as it takes, and drops nothing.

        Raises:
            SourceError: there is nothing that could be read.
            UndeliveredError: stopped with records that the broker had not acknowledged by the deadline.
            EventLogError: the log refused something for good: the topic is gone, we are not let in.
        """
        self._is_running = True
        stopping = asyncio.create_task(self._stopping.wait())
        working = asyncio.create_task(self._work())
        try:
            await asyncio.wait({stopping, working}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _cancel([stopping, working])
            failure = None if working.cancelled() else working.exception()
            try:
                await self._leave()
            except EventLogError:
                if failure is None:  # else that one says why
                    raise
            finally:
                self._ended.set()
        if failure is not None:
            raise failure

    async def stop(self, deadline_s: float) -> None:
        """Stop producing, flush and leave the group; returns when `run` is about to."""
        self._deadline_s = deadline_s
        self._stopping.set()
        if self._is_running:
            await self._ended.wait()

    # --- inside -------------------------------------------------------------------------------

    async def _work(self) -> None:
        """Until the first of the tasks ends, by itself or with an error."""
        parts = self._parts = await self._open()
        tasks = [
            asyncio.create_task(parts.sender.run()),
            asyncio.create_task(parts.location.run()),
            asyncio.create_task(parts.flights.watch()),
        ]
        if parts.membership is not None:
            tasks.append(asyncio.create_task(parts.membership.serve()))
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _cancel(tasks)
        for task in ended:
            task.result()

    async def _open(self) -> _Parts:
        settings, source = self._settings, self._source
        await source.open()
        self.counters.bad_rows = source.bad_row_count
        topic = await patiently(
            lambda: self._queue.ensure_topic(settings.topic, settings.partitions, TELEMETRY_SETTINGS),
            "looking for the topic",
        )
        publisher = await patiently(lambda: self._queue.publisher(topic.name), "opening a publisher")
        passes = Passes(source, self.source_id, topic.partitions, 1 if settings.once else source.pass_count)
        flights = Flights(self.counters, self._clock)
        sharing = Sharing(publisher, flights, self.counters, settings.hand_over_s_max)
        searched_max = settings.records_searched_max if passes.last is None else None
        finder = OriginFinder(self._queue, topic.name, self.source_id, searched_max)
        cadence = Cadence(settings.interval_s)
        location = Location(
            publisher=publisher,
            sharing=sharing,
            finder=finder,
            passes=passes,
            cadence=cadence,
            clock=self._clock,
        )
        sender = Sender(
            publisher=publisher,
            sharing=sharing,
            location=location,
            flights=flights,
            passes=passes,
            cadence=cadence,
            clock=self._clock,
            counters=self.counters,
            settings=settings,
        )
        membership = await self._join(sharing, topic)
        return _Parts(publisher, flights, sharing, location, sender, membership)

    async def _join(self, sharing: Sharing, topic: TopicDescription) -> Membership | None:
        if self._settings.share is Share.NONE:
            await sharing.on_assigned([TopicPartition(topic.name, n) for n in range(topic.partitions)])
            return None
        group_id = streamers_of(self.source_id)
        return await patiently(
            lambda: self._queue.join([topic.name], group_id, sharing), f"joining the group {group_id!r}"
        )

    async def _leave(self) -> None:
        """Flush, so that the next owners read a settled end, then leave; UndeliveredError."""
        if self._parts is None:
            return
        parts, loop = self._parts, asyncio.get_running_loop()
        end_s = loop.time() + self._deadline_s
        with suppress(TimeoutError):
            async with asyncio.timeout_at(end_s):
                await parts.publisher.flush()
        parts.sharing.is_leaving = True
        if parts.membership is not None:
            await parts.membership.close(max(_LEAVE_S_MIN, end_s - loop.time()))
        await parts.publisher.close(max(0.0, end_s - loop.time()))
        with suppress(EventLogError):  # it has been told already
            parts.flights.collect()


async def _cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks, and wait until they have ended; their outcomes stay with them."""
    waiting = list(tasks)
    for task in waiting:
        task.cancel()
    if waiting:
        await asyncio.wait(waiting)
