"""The end of a partition whose last records cannot be had."""

from __future__ import annotations

from eventlog.client import MessageQueue, TopicPartition, poll_until_silent
from eventlog.client.errors import BrokerUnavailableError

SILENT_S_MAX = 10.0
"""So long nothing has come, and so long nothing comes to somebody who asks anew."""


async def has_nothing(queue: MessageQueue, at: TopicPartition, offset: int, silent_s: float) -> bool:
    """Whether the broker answers, and yet gives no record from this offset on."""
    try:
        probe = await queue.read({at: offset})
        try:
            return not await poll_until_silent(queue, probe, silent_s, records_max=1)
        finally:
            await probe.close()
    except BrokerUnavailableError:
        return False  # it is away, which says nothing
