"""From a subscription into a view: polls, folds, has applied.

While one parcel is applied, in a thread, the next batch is polled and folded: one ahead, never more. The
checkpoint in the view is the truth: whoever is refused one reads it again, and goes on from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from eventlog.client import Batch, Subscription
from eventlog.client.errors import EventLogError, StaleGenerationError
from ingest.applying import Applied, Applier
from ingest.assignment import Assignment
from ingest.clock import Clock
from ingest.intake import Intake
from ingest.log_ends import LogEnds
from ingest.refusals import Refusals
from ingest.retrying import Stopped

POLL_S = 0.2
"""How long one poll waits for records: a stop is noticed in between."""
POLL_S_MAX = 1.0
"""How long a stop waits for a poll, which may stand behind a commit that the broker does not answer."""


class Pump:
    """Takes one batch after the other; `on_applied` hears of checkpoints that the view has, durably."""

    def __init__(
        self,
        *,
        ends: LogEnds,
        assignment: Assignment,
        intake: Intake,
        applier: Applier,
        refusals: Refusals,
        batch_records: int,
        on_applied: Callable[[Mapping[int, int]], None],
        clock: Clock,
    ) -> None:
        self._ends = ends
        self._assignment = assignment
        self._intake = intake
        self._applier = applier
        self._refusals = refusals
        self._batch_records = batch_records
        self._on_applied = on_applied
        self._clock = clock
        self._applying: asyncio.Task[Applied] | None = None

    async def take(self, subscription: Subscription, stopping: asyncio.Event) -> int:
        """One batch, up to where its parcel is on its way; returns how many records it had."""
        batch = await self._poll(subscription, stopping)
        parcel = self._intake.take(batch, self._clock.wall_ms())
        if self._applying is not None:
            await _first(self._applying, stopping)
        if stopping.is_set():
            return 0  # what was folded is read again, by whoever comes next
        stale = await self.settle()
        await self._refusals.resolve(batch.refusals)
        await self._seek(subscription)
        if parcel is not None:
            # What was folded of a stale partition followed from what was refused.
            parcel = parcel.without(stale)
            self._applying = asyncio.create_task(self._applier.apply(parcel))
        return batch.record_count

    async def look(self) -> None:
        """Begin again where the view is another one now: nobody is refused a step while nothing comes."""
        if self._applying is not None:
            return
        name = await self._applier.build_name()
        if name is not None:
            cursors = self._assignment.cursors.items()
            with suppress(Stopped):
                await self._begin_again(frozenset(n for n, each in cursors if each.build_name != name))

    async def settle(self, timeout_s: float | None = None) -> frozenset[int]:
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

    async def give_up(self) -> None:
        """Let go of a parcel that cannot be stored in time; the view is where it was before it, or after."""
        applying, self._applying = self._applying, None
        if applying is not None:
            applying.cancel()
            await asyncio.gather(applying, return_exceptions=True)

    async def _poll(self, subscription: Subscription, stopping: asyncio.Event) -> Batch:
        polling = asyncio.create_task(subscription.poll(records_max=self._batch_records, timeout_s=POLL_S))
        try:
            await _first(polling, stopping)
            done, _ = await asyncio.wait({polling}, timeout=POLL_S_MAX)
            return polling.result() if done else Batch()
        finally:
            polling.cancel()

    def _note(self, applied: Applied) -> None:
        self._on_applied(applied.next_offsets)
        for number, offset in applied.next_offsets.items():
            if number in self._assignment.cursors:
                self._assignment.cursors[number].applied = offset

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


async def _first(task: asyncio.Task[Any], stopping: asyncio.Event) -> None:
    """Wait until it is done, or a stop comes: it may be waiting for a broker that is away."""
    told = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({task, told}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        told.cancel()
