"""The last records of partitions: where a streamer learns how far the log has come."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from eventlog.client.description import TopicPartition, Watermarks
from eventlog.client.port import MessageQueue, Subscription
from eventlog.client.record import Record

logger = logging.getLogger(__name__)


async def read_end(
    queue: MessageQueue, partitions: Iterable[TopicPartition], count: int, *, quiet_s_max: float = 5.0
) -> dict[TopicPartition, list[Record]]:
    """The records among each partition's last `count` offsets below the high watermark, in order.

    Where the end cannot be read, because it is damaged and the topic skips damage, nothing comes: after
    `quiet_s_max` without a record, and with a broker that still answers, what has come is all there is.

    Raises:
        CorruptRangeError: the end is damaged, and the topic refuses damage.
        BrokerUnavailableError: nobody answers.
        UnknownTopicError: there is no such partition.
    """
    found: dict[TopicPartition, list[Record]] = {at: [] for at in partitions}
    marks = await queue.watermarks(found)
    starts = {
        at: max(mark.log_start, mark.high_watermark - count)
        for at, mark in marks.items()
        if mark.high_watermark > mark.log_start
    }
    if count < 1 or not starts:
        return found
    subscription = await queue.read(starts)
    try:
        await _collect(queue, subscription, found, {at: marks[at] for at in starts}, quiet_s_max)
    finally:
        await subscription.close()
    return found


async def _collect(
    queue: MessageQueue,
    subscription: Subscription,
    found: dict[TopicPartition, list[Record]],
    open_ends: dict[TopicPartition, Watermarks],
    quiet_s_max: float,
) -> None:
    wait_s = min(1.0, quiet_s_max)
    quiet_s = 0.0  # by what was waited for, not by the clock: after a stop of this process records lie ready
    while open_ends:
        batch = await subscription.poll(timeout_s=wait_s)
        for refusal in batch.refusals:
            raise refusal.error
        for record in batch.records:
            at = TopicPartition(record.topic, record.partition)
            if at in open_ends:
                if record.offset < open_ends[at].high_watermark:
                    found[at].append(record)
                if record.offset >= open_ends[at].high_watermark - 1:
                    del open_ends[at]
        quiet_s = 0.0 if batch.records else quiet_s + wait_s
        if quiet_s >= quiet_s_max:
            await queue.watermarks(open_ends)
            logger.warning(
                "the end of the log cannot be read; going by the records before it",
                extra={"action": "read_end", "partitions": sorted(map(str, open_ends))},
            )
            return
