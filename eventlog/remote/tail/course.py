"""The course of a tail: records as they come, and what stands in their way."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence

import attrs

from eventlog.client.batch import Batch, Refusal
from eventlog.client.description import TopicPartition
from eventlog.client.errors import CorruptRangeError, OffsetOutOfRangeError
from eventlog.client.past_damage import next_readable
from eventlog.client.port import MessageQueue, Subscription
from eventlog.client.record import Record
from eventlog.client.silence import poll_until_silent

RECORDS_MAX = 1_000


@attrs.frozen
class Notice:
    """Something to tell beside the records, in one line."""

    text: str


class Course:
    """Reads partitions from `starts` on, in no group.

    With `ends` it stops there; otherwise it goes on until somebody closes it. `answer_s` is how long
    nothing may come before an end is reached, from a broker that answers.
    """

    def __init__(
        self,
        queue: MessageQueue,
        starts: Mapping[TopicPartition, int],
        ends: Mapping[TopicPartition, int] | None,
        *,
        skips_damaged: bool,
        answer_s: float,
    ) -> None:
        self._queue = queue
        self._position = dict(starts)
        self._ends = ends
        self._skips_damaged = skips_damaged
        self._answer_s = answer_s

    async def run(self) -> AsyncGenerator[Sequence[Record] | Notice]:
        """The records, and notices where they belong.

        CorruptRangeError at damage, unless it is to be skipped; what the broker refuses for good.
        """
        if self._is_over():
            return
        subscription = await self._queue.read(self._position)
        try:
            while not self._is_over():
                batch = await self._next(subscription)
                for gap in batch.gaps:
                    yield Notice(f"{gap.at}: {_offsets(gap.expected_offset, gap.next_offset)} not in the log")
                if records := self._taken(batch.records):
                    yield records
                for refusal in batch.refusals:
                    if (notice := await self._met(subscription, refusal)) is not None:
                        yield notice
                if self._ends is None:
                    continue
                if not batch:
                    for notice in self._missing(self._ends):
                        yield notice
                    return
                await self._pause_ended(subscription, batch, self._ends)
        finally:
            await subscription.close()

    async def _next(self, subscription: Subscription) -> Batch:
        """What comes next; nothing where nothing will."""
        if self._ends is None:
            return await subscription.poll(records_max=RECORDS_MAX)
        return await poll_until_silent(self._queue, subscription, self._answer_s, records_max=RECORDS_MAX)

    async def _pause_ended(
        self, subscription: Subscription, batch: Batch, ends: Mapping[TopicPartition, int]
    ) -> None:
        """What goes on beyond an end would hide a silence elsewhere."""
        if ended := {run.at for run in batch.runs if self._position[run.at] >= ends[run.at]}:
            await subscription.pause(ended)

    def _is_over(self) -> bool:
        ends = self._ends
        return ends is not None and all(offset >= ends[at] for at, offset in self._position.items())

    def _taken(self, records: Sequence[Record]) -> Sequence[Record]:
        """The records before the end; notes how far each partition has been read."""
        ends = self._ends
        taken = []
        for record in records:
            at = TopicPartition(record.topic, record.partition)
            self._position[at] = record.offset + 1
            if ends is None or record.offset < ends[at]:
                taken.append(record)
        return taken

    async def _met(self, subscription: Subscription, refusal: Refusal) -> Notice | None:
        """Get past what was refused, if that is wanted, or raise it."""
        at = refusal.at
        refused = self._position[at] if refusal.offset is None else refusal.offset
        if refused < self._position[at]:
            return None  # it was said again before the seek took hold
        marks = (await self._queue.watermarks([at]))[at]
        if isinstance(refusal.error, OffsetOutOfRangeError) and refused < marks.log_start:
            await self._seek(subscription, at, marks.log_start)
            return Notice(f"{at}: {_offsets(refused, marks.log_start)} removed before they were read")
        if not isinstance(refusal.error, CorruptRangeError):
            raise refusal.error
        if not self._skips_damaged:
            raise CorruptRangeError(
                f"{at}: offset {refused} is damaged; --skip-damaged goes on after the damage"
            )
        readable = await next_readable(
            self._queue, at, refused, marks.high_watermark, answer_s=self._answer_s
        )
        await self._seek(subscription, at, readable)
        return Notice(f"{at}: {_offsets(refused, readable)} damaged")

    async def _seek(self, subscription: Subscription, at: TopicPartition, offset: int) -> None:
        self._position[at] = offset
        await subscription.seek(at, offset)

    def _missing(self, ends: Mapping[TopicPartition, int]) -> list[Notice]:
        """What silence means: offsets that the broker passes over."""
        return [
            Notice(f"{at}: {_offsets(position, ends[at])} not in the log")
            for at, position in self._position.items()
            if position < ends[at]
        ]


def _offsets(first: int, end: int) -> str:
    """`offset 5 is`, `offsets 5 to 9 are`; `end` is the first one that is not meant."""
    return f"offset {first} is" if end == first + 1 else f"offsets {first} to {end - 1} are"
