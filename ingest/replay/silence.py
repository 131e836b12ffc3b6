"""The end of a partition whose last records cannot be had.

A broker that passes over damage says nothing where nothing comes after it. Whoever waits for those offsets
would wait for ever.
"""

from __future__ import annotations

import asyncio

from eventlog.client import MessageQueue, TopicPartition
from eventlog.client.errors import BrokerUnavailableError

SILENT_S_MAX = 10.0
"""So long nothing has come, and so long nothing comes to somebody who asks anew."""


async def has_nothing(queue: MessageQueue, at: TopicPartition, offset: int, silent_s: float) -> bool:
    """Whether the broker answers, and yet gives no record from this offset on."""
    try:
        return await _is_silent(queue, at, offset, silent_s)
    except BrokerUnavailableError:
        return False  # it is away, which says nothing


async def _is_silent(queue: MessageQueue, at: TopicPartition, offset: int, silent_s: float) -> bool:
    await queue.watermarks([at])
    loop = asyncio.get_running_loop()
    end_s = loop.time() + silent_s
    probe = await queue.read({at: offset})
    try:
        while (left_s := end_s - loop.time()) > 0:
            if await probe.poll(records_max=1, timeout_s=left_s):
                return False
    finally:
        await probe.close()
    await queue.watermarks([at])
    return True
