"""The last records of partitions: where a streamer learns how far the log has come."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from eventlog.client.description import TopicPartition, Watermarks
from eventlog.client.port import MessageQueue, Subscription
from eventlog.client.record import Record
from eventlog.client.silence import SILENT_S_MAX, poll_until_silent

logger = logging.getLogger(__name__)


async def read_end(
    queue: MessageQueue,
    marks: Mapping[TopicPartition, Watermarks],
    count: int,
    *,
    silent_s_max: float = SILENT_S_MAX,
) -> dict[TopicPartition, list[Record]]:
    """The records among each partition's last `count` offsets below its mark, in order.

    The marks are the caller's: with others asked for here, a caller that knows how far back it looked
    would go by an end that has moved on since.

    Where the end cannot be read, because it is damaged and the topic skips damage, nothing comes: after
    `silent_s_max` with a broker that answers, what has come is all there is.

    Raises:
        CorruptRangeError: the end is damaged, and the topic refuses damage.
        OffsetOutOfRangeError: retention has removed what was to be read.
        BrokerUnavailableError: nobody answers.
        UnknownTopicError: there is no such partition.
    """
    found: dict[TopicPartition, list[Record]] = {at: [] for at in marks}
    starts = {
        at: max(mark.log_start, mark.high_watermark - count)
        for at, mark in marks.items()
        if mark.high_watermark > mark.log_start
    }
    if count < 1 or not starts:
        return found
    subscription = await queue.read(starts)
    try:
        ends = {at: marks[at].high_watermark for at in starts}
        await _collect(queue, subscription, found, ends, silent_s_max)
    finally:
        await subscription.close()
    return found


async def _collect(
    queue: MessageQueue,
    subscription: Subscription,
    found: dict[TopicPartition, list[Record]],
    ends: dict[TopicPartition, int],
    silent_s_max: float,
) -> None:
    while ends:
        batch = await poll_until_silent(queue, subscription, silent_s_max)
        if not batch:
            logger.warning(
                "the end of the log cannot be read; going by the records before it",
                extra={"action": "read_end", "partitions": sorted(map(str, ends))},
            )
            return
        for refusal in batch.refusals:
            raise refusal.error
        for record in batch.records:
            at = TopicPartition(record.topic, record.partition)
            if at in ends and record.offset < ends[at]:
                found[at].append(record)
            if at in ends and record.offset >= ends[at] - 1:
                del ends[at]
                await subscription.pause([at])  # what goes on there would hide a silence elsewhere
