"""The end of a partition whose last records cannot be had.

A broker that passes over damage says nothing where nothing comes after it. Whoever waits for those offsets
would wait for ever.
"""

from __future__ import annotations

from eventlog.client import MessageQueue, TopicPartition
from eventlog.client.errors import BrokerUnavailableError

SILENT_S_MAX = 10.0
"""So long nothing has come, and so long nothing comes to somebody who asks anew."""
POLLS = 10
"""In which it is waited for: a stop of the process makes one of them vain; the records lie ready then."""


async def has_nothing(queue: MessageQueue, at: TopicPartition, offset: int, silent_s: float) -> bool:
    """Whether the broker answers, and yet gives no record from this offset on."""
    try:
        return await _is_silent(queue, at, offset, silent_s)
    except BrokerUnavailableError:
        return False  # it is away, which says nothing


async def _is_silent(queue: MessageQueue, at: TopicPartition, offset: int, silent_s: float) -> bool:
    await queue.watermarks([at])
    probe = await queue.read({at: offset})
    try:
        for _ in range(POLLS):
            if await probe.poll(records_max=1, timeout_s=silent_s / POLLS):
                return False
    finally:
        await probe.close()
    await queue.watermarks([at])
    return True
