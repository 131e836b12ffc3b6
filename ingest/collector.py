"""The collector: consumes the telemetry topic and keeps the view up to date.

    poll ──▶ Intake (folds, moves the cursors) ──▶ Parcel ──▶ Applier (dead letters, then the view)
                                                                  └──▶ the group's offsets follow

Here it is put together, begun and ended; collecting.py has the loop, pump.py one turn of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import TypeVar

from eventlog.client import GroupListener, MessageQueue, Subscription, TopicDescription
from eventlog.client.errors import BrokerUnavailableError, EventLogError
from eventlog.client.view_commit import view_commit_metadata
from ingest.applying import Applier, OpenWriter
from ingest.assignment import Assignment
from ingest.clock import Clock, SystemClock
from ingest.collecting import Collecting
from ingest.collector_counters import CollectorCounters
from ingest.collector_settings import CollectorSettings
from ingest.dead_letter import DeadLetters
from ingest.group_commits import GroupCommits
from ingest.intake import Intake
from ingest.log_ends import LogEnds
from ingest.pump import Pump
from ingest.refusals import Refusals
from ingest.retrying import Retrying, Stopped
from ingest.topics import COLLECTORS, TELEMETRY, TELEMETRY_SETTINGS
from ingest.upkeep import Upkeep
from query.views.errors import AnotherLogError, ViewError

T = TypeVar("T")

LEAVE_S_MAX = 2.0
"""How long leaving the group waits for the broker: a session that is not left ends by itself."""


class Collector:
    """One member of the group of collectors.

    Args:
        queue: the log; it stays open.
        open_writer: opens a writer of the view, in a thread; called twice, for applying and for upkeep.
        view: names the view in the group's commits, for people; without secrets.
        settings: how it takes its batches.
        clock: what time it is.
    """

    def __init__(
        self,
        queue: MessageQueue,
        open_writer: OpenWriter,
        view: str,
        *,
        settings: CollectorSettings = CollectorSettings(),  # noqa: B008  # frozen
        clock: Clock | None = None,
    ) -> None:
        self.counters = CollectorCounters()
        self._queue = queue
        self._open_writer = open_writer
        self._view = view
        self._settings = settings
        self._clock = clock or SystemClock()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Finish what is in hand, give the partitions back, and let `run` return."""
        self._stopping.set()

    async def run(self) -> None:
        """Collect until `stop`, or until it is cancelled.

        Raises:
            AnotherLogError: the view follows another log; nothing was applied, and the view tells of it.
            BadViewsError: the view cannot be opened by anybody.
            UnauthorizedError: the broker does not let us.
        """
        try:
            topic = await self._topic()
        except Stopped:
            return
        ends = LogEnds(self._queue, topic, self._clock)
        dead_letters = DeadLetters(self._queue, topic, self._start_retrying, self._clock)
        applier = Applier(self._open_writer, dead_letters, self._start_retrying, self.counters, self._clock)
        upkeep = Upkeep(
            self._open_writer, self._settings.maintain_ms / 1000, self._start_retrying, self._clock
        )
        background = [asyncio.create_task(ends.watch()), asyncio.create_task(upkeep.run())]
        try:
            await self._collect(ends, applier, background)
        except AnotherLogError as error:
            await applier.refuse_log(error)
            raise
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            await dead_letters.close()
            await applier.close()
            await upkeep.close()

    async def _collect(
        self, ends: LogEnds, applier: Applier, background: Iterable[asyncio.Task[None]]
    ) -> None:
        """Be a member of the group until the stop."""
        assignment = Assignment(ends, applier, self._start_retrying, self._clock, self._set_aside)
        commits = GroupCommits(ends, view_commit_metadata(self._view), self.counters)
        pump = Pump(
            ends=ends,
            assignment=assignment,
            intake=Intake(assignment.cursors, ends, self.counters),
            applier=applier,
            refusals=Refusals(self._queue, assignment, ends, self._clock),
            batch_records=self._settings.batch_records,
            on_applied=commits.applied,
            clock=self._clock,
        )
        collecting = Collecting(
            ends=ends,
            assignment=assignment,
            pump=pump,
            commits=commits,
            settings=self._settings,
            counters=self.counters,
            clock=self._clock,
        )
        try:
            subscription = await self._join(ends.topic, collecting)
        except Stopped:
            return
        try:
            await collecting.run(subscription, self._stopping, background)
            await subscription.close(LEAVE_S_MAX)
        except BaseException:
            # What has ended it is told; what the farewell says beside it is the same, or less.
            with suppress(ViewError, EventLogError):
                await subscription.close(LEAVE_S_MAX)
            raise
        finally:
            await pump.give_up()

    async def _set_aside(self) -> Mapping[int, int]:
        """The group's offsets: poison below them went to the dead letters before they were committed."""
        committed = await self._queue.committed(COLLECTORS)
        return {at.partition: offset for at, offset in committed.items() if at.topic == TELEMETRY}

    async def _topic(self) -> TopicDescription:
        return await self._until_there(
            "find_topic",
            lambda: self._queue.ensure_topic(TELEMETRY, self._settings.topic_partitions, TELEMETRY_SETTINGS),
        )

    async def _join(self, topic: TopicDescription, listener: GroupListener) -> Subscription:
        return await self._until_there(
            "join_group",
            lambda: self._queue.subscribe(
                [topic.name], COLLECTORS, listener, poll_interval_s_max=self._settings.poll_interval_s_max
            ),
        )

    async def _until_there(self, action: str, ask: Callable[[], Awaitable[T]]) -> T:
        """The broker's answer, asked for again while it is away; Stopped."""
        retrying = self._start_retrying(action)
        while True:
            try:
                answer = await ask()
            except BrokerUnavailableError as error:
                await retrying.after(error)
            else:
                retrying.succeeded()
                return answer

    def _start_retrying(self, action: str) -> Retrying:
        return Retrying(action, self._settings, self.counters, self._stopping)
