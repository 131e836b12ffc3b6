"""A collector's loop, as one member of the group.

While one parcel is applied, in a thread, the next batch is polled and folded: one ahead, never more. The
checkpoint in the view is the truth. The group shares the work, and its committed offsets only follow, for
lag and for tools. Whoever is refused a checkpoint reads it again and goes on from there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from typing import Any

from eventlog.client import Batch, GroupListener, Subscription, TopicPartition
from eventlog.client.errors import EventLogError, StaleGenerationError
from ingest.applying import Applied, Applier
from ingest.assignment import Assignment
from ingest.clock import Clock
from ingest.collector_counters import CollectorCounters
from ingest.collector_settings import CollectorSettings
from ingest.group_commits import GroupCommits
from ingest.intake import Intake
from ingest.log_ends import LogEnds
from ingest.refusals import Refusals
from ingest.retrying import Stopped

logger = logging.getLogger(__name__)

POLL_S = 0.2
"""How long one poll waits for records: a stop is noticed in between."""
POLL_S_MAX = 1.0
"""How long a stop waits for a poll, which may stand behind a commit that the broker does not answer."""


class Collecting(GroupListener):
    """Polls, folds, has applied, commits; and does what the group's hooks ask for."""

    def __init__(
        self,
        *,
        ends: LogEnds,
        assignment: Assignment,
        intake: Intake,
        applier: Applier,
        refusals: Refusals,
        commits: GroupCommits,
        settings: CollectorSettings,
        counters: CollectorCounters,
        clock: Clock,
    ) -> None:
        self._ends = ends
        self._assignment = assignment
        self._intake = intake
        self._applier = applier
        self._refusals = refusals
        self._commits = commits
        self._settings = settings
        self._counters = counters
        self._clock = clock
        self._subscription: Subscription | None = None
        self._applying: asyncio.Task[Applied] | None = None

    async def run(
        self, subscription: Subscription, stopping: asyncio.Event, background: Iterable[asyncio.Task[None]]
    ) -> None:
        """Collect until the stop; raises what ends the background tasks, too."""
        loop = asyncio.get_running_loop()
        self._subscription = subscription
        commit_s = loop.time()
        while not stopping.is_set():
            begun_s = loop.time()
            for task in background:
                if task.done():
                    task.result()
            count = await self._take(subscription, stopping)
            self._count()
            if loop.time() >= commit_s:
                await self._commits.commit(subscription)
                commit_s = loop.time() + self._settings.commit_ms / 1000
            if count < self._settings.batch_records:
                rest_s = begun_s + self._settings.poll_ms / 1000 - loop.time()
                with suppress(TimeoutError):
                    await asyncio.wait_for(stopping.wait(), max(0.0, rest_s))
        await self._settle(self._settings.settle_s_max)
        await self.give_up()  # that was all the time it gets, and leaving the group would wait for it again
        await self._commits.commit(subscription)

    async def give_up(self) -> None:
        """Let go of a parcel that cannot be stored in time; the view is where it was before it, or after."""
        applying, self._applying = self._applying, None
        if applying is not None:
            applying.cancel()
            await asyncio.gather(applying, return_exceptions=True)

    async def _take(self, subscription: Subscription, stopping: asyncio.Event) -> int:
        """One batch, up to where its parcel is on its way; returns how many records it had."""
        batch = await self._poll(subscription, stopping)
        parcel = self._intake.take(batch, self._clock.wall_ms())
        if self._applying is not None:
            await _first(self._applying, stopping)
        if stopping.is_set():
            return 0  # what was folded is read again, by whoever comes next
        stale = await self._settle()
        await self._refusals.resolve(batch.refusals)
        await self._seek(subscription)
        if parcel is not None:
            # What was folded of a stale partition followed from what was refused.
            parcel = parcel.without(stale)
            self._applying = asyncio.create_task(self._applier.apply(parcel))
        return batch.record_count

    async def _poll(self, subscription: Subscription, stopping: asyncio.Event) -> Batch:
        polling = asyncio.create_task(
            subscription.poll(records_max=self._settings.batch_records, timeout_s=POLL_S)
        )
        try:
            await _first(polling, stopping)
            done, _ = await asyncio.wait({polling}, timeout=POLL_S_MAX)
            return polling.result() if done else Batch()
        finally:
            polling.cancel()

    async def _settle(self, timeout_s: float | None = None) -> frozenset[int]:
        """Wait for the parcel in hand; returns the partitions that somebody else had applied.

        After `timeout_s` it stays in hand.
        """
        if self._applying is None:
            return frozenset()
        done, _ = await asyncio.wait({self._applying}, timeout=timeout_s)
        if not done:
            return frozenset()
        applying, self._applying = self._applying, None
        try:
            applied = applying.result()
            self._note(applied)
            await self._begin_again(applied.stale)
        except Stopped:
            return frozenset()
        return applied.stale

    def _note(self, applied: Applied) -> None:
        self._commits.applied(applied.next_offsets)
        for number, offset in applied.next_offsets.items():
            if number in self._assignment.cursors:
                self._assignment.cursors[number].applied = offset

    def _count(self) -> None:
        cursors, now_ms = self._assignment.cursors, self._clock.wall_ms()
        self._counters.partitions = len(cursors)
        self._counters.lag_records = {
            number: self._ends.seen(number, cursor.applied, now_ms)[0] - cursor.applied
            for number, cursor in sorted(cursors.items())
        }

    async def _begin_again(self, stale: frozenset[int]) -> None:
        """Go on with these from where the view is."""
        ours = stale & self._assignment.cursors.keys()
        if ours:
            await self._assignment.begin(ours)
            for number in ours:
                cursor = self._assignment.cursors[number]
                cursor.resume_at = cursor.place.next_offset

    async def _seek(self, subscription: Subscription) -> None:
        for number, cursor in self._assignment.cursors.items():
            if cursor.resume_at is None:
                continue
            try:
                await subscription.seek(self._ends.at(number), cursor.resume_at)
            except StaleGenerationError:
                continue  # a hook is about to tell that it is gone
            except EventLogError as error:
                if not error.retriable:
                    raise
            else:
                cursor.resume_at = None

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
        await self._settle(self._settings.settle_s_max)
        await self._commits.commit(self._subscription, numbers)
        self._forget(numbers)
        _tell("partitions went", "revoked", partitions)

    async def on_lost(self, partitions: Collection[TopicPartition]) -> None:
        self._forget(frozenset(at.partition for at in partitions))
        _tell("partitions were taken away", "lost", partitions)

    def _forget(self, numbers: frozenset[int]) -> None:
        self._assignment.forget(numbers)
        self._commits.forget(numbers)


async def _first(task: asyncio.Task[Any], stopping: asyncio.Event) -> None:
    """Wait until it is done, or a stop comes: it may be waiting for a broker that is away."""
    told = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({task, told}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        told.cancel()


def _tell(message: str, action: str, partitions: Iterable[TopicPartition]) -> None:
    numbers = sorted(at.partition for at in partitions)
    logger.info(message, extra={"action": action, "partitions": numbers})
