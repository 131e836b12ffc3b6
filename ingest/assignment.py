"""Which partitions are ours, and where each begins: at the view's checkpoint, whatever the group says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from eventlog.client import Watermarks
from eventlog.client.errors import BrokerUnavailableError
from ingest.applying import Applier
from ingest.clock import Clock
from ingest.cursor import Cursor
from ingest.log_ends import LogEnds
from ingest.retrying import StartRetrying
from query.views.errors import AnotherLogError
from query.views.model import Gap, PartitionState

T = TypeVar("T")

SetAside = Callable[[], Awaitable[Mapping[int, int]]]
"""Asks up to where poison has been set aside, by partition: not twice, though the view be made anew."""
REMOVED = "the log's retention removed these records before they were applied"


class Assignment:
    """A cursor for each partition that the group has given us."""

    def __init__(
        self,
        ends: LogEnds,
        applier: Applier,
        start_retrying: StartRetrying,
        clock: Clock,
        set_aside: SetAside,
    ) -> None:
        self.cursors: dict[int, Cursor] = {}
        """By partition: those that are ours."""
        self._ends = ends
        self._applier = applier
        self._start_retrying = start_retrying
        self._clock = clock
        self._set_aside = set_aside

    def forget(self, numbers: frozenset[int]) -> None:
        """These are not ours any more."""
        for number in numbers:
            self.cursors.pop(number, None)

    async def begin(self, numbers: frozenset[int]) -> None:
        """Cursors for these partitions, from what the view and the log say now.

        Raises:
            AnotherLogError: what the view has cannot come from this log.
            Stopped: the program stops before they answer.
        """
        topic = self._ends.topic
        # In this order: the view cannot be ahead of a high watermark that is asked for after it.
        build_name, states = await self._applier.states(topic.name, str(topic.topic_id))
        marks = await self._until_there("ask_watermarks", lambda: self._ends.ask(numbers))
        set_aside = await self._until_there("ask_committed", self._set_aside)
        for number in sorted(numbers):
            before = self.cursors.get(number)
            cursor = self._cursor(number, states.get(number), marks[number])
            known = () if before is None else (before.letters_from, before.applied)
            cursor.build_name = build_name
            cursor.letters_from = max([set_aside.get(number, 0), *known])
            self.cursors[number] = cursor

    async def _until_there(self, action: str, ask: Callable[[], Awaitable[T]]) -> T:
        retrying = self._start_retrying(action)
        while True:
            try:
                answer = await ask()
            except BrokerUnavailableError as error:
                await retrying.after(error)
            else:
                retrying.succeeded()
                return answer

    def _cursor(self, number: int, state: PartitionState | None, marks: Watermarks) -> Cursor:
        cursor = Cursor.begin(state, marks.log_start)
        self.keep_inside(number, cursor, marks)
        return cursor

    def keep_inside(self, number: int, cursor: Cursor, marks: Watermarks) -> None:
        """Skip what retention has removed; AnotherLogError for a place beyond the log's end."""
        next_offset = cursor.place.next_offset
        if next_offset > marks.high_watermark:
            raise AnotherLogError(
                f"the view has {self._ends.at(number)} up to offset {next_offset}, and this log ends at "
                f"{marks.high_watermark}: it is another log; `gputail replay "
                "--allow-shorter` makes the view anew from it",
                str(self._ends.topic.topic_id),
            )
        if next_offset < marks.log_start:
            gap = Gap(number, next_offset, marks.log_start, REMOVED, self._clock.wall_ms())
            cursor.skip_to(marks.log_start, gap)
