"""The dead-letter topic from an offset to its end, batch by batch, past what cannot be read."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Mapping, Sequence

from eventlog.client import MessageQueue, Record, Refusal, Subscription, TopicPartition, poll_until_silent
from eventlog.client.errors import CorruptRangeError, OffsetOutOfRangeError
from eventlog.client.past_damage import next_readable
from eventlog.client.silence import SILENT_S_MAX

logger = logging.getLogger(__name__)

RECORDS_MAX = 1_000
"""In one batch."""
ANSWER_S = 10.0


async def read_topic(
    queue: MessageQueue,
    topic: str,
    starts: Mapping[TopicPartition, int] | None = None,
    *,
    only: TopicPartition | None = None,
) -> AsyncGenerator[Sequence[Record]]:
    """The records that the topic has now, from the log start or `starts` on; in order in each partition.

    Raises:
        UnknownTopicError: there is no such topic.
        BrokerUnavailableError: nobody answers.
        UnauthorizedError: the broker does not let us read.
    """
    marks = await queue.watermarks(await queue.partitions_of(topic) if only is None else [only])
    positions = {at: max(mark.log_start, (starts or {}).get(at, 0)) for at, mark in marks.items()}
    positions = {at: start for at, start in positions.items() if start < marks[at].high_watermark}
    ends = {at: marks[at].high_watermark for at in positions}
    if not positions:
        return
    subscription = await queue.read(positions)
    try:
        while open_ends := {at for at, position in positions.items() if position < ends[at]}:
            batch = await poll_until_silent(queue, subscription, SILENT_S_MAX, records_max=RECORDS_MAX)
            if not batch:
                return
            records = [record for record in batch.records if record.offset < ends[_at(record)]]
            for record in batch.records:
                positions[_at(record)] = record.offset + 1
            for refusal in batch.refusals:
                await _pass(queue, subscription, refusal, positions)
            if records:
                yield records
            if ended := {at for at in open_ends if positions[at] >= ends[at]}:
                await subscription.pause(ended)  # what goes on there would hide a silence elsewhere
    finally:
        await subscription.close()


def _at(record: Record) -> TopicPartition:
    return TopicPartition(record.topic, record.partition)


async def _pass(
    queue: MessageQueue, subscription: Subscription, refusal: Refusal, positions: dict[TopicPartition, int]
) -> None:
    """Go on behind what was refused."""
    at, first = refusal.at, positions[refusal.at]
    mark = (await queue.watermarks([at]))[at]
    if isinstance(refusal.error, CorruptRangeError):
        end = await next_readable(queue, at, first, mark.high_watermark, answer_s=ANSWER_S)
    elif isinstance(refusal.error, OffsetOutOfRangeError) and first < mark.log_start:
        end = mark.log_start
    else:
        raise refusal.error
    logger.warning(
        "records that cannot be read were passed over",
        extra={"action": "read_past", "partition": str(at), "first_offset": first, "end_offset": end},
    )
    positions[at] = end
    await subscription.seek(at, end)
