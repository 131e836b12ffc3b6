"""Which partitions of the topic are ours to publish to.

The streamers of a source are members of one consumer group that reads nothing. A partition's lane is there
from the moment it is assigned until it is revoked or lost; only what has a lane is published to. A lane
that something was thrown away of has to ask the log again where it stands.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from contextlib import suppress

from eventlog.client import GroupListener, Publisher, TopicPartition
from eventlog.client.errors import EventLogError
from ingest.flights import Flights
from ingest.lane import Lane
from ingest.streamer_counters import StreamerCounters

logger = logging.getLogger(__name__)


class Sharing(GroupListener):
    """The lanes, as the group gives and takes them."""

    def __init__(
        self,
        publisher: Publisher,
        flights: Flights,
        counters: StreamerCounters,
        hand_over_s_max: float,
    ) -> None:
        self.lanes: dict[int, Lane] = {}
        """By partition."""
        self.to_locate = asyncio.Event()
        """Set when there may be lanes that are not located."""
        self.to_send = asyncio.Event()
        """Set when the lanes that may be sent to have changed."""
        self.is_leaving = False
        """Whether what is on its way has been waited for already, as long as it may be."""
        self._publisher = publisher
        self._flights = flights
        self._counters = counters
        self._hand_over_s_max = hand_over_s_max

    def located(self) -> list[Lane]:
        """The lanes that may be sent to."""
        return [lane for lane in self.lanes.values() if lane.is_located]

    def unlocated(self) -> list[Lane]:
        """The lanes for which the log has to be asked."""
        return [lane for lane in self.lanes.values() if not lane.is_located]

    async def on_assigned(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        for at in partitions:
            self.lanes[at.partition] = Lane(at.partition)
        self._moved("assigned", partitions)
        return {}

    async def on_revoked(self, partitions: Collection[TopicPartition]) -> None:
        self._drop(partitions)
        self._moved("revoked", partitions)
        if self.is_leaving:
            return
        try:
            async with asyncio.timeout(self._hand_over_s_max):
                await self._publisher.flush()  # so that the next owner reads a settled end
        except TimeoutError:
            self._purge()

    async def on_lost(self, partitions: Collection[TopicPartition]) -> None:
        self._drop(partitions)
        self._purge()
        self._moved("lost", partitions)

    def _drop(self, partitions: Collection[TopicPartition]) -> None:
        for at in partitions:
            self.lanes.pop(at.partition, None)

    def _purge(self) -> None:
        """Throw away what was not sent; it goes for all partitions, so that lanes that stay must look again.

        They must not be sent to in between: what comes after a hole would hide it for ever.
        """
        with suppress(EventLogError):  # a publisher that has failed says so to everybody
            self._publisher.purge()
        for lane in self._flights.lanes():
            lane.is_located = False
        self._wake()

    def _wake(self) -> None:
        self.to_locate.set()
        self.to_send.set()

    def _moved(self, how: str, partitions: Collection[TopicPartition]) -> None:
        self._counters.rebalances += 1
        self._counters.partitions_owned = len(self.lanes)
        logger.info(
            "partitions have moved",
            extra={
                "action": f"partitions_{how}",
                "partitions": [at.partition for at in partitions],
                "owned": sorted(self.lanes),
            },
        )
        self._wake()
