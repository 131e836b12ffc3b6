"""One build filled from the log: every partition, from where it stands in it, in no group.

It is what a collector does, without the group and without dead letters: the collectors had set the poison
aside before.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from typing import Any

from eventlog.client import MessageQueue, Subscription, TopicDescription
from eventlog.client.errors import EventLogError
from ingest.applying import Applier, OpenWriter
from ingest.assignment import Assignment
from ingest.clock import Clock
from ingest.collector_counters import CollectorCounters
from ingest.collector_settings import CollectorSettings
from ingest.cursor import Cursor
from ingest.dead_letter import DeadLetters
from ingest.intake import DAMAGED, Intake
from ingest.log_ends import LogEnds
from ingest.projections import Place
from ingest.pump import Pump
from ingest.reaching import Target, has_reached
from ingest.refusals import Refusals
from ingest.replay.bounds import Range
from ingest.replay.silence import SILENT_S_MAX, has_nothing
from ingest.replay.within import Within
from ingest.retrying import Retrying, Stopped
from ingest.upkeep import Upkeep
from query.views.model import Gap


class Filling:
    """Fills until it is stopped.

    Args:
        queue: the log; it stays open.
        topic: what is read.
        open_writer: opens a writer of the build, in a thread; called twice, for applying and for upkeep.
        part: where partitions begin of which the build has nothing yet, and where they end; None: the log
            start, and no end.
        settings: how it takes its batches.
        counters: what it has done.
        clock: what time it is.
        silent_s: how long a broker may say nothing before it is asked whether there is anything.
    """

    def __init__(
        self,
        queue: MessageQueue,
        topic: TopicDescription,
        open_writer: OpenWriter,
        part: Mapping[int, Range] | None,
        *,
        settings: CollectorSettings,
        counters: CollectorCounters,
        clock: Clock,
        silent_s: float = SILENT_S_MAX,
    ) -> None:
        self._queue = queue
        self._part = part
        self._settings = settings
        self._counters = counters
        self._clock = clock
        self._silent_s = silent_s
        self.begun: dict[int, int] = {}
        """By partition: from where on it is filled, where the build had nothing of it yet."""
        self._stopping = asyncio.Event()
        self._moved = asyncio.Event()
        self._target: Target = {}
        self._standing: dict[int, tuple[int | None, float]] = {}
        """By partition: where it has stood, and since when, in the loop's time."""
        self._ends = LogEnds(queue, topic, clock)
        self._dead_letters = DeadLetters(queue, topic, self._start_retrying, clock)
        self._applier = Applier(open_writer, self._dead_letters, self._start_retrying, counters, clock)
        self._upkeep = Upkeep(open_writer, settings.maintain_ms / 1000, self._start_retrying, clock)
        self._assignment = Assignment(
            self._ends, self._applier, self._start_retrying, clock, self._nothing_set_aside
        )
        self._intake = Intake(self._assignment.cursors, self._ends, counters)
        self._pump = Pump(
            ends=self._ends,
            assignment=self._assignment,
            intake=self._intake,
            applier=self._applier,
            refusals=Refusals(queue, self._assignment, self._ends, clock),
            batch_records=settings.batch_records,
            on_applied=self._note_nothing,
            clock=clock,
        )

    @property
    def applied(self) -> Mapping[int, int]:
        """By partition: how far the build is."""
        return {number: cursor.applied for number, cursor in self._assignment.cursors.items()}

    async def reach(self, target: Target) -> None:
        """Return when the build is there; `run` has to run."""
        self._target = target
        while not has_reached(self.applied, target):
            self._moved.clear()
            await self._moved.wait()

    def stop(self) -> None:
        """Store what is in hand, and let `run` return."""
        self._stopping.set()

    async def run_until(self, goal: Coroutine[Any, Any, None], stopping: asyncio.Event) -> None:
        """Fill until the goal is reached, or a stop is wanted; raises what `run` and the goal raise."""
        running, reaching = asyncio.create_task(self.run()), asyncio.create_task(goal)
        told = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait({running, reaching, told}, return_when=asyncio.FIRST_COMPLETED)
            if reaching.done():
                reaching.result()
            self.stop()
            await running
        finally:
            for task in (running, reaching, told):
                task.cancel()
            await asyncio.gather(running, reaching, told, return_exceptions=True)

    async def run(self) -> None:
        """Fill until `stop`.

        Raises:
            AnotherLogError: the log was replaced while it was read.
            ViewError: the build cannot be written.
            EventLogError: the log cannot be read.
        """
        background = [asyncio.create_task(self._ends.watch()), asyncio.create_task(self._upkeep.run())]
        try:
            with suppress(Stopped):
                await self._fill(background)
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            await self._pump.give_up()
            await self._dead_letters.close()
            await self._applier.close()
            await self._upkeep.close()

    async def _fill(self, background: list[asyncio.Task[None]]) -> None:
        subscription = await self._begin()
        try:
            while not self._stopping.is_set():
                for task in background:
                    if task.done():
                        task.result()
                count = await self._pump.take(subscription, self._stopping)
                if isinstance(subscription, Within):
                    self._end_passed(subscription)
                if not count:
                    await self._pump.settle()
                await self._pass_over_nothing()
                self._moved.set()  # it may also have moved by what another one has applied
            await self._pump.settle(self._settings.settle_s_max)
        finally:
            with suppress(EventLogError):
                await subscription.close()

    async def _begin(self) -> Subscription:
        """Cursors for all partitions, and a subscription at them."""
        cursors = self._assignment.cursors
        await self._assignment.begin(frozenset(range(self._ends.topic.partitions)))
        for number, wanted in (self._part or {}).items():
            if cursors[number].stored is None:
                start = max(wanted.start, cursors[number].place.next_offset)
                cursors[number] = Cursor(None, start, Place(start), start)
        for cursor in cursors.values():
            cursor.letters_from = sys.maxsize  # none is sent
        self.begun = {number: each.begun_at for number, each in cursors.items() if each.stored is None}
        self._moved.set()
        starts = {self._ends.at(number): cursor.place.next_offset for number, cursor in cursors.items()}
        subscription = await self._queue.read(starts)
        if self._part is None:
            return subscription
        return Within(subscription, {self._ends.at(n): wanted.end for n, wanted in self._part.items()})

    def _end_passed(self, subscription: Within) -> None:
        """What was missing before the end of a partition will not come any more."""
        for number in subscription.passed:
            assert self._part is not None, "it ends somewhere"
            self._skip(number, self._part[number].end)

    async def _pass_over_nothing(self) -> None:
        """Where nothing has come for a while, look whether there is anything before the target."""
        now_s = asyncio.get_running_loop().time()
        for number, offset in self._target.items():
            cursor = self._assignment.cursors[number]
            stands_at = cursor.place.next_offset
            seen_at, since_s = self._standing.get(number, (None, now_s))
            if stands_at >= offset or stands_at != seen_at:
                self._standing[number] = (stands_at, now_s)
            elif now_s - since_s >= self._silent_s:
                if await has_nothing(self._queue, self._ends.at(number), stands_at, self._silent_s):
                    self._skip(number, offset)
                self._standing.pop(number)

    def _skip(self, number: int, end: int) -> None:
        cursor = self._assignment.cursors[number]
        first = cursor.place.next_offset
        if first < end:
            cursor.skip_to(end, Gap(number, first, end, DAMAGED, self._clock.wall_ms()))

    def _note_nothing(self, _: Mapping[int, int]) -> None:
        """The cursors tell how far it is."""

    async def _nothing_set_aside(self) -> Mapping[int, int]:
        return {}

    def _start_retrying(self, action: str) -> Retrying:
        return Retrying(action, self._settings, self._counters, self._stopping)
