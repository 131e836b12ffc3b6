"""A collector's loop, as one member of the group.

The checkpoint in the view is the truth. The group shares the work, and its committed offsets only follow,
for lag and for tools. How records get into the view is the pump's business.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress

from eventlog.client import GroupListener, Subscription, TopicPartition
from ingest.assignment import Assignment
from ingest.clock import Clock
from ingest.collector_counters import CollectorCounters
from ingest.collector_settings import CollectorSettings
from ingest.group_commits import GroupCommits
from ingest.log_ends import LogEnds
from ingest.pump import Pump
from ingest.retrying import Stopped

logger = logging.getLogger(__name__)


class Collecting(GroupListener):
    """Pumps, commits; and does what the group's hooks ask for."""

    def __init__(
        self,
        *,
        ends: LogEnds,
        assignment: Assignment,
        pump: Pump,
        commits: GroupCommits,
        settings: CollectorSettings,
        counters: CollectorCounters,
        clock: Clock,
    ) -> None:
        self._ends = ends
        self._assignment = assignment
        self._pump = pump
        self._commits = commits
        self._settings = settings
        self._counters = counters
        self._clock = clock
        self._subscription: Subscription | None = None

    async def run(
        self, subscription: Subscription, stopping: asyncio.Event, background: Iterable[asyncio.Task[None]]
    ) -> None:
        """Collect until the stop; raises what ends the background tasks, too."""
        loop = asyncio.get_running_loop()
        self._subscription = subscription
        commit_s = look_s = loop.time()
        while not stopping.is_set():
            begun_s = loop.time()
            for task in background:
                if task.done():
                    task.result()
            count = await self._pump.take(subscription, stopping)
            self._count()
            if loop.time() >= commit_s:
                await self._commits.commit(subscription)
                commit_s = loop.time() + self._settings.commit_ms / 1000
            if count == 0 and loop.time() >= look_s:
                await self._pump.look()
                look_s = loop.time() + self._settings.maintain_ms / 1000
            if count < self._settings.batch_records:
                rest_s = begun_s + self._settings.poll_ms / 1000 - loop.time()
                with suppress(TimeoutError):
                    await asyncio.wait_for(stopping.wait(), max(0.0, rest_s))
        await self._pump.settle(self._settings.settle_s_max)
        await self._pump.give_up()  # that was all its time, and leaving the group would wait for it again
        await self._commits.commit(subscription)

    def _count(self) -> None:
        cursors, now_ms = self._assignment.cursors, self._clock.wall_ms()
        self._counters.partitions = len(cursors)
        self._counters.lag_records = {
            number: self._ends.seen(number, cursor.applied, now_ms)[0] - cursor.applied
            for number, cursor in sorted(cursors.items())
        }

    # --- the group's hooks ------------------------------------------------------------------------

    async def on_assigned(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        try:
            await self._assignment.begin(frozenset(at.partition for at in partitions))
        except Stopped:
            return {}  # without a cursor, no record of them counts
        cursors = {at: self._assignment.cursors[at.partition] for at in partitions}
        # Whoever had them before may have died between the view's transaction and the commit.
        stored = {at.partition: cursor.stored for at, cursor in cursors.items()}
        self._commits.applied({number: offset for number, offset in stored.items() if offset is not None})
        _tell("partitions came", "assigned", partitions)
        return {at: cursor.place.next_offset for at, cursor in cursors.items()}

    async def on_revoked(self, partitions: Collection[TopicPartition]) -> None:
        assert self._subscription is not None, "hooks run while it polls or closes"
        numbers = frozenset(at.partition for at in partitions)
        await self._pump.settle(self._settings.settle_s_max)
        await self._commits.commit(self._subscription, numbers)
        self._forget(numbers)
        _tell("partitions went", "revoked", partitions)

    async def on_lost(self, partitions: Collection[TopicPartition]) -> None:
        self._forget(frozenset(at.partition for at in partitions))
        _tell("partitions were taken away", "lost", partitions)

    def _forget(self, numbers: frozenset[int]) -> None:
        self._assignment.forget(numbers)
        self._commits.forget(numbers)


def _tell(message: str, action: str, partitions: Iterable[TopicPartition]) -> None:
    numbers = sorted(at.partition for at in partitions)
    logger.info(message, extra={"action": action, "partitions": numbers})
