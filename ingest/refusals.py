"""Getting past what the log refuses to give: removed by retention, damaged, or another log altogether."""

from __future__ import annotations

from collections.abc import Iterable

from eventlog.client import MessageQueue, Refusal
from eventlog.client.errors import BrokerUnavailableError, CorruptRangeError, OffsetOutOfRangeError
from eventlog.client.past_damage import next_readable
from ingest.assignment import Assignment
from ingest.clock import Clock
from ingest.intake import DAMAGED
from ingest.log_ends import LogEnds
from query.views.model import Gap

ANSWER_S = 10.0


class Refusals:
    """Moves the cursors of partitions that stand still; a gap tells the view what they passed over."""

    def __init__(self, queue: MessageQueue, assignment: Assignment, ends: LogEnds, clock: Clock) -> None:
        self._queue = queue
        self._assignment = assignment
        self._ends = ends
        self._clock = clock

    async def resolve(self, refusals: Iterable[Refusal]) -> None:
        """Set where each partition goes on; it needs a seek.

        Raises:
            AnotherLogError: it would have to go on beyond the log's end.
            UnauthorizedError: the broker does not let us read.
        """
        for refusal in refusals:
            try:
                await self._resolve(refusal)
            except BrokerUnavailableError:
                # A seek to where it stands has the same refusal told again.
                cursor = self._assignment.cursors[refusal.at.partition]
                cursor.resume_at = cursor.place.next_offset

    async def _resolve(self, refusal: Refusal) -> None:
        number = refusal.at.partition
        cursor = self._assignment.cursors.get(number)
        if cursor is None or cursor.resume_at is not None:
            return
        if not isinstance(refusal.error, OffsetOutOfRangeError | CorruptRangeError):
            raise refusal.error
        marks = (await self._ends.ask([number]))[number]
        self._assignment.keep_inside(number, cursor, marks)
        if isinstance(refusal.error, CorruptRangeError):
            damaged = cursor.place.next_offset
            end = await next_readable(
                self._queue, refusal.at, damaged, marks.high_watermark, answer_s=ANSWER_S
            )
            cursor.skip_to(end, Gap(number, damaged, end, DAMAGED, self._clock.wall_ms()))
        cursor.resume_at = cursor.place.next_offset
